"""Tables of eligibility: reasons with row and source, documents with deadlines, verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from recore.model.trade import TradeMachine
from recore.rules import Rule, Verdict
from recore.rules.expiry import later
from recore.trade.eligibility_answer import Answer

Placed = Sequence[tuple[list[int], Answer]]

_WHO = {"machine": pa.int32(), "pin": pa.string()}
_REASONS = {
    "country": pa.string(),
    "question": pa.string(),
    "answer": pa.string(),
    "rule_id": pa.string(),
    "version": pa.int32(),
    "jurisdiction": pa.string(),
    "effect": pa.string(),
    "outcome": pa.string(),
    "text": pa.string(),
    "missing": pa.string(),
    "conflict": pa.bool_(),
    "evidence_level": pa.int8(),
    "valid_from": pa.date32(),
    "valid_to": pa.date32(),
    "source": pa.string(),
    "legal_basis": pa.string(),
}
_DOCUMENTS = {
    "country": pa.string(),
    "document": pa.string(),
    "title": pa.string(),
    "issuer": pa.string(),
    "stage": pa.string(),
    "deadline": pa.date32(),
    "not_issued_before": pa.date32(),
    "names_pin": pa.bool_(),
    "state": pa.string(),
    "rule_id": pa.string(),
    "evidence_level": pa.int8(),
    "source": pa.string(),
}
_VERDICTS = {
    "country": pa.string(),
    "verdict": pa.string(),
    "missing": pa.string(),
    "documents_to_obtain": pa.int32(),
    "conflicts": pa.int32(),
    "expires_on": pa.date32(),
}
AT_HAND = "at hand"
_STATES = {Verdict.PASS: AT_HAND, Verdict.FAIL: "absent", Verdict.UNKNOWN: "unknown"}
_STAGES = ("before shipment", "before loading")


def reasons(placed: Placed, machines: Sequence[TradeMachine]) -> pa.Table:
    """One line for every row that was heard, by machine and country."""
    return _spread(placed, machines, _REASONS, [list(_reason_lines(answer)) for _, answer in placed])


def documents(placed: Placed, machines: Sequence[TradeMachine], day: date) -> pa.Table:
    """One line for every document that a row in force asks for."""
    return _spread(placed, machines, _DOCUMENTS, [list(_document_lines(answer, day)) for _, answer in placed])


def verdicts(placed: Placed, machines: Sequence[TradeMachine], day: date) -> pa.Table:
    """One line for every machine and country."""
    lines = [
        [
            (
                answer.country,
                str(answer.verdict),
                "; ".join(answer.missing),
                to_obtain(answer, day),
                answer.conflicts,
                answer.expires_on(day),
            )
        ]
        for _, answer in placed
    ]
    return _spread(placed, machines, _VERDICTS, lines)


def to_obtain(answer: Answer, day: date) -> int:
    """How many documents are not known to be at hand."""
    lines = _document_lines(answer, day)
    place, state = list(_DOCUMENTS).index("document"), list(_DOCUMENTS).index("state")
    return len({line[place] for line in lines if line[state] != AT_HAND})


def _reason_lines(answer: Answer) -> Iterator[tuple[Any, ...]]:
    for reason in answer.reasons:
        rule = reason.rule
        yield (
            answer.country,
            reason.question,
            str(reason.answer),
            rule.rule_id,
            rule.version,
            rule.jurisdiction,
            rule.effect,
            str(reason.outcome.verdict),
            reason.text,
            "; ".join(reason.outcome.missing),
            reason.conflict,
            rule.evidence_level,
            rule.valid_from,
            rule.valid_to,
            str(rule.source),
            rule.legal_basis,
        )


def _document_lines(answer: Answer, day: date) -> Iterator[tuple[Any, ...]]:
    for reason in answer.reasons:
        rule, params = reason.rule, reason.rule.params
        if rule.effect != "document" or not rule.valid_on(day):
            continue
        yield (
            answer.country,
            str(params.get("document", rule.question)),
            rule.title,
            str(params.get("issuer", "")),
            str(params.get("stage", "")),
            deadline(rule, day),
            _days_before(day, params.get("valid_days")),
            params.get("names_pin") is True,
            _STATES[reason.outcome.verdict],
            rule.rule_id,
            rule.evidence_level,
            str(rule.source),
        )


def deadline(rule: Rule, shipment: date) -> date | None:
    """The last day on which a document does what its row asks; None where that depends on the arrival."""
    days = rule.params.get("days_before_shipment")
    if days is not None:
        return _days_before(shipment, days)
    return shipment if rule.params.get("stage") in _STAGES else None


def _days_before(day: date, days: Any) -> date | None:
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 36_500:
        return None
    return later(day, -days)


def _spread(
    placed: Placed,
    machines: Sequence[TradeMachine],
    columns: dict[str, pa.DataType],
    blocks: list[list[tuple[Any, ...]]],
) -> pa.Table:
    """Lay the lines of every answer out for each machine it is the answer of, in order of the machines."""
    lengths = np.array([len(block) for block in blocks])
    starts = np.cumsum(lengths) - lengths
    who = np.array([number for group, _ in placed for number in group])
    which = np.repeat(np.arange(len(placed)), [len(group) for group, _ in placed])
    order = np.argsort(who, kind="stable")
    who, which = who[order], which[order]
    here = lengths[which]
    first = np.repeat(starts[which] - (np.cumsum(here) - here), here)
    taken = pa.array(first + np.arange(here.sum()))
    lines = [line for block in blocks for line in block]
    found: dict[str, Any] = {}
    number = np.repeat(who, here)
    found["machine"] = pa.array(number + 1, pa.int32())
    pins = pa.array([machine.pin for machine in machines], pa.string())
    found["pin"] = pins.take(pa.array(number))
    for place, (name, kind) in enumerate(columns.items()):
        found[name] = pa.array([line[place] for line in lines], kind).take(taken)
    return pa.table(found, schema=pa.schema([*_WHO.items(), *columns.items()]))
