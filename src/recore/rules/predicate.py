"""Conditions on facts, with three values (Kleene's strong logic) and a reason for each.

A condition is data: a comparison of one fact, or `all`, `any`, `not` of conditions. A fact that is absent,
of the wrong type or unit, not finite, or within its uncertainty of the limit makes the answer *unknown*.

Decision rule for a fact {value, unit, uncertainty}: a limit is kept only where value and the whole expanded
uncertainty U (k = 2) lie inside it, broken only where they lie outside, and the answer is unknown between.
That is acceptance with a guard band of U on either side of the limit (ISO 14253-1:2017, which asks for a
conformance probability of 95 %; a one-sided band of U at k = 2 gives 97.7 % for a normal distribution).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Context, Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    field_validator,
    model_validator,
)

from recore.errors import BadInput
from recore.quantity import Quantity, convert, unit_of

MAX_DEPTH = 12
MAX_PARTS = 200
_EXACT = Context(prec=60)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SIGNS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}

FactPath = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$", max_length=200)]
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


class Verdict(StrEnum):
    """What is known about a condition."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """A verdict, the facts that would be needed to know more, and the reason in words."""

    verdict: Verdict
    missing: tuple[str, ...]
    text: str


class Strict(BaseModel):
    """Closed and unchangeable: a name that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Comparison(Strict):
    """One fact held against a value, or against another fact (`value_of`, then `times` and `plus`).

    `unit` is the unit of `value`, of `plus` and of any plain number compared; a fact that carries a unit of
    its own is converted. `in`: the fact, or any item of it where it is a list, is one of the values.
    `starts`: the fact begins with the text, or with one of the texts.
    """

    field: FactPath
    op: Literal["==", "!=", "<", "<=", ">", ">=", "in", "starts"]
    value: Scalar | tuple[Scalar, ...] | None = None
    value_of: FactPath | None = None
    times: StrictFloat | StrictInt | None = None
    plus: StrictFloat | StrictInt | None = None
    unit: str | None = None

    @field_validator("value", mode="before")
    @classmethod
    def _dates_as_text(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(_iso(item) for item in value)
        return _iso(value)

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str | None) -> str | None:
        return None if unit is None else unit_of(unit)

    @model_validator(mode="after")
    def _whole(self) -> Comparison:
        if (self.value is None) == (self.value_of is None):
            raise ValueError("a comparison wants either value or value_of")
        if self.value_of is None and (self.times is not None or self.plus is not None):
            raise ValueError("times and plus belong to value_of")
        many = isinstance(self.value, tuple)
        if self.op == "in":
            if not many or not self.value:
                raise ValueError("op 'in' wants a list of values")
        elif self.op == "starts" and self.value_of is None:
            texts = self.value if isinstance(self.value, tuple) else (self.value,)
            if not texts or not all(isinstance(text, str) and text for text in texts):
                raise ValueError("op 'starts' wants a text or a list of texts")
        elif many:
            raise ValueError(f"op {self.op!r} wants one value, not a list")
        return self


class All(Strict):
    """True where every condition is; an empty list asks nothing."""

    all: tuple[Predicate, ...]


class AnyOf(Strict):
    """True where at least one condition is."""

    any: tuple[Predicate, ...]


class Not(Strict):
    """True where the condition is false."""

    not_: Predicate = Field(alias="not")


def _shape(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return next((f"{{{word}}}" for word in ("all", "any", "not") if word in value), "{compare}")
    for kind, tag in ((Comparison, "{compare}"), (All, "{all}"), (AnyOf, "{any}"), (Not, "{not}")):
        if isinstance(value, kind):
            return tag
    return None


Predicate = Annotated[
    Annotated[Comparison, Tag("{compare}")]
    | Annotated[All, Tag("{all}")]
    | Annotated[AnyOf, Tag("{any}")]
    | Annotated[Not, Tag("{not}")],
    Discriminator(
        _shape,
        custom_error_type="predicate",
        custom_error_message="a condition {field, op, value} or {all = []}, {any = []}, {not = {}} is wanted",
    ),
]

All.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()


def evaluate(predicate: Comparison | All | AnyOf | Not, facts: Mapping[str, Any]) -> Outcome:
    """What the facts say about a condition; never an error, whatever the facts are.

    Parameters
    ----------
    facts : nested mappings; a leaf is a number, word, truth value, list, `Quantity` or {value, unit, uncertainty?}

    Returns
    -------
    Outcome : the verdict; the dotted paths of absent facts (only where it is unknown); the reason in words
    """
    trace = _evaluate(predicate, facts)
    missing = trace.missing if trace.verdict is Verdict.UNKNOWN else ()
    return Outcome(trace.verdict, tuple(dict.fromkeys(missing)), trace.text)


def fields(predicate: Comparison | All | AnyOf | Not) -> Iterator[str]:
    """Every fact a condition reads."""
    match predicate:
        case Comparison():
            yield predicate.field
            if predicate.value_of:
                yield predicate.value_of
        case All(all=parts) | AnyOf(any=parts):
            for part in parts:
                yield from fields(part)
        case Not(not_=part):
            yield from fields(part)


def in_words(predicate: Comparison | All | AnyOf | Not) -> str:
    """A condition as a person reads it."""
    match predicate:
        case Comparison(op=op):
            target = (
                _listed(predicate.value) if isinstance(predicate.value, tuple) else _shown(predicate.value)
            )
            if predicate.value_of:
                factor = "" if predicate.times in (None, 1) else f"{predicate.times:g} × "
                shift = (
                    f" {'+' if predicate.plus > 0 else '-'} {abs(predicate.plus):g}" if predicate.plus else ""
                )
                target = factor + predicate.value_of + shift
            sign = _SIGNS.get(op, {"in": "is one of", "starts": "starts with"}.get(op, op))
            return f"{predicate.field} {sign} {target}" + (f" [{predicate.unit}]" if predicate.unit else "")
        case All(all=parts):
            return "(" + " and ".join(map(in_words, parts)) + ")" if parts else "nothing is asked"
        case AnyOf(any=parts):
            return "(" + " or ".join(map(in_words, parts)) + ")" if parts else "what nothing can meet"
        case Not(not_=part):
            return f"not {in_words(part)}"


class _Trace(NamedTuple):
    verdict: Verdict
    missing: tuple[str, ...]
    text: str
    # False where a word told that this branch is about something else; `any` then leaves its text out
    on_topic: bool = True


class _Unknown(Exception):
    def __init__(self, text: str, *missing: str) -> None:
        super().__init__(text)
        self.text, self.missing = text, missing


def _evaluate(predicate: Comparison | All | AnyOf | Not, facts: Mapping[str, Any]) -> _Trace:
    match predicate:
        case Comparison():
            try:
                holds, text, on_topic = _compare(predicate, facts)
            except _Unknown as unknown:
                return _Trace(Verdict.UNKNOWN, unknown.missing, unknown.text)
            except ArithmeticError:
                return _Trace(Verdict.UNKNOWN, (), f"{predicate.field} is beyond a double")
            if holds is None:
                return _Trace(Verdict.UNKNOWN, (), text)
            return _Trace(Verdict.PASS if holds else Verdict.FAIL, (), text, on_topic)
        case All(all=parts):
            return _joined([_evaluate(part, facts) for part in parts], Verdict.FAIL, " and ")
        case AnyOf(any=parts):
            return _joined([_evaluate(part, facts) for part in parts], Verdict.PASS, " or ")
        case Not(not_=part):
            inner = _evaluate(part, facts)
            turned = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS}
            return inner._replace(verdict=turned.get(inner.verdict, Verdict.UNKNOWN), on_topic=True)


def _joined(parts: list[_Trace], strong: Verdict, word: str) -> _Trace:
    """Kleene's `all` (strong: fail) and `any` (strong: pass)."""
    weak = Verdict.PASS if strong is Verdict.FAIL else Verdict.FAIL
    verdicts = {part.verdict for part in parts}
    verdict = strong if strong in verdicts else Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts else weak
    decisive = [part for part in parts if part.verdict is verdict]
    if strong is Verdict.PASS:
        on_topic = any(part.on_topic for part in decisive)
        decisive = [part for part in decisive if part.on_topic] or decisive
    else:
        on_topic = all(part.on_topic for part in decisive)
    texts = dict.fromkeys(part.text for part in decisive)
    missing = tuple(path for part in parts if part.verdict is Verdict.UNKNOWN for path in part.missing)
    return _Trace(verdict, missing, word.join(texts) or "nothing is asked", on_topic)


def _compare(rule: Comparison, facts: Mapping[str, Any]) -> tuple[bool | None, str, bool]:
    fact = _fact(rule.field, facts)
    name = rule.field.removeprefix("finding.results.")
    if rule.op == "in":
        return _one_of(rule, name, fact)
    if rule.op == "starts":
        return _begins(rule, name, fact, facts)
    other = _fact(rule.value_of, facts) if rule.value_of else rule.value
    if _is_numeric(fact) and _is_numeric(other):
        return _compare_numbers(rule, name, fact, other)
    if isinstance(fact, bool) and isinstance(other, bool) and rule.op in ("==", "!="):
        holds = (fact == other) == (rule.op == "==")
        return holds, f"{name} is {_shown(fact)}", True
    if isinstance(fact, str) and isinstance(other, str):
        return _compare_texts(rule, name, fact, other)
    raise _Unknown(f"{name} = {_shown(fact)} cannot be held against {_shown(other)}")


def _begins(rule: Comparison, name: str, fact: Any, facts: Mapping[str, Any]) -> tuple[bool, str, bool]:
    value = _fact(rule.value_of, facts) if rule.value_of else rule.value
    heads = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not isinstance(fact, str) or not all(isinstance(head, str) and head for head in heads):
        raise _Unknown(f"{name} = {_shown(fact)} cannot be held against {_listed(heads)}")
    holds = fact.startswith(heads)
    return holds, f"{name} = {fact!r} {'starts' if holds else 'does not start'} with {_listed(heads)}", holds


def _one_of(rule: Comparison, name: str, fact: Any) -> tuple[bool | None, str, bool]:
    assert isinstance(rule.value, tuple)
    items = list(fact) if isinstance(fact, list | tuple) else [fact]
    answers: list[bool | None] = []
    for item in items:
        for value in rule.value:
            if is_exact(item) and is_exact(value):
                answers.append(item == value)
            elif _is_numeric(item) and _is_numeric(value):
                single = Comparison(field=rule.field, op="==", value=value, unit=rule.unit)
                answers.append(_compare_numbers(single, name, item, value)[0])
            elif type(item) is type(value):
                answers.append(item == value)
    if items and not answers:
        raise _Unknown(f"{name} = {_shown(fact)} cannot be held against {_listed(rule.value)}")
    holds = True if True in answers else None if None in answers else False
    word = {True: "is one of", False: "is none of", None: "is within its uncertainty of"}[holds]
    return holds, f"{name} = {_shown(fact)} {word} {_listed(rule.value)}", holds is not False


def _compare_texts(rule: Comparison, name: str, fact: str, other: str) -> tuple[bool | None, str, bool]:
    if rule.op in ("==", "!="):
        holds = (fact == other) == (rule.op == "==")
        return holds, f"{name} = {fact!r}" + ("" if fact == other else f", not {other!r}"), holds
    if not (_DAY.fullmatch(fact) and _DAY.fullmatch(other)):
        raise _Unknown(f"{name} = {fact!r} is a word; words have no order")
    holds = _ORDER[rule.op](0 if fact == other else 1 if fact > other else -1)
    return holds, f"{name} = {fact} is{'' if holds else ' not'} {_SIGNS[rule.op]} {other}", True


_ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def _compare_numbers(rule: Comparison, name: str, fact: Any, other: Any) -> tuple[bool | None, str, bool]:
    if rule.times is None and rule.plus is None and is_exact(fact) and is_exact(other):
        # the shortest decimals of two doubles stand in the order of the doubles, so that no decimal is needed
        sharp = _SHARP[rule.op](fact, other)
        limit_shown = f"{other:.6g}" + ("" if rule.unit in (None, "1") else f" {rule.unit}")
        if rule.value_of:
            limit_shown += f" ({rule.value_of})"
        return sharp, f"{name} = {fact:.6g} is{'' if sharp else ' not'} {_SIGNS[rule.op]} {limit_shown}", True
    unit = rule.unit or _common_unit(name, fact, other)
    value, spread = _number(name, fact, unit)
    limit, limit_spread = _number(rule.value_of or "value", other, unit)
    if rule.times is not None:
        limit = _EXACT.multiply(limit, _decimal(rule.times))
        limit_spread = abs(_EXACT.multiply(limit_spread, _decimal(rule.times)))
    if rule.plus is not None:
        limit = _EXACT.add(limit, _decimal(rule.plus))
    width = _decimal(math.hypot(float(spread), float(limit_spread))) if limit_spread else spread
    holds = _decided(rule.op, _EXACT.subtract(value, limit), width)
    shown = f"{name} = {_quantity_shown(fact, unit)}"
    sign, target = _SIGNS[rule.op], f"{float(limit):.6g}" + ("" if unit == "1" else f" {unit}")
    if rule.value_of:
        factor = "" if rule.times in (None, 1) else f"{rule.times:g} × "
        shift = f" {'+' if rule.plus > 0 else '-'} {abs(rule.plus):g}" if rule.plus else ""
        target += f" ({factor}{rule.value_of}{shift})"
    if holds is None:
        return None, f"{shown}: {sign} {target} is not proven, the limit lies within the uncertainty", True
    return holds, f"{shown} is{'' if holds else ' not'} {sign} {target}", True


_SHARP: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_exact(value: Any) -> bool:
    """A plain finite number that is a double without being rounded."""
    if type(value) is int:
        return -(2**53) <= value <= 2**53
    return type(value) is float and math.isfinite(value)


def _common_unit(name: str, fact: Any, other: Any) -> str:
    units = [quantity.unit if quantity else "1" for quantity in map(_quantity, (fact, other))]
    if "1" in units and units != ["1", "1"]:
        raise _Unknown(f"{name}: a unit stands on one side only, and the rule names none")
    return units[0]


def _decided(op: str, gap: Decimal, width: Decimal) -> bool | None:
    """Decision on value - limit = gap, known to ± width."""
    low, high = _EXACT.subtract(gap, width), _EXACT.add(gap, width)
    match op:
        case "<=":
            return True if high <= 0 else False if low > 0 else None
        case "<":
            return True if high < 0 else False if low >= 0 else None
        case ">=":
            return True if low >= 0 else False if high < 0 else None
        case ">":
            return True if low > 0 else False if high <= 0 else None
    equal = False if low > 0 or high < 0 else True if width == 0 else None
    return equal if op == "==" or equal is None else not equal


def _fact(path: str, facts: Mapping[str, Any]) -> Any:
    node = node_at(path, facts)
    if node is None:
        raise _Unknown(f"{path.removeprefix('finding.results.')} is not stated", path)
    return _bare(_iso(node))


def node_at(path: str, facts: Any) -> Any:
    """What facts hold at a dotted path, or None."""
    node = facts
    for part in path.split("."):
        if isinstance(node, Quantity):
            node = node.json()
        node = node.get(part) if isinstance(node, Mapping) else None
        if node is None:
            return None
    return node


def _bare(fact: Any) -> Any:
    """A word out of the quantity that carries it, and a list of numbers with its unit at every number."""
    if not isinstance(fact, Mapping | Quantity):
        return fact
    value, unit = (
        (fact.value, fact.unit) if isinstance(fact, Quantity) else (fact.get("value"), fact.get("unit"))
    )
    if isinstance(value, str | bool):
        return value
    if isinstance(value, list | tuple):
        return [
            {"value": item, "unit": unit} if isinstance(item, int | float) and unit else item
            for item in value
        ]
    return fact


def _iso(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _is_numeric(fact: Any) -> bool:
    if isinstance(fact, Mapping | Quantity):
        value = fact.get("value") if isinstance(fact, Mapping) else fact.value
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(fact, int | float) and not isinstance(fact, bool)


def _quantity(fact: Any) -> Quantity | None:
    if isinstance(fact, Quantity):
        return fact
    if isinstance(fact, Mapping):
        try:
            return Quantity(fact["value"], fact.get("unit", "1"), fact.get("uncertainty"))
        except (BadInput, KeyError, TypeError, ValueError, AttributeError) as error:
            raise _Unknown(f"{fact!r:.80} is not a quantity ({error})") from None
    return None


def _number(name: str, fact: Any, unit: str) -> tuple[Decimal, Decimal]:
    """Value and half width, as the decimals a person reads, in `unit` (a plain number is taken to be in it)."""
    quantity = _quantity(fact)
    if quantity is None:
        if not math.isfinite(fact):
            raise _Unknown(f"{name} = {fact} is not a finite number")
        return _decimal(fact), Decimal(0)
    try:
        value = convert(quantity.value, quantity.unit, unit)
        spread = convert(quantity.uncertainty or 0.0, quantity.unit, unit, difference=True)
    except BadInput as error:
        raise _Unknown(f"{name}: {error}") from None
    return _decimal(value), _decimal(spread)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _quantity_shown(fact: Any, unit: str) -> str:
    quantity = _quantity(fact)
    return f"{fact:.6g}" if quantity is None else str(quantity.to(unit))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return _listed(value)
    return f"{value!r:.80}"


def _listed(values: Any) -> str:
    return ", ".join(_shown(value) for value in values) or "nothing"
