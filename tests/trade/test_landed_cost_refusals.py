"""`trade.landed-cost`: every reason to state no total, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trade_rows import charge, codes, flags, fx, kenya, plain_kenya, quote, refused, row, table, values

from recore.errors import BadInput
from recore.method import Outcome


def test_an_expired_row(run: Callable[..., Outcome]) -> None:
    rows = plain_kenya()
    rows[1]["valid_to"] = "2025-06-30"
    refused(run(quote(), rows), "charge-expired", "idf", "ke.idf.a", "2026-12-01")


def test_a_step_that_expired_beside_one_that_does_not_fit(run: Callable[..., Outcome]) -> None:
    used = {"field": "condition", "op": "==", "value": "used"}
    steps = [
        charge("ke.fee.used", "fee", 5, "cif", 0.2, predicate=used),
        charge("ke.fee.new", "fee", 5, "cif", 0.1, predicate={"not": used}),
    ]
    assert values(run(quote(), [*plain_kenya(), *steps]))["landed_total"] == 152242.40
    steps[0]["valid_to"] = "2026-06-30"
    refused(run(quote(), [*plain_kenya(), *steps]), "charge-expired", "ke.fee.used", "2026-12-01")


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


def test_too_many_contradictions_are_not_multiplied_out(run: Callable[..., Outcome]) -> None:
    rows = [
        charge(f"{word}.{number}", f"levy_{number}", number, "cif", rate)
        for number in range(9)
        for word, rate in (("a", 0.01), ("b", 0.02))
    ]
    found = run(quote(), rows)
    refused(found, "too-many-alternatives")
    assert "landed_low" not in values(found)


def test_a_machine_built_after_the_quote_is_bad_input(run: Callable[..., Outcome]) -> None:
    with pytest.raises(BadInput, match="build_year 2031"):
        run(quote(machine={"hs": "8429.52", "build_year": 2031}), plain_kenya())


def test_a_pin_of_sixteen_characters_is_told(run: Callable[..., Outcome]) -> None:
    found = run(
        quote(machine={"hs": "8429.52", "build_year": 2020, "pin": "KATOH820XJ001234"}), plain_kenya()
    )
    assert "pin" in flags(found)


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
