"""Conditions as a line that people write: `age_years <= 10 and condition in ("used", "rebuilt")`.

    comparison   field op value, where op is == != < <= > >= in starts, and a value is a number, "text", true or
                 false; `in` and `starts` take a list in parentheses
                 field op other_field, or: field <= 0.5 * other_field + 3
                 a unit follows in brackets: power_kw <= 560 [kW]
    joined       a and b · a or b (and binds closer) · not a · ( … )
    functions    all(a, b) · any(a, b): as `and` and `or`, for one condition or none

`not` turns what follows it, up to the next `and` or `or`. A field whose name is a word of this notation stands
between backquotes. What is written is read back as the same condition, part for part.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from recore.errors import BadInput
from recore.rules.predicate import MAX_DEPTH, MAX_PARTS, All, AnyOf, Comparison, Not

MAX_TEXT = 100_000
_WORDS = {"and", "or", "not", "in", "starts", "true", "false", "all", "any"}
_FIELD = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_TOKEN = re.compile(
    rf"""\s*(?:
    (?P<number>-?(?:\d+\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<field>{_FIELD}|`{_FIELD}`)
    |(?P<unit>\[[^\]]*\])
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|,|\*|\+|-)
    )""",
    re.VERBOSE,
)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "starts")


def write(condition: Comparison | All | AnyOf | Not) -> str:
    """A condition in the notation; `read` gives it back."""
    match condition:
        case Comparison():
            return _comparison(condition)
        case All(all=parts):
            return _joined("all", "and", parts)
        case AnyOf(any=parts):
            return _joined("any", "or", parts)
        case Not(not_=part):
            inner = write(part)
            return (
                f"not ({inner})"
                if isinstance(part, All | AnyOf) and len(_parts(part)) > 1
                else f"not {inner}"
            )


def read(text: str, *, where: str = "") -> dict[str, Any]:
    """A condition as the document that a rule row holds.

    Raises
    ------
    BadInput : names the place in the line and what would be right there
    """
    return _Reader(text, where).whole()


def _parts(condition: All | AnyOf) -> tuple[Any, ...]:
    return condition.all if isinstance(condition, All) else condition.any


def _joined(function: str, word: str, parts: tuple[Any, ...]) -> str:
    if len(parts) < 2:
        return f"{function}({', '.join(map(write, parts))})"
    # parentheses keep `(a and b) and c` apart from `a and b and c`, and tell what binds closer
    texts = [
        f"({write(part)})" if isinstance(part, All | AnyOf) and len(_parts(part)) > 1 else write(part)
        for part in parts
    ]
    return f" {word} ".join(texts)


def _comparison(part: Comparison) -> str:
    if part.value_of is None:
        value = part.value
        target = f"({', '.join(map(_value, value))})" if isinstance(value, tuple) else _value(value)
    else:
        target = ("" if part.times is None else f"{part.times!r} * ") + _name(part.value_of)
        if part.plus is not None:
            negative = repr(part.plus).startswith("-")
            target += f" - {repr(part.plus)[1:]}" if negative else f" + {part.plus!r}"
    return f"{_name(part.field)} {part.op} {target}" + (f" [{part.unit}]" if part.unit is not None else "")


def _name(field: str) -> str:
    return f"`{field}`" if field in _WORDS else field


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Reader:
    """Recursive descent, one token ahead; depth and length are bounded before a row bounds them again."""

    def __init__(self, text: str, where: str) -> None:
        self.where, self.text, self.next = where, text, 0
        if len(text) > MAX_TEXT:
            raise BadInput(
                f"the condition has {len(text)} characters", where=where, right=f"at most {MAX_TEXT}"
            )
        self.tokens: list[_Token] = []
        at = 0
        end = len(text.rstrip())
        while at < end:
            token = _TOKEN.match(text, at)
            if token is None:
                raise self._bad(
                    at + len(text[at:]) - len(text[at:].lstrip()), "a field, a value or a sign is wanted"
                )
            kind = str(token.lastgroup)
            self.tokens.append(_Token(kind, token[kind], token.start(kind)))
            at = token.end()
        if len(self.tokens) > 20 * MAX_PARTS:
            raise BadInput("the condition is too long", where=where, right=f"at most {MAX_PARTS} parts")

    def whole(self) -> dict[str, Any]:
        if not self.tokens:
            return {"all": []}
        found = self._either(0)
        if self.next < len(self.tokens):
            raise self._here("`and`, `or` or the end is wanted")
        return found

    def _either(self, depth: int) -> dict[str, Any]:
        if depth > 2 * MAX_DEPTH:
            raise self._here(f"at most {MAX_DEPTH} levels of parentheses")
        return self._chain("or", "any", lambda: self._chain("and", "all", lambda: self._one(depth)))

    def _chain(self, word: str, name: str, part: Any) -> dict[str, Any]:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else {name: parts}

    def _one(self, depth: int) -> dict[str, Any]:
        if self._take("not"):
            if depth > 2 * MAX_DEPTH:
                raise self._here(f"at most {MAX_DEPTH} levels")
            return {"not": self._one(depth + 1)}
        if self._take("("):
            found = self._either(depth + 1)
            self._want(")")
            return found
        for name in ("all", "any"):
            if self._take(name):
                return {name: self._list(lambda: self._either(depth + 1))}
        return self._compare()

    def _compare(self) -> dict[str, Any]:
        field = self._field("a field is wanted")
        op = self._peek()
        if op is None or op.text not in _COMPARISONS or op.kind == "text":
            raise self._here(f"one of {' '.join(_COMPARISONS)} is wanted")
        self.next += 1
        found: dict[str, Any] = {"field": field, "op": op.text}
        token = self._peek()
        if token is None:
            raise self._here("a value or a field is wanted")
        if token.text == "(" and token.kind == "sign":
            found["value"] = self._list(self._value, opened=False)
        elif token.kind in ("number", "text") or token.text in ("true", "false"):
            found["value"] = self._value()
            if token.kind == "number" and self._take("*"):
                found["times"] = found.pop("value")
                self._other(found)
        else:
            self._other(found)
        unit = self._peek()
        if unit is not None and unit.kind == "unit":
            self.next += 1
            found["unit"] = unit.text[1:-1].strip()
        return found

    def _other(self, found: dict[str, Any]) -> None:
        found["value_of"] = self._field("a value or a field is wanted")
        token = self._peek()
        if token is not None and token.text in ("+", "-") and token.kind == "sign":
            self.next += 1
            number = self._number("a number is wanted")
            found["plus"] = number if token.text == "+" else -number
        elif token is not None and token.kind == "number" and token.text.startswith("-"):
            found["plus"] = self._number("a number is wanted")

    def _list(self, item: Any, *, opened: bool = False) -> list[Any]:
        if not opened:
            self._want("(")
        found: list[Any] = []
        while not self._take(")"):
            if found:
                self._want(",")
                if self._take(")"):
                    break
            found.append(item())
        return found

    def _value(self) -> Any:
        token = self._peek()
        if token is not None and token.kind == "field" and token.text in ("true", "false"):
            self.next += 1
            return token.text == "true"
        if token is not None and token.kind == "text":
            self.next += 1
            try:
                return json.loads(token.text, strict=False)
            except json.JSONDecodeError:
                raise self._bad(token.at, 'a text is wanted, as in "used"') from None
        return self._number('a number, true, false or "text" is wanted')

    def _number(self, right: str) -> int | float:
        token = self._peek()
        if token is None or token.kind != "number":
            raise self._here(right)
        self.next += 1
        number = float(token.text)
        whole = token.text.lstrip("-").isdigit()
        if abs(number) == float("inf") or (whole and len(token.text) > 400):
            raise self._bad(token.at, "a finite number is wanted")
        return int(token.text) if whole else number

    def _field(self, right: str) -> str:
        token = self._peek()
        if token is None or token.kind != "field" or token.text in _WORDS:
            raise self._here(right)
        self.next += 1
        return token.text.strip("`")

    def _peek(self) -> _Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text or token.kind not in ("field", "sign"):
            return False
        self.next += 1
        return True

    def _want(self, sign: str) -> None:
        if not self._take(sign):
            raise self._here(f"{sign!r} is wanted")

    def _here(self, right: str) -> BadInput:
        token = self._peek()
        return self._bad(len(self.text) if token is None else token.at, right)

    def _bad(self, at: int, right: str) -> BadInput:
        near = self.text[at : at + 30].strip() or "the end"
        return BadInput(f"the condition is not understood at {near!r}", where=self.where, right=right)
