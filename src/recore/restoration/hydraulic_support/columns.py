"""Column generation: the best mix of whole plans of supports under the limits, and the bound that it proves.

Dantzig-Wolfe decomposition. A column is a plan of one support; the master chooses a mix of columns for each support so
that all together keep the limits; its dual values are the prices at which every support's cheapest plan is a new column.
At any prices the sum of the cheapest plans less the worth of the limits bounds the cost of every plan from below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from recore.restoration.hydraulic_support.options import Floats, Ints, Options
from recore.restoration.hydraulic_support.pricing import cheapest, opened_in
from recore.restoration.hydraulic_support.usage import Rows, crowded, plan_cost, rows_of, taken_by

_SMOOTHING = 0.5


@dataclass
class Pool:
    """Columns found so far: plans of single supports.

    Parameters
    ----------
    support, choice, cost, took : of each column
    """

    options: Options
    support: list[int] = field(default_factory=list)
    choice: list[Ints] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    took: list[Floats] = field(default_factory=list)
    opened: list[Any] = field(default_factory=list)
    _known: set[tuple[int, bytes]] = field(default_factory=set)

    def add(self, choice: Ints, wanted: Any = None) -> list[int]:
        """Take the supports' plans of a choice [K, n] that are new; returns their places."""
        cost, took = plan_cost(self.options, choice), taken_by(self.options, choice)
        opened = opened_in(choice, self.options.shape[3])
        new = []
        for k in range(len(choice)) if wanted is None else wanted:
            key = (int(k), choice[k].tobytes())
            if key not in self._known:
                self._known.add(key)
                new.append(len(self.cost))
                self.support.append(int(k))
                self.choice.append(choice[k])
                self.cost.append(float(cost[k]))
                self.took.append(took[k])
                self.opened.append(opened[k])
        return new

    def take(self, other: Pool, place: int) -> None:
        """Take a column of another pool."""
        self._known.add((other.support[place], other.choice[place].tobytes()))
        self.support.append(other.support[place])
        self.choice.append(other.choice[place])
        self.cost.append(other.cost[place])
        self.took.append(other.took[place])
        self.opened.append(other.opened[place])


@dataclass(frozen=True)
class Bound:
    """What column generation found.

    Parameters
    ----------
    lower : no plan costs less
    dual : prices of the rows that prove it
    rows : the rows, with the windows that were needed
    pool : columns
    mix : share of each column in the best mix
    """

    lower: float
    dual: Floats
    rows: Rows
    pool: Pool
    mix: Floats
    rounds: int


def bound_of(options: Options, *, until: float, rounds: int = 400, close: float = 1e-7) -> Bound:
    """Bound by column generation.

    Parameters
    ----------
    until : monotonic time at which it stops with what it has
    rounds : most rounds
    close : relative distance of master and bound that is near enough
    """
    rows = rows_of(options)
    pool = Pool(options)
    k, n, _, _ = options.shape
    keep = np.full((k, n), -1, np.int64)
    pool.add(keep)
    dual = np.zeros(rows.fixed)
    least, choice = cheapest(options, rows.prices(dual))
    best, centre = float(least.sum()), dual
    pool.add(choice)
    master = _Master(options, rows, pool)
    done = 0
    for done in range(1, rounds + 1):  # noqa: B007
        upper, dual, mix = master.solve()
        if windows := master.new_windows(mix):
            rows = rows.with_windows(np.array(windows, np.int64))
            centre = np.concatenate([centre, np.zeros(len(windows))])
            master.add_windows(rows, len(windows))
            continue
        if upper - best <= close * abs(upper) or monotonic() > until:
            break
        tried = _SMOOTHING * centre + (1 - _SMOOTHING) * dual
        found = 0
        for at in (tried, dual):
            least, choice = cheapest(options, rows.prices(at))
            lower = float(least.sum() - at @ rows.all_limits)
            if lower > best:
                best, centre = lower, at
            found = master.add_columns(pool.add(choice))
            if found:
                break
        if not found:
            break
    return Bound(best, centre, rows, pool, mix, done)


def mixed(options: Options, bound: Bound, choice: Ints, *, until: float, nodes: int) -> Ints | None:
    """Best whole plans of the pool, one for each support, beginning with a plan that keeps the limits.

    Parameters
    ----------
    until : monotonic time at which it stops
    nodes : most nodes of the search tree
    """
    import highspy

    pool = bound.pool
    least, _ = cheapest(options, bound.rows.prices(bound.dual))
    room = float(plan_cost(options, choice).sum()) - bound.lower
    support = np.array(pool.support)
    worth = np.array(pool.cost) + np.array(pool.took) @ bound.dual[: bound.rows.fixed]
    # what no better plan can hold stays out: its cost under the prices is beyond the gap
    useful = np.nonzero(worth - least[support] <= room)[0]
    small = Pool(options)
    for place in useful:
        small.take(pool, int(place))
    small.add(choice)
    master = _Master(options, bound.rows, small)
    solver = master.solver
    count = len(small.cost)
    solver.changeColsIntegrality(count, np.arange(count, dtype=np.int32), np.ones(count, np.uint8))
    solver.setOptionValue("time_limit", max(0.05, until - monotonic()))
    solver.setOptionValue("mip_max_nodes", nodes)
    solver.setOptionValue("mip_rel_gap", 1e-7)
    start = np.zeros(count)
    known = {
        (k, plan.tobytes()): place
        for place, (k, plan) in enumerate(zip(small.support, small.choice, strict=True))
    }
    start[[known[k, choice[k].tobytes()] for k in range(len(choice))]] = 1.0
    given = highspy.HighsSolution()
    given.col_value = start
    solver.setSolution(given)
    solver.run()
    if solver.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    found = choice.copy()
    for place in np.nonzero(np.array(solver.getSolution().col_value) > 0.5)[0]:
        found[small.support[place]] = small.choice[place]
    return found


def quiet_solver() -> Any:
    """HiGHS on one thread: more would make its path depend on the machine."""
    import highspy

    make: Any = highspy.Highs
    solver = make()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


class _Master:
    """The linear programme over the pool, grown in place."""

    def __init__(self, options: Options, rows: Rows, pool: Pool) -> None:
        self.options, self.rows, self.pool = options, rows, pool
        self.solver = quiet_solver()
        k = options.shape[0]
        # scaled to 1: budgets are in the millions, supports out in units
        self.scale = np.where(rows.limit > 0, 1 / np.maximum(rows.limit, 1e-300), 1.0)
        for _ in range(k):
            self.solver.addRow(1.0, 1.0, 0, np.empty(0, np.int32), np.empty(0))
        for limit, scale in zip(rows.limit, self.scale, strict=True):
            self.solver.addRow(-np.inf, limit * scale, 0, np.empty(0, np.int32), np.empty(0))
        for _ in rows.windows:
            self.solver.addRow(-np.inf, float(options.max_adjacent), 0, np.empty(0, np.int32), np.empty(0))
        self.add_columns(list(range(len(pool.cost))))

    def add_columns(self, places: list[int]) -> int:
        if not places:
            return 0
        k, wide = self.options.shape[0], self.options.max_adjacent + 1
        starts, index, value = [], [], []
        count = 0
        for place in places:
            support, took, opened = self.pool.support[place], self.pool.took[place], self.pool.opened[place]
            used = np.nonzero(took)[0]
            entries = [np.array([support]), k + used]
            values = [np.ones(1), took[used] * self.scale[used]]
            if len(self.rows.windows):
                first, period = self.rows.windows.T
                inside = np.nonzero((first <= support) & (support < first + wide) & opened[period])[0]
                entries.append(k + self.rows.fixed + inside)
                values.append(np.ones(len(inside)))
            starts.append(count)
            index += entries
            value += values
            count += sum(map(len, entries))
        number = len(places)
        self.solver.addCols(
            number,
            np.array([self.pool.cost[place] for place in places]),
            np.zeros(number),
            np.full(number, np.inf),
            count,
            np.array(starts, np.int32),
            np.concatenate(index).astype(np.int32),
            np.concatenate(value).astype(float),
        )
        return number

    def new_windows(self, mix: Floats) -> list[tuple[int, int]]:
        k, _, _, periods = self.options.shape
        opened = np.zeros((k, periods))
        used = np.nonzero(mix > 1e-9)[0]
        for place in used:
            opened[self.pool.support[place]] += mix[place] * self.pool.opened[place]
        known = {tuple(w) for w in self.rows.windows.tolist()}
        return [w for w in map(tuple, crowded(self.options, opened).tolist()) if w not in known]

    def add_windows(self, rows: Rows, number: int) -> None:
        self.rows = rows
        wide = self.options.max_adjacent + 1
        support = np.array(self.pool.support)
        opened = np.array(self.pool.opened)
        for first, period in rows.windows[-number:]:
            inside = np.nonzero((support >= first) & (support < first + wide) & opened[:, period])[0]
            self.solver.addRow(
                -np.inf,
                float(self.options.max_adjacent),
                len(inside),
                inside.astype(np.int32),
                np.ones(len(inside)),
            )

    def solve(self) -> tuple[float, Floats, Floats]:
        """Cost, prices of the rows and mix of columns."""
        self.solver.run()
        solution = self.solver.getSolution()
        k = self.options.shape[0]
        dual = np.maximum(-np.array(solution.row_dual)[k:], 0.0)
        dual[: self.rows.fixed] *= self.scale
        return float(self.solver.getObjectiveValue()), dual, np.array(solution.col_value)
