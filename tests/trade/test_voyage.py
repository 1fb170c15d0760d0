"""Voyage of a quote: distance, days, and greenhouse gas by dated factors."""

from __future__ import annotations

from typing import Any

import pytest
from trade_rows import charge, quote, row, rules

from recore.errors import BadInput
from recore.model.trade import OneOrMany
from recore.rules import shipped
from recore.trade.landed_cost import LandedCost, landed_cost
from recore.trade.quote import Quote

FACTORS = shipped().only(r.rule_id for r in shipped().rows if r.domain == "transport_emission").json()
PORTS = {"origin_port": "CNSHA", "destination_port": "KEMBA"}


def cost(*rows: dict[str, Any], speed_knots: float | None = None, **more: Any) -> LandedCost:
    given = OneOrMany[Quote].model_validate(quote(**{**PORTS, **more}))
    return landed_cost(given, speed_knots=speed_knots, rules=rules(charge("a", "duty", 1, "cif", 0), *rows))


def flags(found: LandedCost) -> list[str]:
    return [note.code for note in found.flags]


def factor(mode: str, grams: Any, rule_id: str = "co2", **more: Any) -> dict[str, Any]:
    params = {"g_co2e_per_tkm": grams, "distance_factor": 1.0}
    return row(
        f"{rule_id}.{mode}",
        **{
            "effect": "state", "country": "*", "domain": "transport_emission", "params": params,
            "predicate": {"field": "mode", "op": "==", "value": mode}, **more,
        },
    )  # fmt: skip


def test_mass_times_distance_times_factor() -> None:
    found = cost(factor("roro", 40), mode="roro")
    assert found.co2_kg is not None
    assert found.sea_distance_nm is not None
    assert found.co2_kg.value == pytest.approx(22 * found.sea_distance_nm.value * 1.852 * 0.040)
    assert found.co2_kg.unit == "kgCO2e"


def test_road_legs_are_added() -> None:
    by_sea = cost(factor("roro", 40), factor("road", 100), mode="roro")
    whole = cost(factor("roro", 40), factor("road", 100), mode="roro", road_km=[120, 480])
    assert by_sea.co2_kg is not None
    assert whole.co2_kg is not None
    assert whole.co2_kg.value - by_sea.co2_kg.value == pytest.approx(22 * 600 * 0.1)


def test_the_shipped_factors_know_every_mode() -> None:
    found = {
        mode: cost(*FACTORS, mode=mode).co2_kg for mode in ("roro", "container", "flat-rack", "break-bulk")
    }
    assert all(gas is not None for gas in found.values())
    unstated = cost(*FACTORS)
    assert unstated.co2_kg == found["roro"]
    assert "co2-mode" in flags(unstated)


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([factor("roro", 40)], {"mode": "container"}),
        ([factor("roro", 40), factor("roro", 50, "other")], {"mode": "roro"}),
        ([factor("roro", 40, valid_to="2026-01-01")], {"mode": "roro"}),
        ([factor("roro", 40)], {"mode": "roro", "machine": {"hs": "8429.52"}}),
        ([factor("roro", 40)], {"mode": "roro", "destination_port": "KEXXX"}),
    ],
)
def test_what_is_not_known_is_said(rows: list[dict[str, Any]], more: dict[str, Any]) -> None:
    found = cost(*rows, **more)
    assert found.co2_kg is None
    assert "co2-open" in flags(found)


def test_an_impossible_factor_is_bad_input() -> None:
    with pytest.raises(BadInput, match="g_co2e_per_tkm"):
        cost(factor("roro", "much"), mode="roro")


def test_days_at_sea_and_a_longer_way_round() -> None:
    found = cost(speed_knots=14, destination_port="NLRTM", closed=["suez"])
    assert found.sea_distance_nm is not None
    assert found.transit_days is not None
    assert found.transit_days.value == pytest.approx(found.sea_distance_nm.value / 14 / 24)
    assert found.sea_distance_nm.value == pytest.approx(13514, rel=0.001)


def test_an_unknown_port_is_refused_and_the_total_stands() -> None:
    found = cost(destination_port="KEMBB")
    assert [note.code for note in found.refusals] == ["port-unknown"]
    assert "KEMBA Mombasa" in found.refusals[0].text
    assert found.landed_total is not None


def test_a_quote_without_ports_says_so() -> None:
    found = cost(origin_port=None)
    assert "no-ports" in flags(found)
    assert found.sea_distance_nm is None
