"""A part of the plan as a mixed-integer programme for HiGHS: some choices free, all others as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from recore.restoration.hydraulic_support.columns import quiet_solver
from recore.restoration.hydraulic_support.options import Floats, Ints
from recore.restoration.hydraulic_support.pricing import opened_in
from recore.restoration.hydraulic_support.usage import Rows, plan_cost, taken_by


@dataclass(frozen=True)
class Freed:
    """What may be decided anew.

    Parameters
    ----------
    acting : actions that may be chosen [K, n, A, T]
    supports : supports whose plan is decided; the others stay as they are [K]
    must_act : components that may not be kept [K, n]; None for none
    """

    acting: NDArray[np.bool_]
    supports: NDArray[np.bool_]
    must_act: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Solved:
    """Best plan found, and whether it is proved to be the best of what was free."""

    choice: Ints
    cost: float
    proved: bool
    lower: float


def solved(
    rows: Rows, choice: Ints, freed: Freed, *, until: float, nodes: int, close: float = 1e-6
) -> Solved | None:
    """Decide a part anew, beginning with the plan as it stands; None where nothing better was found.

    Parameters
    ----------
    choice : a plan that keeps all limits
    until : monotonic time at which it stops
    nodes : most nodes of the search tree
    close : relative gap that is near enough
    """
    import highspy

    o = rows.options
    periods = o.shape[3]
    free = np.nonzero(freed.supports)[0]
    acting = freed.acting & freed.supports[:, None, None, None]
    k, i, a, t = np.nonzero(acting)
    y_open = acting.any(axis=(1, 2))
    y_number = np.full(y_open.shape, -1)
    y_k, y_t = np.nonzero(y_open)
    x_count = len(k)
    y_number[y_k, y_t] = x_count + np.arange(len(y_k))
    columns = x_count + len(y_k)
    if x_count == 0:
        return None
    cost = np.concatenate(
        [o.cost[k, i, a] + o.fail[k, i, a, t] - o.keep[k, i], np.full(len(y_k), o.setup_cost)]
    )
    others = choice.copy()
    others[free] = -1
    rest = np.where(freed.supports[:, None], 0.0, taken_by(o, others)).sum(axis=0)
    left = rows.limit - rest
    builder = _Entries()
    # x ≤ y, all actions of a component in a period together
    component_period = (k * o.shape[1] + i) * periods + t
    key, place = np.unique(component_period, return_inverse=True)
    builder.add(place, np.arange(x_count), np.ones(x_count))
    key_k, key_t = key // periods // o.shape[1], key % periods
    builder.add(np.arange(len(key)), y_number[key_k, key_t], -np.ones(len(key)))
    upper = [np.zeros(len(key))]
    lower = [np.full(len(key), -np.inf)]
    builder.next_block(len(key))
    # at most one action of a component
    component = k * o.shape[1] + i
    key, place = np.unique(component, return_inverse=True)
    builder.add(place, np.arange(x_count), np.ones(x_count))
    upper.append(np.ones(len(key)))
    forced = np.zeros(len(key), bool) if freed.must_act is None else freed.must_act.ravel()[key]
    lower.append(np.where(forced, 1.0, -np.inf))
    builder.next_block(len(key))
    # budget, hours, supports out
    scale = np.where(rows.limit > 0, 1 / np.maximum(rows.limit, 1e-300), 1.0)
    for block, (of_action, of_setup) in enumerate(
        ((o.cost, o.setup_cost), (o.hours, o.setup_hours), (None, 1.0))
    ):
        by = scale[block * periods : (block + 1) * periods]
        if of_action is not None:
            builder.add(t, np.arange(x_count), of_action[k, i, a] * by[t])
        builder.add(y_t, x_count + np.arange(len(y_k)), of_setup * by[y_t])
        upper.append(left[block * periods : (block + 1) * periods] * by + 1e-12)
        lower.append(np.full(periods, -np.inf))
        builder.next_block(periods)
    # spares, cumulative
    for p in range(o.stock.shape[0]):
        takes = np.nonzero(o.spare[k, i, a] == p)[0]
        for later in range(periods):
            until_then = takes[t[takes] <= later]
            builder.add(np.full(len(until_then), later), until_then, np.ones(len(until_then)))
        first = (3 + p) * periods
        upper.append(left[first : first + periods])
        lower.append(np.full(periods, -np.inf))
        builder.next_block(periods)
    # neighbours
    open_now = opened_in(others, periods) & ~freed.supports[:, None]
    wide = o.max_adjacent + 1
    joined = np.concatenate([[0], o.neighbour.cumsum()])
    for first in range(max(0, o.shape[0] - wide + 1)):
        span = slice(first, first + wide)
        if joined[first + wide - 1] - joined[first] != wide - 1 or not freed.supports[span].any():
            continue
        for period in range(periods):
            numbers = y_number[span, period]
            numbers = numbers[numbers >= 0]
            room = o.max_adjacent - int(open_now[span, period].sum())
            if len(numbers) > room:
                builder.add(np.zeros(len(numbers), int), numbers, np.ones(len(numbers)))
                upper.append(np.array([float(room)]))
                lower.append(np.array([-np.inf]))
                builder.next_block(1)
    now = float(plan_cost(o, choice).sum())
    constant = now - float(plan_cost(o, choice)[free].sum()) + float(o.keep[free].sum())
    programme = highspy.HighsLp()
    programme.num_col_, programme.num_row_ = columns, builder.rows
    programme.col_cost_ = cost
    programme.col_lower_, programme.col_upper_ = np.zeros(columns), np.ones(columns)
    programme.row_lower_ = np.concatenate(lower)
    programme.row_upper_ = np.concatenate(upper)
    starts, index, value = builder.rowwise()
    programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    programme.a_matrix_.start_ = starts
    programme.a_matrix_.index_ = index
    programme.a_matrix_.value_ = value
    programme.integrality_ = [highspy.HighsVarType.kInteger] * columns
    solver = quiet_solver()
    for name, setting in (
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", close * abs(now)),
        ("mip_max_nodes", nodes),
        ("time_limit", max(0.05, until - monotonic())),
        ("random_seed", 0),
    ):
        solver.setOptionValue(name, setting)
    solver.passModel(programme)
    start = np.zeros(columns)
    stands = choice[k, i] == a * periods + t
    start[:x_count][stands] = 1.0
    start[x_count:][opened_in(choice, periods)[y_k, y_t]] = 1.0
    solution = highspy.HighsSolution()
    solution.col_value = start
    solver.setSolution(solution)
    solver.run()
    information = solver.getInfo()
    if information.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    taken = np.nonzero(np.array(solver.getSolution().col_value)[:x_count] > 0.5)[0]
    found = choice.copy()
    found[free] = -1
    found[k[taken], i[taken]] = a[taken] * periods + t[taken]
    total = float(plan_cost(o, found).sum())
    lower_bound = float(information.mip_dual_bound) + constant
    return Solved(found, total, solver.getModelStatus() == highspy.HighsModelStatus.kOptimal, lower_bound)


class _Entries:
    """Entries of a sparse matrix, block of rows after block of rows."""

    def __init__(self) -> None:
        self.rows = 0
        self.parts: list[tuple[Ints, Ints, Floats]] = []

    def add(self, row: Ints, column: Ints, value: Floats) -> None:
        self.parts.append((row + self.rows, column, value))

    def next_block(self, count: int) -> None:
        self.rows += count

    def rowwise(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        row = np.concatenate([part[0] for part in self.parts])
        order = np.argsort(row, kind="stable")
        starts = np.searchsorted(row[order], np.arange(self.rows + 1))
        index = np.concatenate([part[1] for part in self.parts])[order].astype(np.int32)
        value: Floats = np.concatenate([part[2] for part in self.parts])[order]
        return starts.astype(np.int32), index, value
