"""Order tracking and gear indicators: formulas on signals of known moments, a simulated tooth fault, bad records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.vibration.gear_condition import Gear, indicators, kurtosis, moment, na4
from recore.metrology.vibration.order import order
from recore.metrology.vibration.order_plot import order_spectrum

RATE = 6400.0
TEETH = 23
ANGLE = np.arange(512) * 2 * np.pi / 512
ASKED: dict[str, Any] = {"teeth": [TEETH], "rate_hz": RATE}


def turning(revolutions: float = 60.0, speed: float = 25.0, swing: float = 0.02) -> np.ndarray:
    time = np.arange(int(revolutions / speed * RATE)) / RATE
    return speed * time + swing * np.sin(2 * np.pi * 0.9 * time)


def gearbox(fault: float = 0.0, seed: int = 1, noise: float = 0.2, **motion: float) -> dict[str, np.ndarray]:
    """Mesh of 23 teeth with its harmonics, eccentricity, a foreign shaft, noise, and one bad tooth at 0.4 turns."""
    rng = np.random.Generator(np.random.PCG64(seed))
    turn = turning(**motion)
    angle = 2 * np.pi * turn
    mesh = sum(a * np.cos(k * TEETH * angle + k) for k, a in ((1, 1.0), (2, 0.5), (3, 0.25)))
    signal = mesh * (1 + 0.05 * np.cos(angle)) + 0.4 * np.cos(12.613 * angle)
    signal += fault * np.exp(-((((turn % 1) - 0.4) / 0.02) ** 2)) * np.cos(77 * angle)
    # a magnet on the shaft: a smooth pulse in every turn
    tacho = np.exp(-((((turn + 0.5) % 1 - 0.5) / 0.03) ** 2)) * 5
    return {"x [m/s²]": signal + noise * rng.standard_normal(len(turn)), "tacho_v": tacho}


@pytest.fixture(scope="module")
def healthy() -> Any:
    return order(Table.of(gearbox()), **ASKED)


def test_moments_of_signals_that_are_known() -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    normal = rng.standard_normal(400_000)
    assert kurtosis(np.sin(ANGLE)) == pytest.approx(1.5, abs=1e-12)
    assert kurtosis(normal) == pytest.approx(3.0, abs=0.05)
    assert moment(normal, 6) / moment(normal, 2) ** 3 == pytest.approx(15.0, abs=0.6)


def test_fm0_of_a_clean_mesh_is_two() -> None:
    # peak to valley 2 A over the sum of one amplitude A
    found = indicators(3.0 * np.sin(16 * ANGLE), Gear((16,), 512, 200.0), None)
    assert found["fm0"] == pytest.approx(2.0, rel=1e-9)
    assert found["mesh_amplitude"] == pytest.approx(3.0)
    assert found["sideband_energy_ratio"] == pytest.approx(0.0, abs=1e-12)


def test_sidebands_of_an_amplitude_modulation() -> None:
    # (1 + m cos) puts m/2 on either side
    signal = (1 + 0.3 * np.cos(ANGLE) + 0.1 * np.cos(2 * ANGLE)) * np.cos(40 * ANGLE)
    found = indicators(signal, Gear((40,), 512, 200.0), None)
    assert found["sideband_energy_ratio"] == pytest.approx(0.4)
    rms = np.sqrt(0.5 * (1 + 2 * 0.15**2 + 2 * 0.05**2))
    assert found["sideband_level_factor"] == pytest.approx(0.3 / rms)


def test_indicators_against_the_formulas_written_out() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    average = rng.standard_normal(512) + 2 * np.cos(23 * ANGLE) + np.cos(46 * ANGLE + 1)
    gear = Gear((23, 31), 512, 200.0)
    found = indicators(average, gear, None)
    spectrum = np.fft.fft(average)
    for sides, name in ((0, "residual"), (1, "difference")):
        kept = spectrum.copy()
        for z in (23, 31):
            for k in range(z, 258, z):
                for line in range(k - sides, k + sides + 1):
                    if line <= 256:
                        kept[[line, -line]] = 0
        kept[[0, 1, 2, -1, -2]] = 0
        rest = np.fft.ifft(kept).real
        assert found[f"{name}_rms"] == pytest.approx(rest.std())
        if sides:
            assert found["fm4"] == pytest.approx(stats.kurtosis(rest, fisher=False))
            centred = rest - rest.mean()
            m6a = len(rest) ** 2 * (centred**6).sum() / (centred**2).sum() ** 3
            assert found["m6a"] == pytest.approx(m6a)
    harmonics = np.abs(spectrum[23:200:23]).sum() * 2 / 512
    assert found["fm0"] == pytest.approx(np.ptp(average) / harmonics)


def test_na4_is_the_kurtosis_without_a_change_and_grows_with_the_fourth_power() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    signal = rng.standard_normal(512)
    same = np.full(9, moment(signal, 2))
    assert na4(signal, np.append(same, moment(signal, 2))) == pytest.approx(kurtosis(signal))
    louder = 2 * signal
    expected = 16 * moment(signal, 4) / ((9 * moment(signal, 2) + 4 * moment(signal, 2)) / 10) ** 2
    assert na4(louder, np.append(same, moment(louder, 2))) == pytest.approx(expected)


def test_a_healthy_gear(healthy: Any) -> None:
    assert healthy.mesh_amplitude.value == pytest.approx(1.0, abs=0.01)
    assert healthy.speed.value == pytest.approx(1500, rel=0.01)
    assert abs(healthy.fm4.value - 3.0) < 1.0
    # foreign tone 0.4/sqrt(2) and noise 0.2 stay outside of the average
    assert healthy.asynchronous_rms.value == pytest.approx(np.hypot(0.4 / np.sqrt(2), 0.2), rel=0.05)
    assert healthy.coherence.value > 0.95
    assert healthy.sideband_energy_ratio.value == pytest.approx(0.05, abs=0.07)
    assert [note.code for note in healthy.refusals] == ["no-history"]
    assert healthy.na4 is None


def test_a_bad_tooth_lifts_fm4_from_three(healthy: Any) -> None:
    faults = [order(Table.of(gearbox(fault)), **ASKED) for fault in (0.3, 1.0)]
    values = [healthy.fm4.value, *(found.fm4.value for found in faults)]
    assert values[1] > 8
    assert values[2] > 20
    assert values[0] + healthy.fm4.uncertainty < values[1] - faults[0].fm4.uncertainty
    assert faults[1].m6a.value > 100 > healthy.m6a.value
    # where the tooth is, the difference signal is largest
    trace = np.abs(faults[1].tsa["difference"].to_numpy())
    at = faults[1].tsa["angle_deg"].to_numpy()[trace.argmax()]
    assert abs((at - 360 * 0.4 + 180) % 360 - 180) < 12


def test_stated_uncertainty_holds_over_repeated_records() -> None:
    runs = [order(Table.of(gearbox(0.3, seed)), trials=0, **ASKED) for seed in range(2, 18)]
    for name in ("fm4", "mesh_amplitude", "difference_rms", "fm0"):
        values = np.array([getattr(run, name).value for run in runs])
        stated = np.array([getattr(run, name).uncertainty for run in runs])
        assert (np.abs(values - values.mean()) <= stated).mean() >= 0.9, name
        assert stated.mean() < 4 * values.std(ddof=1) * 1.5, name


def test_history_gives_na4_and_nb4() -> None:
    before = [Table.of(gearbox(0.0, seed)) for seed in (4, 5, 6)]
    found = order(*before, Table.of(gearbox(1.0, 7)), **ASKED)
    history = found.history.to_pydict()
    assert history["na4"][0] is None
    assert history["na4"][1] == pytest.approx(3.0, abs=1.5)
    assert found.na4.value > 20 * history["na4"][2] / 3
    assert found.nb4.value > history["nb4"][2]
    assert found.na4.value == pytest.approx(history["na4"][3])
    assert not any(note.code == "no-history" for note in found.refusals)


def test_an_encoder_angle_serves_as_well_as_a_tacho() -> None:
    columns = gearbox()
    del columns["tacho_v"]
    with_angle = columns | {"angle_deg": (360 * turning()) % 360}
    found = order(Table.of(with_angle), **ASKED)
    assert found.mesh_amplitude.value == pytest.approx(1.0, abs=0.01)
    backwards = columns | {"angle_deg": (-360 * turning()) % 360}
    assert order(Table.of(backwards), **ASKED).mesh_amplitude.value == pytest.approx(1.0, abs=0.01)
    stuck = with_angle["angle_deg"].copy()
    stuck[300] = stuck[299]
    with pytest.raises(BadInput, match="row 301"):
        order(Table.of(columns | {"angle_deg": stuck}), **ASKED)


def test_a_gear_ratio_between_tacho_and_shaft() -> None:
    turn = turning(revolutions=120.0)
    tacho = np.sin(2 * np.pi * turn * 31 / 61)  # the tacho looks at the other shaft
    columns = {"x [m/s²]": np.cos(2 * np.pi * 23 * turn), "tacho": tacho}
    exact = order(Table.of(columns), ratio=[61.0, 31.0], **ASKED)
    assert exact.mesh_amplitude.value == pytest.approx(1.0, abs=0.005)
    rounded = order(Table.of(columns), ratio=[1.97], **ASKED)
    assert rounded.mesh_amplitude.value < 0.9
    wrong = order(Table.of(columns), ratio=[2.0], **ASKED)
    assert "mesh-not-coherent" in {note.code for note in wrong.flags}
    with pytest.raises(BadInput, match="positive"):
        order(Table.of(columns), ratio=[0.0], **ASKED)


def test_without_teeth_only_what_needs_none() -> None:
    found = order(Table.of(gearbox()), rate_hz=RATE, calibration_pct=2.0)
    assert found.fm4 is None
    assert found.mesh.num_rows == 0
    assert found.kurtosis.value > 1
    assert [note.code for note in found.refusals] == ["teeth-not-stated"]
    assert "calibration-not-stated" not in {note.code for note in found.flags}
    with pytest.raises(BadInput, match="teeth"):
        order(Table.of(gearbox()), rate_hz=RATE, teeth=[2])


def test_order_spectrum_of_known_lines() -> None:
    turns = np.arange(64 * 128) / 128
    values = np.sqrt(2) * (3 * np.sin(2 * np.pi * 7 * turns) + np.sin(2 * np.pi * 12.25 * turns))
    orders, lines = order_spectrum(values.reshape(64, 128))
    assert lines[np.flatnonzero(orders == 7.0)[0]] == pytest.approx(3.0, rel=1e-6)
    assert lines[np.flatnonzero(orders == 12.25)[0]] == pytest.approx(1.0, rel=1e-6)


def test_budget_has_every_result_and_both_ways(healthy: Any) -> None:
    rows = healthy.budget.to_pylist()
    for name in ("fm4", "fm0", "tsa_rms", "mesh_amplitude", "asynchronous_rms"):
        sources = [row["source"] for row in rows if row["result"] == name]
        assert sources[0] == "finite number of revolutions"
        assert sources[-2:] == ["combined, U(k = 2)", "Monte Carlo, U(95 %)"]
    assert "jitter of the tacho" in {row["source"] for row in rows}


def test_a_coarse_tacho_is_flagged() -> None:
    columns = gearbox()
    columns["tacho_v"] = (columns["tacho_v"] > 2.5) * 5.0
    found = order(Table.of(columns), samples_per_revolution=512, **ASKED)
    assert "tacho-jitter" in {note.code for note in found.flags}


def test_records_of_other_speeds_and_channels_are_flagged() -> None:
    other = gearbox(speed=20.0)
    other["y_mm_s"] = other.pop("x [m/s²]")
    found = order(Table.of(other), Table.of(gearbox(revolutions=15.0)), **ASKED)
    codes = {note.code for note in found.flags}
    assert {"other-speed", "other-sensor", "few-revolutions"} <= codes


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda c: c.pop("tacho_v"), "missing-tacho"),
        (lambda c: c.update(tacho_v=np.zeros(len(c["tacho_v"]))), "tacho-flat"),
        # swapped: the vibration as tacho has no regular pulse
        (lambda c: c.update({"x [m/s²]": c["tacho_v"], "tacho_v": c["x [m/s²]"]}), "tacho-irregular"),
        (lambda c: c.update({"x [m/s²]": np.clip(c["x [m/s²]"], -1, 1)}), "signal-clipped"),
    ],
    ids=["none", "flat", "swapped", "clipped"],
)
def test_records_that_give_no_average(edit: Callable[[dict[str, Any]], Any], code: str) -> None:
    columns = gearbox(revolutions=20.0)
    edit(columns)
    with pytest.raises(Refusal) as refused:
        order(Table.of(columns), **ASKED)
    assert refused.value.code == code


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e-4])
def test_a_record_in_another_unit_is_flagged(factor: float) -> None:
    columns = gearbox(revolutions=20.0)
    columns["x [m/s²]"] = factor * columns["x [m/s²]"]
    found = order(Table.of(columns), **ASKED)
    assert ("unit-doubtful" in {note.code for note in found.flags}) == (factor != 1.0)


def test_too_few_revolutions_and_too_low_a_rate() -> None:
    with pytest.raises(Refusal, match="few-revolutions"):
        order(Table.of(gearbox(revolutions=7.5)), **ASKED)
    with pytest.raises(Refusal, match="rate-too-low"):
        order(Table.of(gearbox()), teeth=[120], rate_hz=RATE)
    with pytest.raises(BadInput, match="do not hold order"):
        order(Table.of(gearbox()), samples_per_revolution=64, **ASKED)
    single = {"x [m/s²]": np.arange(4.0), "angle_deg": np.array([0.0, 90.0, 180.0, 270.0])}
    with pytest.raises(Refusal, match="rate-too-low"):
        order(Table.of(single), **ASKED)
    with pytest.raises(Refusal, match="record-too-short"):
        order(Table.of({name: values[:2] for name, values in single.items()}), **ASKED)


def test_two_channels_are_asked_for() -> None:
    columns = gearbox(revolutions=25.0)
    columns["y_g"] = columns["x [m/s²]"]
    with pytest.raises(BadInput, match="give channel: x, y"):
        order(Table.of(columns), **ASKED)
    assert order(Table.of(columns), channel="x", **ASKED).mesh_amplitude.unit == "m/s²"
    bare = Table.of({"ch1": columns["x [m/s²]"], "ch2": columns["tacho_v"]})
    numbered = order(bare, channel="1", tacho="2", unit="g", **ASKED)
    assert numbered.mesh_amplitude.value == pytest.approx(9.80665, rel=0.02)


def test_through_the_door(recore: Callable[..., Any], tmp_path: Path, healthy: Any) -> None:
    columns = gearbox(revolutions=25.0)
    lines = ["x [m/s²],tacho"] + [f"{a:.5f},{b:.5f}" for a, b in zip(*columns.values(), strict=True)]
    file = tmp_path / "run.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    ended = recore("run", "vibration.order", file, "-p", f"rate_hz={RATE:g}", "-p", "teeth=23", "--json")
    assert ended.status == 0, ended.err
    assert ended.json["results"]["mesh_amplitude"]["value"] == pytest.approx(1.0, abs=0.02)
    assert {a["file"] for a in ended.json["artifacts"]} >= {"tsa.csv", "orders.csv", "mesh.csv", "budget.csv"}
    assert len(json.dumps(order.draw(healthy))) < 300_000  # type: ignore[misc]
