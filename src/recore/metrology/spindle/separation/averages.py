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
    scatter : (P,) standard deviation of the level of one group about its neighbours [µm]
    saw : (K + 1,) harmonics of a drift of 1 µm per revolution
    """

    mean: Complexes
    lines: Complexes
    drift: Floats
    u_drift: Floats
    scatter: Floats
    saw: Complexes


def averages(record: Revolutions, taper: Taper = "none", *, correct_drift: bool = True) -> Averages:
    """Mean over the revolutions, with equal weights or with those of a Hann window.

    The window lets the leakage of lines at broken orders fall with the third power of their distance instead of
    the first, and raises the white noise by the factor sqrt(1.5).
    """
    mean, lines = weighted(record.groups, taper)
    saw = sawtooth(record.samples, record.groups.shape[2] - 1)
    level = record.groups[..., 0].real
    weights = _slope_weights(_weights(level.shape[1], taper)) / record.per_group
    drift = (level * weights).sum(axis=1)
    # second differences do not see the drift itself
    bend = np.diff(level, 2, axis=1)
    scatter = np.sqrt((bend**2).mean(axis=1) / 6) if bend.shape[1] else np.zeros(len(level))
    if not correct_drift:
        drift = np.zeros_like(drift)
    return Averages(
        mean=mean - drift[:, None] * saw,
        lines=lines,
        drift=drift,
        u_drift=scatter * float(np.linalg.norm(weights)) * correct_drift,
        scatter=scatter,
        saw=saw,
    )


def weighted(groups: Complexes, taper: Taper) -> tuple[Complexes, Complexes]:
    """Weighted mean (..., P, K) of groups (..., P, B, K) and the lines beside it (..., P, J, K)."""
    count = groups.shape[-2]
    shares = groups * _weights(count, taper)[:, None]
    lines = np.fft.fft(shares, axis=-2)
    return shares.sum(axis=-2), np.take(lines, _beside(count, taper), axis=-2)


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


def _slope_weights(weights: Floats) -> Floats:
    """What each level gives to the weighted mean slope: half the step between both neighbours, at the ends the one step."""
    of_level = np.zeros_like(weights)
    inner = weights[1:-1] / 2
    of_level[2:] += inner
    of_level[:-2] -= inner
    of_level[[0, -2]] -= weights[[0, -1]]
    of_level[[1, -1]] += weights[[0, -1]]
    return of_level


def _beside(count: int, taper: Taper) -> NDArray[np.int64]:
    """Distances of the neighbouring lines that are independent of the mean and nearly so of each other."""
    step, first = (1, 1) if taper == "none" else (2, 2)
    reach = np.arange(first, count, step)
    distance = np.minimum(reach, count - reach)
    if taper == "none":
        order = np.argsort(distance, kind="stable")[:_LINES]
        return reach[order]
    reach = np.arange(2, (count - 1) // 2, 2)[: _LINES // 2]
    return np.concatenate((reach, count - reach))
