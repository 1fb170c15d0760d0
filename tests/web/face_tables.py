"""Cycle tables of a synthetic face in the shape of support.cycles, for tests and the benchmark of the screens.

Made directly as tables: seeded, with supports that advance one after another, one leaking leg, one support that is
set too low, and a zone that is loaded hard for some shears.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

UTC = pa.timestamp("us", "UTC")
BEGIN = int(np.datetime64("2026-03-01T00:00:00", "us").astype(np.int64))
LEAKING, LOW, ZONE, LOADED = 5, 8, (10, 14), (20, 24)


def leg_cycles(supports: int, shears: int, *, cycle_s: float = 2700.0, seed: int = 1, legs: int = 2) -> pa.Table:
    """Leg cycles by support, leg and start."""
    rng = np.random.default_rng(seed)
    count = supports * legs * shears
    support = np.repeat(np.arange(1, supports + 1), legs * shears)
    leg = np.tile(np.repeat(np.arange(1, legs + 1), shears), supports)
    shear = np.tile(np.arange(shears), supports * legs)
    turn = rng.normal(0, 30, (supports, shears)).cumsum(axis=1) * 0.02  # both legs move together
    begin = shear * cycle_s + support * 8.0 + turn[support - 1, shear]
    length = cycle_s - 40.0 + rng.normal(0, 4, count)
    setting = 25.2 + rng.normal(0, 0.8, count)
    setting[support == LOW] -= 9.0
    loaded = (support >= ZONE[0]) & (support <= ZONE[1]) & (shear % 30 >= LOADED[0]) & (shear % 30 <= LOADED[1])
    rise = np.where(loaded, 13.0, 4.0) + rng.normal(0, 0.6, count)
    leak = np.where((support == LEAKING) & (leg == 1), 0.15, 0.0) + np.abs(rng.normal(0, 0.002, count))
    final = np.clip(setting + rise - leak * length / 60 * 0.8, 6.0, 40.0)
    start = BEGIN + np.round(begin * 1e6).astype(np.int64)
    end = start + np.round(length * 1e6).astype(np.int64)
    twap = (setting + 2 * final) / 3
    yields = np.where(final >= 39.5, rng.integers(1, 4, count), 0)
    return pa.table(
        {
            "support": support,
            "leg": leg,
            "start": pa.array(start).cast(UTC),
            "end": pa.array(end).cast(UTC),
            "setting_mpa": setting,
            "final_mpa": final,
            "max_mpa": np.maximum(setting, final) + 0.2,
            "twap_mpa": twap,
            "yield_events": yields,
            "leak_mpa_per_min": pa.array(np.where(shear % 7 == 0, np.nan, leak), from_pandas=True),
            "revised_mpa": setting - 0.6,
            "opening_mpa": pa.array(np.where(yields > 0, 39.6, np.nan), from_pandas=True),
            "reseat_mpa": pa.array(np.where(yields > 0, 37.1, np.nan), from_pandas=True),
            "low_mpa": np.full(count, 0.4),
            "low_s": np.full(count, 24.0) + rng.normal(0, 3, count),
            "attempts": np.where(support == LOW, 2, 1),
            "gap_s": np.zeros(count),
        }
    )


def support_cycles(legs: pa.Table, rated_mpa: float = 25.2) -> pa.Table:
    """Support cycles of a face with two legs each."""
    one, other = (legs.filter(pa.array(legs["leg"].to_numpy() == leg)) for leg in (1, 2))
    low = np.minimum(one["setting_mpa"].to_numpy(), other["setting_mpa"].to_numpy())
    left, right = one["twap_mpa"].to_numpy(), other["twap_mpa"].to_numpy()
    return pa.table(
        {
            "support": one["support"],
            "start": one["start"],
            "end": one["end"],
            "legs": np.full(one.num_rows, 2),
            "setting_mpa": low,
            "adequate": low >= 0.8 * rated_mpa,
            "twap_mpa": (left + right) / 2,
            "imbalance": np.abs(left - right) / np.maximum(left, right),
            "low_s": one["low_s"],
        }
    )
