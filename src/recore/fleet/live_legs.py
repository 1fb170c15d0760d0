"""Cycles of one leg out of a stream of samples that comes in chunks of any size.

The stream carries the kernel's state from chunk to chunk, so the cycles are, bit for bit, those of one pass over
the same samples, however they were cut. Samples wait a moment before they are read, so that telegrams which overtake
each other are put in order; what comes later than that, or a second time, is counted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.found import LegRecord
from recore.metrology.leg_pressure.records import ATTEMPT_US, cycles_of, event_driven, yields_of
from recore.metrology.leg_pressure.rows import Pressures, Times
from recore.metrology.leg_pressure.segment import Reader, Segment
from recore.metrology.leg_pressure.trace import EARLIEST_US, LATEST_US

# samples that were read last, kept to tell a repeated telegram from a late one
RECENT = 64
NAMES = ("samples", "repeated", "contradicting", "late", "clock", "nan")


@dataclass
class Counts:
    """What became of the samples of a stream; all but `samples` were left out."""

    samples: int = 0
    repeated: int = 0
    contradicting: int = 0
    late: int = 0
    clock: int = 0
    nan: int = 0

    def add(self, other: Counts) -> None:
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def json(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in NAMES}


_NONE: Times = np.empty(0, np.int64)
_NOTHING: Pressures = np.empty(0, np.float64)


@dataclass
class LegStream:
    """One leg's stream.

    Parameters
    ----------
    reader : runs the kernel; legs may share one
    patience_us : how much later than the newest sample of the leg an older one may come and still be put in order, µs
    """

    reader: Reader
    patience_us: int = 5 * kernel.SECOND
    counts: Counts = field(default_factory=Counts)
    segment: Segment = field(default_factory=lambda: Segment(state=kernel.new_state()))
    _newest: int = kernel.NEVER
    _waiting: tuple[Times, Pressures] = (_NONE, _NOTHING)
    _recent: tuple[Times, Pressures] = (_NONE, _NOTHING)
    _events: NDArray[Any] = field(default_factory=lambda: np.empty(0, kernel.EVENT))
    _attempts: NDArray[Any] = field(default_factory=lambda: np.empty(0, kernel.CYCLE))

    def feed(self, ts: Times, p: Pressures, *, latest_us: int = LATEST_US) -> None:
        """Take a chunk of samples.

        Parameters
        ----------
        ts : times, µs since 1970, in any order
        p : pressures, MPa
        latest_us : samples dated later have a wrong clock, and are left out
        """
        p = np.asarray(p, np.float64)
        number = np.isfinite(p)
        dated = (ts >= EARLIEST_US) & (ts < latest_us)
        self.counts.nan += int(np.count_nonzero(~number))
        self.counts.clock += int(np.count_nonzero(number & ~dated))
        good = number & dated
        if not good.all():
            ts, p = ts[good], p[good]
        if not len(ts):
            return
        # whether a sample comes too late hangs on what came before it, not on where the stream is cut
        newest = np.maximum.accumulate(np.concatenate(([self._newest], ts)))
        stale = ts <= newest[:-1] - self.patience_us
        self._newest = int(newest[-1])
        old = ts[stale], p[stale]
        ts, p = np.concatenate((self._waiting[0], ts[~stale])), np.concatenate((self._waiting[1], p[~stale]))
        order = np.argsort(ts, kind="stable")
        ts, p = ts[order], p[order]
        ripe = int(np.searchsorted(ts, self._newest - self.patience_us, side="right"))
        self._waiting = ts[ripe:].copy(), p[ripe:].copy()
        self._read(ts[:ripe], p[:ripe])
        self._again(*old)

    def end(self) -> None:
        """The stream is over: read what still waits, and take the last sample as it stands."""
        waiting, self._waiting = self._waiting, (_NONE, _NOTHING)
        self._read(*waiting)
        self._newest += self.patience_us
        self.reader.finish(self.segment)

    def _read(self, ts: Times, p: Pressures) -> None:
        """Give samples in the order of time to the kernel, one for each time."""
        if not len(ts):
            return
        recent_ts, recent_p = self._recent
        if (np.diff(ts) == 0).any():
            ts, p = self._one_each(ts, p)
        self.counts.samples += len(ts)
        self.reader.run(ts, kernel.quantised(p), 1, 0, self.segment)
        self._recent = (
            np.concatenate((recent_ts, ts[-RECENT:]))[-RECENT:],
            np.concatenate((recent_p, p[-RECENT:]))[-RECENT:],
        )

    def _again(self, ts: Times, p: Pressures) -> None:
        """Count samples that are no newer than what was read."""
        recent_ts, recent_p = self._recent
        if not len(ts) or not len(recent_ts):
            self.counts.late += len(ts)
            return
        at = np.minimum(np.searchsorted(recent_ts, ts), len(recent_ts) - 1)
        known = recent_ts[at] == ts
        same = known & (recent_p[at] == p)
        self.counts.repeated += int(np.count_nonzero(same))
        self.counts.contradicting += int(np.count_nonzero(known & ~same))
        self.counts.late += int(np.count_nonzero(~known))

    def _one_each(self, ts: Times, p: Pressures) -> tuple[Times, Pressures]:
        """Of several samples of one time the one nearest to the sample before."""
        before = float(self._recent[1][-1]) if len(self._recent[1]) else None
        kept_ts, kept_p = [], []
        for moment in np.unique(ts).tolist():
            a, b = np.searchsorted(ts, [moment, moment + 1])
            choices = np.unique(p[a:b])
            value = float(choices[0] if before is None else choices[np.argmin(np.abs(choices - before))])
            self.counts.repeated += int(b - a - len(choices))
            self.counts.contradicting += len(choices) - 1
            kept_ts.append(moment)
            kept_p.append(value)
            before = value
        return np.array(kept_ts, np.int64), np.array(kept_p)

    def last(self) -> tuple[int, float] | None:
        """Newest sample, read or waiting: time, µs, and pressure, MPa."""
        for ts, p in (self._waiting, self._recent):
            if len(ts):
                return int(ts[-1]), float(p[-1])
        return None

    def taken(self) -> LegRecord | None:
        """Cycles that came to their end since this was last asked for, with their yield events."""
        segment, state = self.segment, self.segment.state
        assert state is not None
        rows = np.concatenate([np.empty(0, kernel.CYCLE), *segment.cycles])
        events = np.concatenate([self._events, *segment.events])
        # runs of equal values are a matter of the whole record
        segment.cycles, segment.events, segment.runs = [], [], []
        whole = events["start"] <= (rows["start"][-1] if len(rows) else kernel.NEVER)
        self._events = events[~whole]
        if not len(rows):
            return None
        # a short set counts as an attempt of the cycle after it
        before = self._attempts.copy()
        before["yields"] = 0
        yields = yields_of(events[whole], state)
        every = np.concatenate((before, rows))
        held = np.full(len(every), event_driven(state["spacing"][0]))
        cycles = cycles_of(every, yields, np.zeros(1, np.int64), held)[len(before) :]
        lasting = np.flatnonzero(every["last"] - every["start"] >= ATTEMPT_US)
        self._attempts = every[lasting[-1] + 1 :] if lasting.size else every
        return LegRecord(cycles, yields, np.empty(0, kernel.RUN), state.copy())

    def saved(self) -> dict[str, NDArray[Any]]:
        """All there is to know to go on later; `taken` first, for cycles are not in it."""
        assert self.segment.state is not None
        return {
            "state": self.segment.state.copy(),
            "counts": np.array([[*self.counts.json().values(), self._newest]], np.int64),
            "waiting_ts": self._waiting[0],
            "waiting_p": self._waiting[1],
            "recent_ts": self._recent[0],
            "recent_p": self._recent[1],
            "events": self._events,
            "attempts": self._attempts,
        }

    @classmethod
    def resumed(cls, reader: Reader, patience_us: int, saved: Mapping[str, NDArray[Any]]) -> LegStream:
        """Go on where `saved` was made."""
        *counted, newest = saved["counts"][0].tolist()
        stream = cls(reader, patience_us, Counts(*counted), _newest=newest)
        stream.segment.state = saved["state"].copy()
        stream._waiting = saved["waiting_ts"], saved["waiting_p"]
        stream._recent = saved["recent_ts"], saved["recent_p"]
        stream._events, stream._attempts = saved["events"], saved["attempts"]
        return stream
