"""What is to be said of a positioning record before anybody believes its results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recore.method import Note
from recore.metrology.machine.positioning_record import Approaches
from recore.metrology.machine.rule_set import NamedSet

Floats = NDArray[np.float64]

_EVEN = 1e-3  # of the mean spacing
_LARGE = 0.01  # of the travel: a machine that bad would not be measured to micrometres
_SMALL = 0.01  # µm or arcsec: what is measured in nanometres was perhaps named micrometres
_SEEN = 3.0  # standard errors


def remarks(approaches: Approaches, rows: NamedSet, span: float) -> list[Note]:
    """Number and spacing of the targets, scatter, and plausibility of the unit."""
    flags = []
    target, x, unit = approaches.target, approaches.deviation, approaches.unit
    wanted = _wanted_targets(approaches, rows, span)
    if wanted is not None and len(target) < wanted:
        text = f"{len(target)} targets over {span:g} {'deg' if approaches.rotary else 'mm'}; {rows.name} wants {wanted}"
        flags.append(Note("targets-sparse", text))
    steps = np.diff(target)
    if len(steps) > 1 and float(np.abs(steps - steps.mean()).max()) < _EVEN * float(steps.mean()):
        flags.append(
            Note(
                "targets-equally-spaced",
                f"all targets are {steps.mean():g} apart: an error that repeats with the screw's pitch or the scale's "
                "grating is not seen; shift each target by a random part of a pitch",
            )
        )
    if approaches.runs > 1 and float(x.std(axis=-1).max()) == 0.0:
        flags.append(Note("no-scatter", "all runs are alike: copied readings, or a resolution too coarse"))
    size = float(np.abs(x).max())
    full = approaches.travel * (3600.0 if approaches.rotary else 1000.0)
    if size > _LARGE * full:
        text = f"a deviation of {size:.3g} {unit} is {size / full:.0%} of the travel: is the unit right?"
        flags.append(Note("deviation-implausible", text))
    elif 0 < size < _SMALL:
        text = f"no deviation exceeds {size:.2g} {unit}, less than a machine tool reaches: is the unit right?"
        flags.append(Note("deviation-implausible", text))
    return flags


def _wanted_targets(approaches: Approaches, rows: NamedSet, span: float) -> int | None:
    if approaches.rotary:
        return int(rows.number("rotary_targets")) if "rotary_targets" in rows.row.params else None
    if "targets_per_metre" not in rows.row.params:
        return None
    # beyond the length with a rule of its own, the density stays the least that is asked
    per_metre = rows.number("targets_per_metre")
    return max(int(rows.number("min_targets")), int(np.ceil(per_metre * span / 1000 - 1e-9)))


def drift_between(x: Floats, drift: float | None) -> Note | None:
    """A flag where the runs drift by more than their scatter explains.

    Parameters
    ----------
    x : (d, m, n) deviations
    drift : from the first to the last run, by least squares
    """
    if drift is None:
        return None
    d, m, n = x.shape
    turn = np.arange(n) - (n - 1) / 2
    left = x - x.mean(axis=-1, keepdims=True) - drift / (n - 1) * turn
    scatter = float(np.sqrt((left**2).sum() / (d * m * (n - 1) - 1)))
    error = scatter * (n - 1) / float(np.sqrt(d * m * (turn @ turn)))
    systematic = float(np.ptp(x.mean(axis=-1)))
    if abs(drift) <= _SEEN * error:
        return None
    if abs(drift) > systematic:
        text = (
            f"the runs drift by {drift:.3g} from the first to the last, more than the deviations themselves "
            f"({systematic:.3g}): repeatability and accuracy are those of the drift; let the machine warm up and repeat"
        )
        return Note("drift-exceeds-deviation", text)
    text = f"the runs drift by {drift:.3g} ± {2 * error:.2g} from the first to the last; it counts as repeatability"
    return Note("drift-between-runs", text)
