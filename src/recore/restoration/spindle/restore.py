"""Method `spindle.restore`: from findings to the routes by which a used spindle can be restored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import budget_table
from recore.model.trade import Day, OneOrMany
from recore.quantity import Quantity
from recore.restoration.route_tables import limit_text, operations_table, route_document
from recore.restoration.spindle.book import DOMAIN, Book
from recore.restoration.spindle.core import SpindleCore
from recore.restoration.spindle.plots import draw_routes
from recore.restoration.spindle.prediction import Predictor, renamed
from recore.restoration.spindle.routes import Builder, Candidate, needs_of
from recore.restoration.spindle.state import state_of
from recore.rules import RuleSet, shipped
from recore.rules.known import Known

_SURE = 0.9


@dataclass(frozen=True)
class SpindleRoutes:
    """Routes of restoration for one spindle.

    Parameters
    ----------
    best_route : of the feasible routes that meet the limits of error motion with 90 % the cheapest, or, where
        not every cost is known, the quickest that keeps the shaft; where none is so sure, the likeliest; None where no route is feasible
    feasible_routes : how many there are
    needs : what the evidence says must be done
    synchronous, asynchronous : predicted error motion after the best route [µm], median and half the shortest
        95 % interval
    chance : probability that both limits are met after it
    time, energy, cost : of the best route; cost only where the workshop's rates are given
    routes, operations, acceptance, predictions, budget : everything in full
    """

    best_route: str | None
    feasible_routes: Annotated[Quantity, Unit("pcs")]
    needs: tuple[str, ...]
    synchronous: Annotated[Quantity | None, Unit("µm")]
    asynchronous: Annotated[Quantity | None, Unit("µm")]
    chance: Annotated[Quantity | None, Unit("1")]
    time: Annotated[Quantity | None, Unit("h")]
    energy: Annotated[Quantity | None, Unit("kWh")]
    cost: Quantity | None
    rules_sha256: str
    routes: Annotated[Any, Artifact("routes.json")]
    operations: Annotated[Any, Artifact("operations.csv")]
    acceptance: Annotated[Any, Artifact("acceptance.csv")]
    predictions: Annotated[Any, Artifact("predictions.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _name: str
    _rules: tuple[Any, ...] = ()
    drawn: tuple[dict[str, Any], ...] | None = None
    limits: dict[str, float] | None = None


@method(
    "spindle.restore",
    version=1,
    standard="ISO 230-7:2015 (quantities), ISO 21940-11:2016 (balance); limits from dated rule rows",
    reproducible=Tolerance(absolute=1e-6, relative=1e-6),
)
def restore(
    spindle: SpindleCore,
    findings: OneOrMany[dict[str, Any]] | None = None,
    *,
    as_of: Day | None = None,
    rules: RuleSet | None = None,
    trials: Annotated[int, Field(ge=1000, le=1_000_000)] = 20_000,
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1,
) -> SpindleRoutes:
    """Routes by which a used spindle can be restored, what each takes, and the error motion that it will leave.

    Parameters
    ----------
    spindle : the spindle as it lies on the bench: class, taper, seats, bearings, mass and speed
    findings : findings as `recore run … --json` prints them (spindle.error-motion, vibration.envelope,
        vibration.severity), one or a list; values read off by hand as {"results": {name: quantity}}
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones
    trials, seed : of the Monte Carlo prediction

    Returns
    -------
    SpindleRoutes : keep, renew preload, replace bearings, regrind the taper, build seats up by hard chrome, HVOF or
        laser cladding and grind them, new shaft; each with operations, feasibility, acceptance tests and prediction

    Notes
    -----
    A route that leaves a known fault, or needs more than a process can do, is not feasible and says why. What was
    not measured makes *keep* and *pre-load* infeasible, because they never look inside.

    The prediction draws shares of tolerances between the bounds of the rule rows (level 4: working assumptions, not
    measurements); with `as it is` it is what was measured. It says how likely the limits are met, it replaces no
    acceptance test.

    Refuses where no finding and no row gives anything to predict from, or no route is feasible.

    References
    ----------
    ISO 21940-11:2016, 5.3 (permissible residual unbalance). JCGM 101:2008 (propagation of distributions).
    G. Lundberg and A. Palmgren, Dynamic capacity of rolling bearings, Acta Polytechnica 7 (1947) (life and scatter).
    """
    known = Known(shipped(DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    book = Book(known, spindle)
    state = state_of(findings.root if findings is not None else (), where="findings")
    needs = needs_of(book, state)
    tests, without = book.tests()
    builder = Builder(book, needs, Predictor(book, state, trials, seed), tests)
    candidates = builder.candidates()
    flags = [*state.notes, *needs.open, *without]
    if builder.missing:
        flags.append(
            Note("rule-row-missing", f"no row in force for: {', '.join(dict.fromkeys(builder.missing))}")
        )
    assumed = sorted(r.rule_id for r in known.used.values() if r.evidence_level >= 4)
    if assumed:
        flags.append(
            Note(
                "working-assumptions",
                "effort and prediction rest on rows of evidence level 4 and 5, to be replaced by the workshop's own: "
                + ", ".join(assumed),
            )
        )
    refusals: list[Note] = []
    best = _best(candidates)
    if best is None:
        refusals.append(Note("no-route", "no route is feasible: " + "; ".join(candidates[-1].route.reasons)))
    elif best.chance is None:
        flags.append(
            Note("not-predicted", f"{best.route.route}: no probability that both limits are met can be given")
        )
    elif best.chance < _SURE:
        flags.append(
            Note(
                "limit-doubtful",
                f"{best.route.route}: both limits of error motion are met with a probability of {best.chance:.0%} only",
            )
        )
    if not tests and not any(c.predictions for c in candidates):
        raise Refusal("nothing-to-go-by", "no rule row in force says a limit, and no finding a state")
    rows = [_row(candidate, which) for candidate in candidates for which in candidate.predictions]
    lines = [
        renamed(line, c.route.route) for c in candidates for p in c.predictions.values() for line in p.budget
    ]
    simulated = {
        f"{c.route.route}: {which}": p.value.uncertainty or 0.0
        for c in candidates
        for which, p in c.predictions.items()
    }
    chosen = best.predictions if best is not None else {}
    route = best.route if best is not None else None
    return SpindleRoutes(
        best_route=None if route is None else route.route,
        feasible_routes=Quantity(sum(c.route.feasible for c in candidates), "pcs"),
        needs=tuple(needs.reasons) or ("nothing",),
        synchronous=chosen["synchronous"].value if "synchronous" in chosen else None,
        asynchronous=chosen["asynchronous"].value if "asynchronous" in chosen else None,
        chance=None if best is None or best.chance is None else Quantity(best.chance),
        time=None if route is None else route.total("time") or Quantity(0.0, "h"),
        energy=None if route is None else route.total("energy"),
        cost=None if route is None else route.total("cost"),
        rules_sha256=known.digest,
        routes=[_document(c) for c in candidates],
        operations=operations_table(c.route for c in candidates),
        acceptance=_acceptance(tests),
        predictions=_predictions(rows),
        budget=budget_table(lines, simulated),
        flags=tuple(flags),
        refusals=tuple(refusals),
        _name=spindle.name,
        _rules=tuple(known.used.values()),
        drawn=tuple(rows),
        limits={which: limit[0] for which, limit in book.motion_limits().items()},
    )


@restore.plot
def _plot(result: SpindleRoutes) -> dict[str, Any]:
    return draw_routes(list(result.drawn or ()), result.limits or {}, result._name)


def _best(candidates: list[Candidate]) -> Candidate | None:
    feasible = [c for c in candidates if c.route.feasible]
    if not feasible:
        return None

    sure = [c for c in feasible if (c.chance or 0.0) >= _SURE]
    rivals = sure or feasible
    priced = all(c.route.total("cost") is not None for c in rivals if c.route.operations)

    def effort(candidate: Candidate) -> tuple[bool, float]:
        total = candidate.route.total("cost" if priced else "time")
        # the hours of fitting a new shaft say nothing of what it costs to make one
        dear = not priced and candidate.route.route == "new-shaft"
        return dear, float(total.value) if total is not None and isinstance(total.value, int | float) else 0.0

    # where nothing is sure: the likeliest, and of equals the least effort
    return min(rivals, key=lambda c: (0.0 if sure else -(c.chance or 0.0), *effort(c)))


def _row(candidate: Candidate, which: str) -> dict[str, Any]:
    prediction = candidate.predictions[which]
    value = float(prediction.value.value)
    spread = prediction.value.uncertainty or 0.0
    return {
        "route": candidate.route.route,
        "title": candidate.route.title,
        "result": which,
        "value": value,
        "u": spread,
        "low": max(value - spread, 0.0),
        "high": value + spread,
        "chance": prediction.chance,
        "feasible": "feasible" if candidate.route.feasible else "not feasible",
    }


def _document(candidate: Candidate) -> dict[str, Any]:
    return {**route_document(candidate.route), "chance": candidate.chance}


def _acceptance(tests: tuple[Any, ...]) -> Any:
    import pyarrow as pa

    rows = [
        {
            "test": t.name,
            "method": t.method or "measured on the bench",
            "result": t.result,
            "limit": limit_text(t),
            "unit": t.limit.unit,
            "rule": t.rule,
            "evidence_level": t.evidence_level,
        }
        for t in tests
    ]
    names = ("test", "method", "result", "limit", "unit", "rule")
    return pa.Table.from_pylist(
        rows, pa.schema([*((name, pa.string()) for name in names), ("evidence_level", pa.int64())])
    )


def _predictions(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    schema = pa.schema(
        [("route", pa.string()), ("result", pa.string()), ("value", pa.float64()), ("u", pa.float64()),
         ("chance", pa.float64()), ("feasible", pa.string())]
    )  # fmt: skip
    names = schema.names
    return pa.Table.from_pylist([{name: row[name] for name in names} for row in rows], schema).rename_columns(
        ["route", "result", "predicted_um", "u_um", "chance", "feasible"]
    )
