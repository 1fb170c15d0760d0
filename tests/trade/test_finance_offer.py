"""finance.offer: closed forms and printed examples first, then every bound, every cent, and hostile input."""

from __future__ import annotations

import copy
import csv
import itertools
import json
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import open_file
from recore.model.trade import OneOrMany
from recore.rules import RuleSet, Verdict, shipped
from recore.trade.finance import cash
from recore.trade.finance.amounts import down, half_up, money
from recore.trade.finance.case import FinanceCase, FlatOffer, Lease, Loan
from recore.trade.finance.offer import FinanceOffer, finance_offer
from recore.trade.finance.schedule import annuity, repay

CASE: dict[str, Any] = {
    "currency": "CNY",
    "date": "2026-11-22",
    "valuation": {"fmv": 1000000, "olv": 850000, "flv": 700000, "low": 800000, "high": 1100000},
    "price": 980000,
    "borrower": {"green": True},
    "machine": {"family": "excavator", "build_year": 2019, "evidence": {"passport": True}},
    "subsidy": {"rate": 0.1, "base": "fmv", "unit_cap": 200000, "programme_remaining": 5000000},
    "loan": {"ltv_max": 0.8, "ltv_base": "olv", "annual_rate": 0.04, "months": 36, "type": "annuity"},
    "interest_subsidy": {"points": 0.015, "months": 24},
}


def case(**changes: Any) -> dict[str, Any]:
    """The case with some fields changed: loan__months=1 goes into loan."""
    document = copy.deepcopy(CASE)
    for name, value in changes.items():
        place, _, inner = name.partition("__")
        if inner:
            document[place][inner] = value
        else:
            document[place] = value
    return document


def offered(*documents: dict[str, Any], **parameters: Any) -> FinanceOffer:
    return finance_offer(OneOrMany[FinanceCase].model_validate(list(documents)), **parameters)


def value(offer: FinanceOffer, name: str) -> Any:
    found = getattr(offer, name)
    return found if found is None else found.value


def codes(offer: FinanceOffer) -> set[str]:
    return {note.code for note in offer.flags}


def row(rule_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "jurisdiction": "CN",
        "domain": "finance",
        "title": "t",
        "effect": "require",
        "predicate": {"field": "borrower.green", "op": "==", "value": True},
        "valid_from": "2026-01-01",
        "recorded_at": "2026-01-01",
        "source": {"title": "a notice", "url": "https://example.org/n", "retrieved": "2026-01-01"},
        "evidence_level": 3,
        **changes,
    }


def rows(*entries: dict[str, Any]) -> RuleSet:
    return RuleSet.from_json(list(entries))


COVER = row(
    "cover", domain="coverage", effect="cover", predicate={"all": []}, params={"questions": ["finance"]}
)


# -- values from elsewhere


def test_annuity_of_a_million_at_four_percent() -> None:
    assert annuity(Decimal(1000000), Decimal("0.04"), 36) == Decimal("29523.99")


def test_interest_subsidy_of_a_bullet_loan() -> None:
    offer = offered(
        case(
            valuation__olv=1000000, loan__ltv_max=1, price=1000000, loan__months=24, loan__balloon=1000000
        )
    )  # fmt: skip
    assert value(offer, "interest_subsidy") == 30000.0
    assert value(offer, "total_interest") == 79999.92  # 24 months of 3333.33
    assert value(offer, "last_payment") == 1003333.33


@pytest.mark.parametrize(
    ("lease", "nominal"),
    [
        # HP 12C owner's handbook, Leasing: payments that yield the stated nominal rate, printed to the cent
        ({"price": 750, "rent": 64.45, "months": 12, "advance": 3}, 0.10),
        ({"price": 750, "rent": 65.43, "months": 12, "advance": 3}, 0.15),
        ({"price": 750, "rent": 66.86, "months": 12, "advance": 1}, 0.15),
        ({"price": 22000, "rent": 487.29, "months": 48, "residual": 6600, "advance": 4}, 0.15),
    ],
)
def test_leases_of_the_handbook(lease: dict[str, Any], nominal: float) -> None:
    offer = offered(case(lease=lease))
    assert value(offer, "lease_annual_rate") == pytest.approx(nominal, abs=4e-4)
    assert value(offer, "lease_irr_residual") <= 1e-10
    rents = lease["rent"] * lease["months"] + lease.get("residual", 0)
    assert value(offer, "lease_total") == pytest.approx(rents, abs=1e-9)


def test_the_contract_case_to_the_cent() -> None:
    offer = offered(CASE)
    assert value(offer, "subsidy") == 100000.0
    assert value(offer, "loan_principal") == 680000.0
    payment = Fraction(680000) * Fraction(1, 300) / (1 - Fraction(300, 301) ** 36)
    assert value(offer, "first_payment") == float(Decimal(floor(payment * 100 + Fraction(1, 2))) / 100)
    assert value(offer, "eligibility") == "pass"
    assert {"eligibility-taken", "cap-unverified"} <= codes(offer)
    assert offer.schedule is not None
    assert offer.schedule.column_names == ["month", "payment", "interest", "principal", "balance"]
    assert value(offer, "total_cost") == 980000 + value(offer, "total_interest")
    assert value(offer, "ltv_olv") == 0.8
    assert value(offer, "ltv_flv") == 680000 / 700000


def test_equal_principal_by_hand() -> None:
    # 1000.00 in 3 months at 12 %: 333.33 each, the last one 333.34; interest 10.00, 6.67, 3.33
    loan = Loan(ltv_max=1, ltv_base="olv", annual_rate=0.12, months=3, type="equal-principal")
    plan = repay(Decimal(1000), loan)
    assert [tuple(map(str, month[1:5])) for month in plan.rows] == [
        ("343.33", "10.00", "333.33", "666.67"),
        ("340.00", "6.67", "333.33", "333.34"),
        ("336.67", "3.33", "333.34", "0.00"),
    ]


def test_a_flat_rate_costs_nearly_twice_what_it_says() -> None:
    offer = offered(case(flat_offer={"principal": 100000, "annual_rate": 0.05, "months": 24}))
    assert value(offer, "flat_offer_payment") == 4583.33
    i = Fraction(1)
    low, high = Fraction(0), Fraction(1, 10)
    for _ in range(80):  # bisection of the closed annuity factor
        i = (low + high) / 2
        worth = Fraction("4583.33") * (1 - 1 / (1 + float(i)) ** 24) / i if i else 0
        low, high = (i, high) if worth > 100000 else (low, i)
    assert value(offer, "flat_offer_effective_annual_rate") == pytest.approx(
        (1 + float(i)) ** 12 - 1, abs=1e-9
    )
    assert 0.09 < value(offer, "flat_offer_effective_annual_rate") < 0.10


# -- the bounds of the subsidy

CENTS = st.integers(0, 10**10).map(lambda n: Decimal(n) / 100)
SHARES = st.integers(0, 10**6).map(lambda n: Decimal(n) / 10**6)


@given(rate=SHARES, base=CENTS, low=CENTS, cap=CENTS, left=CENTS)
@settings(max_examples=100, deadline=None)
def test_the_subsidy_is_the_smallest_bound_rounded_down(
    rate: Decimal, base: Decimal, low: Decimal, cap: Decimal, left: Decimal
) -> None:
    offer = offered(
        case(
            valuation={"fmv": str(base), "olv": 1, "low": str(low)},
            subsidy={
                "rate": str(rate),
                "base": "fmv",
                "unit_cap": str(cap),
                "programme_remaining": str(left),
            },
        )
    )
    limits = [
        Fraction(rate) * Fraction(base),
        Fraction(15, 100) * Fraction(low),
        Fraction(cap),
        Fraction(left),
    ]
    subsidy = Fraction(Decimal(repr(value(offer, "subsidy"))))
    assert all(subsidy <= limit for limit in limits)
    assert min(limits) - subsidy < Fraction(1, 100)
    assert subsidy * 100 % 1 == 0


@pytest.mark.parametrize("binding", ["rate", "cap", "unit_cap", "programme_remaining"])
@pytest.mark.parametrize("cents", [-1, 0, 1])
def test_each_bound_binds_alone_and_exactly(binding: str, cents: int) -> None:
    amount = Decimal("123456.78") + Decimal(cents) / 100
    wide = {
        "rate": Decimal(1),
        "low": Decimal(9000000),
        "unit_cap": Decimal(900000),
        "programme_remaining": 10**9,
    }
    fmv = Decimal(900000)
    if binding == "rate":
        wide["rate"], fmv = Decimal("0.5"), amount * 2
    elif binding == "cap":
        wide["low"] = amount / Decimal("0.15")  # not a whole cent: the quotient is rounded at 28 digits
        amount = down(Fraction(Decimal("0.15")) * Fraction(half_up(wide["low"])))
        wide["low"] = half_up(wide["low"])
    else:
        wide[binding] = amount
    offer = offered(
        case(
            valuation={"fmv": str(fmv), "olv": 1, "low": str(wide["low"])},
            subsidy={"base": "fmv", **{k: str(wide[k]) for k in ("rate", "unit_cap", "programme_remaining")}},
        )
    )
    assert value(offer, "subsidy") == float(amount)
    assert value(offer, "subsidy_binding") == binding
    assert offer.bounds is not None
    table = offer.bounds.to_pylist()
    assert [line["bound"] for line in table if line["binding"]] == [binding]
    assert {line["bound"]: line["rule_id"] for line in table}["cap"] == "cn.finance.subsidy-cap"


def test_rounding_is_down_not_to_the_nearest() -> None:
    offer = offered(
        case(valuation={"fmv": "100.09", "olv": 1, "low": 1000}, subsidy={"rate": "0.1", "base": "fmv"})
    )
    assert value(offer, "subsidy") == 10.0
    assert {"unit-cap-not-stated", "programme-remaining-not-stated"} <= codes(offer)


def test_the_cap_counts_on_any_day_and_with_any_rows() -> None:
    early = offered(case(date="2020-01-01", subsidy__rate=1, subsidy__unit_cap=999999))
    assert value(early, "subsidy") == 120000.0
    assert "cap-not-in-force" in codes(early)
    unknown = offered(case(subsidy__rate=1), known_on=date(2026, 1, 1))
    assert "cap-not-known" in codes(unknown)
    bare = offered(case(subsidy__rate=1), rules=rows(row("green")))
    assert value(bare, "subsidy") == 120000.0
    assert value(bare, "subsidy_binding") == "cap"


def test_a_given_cap_row_binds_beside_the_shipped_one() -> None:
    def cap(share: float, base: str = "low") -> dict[str, Any]:
        return row(
            "cap", effect="state", predicate={"all": []},
            params={"question": "subsidy-cap", "cap_share": share, "base": base},
        )  # fmt: skip

    ask = case(subsidy__rate=1)
    assert value(offered(ask, rules=rows(row("green"), cap(0.1))), "subsidy") == 80000.0
    assert value(offered(ask, rules=rows(row("green"), cap(0.9))), "subsidy") == 120000.0
    lost = offered(
        case(subsidy__rate=1, valuation={"fmv": 9e5, "olv": 8e5, "low": 8e5}),
        rules=rows(row("green"), cap(0.1, "flv")),
    )
    assert "cap-base-not-stated" in codes(lost)
    strange = offered(ask, rules=rows(row("green"), cap(0.1, "moon")))
    assert "cap-base-not-stated" in codes(strange)
    same = RuleSet([*shipped().rows, *rows(row("green")).rows])
    assert offered(ask, rules=same).bounds.num_rows == 4  # type: ignore[union-attr]


# -- the schedule

LOANS = st.builds(
    lambda cents, rate, months, kind, relief: (
        Decimal(cents) / 100,
        Decimal(rate) / 10**4,
        months,
        kind,
        relief,
    ),
    st.one_of(st.integers(0, 500), st.integers(0, 10**11)),
    st.one_of(st.just(0), st.integers(0, 10**4)),
    st.integers(1, 120),
    st.sampled_from(["annuity", "equal-principal"]),
    st.tuples(st.integers(0, 300), st.integers(1, 150)),
)


@given(LOANS, st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_every_schedule_adds_up(loan: Any, balloon_pct: int) -> None:
    principal, rate, months, kind, (points, relieved) = loan
    balloon = down(Fraction(principal) * balloon_pct / 100)
    offer = offered(
        case(
            valuation={"olv": str(principal), "low": 1, "fmv": 1},
            price=str(principal),
            loan={
                "ltv_max": 1, "ltv_base": "olv", "annual_rate": str(rate), "months": months, "type": kind,
                "balloon": str(balloon),
            },
            interest_subsidy={"points": str(Decimal(points) / 10**4), "months": relieved},
        )
    )  # fmt: skip
    assert offer.schedule is not None
    plan = offer.schedule.to_pylist()
    assert len(plan) == months
    assert sum(line["principal"] for line in plan) == principal
    assert plan[-1]["balance"] == 0
    balance, interest, eased = principal, Decimal(0), Decimal(0)
    for line in plan:
        owed = Fraction(balance)
        assert line["interest"] == floor(owed * Fraction(rate) / 12 * 100 + Fraction(1, 2)) / Decimal(100)
        assert line["payment"] == line["interest"] + line["principal"]
        assert 0 <= line["principal"] <= balance
        if line["month"] <= relieved:
            lower = min(Fraction(points, 10**4), Fraction(rate))
            eased += floor(owed * lower / 12 * 100 + Fraction(1, 2)) / Decimal(100)
        balance -= line["principal"]
        interest += line["interest"]
        assert line["balance"] == balance >= 0
        assert line["month"] == months or balance >= min(balloon, principal)
    assert value(offer, "total_interest") == float(interest)
    assert value(offer, "interest_subsidy") == float(eased)
    assert eased <= interest
    assert value(offer, "first_payment") == float(plan[0]["payment"])
    assert value(offer, "last_payment") == float(plan[-1]["payment"])
    if principal:
        assert value(offer, "irr_residual") <= 1e-10


@given(
    st.integers(10**5, 10**11),
    st.integers(1, 4000),
    st.integers(1, 600),
)
@settings(max_examples=100, deadline=None)
def test_the_even_payment_is_the_closed_form_rounded(cents: int, basis_points: int, months: int) -> None:
    i = Fraction(basis_points, 120000)
    exact = Fraction(cents, 100) * i / (1 - 1 / (1 + i) ** months)
    found = annuity(Decimal(cents) / 100, Decimal(basis_points) / 10**4, months)
    assert abs(Fraction(found) - exact) <= Fraction(1, 200)
    assert found == down(exact + Fraction(1, 200))


@given(
    st.integers(1, 10**8),
    st.lists(st.integers(0, 10**8), min_size=1, max_size=120).filter(any),
)
@settings(max_examples=150, deadline=None)
def test_every_internal_rate_solves_its_flows(received: int, paid: list[int]) -> None:
    found = cash.internal_rate(Decimal(received), [Decimal(amount) for amount in paid])
    assert found is not None
    assert found.residual <= 1e-10
    if sum(paid) >= received:
        assert found.monthly >= -1e-12
    else:
        assert found.monthly < 0


def test_no_rate_without_flows() -> None:
    assert cash.internal_rate(Decimal(100), [Decimal(0)] * 3) is None
    assert cash.internal_rate(Decimal(0), [Decimal(1)]) is None
    assert cash.lease_flows(Lease(price=100, rent=0, months=1)) == (Decimal(100), [Decimal(0)])
    assert value(offered(case(lease={"price": 100, "rent": 0, "months": 3})), "lease_annual_rate") is None
    free = FlatOffer(principal="0.01", annual_rate=0, months=36)
    assert cash.flat_payment(free) == 0
    document = case(flat_offer={"principal": "0.01", "annual_rate": 0, "months": 36})
    assert value(offered(document), "flat_offer_effective_annual_rate") is None


def test_edges_of_a_loan() -> None:
    free = offered(case(loan__annual_rate=0))
    assert value(free, "total_interest") == 0.0
    assert value(free, "effective_annual_rate") == 0.0
    assert "points-above-rate" in codes(free)
    assert value(free, "interest_subsidy") == 0.0
    once = offered(case(loan__months=1))
    assert value(once, "first_payment") == value(once, "last_payment") == 682266.67
    nothing = offered(case(loan__ltv_max=0))
    assert value(nothing, "loan_principal") == value(nothing, "first_payment") == 0.0
    assert value(nothing, "effective_annual_rate") is None
    assert "no-loan" in codes(nothing)
    # 30 cents in 36 months: a payment of one cent has repaid it after 30
    few = offered(case(valuation__olv="0.30", loan__ltv_max=1, loan__annual_rate=0))
    assert value(few, "first_payment") == 0.01
    assert value(few, "last_payment") == 0.0
    assert "repaid-early" in codes(few)


def test_ratios_and_risk() -> None:
    offer = offered(
        case(
            risk={"pd": 0.02, "recovery_base": "flv"},
            loan__ltv_base="fmv",
            annual_cash_flow=300000,
            loan__fee=5000,
        )
    )
    assert value(offer, "expected_loss") == 2000.0  # 2 % of 800 000 - 700 000
    assert "loan-above-flv" in codes(offer)
    first_year = [line["payment"] for line in offer.schedule.to_pylist()[:12]]  # type: ignore[union-attr]
    assert value(offer, "dscr") == pytest.approx(300000 / float(sum(first_year)), rel=1e-12)
    assert value(offer, "effective_annual_rate") > (1 + 0.04 / 12) ** 12 - 1
    assert value(offer, "effective_annual_rate_after_subsidy") < value(offer, "effective_annual_rate")
    assert value(offer, "total_cost_after_subsidies") == pytest.approx(
        value(offer, "total_cost") - value(offer, "subsidy") - value(offer, "interest_subsidy")
    )
    assert value(offered(case(loan__ltv_max=0, annual_cash_flow=1)), "dscr") is None
    crossed = offered(case(valuation__flv=900000, price=600000))
    assert {"premises-out-of-order", "over-financed"} <= codes(crossed)


def test_without_a_loan_or_a_subsidy() -> None:
    document = case()
    for name in ("loan", "interest_subsidy", "subsidy"):
        del document[name]
    offer = offered(document)
    assert value(offer, "subsidy") == 0.0
    assert value(offer, "subsidy_binding") == "not asked for"
    assert offer.loan_principal is None
    assert offer.schedule is not None and offer.schedule.num_rows == 0


# -- eligibility


def test_three_values_of_eligibility() -> None:
    good = offered(CASE, rules=rows(COVER, row("green")))
    assert (value(good, "eligibility"), value(good, "subsidy"), good.missing) == ("pass", 100000.0, ())
    assert good.reasons is not None
    assert good.reasons.to_pylist() == [
        {
            "rule_id": "green",
            "outcome": "pass",
            "text": good.reasons["text"][0].as_py(),
            "source": "a notice (https://example.org/n)",
        }
    ]
    assert "no-cover" not in codes(good)
    bad = offered(case(borrower={"green": False}), rules=rows(row("green")))
    assert (value(bad, "eligibility"), value(bad, "subsidy")) == ("fail", 0.0)
    assert value(bad, "subsidy_if_eligible") == 100000.0
    assert value(bad, "subsidy_binding") == "eligibility"
    assert value(bad, "total_cost_after_subsidies") == value(bad, "total_cost")
    assert {"not-eligible", "no-cover"} <= codes(bad)
    open_ = offered(case(borrower=None), rules=rows(row("green")))
    assert (value(open_, "eligibility"), value(open_, "subsidy"), open_.missing) == (
        "unknown",
        0.0,
        ("borrower.green",),
    )


@pytest.mark.parametrize(
    ("entries", "missing"),
    [
        ((), "rule row: finance"),
        ((row("green", valid_to="2026-06-30"),), ""),
        ((row("green", evidence_level=5),), ""),
        ((row("green"), row("not", effect="block")), ""),
        ((COVER, row("other", domain="age")), "rule row: finance"),
        ((row("green"), {**COVER, "valid_to": "2026-06-30"}), "rule row: coverage of CN"),
        ((row("green"), {**COVER, "params": {"questions": ["finance", "finance:catalogue"]}}), "rule row: finance:catalogue"),
        ((row("paper", effect="document", predicate={"all": []}, params={"document": "catalogue"}),), "evidence.catalogue"),
        ((row("green", jurisdiction="KE"),), "rule row: finance"),
        ((row("green", recorded_at="2026-11-21"),), "rule row: finance"),
    ],
)  # fmt: skip
def test_no_silent_pass(entries: tuple[dict[str, Any], ...], missing: str) -> None:
    offer = offered(CASE, rules=rows(*entries), known_on=date(2026, 10, 1))
    assert value(offer, "eligibility") == "unknown"
    assert value(offer, "subsidy") == 0.0
    assert not missing or missing in (offer.missing or ())


def test_questions_of_other_domains_are_not_asked() -> None:
    cover = {**COVER, "params": {"questions": ["finance", "age"]}}
    offer = offered(CASE, rules=rows(cover, row("green")))
    assert (value(offer, "eligibility"), offer.missing) == ("pass", ())
    papers = offered(
        case(evidence={"catalogue": True}),
        rules=rows(row("paper", effect="document", predicate={"all": []}, params={"document": "catalogue"})),
    )
    assert value(papers, "eligibility") == "pass"


def test_contradicting_rows_are_both_shown() -> None:
    offer = offered(CASE, rules=rows(row("green"), row("never", effect="block")))
    assert "rows-disagree" in codes(offer)
    assert {line["outcome"] for line in offer.reasons.to_pylist()} == {"pass", "fail"}  # type: ignore[union-attr]


def test_amounts_are_facts_for_the_rows() -> None:
    limit = row("cap", predicate={"field": "loan.annual_rate", "op": "<=", "value": 0.04})
    assert value(offered(CASE, rules=rows(limit)), "eligibility") == "pass"
    young = row(
        "age", predicate={"field": "age_years", "op": "<=", "value": 7}, params={"age_basis": "build_year"}
    )
    assert value(offered(CASE, rules=rows(young)), "eligibility") == "pass"
    assert value(offered(case(date="2027-01-01"), rules=rows(young)), "eligibility") == "fail"


# -- interest-subsidy programmes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"interest_subsidy__points": 0.0151}, {"interest-subsidy-points"}),
        ({"interest_subsidy__months": 25}, {"interest-subsidy-months"}),
        ({"date": "2027-01-01"}, {"interest-subsidy-unknown"}),
        ({"date": "2024-03-06"}, {"interest-subsidy-unknown"}),
        ({"date": "2026-01-18"}, {"interest-subsidy-points"}),
        ({"date": "2024-03-07", "interest_subsidy__points": 0.01}, set()),
        ({"interest_subsidy__points": 0}, {"interest-subsidy-unknown"}),
    ],
)
def test_what_is_asked_is_compared_with_the_programme(changes: dict[str, Any], expected: set[str]) -> None:
    found = {code for code in codes(offered(case(**changes))) if code.startswith("interest-subsidy")}
    assert found - {"interest-subsidy-programme"} == expected
    assert ("interest-subsidy-programme" in found) == ("interest-subsidy-unknown" not in expected)


def test_only_the_given_rows_speak_of_programmes() -> None:
    assert "interest-subsidy-unknown" in codes(offered(CASE, rules=rows(row("green"))))
    broken = row(
        "p", effect="state", predicate={"all": []}, params={"question": "interest-subsidy", "points": "x"}
    )
    assert "interest-subsidy-unknown" in codes(offered(CASE, rules=rows(broken)))


# -- many cases


def test_a_list_is_one_finding_with_a_table() -> None:
    offer = offered(
        CASE, case(borrower={"green": False}), case(loan__months=2), rules=rows(COVER, row("green"))
    )
    assert (offer.cases, offer.cases_eligible, offer.subsidy) == (3, 2, None)
    assert value(offer, "subsidy_total") == 200000.0
    assert value(offer, "loan_total") == 3 * 680000.0
    assert offer.schedule is not None and offer.offers is not None
    assert offer.schedule.num_rows == 36 + 36 + 2
    assert offer.schedule.column_names[0] == "case"
    assert [line["eligibility"] for line in offer.offers.to_pylist()] == ["pass", "fail", "pass"]
    texts = {note.code: note.text for note in offer.flags}
    assert texts["not-eligible"].startswith("case 2: ")
    assert texts["cap-unverified"].startswith("every case: ")
    assert "programme-not-shared" in texts
    mixed = offered(CASE, case(currency="USD"))
    assert mixed.subsidy_total is None


def test_a_thousand_cases_are_quick() -> None:
    began = time.process_time()
    short = case(loan__months=3)
    offer = offered(*itertools.repeat(short, 999), case(loan__months=3, date="2027-01-01"))
    assert time.process_time() - began < 60
    assert offer.cases == 1000
    assert any("and 991 more" in note.text for note in offer.flags)


def test_too_many_cases_are_refused() -> None:
    one = FinanceCase.model_validate(CASE)
    with pytest.raises(BadInput, match="10001 cases"):
        finance_offer(OneOrMany[FinanceCase].model_construct(root=(one,) * 10001))
    long = FinanceCase.model_validate(case(loan__months=600))
    with pytest.raises(BadInput, match="months"):
        finance_offer(OneOrMany[FinanceCase].model_construct(root=(long,) * 1700))


# -- bad input


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"price": -1}, "price"),
        ({"valuation__low": -5}, "valuation.low"),
        ({"valuation__low": 1200000}, "low 1200000 is above high 1100000"),
        ({"loan__months": 0}, "loan.months"),
        ({"loan__months": 601}, "loan.months"),
        ({"loan__months": 3.5}, "loan.months"),
        ({"loan__ltv_max": 1.51}, "loan.ltv_max"),
        ({"loan__ltv_base": "book"}, "loan.ltv_base"),
        ({"loan__type": "bullet"}, "loan.type"),
        ({"loan__annual_rate": 4}, "4 percent is 0.04"),
        ({"loan__annual_rate": "1e-100"}, "loan.annual_rate"),
        ({"loan__annual_rate": float("nan")}, "loan.annual_rate"),
        ({"loan__balloon": 700000}, "loan.balloon"),
        ({"loan__fee": 680000}, "loan.fee"),
        ({"loan__balloon": 0.005}, "whole cents"),
        ({"subsidy__base": "book"}, "subsidy.base"),
        ({"subsidy__programme_remaining": -1}, "subsidy.programme_remaining"),
        ({"subsidy__rate": -0.1}, "subsidy.rate"),
        ({"subsidy__colour": 1}, "subsidy.colour"),
        ({"valuation": {"fmv": 1, "olv": 1}}, "valuation.low"),
        ({"valuation": {"fmv": 1, "low": 1}}, "loan.ltv_base needs valuation.olv"),
        ({"valuation": {"low": 1, "olv": 1}}, "subsidy.base needs valuation.fmv"),
        ({"interest_subsidy__points": 1.5}, "interest_subsidy.points"),
        ({"loan": None}, "interest_subsidy without a loan"),
        ({"loan": None, "interest_subsidy": None, "risk": {"pd": 0.1}}, "risk without a loan"),
        ({"lease": {"price": 100, "rent": 50, "months": 12, "advance": 2}}, "advance"),
        ({"lease": {"price": 100, "rent": 5, "months": 1, "advance": 2}}, "advance"),
        ({"flat_offer": {"principal": 0, "annual_rate": 0, "months": 1}}, "flat_offer.principal"),
        ({"risk": {"pd": 1.1}}, "risk.pd"),
        ({"currency": "RMB"}, "currency"),
        ({"date": "2026-02-30"}, "date"),
        ({"price": 10**12}, "price"),
        ({"price": True}, "price"),
    ],
)
def test_bad_input_names_the_field(
    recore: Callable[..., Any], tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case(**changes)).replace("NaN", '"NaN"'))
    ended = recore("run", "finance.offer", file)
    assert ended.status == 2, ended.out
    said = " ".join(ended.err.split())
    assert named in said


# -- through the doors


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps(CASE))
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "r.toml").write_text(rows(COVER, row("green")).toml())
    ended = recore(
        "run",
        "finance.offer",
        tmp_path / "case.json",
        "-p",
        f"rules={folder}",
        "--json",
        "--out",
        tmp_path / "out",
    )
    assert ended.status == 0
    results = ended.json["results"]
    assert results["subsidy"] == {"value": 100000.0, "unit": "CNY"}
    assert results["eligibility"]["value"] == "pass"
    assert results["rules_sha256"]["value"] == rows(COVER, row("green")).digest
    with (tmp_path / "out" / "schedule.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 36
    assert lines[0]["payment"] == "20076.31"
    assert lines[-1]["balance"] == "0.00"
    shown = recore("run", "finance.offer", tmp_path / "case.json")
    assert "100000.00" in shown.out


def test_the_plot_shows_every_payment(tmp_path: Path) -> None:
    for document in (CASE, [CASE, CASE], case(loan__months=120)):
        (tmp_path / "case.json").write_text(json.dumps(document))
        spec = finance_offer.run([open_file(tmp_path / "case.json")], {}).plot()
        assert spec is not None
        bars, line = (part["data"]["values"] for part in spec["vconcat"])
        assert sum(part["amount"] for part in bars if part["part"] == "principal") == pytest.approx(680000)
        assert line[-1]["balance"] == 0


def test_the_programme_rows_hold_what_they_promise() -> None:
    mine = [r for r in shipped().rows if r.rule_id.startswith("cn.finance.")]
    assert len(mine) == 4
    for one in mine:
        for vector in one.test_vectors:
            assert one.answer(vector.given, vector.date).verdict is vector.expect
    assert {r.evidence_level for r in mine if "cap" in r.rule_id} == {5}
    assert Verdict.PASS in {vector.expect for one in mine for vector in one.test_vectors}


def test_cents() -> None:
    assert half_up(Decimal("0.005")) == Decimal("0.01")
    assert half_up(Decimal("-0.005")) == Decimal("-0.01")
    assert half_up(Decimal("0.0049999999999999999999999999999999")) == 0
    assert down(Fraction(999, 1000)) == Decimal("0.99")
    assert str(money(Decimal("123456789012.34"), "CNY")) == "123456789012.34 CNY"
