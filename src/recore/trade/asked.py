"""What an eligibility question is asked of: machines, places and the rows that speak about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from recore.errors import BadInput
from recore.model.trade import OneOrMany, TradeMachine
from recore.rules import Rule, RuleSet
from recore.rules.ladder import DOMAIN as LADDER

DESTINATION = ("prohibition", "age", "emission", "conformity", "document")
ORIGIN = ("export",)
_OTHER_VERDICTS = ("charge", "finance", "vat_refund")
ALL = "all"
_CODES = re.compile(r"[A-Z]{2}(,[A-Z]{2})*")
_NAMES = {"hs": "hs", "condition": "condition", "family": "family"}


def country_codes(value: Any) -> Any:
    """'VN', 'VN,KE', ['VN', 'KE'] or 'all', written in one way.

    Raises
    ------
    ValueError : anything else
    """
    items = value.split(",") if isinstance(value, str) else value
    if isinstance(items, list | tuple) and all(isinstance(item, str) for item in items):
        text = ",".join(dict.fromkeys(item.strip() for item in items))
        if text == ALL or _CODES.fullmatch(text):
            return text
    raise ValueError(
        "country codes of two capital letters (ISO 3166-1) are wanted, such as VN or VN,KE; all asks every one"
    )


@dataclass(frozen=True)
class Area:
    """The rows that can speak for one place, on one side of the border.

    Cover rows that ask only for what another verdict needs (charges, finance, the export side) are left out.
    """

    place: str
    rules: RuleSet
    domains: tuple[str, ...]

    @classmethod
    def of(cls, rules: RuleSet, place: str, domains: tuple[str, ...]) -> Area:
        places = _reachable(rules, place)
        own, others = set(domains), {*DESTINATION, *ORIGIN, *_OTHER_VERDICTS} - set(domains)
        here = [rule for rule in rules.rows if rule.jurisdiction in places]
        covers = [
            rule
            for rule in here
            if rule.effect == "cover" and rule.jurisdiction != "*" and _concerns(rule, own, others)
        ]
        asked = own.union(*(rule.params["questions"] for rule in covers))
        rows = [
            rule
            for rule in here
            if rule.effect not in ("cover", "grade") and (rule.domain in asked or rule.question in asked)
        ]
        read = {path for rule in (*covers, *rows) for path in rule.reads}
        ladders = [rule for rule in rules.rows if rule.domain == LADDER and rule.params.get("fact") in read]
        return cls(
            place, RuleSet({rule.rule_id: rule for rule in (*covers, *rows, *ladders)}.values()), domains
        )

    @cached_property
    def ladders(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules.rows if rule.domain == LADDER)

    @cached_property
    def climbs(self) -> dict[str, str]:
        """The stated word behind every rank: {'emission_rank': 'emission_stage'}."""
        return {str(row.params.get("fact")): str(row.params.get("field")) for row in self.ladders}

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Stated facts that any row reads; machines that agree on them get one answer."""
        found: set[str] = set()
        for rule in self.rules.rows:
            found |= rule.reads
            found |= {name for name in _NAMES if getattr(rule.selector, name) is not None}
            if rule.effect == "document" and "document" in rule.params:
                found.add(f"evidence.{rule.params['document']}")
            if "age_years" in rule.reads:
                found |= {"build_year", "build_date"}
        found = {path.removeprefix("machine.") for path in found}
        found |= {self.climbs[path] for path in found if path in self.climbs}
        return tuple(sorted(found))

    @property
    def covered(self) -> bool:
        return any(rule.effect == "cover" for rule in self.rules.rows)


def _concerns(cover: Rule, own: set[str], others: set[str]) -> bool:
    asked = {str(question).partition(":")[0] for question in cover.params["questions"]}
    return bool(asked & own) or not asked <= others


def _reachable(rules: RuleSet, place: str) -> set[str]:
    """The place, '*', and whatever any of its cover rows includes, on whatever day."""
    places, new = {place, "*"}, [place]
    while new:
        here = new.pop()
        for rule in rules.rows:
            if rule.effect == "cover" and rule.jurisdiction == here:
                more = [area for area in rule.params.get("includes", ()) if area not in places]
                places.update(more)
                new += more
    return places


def destinations(rules: RuleSet, asked: str) -> tuple[str, ...]:
    """The places asked for; 'all' is every one whose cover row asks an eligibility question."""
    if asked != ALL:
        return tuple(asked.split(","))
    places = {
        rule.jurisdiction
        for rule in rules.rows
        if rule.effect == "cover"
        and rule.jurisdiction != "*"
        and {str(question).partition(":")[0] for question in rule.params["questions"]} & set(DESTINATION)
    }
    if not places:
        raise BadInput("no row covers any country", where="rules", right="give rows of effect cover")
    return tuple(sorted(places))


def checked(machines: OneOrMany[TradeMachine], shipment_date: date) -> tuple[TradeMachine, ...]:
    """The machines, none of them built after its shipment.

    Raises
    ------
    BadInput : names the machine
    """
    for number, machine in enumerate(machines.root, 1):
        named = f"machine {number}" + (f" ({machine.pin})" if machine.pin else "")
        built_by(machine, shipment_date, named)
    return machines.root


def built_by(machine: TradeMachine, day: date, where: str) -> None:
    """Refuse a machine that is built after the day on which it is asked for.

    Raises
    ------
    BadInput : names the field and the day
    """
    name, built = "build_year", machine.build_year
    late = built is not None and built > day.year
    if machine.build_date is not None and machine.build_date > day:
        name, late = "build_date", True
    if late:
        raise BadInput(
            f"{name} {getattr(machine, name)} lies after the shipment on {day}",
            where=where,
            right="read the plate again, or correct the day",
        )


def facts_of(machine: TradeMachine, computed: Iterable[str], **more: Any) -> dict[str, Any]:
    """Facts as the rows read them: an HS code without spaces, no stated field that is computed here."""
    facts = machine.facts(**more)
    if machine.hs is not None:
        facts["hs"] = facts["machine"]["hs"] = machine.hs.replace(" ", "")
    for name in computed:
        facts.pop(name, None)
        facts["machine"].pop(name, None)
    return facts


def stated(facts: Mapping[str, Any], path: str) -> Any:
    node: Any = facts
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def plain_name(path: str, climbs: Mapping[str, str]) -> str:
    """A missing fact as the machine's document calls it: 'hs', not 'machine.hs'; the stage, not its rank."""
    bare = path.removeprefix("machine.")
    if bare != path and bare.partition(".")[0] not in TradeMachine.model_fields:
        bare = path
    return climbs.get(bare, bare)
