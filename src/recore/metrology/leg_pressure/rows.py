"""From the rows of a table to stretches of samples of one leg each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.glance import IMPLAUSIBLE_MPA, glance
from recore.metrology.leg_pressure.layout import layout
from recore.metrology.leg_pressure.trace import EARLIEST_US, LATEST_US, Trace

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.evidence.table import Part

Leg = tuple[int, int]  # support, leg
Times = NDArray[np.int64]
Pressures = NDArray[np.floating[Any]]

_NONE = np.empty(0, np.int32)
_TICK_US = {"s": 1_000_000, "ms": 1000, "us": 1}


@dataclass
class Faults:
    """What was seen of each leg, and how many rows were read."""

    rows: int = 0
    legs: dict[Leg, Trace] = field(default_factory=dict)

    def add(self, other: Faults) -> None:
        self.rows += other.rows
        for leg, trace in other.legs.items():
            if leg in self.legs:
                self.legs[leg].add(trace)
            else:
                self.legs[leg] = trace

    def of(self, leg: Leg) -> Trace:
        """The trace of a leg."""
        if leg not in self.legs:
            self.legs[leg] = Trace()
        return self.legs[leg]

    def total(self, kind: str) -> int:
        """Rows of one kind of fault."""
        return sum(trace.faults[kind].count for trace in self.legs.values() if kind in trace.faults)


class Stretch(NamedTuple):
    """Rows of one leg that follow each other in a file: times [ticks], pressures [MPa], µs per tick, row numbers in
    the table; `whole`: the pressures as multiples of 10 Pa."""

    leg: Leg
    ts: Times
    p: Pressures
    tick: int
    rows: Times | range
    whole: NDArray[np.int32]


def stretches(part: Part, faults: Faults, *, small: bool = True, undated: bool = False) -> Iterator[Stretch]:
    """Usable rows leg by leg, batch after batch.

    Parameters
    ----------
    faults : told about all that was seen
    small : few rows, not worth compiled loops
    undated : also rows with an impossible time
    """
    for leg, ts, p, tick, rows in _by_leg(part, faults):
        found = _usable(faults.of(leg), Stretch(leg, ts, p, tick, rows, _NONE), small, undated)
        if len(found.ts):
            yield found


def _by_leg(part: Part, faults: Faults) -> Iterator[tuple[Leg, Times, Pressures, int, Times | range]]:
    """All rows leg by leg."""
    found = layout(part.source)
    constants = part.constants(tuple(found.kinds)[1:], found.kinds)
    keys = [name for name in tuple(found.kinds)[1:] if name not in constants]
    names = [found.ts, *keys, *(name for _, name in found.pressures)]
    kinds = {name: kind for name, kind in found.kinds.items() if name in names}
    row = part.first_row
    for batch in part.batches(names, kinds, check=False, stored=True):
        count = batch.num_rows
        faults.rows += count
        rows: Times | range = range(row, row + count)
        row += count
        ts = numbers(batch.column(0))
        tick = _TICK_US[batch.column(0).type.unit]
        columns = {name: numbers(batch.column(1 + k)) for k, name in enumerate(keys)}
        support, leg = (
            columns.get(name, constants.get(name)) if name else 0 for name in (found.support, found.leg)
        )
        for number, name in found.pressures:
            column = batch.column(names.index(name))
            p = numbers(column)
            if number and column.null_count:  # an empty cell of the wide layout is no sample of that leg
                there = column.is_valid().to_numpy(zero_copy_only=False)
                these = support[there] if isinstance(support, np.ndarray) else support
                samples = ts[there], p[there], np.asarray(rows)[there]
                yield from _grouped(*samples, tick, these, number)
            else:
                yield from _grouped(ts, p, rows, tick, support, number or leg)


def _grouped(
    ts: Times, p: Pressures, rows: Times | range, tick: int, support: Any, leg: Any
) -> Iterator[tuple[Leg, Times, Pressures, int, Times | range]]:
    if not len(ts):
        return
    if not isinstance(support, np.ndarray) and not isinstance(leg, np.ndarray):
        yield (int(support), int(leg)), ts, p, tick, rows
        return
    support, leg = (np.broadcast_to(np.asarray(key, np.int64), ts.shape) for key in (support, leg))
    changes = _changes(support, leg)
    if len(changes) > len(ts) // 16:
        order = np.lexsort((leg, support))  # stable: each leg keeps the order of the file
        ts, p, support, leg, rows = ts[order], p[order], support[order], leg[order], np.asarray(rows)[order]
        changes = _changes(support, leg)
    for begin, end in pairwise([0, *changes.tolist(), len(ts)]):
        key = int(support[begin]), int(leg[begin])
        yield key, ts[begin:end], p[begin:end], tick, rows[begin:end]


def numbers(column: pa.Array) -> NDArray[Any]:
    """A column as stored; times as whole ticks, which Arrow would copy if they were asked for as times."""
    if str(column.type).startswith("timestamp"):
        column = column.view("int64")
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _changes(support: Times, leg: Times) -> Times:
    return 1 + np.flatnonzero((support[1:] != support[:-1]) | (leg[1:] != leg[:-1]))


def _usable(trace: Trace, found: Stretch, small: bool, undated: bool) -> Stretch:
    """Rows with a number and, unless `undated`, a possible time; the trace is told of the others."""
    trace.rows += len(found.ts)
    tick = found.tick
    seen = glance(found.ts, found.p, small=small)
    if seen.spoilt:
        number = np.isfinite(found.p)
        trace.note("nan", found.ts[~number] * tick)
        if not number.all():
            found = _chosen(found, number)
            seen = glance(found.ts, found.p, small=small)
        trace.note("negative", found.ts[found.p < 0.0] * tick)
        trace.note("unit", found.ts[found.p > IMPLAUSIBLE_MPA] * tick)
    if not undated and len(found.ts):
        earliest, latest = EARLIEST_US // tick, LATEST_US // tick
        if not trace.cover(found.ts, tick, earliest, latest, seen.steps):
            dated = (found.ts >= earliest) & (found.ts < latest)
            trace.note("clock", found.ts[~dated] * tick)
            found = _chosen(found, dated)
            seen = glance(found.ts, found.p, small=small)
            trace.cover(found.ts, tick, earliest, latest, seen.steps)
    return found._replace(whole=seen.whole)


def _chosen(found: Stretch, which: NDArray[np.bool_]) -> Stretch:
    rows = np.asarray(found.rows)[which]
    return found._replace(ts=found.ts[which], p=found.p[which], rows=rows)


def one_each(ts: Times, p: Pressures) -> tuple[Times, Pressures, int, int]:
    """Samples in the order of time with one pressure at a time, whatever order they came in.

    Of different pressures at one time the one nearest to the sample before is kept (the lowest of
    the first), for a spurious telegram jumps.

    Returns
    -------
    times, pressures, number of plain repetitions and number of other telegrams dropped
    """
    if not len(ts):
        return ts, p, 0, 0
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
