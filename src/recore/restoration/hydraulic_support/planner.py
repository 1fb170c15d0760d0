"""The plan of all supports: bound by column generation, a search for a good plan, and parts of it planned anew until time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import numpy as np

from recore.restoration.hydraulic_support.columns import Bound, bound_of
from recore.restoration.hydraulic_support.compact import Freed, solved
from recore.restoration.hydraulic_support.neighbourhood import replanned
from recore.restoration.hydraulic_support.options import SLACK, Floats, Ints, Options
from recore.restoration.hydraulic_support.pricing import Prices, costs, opened_in, regrets
from recore.restoration.hydraulic_support.usage import Rows, crowded, keeps_limits, plan_cost, taken_by

_EXACT = 2_000
_FIRST_NODES, _NODES = 200, 4_000
_SMALLEST, _LARGEST = 16, 50
_SHAKEN = 20
# share of the time that is kept for the last proof
_LAST = 0.05
_PATIENCE = 8


@dataclass(frozen=True)
class Planned:
    """A plan, what it costs, and what no plan can cost less than.

    Parameters
    ----------
    choice : −1 for keep, else action × T + period, counted from 0 [K, n]
    prices : of the rows of limits, one dual value each
    rounds : parts that were planned anew
    by_clock : the time limit ended the work, not the proof and not the number of rounds
    """

    choice: Ints
    cost: float
    lower: float
    rows: Rows
    prices: Floats
    rounds: int
    by_clock: bool

    @property
    def gap(self) -> float:
        """(upper − lower) / upper."""
        return max(0.0, (self.cost - self.lower) / self.cost) if self.cost > 0 else 0.0


def planned(
    options: Options,
    *,
    seconds: float,
    rounds: int,
    seed: int,
    close: float = 1e-5,
    progress: Callable[[float, str], None] | None = None,
) -> Planned:
    """Plan all supports.

    Parameters
    ----------
    seconds : it ends about then with what it has
    rounds : most parts that are planned anew
    seed : equal seeds and rounds give equal plans, where the clock does not end it
    close : proved gap that is near enough
    """
    begin = monotonic()
    until = begin + seconds
    say = progress or (lambda share, doing: None)
    say(0.0, "bounding")
    bound = bound_of(options, until=begin + 0.5 * seconds)
    best = np.full(options.row.shape, -1, np.int64)
    state = _State(options, bound, best, close)
    likeliest, mingled = _likeliest(options, bound)
    state.offer(repaired(options, bound, likeliest))
    random = np.random.default_rng(seed)
    if not state.done and len(mingled):
        # what the whole plans of the best mix leave is just enough for the supports that it mixes
        say(0.1, "planning the supports that the best mix leaves open")
        whole = likeliest.copy()
        whole[mingled] = -1
        state.offer(
            replanned(
                options,
                whole,
                mingled,
                random,
                until=begin + 0.5 * seconds,
                shaken=_SHAKEN,
                nodes=_FIRST_NODES,
            )
        )
    if not state.done:
        _proved(state, min(until, monotonic() + 0.2 * seconds), _FIRST_NODES)
    done = 0 if state.done else _improved(state, rounds, random, begin, until, say)
    late = monotonic() > until - _LAST * seconds
    if state.cost > state.lower:
        say(0.9, "proving")
        _proved(state, until, _NODES)
    say(1.0, "done")
    return Planned(
        state.choice, state.cost, state.lower, bound.rows, bound.dual, done, late and not state.done
    )


class _State:
    """Best plan so far; what exceeds a limit or costs more is not taken."""

    def __init__(self, options: Options, bound: Bound, choice: Ints, close: float) -> None:
        self.options, self.bound, self.choice, self.close = options, bound, choice, close
        self.cost = float(plan_cost(options, choice).sum())
        self.lower = bound.lower

    def offer(self, choice: Ints) -> bool:
        cost = float(plan_cost(self.options, choice).sum())
        if cost >= self.cost - 1e-12 * abs(self.cost) or not keeps_limits(
            self.options, self.bound.rows, choice
        ):
            return False
        self.choice, self.cost = choice, cost
        return True

    @property
    def done(self) -> bool:
        return self.cost - self.lower <= self.close * abs(self.cost)


def _likeliest(options: Options, bound: Bound) -> tuple[Ints, Ints]:
    """The column of each support with the largest share in the best mix, and the supports that are mixed of several."""
    share = np.zeros(options.shape[0])
    choice = np.full(options.row.shape, -1, np.int64)
    for place in np.nonzero(bound.mix > 0)[0]:
        support = bound.pool.support[place]
        if bound.mix[place] > share[support]:
            share[support], choice[support] = bound.mix[place], bound.pool.choice[place]
    return choice, np.nonzero(share < 1 - 1e-6)[0]


def repaired(options: Options, bound: Bound, choice: Ints) -> Ints:
    """A plan that keeps the limits: what saves least for what it takes of an exceeded limit is left out."""
    periods = options.shape[3]
    choice = choice.copy()
    prices = bound.rows.prices(bound.dual)
    while True:
        took = taken_by(options, choice)
        opened = opened_in(choice, periods)
        over = took.sum(axis=0) - bound.rows.limit
        windows = crowded(options, opened.astype(float))
        if (over <= SLACK * (1 + bound.rows.limit)).all() and not len(windows):
            return choice
        worth = _worth_of_openings(options, choice, prices)
        if len(windows):
            first, t = windows[0]
            among = np.arange(first, first + options.max_adjacent + 1)
            k = among[worth[among, t].argmin()]
        else:
            row = int((over / np.maximum(bound.rows.limit, 1e-12)).argmax())
            kind, last = divmod(row, periods)
            # a spare taken in any period until then counts
            span = np.arange(last + 1) if kind >= 3 else np.array([last])
            used = took.reshape(len(choice), -1, periods)[:, kind]
            each = np.diff(used, axis=1, prepend=0.0)[:, span] if kind >= 3 else used[:, span]
            ratio = np.where(each > 0, worth[:, span] / np.maximum(each, 1e-12), np.inf)
            k, place = np.unravel_index(int(ratio.argmin()), ratio.shape)
            t = span[place]
        there = (choice[k] >= 0) & (choice[k] % periods == t)
        choice[k, there] = -1


def _worth_of_openings(options: Options, choice: Ints, prices: Prices) -> Floats:
    """What the actions of each support in each period save under the prices, less set-up [K, T]."""
    periods = options.shape[3]
    cost = costs(options, prices)
    worth = np.zeros((options.shape[0], periods))
    k, i = np.nonzero(choice >= 0)
    a, t = np.divmod(choice[k, i], periods)
    np.add.at(worth, (k, t), options.keep[k, i] - cost[k, i, a, t])
    return worth - options.setup_cost


def _improved(
    state: _State,
    rounds: int,
    random: np.random.Generator,
    begin: float,
    until: float,
    say: Callable[[float, str], None],
) -> int:
    """Parts planned anew, larger ones when smaller ones bring nothing more."""
    options = state.options
    supports, _, _, periods = options.shape
    size, idle, done = _SMALLEST, 0, 0
    stop = until - _LAST * (until - begin)
    while done < rounds and not state.done and monotonic() < stop:
        done += 1
        free = random.permutation(supports)
        if done % 2:
            # supports that are opened in the same few periods compete for the same hours
            opened = opened_in(state.choice, periods)
            chosen = random.choice(periods, min(periods, 3), replace=False)
            free = free[np.argsort(-opened[free][:, chosen].sum(axis=1), kind="stable")]
        free = np.sort(free[: min(size, supports)])
        better = state.offer(replanned(options, state.choice, free, random, until=stop))
        idle = 0 if better else idle + 1
        if idle >= _PATIENCE:
            if size >= min(supports, _LARGEST):
                if supports <= _LARGEST:
                    break
                size = _SMALLEST
            else:
                size = min(int(size * 1.5), _LARGEST)
            idle = 0
        say(0.2 + 0.7 * min(1.0, (monotonic() - begin) / (until - begin)), f"gap {_gap(state):.3%}")
    return done


def _proved(state: _State, until: float, nodes: int) -> None:
    """Where few choices are left that a better plan could hold, they are gone through by HiGHS."""
    options, bound = state.options, state.bound
    room = state.cost - state.lower
    _, acting, _, _ = regrets(options, bound.rows.prices(bound.dual))
    acting_left = acting <= room * (1 + 1e-9) + 1e-9
    if acting_left.sum() > _EXACT:
        return
    freed = Freed(acting_left, np.ones(options.shape[0], bool))
    found = solved(bound.rows, state.choice, freed, until=until, nodes=nodes, close=1e-9)
    if found is not None:
        state.offer(found.choice)
        state.lower = max(state.lower, min(state.cost, found.lower))


def _gap(state: _State) -> float:
    return (state.cost - state.lower) / abs(state.cost)
