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
from recore.fleet.aemp.decode import I64, TEXT_TYPE, U64, byte, compiled, inner
from recore.fleet.aemp.scan_parts import (
    DATUM,
    DONE,
    EQUIPMENT,
    KEYS,
    KINDS,
    LEAF,
    MORE,
    ODD,
    STEP,
    TIME,
    UNIT,
    clear,
    emit,
    find,
    put,
    space,
)
from recore.fleet.aemp.shapes import SHAPES_TYPE, Shapes, glance, remember

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
        self._seen = np.zeros(2, np.int64)
        self._book, self._rows = book, np.empty((STEP + 4096 if book else 0, v.ROW), np.int64)
        self._shapes = shapes or Shapes("xml", learns=False)

    def skip(self, count: int) -> None:
        """Begin so many bytes later."""
        self._state[_AT] = count

    def next(self, most: int) -> tuple[int, NDArray[np.int64]]:
        """Rows up to the end of an equipment after at least `most` elements; and MORE, DONE or ODD."""
        pieces, told, status = list[NDArray[np.int64]](), 0, MORE
        while status == MORE and told < most:
            step = min(most - told, STEP)
            rows = self._rows if self._book else np.empty((step + 4096, v.ROW), np.int64)
            status, count = _xml(
                self._text,
                self._state,
                self._stack,
                rows,
                step,
                KEYS,
                KINDS,
                self._seen,
                self._shapes.arrays,
            )
            told += count
            self._shapes.learn(self._text)
            rows = rows[:count]
            pieces.append(self._book.take(self._text, rows).copy() if self._book else rows)
        return int(status), np.concatenate(pieces)

    @property
    def only_ascii(self) -> bool:
        return not self._state[_HIGH]


@inner(f"Tuple(({I64}, {U64}))({TEXT_TYPE}, {I64}, {I64})")
def _name(text: NDArray[np.uint8], at: Any, end: Any) -> tuple[Any, Any]:
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


@inner(f"boolean({TEXT_TYPE}, {I64}, {I64})")
def _reference(text: NDArray[np.uint8], at: Any, end: Any) -> Any:
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


@inner(f"UniTuple({I64}, 2)({TEXT_TYPE}, {I64}, {I64}, boolean, {I64}[::1], {U64}[::1], {I64}[:, ::1])")
def _attributes(
    text: NDArray[np.uint8],
    at: Any,
    end: Any,
    takes: Any,
    row: NDArray[np.int64],
    keys: NDArray[np.uint64],
    kinds: NDArray[np.int64],
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
            found = find(key, keys)
            if (
                found >= 0
                and (kinds[found, 0] == TIME or kinds[found, 0] == UNIT)
                and not put(text, row, kinds[found, 1], value, at)
            ):
                return np.int64(-1), high
        at += 1


@compiled(
    f"UniTuple({I64}, 2)({TEXT_TYPE}, {I64}[::1], {I64}[:, ::1], {I64}[:, ::1], {I64}, {U64}[::1], {I64}[:, ::1], "
    f"{I64}[::1], {SHAPES_TYPE})"
)
def _xml(
    text: NDArray[np.uint8],
    state: NDArray[np.int64],
    stack: NDArray[np.int64],
    rows: NDArray[np.int64],
    most: int,
    keys: NDArray[np.uint64],
    kinds: NDArray[np.int64],
    seen: NDArray[np.int64],
    shapes: Any,
) -> tuple[int, Any]:
    at: Any = state[_AT]
    depth: Any = state[_LEVEL]
    end, count = np.int64(len(text)), np.int64(0)
    following, equipment = state[_NEXT], state[_EQ]
    row = np.zeros(v.ROW, np.int64)
    datum, leaf, unit, opened, high = np.int64(-1), np.int64(-2), np.int64(0), np.int64(0), np.int64(0)
    seen_root, row_depth = state[_ROOT], np.int64(0)
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
            state[_HIGH] |= np.int64(high >> 7)
            return (DONE if depth == 0 and seen_root else ODD), count
        tag = at
        if equipment > 0 and datum == -1 and leaf == -2 and depth < DEPTH - 8:
            stop, _ = glance(text, at, end, np.int64(38), row, seen, shapes)
            if stop >= 0:
                row[v.EQUIPMENT_COLUMN] = equipment
                count = emit(rows, count, row)
                at = stop
                if count >= len(rows) - 1:
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
            if at - start != stack[depth, 1] - stack[depth, 0]:
                return ODD, count
            for i in range(at - start):
                if byte(text, start + i) != text[stack[depth, 0] + i]:
                    return ODD, count
            at = space(text, at, end)
            if at >= end or byte(text, at) != 62:
                return ODD, count
            at += 1
            kind, number = stack[depth, 2], stack[depth, 3]
            if leaf != -2:
                if not put(text, row, leaf, opened, tag):
                    return ODD, count
                if unit:
                    row[v.UNIT_COLUMN] = unit
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
            if count >= len(rows) - 1:
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
        found = find(key, keys)
        kind, number, implied = np.int64(0), np.int64(0), np.int64(0)
        if found >= 0:
            kind, number, implied = kinds[found, 0], kinds[found, 1], kinds[found, 2]
        stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = start, at, kind, number
        depth += 1
        is_leaf = datum != -1 and (kind >= LEAF)
        takes = False
        if not is_leaf:
            if depth == 1:
                seen_root = np.int64(1)
                clear(row)
                row[v.CODE_COLUMN] = v.DOCUMENT
                takes = True
            if kind == EQUIPMENT:
                equipment = following
                following += 1
            elif kind == DATUM and datum == -1 and depth > 1:
                clear(row)
                row[v.EQUIPMENT_COLUMN], row[v.CODE_COLUMN] = equipment, number
                datum, row_depth, takes = number, np.int64(depth), True
        at, bits = _attributes(text, at, end, takes, row, keys, kinds)
        if at < 0:
            return ODD, count
        high |= bits
        if depth == 1 and takes and row[v.CODE_COLUMN] == v.DOCUMENT:
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
    state[_AT], state[_NEXT], state[_EQ], state[_LEVEL], state[_ROOT] = (
        at,
        following,
        equipment,
        depth,
        seen_root,
    )
    state[_HIGH] |= np.int64(high >> 7)
    return MORE, count
