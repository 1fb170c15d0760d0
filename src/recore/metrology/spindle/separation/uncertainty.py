"""Uncertainty of separated harmonics and of their rms values: first order and by Monte Carlo.

Units are those of the harmonics. Noise is circular: real and imaginary part have the same variance and are
independent. A scalar source (an angle, a gain) moves all harmonics together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.method import Note
from recore.metrology.budget import Contribution, disagreement, stated
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]

_AT_ONCE = 400_000
NORMAL_TWO = 0.9544997361036416  # of a normal distribution lies within two standard deviations
_NM = 1e3


@dataclass(frozen=True)
class Noise:
    """A random source.

    Parameters
    ----------
    source : in words
    variance : (Q, K + 1) mean square of the complex error, already widened for few degrees of freedom
    standard : standard deviation of its cause, in `unit`, for the budget
    """

    source: str
    variance: Floats
    standard: float
    unit: str
    evaluation: Literal["A", "B"] = "A"


@dataclass(frozen=True)
class Scalar:
    """A source with one value throughout the measurement.

    Parameters
    ----------
    source : in words
    standard : standard uncertainty in `unit`
    response : (Q, K + 1) error that one standard uncertainty gives, to first order
    exact : errors (T, Q, K + 1) of draws (T,) in standard uncertainties, where the response is not linear
    """

    source: str
    standard: float
    unit: str
    response: Complexes
    exact: Callable[[Floats], Complexes] | None = None
    evaluation: Literal["A", "B"] = "B"

    def drawn(self, draws: Floats) -> Complexes:
        if self.exact is not None:
            return self.exact(draws)
        return draws[:, None, None] * self.response


@dataclass(frozen=True)
class Uncertain:
    """Harmonics with everything that makes them uncertain.

    Parameters
    ----------
    values : (Q, K + 1)
    observable : (Q, K + 1)
    noises, scalars : the sources
    """

    values: Complexes
    observable: Bools
    noises: Sequence[Noise]
    scalars: Sequence[Scalar]

    def expanded(self) -> Floats:
        """U(k = 2) of each real and imaginary part, (Q, K + 1)."""
        return 2 * np.sqrt(sum(self._squares(), np.zeros(self.values.shape)) / 2)

    def rms(self) -> Floats:
        """Root-mean-square of each motion over its observable harmonics, (Q,)."""
        return _rms(self.values, self.observable)

    def contributions(self, names: Sequence[str], unit: str) -> list[Contribution]:
        """Lines of a budget of the rms values, first order; `names` of the results, one for each q."""
        rms = self.rms()
        lines: list[Contribution] = []
        for q, name in enumerate(names):
            seen = self.observable[q]
            a = self.values[q, seen]
            scale = 2 * rms[q] if rms[q] > 0 else np.inf
            raised = 0.0
            for noise in self.noises:
                spread = noise.variance[q, seen]
                raised += float(spread.sum()) / 2
                gives = float(np.sqrt((np.abs(a) ** 2 * spread).sum() / 2)) / scale
                lines.append(
                    Contribution(
                        name, noise.source, noise.evaluation, noise.standard, noise.unit, gives, unit
                    )
                )
            for scalar in self.scalars:
                gives = abs(float((a.conj() * scalar.response[q, seen]).real.sum())) / scale
                lines.append(
                    Contribution(
                        name, scalar.source, scalar.evaluation, scalar.standard, scalar.unit, gives, unit
                    )
                )
            # the mean square of noise adds to that of the motion; where it is large the root is not linear in it
            lift = float(np.sqrt(rms[q] ** 2 + raised) - rms[q])
            lines.append(
                Contribution(name, "rms raised by noise", "A", float(np.sqrt(raised)), unit, lift, unit)
            )
        return lines

    def simulated(self, names: Sequence[str], trials: int, seed: int) -> dict[str, float]:
        """Expanded uncertainty of the rms values by Monte Carlo (JCGM 101:2008); empty without trials.

        Half the interval about the value found that holds 95.45 % of the draws, so that what noise adds to an rms
        value on average is in it.
        """
        if not trials:
            return {}
        rng = np.random.default_rng(seed)
        amount = np.sqrt(sum((n.variance for n in self.noises), np.zeros(self.values.shape)) / 2)
        at_once = max(1, _AT_ONCE // self.values.size)
        found = []
        for first in range(0, trials, at_once):
            count = min(at_once, trials - first)
            shape = (count, *self.values.shape)
            # complex standard normal draws from one array of reals
            normal = rng.standard_normal((*shape, 2)).view(complex)[..., 0]
            drawn = self.values + amount * normal
            for scalar in self.scalars:
                drawn += scalar.drawn(rng.standard_normal(count))
            found.append(_rms(drawn, self.observable))
        samples = np.concatenate(found)
        off = np.quantile(np.abs(samples - self.rms()), NORMAL_TWO, axis=0)
        return {name: float(off[q]) for q, name in enumerate(names)}

    def _squares(self) -> list[Floats]:
        return [noise.variance for noise in self.noises] + [np.abs(s.response) ** 2 for s in self.scalars]


def _rms(values: Complexes, observable: Bools) -> Floats:
    rms: Floats = np.sqrt((np.abs(values) ** 2 * observable).sum(axis=-1) / 2)
    return rms


@dataclass(frozen=True)
class Evaluated:
    """Harmonics and rms values in nm, with their uncertainty.

    Parameters
    ----------
    values, expanded : (Q, K + 1) amplitudes and U(k = 2) of real and imaginary part [nm]
    rms : rms value of each motion, by the name of the result [nm]
    lines : budget of the rms values
    simulated : U of each by Monte Carlo
    flags : where first order and Monte Carlo differ
    """

    values: Complexes
    expanded: Floats
    rms: dict[str, Quantity]
    lines: list[Contribution]
    simulated: dict[str, float]
    flags: list[Note]


def evaluated(found: Uncertain, names: Sequence[str], trials: int, seed: int) -> Evaluated:
    """State the rms values of motions in µm in nm, by budget and Monte Carlo."""
    whole = Uncertain(
        _NM * found.values,
        found.observable,
        [replace(noise, variance=_NM**2 * noise.variance) for noise in found.noises],
        [_scaled(scalar) for scalar in found.scalars],
    )
    lines = whole.contributions(names, "nm")
    simulated = whole.simulated(names, trials, seed)
    return Evaluated(
        values=whole.values,
        expanded=whole.expanded(),
        rms={
            name: Quantity(value, "nm", stated(lines, simulated, name))
            for name, value in zip(names, whole.rms(), strict=True)
        },
        lines=lines,
        simulated=simulated,
        flags=disagreement(lines, simulated),
    )


def _scaled(source: Scalar) -> Scalar:
    exact = source.exact
    larger = None if exact is None else (lambda draws: _NM * exact(draws))
    return replace(source, response=_NM * source.response, exact=larger)
