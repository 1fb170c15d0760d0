"""A multi-probe rig with known truth: seeded, exact in its harmonics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.evidence import Table

OPT50 = (0.0, 248.846, 307.644)
MARSH = (0.0, 99.84, 202.5)


@dataclass(frozen=True)
class Rig:
    """Truth in µm: harmonics (K + 1,) of form, x and y, and the eccentricity e at phase g."""

    form: NDArray[np.complex128]
    x: NDArray[np.complex128]
    y: NDArray[np.complex128]
    eccentricity: float = 5.0
    phase: float = 0.7
    backward: float = 0.0
    radius_um: float | None = None

    @classmethod
    def drawn(cls, rng: np.random.Generator, upr: int = 50, **rest: float) -> Rig:
        """50 nm PV of form and 30 nm PV of motion with a spectrum 1/k from 2 UPR on."""
        k = np.arange(upr + 1)
        t = np.exp(1j * np.outer(k, np.linspace(0, 2 * np.pi, 2048, endpoint=False)))

        def spectrum(height: float) -> NDArray[np.complex128]:
            a = (rng.normal(size=upr + 1) + 1j * rng.normal(size=upr + 1)) / np.maximum(k, 1)
            a[:2] = 0
            return a * height / np.ptp((a @ t).real)

        return cls(spectrum(0.05), spectrum(0.03), spectrum(0.03), **rest)

    def turn(self, angles_deg: tuple[float, ...], samples: int) -> NDArray[np.float64]:
        """One revolution without noise as the probes see it, (P, samples) [µm]."""
        phi = np.radians(angles_deg)[:, None]
        t = 2 * np.pi * np.arange(samples) / samples
        k = np.arange(len(self.form))
        waves = np.exp(1j * np.outer(k, t))
        seen = self.form * np.exp(-1j * k * phi) + self.x * np.cos(phi) + self.y * np.sin(phi)
        u = t - phi + self.phase
        m = (seen @ waves).real + self.eccentricity * np.cos(u) + self.backward * np.cos(t + phi + 0.3)
        if self.radius_um is not None:
            m -= self.eccentricity**2 / (4 * self.radius_um) * (1 - np.cos(2 * u))
        return m

    def record(
        self,
        angles_deg: tuple[float, ...],
        *,
        rng: np.random.Generator,
        samples: int = 128,
        revolutions: int = 40,
        noise: float = 0.005,
        asynchronous: float = 0.01,
        drift: float = 0.0,
        gains: tuple[float, ...] | None = None,
    ) -> NDArray[np.float64]:
        """(P, samples * revolutions) [µm]; asynchronous motion is three lines at broken orders."""
        m = np.tile(self.turn(angles_deg, samples), revolutions)
        phi = np.radians(angles_deg)[:, None]
        t = 2 * np.pi * np.arange(m.shape[1]) / samples
        for order in rng.uniform(0.3, 9.7, 3) if asynchronous else ():
            a, b = rng.uniform(0, 2 * np.pi, 2)
            m += (
                asynchronous
                * np.sqrt(2 / 3)
                * (np.cos(order * t + a) * np.cos(phi) + np.cos(order * t + b) * np.sin(phi))
            )
        if noise:
            m += noise * rng.standard_normal(m.shape)
        m += drift * t / (2 * np.pi)
        return m * (1 if gains is None else np.array(gains)[:, None])


def table(signals: NDArray[np.float64], name: str = "record") -> Table:
    """Columns p1_um …"""
    return Table.of({f"p{p + 1}_um": signal for p, signal in enumerate(signals)}, name=name)


def harmonics(found: object, motion: str) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Amplitudes and U [nm] of one motion, NaN where empty."""
    columns = found.to_pydict()  # type: ignore[attr-defined]

    def column(ending: str) -> NDArray[np.float64]:
        return np.array([np.nan if v is None else v for v in columns[f"{motion}_{ending}_nm"]], dtype=float)

    return column("re") + 1j * column("im"), column("u")


def off(found: object, motion: str, truth: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Error of the amplitudes [nm] against a truth in µm."""
    return harmonics(found, motion)[0] - 1e3 * truth


def codes(notes: tuple[tuple[str, str], ...]) -> set[str]:
    return {code for code, _ in notes}
