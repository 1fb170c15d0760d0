"""Routes as JSON and as tables, the same of every restoration method."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from recore.model.route import AcceptanceTest, Route
from recore.quantity import Quantity


def route_document(route: Route) -> dict[str, Any]:
    """A route as JSON; quantities in the form that findings have."""
    found: dict[str, Any] = _json(route, asdict(route))
    return found


def _json(value: Any, plain: Any) -> Any:
    if isinstance(value, Quantity):
        return value.json()
    if hasattr(value, "__dataclass_fields__"):
        return {name: _json(getattr(value, name), plain[name]) for name in value.__dataclass_fields__}
    if isinstance(value, tuple | list):
        return [_json(item, inner) for item, inner in zip(value, plain, strict=True)]
    if isinstance(value, dict):
        return {name: _json(item, plain[name]) for name, item in value.items()}
    return value


def operations_table(routes: Iterable[Route]) -> Any:
    """One row for each operation of each route."""
    import pyarrow as pa

    rows = [
        {
            "route": route.route,
            "step": step,
            "operation": o.name,
            "kind": o.kind,
            "component": o.component,
            "time_h": float(o.time.value),
            "u_time_h": o.time.uncertainty,
            "energy_kwh": None if o.energy is None else float(o.energy.value),
            "cost": None if o.cost is None else round(float(o.cost.value), 2),
            "u_cost": None if o.cost is None else o.cost.uncertainty,
            "currency": "" if o.cost is None else o.cost.unit,
            "material": "; ".join(f"{name} {mass.value:.3g} kg" for name, mass in o.material.items()),
            "resources": "; ".join(o.resources),
            "note": o.note,
        }
        for route in routes
        for step, o in enumerate(route.operations, 1)
    ]
    schema = pa.schema(
        [("route", pa.string()), ("step", pa.int64()), ("operation", pa.string()), ("kind", pa.string()),
         ("component", pa.string()), ("time_h", pa.float64()), ("u_time_h", pa.float64()), ("energy_kwh", pa.float64()),
         ("cost", pa.float64()), ("u_cost", pa.float64()), ("currency", pa.string()), ("material", pa.string()),
         ("resources", pa.string()), ("note", pa.string())]
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema)


def limit_text(test: AcceptanceTest) -> str:
    """The limit as tables show it."""
    value = test.limit.value
    return value if isinstance(value, str) else f"{value:.6g}"
