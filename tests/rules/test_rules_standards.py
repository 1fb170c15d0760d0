"""The register of standards: what is abolished is told wherever it is cited."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from recore import rules
from recore.registry import registry
from recore.rules import Rule, RuleSet
from recore.rules.standards import STATUSES, abolished, cited, register, told

DAY = date(2026, 11, 22)


def row(basis: str, **changes: object) -> Rule:
    document = {
        "rule_id": "own.engine",
        "jurisdiction": "CN",
        "domain": "process",
        "title": "Engine",
        "effect": "require",
        "predicate": {"field": "a", "op": "==", "value": 1},
        "valid_from": "2020-01-01",
        "recorded_at": "2026-11-22",
        "legal_basis": basis,
        "source": {"title": "own", "retrieved": "2026-11-22"},
        "evidence_level": 4,
        "test_vectors": [
            {"given": {"a": 1}, "date": "2026-11-22", "expect": "pass"},
            {"given": {"a": 2}, "date": "2026-11-22", "expect": "fail"},
        ],
    }
    return Rule.model_validate(document | changes)


@pytest.mark.parametrize(
    ("basis", "found"),
    [
        ("GB/T 30462-2013, clause 4", True),
        ("GB/T30462—2013", True),
        ("after gb/t 30462, clause 4", True),
        ("GB/T 30462-2030", False),
        ("GB/T 304620", False),
        ("GB/T 30462.2, clause 1", False),
        ("XGB/T 30462-2013", False),
        ("GB/T 28618-2012, clause 5", False),
        ("ANSI/RIC001.1-2016", True),
        ("ANSI/RIC001.2-2021", False),
    ],
)
def test_a_row_that_cites_an_abolished_standard_is_told(basis: str, found: bool) -> None:
    texts = [text for _, text in abolished([row(basis)], DAY)]
    assert bool(texts) == found
    if "30462" in basis and found:
        assert texts == ["row own.engine cites GB/T 30462-2013, abolished"]


def test_the_source_is_read_too_and_the_successor_named() -> None:
    one = row("own", source={"title": "ANSI/RIC001.1-2016, section 3", "retrieved": "2026-11-22"})
    [(rule, text)] = abolished([one], DAY)
    assert rule is one
    assert text.endswith("abolished; successor: ANSI/RIC001.2-2021")


def test_the_check_of_a_table_warns(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(RuleSet([row("GB/T 30462-2013, clause 4")]).toml(), encoding="utf-8")
    [problem] = rules.check(tmp_path, as_of=DAY)
    assert (problem.code, problem.severity, problem.rule_id) == ("standard", "warning", "own.engine")


def test_no_shipped_row_and_no_method_rests_on_an_abolished_standard() -> None:
    assert abolished(rules.shipped().rows, DAY) == []
    dead = [entry for entry in register() if entry.params["status"] == "abolished"]
    assert dead
    assert not [method.id for method in registry().all() if list(cited(method.standard, dead, DAY))]


def test_every_register_row_says_what_a_reader_needs() -> None:
    entries = register()
    assert len(entries) >= 35
    for entry in entries:
        assert entry.params["number"]
        assert entry.params["status"] in STATUSES
        assert entry.params["text_obtained"] is False, "no text of a standard is in this project"
        assert entry.params["licence"]
        assert told(entry).startswith(entry.params["number"])
    identical = [entry for entry in entries if "adoption" in entry.params]
    assert {entry.params["adoption"] for entry in identical} == {
        "identical to ISO 10987-2:2017",
        "identical to ISO 10987-3:2017",
    }


def test_a_register_of_ones_own() -> None:
    own = row(
        "own",
        rule_id="standard.x",
        domain="standard",
        effect="state",
        params={"number": "X 1", "status": "abolished"},
    )
    empty = row(
        "own", rule_id="standard.y", domain="standard", effect="state", params={"status": "abolished"}
    )
    standards = RuleSet([own, empty])
    assert [text for _, text in abolished([row("X 1:1999")], DAY, standards)] == [
        "row own.engine cites X 1, abolished"
    ]
    assert abolished([own], DAY, standards) == []
    assert not list(cited("X 1", [own], date(2019, 1, 1)))
