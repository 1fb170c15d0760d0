"""A small spindle test of our own making: records whose motions are known term by term."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recore.evidence import Table

Floats = NDArray[np.float64]
Harmonics = dict[float, complex]  # order → amplitude: Re Σ A·exp(ikt)


def plot(harmonics: Harmonics, t: Floats) -> Floats:
    """Value at angles t of the rotor; orders need not be whole."""
    return sum((np.real(a * np.exp(1j * k * t)) for k, a in harmonics.items()), np.zeros_like(t))


@dataclass
class Test:
    """Probes, motions and faults."""

    __test__ = False

    angles: tuple[float, ...] = (0.0, 90.0)
    n: int = 256
    turns: int = 40
    x: Harmonics = field(default_factory=dict)
    y: Harmonics = field(default_factory=dict)
    form: Harmonics = field(default_factory=dict)
    axial: Harmonics | None = None
    face: Harmonics | None = None
    x2: Harmonics | None = None
    y2: Harmonics | None = None
    e: float = 5.0
    g: float = 0.7
    noise: float = 0.0
    drift: float = 0.0  # µm per revolution, in x
    seed: int = 1
    sense: int = 1

    def t(self) -> Floats:
        return self.sense * 2 * np.pi * np.arange(self.n * self.turns) / self.n

    def channels(self, t: Floats | None = None) -> dict[str, Floats]:
        t = self.t() if t is None else t
        rng = np.random.Generator(np.random.PCG64(self.seed))

        def noise() -> Floats:
            return self.noise * rng.standard_normal(len(t))

        def plane(x: Floats, y: Floats, name: str) -> dict[str, Floats]:
            found = {}
            for i, phi in enumerate(np.radians(self.angles)):
                m = plot(self.form, t - phi) + x * np.cos(phi) + y * np.sin(phi)
                found[f"{name}{i + 1}_um"] = m + self.e * np.cos(t - phi + self.g) + noise() + 3.0 * i
            return found

        x, y = plot(self.x, t) + self.drift * t / (2 * np.pi), plot(self.y, t)
        found = plane(x, y, "p")
        if self.x2 is not None:
            found |= plane(plot(self.x2, t), plot(self.y2 or {}, t), "q")
        if self.axial is not None:
            found["axial1_um"] = plot(self.axial, t) + noise()
        if self.face is not None:
            found["axial2_um"] = plot(self.face, t) + noise()
        return found

    def table(self) -> Table:
        return Table.of(self.channels())

    def ask(self, **more: object) -> dict[str, object]:
        return {"probe_angles_deg": list(self.angles), "samples_per_revolution": self.n, "trials": 0} | more
