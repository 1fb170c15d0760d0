"""Ideal features, and how the distances of points from them answer small displacements.

A pose is an origin and an orthonormal frame whose last row is the normal of a line or plane, or the
axis of a cylinder. In the frame every feature is the same linear problem: distances e, and rows J
such that a displacement p makes them e - J p to first order. The last column of J is 1; its
unknown is the radius, or the height of a line or plane over the origin.

The kernels of this room take points (n, 2) or (n, 3) whose largest extent is about 1: see `Scaled`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

EPS = float(np.finfo(np.float64).eps)
CHUNK = 8192  # pieces whose temporaries stay in the second-level cache


class NotDetermined(ValueError):
    """The points do not determine the feature."""


@dataclass(frozen=True)
class Scaled:
    """Points about their middle in units of a power of two, so that no digit of the form is lost.

    Parameters
    ----------
    points : (n, 2) or (n, 3)
    middle : what was subtracted, in the unit the points came in
    unit : what was divided by
    """

    points: Floats
    middle: Floats
    unit: float

    @classmethod
    def of(cls, points: Floats) -> Scaled:
        low, high = points.min(axis=0), points.max(axis=0)
        middle = (low + high) / 2
        extent = float((high - low).max()) / 2
        if extent <= 64 * EPS * float(np.abs(middle).max()) or extent == 0.0:
            raise NotDetermined("all points are the same")
        unit = float(2.0 ** np.ceil(np.log2(extent)))
        return cls((points - middle) / unit, middle, unit)


@dataclass(frozen=True)
class Pose:
    """Where a feature is: origin, and frame of orthonormal rows with the normal or axis last."""

    origin: Floats
    frame: Floats

    def local(self, points: Floats) -> Floats:
        """Coordinates of points in the frame."""
        coordinates: Floats = (points - self.origin) @ self.frame.T
        return coordinates

    def turned(self, tilt: Floats) -> Floats:
        """The frame with its last row tilted by small amounts along the others."""
        old = self.frame[-1]
        new = old + tilt @ self.frame[:-1]
        new = new / np.linalg.norm(new)
        both = old + new
        rotation = np.eye(len(old)) - np.outer(both, both) / (1 + old @ new) + 2 * np.outer(new, old)
        frame: Floats = self.frame @ rotation.T
        return frame


def frame_about(axis: Floats) -> Floats:
    """An orthonormal frame whose last row is a given direction."""
    axis = axis / np.linalg.norm(axis)
    first = np.eye(len(axis))[int(np.abs(axis).argmin())]
    first = first - (first @ axis) * axis
    first = first / np.linalg.norm(first)
    if len(axis) == 2:
        return np.array([first, axis])
    return np.array([first, np.cross(axis, first), axis])


class Feature(Protocol):
    """A line in a plane, a plane, a cylinder or a sphere."""

    @property
    def unknowns(self) -> int:
        """Columns of the rows."""
        ...

    def distances(self, local: Floats) -> Floats:
        """Heights over a line or plane, distances from an axis or a centre."""
        ...

    def rows(self, local: Floats) -> Floats:
        """(n, unknowns) first-order answer of the distances."""
        ...

    def moved(self, pose: Pose, p: Floats) -> Pose:
        """The pose after a displacement; the last unknown is not part of it."""
        ...


@dataclass(frozen=True)
class Flat:
    """A line in a plane (dimension 2) or a plane in space (dimension 3)."""

    dimension: int

    @property
    def unknowns(self) -> int:
        return self.dimension

    def distances(self, local: Floats) -> Floats:
        return local[:, -1]

    def rows(self, local: Floats) -> Floats:
        return np.column_stack((local[:, :-1], np.ones(len(local))))

    def moved(self, pose: Pose, p: Floats) -> Pose:
        return Pose(pose.origin, pose.turned(-p[:-1]))


@dataclass(frozen=True)
class Cylinder:
    """Unknowns: shift along both cross directions, tilt along both, radius."""

    unknowns: int = 5

    def distances(self, local: Floats) -> Floats:
        d: Floats = np.sqrt(local[:, 0] ** 2 + local[:, 1] ** 2)
        return d

    def rows(self, local: Floats) -> Floats:
        d = self.distances(local)
        d[d == 0.0] = 1.0
        nx, ny, z = local[:, 0] / d, local[:, 1] / d, local[:, 2]
        return np.column_stack((nx, ny, nx * z, ny * z, np.ones(len(d))))

    def moved(self, pose: Pose, p: Floats) -> Pose:
        return Pose(pose.origin + p[:2] @ pose.frame[:2], pose.turned(p[2:4]))


@dataclass(frozen=True)
class Sphere:
    """Unknowns: shift of the centre, radius."""

    unknowns: int = 4

    def distances(self, local: Floats) -> Floats:
        d: Floats = np.sqrt((local**2).sum(axis=1))
        return d

    def rows(self, local: Floats) -> Floats:
        d = self.distances(local)
        d[d == 0.0] = 1.0
        return np.column_stack((local / d[:, None], np.ones(len(d))))

    def moved(self, pose: Pose, p: Floats) -> Pose:
        return Pose(pose.origin + p[:3] @ pose.frame, pose.frame)


def all_distances(feature: Feature, points: Floats, pose: Pose) -> Floats:
    """Distances of any number of points, in cached pieces."""
    if len(points) <= CHUNK:
        return feature.distances(pose.local(points))
    pieces = (points[i : i + CHUNK] for i in range(0, len(points), CHUNK))
    return np.concatenate([feature.distances(pose.local(piece)) for piece in pieces])
