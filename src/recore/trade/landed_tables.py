"""The tables of a landed cost: dated lines, alternatives, comparison, sensitivity, and the split of Incoterms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from recore.trade.chain import Chain, Shipment
from recore.trade.charges import Candidate
from recore.trade.costing import Costing
from recore.trade.fx import conversion
from recore.trade.money import CENT, EXACT, cents, plain
from recore.trade.quote import FxRate

if TYPE_CHECKING:
    import pyarrow as pa

_TURN = Decimal("0.05")


def lines(costings: Sequence[Costing]) -> pa.Table:
    """Every amount with its row and date, from FOB to the total, in the order in which it is charged."""
    rows = [row for number, costing in enumerate(costings) for row in _lines_of(number, costing)]
    return _table(
        rows,
        {
            "name": "text", "amount": "money", "rule_id": "text", "date": "text", "currency": "text",
            "base": "text", "base_amount": "money", "rate": "text", "kind": "text", "source": "text",
            "evidence_level": "int", "valid_from": "text", "valid_to": "text", "text": "text",
            "alternative": "text", "quote": "int", "country": "text",
        },
    )  # fmt: skip


def _lines_of(number: int, costing: Costing) -> Iterator[dict[str, Any]]:
    quote, shipment = costing.quote, costing.shipment
    if shipment is None:
        return
    common = {
        "date": quote.date.isoformat(),
        "currency": quote.currency,
        "quote": number,
        "country": quote.country,
        "rule_id": "",
        "source": "quote",
    }
    insured = f"premium rate {plain(shipment.insurance_rate)} of 110 % of CIF"
    told = {
        "fob": ("amount", "", "found for the landed total wanted" if quote.fob is None else "as quoted"),
        "freight": ("amount", "", "as quoted" if quote.freight is not None else "of the freight table"),
        "insurance": ("difference", "cif - fob - freight", insured),
        "cif": ("closed form", "fob + freight", "(FOB + freight) / (1 - 1.1 r)"),
    }
    for name, amount in shipment.start().items():
        kind, base, text = told[name]
        yield {
            **common, "name": name, "amount": amount, "kind": kind, "base": base, "text": text, "alternative": "",
        }  # fmt: skip
    for label, chain in costing.shown:
        amounts = chain.amounts(shipment)
        for step in chain.steps:
            yield {**common, **_line(step, chain, amounts), "alternative": label}


def _line(step: Candidate, chain: Chain, amounts: dict[str, Decimal | None]) -> dict[str, Any]:
    charge, rule = step.charge, step.rule
    text = rule.title
    if charge.currency and charge.currency in chain.conversions:
        path = chain.conversions[charge.currency].path
        text += f"; {path}" if path else ""
    rate = ""
    if charge.kind == "ad_valorem" and charge.rate is not None:
        rate = plain(charge.rate)
        for word, bound in (("at least", charge.minimum), ("at most", charge.maximum)):
            text += f"; {word} {plain(bound)} {charge.currency}".rstrip() if bound is not None else ""
    elif charge.kind == "coefficient" and charge.unit is not None and charge.coefficient is not None:
        rate = plain(charge.coefficient)
        text += f"; {plain(charge.unit)} × {rate} {charge.currency}"
    elif charge.amount is not None:
        text += f"; {plain(charge.amount)} {charge.currency}"
    base = chain.base(charge, amounts) if charge.kind == "ad_valorem" else None
    return {
        "name": charge.name,
        "amount": amounts[charge.name],
        "rule_id": rule.rule_id,
        "base": base_text(charge.base),
        "base_amount": None if base is None else cents(base),
        "rate": rate,
        "kind": charge.kind,
        "source": rule.source.url or rule.source.title,
        "evidence_level": rule.evidence_level,
        "valid_from": rule.valid_from.isoformat(),
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else "",
        "text": text,
    }


def base_text(base: Sequence[tuple[Decimal, str]]) -> str:
    """The sum that a rate is taken of, as its row writes it."""
    text = ""
    for factor, name in base:
        times = "" if abs(factor) == 1 else f"{plain(abs(factor))} * "
        sign = " - " if factor < 0 else " + "
        text += (sign if text or factor < 0 else "") + times + name
    return text.strip()


def alternatives(costings: Sequence[Costing]) -> pa.Table | None:
    """Every combination of rows that contradict each other, with its total; None where none do."""
    rows = []
    for number, costing in enumerate(costings):
        if len(costing.ways) < 2:
            continue
        contested = {group[0].charge.name for group in costing.book.charges if len(group) > 1}
        for place, (chain, total) in enumerate(costing.ways, 1):
            chosen = [step.rule.rule_id for step in chain.steps if step.charge.name in contested]
            charges = None if total is None or costing.shipment is None else total - costing.shipment.cif
            rows.append(
                {
                    "alternative": place,
                    "landed_total": total,
                    "charges_total": charges,
                    "rules": ", ".join(chosen),
                    "unverified": chain.unverified,
                    "currency": costing.quote.currency,
                    "quote": number,
                    "country": costing.quote.country,
                }
            )
    if not rows:
        return None
    return _table(
        rows,
        {
            "alternative": "int", "landed_total": "money", "charges_total": "money", "rules": "text",
            "unverified": "flag", "currency": "text", "quote": "int", "country": "text",
        },
    )  # fmt: skip


def comparison(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """One row for each quote."""
    return _table(
        rows,
        {
            "quote": "int", "country": "text", "destination_port": "text", "date": "text", "currency": "text",
            "fob": "money", "cif": "money", "charges_total": "money", "landed_total": "money",
            "landed_low": "money", "landed_high": "money", "indicative_total": "money", "max_fob": "money",
            "sea_distance_nm": "float", "transit_days": "float", "co2_kg": "float", "rebate_cny": "money",
            "trapped_vat_cny": "money", "rank": "int", "refused": "text",
        },
    )  # fmt: skip


def incoterm_table(costings: Sequence[Costing]) -> pa.Table | None:
    """Who pays each block, and what is known of its amount; None where no quote names a rule."""
    rows = [
        {
            "block": block.block,
            "payer": block.payer,
            "risk_passes": block.risk_passes,
            "amount": block.amount,
            "note": block.note,
            "incoterm": costing.quote.incoterm,
            "risk": costing.split.row.params.get("risk", ""),
            "rule_id": costing.split.row.rule_id,
            "quote": number,
        }
        for number, costing in enumerate(costings)
        if costing.split is not None
        for block in costing.split.blocks
    ]
    if not rows:
        return None
    return _table(
        rows,
        {
            "block": "text", "payer": "text", "risk_passes": "flag", "amount": "money", "note": "text",
            "incoterm": "text", "risk": "text", "rule_id": "text", "quote": "int",
        },
    )  # fmt: skip


def sensitivity(costings: Sequence[Costing]) -> pa.Table | None:
    """What 5 % less and more of each input makes of the total; None where no quote has a total."""
    rows = []
    for number, costing in enumerate(costings):
        if costing.total is None or costing.shipment is None:
            continue
        found = list(_turned(costing, costing.ways[0][0], costing.shipment, costing.total))
        found.sort(key=lambda row: (-abs(row["high_change"] - row["low_change"]), row["input"]))
        rows += [{**row, "quote": number, "currency": costing.quote.currency} for row in found]
    if not rows:
        return None
    return _table(
        rows,
        {
            "input": "text", "low_total": "money", "high_total": "money", "low_change": "money",
            "high_change": "money", "currency": "text", "quote": "int",
        },
    )  # fmt: skip


def _turned(costing: Costing, chain: Chain, shipment: Shipment, total: Decimal) -> Iterator[dict[str, Any]]:
    def row(name: str, low: Decimal | None, high: Decimal | None) -> dict[str, Any]:
        assert low is not None and high is not None
        return {
            "input": name, "low_total": low, "high_total": high, "low_change": low - total,
            "high_change": high - total,
        }  # fmt: skip

    down, up = 1 - _TURN, 1 + _TURN
    for name in ("fob", "freight", "insurance_rate"):
        value = getattr(shipment, name)
        turned = [EXACT.multiply(value, factor) for factor in (down, up)]
        if name != "insurance_rate":
            turned = [cents(amount) for amount in turned]
        elif turned[1] * 11 >= 10:
            continue
        yield row(name, *(chain.total(replace(shipment, **{name: amount})) for amount in turned))
    for rate in costing.quote.fx:
        if any(rate in conversion.used for conversion in costing.conversions.values()):
            ends = [_with_rate(costing, chain, shipment, rate, factor) for factor in (down, up)]
            yield row(f"rate {rate.base}/{rate.quote}", *ends)
    known: dict[str, Decimal | None] = dict(shipment.start())
    amounts = chain.amounts(shipment)
    for place, step in enumerate(chain.steps):
        name = step.charge.name
        ends = [chain.turned(place, factor).total(shipment, known) for factor in (down, up)]
        yield row(f"charge {name}", *ends)
        known[name] = amounts[name]


def _with_rate(
    costing: Costing, chain: Chain, shipment: Shipment, rate: FxRate, factor: Decimal
) -> Decimal | None:
    """The total with one exchange rate multiplied."""
    quote = costing.quote
    turned = rate.model_copy(update={"rate": EXACT.multiply(rate.rate, factor)})
    conversions = {}
    for currency, known in costing.conversions.items():
        used = [turned if other is rate else other for other in known.used]
        conversions[currency] = conversion(used, currency, quote.currency, quote.date) if used else known
    return replace(chain, conversions=conversions).total(shipment)


def _table(rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> pa.Table:
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "money": pa.decimal128(20, 2),
        "int": pa.int64(),
        "float": pa.float64(),
        "flag": pa.bool_(),
    }
    arrays = {
        name: pa.array([_cell(row.get(name), kind) for row in rows], kinds[kind])
        for name, kind in columns.items()
    }
    return pa.table(arrays)


def _cell(value: Any, kind: str) -> Any:
    return value.quantize(CENT) if kind == "money" and isinstance(value, Decimal) else value
