"""A quote as a form: one machine and price, one destination a line, and the quote.json that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from recore.trade.quote import INCOTERMS, Quote
from recore.trade.sea.network import WATERS
from recore.web import forms, machine_form
from recore.web.machine_form import MachineForm
from recore.web.multipart import Form

SHARED = ("date", "currency", "incoterm", "origin_port", "fob", "insurance_rate", "mode")
ASKED = ("landed_wanted", "speed_knots", "known_on")
PLACE = ("country", "destination_port", "freight")
RATE = ("base", "quote", "rate")
MODES = ("roro", "flat-rack", "container", "break-bulk")
PURCHASES: dict[str, tuple[str, ...]] = {
    "own-asset": ("invoice_ex_vat", "original_value", "booked_depreciation"),
    "special-invoice": ("invoice_ex_vat",),
    "no-invoice": ("price",),
    "manufacturer": ("bonded_inputs", "output_vat", "input_vat", "carry"),
}
PURCHASE = tuple(dict.fromkeys(name for names in PURCHASES.values() for name in names))
MOST_PLACES, MOST_RATES = 30, 20
CLOSURES = tuple(WATERS)
__all__ = ["CLOSURES", "INCOTERMS", "MODES", "PURCHASES", "QuoteForm", "blank", "filled", "read"]


@dataclass
class QuoteForm:
    """What stands in the fields, the quotes that they make, and what is wrong."""

    given: dict[str, str]
    machine: MachineForm
    places: list[dict[str, str]]
    rates: list[dict[str, str]]
    closed: list[str]
    errors: dict[str, str] = field(default_factory=dict)
    quotes: list[dict[str, Any]] = field(default_factory=list)

    def place_lines(self, more: int = 0) -> list[dict[str, str]]:
        return [*self.places, *([dict.fromkeys(PLACE, "")] * (max(1 - len(self.places), 0) + 1 + more))]

    def rate_lines(self, more: int = 0) -> list[dict[str, str]]:
        return [*self.rates, *([dict.fromkeys(RATE, "")] * (1 + more))]


def blank(machine: MachineForm, day: date, country: str = "") -> QuoteForm:
    """The form of a new quote."""
    given = dict.fromkeys((*SHARED, *ASKED, "case", *(f"purchase.{name}" for name in PURCHASE)), "")
    given |= {"date": day.isoformat(), "currency": "USD", "incoterm": "FOB"}
    places = [{"country": country, "destination_port": "", "freight": ""}] if country else []
    return QuoteForm(given, machine, places, [], [])


def filled(documents: list[dict[str, Any]], asked: Mapping[str, Any]) -> QuoteForm:
    """The form of a quote.json, or of several that differ in their destination."""
    first = documents[0]
    found = blank(machine_form.filled(first.get("machine", {})), date.today())
    found.given |= {name: _text(first.get(name)) for name in SHARED}
    found.given |= {name: _text(asked.get(name)) for name in ASKED}
    purchase = first.get("purchase") or {}
    found.given["case"] = _text(purchase.get("case"))
    found.given |= {f"purchase.{name}": _text(purchase.get(name)) for name in PURCHASE}
    found.places = [{name: _text(one.get(name)) for name in PLACE} for one in documents]
    found.rates = [{name: _text(rate.get(name)) for name in RATE} for rate in first.get("fx", [])]
    found.closed = [_text(word) for word in first.get("closed", [])]
    return found


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def read(form: Form[Any]) -> QuoteForm:
    """The quotes that a submitted form makes, or what is wrong with each field."""
    names = (*SHARED, *ASKED, "case", *(f"purchase.{name}" for name in PURCHASE))
    given = {name: form.text(name)[:200] for name in names}
    machine = machine_form.read((name, values[-1]) for name, values in form.fields.items())
    found = QuoteForm(
        given,
        machine,
        _lines(form, "to", PLACE, MOST_PLACES),
        _lines(form, "fx", RATE, MOST_RATES),
        [word for word in form.all("closed") if word in CLOSURES],
        dict(machine.errors),
    )
    if found.errors:
        return found
    if not found.places:
        found.errors["country"] = "a destination is wanted"
        return found
    shared: dict[str, Any] = {name: given[name] for name in SHARED if given[name]}
    shared |= {"machine": machine.document, "closed": found.closed}
    shared["fx"] = [{**rate, "date": given["date"]} for rate in found.rates]
    if given["case"]:
        amounts = {name: given[f"purchase.{name}"] for name in PURCHASES.get(given["case"], ())}
        shared["purchase"] = {"case": given["case"], **{name: text for name, text in amounts.items() if text}}
    for place in found.places:
        quote = {**shared, **{name: text for name, text in place.items() if text}}
        try:
            Quote.model_validate(quote)
        except ValidationError as error:
            found.errors |= _problems(error)
        found.quotes.append(quote)
    return found


def _problems(error: ValidationError) -> dict[str, str]:
    told = forms.model_problems(error)
    for item in error.errors(include_url=False):
        path = [str(part) for part in item["loc"]]
        if path and path[0] in ("purchase", "fx"):
            where = path[-1] if len(path) > 1 else path[0]
            text = (
                "a value is wanted"
                if item["type"] == "missing"
                else item["msg"].removeprefix("Value error, ")
            )
            told.pop(path[0], None)
            told.setdefault(f"{path[0]}.{where}", text)
    return told


def _lines(form: Form[Any], prefix: str, names: tuple[str, ...], most: int) -> list[dict[str, str]]:
    columns = [form.fields.get(f"{prefix}.{name}", []) for name in names]
    lines = [
        {name: cell.strip()[:60] for name, cell in zip(names, cells, strict=True)}
        for cells in zip(*columns, strict=False)
    ]
    return [line for line in lines if any(line.values())][:most]
