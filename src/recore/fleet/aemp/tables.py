"""Tables of what documents said, and the join of their pieces: each machine and moment once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.identity import Machine
from recore.fleet.aemp.values import EPOCH

TIME = pa.timestamp("us", tz="UTC")
CONFLICTS_TOLD = 100
SAME = 1e-9  # relative; what two units of one value may differ by
OTHER = "another value for this machine and moment came first"
ELEMENT = {value.column: element.names[0] for element in v.ELEMENTS for value in element.values}

MACHINES = pa.schema([(name, pa.string()) for name in ("machine", "pin", "make", "model", "serial")])
READINGS = pa.schema(
    [("machine", pa.string()), ("ts", TIME), *((column, pa.float64()) for column in v.COLUMNS)]
)
EVENTS = pa.schema(
    [
        ("machine", pa.string()),
        ("ts", TIME),
        ("kind", pa.string()),
        ("code", pa.string()),
        ("description", pa.string()),
        ("severity", pa.string()),
        ("source", pa.string()),
    ]
)


@dataclass
class Normalised:
    """What documents said.

    Parameters
    ----------
    machines, readings, events : tables with the schemas MACHINES, READINGS, EVENTS; readings hold only the columns
        that occur
    rejected : what was left out: file, machine, time, element, value, reason
    conflicts : values that differ from the one that came first for their machine and moment, and were left out
    conflict_records : the first of them, as `rejected`, and the value that was kept
    """

    machines: pa.Table
    readings: pa.Table
    events: pa.Table
    rejected: list[dict[str, Any]] = field(default_factory=list)
    conflicts: int = 0
    conflict_records: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Part:
    """Records of one piece of a file; machines are numbers, a value that is not there is NaN."""

    where: str
    machine: NDArray[np.int32]
    ts: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]


@dataclass
class Taken:
    """What was taken from some files, not joined yet."""

    machines: list[Machine] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    conflicts: int = 0
    conflict_records: list[dict[str, Any]] = field(default_factory=list)

    def conflict(self, where: str, machine: int, ts: int, column: str, value: float, kept: float) -> None:
        self.conflicts += 1
        if len(self.conflict_records) < CONFLICTS_TOLD:
            self.conflict_records.append(
                {
                    "file": where,
                    "machine": self.machines[machine].json(),
                    "time": iso(ts),
                    "element": ELEMENT[column],
                    "column": column,
                    "value": value,
                    "kept": kept,
                    "reason": OTHER,
                }
            )

    def finish(self) -> Normalised:
        """Everything that was taken, each machine and moment once."""
        keys = pa.array([m.key for m in self.machines], pa.string())
        machines = pa.Table.from_arrays(
            [keys, *(pa.array([m[i] or None for m in self.machines], pa.string()) for i in range(4))],
            schema=MACHINES,
        )
        events = list(zip(*self.events, strict=True)) if self.events else [()] * 7
        event_table = pa.Table.from_arrays(
            [
                keys.take(pa.array(events[0], pa.int64())),
                pa.array(events[1], pa.int64()).cast(pa.timestamp("us")).cast(TIME),
                *(pa.array(column, pa.string()) for column in events[2:]),
            ],
            schema=EVENTS,
        )
        readings = self._readings(keys)
        return Normalised(
            machines, readings, event_table, self.rejected, self.conflicts, self.conflict_records
        )

    def _readings(self, keys: pa.Array) -> pa.Table:
        parts, self.parts = self.parts, []
        machine = np.concatenate([np.empty(0, np.int32), *(p.machine for p in parts)])
        ts = np.concatenate([np.empty(0, np.int64), *(p.ts for p in parts)])
        order = np.lexsort((ts, machine))
        first = np.ones(len(order), bool)
        first[1:] = np.diff(machine[order]).astype(bool) | np.diff(ts[order]).astype(bool)
        heads = order[first]
        arrays = [
            keys.take(pa.array(machine[heads])),
            pa.array(ts[heads]).cast(pa.timestamp("us")).cast(TIME),
        ]
        names = ["machine", "ts"]
        group = np.empty(len(order), np.int64)
        group[order] = np.cumsum(first) - 1
        for name in v.COLUMNS:
            pieces = [p.columns.pop(name, None) for p in parts]
            if all(piece is None for piece in pieces):
                continue
            values = np.concatenate(
                [
                    np.full(len(p.ts), np.nan) if piece is None else piece
                    for p, piece in zip(parts, pieces, strict=True)
                ]
            )
            column = first_told(group, values, len(heads))
            if len(heads) < len(order):
                starts = np.cumsum([0, *(len(p.ts) for p in parts)])
                for i in differing(column[group], values):
                    where = parts[int(np.searchsorted(starts, i, "right")) - 1].where
                    self.conflict(
                        where, machine[i], int(ts[i]), name, float(values[i]), float(column[group[i]])
                    )
            arrays.append(pa.array(column, from_pandas=True))
            names.append(name)
        return pa.Table.from_arrays(arrays, names=names)


def first_told(record: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The first value of each record that is one."""
    column = np.full(count, np.nan)
    told = np.flatnonzero(~np.isnan(values))[::-1]
    column[record[told]] = values[told]
    return column


def differing(kept: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of values that are not the ones that were kept."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.abs(kept - values) > SAME * np.maximum(np.abs(kept), np.abs(values)))


def joined(pieces: Sequence[Taken]) -> Taken:
    """One of several, in their order; machines are numbered anew."""
    if len(pieces) == 1:
        return pieces[0]
    whole, numbers = Taken(), dict[str, int]()
    for piece in pieces:
        new = np.empty(len(piece.machines), np.int32)
        for i, machine in enumerate(piece.machines):
            new[i] = number = numbers.setdefault(machine.key, len(whole.machines))
            if number == len(whole.machines):
                whole.machines.append(machine)
        for part in piece.parts:
            part.machine = new[part.machine]
        whole.parts += piece.parts
        whole.events += [(int(new[event[0]]), *event[1:]) for event in piece.events]
        whole.rejected += piece.rejected
        whole.conflicts += piece.conflicts
        whole.conflict_records += piece.conflict_records
    del whole.conflict_records[CONFLICTS_TOLD:]
    return whole


def iso(ts: int) -> str:
    return (EPOCH + timedelta(microseconds=ts)).strftime("%Y-%m-%dT%H:%M:%SZ")
