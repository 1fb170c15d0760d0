"""The data of a shipment. What is not stated is absent, is printed as 'not stated', and is never made up."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from recore.errors import UNSEEN
from recore.model.trade import Amount, Country, Currency, Day, Document, Number

MAX_LINES = 1000
MAX_PLACES = 6
_NEVER = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ufffd]")


def _printable(value: Any) -> Any:
    """Text that can be printed as it stands: what cannot be seen has no place in a customs paper."""
    if not isinstance(value, str):
        raise ValueError("text is wanted")
    unseen = UNSEEN.search(value) or _NEVER.search(value)
    if unseen:
        raise ValueError(f"holds the character U+{ord(unseen[0]):04X}, which cannot be printed")
    text = "\n".join(" ".join(line.split()) for line in unicodedata.normalize("NFC", value).splitlines())
    if not text.strip():
        raise ValueError("is blank; leave the field out where nothing is known")
    return text.strip()


def _places(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_PLACES:
        raise ValueError(f"more than {MAX_PLACES} decimal places")
    return value


def _cents(value: Decimal) -> Decimal:
    if value % Decimal("0.01"):
        raise ValueError("whole cents are wanted")
    return value


Text = Annotated[str, BeforeValidator(_printable), Field(max_length=400)]
Paragraph = Annotated[str, BeforeValidator(_printable), Field(max_length=4000)]
Money = Annotated[Amount, Field(lt=10**12), AfterValidator(_cents)]
Price = Annotated[Amount, Field(lt=10**12), AfterValidator(_places)]
Count = Annotated[Number, Field(gt=0, lt=10**9), AfterValidator(_places)]
Mass = Annotated[Number, Field(ge=0, lt=10**8), AfterValidator(_places)]
Millimetre = Annotated[Number, Field(gt=0, lt=10**6), AfterValidator(_places)]
Size = tuple[Millimetre, Millimetre, Millimetre]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Flag = Annotated[bool, Field(strict=True)]


class Party(Document):
    """A firm or a person."""

    name: Text
    address: Paragraph | None = None
    country: Country | None = None
    tax_id: Text | None = None
    contact: Text | None = None


class Machine(Document):
    """A machine that is sold; its price is for the one machine."""

    family: Text | None = None
    maker: Text | None = None
    model: Text | None = None
    pin: Text | None = None
    build_year: Annotated[int, Field(ge=1900, le=2200, strict=True)] | None = None
    hours: Annotated[Number, Field(ge=0, lt=10**7), AfterValidator(_places)] | None = None
    engine_number: Text | None = None
    condition: Text | None = None
    hs: Text | None = None
    origin: Country | None = None
    mass_kg: Mass | None = None
    size_mm: Size | None = None
    price: Money | None = None


class Goods(Document):
    """Goods beside the machines, such as attachments and parts."""

    description: Paragraph
    quantity: Count
    unit: Text = "pcs"
    unit_price: Price | None = None
    amount: Money | None = None
    hs: Text | None = None
    origin: Country | None = None


class Package(Document):
    """One package, or one machine that travels unpacked."""

    mark: Text
    contents: Paragraph
    kind: Text | None = None
    pieces: Annotated[int, Field(ge=1, le=10**6, strict=True)] | None = None
    net_kg: Mass | None = None
    gross_kg: Mass | None = None
    size_mm: Size | None = None
    container: Text | None = None

    @model_validator(mode="after")
    def _heavier(self) -> Package:
        if self.net_kg is not None and self.gross_kg is not None and self.net_kg > self.gross_kg:
            raise ValueError(f"net_kg {self.net_kg} is above gross_kg {self.gross_kg}")
        return self


class Vgm(Document):
    """How the gross mass of a packed container was verified."""

    method: Literal[1, 2]
    mass_kg: Mass | None = None
    verified_on: Day | None = None
    place: Text | None = None
    equipment: Text | None = None
    certificate: Text | None = None
    responsible: Text | None = None
    finding_sha256: Digest | None = None


class Container(Document):
    """A container, or a flat rack, with what it weighs."""

    number: Text
    kind: Text | None = None
    seal: Text | None = None
    tare_kg: Mass | None = None
    cargo_kg: Mass | None = None
    dunnage_kg: Mass | None = None
    max_gross_kg: Mass | None = None
    vgm: Vgm | None = None


class Check(Document):
    """One line of an inspection."""

    item: Text
    result: Text | None = None
    limit: Text | None = None
    verdict: Literal["pass", "fail", "unknown"] | None = None
    finding_sha256: Digest | None = None


class Inspection(Document):
    """What was inspected, by whom and when, and what came out."""

    pin: Text
    date: Day | None = None
    place: Text | None = None
    organisation: Text | None = None
    inspector: Text | None = None
    profile: Text | None = None
    grade: Text | None = None
    limitations: Paragraph | None = None
    passport_sha256: Digest | None = None
    checks: Annotated[tuple[Check, ...], Field(max_length=MAX_LINES)] = ()


class Paper(Document):
    """A paper of the refund file; `present` absent means that nobody has looked."""

    name: Text
    name_zh: Text | None = None
    present: Flag | None = None
    number: Text | None = None
    date: Day | None = None
    pages: Annotated[int, Field(ge=1, le=10**5, strict=True)] | None = None


class Refund(Document):
    """The file for the refund of value added tax; amounts in CNY."""

    case: Text | None = None
    taxpayer_id: Text | None = None
    customs_declaration: Text | None = None
    export_date: Day | None = None
    tax_period: Text | None = None
    invoice_ex_vat: Money | None = None
    rebate: Money | None = None
    trapped_vat: Money | None = None
    finding_sha256: Digest | None = None
    papers: Annotated[tuple[Paper, ...], Field(max_length=MAX_LINES)] = ()


class Totals(Document):
    """Totals as somebody stated them; each is computed again, and must agree."""

    goods: Money | None = None
    invoice: Money | None = None
    packages: Annotated[int, Field(ge=0, strict=True)] | None = None
    net_kg: Mass | None = None
    gross_kg: Mass | None = None
    volume_m3: Annotated[Number, Field(ge=0, lt=10**8), AfterValidator(_places)] | None = None


class Shipment(Document):
    """Everything the papers of one shipment are made from."""

    number: Text
    date: Day
    currency: Currency
    seller: Party
    buyer: Party
    consignee: Party | None = None
    notify: Party | None = None
    contract: Text | None = None
    payment_terms: Paragraph | None = None
    incoterm: Literal["EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP"] | None = (
        None
    )
    incoterm_place: Text | None = None
    origin_port: Text | None = None
    destination_port: Text | None = None
    vessel: Text | None = None
    voyage: Text | None = None
    bill_of_lading: Text | None = None
    marks: Paragraph | None = None
    machines: Annotated[tuple[Machine, ...], Field(max_length=MAX_LINES)] = ()
    goods: Annotated[tuple[Goods, ...], Field(max_length=MAX_LINES)] = ()
    freight: Money | None = None
    insurance: Money | None = None
    discount: Money | None = None
    packages: Annotated[tuple[Package, ...], Field(max_length=MAX_LINES)] = ()
    containers: Annotated[tuple[Container, ...], Field(max_length=MAX_LINES)] = ()
    inspections: Annotated[tuple[Inspection, ...], Field(max_length=MAX_LINES)] = ()
    refund: Refund | None = None
    totals: Totals = Totals()
    remarks: Paragraph | None = None

    @model_validator(mode="after")
    def _whole(self) -> Shipment:
        if not self.machines and not self.goods:
            raise ValueError("neither machines nor goods are stated")
        if len(self.machines) + len(self.goods) > MAX_LINES:
            raise ValueError(f"machines and goods together are more than {MAX_LINES} lines")
        lines = sum(len(inspection.checks) for inspection in self.inspections)
        if lines > MAX_LINES:
            raise ValueError(f"the inspections have {lines} checks, at most {MAX_LINES} are printed")
        _once("containers.number", [container.number for container in self.containers])
        _once("packages.mark", [package.mark for package in self.packages])
        _once("machines.pin", [machine.pin for machine in self.machines if machine.pin])
        numbers = {container.number for container in self.containers}
        for package in self.packages:
            if package.container is not None and package.container not in numbers:
                raise ValueError(
                    f"package {package.mark!r} is in container {package.container!r}, not stated"
                )
        pins = {machine.pin for machine in self.machines}
        for inspection in self.inspections:
            if inspection.pin not in pins:
                raise ValueError(f"inspection of PIN {inspection.pin!r}, which no machine here has")
        return self


def _once(name: str, words: list[str]) -> None:
    twice = sorted({word for word in words if words.count(word) > 1}) if len(set(words)) < len(words) else []
    if twice:
        raise ValueError(f"{name} {twice[0]!r} stands twice")
