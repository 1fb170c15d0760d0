"""Whole equipments into records, compiled: one row for each moment, what is out of the ordinary left to Python."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.book import (
    AT,
    CODE,
    COLUMNS,
    EARLIEST,
    EVENTS,
    FIRST,
    HASH,
    KEYS,
    LATEST,
    LENGTHS,
    LONGEST,
    NEW,
    SINCE,
    TOLD,
    USED,
    VERDICT,
)
from recore.fleet.aemp.decode import (
    F64,
    I64,
    TABLES_TYPE,
    TEXT_TYPE,
    VALUES,
    byte,
    cell,
    compiled,
    inner,
    load,
    moment,
)
from recore.fleet.aemp.kernel import EMPTY, GOOD
from recore.fleet.aemp.tables import SAME

RECORDS: Final = 32  # different moments of one equipment
# counts, slots of the hash table, keys, arena, records (equipment, key, ts), values, events (equipment, code, key, said, ts),
# column of code and slot
BOOK_TYPE: Final = (
    f"Tuple(({I64}[::1], {I64}[::1], {I64}[:, ::1], Array(uint8, 1, 'C'), {I64}[:, ::1], {F64}[:, ::1], "
    f"{I64}[:, ::1], {I64}[:, ::1]))"
)
_EVENT: Final = -2  # in the table of columns


def _columns() -> NDArray[np.int64]:
    names = list(v.COLUMNS)
    made = np.full((v.ELEMENTS[-1].code + 1, VALUES), -1, np.int64)
    for element in v.ELEMENTS:
        if element.event:
            made[element.code, 0] = _EVENT
        for value in element.values:
            made[element.code, value.slot] = names.index(value.column)
    return made


@inner(f"{I64}({TEXT_TYPE}, {I64}[:, ::1], {I64}, {I64}, {I64}, {BOOK_TYPE})")
def _kept(
    text: NDArray[np.uint8], rows: NDArray[np.int64], of: Any, slots: Any, equipment: Any, book: Any
) -> Any:
    """Number of the texts of a row; -1 where there is no room."""
    counts, table, keys, arena, _, _, _, _ = book
    code = rows[of, v.CODE_COLUMN]
    state, total = np.uint64(code) * np.uint64(0x9E3779B97F4A7C15), np.int64(0)
    prime = np.uint64(0xC2B2AE3D27D4EB4F)
    for slot in range(slots):
        at, end = rows[of, v.SLOT_COLUMN + 2 * slot], rows[of, v.SLOT_COLUMN + 2 * slot + 1]
        if end - at > LONGEST:
            return np.int64(-1)
        total += end - at
        state = (state ^ np.uint64(end - at)) * prime
        while at + 8 <= end:
            state = (state ^ load(text, at)) * prime
            state ^= state >> np.uint64(31)
            at += 8
        while at < end:
            state = (state ^ np.uint64(byte(text, at))) * prime
            at += 1
    state ^= state >> np.uint64(29)
    whole = np.int64(state)
    mask = np.int64(len(table) - 1)
    place = whole & mask
    while table[place] >= 0:
        key = table[place]
        if keys[key, HASH] == whole and keys[key, CODE] == code:
            there, same = keys[key, AT], True
            for slot in range(slots):
                at, end = rows[of, v.SLOT_COLUMN + 2 * slot], rows[of, v.SLOT_COLUMN + 2 * slot + 1]
                if keys[key, LENGTHS + slot] != end - at:
                    same = False
                    break
                while same and at + 8 <= end:
                    same = load(text, at) == load(arena, there)
                    at += 8
                    there += 8
                while same and at < end:
                    same = byte(text, at) == byte(arena, there)
                    at += 1
                    there += 1
                if not same:
                    break
            if same:
                return key
        place = (place + 1) & mask
    key = counts[KEYS]
    if key >= len(keys) or counts[USED] + total > len(arena):
        return np.int64(-1)
    table[place] = key
    keys[key, CODE], keys[key, HASH], keys[key, AT], keys[key, SINCE] = code, whole, counts[USED], equipment
    to = counts[USED]
    for slot in range(slots):
        at, end = rows[of, v.SLOT_COLUMN + 2 * slot], rows[of, v.SLOT_COLUMN + 2 * slot + 1]
        keys[key, LENGTHS + slot] = end - at
        for i in range(at, end):
            arena[to] = byte(text, i)
            to += 1
    keys[key, VERDICT] = counts[FIRST]
    counts[USED], counts[KEYS] = to, key + 1
    return key


@inner(f"boolean({TEXT_TYPE}, {I64}[:, ::1], {I64}, {I64}, {I64}, {TABLES_TYPE}, {BOOK_TYPE})")
def _booked(
    text: NDArray[np.uint8],
    rows: NDArray[np.int64],
    begin: Any,
    stop: Any,
    equipment: Any,
    tables: Any,
    book: Any,
) -> Any:
    """Take the rows of an equipment that has ended; False where they must stay."""
    counts, _, keys, _, records, values, events, columns = book
    base, event = counts[TOLD], counts[EVENTS]
    if base + RECORDS > len(records) or event + (stop - begin) > len(events):
        return False
    top, head = base, np.int64(-1)
    before, ts = np.int64(-1), np.int64(0)
    for i in range(begin, stop):
        code = rows[i, v.CODE_COLUMN]
        if code <= v.DOCUMENT and (code != v.HEADER or head >= 0):
            return False
        event_row = columns[code, 0] == _EVENT
        said = np.int64(0)
        if event_row or code == v.HEADER:
            said = _kept(text, rows, i, np.int64(v.SLOTS if event_row else 4), equipment, book)
            if said < 0:
                return False
        if code == v.HEADER:
            head = said
            continue
        at, end = rows[i, v.TIME_COLUMN], rows[i, v.TIME_COLUMN + 1]
        if at >= end:
            return False
        if at != before:
            ts, state = moment(text, at, end)
            if state != GOOD or ts < counts[EARLIEST] or ts > counts[LATEST]:
                return False
            before = at
        if event_row:
            events[event, 0], events[event, 1], events[event, 3], events[event, 4] = equipment, code, said, ts
            event += 1
            continue
        record = top - 1
        while record >= base and records[record, 2] != ts:
            record -= 1
        if record < base:
            if top - base >= RECORDS:
                return False
            record = top
            top += 1
            records[record, 2] = ts
            for column in range(COLUMNS):
                values[column, record] = np.nan
        for slot in range(VALUES):
            column = columns[code, slot]
            if column < 0:
                continue
            value, state = cell(text, rows, i, slot, tables[0][code, slot], tables)
            if state == EMPTY:
                continue
            if state != GOOD:
                return False
            kept = values[column, record]
            if np.isnan(kept):
                values[column, record] = value
            elif abs(kept - value) > SAME * max(abs(kept), abs(value)):
                return False
    if head < 0 or top == base:
        return False
    for record in range(base, top):
        empty = True
        for column in range(COLUMNS):
            empty = empty and np.isnan(values[column, record])
        if empty:
            return False
    if keys[head, VERDICT] < 0 and keys[head, VERDICT] != NEW:
        return False
    for record in range(base, top):
        records[record, 0], records[record, 1] = equipment, head
    for i in range(counts[EVENTS], event):
        events[i, 2] = head
    counts[TOLD], counts[EVENTS] = top, event
    return True


@compiled(f"{I64}({TEXT_TYPE}, {I64}[:, ::1], {I64}, {TABLES_TYPE}, {BOOK_TYPE})")
def take(text: NDArray[np.uint8], rows: NDArray[np.int64], count: Any, tables: Any, book: Any) -> Any:
    """Take whole equipments out of the rows; how many rows stay."""
    stay, begin = np.int64(0), np.int64(0)
    while begin < count:
        stop, equipment = begin + 1, rows[begin, v.EQUIPMENT_COLUMN]
        while stop < count and rows[stop, v.EQUIPMENT_COLUMN] == equipment:
            stop += 1
        if equipment == 0 or not _booked(text, rows, begin, stop, equipment, tables, book):
            for i in range(begin, stop):
                if stay < i:
                    for j in range(v.ROW):
                        rows[stay, j] = rows[i, j]
                stay += 1
        begin = stop
    return stay


COLUMN: Final = _columns()
