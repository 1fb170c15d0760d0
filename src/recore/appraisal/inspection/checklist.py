"""Method `inspection.checklist`: the check-list of a machine family, ready to be drawn as a form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from recore.appraisal.inspection.profile import DEFAULT_PROFILE, Item, Profile, families, profile_of
from recore.appraisal.listed import listed
from recore.errors import BadInput
from recore.method import Artifact, Note, Tolerance, method
from recore.model.trade import TradeMachine
from recore.quantity import Quantity
from recore.rules import RuleSet, shipped
from recore.rules.standards import abolished

FORMAT = "recore-inspection-checklist"


@dataclass(frozen=True)
class Checklist:
    """How long the list is; the list itself as JSON, for a form, and as a table."""

    family: str
    items: Quantity
    stop_items: Quantity
    photos: Quantity
    sections: tuple[str, ...]
    families: tuple[str, ...]
    rules_sha256: str
    checklist: Annotated[Any, Artifact("checklist.json")]
    table: Annotated[Any, Artifact("checklist.csv")]
    flags: tuple[Note, ...]


@method(
    "inspection.checklist",
    version=1,
    standard="ISO 10987-3:2017 (shaped after)",
    reproducible=Tolerance(),
)
def checklist(
    machine: TradeMachine | None = None,
    *,
    family: str = "",
    profile: str = DEFAULT_PROFILE,
    language: Literal["en", "zh"] = "en",
    day: date | None = None,
    rules: RuleSet | None = None,
) -> Checklist:
    """The inspection check-list of a machine family: sections, questions, limits, stop items, photos.

    Parameters
    ----------
    machine : the machine to inspect; its family is taken, and it is repeated in the list
    family : machine family, instead of a machine
    profile : inspection profile
    language : of the table; the JSON carries English and Chinese
    day : day for which the rows must be in force (default: the day on which the newest row was recorded)
    rules : rule rows instead of the shipped ones

    Returns
    -------
    Checklist : numbers of items, of items that stop the machine, and of photos that are always wanted [pcs];
        checklist.json (its shape: docs/inspection.md) and checklist.csv

    Raises
    ------
    BadInput : no family, or two that differ; no list for it

    References
    ----------
    ISO 10987-3:2017, 4.1 to 4.4: what a used machine is evaluated for; the items are in our own words.
    """
    rows = shipped() if rules is None else rules
    found = profile_of(rows, profile, _family(machine, family, rows, profile))
    when = day or found.recorded
    items = [item for item in found.items if item.rule.valid_on(when)]
    known = families(rows, profile)
    sections = _sections(found, items)
    document = {
        "format": FORMAT,
        "profile": profile,
        "family": found.family,
        "families": known,
        "version": found.rules.digest,
        "day": when.isoformat(),
        "machine": machine.model_dump(mode="json", exclude_none=True) if machine else {},
        "sections": sections,
    }
    return Checklist(
        family=found.family,
        items=_pieces(len(items)),
        stop_items=_pieces(sum(item.params.stop for item in items)),
        photos=_pieces(sum(item.params.photo.needed == "always" for item in items)),
        sections=listed(section["id"] for section in sections),
        families=listed(entry["family"] for entry in known),
        rules_sha256=found.rules.digest,
        checklist=document,
        table=_table(found, items, language),
        flags=tuple(_flags(found, items, when)),
    )


def _family(machine: TradeMachine | None, family: str, rules: RuleSet, profile: str) -> str:
    stated = (machine.family if machine else None) or ""
    if not (stated or family):
        there = ", ".join(entry["family"] for entry in families(rules, profile))
        raise BadInput("the machine family is not stated", where="family", right=f"one of: {there}")
    if stated and family and stated.casefold() != family.casefold():
        raise BadInput(
            f"the machine is a {stated!r}, the parameter says {family!r}",
            where="family",
            right="give one of them",
        )
    return family or stated


def _pieces(number: int) -> Quantity:
    return Quantity(number, "pcs")


def _sections(profile: Profile, items: list[Item]) -> list[dict[str, Any]]:
    drawn = []
    for section in profile.sections.values():
        own = [_drawn(item) for item in items if item.params.section == section.id]
        if own:
            drawn.append(
                {"id": section.id, "title_en": section.title_en, "title_zh": section.title_zh, "items": own}
            )
    return drawn


def _drawn(item: Item) -> dict[str, Any]:
    """An item as a form needs it."""
    params, rule = item.params, item.rule
    simple = item.comparison
    return {
        "item": item.name,
        "rule_id": rule.rule_id,
        "order": params.order,
        "ask_en": params.ask_en,
        "ask_zh": params.ask_zh,
        "how_en": params.how_en,
        "how_zh": params.how_zh,
        "kind": params.kind,
        "good": item.good,
        "unit": params.unit,
        "choices": [choice.model_dump() for choice in params.choices],
        "limit_text": item.limit_text("en"),
        "limit_text_zh": item.limit_text("zh"),
        "nominal": [
            {"name": name, "unit": (simple.unit if simple else None) or params.unit} for name in item.nominal
        ],
        "stop": params.stop,
        "weight": params.weight,
        "photo": params.photo.model_dump(),
        "optional": params.optional,
        "legal_basis": rule.legal_basis,
        "source": str(rule.source),
        "evidence_level": rule.evidence_level,
    }


def _table(profile: Profile, items: list[Item], language: str) -> Any:
    import pyarrow as pa

    titles = {
        section.id: section.title_en if language == "en" else section.title_zh
        for section in profile.sections.values()
    }
    place = {section: number for number, section in enumerate(titles)}
    ordered = sorted(items, key=lambda item: (place[item.params.section], item.params.order))
    columns: dict[str, list[Any]] = {
        "number": list(range(1, len(ordered) + 1)),
        "section": [titles[item.params.section] for item in ordered],
        "item": [item.name for item in ordered],
        "ask": [item.params.ask_en if language == "en" else item.params.ask_zh for item in ordered],
        "how": [item.params.how_en if language == "en" else item.params.how_zh for item in ordered],
        "kind": [item.params.kind for item in ordered],
        "unit": [item.params.unit or "" for item in ordered],
        "limit": [item.limit_text(language) for item in ordered],
        "stop": [item.params.stop for item in ordered],
        "photo": [item.params.photo.needed for item in ordered],
        "rule_id": [item.rule.rule_id for item in ordered],
        "source": [str(item.rule.source) for item in ordered],
        "answer": ["" for _ in ordered],
    }
    return pa.table(columns)


def _flags(profile: Profile, items: list[Item], day: date) -> list[Note]:
    asked = {item.name for item in items}
    lost = list(dict.fromkeys(name for name, _ in profile.covered() if name not in asked))
    notes = []
    if lost:
        text = f"the list of the family names items without a row in force on {day}: {', '.join(lost)}"
        notes.append(Note("items-without-row", text))
    if not any(rule.valid_on(day) for rule in profile.covers):
        text = f"no row in force on {day} says what the inspection of this family needs: no verdict can come of it"
        notes.append(Note("family-without-row", text))
    return [*notes, *(Note("abolished-standard", text) for _, text in abolished(profile.rules.rows, day))]
