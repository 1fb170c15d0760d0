"""Maximum inscribed circle (MICI): the largest empty circle that the profile locks in place.

There can be several local maxima. One is global when the following proof or, where that fails,
branch and bound says so. Let a be the radius and b the largest distance from the centre. Within
2aκ of the centre no empty circle is as large, where κ = min over unit u of max n_j·u over contacts
(from |p - δ| ≤ d - n·δ + |δ|²/2d). At a distance t, with C = cos(g/2) for the widest gap g, some
point lies within √(max(a² - 2atC, b² - 2btC) + t²) of the shifted centre; the square is convex in
t, so being below a² at both ends of 2aκ ≤ t ≤ b excludes every other centre inside the profile.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from recore.metrology.circles.branch_and_bound import Optimum, distances, search
from recore.metrology.circles.circle import (
    EPS,
    Circle,
    Floats,
    Indices,
    Solution,
    from_working_set,
    inradius,
    largest_gap,
    polar,
    rough,
    round_off,
)
from recore.metrology.circles.exchange import NoBasis, exchange
from recore.metrology.circles.least_squares import start_centre

_STEPS = 60
_OPTIMAL = 1e-9
_TRIPLES = 64  # up to so many points, all triples are looked at rather than searched


class NotLocked(ValueError):
    """No empty circle is held by contacts on all sides."""


def maximum_inscribed(x: Floats, y: Floats, start: tuple[float, float] | None = None) -> Circle:
    """Largest circle with no point inside and contacts that are not all in one half of it.

    Parameters
    ----------
    x, y : (n,) coordinates, in any order
    start : a point well inside the profile, for instance the least-squares centre

    Raises
    ------
    NotLocked : no empty circle has contacts all round, as on half a turn: it would slip out and grow
    NoCircle : the points lie on a line

    References
    ----------
    ISO 12181-1:2011 (reference circle MICI).
    """
    origin = start or start_centre(x, y)
    best = _from(x, y, origin, 0.0, 0.0)
    proven = best is not None and _nowhere_else(*rough(x, y), origin, best)
    if not proven and len(x) <= _TRIPLES:
        best, proven = _of_all_triples(x, y, origin), True
    elif not proven:
        best, proven = _searched(x, y, origin, best)
    if best is None:
        raise NotLocked("no empty circle is held by contacts on all sides")
    found = best.found
    return Circle(
        found.x + origin[0], found.y + origin[1], found.inner, found.outer, found.inner,
        inner_contacts=found.contacts, inner_weights=found.more,
        residual=_residual(found), proven=proven,
    )  # fmt: skip


def _from(x: Floats, y: Floats, origin: tuple[float, float], px: float, py: float) -> Optimum | None:
    """The local maximum uphill of a point; None where the way leads out of the profile."""
    try:
        found = from_working_set(x, y, origin, (px, py), _local, far=False, near=True)
    except NoBasis:
        return None
    if not _residual(found) < _OPTIMAL:
        return None
    return Optimum(found.inner, 2 * found.inner * max(0.0, inradius(found.normals)), found)


def _residual(found: Solution[Floats]) -> float:
    """Largest violation of the optimality condition, relative to the radius."""
    weights = found.more
    unbalanced = np.hypot(*(weights @ found.normals))
    slack = (found.distances.max() - found.inner) / found.inner if found.inner > 0 else np.inf
    return float(max(unbalanced, slack, -weights.min(), abs(weights.sum() - 1)))


def _local(x: Floats, y: Floats, start: tuple[float, float]) -> tuple[float, float, Indices, Floats]:
    """Local maximum of the smallest distance by linearising at the centre, moving there, and again."""
    cx, cy = start
    d, nx, ny = polar(x, y, cx, cy)
    radius = float(d.min())
    slack = round_off(float(d.max())) / 2
    for _ in range(_STEPS):

        def gradient(k: int, nx: Floats = nx, ny: Floats = ny) -> list[float]:
            return [-nx[k], -ny[k], 1.0]

        def limit(k: int, d: Floats = d) -> float:
            return -float(d[k])

        def most_violated(z: Floats, d: Floats = d, nx: Floats = nx, ny: Floats = ny) -> tuple[int, float]:
            e = d - nx * z[0]
            e -= ny * z[1]
            bottom = int(e.argmin())
            return bottom, float(-e[bottom] - z[2])

        members, weights, z = exchange(_three_around(d, nx, ny), gradient, limit, most_violated, slack)
        if -z[2] - radius <= slack:
            break
        share = 1.0
        while share > 1e-9:
            tx, ty = cx + share * float(z[0]), cy + share * float(z[1])
            td, tnx, tny = polar(x, y, tx, ty)
            larger = float(td.min())
            if larger > radius:
                break
            share /= 2
        else:
            break
        cx, cy, d, nx, ny, radius = tx, ty, td, tnx, tny, larger
    return cx, cy, np.array(members), weights


def _three_around(d: Floats, nx: Floats, ny: Floats) -> list[int]:
    """Three near points that are not all in one half, seen from the centre."""
    angle = np.arctan2(ny, nx)
    third = np.clip(((angle + np.pi) * (3 / (2 * np.pi))).astype(np.intp), 0, 2)
    sectors = [np.flatnonzero(third == k) for k in range(3)]
    if all(len(s) for s in sectors):
        near = [int(s[d[s].argmin()]) for s in sectors]
        if _around(nx[near], ny[near]):
            return near
    # any first; the last within half a turn of it; the next: they surround the centre if any three do
    order = np.argsort(angle, kind="stable")
    turned = angle[order] - angle[order[0]]
    second = int(np.searchsorted(turned, np.pi, side="right")) - 1
    three = [int(order[0]), int(order[second]), int(order[(second + 1) % len(order)])]
    if len(set(three)) < 3:
        raise NoBasis("the points span half a turn or less")
    return three


def _around(nx: Floats, ny: Floats) -> bool:
    turns = nx * np.roll(ny, -1) - ny * np.roll(nx, -1)
    return bool((turns > 0).all())


def _of_all_triples(x: Floats, y: Floats, origin: tuple[float, float]) -> Optimum | None:
    """The largest empty circle among those through three points that surround its centre."""
    x0, y0 = x - origin[0], y - origin[1]
    i, j, k = np.array(list(combinations(range(len(x)), 3)), dtype=np.intp).T
    ax, ay, bx, by = x0[j] - x0[i], y0[j] - y0[i], x0[k] - x0[i], y0[k] - y0[i]
    a2, b2, double_area = ax * ax + ay * ay, bx * bx + by * by, 2 * (ax * by - ay * bx)
    c2 = (ax - bx) ** 2 + (ay - by) ** 2
    # no angle over a right one, and not on a line
    surrounds = (2 * np.maximum(np.maximum(a2, b2), c2) <= (a2 + b2 + c2) * (1 + 8 * EPS)) & (
        double_area != 0
    )
    i, ax, ay, bx, by, a2, b2, double_area = (v[surrounds] for v in (i, ax, ay, bx, by, a2, b2, double_area))
    cx, cy = x0[i] + (by * a2 - ay * b2) / double_area, y0[i] + (ax * b2 - bx * a2) / double_area
    through = np.hypot(x0[i] - cx, y0[i] - cy)
    empty = distances(x0, y0, cx, cy).min(axis=1) >= through * (1 - 64 * EPS)
    for t in np.argsort(-through[empty], kind="stable"):
        # settled to the last digit, and its certificate checked
        best = _from(x, y, origin, float(cx[empty][t]), float(cy[empty][t]))
        if best is not None and best.value >= through[empty][t] * (1 - 1e-9):
            return best
    return None


def _nearest_squared(t: Floats, a: float, b: float, c: float) -> Floats:
    """Bound on the square of the nearest point's distance from any centre at distance t (see above)."""
    bound: Floats = np.maximum(a * a - 2 * a * t * c, b * b - 2 * b * t * c) + t * t
    return bound


def _nowhere_else(x: Floats, y: Floats, origin: tuple[float, float], best: Optimum) -> bool:
    """Whether the proof holds; some of the points will do, since a wider gap only weakens it."""
    a, b = best.found.inner, best.found.outer
    c = float(np.cos(largest_gap(x, y, origin[0] + best.x, origin[1] + best.y) / 2))
    ends = _nearest_squared(np.array([best.reach, b]), a, b, c)
    return bool(c > 0 and best.reach > 0 and ends.max() < a * a)


def _searched(
    x: Floats, y: Floats, origin: tuple[float, float], best: Optimum | None
) -> tuple[Optimum | None, bool]:
    """The global maximum by branch and bound: near the centre if that is enough, else everywhere."""
    x0, y0 = x - origin[0], y - origin[1]
    size = float(max(np.ptp(x0), np.ptp(y0)))
    near = best and _near(x0, y0, best)
    if best and near:
        # no other point can be nearest to a centre within that distance
        some = np.hypot(x0 - best.x, y0 - best.y) <= best.found.inner + 2.9 * near
        middle, half = (best.x, best.y), near
        x0, y0 = x0[some], y0[some]
    else:
        middle = (float(x0.min() + x0.max()) / 2, float(y0.min() + y0.max()) / 2)
        half = size / 2

    def value(px: Floats, py: Floats) -> Floats:
        nearest: Floats = distances(x0, y0, px, py).min(axis=1)
        return nearest

    def hopeless(px: Floats, py: Floats, reach: float) -> NDArray[np.bool_]:
        """Boxes whose possibly nearest points all lie on one side: no circle is locked there."""
        dx, dy = x0 - px[:, None], y0 - py[:, None]
        d = np.sqrt(dx * dx + dy * dy)
        maybe = d <= d.min(axis=1, keepdims=True) + 2 * reach
        d[d == 0.0] = 1.0
        ux = np.where(maybe, dx / d, 0.0).sum(axis=1)
        uy = np.where(maybe, dy / d, 0.0).sum(axis=1)
        along = dx * ux[:, None] + dy * uy[:, None]
        one_side: NDArray[np.bool_] = np.where(maybe, along, np.inf).min(axis=1) > reach * np.hypot(ux, uy)
        return one_side

    return search(
        best, value, lambda px, py: _from(x, y, origin, px, py), slope=1.0, centre=middle, half=half,
        points=len(x0), tie=round_off(size), hopeless=hopeless,
    )  # fmt: skip


def _near(x: Floats, y: Floats, best: Optimum) -> float | None:
    """Distance from the best centre beyond which, inside the profile, no empty circle is as large."""
    a, b = best.found.inner, best.found.outer
    c = float(np.cos(largest_gap(x, y, best.x, best.y) / 2))
    t = b * np.geomspace(1e-9, 1, 400)
    enough = t[_nearest_squared(t, a, b, c) < a * a]
    if c > 0 and len(enough) and enough[-1] == t[-1] and enough[0] < a * c:
        return float(enough[0])
    return None
