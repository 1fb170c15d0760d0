"""Tables of harmonics and gains for the findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]


def harmonics(motions: Mapping[str, tuple[Complexes, Floats]], observable: Bools) -> pa.Table:
    """One row for each harmonic from 0 on: real and imaginary part [nm] and U(k = 2) of each; empty where not observable.

    Parameters
    ----------
    motions : amplitudes (K + 1,) and U (K + 1,) by name [nm]
    observable : (K + 1,) which rows carry numbers at all
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {"upr": pa.array(np.arange(len(observable)))}
    for name, (values, expanded) in motions.items():
        for ending, numbers in (("re", values.real), ("im", values.imag), ("u", expanded)):
            columns[f"{name}_{ending}_nm"] = pa.array(np.ascontiguousarray(numbers), mask=~observable)
    columns["observable"] = pa.array(observable)
    return pa.table(columns)


def gains(artefact: Floats, spindle: Floats) -> pa.Table:
    """Noise gain of each harmonic; empty where it is lost."""
    import pyarrow as pa

    return pa.table(
        {
            "upr": pa.array(np.arange(len(artefact))),
            "artefact_gain": pa.array(artefact, mask=np.isinf(artefact)),
            "spindle_gain": pa.array(spindle, mask=np.isinf(spindle)),
        }
    )


def ranges(numbers: NDArray[np.int64]) -> str:
    """'2, 4-6, 9' of sorted whole numbers."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ", ".join(
        str(run[0]) if len(run) == 1 else f"{run[0]}{', ' if len(run) == 2 else '-'}{run[-1]}" for run in runs
    )


def replaced(table: pa.Table, name: str, values: Complexes, expanded: Floats, given: Bools) -> pa.Table:
    """The table with numbers also where `given` and not yet there; values and expanded of those rows in order."""
    import pyarrow as pa

    for ending, numbers in (("re", values.real), ("im", values.imag), ("u", expanded)):
        column = f"{name}_{ending}_nm"
        old = table[column].to_numpy(zero_copy_only=False).astype(float)
        missing = given & np.isnan(old)
        old[missing] = numbers
        at = table.column_names.index(column)
        table = table.set_column(at, column, pa.array(old, mask=~given))
    return table
