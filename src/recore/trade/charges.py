"""Which charges a machine meets in a country on a day, and what stands in the way of a total.

A name of a charge is known to the rules where any row of the country has it. What is known and has no row in
force, what a cover row counts among the charges and no row in force answers, what contradicts, what is open:
each is a refusal of the total, never a lower total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from recore.finding import Note
from recore.rules import Rule, RuleSet, Verdict, areas_of
from recore.rules.charge import Charge, aligned, plain
from recore.rules.judge import UNVERIFIED


@dataclass(frozen=True)
class Candidate:
    """A row in force that concerns the machine, with the charge it states."""

    rule: Rule
    charge: Charge

    @property
    def unverified(self) -> bool:
        return self.rule.evidence_level >= UNVERIFIED


@dataclass
class ChargeBook:
    """The charges of one machine in one country on one day.

    Parameters
    ----------
    charges : in order; each name with the row it follows, or several that contradict each other
    absent : names that are known and not charged here; they count as nothing where a base names them
    refusals : why there is no total
    consulted : every row that was looked at
    """

    charges: list[tuple[Candidate, ...]] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    refusals: list[Note] = field(default_factory=list)
    flags: list[Note] = field(default_factory=list)
    consulted: list[Rule] = field(default_factory=list)


def book(rules: RuleSet, facts: Mapping[str, Any], day: date, country: str) -> ChargeBook:
    """Read the charges of a country.

    Parameters
    ----------
    rules : newest version of each row
    facts : of the machine and the quote
    day : of the import
    country : as the rows name their jurisdiction; areas that its cover rows include count as well
    """
    found = ChargeBook()
    areas, covers = _areas(rules, facts, day, country)
    rows = [rule for rule in rules.rows if rule.effect == "charge" and rule.jurisdiction in areas]
    found.consulted = [*covers, *rows]
    if not rows:
        found.refusals.append(Note("no-charges", f"the rules know no charge of {country}"))
        return found
    known_ids = {rule.rule_id: rule for rule in rules.rows}
    wanted = _covered(found, covers, facts, day, country)
    groups: dict[str, list[Candidate]] = {}
    for rule, charge in zip(rows, aligned(map(Charge.of, rows)), strict=True):
        groups.setdefault(charge.key, []).append(Candidate(rule, charge))
    for key, group in groups.items():
        _one(found, group[0].charge.name, group, known_ids, facts, day, wanted.get(key))
    for key in sorted(set(wanted) - set(groups)):
        text = f"{wanted[key].rule_id} counts {key} among the charges, and no row states it"
        found.refusals.append(Note("charge-missing", text))
    if not found.charges and not found.refusals and all(_elsewhere(rule, facts) for rule in rows):
        text = f"no charge row of {country} concerns this machine"
        found.refusals.append(Note("no-charges", text))
    found.charges.sort(key=lambda group: (min(item.charge.order for item in group), group[0].charge.name))
    return found


def _areas(
    rules: RuleSet, facts: Mapping[str, Any], day: date, country: str
) -> tuple[frozenset[str], list[Rule]]:
    """Jurisdictions whose charges count, and the rows that list the charges of the country.

    A row with `params.charges` lists the charges that a total needs; those shipped have effect `state`, because
    a cover row would also speak of whether the machine may be imported.
    """
    areas = areas_of(rules, facts, day, country)
    lists = [rule for rule in rules.rows if rule.effect in ("state", "cover") and rule.params.get("charges")]
    here = [rule for rule in lists if rule.jurisdiction in areas]
    for rule in here:
        if rule.effect == "state" and rule.outcome(facts, day).verdict is Verdict.PASS:
            areas |= frozenset(rule.params.get("includes", ()))
    return areas, here


def _elsewhere(rule: Rule, facts: Mapping[str, Any]) -> bool:
    return rule.selector.match(facts).verdict is Verdict.FAIL


def _covered(
    found: ChargeBook, covers: list[Rule], facts: Mapping[str, Any], day: date, country: str
) -> dict[str, Rule]:
    """Names that need an answer, as they are compared, each with the cover row that says so."""
    wanted: dict[str, Rule] = {}
    outcomes = [(rule, rule.outcome(facts, day)) for rule in covers]
    for rule, outcome in outcomes:
        if outcome.verdict is Verdict.PASS:
            wanted |= {plain(str(name)): rule for name in rule.params["charges"]}
            for text in rule.params.get("not_held", ()):
                found.flags.append(Note("not-held", f"{rule.rule_id} does not hold: {text}"))
    if wanted:
        return wanted
    if not covers:
        text = f"no cover row says which charges {country} has; the list may be incomplete"
        found.flags.append(Note("cover-not-stated", text))
    else:
        missing = sorted({path for _, outcome in outcomes for path in outcome.missing})
        said = "; ".join(outcome.text for _, outcome in outcomes)
        text = f"which charges {country} has is open: {said}"
        text += f"; missing: {', '.join(missing)}" if missing else ""
        found.refusals.append(Note("cover-open", text))
    return wanted


def _one(
    found: ChargeBook,
    name: str,
    group: list[Candidate],
    known: Mapping[str, Rule],
    facts: Mapping[str, Any],
    day: date,
    cover: Rule | None,
) -> None:
    """Judge the rows of one name."""
    concerning = [item for item in group if not _elsewhere(item.rule, facts)]
    if not concerning:
        if cover is not None:
            text = f"{cover.rule_id} counts {name} among the charges, and no row of it concerns this machine"
            found.refusals.append(Note("charge-missing", text))
        else:
            reasons = "; ".join(f"{c.rule.rule_id}: {c.rule.selector.match(facts).text}" for c in group)
            found.flags.append(Note("not-charged", f"{name} does not concern this machine ({reasons})"))
        found.absent.add(name)
        return
    valid = [item for item in concerning if item.rule.valid_on(day)]
    if not valid:
        rows = ", ".join(f"{c.rule.rule_id} ({c.rule.validity})" for c in concerning)
        found.refusals.append(Note("charge-expired", f"{name} has no row in force on {day}: {rows}"))
        return
    applying, against = [], []
    for item in valid:
        outcome = item.rule.outcome(facts, day)
        if outcome.verdict is Verdict.UNKNOWN:
            missing = f"; missing: {', '.join(outcome.missing)}" if outcome.missing else ""
            text = f"whether {name} is due is open ({item.rule.rule_id}: {outcome.text}{missing})"
            found.refusals.append(Note("charge-open", text))
            return
        if outcome.verdict is Verdict.PASS:
            applying.append(item)
        else:
            against.append(f"{item.rule.rule_id}: {outcome.text}")
    if not applying:
        if cover is not None:
            text = f"{cover.rule_id} counts {name} among the charges, and no row of it fits: {'; '.join(against)}"
            found.refusals.append(Note("charge-missing", text))
        else:
            found.flags.append(Note("not-charged", f"{name} is not due ({'; '.join(against)})"))
        found.absent.add(name)
        return
    for item in applying:
        lost = [
            other
            for other in item.rule.conflicts_with
            if other not in known or not known[other].valid_on(day)
        ]
        if lost:
            text = (
                f"{name}: {item.rule.rule_id} contradicts {', '.join(lost)}, which is not in force on {day}; "
                "a person must say what stands"
            )
            found.refusals.append(Note("charge-contradiction-open", text))
            return
    found.charges.append(_distinct(applying))


def _distinct(applying: list[Candidate]) -> tuple[Candidate, ...]:
    """One row, on the best word, for each thing that is said."""
    best: dict[Charge, Candidate] = {}
    for item in sorted(applying, key=lambda item: (item.rule.evidence_level, item.rule.rule_id)):
        best.setdefault(item.charge, item)
    return tuple(best.values())
