"""Rollbacks, resets and exchanged meters in the readings of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology.hour_meter.runs import Break, Floats, Readings, breaks, in_hours, suspicious

Kind = Literal["rollback", "reset", "swap"]
Integers = NDArray[np.int64]

DAY_H = 24.0  # a new meter may have run for all the time since the last reading, up to a day
SAME_VISIT_H = 24.0  # meters that change places do so within a day
NEW_H = 2.0  # a new meter may have run for so long before its first reading
STANDS_OUT = 1.2  # times the fastest other step of a machine
SLACK = 1.5  # and then as fast as usual, with this much to spare


@dataclass(frozen=True)
class Event:
    """One tampering.

    Parameters
    ----------
    machine : number of the machine
    before, after : positions of the reading before and the reading after it
    partner : position of the reading of the other machine before its own change, -1 where none is known
    confidence : 0 to 1
    """

    machine: int
    kind: Kind
    before: int
    after: int
    hours_before: float
    hours_after: float
    partner: int
    confidence: float


@dataclass(frozen=True)
class Found:
    """Events of a fleet; positions of wrong readings and of readings at an end that cannot be told yet."""

    events: tuple[Event, ...]
    wrong: tuple[int, ...]
    untold: tuple[int, ...]
    other_unit: int


def tampering(
    machine: Integers,
    t_h: Floats,
    hours: Floats,
    *,
    tolerance_h: float = 1.0,
    witnesses: Mapping[str, Floats] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Found:
    """Find what was done to hour meters.

    Parameters
    ----------
    machine, t_h, hours : number of the machine, time [h] and meter [h] of each reading, sorted by machine and time,
        one reading for each machine and time
    tolerance_h : a meter that falls by no more than this is rounded, not turned back [h]
    witnesses : other counters that only rise (fuel, idle hours, distance), NaN where not read; they speak for the
        confidence of an event and never decide alone

    Notes
    -----
    What stays below the line that the machine would have reached but never falls cannot be seen.
    """
    tolerance = tolerance_h * (1 + 1e-9) + 1e-9
    starts = np.searchsorted(machine, suspicious(machine, t_h, hours, tolerance))
    ends = np.searchsorted(machine, machine[starts], side="right")
    events: list[Event] = []
    wrong: list[int] = []
    untold: list[int] = []
    other_unit = 0
    for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if progress and number % 256 == 0:
            progress(number / len(starts), "hour meters")
        readings, turned = in_hours(Readings(t_h[start:end], hours[start:end], tolerance))
        other_unit += turned
        found, off, ends_open = breaks(readings)
        wrong += [start + i for i in off]
        untold += [start + i for i in ends_open]
        rate = _usage(readings)
        for one in found:
            kind = _kind(readings, one, rate)
            certain = _confidence(readings, one, start, witnesses or {})
            events.append(
                Event(
                    int(machine[start]),
                    kind,
                    start + one.before,
                    start + one.after,
                    float(readings.h[one.before]),
                    float(readings.h[one.after]),
                    -1,
                    certain,
                )
            )
    events = _exchanged(events, t_h, tolerance)
    events += _hidden_halves(events, machine, t_h, hours, tolerance)
    events = _paired(events)
    late = [e for e in events if _late(e, machine, t_h, hours, tolerance)]
    wrong += [e.before for e in late]
    events = [e for e in events if e not in late]
    return Found(
        tuple(sorted(events, key=lambda e: (e.machine, e.after))),
        tuple(sorted(wrong)),
        tuple(untold),
        other_unit,
    )


def _kind(r: Readings, one: Break, rate: float) -> Kind:
    before, after = r.h[one.before], r.h[one.after]
    if after > before:
        return "swap"  # hours cannot come from running: another meter
    elapsed = r.t[one.after] - r.t[one.before]
    if after <= NEW_H + max(min(elapsed, DAY_H), SLACK * rate * elapsed) and after < before / 2:
        return "reset"
    return "swap" if one.returns else "rollback"


def _usage(r: Readings) -> float:
    """Hours of work in an hour, over the steps that a meter can make."""
    dh, dt = np.diff(r.h), np.diff(r.t)
    good = (dh >= 0) & (dh <= dt + r.tolerance) & (dt > 0)
    return float(dh[good].sum() / dt[good].sum()) if good.any() else 0.5


def _confidence(r: Readings, one: Break, start: int, witnesses: Mapping[str, Floats]) -> float:
    """How sure: readings on either side, and whether other counters went on while the meter did not."""
    beside = min(one.before + 1, len(r.h) - one.after, 10)
    doubt = 0.5 ** (1 + beside / 2)
    for counter in witnesses.values():
        first, second = counter[start + one.before], counter[start + one.after]
        if np.isnan(first) or np.isnan(second):
            continue
        # a counter that goes on shows that the controller is the same; one that falls with it, that it is another
        doubt *= 0.5 if second >= first else 0.8
    return round(1 - float(doubt), 3)


def _exchanged(events: list[Event], t: Floats, tolerance: float) -> list[Event]:
    """Events of two machines that explain each other: each meter goes on in the other machine."""
    if len(events) < 2:
        return events
    a = np.array([e.hours_before for e in events])
    b = np.array([e.hours_after for e in events])
    t0 = np.array([t[e.before] for e in events])
    t1 = np.array([t[e.after] for e in events])
    who = np.array([e.machine for e in events])
    order = np.argsort(t0)
    longest = float((t1 - t0).max()) + SAME_VISIT_H
    sorted_t0 = t0[order]
    pairs = []
    for i in range(len(events)):
        near = order[
            np.searchsorted(sorted_t0, t0[i] - longest) : np.searchsorted(
                sorted_t0, t1[i] + SAME_VISIT_H, "right"
            )
        ]
        near = near[(near > i) & (who[near] != who[i]) & (t1[near] + SAME_VISIT_H >= t0[i])]
        there, back = b[i] - a[near], b[near] - a[i]
        good = (there >= -tolerance) & (there <= np.maximum(t1[i] - t0[near], 0) + tolerance)
        good &= (back >= -tolerance) & (back <= np.maximum(t1[near] - t0[i], 0) + tolerance)
        pairs += [(abs(there[k]) + abs(back[k]), i, int(near[k])) for k in np.flatnonzero(good)]
    taken: set[int] = set()
    events = list(events)
    for _, i, k in sorted(pairs):
        if i in taken or k in taken:
            continue
        taken |= {i, k}
        first, second = events[i], events[k]
        events[i] = replace(first, kind="swap", partner=second.before, confidence=max(first.confidence, 0.98))
        events[k] = replace(
            second, kind="swap", partner=first.before, confidence=max(second.confidence, 0.98)
        )
    return events


def _late(event: Event, machine: Integers, t: Floats, h: Floats, tolerance: float) -> bool:
    """Whether a rise is an old reading that came under a later time: without it the meter can have run.

    An old reading shows no more than the one before it. A lone exchange whose meters differ by less than two steps of
    the clock would look the same, and is not told: one reading is no evidence of another meter.
    """
    i, k = event.before, event.after
    if (
        event.partner >= 0
        or event.hours_after <= event.hours_before
        or i == 0
        or machine[i - 1] != event.machine
    ):
        return False
    rise, elapsed = h[k] - h[i - 1], t[k] - t[i - 1]
    return bool(h[i] <= h[i - 1] and -tolerance <= rise <= elapsed + tolerance)


def _hidden_halves(
    events: list[Event], machine: Integers, t: Floats, h: Floats, tolerance: float
) -> list[Event]:
    """The other half of an exchange whose meter rose by no more than the time between two readings.

    It is taken only where the step stands out from all other steps of its machine.
    """
    lonely = [e for e in events if e.kind == "rollback" and e.hours_before - e.hours_after < 24 * 31]
    if not lonely:
        return []
    same = machine[1:] == machine[:-1]
    found = []
    busy = {(e.machine, e.before) for e in events}
    for event in lonely:
        first, last = t[event.before], t[event.after]
        overlap = same & (t[:-1] <= last + SAME_VISIT_H) & (t[1:] >= first - SAME_VISIT_H)
        at = np.flatnonzero(overlap & (machine[1:] != event.machine) & (np.diff(h) > tolerance))
        there, back = event.hours_after - h[at], h[at + 1] - event.hours_before
        good = (there >= -tolerance) & (there <= np.maximum(last - t[at], 0) + tolerance)
        good &= (back >= -tolerance) & (back <= np.maximum(t[at + 1] - first, 0) + tolerance)
        for i in at[good].tolist():
            own = np.flatnonzero(machine == machine[i])
            rates = np.diff(h[own]) / np.maximum(np.diff(t[own]), 1e-9)
            step = i - own[0]
            if (int(machine[i]), i) in busy or rates[step] < STANDS_OUT * np.delete(rates, step).max(
                initial=0
            ):
                continue
            found.append(
                Event(
                    int(machine[i]),
                    "swap",
                    i,
                    i + 1,
                    float(h[i]),
                    float(h[i + 1]),
                    event.before,
                    event.confidence,
                )
            )
            busy.add((int(machine[i]), i))
            break
    return found


def _paired(events: list[Event]) -> list[Event]:
    """A rollback whose other half was hidden is a swap too."""
    halves = {e.partner: e for e in events if e.partner >= 0}
    return [
        replace(e, kind="swap", partner=halves[e.before].before)
        if e.kind == "rollback" and e.before in halves
        else e
        for e in events
    ]
