"""Condition indicators of gears from a time-synchronous average of one shaft.

The names and formulas are those of the helicopter literature; what each is made from is stated with it, because
'residual' and 'difference' are used for different signals by different authors (Lebold et al. 2000).

References
----------
R. M. Stewart, Some useful data analysis techniques for gearbox diagnostics, ISVR, University of Southampton, 1977 (FM0,
FM4). H. R. Martin, Statistical moment analysis as a means of surface damage detection, Proc. 7th IMAC, 1989 (M6A).
J. J. Zakrajsek, D. P. Townsend, H. J. Decker, NASA TM-105950, 1993 (NA4). J. J. Zakrajsek, R. F. Handschuh,
H. J. Decker, NASA TM-106467, 1994 (NB4). M. Lebold, K. McClintic, R. Campbell, C. Byington, K. Maynard, Review of
vibration analysis methods for gearbox diagnostics and prognostics, Proc. 54th MFPT, 2000, 623-634 (all of them, and
what is taken out of the signals). J. Hanna, C. Hatch, M. Kalb, A. Weiss, H. Luo, Detection of wind turbine gear tooth
defects using sideband energy ratio, China Wind Power, 2011 (sideband energy ratio).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

SHAFT_ORDERS = (1, 2)  # unbalance and misalignment, not the gear
SIDEBANDS = 6  # on either side, for the energy ratio
LEVELS = ("tsa_rms", "residual_rms", "difference_rms", "mesh_amplitude")
RATIOS = (
    "crest_factor",
    "kurtosis",
    "fm0",
    "fm4",
    "m6a",
    "na4",
    "nb4",
    "sideband_level_factor",
    "sideband_energy_ratio",
)


@dataclass(frozen=True)
class Gear:
    """What of the order spectrum belongs to the regular meshing of a shaft.

    Parameters
    ----------
    teeth : of every gear on the shaft; the first is the one that is judged
    samples : angles in a revolution
    highest : highest order whose amplitude can be believed
    """

    teeth: tuple[int, ...]
    samples: int
    highest: float

    @property
    def harmonics(self) -> NDArray[np.int64]:
        """Mesh orders of the first gear that can be believed."""
        return np.arange(self.teeth[0], int(self.highest) + 1, self.teeth[0])

    def _removed(self, around: int) -> NDArray[np.int64]:
        half = self.samples // 2
        orders = {0, *SHAFT_ORDERS}
        for z in self.teeth:
            orders |= {k + side for k in range(z, half + 1, z) for side in range(-around, around + 1)}
        return np.array(sorted(order for order in orders if order <= half))

    def without(self, spectra: Complex, around: int) -> Floats:
        """The average without shaft orders and mesh harmonics (around = 0: residual signal) and their first
        sidebands too (around = 1: difference signal)."""
        rest = spectra.copy()
        rest[..., self._removed(around)] = 0
        found: Floats = np.fft.irfft(rest, n=self.samples, axis=-1)
        return found

    def amplitude(self, spectra: Complex, orders: Sequence[int] | NDArray[np.int64]) -> Floats:
        """Amplitudes of whole orders; (…, orders)."""
        inside = np.clip(np.asarray(orders), 0, self.samples // 2)
        found: Floats = np.abs(spectra[..., inside]) * 2 / self.samples
        return found

    def sidebands(self, spectra: Complex, mesh: int, reach: int) -> Floats:
        """Sum of the amplitudes of the sidebands ±1 … ±reach of a mesh order."""
        orders = [
            mesh + side for side in range(-reach, reach + 1) if side and 0 < mesh + side <= self.highest
        ]
        total: Floats = self.amplitude(spectra, orders).sum(axis=-1)
        return total

    def envelope(self, spectra: Complex) -> Floats:
        """Envelope of the average within half a mesh order around its strongest mesh harmonic, for NB4.

        The harmonic is chosen once, from the mean of all spectra.
        """
        mean = spectra if spectra.ndim == 1 else spectra.mean(axis=0)
        strongest = int(self.harmonics[self.amplitude(mean, self.harmonics).argmax()])
        reach = max(1, (self.teeth[0] - 1) // 2)
        band = np.zeros((*spectra.shape[:-1], self.samples), dtype=complex)
        low, high = max(1, strongest - reach), min(self.samples // 2, strongest + reach) + 1
        band[..., low:high] = spectra[..., low:high]
        found: Floats = np.abs(np.fft.ifft(band, axis=-1)) * 2
        return found


def moment(x: Floats, power: int) -> Floats:
    """Central moment along the last axis."""
    found: Floats = ((x - x.mean(axis=-1, keepdims=True)) ** power).mean(axis=-1)
    return found


def kurtosis(x: Floats) -> Floats:
    """Fourth moment over the square of the second: 3 for a normal distribution, 1.5 for a sine."""
    return moment(x, 4) / moment(x, 2) ** 2


def na4(current: Floats, variances: Floats) -> Floats:
    """Fourth moment of the current signal over the square of the mean variance of all records up to it.

    Parameters
    ----------
    current : (…, samples) residual signal (NA4) or envelope (NB4) of the current record
    variances : (…, records) variances of the same signal in all records so far, the current one among them
    """
    found: Floats = moment(current, 4) / variances.mean(axis=-1) ** 2
    return found


def indicators(averages: Floats, gear: Gear | None, earlier: Floats | None) -> dict[str, Floats]:
    """Every indicator of one or many averages at once.

    Parameters
    ----------
    averages : (…, samples) time-synchronous averages
    gear : teeth; None where they are not stated: only what needs none
    earlier : (records, 2) variances of residual signal and envelope in the records before; None without history

    Returns
    -------
    tsa_rms, crest_factor, kurtosis; with a gear also residual_rms, difference_rms, fm0, fm4, m6a, mesh_amplitude,
    sideband_level_factor, sideband_energy_ratio, and the variances residual_variance, envelope_variance; with
    history na4, nb4; each (…,)
    """
    spectra: Complex = np.fft.rfft(averages, axis=-1)
    alternating = averages - averages.mean(axis=-1, keepdims=True)
    rms = np.sqrt(moment(averages, 2))
    found: dict[str, Floats] = {
        "tsa_rms": rms,
        "crest_factor": np.abs(alternating).max(axis=-1) / rms,
        "kurtosis": kurtosis(averages),
    }
    if gear is None:
        return found
    residual, difference = gear.without(spectra, 0), gear.without(spectra, 1)
    envelope = gear.envelope(spectra)
    mesh = gear.teeth[0]
    amplitude = gear.amplitude(spectra, [mesh])[..., 0]
    found |= {
        "residual_rms": np.sqrt(moment(residual, 2)),
        "difference_rms": np.sqrt(moment(difference, 2)),
        "fm0": np.ptp(averages, axis=-1) / gear.amplitude(spectra, gear.harmonics).sum(axis=-1),
        "fm4": kurtosis(difference),
        "m6a": moment(difference, 6) / moment(difference, 2) ** 3,
        "mesh_amplitude": amplitude,
        "sideband_level_factor": gear.sidebands(spectra, mesh, 1) / rms,
        "sideband_energy_ratio": gear.sidebands(spectra, mesh, SIDEBANDS) / amplitude,
        "residual_variance": moment(residual, 2),
        "envelope_variance": moment(envelope, 2),
    }
    if earlier is not None:
        for name, signal, column in (("na4", residual, 0), ("nb4", envelope, 1)):
            current = moment(signal, 2)[..., None]
            past = np.broadcast_to(earlier[:, column], (*current.shape[:-1], len(earlier)))
            found[name] = na4(signal, np.concatenate([past, current], axis=-1))
    return found
