"""Zero offsets of transducers, from what they show while the leg is released."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.clock import _runs
from recore.metrology.leg_pressure.rows import Pressures, Times

# in a slower record many a release is seen only on its way down or up, or not at all: of so many releases the
# second lowest counts
SLOW_US = 6_500_000
AMONG = 9
FLEETING = 3  # samples of a release
# a leg is lowered by at least this much when it is released, also a badly set one
SWING_MPA = 8.0
# shorter dips are faults of the record (kernel: no leg is released, advanced and set again in 3 s)
DIP_US = 3_500_000
# a released leg stands at the back pressure of the return line; without other legs this is taken for it
RELEASED_MPA = 1.0
# legs of one face differ by less than so many times their usual scatter
SCATTERS = 4.0
# a change of zero is told from at least this many releases
RELEASES = 3
ERRORS = 5.0
# a single sample below the floor in so many releases is nothing
STRAY_RELEASES = 20


class Floors(NamedTuple):
    """Lowest pressure of each release, MPa, and its time, µs."""

    ts: Times
    p: NDArray[np.float64]


class Zero(NamedTuple):
    """An offset that holds from one time to another (µs; to is exclusive), MPa."""

    first: int
    last: int
    offset: float


def floors(ts: Times, p: Pressures) -> Floors:
    """Lowest pressure of each release of a leg, whatever its zero is: a dip below the middle between its set
    and its released pressure."""
    nothing = Floors(np.empty(0, np.int64), np.empty(0))
    if len(p) < 3:
        return nothing
    low, high = np.quantile(p, (0.0005, 0.9))
    if high - low < SWING_MPA:
        return nothing
    moments, lowest, samples = [], [], []
    for begin, end in _runs(p < (low + high) / 2):
        before, after = max(begin - 1, 0), min(end, len(ts) - 1)
        if ts[after] - ts[before] > DIP_US:
            k = begin + int(np.argmin(p[begin:end]))
            moments.append(int(ts[k]))
            samples.append(end - begin)
            lowest.append(float(p[k]))
    found = np.array(lowest)
    if len(found) > 1 and np.median(np.diff(ts)) > SLOW_US and np.median(samples) < FLEETING:
        padded = np.pad(found, AMONG // 2, mode="reflect" if len(found) > AMONG // 2 else "edge")
        found = np.sort(np.lib.stride_tricks.sliding_window_view(padded, AMONG), axis=1)[:, 1]
    return Floors(np.array(moments, np.int64), found)


def _noise(floor: NDArray[np.float64]) -> float:
    """Standard deviation of one release, from the differences of neighbours."""
    return float(1.4826 * float(np.median(np.abs(np.diff(floor)))) / np.sqrt(2.0))


def pieces(floor: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Stretches of releases with one zero each.

    The series is cut in two, again and again, where that takes away 25 times the variance from one release
    to the next; neighbours whose medians differ by less than half of `least` MPa are then put together.
    """
    if len(floor) < 2 * RELEASES:
        return [(0, len(floor))] if len(floor) else []
    cuts = {0, len(floor)}
    waiting = [(0, len(floor))]
    while waiting:
        begin, end = waiting.pop()
        values = floor[begin:end]
        n = len(values)
        if n < 2 * RELEASES:
            continue
        k = np.arange(RELEASES, n - RELEASES + 1)
        sums = np.cumsum(values)[k - 1]
        gain = (sums - k * values.mean()) ** 2 * n / (k * (n - k))
        cut = int(k[np.argmax(gain)])
        apart = abs(float(values[:cut].mean() - values[cut:].mean()))
        if apart > least / 3 and gain.max() > (ERRORS * max(_noise(floor), least / 8)) ** 2:
            cuts.add(begin + cut)
            waiting += [(begin, begin + cut), (begin + cut, end)]
    found: list[tuple[int, int]] = []
    for begin, end in pairwise(sorted(cuts)):
        if (
            found
            and abs(float(np.median(floor[slice(*found[-1])]) - np.median(floor[begin:end]))) < least / 2
        ):
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found


class Reference(NamedTuple):
    """What healthy legs show while they are released, MPa, and how far one may be from that."""

    level: float
    least: float


def reference(levels: Sequence[float], offset_mpa: float, back_mpa: float) -> Reference:
    """Level of a released leg from those of all legs of a log.

    Parameters
    ----------
    levels : median floor of each leg
    offset_mpa : smallest offset that is taken out
    back_mpa : highest back pressure: with less than three legs only what lies beyond it is an offset
    """
    known = np.array([level for level in levels if np.isfinite(level)])
    inside = known[(known >= 0.0) & (known <= back_mpa)]
    if len(known) < 3:
        level = float(inside.mean()) if len(inside) else RELEASED_MPA
        return Reference(level, max(offset_mpa, level, back_mpa - level))
    # a released leg stands between nothing and the back pressure: others are off, and tell nothing of the scatter
    healthy = inside if len(inside) >= max(3, len(known) / 3) else known
    level = float(np.median(healthy))
    scatter = 1.4826 * float(np.median(np.abs(healthy - level)))
    if not 0.0 <= level <= back_mpa:
        level = RELEASED_MPA  # not most legs of a face have the same offset
    return Reference(
        level, min(max(offset_mpa, SCATTERS * scatter), max(offset_mpa, level, back_mpa - level))
    )


def offsets(ts: Times, p: Pressures, normal: Reference) -> list[Zero]:
    """Offsets of one leg in the order of time, zeros included; empty where it was never released."""
    found = floors(ts, p)
    if len(found.p) == 0:
        return []
    result: list[Zero] = []
    stretches = pieces(found.p, normal.least)
    begin = int(ts[0])
    for number, (first, last) in enumerate(stretches):
        values = found.p[first:last]
        offset = float(np.median(values)) - normal.level
        error = 3 * float(values.std()) / np.sqrt(len(values)) if len(values) >= RELEASES else 0.0
        if abs(offset) <= max(normal.least, error):
            offset = 0.0
        if offset > 0 and _lower(ts, p, found, first, last, normal.level + offset / 3):
            offset = 0.0
        end = int(ts[-1]) + 1
        if number + 1 < len(stretches):
            after = float(np.median(found.p[slice(*stretches[number + 1])])) - normal.level
            end = _change(ts, p, found.ts[last - 1], found.ts[last], after - offset)
        result.append(Zero(begin, end, offset))
        begin = end
    return result


def _lower(ts: Times, p: Pressures, found: Floors, first: int, last: int, floor: float) -> bool:
    """Whether a leg that seems to be released at some pressure also stands far lower: then it had only leaked to that.

    Released legs do not all stand at one pressure: far is below a third of the offset. One such sample in so
    many releases may be a fault of the record.
    """
    if np.count_nonzero(found.p[first:last] < floor) > (last - first) // 5:
        return True
    begin, end = np.searchsorted(ts, (found.ts[first], found.ts[last - 1]))
    here = p[begin : end + 1]
    return bool(np.count_nonzero(here < floor) > 1 + (last - first) // STRAY_RELEASES)


def _change(ts: Times, p: Pressures, after: int, before: int, change: float) -> int:
    """Time between two releases at which the zero changed: the step of that size, or the middle."""
    begin, end = np.searchsorted(ts, (after, before))
    step = np.diff(p[begin : end + 1])
    like = np.abs(step - change) < 0.35 * abs(change)
    if like.any():
        return int(ts[begin + 1 + int(np.flatnonzero(like)[np.argmin(np.abs(step[like] - change))])])
    return (int(after) + int(before)) // 2


def zeroed(ts: Times, p: Pressures, zeros: Sequence[Zero]) -> Pressures:
    """Pressures with the offsets taken out."""
    p = p.copy()
    for zero in zeros:
        if zero.offset:
            begin, end = np.searchsorted(ts, (zero.first, zero.last))
            p[begin:end] -= zero.offset
    return p
