"""Displacement over temperature: which temperature an axis follows, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.method import Note
from recore.metrology.spindle import thermal_drift as drift
from recore.metrology.spindle.thermal_evaluate import Evaluation
from recore.metrology.spindle.thermal_fit import block_means
from recore.metrology.spindle.thermal_record import Phase, ThermalRecord

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sensitivity:
    """Displacement over temperature, by a straight line.

    Parameters
    ----------
    slope, u : with standard uncertainty, widened for correlated residuals [µm/K]
    r : coefficient of correlation
    span : range of the temperature [K]
    """

    slope: float
    u: float
    r: float
    span: float


def sensitivity(minutes: Floats, values: Floats, temperature: Floats) -> Sensitivity | None:
    """None where the temperature moves by less than 0.1 K or ten times its noise: then a slope is a guess."""
    _, x = block_means(minutes, values)
    _, heat = block_means(minutes, temperature)
    span = float(np.ptp(heat))
    if len(x) < 12 or span < max(0.1, 10 * drift.noise_of(temperature) / np.sqrt(len(temperature) / len(x))):
        return None
    h = heat - heat.mean()
    across = float(h @ h)
    slope = float(h @ x) / across
    left = x - x.mean() - slope * h
    rest = float(left @ left)
    alike = min(max(float(left[1:] @ left[:-1]) / rest if rest else 0.0, 0.0), 0.99)
    u = float(np.sqrt(rest / (len(x) - 2) / across * (1 + alike) / (1 - alike)))
    spread = float(np.sqrt(across * ((x - x.mean()) @ (x - x.mean()))))
    return Sensitivity(slope, u, float(h @ x) / spread if spread else 0.0, span)


def expansions(
    found: Evaluation,
    record: ThermalRecord,
    channels: dict[str, tuple[Floats, str]],
    phases: dict[Phase, NDArray[np.bool_]],
) -> dict[str, tuple[Floats, Floats]]:
    """Every channel over every temperature in every phase; the closest pair of an axis is its result.

    Where the record has a phase at rest, that alone decides: while the spindle turns everything grows with time, and
    so with every temperature.

    Returns
    -------
    By channel, what the surroundings do to it at each reading, and the standard uncertainty of that [µm]
    """
    deciding = "environment" if "environment" in phases else next(iter(phases))
    taken: dict[str, tuple[Floats, Floats]] = {}
    for channel, (values, unit) in channels.items():
        if unit != "µm" or not record.temperatures:
            continue
        best: tuple[str, Sensitivity] | None = None
        for phase, rows in phases.items():
            for name, temperature in record.temperatures.items():
                seen = sensitivity(record.minutes[rows], values[rows], temperature[rows])
                label = f"expansion_{channel}_over_{name}_{phase}"
                if seen is None:
                    found.refused[label] = "the temperature hardly moves: a slope would be a guess"
                    continue
                _add_slope(found, label, seen)
                found.values[f"correlation_{channel}_with_{name}_{phase}"] = (seen.r, "1")
                if phase == deciding and (best is None or abs(seen.r) > abs(best[1].r)):
                    best = (name, seen)
        if best is None:
            continue
        name, seen = best
        if abs(seen.slope) < 2 * seen.u:
            text = (
                f"no displacement follows a temperature beyond U (best: {name}, {deciding}, r = {seen.r:.2f})"
            )
            found.refused[f"expansion_{channel}"] = text
            continue
        _add_slope(found, f"expansion_{channel}", seen)
        text = f"expansion_{channel} is over {name}, {deciding}, r = {seen.r:.3f}; a correlation, not yet a cause"
        found.flags.append(Note("expansion-by-correlation", text))
        if deciding == "environment" and len(phases) > 1:
            rise = record.temperatures[name] - record.temperatures[name][phases["environment"]].mean()
            taken[channel] = seen.slope * rise, seen.u * rise
            text = f"time_constant_{channel} is of the displacement less what follows {name}"
            found.flags.append(Note("surroundings-taken-off", text))
    return taken


def _add_slope(found: Evaluation, label: str, seen: Sensitivity) -> None:
    parts = {
        "scatter about the line": ("A", seen.u),
        "gain of the sensors": ("B", abs(seen.slope) * found.sensor.gain),
    }
    found.add(label, seen.slope, "µm/K", parts)
