"""Sets of records with which form and motion are told apart: one record, reversal, steps, two eccentricities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pyarrow as pa

from recore.errors import BadInput
from recore.simulate.spindle import Rig, Setup, spindle
from recore.simulate.writing import Simulated

SetKind = Literal["single", "reversal", "multistep", "two-eccentricities"]
_MOST_STEPS = 72


def setups(kind: SetKind, *, steps: int = 12, eccentricity_um: float = 5.0) -> list[Setup]:
    """How artefact and probes stand in each record of a set.

    Parameters
    ----------
    kind : 'single'; 'reversal', artefact and probes turned by 180 deg between two records; 'multistep', the artefact
        turned by equal steps while the probes stay; 'two-eccentricities', the artefact centred anew, twice as far off
    steps : of a multi-step set
    eccentricity_um : of the rig
    """
    if kind == "reversal":
        return [Setup("normal"), Setup("reversed", artefact_deg=180.0, probes_deg=180.0)]
    if kind == "multistep":
        if not 2 <= steps <= _MOST_STEPS:
            raise BadInput(f"{steps} steps", where="steps", right=f"2 to {_MOST_STEPS} are wanted")
        return [Setup(f"step{n + 1:02d}", artefact_deg=360.0 * n / steps) for n in range(steps)]
    if kind == "two-eccentricities":
        if not eccentricity_um > 0:
            raise BadInput(
                "no eccentricity", where="eccentricity_um", right="more than 0 is wanted for two of them"
            )
        return [
            Setup("first", eccentricity_um=eccentricity_um),
            Setup("second", eccentricity_um=2 * eccentricity_um),
        ]
    return [Setup("rec")]


def simulate_set(
    seed: int,
    rig: Rig,
    kind: SetKind = "single",
    *,
    steps: int = 12,
    progress: Callable[[float, str], None] | None = None,
) -> Simulated:
    """Simulate a set: the artefact, the synchronous motion and the probes stay, all else is drawn anew.

    Parameters
    ----------
    seed : of all of it
    rig : how it is built
    kind, steps : which set, see `setups`
    progress : told the share that is done
    """
    wanted = setups(kind, steps=steps, eccentricity_um=rig.eccentricity_um)
    tables: dict[str, pa.Table] = {}
    truths = []
    harmonics = None
    for number, setup in enumerate(wanted):
        if progress:
            progress(number / len(wanted), f"{setup.name}: {rig.revolutions} revolutions")
        made = spindle(seed, rig, setup, take=number)
        tables[setup.name] = made.record
        truths.append(made.truth)
        harmonics = made.harmonics
    truth = truths[0] if kind == "single" else {"synthetic": True, "set": kind, "records": truths}
    return Simulated(tables, truth, {} if harmonics is None else {"truth_harmonics": harmonics})
