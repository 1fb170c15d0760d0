"""Circularity and ballbar diagnosis: faults of a machine in the time domain are found again, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contouring_machine import Axis, Machine

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.machine import ballbar_model as model
from recore.metrology.machine.ballbar import TERMS
from recore.metrology.machine.circularity import Circularity, circularity
from recore.metrology.machine.circularity_record import Trace
from recore.metrology.machine.circularity_zone import passed

COUNT = 1440
COARSE = 180


def record(machine: Machine, noise: float = 0.05, senses: tuple[int, ...] = (1, -1), **more: Any) -> Table:
    generator = np.random.default_rng(7)
    columns: dict[str, list[Any]] = {"angle_deg": [], "deviation_um": [], "direction": []}
    for sense in senses:
        angle, deviation = machine.contour(sense, more.get("count", COUNT), more.get("arc", (0.0, 2 * np.pi)))
        columns["angle_deg"] += angle.tolist()
        columns["deviation_um"] += (deviation + noise * generator.standard_normal(len(angle))).tolist()
        columns["direction"] += ["ccw" if sense > 0 else "cw"] * len(angle)
    return Table.of(columns)


def found_by(machine: Machine, **parameters: Any) -> Circularity:
    return circularity(
        record(machine),
        radius_mm=machine.radius,
        feed_mm_per_min=machine.feed,
        **({"trials": 0} | parameters),
    )


MICRO = 1e-6
FAULTS: dict[str, tuple[Machine, str, float, float]] = {
    "squareness": (Machine(shear=30 * MICRO), "squareness", 30.0, 0.3),
    "acute": (Machine(shear=-12 * MICRO), "squareness", -12.0, 0.3),
    "scale": (Machine(x=Axis(scale=25 * MICRO), y=Axis(scale=-5 * MICRO)), "scale_mismatch", 30.0, 0.6),
    "backlash-x": (Machine(x=Axis(play=6e-3)), "backlash_x", 6.0, 0.1),
    "backlash-y": (Machine(y=Axis(play=3e-3)), "backlash_y", 3.0, 0.1),
    "lag-x": (Machine(x=Axis(lag=0.6e-3)), "servo_mismatch", 0.6, 0.01),
    "lag-y": (Machine(y=Axis(lag=0.3e-3)), "servo_mismatch", -0.3, 0.01),
    "sideways-x": (Machine(x=Axis(sideways=4e-3)), "lateral_play_x", 4.0, 0.1),
    "sideways-y": (Machine(y=Axis(sideways=-4e-3)), "lateral_play_y", -4.0, 0.1),
    "bow-x": (Machine(x=Axis(bow=5e-3)), "straightness_x", 5.0, 0.15),
    "bow-y": (Machine(y=Axis(bow=-5e-3)), "straightness_y", -5.0, 0.15),
    "friction-x": (Machine(x=Axis(stiction=6e-3, stick_relax=0.15)), "reversal_spike_x", 6.0, 0.3),
    "friction-y": (Machine(y=Axis(stiction=4e-3, stick_relax=0.15)), "reversal_spike_y", 4.0, 0.2),
    "centre": (Machine(centre=(7e-3, -4e-3)), "centre_x", 7.0, 0.05),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_the_axes_is_found_and_named(name: str) -> None:
    machine, term, value, within = FAULTS[name]
    found = found_by(machine)
    own = getattr(found, term)
    assert own.value == pytest.approx(value, abs=within)
    assert own.uncertainty > 0
    assert not found.refusals or {note.code[:6] for note in found.refusals} <= {"cyclic"}
    if name == "centre":
        assert found.centre_y is not None
        assert found.centre_y.value == pytest.approx(-4.0, abs=0.05)
        assert found.radial_max_ccw is not None
        assert abs(found.radial_max_ccw.value) < 0.5  # about the least-squares centre
    else:
        assert found.strongest is not None
        assert found.strongest.value == term
        ranks = [row for row in found.diagnosis.to_pylist() if row["rank"]]
        assert ranks[0]["term"] == term
        assert ranks[0]["share_pct"] > 60
        assert sum(row["share_pct"] for row in ranks) == pytest.approx(100)


def test_all_faults_together_are_told_apart_within_their_uncertainty() -> None:
    machine = Machine(
        x=Axis(play=4e-3, scale=15 * MICRO, lag=0.5e-3, sideways=2e-3, bow=1.5e-3, cyclic=1e-3, pitch=10.0),
        y=Axis(play=2e-3, scale=-5 * MICRO, lag=0.1e-3, sideways=-1e-3, bow=-2e-3),
        shear=20 * MICRO,
        centre=(3e-3, -2e-3),
    )
    found = found_by(machine, pitch_x_mm=10.0, pitch_y_mm=10.0)
    wanted = {"squareness": 20, "scale_mismatch": 20, "backlash_x": 4, "backlash_y": 2, "servo_mismatch": 0.4,
              "lateral_play_x": 2, "lateral_play_y": -1, "straightness_x": 1.5, "straightness_y": -2,
              "cyclic_error_x": 1, "centre_x": 3, "centre_y": -2}  # fmt: skip
    for name, value in wanted.items():
        own = getattr(found, name)
        assert abs(own.value - value) < max(2 * own.uncertainty, 0.02 * abs(value)), (name, own, value)
    assert found.cyclic_error_y is not None
    assert found.cyclic_error_y.value < 0.1
    assert found.explained is not None
    assert found.explained.value > 0.99


def test_minimum_zones_are_those_of_a_linear_programme() -> None:
    from scipy.optimize import linprog

    machine = Machine(x=Axis(play=5e-3, lag=0.4e-3), shear=25 * MICRO, centre=(4e-3, 1e-3))
    found = found_by(machine)
    table = record(machine)
    angle, deviation = np.radians(table.floats("angle_deg")), table.floats("deviation_um")
    ccw = np.array(table.texts("direction")) == "ccw"
    for rows, own in (
        (ccw, found.circular_deviation_ccw),
        (~ccw, found.circular_deviation_cw),
        (ccw | ~ccw, found.bidirectional_circular_deviation),
    ):
        # smallest h with |deviation − a cos − b sin − r| ≤ h; the circle's curvature is below e²/2R
        basis = np.column_stack([np.cos(angle[rows]), np.sin(angle[rows]), np.ones(int(rows.sum()))])
        upper = np.block([[basis, -np.ones((len(basis), 1))], [-basis, -np.ones((len(basis), 1))]])
        limits = np.concatenate([deviation[rows], -deviation[rows]])
        least = linprog([0, 0, 0, 1], A_ub=upper, b_ub=limits, bounds=[(None, None)] * 3 + [(0, None)])
        assert own is not None
        assert own.value == pytest.approx(2 * least.fun, abs=2e-3)
    assert found.certificate_residual.value < 1e-9
    assert found.zone_optimality.value == "global"
    assert found.bidirectional_circular_deviation is not None
    assert found.circular_deviation_ccw is not None
    assert found.bidirectional_circular_deviation.value >= found.circular_deviation_ccw.value


def test_d_is_the_mean_radius_and_f_depends_on_the_centring() -> None:
    table = record(Machine(centre=(10e-3, 0.0)), noise=0.0)
    shifted = Table.of(
        {
            "angle_deg": table.floats("angle_deg"),
            "deviation_um": table.floats("deviation_um") + 3.0,
            "direction": table.texts("direction"),
        }
    )
    found = circularity(shifted, radius_mm=100, trials=0, bar_u_um=0.6)
    assert found.mean_bidirectional_radial_deviation is not None
    assert found.mean_bidirectional_radial_deviation.value == pytest.approx(3.0, abs=1e-3)
    assert found.mean_bidirectional_radial_deviation.uncertainty == pytest.approx(0.6, rel=1e-3)
    assert found.radial_max_ccw is not None
    assert found.radial_max_ccw.value == pytest.approx(3.0, abs=2e-3)
    by_bar = circularity(shifted, radius_mm=100, trials=0, centring="instrument")
    assert by_bar.radial_max_ccw is not None
    assert by_bar.radial_min_cw is not None
    assert by_bar.radial_max_ccw.value == pytest.approx(13.0, abs=2e-3)
    assert by_bar.radial_min_cw.value == pytest.approx(-7.0, abs=2e-3)
    assert by_bar.servo_mismatch is None  # no feed, no time
    assert "servo-mismatch-not-separable" in {note.code for note in by_bar.refusals}


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_intervals_of_the_terms_hold_the_truth_as_often_as_they_say(alike: float) -> None:
    generator = np.random.default_rng(5)
    from scipy.signal import lfilter

    angle = np.radians((np.arange(COARSE) + 0.5) * 360 / COARSE)
    inside, total = 0, 0
    for _ in range(100):
        traces = []
        for direction, sense in (("ccw", 1), ("cw", -1)):
            noise = lfilter([1.0], [1.0, -alike], generator.standard_normal(COARSE + 100))
            traces.append(Trace(direction, angle[::sense], noise[100:]))  # type: ignore[arg-type]
        fit = model.fit(traces, 100.0, 33.3, (None, None), np.radians(4))
        u = 2 * np.sqrt(np.diag(fit.covariance))
        inside += int((np.abs(fit.values) <= u).sum())
        total += len(u)
    assert 0.93 <= inside / total <= 0.985


def test_monte_carlo_and_first_order_agree_about_the_zone() -> None:
    found = found_by(
        Machine(x=Axis(lag=0.8e-3)),
        trials=60,
        linearity_u_um=0.5,
        eve_um=0.3,
        temperature_u_k=1,
        bar_u_um=0.5,
    )
    lines = {
        row["source"]: row for row in found.budget.to_pylist() if row["result"] == "circular_deviation_ccw"
    }
    first = lines["combined, U(k = 2)"]["contribution"]
    drawn = lines["Monte Carlo, U(95 %)"]["contribution"]
    assert drawn == pytest.approx(first, rel=0.35)
    assert first > np.sqrt(2) * 0.5
    assert "uncertainty-incomplete" not in {note.code for note in found.flags}
    gained = found_by(Machine(shear=50 * MICRO), gain_u_pct=4.0, feed_u_pct=4.0)
    assert gained.squareness is not None
    assert gained.squareness.uncertainty == pytest.approx(2.0, rel=0.02)


def test_one_direction_mixes_squareness_with_lag_and_says_so() -> None:
    machine = Machine(shear=20 * MICRO, x=Axis(lag=0.3e-3))
    found = circularity(record(machine, senses=(1,)), radius_mm=100, feed_mm_per_min=2000, trials=0)
    refused = {note.code: note.text for note in found.refusals}
    assert "servo_mismatch" in refused["squareness-not-separable"]
    assert "squareness" in refused["servo-mismatch-not-separable"]
    assert "one-direction" in refused
    assert found.squareness is None
    assert found.servo_mismatch is None
    assert found.bidirectional_circular_deviation is None
    assert found.circular_deviation_ccw is not None
    rows = {row["term"]: row for row in found.diagnosis.to_pylist()}
    assert rows["squareness"]["value"] is None
    assert "cannot be told" in rows["squareness"]["remark"]


def test_part_of_a_circle_refuses_what_it_cannot_tell_and_keeps_the_rest() -> None:
    machine = Machine(x=Axis(play=5e-3), y=Axis(sideways=2e-3), shear=20 * MICRO)
    half = circularity(record(machine, arc=(0.0, np.pi)), radius_mm=100, feed_mm_per_min=2000, trials=0)
    refused = {note.code for note in half.refusals}
    assert {"scale-mismatch-not-separable", "centre-y-not-separable"} <= refused
    assert half.backlash_x is not None
    assert half.backlash_x.value == pytest.approx(5.0, abs=max(0.3, 2 * half.backlash_x.uncertainty))
    assert "partial-arc" in {note.code for note in half.flags}
    whole = circularity(record(machine), radius_mm=100, feed_mm_per_min=2000, trials=0)
    assert whole.scale_mismatch is not None
    # what both tell agrees; nothing that is stated lies beyond its U
    for term in TERMS:
        one, other = getattr(half, term.name), getattr(whole, term.name)
        if one is not None and other is not None and not term.set_up:
            assert abs(one.value - other.value) < 2.5 * np.hypot(one.uncertainty, other.uncertainty) + 0.1, (
                term.name
            )


def test_a_cyclic_error_wants_readings_enough() -> None:
    found = circularity(
        record(Machine(), count=360), radius_mm=100, feed_mm_per_min=2000, pitch_x_mm=2.0, trials=0
    )
    assert "cyclic-x-undersampled" in {note.code for note in found.refusals}
    assert found.cyclic_error_x is None


def test_a_filter_takes_noise_out_of_g_and_says_so() -> None:
    machine = Machine(shear=30 * MICRO)
    rough = circularity(record(machine, noise=0.5), radius_mm=100, trials=0)
    smooth = circularity(record(machine, noise=0.5), radius_mm=100, cutoff_upr=15, trials=0)
    assert rough.circular_deviation_ccw is not None
    assert smooth.circular_deviation_ccw is not None
    assert smooth.circular_deviation_ccw.value < rough.circular_deviation_ccw.value - 1
    assert smooth.circular_deviation_ccw.value == pytest.approx(3.0, abs=0.5)
    assert smooth.circular_deviation_ccw.uncertainty < rough.circular_deviation_ccw.uncertainty / 3
    assert "filtered" in {note.code for note in smooth.flags}
    assert smooth.squareness == rough.squareness
    assert passed(1440, 15.0) < 0.2
    with pytest.raises(Refusal, match="cannot be filtered"):
        circularity(record(machine, arc=(0.0, np.pi)), radius_mm=100, cutoff_upr=15)


def test_two_files_and_two_columns_say_the_same_as_one() -> None:
    machine = Machine(x=Axis(play=5e-3))
    table = record(machine)
    both = circularity(table, radius_mm=100, trials=0)
    angle, deviation = table.floats("angle_deg"), table.floats("deviation_um")
    ccw = np.array(table.texts("direction")) == "ccw"
    files = [Table.of({"angle_deg": angle[rows], "deviation_um": deviation[rows]}) for rows in (ccw, ~ccw)]
    apart = circularity(*files, radius_mm=100, directions=["G3", "clockwise"], trials=0)
    assert apart.backlash_x == both.backlash_x
    assert apart.bidirectional_circular_deviation == both.bidirectional_circular_deviation
    full = [Table.of({"angle_deg": angle[r], "radius_mm": 100 + deviation[r] / 1000}) for r in (ccw, ~ccw)]
    radii = circularity(*full, radius_mm=100, directions=["ccw", "cw"], trials=0)
    assert radii.backlash_x is not None
    assert both.backlash_x is not None
    assert radii.backlash_x.value == pytest.approx(both.backlash_x.value, abs=1e-6)
    pair = Table.of(
        {
            "angle_deg": angle[ccw],
            "deviation_ccw_um": deviation[ccw],
            # the clockwise pass runs through the same angles the other way
            "deviation_cw_um": deviation[~ccw][::-1],
        }
    )
    columns = circularity(pair, radius_mm=100, trials=0)
    assert columns.backlash_x is not None
    assert columns.backlash_x.value == pytest.approx(both.backlash_x.value, abs=0.05)


def circle(n: int = 72, **more: Any) -> dict[str, Any]:
    angle = np.arange(n) * 360.0 / n
    return {
        "angle_deg": angle,
        "deviation_um": np.sin(np.radians(2 * angle)),
        "direction": ["ccw"] * n,
    } | more


@pytest.mark.parametrize(
    ("columns", "parameters", "said"),
    [
        ({"direction": None}, {}, "direction of contouring is not said"),
        ({"direction": ["left"] * 72}, {}, "direction 'left'"),
        ({}, {"directions": ["ccw"]}, "said twice"),
        ({}, {"directions": ["ccw", "cw"]}, "2 directions for 1 files"),
        ({"deviation_um": None}, {}, "the columns are"),
        ({"deviation_um": np.full(72, 1e5)}, {}, "name full radii"),
        ({"deviation_um": None, "radius_um": np.full(72, 1.5e5)}, {}, "mean measured radius is 150 mm"),
        ({"angle_deg": None}, {}, "angle_deg"),
        ({"deviation_um": None, "deviation_cw_um": np.zeros(72)}, {}, "said twice"),
    ],
    ids=["none", "word", "twice", "count", "columns", "full", "radius", "angle", "column-pair"],
)
def test_what_is_wrong_with_a_path_is_said(
    columns: dict[str, Any], parameters: dict[str, Any], said: str
) -> None:
    table = Table.of({name: values for name, values in circle(**columns).items() if values is not None})
    with pytest.raises(BadInput, match=said):
        circularity(table, radius_mm=100, **parameters)


def test_what_is_no_circle_is_refused() -> None:
    with pytest.raises(BadInput, match="no file"):
        circularity(radius_mm=100)
    with pytest.raises(BadInput, match="3 files"):
        circularity(*[Table.of(circle())] * 3, radius_mm=100)
    with pytest.raises(BadInput, match="two files run ccw"):
        circularity(*[Table.of(circle())] * 2, radius_mm=100)
    with pytest.raises(Refusal, match="at least 36"):
        circularity(Table.of(circle(20)), radius_mm=100)
    with pytest.raises(Refusal, match="no circular path"):
        circularity(Table.of(circle(deviation_um=np.linspace(-4000, 4000, 72))), radius_mm=100)
    with pytest.raises(Refusal, match="determine no circle"):
        circularity(Table.of(circle(angle_deg=np.zeros(72))), radius_mm=100)
    few = circularity(Table.of(circle(40)), radius_mm=100, trials=0)
    assert "no-diagnosis" in {note.code for note in few.refusals}
    assert few.diagnosis is None
    assert circularity.draw is not None
    assert circularity.draw(few)["layer"]


def test_a_drift_over_the_pass_and_dead_readings_are_told() -> None:
    angle = np.linspace(0, 360, 721)
    slow = {"angle_deg": angle, "deviation_um": angle / 360 * 5.0, "direction": ["ccw"] * 721}
    found = circularity(Table.of(slow), radius_mm=100, trials=0)
    assert "drift-exceeds-deviation" in {note.code for note in found.flags}
    slow["deviation_um"] = angle / 360 * 3.0 + 5 * np.sin(np.radians(2 * angle))
    found = circularity(Table.of(slow), radius_mm=100, trials=0)
    assert "drift" in {note.code for note in found.flags}
    dead = circularity(Table.of(circle(deviation_um=np.zeros(72))), radius_mm=100, trials=5)
    assert "no-signal" in {note.code for note in dead.flags}
    generator = np.random.default_rng(1)
    wild = circularity(
        Table.of(circle(720, deviation_um=generator.standard_normal(720))), radius_mm=100, trials=0
    )
    assert "not-explained" in {note.code for note in wild.flags}


def test_the_whole_way_from_files_to_a_plot(recore: Any, tmp_path: Path) -> None:
    machine = Machine(x=Axis(play=5e-3), radius=150.0, feed=3000.0)
    paths = []
    for sense, word in ((1, "ccw"), (-1, "cw")):
        angle, deviation = machine.contour(sense, 720)
        path = tmp_path / f"{word}.csv"
        rows = [f"{float(a)!r},{float(v)!r}" for a, v in zip(angle, deviation, strict=True)]
        path.write_text("\n".join(["angle_deg,deviation_um", *rows]))
        paths.append(path)
    words = ("-p", "radius_mm=150", "-p", "feed_mm_per_min=3000", "-p", "trials=10")
    done = recore("run", "machine.circularity", *paths, *words, "-p", "directions=ccw,cw", "--json")
    assert done.status == 0, done.err
    assert done.json["results"]["backlash_x"]["value"] == pytest.approx(5.0, abs=0.1)
    assert done.json["results"]["strongest"]["value"] == "backlash_x"
    assert {a["file"] for a in done.json["artifacts"]} == {"budget.csv", "diagnosis.csv"}
    assert recore("run", "machine.circularity", *paths, *words).status == 2  # no direction
    found = circularity(record(machine), radius_mm=150, trials=10)
    drawn = circularity.draw(found)  # type: ignore[misc]
    assert "G(b)" in drawn["title"]["text"]
    assert {point["kind"] for point in drawn["layer"][1]["data"]["values"]} == {"measured", "diagnosis"}
