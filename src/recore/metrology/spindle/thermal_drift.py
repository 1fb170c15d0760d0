"""Ranges, rates and steps of a drifting reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def noise_of(values: Floats) -> float:
    """Standard deviation of the noise of single readings, from second differences: a drift does not enter them.

    The median of |second difference| is 0.6745 √6 σ for white noise; it leaves steps and spikes out.
    """
    if len(values) < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(values, 2)))) / 0.6745 / float(np.sqrt(6))


class Ranges:
    """Range of any stretch of a series in constant time, after one pass (sparse table of running extremes)."""

    def __init__(self, values: Floats) -> None:
        self._high, self._low = [values], [values]
        width = 1
        while 2 * width <= len(values):
            high, low = self._high[-1], self._low[-1]
            self._high.append(np.maximum(high[:-width], high[width:]))
            self._low.append(np.minimum(low[:-width], low[width:]))
            width *= 2

    def of(self, first: Indices, end: Indices) -> Floats:
        """Largest less smallest value of values[first:end], for many stretches at once."""
        length = end - first
        level = np.frexp(length.astype(float))[1] - 1
        found = np.empty(len(first))
        for k in np.unique(level):
            at = level == k
            a, b = first[at], end[at] - (1 << int(k))
            high = np.maximum(self._high[k][a], self._high[k][b])
            found[at] = high - np.minimum(self._low[k][a], self._low[k][b])
        return found


@dataclass(frozen=True)
class Windows:
    """Range of every window of one length that lies wholly inside the record.

    Parameters
    ----------
    start : (w,) first moment of each window [min]
    first, end : (w,) its readings are values[first:end]
    range : (w,) largest less smallest reading
    """

    start: Floats
    first: Indices
    end: Indices
    range: Floats


def windows(minutes: Floats, values: Floats, length_min: float) -> Windows | None:
    """Windows that begin at every reading; None where the record is shorter than one."""
    if len(minutes) < 2 or minutes[-1] - minutes[0] < length_min * (1 - 1e-9):
        return None
    first = np.flatnonzero(minutes + length_min <= minutes[-1] + 1e-9 * length_min)
    end = np.searchsorted(minutes, minutes[first] + length_min * (1 + 1e-9), side="right")
    return Windows(minutes[first], first, end, Ranges(values).of(first, end))


def steepest(minutes: Floats, values: Floats, length_min: float) -> tuple[float, float] | None:
    """Largest slope of a straight line through any window [per min], by least squares, and what one unit of noise of a
    reading makes of it; None where no window holds three readings."""
    found = windows(minutes, values, length_min)
    if found is None:
        return None
    t, v = minutes - minutes.mean(), values - values.mean()
    sums = [np.concatenate(([0.0], np.cumsum(s))) for s in (np.ones_like(t), t, v, t * t, t * v)]
    n, st, sv, stt, stv = (s[found.end] - s[found.first] for s in sums)
    across = stt - st * st / n
    good = (n >= 3) & (across > 0)
    if not good.any():
        return None
    slope = np.where(good, (stv - st * sv / n) / np.where(good, across, 1.0), 0.0)
    at = int(np.abs(slope).argmax())
    return float(slope[at]), float(1 / np.sqrt(across[at]))


def settled_after(found: Windows, limit: float) -> float | None:
    """First moment from which no window ranges over more than the limit [min from the start of the record]."""
    over = np.flatnonzero(found.range > limit)
    if not len(over):
        return 0.0
    last = int(over[-1])
    return None if last + 1 == len(found.range) else float(found.start[last + 1] - found.start[0])


def step_at(
    before: tuple[Floats, Floats], after: tuple[Floats, Floats], moment: float
) -> tuple[float, float] | None:
    """Jump at a moment between straight lines through the readings before and after, with its standard uncertainty.

    None where either side has fewer than four readings.
    """
    ends, variance = [], 0.0
    for minutes, values in (before, after):
        n = len(minutes)
        if n < 4:
            return None
        t = minutes - minutes.mean()
        across = float(t @ t)
        slope = float(t @ values) / across
        left = values - values.mean() - slope * t
        at = moment - float(minutes.mean())
        ends.append(float(values.mean()) + slope * at)
        variance += float(left @ left) / (n - 2) * (1 / n + at**2 / across)
    return ends[1] - ends[0], float(np.sqrt(variance))
