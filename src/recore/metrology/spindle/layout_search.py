"""The layout whose worst noise gain is least: random layouts, then many small walks downhill.

The gain is the largest of some hundred wavy functions of the angles; with K undulations per revolution its valleys
are about 360/K degrees wide, and a descent finds the bottom of the one it starts in. So many layouts are drawn, and
the better a walk does, the longer it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.layout_gain import Aim, worst_aimed
from recore.metrology.spindle.layout_space import Space

Floats = NDArray[np.float64]

_DRAWN = 60_000
_KEPT = 0.02
# walks, steps of each; chosen for 30 seeds of 5 problems on all of which the published layouts are beaten
_ROUNDS = ((1500, 25), (500, 35), (120, 60), (24, 120))
_ROBUST_ROUNDS = ((1500, 25), (500, 35), (40, 40), (8, 80))
_LONGER, _SHORTER = 1.6, 0.88


@dataclass(frozen=True)
class Aimed:
    """What is made small.

    Parameters
    ----------
    lowest, highest : band [UPR]
    aim : which gain
    offsets : deviations of the angles under which the worst counts; [case, probe] in deg
    """

    lowest: int
    highest: int
    aim: Aim
    offsets: Floats | None = None

    def __call__(self, angles: Floats, below: Floats | None = None) -> Floats:
        """Worst squared gain of layouts [layout, probe]; infinite where it is not below the given one."""
        worst = worst_aimed(angles, self.lowest, self.highest, self.aim, below)
        if self.offsets is None:
            return worst
        left = np.flatnonzero(np.isfinite(worst))
        if not len(left):
            return worst
        cases = (angles[left, None, :] + self.offsets).reshape(-1, angles.shape[1])
        limits = None if below is None else np.repeat(below[left], len(self.offsets))
        under = worst_aimed(cases, self.lowest, self.highest, self.aim, limits)
        worst[left] = np.maximum(worst[left], under.reshape(len(left), -1).max(axis=1))
        return worst


def best_layout(
    space: Space, lowest: int, highest: int, aim: Aim, seed: int, offsets: Floats | None = None
) -> Floats:
    """Angles of the best layout found, ascending; [probe] in deg.

    Parameters
    ----------
    space : layouts that can be built
    lowest, highest : band [UPR]
    aim : gain whose worst over the band is made small
    seed : of the generator; the same seed finds the same layout
    offsets : deviations of the angles under which the worst counts; [case, probe] in deg, None for none
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    nominal = Aimed(lowest, highest, aim)
    # above 100 UPR the work of one layout grows with the band; the time stays about the same
    effort = min(1.0, 100 / highest)
    angles = space.draw(rng, max(int(_DRAWN * effort), 2000))
    usual = np.sort(nominal(angles[:1000]))
    bar = usual[min(int(_KEPT * len(usual)) + 20, len(usual) - 1)]
    squared = nominal(angles, np.full(len(angles), bar)) if np.isfinite(bar) else nominal(angles)
    stride = np.full(len(angles), 90.0 / highest)
    free = slice(len(space.existing), space.probes)
    for number, (walks, steps) in enumerate(_ROUNDS if offsets is None else _ROBUST_ROUNDS):
        first = np.argsort(squared, kind="stable")[: max(int(walks * effort), 8)]
        angles, squared, stride = angles[first], squared[first], stride[first]
        goal = nominal
        if offsets is not None and number >= 2:
            goal = Aimed(lowest, highest, aim, offsets)
            squared = goal(angles)
        for _ in range(steps):
            tried = angles.copy()
            tried[:, free] += stride[:, None] * rng.standard_normal((len(angles), space.free))
            can = np.flatnonzero(space.holds(tried))
            new = np.full(len(angles), np.inf)
            new[can] = goal(tried[can], squared[can])
            better = new < squared
            angles[better], squared[better] = tried[better], new[better]
            stride = np.where(better, stride * _LONGER, stride * _SHORTER)
    return _rounded(space, angles[int(np.argmin(squared))])


def worst_within(
    angles: Floats, tolerance: float, lowest: int, highest: int, seed: int
) -> tuple[float, float]:
    """Worst gains found where every angle is off by at most a tolerance [deg]: spindle and artefact.

    A search from all corners and from random places inside, each result followed uphill; not a proof.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    corners = _corners(len(angles)) * tolerance
    inside = rng.uniform(-tolerance, tolerance, (1500, len(angles)))
    offsets = np.concatenate((corners, corners / 2, inside))
    found = []
    for aim in ("spindle", "artefact"):
        squared = worst_aimed(angles + offsets, lowest, highest, aim)
        first = np.argsort(-squared, kind="stable")[:16]
        at, best = offsets[first], squared[first]
        stride = np.full(len(at), tolerance / 4)
        for _ in range(60):
            tried = at + stride[:, None] * rng.standard_normal(at.shape)
            tried = np.clip(tried, -tolerance, tolerance)
            new = worst_aimed(angles + tried, lowest, highest, aim)
            better = new > best
            at[better], best[better] = tried[better], new[better]
            stride = np.where(better, stride * _LONGER, stride * _SHORTER)
        found.append(float(np.sqrt(best.max())))
    return found[0], found[1]


def extreme_offsets(probes: int, tolerance: float) -> Floats:
    """Corners of the tolerance; [case, probe] in deg.

    Of more than 4 probes a fraction of resolution IV of the factorial plan (Box, Hunter and Hunter, Statistics for
    Experimenters), so that 16 cases show every angle and every pair of angles at both ends.
    """
    if probes <= 4:
        return _corners(probes) * tolerance
    base = _corners(4)
    words = ((0, 1, 2), (1, 2, 3), (0, 2, 3), (0, 1, 3))
    more = [base[:, word].prod(axis=1, keepdims=True) for word in words[: probes - 4]]
    return np.concatenate((base, *more), axis=1) * tolerance


def _corners(probes: int) -> Floats:
    bits = (np.arange(2**probes)[:, None] >> np.arange(probes)[::-1]) & 1
    return np.asarray(2.0 * bits - 1.0, dtype=np.float64)


def _rounded(space: Space, angles: Floats) -> Floats:
    """The free angles to 0.001 deg where the rules are still kept; nobody sets a probe closer than that."""
    kept = len(space.existing)
    for places in (3, 6, 9):
        near = angles.copy()
        near[kept:] = np.round(angles[kept:] % 360, places) % 360
        if space.holds(near[None])[0]:
            return np.sort(near)
    return np.sort(angles % 360)
