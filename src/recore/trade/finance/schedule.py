"""Repayment month by month, to the cent: the last month clears what rounding left."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from recore.trade.finance.amounts import ZERO, half_up, total
from recore.trade.finance.case import InterestSubsidy, Loan


class Month(NamedTuple):
    """One payment; `balance` is what is owed after it, `relief` the interest subsidy on what was owed before."""

    month: int
    payment: Decimal
    interest: Decimal
    principal: Decimal
    balance: Decimal
    relief: Decimal


class Schedule(NamedTuple):
    """All months of a loan."""

    loan_principal: Decimal
    rows: tuple[Month, ...]

    @property
    def total_interest(self) -> Decimal:
        return total(row.interest for row in self.rows)

    @property
    def interest_subsidy(self) -> Decimal:
        return total(row.relief for row in self.rows)

    @property
    def total_payments(self) -> Decimal:
        return total(row.payment for row in self.rows)


def annuity(loan_principal: Decimal, annual_rate: Decimal, months: int, balloon: Decimal = ZERO) -> Decimal:
    """The even monthly payment in arrears, rounded half up.

    Returns
    -------
    Decimal : A = (P (1 + i)^n - B) i / ((1 + i)^n - 1) with i = annual_rate / 12; (P - B) / n where i is 0

    References
    ----------
    Brealey, Myers, Allen, Principles of Corporate Finance, present value of an annuity, solved for the payment;
    the balloon B is a payment of its own at the end of month n.
    """
    i = Fraction(annual_rate) / 12
    if not i:
        return half_up((Fraction(loan_principal) - Fraction(balloon)) / months)
    growth = (1 + i) ** months
    return half_up((Fraction(loan_principal) * growth - Fraction(balloon)) * i / (growth - 1))


def repay(loan_principal: Decimal, loan: Loan, relief: InterestSubsidy | None = None) -> Schedule:
    """The schedule of a loan.

    interest = half up(balance · rate / 12); annuity: the even payment, less interest, pays off; equal principal:
    half up((P - B) / n) pays off. No month but the last pays into the balloon B, and the last one pays off
    everything: a loan of few cents may be repaid before its last month, whose payment is then 0.
    relief = half up(balance · min(points, rate) / 12) in the first months.
    """
    rate, months = Fraction(loan.annual_rate), loan.months
    even = annuity(loan_principal, loan.annual_rate, months, loan.balloon)
    part = half_up((Fraction(loan_principal) - Fraction(loan.balloon)) / months)
    relieved = min(Fraction(relief.points), rate) if relief else Fraction(0)
    balance, rows = loan_principal, []
    for month in range(1, months + 1):
        owed = Fraction(balance)
        interest = half_up(owed * rate / 12)
        eased = half_up(owed * relieved / 12) if relief and month <= relief.months else ZERO
        principal = even - interest if loan.type == "annuity" else part
        principal = balance if month == months else min(principal, balance - loan.balloon)
        balance -= principal
        rows.append(Month(month, interest + principal, interest, principal, balance, eased))
    return Schedule(loan_principal, tuple(rows))
