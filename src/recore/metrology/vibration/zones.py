"""Zones of vibration severity out of dated rule rows, with the guard band that an uncertainty makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from recore.errors import BadInput
from recore.rules import Rule, RuleSet, Verdict

LETTERS = "ABCD"
VERIFIED = 4  # a row of a higher level is shown, and never decides
DOMAIN = "vibration"
Kind = Literal["velocity", "displacement"]
_BOUNDARIES = ("ab", "bc", "cd")


@dataclass(frozen=True)
class Zones:
    """A row of zone boundaries.

    Parameters
    ----------
    rule : the row
    kind : what is held against it
    boundaries : between A and B, B and C, C and D, each from … to; None where the row states none
    """

    rule: Rule
    kind: Kind
    boundaries: tuple[tuple[float, float] | None, ...]

    @classmethod
    def of(cls, rule: Rule) -> Zones | None:
        """The boundaries that a row states; None where it states none.

        Raises
        ------
        BadInput : they are not numbers in rising order
        """
        if rule.params.get("quantity") not in ("velocity", "displacement"):
            return None
        pairs = [rule.params.get(name) for name in _BOUNDARIES]
        stated = [pair for pair in pairs if pair is not None]
        sound = all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(end, int | float) for end in pair)
            for pair in stated
        )
        lows, highs = ([float(p[i]) for p in stated] if sound else [] for i in (0, 1))
        if not sound or not stated or sorted(lows) != lows or sorted(highs) != highs:
            raise BadInput(
                f"rule {rule.rule_id!r}: {', '.join(_BOUNDARIES)} are {pairs}",
                where="rules",
                right="each is [from, to] in rising order",
            )
        return cls(
            rule,
            rule.params["quantity"],
            tuple(None if p is None else (float(p[0]), float(p[1])) for p in pairs),
        )

    @property
    def specific(self) -> bool:
        """Whether it is made for a class of machines, not a range over all."""
        return self.rule.params.get("group") != "any"

    @property
    def decides(self) -> bool:
        """Whether its evidence level lets it decide."""
        return self.rule.evidence_level <= VERIFIED

    def span(self, value: float, uncertainty: float) -> tuple[int, int]:
        """Best and worst zone (0 is A) that value ± uncertainty leaves possible."""
        best = worst = 0
        for number, boundary in enumerate(self.boundaries, 1):
            if boundary is None:
                worst = max(worst, number)
            elif value - uncertainty > boundary[1]:
                best = worst = number
            elif value + uncertainty > boundary[0]:
                worst = number
        return best, worst

    @property
    def upper_of_b(self) -> tuple[float, float] | None:
        """Boundary between B and C."""
        return self.boundaries[1]


def in_words(span: tuple[int, int]) -> str:
    """'B', 'B or C', 'A to C'."""
    best, worst = span
    if best == worst:
        return LETTERS[best]
    return f"{LETTERS[best]} {'or' if worst == best + 1 else 'to'} {LETTERS[worst]}"


def worst_of(spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The zone of the whole: that of the worst part."""
    return max(best for best, _ in spans), max(worst for _, worst in spans)


@dataclass(frozen=True)
class Concerned:
    """Rows that concern a machine.

    Parameters
    ----------
    zones : boundaries, those that decide first
    reasons : (rule, reason) of rows that say why there are no zones
    missing : facts that would tell whether more rows concern it
    open : these rows
    """

    zones: tuple[Zones, ...]
    reasons: tuple[tuple[Rule, str], ...]
    missing: tuple[str, ...]
    open: tuple[Rule, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every row that was consulted."""
        return (*(zone.rule for zone in self.zones), *(rule for rule, _ in self.reasons), *self.open)


def concerned(rules: RuleSet, facts: Mapping[str, Any], day: date | None) -> Concerned:
    """Rows of zones for a machine.

    Parameters
    ----------
    rules : the rows
    facts : what is known of the machine: machine, foundation, power_kw, shaft_height_mm, speed_rpm, pump_category
    day : day of the measurement; None takes the newest version of each row
    """
    zones, reasons, missing, undecided = [], [], set(), []
    for rule in rules.known(day).domains.get(DOMAIN, ()):
        answer = rule.outcome({"vibration": dict(facts)}, day or rule.valid_from)
        found = Zones.of(rule)
        if answer.verdict is Verdict.UNKNOWN and found is not None and found.specific:
            missing |= {name.removeprefix("vibration.") for name in answer.missing}
            undecided.append(rule)
        if answer.verdict is not Verdict.PASS:
            continue
        if found is not None:
            zones.append(found)
        elif "reason" in rule.params:
            reasons.append((rule, str(rule.params["reason"])))
    zones.sort(key=lambda zone: (not zone.decides, not zone.specific, zone.rule.rule_id))
    return Concerned(tuple(zones), tuple(reasons), tuple(sorted(missing)), tuple(undecided))


def stated(rules: RuleSet, facts: Mapping[str, Any], day: date | None, name: str) -> tuple[Rule, Any] | None:
    """The first row that concerns the facts and states a parameter, with its value."""
    for rule in rules.known(day).domains.get(DOMAIN, ()):
        if (
            name in rule.params
            and rule.outcome({"vibration": dict(facts)}, day or rule.valid_from).verdict is Verdict.PASS
        ):
            return rule, rule.params[name]
    return None
