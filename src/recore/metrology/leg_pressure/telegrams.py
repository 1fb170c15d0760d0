"""Logs that hold a value until the next telegram."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recore.metrology.leg_pressure.rows import Pressures, Times

# a held value is repeated this often, so that means over samples are means over time
GRID_US = 5 * 10**6
# and once more just before the next telegram, for a held value does not slope towards it (falls are judged over half a
# second)
BEFORE_US = 600_000
# heartbeats are alike to this share, and there are this many
ALIKE = 0.03
MIN_BEATS = 10
_CHUNK = 2**20


def heartbeat(ts: Times) -> int | None:
    """Longest usual silence of a log of telegrams, µs; None where it sends only changes.

    Loggers repeat an unchanged value after always the same time. So there is a length that most of the long
    steps have; only gaps are longer.
    """
    step = np.sort(np.diff(ts))
    for usual in step[np.searchsorted(step, np.quantile(step, 0.8)) :: max(len(step) // 1000, 1)]:
        first, last = np.searchsorted(step, (usual * (1 - ALIKE), usual * (1 + ALIKE)))
        if last - first >= MIN_BEATS and 2 * (last - first) > len(step) - first:
            return int(usual)
    return None


def held(ts: Times, p: Pressures, gap_us: int) -> Iterator[tuple[Times, Pressures]]:
    """Samples of a log of telegrams, in which every value holds until the next.

    A silence longer than the gap limit and three heartbeats is a gap: nobody knows what held.
    """
    beat = heartbeat(ts)
    longest = np.iinfo(np.int64).max if beat is None else max(gap_us, 3 * beat)
    step = np.append(np.diff(ts), 0)
    repeats = np.where((step > GRID_US) & (step <= longest), (step - BEFORE_US - 1) // GRID_US + 1, 0)
    begin = 0
    while begin < len(ts):
        fits = int(np.searchsorted(np.cumsum(1 + repeats[begin : begin + _CHUNK]), _CHUNK))
        end = min(begin + max(fits, 1), len(ts))
        count = 1 + repeats[begin:end]
        first = np.cumsum(count) - count
        k = np.arange(int(count.sum())) - np.repeat(first, count)
        moments = np.repeat(ts[begin:end], count) + k * GRID_US
        closing = first[count > 1] + count[count > 1] - 1
        moments[closing] = (ts[begin:end] + step[begin:end])[count > 1] - BEFORE_US
        yield moments, np.repeat(p[begin:end], count)
        begin = end
