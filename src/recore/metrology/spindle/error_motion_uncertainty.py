"""Uncertainty of error motion values, to first order and by Monte Carlo over the same sources.

Every source is a plot: what one standard uncertainty of it adds to each motion at each angle. A value is the
difference of two points of a plot, so its first-order uncertainty is that of the difference there; Monte Carlo lets
the two points move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology.budget import Contribution, expanded_of_samples
from recore.metrology.spindle.motion_values import about, asynchronous, centred, once, synchronous, total
from recore.metrology.spindle.polar_statistics import Polar

Floats = NDArray[np.float64]
Value = Literal["synchronous", "raw", "total", "asynchronous", "fundamental"]

_EULER = 0.5772156649015329
_GUMBEL_SD = float(np.pi / np.sqrt(6))


@dataclass(frozen=True)
class Source:
    """Something uncertain that moves the plots.

    Parameters
    ----------
    name, evaluation, standard, unit : as in the budget
    plots : for each motion, (angle,): what one standard uncertainty adds
    scatter : the angles move independently of each other, and the plots are their standard deviations; else the
        whole plot moves together
    averaged : it is what the mean over the revolutions leaves; a single reading, as an extreme is, has none of it
    spread : for each motion, what one standard uncertainty adds to a value as a whole; 0 where left out
    spread_on : the values that the spread is added to
    bounded : the source is known by its bounds (rectangular), else normal
    """

    name: str
    evaluation: Literal["A", "B"]
    standard: float
    unit: str
    plots: Mapping[str, Floats]
    scatter: bool = False
    averaged: bool = False
    spread: Mapping[str, float] = field(default_factory=dict)
    spread_on: tuple[Value, ...] = ("total", "asynchronous")
    bounded: bool = False

    def added(self, result: Result) -> float:
        """What one standard uncertainty adds to a value as a whole."""
        return self.spread.get(result.motion, 0.0) if result.value in self.spread_on else 0.0


@dataclass(frozen=True)
class Result:
    """A value whose uncertainty is wanted.

    Parameters
    ----------
    name : in the finding
    motion : key of its plot
    value : 'synchronous' about the least-squares centre, 'raw' range of the mean plot, 'total', 'asynchronous',
        or 'fundamental', twice the once-per-revolution amplitude
    unit : its unit
    centred : about the least-squares centre, else that of the chart (total only)
    """

    name: str
    motion: str
    value: Value
    unit: str = "µm"
    centred: bool = True


def random_part(polars: Mapping[str, Polar], noise: Mapping[str, float]) -> list[Source]:
    """What M revolutions leave of noise and asynchronous motion in the mean plot.

    Parameters
    ----------
    polars : the motions
    noise : standard deviation of the probe noise in each motion, 0 where it is not stated: all is then
        asynchronous motion
    """
    left = {
        name: np.sqrt(np.maximum(p.sigma**2 - noise[name] ** 2, 0.0) / p.revolutions)
        for name, p in polars.items()
    }
    own = {
        name: np.full(len(p.mean), min(noise[name], float(p.sigma.max())) / np.sqrt(p.revolutions))
        for name, p in polars.items()
    }
    found = [
        Source(
            "asynchronous motion left in the mean",
            "A",
            float(np.mean([q.mean() for q in left.values()])),
            "µm",
            left,
            scatter=True,
            averaged=True,
        )
    ]
    if any(noise.values()):
        found.append(
            Source(
                "probe noise left in the mean",
                "B",
                max(noise.values()),
                "µm",
                own,
                scatter=True,
                averaged=True,
            )
        )
    return found


def contributions(result: Result, polar: Polar, sources: Sequence[Source]) -> list[Contribution]:
    """Lines of the budget of one result, to first order."""
    lines = [
        Contribution(
            result.name, s.name, s.evaluation, s.standard, s.unit, _first_order(result, polar, s), result.unit
        )
        for s in sources
    ]
    if result.value in ("total", "asynchronous"):
        lines.append(
            Contribution(
                result.name,
                f"which extremes {polar.revolutions} revolutions happen to hold",
                "A",
                float(polar.sigma.mean()),
                result.unit,
                _extremes(result, polar),
                result.unit,
            )
        )
    elif result.value != "fundamental":
        left = _scatter(result.motion, [s for s in sources if s.averaged], len(polar.mean))
        lines.append(
            Contribution(
                result.name,
                "widening of a range by what is left in the mean",
                "A",
                float(left.mean()),
                result.unit,
                widening(centred(polar.mean) if result.value == "synchronous" else polar.mean, left),
                result.unit,
            )
        )
    return [line for line in lines if line.contribution > 0]


def widening(plot: Floats, scatter: Floats) -> float:
    """How much wider the range of a plot is on average when each point scatters by itself (normal).

    Parameters
    ----------
    plot : (n,) mean over the revolutions
    scatter : (n,) standard deviations

    Notes
    -----
    The mean of the largest of independent values is the integral over one minus the product of their
    distributions; the plot without its scatter is taken from the harmonics that stand clear of it. Where
    neighbouring points scatter together this is an upper estimate.
    """
    from scipy.special import log_ndtr

    widest = float(scatter.max())
    if widest == 0.0:
        return 0.0
    found, clear = 0.0, clear_of(plot, scatter)
    for values in (clear, -clear):
        top = float(values.max())
        near = values > top - 8 * widest
        z = np.linspace(top - 6 * widest, top + 7 * widest, 131)
        spread = np.maximum(scatter[near], 1e-3 * widest)
        below = np.exp(log_ndtr((z[:, None] - values[near]) / spread).sum(axis=1))
        found += float(z[-1] - np.trapezoid(below, z)) - top
    return max(found, 0.0)


def simulated(
    results: Sequence[Result], polars: Mapping[str, Polar], sources: Sequence[Source], trials: int, seed: int
) -> dict[str, float]:
    """Expanded uncertainty of each result from freshly drawn errors (JCGM 101:2008), for 95 %.

    Half the shortest interval for extremes of single readings; of ranges of means, which scatter can only widen, the
    distance from the value that 95 % of the draws stay within.
    """
    if not trials or not polars:
        return {}
    rng = np.random.Generator(np.random.PCG64(seed))
    angles = len(next(iter(polars.values())).mean)
    whole = [s for s in sources if not s.scatter]
    loose = [s for s in sources if s.scatter]
    factors = np.stack(
        [
            rng.uniform(-np.sqrt(3), np.sqrt(3), trials) if s.bounded else rng.standard_normal(trials)
            for s in whole
        ]
        or [np.zeros(trials)],
        axis=1,
    )
    scatter = rng.standard_normal((trials, angles))
    # standardised largest values, mean 0
    high = -np.log(-np.log(rng.random((trials, angles)))) - _EULER
    low = -np.log(-np.log(rng.random((trials, angles)))) - _EULER
    found = {}
    for result in results:
        polar = polars[result.motion]
        averages = result.value in ("synchronous", "raw", "fundamental")
        moved = factors @ np.stack([s.plots[result.motion] for s in whole] or [np.zeros(angles)])
        loosened = _scatter(result.motion, [s for s in loose if averages or not s.averaged], angles)
        moved = moved + scatter * loosened
        if averages:
            # the mean plot holds one draw of its scatter already
            polar = replace(polar, mean=clear_of(polar.mean, loosened))
        step = polar.sigma / _depth(polar.revolutions)
        if result.value == "fundamental":
            samples = 4 / angles * np.abs(np.fft.rfft(polar.mean + moved, axis=1)[:, 1])
        elif averages:
            plots = polar.mean + moved
            samples = np.ptp(centred(plots) if result.value == "synchronous" else plots, axis=1)
        elif result.value == "total":
            clear = about(polar, polar.mean) if result.centred else polar
            moved = centred(moved) if result.centred else moved
            samples = (clear.highest + moved + high * step).max(axis=1) - (
                clear.lowest + moved - low * step
            ).min(axis=1)
        else:
            samples = (polar.highest - polar.lowest + (high + low) * step).max(axis=1)
        samples = samples + factors @ np.array([s.added(result) for s in whole] or [0.0])
        if averages:
            off = np.abs(samples - value_of(result, polar))
            found[result.name] = float(np.quantile(off, 0.95))
        else:
            found[result.name] = expanded_of_samples(samples)
    return found


def clear_of(plot: Floats, scatter: Floats) -> Floats:
    """The harmonics of a plot that exceed four standard deviations of what scatter of its points gives them."""
    spectrum = np.fft.rfft(plot)
    least = 4 * float(np.sqrt(np.mean(scatter**2) * len(plot) / 2))
    spectrum[1:][np.abs(spectrum[1:]) < least] = 0
    found: Floats = np.fft.irfft(spectrum, len(plot))
    return found


def value_of(result: Result, polar: Polar) -> float:
    """The value of a result."""
    if result.value == "synchronous":
        return synchronous(polar.mean)
    if result.value == "raw":
        return float(np.ptp(polar.mean))
    if result.value == "fundamental":
        return 2 * abs(once(polar.mean)[1])
    if result.value == "asynchronous":
        return asynchronous(polar)
    return total(polar) if result.centred else float(polar.highest.max() - polar.lowest.min())


def _scatter(motion: str, sources: Sequence[Source], angles: int) -> Floats:
    """Standard deviation at each angle from several sources that scatter."""
    found: Floats = np.sqrt(sum((s.plots[motion] ** 2 for s in sources), np.zeros(angles)))
    return found


def _first_order(result: Result, polar: Polar, source: Source) -> float:
    plot, added = source.plots[result.motion], source.added(result)
    if result.value == "asynchronous":
        return abs(added)
    if result.value == "fundamental":
        amplitude = once(polar.mean)[1]
        if source.scatter:
            return float(2 * np.sqrt(2 * np.sum(plot**2)) / len(plot))
        part = once(plot)[1]
        return 2 * abs((part * amplitude.conjugate()).real / abs(amplitude)) if amplitude else 2 * abs(part)
    whole = result.value == "total"
    about_least_squares = result.centred and result.value != "raw"
    if whole:
        clear = about(polar, polar.mean) if about_least_squares else polar
        top, bottom = int(clear.highest.argmax()), int(clear.lowest.argmin())
    else:
        shown = centred(polar.mean) if about_least_squares else polar.mean
        top, bottom = int(shown.argmax()), int(shown.argmin())
    if source.scatter:
        return 0.0 if whole and source.averaged else float(np.hypot(plot[top], plot[bottom]))
    moved = centred(plot) if about_least_squares else plot
    return float(np.hypot(moved[top] - moved[bottom], added))


def _depth(revolutions: int) -> float:
    """Over which the standard deviation of a normal scatter is divided to get the scale of its largest value."""
    return float(np.sqrt(2 * np.log(max(revolutions, 3))))


def _extremes(result: Result, polar: Polar) -> float:
    """Standard uncertainty of an extreme width from the luck of the draw (Gumbel's limit of the largest of M)."""
    step = polar.sigma / _depth(polar.revolutions)
    if result.value == "asynchronous":
        at = int((polar.highest - polar.lowest).argmax())
        return float(np.sqrt(2) * _GUMBEL_SD * step[at])
    clear = about(polar, polar.mean) if result.centred else polar
    return float(_GUMBEL_SD * np.hypot(step[clear.highest.argmax()], step[clear.lowest.argmin()]))
