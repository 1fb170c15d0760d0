"""Stated intervals of the separation: variance, coverage, every source against its own simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from spindle_rig import MARSH, OPT50, Rig, harmonics, table

from recore.metrology.spindle.separation import sources
from recore.metrology.spindle.separation.averages import Taper, student, weighted
from recore.metrology.spindle.separation.linear import layout, layout_rows
from recore.metrology.spindle.separation.revolutions import sawtooth
from recore.metrology.spindle.separation.separate import Separation, separate
from recore.metrology.spindle.separation.uncertainty import Noise, Scalar, Uncertain, evaluated

TRIALS = 2000
ORDERS = np.array([2, 5, 9])


def test_variance_is_that_of_the_normal_matrix() -> None:
    draw = np.random.default_rng(3)
    for angles in (OPT50, (0, 34.627, 96.954, 135.036)):
        lay = layout(np.radians(angles), 20, 10.0)
        shape = (20_000, len(angles), 21)
        noise = (draw.normal(size=shape) + 1j * draw.normal(size=shape)) / np.sqrt(2)
        found = (np.abs(lay.solver.solve(noise)) ** 2).mean(axis=0)
        # 20,000 draws of 19 harmonics know a mean to 0.2 %, one of them to 0.7 %
        ratio = found[:, 2:] / lay.solver.gain.T[:, 2:] ** 2
        assert np.abs(ratio.mean(axis=1) - 1).max() < 0.01
        assert np.abs(ratio - 1).max() < 0.035


def test_conjugate_transpose_beats_the_plain_one() -> None:
    phi = np.radians([0, 38, 67, 180])
    lay = layout(phi, 50, 100.0)
    rows = layout_rows(phi, 50)[2:]
    plain = np.linalg.inv(rows.swapaxes(1, 2) @ rows) @ rows.swapaxes(1, 2)
    ours, theirs = (np.sqrt((np.abs(e[:, 2]) ** 2).sum(axis=1)) for e in (lay.solver.estimator[2:], plain))
    assert (theirs >= ours - 1e-12).all()
    assert np.sqrt((theirs**2).mean()) > 1.02 * np.sqrt((ours**2).mean())


def revolutions(draw: np.random.Generator, angles: tuple[float, ...], count: int) -> NDArray[np.complex128]:
    """Groups (T, P, B, k) of harmonics in ORDERS: probe noise and asynchronous lines of drawn size."""
    phi = np.radians(angles)
    probes = len(phi)

    def normal(*shape: int) -> NDArray[np.complex128]:
        return draw.standard_normal((*shape, 2)).view(complex)[..., 0]

    noise = 10 ** draw.uniform(-0.5, 0.5, (TRIALS, 1, 1, 1))
    found = noise * normal(TRIALS, probes, count, len(ORDERS))
    revolution = np.arange(count)
    for _ in range(2):
        size = 10 ** draw.uniform(-1, 1, TRIALS)
        order = draw.uniform(0.3, 9.7, TRIALS)
        # amplitude that one revolution of a line of this order has in harmonic k
        step = order[:, None] - ORDERS
        leak = np.exp(1j * np.pi * step) * np.sinc(step)
        turn = np.exp(2j * np.pi * np.outer(order, revolution))
        x, y = normal(2, TRIALS)
        along = x[:, None] * np.cos(phi) + y[:, None] * np.sin(phi)
        found += np.einsum("t,tp,tb,tk->tpbk", size, along, turn, leak)
    return found


@pytest.mark.parametrize("taper", ["none", "hann"])
@pytest.mark.parametrize(
    ("angles", "count"), [(OPT50, 40), (MARSH, 120), ((0.0, 34.627, 96.954, 135.036), 25)]
)
def test_stated_intervals_hold_95_percent(angles: tuple[float, ...], count: int, taper: Taper) -> None:
    draw = np.random.default_rng(len(angles) * count + len(taper))
    lay = layout(np.radians(angles), int(ORDERS.max()), 10.0)
    estimator = lay.solver.estimator[ORDERS]
    mean, lines = weighted(revolutions(draw, angles, count), taper)
    error = np.einsum("kqp,tpk->tqk", estimator, mean)
    beside = np.einsum("kqp,tpjk->jtqk", estimator, lines)
    expanded = 2 * np.sqrt(sources.line_variance(beside) / 2)
    for q in range(3):
        inside = np.stack((np.abs(error[:, q].real), np.abs(error[:, q].imag))) <= expanded[:, q]
        assert 0.93 <= inside.mean() <= 0.97, (q, inside.mean())


def test_student_widens_few_degrees_of_freedom() -> None:
    # t for 95.45 % is 13.97 / 2 at one degree of freedom, and 2.28 / 2 at ten (JCGM 100:2008, table G.2)
    assert student(1) == pytest.approx(13.97 / 2, rel=1e-3)
    assert student(10) == pytest.approx(2.28 / 2, rel=2e-3)
    assert student(1e6) == pytest.approx(1, abs=1e-5)


def test_sawtooth_is_the_transform_of_a_drift() -> None:
    drift = np.arange(64) / 64
    np.testing.assert_allclose(sawtooth(64, 20)[1:], np.fft.rfft(drift)[1:21] / 32, atol=1e-14)


def test_asynchronous_motion_never_enters_the_artefact() -> None:
    draw = np.random.default_rng(4)
    lay = layout(np.radians(OPT50), 10, 10.0)
    quiet, loud = np.full((3, 11), 1.0), np.full((3, 11), 1.0)
    for variance in (quiet, loud):
        variance[:] = np.where(lay.solver.observable, lay.solver.gain.T, 0) ** 2 * 1e-4
    loud[:2, 2:] += draw.uniform(0.1, 1, (2, 9))
    for variance, there in ((quiet, False), (loud, True)):
        probes, motion = sources.noise_of(lay, variance)
        np.testing.assert_allclose(probes.variance + motion.variance, variance)
        assert (motion.variance[2] == 0).all()
        assert bool(motion.variance[:2].max() > 0.05) is there
        assert probes.standard == pytest.approx(1e-2 / np.sqrt(2))


def spread_of(found: Separation, motion: str) -> NDArray[np.float64]:
    return harmonics(found.harmonics, motion)[1]


@pytest.mark.parametrize("source", ["angle", "gain", "linearity", "encoder", "radius"])
def test_each_source_covers_its_own_errors(source: str) -> None:
    """Records spoilt by one source alone, at the standard uncertainty stated for it."""
    draw = np.random.default_rng(17)
    rig = Rig.drawn(draw, upr=12, radius_um=12500.0 if source == "radius" else None)
    truth = np.stack((rig.x, rig.y, rig.form))
    stated: dict[str, Any] = {
        "angle": {"u_angle_deg": 0.2},
        "gain": {"u_gain_pct": 0.5},
        "linearity": {"linearity_nm": 3.0},
        "encoder": {"u_encoder_rad": 2e-4},
        "radius": {"artefact_radius_mm": 12.5, "u_artefact_radius_mm": 0.5},
    }[source]
    given: dict[str, Any] = {"samples_per_revolution": 64, "max_upr": 12, "trials": 0}
    exact = table(np.tile(rig.turn(OPT50, 64), 20))
    found = separate(exact, probe_angles_deg=list(OPT50), **given, **stated)
    u = np.stack([spread_of(found, motion) for motion in ("x", "y", "artefact")])
    lay = layout(np.radians(OPT50), 12, 10.0)
    errors = []
    t = 2 * np.pi * np.arange(64) / 64
    for _ in range(300):
        if source == "angle":
            signals = rig.turn(tuple(np.array(OPT50) + 0.2 * draw.normal(size=3)), 64)
        elif source == "gain":
            signals = rig.turn(OPT50, 64) * (1 + 0.005 * draw.normal(size=(3, 1)))
        elif source == "linearity":
            signals = rig.turn(OPT50, 64)
            v = signals / 5
            bound = draw.uniform(-0.003, 0.003, (2, 3, 1))
            signals = signals + bound[0] * v**2 + bound[1] * v**3
        elif source == "encoder":
            late = (
                2e-4
                * draw.standard_normal((15, 2)).view(complex)[:, 0]
                @ np.exp(1j * np.outer(np.arange(15), t))
            ).real
            signals = rig.turn(OPT50, 64)
            signals = signals - 5 * np.sin(t - np.radians(OPT50)[:, None] + 0.7) * late
        else:
            radius = 12500 + 500 * draw.normal()
            signals = Rig(rig.form, rig.x, rig.y, radius_um=radius).turn(OPT50, 64)
        values = lay.solver.solve(np.fft.rfft(signals, axis=1)[:, :13] / 32)
        errors.append(values - truth)
    error = 1e3 * np.array(errors)
    if source == "radius":
        error[:, 2, 2] -= 1e3 * 25 / (4 * 12500) * np.exp(1.4j)
    root = np.sqrt((np.abs(error) ** 2).mean(axis=0) / 2)
    seen = u[:, 2:] > 0.02 * np.nanmax(u)
    ratio = (u[:, 2:] / 2)[seen] / root[:, 2:][seen]
    # 300 draws know a spread to 4 %, and few sources mean fat tails
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert ratio.min() > 0.7 and ratio.max() < 1.4
    # nothing that is found lies outside what is stated
    assert root[:, 2:][~seen].max(initial=0) < 0.05 * np.nanmax(u)


def test_rms_values_by_budget_and_by_monte_carlo() -> None:
    rng = np.random.default_rng(1)
    values = np.zeros((1, 8), dtype=complex)
    values[0, 2:] = rng.normal(size=6) + 1j * rng.normal(size=6)
    seen = np.zeros((1, 8), dtype=bool)
    seen[0, 2:] = True
    noise = Noise("noise", np.where(seen, 0.02, 0.0), 0.1, "µm")
    scalar = Scalar("gain", 1.0, "%", 0.01 * values)
    found = evaluated(Uncertain(values, seen, [noise], [scalar]), ["a_rms"], 40_000, 1)
    rms = 1e3 * np.sqrt((np.abs(values) ** 2).sum() / 2)
    assert found.rms["a_rms"].value == pytest.approx(rms)
    gains = next(line for line in found.lines if line.source == "gain")
    assert gains.contribution == pytest.approx(0.01 * rms)
    random = next(line for line in found.lines if line.source == "noise")
    # every real part has the variance 0.01, and d rms = sum Re(conj A dA) / (2 rms)
    assert random.contribution == pytest.approx(1e3 * np.sqrt(0.01) / np.sqrt(2), rel=1e-9)
    assert found.simulated["a_rms"] == pytest.approx(found.rms["a_rms"].uncertainty, rel=0.1)
    assert found.flags == []
    again = evaluated(Uncertain(values, seen, [noise], [scalar]), ["a_rms"], 40_000, 1)
    assert again.simulated == found.simulated
    assert evaluated(Uncertain(values, seen, [noise], [scalar]), ["a_rms"], 0, 1).simulated == {}


def test_hann_weights_hold_off_a_line_at_a_broken_order() -> None:
    rig = Rig.drawn(np.random.default_rng(9), upr=12)
    t = 2 * np.pi * np.arange(64 * 60) / 64
    phi = np.radians(MARSH)[:, None]
    signals = np.tile(rig.turn(MARSH, 64), 60) + 0.05 * np.cos(4.413 * t) * np.cos(phi)
    signals += 1e-4 * np.random.default_rng(2).standard_normal(signals.shape)
    given: dict[str, Any] = {
        "probe_angles_deg": list(MARSH), "samples_per_revolution": 64, "max_upr": 12, "trials": 0,
    }  # fmt: skip
    error = {}
    for weighting in ("equal", "hann", "auto"):
        found = separate(table(signals), weighting=weighting, **given)
        values, u = harmonics(found.harmonics, "x")
        error[weighting] = np.abs(values - 1e3 * rig.x)[2:].max()
        assert error[weighting] < 2.5 * u[2:].max()
    assert error["hann"] == error["auto"] < 0.08 * error["equal"]
    from recore.method import Refusal

    with pytest.raises(Refusal, match="too-few-for-hann"):
        separate(table(signals[:, : 64 * 10]), weighting="hann", **given)
