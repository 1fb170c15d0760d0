"""A machine as its papers describe it, in a form and in an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError

from recore.model.trade import TradeMachine
from recore.rules import RuleSet
from recore.rules.ladder import DOMAIN as LADDER
from recore.web.forms import model_problems

WORDS = ("family", "maker", "model", "pin", "hs", "condition", "emission_stage", "use", "build_date")
NUMBERS = ("build_year", "mass_kg", "power_kw")
FIELDS = ("family", "maker", "model", "pin", "build_year", "build_date", "hs", "condition", "use", "emission_stage",
          "mass_kg", "power_kw", "road_vehicle")  # fmt: skip
EVIDENCE, FACT = "evidence.", "fact."
TRUTH = {"true": True, "false": False}
MOST_FACTS = 200
_FACT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_EVIDENCE_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass
class MachineForm:
    """What was typed, the machine that it describes, and what is wrong with each field.

    `evidence.NAME` = true or false says whether a paper is at hand; `fact.NAME` is a fact beyond the listed
    fields that some rule row reads.
    """

    given: dict[str, str]
    machine: TradeMachine | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The machine as machine.json; what nobody stated is left out."""
        assert self.machine is not None
        return self.machine.model_dump(mode="json", exclude_unset=True)

    def address(self, **more: str) -> str:
        """The form as the query of an address, with what is added or changed."""
        told = {**self.given, **more}
        return urlencode([(name, text) for name, text in told.items() if text])


def read(params: Iterable[tuple[str, str]]) -> MachineForm:
    """The machine that the fields of an address or a form describe."""
    given: dict[str, str] = {}
    for name, text in params:
        head, dot, tail = name.partition(".")
        known = name in FIELDS
        known |= head + dot == EVIDENCE and bool(_EVIDENCE_NAME.fullmatch(tail))
        known |= (
            head + dot == FACT and bool(_FACT_NAME.fullmatch(tail)) and tail not in TradeMachine.model_fields
        )
        if known and text.strip() and len(given) < MOST_FACTS:
            given[name] = text.strip()[:200]
    stated: dict[str, Any] = {name: given[name] for name in WORDS if name in given}
    stated |= {name: _number(given[name]) for name in NUMBERS if name in given}
    if given.get("road_vehicle") in TRUTH:
        stated["road_vehicle"] = TRUTH[given["road_vehicle"]]
    papers = {
        name.removeprefix(EVIDENCE): TRUTH[text]
        for name, text in given.items()
        if name.startswith(EVIDENCE) and text in TRUTH
    }
    if papers:
        stated["evidence"] = papers
    for name, text in given.items():
        if name.startswith(FACT):
            stated[name.removeprefix(FACT)] = TRUTH.get(text, _number(text))
    try:
        return MachineForm(given, TradeMachine.model_validate(stated))
    except ValidationError as error:
        return MachineForm(given, None, model_problems(error))


def filled(document: Mapping[str, Any]) -> MachineForm:
    """The form of a machine.json."""
    params: list[tuple[str, str]] = []
    for name, value in document.items():
        if name == "evidence":
            params += [(EVIDENCE + paper, "true" if here else "false") for paper, here in value.items()]
        elif value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            params.append((name if name in FIELDS else FACT + name, text))
    return read(params)


def _number(text: str) -> Any:
    if re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text):
        return float(text)
    return text


def choices(rules: RuleSet, day: date) -> dict[str, list[str]]:
    """Words that the rows in force know: families, conditions, HS headings and emission stages."""
    found: dict[str, set[str]] = {name: set() for name in ("family", "condition", "hs", "emission_stage")}
    for rule in rules.known().rows:
        if not rule.valid_on(day):
            continue
        if rule.effect not in ("grade", "cover"):
            for name in ("family", "condition", "hs"):
                found[name].update(getattr(rule.selector, name) or ())
        if rule.domain == LADDER and rule.params.get("field") == "emission_stage":
            found["emission_stage"].update(rule.params.get("steps") or ())
    return {name: sorted(words) for name, words in found.items()}
