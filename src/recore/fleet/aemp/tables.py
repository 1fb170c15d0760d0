"""Tables of what documents said, and the join of their pieces: each machine and moment once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

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
THERE = "another value for this machine and moment is in the database"
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


class Files(NamedTuple):
    """Which file each reading came from first."""

    names: list[str]
    of: NDArray[np.int32]


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
    files : where each reading came from first
    """

    machines: pa.Table
    readings: pa.Table
    events: pa.Table
    rejected: list[dict[str, Any]] = field(default_factory=list)
    conflicts: int = 0
    conflict_records: list[dict[str, Any]] = field(default_factory=list)
    files: Files = field(default_factory=lambda: Files([], np.empty(0, np.int32)))


@dataclass
class Part:
    """Records of one piece of a file; machines are numbers, a value that is not there is NaN."""

    where: str
    machine: NDArray[np.int32]
    ts: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]


@dataclass
class Events:
    """Events of one piece of a file; machines and sayings are numbers."""

    machine: NDArray[np.int32]
    ts: NDArray[np.int64]
    saying: NDArray[np.int32]


Saying = tuple[str, str, str, str, str]  # kind, code, description, severity, source


@dataclass
class Taken:
    """What was taken from some files, not joined yet.

    Parameters
    ----------
    machines, sayings : what the numbers mean; several of one reader may share them
    seen : numbers of machines as they came
    rejected, conflict_records : machines are numbers until they are joined
    """

    machines: list[Machine] = field(default_factory=list)
    sayings: list[Saying] = field(default_factory=list)
    seen: list[NDArray[np.int32]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    events: list[Events] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    conflicts: int = 0
    conflict_records: list[dict[str, Any]] = field(default_factory=list)

    def conflict(self, where: str, machine: int, ts: int, column: str, value: float, kept: float) -> None:
        self.conflicts += 1
        if len(self.conflict_records) < CONFLICTS_TOLD:
            self.conflict_records.append(
                {
                    "file": where,
                    "machine": int(machine),
                    "time": iso(ts),
                    "element": ELEMENT[column],
                    "column": column,
                    "value": value,
                    "kept": kept,
                    "reason": OTHER,
                }
            )

    def finish(self) -> Normalised:
        """Everything that was joined, each machine and moment once."""
        keys = pa.array([m.key for m in self.machines], pa.string())
        machines = pa.Table.from_arrays(
            [keys, *(pa.array([m[i] or None for m in self.machines], pa.string()) for i in range(4))],
            schema=MACHINES,
        )
        events = self._events(keys)
        readings, files = self._readings(keys)
        for record in (*self.rejected, *self.conflict_records):
            if isinstance(number := record.get("machine"), int):
                record["machine"] = self.machines[number].json()
        return Normalised(
            machines, readings, events, self.rejected, self.conflicts, self.conflict_records, files
        )

    def _events(self, keys: pa.Array) -> pa.Table:
        events, self.events = self.events, []
        machine = np.concatenate([np.empty(0, np.int32), *(e.machine for e in events)])
        ts = np.concatenate([np.empty(0, np.int64), *(e.ts for e in events)])
        spoken = np.concatenate([np.empty(0, np.int32), *(e.saying for e in events)])
        # an event is known by machine, moment, kind and code; of several the first stands
        codes = {text[:2]: i for i, text in reversed(list(enumerate(self.sayings)))}
        code = np.array([codes[text[:2]] for text in self.sayings], np.int32)[spoken]
        order = np.lexsort((code, ts, machine))
        first = np.ones(len(order), bool)
        for column in (code, ts, machine):
            first[1:] &= column[order][1:] == column[order][:-1]
        first[1:] = ~first[1:]
        kept = np.sort(order[first])
        machine, ts, saying = machine[kept], ts[kept], pa.array(spoken[kept])
        said = [pa.array([text[i] for text in self.sayings], pa.string()) for i in range(5)]
        return pa.Table.from_arrays(
            [
                keys.take(pa.array(machine)),
                pa.array(ts).cast(pa.timestamp("us")).cast(TIME),
                *(texts.take(saying) for texts in said),
            ],
            schema=EVENTS,
        )

    def _readings(self, keys: pa.Array) -> tuple[pa.Table, Files]:
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
        names_of = list(dict.fromkeys(p.where for p in parts))
        numbers = {name: number for number, name in enumerate(names_of)}
        told = [np.full(len(p.ts), numbers[p.where], np.int32) for p in parts]
        files = Files(names_of, np.concatenate([np.empty(0, np.int32), *told])[heads])
        return pa.Table.from_arrays(arrays, names=names), files


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
    """One of several, in their order; machines are numbered anew, as they came."""
    whole, numbers, sayings = Taken(), dict[str, int](), dict[Saying, int]()
    renumbered: dict[int, tuple[NDArray[np.int32], NDArray[np.int32]]] = {}
    for piece in pieces:
        # readers that share their numbers have them renumbered once
        machine, saying = renumbered.get(id(piece.machines), (np.empty(0, np.int32), np.empty(0, np.int32)))
        machine = np.concatenate([machine, np.full(len(piece.machines) - len(machine), -1, np.int32)])
        for i in (seen := np.concatenate([np.empty(0, np.int32), *piece.seen]))[machine[seen] < 0].tolist():
            number = numbers.setdefault(piece.machines[i].key, len(whole.machines))
            machine[i] = number
            if number == len(whole.machines):
                whole.machines.append(piece.machines[i])
        new = [sayings.setdefault(said, len(sayings)) for said in piece.sayings[len(saying) :]]
        saying = np.concatenate([saying, np.array(new, np.int32)])
        renumbered[id(piece.machines)] = machine, saying
        for part in piece.parts:
            part.machine = machine[part.machine]
        for event in piece.events:
            event.machine, event.saying = machine[event.machine], saying[event.saying]
        for record in (*piece.rejected, *piece.conflict_records):
            if isinstance(who := record.get("machine"), int):
                record["machine"] = int(machine[who])
        whole.parts += piece.parts
        whole.events += piece.events
        whole.rejected += piece.rejected
        whole.conflicts += piece.conflicts
        whole.conflict_records += piece.conflict_records
    whole.sayings = list(sayings)
    whole.seen = [np.arange(len(whole.machines), dtype=np.int32)]
    del whole.conflict_records[CONFLICTS_TOLD:]
    return whole


def iso(ts: int) -> str:
    return (EPOCH + timedelta(microseconds=ts)).strftime("%Y-%m-%dT%H:%M:%SZ")
