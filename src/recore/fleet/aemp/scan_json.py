"""JSON into rows in one pass over the bytes, the same rows as `shred` makes of it.

Whatever is out of the ordinary ends the scan with ODD, and the standard library reads the document again and has the
say: a key twice in one object or with an escape, a lone surrogate, NaN, a mistake, several documents in one file.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.book import Book
from recore.fleet.aemp.decode import hashed
from recore.fleet.aemp.memory import address, addresses, byte, compiled, get, inner, let, numbers
from recore.fleet.aemp.scan_parts import (
    DATUM,
    DONE,
    EQUIPMENT,
    LEAF,
    MORE,
    ODD,
    ROOM,
    STEP,
    clear,
    emit,
    find,
    put,
    space,
    what,
)
from recore.fleet.aemp.scan_parts import NAMES as VOCABULARY
from recore.fleet.aemp.shapes import Shapes, glance, remember, scalar

DEPTH: Final = 30  # of frames; deeper documents are left to the other reader
NAMES: Final = 64  # different names in one object
# what a frame or a value is for
_WALK, _EQUIPMENT, _DATUM, _SKIP, _LEAF, _SNAPSHOT = 0, 1, 2, 3, 4, 5
_ARRAY: Final = 8  # added to what a frame is for
# columns of the stack
_USE, _CODE, _LEVEL, _OPENED, _COUNT, _TIMED = 0, 1, 2, 3, 4, 5
# places in the state
_AT, _NEXT, _EQ, _TOP, _HIGH, _BEGUN = 0, 1, 2, 3, 4, 5
_VALUE, _FIRST, _KEY, _FIRST_KEY, _AFTER = 0, 1, 2, 3, 4
_OFFSET, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_SNAPSHOT_TIME = np.uint64(hashed("snapshottime"))


class JsonScanner:
    """Scans one JSON document, piece by piece.

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
        self._seen, self._row = np.zeros(2, np.int64), np.zeros(v.ROW, np.int64)
        self._book, self._rows = book, np.empty((STEP + ROOM if book else 0, v.ROW), np.int64)
        self._shapes = shapes or Shapes("json", learns=False)
        self._state[_NEXT], self._state[_TOP] = 1, -1
        self._stack = np.zeros((DEPTH + 2, 6), np.int64)
        self._names = np.zeros((DEPTH + 2, NAMES), np.int64)

    def skip(self, count: int) -> None:
        """Begin so many bytes later."""
        self._state[_AT] = count

    def next(self, most: int) -> tuple[int, NDArray[np.int64]]:
        """Rows up to the end of an equipment after at least `most` elements; and MORE, DONE or ODD."""
        text = address(self._text)
        arrays = (self._state, self._stack, self._names, self._row, self._seen)
        state, stack, names, row, seen = addresses(arrays).tolist()
        pieces, told, status = list[NDArray[np.int64]](), 0, MORE
        while status == MORE and told < most:
            step = min(most - told, STEP)
            rows = self._rows if self._book else np.empty((step + ROOM, v.ROW), np.int64)
            shapes = self._shapes.addresses
            status, count = _json(
                text,
                len(self._text),
                state,
                stack,
                names,
                address(rows),
                step,
                row,
                address(VOCABULARY),
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


@inner(numbers(3, "UniTuple(int64, 2)"))
def _string(text: int, at: Any, end: Any) -> tuple[Any, Any]:
    """Where the string whose first character is at `at` ends (its quote; -1: not plain), and all its bytes' bits."""
    high = np.int64(0)
    while at < end:
        c = byte(text, at)
        if c == 34:
            return at, high
        if c < 32:
            return np.int64(-1), high
        high |= np.int64(c)
        if c == 92:
            at += 1
            if at >= end:
                return np.int64(-1), high
            c = byte(text, at)
            if c == 117:
                if at + 4 >= end:
                    return np.int64(-1), high
                for i in range(1, 5):
                    d = byte(text, at + i)
                    if not (48 <= d <= 57 or 65 <= d <= 70 or 97 <= d <= 102):
                        return np.int64(-1), high
                if (byte(text, at + 1) == 68 or byte(text, at + 1) == 100) and byte(text, at + 2) > 55:
                    return np.int64(-1), high  # a surrogate
                at += 4
            elif not (
                c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116
            ):
                return np.int64(-1), high
        at += 1
    return np.int64(-1), high


@inner(numbers(3, "Tuple((int64, uint64))"))
def _key(text: int, at: Any, end: Any) -> tuple[Any, Any]:
    """Hash of a name as it is, and of its local part without case; 0 where it has escapes or other letters."""
    whole, local, begins = _OFFSET, _OFFSET, True
    for i in range(at, end):
        c = byte(text, i)
        if c == 92 or c >= 128:
            return np.int64(0), np.uint64(0)
        whole = (whole ^ np.uint64(c)) * _PRIME
        if c == 125 or c == 58:  # a namespace or prefix ends
            local, begins = _OFFSET, True
        elif c != 64 or not begins:
            begins = False
            local = (local ^ np.uint64(c + 32 if 65 <= c <= 90 else c)) * _PRIME
    return np.int64(whole), local


@compiled(numbers(11, "UniTuple(int64, 2)"))
def _json(
    text: int,
    end: Any,
    state: int,
    stack: int,
    names: int,
    rows: int,
    most: Any,
    row: int,
    vocabulary: int,
    seen: int,
    shapes: int,
) -> tuple[Any, Any]:
    at: Any = get(state, _AT)
    count = np.int64(0)
    following: Any = get(state, _NEXT)
    equipment: Any = get(state, _EQ)
    top: Any = get(state, _TOP)
    high = np.int64(0)
    clear(row)
    # what the next value is for, and its number (code, or slot) and implied unit
    use, code, implied = np.int64(_WALK), np.int64(0), np.int64(0)
    mode = np.int64(_VALUE if get(state, _BEGUN) == 0 else _AFTER)
    let(state, _BEGUN, 1)
    unknown = np.int64(-1)  # where an element begins that no shape fits
    while True:
        at = space(text, at, end)
        if mode == _AFTER and top < 0:
            let(state, _HIGH, get(state, _HIGH) | high >> 7)
            return np.int64(DONE if at >= end else ODD), count
        if at >= end:
            return np.int64(ODD), count
        c = byte(text, at)
        if mode == _AFTER and c == 44:
            at += 1
            mode = np.int64(_VALUE if get(stack, top * 6 + _USE) >= _ARRAY else _KEY)
            if mode == _VALUE:
                use, code = get(stack, top * 6 + _USE) - _ARRAY, get(stack, top * 6 + _CODE)
            continue
        if c == 93 or c == 125:  # the end of an array, of an object
            if (mode != _AFTER and mode != (_FIRST if c == 93 else _FIRST_KEY)) or (
                (get(stack, top * 6 + _USE) >= _ARRAY) != (c == 93)
            ):
                return np.int64(ODD), count
            at += 1
            done = get(stack, top * 6 + _USE)
            top -= 1
            mode = np.int64(_AFTER)
            if done == _DATUM:
                count = emit(rows, count, row)
                if unknown >= 0 and top >= 0 and get(stack, top * 6 + _USE) == _EQUIPMENT:
                    remember(unknown, at, row, shapes)
                    unknown = np.int64(-1)
                if count >= most + ROOM - 2:
                    return np.int64(ODD), count
            elif done == _EQUIPMENT:
                equipment = np.int64(0)
            if count >= most and equipment == 0 and done in (_DATUM, _EQUIPMENT):
                break
            continue
        if mode == _AFTER:
            return np.int64(ODD), count
        if mode >= _KEY:
            if c != 34:
                return np.int64(ODD), count
            known = get(stack, top * 6 + _COUNT)
            if get(stack, top * 6 + _USE) == _EQUIPMENT and known < NAMES:
                stop, whole = glance(text, at, end, np.int64(92), row, seen, shapes)
                unknown = at
                if stop >= 0:
                    for i in range(known):
                        if get(names, top * NAMES + i) == whole:
                            return np.int64(ODD), count
                    let(names, top * NAMES + known, whole)
                    let(stack, top * 6 + _COUNT, known + 1)
                    let(row, v.EQUIPMENT_COLUMN, equipment)
                    count = emit(rows, count, row)
                    if count >= most + ROOM - 2:
                        return np.int64(ODD), count
                    at, mode = stop, np.int64(_AFTER)
                    continue
            stop, bits = _string(text, at + 1, end)
            if stop < 0 or stop - at > 1000:
                return np.int64(ODD), count
            whole, local = _key(text, at + 1, stop)
            if whole == 0 or known >= NAMES:
                return np.int64(ODD), count
            for i in range(known):
                if get(names, top * NAMES + i) == whole:
                    return np.int64(ODD), count
            let(names, top * NAMES + known, whole)
            let(stack, top * 6 + _COUNT, known + 1)
            at = space(text, stop + 1, end)
            if at >= end or byte(text, at) != 58:
                return np.int64(ODD), count
            at += 1
            found = find(local, vocabulary)
            inside = get(stack, top * 6 + _USE)
            mode, use = np.int64(_VALUE), np.int64(_WALK if inside <= _EQUIPMENT else _SKIP)
            if found >= 0:
                kind, code = what(found, 0, vocabulary), what(found, 1, vocabulary)
                if inside == _DATUM and kind >= LEAF:
                    use, implied = np.int64(_LEAF), what(found, 2, vocabulary)
                elif inside <= _EQUIPMENT and kind == EQUIPMENT:
                    if equipment:
                        return np.int64(ODD), count  # equipment of an equipment
                    use = np.int64(_EQUIPMENT)
                elif inside <= _EQUIPMENT and kind == DATUM:
                    use = np.int64(_DATUM)
                elif inside <= _EQUIPMENT and local == _SNAPSHOT_TIME and get(stack, top * 6 + _LEVEL) <= 2:
                    if get(stack, top * 6 + _TIMED) or get(stack, top * 6 + _OPENED) < 0:
                        return np.int64(ODD), count
                    let(stack, top * 6 + _TIMED, 1)
                    use = np.int64(_SNAPSHOT)
            continue
        # a value
        if c == 91 or c == 123:
            level = get(stack, top * 6 + _LEVEL) + 1 if top >= 0 else np.int64(0)
            inner = use
            if use == _SNAPSHOT or top >= DEPTH - 1:
                return np.int64(ODD), count
            if use == _LEAF or (use == _DATUM and c == 91 and get(stack, top * 6 + _USE) == _DATUM + _ARRAY):
                inner = np.int64(_SKIP)  # an object is no value, a list in a list no element
            if use == _EQUIPMENT and c == 91 and get(stack, top * 6 + _USE) == _EQUIPMENT + _ARRAY:
                return np.int64(ODD), count
            if use == _EQUIPMENT and get(stack, top * 6 + _USE) == _EQUIPMENT + _ARRAY:
                level -= 1  # the list of equipment is no level of its own
            if c == 123 and inner == _EQUIPMENT:
                equipment = following
                following += 1
            elif c == 123 and inner == _DATUM:
                clear(row)
                let(row, v.EQUIPMENT_COLUMN, equipment)
                let(row, v.CODE_COLUMN, code)
            top += 1
            let(stack, top * 6 + _USE, inner + (_ARRAY if c == 91 else 0))
            let(stack, top * 6 + _CODE, code)
            let(stack, top * 6 + _LEVEL, level)
            let(stack, top * 6 + _OPENED, count)
            let(stack, top * 6 + _COUNT, 0)
            let(stack, top * 6 + _TIMED, 0)
            mode = np.int64(_FIRST if c == 91 else _FIRST_KEY)
            at += 1
            if c == 91:
                use = inner
                after = space(text, at, end)
                if after < end and byte(text, after) != 93:
                    mode = np.int64(_VALUE)
            continue
        if use == _EQUIPMENT or top < 0:
            return np.int64(ODD), count
        if c == 34:
            start = at + 1
            stop, bits = _string(text, start, end)
            if stop < 0:
                return np.int64(ODD), count
            high |= bits
            at = stop + 1
        else:
            start = at
            stop = scalar(text, at, end)
            if stop < 0:
                return np.int64(ODD), count
            at = stop
            if c == 110:
                use = np.int64(_SKIP)  # null
        mode = np.int64(_AFTER)
        if use == _LEAF:
            if not put(text, row, code, start, stop):
                return np.int64(ODD), count
            if implied:
                let(row, v.UNIT_COLUMN, implied)
        elif use == _SNAPSHOT and (c == 116 or c == 102):
            return np.int64(ODD), count
        elif use == _SNAPSHOT and stop > start:  # it comes before what its object said until now
            before = get(stack, top * 6 + _OPENED)
            for i in range(count, before, -1):
                emit(rows, i, rows + 8 * v.ROW * (i - 1))
            clear(rows + 8 * v.ROW * before)
            let(rows, before * v.ROW + v.CODE_COLUMN, v.DOCUMENT)
            let(rows, before * v.ROW + v.EQUIPMENT_COLUMN, equipment)
            if not put(text, rows + 8 * v.ROW * before, np.int64(-1), start, stop):
                return np.int64(ODD), count
            count += 1
            if count >= most + ROOM - 2:
                return np.int64(ODD), count
    for i in range(top + 1):
        let(stack, i * 6 + _OPENED, -1)
    let(state, _AT, at)
    let(state, _NEXT, following)
    let(state, _EQ, equipment)
    let(state, _TOP, top)
    let(state, _HIGH, get(state, _HIGH) | high >> 7)
    return np.int64(MORE), count
