"""What there is to see of some samples before they are followed: their range, their steps, their whole numbers.

One loop over each column, compiled for large logs; NumPy says the same of small ones.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.state import HIGHEST, PER_MPA, quantised
from recore.metrology.leg_pressure.trace import UNEVEN, Steps, steps_of

# added to and taken from a number below 2**51 this rounds it, halves to even, in two vector instructions
_ROUNDING = 1.5 * 2.0**52
_MOST = float(HIGHEST)
# a reading beyond this is in another unit
IMPLAUSIBLE_MPA = 100.0


class Glance(NamedTuple):
    """Steps of time; pressures as multiples of 10 Pa; whether there may be pressures among them that are none."""

    steps: Steps
    whole: NDArray[np.int32]
    spoilt: bool


def pressures_loop(p, whole):
    """Fill in whole multiples of 10 Pa; their lowest and highest, and how many are no numbers."""
    low = np.int32(HIGHEST)
    high = np.int32(-HIGHEST)
    lost = 0
    for k in range(len(p)):
        scaled = np.float64(p[k]) * PER_MPA
        lost += 1 if scaled != scaled else 0
        x = np.int32((max(min(scaled, _MOST), -_MOST) + _ROUNDING) - _ROUNDING)
        whole[k] = x
        low = min(low, x)
        high = max(high, x)
    return int(low), int(high), lost


def times_loop(ts):
    """Shortest and longest step, and how many are far longer or shorter than the one before."""
    if len(ts) < 2:
        return 0, 0, 0
    before = ts[:-1]
    after = ts[1:]
    least = after[0] - before[0]
    most = least
    for k in range(len(after)):
        step = after[k] - before[k]
        least = min(least, step)
        most = max(most, step)
    uneven = 0
    if least * UNEVEN < most and least > 0:
        for k in range(len(after) - 1):
            first = after[k] - before[k]
            second = after[k + 1] - before[k + 1]
            uneven += 1 if second > UNEVEN * first or first > UNEVEN * second else 0
    return least, most, uneven


def glance(ts: NDArray[np.int64], p: NDArray[np.floating[Any]], *, small: bool) -> Glance:
    """A glance at some samples of one leg.

    Parameters
    ----------
    ts : times in ticks [n]
    p : pressures, MPa [n]
    small : not worth loading the compiled loops for
    """
    loops = None if small or not len(p) else _compiled()
    if loops is None or p.dtype not in (np.float32, np.float64):
        spoilt = bool(len(p)) and not (p.min() >= 0.0 and p.max() <= IMPLAUSIBLE_MPA)  # also where one is NaN
        finite = np.where(np.isfinite(p), p, 0.0) if spoilt else p  # what is none will be left out
        return Glance(steps_of(ts), quantised(finite), spoilt)
    whole = np.empty(len(p), np.int32)
    low, high, lost = loops[0](np.ascontiguousarray(p), whole)
    spoilt = bool(lost) or low <= 0 or high >= IMPLAUSIBLE_MPA * PER_MPA
    return Glance(Steps(*loops[1](np.ascontiguousarray(ts))), whole, spoilt)


@cache
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """The loops over pressures and times as machine code; None without a compiler."""
    try:
        import numba
    except ImportError:
        return None

    def fixed(kind: type[np.generic]) -> Any:
        column = np.zeros(1, kind)
        column.flags.writeable = False  # what is read only fits any array
        return numba.typeof(column)

    whole = numba.typeof(np.zeros(1, np.int32))
    njit: Any = numba.njit
    settings: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "boundscheck": False}
    return (
        njit([(fixed(kind), whole) for kind in (np.float32, np.float64)], **settings)(pressures_loop),
        njit([(fixed(np.int64),)], **settings)(times_loop),
    )
