"""Minimum zone circles (MZCI): two concentric circles, closest together, that hold the whole profile.

At the optimum two points touch the outer circle and two the inner one, in turn, and multipliers
λ ≥ 0 (outer, sum 1) and µ ≥ 0 (inner, sum 1) exist with equal weighted normals, Σ λ_i n_i = Σ µ_j n_j:
no small shift of the centre can then narrow the zone. That is the certificate.

Proof that no large shift can either. Let a and b be the radii, w = b - a, and δ a shift. From
|p - δ| ≥ d - n·δ and |p - δ| ≤ d - n·δ + |δ|²/2d the zone about the shifted centre is at least
w + κ|δ| - |δ|²/2a, where κ = min over unit u of max (n_j - n_i)·u over contacts: more than w for
|δ| < 2aκ. With C = cos(g/2) for the widest gap g seen from the centre, one point lies within g/2 of
the direction of δ and one of its opposite, so for |δ| = t the zone is at least
√(a² + 2atC + t²) - √(max(a² - 2atC, b² - 2btC) + t²), which grows with t. Where this passes w at
t = 2aκ, both ranges together are the whole plane. Where it does not, branch and bound decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from recore.metrology.circles.branch_and_bound import Optimum, distances, search
from recore.metrology.circles.circle import (
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
from recore.metrology.circles.least_squares import NoCircle, start_centre

_STEPS = 60
_OPTIMAL = 1e-11


def minimum_zone(x: Floats, y: Floats, start: tuple[float, float] | None = None) -> Circle:
    """Minimum zone with its certificate; the radius is the mean of the two circles' radii.

    Parameters
    ----------
    x, y : (n,) coordinates, at least 4 distinct points that are not collinear, in any order
    start : centre to start from, for instance the least-squares centre

    Returns
    -------
    Circle : contacts, multipliers and `residual`, the largest violation of the optimality condition
        relative to the radius (slack of a contact / radius, difference of the weighted normals,
        departure of the multipliers' sums from 1, negative multipliers); `proven` tells whether
        the minimum is the global one

    Raises
    ------
    NoCircle : the points lie on a line, or fewer than four directions are left

    References
    ----------
    ISO 12181-1:2011 (reference circles MZCI); Stiefel, Numer. Math. 1 (1959) 1–28 (exchange).
    """
    origin = start or start_centre(x, y)
    best = _from(x, y, origin, 0.0, 0.0)
    if best is None:  # from a centre on a line with two of them, say
        aside = float(np.ptp(x)) / 64, float(np.ptp(y)) / 48
        best = _from(x, y, origin, *aside)
    if best is None:
        raise NoCircle("the points lie in fewer than four directions from the centre")
    proven = _nowhere_else(*rough(x, y), origin, best)
    if not proven:
        best, proven = _searched(x, y, origin, best)
    return _circle(best.found, proven, origin)


def _from(x: Floats, y: Floats, origin: tuple[float, float], px: float, py: float) -> Optimum | None:
    """The local minimum downhill of a point; None where that sees fewer than four directions."""
    try:
        found = from_working_set(x, y, origin, (px, py), _local, far=True, near=True)
    except NoBasis:
        return None
    reach = 0.0
    if _circle(found, False, origin).residual < _OPTIMAL:
        far = ~np.signbit(found.more)
        differences = (found.normals[~far][:, None] - found.normals[far][None]).reshape(-1, 2)
        reach = 2 * found.inner * max(0.0, inradius(differences))
    return Optimum(found.inner - found.outer, reach, found)


def _local(x: Floats, y: Floats, start: tuple[float, float]) -> tuple[float, float, Indices, Floats]:
    """Local minimum by solving the zone linearised at the centre, moving there, and again."""
    cx, cy = start
    d, nx, ny = polar(x, y, cx, cy)
    n = len(x)
    members: list[int] | None = None
    zone = float(d.max() - d.min())
    size = float(d.max())
    slack = round_off(size) / 2
    for _ in range(_STEPS):

        def gradient(k: int, nx: Floats = nx, ny: Floats = ny) -> list[float]:
            return [nx[k], ny[k], 1.0, 1.0] if k < n else [-nx[k - n], -ny[k - n], -1.0, 1.0]

        def limit(k: int, d: Floats = d) -> float:
            return float(d[k]) if k < n else -float(d[k - n])

        def most_violated(z: Floats, d: Floats = d, nx: Floats = nx, ny: Floats = ny) -> tuple[int, float]:
            e = d - nx * z[0]
            e -= ny * z[1]
            e -= z[2]
            top, bottom = int(e.argmax()), int(e.argmin())
            if e[top] >= -e[bottom]:
                return top, float(e[top] - z[3])
            return bottom + n, float(-e[bottom] - z[3])

        for basis in _first_bases(d, nx, ny, members and members.copy()):
            with suppress(NoBasis):
                members, weights, z = exchange(basis, gradient, limit, most_violated, slack)
                break
        else:
            if members is None:
                raise NoBasis("the points lie in fewer than four directions from the centre")
            break
        if zone - 2 * z[3] <= slack:
            break
        share = 1.0
        while share > 1e-9:
            tx, ty = cx + share * float(z[0]), cy + share * float(z[1])
            td, tnx, tny = polar(x, y, tx, ty)
            narrower = float(td.max() - td.min())
            if narrower < zone:
                break
            share /= 2
        else:
            break
        cx, cy, d, nx, ny, zone = tx, ty, td, tnx, tny, narrower
    # the sign tells outer (+) from inner (-) contacts, also of a multiplier that is zero
    keys = np.array(members)
    return cx, cy, keys % n, np.copysign(weights, np.where(keys < n, 1.0, -1.0))


def _first_bases(d: Floats, nx: Floats, ny: Floats, last: list[int] | None) -> Iterator[list[int]]:
    """The last basis, which a long step may have spoilt; else four points in four quarters of the profile.

    The functions 1, cos, sin are a Chebyshev system on the circle: any four directions in order
    have multipliers of alternating sign, so every such four bound the zone from below.
    """
    if last is not None:
        yield last
    angle = np.arctan2(ny, nx)
    n = len(d)
    cuts = [n // 4, n // 2, 3 * n // 4]
    yield _outer_and_inner_in_turn(d, np.split(np.argpartition(angle, cuts), cuts))
    # points in one direction may have fallen into two quarters
    once = np.unique(angle, return_index=True)[1]
    if len(once) >= 4:
        yield _outer_and_inner_in_turn(d, np.array_split(once, 4))


def _outer_and_inner_in_turn(d: Floats, quarters: list[Indices]) -> list[int]:
    n = len(d)
    far = [int(q[d[q].argmax()]) for q in quarters]
    near = [int(q[d[q].argmin()]) for q in quarters]
    first = [far[0], near[1] + n, far[2], near[3] + n]
    other = [near[0] + n, far[1], near[2] + n, far[3]]
    width = [sum(d[k] if k < n else -d[k - n] for k in four) for four in (first, other)]
    return first if width[0] >= width[1] else other


def _at_distance(t: Floats, a: float, b: float, c: float) -> Floats:
    """Least zone about any centre at distance t (see the proof above)."""
    nearest = np.maximum(a * a - 2 * a * t * c, b * b - 2 * b * t * c) + t * t
    lower: Floats = np.sqrt(a * a + 2 * a * t * c + t * t) - np.sqrt(np.maximum(nearest, 0.0))
    return lower


def _nowhere_else(x: Floats, y: Floats, origin: tuple[float, float], best: Optimum) -> bool:
    """Whether the proof holds; some of the points will do, since a wider gap only weakens it."""
    a, b = best.found.inner, best.found.outer
    c = np.cos(largest_gap(x, y, origin[0] + best.x, origin[1] + best.y) / 2)
    if c <= 0.0 or best.reach <= 0.0:
        return False
    return bool(_at_distance(np.array(best.reach), a, b, float(c)) > b - a + round_off(b))


def _searched(x: Floats, y: Floats, origin: tuple[float, float], best: Optimum) -> tuple[Optimum, bool]:
    """The global minimum by branch and bound, where the profile goes far enough round to bound it."""
    a, b = best.found.inner, best.found.outer
    x0, y0 = x - origin[0], y - origin[1]
    c = float(np.cos(largest_gap(x0, y0, best.x, best.y) / 2))
    t = b * np.geomspace(1e-6, 4.0, 400)
    enough = t[_at_distance(t, a, b, c) > b - a]
    if c <= 0.0 or not len(enough):
        return best, False
    # no other point can be extreme about a centre within that distance
    d = np.hypot(x0 - best.x, y0 - best.y)
    some = (d >= b - 2.9 * enough[0]) | (d <= a + 2.9 * enough[0])
    x0, y0 = x0[some], y0[some]

    def value(px: Floats, py: Floats) -> Floats:
        r = distances(x0, y0, px, py)
        zone: Floats = r.min(axis=1) - r.max(axis=1)
        return zone

    deepest, proven = search(
        best, value, lambda px, py: _from(x, y, origin, px, py), slope=2.0, centre=(best.x, best.y),
        half=float(enough[0]), points=len(x0), tie=round_off(b),
    )  # fmt: skip
    return deepest or best, proven


def _circle(found: Solution[Floats], proven: bool, origin: tuple[float, float]) -> Circle:
    far = ~np.signbit(found.more)
    # each side's multipliers sum to one half in the programme for half the zone
    lam, mu = 2 * found.more[far], -2 * found.more[~far]
    out, into = found.distances[far], found.distances[~far]
    return Circle(
        found.x + origin[0], found.y + origin[1], (found.outer + found.inner) / 2, found.outer, found.inner,
        found.contacts[far], found.contacts[~far], lam, mu,
        residual(found.outer, found.inner, out, into, found.normals[far], found.normals[~far], lam, mu), proven,
    )  # fmt: skip


def residual(
    outer: float,
    inner: float,
    out: Floats,
    into: Floats,
    out_normals: Floats,
    into_normals: Floats,
    lam: Floats,
    mu: Floats,
) -> float:
    """Largest violation of the minimum zone's optimality condition, relative to the radius.

    Parameters
    ----------
    outer, inner : largest and smallest distance of any point from the centre
    out, into : (k,) distances of the outer and inner contacts
    out_normals, into_normals : (k, 2) their unit vectors from the centre
    lam, mu : (k,) their multipliers
    """
    unequal = np.hypot(*(lam @ out_normals - mu @ into_normals))
    slack = max(outer - out.min(), into.max() - inner) / ((outer + inner) / 2)
    sums = max(abs(lam.sum() - 1), abs(mu.sum() - 1))
    return float(max(unequal, slack, sums, -lam.min(), -mu.min()))
