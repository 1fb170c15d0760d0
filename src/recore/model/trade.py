"""What is traded: the machine as an exporter describes it, amounts of money, and documents that may be lists."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

from recore.model.case import Word
from recore.quantity import CURRENCIES

Item = TypeVar("Item")


def _amount(value: Any) -> Any:
    """A decimal from what JSON holds: 0.1 means one tenth, not the double nearest to it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("an amount is a number, or a number written as text")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError(f"{value!r:.40} is not a number") from None
    if not number.is_finite() or abs(number) >= 10**15:
        raise ValueError("an amount is finite and below 10^15")
    return number


def _currency(value: Any) -> Any:
    if value not in CURRENCIES:
        raise ValueError(f"{value!r:.40} is not a currency code of ISO 4217, such as USD or CNY")
    return value


def _country(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{2}", value):
        raise ValueError(
            f"{value!r:.40} is not a country code of two capital letters (ISO 3166-1), such as KE"
        )
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            found = None
        if found is not None and found.isoformat() == value:
            return found
    elif type(value) is date:
        return value
    raise ValueError(f"{value!r:.40} is no day; write it as 2026-12-31")


Number = Annotated[Decimal, BeforeValidator(_amount)]
"""A decimal number from JSON."""
Amount = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0)]
"""An amount of money that is not negative."""
Currency = Annotated[str, BeforeValidator(_currency)]
Country = Annotated[str, BeforeValidator(_country)]
Day = Annotated[date, BeforeValidator(_day)]


class Document(BaseModel):
    """A closed document: a name that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TradeMachine(BaseModel):
    """A machine as its papers describe it for export; what is not stated is absent, and rules then answer unknown.

    Further fields are kept, because rule rows may read them.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    family: Word | None = None
    maker: Word | None = None
    model: Word | None = None
    pin: Word | None = None
    build_year: Annotated[int, Field(ge=1900, le=2200, strict=True)] | None = None
    build_date: Day | None = None
    hs: Annotated[str, Field(pattern=r"^\d{2}[\d. ]{0,14}$")] | None = None
    condition: Word | None = None
    road_vehicle: Annotated[bool, Field(strict=True)] | None = None
    mass_kg: Annotated[float, Field(gt=0, le=5e6)] | None = None
    power_kw: Annotated[float, Field(ge=0, le=1e5)] | None = None
    emission_stage: Word | None = None
    use: Word | None = None
    evidence: Annotated[dict[str, Annotated[bool, Field(strict=True)]], Field(max_length=500)] = {}

    @model_validator(mode="after")
    def _one_year(self) -> TradeMachine:
        if self.build_date and self.build_year and self.build_date.year != self.build_year:
            raise ValueError(f"build_date {self.build_date} is not of the build_year {self.build_year}")
        return self

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Fields beyond the listed ones."""
        return tuple(self.model_extra or ())

    def facts(self, **more: Any) -> dict[str, Any]:
        """What rule predicates read: every stated field, bare and under `machine`, and what is added."""
        stated = {name: value for name, value in self.model_dump(mode="json").items() if value is not None}
        return {**stated, "machine": stated, **more}


class OneOrMany(RootModel[tuple[Item, ...]], Generic[Item]):
    """One document, or a list of them."""

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else (value,)

    @model_validator(mode="after")
    def _some(self) -> OneOrMany[Item]:
        if not self.root:
            raise ValueError("an empty list; at least one document is wanted")
        return self
