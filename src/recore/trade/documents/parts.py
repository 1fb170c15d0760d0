"""Parts that several papers share: numbers as they are written, machines, firms, voyage, signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from recore.trade.documents.sheet import (
    NOT_STATED,
    SMALL,
    Block,
    Labels,
    paragraph,
    parties,
    section,
    signature,
)
from recore.trade.documents.shipment import Machine, Party, Shipment, Size


def written(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def plain(value: Decimal) -> str:
    """A number as it was stated, without zeros that say nothing."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_price(value: Decimal) -> str:
    text = plain(value)
    return written(value) if len(text.partition(".")[2]) < 2 else text


def measures(size_mm: Size) -> str:
    return " × ".join(plain(edge).replace(",", "") for edge in size_mm)


def machine_text(machine: Machine, labels: Labels, where: str) -> str:
    name = " ".join(word for word in (machine.maker, machine.model) if word)
    head = ", ".join(word for word in (machine.family, name) if word) or labels.stated(None, f"{where}.model")
    pin = f"PIN {labels.stated(machine.pin, f'{where}.pin')}"
    year = f"built {labels.stated(machine.build_year, f'{where}.build_year')}"
    hours = labels.stated(machine.hours, f"{where}.hours", lambda v: f"{plain(v)} h")
    more = [f"hours {hours}" if hours == NOT_STATED else hours]
    more += [f"engine no. {machine.engine_number}"] if machine.engine_number else []
    more += [machine.condition] if machine.condition else []
    return f"{head}\n{pin}\n{' · '.join([year, *more])}"


def _party(party: Party, labels: Labels, where: str) -> list[str]:
    lines = [party.name, *labels.stated(party.address, f"{where}.address").split("\n")]
    lines.append(labels.stated(party.country, f"{where}.country"))
    lines += [f"Tax ID {party.tax_id}"] if party.tax_id else []
    return [*lines, *([party.contact] if party.contact else [])]


def firms(shipment: Shipment, labels: Labels) -> list[Block]:
    entries = [
        ("Seller", "卖方", _party(shipment.seller, labels, "seller")),
        ("Buyer", "买方", _party(shipment.buyer, labels, "buyer")),
    ]
    if shipment.consignee:
        entries.append(("Consignee", "收货人", _party(shipment.consignee, labels, "consignee")))
    if shipment.notify:
        entries.append(("Notify party", "通知方", _party(shipment.notify, labels, "notify")))
    return parties(labels, entries)


def voyage(shipment: Shipment, labels: Labels) -> list[tuple[str, str, str]]:
    vessel = " / ".join(word for word in (shipment.vessel, shipment.voyage) if word) or None
    return [
        ("Port of loading", "装运港", labels.stated(shipment.origin_port, "origin_port")),
        ("Port of discharge", "目的港", labels.stated(shipment.destination_port, "destination_port")),
        ("Vessel and voyage", "船名航次", labels.stated(vessel, "vessel")),
        ("Bill of lading", "提单号", labels.stated(shipment.bill_of_lading, "bill_of_lading")),
    ]


def closing(shipment: Shipment, labels: Labels, who: Sequence[tuple[str, str]]) -> list[Block]:
    found: list[Block] = []
    if shipment.remarks:
        found += [section(labels, "Remarks", "备注"), *paragraph(shipment.remarks, SMALL)]
        found[-1] = replace(found[-1], keep=True)
    return [*found, signature(labels, who)]


SELLER_SIGNS = (("Place and date", "地点日期"), ("Signature and stamp of the seller", "卖方签字盖章"))
