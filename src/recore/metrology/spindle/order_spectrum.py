"""Order spectrum of the asynchronous motion: what turns with the cage and the balls, not with the rotor.

Welch's method on segments of whole revolutions: because every segment begins at the same angle, the synchronous
part has the same spectrum in each of them and is taken out exactly at the end, without a second pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.bearing import DefectOrders

Floats = NDArray[np.float64]

LONGEST = 64  # revolutions of a segment: orders 1/64 apart
_WAITING = 2 * LONGEST  # revolutions after which the length of a segment is decided
_LOBE = 2  # lines each side of a peak that a Hann window spreads it over
_NOISE_WIDTH = 1.5  # lines, of a Hann window
_ABOVE = 5.0  # times the median amplitude around it: fewer than one in 10,000 lines of noise alone
_SLIP = 0.02  # bearings slip by one to two per cent


@dataclass(frozen=True)
class Spectrum:
    """Amplitude spectrum of the asynchronous motion.

    Parameters
    ----------
    order : (line,) multiples of the speed of rotation
    amplitude : (motion, line) amplitude of a sine that falls on the line [unit of the motion]
    rounding : (motion, line) what rounding may leave of the synchronous part
    segment : revolutions in each segment
    segments : how many were averaged, half overlapping
    """

    order: Floats
    amplitude: Floats
    rounding: Floats
    segment: int
    segments: int


@dataclass(frozen=True)
class Peak:
    """A line of the asynchronous spectrum.

    Parameters
    ----------
    order : interpolated between the lines
    amplitudes : of each motion [its unit]
    prominence : times the median around it
    name : what turns at this order, '' where nothing known does
    """

    order: float
    amplitudes: tuple[float, ...]
    prominence: float
    name: str


class OrderSpectrum:
    """Running spectrum of several motions.

    Parameters
    ----------
    motions, samples : how many, and angles in each revolution
    highest : last order that is kept
    """

    def __init__(self, motions: int, samples: int, highest: float) -> None:
        self._samples, self._motions = samples, motions
        self._highest = min(highest, samples / 2.5)
        self._waiting = np.empty((motions, 0))
        self._segment = 0
        self._count = 0

    def update(self, rows: Floats) -> None:
        """Take in whole revolutions; float64 [motion, sample]."""
        self._waiting = np.concatenate((self._waiting, rows), axis=1)
        if not self._segment and self._waiting.shape[1] >= _WAITING * self._samples:
            self._begin(LONGEST)
        if self._segment:
            self._advance()

    def finish(self, mean: Floats) -> Spectrum | None:
        """The spectrum after the mean over all revolutions, float64 [motion, angle], is taken out.

        None where there are fewer than eight revolutions.
        """
        if not self._segment:
            held = self._waiting.shape[1] // self._samples
            if held < 8:
                return None
            self._begin(min(LONGEST, held // 2))
            self._advance()
        lines = len(self._power[0])
        synchronous = np.fft.rfft(np.tile(mean, self._segment) * self._window, axis=1)[:, :lines]
        power = (
            self._power / self._count
            - 2 * np.real(np.conj(synchronous) * self._sum / self._count)
            + np.abs(synchronous) ** 2
        )
        scale = 2 / self._window.sum()
        amplitude = np.sqrt(np.maximum(power, 0.0)) * scale
        # a difference of squares keeps half of the digits
        size = np.abs(synchronous) * scale
        rounding = 1e-7 * size + 1e-12 * size.max(axis=1, keepdims=True)
        return Spectrum(np.arange(lines) / self._segment, amplitude, rounding, self._segment, self._count)

    def _begin(self, segment: int) -> None:
        self._segment = segment
        n = segment * self._samples
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
        lines = int(self._highest * segment) + 1
        self._power = np.zeros((self._motions, lines))
        self._sum = np.zeros((self._motions, lines), dtype=complex)

    def _advance(self) -> None:
        n = self._segment * self._samples
        hop = max(1, self._segment // 2) * self._samples
        start = 0
        while start + n <= self._waiting.shape[1]:
            # the level of a segment would leak into the lowest orders
            part = self._waiting[:, start : start + n]
            found = np.fft.rfft(part * self._window, axis=1)[:, : self._power.shape[1]]
            self._power += found.real**2 + found.imag**2
            self._sum += found
            self._count += 1
            start += hop
        self._waiting = self._waiting[:, start:].copy()


def peaks(
    spectrum: Spectrum, rows: Sequence[int], bearing: DefectOrders | None = None, most: int = 12
) -> list[Peak]:
    """The highest lines that stand clear of the noise around them, by falling amplitude.

    Parameters
    ----------
    spectrum : of all motions
    rows : the motions whose root sum of squares is searched (x and y)
    bearing : names the lines where its orders are known
    most : how many at most

    Notes
    -----
    A peak is a local maximum of five times the median amplitude around it (± 2 orders). Its amplitude is that of the
    sine that gives the power of the five lines about it, its order comes from a parabola through the logarithms of
    three. The first lines, which hold drift, are left out.
    """
    total = np.sqrt(np.sum(spectrum.amplitude[list(rows)] ** 2, axis=0))
    floor = np.maximum(_median_around(total, 2 * spectrum.segment), np.finfo(float).tiny)
    least = np.sqrt(np.sum(spectrum.rounding[list(rows)] ** 2, axis=0))
    found = []
    for k in range(_LOBE + 1, len(total) - _LOBE):
        near = total[k - _LOBE : k + _LOBE + 1]
        if total[k] < _ABOVE * floor[k] or total[k] <= least[k] or total[k] < near.max():
            continue
        a, b, c = np.log(np.maximum(total[k - 1 : k + 2], np.finfo(float).tiny))
        shift = float(np.clip((a - c) / 2 / (a - 2 * b + c), -0.5, 0.5)) if a - 2 * b + c < 0 else 0.0
        lobe = spectrum.amplitude[:, k - _LOBE : k + _LOBE + 1]
        amplitudes = np.sqrt(np.sum(lobe**2, axis=1) / _NOISE_WIDTH)
        order = (k + shift) / spectrum.segment
        found.append(
            Peak(
                order,
                tuple(amplitudes.tolist()),
                float(total[k] / floor[k]),
                named(order, 1.0 / spectrum.segment, bearing),
            )
        )
    found.sort(key=lambda peak: -float(np.linalg.norm([peak.amplitudes[r] for r in rows])))
    return found[:most]


def named(order: float, resolution: float, bearing: DefectOrders | None) -> str:
    """What turns at an order: a line of the bearing, or a slowly changing multiple of the rotor's own.

    A bearing line matches within 2 % slip of its order or one line of the spectrum, the nearer first. Multiples
    to the third of the ball pass and ball spin orders, and to the second of the cage, are looked for, and the
    ball pass orders ± 1 and the ball spin orders ± the cage, which is how they are modulated.
    """
    candidates: list[tuple[float, str]] = []
    if bearing is not None:
        for line, name in bearing_lines(bearing):
            off = abs(order - line)
            if off <= max(resolution, _SLIP * line):
                candidates.append((off / max(resolution, _SLIP * line), name))
    if candidates:
        return min(candidates)[1]
    if round(order) >= 1 and abs(order - round(order)) <= 1.5 * resolution:
        return f"{round(order)} UPR, changing from revolution to revolution"
    return ""


def bearing_lines(bearing: DefectOrders) -> list[tuple[float, str]]:
    """Orders of a bearing with their names, the simple ones first."""
    bases: tuple[tuple[str, float, int], ...] = (
        ("BPFO", bearing.outer, 3),
        ("BPFI", bearing.inner, 3),
        ("BSF", bearing.ball, 3),
        ("FTF", bearing.cage, 2),
    )
    lines: list[tuple[float, str]] = [
        (k * order, name if k == 1 else f"{k}·{name}")
        for name, order, most in bases
        for k in range(1, most + 1)
    ]
    lines += [(bearing.inner + s, f"BPFI {'+' if s > 0 else '−'} 1") for s in (-1, 1)]
    lines += [(2 * bearing.ball + s * bearing.cage, f"2·BSF {'+' if s > 0 else '−'} FTF") for s in (-1, 1)]
    return lines


def _median_around(values: Floats, half: int) -> Floats:
    """Running median, coarse: of blocks of `half` lines, and between their middles straight."""
    if len(values) <= half:
        return np.full_like(values, np.median(values))
    edges = range(0, len(values), max(half, 1))
    middles = [(e + min(e + half, len(values))) / 2 for e in edges]
    medians = [float(np.median(values[e : e + half])) for e in edges]
    smooth: Floats = np.interp(np.arange(len(values)), middles, medians)
    return smooth
