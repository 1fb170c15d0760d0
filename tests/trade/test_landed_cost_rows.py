"""The charge rows that are shipped: every country answers, and no row can be lost without being missed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from trade_rows import DAY, fx, quote

from recore.model.trade import OneOrMany
from recore.rules import Rule, RuleSet, Verdict, check, decide, shipped
from recore.rules.table import SHIPPED
from recore.trade.landed_cost import LandedCost, landed_cost
from recore.trade.quote import Quote

FX = [
    fx(f"USD/{code}", rate)
    for code, rate in {"PHP": 58, "BRL": 5.4, "RUB": 90, "NZD": 1.7, "CNY": 7.1, "KES": 130}.items()
]
EXCAVATOR = {
    "family": "excavator", "hs": "8429.52", "condition": "used", "mass_kg": 22000, "power_kw": 110,
    "build_year": 2018, "origin_country": "CN",
}  # fmt: skip
LISTS = [rule for rule in shipped().rows if rule.domain == "charge_coverage"]
COUNTRIES = sorted(rule.jurisdiction for rule in LISTS)


def cost(country: str, rules: RuleSet | None = None, **more: Any) -> LandedCost:
    document = quote(country=country, **{"machine": EXCAVATOR, "fx": FX, **more})
    return landed_cost(OneOrMany[Quote].model_validate(document), rules=rules)


def least(found: LandedCost) -> float | None:
    """The lowest amount that is stated as a total of any kind."""
    stated = (found.landed_total, found.indicative_total, found.landed_low)
    return min((quantity.value for quantity in stated if quantity is not None), default=None)


def around(country: str) -> list[Rule]:
    """Charge rows of a country and of its unions, and the list of its charges."""
    (listed,) = (rule for rule in LISTS if rule.jurisdiction == country)
    areas = {country, *listed.params.get("includes", ())}
    return [r for r in shipped().rows if r.jurisdiction in areas and (r.effect == "charge" or r is listed)]


def test_the_rows_are_sound() -> None:
    folder = SHIPPED / "trade"
    assert [str(p) for p in check(folder, as_of=date.fromisoformat(DAY)) if p.severity == "error"] == []


def test_the_countries_of_the_trade_are_there() -> None:
    wanted = "KE NG TZ UG RW GH ZA ID VN PH TH MY SA AE PE BR CL MX RU KZ DE NL FR PL ES IT GB US AU NZ"
    assert set(wanted.split()) <= set(COUNTRIES)


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_country_gives_a_total_or_says_what_stands_in_its_way(country: str) -> None:
    found = cost(country)
    assert least(found) is not None, found.refusals
    assert {note.code for note in found.refusals} <= {"charge-contradiction", "charge-unverified"}
    lines = [line for line in found.line_table.to_pylist() if line["rule_id"]]
    assert lines
    assert all(line["source"] and line["date"] and line["amount"] is not None for line in lines)
    if found.landed_total is not None:
        assert all(line["evidence_level"] < 5 for line in lines)


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("way", ["lost", "expired", "not yet in force"])
def test_no_row_can_be_lost_without_being_missed(country: str, way: str) -> None:
    before = least(cost(country))
    assert before is not None
    for row in around(country):
        day = date.fromisoformat(DAY)
        rest = [rule for rule in shipped().rows if rule is not row]
        if way == "expired":
            rest.append(
                row.model_copy(update={"valid_from": date(2000, 1, 1), "valid_to": day - timedelta(1)})
            )
        elif way == "not yet in force":
            rest.append(row.model_copy(update={"valid_from": day + timedelta(1), "valid_to": None}))
        found = cost(country, RuleSet(rest))
        after = least(found)
        if after is None:
            assert found.refusals
        else:
            assert after >= before, (row.rule_id, [note.text for note in found.refusals])
        assert found.landed_total is None or not found.refusals


@pytest.mark.parametrize("country", COUNTRIES)
def test_what_is_not_stated_of_the_machine_is_named(country: str) -> None:
    found = cost(country, machine={})
    assert least(found) is None
    assert any("machine.hs" in note.text for note in found.refusals)


def test_a_list_of_charges_says_nothing_about_admission() -> None:
    facts = {"machine": EXCAVATOR, **EXCAVATOR}
    only = RuleSet(rule for rule in shipped().rows if rule.domain in ("charge", "charge_coverage"))
    for country in COUNTRIES:
        assert decide(only, facts, date.fromisoformat(DAY), country).verdict is Verdict.UNKNOWN


def test_kenya_shows_both_fees_and_both_bases() -> None:
    found = cost("KE")
    assert found.landed_low is not None
    assert found.landed_high is not None
    assert found.cif is not None
    shares = [100 * (end.value / found.cif.value - 1) for end in (found.landed_low, found.landed_high)]
    assert [f"{share:.1f}" for share in shares] == ["20.5", "22.4"]
    assert found.alternative_table.num_rows == 4


def test_the_recycling_fee_of_a_used_grader_in_russia() -> None:
    grader = {**EXCAVATOR, "family": "grader", "hs": "8429.20", "power_kw": 160, "build_year": 2015}
    rates = [fx("USD/RUB", 90, "2025-06-30")]
    found = cost("RU", machine=grader, date="2025-06-30", currency="RUB", fob=9_000_000, fx=rates)
    fee = next(line for line in found.line_table.to_pylist() if line["name"] == "recycling_fee")
    assert fee["amount"] == 9_879_075
    assert fee["evidence_level"] == 3
    young = cost(
        "RU", machine={**grader, "build_year": 2024}, date="2025-06-30", currency="RUB", fob=9_000_000
    )
    fee = next(line for line in young.line_table.to_pylist() if line["name"] == "recycling_fee")
    assert fee["amount"] == 3_334_425


def test_a_union_charges_for_its_members() -> None:
    for country, union in (("DE", "eu"), ("TZ", "eac"), ("NG", "ecowas"), ("AE", "gcc")):
        duty = next(line for line in cost(country).line_table.to_pylist() if line["name"] == "duty")
        assert duty["rule_id"].startswith(f"{union}.charge.duty")


def test_a_total_names_what_it_does_not_hold() -> None:
    assert "not-held" in [note.code for note in cost("AU").flags]
