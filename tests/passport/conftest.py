"""A small case with a stranger's methods, appraised and issued once."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from recore.appraisal.case import Appraisal, appraise, case_from
from recore.evidence import open_file
from recore.passport import IssuedBundle, SigningKey, issue
from recore.registry import registry
from recore.rules import RuleSet

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
METHODS = """
    from __future__ import annotations
    import os, socket, time
    from dataclasses import dataclass
    from typing import Annotated
    import pyarrow as pa
    from pydantic import Field
    from recore.evidence import Table
    from recore.method import Artifact, Note, Tolerance, Unit, method
    from recore.quantity import Quantity

    @dataclass(frozen=True)
    class Wear:
        mean: Annotated[Quantity, Unit("mm")]
        table: Annotated[pa.Table, Artifact("wear.parquet")]
        flags: tuple[Note, ...] = ()

    @method("acme.wear", version=1, reproducible=Tolerance(absolute=1e-6))
    def wear(table: Table, *, factor: Annotated[float, Field(gt=0)] = 1.0, trouble: str = "") -> Wear:
        '''Mean wear.'''
        if trouble and os.environ.get("ACME_TROUBLE"):
            if trouble == "spin":
                open(os.environ["ACME_PID"], "w").write(str(os.getpid()))
                while True:
                    time.sleep(0.01)
            if trouble == "hog":
                bytearray(2**40)
            if trouble == "exit":
                os._exit(7)
            if trouble == "crash":
                raise ZeroDivisionError("of a method")
            if trouble == "net":
                socket.create_connection(("192.0.2.1", 9), timeout=1)
        values = table.floats("wear_mm") * factor + float(os.environ.get("ACME_BIAS", "0"))
        return Wear(Quantity(float(values.mean()), "mm", 0.01), pa.table({"wear_mm": values}))

    @method("acme.count", version=2)
    def count(table: Table) -> dict:
        '''Rows of a table.'''
        return {"rows": Quantity(len(table.floats("wear_mm")))}
"""


@pytest.fixture(scope="session")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stranger's package on the path, with its entry points."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "acme_methods.py").write_text(textwrap.dedent(METHODS))
    about = folder / "acme_methods-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-methods\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[recore.methods]\nacme.wear = acme_methods:wear\nacme.count = acme_methods:count\n"
    )
    sys.path.insert(0, str(folder))
    registry.cache_clear()
    yield folder
    sys.path.remove(str(folder))
    registry.cache_clear()


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey.generate()


Appraised = Callable[..., Appraisal]


@pytest.fixture(scope="session")
def appraised(methods: Path, tmp_path_factory: pytest.TempPathFactory) -> Appraised:
    """Appraise a case of two components; keywords become parameters of its first step."""

    def make(text: str = "wear_mm\n0.10\n0.20\n0.33\n", **parameters: object) -> Appraisal:
        folder = tmp_path_factory.mktemp("case")
        (folder / "wear.csv").write_text(text)
        (folder / "other.csv").write_text("wear_mm\n1\n2\n")
        case = case_from(
            {
                "machine": {
                    "maker": "Bohrwerk",
                    "model": "BW 2",
                    "serial": "4711",
                    "family": "milling machine",
                    "pin": "ABC12345X00004711",
                    "aliases": ["https://id.gs1.org/8004/95211234567", "inventory 12"],
                    "hours": 1000.0,
                },
                "component": [{"id": "slide", "kind": "guideway", "nominal": {"length_mm": 400.0}}],
                "grade": {"profile": "test-wear"},
                "step": [
                    {
                        "id": "wear",
                        "component": "slide",
                        "method": "acme.wear",
                        "evidence": ["wear.csv"],
                        "parameters": parameters,
                    },
                    {"id": "rows", "component": "slide", "method": "acme.count", "evidence": ["other.csv"]},
                    {"id": "again", "component": "slide", "method": "acme.count", "evidence": ["wear:wear"]},
                ],
                "evidence": [{"file": "wear.csv", "who": "A. Prüfer", "when": "2026-04-30T10:00:00Z"}],
            },
            where="case",
        )
        return appraise(case, lambda name: open_file(folder / name, name=name), rule_rows(), date(2026, 5, 1))

    return make


def rule_rows() -> RuleSet:
    """A profile with one question: mean wear up to 0.5 mm is B, up to 1 mm is D."""
    common = {
        "version": 1,
        "jurisdiction": "*",
        "domain": "condition",
        "selector": {"profile": ["test-wear"]},
        "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01",
        "source": {"title": "limits of these tests"},
        "evidence_level": 3,
    }
    rungs = [
        {
            **common,
            "rule_id": f"test.wear.{letter.lower()}",
            "title": f"Mean wear up to {limit} mm",
            "predicate": {"field": "finding.results.mean", "op": "<=", "value": limit, "unit": "mm"},
            "effect": "grade",
            "params": {"question": "acme.wear:mean", "grade": letter},
        }
        for letter, limit in (("B", 0.5), ("D", 1.0))
    ]
    cover = {
        **common,
        "rule_id": "test.cover",
        "title": "Wear is asked for",
        "effect": "cover",
        "params": {"questions": ["acme.wear:mean"]},
    }
    return RuleSet.from_json([cover, *rungs])


@pytest.fixture(scope="session")
def issued(appraised: Appraised, key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> IssuedBundle:
    """A bundle issued at `NOW`."""
    return issue(appraised(), key, tmp_path_factory.mktemp("out") / "passport.zip", now=NOW)
