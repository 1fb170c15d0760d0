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


def leg_cycles(
    supports: int, shears: int, *, cycle_s: float = 2700.0, seed: int = 1, legs: int = 2
) -> pa.Table:
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
    loaded = (
        (support >= ZONE[0]) & (support <= ZONE[1]) & (shear % 30 >= LOADED[0]) & (shear % 30 <= LOADED[1])
    )
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


def yields(legs: pa.Table) -> pa.Table:
    """One yield event in the middle of each cycle that has any."""
    some = legs.filter(pa.array(legs["yield_events"].to_numpy() > 0))
    start, end = (some[name].cast("int64").to_numpy() for name in ("start", "end"))
    opened = start + (end - start) * 3 // 4
    return pa.table(
        {
            "support": some["support"],
            "leg": some["leg"],
            "start": some["start"],
            "opened": pa.array(opened).cast(UTC),
            "reseated": pa.array(opened + 2_000_000).cast(UTC),
            "opening_mpa": some["opening_mpa"],
            "reseat_mpa": some["reseat_mpa"],
            "recovered": pa.array(opened + 40_000_000).cast(UTC),
        }
    )


def raw_log(legs: pa.Table, supports: tuple[int, ...], every_s: float = 10.0) -> pa.Table:
    """A long log of some supports: straight from the setting to the final pressure of each cycle, low in between."""
    parts = []
    for row in legs.filter(pa.array(np.isin(legs["support"].to_numpy(), supports))).to_pylist():
        start, end = (int(row[name].timestamp() * 1e6) for name in ("start", "end"))
        ts = np.arange(start, end, int(every_s * 1e6))
        share = (ts - start) / max(end - start, 1)
        p = row["setting_mpa"] + share * (row["final_mpa"] - row["setting_mpa"])
        low = np.arange(end, end + 30_000_000, int(every_s * 1e6))
        ts, p = np.concatenate([ts, low]), np.concatenate([p, np.full(len(low), 0.4)])
        keys = {
            "support": np.full(len(ts), row["support"], np.int32),
            "leg": np.full(len(ts), row["leg"], np.int8),
        }
        parts.append(pa.table({"ts": pa.array(ts).cast(UTC), **keys, "pressure_mpa": p.astype(np.float32)}))
    return pa.concat_tables(parts)


def faults(begin: int = BEGIN) -> pa.Table:
    """A finding of the diagnosis."""
    return pa.table(
        {
            "support": [LEAKING, LOW],
            "leg": pa.array([1, None], pa.int64()),
            "fault": ["leg_leak", "low_supply"],
            "from": pa.array([begin, begin]).cast(UTC),
            "to": pa.array([begin + 86_400_000_000] * 2).cast(UTC),
            "confidence": [0.97, 0.8],
        }
    )


def weightings(begin: int = BEGIN, cycle_s: float = 2700.0) -> pa.Table:
    """Two breaks over the loaded zone."""
    edges = (
        np.array([[LOADED[0], LOADED[1] + 1], [LOADED[0] + 30, LOADED[1] + 31]]) * int(cycle_s * 1e6) + begin
    )
    return pa.table(
        {
            "from": pa.array(edges[:, 0]).cast(UTC),
            "to": pa.array(edges[:, 1]).cast(UTC),
            "support_from": [ZONE[0]] * 2,
            "support_to": [ZONE[1]] * 2,
        }
    )
