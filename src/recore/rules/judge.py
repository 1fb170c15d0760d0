"""What several rows of one question say together. Missing, expired or contradictory is unknown, never pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from recore.rules.predicate import Outcome, Verdict
from recore.rules.row import Rule

UNVERIFIED = 5


@dataclass(frozen=True)
class Judgement:
    """A verdict on one question, with what every row said.

    `conflict` is true where rows in force disagree; both then stand in `reasons`, and nothing is averaged.
    """

    verdict: Verdict
    missing: tuple[str, ...]
    text: str
    reasons: tuple[tuple[Rule, Outcome], ...]
    conflict: bool = False

    @property
    def binding(self) -> Rule | None:
        """The row that stands for the verdict: of those that gave it, the one on the best word."""
        said = [rule for rule, outcome in self.reasons if outcome.verdict is self.verdict]
        return min(said, key=lambda rule: rule.evidence_level, default=None)


def judge(
    rows: Iterable[Rule], facts: Mapping[str, Any], as_of: date, *, trust_unverified: bool = False
) -> Judgement:
    """Judge one question by all its rows.

    Parameters
    ----------
    rows : rows of one question; rows that concern something else are left out
    trust_unverified : let rows of evidence level 5 speak (for display); otherwise they decide nothing

    Returns
    -------
    Judgement : pass or fail where every row in force says so; unknown where there is none, where only
        unverified ones are, where one is unknown, or where they disagree
    """
    concerned = [rule for rule in rows if rule.selector.match(facts).verdict is not Verdict.FAIL]
    reasons = tuple((rule, rule.outcome(facts, as_of)) for rule in concerned)
    valid = [(rule, outcome) for rule, outcome in reasons if rule.valid_on(as_of)]
    heard = [pair for pair in valid if trust_unverified or pair[0].evidence_level < UNVERIFIED]
    if not heard:
        if valid:
            names = ", ".join(rule.rule_id for rule, _ in valid)
            text = f"only unverified rows (evidence level {UNVERIFIED}) answer: {names}"
        else:
            text = "; ".join(outcome.text for _, outcome in reasons) or "there is no rule row"
        return Judgement(Verdict.UNKNOWN, (), text, reasons)
    verdicts = {outcome.verdict for _, outcome in heard}
    if len(verdicts) == 1:
        texts = dict.fromkeys(outcome.text for _, outcome in heard)
        missing = dict.fromkeys(path for _, outcome in heard for path in outcome.missing)
        return Judgement(verdicts.pop(), tuple(missing), "; ".join(texts), reasons)
    said = "; ".join(f"{rule.rule_id} says {outcome.verdict}: {outcome.text}" for rule, outcome in heard)
    if {Verdict.PASS, Verdict.FAIL} <= verdicts:
        return Judgement(Verdict.UNKNOWN, (), f"rows contradict each other: {said}", reasons, conflict=True)
    missing = dict.fromkeys(path for _, outcome in heard for path in outcome.missing)
    return Judgement(Verdict.UNKNOWN, tuple(missing), said, reasons)
