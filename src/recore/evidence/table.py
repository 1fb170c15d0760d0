"""A table of measured columns, read lazily and in the units that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from recore.errors import BadInput
from recore.evidence.column import Column, Kind, find
from recore.evidence.values import BadCell, as_kind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ROWS = 2**17


class Source(Protocol):
    """What a format must offer: names, parts, and raw columns in batches. Sources can be pickled."""

    @property
    def name(self) -> str:
        """Name of the file in errors."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names, stripped."""
        ...

    def part_rows(self) -> list[int] | None:
        """Rows of each part that can be read on its own; None where only the reading will tell."""
        ...

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        """Arrow arrays of the wanted columns, in their order, batch after batch."""
        ...

    def constant(self, position: int, part: int) -> pa.Array | None:
        """The value, as an array of one, that a column has in every row of a part; None where only
        reading will tell."""
        ...

    def raw(self, positions: Sequence[int]) -> pa.Table:
        """Columns as they are stored."""
        ...

    def place(self, row: int) -> str:
        """How a person finds a row (counted from 0 over the whole table): 'line 7' or 'row 7'."""
        ...


@dataclass(frozen=True)
class Part:
    """A piece of a table that a worker can read on its own; it can be pickled.

    Parameters
    ----------
    source : the table it belongs to
    index : which part it is
    first_row : row of the table, counted from 0, that the part begins with
    rows : how many rows it has, None where only the reading will tell
    """

    source: Source
    index: int
    first_row: int
    rows: int | None

    def constants(self, names: Sequence[str], kinds: Mapping[str, Kind] | None = None) -> dict[str, Any]:
        """Those of the columns that hold one value throughout the part, as far as the file's own
        statistics say so: they need not be read. Arguments as in `Table.batches`."""
        found = {}
        for name in names:
            column = find(self.source.columns, name, (kinds or {}).get(name, "float"), self.source.name)
            value = self.source.constant(column.position, self.index)
            if value is not None:
                found[name] = as_kind(value, column)[0].as_py()
        return found

    def batches(
        self,
        names: Sequence[str],
        kinds: Mapping[str, Kind] | None = None,
        *,
        check: bool = True,
        stored: bool = False,
        rows: int = ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """The part's rows, batch after batch; arguments as in `Table.batches`."""
        for _, batch in _converted(
            self.source, names, kinds, check, stored, rows, self.index, self.first_row
        ):
            yield batch


@dataclass(frozen=True)
class Table:
    """Measured columns by name. Nothing is read before it is asked for.

    A name carries its unit ('radius_um', 'radius [µm]'). A column of the same stem in another
    unit of the same kind is converted; one of another kind is bad input, and so are a missing
    column, text where numbers belong, empty cells, NaN and infinity. Names are compared
    without regard to case, with space and dash equal to the underscore.
    """

    source: Source

    @classmethod
    def of(cls, columns: Any, *, name: str = "memory") -> Table:
        """A table from memory: a mapping from name to a list or 1-D array, or anything Arrow reads."""
        from recore.evidence.memory_table import memory_source

        return cls(memory_source(columns, name))

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.source.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names as in the file."""
        return self.source.columns

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """`table["radius_um"]` is `table.floats("radius_um")`."""
        return self.floats(name)

    @property
    def rate_hz(self) -> float | None:
        """Samples per second of every column, where the file itself says so; else None."""
        rate: float | None = getattr(self.source, "rate_hz", None)
        return rate

    @property
    def rates_hz(self) -> tuple[float, ...]:
        """Every sampling rate that the file states, each once: several where its channels differ."""
        rates: tuple[float, ...] = getattr(self.source, "rates", ())
        return rates

    @property
    def facts(self) -> Mapping[str, float]:
        """Single numbers that the file states beside its columns, as the speed of a shaft, by name."""
        facts: Mapping[str, float] = getattr(self.source, "facts", {})
        return facts

    def rate_of(self, name: str) -> float | None:
        """Samples per second of one column, where the file itself says so; else None."""
        rate_of = getattr(self.source, "rate_of", None)
        if rate_of is None:
            return None
        rate: float | None = rate_of(find(self.columns, name, "float", self.name).position)
        return rate

    def has(self, name: str, kind: Kind = "float") -> bool:
        """Whether the column is there, in the unit asked for or in another of the same kind."""
        try:
            find(self.columns, name, kind, self.name)
        except BadInput:
            return False
        return True

    def floats(self, name: str) -> NDArray[np.float64]:
        """A column of finite numbers in the unit that `name` ends with; float64 [rows], yours to change."""
        values: NDArray[np.float64] = self.array(name, "float")
        return values

    def integers(self, name: str) -> NDArray[np.int64]:
        """A column of whole numbers; int64 [rows]."""
        values: NDArray[np.int64] = self.array(name, "integer")
        return values

    def times(self, name: str) -> NDArray[np.datetime64]:
        """A column of instants; datetime64[us] [rows] in UTC. A time without a zone is taken as UTC."""
        values: NDArray[np.datetime64] = self.array(name, "time")
        return values

    def texts(self, name: str) -> list[str]:
        """A column of words."""
        return [
            word for batch in self.batches([name], {name: "text"}) for word in batch.column(0).to_pylist()
        ]

    def batches(
        self,
        names: Sequence[str],
        kinds: Mapping[str, Kind] | None = None,
        *,
        check: bool = True,
        stored: bool = False,
        rows: int = ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """Stream the wanted columns in their order and under the asked names; no other column is read.

        Parameters
        ----------
        names : columns, each in the unit its name ends with
        kinds : 'float' (float64, the default), 'float32', 'integer' (int64), 'time' (timestamp[us, UTC])
            or 'text' by name
        check : refuse empty cells, NaN and infinity in float columns; without it they pass through
        stored : keep float32 in single precision and times in their own resolution (s, ms or us)
            where nothing has to be converted: for kernels that widen as they go
        rows : largest number of rows in a batch

        Raises
        ------
        BadInput : on the first value that is not as asked, with its file, column and row
        """
        empty = True
        for _, batch in _converted(self.source, names, kinds, check, stored, rows, None, 0):
            empty = False
            yield batch
        if empty:
            raise _no_rows(self.name)

    def parts(self) -> list[Part]:
        """Pieces that can be read independently: one per row group of a Parquet file, else one."""
        counts = self.source.part_rows()
        if counts is None:
            return [Part(self.source, 0, 0, None)]
        if not sum(counts):
            raise _no_rows(self.name)
        parts, first = [], 0
        for index, count in enumerate(counts):
            if count:
                parts.append(Part(self.source, index, first, count))
            first += count
        return parts

    def arrow(self, names: Sequence[str] | None = None) -> pa.Table:
        """Columns as they are stored, with no unit converted and no value checked; all where none is named."""
        if names is None:
            return self.source.raw(range(len(self.columns)))
        found = [find(self.columns, name, "text", self.name) for name in names]
        return self.source.raw([column.position for column in found]).rename_columns(list(names))

    def array(self, name: str, kind: Kind = "float") -> Any:
        """A column as a NumPy array [rows] of the kind; yours to change."""
        import numpy as np

        chunks = [
            batch.column(0).to_numpy(zero_copy_only=False) for batch in self.batches([name], {name: kind})
        ]
        return np.concatenate(chunks)


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, where a method goes on without it: an input annotated `Table | Unread`.

    Its digest stands among the evidence all the same.
    """

    name: str
    reason: str


def _no_rows(name: str) -> BadInput:
    return BadInput("the table has no rows", where=name, right="at least one row of values is wanted")


def _converted(
    source: Source,
    names: Sequence[str],
    kinds: Mapping[str, Kind] | None,
    check: bool,
    stored: bool,
    rows: int,
    part: int | None,
    first_row: int,
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches with the table row each begins with."""
    import pyarrow as pa

    kinds = kinds or {}
    if unasked := kinds.keys() - set(names):
        raise KeyError(f"a kind is given for {sorted(unasked)}, which are not among the wanted columns")
    wanted = [find(source.columns, name, kinds.get(name, "float"), source.name) for name in names]
    for raw in source.scan(wanted, part, rows):
        arrays = []
        for column, array in zip(wanted, raw, strict=True):
            try:
                arrays.append(as_kind(array, column, check=check, stored=stored))
            except BadCell as bad:
                raise _located(bad, source, column, first_row) from None
        batch = pa.RecordBatch.from_arrays(arrays, names=list(names))
        if batch.num_rows:
            yield first_row, batch
        first_row += batch.num_rows


def _located(bad: BadCell, source: Source, column: Column, first_row: int) -> BadInput:
    where = f"{source.name}, column {column.stored!r}"
    if bad.index is not None:
        where += f", {source.place(first_row + bad.index)}"
    return BadInput(bad.what, where=where, right=bad.right)
