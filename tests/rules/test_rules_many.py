"""Many pairs at once: the same verdicts, missing facts and reasons as one pair at a time, and fast."""

from __future__ import annotations

import math
import time
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.quantity import Quantity
from recore.rules import RuleSet, Verdict, decide, many, row_classes
from recore.rules.many import decide_many
from recore.rules.predicate import Comparison, evaluate
from recore.rules.row import Rule

DAY = date(2026, 6, 1)
PLACES = ("AA", "BB", "UU", "*")

# ---- rows and facts of every kind ------------------------------------------------------------------

WORDS = ("used", "new", "Excavator", "II", "iii", "8429.52", "842951", "", "2020-02-29")
numbers = st.one_of(
    st.sampled_from([0, 1, 5, 10, 10.0, -0.0, 0.1, 2**53, 2**53 + 2, 1e300, 2015, 2020, 2031]),
    st.integers(-3, 40),
    st.floats(-5, 45, allow_nan=False),
)
values = st.one_of(
    numbers,
    st.sampled_from(WORDS),
    st.booleans(),
    st.none(),
    st.sampled_from(
        [math.nan, math.inf, 10**400, ["used", 5], [], {"value": 5, "unit": "kW", "uncertainty": 1}]
    ),
    st.sampled_from([Quantity(5.0, "kW"), {"a": 1}, date(2020, 2, 29), {"value": "II"}]),
)
FIELDS = (
    "age_years",
    "power_kw",
    "mass_kg",
    "machine.power_kw",
    "emission_rank",
    "evidence.coc",
    "pin",
    "x.y",
)
constants = st.one_of(
    st.sampled_from([0, 1, 5, 10, 10.0, 0.1, True, "used", "II", "2020-02-29", 2**53 + 1]),
    st.integers(-3, 40),
    st.floats(-5, 45),
)


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    field, op = (
        draw(st.sampled_from(FIELDS)),
        draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "starts", "of"])),
    )
    if op == "in":
        return {"field": field, "op": op, "value": draw(st.lists(constants, min_size=1, max_size=3))}
    if op == "starts":
        return {"field": field, "op": op, "value": draw(st.sampled_from(["u", "84", ["I", "8"]]))}
    if op == "of":
        more = draw(st.sampled_from([{}, {"times": 0.5}, {"plus": 1}]))
        return {"field": field, "op": "<=", "value_of": draw(st.sampled_from(FIELDS)), **more}
    unit = draw(st.sampled_from([{}, {}, {"unit": "kW"}]))
    return {"field": field, "op": op, "value": draw(constants), **unit}


conditions = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
)


@st.composite
def rows(draw: st.DrawFn, number: int) -> dict[str, Any]:
    effect = draw(
        st.sampled_from(
            ["require", "require", "block", "document", "warn", "cover", "cover", "state", "charge"]
        )
    )
    params: dict[str, Any] = draw(
        st.sampled_from(
            [{}, {"question": "q"}, {"age_basis": "build_date"}, {"age_basis": "first_of_january"}]
        )
    )
    selector = draw(st.fixed_dictionaries({}, optional={
        "hs": st.sampled_from([["8429"], ["84.29.5", "85"]]), "condition": st.just(["used"]),
        "family": st.just(["excavator"]),
    }))  # fmt: skip
    domain = draw(st.sampled_from(["age", "emission", "document", "finance"]))
    document: dict[str, Any] = {"predicate": draw(conditions)}
    if effect == "cover":
        domain = "coverage"
        params = {
            "questions": draw(
                st.lists(
                    st.sampled_from(["age", "emission", "q", "document", "finance"]), min_size=1, max_size=3
                )
            )
        }
        if draw(st.booleans()):
            params["includes"] = draw(st.lists(st.sampled_from(PLACES), max_size=2))
        if draw(st.booleans()):
            params["together"] = draw(st.lists(st.sampled_from(["r0.0", "r1.1", "lost"]), max_size=2))
        if draw(st.booleans()):
            document = {}
    elif effect == "document":
        params, document = {**params, "document": "coc"}, draw(st.sampled_from([{}, document]))
    elif effect == "state":
        domain = "ladder"
        params = {
            "field": draw(st.sampled_from(["stage", "machine.stage"])),
            "fact": "emission_rank",
            "steps": {"II": 2, "III": draw(st.integers(2, 4))},
        }
        if draw(st.booleans()):
            document = {}
    return {
        "rule_id": f"r{draw(st.integers(0, 3))}.{number}", "jurisdiction": draw(st.sampled_from(PLACES)),
        "domain": domain, "title": "t", "effect": effect, "selector": selector, "params": params,
        "valid_from": "2020-01-01", "recorded_at": draw(st.sampled_from(["2020-01-01", "2026-05-01"])),
        "valid_to": draw(st.sampled_from([None, None, None, "2026-01-01"])), "source": {"title": "s"},
        "evidence_level": draw(st.sampled_from([1, 1, 3, 5])), **document,
    }  # fmt: skip


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    found = [draw(rows(number)) for number in range(draw(st.integers(1, 9)))]
    names = [row["rule_id"] for row in found]
    if draw(st.booleans()):
        found[0]["conflicts_with"] = [draw(st.sampled_from([*names, "lost"]))]
    if draw(st.booleans()):
        found.append(
            {
                **found[0],
                "version": 2,
                "recorded_at": "2026-05-01",
                "predicate": draw(conditions),
                "params": {**found[0]["params"], "document": "coc"},
            }
        )
    return RuleSet(Rule.model_validate(row) for row in found)


facts = st.fixed_dictionaries(
    {},
    optional={
        "power_kw": values, "mass_kg": numbers, "age_years": values, "build_year": st.sampled_from([2015, 2020, 2031, 2015.0, "2015"]),
        "build_date": st.sampled_from(["2020-02-29", "2015-06-01", "2016-06-02", date(2016, 6, 1), "x"]),
        "hs": st.sampled_from(["8429.52", "8501", ""]), "condition": st.sampled_from(["used", "New ", 3]),
        "family": st.sampled_from(["excavator", "loader"]), "stage": st.sampled_from(["II", "i i i", "IV", 2]),
        "emission_rank": st.sampled_from([None, 3]), "evidence": st.sampled_from([{"coc": True}, {"coc": False}, {}, 3]),
        "pin": values, "x": st.sampled_from([{"y": 5}, {"y": "used"}, 5]), "machine.stage": st.just("II"),
        "machine": st.fixed_dictionaries({}, optional={"power_kw": values, "hs": st.just("842951"), "build_year": st.just(2016)}),
    },
)  # fmt: skip


def same_as_one_by_one(
    rules: RuleSet, machines: Any, facts_of: list[dict[str, Any]], known_on: date | None
) -> None:
    places = PLACES[:3]
    found = decide_many(rules, machines, DAY, places, known_on=known_on)
    reasons, table = found.reasons().to_pylist(), found.table.to_pylist()
    expected_reasons, expected = [], []
    for at, given_facts in enumerate(facts_of):
        for place in places:
            one = decide(rules, given_facts, DAY, place, known_on=known_on)
            expected.append(
                {"machine": at, "country": place, "verdict": one.verdict, "missing": list(one.missing)}
            )
            expected_reasons += [
                {
                    "machine": at, "country": place, "question": question, "rule_id": rule.rule_id, "version": rule.version,
                    "outcome": outcome.verdict, "text": outcome.text, "source": rule.source.title or rule.source.url,
                }
                for question, rule, outcome in one.reasons()
            ]  # fmt: skip
            assert found.verdict(at, place) is one.verdict
            assert found.decision(at, place) == one
    assert table == expected
    assert reasons == expected_reasons


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rule_sets(),
    st.lists(facts, max_size=6),
    st.sampled_from([None, None, date(2026, 4, 30)]),
    st.sampled_from([0, 64]),
)
def test_equal_to_one_pair_at_a_time(
    rules: RuleSet, machines: list[dict[str, Any]], known_on: date | None, few: int
) -> None:
    # 0 sorts numbers by their place among the constants also where there are few of them
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_classes, "_FEW", few)
        same_as_one_by_one(rules, machines, machines, known_on)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule_sets(), st.integers(0, 2**32 - 1))
def test_equal_with_many_different_numbers(rules: RuleSet, seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 90
    columns = {
        "power_kw": [float(value) for value in random.normal(5, 5, count)],
        "mass_kg": [int(value) if value > 3 else float(value) for value in random.integers(-3, 40, count)],
        "build_date": pa.array(random.integers(16_000, 18_500, count), pa.int32()).cast(pa.date32()),
        "evidence.coc": pa.array([[True, False, None][value] for value in random.integers(0, 3, count)]),
        "stage": np.array(["II", "III", "x"])[random.integers(0, 3, count)],
        "hs": pa.chunked_array([["8429.52"] * 45, ["8501"] * 45]).dictionary_encode(),
        "condition": ["used"] * count,
    }
    facts_of = []
    for at in range(count):
        stated = {
            name: column[at].as_py() if isinstance(column, pa.Array | pa.ChunkedArray) else column[at]
            for name, column in columns.items()
            if name not in ("evidence.coc", "stage")
        } | {"stage": str(columns["stage"][at])}
        if (coc := columns["evidence.coc"][at].as_py()) is not None:
            stated["evidence"] = {"coc": coc}
        facts_of.append({**stated, "machine": stated})
    same_as_one_by_one(rules, columns, facts_of, None)
    dated = {name: column for name, column in columns.items() if name != "build_date"}
    whole = pa.table({**dated, "mass_kg": pa.array(map(float, columns["mass_kg"]))})
    rows_of = [
        {**f, "mass_kg": float(f["mass_kg"]), "machine": {**f["machine"], "mass_kg": float(f["mass_kg"])}}
        for f in facts_of
    ]
    for stated in rows_of:
        stated.pop("build_date")
        stated["machine"].pop("build_date")
    same_as_one_by_one(rules, whole, rows_of, None)


@given(numbers, numbers, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_plain_numbers_compare_like_their_decimals(fact: Any, limit: Any, op: str) -> None:
    plain = Comparison(field="x", op=op, value=limit)
    shifted = Comparison(field="x", op=op, value_of="y", plus=0)
    facts_given = {"x": fact, "y": limit}
    assert evaluate(plain, facts_given).verdict is evaluate(shifted, facts_given).verdict


def rule(rule_id: str, **changes: Any) -> Rule:
    document = {
        "rule_id": rule_id, "jurisdiction": "AA", "domain": "age", "title": "t", "effect": "require", "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01", "source": {"url": "https://example.org"}, "evidence_level": 1,
        "predicate": {"field": "age_years", "op": "<=", "value": 10},
    }  # fmt: skip
    return Rule.model_validate(document | changes)


COVER = rule("cover", effect="cover", domain="coverage", params={"questions": ["age"]}, predicate={"all": []})


def test_what_does_not_fit_is_said() -> None:
    some = RuleSet([COVER])
    for machines, places, word in (
        ([{}], ["AA", "AA"], "twice"),
        ({"a": [1], "b": [1, 2]}, ["AA"], "one length"),
        ({}, ["AA"], "one length"),
        ({"a": [1], "a.b": [1]}, ["AA"], "stands inside"),
    ):
        with pytest.raises(BadInput, match=word):
            decide_many(some, machines, DAY, places)


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "MAX_PAIRS", 3)
    with pytest.raises(BadInput, match="ask in parts"):
        decide_many(RuleSet([COVER]), [{}] * 2, DAY, ["AA", "BB"])
    assert decide_many(RuleSet([COVER]), [{}] * 3, DAY, ["AA"]).machines == 3


def test_nothing_in_nothing_out() -> None:
    for places in ([], ["AA"]):
        found = decide_many(RuleSet([COVER]), [], DAY, places)
        assert found.table.num_rows == found.reasons().num_rows == 0
    assert decide_many(RuleSet([COVER]), [{}], DAY, []).table.num_rows == 0


def test_reasons_of_some_pairs_only() -> None:
    rules = RuleSet([COVER, rule("age")])
    machines = [{"build_year": 2010 + at} for at in range(20)]
    found = decide_many(rules, machines, DAY, ["AA", "BB"])
    assert [found.verdict(at, "AA") for at in (5, 6)] == [Verdict.FAIL, Verdict.PASS]
    some = found.reasons([6, 5], ["AA"])
    assert some["machine"].to_pylist() == [5, 6]
    assert some["text"].to_pylist() == ["age_years = 11 is not ≤ 10", "age_years = 10 is ≤ 10"]
    assert set(some["source"].to_pylist()) == {"https://example.org"}
    assert set(found.reasons([0])["country"].to_pylist()) == {"AA"}
    assert found.table["missing"].to_pylist()[1] == ["rule row: coverage of BB"]


def test_a_fact_that_is_stated_as_none_stays_so() -> None:
    ladder = rule(
        "l",
        domain="ladder",
        effect="state",
        predicate={"all": []},
        params={"field": "stage", "fact": "emission_rank", "steps": {"II": 2}},
    )
    rank = rule("e", domain="emission", predicate={"field": "emission_rank", "op": ">=", "value": 2})
    cover = rule(
        "cover",
        effect="cover",
        domain="coverage",
        params={"questions": ["age", "emission"]},
        predicate={"all": []},
    )
    machines = [
        {"stage": "II", "build_year": 2020}, {"stage": "II", "emission_rank": None, "build_year": 2020},
        {"stage": "II", "emission_rank": 1, "build_year": 2020}, {"stage": "II", "age_years": None, "build_year": 2020},
        {"stage": "II", "build_year": 2020.0}, {"stage": "II", "build_year": True}, {"age_years": 3, "emission_rank": 2},
    ]  # fmt: skip
    same_as_one_by_one(
        RuleSet(
            [
                ladder,
                rank,
                cover,
                rule("age"),
                rule("b", params={"age_basis": "build_year", "question": "age"}),
            ]
        ),
        machines,
        machines,
        None,
    )


@pytest.mark.slow
def test_a_million_pairs_in_a_minute_on_one_core() -> None:
    """Every machine with numbers of its own, and documents at random."""
    rules = RuleSet(
        row
        for number in range(20)
        for row in (
            rule(f"c{number}.age", jurisdiction=f"{number}", predicate={"field": "age_years", "op": "<=", "value": number}, params={"age_basis": "build_date"}),
            rule(f"c{number}.power", jurisdiction=f"{number}", domain="emission", predicate={"any": [
                {"field": "power_kw", "op": "<", "value": 37 + number}, {"field": "stage", "op": "in", "value": ["II", "III"]}]}),
            *(rule(f"c{number}.{name}", jurisdiction=f"{number}", domain="document", effect="document", predicate={"all": []},
                   params={"document": name, "question": f"document:{name}"}) for name in "abcdefgh"),
            rule(f"c{number}.cover", jurisdiction=f"{number}", effect="cover", domain="coverage", predicate={"all": []},
                 params={"questions": ["age", "emission", "document:a"]}),
        )
    )  # fmt: skip
    count = 50_000
    random = np.random.default_rng(3)
    machines = {
        "power_kw": random.uniform(5, 600, count),
        "build_date": pa.array(random.integers(12_000, 20_000, count), pa.int32()).cast(pa.date32()),
        "stage": np.array(["I", "II", "III"])[random.integers(0, 3, count)],
        **{f"evidence.{name}": random.integers(0, 2, count).astype(bool) for name in "abcdefgh"},
    }
    start = time.process_time()
    found = decide_many(rules, machines, DAY, [str(number) for number in range(20)])
    took = time.process_time() - start
    assert found.table.num_rows == 10**6
    assert took < 90
    for at in random.integers(0, count, 20).tolist():
        assert found.decision(at, "7").verdict is found.verdict(at, "7")
