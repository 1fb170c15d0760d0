"""What the kernel wrote of a leg, in megapascals and with all metrics of a cycle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure import state as kernel
from recore.metrology.leg_pressure.leak import leak_rates

# a set that holds no longer than this was an attempt
ATTEMPT_US = kernel.MINUTE
# so few steps in time tell nothing
_FEW = 100
# steps of a log at a fixed rate lie within two neighbouring octaves, but for this share
UNEVEN = 0.1

RECORD = np.dtype(
    [(name, "i8") for name in ("start", "end", "samples", "gaps", "yields", "steps", "attempts")]
    + [(name, "f8") for name in ("setting", "final", "max", "twap", "leak", "wander", "revised")]
    + [("loading", "f8", (3,))]
    + [(name, "f8") for name in ("opening", "reseat", "unload", "recovery", "low", "low_s", "gap_s")]
)
# a yield event: pressures in MPa; `recovered` is NEVER where the pressure did not come back into the band
YIELD = np.dtype(
    [(name, "i8") for name in ("start", "opened", "reseated", "recovered")]
    + [("opening", "f8"), ("reseat", "f8")]
)


def event_driven(spacing: NDArray[np.int64]) -> bool:
    """Whether a leg is logged on change: its steps in time are of no one length."""
    neighbours = spacing[:-1] + spacing[1:]
    steps = int(spacing.sum())
    return steps >= _FEW and bool(neighbours.max() < (1 - UNEVEN) * steps)


def runs_of(written: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
    """Runs of equal samples of a finished leg, with the one that its record ends with."""
    last = state[0]
    if last["t_prev"] - last["run_from"] < kernel.RUN_US:
        return written
    run = np.array([(last["run_from"], last["t_prev"], last["p_prev"], last["run_n"])], kernel.RUN)
    return kernel.joined((written, run), kernel.RUN)


def yields_of(written: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
    """Yield events of the complete cycles of a finished leg, in megapascals."""
    if state["phase"][0] == kernel.SET:
        written = written[written["start"] != state["row"]["start"][0]]
    events = np.empty(len(written), YIELD)
    for name in ("start", "opened", "reseated", "recovered"):
        events[name] = written[name]
    for name in ("opening", "reseat"):
        events[name] = written[name] / kernel.PER_MPA
    return events


def cycles_of(
    rows: NDArray[Any], events: NDArray[Any], firsts: NDArray[np.int64], held: NDArray[np.bool_]
) -> Any:
    """`RECORD`s of the cycles of several legs, one leg after the other.

    Parameters
    ----------
    rows : `CYCLE`s as the kernel wrote them
    events : their yield events, `YIELD`s, in the same order
    firsts : index of the first cycle of each leg
    held : whether each cycle is of a leg that is logged on change, where a value holds until the next
    """  # fmt: skip
    cycles = np.empty(len(rows), RECORD)
    for name in ("start", "end", "samples", "gaps", "yields", "steps"):
        cycles[name] = rows[name]
    for name in ("setting", "final", "max", "wander", "revised"):
        cycles[name] = rows[name] / kernel.PER_MPA
    cycles["loading"] = rows["loading"]
    cycles["gap_s"] = rows["gap_us"] / kernel.SECOND
    cycles["leak"] = leak_rates(rows["sums"], cycles["wander"], rows["steps"])
    duration = (rows["last"] - rows["start"]).astype(np.float64)
    lasting = duration > 0
    area = rows["area"] - np.where(held[:, None], rows["tilt"], 0)
    mean = kernel.whole(area) / np.where(lasting, 2 * duration, 1) / kernel.PER_MPA
    cycles["twap"] = np.where(lasting, mean, cycles["max"])
    seen = rows["t_low"] != kernel.NEVER
    shown = seen & (rows["low"] > -kernel.HIGHEST)
    cycles["low"] = np.where(shown, rows["low"] / kernel.PER_MPA, np.nan)
    cycles["low_s"] = np.where(seen, (rows["start"] - rows["t_low"]) / kernel.SECOND, np.nan)
    attempts = rows["rises"] + 1
    short = rows["last"] - rows["start"] < ATTEMPT_US
    first = np.zeros(len(rows), bool)
    first[firsts[firsts < len(rows)]] = True
    for k in np.flatnonzero(short[:-1] & ~first[1:]):
        attempts[k + 1] += attempts[k]
    cycles["attempts"] = attempts
    _valves(cycles, events)
    return cycles


def _valves(cycles: NDArray[Any], events: NDArray[Any]) -> None:
    """Means of each cycle's yield events."""
    count = cycles["yields"]
    of = np.repeat(np.arange(len(cycles)), count)
    back = events["recovered"] != kernel.NEVER
    with np.errstate(invalid="ignore"):
        for name in ("opening", "reseat"):
            cycles[name] = np.bincount(of, events[name], len(cycles)) / count
        unload = (events["reseated"] - events["opened"]) / kernel.SECOND
        cycles["unload"] = np.bincount(of, unload, len(cycles)) / count
        recovery = (events["recovered"] - events["reseated"])[back] / kernel.SECOND
        cycles["recovery"] = np.bincount(of[back], recovery, len(cycles)) / np.bincount(
            of[back], minlength=len(cycles)
        )
