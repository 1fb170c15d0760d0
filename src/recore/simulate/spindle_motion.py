"""How the axis of a simulated spindle moves, and when the samples are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.simulate.periodic import Periodic, peak_to_valley

if TYPE_CHECKING:
    from recore.simulate.spindle import Rig

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Stream = Callable[[str], np.random.Generator]

_BALLS, _RATIO = 16, 0.1532  # of the bearing; ball diameter · cos(contact angle) / pitch diameter
_WANDER = 0.05  # rad for the root of a revolution: how fast the phase of a bearing line walks
_CALM = 20.0  # revolutions after which the wandering centre has forgotten where it was
_QUALITY = 30.0  # of the frame's resonances


@dataclass(frozen=True)
class Motion:
    """Where the axis is at each sample, and the harmonics of its synchronous part.

    Parameters
    ----------
    radial : x + iy [µm]
    axial : z [µm]
    tilt : slope of the axis towards x, plus i times that towards y [µrad]
    x, y : harmonics A_k of the synchronous radial motion [µm]
    orders : lines of the asynchronous motion [per revolution]
    """

    radial: Complexes
    axial: Floats
    tilt: Complexes
    x: Complexes
    y: Complexes
    orders: dict[str, float]


def spectrum(rng: np.random.Generator, highest: int, peak_valley: float, lowest: int = 2) -> Complexes:
    """Harmonics 0 … `highest` of a form whose amplitudes fall as 1/k, scaled to a peak-to-valley value."""
    k = np.arange(highest + 1)
    draw = rng.uniform(0.4, 1.6, highest + 1) * np.exp(1j * rng.uniform(0, 2 * np.pi, highest + 1))
    harmonics: Complexes = np.where(k >= lowest, draw / np.maximum(k, 1), 0)
    return harmonics * (peak_valley / peak_to_valley(harmonics))


def clock(rig: Rig) -> tuple[Floats, Floats]:
    """Revolutions made and time [s] at each sample; the speed swings twice during the record."""
    count = rig.revolutions * rig.samples
    per_second = rig.speed_rpm / 60
    even = np.arange(count) / rig.samples
    swing = rig.speed_variation_pct / 100
    if not swing:
        return even, even / per_second
    # turns(τ) = τ + swing · (1 - cos cτ) / c, with τ = time · speed and c for two swings
    c = 4 * np.pi / rig.revolutions

    def turns_at(tau: Floats) -> Floats:
        return tau + swing * (1 - np.cos(c * tau)) / c

    if rig.sampling == "time":
        return turns_at(even), even / per_second
    tau = even.copy()
    for _ in range(60):
        step = (turns_at(tau) - even) / (1 + swing * np.sin(c * tau))
        tau -= step
        if np.abs(step).max() < 1e-13 * rig.revolutions:
            break
    return even, tau / per_second


def motion_of(rig: Rig, anew: Stream, kept: Stream, angle: Floats, turns: Floats, time: Floats) -> Motion:
    """Motion of the axis at every sample.

    Parameters
    ----------
    anew, kept : generator of a source of chance: drawn anew for each record, and the same for all of a set
    angle : true rotor angle at the samples [rad]
    turns, time : revolutions made, and time [s]
    """
    x, y = _synchronous(rig, kept("motion"))
    radial = Periodic(x)(angle) + 1j * Periodic(y)(angle)
    orders: dict[str, float] = {}
    if rig.asynchronous_nm:
        orders = _orders()
        radial += _asynchronous(anew("asynchronous"), turns, orders) * (rig.asynchronous_nm * 1e-3)
    if rig.structural_nm:
        radial += _structural(anew("structural"), time, rig.structural_hz) * (rig.structural_nm * 1e-3)
    axial = Periodic(spectrum(kept("axial"), 12, rig.axial_pv_nm, lowest=1) * 1e-3)(angle)
    slope = Periodic(spectrum(kept("tilt"), 12, rig.tilt_pv_urad))
    tilt = slope(angle) + 1j * slope(angle - np.pi / 2)
    if rig.drift_nm:
        growth = rig.drift_nm * 1e-3 * -np.expm1(-time / rig.drift_s)
        radial += growth * np.exp(1j * anew("drift").uniform(0, 2 * np.pi))
        axial = axial + growth
    return Motion(radial, axial, tilt, x, y, orders)


def _synchronous(rig: Rig, rng: np.random.Generator) -> tuple[Complexes, Complexes]:
    """Harmonics of x and y from phasors turning both ways: x + iy = Σ F_k exp(ikt) + G_k exp(-ikt)."""
    forward = spectrum(rng, rig.spindle_upr, 1.0)
    backward = spectrum(rng, rig.spindle_upr, 0.6)
    x = forward + np.conj(backward)
    y = -1j * (forward - np.conj(backward))
    scale = rig.spindle_pv_nm * 1e-3 / peak_to_valley(x)
    x, y = x * scale, y * scale
    once = rig.backward_nm * 1e-3 * np.exp(1j * rng.uniform(0, 2 * np.pi))
    x[1] += np.conj(once)
    y[1] += 1j * np.conj(once)
    return x, y


def _orders() -> dict[str, float]:
    """Lines of a rolling bearing without slip, outer ring at rest."""
    return {
        "cage": (1 - _RATIO) / 2,
        "balls": (1 - _RATIO**2) / _RATIO,
        "outer ring": _BALLS / 2 * (1 - _RATIO),
        "inner ring": _BALLS / 2 * (1 + _RATIO),
    }


def _asynchronous(rng: np.random.Generator, turns: Floats, orders: dict[str, float]) -> Complexes:
    """Bearing lines with walking phase and a wandering centre; rms 1 in x and in y."""
    ends = np.arange(int(turns[-1]) + 2)
    total = np.zeros(len(turns), dtype=complex)
    for order, share in zip(orders.values(), (1.0, 0.35, 0.35, 0.2), strict=True):
        walk = np.cumsum(rng.normal(0, _WANDER, len(ends))) + rng.uniform(0, 2 * np.pi)
        phase = 2 * np.pi * order * turns + np.interp(turns, ends, walk)
        other = rng.uniform(0.1, 0.5) * np.exp(1j * rng.uniform(0, 2 * np.pi))
        wave = np.exp(1j * phase)
        total += share * (wave + other * np.conj(wave))
    for unit in (1.0, 1j):
        centre = np.empty(len(ends))
        steps = rng.normal(0, 1, len(ends))
        centre[0] = steps[0]
        keep = np.exp(-1 / _CALM)
        for n in range(1, len(ends)):
            centre[n] = keep * centre[n - 1] + np.sqrt(1 - keep**2) * steps[n]
        total += 0.4 * unit * np.interp(turns, ends, centre)
    return _scaled(total)


def _structural(rng: np.random.Generator, time: Floats, first_hz: float) -> Complexes:
    """Frame shaken at random in three resonances; rms 1 in x and in y."""
    count = len(time)
    step = (time[-1] - time[0]) / max(count - 1, 1) or 1.0
    f = np.fft.rfftfreq(count, step)
    response = sum(
        share / (1 - (f / (first_hz * times)) ** 2 + 1j * f / (first_hz * times * _QUALITY))
        for times, share in ((1.0, 1.0), (2.3, 0.15), (4.1, 0.05))
    )
    even = np.arange(count) * step + time[0]
    pushed = []
    for _ in range(2):
        noise = np.fft.rfft(rng.standard_normal(count))
        noise[0] = 0
        pushed.append(np.interp(time, even, np.fft.irfft(noise * response, count)))
    return _scaled(pushed[0] + 1j * pushed[1])


def _scaled(motion: Complexes) -> Complexes:
    x, y = motion.real - motion.real.mean(), motion.imag - motion.imag.mean()
    scaled: Complexes = x / (x.std() or 1.0) + 1j * y / (y.std() or 1.0)
    return scaled
