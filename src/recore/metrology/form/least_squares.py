"""Least-squares features (Gaussian association), and where to start from."""

from __future__ import annotations

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
    normal, right, squares, zero = _normal_equations(feature, points, pose)
    last = np.inf
    for _ in range(_STEPS):
        try:
            step = np.asarray(np.linalg.solve(normal, right), dtype=np.float64)
        except np.linalg.LinAlgError:
            raise NotDetermined("the points leave a displacement of the feature free") from None
        length = float(np.abs(step[:-1]).max())
        # the steps of a converged sequence are round-off and no longer get shorter
        if length <= 4 * EPS or (length <= 1e-10 and length >= 0.5 * last):
            return pose, zero + float(right[-1] / normal[-1, -1]), normal
        share, last = 1.0, length
        while True:
            trial = feature.moved(pose, share * step)
            found = _normal_equations(feature, points, trial)
            if found[2] <= squares * (1 + 1e-9) + 1e-30 or share < 1e-3:
                break
            share /= 2
        pose = trial
        normal, right, squares, zero = found
        if not np.abs(pose.origin).max() < _FARTHEST:
            break
    raise NotDetermined("the way to the least-squares feature does not end: the points do not determine it")


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
    directions = np.vstack((np.eye(3), np.column_stack((flat * np.cos(turn), flat * np.sin(turn), height))))
    starts = []
    for axis in directions:
        frame = frame_about(axis)
        q = few @ frame[:2].T
        rows = np.column_stack((2 * q, np.ones(len(q))))
        solution = np.linalg.lstsq(rows, (q**2).sum(axis=1), rcond=1e-9)[0]
        d = np.hypot(*(q - solution[:2]).T)
        starts.append((float(d.std()), Pose(solution[:2] @ frame[:2], frame)))
    # parts are often set up along an axis of the machine: these directions are tried in any case
    order = sorted(range(len(starts)), key=lambda k: (starts[k][0], k))[:_BEST]
    best: tuple[float, Pose] | None = None
    for chosen in dict.fromkeys([*order, 0, 1, 2]):
        pose = starts[chosen][1]
        try:
            found = least_squares(Cylinder(), few, pose)
        except NotDetermined:
            continue
        if best is None or found.rms < best[0]:
            best = (found.rms, found.pose)
    if best is None:
        raise NotDetermined("the points determine no cylinder")
    return Pose(best[1].origin, frame_about(outward(best[1].frame[2])))


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
