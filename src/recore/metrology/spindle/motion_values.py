"""Error motion values of polar plots, and the five centres they may be taken about.

A polar plot draws the motion on a base circle that is endlessly larger than the motion, so that a shift of the centre
by (u, v) changes the plot by u·cos t + v·sin t.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology import circles
from recore.metrology.spindle.polar_statistics import Polar

Floats = NDArray[np.float64]
Centre = Literal["lsc", "mzc", "mic", "mcc", "pc"]

# base circle over the range of the motion: its curvature changes a value by one part in a million of it
_BASE = 1e6


def once(plot: Floats) -> tuple[float, complex]:
    """Mean and once-per-revolution amplitude: plot = mean + Re A·exp(2πij/n) + the rest."""
    spectrum = np.fft.rfft(plot)
    return float(spectrum[0].real / len(plot)), complex(2 * spectrum[1] / len(plot))


def centred(plot: Floats) -> Floats:
    """The plot about its least-squares centre: without mean and once-per-revolution part. (…, angle)"""
    spectrum = np.fft.rfft(plot, axis=-1)
    spectrum[..., :2] = 0
    found: Floats = np.fft.irfft(spectrum, plot.shape[-1], axis=-1)
    return found


def about(polar: Polar, centre: Floats) -> Polar:
    """The motion with the once-per-revolution part of `centre` (a mean plot) taken out."""
    return polar.plus(-(centre - centred(centre)))


def synchronous(plot: Floats) -> float:
    """Range of a mean plot about its least-squares centre."""
    return float(np.ptp(centred(plot)))


def total(polar: Polar) -> float:
    """Range of all revolutions about the least-squares centre of their mean."""
    clear = about(polar, polar.mean)
    return float(clear.highest.max() - clear.lowest.min())


def asynchronous(polar: Polar) -> float:
    """Largest width of the band of all revolutions, along a radius from the centre of the chart."""
    return float((polar.highest - polar.lowest).max())


def about_centre(outer: Floats, inner: Floats, centre: Centre) -> float | None:
    """Width of the ring about a centre that holds a plot.

    Parameters
    ----------
    outer, inner : (angle,) largest and smallest value at each angle; twice the same for a mean plot
    centre : 'pc' is the centre of the chart: nothing is taken out, the eccentricity is in the value; the others
        are those of ISO 12181-1 for a closed line

    Returns
    -------
    The width; None where the inscribed circle is not determined
    """
    if centre == "pc":
        return float(outer.max() - inner.min())
    middle = (outer + inner) / 2
    _, amplitude = once(middle)
    t = 2 * np.pi * np.arange(len(outer)) / len(outer)
    shift = amplitude.real * np.cos(t) - amplitude.imag * np.sin(t) + middle.mean()
    high, low = outer - shift, inner - shift
    size = float(high.max() - low.min())
    if centre == "lsc" or size == 0.0:
        return size
    base = _BASE * size
    radii = base + (high if outer is inner else np.concatenate((high, low)))
    angles = t if outer is inner else np.concatenate((t, t))
    x, y = radii * np.cos(angles), radii * np.sin(angles)
    if centre == "mzc":
        return circles.minimum_zone(x, y, (0.0, 0.0)).deviation
    if centre == "mcc":
        return circles.minimum_circumscribed(x, y, (0.0, 0.0)).deviation
    try:
        return circles.maximum_inscribed(x, y, (0.0, 0.0)).deviation
    except circles.NotLocked:
        return None


def worst_direction(x: Floats, y: Floats) -> tuple[float, float]:
    """Largest synchronous value of any fixed direction, and that direction [deg], to half a degree."""
    psi = np.radians(np.arange(0.0, 180.0, 0.5))
    cx, cy = centred(x), centred(y)
    parts = np.array_split(psi, 1 + len(psi) * len(x) // 2**20)
    ranges = np.concatenate(
        [np.ptp(np.outer(np.cos(a), cx) + np.outer(np.sin(a), cy), axis=1) for a in parts]
    )
    best = int(ranges.argmax())
    return float(ranges[best]), float(np.degrees(psi[best]))
