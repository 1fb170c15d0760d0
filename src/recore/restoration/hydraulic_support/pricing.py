"""The cheapest plan of one support under prices for what is scarce, exactly, for all supports at once.

Once the periods in which a support is opened are chosen, each of its components takes the best of what it can do in these
periods, on its own. So all sets of periods are gone through: the best choice in a set is the better of the best in the
set without its last period, and the best in that period.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.restoration.hydraulic_support.options import Floats, Ints, Options

_AT_ONCE = 2**16


@dataclass(frozen=True)
class Prices:
    """What one unit of each scarce thing is worth in each period.

    Parameters
    ----------
    money, hour : of one unit of budget, and of one hour [T]
    opening : of having a support open [K, T]
    spare : of one spare taken in a period [P + 1, T]; the last row is 0, for actions that take none
    """

    money: Floats
    hour: Floats
    opening: Floats
    spare: Floats


def costs(options: Options, prices: Prices) -> Floats:
    """Cost of every action in every period under prices, without set-up [K, n, A, T]; infinite where impossible."""
    cost = options.fail + (
        options.cost[..., None] * (1.0 + prices.money)
        + options.hours[..., None] * prices.hour
        + prices.spare[options.spare]
    )
    cost[~options.possible] = np.inf
    return cost


def priced(options: Options, prices: Prices) -> tuple[Floats, Ints, Floats]:
    """Best action of each component in each period under prices: value [K, n, T], which [K, n, T]; set-up [K, T]."""
    cost = costs(options, prices)
    which = cost.argmin(axis=2)
    value = np.take_along_axis(cost, which[:, :, None, :], axis=2)[:, :, 0, :]
    setup = options.setup_cost * (1.0 + prices.money) + options.setup_hours * prices.hour + prices.opening
    return value, which, setup


def sums_of_sets(setup: Floats) -> Floats:
    """Set-up of every set of periods [K, 2^T]; bit t of the index stands for period t."""
    k, periods = setup.shape
    total = np.zeros((k, 1 << periods))
    for t in range(periods):
        np.add(total[:, : 1 << t], setup[:, t, None], out=total[:, 1 << t : 2 << t])
    return total


def best_in_sets(keep: Floats, value: Floats, out: Floats) -> Floats:
    """Least cost of one component of each support in every set of periods, into `out` [K, 2^T]."""
    out[:, 0] = keep
    for t in range(value.shape[1]):
        np.minimum(out[:, : 1 << t], value[:, t, None], out=out[:, 1 << t : 2 << t])
    return out


def blocks(options: Options) -> Iterator[slice]:
    """Supports in portions whose tables stay in the cache of a core."""
    k, _, _, periods = options.shape
    step = max(1, _AT_ONCE >> periods)
    for first in range(0, k, step):
        yield slice(first, min(first + step, k))


def cheapest(options: Options, prices: Prices) -> tuple[Floats, Ints]:
    """Cheapest plan of every support.

    Returns
    -------
    least : its cost under the prices [K]
    choice : −1 for keep, else action × T + period [K, n]
    """
    k, n, _, _ = options.shape
    value, which, setup = priced(options, prices)
    least, best = np.empty(k), np.empty(k, np.int64)
    for block in blocks(options):
        total = sums_of_sets(setup[block])
        table = np.empty_like(total)
        for i in range(n):
            total += best_in_sets(options.keep[block, i], value[block, i], table)
        best[block] = total.argmin(axis=1)
        least[block] = np.take_along_axis(total, best[block, None], axis=1)[:, 0]
    return least, chosen(options, value, which, best)


def chosen(options: Options, value: Floats, which: Ints, opened: Ints) -> Ints:
    """Choice of every component where each support is opened in a given set of periods."""
    periods = value.shape[2]
    out_of_set = (opened[:, None] >> np.arange(periods)) & 1 == 0
    within = np.where(out_of_set[:, None, :], np.inf, value)
    t = within.argmin(axis=2)
    gained = np.take_along_axis(within, t[..., None], axis=2)[..., 0]
    action = np.take_along_axis(which, t[..., None], axis=2)[..., 0]
    choice: Ints = np.where(gained < options.keep, action * periods + t, -1)
    return choice


def regrets(options: Options, prices: Prices) -> tuple[Floats, Floats, Floats, Floats]:
    """How much dearer the cheapest plan of a support becomes where one decision is forced.

    Returns
    -------
    least : cost of the cheapest plan [K]
    acting : added by one action of one component in one period [K, n, A, T]
    keeping : added by keeping a component [K, n]
    opening : added by opening a support in a period, and by not opening it [K, T, 2]
    """
    k, n, acts, periods = options.shape
    value, _, setup = priced(options, prices)
    cost = costs(options, prices)
    least = np.empty(k)
    acting = np.empty((k, n, acts, periods))
    keeping = np.empty((k, n))
    opening = np.empty((k, periods, 2))
    for block in blocks(options):
        total = sums_of_sets(setup[block])
        size = total.shape[0]
        tables = np.empty((n, *total.shape))
        for i in range(n):
            total += best_in_sets(options.keep[block, i], value[block, i], tables[i])
        least[block] = total.min(axis=1)
        for t in range(periods):
            halves = total.reshape(size, -1, 2, 1 << t)
            opening[block, t, 0] = halves[:, :, 1].min(axis=(1, 2))
            opening[block, t, 1] = halves[:, :, 0].min(axis=(1, 2))
        for i in range(n):
            rest = np.subtract(total, tables[i], out=tables[i])
            keeping[block, i] = rest.min(axis=1) + options.keep[block, i]
            for t in range(periods):
                with_t = rest.reshape(size, -1, 2, 1 << t)[:, :, 1].min(axis=(1, 2))
                acting[block, i, :, t] = with_t[:, None] + cost[block, i, :, t]
    acting -= least[:, None, None, None]
    keeping -= least[:, None]
    opening -= least[:, None, None]
    return least, acting, keeping, opening


def opened_in(choice: Ints, periods: int) -> NDArray[np.bool_]:
    """Periods in which each support is opened [K, T]."""
    found = np.zeros((choice.shape[0], periods), bool)
    k, i = np.nonzero(choice >= 0)
    found[k, choice[k, i] % periods] = True
    return found
