"""Routes of machine-tool restoration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from recore.method import Refusal
from recore.model.trade import OneOrMany
from recore.quantity import Quantity
from recore.restoration.machine_tool.core import AxisFinding, MachineTool
from recore.restoration.machine_tool.faults import Fault, predicted
from recore.restoration.machine_tool.restore import restore
from recore.rules import RuleSet, shipped

Run = Callable[..., Any]
LIMITS = {
    "source": "data sheet",
    "accuracy_um": 10,
    "reversal_um": 4,
    "squareness_um_per_m": 20,
    "play_um": 5,
    "servo_ms": 0.5,
}
MACHINE = {"name": "mill", "limits": LIMITS, "currency": "EUR", "labour_per_h": 60, "energy_per_kwh": 0.2}


def finding(method: str, name: str = "x.csv", **results: tuple[float, float, str]) -> dict[str, Any]:
    return {
        "method": {"id": method, "version": 1}, "parameters": {}, "artifacts": [], "flags": [], "refusals": [],
        "evidence": [{"name": name, "sha256": "0" * 64, "bytes": 1, "media_type": "text/csv"}], "standard": "", "environment": {},
        "results": {key: {"value": v, "uncertainty": u, "unit": unit} for key, (v, u, unit) in results.items()},
    }  # fmt: skip


def positioning(a: float = 6.0, b: float = 2.0, r: float = 3.0, u: float = 0.5) -> dict[str, Any]:
    return finding(
        "machine.positioning",
        iso_accuracy=(a, u, "µm"),
        iso_reversal_error=(b, u, "µm"),
        iso_repeatability=(r, u, "µm"),
    )


def ballbar(
    square: float = 5.0, play: float = 1.0, servo: float = 0.1, backlash: float = 1.0
) -> dict[str, Any]:
    return finding(
        "machine.circularity", squareness=(square, 1.0, "µm/m"), lateral_play_x=(play, 0.3, "µm"), lateral_play_y=(0.2, 0.3, "µm"),
        servo_mismatch=(servo, 0.02, "ms"), backlash_x=(-backlash, 0.3, "µm"), backlash_y=(0.1, 0.3, "µm"),
    )  # fmt: skip


def plan(
    *findings: dict[str, Any], machine: dict[str, Any] | None = None, **more: Any
) -> tuple[Any, dict[str, Any]]:
    many = OneOrMany[AxisFinding].model_validate(list(findings))
    result = restore(MachineTool.model_validate(machine or MACHINE), many, **more)
    return result, {route["route"]: route for route in result.routes}


def test_a_sound_machine_is_kept() -> None:
    result, found = plan(positioning(), ballbar())
    assert (result.best_route, result.faults.value, result.open.value) == ("keep", 0, 0)
    assert result.time.value == 0
    assert not found["control"]["feasible"]


def test_what_a_table_in_the_control_can_mend_needs_no_mechanic() -> None:
    result, found = plan(positioning(a=25, b=8))
    assert (result.best_route, result.faults.value) == ("control", 2)
    assert [o["name"] for o in found["control"]["operations"]] == ["compensate-pitch", "compensate-backlash"]
    assert result.time == Quantity(3.0, "h", float(np.hypot(1, 0.5)))
    assert result.cost.unit == "EUR"


def test_too_much_backlash_wants_a_screw() -> None:
    result, found = plan(positioning(b=40))
    assert result.best_route is None  # even a tenth to a third of 40 µm may exceed 4 µm
    assert any("more than compensate-backlash can take" in text for text in found["control"]["reasons"])
    assert any("would stay" in text for text in found["mechanical"]["reasons"])
    result, _ = plan(positioning(b=40), machine={**MACHINE, "limits": {**LIMITS, "reversal_um": 14}})
    assert result.best_route == "mechanical"
    assert result.cost is None  # a screw has a price that only its maker knows


def test_no_axis_gets_better_than_it_repeats() -> None:
    result, _ = plan(positioning(a=25, r=9.8))
    assert result.best_route is None
    assert any("would stay" in reason for route in result.routes for reason in route["reasons"])


def test_squareness_and_play_are_work_for_a_mechanic() -> None:
    result, found = plan(ballbar(square=-60, play=12))
    assert result.best_route == "mechanical"
    assert {o["name"] for o in found["mechanical"]["operations"]} == {"align-axes", "scrape-guides"}
    assert any("no remedy in the control" in text for text in found["control"]["reasons"])
    combined = [row for row in result.budget.to_pylist() if row["source"].startswith("combined")]
    # two remedies were tried on the play: each has a budget of its own
    assert len({row["result"] for row in combined}) == len(combined) == 3


def test_a_value_that_straddles_its_limit_is_open() -> None:
    result, _ = plan(positioning(a=10.2))
    assert (result.faults.value, result.open.value, result.best_route) == (0, 1, "keep")
    assert "fault-open" in {note.code for note in result.flags}


def test_without_a_limit_nothing_is_judged() -> None:
    result, _ = plan(positioning(), machine={"name": "mill", "limits": {"source": "none"}})
    assert (result.open.value, result.cost) == (2, None)


def test_the_prediction_is_the_mean_of_a_uniform_share() -> None:
    fault = Fault("X", "reversal", "m", "r", Quantity(10.0, "µm", 1.0), 4.0, "fail")
    rng = np.random.default_rng(1)
    drawn = rng.uniform(0.1, 0.4, 400_000) * rng.normal(10, 0.5, 400_000)
    found = predicted(fault, 0.1, 0.4)
    assert found.value == pytest.approx(drawn.mean(), rel=2e-3)
    assert found.uncertainty == pytest.approx(2 * drawn.std(), rel=1e-2)


def test_other_findings_are_told() -> None:
    with pytest.raises(Refusal, match="nothing is read from roundness"):
        plan(finding("roundness.form"))
    refused = positioning() | {"refusals": [{"code": "few-runs", "text": "four runs"}]}
    result, _ = plan(refused, finding("roundness.form"), finding("machine.circularity"))
    assert {note.code for note in result.flags} >= {"finding-refused", "finding-not-used", "not-measured"}


def test_without_rows_there_is_no_remedy() -> None:
    result, found = plan(positioning(a=25), rules=RuleSet(()))
    assert result.best_route is None
    assert any("no rule row" in text for text in found["control"]["reasons"])


@pytest.mark.parametrize(
    "lost", sorted(r.rule_id for r in shipped("restoration").rows if r.rule_id.startswith("machine-tool"))
)
def test_a_lost_row_never_makes_a_route_feasible(lost: str) -> None:
    faulty = (positioning(a=25, b=8), ballbar(square=60, play=12, servo=3))
    _, whole = plan(*faulty)
    _, found = plan(*faulty, rules=RuleSet(r for r in shipped("restoration").rows if r.rule_id != lost))
    assert all(whole[name]["feasible"] or not route["feasible"] for name, route in found.items())


def test_an_axis_may_be_named() -> None:
    named = AxisFinding.model_validate({"axis": "Z", "finding": positioning()})
    bare = AxisFinding.model_validate(positioning())
    assert (named.axis, bare.axis) == ("Z", "x.csv")
    with pytest.raises(ValidationError, match="belong together"):
        MachineTool.model_validate({"name": "m", "limits": {"source": "s"}, "currency": "EUR"})


def test_command_line(recore: Run, tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text(json.dumps(MACHINE))
    (tmp_path / "findings.json").write_text(
        json.dumps([positioning(a=25), {"axis": "XY", "finding": ballbar()}])
    )
    ended = recore(
        "run",
        "machine-tool.restore",
        tmp_path / "machine.json",
        tmp_path / "findings.json",
        "--json",
        "--out",
        tmp_path / "o",
    )
    assert ended.status == 0
    assert ended.json["results"]["best_route"]["value"] == "control"
    written = (tmp_path / "o" / "budget.csv").read_text()
    assert "combined" in written and "Monte Carlo" in written
    (tmp_path / "findings.json").write_text('{"axis": "X", "finding": {"method": 3}}')
    assert (
        recore("run", "machine-tool.restore", tmp_path / "machine.json", tmp_path / "findings.json").status
        == 2
    )
