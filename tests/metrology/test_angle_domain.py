"""Pulses, phase and resampling against shafts whose angle is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.method import Refusal
from recore.metrology.angle_domain import irregular_pulse, phase, pulse_times, resampled

RATE = 10_000.0
TIME = np.arange(60_000) / RATE
# 20 to 38 revolutions per second, with a slow swing
TURN = 20 * TIME + 1.5 * TIME**2 + 0.05 * np.sin(2 * np.pi * 0.7 * TIME)


def test_pulses_of_a_sine_are_found_between_the_samples() -> None:
    found = pulse_times(np.sin(2 * np.pi * 7.3 * TIME), RATE)
    assert found == pytest.approx(np.arange(1, len(found) + 1) / 7.3, abs=1e-8)


def test_falling_edges_and_a_threshold_of_ones_own() -> None:
    signal = np.cos(2 * np.pi * 5 * TIME)
    falling = pulse_times(signal, RATE, rising=False)
    assert falling == pytest.approx(0.05 + np.arange(len(falling)) / 5, abs=1e-8)
    at_half = pulse_times(signal, RATE, threshold=0.5)
    assert at_half == pytest.approx((5 / 6 + np.arange(len(at_half))) / 5, abs=1e-7)


def test_noise_on_the_edge_makes_no_second_pulse() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    signal = np.sin(2 * np.pi * 2 * TIME) + 0.05 * rng.standard_normal(len(TIME))
    assert len(pulse_times(signal, RATE)) == 11


@pytest.mark.parametrize(
    ("signal", "code"),
    [
        (np.zeros(100), "tacho-flat"),
        (np.ones(100), "tacho-flat"),
        (np.zeros(0), "tacho-flat"),
        (np.repeat([0.0, 1.0], 50), "tacho-missing"),
    ],
    ids=["zero", "one", "none", "one-pulse"],
)
def test_no_tacho_no_angle(signal: np.ndarray, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        pulse_times(signal, RATE)
    assert refused.value.code == code


def test_threshold_outside_the_signal() -> None:
    with pytest.raises(Refusal, match="tacho-flat"):
        pulse_times(np.sin(TIME * 50), RATE, threshold=2.0)


@pytest.mark.parametrize("edit", [lambda p: np.delete(p, 20), lambda p: np.sort(np.append(p, p[20] + 0.002))])
def test_a_pulse_that_is_missing_or_twice_is_refused(edit: object) -> None:
    pulses = edit(pulse_times(np.sin(2 * np.pi * TURN), RATE))  # type: ignore[operator]
    assert irregular_pulse(pulses) in (19, 20, 21)
    with pytest.raises(Refusal, match="tacho-irregular"):
        phase(TIME, pulses)


def test_pulses_that_do_not_rise() -> None:
    assert irregular_pulse(np.array([0.0, 1.0, 1.0, 2.0])) == 2
    assert irregular_pulse(np.arange(5.0)) is None


def test_too_few_pulses_for_a_spline() -> None:
    with pytest.raises(Refusal, match="tacho-missing"):
        phase(TIME, np.array([0.0, 1.0, 2.0]))
    assert phase(np.array([0.5, 1.5]), np.array([0.0, 1.0, 2.0]), cubic=False) == pytest.approx([0.5, 1.5])


@pytest.mark.parametrize("pulses_per_revolution", [1, 8])
def test_phase_of_a_shaft_that_speeds_up(pulses_per_revolution: int) -> None:
    pulses = pulse_times(np.sin(2 * np.pi * TURN * pulses_per_revolution), RATE)
    found = phase(TIME, pulses, pulses_per_revolution=pulses_per_revolution)
    known = np.isfinite(found)
    assert known.mean() > 0.98
    off = (TURN - found)[known]
    assert np.ptp(off) < 1e-5
    straight = phase(TIME, pulses, pulses_per_revolution=pulses_per_revolution, cubic=False)
    # between two pulses a straight phase misses up to a T² / 8 of the acceleration a
    missed = 4 / (8 * (20 * pulses_per_revolution) ** 2)
    assert np.ptp(off) < np.ptp((TURN - straight)[known]) < 2 * missed


@pytest.mark.parametrize("samples", [64, 256, 1024])
def test_orders_keep_amplitude_and_phase_at_any_number_of_samples(samples: int) -> None:
    signal = np.cos(2 * np.pi * 23 * TURN + 0.4) + 0.3 * np.cos(2 * np.pi * 5 * TURN)
    found = resampled(signal, TURN, samples)
    assert found.shape[1] == samples
    orders = np.fft.rfft(found[2:-2].mean(axis=0)) * 2 / samples
    assert orders[23] == pytest.approx(np.exp(0.4j), abs=1e-3)
    assert orders[5] == pytest.approx(0.3, abs=1e-3)
    rest = np.abs(np.delete(orders, [5, 23])).max()
    assert rest < 2e-3


def test_what_lies_above_half_the_samples_does_not_fold_back() -> None:
    found = resampled(np.cos(2 * np.pi * 90 * TURN), TURN, 64)[2:-2]
    assert np.abs(found).max() < 0.01


def test_several_channels_are_several_rows() -> None:
    both = np.stack([np.cos(2 * np.pi * 3 * TURN), np.sin(2 * np.pi * 4 * TURN)])
    found = resampled(both, TURN, 512)
    assert found.shape[0] == 2
    np.testing.assert_array_equal(found[1], resampled(both[1], TURN, 512))


@pytest.mark.parametrize(
    ("turns", "code"),
    [
        (np.full(100, np.nan), "record-too-short"),
        (np.linspace(0.1, 0.9, 100), "record-too-short"),
        (np.linspace(0, 2e6, 100), "record-too-long"),
    ],
    ids=["unknown", "part-of-a-turn", "endless"],
)
def test_less_than_a_revolution_or_endless(turns: np.ndarray, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        resampled(np.zeros(100), turns, 64)
    assert refused.value.code == code


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.404, 0.404), min_size=4, max_size=40))
def test_the_phase_rises_however_uneven_the_teeth(logs: list[float]) -> None:
    steps = np.exp(np.cumsum([0.0, *logs]))
    pulses = np.cumsum([0.0, *steps])
    assert irregular_pulse(pulses) is None
    times = np.unique(np.concatenate([np.linspace(a, b, 30) for a, b in itertools.pairwise(pulses)]))
    assert (np.diff(phase(times, pulses)) > 0).all()
