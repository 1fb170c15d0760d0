"""Releases that fall between two samples of a slow record.

A support is lowered, advanced and set again in 8 s to 20 s. A record with a sample every 10 s to 60 s often
holds no sample of that: the pressure goes from the final pressure of one cycle to the setting pressure of the
next in one step. What is left to see is where it goes to: the pump sets a leg to nearly the same pressure every
time, and the releases that were seen tell which. The roof, the yield valve and a leak change the pressure too,
but not by chance to that value in a single step, and not in both legs at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.rows import Pressures, Times
from recore.metrology.leg_pressure.state import HIGHEST, PER_MPA, RUN_US, Limits

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
LEAST_SPREAD = 0.03
SPREADS = 3.5
# no roof and no leak changes a leg by this much in one step and for good, MPa; only a valve that yields does
LARGE_MPA = 4.0
# down to the setting pressure, where the leg then loads faster than before, a smaller change (MPa; and so many
# times the usual change from sample to sample) tells, and by so much faster within three steps
SMALL_MPA, FASTER_MPA = 0.8, 0.3
# or by this much with hardly any change
ANEW_MPA = 0.6
# and so does this much, without
MIDDLE_MPA = 1.5
# with another leg of the support released in the same step, or a sample on the way
TWIN_MPA = 0.4
NOISES = 6.0
# legs are let go together where so many of the releases that were seen were (those less than this apart are one)
COUPLED_SHARE = 0.8
APART_US = 120 * 10**6
# a run of more equal samples than this, for 5 min or more, is not looked into
STILL_SAMPLES = 6
# a sample on the way lies below both neighbours by this much, MPa
DIP_MPA = 4.0
# a valve yields at the top of what the leg ever shows, or of what it should; a drop from there to no further
# than so much below is its blow-down, also a slow valve's
TOP_SHARE = 0.97
LOWEST_VALVE = 0.87
BLOW_DOWN = 0.32
# a good one reseats within this share; it goes bad or good within days
GOOD_BLOW_DOWN = 0.15
VALVE_US = 12 * 3600 * 10**6


class Setting(NamedTuple):
    """Median and spread of the pressures to which a leg is set, MPa, and how many were seen."""

    level: float
    spread: float
    seen: int


@dataclass(frozen=True)
class Steps:
    """Every step of a leg's record from one set sample to another.

    `place`: index of the sample before; `before`, `after`: pressures before and after it, MPa, where samples on
    the way (`dip`: how many) are left out; `lasting`: it is no excursion that comes back; `faster`: how much more
    the pressure rises in the three steps after it than in those before, MPa; `loads`: it rises in each
    of these, and ever slower; `rested`: it hardly changed in those before;
    `beside`: largest change of the steps before and after; `noise`: usual change of a step; `top`: highest usual pressure of the leg.
    """

    ts: Times
    place: NDArray[np.int64]
    before: Pressures
    after: Pressures
    dip: NDArray[np.int64]
    lasting: NDArray[np.bool_]
    faster: Pressures
    beside: Pressures
    loads: NDArray[np.bool_]
    rested: NDArray[np.bool_]
    noise: float
    top: float
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
    return np.asarray(np.where(second - first > LARGE_MPA / 2, second, first), np.float64)


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
    n = len(p)
    longest = int(STEPS * usual_us)
    k = np.flatnonzero(set_[:-1] & set_[1:] & (np.diff(ts) <= longest) & ~_still(ts, p))
    k = k[ts[np.minimum(k + 4, n - 1)] - ts[np.maximum(k - 3, 0)] <= 2 * 7 * usual_us]  # none beside a gap
    noise = _noise(np.abs(np.diff(p))[k])
    dip = np.zeros(len(k), np.int64)
    for width in (2, 1):
        end = np.minimum(k + 1 + width, n - 1)
        lowest = np.minimum(p[k], p[end]) - DIP_MPA
        on_the_way = (k + 1 + width < n) & (ts[end] - ts[k] <= longest + width * usual_us)
        below = np.ones(len(k), bool)
        for j in range(1, width + 1):
            between = np.minimum(k + j, n - 1)
            below &= (p[between] < lowest) & set_[between]
        if width == 1:  # or on the way up, from a leg that had leaked
            first = np.minimum(k + 1, n - 1)
            rises = np.minimum(p[end] - p[k], p[end] - p[first]) >= LARGE_MPA
            below |= rises & (np.abs(p[first] - p[k]) >= max(SMALL_MPA, NOISES * noise)) & set_[first]
        dip[on_the_way & below] = width

    def at(place: NDArray[np.int64]) -> Pressures:
        return p[np.clip(place, 0, n - 1)]

    first = k + 1 + dip
    before, after, later, earlier = p[k], at(first), at(first + 1), at(k - 1)
    change = after - before
    lasting = (np.abs(later - before) > 0.5 * np.abs(change)) & ((later > before) == (change > 0))
    lasting &= (np.abs(after - earlier) > 0.5 * np.abs(change)) & ((after > earlier) == (change > 0))
    rise = [at(first + j + 1) - at(first + j) for j in range(3)]
    loads = (rise[0] > noise) & (rise[1] > 0) & (rise[2] > 0)
    loads &= (rise[0] + noise > rise[1]) & (rise[1] + noise > rise[2]) & (rise[0] < 3 * (rise[1] + rise[2]))
    # the leg is on its way, not at rest, where a dip was just before
    way = np.zeros(n + 3, bool)
    for j in (1, 2):
        way[k[dip >= j] + j] = True
    lasting &= ~way[k]
    dip[way[k]] = 0
    return Steps(
        ts=ts,
        place=k,
        before=before,
        after=after,
        dip=dip,
        lasting=lasting,
        faster=(at(first + 3) - after) - (before - at(k - 3)),
        loads=loads,
        rested=np.max([np.abs(before - at(k - j)) for j in (1, 2, 3)], axis=0)
        <= np.maximum(4 * noise, 0.25 * (at(first + 3) - after)),
        beside=np.maximum(np.abs(later - after), np.abs(before - earlier)),
        noise=noise,
        top=_top(p, limits),
        released=ts[~set_],
    )


def _top(p: Pressures, limits: Limits) -> float:
    """Highest usual pressure, where a valve may open; infinite where that is far below where it should."""
    top = float(np.quantile(p, 0.998)) if len(p) else 0.0
    return top if top >= LOWEST_VALVE * limits.band_p / PER_MPA else math.inf


def _still(ts: Times, p: Pressures) -> NDArray[np.bool_]:
    """Steps that lie in, or beside, a long run of exactly the same value: a transducer may be stuck."""
    edges = np.concatenate(([0], 1 + np.flatnonzero(np.diff(p)), [len(p)]))
    first, last = edges[:-1], edges[1:] - 1
    found = np.zeros(len(p) + 1, bool)
    for a, b in zip(first.tolist(), last.tolist(), strict=True):
        if b - a >= STILL_SAMPLES and ts[b] - ts[a] >= RUN_US:
            found[a : b + 2] = True  # number k + 1: step from k to k + 1
    return found[1:-1]


def _noise(change: Pressures) -> float:
    """Standard deviation of what samples change by, from the smaller three quarters, MPa."""
    if not len(change):
        return 0.0
    kept = np.sort(change)[: max(3 * len(change) // 4, 1)]
    return 1.94 * float(kept.mean())  # of normal errors


def unseen(legs: Mapping[int, tuple[Steps, Setting | None]]) -> dict[int, Times]:
    """Indices of the samples before each release that the legs of one support do not show.

    Parameters
    ----------
    legs : steps of each leg, and where it is set
    """
    alone = {leg: _alone(of, setting) for leg, (of, setting) in legs.items()}
    upward = {leg: _upward(of, setting) for leg, (of, setting) in legs.items()}
    found = {}
    for leg, (of, setting) in legs.items():
        mask = alone[leg].copy()
        # what both legs show may be the roof
        mask |= upward[leg] & ~_together(of, [legs[other][0] for other in legs if other != leg])
        for other, (twin, _) in legs.items():
            if other != leg:
                middle = twin.ts[twin.place] + np.diff(twin.ts)[twin.place] // 2
                moments = np.sort(np.concatenate((_onsets(twin), middle[alone[other]])))
                mask |= _with_twin(of, setting, moments, _coupled(of, moments))
        found[leg] = _once(of, mask)
    return found


def _alone(of: Steps, setting: Setting | None) -> NDArray[np.bool_]:
    """Steps that are a release by what this leg shows."""
    if setting is None:
        return np.zeros(len(of.place), bool)
    change = of.after - of.before
    size = np.abs(change)
    away = (of.after - setting.level) / setting.spread
    noise = NOISES * of.noise
    at_setting = (away <= SPREADS) & (away >= -1.5 * SPREADS)
    faster = of.faster >= max(FASTER_MPA, noise / 2)
    leaked = (of.before - setting.level) / setting.spread < -SPREADS
    told = (size >= max(LARGE_MPA, noise)) & (away <= SPREADS) & ((change < 0) | (leaked & at_setting))
    told |= (change <= -max(MIDDLE_MPA, noise)) & at_setting
    told |= (change <= -max(SMALL_MPA, noise)) & at_setting & faster
    told &= of.lasting | (of.loads & faster)
    # loading anew from about the pressure of before
    anew = of.loads & (of.faster >= max(ANEW_MPA, 1.5 * noise)) & (np.abs(away) <= SPREADS)
    told |= anew & (change <= -noise / 2)
    told |= (of.dip > 0) & (away <= 2 * SPREADS) & (size >= LARGE_MPA / 2)
    told |= (of.dip > 0) & at_setting & ((size >= max(SMALL_MPA / 2, noise / 2)) | (of.dip > 1) | faster)
    return told & ~_yields(of)


def _upward(of: Steps, setting: Setting | None) -> NDArray[np.bool_]:
    """Steps up after which a leg that was at rest loads anew."""
    if setting is None:
        return np.zeros(len(of.place), bool)
    change = of.after - of.before
    noise = NOISES * of.noise
    told = of.loads & (of.faster >= max(ANEW_MPA, 1.5 * noise)) & (change >= -noise / 2)
    told &= (change < LARGE_MPA) & (np.abs(of.after - setting.level) <= SPREADS * setting.spread)
    return np.asarray(told & of.rested & ~_yields(of))


def _together(of: Steps, twins: Sequence[Steps]) -> NDArray[np.bool_]:
    """Steps in which another leg changes, too."""
    found = np.zeros(len(of.place), bool)
    for twin in twins:
        rises = twin.ts[twin.place[twin.faster >= ANEW_MPA / 2] + 1]
        first, last = (of.ts[np.clip(of.place + j, 0, len(of.ts) - 1)] for j in (-1, 2))
        found |= np.searchsorted(rises, last, "right") > np.searchsorted(rises, first, "left")
    return found


def _yields(of: Steps) -> NDArray[np.bool_]:
    """Steps that may be a yield valve that opens and reseats.

    One that reseats far below does so every time. So a large drop is none where the same valve reseated well at
    about that time.
    """
    drop = of.before - of.after
    opens = (of.before >= TOP_SHARE * of.top) & (of.dip == 0)
    well = (
        opens
        & of.lasting
        & (drop >= max(SMALL_MPA, NOISES * of.noise))
        & (drop <= GOOD_BLOW_DOWN * of.before)
    )
    moments = of.ts[of.place]
    good = moments[well]
    lately = np.searchsorted(good, moments + VALVE_US, "right") > np.searchsorted(good, moments - VALVE_US)
    return np.asarray(opens & (drop <= np.where(lately, GOOD_BLOW_DOWN, BLOW_DOWN) * of.before), np.bool_)


def _onsets(of: Steps) -> Times:
    """When the releases that a leg shows begin; a record that begins released shows none."""
    new = of.released[np.diff(of.released, prepend=of.released[:1] - APART_US - 1) > APART_US]
    return new[new > of.ts[0]] if len(new) else new


def _coupled(of: Steps, moments: Times) -> bool:
    """Whether a leg is let go when its twin is: nearly all of its releases that were seen say so."""
    new = _onsets(of)
    if len(new) < KNOWN:
        return False
    k = np.searchsorted(of.ts, new)
    first, last = of.ts[np.maximum(k - 2, 0)], of.ts[np.minimum(k + 2, len(of.ts) - 1)]
    together = np.searchsorted(moments, last, "right") > np.searchsorted(moments, first, "left")
    return bool(np.count_nonzero(together) >= COUPLED_SHARE * len(new))


def _with_twin(of: Steps, setting: Setting | None, moments: Times, coupled: bool) -> NDArray[np.bool_]:
    """Steps in which another leg of the support is released."""
    if setting is None or not len(moments):
        return np.zeros(len(of.place), bool)
    change = of.after - of.before
    told = change <= -max(TWIN_MPA, NOISES / 2 * of.noise)
    told |= change >= np.maximum(2 * TWIN_MPA + NOISES / 2 * of.noise, 2.5 * of.beside)
    told &= of.lasting
    told |= of.dip > 0
    told &= of.after - setting.level <= SPREADS * setting.spread
    if coupled:
        told |= np.abs(of.after - setting.level) <= SPREADS * setting.spread
    first, last = of.ts[of.place], of.ts[of.place + 1]
    return told & (np.searchsorted(moments, last, "right") > np.searchsorted(moments, first, "left"))


def _once(of: Steps, mask: NDArray[np.bool_]) -> Times:
    """Of steps that follow one another the one with a sample on the way, or the largest drop; none beside a release
    that was seen."""
    chosen = []
    change = of.after - of.before
    weight = np.abs(change) + 1000.0 * (of.dip > 0) + 100.0 * (change < 0)
    all_ = np.flatnonzero(mask)
    for begin, end in _groups(of.place[all_]):
        best = int(all_[begin:end][np.argmax(weight[all_[begin:end]])])
        k = int(of.place[best])
        a, b = int(of.ts[max(k - 1, 0)]), int(of.ts[min(k + 2 + int(of.dip[best]), len(of.ts) - 1)])
        if np.searchsorted(of.released, b, "right") == np.searchsorted(of.released, a, "left"):
            chosen.append(k)
    return np.array(chosen, np.int64)


def _groups(places: Times) -> list[tuple[int, int]]:
    cuts = np.flatnonzero(np.diff(places) > 2) + 1
    edges = [0, *cuts.tolist(), len(places)] if len(places) else [0]
    return list(pairwise(edges))


def inserted(ts: Times, p: Pressures, after: Times) -> tuple[Times, Pressures]:
    """A record with a released sample in the middle of the step after each of these samples."""
    moments = ts[after] + (ts[after + 1] - ts[after]) // 2
    return np.insert(ts, after + 1, moments), np.insert(p, after + 1, NOBODY_SAW_MPA)
