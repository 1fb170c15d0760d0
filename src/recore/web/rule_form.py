"""A rule row as a form: what stands in its fields, and the row that the fields make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from recore import tomlio
from recore.errors import BadInput
from recore.rules import Rule, Vector, notation
from recore.rules.table import toml_value
from recore.web.multipart import Form

SELECTORS = ("hs", "condition", "family", "component", "method", "profile")
PLAIN = ("title", "jurisdiction", "domain", "effect", "valid_from", "valid_to", "legal_basis")
SOURCE = ("title", "url", "retrieved")
LONGEST = 20_000
RESERVED = frozenset({"new", "import", "alarms", "conflicts", "country", "own.toml", "own.xlsx"})
SPARE_VECTORS = 2
MOST_VECTORS = 200
_BETWEEN = re.compile(r"[,，、;；\n]")
_TAGS = {"{compare}", "{all}", "{any}", "{not}"}


@dataclass
class RowForm:
    """Fields of the form by name, test vectors line by line, and what is wrong with each."""

    given: dict[str, str]
    vectors: list[dict[str, str]]
    errors: dict[str, str] = field(default_factory=dict)
    rule: Rule | None = None

    def lines(self, more: int = 0) -> list[dict[str, str]]:
        """Test vectors with empty lines behind them."""
        empty = {"given": "", "date": "", "expect": ""}
        filled = [line for line in self.vectors if any(line.values())]
        return [*filled, *([empty] * (SPARE_VECTORS + more))]


def blank(day: date) -> RowForm:
    """The form of a row that is not written yet."""
    given = dict.fromkeys(_NAMES, "")
    return RowForm(given | {"effect": "require", "valid_from": day.isoformat(), "evidence_level": "5"}, [])


def filled(rule: Rule) -> RowForm:
    """The form of a row that is there."""
    document = rule.json()
    given = {name: str(document.get(name, "")) for name in PLAIN} | {"rule_id": rule.rule_id}
    selector = document.get("selector", {})
    given |= {f"selector.{name}": ", ".join(selector.get(name, ())) for name in SELECTORS}
    given |= {f"source.{name}": str(document["source"].get(name, "")) for name in SOURCE}
    given["predicate"] = notation.write(rule.predicate) if "predicate" in document else ""
    given["params"] = _lines(document.get("params", {}))
    given["evidence_level"] = str(rule.evidence_level)
    given["conflicts_with"] = ", ".join(rule.conflicts_with)
    vectors = [
        {"given": _lines(vector.given), "date": str(vector.date), "expect": str(vector.expect)}
        for vector in rule.test_vectors
    ]
    return RowForm(given, vectors)


_NAMES = (
    "rule_id", *PLAIN, *(f"selector.{name}" for name in SELECTORS), *(f"source.{name}" for name in SOURCE),
    "predicate", "params", "evidence_level", "conflicts_with",
)  # fmt: skip


def _lines(table: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{name if re.fullmatch('[A-Za-z0-9_-]+', name) else toml_value(name)} = {toml_value(value)}"
        for name, value in table.items()
    )


def read(form: Form[Any], *, version: int, day: date) -> RowForm:
    """The row that a submitted form makes, or what is wrong with each field.

    Parameters
    ----------
    version : number that the row gets
    day : day on which it is recorded
    """
    found = RowForm({name: form.text(name) for name in _NAMES}, _vector_lines(form))
    for name, text in found.given.items():
        if len(text) > LONGEST:
            found.errors[name] = f"{len(text)} characters; at most {LONGEST} are taken"
            found.given[name] = ""
    entry: dict[str, Any] = {name: found.given[name] for name in PLAIN if found.given[name]}
    entry |= {"rule_id": found.given["rule_id"], "version": version, "recorded_at": day}
    entry["selector"] = {
        name: words for name in SELECTORS if (words := _words(found.given[f"selector.{name}"]))
    }
    entry["source"] = {name: text for name in SOURCE if (text := found.given[f"source.{name}"])}
    entry["conflicts_with"] = _words(found.given["conflicts_with"])
    level = found.given["evidence_level"]
    entry["evidence_level"] = int(level) if re.fullmatch("[0-9]", level) else level
    if found.given["rule_id"] in RESERVED:
        found.errors["rule_id"] = f"{found.given['rule_id']!r} is the address of a page; take another id"
    for name, parse in (("predicate", condition), ("params", table)):
        try:
            if found.given[name]:
                entry[name] = parse(found.given[name])
        except BadInput as error:
            found.errors[name] = str(error)
    entry["test_vectors"] = []
    for number, line in enumerate(found.vectors, 1):
        try:
            entry["test_vectors"].append(_vector(line, number))
        except (BadInput, ValidationError) as error:
            found.errors.setdefault("test_vectors", _told(error))
    _validate(found, entry)
    return found


def _validate(found: RowForm, entry: dict[str, Any]) -> None:
    try:
        rule = Rule.model_validate(entry)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            path = [str(part) for part in item["loc"] if part not in _TAGS]
            head = path[0] if path else ""
            name = ".".join(path[:2]) if head in ("source", "selector") else head
            text = item["msg"].removeprefix("Value error, ")
            where = ".".join(path[1:]) if head in ("predicate", "params", "test_vectors") else ""
            found.errors.setdefault(name, f"{where}: {text}" if where else text)
    else:
        found.rule = None if found.errors else rule


def _vector_lines(form: Form[Any]) -> list[dict[str, str]]:
    columns = [form.fields.get(f"vector.{name}", []) for name in ("given", "date", "expect")]
    lines = [
        {"given": given.strip(), "date": on.strip(), "expect": expect.strip()}
        for given, on, expect in zip(*columns, strict=False)
    ]
    return [line for line in lines if line["given"] or line["date"]][:MOST_VECTORS]


def _vector(line: Mapping[str, str], number: int) -> dict[str, Any]:
    if len(line["given"]) > LONGEST:
        raise BadInput(f"test vector {number} has more than {LONGEST} characters")
    try:
        vector = Vector.model_validate({**line, "given": table(line["given"])})
    except BadInput as error:
        raise BadInput(error.what, where=f"test vector {number}", right=error.right) from None
    except ValidationError as error:
        raise BadInput(_told(error), where=f"test vector {number}") from None
    return vector.model_dump()


def _told(error: BadInput | ValidationError) -> str:
    if isinstance(error, BadInput):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"


def _words(text: str) -> list[str]:
    return [word for part in _BETWEEN.split(text) if (word := part.strip())]


def condition(text: str) -> dict[str, Any]:
    """A condition from what stands in its field: a line of the notation, or an inline table of TOML.

    Raises
    ------
    BadInput : neither, or something else beside the condition
    """
    return table(text) if text.lstrip().startswith("{") else notation.read(text)


def table(text: str) -> dict[str, Any]:
    """Lines of 'name = value' (TOML), or one inline table.

    Raises
    ------
    BadInput : not TOML
    """
    text = text.strip()
    inline = text.startswith("{")
    right = 'lines such as build_year = 2019 or use = "mining" are wanted'
    found = tomlio.loads(f"value = {text}" if inline else text, right=right)
    if not inline:
        return found
    if list(found) != ["value"]:
        raise BadInput("there is something behind the closing brace", right="one { … } is wanted")
    return dict(found["value"])
