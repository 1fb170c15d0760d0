"""The user's freight table: dated prices of carriage by mode and route, and what they make for one machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from recore.errors import BadInput
from recore.finding import Note
from recore.model.trade import Amount, Currency, Day, Document, TradeMachine
from recore.rules.charge import decimal
from recore.trade.fx import NoRate, conversion
from recore.trade.money import EXACT, ZERO, cents, plain
from recore.trade.quote import Mode, Port, Quote

if TYPE_CHECKING:
    from recore.evidence import Table

_SURCHARGE = re.compile(r"\s*(\S.*?)\s+(\d+(?:\.\d+)?)\s*(%|/rt)?\s*")
_MOST_ROWS = 100_000
SIZE = "size_mm"


@dataclass(frozen=True)
class Surcharge:
    """An addition to the price: percent of it, an amount for each revenue ton, or an amount."""

    name: str
    number: Decimal
    per: str


def _surcharges(value: Any) -> Any:
    if value in (None, ""):
        return ()
    found = []
    for part in str(value).split(";"):
        match = _SURCHARGE.fullmatch(part)
        if match is None:
            raise ValueError(f"surcharge {part.strip()!r:.60}; write 'BAF 12%; WHF 3/rt; ISPS 15'")
        found.append(Surcharge(match[1], Decimal(match[2]), match[3] or ""))
    return tuple(found)


class FreightRow(Document):
    """One price. What is not stated costs nothing; at least one price is stated."""

    mode: Mode
    origin: Port
    destination: Port
    currency: Currency
    per_revenue_ton: Amount | None = None
    per_unit: Amount | None = None
    per_slot: Amount | None = None
    minimum: Amount | None = None
    surcharges: Annotated[tuple[Surcharge, ...], BeforeValidator(_surcharges)] = ()
    valid_from: Day
    valid_to: Day
    max_length_mm: Annotated[float, Field(gt=0)] | None = None
    max_width_mm: Annotated[float, Field(gt=0)] | None = None
    max_height_mm: Annotated[float, Field(gt=0)] | None = None
    max_mass_kg: Annotated[float, Field(gt=0)] | None = None

    @field_validator("valid_from", "valid_to", mode="before")
    @classmethod
    def _as_day(cls, value: Any) -> Any:
        return value.date() if hasattr(value, "hour") else value

    @model_validator(mode="after")
    def _priced(self) -> FreightRow:
        if self.valid_to < self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} lies before valid_from {self.valid_from}")
        if self.per_revenue_ton is None and self.per_unit is None and self.per_slot is None:
            raise ValueError("states no price; per_revenue_ton, per_unit or per_slot is wanted")
        return self

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_to


@dataclass(frozen=True)
class FreightTable:
    """Prices of carriage as their user wrote them down."""

    rows: tuple[FreightRow, ...]
    name: str = "freight table"

    @classmethod
    def from_table(cls, table: Table) -> FreightTable:
        """Read the table; every row that is wrong is named.

        Raises
        ------
        BadInput : a column is unknown, or a row has not the shape of a price
        """
        arrow = table.arrow()
        if arrow.num_rows > _MOST_ROWS:
            raise BadInput(f"has {arrow.num_rows} rows", where=table.name, right=f"at most {_MOST_ROWS}")
        names = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in arrow.column_names]
        rows, faults = [], []
        for number, values in enumerate(zip(*(c.to_pylist() for c in arrow.columns), strict=True), 1):
            given = {
                name: value for name, value in zip(names, values, strict=True) if value not in (None, "")
            }
            try:
                rows.append(FreightRow.model_validate(given))
            except ValidationError as error:
                item = error.errors(include_url=False)[0]
                text = item["msg"].removeprefix("Value error, ")
                column = ".".join(map(str, item["loc"]))
                faults.append(f"row {number}{f', {column}' if column else ''}: {text}")
        if faults or not rows:
            more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
            raise BadInput("; ".join(faults[:5]) + more or "holds no price", where=table.name)
        return cls(tuple(rows), table.name)


@dataclass(frozen=True)
class Cargo:
    """Size and mass of one machine as it is carried."""

    length_mm: Decimal
    width_mm: Decimal
    height_mm: Decimal
    mass_kg: Decimal
    over_width: bool = False
    over_height: bool = False

    @property
    def volume_m3(self) -> Decimal:
        return EXACT.multiply(EXACT.multiply(self.length_mm, self.width_mm), self.height_mm) / 10**9

    @property
    def revenue_tons(self) -> Decimal:
        """The greater of m³ and t."""
        return max(self.volume_m3, self.mass_kg / 1000)

    @property
    def slots(self) -> int:
        """Slots taken on a cellular vessel: over width the neighbours on both sides, over height the slot above."""
        return (3 if self.over_width else 1) * (2 if self.over_height else 1)

    @classmethod
    def of(cls, machine: TradeMachine) -> Cargo:
        """Size (`size_mm`: length, width, height), mass and what stands over (`over_width_mm`, `over_height_mm`).

        Raises
        ------
        BadInput : size or mass is not stated, or is not positive
        """
        more = machine.model_extra or {}
        size = more.get(SIZE)
        numbers = [decimal(item) for item in size] if isinstance(size, list | tuple) else []
        sides = [number for number in numbers if number is not None and 0 < number < 10**6]
        if len(numbers) != 3 or len(sides) != 3:
            raise BadInput(
                f"{SIZE} {size!r:.60}", where="machine", right="length, width and height in mm are wanted"
            )
        if machine.mass_kg is None:
            raise BadInput("mass_kg is not stated", where="machine", right="the freight stands on it")
        over = [decimal(more.get(f"over_{side}_mm", 0)) or ZERO for side in ("width", "height")]
        mass = Decimal(repr(machine.mass_kg))
        return cls(sides[0], sides[1], sides[2], mass, over[0] > 0, over[1] > 0)


@dataclass(frozen=True)
class Carriage:
    """The price of one mode, or why it has none."""

    mode: str
    row: FreightRow | None = None
    price: Decimal | None = None
    parts: tuple[tuple[str, Decimal], ...] = ()
    refused: Note | None = None


def carriages(table: FreightTable, cargo: Cargo, origin: str, destination: str, day: date) -> list[Carriage]:
    """The price of every mode that the table has for a route.

    A row out of date, two rows of one mode and day with different prices, and a machine beyond the limits of a row
    are refused.
    """
    found = []
    here = [row for row in table.rows if (row.origin, row.destination) == (origin, destination)]
    for mode in dict.fromkeys(row.mode for row in here):
        rows = [row for row in here if row.mode == mode]
        valid = [row for row in rows if row.valid_on(day)]
        if not valid:
            spans = ", ".join(f"{row.valid_from} to {row.valid_to}" for row in rows)
            text = f"{mode} from {origin} to {destination}: no price in force on {day} (known: {spans})"
            found.append(Carriage(mode, refused=Note("freight-expired", text)))
            continue
        fitting = [(row, _too_much(row, cargo)) for row in valid]
        prices = {_price(row, cargo): row for row, fault in fitting if not fault}
        if not prices:
            faults = "; ".join(dict.fromkeys(fault for _, fault in fitting))
            found.append(Carriage(mode, refused=Note("freight-too-large", f"{mode}: {faults}")))
        elif len(prices) > 1:
            said = " and ".join(f"{sum(p for _, p in parts)} {row.currency}" for parts, row in prices.items())
            text = f"{mode} from {origin} to {destination}: rows of {day} contradict each other: {said}"
            found.append(Carriage(mode, refused=Note("freight-contradiction", text)))
        else:
            ((parts, row),) = prices.items()
            found.append(Carriage(mode, row, sum((price for _, price in parts), ZERO), parts))
    return found


def _too_much(row: FreightRow, cargo: Cargo) -> str:
    for word, limit, value in (
        ("length", row.max_length_mm, cargo.length_mm),
        ("width", row.max_width_mm, cargo.width_mm),
        ("height", row.max_height_mm, cargo.height_mm),
        ("mass", row.max_mass_kg, cargo.mass_kg),
    ):
        unit = "kg" if word == "mass" else "mm"
        if limit is not None and value > Decimal(repr(limit)):
            return f"{word} {plain(value)} {unit} is above the limit of {limit:g} {unit}"
    return ""


def _price(row: FreightRow, cargo: Cargo) -> tuple[tuple[str, Decimal], ...]:
    """The parts of a price, each rounded to the cent."""
    tons = cargo.revenue_tons
    base = ZERO
    for price, times in ((row.per_revenue_ton, tons), (row.per_unit, 1), (row.per_slot, cargo.slots)):
        if price is not None:
            base += cents(EXACT.multiply(price, Decimal(times)))
    base = max(base, cents(row.minimum)) if row.minimum is not None else base
    parts = [("freight", base)]
    for item in row.surcharges:
        times = {"%": base / 100, "/rt": tons, "": Decimal(1)}[item.per]
        parts.append((item.name, cents(EXACT.multiply(item.number, times))))
    return tuple(parts)


def freight_of(
    quote: Quote, table: FreightTable
) -> tuple[Decimal | None, tuple[Note, ...], tuple[Note, ...]]:
    """Freight of a quote by a table, in the currency of the quote; with flags and refusals."""
    if quote.origin_port is None or quote.destination_port is None:
        raise BadInput("both ports are wanted to find the freight", where="quote")
    cargo = Cargo.of(quote.machine)
    found = carriages(table, cargo, quote.origin_port, quote.destination_port, quote.date)
    if quote.mode is not None:
        found = [item for item in found if item.mode == quote.mode]
    if not found:
        mode = f" by {quote.mode}" if quote.mode else ""
        text = f"{table.name} has no freight{mode} from {quote.origin_port} to {quote.destination_port}"
        return None, (), (Note("freight-missing", text),)
    if len(found) > 1:
        text = f"the quote names no mode, and {table.name} has {', '.join(item.mode for item in found)}"
        return None, (), (Note("freight-mode", text),)
    item = found[0]
    if item.refused is not None or item.row is None or item.price is None:
        return None, (), (item.refused,) if item.refused else ()
    try:
        into = conversion(quote.fx, item.row.currency, quote.currency, quote.date)
    except NoRate as error:
        return None, (), (Note(error.code, f"freight: {error.text}"),)
    parts = ", ".join(f"{name} {price}" for name, price in item.parts)
    text = f"{item.mode}, {plain(cargo.revenue_tons)} revenue tons: {parts} {item.row.currency}"
    text += f"; {into.path}" if into.path else ""
    return cents(into.apply(item.price)), (Note("freight-table", text),), ()
