"""Arrays from one unit to another, within one unit in the last place of the exact conversion."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from recore.quantity import _FACTOR, _OFFSET_TO_KELVIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SPLITTER = 2.0**27 + 1
_EXACT = 2**53


@lru_cache(maxsize=256)
def _line(unit: str, to: str) -> tuple[Fraction, Fraction]:
    """Slope and offset of the conversion, exactly."""
    zero = Fraction(0)
    offset = _OFFSET_TO_KELVIN.get(unit, zero) - _OFFSET_TO_KELVIN.get(to, zero)
    return _FACTOR[unit] / _FACTOR[to], offset / _FACTOR[to]


def scaled(values: NDArray[np.float64], unit: str, to: str) -> NDArray[np.float64]:
    """Values [n] in another unit of the same kind.

    Whole factors and their inverses round once and are exact; others are within one unit in
    the last place of `recore.quantity.convert`. Values beyond a double become infinite.
    """
    import numpy as np

    slope, offset = _line(unit, to)
    with np.errstate(all="ignore"):
        if offset:
            return _affine(values, slope, offset)
        if slope.denominator == 1 and slope.numerator <= _EXACT:
            return values * float(slope)
        if slope.numerator == 1 and slope.denominator <= _EXACT:
            return values / float(slope.denominator)
        return values * float(slope)


def _affine(x: NDArray[np.float64], slope: Fraction, offset: Fraction) -> NDArray[np.float64]:
    """slope·x + offset in twice the working precision, for near the zero of a scale all digits cancel.

    Error-free product and sum after T. J. Dekker, A floating-point technique for extending the
    available precision, Numerische Mathematik 18 (1971) 224–242.
    """
    a, b = float(slope), float(offset)
    a_rest, b_rest = float(slope - Fraction(a)), float(offset - Fraction(b))
    product = x * a
    split_x, split_a = x * _SPLITTER, a * _SPLITTER
    x_high, a_high = split_x - (split_x - x), split_a - (split_a - a)
    x_low, a_low = x - x_high, a - a_high
    product_error = ((x_high * a_high - product) + x_high * a_low + x_low * a_high) + x_low * a_low
    total = product + b
    back = total - product
    total_error = (product - (total - back)) + (b - back)
    result: NDArray[np.float64] = total + (total_error + (product_error + x * a_rest) + b_rest)
    return result
