"""Single formulas of IEC 60034-2-1 against hand values and a second way to compute them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.metrology import loss_segregation as iec


def test_hand_values():
    assert iec.stator_loss_w(np.array([32.85]), 0.5)[0] == pytest.approx(1.5 * 32.85**2 * 0.5)
    assert iec.temperature_factor(90, 20) == pytest.approx(330 / 325)
    assert iec.temperature_factor(90, 30, iec.ALUMINIUM_K) == pytest.approx(310 / 315)
    assert iec.temperature_factor(75, 25) == 1
    assert iec.resistance_at(0.56, 20, 90, iec.COPPER_K) == pytest.approx(0.56 * 325 / 255)
    assert iec.slip(np.array([1462.5]), np.array([50.0]), 4)[0] == pytest.approx(0.025)
    assert iec.shaft_power_w(np.array([120.79]), np.array([1462.5]))[0] == pytest.approx(18499, abs=1)
    assert iec.friction_loss_w(180.0, np.array([0.025]))[0] == pytest.approx(180 * 0.975**2.5)


@given(st.floats(100, 1000), st.floats(1, 300), st.floats(0.02, 2), st.floats(0.05, 1))
def test_inner_voltage_is_the_phasor_behind_the_resistance(voltage, current, resistance, cos):
    power = np.sqrt(3) * voltage * current * cos
    phase = voltage / np.sqrt(3) - current * (cos - 1j * np.sqrt(1 - cos**2)) * resistance / 2
    inner = iec.inner_voltage_v(np.array([voltage]), np.array([current]), np.array([power]), resistance)
    assert inner[0] == pytest.approx(np.sqrt(3) * abs(phase), rel=1e-6)


@pytest.mark.parametrize("connection", ["star", "delta"])
def test_stator_loss_needs_no_connection(connection):
    phase_ohm, line_a = 0.7, 21.0
    line_ohm, phase_a = (
        (2 * phase_ohm, line_a) if connection == "star" else (2 / 3 * phase_ohm, line_a / np.sqrt(3))
    )
    assert iec.stator_loss_w(np.array([line_a]), line_ohm)[0] == pytest.approx(3 * phase_a**2 * phase_ohm)


@given(st.lists(st.floats(0, 100), min_size=3, max_size=12, unique=True), st.integers(0, 1000))
def test_line_agrees_with_numpy(x, seed):
    x = np.array(x)
    if np.ptp(x) < 1:
        return
    y = 3 * x + np.random.default_rng(seed).normal(size=len(x))
    line = iec.fit_line(x, y)
    (slope, intercept), covariance = np.polyfit(x, y, 1), None
    assert line.slope == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert line.intercept == pytest.approx(intercept, rel=1e-6, abs=1e-6)
    assert line.correlation == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    if len(x) > 3:
        _, covariance = np.polyfit(x, y, 1, cov=True)
        assert line.slope_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-5)
        assert line.intercept_error == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-5)


def test_line_without_spread_has_no_correlation():
    assert iec.fit_line(np.ones(4), np.arange(4.0)).correlation == 0
    assert iec.fit_line(np.arange(4.0), np.ones(4)).correlation == 0


def test_worst_residual_point_is_left_out_once():
    torque = np.array([10.0, 20, 30, 40, 50, 60])
    straight = 0.02 * torque**2 + 3
    assert iec.fit_residual(torque, straight).used.all()
    spoilt = straight.copy()
    spoilt[2] += 60
    fit = iec.fit_residual(torque, spoilt)
    assert fit.used.tolist() == [True, True, False, True, True, True]
    assert fit.first.correlation < 0.95
    assert fit.line.correlation == pytest.approx(1)
    assert fit.line.slope == pytest.approx(0.02)


def test_iron_loss_goes_through_the_readings_and_is_exact_for_a_square_law():
    voltage = np.array([120.0, 240, 360, 380, 400, 440])
    iron = 1e-3 * voltage**2
    wanted = np.array([130.0, 371.3, 400.0, 445.0])
    assert iec.iron_loss_w(wanted, voltage, iron) == pytest.approx(1e-3 * wanted**2)
    iron = 1e-3 * voltage**2.3
    assert iec.iron_loss_w(voltage, voltage, iron) == pytest.approx(iron)


@given(st.floats(5, 30))
def test_interpolation_over_load_is_exact_for_losses_of_a_square_law(wanted):
    shaft = np.array([5.0, 10, 15, 20, 25])
    assert iec.at_shaft_power(wanted, shaft, 7 + 0.3 * shaft**2) == pytest.approx(7 + 0.3 * wanted**2)


def test_interpolation_returns_the_reading_itself():
    shaft, values = np.array([5.0, 10.3, 15.7]), np.array([0.1, 0.7, 0.3])
    assert [iec.at_shaft_power(p, shaft, values) for p in shaft] == values.tolist()
    assert iec.at_shaft_power(9.0, np.array([10.0]), np.array([4.0])) == 4.0
