"""Noise of single readings, estimated from the record itself where the record shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = 128
_UNEVEN = 0.1  # of a step
_WHITE = 2.0


def noise_of_record(angle_rad: Floats, radius: Floats) -> float | None:
    """Standard deviation of the readings' noise, from the upper half of their spectrum.

    Parameters
    ----------
    angle_rad : (n,) angles of one revolution in any order; the closing reading may stand twice
    radius : (n,) readings

    Returns
    -------
    Standard deviation in the unit of the readings. None where it cannot be estimated: fewer than 128
    readings, steps uneven by more than a tenth, an open profile, a spectrum that is not flat
    within a factor of 2 between a quarter and a half of the sampling rate (the record was smoothed, or form
    reaches up there), or no noise above round-off.

    Notes
    -----
    White noise of variance σ² has E|X_k|² = nσ², and the median of |X_k|² is ln 2 of that; the median
    leaves single lines (lobing, chatter) out. Roughness counts as noise. A drift, the spindle and
    the calibration are not seen at all.
    """
    turn = 2 * np.pi
    order = np.argsort(np.mod(angle_rad, turn), kind="stable")
    angle, r = np.mod(angle_rad, turn)[order], radius[order]
    if len(angle) > 1 and angle[0] + turn - angle[-1] < 1e-6 * turn / len(angle):
        angle, r = angle[:-1], r[:-1]
    elif len(angle) > 1 and angle[1] - angle[0] < 1e-6 * turn / len(angle):
        angle, r = angle[1:], r[1:]
    n = len(r)
    if n < _FEWEST:
        return None
    offset = angle - angle[0] - turn / n * np.arange(n)
    if np.ptp(offset) > 2 * _UNEVEN * turn / n:
        return None
    mean = float(r.mean())
    power = np.abs(np.fft.rfft(r - mean)) ** 2
    lower, upper = (np.median(power[a * n // 8 : b * n // 8]) for a, b in ((2, 3), (3, 4)))
    sigma = float(np.sqrt((lower + upper) / 2 / np.log(2) / n))
    if not 1 / _WHITE <= upper / max(lower, 1e-300) <= _WHITE or sigma < 1e-14 * mean:
        return None
    return sigma


def noise_of_line(position: Floats, reading: Floats) -> float | None:
    """Standard deviation of the noise of a profile read at equal steps, from its high differences.

    Parameters
    ----------
    position, reading : (n,) along and across the line, in any order

    Returns
    -------
    Standard deviation in the unit of the readings. None where it cannot be estimated: fewer than 128 readings, steps
    uneven by more than a tenth, second to eighth differences that do not agree within a factor of 2 in variance (form
    reaches into them, or the record was smoothed), or no noise above round-off.

    Notes
    -----
    The difference of order k of white noise of variance σ² has the variance σ² (2k)! / k!², and takes a smooth
    form away. The median of the squares leaves single steps and spikes out.
    """
    order = np.argsort(position, kind="stable")
    place, r = position[order], reading[order]
    n = len(r)
    if n < _FEWEST:
        return None
    step = float(place[-1] - place[0]) / (n - 1)
    offset = place - place[0] - step * np.arange(n)
    if step <= 0 or np.ptp(offset) > 2 * _UNEVEN * step:
        return None
    seen = []
    for k, gain in ((2, 6.0), (4, 70.0), (8, 12870.0)):
        # 0.4549 is the median of the square of a normal deviate
        seen.append(float(np.median(np.diff(r, k) ** 2)) / 0.4549 / gain)
    sigma = float(np.sqrt(seen[-1]))
    size = float(np.abs(r).max())
    if not max(seen) <= _WHITE * min(seen) or sigma < 1e-13 * size:
        return None
    return sigma
