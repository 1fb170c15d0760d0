"""XLSX check sheets as documents.

The first sheet has the two columns `key` and `value`; a key may be dotted (`rated.power_kw`).
Each further sheet is a list under its own name, one object per row, its first row naming the fields.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from recore.errors import BadInput
from recore.evidence.memory_table import check_names
from recore.evidence.xlsx import sheets

_HEADER = ["key", "value"]


def is_check_sheet(rows: list[list[Any]]) -> bool:
    """Whether a sheet begins with the header `key`, `value`."""
    return bool(rows) and [str(cell).strip().lower() for cell in rows[0] if cell != ""] == _HEADER


def check_sheet(path: Path, name: str) -> dict[str, Any]:
    """Plain data of a check sheet; empty cells are left out.

    Raises
    ------
    BadInput : not such a workbook, a key that stands twice, a value without a key
    """
    found = sheets(path, name)
    if not found:
        raise BadInput(
            "the workbook has no visible sheet", where=name, right="a sheet with key and value is wanted"
        )
    (first, rows), *others = found.items()
    where = f"{name}, sheet {first!r}"
    if not is_check_sheet(rows):
        raise BadInput(
            "the first row is not 'key', 'value'",
            where=where,
            right="the first sheet lists keys and values, further sheets are lists",
        )
    document: dict[str, Any] = {}
    for number, row in enumerate(rows[1:], 2):
        key, value, *more = [*row, "", ""]
        here = f"{where}, row {number}"
        if any(cell != "" for cell in more):
            raise BadInput(
                "there is a third column", where=here, right="two columns are wanted: key and value"
            )
        if key == "" and value != "":
            raise BadInput(
                f"the value {value!r} has no key", where=here, right="write its key in the first column"
            )
        if key != "" and value != "":
            _insert(document, str(key).strip(), _plain(value), here)
    for sheet, body in others:
        if any(cell != "" for row in body for cell in row):
            _insert(
                document, sheet.strip(), _rows(body, f"{name}, sheet {sheet!r}"), f"{name}, sheet {sheet!r}"
            )
    return document


def _insert(document: dict[str, Any], key: str, value: Any, where: str) -> None:
    *path, last = key.split(".")
    place = document
    for word in path:
        place = place.setdefault(word, {})
        if not isinstance(place, dict):
            raise BadInput(
                f"{key!r} goes into {word!r}, which is a value", where=where, right="rename one of them"
            )
    if last in place:
        raise BadInput(f"key {key!r} stands twice", where=where, right="give it once")
    if not all((*path, last)):
        raise BadInput(f"key {key!r} has an empty part", where=where, right="write it as rated.power_kw")
    place[last] = value


def _rows(body: list[list[Any]], where: str) -> list[dict[str, Any]]:
    names = check_names([str(cell) for cell in body[0]], f"{where}, row 1")
    found = []
    for number, row in enumerate(body[1:], 2):
        entry = {name: _plain(cell) for name, cell in zip(names, row, strict=False) if cell != ""}
        if "" in entry:
            raise BadInput(
                f"the value {entry['']!r} stands in a column without a name",
                where=f"{where}, row {number}",
                right="the first row names the columns",
            )
        if entry:
            found.append(entry)
    return found


def _plain(cell: Any) -> Any:
    """A cell as JSON would hold it."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return cell.total_seconds() if isinstance(cell, datetime.timedelta) else cell
