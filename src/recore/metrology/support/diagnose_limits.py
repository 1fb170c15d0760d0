"""What the rule rows say a fault of a support is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recore.errors import BadInput
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


# what each row must state
_ASKED = {
    "search": "false_alarms",
    "leg_leak": "limit_mpa_per_min least_cycles least_quiet_min u_mpa_per_min early_share uneven",
    "check_valve_leak": "loss_share least_cycles u_share",
    "yield_low": "share least_openings least_cycles held_back_cycles ceiling touch opens_share drop_mpa u_share "
    "lowest_share",
    "yield_high": "share least_cycles highest_share u_share",
    "yield_slow": "blow_down opens_within spread least_openings u_share",
    "sensor_stuck": "least_s",
    "sensor_offset": "least_mpa u_mpa least_sets",
    "sensor_swapped": "cap_s reach nearer_s sd_s with_s ratio least_cycles",
    "low_supply": "share most least_supports",
    "roof_load": "at_yield sigmas least_spread reach least_supports least_shears yield_share wide_share alike narrow "
    "faster fuller known again_shears again",
}


@dataclass
class Book:
    """The rows in force. A fault without a row is not judged; its code is then in `missing`."""

    known: Known
    missing: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rules: RuleSet | None) -> Book:
        return cls(Known(shipped(DOMAIN) if rules is None else rules, None))

    def params(self, subject: str) -> dict[str, Any] | None:
        """What the row about a fault states; None without one.

        Raises
        ------
        BadInput : the row lacks a number, or one is not above 0
        """
        row = self.row(subject)
        if row is None:
            return None
        for name in _ASKED[subject].split():
            value = row.params.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise BadInput(
                    f"{name} is {value!r} in the row about {subject}",
                    where=f"rule row {row.rule_id}",
                    right="a number above 0 is wanted",
                )
        return row.params

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
