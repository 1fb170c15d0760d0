"""Arrays from one unit to another, as `recore.quantity.convert` does it for one number."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from recore.quantity import _FACTOR, _OFFSET_TO_KELVIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SPLITTER = 2.0**27 + 1
_EXACT = 2**53
_SCALE = 10**9


@lru_cache(maxsize=256)
def _line(unit: str, to: str) -> tuple[Fraction, Fraction]:
    """Slope and offset of the conversion, exactly."""
    zero = Fraction(0)
    offset = _OFFSET_TO_KELVIN.get(unit, zero) - _OFFSET_TO_KELVIN.get(to, zero)
    return _FACTOR[unit] / _FACTOR[to], offset / _FACTOR[to]


def scaled(values: NDArray[np.float64], unit: str, to: str) -> NDArray[np.float64]:
    """Values [n] in another unit of the same kind.

    The result rounds once. It is `recore.quantity.convert` to one unit in the last place; a value
    of more than nine decimals is taken as the double it is, not as its shortest decimal, which
    shows where temperatures come close to the zero of their scale. Values beyond a double become
    infinite.
    """
    import numpy as np

    slope, offset = _line(unit, to)
    with np.errstate(all="ignore"):
        if offset:
            return _decimal(values, slope, offset)
        if slope.denominator == 1 and slope.numerator <= _EXACT:
            return values * float(slope)
        if slope.numerator == 1 and slope.denominator <= _EXACT:
            return values / float(slope.denominator)
        return _affine(values, slope, offset)


def _decimal(x: NDArray[np.float64], slope: Fraction, offset: Fraction) -> NDArray[np.float64]:
    """slope·x + offset, with a measured 298.15 as that decimal and not as the nearest double.

    A value n/10⁹ is converted in whole numbers, which a double holds exactly up to 2⁵³.
    """
    import numpy as np

    common = math.lcm(slope.denominator, offset.denominator)
    whole = np.rint(x * _SCALE)
    numerator = whole * float(slope * common) + float(offset * common * _SCALE)
    plain = (whole / _SCALE == x) & (np.abs(whole * float(slope * common)) < _EXACT / 2) & (np.abs(x) < 1e6)
    return np.where(plain, numerator / (common * _SCALE), _affine(x, slope, offset))


def _affine(x: NDArray[np.float64], slope: Fraction, offset: Fraction) -> NDArray[np.float64]:
    """slope·x + offset in twice the working precision, for near the zero of a scale all digits cancel.

    Error-free product and sum after T. J. Dekker, A floating-point technique for extending the
    available precision, Numerische Mathematik 18 (1971) 224–242.
    """
    import numpy as np

    a, b = float(slope), float(offset)
    a_rest, b_rest = float(slope - Fraction(a)), float(offset - Fraction(b))
    product = x * a
    split_x, split_a = x * _SPLITTER, a * _SPLITTER
    x_high, a_high = split_x - (split_x - x), split_a - (split_a - a)
    x_low, a_low = x - x_high, a - a_high
    product_error = ((x_high * a_high - product) + x_high * a_low + x_low * a_high) + x_low * a_low
    # beyond the range of the splitting the plain product must do
    product_error = np.where(np.isfinite(product_error), product_error, 0.0)
    total = product + b
    back = total - product
    total_error = (product - (total - back)) + (b - back)
    result: NDArray[np.float64] = total + (total_error + (product_error + x * a_rest) + b_rest)
    return result
