"""What plans of supports take of what is scarce, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.restoration.hydraulic_support.options import SLACK, Floats, Ints, Options
from recore.restoration.hydraulic_support.pricing import Prices, opened_in


@dataclass(frozen=True)
class Rows:
    """The limits as rows: budget, hours and supports out of each period, spares until each period, and windows of neighbours.

    Parameters
    ----------
    limit : of the first rows, T each of budget, hours, supports out, and of each spare; infinite where it cannot bind
    windows : first support and period of each row that says: of `max_adjacent + 1` neighbours not all are open
    """

    options: Options
    limit: Floats
    windows: NDArray[np.int64]

    @property
    def fixed(self) -> int:
        """Rows that are no window."""
        return len(self.limit)

    @property
    def all_limits(self) -> Floats:
        return np.concatenate([self.limit, np.full(len(self.windows), float(self.options.max_adjacent))])

    def with_windows(self, more: NDArray[np.int64]) -> Rows:
        return Rows(self.options, self.limit, np.concatenate([self.windows, more]))

    def prices(self, dual: Floats) -> Prices:
        """Prices of rows (≥ 0) as prices of periods."""
        o = self.options
        k, _, _, periods = o.shape
        money, hour, out = dual[: 3 * periods].reshape(3, periods)
        cumulative = dual[3 * periods : self.fixed].reshape(-1, periods)
        # a spare taken in a period is missing in all later ones
        spare = np.vstack([cumulative[:, ::-1].cumsum(axis=1)[:, ::-1], np.zeros((1, periods))])
        opening = np.tile(out, (k, 1))
        for (first, period), price in zip(self.windows, dual[self.fixed :], strict=True):
            if price > 0:
                opening[first : first + o.max_adjacent + 1, period] += price
        return Prices(money, hour, opening, spare)


def rows_of(options: Options) -> Rows:
    """Rows of a case, without windows."""
    limit = [options.budget, options.workshop, options.out_left]
    limit += [stock.astype(float) for stock in options.stock]
    return Rows(options, np.concatenate(limit), np.empty((0, 2), np.int64))


def plan_cost(options: Options, choice: Ints) -> Floats:
    """Cost of each support's plan: actions, set-up and expected failures [K]."""
    periods = options.shape[3]
    k, i, a, t = _taken(options, choice)
    cost = np.where(choice < 0, options.keep, 0.0).sum(axis=1)
    np.add.at(cost, k, options.cost[k, i, a] + options.fail[k, i, a, t])
    total: Floats = cost + options.setup_cost * opened_in(choice, periods).sum(axis=1)
    return total


def taken_by(options: Options, choice: Ints) -> Floats:
    """What each support's plan takes of the fixed rows [K, rows]."""
    periods = options.shape[3]
    k, i, a, t = _taken(options, choice)
    opened = opened_in(choice, periods)
    spares = options.stock.shape[0]
    took = np.zeros((choice.shape[0], 3 + spares, periods))
    took[:, 0] = opened * options.setup_cost
    took[:, 1] = opened * options.setup_hours
    took[:, 2] = opened
    np.add.at(took[:, 0], (k, t), options.cost[k, i, a])
    np.add.at(took[:, 1], (k, t), options.hours[k, i, a])
    which = options.spare[k, i, a]
    needs = which >= 0
    np.add.at(took, (k[needs], 3 + which[needs], t[needs]), 1.0)
    took[:, 3:] = took[:, 3:].cumsum(axis=2)
    return took.reshape(choice.shape[0], -1)


def crowded(options: Options, opened: Floats, tolerance: float = 1e-6) -> NDArray[np.int64]:
    """Windows of neighbours in which more than `max_adjacent` are open: first support and period."""
    wide = options.max_adjacent + 1
    k = opened.shape[0]
    if wide > k or wide == 1:
        return np.empty((0, 2), np.int64)
    sums = np.vstack([np.zeros((1, opened.shape[1])), opened.cumsum(axis=0)])
    inside = sums[wide:] - sums[:-wide]
    joined = np.concatenate([[0], options.neighbour.cumsum()])
    in_a_row = joined[wide - 1 :] - joined[: k - wide + 1] == wide - 1
    found: NDArray[np.int64] = np.argwhere((inside > options.max_adjacent + tolerance) & in_a_row[:, None])
    return found


def keeps_limits(options: Options, rows: Rows, choice: Ints) -> bool:
    """Whether a plan keeps all limits, up to the rounding of doubles."""
    took = taken_by(options, choice).sum(axis=0)
    opened = opened_in(choice, options.shape[3]).astype(float)
    return bool((took <= rows.limit * (1 + SLACK) + SLACK).all()) and not len(crowded(options, opened))


def _taken(options: Options, choice: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    k, i = np.nonzero(choice >= 0)
    a, t = np.divmod(choice[k, i], options.shape[3])
    return k, i, a, t
