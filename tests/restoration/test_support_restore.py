"""Restoration of hydraulic supports: what a fault and a check list ask for, check values by hand, and the door."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import pi
from pathlib import Path
from typing import Any

import pytest

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.restoration.hydraulic_support.case import PlanCase
from recore.restoration.hydraulic_support.found import FAULTS
from recore.restoration.hydraulic_support.plan import plan
from recore.restoration.hydraulic_support.restore import restore
from recore.rules import RuleSet, shipped
from recore.rules.table import toml_value
from recore.tomlio import loads

SOUND_LEG = {
    "name": "leg 1", "kind": "leg", "leg": 1, "seal_age_a": 1.0, "rod_wear_mm": 0.0, "bore_scratch_mm": 0.0,
    "bend_mm_per_m": 0.0, "crack_mm": 0.0,
}  # fmt: skip
SOUND_CHECK = {"name": "check valve 1", "kind": "check valve", "leg": 1, "seal_age_a": 1.0}
SOUND_YIELD = {"name": "yield valve 1", "kind": "yield valve", "leg": 1, "seal_age_a": 1.0}
RATES = {"currency": "CNY", "labour_per_h": 100, "energy_per_kwh": 1}


def core(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "shield 17",
        "support": 17,
        "component": list(parts or (SOUND_LEG, SOUND_CHECK, SOUND_YIELD)),
        **more,
    }


def faults(*rows: tuple[str, int | None], support: int = 17) -> Table:
    return Table.of(
        {
            "support": [support] * len(rows),
            "leg": [leg for _, leg in rows],
            "fault": [code for code, _ in rows],
            "confidence": [0.99] * len(rows),
            "value": [0.1] * len(rows),
            "u": [0.01] * len(rows),
            "limit": [0.03] * len(rows),
            "unit": ["MPa/min"] * len(rows),
        },
        name="faults.parquet",
    )


def finding(method: str = "support.diagnose", **counts: int) -> dict[str, Any]:
    results = dict.fromkeys(FAULTS, 0) | counts if method == "support.diagnose" else {}
    return {
        "method": {"id": method, "version": 1}, "parameters": {}, "artifacts": [], "flags": [], "refusals": [],
        "evidence": [], "standard": "", "environment": {},
        "results": {name: {"value": value, "unit": "1"} for name, value in results.items()},
    }  # fmt: skip


def ran(*documents: Any, **more: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Result, best route by component, and all routes by component and name."""
    result = restore(*documents, **more)
    best = {row["component"]: row["best_route"] for row in result.routes}
    routes = {row["component"]: {route["route"]: route for route in row["routes"]} for row in result.routes}
    return result, best, routes


def codes(notes: Any) -> set[str]:
    return {note.code for note in notes}


def test_a_sound_support_is_kept() -> None:
    result, best, routes = ran(core(), finding())
    assert set(best.values()) == {"keep"}
    assert (result.kept.value, result.worked_on.value, result.open.value) == (3, 0, 0)
    assert not result.refusals
    assert restore.draw is not None
    assert len(restore.draw(result)["data"]["values"]) == 3
    assert "nothing that was looked at asks for it" in routes["leg 1"]["replace"]["reasons"]


def test_wear_is_clad_with_mass_and_money_by_hand() -> None:
    worn = SOUND_LEG | {
        "rod_wear_mm": 0.5,
        "u_rod_wear_mm": 0.1,
        "rod_diameter_mm": 280.0,
        "rod_length_mm": 1200.0,
    }
    worn["price"] = {"clad-laser": "9000.005"}
    result, best, routes = ran(core(worn, **RATES), finding())
    assert best["leg 1"] == "clad-laser"
    # 22 h × 100 + 260 kWh × 1 + 9000.005 = 11460.005, half up
    assert (result.cost.value, result.cost.unit) == (11460.01, "CNY")
    assert result.time.value == 22.0
    # layer 0.5 worn + 0.3 allowance on 280 mm × 1.2 m, 7800 kg/m³, efficiency 0.75
    mass = pi * (280 - 0.8) * 0.8 * 1200e-9 * 7800 / 0.75
    (powder,) = routes["leg 1"]["clad-laser"]["operations"][0]["material"].values()
    assert powder["value"] == pytest.approx(mass, rel=1e-12)
    # age factor uniform in 0.1 to 0.4: mean 0.25, U = 2 × 0.15 / √3
    factor = routes["leg 1"]["clad-laser"]["properties"]["age_factor"]
    assert (factor["value"], factor["uncertainty"]) == (pytest.approx(0.25), pytest.approx(0.3 / 3**0.5))
    for thin in ("clad-hvof", "replate-chrome"):
        assert not routes["leg 1"][thin]["feasible"]
        assert "is more than" in " ".join(routes["leg 1"][thin]["reasons"])
    assert not routes["leg 1"]["reseal"]["feasible"]


def test_where_all_are_priced_the_cheapest_is_best() -> None:
    worn = SOUND_LEG | {"rod_wear_mm": 0.1}
    prices = {"clad-laser": 9000, "clad-hvof": 100, "remanufacture": 9000, "replace": 9000}
    _, best, _ = ran(core(worn | {"price": prices | {"replate-chrome": 200}}, **RATES), finding())
    assert best["leg 1"] == "clad-hvof"
    _, best, _ = ran(core(worn | {"price": prices}, **RATES), finding())
    assert best["leg 1"] == "clad-laser"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (SOUND_LEG | {"seal_age_a": 5.0}, "reseal"),
        (SOUND_LEG | {"bore_scratch_mm": 0.2}, "remanufacture"),
        (SOUND_LEG | {"bend_mm_per_m": 2.0}, "replace"),
        (SOUND_LEG | {"rod_wear_mm": 2.0}, "replace"),
        (SOUND_YIELD | {"seal_age_a": 3.0}, "reseal"),
        ({"name": "hose 1", "kind": "hose", "seal_age_a": 7.0}, "replace"),
        ({"name": "pin 1", "kind": "pin", "clearance_mm": 2.0}, "clad-laser"),
        ({"name": "pin 1", "kind": "pin", "clearance_mm": 4.0}, "replace"),
        ({"name": "weld 1", "kind": "canopy weld", "crack_mm": 30.0}, "remanufacture"),
        # nothing but a question: answered before money is spent
        (SOUND_LEG | {"seal_age_a": None}, None),
        (SOUND_LEG | {"rod_wear_mm": 0.02, "u_rod_wear_mm": 0.01}, None),
    ],
)
def test_what_a_fact_asks_for(part: dict[str, Any], expected: str | None) -> None:
    result, best, _ = ran(core(part), finding())
    assert best[part["name"]] == expected
    assert ("to-inspect" in codes(result.flags)) == (expected is None)
    assert result.cost is None or expected is None


def test_a_leaking_leg_is_not_told_from_its_valves_by_the_slope() -> None:
    result, best, routes = ran(core(), faults(("leg_leak", 1)), finding(leg_leak=1))
    assert set(best.values()) == {None}
    (note,) = result.refusals
    assert note.code == "fault-not-located"
    assert all(name in note.text for name in ("leg 1", "check valve 1", "yield valve 1", "blank"))
    assert not routes["leg 1"]["keep"]["feasible"]


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ((False, None, None), ["reseal", "keep", "keep"]),
        ((None, True, True), ["reseal", "keep", "keep"]),
        ((True, False, True), ["keep", "remanufacture", "keep"]),
        ((True, True, None), ["keep", "keep", "remanufacture"]),
    ],
)
def test_the_bench_tells_where_it_leaks(holds: tuple[bool | None, ...], expected: list[str]) -> None:
    parts = [
        part | {"holds": held}
        for part, held in zip((SOUND_LEG, SOUND_CHECK, SOUND_YIELD), holds, strict=True)
    ]
    result, best, routes = ran(core(*parts), faults(("leg_leak", 1)))
    assert list(best.values()) == expected
    at = next(name for name, route in best.items() if route != "keep")
    left = routes[at][best[at]]["properties"]["leg_leak"]
    # a share uniform in 0 to 0.2 of 0.1 ± 2 × 0.01 stays: 0.01, U = √((2 × 0.1/√3 × 0.1)² + (0.1 × 0.02)²)
    assert left["value"] == pytest.approx(0.01)
    assert left["uncertainty"] == pytest.approx(((0.02 / 3**0.5) ** 2 + 0.002**2) ** 0.5)
    assert not result.refusals


def test_a_fault_that_the_bench_contradicts_is_refused() -> None:
    parts = [part | {"holds": True} for part in (SOUND_LEG, SOUND_CHECK, SOUND_YIELD)]
    assert codes(ran(core(*parts), faults(("leg_leak", 1)))[0].refusals) == {"fault-contradicted"}
    assert codes(ran(core(SOUND_LEG), faults(("leg_leak", 1)))[0].refusals) == {"fault-not-located"}
    assert codes(ran(core(SOUND_LEG), faults(("yield_low", 1)))[0].refusals) == {"component-missing"}


@pytest.mark.parametrize(
    ("code", "name"),
    [("check_valve_leak", "check valve 1"), ("yield_low", "yield valve 1"), ("yield_high", "yield valve 1"),
     ("yield_slow", "yield valve 1")],
)  # fmt: skip
def test_a_valve_fault_asks_for_the_valve(code: str, name: str) -> None:
    _, best, _ = ran(core(), faults((code, 1)))
    assert best == dict.fromkeys(best, "keep") | {name: "remanufacture"}


@pytest.mark.parametrize(
    "code", ["sensor_stuck", "sensor_offset", "sensor_swapped", "low_supply", "roof_load"]
)
def test_sensors_supply_and_roof_ask_for_no_work(code: str) -> None:
    result, best, _ = ran(core(), faults((code, None)))
    assert set(best.values()) == {"keep"}
    assert "not-mechanical" in codes(result.flags)


def test_another_support_and_other_findings_change_nothing() -> None:
    risk = Table.of({"support": [17, 3], "health": [62.0, None]}, name="risk.parquet")
    result, best, _ = ran(
        finding("support.risk"), core(), risk, faults(("yield_low", 1), support=3), finding("support.cycles")
    )
    assert set(best.values()) == {"keep"}
    assert {"health", "no-diagnosis"} <= codes(result.flags)


def test_counts_without_a_place_are_refused() -> None:
    assert codes(ran(core(), finding(leg_leak=2))[0].refusals) == {"faults-not-placed"}
    assert codes(ran(core())[0].refusals) == {"not-diagnosed"}


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([finding()], "0 of 1 documents describe a support"),
        ([core(), core()], "2 of 2 documents"),
        ([core(), {"a": 1}], "not a finding"),
        ([core(), finding("spindle.restore")], "nothing is read from spindle.restore"),
        ([core(), finding(), finding()], "two findings of support.diagnose"),
        ([core(), finding(leg_leak=2), faults(("leg_leak", 1))], "the table has 1 leg_leak, the finding 2"),
        ([core(), faults(("leek", 1))], "fault 'leek' is not known"),
        ([core(), Table.of({"x": [1.0]})], "columns x are not known"),
        ([core(SOUND_LEG | {"leg": None})], "wants the number of its leg"),
        ([core(SOUND_LEG, SOUND_LEG)], "is named twice"),
        ([core(SOUND_LEG | {"rod_wear_mm": -1.0})], "rod_wear_mm"),
        ([core(SOUND_LEG | {"colour": "red"})], "is not known"),
        ([core(currency="CNY")], "belong together"),
    ],
)
def test_bad_input(documents: list[Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        restore(*documents)


@pytest.mark.parametrize("part", ["fault", "condition", "action"])
def test_without_rows_nothing_is_guessed(part: str) -> None:
    rows = RuleSet(
        r for r in shipped("restoration").rows if not r.rule_id.startswith(f"hydraulic-support.{part}")
    )
    if part == "action":
        with pytest.raises(Refusal, match="rule-row-missing"):
            restore(core(), finding(), rules=rows)
        return
    result, best, _ = ran(core(), faults(("yield_low", 1)), rules=rows)
    if part == "fault":
        assert codes(result.refusals) == {"rule-row-missing"}
    assert best["yield valve 1"] == ("keep" if part == "fault" else "remanufacture")


def test_the_door_and_the_plan_that_follows(recore: Callable[..., Any], tmp_path: Path) -> None:
    worn = SOUND_LEG | {"seal_age_a": 6.0, "price": {"reseal": 1000}}
    lines = [
        'name = "shield 17"',
        "support = 17",
        'currency = "CNY"',
        "labour_per_h = 100",
        "energy_per_kwh = 1",
    ]
    lines += [
        "[[component]]",
        *(f"{name} = {toml_value(value)}" for name, value in worn.items() if name != "price"),
    ]
    (tmp_path / "core.toml").write_text("\n".join([*lines, "price = { reseal = 1000 }", ""]))
    (tmp_path / "finding.json").write_text(json.dumps(finding()))
    out = tmp_path / "out"
    ended = recore(
        "run", "support.restore", tmp_path / "finding.json", tmp_path / "core.toml", "--json", "--out", out
    )
    assert ended.status == 0, ended.err
    assert ended.json["results"]["cost"]["value"] == 1910.0
    assert "leg-hold" in (out / "acceptance.csv").read_text()
    assert restore.draw is not None
    (tmp_path / "bad.json").write_text('{"component": [], "name": "x", "support": 1}')
    assert recore("run", "support.restore", tmp_path / "bad.json").status == 2
    # its action rows are rows of a case of support.plan, and the plan tells the tests
    (action,) = loads((out / "actions.toml").read_text())["action"]
    assert action == {"kind": "leg", "name": "reseal", "cost": 1910.0, "hours": 9.0, "age_factor": 0.55}
    horizon = {"currency": "CNY", "periods": 1, "budget": [9000], "hours": [99], "max_supports_out": 1,
               "max_adjacent_out": 1, "setup_cost": 0, "setup_hours": 0}  # fmt: skip
    part = {"support": 17, "name": "leg 1", "kind": "leg", "age": 9.0, "shape": 2.0, "scale": 9.0, "severity": 1.0,
            "failure_cost": 90000}  # fmt: skip
    case = PlanCase.model_validate({"plan": horizon, "action": [action], "component": [part]})
    planned = plan(case, progress=lambda share, doing: None)
    rows = planned.acceptance.to_pylist()
    assert [(r["kind"], r["action"], r["test"]) for r in rows] == [
        ("leg", "reseal", test) for test in ("leg-fatigue", "leg-hold", "leg-overload")
    ]
    assert {r["evidence_level"] for r in rows} == {5}
    bare = plan(case, rules=RuleSet(()), progress=lambda share, doing: None)
    assert bare.acceptance.num_rows == 0
    assert "no-acceptance-test" in codes(bare.flags)
