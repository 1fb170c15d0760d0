"""Dual exchange for the linear programmes inside minimum zone and maximum inscribed circle.

Both minimise h in three or four unknowns z = (…, h) under constraints g_k · z ≥ b_k, one for each
point (and side). A basis holds as many constraints as unknowns; its multipliers solve
sum y_k g_k = (0, …, 0, 1). While all y_k ≥ 0, the basis' h is a lower bound, and exchanging one
member for the most violated constraint raises it until no constraint is violated: then the
multipliers are the certificate that h is the least possible (Stiefel 1959; the dual simplex method).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recore.metrology.circles.circle import Floats

_PIVOTS = 500


class NoBasis(ValueError):
    """The starting points do not bound the programme: they span too small an angle."""


def exchange(
    members: list[int],
    gradient: Callable[[int], list[float]],
    limit: Callable[[int], float],
    most_violated: Callable[[Floats], tuple[int, float]],
    slack: float,
) -> tuple[list[int], Floats, Floats]:
    """Exchange members of a basis until no constraint is violated by more than `slack`.

    Parameters
    ----------
    members : keys of a first basis, changed in place
    gradient, limit : g_k and b_k of a constraint by its key
    most_violated : for z, the key of the worst constraint and by how much it is violated

    Returns
    -------
    members, their multipliers y, and the solution z

    Raises
    ------
    NoBasis : the first basis is singular or has a negative multiplier
    """
    try:
        inverse = np.linalg.inv(np.array([gradient(k) for k in members]).T)
    except np.linalg.LinAlgError:
        raise NoBasis("the first basis is singular") from None
    weights = inverse[:, -1]
    if not weights.min() > -1e-9:
        raise NoBasis("the first basis bounds nothing")
    values = np.array([limit(k) for k in members])
    seen: set[frozenset[int]] = set()
    for _ in range(_PIVOTS):
        z = values @ inverse
        key, violation = most_violated(z)
        if violation <= slack or key in members:
            break
        seen.add(frozenset(members))
        share = inverse @ gradient(key)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(share > 1e-12, weights / share, np.inf)
        leaving = int(ratio.argmin())
        trial = members.copy()
        trial[leaving] = key
        if frozenset(trial) in seen:  # only round-off is left to exchange
            break
        try:
            inverse = np.linalg.inv(np.array([gradient(k) for k in trial]).T)
        except np.linalg.LinAlgError:
            break
        members[leaving] = key
        values[leaving] = limit(key)
        weights = inverse[:, -1]
    return members, weights, values @ inverse
