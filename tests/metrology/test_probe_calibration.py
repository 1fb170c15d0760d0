"""spindle.calibrate-probes: angles and gains from two eccentricities."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spindle_rig import Rig, codes, table

from recore.errors import BadInput
from recore.method import Refusal
from recore.metrology.spindle.separation.averages import weighted
from recore.metrology.spindle.separation.calibrate import Calibration, calibrate_probes, compared

NOMINAL = (0.0, 99.84, 202.5)
TRUE = (0.0, 100.15, 202.28)
GAINS = (1.0, 1.004, 0.997)


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig.drawn(np.random.default_rng(31), upr=20, eccentricity=1.0, phase=2.0, backward=0.02)


def pair(rig: Rig, angles: tuple[float, ...] = TRUE, **how: Any) -> tuple[Any, Any]:
    how = {"rng": np.random.default_rng(4), "gains": GAINS, "samples": 64} | how
    return rig.record(angles, **how), replace(rig, eccentricity=5.5, phase=0.7).record(angles, **how)


def run(first: Any, second: Any, **given: Any) -> Calibration:
    given = {"samples_per_revolution": 64, "trials": 0, "probe_angles_deg": list(NOMINAL)} | given
    return calibrate_probes(table(first), table(second), **given)


def test_backward_motion_does_not_bias_the_difference(rig: Rig) -> None:
    found = run(*pair(rig, noise=0, asynchronous=0))
    np.testing.assert_allclose(found.angles.value, TRUE, atol=1e-9)
    np.testing.assert_allclose(found.gains.value, GAINS, rtol=1e-11)
    assert found.backward_fundamental.value == pytest.approx(20, rel=1e-6)


def test_one_record_alone_is_off_by_a_quarter_of_a_degree(rig: Rig) -> None:
    # 20 nm against 5 µm are 0.23°; a pair of probes sees up to twice that
    moving = replace(rig, phase=0.7, eccentricity=0.0)
    first = moving.record(TRUE, rng=np.random.default_rng(1), samples=64, noise=0, asynchronous=0)
    second = replace(moving, eccentricity=5.0).record(
        TRUE, rng=np.random.default_rng(1), samples=64, noise=0, asynchronous=0
    )
    found = run(first, second)
    np.testing.assert_allclose(found.angles.value, TRUE, atol=1e-9)
    assert 0.1 < found.single_record_angle_error.value < 2 * np.degrees(0.02 / 5) + 1e-3
    assert np.degrees(0.02 / 5) == pytest.approx(0.23, abs=0.001)


def test_angle_to_five_thousandths_and_gain_to_two_hundredths_of_a_percent(rig: Rig) -> None:
    found = run(*pair(rig, samples=256, revolutions=500), samples_per_revolution=256, trials=2000)
    assert np.abs(np.subtract(found.angles.value, TRUE)).max() < 0.005
    assert np.abs(np.divide(found.gains.value, GAINS) - 1).max() < 2e-4
    assert found.angles.uncertainty < 0.005 and found.gains.uncertainty < 2e-4
    rows = found.probes.to_pylist()
    assert rows[0]["angle_u_deg"] == 0 and rows[0]["gain"] == 1
    for row, angle, gain in zip(rows[1:], TRUE[1:], GAINS[1:], strict=True):
        assert abs(row["angle_deg"] - angle) < 2 * row["angle_u_deg"]
        assert abs(row["gain"] - gain) < 2 * row["gain_u"]
    assert "Monte Carlo, U(95 %)" in found.budget["source"].to_pylist()
    assert not found.flags


def test_stated_intervals_of_the_angles_hold_95_percent() -> None:
    draw = np.random.default_rng(6)
    trials, count = 2000, 40
    phi = np.radians(TRUE)

    def normal(*shape: int) -> Any:
        return draw.standard_normal((*shape, 2)).view(complex)[..., 0]

    # groups (2 records, T, P, B, 1): eccentricity, backward motion, probe noise and a common random motion
    seen = np.array([1.0, 5.0])[:, None] * np.exp(-1j * phi) + 0.02 * np.exp(1j * phi)
    x, y = normal(2, 2, trials, 1, count)
    groups = seen[:, None, :, None] + 0.005 * normal(2, trials, 3, count)
    groups += 0.01 * (x * np.cos(phi)[:, None] + y * np.sin(phi)[:, None])
    mean, lines = weighted(groups[..., None], "none")
    inside = []
    for trial in range(trials):
        found = compared(mean[:, trial, :, 0], lines[:, trial, :, :, 0])
        error = np.log(found.ratio[1:] * np.exp(1j * (phi[1:] - phi[0])))
        inside.append(np.abs([error.imag, error.real]) <= 2 * found.relative[1:])
    assert 0.93 <= np.mean(inside) <= 0.97


def test_every_stated_source_is_in_the_budget(rig: Rig) -> None:
    plain = run(*pair(rig))
    more = run(*pair(rig), linearity_nm=5, u_encoder_rad=1e-4, u_first_angle_deg=0.1)
    assert more.angles.uncertainty > max(0.2, plain.angles.uncertainty)
    assert more.gains.uncertainty > plain.gains.uncertainty
    assert {"linearity", "encoder error, repeating", "angle of p1"} <= set(more.budget["source"].to_pylist())
    # motion that does not repeat between the records is seen in the harmonics beside
    first, _ = pair(rig)
    _, second = pair(replace(rig, x=3 * rig.x))
    assert run(first, second).angles.uncertainty > 1.5 * plain.angles.uncertainty


def test_the_same_eccentricity_twice_is_refused(rig: Rig) -> None:
    first, _ = pair(rig)
    with pytest.raises(Refusal, match="eccentricity-not-changed"):
        run(first, first)


def test_a_dead_probe_is_refused(rig: Rig) -> None:
    first, second = pair(rig)
    first[1] = second[1] = 0.001 * np.random.default_rng(1).standard_normal(first.shape[1])
    with pytest.raises(Refusal, match=r"dead-probe.*p2"):
        run(first, second)


def test_swapped_channels_are_refused_and_far_angles_flagged(rig: Rig) -> None:
    first, second = pair(rig)
    with pytest.raises(Refusal, match="channels swapped"):
        run(first[[0, 2, 1]], second[[0, 2, 1]])
    found = run(first, second, probe_angles_deg=[0, 104, 202.5])
    assert "angle-far-from-nominal" in codes(found.flags)
    assert found.angles.value[1] == pytest.approx(100.15, abs=0.02)


def test_one_probe_is_bad_input(rig: Rig) -> None:
    with pytest.raises(BadInput, match="at least two probes"):
        run(*pair(rig), probe_angles_deg=[0])


def test_the_door(rig: Rig, recore: Callable[..., Any], tmp_path: Path) -> None:
    files = []
    for i, signals in enumerate(pair(rig)):
        files.append(tmp_path / f"{i}.csv")
        files[-1].write_text(
            "\n".join(["p1_um,p2_um,p3_um", *(",".join(f"{v:.8g}" for v in r) for r in signals.T)])
        )
    ended = recore(
        "run", "spindle.calibrate-probes", *files, "-p", "probe_angles_deg=0,99.84,202.5",
        "-p", "samples_per_revolution=64", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert len(ended.json["results"]["angles"]["value"]) == 3
    (written,) = (tmp_path / "out").rglob("probes.csv")
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert list(rows[0]) == ["probe", "nominal_deg", "angle_deg", "angle_u_deg", "gain", "gain_u"]
    assert calibrate_probes.draw is not None
    assert "as found" in json.dumps(calibrate_probes.draw(run(*pair(rig))), allow_nan=False)
