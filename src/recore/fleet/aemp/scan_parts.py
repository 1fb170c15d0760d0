"""What both scanners need: the names of the vocabulary by their hashes, rows, white space."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.decode import I64, TEXT_TYPE, U64, byte, hashed, inner

MORE, DONE, ODD = 0, 1, 2
TEXT: Final = 4096
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


@inner(f"{I64}({U64}, {U64}[::1])")
def find(key: Any, keys: NDArray[np.uint64]) -> int:
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(keys) and keys[low] == key else -1


@inner(f"{I64}({TEXT_TYPE}, {I64}, {I64})")
def space(text: NDArray[np.uint8], at: Any, end: Any) -> Any:
    while at < end and (byte(text, at) == 32 or byte(text, at) == 10 or byte(text, at) == 13 or byte(text, at) == 9):
        at += 1
    return at


# assignments of whole rows are small functions: spelt out where they are used they take seconds to compile
@inner(f"void({I64}[::1])")
def clear(row: NDArray[np.int64]) -> None:
    for i in range(v.ROW):
        row[i] = 0


@inner(f"{I64}({I64}[:, ::1], {I64}, {I64}[::1])")
def emit(rows: NDArray[np.int64], count: Any, row: NDArray[np.int64]) -> Any:
    for i in range(v.ROW):
        rows[count, i] = row[i]
    return count + 1


@inner(f"boolean({TEXT_TYPE}, {I64}[::1], {I64}, {I64}, {I64})")
def put(text: NDArray[np.uint8], row: NDArray[np.int64], place: Any, start: Any, stop: Any) -> Any:
    while start < stop and byte(text, start) <= 32:
        start += 1
    while stop > start and byte(text, stop - 1) <= 32:
        stop -= 1
    row[v.TIME_COLUMN + 2 * (place + 1)] = start
    row[v.TIME_COLUMN + 2 * (place + 1) + 1] = stop
    return stop - start <= TEXT
