"""The method `roundness.form`: literature, uncertainty, filter, faults."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest

from recore.errors import BadInput
from recore.evidence import Table, open_file
from recore.method import Refusal
from recore.metrology.reading_uncertainty import ReadingErrors
from recore.metrology.roundness import Profile, form
from recore.registry import registry

N = 360
ANGLE = np.radians(np.arange(N) * 360 / N)
RADIUS = 25_000.0


def form_of(profile, **given):
    """The finding without its Monte Carlo, which has a test of its own and would cost each of these a fifth of a second."""
    return form(profile, **{"trials": 0, **given})


def lobed(angle=ANGLE, *, size=1.0):
    """A form [µm] without ties: no two points touch a circle alike."""
    return size * (
        3 * np.cos(2 * angle + 0.3)
        + np.cos(3 * angle + 1)
        + 0.5 * np.sin(5 * angle)
        + 0.2 * np.sin(11 * angle)
    )


def profile(deviation, angle=ANGLE, *, x=0.0, y=0.0):
    """Polar readings about an axis at (x, y) from the part's centre, exact for any eccentricity."""
    px, py = (RADIUS + deviation) * np.cos(angle) - x, (RADIUS + deviation) * np.sin(angle) - y
    return Profile.polar(np.degrees(np.arctan2(py, px)), np.hypot(px, py))


def codes(result):
    return {note.code for note in result.flags}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_literature_sets_through_the_door(shared_data, number):
    evidence = [open_file(shared_data(f"spindle/roundness_set{number}.csv"))]
    outcome = form.run(evidence, {"reference": "mzc"})
    with shared_data("spindle/roundness_reference.csv").open() as file:
        expected = list(csv.DictReader(file))[number - 1]
    found = outcome.finding.results
    for name, column in [
        ("lsc_deviation", "lsc_dev"),
        ("mzc_deviation", "mzc_dev"),
        ("mcc_deviation", "mcc_dev"),
        ("mic_deviation", "mic_dev_global"),
        ("centre_x", "mzc_x"),
        ("centre_y", "mzc_y"),
    ]:
        half_digit = 0.5001 * 10.0 ** -len(expected[column].partition(".")[2])
        assert found[name].unit == "µm"
        assert found[name].value / 1000 == pytest.approx(float(expected[column]), abs=half_digit, rel=0)
        assert found[name].uncertainty is None
    assert found["certificate_residual"].value < 1e-14
    assert found["zone_optimality"].value == "global"
    assert {note.code for note in outcome.finding.flags} == {"uncertainty-unknown"}
    assert form.run(evidence, {}).finding.results["centre_x"].value / 1000 == pytest.approx(
        float(expected["lsc_x"]), abs=0.5001e-8
    )


def test_both_layouts_and_other_units_of_them_agree():
    d = lobed()
    r = RADIUS + d
    tables = [
        Table.of({"angle_deg": np.degrees(ANGLE), "radius_um": r}),
        Table.of({"angle_rad": ANGLE, "radius_mm": r / 1000}),
        Table.of({"x_mm": r * np.cos(ANGLE) / 1000, "y_mm": r * np.sin(ANGLE) / 1000}),
        Table.of({"y_um": r * np.sin(ANGLE), "x_um": r * np.cos(ANGLE)}),
    ]
    found = [form_of(Profile.from_table(t)).mzc_deviation.value for t in tables]
    assert found == pytest.approx([found[0]] * 4, abs=1e-9)


@pytest.mark.parametrize("turned", [-3600.0, 90.0, 720.25])
def test_angles_may_wrap_and_come_in_any_order(turned):
    order = np.random.default_rng(0).permutation(N)
    straight = form_of(Profile.polar(np.degrees(ANGLE), RADIUS + lobed()), cutoff_upr=15)
    wrapped = form_of(
        Profile.polar(np.degrees(ANGLE)[order] + turned, (RADIUS + lobed())[order]), cutoff_upr=15
    )
    assert wrapped.mzc_deviation.value == pytest.approx(straight.mzc_deviation.value, abs=1e-9)


@pytest.mark.parametrize("eccentric", [0.0, 100.0, 2_500.0, 12_500.0, 24_000.0, 1e8])
def test_an_eccentric_part_has_the_same_form(eccentric):
    centred, moved = form_of(profile(lobed())), form_of(profile(lobed(), x=eccentric, y=-eccentric / 3))
    for name in ("lsc_deviation", "mzc_deviation", "mcc_deviation", "mic_deviation"):
        assert getattr(moved, name).value == pytest.approx(getattr(centred, name).value, abs=1e-6)
    assert moved.centre_x.value - centred.centre_x.value == pytest.approx(-eccentric, abs=1e-6)


@pytest.mark.parametrize("eccentric", [0.0, 1.0, 100.0])
def test_filter_of_an_eccentric_part_is_that_of_the_centred_one(eccentric):
    angle = np.radians(np.arange(1024) * 360 / 1024)
    centred = form_of(profile(lobed(angle), angle), cutoff_upr=15)
    moved = form_of(profile(lobed(angle), angle, x=eccentric), cutoff_upr=15)
    assert moved.lsc_deviation.value == pytest.approx(centred.lsc_deviation.value, abs=1e-4)


def test_filter_halves_the_wave_at_the_cut_off():
    wave = 4 * np.cos(30 * ANGLE + 0.1)
    assert form_of(profile(wave), reference="lsc").ronq.value == pytest.approx(4 / np.sqrt(2), abs=1e-6)
    assert form_of(profile(wave), cutoff_upr=30).ronq.value == pytest.approx(2 / np.sqrt(2), abs=1e-6)


def test_parameters_about_each_circle():
    for reference in ("lsc", "mzc", "mcc", "mic"):
        r = form_of(profile(lobed(), x=40), reference=reference, point_uncertainty_um=0.1)
        total = getattr(r, f"{reference}_deviation")
        assert r.ronp.value + r.ronv.value == pytest.approx(total.value, abs=1e-9)
        assert 0 < r.ronq.value < total.value
        assert r.centre_x.value == pytest.approx(-40, abs=5)
        assert r.reference.value == reference
    assert form_of(profile(lobed()), reference="mcc").ronp.value == 0
    assert form_of(profile(lobed()), reference="mic").ronv.value == 0


# circle and filter enter the uncertainty one after the other: each circle once, each filter twice
@pytest.mark.parametrize(
    ("reference", "cutoff"), [("lsc", 15.0), ("mzc", 15.0), ("mcc", None), ("mic", None), ("mzc", None)]
)
def test_uncertainty_agrees_with_monte_carlo(reference, cutoff):
    spread = 1e-5  # small enough that contacts stay contacts
    names = [f"{reference}_deviation", "centre_x", "centre_y", "radius", "ronp", "ronv", "ronq"]
    stated = form_of(
        profile(lobed()), reference=reference, cutoff_upr=cutoff, point_uncertainty_um=2 * spread
    )
    rng = np.random.default_rng(17)
    draws = []
    for _ in range(120):
        noisy = form_of(
            profile(lobed() + rng.normal(0, spread, N)),
            reference=reference,
            cutoff_upr=cutoff,
            point_uncertainty_um=0,
        )
        draws.append([getattr(noisy, name).value for name in names])
    seen = np.std(draws, axis=0)
    for name, s in zip(names, seen, strict=True):
        # 120 draws know a standard deviation to 6.5 %; 1e-8 µm is the round-off of a 25 mm radius
        assert getattr(stated, name).uncertainty / 2 == pytest.approx(s, rel=0.26, abs=1e-8), name


def test_filter_takes_noise_away():
    rng = np.random.default_rng(1)
    angle = np.radians(np.arange(2048) * 360 / 2048)
    noisy = profile(lobed(angle) + rng.normal(0, 0.05, 2048), angle)
    plain, smooth = form_of(noisy, reference="mzc"), form_of(noisy, reference="mzc", cutoff_upr=15)
    assert "uncertainty-from-record" in codes(plain) & codes(smooth)
    # the power that the filter lets through is k_c sqrt(π / 2) / (α π) / n of white noise
    assert smooth.mzc_deviation.uncertainty < 0.25 * plain.mzc_deviation.uncertainty
    stated = form_of(noisy, reference="mzc", point_uncertainty_um=0.1)
    assert plain.mzc_deviation.uncertainty == pytest.approx(stated.mzc_deviation.uncertainty, rel=0.1)
    assert "uncertainty-from-record" not in codes(stated)


def test_correlated_errors_of_a_filter():
    keep = np.exp(-0.01 * np.arange(51.0) ** 2)
    row = np.fft.irfft(keep, 100)
    matrix = np.array([np.roll(row, i) for i in range(100)])
    points, weights = np.array([3, 7, 3, 60]), np.array([1.0, -0.5, 0.25, 2.0])
    dense = np.bincount(points, weights, 100)
    assert ReadingErrors(2.0, 100, keep).of(points, weights) == pytest.approx(
        2 * np.linalg.norm(matrix @ dense)
    )
    assert ReadingErrors(2.0, 100).of(points, weights) == pytest.approx(2 * np.linalg.norm(dense))
    odd = np.exp(-0.01 * np.arange(50.0) ** 2)
    matrix = np.array([np.roll(np.fft.irfft(odd, 99), i) for i in range(99)])
    assert ReadingErrors(1.0, 99, odd).of(points, weights) == pytest.approx(
        np.linalg.norm(matrix @ dense[:99])
    )


def test_noise_against_the_zone_is_named():
    assert "widened-by-noise" in codes(form_of(profile(lobed()), point_uncertainty_um=1.0))
    assert "widened-by-noise" not in codes(form_of(profile(lobed()), point_uncertainty_um=0.001))


def test_a_perfect_circle_gets_the_uncertainty_of_two_readings():
    r = form_of(Profile.polar(np.degrees(ANGLE), np.full(N, RADIUS)), point_uncertainty_um=0.5)
    assert r.mzc_deviation.value == pytest.approx(0, abs=1e-9)
    assert r.mzc_deviation.uncertainty == pytest.approx(0.5 * np.sqrt(2))
    assert r.centre_x.uncertainty is None
    assert "contacts-tie" in codes(r)
    assert form.draw(r)["layer"]


def test_three_equal_lobes_have_one_uncertainty_however_the_ties_fall():
    spread = [
        form_of(profile(2 * np.cos(3 * ANGLE), x=x), reference="mzc", point_uncertainty_um=1.0)
        for x in (0.0, 7.0, 13.0)
    ]
    # outer 1/3, 2/3 and inner 1/3, 2/3 is the least favourable of the certificates that hold
    assert [r.mzc_deviation.uncertainty for r in spread] == pytest.approx([np.sqrt(10 / 9)] * 3, rel=1e-4)


def test_partial_arcs():
    angle = np.radians(np.linspace(0, 100, 400))
    arc = profile(lobed(angle, size=0.1), angle)
    r = form_of(arc, reference="mzc")
    assert {"partial-arc", "zone-locally-optimal"} <= codes(r)
    assert r.arc.value == pytest.approx(100, abs=0.1)
    assert r.mcc_deviation is None and r.mic_deviation is None
    assert [note.code for note in r.refusals] == ["half-turn"]
    assert r.certificate_residual.value < 1e-12
    assert form.draw(r)["layer"]
    with pytest.raises(Refusal, match="half-turn"):
        form_of(arc, reference="mcc")
    with pytest.raises(Refusal, match="filter-not-possible"):
        form_of(arc, cutoff_upr=15)
    wide = np.radians(np.linspace(0, 270, 400))
    most = form_of(profile(lobed(wide), wide))
    assert most.mcc_deviation is not None and most.mic_deviation is not None
    assert "partial-arc" in codes(most)


def test_too_few_readings_for_the_cut_off_are_refused():
    outcome = form.run(
        [_Memory({"angle_deg": np.degrees(ANGLE), "radius_um": RADIUS + lobed()})], {"cutoff_upr": 52}
    )
    assert [note.code for note in outcome.finding.refusals] == ["filter-not-possible"]
    assert "at least 364" in outcome.finding.refusals[0].text
    assert not outcome.finding.results


class _Memory:
    """Evidence without a file."""

    name, sha256, size, media_type = "memory.csv", "0" * 64, 0, "text/csv"

    def __init__(self, columns):
        self.table = Table.of(columns, name=self.name)

    def read(self, kind):
        return kind.from_table(self.table)


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        ([0, 1, 0], [0, 0, 1], "too-few-points"),
        ([0, 1, 0, 0, 1], [0, 0, 1, 1, 0], "too-few-points"),
        ([0, 1, 2, 3, 4], [1, 3, 5, 7, 9], "no-circle"),
        ([5, 5, 5, 5.1], [0, 1, 2, 3], None),
    ],
)
def test_points_without_a_circle_are_refused(x, y, code):
    outcome = form.run([_Memory({"x_mm": np.array(x, float), "y_mm": np.array(y, float)})], {})
    if code is None:
        assert outcome.finding.results
    else:
        assert [note.code for note in outcome.finding.refusals] == [code]
        assert not outcome.finding.results


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"angle_deg": [0.0], "x_mm": [1.0]}, "radius_um"),
        ({"a": [0.0], "b": [1.0]}, "angle_deg and radius_um"),
        ({"angle_deg": [0.0, 1], "radius_um": [5.0, -1]}, "row 2"),
        ({"angle_deg": [0.0, 1], "radius_um": [0.0, 1]}, "full radius"),
        ({"angle_deg": [0.0], "radius_mpa": [1.0]}, "radius"),
        ({"x_mm": [0.0]}, "y_um|y_mm"),
        ({"angle_deg": [0.0], "radius_um": [1.0], "x_mm": [0.0], "y_mm": [0.0]}, "twice"),
        ({"angle_deg": [0.0], "radius_um": [np.nan]}, "row 1|line 2"),
    ],
)
def test_unusable_tables_say_what_would_be_right(columns, message):
    with pytest.raises(BadInput, match=message):
        form.run([_Memory(columns)], {})


@pytest.mark.parametrize(
    "given",
    [
        {"cutoff_upr": 0},
        {"cutoff_upr": -5},
        {"reference": "circle"},
        {"point_uncertainty_um": -1},
        {"cutof": 50},
    ],
)
def test_parameters_out_of_range(given):
    with pytest.raises(BadInput):
        form.run([_Memory({"angle_deg": np.degrees(ANGLE), "radius_um": RADIUS + lobed()})], given)


def test_uneven_and_repeated_readings_are_named():
    rng = np.random.default_rng(3)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 3000))
    assert "readings-interpolated" in codes(form_of(profile(lobed(angle), angle), cutoff_upr=15))
    closed = np.append(ANGLE, 2 * np.pi)
    assert "readings-averaged" in codes(form_of(profile(lobed(closed), closed), cutoff_upr=15))


def test_inscribed_circle_that_is_not_proven_or_not_there_is_named():
    oval = form_of(profile(5000 * np.cos(2 * ANGLE)))
    assert "inscribed-locally-optimal" in codes(oval)
    # five points whose empty triangles are all obtuse
    r = form_of(Profile(np.array([-9.0, -1, 8, 2, -3]), np.array([9.0, 2, 9, -9, -1])))
    assert [note.code for note in r.refusals] == ["not-locked"]
    assert r.mic_deviation is None and r.mcc_deviation is not None


def test_a_zone_that_could_not_be_certified_is_named():
    # two points on one ray from the centre decide alone, so that no vertex of the programme is the answer
    r = form_of(Profile(np.array([1.0, 2, -1, -1]), np.array([0.0, 0, 1, -1])))
    assert r.certificate_residual.value > 0.1
    assert {"zone-not-certified", "zone-locally-optimal"} <= codes(r)


def test_two_radii_on_three_rays():
    angle, d = np.tile(np.radians([90.0, 210, 330]), 8), 1000 * (1 + np.arange(24) % 2)
    r = form_of(Profile(d * np.cos(angle), d * np.sin(angle)))
    assert r.mzc_deviation.value == pytest.approx(1000, abs=1e-9)
    assert r.certificate_residual.value < 1e-12


def test_contacts_that_fix_the_centre_badly_are_named():
    oval = form_of(profile(5 * np.cos(2 * ANGLE)), point_uncertainty_um=0.1)
    assert oval.mic_deviation.uncertainty > oval.mic_deviation.value / 10
    assert "contacts-close" in codes(form_of(profile(5 * np.cos(2 * ANGLE)), point_uncertainty_um=5.0))


@pytest.mark.parametrize("power", [-9, -3, 3, 6])
def test_from_nanometres_to_metres(power):
    scale = 10.0**power
    plain = form_of(profile(lobed()), reference="mzc")
    scaled = form_of(
        Profile(scale * (RADIUS + lobed()) * np.cos(ANGLE), scale * (RADIUS + lobed()) * np.sin(ANGLE)),
        reference="mzc",
    )
    assert scaled.mzc_deviation.value == pytest.approx(scale * plain.mzc_deviation.value, rel=1e-9)


def test_plot_carries_units_uncertainty_and_contacts():
    import vl_convert

    many = np.radians(np.arange(5000) * 360 / 5000)
    for angle in (ANGLE, many):
        outcome_plot = form.draw(
            form_of(profile(lobed(angle), angle), reference="mzc", point_uncertainty_um=0.2)
        )
        assert "µm" in outcome_plot["layer"][0]["encoding"]["x"]["title"]
        assert "±" in outcome_plot["title"]["text"] and "k = 2" in outcome_plot["title"]["text"]
        triangles = [layer for layer in outcome_plot["layer"] if layer["mark"]["type"] == "point"]
        assert [len(layer["data"]["values"]) for layer in triangles] == [2, 2]
        assert len(outcome_plot["layer"][3]["data"]["values"]) <= 1441
        assert vl_convert.vegalite_to_svg(outcome_plot).startswith("<svg")


def test_the_registry_finds_it_and_its_import_is_light():
    assert "roundness.form" in registry().ids()
    found = registry().get("roundness.form@1")
    assert set(found.results) >= {
        "lsc_deviation", "mzc_deviation", "mcc_deviation", "mic_deviation", "centre_x", "centre_y",
        "certificate_residual",
    }  # fmt: skip
    check = "import sys, recore.metrology.roundness; print({'scipy', 'numba', 'altair', 'pyarrow'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


def test_the_budget_names_the_readings_and_monte_carlo_agrees_where_contacts_stand_apart():
    # noise far below what tells two contacts apart: the maximum of many readings scatters less than one of them
    rows = form(profile(lobed()), point_uncertainty_um=1e-5, trials=150, seed=3).budget.to_pylist()
    of = {(row["result"], row["source"]): row["contribution"] for row in rows}
    for name in ("lsc", "mzc", "mcc", "mic"):
        first, drawn = (
            of[f"{name}_deviation", "combined, U(k = 2)"],
            of[f"{name}_deviation", "Monte Carlo, U(95 %)"],
        )
        assert drawn == pytest.approx(first, rel=0.25)
    assert {row["evaluation"] for row in rows if row["source"] == "noise of the readings"} == {"B"}


def test_a_filter_sends_the_noise_of_the_budget_through_itself():
    plain = form(profile(lobed()), point_uncertainty_um=0.01, trials=40)
    smooth = form(profile(lobed()), point_uncertainty_um=0.01, trials=40, cutoff_upr=15)
    drawn = [
        next(
            r["contribution"]
            for r in found.budget.to_pylist()
            if r["source"].startswith("Monte") and r["result"] == "lsc_deviation"
        )
        for found in (plain, smooth)
    ]
    assert drawn[1] < 0.6 * drawn[0]


def test_no_uncertainty_no_budget():
    assert form(Profile(np.array([1.0, 2, -1, -1]), np.array([0.0, 0, 1, -1]))).budget.num_rows == 0
