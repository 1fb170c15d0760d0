"""Points whose minimum zone, circumscribed or inscribed cylinder is known by construction.

Any unknowns + 1 points have one dependence Σ λ_k J_k = 0 between their rows. Moved out by h where λ_k > 0 and in
where λ_k < 0, with every other point strictly between, they satisfy the optimality condition at the ideal pose:
the zone is 2 h, with multipliers |λ_k| / Σ|λ|.
"""

import numpy as np

from recore.metrology.form.feature import Cylinder, Flat, Pose, Sphere

UPRIGHT = Pose(np.zeros(3), np.eye(3))


def ideal(feature, n, rng):
    """Points on the ideal feature, and the direction of their distance."""
    if isinstance(feature, Flat):
        points = rng.uniform(-1, 1, (n, feature.dimension))
        points[:, -1] = 0
        across = np.zeros_like(points)
        across[:, -1] = 1
        return points, across
    if isinstance(feature, Sphere):
        across = rng.normal(size=(n, 3))
        across /= np.linalg.norm(across, axis=1)[:, None]
        return 0.8 * across, across
    angle, z = rng.uniform(0, 2 * np.pi, n), rng.uniform(-1, 1, n)
    across = np.column_stack((np.cos(angle), np.sin(angle), np.zeros(n)))
    return 0.4 * across + np.outer(z, [0, 0, 1]), across


def known_zone(feature, n, half, rng):
    """Points with a zone of 2 half, and their five or so contacts."""
    upright = Pose(np.zeros(2), np.eye(2)) if feature == Flat(2) else UPRIGHT
    while True:
        points, across = ideal(feature, n, rng)
        contacts = np.arange(feature.unknowns + 1)
        rows = feature.rows(upright.local(points[contacts]))
        dependence = np.linalg.svd(rows.T)[2][-1]
        if np.abs(dependence).min() > 0.05 * np.abs(dependence).max():
            break
    e = half * rng.uniform(-0.95, 0.95, n)
    e[contacts] = half * np.sign(dependence)
    return points + e[:, None] * across, np.abs(dependence) / np.abs(dependence).sum()


def known_one_sided(n, half, side, rng):
    """Points of a cylinder whose circumscribed (side 1) or inscribed (-1) cylinder has the radius 0.4 + side half."""
    while True:
        points, across = ideal(Cylinder(), n, rng)
        rows = Cylinder().rows(points[:5])[:, :4]
        dependence = np.linalg.svd(rows.T)[2][-1]
        dependence = dependence / dependence.sum()
        if dependence.min() > 0.05:
            break
    e = half * rng.uniform(-0.95, 0.95, n)
    e[:5] = side * half
    return points + e[:, None] * across, dependence


def rigid(points, rng):
    """The points turned and shifted at random."""
    d = points.shape[1]
    q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    if np.linalg.det(q) < 0:
        q[0] *= -1
    return points @ q.T + rng.uniform(-3, 3, d)
