"""Method `motor.test-sheet`: efficiency, losses and IE class of an induction motor from its test sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import loss_segregation as iec
from recore.metrology import motor_evaluation as ev
from recore.metrology.ie_class import ie_class, ie_limits
from recore.metrology.loss_segregation import Array
from recore.metrology.motor_checks import (
    UNBALANCE_PCT,
    check_losses,
    check_rated_point,
    check_segregation,
    check_supply,
    readings_of,
)
from recore.metrology.motor_evaluation import Accuracy, AtRated, Readings, Segregation
from recore.metrology.motor_report import losses_table, no_load_table
from recore.metrology.motor_sheet import MotorTestSheet
from recore.quantity import Quantity

Metal = Literal["copper", "aluminium"]
Limit = Annotated[float, Field(gt=0, le=20)] | None

_CONSTANT_K = {"copper": iec.COPPER_K, "aluminium": iec.ALUMINIUM_K}


@dataclass(frozen=True)
class LoadCurve:
    """What the plot shows: over load [%] efficiency [%] and power factor, each with U, and losses by kind [W]."""

    load_pct: list[float]
    efficiency_pct: list[float]
    efficiency_u: list[float]
    power_factor: list[float]
    power_factor_u: list[float]
    losses_w: dict[str, list[float]]
    limits_pct: dict[str, float]


@dataclass(frozen=True)
class MotorTest:
    """Efficiency and losses at rated load, losses corrected to a coolant of 25 °C; None where not to be told."""

    efficiency_at_rated: Annotated[Quantity, Unit("%")]
    power_factor_at_rated: Annotated[Quantity, Unit("1")]
    ie_class: Quantity | None
    iec_method: Quantity
    loss_stator: Annotated[Quantity | None, Unit("W")]
    loss_rotor: Annotated[Quantity | None, Unit("W")]
    loss_iron: Annotated[Quantity | None, Unit("W")]
    loss_friction: Annotated[Quantity | None, Unit("W")]
    loss_stray: Annotated[Quantity | None, Unit("W")]
    loss_total: Annotated[Quantity | None, Unit("W")]
    residual_correlation: Annotated[Quantity | None, Unit("1")]
    losses: Annotated[Any, Artifact("losses.csv")]
    no_load: Annotated[Any, Artifact("no_load.csv")]
    fit: Annotated[Any, Artifact("fit.json")]
    curve: LoadCurve
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]


@method(
    "motor.test-sheet",
    version=1,
    standard="IEC 60034-2-1:2014, methods 2-1-1A and 2-1-1B; IEC 60034-30-1:2014",
    reproducible=Tolerance(absolute=1e-6, relative=1e-9),
)
def motor_test_sheet(
    sheet: MotorTestSheet,
    *,
    stator_conductor: Metal = "copper",
    rotor_conductor: Metal = "copper",
    power_accuracy_pct: Limit = None,
    current_accuracy_pct: Limit = None,
    voltage_accuracy_pct: Limit = None,
    torque_accuracy_pct: Limit = None,
    speed_accuracy_rpm: Limit = None,
    frequency_accuracy_pct: Limit = None,
    resistance_accuracy_pct: Limit = None,
    temperature_accuracy_k: Limit = None,
) -> MotorTest:
    """Losses, efficiency and IE class of an induction motor from its test sheet (IEC 60034-2-1).

    A sheet with a no-load table is evaluated by summation of losses with stray losses from the residual losses
    (method 2-1-1B), a sheet without one by input and output (method 2-1-1A).

    Parameters
    ----------
    sheet : rating plate, connection, line resistance at the end of the load test with its temperature, coolant
        temperature, no-load and load readings; line voltages and currents; rows in any order
    stator_conductor, rotor_conductor : metal, sets the constant of the temperature factor (235 K copper, 225 K
        aluminium). The standard prints one factor for winding and slip; the default follows it
    power_accuracy_pct … temperature_accuracy_k : limits of error of the instruments. Without them those on the
        sheet hold, without these the limits that IEC 60034-2-1:2014, 5.5 to 5.7, requires (then flagged)

    Returns
    -------
    MotorTest : efficiency [%] and power factor at rated shaft power, IE class, losses [W] at a coolant of 25 °C,
        each number with U (k = 2); every intermediate quantity in losses.csv, no_load.csv and fit.json

    Notes
    -----
    Method 2-1-1B, per load point: s = 1 - p n/f; P_s = 1.5 I² R; P_fe from the no-load curve at the inner voltage
    U_r; P_r = (P_1 - P_s - P_fe) s; P_fw = P_fw0 (1-s)^2.5; P_Lr = P_1 - P_2 - P_s - P_r - P_fe - P_fw; P_LL = A T²
    from P_Lr = A T² + B with r ≥ 0.95; then P_s and s times k_θ, P_r,θ = (P_1 - P_s,θ - P_fe) s_θ,
    P_1,θ = P_1 - (P_s - P_s,θ) - (P_r - P_r,θ) and η = (P_1,θ - P_T) / P_1,θ (6.1.3).

    Where the standard leaves room:
    one resistance serves all points, as the sheet has one; friction is the intercept of the no-load points from
    27 to 65 % of rated voltage ('approximately 60 % to 30 %'), at least three; the iron curve runs straight over
    U_0² from reading to reading; the worst residual point is the one furthest from the line; values at rated load
    are read off linearly in P_2² between the neighbouring load points, and are the reading where one is at rated.

    Method 2-1-1A: η = P_2/P_1 as measured, not corrected for temperature (flagged when the coolant was not at
    25 °C). Iron, friction and stray losses are not given. The rotor loss is bracketed by the two limits of the
    air-gap power, the bracket is part of its U.

    Uncertainty: limits of error are rectangular; an instrument's error is common to all rows; standard errors of
    the two regressions are added. Not in it: drift of temperature between points, supply quality, the model.

    Refuses a 2-1-1B sheet without resistance or temperatures, with fewer than five load points, with too few
    no-load points, or with r < 0.95 after dropping one point; any sheet that does not reach rated load, is more
    than 5 % off rated voltage, or states more than 0.5 % voltage unbalance. An IE class outside the tables is
    refused alone.

    References
    ----------
    IEC 60034-2-1:2014, 5.5 to 5.7, 6.1.2, 6.1.3; IEC 60034-1, 8.3.1 (supply); IEC 60034-30-1:2014, 5.4;
    JCGM 100:2008.
    """
    accuracy, flags = _accuracy(
        sheet,
        {
            "power_accuracy_pct": power_accuracy_pct,
            "current_accuracy_pct": current_accuracy_pct,
            "voltage_accuracy_pct": voltage_accuracy_pct,
            "torque_accuracy_pct": torque_accuracy_pct,
            "speed_accuracy_rpm": speed_accuracy_rpm,
            "frequency_accuracy_pct": frequency_accuracy_pct,
            "resistance_accuracy_pct": resistance_accuracy_pct,
            "temperature_accuracy_k": temperature_accuracy_k,
        },
    )
    if unused := sheet.unused():
        flags.append(
            Note("fields-not-used", f"the sheet holds fields that were not used: {', '.join(unused)}")
        )
    if sheet.voltage_unbalance_pct is not None and sheet.voltage_unbalance_pct > UNBALANCE_PCT:
        raise Refusal(
            "voltage-unbalance",
            f"the supply was unbalanced by {sheet.voltage_unbalance_pct:g} %; IEC 60034-1, 8.3.1, allows less "
            f"than {UNBALANCE_PCT} % in a test",
        )
    readings = readings_of(sheet, _CONSTANT_K[stator_conductor], _CONSTANT_K[rotor_conductor], flags)
    check_supply(readings, sheet, flags)
    check_rated_point(readings, flags)
    limits = ev.errors(accuracy)
    power_kw, poles, frequency = sheet.rated.power_kw, sheet.rated.poles, sheet.rated.frequency_hz
    if sheet.no_load:
        evaluated = _by_segregation(readings, limits, flags)
    else:
        evaluated = _by_torque(readings, sheet, limits, flags)
    efficiency = Quantity(100 * evaluated.rated.efficiency, "%", 100 * evaluated.rated_u[0])
    refusals: list[Note] = []
    word: Quantity | None = None
    ie = ie_limits(poles, power_kw, frequency)
    try:
        word = Quantity(ie_class(efficiency.value, poles, power_kw, frequency), "")
    except Refusal as refusal:
        refusals.append(Note(refusal.code, refusal.text))
    for name, limit in ie.items():
        if abs(efficiency.value - limit) <= (efficiency.uncertainty or 0.0):
            flags.append(
                Note(
                    "class-within-uncertainty",
                    f"the limit of {name}, {limit} %, lies within {efficiency}",
                )
            )
    rated, u = evaluated.rated, evaluated.rated_u
    return MotorTest(
        efficiency_at_rated=efficiency,
        power_factor_at_rated=Quantity(rated.power_factor, "1", u[1]),
        ie_class=word,
        iec_method=Quantity("2-1-1B" if sheet.no_load else "2-1-1A", ""),
        loss_stator=_watts(rated.stator_w, u, 2),
        loss_rotor=_watts(rated.rotor_w, u, 3),
        loss_iron=_watts(rated.iron_w, u, 4),
        loss_friction=_watts(rated.friction_w, u, 5),
        loss_stray=_watts(rated.stray_w, u, 6),
        loss_total=_watts(rated.total_w, u, 7),
        residual_correlation=evaluated.correlation,
        losses=losses_table(readings, evaluated.losses),
        no_load=None if evaluated.losses is None else no_load_table(readings),
        fit=evaluated.fit,
        curve=_curve(readings, evaluated, ie),
        flags=tuple(flags),
        refusals=tuple(refusals),
    )


@motor_test_sheet.plot
def _draw(result: MotorTest) -> Any:
    from recore.metrology.motor_report import draw

    return draw(result.curve)


@dataclass(frozen=True)
class _Evaluated:
    rated: AtRated
    rated_u: list[float]
    efficiency: Array
    efficiency_u: Array
    power_factor_u: Array
    losses: Segregation | None = None
    correlation: Quantity | None = None
    fit: dict[str, Any] | None = None


def _watts(value: float | None, uncertainties: Sequence[float], at: int) -> Quantity | None:
    return None if value is None else Quantity(value, "W", uncertainties[at])


def _accuracy(sheet: MotorTestSheet, stated: dict[str, float | None]) -> tuple[Accuracy, list[Note]]:
    known = {name: value for name, value in stated.items() if value is not None}
    for name in stated:
        if name in known:
            continue
        value = getattr(sheet.instruments, name)
        if value is not None:
            known[name] = value
    accuracy = Accuracy(**known)
    assumed = [name for name in stated if name not in known]
    if not assumed:
        return accuracy, []
    text = ", ".join(f"{name} = {getattr(accuracy, name):g}" for name in assumed)
    return accuracy, [
        Note(
            "instrument-accuracy-assumed",
            f"not stated, taken as IEC 60034-2-1:2014 requires of instruments: {text}",
        )
    ]


def _by_segregation(r: Readings, limits: dict[str, float], flags: list[Note]) -> _Evaluated:
    check_segregation(r, flags)
    losses = ev.segregate(r)
    rated = ev.rated_by_segregation(r, losses)
    check_losses(r, losses, rated, flags)
    used, idle = losses.residual.used, ev.no_load(r)

    def outputs(error: dict[str, float]) -> Array:
        seen = ev.disturbed(r, error)
        parts = ev.segregate(
            seen,
            used=used,
            friction_shift_w=error.get("friction line", 0.0),
            stray_shift=error.get("residual line", 0.0),
        )
        at = ev.rated_by_segregation(seen, parts)
        point = [
            at.efficiency,
            at.power_factor,
            at.stator_w,
            at.rotor_w,
            at.iron_w,
            at.friction_w,
            at.stray_w,
        ]
        cos = iec.power_factor(seen.power_w, seen.voltage_v, seen.current_a)
        return np.concatenate([np.array([*point, at.total_w], dtype=float), parts.efficiency, cos])

    standard = {
        "friction line": idle.friction.intercept_error,
        "residual line": losses.residual.line.slope_error,
    }
    u = ev.expanded_uncertainty(outputs, limits, standard)
    points = len(r.shaft_w)
    line = losses.residual.line
    return _Evaluated(
        rated,
        [float(x) for x in u[:8]],
        losses.efficiency,
        u[8 : 8 + points],
        u[8 + points :],
        losses,
        Quantity(line.correlation, "1"),
        {
            "temperature_factor_stator": round(losses.stator_factor, 9),
            "temperature_factor_rotor": round(losses.rotor_factor, 9),
            "friction_at_no_load_w": round(idle.friction.intercept, 6),
            "friction_line_slope_w_per_v2": round(idle.friction.slope, 12),
            "residual_slope_w_per_nm2": round(line.slope, 9),
            "residual_intercept_w": round(line.intercept, 6),
            "residual_correlation": round(line.correlation, 9),
            "residual_correlation_of_all_points": round(losses.residual.first.correlation, 9),
            "residual_points_used": int(np.sum(used)),
        },
    )


def _by_torque(r: Readings, sheet: MotorTestSheet, limits: dict[str, float], flags: list[Note]) -> _Evaluated:
    rated = ev.rated_by_torque(r)
    text = "no no-load table: iron, friction and stray losses cannot be told apart"
    if rated.rotor_w is None:
        text += "; stator and rotor losses need line_resistance_ohm and both temperatures"
    else:
        text += f"; the rotor loss is bracketed to ± {rated.rotor_half_width_w:.3g} W"
    flags.append(Note("losses-not-segregated", text))
    if sheet.coolant_temperature_c is None:
        flags.append(Note("not-corrected-to-25c", "the coolant temperature is not stated; η is as measured"))
    elif abs(sheet.coolant_temperature_c - iec.REFERENCE_COOLANT_C) > 0.5:
        flags.append(
            Note(
                "not-corrected-to-25c",
                f"η is as measured at a coolant of {sheet.coolant_temperature_c:g} °C; method 2-1-1A does not "
                "correct input and output to 25 °C",
            )
        )
    if rated.stator_w is not None and rated.rotor_w is not None:
        total = r.rated_power_w / rated.efficiency - r.rated_power_w
        if rated.stator_w + rated.rotor_w - rated.rotor_half_width_w > total:
            flags.append(
                Note(
                    "stator-loss-implausible",
                    f"stator and rotor loss exceed input minus output, {total:.4g} W; is line_resistance_ohm a "
                    "value per phase, or star and delta confused?",
                )
            )

    def outputs(error: dict[str, float]) -> Array:
        seen = ev.disturbed(r, error)
        at = ev.rated_by_torque(seen)
        point = [at.efficiency, at.power_factor, at.stator_w or 0.0, at.rotor_w or 0.0]
        cos = iec.power_factor(seen.power_w, seen.voltage_v, seen.current_a)
        return np.concatenate([np.array(point), seen.shaft_w / seen.power_w, cos])

    u = ev.expanded_uncertainty(outputs, limits, {})
    u[3] = np.hypot(u[3], 2 * rated.rotor_half_width_w / iec.SQRT3)
    points = len(r.shaft_w)
    return _Evaluated(
        rated,
        [float(x) for x in u[:4]],
        r.shaft_w / r.power_w,
        u[4 : 4 + points],
        u[4 + points :],
    )


def _curve(r: Readings, evaluated: _Evaluated, limits: dict[str, float]) -> LoadCurve:
    losses = evaluated.losses
    kinds: dict[str, Array] = {}
    if losses is not None:
        kinds = {
            "stator": losses.stator_25_w,
            "rotor": losses.rotor_25_w,
            "iron": losses.iron_w,
            "friction": losses.friction_w,
            "stray": losses.stray_w,
        }
    return LoadCurve(
        (100 * r.shaft_w / r.rated_power_w).tolist(),
        (100 * evaluated.efficiency).tolist(),
        (100 * evaluated.efficiency_u).tolist(),
        iec.power_factor(r.power_w, r.voltage_v, r.current_a).tolist(),
        evaluated.power_factor_u.tolist(),
        {name: values.tolist() for name, values in kinds.items()},
        limits,
    )
