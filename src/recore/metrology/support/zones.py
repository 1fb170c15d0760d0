"""Breaks of the roof as zones of neighbouring supports and successive shears in a map of loads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# a zone's mean above its quiet shears, in the spread of the quiet shears of its own supports: of a single shear, and
# times the root of its shears. Their spread holds what the whole zone has in common, which no number of supports averages
SINGLE, TOGETHER, LEAST = 7.0, 7.0, 3.0
# mean of a zone times the root of its places, in spreads of one place
STRONG = 10.0
LEAST_HEIGHT, LEAST_WIDTH = 0.4, 0.5  # of the usual break of the face
LIKE = 0.6  # of the usual height that a zone must have which does not stand out on its own
# evidence for "loaded" is 1/VARIES² (share of the height − 1/2), never more than what is told here for one place
_VARIES = 0.25
_MOST_SUPPORT, _SWITCH_SUPPORT = 6.0, 6.2  # two faulty supports do not part a zone, three quiet ones do
_EDGE = 0.55  # of the height at the side of a zone: yielding legs do not show all of the load within it
_MOST_SHEAR, _SWITCH_SHEAR = 6.0, 2.5  # one quiet shear parts a zone
_SCALES = ((1, 5), (1, 9), (2, 5), (4, 5), (4, 9))  # shears × supports over which the map is looked at
_PEAK = 3.5  # spreads of a smoothed map from which a place is looked at
_TOP, _GAP = (
    92.0,
    0.7,
)  # this percentile of the quiet shears of a zone's supports lies below this share of its height
_ALONE = 5  # least supports of a break of a single shear
_TAKEN = -1e6  # load of a place that belongs to another zone: no zone runs over it
_APART = 4.0  # distance of two heaps in the scatter within them
_BESIDE = 4  # shears before and after a zone in which it is judged whether it is two
_MOST = 400  # places looked at


@dataclass(frozen=True)
class Zone:
    """Shears and supports, places in the map, both ends inclusive; `height` above the quiet, in its spreads."""

    first: int
    last: int
    left: int
    right: int
    height: float


def find_zones(load: Floats) -> tuple[Zone, ...]:
    """Zones of a map of loads (shear × support, NaN: not told), in order of time.

    Notes
    -----
    The map is looked at in windows of 1 to 4 shears and 5 to 9 supports; quiet level and spread are those of the lower
    of two heaps of values where there are two. From the place that stands out most on, a zone takes in the shears, and
    then the supports, whose median over the zone's other side is nearer to its height than to the quiet (the likelier
    course of two states, with a price for every change), until nothing changes. A zone counts that is strong for its
    size and stands out from the quiet shears of its own supports; one over the supports of a zone that was found, and
    nearly as high, need stand out less.
    """
    if np.isfinite(load).sum() < 20:
        return ()
    load = load - _quiet_level(load)
    load = load - _calm(load[np.isfinite(load)])[0]
    grain = _calm(load[np.isfinite(load)])[1]
    free = np.isfinite(load)
    least = min(3, max(1, load.shape[1] // 2))
    found: list[Zone] = []
    quiet = np.ones(load.shape, bool)
    looked, fits, known = _score(load), 0.0, 0
    looked[~(looked > _PEAK)] = -np.inf
    for _ in range(2):
        for _ in range(_MOST):
            k, x = divmod(int(np.argmax(looked)), load.shape[1])
            if looked[k, x] == -np.inf:
                break
            looked[k, max(0, x - 2) : x + 3] = -np.inf
            grown = _grown(load, free, k, x, grain)
            if grown is None:
                continue
            looked[
                grown.first : grown.last + 1, max(grown.left, x - 6) : min(grown.right, x + 6) + 1
            ] = -np.inf
            if grown.height < fits or not _counts(load, quiet, grown, grain, least, found[:known]):
                continue
            for zone in _parted(
                np.where(free, load, np.where(np.isfinite(load), _TAKEN, np.nan)), grown, grain, least
            ):
                if zone.height >= fits and _counts(load, quiet, zone, grain, least, found[:known]):
                    found.append(zone)
                    box = _box(zone, 1, 2)
                    quiet[box], looked[box] = False, -np.inf
                    free[_box(zone, 1, 0)] = False
        if len(found) < 2 or fits > 0:
            break
        # where the face has shown how high its breaks are, what is as high is looked at once more
        known = len(found)
        fits = LIKE * float(np.median([zone.height for zone in found]))
        mean = _mean(np.where(free, load, np.nan), 1, 5)
        looked = np.where(mean > fits, mean, -np.inf)
    return tuple(sorted(_alike(_distinct(load, found)), key=lambda z: (z.first, z.left)))


def _box(zone: Zone, shears: int, supports: int) -> tuple[slice, slice]:
    """Places of a zone and beside it."""
    return (
        slice(max(0, zone.first - shears), zone.last + shears + 1),
        slice(max(0, zone.left - supports), zone.right + supports + 1),
    )


def _calm(values: Floats) -> tuple[float, float]:
    """Level and spread of the quiet part: of the lower of two heaps where there are two, else from its lower side."""
    values = np.sort(values)
    values = values[: _lower(values)]
    low, middle = (float(v) for v in np.percentile(values, [10, 30]))
    spread = max(middle - low, 1e-6)
    for _ in range(3):
        calm = values[: np.searchsorted(values, middle + 3 * spread)]
        middle = float(np.median(calm))
        spread = max(middle - float(np.percentile(calm, 16)), 1e-6)
    return middle, spread


def _quiet_level(load: Floats) -> Floats:
    """Level of the quiet shears of every support and its neighbours: that of a leg alone may lie too high by a break."""
    mean = _mean(load, 1, 5)
    return np.array([_calm(c[np.isfinite(c)])[0] if np.isfinite(c).sum() >= 8 else 0.0 for c in mean.T])


def _lower(ranked: Floats) -> int:
    """How many of ranked values are the lower of two heaps; all where there is one.

    The division with the least scatter within both parts (Otsu). Two heaps lie `_APART` times that scatter apart: a normal
    heap divided in two comes to 2.7, an exponential one to 3.3.
    """
    count = len(ranked)
    if count < 8:
        return count
    n = np.arange(2, count - 1)
    one, two = np.cumsum(ranked), np.cumsum(ranked**2)
    below, above = one[n - 1] / n, (one[-1] - one[n - 1]) / (count - n)
    within = (two[-1] - n * below**2 - (count - n) * above**2) / count
    at = int(np.argmin(within))
    apart = above[at] - below[at]
    return int(n[at]) if apart > _APART * np.sqrt(max(within[at], 1e-12)) and n[at] >= count / 4 else count


def _score(load: Floats) -> Floats:
    """How far the means around every place stand out, in the spread of such means; the most over all scales."""
    best = np.full(load.shape, -np.inf)
    for shears, supports in _SCALES:
        if supports > load.shape[1] + 2 or shears > load.shape[0]:
            continue
        mean = _mean(load, shears, supports)
        told = np.isfinite(mean)
        if told.sum() < 20:
            continue
        middle, spread = _calm(mean[told])
        best = np.fmax(best, np.where(told, (mean - middle) / spread, -np.inf))
    return best


def _mean(load: Floats, shears: int, supports: int) -> Floats:
    """Means over a window around every place; NaN where less than a third of it is told."""
    told = np.isfinite(load)
    value, count = np.where(told, load, 0.0), told.astype(float)
    for axis, width in ((0, shears), (1, supports)):
        value, count = _sums(value, width, axis), _sums(count, width, axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= max(1.0, shears * supports / 3), value / count, np.nan)


def _sums(values: Floats, width: int, axis: int) -> Floats:
    size = values.shape[axis]
    total = np.concatenate([np.zeros_like(np.take(values, [0], axis)), np.cumsum(values, axis)], axis)
    at = np.arange(size)
    begin, end = np.clip(at - (width - 1) // 2, 0, size), np.clip(at + width // 2 + 1, 0, size)
    return np.asarray(np.take(total, end, axis) - np.take(total, begin, axis))


def _grown(load: Floats, free: Flags, k: int, x: int, grain: float) -> Zone | None:
    """The zone around a peak."""
    load = np.where(free, load, np.where(np.isfinite(load), _TAKEN, np.nan))
    left, right = max(0, x - 2), min(load.shape[1] - 1, x + 2)
    seen = set()
    zone = None
    for _ in range(12):
        along = _middles(load[:, left : right + 1], 1)
        near = along[max(0, k - 1) : k + 2]
        if not np.isfinite(near).any():
            return None
        k = max(0, k - 1) + int(np.nanargmax(near))
        run = _shears_of(along, k)
        if run is None:
            return None
        first, last, height = run
        across = _middles(load[first : last + 1], 0)
        x = left + int(np.nanargmax(across[left : right + 1]))
        left, right = _supports_of(across / height, x, grain / height, last - first + 1)
        zone = Zone(first, last, left, right, height)
        if zone in seen:
            break
        seen.add(zone)
    return zone


def _shears_of(along: Floats, k: int) -> tuple[int, int, float] | None:
    """First and last shear of the break around a shear, and its height: the median of what is above half of its peak."""
    height = float(along[k])
    first = last = k
    for _ in range(6):
        if not height > 0:
            return None
        before = first, last
        first, last = _run(along / height, k, _MOST_SHEAR, _SWITCH_SHEAR)
        inside = along[first : last + 1]
        inside = inside[np.isfinite(inside)]
        height = float(np.median(inside[inside >= 0.5 * inside.max()]))
        if (first, last) == before:
            break
    return first, last, height


def _supports_of(across: Floats, x: int, grain: float, shears: int) -> tuple[int, int]:
    """The supports of a break around one; `grain` : scatter of one place, in the height of the break."""
    # of a median of few shears: 1.25 times the scatter of a mean
    varies = max(_VARIES, 1.25 * grain / float(np.sqrt(shears)))
    return _run(across, x, _MOST_SUPPORT, _SWITCH_SUPPORT, _EDGE, varies)


def _run(
    share: Floats, at: int, most: float, switch: float, edge: float = 0.5, varies: float = _VARIES
) -> tuple[int, int]:
    """The run around a place that is loaded: the likelier course of two states with a price for every change.

    `share` : of the height, at every place; NaN tells nothing.
    """
    evidence = np.clip(np.nan_to_num((share - edge) / varies**2), -most, most)
    ends = []
    for values in (evidence[at::-1], evidence[at:]):
        # loaded from the place on up to an end, then quiet, or not for good: the end at which the sum is highest
        # before it has fallen by twice the price of a change
        total = np.cumsum(values) - values[0]
        peak = np.maximum.accumulate(total)
        over = np.flatnonzero(peak - total > 2 * switch)
        stop = int(over[0]) if len(over) else len(total)
        ends.append(int(np.argmax(total[:stop])))
    return at - ends[0], at + ends[1]


def _counts(load: Floats, quiet: Flags, zone: Zone, grain: float, least: int, known: list[Zone]) -> bool:
    """Whether a zone is wide, and beyond what its supports show in their quiet shears."""
    shears, supports = zone.last - zone.first + 1, zone.right - zone.left + 1
    if supports < (least if shears > 1 else max(least, min(_ALONE, load.shape[1]))):
        return False
    if zone.height * float(np.sqrt(shears * supports)) / grain < STRONG:
        return False
    along = _rest(load, quiet, zone)
    if len(along) < 5:
        return False
    level, spread = _calm(along)
    beyond = (zone.height - level) / spread
    if any(_share(zone, other) >= 0.5 for other in known):
        return beyond >= LEAST
    return beyond >= (SINGLE if shears == 1 else max(LEAST, TOGETHER / float(np.sqrt(shears))))


def _share(one: Zone, other: Zone) -> float:
    """Supports that two zones share, of those that either has."""
    both = min(one.right, other.right) - max(one.left, other.left) + 1
    return max(both, 0) / (max(one.right, other.right) - min(one.left, other.left) + 1)


def _rest(load: Floats, quiet: Flags, zone: Zone) -> Floats:
    """Load of a zone's supports in the shears that are in no break."""
    part = np.where(quiet, load, np.nan)[:, zone.left : zone.right + 1]
    part[max(0, zone.first - 1) : zone.last + 2] = np.nan
    part[2 * np.isfinite(part).sum(axis=1) < part.shape[1]] = (
        np.nan
    )  # what is beside another break tells nothing
    along = _middles(part, 1)
    return along[np.isfinite(along)]


def _distinct(load: Floats, zones: list[Zone]) -> list[Zone]:
    """Zones that a gap parts from what their supports show otherwise: the highest of one continuous crowd are none."""
    quiet = np.ones(load.shape, bool)
    for zone in zones:
        quiet[_box(zone, 1, 2)] = False
    kept = []
    for zone in zones:
        along = _rest(load, quiet, zone)
        if len(along) >= 5:
            level, top = (float(v) for v in np.percentile(along, [50, _TOP]))
            if top - level <= _GAP * (zone.height - level):
                kept.append(zone)
    return kept


def _alike(zones: list[Zone]) -> list[Zone]:
    """Without what is far lower or narrower than the breaks of the face: a short supply, a local load."""
    if not zones:
        return zones
    usual = float(np.median(sorted((z.height for z in zones), reverse=True)[: max(1, (len(zones) + 1) // 2)]))
    width = float(np.median([z.right - z.left + 1 for z in zones]))
    return [
        z for z in zones if z.height >= LEAST_HEIGHT * usual and z.right - z.left + 1 >= LEAST_WIDTH * width
    ]


def _parted(load: Floats, zone: Zone, grain: float, least: int) -> list[Zone]:
    """Breaks side by side that were taken for one: two zones where they explain the map far better than one.

    Far better: by as much as a zone of its own must rise above chance. Their first or last shears must lie two apart.
    """
    begin = max(0, zone.first - _BESIDE)
    parts = _halves(load[begin : zone.last + _BESIDE + 1], _later(zone, -begin), grain, least)
    if parts is None:
        return [zone]
    return [part for side in parts for part in _parted(load, _later(side, begin), grain, least)]


def _later(zone: Zone, shears: int) -> Zone:
    return replace(zone, first=zone.first + shears, last=zone.last + shears)


def _halves(load: Floats, zone: Zone, grain: float, least: int) -> tuple[Zone, Zone] | None:
    """The two zones that explain a part of the map far better than one."""
    best, parts = STRONG**2, None
    whole = _misfit(load, zone, zone.left, zone.right)
    for cut in range(zone.left + least, zone.right - least + 2):
        sides = [
            _side(load, zone, left, right, grain) for left, right in ((zone.left, cut - 1), (cut, zone.right))
        ]
        one, other = sides
        if one is None or other is None:
            continue
        if max(abs(one.first - other.first), abs(one.last - other.last)) < 2:
            continue
        misfit = _misfit(load, one, zone.left, cut - 1) + _misfit(load, other, cut, zone.right)
        gain = (whole - misfit) / grain**2
        if gain > best:
            best, parts = gain, (one, other)
    return parts


def _side(load: Floats, zone: Zone, left: int, right: int, grain: float) -> Zone | None:
    """What some supports of a zone say of its shears, and which of them belong to it."""
    along = _middles(load[:, left : right + 1], 1)
    told = along[zone.first : zone.last + 1]
    if not np.isfinite(told).any():
        return None
    run = _shears_of(along, zone.first + int(np.nanargmax(told)))
    if run is None:
        return None
    first, last, height = run
    across = _middles(load[first : last + 1, left : right + 1], 0)
    if not np.isfinite(across).any():
        return None
    low, high = _supports_of(across / height, int(np.nanargmax(across)), grain / height, last - first + 1)
    return Zone(first, last, left + low, left + high, height)


def _misfit(load: Floats, zone: Zone, left: int, right: int) -> float:
    """Sum of squares of what a zone leaves of the supports from `left` to `right`."""
    rest = load[:, left : right + 1].copy()
    rest[zone.first : zone.last + 1, max(zone.left - left, 0) : max(zone.right + 1 - left, 0)] -= zone.height
    rest = np.clip(rest, -zone.height, zone.height)
    return float(np.nansum(rest * rest))


def _middles(part: Floats, axis: int) -> Floats:
    """Medians of what is told: one idle day, one faulty leg does not move an edge."""
    ranked = np.sort(part, axis=axis)  # NaN last
    count = np.isfinite(part).sum(axis=axis)
    at = np.expand_dims(np.stack([np.maximum(count - 1, 0) // 2, count // 2]), axis + 1)
    at = np.minimum(at, part.shape[axis] - 1)
    low, high = (np.take_along_axis(ranked, here, axis).squeeze(axis) for here in at)
    return np.where(count > 0, (low + high) / 2, np.nan)
