"""What the rule rows say a fault of a support is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recore.method import Note
from recore.rules import Rule, RuleSet, shipped
from recore.rules.known import Known

DOMAIN = "supports"
FAULTS = (
    "leg_leak",
    "check_valve_leak",
    "yield_low",
    "yield_high",
    "yield_slow",
    "sensor_stuck",
    "sensor_offset",
    "sensor_swapped",
    "low_supply",
    "roof_load",
)


@dataclass
class Book:
    """The rows in force. A fault without a row is not judged; its code is then in `missing`."""

    known: Known
    missing: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rules: RuleSet | None) -> Book:
        return cls(Known(shipped(DOMAIN) if rules is None else rules, None))

    def params(self, subject: str) -> dict[str, Any] | None:
        """What the row about a fault states; None without one."""
        row = self.row(subject)
        return None if row is None else row.params

    def row(self, subject: str) -> Rule | None:
        row = self.known.about(DOMAIN, subject, {"diagnosis": subject})
        if row is None and subject not in self.missing:
            self.missing.append(subject)
        return row

    def notes(self) -> list[Note]:
        """Refusals for rows that are missing."""
        return [
            Note("rule-row-missing", f"no rule row in force says what {subject} is: it is not looked for")
            for subject in self.missing
        ]
