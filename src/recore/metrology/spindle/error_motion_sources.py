"""The uncertainty sources of an error motion test as plots over the angle of the rotor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.error_motion_uncertainty import Source, random_part
from recore.metrology.spindle.motion_values import asynchronous
from recore.metrology.spindle.motions import Setup
from recore.metrology.spindle.polar_statistics import Polar

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stated:
    """What a person states of the equipment; None where nothing is stated.

    Parameters
    ----------
    probe_noise_um : standard deviation of one reading
    gain_percent : standard uncertainty of each probe's gain
    angle_deg : standard uncertainty of each probe's direction
    linearity_percent : bound of a probe's deviation from a straight line, of half the range it moved through
    encoder_deg : standard uncertainty of the rotor's angle at a sample (encoder graduation, tacho)
    artefact_form_um : bound of the artefact's out-of-roundness
    artefact_radius_mm : radius of the artefact at the probes
    """

    probe_noise_um: float | None = None
    gain_percent: float | None = None
    angle_deg: float | None = None
    linearity_percent: float | None = None
    encoder_deg: float | None = None
    artefact_form_um: float | None = None
    artefact_radius_mm: float | None = None

    def left_out(self) -> list[str]:
        """What nothing is stated of."""
        words = {
            "probe gain": self.gain_percent,
            "probe angles": self.angle_deg,
            "probe linearity": self.linearity_percent,
            "angle of the rotor": self.encoder_deg,
            "form of the artefact": self.artefact_form_um,
            "curvature of the artefact": self.artefact_radius_mm,
        }
        return [word for word, value in words.items() if value is None]


@dataclass(frozen=True)
class Channels:
    """Mean signals of the channels over a revolution, as the motions say they must be; float64 [channel, angle].

    Parameters
    ----------
    signal : the reading
    across : the motion across each radial probe, towards growing angle; 0 for axial ones
    slope : change of the reading with the angle of the rotor [µm/rad]
    """

    signal: Floats
    across: Floats
    slope: Floats

    @classmethod
    def of(cls, setup: Setup, polars: Mapping[str, Polar]) -> Channels:
        """From the mean plots, in which the eccentricity still is."""
        rows: list[tuple[Floats, Floats]] = []
        if "x" in polars:
            for angles, x, y in (
                (setup.angles_deg, "x", "y"),
                (setup.plane2_angles_deg, "x2", "y2"),
            ):
                for phi in np.radians(angles):
                    mx, my = polars[x].mean, polars[y].mean
                    rows.append((mx * np.cos(phi) + my * np.sin(phi), my * np.cos(phi) - mx * np.sin(phi)))
        else:
            own = polars["fixed"].mean
            # one probe does not see across; what turns with the rotor was there a quarter of a turn ago
            rows.append((own, np.roll(own, setup.sense * setup.samples // 4)))
        flat = np.zeros(setup.samples)
        rows += [(polars[name].mean, flat) for name in ("axial", "face")[: setup.axial]]
        signal = np.stack([row[0] for row in rows])
        signal = signal - signal.mean(axis=1, keepdims=True)
        across = np.stack([row[1] - row[1].mean() for row in rows])
        return cls(signal, across, _slope(signal, setup.sense))


def curvature_um(eccentricity_um: float, radius_mm: float) -> float:
    """Amplitude of the two-per-revolution form that an eccentric artefact of this radius feigns, e²/(4ρ)."""
    return eccentricity_um**2 / (4000.0 * radius_mm)


def curvature_plot(setup: Setup, weights: Floats, eccentricity: complex, radius_mm: float) -> Floats:
    """What the curved surface adds to a motion, (angle,): −e²/(4ρ)·(1 − cos 2(t − φ + g)) at every radial probe."""
    e, g = abs(eccentricity), np.angle(eccentricity)
    phi = setup.radial_rad
    turned = setup.rotor_rad[None, :] - phi[:, None] + g
    seen = -curvature_um(e, radius_mm) * (1 - np.cos(2 * turned))
    found: Floats = np.sum(weights[: len(phi)] * seen, axis=0)
    return found


def sources(
    setup: Setup,
    weights: Mapping[str, Floats],
    polars: Mapping[str, Polar],
    drift: Floats,
    eccentricity: complex,
    stated: Stated,
) -> list[Source]:
    """Every source that is known or stated.

    Parameters
    ----------
    setup, weights : the probes, and the weights of each motion
    polars : the motions, with the eccentricity still in them
    drift : (channel,) that is still in the record [µm per revolution]
    eccentricity : complex, turning with the rotor [µm]
    stated : about the equipment
    """
    through = Channels.of(setup, polars)
    radial = len(setup.radial_rad)
    noise = {
        name: (stated.probe_noise_um or 0.0) * float(np.sqrt(np.mean(np.sum(w**2, axis=0))))
        for name, w in weights.items()
    }
    found = random_part(polars, noise)
    ramp = np.arange(setup.samples) / setup.samples - 0.5
    half = polars["fixed"].revolutions / (2 * np.sqrt(3))
    slopes = {name: np.sum(w * drift[:, None], axis=0) for name, w in weights.items()}
    found.append(
        Source(
            "drift",
            "A",
            float(np.abs(drift).max()),
            "µm/revolution",
            {name: slope * ramp for name, slope in slopes.items()},
            spread={name: float(np.abs(slope).max()) * half for name, slope in slopes.items()},
        )
    )

    def each(name: str, standard: float, unit: str, rows: Floats, count: int, spread: bool = False) -> None:
        for c in range(count):
            found.append(
                Source(
                    f"{name} of probe {c + 1}",
                    "B",
                    standard,
                    unit,
                    {motion: w[c] * rows[c] for motion, w in weights.items()},
                    spread={
                        # an asynchronous width scales with the gain of the probe that sees it
                        motion: standard
                        / 100
                        * asynchronous(polars[motion])
                        * float(np.mean(w[c] ** 2) / np.mean(np.sum(w**2, axis=0)))
                        for motion, w in weights.items()
                    }
                    if spread
                    else {},
                )
            )

    if stated.gain_percent:
        each(
            "gain", stated.gain_percent, "%", through.signal * stated.gain_percent / 100, setup.channels, True
        )
    if stated.angle_deg:
        each("angle", stated.angle_deg, "deg", through.across * np.radians(stated.angle_deg), radial)
    if stated.linearity_percent:
        found += _bent(weights, through, stated.linearity_percent)
    if stated.encoder_deg:
        found.append(
            Source(
                "angle of the rotor",
                "B",
                stated.encoder_deg,
                "deg",
                {
                    name: np.abs(np.sum(w * through.slope, axis=0)) * np.radians(stated.encoder_deg)
                    for name, w in weights.items()
                },
                scatter=True,
            )
        )
    if stated.artefact_radius_mm:
        # taken out with the eccentricity of the record itself; a tenth is left for radius and height of the probes
        found.append(
            Source(
                "curvature of the artefact",
                "B",
                0.1 * curvature_um(abs(eccentricity), stated.artefact_radius_mm),
                "µm",
                {
                    name: 0.1 * curvature_plot(setup, w, eccentricity, stated.artefact_radius_mm)
                    for name, w in weights.items()
                },
            )
        )
    if stated.artefact_form_um:
        found.append(
            Source(
                "form of the artefact",
                "B",
                stated.artefact_form_um / float(np.sqrt(3)),
                "µm",
                {name: np.zeros(setup.samples) for name in weights},
                spread={
                    name: stated.artefact_form_um
                    / float(np.sqrt(3))
                    * float(np.sqrt(np.mean(np.sum(w[:radial] ** 2, axis=0))))
                    for name, w in weights.items()
                },
                spread_on=("synchronous", "raw", "total"),
                bounded=True,
            )
        )
    return found


def _bent(weights: Mapping[str, Floats], through: Channels, percent: float) -> list[Source]:
    """Second and third degree of a probe's deviation from its straight line, the bound shared between them."""
    reach = np.maximum(np.ptp(through.signal, axis=1, keepdims=True) / 2, np.finfo(float).tiny)
    u = (through.signal - through.signal.min(axis=1, keepdims=True)) / reach - 1
    standard = percent / 100 * reach / np.sqrt(6)
    shapes = (("second", 2 * u**2 - 1), ("third", 4 * u**3 - 3 * u))
    return [
        Source(
            f"linearity of probe {c + 1}, {word} degree",
            "B",
            float(standard[c, 0]),
            "µm",
            {name: w[c] * standard[c] * shape[c] for name, w in weights.items()},
            bounded=True,
        )
        for word, shape in shapes
        for c in range(len(u))
    ]


def _slope(plots: Floats, sense: int) -> Floats:
    spectrum = np.fft.rfft(plots, axis=-1) * (1j * sense * np.arange(plots.shape[-1] // 2 + 1))
    if plots.shape[-1] % 2 == 0:
        spectrum[..., -1] = 0
    found: Floats = np.fft.irfft(spectrum, plots.shape[-1], axis=-1)
    return found
