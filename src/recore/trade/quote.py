"""A quote: one machine, one destination, one day, and what is known of its price."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from recore.model.case import Word
from recore.model.trade import Amount, Country, Currency, Day, Document, Number, TradeMachine

Incoterm = Literal["EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP"]
INCOTERMS: tuple[Incoterm, ...] = (
    "EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP",
)  # fmt: skip
Block = Literal[
    "packing",
    "origin_inland",
    "export_clearance",
    "origin_terminal",
    "loading",
    "main_carriage",
    "insurance",
    "unloading",
    "destination_terminal",
    "import_clearance",
    "destination_inland",
    "unloading_at_place",
]
BLOCKS: tuple[Block, ...] = get_args(Block)
Mode = Literal["roro", "flat-rack", "container", "break-bulk"]
MOST_INSURANCE = Decimal(10) / Decimal(11)


def _port(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{2} ?[A-Z2-9]{3}", value):
        raise ValueError(
            f"{value!r:.40} is not a UN/LOCODE: two letters of the country and three of the place, such as KEMBA"
        )
    return value.replace(" ", "")


def _incoterm(value: Any) -> Any:
    if value not in INCOTERMS:
        raise ValueError(f"{value!r:.40} is not a rule of Incoterms 2020: {', '.join(INCOTERMS)}")
    return value


Port = Annotated[str, BeforeValidator(_port)]
Rate = Annotated[Number, Field(gt=0)]


class FxRate(Document):
    """1 `base` = `rate` `quote` on a day."""

    base: Currency
    quote: Currency
    date: Day
    rate: Rate

    @model_validator(mode="after")
    def _two(self) -> FxRate:
        if self.base == self.quote:
            raise ValueError(f"a rate between {self.base} and itself; two currencies are wanted")
        return self


class OwnAsset(Document):
    """A used fixed asset of the exporter, bought with a special VAT invoice whose input VAT was not deducted."""

    case: Literal["own-asset"]
    invoice_ex_vat: Amount
    original_value: Annotated[Number, Field(gt=0)]
    booked_depreciation: Amount
    input_vat_deducted: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _within(self) -> OwnAsset:
        if self.booked_depreciation > self.original_value:
            raise ValueError(
                f"booked_depreciation {self.booked_depreciation} is above original_value {self.original_value}"
            )
        return self


class SpecialInvoice(Document):
    """Dealer stock, bought with a special VAT invoice."""

    case: Literal["special-invoice"]
    invoice_ex_vat: Amount


class NoInvoice(Document):
    """Bought without a special VAT invoice; `price` includes the VAT that nobody refunds."""

    case: Literal["no-invoice"]
    price: Amount


class Manufacturer(Document):
    """Made or remanufactured by the exporter: exemption, credit and refund."""

    case: Literal["manufacturer"]
    bonded_inputs: Amount
    output_vat: Amount
    input_vat: Amount
    carry: Amount


Purchase = Annotated[OwnAsset | SpecialInvoice | NoInvoice | Manufacturer, Field(discriminator="case")]


class Quote(Document):
    """What is offered, to where, on which day, and what is known of its cost.

    Amounts are in `currency`. `costs` names amounts of single blocks of the Incoterms matrix, for the split
    between seller and buyer; they enter no customs value. `road_km` are the legs before and after the sea.
    """

    machine: TradeMachine = TradeMachine()
    country: Country
    date: Day
    currency: Currency
    incoterm: Annotated[Incoterm, BeforeValidator(_incoterm)] | None = None
    origin_port: Port | None = None
    destination_port: Port | None = None
    closed: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    fob: Amount | None = None
    freight: Amount | None = None
    insurance_rate: Annotated[Number, Field(ge=0)]
    fx: Annotated[tuple[FxRate, ...], Field(max_length=1000)] = ()
    purchase: Purchase | None = None
    mode: Mode | None = None
    costs: Annotated[dict[Block, Amount], Field(default_factory=dict)]
    road_km: Annotated[tuple[Annotated[float, Field(ge=0, le=20_000)], ...], Field(max_length=2)] = ()

    @model_validator(mode="after")
    def _insurable(self) -> Quote:
        if self.insurance_rate * 11 >= 10:
            raise ValueError(
                f"insurance_rate {self.insurance_rate} is a share of 110 % of the value; below 1/1.1 is wanted"
            )
        return self

    @property
    def label(self) -> str:
        """How a list of quotes names this one."""
        return f"{self.country} {self.destination_port}" if self.destination_port else self.country
