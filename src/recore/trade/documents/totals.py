"""Totals computed from the lines; one that was stated must agree."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from recore.errors import BadInput
from recore.method import Note
from recore.trade.documents.shipment import Container, Goods, Package, Shipment, Size
from recore.trade.money import cents

_LITRE = Decimal("0.001")
# ISO 6346:2022, annex A: letters count from 10 without the multiples of 11
_VALUES = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True))


class Computed(NamedTuple):
    """Totals of a shipment; None where a line lacks what would be summed."""

    goods: Decimal | None
    invoice: Decimal | None
    packages: int | None
    net_kg: Decimal | None
    gross_kg: Decimal | None
    volume_m3: Decimal | None


def amount(line: Goods) -> Decimal | None:
    """Quantity times unit price, rounded half up to the cent; the stated amount where no unit price is."""
    if line.unit_price is None:
        return line.amount
    return cents(line.quantity * line.unit_price)


def volume_m3(size_mm: Size) -> Decimal:
    length, width, height = size_mm
    return length * width * height / 10**9


def computed(shipment: Shipment) -> Computed:
    """Every total, and the check of each line and total against what was stated.

    Raises
    ------
    BadInput : names the field, what was stated and what the lines come to
    """
    for number, line in enumerate(shipment.goods):
        _agree(f"goods.{number}.amount", line.amount, amount(line), "quantity x unit_price")
    goods = _sum([*(machine.price for machine in shipment.machines), *map(amount, shipment.goods)])
    invoice = None
    if goods is not None:
        extra = (shipment.freight or 0) + (shipment.insurance or 0)
        invoice = goods + extra - (shipment.discount or 0)
        if invoice < 0:
            raise BadInput(
                f"discount {shipment.discount} is above the {goods + extra} it is taken from",
                where="shipment",
            )
    boxes = shipment.packages
    net = _sum(package.net_kg for package in boxes)
    if not boxes and not shipment.goods:
        net = _sum(machine.mass_kg for machine in shipment.machines)
    space = _sum(None if package.size_mm is None else volume_m3(package.size_mm) for package in boxes)
    found = Computed(
        goods=goods,
        invoice=invoice,
        packages=len(boxes) or None,
        net_kg=net,
        gross_kg=_sum(package.gross_kg for package in boxes),
        volume_m3=None if space is None else space.quantize(_LITRE, ROUND_HALF_UP),
    )
    for name, of in (
        ("goods", "the lines"),
        ("invoice", "goods + freight + insurance - discount"),
        ("packages", "the packages"),
        ("net_kg", "the packages"),
        ("gross_kg", "the packages"),
        ("volume_m3", "the sizes of the packages"),
    ):
        stated = getattr(shipment.totals, name)
        if name == "volume_m3" and stated is not None:
            stated = stated.quantize(_LITRE, ROUND_HALF_UP)
        _agree(f"totals.{name}", stated, getattr(found, name), of)
    return found


def unverified(shipment: Shipment, found: Computed) -> list[Note]:
    """Stated totals that the lines are too thin to check."""
    names = [
        n for n in found._fields if getattr(shipment.totals, n) is not None and getattr(found, n) is None
    ]
    text = "stated, but the lines lack the numbers to check it"
    return [Note("total-not-checked", f"totals.{name}: {text}") for name in names]


class Weighed(NamedTuple):
    """Verified gross mass of a container and what it was added up from."""

    cargo_kg: Decimal | None
    vgm_kg: Decimal | None


def weighed(container: Container, packages: Iterable[Package]) -> Weighed:
    """Method 1: the mass that was weighed. Method 2: cargo + dunnage + tare; dunnage of none is stated as 0.

    Raises
    ------
    BadInput : the stated cargo or mass is not what the packages come to

    References
    ----------
    SOLAS 1974, regulation VI/2, paragraph 4 (methods .1 and .2); IMO MSC.1/Circ.1475.
    """
    inside = [package for package in packages if package.container == container.number]
    cargo = _sum(package.gross_kg for package in inside)
    where = f"container {container.number}"
    _agree(f"{where}: cargo_kg", container.cargo_kg, cargo, "its packages")
    cargo = container.cargo_kg if cargo is None else cargo
    vgm = container.vgm
    if vgm is None or vgm.method == 1:
        return Weighed(cargo, vgm.mass_kg if vgm else None)
    parts = (cargo, container.dunnage_kg, container.tare_kg)
    mass = _sum(parts)
    _agree(f"{where}: vgm.mass_kg", vgm.mass_kg, mass, "cargo + dunnage + tare")
    return Weighed(cargo, mass)


def check_digit(number: str) -> bool | None:
    """Whether the check digit of a container number is right; None where it has not the form of one.

    References
    ----------
    ISO 6346:2022, annex A.
    """
    plain = "".join(c for c in number.upper() if c.isalnum())
    if len(plain) != 11 or not plain[:4].isalpha() or not plain.isascii() or not plain[4:].isdigit():
        return None
    value = sum((_VALUES.get(c) or int(c)) << place for place, c in enumerate(plain[:10]))
    return value % 11 % 10 == int(plain[10])


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, None where nothing is there or one is wanting."""
    found = list(amounts)
    known = [value for value in found if value is not None]
    return sum(known, Decimal(0)) if found and len(known) == len(found) else None


def _agree(name: str, stated: Decimal | int | None, found: Decimal | int | None, of: str) -> None:
    if stated is not None and found is not None and stated != found:
        raise BadInput(f"{name} is stated as {stated}, {of} come to {found}", where="shipment")
