"""What dated rows of kind `state` say on a day, and which of them were consulted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from recore.rules.predicate import Verdict
from recore.rules.row import Rule
from recore.rules.table import RuleSet


@dataclass
class Known:
    """Rows of kind `state` in force on a day (None: those without an end), and which were consulted."""

    rules: RuleSet
    day: date | None
    used: dict[str, Rule] = field(default_factory=dict)
    _asked: dict[tuple[Any, ...], Rule | None] = field(default_factory=dict)

    @cached_property
    def _in_force(self) -> dict[str, list[Rule]]:
        """Rows of kind `state` by domain."""
        found: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules.known().rows:
            lasting = rule.valid_to is None if self.day is None else rule.valid_on(self.day)
            if rule.effect == "state" and lasting:
                found[rule.domain].append(rule)
        return found

    def rows(self, domain: str, facts: Mapping[str, Any]) -> list[Rule]:
        """Rows of a domain that apply to the facts."""
        return [rule for rule in self._in_force.get(domain, ()) if self._applies(rule, facts)]

    def _applies(self, rule: Rule, facts: Mapping[str, Any]) -> bool:
        return rule.answer(facts, self.day or rule.valid_from).verdict is Verdict.PASS

    def newest(self, rows: Iterable[Rule]) -> Rule | None:
        """The row that came into force last; taking it is consulting it."""
        row = max(rows, key=lambda rule: rule.valid_from, default=None)
        if row is not None:
            self.used[row.rule_id] = row
        return row

    def one(self, domain: str, question: str, facts: Mapping[str, str]) -> Rule | None:
        """The newest row that answers a question."""
        key = (domain, question, *sorted(facts.items()))
        if key not in self._asked:
            rows = [rule for rule in self.rows(domain, facts) if rule.question == question]
            self._asked[key] = self.newest(rows)
        return self._asked[key]

    def about(self, domain: str, subject: str, facts: Mapping[str, Any]) -> Rule | None:
        """The newest row of a domain whose params name a subject and that applies to the facts."""
        named = (rule for rule in self._in_force.get(domain, ()) if rule.params.get("subject") == subject)
        return self.newest(rule for rule in named if self._applies(rule, facts))

    @property
    def digest(self) -> str:
        """SHA-256 over the rows consulted."""
        return RuleSet(self.used.values()).digest
