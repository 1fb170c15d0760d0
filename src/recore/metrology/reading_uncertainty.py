"""From the uncertainty of one reading to that of a roundness deviation and a centre."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from recore.metrology.circles import Circle, Sensitivity

Floats = NDArray[np.float64]

_FEW = 64


@dataclass(frozen=True)
class ReadingErrors:
    """Independent errors of the readings, all of one spread, perhaps sent through a filter.

    Parameters
    ----------
    spread : of one reading: expanded in, expanded out; standard in, standard out
    count : number of readings
    transmission : (count // 2 + 1,) filter's amplitude at each undulation, None where there is none
    """

    spread: float
    count: int
    transmission: Floats | None = None

    def of(self, points: NDArray[np.intp], weights: Floats) -> float:
        """Spread of the sum of weights times reading errors; a point may stand more than once."""
        if self.transmission is None and len(points) <= _FEW:
            sums: dict[int, float] = {}
            for point, weight in zip(points.tolist(), weights.tolist(), strict=True):
                sums[point] = sums.get(point, 0.0) + weight
            return self.spread * hypot(*sums.values())
        total = np.bincount(points, weights, self.count)
        if self.transmission is None:
            return self.spread * float(np.linalg.norm(total))
        # filtered errors are correlated along the profile: take the sum back to the readings
        spectrum = np.abs(np.fft.rfft(total) * self.transmission) ** 2
        twice = 2 * spectrum.sum() - spectrum[0] - (spectrum[-1] if self.count % 2 == 0 else 0.0)
        return self.spread * float(np.sqrt(twice / self.count))

    @property
    def of_one(self) -> float:
        """Spread of one reading after the filter."""
        return self.of(np.zeros(1, dtype=np.intp), np.ones(1))


@dataclass(frozen=True)
class CircleSpread:
    """Spread of what is said about one reference circle; None where there is no linear response."""

    deviation: float
    peak: float
    valley: float
    centre_x: float | None
    centre_y: float | None
    radius: float | None


def spread_about(
    circle: Circle, x: Floats, y: Floats, responses: Iterable[Sensitivity], errors: ReadingErrors
) -> CircleSpread:
    """Spread of deviation, centre and radius, the largest over all sets of contacts that may be the ones.

    Where more contacts tie than can be told apart, the deviation is taken as the difference of two
    independent readings, and nothing is stated for the centre.
    """
    d = circle.distances(x, y)
    found: list[tuple[float, ...]] = []
    for s in responses:
        ends = np.array([s.peak, s.valley])
        nx, ny = (x[ends] - circle.x) / d[ends], (y[ends] - circle.y) / d[ends]
        at = [s.centre_x * nx[k] + s.centre_y * ny[k] for k in (0, 1)]
        both = np.concatenate((s.points, ends))
        peak, valley = np.array([1.0, 0.0]), np.array([0.0, 1.0])
        found.append(
            (
                errors.of(both, np.concatenate((at[1] - at[0], peak - valley))),
                errors.of(both, np.concatenate((-at[0] - s.radius, peak))),
                errors.of(both, np.concatenate((at[1] + s.radius, -valley))),
                errors.of(s.points, s.centre_x),
                errors.of(s.points, s.centre_y),
                errors.of(s.points, s.radius),
            )
        )
    if not found:
        two = np.sqrt(2) * errors.of_one
        return CircleSpread(two, two, two, None, None, None)
    return CircleSpread(*(max(column) for column in zip(*found, strict=True)))


def spread_of_rms(
    circle: Circle, x: Floats, y: Floats, responses: Iterable[Sensitivity], errors: ReadingErrors
) -> float:
    """Spread of the root-mean-square deviation from a circle; of one reading, at most, where no response is."""
    d = circle.distances(x, y)
    e = d - circle.radius
    total = float(np.linalg.norm(e) * np.sqrt(len(e)))
    if total == 0.0:
        return errors.of_one
    e /= total
    safe = np.where(d == 0.0, 1.0, d)
    gx, gy, gr = float(e @ ((x - circle.x) / safe)), float(e @ ((y - circle.y) / safe)), float(e.sum())
    everywhere = np.arange(len(e))
    found = [
        errors.of(
            np.concatenate((everywhere, s.points)),
            np.concatenate((e, -s.centre_x * gx - s.centre_y * gy - s.radius * gr)),
        )
        for s in responses
    ]
    return max(found, default=errors.of_one)
