"""Decisions that every restoration method makes alike: a limit with its guard band, and what stays of a fault."""

from __future__ import annotations

from math import hypot

DECIDES = 4
"""Largest evidence level whose limit decides alone; above it a verdict is shown and counts as open."""


def held(value: float, spread: float, limit: float, *, least: bool = False) -> str:
    """A limit held against a value with its expanded uncertainty: 'pass', 'fail', or 'unknown' where it straddles.

    `least` : the limit is the smallest permitted value
    """
    if least:
        value, limit = -value, -limit
    return "pass" if value + spread <= limit else "fail" if value - spread > limit else "unknown"


def share_left(size: float, spread: float, low: float, high: float) -> tuple[float, float]:
    """What stays of a fault when a share uniform between two bounds stays, with its expanded uncertainty.

    First order: the width of the share, and the U of the measured size.
    """
    mean, half = (low + high) / 2, (high - low) / 2
    # standard uncertainty of a uniform share is half / sqrt(3); U is twice that
    return mean * size, hypot(2 * half / 3**0.5 * size, mean * spread)
