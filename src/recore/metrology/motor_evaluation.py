"""From readings to losses and efficiency: IEC 60034-2-1:2014, methods 2-1-1A and 2-1-1B, and their uncertainty.

Pure arithmetic on readings that were found fit for it; `motor_test` decides what is fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from recore.metrology import loss_segregation as iec
from recore.metrology.loss_segregation import Array, Bools

# approximately 60 % to 30 % of rated voltage, with room for how exactly a voltage is set
FRICTION_BAND = (0.27, 0.65)


@dataclass(frozen=True)
class Readings:
    """What was read, in SI units with line values; load points by shaft power, no-load points by voltage, ascending.

    The resistance is the one at the temperature of the winding at the end of the load test. It and the two
    temperatures are None where the sheet does not state them (method 2-1-1A only).
    """

    rated_power_w: float
    rated_voltage_v: float
    poles: int
    voltage_v: Array
    current_a: Array
    power_w: Array
    speed_rpm: Array
    torque_nm: Array
    frequency_hz: Array
    no_load_voltage_v: Array
    no_load_current_a: Array
    no_load_power_w: Array
    line_resistance_ohm: float | None
    winding_c: float | None
    coolant_c: float | None
    stator_constant_k: float = iec.COPPER_K
    rotor_constant_k: float = iec.COPPER_K

    @property
    def slip(self) -> Array:
        return iec.slip(self.speed_rpm, self.frequency_hz, self.poles)

    @property
    def shaft_w(self) -> Array:
        return iec.shaft_power_w(self.torque_nm, self.speed_rpm)

    @property
    def friction_band(self) -> Bools:
        """No-load points that determine the friction and windage losses."""
        low, high = FRICTION_BAND
        return np.asarray(
            (self.no_load_voltage_v >= low * self.rated_voltage_v)
            & (self.no_load_voltage_v <= high * self.rated_voltage_v)
        )


@dataclass(frozen=True)
class NoLoad:
    """The no-load test taken apart: constant losses, friction line over U², iron losses [W]."""

    constant_w: Array
    iron_w: Array
    friction: iec.Line


@dataclass(frozen=True)
class Segregation:
    """Losses of every load point [W], as measured and (`_25`) corrected to a coolant of 25 °C."""

    stator_factor: float
    rotor_factor: float
    stator_w: Array
    inner_v: Array
    iron_w: Array
    rotor_w: Array
    friction_w: Array
    residual_w: Array
    residual: iec.ResidualFit
    stray_w: Array
    stator_25_w: Array
    slip_25: Array
    rotor_25_w: Array
    power_25_w: Array

    @property
    def total_25_w(self) -> Array:
        return self.stator_25_w + self.rotor_25_w + self.iron_w + self.friction_w + self.stray_w

    @property
    def efficiency(self) -> Array:
        return (self.power_25_w - self.total_25_w) / self.power_25_w


@dataclass(frozen=True)
class AtRated:
    """The rated point: efficiency and power factor [1], losses [W]; None where they cannot be told apart."""

    efficiency: float
    power_factor: float
    stator_w: float | None = None
    rotor_w: float | None = None
    rotor_half_width_w: float = 0.0
    iron_w: float | None = None
    friction_w: float | None = None
    stray_w: float | None = None
    total_w: float | None = None


def no_load(r: Readings, friction_shift_w: float = 0.0) -> NoLoad:
    """Constant losses of the no-load test, split at the intercept of P_k over U_0²."""
    assert r.line_resistance_ohm is not None
    constant = iec.constant_loss_w(r.no_load_power_w, r.no_load_current_a, r.line_resistance_ohm)
    band = r.friction_band
    line = iec.fit_line(r.no_load_voltage_v[band] ** 2, constant[band])
    line = replace(line, intercept=line.intercept + friction_shift_w)
    return NoLoad(constant, constant - line.intercept, line)


def segregate(
    r: Readings, *, used: Bools | None = None, friction_shift_w: float = 0.0, stray_shift: float = 0.0
) -> Segregation:
    """Method 2-1-1B on every load point.

    Parameters
    ----------
    r : readings with resistance, both temperatures, at least two no-load points in the friction band
    used : load points of the residual regression; None lets the rule of the standard choose
    friction_shift_w, stray_shift : added to the friction intercept [W] and to the slope A [W/(N·m)²], for the
        uncertainty of the two regressions
    """
    assert r.line_resistance_ohm is not None
    assert r.winding_c is not None
    assert r.coolant_c is not None
    idle = no_load(r, friction_shift_w)
    s = r.slip
    stator = iec.stator_loss_w(r.current_a, r.line_resistance_ohm)
    inner = iec.inner_voltage_v(r.voltage_v, r.current_a, r.power_w, r.line_resistance_ohm)
    iron = iec.iron_loss_w(inner, r.no_load_voltage_v, idle.iron_w)
    rotor = iec.rotor_loss_w(r.power_w, stator, iron, s)
    friction = iec.friction_loss_w(idle.friction.intercept, s)
    residual = r.power_w - r.shaft_w - stator - rotor - iron - friction
    if used is None:
        fit = iec.fit_residual(r.torque_nm, residual)
    else:
        line = iec.fit_line(r.torque_nm[used] ** 2, residual[used])
        fit = iec.ResidualFit(line, used, line)
    stray = iec.stray_loss_w(fit.line.slope + stray_shift, r.torque_nm)
    stator_factor = iec.temperature_factor(r.winding_c, r.coolant_c, r.stator_constant_k)
    rotor_factor = iec.temperature_factor(r.winding_c, r.coolant_c, r.rotor_constant_k)
    stator_25, slip_25 = stator * stator_factor, s * rotor_factor
    rotor_25 = iec.rotor_loss_w(r.power_w, stator_25, iron, slip_25)
    power_25 = r.power_w - (stator - stator_25) - (rotor - rotor_25)
    return Segregation(
        stator_factor, rotor_factor, stator, inner, iron, rotor, friction, residual, fit, stray,
        stator_25, slip_25, rotor_25, power_25,
    )  # fmt: skip


def rated_by_segregation(r: Readings, losses: Segregation) -> AtRated:
    """Rated point of method 2-1-1B: η = (P_1θ - P_T) / P_1θ with losses corrected to a coolant of 25 °C.

    Each loss, and the input power by its excess over the shaft power, is read off at rated shaft power.
    """

    def rated(values: Array) -> float:
        return iec.at_shaft_power(r.rated_power_w, r.shaft_w, values)

    parts = [
        rated(values)
        for values in (
            losses.stator_25_w,
            losses.rotor_25_w,
            losses.iron_w,
            losses.friction_w,
            losses.stray_w,
        )
    ]
    total = sum(parts)
    power = r.rated_power_w + rated(losses.power_25_w - r.shaft_w)
    return AtRated(
        (power - total) / power,
        _power_factor_at_rated(r),
        parts[0],
        parts[1],
        iron_w=parts[2],
        friction_w=parts[3],
        stray_w=parts[4],
        total_w=total,
    )


def rated_by_torque(r: Readings) -> AtRated:
    """Rated point of method 2-1-1A: η = P_2 / P_1 as measured.

    Without a no-load test the rotor loss is only bracketed: the air-gap power is at most P_1 - P_s (no iron
    loss) and at least P_2 / (1 - s) (no friction, no stray loss). The middle is given, with half the width.
    """

    def rated(values: Array) -> float:
        return iec.at_shaft_power(r.rated_power_w, r.shaft_w, values)

    power = r.rated_power_w + rated(r.power_w - r.shaft_w)
    result = AtRated(r.rated_power_w / power, _power_factor_at_rated(r))
    if r.line_resistance_ohm is None or r.winding_c is None or r.coolant_c is None:
        return result
    stator = iec.stator_loss_w(r.current_a, r.line_resistance_ohm)
    stator_factor = iec.temperature_factor(r.winding_c, r.coolant_c, r.stator_constant_k)
    slip_25 = r.slip * iec.temperature_factor(r.winding_c, r.coolant_c, r.rotor_constant_k)
    most = rated((r.power_w - stator * stator_factor) * slip_25)
    least = rated(r.shaft_w * slip_25 / (1.0 - slip_25))
    return replace(
        result,
        stator_w=rated(stator * stator_factor),
        rotor_w=0.5 * (most + least),
        rotor_half_width_w=abs(0.5 * (most - least)),
    )


def _power_factor_at_rated(r: Readings) -> float:
    """P_1 / (√3 U I) from the three quantities at rated shaft power; the current by its square."""

    def rated(values: Array) -> float:
        return iec.at_shaft_power(r.rated_power_w, r.shaft_w, values)

    power = r.rated_power_w + rated(r.power_w - r.shaft_w)
    return power / (iec.SQRT3 * rated(r.voltage_v) * float(np.sqrt(rated(r.current_a**2))))


@dataclass(frozen=True)
class Accuracy:
    """Limits of error of the instruments.

    The defaults are what IEC 60034-2-1:2014, 5.5 to 5.7, requires: class 0.2 for electrical quantities and
    torque, 0.1 1/min for speed, 0.1 % for frequency, 0.2 % for resistance, 1 K for temperature.
    """

    power_accuracy_pct: float = 0.2
    current_accuracy_pct: float = 0.2
    voltage_accuracy_pct: float = 0.2
    torque_accuracy_pct: float = 0.2
    speed_accuracy_rpm: float = 0.1
    frequency_accuracy_pct: float = 0.1
    resistance_accuracy_pct: float = 0.2
    temperature_accuracy_k: float = 1.0


def errors(accuracy: Accuracy) -> dict[str, float]:
    """Limit of every independent error, in the unit `disturbed` wants it in."""
    return {
        "power": accuracy.power_accuracy_pct / 100,
        "current": accuracy.current_accuracy_pct / 100,
        "voltage": accuracy.voltage_accuracy_pct / 100,
        "torque": accuracy.torque_accuracy_pct / 100,
        "speed": accuracy.speed_accuracy_rpm,
        "frequency": accuracy.frequency_accuracy_pct / 100,
        "resistance": accuracy.resistance_accuracy_pct / 100,
        "winding": accuracy.temperature_accuracy_k,
        "coolant": accuracy.temperature_accuracy_k,
    }


def disturbed(r: Readings, error: dict[str, float]) -> Readings:
    """Readings as instruments with these errors would have shown them.

    An instrument reads the whole test, so its error is common to all rows (fully correlated), the same in the
    no-load and the load test; different instruments are independent.
    """

    def gain(name: str) -> float:
        return 1.0 + error.get(name, 0.0)

    def moved(value: float | None, name: str) -> float | None:
        return None if value is None else value + error.get(name, 0.0)

    resistance = r.line_resistance_ohm
    return replace(
        r,
        voltage_v=r.voltage_v * gain("voltage"),
        current_a=r.current_a * gain("current"),
        power_w=r.power_w * gain("power"),
        torque_nm=r.torque_nm * gain("torque"),
        speed_rpm=r.speed_rpm + error.get("speed", 0.0),
        frequency_hz=r.frequency_hz * gain("frequency"),
        no_load_voltage_v=r.no_load_voltage_v * gain("voltage"),
        no_load_current_a=r.no_load_current_a * gain("current"),
        no_load_power_w=r.no_load_power_w * gain("power"),
        # the bands are shares of the voltage as read, so the same points must stay in them
        rated_voltage_v=r.rated_voltage_v * gain("voltage"),
        line_resistance_ohm=None if resistance is None else resistance * gain("resistance"),
        winding_c=moved(r.winding_c, "winding"),
        coolant_c=moved(r.coolant_c, "coolant"),
    )


def expanded_uncertainty(
    evaluate: Callable[[dict[str, float]], Array], limits: dict[str, float], standard: dict[str, float]
) -> Array:
    """Expanded uncertainty (k = 2) of every output by central differences (JCGM 100:2008, 5.1).

    Parameters
    ----------
    evaluate : outputs for given errors, shape (n,)
    limits : limits of error, read as rectangular distributions: u = a/√3 (JCGM 100:2008, 4.3.7)
    standard : errors known by a standard uncertainty (of regressions)

    Returns
    -------
    Array : 2 √Σ (∂y/∂x u)², shape (n,)
    """
    spreads = {name: limit / iec.SQRT3 for name, limit in limits.items()} | standard
    variance: Array = np.zeros_like(evaluate({}))
    for name, spread in spreads.items():
        variance += (0.5 * (evaluate({name: spread}) - evaluate({name: -spread}))) ** 2
    return 2.0 * np.sqrt(variance)
