"""Check-lists as forms: their sections for drawing, what a form says, and the inspection.json that comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from recore.appraisal.inspection.checklist import checklist
from recore.appraisal.inspection.judgement import judge_inspection
from recore.appraisal.inspection.profile import DEFAULT_PROFILE, families, profile_of
from recore.appraisal.inspection.record import Inspection
from recore.errors import BadInput
from recore.rules import RuleSet, Verdict
from recore.workspace.inspections import Change

PLATE = ("maker", "model", "serial", "pin", "build_year")
FACTS = ("inspector.name", "inspector.organisation", "place", "when", "remarks")
PLATE_SECTION = "plate"
ANSWERED, WORD = ("yes", "no", "nt", "na"), "="
_LIMIT = re.compile(
    r"(?P<op>≤|≥|<|>) (?:(?P<factor>[\d.]+) × )?"
    r"(?:(?P<number>-?[\d.]+)|(?P<where>nominal|answers)\.(?P<name>\w+))(?: \[.*\])?"
)


class Sheet:
    """The check-list of a family in one set of rule rows."""

    def __init__(self, rules: RuleSet, family: str, profile: str = DEFAULT_PROFILE) -> None:
        self.profile = profile
        self.rows = profile_of(rules, profile, family)
        self.document: dict[str, Any] = checklist(family=family, profile=profile, rules=rules).checklist
        self.family: str = self.document["family"]
        self.sections: list[dict[str, Any]] = [
            {**section, "items": [{**item, "limit": limit(item["limit_text"])} for item in section["items"]]}
            for section in self.document["sections"]
        ]
        self.items: dict[str, dict[str, Any]] = {
            item["item"]: item for section in self.sections for item in section["items"]
        }

    @property
    def places(self) -> list[str]:
        """Ids of the sections in the order of the form."""
        return [PLATE_SECTION, *(section["id"] for section in self.sections)]

    def section(self, name: str) -> dict[str, Any] | None:
        return next((section for section in self.sections if section["id"] == name), None)


@lru_cache(maxsize=64)
def _sheet(rules: _Rules, family: str, profile: str) -> Sheet:
    return Sheet(rules.rules, family, profile)


@dataclass(frozen=True)
class _Rules:
    """Rule rows as the key of a cache: equal where their digest is."""

    digest: str
    rules: RuleSet = field(compare=False)


def sheet(rules: RuleSet, family: str, profile: str = DEFAULT_PROFILE) -> Sheet:
    """The check-list of a family.

    Raises
    ------
    BadInput : there is none
    """
    return _sheet(_Rules(rules.digest, rules), family, profile)


@lru_cache(maxsize=8)
def _kinds(rules: _Rules) -> tuple[dict[str, str], ...]:
    return tuple(families(rules.rules, DEFAULT_PROFILE))


def kinds(rules: RuleSet) -> tuple[dict[str, str], ...]:
    """Families that have a check-list, with their names."""
    return _kinds(_Rules(rules.digest, rules))


def limit(text: str) -> dict[str, str]:
    """The limit of a number, taken apart for a form; empty where it is no simple comparison."""
    found = _LIMIT.fullmatch(text)
    return {name: part for name, part in found.groupdict().items() if part} if found else {}


def given(sheet: Sheet, section: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Entries that the form of a section holds, as they are shown."""
    if section == PLATE_SECTION:
        names = [*(f"machine.{name}" for name in PLATE), *FACTS]
        return {name: str(shown.get(name, "")) for name in names}
    held: dict[str, Any] = {}
    for item in (sheet.section(section) or {"items": []})["items"]:
        answer = shown.get(f"answer.{item['item']}") or {}
        held[f"answer.{item['item']}"] = {
            part: str(answer.get(part, "")) for part in "avr" if answer.get(part)
        }
        for nominal in item["nominal"]:
            held[f"nominal.{nominal['name']}"] = str(shown.get(f"nominal.{nominal['name']}", ""))
    return held


def typed(sheet: Sheet, section: str, text: Any) -> dict[str, Any]:
    """The same entries as a form sent them; `text` gives the value of a field by its name."""
    found: dict[str, Any] = {}
    for name, value in given(sheet, section, {}).items():
        if isinstance(value, dict):
            parts = {part: text(f"{name}.{part}")[:5000] for part in "avr"}
            found[name] = {part: word for part, word in parts.items() if word}
        else:
            found[name] = text(name)[:20_000]
    return found


def changed(
    fields: Mapping[str, Any], was: Mapping[str, Any], now: Mapping[str, Any], device: str, revision: int
) -> dict[str, Change]:
    """Changes that a form makes, beside what has come in since its page was drawn at `revision`."""
    found = {}
    for name, value in now.items():
        if value != was.get(name):
            entry = fields.get(name, {"heads": [], "known": {}})
            seen = {head["device"]: head["at"] for head in entry["heads"] if head["revision"] <= revision}
            found[name] = change(entry, value or None, device, seen)
    return found


def change(entry: Mapping[str, Any], value: Any, device: str, seen: Mapping[str, str]) -> Change:
    """A change made now, by the clock of the server; later than any earlier one of the device."""
    now = datetime.now(UTC)
    if last := entry["known"].get(device):
        now = max(now, datetime.fromisoformat(last) + timedelta(milliseconds=1))
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Change(value=value, at=moment, device=device, seen=dict(seen))


def number(text: str) -> float | int | str:
    """A number as people write it; other text stays, for the method to refuse it."""
    plain = text.strip().replace(",", ".")
    if re.fullmatch(r"[+-]?\d{1,15}", plain):
        return int(plain)
    if re.fullmatch(r"[+-]?(\d{1,15}\.?\d{0,15}|\.\d{1,15})", plain):
        return float(plain)
    return text


def _answer(item: Mapping[str, Any], answer: Mapping[str, str]) -> Any:
    """An answer of the form as inspection.json has it; None where nothing was answered."""
    word, value, text = (answer.get(part, "") for part in "avr")
    if word in ("nt", "na"):
        return {{"nt": "not_tested", "na": "not_applicable"}[word]: text[:1000]}
    said: Any = None
    if item["kind"] == "yes_no":
        said = {"yes": True, "no": False}.get(word)
    elif item["kind"] == "choice":
        said = word.removeprefix(WORD) or None
    elif value:
        said = number(value) if item["kind"] in ("measured", "count") else value
    if said is None:
        return None
    if item["kind"] in ("measured", "count"):
        return {"value": said, "unit": item["unit"] or "1", **({"note": text} if text else {})}
    return {"value": said, "note": text} if text else said


def inspection_document(sheet: Sheet, shown: Mapping[str, Any]) -> dict[str, Any]:
    """inspection.json of what was answered."""
    machine = {name: str(shown[f"machine.{name}"]) for name in PLATE if shown.get(f"machine.{name}")}
    stated: dict[str, Any] = {"family": sheet.family, **machine}
    if "build_year" in machine:
        stated["build_year"] = number(machine["build_year"])
    inspector = {
        name.removeprefix("inspector."): value
        for name, value in shown.items()
        if name.startswith("inspector.") and value
    }
    answers = {}
    for name, item in sheet.items.items():
        said = _answer(item, shown.get(f"answer.{name}") or {})
        if said is not None:
            answers[name] = said
    nominal, units = (
        {},
        {one["name"]: one["unit"] for item in sheet.items.values() for one in item["nominal"]},
    )
    for name, value in shown.items():
        bare = name.removeprefix("nominal.")
        if name.startswith("nominal.") and value:
            nominal[bare] = {"value": number(str(value)), "unit": units.get(bare) or "1"}
    return {
        "format": "recore-inspection",
        "profile": sheet.profile,
        "family": sheet.family,
        "version": sheet.document["version"],
        "machine": stated,
        **({"inspector": inspector} if inspector.get("name") else {}),
        "when": str(shown.get("when") or datetime.now(UTC).date().isoformat()),
        **({"place": shown["place"]} if shown.get("place") else {}),
        "answers": answers,
        "photos": [{"item": item, "file": file, "sha256": sha256} for item, sha256, file in photos(shown)],
        "nominal": nominal,
        "remarks": str(shown.get("remarks", "")),
    }


def photos(shown: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Item, SHA-256 and file name of each photo."""
    for name, file in shown.items():
        if name.startswith("photo.") and file:
            _, item, sha256 = name.split(".")
            yield item, sha256, str(file)


@dataclass
class State:
    """How far an inspection is: outcomes by item, and counts by section."""

    verdicts: dict[str, str] = field(default_factory=dict)
    failed_stops: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    error: str = ""


def state_of(sheet: Sheet, shown: Mapping[str, Any]) -> State:
    """Judge what is there so far, by the rows that will judge it in the end."""
    found = State()
    for section in sheet.sections:
        found.done[section["id"]] = sum(bool(_said(shown, item["item"])) for item in section["items"])
    try:
        record = Inspection.model_validate(inspection_document(sheet, shown))
        judged = judge_inspection(sheet.rows, record)
    except ValidationError as error:
        first = error.errors()[0]
        found.error = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return found
    except BadInput as error:
        found.error = str(error)
        return found
    for one in judged.items:
        if _said(shown, one.name):
            found.verdicts[one.name] = str(one.verdict)
            if one.stop and one.counts and one.verdict is Verdict.FAIL and one.name in sheet.items:
                found.failed_stops.append(sheet.items[one.name])
    return found


def _said(shown: Mapping[str, Any], name: str) -> bool:
    answer = shown.get(f"answer.{name}") or {}
    return bool(answer.get("a") or answer.get("v"))
