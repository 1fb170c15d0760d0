"""Answers of eligibility: one machine in one country, judged once for all machines that rows cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from recore.rules import Decision, Outcome, Rule, Verdict, decide
from recore.trade.asked import Area, plain_name, stated

_SEVEREST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


@dataclass(frozen=True)
class Reason:
    """What one row said to one question, and what became of the question."""

    question: str
    answer: Verdict
    rule: Rule
    outcome: Outcome
    text: str
    conflict: bool


@dataclass(frozen=True)
class Answer:
    """One machine in one country: the decision of the destination and, where asked, of the origin."""

    country: str
    decisions: tuple[Decision, ...]
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        said = {decision.verdict for decision in self.decisions}
        return next(verdict for verdict in _SEVEREST if verdict in said)

    @property
    def resting_on(self) -> tuple[Rule, ...]:
        """The rows of the questions that gave the verdict; without a fail, the cover rows too."""
        covers = [cover for decision in self.decisions for cover in decision.covers]
        rows = [reason.rule for reason in self.reasons if reason.answer is self.verdict]
        return (*rows, *([] if self.verdict is Verdict.FAIL else covers))

    def expires_on(self, day: date) -> date | None:
        """The next day on which a row that the verdict rests on ends."""
        ends = [rule.valid_to for rule in self.resting_on if rule.valid_on(day)]
        return min((end for end in ends if end is not None), default=None)

    @property
    def conflicts(self) -> int:
        return sum(len(decision.conflicts) for decision in self.decisions)


def answers(
    machines: Sequence[Mapping[str, Any]], sides: Sequence[Area], day: date
) -> Iterator[tuple[list[int], Answer]]:
    """The answer of every machine in one country, with the machines it is the answer of.

    Parameters
    ----------
    machines : facts of each
    sides : rows of the destination, and of the origin where it is asked
    day : of shipment

    Yields
    ------
    positions of the machines that agree on every fact a row reads, and their answer
    """
    paths = sorted({path for area in sides for path in area.reads})
    alike: dict[str, list[int]] = {}
    for number, facts in enumerate(machines):
        alike.setdefault(repr([stated(facts, path) for path in paths]), []).append(number)
    for group in alike.values():
        yield group, _answer(machines[group[0]], sides, day)


def _answer(facts: Mapping[str, Any], sides: Sequence[Area], day: date) -> Answer:
    decisions, reasons, missing = [], [], []
    for area in sides:
        decision = decide(area.rules, facts, day, area.place, domains=area.domains)
        decisions.append(decision)
        reasons += [*_reasons(decision), *_uncovered(decision, area, facts)]
        missing += [plain_name(path, area.climbs) for path in decision.missing]
    return Answer(sides[0].place, tuple(decisions), tuple(reasons), tuple(dict.fromkeys(missing)))


def _reasons(decision: Decision) -> Iterator[Reason]:
    for answer in decision.answers:
        judged = answer.judgement
        for rule, outcome in judged.reasons:
            differs = outcome.verdict is not judged.verdict
            text = f"{outcome.text} ({judged.text})" if differs else outcome.text
            yield Reason(answer.question, judged.verdict, rule, outcome, text, judged.conflict)
        if not judged.reasons:  # the row that asks is the row to cite
            for cover in answer.asked_by:
                outcome = Outcome(judged.verdict, (f"rule row: {answer.question}",), judged.text)
                yield Reason(answer.question, judged.verdict, cover, outcome, judged.text, False)
    for rule, outcome in decision.warnings:
        yield Reason(rule.question, Verdict.PASS, rule, outcome, outcome.text, False)


def _uncovered(decision: Decision, area: Area, facts: Mapping[str, Any]) -> Iterator[Reason]:
    """Where nothing covers the place that day: the cover rows that would, and why they do not."""
    if decision.covers:
        return
    for rule in area.rules.rows:
        if rule.effect == "cover" and rule.jurisdiction == area.place:
            outcome = rule.outcome(facts, decision.day)
            yield Reason("coverage", Verdict.UNKNOWN, rule, outcome, outcome.text, False)
