"""The formulas of IEC 60034-2-1:2014 for induction machines, one function each.

Voltages and resistances are line to line, currents are line currents, whatever the winding connection:
a star of R per phase shows 2 R between two lines, a delta 2/3 R, and in both 3 I_ph² R_ph = 1.5 I² R_ll.
Arrays and plain numbers are both taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COPPER_K = 235.0
ALUMINIUM_K = 225.0
REFERENCE_COOLANT_C = 25.0
SQRT3 = float(np.sqrt(3.0))
MIN_CORRELATION = 0.95


def synchronous_speed_rpm(frequency_hz: Array, poles: int) -> Array:
    """n_s = 60 f / p [1/min], p pole pairs."""
    return 120.0 * frequency_hz / poles


def slip(speed_rpm: Array, frequency_hz: Array, poles: int) -> Array:
    """s = 1 - p n / f (IEC 60034-2-1:2014, 6.1.3)."""
    return 1.0 - speed_rpm / synchronous_speed_rpm(frequency_hz, poles)


def shaft_power_w(torque_nm: Array, speed_rpm: Array) -> Array:
    """P2 = 2 π n T [W]."""
    return torque_nm * speed_rpm * (np.pi / 30.0)


def power_factor(power_w: Array, voltage_v: Array, current_a: Array) -> Array:
    """cos φ = P1 / (√3 U I)."""
    return power_w / (SQRT3 * voltage_v * current_a)


def stator_loss_w(current_a: Array, line_resistance_ohm: float) -> Array:
    """P_s = 1.5 I² R_ll [W] (IEC 60034-2-1:2014, 6.1.3, stator-winding losses)."""
    return 1.5 * line_resistance_ohm * current_a**2


def temperature_factor(winding_c: float, coolant_c: float, constant_k: float = COPPER_K) -> float:
    """k_θ = (235 + θ_w + 25 - θ_c) / (235 + θ_w): from the coolant of the test to one of 25 °C.

    The constant is 235 for copper and 225 for aluminium conductors. The same factor is applied to the winding
    resistance and to the slip of a cage machine (IEC 60034-2-1:2014, 5.7.3).
    """
    return (constant_k + winding_c + REFERENCE_COOLANT_C - coolant_c) / (constant_k + winding_c)


def resistance_at(resistance_ohm: float, measured_c: float, wanted_c: float, constant_k: float) -> float:
    """R of a winding at another temperature: R (235 + θ) / (235 + θ_R) (IEC 60034-1, 8.6.2)."""
    return resistance_ohm * (constant_k + wanted_c) / (constant_k + measured_c)


def constant_loss_w(power_w: Array, current_a: Array, line_resistance_ohm: float) -> Array:
    """P_k = P_0 - P_s0 = P_fw + P_fe [W] of the no-load test (IEC 60034-2-1:2014, 6.1.3)."""
    return power_w - stator_loss_w(current_a, line_resistance_ohm)


def friction_loss_w(friction_at_no_load_w: float, slip: Array) -> Array:
    """P_fw = P_fw0 (1 - s)^2.5 [W] (IEC 60034-2-1:2014, 6.1.3, friction and windage under load)."""
    return friction_at_no_load_w * (1.0 - slip) ** 2.5


def inner_voltage_v(voltage_v: Array, current_a: Array, power_w: Array, line_resistance_ohm: float) -> Array:
    """U_r behind the resistance of the stator winding [V], motor operation.

    U_r = sqrt[(U - √3/2 I R cos φ)² + (√3/2 I R sin φ)²] (IEC 60034-2-1:2014, 6.1.3, iron losses).
    """
    cos = power_factor(power_w, voltage_v, current_a)
    sin = np.sqrt(np.maximum(0.0, 1.0 - cos**2))
    drop: Array = 0.5 * SQRT3 * current_a * line_resistance_ohm
    return np.hypot(voltage_v - drop * cos, drop * sin)


def iron_loss_w(inner_voltage_v: Array, no_load_voltage_v: Array, no_load_iron_w: Array) -> Array:
    """P_fe at the inner voltage, read off the no-load curve [W].

    The standard asks for a curve of P_k - P_fw0 over U_0 and leaves the draughtsman free. Here the curve runs
    straight from reading to reading over U_0², which is the course of iron losses to first order: it goes
    through every reading and can be followed by hand. Outside the readings the last segment is continued.

    Parameters
    ----------
    inner_voltage_v : where the loss is wanted [V]
    no_load_voltage_v, no_load_iron_w : the readings, voltage ascending [V], [W]; at least two
    """
    square = no_load_voltage_v**2
    left = np.clip(np.searchsorted(square, inner_voltage_v**2) - 1, 0, len(square) - 2)
    rise = (no_load_iron_w[left + 1] - no_load_iron_w[left]) / (square[left + 1] - square[left])
    return np.asarray(no_load_iron_w[left] + rise * (inner_voltage_v**2 - square[left]))


def rotor_loss_w(power_w: Array, stator_w: Array, iron_w: Array, slip: Array) -> Array:
    """P_r = (P_1 - P_s - P_fe) s [W] (IEC 60034-2-1:2014, 6.1.3, rotor-winding losses)."""
    return (power_w - stator_w - iron_w) * slip


@dataclass(frozen=True, slots=True)
class Line:
    """Least-squares line y = slope x + intercept, its correlation and the standard errors of both numbers."""

    slope: float
    intercept: float
    correlation: float
    slope_error: float
    intercept_error: float

    def __call__(self, x: Array) -> Array:
        return self.slope * x + self.intercept


def fit_line(x: Array, y: Array) -> Line:
    """Linear regression (IEC 60034-2-1:2014, 6.1.3, smoothing of the residual losses).

    The correlation of points without any spread in x or y counts as 0; two points have no standard errors.
    """
    dx, dy = x - x.mean(), y - y.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    if sxx == 0.0:
        return Line(0.0, float(y.mean()), 0.0, 0.0, 0.0)
    slope = sxy / sxx
    intercept = float(y.mean()) - slope * float(x.mean())
    correlation = sxy / np.sqrt(sxx * syy) if syy > 0.0 else 0.0
    left = max(len(x) - 2, 1)
    scatter = float(np.sum((dy - slope * dx) ** 2)) / left if len(x) > 2 else 0.0
    slope_error = float(np.sqrt(scatter / sxx))
    intercept_error = float(np.sqrt(scatter * (1.0 / len(x) + float(x.mean()) ** 2 / sxx)))
    return Line(slope, intercept, float(correlation), slope_error, intercept_error)


@dataclass(frozen=True)
class ResidualFit:
    """Regression of the residual losses over torque squared; `used` marks the points it rests on."""

    line: Line
    used: Bools
    first: Line


def fit_residual(torque_nm: Array, residual_w: Array) -> ResidualFit:
    """P_Lr = A T² + B (IEC 60034-2-1:2014, 6.1.3, additional load losses).

    When r < 0.95 the worst point, the one furthest from the first line, is left out once and the regression
    repeated. Whether the second r suffices is for the caller to judge.
    """
    everything = np.ones(len(torque_nm), dtype=bool)
    first = fit_line(torque_nm**2, residual_w)
    if first.correlation >= MIN_CORRELATION:
        return ResidualFit(first, everything, first)
    used = everything.copy()
    used[int(np.argmax(np.abs(residual_w - first(torque_nm**2))))] = False
    return ResidualFit(fit_line(torque_nm[used] ** 2, residual_w[used]), used, first)


def stray_loss_w(slope: float, torque_nm: Array) -> Array:
    """P_LL = A T² [W] (IEC 60034-2-1:2014, 6.1.3, additional load losses)."""
    return slope * torque_nm**2


def at_shaft_power(wanted_w: float, shaft_w: Array, values: Array) -> float:
    """Value of a load curve at a shaft power, linear in P2² between the two neighbouring points.

    Losses grow with the square of the load to first order, so this is far better than linear in P2 between
    points 25 % apart, and it is exact where a point lies at the wanted power. Outside the points the last
    segment is continued; the caller says how far that may go.

    Parameters
    ----------
    wanted_w : shaft power [W]
    shaft_w : shaft powers of the points [W], strictly ascending; a single point answers for itself
    values : what to interpolate, same length
    """
    if len(shaft_w) == 1:
        return float(values[0])
    left = int(np.clip(np.searchsorted(shaft_w, wanted_w) - 1, 0, len(shaft_w) - 2))
    a, b = shaft_w[left] ** 2, shaft_w[left + 1] ** 2
    share = (wanted_w**2 - a) / (b - a)
    # written so that either end returns the reading itself, bit for bit
    return float(values[left] * (1.0 - share) + values[left + 1] * share)
