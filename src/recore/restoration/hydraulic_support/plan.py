"""Method `support.plan`: which component of which hydraulic support is restored how, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from recore.method import Artifact, Note, Progress, Tolerance, Unit, method
from recore.model.trade import Day
from recore.quantity import Quantity
from recore.restoration.hydraulic_support.acceptance import DOMAIN, test_cells, tests_of, tests_table
from recore.restoration.hydraulic_support.case import KEEP, PlanCase
from recore.restoration.hydraulic_support.options import Ints, Options, options_of
from recore.restoration.hydraulic_support.plan_plot import draw_plan
from recore.restoration.hydraulic_support.planner import planned
from recore.restoration.hydraulic_support.verify import Decision, Verified, verify_plan
from recore.restoration.hydraulic_support.why import reasons
from recore.rules import RuleSet, shipped
from recore.rules.known import Known


@dataclass(frozen=True)
class RepairPlan:
    """A repair plan with its bound.

    Parameters
    ----------
    total_cost : actions, set-up and expected failures over the horizon; not discounted, not rounded
    gap : proved, (total_cost − lower_bound) / total_cost
    lower_bound : no plan that keeps the limits costs less
    action_cost, setup_cost, failure_cost : parts of the total
    cost_if_kept : expected failures where nothing is done at all
    actions, openings : components worked on; supports opened, once for each period
    plan : support, component, action, period (from 1; empty for keep), reason
    limits : spend, hours, supports out and longest run of neighbours of each period against the limits
    spares : arrived, taken and left of each spare in each period
    acceptance : the tests that every planned action is followed by, as far as rule rows say any
    """

    total_cost: Quantity
    gap: Annotated[Quantity, Unit("1")]
    lower_bound: Quantity
    action_cost: Quantity
    setup_cost: Quantity
    failure_cost: Quantity
    cost_if_kept: Quantity
    actions: Annotated[Quantity, Unit("pcs")]
    openings: Annotated[Quantity, Unit("pcs")]
    plan: Annotated[Any, Artifact("plan.parquet")]
    limits: Annotated[Any, Artifact("limits.csv")]
    spares: Annotated[Any, Artifact("spares.csv")]
    acceptance: Annotated[Any, Artifact("acceptance.csv")]
    flags: tuple[Note, ...]
    _openings: tuple[dict[str, Any], ...] = ()
    _rules: tuple[Any, ...] = ()


@method(
    "support.plan",
    version=1,
    standard="Weibull life with minimal repair (Barlow and Hunter 1960); mixed-integer programme with proved bound",
    reproducible={
        # the clock may end the work earlier or later on another machine
        "*": Tolerance(relative=0.02),
        "gap": Tolerance(absolute=0.02),
        "cost_if_kept": Tolerance(relative=1e-9),
        "lower_bound": Tolerance(relative=0.01),
        "actions": Tolerance(relative=0.2),
        "openings": Tolerance(relative=0.2),
        "action_cost": Tolerance(relative=0.2),
        "setup_cost": Tolerance(relative=0.2),
    },
)
def plan(
    case: PlanCase,
    *,
    seconds: Annotated[float, Field(ge=1, le=3600), Unit("s")] = 40.0,
    rounds: Annotated[int, Field(ge=0, le=100_000)] = 100_000,
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1,
    as_of: Day | None = None,
    rules: RuleSet | None = None,
    progress: Progress,
) -> RepairPlan:
    """Plan of restoration of hydraulic supports under budget, workshop hours, spares and face availability.

    Parameters
    ----------
    case : limits, actions, spares and components (`case.toml`); ages and scales in periods
    seconds : the search ends about then with the best plan it has; the bound holds all the same
    rounds : most rounds of improvement; a plan that rounds ended, not the clock, is the same on every machine
    seed : of the search
    as_of : day on which the rule rows of acceptance are read; None takes rows without an end
    rules : rule rows of acceptance; None takes the shipped ones

    Returns
    -------
    RepairPlan : at most one action for each component, done at the start of its period; total cost and proved gap

    Notes
    -----
    Expected failure cost of a period that begins at age a: failure_cost × severity × (((a + 1)/scale)^shape −
    (a/scale)^shape), by minimal repair; an action multiplies the age by its factor. The set-up of a support is paid, and
    takes its hours, once in each period in which it is opened; it counts against budget and hours like an action.
    What is left of a budget or of hours is lost, spares carry over. Neighbours are consecutive support numbers.

    The bound is that of a Dantzig-Wolfe decomposition into the plans of single supports, each priced exactly. Every
    plan given out was added up again in decimals, without a line of the planner, and keeps every limit.

    References
    ----------
    R. Barlow and L. Hunter, Optimum preventive maintenance policies, Operations Research 8 (1960) 90-100 (minimal
    repair). G. B. Dantzig and P. Wolfe, Decomposition principle for linear programs, Operations Research 8 (1960)
    101-111. G. Obradović, A.-B. Strömberg and K. Lundberg, J. Scheduling (2024), doi 10.1007/s10951-023-00800-x (the
    planning problem with a workshop and spares).
    """
    options = options_of(case)
    found = planned(options, seconds=seconds, rounds=rounds, seed=seed, progress=progress)
    choice = found.choice
    decisions = decisions_of(case, options, choice)
    checked = verify_plan(case, decisions)
    while checked.faults:
        # doubles let a limit be passed by a rounding; decimals do not: what saves least goes
        choice = _without_one(options, choice)
        decisions = decisions_of(case, options, choice)
        checked = verify_plan(case, decisions)
    known = Known(shipped(DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    acceptance, untested = _acceptance(case, decisions, known)
    money = case.plan.currency
    kept = float(options.keep.sum())
    total = checked.total_cost
    lower = min(found.lower, total)
    return RepairPlan(
        total_cost=Quantity(total, money),
        gap=Quantity((total - lower) / total if total > 0 else 0.0),
        lower_bound=Quantity(lower, money),
        action_cost=Quantity(float(checked.action_cost), money),
        setup_cost=Quantity(float(checked.setup_cost), money),
        failure_cost=Quantity(checked.failure_cost, money),
        cost_if_kept=Quantity(kept, money),
        actions=Quantity(int((choice >= 0).sum()), "pcs"),
        openings=Quantity(sum(use.supports_out for use in checked.periods), "pcs"),
        plan=_plan_table(decisions, reasons(case, options, found.rows, choice, found.prices)),
        limits=_limits_table(case, checked),
        spares=_spares_table(case, checked),
        acceptance=acceptance,
        flags=(*_flags(case, found.by_clock), *untested),
        _openings=tuple(_openings(case, decisions)),
        _rules=tuple(known.used.values()),
    )


@plan.plot
def _plot(result: RepairPlan) -> dict[str, Any]:
    return draw_plan(result.limits.to_pylist(), list(result._openings), result.total_cost.unit)


def decisions_of(case: PlanCase, options: Options, choice: Ints) -> list[Decision]:
    """The plan as a person reads it, in the order of the case."""
    periods = options.shape[3]
    told: list[Decision] = [(part.support, part.name, KEEP, None) for part in case.component]
    for k, row in enumerate(options.row):
        for i, index in enumerate(row):
            if index >= 0 and choice[k, i] >= 0:
                a, t = divmod(int(choice[k, i]), periods)
                part = case.component[index]
                name = case.action[int(options.action[k, i, a])].name
                told[index] = (part.support, part.name, name, t + 1)
    return told


def _without_one(options: Options, choice: Ints) -> Ints:
    periods = options.shape[3]
    acting = [(int(k), int(i)) for k, i in zip(*(choice >= 0).nonzero(), strict=True)]

    def saved(place: tuple[int, int]) -> float:
        a, t = divmod(int(choice[place]), periods)
        k, i = place
        return float(options.keep[k, i] - options.fail[k, i, a, t] - options.cost[k, i, a])

    left = choice.copy()
    left[min(acting, key=saved)] = -1
    return left


def _flags(case: PlanCase, by_clock: bool) -> tuple[Note, ...]:
    flags = []
    kinds = {part.kind for part in case.component}
    known = {action.kind for action in case.action}
    if without := sorted(kinds - known):
        flags.append(
            Note("kind-without-action", f"can only be kept, no action names it: {', '.join(without)}")
        )
    if unused := sorted(known - kinds):
        flags.append(Note("action-without-component", f"no component is of kind: {', '.join(unused)}"))
    if by_clock:
        flags.append(
            Note("ended-by-clock", "the time limit ended the search; another machine may find another plan")
        )
    return tuple(flags)


def _plan_table(decisions: list[Decision], told: list[str]) -> Any:
    import pyarrow as pa

    support, component, action, period = zip(*decisions, strict=True)
    return pa.table(
        {
            "support": pa.array(support, pa.int64()),
            "component": pa.array(component, pa.string()),
            "action": pa.array(action, pa.string()),
            "period": pa.array(period, pa.int64()),
            "reason": pa.array(told, pa.string()),
        }
    )


def _limits_table(case: PlanCase, checked: Verified) -> Any:
    import pyarrow as pa

    plan = case.plan
    return pa.Table.from_pylist(
        [
            {
                "period": use.period,
                "spend": float(use.spend),
                "budget": float(plan.budget[use.period - 1]),
                "hours": float(use.hours),
                "hours_limit": float(plan.hours[use.period - 1]),
                "supports_out": use.supports_out,
                "max_supports_out": plan.max_supports_out,
                "longest_run": use.longest_run,
                "max_adjacent_out": plan.max_adjacent_out,
            }
            for use in checked.periods
        ]
    )


def _spares_table(case: PlanCase, checked: Verified) -> Any:
    import pyarrow as pa

    rows = []
    for spare in case.spare:
        arrived = before = 0
        for period, until in enumerate(checked.spares[spare.name], 1):
            arrived += spare.arrivals[period - 1]
            rows.append(
                {
                    "spare": spare.name,
                    "period": period,
                    "arrived": spare.arrivals[period - 1],
                    "taken": until - before,
                    "left": arrived - until,
                }
            )
            before = until
    names = [("period", pa.int64()), ("arrived", pa.int64()), ("taken", pa.int64()), ("left", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema([("spare", pa.string()), *names]))


def _acceptance(case: PlanCase, decisions: list[Decision], known: Known) -> tuple[Any, tuple[Note, ...]]:
    """The tests that follow every planned action, and the kinds for which no row says any."""
    import pyarrow as pa

    planned_parts = [
        (part, action, period)
        for part, (_, _, action, period) in zip(case.component, decisions, strict=True)
        if period is not None
    ]
    cells = {
        kind: [test_cells(test) for test in tests_of(known, kind)]
        for kind in sorted({part.kind for part, _, _ in planned_parts})
    }
    rows = [
        {
            "support": part.support,
            "component": part.name,
            "kind": part.kind,
            "action": action,
            "period": period,
            **test,
        }
        for part, action, period in planned_parts
        for test in cells[part.kind]
    ]
    words = dict.fromkeys(("component", "kind", "action"), pa.string())
    table = tests_table(rows, {"support": pa.int64(), **words, "period": pa.int64()})
    without = [kind for kind, tests in cells.items() if not tests]
    text = f"no rule row says how it is tested afterwards: {', '.join(without)}"
    return table, (Note("no-acceptance-test", text),) if without else ()


def _openings(case: PlanCase, decisions: list[Decision]) -> list[dict[str, Any]]:
    """Opened supports with what is done to them, for the plot."""
    done: dict[tuple[int, int], list[str]] = {}
    for support, component, action, period in decisions:
        if period is not None:
            done.setdefault((support, period), []).append(f"{component}: {action}")
    return [
        {"support": support, "period": period, "actions": len(what), "what": "; ".join(what)}
        for (support, period), what in sorted(done.items())
    ]
