"""What three rule sets make of the same positioning readings: plain arrays, any number of trials at once.

Readings have the shape (…, direction, target, run), the first direction up where there are two. Results have the
leading shape (…). Names begin with the rule set they are defined in, because equal letters mean different things.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.metrology.machine.positioning_record import UP

Floats = NDArray[np.float64]
RuleSetName = Literal["iso-230-2-2014", "vdi-dgq-3441", "jis-b-6338"]


def moments(x: Floats) -> tuple[Floats, Floats | None]:
    """Mean and standard uncertainty over the runs (n - 1); None for a single run."""
    mean: Floats = x.mean(axis=-1)
    if x.shape[-1] < 2:
        return mean, None
    s: Floats = x.std(axis=-1, ddof=1)
    return mean, s


def iso_230_2(x: Floats, directions: tuple[int, ...], k: float = 2.0) -> dict[str, Floats]:
    """Reversal error B, mean M, systematic E, repeatability R and accuracy A of an axis.

    Parameters
    ----------
    x : (…, d, m, n) deviations
    directions : (1, -1), (1,) or (-1,)
    k : standard uncertainties on each side

    Notes
    -----
    With x̄ and s over the runs of one direction at a target: B_i = x̄_i↑ − x̄_i↓, B = max |B_i|; M = range of the
    mean of both directions; E = range of all x̄; R_i↑ = 2k s_i↑, R_i = max(k s_i↑ + k s_i↓ + |B_i|, R_i↑, R_i↓),
    R = max R_i; A = max(x̄ + k s) − min(x̄ − k s) over both directions. Without repeated runs there is no s,
    and so neither R nor A.

    References
    ----------
    ISO 230-2:2014, clause 3 (terms) and 6 (evaluation).
    """
    mean, s = moments(x)
    found: dict[str, Floats] = {}
    for at, direction in enumerate(directions):
        word = "up" if direction == UP else "down"
        found[f"iso_systematic_error_{word}"] = np.ptp(mean[..., at, :], axis=-1)
        if s is not None:
            own, spread = mean[..., at, :], s[..., at, :]
            found[f"iso_repeatability_{word}"] = (2 * k * spread).max(axis=-1)
            found[f"iso_accuracy_{word}"] = (own + k * spread).max(axis=-1) - (own - k * spread).min(axis=-1)
    if len(directions) < 2:
        return found
    gap = mean[..., 0, :] - mean[..., 1, :]
    found["iso_reversal_error"] = np.abs(gap).max(axis=-1)
    found["iso_mean_reversal_error"] = gap.mean(axis=-1)
    found["iso_mean_error"] = np.ptp(mean.mean(axis=-2), axis=-1)
    found["iso_systematic_error"] = np.ptp(mean, axis=(-2, -1))
    if s is not None:
        both = k * s.sum(axis=-2) + np.abs(gap)
        found["iso_repeatability"] = np.maximum(both, 2 * k * s.max(axis=-2)).max(axis=-1)
        found["iso_accuracy"] = (mean + k * s).max(axis=(-2, -1)) - (mean - k * s).min(axis=(-2, -1))
    return found


def vdi_dgq_3441(x: Floats, k: float = 3.0) -> dict[str, Floats]:
    """Positional uncertainty P with its parts: positional deviation Pa, scatter Ps, reversal span U.

    Notes
    -----
    U_i = |x̄_i↑ − x̄_i↓|; Ps_i = 2k s̄_i with s̄_i the mean of both directions' standard deviations; x̄_i the mean of both
    directions; Pa = range of x̄_i; P = max(x̄_i + (U_i + Ps_i)/2) − min(x̄_i − (U_i + Ps_i)/2).

    References
    ----------
    VDI/DGQ 3441:1977-03, section 4. The formulas are not verified against its text.
    """
    mean, s = moments(x)
    if s is None:
        raise ValueError("no scatter without repeated runs")
    centre, span = mean.mean(axis=-2), np.abs(mean[..., 0, :] - mean[..., 1, :])
    scatter = 2 * k * s.mean(axis=-2)
    half = (span + scatter) / 2
    return {
        "vdi_positional_uncertainty": (centre + half).max(axis=-1) - (centre - half).min(axis=-1),
        "vdi_positional_deviation": np.ptp(centre, axis=-1),
        "vdi_positional_scatter": scatter.max(axis=-1),
        "vdi_mean_positional_scatter": scatter.mean(axis=-1),
        "vdi_reversal_span": span.max(axis=-1),
        "vdi_mean_reversal_span": span.mean(axis=-1),
    }


def three_positions(target: Floats) -> NDArray[np.intp]:
    """The targets at both ends and the one nearest to the middle."""
    middle = int(np.abs(target - (target[0] + target[-1]) / 2).argmin())
    return np.array([0, middle, len(target) - 1], dtype=np.intp)


def jis_b_6338(
    x: Floats, directions: tuple[int, ...], at: NDArray[np.intp], repeated: bool
) -> dict[str, Floats]:
    """Positioning accuracy from one pass; repeatability and lost motion at three positions.

    Parameters
    ----------
    x : (…, d, m, n) deviations
    directions : (1, -1), (1,) or (-1,)
    at : the three positions
    repeated : there are enough runs for repeatability and lost motion

    Notes
    -----
    Accuracy: range of the deviations of the first run over the travel, the larger of both directions.
    Repeatability: half of the largest range over the runs, stated with ±. Lost motion: the largest difference between
    the means of both directions.
    """
    found = {"jis_positioning_accuracy": np.ptp(x[..., 0], axis=-1).max(axis=-1)}
    if repeated:
        three = x[..., at, :]
        found["jis_repeatability"] = np.ptp(three, axis=-1).max(axis=(-2, -1)) / 2
        if len(directions) == 2:
            mean = three.mean(axis=-1)
            found["jis_lost_motion"] = np.abs(mean[..., 0, :] - mean[..., 1, :]).max(axis=-1)
    return found
