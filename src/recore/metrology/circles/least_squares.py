"""Least-squares circle (LSCI): the sum of squared radial distances is smallest."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from recore.metrology.circles.circle import EPS, Circle, Floats, polar, rough

_CHUNK = 8192  # below this length BLAS sums in one thread: faster here, and the same on any number of cores
_STEPS = 200
_FARTHEST = 1e6  # a centre this many extents away is that of a line with scatter


class NoCircle(ValueError):
    """The points determine no circle: they lie on a line or nearly so."""


def least_squares(x: Floats, y: Floats) -> Circle:
    """Circle with the least sum of squared radial distances, by Gauss–Newton on the distances themselves.

    Parameters
    ----------
    x, y : (n,) coordinates, n ≥ 3, in any order

    Raises
    ------
    NoCircle : the points are collinear, or so nearly that the circle is not determined

    References
    ----------
    ISO 12181-1:2011 (reference circle LSCI); ISO 4291 for the same circle in the older terms.
    """
    mx, my = start_centre(x, y)
    few = rough(x, y)
    extent = float(max(np.ptp(few[0]), np.ptp(few[1])))
    if len(few[0]) < len(x):
        # some of the points bring the start nearer; that they fail says nothing of all
        with suppress(NoCircle):
            cx, cy, _ = _converged(few[0] - mx, few[1] - my, extent)
            mx, my = mx + cx, my + cy
    # far from the origin, coordinates would lose the form: count them from near the centre
    x, y = x - mx, y - my
    cx, cy, radius = _converged(x, y, extent)
    outer, inner = 0.0, np.inf
    for first in range(0, len(x), _CHUNK):
        d = polar(x[first : first + _CHUNK], y[first : first + _CHUNK], cx, cy)[0]
        outer, inner = max(outer, float(d.max())), min(inner, float(d.min()))
    return Circle(cx + mx, cy + my, radius, outer, inner)


def _converged(x: Floats, y: Floats, extent: float) -> tuple[float, float, float]:
    """Centre and radius by Gauss–Newton from a centre at the origin."""
    cx, cy, last = 0.0, 0.0, np.inf
    for _ in range(_STEPS):
        normal, right, zero = _normal_equations(x, y, cx, cy)
        try:
            step = np.linalg.solve(normal, right)
        except np.linalg.LinAlgError:
            raise NoCircle("the points determine no circle") from None
        length = float(np.hypot(step[0], step[1]))
        # the steps of a converged sequence are round-off and no longer get shorter
        if length <= 4 * EPS * extent or (length <= 1e-11 * extent and length >= 0.5 * last):
            # with a centre that stands, the best radius is the mean distance
            return cx, cy, zero + float(right[2] / normal[2, 2])
        cx, cy, last = cx + float(step[0]), cy + float(step[1]), length
        if not max(abs(cx), abs(cy)) < _FARTHEST * extent:
            break
    raise NoCircle("the points lie too nearly on a line")


def _normal_equations(x: Floats, y: Floats, cx: float, cy: float) -> tuple[Floats, Floats, float]:
    """Normal equations of d_i - d_0 ≈ n_i · step + change of radius, in one pass in cached pieces; and d_0."""
    total = np.zeros(8)
    zero = float(np.hypot(x[0] - cx, y[0] - cy))
    for first in range(0, len(x), _CHUNK):
        d, nx, ny = polar(x[first : first + _CHUNK], y[first : first + _CHUNK], cx, cy)
        d -= zero
        total += nx @ nx, nx @ ny, ny @ ny, nx.sum(), ny.sum(), nx @ d, ny @ d, d.sum()
    xx, xy, yy, sx, sy, xd, yd, sd = total
    normal = np.array([[xx, xy, sx], [xy, yy, sy], [sx, sy, len(x)]])
    return normal, np.array([xd, yd, sd]), zero


def start_centre(x: Floats, y: Floats) -> tuple[float, float]:
    """A point near the centre.

    Raises
    ------
    NoCircle : the points are collinear
    """
    few = rough(x, y)
    try:
        return algebraic_centre(*few)
    except NoCircle:
        if len(few[0]) == len(x):
            raise
        return algebraic_centre(x, y)


def algebraic_centre(x: Floats, y: Floats) -> tuple[float, float]:
    """Centre of the circle with the least algebraic distances (Kåsa 1976): a start, not a result.

    Raises
    ------
    NoCircle : the points are collinear within the round-off of their coordinates
    """
    mx, my = float(x.mean()), float(y.mean())
    u, v = x - mx, y - my
    scale = float(max(np.abs(u).max(), np.abs(v).max()))
    if scale <= 64 * EPS * max(abs(mx), abs(my)):
        raise NoCircle("all points are the same")
    u, v = u / scale, v / scale
    normal = np.array([[u @ u, u @ v], [u @ v, v @ v]])
    across = np.linalg.eigh(normal)[1][:, 0]
    thickness = float(np.abs(across[0] * u + across[1] * v).max())
    if thickness <= 64 * EPS * (1 + max(abs(mx), abs(my)) / scale):
        raise NoCircle("the points lie on a line")
    squares = u * u + v * v
    centre = np.linalg.solve(normal, np.array([u @ squares, v @ squares])) * (scale / 2)
    return mx + float(centre[0]), my + float(centre[1])
