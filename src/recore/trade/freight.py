"""`trade.freight`: what each mode of carriage costs for one machine, by the user's own dated freight table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from recore.finding import Note
from recore.method import Artifact, Refusal, Unit, method
from recore.model.trade import Currency, Day, Document, TradeMachine
from recore.quantity import Quantity
from recore.trade.freight_table import Cargo, Carriage, FreightTable, carriages
from recore.trade.fx import NoRate, conversion
from recore.trade.money import cents
from recore.trade.quote import FxRate, Port


class FreightRequest(Document):
    """A machine with `size_mm` (length, width, height) and `mass_kg`, its way and its day."""

    machine: TradeMachine
    origin_port: Port
    destination_port: Port
    date: Day
    currency: Currency
    fx: Annotated[tuple[FxRate, ...], Field(max_length=1000)] = ()


@dataclass(frozen=True)
class Freight:
    """Prices by mode in the currency asked for; the cheapest is named, not chosen."""

    volume: Annotated[Quantity, Unit("m³")]
    revenue_tons: float
    modes: int
    cheapest: str | None
    cheapest_price: Quantity | None
    freight_table: Annotated[Any, Artifact("freight.csv")]
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


@method("trade.freight", version=1)
def freight(request: FreightRequest, table: FreightTable) -> Freight:
    """Price of carriage of one machine by each mode that a freight table has for its route and day.

    A revenue ton is the greater of one m³ and one t. Price = revenue tons × per_revenue_ton + per_unit + slots ×
    per_slot, at least the minimum; surcharges are a percentage of that, an amount for each revenue ton, or an amount.
    Each part is rounded half up to 0.01. A machine over the width takes the slots on both sides as well, over the height
    the slot above (`over_width_mm`, `over_height_mm` of the machine).

    Parameters
    ----------
    request : machine with size_mm and mass_kg, origin_port, destination_port, date, currency, fx
    table : columns mode (roro, flat-rack, container, break-bulk), origin, destination, currency, per_revenue_ton,
        per_unit, per_slot, minimum, surcharges ('BAF 12%; WHF 3/rt; ISPS 15'), valid_from, valid_to, and limits
        max_length_mm, max_width_mm, max_height_mm, max_mass_kg

    Returns
    -------
    revenue_tons : greater of the volume in m³ and the mass in t
    cheapest : mode with the lowest price
    modes : how many modes have a price

    Refuses a mode whose rows are out of date, contradict each other, or do not carry a machine of that size.
    """
    cargo = Cargo.of(request.machine)
    found = carriages(table, cargo, request.origin_port, request.destination_port, request.date)
    if not found:
        text = f"{table.name} has no price from {request.origin_port} to {request.destination_port}"
        raise Refusal("freight-missing", text)
    prices: list[tuple[Decimal, Carriage]] = []
    rows, refusals = [], []
    for item in found:
        price, note, path = _priced(item, request)
        if note is not None:
            refusals.append(note)
        if price is not None:
            prices.append((price, item))
        rows.append(
            {
                "mode": item.mode,
                "price": price,
                "currency": request.currency,
                "parts": "; ".join(f"{name} {amount}" for name, amount in item.parts),
                "stated_in": item.row.currency if item.row else "",
                "rate": path,
                "valid_to": item.row.valid_to.isoformat() if item.row else "",
                "refused": note.text if note else "",
            }
        )
    best = min(prices, key=lambda pair: pair[0], default=None)
    return Freight(
        volume=Quantity(float(cargo.volume_m3), "m³"),
        revenue_tons=float(cargo.revenue_tons),
        modes=len(prices),
        cheapest=best[1].mode if best else None,
        cheapest_price=Quantity(float(best[0]), request.currency) if best else None,
        freight_table=_table(rows),
        refusals=tuple(refusals),
    )


def _priced(item: Carriage, request: FreightRequest) -> tuple[Decimal | None, Note | None, str]:
    """Price in the currency asked for, or why there is none; and the path of the rate."""
    if item.price is None or item.row is None:
        return None, item.refused, ""
    try:
        into = conversion(request.fx, item.row.currency, request.currency, request.date)
    except NoRate as error:
        return None, Note(error.code, f"{item.mode}: {error.text}"), ""
    return cents(into.apply(item.price)), None, into.path


def _table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    money = pa.decimal128(20, 2)
    return pa.table(
        {
            name: pa.array([row[name] for row in rows], money if name == "price" else pa.string())
            for name in rows[0]
        }
    )


@freight.plot
def plot(result: Freight) -> Any:
    import altair as alt

    rows = [row for row in result.freight_table.to_pylist() if row["price"] is not None]
    values = [{"mode": row["mode"], "price": float(row["price"]), "parts": row["parts"]} for row in rows]
    title = rows[0]["currency"] if rows else "no price"
    return (
        alt.Chart({"values": values})
        .mark_bar(color="#1f4e79")
        .encode(
            y=alt.Y("mode:N", title=None, sort="x"),
            x=alt.X("price:Q", title=title, axis=alt.Axis(format=",.0f")),
            tooltip=["mode:N", "price:Q", "parts:N"],
        )
        .properties(width=560, height={"step": 26}, title=f"Freight, {result.revenue_tons:g} revenue tons")
    )
