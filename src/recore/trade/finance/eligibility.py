"""Whether a case may have the subsidy: rows of domain finance in China, three-valued."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from recore.method import Note
from recore.rules import Rule, RuleSet, Verdict, decide
from recore.rules.coverage import DECIDING
from recore.rules.ladder import DOMAIN as LADDER
from recore.trade.finance.case import FinanceCase
from recore.trade.finance.subsidy import DOMAIN, JURISDICTION


class Reason(NamedTuple):
    """What one row said."""

    rule_id: str
    outcome: str
    text: str
    source: str


class Eligibility(NamedTuple):
    """The verdict with every reason, the facts that are wanting, and notes."""

    verdict: Verdict
    missing: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Note, ...] = ()


TAKEN = Eligibility(
    Verdict.PASS, (), (), (Note("eligibility-taken", "taken as eligible, not judged: no rows were given"),)
)


def eligible(case: FinanceCase, known: RuleSet | None) -> Eligibility:
    """Judge a case by the rows given; without any the case is taken as eligible, and says so.

    Every question of the rows needs an answer. A cover row that asks for finance adds its questions; where there
    is one, but none in force on the day, the verdict is no better than unknown.
    """
    if known is None:
        return TAKEN
    deciding = [row for row in known.rows if row.domain == DOMAIN and row.effect in DECIDING]
    questions = {DOMAIN, *(row.question for row in deciding)}
    covers = [row for row in known.rows if _covers(row, questions)]
    promised = any(row.jurisdiction == JURISDICTION for row in covers)
    ladders = [row for row in known.rows if row.domain == LADDER]
    warnings = [row for row in known.rows if row.domain == DOMAIN and row.effect == "warn"]
    decision = decide(
        RuleSet([*deciding, *covers, *ladders, *warnings]),
        _unranked(case.facts(), ladders),
        case.date,
        JURISDICTION,
        domains=(DOMAIN,),
    )
    answers = [a for a in decision.answers if a.judgement.reasons or _is_finance(a.question, questions)]
    verdicts = {answer.judgement.verdict for answer in answers}
    missing = [path for answer in answers for path in answer.judgement.missing]
    missing += [f"rule row: {answer.question}" for answer in answers if not answer.judgement.reasons]
    notes = []
    if not answers:
        missing.append(f"rule row: {DOMAIN}")
    if not decision.covers:
        text = f"no cover row in force on {case.date} says which questions {DOMAIN} in {JURISDICTION} needs answered"
        notes.append(Note("no-cover", text))
    if promised and not decision.covers:
        missing.append(f"rule row: coverage of {JURISDICTION}")
        verdicts.add(Verdict.UNKNOWN)
    verdict = next((v for v in (Verdict.FAIL, Verdict.UNKNOWN) if v in verdicts), Verdict.PASS)
    if not answers:
        verdict = Verdict.UNKNOWN
    notes += [Note("rows-disagree", answer.judgement.text) for answer in answers if answer.judgement.conflict]
    reasons = tuple(
        Reason(rule.rule_id, str(outcome.verdict), outcome.text, str(rule.source))
        for question, rule, outcome in decision.reasons()
        if rule.effect != "cover" or _is_finance(question, questions)
    )
    return Eligibility(verdict, tuple(dict.fromkeys(missing)), reasons, tuple(notes))


def _covers(row: Rule, questions: set[str]) -> bool:
    return row.effect == "cover" and any(
        _is_finance(str(name), questions) for name in row.params["questions"]
    )


def _is_finance(question: str, questions: set[str]) -> bool:
    return question in questions or question.partition(":")[0] == DOMAIN


def _unranked(facts: dict[str, Any], ladders: Iterable[Rule]) -> dict[str, Any]:
    """Facts without ranks that the document states itself: a rank is climbed, never claimed."""
    ranks = {str(row.params.get("fact")) for row in ladders}
    machine = {name: value for name, value in facts.get("machine", {}).items() if name not in ranks}
    return {name: value for name, value in facts.items() if name not in ranks} | (
        {"machine": machine} if "machine" in facts else {}
    )
