"""Answers held against the rows of a profile: every item with its outcome, sections with their denominators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from recore.appraisal.inspection.profile import DOMAIN, Item, Profile
from recore.appraisal.inspection.record import Answer, Inspection, Photo, read_answer, read_nominal
from recore.rules import Outcome, Rule, Verdict, decide

NOT_LISTED = "not listed"


@dataclass(frozen=True)
class Judged:
    """One item: what was answered, what the rows say, and the photos bound to it."""

    name: str
    section: str
    item: Item | None
    answer: Answer
    verdict: Verdict
    text: str
    missing: tuple[str, ...]
    reasons: tuple[tuple[Rule, Outcome], ...]
    stop: bool
    photos: tuple[Photo, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the item takes part in the verdict; a part that the machine does not have, does not."""
        return self.answer.state != "not_applicable"

    @property
    def photo_wanted(self) -> bool:
        """Whether a photo should be there and is not."""
        if self.item is None or self.photos or self.answer.state == "not_applicable":
            return False
        needed = self.item.params.photo.needed
        return needed == "always" or (needed == "if_fail" and self.verdict is Verdict.FAIL)


@dataclass(frozen=True)
class Tally:
    """Numbers of items; `asked` leaves out what does not apply."""

    asked: int = 0
    answered: int = 0
    met: int = 0
    failed: int = 0
    unknown: int = 0
    not_tested: int = 0
    not_applicable: int = 0
    weight_met: int = 0
    weight_asked: int = 0

    @classmethod
    def of(cls, items: Iterable[Judged]) -> Tally:
        every = list(items)
        asked = [item for item in every if item.counts]
        weights = [item.item.params.weight if item.item else 1 for item in asked]
        met = [item.verdict is Verdict.PASS for item in asked]
        return cls(
            asked=len(asked),
            answered=sum(item.answer.state == "answered" for item in asked),
            met=sum(met),
            failed=sum(item.verdict is Verdict.FAIL for item in asked),
            unknown=sum(item.verdict is Verdict.UNKNOWN for item in asked),
            not_tested=sum(item.answer.state == "not_tested" for item in asked),
            not_applicable=len(every) - len(asked),
            weight_met=sum(weight for weight, fits in zip(weights, met, strict=True) if fits),
            weight_asked=sum(weights),
        )

    def text(self) -> str:
        return (
            f"{self.met} met, {self.failed} failed, {self.unknown} open of {self.asked} asked "
            f"({self.answered} answered, {self.not_tested} not tested, {self.not_applicable} not applicable)"
        )


@dataclass(frozen=True)
class Judgement:
    """An inspection judged. `covered` is false where no row in force says what the family needs."""

    items: tuple[Judged, ...]
    covered: bool
    missing: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = field(default=())

    def verdict(self, *, stop_only: bool = False) -> Verdict:
        """Fail where one item failed; else unknown where one is open or nothing is covered; else pass."""
        heard = [item for item in self.items if item.counts and (item.stop or not stop_only)]
        verdicts = {item.verdict for item in heard}
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        if Verdict.UNKNOWN in verdicts or not self.covered or not heard:
            return Verdict.UNKNOWN
        return Verdict.PASS


def judge_inspection(profile: Profile, inspection: Inspection) -> Judgement:
    """Hold every answer against the rows in force on the day of the inspection.

    Items are those of the family's rows and those that its cover rows name; one without a row in force is unknown.

    Raises
    ------
    BadInput : an answer is not of the kind its item asks
    """
    day = inspection.day
    items = {item.name: item for item in profile.items}
    answers = {name: read_answer(item, inspection.answers.get(name)) for name, item in items.items()}
    facts = _facts(profile, inspection, answers)
    decision = decide(profile.rules, facts, day, "*", domains=(DOMAIN,))
    found = {answer.question: answer.judgement for answer in decision.answers}
    named = dict(profile.covered())
    judged = []
    for name in dict.fromkeys([*items, *named]):
        item = items.get(name)
        said = found.get(name)
        verdict = said.verdict if said else Verdict.UNKNOWN
        text = said.text if said else f"no rule row in force on {day} answers the question {name!r}"
        answer = answers.get(name) or Answer("unanswered")
        if answer.state == "not_applicable" and not _in_force(item, day):
            # whether the part may be absent is what the lost row would have told
            answer = Answer("unanswered")
        judged.append(
            Judged(
                name=name,
                section=item.params.section if item else NOT_LISTED,
                item=item,
                answer=answer,
                verdict=verdict,
                text=text,
                missing=said.missing if said else (f"rule row: {name}",),
                reasons=said.reasons if said else (),
                stop=named.get(name, False) or (item is not None and item.params.stop),
                photos=tuple(photo for photo in inspection.photos if photo.item == name),
            )
        )
    missing = [path for item in judged if item.counts for path in item.missing]
    if not decision.covers:
        missing.append(f"rule row: what the inspection of a {profile.family} needs")
        if not (inspection.machine.pin or (inspection.machine.model_extra or {}).get("serial")):
            missing.append("machine.pin or machine.serial")
    return Judgement(
        items=tuple(judged),
        covered=bool(decision.covers),
        missing=tuple(dict.fromkeys(missing)),
        not_asked=tuple(sorted(inspection.answers.keys() - {item.name for item in judged})),
    )


def _in_force(item: Item | None, day: date) -> bool:
    return item is not None and item.rule.valid_on(day)


def _facts(profile: Profile, inspection: Inspection, answers: Mapping[str, Answer]) -> dict[str, Any]:
    machine = {
        name: value
        for name, value in inspection.machine.model_dump(mode="json").items()
        if value not in (None, "", {})
    }
    return {
        "profile": profile.name,
        "family": profile.family,
        "machine": machine | {"family": profile.family},
        "answers": {name: answer.fact for name, answer in answers.items() if answer.state == "answered"},
        "nominal": read_nominal(inspection.nominal),
    }
