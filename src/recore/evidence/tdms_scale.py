"""Scales that a TDMS file states for raw counts: linear and polynomial, one after another."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RAW = 0xFFFFFFFF
_TYPE = re.compile(r"NI_Scale\[(\d{1,6})\]_Scale_Type")
_MAX_DEGREE = 32
_MAX_STEPS = 16
_RIGHT = "export it as scaled values"


@dataclass(frozen=True)
class Scale:
    """Polynomials, the coefficients of each by rising power; each takes what the one before gives."""

    steps: tuple[tuple[float, ...], ...]

    def __call__(self, counts: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        values: NDArray[Any] = counts.astype(np.float64)
        for coefficients in self.steps:
            with np.errstate(all="ignore"):  # a value beyond a double is refused as infinite later
                values = np.polynomial.polynomial.polyval(values, coefficients)
        return values


def scale_of(
    levels: Sequence[Mapping[str, Any]], raw: int | None = None
) -> tuple[Scale | None, tuple[str, str] | None]:
    """The scale of a channel, or why there is none that can be used, with what would be right.

    Parameters
    ----------
    levels : properties of the channel, of its group and of the file; the first that states a scale counts
    raw : number that the raw counts of DAQmx have among the scales, None where they are no DAQmx
    """
    for properties in levels:
        if properties.get("NI_Scaling_Status") == "scaled":
            return None, None
        stated = [int(m[1]) for m in map(_TYPE.fullmatch, properties) if m]
        if not stated:
            if properties.get("NI_Scaling_Status") == "unscaled":
                return None, ("holds raw counts without a scale", _RIGHT)
            continue
        number = properties.get("NI_Number_Of_Scales")
        last = number - 1 if isinstance(number, int) and number > 0 else max(stated)
        steps: list[tuple[float, ...]] = []
        while last not in (_RAW, raw):
            step = _step(properties, last)
            if step is None or len(steps) >= _MAX_STEPS:
                kind = properties.get(f"NI_Scale[{last}]_Scale_Type")
                return None, (f"holds raw counts with a scale of type {str(kind)[:40]!r}", _RIGHT)
            steps.insert(0, step[0])
            last = step[1]
        return Scale(tuple(steps)), None
    return (None, None) if raw is None else (None, ("holds raw counts without a scale", _RIGHT))


def _step(properties: Mapping[str, Any], index: int) -> tuple[tuple[float, ...], int] | None:
    """Coefficients of one scale and the index of its input; None where it is not one that is known."""
    name = f"NI_Scale[{index}]_"
    kind = properties.get(name + "Scale_Type")
    if kind == "Linear":
        found = [properties.get(name + "Linear_Y_Intercept"), properties.get(name + "Linear_Slope")]
        source = properties.get(name + "Linear_Input_Source", _RAW)
    elif kind == "Polynomial":
        size = properties.get(name + "Polynomial_Coefficients_Size", 4)
        if not isinstance(size, int) or not 0 < size <= _MAX_DEGREE:
            return None
        found = [properties.get(f"{name}Polynomial_Coefficients[{i}]") for i in range(size)]
        source = properties.get(name + "Polynomial_Input_Source", _RAW)
    else:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in found):
        return None
    if not isinstance(source, int) or (source != _RAW and source >= index):
        return None
    return tuple(float(value) for value in found if value is not None), source
