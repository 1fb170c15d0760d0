"""Global maximum over the plane of a function that is Lipschitz in the centre of a circle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.circles.circle import Floats, Solution

_WORK = 6_000_000  # distances computed before the search gives up: a few tenths of a second
_BOX = 64  # what a box costs besides, in distances
_AT_ONCE = 200_000
_FINEST = 2.0**-44
_LOCAL_EACH = 4
_LOCAL_ALL = 24


@dataclass(frozen=True)
class Optimum:
    """A local maximum that is the largest value within `reach` of its centre."""

    value: float
    reach: float
    found: Solution[Floats]

    @property
    def x(self) -> float:
        return self.found.x

    @property
    def y(self) -> float:
        return self.found.y


def search(
    best: Optimum | None,
    value: Callable[[Floats, Floats], Floats],
    local: Callable[[float, float], Optimum | None],
    *,
    slope: float,
    centre: tuple[float, float],
    half: float,
    points: int,
    tie: float,
    hopeless: Callable[[Floats, Floats, float], NDArray[np.bool_]] | None = None,
) -> tuple[Optimum | None, bool]:
    """Best local maximum in a square, and whether that is proven.

    A box is dropped when value + slope * half diagonal stays below the best value, when it lies
    within the reach of a local maximum already found, or when it is `hopeless`; all others are
    quartered. Of maxima equal within `tie`, the one with the largest x, then y, is taken, so that
    a symmetric profile has one answer.
    """
    rows = max(1, _AT_ONCE // points)
    found = [best] if best else []
    px, py = np.array([centre[0]]), np.array([centre[1]])
    work, solved, side = 0, 0, half
    while len(px) and work < _WORK and side > _FINEST * half:
        reach = side * np.sqrt(2.0)
        work += len(px) * (points + _BOX)
        values = np.concatenate([value(px[i : i + rows], py[i : i + rows]) for i in range(0, len(px), rows)])
        top = max((o.value for o in found), default=-np.inf)
        keep = values + slope * reach > top - tie
        px, py, values = px[keep], py[keep], values[keep]
        if hopeless is not None and len(px):
            keep = np.concatenate(
                [~hopeless(px[i : i + rows], py[i : i + rows], reach) for i in range(0, len(px), rows)]
            )
            px, py, values = px[keep], py[keep], values[keep]
        open_ = _outside(px, py, reach, found)
        for i in np.argsort(-values[open_], kind="stable")[:_LOCAL_EACH]:
            qx, qy = px[open_][i], py[open_][i]
            if solved < _LOCAL_ALL and _outside(np.array([qx]), np.array([qy]), 0.0, found)[0]:
                solved += 1
                optimum = local(float(qx), float(qy))
                if optimum is not None:
                    found.append(optimum)
        open_ = _outside(px, py, reach, found)
        px, py, side = px[open_], py[open_], side / 2
        px = np.concatenate([px + sx * side for sx in (-1, 1) for _ in (-1, 1)])
        py = np.concatenate([py + sy * side for _ in (-1, 1) for sy in (-1, 1)])
    if not found:
        return None, not len(px)
    top = max(o.value for o in found)
    equal = [o for o in found if o.value >= top - tie]
    return max(equal, key=lambda o: (round(o.x / half, 6), round(o.y / half, 6))), not len(px)


def _outside(px: Floats, py: Floats, reach: float, found: list[Optimum]) -> NDArray[np.bool_]:
    """Which boxes are not wholly within the reach of a maximum that is known."""
    outside = np.ones(len(px), dtype=bool)
    for o in found:
        outside &= np.hypot(px - o.x, py - o.y) + reach >= o.reach
    return outside


def distances(x: Floats, y: Floats, px: Floats, py: Floats) -> Floats:
    """Distance of each point from each centre; (centres, points)."""
    dx, dy = x - px[:, None], y - py[:, None]
    dx *= dx
    dy *= dy
    dx += dy
    return np.sqrt(dx, out=dx)
