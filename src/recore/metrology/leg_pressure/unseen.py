"""Releases that fall between two samples of a slow record: what each step of a leg's record says about one.

A support is lowered, advanced and set again in 8 s to 20 s. A record with a sample every 10 s to 60 s often
holds no sample of that: the pressure goes from the final pressure of one cycle to the setting pressure of the
next in one step. What is left to see is how far the record departs there from the smooth loading of a set leg (a jump,
and another slope: a leg that is set anew loads anew), and where it goes to: the pump sets a leg to nearly the
same pressure every time. Each step gets the logarithm of the ratio of two likelihoods: of what is seen if the leg was
released in it, and if not. How releases follow each other is another matter (`succession`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.rows import Pressures, Times
from recore.metrology.leg_pressure.state import HIGHEST, PER_MPA, RUN_US, Limits

Floats = NDArray[np.float64]

# a leg is let go, advanced and set in no less than this: only slower records can miss it (and a sample put in
# the middle of such a step is no excursion, see the kernel)
LEAST_STEP_US = 6_500_000
# samples further apart than so many usual steps are no part of one line
STEPS = 2.5
# what stands in the record for the lowest pressure that nobody saw, MPa
NOBODY_SAW_MPA = -HIGHEST / PER_MPA
# the pressure before and after a step is a straight line through so many samples
SAMPLES = 4
# … not beyond a step that differs from those around it by so many times the noise
BREAK = 5.0
# where it slows down, lines before and after a step miss each other by about so much of the change of slope
SLOWING = 0.7
# where it bends within a step, they do by about so much
KNEE = 0.15
# a leg of which nothing else is known loads by about so much
LOADS_MPA_PER_MIN = 1.0
# misfit of these lines tells which of two steps it is; loading is no straight line, so that counts as so many noises
MISFIT, MOST_BENT = 1.5, 8.0
# a run of more equal samples than this, for 5 min or more, is not looked into
STILL_SAMPLES = 6

# the setting pressure of a leg is known from its own releases as from so many more of the face
FACE_WEIGHT = 5
# it scatters by at least this share; so many of the releases set the leg anyhow (a pump too weak, a leg set twice)
LEAST_SPREAD = 0.02
BADLY_SET = 0.05
# share of all releases in which a sample falls on the way down or up; such samples, where none was released, are as
# rare as this
ON_THE_WAY, STRAY = 0.2, 3e-4
# what is no release jumps (a slip of the roof) or bends (a break) in so many steps before more is known; by how much, MPa
RARE = 1e-3
TAIL_MPA = 0.5
KNOWN_STEPS = 2000.0
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
# the legs of a support are let go by one valve function: where so many releases show that, nearly all are; and the
# logarithm of the ratio for one that was seen
COUPLED_SHARE, TOGETHER = 0.7, 0.99
CERTAIN = 20.0
# a release of which nobody knows more comes once in so many steps
PRIOR_STEPS = 100.0
# steps with a lower logarithm of the ratio are not kept
KEPT = -1.0


class Expected(NamedTuple):
    """What a leg shows just after releases that were seen: pressure [MPa] and slope [MPa/step], median and spread."""

    level: float
    spread: float
    slope: float
    bend: float


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
class Told:
    """What the record of a leg says about releases that no sample shows.

    `place`: index of the sample before a step; `begin`, `end` of the step, µs; `score`: logarithm of the ratio of
    likelihoods. `seen`: when releases that a sample shows begin; `holes` (first, last): what is not known.
    """

    place: NDArray[np.int64]
    begin: Times
    end: Times
    score: Floats
    seen: Times
    holes: Times
    span: tuple[int, int]
    step: int


@dataclass
class _Leg:
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


def _lines(ts: Times, p: Pressures, joined: NDArray[np.bool_], usual: int, noise: float, slope: float) -> Line:
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


def _leg(ts: Times, p: Pressures, usual: int, limits: Limits) -> _Leg:
    set_ = p >= limits.release_p / PER_MPA
    n = len(p)
    near = np.diff(ts) <= int(STEPS * usual)
    open_ = set_[:-1] & set_[1:] & ~_still(ts, p)
    joined = open_ & near
    over = open_ & (np.diff(ts) <= max(int(STEPS * usual), limits.gap_us))  # a short gap
    noise = _noise(p, joined[1:] & joined[:-1])
    change = np.abs(np.diff(p))[joined]
    pace = max(float(np.quantile(change, 0.75)) if len(change) else 0.0, noise, LOADS_MPA_PER_MIN * usual / 60e6)
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
    return _Leg(
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


def _on_the_way(p: Pressures, joined: NDArray[np.bool_], set_: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """Single samples that lie below the ones after them and neither belong to what was before."""
    found = np.zeros(len(p), bool)
    if len(p) < 4:
        return found
    y, before, after = p[1:-1], p[:-2], p[2:]
    found[1:-1] = set_[1:-1] & joined[:-1] & joined[1:] & (after - y >= least) & (np.abs(y - before) >= least)
    found[1:-1] |= set_[1:-1] & joined[:-1] & joined[1:] & (after - y >= 2 * least) & (np.abs(y - before) >= least / 3) & (y > before)
    found[1:] &= ~found[:-1]
    return found


def _bent(k: NDArray[np.int64], rest: Floats, noise: float, n: int) -> Floats:
    """How much worse the lines before and after a step fit than those of the steps beside it."""
    full = np.full(n + 2, np.inf)
    full[k + 1] = rest
    best = np.min([full[:-2], full[1:-1], full[2:]], axis=0)[k]
    return np.minimum((rest - best) / (2 * (MISFIT * noise) ** 2), MOST_BENT)


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
    return np.where(opens & (drop > 0) & (drop <= share * before), 0.5 / (share * np.maximum(before, 1.0)), 0.0)


def settings(p: Pressures, limits: Limits) -> Floats:
    """Pressures just after each release that a record shows, MPa."""
    low, high = p < limits.release_p / PER_MPA, p >= limits.set_p / PER_MPA
    state = np.where(low, -1, np.where(high, 1, 0))
    told = np.flatnonzero(state)
    again = told[1:][(state[told[1:]] > 0) & (state[told[:-1]] < 0)]
    return np.asarray(p[_at_rest(again, p)], np.float64)


def _expected(level: Floats, slope: Floats, face: Floats) -> Expected | None:
    """What follows a release, from those of a leg and the setting pressures of the face."""
    if len(level) + len(face) < FACE_WEIGHT:
        return None
    m_face = float(np.median(face)) if len(face) else float(np.median(level))
    s_face = 1.4826 * float(np.median(np.abs(face - m_face))) if len(face) else 0.0
    n = len(level)
    if n < 3:
        middle, spread = m_face, max(s_face, 0.05 * m_face)
    else:
        middle = float(np.median(level))
        own = 1.4826 * float(np.median(np.abs(level - middle)))
        spread = (n * own + FACE_WEIGHT * 0.05 * middle) / (n + FACE_WEIGHT)
    at = float(np.median(slope)) if n >= 3 else 0.0
    wide = 1.4826 * float(np.median(np.abs(slope - at))) if n >= 3 else 0.3
    return Expected(middle, max(spread, LEAST_SPREAD * middle), at, max(wide, 0.03, 0.5 * abs(at)))


def _normal(x: Floats, error: Floats | float) -> Floats:
    return np.asarray(np.exp(-0.5 * (x / error) ** 2) / (math.sqrt(2 * math.pi) * error))


def _laplace(x: Floats, scale: float) -> Floats:
    return np.asarray(np.exp(-np.abs(x) / scale) / (2 * scale))


class _Tails(NamedTuple):
    """How often, and by how much [MPa], a step that is no release jumps, and bends."""

    jumps: float
    jump: float
    bends: float
    bend: float


def _scores(of: _Leg, expected: Expected, tails: _Tails) -> Floats:
    """Logarithm of the ratio of likelihoods of every step."""
    away = of.after - expected.level
    # a pump cannot set a leg to more than it gives; to less it can
    set_ = (0.8 - BADLY_SET) * _normal(away, expected.spread) + 0.2 * _normal(away, 2 * expected.spread)
    set_ += BADLY_SET * _laplace(away, 6 * expected.spread)
    set_ = np.where(away > 0, _normal(away, expected.spread), set_)
    anew = 0.8 * _laplace(of.slope - expected.slope, expected.bend) + 0.2 * _laplace(of.slope, 1.0)
    # what slows down is nothing new: loading, relaxation and leaks all do, and lines through them do not meet
    slows = (of.bend * of.pace < 0) & (np.abs(of.bend) <= np.abs(of.pace) + 2 * of.bend_error)
    smooth = _normal(of.jump, np.hypot(of.jump_error, np.where(slows, SLOWING * np.abs(of.bend), 0.0)))
    jumps = _laplace(of.jump, tails.jump)
    straight = _normal(of.bend, of.bend_error)
    straight = np.where(slows, np.maximum(straight, 0.3 / np.maximum(np.abs(of.pace), of.bend_error)), straight)
    bends = _laplace(of.bend, tails.bend)
    # one that bends does so at any moment of the step, so that the lines do not meet in its middle
    meets = _normal(of.jump, np.hypot(of.jump_error, KNEE * np.abs(of.bend)))
    none = (1 - tails.jumps) * ((1 - tails.bends) * smooth * straight + tails.bends * meets * bends)
    none += tails.jumps * jumps * (0.5 * straight + 0.5 * bends)
    none = np.where(of.yields > 0, 0.5 * none + of.yields * bends, none)
    return np.asarray(np.log(set_ * anew + 1e-300) - np.log(none + 1e-12) + of.stray)


def _tails(of: _Leg, free: NDArray[np.bool_]) -> _Tails:
    """Tails of what is no release, from the steps that are far from any."""
    jump, bend = np.abs(of.jump[free]), np.abs(of.bend[free])
    j, b = jump > 4 * of.jump_error[free], bend > 4 * of.bend_error[free]
    j &= of.yields[free] == 0
    b &= of.yields[free] == 0
    n = np.count_nonzero(free) + KNOWN_STEPS

    def scale(values: Floats) -> float:
        return (float(values.sum()) + 3 * TAIL_MPA) / (len(values) + 3)

    return _Tails(
        (np.count_nonzero(j) + KNOWN_STEPS * RARE) / n,
        scale(jump[j]),
        (np.count_nonzero(b) + KNOWN_STEPS * RARE) / n,
        scale(bend[b]),
    )


def _peaks(of: _Leg, score: Floats, least: float) -> NDArray[np.bool_]:
    """Steps with the best score within two samples, above the least, that are not beside a release that was seen."""
    full = np.full(len(of.p) + 8, -np.inf)
    full[of.place + 4] = score
    best = np.max([full[4 + j : 4 + j + len(of.p)] for j in (-3, -2, -1, 0, 1, 2, 3)], axis=0)[of.place]
    return np.asarray((score >= best) & (score > least) & ~_beside(of))


def _beside(of: _Leg) -> NDArray[np.bool_]:
    """Steps with a released sample among the three before them, or after."""
    count = np.concatenate(([0], np.cumsum(of.low)))
    first, last = np.maximum(of.place - 2, 0), np.minimum(of.place + 4, len(of.low))
    return np.asarray(count[last] > count[first])


def evidence(legs: Mapping[int, tuple[Times, Pressures, int]], face: Floats, limits: Limits) -> dict[int, Told]:
    """What the legs of one support say about releases that no sample shows.

    Parameters
    ----------
    legs : times [µs] in order, pressures [MPa] and usual step [µs] of each leg
    face : usual setting pressure of each leg of the face, MPa
    """
    read = {leg: _leg(ts, p, usual, limits) for leg, (ts, p, usual) in legs.items() if len(ts) > 2 * SAMPLES}
    scores: dict[int, Floats] = {}
    for leg, of in read.items():
        level, slope = of.p[of.set_at], of.forward.slope[of.set_at]
        tails = _Tails(RARE, TAIL_MPA, RARE, TAIL_MPA)
        score = np.full(len(of.place), -np.inf)
        for _ in range(2):
            expected = _expected(level, slope, face)
            if expected is None:
                break
            score = _scores(of, expected, tails)
            chosen = _peaks(of, score, math.log(PRIOR_STEPS))
            released = of.place[chosen]
            free = ~_around(of, released)
            tails = _tails(of, free)
            after = released + 1 + of.dip[chosen]
            level = np.concatenate((of.p[of.set_at], of.p[after]))
            slope = np.concatenate((of.forward.slope[of.set_at], of.forward.slope[after]))
        scores[leg] = score
    found = {}
    for leg, of in read.items():
        score = scores[leg].copy()
        for other, twin in read.items():
            if other != leg:
                score += _message(of, twin, scores[other], _together(of, scores[leg], twin, scores[other]))
        kept = (score > KEPT) & ~_beside(of)
        k = of.place[kept]
        found[leg] = Told(
            place=k,
            begin=of.ts[k],
            end=of.ts[k + 1],
            score=score[kept],
            seen=of.ts[np.maximum(of.onsets - 1, 0)] // 2 + of.ts[of.onsets] // 2,
            holes=_holes(of),
            span=(int(of.ts[0]), int(of.ts[-1])),
            step=of.usual,
        )
    return found


def _around(of: _Leg, released: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Steps within five samples of a release."""
    near = np.zeros(len(of.p) + 12, bool)
    for places in (released, of.onsets, of.set_at):
        for j in range(-5, 6):
            near[places + j + 5] = True
    return np.asarray(near[of.place + 5])


def _holes(of: _Leg) -> Times:
    """Stretches of three steps and more in which nothing can be told: gaps, and values that do not change."""
    unknown = ~of.steady & ~of.low[:-1] & ~of.low[1:]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], unknown.astype(np.int8), [0]))))
    holes = np.stack((of.ts[edges[::2]], of.ts[edges[1::2]]), axis=1) if len(edges) else np.empty((0, 2), np.int64)
    return np.asarray(holes[holes[:, 1] - holes[:, 0] > 3 * of.usual])


def _moments(of: _Leg, score: Floats) -> Times:
    """Middle of the steps in which a leg is released, by what it shows alone."""
    k = of.place[_peaks(of, score, math.log(PRIOR_STEPS))]
    onset = of.onsets
    return np.sort(np.concatenate(((of.ts[k] + of.ts[k + 1]) // 2, (of.ts[onset - 1] + of.ts[onset]) // 2)))


def _together(of: _Leg, score: Floats, twin: _Leg, twins: Floats) -> float:
    """Share of the releases of a leg that its twin shows in the same step, too; 0 where they are not coupled."""
    k = of.onsets
    moments = _moments(twin, twins)
    if len(k) < 5:
        mine = _moments(of, score)
        reach = 3 * max(of.usual, twin.usual) // 2
        first, last = mine - reach, mine + reach
    else:
        reach = max(of.usual, twin.usual)
        first, last = of.ts[k - 1] - reach, of.ts[k] + reach
    inside = (first > twin.ts[0]) & (last < twin.ts[-1])
    if np.count_nonzero(inside) < 5:
        return 0.0
    hit = np.searchsorted(moments, last, "right") > np.searchsorted(moments, first, "left")
    # the twin does not show every release
    return TOGETHER if hit[inside].mean() >= COUPLED_SHARE else 0.0


def _message(of: _Leg, twin: _Leg, twins: Floats, share: float) -> Floats:
    """What the twin of a leg says about the same steps: logarithm of a ratio of likelihoods."""
    if not share:
        return np.zeros(len(of.place))
    # best score of the twin between two of its samples; 0 where it cannot be told
    best = np.zeros(max(len(twin.ts) - 1, 1))
    best[twin.place] = twins
    best[twin.place[twin.dip > 0] + 1] = twins[twin.dip > 0]
    best[twin.onsets - 1] = CERTAIN
    first = np.clip(np.searchsorted(twin.ts, of.ts[of.place], "right") - 1, 0, len(best) - 1)
    last = np.clip(np.searchsorted(twin.ts, of.ts[of.place + 1], "left") - 1, first, len(best) - 1)
    ratio = np.max([best[np.minimum(first + j, last)] for j in range(3)], axis=0)
    ratio = np.exp(np.clip(ratio, -CERTAIN, CERTAIN))
    alone = (1 - share) / PRIOR_STEPS
    inside = (of.ts[of.place] >= twin.ts[0]) & (of.ts[of.place + 1] <= twin.ts[-1])
    return np.where(inside, np.log((share * ratio + 1 - share) / (alone * ratio + 1)), 0.0)


def inserted(ts: Times, p: Pressures, after: NDArray[np.int64]) -> tuple[Times, Pressures]:
    """A record with a released sample in the middle of the step after each of these samples."""
    moments = ts[after] + (ts[after + 1] - ts[after]) // 2
    return np.insert(ts, after + 1, moments), np.insert(p, after + 1, NOBODY_SAW_MPA)
