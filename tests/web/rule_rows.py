"""Rule rows of invented certainty for the tests of the pages: three countries, every kind of state."""

from __future__ import annotations

import textwrap
from datetime import date, timedelta

from recore.rules import Rule, RuleSet
from recore.rules.table import parse

TODAY = date.today()
SOON = TODAY + timedelta(days=30)
GONE = TODAY - timedelta(days=40)


def row(rule_id: str, jurisdiction: str, domain: str, effect: str, **more: object) -> Rule:
    """A row with everything that a check asks for."""
    entry: dict[str, object] = {
        "rule_id": rule_id,
        "jurisdiction": jurisdiction,
        "domain": domain,
        "effect": effect,
        "title": f"Test row {rule_id}",
        "valid_from": "2020-01-01",
        "recorded_at": "2026-01-01",
        "legal_basis": "Test act 7/2020, article 3",
        "source": {"title": "Test gazette", "url": "https://example.org/gazette", "retrieved": "2026-01-01"},
        "evidence_level": 2,
    }
    return parse({**entry, **more}, where=rule_id)


def age(most: int, day: str = "2026-06-01", basis: str = "build_year") -> dict[str, object]:
    return {
        "predicate": {"field": "age_years", "op": "<=", "value": most},
        "params": {"age_basis": basis},
        "test_vectors": [
            {"given": {"build_year": 2026}, "date": day, "expect": "pass"},
            {"given": {"build_year": 1990}, "date": day, "expect": "fail"},
        ],
    }


def paper(name: str, **more: object) -> dict[str, object]:
    return {
        "params": {"document": name, "question": f"document:{name}", **more},
        "test_vectors": [
            {"given": {"evidence": {name: True}}, "date": "2026-06-01", "expect": "pass"},
            {"given": {"evidence": {name: False}}, "date": "2026-06-01", "expect": "fail"},
        ],
    }


def cover(*questions: str, **more: object) -> dict[str, object]:
    everything = {"any": [{"field": "condition", "op": "in", "value": ["used", "new"]}, {"all": []}]}
    return {
        "params": {"questions": list(questions), **more},
        "predicate": everything,
        "selector": {"condition": ["used"]},
    }


def rows() -> RuleSet:
    """Iceland passes young machines, Madagascar fails old ones, Papua's rows disagree, Paraguay has no row for age."""
    return RuleSet(
        [
            row("is.cover", "IS", "coverage", "cover", **cover("age", "document")),
            row("is.age", "IS", "age", "require", **age(8)),
            row("is.doc.coc", "IS", "document", "document", **paper("pvoc_coc", stage="before shipment", issuer="inspection company")),
            row("is.charge.idf", "IS", "charge", "charge", params={"order": 1, "name": "idf", "kind": "ad_valorem", "base": "cif", "rate": 0.025}),
            row("is.charge.vat", "IS", "charge", "charge", params={"order": 2, "name": "vat", "kind": "ad_valorem", "base": "cif + idf", "rate": 0.16}),
            row("mg.cover", "MG", "coverage", "cover", **cover("age")),
            row("mg.age", "MG", "age", "require", **age(10), valid_to=SOON.isoformat()),
            row("pg.cover", "PG", "coverage", "cover", **cover("age")),
            row("pg.age.list", "PG", "age", "require", **age(7), conflicts_with=["pg.age.decree"]),
            row("pg.age.decree", "PG", "age", "require", **age(15), conflicts_with=["pg.age.list"]),
            row("py.cover", "PY", "coverage", "cover", **cover("age", "prohibition")),
            row("py.ban", "PY", "prohibition", "block", predicate={"field": "use", "op": "==", "value": "road"}, selector={"family": ["truck"]}, valid_to=GONE.isoformat()),
        ]
    )  # fmt: skip


GOOD_TABLE = textwrap.dedent(
    """
    [[rule]]
    rule_id = "bz.age.general"
    version = 1
    jurisdiction = "HN"
    domain = "age"
    title = "Machines are at most 9 years old"
    predicate = { field = "age_years", op = "<=", value = 9 }
    effect = "require"
    params = { age_basis = "build_year" }
    valid_from = 2024-01-01
    recorded_at = 2024-01-02
    legal_basis = "Decree 12/2024, article 2"
    source = { title = "Gazette", url = "https://example.org/12", retrieved = 2026-11-01 }
    evidence_level = 1
    test_vectors = [
      { given = { build_year = 2020 }, date = 2026-06-01, expect = "pass" },
      { given = { build_year = 2010 }, date = 2026-06-01, expect = "fail" },
    ]
    """
)
