"""How fast a set leg loses pressure, told apart from the roof that loads it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure_kernel import TAU_S

MIN_BINS = 6
# how much better the fit must be with the loading term (F, 1 and n-3)
LAW_F = 10.0
# a leak that is not known better than this (k = 2) is not given
WORST_MPA_PER_MIN = 0.1
_EXACT_MPA2 = 1e-8


def leak_rates(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pressure lost per minute in the quiet part of each cycle.

    Least squares over the bin means of p = a + b ln(1 + t/τ) - leak t, the logarithmic loading law
    of set supports, with the best of the time constants `TAU_S`. The loading term is kept where b > 0
    (a roof does not pull) and where it improves the fit significantly (F > 10); elsewhere the leak is
    the plain slope. A roof that loads at a constant rate cannot be told from a negative leak.

    Parameters
    ----------
    sums : sums of the kernel [cycles, SUMS], with t in min

    Returns
    -------
    leak, MPa/min, positive where pressure is lost [cycles]; NaN with fewer than 6 bins or where
    its expanded uncertainty (k = 2, from the scatter of the bins) exceeds 0.1 MPa/min
    """
    n, st, stt, sy, syy, sty = sums[:, :6].T
    with np.errstate(all="ignore"):
        tt, yy, ty = stt - st * st / n, syy - sy * sy / n, sty - st * sy / n
        leak = -ty / tt
        straight = np.maximum(yy - ty * ty / tt, 0.0)
        variance = straight / (n - 2.0) / tt
        rest, curved, curved_variance = np.full(len(n), np.inf), leak.copy(), variance.copy()
        for j in range(len(TAU_S)):
            sl, sll, stl, sly = sums[:, 6 + 4 * j : 10 + 4 * j].T
            ll, tl, ly = sll - sl * sl / n, stl - st * sl / n, sly - sl * sy / n
            det = tt * ll - tl * tl
            slope, load = (ty * ll - ly * tl) / det, (ly * tt - ty * tl) / det
            left = np.maximum(yy - slope * ty - load * ly, 0.0)
            better = (load > 0.0) & (left < rest)
            rest[better], curved[better] = left[better], -slope[better]
            curved_variance[better] = (left / (n - 3.0) * ll / det)[better]
        loaded = (straight > n * _EXACT_MPA2) & (straight - rest > LAW_F * rest / (n - 3.0))
        leak[loaded], variance[loaded] = curved[loaded], curved_variance[loaded]
        leak[~((n >= MIN_BINS) & (2.0 * np.sqrt(variance) <= WORST_MPA_PER_MIN))] = np.nan
    result: NDArray[Any] = leak
    return result
