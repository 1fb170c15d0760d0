"""`[[action]]` rows for the case of support.plan, from what a support needs."""

from __future__ import annotations

from recore.model.route import Route
from recore.restoration.hydraulic_support.core import SupportCore
from recore.rules.table import toml_value


def actions_toml(core: SupportCore, work: list[Route], kinds: dict[str, str]) -> str:
    """Best routes as actions, one for each kind and action; of several prices the highest.

    What the case must have and nobody gave stands as a comment: a cost of nothing would be a lie.
    """
    found: dict[tuple[str, str], tuple[float | None, float, float]] = {}
    for route in work:
        operation = route.operations[0]
        key = kinds[operation.component], route.route
        cost = None if operation.cost is None else float(operation.cost.value)
        hours = float(operation.time.value)
        factor = float(route.properties["age_factor"].value)
        before = found.get(key)
        if before is not None:
            cost = None if cost is None or before[0] is None else max(cost, before[0])
        found[key] = cost, hours, factor
    lines = [f"# actions for support.plan, from support.restore of {toml_value(core.name)}"]
    for (kind, action), (cost, hours, factor) in sorted(found.items()):
        priced = f"cost = {cost:.2f}" if cost is not None else "# cost =    (no price or rate was given)"
        lines += ["", "[[action]]", f"kind = {toml_value(kind)}", f"name = {toml_value(action)}", priced,
                  f"hours = {hours!r}", f"age_factor = {factor:.6g}"]  # fmt: skip
    return "\n".join(lines) + "\n"
