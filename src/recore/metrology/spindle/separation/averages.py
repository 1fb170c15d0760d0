"""Synchronous harmonics with their noise, from groups of revolutions.

The variance of a mean over revolutions is the power spectrum of the record at the whole order. It is read from the
lines beside that order, k ± j/N: white noise, noise that repeats over some revolutions, and what leaks in from lines
at broken orders (a cage, a belt) are all seen with the weight that they have in the mean itself. The scatter of
single revolutions would count a line of a broken order as if it fell with the square root of the revolutions only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.separation.revolutions import Revolutions, sawtooth
from recore.metrology.spindle.separation.uncertainty import NORMAL_TWO

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Taper = Literal["none", "hann"]

_LINES = 20
HANN_FROM = 16


@dataclass(frozen=True)
class Averages:
    """Harmonics of the mean revolution and of the lines beside each order.

    Parameters
    ----------
    mean : (P, K + 1) amplitudes [µm], drift removed
    lines : (P, J, K + 1) amplitudes of the neighbouring lines; E|line|² is the variance of the mean
    drift : (P,) drift that was removed [µm per revolution]
    u_drift : (P,) its standard uncertainty
    saw : (K + 1,) harmonics of a drift of 1 µm per revolution
    """

    mean: Complexes
    lines: Complexes
    drift: Floats
    u_drift: Floats
    saw: Complexes


def averages(record: Revolutions, taper: Taper = "none", *, correct_drift: bool = True) -> Averages:
    """Mean over the revolutions, with equal weights or with those of a Hann window.

    The window lets the leakage of lines at broken orders fall with the third power of their distance instead of
    the first, and raises the white noise by the factor sqrt(1.5).
    """
    mean, lines = weighted(record.groups, taper)
    saw = sawtooth(record.samples, record.groups.shape[2] - 1)
    level = record.groups[..., 0].real
    slope: Floats = np.asarray(np.gradient(np.eye(level.shape[1]), axis=0)) / record.per_group
    weights = _weights(level.shape[1], taper) @ slope
    drift = level @ weights
    # second differences do not see the drift itself
    bend = np.diff(level, 2, axis=1)
    scatter = np.sqrt((bend**2).mean(axis=1) / 6) if bend.shape[1] else np.zeros(len(level))
    if not correct_drift:
        drift, scatter = np.zeros_like(drift), np.zeros_like(scatter)
    return Averages(
        mean=mean - drift[:, None] * saw,
        lines=lines,
        drift=drift,
        u_drift=scatter * float(np.linalg.norm(weights)),
        saw=saw,
    )


def weighted(groups: Complexes, taper: Taper) -> tuple[Complexes, Complexes]:
    """Weighted mean (..., P, K) of groups (..., P, B, K) and the lines beside it (..., P, J, K)."""
    count = groups.shape[-2]
    weights = _weights(count, taper)
    j = _beside(count, taper)
    turning = weights * np.exp(-2j * np.pi * np.outer(j, np.arange(count)) / count)
    return weights @ groups, turning @ groups


def degrees_of_freedom(lines: int) -> int:
    """Of the variance of a real or imaginary part, from that many complex lines."""
    return 2 * lines


def student(freedom: float) -> float:
    """Factor on a standard deviation of few degrees of freedom that lets k = 2 hold what it holds for many.

    References
    ----------
    JCGM 100:2008, G.3.2: t of the same level of confidence, over two.
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + NORMAL_TWO) / 2)) / 2


def _weights(count: int, taper: Taper) -> Floats:
    if taper == "none":
        return np.full(count, 1 / count)
    return (1 - np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)) / count


def _beside(count: int, taper: Taper) -> NDArray[np.int64]:
    """Distances of the neighbouring lines that are independent of the mean and nearly so of each other."""
    step, first = (1, 1) if taper == "none" else (2, 2)
    reach = np.arange(first, count, step)
    distance = np.minimum(reach, count - reach)
    if taper == "none":
        order = np.argsort(distance, kind="stable")[:_LINES]
        return reach[order]
    reach = np.arange(2, (count - 1) // 2, 2)[: _LINES // 2]
    return np.concatenate((reach, -reach))
