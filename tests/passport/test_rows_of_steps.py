"""A step that reads rule rows carries them into the passport, and L4 runs it with those, whatever is shipped then."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from recore import rules
from recore.appraisal.case import Appraisal, appraise, case_from
from recore.evidence import open_file
from recore.passport import SigningKey, issue, verify
from recore.rules import RuleSet

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MACHINE = {"family": "excavator", "hs": "8429.52", "build_year": 2018, "condition": "used", "mass_kg": 22000}
DAY = date(2026, 5, 1)
QUOTE = {
    "machine": MACHINE, "country": "TZ", "date": "2026-05-01", "currency": "USD", "incoterm": "CIF", "fob": 48000,
    "freight": 7400, "insurance_rate": 0.003, "origin_port": "CNSHA", "destination_port": "TZDAR",
}  # fmt: skip


def appraised(
    folder: Path, steps: list[tuple[str, dict[str, Any], dict[str, Any]]], rows: RuleSet
) -> Appraisal:
    document: dict[str, Any] = {
        "machine": {
            "maker": "Kato",
            "model": "HD820",
            "serial": "4711",
            "family": "excavator",
            "built": "2018",
        },
        "component": [{"id": "whole", "kind": "machine"}],
        "grade": {"profile": "open-condition"},
        "step": [],
        "evidence": [],
    }
    for number, (method, content, parameters) in enumerate(steps):
        file = f"{number}.json"
        (folder / file).write_text(json.dumps(content))
        document["step"].append(
            {
                "id": f"s{number}",
                "component": "whole",
                "method": method,
                "evidence": [file],
                "parameters": parameters,
            }
        )
        document["evidence"].append({"file": file})
    case = case_from(document, where="a test", now=NOW)
    return appraise(case, lambda name: open_file(folder / name, name=name), rows, DAY)


@pytest.fixture
def steps() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        ("trade.eligibility", MACHINE, {"country": "TZ", "shipment_date": "2026-05-01"}),
        ("trade.landed-cost", QUOTE, {}),
    ]


def test_the_rows_of_a_step_travel_with_the_passport(
    tmp_path: Path, steps: list[tuple[str, dict[str, Any], dict[str, Any]]], key: SigningKey
) -> None:
    found = appraised(tmp_path, steps, rules.load())
    carried = {row.rule_id for row in found.rules.rows}
    assert any(name.startswith("tz.charge") for name in carried)
    assert not any(name.startswith("ke.charge") for name in carried)
    assert all(finding.parameters["rules"] is None for finding in found.findings.values())
    bundle = issue(found, key, tmp_path / "passport.zip", now=NOW)
    result = verify(bundle.path, "L4", now=NOW)
    assert result.ok, [check for check in result.checks if not check.ok]


def test_rows_that_were_changed_since_do_not_change_the_finding(
    tmp_path: Path, steps: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    found = appraised(tmp_path, steps, rules.load())
    again = appraised(tmp_path, steps, found.rules)
    for step, finding in found.findings.items():
        assert finding.digest == again.findings[step].digest


def test_rows_named_by_the_step_itself_are_taken(tmp_path: Path) -> None:
    rows = rules.shipped("trade").only(["tz.cover"]).json()
    parameters = {"country": "TZ", "shipment_date": "2026-05-01", "rules": rows}
    found = appraised(tmp_path, [("trade.eligibility", MACHINE, parameters)], rules.load())
    assert found.findings["s0"].parameters["rules"] == rows
    assert found.findings["s0"].results["verdict"].value == "unknown"
