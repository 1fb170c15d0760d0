"""Tables that lie in memory already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput
from recore.evidence.column import Column

if TYPE_CHECKING:
    import pyarrow as pa

MAX_COLUMNS = 4096


@dataclass(frozen=True)
class MemorySource:
    """Columns of an Arrow table."""

    name: str
    table: pa.Table

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.table.column_names)

    def part_rows(self) -> list[int] | None:
        return [self.table.num_rows]

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        positions = [column.position for column in wanted]
        # a column asked for twice, under two units, is the same column
        once = list(dict.fromkeys(positions))
        for batch in self.table.select(once).to_batches(max_chunksize=rows):
            yield [batch.column(once.index(position)) for position in positions]

    def constant(self, position: int, part: int) -> pa.Array | None:
        return None

    def raw(self, positions: Sequence[int]) -> pa.Table:
        return self.table.select(list(positions))

    def place(self, row: int) -> str:
        return f"row {row + 1}"


def memory_source(columns: Any, name: str) -> MemorySource:
    """Source over a mapping of columns, or over anything that offers the Arrow stream interface.

    Raises
    ------
    BadInput : columns of unequal length, of more than one dimension, or of mixed types
    """
    import pyarrow as pa

    if not isinstance(columns, Mapping):
        table = pa.table(columns)
    else:
        arrays = {str(key): _array(value, f"{name}, column {str(key)!r}") for key, value in columns.items()}
        lengths = {key: len(array) for key, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{key}: {length}" for key, length in lengths.items())
            raise BadInput(
                f"the columns differ in length ({listed})",
                where=name,
                right="equally long columns are wanted",
            )
        table = pa.table(arrays)
    check_names(table.column_names, name)
    return MemorySource(name, table)


def _array(values: Any, where: str) -> Any:
    import pyarrow as pa

    if getattr(values, "ndim", 1) != 1:
        raise BadInput(f"has {values.ndim} dimensions", where=where, right="a column has one")
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError) as error:
        raise BadInput(
            f"cannot be a column ({error})", where=where, right="values of one type are wanted"
        ) from None


def check_names(names: Sequence[str], file: str) -> tuple[str, ...]:
    """Stripped column names; a name that stands twice, or too many of them, is bad input."""
    if len(names) > MAX_COLUMNS:
        raise BadInput(f"has {len(names)} columns", where=file, right=f"at most {MAX_COLUMNS} are read")
    stripped = [name.strip() for name in names]
    twice = sorted(name for name, count in Counter(stripped).items() if name and count > 1)
    if twice:
        raise BadInput(
            f"column {', '.join(map(repr, twice[:5]))} stands twice",
            where=file,
            right="give each column its own name",
        )
    return tuple(stripped)
