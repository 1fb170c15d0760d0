"""Minimum circumscribed circle (MCCI): the smallest circle that holds the whole profile."""

from __future__ import annotations

from itertools import combinations
from math import hypot

import numpy as np

from recore.metrology.circles.circle import Circle, Floats, Indices, from_working_set, round_off
from recore.metrology.circles.least_squares import start_centre

_STEPS = 1000


def minimum_circumscribed(x: Floats, y: Floats, start: tuple[float, float] | None = None) -> Circle:
    """Smallest enclosing circle: unique, with two contacts on a diameter or three that are not in one half.

    Parameters
    ----------
    x, y : (n,) coordinates, in any order
    start : a point near the centre

    Raises
    ------
    NoCircle : the points lie on a line

    Notes
    -----
    The smallest circle of two or three points, enlarged by the farthest point outside it until there
    is none: the radius grows with every step, so the steps end (Welzl 1991 orders them differently).

    References
    ----------
    ISO 12181-1:2011 (reference circle MCCI).
    """
    origin = start or start_centre(x, y)
    found = from_working_set(x, y, origin, (0.0, 0.0), _enclosing, far=True, near=False)
    weights = _weights(found.normals)
    unbalanced = np.hypot(*(weights @ found.normals))
    slack = (found.outer - found.distances.min()) / found.outer
    return Circle(
        found.x + origin[0], found.y + origin[1], found.outer, found.outer, found.inner,
        outer_contacts=found.contacts, outer_weights=weights,
        residual=float(max(unbalanced, slack, -weights.min(), abs(weights.sum() - 1))),
    )  # fmt: skip


def _enclosing(x: Floats, y: Floats, start: tuple[float, float]) -> tuple[float, float, Indices, None]:
    d = np.hypot(x - start[0], y - start[1])
    first = int(d.argmax())
    support = [first, int(np.hypot(x - x[first], y - y[first]).argmax())]
    cx, cy, radius, support = _of_few(x, y, support)
    for _ in range(_STEPS):
        d = np.hypot(x - cx, y - cy)
        far = int(d.argmax())
        if d[far] <= radius + round_off(radius) / 2 or far in support:
            break
        cx, cy, larger, support = _of_few(x, y, [*support, far])
        if larger <= radius:
            break
        radius = larger
    return cx, cy, np.array(support), None


def _of_few(x: Floats, y: Floats, few: list[int]) -> tuple[float, float, float, list[int]]:
    """Smallest circle of up to four points: of the circles of its pairs and triples that hold all, the smallest."""
    found = []
    for size in (2, 3):
        for chosen in combinations(few, size):
            centre = _through(x, y, chosen)
            if centre is not None:
                d = [hypot(x[k] - centre[0], y[k] - centre[1]) for k in few]
                radius, holds = d[few.index(chosen[0])], max(d)
                missed = holds - radius if holds - radius > round_off(radius) else 0.0
                # should round-off leave no circle that holds all: the one that misses least
                found.append((missed, holds, size, centre, list(chosen)))
    _, radius, _, centre, support = min(found)
    return *centre, radius, support


def _through(x: Floats, y: Floats, chosen: tuple[int, ...]) -> tuple[float, float] | None:
    """Centre of the smallest circle through two or three points; None for three on a line."""
    points = [(float(x[k]), float(y[k])) for k in chosen]
    if len(points) == 2:
        (x0, y0), (x1, y1) = points
        return (x0 + x1) / 2, (y0 + y1) / 2
    # counted from an end of the shortest side, a thin triangle loses no digits
    sides = [hypot(points[k][0] - points[k - 1][0], points[k][1] - points[k - 1][1]) for k in range(3)]
    k = sides.index(min(sides))
    (x0, y0), (x1, y1), (x2, y2) = points[k - 1], points[k], points[k - 2]
    ax, ay, bx, by = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    double_area = 2 * (ax * by - ay * bx)
    if double_area == 0.0:
        return None
    a2, b2 = ax * ax + ay * ay, bx * bx + by * by
    return x0 + (by * a2 - ay * b2) / double_area, y0 + (ax * b2 - bx * a2) / double_area


def _weights(normals: Floats) -> Floats:
    """Multipliers of the contacts: sum 1, weighted normals in balance."""
    rows = np.column_stack((normals, np.ones(len(normals)))).T
    weights: Floats = np.linalg.lstsq(rows, np.array([0.0, 0.0, 1.0]), rcond=None)[0]
    return weights
