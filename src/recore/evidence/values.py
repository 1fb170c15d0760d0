"""Values of a column in the kind and unit that is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from recore.evidence.column import ISO, Column, with_article
from recore.evidence.scaling import scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ZONED = r"[T ].*(?:Z|[+-]\d\d(?::?\d\d)?)$"
# the sixth powers of the sums and moments of methods still fit into a double
_LARGEST, _SMALLEST = 1e30, 1e-30
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")


class BadCell(Exception):
    """A value that cannot be used; `index` counts within the batch, None means the whole column."""

    def __init__(self, index: int | None, what: str, right: str) -> None:
        super().__init__(what)
        self.index, self.what, self.right = index, what, right


def why_not_number(text: str, column: Column) -> tuple[str, str]:
    """What is wrong with a cell where a number belongs, and what would be right."""
    if not text.strip():
        return "the cell is empty", column.wanted
    if _DECIMAL_COMMA.fullmatch(text):
        return f"{text.strip()!r} has a decimal comma", f"write {text.strip().replace(',', '.')}"
    return (
        f"{text.strip()[:60]!r} is not {'a whole number' if column.kind == 'integer' else 'a number'}",
        column.wanted,
    )


def as_kind(array: Any, column: Column, *, check: bool = True, stored: bool = False) -> Any:
    """Values of an Arrow array in the wanted kind and unit; what fits already is not copied.

    With `stored` single precision and the resolution of times are left as they are.

    Raises
    ------
    BadCell : on the first value that does not fit
    """
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if column.kind == "text":
        return _as_text(array, column)
    if column.kind == "time":
        if stored and pa.types.is_timestamp(array.type) and array.type.unit != "ns":
            _no_nulls(array, column)
            return array
        return _as_time(array, column)
    if column.kind == "integer" and column.unit is None and not pa.types.is_floating(array.type):
        _numeric(array, column)
        _no_nulls(array, column)
        return _cast(array, pa.int64(), column)
    values = _as_float(array, column, check=check, stored=stored)
    return _whole(values, column) if column.kind == "integer" else values


def _as_float(array: Any, column: Column, *, check: bool, stored: bool = False) -> Any:
    import pyarrow as pa

    _numeric(array, column)
    if check or column.kind == "integer":
        _no_nulls(array, column)
    single = column.kind == "float32" or (stored and column.unit is None and array.type == pa.float32())
    target = pa.float32() if single else pa.float64()
    if column.unit is not None and column.to is not None:
        wide = _cast(array, pa.float64(), column)
        numbers = scaled(wide.to_numpy(zero_copy_only=False), column.unit, column.to)
        array = pa.array(
            numbers, mask=None if not wide.null_count else wide.is_null().to_numpy(zero_copy_only=False)
        )
    if array.type != target:
        array = _cast(array, target, column)
    if check or column.kind == "integer":
        _measurable(array.to_numpy(zero_copy_only=False), column)
    return array


def _measurable(numbers: NDArray[np.floating[Any]], column: Column) -> None:
    """Refuse NaN, infinity and numbers whose powers would overflow or vanish where a method sums them."""
    import numpy as np

    with np.errstate(all="ignore"):
        square = float(numbers @ numbers)  # one pass without a temporary: NaN and infinity survive it
    if _SMALLEST**2 <= square < _LARGEST**2 or not len(numbers):
        return
    with np.errstate(invalid="ignore"):
        size = np.abs(numbers)
        index = int((~(size < _LARGEST)).argmax())
    if not size[index] < _LARGEST:
        value = numbers[index]
        if np.isnan(value) or np.isinf(value):
            what = f"{'NaN' if np.isnan(value) else 'infinity'} is not a measured value"
        elif column.kind == "integer":
            return  # what is no whole number says so itself
        else:
            what = f"{value:g} is larger than anything that is measured"
        raise BadCell(index, what, column.wanted)
    index = int(size.argmax())
    if 0 < size[index] < _SMALLEST:
        what = f"{numbers[index]:g}, the largest of its numbers, is smaller than anything that is measured"
        raise BadCell(index, what, column.wanted)


def _whole(array: Any, column: Column) -> Any:
    import numpy as np
    import pyarrow as pa

    values = array.to_numpy(zero_copy_only=False)
    bad = (values != np.floor(values)) | (np.abs(values) > 2.0**53)
    if bad.any():
        index = int(bad.argmax())
        value = values[index]
        what = "is not a whole number" if value != np.floor(value) else "is beyond an exact whole number"
        raise BadCell(index, f"{value:g} {what}", column.wanted)
    return pa.array(values.astype(np.int64))


def _as_text(array: Any, column: Column) -> Any:
    import pyarrow as pa

    _no_nulls(array, column)
    return array if array.type == pa.string() else _cast(array, pa.string(), column)


def _as_time(array: Any, column: Column) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    _no_nulls(array, column)
    target, kind = pa.timestamp("us", "UTC"), pa.types
    if kind.is_string(array.type) or kind.is_large_string(array.type) or kind.is_string_view(array.type):
        number = _epoch_number(array) if column.epoch else None
        if number is None:
            return _parsed(array, column)
        array = number
    if kind.is_timestamp(array.type):
        if array.type == target:
            return array
        # a naive time is UTC, a zoned one is kept as UTC ticks: only the resolution changes
        naive = array.cast(pa.timestamp(array.type.unit))
        return _cast(naive, pa.timestamp("us"), column, safe=array.type.unit != "ns").cast(target)
    if kind.is_date(array.type):
        return array.cast(pa.timestamp("us"), safe=False).cast(target)
    if not (kind.is_integer(array.type) or kind.is_floating(array.type)):
        raise BadCell(None, f"is {with_article(_type_word(array))}", ISO)
    if column.epoch is None:
        raise BadCell(
            None, "holds numbers whose unit and origin nobody stated",
            f"{ISO}, or name it '{column.stored}_s' or '{column.stored}_ms' if it counts from 1970-01-01 UTC",
        )  # fmt: skip
    try:
        if kind.is_floating(array.type):
            micro = pc.round(pc.multiply(array.cast(pa.float64()), 1e6 / column.epoch))
        elif column.epoch > 10**6:
            micro = pc.divide(array, pa.scalar(column.epoch // 10**6, pa.int64()))
        else:
            micro = pc.multiply_checked(array.cast(pa.int64()), pa.scalar(10**6 // column.epoch, pa.int64()))
        return micro.cast(pa.int64()).cast(target)
    except pa.ArrowInvalid:
        raise BadCell(None, "holds a time beyond the range of a calendar", ISO) from None


def _epoch_number(array: Any) -> Any:
    import pyarrow as pa

    for target in (pa.int64(), pa.float64()):
        try:
            return array.cast(target)
        except pa.ArrowInvalid:
            continue
    return None


def _parsed(array: Any, column: Column) -> Any:
    """ISO 8601 text, with and without a zone, to UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    utc = pa.timestamp("us", "UTC")
    try:
        return array.cast(pa.timestamp("us")).cast(utc)
    except pa.ArrowInvalid:
        pass
    array = pc.utf8_trim_whitespace(array.cast(pa.string()))
    zoned = pc.match_substring_regex(array, _ZONED)
    named = pc.if_else(zoned, array, pc.binary_join_element_wise(array, "Z", ""))
    dates = pc.match_substring_regex(array, r"^\d{4}-\d\d-\d\d$")
    named = pc.if_else(dates, pc.binary_join_element_wise(array, "T00:00:00Z", ""), named)
    for unit in ("us", "ns"):
        try:
            parsed = named.cast(pa.timestamp(unit, "UTC"))
        except pa.ArrowInvalid:
            continue
        return parsed.cast(utc, safe=False)
    for index, text in enumerate(named):
        try:
            pa.array([text.as_py()]).cast(pa.timestamp("ns", "UTC"))
        except pa.ArrowInvalid:
            raw = array[index].as_py()
            what = f"{raw[:60]!r} is not a time" if raw else "the cell is empty"
            raise BadCell(index, what, ISO) from None
    raise BadCell(None, "holds times that cannot be read together", ISO)


def _numeric(array: Any, column: Column) -> None:
    import pyarrow as pa

    kind = pa.types
    if kind.is_integer(array.type) or kind.is_floating(array.type) or kind.is_decimal(array.type):
        return
    if kind.is_string(array.type) or kind.is_large_string(array.type) or kind.is_string_view(array.type):
        for index, text in enumerate(array):
            if text.is_valid:
                raise BadCell(index, f"{text.as_py()[:60]!r} is text", column.wanted)
    if not kind.is_null(array.type):
        raise BadCell(None, f"is {with_article(_type_word(array))}", column.wanted)


def _type_word(array: Any) -> str:
    import pyarrow as pa

    if pa.types.is_temporal(array.type):
        return "time"
    if pa.types.is_boolean(array.type):
        return "yes-or-no column"
    return f"column of type {array.type}"


def _no_nulls(array: Any, column: Column) -> None:
    import pyarrow.compute as pc

    if array.null_count:
        raise BadCell(pc.index(array.is_null(), True).as_py(), "the cell is empty", column.wanted)


def _cast(array: Any, target: Any, column: Column, *, safe: bool = True) -> Any:
    import pyarrow as pa

    if array.type == target:
        return array
    try:
        # a double that a float cannot hold becomes infinite and is caught as such
        return array.cast(target, safe=safe and target != pa.float32())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        for index in range(len(array)):
            try:
                array.slice(index, 1).cast(target, safe=safe)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                value = "the time" if pa.types.is_temporal(array.type) else str(array[index].as_py())[:40]
                raise BadCell(index, f"{value} does not fit into {target}", column.wanted) from None
        raise
