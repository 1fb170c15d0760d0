"""Finding the stretch of cycles in which something is wrong, among thousands of legs that are well."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# mean absolute deviation to standard deviation of a normal distribution
_MAD = 1.4826
# one value counts for no more than this many standard deviations, so that a single odd cycle raises nothing
_CLIP = 2.0
# the steepest drift that a healthy leg is given credit for; more would only make short faults invisible
_DRIFT = 1.0


class Run(NamedTuple):
    """Half-open range of places in a series."""

    begin: int
    end: int


def scatter(series: list[Array], floor: float) -> tuple[Array, float]:
    """Standard deviation of each series about its moving location, and the usual correlation of neighbouring values.

    The first from differences of successive values, so that a fault that begins within a series does not
    widen it; no series is taken for quieter than half of what all are, nor than `floor`.
    """
    every = [np.diff(x[np.isfinite(x)]) for x in series]
    steps = np.concatenate(every) if every else np.empty(0)
    pooled = max(_sd(steps) / math.sqrt(2.0), floor)
    own = np.array([_sd(d) / math.sqrt(2.0) if len(d) >= 8 else pooled for d in every])
    lag = _correlation(series)
    return np.clip(own, max(0.5 * pooled, floor), np.inf), lag


def _sd(x: Array) -> float:
    return float(_MAD * np.median(np.abs(x))) if len(x) else 0.0


def _correlation(series: list[Array]) -> float:
    """Correlation of neighbouring values about the median of their series: the median of all series, 0 to 0.8.

    The median, because a series in which a fault begins or ends looks like one long wave.
    """
    found = []
    for x in series:
        x = x[np.isfinite(x)]
        if len(x) >= 8:
            x = x - np.median(x)
            limit = 3.0 * _sd(x)
            x = np.clip(x, -limit, limit)
            power = float(np.sum(x * x))
            found.append(float(np.sum(x[:-1] * x[1:])) / power if power > 0.0 else 0.0)
    return min(max(float(np.median(found)), 0.0), 0.8) if found else 0.0


def runs(
    x: Array,
    limit: float,
    sd: float,
    trials: int,
    false_alarms: float,
    least: int,
    steepest: float = _DRIFT,
) -> list[Run]:
    """Stretches of a series whose location lies beyond `limit`, where a healthy one lies about 0.

    The stretch is the one with the largest sum of (x - limit)/sd (a generalised CUSUM: the most likely
    beginning and end of a shift to twice the limit). A sum of independent steps with drift -m and unit
    variance ever exceeds h with probability exp(-2 m h) from one place on; h is chosen so that in all `trials` places
    together `false_alarms` such stretches are to be expected.

    Parameters
    ----------
    x : values in the order of time, NaN where not known
    limit : decision limit, > 0
    sd : standard deviation of one value (widened for correlation)
    trials : number of values of all series that are searched
    false_alarms : expected number of false stretches in all of them
    least : smallest number of known values in a stretch
    steepest : the steepest drift that a healthy series is given credit for
    """
    known = np.flatnonzero(np.isfinite(x))
    if len(known) < least:
        return []
    drift = min(limit / sd, steepest)
    score = np.clip((x[known] - limit) / sd, -_CLIP, _CLIP)
    high = math.log(max(trials, 1) / false_alarms) / (2.0 * drift)
    found: list[Run] = []
    todo = [(0, len(known))]
    while todo:
        a, b = todo.pop()
        best = _largest(score[a:b])
        if best is None:
            continue
        begin, end, total = a + best[0], a + best[1], best[2]
        inside = x[known[begin:end]]
        if total < high:
            continue
        if end - begin >= least and np.median(inside) >= limit:
            found.append(Run(int(known[begin]), int(known[end - 1]) + 1))
        todo += [(a, begin), (end, b)]
    return sorted(found)


def most(x: Array) -> Run:
    """The stretch of a series with the largest sum; from the first to the last value that is known and positive."""
    best = _largest(np.nan_to_num(x))
    if best is None:
        return Run(0, 0)
    inside = best[0] + np.flatnonzero(x[best[0] : best[1]] > 0.0)
    return Run(int(inside[0]), int(inside[-1]) + 1)


def _largest(score: Array) -> tuple[int, int, float] | None:
    """Contiguous stretch with the largest sum; None where nothing is positive."""
    if not len(score) or score.max() <= 0.0:
        return None
    total = np.concatenate([[0.0], np.cumsum(score)])
    lowest = np.minimum.accumulate(total)
    gain = total[1:] - lowest[:-1]
    end = int(np.argmax(gain)) + 1
    begin = int(np.flatnonzero(total[:end] == lowest[end - 1])[-1])
    return begin, end, float(gain[end - 1])


def location(x: Array, lag: float = 0.0) -> tuple[float, float]:
    """Median of the known values and its standard uncertainty, widened for the correlation of neighbours."""
    x = x[np.isfinite(x)]
    if not len(x):
        return math.nan, math.inf
    middle = float(np.median(x))
    if len(x) < 3:
        return middle, math.inf
    effective = max(len(x) * (1.0 - lag) / (1.0 + lag), 1.0)
    # variance of the median of normal values: pi/2 of that of their mean
    return middle, math.sqrt(math.pi / 2.0 / effective) * float(_MAD * np.median(np.abs(x - middle)))


def beyond(value: float, limit: float, standard_uncertainty: float) -> float:
    """Probability that the true value lies beyond a limit, given a measured one with normal uncertainty."""
    if standard_uncertainty <= 0.0:
        return 1.0 if value > limit else 0.5 if value == limit else 0.0
    return 0.5 * (1.0 + math.erf((value - limit) / (standard_uncertainty * math.sqrt(2.0))))
