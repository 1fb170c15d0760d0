"""XML into rows at the speed of the memory: one pass over the bytes, the same rows as `shred` makes.

The scanner reads the plain documents that servers send. Whatever is out of the ordinary (a DTD, CDATA, an encoding
but UTF-8, a mistake) ends it with ODD, and expat or the standard library reads the document again and has the say.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.decode import I64, TEXT_TYPE, U64, compiled, hashed

MORE, DONE, ODD = 0, 1, 2
DEPTH: Final = 32
TEXT: Final = 4096
EQUIPMENT, DATUM, LEAF, _TIME, _UNIT = 1, 2, 3, 4, 5
# places in the state
_AT, _NEXT, _EQ, _LEVEL, _HIGH, _ROOT = 0, 1, 2, 3, 4, 5


def _names() -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    rows = [
        (hashed(v.EQUIPMENT), EQUIPMENT, 0, 0),
        (hashed("units"), _UNIT, 3, 0),
        (hashed("unit"), _UNIT, 3, 0),
    ]
    rows += [(hashed(name), _TIME, -1, 0) for name in v.TIME_NAMES]
    rows += [(hashed(name), DATUM, code, 0) for name, code in v.CODE.items()]
    rows += [(hashed(n), LEAF, s, v.implied(n)) for n, s in v.SLOT.items() if n not in ("units", "unit")]
    rows.sort()
    keys = np.array([row[0] for row in rows], np.uint64)
    assert len(np.unique(keys)) == len(keys)
    return keys, np.array([row[1:] for row in rows], np.int64)


KEYS, KINDS = _names()


class Scanner:
    """Scans one XML document, piece by piece.

    Parameters
    ----------
    text : the whole document in UTF-8
    """

    def __init__(self, text: NDArray[np.uint8]) -> None:
        self._text, self._state = text, np.zeros(8, np.int64)
        self._state[_NEXT] = 1
        self._stack = np.zeros((DEPTH, 4), np.int64)

    def next(self, most: int) -> tuple[int, NDArray[np.int64]]:
        """Rows up to the end of an equipment after at least `most`; and MORE, DONE or ODD."""
        rows = np.empty((most + 4096, v.ROW), np.int64)
        status, count = _xml(self._text, self._state, self._stack, rows, most, KEYS, KINDS)
        return int(status), rows[:count]

    @property
    def only_ascii(self) -> bool:
        return not self._state[_HIGH]


@compiled(f"{I64}({U64}, {U64}[::1])")
def find(key: Any, keys: NDArray[np.uint64]) -> int:
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(keys) and keys[low] == key else -1


@compiled(f"Tuple(({I64}, {U64}))({TEXT_TYPE}, {I64}, {I64})")
def _name(text: NDArray[np.uint8], at: Any, end: Any) -> tuple[Any, Any]:
    """Where a name ends, and the hash of its local part without case."""
    state = np.uint64(14695981039346656037)
    while at < end:
        c = text[at]
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


@compiled(f"{I64}({TEXT_TYPE}, {I64}, {I64})")
def space(text: NDArray[np.uint8], at: Any, end: Any) -> Any:
    while at < end and (text[at] == 32 or text[at] == 10 or text[at] == 13 or text[at] == 9):
        at += 1
    return at


# assignments of whole rows are small functions: spelt out where they are used they take seconds to compile
@compiled(f"void({I64}[::1])")
def clear(row: NDArray[np.int64]) -> None:
    for i in range(v.ROW):
        row[i] = 0


@compiled(f"{I64}({I64}[:, ::1], {I64}, {I64}[::1])")
def emit(rows: NDArray[np.int64], count: Any, row: NDArray[np.int64]) -> Any:
    for i in range(v.ROW):
        rows[count, i] = row[i]
    return count + 1


@compiled(f"boolean({TEXT_TYPE}, {I64}, {I64})")
def _reference(text: NDArray[np.uint8], at: Any, end: Any) -> Any:
    """Whether & begins one of the references that need no DTD."""
    stop = at + 1
    while stop < end and stop - at < 10 and text[stop] != 59:
        stop += 1
    if stop >= end or text[stop] != 59:
        return False
    n, a = stop - at - 1, text[at + 1]
    if n == 2:
        return (a == 108 or a == 103) and text[at + 2] == 116
    if n == 3:
        return a == 97 and text[at + 2] == 109 and text[at + 3] == 112
    if n == 4 and a == 113:
        return text[at + 2] == 117 and text[at + 3] == 111 and text[at + 4] == 116
    if n == 4 and a == 97:
        return text[at + 2] == 112 and text[at + 3] == 111 and text[at + 4] == 115
    return False


@compiled(f"boolean({TEXT_TYPE}, {I64}[::1], {I64}, {I64}, {I64})")
def put(text: NDArray[np.uint8], row: NDArray[np.int64], place: Any, start: Any, stop: Any) -> Any:
    while start < stop and text[start] <= 32:
        start += 1
    while stop > start and text[stop - 1] <= 32:
        stop -= 1
    row[v.TIME_COLUMN + 2 * (place + 1)] = start
    row[v.TIME_COLUMN + 2 * (place + 1) + 1] = stop
    return stop - start <= TEXT


@compiled(f"UniTuple({I64}, 2)({TEXT_TYPE}, {I64}, {I64}, boolean, {I64}[::1], {U64}[::1], {I64}[:, ::1])")
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
        if text[at] == 62 or text[at] == 47:
            return at, high
        name = at
        at, key = _name(text, at, end)
        if at == name or name == before:
            return np.int64(-1), high
        at = space(text, at, end)
        if at >= end or text[at] != 61:
            return np.int64(-1), high
        at = space(text, at + 1, end)
        if at >= end or (text[at] != 34 and text[at] != 39):
            return np.int64(-1), high
        quote = text[at]
        at += 1
        value = at
        while at < end and text[at] != quote:
            high |= np.int64(text[at])
            if text[at] == 60 or text[at] < 32:
                return np.int64(-1), high
            if text[at] == 38 and not _reference(text, at, end):
                return np.int64(-1), high
            at += 1
        if at >= end:
            return np.int64(-1), high
        if takes:
            found = find(key, keys)
            if (
                found >= 0
                and (kinds[found, 0] == _TIME or kinds[found, 0] == _UNIT)
                and not put(text, row, kinds[found, 1], value, at)
            ):
                return np.int64(-1), high
        at += 1


@compiled(
    f"UniTuple({I64}, 2)({TEXT_TYPE}, {I64}[::1], {I64}[:, ::1], {I64}[:, ::1], {I64}, {U64}[::1], {I64}[:, ::1])"
)
def _xml(
    text: NDArray[np.uint8],
    state: NDArray[np.int64],
    stack: NDArray[np.int64],
    rows: NDArray[np.int64],
    most: int,
    keys: NDArray[np.uint64],
    kinds: NDArray[np.int64],
) -> tuple[int, Any]:
    at: Any = state[_AT]
    depth: Any = state[_LEVEL]
    end, count = np.int64(len(text)), np.int64(0)
    following, equipment = state[_NEXT], state[_EQ]
    row = np.zeros(v.ROW, np.int64)
    datum, leaf, unit, opened, high = np.int64(-1), np.int64(-2), np.int64(0), np.int64(0), np.uint8(0)
    seen_root, row_depth = state[_ROOT], np.int64(0)
    while True:
        # characters up to the next tag
        while at < end and text[at] != 60:
            c = text[at]
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
        at += 1
        if at >= end:
            return ODD, count
        c = text[at]
        if c == 47:  # an end
            start = at + 1
            at, _ = _name(text, start, end)
            if depth == 0:
                return ODD, count
            depth -= 1
            if at - start != stack[depth, 1] - stack[depth, 0]:
                return ODD, count
            for i in range(at - start):
                if text[start + i] != text[stack[depth, 0] + i]:
                    return ODD, count
            at = space(text, at, end)
            if at >= end or text[at] != 62:
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
            while at + 1 < end and not (text[at] == 63 and text[at + 1] == 62):
                at += 1
            if at + 1 >= end or leaf != -2:
                return ODD, count
            at += 2
            continue
        if c == 33:  # a comment; anything else with ! is not plain
            if at + 2 >= end or text[at + 1] != 45 or text[at + 2] != 45 or leaf != -2:
                return ODD, count
            at += 3
            while at + 2 < end and not (text[at] == 45 and text[at + 1] == 45):
                high |= text[at]
                at += 1
            if at + 2 >= end or text[at + 2] != 62:
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
        high |= np.uint8(bits)
        if depth == 1 and takes and row[v.CODE_COLUMN] == v.DOCUMENT:
            count = emit(rows, count, row)
            if kind == DATUM:
                return ODD, count  # a document of one bare element
        if text[at] == 47:  # an empty element
            at += 1
            if at >= end or text[at] != 62:
                return ODD, count
            depth -= 1
            if kind == DATUM and not is_leaf and datum == number and row_depth == depth + 1:
                count = emit(rows, count, row)
                datum = np.int64(-1)
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
