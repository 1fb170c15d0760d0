"""Shredded rows into numbers, times and units in one pass, for the rows that are no whole equipment."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.decode import (
    IMPOSSIBLE,
    TABLES,
    VALUES,
    WHAT,
    cell,
    moment,
)
from recore.fleet.aemp.kernel import EMPTY, GOOD
from recore.fleet.aemp.memory import address, compiled, get

TOO_MUCH: Final = 2  # of the reasons in `values`


class Decoded(NamedTuple):
    """Of each row: its time with GOOD, EMPTY or ODD, and its values in the columns' units with state and reason."""

    ts: NDArray[np.int64]
    timed: NDArray[np.int8]
    values: NDArray[np.float64]
    states: NDArray[np.int8]
    reasons: NDArray[np.int8]


def decode(text: NDArray[np.uint8], rows: NDArray[np.int64]) -> Decoded:
    rows = np.ascontiguousarray(rows)
    count = len(rows)
    made = Decoded(
        np.zeros(count, np.int64),
        np.empty(count, np.int8),
        np.full((count, VALUES), np.nan),
        np.zeros((count, VALUES), np.int8),
        np.zeros((count, VALUES), np.int8),
    )
    _decode(address(text), address(rows), *made, address(TABLES))
    return made


@compiled("void(int64, int64, int64[::1], int8[::1], float64[:, ::1], int8[:, ::1], int8[:, ::1], int64)")
def _decode(
    text: int,
    rows: int,
    ts: NDArray[np.int64],
    timed: NDArray[np.int8],
    values: NDArray[np.float64],
    states: NDArray[np.int8],
    reasons: NDArray[np.int8],
    tables: int,
) -> None:
    for i in range(len(ts)):
        at, end = get(rows, v.TIME_COLUMN), get(rows, v.TIME_COLUMN + 1)
        if at >= end:
            timed[i] = EMPTY
        else:
            ts[i], timed[i] = moment(text, at, end)
        code = get(rows, v.CODE_COLUMN)
        for slot in range(VALUES):
            value, state = cell(text, rows, slot, get(get(tables, WHAT), code * VALUES + slot), tables)
            if state == IMPOSSIBLE:
                states[i, slot], reasons[i, slot] = GOOD, TOO_MUCH
            else:
                states[i, slot], values[i, slot] = state, value
        rows += 8 * v.ROW
