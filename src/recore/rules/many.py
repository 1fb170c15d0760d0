"""Many machines and many jurisdictions at once: the answers of `coverage.decide`, without asking it of each pair.

Three steps are factorised, each by asking the scalar engine once for each class of machines:

    row        what it makes of a machine (see `row_classes`)
    question   what its rows together say: `coverage.settled`, once for each combination of classes of its rows
    verdict    fail before unknown before pass, over the questions, as columns

So a million pairs cost about as much as the distinct combinations in them. Reasons in words are made when they
are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from recore.errors import BadInput
from recore.rules.coverage import (
    DECIDING,
    DOMAINS,
    answers_question,
    covering,
    lost_cover,
    lost_covers,
    no_row,
    settled,
)
from recore.rules.decisions import ABSENT, CODE, Decisions, Question, Share, Unanswered
from recore.rules.fact_columns import Codes, FactColumns, grouped
from recore.rules.row import Rule
from recore.rules.row_classes import Engine, RowClasses
from recore.rules.table import RuleSet

MAX_PAIRS = 2**31


def decide_many(
    rules: RuleSet,
    machines: Sequence[Mapping[str, Any]] | Mapping[str, Any] | pa.Table,
    day: date,
    jurisdictions: Sequence[str],
    *,
    known_on: date | None = None,
    domains: Sequence[str] = DOMAINS,
) -> Decisions:
    """Judge many things by all rows of many jurisdictions on a day.

    Every verdict, missing fact and reason is that of `decide` for the pair.

    Parameters
    ----------
    machines : nested facts of each, or columns by dotted path (a mapping or a `pyarrow.Table`; null is not
        stated; the columns stand under `machine` as well, unless one is named so)
    jurisdictions : country codes, each once
    known_on : leaves out what was recorded after this day
    domains : as for `decide`

    Raises
    ------
    BadInput : a jurisdiction twice, columns that do not fit together, or more than 2^31 pairs
    """
    if len(set(jurisdictions)) != len(jurisdictions):
        raise BadInput("a jurisdiction is named twice", where="jurisdictions", right="name each once")
    known, columns = rules.known(known_on), FactColumns(machines)
    if columns.size * len(jurisdictions) > MAX_PAIRS:
        raise BadInput(
            f"{columns.size} machines and {len(jurisdictions)} jurisdictions are too many pairs",
            where="machines",
            right=f"at most {MAX_PAIRS} pairs; ask in parts",
        )
    engine = Engine(known, columns, day)
    verdicts = np.zeros((columns.size, len(jurisdictions)), np.int8)
    shares = []
    for at, jurisdiction in enumerate(jurisdictions):
        for share in _shares(engine, jurisdiction, domains):
            verdicts[share.machines, at] = share.verdicts()
            shares.append(share)
    return Decisions(day, tuple(jurisdictions), verdicts, engine, tuple(shares), tuple(domains))


def _shares(engine: Engine, jurisdiction: str, domains: Sequence[str]) -> Iterator[Share]:
    """The machines of a jurisdiction, apart where other cover rows hold for them."""
    if not engine.machines.size:
        return
    covers = [engine.of(rule) for rule in _covers_in_reach(engine.rules, jurisdiction)]
    group = grouped([row.part for row in covers], engine.machines.size)
    for number, at in enumerate(group.first.tolist()):
        facts = engine.machines.facts(at)
        found, areas = covering(engine.rules, facts, engine.day, jurisdiction)
        machines = np.flatnonzero(group.codes == number)
        yield _share(engine, jurisdiction, machines, found, engine.rules.within(areas), domains)


def _covers_in_reach(rules: RuleSet, jurisdiction: str) -> list[Rule]:
    """Cover rows that may count for some facts: those of the jurisdiction and of all that they include."""
    areas, new, found = {jurisdiction}, [jurisdiction], []
    while new:
        for rule in rules.places.get(new.pop(), ()):
            if rule.effect == "cover":
                found.append(rule)
                more = [area for area in dict.fromkeys(rule.params.get("includes", ())) if area not in areas]
                areas.update(more)
                new += more
    return found


def _share(
    engine: Engine,
    jurisdiction: str,
    machines: Codes,
    covers: tuple[Rule, ...],
    here: tuple[Rule, ...],
    domains: Sequence[str],
) -> Share:
    asked: dict[str, list[Rule]] = {}
    for cover in covers:
        for question in cover.params["questions"]:
            asked.setdefault(question, []).append(cover)
    rows: dict[tuple[str, str], list[tuple[int, RowClasses]]] = {}
    for place, rule in enumerate(here):
        if rule.effect in DECIDING and (
            rule.domain in domains or rule.domain in asked or rule.question in asked
        ):
            row = engine.of(rule)
            if row.concerned.any():
                rows.setdefault((rule.domain, rule.question), []).append((place, row))
    unanswered: list[Unanswered] = []
    for question in asked:
        there = np.zeros(len(machines), np.bool_)
        for rule in here:
            if answers_question(rule, question, engine.day):
                row = engine.of(rule)
                there |= row.concerned[row.codes[machines]]
        if not there.all():
            unanswered.append(Unanswered(question, no_row(question, engine.day), asked[question], ~there))
    for name, by in lost_covers(engine.rules, covers, engine.day).items():
        every = np.ones(len(machines), np.bool_)
        unanswered.append(Unanswered(f"coverage:{name}", lost_cover(name, engine.day), by, every))
    warnings = [
        engine.of(rule)
        for rule in here
        if rule.effect == "warn" and rule.domain in domains and rule.valid_on(engine.day)
    ]
    questions = [_question(engine, machines, name, group) for (_, name), group in rows.items()]
    return Share(jurisdiction, machines, covers, questions, unanswered, warnings)


def _question(engine: Engine, machines: Codes, name: str, rows: list[tuple[int, RowClasses]]) -> Question:
    group = grouped([(row.codes[machines], len(row.first)) for _, row in rows], len(machines))
    verdict: list[int] = []
    missing: list[tuple[str, ...]] = []
    place: list[int] = []
    for at in machines[group.first].tolist():
        concerned = [(at_row, row.rule) for at_row, row in rows if row.concerned[row.codes[at]]]
        if not concerned:
            verdict.append(ABSENT)
            missing.append(())
            place.append(0)
            continue
        found = settled([rule for _, rule in concerned], engine.machines.facts(at), engine.day)
        verdict.append(CODE[found.verdict])
        missing.append(found.missing)
        place.append(concerned[0][0])
    return Question(
        name,
        tuple(row for _, row in rows),
        group.codes,
        np.array(verdict, np.int8),
        missing,
        np.array(place, np.int64),
    )
