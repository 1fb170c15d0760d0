"""Conditions as a line of text: every condition is written and read back part for part; what is wrong is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from recore.errors import BadInput
from recore.rules import notation
from recore.rules.predicate import Predicate

READER: TypeAdapter[Any] = TypeAdapter(Predicate)
USED = {"field": "condition", "op": "in", "value": ["used", "rebuilt"]}
AGE = {"field": "age_years", "op": "<=", "value": 10}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('age_years <= 10 and condition in ("used", "rebuilt")', {"all": [AGE, USED]}),
        ("age_years<=10 or not age_years <= 10", {"any": [AGE, {"not": AGE}]}),
        ("a == 1 or b == 2 and c == 3", {"any": [{"field": "a", "op": "==", "value": 1}, {"all": [{"field": "b", "op": "==", "value": 2}, {"field": "c", "op": "==", "value": 3}]}]}),
        ("power_kw < 560.5 [kW]", {"field": "power_kw", "op": "<", "value": 560.5, "unit": "kW"}),
        ("mass_kg <= 0.5 * machine.mass_kg - 3", {"field": "mass_kg", "op": "<=", "value_of": "machine.mass_kg", "times": 0.5, "plus": -3}),
        ("mass_kg <= machine.mass-kg -3", {"field": "mass_kg", "op": "<=", "value_of": "machine.mass-kg", "plus": -3}),
        ("evidence.coc == true", {"field": "evidence.coc", "op": "==", "value": True}),
        ('hs starts ("84", "85",)', {"field": "hs", "op": "starts", "value": ["84", "85"]}),
        ('pin starts "A \\" B"', {"field": "pin", "op": "starts", "value": 'A " B'}),
        ("`all` == -1e-3", {"field": "all", "op": "==", "value": -0.001}),
        ("all()", {"all": []}), ("", {"all": []}), (" ", {"all": []}), ("any()", {"any": []}), ("all(age_years <= 10)", {"all": [AGE]}),
        ("not (age_years <= 10 and age_years <= 10)", {"not": {"all": [AGE, AGE]}}),
        ("((age_years <= 10))", AGE),
    ],
)  # fmt: skip
def test_what_people_write(text: str, wanted: dict[str, Any]) -> None:
    assert notation.read(text) == wanted
    condition = READER.validate_python(wanted)
    assert READER.validate_python(notation.read(notation.write(condition))) == condition


fields = st.sampled_from(
    ["age_years", "machine.power_kw", "evidence.a-b", "all", "in", "true", "x.and", "_1.2"]
)
# beyond them a row has no canonical form
numbers = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(-1e15, 1e15))
plain = st.one_of(st.booleans(), numbers, st.text(max_size=8))
units = st.one_of(st.just({}), st.sampled_from([{"unit": "kW"}, {"unit": "µm"}, {"unit": "1"}]))
shifts = st.fixed_dictionaries(
    {},
    optional={
        "times": numbers,
        "plus": numbers,
    },
)
leaves = st.one_of(
    st.builds(lambda f, o, v, u: {"field": f, "op": o, "value": v, **u}, fields, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), plain, units),
    st.builds(lambda f, v, u: {"field": f, "op": "in", "value": v, **u}, fields, st.lists(plain, min_size=1, max_size=3), units),
    st.builds(lambda f, v: {"field": f, "op": "starts", "value": v}, fields, st.one_of(st.text(min_size=1, max_size=5), st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=2))),
    st.builds(lambda f, o, v, s, u: {"field": f, "op": o, "value_of": v, **s, **u}, fields, st.sampled_from(["==", "<=", "starts"]), fields, shifts, units),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)


def exact(document: Any) -> Any:
    """With the types told apart: 1, 1.0 and true are three values."""
    if isinstance(document, dict):
        return {name: exact(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [exact(value) for value in document]
    return type(document).__name__, repr(document)


@settings(max_examples=300)
@given(trees)
def test_every_condition_is_read_back_part_for_part(tree: dict[str, Any]) -> None:
    condition = READER.validate_python(tree)
    again = READER.validate_python(notation.read(notation.write(condition)))
    assert exact(again.model_dump(by_alias=True)) == exact(condition.model_dump(by_alias=True))


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_is_read_back(number: float) -> None:
    text = notation.write(READER.validate_python({"field": "x", "op": "==", "value": number}))
    assert exact(notation.read(text)["value"]) == exact(number)


@given(st.text(alphabet=' ()"`[]<>=!,*+-.e19aandornotinstarts\\é', max_size=40))
def test_no_line_is_an_internal_fault(text: str) -> None:
    try:
        notation.read(text)
    except BadInput as error:
        assert error.right


@pytest.mark.parametrize(
    ("text", "near", "right"),
    [
        ("age_years =< 10", "=< 10", "a field"), ("age_years is 10", "is 10", "=="), ("age_years <=", "the end", "value"),
        ("age_years <= 10 and", "the end", "a field"), ("age_years <= 10 condition", "condition", "`and`, `or`"),
        ("(age_years <= 10", "the end", "')'"), ('condition in "used"', None, None), ('condition in ("used" "new")', '"new")', "','"),
        ('x == "\\q"', '"\\\\q"', "text"), ("x == 1e999", "1e999", "finite"), ("and == 1", "and == 1", "a field"),
        ("x <= 2 * 3", "3", "a field"), ("x <= y + z", "z", "a number"), ("x == “used”", "“used”", "a field"),
        ("not " * 40 + "x == 1", "not", "levels"), ("(" * 40 + "x == 1", "(", "levels"), ("x" * 100_001, None, "at most"),
        ("x==1 and " * 2000 + "x==1", None, "at most"), ("x == " + "1" * 401, "1", "finite"), ('x in (used)', "used)", '"text"'),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_shown(text: str, near: str | None, right: str | None) -> None:
    if right is None:  # read as written; the row then says that `in` wants a list
        assert notation.read(text)["value"] == "used"
        return
    with pytest.raises(BadInput) as caught:
        notation.read(text, where="VN!H7")
    assert str(caught.value).startswith("VN!H7: ")
    assert right in caught.value.right
    assert near is None or repr(near)[1:-1][:20] in caught.value.what or near[:20] in caught.value.what
