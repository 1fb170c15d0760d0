"""What bounds a subsidy, and what the dated programmes say of an interest subsidy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from recore.method import MethodFault, Note
from recore.rules import Rule, RuleSet, Verdict, shipped
from recore.rules.ladder import DOMAIN as LADDER
from recore.trade.finance.amounts import ZERO, down
from recore.trade.finance.case import FinanceCase

CAP_ROW = "cn.finance.subsidy-cap"
CAP = "subsidy-cap"
PROGRAMME = "interest-subsidy"
JURISDICTION = "CN"
DOMAIN = "finance"


class Bound(NamedTuple):
    """An amount that the subsidy may not exceed, and who says so."""

    name: str
    amount: Fraction
    source: str
    rule_id: str = ""


@dataclass(frozen=True)
class Book:
    """The rows that finance reads, picked out of all rows once.

    `given` decides eligibility (None: no rows were given), `caps` are the versions of the shipped cap, `more` the
    caps among the given rows, `programmes` the interest-subsidy programmes of the given rows or else the shipped.
    """

    given: RuleSet | None
    caps: tuple[Rule, ...]
    more: tuple[Rule, ...]
    programmes: tuple[Rule, ...]
    known_on: date | None
    read: RuleSet

    @classmethod
    def of(cls, rules: RuleSet | None, known_on: date | None) -> Book:
        caps = tuple(row for row in shipped("trade").rows if row.rule_id == CAP_ROW)
        if not caps:
            raise MethodFault(f"the shipped rule row {CAP_ROW} is missing")
        consulted = shipped("trade") if rules is None else rules
        known = consulted.known(known_on).rows
        given = [
            r
            for r in known
            if r.domain in (DOMAIN, LADDER) or (r.effect == "cover" and r.jurisdiction == JURISDICTION)
        ]
        return cls(
            given=None if rules is None else RuleSet(given),
            caps=caps,
            more=() if rules is None else tuple(r for r in known if _states(r, CAP) and _is_cap(r)),
            programmes=tuple(r for r in known if _states(r, PROGRAMME) and _numbers(r, "points", "months")),
            known_on=known_on,
            read=RuleSet(given),
        )

    def caps_on(self, day: date) -> list[Rule]:
        """The shipped cap, in the version in force or else the newest, and further caps in force that are given."""
        fit = [r for r in self.caps if r.valid_on(day) and self.knows(r)]
        own = (fit or self.caps)[-1]
        return [own, *(r for r in self.more if r.valid_on(day) and r.digest != own.digest)]

    def knows(self, row: Rule) -> bool:
        return self.known_on is None or row.recorded_at <= self.known_on


def bounds(case: FinanceCase, book: Book) -> tuple[list[Bound], list[Note]]:
    """Every bound of the subsidy of a case, and what a reader must know of them.

    The cap on the lower bound of the valuation is a row that ships with Recore and always counts, whatever other
    rows are given and whatever the day: a cap that lapsed silently would pay out more. A row given with
    `question = "subsidy-cap"` is a bound of its own beside it.
    """
    asked = case.subsidy
    if asked is None:
        return [], []
    found = [Bound("rate", Fraction(asked.rate) * Fraction(case.value(asked.base)), f"rate x {asked.base}")]
    notes = []
    for row in book.caps_on(case.date):
        base = str(row.params["base"])
        if base not in type(case.valuation).model_fields or getattr(case.valuation, base) is None:
            notes.append(Note("cap-base-not-stated", f"row {row.rule_id} caps valuation.{base}, not stated"))
            continue
        share = Fraction(Decimal(repr(row.params["cap_share"])))
        of = Fraction(getattr(case.valuation, base))
        found.append(Bound("cap", share * of, f"{float(share):g} x {base}; {row.source}", row.rule_id))
        notes += _about_cap(row, case.date, book)
    for name in ("unit_cap", "programme_remaining"):
        limit: Decimal | None = getattr(asked, name)
        if limit is None:
            notes.append(
                Note(f"{name.replace('_', '-')}-not-stated", f"subsidy.{name} is not stated: no bound")
            )
        else:
            found.append(Bound(name, Fraction(limit), f"subsidy.{name} of the case"))
    return found, notes


def granted(found: Iterable[Bound]) -> tuple[Decimal, str]:
    """The smallest bound, rounded down to the cent, and its name; 0 where no subsidy is asked for."""
    smallest = min(found, key=lambda bound: bound.amount, default=None)
    return (down(smallest.amount), smallest.name) if smallest else (ZERO, "not asked for")


def programme(case: FinanceCase, book: Book) -> list[Note]:
    """What the rows of interest-subsidy programmes say of what the case asks for; never silence."""
    asked = case.interest_subsidy
    if asked is None:
        return []
    rows = book.programmes
    facts = case.facts()
    applies = [row for row in rows if row.outcome(facts, case.date).verdict is Verdict.PASS]
    if not applies:
        ended = "; ".join(f"{row.rule_id} is valid {row.validity}" for row in rows) or "there is no row"
        text = f"no interest-subsidy programme is known to be in force on {case.date} ({ended}); "
        return [Note("interest-subsidy-unknown", text + "the amount is what the case asks for")]
    notes = []
    for row in applies:
        if Fraction(asked.points) > Fraction(Decimal(repr(row.params["points"]))):
            text = f"{asked.points:f} points are asked for, row {row.rule_id} grants {row.params['points']}"
            notes.append(Note("interest-subsidy-points", text))
        if asked.months > row.params["months"]:
            text = f"{asked.months} months are asked for, row {row.rule_id} grants {row.params['months']}"
            notes.append(Note("interest-subsidy-months", text))
        text = f"{row.rule_id}: {row.title}, {row.validity} ({row.source}); whether the loan falls under it is not judged"
        notes.append(Note("interest-subsidy-programme", text))
    return notes


def _states(row: Rule, question: str) -> bool:
    return (row.effect, row.domain, row.jurisdiction, row.question) == (
        "state",
        DOMAIN,
        JURISDICTION,
        question,
    )


def _is_cap(row: Rule) -> bool:
    return _numbers(row, "cap_share") and isinstance(row.params.get("base"), str)


def _numbers(row: Rule, *names: str) -> bool:
    values = [row.params.get(name) for name in names]
    return all(isinstance(v, int | float) and not isinstance(v, bool) and v >= 0 for v in values)


def _about_cap(row: Rule, day: date, book: Book) -> list[Note]:
    notes = []
    if row.evidence_level == 5:
        text = f"row {row.rule_id} is unverified (evidence level 5): {row.title}; {row.source}"
        notes.append(Note("cap-unverified", text))
    if not row.valid_on(day):
        text = f"row {row.rule_id} is valid {row.validity}, not on {day}; it bounds the subsidy all the same"
        notes.append(Note("cap-not-in-force", text))
    if not book.knows(row):
        text = f"row {row.rule_id} was recorded on {row.recorded_at}, after {book.known_on}; it bounds the subsidy all the same"
        notes.append(Note("cap-not-known", text))
    return notes
