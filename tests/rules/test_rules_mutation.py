"""What a lost row does: deleted or expired, it never turns an open or negative verdict into a pass.

Every country that the shipped rows cover is tried with machines made from the test vectors of its own rows, which
state what each row asks for in both ways, and with one that has all that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recore import rules
from recore.rules import Rule, RuleSet, Verdict, areas_of
from recore.rules.coverage import DECIDING
from recore.rules.many import decide_many
from recore.rules.predicate import All, AnyOf, Comparison, Not

DAY = date(2026, 12, 1)
SHIPPED = rules.shipped()
COUNTRIES = sorted(
    {row.jurisdiction for row in SHIPPED.rows if row.effect == "cover" and row.domain == "coverage"}
)


def passes(some: RuleSet, machines: list[dict[str, Any]], country: str, day: date = DAY) -> list[bool]:
    found = decide_many(some, machines, day, [country])
    return [found.verdict(at, country) is Verdict.PASS for at in range(len(machines))]


def mutants(some: RuleSet, concerned: list[Rule], day: date) -> Iterator[tuple[str, RuleSet]]:
    """The set without one row, with one row expired, without all rows of one question."""
    for lost in concerned:
        others = [row for row in some.rows if row is not lost]
        yield f"{lost.rule_id}@{lost.version} deleted", RuleSet(others)
        if lost.valid_from < day:
            expired = lost.model_copy(update={"valid_to": day - timedelta(days=1)})
            yield f"{lost.rule_id}@{lost.version} expired", RuleSet([*others, expired])
    for question in {row.question for row in concerned if row.effect in DECIDING}:
        yield (
            f"{question} deleted",
            RuleSet(row for row in some.rows if row.question != question or row.effect not in DECIDING),
        )


def silent_passes(some: RuleSet, machines: list[dict[str, Any]], country: str, day: date = DAY) -> list[str]:
    before = passes(some, machines, country, day)
    areas = areas_of(some.known(), {"shipment_date": str(day)}, day, country)
    concerned = [row for row in some.rows if row.jurisdiction in areas]
    found = []
    for what, mutant in mutants(some, concerned, day):
        after = passes(mutant, machines, country, day)
        found += [
            f"{what}: machine {at}"
            for at, (was, now) in enumerate(zip(before, after, strict=True))
            if now and not was
        ]
    return found


# ---- machines made from the rows -------------------------------------------------------------------


def merged(facts: list[Mapping[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for given_facts in facts:
        for name, value in given_facts.items():
            whole[name] = (
                merged([whole[name], value])
                if isinstance(value, Mapping) and isinstance(whole.get(name), Mapping)
                else value
            )
    return whole


def wanted(condition: Comparison | All | AnyOf | Not, truth: bool) -> dict[str, Any]:
    """Facts that meet (or break) a condition, where they can be read off it."""
    match condition:
        case Not(not_=part):
            return wanted(part, not truth)
        case All(all=parts) | AnyOf(any=parts):
            return merged([wanted(part, truth) for part in parts])
        case Comparison(value=value, op=op) if value is not None:
            first = value[0] if isinstance(value, tuple) else value
            if isinstance(first, bool):
                found: Any = first == (truth == (op != "!="))
            elif isinstance(first, str):
                found = first if truth == (op != "!=") else "something else"
            else:
                found = (
                    first + {"<": -1, ">": 1, "!=": 1}.get(op, 0)
                    if truth
                    else first + {"<=": 1, ">=": -1, "==": 1}.get(op, 0)
                )
            for name in reversed(condition.field.split(".")):
                found = {name: found}
            return dict(found)
    return {}


READ = {"prohibition", "age", "emission", "conformity", "document", "coverage", "ladder"}


@cache
def concerning(country: str) -> RuleSet:
    """The shipped rows that a decision in a country can read; the check-lists and registers are not among them."""
    areas = areas_of(SHIPPED, {"shipment_date": str(DAY)}, DAY, country)
    return RuleSet(row for row in SHIPPED.rows if row.jurisdiction in areas and row.domain in READ)


@cache
def machines_of(country: str) -> list[dict[str, Any]]:
    rows = [row for row in concerning(country).rows if row.effect in DECIDING]
    base = {
        "hs": "842952",
        "family": "excavator",
        "condition": "used",
        "build_year": 2024,
        "build_date": "2024-01-01",
        "emission_stage": "EU Stage V",
    }
    best = merged([base, *(wanted(row.condition, row.effect != "block") for row in rows)])
    best.pop("age_years", None)
    cases = [base, best]
    for row in rows:
        told = {
            name: (row.selector.model_dump()[name] or [None])[0] for name in ("hs", "family", "condition")
        }
        concern = {name: word for name, word in told.items() if word}
        broken = wanted(row.condition, row.effect == "block")
        cases += [merged([best, concern, vector.given]) for vector in row.test_vectors]
        cases += [
            merged([best, concern]),
            merged([best, concern, broken]),
            merged([best, concern, dict.fromkeys(row.reads)]),
        ]
        old = {"build_year": 1990, "build_date": "1990-01-01"}
        cases.append(merged([best, concern, old]))
    return [{**case, "shipment_date": str(DAY), "machine": case} for case in cases]


@pytest.mark.skipif(not COUNTRIES, reason="no country is covered yet")
def test_no_lost_row_makes_a_pass_in_any_shipped_country() -> None:
    found = {}
    for country in COUNTRIES:
        machines = machines_of(country)
        some = concerning(country)
        # what is left out decides nothing; without it a mutant costs a hundredth
        assert passes(some, machines, country) == passes(SHIPPED, machines, country)
        if lost := silent_passes(some, machines, country):
            found[country] = lost
    assert not found


# ---- generated rules -------------------------------------------------------------------------------

QUESTIONS = ("age", "emission", "document:coc", "document:soc", "prohibition:resale")


@st.composite
def countries(draw: st.DrawFn) -> RuleSet:
    """A country whose cover row asks every question by its name, with rows that may contradict openly."""
    made = []
    common = {
        "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01",
        "source": {"title": "s"},
        "title": "t",
        "jurisdiction": "AA",
    }
    for question in QUESTIONS:
        for number in range(draw(st.integers(0, 2))):
            domain, _, name = question.partition(":")
            field = "x" if name else domain
            made.append({
                **common, "rule_id": f"{domain}.{name or 'all'}.{number}", "domain": domain, "params": {"question": question},
                "effect": draw(st.sampled_from(["require", "block"])), "evidence_level": draw(st.sampled_from([1, 2, 5])),
                "selector": draw(st.sampled_from([{}, {"family": ["a"]}, {"family": ["b"]}])),
                "predicate": {"field": f"{field}.{name or 'years'}", "op": draw(st.sampled_from(["<=", ">"])), "value": draw(st.integers(1, 3))},
            })  # fmt: skip
    for row in made:
        row["conflicts_with"] = [
            other["rule_id"] for other in made if other is not row and other["params"] == row["params"]
        ]
    made.append({
        **common, "rule_id": "cover", "domain": "coverage", "effect": "cover", "evidence_level": 4,
        "params": {"questions": list(QUESTIONS)},
    })  # fmt: skip
    return RuleSet(Rule.model_validate(row) for row in made)


numbers = st.one_of(st.none(), st.integers(0, 4))
facts = st.fixed_dictionaries({"family": st.sampled_from(["a", "b", "c"])}, optional={
    "age": st.fixed_dictionaries({"years": numbers}), "emission": st.fixed_dictionaries({"years": numbers}),
    "x": st.fixed_dictionaries({"coc": numbers, "soc": numbers, "resale": numbers}),
})  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(countries(), st.lists(facts, min_size=1, max_size=12))
def test_no_lost_row_makes_a_pass_in_any_country(some: RuleSet, machines: list[dict[str, Any]]) -> None:
    assert not silent_passes(some, machines, "AA")


def test_the_search_finds_a_silent_pass_where_there_is_one() -> None:
    """A question that no cover row asks by name is the hole that `rules check` warns of."""
    common = {
        "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01",
        "source": {"title": "s"},
        "title": "t",
        "jurisdiction": "AA",
    }
    document = {**common, "effect": "document", "domain": "document", "evidence_level": 1}
    some = RuleSet.from_json([
        {**document, "rule_id": "coc", "params": {"document": "coc", "question": "document:coc"}},
        {**document, "rule_id": "soc", "params": {"document": "soc", "question": "document:soc"}},
        {**common, "rule_id": "cover", "domain": "coverage", "effect": "cover", "evidence_level": 4, "params": {"questions": ["document"]}},
    ])  # fmt: skip
    assert silent_passes(some, [{"evidence": {"coc": True}}], "AA") == [
        "soc@1 deleted: machine 0",
        "document:soc deleted: machine 0",
    ]
