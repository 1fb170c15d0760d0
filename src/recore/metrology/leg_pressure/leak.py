"""How fast a set leg loses pressure, told apart from the roof that loads it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.state import TAU_S

MIN_BINS = 2
# the loading law has two more things to find than a line, and must earn them
LAW_BINS = 6
# how much better the fit must be with the loading term (F, 1 and n-3)
LAW_F = 10.0
# and how close to the noise of the bins it must come (ratio of standard deviations)
LAW_NOISE = 2.0
# a leak that is not known better than this (k = 2) is not given
WORST_MPA_PER_MIN = 0.1
# resolution of common transducers, 0.1 MPa, as it shows in a half-minute mean of a still pressure
_GRAIN_MPA = 0.1 / math.sqrt(12.0)


def leak_rates(
    sums: NDArray[np.float64], wander: NDArray[np.float64], steps: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Pressure lost per minute in the quiet part of each cycle.

    Least squares over the half-minute means: a straight line, unless the logarithmic loading law of set
    supports, p = a + b ln(1 + t/τ) - leak t with the best of the time constants `TAU_S`, explains the record
    down to its noise. The law is taken only where b > 0 (a roof does not pull), where it improves the fit
    significantly (F > 10), and where what it leaves is no more than twice the noise of the means; so a roof
    that loads otherwise, and then stops, shows no leak that nobody saw. A roof that loads at a constant rate
    cannot be told from a negative leak.

    Parameters
    ----------
    sums : sums of the kernel [cycles, SUMS], with t in min
    wander, steps : sum of the absolute steps between quiet samples [MPa], and their number [cycles]

    Returns
    -------
    leak, MPa/min, positive where pressure is lost [cycles]; NaN with fewer than 2 means, or where its
    expanded uncertainty (k = 2, from the scatter of the means or their noise, whichever is larger)
    exceeds 0.1 MPa/min
    """
    n, st, stt, sy, syy, sty = sums[:, :6].T
    with np.errstate(all="ignore"):
        # mean absolute difference of two samples with normal noise: 2 s / sqrt(pi)
        sample = math.sqrt(math.pi) / 2 * wander / np.maximum(steps, 1)
        per_bin = np.maximum(steps / np.maximum(n + 1, 1), 1.0)
        noise = sample**2 / per_bin + np.minimum(_GRAIN_MPA, sample) ** 2 / 4
        tt, yy, ty = stt - st * st / n, syy - sy * sy / n, sty - st * sy / n
        leak = -ty / tt
        straight = np.maximum(yy - ty * ty / tt, 0.0)
        variance = np.fmax(np.where(n > 2, straight / (n - 2.0), 0.0), noise) / tt
        rest, curved, share = np.full(len(n), np.inf), leak.copy(), 1.0 / tt
        for j in range(len(TAU_S)):
            sl, sll, stl, sly = sums[:, 6 + 4 * j : 10 + 4 * j].T
            ll, tl, ly = sll - sl * sl / n, stl - st * sl / n, sly - sl * sy / n
            det = tt * ll - tl * tl
            slope, load = (ty * ll - ly * tl) / det, (ly * tt - ty * tl) / det
            left = np.maximum(yy - slope * ty - load * ly, 0.0)
            better = (load > 0.0) & (left < rest) & (n >= LAW_BINS)
            rest[better], curved[better] = left[better], -slope[better]
            share[better] = (ll / det)[better]
        within = rest / (n - 3.0)
        loaded = (
            (straight > n * noise) & (straight - rest > LAW_F * within) & (within <= LAW_NOISE**2 * noise)
        )
        leak[loaded], variance[loaded] = curved[loaded], (np.fmax(within, noise) * share)[loaded]
        leak[~((n >= MIN_BINS) & (2.0 * np.sqrt(variance) <= WORST_MPA_PER_MIN))] = np.nan
    result: NDArray[Any] = leak
    return result
