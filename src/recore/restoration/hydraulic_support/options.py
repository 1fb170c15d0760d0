"""Every action in every period of every component as arrays: what it costs, what it takes, and which failures it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.restoration.hydraulic_support.case import PlanCase

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# what a sum of doubles may exceed a limit by before it counts; the verifier adds decimals and knows no slack
SLACK = 1e-9


@dataclass(frozen=True)
class Options:
    """The choices of a case: K supports of at most n components, A actions, T periods, P spares.

    Supports with fewer components are filled up with rows that cost nothing and can only be kept.

    Parameters
    ----------
    supports : support numbers, ascending
    row : component of the case, −1 where filled up [K, n]
    keep : expected failure cost where nothing is done [K, n]
    fail : expected failure cost of the whole horizon with the action at the start of the period [K, n, A, T]
    possible : the action exists and exceeds no limit alone [K, n, A, T]
    cost, hours : of the action [K, n, A]
    spare : which spare it takes, −1 for none [K, n, A]
    action : row of the action in the case, −1 for none [K, n, A]
    stock : spares that have arrived until the start of each period, cumulative [P, T]
    neighbour : the next support in the list has the next number [K − 1]
    budget, workshop, out_left : money, hours and supports that may be out, of each period [T]
    """

    supports: Ints
    row: Ints
    keep: Floats
    fail: Floats
    possible: NDArray[np.bool_]
    cost: Floats
    hours: Floats
    spare: Ints
    action: Ints
    stock: Ints
    neighbour: NDArray[np.bool_]
    budget: Floats
    workshop: Floats
    out_left: Floats
    max_adjacent: int
    setup_cost: float
    setup_hours: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """K, n, A, T."""
        k, n, a, t = self.fail.shape
        return k, n, a, t


def options_of(case: PlanCase) -> Options:
    """Arrays of a case."""
    periods = case.plan.periods
    supports = sorted({part.support for part in case.component})
    place = {number: k for k, number in enumerate(supports)}
    members: list[list[int]] = [[] for _ in supports]
    for index, part in enumerate(case.component):
        members[place[part.support]].append(index)
    of_kind: dict[str, list[int]] = {}
    for index, action in enumerate(case.action):
        of_kind.setdefault(action.kind, []).append(index)
    spare_number = {spare.name: p for p, spare in enumerate(case.spare)}
    n = max(map(len, members))
    most = max((len(of_kind.get(part.kind, ())) for part in case.component), default=0) or 1
    row = np.full((len(supports), n), -1, np.int64)
    action_of = np.full((len(supports), n, most), -1, np.int64)
    for k, listed in enumerate(members):
        row[k, : len(listed)] = listed
        for i, index in enumerate(listed):
            acts = of_kind.get(case.component[index].kind, [])
            action_of[k, i, : len(acts)] = acts
    parts = case.component
    there = row >= 0
    life = np.zeros((5, len(supports), n))
    life[2:4] = 1.0
    for number, values in enumerate(
        (
            [part.age for part in parts],
            [part.severity * float(part.failure_cost) for part in parts],
            [part.shape for part in parts],
            [part.scale for part in parts],
        )
    ):
        life[number][there] = np.asarray(values)[row[there]]
    age, rate, shape, scale = life[:4]

    def per_action(values: list[float], filled: float) -> Floats:
        table = np.asarray([*values, filled])
        return table[action_of]

    cost = per_action([float(a.cost) for a in case.action], 0.0)
    hours = per_action([float(a.hours) for a in case.action], 0.0)
    factor = per_action([a.age_factor for a in case.action], 1.0)
    taken = per_action([-1.0 if a.spare is None else spare_number[a.spare] for a in case.action], -1.0)
    spare: Ints = taken.astype(np.int64)

    def failures(begin: Floats, count: Floats | float, extra: int) -> Floats:
        lead = (slice(None), slice(None), *([None] * extra))
        power, by = shape[lead], scale[lead]
        left: Floats = rate[lead] * (((begin + count) / by) ** power - (begin / by) ** power)
        return left

    keep = failures(age, float(periods), 0)
    before = np.arange(periods, dtype=float)
    until = failures(age[..., None], before, 1)
    restored = factor[..., None] * (age[:, :, None, None] + before)
    fail = until[:, :, None, :] + failures(restored, periods - before, 2)
    plan = case.plan
    budget, workshop = np.array(plan.budget, float), np.array(plan.hours, float)
    stock = np.cumsum(np.array([s.arrivals for s in case.spare], np.int64).reshape(-1, periods), axis=1)
    setup_cost, setup_hours = float(plan.setup_cost), float(plan.setup_hours)
    arrived = np.vstack([stock, np.ones((1, periods), np.int64)])[spare] > 0
    possible = (
        (action_of >= 0)[..., None]
        & (cost[..., None] + setup_cost <= budget * (1 + SLACK))
        & (hours[..., None] + setup_hours <= workshop * (1 + SLACK))
        & arrived
        & (min(plan.max_supports_out, plan.max_adjacent_out) > 0)
    )
    numbers = np.array(supports, np.int64)
    return Options(
        supports=numbers,
        row=row,
        keep=keep,
        fail=fail,
        possible=possible,
        cost=cost,
        hours=hours,
        spare=spare,
        action=action_of,
        stock=stock,
        neighbour=np.diff(numbers) == 1,
        budget=budget,
        workshop=workshop,
        out_left=np.full(periods, float(plan.max_supports_out)),
        max_adjacent=plan.max_adjacent_out,
        setup_cost=setup_cost,
        setup_hours=setup_hours,
    )
