"""Remaining life from condition: features of a record so far, and a Gaussian process over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# lengths of the looks back, in readings, and the weight that holds a slope from few readings near zero
_LOOKS = ((10, 50.0), (30, 200.0), (80, 800.0))
_EARLY = 20
_LEAST = 10


def features(readings: Vector, at: NDArray[np.intp]) -> Vector:
    """What a unit's record says after each of some numbers of readings.

    Level and slope of every channel over the last 10, 30 and 80 readings (least squares, the slope of a short
    look held near zero), the level it began with, and its age.

    Parameters
    ----------
    readings : one unit's record in the order of time, scaled [n, channels]
    at : numbers of readings after which to look [m], each ≥ 1

    Returns
    -------
    [m, 7 channels + 2]
    """
    n = len(readings)
    index = np.arange(n, dtype=np.float64)
    # running sums make every look back a difference of two of them
    sums = np.vstack([np.zeros(readings.shape[1]), np.cumsum(readings, axis=0)])
    moments = np.vstack([np.zeros(readings.shape[1]), np.cumsum(readings * index[:, None], axis=0)])
    found = []
    for look, held in _LOOKS:
        begin = np.maximum(at - look, 0)
        k = (at - begin).astype(np.float64)[:, None]
        total = sums[at] - sums[begin]
        middle = ((begin + at - 1) / 2.0)[:, None]
        slope = (moments[at] - moments[begin] - middle * total) / (k * (k * k - 1.0) / 12.0 + held)
        found += [total / k + slope * (k - 1.0) / 2.0, slope * 30.0]
    early = np.minimum(at, _EARLY)
    found.append(sums[early] / early[:, None])
    age = at.astype(np.float64)[:, None]
    found += [age / 100.0, np.log(age)]
    return np.hstack(found)


@dataclass(frozen=True)
class Examples:
    """Looks at units of known life: features [m, d], remaining readings [m] and unit [m]."""

    x: Vector
    remaining: Vector
    unit: NDArray[np.intp]

    def of(self, chosen: NDArray[np.bool_]) -> Examples:
        return Examples(self.x[chosen], self.remaining[chosen], self.unit[chosen])


def examples(units: list[Vector], every: int) -> Examples:
    """Looks at every `every`-th reading of units that ran to failure, from the tenth reading on."""
    x, remaining, number = [], [], []
    for unit, readings in enumerate(units):
        at = np.arange(min(_LEAST, len(readings)), len(readings) + 1, every)
        x.append(features(readings, at))
        remaining.append((len(readings) - at).astype(np.float64))
        number.append(np.full(len(at), unit, np.intp))
    return Examples(np.vstack(x), np.concatenate(remaining), np.concatenate(number))


@dataclass(frozen=True)
class Process:
    """Mean of a Gaussian process with a squared-exponential kernel, on a subset of the examples."""

    centre: Vector
    spread: Vector
    inputs: Vector
    weights: Vector
    mean: float
    width: float
    cap: float

    @classmethod
    def fitted(
        cls, given: Examples, cap: float, width: float, noise: float, most: int, rng: np.random.Generator
    ) -> Process:
        """Fit to at most `most` examples drawn without replacement; life beyond `cap` counts as `cap`."""
        centre, spread = given.x.mean(axis=0), given.x.std(axis=0)
        spread = np.where(spread > 0.0, spread, 1.0)
        drawn = np.sort(rng.permutation(len(given.x))[:most])
        inputs = (given.x[drawn] - centre) / spread
        target = np.minimum(given.remaining[drawn], cap)
        kernel = _kernel(inputs, inputs, width)
        kernel[np.diag_indices(len(drawn))] += noise
        from scipy.linalg import cho_factor, cho_solve

        weights = cho_solve(cho_factor(kernel, lower=True), target - target.mean())
        return cls(centre, spread, inputs, weights, float(target.mean()), width, cap)

    def remaining(self, x: Vector) -> Vector:
        """Readings until failure, at most the cap [m]."""
        scaled = (x - self.centre) / self.spread
        found = [
            _kernel(scaled[i : i + 2048], self.inputs, self.width) @ self.weights
            for i in range(0, len(scaled), 2048)
        ]
        clipped: Vector = np.clip(np.concatenate(found) + self.mean, 0.0, self.cap)
        return clipped


def _kernel(a: Vector, b: Vector, width: float) -> Vector:
    square = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2.0 * (a @ b.T)
    np.maximum(square, 0.0, out=square)
    square *= -width / a.shape[1]
    found: Vector = np.exp(square, out=square)
    return found
