"""IE limits against printed tables, and the classes made of them."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.method import Refusal
from recore.metrology.ie_class import BELOW, CLASSES, POLES, ie_class, ie_limit, ie_limits

POWERS = (0.75, 1.1, 1.5, 2.2, 3, 4, 5.5, 7.5, 11, 15, 18.5, 22, 30, 37, 45, 55, 75, 90, 110, 132, 160, 200)
# 2, 4, 6, 8 poles; worked check values of the topic notes
CHECKED = {
    (1.5, "IE2"): (81.3, 82.8, 79.8, 74.1),
    (1.5, "IE3"): (84.2, 85.3, 82.5, 79.7),
    (1.5, "IE4"): (86.5, 88.2, 85.9, 82.6),
    (7.5, "IE2"): (88.1, 88.7, 87.2, 85.3),
    (7.5, "IE3"): (90.1, 90.4, 89.1, 87.3),
    (7.5, "IE4"): (91.7, 92.6, 91.3, 89.3),
    (37, "IE2"): (92.5, 92.7, 92.2, 90.3),
    (37, "IE3"): (93.7, 93.9, 93.3, 91.8),
    (37, "IE4"): (94.8, 95.2, 94.5, 93.1),
    (110, "IE2"): (94.3, 94.5, 94.3, 92.3),
    (110, "IE3"): (95.2, 95.4, 95.1, 93.7),
    (110, "IE4"): (96.0, 96.3, 95.8, 94.7),
}
# IEC 60034-30:2008 as printed in a maker's catalogue: IE1, IE2, IE3 of 2, 4 and 6 poles
CATALOGUE = {
    0.75: (72.1, 72.1, 70.0, 77.4, 79.6, 75.9, 80.7, 82.5, 78.9),
    1.1: (75.0, 75.0, 72.9, 79.6, 81.4, 78.1, 82.7, 84.1, 81.0),
    1.5: (77.2, 77.2, 75.2, 81.3, 82.8, 79.8, 84.2, 85.3, 82.5),
    2.2: (79.7, 79.7, 77.7, 83.2, 84.3, 81.8, 85.9, 86.7, 84.3),
    3.0: (81.5, 81.5, 79.7, 84.6, 85.5, 83.3, 87.1, 87.7, 85.6),
    4.0: (83.1, 83.1, 81.4, 85.8, 86.6, 84.6, 88.1, 88.6, 86.8),
    5.5: (84.7, 84.7, 83.1, 87.0, 87.7, 86.0, 89.2, 89.6, 88.0),
    7.5: (86.0, 86.0, 84.7, 88.1, 88.7, 87.2, 90.1, 90.4, 89.1),
}
IE1_FOUR_POLES = (
    72.1, 75.0, 77.2, 79.7, 81.5, 83.1, 84.7, 86.0, 87.6, 88.7, 89.3, 89.9, 90.7, 91.2, 91.7, 92.1, 92.7, 93.0,
    93.3, 93.5, 93.8, 94.0,
)  # fmt: skip
IE1_SIX_POLES = (
    70.0, 72.9, 75.2, 77.7, 79.7, 81.4, 83.1, 84.7, 86.4, 87.7, 88.6, 89.2, 90.2, 90.8, 91.4, 91.9, 92.6, 92.9,
    93.3, 93.5, 93.8, 94.0,
)  # fmt: skip


@pytest.mark.parametrize(("cell", "limits"), CHECKED.items())
def test_worked_check_values(cell, limits):
    power, ie = cell
    assert tuple(ie_limit(ie, poles, power) for poles in POLES) == limits


@pytest.mark.parametrize(("power", "limits"), CATALOGUE.items())
def test_printed_table(power, limits):
    assert tuple(ie_limit(ie, poles, power) for ie in ("IE1", "IE2", "IE3") for poles in (2, 4, 6)) == limits


def test_ie1_tables():
    assert tuple(ie_limit("IE1", 2, power) for power in POWERS) == IE1_FOUR_POLES
    assert tuple(ie_limit("IE1", 4, power) for power in POWERS) == IE1_FOUR_POLES
    assert tuple(ie_limit("IE1", 6, power) for power in POWERS) == IE1_SIX_POLES


def test_small_motors():
    assert [ie_limit("IE3", 4, p) for p in (0.12, 0.18, 0.20, 0.25, 0.37, 0.55)] == [
        64.8, 69.9, 71.1, 73.5, 77.3, 80.8,
    ]  # fmt: skip
    assert ie_limit("IE1", 4, 0.12) == 50.0
    assert ie_limit("IE2", 4, 0.65) == pytest.approx(0.5 * (77.1 + 79.6), abs=0.051)


def test_coefficients_of_the_shared_data(shared_data):
    import math

    with shared_data("motor/ie_limit_coefficients.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        a, b, c, d = (float(row[name]) for name in "ABCD")
        for power in (*POWERS, 18.0, 63.4):
            x = math.log10(power)
            wanted = round(((a * x + b) * x + c) * x + d, 1)
            assert ie_limit(row["class"], int(row["poles"]), power) == wanted


@pytest.mark.parametrize("ie", CLASSES)
@pytest.mark.parametrize("poles", POLES)
def test_the_row_above_200_kw_continues_the_formula(ie, poles):
    assert ie_limit(ie, poles, 200.1) == ie_limit(ie, poles, 200)


def test_ie4_six_poles_rises_above_200_kw():
    assert [ie_limit("IE4", 6, p) for p in (249, 250, 314, 315, 1000)] == [96.3, 96.5, 96.5, 96.6, 96.6]


@given(st.floats(0.12, 1000), st.sampled_from(POLES))
def test_limits_rise_with_the_class(power, poles):
    stated = list(ie_limits(poles, power).values())
    assert len(stated) >= 3
    assert stated == sorted(stated)
    assert len(set(stated)) == len(stated)


@pytest.mark.parametrize("poles", POLES)
@pytest.mark.parametrize("power", [0.12, 0.4, 0.75, 7.5, 18.5, 160, 500])
def test_class_changes_exactly_at_the_limit(poles, power):
    below = BELOW
    for ie in CLASSES:
        limit = ie_limit(ie, poles, power)
        assert ie_class(limit, poles, power) == ie
        assert ie_class(limit - 1e-6, poles, power) == below
        below = ie


@pytest.mark.parametrize(
    ("poles", "power", "frequency", "why"),
    [
        (4, 7.5, 60, "60 Hz"),
        (10, 7.5, 50, "10"),
        (4, 0.09, 50, "0.09 kW"),
        (4, 1001, 50, "1001 kW"),
    ],
)
def test_outside_the_tables(poles, power, frequency, why):
    with pytest.raises(Refusal, match=why) as refusal:
        ie_class(90.0, poles, power, frequency)
    assert refusal.value.code == "ie-class-not-tabulated"
    assert ie_limits(poles, power, frequency) == {}


def test_ie1_between_stated_powers_is_not_guessed():
    assert ie_class(89.5, 8, 18.0) == "IE2"
    with pytest.raises(Refusal, match="IE1 limit of 18 kW"):
        ie_class(80.0, 8, 18.0)
    assert set(ie_limits(8, 18.0)) == {"IE2", "IE3", "IE4"}


@pytest.mark.parametrize("power_kw", [0.75, 1.5, 7.5, 18.5, 37.0, 110.0, 250.0])
@pytest.mark.parametrize("poles", [2, 4, 6, 8])
@pytest.mark.parametrize("word", ["IE2", "IE3", "IE4"])
def test_a_motor_exactly_at_its_limit_has_the_class(word: str, poles: int, power_kw: float) -> None:
    limit = ie_limit(word, poles, power_kw)
    shaft_w = power_kw * 1000
    assert ie_class(100 * (shaft_w / (shaft_w / (limit / 100))), poles, power_kw) == word
    assert ie_class(limit - 1e-6, poles, power_kw) != word
