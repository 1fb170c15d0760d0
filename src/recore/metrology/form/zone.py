"""Minimum zone of any feature, by exchange with certificate.

Minimise h under |e_i - J_i p| ≤ h: solved at the pose, the feature displaced by p, and again until
no first-order gain is left. At the optimum the multipliers of the touching points, y_k ≥ 0 with sum 1
and alternating sides s_k, balance: Σ y_k s_k J_k = 0. No small displacement can then narrow the zone.

For a line in a plane and a plane this is global under one condition. In the frame of the optimum
the zone of heights V(a) over slopes a is convex, V(a) ≥ V(0) + κ|a| with κ the least growth over all
directions, and the width of the zone across is V(a)/√(1 + |a|²). If κ ≥ V(0), then
(V(0) + κ|a|)² ≥ V(0)²(1 + |a|²) for every slope: no line or plane anywhere has a narrower zone.
For a sphere the proof is that of the circle (`circles.minimum_zone`): it uses only the plane through
the centre, the shifted centre and one point.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from recore.metrology.circles.circle import inradius
from recore.metrology.circles.exchange import NoBasis, exchange
from recore.metrology.form.feature import (
    EPS,
    Cylinder,
    Feature,
    Flat,
    Floats,
    Indices,
    NotDetermined,
    Pose,
    Sphere,
    all_distances,
)

_STEPS = 60
_ROUNDS = 60
WHOLE = 4096
_BLOCKS = 1024
_SLACK = 4 * EPS
_INDEPENDENT = 1e-9


@dataclass(frozen=True)
class Zone:
    """A feature between whose limits all points lie.

    Parameters
    ----------
    pose, size : where it is; radius or height, midway between the limits (for one limit: that limit)
    width : distance of the limits; for a circumscribed or inscribed feature, of the farthest and nearest point
    distances : (n,) of all points
    contacts : (k,) indices of the points that determine it
    sides : (k,) +1 outer or upper, -1 inner or lower limit
    multipliers : (k,) of the contacts, sum 1
    response : (unknowns, k) change of displacement and size per unit change of a contact's distance
    residual : largest violation of the optimality condition (1 is half the largest extent of the points)
    proven : no other pose gives a better one; False: none near this one does
    """

    pose: Pose
    size: float
    width: float
    distances: Floats
    contacts: Indices
    sides: Floats
    multipliers: Floats
    response: Floats = field(repr=False)
    residual: float
    proven: bool


def minimum_zone(feature: Feature, points: Floats, start: Pose) -> Zone:
    """Minimum zone (Chebyshev association) downhill of a pose, for instance the least-squares one.

    Raises
    ------
    NotDetermined : the points leave a displacement of the feature free

    References
    ----------
    ISO 12780-1, 12781-1, 12180-1:2011 (minimum zone reference features); Stiefel, Numer. Math. 1 (1959)
    1–28 (exchange); Anthony et al., Reference software for finding Chebyshev best-fit geometric elements,
    Precision Engineering 19 (1996) 28–36 (the programmes of plane, sphere and cylinder).
    """
    few, pose = first_few(feature, points, start), start
    members: list[int] | None = None
    for _ in range(_ROUNDS):
        part = points if few is None else points[few]
        pose, members = _local(feature, part, pose)
        if few is None:
            break
        e = all_distances(feature, points, pose)
        inside = e[few]
        beyond = extremes(e)
        slack = _SLACK * (1 + float(inside.max()))
        beyond = beyond[(e[beyond] > inside.max() + slack) | (e[beyond] < inside.min() - slack)]
        if not len(beyond):
            break
        few = np.concatenate((few, beyond))
    assert members is not None
    keys = np.array(members)
    count = len(points) if few is None else len(few)
    chosen = keys % count
    contacts = chosen if few is None else few[chosen]
    sides = np.where(keys < count, 1.0, -1.0)
    return _zone(feature, points, pose, contacts, sides)


def _zone(feature: Feature, points: Floats, pose: Pose, contacts: Indices, sides: Floats) -> Zone:
    e = all_distances(feature, points, pose)
    upper, lower = float(e.max()), float(e.min())
    rows = feature.rows(pose.local(points[contacts]))
    system = np.column_stack((sides[:, None] * rows, np.ones(len(contacts))))
    inverse = np.linalg.inv(system)
    weights = inverse[-1]
    unbalanced = float(np.abs(weights * sides @ rows).max())
    touching = np.where(sides > 0, upper - e[contacts], e[contacts] - lower)
    residual = max(unbalanced, float(touching.max()), float(-weights.min()), abs(float(weights.sum()) - 1))
    zone = Zone(
        pose, (upper + lower) / 2, upper - lower, e, contacts, sides, weights,
        inverse[:-1] * sides, residual, False,
    )  # fmt: skip
    proven = residual < 1e-11 and _is_global(feature, points, zone, rows)
    return replace(zone, proven=proven)


def _local(feature: Feature, points: Floats, pose: Pose) -> tuple[Pose, list[int]]:
    """Local minimum by solving the zone linearised at the pose, moving there, and again."""
    n = len(points)
    local = pose.local(points)
    e, rows = feature.distances(local), feature.rows(local)
    zone = float(np.ptp(e))
    members: list[int] | None = None
    for _ in range(_STEPS):
        slack = _SLACK * (1 + float(np.abs(e).max())) / 2

        def gradient(k: int, rows: Floats = rows) -> list[float]:
            return [*rows[k], 1.0] if k < n else [*(-rows[k - n]), 1.0]

        def limit(k: int, e: Floats = e) -> float:
            return float(e[k]) if k < n else -float(e[k - n])

        def most_violated(z: Floats, e: Floats = e, rows: Floats = rows) -> tuple[int, float]:
            left = e - rows @ z[:-1]
            top, bottom = int(left.argmax()), int(left.argmin())
            if left[top] >= -left[bottom]:
                return top, float(left[top] - z[-1])
            return bottom + n, float(-left[bottom] - z[-1])

        for basis in (members and members.copy(), None):
            with suppress(NoBasis):
                members, _, z = exchange(
                    basis or _reference(e, rows), gradient, limit, most_violated, slack
                )
                break
        else:
            raise NotDetermined("the points leave a displacement of the feature free")
        if zone - 2 * z[-1] <= slack:
            break
        share = 1.0
        while share > 1e-9:
            trial = feature.moved(pose, share * z[:-1])
            local = trial.local(points)
            moved = feature.distances(local)
            if float(np.ptp(moved)) < zone:
                break
            share /= 2
        else:
            break
        pose, e, rows, zone = trial, moved, feature.rows(local), float(np.ptp(moved))
    assert members is not None
    return pose, members


def _reference(e: Floats, rows: Floats) -> list[int]:
    """A first basis: any points whose rows span the unknowns, and one more, bound the zone from below.

    Their dependence Σ λ_k J_k = 0 gives multipliers |λ_k| and sides by sign. The rows are taken by
    pivoting, the one more where the feature through the others misses most.
    """
    left = rows / np.linalg.norm(rows, axis=0)
    chosen: list[int] = []
    for _ in range(rows.shape[1]):
        norms = (left * left).sum(axis=1)
        k = int(norms.argmax())
        largest = float(np.sqrt(norms[k]))
        if largest < _INDEPENDENT / np.sqrt(len(rows)):
            raise NotDetermined("the points leave a displacement of the feature free")
        chosen.append(k)
        direction = left[k] / largest
        left = left - np.outer(left @ direction, direction)
    through = np.linalg.solve(rows[chosen], e[chosen])
    missed = e - rows @ through
    missed[chosen] = 0.0
    more = int(np.abs(missed).argmax())
    if more in chosen:
        more = next(k for k in range(len(e)) if k not in chosen)
    share = np.linalg.solve(rows[chosen].T, rows[more])
    sign = -1.0 if missed[more] < 0 else 1.0
    dependence = sign * np.append(-share, 1.0)
    return [
        k if side >= 0 else k + len(e) for k, side in zip([*chosen, more], dependence.tolist(), strict=True)
    ]


def first_few(feature: Feature, points: Floats, pose: Pose) -> Indices | None:
    if len(points) <= WHOLE:
        return None
    spread = np.arange(0, len(points), max(1, len(points) // 256))
    return np.unique(np.concatenate((extremes(all_distances(feature, points, pose)), spread)))


def extremes(e: Floats) -> Indices:
    """Indices of the largest and smallest value of each block of consecutive ones."""
    size = len(e) // _BLOCKS
    whole = size * _BLOCKS
    blocks = e[:whole].reshape(_BLOCKS, size)
    base = np.arange(_BLOCKS) * size
    return np.concatenate(
        (base + blocks.argmax(axis=1), base + blocks.argmin(axis=1), np.arange(whole, len(e)))
    )


def _is_global(feature: Feature, points: Floats, zone: Zone, rows: Floats) -> bool:
    if isinstance(feature, Cylinder):
        return False
    high, low = rows[zone.sides > 0, :-1], rows[zone.sides < 0, :-1]
    growth = _inradius((high[:, None] - low[None]).reshape(-1, rows.shape[1] - 1))
    if isinstance(feature, Flat):
        return growth >= zone.width
    return isinstance(feature, Sphere) and _sphere_is_global(points, zone, growth)


def _sphere_is_global(points: Floats, zone: Zone, growth: float) -> bool:
    a, b = zone.size - zone.width / 2, zone.size + zone.width / 2
    reach = 2 * a * growth
    away = points[:: max(1, len(points) // 2000)] - zone.pose.origin
    c = _inradius(away / np.linalg.norm(away, axis=1)[:, None])
    if reach <= 0 or c <= 0:
        return False
    nearest = max(a * a - 2 * a * reach * c, b * b - 2 * b * reach * c) + reach * reach
    at_reach = np.sqrt(a * a + 2 * a * reach * c + reach * reach) - np.sqrt(max(nearest, 0.0))
    return bool(at_reach > zone.width + _SLACK)


def _inradius(vectors: Floats) -> float:
    """Distance from the origin to the border of the convex hull of vectors; negative outside it."""
    if vectors.shape[1] == 1:
        return float(min(vectors.max(), -vectors.min()))
    if vectors.shape[1] == 2:
        return inradius(vectors)
    from scipy.spatial import ConvexHull, QhullError

    try:
        return float(-ConvexHull(vectors).equations[:, -1].max())
    except (QhullError, ValueError):
        return -1.0


def coverage(normals: Floats) -> float:
    """Half the widest empty cone [rad] of directions: π/2 or more where the directions lie in one half."""
    return float(np.arccos(np.clip(_inradius(normals), -1.0, 1.0)))
