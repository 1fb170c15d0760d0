"""Parquet tables, read row group by row group."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput
from recore.evidence.column import Column
from recore.evidence.memory_table import check_names

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.evidence.remote import Remote

# the columns of a row group beyond this are streamed page by page instead of being fetched whole
_LARGE_GROUP = 2**27
_PAGE_BUFFER = 2**20
# the file that a thread read a row group from last, and its source
_kept = threading.local()


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file; only its footer is read before a column is asked for."""

    path: Path | Remote
    name: str

    def _bytes(self) -> Any:
        """What Arrow reads: the path, or the stream of a remote file."""
        return self.path if isinstance(self.path, Path) else self.path.open()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "name": self.name}

    @cached_property
    def _footer(self) -> Any:
        import pyarrow.parquet as pq

        with self._readable(), pq.ParquetFile(self._bytes()) as file:
            return file.metadata, file.schema_arrow

    @cached_property
    def _names(self) -> list[str]:
        names: list[str] = self._footer[1].names
        return names

    @cached_property
    def _types(self) -> list[Any]:
        types: list[Any] = self._footer[1].types
        return types

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return check_names(self._footer[1].names, self.name)

    def part_rows(self) -> list[int] | None:
        metadata = self._footer[0]
        return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        import pyarrow.parquet as pq

        metadata = self._footer[0]
        groups = list(range(metadata.num_row_groups)) if part is None else [part]
        names = [self._names[column.position] for column in wanted]
        large = any(metadata.row_group(group).total_byte_size > _LARGE_GROUP for group in groups)
        buffering = {"buffer_size": _PAGE_BUFFER, "pre_buffer": False} if large else {}
        with self._readable():
            file = (
                pq.ParquetFile(self._bytes(), metadata=metadata, **buffering)
                if part is None or large
                else self._kept_open(last=part == metadata.num_row_groups - 1)
            )
            for group in groups:
                if metadata.row_group(group).num_rows:
                    for batch in file.iter_batches(
                        # parts run side by side on an executor; threads within one only cost
                        rows,
                        row_groups=[group],
                        columns=list(dict.fromkeys(names)),
                        use_threads=part is None,
                    ):
                        yield [batch.column(name) for name in names]

    def _kept_open(self, *, last: bool) -> Any:
        """The file for one row group, open from the one before where a thread reads several in turn.

        Whoever still reads from it holds it; it is closed when nobody does.
        """
        import pyarrow.parquet as pq

        owner, file = getattr(_kept, "file", (None, None))
        if owner is not self:
            file = pq.ParquetFile(self._bytes(), metadata=self._footer[0])
        _kept.file = (None, None) if last else (self, file)
        return file

    def constant(self, position: int, part: int) -> pa.Array | None:
        import pyarrow as pa

        metadata = self._footer[0]
        kind = self._types[position]
        if not pa.types.is_integer(kind) or metadata.num_columns != len(self._names):
            return None
        chunk = metadata.row_group(part).column(position)
        told = chunk.statistics
        if not (told and told.has_min_max and told.has_null_count and told.null_count == 0):
            return None
        value = told.min
        if value != told.max:
            return None
        # as wide as integers are asked for, so that nothing is left to convert
        return pa.array([value], kind if kind == pa.uint64() else pa.int64())

    def raw(self, positions: Sequence[int]) -> pa.Table:
        import pyarrow.parquet as pq

        names = [self._footer[1].names[position] for position in positions]
        with self._readable(), pq.ParquetFile(self._bytes()) as file:
            return file.read(columns=names).select(names)

    def place(self, row: int) -> str:
        return f"row {row + 1}"

    @contextmanager
    def _readable(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except BadInput:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BadInput(
                f"is not whole Parquet ({reason})", where=self.name, right="copy or export the file again"
            ) from None
