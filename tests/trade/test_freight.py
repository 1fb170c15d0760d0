"""Freight by the user's table: revenue tons, minimum, surcharges, validity, and what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trade_rows import DAY, charge, fx, quote, rules

from recore.errors import BadInput
from recore.evidence import Table, open_file
from recore.method import Refusal
from recore.model.trade import OneOrMany, TradeMachine
from recore.trade.freight import Freight, FreightRequest, freight, plot
from recore.trade.freight_table import Cargo, FreightTable
from recore.trade.landed_cost import landed_cost
from recore.trade.quote import Quote

EXCAVATOR = {"size_mm": [9500, 3000, 3100], "mass_kg": 22000}
HEAD = "mode,origin,destination,currency,per_revenue_ton,per_unit,per_slot,minimum,surcharges,valid_from,valid_to,max_width_mm"
RORO = "roro,CNSHA,KEMBA,USD,62.5,,,,BAF 12%; WHF 3/rt; ISPS 15,2026-07-01,2026-12-31,"
RACK = "flat-rack,CNSHA,KEMBA,USD,,4200,1900,,,2026-07-01,2026-12-31,4000"
BOX = "container,CNSHA,KEMBA,CNY,,21000,,,,2026-07-01,2026-12-31,2330"


def table(tmp_path: Path, *lines: str) -> FreightTable:
    (tmp_path / "freight.csv").write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    read: FreightTable = open_file(tmp_path / "freight.csv").read(FreightTable)
    return read


def request(machine: dict[str, Any] | None = None, **more: Any) -> FreightRequest:
    return FreightRequest.model_validate(
        {
            "machine": machine or EXCAVATOR, "origin_port": "CNSHA", "destination_port": "KEMBA", "date": DAY,
            "currency": "USD", **more,
        }
    )  # fmt: skip


def rows(found: Freight) -> dict[str, dict[str, Any]]:
    return {row["mode"]: row for row in found.freight_table.to_pylist()}


def test_revenue_tons_of_the_excavator_of_the_reference(tmp_path: Path) -> None:
    cargo = Cargo.of(TradeMachine.model_validate(EXCAVATOR))
    assert cargo.volume_m3 == cargo.revenue_tons == Decimal("88.35")
    dense = Cargo.of(TradeMachine.model_validate({"size_mm": [2000, 2000, 2000], "mass_kg": 22000.5}))
    assert dense.revenue_tons == Decimal("22.0005")
    found = freight(request(), table(tmp_path, RORO))
    assert found.revenue_tons == 88.35
    # 88.35 × 62.5 = 5521.875, half up 5521.88; 12 % 662.63; 3 × 88.35 = 265.05; 15
    assert rows(found)["roro"]["parts"] == "freight 5521.88; BAF 662.63; WHF 265.05; ISPS 15.00"
    assert rows(found)["roro"]["price"] == Decimal("6464.56")


def test_each_mode_has_its_price_or_its_reason(tmp_path: Path) -> None:
    found = freight(request(), table(tmp_path, RORO, RACK, BOX))
    assert found.modes == 2
    assert found.cheapest == "flat-rack"
    assert found.cheapest_price is not None
    assert (found.cheapest_price.value, found.cheapest_price.unit) == (6100, "USD")
    assert [note.code for note in found.refusals] == ["freight-too-large"]
    assert "width 3000 mm" in found.refusals[0].text
    assert "roro" in json.dumps(plot(found).to_dict())


@pytest.mark.parametrize(
    ("over", "price"), [({}, 6100), ({"over_width_mm": 562}, 9900), ({"over_height_mm": 1}, 8000)]
)
def test_out_of_gauge_takes_the_slots_around_it(tmp_path: Path, over: dict[str, int], price: int) -> None:
    found = freight(request({**EXCAVATOR, **over}), table(tmp_path, RACK))
    assert rows(found)["flat-rack"]["price"] == price


def test_the_minimum_counts(tmp_path: Path) -> None:
    found = freight(request(), table(tmp_path, RORO.replace(",62.5,,,,", ",62.5,,,9000,")))
    assert rows(found)["roro"]["parts"].startswith("freight 9000.00; BAF 1080.00")


@pytest.mark.parametrize(
    ("day", "priced"), [("2026-06-30", 0), ("2026-07-01", 1), ("2026-12-31", 1), ("2027-01-01", 0)]
)
def test_a_row_out_of_date_is_refused(tmp_path: Path, day: str, priced: int) -> None:
    found = freight(request(date=day), table(tmp_path, RORO))
    assert found.modes == priced
    assert [note.code for note in found.refusals] == ([] if priced else ["freight-expired"])


def test_rows_of_one_mode_and_day_may_not_differ(tmp_path: Path) -> None:
    other = RORO.replace("62.5", "60")
    assert [n.code for n in freight(request(), table(tmp_path, RORO, other)).refusals] == [
        "freight-contradiction"
    ]
    assert freight(request(), table(tmp_path, RORO, RORO)).modes == 1


def test_another_currency_needs_a_rate_of_the_day(tmp_path: Path) -> None:
    small = {"size_mm": [4000, 2000, 2200], "mass_kg": 9000}
    found = freight(request(small), table(tmp_path, BOX))
    assert [note.code for note in found.refusals] == ["fx-missing"]
    found = freight(request(small, fx=[fx("USD/CNY", 7.1)]), table(tmp_path, BOX))
    assert rows(found)["container"]["price"] == Decimal("2957.75")


def test_an_unknown_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="TZDAR"):
        freight(request(destination_port="TZDAR"), table(tmp_path, RORO))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (RORO.replace("62.5", "-62.5"), "per_revenue_ton"),
        (RORO.replace("62.5", ""), "states no price"),
        (RORO.replace("roro", "plane"), "mode"),
        (RORO.replace("2026-12-31", "2026-01-01"), "before valid_from"),
        (RORO.replace("BAF 12%", "BAF much"), "surcharge"),
        (RORO.replace("CNSHA", "Shanghai"), "UN/LOCODE"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(BadInput, match=f"row 2.*{words}"):
        table(tmp_path, RORO, line)


@pytest.mark.parametrize(
    "machine", [{"mass_kg": 22000}, {**EXCAVATOR, "size_mm": [9500, 3000]}, {"size_mm": [1, 2, 3]}]
)
def test_size_and_mass_are_wanted(tmp_path: Path, machine: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="machine"):
        freight(request(machine), table(tmp_path, RORO))


@given(st.lists(st.integers(500, 20000), min_size=3, max_size=3), st.integers(100, 200_000))
def test_revenue_tons_are_at_least_volume_and_mass(size: list[int], mass: int) -> None:
    cargo = Cargo.of(TradeMachine.model_validate({"size_mm": size, "mass_kg": mass}))
    assert cargo.revenue_tons >= max(cargo.volume_m3, Decimal(mass) / 1000)
    assert cargo.revenue_tons in (cargo.volume_m3, cargo.mass_kg / 1000)


# as the second file of a landed cost


def landed(tmp_path: Path, *lines: str, **more: Any) -> Any:
    machine = {**quote()["machine"], **EXCAVATOR}
    given = quote(machine=machine, origin_port="CNSHA", destination_port="KEMBA", **more)
    del given["freight"]
    checked = OneOrMany[Quote].model_validate(given)
    return landed_cost(checked, table(tmp_path, *lines), rules=rules(charge("a", "duty", 1, "cif", 0.1)))


def test_a_quote_takes_its_freight_from_the_table(tmp_path: Path) -> None:
    found = landed(tmp_path, RORO)
    assert found.freight.value == 6464.56
    assert "freight-table" in [note.code for note in found.flags]
    assert landed(tmp_path, RORO, RACK, mode="flat-rack").freight.value == 6100


@pytest.mark.parametrize(
    ("lines", "more", "code"),
    [
        ([RORO, RACK], {}, "freight-mode"),
        ([RORO], {"date": "2027-02-01"}, "freight-expired"),
        ([BOX], {}, "freight-too-large"),
        ([RORO], {"mode": "container"}, "freight-missing"),
    ],
)
def test_a_quote_without_a_freight_has_no_total(
    tmp_path: Path, lines: list[str], more: dict[str, Any], code: str
) -> None:
    found = landed(tmp_path, *lines, **more)
    assert [note.code for note in found.refusals] == [code]
    assert found.landed_total is None
    assert found.cif is None


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    table(tmp_path, RORO, RACK)
    document = request().model_dump(mode="json")
    (tmp_path / "request.json").write_text(json.dumps(document))
    ended = recore("run", "trade.freight", tmp_path / "request.json", tmp_path / "freight.csv", "--json")
    assert ended.status == 0, ended.err
    assert ended.json["results"]["cheapest"]["value"] == "flat-rack"


def test_a_table_from_memory() -> None:
    columns = dict(zip(HEAD.split(",")[:4], (["roro"], ["CNSHA"], ["KEMBA"], ["USD"]), strict=True))
    columns |= {"per_unit": ["5000.005"], "valid_from": ["2026-01-01"], "valid_to": ["2026-12-31"]}
    read = FreightTable.from_table(Table.of(columns))
    assert rows(freight(request(), read))["roro"]["price"] == Decimal("5000.01")
