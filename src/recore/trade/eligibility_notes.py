"""What a reader of an eligibility answer must know beyond the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from recore.finding import Note
from recore.model.identity import pin
from recore.model.trade import TradeMachine
from recore.rules import Rule, Verdict
from recore.rules.checks import NOTICE_DAYS
from recore.rules.expiry import later
from recore.rules.judge import UNVERIFIED
from recore.trade.asked import Area
from recore.trade.eligibility_answer import Answer, Reason

_MOST = 20  # of one kind; a list of thousands must stay readable


def notes(
    machines: Sequence[TradeMachine],
    answers: Sequence[Answer],
    areas: Sequence[Area],
    computed: Sequence[str],
    day: date,
) -> tuple[Note, ...]:
    """PINs of a strange shape, fields that no row reads, warnings, contradictions, weak or ending rows."""
    reasons = [reason for answer in answers for reason in answer.reasons]
    kinds: list[Iterator[Note]] = [
        _pins(machines),
        _fields(machines, areas, computed),
        _uncovered(areas),
        _contradictions(reasons),
        _warnings(reasons),
        _unverified(reasons),
        _ending(answers, day),
    ]
    found: list[Note] = []
    for kind in kinds:
        told = list(dict.fromkeys(kind))
        found += told[:_MOST]
        if len(told) > _MOST:
            found.append(Note(told[0].code, f"and {len(told) - _MOST} more of this kind"))
    return tuple(found)


def _pins(machines: Sequence[TradeMachine]) -> Iterator[Note]:
    for number, machine in enumerate(machines, 1):
        for text in pin(machine.pin).notes if machine.pin else ():
            yield Note("pin", f"machine {number}: {text}" if len(machines) > 1 else text)


def _fields(
    machines: Sequence[TradeMachine], areas: Sequence[Area], computed: Sequence[str]
) -> Iterator[Note]:
    read = {path for area in areas for path in area.reads}
    roots = {path.partition(".")[0] for path in read}
    for machine in machines:
        for name in machine.unlisted:
            if name in computed:
                yield Note("computed-field", f"the stated {name} is not used: it is computed here")
            elif name not in roots:
                yield Note(
                    "unread-field", f"field {name!r} is not one of the listed ones, and no row reads it"
                )
        for name in machine.evidence:
            if f"evidence.{name}" not in read and "evidence" not in read:
                yield Note("unread-evidence", f"evidence {name!r} is stated, and no row asks for it")


def _uncovered(areas: Sequence[Area]) -> Iterator[Note]:
    for area in areas:
        if not area.covered:
            side = "of export " if "export" in area.domains else ""
            yield Note("not-covered", f"no row {side}covers {area.place}: everything about it is unknown")


def _contradictions(reasons: Sequence[Reason]) -> Iterator[Note]:
    sides: dict[tuple[str, str], dict[str, str]] = {}
    for reason in reasons:
        if reason.conflict:
            said = sides.setdefault((reason.rule.jurisdiction, reason.question), {})
            said[reason.rule.rule_id] = str(reason.outcome.verdict)
    for (place, question), said in sides.items():
        words = ", ".join(f"{rule_id} says {verdict}" for rule_id, verdict in said.items())
        yield Note("contradiction", f"{place}, {question}: {words}; nothing is averaged")


def _warnings(reasons: Sequence[Reason]) -> Iterator[Note]:
    for reason in reasons:
        if reason.rule.effect == "warn" and reason.outcome.verdict is Verdict.FAIL:
            yield Note("warning", f"{reason.rule.rule_id}: {reason.rule.title} ({reason.text})")


def _unverified(reasons: Sequence[Reason]) -> Iterator[Note]:
    for reason in reasons:
        if reason.rule.evidence_level == UNVERIFIED:
            rule = reason.rule
            yield Note("unverified", f"{rule.rule_id}: {rule.title} - shown, it decides nothing alone")


def _ending(answers: Sequence[Answer], day: date) -> Iterator[Note]:
    ending: dict[str, Rule] = {}
    for answer in answers:
        for rule in answer.resting_on:
            if rule.valid_on(day) and rule.valid_to is not None and rule.valid_to <= later(day, NOTICE_DAYS):
                ending[rule.rule_id] = rule
    for rule in ending.values():
        yield Note("row-ends", f"{rule.rule_id} ends on {rule.valid_to}: ask again if the shipment is late")
