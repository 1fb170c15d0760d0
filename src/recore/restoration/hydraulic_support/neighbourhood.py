"""Some supports planned anew while all others stay: column generation on what the others leave, then the best mix in whole plans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recore.restoration.hydraulic_support.columns import bound_of, mixed
from recore.restoration.hydraulic_support.options import SLACK, Ints, Options
from recore.restoration.hydraulic_support.pricing import cheapest, opened_in
from recore.restoration.hydraulic_support.usage import plan_cost, taken_by


def left_for(options: Options, choice: Ints, free: Ints) -> Options:
    """The case of the free supports alone, with what the plans of the others leave of each limit."""
    periods = options.shape[3]
    others = choice.copy()
    others[free] = -1
    took = taken_by(options, others).sum(axis=0).reshape(-1, periods)
    opened = opened_in(others, periods)
    possible = options.possible[free].copy()
    run_left, run_right = np.zeros((2, *opened.shape), np.int64)
    for k in range(1, options.shape[0]):
        run_left[k] = np.where(opened[k - 1] & options.neighbour[k - 1], run_left[k - 1] + 1, 0)
    for k in range(options.shape[0] - 2, -1, -1):
        run_right[k] = np.where(opened[k + 1] & options.neighbour[k], run_right[k + 1] + 1, 0)
    crowded = run_left[free] + run_right[free] + 1 > options.max_adjacent
    possible &= ~crowded[:, None, None, :]
    stock = options.stock - took[3:].astype(np.int64)
    budget, workshop = options.budget - took[0], options.workshop - took[1]
    out = options.out_left - took[2]
    cost, hours = options.cost[free], options.hours[free]
    possible &= (
        (cost[..., None] + options.setup_cost <= budget + SLACK * options.budget)
        & (hours[..., None] + options.setup_hours <= workshop + SLACK * options.workshop)
        & (out >= 1)
    )
    for p in range(len(stock)):
        # a spare taken now is missing in every later period
        lasting = np.minimum.accumulate(stock[p][::-1])[::-1]
        possible &= (options.spare[free] != p)[..., None] | (lasting > 0)
    return replace(
        options,
        supports=options.supports[free],
        row=options.row[free],
        keep=options.keep[free],
        fail=options.fail[free],
        possible=possible,
        cost=cost,
        hours=hours,
        spare=options.spare[free],
        action=options.action[free],
        stock=stock,
        neighbour=(np.diff(options.supports[free]) == 1),
        budget=np.maximum(budget, 0.0),
        workshop=np.maximum(workshop, 0.0),
        out_left=np.maximum(out, 0.0),
    )


def replanned(
    options: Options,
    choice: Ints,
    free: Ints,
    random: np.random.Generator,
    *,
    until: float,
    shaken: int = 6,
    nodes: int = 60,
) -> Ints:
    """The free supports' plans decided anew; the plan as it stands where nothing cheaper is found.

    Parameters
    ----------
    until : monotonic time at which it stops
    shaken : columns at shaken prices that are added for each free support; they fill what the best mix leaves of a limit
    nodes : most nodes of the search tree
    """
    part = left_for(options, choice, free)
    bound = bound_of(part, until=until, rounds=60)
    now = float(plan_cost(part, choice[free]).sum())
    if now - bound.lower <= 1e-9 * abs(now):
        return choice
    pool = bound.pool
    pool.add(choice[free])
    fixed = bound.rows.fixed
    for _ in range(shaken):
        prices = bound.dual.copy()
        prices[:fixed] *= random.uniform(0.6, 1.4, fixed)
        pool.add(cheapest(part, bound.rows.prices(prices))[1])
    found = mixed(part, bound, choice[free], until=until, nodes=nodes)
    if found is None or float(plan_cost(part, found).sum()) >= now - 1e-9 * abs(now):
        return choice
    new = choice.copy()
    new[free] = found
    return new
