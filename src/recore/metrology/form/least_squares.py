"""Least-squares features (Gaussian association), and where to start from."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from recore.metrology.form.feature import (
    CHUNK,
    EPS,
    Cylinder,
    Feature,
    Flat,
    Floats,
    NotDetermined,
    Pose,
    Sphere,
    all_distances,
    frame_about,
)

_STEPS = 500
_DETERMINED = 1e-6
_DIRECTIONS = 160
_FEW = 400
_BEST = 4
_FARTHEST = 1e4
_ROUGH_STEPS = 25
_ENDLESS = 1e8


@dataclass(frozen=True)
class Fit:
    """A feature with the least sum of squared distances.

    Parameters
    ----------
    pose, size : where it is; radius, or height over the origin
    residuals : (n,) distances minus size
    covariance : (unknowns, unknowns) of the displacement and size, for unit variance of one distance
    """

    pose: Pose
    size: float
    residuals: Floats
    covariance: Floats

    @property
    def deviation(self) -> float:
        """Peak to valley."""
        return float(np.ptp(self.residuals))

    @property
    def rms(self) -> float:
        return float(np.sqrt(np.mean(self.residuals**2)))


def least_squares(feature: Feature, points: Floats, start: Pose) -> Fit:
    """Least squares of the orthogonal distances by Gauss–Newton with step halving.

    Raises
    ------
    NotDetermined : the points leave a displacement of the feature free, or the way leads to infinity

    References
    ----------
    ISO 12780-1, 12781-1, 12180-1:2011 (least squares reference features).
    """
    few = points[:: max(1, len(points) // 2000)]
    pose = start
    if len(few) < len(points):
        pose = _converged(feature, few, pose)[0]
    pose, size, normal = _converged(feature, points, pose)
    scale = np.sqrt(np.diag(normal))
    if not (scale > _DETERMINED * scale.max()).all():
        raise NotDetermined("the points leave a displacement of the feature free")
    values = np.linalg.eigvalsh(normal / np.outer(scale, scale))
    if values[0] <= _DETERMINED**2 * values[-1]:
        raise NotDetermined("the points leave a displacement of the feature free")
    return Fit(
        pose,
        size,
        all_distances(feature, points, pose) - size,
        np.asarray(np.linalg.inv(normal), dtype=np.float64),
    )


def _converged(feature: Feature, points: Floats, pose: Pose) -> tuple[Pose, float, Floats]:
    pose, length, found = _downhill(feature, points, pose, _STEPS, 0.0)
    if not length <= 1e-10:
        raise NotDetermined(
            "the way to the least-squares feature does not end: the points do not determine it"
        )
    normal, right, _, zero = found
    return pose, zero + float(right[-1] / normal[-1, -1]), normal


def _downhill(
    feature: Feature, points: Floats, pose: Pose, steps: int, enough: float
) -> tuple[Pose, float, tuple[Floats, Floats, float, float]]:
    """Gauss–Newton until the steps are round-off, or `enough`: pose, length of the next step, normal equations there."""
    normal, right, squares, zero = _normal_equations(feature, points, pose)
    length = last = np.inf
    for _ in range(steps):
        try:
            step = np.asarray(np.linalg.solve(normal, right), dtype=np.float64)
        except np.linalg.LinAlgError:
            raise NotDetermined("the points leave a displacement of the feature free") from None
        length = float(np.abs(step[:-1]).max())
        if not length < _ENDLESS:
            raise NotDetermined("the points leave a displacement of the feature free")
        # the steps of a converged sequence are round-off and no longer get shorter
        if length <= max(4 * EPS, enough) or (length <= 1e-10 and length >= 0.5 * last):
            break
        # a longer step than the part is big says that the linear picture does not hold
        share, last = min(1.0, 0.5 / length), length
        while True:
            trial = feature.moved(pose, share * step)
            found = _normal_equations(feature, points, trial)
            if found[2] <= squares * (1 + 1e-9) + 1e-30 or share < 1e-3:
                break
            share /= 2
        pose = trial
        normal, right, squares, zero = found
        if not np.abs(pose.origin).max() < _FARTHEST:
            raise NotDetermined("the way to the least-squares feature leads to infinity")
    return pose, length, (normal, right, squares, zero)


def _normal_equations(feature: Feature, points: Floats, pose: Pose) -> tuple[Floats, Floats, float, float]:
    """Normal equations of e - e_0 ≈ J p, the least sum of squares at this pose, and e_0."""
    m = feature.unknowns
    normal, right = np.zeros((m, m)), np.zeros(m)
    squares = 0.0
    zero = float(feature.distances(pose.local(points[:1]))[0])
    for first in range(0, len(points), CHUNK):
        local = pose.local(points[first : first + CHUNK])
        rows = feature.rows(local)
        e = feature.distances(local) - zero
        normal += rows.T @ rows
        right += rows.T @ e
        squares += float(e @ e)
    return normal, right, squares - right[-1] ** 2 / len(points), zero


def start_of_flat(points: Floats) -> Pose:
    """Normal from the smallest principal axis."""
    middle = points.mean(axis=0)
    few = points - middle
    axes = np.linalg.eigh(few.T @ few)[1]
    return Pose(middle, frame_about(outward(axes[:, 0])))


def start_of_sphere(points: Floats) -> Pose:
    """Centre of the sphere with the least algebraic distances.

    Raises
    ------
    NotDetermined : the points lie in a plane
    """
    few = points[:: max(1, len(points) // 2000)]
    rows = np.column_stack((2 * few, np.ones(len(few))))
    solution, _, rank, _ = np.linalg.lstsq(rows, (few**2).sum(axis=1), rcond=_DETERMINED)
    if rank < 4:
        raise NotDetermined("the points lie in a plane, or on a circle")
    return Pose(solution[:3], np.eye(3))


def start_of_cylinder(points: Floats) -> Pose:
    """Axis from the best of many directions: circles through the projections, then least squares of a few.

    Raises
    ------
    NotDetermined : none of the directions leads to a cylinder
    """
    few = points[:: max(1, len(points) // _FEW)]
    k = np.arange(_DIRECTIONS) + 0.5
    height, turn = 1 - k / _DIRECTIONS, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - height**2)
    own = np.linalg.eigh(np.cov(few.T))[1].T
    directions = np.vstack(
        (np.eye(3), own, np.column_stack((flat * np.cos(turn), flat * np.sin(turn), height)))
    )
    frames = np.array([frame_about(axis) for axis in directions])
    spread, centres = _circles_through(np.einsum("dij,nj->dni", frames[:, :2], few))
    # along an axis of the machine, or long, or short: these directions are tried in any case
    order = np.argsort(spread, kind="stable")[:_BEST].tolist()
    found: list[tuple[float, int, Pose]] = []
    for chosen in dict.fromkeys([*order, *range(6)]):
        pose = Pose(centres[chosen] @ frames[chosen, :2], frames[chosen])
        with suppress(NotDetermined):
            pose, _, (_, _, squares, _) = _downhill(Cylinder(), few, pose, _ROUGH_STEPS, 1e-6)
            found.append((squares, len(found), pose))
    for _, _, pose in sorted(found, key=lambda one: one[:2]):
        # the least sum of squares may belong to a cylinder that grows without end
        with suppress(NotDetermined):
            pose = least_squares(Cylinder(), few, pose).pose
            return Pose(pose.origin, frame_about(outward(pose.frame[2])))
    raise NotDetermined("the points determine no cylinder")


def _circles_through(q: Floats) -> tuple[Floats, Floats]:
    """Scatter about, and centre of, the circles with the least algebraic distances (Kåsa); q (directions, n, 2)."""
    middle = q.mean(axis=1)
    u = q - middle[:, None]
    squares = (u * u).sum(axis=2)
    normal = np.einsum("dni,dnj->dij", u, u)
    # points seen on end lie on a line: keep the system solvable, least squares will tell
    normal += 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(2)
    right = np.einsum("dni,dn->di", u, squares) / 2
    shift = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    away = np.sqrt(((u - shift[:, None]) ** 2).sum(axis=2))
    return away.std(axis=1), middle + shift


def outward(axis: Floats) -> Floats:
    """The direction whose largest component is positive."""
    return axis if axis[int(np.abs(axis).argmax())] > 0 else -axis


def least_squares_of(feature: Feature, points: Floats, start: Pose | None = None) -> Fit:
    """Least squares from the feature's own start; the cylinder's origin lies in the middle of its length."""
    if start is None:
        if isinstance(feature, Flat):
            start = start_of_flat(points)
        elif isinstance(feature, Sphere):
            start = start_of_sphere(points)
        else:
            start = start_of_cylinder(points)
    fit = least_squares(feature, points, start)
    if not isinstance(feature, Cylinder):
        return fit
    along = fit.pose.local(points)[:, 2]
    middle = (float(along.min()) + float(along.max())) / 2
    pose = Pose(fit.pose.origin + middle * fit.pose.frame[2], fit.pose.frame)
    return least_squares(feature, points, pose)
