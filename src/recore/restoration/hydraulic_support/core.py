"""The used hydraulic support as its check list describes it: components with measured facts, and what a workshop asks."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from recore.model.case import Word
from recore.model.trade import Amount, Currency, Document

Kind = Literal["leg", "ram", "check valve", "yield valve", "hose", "pin", "canopy weld"]
LEG_KINDS = ("leg", "check valve", "yield valve")
_Size = Annotated[float, Field(ge=0, le=1e4)]
_Length = Annotated[float, Field(gt=0, le=1e5)]
Truth = Annotated[bool, Field(strict=True)]


class Component(Document):
    """A component with what was measured of it; a fact that is absent was not looked at.

    Parameters
    ----------
    name, kind : what it goes by and what it is
    leg : number of the leg it belongs to, as in the pressure log; wanted for legs, check and yield valves
    seal_age_a : age of the seals (of the hose line) in years
    rod_wear_mm, bore_scratch_mm, clearance_mm, bend_mm_per_m, crack_mm : measured damage; 0 for looked at and sound;
        expanded uncertainties as u_rod_wear_mm …
    holds : whether it holds its pressure alone on the bench; None where that was not tried
    rod_diameter_mm, rod_length_mm : of the surface to be coated, for the mass of powder
    price : of parts and bought work, by action
    """

    name: Word
    kind: Kind
    leg: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    seal_age_a: _Size | None = None
    rod_wear_mm: _Size | None = None
    u_rod_wear_mm: _Size = 0.0
    bore_scratch_mm: _Size | None = None
    u_bore_scratch_mm: _Size = 0.0
    clearance_mm: _Size | None = None
    u_clearance_mm: _Size = 0.0
    bend_mm_per_m: _Size | None = None
    u_bend_mm_per_m: _Size = 0.0
    crack_mm: _Size | None = None
    u_crack_mm: _Size = 0.0
    holds: Truth | None = None
    rod_diameter_mm: _Length | None = None
    rod_length_mm: _Length | None = None
    price: Annotated[dict[Word, Amount], Field(max_length=20, default_factory=dict)]

    @model_validator(mode="after")
    def _of_a_leg(self) -> Component:
        if self.leg is None and self.kind in LEG_KINDS:
            raise ValueError(f"{self.name}: a {self.kind} wants the number of its leg, leg = 1")
        return self

    def fact(self, name: str) -> tuple[float, float] | None:
        """A measured fact with its expanded uncertainty; None where it was not measured."""
        value = getattr(self, name, None)
        return None if value is None else (float(value), float(getattr(self, f"u_{name}", 0.0)))


class SupportCore(Document):
    """A used support.

    Parameters
    ----------
    name, support : what it goes by, and its number in the pressure log
    component : what it consists of, as far as it is to be judged
    currency, labour_per_h, energy_per_kwh : what the workshop asks; they belong together
    """

    name: Word
    support: Annotated[int, Field(ge=0, le=10**6, strict=True)]
    component: Annotated[tuple[Component, ...], Field(min_length=1, max_length=200)]
    currency: Currency | None = None
    labour_per_h: Amount | None = None
    energy_per_kwh: Amount | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SupportCore:
        given = [self.currency, self.labour_per_h, self.energy_per_kwh]
        if any(v is None for v in given) and any(v is not None for v in given):
            raise ValueError("currency, labour_per_h and energy_per_kwh belong together")
        twice = [name for name, count in Counter(c.name for c in self.component).items() if count > 1]
        if twice:
            raise ValueError(f"component {twice[0]!r} is named twice")
        return self

    def cost(self, component: Component, action: str, hours: float, kwh: float) -> Decimal | None:
        """Labour, energy and parts of an action; None where a rate or the price of the action is not given."""
        price = component.price.get(action)
        if self.labour_per_h is None or self.energy_per_kwh is None or price is None:
            return None
        spent = self.labour_per_h * Decimal(repr(hours)) + self.energy_per_kwh * Decimal(repr(kwh))
        return price + spent


def is_core(document: Any) -> bool:
    """Whether a document wants to be a core: it lists components and is no finding."""
    return isinstance(document, dict) and "component" in document and "method" not in document
