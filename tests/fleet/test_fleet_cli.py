"""`recore simulate telematics`, `recore fleet ingest` and `recore fleet rollback`, on DuckDB and PostgreSQL."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_simulated_fleet_is_taken_in_once_and_its_tampering_found(
    recore: Callable[..., Any], tmp_path: Path, derived_url: str
) -> None:
    folder = tmp_path / "fleet"
    made = recore(
        "simulate",
        "telematics",
        "--seed",
        4,
        "--machines",
        30,
        "--days",
        90,
        "--out",
        folder,
        "-p",
        "tampered=0.6",
        "--json",
    )
    assert made.status == 0, made.err
    truth = json.loads((folder / "truth.json").read_text())
    first = recore("fleet", "ingest", folder, "--format", "aemp", "--database", derived_url, "--json")
    assert first.status == 0, first.err
    assert (first.json["machines"], first.json["readings"]) == (30, truth["readings"])
    assert first.json["new_readings"] == truth["readings"]
    assert len(first.json["rejected"]) == truth["rejected"]
    assert all(record["reason"] for record in first.json["rejected"])
    again = recore(
        "fleet",
        "ingest",
        folder / "bad.xml",
        *sorted(folder.glob("*.json"))[:20],
        "--database",
        derived_url,
        "--json",
    )
    assert (again.json["new_readings"], again.json["readings"]) == (0, truth["readings"])
    found = recore("fleet", "rollback", "--database", derived_url, "--json")
    assert found.status == 0, found.err
    with (folder / "events.csv").open() as file:
        wanted = {
            (row["pin"] or row["serial"], row["kind"], row["from"], row["to"]) for row in csv.DictReader(file)
        }
    got = {
        (e["machine"].get("pin") or e["machine"]["serial"], e["kind"], e["from"], e["to"])
        for e in found.json["events"]
    }
    assert len(wanted) >= 10
    assert got == wanted
    assert all(e.get("other_machine") for e in found.json["events"] if e["kind"] == "swap")
    words = recore("fleet", "rollback", "--database", derived_url)
    assert f"{len(wanted)} in {truth['readings']} readings of 30 machines" in words.out


def test_words_of_ingest(recore: Callable[..., Any], tmp_path: Path) -> None:
    recore(
        "simulate",
        "telematics",
        "--seed",
        1,
        "--machines",
        3,
        "--days",
        5,
        "--out",
        tmp_path / "f",
        "--format",
        "xml",
    )
    done = recore("fleet", "ingest", tmp_path / "f")
    assert "3 machines" in done.out
    assert "rejected: bad.xml" in done.err


def test_wrong_words(recore: Callable[..., Any], tmp_path: Path) -> None:
    for words in (
        ("fleet", "rollback"),
        ("fleet", "ingest", tmp_path / "none.xml"),
        ("fleet", "ingest", tmp_path / "none.xml", "--format", "csv"),
        ("fleet", "ingest", tmp_path, "--database", "mysql://x/y"),
        ("simulate", "telematics", "--seed", 1, "--out", tmp_path / "f", "--format", "yaml"),
        ("simulate", "telematics", "--seed", 1, "--out", tmp_path / "f", "-p", "machines"),
        ("simulate", "telematics", "--seed", 1, "--out", tmp_path / "f", "-p", "colour=red"),
        ("simulate", "telematics", "--seed", 1, "--out", tmp_path / "f", "--machines", 0),
        ("simulate", "telematics", "--seed", 1, "--out", tmp_path / "f", "--cadence", "1,2,3"),
    ):
        done = recore(*words)
        assert (done.status, done.out) == (2, ""), words
        assert done.err.startswith("recore: ")


SNAPSHOT = (
    "<Fleet><Equipment><EquipmentHeader><PIN>P1</PIN></EquipmentHeader>"
    '<CumulativeOperatingHours datetime="2026-01-0{day}T00:00:00Z"><Hour>{hours}</Hour></CumulativeOperatingHours>'
    "{more}</Equipment></Fleet>"
)


def test_a_value_that_contradicts_the_database_is_told(
    recore: Callable[..., Any], tmp_path: Path, derived_url: str
) -> None:
    path = tmp_path / "page.xml"
    fuel = '<FuelUsed datetime="2026-01-01T00:00:00Z"><FuelConsumed>7</FuelConsumed></FuelUsed>'
    for document, new, conflicts in (
        (SNAPSHOT.format(day=1, hours=5, more=""), 1, []),
        (SNAPSHOT.format(day=1, hours=6, more=fuel), 0, [(6.0, 5.0, "page.xml", {"pin": "P1"})]),
        (SNAPSHOT.format(day=2, hours=6, more=fuel), 1, []),
    ):
        path.write_text(document)
        done = recore("fleet", "ingest", path, "--database", derived_url, "--json")
        assert (done.status, done.json["new_readings"], done.json["rejected"]) == (0, new, [])
        told = [(r["value"], r["kept"], r["file"], r["machine"]) for r in done.json["conflict_records"]]
        assert (told, done.json["conflicts"]) == (conflicts, len(conflicts))
    assert done.json["readings"] == 2
