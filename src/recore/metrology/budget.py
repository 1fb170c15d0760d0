"""Uncertainty budgets: what each source gives to each result, first order and by Monte Carlo.

The same table stands behind every measured value, so that a reader sees at once which source to improve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from recore.method import Note

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

COVERAGE = 2.0
_APART = 0.2


@dataclass(frozen=True)
class Contribution:
    """One line of a budget.

    Parameters
    ----------
    result : name of the result in the finding
    source : what varies, in words: 'probe noise', 'angle of probe 2', 'drift'
    evaluation : 'A' from the record's own statistics, 'B' from a statement or a bound (JCGM 100:2008, 4.2 and 4.3)
    standard : standard uncertainty of the source, in `unit`
    unit : unit of the source
    contribution : standard uncertainty that it gives to the result, in `result_unit`
    result_unit : unit of the result
    """

    result: str
    source: str
    evaluation: Literal["A", "B"]
    standard: float
    unit: str
    contribution: float
    result_unit: str


def combined(contributions: Iterable[Contribution], result: str) -> float:
    """Expanded uncertainty U(k = 2) of a result: root sum of squares of independent contributions.

    References
    ----------
    JCGM 100:2008, 5.1.2 (eq. 10) and 6.2.1.
    """
    return COVERAGE * float(np.sqrt(sum(c.contribution**2 for c in contributions if c.result == result)))


def monte_carlo(
    model: Callable[[np.random.Generator], Sequence[float] | Floats], trials: int, seed: int
) -> Floats:
    """Results of a model under freshly drawn errors; (trials, results).

    Parameters
    ----------
    model : one trial: draws every source from the generator and returns the results in a fixed order
    trials : how many
    seed : of the generator; trial i draws from its own stream, so that any split over workers gives the same

    References
    ----------
    JCGM 101:2008, 5.9.
    """
    streams = np.random.SeedSequence(seed).spawn(trials)
    return np.array([model(np.random.Generator(np.random.PCG64(stream))) for stream in streams], dtype=float)


def expanded_of_samples(samples: Floats) -> float:
    """Half the shortest interval that holds 95 % of the samples (JCGM 101:2008, 7.7.2 and 5.3.4).

    Comparable with U(k = 2); for a skewed result it is what the first-order budget misses.
    """
    ordered = np.sort(samples)
    inside = int(np.ceil(0.95 * len(ordered)))
    if inside >= len(ordered):
        return float(np.ptp(ordered) / 2)
    widths = ordered[inside:] - ordered[: len(ordered) - inside]
    return float(widths.min() / 2)


def budget_table(
    contributions: Sequence[Contribution], simulated: dict[str, float] | None = None
) -> pa.Table:
    """The budget as a table for an `Artifact("budget.csv")`.

    Parameters
    ----------
    contributions : every line, in the order they are to be read
    simulated : expanded uncertainty by Monte Carlo of each result, where it was run

    Returns
    -------
    Columns result, source, evaluation, standard_uncertainty, unit, contribution, result_unit; for each result a line
    'combined, U(k = 2)' closes the list, and a line 'Monte Carlo, U(95 %)' where there is one; in both the
    contribution is the expanded uncertainty
    """
    import pyarrow as pa

    rows: list[tuple[str, str, str, float | None, str, float, str]] = []
    for result in dict.fromkeys(c.result for c in contributions):
        own = [c for c in contributions if c.result == result]
        rows += [
            (c.result, c.source, c.evaluation, c.standard, c.unit, c.contribution, c.result_unit) for c in own
        ]
        unit = own[0].result_unit
        rows.append((result, "combined, U(k = 2)", "", None, "", combined(own, result), unit))
        if simulated and result in simulated:
            rows.append((result, "Monte Carlo, U(95 %)", "", None, "", simulated[result], unit))
    names = (
        "result",
        "source",
        "evaluation",
        "standard_uncertainty",
        "unit",
        "contribution",
        "result_unit",
    )
    kinds = (pa.string(), pa.string(), pa.string(), pa.float64(), pa.string(), pa.float64(), pa.string())
    return pa.table({name: pa.array([row[i] for row in rows], kinds[i]) for i, name in enumerate(names)})


def disagreement(contributions: Sequence[Contribution], simulated: dict[str, float]) -> list[Note]:
    """A flag for each result whose Monte Carlo interval differs from the first-order one by more than a fifth."""
    notes = []
    for result, spread in simulated.items():
        first = combined(contributions, result)
        if abs(spread - first) > _APART * max(spread, first):
            notes.append(
                Note(
                    "budget-not-linear",
                    f"{result}: U is {first:.3g} to first order and {spread:.3g} by Monte Carlo; the larger is stated",
                )
            )
    return notes


def widened_beyond(contributions: Sequence[Contribution], simulated: dict[str, float]) -> list[Note]:
    """As `disagreement`, for results that are extremes of many readings: there Monte Carlo is narrower by nature, and
    only a wider one says that the first order is not enough."""
    wider = {name: spread for name, spread in simulated.items() if spread > combined(contributions, name)}
    return disagreement(contributions, wider)


def stated(contributions: Sequence[Contribution], simulated: dict[str, float], result: str) -> float:
    """The larger of both uncertainties, U(k = 2)."""
    return max(combined(contributions, result), simulated.get(result, 0.0))
