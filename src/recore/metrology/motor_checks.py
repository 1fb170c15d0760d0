"""What a motor test sheet must satisfy before and after its evaluation: bad input, refusals, flags."""

from __future__ import annotations

import numpy as np

from recore.errors import BadInput
from recore.method import Note, Refusal
from recore.metrology import loss_segregation as iec
from recore.metrology import motor_evaluation as ev
from recore.metrology.motor_evaluation import AtRated, Readings, Segregation
from recore.metrology.motor_sheet import LoadPoint, MotorTestSheet

MIN_LOAD_POINTS, FULL_LOAD_POINTS = 5, 6
MIN_FRICTION_POINTS, FULL_FRICTION_POINTS = 3, 4
# how far the last segment of a curve may be continued, relative
BEYOND_LOAD, BEYOND_VOLTAGE = 0.005, 0.02
VOLTAGE_FLAG, VOLTAGE_REFUSE, FREQUENCY_FLAG, UNBALANCE_PCT = 0.005, 0.05, 0.003, 0.5


def readings_of(sheet: MotorTestSheet, stator_k: float, rotor_k: float, flags: list[Note]) -> Readings:
    """Rows as arrays in ascending order; what no motor can show is bad input."""
    rated = sheet.rated
    kept = []
    for row, point in enumerate(sheet.load, start=1):
        if point.torque_nm == 0:
            flags.append(Note("no-load-row-left-out", f"load row {row} has no torque and is no load point"))
        else:
            _check_load_point(point, point.frequency_hz or rated.frequency_hz, rated.poles, f"load row {row}")
            kept.append(point)
    if not kept:
        raise Refusal("too-few-load-points", "the load table has no row with a torque")
    kept.sort(key=lambda point: point.torque_nm * point.speed_rpm)
    idle = sorted(sheet.no_load or (), key=lambda point: point.voltage_v)
    for row, empty in enumerate(sheet.no_load or (), start=1):
        if empty.power_w > iec.SQRT3 * empty.voltage_v * empty.current_a:
            raise BadInput(
                "power_w exceeds √3 U I: a power factor above 1",
                where=f"no_load row {row}, power_w",
                right="line voltage, line current and the power of all three phases are wanted",
            )
    resistance, winding = sheet.line_resistance_ohm, sheet.resistance_temperature_c
    if sheet.winding_temperature_c is not None and winding is not None:
        if resistance is not None:
            resistance = iec.resistance_at(resistance, winding, sheet.winding_temperature_c, stator_k)
        winding = sheet.winding_temperature_c
    result = Readings(
        rated_power_w=1000 * rated.power_kw,
        rated_voltage_v=rated.voltage_v,
        poles=rated.poles,
        voltage_v=np.array([point.voltage_v for point in kept]),
        current_a=np.array([point.current_a for point in kept]),
        power_w=np.array([point.power_w for point in kept]),
        speed_rpm=np.array([point.speed_rpm for point in kept]),
        torque_nm=np.array([point.torque_nm for point in kept]),
        frequency_hz=np.array([point.frequency_hz or rated.frequency_hz for point in kept]),
        no_load_voltage_v=np.array([point.voltage_v for point in idle]),
        no_load_current_a=np.array([point.current_a for point in idle]),
        no_load_power_w=np.array([point.power_w for point in idle]),
        line_resistance_ohm=resistance,
        winding_c=winding,
        coolant_c=sheet.coolant_temperature_c,
        stator_constant_k=stator_k,
        rotor_constant_k=rotor_k,
    )
    for name, column in (("load", result.shaft_w), ("no_load", result.no_load_voltage_v)):
        if np.any(np.diff(column) <= 0):
            what = "shaft power" if name == "load" else "voltage"
            raise BadInput(f"two rows have the same {what}", where=name, right="each point once is wanted")
    return result


def _check_load_point(point: LoadPoint, frequency_hz: float, poles: int, where: str) -> None:
    synchronous = 120 * frequency_hz / poles
    slip = 1 - point.speed_rpm / synchronous
    shaft = point.torque_nm * point.speed_rpm * np.pi / 30
    if not 0 < slip < 0.5:
        raise BadInput(
            f"{point.speed_rpm:g} 1/min is a slip of {100 * slip:.3g} %",
            where=f"{where}, speed_rpm",
            right=f"a motor under load runs below its synchronous speed of {synchronous:g} 1/min",
        )
    if shaft >= point.power_w:
        raise BadInput(
            f"shaft power {shaft:.6g} W from torque and speed is not below the input of {point.power_w:g} W",
            where=f"{where}, power_w",
            right="an efficiency below 100 % is wanted; check units and the factor of the power meter",
        )
    if point.power_w > iec.SQRT3 * point.voltage_v * point.current_a:
        raise BadInput(
            "power_w exceeds √3 U I: a power factor above 1",
            where=f"{where}, power_w",
            right="line voltage, line current and the power of all three phases are wanted",
        )


def check_supply(r: Readings, sheet: MotorTestSheet, flags: list[Note]) -> None:
    """Voltage and frequency of the load test against the rating plate."""
    off = float(np.max(np.abs(r.voltage_v / r.rated_voltage_v - 1)))
    text = f"a load point is {100 * off:.2g} % off the rated voltage of {r.rated_voltage_v:g} V"
    if off > VOLTAGE_REFUSE:
        raise Refusal("voltage-off-rated", f"{text}; the losses at rated voltage would be a guess")
    if off > VOLTAGE_FLAG:
        flags.append(Note("voltage-off-rated", f"{text}; the values are not corrected for it"))
    off = float(np.max(np.abs(r.frequency_hz / sheet.rated.frequency_hz - 1)))
    if off > FREQUENCY_FLAG:
        flags.append(
            Note(
                "frequency-off-rated",
                f"a load point is {100 * off:.2g} % off rated frequency; IEC 60034-1 allows 0.3 % in a test",
            )
        )


def check_rated_point(r: Readings, flags: list[Note]) -> None:
    """The load test must enclose rated power."""
    low, high, wanted = float(r.shaft_w[0]), float(r.shaft_w[-1]), r.rated_power_w
    if not low * (1 - BEYOND_LOAD) <= wanted <= high * (1 + BEYOND_LOAD):
        raise Refusal(
            "rated-point-not-measured",
            f"the load points reach from {low / 1000:.4g} to {high / 1000:.4g} kW; rated power is "
            f"{wanted / 1000:.4g} kW",
        )
    if not low * (1 - 1e-6) <= wanted <= high * (1 + 1e-6):
        flags.append(
            Note(
                "rated-point-extrapolated",
                f"rated power is {100 * abs(wanted / (high if wanted > high else low) - 1):.2g} % beyond the "
                "last load point; the curves were continued",
            )
        )


def check_segregation(r: Readings, flags: list[Note]) -> None:
    """What method 2-1-1B needs before it can start."""
    missing = [
        (name, code)
        for name, code, value in (
            ("line_resistance_ohm", "missing-resistance", r.line_resistance_ohm),
            ("resistance_temperature_c", "missing-temperature", r.winding_c),
            ("coolant_temperature_c", "missing-temperature", r.coolant_c),
        )
        if value is None
    ]
    if missing:
        names = " and ".join(name for name, _ in missing)
        raise Refusal(missing[0][1], f"the sheet does not state {names}, which method 2-1-1B needs")
    assert r.winding_c is not None
    assert r.coolant_c is not None
    if r.winding_c <= r.coolant_c:
        flags.append(
            Note(
                "winding-not-hot",
                f"the winding at {r.winding_c:g} °C is not warmer than the coolant at {r.coolant_c:g} °C; "
                "the resistance at the end of the load test is wanted",
            )
        )
    points, friction = len(r.shaft_w), int(np.sum(r.friction_band))
    if points < MIN_LOAD_POINTS:
        raise Refusal(
            "too-few-load-points",
            f"{points} load points do not carry the regression of the residual losses; IEC 60034-2-1 wants six, "
            f"at least {MIN_LOAD_POINTS} are needed",
        )
    if points < FULL_LOAD_POINTS:
        flags.append(Note("load-points-fewer-than-six", f"{points} load points; IEC 60034-2-1 wants six"))
    low, high = (share * r.rated_voltage_v for share in ev.FRICTION_BAND)
    above = int(np.sum(r.no_load_voltage_v > high))
    if friction < MIN_FRICTION_POINTS or above < 1:
        raise Refusal(
            "too-few-no-load-points",
            f"{friction} no-load points from {low:.4g} to {high:.4g} V and {above} above; at least "
            f"{MIN_FRICTION_POINTS} and 1 are needed to part friction from iron losses",
        )
    if friction < FULL_FRICTION_POINTS:
        flags.append(
            Note(
                "no-load-points-few",
                f"{friction} no-load points near 60 to 30 % voltage; IEC 60034-2-1 wants four",
            )
        )


def check_losses(r: Readings, losses: Segregation, rated: AtRated, flags: list[Note]) -> None:
    """Whether what method 2-1-1B found can be a motor."""
    top = float(np.max(losses.inner_v))
    highest = float(r.no_load_voltage_v[-1])
    if top > highest * (1 + BEYOND_VOLTAGE) or float(np.min(losses.inner_v)) < r.no_load_voltage_v[0]:
        raise Refusal(
            "no-load-voltage-range",
            f"the no-load test from {r.no_load_voltage_v[0]:g} to {highest:g} V does not cover the inner "
            f"voltages up to {top:.5g} V of the load test",
        )
    if top > highest:
        flags.append(
            Note(
                "iron-loss-extrapolated",
                f"the iron curve was continued from {highest:g} to {top:.5g} V",
            )
        )
    share = float(np.max((losses.stator_w + losses.rotor_w) / (r.power_w - r.shaft_w)))
    if share >= 1:
        raise Refusal(
            "resistance-implausible",
            f"stator and rotor loss make {100 * share:.0f} % of input minus output; is line_resistance_ohm a value "
            "per phase, or star and delta confused?",
        )
    fit = losses.residual
    if fit.line.correlation < iec.MIN_CORRELATION:
        raise Refusal(
            "residual-correlation",
            f"the residual losses do not follow torque squared: r = {fit.first.correlation:.3f} with all points, "
            f"{fit.line.correlation:.3f} without the worst; at least {iec.MIN_CORRELATION} is wanted. Check torque, "
            "power and speed readings",
        )
    friction = ev.no_load(r).friction.intercept
    if friction <= 0 or float(np.min(losses.iron_w)) <= 0:
        raise Refusal(
            "no-load-split",
            f"the no-load test splits into a friction loss of {friction:.4g} W and an iron loss of "
            f"{float(np.min(losses.iron_w)):.4g} W; both must be positive",
        )
    if not np.all(fit.used):
        torque = float(r.torque_nm[~fit.used][0])
        flags.append(
            Note(
                "residual-point-dropped",
                f"the load point at {torque:.4g} N·m was left out of the residual regression (r rose from "
                f"{fit.first.correlation:.3f} to {fit.line.correlation:.3f})",
            )
        )
    if rated.stray_w is not None and abs(fit.line.intercept) > 0.5 * rated.stray_w:
        flags.append(
            Note(
                "residual-intercept-large",
                f"the intercept of the residual losses, {fit.line.intercept:.3g} W, is more than half of the "
                f"stray loss at rated torque, {rated.stray_w:.3g} W: the readings should be checked",
            )
        )
