"""What both scanners need: the names of the vocabulary by their hashes, rows, white space."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.decode import hashed
from recore.fleet.aemp.memory import addresses, byte, get, inner, let, numbers

MORE, DONE, ODD = 0, 1, 2
TEXT: Final = 4096
ROOM: Final = 4096  # rows of one equipment at most, about
STEP: Final = 4096  # rows that are made before they are looked at: they stay in the cache
EQUIPMENT, DATUM, LEAF, TIME, UNIT = 1, 2, 3, 4, 5


def _names() -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    rows = [
        (hashed(v.EQUIPMENT), EQUIPMENT, 0, 0),
        (hashed("units"), UNIT, 3, 0),
        (hashed("unit"), UNIT, 3, 0),
    ]
    rows += [(hashed(name), TIME, -1, 0) for name in v.TIME_NAMES]
    rows += [(hashed(name), DATUM, code, 0) for name, code in v.CODE.items()]
    rows += [(hashed(n), LEAF, s, v.implied(n)) for n, s in v.SLOT.items() if n not in ("units", "unit")]
    rows.sort()
    keys = np.array([row[0] for row in rows], np.uint64)
    assert len(np.unique(keys)) == len(keys)
    return keys, np.array([row[1:] for row in rows], np.int64)


KEYS, KINDS = _names()
NAMES: Final = np.append(addresses((KEYS, KINDS)), len(KEYS))


@inner("int64(uint64, int64)")
def find(key: Any, names: int) -> Any:
    """Place of a name among those of the vocabulary; -1 where it is none."""
    keys, count = get(names, 0), get(names, 2)
    low, high = np.int64(0), count
    while low < high:
        middle = (low + high) // 2
        if np.uint64(get(keys, middle)) < key:
            low = middle + 1
        else:
            high = middle
    return low if low < count and np.uint64(get(keys, low)) == key else np.int64(-1)


@inner(numbers(3))
def what(found: Any, column: Any, names: int) -> Any:
    """What a name is (column 0), its code or slot (1), the unit that it implies (2)."""
    return get(get(names, 1), 3 * found + column)


@inner(numbers(3))
def space(text: int, at: Any, end: Any) -> Any:
    while at < end:
        c = byte(text, at)
        if c != 32 and c != 10 and c != 13 and c != 9:
            break
        at += 1
    return at


@inner(numbers(1, "void"))
def clear(row: int) -> None:
    for i in range(v.ROW):
        let(row, i, 0)


@inner(numbers(3))
def emit(rows: int, count: Any, row: int) -> Any:
    for i in range(v.ROW):
        let(rows, count * v.ROW + i, get(row, i))
    return count + 1


@inner(numbers(5, "boolean"))
def put(text: int, row: int, place: Any, start: Any, stop: Any) -> Any:
    while start < stop and byte(text, start) <= 32:
        start += 1
    while stop > start and byte(text, stop - 1) <= 32:
        stop -= 1
    let(row, v.TIME_COLUMN + 2 * (place + 1), start)
    let(row, v.TIME_COLUMN + 2 * (place + 1) + 1, stop)
    return stop - start <= TEXT
