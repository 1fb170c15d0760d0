"""How a core is restored: a route of operations, what it costs, and what comes out.

Every restoration method offers its routes in this one shape; impact, disposition, schedule and price read it
and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recore.quantity import Quantity


@dataclass(frozen=True)
class Operation:
    """One step of a route.

    Parameters
    ----------
    name : what is done, in the trade's words
    kind : 'disassemble', 'clean', 'inspect', 'machine', 'grind', 'deposit', 'heat-treat', 'balance', 'replace',
        'assemble' or 'test'
    component : what it is done to
    time : machine or bench time [h]
    cost : without overhead, in a currency; None where no rate is known
    material : name → mass [kg] that goes in
    energy : electricity used [kWh]
    resources : machine types it occupies
    note : why it is there
    """

    name: str
    kind: str
    component: str
    time: Quantity
    cost: Quantity | None = None
    material: dict[str, Quantity] = field(default_factory=dict)
    energy: Quantity | None = None
    resources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class AcceptanceTest:
    """What must be shown before the part is released.

    Parameters
    ----------
    name : of the test
    method : id of the method that evaluates it
    result : name of the result that is held against the limit
    limit : largest permitted value (or smallest, where `least`)
    rule : id of the rule row that the limit stands in
    evidence_level : of that row
    """

    name: str
    method: str
    result: str
    limit: Quantity
    rule: str
    evidence_level: int
    least: bool = False


@dataclass(frozen=True)
class Route:
    """A way to restore a core.

    Parameters
    ----------
    route : short name, one word with dashes
    title : what a person calls it
    operations : in order
    properties : what the part will be afterwards, each with uncertainty
    remaining_life : expected life as a share of a new part's, with uncertainty; None where nothing is known
    acceptance : tests that must be passed
    feasible : whether it can be done; False with the reasons
    reasons : why it is or is not feasible, each naming the finding or the rule row
    """

    route: str
    title: str
    operations: tuple[Operation, ...]
    properties: dict[str, Quantity]
    remaining_life: Quantity | None
    acceptance: tuple[AcceptanceTest, ...]
    feasible: bool
    reasons: tuple[str, ...] = ()

    def total(self, what: str) -> Quantity | None:
        """Sum of 'time', 'cost' or 'energy' over the operations; None where one of them is not known."""
        parts: list[Any] = [getattr(operation, what) for operation in self.operations]
        if not parts or any(part is None for part in parts) or len({part.unit for part in parts}) > 1:
            return None
        # the operations are estimated on their own: their uncertainties add in quadrature
        spread = sum((part.uncertainty or 0.0) ** 2 for part in parts) ** 0.5
        return Quantity(sum(part.value for part in parts), parts[0].unit, spread or None)
