"""The simulated spindle rig does what its description says; checked from the definitions, with no method of ours."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.simulate.periodic import Periodic, peak_to_valley
from recore.simulate.spindle import LAYOUTS, Rig, Setup, spindle
from recore.simulate.spindle_sets import setups, simulate_set
from recore.simulate.writing import filled

STILL = Rig(
    revolutions=3,
    samples=128,
    eccentricity_um=0.0,
    radius_mm=0.0,
    noise_nm=0.0,
    asynchronous_nm=0.0,
    axial_pv_nm=0.0,
)


def truth_of(made):
    h = {name: np.array(column) for name, column in made.harmonics.to_pydict().items()}
    return h["upr"], *(h[f"{n}_re_nm"] + 1j * h[f"{n}_im_nm"] for n in ("artefact", "x", "y"))


def column(made, name):
    return made.record[name].to_numpy()


@given(st.integers(2, 200), st.integers(0, 1000), st.floats(-50, 50))
@settings(deadline=None, max_examples=30)
def test_periodic_is_its_harmonics(highest, seed, angle):
    rng = np.random.default_rng(seed)
    harmonics = rng.normal(size=highest + 1) + 1j * rng.normal(size=highest + 1)
    t = angle + rng.uniform(0, 0.1, 20)
    direct = (
        harmonics[0].real
        + (harmonics[1:] * np.exp(1j * np.outer(t, np.arange(1, highest + 1)))).sum(axis=1).real
    )
    assert Periodic(harmonics)(t) == pytest.approx(direct, abs=1e-11 * highest)


@pytest.mark.parametrize("probes", [1, 3, 8])
def test_record_is_the_model_to_the_last_digit(probes):
    rig = replace(STILL, angles_deg=LAYOUTS[probes])
    made = spindle(5, rig)
    k, form, x, y = truth_of(made)
    t = 2 * np.pi * np.arange(rig.samples) / rig.samples
    wave = np.exp(1j * np.outer(k, t))
    for p, phi in enumerate(np.radians(rig.angles_deg)):
        wanted = ((form * np.exp(-1j * k * phi) + x * np.cos(phi) + y * np.sin(phi)) @ wave).real
        seen = 1e3 * column(made, f"p{p + 1}_um").reshape(rig.revolutions, -1)
        assert seen == pytest.approx(np.tile(wanted, (rig.revolutions, 1)), abs=1e-12 * np.ptp(wanted))
    assert np.ptp((form @ wave).real) == pytest.approx(rig.artefact_pv_nm, rel=0.02)
    assert np.ptp((x @ wave).real) == pytest.approx(rig.spindle_pv_nm, rel=0.02)
    # motion turns both ways: x and y are not one circle
    assert abs(y + 1j * x).max() > 0.1 and abs(y - 1j * x).max() > 0.1


def test_curvature_makes_two_undulations():
    # e = 5 µm on 12.5 mm: 0.500 nm
    made = spindle(3, replace(STILL, eccentricity_um=5.0, radius_mm=12.5))
    plain = spindle(3, replace(STILL, eccentricity_um=5.0))
    phase = made.truth["eccentricity_phase_rad"]
    for p, phi in enumerate(np.radians(STILL.angles_deg)):
        seen = column(made, f"p{p + 1}_um") - column(plain, f"p{p + 1}_um")
        harmonic = 2e3 * np.fft.rfft(seen[:128])[2] / 128
        # -(e²/4ρ)(1 - cos 2(t - phi + g)), and the form seen beside its place
        assert harmonic == pytest.approx(0.5 * np.exp(2j * (phase - phi)), abs=0.02)
    first = 2e3 * np.fft.rfft(column(plain, "p1_um")[:128])[1] / 128
    assert first == pytest.approx(5000 * np.exp(1j * phase), rel=1e-9)


def test_edge_is_where_the_line_meets_a_circle():
    rig = replace(STILL, eccentricity_um=800.0, radius_mm=10.0, artefact_pv_nm=1e-9, spindle_pv_nm=1e-9)
    made = spindle(1, rig)
    t = 2 * np.pi * np.arange(128) / 128 + made.truth["eccentricity_phase_rad"]
    centre = np.stack((800 * np.cos(t), 800 * np.sin(t)))
    for p, phi in enumerate(np.radians(rig.angles_deg)):
        u, v = np.array([np.cos(phi), np.sin(phi)]), np.array([-np.sin(phi), np.cos(phi)])
        edge = u @ centre + np.sqrt(1e4**2 - (v @ centre) ** 2) - 1e4
        assert column(made, f"p{p + 1}_um")[:128] == pytest.approx(edge, abs=1e-8)


def test_a_ball_shows_axial_motion_and_a_cylinder_does_not():
    rig = replace(STILL, radius_mm=1.0, axial_pv_nm=20_000.0, axial=True)
    ball, cylinder = spindle(2, rig), spindle(2, replace(rig, ball=False))
    lower = column(cylinder, "p1_um") - column(ball, "p1_um")
    assert lower == pytest.approx(column(ball, "axial1_um") ** 2 / 2000, abs=1e-4)


def test_noise_and_asynchronous_motion_have_their_size():
    made = spindle(4, replace(STILL, revolutions=400, noise_nm=5.0, spindle_pv_nm=1e-6, artefact_pv_nm=1e-6))
    assert 1e3 * column(made, "p1_um").std() == pytest.approx(5.0, rel=0.02)
    moving = spindle(4, replace(STILL, revolutions=400, asynchronous_nm=10.0, angles_deg=(0.0, 90.0)))
    quiet = spindle(4, replace(STILL, revolutions=400, angles_deg=(0.0, 90.0)))
    wander = 1e3 * (column(moving, "p1_um") - column(quiet, "p1_um"))
    assert wander.std() == pytest.approx(10.0, rel=0.01)
    # its lines stand between the harmonics, at the cage and its balls
    power = abs(np.fft.rfft(wander)) ** 2
    cage = moving.truth["asynchronous_orders"]["cage"]
    assert power[round(400 * cage) - 8 : round(400 * cage) + 9].sum() > 0.3 * power.sum()
    assert power[800::400].sum() < 0.01 * power.sum()


def test_frame_vibration_drift_and_backward_motion():
    rig = replace(STILL, revolutions=200, samples=64, angles_deg=(0.0, 90.0))
    quiet = spindle(6, rig)

    def added(**what):
        made = spindle(6, replace(rig, **what))
        return 1e3 * (made.record["p1_um"].to_numpy() - quiet.record["p1_um"].to_numpy())

    shaken = added(structural_nm=8.0, structural_hz=170.0)
    assert shaken.std() == pytest.approx(8.0, rel=0.01)
    line = np.fft.rfftfreq(len(shaken), 60 / (1000 * 64))[abs(np.fft.rfft(shaken)).argmax()]
    assert line == pytest.approx(170, rel=0.05)
    both = spindle(6, replace(rig, drift_nm=100.0, drift_s=3.0))
    moved = [1e3 * (column(both, n) - column(quiet, n)) for n in ("p1_um", "p2_um")]
    time = np.arange(len(moved[0])) * 60 / (1000 * 64)
    assert np.hypot(*moved) == pytest.approx(100 * (1 - np.exp(-time / 3)), abs=1e-6)
    backward = [
        np.fft.rfft(column(spindle(6, replace(rig, backward_nm=20.0)), n) - column(quiet, n))[200]
        * 2
        / len(time)
        for n in ("p1_um", "p2_um")
    ]
    # against the rotation: y runs a quarter turn ahead of x
    assert abs(backward[0]) == pytest.approx(0.020) and backward[1] == pytest.approx(1j * backward[0])


def test_faults_of_probes_are_in_the_truth():
    rig = replace(STILL, eccentricity_um=4.0, gain_error_pct=1.0, angle_error_deg=0.3, offset_um=2.0)
    made, plain = spindle(7, rig), spindle(7, replace(STILL, eccentricity_um=4.0))
    for p, probe in enumerate(made.truth["probes"]["p"]):
        seen, ideal = column(made, f"p{p + 1}_um")[:128], column(plain, f"p{p + 1}_um")[:128]
        assert seen.mean() == pytest.approx(probe["offset_um"], abs=1e-9)
        ratio = np.fft.rfft(seen)[1] / np.fft.rfft(ideal)[1]
        assert ratio == pytest.approx(probe["gain"] * np.exp(-1j * probe["angle_error_rad"]), abs=1e-9)
        assert abs(probe["gain"] - 1) > 0
    cubic = spindle(7, replace(STILL, eccentricity_um=4.0, linearity_pct=0.5, range_um=10.0))
    probe = cubic.truth["probes"]["p"][0]
    bent = column(cubic, "p1_um") - column(plain, "p1_um")
    assert bent == pytest.approx(probe["cubic"] * column(plain, "p1_um") ** 3 / 100, abs=1e-12)


def test_range_and_resolution():
    made = spindle(8, replace(STILL, eccentricity_um=5.0, range_um=4.0, adc_bits=12))
    seen = column(made, "p1_um")
    step = 8 / 4096
    assert seen.max() == 4 - step and seen.min() == -4
    assert seen / step == pytest.approx(np.round(seen / step), abs=1e-9)
    clipped = spindle(8, replace(STILL, eccentricity_um=5.0, range_um=4.0))
    assert (column(clipped, "p1_um") == 4.0).mean() > 0.1


def test_time_sampling_with_a_tacho_and_varying_speed():
    rig = replace(STILL, revolutions=40, sampling="time", speed_variation_pct=5.0, eccentricity_um=5.0)
    record = spindle(9, rig).record
    time, tacho, seen = (record[n].to_numpy() for n in ("time_s", "tacho_v", "p1_um"))
    assert np.diff(time) == pytest.approx(np.full(len(time) - 1, 60 / (1000 * 128)))
    rises = np.flatnonzero((tacho[1:] > 2.5) & (tacho[:-1] < 2.5)) + 1
    assert len(rises) == 39
    assert np.ptp(np.diff(rises)) >= 10
    # at each pulse the rotor stands where it stood at the first sample, to a sample's angle
    assert seen[rises] == pytest.approx(np.full(39, seen[0]), abs=5 * 2 * np.pi / 128 * 1.1)
    by_angle = spindle(9, replace(rig, sampling="angle", drift_nm=100.0, drift_s=1.0))
    assert by_angle.record.column_names == ["p1_um", "p2_um", "p3_um"]


def test_encoder_errors_show_as_slope_times_angle():
    rig = replace(STILL, revolutions=50, eccentricity_um=5.0)
    plain = column(spindle(1, rig), "p1_um")
    jitter = column(spindle(1, replace(rig, encoder_jitter_urad=100.0)), "p1_um") - plain
    # 1e-4 rad x 5 µm = 0.5 nm at the steepest place
    assert 1e3 * jitter.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    once = column(spindle(1, replace(rig, encoder_eccentricity_urad=100.0)), "p1_um") - plain
    assert 1e3 * abs(once).max() == pytest.approx(0.5, rel=0.1)


def test_missing_samples_and_swapped_cables():
    rig = replace(STILL, missing_share=0.1, revolutions=20)
    made, whole = spindle(1, rig), spindle(1, replace(STILL, revolutions=20))
    angle = column(made, "angle_deg")
    assert made.record.num_rows == pytest.approx(0.9 * whole.record.num_rows, rel=0.05)
    at = np.round(angle[:100] / 360 * 128).astype(int)
    assert column(made, "p1_um")[:100] == pytest.approx(column(whole, "p1_um")[at])
    swapped = spindle(1, replace(STILL, swapped=(1, 3)))
    assert np.array_equal(column(swapped, "p3_um"), column(spindle(1, STILL), "p1_um"))


def test_second_plane_and_axial_probes_see_tilt():
    rig = replace(
        STILL, plane_distance_mm=50.0, axial=True, face_radius_mm=20.0, tilt_pv_urad=2.0, axial_pv_nm=30.0
    )
    made = spindle(1, rig)
    tilt = (column(made, "q1_um") - column(made, "p1_um")) / 50.0 * 1e3
    assert np.ptp(tilt) == pytest.approx(2.0, rel=0.02)
    face = column(made, "axial1_um") - 20.0 * tilt * 1e-3
    assert column(made, "axial2_um") == pytest.approx(face, abs=1e-12)
    assert np.ptp(column(made, "axial1_um")) == pytest.approx(0.030, rel=0.02)


def test_the_seed_decides_and_sources_do_not_mix():
    rig = Rig(revolutions=2, samples=64)
    assert spindle(1, rig).record.equals(spindle(1, rig).record)
    assert not spindle(1, rig).record.equals(spindle(2, rig).record)
    louder = spindle(1, replace(rig, noise_nm=9.0, asynchronous_nm=0.0, eccentricity_um=1.0))
    assert louder.harmonics.equals(spindle(1, rig).harmonics)


def test_reversal_separates_by_hand():
    made = simulate_set(1, replace(STILL, eccentricity_um=5.0, angles_deg=(30.0,)), "reversal")
    first, second = (
        2e3 * np.fft.rfft(made.records[n]["p1_um"].to_numpy()[:128]) / 128 for n in ("normal", "reversed")
    )
    rows = made.tables["truth_harmonics"].to_pydict()
    for n, k in enumerate(rows["upr"]):
        phi = np.radians(30)
        form = (rows["artefact_re_nm"][n] + 1j * rows["artefact_im_nm"][n]) * np.exp(-1j * k * phi)
        motion = (rows["x_re_nm"][n] + 1j * rows["x_im_nm"][n]) * np.cos(phi)
        motion += (rows["y_re_nm"][n] + 1j * rows["y_im_nm"][n]) * np.sin(phi)
        assert (first[k] + second[k]) / 2 == pytest.approx(form, abs=1e-9)
        assert (first[k] - second[k]) / 2 == pytest.approx(motion, abs=1e-9)


def test_an_artefact_turned_forward_is_seen_earlier():
    rig = replace(STILL, spindle_pv_nm=1e-9)
    before, after = spindle(1, rig), spindle(1, rig, Setup(artefact_deg=90.0))
    assert column(after, "p2_um")[:256] == pytest.approx(column(before, "p2_um")[32:288], abs=1e-11)


def test_steps_average_the_artefact_away():
    rig = replace(STILL, artefact_upr=11, angles_deg=(0.0,))
    made = simulate_set(1, rig, "multistep", steps=12)
    assert list(made.records)[:2] == ["step01", "step02"]
    mean = np.mean([t["p1_um"].to_numpy()[:128] for t in made.records.values()], axis=0)
    rows = made.tables["truth_harmonics"].to_pydict()
    x = np.array(rows["x_re_nm"]) + 1j * np.array(rows["x_im_nm"])
    found = 2e3 * np.fft.rfft(mean)[2 : len(x) + 2] / 128
    assert found == pytest.approx(x, abs=1e-9)


def test_two_eccentricities_keep_the_probes():
    made = simulate_set(
        1, replace(STILL, eccentricity_um=5.0, gain_error_pct=1.0, backward_nm=20.0), "two-eccentricities"
    )
    first, second = made.truth["records"]
    assert first["probes"] == second["probes"] and first["x_1upr_nm"] == second["x_1upr_nm"]
    assert (first["eccentricity_um"], second["eccentricity_um"]) == (5.0, 10.0)
    assert first["eccentricity_phase_rad"] != second["eccentricity_phase_rad"]


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"angles_deg": ()}, "1 to 8"),
        ({"angles_deg": tuple(range(9))}, "1 to 8"),
        ({"noise_nm": float("nan")}, "finite"),
        ({"noise_nm": -1.0}, "at least 0"),
        ({"revolutions": 0}, "at least 1"),
        ({"samples": 4}, "at least 8"),
        ({"artefact_upr": 1}, "at least 2"),
        ({"spindle_upr": 5000}, "2000"),
        ({"revolutions": 10**7}, "readings"),
        ({"speed_rpm": 0.0}, "more than 0"),
        ({"speed_variation_pct": 80.0}, "50 %"),
        ({"drift_nm": 5.0, "drift_s": 0.0}, "time constant"),
        ({"structural_nm": 5.0, "structural_hz": 0.0}, "frequency"),
        ({"eccentricity_um": 2000.0}, "tenth of the radius"),
        ({"adc_bits": 16}, "range"),
        ({"adc_bits": 64, "range_um": 1.0}, "32"),
        ({"missing_share": 1.0}, "below 1"),
        ({"swapped": (1, 4)}, "numbered from 1"),
        ({"face_radius_mm": 5.0}, "axial"),
    ],
)
def test_a_rig_that_cannot_be(what, word):
    with pytest.raises(BadInput, match=word):
        Rig(**what)


def test_progress_is_told(tmp_path):
    told = []
    made = simulate_set(1, STILL, "reversal", progress=lambda share, doing: told.append((share, doing)))
    made.write(tmp_path, progress=lambda share, doing: told.append((share, doing)))
    assert [doing for _, doing in told] == [
        "normal: 3 revolutions",
        "reversed: 3 revolutions",
        "writing normal",
        "writing reversed",
    ]
    assert [share for share, _ in told] == [0, 0.5, 0, 0.5]


def test_sets_that_cannot_be():
    with pytest.raises(BadInput, match="2 to 72"):
        setups("multistep", steps=1)
    with pytest.raises(BadInput, match="more than 0"):
        setups("two-eccentricities", eccentricity_um=0.0)
    assert setups("single") == [Setup()]


def test_parameters_from_words():
    rig = filled(Rig, {"angles_deg": "0, 90", "axial": "true", "noise_nm": "2", "swapped": "1,2"})
    assert rig.angles_deg == (0.0, 90.0) and rig.axial and rig.noise_nm == 2.0 and rig.swapped == (1, 2)
    with pytest.raises(BadInput, match="known: angles_deg"):
        filled(Rig, {"noise": "2"})
    with pytest.raises(BadInput, match=r"noise_nm: 'loud'; input should be a valid number"):
        filled(Rig, {"noise_nm": "loud"})


def test_peak_to_valley_of_a_cosine():
    assert peak_to_valley(np.array([0, 0, 3.0])) == pytest.approx(6.0, rel=1e-3)


def test_through_the_command_line(recore, tmp_path):
    ended = recore(
        "simulate", "spindle", "--seed", 3, "--out", tmp_path / "rig", "--probes", 4, "--revolutions", 20,
        "--samples", 256, "--eccentricity", 2, "--noise", 1, "-p", "drift_nm=20", "--json",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert sorted(path.name for path in (tmp_path / "rig").iterdir()) == [
        "rec.csv",
        "truth.json",
        "truth_harmonics.csv",
    ]
    assert len(ended.json["files"]) == 3 and ended.json["synthetic"] is True
    rows = list(csv.reader((tmp_path / "rig" / "rec.csv").read_text().splitlines()))
    assert rows[0] == ["p1_um", "p2_um", "p3_um", "p4_um"] and len(rows) == 20 * 256 + 1
    truth = json.loads((tmp_path / "rig" / "truth.json").read_text())
    assert truth["synthetic"] is True and truth["rig"]["drift_nm"] == 20
    harmonics = list(csv.DictReader((tmp_path / "rig" / "truth_harmonics.csv").read_text().splitlines()))
    assert (
        list(harmonics[0])[:3] == ["upr", "artefact_re_nm", "artefact_im_nm"] and harmonics[0]["upr"] == "2"
    )
    first = (tmp_path / "rig" / "rec.csv").read_bytes()
    again = recore(
        "simulate", "spindle", "--seed", 3, "--out", tmp_path / "rig", "--angles", "0,34.627,96.954,135.036",
        "--revolutions", 20, "--samples", 256, "--eccentricity", 2, "--noise", 1, "-p", "drift_nm=20",
    )  # fmt: skip
    assert again.status == 0 and (tmp_path / "rig" / "rec.csv").read_bytes() == first
    step = recore(
        "simulate", "spindle", "--seed", 1, "--out", tmp_path / "set", "--set", "multistep", "--steps", 3,
        "--revolutions", 2, "--samples", 16, "--probes", 1, "--format", "parquet",
    )  # fmt: skip
    assert step.status == 0 and (tmp_path / "set" / "step03.parquet").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--probes", "9"], "1 to 8"),
        (["--probes", "4", "--angles", "0,90"], "give one of them"),
        (["--set", "quadruple"], "two-eccentricities is wanted"),
        (["--format", "xlsx"], "csv or parquet"),
        (["--noise", "loud"], "valid number"),
        (["--noise", "5", "-p", "noise_nm=6"], "given twice"),
        (["-p", "noise"], "NAME=VALUE"),
        (["-p", "loudness=3"], "not a parameter"),
        (["--revolutions", "0"], "at least 1"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_options_end_with_two(recore, tmp_path, words, said):
    ended = recore(
        "simulate", "spindle", "--seed", "1", "--out", tmp_path / "no", "--revolutions", "2", *words
    )
    if words[0] == "--revolutions":
        ended = recore("simulate", "spindle", "--seed", "1", "--out", tmp_path / "no", *words)
    assert ended.status == 2 and said in ended.err
    assert not (tmp_path / "no").exists() or not list((tmp_path / "no").iterdir())
