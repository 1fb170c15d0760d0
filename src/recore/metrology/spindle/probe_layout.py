"""Probes round a shaft: from their readings to the motion in x and y, and what the eccentricity says about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

WORST_GAIN = 10.0
_MOST_PERMUTED = 6


def solved(angles_deg: Sequence[float], *, where: str = "probe_angles_deg") -> Floats:
    """Weights that give x and y from the readings, least squares over all probes; float64 [2, probe].

    Parameters
    ----------
    angles_deg : direction of each probe from the x axis, counter-clockwise [deg]
    where : parameter that an error names

    Raises
    ------
    BadInput : the probes are (nearly) parallel, so that noise in the direction across them is amplified more
        than tenfold
    """
    angles = np.radians(np.asarray(angles_deg, dtype=float))
    design = np.column_stack((np.cos(angles), np.sin(angles)))
    weakest = float(np.linalg.svd(design, compute_uv=False)[-1])
    if weakest < 1 / WORST_GAIN:
        raise BadInput(
            f"the probes at {', '.join(f'{a:g}' for a in angles_deg)}° are (nearly) parallel: the motion across "
            "them is not seen",
            where=where,
            right="put one at another angle, 90° apart is best; or give one probe alone for its own direction",
        )
    weights: Floats = np.linalg.pinv(design)
    return weights


@dataclass(frozen=True)
class OncePerTurn:
    """What turns with the rotor once per revolution, over all probes of a plane.

    Parameters
    ----------
    forward : complex amplitude that turns with the rotor, e·exp(ig): the eccentricity of the artefact [µm]
    backward : complex amplitude that turns against it: true motion of the axis, or gains and angles that do not fit
    misfit : what neither explains, rms over the probes [µm]
    better_order : order of the channels (from 1) with which the amplitudes fit a turning eccentricity far better;
        None where the given one is as good
    """

    forward: complex
    backward: complex
    misfit: float
    better_order: tuple[int, ...] | None

    @property
    def unround(self) -> float:
        """Share of the amplitude that is no turning eccentricity."""
        size = max(abs(self.forward), abs(self.backward))
        return float(np.hypot(abs(self.backward), self.misfit) / size) if size else 0.0


def once_per_turn(amplitudes: Complex, angles_deg: Sequence[float]) -> OncePerTurn:
    """Split the once-per-revolution amplitudes of the probes into forward and backward.

    An artefact that runs out by e is seen as e·cos(t − φ_p + g) by every probe p, so that its phase tells where
    the probe stands: exchanged channels turn backwards or fit nothing.

    Parameters
    ----------
    amplitudes : (probe,) A_1 with m(t) = Re A_1·exp(it) [µm], two probes or more
    angles_deg : their directions [deg]
    """
    angles = np.radians(np.asarray(angles_deg, dtype=float))
    forward, backward, misfit = _fit(amplitudes, angles)
    size = max(abs(forward), abs(backward))
    off = np.hypot(abs(backward), misfit)
    better = None
    if size and off > 0.1 * abs(forward) and len(angles) <= _MOST_PERMUTED:
        best = off
        for order in permutations(range(len(angles))):
            _, against, left = _fit(amplitudes[list(order)], angles)
            if (found := np.hypot(abs(against), left)) < min(0.2 * off, 0.999 * best):
                best, better = found, tuple(i + 1 for i in order)
    return OncePerTurn(forward, backward, misfit, better)


def _fit(amplitudes: Complex, angles: Floats) -> tuple[complex, complex, float]:
    design = np.column_stack((np.exp(-1j * angles), np.exp(1j * angles)))
    found = np.linalg.lstsq(design, amplitudes, rcond=None)[0]
    misfit = float(np.sqrt(np.mean(np.abs(amplitudes - design @ found) ** 2)))
    return complex(found[0]), complex(found[1]), misfit
