"""`trade.landed-cost`: what a machine costs landed, what comes back at home, and how much may be paid for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from recore.errors import BadInput
from recore.finding import Note
from recore.method import Artifact, Tolerance, Unit, method
from recore.model.identity import pin
from recore.model.trade import Amount, Day, OneOrMany
from recore.quantity import Quantity
from recore.rules import Rule, RuleSet, shipped
from recore.trade import incoterms, landed_tables, voyage
from recore.trade.asked import built_by
from recore.trade.costing import Costing, cost
from recore.trade.freight_table import FreightTable, freight_of
from recore.trade.fx import NoRate, conversion
from recore.trade.money import ZERO
from recore.trade.quote import Quote
from recore.trade.vat_refund import CNY

_HOURS = 24.0


@dataclass(frozen=True)
class LandedCost:
    """Amounts of one quote, or the best of several; what is refused is absent."""

    fob: Quantity | None = None
    freight: Quantity | None = None
    insurance: Quantity | None = None
    cif: Quantity | None = None
    charges_total: Quantity | None = None
    landed_total: Quantity | None = None
    indicative_total: Quantity | None = None
    landed_low: Quantity | None = None
    landed_high: Quantity | None = None
    max_fob: Quantity | None = None
    indicative_max_fob: Quantity | None = None
    max_fob_low: Quantity | None = None
    max_fob_high: Quantity | None = None
    rebate: Quantity | None = None
    trapped_vat: Quantity | None = None
    vat_offset: Quantity | None = None
    sea_distance_nm: Annotated[Quantity | None, Unit("nmi")] = None
    transit_days: Annotated[Quantity | None, Unit("d")] = None
    co2_kg: Annotated[Quantity | None, Unit("kgCO2e")] = None
    lines: int | None = None
    quotes: int | None = None
    best_quote: int | None = None
    best_country: str | None = None
    best_landed_total: Quantity | None = None
    rules_sha256: str = ""
    line_table: Annotated[Any, Artifact("lines.csv")] = None
    graph: Annotated[Any, Artifact("graph.json")] = None
    alternative_table: Annotated[Any, Artifact("alternatives.csv")] = None
    incoterm_table: Annotated[Any, Artifact("incoterms.csv")] = None
    sensitivity_table: Annotated[Any, Artifact("sensitivity.csv")] = None
    comparison_table: Annotated[Any, Artifact("comparison.csv")] = None
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()
    _rules: RuleSet | None = None  # the rows consulted


@dataclass(frozen=True)
class _Whole:
    """A quote with its costs and its voyage."""

    costing: Costing
    trip: voyage.Voyage
    gas: voyage.Emission
    days: float | None
    consulted: tuple[Rule, ...]

    @property
    def refusals(self) -> tuple[Note, ...]:
        return (*self.costing.refusals, *self.trip.refusals)

    @property
    def flags(self) -> tuple[Note, ...]:
        return (*self.costing.flags, *self.trip.flags, *self.gas.flags)


@method(
    "trade.landed-cost",
    version=1,
    standard="Incoterms 2020; dated rule rows",
    reproducible={
        "sea_distance_nm": Tolerance(relative=1e-9),
        "transit_days": Tolerance(relative=1e-9),
        "co2_kg": Tolerance(relative=1e-9),
    },
)
def landed_cost(
    quote: OneOrMany[Quote],
    freight_table: FreightTable | None = None,
    *,
    landed_wanted: Amount | None = None,
    speed_knots: Annotated[float | None, Field(gt=0, le=60)] = None,
    known_on: Day | None = None,
    rules: RuleSet | None = None,
) -> LandedCost:
    """Cost of a machine landed, from FOB to the last charge of the destination, to the cent.

    CIF = (FOB + freight) / (1 - 1.1 r), as 110 % of the value is insured, the premium included. Then the charges
    of the country in their order, each on the sum of amounts that its row names. Every amount is rounded half up
    to 0.01 before it is used again, in decimals. A total is stated only where every charge has one verified row
    in force and every rate of exchange is one of that very day; otherwise a refusal says what is missing.

    Parameters
    ----------
    quote : one quote, or a list of quotes to compare destinations
    freight_table : prices of carriage, for quotes that state no freight
    landed_wanted : asks for the highest FOB value, to the cent, whose landed total is at most this
    speed_knots : speed of the vessel, for the days at sea
    known_on : leaves out rows that were recorded after this day
    rules : rule rows (default: those that come with Recore)

    Returns
    -------
    landed_total : CIF and all charges
    indicative_total : the same where only unverified rows (evidence level 5) state a charge
    landed_low : lowest total where rows in force contradict each other; each combination stands in `alternatives`
    landed_high : highest total where rows in force contradict each other
    max_fob : highest FOB value for the total wanted
    rebate : VAT refund of the exporter in China, CNY
    trapped_vat : VAT that nobody refunds and that stays in the price, CNY
    vat_offset : what a manufacturer sets against output VAT at home instead of being paid it, CNY
    sea_distance_nm : shortest way by sea with the closures stated
    co2_kg : greenhouse gas of the transport, by the dated factors of its mode
    lines : number of dated lines

    References
    ----------
    Charges: the rule rows cited in the lines. VAT refund: Caishui [2012] 39, art. 4 and 5.
    """
    known = (rules if rules is not None else shipped("trade")).known(known_on)
    found = [_whole(item, freight_table, known, landed_wanted, speed_knots) for item in quote.root]
    costings = [item.costing for item in found]
    consulted = {(rule.rule_id, rule.version): rule for item in found for rule in item.consulted}
    read = RuleSet(consulted.values())
    rows, best, compared = _compared(found)
    several = len(found) > 1
    table = landed_tables.lines(costings)
    shared: dict[str, Any] = {
        "lines": table.num_rows,
        "_rules": read,
        "rules_sha256": read.digest,
        "line_table": table,
        "graph": _graph(costings),
        "alternative_table": landed_tables.alternatives(costings),
        "incoterm_table": landed_tables.incoterm_table(costings),
        "sensitivity_table": landed_tables.sensitivity(costings),
        "comparison_table": landed_tables.comparison(rows) if several else None,
        "flags": _notes(found, several, "flags"),
        "refusals": (*_notes(found, several, "refusals"), *compared),
    }
    if not several:
        return LandedCost(**_amounts(found[0]), **shared)
    shared["quotes"] = len(found)
    if best is not None:
        total, currency = found[best].costing.landed_total, found[best].costing.quote.currency
        assert total is not None
        shared |= {
            "best_quote": best,
            "best_country": found[best].costing.quote.country,
            "best_landed_total": Quantity(float(total), currency),
        }
    return LandedCost(**shared)


def _whole(
    quote: Quote,
    table: FreightTable | None,
    rules: RuleSet,
    wanted: Decimal | None,
    speed_knots: float | None,
) -> _Whole:
    built_by(quote.machine, quote.date, "quote")
    freight = quote.freight
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()
    if freight is None:
        if table is None:
            right = "state it, or give a freight table as second file"
            raise BadInput("field 'freight' is missing", where="quote", right=right)
        freight, flags, refusals = freight_of(quote, table)
    costing = cost(quote, rules, freight, wanted)
    costing.flags += flags
    costing.refusals += refusals
    trip = voyage.voyage(quote.origin_port, quote.destination_port, quote.closed)
    gas = voyage.emission(
        rules,
        quote.date,
        mode=quote.mode,
        mass_kg=quote.machine.mass_kg,
        sea_km=trip.route.distance_km if trip.route else None,
        road_km=sum(quote.road_km),
    )
    days = None
    if trip.route is not None and speed_knots is not None:
        days = trip.route.distance_nmi / speed_knots / _HOURS
    consulted = [*costing.consulted, *gas.consulted]
    if quote.incoterm is not None:
        costing.split, advice, rows = incoterms.split(rules, costing.facts, quote.date, _by_block(costing))
        costing.flags += advice
        consulted += rows
    pin_notes = pin(quote.machine.pin).notes if quote.machine.pin else ()
    costing.flags += [Note("pin", text) for text in pin_notes]
    return _Whole(costing, trip, gas, days, tuple(consulted))


def _by_block(costing: Costing) -> dict[str, Decimal]:
    """Known amounts by block of the Incoterms matrix."""
    known: dict[str, Decimal] = {str(block): amount for block, amount in costing.quote.costs.items()}
    if costing.shipment is not None:
        known["main_carriage"] = costing.shipment.freight
        known["insurance"] = costing.shipment.start()["insurance"]
        if costing.landed_total is not None:
            known["import_clearance"] = costing.landed_total - costing.shipment.cif
    return known


def _amounts(found: _Whole) -> dict[str, Any]:
    """The results of one quote."""
    costing, trip = found.costing, found.trip
    currency, shipment, refund = costing.quote.currency, costing.shipment, costing.vat.refund

    def money(amount: Decimal | None, unit: str = currency) -> Quantity | None:
        return None if amount is None else Quantity(float(amount), unit)

    amounts = {
        name: money(getattr(costing, name))
        for name in (
            "landed_total", "indicative_total", "landed_low", "landed_high",
            "max_fob", "indicative_max_fob", "max_fob_low", "max_fob_high",
        )
    }  # fmt: skip
    if shipment is not None:
        amounts |= {name: money(amount) for name, amount in shipment.start().items()}
        if costing.landed_total is not None:
            amounts["charges_total"] = money(costing.landed_total - shipment.cif)
    if refund is not None:
        amounts |= {
            "rebate": money(refund.rebate, CNY),
            "trapped_vat": money(refund.trapped, CNY),
            "vat_offset": money(refund.offset, CNY),
        }
    return {
        **amounts,
        "sea_distance_nm": Quantity(trip.route.distance_nmi, "nmi") if trip.route else None,
        "transit_days": None if found.days is None else Quantity(found.days, "d"),
        "co2_kg": None if found.gas.kg is None else Quantity(found.gas.kg, "kgCO2e"),
    }


def _graph(costings: Sequence[Costing]) -> dict[str, Any]:
    """The charge graph of each quote, and of each alternative shown."""
    graphs = []
    for number, costing in enumerate(costings):
        if costing.shipment is None:
            continue
        for label, chain in costing.shown:
            total = f"landed_{label}" if label else "landed_total" if costing.landed_total else "total"
            graphs.append(
                {
                    "quote": number,
                    "country": costing.quote.country,
                    "date": costing.quote.date.isoformat(),
                    "currency": costing.quote.currency,
                    "alternative": label,
                    **chain.graph(costing.shipment, total),
                }
            )
    return {"graphs": graphs}


def _notes(found: Sequence[_Whole], several: bool, word: str) -> tuple[Note, ...]:
    """Flags or refusals of every quote; of several each says which."""
    notes: dict[Note, None] = {}
    for number, item in enumerate(found):
        for note in getattr(item, word):
            label = f"quote {number} ({item.costing.quote.label}): " if several else ""
            notes.setdefault(Note(note.code, label + note.text))
    return tuple(notes)


def _compared(found: Sequence[_Whole]) -> tuple[list[dict[str, Any]], int | None, tuple[Note, ...]]:
    """Rows of the comparison, the place of the lowest landed total, and why there may be none."""
    rows = []
    for number, item in enumerate(found):
        costing, refund = item.costing, item.costing.vat.refund
        shipment, total = costing.shipment, costing.landed_total
        rows.append(
            {
                "quote": number,
                "country": costing.quote.country,
                "destination_port": costing.quote.destination_port or "",
                "date": costing.quote.date.isoformat(),
                "currency": costing.quote.currency,
                "fob": shipment.fob if shipment else None,
                "cif": shipment.cif if shipment else None,
                "charges_total": total - shipment.cif if shipment and total is not None else None,
                "landed_total": total,
                "landed_low": costing.landed_low,
                "landed_high": costing.landed_high,
                "indicative_total": costing.indicative_total,
                "max_fob": costing.max_fob,
                "sea_distance_nm": item.trip.route.distance_nmi if item.trip.route else None,
                "transit_days": item.days,
                "co2_kg": item.gas.kg,
                "rebate_cny": refund.rebate if refund else None,
                "trapped_vat_cny": refund.trapped if refund else None,
                "refused": "; ".join(note.text for note in item.refusals),
            }
        )
    if len(found) < 2:
        return rows, None, ()
    common = found[0].costing.quote
    totals: list[tuple[Decimal, int]] = []
    notes: tuple[Note, ...] = ()
    for number, item in enumerate(found):
        quote, total = item.costing.quote, item.costing.landed_total
        if total is None:
            continue
        try:
            into = conversion(quote.fx, quote.currency, common.currency, quote.date)
        except NoRate as error:
            notes += (Note("not-compared", f"quote {number} ({quote.label}) is not compared: {error.text}"),)
            continue
        totals.append((into.apply(total), number))
    for rank, (_, number) in enumerate(sorted(totals), 1):
        rows[number]["rank"] = rank
    return rows, min(totals, default=(ZERO, None))[1], notes


@landed_cost.plot
def plot(result: LandedCost) -> Any:
    from recore.trade.landed_plot import draw

    return draw(result.line_table, result.comparison_table)
