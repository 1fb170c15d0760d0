"""Rules as a workbook for people who write no code: one sheet for each jurisdiction, one line for each row.

Every cell is written as text, never as a formula or a link, also where it begins like one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from recore.errors import BadInput
from recore.rules.row import Rule
from recore.rules.sheet_columns import RULES, VECTORS, SheetColumn
from recore.rules.table import RuleSet

HELP_SHEET = "Help 说明"
VECTOR_SHEET = "Test vectors 测试例"
MAX_CELL = 32_767
_NO_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f']")

_NOTES = (
    ("Each line of a sheet is one rule row. Change, add or delete lines; columns may stand in any order.", "每行是一条规则。可修改、增加或删除；列的次序不限。"),
    ("Nothing is lost on the way: an exported workbook that is imported again gives the same rules, digest for digest.", "导出后再导入，规则及其摘要完全相同。"),
    ("A country of your own is a sheet of your own; the sheet's name is free, the column jurisdiction decides.", "新国家只需新增工作表；工作表名称不限，以“辖区”列为准。"),
    ("recore rules import FILE.xlsx DIR writes the rule tables; recore rules check DIR tells what is wrong.", "recore rules import 写出规则表；recore rules check 指出错误。"),
)  # fmt: skip


def workbook(rules: RuleSet) -> bytes:
    """The rows as an XLSX workbook; equal rows give equal bytes.

    Raises
    ------
    BadInput : a row does not fit into the cells of a spreadsheet
    """
    import datetime

    import xlsxwriter

    target = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(target, options)
    # one time for all workbooks: what they hold decides their bytes
    book.set_properties(
        {"title": "Recore rules", "created": datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)}
    )
    writer = _Writer(book)
    writer.help()
    groups: dict[str, list[Rule]] = {}
    for rule in rules.rows:
        groups.setdefault(rule.jurisdiction, []).append(rule)
    taken = {HELP_SHEET.casefold(), VECTOR_SHEET.casefold()}
    for jurisdiction in sorted(groups):
        lines = [[_cell(column, rule) for column in RULES] for rule in groups[jurisdiction]]
        writer.sheet(_sheet_name(jurisdiction, taken), RULES, lines)
    vectors = [(rule, vector) for rule in rules.rows for vector in rule.test_vectors]
    lines = [
        [
            rule.rule_id,
            str(rule.version),
            *(column.write(getattr(vector, column.path)) for column in VECTORS[2:]),
        ]
        for rule, vector in vectors
    ]
    writer.sheet(VECTOR_SHEET, VECTORS, lines)
    book.close()
    return target.getvalue()


def _cell(column: SheetColumn, rule: Rule) -> str:
    value: Any = rule
    for name in column.path.split("."):
        value = getattr(value, name)
    return "" if value is None or value in ("", (), {}) else column.write(value)


def _sheet_name(jurisdiction: str, taken: set[str]) -> str:
    name = _NO_SHEET_NAME.sub(" ", jurisdiction.replace("*", "all")).strip()[:24] or "rules"
    number, found = 1, name
    while found.casefold() in taken or found.casefold() == "history":  # a name that Excel keeps for itself
        number += 1
        found = f"{name} {number}"
    taken.add(found.casefold())
    return found


class _Writer:
    """Sheets with two frozen heading lines, every cell a text."""

    def __init__(self, book: Any) -> None:
        self.book = book
        shared = {"valign": "top", "text_wrap": True, "num_format": "@"}
        self.text = book.add_format({**shared, "quote_prefix": True})
        self.heading = book.add_format({**shared, "bold": True, "bg_color": "#D9E1E8", "border": 1})
        self.chinese = book.add_format({**shared, "bg_color": "#EEF2F5", "border": 1})

    def help(self) -> None:
        sheet = self.book.add_worksheet(HELP_SHEET)
        for at, (english, chinese) in enumerate(_NOTES):
            sheet.write_string(at, 0, english, self.text)
            sheet.write_string(at, 1, chinese, self.text)
        at = len(_NOTES) + 1
        for title, columns in (("Rule sheets 规则表", RULES), (VECTOR_SHEET, VECTORS)):
            for place, heading in enumerate((title, "说明", "Column 列", "列名", "Example 示例")):
                sheet.write_string(at, place, heading, self.heading)
            for number, column in enumerate(columns, at + 1):
                for place, text in enumerate(
                    (column.help, column.help_chinese, column.name, column.chinese, column.example)
                ):
                    sheet.write_string(number, place, text, self.text)
            at += len(columns) + 2
        for place, width in enumerate((70, 50, 18, 12, 36)):
            sheet.set_column(place, place, width)

    def sheet(self, name: str, columns: Sequence[SheetColumn], lines: Iterable[Sequence[str]]) -> None:
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(2, 1)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width, self.text)
            sheet.write_string(0, place, column.name, self.heading)
            sheet.write_string(1, place, column.chinese, self.chinese)
        for number, line in enumerate(lines, 2):
            for place, text in enumerate(line):
                if len(text) > MAX_CELL:
                    raise BadInput(
                        f"{columns[place].name} has {len(text)} characters",
                        where=f"rule {line[0]!r}",
                        right=f"a cell holds {MAX_CELL}; keep this row as TOML",
                    )
                if text:
                    sheet.write_string(number, place, text, self.text)
