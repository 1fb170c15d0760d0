"""The methods form.straightness, flatness, cylindricity, sphericity: values, uncertainty, filters, faults, the door."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from form_truth import known_zone, rigid

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.form.cylindricity import cylindricity
from recore.metrology.form.feature import Flat, Sphere
from recore.metrology.form.flatness import flatness
from recore.metrology.form.measured import CylinderPoints, LinePoints, Points, groups
from recore.metrology.form.sphericity import sphericity
from recore.metrology.form.straightness import straightness
from recore.metrology.reading_noise import noise_of_line
from recore.metrology.roundness import Profile, form
from recore.registry import registry

QUICK = {"trials": 0}


def codes(result):
    return {note.code for note in result.flags}


def grid(sections=7, per_section=90, length_mm=80.0):
    """Angles [deg] and heights [mm] of a polar record, section after section."""
    angle, z = np.meshgrid(np.arange(per_section) * 360 / per_section, np.linspace(0, length_mm, sections))
    return angle.ravel(), z.ravel()


def cylinder(deviation, angle, z):
    return CylinderPoints.polar(angle, 1000 * z, 20_000 + deviation)


# -- values known by construction or from the literature -------------------------------------------------------------


def test_straightness_by_hand():
    """Three points: the zone is the height of the triangle over its longest side."""
    line = LinePoints.from_table(
        Table.of({"position_mm": [0.0, 40.0, 100.0], "deviation_um": [0.0, 6.0, 5.0]})
    )
    found = straightness(line, **QUICK)
    assert found.mz_deviation.value == pytest.approx(4.0, abs=1e-6)  # 6 µm over a side rising 2 µm there
    assert found.zone_optimality.value == "global"
    assert found.contacts["multiplier"].to_pylist() == pytest.approx([0.3, 0.5, 0.2], abs=1e-6) or sorted(
        found.contacts["multiplier"].to_pylist()
    ) == pytest.approx([0.2, 0.3, 0.5], abs=1e-6)
    assert found.slope.value == pytest.approx(5e-5, rel=0.5)
    assert found.strp.value + found.strv.value == pytest.approx(found.ls_deviation.value)
    assert codes(found) == {"uncertainty-unknown"}


def test_flatness_by_hand():
    """Corners of a square, up and down in turn: no plane does better than the middle one."""
    surface = Points(
        np.array([[0, 0, 3], [1e5, 0, -3], [1e5, 1e5, 3], [0, 1e5, -3], [5e4, 5e4, 1]], dtype=float)
    )
    found = flatness(surface, reference="mz", **QUICK)
    assert found.mz_deviation.value == pytest.approx(6.0, abs=1e-6)
    assert found.contacts["multiplier"].to_pylist() == pytest.approx([0.25] * 4, abs=1e-6)
    assert found.normal_z.value == pytest.approx(1.0, abs=1e-9)
    assert found.zone_optimality.value == "global"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_extruded_literature_section_has_the_published_zone(shared_data, number):
    """Two equal sections: each needs its own minimum zone circles, and coaxial ones hold both."""
    with shared_data(f"spindle/roundness_set{number}.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    with shared_data("spindle/roundness_reference.csv").open() as file:
        expected = list(csv.DictReader(file))[number - 1]
    names = [name for name in rows[0] if name]
    xy = 1000 * np.array([[float(row[name]) for name in names[-2:]] for row in rows])
    height = 2 * float(np.ptp(xy))
    points = np.vstack([np.column_stack((xy, np.full(len(xy), z))) for z in (0.0, height)])
    found = cylindricity(CylinderPoints(points), **QUICK)
    assert found.mz_deviation.value / 1000 == pytest.approx(float(expected["mzc_dev"]), abs=1e-7)
    assert abs(found.axis_z.value) == pytest.approx(1.0, abs=1e-6)


def test_known_sphere_and_its_centre():
    rng = np.random.default_rng(2)
    points, _ = known_zone(Sphere(), 400, 1e-5, rng)
    place = np.array([120_000.0, -40_000.0, 7_000.0])
    found = sphericity(Points(10_000 * points + place), reference="mz", point_uncertainty_um=0.02)
    assert found.mz_deviation.value == pytest.approx(0.2, abs=1e-8)
    assert [q.value for q in (found.centre_x, found.centre_y, found.centre_z)] == pytest.approx(
        place / 1000, abs=1e-8
    )
    assert found.radius.value == pytest.approx(8.0, abs=1e-8)
    assert found.zone_optimality.value == "global"
    assert found.peak.value + found.valley.value == pytest.approx(found.ls_deviation.value)


def test_taper_bend_and_barrel_of_a_cylinder():
    angle, z = grid()
    taper, bend = 0.05 * z, 3.0 * np.sin(np.pi * z / 80)
    found = cylindricity(cylinder(taper, angle, z), **QUICK)
    assert found.taper.value == pytest.approx(4.0, abs=1e-6)  # the radius grows by 4 µm over the length
    assert found.taper_angle.value == pytest.approx(8.0 / 80_000, rel=1e-6)
    assert found.generatrix_straightness.value == pytest.approx(0.0, abs=1e-6)
    assert found.mz_deviation.value == pytest.approx(4.0, abs=1e-4)
    bent = cylindricity(cylinder(bend * np.cos(np.radians(angle)), angle, z), **QUICK)
    # a bow of 3 µm: the narrowest cylinder about the centres is as wide as the bow
    assert bent.median_line_straightness.value == pytest.approx(3.0, rel=1e-3)
    assert bent.taper.value == pytest.approx(0.0, abs=1e-2)
    barrel = cylindricity(cylinder(bend, angle, z), **QUICK)
    assert barrel.median_line_straightness.value == pytest.approx(0.0, abs=1e-6)
    assert barrel.generatrix_straightness.value == pytest.approx(3.0, rel=1e-6)
    assert barrel.mz_deviation.value == pytest.approx(3.0, rel=1e-4)


def test_four_cylinders_keep_their_order():
    angle, z = grid()
    rng = np.random.default_rng(3)
    wave = 2 * np.cos(np.radians(3 * angle + z)) + 0.1 * rng.normal(size=len(z))
    found = cylindricity(cylinder(wave, angle, z), point_uncertainty_um=0.2, **QUICK)
    radii = {
        r: cylindricity(cylinder(wave, angle, z), reference=r, **QUICK).radius.value
        for r in ("mi", "ls", "mz", "mc")
    }
    assert radii["mi"] < min(radii["ls"], radii["mz"]) <= max(radii["ls"], radii["mz"]) < radii["mc"]
    others = (found.ls_deviation, found.mc_deviation, found.mi_deviation)
    assert found.mz_deviation.value < min(q.value for q in others)
    for q in (
        *others,
        found.mz_deviation,
        found.radius,
        found.axis_x,
        found.point_x,
        found.generatrix_straightness,
    ):
        assert q.uncertainty > 0
    assert set(found.contacts["feature"].to_pylist()) == {"mz", "mc", "mi"}


def test_line_in_space_and_both_layouts_of_a_cylinder():
    rng = np.random.default_rng(4)
    z = np.linspace(-1, 1, 60)
    circle = np.column_stack((np.cos(9 * z), np.sin(9 * z), 1e5 * z))
    found = straightness(
        LinePoints(xyz_um=rigid(circle, rng)), point_uncertainty_um=0.1, reference="mz", trials=20
    )
    assert found.mz_deviation.value == pytest.approx(2.0, rel=1e-3)
    assert found.mz_deviation.uncertainty > 0
    assert found.strp is None
    length = np.sqrt(sum(getattr(found, f"direction_{a}").value ** 2 for a in "xyz"))
    assert length == pytest.approx(1.0)
    angle, z = grid(3, 40)
    d = 2 * np.cos(np.radians(2 * angle)) + 0.02 * z
    polar = Table.of({"angle_deg": angle, "z_mm": z, "radius_um": 20_000 + d})
    r = (20_000 + d) / 1000
    space = Table.of(
        {"x_mm": r * np.cos(np.radians(angle)), "y_mm": r * np.sin(np.radians(angle)), "z_mm": z}
    )
    one, other = (cylindricity(CylinderPoints.from_table(t), **QUICK) for t in (polar, space))
    assert one.mz_deviation.value == pytest.approx(other.mz_deviation.value, abs=1e-7)
    assert one.taper.value == pytest.approx(other.taper.value, abs=1e-7)


# -- uncertainty -----------------------------------------------------------------------------------------------------


def test_stated_uncertainty_is_the_spread_of_repeated_measurements():
    """Noise drawn anew on a known form: the spread of the zone is what one of the findings says."""
    rng = np.random.default_rng(6)
    points, _ = known_zone(Flat(2), 40, 1e-5, rng)
    points = 1e5 * points
    points[3:, 1] *= 0.5  # contacts stand clear of the rest
    sigma = 0.02
    stated = straightness(LinePoints(points[:, 0], points[:, 1]), point_uncertainty_um=2 * sigma)
    assert "budget-not-linear" not in codes(stated)
    widths, peaks = [], []
    for _ in range(300):
        again = straightness(LinePoints(points[:, 0], points[:, 1] + sigma * rng.normal(size=40)), **QUICK)
        widths.append(again.mz_deviation.value)
        peaks.append(again.slope.value)
    assert 2 * np.std(widths) == pytest.approx(stated.mz_deviation.uncertainty, rel=0.15)
    assert 2 * np.std(peaks) == pytest.approx(stated.slope.uncertainty, rel=0.15)
    budget = {(r["result"], r["source"]): r["contribution"] for r in stated.budget.to_pylist()}
    assert budget["mz_deviation", "combined, U(k = 2)"] == pytest.approx(2 * np.std(widths), rel=0.15)
    assert ("mz_deviation", "Monte Carlo, U(95 %)") in budget


def test_instrument_and_filter_are_in_the_budget():
    rng = np.random.default_rng(7)
    x = np.linspace(0, 300, 900)
    line = LinePoints(1000 * x, 4 * np.sin(x / 50) + 0.2 * rng.normal(size=900))
    plain = straightness(line, trials=60)
    assert {"uncertainty-from-record"} <= codes(plain)
    smooth = straightness(line, cutoff_mm=25.0, trials=60)
    # 75 readings in a cut-off: noise falls with the root of what the filter averages
    assert smooth.mz_deviation.uncertainty < 0.4 * plain.mz_deviation.uncertainty
    with_guide = straightness(line, cutoff_mm=25.0, instrument_form_um=0.5, trials=60)
    assert with_guide.mz_deviation.uncertainty == pytest.approx(
        np.hypot(smooth.mz_deviation.uncertainty, 0.5), rel=0.01
    )


def test_noise_of_a_line_is_seen_where_it_is_there_and_only_there():
    rng = np.random.default_rng(8)
    x = np.arange(2000.0)
    form_ = 30 * np.sin(x / 200)
    noise = noise_of_line(x, form_ + 0.3 * rng.normal(size=2000))
    assert noise == pytest.approx(0.3, rel=0.1)
    assert noise_of_line(x, form_) is None
    assert noise_of_line(x[:50], rng.normal(size=50)) is None
    assert noise_of_line(x**1.5, rng.normal(size=2000)) is None
    smoothed = np.convolve(rng.normal(size=2010), np.hanning(13)[1:-1] / 6, "valid")
    assert noise_of_line(x, smoothed) is None


def test_the_noise_of_a_polar_cylinder_is_seen_in_its_sections():
    angle, z = grid(3, 256)
    d = 2 * np.cos(np.radians(3 * angle)) + 0.1 * np.random.default_rng(1).normal(size=len(z))
    found = cylindricity(cylinder(d, angle, z), trials=30)
    assert {"uncertainty-from-record"} <= codes(found)
    assert found.radius.uncertainty == pytest.approx(2e-4 / np.sqrt(768), rel=0.2)


# -- filters ---------------------------------------------------------------------------------------------------------


def test_robust_filter_keeps_scratches_out_of_straightness_and_roundness():
    rng = np.random.default_rng(9)
    x = np.linspace(0, 400, 1000)
    clean = 2 * np.sin(x / 60) + 0.05 * rng.normal(size=1000)
    scratched = clean.copy()
    scratched[rng.choice(1000, 50, replace=False)] -= 25
    found = {
        kind: straightness(
            LinePoints(1000 * x, scratched), cutoff_mm=25.0, filter=kind, point_uncertainty_um=0.1, **QUICK
        )
        for kind in ("gaussian", "robust")
    }
    truth = straightness(LinePoints(1000 * x, 2 * np.sin(x / 60)), **QUICK).mz_deviation.value
    assert found["robust"].mz_deviation.value == pytest.approx(truth, abs=0.1)
    assert found["gaussian"].mz_deviation.value > truth + 1
    assert "readings-rejected" in codes(found["robust"])
    angle = np.arange(1024) * 360 / 1024
    lobes = 3 * np.cos(np.radians(3 * angle)) + 0.05 * rng.normal(size=1024)
    lobes[rng.choice(1024, 51, replace=False)] -= 40
    profile = Profile.polar(angle, 20_000 + lobes)
    robust = form(profile, cutoff_upr=15, filter="robust", point_uncertainty_um=0.1)
    assert robust.mzc_deviation.value == pytest.approx(6.0, abs=0.15)
    assert "readings-rejected" in codes(robust)
    assert form(profile, cutoff_upr=15).mzc_deviation.value > 7


def test_filter_that_cannot_be():
    line = LinePoints(np.arange(40.0) * 1e4, np.sin(np.arange(40.0)))
    with pytest.raises(Refusal, match="filter-not-possible"):
        straightness(line, cutoff_mm=8.0)
    with pytest.raises(BadInput, match="line in space"):
        straightness(LinePoints(xyz_um=np.eye(3)), cutoff_mm=8.0)
    x = np.repeat(np.arange(300.0), 2) + np.tile([0.0, 0.4], 300)
    uneven = straightness(LinePoints(1000 * x, np.sin(x / 40)), cutoff_mm=25.0, **QUICK)
    assert "readings-interpolated" in codes(uneven)


# -- coverage, flags and refusals --------------------------------------------------------------------------------------


def test_partial_cylinder_and_sphere_are_flagged():
    angle, z = grid(5, 120)
    d = 2 * np.cos(np.radians(5 * angle)) + 0.3 * np.cos(z)
    some = angle < 250
    partial = cylindricity(cylinder(d[some], angle[some], z[some]), **QUICK)
    assert "partial-arc" in codes(partial)
    assert partial.arc.value == pytest.approx(249, abs=2)
    half = angle < 150
    short = cylindricity(cylinder(d[half], angle[half], z[half]), **QUICK)
    assert [n.code for n in short.refusals] == ["half-turn"]
    assert short.mc_deviation is None
    with pytest.raises(Refusal, match="half-turn"):
        cylindricity(cylinder(d[half], angle[half], z[half]), reference="mi", **QUICK)
    rng = np.random.default_rng(1)
    away = rng.normal(size=(200, 3))
    away = away[away[:, 2] > 0]
    cap = sphericity(Points(1e4 * away / np.linalg.norm(away, axis=1)[:, None]), **QUICK)
    assert {"partial-sphere", "zone-locally-optimal"} <= codes(cap)


def test_an_inscribed_cylinder_that_nothing_locks_is_refused():
    """Half a ring at one end and the other half at the other: the axis tilts out of both."""
    angle, z = grid(2, 120)
    some = (angle < 180) == (z == 0)
    d = 2 * np.cos(np.radians(3 * angle))
    surface = cylinder(d[some], angle[some], z[some])
    found = cylindricity(surface, **QUICK)
    assert [n.code for n in found.refusals] == ["not-locked"]
    assert found.mi_deviation is None
    assert found.mc_deviation.value >= found.mz_deviation.value
    with pytest.raises(Refusal, match="not-locked"):
        cylindricity(surface, reference="mi", **QUICK)


def test_line_in_space_proven_refused_and_perfect():
    rng = np.random.default_rng(12)
    z = np.linspace(-1e5, 1e5, 4)
    perfect = straightness(LinePoints(xyz_um=np.outer(z, [0.6, 0.0, 0.8])), **QUICK)
    assert perfect.mz_deviation.value == pytest.approx(0.0, abs=1e-9)
    proven = set()
    for _ in range(6):
        points = np.column_stack((rng.normal(size=(30, 2)), np.linspace(-1e5, 1e5, 30)))
        found = straightness(
            LinePoints(xyz_um=points), point_uncertainty_um=0.01, instrument_form_um=0.3, **QUICK
        )
        assert found.mz_deviation.uncertainty >= 0.3
        assert found.mz_deviation.value <= found.ls_deviation.value
        assert (found.zone_optimality.value == "global") == ("zone-locally-optimal" not in codes(found))
        proven.add(found.zone_optimality.value)
    assert "global" in proven  # five contacts hold the axis
    many = np.column_stack((rng.normal(size=(6000, 2)), np.linspace(-1e5, 1e5, 6000)))
    budget = straightness(LinePoints(xyz_um=many), point_uncertainty_um=0.01).budget["source"].to_pylist()
    assert "Monte Carlo, U(95 %)" not in budget


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: straightness(LinePoints(np.array([0.0, 1.0]), np.array([0.0, 1.0]))), "too-few-points"),
        (lambda: straightness(LinePoints(np.full(9, 3.0), np.full(9, 1.0))), "too-few-points"),
        (lambda: straightness(LinePoints(xyz_um=np.ones((9, 3)))), "too-few-points"),
        (lambda: straightness(LinePoints(xyz_um=np.eye(3))), "not-a-line"),
        (lambda: flatness(Points(np.tile(np.eye(3), (5, 1)))), "too-few-points"),
        (lambda: flatness(Points(np.outer(np.arange(9.0), [1.0, 2.0, 3.0]))), "not-determined"),
        (lambda: sphericity(Points(np.column_stack((np.random.default_rng(1).normal(size=(9, 2)), np.zeros(9))))), "not-determined"),
        (lambda: cylindricity(CylinderPoints(np.column_stack((np.cos(np.arange(30.0)), np.sin(np.arange(30.0)), np.zeros(30))))), "not-determined"),
        (lambda: cylindricity(CylinderPoints(np.random.default_rng(1).normal(size=(5, 3)))), "too-few-points"),
    ],
    ids=["two points", "one place", "one point in space", "three axes", "three points", "line", "plane", "one section", "five points"],
)  # fmt: skip
def test_what_the_points_do_not_determine_is_refused(call, code):
    with pytest.raises(Refusal) as refused:
        call()
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("kind", "columns", "word"),
    [
        (LinePoints, {"position_mm": [1.0]}, "deviation_um"),
        (LinePoints, {"a": [1.0]}, "position_mm"),
        (LinePoints, {n: [1.0] for n in ("position_mm", "deviation_um", "x_mm", "y_mm", "z_mm")}, "twice"),
        (Points, {"x_mm": [1.0], "y_mm": [1.0]}, "z_"),
        (CylinderPoints, {"angle_deg": [1.0], "radius_um": [1.0]}, "z_"),
        (CylinderPoints, {"angle_deg": [1.0], "z_mm": [0.0], "radius_um": [-1.0]}, "full radius"),
        (CylinderPoints, {"b": [1.0]}, "angle_deg"),
        (CylinderPoints, {n: [1.0] for n in ("angle_deg", "radius_um", "x_mm", "y_mm", "z_mm")}, "twice"),
        (Points, {"x_mm": [1.0], "y_mm": [1.0], "z_mm": [float("nan")]}, "z_mm"),
    ],
    ids=["no deviation", "no columns", "two lines", "no z", "no height", "deviation for radius", "nothing", "two", "nan"],
)  # fmt: skip
def test_wrong_columns_are_bad_input(kind, columns, word):
    with pytest.raises(BadInput) as bad:
        kind.from_table(Table.of(columns))
    assert word in str(bad.value)


def test_groups_are_found_only_where_they_are():
    rng = np.random.default_rng(1)
    z = np.repeat([0.0, 10.0, 20.0], 5) + 1e-4 * rng.normal(size=15)
    found = groups(z)
    assert found.tolist() == np.repeat([0, 1, 2], 5).tolist()
    assert groups(rng.uniform(0, 1, 30)) is None
    assert groups(np.linspace(0, 1, 5000)) is None
    turned = np.mod(np.repeat([0.0, 2.0, 4.0], 4) + 1e-5 * rng.normal(size=12), 2 * np.pi)
    assert len(set(groups(turned, period=2 * np.pi).tolist())) == 3


# -- the door --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["straightness", "flatness", "cylindricity", "sphericity"])
def test_through_the_command_line_with_artifacts_and_plot(recore, tmp_path, name):
    rng = np.random.default_rng(11)
    if name == "straightness":
        columns = {"position_mm": np.linspace(0, 100, 60), "deviation_um": rng.normal(size=60)}
    elif name == "cylindricity":
        angle, z = grid(5, 30)
        columns = {"angle_deg": angle, "z_mm": z, "radius_um": 20_000 + rng.normal(size=len(z))}
    else:
        feature = Flat(3) if name == "flatness" else Sphere()
        points, _ = known_zone(feature, 80, 1e-5, rng)
        columns = dict(zip(("x_mm", "y_mm", "z_mm"), 100 * points.T, strict=True))
    file = tmp_path / "points.csv"
    with file.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(columns)
        writer.writerows(np.column_stack(list(columns.values())).tolist())
    out = tmp_path / "out"
    words = ["-p", "point_uncertainty_um=0.1", "-p", "trials=20", "--out", out, "--json"]
    ended = recore("run", f"form.{name}", file, *words)
    assert ended.status == 0, ended.err
    results = ended.json["results"]
    assert results["mz_deviation"]["value"] <= results["ls_deviation"]["value"]
    assert results["mz_deviation"]["uncertainty"] > 0
    assert results["certificate_residual"]["value"] < 1e-11
    written = {path.name for path in out.iterdir()}
    assert {"contacts.csv", "budget.csv"} <= written
    method = registry().get(f"form.{name}")
    from recore.evidence import open_file

    chart = method.run([open_file(file)], {"trials": 0}).plot()
    assert "deviation" in json.dumps(chart)
    assert len(json.dumps(chart)) < 100_000


def test_plots_of_many_points_are_thinned():
    rng = np.random.default_rng(1)
    many = rng.uniform(0, 1e5, (20_000, 3)) * [1, 1, 1e-5]
    chart = flatness.draw(flatness(Points(many), **QUICK))
    assert len(chart["layer"][0]["data"]["values"]) <= 3600
    x = np.linspace(0, 1e5, 5000)
    chart = straightness.draw(straightness(LinePoints(x, rng.normal(size=5000)), **QUICK))
    assert len(chart["layer"][1]["data"]["values"]) == 1440
