"""Search for a good plan: changes of single components, shifts of openings and whole plans of a support, at falling temperature.

Limits may be exceeded on the way, at a penalty a little above their price; so a sequence of small changes does what would
else need an exchange between supports. Only plans that keep every limit are kept. Same seed, same work, same plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recore.restoration.hydraulic_support.columns import Bound
from recore.restoration.hydraulic_support.options import SLACK, Floats, Ints, Options
from recore.restoration.hydraulic_support.pricing import opened_in
from recore.restoration.hydraulic_support.usage import keeps_limits, plan_cost

_SEGMENT = 100_000
_DEAREST = 1e12


@dataclass(frozen=True)
class Flat:
    """Options of the components one after another, as the kernel reads them.

    Parameters
    ----------
    k, i : support and place of each component [C]
    start : first option of each component [C + 1]
    gain, money, hours, spare, period, code : of each option; gain is what it adds to keeping, code = action × T + period
    where : option of a component by code, −1 for none [C, A × T]
    first : first component of each support [K + 1]
    """

    k: Ints
    i: Ints
    start: Ints
    gain: Floats
    money: Floats
    hours: Floats
    spare: Ints
    period: Ints
    code: Ints
    where: Ints
    first: Ints


def flattened(options: Options, allowed: NDArray[np.bool_]) -> Flat:
    """Allowed options of all components that are no filling."""
    acts, periods = options.shape[2:]
    k, i = np.nonzero(options.row >= 0)
    number = np.full(options.row.shape, -1)
    number[k, i] = np.arange(len(k))
    ok, oi, oa, ot = np.nonzero(allowed & options.possible)
    component = number[ok, oi]
    start = np.searchsorted(component, np.arange(len(k) + 1))
    where = np.full((len(k), acts * periods), -1)
    code = oa * periods + ot
    where[component, code] = np.arange(len(component))
    return Flat(
        k=k,
        i=i,
        start=start,
        gain=options.fail[ok, oi, oa, ot] + options.cost[ok, oi, oa] - options.keep[ok, oi],
        money=options.cost[ok, oi, oa],
        hours=options.hours[ok, oi, oa],
        spare=options.spare[ok, oi, oa],
        period=ot,
        code=code,
        where=where,
        first=np.searchsorted(k, np.arange(options.shape[0] + 1)),
    )


class Annealing:
    """A search that can be continued."""

    def __init__(self, options: Options, bound: Bound, allowed: NDArray[np.bool_], seed: int) -> None:
        self.options, self.rows = options, bound.rows
        self.flat = flattened(options, allowed)
        o, flat = options, self.flat
        self.random = np.array([seed * 2 + 1], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        fixed = bound.rows.fixed
        self.price = bound.dual[:fixed].copy()
        self.window_price = float(bound.dual[fixed:].max(initial=0.0))
        # what does not bind has no price; a small one keeps the search from wandering far beyond the limit
        typical = float(np.median(-flat.gain[flat.gain < 0])) if (flat.gain < 0).any() else 1.0
        units = [o.cost.max(), o.hours.max(), 1.0, *[1.0] * o.stock.shape[0]]
        floor = np.repeat([typical / 10 / max(unit, 1e-300) for unit in units], o.shape[3])
        self.price = np.maximum(self.price, np.minimum(floor, _DEAREST))
        self.window_price = max(self.window_price, typical)
        self.weight = np.full(fixed + 1, 1.1)
        self.typical = typical
        self.plans, self.plan_start = self._pool(bound)

    def _pool(self, bound: Bound) -> tuple[Ints, Ints]:
        """Columns of the pool as options: for each support its plans, one option (or −1) for each component."""
        flat, n = self.flat, self.options.shape[1]
        place = np.full(self.options.row.shape, -1)
        place[flat.k, flat.i] = np.arange(len(flat.k))
        by_support: list[list[Ints]] = [[] for _ in range(self.options.shape[0])]
        for support, choice in zip(bound.pool.support, bound.pool.choice, strict=True):
            components = place[support]
            taken = np.where(choice >= 0, flat.where[components, choice], -1)
            if (taken[choice >= 0] >= 0).all():
                by_support[support].append(taken)
        start = np.cumsum([0, *map(len, by_support)])
        rows = [row for listed in by_support for row in listed]
        return np.array(rows, np.int64).reshape(-1, n), start

    def options_of(self, choice: Ints) -> Ints:
        """A plan as one option (−1 for keep) for each component."""
        code = choice[self.flat.k, self.flat.i]
        return np.where(code >= 0, self.flat.where[np.arange(len(code)), code], -1)

    def choice_of(self, taken: Ints) -> Ints:
        choice = np.full(self.options.row.shape, -1)
        choice[self.flat.k, self.flat.i] = np.where(taken >= 0, self.flat.code[taken], -1)
        return choice

    def run(
        self, choice: Ints, best: Ints, *, moves: int, until: float, hot: float = 0.3, cold: float = 0.003
    ) -> tuple[Ints, Ints]:
        """Search from a plan, which may exceed limits; returns where it ended and the best plan that keeps them.

        Parameters
        ----------
        until : monotonic time at which it stops
        hot, cold : temperature at the beginning and at the end, as a share of a typical gain
        """
        o, flat = self.options, self.flat
        now, kept = self.options_of(choice), self.options_of(best)
        best_cost = float(plan_cost(o, best).sum() - o.keep.sum())
        segments = max(1, moves // _SEGMENT)
        for segment in range(segments):
            if monotonic() > until:
                break
            share = segment / max(1, segments - 1)
            # a little above the price at first, so that limits are crossed; far above it at the end
            stiff = self.weight * (1 + 3 * share**2)
            found, over = _search(
                now, kept, best_cost, flat.k, flat.start, flat.gain, flat.money, flat.hours, flat.spare, flat.period,
                flat.where, flat.first, self.plans, self.plan_start, o.budget, o.workshop, o.stock, o.out_left,
                o.max_adjacent, o.neighbour, o.setup_cost, o.setup_hours, self.price * stiff[:-1],
                self.window_price * stiff[-1], self.typical * hot * (cold / hot) ** share, min(moves, _SEGMENT),
                self.random, SLACK,
            )  # fmt: skip
            if found < best_cost:
                plan = self.choice_of(kept)
                if keeps_limits(o, self.rows, plan):
                    best, best_cost = plan, found
            if share > 0.8:
                self.weight = np.where(over, self.weight * 1.5, 1 + (self.weight - 1) * 0.9)
        return self.choice_of(now), best


@njit(cache=True)
def _uniform(state: Any) -> float:
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def _excess(used: float, limit: float) -> float:
    return used - limit if used > limit else 0.0


@njit(cache=True)
def _crowding(opened: Any, neighbour: Any, k: int, t: int, most: int) -> int:
    """By how much the run of open neighbours that support k joins or leaves exceeds the limit more with it."""
    left = 0
    j = k
    while j > 0 and neighbour[j - 1] and opened[j - 1, t] > 0:
        left += 1
        j -= 1
    right = 0
    j = k
    while j < len(neighbour) and neighbour[j] and opened[j + 1, t] > 0:
        right += 1
        j += 1
    with_it = max(0, left + right + 1 - most)
    return with_it - max(0, left - most) - max(0, right - most)


@njit(cache=True)
def _search(
    now, kept, best_cost, comp_k, start, gain, money, hours, spare, period, where, first, plans, plan_start, budget,
    workshop, stock, max_out, max_adjacent, neighbour, setup_cost, setup_hours, price, window_price, temperature,
    moves, random, slack,
):  # type: ignore[no-untyped-def]  # fmt: skip
    components = len(comp_k)
    periods = len(budget)
    spares = stock.shape[0]
    supports = len(first) - 1
    opened = np.zeros((supports, periods), np.int64)
    used = np.zeros((3 + spares, periods))
    limit = np.empty((3 + spares, periods))
    limit[0], limit[1], limit[2] = budget, workshop, max_out
    cost = 0.0
    for p in range(spares):
        for t in range(periods):
            limit[3 + p, t] = stock[p, t]
    for c in range(components):
        o = now[c]
        if o >= 0:
            t = period[o]
            cost += gain[o]
            if opened[comp_k[c], t] == 0:
                cost += setup_cost
                used[0, t] += setup_cost
                used[1, t] += setup_hours
                used[2, t] += 1.0
            opened[comp_k[c], t] += 1
            used[0, t] += money[o]
            used[1, t] += hours[o]
            if spare[o] >= 0:
                for later in range(t, periods):
                    used[3 + spare[o], later] += 1.0
    crowd = 0
    for t in range(periods):
        run = 0
        for k in range(supports):
            if k > 0 and not neighbour[k - 1]:
                run = 0
            run = run + 1 if opened[k, t] > 0 else 0
            if run > max_adjacent:
                crowd += 1
    limit_slack = limit * (1.0 + slack) + slack
    over_any = np.zeros(price.shape[0] + 1, np.bool_)
    changed_c = np.empty(components, np.int64)
    changed_o = np.empty(components, np.int64)
    for _ in range(moves):
        # what to change
        count = 0
        kind = _uniform(random)
        if kind < 0.75:
            c = min(int(_uniform(random) * components), components - 1)
            choices = start[c + 1] - start[c]
            if choices == 0:
                continue
            pick = int(_uniform(random) * (choices + (1 if now[c] >= 0 else 0)))
            changed_c[0] = c
            changed_o[0] = -1 if pick >= choices else start[c] + pick
            count = 1
        elif kind < 0.9:
            # all that is done to a support in one period moves to another period
            k = min(int(_uniform(random) * supports), supports - 1)
            # a support that is opened nowhere has nothing to move
            there = 0
            for t in range(periods):
                if opened[k, t] > 0:
                    there += 1
            if there == 0:
                continue
            pick = int(_uniform(random) * there)
            source = 0
            for t in range(periods):
                if opened[k, t] > 0:
                    if pick == 0:
                        source = t
                        break
                    pick -= 1
            target = min(int(_uniform(random) * (periods + 1)), periods)
            if target == source:
                continue
            for c in range(first[k], first[k + 1]):
                o = now[c]
                if o >= 0 and period[o] == source:
                    new = -1
                    if target < periods:
                        code = -1
                        # same action, other period
                        for other in range(target, where.shape[1], periods):
                            q = where[c, other]
                            if q >= 0 and money[q] == money[o] and hours[q] == hours[o] and spare[q] == spare[o]:
                                code = q
                                break
                        new = code
                    changed_c[count] = c
                    changed_o[count] = new
                    count += 1
        else:
            k = min(int(_uniform(random) * supports), supports - 1)
            plans_there = plan_start[k + 1] - plan_start[k]
            if plans_there == 0:
                continue
            row = plan_start[k] + min(int(_uniform(random) * plans_there), plans_there - 1)
            for c in range(first[k], first[k + 1]):
                new = plans[row, c - first[k]]
                if new != now[c]:
                    changed_c[count] = c
                    changed_o[count] = new
                    count += 1
        if count == 0 or (count == 1 and changed_o[0] == now[changed_c[0]]):
            continue
        # apply, and add up what it changes; undone where it is not accepted
        before_cost, before_crowd = cost, crowd
        penalty = 0.0
        for step in range(count):
            c = changed_c[step]
            k = comp_k[c]
            old, new = now[c], changed_o[step]
            for turn in range(2):
                o = old if turn == 0 else new
                if o < 0:
                    continue
                sign = -1.0 if turn == 0 else 1.0
                t = period[o]
                m, h = money[o], hours[o]
                cost += sign * gain[o]
                toggles = opened[k, t] == (1 if turn == 0 else 0)
                opened[k, t] += int(sign)
                if toggles:
                    cost += sign * setup_cost
                    m += setup_cost
                    h += setup_hours
                    crowd += int(sign) * _crowding(opened, neighbour, k, t, max_adjacent)
                    penalty -= price[2 * periods + t] * _excess(used[2, t], limit[2, t])
                    used[2, t] += sign
                    penalty += price[2 * periods + t] * _excess(used[2, t], limit[2, t])
                penalty -= price[t] * _excess(used[0, t], limit[0, t])
                used[0, t] += sign * m
                penalty += price[t] * _excess(used[0, t], limit[0, t])
                penalty -= price[periods + t] * _excess(used[1, t], limit[1, t])
                used[1, t] += sign * h
                penalty += price[periods + t] * _excess(used[1, t], limit[1, t])
                p = spare[o]
                if p >= 0:
                    for later in range(t, periods):
                        by = price[(3 + p) * periods + later]
                        penalty -= by * _excess(used[3 + p, later], limit[3 + p, later])
                        used[3 + p, later] += sign
                        penalty += by * _excess(used[3 + p, later], limit[3 + p, later])
            now[c] = new
            changed_o[step] = old
        change = cost - before_cost + penalty + window_price * (crowd - before_crowd)
        if change <= 0.0 or _uniform(random) < np.exp(-change / temperature):
            if cost < best_cost - 1e-9 * abs(best_cost) and crowd == 0 and (used <= limit_slack).all():
                best_cost = cost
                kept[:] = now
            continue
        for step in range(count - 1, -1, -1):
            c = changed_c[step]
            k = comp_k[c]
            old, new = now[c], changed_o[step]
            for turn in range(2):
                o = old if turn == 0 else new
                if o < 0:
                    continue
                sign = -1.0 if turn == 0 else 1.0
                t = period[o]
                m, h = money[o], hours[o]
                toggles = opened[k, t] == (1 if turn == 0 else 0)
                opened[k, t] += int(sign)
                if toggles:
                    m += setup_cost
                    h += setup_hours
                    used[2, t] += sign
                used[0, t] += sign * m
                used[1, t] += sign * h
                if spare[o] >= 0:
                    for later in range(t, periods):
                        used[3 + spare[o], later] += sign
            now[c] = new
        cost, crowd = before_cost, before_crowd
    for s in range(3 + spares):
        for t in range(periods):
            over_any[s * periods + t] = used[s, t] > limit_slack[s, t]
    over_any[-1] = crowd > 0
    return best_cost, over_any
