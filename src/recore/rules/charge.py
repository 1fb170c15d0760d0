"""What a charge row asks for: an expression over amounts that come before it, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from recore.errors import BadInput
from recore.quantity import CURRENCIES
from recore.rules.row import Rule

Kind = Literal["ad_valorem", "specific", "coefficient"]
BASES = ("fob", "freight", "insurance", "cif")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_TERM = re.compile(r"\s*([+-])?\s*(?:(\d+(?:\.\d+)?)\s*\*\s*)?([A-Za-z_][A-Za-z0-9_.]*)\s*")


@dataclass(frozen=True)
class Charge:
    """A duty, levy, fee or tax as its row states it.

    Parameters
    ----------
    name : what later charges call its amount
    order : charges are levied in this order
    kind : ad_valorem (rate × base, within minimum and maximum), specific (amount), coefficient (unit × coefficient)
    base : terms of the sum, each a factor and the name of an amount
    currency : of amount, unit, minimum and maximum; '' where the row states none
    """

    name: str
    order: Decimal
    kind: Kind
    base: tuple[tuple[Decimal, str], ...] = ()
    rate: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    amount: Decimal | None = None
    unit: Decimal | None = None
    coefficient: Decimal | None = None
    currency: str = ""

    @classmethod
    def of(cls, rule: Rule) -> Charge:
        """The charge of a row with effect `charge`.

        Raises
        ------
        BadInput : names the row and the field of params that is missing or wrong
        """
        params = rule.params
        where = f"rule {rule.rule_id!r}, params"
        name = params.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in BASES:
            raise BadInput(f"name {name!r}", where=where, right="a name of letters, digits and _ is wanted")
        currency = params.get("currency", "")
        if currency != "" and currency not in CURRENCIES:
            raise BadInput(f"currency {currency!r}", where=where, right="a code of ISO 4217, such as USD")

        def number(field: str, *, needed: bool = True) -> Decimal | None:
            if params.get(field) is None and not needed:
                return None
            found = decimal(params.get(field))
            if found is None:
                raise BadInput(f"{field} {params.get(field)!r:.40}", where=where, right="a number is wanted")
            return found

        order = number("order") or Decimal(0)
        match params.get("kind"):
            case "ad_valorem":
                low, high = number("min", needed=False), number("max", needed=False)
                if low is not None and high is not None and low > high:
                    raise BadInput(f"min {low} is above max {high}", where=where)
                base = _base(params.get("base"), where)
                return cls(name, order, "ad_valorem", base, number("rate"), low, high, currency=currency)
            case "specific":
                charge = cls(name, order, "specific", amount=number("amount"), currency=currency)
            case "coefficient":
                charge = cls(
                    name,
                    order,
                    "coefficient",
                    unit=number("unit"),
                    coefficient=number("coefficient"),
                    currency=currency,
                )
            case other:
                right = "ad_valorem, specific or coefficient"
                raise BadInput(f"kind {other!r:.40}", where=where, right=right)
        if not currency:
            raise BadInput("currency is not stated", where=where, right="a code of ISO 4217, such as USD")
        return charge


def decimal(value: Any) -> Decimal | None:
    """The decimal that a person reads in a number of TOML or JSON; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _base(text: Any, where: str) -> tuple[tuple[Decimal, str], ...]:
    right = "a sum such as 'cif + duty' is wanted"
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"base {text!r:.40}", where=where, right=right)
    terms: list[tuple[Decimal, str]] = []
    position = 0
    while position < len(text):
        term = _TERM.match(text, position)
        if term is None or (terms and not term[1]):
            raise BadInput(f"base {text!r:.200}", where=where, right=right)
        factor = Decimal(term[2] or 1)
        terms.append((-factor if term[1] == "-" else factor, term[3]))
        position = term.end()
    return tuple(terms)
