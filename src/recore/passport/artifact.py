"""Whether two files that a method made say the same within its tolerance."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recore import jsonio
from recore.errors import BadInput
from recore.finding import Tolerance

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def differences(file: str, old: bytes, new: bytes, tolerance: Callable[[str], Tolerance]) -> list[str]:
    """What differs between a recorded artifact and the recomputed one.

    Tables (.parquet, .csv) and arrays (.npy) are compared number by number, JSON value by value;
    another kind of file must be the same in every byte.

    Parameters
    ----------
    tolerance : declared tolerance by name, of a column or the artifact
    """
    if old == new:
        return []
    ending = file.rpartition(".")[2].lower()
    name = file.rpartition(".")[0]
    try:
        if ending in ("parquet", "csv"):
            return _tables(file, _table(ending, old), _table(ending, new), tolerance)
        if ending == "npy":
            return _arrays(file, _array(old), _array(new), tolerance(name))
        if ending == "json":
            pair = (jsonio.loads(old, where=file), jsonio.loads(new, where=file))
            return [] if _same(*pair, tolerance(name)) else [f"{file}: the content differs"]
    except (BadInput, ValueError, OSError) as error:
        return [f"{file}: cannot be compared ({error})"]
    return [f"{file}: the bytes differ"]


def _table(ending: str, data: bytes) -> pa.Table:
    if ending == "csv":
        from pyarrow import csv

        return csv.read_csv(io.BytesIO(data))
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(data))


def _tables(file: str, old: pa.Table, new: pa.Table, tolerance: Callable[[str], Tolerance]) -> list[str]:
    import pyarrow as pa

    if old.schema.names != new.schema.names:
        return [f"{file}: columns {old.schema.names} became {new.schema.names}"]
    if old.num_rows != new.num_rows:
        return [f"{file}: {old.num_rows} rows became {new.num_rows}"]
    found = []
    for name in old.schema.names:
        a, b = old[name].combine_chunks(), new[name].combine_chunks()
        numbers = pa.types.is_floating(a.type) or pa.types.is_floating(b.type)
        if numbers and a.is_null().equals(b.is_null()):
            allowed = tolerance(name)
            a, b = (x.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False) for x in (a, b))
            found += _arrays(f"{file}, column {name}", a, b, allowed)
        elif not a.equals(b):
            found.append(f"{file}, column {name}: the values differ")
    return found


def _array(data: bytes) -> np.ndarray[Any, Any]:
    import numpy as np

    array: np.ndarray[Any, Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _arrays(where: str, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], allowed: Tolerance) -> list[str]:
    import numpy as np

    if a.shape != b.shape or a.dtype != b.dtype:
        return [f"{where}: shape {a.shape} of {a.dtype} became {b.shape} of {b.dtype}"]
    if not np.issubdtype(a.dtype, np.inexact):
        return [] if np.array_equal(a, b) else [f"{where}: the values differ"]
    with np.errstate(invalid="ignore"):
        limit = allowed.absolute + allowed.relative * np.maximum(np.abs(a), np.abs(b))
        fine = (a == b) | (np.abs(a - b) <= limit) | (np.isnan(a) & np.isnan(b))
        # an infinite limit allows nothing
        fine &= np.isfinite(limit) | (a == b) | np.isnan(a)
    if fine.all():
        return []
    row = int(np.flatnonzero(~fine.ravel())[0])
    return [f"{where}: {a.ravel()[row]!r} became {b.ravel()[row]!r} at place {row}"]


def _same(a: Any, b: Any, allowed: Tolerance) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key], allowed) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y, allowed) for x, y in zip(a, b, strict=True))
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))
    return allowed.agrees(a, b) if numbers else type(a) is type(b) and bool(a == b)
