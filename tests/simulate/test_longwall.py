"""The simulated longwall does what its truth says."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from recore.errors import BadInput
from recore.evidence import Table
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.simulate.supports import FAULTS, Longwall, LongwallFace

STILL = {
    "noise_mpa": 0.0, "resolution_mpa": 0.0, "power_gaps_per_week": 0.0, "support_gaps_per_week": 0.0,
    "duplicate_share": 0.0, "spike_share": 0.0, "dropout_share": 0.0, "reset_share": 0.0, "faults": ("none",),
}  # fmt: skip


def face(seed=1, **changes):
    return LongwallFace(seed, Longwall(**{"supports": 6, "days": 1.0, **STILL, **changes}))


def log_of(made):
    return pa.concat_tables(made.log())


def leg_of(made, support, leg):
    """Times, s after the beginning, and pressures of a leg."""
    log = log_of(made).filter((pc.field("support") == support) & (pc.field("leg") == leg))
    t = log["ts"].cast(pa.int64()).to_numpy() / 1e3 - made.epoch_ms / 1e3
    return t, log["pressure_mpa"].to_numpy().astype(float)


def fault_of(made, code):
    return next(f for f in made.faults if f.fault == code)


def cycles_in(made, fault, leg=1):
    """Numbers of the cycles of a leg that a fault concerns."""
    lower = made.leg(fault.support, fault.leg or leg).strokes.lower
    return np.flatnonzero(
        (lower[:-1] >= max(fault.begin, 0.0)) & (lower[1:] <= min(fault.end, made.longwall.days * 86400))
    )


def test_the_seed_decides():
    noisy = {"noise_mpa": 0.05, "spike_share": 1e-3, "faults": ("all",), "days": 0.3, "interval_s": 10.0}
    assert log_of(face(3, **noisy)).equals(log_of(face(3, **noisy)))
    assert not log_of(face(3, **noisy)).equals(log_of(face(4, **noisy)))


def test_the_truth_is_what_a_clean_log_shows():
    made = face(
        2,
        break_loading_mpa=(7.0, 8.0),
        yield_spread=0.0,
        legs=2,
        supports=1,
        interval_s=10.0,
        low_s=(20.0, 30.0),
    )
    true = made.cycles()
    found = support_cycles(Table.of(log_of(made)), yield_mpa=42.0).table
    assert true.num_rows == found.num_rows > 15
    assert pc.all(true["shown"]).as_py()
    for name, edge in (("start", 10.0), ("end", 10.0)):
        apart = (found[name].to_numpy() - true[name].to_numpy()) / np.timedelta64(1, "s")
        assert 0 <= apart.min() <= apart.max() <= edge
    for name, most in (("setting_mpa", 0.6), ("final_mpa", 0.8)):
        assert np.abs(found[name].to_numpy() - true[name].to_numpy()).max() < most
    yields = found["yield_events"].to_numpy(), true["yields"].to_numpy()
    assert yields[1].sum() > 4
    assert np.mean(yields[0] == yields[1]) > 0.97


def test_a_shear_is_a_wave_over_the_supports():
    operation = face(5, supports=30, days=3.0).operation
    assert operation.shears > 40
    away = np.diff(operation.lower_s, axis=1)
    forward = np.median(away, axis=1) > 0
    assert (forward[1:] != forward[:-1]).all()
    late = away * np.where(forward, 1, -1)[:, None]
    assert (late > -15).all()  # but for the spread of the lag, one after the other
    uni = face(5, supports=30, days=3.0, direction="uni").operation
    assert (np.median(np.diff(uni.lower_s, axis=1), axis=1) > 0).all()


def test_weekends_and_shifts_are_idle():
    made = face(1, days=8.0, stoppages_per_day=0.0, lag_spread_s=0.0, interval_s=60.0)
    lower = made.operation.lower_s - made.longwall.lag_s
    inside = lower[(lower > 0) & (lower < 8 * 86400)]
    day, hour = inside // 86400, inside % 86400 / 3600
    assert not np.isin(day, (5, 6)).any()  # the first day is a Monday
    assert not ((hour > 6) & (hour < 10)).any()
    assert len(inside) > 5 * 15 * 6


def test_the_roof_breaks_in_a_zone():
    made = face(
        7, supports=20, days=6.0, zone_from=5, zone_to=15, zone_edge=0.1, interval_s=60.0, idle_weekends=False
    )
    weighting = made.weighting()
    assert weighting.num_rows >= 4
    assert set(weighting["support_from"].to_pylist()) == {5}
    assert set(weighting["support_to"].to_pylist()) == {15}
    first = weighting["first_shear"].to_numpy()
    assert np.diff(first).mean() == pytest.approx(12 / 0.8, abs=3)
    loading = made.operation.loading_mpa
    for begin, end in zip(first, weighting["last_shear"].to_numpy(), strict=True):
        assert loading[begin : end + 1, 5:14].min() > 5
        assert loading[begin : end + 1, [0, 1, 18, 19]].max() < 2
    assert face(7, weighting=False).weighting().num_rows == 0
    severe = face(7, supports=20, days=6.0, severe_share=1.0, zones=2, interval_s=60.0)
    assert all(severe.weighting()["severe"].to_pylist())
    assert len({b.support_from < 10 for b in severe.operation.breaks}) == 2


def test_a_leaking_leg_loses_its_size_per_minute():
    made = face(4, faults=("leg_leak",), weighting=False, neighbour_mpa=(0.0, 0.0), loading_mpa=(0.0, 0.0))
    fault = fault_of(made, "leg_leak")
    t, p = leg_of(made, fault.support, fault.leg)
    k = cycles_in(made, fault)[0]
    set_at = made.leg(fault.support, fault.leg).strokes.set_at[k]
    here = (t > set_at + 60) & (t < set_at + 600)
    assert -60 * np.polyfit(t[here], p[here], 1)[0] == pytest.approx(fault.size, abs=1e-3)
    legs = made.leg_table().to_pylist()
    assert [
        x["leak_mpa_per_min"] for x in legs if (x["support"], x["leg"]) == (fault.support, fault.leg)
    ] == [fault.size]
    # it never leaks below its floor
    assert made.leg(fault.support, fault.leg).held(int(k), np.array([0.0, 3e5]))[1] > 6


def test_a_check_valve_loses_its_share_in_three_minutes_and_then_holds():
    made = face(4, faults=("check_valve_leak",), weighting=False)
    fault = fault_of(made, "check_valve_leak")
    leg = made.leg(fault.support, fault.leg)
    for k in cycles_in(made, fault)[:5]:
        begin, judged, later = leg.held(int(k), np.array([0.0, 180.0, 600.0]))
        assert 1 - judged / begin == pytest.approx(fault.size, abs=1e-6)
        assert later > judged - 0.5
    assert 0.15 <= fault.size <= 0.40


@pytest.mark.parametrize("code", ["yield_low", "yield_high", "yield_slow"])
def test_yield_valves_open_and_reseat_as_they_are(code):
    made = face(6, supports=10, days=2.0, faults=(code,), break_loading_mpa=(8.0, 9.0))
    fault = fault_of(made, code)
    leg = made.leg(fault.support, fault.leg)
    opened = [k for k in cycles_in(made, fault) if leg.yields[k]]
    assert opened
    k = int(opened[0])
    age = np.arange(0.0, leg.strokes.lower[k + 1] - leg.strokes.set_at[k], 1.0)
    p = leg.held(k, age)
    highest, at = p.max(), int(p.argmax())
    if code == "yield_slow":
        assert highest == pytest.approx(42.0, rel=0.05)
        first = leg.knots[k][0][1:3]
        assert p[int(first[1]) + 1] <= 0.75 * highest
        assert first[1] - first[0] >= 60
    else:
        assert highest == pytest.approx(fault.size * 42.0, abs=0.3)
        assert abs(fault.size - 1) >= 0.1
        assert p[at : at + 8].min() > 0.9 * highest


def test_sensors_are_stuck_off_and_exchanged():
    made = face(9, faults=("sensor_stuck", "sensor_offset", "sensor_swapped"), supports=6, interval_s=4.0)
    sound = face(9, supports=6, interval_s=4.0)
    stuck = fault_of(made, "sensor_stuck")
    t, p = leg_of(made, stuck.support, stuck.leg)
    here = (t >= stuck.begin) & (t < stuck.end)
    assert set(p[here]) == {np.float32(stuck.size)}
    assert len(set(p[~here])) > 1000
    off = fault_of(made, "sensor_offset")
    t, p = leg_of(made, off.support, off.leg)
    here = (t >= off.begin) & (t < off.end)
    apart = p - leg_of(sound, off.support, off.leg)[1]
    assert apart[here] == pytest.approx(off.size, abs=1e-4)
    assert apart[~here] == pytest.approx(0)
    one, other = (f for f in made.faults if f.fault == "sensor_swapped")
    assert (one.support, one.size) == (other.size, other.support)
    t, p = leg_of(made, one.support, one.leg)
    here = t >= one.begin
    assert np.abs(p - leg_of(sound, other.support, other.leg)[1])[here].max() < 1e-4
    hidden = made.cycles().filter(~pc.field("shown"))
    assert {(r["support"], r["leg"]) for r in hidden.to_pylist()} == {
        (f.support, f.leg) for f in made.faults if f.fault != "sensor_offset"
    }


def test_low_supply_and_roof_load_are_of_the_face():
    made = face(12, supports=20, days=2.0, faults=("low_supply", "roof_load"))
    low = [f for f in made.faults if f.fault == "low_supply"]
    assert 0.75 * 20 - 1 <= len(low) < 20
    cycles = made.cycles().to_pylist()
    start = np.array([c["start"].timestamp() - made.epoch_ms / 1e3 for c in cycles])
    support = np.array([c["support"] for c in cycles])
    setting = np.array([c["setting_mpa"] for c in cycles])
    for f in low:
        assert f.leg is None
        assert setting[(support == f.support) & (start > f.begin) & (start < f.end)].max() < 0.8 * 27
    roof = [f for f in made.faults if f.fault == "roof_load"]
    assert len({(f.support) for f in roof}) >= 3
    for f in roof:
        for leg in (1, 2):
            assert made.leg(f.support, leg).yields[cycles_in(made, f, leg)].sum() > 0


def test_all_faults_have_dates_and_sizes():
    table = face(1, supports=40, days=3.0, faults=("all",), interval_s=60.0).fault_table().to_pylist()
    assert {row["fault"] for row in table} == set(FAULTS)
    assert all(row["from"] < row["to"] and np.isfinite(row["size"]) for row in table)
    alone = [(r["support"], r["leg"]) for r in table if r["leg"] is not None]
    assert len(set(alone)) == len(alone)
    # a face too small for all of them leaves some out
    assert face(1, supports=1, legs=1, days=0.5, faults=("all",), interval_s=60.0).faults


def test_the_log_is_spoilt_as_told():
    made = face(
        8, supports=3, days=2.0, interval_s=10.0, jitter_s=1.0, power_gaps_per_week=20.0, support_gaps_per_week=5.0,
        duplicate_share=0.01, spike_share=0.002, dropout_share=0.002, nan_share=0.002, late_share=0.002,
        clock_stretches=2, bar_legs=1, missing_legs=1, noise_mpa=0.1, drift_mpa_per_month=1.0,
    )  # fmt: skip
    log = log_of(made)
    ts = log["ts"].cast(pa.int64()).to_numpy() / 1e3 - made.epoch_ms / 1e3
    p = log["pressure_mpa"].to_numpy()
    assert 1000 > np.isnan(p).sum() > 50
    assert (p == 0).sum() > 50
    assert ((p > 60) & (p < 101)).sum() > 50
    assert (p > 150).sum() > 50
    record = made.record_table().to_pylist()
    assert {r["kind"] for r in record} == {"gap", "clock 1970", "clock future", "unit", "missing leg"}
    gaps = [s for s in made.spoilt if s.kind == "gap" and s.support is None]
    for gap in gaps:
        assert not ((ts >= gap.begin) & (ts < gap.end)).any()
    assert (ts < -1e9).sum() > 10
    assert (ts > 1e9).sum() > 10
    assert np.sum((np.diff(ts) < 0) & (np.diff(ts) > -60)) > 20  # late ones
    keys = list(zip(ts, log["support"].to_numpy(), log["leg"].to_numpy(), strict=True))
    assert len(keys) - len(set(keys)) > 100
    assert made.cycles().filter(~pc.field("shown")).num_rows > 5
    steps = np.diff(ts[(log["support"].to_numpy() == 1) & (log["leg"].to_numpy() == 1)])
    assert 0.5 < steps[(steps > 5) & (steps < 15)].std() < 2


def test_long_and_wide_say_the_same():
    changes = {"supports": 2, "days": 0.3, "noise_mpa": 0.05, "missing_legs": 1}
    long, wide = log_of(face(2, **changes)), log_of(face(2, layout="wide", **changes))
    assert wide.column_names == ["ts", "support", "leg1_mpa", "leg2_mpa"]
    for leg in (1, 2):
        one = long.filter(pc.field("leg") == leg)
        other = wide.select(["ts", "support", f"leg{leg}_mpa"]).filter(pc.is_valid(wide[f"leg{leg}_mpa"]))
        assert one.drop_columns("leg").rename_columns(other.column_names).equals(other)


def test_an_event_driven_log_holds_its_band():
    changes = {"supports": 1, "days": 0.5, "noise_mpa": 0.02}
    full, sparse = face(3, **changes), face(3, report_change_mpa=0.3, heartbeat_s=90.0, **changes)
    t, p = leg_of(sparse, 1, 1)
    assert len(t) < len(leg_of(full, 1, 1)[0]) / 8
    assert np.diff(t).max() <= 90
    grid, whole = leg_of(full, 1, 1)
    held = p[np.searchsorted(t, grid, side="right") - 1]
    assert np.abs(held - whole).max() <= 0.3


def test_set_attempts_stay_below_the_threshold():
    made = face(2, reset_share=1.0, supports=1, days=0.3)
    assert set(made.cycles()["attempts"].to_pylist()) == {2}
    t, p = leg_of(made, 1, 1)
    strokes = made.leg(1, 1).strokes
    top = np.searchsorted(t, strokes.reset_at[3] + 2)
    assert p[top] == pytest.approx(strokes.reset_mpa[3], abs=1e-3)
    assert p[top + 6] < 2.1


def test_a_release_between_two_samples_is_not_shown():
    made = face(2, interval_s=60.0, days=1.0, supports=3)
    shown = made.cycles()["shown"].to_numpy()
    assert 0 < shown.mean() < 0.5
    jittered = face(2, interval_s=60.0, jitter_s=5.0, days=1.0, supports=3)
    assert 0 < jittered.cycles()["shown"].to_numpy().mean() < 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("supports", 0),
        ("days", 0.0),
        ("faults", ("leak",)),
        ("shear_min", (60.0, 40.0)),
        ("shear_min", (1.0, 40.0)),
        ("spike_share", 1.5),
        ("noise_mpa", -1.0),
        ("days", float("nan")),
        ("setting_mpa", 50.0),
        ("zone_to", 4),
        ("zone_from", 9),
        ("begin", "noon"),
        ("interval_m", 1.0),
        ("direction", "bi"),
    ],
    ids=str,
)
def test_parameters_are_checked(name, value):
    changes = {"layout": "wide", "report_change_mpa": 0.2} if name == "direction" else {name: value}
    with pytest.raises(BadInput):
        face(1, **changes)


def test_the_door(tmp_path, recore):
    words = ("simulate", "supports", "--seed", 5, "--days", 1.5, "--supports", 3, "-p", "interval_s=20")
    told = recore(*words, "--out", tmp_path / "a", "--json")
    assert told.status == 0
    assert told.json["synthetic"] is True
    names = [path.name for path in sorted((tmp_path / "a").iterdir())]
    assert names == [
        "cycles.csv", "faults.csv", "legs.csv", "log.parquet", "record.csv", "truth.json", "weighting.csv",
    ]  # fmt: skip
    log = pq.ParquetFile(tmp_path / "a" / "log.parquet")
    assert log.metadata.num_row_groups == 3 * 2 * 2
    assert log.schema_arrow.names == ["ts", "support", "leg", "pressure_mpa"]
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())
    assert "synthetic" in truth["note"]
    assert truth["parameters"]["interval_s"] == 20
    cycles = csv.read_csv(tmp_path / "a" / "cycles.csv")
    assert cycles.column_names[:8] == [
        "support", "leg", "start", "end", "setting_mpa", "final_mpa", "yields", "shear",
    ]  # fmt: skip
    assert recore(*words, "--out", tmp_path / "b", "--format", "csv", "--faults", "none").status == 0
    assert csv.read_csv(tmp_path / "b" / "log.csv").num_rows >= 3 * 2 * 6480
    assert csv.read_csv(tmp_path / "b" / "faults.csv").num_rows == 0
    assert (tmp_path / "a" / "log.parquet").read_bytes() != b""
    assert recore(*words, "--out", tmp_path / "c").status == 0
    for name in names:
        assert (tmp_path / "c" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    wrong = recore(*words, "--out", tmp_path / "d", "-p", "wind=3")
    assert wrong.status == 2
    assert "wind" in wrong.err
