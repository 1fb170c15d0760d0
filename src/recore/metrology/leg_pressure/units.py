"""Pressures in bar under a name that says MPa."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.clock import _runs
from recore.metrology.leg_pressure.glance import IMPLAUSIBLE_MPA
from recore.metrology.leg_pressure.rows import Pressures, Times

BAR_PER_MPA = 10.0
# pressures that a set leg can have: from a lazy setting to the overload test of 1.5 times a yield of 47 MPa
SET_MPA = 10.0, 70.0
# one sample in MPa and the next in bar: about ten times as much, give or take what a second or a minute changes
SWITCH = 7.0, 14.0
# shorter than this, low values between high ones are a release
ERA_US = 180 * 10**6
# a single reading whose tenth is this far from both neighbours is in no unit
STRAY_SHARE = 0.3


def in_mpa(ts: Times, p: Pressures) -> tuple[Pressures, NDArray[np.bool_], NDArray[np.bool_]]:
    """Pressures of one leg with those in bar converted, where that is certain.

    No leg holds 100 MPa, so a reading above that is in another unit. It is bar where a tenth of it is a
    pressure that set legs have. Lower readings beside it are in bar too, up to where the pressure changes
    tenfold from one sample to the next.

    Parameters
    ----------
    ts, p : rising times, µs, and pressures as they were written [n]

    Returns
    -------
    pressures, MPa [n]; which were converted; which cannot be used
    """
    over = p > IMPLAUSIBLE_MPA
    useless = p > BAR_PER_MPA * SET_MPA[1]
    for begin, end in _runs(over):
        beside = [p[k] for k in (begin - 1, end) if 0 <= k < len(p)]
        if end - begin == 1 and all(value <= IMPLAUSIBLE_MPA for value in beside):
            tenth = p[begin] / BAR_PER_MPA
            useless[begin] |= all(
                abs(tenth - value) > STRAY_SHARE * tenth
                and abs(tenth - value / BAR_PER_MPA) > STRAY_SHARE * tenth
                for value in beside
            )
    bar = np.zeros(len(p), bool)
    if 2 * np.count_nonzero(useless) > np.count_nonzero(over):  # another unit, in all or most of the record
        lost = useless | over
        return p, bar, np.ones(len(p), bool) if 2 * np.count_nonzero(lost) > len(p) else lost
    over &= ~useless
    if not over.any() or not SET_MPA[0] <= np.quantile(p[over], 0.5) / BAR_PER_MPA <= SET_MPA[1]:
        return p, bar, useless | over
    known = np.flatnonzero(~useless)
    bar[known] = _eras(ts[known], p[known], over[known])
    return np.where(bar, p / BAR_PER_MPA, p), bar, useless


def _eras(ts: Times, p: Pressures, over: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which samples are in bar, where some certainly are."""
    ratio = np.maximum(p[1:], 0.05) / np.maximum(p[:-1], 0.05)
    up = (ratio >= SWITCH[0]) & (ratio <= SWITCH[1])
    down = (ratio >= 1 / SWITCH[1]) & (ratio <= 1 / SWITCH[0])
    bar = np.ones(len(p), bool)
    for begin, end in _runs(~over):  # samples begin … end - 1 may be in either
        falls = begin - 1 + np.flatnonzero(down[begin - 1 : end - 1]) if begin else np.empty(0, int)
        rises = (
            max(begin, 1) - 1 + np.flatnonzero(up[max(begin, 1) - 1 : end])
            if end < len(p)
            else np.empty(0, int)
        )
        first = int(falls[0]) + 1 if len(falls) else begin
        last = int(rises[-1]) + 1 if len(rises) else end
        if (begin and not len(falls)) or (end < len(p) and not len(rises)) or last - first < 1:
            continue
        level = np.quantile(p[first:last], 0.9)
        lasts = ts[last - 1] - ts[first]
        if lasts >= ERA_US and SET_MPA[0] <= level <= SET_MPA[1]:
            bar[first:last] = False
    return bar
