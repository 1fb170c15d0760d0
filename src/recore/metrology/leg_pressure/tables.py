"""The tables of `support.cycles`: cycles of legs, their yield events, and cycles of whole supports."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.found import Log
from recore.metrology.leg_pressure.records import RECORD, YIELD

UTC = pa.timestamp("us", "UTC")
# a set support holds at least this share of the rated setting pressure (quality rules of the trade)
ADEQUATE_SHARE = 0.8
# legs are lowered and set together; they need not be to the second
_OVERLAP_SHARE = 0.1


def _keys(log: Log, rows: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Support and leg of each row."""
    legs = np.array(list(log.legs), np.int64).reshape(-1, 2)
    return np.repeat(legs, [len(of_leg) for of_leg in rows], axis=0)


def _moments(ts: NDArray[np.int64]) -> pa.Array:
    return pa.array(ts, pa.int64(), mask=ts == kernel.NEVER).cast(UTC)


def _known(values: NDArray[np.float64]) -> pa.Array:
    """NaN: not known."""
    return pa.array(values, from_pandas=True)


def cycle_table(log: Log) -> pa.Table:
    """One row per complete cycle of a leg, by support, leg and time."""
    every = [record.cycles for record in log.legs.values()]
    keys, cycles = _keys(log, every), kernel.joined(every, RECORD)
    columns: dict[str, Any] = {
        "support": keys[:, 0],
        "leg": keys[:, 1],
        "start": _moments(cycles["start"]),
        "end": _moments(cycles["end"]),
        "setting_mpa": cycles["setting"],
        "final_mpa": cycles["final"],
        "max_mpa": cycles["max"],
        "twap_mpa": cycles["twap"],
        "yield_events": cycles["yields"],
        "leak_mpa_per_min": _known(cycles["leak"]),
        "revised_mpa": _known(cycles["revised"]),
        "loading_1_mpa_per_min": _known(cycles["loading"][:, 0]),
        "loading_2_mpa_per_min": _known(cycles["loading"][:, 1]),
        "loading_3_mpa_per_min": _known(cycles["loading"][:, 2]),
        "opening_mpa": _known(cycles["opening"]),
        "reseat_mpa": _known(cycles["reseat"]),
        "unload_s": _known(cycles["unload"]),
        "recovery_s": _known(cycles["recovery"]),
        "low_mpa": _known(cycles["low"]),
        "low_s": _known(cycles["low_s"]),
        "attempts": cycles["attempts"],
        "gap_s": cycles["gap_s"],
    }
    return pa.table(columns)


def yield_table(log: Log) -> pa.Table:
    """One row per yield event of a complete cycle, by support, leg and time."""
    every = [record.yields for record in log.legs.values()]
    keys, events = _keys(log, every), kernel.joined(every, YIELD)
    columns: dict[str, Any] = {
        "support": keys[:, 0],
        "leg": keys[:, 1],
        "start": _moments(events["start"]),
        "opened": _moments(events["opened"]),
        "reseated": _moments(events["reseated"]),
        "opening_mpa": events["opening"],
        "reseat_mpa": events["reseat"],
        "recovered": _moments(events["recovered"]),
    }
    return pa.table(columns)


def support_table(cycles: pa.Table, rated_setting_mpa: float | None) -> pa.Table:
    """One row per cycle of a support: the cycles of its legs that overlap in time.

    Overlaps of less than a tenth of a cycle do not tie two cycles together, for legs are not lowered
    and set in the same second.

    Parameters
    ----------
    cycles : as `cycle_table` gives them
    rated_setting_mpa : rated setting pressure, MPa
    """
    support, leg, start, end = (
        cycles[name].cast(pa.int64()).to_numpy() for name in ("support", "leg", "start", "end")
    )
    margin = ((end - start) * _OVERLAP_SHARE).astype(np.int64)
    order = np.lexsort((leg, start + margin, support))
    support, leg, start, end, margin = (of[order] for of in (support, leg, start, end, margin))
    setting, twap, low_s = (cycles[name].to_numpy()[order] for name in ("setting_mpa", "twap_mpa", "low_s"))
    first_of_support = np.flatnonzero(np.diff(support, prepend=support[:1] - 1))
    reach = end - margin
    for a, b in pairwise([*first_of_support.tolist(), len(order)]):
        np.maximum.accumulate(reach[a:b], out=reach[a:b])
    begins_group = np.ones(len(order), bool)
    begins_group[1:] = (start + margin)[1:] >= reach[:-1]
    begins_group[first_of_support] = True
    first = np.flatnonzero(begins_group)
    group = np.cumsum(begins_group) - 1
    imbalance, legs, low = _balance(group, leg, (end - start).astype(np.float64), twap, low_s, len(first))
    lowest = np.minimum.reduceat(setting, first) if first.size else setting
    span = (end - start).astype(np.float64)
    weighted = np.bincount(group, twap * span, len(first)) / np.bincount(group, span, len(first))
    begins = np.minimum.reduceat(start, first) if first.size else start
    ends = np.maximum.reduceat(end, first) if first.size else end
    adequate = pa.nulls(len(first), pa.bool_())
    if rated_setting_mpa is not None:
        adequate = pa.array(lowest >= ADEQUATE_SHARE * rated_setting_mpa - 0.5 / kernel.PER_MPA)
    return pa.table(
        {
            "support": support[first],
            "start": _moments(begins),
            "end": _moments(ends),
            "legs": legs,
            "setting_mpa": lowest,
            "adequate": adequate,
            "twap_mpa": weighted,
            "imbalance": _known(imbalance),
            "low_s": _known(low),
        }
    )


def _balance(
    group: NDArray[np.int64],
    leg: NDArray[np.int64],
    span: NDArray[np.float64],
    twap: NDArray[np.float64],
    low_s: NDArray[np.float64],
    groups: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Imbalance of the legs' mean pressures, number of legs and time with all legs released, by group."""
    order = np.lexsort((leg, group))
    group, leg = group[order], leg[order]
    span, twap, low_s = span[order], twap[order], low_s[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(group) != 0) | (np.diff(leg) != 0)
    member = np.cumsum(new) - 1
    first, size = np.flatnonzero(new), int(np.count_nonzero(new))
    mean = np.bincount(member, twap * span, size) / np.bincount(member, span, size)
    legs = np.bincount(group[first], minlength=groups)
    highest, lowest, low = (np.full(groups, value) for value in (-np.inf, np.inf, np.inf))
    np.maximum.at(highest, group[first], mean)
    np.minimum.at(lowest, group[first], mean)
    np.fmin.at(low, group[first], low_s[first])
    imbalance = np.where(legs > 1, (highest - lowest) / highest, np.nan)
    return imbalance, legs, np.where(np.isfinite(low), low, np.nan)
