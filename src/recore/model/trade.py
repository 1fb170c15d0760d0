"""What is traded: the machine as an exporter describes it, amounts of money, and documents that may be lists."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    model_validator,
)

from recore.model.case import Word
from recore.quantity import CURRENCIES

Item = TypeVar("Item")
COMPUTED = frozenset({"age_years", "emission_rank"})
"""Facts that are computed where rules are asked; a document that states them is not believed."""
_WORDS = frozenset({"family", "condition", "use"})
_WRITTEN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


def _amount(value: Any) -> Any:
    """A decimal from what JSON holds: 0.1 means one tenth, not the double nearest to it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("an amount is a number, or a number written as text")
    # Decimal() would also read 1_0 as ten, and digits of other scripts
    if isinstance(value, str) and not _WRITTEN.fullmatch(value):
        raise ValueError(f"{value!r:.40} is not a number")
    number = Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite() or abs(number) >= 10**13:
        raise ValueError("an amount is finite and below 10^13")
    return number


def _currency(value: Any) -> Any:
    if not isinstance(value, str) or value not in CURRENCIES:
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


@lru_cache(maxsize=10_000)
def _may_be_true(model: type[BaseModel], name: str) -> bool:
    def holds(kind: Any) -> bool:
        return kind in (bool, Any) or any(holds(part) for part in get_args(kind))

    return name not in model.model_fields or holds(model.model_fields[name].annotation)


class Careful(BaseModel):
    """A document in which true is no 1: a length, a mass or a count that was filled with yes is a slip."""

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any) -> Any:
        for name, given in value.items() if isinstance(value, dict) else ():
            listed = given if isinstance(given, list | tuple) else (given,)
            if any(item is True or item is False for item in listed) and not _may_be_true(cls, name):
                raise ValueError(f"{name}: true or false is not wanted here")
        return value


class Document(Careful):
    """A closed document: a name that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TradeMachine(Careful):
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
    hs: Annotated[str, Field(pattern=r"^[0-9]{2}[0-9. ]{0,14}$")] | None = None
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
        """What rule predicates read: every stated field but `COMPUTED`, bare and under `machine`, and what is added."""
        stated = {
            # rows compare words letter by letter, and "Used " must not slip past a ban on what is used
            name: " ".join(value.split()).casefold() if name in _WORDS else value
            for name, value in self.model_dump(mode="json").items()
            if value is not None and name not in COMPUTED
        }
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
