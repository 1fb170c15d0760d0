"""Faults of supports: the statistics, each fault from small tables of cycles, and a whole face through the door."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from recore.errors import BadInput
from recore.evidence import Table
from recore.metrology.support import diagnose_face as face
from recore.metrology.support import diagnose_legs as legs
from recore.metrology.support import diagnose_roof as roof
from recore.metrology.support import diagnose_sensors as sensors
from recore.metrology.support.diagnose import support_diagnose
from recore.metrology.support.diagnose_fault import Fault, evidence_table, fault_table
from recore.metrology.support.diagnose_limits import FAULTS, Book
from recore.metrology.support.diagnose_plot import draw
from recore.metrology.support.diagnose_record import Record
from recore.metrology.support.diagnose_stats import Run, beyond, location, most, runs, scatter
from recore.metrology.support.diagnose_valves import cut_by_valve, yield_valves
from recore.rules import RuleSet, shipped
from recore.simulate.supports import Longwall, LongwallFace

ALARMS = 0.01
SETTING, YIELD = 27.0, 42.0
UTC_US = pa.timestamp("us", "UTC")
ROWS = {code: Book.of(None).params(code) for code in FAULTS}


# statistics


def test_no_more_healthy_stretches_than_stated() -> None:
    rng = np.random.default_rng(5)
    series = rng.normal(0.0, 1.0, (1500, 200))
    false = [runs(x, 0.5, 1.0, series.size, 3.0, 4) for x in series]
    # 3 are to be expected in all; twelve or more come with a probability below 1e-4
    assert sum(map(len, false)) < 12


def test_a_shift_is_found_where_it_is() -> None:
    x = np.random.default_rng(6).normal(0.0, 0.3, 300)
    x[100:180] += 1.0
    (run,) = runs(x, 0.5, 0.3, 300_000, ALARMS, 5)
    assert abs(run.begin - 100) <= 1 and abs(run.end - 180) <= 1


def test_single_odd_cycles_raise_nothing() -> None:
    x = np.zeros(200)
    x[::20] = 50.0
    assert runs(x, 0.5, 0.3, 300_000, ALARMS, 5) == []


def test_two_shifts_and_gaps_of_knowledge() -> None:
    x = np.zeros(300)
    x[40:80] = x[200:250] = 1.0
    x[45:50] = np.nan
    assert runs(x, 0.5, 0.3, 300_000, ALARMS, 5) == [Run(40, 80), Run(200, 250)]
    assert runs(np.full(9, np.nan), 0.5, 0.3, 9, ALARMS, 5) == []


def test_location_and_confidence() -> None:
    rng = np.random.default_rng(7)
    medians, told = zip(*(location(row) for row in rng.normal(2.0, 1.0, (400, 80))), strict=True)
    assert np.std(medians) == pytest.approx(np.mean(told), rel=0.15)
    assert location(np.array([np.nan]))[1] == np.inf
    assert beyond(2.0, 1.0, 0.5) == pytest.approx(0.97725, abs=1e-5)  # normal distribution at 2 sigma
    assert [beyond(v, 1.0, 0.0) for v in (2.0, 1.0, 0.0)] == [1.0, 0.5, 0.0]


def test_confidence_means_what_it_says() -> None:
    """Of stretches that are said to lie beyond the limit with 80 % to 95 %, so many do."""
    rng = np.random.default_rng(8)
    true = rng.uniform(0.5, 1.5, 4000)
    seen = true + rng.normal(0.0, 0.2, 4000)
    sure = np.array([beyond(v, 1.0, 0.2) for v in seen])
    here = (sure > 0.8) & (sure < 0.95)
    assert np.mean(true[here] > 1.0) == pytest.approx(np.mean(sure[here]), abs=0.04)


def test_scatter_does_not_see_a_shift() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(0.0, 0.2, (20, 200))
    x[3, 100:] += 5.0
    sds, lag = scatter(list(x), 1e-6)
    assert sds == pytest.approx(0.2, rel=0.35) and lag < 0.2
    assert scatter([], 0.1) == (pytest.approx([]), 0.0)


def test_most_of_signs() -> None:
    assert most(np.array([-1.0, 1.0, np.nan, 1.0, -1.0, -1.0, 1.0])) == Run(1, 4)
    assert most(np.array([-1.0, np.nan])) == Run(0, 0)


# tables of cycles


class Cycles:
    """Cycles of a healthy face, [support, leg, shear], to be changed by a test."""

    def __init__(self, supports: int = 8, shears: int = 40, count: int = 2, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        shape = (supports, count, shears)
        step = np.arange(supports)[:, None, None] * 20.0
        self.start = 1.8e9 + np.arange(shears) * 3000.0 + step + rng.uniform(0, 2, shape)
        self.end = self.start + 2950.0 + rng.uniform(0, 2, shape)
        self.setting = rng.normal(SETTING, 0.5, shape)
        rise = rng.uniform(1.0, 3.0, (supports, 1, shears)) * rng.uniform(0.9, 1.1, shape)
        self.revised = self.setting + 0.3 * rise
        self.final = self.setting + rise
        self.highest = self.final.copy()
        self.leak = rng.normal(0.0, 0.004, shape)
        self.yields: list[dict[str, float]] = []

    def opens(self, s: int, leg: int, k: int, at_mpa: float, to_mpa: float, age_s: float = 900.0) -> None:
        """The valve of a leg opens, and holds the pressure there."""
        self.highest[s - 1, leg - 1, k] = at_mpa
        self.final[s - 1, leg - 1, k] = at_mpa - 0.5
        start = float(self.start[s - 1, leg - 1, k])
        for j in range(3):
            opened = start + age_s + 300.0 * j
            self.yields.append(
                {
                    "support": s,
                    "leg": leg,
                    "start": start,
                    "opened": opened,
                    "reseated": opened + 20.0,
                    "opening_mpa": at_mpa,
                    "reseat_mpa": to_mpa,
                }
            )

    def loads(self, s: int, shears: range, age_s: float = 600.0) -> None:
        """Both legs of a support load fast and yield."""
        for leg in (1, 2):
            for k in shears:
                self.opens(s, leg, k, YIELD, YIELD - 2.0, age_s)

    def record_table(self) -> pa.Table:
        supports, count, shears = self.start.shape
        s, n, _ = np.meshgrid(*(np.arange(1, m + 1) for m in (supports, count, shears)), indexing="ij")
        return pa.table(
            {
                "support": s.ravel(),
                "leg": n.ravel(),
                "start": _utc(self.start.ravel()),
                "end": _utc(self.end.ravel()),
                "setting_mpa": self.setting.ravel(),
                "final_mpa": self.final.ravel(),
                "max_mpa": self.highest.ravel(),
                "yield_events": np.zeros(s.size),
                "leak_mpa_per_min": pa.array(self.leak.ravel(), from_pandas=True),
                "revised_mpa": pa.array(self.revised.ravel(), from_pandas=True),
            }
        )

    def record(self) -> Record:
        cycles = self.record_table()
        rows = sorted(self.yields, key=lambda r: (r["support"], r["leg"], r["opened"]))
        whole = _events(rows)
        return Record.of(cycles, _events([r for r in rows if r["opening_mpa"] > 0.97 * YIELD]), whole)


def _utc(seconds: object) -> pa.Array:
    return pa.array(np.round(np.asarray(seconds, float) * 1e6).astype(np.int64)).cast(UTC_US)


def _events(rows: list[dict[str, float]]) -> pa.Table:
    columns: dict[str, object] = {
        name: pa.array([int(r[name]) for r in rows], pa.int64()) for name in ("support", "leg")
    }
    for name in ("start", "opened", "reseated"):
        columns[name] = _utc([r[name] for r in rows])
    for name in ("opening_mpa", "reseat_mpa"):
        columns[name] = pa.array([r[name] for r in rows], pa.float64())
    return pa.table(columns)


def _legs(record: Record) -> list[tuple[int, int | None, str]]:
    early = legs.check_valves(record, ROWS["check_valve_leak"], ALARMS)
    low = [f for f in _valves(record) if f.fault == "yield_low"]
    return _named(early + legs.leaks(record, ROWS["leg_leak"], ALARMS, early, low))


def _valves(record: Record) -> list[object]:
    return yield_valves(record, {c: ROWS[c] for c in FAULTS if c.startswith("yield")}, YIELD, ALARMS)


def _named(faults: list[object]) -> list[tuple[int, int | None, str]]:
    return sorted({(f.support, f.leg, f.fault) for f in faults}, key=str)


def test_healthy_cycles_have_no_fault() -> None:
    record = Cycles(30, 60).record()
    assert _legs(record) == [] and _valves(record) == []
    assert sensors.swapped(record, ROWS["sensor_swapped"], ALARMS) == []
    together = face.support_cycles(record, YIELD, 0.95)
    assert face.low_supply(together, SETTING, ROWS["low_supply"]) == []
    assert roof.roof_loads(together, ROWS["roof_load"]) == ([], 0)


def test_one_leg_that_falls_leaks_and_its_slope_is_right() -> None:
    made = Cycles()
    for now in (made.leak[2, 0, 10:], made.leak[5, 1]):
        now += 0.06
    minutes = (made.end - made.start) / 60.0
    made.final[2, 0, 10:] -= 0.06 * minutes[2, 0, 10:]
    made.final[5, 1] -= 0.06 * minutes[5, 1]
    record = made.record()
    found = legs.leaks(record, ROWS["leg_leak"], ALARMS, [], [])
    assert _named(found) == [(3, 1, "leg_leak"), (6, 2, "leg_leak")]
    assert [f.value for f in found] == pytest.approx([0.06, 0.06], abs=0.005)
    assert found[0].begin == pytest.approx(made.start[2, 0, 10], abs=1e-3) and len(found[0].evidence) == 30


def test_a_fast_roof_that_a_support_shares_unevenly_is_no_leak() -> None:
    made = Cycles()
    minutes = (made.end - made.start) / 60.0
    for leg, rate in ((0, 0.36), (1, 0.4)):
        made.final[2, leg, 10:20] += rate * minutes[2, leg, 10:20]
        made.leak[2, leg, 10:20] -= rate
    assert _legs(made.record()) == []


def test_both_legs_that_fall_together_are_no_leak() -> None:
    made = Cycles()
    made.leak[2] += 0.2
    made.final[2] -= 0.2 * 49.0
    assert _legs(made.record()) == []


def test_a_rising_fellow_makes_no_leak() -> None:
    made = Cycles()
    made.leak[2, 0] -= 0.2
    made.final[2, 0] += 0.2 * 49.0
    assert _legs(made.record()) == []


def test_early_loss_that_then_holds_is_the_check_valve() -> None:
    made = Cycles()
    lost = 0.2 * made.setting[3, 1]
    made.revised[3, 1] -= lost
    made.final[3, 1] -= lost
    assert _legs(made.record()) == [(4, 2, "check_valve_leak")]


def test_a_strong_leak_is_no_check_valve() -> None:
    made = Cycles()
    made.leak[3, 1] += 0.5
    made.revised[3, 1] -= 0.5 * 2.75
    made.final[3, 1] -= 0.5 * 49.0
    assert _legs(made.record()) == [(4, 2, "leg_leak")]


def test_a_low_valve_is_a_ceiling_that_its_fellow_passes() -> None:
    made = Cycles()
    for k in range(20, 26):
        made.opens(3, 1, k, 0.85 * YIELD, 0.81 * YIELD)
        made.opens(3, 2, k, YIELD, YIELD - 2.0)
    (fault,) = _valves(made.record())
    assert (fault.support, fault.leg, fault.fault) == (3, 1, "yield_low")
    assert fault.value == pytest.approx(0.85) and fault.confidence > 0.99
    assert _legs(made.record()) == []


def test_drops_below_a_pressure_that_is_passed_are_no_valve() -> None:
    made = Cycles()
    for k in range(20, 30):
        made.opens(3, 1, k, 0.85 * YIELD, 0.81 * YIELD)
        made.highest[2, 0, k] = 0.95 * YIELD
        made.opens(3, 2, k, YIELD, YIELD - 2.0)
    assert _valves(made.record()) == []


def test_drops_that_the_fellow_does_not_pass_are_no_valve() -> None:
    made = Cycles()
    for k in range(20, 30):
        for leg in (1, 2):
            made.opens(3, leg, k, 0.85 * YIELD, 0.81 * YIELD)
    assert _valves(made.record()) == []


@pytest.mark.parametrize("opens", [True, False])
def test_a_high_valve_opens_late_or_not_at_all(opens: bool) -> None:
    made = Cycles()
    for k in range(20, 26):
        made.opens(5, 2, k, 1.15 * YIELD, 1.1 * YIELD)
    if not opens:
        made.yields.clear()
    (fault,) = _valves(made.record())
    assert (fault.support, fault.leg, fault.fault) == (5, 2, "yield_high")
    assert fault.value == pytest.approx(1.15 if opens else 1.15 - 0.5 / YIELD)
    seldom = Cycles()
    for k in (20, 29):
        seldom.opens(5, 2, k, 1.1 * YIELD, 1.05 * YIELD)
    assert _named(_valves(seldom.record())) == [(5, 2, "yield_high")]


def test_a_slow_valve_opens_right_and_reseats_low() -> None:
    made = Cycles()
    for k in range(20, 26):
        made.opens(5, 2, k, YIELD, 0.7 * YIELD)
        made.opens(6, 1, k, YIELD, 0.95 * YIELD)
    (fault,) = _valves(made.record())
    assert (fault.support, fault.leg, fault.fault) == (5, 2, "yield_slow")
    assert fault.value == pytest.approx(0.3)


@pytest.mark.parametrize("count", [2, 4])
def test_exchanged_sensors_name_both_supports_and_the_date(count: int) -> None:
    made = Cycles(10, 60, count)
    for x in (made.start, made.end):
        x[4, 0, 25:], x[5, 0, 25:] = x[5, 0, 25:].copy(), x[4, 0, 25:].copy()
    found = sensors.swapped(made.record(), ROWS["sensor_swapped"], ALARMS)
    assert sorted((f.support, f.leg, f.other) for f in found) == [(5, 1, 6), (6, 1, 5)]
    assert all(abs(f.begin - made.start[4, 1, 25]) < 3100 and f.confidence > 0.9 for f in found)


def test_an_exchanged_sensor_takes_no_part_in_comparing_legs() -> None:
    record = Cycles().record()
    record.part((2, 1), 0.0, 1e12)
    assert np.isnan(record.against((2, 1), record["max_mpa"])).all()
    assert np.isfinite(record.around((2, 1), record["max_mpa"])).all()
    assert np.isfinite(face.support_cycles(record, YIELD, 0.95).rate).all()


def test_most_supports_set_low_is_the_supply() -> None:
    made = Cycles(10, 40)
    made.setting[2:, :, 12:15] *= 0.65
    faults = face.low_supply(face.support_cycles(made.record(), YIELD, 0.95), SETTING, ROWS["low_supply"])
    assert [(f.support, f.leg) for f in faults] == [(s, None) for s in range(3, 11)]
    assert all(len(f.evidence) == 3 and f.confidence > 0.95 for f in faults)
    few = Cycles(10, 40)
    few.setting[:4, :, 12:15] *= 0.65
    assert face.low_supply(face.support_cycles(few.record(), YIELD, 0.95), SETTING, ROWS["low_supply"]) == []


def _face(shears: int, *loads: tuple[range, range], opens: float = YIELD, supports: int = 20) -> Cycles:
    """A face on which some supports load fast in some shears."""
    made = Cycles(supports, shears)
    for where, when in loads:
        for s in where:
            for leg in (1, 2):
                for k in when:
                    made.opens(s, leg, k, opens, opens - 2.0, 600.0)
    return made


def _roof(made: Cycles, faults: tuple[Fault, ...] = ()) -> tuple[list[int], int]:
    """Supports with a roof load, and the groups that were taken for weighting."""
    found, left = roof.roof_loads(face.support_cycles(made.record(), YIELD, 0.95, faults), ROWS["roof_load"])
    assert all(f.leg is None and f.fault == "roof_load" and f.value > f.limit for f in found)
    return sorted(f.support for f in found), left


LOCAL, ZONE, ELSEWHERE = range(6, 11), range(8, 18), range(1, 6)


@pytest.mark.parametrize(
    ("shears", "loads", "supports", "left"),
    [
        # alone, in a record in which a break would have come again; and in one that is too short to tell
        (60, [(LOCAL, range(20, 24))], LOCAL, 0),
        (30, [(LOCAL, range(13, 17))], [], 1),
        # again over the same supports
        (60, [(LOCAL, range(k, k + 3)) for k in (5, 20, 35, 50)], [], 4),
        # wide
        (60, [(range(3, 18), range(20, 24))], [], 1),
        # beside breaks of the main roof: narrow, or alone elsewhere
        (60, [(range(5, 17), range(k, k + 3)) for k in (5, 25, 45)] + [(LOCAL, range(35, 39))], LOCAL, 3),
        (
            60,
            [(LOCAL, range(k, k + 3)) for k in (30, 42, 54)] + [(range(13, 18), range(8, 12))],
            range(13, 18),
            3,
        ),
        # but not where it would hardly have come again
        (
            60,
            [(LOCAL, range(k, k + 3)) for k in (8, 30, 52)] + [(range(13, 18), range(18, 22))],
            range(13, 18),
            3,
        ),
        (44, [(LOCAL, range(k, k + 3)) for k in (8, 30)] + [(range(13, 18), range(18, 22))], [], 3),
        # two that are too rare for weighting
        (100, [(LOCAL, range(20, 24)), (range(13, 18), range(70, 74))], [*LOCAL, *range(13, 18)], 0),
        # zones that wander
        (60, [(range(s, s + 5), range(k, k + 3)) for s, k in ((1, 5), (7, 20), (13, 35))], [], 3),
    ],
)
def test_a_roof_load_is_an_exception_among_the_breaks_of_the_face(shears, loads, supports, left) -> None:
    assert _roof(_face(shears, *loads)) == (list(supports), left)


def test_a_faster_load_over_the_same_supports_is_told_by_both_signs() -> None:
    """In place of breaks that load less and leave valves closed; one of the two alone is no sign."""
    for quicker, closed, supports in ((True, True, LOCAL), (True, False, []), (False, True, [])):
        made = Cycles(20, 60)
        for k in (5, 25, 45):
            for s in LOCAL:
                for leg in (1, 2):
                    for shear in range(k, k + 4):
                        at = 0.94 * YIELD if closed and shear > k + 2 else YIELD
                        made.opens(s, leg, shear, at, at - 2.0, 900.0)
        for s in LOCAL:
            for leg in (1, 2):
                for shear in range(35, 39):
                    made.opens(s, leg, shear, YIELD, YIELD - 2.0, 240.0 if quicker else 900.0)
        assert _roof(made)[0] == list(supports)


def test_stretches_that_hardly_share_their_time_are_two_loads() -> None:
    made = _face(60, (range(3, 9), range(10, 15)), (range(9, 15), range(14, 19)))
    cycles = face.support_cycles(made.record(), YIELD, 0.95)
    loaded = np.flatnonzero(cycles.yielded)
    groups = [set(cycles.support[at].tolist()) for at in roof._clusters(cycles, loaded, 3)]
    assert sorted(map(sorted, groups)) == [list(range(3, 9)), list(range(9, 15))]


def test_a_leg_that_does_not_hold_says_nothing_of_the_roof() -> None:
    made = _face(60, (LOCAL, range(20, 24)))
    made.highest[7, 0] = made.final[7, 0] = made.setting[7, 0] - 3.0
    assert _roof(made)[0] == [6, 7, 9, 10]
    leak = Fault(8, 1, "leg_leak", 0.0, 2e9, 1.0, 0.1, 0.01, 0.03, "MPa/min", ())
    assert _roof(made, (leak,))[0] == list(LOCAL)


def test_a_face_without_cycles_has_no_roof_load() -> None:
    nothing = face.support_cycles(Record.of(Cycles().record_table().slice(0, 0), _events([])), YIELD, 0.95)
    assert roof.roof_loads(nothing, ROWS["roof_load"]) == ([], 0)


def test_what_falls_between_two_samples_is_a_release_or_a_slow_valve() -> None:
    """The same drop from the yield pressure: of one leg it is its valve, of all legs the support was let go."""
    made = Cycles()
    for k in range(20, 26):
        made.opens(5, 2, k, YIELD, 0.7 * YIELD)
    made.yields = made.yields[::3]
    seen = made.record()
    parted = Cycles()
    for k in range(20, 26):
        parted.start[4, 0, k] += 900.0
    valves = {c: ROWS[c] for c in FAULTS if c.startswith("yield")}
    alone = yield_valves(seen, valves, YIELD, ALARMS, (), Cycles().record())
    assert _named(alone) == [(5, 2, "yield_slow")]
    parted.start[4, 0, 20:26] = made.start[4, 1, 20:26] + 930.0
    assert yield_valves(seen, valves, YIELD, ALARMS, (), parted.record()) == []


def test_cycles_that_a_bad_valve_made_tell_no_leak() -> None:
    made = Cycles()
    parted = Cycles()
    parted.start[4, 1, 20:26] += 900.0
    valve = Fault(5, 2, "yield_slow", made.start[4, 1, 18], made.end[4, 1, 30], 1.0, 0.3, 0.01, 0.2, "1", ())
    record = parted.record()
    cut = cut_by_valve(record, made.record(), [valve])
    assert cut.sum() == 6 and cut[record.legs[5, 2]].nonzero()[0].tolist() == list(range(20, 26))
    record.forget(cut)
    assert np.isnan(record["revised_mpa"]).sum() == 6 == np.isnan(record["leak_mpa_per_min"]).sum()


def test_two_legs_set_at_other_times_are_not_compared_with_the_face() -> None:
    made = Cycles()
    made.start[2, 0, 10:20] += 0.6 * 2950.0  # its last part only: the fellow stands all the time
    record = made.record()
    unlike = record.unlike((3, 1))
    assert unlike[10:20].all() and unlike.sum() == 10 and not record.unlike((4, 1)).any()
    record.part((3, 2), 0.0, 1e12)  # a sensor that is not where it seems is no fellow
    assert not record.unlike((3, 1)).any()


def test_a_spike_and_a_sensor_that_goes_off_are_no_high_valve() -> None:
    made = Cycles()
    for k in (20, 23, 26):
        made.highest[4, 1, k] = 1.2 * YIELD
    for k in (10, 12):
        made.opens(6, 1, k, 1.9 * YIELD, YIELD)
    assert _valves(made.record()) == []
    off = Cycles()
    for k in (20, 21):
        off.opens(5, 2, k, 1.12 * YIELD, 1.08 * YIELD)
    record = off.record()
    valves = {"yield_high": ROWS["yield_high"]}
    assert _named(yield_valves(record, valves, YIELD, ALARMS)) == [(5, 2, "yield_high")]
    offset = Fault(
        5, 2, "sensor_offset", off.start[4, 1, 0], off.end[4, 1, 20], 1.0, 4.8, 0.3, 1.0, "MPa", ()
    )
    assert yield_valves(record, valves, YIELD, ALARMS, [offset]) == []


@pytest.mark.parametrize("leg", [0, 1])
@pytest.mark.parametrize("always", [False, True])
def test_the_pair_that_was_exchanged_is_the_one_out_of_its_place(leg: int, always: bool) -> None:
    """By what it was before, also where supports advance out of order; by that order where nothing was before."""
    made = Cycles(10, 60)
    for x in (made.start, made.end):
        if not always:
            x += np.where(np.arange(10) % 2, -30.0, 10.0)[:, None, None]
        since = 0 if always else 25
        x[4, leg, since:], x[5, leg, since:] = x[5, leg, since:].copy(), x[4, leg, since:].copy()
    found = sensors.swapped(made.record(), ROWS["sensor_swapped"], ALARMS)
    assert sorted((f.support, f.leg, f.other) for f in found) == [(5, leg + 1, 6), (6, leg + 1, 5)]


@pytest.mark.parametrize("laminar", [False, True])
def test_the_size_of_a_leak_is_stated_for_both_laws(laminar: bool) -> None:
    """`value` is the mean loss; `value_at_setting` that at the setting pressure, where the loss goes with the pressure."""
    made = Cycles()
    minutes = (made.end[2, 0] - made.start[2, 0]) / 60.0
    rate = 0.2
    time = np.array([0.0, 2.75, *minutes])
    if laminar:
        lost = made.setting[2, 0, :1] * (1.0 - np.exp(-rate / made.setting[2, 0, 0] * time))
    else:
        lost = rate * time
    made.revised[2, 0] -= lost[1]
    made.final[2, 0] -= lost[2:]
    made.leak[2, 0] += (lost[2:] - lost[1]) / (minutes - 2.75)
    (fault,) = legs.leaks(made.record(), ROWS["leg_leak"], ALARMS, [], [])
    assert (fault.at_setting if laminar else fault.value) == pytest.approx(rate, abs=0.02)
    assert fault.at_setting > fault.value
    assert fault_table([fault])["value_at_setting"].to_pylist() == [fault.at_setting]


def test_stuck_and_offset_come_from_the_quality_report() -> None:
    begin = _utc([1.8e9, 1.8e9, 1.8e9, 1.8e9])
    quality = pa.table(
        {
            "support": pa.array([1, 2, 3, 4]),
            "leg": pa.array([1, 1, 2, 2]),
            "kind": ["stuck", "stuck", "offset", "offset"],
            "from": begin,
            "to": _utc([1.8e9 + 7200, 1.8e9 + 600, 1.8e9 + 9e4, 1.8e9 + 9e4]),
            "value_mpa": [31.2, 30.0, -2.5, 0.4],
        }
    )
    made = Cycles()
    assert _named(sensors.stuck(quality, ROWS["sensor_stuck"], made.record())) == [(1, 1, "sensor_stuck")]
    # 40 min of one value: of a leg at rest, while its fellow stood set too, or over a release of the support
    for begin_s, told in ((1.8e9 + 3100.0, []), (1.8e9 + 1500.0, [(1, 1, "sensor_stuck")])):
        short = (
            quality.slice(0, 1)
            .set_column(3, "from", _utc([begin_s]))
            .set_column(4, "to", _utc([begin_s + 2400]))
        )
        assert _named(sensors.stuck(short, ROWS["sensor_stuck"], made.record())) == told
    (fault,) = sensors.offset(quality, ROWS["sensor_offset"], made.record())
    assert (fault.support, fault.leg, fault.value) == (3, 2, -2.5) and fault.confidence > 0.99
    # a zero that takes the leg away from its fellows was told from hours without a release
    made.setting[2, 1] += 2.5 - 16.0
    high = quality.set_column(5, "value_mpa", pa.array([31.2, 30.0, 16.0, 0.4]))
    assert sensors.offset(high, ROWS["sensor_offset"], made.record()) == []
    assert sensors.offset(high, {**ROWS["sensor_offset"], "least_sets": 99}, Cycles().record()) == []
    assert (
        sensors.stuck(pa.table({"kind": pa.array([], pa.string())}), ROWS["sensor_stuck"], made.record())
        == []
    )
    table = fault_table([fault])
    assert table["from"].to_pylist() == [datetime.fromtimestamp(1.8e9, UTC)]
    assert evidence_table([fault])["row"].to_pylist() == [1]
    assert (
        "mark_rect" not in draw(table, (1, 2, 3)).to_json() and '"rect"' in draw(table, (1, 2, 3)).to_json()
    )
    assert "no fault on 3" in draw(fault_table([]), (1, 2, 3)).to_json()


# the method


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, pa.Table]:
    longwall = Longwall(
        supports=12,
        days=3.0,
        interval_s=10.0,
        low_s=(25.0, 40.0),
        idle_weekends=False,
        faults=("leg_leak", "check_valve_leak", "sensor_swapped", "low_supply"),
    )
    made = LongwallFace(11, longwall)
    path = tmp_path_factory.mktemp("face") / "log.parquet"
    pa.parquet.write_table(pa.concat_tables(made.log()), path)
    return path, made.fault_table()


def test_a_face_through_the_door(recore, whole, tmp_path) -> None:
    path, truth = whole
    ended = recore(
        "run",
        "support.diagnose",
        path,
        "-p",
        "setting_mpa=27",
        "-p",
        "yield_mpa=42",
        "--out",
        tmp_path,
        "--json",
    )
    assert ended.status == 0, ended.err
    found = pa.parquet.read_table(tmp_path / "faults.parquet").to_pylist()
    missed = [
        fault
        for fault in truth.to_pylist()
        if not any(
            all(row[name] == fault[name] for name in ("support", "leg", "fault"))
            and row["from"] < fault["to"]
            and row["to"] > fault["from"]
            for row in found
        )
    ]
    assert missed == []
    true = {(t["support"], t["leg"], t["fault"]) for t in truth.to_pylist()}
    # one leg in twelve supports over three days would be the most: less than one in a support-month
    assert len([row for row in found if (row["support"], row["leg"], row["fault"]) not in true]) <= 1
    leaks = [(row["value"], row["support"]) for row in found if row["fault"] == "leg_leak"]
    size = {t["support"]: t["size"] for t in truth.to_pylist() if t["fault"] == "leg_leak"}
    assert all(abs(value - size[support]) <= 0.02 for value, support in leaks if support in size)
    evidence = pa.parquet.read_table(tmp_path / "evidence.parquet")
    assert set(evidence["row"].to_pylist()) == set(range(1, len(found) + 1))
    results = json.loads(ended.out)["results"]
    assert results["faults_found"]["value"] == len(found)
    assert results["low_supply"]["value"] == sum(row["fault"] == "low_supply" for row in found)


def _short() -> Table:
    face_ = LongwallFace(3, Longwall(supports=2, days=0.2, interval_s=20.0, faults=("none",)))
    return Table.of(pa.concat_tables(face_.log()))


def test_what_cannot_be_told_is_refused_with_the_reason() -> None:
    found = support_diagnose(_short())
    assert {"no-yield-pressure", "no-setting-pressure", "few-cycles"} <= {n.code for n in found.refusals}
    assert found.faults.num_rows == 0 and found.faults_found.value == 0
    rules = RuleSet(r for r in shipped("supports").rows if not r.rule_id.endswith(("leg-leak", "search")))
    refused = {n.code: n.text for n in support_diagnose(_short(), yield_mpa=42.0, rules=rules).refusals}
    assert "leg_leak" in refused["rule-row-missing"] or "search" in refused["rule-row-missing"]
    assert "not-searched" in refused


def test_a_slow_valve_in_a_slow_record() -> None:
    """A release between two samples and a valve that empties its leg meanwhile leave the same trace."""
    made = LongwallFace(
        6,
        Longwall(
            supports=6,
            days=1.5,
            interval_s=20.0,
            low_s=(12.0, 25.0),
            faults=("yield_slow",),
            idle_weekends=False,
        ),
    )
    found = support_diagnose(Table.of(pa.concat_tables(made.log())), setting_mpa=27.0, yield_mpa=42.0)
    assert "release-unseen" in {note.code for note in found.flags}
    assert [(r["support"], r["leg"]) for r in found.faults.to_pylist() if r["fault"] == "yield_slow"] == [
        (f["support"], f["leg"]) for f in made.fault_table().to_pylist()
    ]


def test_hostile_parameters() -> None:
    with pytest.raises(BadInput, match="setting and yield"):
        support_diagnose(_short(), setting_mpa=43.0, yield_mpa=42.0)
    with pytest.raises(BadInput, match="no log"):
        support_diagnose()
    rows = shipped("supports").json()
    for row in rows:
        if row["params"].get("subject") == "leg_leak":
            row["params"]["least_cycles"] = "five"
    with pytest.raises(BadInput, match="least_cycles"):
        support_diagnose(_short(), rules=RuleSet.from_json(rows))
