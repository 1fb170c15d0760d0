"""The linear programme inside every zone: the p that levels e - J p best, by exchange."""

from __future__ import annotations

import numpy as np

from recore.metrology.circles.exchange import exchange
from recore.metrology.form.feature import Floats, NotDetermined

_INDEPENDENT = 1e-9


def levelled(e: Floats, rows: Floats, basis: list[int], slack: float) -> tuple[list[int], Floats]:
    """Least h with |e_i - J_i p| ≤ h.

    Parameters
    ----------
    e, rows : (n,) and (n, unknowns)
    basis : keys of a first basis: i for the upper limit at point i, i + n for the lower one
    slack : violations that are round-off

    Returns
    -------
    keys of the last basis, and (p, h)

    Raises
    ------
    NoBasis : the first basis is singular or has a negative multiplier
    """
    n = len(e)

    def gradient(k: int) -> list[float]:
        return [*rows[k], 1.0] if k < n else [*(-rows[k - n]), 1.0]

    def limit(k: int) -> float:
        return float(e[k]) if k < n else -float(e[k - n])

    def most_violated(z: Floats) -> tuple[int, float]:
        left = e - rows @ z[:-1]
        top, bottom = int(left.argmax()), int(left.argmin())
        if left[top] >= -left[bottom]:
            return top, float(left[top] - z[-1])
        return bottom + n, float(-left[bottom] - z[-1])

    members, _, z = exchange(basis.copy(), gradient, limit, most_violated, slack)
    return members, z


def reference(e: Floats, rows: Floats) -> list[int]:
    """A first basis: any points whose rows span the unknowns, and one more, bound the zone from below.

    Their dependence Σ λ_k J_k = 0 gives multipliers |λ_k| and sides by sign. The rows are taken by
    pivoting, the one more where the feature through the others misses most.

    Raises
    ------
    NotDetermined : the rows do not span the unknowns
    """
    left = rows / np.maximum(np.linalg.norm(rows, axis=0), 1e-300)
    chosen: list[int] = []
    for _ in range(rows.shape[1]):
        norms = (left * left).sum(axis=1)
        k = int(norms.argmax())
        largest = float(np.sqrt(norms[k]))
        if largest < _INDEPENDENT / np.sqrt(len(rows)):
            raise NotDetermined("the points leave a displacement of the feature free")
        chosen.append(k)
        direction = left[k] / largest
        left = left - np.outer(left @ direction, direction)
    through = np.linalg.solve(rows[chosen], e[chosen])
    missed = e - rows @ through
    others = np.ones(len(e), dtype=bool)
    others[chosen] = False
    more = int(np.flatnonzero(others)[np.abs(missed[others]).argmax()])
    share = np.linalg.solve(rows[chosen].T, rows[more])
    sign = -1.0 if missed[more] < 0 else 1.0
    dependence = sign * np.append(-share, 1.0)
    return [
        k if side >= 0 else k + len(e) for k, side in zip([*chosen, more], dependence.tolist(), strict=True)
    ]
