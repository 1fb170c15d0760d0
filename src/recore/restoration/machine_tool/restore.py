"""Method `machine-tool.restore`: from positioning and circular tests to the work that a used machine tool needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import hypot
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import Contribution, budget_table, expanded_of_samples
from recore.model.route import AcceptanceTest, Operation, Route
from recore.model.trade import Day, OneOrMany
from recore.quantity import Quantity
from recore.restoration.machine_tool.core import AxisFinding, MachineTool
from recore.restoration.machine_tool.faults import Fault, faults_of, predicted
from recore.rules import Rule, RuleSet, shipped
from recore.rules.known import Known

_DOMAIN = "restoration"


@dataclass(frozen=True)
class MachineToolRoutes:
    """What to do about each fault of a machine tool.

    Parameters
    ----------
    best_route : 'keep', 'control' (compensation and tuning only) or 'mechanical'; None where none reaches the limits
    faults, open : how many values exceed their limit, and how many cannot be judged
    time, energy, cost : of the best route
    routes, predictions, acceptance, budget : everything in full
    """

    best_route: str | None
    faults: Annotated[Quantity, Unit("pcs")]
    open: Annotated[Quantity, Unit("pcs")]
    time: Annotated[Quantity | None, Unit("h")]
    energy: Annotated[Quantity | None, Unit("kWh")]
    cost: Quantity | None
    rules_sha256: str
    routes: Annotated[Any, Artifact("routes.json")]
    predictions: Annotated[Any, Artifact("predictions.csv")]
    acceptance: Annotated[Any, Artifact("acceptance.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    rows: list[dict[str, Any]]
    _name: str
    _rules: tuple[Any, ...] = ()


@method(
    "machine-tool.restore",
    version=1,
    standard="ISO 230-2:2014, ISO 230-4:2022 (quantities); limits from the machine's own data sheet",
    reproducible=Tolerance(absolute=1e-9, relative=1e-9),
)
def restore(
    machine: MachineTool,
    findings: OneOrMany[AxisFinding],
    *,
    as_of: Day | None = None,
    rules: RuleSet | None = None,
    trials: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000,
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1,
) -> MachineToolRoutes:
    """Work that a used machine tool needs, and what it will leave of each fault.

    Parameters
    ----------
    machine : its limits (data sheet or contract) and, for cost, the workshop's rates
    findings : of machine.positioning and machine.circularity, one or a list; {"axis": "X", "finding": {…}} or the bare
        finding, which goes by the name of its evidence
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones
    trials, seed : of the Monte Carlo in the budget; 0 trials leave it out

    Returns
    -------
    MachineToolRoutes : routes *keep*, *control* and *mechanical*; a route is feasible where every fault has a remedy whose
        reach is not exceeded and whose prediction, with U, keeps the limit

    Notes
    -----
    A value that its uncertainty lets straddle the limit is open, not faulty; one without limit likewise. Spindle findings go
    to `spindle.restore`. Prediction: a share of the fault stays, uniform between the bounds of the rule row (level 4); an
    axis does not become better than its repeatability by compensation.

    Refuses where no finding holds anything to judge.

    References
    ----------
    ISO 230-2:2014, 3 (accuracy, reversal, repeatability). ISO 230-4:2022. ISO 14253-1:2017 (decision with uncertainty).
    """
    known = Known(shipped(_DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    faults, notes = faults_of(findings.root, machine.limits)
    if not faults:
        raise Refusal("nothing-to-judge", "; ".join(note.text for note in notes))
    failing = [fault for fault in faults if fault.verdict == "fail"]
    tests = tuple(
        AcceptanceTest(
            f"{f.axis}: {f.result}",
            f.method,
            f.result,
            Quantity(f.limit, f.size.unit),
            machine.limits.source,
            3,
        )
        for f in faults
        if f.limit is not None
    )
    planner = _Planner(known, machine, tests, trials, seed)
    routes = [planner.kept(failing), planner.route("control", failing), planner.route("mechanical", failing)]
    flags = list(notes)
    if planner.used_assumptions:
        flags.append(
            Note(
                "working-assumptions",
                "reach and effort rest on rows of evidence level 4: " + ", ".join(planner.used_assumptions),
            )
        )
    best = next((route for route in routes if route.feasible), None)
    refusals = () if best is not None else (Note("no-route", "; ".join(routes[-1].reasons)),)
    return MachineToolRoutes(
        best_route=None if best is None else best.route,
        faults=Quantity(len(failing), "pcs"),
        open=Quantity(sum(f.verdict == "open" for f in faults), "pcs"),
        time=None if best is None else best.total("time") or Quantity(0.0, "h"),
        energy=None if best is None else best.total("energy"),
        cost=None if best is None else best.total("cost"),
        rules_sha256=known.digest,
        routes=[_document(route) for route in routes],
        predictions=_predictions(planner.rows),
        acceptance=_acceptance(tests),
        budget=budget_table(planner.lines, planner.simulated),
        flags=tuple(flags),
        refusals=refusals,
        rows=[_shown(f) for f in faults],
        _name=machine.name,
        _rules=tuple(known.used.values()),
    )


@restore.plot
def _plot(result: MachineToolRoutes) -> dict[str, Any]:
    y = {"field": "what", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 320}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 460,
        "height": {"step": 24},
        "data": {"values": [row for row in result.rows if row["share"] is not None]},
        "title": {
            "text": f"Faults of {result._name}",
            "subtitle": "measured value over its limit, with U (k = 2)",
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": "#1f5f8b"},
                "encoding": {
                    "y": y,
                    "x": {"field": "low", "type": "quantitative", "title": "value / limit [1]"},
                    "x2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": "#1f5f8b"},
                "encoding": {"y": y, "x": {"field": "share", "type": "quantitative"}},
            },
            {
                "data": {"values": [{"one": 1}]},
                "mark": {"type": "rule", "color": "#b3402a", "strokeDash": [6, 3]},
                "encoding": {"x": {"field": "one", "type": "quantitative"}},
            },
        ],
    }


# which remedies a route may use, in the order they are tried
_REMEDIES: dict[str, dict[str, tuple[str, ...]]] = {
    "control": {
        "reversal": ("compensate-backlash",),
        "position": ("compensate-pitch",),
        "servo": ("tune-servo",),
    },
    "mechanical": {
        "reversal": ("replace-screw",),
        "position": ("compensate-pitch",),
        "servo": ("tune-servo",),
        "squareness": ("align-axes",),
        "play": ("adjust-gibs", "scrape-guides"),
    },
}


class _Planner:
    """Makes the routes of one machine and keeps the lines of its tables."""

    def __init__(
        self, known: Known, machine: MachineTool, tests: tuple[AcceptanceTest, ...], trials: int, seed: int
    ) -> None:
        self.known, self.machine, self.tests, self.trials, self.seed = known, machine, tests, trials, seed
        self.simulated: dict[str, float] = {}
        self.rows: list[dict[str, Any]] = []
        self.lines: list[Contribution] = []

    @property
    def used_assumptions(self) -> list[str]:
        return sorted(row.rule_id for row in self.known.used.values() if row.evidence_level >= 4)

    def kept(self, failing: list[Fault]) -> Route:
        reasons = tuple(f"leaves {f.axis}, {f.result}: {f.size}, limit {f.limit:g}" for f in failing)
        return Route("keep", "Keep as it is", (), {}, None, self.tests, not failing, reasons)

    def route(self, name: str, failing: list[Fault]) -> Route:
        """Every fault with the first remedy that reaches far enough."""
        work: dict[tuple[str, str], Operation] = {}
        properties: dict[str, Quantity] = {}
        against = [] if failing else ["nothing exceeds its limit: nothing to do"]
        for fault in failing:
            reasons = (
                []
                if _REMEDIES[name].get(fault.symptom)
                else [f"{fault.axis}: {fault.symptom} has no remedy in the control"]
            )
            for remedy in _REMEDIES[name].get(fault.symptom, ()):
                row = self.known.about(_DOMAIN, "remedy", {"symptom": fault.symptom, "remedy": remedy})
                if row is None:
                    reasons.append(f"no rule row says what {remedy} reaches")
                    continue
                if (reason := self._beyond(row, fault)) is not None:
                    reasons.append(reason)
                    continue
                left = self._left(name, row, fault)
                assert isinstance(left.value, int | float)
                if fault.limit is not None and left.value + (left.uncertainty or 0.0) > fault.limit:
                    reasons.append(f"{fault.axis}, {fault.result}: {left} would stay, limit {fault.limit:g}")
                    continue
                properties[f"{fault.axis}: {fault.result}"] = left
                work[fault.axis, remedy] = self._operation(row, remedy, fault.axis)
                reasons = []
                break
            against += reasons
        title = {
            "control": "Compensate and tune in the control",
            "mechanical": "Restore guides, screws and alignment",
        }[name]
        return Route(
            name, title, tuple(work.values()), properties, None, self.tests, not against, tuple(against)
        )

    def _beyond(self, row: Rule, fault: Fault) -> str | None:
        most = row.params.get("most")
        if most is None:
            return None
        bound = Quantity(float(most), row.params["unit"]).to(fault.size.unit)
        assert isinstance(bound.value, int | float)
        if fault.magnitude + fault.spread <= bound.value:
            return None
        return f"{fault.axis}, {fault.result}: {fault.size} is more than {row.params['operation']} can take ({most:g} {row.params['unit']})"

    def _left(self, route: str, row: Rule, fault: Fault) -> Quantity:
        low, high = float(row.params["left_low"]), float(row.params["left_high"])
        left = predicted(fault, low, high)
        self.rows.append(
            {
                "route": route,
                "axis": fault.axis,
                "result": fault.result,
                "remedy": row.params["operation"],
                "now": fault.magnitude,
                "u_now": fault.spread,
                "predicted": float(left.value),
                "u_predicted": left.uncertainty or 0.0,
                "limit": fault.limit,
                "unit": fault.size.unit,
                "rule": row.rule_id,
            }
        )
        label = f"{route}: {fault.axis}, {fault.result}, {row.params['operation']}"
        share = (high - low) / 12**0.5
        if self.trials:
            # each prediction draws from a stream of its own, so that one more fault changes no other number
            generator = np.random.default_rng([self.seed, len(self.simulated)])
            drawn = generator.uniform(low, high, self.trials) * generator.normal(
                fault.magnitude, fault.spread / 2, self.trials
            )
            self.simulated[label] = expanded_of_samples(drawn)
        unit = fault.size.unit
        self.lines += [
            Contribution(
                label,
                f"share that {row.params['operation']} leaves",
                "B",
                share,
                "1",
                share * fault.magnitude,
                unit,
            ),
            Contribution(
                label, "measured size", "A", fault.spread / 2, unit, (low + high) / 2 * fault.spread / 2, unit
            ),
        ]
        return left

    def _operation(self, row: Rule, remedy: str, axis: str) -> Operation:
        p, machine = row.params, self.machine
        cost = None
        if machine.currency is not None:
            labour, energy = machine.labour_per_h or 0.0, machine.energy_per_kwh or 0.0
            # a new screw has a price that only its maker knows
            if remedy != "replace-screw":
                spread = hypot(p["u_hours"] * labour, p["u_kwh"] * energy)
                cost = Quantity(p["hours"] * labour + p["kwh"] * energy, machine.currency, spread)
        return Operation(
            remedy,
            p["kind"],
            axis,
            Quantity(p["hours"], "h", p["u_hours"]),
            cost,
            {},
            Quantity(p["kwh"], "kWh", p["u_kwh"]),
            tuple(p["resources"]),
        )


def _shown(fault: Fault) -> dict[str, Any]:
    share = None if fault.limit is None else fault.magnitude / fault.limit
    half = 0.0 if fault.limit is None else fault.spread / fault.limit
    return {
        "what": f"{fault.axis}: {fault.result}",
        "share": share,
        "low": None if share is None else max(share - half, 0.0),
        "high": None if share is None else share + half,
    }


def _document(route: Route) -> dict[str, Any]:
    return {
        "route": route.route,
        "title": route.title,
        "feasible": route.feasible,
        "reasons": list(route.reasons),
        "properties": {name: q.json() for name, q in route.properties.items()},
        "operations": [
            {
                "name": o.name,
                "kind": o.kind,
                "component": o.component,
                "time": o.time.json(),
                "cost": None if o.cost is None else o.cost.json(),
                "energy": None if o.energy is None else o.energy.json(),
                "resources": list(o.resources),
            }
            for o in route.operations
        ],
        "acceptance": [
            {"name": t.name, "method": t.method, "result": t.result, "limit": t.limit.json(), "rule": t.rule}
            for t in route.acceptance
        ],
    }


def _predictions(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    words, numbers = (
        ("route", "axis", "result", "remedy"),
        ("now", "u_now", "predicted", "u_predicted", "limit"),
    )
    schema = pa.schema(
        [
            *((n, pa.string()) for n in words),
            *((n, pa.float64()) for n in numbers),
            ("unit", pa.string()),
            ("rule", pa.string()),
        ]
    )
    return pa.Table.from_pylist(rows, schema)


def _acceptance(tests: tuple[AcceptanceTest, ...]) -> Any:
    import pyarrow as pa

    rows = [
        {
            "test": t.name,
            "method": t.method,
            "result": t.result,
            "limit": t.limit.value,
            "unit": t.limit.unit,
            "source": t.rule,
        }
        for t in tests
    ]
    schema = pa.schema(
        [
            (n, pa.float64() if n == "limit" else pa.string())
            for n in ("test", "method", "result", "limit", "unit", "source")
        ]
    )
    return pa.Table.from_pylist(rows, schema)
