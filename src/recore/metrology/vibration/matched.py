"""Two sets of levels compared at equal load and speed: bins, blocks, bootstrap, Holm.

Levels are compared as logarithms: their ratio is what a repair changes, and their scatter is then about even.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 4  # blocks on either side
WANTED = 6


@dataclass(frozen=True)
class Difference:
    """Difference of mean logarithms, after minus before, and how well it is known.

    Parameters
    ----------
    value : (lines,) differences
    standard : (lines,) standard uncertainties
    freedom : (lines,) degrees of freedom
    draws : (trials, lines) bootstrap differences
    """

    value: Floats
    standard: Floats
    freedom: Floats
    draws: Floats

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Expanded percentile interval of the bootstrap.

        The plain percentile interval of few blocks is too narrow by the factor that Student's t has over the normal and
        by the root of n/(n−1); the percentiles are moved out by both (Hesterberg 2015).
        """
        from scipy.special import ndtr, stdtrit

        tail = (1 - level) / 2
        widened = stdtrit(self.freedom, 1 - tail) * self.standard / np.maximum(self.draws.std(axis=0), 1e-300)
        share = ndtr(-np.minimum(widened, 8.0))
        ordered = np.sort(self.draws, axis=0)
        low, high = _percentile(ordered, share), _percentile(ordered, 1 - share)
        # few draws hold no percentile far out: the t interval bounds from inside
        reach = stdtrit(self.freedom, 1 - tail) * self.standard
        beyond = share < 2 / len(self.draws)
        return np.where(beyond, self.value - reach, low), np.where(beyond, self.value + reach, high)

    def p_values(self, systematic: Floats | float = 0.0) -> Floats:
        """Two-sided probability of a difference as large without any; `systematic` is a further standard uncertainty."""
        from scipy.special import stdtr

        total = np.hypot(self.standard, systematic)
        apart = np.abs(self.value) / np.where(total > 0, total, np.nan)
        found = 2 * stdtr(self.freedom, -np.nan_to_num(apart, nan=0.0, posinf=1e300))
        return np.where(total > 0, found, np.where(self.value == 0, 1.0, 0.0))


def _percentile(ordered: Floats, share: Floats) -> Floats:
    """Percentile of each column of sorted values, linear between two."""
    place = share * (len(ordered) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    columns = np.arange(ordered.shape[1])
    part = place - below
    found: Floats = ordered[below, columns] * (1 - part) + ordered[above, columns] * part
    return found


def holm(p: Floats) -> Floats:
    """p-values for the whole family (Holm 1979): the chance of any false alarm among all lines stays below the level.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * (len(p) - np.arange(len(p)))
    found = np.empty(len(p))
    found[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return found


def common_bins(
    before: Sequence[Floats], after: Sequence[Floats], widths: Sequence[float]
) -> tuple[Ints, Ints, int]:
    """Bins of load and speed that both sides have.

    Parameters
    ----------
    before, after : one array of (segments,) for each condition
    widths : relative width of a bin of each condition

    Returns
    -------
    bin of each segment before and after (−1: the other side has nothing there), and the number of common bins
    """
    keys: list[NDArray[np.int64]] = []
    for one, other, width in zip(before, after, widths, strict=True):
        both = np.concatenate([one, other])
        largest = float(np.abs(both).max()) or 1.0
        keys.append(_cut(both, width * largest))
    joined = np.stack(keys, axis=1)
    _, number = np.unique(joined, axis=0, return_inverse=True)
    number = number.reshape(-1).astype(np.int64)
    first, second = number[: len(before[0])], number[len(before[0]) :]
    shared = np.intersect1d(first, second)
    place = np.full(int(number.max()) + 1, -1, dtype=np.int64)
    place[shared] = np.arange(len(shared))
    return place[first], place[second], len(shared)


def _cut(values: Floats, width: float) -> NDArray[np.int64]:
    """Bins that begin at the smallest value and at every gap wider than a bin, so that two equal states are not cut
    apart by the edge of a grid."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    bins = np.empty(len(values), dtype=np.int64)
    number, start = 0, ordered[0]
    for place, value in zip(order, ordered, strict=True):
        if value > start + width:
            number, start = number + 1, value
        bins[place] = number
    return bins


@dataclass(frozen=True)
class Memory:
    """How long segments remember their neighbours.

    Parameters
    ----------
    correlation : of neighbouring segments
    length : segments in a block
    inflation : factor on the standard uncertainty for what is left of the correlation between blocks
    """

    correlation: float
    length: int
    inflation: float


def memory(levels: Floats, groups: Ints, most: int) -> Memory:
    """Correlation of neighbouring segments, and the blocks that follow from it.

    Parameters
    ----------
    levels : (segments, lines) logarithms
    groups : (segments,) which run and bin each belongs to; neighbours in time are neighbours here
    most : segments that a block may have, so that enough blocks are left; the inflation then carries more

    Notes
    -----
    r is the mean over all lines, freed of the bias (1 + 3 r)/n that subtracting the mean gives (Kendall 1954). A
    block has about twice (1 + r)/(1 − r) segments, the time in which an autoregressive process of first order
    forgets. The variance of means of such blocks still misses 2 r (1 − r^L)/(1 − r)² of L (1 + r)/(1 − r).

    References
    ----------
    M. G. Kendall, Note on bias in the estimation of autocorrelation, Biometrika 41 (1954) 403-404.
    """
    rest = levels.copy()
    sizes = []
    for group in np.unique(groups):
        sizes.append(int((groups == group).sum()))
        rest[groups == group] -= rest[groups == group].mean(axis=0)
    together = groups[1:] == groups[:-1]
    power = (rest**2).mean(axis=0)
    r = 0.0
    if together.any() and (power > 0).any():
        neighbours = (rest[1:] * rest[:-1])[together].mean(axis=0)
        r = float(np.mean((neighbours / np.where(power > 0, power, np.inf))[power > 0]))
        r += (1 + 3 * r) / float(np.mean(sizes))
    r = min(0.95, max(0.0, r))
    length = max(1, min(most, int(np.ceil(2 * (1 + r) / (1 - r) - 1.2))))
    whole = length * (1 + r) / (1 - r)
    return Memory(r, length, float(np.sqrt(whole / (whole - 2 * r * (1 - r**length) / (1 - r) ** 2))))


@dataclass(frozen=True)
class Blocks:
    """Levels of one side in blocks.

    Parameters
    ----------
    sums : (blocks, lines) sums of the logarithms
    counts : (blocks,) segments
    bins : (blocks,) bin of each
    """

    sums: Floats
    counts: Floats
    bins: Ints


def blocks_of(levels: Floats, bins: Ints, runs: Ints, length: int | None) -> Blocks:
    """Cut one side into blocks within run and bin; with `length` None each run is one block of each of its bins.

    Segments follow each other in time. A remainder that is shorter than half a block joins the one before it.
    """
    sums, counts, places = [], [], []
    for bin_ in np.unique(bins[bins >= 0]):
        for run in np.unique(runs[bins == bin_]):
            chosen = np.flatnonzero((bins == bin_) & (runs == run))
            pieces = 1 if length is None else max(1, round(len(chosen) / length))
            for piece in np.array_split(chosen, pieces):
                sums.append(levels[piece].sum(axis=0))
                counts.append(float(len(piece)))
                places.append(int(bin_))
    return Blocks(np.array(sums), np.array(counts), np.array(places, dtype=np.int64))


def difference(before: Blocks, after: Blocks, trials: int, seed: int, inflation: float = 1.0) -> Difference:
    """Difference of mean logarithms, stratified by bin, with bootstrap draws.

    Parameters
    ----------
    before, after : both sides, over the same bins
    trials, seed : bootstrap draws and their seed
    inflation : of the standard uncertainty, see `Memory`

    Notes
    -----
    Each bin weighs n·m/(n + m) of its segments before and after. Blocks are drawn again within their bin and side.
    Variance: of weighted block means about the mean of their bin and side, with n/(n − 1); degrees of freedom after
    Welch and Satterthwaite.
    """
    number = int(max(before.bins.max(), after.bins.max())) + 1
    totals = [np.bincount(side.bins, weights=side.counts, minlength=number) for side in (before, after)]
    weight = totals[0] * totals[1] / (totals[0] + totals[1])
    weight = weight / weight.sum()
    rng = np.random.Generator(np.random.PCG64(seed))
    lines = before.sums.shape[1]
    value, draws = np.zeros(lines), np.zeros((trials, lines))
    variance, spread = np.zeros(lines), np.zeros(lines)
    for sign, side in ((-1.0, before), (1.0, after)):
        for bin_ in range(number):
            chosen = side.bins == bin_
            sums, counts = side.sums[chosen], side.counts[chosen]
            blocks = len(counts)
            mean = sums.sum(axis=0) / counts.sum()
            value += sign * weight[bin_] * mean
            times = rng.multinomial(blocks, np.full(blocks, 1 / blocks), trials).astype(float)
            draws += sign * weight[bin_] * (times @ sums) / (times @ counts)[:, None]
            if blocks > 1:
                residual = sums - counts[:, None] * mean
                part = (
                    weight[bin_] ** 2 * (residual**2).sum(axis=0) / counts.sum() ** 2 * blocks / (blocks - 1)
                )
                variance += part
                spread += part**2 / (blocks - 1)
    freedom = np.where(spread > 0, variance**2 / np.where(spread > 0, spread, 1.0), 1.0)
    wide = value + inflation * (draws - value)
    return Difference(value, inflation * np.sqrt(variance), np.maximum(freedom, 1.0), wide)
