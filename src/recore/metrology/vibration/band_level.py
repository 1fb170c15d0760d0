"""Broad-band levels of vibration: acceleration to velocity and displacement within the limits of a band.

Integration is done on the spectrum, divided by 2 pi f within the band only: what lies below the band (drift of the
sensor's bias, the mean) would grow without limit in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.method import Refusal
from recore.metrology.vibration.channels import Kind

Floats = NDArray[np.float64]

CYCLES = 20  # of the lowest frequency of the band in one segment: a line leaks by 1/20 of it at most
SEGMENTS = 8
RATE = 2.56  # samples per cycle of the highest frequency: leaves room for the anti-aliasing filter
_AT_ONCE = 2**22
# correlation of the powers of two Hann segments that overlap by half, Welch 1967: (1/6)²
_OVERLAP = 1 / 36
_ORDER = 3  # slope of the band filter of ISO 2954, 18 dB per octave


@dataclass(frozen=True)
class BandLevel:
    """Mean-square values of every segment of a record within a band.

    Parameters
    ----------
    velocity2, displacement2 : (segments,) mean squares [(mm/s)²], [µm²]
    filtered2 : mean square of the velocity behind a filter with slopes instead of a brick wall [(mm/s)²]
    edge : share of the velocity's mean square in the lowest tenth of an octave of the band
    frequency, density : velocity spectrum in the band [Hz], [(mm/s)²/Hz], mean over the segments
    """

    velocity2: Floats
    displacement2: Floats
    filtered2: float
    edge: float
    frequency: Floats
    density: Floats

    @property
    def velocity(self) -> float:
        """r.m.s. velocity [mm/s]."""
        return float(np.sqrt(self.velocity2.mean()))

    @property
    def displacement(self) -> float:
        """r.m.s. displacement [µm]."""
        return float(np.sqrt(self.displacement2.mean()))

    @property
    def independent(self) -> float:
        """Number of independent segments that the overlapping ones amount to."""
        return len(self.velocity2) / (1 + 2 * _OVERLAP)

    def spread(self, squares: Floats) -> float:
        """Standard uncertainty of the r.m.s. value of a finite record, relative.

        From the scatter of the segments, so that what is not stationary counts too; widened by Student's t.
        """
        from scipy.special import stdtrit

        count = self.independent
        widened = float(stdtrit(count - 1, 0.975)) / 1.96
        return float(widened * squares.std(ddof=1) / np.sqrt(count) / (2 * squares.mean()))


def segment_samples(rate: float, low: float) -> int:
    """Samples in one segment: even, twenty cycles of the lowest frequency."""
    return 2 * int(np.ceil(CYCLES * rate / low / 2))


def shortest(rate: float, low: float) -> float:
    """Shortest record that a level can be stated for [s]."""
    return (SEGMENTS + 1) / 2 * segment_samples(rate, low) / rate


def band_level(signal: Floats, rate: float, band: tuple[float, float], kind: Kind, name: str) -> BandLevel:
    """r.m.s. velocity and displacement between two frequencies.

    Parameters
    ----------
    signal : (n,) acceleration [m/s²] or velocity [mm/s]
    rate : sampling rate [Hz]
    band : lowest and highest frequency [Hz]
    kind : which of both the signal is
    name : of the channel, for what is refused

    Notes
    -----
    Segments of twenty cycles of the lowest frequency, overlapping by half, mean and slope removed, Hann window with the
    energy correction sum of w² (Welch's method); the level is the sum of the density over the band.

    Raises
    ------
    Refusal : `rate-too-low`, fewer than 2.56 samples in a cycle of the highest frequency; `record-too-short`, fewer
        than eight segments

    References
    ----------
    P. D. Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE Trans. Audio
    Electroacoust. 15 (1967) 70-73.
    """
    low, high = band
    if rate < RATE * high:
        raise Refusal(
            "rate-too-low",
            f"channel {name!r}: {rate:g} samples per second do not hold a band up to {high:g} Hz; "
            f"{RATE * high:g} are wanted",
        )
    length = segment_samples(rate, low)
    if len(signal) < (SEGMENTS + 1) * length // 2:
        raise Refusal(
            "record-too-short",
            f"channel {name!r}: {len(signal) / rate:.3g} s; a band from {low:g} Hz wants {shortest(rate, low):.3g} s "
            f"({SEGMENTS} segments of {CYCLES} cycles)",
        )
    frequency: Floats = np.fft.rfftfreq(length, 1 / rate).astype(np.float64)
    inside = (frequency >= low * (1 - 1e-9)) & (frequency <= high * (1 + 1e-9))
    omega = 2 * np.pi * np.where(frequency > 0, frequency, np.inf)
    # from the measured quantity to mm/s
    to_velocity = 1e6 / omega**2 if kind == "acceleration" else np.ones_like(omega)
    to_velocity[0] = 0.0
    step = rate / length
    velocity2, displacement2, total = [], [], np.zeros_like(frequency)
    for power in _segment_densities(signal, rate, length):
        density = power * to_velocity
        velocity2.append(density[:, inside].sum(axis=1) * step)
        displacement2.append((density[:, inside] * (1e3 / omega[inside]) ** 2).sum(axis=1) * step)
        total += density.sum(axis=0)
    squares = np.concatenate(velocity2)
    mean = total / len(squares)
    if not squares.mean() > 0:
        raise Refusal("signal-dead", f"channel {name!r} holds nothing between {low:g} and {high:g} Hz")
    with np.errstate(divide="ignore", over="ignore"):
        slopes = 1 / (1 + (low / frequency) ** (2 * _ORDER)) / (1 + (frequency / high) ** (2 * _ORDER))
    edge = inside & (frequency <= low * 2**0.1)
    return BandLevel(
        velocity2=squares,
        displacement2=np.concatenate(displacement2),
        filtered2=float((mean * slopes).sum() * step),
        edge=float(mean[edge].sum() * step / squares.mean()),
        frequency=frequency[inside],
        density=mean[inside],
    )


def _segment_densities(signal: Floats, rate: float, length: int) -> Iterator[Floats]:
    """One-sided power densities of the segments, some at once."""
    from scipy.signal.windows import hann

    window = hann(length, sym=False)
    frames = np.lib.stride_tricks.sliding_window_view(signal, length)[:: length // 2]
    scale = 2 / (rate * float((window**2).sum()))
    at_once = max(1, _AT_ONCE // length)
    time = np.arange(length) - (length - 1) / 2
    for start in range(0, len(frames), at_once):
        block = frames[start : start + at_once]
        block = block - block.mean(axis=1, keepdims=True)
        block -= np.outer(block @ time / (time @ time), time)
        power = np.abs(np.fft.rfft(block * window, axis=1)) ** 2 * scale
        power[:, -1] /= 2  # half the rate stands once
        yield power
