"""A workbook of rules read back: whatever is wrong is named by its sheet and cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recore.atomic import write_new
from recore.errors import BadInput
from recore.rules.row import Rule
from recore.rules.sheet_columns import RULES, VECTORS, Cell, SheetColumn
from recore.rules.table import MAX_ROWS, TAGS, RuleSet

_SHOWN = 8  # faults named at once
Sheet = Sequence[Sequence[Cell]]
_NEEDED = {
    "rule_id",
    "jurisdiction",
    "domain",
    "title",
    "effect",
    "valid_from",
    "recorded_at",
    "evidence_level",
}


def from_sheets(sheets: Mapping[str, Sheet], *, where: str) -> RuleSet:
    """Rules from the cells of a workbook.

    Parameters
    ----------
    sheets : rows of cells by the name of the sheet, from A1 on; '' is an empty cell. Sheets whose first filled
        line names no column of a rule are left out
    where : name of the workbook

    Raises
    ------
    BadInput : names sheets and cells of the first faults, and what would be right
    """
    reader = _Reader(where)
    lines: dict[tuple[str, int], _Line] = {}
    vectors: list[_Line] = []
    known = {
        name: set(columns) for name, columns in (("rule", _by_name(RULES)), ("vector", _by_name(VECTORS)))
    }
    found = False
    for name, cells in sheets.items():
        table = _Table.of(name, cells)
        if table is None:
            continue
        own = {kind: table.names.keys() & (names - {"rule_id", "version"}) for kind, names in known.items()}
        kind = max(own, key=lambda kind: len(own[kind]))
        if not table.names.keys() & (known[kind] - {"version"}):
            continue
        found = True
        for line in reader.lines(table, VECTORS if kind == "vector" else RULES):
            if kind == "vector":
                vectors.append(line)
            else:
                reader.keep(lines, line)
    if not found:
        raise BadInput(
            "holds no sheet of rules",
            where=where,
            right=f"the first line names {', '.join(sorted(_NEEDED))} …",
        )
    for line in vectors:
        reader.attach(lines, line)
    rows = [rule for line in lines.values() if (rule := reader.rule(line)) is not None]
    if reader.faults:
        more = len(reader.faults) - _SHOWN
        text = "; ".join(reader.faults[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise BadInput(text, where=where, right="put the cells right and import again")
    return RuleSet(rows)


def write_tables(rules: RuleSet, folder: Path | str) -> list[Path]:
    """Write rules as TOML, one table for each jurisdiction, and return the paths.

    Raises
    ------
    BadInput : a file of that name with another content is there already
    """
    groups: dict[str, list[Rule]] = {}
    for rule in rules.rows:
        place = rule.jurisdiction.replace("*", "all").casefold()
        stem = re.sub(r"[^a-z0-9]+", "-", place).strip("-")[:60] or "rules"
        groups.setdefault(stem, []).append(rule)
    content = {Path(f"{stem}.toml"): RuleSet(rows).toml().encode() for stem, rows in groups.items()}
    return write_new(Path(folder), content)


def _by_name(columns: Sequence[SheetColumn]) -> dict[str, SheetColumn]:
    return {column.name: column for column in columns}


class _Table:
    """A sheet with the column that every heading names."""

    def __init__(
        self, sheet: str, names: dict[str, int], strange: list[tuple[int, str]], head: int, cells: Sheet
    ) -> None:
        self.sheet, self.names, self.strange, self.head, self.cells = sheet, names, strange, head, cells

    @classmethod
    def of(cls, sheet: str, cells: Sheet) -> _Table | None:
        head = next((at for at, line in enumerate(cells) if any(str(cell).strip() for cell in line)), None)
        if head is None:
            return None
        english = {column.name for column in (*RULES, *VECTORS)}
        chinese = {column.chinese: column.name for column in (*RULES, *VECTORS)}
        names: dict[str, int] = {}
        strange = []
        for place, cell in enumerate(cells[head]):
            heading = str(cell).strip()
            name = heading.casefold().replace(" ", "_")
            name = name if name in english else chinese.get(heading, "")
            if name and name not in names:
                names[name] = place
            elif heading:
                strange.append((place, heading))
        return cls(sheet, names, strange, head, cells)

    def body(self) -> list[tuple[int, Sequence[Cell]]]:
        """Lines with something in them, under the headings and their translation."""
        headings = {column.chinese for column in (*RULES, *VECTORS)}
        lines = []
        for at, line in enumerate(self.cells[self.head + 1 :], self.head + 1):
            filled = {str(cell).strip() for cell in line} - {""}
            if filled and not (at == self.head + 1 and filled <= headings):
                lines.append((at, line))
        return lines


class _Line:
    """One line: what its cells say by path, and where they stand."""

    def __init__(self, table: _Table, at: int) -> None:
        self.table, self.at = table, at
        self.values: dict[str, Any] = {}
        self.vectors: list[_Line] = []
        self.broken = False

    def cell(self, name: str | None = None) -> str:
        place = self.table.names.get(name or "", min(self.table.names.values()))
        return f"{self.table.sheet}!{_letters(place)}{self.at + 1}"

    @property
    def key(self) -> tuple[str, int]:
        return str(self.values.get("rule_id", "")), int(self.values.get("version", 1))


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where
        self.faults: list[str] = []

    def lines(self, table: _Table, columns: Sequence[SheetColumn]) -> list[_Line]:
        known = _by_name(columns)
        misplaced = [(place, name) for name, place in table.names.items() if name not in known]
        for place, heading in [*table.strange, *misplaced]:
            self.faults.append(
                f"{table.sheet}!{_letters(place)}{table.head + 1}: {heading!r:.40} is no column, or stands twice; "
                f"one of {', '.join(name for name in known if name not in table.names) or 'none more'} is wanted"
            )
        found = []
        for at, cells in table.body():
            line = _Line(table, at)
            for name, place in table.names.items():
                cell = cells[place] if place < len(cells) else ""
                if name in known and str(cell).strip():
                    try:
                        line.values[known[name].path] = known[name].read(cell)
                    except BadInput as error:
                        self.say(line, error.what + (f"; {error.right}" if error.right else ""), name)
            found.append(line)
        return found

    def say(self, line: _Line, text: str, name: str | None = None) -> None:
        line.broken = True
        self.faults.append(f"{line.cell(name)}: {text}")

    def keep(self, lines: dict[tuple[str, int], _Line], line: _Line) -> None:
        if line.broken:
            lines[(f"\0{line.cell()}", 0)] = line  # its vectors may still be read
        elif line.key in lines:
            self.say(
                line,
                f"rule {line.key[0]!r}, version {line.key[1]} stands in {lines[line.key].cell()} already",
                "rule_id",
            )
        elif len(lines) >= MAX_ROWS:
            raise BadInput("has too many rows", where=self.where, right=f"at most {MAX_ROWS} are read")
        else:
            lines[line.key] = line

    def attach(self, lines: dict[tuple[str, int], _Line], line: _Line) -> None:
        if line.broken:
            return
        if line.key in lines:
            lines[line.key].vectors.append(line)
        elif not any(other.broken and other.values.get("rule_id") == line.key[0] for other in lines.values()):
            self.say(line, f"there is no rule {line.key[0]!r}, version {line.key[1]}", "rule_id")

    def rule(self, line: _Line) -> Rule | None:
        if line.broken:
            return None
        document: dict[str, Any] = {"source": {}}
        for path, value in line.values.items():
            head, dot, name = path.partition(".")
            if dot:
                document.setdefault(head, {})[name] = value
            else:
                document[head] = value
        document["test_vectors"] = [
            {
                "given": {},
                **{
                    name: vector.values[name] for name in ("given", "date", "expect") if name in vector.values
                },
            }
            for vector in line.vectors
        ]
        try:
            return Rule.model_validate(document)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                self.fault(line, fault["loc"], fault["msg"].removeprefix("Value error, "))
            return None

    def fault(self, line: _Line, place: tuple[int | str, ...], text: str) -> None:
        """A fault of the row, at the cell that holds it."""
        path = [part for part in place if part not in TAGS]
        if path[:1] == ["test_vectors"] and len(path) > 1:
            vector, inner = line.vectors[int(path[1])], ".".join(map(str, path[2:3]))
            self.say(vector, text, inner)
            return
        columns = {column.path: column.name for column in RULES}
        dotted = ".".join(map(str, path[:2]))
        name = columns.get(dotted) or columns.get(str(path[0]) if path else "")
        if name is None and path:  # a field of the source or selector that no column holds
            text = f"{'.'.join(map(str, path))}: {text}"
        inner = ".".join(map(str, path[1:])) if name and path[0] in ("params", "predicate") else ""
        missing = name is not None and name not in line.table.names
        self.say(
            line,
            (f"column {name} is missing: " if missing else "") + (f"{inner}: " if inner else "") + text,
            name,
        )


def _letters(place: int) -> str:
    """Name of a column: A, B … Z, AA."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text
