"""The columns of a rule workbook: headings in English and Chinese, what stands there, and how a cell is read.

A cell is text that a person writes. Where a text would not survive a spreadsheet program as it is (spaces at its
ends, characters that cannot be seen, a quotation mark first), it is written as a JSON string in quotation marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from recore import tomlio
from recore.errors import BadInput
from recore.rules import notation
from recore.rules.row import Rule
from recore.rules.table import toml_value

_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_UNSAFE = re.compile(rf'^["\s]|\s$|{_UNSEEN.pattern}')
_BARE = re.compile(r"[A-Za-z0-9_-]+")

Cell = Any


def _seen(text: str) -> str:
    """Escape what cannot be seen; it stands in quoted texts only."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def text_out(value: str) -> str:
    """A text as a cell holds it."""
    return _seen(json.dumps(value, ensure_ascii=False)) if _UNSAFE.search(value) else value


def text_in(cell: Cell) -> str:
    """The text of a cell; a whole number that a spreadsheet program made of it becomes its digits again."""
    if isinstance(cell, bool) or (isinstance(cell, float) and not cell.is_integer()):
        raise BadInput(f"{cell!r} is no text", right="format the cell as text and write it again")
    if isinstance(cell, int | float):
        return str(int(cell))
    if isinstance(cell, date):
        return day_in(cell)
    text = str(cell).strip()
    if not text.startswith('"'):
        return text
    try:
        found = json.loads(text, strict=False)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, str):
        raise BadInput("begins with a quotation mark and is no quoted text", right='as in "text"')
    return found


def day_in(cell: Cell) -> str:
    """A day, written as text or as a date of the spreadsheet program."""
    if isinstance(cell, datetime):
        if (cell.hour, cell.minute, cell.second, cell.microsecond) != (0, 0, 0, 0):
            raise BadInput(f"{cell} has a time", right="a day is wanted, written 2026-12-31")
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    text = str(cell).strip()
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise BadInput(f"{cell!r:.40} is no day", right="written 2026-12-31")
    return text


def number_in(cell: Cell) -> int:
    """A whole number."""
    whole = isinstance(cell, int | float) and not isinstance(cell, bool) and float(cell).is_integer()
    if whole:
        return int(cell)
    if not re.fullmatch(r"\d{1,9}", str(cell).strip()):
        raise BadInput(f"{cell!r:.40} is no whole number", right="as in 1")
    return int(str(cell))


def words_out(words: Any) -> str:
    """Words with commas between them, or a JSON list where a word holds one."""
    plain = not any(_UNSAFE.search(word) or re.search(r"[,;\n]|^\[", word) for word in words)
    return ", ".join(words) if plain else _seen(json.dumps(list(words), ensure_ascii=False))


def words_in(cell: Cell) -> list[str]:
    """Words between commas, semicolons or line breaks, or a JSON list."""
    text = str(cell).strip() if isinstance(cell, str) else text_in(cell)
    if not text.startswith("["):
        return [word.strip() for word in re.split(r"[,;\n]", text) if word.strip()]
    try:
        words = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadInput("begins with '[' and is no list of texts", right='as in ["a", "b"]')
    return words


def _codes_in(cell: Cell) -> list[str]:
    words = words_in(cell)
    if not isinstance(cell, str) and any(len(word) % 2 for word in words):
        raise BadInput(f"{cell:g} has lost a zero at its front", right="format the cell as text, as in 0106")
    return words


def table_out(values: Any) -> str:
    """A table as lines of TOML, one for each name."""
    named = ((name if _BARE.fullmatch(name) else toml_value(name), value) for name, value in values.items())
    return _seen("\n".join(f"{name} = {toml_value(value)}" for name, value in named))


def table_in(cell: Cell) -> dict[str, Any]:
    """Lines of name = value as TOML reads them."""
    return tomlio.loads(
        str(cell).replace("\r\n", "\n"),
        right='lines of name = value are wanted, as in age_basis = "build_year"',
    )


def condition_out(condition: Any) -> str:
    """A condition in the notation; nothing where nothing is asked."""
    return "" if condition == Rule.model_fields["predicate"].default else _seen(notation.write(condition))


def condition_in(cell: Cell) -> dict[str, Any]:
    """A condition written in the notation."""
    return notation.read(str(cell))


@dataclass(frozen=True)
class SheetColumn:
    """One column of a rule sheet, or of the sheet of test vectors.

    Parameters
    ----------
    field : where the row holds it, as a dotted path
    write : the cell's text, '' for nothing
    read : what the row holds; raises BadInput
    """

    name: str
    chinese: str
    help: str
    help_chinese: str
    example: str
    width: int = 18
    field: str = ""
    write: Callable[[Any], str] = text_out
    read: Callable[[Cell], Any] = text_in

    @property
    def path(self) -> str:
        return self.field or self.name


_WORDS: dict[str, Any] = {"write": words_out, "read": words_in}
_DAY: dict[str, Any] = {"width": 12, "write": str, "read": day_in}
_NUMBER: dict[str, Any] = {"width": 9, "write": str, "read": number_in}

RULES = (
    SheetColumn("rule_id", "规则编号", "Name of the row; the same name in a later version is the same rule", "规则的名称；同名的新版本是同一条规则", "vn.age.10", 24),
    SheetColumn("version", "版本", "1, 2, 3 … A correction is a new line with a higher version; the old line stays", "1、2、3……更正时新增一行并提高版本号，旧行保留", "1", **_NUMBER),
    SheetColumn("jurisdiction", "辖区", "Country code (ISO 3166), a union as the rows name it, or * for everywhere", "国家代码（ISO 3166）、联盟名称，或 * 表示所有地区", "VN", 12),
    SheetColumn("domain", "问题", "The question answered: prohibition, age, emission, conformity, document, finance, charge, vat_refund, coverage …", "所回答的问题：禁止、年限、排放、合格评定、单证、金融、税费、退税、覆盖范围等", "age", 14),
    SheetColumn("title", "标题", "The rule in one sentence of your own", "用自己的一句话写出规则", "Not older than 10 years", 44),
    SheetColumn("effect", "作用", "require (must be true) · block (must not be true) · document · charge · warn · cover · state · grade", "require 必须为真 · block 不得为真 · document 单证 · charge 税费 · warn 警告 · cover 覆盖 · state 陈述 · grade 分级", "require", 11),
    SheetColumn("condition", "条件", 'What is asked, as in: age_years <= 10 and condition in ("used", "rebuilt"). Empty: nothing is asked', "条件，例如 age_years <= 10 and condition in (\"used\", \"rebuilt\")；空白表示不作要求", "age_years <= 10", 44, "predicate", condition_out, condition_in),
    SheetColumn("params", "参数", "Lines of name = value, texts in quotation marks", "每行一个 名称 = 值，文字加引号", 'age_basis = "build_year"', 40, "params", table_out, table_in),
    SheetColumn("hs", "海关编码", "Concerns these HS prefixes only; commas between them. Empty: all", "只涉及这些 HS 前缀，用逗号分隔；空白表示全部", "8429, 8426.41", 16, "selector.hs", words_out, _codes_in),
    SheetColumn("used_or_new", "新旧状态", "Concerns machines of these conditions only", "只涉及这些状态的机器", "used", 12, "selector.condition", **_WORDS),
    SheetColumn("family", "机种", "Concerns these machine families only", "只涉及这些机种", "excavator, loader", 18, "selector.family", **_WORDS),
    SheetColumn("component", "部件", "Concerns these kinds of component only", "只涉及这些部件", "", 12, "selector.component", **_WORDS),
    SheetColumn("method", "方法", "Concerns findings of these methods only", "只涉及这些方法的结果", "", 14, "selector.method", **_WORDS),
    SheetColumn("profile", "分级方案", "Belongs to these grading profiles", "所属分级方案", "", 14, "selector.profile", **_WORDS),
    SheetColumn("valid_from", "生效日", "First day on which it holds, that day included", "生效首日（含）", "2019-06-15", **_DAY),
    SheetColumn("valid_to", "失效日", "Last day on which it holds, that day included. Empty: no end is known", "生效末日（含）；空白表示未知", "", **_DAY),
    SheetColumn("recorded_at", "录入日", "Day on which it was written down here", "录入本表的日期", "2026-11-22", **_DAY),
    SheetColumn("legal_basis", "法律依据", "Act, article, date; levels 1 and 2 want the clause", "法规、条款、日期；1、2 级必须写明条款", "Decision 18/2019/QD-TTg, article 6", 40),
    SheetColumn("source_title", "来源", "What was read", "所读文件", "Government portal of Viet Nam", 32, "source.title"),
    SheetColumn("source_url", "来源网址", "Where it was read (http or https)", "网址", "https://example.org/text", 32, "source.url"),
    SheetColumn("retrieved", "查阅日", "Day on which it was read", "查阅日期", "2026-11-22", field="source.retrieved", **_DAY),
    SheetColumn("evidence_level", "证据等级", "1 official text · 2 official summary · 3 publication · 4 trade practice · 5 unverified, never decides alone", "1 官方文本 · 2 官方摘要 · 3 出版物 · 4 行业惯例 · 5 未核实，不能单独决定", "2", **_NUMBER),
    SheetColumn("conflicts_with", "冲突规则", "Rules that say otherwise, by name", "说法不同的规则编号", "", 18, **_WORDS),
)  # fmt: skip

VECTORS = (
    SheetColumn("rule_id", "规则编号", "The rule that is tested", "被检验的规则", "vn.age.10", 24),
    SheetColumn("version", "版本", "Its version", "版本", "1", **_NUMBER),
    SheetColumn("given", "已知事实", "Facts, as lines of name = value; a dotted name is a fact inside another", "事实，每行一个 名称 = 值", "build_year = 2016", 50, "given", table_out, table_in),
    SheetColumn("date", "日期", "The day for which it is asked", "所问日期", "2026-12-01", **_DAY),
    SheetColumn("expect", "预期结论", "pass, fail or unknown. Every rule that asks something has one that passes and one that fails", "pass 通过、fail 不通过 或 unknown 未知；每条规则至少一例通过、一例不通过", "pass", 10, write=str),
)  # fmt: skip
