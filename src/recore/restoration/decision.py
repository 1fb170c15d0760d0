"""Decisions that every restoration method makes alike: a limit with its guard band, and what stays of a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any, NamedTuple

from recore.quantity import Quantity

DECIDES = 4
"""Largest evidence level whose limit decides alone; above it a verdict is shown and counts as open."""


def held(value: float, spread: float, limit: float, *, least: bool = False) -> str:
    """A limit held against a value with its expanded uncertainty: 'pass', 'fail', or 'unknown' where it straddles.

    `least` : the limit is the smallest permitted value
    """
    if least:
        value, limit = -value, -limit
    return "pass" if value + spread <= limit else "fail" if value - spread > limit else "unknown"


def changed(was: float, u_was: float, now: float, u_now: float, *, least: bool = False) -> str:
    """'improved', 'worse' or 'same' between two independent measurements: their U add in quadrature."""
    if abs(now - was) <= hypot(u_was, u_now):
        return "same"
    return "improved" if (now > was) == least else "worse"


class Tally(NamedTuple):
    """An acceptance in numbers: 'fail' where one test fails, else 'unknown' where one is open, else 'pass'."""

    verdict: str
    passed: Quantity
    failed: Quantity
    open: Quantity
    improved: Quantity
    worse: Quantity


def tally(rows: Sequence[Mapping[str, Any]], without: int) -> Tally:
    """Count tests by `verdict` and `change`; `without` more have no limit, and so are open."""

    def count(name: str, word: str) -> int:
        return sum(row[name] == word for row in rows)

    failed, still_open = count("verdict", "fail"), count("verdict", "unknown") + without
    numbers = (
        count("verdict", "pass"),
        failed,
        still_open,
        count("change", "improved"),
        count("change", "worse"),
    )
    verdict = "fail" if failed else "unknown" if still_open else "pass"
    return Tally(verdict, *(Quantity(number, "pcs") for number in numbers))


def share_left(size: float, spread: float, low: float, high: float) -> tuple[float, float]:
    """What stays of a fault when a share uniform between two bounds stays, with its expanded uncertainty.

    First order: the width of the share, and the U of the measured size.
    """
    mean, half = (low + high) / 2, (high - low) / 2
    # standard uncertainty of a uniform share is half / sqrt(3); U is twice that
    return mean * size, hypot(2 * half / 3**0.5 * size, mean * spread)
