"""`trade.landed-cost`: golden values to the cent, an independent evaluator, and every reason to state no total."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_rows import charge, fx, kenya, plain_kenya, quote, row, rules

from recore.errors import BadInput
from recore.evidence import open_file
from recore.method import Outcome
from recore.rules import RuleSet
from recore.trade.landed_cost import landed_cost


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    """Run the method on quotes, as a door does."""

    def go(
        document: Any, rows: RuleSet | list[dict[str, Any]], table: str | None = None, **more: Any
    ) -> Outcome:
        path = tmp_path / "quote.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        files = [open_file(path)]
        if table is not None:
            (tmp_path / "freight.csv").write_text(table, encoding="utf-8")
            files.append(open_file(tmp_path / "freight.csv"))
        given = rows if isinstance(rows, RuleSet) else rules(*rows)
        return landed_cost.run(files, {"rules": given.json(), **more})

    return go


def values(outcome: Outcome) -> dict[str, Any]:
    return {name: quantity.value for name, quantity in outcome.finding.results.items()}


def codes(outcome: Outcome) -> list[str]:
    return [note.code for note in outcome.finding.refusals]


def flags(outcome: Outcome) -> list[str]:
    return [note.code for note in outcome.finding.flags]


def table(outcome: Outcome, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(outcome.artifacts[f"{name}.csv"].decode())))


# golden values


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


# refusals instead of totals


def refused(found: Outcome, code: str, *words: str) -> None:
    assert code in codes(found), (codes(found), flags(found))
    text = next(note.text for note in found.finding.refusals if note.code == code)
    for word in words:
        assert word in text, text
    assert "landed_total" not in values(found)
    assert "indicative_total" not in values(found)
    assert "charges_total" not in values(found)


def test_an_expired_row(run: Callable[..., Outcome]) -> None:
    rows = plain_kenya()
    rows[1]["valid_to"] = "2025-06-30"
    refused(run(quote(), rows), "charge-expired", "idf", "ke.idf.a", "2026-12-01")


def test_a_row_not_yet_in_force(run: Callable[..., Outcome]) -> None:
    rows = plain_kenya()
    rows[1]["valid_from"] = "2027-01-01"
    refused(run(quote(), rows), "charge-expired", "idf")


@pytest.mark.parametrize(("day", "total"), [("2025-06-30", True), ("2025-07-01", False)])
def test_both_ends_of_validity_count(run: Callable[..., Outcome], day: str, total: bool) -> None:
    rows = [charge("a", "duty", 1, "cif", 0.1, valid_to="2025-06-30")]
    assert ("landed_total" in values(run(quote(date=day), rows))) is total


def test_a_name_that_the_cover_row_counts_and_no_row_states(run: Callable[..., Outcome]) -> None:
    cover = row("ke.cover", effect="cover", params={"questions": ["charge"], "charges": ["duty", "excise"]})
    refused(run(quote(), [*plain_kenya(), cover]), "charge-missing", "excise", "ke.cover")


def test_a_counted_name_needs_a_row_that_fits(run: Callable[..., Outcome]) -> None:
    cover = row("ke.cover", effect="cover", params={"questions": ["charge"], "charges": ["excise"]})
    strange = charge("ke.excise", "excise", 5, "cif", 0.1, selector={"hs": ["8703"]})
    refused(run(quote(), [*plain_kenya(), cover, strange]), "charge-missing", "excise")
    unfit = {**strange, "selector": {}, "predicate": {"field": "condition", "op": "==", "value": "new"}}
    refused(run(quote(), [*plain_kenya(), cover, unfit]), "charge-missing", "excise", "condition")


def test_a_cover_row_out_of_force_leaves_the_list_open(run: Callable[..., Outcome]) -> None:
    params = {"questions": ["charge"], "charges": ["duty"]}
    cover = row("ke.cover", effect="cover", params=params, valid_to="2026-01-01")
    refused(run(quote(), [*plain_kenya(), cover]), "cover-open", "ke.cover")


def test_a_base_whose_row_was_lost(run: Callable[..., Outcome]) -> None:
    rows = [item for item in plain_kenya() if item["rule_id"] != "ke.duty"]
    refused(run(quote(), rows), "base-unknown", "duty")


def test_a_base_that_comes_later(run: Callable[..., Outcome]) -> None:
    rows = [charge("a", "duty", 1, "cif + levy", 0.1), charge("b", "levy", 2, "cif", 0.1)]
    refused(run(quote(), rows), "base-unknown", "later")


def test_a_contradiction_whose_partner_is_gone(run: Callable[..., Outcome]) -> None:
    rows = [item for item in kenya() if item["rule_id"] != "ke.idf.b"]
    refused(run(quote(), rows), "charge-contradiction-open", "ke.idf.b")


def test_an_unstated_fact_is_named(run: Callable[..., Outcome]) -> None:
    rows = [*plain_kenya(), charge("ke.excise", "excise", 5, "cif", 0.1, selector={"hs": ["8703"]})]
    refused(run(quote(machine={}), rows), "charge-open", "excise", "machine.hs")
    rows[-1] = charge(
        "ke.age", "age_fee", 5, "cif", 0.1, predicate={"field": "age_years", "op": ">", "value": 8}
    )
    refused(run(quote(machine={}), rows), "charge-open", "age_fee")


def test_a_country_without_rows(run: Callable[..., Outcome]) -> None:
    refused(run(quote(country="TZ"), plain_kenya()), "no-charges", "TZ")


def test_a_country_none_of_whose_rows_concerns_the_machine(run: Callable[..., Outcome]) -> None:
    rows = [charge("a", "duty", 1, "cif", 0.1, selector={"hs": ["8703"]})]
    refused(run(quote(), rows), "no-charges")


def test_unverified_rows_indicate_and_decide_nothing(run: Callable[..., Outcome]) -> None:
    rows = plain_kenya()
    rows[1]["evidence_level"] = 5
    found = run(quote(), rows)
    assert codes(found) == ["charge-unverified"]
    assert "indicative" in flags(found)
    assert values(found)["indicative_total"] == 130570.88
    assert "landed_total" not in values(found)
    open_quote = quote()
    del open_quote["fob"]
    assert "indicative_max_fob" in values(run(open_quote, rows, landed_wanted=130000))


@pytest.mark.parametrize("rates", [[], [fx("USD/KES", 130, "2026-11-30")], [fx("USD/EUR", 0.9)]])
def test_a_currency_without_a_rate_of_that_day(run: Callable[..., Outcome], rates: list[Any]) -> None:
    params = {"name": "fee", "order": 1, "kind": "specific", "amount": 1000, "currency": "KES"}
    found = run(quote(fx=rates), [row("ke.fee", params=params), *plain_kenya()])
    refused(found, "fx-missing", "KES/USD", "2026-12-01")
    if rates and rates[0]["quote"] == "KES":
        refused(found, "fx-missing", "2026-11-30")
    assert next(line for line in table(found, "lines") if line["name"] == "fee")["amount"] == ""


@pytest.mark.parametrize(
    "rates",
    [
        [fx("USD/KES", 130), fx("USD/KES", 131)],
        [fx("USD/KES", 130), fx("KES/USD", 0.0087)],
        [fx("EUR/USD", 1.1), fx("EUR/KES", 143), fx("GBP/USD", 1.3), fx("GBP/KES", 180)],
    ],
)
def test_contradictory_rates(run: Callable[..., Outcome], rates: list[Any]) -> None:
    params = {"name": "fee", "order": 1, "kind": "specific", "amount": 1000, "currency": "KES"}
    refused(run(quote(fx=rates), [row("ke.fee", params=params)]), "fx-contradiction", "2026-12-01")


def test_a_rate_and_its_rounded_inverse_agree(run: Callable[..., Outcome]) -> None:
    params = {"name": "fee", "order": 1, "kind": "specific", "amount": 1000, "currency": "KES"}
    rates = [fx("USD/KES", 130), fx("KES/USD", 0.00769)]
    assert codes(run(quote(fx=rates), [row("ke.fee", params=params)])) == []


def test_a_stated_pair_stands_though_a_cross_is_far_and_that_is_said(run: Callable[..., Outcome]) -> None:
    params = {"name": "fee", "order": 1, "kind": "specific", "amount": 1000, "currency": "KES"}
    rates = [fx("USD/KES", 130), fx("EUR/USD", 1.1), fx("EUR/KES", 160)]
    found = run(quote(fx=rates), [row("ke.fee", params=params)])
    assert codes(found) == []
    assert "fx-apart" in flags(found)


def test_a_charge_that_does_not_concern_the_machine_is_said(run: Callable[..., Outcome]) -> None:
    rows = [
        *plain_kenya(),
        charge("ke.excise", "excise", 5, "cif", 0.1, selector={"hs": ["8703"]}),
        charge(
            "ke.lux", "luxury", 6, "cif", 0.1, predicate={"field": "condition", "op": "==", "value": "new"}
        ),
        charge("ke.on-both", "handling", 7, "fob + excise + luxury", 0.01),
    ]
    found = run(quote(), rows)
    said = " ".join(note.text for note in found.finding.flags if note.code == "not-charged")
    assert "excise" in said
    assert "luxury" in said
    assert table(found, "lines")[-1]["amount"] == "1000.00"
    assert values(found)["landed_total"] == 131570.88


def test_rows_recorded_later_are_not_known(run: Callable[..., Outcome]) -> None:
    rows = [
        charge("a", "duty", 1, "cif", 0.1),
        charge("a", "duty", 1, "cif", 0.2, version=2, recorded_at="2026-06-01"),
    ]
    assert values(run(quote(freight=0, insurance_rate=0), rows))["charges_total"] == 20000
    found = run(quote(freight=0, insurance_rate=0), rows, known_on="2026-05-31")
    assert values(found)["charges_total"] == 10000


def test_rows_that_say_the_same_do_not_contradict(run: Callable[..., Outcome]) -> None:
    rows = [charge("a", "duty", 1, "cif", 0.1, evidence_level=5), charge("b", "duty", 1, "cif", 0.1)]
    found = run(quote(), rows)
    assert codes(found) == []
    assert table(found, "lines")[-1]["rule_id"] == "b"


# bad input


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"freight": -1}, "freight"),
        ({"insurance_rate": 0.91}, "insurance_rate"),
        ({"insurance_rate": "x"}, "insurance_rate"),
        ({"incoterm": "FOT"}, "FOT"),
        ({"origin_port": "SHANGHAI"}, "UN/LOCODE"),
        ({"currency": "YUAN"}, "currency"),
        ({"country": "Kenya"}, "country"),
        ({"date": "1 December 2026"}, "date"),
        ({"closed": ["kiel"]}, "kiel"),
        ({"fx": [fx("USD/USD", 1)]}, "fx"),
        ({"fx": [fx("USD/CNY", 0)]}, "fx"),
        ({"colour": "yellow"}, "colour"),
        ({"fob": None}, "fob"),
        ({"freight": None}, "freight"),
    ],
)
def test_bad_input_is_named(run: Callable[..., Outcome], wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run(quote(**wrong), plain_kenya())


def test_a_charge_row_without_the_shape_of_one(run: Callable[..., Outcome]) -> None:
    for params in (
        {"name": "duty", "order": 1, "kind": "tiered"},
        {"name": "duty", "order": 1, "kind": "ad_valorem", "base": "cif +", "rate": 0.1},
        {"name": "duty", "order": 1, "kind": "ad_valorem", "base": "cif"},
        {"name": "cif", "order": 1, "kind": "ad_valorem", "base": "fob", "rate": 0.1},
        {"name": "duty", "order": 1, "kind": "specific", "amount": 5},
    ):
        with pytest.raises(BadInput, match=r"ke\.duty"):
            run(quote(), [row("ke.duty", params=params)])


# the graph, recomputed by someone else


def half_up(value: Fraction) -> Fraction:
    cents = value * 100
    whole = abs(cents) + Fraction(1, 2)
    return Fraction(whole.__floor__() * (1 if cents >= 0 else -1), 100)


def recomputed(graph: dict[str, Any]) -> dict[str, Fraction]:
    """Every amount of a charge graph, in fractions, from what the graph states alone."""
    found: dict[str, Fraction] = {}
    for node in graph["nodes"]:
        name, kind = node["name"], node["kind"]
        rate = Fraction(node.get("times", "1")) / Fraction(node.get("over", "1"))
        if kind == "input":
            found[name] = Fraction(node["amount"])
        elif kind == "formula":
            share = 1 - Fraction(11, 10) * found["insurance_rate"]
            found[name] = half_up((found["fob"] + found["freight"]) / share)
        elif kind == "sum":
            found[name] = sum((Fraction(f) * found[n] for f, n in node["terms"]), Fraction(0))
        elif kind == "ad_valorem":
            amount = sum((Fraction(f) * found[n] for f, n in node["terms"]), Fraction(0)) * Fraction(
                node["rate"]
            )
            if "min" in node:
                amount = max(amount, Fraction(node["min"]) * rate)
            if "max" in node:
                amount = min(amount, Fraction(node["max"]) * rate)
            found[name] = half_up(amount)
        else:
            stated = node["stated"] if kind == "specific" else None
            own = Fraction(stated) if stated else Fraction(node["unit"]) * Fraction(node["coefficient"])
            found[name] = half_up(half_up(own) * rate)
    return found


amounts = st.integers(0, 10**9).map(lambda cents: cents / 100)
rates = st.integers(0, 500_000).map(lambda number: number / 1_000_000)


@st.composite
def tariffs(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows, names = [], ["fob", "freight", "insurance", "cif"]
    for number in range(draw(st.integers(1, 12))):
        name = f"charge_{number}"
        kind = draw(st.sampled_from(["ad_valorem", "ad_valorem", "specific", "coefficient"]))
        currency = draw(st.sampled_from(["USD", "KES", "CNY", "EUR"]))
        if kind == "ad_valorem":
            base = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
            more: dict[str, Any] = {}
            if draw(st.booleans()):
                low, high = sorted(draw(st.lists(amounts, min_size=2, max_size=2)))
                more = {"min": low, "max": high, "currency": currency}
            rows.append(charge(f"r{number}", name, number, " + ".join(base), draw(rates), **more))
        else:
            stated = (
                {"amount": draw(amounts)}
                if kind == "specific"
                else {"unit": draw(amounts), "coefficient": draw(rates)}
            )
            params = {"name": name, "order": number, "kind": kind, "currency": currency, **stated}
            rows.append(row(f"r{number}", params=params))
        names.append(name)
    return rows


RATES = [fx("USD/CNY", 7.1234), fx("EUR/USD", 1.0987), fx("EUR/KES", 142.35)]


@settings(max_examples=60, deadline=None)
@given(rows=tariffs(), fob=amounts, freight=amounts, premium=st.integers(0, 900_000))
def test_an_outsider_recomputes_every_cent(
    rows: list[dict[str, Any]], fob: float, freight: float, premium: int
) -> None:
    from recore.trade.quote import Quote

    document = quote(fob=fob, freight=freight, insurance_rate=premium / 1_000_000, fx=RATES)
    from recore.model.trade import OneOrMany

    found = landed_cost(OneOrMany[Quote].model_validate(document), rules=rules(*rows))
    assert found.refusals == ()
    (graph,) = found.graph["graphs"]
    outside = recomputed(graph)
    inside = {node["name"]: Fraction(node["amount"]) for node in graph["nodes"]}
    assert inside == outside
    lines = {line["name"]: line["amount"] for line in found.line_table.to_pylist()}
    assert {name: Fraction(amount) for name, amount in lines.items()}.items() <= outside.items()
    total = outside["landed_total" if "landed_total" in outside else "total"]
    assert total == outside["cif"] + sum(v for k, v in outside.items() if k.startswith("charge_"))
    assert found.landed_total is not None
    assert found.landed_total.value == float(total)


@settings(max_examples=15, deadline=None)
@given(rows=tariffs(), wanted=st.integers(1, 10**9).map(lambda cents: Decimal(cents) / 100))
def test_the_highest_fob_is_highest_on_any_tariff(rows: list[dict[str, Any]], wanted: Decimal) -> None:
    from recore.model.trade import OneOrMany
    from recore.trade.quote import Quote

    def total(fob: Decimal) -> Decimal:
        given = OneOrMany[Quote].model_validate(quote(fob=str(fob), fx=RATES))
        found = landed_cost(given, rules=rules(*rows)).landed_total
        assert found is not None
        return Decimal(repr(found.value))

    open_quote = OneOrMany[Quote].model_validate({**quote(fx=RATES), "fob": None})
    found = landed_cost(open_quote, landed_wanted=wanted, rules=rules(*rows))
    if found.max_fob is None:
        assert total(Decimal(0)) > wanted
    else:
        best = Decimal(repr(found.max_fob.value))
        assert total(best) <= wanted < total(best + Decimal("0.01"))


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


def test_too_many_contradictions_are_not_multiplied_out(run: Callable[..., Outcome]) -> None:
    rows = [
        charge(f"{word}.{number}", f"levy_{number}", number, "cif", rate)
        for number in range(9)
        for word, rate in (("a", 0.01), ("b", 0.02))
    ]
    found = run(quote(), rows)
    refused(found, "too-many-alternatives")
    assert "landed_low" not in values(found)


def test_a_machine_built_after_the_quote_is_flagged(run: Callable[..., Outcome]) -> None:
    found = run(quote(machine={"hs": "8429.52", "build_year": 2031}), plain_kenya())
    assert "build-year" in flags(found)


def test_names_are_one_in_small_and_capital_letters(run: Callable[..., Outcome]) -> None:
    rows = [charge("a", "Duty", 1, "CIF", 0.1), charge("b", "vat", 2, "cif + DUTY", 0.1)]
    assert values(run(quote(), rows))["charges_total"] == pytest.approx(10835.76 + 11919.33)


def test_alternatives_on_unverified_rows_are_flagged(run: Callable[..., Outcome]) -> None:
    rows = kenya()
    rows[2]["evidence_level"] = 5
    found = run(quote(), rows)
    assert "alternatives-unverified" in flags(found)
    assert {line["unverified"] for line in table(found, "alternatives")} == {"true", "false"}


def test_the_chain_goes_on_with_the_fob_found(run: Callable[..., Outcome]) -> None:
    open_quote = quote()
    del open_quote["fob"]
    found = run(open_quote, plain_kenya(), landed_wanted=130570.88)
    assert values(found)["fob"] == values(found)["max_fob"] == 100000
    assert values(found)["landed_total"] == 130570.88
    assert "found for the landed total" in table(found, "lines")[0]["text"]
