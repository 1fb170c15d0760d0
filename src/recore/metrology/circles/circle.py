"""A reference circle with its contacts, and the passes over all points that every solver shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

EPS = float(np.finfo(np.float64).eps)
_ROUND_OFF = 8 * EPS
_WHOLE = 4096  # up to this many points, working with all of them costs less than choosing
_BLOCKS = 1024
_CACHED = 16384  # points whose temporaries stay in the second-level cache

S = TypeVar("S")


def _none() -> Indices:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Circle:
    """A reference circle and the profile's extreme distances from its centre.

    Parameters
    ----------
    x, y, radius : centre and radius
    outer, inner : largest and smallest distance of a point from the centre
    outer_contacts, inner_contacts : indices of the points that determine the circle
    outer_weights, inner_weights : their multipliers in the optimality condition, each set summing to 1
    residual : largest violation of the optimality condition, relative to the radius
    proven : no other centre gives a better circle of this kind; False: none near this one does
    """

    x: float
    y: float
    radius: float
    outer: float
    inner: float
    outer_contacts: Indices = field(default_factory=_none)
    inner_contacts: Indices = field(default_factory=_none)
    outer_weights: Floats = field(default_factory=lambda: np.empty(0))
    inner_weights: Floats = field(default_factory=lambda: np.empty(0))
    residual: float = 0.0
    proven: bool = True

    @property
    def deviation(self) -> float:
        """Roundness deviation about this circle: peak to valley (RONt)."""
        return self.outer - self.inner

    def distances(self, x: Floats, y: Floats) -> Floats:
        """Distance of each point from the centre."""
        return np.hypot(x - self.x, y - self.y)


def round_off(size: float) -> float:
    """What remains undecided in a distance computed in double precision from coordinates of this size."""
    return _ROUND_OFF * size


def polar(x: Floats, y: Floats, cx: float, cy: float) -> tuple[Floats, Floats, Floats]:
    """Distances from a centre and the unit vectors away from it; a point in the centre has none (0, 0)."""
    dx, dy = x - cx, y - cy
    d = np.sqrt(dx * dx + dy * dy)
    if not d.all():
        safe = np.where(d == 0.0, 1.0, d)
        return d, dx / safe, dy / safe
    dx /= d
    dy /= d
    return d, dx, dy


def largest_gap(x: Floats, y: Floats, cx: float, cy: float) -> float:
    """Widest angle [rad] without a point, seen from a centre."""
    angle = np.sort(np.arctan2(y - cy, x - cx))
    return float(max(np.diff(angle).max(), angle[0] + 2 * np.pi - angle[-1]))


def inradius(vectors: Floats) -> float:
    """Distance from the origin to the border of the convex hull of a few vectors; negative outside it.

    This is min over unit u of max over k of v_k · u: how fast the worst of the linear functions
    v_k · u grows in the direction where it grows least.
    """
    best = np.inf
    for i, p in enumerate(vectors):
        for q in vectors[i + 1 :]:
            edge = q - p
            length = float(np.hypot(*edge))
            if length == 0.0:
                continue
            u = np.array([edge[1], -edge[0]]) / length
            for normal in (u, -u):
                offset = float(normal @ p)
                if (vectors @ normal).max() <= offset + _ROUND_OFF:
                    best = min(best, offset)
    return best if np.isfinite(best) else -1.0


@dataclass(frozen=True)
class Solution(Generic[S]):
    """What a solver found; centre and distances count from the origin it was given.

    Parameters
    ----------
    x, y : centre
    outer, inner : largest and smallest distance of any point from it
    contacts : indices of the determining points
    normals : (k, 2) unit vectors from the centre to them
    distances : (k,) their distances
    more : the solver's own result
    """

    x: float
    y: float
    outer: float
    inner: float
    contacts: Indices
    normals: Floats
    distances: Floats
    more: S


def from_working_set(
    x: Floats,
    y: Floats,
    origin: tuple[float, float],
    start: tuple[float, float],
    solve: Callable[[Floats, Floats, tuple[float, float]], tuple[float, float, Indices, S]],
    *,
    far: bool,
    near: bool,
) -> Solution[S]:
    """Solve for all points by solving for few, until no point outside the few contradicts.

    `solve(x, y, start)` returns centre, indices of its extreme contacts, and anything else. The
    few are the extremes of 1,024 blocks of consecutive points; each round adds the blocks'
    extremes that lie beyond the limits which the few allow.

    Coordinates count from `origin`, near the centre: far from it they would lose the form.
    """
    few = _extremes(x, y, origin[0] + start[0], origin[1] + start[1]) if len(x) > _WHOLE else None
    while True:
        fx = (x if few is None else x[few]) - origin[0]
        fy = (y if few is None else y[few]) - origin[1]
        cx, cy, contacts, more = solve(fx, fy, start)
        d, nx, ny = polar(fx, fy, cx, cy)
        outer, inner = float(d.max()), float(d.min())
        normals, distances = np.column_stack((nx[contacts], ny[contacts])), d[contacts]
        if few is None:
            return Solution(cx, cy, outer, inner, contacts, normals, distances, more)
        contacts = few[contacts]
        found = _extremes(x, y, origin[0] + cx, origin[1] + cy)
        d = polar(x[found] - origin[0], y[found] - origin[1], cx, cy)[0]
        slack = round_off(outer)
        beyond = (d > outer + slack) & far | (d < inner - slack) & near
        if not beyond.any():
            outer, inner = max(outer, float(d.max())), min(inner, float(d.min()))
            return Solution(cx, cy, outer, inner, contacts, normals, distances, more)
        few, start = np.concatenate((few, found[beyond])), (cx, cy)


def _extremes(x: Floats, y: Floats, cx: float, cy: float) -> Indices:
    """Indices of the farthest and nearest point of each block of consecutive points."""
    size = len(x) // _BLOCKS
    whole = size * _BLOCKS
    xs, ys = x[:whole].reshape(_BLOCKS, size), y[:whole].reshape(_BLOCKS, size)
    rows = max(1, _CACHED // size)
    base = np.arange(_BLOCKS) * size
    found = [np.arange(whole, len(x))]
    for first in range(0, _BLOCKS, rows):
        dx = xs[first : first + rows] - cx
        dy = ys[first : first + rows] - cy
        dx *= dx
        dy *= dy
        dx += dy
        found.append(base[first : first + rows] + dx.argmax(axis=1))
        found.append(base[first : first + rows] + dx.argmin(axis=1))
    return np.concatenate(found)


def rough(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Some of the points, evenly taken: enough to start from."""
    step = max(1, len(x) // _WHOLE)
    return x[::step], y[::step]
