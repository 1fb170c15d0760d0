"""Tables whose cells are Python values: from JSON and XLSX."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput
from recore.evidence.column import ISO, Column
from recore.evidence.values import BadCell, why_not_number

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class CellSource:
    """Columns of Python values; None is a missing value, '' an empty cell.

    Parameters
    ----------
    cells : one list of values per column
    rows : how a person counts each row
    """

    name: str
    columns: tuple[str, ...]
    cells: tuple[list[Any], ...]
    rows: Sequence[int]

    def part_rows(self) -> list[int] | None:
        return [len(self.rows)]

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        for first in range(0, len(self.rows), rows):
            yield [
                self._array(self.cells[column.position][first : first + rows], column, first)
                for column in wanted
            ]

    def constant(self, position: int, part: int) -> pa.Array | None:
        return None

    def raw(self, positions: Sequence[int]) -> pa.Table:
        import pyarrow as pa

        arrays = []
        for position in positions:
            cells = [None if cell == "" else cell for cell in self.cells[position]]
            try:
                arrays.append(pa.array(cells))
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                raise BadInput(
                    "mixes numbers, text or dates",
                    where=f"{self.name}, column {self.columns[position]!r}",
                    right="values of one type are wanted",
                ) from None
        return pa.table(arrays, names=[self.columns[position] for position in positions])

    def place(self, row: int) -> str:
        return f"row {self.rows[row]}"

    def _array(self, cells: list[Any], column: Column, first: int) -> Any:
        try:
            return _typed(cells, column)
        except BadCell as bad:
            where = f"{self.name}, column {column.stored!r}"
            if bad.index is not None:
                where += f", {self.place(first + bad.index)}"
            raise BadInput(bad.what, where=where, right=bad.right) from None


def _typed(cells: list[Any], column: Column) -> Any:
    import pyarrow as pa

    if column.kind == "text":
        return pa.array([_word(cell, i, column) for i, cell in enumerate(cells)], pa.string())
    kinds = set(map(type, cells))
    if column.kind == "time" and not kinds <= {int, float}:
        return pa.array([_instant(cell, i) for i, cell in enumerate(cells)], pa.string())
    if kinds <= {int, float}:
        try:
            return pa.array(cells, pa.int64() if kinds == {int} else pa.float64())
        except (pa.ArrowInvalid, OverflowError):
            index = next(i for i, cell in enumerate(cells) if abs(cell) >= 2**53)
            raise BadCell(index, f"{cells[index]} does not fit into a number", column.wanted) from None
    index = next(i for i, cell in enumerate(cells) if type(cell) not in (int, float))
    raise BadCell(index, *_why_not_number(cells[index], column))


def _why_not_number(cell: Any, column: Column) -> tuple[str, str]:
    if cell is None:
        return "the value is missing", column.wanted
    if isinstance(cell, str):
        try:
            float(cell)
        except ValueError:
            return why_not_number(cell, column)
        return f"{cell!r} is text", f"write it as a number: {column.wanted}"
    return f"{_shown(cell)} is not a number", column.wanted


def _word(cell: Any, index: int, column: Column) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if cell is None or isinstance(cell, dict | list):
        what = "the value is missing" if cell is None else f"{_shown(cell)} is not a word"
        raise BadCell(index, what, column.wanted)
    return _shown(cell)


def _instant(cell: Any, index: int) -> str:
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(timespec="microseconds")
    if isinstance(cell, datetime.date):
        return f"{cell.isoformat()}T00:00:00.000000"
    if isinstance(cell, str):
        return cell
    what = "the value is missing" if cell is None else f"{_shown(cell)} is not a time"
    raise BadCell(index, what, ISO)


def _shown(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, str) else str(cell)[:60]
