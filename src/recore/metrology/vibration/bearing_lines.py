"""Search for the lines of a bearing fault in envelope spectra, held against the same search where no line belongs.

A comb of lines is scored at every fundamental near the nominal one. The same comb is then scored in windows of the
same relative width at fundamentals that no part of the bearing has. How the best scores of these windows are
distributed says how often a record without that fault would score as high: the record is its own null. Gear lines,
electrical hum or a noisy fan raise both alike, and no threshold is learnt from any data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, exp, expm1, log, log10, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology.bearing import DefectOrders
from recore.metrology.vibration.envelope_spectrum import Floats, Singles

Part = Literal["outer", "inner", "ball"]
PARTS: tuple[Part, ...] = ("outer", "inner", "ball")

_EULER = 0.5772156649015329
_LOBE = 2.0  # bins from the middle of a line to the first zero of the Hann window
_SMEAR = 0.002  # of a line's order: how far random slip widens it, for covering a family of lines
_SIDE_WEIGHT = 0.5  # of each of two sidebands against its carrier
_FEWEST = 20  # windows without a line that a distribution is drawn from


@dataclass(frozen=True)
class Comb:
    """Lines that a fault is looked for by.

    Parameters
    ----------
    part : the part that is at fault
    order : order of the fundamental: BPFO, BPFI or twice BSF (a spot on a ball strikes both rings each turn)
    lines : (multiple of the fundamental, orders beside it, weight)
    """

    part: Part
    order: float
    lines: tuple[tuple[int, float, float], ...]

    @property
    def highest(self) -> float:
        """Highest order of the comb at its nominal place."""
        return max(k * self.order + beside for k, beside, _ in self.lines)

    def family(self, fundamental: float, orders: DefectOrders, top: float) -> Floats:
        """Orders of every line that the fault may raise: harmonics with their sidebands, up to `top`."""
        if self.part == "outer":
            base, beside = fundamental, np.arange(-1, 2) * 1.0
        elif self.part == "inner":
            base, beside = fundamental, np.arange(-3, 4) * 1.0
        else:
            base, beside = fundamental / 2, np.arange(-2, 3) * orders.cage
        lines = (np.arange(1, int(top / base) + 2)[:, None] * base + beside).ravel()
        return lines[(lines > 0) & (lines < top)]


def combs(orders: DefectOrders) -> dict[Part, Comb]:
    """The three combs: a spot on the inner ring passes the load zone with the shaft, one on a ball with the cage."""

    def comb(part: Part, order: float, harmonics: int, beside: float) -> Comb:
        sides = ((0.0, 1.0),) if not beside else ((-beside, _SIDE_WEIGHT), (0.0, 1.0), (beside, _SIDE_WEIGHT))
        return Comb(part, order, tuple((k, s, w) for k in range(1, harmonics + 1) for s, w in sides))

    return {
        "outer": comb("outer", orders.outer, 4, 0.0),
        "inner": comb("inner", orders.inner, 3, 1.0),
        "ball": comb("ball", 2 * orders.ball, 3, orders.cage),
    }


@dataclass(frozen=True)
class Evidence:
    """How far each bin stands above its band's usual bin, where a line may be read at all.

    Parameters
    ----------
    above : (bands, bins) ln(1 + level) of the highest of three neighbours, less the band's median; 0 where closed
    is_open : (bins,) False at the harmonics of the shaft and where lines were covered
    """

    above: Singles
    is_open: NDArray[np.bool_]

    def closing(self, bins: NDArray[np.bool_]) -> Evidence:
        """The evidence with further bins closed."""
        return Evidence(np.where(bins, np.float32(0), self.above), self.is_open & ~bins)


@dataclass(frozen=True)
class Null:
    """How the best scores of windows without a line are distributed.

    Parameters
    ----------
    centre, width : (bands,) median and scale of each band's best scores
    mode, scale : of the Gumbel law of the best standardised score over all bands
    windows : how many windows it was drawn from
    """

    centre: Floats
    width: Floats
    mode: float
    scale: float
    windows: int

    def score(self, excess: float) -> float:
        """-log10 of the probability that a window without a line scores as high."""
        reduced = (excess - self.mode) / self.scale
        if reduced > 30:  # the probability is exp(-reduced) to all digits, and would underflow later
            return reduced / log(10)
        return max(0.0, -log10(-expm1(-exp(-reduced))))


@dataclass(frozen=True)
class Match:
    """Where a comb fits best near its nominal place.

    Parameters
    ----------
    part : the part that it belongs to
    order : fundamental found
    score : -log10 of the probability of as good a match without the fault
    band : index of the band that shows it best
    null : what it was held against
    """

    part: Part
    order: float
    score: float
    band: int
    null: Null


@dataclass(frozen=True)
class Search:
    """Grids of fundamentals to score: near the nominal orders, and where no part of the bearing has one.

    Parameters
    ----------
    combs : the combs to look for
    orders : defect orders of the bearing
    bins_per_order : of the spectra
    bins : how many bins the spectra have
    tolerance : half width of the windows, relative
    """

    combs: dict[Part, Comb]
    orders: DefectOrders
    bins_per_order: float
    bins: int
    tolerance: float
    grid: Floats = field(init=False)
    starts: NDArray[np.intp] = field(init=False)
    handicap: Floats = field(init=False)

    def __post_init__(self) -> None:
        centres = [comb.order for comb in self.combs.values()] + self._elsewhere()
        step = 1 / (
            4 * self.bins_per_order
        )  # a quarter of a bin at the fundamental, one at the fourth harmonic
        grids = [np.arange(c * (1 - self.tolerance), c * (1 + self.tolerance), step) for c in centres]
        sizes = [len(grid) for grid in grids]
        # nominal geometry is more likely than the edge of what slip allows: a normal law, two deviations wide
        handicaps = [-2 * ((g / c - 1) / self.tolerance) ** 2 for g, c in zip(grids, centres, strict=True)]
        object.__setattr__(self, "grid", np.concatenate(grids))
        object.__setattr__(self, "starts", np.concatenate(([0], np.cumsum(sizes)[:-1])))
        object.__setattr__(self, "handicap", np.concatenate(handicaps))

    @property
    def top(self) -> float:
        """Highest order that may be read."""
        return (self.bins - 2) / self.bins_per_order

    @property
    def enough(self) -> bool:
        """Whether there are windows enough to draw a distribution from."""
        return len(self.starts) - len(self.combs) >= _FEWEST

    def _elsewhere(self) -> list[float]:
        nominal = [comb.order for comb in self.combs.values()]
        harmonics = max(k for comb in self.combs.values() for k, _, _ in comb.lines)
        beside = max(s for comb in self.combs.values() for _, s, _ in comb.lines)
        centre, found = 0.5 * min(nominal) / (1 - self.tolerance), []
        while harmonics * centre * (1 + self.tolerance) + beside < min(self.top, 8 * max(nominal) + beside):
            if all(abs(log(centre / order)) >= 2 * self.tolerance for order in nominal):
                found.append(centre)
            centre *= 1 + self.tolerance
        return found

    def evidence(self, level: Singles) -> Evidence:
        """What the spectra show; nothing at the harmonics of the shaft, which every machine has."""
        from scipy.ndimage import maximum_filter1d

        at = np.arange(level.shape[1]) / self.bins_per_order
        shaft = np.abs(at - np.rint(at)) * self.bins_per_order <= _LOBE
        shown: Singles = np.log1p(maximum_filter1d(np.where(shaft, np.float32(0), level), 3, axis=1))
        usual = np.median(shown[:, ~shaft], axis=1, keepdims=True)
        return Evidence(np.where(shaft, np.float32(0), shown - usual), ~shaft)

    def without(self, evidence: Evidence, match: Match) -> Evidence:
        """The evidence without any line that the matched fault may raise."""
        covered = np.zeros(self.bins, dtype=bool)
        for line in self.combs[match.part].family(match.order, self.orders, self.top):
            middle = round(line * self.bins_per_order)
            half = ceil(_LOBE + 1 + _SMEAR * line * self.bins_per_order)
            covered[max(0, middle - half) : middle + half + 1] = True
        return evidence.closing(covered)

    def match(self, evidence: Evidence, part: Part) -> Match:
        """Best match of a comb, held against windows without a line.

        Twice: what the fault itself raises elsewhere is no part of a null, so its lines are covered before the
        windows are scored again.
        """
        null = self._null(evidence, part)
        order, _, band = self._best(evidence, part, null)
        first = Match(part, order, 0.0, band, null)
        null = self._null(self.without(evidence, first), part)
        order, excess, band = self._best(evidence, part, null)
        return Match(part, order, null.score(excess), band, null)

    def score(self, evidence: Evidence, match: Match) -> float:
        """Score of other evidence against the null of a match."""
        return match.null.score(self._best(evidence, match.part, match.null)[1])

    def _scores(self, evidence: Evidence, part: Part, within: slice) -> Singles:
        """Weighted sum over the lines that may be read, over the root of their squared weights.

        A comb with closed lines thereby has the same spread under noise as a full one, and no bias.
        """
        grid, lines = self.grid[within], self.combs[part].lines
        total = np.zeros((len(evidence.above), len(grid)), dtype=np.float32)
        readable = np.zeros(len(grid), dtype=np.float32)
        for k, beside, weight in lines:
            at = np.rint((k * grid + beside) * self.bins_per_order).astype(np.intp)
            at = np.minimum(at, self.bins - 1)
            total += np.float32(weight) * evidence.above[:, at]
            readable += np.float32(weight**2) * evidence.is_open[at]
        all_lines = sum(weight**2 for _, _, weight in lines)
        # less than a third of a comb is no comb
        scale = np.where(readable * 3 >= all_lines, 1 / np.sqrt(np.maximum(readable, 1e-6)), 0.0)
        scores: Singles = total * scale.astype(np.float32)
        return scores + (self.handicap[within] / sqrt(all_lines)).astype(np.float32)

    def _null(self, evidence: Evidence, part: Part) -> Null:
        own = len(self.combs)
        scores = self._scores(evidence, part, slice(None))
        best = np.maximum.reduceat(scores, self.starts, axis=1)[:, own:].astype(float)
        centre = np.median(best, axis=1)
        width = np.maximum(1.4826 * np.median(np.abs(best - centre[:, None]), axis=1), 1e-6)
        over_bands = ((best - centre[:, None]) / width[:, None]).max(axis=0)
        mode, scale = gumbel(over_bands)
        return Null(centre, width, mode, scale, len(over_bands))

    def _best(self, evidence: Evidence, part: Part, null: Null) -> tuple[float, float, int]:
        i = list(self.combs).index(part)
        end = self.starts[i + 1] if i + 1 < len(self.starts) else len(self.grid)
        within = slice(int(self.starts[i]), int(end))
        excess = (self._scores(evidence, part, within) - null.centre[:, None]) / null.width[:, None]
        band, at = np.unravel_index(int(excess.argmax()), excess.shape)
        return float(self.grid[within][at]), float(excess[band, at]), int(band)


def gumbel(samples: Floats) -> tuple[float, float]:
    """Mode and scale of a Gumbel law by probability-weighted moments.

    References
    ----------
    J. A. Greenwood et al., Probability weighted moments, Water Resources Research 15 (1979) 1049-1054.
    """
    ordered = np.sort(samples)
    n = len(ordered)
    first = float(ordered.mean())
    second = float(np.arange(n) @ ordered) / (n * (n - 1))
    scale = max((2 * second - first) / log(2), 1e-6)
    return first - _EULER * scale, scale


def carrier_orders(
    level: Floats, fundamental: float, bins_per_order: float, multiples: Sequence[int]
) -> Floats:
    """Fundamental from the peaks of its harmonics, weighted by what each says of it.

    Parameters
    ----------
    level : (…, bins) power over background of one band
    fundamental : where the comb fits best
    bins_per_order : of the spectrum
    multiples : harmonics of the comb

    Returns
    -------
    (…) refined fundamental [orders]

    Notes
    -----
    A parabola through the logarithms of three bins about each peak; the variance of its place goes with
    1 / (level · multiple²).
    """
    weights, places = [], []
    for k in multiples:
        middle = round(k * fundamental * bins_per_order)
        near = level[..., middle - 1 : middle + 2]
        at = near.argmax(axis=-1) + middle - 1
        three = np.log(
            np.maximum(np.take_along_axis(level, at[..., None] + np.arange(-1, 2), axis=-1), 1e-12)
        )
        bend = three[..., 0] - 2 * three[..., 1] + three[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(bend < 0, 0.5 * (three[..., 0] - three[..., 2]) / bend, 0.0)
        places.append((at + np.clip(shift, -0.5, 0.5)) / (k * bins_per_order))
        weights.append(k**2 * np.exp(three[..., 1]))
    weight = np.array(weights)
    found: Floats = (weight * np.array(places)).sum(axis=0) / weight.sum(axis=0)
    return found


def simulated_orders(
    level: Floats,
    fundamental: float,
    bins_per_order: float,
    multiples: Sequence[int],
    averaged: int,
    draws: int,
    seed: int,
) -> Floats:
    """The refined fundamental under fresh noise of the background's level; (draws,).

    Noise of neighbouring bins is drawn with the correlation that the Hann window gives it.
    """
    rng = np.random.default_rng(seed)
    noisy = np.ones((draws, len(level)))
    for k in multiples:
        middle = round(k * fundamental * bins_per_order)
        at = np.arange(middle - 3, middle + 4)
        white = (rng.standard_normal((draws, 9)) + 1j * rng.standard_normal((draws, 9))) / np.sqrt(
            3 * averaged
        )
        noise = white[:, 1:-1] - 0.5 * (white[:, :-2] + white[:, 2:])
        line = np.sqrt(level[at]) * (-1.0) ** at
        noisy[:, at] = np.abs(line + noise) ** 2
    return carrier_orders(noisy, fundamental, bins_per_order, multiples)
