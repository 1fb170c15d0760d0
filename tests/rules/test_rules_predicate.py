"""Conditions: Kleene's truth tables, units, the decision rule with uncertainty, and facts of every bad kind."""

from __future__ import annotations

import itertools
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from recore.quantity import Quantity
from recore.rules import Outcome, Verdict, evaluate
from recore.rules.predicate import Predicate, fields

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
READER: TypeAdapter[Any] = TypeAdapter(Predicate)


def ask(document: dict[str, Any], facts: dict[str, Any]) -> Outcome:
    return evaluate(READER.validate_python(document), facts)


def verdict(document: dict[str, Any], facts: dict[str, Any]) -> Verdict:
    return ask(document, facts).verdict


# one leaf of each verdict: Kleene, Introduction to Metamathematics (1952), section 64
LEAF = {
    PASS: {"field": "x", "op": "==", "value": 1},
    FAIL: {"field": "x", "op": "==", "value": 2},
    UNKNOWN: {"field": "y", "op": "==", "value": 1},
}
FACTS = {"x": 1}
AND = {
    (PASS, PASS): PASS, (PASS, UNKNOWN): UNKNOWN, (PASS, FAIL): FAIL,
    (UNKNOWN, UNKNOWN): UNKNOWN, (UNKNOWN, FAIL): FAIL, (FAIL, FAIL): FAIL,
}  # fmt: skip
OR = {
    (PASS, PASS): PASS, (PASS, UNKNOWN): PASS, (PASS, FAIL): PASS,
    (UNKNOWN, UNKNOWN): UNKNOWN, (UNKNOWN, FAIL): UNKNOWN, (FAIL, FAIL): FAIL,
}  # fmt: skip


@pytest.mark.parametrize(("pair", "wanted"), AND.items())
def test_strong_kleene_conjunction(pair: tuple[Verdict, Verdict], wanted: Verdict) -> None:
    for one, other in itertools.permutations(pair):
        assert verdict({"all": [LEAF[one], LEAF[other]]}, FACTS) is wanted


@pytest.mark.parametrize(("pair", "wanted"), OR.items())
def test_strong_kleene_disjunction(pair: tuple[Verdict, Verdict], wanted: Verdict) -> None:
    for one, other in itertools.permutations(pair):
        assert verdict({"any": [LEAF[one], LEAF[other]]}, FACTS) is wanted


def test_negation_and_empty_lists() -> None:
    assert [verdict({"not": LEAF[v]}, FACTS) for v in (PASS, UNKNOWN, FAIL)] == [FAIL, UNKNOWN, PASS]
    assert verdict({"all": []}, {}) is PASS
    assert verdict({"any": []}, {}) is FAIL


trees = st.recursive(
    st.sampled_from(list(LEAF.values())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)


@given(trees)
def test_learning_a_fact_never_turns_a_verdict(tree: dict[str, Any]) -> None:
    before = verdict(tree, FACTS)
    for y in (1, 2):
        after = verdict(tree, {"x": 1, "y": y})
        assert after is not UNKNOWN
        assert before in (UNKNOWN, after)


@given(trees)
def test_de_morgan(tree: dict[str, Any]) -> None:
    both = [tree, LEAF[UNKNOWN]]
    assert verdict({"not": {"all": both}}, FACTS) is verdict({"any": [{"not": t} for t in both]}, FACTS)


@pytest.mark.parametrize(
    ("op", "value", "fact", "wanted"),
    [
        ("<=", 5, 5, PASS), ("<", 5, 5, FAIL), (">=", 5, 5, PASS), (">", 5, 5, FAIL), ("==", 5, 5.0, PASS),
        ("!=", 5, 5, FAIL), ("<=", 5, 6, FAIL), (">", 5, 6, PASS), ("==", "IE3", "IE3", PASS),
        ("!=", "IE3", "IE2", PASS), ("==", True, True, PASS), ("!=", True, True, FAIL), ("==", True, False, FAIL),
        ("in", ["a", "b"], "b", PASS), ("in", ["a", "b"], "c", FAIL), ("in", [1, 2], 2.0, PASS),
        ("in", ["late"], ["few", "late"], PASS), ("in", ["late"], [], FAIL), ("in", ["late"], ["few"], FAIL),
        ("starts", "8429", "842952", PASS), ("starts", ["84", "85"], "8529", PASS), ("starts", ["84"], "8529", FAIL),
        ("<=", "2026-03-01", "2026-02-28", PASS), ("<", "2026-03-01", date(2026, 3, 1), FAIL),
        (">", "2026-03-01", "2026-03-02", PASS), (">=", "2026-03-01", "2026-03-01", PASS),
        # a fact of another type, or one that has no order, proves nothing
        ("==", 5, "5", UNKNOWN), ("<=", 5, "low", UNKNOWN), ("==", 1, True, UNKNOWN), ("==", True, 1, UNKNOWN),
        ("<", "IE4", "IE3", UNKNOWN), ("in", ["a"], 3, UNKNOWN), ("starts", "8", 8429, UNKNOWN),
        ("<=", 5, [1, 2], UNKNOWN), ("==", "a", {"b": 1}, UNKNOWN), ("<", True, False, UNKNOWN),
        ("<=", 5, math.nan, UNKNOWN), ("!=", 5, math.nan, UNKNOWN), ("<=", 5, math.inf, UNKNOWN),
        ("<=", 5, None, UNKNOWN), ("<=", 5, 10**400, UNKNOWN), ("<=", 5, {"value": math.nan, "unit": "1"}, UNKNOWN),
        ("<=", 5, {"value": 3, "unit": "furlong"}, UNKNOWN), ("<=", 5, {"value": 3}, PASS),
        ("<=", 5, {"value": 3, "unit": "1", "uncertainty": -1}, UNKNOWN), ("<=", 5, {"value": "3", "unit": ""}, UNKNOWN),
        ("in", ["IE3"], {"value": "IE3", "unit": ""}, PASS), ("==", "IE3", Quantity("IE3", ""), PASS),
    ],
)  # fmt: skip
def test_comparisons(op: str, value: Any, fact: Any, wanted: Verdict) -> None:
    found = ask({"field": "a.b", "op": op, "value": value}, {"a": {"b": fact}})
    assert found.verdict is wanted
    assert found.text
    assert found.missing == (("a.b",) if fact is None else ())


def test_missing_facts_are_named_only_where_they_matter() -> None:
    missing = {"field": "m.hours", "op": "<=", "value": 3000}
    assert ask(missing, {}).missing == ("m.hours",)
    assert ask(missing, {"m": {"hours": {"deeper": 1}}}).missing == ()
    assert ask(missing, {"m": 3}).missing == ("m.hours",)
    assert ask({"all": [missing, missing, {"field": "z", "op": ">", "value": 0}]}, {}).missing == (
        "m.hours",
        "z",
    )
    assert ask({"any": [missing, LEAF[PASS]]}, FACTS).missing == ()
    assert ask({"all": [missing, LEAF[FAIL]]}, FACTS).missing == ()


@pytest.mark.parametrize(
    ("op", "values"),
    [
        # value, U, verdict for a limit of 5: ISO 14253-1, proven inside, proven outside, or neither
        ("<=", [(4.8, 0.2, PASS), (4.81, 0.2, UNKNOWN), (5.2, 0.2, UNKNOWN), (5.21, 0.2, FAIL), (5, 0, PASS)]),
        ("<", [(4.79, 0.2, PASS), (4.8, 0.2, UNKNOWN), (5.19, 0.2, UNKNOWN), (5.2, 0.2, FAIL), (5, 0, FAIL)]),
        (">=", [(5.2, 0.2, PASS), (5.19, 0.2, UNKNOWN), (4.8, 0.2, UNKNOWN), (4.79, 0.2, FAIL), (5, 0, PASS)]),
        (">", [(5.21, 0.2, PASS), (5.2, 0.2, UNKNOWN), (4.81, 0.2, UNKNOWN), (4.8, 0.2, FAIL), (5, 0, FAIL)]),
        ("==", [(5, 0, PASS), (5, 0.2, UNKNOWN), (5.2, 0.2, UNKNOWN), (5.21, 0.2, FAIL)]),
        ("!=", [(5, 0, FAIL), (5, 0.2, UNKNOWN), (4.8, 0.2, UNKNOWN), (4.79, 0.2, PASS)]),
    ],
)  # fmt: skip
def test_a_limit_is_kept_only_with_the_whole_uncertainty(
    op: str, values: list[tuple[float, float, Verdict]]
) -> None:
    for value, spread, wanted in values:
        facts = {"d": {"value": value, "unit": "µm", "uncertainty": spread}}
        found = ask({"field": "d", "op": op, "value": 5, "unit": "um"}, facts)
        assert found.verdict is wanted, (value, spread)
        if wanted is UNKNOWN:
            assert "uncertainty" in found.text


def test_a_member_within_its_uncertainty_is_open() -> None:
    rule = {"field": "d", "op": "in", "value": [5, 9]}
    assert verdict(rule, {"d": {"value": 5.1, "unit": "1", "uncertainty": 0.2}}) is UNKNOWN
    assert verdict(rule, {"d": {"value": 7, "unit": "1", "uncertainty": 0.2}}) is FAIL


@given(
    st.floats(-1e6, 1e6),
    st.floats(0, 1e3),
    st.floats(-1e6, 1e6),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
)
def test_more_uncertainty_never_proves_more(value: float, spread: float, limit: float, op: str) -> None:
    rule = {"field": "d", "op": op, "value": limit}
    sharp = verdict(rule, {"d": {"value": value, "unit": "1", "uncertainty": 0.0}})
    blurred = verdict(rule, {"d": {"value": value, "unit": "1", "uncertainty": spread}})
    assert sharp is not UNKNOWN
    assert blurred in (UNKNOWN, sharp)


def test_units_are_converted_and_never_guessed() -> None:
    rule = {"field": "p", "op": "<=", "value": 40, "unit": "MPa"}
    assert verdict(rule, {"p": {"value": 400, "unit": "bar"}}) is PASS
    assert verdict(rule, {"p": {"value": 401, "unit": "bar"}}) is FAIL
    assert verdict(rule, {"p": Quantity(399.0, "bar", 2.0)}) is UNKNOWN
    assert verdict(rule, {"p": 39.9}) is PASS
    wrong = ask(rule, {"p": {"value": 3, "unit": "mm"}})
    assert wrong.verdict is UNKNOWN
    assert "length" in wrong.text
    bare = ask({"field": "p", "op": "<=", "value": 40}, {"p": {"value": 3, "unit": "MPa"}})
    assert bare.verdict is UNKNOWN
    assert "unit" in bare.text
    assert (
        verdict({"field": "t", "op": "<=", "value": 25, "unit": "°C"}, {"t": Quantity(298.0, "K", 0.1)})
        is PASS
    )
    listed = {"field": "p", "op": "in", "value": [40], "unit": "MPa"}
    assert verdict(listed, {"p": {"value": [300, 400], "unit": "bar"}}) is PASS


def test_a_limit_may_be_another_fact() -> None:
    rule = {"field": "d", "op": "<=", "value_of": "nominal.roundness_um", "times": 1.5, "unit": "µm"}
    assert verdict(rule, {"d": Quantity(7.4, "µm", 0.1), "nominal": {"roundness_um": 5}}) is PASS
    assert (
        verdict(rule, {"d": Quantity(0.0074, "mm"), "nominal": {"roundness_um": Quantity(5, "µm")}}) is PASS
    )
    # two independent measurements: 0.3 and 1.5 × 0.4 / 1.5 give hypot(0.3, 0.6) = 0.67
    measured = {"d": Quantity(7.0, "µm", 0.3), "nominal": {"roundness_um": Quantity(5, "µm", 0.4)}}
    assert verdict(rule, measured) is UNKNOWN
    assert verdict(rule, measured | {"d": Quantity(6.8, "µm", 0.3)}) is PASS
    assert ask(rule, {"d": Quantity(7.4, "µm")}).missing == ("nominal.roundness_um",)
    assert verdict(rule, {"d": Quantity(7.4, "µm"), "nominal": {"roundness_um": "fine"}}) is UNKNOWN
    same = {"field": "a", "op": "<", "value_of": "b"}
    assert verdict(same, {"a": Quantity(1, "bar"), "b": Quantity(1, "MPa")}) is PASS
    assert verdict(same, {"a": Quantity(1, "bar"), "b": 2}) is UNKNOWN
    assert verdict({"field": "a", "op": "==", "value_of": "b"}, {"a": "x", "b": "x"}) is PASS
    heads = {"field": "a", "op": "starts", "value_of": "b"}
    assert verdict(heads, {"a": "8429", "b": "84"}) is PASS
    assert verdict(heads, {"a": "8429", "b": ""}) is UNKNOWN


def test_limits_are_computed_in_decimals() -> None:
    rule = {"field": "e", "op": ">=", "value_of": "n", "times": 1.15, "plus": -15, "unit": "%"}
    # 1.15 × 90 - 15 is 88.5, not 88.49999999999999
    found = ask(rule, {"e": 88.5, "n": 90.0})
    assert found.verdict is PASS
    assert "88.5 % (1.15 × n - 15)" in found.text
    assert verdict(rule, {"e": 88.49999999999999, "n": 90.0}) is FAIL
    assert verdict({"field": "d", "op": "<=", "value": 0.3}, {"d": Quantity(0.1, "1", 0.2)}) is PASS


def test_any_names_the_branch_that_is_meant() -> None:
    branches = [
        {"all": [{"field": "ref", "op": "==", "value": ref}, {"field": f"{ref}_dev", "op": "<=", "value": 5}]}
        for ref in ("lsc", "mzc")
    ]
    found = ask({"any": branches}, {"ref": "mzc", "lsc_dev": 3, "mzc_dev": 6})
    assert found.verdict is FAIL
    assert found.text == "mzc_dev = 6 is not ≤ 5"
    assert ask({"any": branches}, {"ref": "mzc", "lsc_dev": 3}).missing == ("mzc_dev",)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"field": "a", "op": "~", "value": 1}, "=="),
        ({"field": "a", "op": "=="}, "either value or value_of"),
        ({"field": "a", "op": "==", "value": 1, "value_of": "b"}, "either value or value_of"),
        ({"field": "a", "op": "==", "value": 1, "times": 2}, "belong to value_of"),
        ({"field": "a", "op": "==", "value": [1]}, "one value"),
        ({"field": "a", "op": "in", "value": 1}, "list"),
        ({"field": "a", "op": "in", "value": []}, "list"),
        ({"field": "a", "op": "starts", "value": 1}, "text"),
        ({"field": "a", "op": "starts", "value": [""]}, "text"),
        ({"field": "a b", "op": "==", "value": 1}, "pattern"),
        ({"field": "a", "op": "==", "value": 1, "unit": "furlong"}, "furlong"),
        ({"field": "a", "op": "==", "value": math.nan}, "finite"),
        ({"field": "a", "op": "==", "value": 1, "colour": "red"}, "Extra"),
        ({"all": [], "any": []}, "Extra"),
        ({"all": {}}, "tuple"),
        ({}, "required"),
        ("x <= 3", "condition"),
    ],
)
def test_a_condition_that_is_none_is_refused(document: Any, word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        READER.validate_python(document)


def test_every_fact_of_a_condition_is_listed() -> None:
    tree = {"all": [LEAF[PASS], {"not": {"any": [{"field": "b", "op": "<", "value_of": "c"}]}}]}
    assert list(fields(READER.validate_python(tree))) == ["x", "b", "c"]


json_facts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "unit", "uncertainty", "a"]), inner)
    ),
    max_leaves=6,
)


@given(json_facts, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "starts"]), json_facts)
def test_no_fact_whatever_makes_an_error(fact: Any, op: str, other: Any) -> None:
    value: Any = ["a", 1] if op == "in" else "a"
    ask({"field": "f", "op": op, "value": ["a"] if op == "starts" else value}, {"f": fact})
    if op != "in":
        ask({"field": "f", "op": op, "value_of": "g", "unit": "mm"}, {"f": fact, "g": other})
        ask({"field": "f", "op": op, "value_of": "g"}, {"f": fact, "g": other})
