"""China: what the exporter gets back, by the way of purchase, to the cent."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trade_rows import DAY, charge, fx, quote, row, rules

from recore.errors import BadInput
from recore.model.trade import OneOrMany
from recore.rules import RuleSet, shipped
from recore.trade.landed_cost import LandedCost, landed_cost
from recore.trade.quote import Manufacturer, OwnAsset, Quote, SpecialInvoice
from recore.trade.vat_refund import manufacturer, own_asset, special_invoice

OWN = {
    "case": "own-asset",
    "invoice_ex_vat": 1_000_000,
    "original_value": 1_000_000,
    "booked_depreciation": 600_000,
}
MAKER = {"case": "manufacturer", "bonded_inputs": 0, "output_vat": 0, "input_vat": 90_000, "carry": 0}
CHARGE = charge("ke.duty", "duty", 1, "cif", 0)


def vat_row(rule_id: str = "cn.vat", v: float = 0.13, r: float = 0.13, **more: Any) -> dict[str, Any]:
    params = {"vat_rate": v, "refund_rate": r}
    return row(rule_id, effect="state", country="CN", **{"domain": "vat_refund", "params": params, **more})


def cost(purchase: dict[str, Any], *rows: dict[str, Any], **more: Any) -> LandedCost:
    given = OneOrMany[Quote].model_validate(quote(purchase=purchase, **more))
    return landed_cost(given, rules=rules(CHARGE, *(rows or (vat_row(),))))


def amounts(found: LandedCost) -> tuple[Any, Any]:
    assert found.rebate is not None
    assert found.trapped_vat is not None
    assert found.rebate.unit == found.trapped_vat.unit == "CNY"
    return found.rebate.value, found.trapped_vat.value


def refused(found: LandedCost, code: str, *words: str) -> None:
    assert [note.code for note in found.refusals] == [code]
    assert all(word in found.refusals[0].text for word in words), found.refusals
    assert found.rebate is None
    assert found.trapped_vat is None
    assert found.landed_total is not None  # the destination does not hang on it


def test_own_asset_of_the_published_example() -> None:
    assert amounts(cost(OWN)) == (52_000, 0)


def test_own_asset_leaves_what_the_refund_rate_does_not_reach() -> None:
    assert amounts(cost(OWN, vat_row(r=0.09))) == (36_000, 16_000)


def test_special_invoice() -> None:
    assert amounts(cost({"case": "special-invoice", "invoice_ex_vat": 800_000}, vat_row(r=0.1))) == (
        80_000,
        24_000,
    )


def test_no_invoice_keeps_the_vat_within_the_price() -> None:
    assert amounts(cost({"case": "no-invoice", "price": 1_130_000})) == (0, 130_000)


def test_manufacturer_of_the_published_example() -> None:
    found = cost(MAKER, fob=1_000_000, currency="CNY")
    assert amounts(found) == (90_000, 0)
    assert found.vat_offset is not None
    assert (found.vat_offset.value, found.vat_offset.unit) == (40_000, "CNY")


def test_manufacturer_takes_fob_at_the_rate_of_the_day() -> None:
    maker = {**MAKER, "bonded_inputs": 110_000, "output_vat": 5_000, "input_vat": 30_000, "carry": 1_000}
    # b = 710000 - 110000 = 600000; stays 24000; payable = 5000 - (30000 - 24000) - 1000 = -2000; limit 54000
    assert amounts(cost(maker, vat_row(r=0.09), fob=100_000, fx=[fx("USD/CNY", 7.1)])) == (2_000, 24_000)
    refused(cost(maker, vat_row(), fob=100_000), "fx-missing", "USD/CNY", DAY)


def test_manufacturer_who_owes_gets_nothing() -> None:
    found = cost({**MAKER, "output_vat": 200_000}, fob=1_000_000, currency="CNY")
    assert amounts(found) == (0, 0)


def test_each_result_is_rounded_once() -> None:
    found = special_invoice(
        SpecialInvoice(case="special-invoice", invoice_ex_vat="0.50"), Decimal("0.13"), Decimal("0.09")
    )
    # b·v = 0.065 is 0.07, b·r = 0.045 is 0.05: trapped is their difference, not round(0.02)
    assert (found.rebate, found.trapped) == (Decimal("0.05"), Decimal("0.02"))


@given(
    invoice=st.integers(0, 10**10), original=st.integers(1, 10**10), share=st.integers(0, 1000),
    v=st.integers(0, 30), r=st.integers(0, 30),
)  # fmt: skip
def test_rebate_and_trapped_add_up_to_the_vat(
    invoice: int, original: int, share: int, v: int, r: int
) -> None:
    v, r = max(v, r), min(v, r)
    worth = Decimal(original) / 100
    case = OwnAsset(
        case="own-asset", invoice_ex_vat=Decimal(invoice) / 100, original_value=worth,
        booked_depreciation=worth * share / 1000,
    )  # fmt: skip
    found = own_asset(case, Decimal(v) / 100, Decimal(r) / 100)
    assert found.rebate >= 0
    assert found.trapped >= 0
    assert found.rebate + found.trapped <= case.invoice_ex_vat * v / 100 + Decimal("0.005")


@given(
    fob=st.integers(0, 10**9), numbers=st.lists(st.integers(0, 10**8), min_size=3, max_size=3),
    v=st.integers(0, 30), r=st.integers(0, 30),
)  # fmt: skip
def test_a_manufacturer_gets_no_more_than_the_limit(fob: int, numbers: list[int], v: int, r: int) -> None:
    v, r = max(v, r), min(v, r)
    output, paid, carry = numbers
    case = Manufacturer(case="manufacturer", bonded_inputs=0, output_vat=output, input_vat=paid, carry=carry)
    found = manufacturer(case, Decimal(fob), Decimal(v) / 100, Decimal(r) / 100)
    assert found.offset is not None
    assert 0 <= found.rebate <= Decimal(fob) * r / 100
    assert found.offset >= 0


# what is not known is said


def test_no_row_in_force() -> None:
    refused(cost(OWN, vat_row(valid_to="2025-12-31")), "vat-row", "2025-12-31", DAY)
    refused(cost(OWN, vat_row(selector={"hs": ["8705"]})), "vat-row")
    assert [note.code for note in landed_cost(_quote(), rules=rules(CHARGE)).refusals] == ["vat-row"]


def _quote() -> OneOrMany[Quote]:
    return OneOrMany[Quote].model_validate(quote(purchase=OWN))


def test_the_row_of_the_heading_counts() -> None:
    rows = [vat_row(selector={"hs": ["8429"]}), vat_row("cn.farm", v=0.09, r=0.09, selector={"hs": ["8432"]})]
    assert amounts(cost(OWN, *rows)) == (52_000, 0)
    refused(cost(OWN, *rows, machine={}), "vat-open", "machine.hs")


def test_rows_that_contradict() -> None:
    refused(cost(OWN, vat_row(), vat_row("cn.other", r=0.1)), "vat-contradiction", "cn.other")
    refused(cost(OWN, vat_row(conflicts_with=["cn.gone"])), "vat-contradiction", "cn.gone")
    assert amounts(cost(OWN, vat_row(), vat_row("cn.same"))) == (52_000, 0)


def test_an_unverified_row_decides_nothing() -> None:
    refused(cost(OWN, vat_row(evidence_level=5)), "vat-unverified", "cn.vat")


def test_deducted_input_vat_is_for_a_tax_opinion() -> None:
    refused(cost({**OWN, "input_vat_deducted": True}), "vat-deducted", "tax opinion")


@pytest.mark.parametrize(
    ("purchase", "words"),
    [
        ({**OWN, "booked_depreciation": 1_000_001}, "booked_depreciation"),
        ({**OWN, "original_value": 0}, "original_value"),
        ({**OWN, "invoice_ex_vat": -1}, "invoice_ex_vat"),
        ({"case": "barter"}, "barter"),
        ({"case": "no-invoice"}, "price"),
        ({**MAKER, "bonded_inputs": 800_000, "fob": 1}, "fob"),
    ],
)
def test_bad_input_is_named(purchase: dict[str, Any], words: str, tmp_path: Path) -> None:
    from recore.evidence import open_file

    (tmp_path / "quote.json").write_text(json.dumps(quote(purchase=purchase)))
    with pytest.raises(BadInput, match=words):
        landed_cost.run([open_file(tmp_path / "quote.json")], {"rules": rules(CHARGE, vat_row()).json()})


def test_bonded_inputs_above_the_export_are_bad_input() -> None:
    with pytest.raises(BadInput, match="bonded_inputs"):
        cost({**MAKER, "bonded_inputs": 2_000_000}, fob=1_000_000, currency="CNY")


@pytest.mark.parametrize("rates", [{"v": 0.1, "r": 0.13}, {"v": 1.3, "r": 0.13}])
def test_a_row_with_impossible_rates_is_bad_input(rates: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=r"cn\.vat"):
        cost(OWN, vat_row(**rates))


def test_the_shipped_rows_answer_before_and_under_the_vat_law() -> None:
    for day in ("2025-12-31", "2026-01-01", "2026-12-01"):
        given = OneOrMany[Quote].model_validate(quote(purchase=OWN, date=day, country="TZ"))
        assert amounts(landed_cost(given)) == (52_000, 0)


def test_losing_a_shipped_row_gives_no_refund() -> None:
    rows = [rule for rule in shipped().rows if not rule.rule_id.startswith("cn.vat-refund.machinery.2026")]
    found = landed_cost(
        OneOrMany[Quote].model_validate(quote(purchase=OWN, country="TZ")), rules=RuleSet(rows)
    )
    assert found.rebate is None
    assert [note.code for note in found.refusals] == ["vat-row"]


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "quote.json").write_text(json.dumps(quote(purchase=OWN, country="TZ")))
    ended = recore("run", "trade.landed-cost", tmp_path / "quote.json", "--json")
    assert ended.status == 0, ended.err
    assert ended.json["results"]["rebate"] == {"value": 52000.0, "unit": "CNY"}
    assert ended.json["results"]["trapped_vat"] == {"value": 0.0, "unit": "CNY"}
