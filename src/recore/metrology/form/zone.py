"""Minimum zone of any feature, by exchange with certificate.

Minimise h under |e_i - J_i p| ≤ h: solved at the pose, the feature displaced by p, and again until
no first-order gain is left. At the optimum the multipliers of the touching points, y_k ≥ 0 with sum 1
and alternating sides s_k, balance: Σ y_k s_k J_k = 0. No small displacement can then narrow the zone.

For a line in a plane and a plane this is global under one condition. In the frame of the optimum
the zone of heights V(a) over slopes a is convex, V(a) ≥ V(0) + κ|a| with κ the least growth over all
directions, and the width of the zone across is V(a)/√(1 + |a|²). If κ ≥ V(0), then
(V(0) + κ|a|)² ≥ V(0)²(1 + |a|²) for every slope: no line or plane anywhere has a narrower zone.
Where contacts in one row leave κ = 0: with D the least width of the points along the plane, V(a) ≥ D|a| - V(0), so that
slopes over t = 2 V(0) / (D - V(0)) are out, and below t the cosine takes no more than t²/2 of V(0). Up to a millionth of
the width that counts as proven too.
For a sphere the proof is that of the circle (`circles.minimum_zone`): it uses only the plane through
the centre, the shifted centre and one point.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from recore.metrology.circles.circle import inradius
from recore.metrology.circles.exchange import NoBasis
from recore.metrology.form.chebyshev import levelled, reference
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
_CERTAIN = 1e-9
_NARROWER = 1e-6
_WAYS = 64


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
    residual : largest violation of the optimality condition: imbalance of the multipliers, negative ones, departure
        of their sum from 1, or a multiplier times what its contact lacks to touch (1 is about half the largest
        extent of the points)
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
    # a contact that the curvature of the distance keeps from touching must have next to no multiplier
    gap = float((np.abs(weights) * touching).max())
    residual = max(unbalanced, gap, float(-weights.min()), abs(float(weights.sum()) - 1))
    zone = Zone(
        pose, (upper + lower) / 2, upper - lower, e, contacts, sides, weights,
        inverse[:-1] * sides, residual, False,
    )  # fmt: skip
    proven = residual < _CERTAIN and _is_global(feature, points, zone, rows)
    return replace(zone, proven=proven)


def _local(feature: Feature, points: Floats, pose: Pose) -> tuple[Pose, list[int]]:
    """Local minimum by solving the zone linearised at the pose, moving there, and again."""
    local = pose.local(points)
    e, rows = feature.distances(local), feature.rows(local)
    zone = float(np.ptp(e))
    members: list[int] | None = None
    for _ in range(_STEPS):
        slack = _SLACK * (1 + float(np.abs(e).max())) / 2
        for basis in (members, None):
            with suppress(NoBasis):
                members, z = levelled(e, rows, basis or reference(e, rows), slack)
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
    growth = inradius_of((high[:, None] - low[None]).reshape(-1, rows.shape[1] - 1))
    if isinstance(feature, Flat):
        if growth >= zone.width:
            return True
        room = _least_width(zone.pose.local(points)[:, :-1]) - zone.width
        return room > 0 and 2 * (zone.width / room) ** 2 <= _NARROWER
    return isinstance(feature, Sphere) and _sphere_is_global(points, zone, growth)


def _least_width(along: Floats) -> float:
    """A lower bound on the width of points (n, 1) or (n, 2) over all directions."""
    if along.shape[1] == 1:
        return float(np.ptp(along))
    angle = np.arange(_WAYS) * np.pi / _WAYS
    widths = [float(np.ptp(along @ np.array([np.cos(a), np.sin(a)]))) for a in angle]
    # between two directions a width changes by no more than the diameter times the angle
    return min(widths) - float(np.hypot(*np.ptp(along, axis=0))) * np.pi / (2 * _WAYS)


def _sphere_is_global(points: Floats, zone: Zone, growth: float) -> bool:
    a, b = zone.size - zone.width / 2, zone.size + zone.width / 2
    reach = 2 * a * growth
    away = points[:: max(1, len(points) // 2000)] - zone.pose.origin
    c = inradius_of(away / np.linalg.norm(away, axis=1)[:, None])
    if reach <= 0 or c <= 0:
        return False
    nearest = max(a * a - 2 * a * reach * c, b * b - 2 * b * reach * c) + reach * reach
    at_reach = np.sqrt(a * a + 2 * a * reach * c + reach * reach) - np.sqrt(max(nearest, 0.0))
    return bool(at_reach > zone.width + _SLACK)


def inradius_of(vectors: Floats) -> float:
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


def widest_empty_cone(away: Floats) -> float:
    """Half the opening [rad] of the widest cone from the centre without a point; (n, 3) vectors from it."""
    few = away[:: max(1, len(away) // 2000)]
    cosine = inradius_of(few / np.linalg.norm(few, axis=1)[:, None])
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)))
