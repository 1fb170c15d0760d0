"""Method `support.restore`: from findings and a check list to the work that a hydraulic support needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.reading import validated
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.model.route import Route
from recore.model.trade import Day
from recore.quantity import Quantity
from recore.restoration.hydraulic_support.acceptance import DOMAIN, test_cells, tests_table
from recore.restoration.hydraulic_support.core import SupportCore, is_core
from recore.restoration.hydraulic_support.found import found_of
from recore.restoration.hydraulic_support.needs import Needs, needs_of
from recore.restoration.hydraulic_support.plan_actions import actions_toml
from recore.restoration.hydraulic_support.routes import KEEP, best_of, routes_of
from recore.restoration.route_tables import operations_table, route_document
from recore.rules import RuleSet, shipped
from recore.rules.known import Known


@dataclass(frozen=True)
class SupportRoutes:
    """Work that a hydraulic support needs, component by component.

    Parameters
    ----------
    components : looked at; kept, worked_on and open : with the best route *keep*, another, or none that can be chosen yet
    time, energy, cost : of all best routes together; cost only where every part of it is given
    needs : component and what it needs
    routes : every component with its needs, its best route and all routes
    operations : of the best routes; acceptance : tests of the components worked on
    predictions : expected state after each feasible route, with U (k = 2)
    actions : `[[action]]` rows for the case of support.plan
    """

    components: Annotated[Quantity, Unit("pcs")]
    kept: Annotated[Quantity, Unit("pcs")]
    worked_on: Annotated[Quantity, Unit("pcs")]
    open: Annotated[Quantity, Unit("pcs")]
    time: Annotated[Quantity | None, Unit("h")]
    energy: Annotated[Quantity | None, Unit("kWh")]
    cost: Quantity | None
    needs: tuple[str, ...]
    rules_sha256: str
    routes: Annotated[Any, Artifact("routes.json")]
    operations: Annotated[Any, Artifact("operations.csv")]
    acceptance: Annotated[Any, Artifact("acceptance.csv")]
    predictions: Annotated[Any, Artifact("predictions.csv")]
    actions: Annotated[str, Artifact("actions.toml")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _name: str
    _rules: tuple[Any, ...] = ()
    _drawn: tuple[dict[str, Any], ...] = ()


@method(
    "support.restore",
    version=1,
    standard="work and limits from dated rule rows",
    reproducible=Tolerance(absolute=1e-9, relative=1e-9),
)
def restore(
    *documents: Table | dict[str, Any],
    as_of: Day | None = None,
    rules: RuleSet | None = None,
) -> SupportRoutes:
    """Work that a used hydraulic support needs: keep, reseal, build up, remanufacture or replace each component.

    Parameters
    ----------
    documents : in any order one core (`core.toml` or JSON: name, support and `[[component]]` with the facts of the check
        list), findings of support.diagnose, support.cycles and support.risk as `recore run … --json` prints them, and
        the table faults.parquet of the diagnosis, which alone says at which support and leg a fault is
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones

    Returns
    -------
    SupportRoutes : routes of every component, and the best: the cheapest feasible one where all are priced, else the least
        intervention that meets every need

    Notes
    -----
    A fault code is laid to a component where one alone can be the cause, or where the bench told (`holds`). A leg that
    loses pressure may leak over its seals or over a valve: the slope of one leg does not tell which, so the work is
    refused and the test that tells is named. Sensor faults ask for no mechanical work; low supply and roof load are not
    the support's. A fact that was not measured makes *keep* infeasible. Expected states are shares of the age and of
    the fault, uniform between the bounds of a rule row (level 4).

    Refuses where no rule row knows any action.

    Raises
    ------
    BadInput : no core or two, a document that is neither core nor finding, faults that are not the finding's

    References
    ----------
    ISO 14253-1:2017, 5.2 and 5.3 (decision with uncertainty).
    """
    cores = [document for document in documents if isinstance(document, SupportCore) or is_core(document)]
    if len(cores) != 1:
        raise BadInput(
            f"{len(cores)} of {len(documents)} documents describe a support",
            where="documents of support.restore",
            right="one core with [[component]] tables is wanted, beside the findings",
        )
    core: SupportCore = validated(cores[0], SupportCore, "core of support.restore")
    found = found_of(document for document in documents if document is not cores[0])
    known = Known(shipped(DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    needs, flags, refusals = needs_of(known, core, found)
    routes = {part.name: routes_of(known, core, part, needs[part.name]) for part in core.component}
    if all(len(listed) == 1 for listed in routes.values()):
        raise Refusal("rule-row-missing", "no rule row in force knows anything to do about these components")
    best = {name: best_of(listed, needs[name]) for name, listed in routes.items()}
    for name, route in best.items():
        if route is None and needs[name].words:
            refusals.append(Note("no-route", f"{name}: {'; '.join(routes[name][-1].reasons)}"))
    work = [route for route in best.values() if route is not None and route.route != KEEP]
    flags = [*found.notes, *flags]
    assumed = sorted(row.rule_id for row in known.used.values() if row.evidence_level >= 4)
    if assumed:
        flags.append(
            Note(
                "working-assumptions",
                f"{len(assumed)} rule rows of evidence level 4 and 5 are used, to be replaced by the workshop's own",
            )
        )
    kinds: dict[str, str] = {part.name: part.kind for part in core.component}
    return SupportRoutes(
        components=Quantity(len(routes), "pcs"),
        kept=Quantity(sum(r is not None and r.route == KEEP for r in best.values()), "pcs"),
        worked_on=Quantity(len(work), "pcs"),
        open=Quantity(sum(r is None for r in best.values()), "pcs"),
        time=_total(work, "time", "h"),
        energy=_total(work, "energy", "kWh"),
        cost=_total(work, "cost", core.currency),
        needs=tuple(f"{name}: {word}" for name, need in needs.items() for word in need.words) or ("nothing",),
        rules_sha256=known.digest,
        routes=[
            _document(name, kinds[name], needs[name], best[name], listed) for name, listed in routes.items()
        ],
        operations=operations_table(work),
        acceptance=_acceptance(best, kinds),
        predictions=_predictions(routes),
        actions=actions_toml(core, work, kinds),
        flags=tuple(flags),
        refusals=(*found.refusals, *refusals),
        _name=core.name,
        _rules=tuple(known.used.values()),
        _drawn=tuple(_shown(name, route) for name, route in best.items()),
    )


@restore.plot
def _plot(result: SupportRoutes) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 420,
        "height": {"step": 22},
        "title": {"text": f"Work on {result._name}", "subtitle": "best route of each component"},
        "data": {"values": list(result._drawn)},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "y": {"field": "component", "type": "nominal", "title": None, "sort": None},
            "x": {"field": "hours", "type": "quantitative", "title": "time [h]"},
            "color": {"field": "route", "type": "nominal", "title": "route"},
        },
    }


def _shown(name: str, route: Route | None) -> dict[str, Any]:
    time = None if route is None else route.total("time")
    return {
        "component": name,
        "route": "not told yet" if route is None else route.route,
        "hours": 0.0 if time is None else time.value,
    }


def _total(work: list[Route], what: str, unit: str | None) -> Quantity | None:
    """Sum over the best routes; None where one of them is not known."""
    parts: list[Any] = [route.total(what) for route in work]
    if unit is None or any(part is None for part in parts):
        return None
    spread = sum((part.uncertainty or 0.0) ** 2 for part in parts) ** 0.5
    value = sum((part.value for part in parts), 0.0)
    return Quantity(round(value, 2) if what == "cost" else value, unit, spread or None)


def _document(name: str, kind: str, needs: Needs, best: Route | None, routes: list[Route]) -> dict[str, Any]:
    return {
        "component": name,
        "kind": kind,
        "best_route": None if best is None else best.route,
        "needs": needs.words,
        "open": needs.open,
        "routes": [route_document(route) for route in routes],
    }


def _acceptance(best: dict[str, Route | None], kinds: dict[str, str]) -> Any:
    import pyarrow as pa

    rows = [
        {"component": name, "kind": kinds[name], "action": route.route, **test_cells(test)}
        for name, route in best.items()
        if route is not None
        for test in route.acceptance
    ]
    return tests_table(rows, {"component": pa.string(), "kind": pa.string(), "action": pa.string()})


def _predictions(routes: dict[str, list[Route]]) -> Any:
    import pyarrow as pa

    rows = [
        {
            "component": name,
            "route": r.route,
            "property": what,
            "value": q.value,
            "u": q.uncertainty,
            "unit": q.unit,
        }
        for name, listed in routes.items()
        for r in listed
        if r.feasible
        for what, q in r.properties.items()
    ]
    names = ("component", "route", "property", "value", "u", "unit")
    schema = pa.schema([(n, pa.float64() if n in ("value", "u") else pa.string()) for n in names])
    return pa.Table.from_pylist(rows, schema)
