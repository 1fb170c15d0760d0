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
from recore.fleet.aemp import book, kernel, read
from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.identity import Machine, from_path
from recore.fleet.aemp.identity import machine as identified
from recore.fleet.aemp.records import Owners, Records, events_of
from recore.fleet.aemp.shred import Shred
from recore.fleet.aemp.tables import (
    Events,
    Normalised,
    Part,
    Saying,
    Taken,
    differing,
    first_told,
    iso,
    joined,
)
from recore.fleet.aemp.values import REASONS, cells, micros, moments, times

if TYPE_CHECKING:
    from recore.fleet.aemp.decode_rows import Decoded

# telematics of machines began about then; earlier is a clock's birthday
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=10)  # how far a clock may be ahead of ours
DECODED_FROM = 2_000  # rows of a piece; the same of the one for rows
COMPILED_FROM = 500_000  # rows; loading or even compiling the kernels pays for many only
_MEASURED = np.zeros(v.ELEMENTS[-1].code + 1, bool)
_MEASURED[[element.code for element in v.ELEMENTS if element.values]] = True
_EVENT = np.zeros(v.ELEMENTS[-1].code + 1, bool)
_EVENT[[element.code for element in v.ELEMENTS if element.event]] = True


Texts = tuple[
    str, bytes, bytes, bytes, bytes
]  # kind of document, PIN, make, model, serial number as it has them


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
        self._scanners = read.Scanners(micros(EARLIEST), self._latest)
        self._numbers: dict[str, int] = {}
        self._headers: dict[Texts, int] = {}
        self._sayings: dict[Saying, int] = {}
        self.taken = Taken()

    def turn(self) -> Taken:
        """What was taken until now; what comes next has the same numbers of machines."""
        taken = self.taken
        self.taken = Taken(machines=taken.machines, sayings=taken.sayings)
        return taken

    def file(self, path: Path) -> None:
        """Take a file: by the fast scanner, and by the slow and sure reader where that finds it out of the ordinary.

        Raises
        ------
        BadInput : it cannot be read; its name is told
        """
        if not (self._fast and self.scanned(path)):
            self.document(read.read(path), path.name)

    def scanned(self, path: Path) -> bool:
        """Take a file by the fast scanner; False where that leaves it to the other reader."""
        taken = self.taken
        lists: tuple[list[Any], ...] = (
            taken.parts,
            taken.events,
            taken.seen,
            taken.rejected,
            taken.conflict_records,
        )
        marks, conflicts = [len(items) for items in lists], taken.conflicts
        for careful in (False, True):
            try:
                self.document(read.scanned(path, self._scanners, careful), path.name)
                return True
            except (read.NotPlain, read.Again) as said:
                for items, mark in zip(lists, marks, strict=True):
                    del items[mark:]
                taken.conflicts = conflicts
                if isinstance(said, read.NotPlain):
                    break
        return False

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
        owners, whole = self._owners(shred, whole)
        picked = np.flatnonzero(rows[:, v.CODE_COLUMN] > v.DOCUMENT)
        machine = owners.of(rows[picked, v.EQUIPMENT_COLUMN])
        if (machine < 0).any():
            self._unknown(rows[picked[machine < 0], v.EQUIPMENT_COLUMN], shred, where)
            picked, machine = picked[machine >= 0], machine[machine >= 0]
        decoded = None
        if self._fast and len(picked) > DECODED_FROM:
            from recore.fleet.aemp.decode_rows import decode

            decoded = decode(np.frombuffer(shred.text, np.uint8), rows)
        ts, states = moments(shred, picked, decoded)
        missing = states == kernel.EMPTY
        ts[missing] = snapshot
        wrong = (states == kernel.ODD) | (ts < micros(EARLIEST)) | (ts > self._latest)
        if wrong.any():
            self._wrong_times(shred, picked, machine, ts, states, wrong, snapshot, where)
            picked, machine, ts = picked[~wrong], machine[~wrong], ts[~wrong]
        codes = rows[picked, v.CODE_COLUMN]
        records = [self._columns(shred, picked, machine, ts, codes, where, decoded)]
        events = [self._event_rows(shred, picked, machine, ts, codes)]
        if shred.book is not None:
            of_book = shred.book.records[: shred.book.told]
            numbers = shred.book.keys[:, book.VERDICT].astype(np.int32)
            records.append(Records.of(shred.book, numbers))
            events.append(events_of(shred.book, numbers))
            owners.add(of_book[:, 0], records[-1].machine)
        self.taken.seen.append(owners.seen())
        self._put(records, events, where)
        return whole

    def _put(self, records: list[Records], events: list[NDArray[np.int64]], where: str) -> None:
        told = [piece for piece in records if len(piece.ts)]
        if len(told) > 1:
            order = np.argsort(np.concatenate([piece.equipment for piece in told]), kind="stable")
            names = [name for name in v.COLUMNS if any(name in piece.columns for piece in told)]
            columns = {
                name: np.concatenate(
                    [piece.columns.get(name, np.full(len(piece.ts), np.nan)) for piece in told]
                )[order]
                for name in names
            }
            machine, ts = (np.concatenate([piece[i] for piece in told])[order] for i in (1, 2))
            self.taken.parts.append(Part(where, machine, ts, columns))
        elif told:
            self.taken.parts.append(Part(where, told[0].machine, told[0].ts, told[0].columns))
        said = np.concatenate(events)
        if len(said):  # columns: equipment, element, machine, time, saying
            said = said[np.lexsort((said[:, 0], said[:, 1]))]
            self.taken.events.append(
                Events(said[:, 2].astype(np.int32), said[:, 3].copy(), said[:, 4].astype(np.int32))
            )

    def _columns(
        self,
        shred: Shred,
        picked: NDArray[np.int64],
        machine: NDArray[np.int32],
        ts: NDArray[np.int64],
        codes: NDArray[np.int64],
        where: str,
        decoded: Decoded | None,
    ) -> Records:
        # records of this shred: machine and moment within one equipment
        of = np.flatnonzero(_MEASURED[codes])
        if not len(of):
            return Records(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64), {})
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
        return Records(
            equipment[first][alive],
            machine[heads][alive].astype(np.int32),
            ts[heads][alive],
            {name: column[alive] for name, column in columns.items()},
        )

    def _owners(self, shred: Shred, whole: Machine) -> tuple[Owners, Machine]:
        rows, text, kept = shred.rows, shred.text, shred.book
        s = v.SLOT_COLUMN
        found: list[tuple[int, Texts, int]] = [
            (equipment, (shred.raw, text[g:h], text[a:b], text[c:d], text[e:f]), -1)
            for equipment, a, b, c, d, e, f, g, h in rows[rows[:, v.CODE_COLUMN] == v.HEADER][
                :, [0, *range(s, s + 8)]
            ].tolist()
        ]
        if kept is not None:
            for key in kept.new():
                texts = kept.texts(key)
                if (code := int(kept.keys[key, book.CODE])) == v.HEADER:
                    since = int(kept.keys[key, book.SINCE])
                    found.append((since, (shred.raw, texts[3], texts[0], texts[1], texts[2]), key))
                else:
                    saying = self._saying(code, [shred.decoded(part) for part in texts])
                    kept.keys[key, book.VERDICT] = saying
            found.sort(key=lambda item: item[0])
        owners = Owners()
        for equipment, texts_of, key in found:
            if equipment == 0:
                said = identified([shred.decoded(part) for part in texts_of[1:]])
                whole = said if said.known else whole
                continue
            number = self._headers.get(texts_of)
            if number is None:
                number = self._number(identified([shred.decoded(part) for part in texts_of[1:]]))
                self._headers[texts_of] = number
            if key >= 0 and kept is not None:
                kept.keys[key, book.VERDICT] = number
            else:
                owners.put(equipment, number)
        if kept is not None and kept.nobody():
            raise read.Again
        if whole.known:
            owners.whole(self._number(whole))
        return owners, whole

    def _saying(self, code: int, texts: list[str]) -> int:
        """Number of what an event says."""
        kind, said = v.BY_CODE[code].event, [visible(text) for text in texts]
        is_input = kind == "input"
        saying = (
            kind,
            said[4] or said[0] if is_input else said[0],
            said[1],
            said[2] or said[0] if is_input else said[2],
            said[3],
        )
        number = self._sayings.setdefault(saying, len(self.taken.sayings))
        if number == len(self.taken.sayings):
            self.taken.sayings.append(saying)
        return number

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
                    "machine": int(machine[i]),
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
                "machine": int(machine),
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
        codes: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Events of rows: equipment, element, machine, time, saying."""
        chosen = np.flatnonzero(_EVENT[codes])
        made = np.empty((len(chosen), 5), np.int64)
        for i, at in enumerate(chosen.tolist()):
            row = int(picked[at])
            said = self._saying(int(codes[at]), [shred.at(row, slot) for slot in range(v.SLOTS)])
            made[i] = shred.rows[row, v.EQUIPMENT_COLUMN], codes[at], machine[at], ts[at], said
        return made

    def finish(self) -> Normalised:
        """Everything that was taken, each machine and moment once."""
        taken, self.taken = self.taken, Taken()
        self._numbers, self._headers, self._sayings = {}, {}, {}
        self._scanners = read.Scanners(micros(EARLIEST), self._latest)
        return joined([taken]).finish()


def _all_nan(columns: dict[str, NDArray[np.float64]], count: int) -> NDArray[np.bool_]:
    empty = np.ones(count, bool)
    for column in columns.values():
        empty &= np.isnan(column)
    return empty


def _sorted(equipment: NDArray[np.int64], ts: NDArray[np.int64]) -> bool:
    same = equipment[1:] == equipment[:-1]
    return bool(((equipment[1:] > equipment[:-1]) | (same & (ts[1:] >= ts[:-1]))).all())
