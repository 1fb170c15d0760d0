"""Rates and ratios of cash flows: internal rate of return, debt service cover, expected loss, lease."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from recore.trade.finance.amounts import ZERO, half_up
from recore.trade.finance.case import FlatOffer, Lease
from recore.trade.finance.schedule import Schedule

MAX_RESIDUAL = 1e-10


class Rate(NamedTuple):
    """A monthly rate, and |present value of all flows| / received at that rate."""

    monthly: float
    residual: float

    @property
    def effective(self) -> float:
        """Per year, compounded."""
        return round((1 + self.monthly) ** 12 - 1, 12)

    @property
    def nominal(self) -> float:
        """Per year, twelve times the monthly rate."""
        return round(12 * self.monthly, 12)


def internal_rate(received: Decimal, paid: Sequence[Decimal]) -> Rate | None:
    """The monthly rate at which what is paid back is worth what was received.

    Parameters
    ----------
    received : at the start, > 0
    paid : at the end of month 1, 2 …; each >= 0

    Returns
    -------
    Rate : None where nothing is paid back. With one change of sign there is exactly one rate > -100 %

    Notes
    -----
    sum(paid_k v^k) = received is solved for v = 1 / (1 + i). The sum is convex and rises with v, so that Newton's
    method from above comes down to the root and cannot pass it.

    References
    ----------
    Press et al., Numerical Recipes, 9.4 (Newton-Raphson).
    """
    start, flows = float(received), [float(amount) for amount in paid]
    if start <= 0 or not any(flows):
        return None
    v = 1.0
    while _value(flows, v)[0] < start:
        v *= 1.1
    while _value(flows, v / 2)[0] >= start:
        v /= 2
    for _ in range(10_000):
        worth, slope = _value(flows, v)
        step = (worth - start) / slope
        if v - step >= v or step <= 0:
            break
        v -= step
    worth, _ = _value(flows, v)
    return Rate(1 / v - 1, abs(worth - start) / start)


def _value(flows: Sequence[float], v: float) -> tuple[float, float]:
    """Sum of flows_k v^k and its slope, by Horner's rule."""
    worth = slope = 0.0
    for amount in reversed(flows):
        slope = slope * v + worth
        worth = worth * v + amount
    return worth * v, slope * v + worth


def loan_rate(schedule: Schedule, fee: Decimal, *, relieved: bool = False) -> Rate | None:
    """Rate of a loan with its fee, or of what the borrower pays after the interest subsidy."""
    paid = [row.payment - (row.relief if relieved else ZERO) for row in schedule.rows]
    return internal_rate(schedule.loan_principal - fee, paid)


def lease_flows(lease: Lease) -> tuple[Decimal, list[Decimal]]:
    """What the lessee has financed at the start, and what is paid at the end of each month."""
    paid = [ZERO] * lease.months
    for month in range(lease.months - lease.advance):
        paid[month] += lease.rent
    paid[-1] += lease.residual
    return lease.price - lease.advance * lease.rent, paid


def flat_payment(offer: FlatOffer) -> Decimal:
    """Even payment of a flat-rate quotation: (P + P r n / 12) / n, rounded half up."""
    interest = Fraction(offer.principal) * Fraction(offer.annual_rate) * offer.months / 12
    return half_up((Fraction(offer.principal) + interest) / offer.months)


def cover(schedule: Schedule, annual_cash_flow: Decimal) -> float | None:
    """Debt service cover of the loan year in which it is lowest; a broken last year counts with its months."""
    ratios = []
    for first in range(0, len(schedule.rows), 12):
        year = schedule.rows[first : first + 12]
        service = sum((Fraction(row.payment) for row in year), Fraction(0))
        if service:
            ratios.append(Fraction(annual_cash_flow) * len(year) / 12 / service)
    return float(min(ratios)) if ratios else None


def expected_loss(pd: Decimal, exposure: Decimal, recovery: Decimal) -> Decimal:
    """PD · max(0, exposure - recovery), rounded half up."""
    return half_up(Fraction(pd) * max(Fraction(0), Fraction(exposure) - Fraction(recovery)))
