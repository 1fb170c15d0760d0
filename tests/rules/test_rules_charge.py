"""Charges as data: what a row's params mean, to the last digit, and what is wrong with those that mean nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_rules_table import rule

from recore.errors import BadInput
from recore.rules.charge import Charge, aligned, decimal, terms

VAT = {"name": "VAT", "order": 4, "kind": "ad_valorem", "base": "CIF + duty + 1.1 * IDF", "rate": 0.16}


def charge(**params: Any) -> Charge:
    return Charge.of(rule("ke.vat", domain="charge", effect="charge", params=params))


def test_an_ad_valorem_charge() -> None:
    found = charge(**VAT)
    assert found == Charge(
        "VAT", 4, "ad_valorem", ((D(1), "cif"), (D(1), "duty"), (D("1.1"), "IDF")), D("0.16")
    )
    assert found.key == "vat"
    # merchandise processing fee of the United States: 0.3464 % of the value, at least and at most so much
    fee = charge(
        name="MPF",
        order=1,
        kind="ad_valorem",
        base="fob",
        rate=0.003464,
        min=33.58,
        max=651.50,
        currency="USD",
    )
    assert (fee.rate, fee.minimum, fee.maximum, fee.currency) == (
        D("0.003464"),
        D("33.58"),
        D("651.5"),
        "USD",
    )


def test_amounts_and_coefficients() -> None:
    assert charge(name="fee", order=1, kind="specific", amount="100.10", currency="EUR").amount == D("100.10")
    # recycling fee of a Russian grader of 200 hp or more, older than 3 years: standards give 9 879 075 RUB
    fee = charge(
        name="recycling fee", order=9, kind="coefficient", unit=172500, coefficient=57.27, currency="RUB"
    )
    assert fee.unit is not None
    assert fee.coefficient is not None
    assert fee.unit * fee.coefficient == D(9_879_075)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cif", [(1, "cif")]),
        (" FOB+Freight ", [(1, "fob"), (1, "freight")]),
        ("cif + import-duty + levy 2", [(1, "cif"), (1, "import-duty"), (1, "levy 2")]),
        ("1.5*cif - freight", [("1.5", "cif"), (-1, "freight")]),
        ("cif × 0.5 − insurance", [("0.5", "cif"), (-1, "insurance")]),
        ("cif + 关税", [(1, "cif"), (1, "关税")]),
    ],
)
def test_sums(text: str, wanted: list[tuple[Any, str]]) -> None:
    assert terms(text) == tuple((D(factor), name) for factor, name in wanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "cif +",
        "+ cif",
        "cif cif*",
        "2",
        "2*2",
        "2*cif*2",
        "cif + 3",
        "(cif)",
        "cif; x",
        "1e3*cif",
        "-cif",
    ],
)
def test_what_is_no_sum(text: str) -> None:
    assert terms(text) is None
    with pytest.raises(BadInput, match="base"):
        charge(**{**VAT, "base": text})


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": ...}, "name is not stated"), ({"name": "a+b"}, "name"), ({"name": "CIF"}, "quote"), ({"name": 3}, "name"),
        ({"order": ...}, "order is not stated"), ({"order": 1.5}, "order"), ({"order": True}, "order"),
        ({"kind": "percent"}, "ad_valorem, specific or coefficient"), ({"kind": ...}, "kind is not stated"),
        ({"rate": ...}, "rate is not stated"), ({"rate": -0.1}, "not negative"), ({"rate": "x"}, "rate"), ({"rate": 1e15}, "rate"),
        ({"rate": [1]}, "rate"), ({"min": 2, "max": 1}, "above max 1"), ({"currency": "EURO"}, "ISO 4217"), ({"base": 3}, "base"),
        ({"kind": "specific"}, "amount is not stated"), ({"kind": "specific", "amount": 1}, "currency is not stated"),
        ({"kind": "coefficient", "unit": 1}, "coefficient is not stated"), ({"base": "cif + " * 400 + "cif"}, "base"),
    ],
)  # fmt: skip
def test_a_malformed_charge_says_which_field_and_what_would_be_right(
    change: dict[str, Any], word: str
) -> None:
    with pytest.raises(BadInput, match=word) as caught:
        charge(**{name: value for name, value in (VAT | change).items() if value is not ...})
    assert "'ke.vat', params" in str(caught.value)


@given(st.floats(0, 1e14, allow_nan=False))
def test_numbers_mean_the_decimals_that_are_written(value: float) -> None:
    found = charge(**{**VAT, "rate": value}).rate
    assert found == D(repr(value)) == decimal(repr(value))


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}(-[a-z]{1,3})?", fullmatch=True)
sums = st.lists(
    st.tuples(st.decimals(0, 100, places=2, allow_nan=False), names, st.booleans()), min_size=1, max_size=5
)


@given(sums)
def test_every_sum_that_is_written_is_read(parts: list[tuple[D, str, bool]]) -> None:
    text = ""
    for factor, name, minus in parts:
        text += (" - " if minus and text else " + " if text else "") + f"{factor} * {name}"
    found = terms(text)
    assert found is not None
    for place, ((factor, name), (wanted, spelled, minus)) in enumerate(zip(found, parts, strict=True)):
        negative = minus and place > 0
        assert name.casefold() == spelled.casefold()
        assert factor == (-wanted if negative else wanted)


def test_names_in_bases_are_written_as_their_charges_write_them() -> None:
    duty = charge(name="Import Duty", order=1, kind="ad_valorem", base="CIF", rate=0)
    vat = charge(**{**VAT, "base": "cif + import  duty + unknown"})
    assert aligned([duty, vat])[1] == replace(
        vat, base=((D(1), "cif"), (D(1), "Import Duty"), (D(1), "unknown"))
    )
