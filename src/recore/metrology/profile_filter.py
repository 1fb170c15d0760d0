"""Gaussian filter of a closed profile in undulations per revolution (ISO 16610-21)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALPHA = float(np.sqrt(np.log(2) / np.pi))
POINTS_PER_UNDULATION = 7
_WIDEST_STEP = 1.5
_COINCIDENT = 1e-6  # of a step
_EVEN = 1e-6  # of a step
_SWEEPS = 60


class NotFilterable(ValueError):
    """The profile is open, or has too few readings for the cut-off."""


@dataclass(frozen=True)
class EvenProfile:
    """A closed profile at equal angular steps.

    Parameters
    ----------
    angle_rad : (n,) angles, from the first reading's
    deviation : (n,) radial deviation, in the unit it came in
    merged : how many readings shared an angle with another one and were averaged with it
    interpolated : largest distance of a reading from the even angles, in steps (0: none was needed)
    """

    angle_rad: Floats
    deviation: Floats
    merged: int
    interpolated: float


def transmission(k: Floats | float, cutoff_upr: float) -> Floats:
    """Share of the amplitude of undulation k [1/revolution] that the filter lets through.

    exp(-π (α k / k_c)²) with α = √(ln 2 / π): one half at the cut-off k_c.

    References
    ----------
    ISO 16610-21 (linear profile filters: Gaussian filters); ISO 12181-2 for the cut-offs in use,
    15, 50, 150, 500 and 1500 undulations per revolution.
    """
    share: Floats = np.exp(-np.pi * (ALPHA * np.asarray(k, dtype=np.float64) / cutoff_upr) ** 2)
    return share


def gaussian_filter(deviation: Floats, cutoff_upr: float) -> Floats:
    """Long-wave part of a closed profile at equal steps; exact, without end effects.

    Parameters
    ----------
    deviation : (n,) readings of one revolution at equal angular steps, n ≥ 7 k_c
    cutoff_upr : cut-off k_c [undulations per revolution]

    Raises
    ------
    NotFilterable : fewer than 7 readings for each undulation of the cut-off
    """
    n = len(deviation)
    require_enough(n, cutoff_upr)
    spectrum = np.fft.rfft(deviation)
    filtered: Floats = np.fft.irfft(spectrum * transmission(np.arange(n // 2 + 1.0), cutoff_upr), n)
    return filtered


def require_enough(n: int, cutoff_upr: float) -> None:
    if n < POINTS_PER_UNDULATION * cutoff_upr:
        raise NotFilterable(
            f"{n} readings per revolution are too few for {cutoff_upr:g} undulations per revolution: "
            f"{POINTS_PER_UNDULATION} for each, so at least {int(np.ceil(POINTS_PER_UNDULATION * cutoff_upr))}, "
            f"or a cut-off of at most {n // POINTS_PER_UNDULATION}"
        )


def evened(angle_rad: Floats, deviation: Floats, cutoff_upr: float) -> EvenProfile:
    """A closed profile at equal steps from readings at any angles.

    Readings at one angle (a closing point, a second revolution) are averaged. Where the angles are
    not even, a periodic cubic spline through the readings is read off at as many even angles.

    Parameters
    ----------
    angle_rad : (n,) angles in any order, any turn
    deviation : (n,) radial deviations
    cutoff_upr : cut-off the profile is meant for

    Raises
    ------
    NotFilterable : too few readings, or a gap wider than 1.5 of the steps that 7 readings for each
        undulation make: the profile is open, or the readings are too unevenly placed
    """
    angle, inverse, counts = _distinct(angle_rad)
    n = len(angle)
    require_enough(n, cutoff_upr)
    values = np.bincount(inverse, deviation, n) / counts
    gaps = np.diff(angle, append=angle[0] + 2 * np.pi)
    widest, wanted = float(gaps.max()), 2 * np.pi / (POINTS_PER_UNDULATION * cutoff_upr)
    if widest > _WIDEST_STEP * wanted:
        raise NotFilterable(
            f"a gap of {np.degrees(widest):.4g}° without readings: a closed profile is wanted, with no step over "
            f"{np.degrees(_WIDEST_STEP * wanted):.4g}° for {cutoff_upr:g} undulations per revolution"
        )
    step = 2 * np.pi / n
    even = angle[0] + step * np.arange(n)
    offset = angle - even
    shift = float(offset.mean())
    even += shift
    away = float(np.abs(offset - shift).max()) / step
    if away > _EVEN:
        values = _periodic_spline(angle, values, even)
    return EvenProfile(even, values, len(angle_rad) - n, away if away > _EVEN else 0.0)


def _distinct(angle_rad: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Sorted angles in one turn, with angles closer than a millionth of a step as one."""
    turn = 2 * np.pi
    wrapped = np.mod(angle_rad, turn)
    order = np.argsort(wrapped, kind="stable")
    ordered = wrapped[order]
    apart = _COINCIDENT * turn / len(ordered)
    new = np.diff(ordered, prepend=ordered[0] - turn) > apart
    group = np.cumsum(new) - 1
    if ordered[-1] - ordered[0] > turn - apart:  # the last one is the first one again
        group[ordered > ordered[0] + turn - apart] = 0
        last = int(group.max())
    else:
        last = int(group[-1])
    inverse = np.empty(len(ordered), dtype=np.intp)
    inverse[order] = group
    first = np.flatnonzero(new)[: last + 1]
    return ordered[first], inverse, np.bincount(inverse, minlength=last + 1)


def _periodic_spline(angle: Floats, values: Floats, at: Floats) -> Floats:
    """Periodic cubic spline through (angle, values), angles rising within one turn."""
    turn = 2 * np.pi
    h = np.diff(angle, append=angle[0] + turn)
    slope = np.diff(values, append=values[0]) / h
    before = np.roll(h, 1)
    right = 6 * (slope - np.roll(slope, 1)) / (before + h)
    low, high = before / (before + h), h / (before + h)
    # the system of the second derivatives is 2 on the diagonal and sums to 1 beside it:
    # every Jacobi sweep at least halves the error
    second = right / 3
    for _ in range(_SWEEPS):
        second = (right - low * np.roll(second, 1) - high * np.roll(second, -1)) / 2
    t = angle[0] + np.mod(at - angle[0], turn)
    k = np.searchsorted(angle, t, side="right") - 1
    after = np.roll(np.arange(len(angle)), -1)[k]
    b = (t - angle[k]) / h[k]
    a = 1 - b
    read: Floats = (
        a * values[k]
        + b * values[after]
        + ((a**3 - a) * second[k] + (b**3 - b) * second[after]) * h[k] ** 2 / 6
    )
    return read
