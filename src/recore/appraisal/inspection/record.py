"""What an inspector wrote down: `inspection.json`, and each answer read as its item asks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from recore.appraisal.inspection.profile import DEFAULT_PROFILE, Item
from recore.errors import BadInput
from recore.model.case import Word
from recore.model.trade import Document, TradeMachine
from recore.quantity import convert, kind_of, unit_of

State = Literal["answered", "not_tested", "not_applicable", "unanswered"]
NOT_TESTED, NOT_APPLICABLE = "not_tested", "not_applicable"
NO_REASON = "no reason stated"


def _moment(value: Any) -> Any:
    if type(value) is date or isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise ValueError(f"{value!r:.40} is no time; write it as 2026-11-22 or 2026-11-22T09:30:00Z")


class Inspector(Document):
    """Who inspected."""

    name: Word
    organisation: Word | None = None
    qualification: Word | None = None


class Photo(Document):
    """A photo bound to the answer it proves."""

    item: Word
    file: Word
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Inspection(Document):
    """A filled-in check-list.

    `answers` holds by item a truth value, a word, a number, {value, unit, uncertainty, note},
    {"not_tested": reason} or {"not_applicable": reason}; `nominal` the maker's limits by name, as numbers or
    {value, unit}.
    """

    format: Literal["recore-inspection"] = "recore-inspection"
    profile: Word = DEFAULT_PROFILE
    family: Word | None = None
    version: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    machine: TradeMachine = TradeMachine()
    inspector: Inspector | None = None
    when: Annotated[str, BeforeValidator(_moment)]
    place: Word | None = None
    answers: Annotated[dict[str, Any], Field(max_length=2000, default_factory=dict)]
    photos: Annotated[tuple[Photo, ...], Field(max_length=5000)] = ()
    nominal: Annotated[dict[str, Any], Field(max_length=1000, default_factory=dict)]
    remarks: Annotated[str, Field(max_length=20_000)] = ""

    @property
    def day(self) -> date:
        """The day of the inspection, as it is written."""
        return date.fromisoformat(self.when[:10])

    def machine_family(self) -> str:
        """The family, stated once.

        Raises
        ------
        BadInput : stated nowhere, or twice and differently
        """
        two = [name for name in (self.family, self.machine.family) if name]
        if not two:
            raise BadInput(
                "the machine family is not stated", where="family", right="name it, such as excavator"
            )
        if len({name.casefold() for name in two}) > 1:
            raise BadInput(
                f"family is {two[0]!r}, machine.family {two[1]!r}", where="family", right="give one"
            )
        return two[0]


@dataclass(frozen=True)
class Answer:
    """One answer as the rule rows read it; `fact` is None where there is nothing to judge."""

    state: State
    fact: Any = None
    reason: str = ""
    note: str = ""

    @property
    def shown(self) -> str:
        if self.state != "answered":
            return self.state.replace("_", " ") + (f": {self.reason}" if self.reason else "")
        if isinstance(self.fact, bool):
            return "yes" if self.fact else "no"
        if isinstance(self.fact, Mapping):
            spread = f" ± {self.fact['uncertainty']:g}" if "uncertainty" in self.fact else ""
            unit = "" if self.fact["unit"] == "1" else f" {self.fact['unit']}"
            return f"{self.fact['value']:g}{spread}{unit}"
        return str(self.fact)


def read_answer(item: Item, raw: Any) -> Answer:
    """An answer of the kind that its item asks for.

    Raises
    ------
    BadInput : the answer is of another kind, has an unknown word or unit, or no number where one is asked
    """
    where = f"answers.{item.name}"
    if raw is None:
        return Answer("unanswered")
    if raw in (NOT_TESTED, NOT_APPLICABLE) and isinstance(raw, str):
        raw = {raw: ""}
    fields = dict(raw) if isinstance(raw, Mapping) else {"value": raw}
    for state in (NOT_TESTED, NOT_APPLICABLE):
        if state in fields:
            return _left_out(item, state, fields, where)
    note = fields.pop("note", "")
    extra = sorted(fields.keys() - {"value", "unit", "uncertainty"})
    if extra or "value" not in fields or not isinstance(note, str):
        raise BadInput(
            f"{raw!r:.80} is no answer",
            where=where,
            right="a value, {value, unit, uncertainty, note} or {not_tested: reason} is wanted",
        )
    if item.params.kind in ("measured", "count"):
        return Answer("answered", _number(item, fields, where), note=note)
    if fields.keys() != {"value"}:
        raise BadInput(
            f"a {item.params.kind} answer has no unit and no uncertainty",
            where=where,
            right="give value alone",
        )
    return Answer("answered", _word(item, fields["value"], where), note=note)


def _left_out(item: Item, state: Any, fields: dict[str, Any], where: str) -> Answer:
    reason = fields.pop(state)
    if fields or not isinstance(reason, str) or len(reason) > 1000:
        raise BadInput(
            f"{state} stands beside something else", where=where, right=f'write {{"{state}": "reason"}}'
        )
    if state == NOT_APPLICABLE and not item.params.optional:
        raise BadInput(
            "this part belongs to every machine of the family and cannot be 'not applicable'",
            where=where,
            right='answer it, or write {"not_tested": "reason"}',
        )
    return Answer(state, reason=reason.strip() or NO_REASON)


def _word(item: Item, value: Any, where: str) -> Any:
    kind = item.params.kind
    if kind == "yes_no" and not isinstance(value, bool):
        raise BadInput(
            f"{value!r:.40} is neither true nor false", where=where, right="true or false is wanted"
        )
    if kind == "choice":
        words = [choice.value for choice in item.params.choices]
        if value not in words:
            raise BadInput(f"{value!r:.40} is no choice", where=where, right=f"one of: {', '.join(words)}")
    if kind == "text" and not (isinstance(value, str) and len(value) <= 5000):
        raise BadInput(f"{value!r:.40} is no text", where=where, right="a text is wanted")
    return value


def _number(item: Item, fields: dict[str, Any], where: str) -> dict[str, Any]:
    value = _finite(fields["value"], where)
    unit = item.params.unit or "1"
    stated = fields.get("unit", unit)
    if not isinstance(stated, str) or kind_of(stated) != kind_of(unit):
        raise BadInput(
            f"{stated!r:.40} is no unit of a {kind_of(unit)}", where=where, right=f"give it in {unit}"
        )
    if item.params.kind == "count" and (value != int(value) or value < 0):
        raise BadInput(f"{value:g} is no count", where=where, right="a whole number of at least 0 is wanted")
    fact = {"value": convert(value, stated, unit), "unit": unit}
    if "uncertainty" in fields:
        spread = _finite(fields["uncertainty"], where)
        if spread < 0:
            raise BadInput(f"uncertainty {spread:g} is negative", where=where, right="give its size, k = 2")
        fact["uncertainty"] = convert(spread, stated, unit, difference=True)
    return fact


def _finite(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{value!r:.40} is no number", where=where, right="a finite number is wanted")
    return value


def read_nominal(nominal: Mapping[str, Any]) -> dict[str, Any]:
    """The maker's limits, checked.

    Raises
    ------
    BadInput : a limit is no number, or its unit is unknown
    """
    found: dict[str, Any] = {}
    for name, raw in nominal.items():
        where = f"nominal.{name}"
        if isinstance(raw, Mapping):
            if not {"value"} <= raw.keys() <= {"value", "unit"} or not isinstance(raw.get("unit", ""), str):
                raise BadInput(
                    f"{raw!r:.60} is no limit", where=where, right="a number or {value, unit} is wanted"
                )
            found[name] = {"value": _finite(raw["value"], where), "unit": unit_of(raw.get("unit", "1"))}
        elif raw is not None:
            found[name] = _finite(raw, where)
    return found
