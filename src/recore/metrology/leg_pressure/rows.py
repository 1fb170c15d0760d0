"""From the rows of a table to stretches of samples of one leg each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.evidence.table import Part

Leg = tuple[int, int]  # support, leg
Times = NDArray[np.int64]
Pressures = NDArray[np.floating[Any]]

COLUMNS = ("ts", "support", "leg", "pressure_mpa")
KINDS: dict[str, Any] = {"ts": "time", "support": "integer", "leg": "integer"}
EARLIEST_US = int(np.datetime64("1971-01-01", "us").astype(np.int64))
LATEST_US = int(np.datetime64("2101-01-01", "us").astype(np.int64))
IMPLAUSIBLE_MPA = 100.0
_TICK_US = {"s": 1_000_000, "ms": 1000, "us": 1}


@dataclass
class Faults:
    """Rows that are flagged; all but `negative` and `implausible` are left out."""

    rows: int = 0
    nan: int = 0
    infinite: int = 0
    clock: int = 0
    negative: int = 0
    implausible: int = 0

    def add(self, other: Faults) -> None:
        self.rows += other.rows
        self.nan += other.nan
        self.infinite += other.infinite
        self.clock += other.clock
        self.negative += other.negative
        self.implausible += other.implausible


def stretches(part: Part, faults: Faults) -> Iterator[tuple[Leg, Times, Pressures, int, Times | range]]:
    """Usable rows leg by leg, batch after batch: times in ticks, pressures in MPa, µs per tick, and the
    row numbers in the table."""
    constants = part.constants(("support", "leg"), KINDS)
    names = [name for name in COLUMNS if name not in constants]
    kinds = {name: KINDS[name] for name in names if name in KINDS}
    row = part.first_row
    for batch in part.batches(names, kinds, check=False, stored=True):
        columns = {name: numbers(batch.column(name)) for name in names}
        ts, p = columns["ts"], columns["pressure_mpa"]
        rows: Times | range = range(row, row + len(ts))
        row += len(ts)
        tick = _TICK_US[batch.column(names.index("ts")).type.unit]
        good = _usable(ts, p, tick, faults)
        if good is not None:
            columns = {name: values[good] for name, values in columns.items()}
            ts, p, rows = columns["ts"], columns["pressure_mpa"], np.asarray(rows)[good]
        if not len(ts):
            continue
        if len(constants) == 2:
            yield (constants["support"], constants["leg"]), ts, p, tick, rows
            continue
        keys = {name: columns.get(name, constants.get(name)) for name in ("support", "leg")}
        support, leg = (np.broadcast_to(np.asarray(key, np.int64), ts.shape) for key in keys.values())
        changes = _changes(support, leg)
        if len(changes) > len(ts) // 16:
            order = np.lexsort((leg, support))  # stable: each leg keeps the order of the file
            ts, p, support, leg, rows = (
                ts[order],
                p[order],
                support[order],
                leg[order],
                np.asarray(rows)[order],
            )
            changes = _changes(support, leg)
        for begin, end in pairwise([0, *changes.tolist(), len(ts)]):
            yield (int(support[begin]), int(leg[begin])), ts[begin:end], p[begin:end], tick, rows[begin:end]


def numbers(column: pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values.view(np.int64) if values.dtype.kind == "M" else values


def _changes(support: Times, leg: Times) -> Times:
    return 1 + np.flatnonzero((support[1:] != support[:-1]) | (leg[1:] != leg[:-1]))


def _usable(ts: Times, p: Pressures, tick: int, faults: Faults) -> NDArray[np.bool_] | None:
    """Mask of the rows that can be used, None where all can."""
    faults.rows += len(ts)
    earliest, latest = EARLIEST_US // tick, LATEST_US // tick
    low, high = p.min(), p.max()
    finite = bool(np.isfinite(low) and np.isfinite(high))
    if finite and low >= 0.0 and high <= IMPLAUSIBLE_MPA and ts.min() >= earliest and ts.max() < latest:
        return None
    number = np.isfinite(p)
    dated = (ts >= earliest) & (ts < latest)
    good = number & dated
    faults.nan += int(np.count_nonzero(np.isnan(p)))
    faults.infinite += int(np.count_nonzero(np.isinf(p)))
    faults.clock += int(np.count_nonzero(~dated))
    faults.negative += int(np.count_nonzero(p[good] < 0.0))
    faults.implausible += int(np.count_nonzero(p[good] > IMPLAUSIBLE_MPA))
    return good


def one_each(ts: Times, p: Pressures) -> tuple[Times, Pressures, int, int]:
    """Samples in the order of time with one pressure at a time, whatever order they came in.

    Of different pressures at one time the one nearest to the sample before is kept (the lowest of
    the first), for a spurious telegram jumps.

    Returns
    -------
    times, pressures, number of plain repetitions and number of other telegrams dropped
    """
    order = np.lexsort((p, ts))
    ts, p = ts[order], p[order]
    new = np.ones(len(ts), bool)
    new[1:] = (np.diff(ts) != 0) | (np.diff(p) != 0.0)
    repeats = int(len(ts) - np.count_nonzero(new))
    ts, p = ts[new], p[new]
    begins = np.flatnonzero(np.diff(ts, prepend=ts[0] - 1))
    ends = np.append(begins[1:], len(ts))
    kept = p[begins].copy()
    for k in np.flatnonzero(ends - begins > 1):
        choices = p[begins[k] : ends[k]]
        kept[k] = choices[np.argmin(np.abs(choices - kept[k - 1]))] if k else choices[0]
    return ts[begins], kept, repeats, len(ts) - len(begins)
