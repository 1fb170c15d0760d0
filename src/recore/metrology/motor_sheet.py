"""The test sheet of an induction motor as a form: rating plate, no-load test, load test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recore.quantity import convert, kind_of, units_of_suffix

Positive = Annotated[float, Field(gt=0, le=1e9)]
NotNegative = Annotated[float, Field(ge=0, le=1e9)]
Celsius = Annotated[float, Field(ge=-60, le=400)]
Percent = Annotated[float, Field(gt=0, le=10)]


class _Form(BaseModel):
    """Field names carry their unit; `power_kw` serves where `power_w` is wanted. Other fields are kept as extras."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _own_units(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        wanted = {units_of_suffix(name)[0]: name for name in cls.model_fields}
        filled: dict[str, Any] = {}
        for key, value in given.items():
            name, converted = str(key).strip(), value
            stem, units = units_of_suffix(name)
            target = wanted.get(stem)
            if name not in cls.model_fields and target is not None and _is_number(value):
                unit = _unit_of_field(target)
                same = [u for u in units if unit and kind_of(u) == kind_of(unit)]
                if same:
                    name, converted = target, convert(float(value), same[0], unit)
                elif target not in given:
                    raise ValueError(f"{name!r} stands where {target!r} is wanted")
            if name in filled:
                raise ValueError(f"{name!r} is given twice, in two units")
            filled[name] = converted
        return filled


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unit_of_field(name: str) -> str:
    units = units_of_suffix(name)[1]
    return "N·m" if "N·m" in units else units[0] if units else ""


class Rating(_Form):
    """The rating plate."""

    power_kw: Positive
    voltage_v: Positive
    frequency_hz: Annotated[float, Field(gt=0, le=1000)]
    poles: Annotated[int, Field(ge=2, le=96, multiple_of=2)]
    current_a: Positive | None = None
    speed_rpm: Positive | None = None


class NoLoadPoint(_Form):
    """One reading of the no-load test: line voltage, line current, input power."""

    voltage_v: Positive
    current_a: Positive
    power_w: Positive


class LoadPoint(_Form):
    """One reading of the load test; `frequency_hz` where it was read, else the rated frequency holds."""

    voltage_v: Positive
    current_a: Positive
    power_w: NotNegative
    speed_rpm: Positive
    torque_nm: NotNegative
    frequency_hz: Annotated[float, Field(gt=0, le=1000)] | None = None


class Instruments(_Form):
    """Limits of error of the instruments: of reading in %, or in the unit named."""

    power_accuracy_pct: Percent | None = None
    current_accuracy_pct: Percent | None = None
    voltage_accuracy_pct: Percent | None = None
    torque_accuracy_pct: Percent | None = None
    speed_accuracy_rpm: Annotated[float, Field(gt=0, le=100)] | None = None
    frequency_accuracy_pct: Percent | None = None
    resistance_accuracy_pct: Percent | None = None
    temperature_accuracy_k: Annotated[float, Field(gt=0, le=20)] | None = None


class MotorTestSheet(_Form):
    """A motor test sheet.

    `line_resistance_ohm` is read between two line terminals at the end of the load test, when the winding has
    `resistance_temperature_c`. Where only a resistance at another temperature was read, `winding_temperature_c`
    states the temperature of the winding at the end of the load test.
    """

    rated: Rating
    connection: Literal["star", "delta"]
    line_resistance_ohm: Positive | None = None
    resistance_temperature_c: Celsius | None = None
    winding_temperature_c: Celsius | None = None
    coolant_temperature_c: Annotated[float, Field(ge=-30, le=100)] | None = None
    voltage_unbalance_pct: Annotated[float, Field(ge=0, le=100)] | None = None
    no_load: tuple[NoLoadPoint, ...] | None = None
    load: tuple[LoadPoint, ...]
    instruments: Instruments = Instruments()
    note: str | None = None
    source: str | None = None

    def unused(self) -> list[str]:
        """Names of the fields that the method does not know, with their place."""
        parts: list[tuple[str, _Form]] = [
            ("", self),
            ("rated.", self.rated),
            ("instruments.", self.instruments),
        ]
        parts += [("no_load.", point) for point in self.no_load or ()]
        parts += [("load.", point) for point in self.load]
        return sorted({f"{place}{name}" for place, part in parts for name in part.model_extra or {}})
