"""Gaussian regression filters of open and closed profiles, linear and robust (ISO 16610-21, -28, -31).

At each place a polynomial is fitted to the readings, weighted with a Gaussian of their distance; its value there
is the filtered profile. In the middle of a profile the line (order 1) is the Gaussian filter of ISO 16610-21
itself; at the ends it keeps what ISO 16610-28 calls the moments: a straight line passes unchanged. The robust
filter fits a parabola (order 2) and weighs readings down that lie far off, round after round.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recore.metrology.profile_filter import ALPHA, POINTS_PER_UNDULATION, NotFilterable

Floats = NDArray[np.float64]

# (1 + a) exp(-a) = 1/2 with a = π γ²: the parabola lets one half of the amplitude through at the cut-off
GAMMA = 0.7309134280946760
_CLIP = 4.4478  # medians of the absolute residual: three standard deviations of normal noise
# variance of the biweight's mean over that of the plain mean, for normal noise and clipping at three sigma
_ROBUST_COST = 1.2941
_REACH = 3.45  # widths of the Gaussian until its weight is below double precision
_ROUNDS = 100
_SETTLED = 1e-5
_WIDEST_STEP = 1.5
_EVEN = 1e-6


@dataclass(frozen=True)
class Filtered:
    """A filtered profile and the linear operation that made it (weights of the last round held).

    Parameters
    ----------
    values : (n,) long-wave part
    weights : (n,) robust weight of each reading, 1 without rejection
    """

    values: Floats
    weights: Floats
    _coefficients: Floats = field(repr=False)
    _convolution: _Convolution = field(repr=False)

    def adjoint(self, sums: Floats) -> Floats:
        """Take weighted sums of filtered values back to weights of the readings: Sᵀ v, (…, n)."""
        back: Floats = self.weights * sum(
            self._convolution(sums * c, k) for k, c in enumerate(self._coefficients)
        )
        return back

    def again(self, readings: Floats) -> Floats:
        """The same operation on other readings, (…, n)."""
        moments = self._convolution.turned(readings * self.weights, len(self._coefficients))
        values: Floats = sum(c * m for c, m in zip(self._coefficients, moments, strict=True))
        return values


def gaussian(deviation: Floats, steps_per_cutoff: float) -> Filtered:
    """Gaussian filter of an open profile, with ends that let a straight line pass.

    Parameters
    ----------
    deviation : (n,) readings at equal steps
    steps_per_cutoff : cut-off wavelength λc over the step

    References
    ----------
    ISO 16610-21 (linear profile filters: Gaussian filters); ISO 16610-28 (end effects).
    """
    n = len(deviation)
    kernels = _kernels(n, ALPHA * steps_per_cutoff, 1, False)
    return _fitted(deviation, np.ones(n), _Convolution(kernels, n, False), 1)


def robust(deviation: Floats, steps_per_cutoff: float, *, closed: bool) -> Filtered:
    """Robust Gaussian regression filter of order 2: scratches and spikes do not pull it.

    Parameters
    ----------
    deviation : (n,) readings at equal steps
    steps_per_cutoff : cut-off wavelength over the step; for a closed profile n over the cut-off in UPR
    closed : the last reading is followed by the first

    Raises
    ------
    NotFilterable : readings that are no outliers are missing over a length of the cut-off

    References
    ----------
    ISO 16610-31 (robust profile filters: Gaussian regression filters): Tukey's biweight, clipped at 4.4478
    times the median of the absolute residuals.
    """
    n = len(deviation)
    convolution = _Convolution(_kernels(n, GAMMA * steps_per_cutoff, 2, closed), n, closed)
    weights = np.ones(n)
    clip = np.inf
    size = float(np.ptp(deviation))
    for _ in range(_ROUNDS):
        found = _fitted(deviation, weights, convolution, 2)
        residual = deviation - found.values
        last, clip = clip, _CLIP * float(np.median(np.abs(residual)))
        if clip <= 1e-13 * size or abs(clip - last) <= _SETTLED * clip:
            break
        weights = np.where(np.abs(residual) < clip, (1 - (residual / clip) ** 2) ** 2, 0.0)
    return found


def robust_transmission(k: Floats | float, cutoff: float) -> Floats:
    """Share of the amplitude that the robust filter lets through, with what rejection costs in noise.

    (1 + a) exp(-a) with a = π (γ k / k_c)², times √1.29: for normal noise the biweight's mean varies by that more.
    """
    a = np.pi * (GAMMA * np.asarray(k, dtype=np.float64) / cutoff) ** 2
    share: Floats = (1 + a) * np.exp(-a) * np.sqrt(_ROBUST_COST)
    return share


@dataclass(frozen=True)
class EvenLine:
    """An open profile at equal steps; `interpolated` is the largest shift of a reading, in steps."""

    position: Floats
    deviation: Floats
    step: float
    merged: int
    interpolated: float


def evened_line(position: Floats, deviation: Floats, cutoff: float) -> EvenLine:
    """An open profile at equal steps from readings at any positions; a cubic spline where they are not even.

    Raises
    ------
    NotFilterable : fewer than 7 readings over a cut-off length, a profile shorter than the cut-off, or a gap
        wider than 1.5 of the steps that 7 readings for each cut-off make
    """
    place, inverse, counts = np.unique(position, return_inverse=True, return_counts=True)
    values = np.bincount(inverse, deviation) / counts
    n, length = len(place), float(np.ptp(place))
    if length < cutoff:
        raise NotFilterable(f"the profile is {length:.4g} long, shorter than the cut-off {cutoff:.4g}")
    wanted = cutoff / POINTS_PER_UNDULATION
    widest = float(np.diff(place).max())
    if widest > _WIDEST_STEP * wanted:
        raise NotFilterable(
            f"a step of {widest:.4g} without readings: with {POINTS_PER_UNDULATION} readings for each cut-off of "
            f"{cutoff:.4g}, none over {_WIDEST_STEP * wanted:.4g} is wanted"
        )
    even = np.linspace(place[0], place[-1], n)
    step = length / (n - 1)
    away = float(np.abs(place - even).max()) / step
    if away > _EVEN:
        from scipy.interpolate import CubicSpline

        values = CubicSpline(place, values)(even)
    return EvenLine(even, values, step, len(position) - n, away if away > _EVEN else 0.0)


def _kernels(n: int, width: float, order: int, closed: bool) -> Floats:
    """(order · 2 + 1, …) kernels exp(-π u²) u^k over the offsets, u in widths; wrapped for a closed profile."""
    reach = int(np.ceil(_REACH * width))
    if not closed:
        reach = min(reach, n - 1)
    offset = np.arange(-reach, reach + 1)
    u = offset / width
    kernels = np.exp(-np.pi * u * u) * u ** np.arange(2 * order + 1)[:, None]
    if not closed:
        return kernels
    half = n // 2
    wrapped = np.zeros((len(kernels), 2 * half + 1))
    # over offsets -half … half; an even n has its opposite reading once
    place = (offset + half) % n
    for row, kernel in zip(wrapped, kernels, strict=True):
        row[: min(n, 2 * half + 1)] = np.bincount(place, kernel, minlength=n)[: 2 * half + 1]
    return wrapped


class _Convolution:
    """Sums over i of v_i κ(x_j - x_i) for a set of kernels, by transform; offset 0 in the middle of each kernel."""

    def __init__(self, kernels: Floats, n: int, closed: bool) -> None:
        half = kernels.shape[1] // 2
        self.n, self.first = n, 0 if closed else half
        self.size = n if closed else 1 << int(n + kernels.shape[1] - 1).bit_length()
        if closed:
            place = (np.arange(kernels.shape[1]) - half) % n
            kernels = np.array([np.bincount(place, kernel, n) for kernel in kernels])
        self.spectra = np.fft.rfft(kernels, self.size)

    def __call__(self, values: Floats, k: int) -> Floats:
        """Values (…, n) with kernel number k."""
        return self._back(np.fft.rfft(values, self.size) * self.spectra[k])

    def turned(self, values: Floats, count: int) -> list[Floats]:
        """The same with each of the first kernels turned round: κ_k(x_i - x_j) = (-1)^k κ_k(x_j - x_i)."""
        spectrum = np.fft.rfft(values, self.size)
        return [(-1) ** k * self._back(spectrum * self.spectra[k]) for k in range(count)]

    def _back(self, spectrum: NDArray[np.complex128]) -> Floats:
        found = np.fft.irfft(spectrum, self.size)[..., self.first : self.first + self.n]
        return np.asarray(found, dtype=np.float64)


def _fitted(deviation: Floats, weights: Floats, convolution: _Convolution, order: int) -> Filtered:
    sums = convolution.turned(weights, 2 * order + 1)
    largest = float(sums[0].max())
    if float(sums[0].min()) < 1e-6 * largest:
        raise NotFilterable("outliers fill a whole length of the cut-off: nothing is left to fit there")
    # first row of the inverse of the matrix of moments
    if order == 1:
        cofactors = [sums[2], -sums[1]]
    else:
        _, s1, s2, s3, s4 = sums
        cofactors = [s2 * s4 - s3 * s3, s2 * s3 - s1 * s4, s1 * s3 - s2 * s2]
    determinant = sum(s * c for s, c in zip(sums, cofactors, strict=False))
    if float(np.min(determinant)) <= 1e-12 * largest ** (order + 1):
        raise NotFilterable("too few readings are left over a length of the cut-off")
    coefficients = np.array(cofactors) / determinant
    found = Filtered(np.empty(0), weights, coefficients, convolution)
    return Filtered(found.again(deviation), weights, coefficients, convolution)
