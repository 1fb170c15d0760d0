"""Rule rows and quotes for the tests of trade."""

from __future__ import annotations

from typing import Any

from recore.rules import RuleSet

DAY = "2026-12-01"


def row(rule_id: str, *, effect: str = "charge", country: str = "KE", **more: Any) -> dict[str, Any]:
    """A row as JSON: of a country, in force since 2024, level 3, always true unless told otherwise."""
    return {
        "rule_id": rule_id,
        "jurisdiction": country,
        "domain": "charge" if effect == "charge" else "coverage",
        "title": rule_id,
        "effect": effect,
        "valid_from": "2024-01-01",
        "recorded_at": "2024-01-01",
        "source": {"title": "a gazette", "url": "https://gazette.example/1"},
        "evidence_level": 3,
        **more,
    }


def charge(rule_id: str, name: str, order: float, base: str, rate: Any, **more: Any) -> dict[str, Any]:
    """A rate of a base; `min`, `max` and `currency` go into params, everything else into the row."""
    params = {"name": name, "order": order, "kind": "ad_valorem", "base": base, "rate": rate}
    params |= {word: more.pop(word) for word in ("min", "max", "currency") if word in more}
    return row(rule_id, params=params, **more)


def rules(*rows: dict[str, Any]) -> RuleSet:
    return RuleSet.from_json(list(rows))


def kenya() -> list[dict[str, Any]]:
    """Duty 0, IDF 2.5 or 3.5 %, RDL 2 %, VAT 16 % on CIF or on CIF and levies: the contradictions as they are."""
    return [
        charge("ke.duty", "duty", 1, "cif", 0),
        charge("ke.idf.a", "idf", 2, "cif", 0.025, conflicts_with=["ke.idf.b"]),
        charge("ke.idf.b", "idf", 2, "cif", 0.035, conflicts_with=["ke.idf.a"]),
        charge("ke.rdl", "rdl", 3, "cif", 0.02),
        charge("ke.vat.a", "vat", 4, "cif + duty", 0.16, conflicts_with=["ke.vat.b"]),
        charge("ke.vat.b", "vat", 4, "cif + duty + idf + rdl", 0.16, conflicts_with=["ke.vat.a"]),
    ]


def plain_kenya() -> list[dict[str, Any]]:
    """The same with one row for each name."""
    return [{**item, "conflicts_with": []} for item in kenya() if not item["rule_id"].endswith(".b")]


def quote(**more: Any) -> dict[str, Any]:
    """A quote of a used excavator from Shanghai to Mombasa."""
    return {
        "machine": {"family": "excavator", "hs": "8429.52", "condition": "used", "mass_kg": 22000},
        "country": "KE",
        "date": DAY,
        "currency": "USD",
        "fob": 100000,
        "freight": 8000,
        "insurance_rate": 0.003,
        **more,
    }


def fx(pair: str, rate: Any, day: str = DAY) -> dict[str, Any]:
    """1 USD = 7.1 CNY is fx("USD/CNY", 7.1)."""
    base, _, other = pair.partition("/")
    return {"base": base, "quote": other, "date": day, "rate": rate}
