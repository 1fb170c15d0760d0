"""Tables of leg cycles of a face with known shears and weightings: quick stand-in for logs, not for their kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

EPOCH = np.datetime64("2026-03-02T06:00:00", "us").astype(np.int64)


@dataclass(frozen=True)
class Cut:
    """How the face is cut and recorded."""

    supports: int = 60
    legs: int = 2
    shears: int = 60
    both_ways: bool = True
    pass_s: float = 20.0
    jitter_s: float = 5.0
    turn_s: tuple[float, float] = (500.0, 1500.0)
    stop: float = 0.2  # chance per shear of a stoppage in the middle of the face
    stop_s: tuple[float, float] = (600.0, 10_000.0)
    weekend_every_s: float = 0.0
    missing: float = 0.01
    tried: float = 0.01
    again: float = 0.01
    gap: float = 0.02  # chance per shear of a gap of the log, for all
    gap_s: float = 1800.0
    sampling_s: float = 1.0
    partial: float = 0.0  # chance per shear of a wave over part of the face only


@dataclass(frozen=True)
class Roof:
    """How the roof loads, and how it breaks. Zones: (first shear, last, first support, last), from 1."""

    law: str = "log"  # log, power, saturating
    setting_mpa: float = 27.0
    setting_spread_mpa: float = 1.0
    rise_mpa: float = 6.0
    scatter: float = 0.25
    support_scatter: float = 0.1
    yield_mpa: float = 42.0
    blow_down_mpa: float = 1.6
    noise_mpa: float = 0.1
    drift: float = 0.1
    factor: float = 1.7
    edge: float = 0.0  # supports over which the load fades at the sides
    seen_yields: bool = True
    zones: tuple[tuple[int, int, int, int], ...] = ()
    slow_legs: float = 0.02


@dataclass(frozen=True)
class Drawn:
    """Leg cycles (`table`) with the true shear of each row, and the start of every support in every shear."""

    table: pa.Table
    shear: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


def breaks(
    seed: int, shears: int, supports: int, interval: float = 15.0, lasting: float = 5.0, zones: int = 1
) -> tuple[tuple[int, int, int, int], ...]:
    """Breaks at about equal intervals over zones of the face."""
    rng = np.random.default_rng([seed, 7])
    edges = np.linspace(1, supports + 1, zones + 1)
    found = []
    for z in range(zones):
        low, high = int(edges[z]), int(edges[z + 1]) - 1
        width = max(4, int((high - low + 1) * rng.uniform(0.5, 0.9)))
        left = int(rng.integers(low, high - width + 2))
        at = rng.uniform(0.4, 1.0) * interval
        while at + lasting < shears:
            stays = max(2, round(lasting * rng.uniform(0.75, 1.25)))
            a = int(np.clip(left + rng.integers(-2, 3), low, high - 3))
            b = int(np.clip(a + width - 1 + rng.integers(-2, 3), a + 3, high))
            found.append((round(at), round(at) + stays - 1, a, b))
            at += interval * rng.uniform(0.85, 1.15)
    return tuple(sorted(f for f in found if f[0] >= 1 and f[1] <= shears))


def _waves(rng: np.random.Generator, cut: Cut) -> NDArray[np.float64]:
    """Setting time of each support in each shear, s."""
    clock, rows = 0.0, []
    for k in range(cut.shears):
        steps = cut.pass_s * rng.uniform(0.5, 1.5, cut.supports)
        if rng.random() < cut.stop:
            steps[rng.integers(cut.supports)] += rng.uniform(*cut.stop_s)
        along = clock + np.cumsum(steps)
        down = cut.both_ways and k % 2 == 1
        rows.append(along[::-1] if down else along)
        clock = along[-1] + rng.uniform(*cut.turn_s)
        if not cut.both_ways:
            clock += 0.4 * cut.supports * cut.pass_s
        if cut.weekend_every_s and clock // cut.weekend_every_s > along[0] // cut.weekend_every_s:
            clock += 40 * 3600.0
    times = np.array(rows) + rng.normal(0, cut.jitter_s, (cut.shears, cut.supports))
    return np.sort(times, axis=0)


def draw(seed: int, cut: Cut = Cut(), roof: Roof = Roof()) -> Drawn:
    rng = np.random.default_rng(seed)
    start = _waves(rng, cut)
    k, x = cut.shears, cut.supports
    end = np.vstack([start[1:] - rng.uniform(15, 40, (k - 1, x)), start[-1:] + 3600.0])
    factor = np.ones((k, x))
    places = np.arange(1, x + 1)
    for first, last, low, high in roof.zones:
        side = (
            np.clip(np.minimum(places - low + 1, high - places + 1) / (roof.edge + 1e-9) + 0.5, 0, 1)
            if roof.edge
            else ((places >= low) & (places <= high)).astype(float)
        )
        factor[first - 1 : last] = np.maximum(factor[first - 1 : last], 1 + (roof.factor - 1) * side)
    own = np.exp(rng.normal(0, roof.support_scatter, x))
    drift = 1 + roof.drift * np.sin(np.arange(k)[:, None] / 40 + rng.uniform(0, 6) + places / 80)
    strength = roof.rise_mpa * factor * own * drift * np.exp(rng.normal(0, roof.scatter, (k, x)))
    rows: dict[str, list[Any]] = {
        name: [] for name in ("s", "l", "k", "a", "e", "set", "fin", "max", "twap", "y", "l1", "gap")
    }
    gaps = [(t, t + cut.gap_s) for t in start.min(axis=1)[rng.random(k) < cut.gap] + rng.uniform(0, 1500)]
    lost = rng.random((k, x)) < cut.missing
    tried, again = rng.random((k, x)) < cut.tried, rng.random((k, x)) < cut.again
    partial = rng.random(k) < cut.partial
    for j in np.flatnonzero(partial):
        side = np.arange(x) < rng.integers(x // 4, 3 * x // 4)
        lost[j, ~side if rng.random() < 0.5 else side] = True
    dead = rng.random((x, cut.legs)) < roof.slow_legs
    for leg in range(1, cut.legs + 1):
        setting = rng.normal(roof.setting_mpa, roof.setting_spread_mpa, (k, x))
        power = strength * np.exp(rng.normal(0, 0.1, (k, x)))
        power = np.where(dead[:, leg - 1], 0.2 * power, power)
        length = end - start
        for j, i in zip(*np.nonzero(~lost), strict=True):
            if any(a <= start[j, i] <= b or a <= end[j, i] <= b for a, b in gaps):
                continue
            pieces = [(start[j, i], end[j, i])]
            if again[j, i]:
                middle = start[j, i] + rng.uniform(0.2, 0.8) * length[j, i]
                pieces = [(start[j, i], middle), (middle + 20, end[j, i])]
            elif tried[j, i]:
                pieces = [(start[j, i] - 60, start[j, i] - 20), (start[j, i], end[j, i])]
            for a, e in pieces:
                _cycle(rng, rows, i + 1, leg, j + 1, a, e, setting[j, i], power[j, i], cut, roof)
    utc = pa.timestamp("us", "UTC")

    def micros(values: list[float]) -> pa.Array:
        steps = np.ceil(np.array(values) / cut.sampling_s) * cut.sampling_s
        return pa.array((EPOCH + steps * 1e6).astype(np.int64)).cast(utc)

    order = np.lexsort((rows["a"], rows["l"], rows["s"]))
    table = pa.table(
        {
            "support": np.array(rows["s"], np.int64),
            "leg": np.array(rows["l"], np.int64),
            "start": micros(rows["a"]),
            "end": micros(rows["e"]),
            "setting_mpa": rows["set"],
            "final_mpa": rows["fin"],
            "max_mpa": rows["max"],
            "twap_mpa": rows["twap"],
            "yield_events": np.array(rows["y"], np.int64),
            "loading_1_mpa_per_min": rows["l1"],
        }
    ).take(pa.array(order))
    return Drawn(table, np.array(rows["k"])[order], start, end)


def _law(t: Any, law: str) -> Any:
    """Rise over a cycle of an hour is 1."""
    if law == "power":
        return (t / 3600.0) ** 0.5
    if law == "saturating":
        return (1 - np.exp(-t / 900.0)) / (1 - np.exp(-4.0))
    return np.log1p(t / 120.0) / np.log1p(30.0)


def _cycle(
    rng: np.random.Generator,
    rows: dict[str, list[Any]],
    support: int,
    leg: int,
    shear: int,
    start: float,
    end: float,
    setting: float,
    power: float,
    cut: Cut,
    roof: Roof,
) -> None:
    t = np.linspace(0, end - start, 24)
    free = setting + power * _law(t, roof.law)
    drops = np.where(free > roof.yield_mpa, 1 + (free - roof.yield_mpa) // roof.blow_down_mpa, 0)
    p = free - roof.blow_down_mpa * drops + rng.normal(0, roof.noise_mpa, len(t))
    for name, value in {
        "s": support, "l": leg, "k": shear, "a": start, "e": end,
        "set": setting + abs(rng.normal(0, roof.noise_mpa)), "fin": p[-1],
        "max": min(free[-1], roof.yield_mpa) + abs(rng.normal(0, roof.noise_mpa)),
        "twap": float(np.trapezoid(p, t) / t[-1]),
        "y": int(drops[-1]) if roof.seen_yields else 0,
        "l1": power * _law(300.0, roof.law) / 5 + rng.normal(0, 0.03),
        "gap": 0.0,
    }.items():  # fmt: skip
        rows[name].append(value)
