"""Forms made from methods: what to ask for, and how the answer becomes parameters.

Everything comes from the method itself: names, types, ranges and units from the JSON Schema of its
parameters, the help texts from its docstring.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from recore import jsonio
from recore.errors import BadInput
from recore.method import Method

PREFIX = "p."
_RULE = re.compile(r"^-{3,}$")
_COMMA = re.compile("[,\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}]")
_WORDS = frozenset({"number", "integer", "string"})
_ENTRY = re.compile(r"^(\*?\w+(?:\s*,\s*\w+)*)\s*:\s?(.*)$")


@dataclass(frozen=True, slots=True)
class Field:
    """One control of a form."""

    name: str
    kind: str  # number, integer, text, choice, flag, list or json
    unit: str = ""
    help: str = ""
    value: str = ""
    required: bool = False
    limits: str = ""
    choices: tuple[str, ...] = ()
    error: str = ""

    @property
    def key(self) -> str:
        """Name of the control in the form."""
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Documentation:
    """A numpydoc docstring, taken apart."""

    summary: str
    body: tuple[str, ...]
    parameters: dict[str, str]
    returns: dict[str, str]
    sections: dict[str, tuple[str, ...]]


def documentation(tool: Method[..., Any]) -> Documentation:
    """The method's docstring as summary, paragraphs, texts by parameter and result, and further sections."""
    lines = (inspect.getdoc(tool.function) or "").splitlines()
    blocks: dict[str, list[str]] = {"": []}
    heading = ""
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if line.strip() and _RULE.match(following):
            heading = line.strip()
            blocks[heading] = []
        elif not _RULE.match(line):
            blocks[heading].append(line)
    told: dict[str, dict[str, str]] = {"Parameters": {}, "Returns": {}}
    for title, texts in told.items():
        names: list[str] = []
        for line in blocks.pop(title, []):
            entry = _ENTRY.match(line)
            if entry:
                names = [name.strip(" *") for name in entry[1].split(",")]
                texts.update(dict.fromkeys(names, entry[2].strip()))
            elif line[:1].isspace():
                for name in names:
                    texts[name] = f"{texts[name]} {line.strip()}".strip()
            else:
                # a paragraph that follows a section without a heading of its own ('Refuses …') belongs to all
                blocks[""].append(line)
    paragraphs = {title: _paragraphs(block) for title, block in blocks.items()}
    front = paragraphs.pop("")
    further = {name: text for name, text in paragraphs.items() if text}
    return Documentation(front[0] if front else "", front[1:], told["Parameters"], told["Returns"], further)


def _paragraphs(lines: Sequence[str]) -> tuple[str, ...]:
    text = "\n".join(line.strip() for line in lines)
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())


def fields(
    tool: Method[..., Any],
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> tuple[Field, ...]:
    """The controls for a method's parameters, with what was typed in and what was wrong with it.

    Parameters
    ----------
    given : text by parameter name; the defaults where absent
    errors : error text by parameter name
    """
    schema, texts = tool.parameters_schema, documentation(tool).parameters
    found = []
    for name, entry in schema.get("properties", {}).items():
        kind, resolved, optional = _kind(entry, schema.get("$defs", {}))
        required = name in schema.get("required", ())
        choices = tuple(shown(item) for item in resolved.get("enum", ())) if kind == "choice" else ()
        found.append(
            Field(
                name=name,
                kind=kind,
                unit=entry.get("unit", ""),
                help=texts.get(name) or entry.get("description", ""),
                value=_as_typed(
                    kind, given[name] if given is not None and name in given else shown(entry.get("default"))
                ),
                required=required,
                limits=_limits(resolved),
                choices=("", *choices) if choices and (optional or required) else choices,
                error=(errors or {}).get(name, ""),
            )
        )
    return tuple(found)


def _kind(entry: Mapping[str, Any], shared: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], bool]:
    if "$ref" in entry:
        return _kind(shared.get(str(entry["$ref"]).rpartition("/")[2], {}), shared)
    if "anyOf" in entry:
        real = [item for item in entry["anyOf"] if item.get("type") != "null"]
        if len(real) == 1:
            kind, resolved, _ = _kind(real[0], shared)
            return kind, resolved, len(real) < len(entry["anyOf"])
        return "json", entry, False
    if "const" in entry:
        return "choice", {"enum": [entry["const"]]}, False
    if "enum" in entry:
        return "choice", entry, False
    if entry.get("type") == "array" and entry.get("items", {}).get("type") in _WORDS:
        return "list", entry, False
    kinds = {"number": "number", "integer": "integer", "boolean": "flag", "string": "text"}
    return kinds.get(entry.get("type", ""), "json"), entry, False


def _limits(entry: Mapping[str, Any]) -> str:
    low, high = entry.get("minimum"), entry.get("maximum")
    above, below = entry.get("exclusiveMinimum"), entry.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{shown(low)} … {shown(high)}"
    parts = [
        f"{sign} {shown(bound)}"
        for sign, bound in (("≥", low), (">", above), ("≤", high), ("<", below))
        if bound is not None
    ]
    return ", ".join(parts)


def shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_typed(kind: str, text: str) -> str:
    """A list as a person would type it ('0, 90'); where commas could not tell it apart it stays JSON."""
    if kind != "list" or not text.startswith("["):
        return text
    try:
        items = [shown(item) for item in jsonio.loads(text, where="value")]
    except (BadInput, TypeError):
        return text
    plain = items and all(item.strip() == item != "" and not _COMMA.search(item) for item in items)
    return ", ".join(items) if plain and not items[0].startswith("[") else text


def parameters(
    tool: Method[..., Any], form: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """What a submitted form says: checked parameters, the texts as typed, and errors by parameter name.

    An empty control means the default. A list is typed with commas ('0, 90') or as JSON. A number may carry a unit of the declared kind ('400 bar').
    """
    typed = {
        name.removeprefix(PREFIX): values[-1].strip()
        for name, values in form.items()
        if name.startswith(PREFIX) and values
    }
    given: dict[str, Any] = {}
    errors: dict[str, str] = {}
    kinds = {field.name: field.kind for field in fields(tool)}
    for name, text in typed.items():
        if text == "":
            continue
        try:
            given[name] = value_of(kinds.get(name, "text"), text)
        except BadInput as error:
            errors[name] = str(error)
    errors |= {name: text for name, text in problems(tool, given).items() if name not in errors}
    return ({} if errors else tool.validated(given)), typed, errors


def value_of(kind: str, text: str) -> Any:
    """The JSON value that a text in a control of this kind stands for.

    Text that is no such value is handed on as it is: the method's own check then says what is wrong.
    """
    if kind == "flag":
        return {"true": True, "on": True, "false": False}.get(text.lower(), text)
    if kind == "list" and text[:1] not in ("[", "{"):
        return [item.strip() for item in _COMMA.split(text)]
    if kind in ("json", "list"):
        return jsonio.loads(text, where="value")
    if kind in ("number", "integer") and re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text):
        return float(text)
    if kind == "choice" and re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    return text


def problems(tool: Method[..., Any], given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with each parameter, by name; empty when all is right."""
    try:
        tool.parameters.model_validate(dict(given))
    except ValidationError as error:
        return model_problems(error)
    return {}


def model_problems(error: ValidationError) -> dict[str, str]:
    """What a pydantic model found wrong, as one text by field name."""
    found: dict[str, str] = {}
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        text = item["msg"].removeprefix("Value error, ")
        text = text[:1].lower() + text[1:]
        if item["type"] == "missing":
            text = "a value is wanted"
        elif isinstance(item["input"], str | int | float):
            text = f"{item['input']!r:.80}: {text}"
        found.setdefault(name, text)
    return found
