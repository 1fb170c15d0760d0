"""Breaks of the roof as zones of neighbouring supports and successive shears in a map of loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIGNIFICANT = 4.5  # spreads of the smoothed map that a zone rises above the quiet at its peak
# mean of a zone times the root of its places, in spreads of one place: neighbours that scatter together by chance
# come to half of it
STRONG = 10.0
LEAST_HEIGHT, LEAST_WIDTH = 0.33, 0.33  # of the usual break of the face
LEAST_SHEARS = 2  # one loaded shear alone may be an idle day or a short supply
LIKE = 0.6  # of the usual height that a zone must have which does not stand out on its own
_BRIDGED_SUPPORTS = 2  # supports in a row that tell nothing or little within a zone: faulty legs
_BRIDGE_SHARE = 0.25  # of the zone's height to which one shear within it may fall
_BESIDE = 4  # shears before and after a zone in which it is judged whether it is two
_MOST = 100_000


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
    The map is smoothed over 3 shears × 5 supports; its quiet part gives level and spread. From the highest peak on,
    a zone takes in all shears, and all supports, whose median over the zone's other side lies above half the zone's
    height, until nothing changes: half the height is where a step and a slope alike have their edge.
    """
    smooth = _smooth(load)
    told = np.isfinite(smooth)
    if told.sum() < 20:
        return ()
    low, middle = (float(v) for v in np.percentile(smooth[told], [10, 30]))
    spread = max(middle - low, 1e-6)
    for _ in range(3):  # without what stands out: a third of the map may be in breaks
        calm = smooth[told & (smooth < middle + 3 * spread)]
        middle = float(np.median(calm))
        spread = max(middle - float(np.percentile(calm, 16)), 1e-6)
    single = load[np.isfinite(load)]
    single = single[single < middle + 3 * (middle - np.percentile(single, 16))]
    grain = max(float(np.median(single) - np.percentile(single, 16)), 1e-6)
    free = told.copy()
    found: list[Zone] = []
    height = np.where(free, smooth - middle, -np.inf)
    least = min(3, max(1, load.shape[1] // 2))
    lowest, fits = SIGNIFICANT * spread, 0.0
    for _ in range(2):
        order = np.argsort(height, axis=None)[::-1]
        order = order[height.flat[order] > lowest][:_MOST]
        for at in order:
            k, x = divmod(int(at), load.shape[1])
            if not free[k, x]:
                continue
            grown = _grown(load - middle, free, k, x)
            if grown is None or grown.height < fits or not _counts(grown, grain, least):
                free[k, x] = False
                continue
            for zone in _parted(np.where(free, load - middle, np.nan), grown, grain, least):
                # its slopes are no zones of their own
                free[
                    max(0, zone.first - 1) : zone.last + 2,
                    max(0, zone.left - 2) : zone.right + 3,
                ] = False
                found.append(zone)
        if len(found) < 2:
            break
        # a break of two shears loses a quarter of its height to the smoothing: where the face has shown how high its
        # breaks are, what is as high is looked at once more
        usual = float(np.median([zone.height for zone in found]))
        free, lowest, fits = told.copy(), max(0.5 * SIGNIFICANT * spread, 0.5 * usual), LIKE * usual
        for zone in found:
            free[max(0, zone.first - 1) : zone.last + 2, max(0, zone.left - 2) : zone.right + 3] = False
    return tuple(sorted(_alike(found), key=lambda z: (z.first, z.left)))


def _alike(zones: list[Zone]) -> list[Zone]:
    """Without what is far lower or narrower than the breaks of the face: a short supply, a local load."""
    if not zones:
        return zones
    usual = float(np.median(sorted((z.height for z in zones), reverse=True)[: max(1, (len(zones) + 1) // 2)]))
    width = float(np.median([z.right - z.left + 1 for z in zones]))
    return [
        z for z in zones if z.height >= LEAST_HEIGHT * usual and z.right - z.left + 1 >= LEAST_WIDTH * width
    ]


def _counts(zone: Zone, grain: float, least: int) -> bool:
    shears, supports = zone.last - zone.first + 1, zone.right - zone.left + 1
    strength = zone.height * float(np.sqrt(shears * supports)) / grain
    return shears >= LEAST_SHEARS and supports >= least and strength >= STRONG


def _smooth(load: Floats) -> Floats:
    """Means over 3 shears × 5 supports, nearer ones counting more; NaN where less than a third is told."""
    value, weight = np.nan_to_num(load), np.isfinite(load).astype(float)
    for axis, kernel in ((0, (0.5, 1.0, 0.5)), (1, (0.5, 1.0, 1.0, 1.0, 0.5))):
        value, weight = _spread_over(value, kernel, axis), _spread_over(weight, kernel, axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 8.0 / 3, value / weight, np.nan)


def _spread_over(values: Floats, kernel: tuple[float, ...], axis: int) -> Floats:
    half = len(kernel) // 2
    result = np.zeros_like(values)
    size = values.shape[axis]
    for shift, share in zip(range(-half, half + 1), kernel, strict=True):
        here = [slice(None)] * 2
        there = [slice(None)] * 2
        here[axis] = slice(max(0, -shift), max(0, min(size, size - shift)))
        there[axis] = slice(max(0, shift), max(0, min(size, size + shift)))
        result[tuple(here)] += share * values[tuple(there)]
    return result


def _grown(load: Floats, free: Flags, k: int, x: int) -> Zone | None:
    """The zone around a peak."""
    shears, supports = load.shape
    load = np.where(free, load, np.nan)
    first, last = max(0, k - 1), min(shears - 1, k + 1)
    left, right = max(0, x - 2), min(supports - 1, x + 2)
    seen = set()
    for _ in range(30):
        height = _height(load[first : last + 1, left : right + 1])
        if not height > 0 or (first, last, left, right) in seen:
            break
        seen.add((first, last, left, right))
        across = _middles(load[first : last + 1], 0)
        left, right = _run(across, (left, right), height / 2, _BRIDGED_SUPPORTS, -np.inf)
        height = _height(load[first : last + 1, left : right + 1])
        along = _middles(load[:, left : right + 1], 1)
        first, last = _run(along, (first, last), height / 2, 1, _BRIDGE_SHARE * height)
    return Zone(first, last, left, right, height) if height > 0 else None


def _parted(load: Floats, zone: Zone, grain: float, least: int) -> list[Zone]:
    """Breaks side by side that were taken for one: two zones where they explain the map far better than one.

    Far better: by as much as a zone of its own must rise above chance. Their first or last shears must lie two apart.
    """
    window = slice(max(0, zone.first - _BESIDE), zone.last + _BESIDE + 1)
    best, parts = STRONG**2, None
    whole = _misfit(load[window, zone.left : zone.right + 1], zone, window.start, zone.left)
    for cut in range(zone.left + least, zone.right - least + 2):
        sides = [_side(load, zone, left, right) for left, right in ((zone.left, cut - 1), (cut, zone.right))]
        one, other = sides
        if one is None or other is None or not all(_counts(side, grain, least) for side in (one, other)):
            continue
        if max(abs(one.first - other.first), abs(one.last - other.last)) < 2:
            continue
        misfit = sum(
            _misfit(load[window, left : right + 1], side, window.start, left)
            for side, left, right in ((one, zone.left, cut - 1), (other, cut, zone.right))
        )
        gain = (whole - misfit) / grain**2
        if gain > best:
            best, parts = gain, (one, other)
    if parts is None:
        return [zone]
    return [part for side in parts for part in _parted(load, side, grain, least)]


def _side(load: Floats, zone: Zone, left: int, right: int) -> Zone | None:
    """What some supports of a zone say of its shears, and which of them belong to it."""
    along = _middles(load[:, left : right + 1], 1)
    told = along[zone.first : zone.last + 1]
    height = _height(told)
    if not height > 0 or not np.isfinite(told).any():
        return None
    first, last = _run(along, (zone.first, zone.last), height / 2, 1, _BRIDGE_SHARE * height)
    across = _middles(load[first : last + 1, left : right + 1], 0)
    height = _height(load[first : last + 1, left : right + 1])
    low, high = _run(across, (0, right - left), height / 2, _BRIDGED_SUPPORTS, -np.inf)
    return Zone(first, last, left + low, left + high, height) if height > 0 else None


def _misfit(part: Floats, zone: Zone, first: int, left: int) -> float:
    """Sum of squares of what a zone leaves of a part of the map, whose places begin at `first` and `left`."""
    model = np.zeros(part.shape)
    model[
        max(zone.first - first, 0) : max(zone.last + 1 - first, 0),
        max(zone.left - left, 0) : max(zone.right + 1 - left, 0),
    ] = zone.height
    rest = np.clip(part - model, -zone.height, zone.height)
    return float(np.nansum(rest * rest))


def _height(part: Floats) -> float:
    told = part[np.isfinite(part)]
    return float(np.median(told)) if len(told) else 0.0


def _middles(part: Floats, axis: int) -> Floats:
    """Medians of what is told: one idle day, one faulty leg does not move an edge."""
    result = np.full(part.shape[1 - axis], np.nan)
    some = np.isfinite(part).any(axis=axis)
    chosen = part[:, some] if axis == 0 else part[some]
    if some.any():
        result[some] = np.nanmedian(chosen, axis=axis)
    return result


def _run(
    profile: Floats, within: tuple[int, int], level: float, bridged: int, floor: float
) -> tuple[int, int]:
    """The run of places above a level around the highest place within; up to `bridged` lower ones are passed over.

    A place that is passed over must lie above `floor`; one that tells nothing always may.
    """
    low, high = within
    inner = np.where(np.isfinite(profile[low : high + 1]), profile[low : high + 1], -np.inf)
    peak = low + int(np.argmax(inner))
    above = np.isfinite(profile) & (profile > level)
    ends = []
    for step in (-1, 1):
        end, at, missed = peak, peak + step, 0
        while 0 <= at < len(profile) and missed <= bridged:
            if above[at]:
                end, missed = at, 0
            elif np.isnan(profile[at]) or profile[at] > floor:
                missed += 1
            else:
                break
            at += step
        ends.append(end)
    return ends[0], ends[1]
