"""Which shear a support cycle belongs to: setting runs over a face as a wave behind the shearer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.metrology.support.waves import follow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# legs of a support are set by one command; the rest is sampling of up to 60 s on either leg and a first try
TOGETHER_S = 150.0
# silence of the whole face counts as at most this share of the usual cycle: stoppages and idle days do not age a wave
LONGEST_SILENCE = 0.35


@dataclass(frozen=True)
class Shears:
    """Shears of a face.

    Parameters
    ----------
    row_shear : for each row of the table of leg cycles its shear, from 1
    support_cycles : support, shear, start, end (UTC), legs (how many were set), again (set within the same shear
        before or after its main setting: tried again, or re-set), position (share of the shear's supports that were
        set before it); by support and start
    table : shear, from (first setting), to (last setting), direction ("up" the support numbers, "down", or "" where
        times do not tell), supports (how many were set)
    """

    row_shear: Ints
    support_cycles: pa.Table
    table: pa.Table


def shears(cycles: pa.Table) -> Shears:
    """Shears of a face from its leg cycles.

    Parameters
    ----------
    cycles : support, leg, start, end of each complete leg cycle, in any order (`support.cycles`)

    Returns
    -------
    Shears : shear of every leg cycle and support cycle, and one row per shear

    Notes
    -----
    Legs of one support that are set within 2.5 min of each other are one setting. Settings of neighbours are
    matched by time, each to the nearest wave that comes from the supports beside it, and never by counting: a cycle
    that a gap swallowed leaves a hole in its shear, a support that was set again has two cycles in one. Silence of
    the whole face counts for a third of a cycle only, so that a stoppage in the middle of a face splits no wave.
    A wave may cover part of the face. A shear that no support has recorded is not counted.
    """
    support, codes = np.unique(cycles["support"].to_numpy(), return_inverse=True)
    start, end = _micros(cycles["start"]), _micros(cycles["end"])
    order = np.lexsort((start, codes))
    codes, start, end = codes[order], start[order], end[order]
    fresh = np.ones(len(codes), bool)
    fresh[1:] = (np.diff(codes) != 0) | (np.diff(start) > TOGETHER_S * 1e6)
    first = np.flatnonzero(fresh)
    event = np.cumsum(fresh) - 1
    row_shear = np.empty(len(codes), np.int64)
    if not len(first):
        return Shears(row_shear, *_tables(support, *(np.empty(0, np.int64) for _ in range(6))))
    at, begin = codes[first], start[first]
    until = np.maximum.reduceat(end, first)
    following = np.append(begin[1:], np.iinfo(np.int64).max)
    following[np.append(at[1:] != at[:-1], True)] = np.iinfo(np.int64).max
    until = np.minimum(until, following)  # a leg whose release was missed does not reach into the next cycle
    legs = np.add.reduceat(_first_of_leg(event, cycles["leg"].to_numpy()[order]), first)
    numbers = follow(at, _clock(at, begin), until - begin, len(support))
    row_shear[order] = numbers[event]
    return Shears(
        row_shear, *_tables(support, at, begin, until, legs, numbers, _again(at, numbers, until - begin))
    )


def _micros(column: pa.ChunkedArray) -> Ints:
    values: Ints = column.to_numpy().astype("datetime64[us]").astype(np.int64)
    return values


def _first_of_leg(event: Ints, leg: Ints) -> Ints:
    """1 at the first row of every leg of an event, else 0."""
    order = np.lexsort((leg, event))
    fresh = np.ones(len(event), np.int64)
    fresh[1:] = (np.diff(event[order]) != 0) | (np.diff(leg[order]) != 0)
    marks = np.empty(len(event), np.int64)
    marks[order] = fresh
    return marks


def _clock(at: Ints, begin: Ints) -> Floats:
    """Time of each setting in usual cycles, with silences of the whole face cut short."""
    same = at[1:] == at[:-1]
    usual = float(np.median(np.diff(begin)[same])) if same.any() else 3.6e9
    order = np.argsort(begin, kind="stable")
    steps = np.minimum(np.diff(begin[order]) / usual, LONGEST_SILENCE)
    clock = np.empty(len(begin))
    clock[order] = np.concatenate([[0.0], np.cumsum(steps)])
    return clock


def _again(at: Ints, numbers: Ints, length: Ints) -> NDArray[np.bool_]:
    """Settings that are not the longest of their support in their shear."""
    order = np.lexsort((-length, numbers, at))
    again = np.zeros(len(at), bool)
    again[order[1:]] = (np.diff(at[order]) == 0) & (np.diff(numbers[order]) == 0)
    return again


def _tables(
    support: Ints, at: Ints, begin: Ints, until: Ints, legs: Ints, numbers: Ints, again: Any
) -> tuple[pa.Table, pa.Table]:
    utc = pa.timestamp("us", "UTC")
    again = np.asarray(again, bool)
    order = np.lexsort((begin, numbers))
    order = order[~again[order]]
    shear, first, count = np.unique(numbers[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, count)
    position = np.full(len(at), np.nan)
    position[order] = rank / np.repeat(np.maximum(count - 1, 1), count)
    last = first + count - 1
    cycles = pa.table(
        {
            "support": support[at] if len(at) else np.empty(0, np.int64),
            "shear": numbers,
            "start": pa.array(begin).cast(utc),
            "end": pa.array(until).cast(utc),
            "legs": legs,
            "again": again,
            "position": pa.array(position, from_pandas=True),
        }
    )
    table = pa.table(
        {
            "shear": shear,
            "from": pa.array(begin[order][first]).cast(utc),
            "to": pa.array(begin[order][last]).cast(utc),
            "direction": _directions(
                at[order], begin[order], np.repeat(np.arange(len(shear)), count), len(shear)
            ),
            "supports": count,
        }
    )
    return cycles, table


def _directions(at: Ints, begin: Ints, shear: Ints, shears: int) -> list[str]:
    """Sign of the correlation of place and rank in time, where it is above one half."""
    if not shears:
        return []
    rank = np.arange(len(at)) - np.searchsorted(shear, shear)
    n = np.bincount(shear, minlength=shears)
    sx, sr = (np.bincount(shear, v, shears) for v in (at, rank))
    cov = np.bincount(shear, at * rank, shears) - sx * sr / n
    spread = (np.bincount(shear, at * at, shears) - sx**2 / n) * (
        np.bincount(shear, rank * rank, shears) - sr**2 / n
    )
    told = (n >= 3) & (spread > 0)
    r = np.where(told, cov / np.sqrt(np.where(told, spread, 1.0)), 0.0)
    return [str(word) for word in np.where(r > 0.5, "up", np.where(r < -0.5, "down", ""))]
