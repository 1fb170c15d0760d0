"""Uncertainty of error motion: every line of the budget against the error it stands for, and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spindle_record import Floats, Test, plot

from recore.evidence import Table
from recore.metrology.spindle.error_motion import ErrorMotion, error_motion
from recore.metrology.spindle.error_motion_sources import curvature_um
from recore.metrology.spindle.error_motion_uncertainty import (
    Result,
    contributions,
    random_part,
    simulated,
    widening,
)
from recore.metrology.spindle.motion_values import synchronous
from recore.metrology.spindle.polar_statistics import Polar

X = {2: 0.05, 3: 0.04j, 5: 0.02 + 0.01j}
Y = {2: 0.03j, 4: 0.05}
QUIET = Test(x=X, y=Y, n=256, turns=24)


def run(test: Test, columns: dict[str, Floats] | None = None, **more: Any) -> ErrorMotion:
    return error_motion(Table.of(columns or test.channels()), **test.ask(**more))


def line(found: ErrorMotion, result: str, source: str) -> float:
    assert found.budget is not None
    rows = [r for r in found.budget.to_pylist() if r["result"] == result and r["source"].startswith(source)]
    return float(np.sqrt(sum(r["contribution"] ** 2 for r in rows)))


def value(found: ErrorMotion, name: str) -> float:
    return float(getattr(found, name).value)


RESULTS = (
    "synchronous_fixed",
    "synchronous_rotating",
    "total_fixed",
    "synchronous_fixed_y",
    "synchronous_fixed_pc",
)


@pytest.mark.parametrize("name", RESULTS)
def test_gain_of_a_probe(name: str) -> None:
    step = 1e-5
    columns = QUIET.channels()
    columns["p1_um"] = columns["p1_um"] * (1 + step)
    moved = abs(value(run(QUIET, columns), name) - value(run(QUIET), name)) / step
    assert line(run(QUIET, gain_percent=1.0), name, "gain of probe 1") == pytest.approx(
        0.01 * moved, rel=1e-3, abs=1e-9
    )


@pytest.mark.parametrize("name", RESULTS)
def test_angle_of_a_probe(name: str) -> None:
    step = 1e-4  # degrees
    wrong = run(QUIET, probe_angles_deg=[0.0, 90.0 + step])
    moved = abs(value(wrong, name) - value(run(QUIET), name)) / step
    stated = line(run(QUIET, angle_uncertainty_deg=0.2), name, "angle of probe 2")
    assert stated == pytest.approx(0.2 * moved, rel=2e-3, abs=1e-9)


def test_jitter_of_the_rotor_s_angle_times_the_eccentricity() -> None:
    # 1e-4 rad where 5 µm of eccentricity run fastest are 0.5 nm; two points make a range
    found = run(Test(x={3: 0.001}, n=256, turns=24), encoder_uncertainty_deg=float(np.degrees(1e-4)))
    assert line(found, "synchronous_fixed", "angle of the rotor") <= 0.00051 * np.sqrt(2)
    assert line(found, "synchronous_fixed_y", "angle of the rotor") >= 0.0001
    # the eccentricity is a constant where the direction turns: only sin g of it is left
    assert line(found, "synchronous_rotating", "angle of the rotor") == pytest.approx(
        5e-4 * np.sin(0.7) * np.sqrt(2), rel=0.02
    )


def test_a_bent_probe() -> None:
    columns = QUIET.channels()
    half = np.ptp(columns["p1_um"]) / 2
    u = (columns["p1_um"] - columns["p1_um"].min()) / half - 1
    size = 1e-4 * half
    columns["p1_um"] = columns["p1_um"] + size / np.sqrt(6) * (2 * u**2 - 1)
    moved = abs(value(run(QUIET, columns), "synchronous_fixed") - value(run(QUIET), "synchronous_fixed"))
    stated = line(run(QUIET, linearity_percent=0.01), "synchronous_fixed", "linearity of probe 1, second")
    assert stated == pytest.approx(moved, rel=1e-2)


def test_curvature_and_noise_by_the_worked_values() -> None:
    assert curvature_um(5.0, 12.5) == pytest.approx(0.0005)
    assert curvature_um(10.0, 12.5) == pytest.approx(0.002)
    # 5 nm over 500 revolutions are 0.22 nm at each angle
    polar = Polar(np.cos(np.arange(64.0)), np.ones(64), -np.ones(64), np.full(64, 5.0), 500)
    (left,) = random_part({"x": polar}, {"x": 0.0})
    assert left.plots["x"][0] == pytest.approx(0.2236, abs=1e-4)
    both = random_part({"x": polar}, {"x": 3.0})
    assert [s.plots["x"][0] * np.sqrt(500) for s in both] == pytest.approx([4.0, 3.0])


def test_the_artefact_and_the_drift_stand_in_the_budget() -> None:
    found = run(QUIET, artefact_form_um=0.01)
    assert line(found, "synchronous_fixed", "form of the artefact") == pytest.approx(0.01 / np.sqrt(3))
    assert line(found, "asynchronous_fixed", "form of the artefact") == 0
    slow = run(Test(x=X, y=Y, n=256, turns=60, drift=0.0005, noise=0.001))
    assert line(slow, "asynchronous_fixed", "drift") == pytest.approx(0.0005 * 60 / np.sqrt(12), rel=0.1)


def test_widening_by_noise_against_draws() -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    t = 2 * np.pi * np.arange(256) / 256
    for amplitude in (0.0, 1.0, 30.0):
        clear = amplitude * np.cos(3 * t)
        drawn = np.ptp(clear + rng.standard_normal((4000, 256)), axis=1).mean() - np.ptp(clear)
        assert widening(clear, np.ones(256)) == pytest.approx(drawn, rel=0.03)
    assert widening(np.cos(t), np.zeros(256)) == 0


@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_stated_intervals_cover_the_truth(noise: float) -> None:
    # the kernel of the method on 400 records at once: means of 40 revolutions with their scatter
    rng = np.random.Generator(np.random.PCG64(12))
    n, turns, trials = 128, 40, 300
    t = 2 * np.pi * np.arange(n) / n
    clear = plot(X, t)
    truth = np.ptp(clear)
    inside, stated, off = 0, [], []
    result = Result("s", "x", "synchronous")
    for _ in range(trials):
        mean = clear + noise / np.sqrt(turns) * rng.standard_normal(n)
        sigma = noise * np.sqrt(rng.chisquare(turns - 1, n) / (turns - 1))
        polar = Polar(mean, mean, mean, sigma, turns)
        lines = contributions(result, polar, random_part({"x": polar}, {"x": 0.0}))
        spread = 2 * np.sqrt(sum(c.contribution**2 for c in lines))
        off.append(synchronous(mean) - truth)
        stated.append(spread)
        inside += abs(off[-1]) <= spread
    assert inside / trials >= 0.94
    # and it is no empty promise
    assert np.mean(stated) < 4 * np.sqrt(np.mean(np.square(off)))


def test_monte_carlo_agrees_with_the_first_order_where_the_noise_is_small() -> None:
    columns = Test(x={2: 0.5, 3: 0.2j}, y={4: 0.3}, n=256, turns=60, noise=0.001).channels()
    found = run(
        QUIET, columns, trials=1000, gain_percent=0.5, angle_uncertainty_deg=0.3, linearity_percent=0.2,
        encoder_uncertainty_deg=0.003, artefact_form_um=0.001,
    )  # fmt: skip
    assert found.budget is not None
    rows = found.budget.to_pylist()
    for name in ("synchronous_fixed", "synchronous_rotating", "synchronous_fixed_pc"):
        first = next(
            r["contribution"] for r in rows if r["result"] == name and r["source"].startswith("combined")
        )
        drawn = next(
            r["contribution"] for r in rows if r["result"] == name and r["source"].startswith("Monte")
        )
        assert drawn == pytest.approx(first, rel=0.2), name
        assert getattr(found, name).uncertainty == max(first, drawn)


def test_monte_carlo_is_the_same_again_and_other_with_another_seed() -> None:
    polar = Polar(plot(X, QUIET.t()[:256]), np.ones(256), -np.ones(256), np.full(256, 0.01), 40)
    everything = [
        Result("s", "x", "synchronous"),
        Result("a", "x", "asynchronous"),
        Result("f", "x", "fundamental"),
    ]
    sources = random_part({"x": polar}, {"x": 0.0})
    one, again, other = (simulated(everything, {"x": polar}, sources, 100, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert simulated(everything, {"x": polar}, sources, 0, 1) == {}


def test_what_is_not_stated_is_named() -> None:
    found = run(QUIET, gain_percent=0.1)
    text = next(n.text for n in found.flags if n.code == "not-in-uncertainty")
    assert "probe angles" in text and "gain" not in text
