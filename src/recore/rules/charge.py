"""What a charge row asks for: an amount, or a rate of a sum over amounts that come before it, as data.

A base is a sum of names, each with an optional factor: 'cif + duty', '1.1 * cif - freight'. A name may hold
hyphens, so a minus stands between spaces. Names are one whether written in small or capital letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from recore.errors import BadInput
from recore.quantity import CURRENCIES
from recore.rules.row import Rule

DOMAIN = "charge"
BASES = ("fob", "freight", "insurance", "cif")
LIMIT = Decimal(10) ** 15
_WORD = r"[^\W\d][\w.]*(?:-[\w.]+)*"
_NAME = re.compile(rf"{_WORD}(?: {_WORD}|\ \d[\w.]*)*")
_FACTOR = r"\d+(?:\.\d+)?"
_TERM = re.compile(
    rf"(?:(?P<before>{_FACTOR})\s*[*×]\s*)?(?P<name>{_NAME.pattern})(?:\s*[*×]\s*(?P<after>{_FACTOR}))?"
)
_SIGN = re.compile(r"\s*\+\s*|\s+[-−]\s+")

Kind = Literal["ad_valorem", "specific", "coefficient"]


@dataclass(frozen=True)
class Charge:
    """A duty, levy, fee or tax as its row states it.

    Parameters
    ----------
    name : what later charges call its amount, as the row writes it
    order : charges are levied in this order
    kind : ad_valorem (rate × base, within minimum and maximum), specific (amount), coefficient (unit × coefficient)
    base : terms of the sum, each a factor and a name; names of `BASES` in small letters, others as written
    currency : of amount, unit, minimum and maximum; None where the row states none
    """

    name: str
    order: int
    kind: Kind
    base: tuple[tuple[Decimal, str], ...] = ()
    rate: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    amount: Decimal | None = None
    unit: Decimal | None = None
    coefficient: Decimal | None = None
    currency: str | None = None

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return plain(self.name)

    @classmethod
    def of(cls, rule: Rule) -> Charge:
        """The charge of a row with effect `charge`.

        Raises
        ------
        BadInput : names the row and the field of its params that is missing or wrong
        """
        params = _Params(rule)
        name, order = params.name(), params.order()
        match rule.params.get("kind"):
            case "ad_valorem":
                low, high = params.optional("min"), params.optional("max")
                if low is not None and high is not None and low > high:
                    raise params.wrong("min", f"is above max {high}")
                base, rate = params.base(), params.number("rate")
                return cls(name, order, "ad_valorem", base, rate, low, high, currency=params.currency())
            case "specific":
                amount = params.number("amount")
                return cls(name, order, "specific", amount=amount, currency=params.currency(needed=True))
            case "coefficient":
                unit, coefficient = params.number("unit"), params.number("coefficient")
                currency = params.currency(needed=True)
                return cls(name, order, "coefficient", unit=unit, coefficient=coefficient, currency=currency)
        raise params.wrong("kind", "ad_valorem, specific or coefficient is wanted")


def plain(name: str) -> str:
    """A name of an amount as it is compared: small letters, single spaces."""
    return " ".join(name.split()).casefold()


def aligned(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """The charges, with the names in their bases written as the charges of that name write them."""
    listed = tuple(charges)
    written = {charge.key: charge.name for charge in listed}
    return tuple(
        replace(charge, base=tuple((factor, written.get(plain(name), name)) for factor, name in charge.base))
        for charge in listed
    )


def decimal(value: Any) -> Decimal | None:
    """The decimal that a person reads in a number of TOML or JSON, or in a text; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < LIMIT else None


def terms(text: str) -> tuple[tuple[Decimal, str], ...] | None:
    """The terms of a sum expression; None where it is none."""
    text = " ".join(text.split())
    parts, signs = _SIGN.split(text), _SIGN.findall(text)
    found = []
    for sign, part in zip(["+", *signs], parts, strict=True):
        term = _TERM.fullmatch(part)
        if term is None or (term["before"] and term["after"]):
            return None
        factor = Decimal(term["before"] or term["after"] or 1)
        name = plain(term["name"]) if plain(term["name"]) in BASES else term["name"]
        found.append((factor if sign.strip() == "+" else -factor, name))
    return tuple(found)


class _Params:
    """The params of one row, read field by field."""

    def __init__(self, rule: Rule) -> None:
        self.params, self.where = rule.params, f"rule {rule.rule_id!r}, params"

    def wrong(self, field: str, right: str) -> BadInput:
        value = self.params.get(field)
        what = f"{field} is not stated" if value is None else f"{field} {value!r:.60}"
        return BadInput(what, where=self.where, right=right)

    def name(self) -> str:
        name = self.params.get("name")
        if not isinstance(name, str) or len(name) > 100 or not _NAME.fullmatch(name):
            raise self.wrong("name", "a name of letters, digits, '_' and '-' is wanted")
        if plain(name) in BASES:
            raise self.wrong("name", f"{', '.join(BASES)} are stated by the quote")
        return name

    def order(self) -> int:
        order = decimal(self.params.get("order"))
        if order is None or order != order.to_integral_value():
            raise self.wrong("order", "a whole number is wanted; charges are levied in this order")
        return int(order)

    def number(self, field: str) -> Decimal:
        found = decimal(self.params.get(field))
        if found is None or found < 0:
            raise self.wrong(field, "a number that is not negative is wanted")
        return found

    def optional(self, field: str) -> Decimal | None:
        return None if self.params.get(field) is None else self.number(field)

    def currency(self, *, needed: bool = False) -> str | None:
        currency = self.params.get("currency")
        if currency is None and not needed:
            return None
        if currency not in CURRENCIES:
            raise self.wrong("currency", "a code of ISO 4217 is wanted, such as USD")
        return str(currency)

    def base(self) -> tuple[tuple[Decimal, str], ...]:
        text = self.params.get("base")
        found = terms(text) if isinstance(text, str) and len(text) <= 1000 else None
        if found is None:
            raise self.wrong("base", "a sum over names is wanted, such as 'cif + duty' or '1.1 * cif'")
        return found
