"""The routes of one component: keep, reseal, build up, remanufacture, replace; each feasible or not, with the reasons."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from math import pi
from typing import Any

from recore.model.route import Operation, Route
from recore.quantity import Quantity
from recore.restoration.decision import share_left
from recore.restoration.hydraulic_support.acceptance import DOMAIN, tests_of
from recore.restoration.hydraulic_support.core import Component, SupportCore
from recore.restoration.hydraulic_support.needs import Needs
from recore.rules import Rule
from recore.rules.known import Known

# from the least to the largest intervention; where not everything has a price the first feasible one is the best
ACTIONS = ("reseal", "clad-laser", "clad-hvof", "replate-chrome", "remanufacture", "replace")
KEEP = "keep"
_CENT = Decimal("0.01")


def routes_of(known: Known, core: SupportCore, part: Component, needs: Needs) -> list[Route]:
    """Every route that a rule row knows for the component's kind, keeping it first."""
    tests = tests_of(known, part.kind)
    reasons = tuple(why for said in needs.words.values() for why in said)
    against = (*reasons, *needs.open)
    if needs.suspected:
        against = (*against, "a fault of the record may be its: not located")
    routes = [Route(KEEP, "Keep as it is", (), {}, None, (), not against, against)]
    for action in ACTIONS:
        row = known.about(DOMAIN, f"support-action:{action}", {"component_kind": part.kind, "action": action})
        if row is None:
            continue
        reasons = tuple(_against(row, part, needs))
        whole = action == "replace"
        routes.append(
            Route(
                action,
                row.params["title"],
                (_operation(row, core, part, needs),),
                _left(row, needs),
                Quantity(1.0) if whole else None,
                tests,
                not reasons,
                reasons or tuple(why for said in needs.words.values() for why in said),
            )
        )
    return routes


def best_of(routes: list[Route], needs: Needs) -> Route | None:
    """Of the feasible routes the cheapest, or where not all are priced the least intervention; None where none can be
    chosen, because a fault is not located or nothing that was looked at speaks for work."""
    if needs.suspected and not needs.words:
        return None
    if routes[0].feasible:
        return routes[0]
    if not needs.words:
        # only open questions: to be answered before money is spent
        return None
    feasible = [route for route in routes[1:] if route.feasible]
    costs = [route.total("cost") for route in feasible]
    if feasible and all(cost is not None for cost in costs):
        return min(feasible, key=lambda route: float(route.total("cost").value))  # type: ignore[union-attr]
    return feasible[0] if feasible else None


def _against(row: Rule, part: Component, needs: Needs) -> list[str]:
    """Why an action will not do."""
    p = row.params
    unmet = [need for need in needs.words if need not in p["meets"]]
    said = [f"leaves {why}" for need in unmet for why in needs.words[need]]
    if not needs.words:
        said.append("nothing that was looked at asks for it")
    worn = _worn(part)
    if "most_mm" in p and worn is not None and sum(worn) > p["most_mm"]:
        said.append(f"wear of {sum(worn):g} mm with U is more than {p['most_mm']:g} mm ({row.rule_id})")
    return said


def _worn(part: Component) -> tuple[float, float] | None:
    return part.fact("clearance_mm" if part.kind == "pin" else "rod_wear_mm")


def _operation(row: Rule, core: SupportCore, part: Component, needs: Needs) -> Operation:
    p = row.params
    amount = core.cost(part, p["action"], p["hours"], p["kwh"])
    cost = None
    if amount is not None:
        rate, energy = float(core.labour_per_h or 0), float(core.energy_per_kwh or 0)
        spread = ((p["u_hours"] * rate) ** 2 + (p["u_kwh"] * energy) ** 2) ** 0.5
        cost = Quantity(float(amount.quantize(_CENT, ROUND_HALF_UP)), core.currency or "", round(spread, 2))
    return Operation(
        p["action"],
        p["kind"],
        part.name,
        Quantity(p["hours"], "h", p["u_hours"]),
        cost,
        _powder(p, part),
        Quantity(p["kwh"], "kWh", p["u_kwh"]),
        tuple(p["resources"]),
        "; ".join(why for need, said in needs.words.items() if need in p["meets"] for why in said),
    )


def _powder(p: dict[str, Any], part: Component) -> dict[str, Quantity]:
    """Mass of coating, where the size of the surface is known."""
    if "density_kg_m3" not in p or part.rod_diameter_mm is None or part.rod_length_mm is None:
        return {}
    worn = _worn(part)
    thick = max(p["least_mm"], worn[0] if worn else 0.0) + p["allowance_mm"]
    volume = pi * (part.rod_diameter_mm - thick) * thick * part.rod_length_mm * 1e-9
    return {p["material"]: Quantity(volume * p["density_kg_m3"] / p["efficiency"], "kg")}


def _left(row: Rule, needs: Needs) -> dict[str, Quantity]:
    """What the component will be afterwards, as far as a row knows it."""
    p = row.params
    age, u_age = share_left(1.0, 0.0, p["age_low"], p["age_high"])
    properties = {"age_factor": Quantity(age, "1", u_age or None)}
    for need, faults in needs.faults.items():
        for fault in faults if need in p["meets"] else ():
            if fault.value is None:
                continue
            # the table's u is a standard uncertainty; a quantity carries the expanded one
            left, spread = share_left(abs(fault.value), 2 * (fault.u or 0.0), p["left_low"], p["left_high"])
            properties[fault.fault] = Quantity(left, fault.unit or "1", spread)
    return properties
