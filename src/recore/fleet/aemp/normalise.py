"""Shredded documents into readings: one row for each machine and moment, in one unit for each column.

A machine is known by its PIN, else by make, model and serial number. What cannot be is told with its reason and left
out: a time that is missing, before 2000 or in the future, a value that is no number or that no machine can have. An
impossible meter reading takes the whole record with it; any other impossible value only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.errors import visible
from recore.fleet.aemp import kernel
from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.shred import Shred
from recore.fleet.aemp.values import EPOCH, REASONS, micros, times, values

EARLIEST = datetime(
    2000, 1, 1, tzinfo=UTC
)  # telematics of machines began about then; earlier is a clock's birthday
AHEAD = timedelta(minutes=10)  # how far a clock may be ahead of ours
TIME = pa.timestamp("us", tz="UTC")


class Machine(NamedTuple):
    """Who a machine is."""

    pin: str
    make: str
    model: str
    serial: str

    @property
    def key(self) -> str:
        """Text that tells machines apart; PINs are compared without case."""
        if self.pin:
            return f"pin:{self.pin.upper()}"
        return f"serial:{self.make}|{self.model}|{self.serial}" if self.known else ""

    @property
    def known(self) -> bool:
        return bool(self.pin or (self.make and self.model and self.serial))

    def json(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text}


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
    """

    machines: pa.Table
    readings: pa.Table
    events: pa.Table
    rejected: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Part:
    machine: NDArray[np.int32]
    ts: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]


class Normaliser:
    """Takes the shreds of many documents.

    Parameters
    ----------
    now : times later than this are of the future
    """

    def __init__(self, now: datetime) -> None:
        self._latest = micros(now + AHEAD)
        self._numbers: dict[str, int] = {}
        self._machines: list[Machine] = []
        self._seen: dict[tuple[bytes, ...], int] = {}
        self._parts: list[_Part] = []
        self._events: list[tuple[Any, ...]] = []
        self.rejected: list[dict[str, Any]] = []

    def files(self, paths: Sequence[Path], progress: Callable[[float, str], None] | None = None) -> None:
        """Take files: by the fast scanner, and by the slow and sure one where that finds one out of the ordinary.

        The next piece is scanned while this one is sorted.
        """
        from recore.fleet.aemp import read

        with read.Ahead(paths) as ahead:
            for number, (path, shreds) in enumerate(ahead.documents()):
                if progress:
                    progress(number / len(paths), f"reading {path.name}")
                marks = len(self._parts), len(self._events), len(self.rejected)
                try:
                    self.document(shreds, path.name)
                except read.NotPlain:
                    del self._parts[marks[0] :], self._events[marks[1] :], self.rejected[marks[2] :]
                    self.document(read.read(path), path.name)

    def document(self, shreds: Iterable[Shred], where: str, asked: Machine | None = None) -> None:
        """Take one document.

        Parameters
        ----------
        where : its name, for what is rejected
        asked : the machine that the request named; time-series documents need not repeat it
        """
        snapshot, whole = 0, asked if asked is not None else Machine("", "", "", "")
        for shred in shreds:
            codes = shred.rows[:, v.CODE_COLUMN]
            for row in np.flatnonzero(codes == v.DOCUMENT):
                values, states = times(shred, np.array([row]))
                snapshot = int(values[0]) if states[0] == kernel.GOOD else snapshot
            if not whole.known:
                for row in np.flatnonzero(codes == v.LINK):
                    if not whole.known and shred.at(int(row), 0).lower() == "self":
                        whole = from_path(shred.at(int(row), 1))
            whole = self._shred(shred, snapshot, whole, where)

    def _shred(self, shred: Shred, snapshot: int, whole: Machine, where: str) -> Machine:
        rows = shred.rows
        owner, whole = self._owners(shred, whole)
        data = rows[:, v.CODE_COLUMN] > v.DOCUMENT
        picked = np.flatnonzero(data)
        if not len(picked):
            return whole
        machine = owner[rows[picked, v.EQUIPMENT_COLUMN]]
        self._unknown(rows[picked[machine < 0], v.EQUIPMENT_COLUMN], shred, where)
        picked, machine = picked[machine >= 0], machine[machine >= 0]
        ts, states = times(shred, picked)
        missing = states == kernel.EMPTY
        ts[missing] = snapshot
        wrong = (states == kernel.ODD) | (ts < micros(EARLIEST)) | (ts > self._latest)
        self._wrong_times(shred, picked, machine, ts, states, wrong, snapshot, where)
        picked, machine, ts = picked[~wrong], machine[~wrong], ts[~wrong]
        codes = rows[picked, v.CODE_COLUMN]
        self._columns(shred, picked, machine, ts, codes, where)
        for element in v.ELEMENTS:
            if element.event:
                self._event_rows(shred, picked, machine, ts, codes == element.code, element.event)
        return whole

    def _columns(
        self,
        shred: Shred,
        picked: NDArray[np.int64],
        machine: NDArray[np.int32],
        ts: NDArray[np.int64],
        codes: NDArray[np.int64],
        where: str,
    ) -> None:
        # records of this shred: machine and moment within one equipment
        measured = np.isin(codes, [e.code for e in v.ELEMENTS if e.values])
        equipment = shred.rows[picked, v.EQUIPMENT_COLUMN]
        order = np.lexsort((ts[measured], equipment[measured]))
        of = np.flatnonzero(measured)[order]
        if not len(of):
            return
        first = np.ones(len(of), bool)
        first[1:] = (equipment[of[1:]] != equipment[of[:-1]]) | (ts[of[1:]] != ts[of[:-1]])
        record = np.full(len(picked), -1)
        record[of] = np.cumsum(first) - 1
        count = int(first.sum())
        heads = of[first]
        dead = np.zeros(count, bool)
        columns: dict[str, NDArray[np.float64]] = {}
        for element in v.ELEMENTS:
            here = np.flatnonzero(codes == element.code) if element.values else np.empty(0, np.int64)
            if not len(here):
                continue
            for value in element.values:
                got, reasons = values(shred, picked[here], value)
                for i in np.flatnonzero(reasons > 0):
                    at = here[i]
                    fatal = value.column == "hours_h"
                    if not (fatal and dead[record[at]]):
                        self._reject(
                            shred,
                            where,
                            machine[at],
                            ts[at],
                            element,
                            shred.at(int(picked[at]), value.slot),
                            REASONS[reasons[i]],
                        )
                    if fatal:
                        dead[record[at]] = True
                told = np.flatnonzero(~np.isnan(got))
                if len(told):
                    column = columns.setdefault(value.column, np.full(count, np.nan))
                    column[record[here[told[::-1]]]] = got[told[::-1]]  # of two the first stands
        alive = ~dead & ~_all_nan(columns, count)
        self._parts.append(
            _Part(
                machine[heads][alive].astype(np.int32),
                ts[heads][alive],
                {name: column[alive] for name, column in columns.items()},
            )
        )

    def _owners(self, shred: Shred, whole: Machine) -> tuple[NDArray[np.int32], Machine]:
        rows, text = shred.rows, shred.text
        headers = rows[rows[:, v.CODE_COLUMN] == v.HEADER]
        owner = np.full(int(rows[:, v.EQUIPMENT_COLUMN].max(initial=0)) + 1, -1, np.int32)
        s = v.SLOT_COLUMN
        for equipment, a, b, c, d, e, f, g, h in headers[:, [0, *range(s, s + 8)]].tolist():
            key = (text[g:h], text[a:b], text[c:d], text[e:f])
            if equipment == 0:
                found = _machine([shred.decoded(part) for part in key])
                whole = found if found.known else whole
                continue
            number = self._seen.get(key)
            if number is None:
                number = self._seen[key] = self._number(_machine([shred.decoded(part) for part in key]))
            owner[equipment] = number
        if whole.known:
            owner[0] = self._number(whole)
        return owner, whole

    def _number(self, machine: Machine) -> int:
        if not machine.known:
            return -1
        number = self._numbers.setdefault(machine.key, len(self._machines))
        if number == len(self._machines):
            self._machines.append(machine)
        return number

    def _unknown(self, equipment: NDArray[np.int64], shred: Shred, where: str) -> None:
        for number in np.unique(equipment):
            said: dict[str, str] = {}
            for row in np.flatnonzero(
                (shred.rows[:, 0] == number) & (shred.rows[:, v.CODE_COLUMN] == v.HEADER)
            ):
                pin, make, model, serial = (shred.at(int(row), slot) for slot in (3, 0, 1, 2))
                said = {
                    k: t
                    for k, t in zip(
                        ("pin", "make", "model", "serial"), (pin, make, model, serial), strict=True
                    )
                    if t
                }
            self.rejected.append(
                {
                    "file": where,
                    "machine": {name: visible(t)[:200] for name, t in said.items()},
                    "equipment": int(number),
                    "reason": "no identity: neither a PIN nor make, model and serial number",
                }
            )

    def _wrong_times(
        self,
        shred: Shred,
        picked: NDArray[np.int64],
        machine: NDArray[np.int32],
        ts: NDArray[np.int64],
        states: NDArray[np.int8],
        wrong: NDArray[np.bool_],
        snapshot: int,
        where: str,
    ) -> None:
        told: set[tuple[int, str]] = set()
        for i in np.flatnonzero(wrong):
            text = shred.at(int(picked[i]), -1)
            equipment = int(shred.rows[picked[i], v.EQUIPMENT_COLUMN])
            if (equipment, text) in told:
                continue  # one record, one line
            told.add((equipment, text))
            if states[i] == kernel.EMPTY and not snapshot:
                reason = "no time"
            elif states[i] == kernel.ODD:
                reason = "the time cannot be read"
            elif ts[i] > self._latest:
                reason = "a time in the future"
            else:
                reason = f"a time before {EARLIEST.year}"
            self.rejected.append(
                {
                    "file": where,
                    "machine": self._machines[machine[i]].json(),
                    "time": visible(text)[:80],
                    "reason": reason,
                }
            )

    def _reject(
        self, shred: Shred, where: str, machine: int, ts: int, element: v.Element, value: str, reason: str
    ) -> None:
        self.rejected.append(
            {
                "file": where,
                "machine": self._machines[machine].json(),
                "time": _iso(int(ts)),
                "element": element.names[0],
                "value": visible(value)[:80],
                "reason": reason,
            }
        )

    def _event_rows(
        self,
        shred: Shred,
        picked: NDArray[np.int64],
        machine: NDArray[np.int32],
        ts: NDArray[np.int64],
        chosen: NDArray[np.bool_],
        kind: str,
    ) -> None:
        for i in np.flatnonzero(chosen):
            row = int(picked[i])
            texts = [visible(shred.at(row, slot)) for slot in range(v.SLOTS)]
            code = texts[4] or texts[0] if kind == "input" else texts[0]
            state = texts[2] or texts[0] if kind == "input" else texts[2]
            self._events.append((int(machine[i]), int(ts[i]), kind, code, texts[1], state, texts[3]))

    def finish(self) -> Normalised:
        """Everything that was taken, each machine and moment once."""
        keys = pa.array([m.key for m in self._machines], pa.string())
        machines = pa.Table.from_arrays(
            [keys, *(pa.array([m[i] or None for m in self._machines], pa.string()) for i in range(4))],
            schema=MACHINES,
        )
        events = list(zip(*self._events, strict=True)) if self._events else [()] * 7
        event_table = pa.Table.from_arrays(
            [
                keys.take(pa.array(events[0], pa.int64())),
                pa.array(events[1], pa.int64()).cast(pa.timestamp("us")).cast(TIME),
                *(pa.array(column, pa.string()) for column in events[2:]),
            ],
            schema=EVENTS,
        )
        return Normalised(machines, self._readings(keys), event_table, self.rejected)

    def _readings(self, keys: pa.Array) -> pa.Table:
        parts, self._parts = self._parts, []
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
            if not any(name in p.columns for p in parts):
                continue
            column, at = np.full(len(heads), np.nan), len(order)
            for part in reversed(parts):  # of two values for one moment the first stands
                at -= len(part.ts)
                values = part.columns.get(name)
                if values is not None:
                    told = np.flatnonzero(~np.isnan(values))[::-1]
                    column[group[at + told]] = values[told]
            arrays.append(pa.array(column, mask=np.isnan(column)))
            names.append(name)
        return pa.Table.from_arrays(arrays, names=names)


def _all_nan(columns: dict[str, NDArray[np.float64]], count: int) -> NDArray[np.bool_]:
    empty = np.ones(count, bool)
    for column in columns.values():
        empty &= np.isnan(column)
    return empty


def _machine(key: Sequence[str]) -> Machine:
    texts = [visible(text).strip()[:200] for text in key]
    return Machine(*("" if text.lower() in v.NOTHING or not text.strip("0") else text for text in texts))


def from_path(address: str) -> Machine:
    """The machine that an address of the standard names, as in …/Equipment/ID/PIN/… or …/MakeModelSerial/M/M/S/…."""
    from urllib.parse import unquote, urlsplit

    parts = [unquote(part) for part in urlsplit(address).path.split("/")]
    lower = [part.lower() for part in parts]
    if "makemodelserial" in lower and len(parts) > (at := lower.index("makemodelserial")) + 3:
        return _machine(["", *parts[at + 1 : at + 4]])
    for word in ("id", "pin", "vin"):
        if word in lower and len(parts) > lower.index(word) + 1 and v.EQUIPMENT in lower:
            return _machine([parts[lower.index(word) + 1], "", "", ""])
    return Machine("", "", "", "")


def _iso(ts: int) -> str:
    return (EPOCH + timedelta(microseconds=ts)).strftime("%Y-%m-%dT%H:%M:%SZ")
