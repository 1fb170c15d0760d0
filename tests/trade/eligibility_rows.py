"""Rows and machines for the tests of eligibility."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from recore.model.trade import OneOrMany, TradeMachine
from recore.rules import Rule, RuleSet
from recore.trade.eligibility import Eligibility, eligibility

DAY = date(2026, 12, 1)


def row(rule_id: str, domain: str, effect: str, **changes: Any) -> Rule:
    document: dict[str, Any] = {
        "rule_id": rule_id,
        "jurisdiction": "VN",
        "domain": domain,
        "title": f"About {domain}",
        "effect": effect,
        "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01",
        "source": {"title": f"Source of {rule_id}", "url": "https://example.org/law"},
        "evidence_level": 3,
    }
    return Rule.model_validate(document | changes)


def cover(*questions: str, **changes: Any) -> Rule:
    params = {"questions": list(questions)} | changes.pop("params", {})
    return row("c", "coverage", "cover", **({"params": params} | changes))


def age(limit: float, rule_id: str = "a", **changes: Any) -> Rule:
    predicate = {"field": "age_years", "op": "<=", "value": limit}
    return row(rule_id, "age", "require", **({"predicate": predicate} | changes))


def paper(name: str, rule_id: str = "d", **params: Any) -> Rule:
    return row(
        rule_id, "document", "document", params={"question": f"document:{name}", "document": name} | params
    )


def machine(**facts: Any) -> dict[str, Any]:
    return {"family": "excavator", "hs": "8429.52", "build_year": 2020} | facts


def ask(rows: list[Rule] | RuleSet | None, *machines: dict[str, Any], **parameters: Any) -> Eligibility:
    """Ask the method as Python does; machines from plain JSON."""
    given = list(machines) if len(machines) != 1 else machines[0]
    rules = RuleSet(rows) if isinstance(rows, list) else rows
    asked = {"country": "VN", "shipment_date": DAY} | parameters
    return eligibility(OneOrMany[TradeMachine].model_validate(given), rules=rules, **asked)


def folder(path: Path, *rows: Rule) -> Path:
    path.mkdir(exist_ok=True)
    (path / "rules.toml").write_text(RuleSet(rows).toml(), encoding="utf-8")
    return path


def codes(result: Eligibility) -> list[str]:
    return [note.code for note in result.flags]
