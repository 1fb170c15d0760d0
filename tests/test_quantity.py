"""Units and quantities: exact factors, exact round trips, and errors that say what is wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore import quantity
from recore.errors import BadInput
from recore.quantity import CURRENCIES, Quantity, convert, kind_of, unit_of, units_of_suffix

pint = pytest.importorskip("pint")
UNITS = [unit for units in quantity._KINDS.values() for unit in units]
finite = st.floats(allow_nan=False, allow_infinity=False)

PINT_NAMES = {
    "°C": "degC", "°F": "degF", "ΔK": "kelvin", "Ω": "ohm", "mΩ": "milliohm", "kΩ": "kiloohm", "MΩ": "megaohm",
    "1": "", "%": "percent", "‰": "permille", "deg": "degree", "1/s": "turn/s", "rpm": "turn/min", "a": "julian_year",
    "g_n": "standard_gravity", "hp": "horsepower", "t": "metric_ton", "in": "inch", "ft": "foot", "lb": "pound",
    "d": "day", "h": "hour", "min": "minute", "psi": "psi", "µm": "micrometer", "µs": "microsecond",
}  # fmt: skip
NOT_IN_PINT = {"HRC", "HV", "HB", "pcs", "kgCO2e", "tCO2e", "var", "kvar", "ppm"} | CURRENCIES


@pytest.mark.parametrize("unit", [u for u in UNITS if u not in NOT_IN_PINT])
def test_every_factor_agrees_with_an_independent_unit_library(unit: str, registry: pint.UnitRegistry) -> None:
    base = next(iter(quantity._KINDS[kind_of(unit)]))
    name, target = PINT_NAMES.get(unit, unit.replace("·", "*")), PINT_NAMES.get(base, base.replace("·", "*"))
    wanted = registry.Quantity(3.7, name.replace("²", "**2").replace("³", "**3")).to(
        target.replace("²", "**2").replace("³", "**3")
    )
    assert convert(3.7, unit, base) == pytest.approx(wanted.magnitude, rel=1e-14)


@pytest.fixture(scope="module")
def registry() -> pint.UnitRegistry:
    return pint.UnitRegistry()


def test_conversion_is_correctly_rounded_where_a_product_of_floats_is_not() -> None:
    assert convert(1, "bar", "MPa") == 0.1
    assert convert(400, "bar", "MPa") == 40.0
    assert convert(25.4, "mm", "in") == 1.0
    assert Quantity(20, "°C").to("K") == Quantity(293.15, "K")


def test_uncertainty_of_a_temperature_does_not_take_the_offset_along() -> None:
    assert Quantity(20.0, "°C", 0.5).to("K") == Quantity(293.15, "K", 0.5)


@given(finite, st.sampled_from(UNITS))
def test_json_round_trip_is_exact(value: float, unit: str) -> None:
    for whole in (Quantity(value, unit), Quantity(value, unit, abs(value) / 3)):
        assert Quantity.from_json(json.loads(json.dumps(whole.json()))) == whole


@given(st.floats(-1e100, 1e100), st.sampled_from(UNITS), st.data())
def test_there_and_back_is_within_one_rounding(value: float, unit: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(list(quantity._KINDS[kind_of(unit)])))
    back = convert(convert(value, unit, other), other, unit)
    assert back == pytest.approx(value, rel=1e-12, abs=1e-9 if kind_of(unit) == "temperature" else 1e-300)


def test_a_pressure_in_millimetres_is_an_error_that_says_so() -> None:
    with pytest.raises(BadInput, match=r"40 mm is a length; a pressure in MPa is wanted"):
        Quantity(40, "mm").to("MPa")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.nan, object(), None, [math.nan]])
def test_what_is_no_measured_value_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        Quantity(value, "mm")


@pytest.mark.parametrize("spread", [-1.0, math.nan, math.inf])
def test_an_uncertainty_is_finite_and_not_negative(spread: float) -> None:
    with pytest.raises(BadInput, match="uncertainty"):
        Quantity(1.0, "mm", spread)


def test_words_lists_and_numpy_scalars() -> None:
    assert Quantity("IE3").json() == {"value": "IE3", "unit": ""}
    assert Quantity(np.float32(0.5), "µm").value == 0.5
    assert type(Quantity(np.int64(7)).value) is int
    assert Quantity(np.array([1.0, 2.0]), "mm").to("µm").value == (1000.0, 2000.0)
    assert Quantity(True).json() == {"value": True, "unit": ""}
    with pytest.raises(BadInput, match="a word has none"):
        Quantity("IE3", "mm")
    with pytest.raises(BadInput, match="has no unit"):
        Quantity("IE3").to("mm")


@pytest.mark.parametrize(
    ("text", "unit"),
    [("um", "µm"), ("μm", "µm"), ("N m", "N·m"), ("Nm", "N·m"), ("°", "deg"), ("", "1"), (" bar ", "bar")],
)
def test_spellings(text: str, unit: str) -> None:
    assert unit_of(text) == unit


def test_an_unknown_unit_is_named() -> None:
    with pytest.raises(BadInput, match="'furlong' is not known"):
        Quantity(1, "furlong")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("pressure_mpa", ("pressure", ("MPa",))),
        ("torque_nm", ("torque", ("nm", "N·m"))),
        ("pressure [bar]", ("pressure", ("bar",))),
        ("pressure (Mpa)", ("pressure", ("MPa",))),
        ("support", ("support", ())),
        ("length [cubit]", ("length", ())),
    ],
)
def test_units_in_names(name: str, split: tuple[str, tuple[str, ...]]) -> None:
    assert units_of_suffix(name) == split


@pytest.mark.parametrize(
    ("text", "quantity_"),
    [("40 MPa", Quantity(40.0, "MPa")), ("-.5", Quantity(-0.5)), ("1e3mm", Quantity(1000.0, "mm"))],
)
def test_parse(text: str, quantity_: Quantity) -> None:
    assert Quantity.parse(text) == quantity_


@pytest.mark.parametrize("text", ["", "MPa", "4,5 mm", "1 2 mm", "0x10"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(BadInput):
        Quantity.parse(text)


@pytest.mark.parametrize(
    "document", [None, 3, {"value": 1}, {"value": 1, "unit": "mm", "more": 1}, {"value": 1, "unit": "ell"},
                 {"value": 1, "unit": "mm", "uncertainty": "x"}, {"value": {}, "unit": "mm"}, {"value": 1, "unit": 5}]
)  # fmt: skip
def test_from_json_refuses(document: object) -> None:
    with pytest.raises(BadInput, match="here"):
        Quantity.from_json(document, where="here")


def test_text_for_people() -> None:
    assert str(Quantity(38.23094398, "µm", 0.42)) == "(38.23 ± 0.42) µm"
    assert str(Quantity(0.9044)) == "0.9044"
    assert str(Quantity((1.5, 2), "mm")) == "1.5, 2 mm"
    assert str(Quantity("IE1")) == "IE1"
    assert str(Quantity(1e20, "mm", 1.0)) == "(1e+20 ± 1) mm"
    assert Quantity(38.23094398, "µm", 12.3).texts() == ("38", "12")
    assert Quantity(5.0, "µm", 0.0).texts() == ("5", "0")
