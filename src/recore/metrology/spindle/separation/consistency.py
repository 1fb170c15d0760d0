"""Does the record agree with the layout it was said to come from?

Every probe must see the eccentricity of the artefact with the same amplitude and with the phase of its own angle;
more than three probes must agree in every harmonic.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from recore.method import Note, Refusal
from recore.metrology.spindle.separation.linear import Solver

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

ENOUGH_UM = 0.5
_SPREAD = 0.05
_BACKWARD = 0.5
_DOUBT, _DOUBT_UM = 0.005, 0.025
_SIGNIFICANT = 1e-4
_GROSS = 0.2
_DEAD = 0.02
_EXPLAINS = 0.03
_MOST_ORDERED = 6


@dataclass(frozen=True)
class Fundamental:
    """The once-per-revolution harmonic, split by its direction.

    Parameters
    ----------
    forward : F, complex amplitude [µm]: eccentricity and forward circular motion, which nothing tells apart
    backward : B [µm]: motion that circles against the rotation; errors of angle and gain look alike
    residual : (P,) what neither explains [µm]
    noise : mean square of the error of one probe's fundamental [µm²]
    estimator : (2, P) that gives F and B
    """

    forward: complex
    backward: complex
    residual: Complexes
    noise: float
    estimator: Complexes

    @property
    def eccentricity(self) -> float:
        return abs(self.forward)


def fundamental(angles_rad: Floats, mean: Complexes, lines: Complexes) -> Fundamental:
    """Split M_p = F e^(-i phi_p) + B e^(i phi_p).

    Parameters
    ----------
    angles_rad : (P,)
    mean, lines : (P,) and (P, J) fundamental of each probe and the lines beside it [µm]
    """
    rows = np.exp(1j * np.outer(angles_rad, [-1, 1]))
    estimator = np.asarray(np.linalg.pinv(rows), dtype=complex)
    forward, backward = estimator @ mean
    return Fundamental(
        forward=complex(forward),
        backward=complex(backward),
        residual=mean - rows @ (forward, backward),
        noise=float((np.abs(lines) ** 2).mean()),
        estimator=estimator,
    )


def check_fundamental(
    found: Fundamental, angles_rad: Floats, readings: Complexes, names: list[str]
) -> list[Note]:
    """Flags on the layout as the eccentricity shows it; `readings` (P, K + 1) [µm].

    Raises
    ------
    Refusal : the probes contradict each other so far that the layout or the wiring must be wrong
    """
    mean = readings[:, 1]
    noise = np.sqrt(found.noise)
    largest = float(np.abs(mean).max())
    if largest < max(ENOUGH_UM, 20 * noise):
        return [
            Note(
                "eccentricity-too-small",
                f"the artefact runs out by {1e3 * largest:.3g} nm only: that is too little to tell swapped channels, "
                f"wrong angles, signs, gains or a dead probe; run it once with an eccentricity of {ENOUGH_UM:g} µm or "
                "more",
            ),
            *_unlike(readings, names),
        ]
    spread = float(np.sqrt((np.abs(found.residual) ** 2).mean()))
    size = float(np.sqrt((np.abs(mean) ** 2).mean()))
    if spread > max(_SPREAD * size, 5 * noise) or abs(found.backward) > _BACKWARD * found.eccentricity:
        raise Refusal("probes-disagree", _diagnosis(angles_rad, mean, names))
    off = np.abs(mean - found.forward * np.exp(-1j * angles_rad))
    worst = int(off.argmax())
    if off[worst] > max(_DOUBT * found.eccentricity, _DOUBT_UM, 5 * noise):
        seen = mean[worst] * np.exp(1j * angles_rad[worst]) / found.forward
        return [
            Note(
                "angle-or-gain-doubtful",
                f"{names[worst]} sees the eccentricity {100 * (abs(seen) - 1):+.2f} % and "
                f"{-np.degrees(np.angle(seen)):+.2f}° off the common one: its gain or angle is off by as much, or the "
                f"spindle moves {1e3 * abs(found.backward):.3g} nm once per revolution against its rotation; "
                "spindle.calibrate-probes tells these apart",
            )
        ]
    return []


def _unlike(readings: Complexes, names: list[str]) -> list[Note]:
    """Probes that move far less or far more than the others, where the eccentricity cannot tell why."""
    size = np.sqrt((np.abs(readings[:, 1:]) ** 2).sum(axis=1))
    ratio = size / (np.median(size) or 1.0)
    unlike = [name for name, r in zip(names, ratio, strict=True) if r < _DEAD or r > 1 / _DEAD]
    if not unlike:
        return []
    return [
        Note(
            "probe-unlike-the-others",
            f"{', '.join(unlike)} moves less or more than the others by a factor of {1 / _DEAD:.0f}: dead, in another "
            "unit, or the motion is all in one direction",
        )
    ]


def _diagnosis(angles_rad: Floats, mean: Complexes, names: list[str]) -> str:
    """What would make the probes agree."""
    size = np.abs(mean)
    middle = float(np.median(size))
    for name, ratio in zip(names, size / middle, strict=True):
        if 1 / 1300 < ratio < 1 / 700 or 700 < ratio < 1300:
            less = "a thousandth of" if ratio < 1 else "a thousand times"
            return f"{name} shows {less} the eccentricity of the others: is it in another unit (nm and µm)?"
        if ratio < _DEAD:
            return f"{name} hardly moves while the others see an eccentricity of {middle:.3g} µm: is it dead?"
    fits = _fits(angles_rad, mean, names)
    if fits:
        return "the probes do not see one eccentricity; they would if " + ", or if ".join(fits)
    angle = np.round(np.degrees(-np.angle(mean / mean[0])), 1) % 360
    told = ", ".join(
        f"{name} {a:.1f}° (given {np.degrees(g - angles_rad[0]) % 360:.1f}°)"
        for name, a, g in zip(names, angle, angles_rad, strict=True)
    )
    return (
        "the probes do not see one eccentricity; by its phase they stand at "
        f"{told}, with amplitudes {', '.join(f'{s:.3g}' for s in size)} µm: wrong angles, channels, signs or gains"
    )


def _fits(angles_rad: Floats, mean: Complexes, names: list[str]) -> list[str]:
    """What single mistakes would explain the readings."""
    enough = _EXPLAINS * _misfit(angles_rad, mean)
    fits = []
    if _misfit(angles_rad, mean, direction=-1) < enough:
        fits.append("the spindle turned the other way or the angles were counted clockwise")
    for p, name in enumerate(names):
        turned = mean.copy()
        turned[p] *= -1
        if _misfit(angles_rad, turned) < enough:
            fits.append(f"{name} had the opposite sign")
    orders = permutations(range(len(names))) if len(names) <= _MOST_ORDERED else ()
    fits += [
        f"the channels were swapped and in the order {', '.join(names[p] for p in order)}"
        for order in orders
        if _misfit(angles_rad, mean[list(order)]) < enough
    ]
    return fits


def _misfit(angles_rad: Floats, mean: Complexes, direction: int = 1) -> float:
    """Spread of the eccentricity vector as the probes see it [µm]."""
    own = mean * np.exp(direction * 1j * angles_rad)
    return float(np.sqrt((np.abs(own - own.mean()) ** 2).mean()))


@dataclass(frozen=True)
class Agreement:
    """How well more probes than unknowns agree.

    Parameters
    ----------
    probability : that noise alone makes them differ as much; 1 with three probes, which always agree
    excess : mean square of a reading beyond noise, over the harmonics [µm²]
    share : mean square of the residuals over that of readings alike in size but of no common origin
    """

    probability: float
    excess: float
    share: float


def agreement(solving: Solver, mean: Complexes, lines: Complexes) -> Agreement:
    """Residuals of the least squares against the noise beside each order, by the F distribution.

    Parameters
    ----------
    mean, lines : (P, K + 1) and (P, J, K + 1) [µm]
    """
    from scipy.special import fdtrc

    readings, seen = mean.shape[0], int(solving.observable.sum())
    spare = readings - solving.rows.shape[2]
    if not spare or not seen:
        return Agreement(1.0, 0.0, 0.0)
    found = float((np.abs(solving.residual(mean)) ** 2).sum())
    beside = np.abs(solving.residual(lines.swapaxes(0, 1))) ** 2
    expected = float(beside.sum()) / lines.shape[1]
    power = float((np.abs(mean[:, solving.observable]) ** 2).sum())
    share = found / (power * spare / readings) if power else 0.0
    if share < 1e-16:
        return Agreement(1.0, 0.0, share)
    freedom = 2 * spare * seen
    probability = 0.0 if expected == 0 else float(fdtrc(freedom, freedom * lines.shape[1], found / expected))
    return Agreement(probability, max(0.0, found - expected) / (spare * seen), share)


def check_agreement(found: Agreement, who: str = "probes") -> list[Note]:
    """Flag of a significant misfit.

    Raises
    ------
    Refusal : the probes agree no better than unrelated signals
    """
    if found.probability >= _SIGNIFICANT:
        return []
    if found.share > _GROSS:
        raise Refusal(
            f"{who}-disagree",
            f"in the harmonics from 2 on {100 * found.share:.0f} % of what unrelated signals would leave is left over: "
            "wrong angles, swapped channels or records, wrong signs or units",
        )
    return [
        Note(
            "residuals-exceed-noise",
            f"the {who} differ by {1e3 * np.sqrt(found.excess):.2g} nm per harmonic more than their noise explains "
            f"(p = {found.probability:.1g}): an angle or a gain is off, a probe is not straight, or the motion does not "
            "repeat; U contains it",
        )
    ]
