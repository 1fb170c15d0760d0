"""Forms made from methods."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from recore.method import Unit, method
from recore.web import forms


@method("shop.everything", version=3)
def everything(
    data: bytes,
    other: bytes,
    *,
    pressure: Annotated[float, Unit("MPa"), Field(gt=0, le=60)] = 5.0,
    count: Annotated[int, Field(ge=2, lt=9)] = 3,
    kind: Literal["lsc", "mzc"] = "lsc",
    order: Literal[1, 2] = 1,
    word: str = "a",
    strict: bool = True,
    maybe: Annotated[float | None, Unit("mm")] = None,
    places: list[float] | None = None,
    needed: float,
) -> dict[str, Any]:
    """Measure everything.

    A paragraph that explains
    more.

    Parameters
    ----------
    data, other : the files,
        in this order
    pressure : of the pump [MPa]
    needed : cannot be guessed

    Returns
    -------
    needed : as it was given

    Refuses nothing.

    References
    ----------
    A book, 2020.
    """
    return {}


def by_name(**more: Any) -> dict[str, forms.Field]:
    return {field.name: field for field in forms.fields(everything, **more)}


def test_every_parameter_becomes_the_control_of_its_type() -> None:
    kinds = {name: field.kind for name, field in by_name().items()}
    assert kinds == {
        "pressure": "number",
        "count": "integer",
        "kind": "choice",
        "order": "choice",
        "word": "text",
        "strict": "flag",
        "maybe": "number",
        "places": "list",
        "needed": "number",
    }


def test_units_limits_defaults_and_help_are_shown() -> None:
    found = by_name()
    assert (found["pressure"].unit, found["pressure"].limits, found["pressure"].value) == (
        "MPa",
        "> 0, ≤ 60",
        "5",
    )
    assert found["count"].limits == "≥ 2, < 9"
    assert found["kind"].choices == ("lsc", "mzc")
    assert found["strict"].value == "true"
    assert found["maybe"].unit == "mm"
    assert found["maybe"].value == ""
    assert found["needed"].required
    assert not found["pressure"].required
    assert found["pressure"].help == "of the pump [MPa]"


def test_docstring_is_taken_apart() -> None:
    told = forms.documentation(everything)
    assert told.summary == "Measure everything."
    assert told.body == ("A paragraph that explains more.", "Refuses nothing.")
    assert told.parameters["data"] == told.parameters["other"] == "the files, in this order"
    assert told.returns == {"needed": "as it was given"}
    assert told.parameters["needed"] == "cannot be guessed"
    assert told.sections == {"References": ("A book, 2020.",)}


def test_what_was_typed_and_what_was_wrong_come_back() -> None:
    field = by_name(given={"count": "99"}, errors={"count": "too many"})["count"]
    assert (field.value, field.error) == ("99", "too many")


def read(**typed: str) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    return forms.parameters(
        everything, {f"p.{name}": [text] for name, text in {"needed": "1", **typed}.items()}
    )


def test_empty_controls_mean_the_defaults() -> None:
    found, _, errors = read(pressure="", count="", maybe="", places=" ")
    assert not errors
    assert found["pressure"] == 5.0
    assert found["places"] is None


def test_a_number_may_carry_a_unit_of_its_kind() -> None:
    assert read(pressure="400 bar")[0]["pressure"] == 40.0


@pytest.mark.parametrize(
    "text", ["0, 90", "0,90", "0\N{FULLWIDTH COMMA}90", "[0, 90]", "0\N{IDEOGRAPHIC COMMA} 90"]
)
def test_a_list_is_typed_with_commas_or_as_json(text: str) -> None:
    assert read(places=text)[0]["places"] == [0.0, 90.0]
    assert read(places="90")[0]["places"] == [90.0]


def test_a_list_is_shown_as_it_would_be_typed() -> None:
    assert by_name(given={"places": "[0.0, 99.84]"})["places"].value == "0, 99.84"
    for kept in ('["a, b"]', "[1,", "[]", '[" a"]', '[""]', '["[a"]', '{"a": 1}'):
        assert by_name(given={"places": kept})["places"].value == kept


def test_values_arrive_with_their_types() -> None:
    found, typed, errors = read(
        pressure="1.5e1", count="4", kind="mzc", order="2", strict="false", places="[1, 2.5]", word="7"
    )
    assert not errors
    assert typed["count"] == "4"
    assert found == {
        "pressure": 15.0,
        "count": 4,
        "kind": "mzc",
        "order": 2,
        "word": "7",
        "strict": False,
        "maybe": None,
        "places": [1.0, 2.5],
        "needed": 1.0,
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pressure", "61", "less than or equal to 60"),
        ("pressure", "1,5", "1,5"),
        ("pressure", "nan", "nan"),
        ("pressure", "3 mm", "length"),
        ("count", "2.5", "integer"),
        ("count", "1", "greater than or equal to 2"),
        ("kind", "xyz", "'lsc' or 'mzc'"),
        ("places", "[1,", "not JSON"),
        ("places", "0, x", "valid number"),
        ("places", "0,", "valid number"),
        ("places", '{"a": 1, "a": 2}', "twice"),
        ("strict", "perhaps", "boolean"),
        ("needed", "", "a value is wanted"),
    ],
)
def test_an_error_names_its_field(name: str, text: str, said: str) -> None:
    found, _, errors = read(**{name: text})
    assert found == {}
    assert set(errors) == {name}
    assert said in errors[name]


def test_an_unknown_parameter_is_told() -> None:
    assert "wrong" in forms.parameters(everything, {"p.needed": ["1"], "p.wrong": ["1"]})[2]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_the_form(value: float) -> None:
    assert forms.value_of("number", forms.shown(value)) == value


@given(st.sampled_from(["number", "integer", "text", "choice", "flag"]), st.text())
def test_any_text_is_a_value_or_is_handed_on(kind: str, text: str) -> None:
    value = forms.value_of(kind, text)
    assert value == text or isinstance(value, bool | int | float)
