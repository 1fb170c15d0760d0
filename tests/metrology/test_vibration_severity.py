"""Severity of vibration: known sines, an independent formulation, zones with their guard band, hostile records."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, signal

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.vibration import zones as zoning
from recore.metrology.vibration.band_level import band_level, segment_samples
from recore.metrology.vibration.channels import clipped, vibration_channels
from recore.metrology.vibration.severity import severity
from recore.rules import RuleSet, check, shipped

RATE = 2560.0
TIME = np.arange(int(12 * RATE)) / RATE
LARGE = {"machine": "industrial", "foundation": "rigid", "power_kw": 500.0}
EXACT = {"calibration_pct": 1.0, "mounting": "stud", "rate_hz": RATE, "speed_rpm": 1480.0}


def shaking(velocity: float, hz: float = 24.7) -> np.ndarray:
    """Acceleration [m/s²] of a sine with an r.m.s. velocity [mm/s]."""
    return velocity * np.sqrt(2) * 2e-3 * np.pi * hz * np.cos(2 * np.pi * hz * TIME)


def table(**columns: np.ndarray) -> Table:
    return Table.of({name.replace("__ms2", " [m/s²]"): values for name, values in columns.items()})


@pytest.mark.parametrize("hz", [11.3, 24.7, 160.0, 937.1])
def test_velocity_and_displacement_of_a_sine(hz: float) -> None:
    found = severity(table(x__ms2=shaking(4.0, hz)), **EXACT)
    assert found.velocity_rms.value == pytest.approx(4.0, rel=0.006)
    assert found.displacement_rms.value == pytest.approx(4e3 / (2 * np.pi * hz), rel=0.012)
    assert abs(found.velocity_rms.value - 4.0) < found.velocity_rms.uncertainty


def test_mean_drift_and_low_rumble_do_not_reach_the_band() -> None:
    drifting = shaking(4.0) + 9.81 + 0.3 * TIME + 0.5 * np.sin(2 * np.pi * 0.4 * TIME)
    found = severity(table(x__ms2=drifting), **EXACT)
    assert found.velocity_rms.value == pytest.approx(4.0, rel=0.01)


def test_noise_agrees_with_filtering_and_integrating_in_time() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    noise = rng.standard_normal(len(TIME) * 2)
    level = band_level(noise, RATE, (10.0, 1000.0), "acceleration", "x")
    # the other way: integrate in time, then a zero-phase band-pass
    steep = signal.butter(8, (10, 1000), "bandpass", fs=RATE, output="sos")
    speed = signal.sosfiltfilt(steep, integrate.cumulative_simpson(noise - noise.mean(), dx=1 / RATE))
    middle = speed[len(speed) // 8 : -len(speed) // 8] * 1e3
    assert level.velocity == pytest.approx(np.sqrt(np.mean(middle**2)), rel=0.05)


def test_units_of_acceleration_and_velocity_meet() -> None:
    acceleration = shaking(3.0)
    velocity = 3 * np.sqrt(2) * np.sin(2 * np.pi * 24.7 * TIME)
    found = severity(
        Table.of(
            {
                "a [m/s²]": acceleration,
                "b_g": acceleration / 9.80665,
                "c [g]": acceleration / 9.80665,
                "d_mm_s": velocity,
                "e [m/s]": velocity / 1e3,
                "f_m_s2": acceleration,
                "speed_rpm": np.full(len(TIME), 1480.0),
                "mass [g]": velocity,
            }
        ),
        **EXACT,
    )
    values = found.levels["velocity_rms_mm_s"].to_pylist()
    assert found.levels["channel"].to_pylist() == list("abcdef")
    assert values == pytest.approx([3.0] * 6, rel=0.003)


def test_stated_uncertainty_of_a_finite_record_covers_the_level_of_noise() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    rate, length = 256.0, segment_samples(256.0, 10.0)
    trials, samples = 250, 9 * length // 2
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    truth = None
    inside = 0
    for _ in range(trials):
        level = band_level(rng.standard_normal(samples), rate, (10.0, 100.0), "velocity", "x")
        truth = truth or np.sqrt(level.frequency.size * rate / length * 2 / rate)
        inside += abs(level.velocity - truth) <= 1.96 * level.velocity * level.spread(level.velocity2)
    assert frequency.size and 0.92 <= inside / trials <= 0.985


def test_scatter_of_noise_is_that_of_chi_squared() -> None:
    rng = np.random.Generator(np.random.PCG64(6))
    seconds, rate = 400.0, 256.0
    level = band_level(rng.standard_normal(int(seconds * rate)), rate, (10.0, 100.0), "velocity", "x")
    # a mean square over bandwidth B and time T has 2 B T degrees of freedom
    assert level.spread(level.velocity2) == pytest.approx(0.5 / np.sqrt(90.0 * seconds), rel=0.15)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_levels_scale_with_the_signal(factor: float) -> None:
    rng = np.random.Generator(np.random.PCG64(8))
    noise = rng.standard_normal(12 * 256)
    one, other = (band_level(noise * f, 256.0, (10.0, 100.0), "acceleration", "x") for f in (1.0, factor))
    assert other.velocity == pytest.approx(factor * one.velocity)
    assert other.displacement == pytest.approx(factor * one.displacement)
    assert other.spread(other.velocity2) == pytest.approx(one.spread(one.velocity2))


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 20), st.floats(0, 5))
def test_a_zone_contains_the_value_and_widens_with_u(value: float, spread: float) -> None:
    row = next(
        r for r in shipped("vibration").rows if r.rule_id == "vibration.iso10816-3.group1.rigid.velocity"
    )
    zones = zoning.Zones.of(row)
    assert zones is not None
    plain = zones.span(value, 0.0)
    best, worst = zones.span(value, spread)
    assert plain[0] == plain[1] == sum(value > limit for limit in (2.3, 4.5, 7.1))
    assert 0 <= best <= plain[0] <= worst <= 3


@pytest.mark.parametrize(
    ("velocity", "zone"), [(1.0, "A"), (3.0, "B"), (5.5, "C"), (9.0, "D"), (4.5, "B or C"), (2.3, "A or B")]
)
def test_zone_of_a_large_machine_on_a_rigid_foundation(velocity: float, zone: str) -> None:
    found = severity(table(x__ms2=shaking(velocity)), **EXACT, **LARGE)
    assert found.zone.value == zone
    assert "ISO 10816-3:2009, group 1" in found.zone_standard.value
    assert any(note.code == "zone-open" for note in found.refusals) == ("or" in zone)


def test_the_worst_position_decides() -> None:
    found = severity(table(x__ms2=shaking(1.0), y__ms2=shaking(5.5)), **EXACT, **LARGE)
    assert (found.zone.value, found.position.value) == ("C", "y")


@pytest.mark.parametrize(
    ("machine", "limits"),
    [
        ({"foundation": "rigid", "power_kw": 75.0}, (1.4, 2.8, 4.5)),
        ({"foundation": "flexible", "power_kw": 75.0}, (2.3, 4.5, 7.1)),
        ({"foundation": "flexible", "power_kw": 500.0}, (3.5, 7.1, 11.0)),
        # the shaft height of an electrical machine goes before its power
        ({"foundation": "rigid", "power_kw": 250.0, "shaft_height_mm": 355.0}, (2.3, 4.5, 7.1)),
    ],
    ids=["medium-rigid", "medium-flexible", "large-flexible", "by-shaft-height"],
)
def test_group_and_support_choose_the_row(machine: dict[str, Any], limits: tuple[float, ...]) -> None:
    found = severity(table(x__ms2=shaking(3.0)), machine="industrial", **machine, **EXACT)
    rows = [row for row in found.zones.to_pylist() if row["evidence_level"] == 3 and row["group"] != "any"]
    assert [(r["ab_from"], r["bc_from"], r["cd_to"]) for r in rows] == [limits]


@pytest.mark.parametrize(("factor", "flagged"), [(1.0, False), (1e3, True), (1e-3, True)])
def test_a_level_that_no_machine_has_is_flagged(factor: float, flagged: bool) -> None:
    found = severity(table(x__ms2=factor * shaking(2.0)), **EXACT)
    assert ("unit-doubtful" in {note.code for note in found.flags}) == flagged


def test_unverified_rows_are_shown_and_never_decide() -> None:
    found = severity(
        table(x__ms2=shaking(12.0)), machine="pump", pump_category="I", power_kw=75.0, rules=None, **EXACT
    )
    assert found.zone_unverified.value == "D"
    # the range over all machines has level 3, and 12 mm/s lies within its uppermost boundary
    assert found.zone.value == "C or D"
    only = RuleSet(row for row in shipped("vibration").rows if row.rule_id != "vibration.iso10816-1.range")
    alone = severity(
        table(x__ms2=shaking(12.0)), machine="pump", pump_category="I", power_kw=75.0, rules=only, **EXACT
    )
    assert alone.zone.value == "unknown"
    assert [note.code for note in alone.refusals] == ["zone-unverified"]


@pytest.mark.parametrize("machine", ["gear-unit", "wind-turbine", "machine-tool-spindle"])
def test_machines_without_zones_get_the_reason(machine: str) -> None:
    found = severity(table(x__ms2=shaking(3.0)), machine=machine, **EXACT)
    assert found.zone.value == "unknown"
    assert [note.code for note in found.refusals] == ["no-zones"]
    if machine == "gear-unit":
        assert "does not tell the condition of gears" in found.refusals[0].text


def test_what_is_not_stated_of_the_machine_is_asked_for() -> None:
    found = severity(table(x__ms2=shaking(0.3)), machine="industrial", **EXACT)
    assert found.zone.value == "A"  # below every boundary of any machine
    note = next(note for note in found.refusals if note.code == "class-not-stated")
    assert "foundation" in note.text
    assert "power_kw" in note.text


def test_a_boundary_that_is_not_stated_leaves_both_zones() -> None:
    row = next(
        r for r in shipped("vibration").rows if r.rule_id == "vibration.iso20816-3.group1.rigid.velocity"
    )
    zones = zoning.Zones.of(row)
    assert zones is not None
    assert zoning.in_words(zones.span(1.0, 0.1)) == "A or B"
    assert zoning.in_words(zones.span(6.0, 0.1)) == "C"
    assert zoning.in_words(zones.span(5.0, 3.0)) == "A to D"


@pytest.mark.parametrize("bad", [{"ab": "2"}, {"ab": [3.0, 2.0, 1.0]}, {"ab": [5.0, 5.0], "bc": [4.0, 4.0]}])
def test_a_row_with_boundaries_out_of_order(bad: dict[str, Any]) -> None:
    row = next(r for r in shipped("vibration").rows if r.params.get("group") == "1")
    with pytest.raises(BadInput, match="rising order"):
        zoning.Zones.of(row.model_copy(update={"params": row.params | bad}))


def test_a_day_before_the_standard_has_no_zones_of_it() -> None:
    found = severity(table(x__ms2=shaking(3.0)), measured_on=datetime.date(2026, 11, 22), **EXACT, **LARGE)
    assert found.zone.value == "B"
    early = RuleSet(r for r in shipped("vibration").rows if "mounting" in r.rule_id or "range" in r.rule_id)
    with pytest.raises(BadInput, match="no rule row states a band"):
        severity(
            table(x__ms2=shaking(3.0)), measured_on=datetime.date(2005, 1, 1), rules=early, **EXACT, **LARGE
        )


def test_slow_machines_are_measured_from_2_hz() -> None:
    rate = 2560.0
    time = np.arange(int(50 * rate)) / rate
    slow = 3 * np.sqrt(2) * 2e-3 * np.pi * 5.2 * np.cos(2 * np.pi * 5.2 * time)
    slow_table = Table.of({"x [m/s²]": slow})
    found = severity(slow_table, **{**EXACT, "speed_rpm": 312.0})
    assert (found.band_low.value, found.velocity_rms.value) == (2.0, pytest.approx(3.0, rel=0.01))
    with pytest.raises(BadInput, match="speed of the shaft is not stated"):
        severity(slow_table, rate_hz=rate)


def test_another_band_gets_a_level_and_no_zone() -> None:
    found = severity(table(x__ms2=shaking(3.0)), band_hz=[20.0, 500.0], **EXACT, **LARGE)
    assert found.zone.value == "unknown"
    assert [note.code for note in found.refusals] == ["other-band"]
    with pytest.raises(BadInput, match="0 < low < high"):
        severity(table(x__ms2=shaking(3.0)), band_hz=[500.0, 20.0], **EXACT)


def test_change_against_a_baseline() -> None:
    rows = shipped("vibration")
    before, now = table(x__ms2=shaking(2.0)), table(x__ms2=shaking(3.5))
    shown = severity(now, before, **EXACT, **LARGE)
    assert shown.change is not None
    assert shown.change.value == pytest.approx(1.5, abs=0.02)
    # a stud within 1 %, put on anew: 2 · 0.01/sqrt(3) · hypot(2, 3.5)
    assert shown.change.uncertainty == pytest.approx(0.0465, rel=0.05)
    assert "sensor put on anew" in shown.budget["source"].to_pylist()
    assert shown.change_verdict.value == "unknown"  # the criterion has evidence level 5
    assert "change-unverified" in {note.code for note in shown.refusals}
    own = RuleSet(
        r.model_copy(update={"evidence_level": 4}) if r.rule_id == "vibration.change" else r
        for r in rows.rows
    )
    assert severity(now, before, rules=own, **EXACT, **LARGE).change_verdict.value == "significant"
    assert severity(before, before, rules=own, **EXACT, **LARGE).change_verdict.value == "not significant"
    elsewhere = severity(now, before, rules=own, band_hz=[20.0, 500.0], **EXACT, **LARGE)
    assert elsewhere.change_verdict.value == "unknown"
    # a quarter of 4.5 is 1.125
    near = table(
        x__ms2=shaking(2.0 + 1.125) + 0.5 * np.random.Generator(np.random.PCG64(1)).standard_normal(TIME.size)
    )
    assert severity(near, before, rules=own, **EXACT, **LARGE).change_verdict.value in (
        "undecided",
        "significant",
    )
    free = RuleSet(r for r in rows.rows if r.rule_id != "vibration.change")
    assert severity(now, before, rules=free, **EXACT, **LARGE).change_verdict.value == "unknown"


def test_a_baseline_of_other_positions_sensors_and_speed() -> None:
    now = table(x__ms2=shaking(2.0), y__ms2=shaking(2.0))
    before = Table.of(
        {
            "x_mm_s": 2 * np.sqrt(2) * np.sin(2 * np.pi * 24.7 * TIME),
            "speed_rpm": np.full(len(TIME), 1300.0),
        }
    )
    codes = [note.code for note in severity(now, before, **EXACT).flags]
    assert codes == ["other-sensor", "no-baseline", "other-speed"]
    with pytest.raises(BadInput, match="none of the channels"):
        severity(now, table(z__ms2=shaking(2.0)), **EXACT)


def test_chain_not_stated_is_taken_from_rows_and_said() -> None:
    found = severity(table(x__ms2=shaking(3.0)), rate_hz=RATE, speed_rpm=1480.0)
    assert {"calibration-assumed", "mounting-not-stated"} <= {note.code for note in found.flags}
    # 10 % and 5 % as bounds: sqrt((10² + 5²)/3) * 2 = 12.9 %
    assert found.velocity_rms.uncertainty == pytest.approx(0.129 * 3.0, rel=0.02)
    sources = set(found.budget["source"].to_pylist())
    assert {"finite record", "combined, U(k = 2)", "Monte Carlo, U(95 %)"} <= sources
    none = RuleSet(r for r in shipped("vibration").rows if "range" in r.rule_id)
    with pytest.raises(BadInput, match="calibration_pct"):
        severity(table(x__ms2=shaking(3.0)), rate_hz=RATE, speed_rpm=1480.0, rules=none)
    with pytest.raises(BadInput, match="mounting"):
        severity(table(x__ms2=shaking(3.0)), rate_hz=RATE, speed_rpm=1480.0, rules=none, calibration_pct=1.0)
    assert severity(table(x__ms2=shaking(3.0)), trials=0, **EXACT).velocity_rms.uncertainty > 0


def test_settling_of_the_sensor_is_flagged() -> None:
    rng = np.random.Generator(np.random.PCG64(9))
    rumble = signal.sosfilt(signal.butter(8, 9, fs=RATE, output="sos"), rng.standard_normal(len(TIME)))
    found = severity(table(x__ms2=5 * rumble + 1e-3 * rng.standard_normal(len(TIME))), **EXACT)
    assert "ski-slope" in {note.code for note in found.flags}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.clip(shaking(5.0), -0.8, 0.8), "signal-clipped"),
        (np.zeros(len(TIME)), "signal-dead"),
        (shaking(5.0)[:5000], "record-too-short"),
    ],
    ids=["clipped", "dead", "short"],
)
def test_records_whose_level_would_be_wrong(values: np.ndarray, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        severity(table(x__ms2=values), **EXACT)
    assert refused.value.code == code


def test_rate_too_low_for_the_band() -> None:
    with pytest.raises(Refusal, match="rate-too-low"):
        severity(table(x__ms2=shaking(5.0)), **{**EXACT, "rate_hz": 2000.0})


def test_nothing_within_the_band() -> None:
    with pytest.raises(Refusal, match="signal-dead"):
        band_level(np.zeros(30_000), RATE, (10.0, 1000.0), "velocity", "x")


def test_quantised_signals_are_not_taken_for_clipped() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    coarse = np.round(20 * rng.standard_normal(20_000)) / 20
    assert clipped(coarse) == 0
    assert clipped(np.clip(coarse, -1.5, 9)) > 0.01


@pytest.mark.parametrize(
    ("columns", "wanted", "match"),
    [
        ({"x": [0.0]}, {}, "no column states a unit"),
        ({"x": [0.0]}, {"channels": ["x"]}, "factor of ten"),
        ({"x_kw": [0.0]}, {"channels": ["x_kw"], "unit": "g"}, "no acceleration and no velocity"),
        ({"x": [0.0]}, {"channels": ["1"], "unit": "kW"}, "g, m/s², mm/s or m/s"),
        ({"x": [0.0]}, {"channels": ["1"], "unit": "furlong"}, "not known"),
        ({"x_g": [0.0]}, {"channels": ["x", "1"]}, "named twice"),
        ({"x_g": [0.0]}, {"channels": ["y"]}, "no column 'y'"),
    ],
    ids=["no-unit", "unit-asked", "other-kind", "unit-of-power", "unit-unknown", "twice", "absent"],
)
def test_channels_that_cannot_be_told(columns: dict[str, Any], wanted: dict[str, Any], match: str) -> None:
    with pytest.raises(BadInput, match=match):
        vibration_channels(Table.of(columns), wanted.get("channels"), wanted.get("unit"))


def test_channels_by_number_and_unit() -> None:
    both = Table.of({"a": [1.0, 2.0], "b_mm_s": [1.0, 2.0]})
    first, second = vibration_channels(both, ["1", "b"], "g")
    assert (first.factor, first.unit, second.kind) == (9.80665, "m/s²", "velocity")
    assert first.read(both)[1] == pytest.approx(19.6133)


def test_speed_stated_twice_must_agree() -> None:
    turning = Table.of({"x [m/s²]": shaking(2.0), "speed_rpm": np.full(len(TIME), 1480.0)})
    with pytest.raises(BadInput, match="the column says 1480"):
        severity(turning, **{**EXACT, "speed_rpm": 3000.0})
    assert severity(turning, **{**EXACT, "speed_rpm": None}).band_low.value == 10


@pytest.mark.parametrize(
    "machine",
    [LARGE, {"machine": "gear-unit"}, {"machine": "industrial"}, {"machine": "pump", "power_kw": 75.0}, {}],
    ids=["large", "gear-unit", "not-stated", "pump", "other"],
)
def test_the_rows_that_were_consulted_say_the_same_again(machine: dict[str, Any]) -> None:
    record = table(x__ms2=shaking(3.0))
    asked = {"rate_hz": RATE, "speed_rpm": 1480.0, "trials": 0}
    found = severity(record, record, **asked, **machine)
    again = severity(record, record, rules=found._rules, **asked, **machine)
    assert len(found._rules.rows) < len(shipped("vibration").rows)
    assert (again.zone, again.zone_unverified, again.refusals, again.flags) == (
        found.zone,
        found.zone_unverified,
        found.refusals,
        found.flags,
    )
    assert again.zones.to_pylist() == found.zones.to_pylist()


def test_the_rows_are_sound() -> None:
    folder = Path(zoning.__file__).parents[2] / "rules" / "data" / "vibration"
    assert [
        problem for problem in check(folder, as_of=datetime.date(2026, 11, 22)) if problem.severity != "note"
    ] == []


def test_through_the_door(recore: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    lines = ["de_h [m/s²],de_v_g"]
    noisy = shaking(3.0) + 0.01 * rng.standard_normal(len(TIME))
    lines += [f"{a:.6f},{a / 9.80665:.6f}" for a in noisy]
    file = tmp_path / "run.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    asked = [
        "-p",
        f"rate_hz={RATE:g}",
        "-p",
        "speed_rpm=1480",
        "-p",
        "machine=industrial",
        "-p",
        "foundation=rigid",
    ]
    ended = recore("run", "vibration.severity", file, *asked, "-p", "power_kw=500", "--json")
    assert ended.status == 0, ended.err
    results = ended.json["results"]
    assert results["velocity_rms"]["value"] == pytest.approx(3.0, rel=0.01)
    assert results["zone"]["value"] == "B"
    plot = severity.draw(severity(Table.of({"x [m/s²]": noisy, "y [m/s²]": noisy}), **EXACT, **LARGE))  # type: ignore[misc]
    assert len(json.dumps(plot)) < 400_000
    assert recore("run", "vibration.severity", file).status == 2


def test_a_healthy_machine_of_the_shared_data(shared_data: Callable[[str], Path]) -> None:
    data = np.load(shared_data("vibration/cwru_de_normal_0.npz"))
    record = Table.of({"x_g": data["accel_g"].astype(float)})
    asked = {"rate_hz": float(data["fs_hz"]), "speed_rpm": float(data["rpm"])}
    with pytest.raises(Refusal, match="record-too-short"):
        severity(record, **asked)
    assert 0.1 < severity(record, band_hz=[20.0, 1000.0], **asked).velocity_rms.value < 4
