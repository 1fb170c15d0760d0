"""Shredded documents into readings: one row for each machine and moment, in one unit for each column.

A machine is known by its PIN, else by make, model and serial number. What cannot be is told with its reason and left
out: a time that is missing, before 2000 or in the future, a value that is no number or that no machine can have. An
impossible meter reading takes the whole record with it; any other impossible value only itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import visible
from recore.fleet.aemp import kernel, read
from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.identity import Machine, from_path
from recore.fleet.aemp.identity import machine as identified
from recore.fleet.aemp.shred import Shred
from recore.fleet.aemp.tables import Normalised, Part, Taken, differing, first_told, iso
from recore.fleet.aemp.values import REASONS, cells, micros, moments, times

if TYPE_CHECKING:
    from recore.fleet.aemp.decode import Decoded

# telematics of machines began about then; earlier is a clock's birthday
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=10)  # how far a clock may be ahead of ours
COMPILED_FROM = 500_000  # rows; loading or even compiling the kernels pays for many only
_MEASURED = np.zeros(v.ELEMENTS[-1].code + 1, bool)
_MEASURED[[element.code for element in v.ELEMENTS if element.values]] = True
_EVENTS = [(element.code, element.event) for element in v.ELEMENTS if element.event]


class Normaliser:
    """Takes the shreds of many documents.

    Parameters
    ----------
    now : times later than this are of the future
    fast : by the compiled kernels from the first row on
    """

    def __init__(self, now: datetime, *, fast: bool = False) -> None:
        self._latest = micros(now + AHEAD)
        self._fast, self._rows = fast, 0
        self._numbers: dict[str, int] = {}
        self._seen: dict[tuple[bytes, ...], int] = {}
        self.taken = Taken()

    def file(self, path: Path) -> None:
        """Take a file: by the fast scanner, and by the slow and sure reader where that finds it out of the ordinary.

        Raises
        ------
        BadInput : it cannot be read; its name is told
        """
        if self._fast:
            taken = self.taken
            marks = len(taken.parts), len(taken.events), len(taken.rejected), len(taken.conflict_records)
            conflicts = taken.conflicts
            try:
                self.document(read.scanned(path), path.name)
                return
            except read.NotPlain:
                lists: tuple[list[Any], ...] = (
                    taken.parts,
                    taken.events,
                    taken.rejected,
                    taken.conflict_records,
                )
                for items, mark in zip(lists, marks, strict=True):
                    del items[mark:]
                taken.conflicts = conflicts
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
                moment, states = times(shred, np.array([row]))
                snapshot = int(moment[0]) if states[0] == kernel.GOOD else snapshot
            if not whole.known:
                for row in np.flatnonzero(codes == v.LINK):
                    if not whole.known and shred.at(int(row), 0).lower() == "self":
                        whole = from_path(shred.at(int(row), 1))
            whole = self._shred(shred, snapshot, whole, where)

    def _shred(self, shred: Shred, snapshot: int, whole: Machine, where: str) -> Machine:
        rows = shred.rows
        self._rows += len(rows)
        self._fast |= self._rows > COMPILED_FROM
        owner, whole = self._owners(shred, whole)
        data = rows[:, v.CODE_COLUMN] > v.DOCUMENT
        picked = np.flatnonzero(data)
        if not len(picked):
            return whole
        machine = owner[rows[picked, v.EQUIPMENT_COLUMN]]
        if (machine < 0).any():
            self._unknown(rows[picked[machine < 0], v.EQUIPMENT_COLUMN], shred, where)
            picked, machine = picked[machine >= 0], machine[machine >= 0]
        decoded = None
        if self._fast:
            from recore.fleet.aemp.decode import decode

            decoded = decode(np.frombuffer(shred.text, np.uint8), rows)
        ts, states = moments(shred, picked, decoded)
        missing = states == kernel.EMPTY
        ts[missing] = snapshot
        wrong = (states == kernel.ODD) | (ts < micros(EARLIEST)) | (ts > self._latest)
        if wrong.any():
            self._wrong_times(shred, picked, machine, ts, states, wrong, snapshot, where)
            picked, machine, ts = picked[~wrong], machine[~wrong], ts[~wrong]
        codes = rows[picked, v.CODE_COLUMN]
        self._columns(shred, picked, machine, ts, codes, where, decoded)
        for code, kind in _EVENTS:
            if (chosen := codes == code).any():
                self._event_rows(shred, picked, machine, ts, chosen, kind)
        return whole

    def _columns(
        self,
        shred: Shred,
        picked: NDArray[np.int64],
        machine: NDArray[np.int32],
        ts: NDArray[np.int64],
        codes: NDArray[np.int64],
        where: str,
        decoded: Decoded | None,
    ) -> None:
        # records of this shred: machine and moment within one equipment
        of = np.flatnonzero(_MEASURED[codes])
        if not len(of):
            return
        equipment = shred.rows[picked[of], v.EQUIPMENT_COLUMN]
        moments = ts[of]
        if not _sorted(equipment, moments):
            order = np.lexsort((moments, equipment))
            of, equipment, moments = of[order], equipment[order], moments[order]
        first = np.ones(len(of), bool)
        first[1:] = (equipment[1:] != equipment[:-1]) | (moments[1:] != moments[:-1])
        record = np.full(len(picked), -1)
        record[of] = np.cumsum(first) - 1
        count = int(first.sum())
        heads = of[first]
        dead = np.zeros(count, bool)
        columns: dict[str, NDArray[np.float64]] = {}
        by_code = np.argsort(codes, kind="stable")
        cuts = np.searchsorted(codes[by_code], np.arange(v.ELEMENTS[-1].code + 2))
        for element in v.ELEMENTS:
            here = by_code[cuts[element.code] : cuts[element.code + 1]]
            if not len(here):
                continue
            for value in element.values:
                got, reasons = cells(shred, picked[here], value, decoded)
                for i in np.flatnonzero(reasons > 0):
                    at = here[i]
                    fatal = value.column == "hours_h"
                    if not (fatal and dead[record[at]]):
                        said = shred.at(int(picked[at]), value.slot)
                        self._reject(shred, where, machine[at], ts[at], element, said, REASONS[reasons[i]])
                    if fatal:
                        dead[record[at]] = True
                if np.isnan(got).all():
                    continue
                column = first_told(record[here], got, count)
                for i in differing(column[record[here]], got):
                    at = here[i]
                    kept = float(column[record[at]])
                    self.taken.conflict(where, machine[at], int(ts[at]), value.column, float(got[i]), kept)
                columns[value.column] = column
        alive = ~dead & ~_all_nan(columns, count)
        self.taken.parts.append(
            Part(
                where,
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
                found = identified([shred.decoded(part) for part in key])
                whole = found if found.known else whole
                continue
            number = self._seen.get(key)
            if number is None:
                number = self._seen[key] = self._number(identified([shred.decoded(part) for part in key]))
            owner[equipment] = number
        if whole.known:
            owner[0] = self._number(whole)
        return owner, whole

    def _number(self, machine: Machine) -> int:
        if not machine.known:
            return -1
        number = self._numbers.setdefault(machine.key, len(self.taken.machines))
        if number == len(self.taken.machines):
            self.taken.machines.append(machine)
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
            self.taken.rejected.append(
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
            self.taken.rejected.append(
                {
                    "file": where,
                    "machine": self.taken.machines[machine[i]].json(),
                    "time": visible(text)[:80],
                    "reason": reason,
                }
            )

    def _reject(
        self, shred: Shred, where: str, machine: int, ts: int, element: v.Element, value: str, reason: str
    ) -> None:
        self.taken.rejected.append(
            {
                "file": where,
                "machine": self.taken.machines[machine].json(),
                "time": iso(int(ts)),
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
            self.taken.events.append((int(machine[i]), int(ts[i]), kind, code, texts[1], state, texts[3]))

    def finish(self) -> Normalised:
        """Everything that was taken, each machine and moment once."""
        taken, self.taken = self.taken, Taken()
        self._numbers, self._seen = {}, {}
        return taken.finish()


def _all_nan(columns: dict[str, NDArray[np.float64]], count: int) -> NDArray[np.bool_]:
    empty = np.ones(count, bool)
    for column in columns.values():
        empty &= np.isnan(column)
    return empty


def _sorted(equipment: NDArray[np.int64], ts: NDArray[np.int64]) -> bool:
    same = equipment[1:] == equipment[:-1]
    return bool(((equipment[1:] > equipment[:-1]) | (same & (ts[1:] >= ts[:-1]))).all())
