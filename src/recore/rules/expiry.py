"""Rows that end without a follower, and what they leave unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from recore.rules.row import Rule
from recore.rules.table import RuleSet

Subject = tuple[Any, ...]


@dataclass(frozen=True)
class Ending:
    """A row whose end leaves a gap.

    Parameters
    ----------
    question : what is then unknown, within `domain`
    jurisdictions : where: its own, and those whose cover rows include it
    days : until the last day on which it holds; negative where that has passed
    """

    rule: Rule
    question: str
    jurisdictions: tuple[str, ...]
    days: int

    @property
    def expired(self) -> bool:
        return self.days < 0

    def json(self) -> dict[str, Any]:
        return {
            "rule_id": self.rule.rule_id,
            "version": self.rule.version,
            "title": self.rule.title,
            "valid_to": str(self.rule.valid_to),
            "days": self.days,
            "expired": self.expired,
            "domain": self.rule.domain,
            "question": self.question,
            "jurisdictions": list(self.jurisdictions),
        }

    def __str__(self) -> str:
        when = f"ended {-self.days} days ago" if self.expired else f"ends in {self.days} days"
        places = ", ".join(self.jurisdictions)
        return (
            f"{self.rule.rule_id}: {when}, on {self.rule.valid_to}; unknown then: {self.question} in {places}"
        )


def subject(rule: Rule) -> Subject:
    """What makes two rows speak of one thing: question, place, grade, and whom it concerns."""
    grade = rule.params.get("grade")
    return (rule.jurisdiction, rule.domain, rule.question, grade, rule.effect == "cover", rule.selector)


def expiring(rules: RuleSet, day: date, within: int = 90) -> list[Ending]:
    """Newest versions that have ended, or end within some days, without another of their subject in force after.

    A row that ended is history where another of its subject is in force, and a gap where none is.
    """
    current = rules.known().rows
    together: dict[Subject, list[Rule]] = {}
    for rule in current:
        together.setdefault(subject(rule), []).append(rule)
    including = _including(current)
    endings = []
    for rule in current:
        if rule.valid_to is None or rule.valid_to == date.max or (rule.valid_to - day).days > within:
            continue
        after = max(day, rule.valid_to + timedelta(days=1))
        if any(other is not rule and other.valid_on(after) for other in together[subject(rule)]):
            continue
        places = (rule.jurisdiction, *sorted(including.get(rule.jurisdiction, set())))
        endings.append(Ending(rule, rule.question, places, (rule.valid_to - day).days))
    return sorted(endings, key=lambda item: (item.days, item.rule.rule_id))


def _including(rows: tuple[Rule, ...]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in rows:
        if rule.effect == "cover":
            for area in rule.params.get("includes", ()):
                found.setdefault(area, set()).add(rule.jurisdiction)
    return found


def later(day: date, days: int) -> date:
    """The day so many days later, or earlier, but not beyond the calendar."""
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))
