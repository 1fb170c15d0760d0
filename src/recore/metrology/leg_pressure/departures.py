"""Where the record of a set leg departs from smooth loading: the steps of a slow record, and what they look like."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.rows import Pressures, Times
from recore.metrology.leg_pressure.state import PER_MPA, RUN_US, Limits

Floats = NDArray[np.float64]

# samples further apart than so many usual steps are no part of one line
STEPS = 2.5
# the pressure before and after a step is a straight line through so many samples
SAMPLES = 4
# … not beyond a step that differs from those around it by so many times the noise
BREAK = 5.0
# a leg of which nothing else is known loads by about so much
LOADS_MPA_PER_MIN = 1.0
# misfit of these lines tells which of two steps it is; loading is no straight line, so that counts as so many noises
MISFIT, MOST_BENT = 1.5, 8.0
# a run of more equal samples than this, for 5 min or more, is not looked into
STILL_SAMPLES = 6
# share of all releases in which a sample falls on the way down or up; such samples, where none was released, are as
# rare as this
ON_THE_WAY, STRAY = 0.2, 3e-4
# a sample on the way is at least this far from what was before, MPa
WAY_MPA = 1.5
# a valve yields at the top of what the leg ever shows, or of what it should; a drop from there to no further
# than so much below is its blow-down, also a slow valve's
TOP_SHARE = 0.97
LOWEST_VALVE = 0.87
BLOW_DOWN = 0.32
# a good one reseats within this share; it goes bad or good within days
GOOD_BLOW_DOWN = 0.15
VALVE_US = 12 * 3600 * 10**6
SMALL_MPA = 0.8


@dataclass(frozen=True)
class Line:
    """Straight line through the samples at and after (or before) each sample; slope in MPa per usual step, the
    pressure at the sample, and what makes their variances."""

    level: Floats
    slope: Floats
    count: Floats
    centre: Floats
    spread: Floats  # sum of squares of the times
    rest: Floats  # sum of squares of what is left


@dataclass
class Steps:
    """Everything about the steps of a leg."""

    ts: Times
    p: Pressures
    usual: int
    place: NDArray[np.int64]
    dip: NDArray[np.int64]
    before: Floats
    after: Floats
    jump: Floats
    bend: Floats
    jump_error: Floats
    bend_error: Floats
    slope: Floats
    pace: Floats
    stray: Floats
    yields: Floats
    low: NDArray[np.bool_]
    onsets: NDArray[np.int64]
    set_at: NDArray[np.int64]
    forward: Line
    steady: NDArray[np.bool_]


def _lines(
    ts: Times, p: Pressures, joined: NDArray[np.bool_], usual: int, noise: float, slope: float
) -> Line:
    """Lines through each sample and the next ones, as far as they are joined (number k: k and k + 1)."""
    n = len(p)
    count, sx, sy, sxx, sxy, syy = np.ones(n), *(np.zeros(n) for _ in range(5))
    on = np.ones(n, bool)
    for j in range(1, SAMPLES):
        on[: n - j] &= joined[j - 1 :][: n - j]
        on[n - j :] = False
        at = np.flatnonzero(on)
        x = (ts[at + j] - ts[at]) / usual
        y = p[at + j] - p[at]
        count[at] += 1
        sx[at] += x
        sy[at] += y
        sxx[at] += x * x
        sxy[at] += x * y
        syy[at] += y * y
    centre = sx / count
    spread = sxx - sx * centre + (noise / slope) ** 2  # a leg that just began rests, as far as is known
    rise = (sxy - centre * sy) / spread
    rest = syy - sy * sy / count - rise * (sxy - centre * sy)
    return Line(p + sy / count - rise * centre, rise, count, centre, spread, np.maximum(rest, 0.0))


def _mirrored(line: Line) -> Line:
    return Line(
        line.level[::-1], -line.slope[::-1], line.count[::-1], -line.centre[::-1], line.spread[::-1], line.rest[::-1]
    )  # fmt: skip


def _noise(p: Pressures, good: NDArray[np.bool_]) -> float:
    """Standard deviation of a sample, MPa, from the smaller three quarters of second differences."""
    second = np.sort(np.abs(p[2:] - 2 * p[1:-1] + p[:-2])[good])
    if not len(second):
        return 0.05
    kept = second[: max(3 * len(second) // 4, 1)]
    grains = second[second > 1e-4]
    least = float(grains[0]) / 3 if len(grains) else 0.01  # quantised
    return max(1.94 * float(kept.mean()) / math.sqrt(6.0), min(least, 0.1), 0.01)


def steps_of(ts: Times, p: Pressures, usual: int, limits: Limits) -> Steps:
    set_ = p >= limits.release_p / PER_MPA
    n = len(p)
    near = np.diff(ts) <= int(STEPS * usual)
    open_ = set_[:-1] & set_[1:] & ~_still(ts, p)
    joined = open_ & near
    over = open_ & (np.diff(ts) <= max(int(STEPS * usual), limits.gap_us))  # a short gap
    noise = _noise(p, joined[1:] & joined[:-1])
    change = np.abs(np.diff(p))[joined]
    pace = max(
        float(np.quantile(change, 0.75)) if len(change) else 0.0, noise, LOADS_MPA_PER_MIN * usual / 60e6
    )
    # a sample on the way belongs to no line
    way = _on_the_way(p, joined, set_, max(WAY_MPA, 8 * noise))
    whole = joined.copy()
    whole[way[:-1] | way[1:]] = False
    whole &= ~_jumps(p, joined, BREAK * noise)
    forward = _lines(ts, p, whole, usual, noise, pace)
    back = _mirrored(_lines(-ts[::-1], p[::-1], whole[::-1], usual, noise, pace))
    k = np.flatnonzero(over & ~way[:-1])
    dip = np.where(way[k + 1], 1, 0)
    k, dip = k[k + 1 + dip < n], dip[k + 1 + dip < n]
    ok = (dip == 0) | joined[np.minimum(k + 1, n - 2)]
    k, dip = k[ok], dip[ok]
    f = k + 1 + dip
    half = (ts[f] - ts[k]) / usual / 2
    a = forward.level[f] - half * forward.slope[f]
    b = back.level[k] + half * back.slope[k]
    var = (
        1 / forward.count[f] + (forward.centre[f] + half) ** 2 / forward.spread[f]
        + 1 / back.count[k] + (back.centre[k] - half) ** 2 / back.spread[k]
    )  # fmt: skip
    bend = forward.slope[f] - back.slope[k]
    jump, jump_error = a - b, noise * np.sqrt(var)
    bend_error = noise * np.sqrt(1 / forward.spread[f] + 1 / back.spread[k])
    for value, error in ((jump, jump_error), (bend, bend_error)):
        usual_z = 1.4826 * float(np.median(np.abs(value / error))) if len(value) else 1.0
        error *= max(usual_z, 1.0)
    seen = np.flatnonzero(~set_[1:] & set_[:-1]) + 1
    low, high = ~set_, p >= limits.set_p / PER_MPA
    state = np.where(low, -1, np.where(high, 1, 0))
    known = np.flatnonzero(state)
    again = known[1:][(state[known[1:]] > 0) & (state[known[:-1]] < 0)]
    return Steps(
        ts=ts,
        p=p,
        usual=usual,
        place=k,
        dip=dip,
        before=p[k],
        after=p[f],
        jump=jump,
        bend=bend,
        jump_error=jump_error,
        bend_error=bend_error,
        slope=forward.slope[f],
        pace=back.slope[k],
        stray=np.where(dip > 0, math.log(ON_THE_WAY / STRAY), 0.0)
        - _bent(k, forward.rest[f] + back.rest[k], noise, n)
        + np.log((ts[k + 1] - ts[k]) / usual),
        yields=_yields(ts[k], p[k], p[f], dip, _top(p, limits)),
        low=low,
        onsets=seen,
        set_at=_at_rest(again, p),
        forward=forward,
        steady=over,
    )


def _on_the_way(
    p: Pressures, joined: NDArray[np.bool_], set_: NDArray[np.bool_], least: float
) -> NDArray[np.bool_]:
    """Single samples that lie below the ones after them and neither belong to what was before."""
    found = np.zeros(len(p), bool)
    if len(p) < 4:
        return found
    y, before, after = p[1:-1], p[:-2], p[2:]
    found[1:-1] = set_[1:-1] & joined[:-1] & joined[1:] & (after - y >= least) & (np.abs(y - before) >= least)
    found[1:-1] |= (
        set_[1:-1]
        & joined[:-1]
        & joined[1:]
        & (after - y >= 2 * least)
        & (np.abs(y - before) >= least / 3)
        & (y > before)
    )
    found[1:] &= ~found[:-1]
    return found


def _bent(k: NDArray[np.int64], rest: Floats, noise: float, n: int) -> Floats:
    """How much worse the lines before and after a step fit than those of the steps beside it."""
    full = np.full(n + 2, np.inf)
    full[k + 1] = rest
    best = np.min([full[:-2], full[1:-1], full[2:]], axis=0)[k]
    return np.asarray(np.minimum((rest - best) / (2 * (MISFIT * noise) ** 2), MOST_BENT))


def _jumps(p: Pressures, joined: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """Steps that differ from the one before and from the one after, as far as these are known."""
    change = np.where(joined, np.diff(p), np.nan)
    with np.errstate(invalid="ignore"):
        apart = ~(np.abs(np.diff(change)) <= least)  # number k: steps k and k + 1
    return np.concatenate(([True], apart)) & np.concatenate((apart, [True]))


def _at_rest(first: NDArray[np.int64], p: Pressures) -> NDArray[np.int64]:
    """The sample that shows what a leg was set to: the first may be on the way up."""
    first = first[first + 2 < len(p)]
    return first + (p[first + 1] - p[first] > 2.0)


def _top(p: Pressures, limits: Limits) -> float:
    """Highest usual pressure, where a valve may open; infinite where that is far below where it should."""
    top = float(np.quantile(p, 0.998)) if len(p) else 0.0
    return top if top >= LOWEST_VALVE * limits.band_p / PER_MPA else math.inf


def _still(ts: Times, p: Pressures) -> NDArray[np.bool_]:
    """Steps that lie in, or beside, a long run of exactly the same value: a transducer may be stuck."""
    edges = np.concatenate(([0], 1 + np.flatnonzero(np.diff(p)), [len(p)]))
    first, last = edges[:-1], edges[1:] - 1
    long = (last - first >= STILL_SAMPLES) & (ts[last] - ts[first] >= RUN_US)
    found = np.zeros(len(p) + 2, np.int64)
    np.add.at(found, first[long], 1)  # number k + 1: step from k to k + 1
    np.add.at(found, last[long] + 2, -1)
    return np.asarray(np.cumsum(found)[1:-2] > 0)


def _yields(moments: Times, before: Floats, after: Floats, dip: NDArray[np.int64], top: float) -> Floats:
    """Density of a drop by a yield valve that opens and reseats, per MPa.

    One that reseats far below does so every time. So a large drop is none where the same valve reseated well at
    about that time.
    """
    drop = before - after
    opens = (before >= TOP_SHARE * top) & (dip == 0)
    well = opens & (drop >= SMALL_MPA) & (drop <= GOOD_BLOW_DOWN * before)
    good = moments[well]
    lately = np.searchsorted(good, moments + VALVE_US, "right") > np.searchsorted(good, moments - VALVE_US)
    share = np.where(lately, GOOD_BLOW_DOWN, BLOW_DOWN)
    return np.where(
        opens & (drop > 0) & (drop <= share * before), 0.5 / (share * np.maximum(before, 1.0)), 0.0
    )
