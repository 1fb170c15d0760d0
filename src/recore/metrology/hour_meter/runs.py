"""The readings of one hour meter as runs that one meter can have made, and the breaks between them.

A meter never runs backwards and never faster than the clock. A step that breaks this begins a new run. Runs that one
wrong reading explains are left out; what stays are breaks that need somebody's hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHORT = 2  # a run of so few readings that others go around is a wrong reading
RISE = 0.01  # clocks of machine and server may differ by so much of the time between two readings
NOISE = 3.0  # tolerances; so little is no tampering where the next reading is back
UNITS = (60.0, 3600.0)  # hours sent as minutes or seconds
LOOK = 8  # steps ahead that tell whether a run is in another unit


class Break(NamedTuple):
    """Two readings that follow each other and that one meter cannot have made."""

    before: int
    after: int
    returns: bool  # the other meter was there for a while: the line before it goes on, now or later


@dataclass(frozen=True)
class Readings:
    """One meter's readings in the order of time, in hours."""

    t: Floats
    h: Floats
    tolerance: float

    def fits(self, i: int, j: int) -> bool:
        """Whether one meter can show reading i and later reading j."""
        return fits(self.t[i], self.h[i], self.t[j], self.h[j], self.tolerance)


def fits(t0: float, h0: float, t1: float, h1: float, tolerance: float) -> bool:
    """Whether a meter at h0 can show h1 at t1: not backwards, not faster than time, up to the tolerance."""
    return bool(-tolerance <= h1 - h0 <= (t1 - t0) * (1 + RISE) + tolerance)


def suspicious(machine: NDArray[np.int64], t: Floats, h: Floats, tolerance: float) -> NDArray[np.int64]:
    """Machines with at least one step that no meter makes; arrays sorted by machine and time."""
    same = machine[1:] == machine[:-1]
    dh, dt = np.diff(h), np.diff(t)
    wrong = same & ((dh < -tolerance) | (dh > dt * (1 + RISE) + tolerance))
    return np.unique(machine[1:][wrong])


def in_hours(r: Readings) -> tuple[Readings, int]:
    """Stretches that were sent in minutes or seconds turned to hours, and how many readings those are.

    Only where the readings as sent could not be hours: they rise faster than time, or the next is back on the line.
    """
    if not (r.h[1:] > min(UNITS) / 2 * (r.h[:-1] + r.tolerance)).any():
        return r, 0
    h, turned, last, unit = r.h.copy(), 0, 0, 1.0
    count = len(h)
    for i in range(1, count):
        if fits(r.t[last], h[last], r.t[i], h[i], r.tolerance):
            last, unit = i, 1.0
            continue
        fitting = [one for one in UNITS if fits(r.t[last], h[last], r.t[i], r.h[i] / one, r.tolerance)]
        # the unit of the reading before is kept over a change of the meter
        candidates = fitting or ([unit] if unit > 1 and last == i - 1 else [])
        if candidates and _impossible(r, i):
            unit, last = candidates[0], i
            h[i] = r.h[i] / unit
            turned += 1
        # a reading that is off stays for the runs to judge; the line goes on from the last good one
        elif all(
            fits(r.t[k], h[k], r.t[k + 1], h[k + 1], r.tolerance) for k in range(i, min(i + SHORT, count - 1))
        ):
            last, unit = i, 1.0
    return Readings(r.t, h, r.tolerance), turned


def _impossible(r: Readings, i: int) -> bool:
    """Whether readings from here on, as sent, are no hours: too fast, or back on the line; or there are none."""
    ahead = range(i, min(i + LOOK, len(r.h) - 1))
    steps = [(r.t[k + 1] - r.t[k], r.h[k + 1] - r.h[k]) for k in ahead]
    return not steps or any(
        rise > wide * (1 + RISE) + r.tolerance or rise < -r.tolerance for wide, rise in steps
    )


def breaks(r: Readings) -> tuple[list[Break], list[int], list[int]]:
    """Breaks of a meter's line; readings that are wrong; readings at the ends that cannot be told."""
    runs, wrong = _without_strays(_runs(r), r)
    open_ends: list[int] = []
    if len(runs) > 1 and len(runs[0]) == 1:
        open_ends += runs.pop(0)
    if len(runs) > 1 and len(runs[-1]) == 1:
        open_ends += runs.pop()
    runs = _without_slips(runs, r, wrong)
    runs = _without_repeats(runs, r, wrong)
    returning = _returning(runs, r)
    found = [Break(a[-1], b[0], number in returning) for number, (a, b) in enumerate(pairwise(runs))]
    return found, wrong, open_ends


def _runs(r: Readings) -> list[list[int]]:
    dh, dt = np.diff(r.h), np.diff(r.t)
    cut = np.flatnonzero((dh < -r.tolerance) | (dh > dt * (1 + RISE) + r.tolerance)) + 1
    return [part.tolist() for part in np.split(np.arange(len(r.h)), cut)]


def _without_strays(runs: list[list[int]], r: Readings) -> tuple[list[list[int]], list[int]]:
    """Leave out short runs that the runs around them pass by; then single readings that fit nowhere."""
    wrong: list[int] = []
    kept: list[list[int]] = []
    number = 0
    while number < len(runs):
        here = runs[number]
        if kept and not r.fits(kept[-1][-1], here[0]) and len(here) <= SHORT:
            # is there a run ahead, past short ones only, that goes on with the line?
            ahead = number + 1
            while ahead < len(runs) and ahead <= number + 3:
                if r.fits(kept[-1][-1], runs[ahead][0]):
                    break
                if len(runs[ahead]) > SHORT:
                    ahead = len(runs)
                    break
                ahead += 1
            if ahead < len(runs) and r.fits(kept[-1][-1], runs[ahead][0]):
                for run in runs[number:ahead]:
                    wrong += run
                kept[-1] = kept[-1] + runs[ahead]
                number = ahead + 1
                continue
        kept.append(here)
        number += 1
    # a single reading between two longer runs is wrong, whatever the two are to each other
    number = 1
    while number < len(kept) - 1:
        if len(kept[number]) == 1:
            wrong += kept.pop(number)
            if r.fits(kept[number - 1][-1], kept[number][0]):
                kept[number - 1] += kept.pop(number)
            continue
        number += 1
    return kept, wrong


def _without_slips(runs: list[list[int]], r: Readings, wrong: list[int]) -> list[list[int]]:
    """A reading that is wrong by less than the usage of a step hangs on one neighbour; see which is likelier.

    A drop may be a rollback, or the last reading before it was too high, or the first after it too low. Of the
    three that fit, the one whose steps are most like the machine's usual ones is taken.
    """
    usual = _usual_rate(runs, r)
    kept = [runs[0]]
    for run in runs[1:]:
        a, b = kept[-1], run
        if _is_noise(a, b, r):
            kept[-1] = a + b
            continue
        choices = []
        if len(a) > 2 and r.fits(a[-2], b[0]):  # the last of a too high
            as_is = abs(_rate(r, a[-2], a[-1]) - usual)
            choices.append((abs(_rate(r, a[-2], b[0]) - usual) - as_is, "last"))
        if len(b) > 2 and r.fits(a[-1], b[1]):  # the first of b too low
            as_is = abs(_rate(r, b[0], b[1]) - usual)
            choices.append((abs(_rate(r, a[-1], b[1]) - usual) - as_is, "first"))
        gain, which = min(choices, default=(0.0, ""))
        if which and gain < 0:
            wrong.append(a.pop() if which == "last" else b.pop(0))
            kept[-1] = a + b
        else:
            kept.append(run)
    return kept


def _is_noise(a: list[int], b: list[int], r: Readings) -> bool:
    """A step that is little too large, and that one reading less on either side makes possible."""
    rise, elapsed = r.h[b[0]] - r.h[a[-1]], r.t[b[0]] - r.t[a[-1]]
    if max(-rise, rise - elapsed) > NOISE * r.tolerance:
        return False
    return any(r.fits(i, k) for i in a[-2:] for k in b[:2])


def _without_repeats(runs: list[list[int]], r: Readings, wrong: list[int]) -> list[list[int]]:
    """Old telegrams that came late with the time of arrival, and stretches of no signal, are no other meter."""
    number = 1
    while number < len(runs) - 1:
        a, b, c = runs[number - 1], runs[number], runs[number + 1]
        values = r.h[b]
        if r.fits(a[-1], c[0]) and (not values.any() or _follows(values, r.h[a])):
            wrong += b
            runs[number - 1 : number + 2] = [a + c]
        else:
            number += 1
    return runs


def _follows(values: Floats, before: Floats) -> bool:
    """Whether the values, rising, are a stretch of those before, one after the other."""
    if len(values) > len(before) or values[-1] <= values[0]:
        return False
    for start in np.flatnonzero(np.abs(before[: len(before) - len(values) + 1] - values[0]) < 1e-6):
        if np.abs(before[start : start + len(values)] - values).max() < 1e-6:
            return True
    return False


def _returning(runs: list[list[int]], r: Readings) -> set[int]:
    """Breaks around a meter that was there for a while and went again."""
    found: set[int] = set()
    for first in range(len(runs) - 2):
        for last in range(first + 2, min(first + 4, len(runs))):
            if r.fits(runs[first][-1], runs[last][0]):
                found |= {first, last - 1}
                break
    return found


def _rate(r: Readings, i: int, j: int) -> float:
    return float((r.h[j] - r.h[i]) / max(r.t[j] - r.t[i], 1e-9))


def _usual_rate(runs: list[list[int]], r: Readings) -> float:
    rates = [np.diff(r.h[run]) / np.maximum(np.diff(r.t[run]), 1e-9) for run in runs if len(run) > 1]
    return float(np.mean(np.concatenate(rates))) if rates else 0.0
