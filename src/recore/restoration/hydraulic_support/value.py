"""Method `support.plan-value`: what condition data are worth to a repair plan, by simulation on common random numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from recore.method import Artifact, Note, Progress, Tolerance, Unit, method
from recore.quantity import Quantity
from recore.restoration.hydraulic_support.case import PlanCase
from recore.restoration.hydraulic_support.options import Floats, Ints, Options, options_of
from recore.restoration.hydraulic_support.planner import planned
from recore.restoration.hydraulic_support.pricing import cheapest, opened_in
from recore.restoration.hydraulic_support.usage import rows_of

POLICIES = ("condition", "age", "run-to-failure")


@dataclass(frozen=True)
class PlanValue:
    """Cost of three policies in the same simulated futures.

    Parameters
    ----------
    condition, age, run_to_failure : mean cost with the half width of its 95 % interval
    clairvoyant : mean of a bound that no policy can beat: every failure known beforehand, no limit in force
    against_age, against_run_to_failure : saved by condition data, mean of the differences and half width of its 95 % interval
    trials : cost of each policy in each future
    """

    condition: Quantity
    age: Quantity
    run_to_failure: Quantity
    clairvoyant: Quantity
    against_age: Quantity
    against_run_to_failure: Quantity
    futures: Annotated[Quantity, Unit("pcs")]
    trials: Annotated[Any, Artifact("trials.csv")]
    flags: tuple[Note, ...]


@method(
    "support.plan-value",
    version=1,
    standard="minimal repair as a non-homogeneous Poisson process; common random numbers",
    # plans that the clock ended may differ between machines
    reproducible=Tolerance(relative=0.05),
)
def plan_value(
    case: PlanCase,
    *,
    trials: Annotated[int, Field(ge=20, le=20_000)] = 200,
    foreseen: Annotated[int, Field(ge=2, le=500)] = 20,
    seconds: Annotated[float, Field(ge=1, le=3600), Unit("s")] = 20.0,
    rounds: Annotated[int, Field(ge=0, le=100_000)] = 100_000,
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1,
    progress: Progress,
) -> PlanValue:
    """Cost of planning with condition data against planning by age and against running to failure.

    Parameters
    ----------
    case : as of support.plan; its severities are taken to be the truth
    trials : simulated futures
    foreseen : of these, futures in which the clairvoyant bound is computed
    seconds, rounds, seed : of each of the two plans; seed also of the futures

    Notes
    -----
    *condition* is the plan of support.plan. *age* is made by the same planner under the same limits, but every severity
    is the mean of its kind: it knows what a calendar and a data sheet know. *run-to-failure* keeps everything. Failures of a
    component are a Poisson process in its accumulated hazard; all policies meet the same process, so a difference comes
    from the policy, not from luck. The plans are not revised on the way.

    The clairvoyant sees each failure and is free of all limits; its mean is a lower bound, not a goal.

    References
    ----------
    R. Barlow and L. Hunter, Operations Research 8 (1960) 90-100. P. Glasserman and D. D. Yao, Some guidelines and
    guarantees for common random numbers, Management Science 38 (1992) 884-908.
    """
    options = options_of(case)
    blind = options_of(_without_condition(case))
    with_data = planned(options, seconds=seconds, rounds=rounds, seed=seed, progress=progress)
    by_age = planned(blind, seconds=seconds, rounds=rounds, seed=seed, progress=progress)
    choices = (with_data.choice, by_age.choice, np.full_like(with_data.choice, -1))
    random = np.random.default_rng(seed)
    costs = np.empty((trials, len(choices)))
    bound = np.empty(min(foreseen, trials))
    price = _failure_prices(case, options)
    for number in range(trials):
        future = _future(options, price, random)
        costs[number] = [_cost(future, choice) for choice in choices]
        if number < len(bound):
            zero = np.zeros(rows_of(options).fixed)
            free = replace(future, possible=options.action[..., None].repeat(options.shape[3], axis=3) >= 0)
            bound[number] = cheapest(free, rows_of(options).prices(zero))[0].sum()
    money = case.plan.currency
    stopped = with_data.by_clock or by_age.by_clock
    import pyarrow as pa

    return PlanValue(
        condition=_mean(costs[:, 0], money),
        age=_mean(costs[:, 1], money),
        run_to_failure=_mean(costs[:, 2], money),
        clairvoyant=_mean(bound, money),
        against_age=_mean(costs[:, 1] - costs[:, 0], money),
        against_run_to_failure=_mean(costs[:, 2] - costs[:, 0], money),
        futures=Quantity(trials, "pcs"),
        trials=pa.table(dict(zip(POLICIES, costs.T, strict=True))),
        flags=(Note("ended-by-clock", "the time limit ended a search"),) if stopped else (),
    )


def _without_condition(case: PlanCase) -> PlanCase:
    """The same case where every severity is the mean of its kind."""
    by_kind: dict[str, list[float]] = {}
    for part in case.component:
        by_kind.setdefault(part.kind, []).append(part.severity)
    mean = {kind: float(np.mean(values)) for kind, values in by_kind.items()}
    return case.model_copy(
        update={"component": tuple(p.model_copy(update={"severity": mean[p.kind]}) for p in case.component)}
    )


def _failure_prices(case: PlanCase, options: Options) -> Floats:
    price = np.asarray([float(part.failure_cost) for part in case.component])
    return np.where(options.row >= 0, price[options.row], 0.0)


def _future(options: Options, price: Floats, random: np.random.Generator) -> Options:
    """The case as it turns out: failures of every choice, all counted on one Poisson process for each component."""
    k, n, acts, periods = options.shape
    expected = np.concatenate([options.fail.reshape(k, n, -1), options.keep[..., None]], axis=2)
    per = np.where(price > 0, price, 1.0)[..., None]
    hazard = np.where(price[..., None] > 0, expected / per, 0.0)
    order = hazard.argsort(axis=2)
    steps = np.diff(np.take_along_axis(hazard, order, axis=2), axis=2, prepend=0.0)
    counted = random.poisson(np.maximum(steps, 0.0)).cumsum(axis=2)
    cost = np.empty_like(hazard)
    np.put_along_axis(cost, order, counted * per, axis=2)
    cost *= price[..., None] > 0
    return replace(options, fail=cost[..., :-1].reshape(k, n, acts, periods), keep=cost[..., -1])


def _cost(future: Options, choice: Ints) -> float:
    periods = future.shape[3]
    k, i = np.nonzero(choice >= 0)
    a, t = np.divmod(choice[k, i], periods)
    kept = float(future.keep[choice < 0].sum())
    acted = float((future.cost[k, i, a] + future.fail[k, i, a, t]).sum())
    return kept + acted + future.setup_cost * float(opened_in(choice, periods).sum())


def _mean(values: Floats, money: str) -> Quantity:
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * float(values.std(ddof=1)) / len(values) ** 0.5
    return Quantity(float(values.mean()), money, half)
