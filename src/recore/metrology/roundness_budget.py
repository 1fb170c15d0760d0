"""Uncertainty budget of a roundness: the readings' noise by derivative, and by drawing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology import circles
from recore.metrology.budget import Contribution, budget_table, expanded_of_samples
from recore.metrology.circles import Circle
from recore.metrology.reading_uncertainty import CircleSpread, ReadingErrors

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

_MOST_READINGS = 200_000
_FEWEST_TRIALS = 20
_SOLVERS: dict[str, Any] = {
    "mzc": circles.minimum_zone,
    "mcc": circles.minimum_circumscribed,
    "mic": circles.maximum_inscribed,
}


def roundness_budget(
    found: Mapping[str, Circle],
    spreads: Mapping[str, CircleSpread | None],
    errors: ReadingErrors | None,
    points: tuple[Floats, Floats],
    *,
    seen: bool,
    trials: int,
    seed: int,
) -> pa.Table:
    """The budget of the deviations about each circle.

    Parameters
    ----------
    found, spreads : circles and what is stated about each [µm]
    errors : of the readings, with the filter; None where nothing is known of them
    points : (n,) x and y after the filter [µm]
    seen : whether the noise was seen in the record (evaluation A) or stated (B)
    trials, seed : of the Monte Carlo; no more than 200,000 readings are drawn in all, and fewer than 20 trials
        say nothing

    Returns
    -------
    Table as `budget_table` makes it; empty where nothing is known of the readings' errors
    """
    lines = [
        Contribution(
            f"{name}_deviation",
            "noise of the readings",
            "A" if seen else "B",
            errors.spread / 2,
            "µm",
            spread.deviation / 2,
            "µm",
        )
        for name, spread in spreads.items()
        if spread is not None and errors is not None
    ]
    trials = min(trials, _MOST_READINGS // max(len(points[0]), 1))
    if errors is None or trials < _FEWEST_TRIALS:
        return budget_table(lines)
    drawn = _drawn(found, errors, points, trials, seed)
    return budget_table(lines, {f"{name}_deviation": expanded_of_samples(v) for name, v in drawn.items()})


def _drawn(
    found: Mapping[str, Circle],
    errors: ReadingErrors,
    points: tuple[Floats, Floats],
    trials: int,
    seed: int,
) -> dict[str, Floats]:
    """Deviations about each circle with fresh noise on every reading; a trial that has no circle is left out."""
    x, y = points
    middle = found["lsc"]
    d = np.hypot(x - middle.x, y - middle.y)
    ux, uy = (x - middle.x) / d, (y - middle.y) / d
    generator = np.random.default_rng(seed)
    samples: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(trials):
        noise = generator.standard_normal(len(x)) * errors.spread / 2
        if errors.transmission is not None:
            noise = np.fft.irfft(np.fft.rfft(noise) * errors.transmission, len(x))
        moved_x, moved_y = x + noise * ux, y + noise * uy
        for name in found:
            try:
                if name == "lsc":
                    circle = circles.least_squares(moved_x, moved_y)
                else:
                    circle = _SOLVERS[name](moved_x, moved_y, (middle.x, middle.y))
            except (circles.NoCircle, circles.NotLocked):
                continue
            samples[name].append(circle.deviation)
    return {name: np.array(values) for name, values in samples.items() if len(values) >= _FEWEST_TRIALS}
