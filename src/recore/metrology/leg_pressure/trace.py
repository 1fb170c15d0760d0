"""What the rows of one leg look like: when it was logged, how evenly, and what was wrong with them.

Everything here adds up exactly, so that it is the same however the log was cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]

EARLIEST_US = int(np.datetime64("1971-01-01", "us").astype(np.int64))
LATEST_US = int(np.datetime64("2101-01-01", "us").astype(np.int64))

# silences longer than this divide the record of a leg into spans
SPAN_US = 300 * 10**6
# a step is uneven where it is this many times as long, or as short, as the step before it
UNEVEN = 4
# a log is event-driven where so many of its steps are uneven …
UNEVEN_SHARE = 0.02
# … and where the long steps are so many times as long as the short ones (quantiles 0.95 and 0.05)
SPREAD = 8
MIN_STEPS = 20

_PIECES = 64


def spans_of(spans: NDArray[np.int64], silence_us: int) -> NDArray[np.int64]:
    """Spans (first, last, rows) [n, 3] in any order, joined where no silence lies between them."""
    if len(spans) < 2:
        return spans
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    new = np.flatnonzero(np.append(True, spans[1:, 0] - reach[:-1] > silence_us))
    ends = np.append(new[1:], len(spans)) - 1
    return np.stack((spans[new, 0], reach[ends], np.add.reduceat(spans[:, 2], new)), axis=1)


class Steps(NamedTuple):
    """Shortest and longest step of time, ticks, and how many are far longer or shorter than the one before.

    The last is only told where time runs forward.
    """

    least: int
    most: int
    uneven: int


def steps_of(ts: Times) -> Steps:
    """Steps between times as they come."""
    if len(ts) < 2:
        return Steps(0, 0, 0)
    step = ts[1:] - ts[:-1]
    least, most = int(step.min()), int(step.max())
    return Steps(least, most, uneven_steps(step) if 0 < least * UNEVEN < most else 0)


@dataclass
class Fault:
    """How many rows of one kind there were, and when the first and the last (µs)."""

    count: int = 0
    first: int = np.iinfo(np.int64).max
    last: int = np.iinfo(np.int64).min

    def add(self, other: Fault) -> None:
        self.count += other.count
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


@dataclass
class Trace:
    """The rows of one leg.

    `rows` in all; `usable` after what is no number; `uneven` steps, and `edges` where steps are not
    known because the rows were cut there; `faults` by their flag.
    """

    rows: int = 0
    usable: int = 0
    uneven: int = 0
    edges: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)
    pieces: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, other: Trace) -> None:
        self.rows += other.rows
        self.usable += other.usable
        self.uneven += other.uneven
        self.edges += other.edges
        for kind, fault in other.faults.items():
            self.faults.setdefault(kind, Fault()).add(fault)
        self.pieces += other.pieces
        self._compact()

    @property
    def spans(self) -> NDArray[np.int64]:
        """First and last time [µs] and rows of each stretch without a silence, in the order of time."""
        return spans_of(np.concatenate(self.pieces), SPAN_US) if self.pieces else np.empty((0, 3), np.int64)

    @property
    def perhaps_uneven(self) -> bool:
        """True wherever `event_driven` would be, and rarely elsewhere."""
        return self.uneven + 2 * self.edges >= UNEVEN_SHARE * (self.usable - self.edges - 1)

    def note(self, kind: str, moments: Times) -> None:
        """Count faulty rows, by their times in µs."""
        if len(moments):
            fault = Fault(len(moments), int(moments.min()), int(moments.max()))
            self.faults.setdefault(kind, Fault()).add(fault)

    def cover(self, ts: Times, tick: int, earliest: int, latest: int, steps: Steps) -> bool:
        """Add usable rows: their times [ticks] as they come, with their steps; False, and nothing added, where
        one of them is not between earliest and latest."""
        if not len(ts):
            return True
        least, most, uneven = steps
        first, last = (int(ts[0]), int(ts[-1])) if least >= 0 else (int(ts.min()), int(ts.max()))
        if first < earliest or last >= latest:
            return False
        self.edges += 1
        rising = len(ts)
        if least < 0 or most * tick > SPAN_US:
            self.edges += int(np.count_nonzero(ts[1:] < ts[:-1]))
            moments = np.sort(ts)
            moments = moments[np.append(True, moments[1:] > moments[:-1])]
            rising = len(moments)
            step = np.diff(moments)
            begins = np.append(0, 1 + np.flatnonzero(step * tick > SPAN_US))
            ends = np.append(begins[1:], rising)
            rows = ends - begins
            rows[0] += len(ts) - rising  # repetitions, only to keep the sum
            self.pieces.append(np.stack((moments[begins] * tick, moments[ends - 1] * tick, rows), axis=1))
            uneven = uneven_steps(step)
        else:
            self.pieces.append(np.array([[first * tick, last * tick, len(ts)]], np.int64))
            if least == 0:
                step = ts[1:] - ts[:-1]
                step = step[step > 0]
                rising = len(step) + 1
                uneven = uneven_steps(step)
        self.usable += rising
        self.uneven += uneven
        self._compact()
        return True

    def _compact(self) -> None:
        if len(self.pieces) > _PIECES:
            self.pieces = [self.spans]


def uneven_steps(step: Times) -> int:
    """How many steps are far longer or shorter than the one before."""
    before, after = step[:-1], step[1:]
    return int(np.count_nonzero((after > UNEVEN * before) | (before > UNEVEN * after)))


def event_driven(ts: Times) -> bool:
    """Whether strictly rising times are those of telegrams that are sent when something changes.

    Such a log has short steps while the pressure changes and long ones while it stays: its steps are
    uneven, and their lengths differ more than jitter and lost rows can make them.
    """
    step = np.diff(ts)
    if len(step) < MIN_STEPS or uneven_steps(step) < UNEVEN_SHARE * len(step):
        return False
    short, long = np.quantile(step, (0.05, 0.95), method="nearest")
    return bool(long >= SPREAD * short)


def silences(ts: Times, longest_us: int) -> NDArray[Any]:
    """Beginning and end of every silence longer than this among rising times [n, 2]."""
    where = np.flatnonzero(np.diff(ts) > longest_us)
    return np.stack((ts[where], ts[where + 1]), axis=1)
