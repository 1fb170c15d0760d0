"""`motor.test-sheet`: hand computation, recovery of simulated motors, measured motor, refusals, faults."""

from __future__ import annotations

import copy
import csv
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cage_motor import ALUMINIUM, CageMotor
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import open_file
from recore.finding import Finding
from recore.method import Refusal, compare
from recore.metrology import motor_evaluation as ev
from recore.metrology.motor_checks import readings_of
from recore.metrology.motor_sheet import MotorTestSheet
from recore.metrology.motor_test import motor_test_sheet

DEMO = Path(__file__).parents[2] / "src/recore/data/demo/motor.json"
MOTOR = CageMotor()
SHEET = MOTOR.sheet(winding_c=88.0, coolant_c=31.5)


def run(sheet, **parameters):
    return motor_test_sheet(MotorTestSheet.model_validate(sheet), **parameters)


def changed(sheet=SHEET, **places):
    """A copy with other values: `load__2__speed_rpm=…`; None removes."""
    sheet = copy.deepcopy(sheet)
    for place, value in places.items():
        *path, last = (int(part) if part.isdecimal() else part for part in place.split("__"))
        target = sheet
        for part in path:
            target = target[part]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return sheet


def codes(notes):
    return {note.code for note in notes}


def by_hand(sheet):
    """Method 2-1-1B with pencil and paper: scalars, sums, the rated row itself (100 % load is row 3)."""
    f, poles = sheet["rated"]["frequency_hz"], sheet["rated"]["poles"]
    r = sheet["line_resistance_ohm"]
    hot, coolant = sheet["resistance_temperature_c"], sheet["coolant_temperature_c"]
    k = (235 + hot + 25 - coolant) / (235 + hot)
    idle = [(p["voltage_v"], p["power_w"] - 1.5 * p["current_a"] ** 2 * r) for p in sheet["no_load"]]
    low = [(u * u, pk) for u, pk in idle if u <= 0.61 * sheet["rated"]["voltage_v"]]
    n = len(low)
    sx, sy = sum(x for x, _ in low), sum(y for _, y in low)
    sxx, sxy = sum(x * x for x, _ in low), sum(x * y for x, y in low)
    fw0 = (sy * sxx - sx * sxy) / (n * sxx - sx * sx)
    curve = sorted((u, pk - fw0) for u, pk in idle)
    rows = []
    for p in sheet["load"]:
        u, i, p1, speed, t = (p[x] for x in ("voltage_v", "current_a", "power_w", "speed_rpm", "torque_nm"))
        s = 1 - speed * poles / (120 * f)
        ps = 1.5 * i * i * r
        cos = p1 / (math.sqrt(3) * u * i)
        drop = math.sqrt(3) / 2 * i * r
        ur = math.sqrt((u - drop * cos) ** 2 + (drop * math.sqrt(1 - cos * cos)) ** 2)
        (u1, f1), (u2, f2) = next((a, b) for a, b in pairwise(curve) if a[0] <= ur <= b[0])
        fe = f1 + (f2 - f1) * (ur**2 - u1**2) / (u2**2 - u1**2)
        pr = (p1 - ps - fe) * s
        fw = fw0 * (1 - s) ** 2.5
        p2 = 2 * math.pi * speed / 60 * t
        rows.append((t, p1, p2, ps, pr, fe, fw, p1 - p2 - ps - pr - fe - fw, s, cos))
    n = len(rows)
    x, y = [row[0] ** 2 for row in rows], [row[7] for row in rows]
    a = (n * sum(p * q for p, q in zip(x, y, strict=True)) - sum(x) * sum(y)) / (
        n * sum(p * p for p in x) - sum(x) ** 2
    )
    t, p1, _, ps, pr, fe, fw, _, s, cos = rows[2]
    ps25 = ps * k
    pr25 = (p1 - ps25 - fe) * s * k
    stray = a * t * t
    p125 = p1 - (ps - ps25) - (pr - pr25)
    total = ps25 + pr25 + fe + fw + stray
    return {
        "efficiency_at_rated": 100 * (p125 - total) / p125,
        "power_factor_at_rated": cos,
        "loss_stator": ps25,
        "loss_rotor": pr25,
        "loss_iron": fe,
        "loss_friction": fw,
        "loss_stray": stray,
        "loss_total": total,
    }


@pytest.mark.parametrize(
    "sheet",
    [
        SHEET,
        MOTOR.sheet(noise=0.001, seed=4),
        CageMotor(iron_exponent=2.3, rotor_constant=ALUMINIUM).sheet(connection="star"),
        CageMotor(power_kw=5.5, poles=2, r1=0.75, r2=0.6, x1=1.2, x2=1.9, xm=70, iron_w=130, friction_w=110,
                  stray_w=70).sheet(winding_c=70, coolant_c=25),
    ],
    ids=["plain", "noisy", "aluminium", "two poles"],
)  # fmt: skip
def test_hand_computation(sheet):
    row = sheet["load"][2]
    exact = row["torque_nm"] * row["speed_rpm"] * math.pi / 30 / 1000
    assert exact == pytest.approx(sheet["rated"]["power_kw"], rel=2e-3)
    sheet = changed(sheet, rated__power_kw=exact)
    result = run(sheet)
    for name, wanted in by_hand(sheet).items():
        found = getattr(result, name).value
        assert found == pytest.approx(wanted, rel=2e-6), name
    assert abs(result.efficiency_at_rated.value - by_hand(sheet)["efficiency_at_rated"]) < 1e-4


@pytest.mark.parametrize(
    ("motor", "winding", "coolant"),
    [
        (MOTOR, 90.0, 21.0),
        (MOTOR, 110.0, 38.0),
        (MOTOR, 65.0, 25.0),
        (CageMotor(poles=6, power_kw=15, stray_w=260, friction_w=120), 85.0, 18.0),
        (CageMotor(rotor_constant=ALUMINIUM, saturation=0.4), 95.0, 30.0),
        (CageMotor(frequency_hz=60, voltage_v=460), 80.0, 27.0),
    ],
)
def test_losses_of_a_simulated_motor_are_recovered(motor, winding, coolant):
    rotor = "aluminium" if motor.rotor_constant == ALUMINIUM else "copper"
    result = run(motor.sheet(winding, coolant), rotor_conductor=rotor)
    true = motor.at_25(winding, coolant)
    scale = true["power_w"] - true["shaft_w"]
    assert result.efficiency_at_rated.value == pytest.approx(
        100 * true["shaft_w"] / true["power_w"], abs=0.04
    )
    assert result.power_factor_at_rated.value == pytest.approx(
        true["power_w"] / (math.sqrt(3) * motor.voltage_v * true["current_a"]), abs=0.002
    )
    for kind in ("stator", "rotor", "iron", "friction", "stray"):
        assert getattr(result, f"loss_{kind}").value == pytest.approx(true[kind], abs=0.004 * scale), kind
    assert result.residual_correlation.value > 0.9999


def test_noise_stays_within_the_stated_uncertainty():
    true = 100 * MOTOR.at_25(90, 21)["shaft_w"] / MOTOR.at_25(90, 21)["power_w"]
    inside = 0
    for seed in range(20):
        result = run(MOTOR.sheet(noise=4e-4, seed=seed))
        efficiency = result.efficiency_at_rated
        inside += abs(efficiency.value - true) <= efficiency.uncertainty
    assert inside >= 18


def test_measured_motor(shared_data):
    with shared_data("motor/im_18k5_measured.csv").open() as file:
        rows = [{name: float(x) for name, x in row.items()} for row in csv.DictReader(file)]
    load = [
        {
            "voltage_v": 400,
            "current_a": row["i_line_A"],
            "power_w": row["p_mech_W"] / row["efficiency"],
            "speed_rpm": row["speed_rpm"],
            "torque_nm": row["p_mech_W"] / (row["speed_rpm"] * math.pi / 30),
        }
        for row in rows[1:]
    ]
    rated = {"power_kw": 18.5, "voltage_v": 400, "frequency_hz": 50, "poles": 4}
    result = run({"rated": rated, "connection": "delta", "load": load})
    assert result.efficiency_at_rated.value == pytest.approx(90.44, abs=1e-6)
    assert result.power_factor_at_rated.value == pytest.approx(0.898, abs=0.002)
    assert result.ie_class.value == "IE1"
    assert result.iec_method.value == "2-1-1A"
    assert result.loss_stator is None
    assert result.loss_iron is None
    assert codes(result.flags) == {
        "losses-not-segregated",
        "not-corrected-to-25c",
        "instrument-accuracy-assumed",
    }
    machine = json.loads(shared_data("motor/im_18k5_machine.json").read_text())
    hot = {
        "line_resistance_ohm": 2 / 3 * machine["circuit_per_phase_at_20C"]["R_stator_ohm"] * 325 / 255,
        "resistance_temperature_c": 90,
        "coolant_temperature_c": 25,
    }
    result = run({"rated": rated, "connection": "delta", "load": load, **hot})
    # published loss split of the same motor: 770.13 W stator, 481.60 W rotor
    assert result.loss_stator.value == pytest.approx(770.13, rel=2e-3)
    assert abs(result.loss_rotor.value - 481.60) <= result.loss_rotor.uncertainty
    assert "not-corrected-to-25c" not in codes(result.flags)


def test_demo_sheet_holds_the_measured_points(shared_data):
    sheet = json.loads(DEMO.read_text(encoding="utf-8"))
    with shared_data("motor/im_18k5_measured.csv").open() as file:
        rows = [{name: float(x) for name, x in row.items()} for row in csv.DictReader(file)][1:]
    for row, point in zip(rows, sheet["load"], strict=True):
        shaft = point["torque_nm"] * point["speed_rpm"] * math.pi / 30
        assert shaft == pytest.approx(row["p_mech_W"], rel=1e-7)
        assert shaft / point["power_w"] == pytest.approx(row["efficiency"], abs=1e-6)
        assert (point["current_a"], point["speed_rpm"]) == (row["i_line_A"], row["speed_rpm"])
    result = run(sheet)
    assert result.efficiency_at_rated.value == pytest.approx(90.44, abs=1e-3)
    assert result.loss_stator.value == pytest.approx(770.13 * 330 / 325, rel=2e-3)


@pytest.mark.parametrize("direct", [False, True])
def test_uncertainty_agrees_with_monte_carlo(direct):
    sheet = MotorTestSheet.model_validate(changed(no_load=None) if direct else SHEET)
    readings = readings_of(sheet, 235.0, 235.0, [])
    limits = ev.errors(ev.Accuracy())

    def outputs(error):
        seen = ev.disturbed(readings, error)
        at = ev.rated_by_torque(seen) if direct else ev.rated_by_segregation(seen, ev.segregate(seen))
        return np.array([at.efficiency, at.power_factor, at.stator_w, at.rotor_w])

    rng = np.random.default_rng(7)
    drawn = np.array(
        [outputs({name: rng.uniform(-limit, limit) for name, limit in limits.items()}) for _ in range(1500)]
    )
    assert ev.expanded_uncertainty(outputs, limits, {}) == pytest.approx(2 * drawn.std(axis=0), rel=0.06)


def test_uncertainty_follows_the_instruments():
    known = {
        "power_accuracy_pct": 0.1, "current_accuracy_pct": 0.1, "voltage_accuracy_pct": 0.1,
        "torque_accuracy_pct": 0.1, "speed_accuracy_rpm": 0.05, "frequency_accuracy_pct": 0.05,
        "resistance_accuracy_pct": 0.1, "temperature_accuracy_k": 0.5,
    }  # fmt: skip
    assumed, stated = run(SHEET), run(changed(instruments=known))
    assert "instrument-accuracy-assumed" in codes(assumed.flags)
    assert "instrument-accuracy-assumed" not in codes(stated.flags)
    for name in ("efficiency_at_rated", "power_factor_at_rated", "loss_stator", "loss_rotor"):
        half = 0.5 * getattr(assumed, name).uncertainty
        assert getattr(stated, name).uncertainty == pytest.approx(half, rel=0.01), name
    by_parameter = run(changed(instruments={"power_accuracy_pct": 5}), **known)
    assert by_parameter.efficiency_at_rated == stated.efficiency_at_rated
    text = next(n.text for n in run(SHEET, torque_accuracy_pct=0.1).flags if n.code.startswith("instrument"))
    assert "torque" not in text
    assert "power_accuracy_pct = 0.2" in text


def test_class_within_uncertainty_and_class_alone_refused():
    close = run(changed(rated__power_kw=18.5))
    assert close.ie_class.value == "IE1"
    assert "class-within-uncertainty" not in codes(close.flags)
    wide = run(SHEET, torque_accuracy_pct=2.0, power_accuracy_pct=2.0)
    assert "class-within-uncertainty" in codes(wide.flags)
    american = run(CageMotor(frequency_hz=60, voltage_v=460).sheet())
    assert american.ie_class is None
    assert codes(american.refusals) == {"ie-class-not-tabulated"}
    assert american.efficiency_at_rated.value > 85


def test_artifacts_can_be_followed_by_hand():
    result = run(SHEET)
    table = result.losses.to_pydict()
    assert table["load_pct"] == sorted(table["load_pct"])
    losses = ("loss_stator_25_w", "loss_rotor_25_w", "loss_iron_w", "loss_friction_w", "loss_stray_w")
    for row in range(6):
        total = sum(table[name][row] for name in losses)
        assert table["loss_total_25_w"][row] == pytest.approx(total, abs=1e-5)
        efficiency = 100 * (1 - total / table["power_25_w"][row])
        assert table["efficiency_pct"][row] == pytest.approx(efficiency, abs=1e-6)
        assert table["loss_stray_w"][row] == pytest.approx(
            result.fit["residual_slope_w_per_nm2"] * table["torque_nm"][row] ** 2, rel=1e-5
        )
    idle = result.no_load.to_pydict()
    assert sum(idle["in_friction_line"]) == 4
    split = [c - i for c, i in zip(idle["loss_constant_w"], idle["loss_iron_w"], strict=True)]
    assert split == pytest.approx([result.fit["friction_at_no_load_w"]] * 8, abs=1e-5)


def written(folder, sheet):
    """The sheet as evidence."""
    path = folder / "sheet.json"
    path.write_text(json.dumps(sheet), encoding="utf-8")
    return open_file(path)


def test_finding_round_trip_and_plot(tmp_path):
    for sheet, refused in (
        (SHEET, set()),
        (changed(no_load=None), set()),
        (changed(load=SHEET["load"][:3]), {"x"}),
    ):
        outcome = motor_test_sheet.run([written(tmp_path, sheet)])
        again = motor_test_sheet.run([written(tmp_path, sheet)])
        finding = outcome.finding
        assert Finding.from_json(json.loads(json.dumps(finding.json()))) == finding
        assert compare(motor_test_sheet, finding, again.finding) == []
        assert outcome.artifacts == again.artifacts
        if refused:
            assert codes(finding.refusals) == {"too-few-load-points"}
            assert outcome.plot() is None
            continue
        assert finding.results["efficiency_at_rated"].unit == "%"
        assert finding.results["ie_class"].value == "IE1"
        chart = outcome.plot()
        titles = json.dumps(chart)
        assert "Efficiency / %" in titles
        assert "IE3" in titles
        bars = len(chart["vconcat"]) == 3
        assert bars == (sheet is SHEET)
    assert set(motor_test_sheet.results) >= {
        "efficiency_at_rated", "power_factor_at_rated", "ie_class", "loss_stator", "loss_rotor", "loss_iron",
        "loss_friction", "loss_stray",
    }  # fmt: skip


def test_plot_without_class_limits():
    result = run(CageMotor(frequency_hz=60, voltage_v=460).sheet())
    assert "IE3" not in json.dumps(motor_test_sheet.draw(result).to_dict())


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(6)), st.permutations(range(8)))
def test_order_of_rows_is_irrelevant(load, idle):
    mixed = changed(load=[SHEET["load"][i] for i in load], no_load=[SHEET["no_load"][i] for i in idle])
    a, b = run(SHEET), run(mixed)
    assert a.efficiency_at_rated == b.efficiency_at_rated
    assert a.loss_stray == b.loss_stray
    assert a.losses.equals(b.losses)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.05, 20))
def test_scaling_of_the_machine(size):
    """Currents, powers, torques times c and resistance over c: another motor with the same efficiency."""
    sheet = copy.deepcopy(SHEET)
    sheet["rated"]["power_kw"] *= size
    sheet["line_resistance_ohm"] /= size
    for point in (*sheet["load"], *sheet["no_load"]):
        for name in ("current_a", "power_w", "torque_nm"):
            if name in point:
                point[name] *= size
    a, b = run(SHEET), run(sheet)
    assert b.efficiency_at_rated.value == pytest.approx(a.efficiency_at_rated.value, rel=1e-9)
    assert b.efficiency_at_rated.uncertainty == pytest.approx(a.efficiency_at_rated.uncertainty, rel=1e-6)
    assert b.loss_stray.value == pytest.approx(a.loss_stray.value * size, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.floats(-10, 45))
def test_a_cooler_coolant_at_the_same_winding_costs_efficiency(coolant):
    """Same readings, coolant said to be colder: the motor at 25 °C would have been warmer."""
    a = run(changed(coolant_temperature_c=25.0))
    b = run(changed(coolant_temperature_c=coolant))
    assert (b.efficiency_at_rated.value - a.efficiency_at_rated.value) * (coolant - 25) >= 0


def test_units_in_field_names():
    sheet = copy.deepcopy(SHEET)
    sheet["rated"]["power_w"] = 1000 * sheet["rated"].pop("power_kw")
    sheet["line_resistance_mohm"] = 1000 * sheet.pop("line_resistance_ohm")
    for point in sheet["load"]:
        point["power_kw"] = point.pop("power_w") / 1000
        point["torque_knm"] = point.pop("torque_nm") / 1000
    assert run(sheet).efficiency_at_rated.value == pytest.approx(
        run(SHEET).efficiency_at_rated.value, rel=1e-12
    )


def test_check_sheet_in_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["key", "value"])
    for key, value in SHEET.items():
        if key == "rated":
            for name, item in value.items():
                book.active.append([f"rated.{name}", item])
        elif key not in ("load", "no_load"):
            book.active.append([key, value])
    for name in ("no_load", "load"):
        page = book.create_sheet(name)
        columns = list(SHEET[name][0])
        page.append([column.replace("power_w", "power [kW]") for column in columns])
        for point in SHEET[name]:
            page.append([point[c] / 1000 if c == "power_w" else point[c] for c in columns])
    book.save(tmp_path / "sheet.xlsx")
    finding = motor_test_sheet.run([open_file(tmp_path / "sheet.xlsx")]).finding
    same = motor_test_sheet.run([written(tmp_path, SHEET)]).finding
    for name, quantity in same.results.items():
        found = finding.results[name].value
        assert found == (
            quantity.value if isinstance(quantity.value, str) else pytest.approx(quantity.value, rel=1e-9)
        ), name


def test_extra_fields_are_named_and_not_used():
    sheet = changed(load__0__load_pct=125, load__1__torque_pct=115, rated__maker="x", serial="1")
    result = run(sheet)
    text = next(note.text for note in result.flags if note.code == "fields-not-used")
    assert all(name in text for name in ("load.load_pct", "load.torque_pct", "rated.maker", "serial"))
    assert result.efficiency_at_rated == run(SHEET).efficiency_at_rated


def test_cold_resistance_with_the_winding_temperature_beside_it():
    cold = SHEET["line_resistance_ohm"] * (235 + 22) / (235 + 88)
    sheet = changed(line_resistance_ohm=cold, resistance_temperature_c=22.0, winding_temperature_c=88.0)
    assert run(sheet).loss_stator.value == pytest.approx(run(SHEET).loss_stator.value, rel=1e-9)


def test_worst_point_is_dropped_once_and_flagged():
    row = SHEET["load"][3]
    result = run(changed(load__3__torque_nm=row["torque_nm"] * 0.994))
    assert "residual-point-dropped" in codes(result.flags)
    assert result.loss_stray.value == pytest.approx(run(SHEET).loss_stray.value, rel=0.02)


def test_flags():
    def flags(sheet):
        return codes(run(sheet).flags) - {"instrument-accuracy-assumed"}

    assert flags(SHEET) == set()
    assert flags(changed(load=SHEET["load"][:5])) == {"load-points-fewer-than-six"}
    assert flags(changed(no_load__7=None)) == {"no-load-points-few"}
    assert flags(
        changed(load__5__frequency_hz=50.3, load__5__speed_rpm=SHEET["load"][5]["speed_rpm"] * 1.006)
    ) == {"frequency-off-rated"}
    assert flags(changed(load__1__voltage_v=404.0)) == {"voltage-off-rated"}
    assert flags(changed(rated__power_kw=18.5 * 1.2535)) == {"rated-point-extrapolated"}
    assert flags(changed(resistance_temperature_c=30.0)) == {"winding-not-hot"}
    no_load_row = {"voltage_v": 400, "current_a": 11, "power_w": 640, "speed_rpm": 1500, "torque_nm": 0}
    assert flags(changed(load=[*SHEET["load"], no_load_row])) == {"no-load-row-left-out"}
    shifted = copy.deepcopy(SHEET)
    for point in shifted["load"]:
        point["power_w"] += 140
    assert flags(shifted) == {"residual-intercept-large"}
    low = MOTOR.sheet(idle=(0.98, 0.94, 0.9, 0.6, 0.5, 0.4, 0.3))
    assert flags(low) == {"iron-loss-extrapolated"}
    phase_value = changed(line_resistance_ohm=3 * SHEET["line_resistance_ohm"], no_load=None)
    assert "stator-loss-implausible" in flags(phase_value)


REFUSED = {
    "voltage-unbalance": changed(voltage_unbalance_pct=0.8),
    "missing-temperature": changed(coolant_temperature_c=None),
    "missing-resistance": changed(line_resistance_ohm=None),
    "too-few-load-points": changed(load=SHEET["load"][:4]),
    "too-few-no-load-points": changed(no_load=SHEET["no_load"][:6]),
    "rated-point-not-measured": changed(rated__power_kw=25.0),
    "voltage-off-rated": changed(rated__voltage_v=440.0),
    "no-load-voltage-range": changed(no_load=SHEET["no_load"][3:]),
    "resistance-implausible": changed(line_resistance_ohm=3 * SHEET["line_resistance_ohm"]),
}


@pytest.mark.parametrize(("code", "sheet"), REFUSED.items())
def test_refusals(code, sheet):
    with pytest.raises(Refusal) as refusal:
        run(sheet)
    assert refusal.value.code == code


def test_more_refusals():
    def code(sheet):
        with pytest.raises(Refusal) as refusal:
            run(sheet)
        return refusal.value.code

    scattered = copy.deepcopy(SHEET)
    for point, error in zip(scattered["load"], (1, -1, 1, -1, 1, -1), strict=True):
        point["torque_nm"] *= 1 + 0.008 * error
    assert code(scattered) == "residual-correlation"
    assert code(changed(resistance_temperature_c=None, coolant_temperature_c=None)) == "missing-temperature"
    offset = copy.deepcopy(SHEET)
    for point in offset["no_load"]:
        point["power_w"] -= 185
        if point["power_w"] <= 0:
            point["power_w"] = 0.1
    assert code(offset) == "no-load-split"
    idle = {"voltage_v": 400, "current_a": 11, "power_w": 640, "speed_rpm": 1500, "torque_nm": 0}
    assert code(changed(load=[idle])) == "too-few-load-points"
    assert code(changed(no_load=SHEET["no_load"][4:])) == "too-few-no-load-points"


BAD = [
    ("load row 3, speed_rpm", changed(load__2__speed_rpm=1500.5)),
    ("load row 3, speed_rpm", changed(load__2__speed_rpm=720.0)),
    ("load row 1, power_w", changed(load__0__power_w=20000.0)),
    ("load row 2, power_w", changed(load__1__current_a=20.0)),
    ("no_load row 4, power_w", changed(no_load__3__current_a=0.1)),
    ("load", changed(load__1=SHEET["load"][0])),
    ("no_load", changed(no_load__1=SHEET["no_load"][0])),
    ("load.4.torque_nm", changed(load__4__torque_nm=None)),
    ("load.4.torque_nm", changed(load__4__torque_nm=-5)),
    ("load.4.torque_nm", changed(load__4__torque_nm="12,5")),
    ("sheet.json: NaN", changed(load__0__power_w=float("nan"))),
    ("rated.power_kw", changed(rated__power_kw=None)),
    ("rated.poles", changed(rated__poles=3)),
    ("connection", changed(connection="triangle")),
    ("load.0", changed(load__0__power_kw=3.0)),
    ("rated", changed(rated__power_kw=None, rated__power_mpa=18.5)),
    ("rated", changed(rated=5)),
    ("coolant_temperature_c", changed(coolant_temperature_c=500)),
]  # fmt: skip


@pytest.mark.parametrize(("where", "sheet"), BAD)
def test_bad_input_names_the_place(where, sheet, tmp_path):
    with pytest.raises(BadInput) as error:
        motor_test_sheet.run([written(tmp_path, sheet)])
    assert where in str(error.value)


def test_parameters_out_of_range():
    with pytest.raises(BadInput, match="power_accuracy_pct"):
        motor_test_sheet.validated({"power_accuracy_pct": -1})
    with pytest.raises(BadInput, match="rotor_conductor"):
        motor_test_sheet.validated({"rotor_conductor": "steel"})


def test_a_single_rated_point_serves_the_direct_method():
    result = run(changed(load=[SHEET["load"][2]], no_load=None))
    point = SHEET["load"][2]
    assert result.efficiency_at_rated.value == pytest.approx(
        100 * point["torque_nm"] * point["speed_rpm"] * math.pi / 30 / point["power_w"], rel=1e-9
    )
    assert run(changed(no_load=[])).iec_method.value == "2-1-1A"
