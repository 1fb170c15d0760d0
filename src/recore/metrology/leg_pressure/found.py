"""What was found about the legs of a log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.clock import Window
from recore.metrology.leg_pressure.records import YIELD, cycles_of, event_driven, runs_of, yields_of
from recore.metrology.leg_pressure.rows import Faults, Leg, Times
from recore.metrology.leg_pressure.second_look import Look
from recore.metrology.leg_pressure.segment import Reader, Segment
from recore.metrology.leg_pressure.stuck import Stuck
from recore.metrology.leg_pressure.zero import Reference, pieces

# readings that change by less from sample to sample, on average, are still
STILL_MPA = 0.02
# a leg with less than this share of its twin's cycles may not come below the thresholds
FEW_SHARE = 0.8


def level_of(lows: NDArray[np.float64]) -> float:
    """Median pressure while released, MPa; NaN where it is not known."""
    return float(np.median(lows)) if len(lows) else math.nan


@dataclass
class LegRecord:
    """All that was found about one leg; once it is finished `cycles` holds `RECORD`s and `yields` `YIELD`s.

    `runs`: stretches of 5 min or more of exactly the same value (start, end [µs], value [10 Pa], samples).
    """

    cycles: NDArray[Any]
    yields: NDArray[Any]
    runs: NDArray[Any]
    state: NDArray[Any]
    conflicts: int = 0

    @property
    def event_driven(self) -> bool:
        """Whether the leg is logged on change, so that a value holds until the next."""
        return event_driven(self.state["spacing"][0])

    def counted(self, name: str) -> int:
        return int(self.state[name][0])

    @property
    def lows(self) -> NDArray[np.float64]:
        """Lowest pressures of the releases, MPa."""
        low: NDArray[np.float64] = self.cycles["low"]
        return low[np.isfinite(low)]

    @property
    def noisy(self) -> bool:
        """Whether the readings of a set leg wander from sample to sample."""
        steps = int(self.cycles["steps"].sum())
        return bool(steps and self.cycles["wander"].sum() > STILL_MPA * steps)

    @property
    def running(self) -> int:
        """1 where the record ends in the middle of a cycle."""
        return int(self.state["phase"][0] >= kernel.SET)

    @property
    def outside(self) -> int:
        """Yield events of incomplete cycles."""
        return self.counted("outside") + (int(self.state["yields"][0]) if self.running else 0)


@dataclass
class FileRead:
    """What became of one file: rows that were read, and why not all of them."""

    name: str
    rows: int = 0
    reason: str = ""

    def say(self, reasons: Sequence[str]) -> None:
        self.reason = "; ".join(filter(None, (self.reason, *reasons)))


class ZeroLimits(NamedTuple):
    """Smallest offset that is taken out, and highest back pressure of a released leg, MPa."""

    offset_mpa: float
    back_mpa: float


@dataclass
class Log:
    """All legs of a log, in the order of support and leg."""

    legs: dict[Leg, LegRecord]
    faults: Faults
    disordered: list[Leg]
    files: list[FileRead]
    window: Window  # first and last credible time, µs
    looks: dict[Leg, Look] = field(default_factory=dict)  # legs that were put right
    stuck: dict[Leg, list[Stuck]] = field(default_factory=dict)
    masked: int = 0  # cycles left out because they touch a stuck stretch

    def spans(self, leg: Leg) -> Times:
        """First and last time [µs] and rows of each stretch of a leg's record without a silence."""
        return self.looks[leg].spans if leg in self.looks else self.faults.legs[leg].spans

    def suspect(self, leg: Leg, disorder: Any) -> bool:
        """Whether the rows of a leg must be looked at together before they are read."""
        trace = self.faults.legs[leg]
        spans = trace.spans
        stray = len(spans) and (spans[0, 0] < self.window[0] or spans[-1, 1] > self.window[1])
        return bool(disorder or stray or trace.faults.keys() & {"clock", "unit"} or trace.perhaps_uneven)

    def usual_step(self, leg: Leg) -> int:
        """Mean time between the samples of a leg outside of its silences, µs."""
        spans = self.spans(leg)
        return int((spans[:, 1] - spans[:, 0]).sum() // max(int((spans[:, 2] - 1).sum()), 1))

    @property
    def live_on_change(self) -> set[Leg]:
        """Legs that report only what changes, and may be still for long."""
        return {leg for leg, look in self.looks.items() if look.events}

    def off_zero(self, normal: Reference, lows: Mapping[Leg, NDArray[np.float64]]) -> list[Leg]:
        """Legs whose released level is not that of the others, or that have too few releases.

        lows : lowest pressures of the releases of each leg, MPa
        """
        counts = {leg: len(record.cycles) for leg, record in self.legs.items()}
        usual = float(np.median(list(counts.values())))
        supports: dict[int, list[int]] = {}
        for leg, count in counts.items():
            supports.setdefault(leg[0], []).append(count)
        found = []
        for leg, count in counts.items():
            beside = supports[leg[0]]
            most = max(beside) if len(beside) > 1 else usual
            low = lows[leg]
            few = count < FEW_SHARE * most or not count
            # two means of what lies within a third of the least offset do not differ by more
            changes = len(low) and np.ptp(low) > normal.least / 3 and len(pieces(low, normal.least)) > 1
            if few or changes or abs(level_of(low) - normal.level) > normal.least:
                found.append(leg)
        return sorted(found)


def record_of(reader: Reader, whole: Segment, conflicts: int = 0) -> LegRecord:
    reader.finish(whole)
    assert whole.state is not None
    rows, events, runs = (
        kernel.joined(pieces, kind)
        for kind, pieces in (
            (kernel.CYCLE, whole.cycles),
            (kernel.EVENT, whole.events),
            (kernel.RUN, whole.runs),
        )
    )
    return LegRecord(rows, yields_of(events, whole.state), runs_of(runs, whole.state), whole.state, conflicts)


def finish(records: Sequence[LegRecord]) -> None:
    """Turn the kernel's rows of several legs into `RECORD`s."""
    rows = kernel.joined([record.cycles for record in records], kernel.CYCLE)
    lengths = [len(record.cycles) for record in records]
    cycles = cycles_of(
        rows,
        kernel.joined([record.yields for record in records], YIELD),
        np.cumsum([0, *lengths[:-1]]),
        np.repeat([record.event_driven for record in records], lengths),
    )
    ends = np.cumsum(lengths)
    for record, piece in zip(records, np.split(cycles, ends[:-1]), strict=True):
        record.cycles = piece
