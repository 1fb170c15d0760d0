"""When each support of a face is lowered, and how the roof then loads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.simulate.supports.longwall import Longwall

DAY_S = 86400.0
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Break:
    """One break of the roof in one zone: shears and supports, both inclusive; supports from 1."""

    first_shear: int
    last_shear: int
    support_from: int
    support_to: int
    severe: bool


@dataclass(frozen=True)
class Operation:
    """What happens on the face: [shear, support].

    `lower_s` : a support is lowered in a shear, s after the beginning; one row more than there are cycles
    `loading_mpa` : of the cycle that begins in a shear
    `supply` : setting pressure as a share of what it should be
    """

    lower_s: Numbers
    loading_mpa: Numbers
    supply: Numbers
    breaks: tuple[Break, ...]

    @property
    def shears(self) -> int:
        """Number of shears whose cycles are simulated."""
        return len(self.loading_mpa)


def operate(rng: np.random.Generator, face: Longwall) -> Operation:
    """Run the face over its days: shears, and breaks of the roof."""
    lower = _passes(rng, face)
    shears = len(lower) - 1
    quiet = rng.uniform(*face.loading_mpa, (shears, 1)) * 0.5 + 0.5 * rng.uniform(
        *face.loading_mpa, (shears, face.supports)
    )
    breaks, strength, level = _breaks(rng, face, shears)
    loading = quiet + strength * (level - quiet)
    return Operation(lower, loading, np.ones_like(loading), tuple(breaks))


def _passes(rng: np.random.Generator, face: Longwall) -> Numbers:
    """Times at which the supports are lowered, shear by shear."""
    seconds = face.days * DAY_S
    longest = face.shear_min[1] * 60.0
    count = int(np.ceil((seconds + 4 * longest) / (face.shear_min[0] * 60.0))) + 1
    periods = rng.uniform(*face.shear_min, count) * 60.0
    # the record begins anywhere in a shear, with all supports set
    begins = np.concatenate([[0.0], np.cumsum(periods)[:-1]]) - periods[0] * (1.0 + rng.uniform())
    place = np.arange(face.supports) / max(face.supports - 1, 1)
    places = np.tile(place, (count, 1))
    if face.direction == "bi":
        places[1::2] = 1.0 - places[1::2]
    passing = begins[:, None] + face.cutting_share * periods[:, None] * places
    lag = face.lag_s + rng.normal(0.0, face.lag_spread_s, passing.shape).clip(
        -3 * face.lag_spread_s, 3 * face.lag_spread_s
    )
    stops = np.sort(rng.uniform(0.0, seconds, rng.poisson(face.stoppages_per_day * face.days)))
    lengths = rng.exponential(face.stoppage_min * 60.0, len(stops))
    lower = _skip(_skip(passing, stops, lengths), *_idle(face)) + np.maximum(lag, 0.0)
    needed = int(np.argmax(lower.min(axis=1) > seconds)) if (lower.min(axis=1) > seconds).any() else count - 1
    result: Numbers = lower[: needed + 1]
    return result


def _skip(moments: Numbers, begins: Numbers, lengths: Numbers) -> Numbers:
    """Times with standstills put in; `begins` in the time without them."""
    lost = np.concatenate([[0.0], np.cumsum(lengths)])
    result: Numbers = moments + lost[np.searchsorted(begins, moments, side="left")]
    return result


def _idle(face: Longwall) -> tuple[Numbers, Numbers]:
    """Beginnings (in working time) and lengths of weekends and maintenance shifts."""
    first = np.datetime64(face.begin, "D")
    begins, lengths = [], []
    lost = 0.0
    until = -1.0
    for day in range(int(np.ceil(face.days)) + 8):
        weekday = int((first + day).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        if face.idle_weekends and weekday >= 5:
            begin, end = day * DAY_S, (day + 1) * DAY_S
        elif face.maintenance_h:
            begin = day * DAY_S + face.maintenance_from_h * 3600.0
            end = begin + face.maintenance_h * 3600.0
        else:
            continue
        begin = max(begin, until)
        if end > begin:
            begins.append(begin - lost)
            lengths.append(end - begin)
            lost += end - begin
            until = end
    return np.array(begins), np.array(lengths)


def _breaks(rng: np.random.Generator, face: Longwall, shears: int) -> tuple[list[Break], Numbers, Numbers]:
    """Breaks, how strongly each cycle is in one (0 to 1), and how fast it then loads."""
    strength = np.zeros((shears, face.supports))
    level = np.zeros((shears, face.supports))
    breaks: list[Break] = []
    if not face.weighting:
        return breaks, strength, level
    number = np.arange(1, face.supports + 1)
    for low, high in _zones(rng, face):
        shear = rng.uniform(0.3, 1.0) * face.interval_m / face.web_m
        while shear < shears:
            severe = bool(rng.uniform() < face.severe_share)
            lasting = rng.normal(face.persistence_m, face.persistence_spread_m) / face.web_m
            lasting = max(2, round(lasting * (3 if severe else 1)))
            gap = max(rng.normal(face.interval_m, face.interval_spread_m) / face.web_m, 3.0)
            first = round(shear)
            last = min(first + lasting - 1, shears - 1)
            left, right = (low, high) if face.zone_from else _moved(rng, low, high, face.supports)
            edge = max(face.zone_edge, 1e-3)
            with np.errstate(over="ignore"):
                across = 1 / (1 + np.exp(-(number - left + 0.5) / edge * 4))
                across = across / (1 + np.exp((number - right - 0.5) / edge * 4))
            loading = rng.uniform(*face.break_loading_mpa) * (1.4 if severe else 1.0)
            along = rng.uniform(0.85, 1.0, (max(last - first + 1, 0), 1))
            part = slice(first, last + 1)
            if first < shears:
                strength[part] = np.maximum(strength[part], along * across)
                level[part] = np.maximum(level[part], loading)
                breaks.append(Break(first, last, left, right, severe))
            shear += max(gap, lasting + 2.0)
    breaks.sort(key=lambda b: (b.first_shear, b.support_from))
    return breaks, strength, level


def _zones(rng: np.random.Generator, face: Longwall) -> list[tuple[int, int]]:
    if face.zone_from:
        return [(face.zone_from, face.zone_to)]
    zones = []
    width = face.supports / face.zones
    for k in range(face.zones):
        wide = min(max(round(width * rng.uniform(0.45, 0.75)), 2), face.supports)
        low = 1 + int(k * width + rng.uniform(0.0, max(width - wide, 0.0)))
        zones.append((low, min(low + wide - 1, face.supports)))
    return zones


def _moved(rng: np.random.Generator, low: int, high: int, supports: int) -> tuple[int, int]:
    """The edges of a zone are not the same in every break."""
    most = max((high - low) // 8, 0)
    left, right = (int(v) for v in rng.integers(-most, most + 1, 2))
    return max(low + left, 1), min(high + right, supports)


def covering(moments: NDArray[Any], begin: float, end: float) -> NDArray[np.bool_]:
    """Which moments lie in [begin, end)."""
    result: NDArray[np.bool_] = (moments >= begin) & (moments < end)
    return result
