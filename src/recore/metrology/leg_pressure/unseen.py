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

from recore.metrology.leg_pressure.departures import SAMPLES, Floats, Steps, steps_of
from recore.metrology.leg_pressure.rows import Pressures, Times
from recore.metrology.leg_pressure.state import HIGHEST, PER_MPA, Limits

# a leg is let go, advanced and set in no less than this: only slower records can miss it (and a sample put in
# the middle of such a step is no excursion, see the kernel)
LEAST_STEP_US = 6_500_000
# what stands in the record for the lowest pressure that nobody saw, MPa
NOBODY_SAW_MPA = -HIGHEST / PER_MPA
# where it slows down, lines before and after a step miss each other by about so much of the change of slope
SLOWING = 0.7
# where it bends within a step, they do by about so much
KNEE = 0.15
# the setting pressure of a leg is known from its own releases as from so many more of the face
FACE_WEIGHT = 5
# it scatters by at least this share; so many of the releases set the leg anyhow (a pump too weak, a leg set twice)
LEAST_SPREAD = 0.02
BADLY_SET = 0.05
# what is no release jumps (a slip of the roof) or bends (a break) in so many steps before more is known; by how much, MPa
RARE = 1e-3
TAIL_MPA = 0.5
KNOWN_STEPS = 2000.0
# the legs of a support are let go by one valve function: where so many releases show that, nearly all are; and the
# logarithm of the ratio for one that was seen
COUPLED_SHARE, TOGETHER = 0.7, 0.99
SEEN = 5
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


def _scores(of: Steps, expected: Expected, tails: _Tails) -> Floats:
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
    straight = np.where(
        slows, np.maximum(straight, 0.3 / np.maximum(np.abs(of.pace), of.bend_error)), straight
    )
    bends = _laplace(of.bend, tails.bend)
    # one that bends does so at any moment of the step, so that the lines do not meet in its middle
    meets = _normal(of.jump, np.hypot(of.jump_error, KNEE * np.abs(of.bend)))
    none = (1 - tails.jumps) * ((1 - tails.bends) * smooth * straight + tails.bends * meets * bends)
    none += tails.jumps * jumps * (0.5 * straight + 0.5 * bends)
    none = np.where(of.yields > 0, 0.5 * none + of.yields * bends, none)
    return np.asarray(np.log(set_ * anew + 1e-300) - np.log(none + 1e-12) + of.stray)


def _tails(of: Steps, free: NDArray[np.bool_]) -> _Tails:
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


def _peaks(of: Steps, score: Floats, least: float) -> NDArray[np.bool_]:
    """Steps with the best score within two samples, above the least, that are not beside a release that was seen."""
    full = np.full(len(of.p) + 8, -np.inf)
    full[of.place + 4] = score
    best = np.max([full[4 + j : 4 + j + len(of.p)] for j in (-3, -2, -1, 0, 1, 2, 3)], axis=0)[of.place]
    return np.asarray((score >= best) & (score > least) & ~_beside(of))


def _beside(of: Steps) -> NDArray[np.bool_]:
    """Steps with a released sample among the three before them, or after."""
    count = np.concatenate(([0], np.cumsum(of.low)))
    first, last = np.maximum(of.place - 2, 0), np.minimum(of.place + 4, len(of.low))
    return np.asarray(count[last] > count[first])


def evidence(
    legs: Mapping[int, tuple[Times, Pressures, int]], face: Floats, limits: Limits
) -> dict[int, Told]:
    """What the legs of one support say about releases that no sample shows.

    Parameters
    ----------
    legs : times [µs] in order, pressures [MPa] and usual step [µs] of each leg
    face : usual setting pressure of each leg of the face, MPa
    """
    read = {
        leg: steps_of(ts, p, usual, limits) for leg, (ts, p, usual) in legs.items() if len(ts) > 2 * SAMPLES
    }
    scores: dict[int, Floats] = {}
    for leg, of in read.items():
        level, slope = np.asarray(of.p[of.set_at], np.float64), of.forward.slope[of.set_at]
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


def _around(of: Steps, released: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Steps within five samples of a release."""
    near = np.zeros(len(of.p) + 12, bool)
    for places in (released, of.onsets, of.set_at):
        for j in range(-5, 6):
            near[places + j + 5] = True
    return np.asarray(near[of.place + 5])


def _holes(of: Steps) -> Times:
    """Stretches of three steps and more in which nothing can be told: gaps, and values that do not change."""
    unknown = ~of.steady & ~of.low[:-1] & ~of.low[1:]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], unknown.astype(np.int8), [0]))))
    holes = (
        np.stack((of.ts[edges[::2]], of.ts[edges[1::2]]), axis=1)
        if len(edges)
        else np.empty((0, 2), np.int64)
    )
    return np.asarray(holes[holes[:, 1] - holes[:, 0] > 3 * of.usual])


def _moments(of: Steps, score: Floats) -> Times:
    """Middle of the steps in which a leg is released, by what it shows alone."""
    k = of.place[_peaks(of, score, math.log(PRIOR_STEPS))]
    onset = of.onsets
    return np.sort(np.concatenate(((of.ts[k] + of.ts[k + 1]) // 2, (of.ts[onset - 1] + of.ts[onset]) // 2)))


def _together(of: Steps, score: Floats, twin: Steps, twins: Floats) -> float:
    """Share of the releases of a leg that its twin shows in the same step, too; 0 where they are not coupled."""
    k = of.onsets
    moments = _moments(twin, twins)
    if len(k) < SEEN:
        mine = _moments(of, score)
        reach = 3 * max(of.usual, twin.usual) // 2
        first, last = mine - reach, mine + reach
    else:
        reach = max(of.usual, twin.usual)
        first, last = of.ts[k - 1] - reach, of.ts[k] + reach
    holes = _holes(twin).ravel()
    inside = (
        (first > twin.ts[0]) & (last < twin.ts[-1]) & (np.searchsorted(holes, (first + last) // 2) % 2 == 0)
    )
    if np.count_nonzero(inside) < SEEN:
        return 0.0
    hit = np.searchsorted(moments, last, "right") > np.searchsorted(moments, first, "left")
    # the twin does not show every release
    return TOGETHER if hit[inside].mean() >= COUPLED_SHARE else 0.0


def _message(of: Steps, twin: Steps, twins: Floats, share: float) -> Floats:
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
