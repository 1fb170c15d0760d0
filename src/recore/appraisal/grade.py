"""The grade of a case: never better than what is proven.

The decision rule, which is part of every grade:

1. A profile is a set of rule rows. Its *cover* rows name the questions; its *grade* rows are, for every question,
   a ladder of limits from A to E. Each question that has a subject in the case becomes an *item*: one for the
   machine, one for each step whose method (or component kind) the question names.
2. An item gets the best rung that is proven. A rung whose limit lies within the uncertainty of the value, or whose
   fact is missing, is not proven, and the next rung counts. Where no rung is proven, the item is unknown.
   Missing, expired or contradictory rows prove nothing.
3. The case gets the worst letter among the items that decide. The item that has it is *binding*, and is named
   with its rule row and source.
4. An unknown item makes the grade unknown: it might be the worst one. The letter that the other items allow is
   given as `at_best`. Two exceptions: rows of evidence level 5 never decide, so an item that rests on them alone
   is shown and moves nothing; an item that the profile calls optional is left out where all that is missing is a
   fact to judge by (a nameplate value that nobody stated), and the missing fact is named.
5. Papers prove no condition: without a judged finding the grade is unknown.
6. Capture facts that nobody stated (who, when, instrument, calibration, place) change no letter; they are named.

So a refusal, a missing result, a missing or expired row never makes a grade better. What is not in the case at all
is not judged; the grade says which components and questions those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from recore.errors import BadInput
from recore.finding import Finding
from recore.model.case import Capture, Case, Component, Step
from recore.rules import GRADES, GradeLetter, Judgement, Rule, RuleSet, Verdict, judge

UNVERIFIED = 5
Letter = GradeLetter | Literal["unknown"]
UNKNOWN: Literal["unknown"] = "unknown"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Item(_Part):
    """One question answered: about the machine, or about what one step found."""

    item: str
    question: str
    finding: str
    component: str | None
    letter: Letter
    decides: bool
    text: str
    rule_id: str | None
    rule_version: int | None
    legal_basis: str
    source: str
    evidence_level: int | None
    missing: tuple[str, ...]
    notes: tuple[str, ...]


class Binding(_Part):
    """What decided the grade: a step's finding (or 'machine'), the rule row, and where that row comes from."""

    finding: str
    item: str
    rule_id: str | None
    rule_version: int | None
    legal_basis: str
    source: str
    evidence_level: int | None
    text: str


class Grade(_Part):
    """A letter with everything that led to it.

    `at_best` is the letter that the judged items allow where the grade is unknown. `used_rules` names every row
    that was considered, valid or not; `rules_digest` is the digest over them.
    """

    profile: str
    as_of: str
    letter: Letter
    at_best: Letter | None
    text: str
    binding: Binding | None
    items: tuple[Item, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    used_rules: tuple[str, ...]
    rules_digest: str

    def json(self) -> dict[str, Any]:  # type: ignore[override]
        document: dict[str, Any] = self.model_dump(mode="json")
        return document

    @classmethod
    def from_json(cls, document: Any, *, where: str = "grade") -> Grade:
        """Read what `json` wrote, checking its shape; the round trip is exact."""
        import json

        try:
            return cls.model_validate_json(json.dumps(document))
        except (ValidationError, TypeError, ValueError) as error:
            raise BadInput(f"not a grade ({str(error).splitlines()[0]})", where=where) from None


@dataclass
class _Cover:
    """What the cover rows in force ask for, taken together."""

    rules: list[Rule] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    recommended: list[str] = field(default_factory=list)
    findings: int = 1
    letters: dict[str, str] = field(default_factory=dict)


def grade(
    case: Case,
    findings: Mapping[str, Finding],
    rules: RuleSet,
    as_of: date,
    captures: Mapping[str, Capture] | None = None,
) -> Grade:
    """Grade a case by a profile, on a day.

    Parameters
    ----------
    findings : by step id; a step without one leaves its questions unknown
    rules : rows of the profile; others are not looked at
    as_of : day on which the rows must be in force, and to which the age is counted
    captures : capture records by file name (default: those of the case)

    Raises
    ------
    BadInput : no row names the profile, or the machine was built after `as_of`
    """
    profile = case.grade.profile
    rows = [rule for rule in rules.known().rows if rule.names_profile(profile)]
    if not rows:
        known = ", ".join(rules.profiles()) or "none"
        raise BadInput(
            f"there is no profile {profile!r}", where="grade.profile", right=f"profiles there are: {known}"
        )
    base, age = _machine_facts(case, as_of)
    cover = _covered(rows, base, as_of)
    items = [
        *_machine_items(case, rows, cover, base, as_of, age),
        *_step_items(case, findings, rows, cover, base, as_of),
    ]
    known_captures = {capture.file: capture for capture in case.evidence} | dict(captures or {})
    unstated, warnings = _evidence(case, rows, cover, base, as_of, known_captures)
    missing = [
        *dict.fromkeys(text for item in items for text in item.missing),
        *_not_examined(case, cover, items),
        *unstated,
    ]
    used = RuleSet(rule for rule in rows if rule.selector.match(base).verdict is not Verdict.FAIL)
    return _graded(case, as_of, cover, items, tuple(missing), tuple(warnings), used)


def _machine_facts(case: Case, as_of: date) -> tuple[dict[str, Any], str]:
    facts: dict[str, Any] = {
        "profile": case.grade.profile,
        "as_of": as_of.isoformat(),
        "machine": case.machine.model_dump(mode="json", exclude_none=True),
    }
    built = case.machine.built_on
    if built is None:
        return facts, ""
    if built > as_of:
        raise BadInput(
            f"machine.built {case.machine.built} lies after the day of grading {as_of}",
            where="case",
            right="correct the one or the other",
        )
    facts["age_years"] = age_years(built, as_of)
    return facts, f"age counted from {built}, the oldest day that built = {case.machine.built} allows"


def age_years(built: date, day: date) -> float:
    """Full years, and the share of the running year by days; someone born on 29 February ages on the 28th."""
    years = day.year - built.year
    while _anniversary(built, years) > day:
        years -= 1
    last, following = _anniversary(built, years), _anniversary(built, years + 1)
    return round(years + (day - last) / (following - last), 4)


def _anniversary(built: date, years: int) -> date:
    try:
        return built.replace(year=built.year + years)
    except ValueError:
        return date(built.year + years, 3, 1) - timedelta(days=1)


def _covered(rows: list[Rule], facts: Mapping[str, Any], as_of: date) -> _Cover:
    cover = _Cover()
    for rule in rows:
        if rule.effect != "cover" or rule.outcome(facts, as_of).verdict is not Verdict.PASS:
            continue
        cover.rules.append(rule)
        cover.required += rule.params["questions"]
        cover.optional += rule.params.get("optional", [])
        cover.recommended += rule.params.get("recommended", [])
        cover.findings = max(cover.findings, int(rule.params.get("findings", 1)))
        cover.letters |= rule.params.get("letters", {})
    return cover


def _questions(rows: list[Rule], cover: _Cover, *subjects: str) -> list[str]:
    """Questions about these subjects, in the order in which the profile names them."""
    wanted = {subject.casefold() for subject in subjects}
    asked = [rule.question for rule in rows if rule.effect == "grade"]
    every = dict.fromkeys([*cover.required, *cover.optional, *asked])
    return [question for question in every if question.partition(":")[0].casefold() in wanted]


def _machine_items(
    case: Case, rows: list[Rule], cover: _Cover, facts: dict[str, Any], as_of: date, age: str
) -> Iterator[Item]:
    for question in _questions(rows, cover, "machine"):
        read_age = any("age_years" in rule.reads for rule in rows if rule.question == question)
        notes = (age,) if age and read_age else ()
        yield _item(question, "machine", None, facts, rows, cover, as_of, notes=notes)


def _step_items(
    case: Case,
    findings: Mapping[str, Finding],
    rows: list[Rule],
    cover: _Cover,
    base: dict[str, Any],
    as_of: date,
) -> Iterator[Item]:
    components = {component.id: component for component in case.component}
    for step in case.step:
        finding, component = findings.get(step.id), components[step.component]
        facts = base | _component_facts(component) | _finding_facts(step, finding)
        for question in _questions(rows, cover, _method(step, finding), component.kind):
            item = _item(question, step.id, component.id, facts, rows, cover, as_of, finding=finding)
            # an unverified question to which the finding says nothing is no news
            if item.decides or question in cover.optional or item.letter != UNKNOWN:
                yield item


def _component_facts(component: Component) -> dict[str, Any]:
    return {"component": component.model_dump(mode="json", exclude_none=True)}


def _finding_facts(step: Step, finding: Finding | None) -> dict[str, Any]:
    if finding is None:
        return {"finding": {"method": _method(step, None)}}
    return {
        "finding": {
            "method": finding.method,
            "version": finding.version,
            "parameters": finding.parameters,
            "results": {name: quantity.json() for name, quantity in finding.results.items()},
            "flags": [note.code for note in finding.flags],
            "refused": bool(finding.refusals),
        }
    }


def _method(step: Step, finding: Finding | None) -> str:
    return finding.method if finding else step.method.partition("@")[0]


def _item(
    question: str,
    subject: str,
    component: str | None,
    facts: dict[str, Any],
    rows: list[Rule],
    cover: _Cover,
    as_of: date,
    *,
    finding: Finding | None = None,
    notes: tuple[str, ...] = (),
) -> Item:
    """The best proven rung of one question's ladder."""
    ladder = [rule for rule in rows if rule.effect == "grade" and rule.question == question]
    named = question in cover.required or question in cover.optional
    decides = named or any(rule.evidence_level < UNVERIFIED for rule in ladder)
    rungs: dict[GradeLetter, Judgement] = {}
    for letter in GRADES:
        rung = [rule for rule in ladder if rule.params["grade"] == letter]
        if any(rule.selector.match(facts).verdict is not Verdict.FAIL for rule in rung):
            rungs[letter] = judge(rung, facts, as_of, trust_unverified=not decides)
    proven = next((letter for letter in rungs if rungs[letter].verdict is Verdict.PASS), None)
    better = {letter: rung for letter, rung in rungs.items() if proven is None or letter < proven}
    open_ones = {letter: rung for letter, rung in better.items() if rung.verdict is Verdict.UNKNOWN}
    refused = "; ".join(f"refused, {note.code}: {note.text}" for note in finding.refusals) if finding else ""
    needs = dict.fromkeys(path for rung in open_ones.values() for path in rung.missing)
    optional = (
        question in cover.optional
        and proven is None
        and not refused
        and bool(rungs)
        and all(rung.verdict is Verdict.UNKNOWN and rung.missing for rung in rungs.values())
    )
    aspect = question.partition(":")[2]
    name = f"{subject}:{aspect}"
    row = (
        rungs[proven].binding if proven else next((r.binding for r in open_ones.values() if r.binding), None)
    )
    why = _why(proven, rungs, better, row, refused)
    if not decides:
        why += f" (evidence level {UNVERIFIED}, unverified: does not decide)"
    if optional:
        why += " (optional: not judged)"
    missing = tuple(f"{_need(path, subject, component)}, for {name}" for path in needs)
    if proven is None and not missing and decides:
        missing = (f"a proof for {name}: {why}",)
    return Item(
        item=name,
        question=question,
        finding=subject,
        component=component,
        letter=proven or UNKNOWN,
        decides=decides and not optional,
        text=f"{name}: {proven or UNKNOWN} – {why}",
        rule_id=row.rule_id if row else None,
        rule_version=row.version if row else None,
        legal_basis=row.legal_basis if row else "",
        source=str(row.source) if row else "",
        evidence_level=row.evidence_level if row else None,
        missing=missing if decides else (),
        notes=(
            *notes,
            *(rung.text for rung in rungs.values() if rung.conflict),
            *((refused,) if refused else ()),
        ),
    )


def _why(
    proven: GradeLetter | None,
    rungs: dict[GradeLetter, Judgement],
    better: dict[GradeLetter, Judgement],
    row: Rule | None,
    refused: str,
) -> str:
    if proven is None:
        if refused:
            return refused
        if not rungs:
            return "there is no rule row in the profile"
        still_open = [rung.text for rung in rungs.values() if rung.verdict is Verdict.UNKNOWN]
        return "; ".join(dict.fromkeys(still_open)) or "no rung of the ladder fits"
    title = row.title if row else ""
    why = f"{title}: {rungs[proven].text}"
    if better:
        nearest = max(better)
        why += f"; {nearest} is {'not proven' if better[nearest].verdict is Verdict.UNKNOWN else 'not met'}: "
        why += better[nearest].text
    return why


def _need(path: str, step: str, component: str | None) -> str:
    """A missing fact as the person who can supply it knows it."""
    if path == "age_years":
        return "machine.built"
    for head, word, whose in (
        ("component.nominal.", "nominal value", f"component {component}"),
        ("finding.results.", "result", f"step {step}"),
        ("finding.parameters.", "parameter", f"step {step}"),
    ):
        if path.startswith(head):
            return f"{word} {path.removeprefix(head)} of {whose}"
    return f"a finding of step {step}" if path.startswith("finding.") else path


def _not_examined(case: Case, cover: _Cover, items: list[Item]) -> Iterator[str]:
    answered = {item.question for item in items}
    for question in dict.fromkeys(cover.recommended):
        if question not in answered:
            yield f"{question.replace(':', ' ')}: not examined"
    examined = {step.component for step in case.step}
    for component in case.component:
        if component.id not in examined:
            yield f"component {component.id}: not examined"
    judged = {item.finding for item in items}
    for step in case.step:
        if step.id not in judged:
            yield f"step {step.id}: the profile asks nothing about {step.method.partition('@')[0]}; not judged"


def _evidence(
    case: Case,
    rows: list[Rule],
    cover: _Cover,
    base: dict[str, Any],
    as_of: date,
    captures: Mapping[str, Capture],
) -> tuple[list[str], list[str]]:
    """Capture facts that nobody stated, and warnings, for every raw file that a step reads."""
    missing: list[str] = []
    warnings: list[str] = []
    warners = [rule for rule in rows if rule.effect == "warn"]
    asked = dict.fromkeys([*cover.required, *(rule.question for rule in warners)])
    questions = [question for question in asked if question.partition(":")[0] == "evidence"]
    files = dict.fromkeys(name for step in case.step for name in step.evidence if ":" not in name)
    silent: dict[str, None] = {}
    for name in files:
        capture = captures.get(name) or Capture(file=name)
        stated = capture.model_dump(mode="json", exclude_none=True)
        facts = base | {"capture": stated | {"missing": list(capture.missing)}}
        unstated = []
        for question in questions:
            asking = [rule for rule in warners if rule.question == question]
            found = judge(asking, facts, as_of, trust_unverified=True)
            if found.verdict is Verdict.PASS:
                continue
            row = next((rule for rule, _ in found.reasons if rule.valid_on(as_of)), None)
            if row is None:
                silent[f"{question}: no rule row in force"] = None
            elif "fact" in row.params:
                unstated.append(str(row.params["fact"]))
            else:
                warnings.append(f"{name}: {row.title}")
        if unstated:
            missing.append(f"capture: {', '.join(unstated)} of {name}")
    return [*missing, *silent], warnings


def _graded(
    case: Case,
    as_of: date,
    cover: _Cover,
    items: list[Item],
    missing: tuple[str, ...],
    warnings: tuple[str, ...],
    used: RuleSet,
) -> Grade:
    deciding = [item for item in items if item.decides]
    judged = [item for item in deciding if item.letter != UNKNOWN]
    unknown = [item for item in deciding if item.letter == UNKNOWN]
    worst: Letter | None = max((item.letter for item in judged), default=None)
    examined = sum(item.finding != "machine" for item in judged)
    reason = ""
    if not cover.rules:
        reason = "no row in force says what this profile asks for"
    elif not deciding:
        reason = "nothing in the case is judged by a verified rule row"
    elif unknown:
        reason = f"{len(unknown)} of {len(deciding)} items could not be judged"
    elif examined < cover.findings:
        reason = "papers alone prove no condition, and no finding was judged"
    letter: Letter = UNKNOWN if reason or worst is None else worst
    candidates = unknown if unknown else [item for item in judged if item.letter == worst]
    # among equals a finding tells more than the papers, then the better word counts, then the order of the case
    bound = min(
        candidates, key=lambda item: (item.finding == "machine", item.evidence_level or 9), default=None
    )
    return Grade(
        profile=case.grade.profile,
        as_of=as_of.isoformat(),
        letter=letter,
        at_best=worst if letter == UNKNOWN else None,
        text=_text(letter, worst, reason, bound, cover, items, warnings, as_of),
        binding=_binding(bound),
        items=tuple(items),
        missing=missing if not reason or unknown else (*missing, reason),
        warnings=warnings,
        used_rules=tuple(rule.rule_id for rule in used.rows),
        rules_digest=used.digest,
    )


def _binding(item: Item | None) -> Binding | None:
    if item is None:
        return None
    return Binding(**{name: getattr(item, name) for name in Binding.model_fields})


def _text(
    letter: str,
    worst: str | None,
    reason: str,
    bound: Item | None,
    cover: _Cover,
    items: list[Item],
    warnings: tuple[str, ...],
    as_of: date,
) -> str:
    meaning = f" ({cover.letters[letter]})" if letter in cover.letters else ""
    parts = [f"Grade {letter}{meaning} as of {as_of}."]
    if reason:
        limit = f"; what was judged allows at best {worst}" if worst else ""
        parts.append(f"{reason[:1].upper()}{reason[1:]}{limit}.")
    if bound:
        word = "Open" if bound.letter == UNKNOWN else "Judged" if reason else "Decided by"
        parts.append(f"{word}: {bound.text}.")
    shown = [
        f"{item.item} {item.letter}"
        for item in items
        if not item.decides and item.evidence_level == UNVERIFIED and item.letter != UNKNOWN
    ]
    if shown:
        parts.append(f"Shown but not deciding, because unverified: {', '.join(shown)}.")
    parts += [f"Note: {warning}." for warning in warnings]
    return " ".join(parts)
