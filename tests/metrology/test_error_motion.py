"""Error motion against motions that are known, and against a second formulation."""

from __future__ import annotations

import csv
import json
import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spindle_record import Floats, Test, plot

from recore.evidence import Table
from recore.metrology.spindle.error_motion import ErrorMotion, error_motion
from recore.metrology.spindle.motion_values import about_centre, centred

X = {2: 0.05, 3: 0.04j, 5: 0.02 + 0.01j, 11: 0.008}
Y = {2: 0.03j, 4: 0.05, 7: -0.01j}
LAYOUTS = [(0.0, 90.0), (0.0, 60.0), (10.0, 130.0, 255.0), (0.0, 35.0, 97.0, 135.0, 200.0)]


def run(test: Test, **more: Any) -> ErrorMotion:
    return error_motion(test.table(), **test.ask(**more))


def value(result: ErrorMotion, name: str) -> float:
    quantity = getattr(result, name)
    assert quantity is not None, name
    return float(quantity.value)


def codes(result: ErrorMotion) -> set[str]:
    return {note.code for note in (*result.flags, *result.refusals)}


def turn(test: Test) -> Floats:
    return test.t()[: test.n]


@pytest.mark.parametrize("angles", LAYOUTS, ids=["0-90", "0-60", "three", "five"])
@pytest.mark.parametrize("sense", [1, -1], ids=["ccw", "cw"])
def test_known_motion_is_found_exactly(angles: tuple[float, ...], sense: int) -> None:
    test = Test(angles, x=X, y=Y, sense=sense)
    found = run(test, rotation="ccw" if sense == 1 else "cw", direction_deg=30.0, rotating_deg=20.0)
    t = turn(test)
    x, y = plot(X, t), plot(Y, t)
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    a = t + np.radians(20)
    truth = {
        "synchronous_fixed_x": np.ptp(x),
        "synchronous_fixed_y": np.ptp(y),
        "synchronous_fixed": np.ptp(c * x + s * y),
        "total_fixed": np.ptp(c * x + s * y),
        "synchronous_rotating": np.ptp(centred(x * np.cos(a) + y * np.sin(a))),
        "asynchronous_fixed": 0.0,
        "asynchronous_rotating": 0.0,
        "eccentricity": 5.0,
    }
    for name, expected in truth.items():
        assert value(found, name) == pytest.approx(expected, abs=1e-11), name
    assert value(found, "eccentricity_phase") == pytest.approx(np.degrees(0.7))


def test_three_per_turn_in_x_alone_in_the_rotating_direction() -> None:
    # a·cos 3t·cos t = a/2·(cos 2t + cos 4t) runs from a down to −9a/16
    found = run(Test(x={3: 0.1}))
    assert value(found, "synchronous_rotating") == pytest.approx(0.1 * (1 + 9 / 16), rel=1e-3)
    assert value(found, "synchronous_fixed") == pytest.approx(0.2)


def test_a_backward_once_per_turn_motion_bores_an_oval() -> None:
    # x = b cos t, y = −b sin t: no eccentricity of the artefact, but 2 UPR for a tool that turns
    b = 0.2
    found = run(Test(x={1: b}, y={1: 1j * b}))
    assert value(found, "synchronous_fixed") == pytest.approx(0, abs=1e-12)
    assert value(found, "synchronous_rotating") == pytest.approx(2 * b)
    assert "eccentricity-not-round" not in codes(found)
    assert "eccentricity-not-round" in codes(run(Test(x={1: 0.4}, y={1: 0.4j})))


@pytest.mark.parametrize("angles", LAYOUTS[:3], ids=["0-90", "0-60", "three"])
def test_against_order_picking(angles: tuple[float, ...]) -> None:
    # the lines of the whole record's spectrum at multiples of the number of revolutions are the synchronous part
    test = Test(angles, x=X | {3.37: 0.02}, y=Y | {0.41: 0.01}, form={4: 0.01}, noise=0.005)
    found = run(test)
    record = np.stack(list(test.channels().values()))
    design = np.column_stack((np.cos(np.radians(angles)), np.sin(np.radians(angles))))
    x, y = np.linalg.lstsq(design, record, rcond=None)[0]
    t = test.t()
    for name, signal in (("fixed", x), ("rotating", x * np.cos(t) + y * np.sin(t))):
        spectrum = np.fft.rfft(signal)
        picked = np.zeros_like(spectrum)
        picked[2 * test.turns :: test.turns] = spectrum[2 * test.turns :: test.turns]
        synchronous = np.fft.irfft(picked, len(signal))
        assert value(found, f"synchronous_{name}") == pytest.approx(np.ptp(synchronous), rel=1e-9)
        left = spectrum.copy()
        left[:: test.turns] = 0
        rest = np.fft.irfft(left, len(signal)).reshape(test.turns, -1)
        assert value(found, f"asynchronous_{name}") == pytest.approx(np.ptp(rest, axis=0).max(), rel=1e-9)
        whole = np.fft.irfft(left, len(signal)) + synchronous
        assert value(found, f"total_{name}") == pytest.approx(np.ptp(whole), rel=1e-9)
        sigma = np.sqrt(np.mean(rest.var(axis=0, ddof=1)))
        assert value(found, f"asynchronous_{name}_sigma") == pytest.approx(sigma, rel=1e-9)
        band = np.diff(np.percentile(rest, (2.5, 97.5)))[0]
        assert value(found, f"asynchronous_{name}_band_95") == pytest.approx(band, rel=1e-9)


def test_a_line_that_is_not_whole_is_asynchronous_by_its_double_amplitude() -> None:
    found = run(Test(x=X | {(np.sqrt(5) - 1) / 2: 0.03}, turns=400, n=128))
    assert value(found, "asynchronous_fixed") == pytest.approx(0.06, rel=1e-3)
    # on either side of a sine's mean 95 % of the time are spent within sin(0.475·π) of its amplitude
    assert value(found, "asynchronous_fixed_band_95") == pytest.approx(0.06 * np.sin(0.475 * np.pi), rel=0.01)
    assert value(found, "asynchronous_fixed_sigma") == pytest.approx(0.03 / np.sqrt(2), rel=0.01)
    # it leaks by less than 2/(M·sin πδ) into the mean of M revolutions
    assert value(found, "synchronous_fixed") == pytest.approx(np.ptp(plot(X, turn(Test(n=128)))), abs=4e-4)


def test_the_largest_width_grows_with_the_revolutions_and_the_band_does_not() -> None:
    few, many = (run(Test(noise=0.01, turns=m, n=128)) for m in (40, 800))
    assert value(many, "asynchronous_fixed") > 1.25 * value(few, "asynchronous_fixed")
    assert value(many, "asynchronous_fixed_band_95") == pytest.approx(2 * 1.96 * 0.01, rel=0.03)
    assert value(few, "asynchronous_fixed_band_99") == pytest.approx(2 * 2.576 * 0.01, rel=0.06)


def test_axial_face_and_tilt() -> None:
    axial, lean = {1: 0.08, 2: 0.03, 4: 0.01j}, {2: 0.001, 3: 0.0005}  # µm, µm/mm
    x2 = {k: X.get(k, 0) + 50.0 * lean.get(k, 0) for k in {*X, *lean}}
    test = Test(x=X, y=Y, x2=x2, y2=Y, axial=axial)
    found = run(test, plane_distance_mm=50.0, face_radius_mm=30.0)
    t = turn(test)
    a, tilt = plot(axial, t), plot(lean, t)
    to_arcsec = np.degrees(1e-3) * 3600
    truth = {
        "axial_synchronous": np.ptp(a),
        "axial_total": np.ptp(a),
        "axial_fundamental": 0.16,
        "axial_residual": np.ptp(centred(a)),
        "axial_asynchronous": 0.0,
        "tilt_synchronous_fixed": np.ptp(tilt) * to_arcsec,
        "tilt_synchronous_rotating": np.ptp(centred(tilt * np.cos(t))) * to_arcsec,
        "face_synchronous": np.ptp(a - 30.0 * tilt),
        "face_fundamental": 0.16,
    }
    for name, expected in truth.items():
        assert value(found, name) == pytest.approx(expected, abs=1e-10), name
    # two axial probes show the same tilt and the same face motion
    face = {k: axial.get(k, 0) - 30.0 * lean.get(k, 0) for k in {*axial, *lean}}
    two = run(replace(test, x2=None, y2=None, face=face), face_radius_mm=30.0)
    for name in ("tilt_synchronous_fixed", "face_synchronous", "face_residual"):
        assert value(two, name) == pytest.approx(value(found, name), abs=1e-10), name
    assert two.tilt_synchronous_rotating is None
    alone = run(replace(test, face=face))
    assert {"plane2-unused", "face-unused"} <= codes(alone)
    assert alone.face_total is None and value(alone, "axial_total") == pytest.approx(np.ptp(a))


@pytest.mark.parametrize("seed", range(4))
def test_five_centres_against_linear_programmes(seed: int) -> None:
    from scipy.optimize import linprog

    rng = np.random.Generator(np.random.PCG64(seed))
    t = 2 * np.pi * np.arange(240) / 240
    line = plot({k: complex(*rng.normal(size=2)) / k for k in range(1, 20)}, t)
    half = np.abs(rng.normal(size=len(t))) * 0.2 * seed
    high, low = line + half, line - half
    if seed == 0:
        high = low = line
    shift, one, none = np.column_stack((np.cos(t), np.sin(t))), np.ones((len(t), 1)), np.zeros((len(t), 1))
    # u, v, outer, inner: the plot about the centre lies between the two
    rows = np.vstack((np.hstack((-shift, -one, none)), np.hstack((shift, none, one))))
    for centre, cost in (("mzc", [0, 0, 1, -1]), ("mcc", [0, 0, 1, 0]), ("mic", [0, 0, 0, -1])):
        bounds = [(None, None)] * 2 + [(-50, 50)] * 2
        u, v, *_ = linprog(cost, rows, np.r_[-high, low], bounds=bounds).x
        moved = shift @ [u, v]
        expected = float((high - moved).max() - (low - moved).min())
        assert about_centre(high, low, centre) == pytest.approx(expected, rel=1e-6), centre
    assert about_centre(high, low, "pc") == high.max() - low.min()
    amplitude = np.fft.rfft((high + low) / 2)[1] * 2 / len(t)
    moved = np.real(amplitude * np.exp(1j * t))
    assert about_centre(high, low, "lsc") == pytest.approx((high - moved).max() - (low - moved).min())


def test_the_centre_of_the_chart_keeps_the_eccentricity_and_each_zone_is_at_most_the_last() -> None:
    found = run(Test(x=X, y=Y, noise=0.01))
    assert value(found, "synchronous_fixed_pc") == pytest.approx(10.0, abs=0.2)
    for kind in ("synchronous", "total"):
        for motion in ("fixed", "rotating"):
            zone = value(found, f"{kind}_{motion}_mzc")
            others = [value(found, f"{kind}_{motion}{end}") for end in ("", "_mic", "_mcc", "_pc")]
            assert zone <= min(others) * (1 + 1e-6)


def test_worst_direction() -> None:
    # 0.1 along 40° and 0.02 across
    c, s = np.cos(np.radians(40)), np.sin(np.radians(40))
    found = run(Test(x={3: 0.1 * c - 0.02j * s}, y={3: 0.1 * s + 0.02j * c}))
    assert value(found, "worst_direction") == pytest.approx(40, abs=0.5)
    assert value(found, "synchronous_worst") == pytest.approx(0.2, rel=1e-3)


def test_one_probe_gives_its_own_direction_and_says_so() -> None:
    test = Test((60.0,), x=X, y=Y)
    found = run(test)
    c, s = np.cos(np.radians(60)), np.sin(np.radians(60))
    t = turn(test)
    assert value(found, "synchronous_fixed") == pytest.approx(np.ptp(c * plot(X, t) + s * plot(Y, t)))
    assert (
        found.synchronous_rotating is None
        and found.synchronous_fixed_x is None
        and found.eccentricity is None
    )
    assert {"one-probe", "channels-unchecked"} <= codes(found)


def test_curvature_of_an_eccentric_artefact_is_taken_out() -> None:
    # 5 µm on a radius of 12.5 mm feign 0.5 nm at 2 UPR
    test = Test(x=X, y=Y)
    columns = test.channels()
    for i, phi in enumerate(np.radians(test.angles)):
        columns[f"p{i + 1}_um"] += -(5.0**2 / (4 * 12_500)) * (1 - np.cos(2 * (test.t() - phi + 0.7)))
    found = error_motion(Table.of(columns), **test.ask(artefact_radius_mm=12.5))
    assert value(found, "curvature") == pytest.approx(0.0005)
    assert value(found, "synchronous_fixed") == pytest.approx(np.ptp(plot(X, turn(test))), abs=1e-9)
    left = error_motion(Table.of(columns), **test.ask())
    assert abs(value(left, "synchronous_fixed") - value(found, "synchronous_fixed")) > 1e-5


def test_structural_motion_with_the_spindle_stopped() -> None:
    test = Test(x=X, y=Y, noise=0.002)
    still = Table.of({"p1_um": [1.0, 1.05, 0.99], "p2_um": [0.0, 0.01, 0.02]})
    found = error_motion(test.table(), still, **test.ask(direction_deg=90.0))
    assert value(found, "structural_x") == pytest.approx(0.06)
    assert value(found, "structural_y") == pytest.approx(0.02)
    assert value(found, "structural_fixed") == pytest.approx(0.02)
    assert "structural-motion" in codes(found)


@settings(max_examples=5, deadline=None)
@given(st.floats(-180, 180), st.floats(0.1, 8), st.integers(0, 2**20))
def test_turning_the_whole_setup_changes_nothing(delta: float, scale: float, seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    z = {k: complex(*rng.normal(size=2)) * 0.03 for k in (2, 3, 3.6, 5)}
    w = {k: complex(*rng.normal(size=2)) * 0.03 for k in (2, 0.42, 6)}
    plain = Test((0.0, 75.0), n=128, turns=24, x=z, y=w)
    base = run(plain, spectrum_to_order=0)
    c, s = np.cos(np.radians(delta)), np.sin(np.radians(delta))
    keys = {*z, *w}
    turned = replace(
        plain,
        angles=(delta, 75.0 + delta),
        x={k: scale * (c * z.get(k, 0) - s * w.get(k, 0)) for k in keys},
        y={k: scale * (s * z.get(k, 0) + c * w.get(k, 0)) for k in keys},
        e=5 * scale,
        g=0.7 + np.radians(delta),
    )
    found = run(turned, direction_deg=delta, rotating_deg=delta, spectrum_to_order=0)
    for kind in ("synchronous", "asynchronous", "total"):
        for motion in ("fixed", "rotating"):
            name = f"{kind}_{motion}"
            assert value(found, name) == pytest.approx(scale * value(base, name), rel=1e-9, abs=1e-11), name


def test_drift_is_told_and_can_be_taken_out() -> None:
    test = Test(x=X, y=Y, noise=0.002, turns=60)
    calm = run(test)
    slow = run(replace(test, drift=0.001))
    assert value(slow, "drift_per_revolution") == pytest.approx(0.001, rel=0.05)
    assert "drift" in codes(slow) and "drift" not in codes(calm)
    fast = run(replace(test, drift=0.02))
    assert (
        fast.asynchronous_fixed is None and fast.total_fixed is None and "drift-exceeds-motion" in codes(fast)
    )
    removed = run(replace(test, drift=0.02), drift="remove")
    for name in ("synchronous_fixed", "asynchronous_fixed", "total_fixed", "asynchronous_rotating"):
        # a straight line through noise takes a little of it
        assert value(removed, name) == pytest.approx(value(calm, name), rel=0.05), name
    assert value(removed, "drift_per_revolution") == pytest.approx(0.02, rel=0.01)


def test_polar_table_and_plot_hold_the_values() -> None:
    found = run(Test(x=X | {3.6: 0.02}, y=Y, noise=0.003, axial={1: 0.05}), trials=50, bearing="6205")
    assert found.polar is not None
    polar = {
        name: column.to_numpy()
        for name, column in zip(found.polar.column_names, found.polar.columns, strict=True)
    }
    assert np.ptp(polar["fixed_mean_um"]) == pytest.approx(value(found, "synchronous_fixed"))
    total = polar["rotating_highest_um"].max() - polar["rotating_lowest_um"].min()
    assert total == pytest.approx(value(found, "total_rotating"))
    assert np.ptp(polar["axial_mean_um"]) == pytest.approx(value(found, "axial_synchronous"))
    chart = error_motion.draw(found)  # type: ignore[misc]
    assert len(chart["vconcat"]) == 4  # fixed, rotating, axial, order spectrum
    text = json.dumps(chart, ensure_ascii=False)
    assert "line of the bearing" in text and "order [multiples" in text
    assert "(k = 2)" in text and "[µm]" in text and str(found.total_rotating) in text
    assert len(text) < 500_000
    few = run(Test(x=X, y=Y, turns=10), spectrum_to_order=0)
    chart = error_motion.draw(few)  # type: ignore[misc]
    assert len(chart["vconcat"]) == 2 and "synchronous refused" in json.dumps(chart)


@pytest.mark.parametrize("name", ["rig_3probe_aalto", "rig_3probe_opt50", "rig_4probe_opt100"])
def test_rigs_of_the_shared_data(name: str, shared_data: Callable[[str], Path]) -> None:
    rig = np.load(shared_data(f"spindle/{name}.npz"))
    signal, angles = rig["signal_um"].astype(float), rig["angles_deg"]
    p, turns, n = signal.shape
    table = Table.of({f"p{i + 1}_um": row for i, row in enumerate(signal.reshape(p, -1))})
    found = error_motion(
        table, probe_angles_deg=angles.tolist(), samples_per_revolution=n, artefact_radius_mm=12.5, trials=0
    )
    # nothing is separated here: what is measured holds the artefact as the layout passes it on
    t = 2 * np.pi * np.arange(n) / n
    phi = np.radians(angles)
    spectrum = np.fft.rfft(rig["truth_artefact_um"])
    k = np.arange(n // 2 + 1)
    forms = np.stack([np.fft.irfft(spectrum * np.exp(-1j * k * a), n) for a in phi])
    weights = np.linalg.pinv(np.column_stack((np.cos(phi), np.sin(phi))))
    x = rig["truth_x_um"] + weights[0] @ forms
    y = rig["truth_y_um"] + weights[1] @ forms
    for motion, truth in (("fixed", x), ("rotating", x * np.cos(t) + y * np.sin(t))):
        quantity = getattr(found, f"synchronous_{motion}")
        assert abs(quantity.value - np.ptp(centred(truth))) < quantity.uncertainty
    assert value(found, "eccentricity") == pytest.approx(float(rig["truth_ecc_um"][0]), abs=0.003)
    assert value(found, "revolutions") == turns


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    test = Test(x=X, y=Y, noise=0.002, n=1024, turns=24)
    columns = test.channels()
    path = tmp_path / "rec.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(np.round(np.column_stack(list(columns.values())), 6).tolist())
    ended = recore(
        "run", "spindle.error-motion", path, "-p", "probe_angles_deg=0,90", "-p", "samples_per_revolution=1024", "--json"
    )  # fmt: skip
    assert ended.status == 0, ended.err
    document = ended.json
    t = 2 * np.pi * np.arange(1024) / 1024
    found = document["results"]["synchronous_fixed"]
    assert found["value"] == pytest.approx(np.ptp(plot(X, t)), abs=found["uncertainty"])
    for kind in ("synchronous", "asynchronous", "total"):
        for motion in ("fixed", "rotating"):
            result = document["results"][f"{kind}_{motion}"]
            assert result["unit"] == "µm" and result["uncertainty"] > 0
    assert {a["file"] for a in document["artifacts"]} >= {
        "budget.csv",
        "polar.csv",
        "orders.parquet",
        "peaks.csv",
    }
    assert recore("run", "spindle.error-motion", path, "-p", "probe_angles_deg=0,90", "--json").status == 2


def test_the_example_is_what_its_script_makes_and_runs(recore: Callable[..., Any], tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "examples" / "spindle"
    made = runpy.run_path(str(folder / "make_record.py"))
    assert made["record"]() == (folder / "record.csv").read_text()
    still = tmp_path / "stopped.csv"
    still.write_text("p1_um,p2_um,p3_um\n0,0,0\n0.004,0.001,-0.002\n0.001,0,0.003\n")
    ended = recore(
        "run", "spindle.error-motion", folder / "record.csv", still, "-p", "probe_angles_deg=0,99.84,202.5", "-p",
        "samples_per_revolution=128", "-p", "bearing=n=13,d=8.7,D=45,contact=0", "--json",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    results = ended.json["results"]
    assert results["line_name"]["value"] == "FTF"
    assert results["eccentricity"]["value"] == pytest.approx(2.0, abs=results["eccentricity"]["uncertainty"])
    assert results["structural_fixed"]["value"] > 0
    t = 2 * np.pi * np.arange(128) / 128
    x, y = ({k: a for k, a in made[name].items() if isinstance(k, int)} for name in "XY")
    truth = np.ptp(centred(plot(x, t) * np.cos(t) + plot(y, t) * np.sin(t)))
    found = results["synchronous_rotating"]
    # the artefact's own form is in it
    assert found["value"] == pytest.approx(truth, abs=found["uncertainty"] + 0.012)


def test_the_page_names_every_code() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "error-motion.md").read_text()
    room = root / "src" / "recore" / "metrology" / "spindle"
    for file in (*room.glob("error_motion*.py"), room / "motions.py"):
        for code in re.findall(r'(?:Note|Refusal)\(\s*"([a-z0-9-]+)"', file.read_text()):
            assert f"`{code}`" in page, code
