"""Which of the steps that may hold a release do: the most probable succession of releases.

A leg is released once in a shear. So how long its cycles last is known about, from those that were seen, and
neighbouring supports advance one after the other. The sum of the logarithms of what each step shows (`unseen`), of how
probable the length of each cycle is and of where the neighbours stand is made as large as possible between
the releases that were seen (a semi-Markov chain, solved exactly by dynamic programming).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.departures import Floats
from recore.metrology.leg_pressure.rows import Leg, Times
from recore.metrology.leg_pressure.unseen import PRIOR_STEPS, Told

# so often the lengths of cycles, and what neighbours say, are learned anew
ROUNDS = 3
# releases are at least so many steps apart
APART = 3
# lengths of cycles scatter log-normally, at least so much; so many cycles are of any length (stoppages, legs set twice) …
LEAST_SCATTER, MOST_SCATTER = 0.25, 0.8
ANY_LENGTH, SHORT = 0.05, 0.005
# … between two of so many natural logarithms
ANY_RANGE = 10.0
# the support's own median counts as much as this many cycles of the face
FACE_CYCLES = 5
# time to the nearest release of a neighbour, classes in steps; so much is it trusted, and at most
LAGS = np.array([1.5, 3.5, 7.5, 15.5, 31.5, 63.5])
TRUST, MOST = 0.7, 2.5


class Lengths(NamedTuple):
    """Median of the logarithm of cycle lengths [µs], and its scatter."""

    middle: float
    scatter: float


def decide(told: Mapping[Leg, Told]) -> dict[Leg, NDArray[np.int64]]:
    """Indices of the samples before each release that no sample shows, for all legs of a face."""
    if not told:
        return {}
    sure = math.log(PRIOR_STEPS)
    chosen = {leg: of.score > sure for leg, of in told.items()}
    for leg, of in told.items():
        chosen[leg] &= _apart(of, chosen[leg])
    for _ in range(ROUNDS):
        lengths = _lengths(told, chosen)
        wave = _wave(told, chosen)
        chosen = {leg: _best(of, of.score + wave[leg], lengths[leg[0]]) for leg, of in told.items()}
    return {leg: of.place[chosen[leg]] for leg, of in told.items()}


def _apart(of: Told, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leaves the best of steps that follow one another."""
    kept = np.zeros(len(of.place), bool)
    last = -1
    for k in np.flatnonzero(chosen).tolist():
        if last >= 0 and of.place[k] - of.place[last] < APART:
            if of.score[k] <= of.score[last]:
                continue
            kept[last] = False
        kept[k] = True
        last = k
    return kept


def _releases(of: Told, chosen: NDArray[np.bool_]) -> Times:
    return np.sort(np.concatenate((of.seen, (of.begin[chosen] + of.end[chosen]) // 2)))


def _across(of: Told, begin: Times, end: Times) -> NDArray[np.bool_]:
    """Whether something unknown lies between."""
    if not len(of.holes):
        return np.zeros(len(begin), bool)
    return np.asarray(
        np.searchsorted(of.holes[:, 1], begin, "right") < np.searchsorted(of.holes[:, 0], end, "left")
    )


def _lengths(told: Mapping[Leg, Told], chosen: Mapping[Leg, NDArray[np.bool_]]) -> dict[int, Lengths]:
    own: dict[int, list[Floats]] = {}
    for leg, of in told.items():
        moments = _releases(of, chosen[leg])
        length = np.diff(moments)
        good = ~_across(of, moments[:-1], moments[1:]) & (length > APART * of.step)
        own.setdefault(leg[0], []).append(np.log(length[good]))
    each = {support: np.concatenate(found) for support, found in own.items()}
    known = np.concatenate(list(each.values())) if each else np.empty(0)
    steps = float(np.median([of.step for of in told.values()]))
    face = float(np.median(known)) if len(known) else math.log(PRIOR_STEPS * steps)
    found = {}
    middles = {
        s: (len(x) * float(np.median(x)) + FACE_CYCLES * face) / (len(x) + FACE_CYCLES) if len(x) else face
        for s, x in each.items()
    }
    apart = np.concatenate([x - middles[s] for s, x in each.items()]) if each else np.empty(0)
    scatter = 1.4826 * float(np.median(np.abs(apart))) if len(apart) else MOST_SCATTER
    scatter = min(max(scatter, LEAST_SCATTER), MOST_SCATTER)
    for s in each:
        found[s] = Lengths(middles[s], scatter)
    return found


def _log_density(length: Floats, of: Lengths, step: int) -> Floats:
    """Logarithm of the density of a cycle's length, per step."""
    x = np.log(np.maximum(length, 1.0))
    usual = np.exp(-0.5 * ((x - of.middle) / of.scatter) ** 2) / (of.scatter * math.sqrt(2 * math.pi))
    rare = np.where(x > of.middle, ANY_LENGTH, SHORT) / ANY_RANGE
    density = ((1 - ANY_LENGTH) * usual + rare) / np.maximum(length / step, 1.0)
    return np.asarray(np.log(density))


def _best(of: Told, score: Floats, lengths: Lengths) -> NDArray[np.bool_]:
    """The most probable releases of a leg."""
    chosen = np.zeros(len(score), bool)
    middle = (of.begin + of.end) // 2
    marks = np.concatenate((of.seen, of.span, of.holes.ravel()))
    is_seen = np.arange(len(marks)) < len(of.seen)
    order = np.argsort(marks, kind="stable")
    marks, is_seen = marks[order], is_seen[order]
    cut = np.searchsorted(middle, marks)
    mean = math.exp(lengths.middle) * math.exp(lengths.scatter**2 / 2)
    for j in np.flatnonzero(np.diff(cut)).tolist():
        a, b = int(cut[j]), int(cut[j + 1])
        found = _chain(
            np.concatenate((marks[j : j + 1], middle[a:b], marks[j + 1 : j + 2])),
            score[a:b],
            (bool(is_seen[j]), bool(is_seen[j + 1])),
            lengths,
            of.step,
            mean,
        )
        chosen[a + np.array(found, np.int64)] = True
    return chosen


def _chain(
    at: Times, score: Floats, known: tuple[bool, bool], lengths: Lengths, step: int, mean: float
) -> list[int]:
    """Numbers of the chosen nodes between two marks."""
    m = len(score)
    gap = (at[None, :] - at[:, None]).astype(np.float64)
    weight = _log_density(gap, lengths, step)
    if not known[0]:
        weight[0] = -gap[0] / mean - math.log(mean / step)
    if not known[1]:
        weight[:, -1] = -gap[:, -1] / mean
    if not any(known):
        weight[0, -1] = -gap[0, -1] / mean
    near = gap < (APART - 0.5) * step
    near[0] &= known[0]
    near[:, -1] &= known[1]
    near[0, -1] = False
    weight[near] = -np.inf
    best = np.full(m + 2, -np.inf)
    best[0] = 0.0
    back = np.zeros(m + 2, np.int64)
    for j in range(1, m + 2):
        through = best[:j] + weight[:j, j]
        back[j] = int(np.argmax(through))
        best[j] = through[back[j]] + (score[j - 1] if j <= m else 0.0)
    found = []
    j = int(back[m + 1])
    while j > 0:
        found.append(j - 1)
        j = int(back[j])
    return found[::-1]


def _wave(told: Mapping[Leg, Told], chosen: Mapping[Leg, NDArray[np.bool_]]) -> dict[Leg, Floats]:
    """What the releases of the neighbouring supports say about each step.

    Learned from the face itself: how much more often a release that was seen has a release of a neighbour at this distance
    in time than any moment has.
    """
    moments: dict[int, list[Times]] = {}
    for leg, of in told.items():
        moments.setdefault(leg[0], []).append(_releases(of, chosen[leg]))
    support = {s: np.sort(np.concatenate(found)) for s, found in moments.items()}
    released, any_ = np.ones(len(LAGS) + 1), np.ones(len(LAGS) + 1)

    def lag(of: Told, at: Times, neighbour: int) -> NDArray[np.int64]:
        near = support[neighbour]
        k = np.searchsorted(near, at)
        distance = np.minimum(
            np.abs(at - near[np.maximum(k - 1, 0)]), np.abs(at - near[np.minimum(k, len(near) - 1)])
        )
        return np.asarray(np.searchsorted(LAGS, distance / of.step))

    sides = {leg: [s for s in (leg[0] - 1, leg[0] + 1) if len(support.get(s, ()))] for leg in told}
    for leg, of in told.items():
        for side in sides[leg]:
            released += np.bincount(lag(of, of.seen, side), minlength=len(released))
            grid = np.arange(of.span[0], of.span[1], 7 * of.step)
            any_ += np.bincount(lag(of, grid, side), minlength=len(any_))
    # as many of each class as by chance, before anything is known
    prior = any_ / any_.sum()
    ratio = np.log((released + 20 * prior) / (released.sum() + 20) / prior)
    found = {}
    for leg, of in told.items():
        middle = (of.begin + of.end) // 2
        says = [ratio[lag(of, middle, side)] for side in sides[leg]]
        found[leg] = np.clip(TRUST * np.sum(says, axis=0), -MOST, MOST) if says else np.zeros(len(middle))
    return found
