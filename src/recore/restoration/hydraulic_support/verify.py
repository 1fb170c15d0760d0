"""A plan held against its case without a line of the planner: costs and limits added up anew, limits in decimals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from recore.restoration.hydraulic_support.case import KEEP, Part, PlanCase

Decision = tuple[int, str, str, int | None]
"""Support, component, action ('keep' or its name), period from 1 (None for keep)."""


@dataclass(frozen=True)
class PeriodUse:
    """What a plan takes of one period's limits."""

    period: int
    spend: Decimal
    hours: Decimal
    supports_out: int
    longest_run: int


@dataclass(frozen=True)
class Verified:
    """What a plan costs and takes.

    Parameters
    ----------
    faults : each limit or rule that is broken, in words; empty for a plan that stands
    action_cost, setup_cost : exact
    failure_cost : expected
    periods : use of each period
    spares : by spare, taken until each period
    """

    faults: tuple[str, ...]
    action_cost: Decimal
    setup_cost: Decimal
    failure_cost: float
    periods: tuple[PeriodUse, ...]
    spares: dict[str, tuple[int, ...]]

    @property
    def total_cost(self) -> float:
        return float(self.action_cost + self.setup_cost) + self.failure_cost


def verify_plan(case: PlanCase, plan: Iterable[Decision]) -> Verified:
    """Cost of a plan, what it takes, and every rule that it breaks.

    Parameters
    ----------
    case : the case
    plan : one decision for each component, in any order
    """
    faults: list[str] = []
    periods = case.plan.periods
    parts = {(part.support, part.name): part for part in case.component}
    actions = {(action.kind, action.name): action for action in case.action}
    decided: set[tuple[int, str]] = set()
    done: list[list[tuple[int, Any]]] = [[] for _ in range(periods)]
    failure_cost = 0.0
    for support, name, action_name, period in plan:
        where = f"support {support}, {name}"
        part = parts.get((support, name))
        if part is None:
            faults.append(f"{where}: no component of the case")
            continue
        if (support, name) in decided:
            faults.append(f"{where}: decided twice")
            continue
        decided.add((support, name))
        if action_name == KEEP:
            if period is not None:
                faults.append(f"{where}: kept, and yet in period {period}")
            failure_cost += _failures(part, part.age, periods)
            continue
        action = actions.get((part.kind, action_name))
        if action is None:
            faults.append(f"{where}: {action_name!r} is no action for a {part.kind}")
            continue
        if period is None or not 1 <= period <= periods:
            faults.append(f"{where}: {action_name} in period {period}; 1 to {periods} is wanted")
            continue
        age = part.age + period - 1
        failure_cost += _failures(part, part.age, period - 1)
        failure_cost += _failures(part, action.age_factor * age, periods - period + 1)
        done[period - 1].append((support, action))
    faults += [
        f"support {support}, {name}: not decided" for support, name in parts if (support, name) not in decided
    ]
    uses = tuple(_use(case, number, listed, faults) for number, listed in enumerate(done, 1))
    spares = {spare.name: _stock(spare.name, spare.arrivals, done, faults) for spare in case.spare}
    setups = sum(use.supports_out for use in uses)
    return Verified(
        faults=tuple(faults),
        action_cost=sum((action.cost for listed in done for _, action in listed), Decimal(0)),
        setup_cost=setups * case.plan.setup_cost,
        failure_cost=failure_cost,
        periods=uses,
        spares=spares,
    )


def _failures(part: Part, age: float, periods: int) -> float:
    """Expected failure cost, period after period as the case defines it."""
    total = 0.0
    for step in range(periods):
        later, now = (age + step + 1) / part.scale, (age + step) / part.scale
        total += float(part.failure_cost) * part.severity * (later**part.shape - now**part.shape)
    return total


def _use(case: PlanCase, period: int, listed: list[tuple[int, Any]], faults: list[str]) -> PeriodUse:
    plan = case.plan
    opened = sorted({support for support, _ in listed})
    spend = sum((action.cost for _, action in listed), Decimal(0)) + len(opened) * plan.setup_cost
    hours = sum((action.hours for _, action in listed), Decimal(0)) + len(opened) * plan.setup_hours
    longest = run = 0
    before = None
    for support in opened:
        run = run + 1 if before is not None and support == before + 1 else 1
        longest, before = max(longest, run), support
    for what, taken, limit in (
        (f"{plan.currency} spent", spend, plan.budget[period - 1]),
        ("hours", hours, plan.hours[period - 1]),
        ("supports out", len(opened), plan.max_supports_out),
        ("neighbours out in a row", longest, plan.max_adjacent_out),
    ):
        if taken > limit:
            faults.append(f"period {period}: {taken} {what}, at most {limit}")
    return PeriodUse(period, spend, hours, len(opened), longest)


def _stock(
    spare: str, arrivals: Sequence[int], done: list[list[tuple[int, Any]]], faults: list[str]
) -> tuple[int, ...]:
    taken, arrived, until = 0, 0, []
    for period, (listed, more) in enumerate(zip(done, arrivals, strict=True), 1):
        arrived += more
        taken += sum(action.spare == spare for _, action in listed)
        until.append(taken)
        if taken > arrived:
            faults.append(f"period {period}: {taken} of spare {spare!r} taken, {arrived} have arrived")
    return tuple(until)
