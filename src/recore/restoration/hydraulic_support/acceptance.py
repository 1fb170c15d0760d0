"""What the rule rows ask a restored component of a hydraulic support to show."""

from __future__ import annotations

from typing import Any

from recore.model.route import AcceptanceTest
from recore.quantity import Quantity
from recore.rules import Rule
from recore.rules.known import Known

DOMAIN = "restoration"
# name of the limit in a row → whether it is the smallest permitted value
_LIMITS = {
    "pressure_drop_percent": False,
    "tolerance_percent": False,
    "load_factor": True,
    "cycles_least": True,
    "closing_least_percent": True,
}


def test_rows(known: Known, kind: str) -> list[Rule]:
    """The newest row of each test that a kind of component is put to."""
    found: dict[str, list[Rule]] = {}
    for row in known.rows(DOMAIN, {"component_kind": kind}):
        if "test" in row.params:
            found.setdefault(row.params["test"], []).append(row)
    newest = (known.newest(rows) for rows in found.values())
    return [row for row in newest if row is not None]


def tests_of(known: Known, kind: str) -> tuple[AcceptanceTest, ...]:
    """Acceptance tests of a kind of component; none where no row is in force."""
    return tuple(test_of(row) for row in test_rows(known, kind))


def test_of(row: Rule) -> AcceptanceTest:
    """The acceptance test that a row states."""
    p = row.params
    limit = next(name for name in _LIMITS if name in p)
    return AcceptanceTest(
        p["test"],
        "support.accept",
        p["result"],
        Quantity(float(p[limit]), p["unit"]),
        row.rule_id,
        row.evidence_level,
        _LIMITS[limit],
    )


def tests_table(rows: list[dict[str, Any]], first: dict[str, Any]) -> Any:
    """A table of acceptance tests; `first` : names and Arrow types of the columns before those of the test."""
    import pyarrow as pa

    names = {"test": pa.string(), "limit": pa.float64(), "side": pa.string(), "unit": pa.string(),
             "rule": pa.string(), "evidence_level": pa.int64()}  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema([*first.items(), *names.items()]))


def test_cells(test: AcceptanceTest) -> dict[str, Any]:
    """An acceptance test as cells of a table."""
    return {
        "test": test.name,
        "limit": test.limit.value,
        "side": "least" if test.least else "most",
        "unit": test.limit.unit,
        "rule": test.rule,
        "evidence_level": test.evidence_level,
    }
