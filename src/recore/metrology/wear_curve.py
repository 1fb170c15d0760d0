"""Wear curves of undercarriage parts: percent worn over a measured dimension, as knots between which it runs straight.

Charts of makers are not linear and belong to the makers: none is shipped, this is the format to bring one's own in.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recore.errors import BadInput
from recore.evidence import Table
from recore.model.case import Word
from recore.model.trade import OneOrMany
from recore.quantity import convert, kind_of, unit_of

Array = NDArray[np.float64]
Finite = Annotated[float, Field(ge=-1e6, le=1e6)]
_WORDS = ("maker", "model", "part", "tool", "source", "licence")
_LIMITS = ("limit100", "limit120")
_MAX_PERCENT = 200.0


class Interpolated(NamedTuple):
    """Percent worn with its U (k = 2); `held` where the reading lies beyond an end of the curve by less than its U."""

    percent: float
    uncertainty: float
    held: bool


class WearCurve(BaseModel):
    """One part's curve. `limit100` and `limit120` are the dimensions at 100 and 120 percent worn; they are knots too.

    `tool` says what is measured and how ('a, calliper'), `source` and `licence` where the curve comes from and who may
    use it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    maker: Word
    model: Word
    part: Word
    tool: Word
    unit: Word = "mm"
    knots: Annotated[tuple[tuple[Finite, Finite], ...], Field(min_length=1, max_length=1000)]
    limit100: Finite | None = None
    limit120: Finite | None = None
    source: Word
    licence: Word

    @field_validator("unit")
    @classmethod
    def _a_length(cls, unit: str) -> str:
        if kind_of(unit) != "length":
            raise ValueError(f"{unit!r} is no unit of length")
        return unit_of(unit)

    @model_validator(mode="after")
    def _a_curve(self) -> WearCurve:
        measured, percent = self.points()
        if len(percent) < 2:
            raise ValueError("a curve wants at least two knots")
        if percent[0] < 0 or percent[-1] > _MAX_PERCENT:
            raise ValueError(f"percent worn lies between 0 and {_MAX_PERCENT:g}")
        steps = np.diff(measured)
        if not (np.all(steps > 0) or np.all(steps < 0)):
            raise ValueError("over rising percent the dimension must rise throughout or fall throughout")
        return self

    def points(self) -> tuple[Array, Array]:
        """Dimensions in mm and percent worn, over rising percent; both float64 [knots].

        Raises
        ------
        ValueError : a limit contradicts a knot
        """
        limits = ((self.limit100, 100.0), (self.limit120, 120.0))
        found: dict[float, float] = {}
        for value, percent in (*self.knots, *limits):
            if value is None:
                continue
            if not math.isclose(found.setdefault(percent, value), value, rel_tol=1e-9):
                raise ValueError(f"{percent:g} percent stands at {found[percent]:g} and at {value:g}")
        ordered = sorted(found.items())
        measured = np.array([convert(value, self.unit, "mm") for _, value in ordered], dtype=float)
        return measured, np.array([percent for percent, _ in ordered], dtype=float)

    @property
    def name(self) -> str:
        return f"{self.maker} {self.model}, {self.part}, {self.tool}"

    def worn(self, measured_mm: float, u_mm: float) -> Interpolated | None:
        """Percent worn of a reading, None where it lies beyond the curve: nothing is extrapolated.

        U is the steepest slope that the interval reading ± U touches, times U: between two knots that is exact.
        """
        measured, percent = self.points()
        if measured[0] > measured[-1]:
            measured, percent = measured[::-1], percent[::-1]
        inside = float(np.clip(measured_mm, measured[0], measured[-1]))
        held = inside != measured_mm
        if held and abs(measured_mm - inside) > u_mm:
            return None
        slopes = np.abs(np.diff(percent) / np.diff(measured))
        touched = (measured[:-1] <= inside + u_mm) & (measured[1:] >= inside - u_mm)
        spread = float(np.max(slopes[touched])) * u_mm
        return Interpolated(float(np.interp(inside, measured, percent)), spread, held)


def curves_by_part(given: Table | OneOrMany[WearCurve]) -> dict[tuple[str, str], WearCurve]:
    """Curves by part and tool, small letters, from documents or from a table with one row for each knot.

    Columns of the table: maker, model, part, tool, measured_mm, percent, limit100_mm and limit120_mm (where stated),
    source, licence.

    Raises
    ------
    BadInput : two curves for one part, or a curve that is none
    """
    where = given.name if isinstance(given, Table) else "wear curves"
    found: dict[tuple[str, str], WearCurve] = {}
    for curve in _of_table(given) if isinstance(given, Table) else given.root:
        key = part_key(curve.part, curve.tool)
        if key in found:
            raise BadInput(
                f"there are two curves for {curve.part}, {curve.tool}",
                where=where,
                right="give the curves of one machine",
            )
        found[key] = curve
    return found


def part_key(part: str, tool: str) -> tuple[str, str]:
    """What a reading and its curve are matched by."""
    return part.strip().casefold(), tool.strip().casefold()


def _of_table(table: Table) -> list[WearCurve]:
    words = {name: table.texts(name) for name in _WORDS}
    measured, percent = table.floats("measured_mm"), table.floats("percent")
    limits = {name: table.floats(f"{name}_mm") for name in _LIMITS if table.has(f"{name}_mm")}
    entries: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row, knot in enumerate(zip(measured.tolist(), percent.tolist(), strict=True)):
        named = {name: column[row] for name, column in words.items()}
        stated = {name: float(column[row]) for name, column in limits.items()}
        entry = entries.setdefault((*named.values(), *stated.values()), {**named, **stated, "knots": []})
        entry["knots"].append(knot)
    try:
        return [WearCurve.model_validate(entry) for entry in entries.values()]
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"])
        text = fault["msg"].removeprefix("Value error, ")
        raise BadInput(f"{field}: {text}" if field else text, where=table.name) from None
