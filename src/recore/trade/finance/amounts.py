"""Amounts of money to the cent, computed with exact fractions so that no context or double rounds on the way."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TypeAlias

from recore.quantity import Quantity

Exact: TypeAlias = Fraction | Decimal | int
ZERO = Decimal("0.00")


def half_up(amount: Exact) -> Decimal:
    """Rounded to the cent, half a cent away from zero."""
    cents = Fraction(amount) * 100
    return _cents(floor(abs(cents) + Fraction(1, 2)) * (-1 if cents < 0 else 1))


def down(amount: Exact) -> Decimal:
    """Rounded down to the cent."""
    return _cents(floor(Fraction(amount) * 100))


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def money(amount: Decimal, currency: str) -> Quantity:
    """A result: below 10^13 a double keeps every cent."""
    return Quantity(float(amount), currency)


def share(part: Exact, whole: Exact) -> Quantity | None:
    """A plain ratio; None where there is nothing to divide by."""
    return Quantity(float(Fraction(part) / Fraction(whole))) if whole else None


def _cents(number: int) -> Decimal:
    return Decimal(number).scaleb(-2)
