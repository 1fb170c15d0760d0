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
from recore.fleet.aemp.decode import VALUES, WHAT, cell, moment
from recore.fleet.aemp.kernel import EMPTY, GOOD
from recore.fleet.aemp.memory import byte, compiled, get, inner, let, let_byte, let_real, load, numbers, real
from recore.fleet.aemp.tables import SAME

RECORDS: Final = 32  # different moments of one equipment
# places among the addresses; the last are the sizes of keys, arena, records, events, slots
COUNTS, SLOTS, KEYS_AT, ARENA, RECORDS_AT, VALUES_AT, EVENTS_AT, COLUMN_AT = 0, 1, 2, 3, 4, 5, 6, 7
KEYS_MOST, ARENA_MOST, RECORDS_MOST, EVENTS_MOST, SLOTS_MOST = 8, 9, 10, 11, 12
_KEY, _RECORD, _EVENT_COLUMNS = 10, 3, 5  # columns
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


COLUMN: Final = _columns()


@inner(numbers(5, "boolean"))
def _same(text: int, row: int, slots: Any, key: int, arena: int) -> Any:
    there = get(key, AT)
    for slot in range(slots):
        at, end = get(row, v.SLOT_COLUMN + 2 * slot), get(row, v.SLOT_COLUMN + 2 * slot + 1)
        if get(key, LENGTHS + slot) != end - at:
            return False
        while at + 8 <= end:
            if load(text, at) != load(arena, there):
                return False
            at += 8
            there += 8
        while at < end:
            if byte(text, at) != byte(arena, there):
                return False
            at += 1
            there += 1
    return True


@inner(numbers(4))
def _kept(text: int, row: int, slots: Any, book: int) -> Any:
    """Number of the texts of a row; -1 where there is no room."""
    counts, table, keys, arena = get(book, COUNTS), get(book, SLOTS), get(book, KEYS_AT), get(book, ARENA)
    code = get(row, v.CODE_COLUMN)
    prime = np.uint64(0x9E3779B97F4A7C15)
    state, total = np.uint64(code) * prime, np.int64(0)
    for slot in range(slots):
        at, end = get(row, v.SLOT_COLUMN + 2 * slot), get(row, v.SLOT_COLUMN + 2 * slot + 1)
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
    mask = get(book, SLOTS_MOST) - 1
    place = whole & mask
    while get(table, place) >= 0:
        key = keys + 8 * _KEY * get(table, place)
        if (
            get(key, HASH) == whole
            and get(key, CODE) == code
            and _same(text, row, np.int64(slots), key, arena)
        ):
            return get(table, place)
        place = (place + 1) & mask
    number, used = get(counts, KEYS), get(counts, USED)
    if number >= get(book, KEYS_MOST) or used + total > get(book, ARENA_MOST):
        return np.int64(-1)
    let(table, place, number)
    key = keys + 8 * _KEY * number
    let(key, CODE, code)
    let(key, HASH, whole)
    let(key, AT, used)
    let(key, SINCE, get(row, v.EQUIPMENT_COLUMN))
    let(key, VERDICT, get(counts, FIRST))
    for slot in range(slots):
        at, end = get(row, v.SLOT_COLUMN + 2 * slot), get(row, v.SLOT_COLUMN + 2 * slot + 1)
        let(key, LENGTHS + slot, end - at)
        for i in range(at, end):
            let_byte(arena, used, byte(text, i))
            used += 1
    let(counts, USED, used)
    let(counts, KEYS, number + 1)
    return number


@inner(numbers(6, "boolean"))
def _values(text: int, row: int, record: Any, size: Any, tables: int, book: int) -> Any:
    """Put the values of an element into its record; False where one is out of the ordinary or contradicts."""
    code, values = get(row, v.CODE_COLUMN), get(book, VALUES_AT)
    for slot in range(VALUES):
        column = get(get(book, COLUMN_AT), code * VALUES + slot)
        if column < 0:
            continue
        value, state = cell(text, row, slot, get(get(tables, WHAT), code * VALUES + slot), tables)
        if state == EMPTY:
            continue
        if state != GOOD:
            return False
        kept = real(values, column * size + record)
        if np.isnan(kept):
            let_real(values, column * size + record, value)
        elif abs(kept - value) > SAME * max(abs(kept), abs(value)):
            return False
    return True


@inner(numbers(6, "boolean"))
def _booked(text: int, rows: int, begin: Any, stop: Any, tables: int, book: int) -> Any:
    """Take the rows of an equipment; False where they must stay."""
    counts, records, values = get(book, COUNTS), get(book, RECORDS_AT), get(book, VALUES_AT)
    size, base, event = get(book, RECORDS_MOST), get(counts, TOLD), get(counts, EVENTS)
    if base + RECORDS > size or event + (stop - begin) > get(book, EVENTS_MOST):
        return False
    top, head, before, ts = base, np.int64(-1), np.int64(-1), np.int64(0)
    for i in range(begin, stop):
        row = rows + 8 * v.ROW * i
        code = get(row, v.CODE_COLUMN)
        if code <= v.DOCUMENT and (code != v.HEADER or head >= 0):
            return False
        is_event, said = get(get(book, COLUMN_AT), code * VALUES) == _EVENT, np.int64(-1)
        if is_event or code == v.HEADER:
            said = _kept(text, row, np.int64(v.SLOTS if is_event else 4), book)
            if said < 0:
                return False
            if code == v.HEADER:
                head = said
                continue
        at = get(row, v.TIME_COLUMN)
        if at != before:
            end = get(row, v.TIME_COLUMN + 1)
            if at >= end:
                return False
            ts, state = moment(text, at, end)
            if state != GOOD or ts < get(counts, EARLIEST) or ts > get(counts, LATEST):
                return False
            before = at
        if is_event:
            place = get(book, EVENTS_AT) + 8 * _EVENT_COLUMNS * event
            let(place, 1, code)
            let(place, 3, said)
            let(place, 4, ts)
            event += 1
            continue
        record = top - 1
        while record >= base and get(records, record * _RECORD + 2) != ts:
            record -= 1
        if record < base:
            if top - base >= RECORDS:
                return False
            record = top
            top += 1
            let(records, record * _RECORD + 2, ts)
            for column in range(COLUMNS):
                let_real(values, column * size + record, np.nan)
        if not _values(text, row, record, size, tables, book):
            return False
    if head < 0 or top == base:
        return False
    verdict = get(get(book, KEYS_AT), _KEY * head + VERDICT)
    if verdict < 0 and verdict != NEW:
        return False
    equipment = get(rows, v.ROW * begin + v.EQUIPMENT_COLUMN)
    for record in range(base, top):
        empty = True
        for column in range(COLUMNS):
            empty = empty and np.isnan(real(values, column * size + record))
        if empty:
            return False
        let(records, record * _RECORD, equipment)
        let(records, record * _RECORD + 1, head)
    for i in range(get(counts, EVENTS), event):
        let(get(book, EVENTS_AT), _EVENT_COLUMNS * i, equipment)
        let(get(book, EVENTS_AT), _EVENT_COLUMNS * i + 2, head)
    let(counts, TOLD, top)
    let(counts, EVENTS, event)
    return True


@compiled(numbers(5))
def take(text: int, rows: int, count: Any, tables: int, book: int) -> Any:
    """Take whole equipments out of the rows; how many rows stay."""
    stay, begin = np.int64(0), np.int64(0)
    while begin < count:
        stop, equipment = begin + 1, get(rows, v.ROW * begin + v.EQUIPMENT_COLUMN)
        while stop < count and get(rows, v.ROW * stop + v.EQUIPMENT_COLUMN) == equipment:
            stop += 1
        if equipment == 0 or not _booked(text, rows, begin, stop, tables, book):
            if stay < begin:
                for i in range((stop - begin) * v.ROW):
                    let(rows, stay * v.ROW + i, get(rows, begin * v.ROW + i))
            stay += stop - begin
        begin = stop
    return stay
