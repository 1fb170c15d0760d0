"""Functions of an angle given by their harmonics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_TURN = 2 * np.pi
# table entries for each undulation of the highest harmonic: the quintic interpolation is then exact to rounding
_FINE = 650


class Periodic:
    """f(t) = Re Σ A_k exp(ikt), evaluated fast at any angle.

    Parameters
    ----------
    harmonics : A_k, k = 0 … K, in the unit of f
    """

    def __init__(self, harmonics: Complexes) -> None:
        self.harmonics = np.asarray(harmonics, dtype=complex)
        highest = len(self.harmonics) - 1
        count = 1 << int(np.ceil(np.log2(max(4096, _FINE * highest))))
        order = 1j * np.arange(highest + 1)
        step = _TURN / count
        self._count = count
        self._value, self._slope, self._bend = (
            _sampled(self.harmonics * order**power * step**power, count) for power in range(3)
        )

    def __call__(self, angle: Floats) -> Floats:
        """Values at angles [rad]."""
        place = angle * (self._count / _TURN)
        low = np.floor(place)
        s = place - low
        i = low.astype(np.int64) % self._count
        j = (i + 1) % self._count
        f0, f1 = self._value[i], self._value[j]
        d0, d1 = self._slope[i], self._slope[j]
        e0, e1 = self._bend[i] / 2, self._bend[j] / 2
        # quintic through value, slope and bend at both ends
        rise = f1 - f0 - d0 - e0
        tilt = d1 - d0 - 2 * e0
        bend = e1 - e0
        c3 = 10 * rise - 4 * tilt + bend
        c4 = -15 * rise + 7 * tilt - 2 * bend
        c5 = 6 * rise - 3 * tilt + bend
        result: Floats = f0 + s * (d0 + s * (e0 + s * (c3 + s * (c4 + s * c5))))
        return result


def peak_to_valley(harmonics: Complexes) -> float:
    """Range of f over a turn."""
    return float(np.ptp(_sampled(harmonics, 1 << int(np.ceil(np.log2(32 * len(harmonics) + 256))))))


def _sampled(harmonics: Complexes, count: int) -> Floats:
    spectrum = np.zeros(count // 2 + 1, dtype=complex)
    spectrum[: len(harmonics)] = harmonics * (count / 2)
    spectrum[0] = harmonics[0].real * count
    return np.fft.irfft(spectrum, count)
