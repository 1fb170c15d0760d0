"""Finance offer for a used machine: subsidy, loan, interest subsidy, lease, ratios; exact to the cent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, NamedTuple

import pyarrow as pa

from recore.errors import BadInput
from recore.finding import EXACT
from recore.method import Artifact, Note, Tolerance, method
from recore.model.trade import Day, OneOrMany
from recore.quantity import Quantity
from recore.rules import RuleSet, Verdict
from recore.trade.finance import cash
from recore.trade.finance.amounts import ZERO, down, money, share, total
from recore.trade.finance.case import FinanceCase
from recore.trade.finance.eligibility import Eligibility, eligible
from recore.trade.finance.schedule import Schedule, repay
from recore.trade.finance.subsidy import Book, Bound, bounds, granted, programme
from recore.trade.finance.tables import bounds_table, offers_table, reasons_table, schedule_table

MAX_CASES = 10_000
MAX_ROWS = 200_000
SHOWN = 64

_RATE = Tolerance(absolute=1e-10, relative=1e-9)
_RATES = (
    "effective_annual_rate",
    "effective_annual_rate_after_subsidy",
    "irr_residual",
    "lease_annual_rate",
    "lease_effective_annual_rate",
    "lease_irr_residual",
    "flat_offer_effective_annual_rate",
    "flat_offer_irr_residual",
)


@dataclass(frozen=True)
class FinanceOffer:
    """What is offered. Of several cases the single results are absent and stand in the table `offers`."""

    subsidy: Quantity | None = None
    loan_principal: Quantity | None = None
    first_payment: Quantity | None = None
    last_payment: Quantity | None = None
    total_interest: Quantity | None = None
    interest_subsidy: Quantity | None = None
    eligibility: Quantity | None = None
    missing: tuple[str, ...] | None = None
    subsidy_binding: Quantity | None = None
    subsidy_if_eligible: Quantity | None = None
    down_payment: Quantity | None = None
    total_cost: Quantity | None = None
    total_cost_after_subsidies: Quantity | None = None
    effective_annual_rate: Quantity | None = None
    effective_annual_rate_after_subsidy: Quantity | None = None
    flat_annual_rate: Quantity | None = None
    irr_residual: Quantity | None = None
    ltv_fmv: Quantity | None = None
    ltv_olv: Quantity | None = None
    ltv_flv: Quantity | None = None
    dscr: Quantity | None = None
    expected_loss: Quantity | None = None
    lease_annual_rate: Quantity | None = None
    lease_effective_annual_rate: Quantity | None = None
    lease_total: Quantity | None = None
    lease_irr_residual: Quantity | None = None
    flat_offer_payment: Quantity | None = None
    flat_offer_effective_annual_rate: Quantity | None = None
    flat_offer_irr_residual: Quantity | None = None
    cases: int = 1
    cases_eligible: int | None = None
    subsidy_total: Quantity | None = None
    loan_total: Quantity | None = None
    rules_sha256: str = ""
    schedule: Annotated[pa.Table | None, Artifact("schedule.csv")] = None
    offers: Annotated[pa.Table | None, Artifact("offers.csv")] = None
    bounds: Annotated[pa.Table | None, Artifact("bounds.csv")] = None
    reasons: Annotated[pa.Table | None, Artifact("reasons.csv")] = None
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()
    _rules: RuleSet | None = None  # the rows consulted


class Offer(NamedTuple):
    """One case, worked out."""

    case: FinanceCase
    eligibility: Eligibility
    bounds: list[Bound]
    schedule: Schedule | None
    results: dict[str, Any]
    flags: list[Note]


@method(
    "finance.offer",
    version=1,
    standard="dated rule rows of domain finance, jurisdiction CN",
    reproducible={
        "*": EXACT,
        **dict.fromkeys(_RATES, _RATE),
    },
)
def finance_offer(
    case: OneOrMany[FinanceCase], *, rules: RuleSet | None = None, known_on: Day | None = None
) -> FinanceOffer:
    """Subsidy, loan, interest subsidy and their cost for a used machine, exact to the cent.

    Parameters
    ----------
    case : one case, or a list of up to 10 000; amounts in the currency of the case, rates and points as shares
        (4 percent is 0.04)
    rules : rows that decide eligibility; without them the case is taken as eligible, and a flag says so
    known_on : leaves out rows recorded after this day

    Returns
    -------
    FinanceOffer : amounts in the currency of the case; `eligibility` pass, fail or unknown

    Notes
    -----
    subsidy = min(rate x valuation[base], cap share x low, unit_cap, programme_remaining), rounded down; 0 unless
    eligibility is pass. The cap share is that of the shipped row cn.finance.subsidy-cap, which is unverified, and
    is flagged. loan_principal = min(ltv_max x valuation[ltv_base], price), rounded down. interest = half up
    (balance x rate / 12); annuity payment half up; equal principal half up (P / n); the last month clears the
    balance. interest_subsidy = sum of half up(balance x min(points, rate) / 12) over its months; a flag compares
    it with the programme in force. total_cost = price + fee + interest, and is stated without subsidies first.
    Every amount is rounded to 0.01, also in currencies that have no such coin.

    Raises
    ------
    BadInput : names the field that is negative, out of range, contradictory or wanted by another

    References
    ----------
    Annuity: Brealey, Myers, Allen, Principles of Corporate Finance. Effective rate: internal rate of return,
    compounded. DSCR = cash flow / debt service of the loan year in which it is lowest. Expected loss = PD x
    max(0, exposure - recovery). Lease with advance payments and residual: HP 12C owner's handbook, Leasing.
    """
    cases = case.root
    _bounded(cases)
    book = Book.of(rules, known_on)
    offers = [_offer(one, book, _where(number, cases)) for number, one in enumerate(cases, 1)]
    tables = {
        "schedule": schedule_table([offer.schedule for offer in offers]),
        "offers": offers_table([(offer.case, offer.results) for offer in offers]),
        "bounds": bounds_table([(offer.bounds, offer.results["subsidy_binding"].value) for offer in offers]),
        "reasons": reasons_table([offer.eligibility.reasons for offer in offers]),
    }
    common = {**tables, "rules_sha256": book.read.digest, "_rules": book.read, "cases": len(cases)}
    if len(offers) == 1:
        return FinanceOffer(**offers[0].results, **common, flags=tuple(offers[0].flags))
    return FinanceOffer(**common, **_sums(offers), flags=_gathered(offers))


def _offer(case: FinanceCase, book: Book, where: str) -> Offer:
    judged = eligible(case, book.given)
    limits, flags = bounds(case, book)
    possible, binding = granted(limits)
    subsidy = possible
    if judged.verdict is not Verdict.PASS:
        subsidy, binding = ZERO, "eligibility"
        flags.append(Note("not-eligible", f"eligibility is {judged.verdict}: the subsidy is 0"))
    schedule = _schedule(case, where)
    flags = [*judged.notes, *flags, *programme(case, book)]
    unit = case.currency
    results: dict[str, Any] = {
        "subsidy": money(subsidy, unit),
        "eligibility": Quantity(str(judged.verdict), ""),
        "missing": judged.missing[:SHOWN],
        "subsidy_binding": Quantity(binding, ""),
        "subsidy_if_eligible": money(possible, unit),
        **(_loan_results(case, schedule, subsidy, judged.verdict) if schedule else {}),
        **_lease_results(case),
        **_flat_results(case),
    }
    flags += _warnings(case, schedule, subsidy)
    return Offer(case, judged, limits, schedule, results, flags)


def _schedule(case: FinanceCase, where: str) -> Schedule | None:
    loan = case.loan
    if loan is None:
        return None
    principal = min(down(Fraction(loan.ltv_max) * Fraction(case.value(loan.ltv_base))), down(case.price))
    if loan.balloon > principal:
        raise BadInput(
            f"loan.balloon {loan.balloon} is above the loan principal {principal}",
            where=where,
            right="lower the balloon, or raise ltv_max",
        )
    if loan.fee and loan.fee >= principal:
        raise BadInput(f"loan.fee {loan.fee} is not below the loan principal {principal}", where=where)
    return repay(principal, loan, case.interest_subsidy)


def _loan_results(
    case: FinanceCase, schedule: Schedule, subsidy: Decimal, verdict: Verdict
) -> dict[str, Any]:
    loan, unit = case.loan, case.currency
    assert loan is not None  # a schedule is of a loan
    principal, interest = schedule.loan_principal, schedule.total_interest
    cost = case.price + interest + loan.fee
    eased = schedule.interest_subsidy if verdict is Verdict.PASS else ZERO
    years = Decimal(loan.months) / 12
    rate, after = cash.loan_rate(schedule, loan.fee), cash.loan_rate(schedule, loan.fee, relieved=True)
    found: dict[str, Any] = {
        "loan_principal": money(principal, unit),
        "first_payment": money(schedule.rows[0].payment, unit),
        "last_payment": money(schedule.rows[-1].payment, unit),
        "total_interest": money(interest, unit),
        "interest_subsidy": money(schedule.interest_subsidy, unit),
        "down_payment": money(case.price - principal, unit),
        "total_cost": money(cost, unit),
        "total_cost_after_subsidies": money(cost - subsidy - eased, unit),
        "flat_annual_rate": share(interest, principal * years),
        **{
            f"ltv_{base}": share(principal, value)
            for base in ("fmv", "olv", "flv")
            if (value := getattr(case.valuation, base)) is not None
        },
    }
    if rate is not None:
        found["effective_annual_rate"] = Quantity(rate.effective)
        found["irr_residual"] = Quantity(rate.residual)
    if after is not None and case.interest_subsidy:
        found["effective_annual_rate_after_subsidy"] = Quantity(after.effective)
    if (
        case.annual_cash_flow is not None
        and (dscr := cash.cover(schedule, case.annual_cash_flow)) is not None
    ):
        found["dscr"] = Quantity(dscr)
    if case.risk is not None:
        loss = cash.expected_loss(case.risk.pd, principal, case.value(case.risk.recovery_base))
        found["expected_loss"] = money(loss, unit)
    return found


def _lease_results(case: FinanceCase) -> dict[str, Any]:
    if case.lease is None:
        return {}
    financed, paid = cash.lease_flows(case.lease)
    found: dict[str, Any] = {"lease_total": money(case.lease.price - financed + total(paid), case.currency)}
    rate = cash.internal_rate(financed, paid)
    if rate is not None:
        found["lease_annual_rate"] = Quantity(rate.nominal)
        found["lease_effective_annual_rate"] = Quantity(rate.effective)
        found["lease_irr_residual"] = Quantity(rate.residual)
    return found


def _flat_results(case: FinanceCase) -> dict[str, Any]:
    offer = case.flat_offer
    if offer is None:
        return {}
    payment = cash.flat_payment(offer)
    found: dict[str, Any] = {"flat_offer_payment": money(payment, case.currency)}
    rate = cash.internal_rate(offer.principal, [payment] * offer.months)
    if rate is not None:
        found["flat_offer_effective_annual_rate"] = Quantity(rate.effective)
        found["flat_offer_irr_residual"] = Quantity(rate.residual)
    return found


def _warnings(case: FinanceCase, schedule: Schedule | None, subsidy: Decimal) -> list[Note]:
    notes = []
    values = case.valuation
    ladder = [(n, v) for n in ("flv", "olv", "fmv") if (v := getattr(values, n)) is not None]
    for (lower, a), (upper, b) in itertools.pairwise(ladder):
        if a > b:
            notes.append(Note("premises-out-of-order", f"{lower} {a} is above {upper} {b}"))
    if schedule is None:
        return notes
    principal = schedule.loan_principal
    if values.flv is not None and principal > values.flv:
        notes.append(
            Note("loan-above-flv", f"loan {principal} is above the forced liquidation value {values.flv}")
        )
    if principal + subsidy > case.price:
        text = f"loan {principal} and subsidy {subsidy} together exceed the price {case.price}"
        notes.append(Note("over-financed", text))
    if principal == 0:
        notes.append(Note("no-loan", "the loan principal is 0: no rate can be stated"))
    early = next((row.month for row in schedule.rows if row.balance == 0), None) if principal else None
    if early is not None and early < len(schedule.rows):
        notes.append(Note("repaid-early", f"rounding repays the loan in month {early}; later payments are 0"))
    if case.interest_subsidy and case.loan and case.interest_subsidy.points > case.loan.annual_rate:
        notes.append(
            Note("points-above-rate", "the interest subsidy is no more than the interest rate itself")
        )
    return notes


def _bounded(cases: Sequence[FinanceCase]) -> None:
    if len(cases) > MAX_CASES:
        raise BadInput(
            f"{len(cases)} cases", where="case", right=f"at most {MAX_CASES} are worked out at once"
        )
    months = sum(one.loan.months for one in cases if one.loan)
    if months > MAX_ROWS:
        raise BadInput(f"the schedules have {months} months", where="case", right=f"at most {MAX_ROWS}")


def _where(number: int, cases: Sequence[FinanceCase]) -> str:
    return "case" if len(cases) == 1 else f"case {number}"


def _sums(offers: Sequence[Offer]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cases_eligible": sum(offer.eligibility.verdict is Verdict.PASS for offer in offers)
    }
    currencies = {offer.case.currency for offer in offers}
    if len(currencies) == 1:
        unit = currencies.pop()
        for name, of in (("subsidy_total", "subsidy"), ("loan_total", "loan_principal")):
            amounts = [Decimal(repr(o.results[of].value)) for o in offers if of in o.results]
            found[name] = money(total(amounts), unit)
    return found


def _gathered(offers: Sequence[Offer]) -> tuple[Note, ...]:
    """One note for each text, with the cases it is said of."""
    said: dict[Note, list[int]] = {}
    for number, offer in enumerate(offers, 1):
        for note in offer.flags:
            said.setdefault(note, []).append(number)
    notes = [
        Note(note.code, f"{_cases(numbers, len(offers))}: {note.text}") for note, numbers in said.items()
    ]
    left = [o.case.subsidy.programme_remaining for o in offers if o.case.subsidy]
    if any(amount is not None for amount in left):
        text = "each case is worked out alone with the programme_remaining it states; none lowers that of the next"
        notes.append(Note("programme-not-shared", text))
    return tuple(notes)


def _cases(numbers: Sequence[int], of: int) -> str:
    if len(numbers) == of:
        return "every case"
    shown = ", ".join(map(str, numbers[:8]))
    return f"case {shown}" + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")


@finance_offer.plot
def _draw(offer: FinanceOffer) -> dict[str, Any]:
    from recore.trade.finance.plot import draw_schedule

    return draw_schedule(offer)
