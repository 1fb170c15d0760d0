"""May this machine be shipped there on that day: pass, fail or unknown, and every reason with its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BeforeValidator, Field

from recore.finding import Note
from recore.method import SHORT_LIST, Artifact, method
from recore.model.trade import Country, Day, OneOrMany, TradeMachine
from recore.rules import RuleSet, Verdict, shipped
from recore.trade import eligibility_tables as tables
from recore.trade.asked import DESTINATION, ORIGIN, Area, checked, country_codes, destinations, facts_of
from recore.trade.eligibility_answer import answers
from recore.trade.eligibility_notes import notes

Countries = Annotated[str, BeforeValidator(country_codes), Field(examples=["VN", "VN,KE", "all"])]


@dataclass(frozen=True)
class Eligibility:
    """What may be shipped where.

    For one machine and one country `verdict`, `missing` and `expires_on` are results; for lists they stand in
    the table `verdicts`, and the results count them.
    """

    rules_sha256: str
    documents_to_obtain: int
    conflicts: int
    reasons: Annotated[pa.Table, Artifact("reasons.parquet")]
    documents: Annotated[pa.Table, Artifact("documents.parquet")]
    verdicts: Annotated[pa.Table, Artifact("verdicts.parquet")]
    verdict: str | None = None
    missing: tuple[str, ...] | None = None
    expires_on: str | None = None
    passed: int | None = None
    failed: int | None = None
    unknown: int | None = None
    flags: tuple[Note, ...] = ()
    _rules: RuleSet | None = None  # the rows consulted


@method("trade.eligibility", version=1)
def eligibility(
    machines: OneOrMany[TradeMachine],
    *,
    country: Countries,
    shipment_date: Day,
    known_on: Day | None = None,
    origin: Country | None = None,
    rules: RuleSet | None = None,
) -> Eligibility:
    """May this machine be shipped to that country on that day.

    Parameters
    ----------
    machines : one machine as its papers describe it, or a list of them
    country : a country code (ISO 3166-1), several with commas, or 'all' for every one that a row covers
    shipment_date : the day for which rules, ages and deadlines count
    known_on : leaves out what was recorded after this day
    origin : country of export; its rows of domain 'export' are asked as well
    rules : the rows to use instead of the shipped ones

    Returns
    -------
    Eligibility : verdict (pass, fail, unknown), missing (facts and rows that would tell more), conflicts
        (questions on which rows disagree), documents_to_obtain (not known to be at hand), expires_on (the
        next day on which a row that the verdict rests on ends), rules_sha256 (digest of the rows consulted);
        tables reasons, documents and verdicts

    A question that no row in force answers, or that only unverified rows answer, or on which rows disagree,
    is unknown, never passed. A PIN of a wrong shape is told and changes no verdict.

    Raises
    ------
    BadInput : a machine was built after its shipment; the list names it

    References
    ----------
    ISO 10261:2021 (structure of a PIN); the rows cite the law of each country.
    """
    day = shipment_date
    found = checked(machines, day)
    known = (shipped("trade") if rules is None else rules).known(known_on)
    areas = [Area.of(known, place, DESTINATION) for place in destinations(known, country)]
    leaving = [] if origin is None else [Area.of(known, origin, ORIGIN)]
    consulted = [*areas, *leaving]
    computed = ("age_years", *(fact for area in consulted for fact in area.climbs))
    facts = [facts_of(machine, computed, shipment_date=day.isoformat()) for machine in found]

    placed = [item for area in areas for item in answers(facts, [area, *leaving], day)]
    given = [answer for _, answer in placed]
    flags = notes(found, given, consulted, computed, day)
    rows = {rule.rule_id: rule for area in consulted for rule in area.rules.rows}
    read = RuleSet(rows.values())
    common: dict[str, Any] = {
        "_rules": read,
        "rules_sha256": read.digest,
        "documents_to_obtain": sum(len(group) * tables.to_obtain(answer, day) for group, answer in placed),
        "conflicts": sum(len(group) * answer.conflicts for group, answer in placed),
        "reasons": tables.reasons(placed, found),
        "documents": tables.documents(placed, found, day),
        "verdicts": tables.verdicts(placed, found, day),
    }
    if len(found) == len(areas) == 1:
        [only] = given
        until = only.expires_on(day)
        if (more := len(only.missing) - SHORT_LIST) > 0:
            flags += (Note("missing-cut", f"{more} more stand in the table verdicts"),)
        return Eligibility(
            **common,
            verdict=str(only.verdict),
            missing=only.missing[:SHORT_LIST],
            expires_on=until.isoformat() if until else None,
            flags=flags,
        )
    counts = {v: sum(len(group) for group, answer in placed if answer.verdict is v) for v in Verdict}
    return Eligibility(
        **common,
        passed=counts[Verdict.PASS],
        failed=counts[Verdict.FAIL],
        unknown=counts[Verdict.UNKNOWN],
        flags=flags,
    )


@eligibility.plot
def _reasons_by_question(result: Eligibility) -> Any:
    from recore.trade.eligibility_plot import draw_reasons

    return draw_reasons(result.reasons)
