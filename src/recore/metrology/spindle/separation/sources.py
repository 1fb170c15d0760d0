"""The sources of uncertainty of a multi-probe separation, as errors of its harmonics [µm]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.separation.averages import Averages, degrees_of_freedom, student
from recore.metrology.spindle.separation.linear import Layout, layout_rows
from recore.metrology.spindle.separation.uncertainty import Noise, Scalar

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


def line_variance(found: Complexes) -> Floats:
    """Mean square of the error of each unknown, (Q, K + 1), from solved neighbouring lines (J, Q, K + 1)."""
    variance: Floats = (np.abs(found) ** 2).mean(axis=0)
    return variance * student(degrees_of_freedom(len(found))) ** 2


def noise_of(lay: Layout, variance: Floats) -> tuple[Noise, Noise]:
    """Split the noise of X, Y, R, (3, K + 1), into that of the probes and that of the spindle itself.

    Asynchronous motion is motion: it enters X and Y and never R. What R shows is therefore probe noise times gain,
    and what X and Y show beyond that is asynchronous motion that has leaked into the whole orders.
    """
    seen, gain = lay.solver.observable, lay.solver.gain.T
    safe = np.where(seen, gain, 1.0)
    one = float((variance[2, seen] / safe[2, seen] ** 2).mean())
    probes = np.where(seen, np.minimum(one * safe**2, variance), 0.0)
    probes[2] = variance[2]
    motion = variance - probes
    return (
        Noise("probe noise, times gain", probes, float(np.sqrt(one / 2)), "µm"),
        Noise("asynchronous motion", motion, float(np.sqrt(motion[:2, seen].mean() / 2)), "µm"),
    )


def angle_sources(
    lay: Layout, estimators: Complexes, values: Complexes, u_deg: float, names: Sequence[str]
) -> list[Scalar]:
    """Each probe stands off its angle; `estimators` (K + 1, Q, P), `values` (3, K + 1) of X, Y, R."""
    if not u_deg:
        return []
    upr = values.shape[1] - 1
    found = []
    for p, name in enumerate(names):
        nominal = float(lay.angles_rad[p])

        def off(draws: Floats, p: int = p, nominal: float = nominal) -> Complexes:
            turned = nominal + np.radians(u_deg) * np.append(draws, 0.0)
            seen = np.einsum("ktq,qk->tk", layout_rows(turned, upr), values)
            error: Complexes = (seen[:-1] - seen[-1])[:, None] * estimators[:, :, p].T
            return error

        small = 1e-3
        response = off(np.array([small]))[0] / small
        found.append(Scalar(f"angle of {name}", u_deg, "deg", response, off))
    return found


def gain_sources(
    estimators: Complexes, readings: Complexes, u_gain: float, names: Sequence[str]
) -> list[Scalar]:
    """Each probe's gain is off; `readings` (P, K + 1)."""
    if not u_gain:
        return []
    return [
        Scalar(f"gain of {name}", 100 * u_gain, "%", u_gain * readings[p] * estimators[:, :, p].T)
        for p, name in enumerate(names)
    ]


def drift_sources(estimators: Complexes, averaged: Averages, names: Sequence[str]) -> list[Scalar]:
    """The drift that was removed from each probe is known as well as its level at both ends of the record."""
    return [
        Scalar(
            f"drift of {name}",
            float(averaged.u_drift[p]),
            "µm",
            averaged.u_drift[p] * averaged.saw * estimators[:, :, p].T,
            evaluation="A",
        )
        for p, name in enumerate(names)
        if averaged.u_drift[p] > 0
    ]


def linearity_sources(
    estimators: Complexes, angles_rad: Floats, forward: complex, bound_um: float, names: Sequence[str]
) -> list[Scalar]:
    """A probe's deviation from a straight line over the run-out, within ± a bound, as a parabola and as a cubic.

    For v = e cos u the parabola b (v/e)² gives b/2 at 2 UPR, and the cubic b (v/e)³ gives b/4 at 3 UPR; the bound is
    taken as rectangular (JCGM 100:2008, 4.3.7).
    """
    if not bound_um or not forward:
        return []
    standard = bound_um / np.sqrt(3)
    found = []
    for p, name in enumerate(names):
        phase = forward / abs(forward) * np.exp(-1j * angles_rad[p])
        for upr, share, word in ((2, 0.5, "parabola"), (3, 0.25, "cubic")):
            error = np.zeros(len(estimators), dtype=complex)
            if upr < len(error):
                error[upr] = standard * share * phase**upr
            found.append(
                Scalar(f"linearity of {name}, {word}", standard, "µm", error * estimators[:, :, p].T)
            )
    return found


def encoder_noise(shape: tuple[int, int], eccentricity_um: float, u_encoder_rad: float) -> Noise | None:
    """Repeating error of the encoder, of the stated standard uncertainty in each harmonic of each revolution.

    All probes are read late together, so the run-out e sin t moves like a spindle motion: harmonic n of the encoder
    gives e/2 at n ± 1 to X and to Y, and nothing to the artefact. Jitter that does not repeat is in the record's own
    scatter.
    """
    if not u_encoder_rad:
        return None
    variance = np.zeros(shape)
    variance[:2] = (eccentricity_um * u_encoder_rad) ** 2
    return Noise("encoder error, repeating", variance, u_encoder_rad, "rad", "B")


@dataclass(frozen=True)
class Curvature:
    """What an eccentric artefact of radius rho adds to its own form at 2 UPR [µm].

    A probe at a fixed place sees the offset e sin u of the surface across its axis as -(e sin u)²/(2 rho), which is
    -(e²/4 rho) (1 - cos 2u) with u = t - phi + g. It depends on t - phi alone, like the form of the artefact.
    """

    amplitude: complex
    standard: float
    response: complex


def curvature(forward: complex, radius_mm: float, u_radius_mm: float) -> Curvature:
    """Harmonic 2 of the false form, from the complex eccentricity F [µm]: F²/(4 rho)."""
    amplitude = forward**2 / (4e3 * radius_mm)
    return Curvature(amplitude, u_radius_mm, -amplitude * u_radius_mm / radius_mm)
