"""Hour meters: hand-made cases first, then fleets of many kinds, then the real door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recore.errors import BadInput
from recore.evidence import Table
from recore.metrology.hour_meter.check import hour_meter
from recore.metrology.hour_meter.tampering import Found, tampering
from recore.simulate.telematics import Fleet, telegrams

DAY = 24.0


def line(count: int, start: float = 5000.0, rate: float = 8.0) -> np.ndarray:
    """Daily readings of a machine that works `rate` hours a day."""
    return start + rate * np.arange(count)


def found(*meters: np.ndarray, times: list[np.ndarray] | None = None, **more: Any) -> Found:
    t = times or [DAY * np.arange(len(h)) for h in meters]
    machine = np.concatenate([np.full(len(h), i) for i, h in enumerate(meters)])
    return tampering(machine, np.concatenate(t), np.concatenate(meters), **more)


def kinds(*meters: np.ndarray, times: list[np.ndarray] | None = None) -> list[tuple[int, str, float, float]]:
    return [(e.machine, e.kind, e.hours_before, e.hours_after) for e in found(*meters, times=times).events]


def test_an_old_reading_under_a_later_time_is_no_exchange() -> None:
    h = np.array([2608.0, 2610.5, 2613.0, 2616.5, 2617.0, 2616.5, 2623.5, 2624.5, 2624.5, 2626.5])
    t = np.array([0.0, 5.0, 10.3, 14.8, 21.0, 26.4, 29.7, 33.4, 38.7, 44.1])
    assert found(h, times=[t]).wrong == (5,)  # 7 hours in 3.3 cannot be, 6.5 in 8.7 can
    assert kinds(h, times=[t]) == []
    h[6:] += 5
    assert kinds(h, times=[t]) == [(0, "swap", 2616.5, 2628.5)]  # 11.5 in 8.7 cannot be either


def test_a_meter_turned_back_is_one_rollback_with_its_two_readings() -> None:
    h = line(40)
    h[20:] -= 2000
    assert kinds(h) == [(0, "rollback", 5152.0, 3160.0)]
    event = found(h).events[0]
    assert (event.before, event.after) == (19, 20)
    assert event.confidence > 0.9


def test_a_meter_set_to_zero_is_one_reset() -> None:
    h = line(40)
    h[20:] -= h[20] - 3
    assert kinds(h) == [(0, "reset", 5152.0, 3.0)]


def test_meters_that_change_places_are_two_swaps() -> None:
    a, b = line(40, 9000), line(40, 2000)
    a[20:], b[20:] = b[20:].copy(), a[20:].copy()
    assert kinds(a, b) == [(0, "swap", 9152.0, 2160.0), (1, "swap", 2152.0, 9160.0)]
    assert found(a, b).events[0].partner == 40 + 19


def test_another_meter_for_a_while_is_two_swaps() -> None:
    h = line(60)
    h[20:40] = line(20, 1200.0)
    assert [kind for _, kind, _, _ in kinds(h)] == ["swap", "swap"]


def test_a_small_exchange_shows_on_one_side_and_is_found_on_both() -> None:
    a, b = line(40, 5030), line(40, 5000)
    a[20:], b[20:] = b[20:] - 8.0, a[20:] - 8.0  # nobody worked on the day of the exchange
    b[20:] += 0.0
    assert [(m, k) for m, k, _, _ in kinds(a, b)] == [(0, "swap"), (1, "swap")]


def _wrong(h: np.ndarray) -> None:
    h[20] = 12.0


def _too_high(h: np.ndarray) -> None:
    h[20] = 99_999.0


def _slightly_low(h: np.ndarray) -> None:
    h[20] -= 14.0


def _slightly_high(h: np.ndarray) -> None:
    h[20] += 12.0


def _two_wrong(h: np.ndarray) -> None:
    h[20:22] = [3.0, 40_000.0]


def _late(h: np.ndarray) -> None:
    h[20] = h[6]


def _late_batch(h: np.ndarray) -> None:
    h[20:25] = h[5:10]


def _no_signal(h: np.ndarray) -> None:
    h[20:26] = 0.0


def _minutes(h: np.ndarray) -> None:
    h[20:26] *= 60


def _seconds_from_here(h: np.ndarray) -> None:
    h[20:] *= 3600


def _rounding(h: np.ndarray) -> None:
    h[20:] -= 24
    h[20:23] = h[19] + np.array([0.0, -1.0, 0.0])


def _nothing(h: np.ndarray) -> None:
    pass


HARMLESS = (
    _nothing,
    _wrong,
    _too_high,
    _slightly_low,
    _slightly_high,
    _two_wrong,
    _late,
    _late_batch,
    _no_signal,
    _minutes,
    _seconds_from_here,
    _rounding,
)


@pytest.mark.parametrize("spoil", HARMLESS, ids=lambda f: f.__name__.strip("_"))
def test_what_is_no_tampering(spoil: Callable[[np.ndarray], None]) -> None:
    h = line(40)
    spoil(h)
    assert kinds(h) == []


@pytest.mark.parametrize("spoil", HARMLESS, ids=lambda f: f.__name__.strip("_"))
def test_a_rollback_is_seen_beside_other_faults(spoil: Callable[[np.ndarray], None]) -> None:
    h = line(80)
    spoil(h)
    h[50:] -= 3000 * (3600 if spoil is _seconds_from_here else 1)
    assert [(kind, before - after) for _, kind, before, after in kinds(h)] == [("rollback", 2992.0)]


def test_silence_is_none_and_a_rollback_after_it_is_one() -> None:
    t = DAY * np.r_[np.arange(20), np.arange(60, 90)]
    h = 5000 + t / 3
    assert kinds(h, times=[t]) == []
    h[20:] -= 1000
    assert kinds(h, times=[t])[0][1:] == ("rollback", 5152.0, 4480.0)


def test_what_cannot_be_seen_is_not_claimed() -> None:
    h = line(40)
    h[20:] -= 7.5  # a day's work less one half hour: the meter never falls
    assert kinds(h) == []


def test_a_change_at_an_end_waits_for_the_next_reading() -> None:
    h = line(40)
    h[39] = 100.0
    assert kinds(h) == []
    assert found(h).untold == (39,)
    h = line(40)
    h[0] = 9000.0
    assert kinds(h) == []


def test_witnesses_speak_for_the_confidence() -> None:
    h, fuel = line(8), line(8) * 14
    h[4:] -= 2000
    alone, with_fuel = (found(h, **more).events[0] for more in ({}, {"witnesses": {"fuel_l": fuel}}))
    assert with_fuel.confidence > alone.confidence


FLEETS = {
    "daily": Fleet(machines=300, days=200, tampered=0.5, silent=0.5, wrong=0.005),
    "ten minutes to three days": Fleet(
        machines=60, days=90, cadence_h=(1 / 6, 72.0), tampered=0.5, silent=0.5, wrong=0.005
    ),
    "three days and whole hours": Fleet(
        machines=300, days=365, cadence_h=(72.0,), tampered=0.5, silent=0.5, wrong=0.01, rounding_h=(1.0,)
    ),
    "noise": Fleet(
        machines=100, days=60, cadence_h=(2.0,), tampered=0.5, wrong=0.01, rounding_h=(1.0,), noise_h=0.3
    ),
}


@pytest.mark.parametrize("name", FLEETS)
def test_recall_and_precision_on_fleets(name: str) -> None:
    fleet = telegrams(7, FLEETS[name])
    got = tampering(fleet.machine, fleet.t_h, fleet.hours, witnesses={"fuel_l": fleet.fuel_l})
    truth = {(e.machine, e.kind, round(e.after_h, 6)) for e in fleet.events}
    events = {(e.machine, e.kind, round(float(fleet.t_h[e.after]), 6)) for e in got.events}
    assert len(truth) >= 20
    assert len(truth & events) >= 0.99 * len(truth) - (1 if len(truth) < 100 else 0)
    assert len(truth & events) >= 0.99 * len(events) - (1 if len(truth) < 100 else 0)


def test_a_fleet_without_tampering_has_no_event() -> None:
    fleet = telegrams(
        3, Fleet(machines=300, days=120, tampered=0.0, silent=0.5, wrong=0.01, rounding_h=(0.05, 1.0))
    )
    assert tampering(fleet.machine, fleet.t_h, fleet.hours).events == ()


def test_hours_that_were_taken_off_are_put_back() -> None:
    h = line(40)
    h[20:] -= 2000
    days = np.datetime64("2025-01-01", "us") + np.arange(40) * np.timedelta64(1, "D")
    result = hour_meter(Table.of({"ts": days, "hours_h": h}))
    assert (result.rollbacks.value, result.resets.value, result.swaps.value) == (1, 0, 0)
    assert result.hours_shown is not None and result.hours_shown.value == 3312.0
    assert result.hours_at_least is not None and result.hours_at_least.value == pytest.approx(5304.0)
    assert result.events.column_names[:4] == ["machine", "kind", "from", "to"]


def test_readings_of_several_files_in_any_order(recore: Callable[..., Any], tmp_path: Path) -> None:
    h = line(40)
    h[20:] -= 2000
    h[30] = 7.0
    rows = [
        f"{np.datetime64('2025-01-01') + i}T00:00:00Z,M{k},{value}"
        for k in (1, 2)
        for i, value in enumerate(h)
    ]
    rows += [*rows[:1], "2025-01-05T12:00:00Z,M1,-1"]
    for name, part in (("a.csv", rows[60:]), ("b.csv", rows[:60])):
        (tmp_path / name).write_text("\n".join(["ts,machine,hours_h", *part]) + "\n")
    done = recore(
        "run", "machine.hour-meter", tmp_path / "a.csv", tmp_path / "b.csv", "--json", "--out", tmp_path
    )
    assert done.status == 0, done.err
    assert done.json["results"]["rollbacks"]["value"] == 2
    assert done.json["results"]["wrong_readings"]["value"] == 2
    assert (tmp_path / "events.csv").read_text().count("rollback") == 2


def test_no_readings() -> None:
    with pytest.raises(BadInput, match="no readings"):
        hour_meter()
    with pytest.raises(BadInput, match="no reading with hours"):
        hour_meter(Table.of({"ts": np.array(["2025-01-01"], "M8[us]"), "hours_h": [-1.0]}))
