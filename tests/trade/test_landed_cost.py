"""`trade.landed-cost`: golden values to the cent, the highest bid, several destinations, and the door."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trade_rows import charge, codes, fx, kenya, plain_kenya, quote, row, rules, table, values

from recore.method import Outcome


def test_cif_closes_over_its_own_insurance(run: Callable[..., Outcome]) -> None:
    found = run(quote(), plain_kenya())
    assert values(found)["cif"] == 108357.58
    assert values(found)["insurance"] == 357.58
    assert found.finding.results["cif"].unit == "USD"


@pytest.mark.parametrize(
    ("idf", "vat", "share"),
    [("a", "a", "20.5"), ("b", "a", "21.5"), ("a", "b", "21.2"), ("b", "b", "22.4")],
)
def test_kenya_by_each_reading(run: Callable[..., Outcome], idf: str, vat: str, share: str) -> None:
    wanted = {"ke.duty", f"ke.idf.{idf}", "ke.rdl", f"ke.vat.{vat}"}
    rows = [{**item, "conflicts_with": []} for item in kenya() if item["rule_id"] in wanted]
    found = values(run(quote(), rows))
    assert f"{100 * found['charges_total'] / found['cif']:.1f}" == share
    assert found["landed_total"] == pytest.approx(found["cif"] + found["charges_total"])


def test_kenya_with_its_contradictions_shows_all_four_totals_and_states_none(
    run: Callable[..., Outcome],
) -> None:
    found = run(quote(), kenya())
    assert codes(found) == ["charge-contradiction", "charge-contradiction"]
    assert "landed_total" not in values(found)
    totals = [Decimal(line["landed_total"]) for line in table(found, "alternatives")]
    assert totals == [Decimal(text) for text in ("130570.88", "131351.06", "131654.46", "132608.01")]
    assert values(found)["landed_low"] == float(min(totals))
    assert values(found)["landed_high"] == float(max(totals))
    assert {line["alternative"] for line in table(found, "lines")} == {"", "low", "high"}


def test_recycling_fee_of_a_russian_grader(run: Callable[..., Outcome]) -> None:
    fee = row(
        "ru.fee",
        country="RU",
        params={
            "name": "recycling_fee", "order": 5, "kind": "coefficient", "unit": 172500, "coefficient": 57.27,
            "currency": "RUB",
        },
    )  # fmt: skip
    found = run(quote(country="RU", currency="RUB", fob=5_000_000, freight=0, insurance_rate=0), [fee])
    (line,) = [line for line in table(found, "lines") if line["rule_id"]]
    assert line["amount"] == "9879075.00"
    assert values(found)["landed_total"] == 5_000_000 + 9_879_075


def test_each_amount_is_rounded_before_it_is_used_again(run: Callable[..., Outcome]) -> None:
    rows = [charge("a", "duty", 1, "cif", 0.005), charge("b", "levy", 2, "duty", 0.5)]
    found = run(quote(fob=1.00, freight=0, insurance_rate=0), rows)
    # 0.005 becomes 0.01, and half of that 0.005 becomes 0.01 again; without rounding it would be 0.0025
    assert [line["amount"] for line in table(found, "lines")][-2:] == ["0.01", "0.01"]
    assert values(found)["landed_total"] == 1.02


def test_a_tenth_is_a_tenth(run: Callable[..., Outcome]) -> None:
    rows = [charge("a", "duty", 1, "cif", 0.35)]
    # the double of 0.35 lies below it, so 0.35 × 1.10 = 0.385 would round down
    found = run(quote(fob=1.10, freight=0, insurance_rate=0), rows)
    assert table(found, "lines")[-1]["amount"] == "0.39"


def test_bounds_are_in_the_currency_of_the_row(run: Callable[..., Outcome]) -> None:
    rows = [charge("us.mpf", "mpf", 1, "fob", 0.003464, min=33.58, max=651.50, currency="USD", country="US")]
    for fob, amount in ((1000, "30.53"), (100000, "346.40"), (1_000_000, "592.27")):
        given = quote(country="US", currency="EUR", fob=fob, fx=[fx("EUR/USD", 1.1)])
        assert table(run(given, rows), "lines")[-1]["amount"] == amount


def test_a_specific_amount_is_converted_and_its_path_shown(run: Callable[..., Outcome]) -> None:
    params = {"name": "fee", "order": 1, "kind": "specific", "amount": 1000, "currency": "KES"}
    for rates, amount, words in (
        ([fx("KES/USD", 0.0077)], "7.70", "KES/USD 0.0077"),
        ([fx("USD/KES", 130)], "7.69", "inverse of USD/KES 130"),
        ([fx("EUR/KES", 143), fx("EUR/USD", 1.1)], "7.69", "inverse of EUR/KES 143 × EUR/USD 1.1"),
    ):
        line = table(run(quote(fx=rates), [row("ke.fee", params=params)]), "lines")[-1]
        assert line["amount"] == amount
        assert words in line["text"]


def test_lines_begin_with_fob_and_follow_the_order_of_charges(run: Callable[..., Outcome]) -> None:
    found = run(quote(), list(reversed(plain_kenya())))
    names = ["fob", "freight", "insurance", "cif", "duty", "idf", "rdl", "vat"]
    assert [line["name"] for line in table(found, "lines")] == names
    assert values(found)["lines"] == 8
    vat = table(found, "lines")[-1]
    assert (vat["base"], vat["base_amount"], vat["rate"], vat["date"]) == (
        "cif + duty", "108357.58", "0.16", "2026-12-01",
    )  # fmt: skip
    assert vat["source"] == "https://gazette.example/1"


# the highest bid


def test_the_highest_fob_is_the_last_cent_that_fits(run: Callable[..., Outcome]) -> None:
    wanted = values(run(quote(), plain_kenya()))["landed_total"]
    open_quote = quote()
    del open_quote["fob"]
    found = values(run(open_quote, plain_kenya(), landed_wanted=wanted))
    assert found["max_fob"] >= 100000
    for fob, fits in ((found["max_fob"], True), (round(found["max_fob"] + 0.01, 2), False)):
        total = values(run(quote(fob=fob), plain_kenya()))["landed_total"]
        assert (total <= wanted) is fits


def test_contradictory_rows_give_a_low_and_a_high_bid(run: Callable[..., Outcome]) -> None:
    open_quote = quote()
    del open_quote["fob"]
    found = values(run(open_quote, kenya(), landed_wanted=130570.88))
    assert found["max_fob_low"] < found["max_fob_high"] == 100000
    assert "max_fob" not in found


def test_a_wanted_total_below_freight_and_charges(run: Callable[..., Outcome]) -> None:
    open_quote = quote()
    del open_quote["fob"]
    found = run(open_quote, plain_kenya(), landed_wanted=100)
    assert codes(found) == ["wanted-too-low"]
    assert "max_fob" not in values(found)


def test_no_bid_where_a_charge_falls_with_the_price(run: Callable[..., Outcome]) -> None:
    open_quote = quote()
    del open_quote["fob"]
    found = run(open_quote, [charge("a", "allowance", 1, "fob - 2 * cif", 0.1)], landed_wanted=100000)
    assert codes(found) == ["not-rising"]


# several destinations, and what else there is


def test_destinations_are_compared(run: Callable[..., Outcome]) -> None:
    tanzania = [charge("tz.duty", "duty", 1, "cif", 0.1, country="TZ")]
    found = run([quote(), quote(country="TZ"), quote(country="UG")], [*plain_kenya(), *tanzania])
    assert values(found)["best_country"] == "TZ"
    assert values(found)["best_landed_total"] == 119193.34
    assert [line["rank"] for line in table(found, "comparison")] == ["2", "1", ""]
    assert "no charge of UG" in table(found, "comparison")[2]["refused"]
    assert codes(found) == ["no-charges"]
    assert found.finding.refusals[0].text.startswith("quote 2 (UG)")


def test_quotes_in_other_currencies_are_compared_by_a_rate_or_not_at_all(run: Callable[..., Outcome]) -> None:
    other = quote(currency="EUR", fob=95000)
    found = run([quote(), other], plain_kenya())
    assert codes(found) == ["not-compared"]
    other["fx"] = [fx("EUR/USD", 1.1)]
    found = run([quote(), other], plain_kenya())
    assert codes(found) == []
    assert values(found)["best_quote"] == 0


def test_sensitivity_turns_every_input(run: Callable[..., Outcome]) -> None:
    params = {"name": "fee", "order": 1, "kind": "specific", "amount": 10000, "currency": "KES"}
    found = run(quote(fx=[fx("USD/KES", 130)]), [*plain_kenya(), row("ke.fee", params=params)])
    lines = {line["input"]: line for line in table(found, "sensitivity")}
    assert set(lines) == {
        "fob", "freight", "insurance_rate", "rate USD/KES", "charge duty", "charge fee", "charge idf", "charge rdl",
        "charge vat",
    }  # fmt: skip
    assert next(iter(lines)) == "fob"
    assert Decimal(lines["rate USD/KES"]["low_change"]) == Decimal("4.05")  # 10000/123.5 - 10000/130
    assert Decimal(lines["charge idf"]["high_change"]) == Decimal("135.45")


def test_a_picture_shows_amounts_and_currency(run: Callable[..., Outcome]) -> None:
    for document in (quote(), [quote(), quote(country="TZ")]):
        drawn = run(document, plain_kenya()).plot()
        assert drawn is not None
        assert "USD" in json.dumps(drawn)
    assert "highest total" in json.dumps(run(quote(), kenya()).plot())
    assert run(quote(country="TZ", fob=1), [], landed_wanted=None).plot() is not None


# the door


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "ke.toml").write_text(rules(*plain_kenya()).toml(), encoding="utf-8")
    (tmp_path / "quote.json").write_text(json.dumps(quote(origin_port="CNSHA", destination_port="KEMBA")))
    words = (
        "run",
        "trade.landed-cost",
        tmp_path / "quote.json",
        "-p",
        f"rules={tmp_path / 'rules'}",
        "--json",
    )
    ended = recore(*words, "--out", tmp_path / "out")
    assert ended.status == 0, ended.err
    results = ended.json["results"]
    assert results["landed_total"] == {"value": 130570.88, "unit": "USD"}
    assert results["sea_distance_nm"]["value"] == pytest.approx(6333, abs=1)
    lines = list(csv.DictReader((tmp_path / "out" / "lines.csv").read_text().splitlines()))
    assert [line["rule_id"] for line in lines][4:] == ["ke.duty", "ke.idf.a", "ke.rdl", "ke.vat.a"]
    ended = recore(*words[:3], "-p", "landed_wanted=1e5", *words[3:])
    assert ended.status == 0, ended.err
    assert ended.json["results"]["max_fob"]["value"] < 100000
    (tmp_path / "quote.json").write_text(json.dumps(quote(freight=-8000)))
    ended = recore(*words)
    assert ended.status == 2
    assert "freight" in ended.err
