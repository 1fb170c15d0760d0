"""What is evaluated of each channel of a thermal test, with the budget of every value."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.method import Note
from recore.metrology.budget import Contribution, combined, expanded_of_samples
from recore.metrology.spindle import thermal_drift as drift
from recore.metrology.spindle.thermal_fit import (
    Exponentials,
    NotSeen,
    block_means,
    exponentials,
    simulated_tau,
)

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

_WIDENED = 0.1
_EXTREMES = 8.0  # spreads of a reading beyond which no other reading becomes the extreme one


@dataclass(frozen=True)
class Sensor:
    """Standard uncertainties of the displacement measurement.

    Parameters
    ----------
    gain : relative
    linearity : of a reading [µm]
    drift : of the sensors and their holder between any two readings [µm]
    holder : of the holder's expansion [µm/K], taken times the range of the first temperature
    """

    gain: float
    linearity: float
    drift: float
    holder: float


@dataclass(frozen=True)
class Setting:
    """Windows and Monte Carlo of an evaluation.

    Parameters
    ----------
    window : length over which a range is stated, one hour [min]
    stable : share of the first hour's range below which the spindle counts as stabilised
    rate_window : length over which a drift rate is taken [min]
    step_window : length on either side of a switch over which its shift is taken [min]
    trials, seed : of the Monte Carlo run
    """

    window: float
    stable: float
    rate_window: float
    step_window: float
    trials: int
    seed: int


@dataclass
class Evaluation:
    """What has been found so far; results by name."""

    sensor: Sensor
    setting: Setting
    scale: dict[str, float]  # channel unit per µm of the sensors, for what is stated in µm
    values: dict[str, tuple[float, str]] = field(default_factory=dict)
    lines: list[Contribution] = field(default_factory=list)
    drawn: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    flags: list[Note] = field(default_factory=list)
    fits: dict[str, Exponentials] = field(default_factory=dict)

    def u(self, name: str) -> float:
        return max(combined(self.lines, name), self.drawn.get(name, 0.0))

    def add(self, name: str, value: float, unit: str, parts: dict[str, tuple[str, float]]) -> None:
        """A value with its contributions, {source: (evaluation, standard uncertainty in the unit of the value)}."""
        self.values[name] = (value, unit)
        self.lines += [
            Contribution(name, source, "A" if kind == "A" else "B", size, unit, size, unit)
            for source, (kind, size) in parts.items()
            if size or source == "noise of the readings"
        ]

    def shared(self, value: float, unit: str, noise: float, warmed: float) -> dict[str, tuple[str, float]]:
        """Contributions to the difference of two readings; `warmed` is the range of the holder's temperature [K]."""
        of = self.scale[unit]
        return {
            "noise of the readings": ("A", noise),
            "gain of the sensors": ("B", abs(value) * self.sensor.gain),
            "linearity of the sensors": ("B", float(np.sqrt(2)) * self.sensor.linearity * of),
            "drift of sensors and holder": ("B", self.sensor.drift * of),
            "temperature of the holder": ("B", self.sensor.holder * warmed * of),
        }

    def add_range(self, name: str, values: Floats, unit: str, warmed: float) -> None:
        """Largest less smallest reading."""
        noise = drift.noise_of(values)
        value = float(np.ptp(values))
        parts = self.shared(value, unit, float(np.sqrt(2)) * noise, warmed)
        self.add(name, value, unit, parts)
        wide = 2 * noise * float(np.sqrt(2 * np.log(max(2, len(values)))))
        if wide > _WIDENED * value > 0:
            text = (
                f"{name}: noise of the readings widens the range by up to {wide:.3g} {unit}; this is not in U"
            )
            self.flags.append(Note("widened-by-noise", text))
        if self.setting.trials:
            self.drawn[name] = self._range_trials(values, noise, parts)

    def _range_trials(self, values: Floats, noise: float, parts: dict[str, tuple[str, float]]) -> float:
        generator = np.random.default_rng(self.setting.seed)
        reach = _EXTREMES * noise
        top = values[values >= values.max() - reach][:64]
        low = values[values <= values.min() + reach][:64]
        trials = self.setting.trials
        high = (top + noise * generator.standard_normal((trials, len(top)))).max(axis=1)
        deep = (low + noise * generator.standard_normal((trials, len(low)))).min(axis=1)
        others = np.sqrt(
            sum(size**2 for source, (_, size) in parts.items() if source != "noise of the readings")
        )
        return expanded_of_samples(high - deep + others * generator.standard_normal(trials))


def windows_of(
    found: Evaluation, name: str, minutes: Floats, values: Floats, unit: str, warmed: float
) -> None:
    """Worst range within one window anywhere in the stretch, `…_60min` after the window of the rule set."""
    wide = drift.windows(minutes, values, found.setting.window)
    if wide is None:
        found.refused[name] = f"the stretch of {minutes[-1] - minutes[0]:.3g} min is shorter than the window"
        return
    at = int(wide.range.argmax())
    found.add_range(name, values[wide.first[at] : wide.end[at]], unit, warmed)


def heating(
    found: Evaluation,
    axis: str,
    minutes: Floats,
    values: Floats,
    unit: str,
    warmed: float,
    prefix: str = "heating",
    surroundings: tuple[Floats, Floats] | None = None,
) -> None:
    """Range over the first hour and over the whole run, displacement at its end, drift rate, stabilisation and time
    constants of one channel while the spindle turns.

    The time constants are of the readings less what the surroundings do to them, where that is known: (displacement,
    its standard uncertainty) at each reading.
    """
    found.add_range(f"{prefix}_{axis}", values, unit, warmed)
    noise = drift.noise_of(values)
    few = max(1, min(5, len(values) // 20))
    # the start moves fast, so it is one reading; the end hardly moves
    final = float(values[-few:].mean() - values[0])
    parts = found.shared(final, unit, noise * float(np.sqrt(1 + 1 / few)), warmed)
    found.add(f"{prefix}_end_{axis}", final, unit, parts)
    first = minutes <= minutes[0] + found.setting.window * (1 + 1e-9)
    wide = drift.windows(minutes, values, found.setting.window)
    if wide is None:
        why = f"the spindle ran for {minutes[-1] - minutes[0]:.3g} min, less than the window"
        found.refused[f"{prefix}_60min_{axis}"] = found.refused[f"stabilisation_{axis}"] = why
    else:
        found.add_range(f"{prefix}_60min_{axis}", values[first], unit, warmed)
        _stabilisation(found, axis, minutes, wide, float(np.ptp(values[first])), unit)
    rate = drift.steepest(minutes, values, found.setting.rate_window)
    if rate is not None and unit == "µm":
        slope, per_noise = rate
        parts = {
            "noise of the readings": ("A", 60 * noise * per_noise),
            "gain of the sensors": ("B", 60 * abs(slope) * found.sensor.gain),
        }
        found.add(f"drift_rate_{axis}", 60 * slope, "µm/h", parts)
    _time_constants(found, axis, minutes, values, surroundings)


def _stabilisation(
    found: Evaluation, axis: str, minutes: Floats, wide: drift.Windows, first: float, unit: str
) -> None:
    name = f"stabilisation_{axis}"
    limit = found.setting.stable * first
    u = found.u(f"heating_60min_{axis}") / 2 if f"heating_60min_{axis}" in found.values else 0.0
    settled = drift.settled_after(wide, limit)
    if settled is None or not first:
        text = f"not stabilised: the last hour still ranges over {wide.range[-1]:.3g} {unit}, limit {limit:.3g} {unit}"
        found.refused[name] = text if first else "no displacement in the first hour"
        return
    lower, upper = (drift.settled_after(wide, max(limit + sign * u, 0.0)) for sign in (1, -1))
    late = float(minutes[-1] - minutes[0]) - found.setting.window if upper is None else upper
    spread = max(abs(settled - (settled if lower is None else lower)), abs(late - settled))
    step = float(np.diff(minutes).max()) / float(np.sqrt(12))
    parts = {"range of the window against its limit": ("A", spread), "time between readings": ("B", step)}
    found.add(name, settled, "min", parts)


def _time_constants(
    found: Evaluation, axis: str, minutes: Floats, values: Floats, surroundings: tuple[Floats, Floats] | None
) -> None:
    name = f"time_constant_{axis}"
    rest = values if surroundings is None else values - surroundings[0]
    try:
        fit = exponentials(minutes, rest)
    except NotSeen as why:
        found.refused[name] = str(why)
        return
    found.fits[axis] = fit
    moved = None
    if surroundings is not None:
        with suppress(NotSeen):
            moved = exponentials(minutes, rest + surroundings[1])
    names = [name, f"second_time_constant_{axis}"]
    for at, (label, tau, u) in enumerate(zip(names, fit.tau, fit.tau_u, strict=False)):
        parts = {"residuals of the fit": ("A", u)}
        if moved is not None and len(moved.tau) == len(fit.tau):
            parts["expansion by the surroundings"] = ("A", abs(moved.tau[at] - tau))
        found.add(label, tau, "min", parts)
    drawn = simulated_tau(fit, found.setting.trials, found.setting.seed)
    if drawn is not None:
        found.drawn[name] = expanded_of_samples(drawn)


def switch(
    found: Evaluation,
    name: str,
    before: tuple[Floats, Floats],
    after: tuple[Floats, Floats],
    unit: str,
) -> None:
    """Shift at the moment the spindle starts or stops, from lines through the minutes on either side."""
    width = found.setting.step_window
    moment = float(after[0][0])
    near = before[0] >= moment - width, after[0] <= moment + width
    jump = drift.step_at(
        (before[0][near[0]], before[1][near[0]]), (after[0][near[1]], after[1][near[1]]), moment
    )
    if jump is None:
        found.refused[name] = f"fewer than four readings within {width:g} min on a side of the switch"
        return
    value, u = jump
    parts = {"noise of the readings": ("A", u), "gain of the sensors": ("B", abs(value) * found.sensor.gain)}
    found.add(name, value, unit, parts)


def root_sum_square(found: Evaluation, name: str, parts: list[str]) -> None:
    """√(x² + y² + z²) of the ranges of the axes that are there; at least two."""
    there = [part for part in parts if part in found.values]
    if len(there) < 2:
        return
    values = np.array([found.values[part][0] for part in there])
    total = float(np.linalg.norm(values))
    shares = values / total if total else np.zeros_like(values)
    budget = {
        f"U of {part}": ("A", share * found.u(part) / 2) for part, share in zip(there, shares, strict=True)
    }
    found.add(name, total, "µm", budget)


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


def result_table(found: Evaluation) -> pa.Table:
    """Columns result, value, unit, expanded_uncertainty, remark; what was refused stands there with its reason."""
    import pyarrow as pa

    rows = [(name, value, unit, found.u(name), "") for name, (value, unit) in found.values.items()]
    rows += [(name, None, "", None, why) for name, why in found.refused.items()]  # type: ignore[misc]
    names = ("result", "value", "unit", "expanded_uncertainty", "remark")
    kinds = (pa.string(), pa.float64(), pa.string(), pa.float64(), pa.string())
    return pa.table({name: pa.array([row[i] for row in rows], kinds[i]) for i, name in enumerate(names)})
