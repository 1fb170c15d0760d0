"""Amounts of money: decimals, rounded half up to the cent where an amount is used again."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

CENT = Decimal("0.01")
# 60 digits keep every quotient of amounts below 10^15 apart from the halves of a cent
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
ZERO = Decimal(0)


def cents(amount: Decimal) -> Decimal:
    """An amount rounded half up (away from zero) to 0.01."""
    return amount.quantize(CENT, ROUND_HALF_UP, EXACT)


def plain(number: Decimal) -> str:
    """A factor or rate without exponent and without zeros that say nothing: 0.025."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
