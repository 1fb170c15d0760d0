"""CSV and TSV tables, streamed."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput
from recore.evidence.column import Column
from recore.evidence.memory_table import check_names
from recore.evidence.values import why_not_number

if TYPE_CHECKING:
    import pyarrow as pa

_HEAD = 2**20
_BLOCK = 2**22
_INT64 = range(-(2**63), 2**63)
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_UNDECODED = re.compile("[\udc80-\udcff]")
_WHOLE = re.compile(r"-?[0-9]{1,30}")
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE
)


@dataclass(frozen=True)
class DelimitedSource:
    """A text table with a header line; `delimiter` is a comma (CSV) or a tab (TSV)."""

    path: Path
    name: str
    delimiter: str

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "name": self.name, "delimiter": self.delimiter}

    @cached_property
    def _header(self) -> tuple[tuple[str, ...], int]:
        return _read_header(self.path, self.name, self.delimiter)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._header[0]

    def part_rows(self) -> list[int] | None:
        return None

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        import pyarrow as pa

        names = [f"c{column.position}" for column in wanted]
        types = {name: _arrow_type(column) for name, column in zip(names, wanted, strict=True)}
        read = 0
        try:
            for batch in self._reader(types):
                arrays = [batch.column(name) for name in names]
                for first in range(0, batch.num_rows, rows):
                    yield [array.slice(first, rows) for array in arrays]
                read += batch.num_rows
        except pa.ArrowInvalid as error:
            reason, whole = self._diagnosed(wanted, read, error)
            yield from self._rest(types, names, read, whole)
            raise reason from None

    def _rest(self, types: dict[str, Any], names: list[str], read: int, whole: int) -> Iterator[list[Any]]:
        """The rows after `read` ones and before the record that cannot be read, which `whole` bytes precede."""
        import pyarrow as pa

        if not whole:
            return
        with self.path.open("rb") as stream, suppress(pa.ArrowInvalid):
            for batch in self._reader(types, _Beginning(stream, whole)):
                arrays = [batch.column(name).slice(read) for name in names]
                read = max(read - batch.num_rows, 0)
                if len(arrays[0]):
                    yield arrays

    def constant(self, position: int, part: int) -> pa.Array | None:
        return None

    def raw(self, positions: Sequence[int]) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        read, parse, convert = self._options({f"c{position}": None for position in positions})
        try:
            table = arrow_csv.read_csv(self.path, read, parse, convert)
        except pa.ArrowInvalid as error:
            raise self._diagnosed([], 0, error)[0] from None
        return table.rename_columns([self.columns[position] for position in positions])

    def place(self, row: int) -> str:
        with self._text() as lines:
            records = csv.reader(lines, delimiter=self.delimiter)
            try:
                next(itertools.islice(filter(None, records), row + 1, None), None)
            except csv.Error:  # Arrow takes fields longer than this module does
                return f"row {row + 1} of values"
            return f"line {records.line_num}"

    def _text(self) -> Any:
        return self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")

    def _reader(self, types: dict[str, Any], stream: Any = None) -> Any:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        try:
            return arrow_csv.open_csv(self.path if stream is None else stream, *self._options(types))
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return []
            raise

    def _options(self, types: dict[str, Any]) -> tuple[Any, Any, Any]:
        from pyarrow import csv as arrow_csv

        columns, lines = self._header
        return (
            arrow_csv.ReadOptions(
                column_names=[f"c{i}" for i in range(len(columns))], skip_rows=lines, block_size=_BLOCK
            ),
            arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                include_columns=list(types),
                column_types={name: kind for name, kind in types.items() if kind is not None},
                null_values=[""],
            ),
        )

    def _diagnosed(self, wanted: Sequence[Column], read: int, error: Exception) -> tuple[BadInput, int]:
        """What a person must know about the first record that could not be read, after `read` good ones, and
        how many bytes of the file lie before it; 0 where that is not known."""
        width = len(self.columns)
        with self._text() as lines:
            passed = _Passed(lines, _marked(self.path))
            records = csv.reader(passed, delimiter=self.delimiter)
            before, seen = 0, -1  # the header comes before the rows of values
            try:
                for record in records:
                    seen += bool(record)
                    if record and seen > read:
                        place = f"line {records.line_num}"
                        if len(record) != width:
                            reason = _ragged(record, width, f"{self.name}, {place}", self.delimiter)
                            return reason, before
                        for column in wanted:
                            if bad := _bad_cell(record[column.position], column):
                                where = f"{self.name}, column {column.stored!r}, {place}"
                                return BadInput(bad[0], where=where, right=bad[1]), before
                    before = passed.bytes
            except csv.Error as broken:
                reason = BadInput(
                    f"cannot be split into fields ({broken})",
                    where=f"{self.name}, line {records.line_num}",
                    right="look for a quotation mark that is not closed",
                )
                return reason, 0
        reason = BadInput(
            f"cannot be read ({error})", where=self.name, right="export the table again as UTF-8 CSV"
        )
        return reason, 0


def _marked(path: Path) -> int:
    """Bytes of a byte order mark."""
    with path.open("rb") as stream:
        return 3 if stream.read(3) == b"\xef\xbb\xbf" else 0


class _Passed:
    """Lines of a text, and how many bytes have been handed on."""

    def __init__(self, lines: Any, before: int) -> None:
        self._lines = lines
        self.bytes = before

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.bytes += len(line.encode("utf-8", "surrogateescape"))
            yield line


class _Beginning(io.RawIOBase):
    """The first bytes of a file, as a file."""

    def __init__(self, stream: Any, size: int) -> None:
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(min(len(buffer), self._left))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


def _arrow_type(column: Column) -> Any:
    import pyarrow as pa

    if column.kind in ("time", "text"):
        return pa.string()
    return pa.int64() if column.kind == "integer" and column.unit is None else pa.float64()


def _read_header(path: Path, file: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    """Column names and the number of lines up to the first row of values."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    text = _decoded(head, file, whole=len(head) < _HEAD)
    if not text.strip():
        raise BadInput("the file is empty", where=file, right="a header line and rows of values are wanted")
    start = text.lstrip()[:200]
    if re.match(r"<\w|<[!?]", start):
        raise BadInput("holds HTML or XML", where=file, right="export the table as CSV")
    if re.match(r"\{\s*\"|\[\s*[\[{\"\d-]", start):
        raise BadInput("holds JSON", where=file, right="give the file the ending .json")
    lines = text.split("\n")
    if "\r" in lines[0].rstrip("\r"):
        raise BadInput(
            "lines end with a bare carriage return", where=file, right="end lines with a line feed"
        )
    records = csv.reader(iter([line + "\n" for line in lines]), delimiter=delimiter)
    try:
        names = next(filter(lambda record: any(cell.strip() for cell in record), records))
    except csv.Error as error:
        raise BadInput(
            f"the header cannot be split into names ({error})",
            where=f"{file}, line 1",
            right="check its quotes",
        ) from None
    where = f"{file}, line {records.line_num}"
    other = [mark for mark in _NAMES if mark != delimiter and mark in names[0]]
    if len(names) == 1 and other:
        raise BadInput(
            f"columns are separated by {_NAMES[other[0]]}",
            where=where,
            right=f"separate them by {_NAMES[delimiter]} and write decimals with a point"
            + (", or give the file the ending .tsv" if other[0] == "\t" else ""),
        )
    if all(_is_number(name) for name in names):
        raise BadInput("the first line holds numbers", where=where, right="the first line names the columns")
    return check_names(names, file), records.line_num


def _decoded(head: bytes, file: str, *, whole: bool) -> str:
    import codecs

    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:4096]:
        raise BadInput(
            "the text is UTF-16 or binary (byte 0)" if head[0] >= 0xFE else f"byte {head.index(0)} is NUL",
            where=f"{file}, line 1",
            right="save the table as UTF-8 text",
        )
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=whole)
    except UnicodeDecodeError as error:
        start = error.start + (3 if head.startswith(b"\xef\xbb\xbf") else 0)
        raise _not_utf8(file, start, head.count(b"\n", 0, start) + 1) from None


def _not_utf8(file: str, byte: int | None, line: int) -> BadInput:
    what = f"byte {byte} is not UTF-8" if byte is not None else "is not UTF-8"
    return BadInput(what, where=f"{file}, line {line}", right="save the table as UTF-8 text")


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text.strip(" \t")))


def _ragged(record: list[str], width: int, where: str, delimiter: str) -> BadInput:
    right = f"as many as the header names: {width}"
    if (
        delimiter == ","
        and len(record) > width
        and sum(cell.strip().lstrip("+-").isdigit() for cell in record) > width
    ):
        right += "; a decimal is written with a point, not with a comma"
    return BadInput(f"the row has {len(record)} field{'s' * (len(record) != 1)}", where=where, right=right)


def _bad_cell(cell: str, column: Column) -> tuple[str, str] | None:
    whole = column.kind == "integer" and column.unit is None
    if column.kind in ("time", "text"):
        good = not _UNDECODED.search(cell)
    elif whole:
        good = bool(_WHOLE.fullmatch(cell.strip(" \t"))) and int(cell) in _INT64
    else:
        good = _is_number(cell)
    if good:
        return None
    if _UNDECODED.search(cell):
        return "is not UTF-8", "save the table as UTF-8 text"
    if whole and re.fullmatch(r"\s*-?[0-9]+\s*", cell):
        return f"{cell.strip()[:40]} does not fit into 64 bits", column.wanted
    return why_not_number(cell, column)
