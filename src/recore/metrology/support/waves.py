"""Waves of setting that run over the supports of a face, followed from neighbour to neighbour."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# all times in usual cycles
GATE = 0.45  # a setting further than this from a wave's expected time is not of that wave
JOIN = 1.5  # two parts of a face that are set one after the other within this time are one wave, with a stoppage between
NEAR = 0.15  # two settings of a support nearer than this are one shear
YOUNG = 3  # supports after which a new wave counts; until then it ends where it is not met
STALE = 40  # supports over which a wave that was lost in a hole of the record is still expected
_SURE = 0.1
_BRIEF = 0.3  # a setting that did not last is taken only where there is no other
_SMOOTH = 7  # supports on either side whose median tells where a wave should be


@dataclass
class _Waves:
    """Times of the waves at the supports; `order` lists the waves in time."""

    times: Floats  # wave × support, NaN where not met
    order: Ints
    last_at: Ints = field(init=False)
    last_time: Floats = field(init=False)
    slope: Floats = field(init=False)
    met: Ints = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        size = len(self.times)
        self.last_at = np.zeros(size, np.int64)
        self.last_time = np.full(size, np.nan)
        self.slope = np.zeros(size)
        self.met = np.zeros(size, np.int64)
        self.count = len(self.order)

    def new(self, places: Ints, moments: Floats, at: int) -> Ints:
        """Waves first met at a support, each put before the place in `order`."""
        fresh = np.arange(self.count, self.count + len(moments))
        self.count += len(moments)
        if self.count > len(self.times):
            more = max(self.count, int(1.5 * len(self.times)) + 16) - len(self.times)
            self.times = np.vstack([self.times, np.full((more, self.times.shape[1]), np.nan)])
            self.last_at = np.append(self.last_at, np.zeros(more, np.int64))
            self.last_time = np.append(self.last_time, np.full(more, np.nan))
            self.slope = np.append(self.slope, np.zeros(more))
            self.met = np.append(self.met, np.zeros(more, np.int64))
        self.last_time[fresh], self.last_at[fresh] = moments, at
        self.order = np.insert(self.order, places, fresh)
        return fresh


def follow(at: Ints, clock: Floats, length: Ints, supports: int) -> Ints:
    """Number of the wave, from 1, that each setting belongs to.

    Parameters
    ----------
    at : place of the support, from 0; sorted, and within a place by time
    clock : time of the setting in usual cycles
    length : how long the support then stayed set (only compared)
    supports : number of places

    Notes
    -----
    Three sweeps over the face carry the waves from the fullest record to the ends and back; each setting
    goes to the wave that is nearest to where its neighbours let it be expected, if it is in turn the nearest to that
    wave, or if it is the only one left between two that are matched. Then each wave is smoothed over the supports and
    all settings are matched once more. Waves met by too few supports end in the one before.
    """
    bounds = np.searchsorted(at, np.arange(supports + 1))
    events = [clock[bounds[x] : bounds[x + 1]] for x in range(supports)]
    wave = np.full(len(at), -1, np.int64)
    counts = np.diff(bounds)
    # the fullest record, but not one that is full of settings tried again
    typical = np.median(counts[counts > 0])
    middle = supports / 2
    first = min(range(supports), key=lambda x: (abs(counts[x] - typical) > 0.02 * typical, abs(x - middle)))
    base = events[first]
    waves = _Waves(np.full((len(base) * 5 // 4 + 64, supports), np.nan), np.arange(len(base)))
    waves.last_time[: len(base)], waves.last_at[: len(base)] = base, first
    waves.met[: len(base)] = YOUNG
    pace = _pace(events)
    for sweep in (range(first, supports), range(supports - 1, -1, -1), range(supports)):
        waves.met = np.minimum(waves.met, YOUNG)
        for x in sweep:
            here = slice(bounds[x], bounds[x + 1])
            wave[here] = _meet(waves, events[x], length[here], x, pace)
    for _ in range(3):
        _joined(waves)
        waves.order = waves.order[_real(waves.times[waves.order])]
        expected = _smoothed(waves.times[waves.order])
        waves.times[:] = np.nan
        for x in range(supports):
            here = slice(bounds[x], bounds[x + 1])
            matched = _match(expected[:, x], events[x], length[here])
            told = matched >= 0
            ids = np.where(told, waves.order[matched], -1)
            wave[here] = ids
            waves.times[ids[told], x] = events[x][told]
    return _numbered(waves, wave, events, bounds)


def _real(times: Floats) -> Flags:
    """Which waves are shears: supports that were set again, here and there, are none."""
    supports = times.shape[1]
    met = np.isfinite(times)
    count = met.sum(axis=1)
    span = supports - np.argmax(met, axis=1) - np.argmax(met[:, ::-1], axis=1)
    least = 1 if supports < 3 else 2 if supports < 8 else 3 if supports < 30 else 5
    real: Flags = (count >= least) & (count >= 0.5 * span)
    return real


def _pace(events: list[Floats]) -> float:
    """Usual time from one support to the next, in cycles."""
    steps = []
    for one, other in pairwise(events):
        if len(one) and len(other):
            j = np.clip(np.searchsorted(other, one), 1, max(len(other) - 1, 1))
            near = np.abs(other[np.minimum(j, len(other) - 1)] - one)
            steps.append(np.median(np.minimum(near, np.abs(other[j - 1] - one))))
    return float(np.median(steps)) if steps else 0.0


def _meet(waves: _Waves, events: Floats, length: Ints, x: int, pace: float) -> Ints:
    """Match the settings of the next support, move the waves on to it, begin new ones."""
    order = waves.order
    away = np.abs(x - waves.last_at[order])
    expected = waves.last_time[order] + np.clip(waves.slope[order], -1.0, 1.0) * pace * np.minimum(away, 3)
    expected = np.maximum.accumulate(expected)
    live = (away <= STALE) & ((waves.met[order] >= YOUNG) | (away <= YOUNG))
    places = np.flatnonzero(live)
    matched = _match(expected[places], events, length)
    told = matched >= 0
    found = np.full(len(events), -1, np.int64)
    found[told] = order[places[matched[told]]]
    lone = np.flatnonzero(~told)
    if len(lone):
        # not again within the same shear, and not the shortest of settings
        known = events[told]
        lone = lone[_apart(known, events[lone]) > NEAR] if len(known) else lone
        first = np.ones(len(lone), bool)
        first[1:] = np.diff(events[lone]) > NEAR
        lone = lone[first]
        at = _places(expected, order, found, lone, events)
        found[lone] = waves.new(at, events[lone], x)
    met = found >= 0
    ids, moments = found[met], events[met]
    gone = np.abs(x - waves.last_at[ids])
    moved = gone > 0
    step = np.where(moved, np.sign(moments - waves.last_time[ids]), 0.0)
    waves.slope[ids] += np.where(moved, 0.3 * (step - waves.slope[ids]), 0.0)
    waves.last_time[ids], waves.last_at[ids] = moments, x
    waves.met[ids] += 1
    waves.times[:, x] = np.nan
    waves.times[ids, x] = moments
    return found


def _places(expected: Floats, order: Ints, found: Ints, lone: Ints, events: Floats) -> Ints:
    """Where new waves belong in the order: between those of the settings before and after."""
    place_of = np.full(int(order.max()) + 1 if len(order) else 1, -1, np.int64)
    place_of[order] = np.arange(len(order))
    before = np.where(found >= 0, place_of[np.maximum(found, 0)] + 1, 0)
    lowest = np.maximum.accumulate(before)[lone]
    after = np.where(found >= 0, place_of[np.maximum(found, 0)], len(order))
    highest = np.minimum.accumulate(after[::-1])[::-1][lone]
    return np.clip(np.searchsorted(expected, events[lone]), lowest, np.maximum(highest, lowest))


def _apart(known: Floats, moments: Floats) -> Floats:
    """Time to the nearest known moment."""
    j = np.searchsorted(known, moments)
    left = np.abs(moments - known[np.maximum(j - 1, 0)])
    return np.minimum(left, np.abs(moments - known[np.minimum(j, len(known) - 1)]))


def _match(expected: Floats, events: Floats, length: Ints) -> Ints:
    """Place in `expected` (NaN: not expected) of each event (rising), −1 for none; keeps the order."""
    result = np.full(len(events), -1, np.int64)
    usable = np.flatnonzero(np.isfinite(expected))
    if not len(usable) or not len(events):
        return result
    times = np.maximum.accumulate(expected[usable])
    j = np.searchsorted(times, events)
    below, above = np.maximum(j - 1, 0), np.minimum(j, len(times) - 1)
    nearest = np.where(np.abs(events - times[below]) <= np.abs(times[above] - events), below, above)
    # sure: close, and nothing else is anywhere near
    room = np.minimum(np.append(np.inf, np.diff(times)), np.append(np.diff(times), np.inf))[nearest]
    space = np.minimum(np.append(np.inf, np.diff(events)), np.append(np.diff(events), np.inf))
    sure = np.abs(events - times[nearest]) < np.minimum(_SURE, 0.25 * np.minimum(room, space))
    known = np.flatnonzero(sure)
    result[known] = nearest[known]
    edges = np.concatenate([[-1], known, [len(events)]])
    waves = np.concatenate([[-1], result[known], [len(times)]])
    brief = length < 0.1 * np.median(length)
    for g in np.flatnonzero((np.diff(edges) > 1) & (np.diff(waves) > 1)):
        inner, to = slice(edges[g] + 1, edges[g + 1]), slice(waves[g] + 1, waves[g + 1])
        pairs = _aligned(events[inner].tolist(), times[to].tolist(), brief[inner].tolist())
        for i, k in pairs:
            result[edges[g] + 1 + i] = waves[g] + 1 + k
    found = result >= 0
    result[found] = usable[result[found]]
    return result


def _aligned(events: list[float], times: list[float], brief: list[bool]) -> list[tuple[int, int]]:
    """Pairs (event, wave) that keep the order at the least sum of distances, with `GATE` for what is left out.

    Needleman and Wunsch's recursion; waves further from an event than twice the gate cannot be paired with it.
    """
    n, m = len(events), len(times)
    score = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(n - 1, -1, -1):
        row, below, t = score[i], score[i + 1], events[i]
        dear = _BRIEF if brief[i] else 0.0
        for k in range(m - 1, -1, -1):
            best = row[k + 1] if row[k + 1] > below[k] else below[k]
            gain = 2 * GATE - abs(t - times[k]) - dear
            if gain > 0 and gain + below[k + 1] > best:
                best = gain + below[k + 1]
            row[k] = best
    pairs = []
    i = k = 0
    while i < n and k < m:
        if score[i][k] == score[i + 1][k]:
            i += 1
        elif score[i][k] == score[i][k + 1]:
            k += 1
        else:
            pairs.append((i, k))
            i, k = i + 1, k + 1
    return pairs


def _smoothed(times: Floats) -> Floats:
    """Expected time of every wave (rows) at every support: a line through its neighbours on either side.

    Fitted twice, the second time with little weight for settings that lie far from the first.
    """
    known = np.isfinite(times)
    value = np.where(known, times, 0.0)
    weight = known.astype(float)
    line = _lines(value, weight)
    miss = np.abs(value - line)
    usable = known & np.isfinite(line)
    if usable.any():
        scale = 3 * 1.4826 * float(np.median(miss[usable])) + 1e-6
        weight = np.where(usable, 1.0 / (1.0 + (miss / scale) ** 2), 0.0)
        line = _lines(value, weight)
    return np.where(np.isfinite(line), line, times)


def _lines(value: Floats, weight: Floats) -> Floats:
    """Weighted least squares line over a window of supports, at its middle; NaN with fewer than 3 neighbours."""
    supports = value.shape[1]
    s0, sx, st, sxx, sxt = (np.zeros_like(value) for _ in range(5))
    count = np.zeros_like(value)
    for d in range(-_SMOOTH, _SMOOTH + 1):
        here = slice(max(0, -d), min(supports, supports - d))
        there = slice(max(0, d), min(supports, supports + d))
        if here.start >= here.stop:
            continue
        w = weight[:, there] / (1.0 + abs(d))
        t = value[:, there] * w
        s0[:, here] += w
        sx[:, here] += w * d
        sxx[:, here] += w * d * d
        st[:, here] += t
        sxt[:, here] += t * d
        count[:, here] += weight[:, there] > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = s0 * sxx - sx * sx
        straight = (sxx * st - sx * sxt) / spread
        level = st / s0
        line = np.where(spread > 1e-6 * s0 * s0, straight, level)
    least = min(3, supports)
    return np.where(count >= least, line, np.nan)


def _joined(waves: _Waves) -> Ints:
    """Wave that each wave is part of: neighbours in time that share almost no support and continue one another."""
    part_of = np.arange(waves.count)
    kept: list[int] = []
    met = np.isfinite(waves.times)
    for wave in waves.order:
        if not met[wave].any():
            continue
        if kept and _continues(waves.times[kept[-1]], waves.times[wave]):
            last = kept[-1]
            part_of[wave] = last
            fresh = met[wave] & ~np.isfinite(waves.times[last])
            waves.times[last, fresh] = waves.times[wave, fresh]
            waves.times[wave] = np.nan
        else:
            kept.append(int(wave))
    return part_of


def _continues(one: Floats, other: Floats) -> bool:
    a, b = np.isfinite(one), np.isfinite(other)
    if (a & b).sum() > max(1, 0.1 * min(a.sum(), b.sum())):
        return False
    at, to = np.flatnonzero(a & ~b), np.flatnonzero(b)
    if not len(at):
        return True
    # where they come nearest to each other
    i = int(np.argmin(np.min(np.abs(at[:, None] - to[None, :]), axis=1)))
    k = int(np.argmin(np.abs(to - at[i])))
    return bool(abs(one[at[i]] - other[to[k]]) < JOIN and abs(at[i] - to[k]) <= STALE)


def _numbered(waves: _Waves, wave: Ints, events: list[Floats], bounds: Ints) -> Ints:
    """Numbers from 1 in order of time; what is left over goes to the wave before."""
    supports = len(events)
    kept = waves.order[_real(waves.times[waves.order])]
    number = np.full(waves.count, -1, np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    result = np.where(wave >= 0, number[np.maximum(wave, 0)], -1)
    if not len(kept):
        return np.ones(len(wave), np.int64)
    times = _smoothed(waves.times[kept])
    usual = np.array([float(np.median(row[np.isfinite(row)])) for row in times])
    times = np.where(np.isfinite(times), times, usual[:, None])
    for x in range(supports):
        mine = result[bounds[x] : bounds[x + 1]]
        loose = np.flatnonzero(mine < 0)
        # tried just before it held: already that shear
        place = np.searchsorted(np.maximum.accumulate(times[:, x]), events[x][loose] + NEAR, side="right")
        mine[loose] = np.maximum(place, 1)
        np.maximum.accumulate(mine, out=mine)
    return result
