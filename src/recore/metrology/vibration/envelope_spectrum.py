"""Squared envelope spectra: of one band, and of a tree of bands after two kinds of whitening.

The analytic signal of a band needs only the bins of that band: a short inverse transform gives its envelope, at
the rate that the envelope needs and no faster. Nothing is filtered in the time domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Complexes = NDArray[np.complex128]

Whitening = Literal["none", "prewhitened", "levelled"]

_FINEST = 8  # bands at the finest step of the tree
_LEVELLING = 10.0  # half width of the running median that levels a spectrum, in multiples of the shaft speed
EDGE = 0.9  # of a band's width: above it the triangle of band noise in an envelope has fallen to a tenth
_BLOCKS = 8
_LONGEST = 400.0  # turns in one transform; slip smears lines over more bins than a longer one would part


@dataclass(frozen=True)
class Band:
    """Where an envelope was taken.

    Parameters
    ----------
    low_hz, high_hz : edges of the band
    whitening : 'prewhitened' (every line of the spectrum set to one), 'levelled' (divided by the local level)
    averaged : True where the normalised spectra of all bands of the finest step were averaged
    """

    low_hz: float
    high_hz: float
    whitening: Whitening
    averaged: bool = False


@dataclass(frozen=True)
class OrderSpectra:
    """Squared envelope spectra over shaft orders, as multiples of the background that surrounds each bin.

    Parameters
    ----------
    level : (bands, bins) power over local background; noise alone gives an exponential law of mean one
    bins_per_order : bins in one order, which are the turns in one transform
    bands : where each row comes from
    averaged : how many transforms were averaged
    deleted : the same as `level` with one block of the record left out, block after block; each (bands, bins)
    """

    level: Singles
    bins_per_order: float
    bands: tuple[Band, ...]
    averaged: int
    deleted: tuple[Singles, ...]


def squared_envelope_spectrum(
    signal: Floats, rate_hz: float, band_hz: tuple[float, float] | None = None
) -> tuple[Floats, Floats]:
    """Amplitude spectrum of the squared envelope of a band.

    Parameters
    ----------
    signal : (n,) samples; single precision is kept and takes half the time
    rate_hz : samples per second
    band_hz : edges of the band, the upper one left out; None takes everything

    Returns
    -------
    Frequencies [Hz] up to the width of the band, and amplitudes in the square of the signal's unit: a tone of
    amplitude a modulated by 1 + m cos(2 pi f t) stands there as 2 m a² at f

    Notes
    -----
    Exact for the band: its envelope is sampled at twice its bandwidth, so nothing folds back. Of the whole range the
    quadrature comes from a real transform, which halves the work of the analytic signal.

    References
    ----------
    R. B. Randall and J. Antoni, Rolling element bearing diagnostics: a tutorial, Mechanical Systems and Signal
    Processing 25 (2011) 485-520, sec. 5.3.
    """
    import scipy.fft

    n = len(signal)
    if band_hz is None:
        spectrum = scipy.fft.rfft(signal)
        spectrum *= -1j
        squared = scipy.fft.irfft(spectrum, n, overwrite_x=True)
        squared *= squared
        squared += signal * signal
        width = n // 2 + 1
    else:
        first, last = (round(edge * n / rate_hz) for edge in band_hz)
        squared = _squared_envelope(_band_bins(signal, first, last), n)
        width = min(last - first, len(squared) // 2 + 1)
    amplitudes = np.abs(scipy.fft.rfft(squared, overwrite_x=True)[:width])
    amplitudes *= 2.0 / len(squared)
    amplitudes[0] /= 2
    frequencies: Floats = np.arange(width, dtype=np.float64) * (rate_hz / n)
    return frequencies, amplitudes


def _band_bins(signal: Floats, first: int, last: int) -> Complexes:
    """Bins of a real transform: a complex one of half the length, put together for the wanted bins alone."""
    import scipy.fft

    n = len(signal)
    bins: Complexes
    if n % 2 or not 0 <= first <= last <= n // 2:
        bins = scipy.fft.rfft(signal)[first:last]
        return bins
    real = np.ascontiguousarray(signal)
    packed = scipy.fft.fft(real.view(np.complex64 if real.dtype == np.float32 else np.complex128))
    mirrored = np.conj(packed[(n // 2 - np.arange(first, last)) % (n // 2)])
    direct = packed[first:last]
    turned = np.exp(-2j * np.pi / n * np.arange(first, last)).astype(packed.dtype, copy=False)
    bins = 0.5 * (direct + mirrored - 1j * turned * (direct - mirrored))
    return bins


def _squared_envelope(bins: Complexes, n: int) -> Floats:
    """Squared envelope of the bins of a band of an n-point real transform, at twice the bandwidth or more."""
    import scipy.fft

    length = scipy.fft.next_fast_len(2 * len(bins))
    analytic = scipy.fft.ifft(bins, length)
    squared: Floats = analytic.real**2
    squared += analytic.imag**2
    squared *= (2.0 * length / n) ** 2
    return squared


def band_envelopes(
    signal: Floats, rate_hz: float, *, shaft_hz: float, top_hz: float
) -> tuple[Floats, tuple[Band, ...]]:
    """Squared envelopes of a tree of bands, low-passed to what is asked of them.

    Parameters
    ----------
    signal : (n,) samples
    rate_hz : samples per second
    shaft_hz : mean speed of the shaft, which sets the width of the levelling
    top_hz : highest frequency wanted in the envelopes; no band is narrower than this allows

    Returns
    -------
    (bands, m) squared envelopes, all with m equally spaced samples over the whole record, and their bands

    Notes
    -----
    Two whitenings, since neither serves every record: cepstrum prewhitening sets every line to one and so
    removes shaft and gear lines at once [1]; levelling by a running median keeps the scatter of each bin and
    takes only discrete lines out. Halves, quarters and eighths follow the tree of the kurtogram [2].

    References
    ----------
    [1] P. Borghesani et al., Application of cepstrum pre-whitening for the diagnosis of bearing faults under
    variable speed conditions, Mechanical Systems and Signal Processing 36 (2013) 370-384.
    [2] J. Antoni, Fast computation of the kurtogram for the detection of transient faults, Mechanical Systems
    and Signal Processing 21 (2007) 108-124.
    """
    import scipy.fft

    n = len(signal)
    spectrum: Complexes = scipy.fft.rfft(signal - signal.mean())
    spectrum[0] = 0.0
    kept = int(top_hz * n / rate_hz) + 1
    steps = [1]
    while steps[-1] < _FINEST and EDGE * rate_hz / 2 / (2 * steps[-1]) >= top_hz:
        steps.append(2 * steps[-1])
    bins = _LEVELLING * shaft_hz * n / rate_hz
    envelopes, bands = [], []
    for whitening in ("prewhitened", "levelled"):
        white = _whitened(spectrum, whitening, bins)
        for step in steps:
            width = len(white) // step
            for i in range(step):
                squared = _squared_envelope(white[i * width : (i + 1) * width], n)
                low_passed = scipy.fft.irfft(scipy.fft.rfft(squared)[:kept], 2 * kept)
                envelopes.append(low_passed - low_passed.mean())
                edges = (i * width * rate_hz / n, (i + 1) * width * rate_hz / n)
                bands.append(Band(*edges, whitening))
    return np.array(envelopes), tuple(bands)


def _whitened(spectrum: Complexes, whitening: str, bins: float) -> Complexes:
    """The spectrum with every magnitude one, or levelled over `bins` on each side and without discrete lines."""
    magnitude = np.abs(spectrum)
    tiny = 1e-9 * magnitude.max()
    if whitening == "levelled":
        level = np.sqrt(_background(magnitude[None] ** 2, bins)[0])
        # noise alone would pass the logarithm of their number once in so many bins: what lies above is a line
        lines = magnitude > level * np.sqrt(np.log(len(magnitude)))
        magnitude = np.where(lines, magnitude, level)
    white: Complexes = spectrum / np.maximum(magnitude, tiny)
    return white


def order_spectra(envelopes: Floats, bands: tuple[Band, ...], turns: float, top_order: float) -> OrderSpectra:
    """Spectra over shaft orders of squared envelopes that are equally spaced in shaft angle.

    Parameters
    ----------
    envelopes : (bands, m) squared envelopes
    bands : where they come from
    turns : turns of the shaft that they span
    top_order : highest order kept

    Notes
    -----
    Hann window, transforms of at most 400 turns averaged. The background of a bin is the median of its
    neighbourhood of two orders over ln 2, so that lines do not lift it. An average over all bands of the finest
    step joins each whitening, as the enhanced envelope spectrum does.
    """
    import scipy.fft

    averaged = max(1, int(np.ceil(turns / _LONGEST)))
    length = envelopes.shape[1] // averaged
    per_transform = turns * length / envelopes.shape[1]
    kept = min(int(top_order * per_transform) + 1, length // 2)
    window = np.hanning(length)
    pieces = envelopes[:, : averaged * length].reshape(len(envelopes), averaged, length) * window
    whole = scipy.fft.rfft(pieces)[..., :kept]
    powers = np.abs(whole) ** 2
    total = powers.sum(axis=1)
    blocks = -(-_BLOCKS // averaged)
    cuts = np.linspace(0, length, blocks + 1).astype(int)
    deleted = []
    for piece in range(averaged):
        for start, end in pairwise(cuts.tolist()):
            block = np.zeros_like(pieces[:, piece])
            block[:, start:end] = pieces[:, piece, start:end]
            left = np.abs(whole[:, piece] - scipy.fft.rfft(block)[:, :kept]) ** 2
            deleted.append(total - powers[:, piece] + left)
    finest = max(round(bands[-1].high_hz / (b.high_hz - b.low_hz)) for b in bands)
    kinds: tuple[Whitening, ...] = ("prewhitened", "levelled")
    groups = [
        [i for i, b in enumerate(bands) if b.whitening == kind][-finest:] for kind in kinds if finest > 1
    ]
    joined = bands + tuple(
        Band(bands[g[0]].low_hz, bands[g[-1]].high_hz, bands[g[0]].whitening, averaged=True) for g in groups
    )

    def normalised(power: Floats) -> Singles:
        level = power / _background(power, per_transform)
        return np.vstack([level, *(level[g].mean(axis=0, keepdims=True) for g in groups)]).astype(np.float32)

    return OrderSpectra(
        normalised(total), per_transform, joined, averaged, tuple(normalised(power) for power in deleted)
    )


def _background(power: Floats, bins: float) -> Floats:
    """Local level of the noise: medians over `bins` on each side, joined by straight lines in log."""
    step = max(3, round(bins / 2))
    count = power.shape[1] // step
    blocks = power[:, : count * step].reshape(len(power), count, step)
    joined = np.concatenate([blocks[:, i : count - 3 + i] for i in range(4)], axis=2)
    medians = np.log(np.maximum(np.median(joined, axis=2), np.finfo(float).tiny) / np.log(2))
    centres = (np.arange(count - 3) + 2) * step
    at = np.arange(power.shape[1])
    levels: Floats = np.exp(np.array([np.interp(at, centres, row) for row in medians]))
    return levels
