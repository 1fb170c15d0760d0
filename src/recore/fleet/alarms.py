"""Alarms of a face: the dated rule rows of domain `alarm`, judged over the newest cycle of each support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from recore.fleet.face import Face
from recore.rules import Rule, RuleSet, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

DOMAIN = "alarm"
UNVERIFIED = 5
SIDES = {1: "left", 2: "right"}


@dataclass(frozen=True)
class Alarm:
    """What one row says about the newest cycle of one support.

    `verdict` is fail where the alarm stands, unknown where the data do not tell; `raised` is true only for rows that
    somebody verified.
    """

    support: int
    rule: Rule
    verdict: Verdict
    text: str
    at: datetime

    @property
    def raised(self) -> bool:
        return self.verdict is Verdict.FAIL and self.rule.evidence_level < UNVERIFIED

    @property
    def flag(self) -> str:
        """Short word of the row for pictures."""
        return str(self.rule.params.get("flag", self.rule.rule_id.rpartition(".")[2]))[:8]


def rows(rules: RuleSet) -> RuleSet:
    """The newest version of each alarm row."""
    return RuleSet(rule for rule in rules.known().rows if rule.domain == DOMAIN)


def facts(
    legs: Sequence[Mapping[str, Any]],
    pair: Mapping[str, Any] | None,
    *,
    leg_count: int,
    limits: Mapping[str, float],
) -> dict[str, Any]:
    """Facts about one support cycle for the rows: `cycle.…` and `face.…`; what is not known is left out.

    Parameters
    ----------
    legs : the leg cycles that belong to it, rows of a cycle table
    pair : the row of the table of support cycles, if there is one
    leg_count : legs of the support
    limits : yield_mpa, rated_setting_mpa, as far as the finding states them, MPa
    """
    cycle: dict[str, Any] = {"legs": len(legs)}

    def known(name: str) -> list[float]:
        return [float(row[name]) for row in legs if row.get(name) is not None]

    def put(name: str, values: Sequence[float], unit: str = "") -> None:
        if values:
            cycle[name] = {"value": values[0], "unit": unit} if unit else values[0]

    put("setting_mpa", [min(known("setting_mpa"))] if known("setting_mpa") else [], "MPa")
    put("peak_mpa", [max(known("max_mpa"))] if known("max_mpa") else [], "MPa")
    put("leak_mpa_per_min", [max(known("leak_mpa_per_min"))] if known("leak_mpa_per_min") else [], "MPa/min")
    put("low_s", [max(known("low_s"))] if known("low_s") else [], "s")
    put("yield_events", [sum(known("yield_events"))] if known("yield_events") else [])
    put("attempts", [max(known("attempts"))] if known("attempts") else [])
    for row in legs:
        side = SIDES.get(row["leg"])
        if side and row.get("final_mpa") is not None:
            cycle[f"{side}_final_mpa"] = {"value": float(row["final_mpa"]), "unit": "MPa"}
    for name, unit in (("twap_mpa", "MPa"), ("imbalance", "")):
        if pair is not None and pair.get(name) is not None:
            put(name, [float(pair[name])], unit)
    face: dict[str, Any] = {"legs": leg_count}
    face |= {name: float(value) for name, value in limits.items() if value}
    return {"cycle": cycle, "face": face}


def judged(face: Face, rules: RuleSet, limits: Mapping[str, float]) -> list[Alarm]:
    """What every alarm row says about the newest cycle of every support, alarms first, then by support.

    A leg cycle belongs to the newest support cycle where the two overlap in time. The day of the rows is that of the
    cycle's end.
    """
    wanted = rows(rules).rows
    legs, pairs = face.newest_rows()
    pair_of = {row["support"]: row for row in pairs.to_pylist()} if pairs is not None else {}
    of: dict[int, list[dict[str, Any]]] = {}
    for row in legs.to_pylist():
        of.setdefault(row["support"], []).append(row)
    found = []
    for support, members in of.items():
        last = max(members, key=lambda row: row["start"])
        together = [row for row in members if row["end"] > last["start"]]
        told = facts(together, pair_of.get(support), leg_count=len(members), limits=limits)
        found += _said(support, wanted, told, last["end"])
    return sorted(found, key=_urgency)


def history(
    legs: pa.Table, pairs: pa.Table | None, rules: RuleSet, limits: Mapping[str, float], *, leg_count: int
) -> list[Alarm]:
    """Alarms that stand over a few cycles of one support, the newest first; what is no alarm is left out.

    `legs` are rows of the cycle table of one support; a cycle of one leg is judged with those of the others that
    overlap it by more than half.
    """
    wanted = rows(rules).rows
    members = sorted(legs.to_pylist(), key=lambda row: row["start"])
    pair_at = {row["start"]: row for row in pairs.to_pylist()} if pairs is not None else {}
    found: list[Alarm] = []
    used: set[int] = set()
    for at, row in enumerate(members):
        if at in used:
            continue
        together = [at]
        for other in range(at + 1, min(at + 8, len(members))):
            one = members[other]
            shared = (min(row["end"], one["end"]) - one["start"]).total_seconds()
            if one["leg"] != row["leg"] and shared > 0.5 * (one["end"] - one["start"]).total_seconds():
                together.append(other)
        used.update(together)
        told = facts(
            [members[i] for i in together], pair_at.get(row["start"]), leg_count=leg_count, limits=limits
        )
        found += [a for a in _said(row["support"], wanted, told, row["end"]) if a.verdict is Verdict.FAIL]
    return sorted(found, key=lambda alarm: alarm.at, reverse=True)


def grouped(standing: Sequence[Alarm]) -> list[tuple[Alarm, list[Alarm]]]:
    """Alarms by their row, in the order given: the first of each row, and all of it."""
    groups: dict[tuple[str, int], list[Alarm]] = {}
    for alarm in standing:
        groups.setdefault((alarm.rule.rule_id, alarm.rule.version), []).append(alarm)
    return [(members[0], members) for members in groups.values()]


def _said(support: int, wanted: Sequence[Rule], told: Mapping[str, Any], end: datetime) -> list[Alarm]:
    day: date = end.astimezone(UTC).date()
    said = []
    for rule in wanted:
        outcome = rule.outcome(told, day)
        said.append(Alarm(support, rule, outcome.verdict, outcome.text, end))
    return said


def _urgency(alarm: Alarm) -> tuple[int, int, str]:
    order = {Verdict.FAIL: 0 if alarm.raised else 1, Verdict.UNKNOWN: 2, Verdict.PASS: 3}
    return order[alarm.verdict], alarm.support, alarm.rule.rule_id
