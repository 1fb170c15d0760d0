"""Shredded rows into numbers, times and units in one pass, for the rows that are no whole equipment."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.decode import (
    F64,
    I64,
    IMPOSSIBLE,
    TABLES,
    TABLES_TYPE,
    TEXT_TYPE,
    VALUES,
    cell,
    compiled,
    moment,
)
from recore.fleet.aemp.kernel import EMPTY, GOOD

TOO_MUCH: Final = 2  # of the reasons in `values`


class Decoded(NamedTuple):
    """Of each row: its time with GOOD, EMPTY or ODD, and its values in the columns' units with state and reason."""

    ts: NDArray[np.int64]
    timed: NDArray[np.int8]
    values: NDArray[np.float64]
    states: NDArray[np.int8]
    reasons: NDArray[np.int8]


def decode(text: NDArray[np.uint8], rows: NDArray[np.int64]) -> Decoded:
    text = text.view()
    text.flags.writeable = False  # the signature's
    rows = rows if rows.flags.writeable else rows.copy()  # also the signature's
    count = len(rows)
    made = Decoded(
        np.zeros(count, np.int64),
        np.empty(count, np.int8),
        np.full((count, VALUES), np.nan),
        np.zeros((count, VALUES), np.int8),
        np.zeros((count, VALUES), np.int8),
    )
    _decode(text, rows, *made, TABLES)
    return made


@compiled(
    f"void({TEXT_TYPE}, {I64}[:, ::1], {I64}[::1], int8[::1], {F64}[:, ::1], int8[:, ::1], int8[:, ::1], {TABLES_TYPE})"
)
def _decode(
    text: NDArray[np.uint8],
    rows: NDArray[np.int64],
    ts: NDArray[np.int64],
    timed: NDArray[np.int8],
    values: NDArray[np.float64],
    states: NDArray[np.int8],
    reasons: NDArray[np.int8],
    tables: Any,
) -> None:
    for i in range(len(rows)):
        at, end = rows[i, v.TIME_COLUMN], rows[i, v.TIME_COLUMN + 1]
        if at >= end:
            timed[i] = EMPTY
        else:
            ts[i], timed[i] = moment(text, at, end)
        code = rows[i, v.CODE_COLUMN]
        for slot in range(VALUES):
            value, state = cell(text, rows, i, slot, tables[0][code, slot], tables)
            if state == IMPOSSIBLE:
                states[i, slot], reasons[i, slot] = GOOD, TOO_MUCH
            else:
                states[i, slot], values[i, slot] = state, value
