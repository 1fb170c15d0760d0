"""How errors of single readings move a reference circle and the roundness deviations about it.

A reading error ε_i moves point i along its normal by ε_i. Contacts that stay contacts satisfy
d_i - n_i·δ = r ± h, so δ, r and h are linear in the ε of the contacts (for the minimum zone the
coefficients of the zone are the multipliers themselves: the envelope theorem); the least-squares
circle is linear in all ε.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np

from recore.metrology.circles.circle import Circle, Floats, Indices, polar

_TIED = 1e-12
_MANY = 12
_BASES = 2000


@dataclass(frozen=True)
class Sensitivity:
    """Linear response of a circle to reading errors at some points.

    Parameters
    ----------
    points : (k,) indices
    centre_x, centre_y, radius : (k,) change of centre and radius per unit error at these points
    peak, valley : index of the point that touches the outer and the inner limit
    """

    points: Indices
    centre_x: Floats
    centre_y: Floats
    radius: Floats
    peak: int
    valley: int


def sensitivities(circle: Circle, kind: str, x: Floats, y: Floats) -> Iterator[Sensitivity]:
    """Response of a circle for each set of contacts that can determine it.

    There is one set, unless points tie; none when more than a dozen tie, as on a perfect circle:
    then no linear response exists.

    Parameters
    ----------
    circle : the circle of the points
    kind : 'lsc', 'mzc', 'mcc' or 'mic'
    x, y : (n,) coordinates it was computed from
    """
    d, nx, ny = polar(x, y, circle.x, circle.y)
    tie = _TIED * circle.outer
    peaks = np.flatnonzero(d >= circle.outer - tie)
    valleys = np.flatnonzero(d <= circle.inner + tie)
    if max(len(peaks), len(valleys)) > _MANY:
        return
    responses = {"lsc": _all_points, "mzc": _zone_bases, "mcc": _outer_bases, "mic": _inner_bases}
    rows = np.column_stack((nx, ny, np.ones_like(d)))
    for points, response in responses[kind](rows, peaks, valleys):
        in_basis = set(points.tolist()) if kind != "lsc" else set()
        top = [p for p in peaks if p in in_basis] if kind in ("mzc", "mcc") else list(peaks)
        low = [v for v in valleys if v in in_basis] if kind in ("mzc", "mic") else list(valleys)
        pairs = [(top[0], low[0])] if kind == "mzc" else product(top, low)
        for peak, valley in pairs:
            yield Sensitivity(points, response[0], response[1], response[2], int(peak), int(valley))


Response = tuple[Indices, Floats]


def _all_points(rows: Floats, peaks: Indices, valleys: Indices) -> Iterator[Response]:
    response = np.asarray(np.linalg.solve(rows.T @ rows, rows.T), dtype=np.float64)
    yield np.arange(len(rows)), response


def _zone_bases(rows: Floats, peaks: Indices, valleys: Indices) -> Iterator[Response]:
    sides = [(int(i), 1.0) for i in peaks] + [(int(i), -1.0) for i in valleys]
    for four in islice(combinations(sides, 4), _BASES):
        points = np.array([i for i, _ in four])
        signs = np.array([s for _, s in four])
        try:
            inverse = np.asarray(np.linalg.inv(np.column_stack((rows[points], signs))), dtype=np.float64)
        except np.linalg.LinAlgError:
            continue
        if (inverse[3] * signs).min() >= -1e-9:
            yield points, inverse[:3]


def _outer_bases(rows: Floats, peaks: Indices, valleys: Indices) -> Iterator[Response]:
    return _locked(rows, peaks)


def _inner_bases(rows: Floats, peaks: Indices, valleys: Indices) -> Iterator[Response]:
    return _locked(rows, valleys)


def _locked(rows: Floats, touching: Indices) -> Iterator[Response]:
    """Two contacts on a diameter, or three around; the radius row holds the multipliers."""
    found = False
    for size in (3, 2):
        for chosen in islice(combinations(touching, size), _BASES):
            points = np.array(chosen)
            inverse = np.linalg.pinv(rows[points])
            if inverse[2].min() >= -1e-9 and np.hypot(*(inverse[2] @ rows[points])[:2]) < 1e-6:
                found = True
                yield points, inverse
        if found:
            return
