"""The machine tool, its own limits, and findings that say which axis they belong to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from recore.finding import Finding
from recore.model.case import Word
from recore.model.trade import Currency, Document

Positive = Annotated[float, Field(gt=0, le=1e7)]
Rate = Annotated[float, Field(ge=0, le=1e7)]


class Limits(Document):
    """Limits of the machine's data sheet or purchase contract; standards give methods and no limits.

    Parameters
    ----------
    accuracy_um : bidirectional accuracy of positioning A of each axis (ISO 230-2)
    reversal_um : reversal error B
    circular_um : circular deviation G
    squareness_um_per_m, play_um, servo_ms : of the ballbar diagnosis
    """

    source: Word
    accuracy_um: Positive | None = None
    reversal_um: Positive | None = None
    circular_um: Positive | None = None
    squareness_um_per_m: Positive | None = None
    play_um: Positive | None = None
    servo_ms: Positive | None = None


class MachineTool(Document):
    """A used machine tool, with its limits and what a workshop's hour and energy cost."""

    name: Word
    limits: Limits
    currency: Currency | None = None
    labour_per_h: Rate | None = None
    energy_per_kwh: Rate | None = None

    @model_validator(mode="after")
    def _priced(self) -> MachineTool:
        given = [self.currency, self.labour_per_h, self.energy_per_kwh]
        if any(v is None for v in given) and any(v is not None for v in given):
            raise ValueError("currency, labour_per_h and energy_per_kwh belong together")
        return self


class AxisFinding(Document):
    """A finding and the axis or plane it was measured on ('X', 'XY').

    A finding alone, as `recore run … --json` prints it, goes by the name of its evidence.
    """

    axis: Word
    finding: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, dict) and "method" in value:
            evidence = value.get("evidence") or [{}]
            name = evidence[0].get("name") if isinstance(evidence[0], dict) else None
            return {"axis": name or "unnamed", "finding": value}
        return value

    def read(self) -> Finding:
        """The finding, checked."""
        return Finding.from_json(self.finding, where=f"finding of {self.axis}")
