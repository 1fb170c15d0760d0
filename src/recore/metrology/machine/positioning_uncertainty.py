"""Uncertainty of a positioning test: device, alignment, temperature, drift of the surroundings.

The contributions of ISO/TR 230-9:2005, Annex C, each as a field of errors over the readings, sent through the very
formulas of the rule set: by derivatives (JCGM 100) and by drawing (JCGM 101).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology.budget import Contribution, expanded_of_samples

Floats = NDArray[np.float64]
Kernel = Callable[[Floats], dict[str, Floats]]
_ROWS = 128
_CELLS = 400_000


@dataclass(frozen=True)
class Source:
    """One source of error.

    Parameters
    ----------
    name : in words
    evaluation : 'A' or 'B' (JCGM 100:2008, 4.2 and 4.3)
    standard : standard uncertainty
    unit : its unit
    reach : 'scale' (in proportion to the distance from the first target), 'target' (alike in every approach of a
        target) or 'reading' (new in every reading)
    per_unit : deviation [µm or arcsec] that one unit of it makes: at one metre for 'scale', else at a reading
    flat : uniformly distributed, else normal
    """

    name: str
    evaluation: Literal["A", "B"]
    standard: float
    unit: str
    reach: Literal["scale", "target", "reading"]
    per_unit: float = 1.0
    flat: bool = False

    @property
    def effect(self) -> float:
        return self.standard * abs(self.per_unit)


def gradients(kernel: Kernel, x: Floats, step: float) -> dict[str, Floats]:
    """Derivative of each result with respect to each reading, by central differences; (d, m, n) each."""
    size = x.size
    parts: dict[str, list[Floats]] = {}
    rows = max(1, min(_ROWS, _CELLS // size))
    for first in range(0, size, rows):
        some = np.arange(first, min(first + rows, size))
        moved = np.zeros((len(some), size))
        moved[np.arange(len(some)), some] = step
        moved = moved.reshape(len(some), *x.shape)
        above, below = kernel(x + moved), kernel(x - moved)
        for name, values in above.items():
            parts.setdefault(name, []).append((values - below[name]) / (2 * step))
    return {name: np.concatenate(pieces).reshape(x.shape) for name, pieces in parts.items()}


def contributions(
    kernel: Kernel, x: Floats, distance_m: Floats, sources: list[Source], unit: str
) -> list[Contribution]:
    """First-order contribution of every source to every result."""
    step = 1e-4 * max([source.effect for source in sources], default=0.0)
    if not step > 0:
        return []
    lines = []
    for name, slope in gradients(kernel, x, step).items():
        for source in sources:
            if source.reach == "scale":
                reach = abs(float((slope * distance_m[:, None]).sum()))
            elif source.reach == "target":
                reach = float(np.linalg.norm(slope.sum(axis=(0, 2))))
            else:
                reach = float(np.linalg.norm(slope))
            lines.append(
                Contribution(
                    name,
                    source.name,
                    source.evaluation,
                    source.standard,
                    source.unit,
                    source.effect * reach,
                    unit,
                )
            )
    return lines


def simulated(
    kernel: Kernel, x: Floats, distance_m: Floats, sources: list[Source], trials: int, seed: int
) -> dict[str, float]:
    """Expanded uncertainty of every result by Monte Carlo, all trials of a block at once."""
    if not trials or not any(source.effect for source in sources):
        return {}
    generator = np.random.default_rng(seed)
    samples: dict[str, list[Floats]] = {}
    rows = max(1, min(trials, _CELLS // x.size))
    for first in range(0, trials, rows):
        count = min(rows, trials - first)
        drawn = np.broadcast_to(x, (count, *x.shape)).copy()
        d, m, n = x.shape
        for source in sources:
            shape = {"scale": (count, 1, 1, 1), "target": (count, 1, m, 1), "reading": (count, d, m, n)}
            wanted = shape[source.reach]
            error = (
                generator.uniform(-np.sqrt(3), np.sqrt(3), wanted)
                if source.flat
                else generator.standard_normal(wanted)
            ) * source.effect
            drawn += error * distance_m[:, None] if source.reach == "scale" else error
        for name, values in kernel(drawn).items():
            samples.setdefault(name, []).append(values)
    return {name: expanded_of_samples(np.concatenate(pieces)) for name, pieces in samples.items()}
