"""What one quote costs landed: the chain of its charges on its day, or the reasons why there is no total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from recore.errors import BadInput
from recore.finding import Note
from recore.rules import Rule, RuleSet
from recore.trade import incoterms, vat_refund
from recore.trade.chain import MOST_ALTERNATIVES, Chain, Shipment, chains, highest_fob, unknown_bases
from recore.trade.charges import ChargeBook, book
from recore.trade.fx import Conversion, NoRate, conversion
from recore.trade.money import cents
from recore.trade.quote import Quote


@dataclass
class Costing:
    """A quote with all that follows from it; what is not known is None, and a refusal says why.

    Parameters
    ----------
    ways : each way through the charges, with its total; one unless rows contradict each other
    shipment : FOB, freight and insurance that the amounts stand on; FOB may be the one found for a wanted total
    """

    quote: Quote
    facts: Mapping[str, Any]
    book: ChargeBook
    conversions: Mapping[str, Conversion]
    ways: list[tuple[Chain, Decimal | None]] = field(default_factory=list)
    shipment: Shipment | None = None
    landed_total: Decimal | None = None
    indicative_total: Decimal | None = None
    landed_low: Decimal | None = None
    landed_high: Decimal | None = None
    max_fob: Decimal | None = None
    indicative_max_fob: Decimal | None = None
    max_fob_low: Decimal | None = None
    max_fob_high: Decimal | None = None
    vat: vat_refund.VatAnswer = field(default_factory=vat_refund.VatAnswer)
    split: incoterms.Split | None = None
    flags: list[Note] = field(default_factory=list)
    refusals: list[Note] = field(default_factory=list)
    consulted: list[Rule] = field(default_factory=list)

    @property
    def total(self) -> Decimal | None:
        """The landed total, or the one that unverified rows indicate."""
        return self.indicative_total if self.landed_total is None else self.landed_total

    @property
    def shown(self) -> list[tuple[str, Chain]]:
        """The way through the charges; of several the one with the lowest total and the one with the highest."""
        if not self.ways:
            return []
        if len(self.ways) == 1:
            return [("", self.ways[0][0])]
        known = [(total, number) for number, (_, total) in enumerate(self.ways) if total is not None]
        if not known:
            return [("", self.ways[0][0])]
        return [("low", self.ways[min(known)[1]][0]), ("high", self.ways[max(known)[1]][0])]


def cost(quote: Quote, rules: RuleSet, freight: Decimal | None, landed_wanted: Decimal | None) -> Costing:
    """Follow the charges of one quote.

    Parameters
    ----------
    rules : newest version of each row that was known
    freight : in the currency of the quote; None where it is refused
    landed_wanted : asks for the highest FOB value whose landed total is at most this

    Raises
    ------
    BadInput : neither FOB nor a wanted total; a charge row without the shape of one
    """
    if quote.fob is None and landed_wanted is None:
        raise BadInput("field 'fob' is missing", where="quote", right="state it, or give landed_wanted")
    facts = facts_of(quote)
    found = Costing(quote, facts, book(rules, facts, quote.date, quote.country), {})
    found.refusals += [*found.book.refusals, *unknown_bases(found.book)]
    found.flags += found.book.flags
    found.conversions = _conversions(found)
    _told(found)
    found.ways = [(chain, None) for chain in chains(found.book, found.conversions)]
    if len(found.ways) > MOST_ALTERNATIVES:
        text = f"more than {MOST_ALTERNATIVES} combinations of contradictory rows"
        found.refusals.append(Note("too-many-alternatives", text))
        found.ways = found.ways[:1]
    fob = None if quote.fob is None else cents(quote.fob)
    if landed_wanted is not None and freight is not None:
        best = _reverse(found, landed_wanted, cents(freight))
        fob = best if fob is None else fob
    if fob is not None and freight is not None:
        found.shipment = Shipment(fob, cents(freight), quote.insurance_rate)
        _totals(found)
    if quote.purchase is not None:
        found.vat = vat_refund.refund(
            quote.purchase, rules, facts, quote.date, fob=fob, currency=quote.currency, fx=quote.fx
        )
        found.refusals += found.vat.refusals
        found.flags += found.vat.flags
    found.consulted = [*found.book.consulted, *found.vat.consulted]
    return found


def facts_of(quote: Quote) -> dict[str, Any]:
    """What rule predicates may read of a quote."""
    stated: dict[str, Any] = {
        "country": quote.country,
        "date": quote.date.isoformat(),
        "currency": quote.currency,
        "incoterm": quote.incoterm,
        "origin_port": quote.origin_port,
        "destination_port": quote.destination_port,
        "shipped_from": quote.origin_port[:2] if quote.origin_port else None,
        "mode": quote.mode,
        # an amount that is yet to be found cannot decide which charges there are
        "fob": None if quote.fob is None else float(quote.fob),
    }
    stated = {name: value for name, value in stated.items() if value is not None}
    return quote.machine.facts(**stated, quote=stated)


def _conversions(found: Costing) -> dict[str, Conversion]:
    """From each currency that a charge is stated in; what has no single rate is refused."""
    quote, known = found.quote, {}
    wanted: dict[str, list[str]] = {}
    for group in found.book.charges:
        for item in group:
            if item.charge.currency:
                wanted.setdefault(item.charge.currency, []).append(item.rule.rule_id)
            elif item.charge.minimum is not None or item.charge.maximum is not None:
                text = f"{item.rule.rule_id} states no currency of its bounds; taken in {quote.currency}"
                found.flags.append(Note("bounds-currency", text))
    for currency, rule_ids in wanted.items():
        try:
            known[currency] = conversion(quote.fx, currency, quote.currency, quote.date)
        except NoRate as error:
            found.refusals.append(Note(error.code, f"{error.text}; wanted by {', '.join(rule_ids)}"))
            continue
        if known[currency].flag:
            found.flags.append(Note("fx-apart", known[currency].flag))
    return known


def _told(found: Costing) -> None:
    """Say what contradicts and what only unverified rows state."""
    for group in found.book.charges:
        name = group[0].charge.name
        if len(group) > 1:
            rows = ", ".join(f"{item.rule.rule_id} (level {item.rule.evidence_level})" for item in group)
            text = f"rows in force contradict each other about {name}: {rows}; see the alternatives"
            found.refusals.append(Note("charge-contradiction", text))
        elif group[0].unverified:
            text = f"only an unverified row states {name}: {group[0].rule.rule_id}"
            found.refusals.append(Note("charge-unverified", text))


_OPEN_TO_ALTERNATIVES = ("charge-contradiction", "charge-unverified")


def _settled(found: Costing) -> bool:
    """Whether nothing stands in the way of amounts but contradiction and want of verification."""
    return bool(found.ways) and all(note.code in _OPEN_TO_ALTERNATIVES for note in found.refusals)


def _totals(found: Costing) -> None:
    shipment = found.shipment
    assert shipment is not None
    found.ways = [(chain, chain.total(shipment)) for chain, _ in found.ways]
    totals = [total for _, total in found.ways if total is not None]
    if not _settled(found) or not totals:
        return
    if len(totals) > 1:
        found.landed_low, found.landed_high = min(totals), max(totals)
        if any(chain.unverified for chain, _ in found.ways):
            found.flags.append(Note("alternatives-unverified", "some alternatives rest on unverified rows"))
    elif found.ways[0][0].unverified:
        found.indicative_total = totals[0]
        found.flags.append(
            Note("indicative", "indicative_total rests on unverified rows and is no landed total")
        )
    else:
        found.landed_total = totals[0]


def _reverse(found: Costing, wanted: Decimal, freight: Decimal) -> Decimal | None:
    """The highest FOB value to go on with; of contradictory rows the lowest of the highest."""
    if not _settled(found):
        return None
    if not all(chain.rising() for chain, _ in found.ways):
        text = "a charge falls where FOB rises, so the highest FOB value has no single answer"
        found.refusals.append(Note("not-rising", text))
        return None
    best = [highest_fob(chain, wanted, freight, found.quote.insurance_rate) for chain, _ in found.ways]
    fits = [fob for fob in best if fob is not None]
    if len(fits) < len(best):
        text = f"freight and charges alone come to more than the {wanted} {found.quote.currency} wanted"
        found.refusals.append(Note("wanted-too-low", text))
        return None
    if len(fits) > 1:
        found.max_fob_low, found.max_fob_high = min(fits), max(fits)
    elif found.ways[0][0].unverified:
        found.indicative_max_fob = fits[0]
    else:
        found.max_fob = fits[0]
    return min(fits)
