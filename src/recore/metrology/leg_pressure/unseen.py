"""Releases that fall between two samples of a slow record.

A support is lowered, advanced and set again in 8 s to 20 s. A record with a sample every 10 s to 60 s often
holds no sample of that: the pressure goes from the final pressure of one cycle to the setting pressure of the
next in one step. What is left to see is where it goes to: the pump sets a leg to nearly the same pressure every
time, and the releases that were seen tell which. The roof, the yield valve and a leak change the pressure too,
but not by chance to that value in a single step, and not in both legs at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.state import HIGHEST, PER_MPA, YIELD_BAND, Limits
from recore.metrology.leg_pressure.rows import Pressures, Times

# a leg is let go, advanced and set in no less than this: only slower records can miss it (and a sample put in
# the middle of such a step is no excursion, see the kernel)
LEAST_STEP_US = 6_500_000
# between samples further apart than so many usual steps nothing is told
STEPS = 2.5
# what stands in the record for the lowest pressure that nobody saw, MPa
NOBODY_SAW_MPA = -HIGHEST / PER_MPA

# setting pressures are known from at least so many releases that were seen …
KNOWN = 5
# … they scatter by at least this share, and a leg's own setting lies within so many of these scatters
LEAST_SPREAD = 0.015
SPREADS = 3.5
# a leg changes by at least this much when it is let go and set again (MPa; and so many times the usual change
# from sample to sample), with its twin or with a sample on the way by less
CHANGE_MPA = 2.0
TWIN_CHANGE_MPA = 0.4
NOISES = 8.0
# a sample on the way lies below both neighbours by this much, MPa
DIP_MPA = 4.0
# a yield valve gives back so much of its opening pressure, at most, when it works; a leg that yielded and is then
# let go goes further down
BLOW_DOWN = 0.2


class Setting(NamedTuple):
    """Median and spread of the pressures to which a leg is set, MPa, and how many were seen."""

    level: float
    spread: float
    seen: int


@dataclass(frozen=True)
class Steps:
    """Every step of a leg's record from one set sample to another.

    `place`: index of the sample before; `before`, `after`: pressures of the legs at rest before and after it,
    MPa, where `dip` says that a sample between, on the way, is left out; `noise`: usual change of a step, MPa.
    """

    ts: Times
    place: NDArray[np.int64]
    before: Pressures
    after: Pressures
    dip: NDArray[np.bool_]
    lasting: NDArray[np.bool_]
    noise: float
    released: Times  # times of samples that were released


def settings(p: Pressures, limits: Limits) -> NDArray[np.float64]:
    """Pressures just after each release that a record shows, MPa."""
    low, high = p < limits.release_p / PER_MPA, p >= limits.set_p / PER_MPA
    state = np.where(low, -1, np.where(high, 1, 0))
    told = np.flatnonzero(state)
    starts = told[1:][(state[told[1:]] > 0) & (state[told[:-1]] < 0)]
    starts = starts[starts + 1 < len(p)]
    if not len(starts):
        return np.empty(0)
    return _at_rest(p[starts], p[starts + 1])


def _at_rest(first: Pressures, second: Pressures) -> NDArray[np.float64]:
    """The pressure a leg was set to, from the first two samples: the first may be on the way up."""
    return np.asarray(np.where(second - first > CHANGE_MPA, second, first), np.float64)


def setting_of(own: NDArray[np.float64], others: NDArray[np.float64]) -> Setting | None:
    """Where a leg is set, from its own releases, or from those of the face if it showed too few."""
    known = own if len(own) >= KNOWN else np.concatenate((own, others))
    if len(known) < KNOWN:
        return None
    level = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - level)))
    return Setting(level, max(spread, LEAST_SPREAD * level), len(known))


def steps(ts: Times, p: Pressures, usual_us: int, limits: Limits) -> Steps:
    """The steps of a record."""
    set_ = p >= limits.release_p / PER_MPA
    near = np.diff(ts) <= STEPS * usual_us
    k = np.flatnonzero(set_[:-1] & set_[1:] & near)
    change = np.abs(np.diff(p))[k]
    noise = 1.4826 * float(np.median(change)) if len(change) else 0.0
    n = len(p)
    first, second, third = p[k + 1], p[np.minimum(k + 2, n - 1)], p[np.minimum(k + 3, n - 1)]
    # on the way down or up
    dip = (np.minimum(p[k], second) - first > DIP_MPA) & (k + 2 < n)
    after = np.where(dip, second, first)
    later = np.where(dip, third, second)
    earlier = p[np.maximum(k - 1, 0)]
    change = after - p[k]
    lasting = (np.abs(later - p[k]) > 0.5 * np.abs(change)) & ((later > p[k]) == (change > 0))
    # the step before is no excursion that comes back here
    lasting &= np.abs(after - earlier) > 0.5 * np.abs(change)
    return Steps(ts, k, p[k], after, dip, lasting, noise, ts[~set_])


def unseen(legs: Mapping[int, tuple[Steps, Setting | None]], limits: Limits) -> dict[int, Times]:
    """Indices of the samples before each release that the legs of one support do not show.

    Parameters
    ----------
    legs : steps of each leg, and where it is set
    limits : thresholds
    """
    alone = {leg: _alone(of, setting, limits) for leg, (of, setting) in legs.items()}
    found = {}
    for leg, (of, setting) in legs.items():
        mask = alone[leg].copy()
        for other, (twin, _) in legs.items():
            if other != leg:
                moments = np.sort(np.concatenate((twin.released, twin.ts[twin.place[alone[other]] + 1])))
                mask |= _with_twin(of, setting, moments)
        found[leg] = _once(of, mask)
    return found


def _alone(of: Steps, setting: Setting | None, limits: Limits) -> NDArray[np.bool_]:
    """Steps that are a release by what this leg shows."""
    if setting is None:
        return np.zeros(len(of.place), bool)
    least = max(CHANGE_MPA, NOISES * of.noise)
    change = np.abs(of.after - of.before)
    at_setting = np.abs(of.after - setting.level) <= SPREADS * setting.spread
    told = at_setting & of.lasting & (change >= least)
    told |= at_setting & of.dip & (change >= least / 2)
    band = limits.band_p / PER_MPA / YIELD_BAND
    valve = (of.before > 0.85 * band) & (of.after > (1 - BLOW_DOWN) * of.before) & ~of.dip
    return told & ~valve


def _with_twin(of: Steps, setting: Setting | None, moments: Times) -> NDArray[np.bool_]:
    """Steps in which another leg of the support is released."""
    if setting is None or not len(moments):
        return np.zeros(len(of.place), bool)
    change = np.abs(of.after - of.before)
    told = (np.abs(of.after - setting.level) <= SPREADS * setting.spread) & (
        (of.lasting & (change >= max(TWIN_CHANGE_MPA, NOISES / 2 * of.noise))) | of.dip
    )
    first, last = of.ts[of.place], of.ts[of.place + 1]
    return told & (np.searchsorted(moments, last, "right") > np.searchsorted(moments, first, "left"))


def _once(of: Steps, mask: NDArray[np.bool_]) -> Times:
    """Of steps that follow one another, or a release that was seen, the largest, or none."""
    chosen = []
    index = of.place
    released = of.released
    for begin, end in _groups(index[mask]):
        members = np.flatnonzero(mask)[begin:end]
        best = int(members[np.argmax(np.abs(of.after - of.before)[members])])
        k = int(index[best])
        a, b = int(of.ts[max(k - 1, 0)]), int(of.ts[min(k + 3, len(of.ts) - 1)])
        if np.searchsorted(released, b, "right") == np.searchsorted(released, a, "left"):
            chosen.append(k)
    return np.array(chosen, np.int64)


def _groups(places: Times) -> list[tuple[int, int]]:
    cuts = np.flatnonzero(np.diff(places) > 2) + 1
    edges = [0, *cuts.tolist(), len(places)] if len(places) else [0]
    return list(zip(edges[:-1], edges[1:], strict=True))


def inserted(ts: Times, p: Pressures, after: Times) -> tuple[Times, Pressures]:
    """A record with a released sample in the middle of the step after each of these samples."""
    moments = ts[after] + (ts[after + 1] - ts[after]) // 2
    return np.insert(ts, after + 1, moments), np.insert(p, after + 1, NOBODY_SAW_MPA)
