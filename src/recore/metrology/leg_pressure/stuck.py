"""Stretches in which a transducer showed the same value though the leg moved."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.kernel import PER_MPA
from recore.metrology.leg_pressure.rows import Leg

# a set roof can be so quiet that a coarse transducer shows one value for some minutes, not for longer than this …
LONGEST_US = 1800 * 10**6
# … nor for so many times the longest that the same leg showed otherwise (upper decile of its runs)
TIMES_USUAL = 5.0
# a leg of the support that is let go and set again meanwhile proves it earlier
PROVED_US = 300 * 10**6
# fewer equal samples than this may be chance, in a slow and coarse record
PROVED_SAMPLES = 20

# but only of legs that are let go together, within this, as half of so many releases at least show
TOGETHER_US = 120 * 10**6
TOLD = 6


class Stuck(NamedTuple):
    """First and last sample of the value, µs; the value, MPa; samples."""

    first: int
    last: int
    value: float
    samples: int


def stuck(
    runs: Mapping[Leg, NDArray[Any]],
    cycles: Mapping[Leg, NDArray[Any]],
    noisy: Set[Leg],
    released_p: int,
) -> dict[Leg, list[Stuck]]:
    """Runs of one value that no live leg shows.

    A run is stuck where another leg of the same support is released and set again within it, for the legs of
    a support move together; or, of a leg whose readings otherwise wander from sample to sample, where it lasts
    longer than half an hour and five times its usual runs, at a pressure of a set leg. A support that is parked
    stands still at the back pressure, with all its legs.

    Parameters
    ----------
    runs : stretches of the same value of each leg: start, end [µs], value [10 Pa], samples
    cycles : complete cycles of each leg: start, end [µs]
    noisy : legs whose readings wander
    released_p : below this a leg is released, 10 Pa
    """
    ends = {leg: np.asarray(rows["end"], np.int64) for leg, rows in cycles.items()}
    starts = {leg: np.asarray(rows["start"], np.int64) for leg, rows in cycles.items()}
    found: dict[Leg, list[Stuck]] = {}
    for leg, rows in runs.items():
        twins = [
            other
            for other in runs
            if other[0] == leg[0] and other != leg and _together(ends[leg], ends[other])
        ]
        length = (rows["end"] - rows["start"]).astype(np.int64)
        usual = float(np.quantile(length, 0.5)) if len(length) > 4 else 0.0
        for row, lasted in zip(rows, length.tolist(), strict=True):
            begin, end, value = int(row["start"]), int(row["end"]), int(row["value"])
            proved = (
                lasted >= PROVED_US
                and row["samples"] >= PROVED_SAMPLES
                and any(_moved(starts[twin], ends[twin], begin, end) for twin in twins)
            )
            long = leg in noisy and value >= released_p and lasted > max(LONGEST_US, TIMES_USUAL * usual)
            if proved or long:
                found.setdefault(leg, []).append(Stuck(begin, end, value / PER_MPA, int(row["samples"])))
    return found


def _together(ends: NDArray[np.int64], twins: NDArray[np.int64]) -> bool:
    """Whether a leg is let go with its twin, as the releases show that it does show; legs of which too little is known are."""
    if len(ends) < TOLD or not len(twins):
        return True
    near = np.searchsorted(twins, ends + TOGETHER_US) > np.searchsorted(twins, ends - TOGETHER_US)
    return bool(2 * np.count_nonzero(near) >= len(ends))


def _moved(starts: NDArray[np.int64], ends: NDArray[np.int64], begin: int, end: int) -> bool:
    """Whether a leg was both released and set again within a time."""
    released = np.searchsorted(ends, end) - np.searchsorted(ends, begin, "right")
    return bool(released and np.searchsorted(starts, end) - np.searchsorted(starts, begin, "right"))
