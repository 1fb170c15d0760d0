"""`trade.landed-cost`: an outsider recomputes every cent from the charge graph, in fractions, over random tariffs."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from trade_rows import charge, fx, quote, row, rules

from recore.model.trade import OneOrMany
from recore.trade.landed_cost import landed_cost
from recore.trade.quote import Quote


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
    document = quote(fob=fob, freight=freight, insurance_rate=premium / 1_000_000, fx=RATES)
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
