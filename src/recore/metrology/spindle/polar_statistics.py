"""One pass over a record: mean, extremes and scatter of every motion at every angle of the rotor.

A motion (x, y, rotating sensitive direction, tilt …) is a weighted sum of the probes with weights that may change
with the angle. What is kept does not grow with the record, so that it may be longer than the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Polar:
    """A motion over the angle of the rotor, as in a polar plot.

    Parameters
    ----------
    mean, highest, lowest : (angle,) over the revolutions, at each angle [unit of the motion]
    sigma : (angle,) standard deviation of the revolutions at each angle
    revolutions : how many
    """

    mean: Floats
    highest: Floats
    lowest: Floats
    sigma: Floats
    revolutions: int

    def plus(self, plot: Floats) -> Polar:
        """The motion with something added that repeats every revolution."""
        return replace(self, mean=self.mean + plot, highest=self.highest + plot, lowest=self.lowest + plot)


@njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract"})  # type: ignore[untyped-decorator, unused-ignore]
def _accumulate(
    block: NDArray[np.float64], weights: Floats, first: Floats, sums: Floats, squares: Floats, top: Floats,
    bottom: Floats,
) -> None:  # fmt: skip
    """Take in revolutions, float64 [channel, revolution, angle]; all sums run in the order of the revolutions, so
    that any cut into blocks gives the same bits."""
    channels, revolutions, angles = block.shape
    row = np.empty(angles)
    for r in range(revolutions):
        for q in range(weights.shape[0]):
            w, m = weights[q, 0], block[0, r]
            for a in range(angles):
                row[a] = w[a] * m[a] - first[q, a]
            for p in range(1, channels):
                w, m = weights[q, p], block[p, r]
                for a in range(angles):
                    row[a] += w[a] * m[a]
            total, square, high, low = sums[q], squares[q], top[q], bottom[q]
            for a in range(angles):
                d = row[a]
                total[a] += d
                square[a] += d * d
                high[a] = d if d > high[a] else high[a]
                low[a] = d if d < low[a] else low[a]


class PolarStatistics:
    """Running statistics of several motions.

    Parameters
    ----------
    weights : float64 [motion, channel, angle]
    """

    def __init__(self, weights: Floats) -> None:
        self._weights = np.ascontiguousarray(weights)
        motions, _, angles = weights.shape
        self.revolutions = 0
        # values are taken from the first revolution, so that an offset of the probe costs no digits
        self._first = np.zeros((motions, angles))
        self._sums, self._squares = np.zeros((motions, angles)), np.zeros((motions, angles))
        self._top, self._bottom = np.zeros((motions, angles)), np.zeros((motions, angles))

    def update(self, block: Floats) -> None:
        """Take in whole revolutions; float64 [channel, revolution, angle]."""
        if not self.revolutions:
            self._first = np.einsum("qpa,pa->qa", self._weights, block[:, 0])
        _accumulate(block, self._weights, self._first, self._sums, self._squares, self._top, self._bottom)
        self.revolutions += block.shape[1]

    def polars(self) -> list[Polar]:
        """What was found so far, motion by motion."""
        m = self.revolutions
        mean = self._sums / m
        variance = np.maximum(self._squares - m * mean**2, 0.0) / max(m - 1, 1)
        return [
            Polar(
                self._first[q] + mean[q],
                self._first[q] + self._top[q],
                self._first[q] + self._bottom[q],
                np.sqrt(variance[q]),
                m,
            )
            for q in range(len(mean))
        ]


class Revolving:
    """Drift and once-per-revolution signal of every channel, revolution by revolution.

    Parameters
    ----------
    channels, samples : how many, and samples per revolution
    sense : +1 where the rotor turns counter-clockwise, −1 clockwise
    """

    def __init__(self, channels: int, samples: int, sense: int = 1) -> None:
        t = 2 * np.pi * np.arange(samples) / samples * sense
        self._basis = np.column_stack((np.full(samples, 0.5), np.cos(t), np.sin(t))) * 2 / samples
        self._first = np.zeros(channels)
        self._mean = np.zeros(channels)
        self._timed = np.zeros(channels)
        self._lowest, self._highest = np.zeros(channels), np.zeros(channels)
        self._amplitude: NDArray[np.complex128] = np.zeros(channels, dtype=np.complex128)
        self._size = np.zeros(channels)
        self._power = 0.0
        self._turned = 0j
        self._last: NDArray[np.complex128] | None = None
        self.revolutions = 0

    def update(self, block: Floats) -> None:
        """Take in whole revolutions; float64 [channel, revolution, angle]."""
        channels, count, samples = block.shape
        found = (block.reshape(-1, samples) @ self._basis).reshape(channels, count, 3)
        if not self.revolutions:
            self._first = found[:, 0, 0].copy()
        level = found[:, :, 0] - self._first[:, None]
        index = self.revolutions + np.arange(count)
        self._mean += level.sum(axis=1)
        self._timed += level @ index
        self._lowest = np.minimum(self._lowest, level.min(axis=1))
        self._highest = np.maximum(self._highest, level.max(axis=1))
        turning = found[:, :, 1] - 1j * found[:, :, 2]
        self._amplitude += turning.sum(axis=1)
        self._size += np.abs(turning).sum(axis=1)
        self._power += float(np.sum(np.abs(turning) ** 2))
        chain = turning if self._last is None else np.column_stack((self._last, turning))
        self._turned += complex(np.sum(chain[:, 1:] * np.conj(chain[:, :-1])))
        self._last = turning[:, -1]
        self.revolutions += count

    @property
    def amplitudes(self) -> NDArray[np.complex128]:
        """A_1 of each channel, mean over the revolutions; m(t) = Re A_1·exp(it)."""
        return np.asarray(self._amplitude / self.revolutions, dtype=np.complex128)

    @property
    def drift(self) -> Floats:
        """Least-squares slope of each channel [unit per revolution]."""
        m = self.revolutions
        if m < 2:
            return np.zeros_like(self._mean)
        slope: Floats = (self._timed - self._mean * (m - 1) / 2) * 12 / (m * (m * m - 1.0))
        return slope

    @property
    def wander(self) -> Floats:
        """Range of the means of the revolutions, channel by channel."""
        return self._highest - self._lowest

    @property
    def slip(self) -> tuple[float, float]:
        """How far the once-per-revolution signal turns on from one revolution to the next [rad], and how
        steadily (1: the same every time, 0: at random)."""
        if not self._power or self.revolutions < 2:
            return 0.0, 0.0
        share = abs(self._turned) / self._power * self.revolutions / (self.revolutions - 1)
        return float(np.angle(self._turned)), float(share)

    @property
    def unsteady(self) -> tuple[float, float]:
        """Scatter of the once-per-revolution signal from revolution to revolution, in phase [rad] and, relatively, in
        size: an eccentricity keeps its size, and keeps its phase where every revolution has the same samples."""
        if not self._power:
            return 0.0, 0.0
        whole = self._power * self.revolutions
        phase = 1 - float(np.sum(np.abs(self._amplitude) ** 2)) / whole
        size = 1 - float(np.sum(self._size**2)) / whole
        return float(np.sqrt(max(phase - size, 0.0))), float(np.sqrt(max(size, 0.0)))


class Kept:
    """At most a given number of revolutions, evenly spread over a record of unknown length.

    Revolutions 0, s, 2s … stay; the stride s doubles when there are too many. What stays does not depend on how
    the record was cut into blocks.
    """

    def __init__(self, most: int = 256) -> None:
        self._most, self._stride, self._seen = most, 1, 0
        self._rows: list[Floats] = []

    def update(self, block: Floats) -> None:
        """Take in whole revolutions; float64 [channel, revolution, angle]."""
        count = block.shape[1]
        for r in range(-self._seen % self._stride, count, self._stride):
            if (self._seen + r) % self._stride:
                continue  # the stride has doubled within this block
            if len(self._rows) == self._most:
                self._rows = self._rows[::2]
                self._stride *= 2
                if (self._seen + r) % self._stride:
                    continue
            self._rows.append(block[:, r].copy())
        self._seen += count

    def revolutions(self) -> Floats:
        """float64 [channel, revolution, angle]"""
        return np.stack(self._rows, axis=1)
