"""XML into rows at the speed of the memory: one pass over the bytes, the same rows as `shred` makes.

The scanner reads the plain documents that servers send. Whatever is out of the ordinary (a DTD, CDATA, an encoding
but UTF-8, a mistake) ends it with ODD, and expat or the standard library reads the document again and has the say.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.book import Book
from recore.fleet.aemp.memory import address, addresses, byte, compiled, get, inner, let, numbers
from recore.fleet.aemp.scan_parts import (
    DATUM,
    DONE,
    EQUIPMENT,
    LEAF,
    MORE,
    NAMES,
    ODD,
    ROOM,
    STEP,
    TIME,
    UNIT,
    clear,
    emit,
    find,
    put,
    space,
    what,
)
from recore.fleet.aemp.shapes import Shapes, glance, remember

DEPTH: Final = 32
# places in the state
_AT, _NEXT, _EQ, _LEVEL, _HIGH, _ROOT = 0, 1, 2, 3, 4, 5


class Scanner:
    """Scans one XML document, piece by piece.

    Parameters
    ----------
    text : the whole document in UTF-8
    book : takes whole equipments whose rows are then left out; none makes rows of all
    shapes : elements that are known already
    """

    def __init__(
        self, text: NDArray[np.uint8], book: Book | None = None, shapes: Shapes | None = None
    ) -> None:
        self._text, self._state = text, np.zeros(8, np.int64)
        self._state[_NEXT] = 1
        self._stack = np.zeros((DEPTH, 4), np.int64)
        self._seen, self._row = np.zeros(2, np.int64), np.zeros(v.ROW, np.int64)
        self._book, self._rows = book, np.empty((STEP + ROOM if book else 0, v.ROW), np.int64)
        self._shapes = shapes or Shapes("xml", learns=False)

    def skip(self, count: int) -> None:
        """Begin so many bytes later."""
        self._state[_AT] = count

    def next(self, most: int) -> tuple[int, NDArray[np.int64]]:
        """Rows up to the end of an equipment after at least `most` elements; and MORE, DONE or ODD."""
        text = address(self._text)
        state, stack, row, seen = addresses((self._state, self._stack, self._row, self._seen)).tolist()
        pieces, told, status = list[NDArray[np.int64]](), 0, MORE
        while status == MORE and told < most:
            step = min(most - told, STEP)
            rows = self._rows if self._book else np.empty((step + ROOM, v.ROW), np.int64)
            shapes = self._shapes.addresses
            status, count = _xml(
                text,
                len(self._text),
                state,
                stack,
                address(rows),
                step,
                row,
                address(NAMES),
                seen,
                address(shapes),
            )
            told += count
            self._shapes.learn(self._text)
            rows = rows[:count]
            pieces.append(self._book.take(self._text, rows).copy() if self._book else rows)
        return int(status), np.concatenate(pieces)

    @property
    def only_ascii(self) -> bool:
        return not self._state[_HIGH]


@inner(numbers(3, "Tuple((int64, uint64))"))
def _name(text: int, at: Any, end: Any) -> tuple[Any, Any]:
    """Where a name ends, and the hash of its local part without case."""
    state = np.uint64(14695981039346656037)
    while at < end:
        c = byte(text, at)
        if c == 58:  # a prefix ends
            state = np.uint64(14695981039346656037)
        elif (48 <= c <= 57) or (97 <= c <= 122) or c == 95 or c == 45 or c == 46 or c >= 128:
            state = (state ^ np.uint64(c)) * np.uint64(1099511628211)
        elif 65 <= c <= 90:
            state = (state ^ np.uint64(c + 32)) * np.uint64(1099511628211)
        else:
            break
        at += 1
    return at, state


@inner(numbers(3, "boolean"))
def _reference(text: int, at: Any, end: Any) -> Any:
    """Whether & begins one of the references that need no DTD."""
    stop = at + 1
    while stop < end and stop - at < 10 and byte(text, stop) != 59:
        stop += 1
    if stop >= end or byte(text, stop) != 59:
        return False
    n, a = stop - at - 1, byte(text, at + 1)
    if n == 2:
        return (a == 108 or a == 103) and byte(text, at + 2) == 116
    if n == 3:
        return a == 97 and byte(text, at + 2) == 109 and byte(text, at + 3) == 112
    if n == 4 and a == 113:
        return byte(text, at + 2) == 117 and byte(text, at + 3) == 111 and byte(text, at + 4) == 116
    if n == 4 and a == 97:
        return byte(text, at + 2) == 112 and byte(text, at + 3) == 111 and byte(text, at + 4) == 115
    return False


@inner("UniTuple(int64, 2)(int64, int64, int64, boolean, int64, int64)")
def _attributes(
    text: int,
    at: Any,
    end: Any,
    takes: Any,
    row: int,
    names: int,
) -> tuple[Any, Any]:
    """Takes times and units into the row; where the tag ends (-1: not plain), and all its bytes' bits."""
    high = np.int64(0)
    while True:
        before = at
        at = space(text, at, end)
        if at >= end:
            return np.int64(-1), high
        if byte(text, at) == 62 or byte(text, at) == 47:
            return at, high
        name = at
        at, key = _name(text, at, end)
        if at == name or name == before:
            return np.int64(-1), high
        at = space(text, at, end)
        if at >= end or byte(text, at) != 61:
            return np.int64(-1), high
        at = space(text, at + 1, end)
        if at >= end or (byte(text, at) != 34 and byte(text, at) != 39):
            return np.int64(-1), high
        quote = byte(text, at)
        at += 1
        value = at
        while at < end and byte(text, at) != quote:
            high |= byte(text, at)
            if byte(text, at) == 60 or byte(text, at) < 32:
                return np.int64(-1), high
            if byte(text, at) == 38 and not _reference(text, at, end):
                return np.int64(-1), high
            at += 1
        if at >= end:
            return np.int64(-1), high
        if takes:
            found = find(key, names)
            if (
                found >= 0
                and (what(found, 0, names) == TIME or what(found, 0, names) == UNIT)
                and not put(text, row, what(found, 1, names), value, at)
            ):
                return np.int64(-1), high
        at += 1


@compiled(numbers(10, "UniTuple(int64, 2)"))
def _xml(
    text: int,
    end: Any,
    state: int,
    stack: int,
    rows: int,
    most: Any,
    row: int,
    names: int,
    seen: int,
    shapes: int,
) -> tuple[int, Any]:
    at: Any = get(state, _AT)
    depth: Any = get(state, _LEVEL)
    count = np.int64(0)
    following, equipment = get(state, _NEXT), get(state, _EQ)
    clear(row)
    datum, leaf, unit, opened, high = np.int64(-1), np.int64(-2), np.int64(0), np.int64(0), np.int64(0)
    seen_root, row_depth = get(state, _ROOT), np.int64(0)
    unknown = np.int64(-1)  # where an element begins that no shape fits
    while True:
        # characters up to the next tag
        while at < end and byte(text, at) != 60:
            c = byte(text, at)
            high |= c
            if c == 38:
                if not _reference(text, at, end):
                    return ODD, count
            elif (c < 32 and c != 10 and c != 13 and c != 9) or (depth == 0 and c > 32):
                return ODD, count
            at += 1
        if at >= end:
            let(state, _HIGH, get(state, _HIGH) | np.int64(high >> 7))
            return (DONE if depth == 0 and seen_root else ODD), count
        tag = at
        if equipment > 0 and datum == -1 and leaf == -2 and depth < DEPTH - 8:
            stop, _ = glance(text, at, end, np.int64(38), row, seen, shapes)
            if stop >= 0:
                let(row, v.EQUIPMENT_COLUMN, equipment)
                count = emit(rows, count, row)
                at = stop
                if count >= most + ROOM - 1:
                    return ODD, count
                continue
            unknown = tag
        at += 1
        if at >= end:
            return ODD, count
        c = byte(text, at)
        if c == 47:  # an end
            start = at + 1
            at, _ = _name(text, start, end)
            if depth == 0:
                return ODD, count
            depth -= 1
            if at - start != get(stack, depth * 4 + 1) - get(stack, depth * 4):
                return ODD, count
            for i in range(at - start):
                if byte(text, start + i) != byte(text, get(stack, depth * 4) + i):
                    return ODD, count
            at = space(text, at, end)
            if at >= end or byte(text, at) != 62:
                return ODD, count
            at += 1
            kind, number = get(stack, depth * 4 + 2), get(stack, depth * 4 + 3)
            if leaf != -2:
                if not put(text, row, leaf, opened, tag):
                    return ODD, count
                if unit:
                    let(row, v.UNIT_COLUMN, unit)
                leaf = np.int64(-2)
            elif kind == DATUM and datum == number and depth + 1 == row_depth:
                count = emit(rows, count, row)
                datum = np.int64(-1)
                if equipment > 0 and unknown >= 0:
                    remember(unknown, at, row, shapes)
                    unknown = np.int64(-1)
            elif kind == EQUIPMENT:
                equipment = np.int64(0)
                if count >= most:
                    break
            if datum == -1 and equipment == 0 and count >= most:
                break
            if count >= most + ROOM - 1:
                return ODD, count  # one equipment with thousands of values: let expat read it
            continue
        if c == 63:  # an instruction
            while at + 1 < end and not (byte(text, at) == 63 and byte(text, at + 1) == 62):
                at += 1
            if at + 1 >= end or leaf != -2:
                return ODD, count
            at += 2
            continue
        if c == 33:  # a comment; anything else with ! is not plain
            if at + 2 >= end or byte(text, at + 1) != 45 or byte(text, at + 2) != 45 or leaf != -2:
                return ODD, count
            at += 3
            while at + 2 < end and not (byte(text, at) == 45 and byte(text, at + 1) == 45):
                high |= byte(text, at)
                at += 1
            if at + 2 >= end or byte(text, at + 2) != 62:
                return ODD, count
            at += 3
            continue
        # a beginning
        start = at
        at, key = _name(text, start, end)
        if at == start or leaf != -2 or depth >= DEPTH or (depth == 0 and seen_root):
            return ODD, count
        found = find(key, names)
        kind, number, implied = np.int64(0), np.int64(0), np.int64(0)
        if found >= 0:
            kind, number, implied = what(found, 0, names), what(found, 1, names), what(found, 2, names)
        let(stack, depth * 4 + 0, start)
        let(stack, depth * 4 + 1, at)
        let(stack, depth * 4 + 2, kind)
        let(stack, depth * 4 + 3, number)
        depth += 1
        is_leaf = datum != -1 and (kind >= LEAF)
        takes = False
        if not is_leaf:
            if depth == 1:
                seen_root = np.int64(1)
                clear(row)
                let(row, v.CODE_COLUMN, v.DOCUMENT)
                takes = True
            if kind == EQUIPMENT:
                equipment = following
                following += 1
            elif kind == DATUM and datum == -1 and depth > 1:
                clear(row)
                let(row, v.EQUIPMENT_COLUMN, equipment)
                let(row, v.CODE_COLUMN, number)
                datum, row_depth, takes = number, np.int64(depth), True
        at, bits = _attributes(text, at, end, takes, row, names)
        if at < 0:
            return ODD, count
        high |= bits
        if depth == 1 and takes and get(row, v.CODE_COLUMN) == v.DOCUMENT:
            count = emit(rows, count, row)
            if kind == DATUM:
                return ODD, count  # a document of one bare element
        if byte(text, at) == 47:  # an empty element
            at += 1
            if at >= end or byte(text, at) != 62:
                return ODD, count
            depth -= 1
            if kind == DATUM and not is_leaf and datum == number and row_depth == depth + 1:
                count = emit(rows, count, row)
                datum, unknown = np.int64(-1), np.int64(-1)
            elif kind == EQUIPMENT and not is_leaf:
                equipment = np.int64(0)
        elif is_leaf:
            leaf, unit, opened = number, implied, at + 1
        at += 1
    let(state, _AT, at)
    let(state, _NEXT, following)
    let(state, _EQ, equipment)
    let(state, _LEVEL, depth)
    let(state, _ROOT, seen_root)
    let(state, _HIGH, get(state, _HIGH) | np.int64(high >> 7))
    return MORE, count
