"""A stretch of one leg's samples, and how stretches join.

A stretch is summarised as a `Segment`: its head, kept raw, up to the first sample that says by itself
that the leg is released; the cycles after that; and the state at its end. Two segments in sequence
join by running the first one's state over the second one's head, which is what a single pass would
have done: joining is associative, and any cut gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.kernel import Limits
from recore.metrology.leg_pressure.rows import Pressures, Times

# below this many rows the interpreter is done before the compiled kernel is loaded
SMALL_LOG = 500_000
_SCATTERED = 64
_SEARCH = 8192
_ROWS = 1024


@dataclass
class Segment:
    """A stretch of one leg in time order; `state` is None as long as nothing in it is certain."""

    first: int = kernel.NEVER
    begins: bool = False  # taken for the beginning of the leg's record
    head: list[tuple[Times, Pressures]] = field(default_factory=list)
    state: NDArray[Any] | None = None
    cycles: list[NDArray[Any]] = field(default_factory=list)

    @property
    def last(self) -> int:
        """Time of the last sample, µs."""
        if self.state is not None:
            return max(int(self.state["t_prev"][0]), int(self.state["t_held"][0]))
        return int(self.head[-1][0][-1]) if self.head else kernel.NEVER

    @property
    def samples(self) -> int:
        """Samples of the head."""
        return sum(len(ts) for ts, _ in self.head)


class Reader:
    """Runs the kernel: interpreted over a small log, compiled over a large one, with the same bits."""

    def __init__(self, limits: Limits, *, small: bool) -> None:
        self.limits = limits
        self.left = SMALL_LOG if small else 0
        self.rows = np.empty(_ROWS, kernel.CYCLE)
        self.law = kernel.loading_law()

    def run(self, ts: Times, p: Pressures, tick: int, at: int, segment: Segment) -> tuple[int, int]:
        """Carry a segment over its samples from `at` on; where it stopped, and why."""
        self.left -= len(ts) - at
        compiled = kernel.compiled(p.dtype == np.float32) if self.left < 0 else None
        advance: Callable[..., tuple[int, int, int]] = compiled or kernel.advance
        samples: tuple[Any, Any] = (ts, p) if compiled else (ts[at:].tolist(), p[at:].tolist())
        i, offset = (at, 0) if compiled else (0, at)
        while True:
            i, filled, why = advance(*samples, tick, i, segment.state, self.rows, self.limits, self.law)
            if filled:
                segment.cycles.append(self.rows[:filled].copy())
            if why != kernel.FULL:
                return i + offset, why

    def extend(self, segment: Segment, ts: Times, p: Pressures, tick: int, at: int) -> tuple[int, int]:
        """Add samples to a segment, from `at` on, as far as they are in order."""
        if at == len(ts):
            return at, kernel.DONE
        if segment.first == kernel.NEVER:
            segment.first = int(ts[at]) * tick
        if segment.state is None:
            released = _released(ts, p, at, self.limits.release_mpa)
            end = len(ts) if released is None else released + 1
            head = ts[at:end] * tick, p[at:end].astype(np.float64)
            stop, why = _in_order(segment, *head)
            if stop:
                segment.head.append((head[0][:stop], head[1][:stop]))
            if why != kernel.DONE:
                return at + stop, why
            if released is None:
                return end, why
            segment.state = kernel.new_state(kernel.LOW, int(ts[released]) * tick, float(p[released]))
            at = end
        return self.run(ts, p, tick, at, segment)

    def join(self, segment: Segment, after: Segment) -> bool:
        """Append a later segment; False where the two hold different pressures of one time."""
        if segment.state is None:
            segment.head += after.head
            segment.state, segment.cycles = after.state, after.cycles
            return True
        for ts, p in after.head:
            if self.run(ts, p, 1, 0, segment)[1] != kernel.DONE:
                return False
        if after.state is not None:
            state = after.state.copy()
            for name in kernel.COUNTED:
                state[name] += segment.state[name]
            state["grain"] = np.minimum(state["grain"], segment.state["grain"])
            segment.state = state
        segment.cycles += after.cycles
        return True


def _released(ts: Times, p: Pressures, at: int, release_mpa: float) -> int | None:
    """First sample after which the leg is certainly released, whatever came before.

    A single negative sample may be a fault; two in a row are a release seen with a zero drift.
    """
    for begin in range(at, len(p), _SEARCH):
        for k in begin + np.flatnonzero(p[begin : begin + _SEARCH] < release_mpa):
            if p[k] >= 0.0 or (k > at and p[k - 1] < 0.0 and ts[k] > ts[k - 1]):
                return int(k)
    return None


def _in_order(segment: Segment, ts: Times, p: Pressures) -> tuple[int, int]:
    """How many samples continue the segment's head, and why the next one does not."""
    if segment.head:
        ts = np.concatenate((segment.head[-1][0][-1:], ts))
        p = np.concatenate((segment.head[-1][1][-1:], p))
    extra = int(bool(segment.head))
    step = np.diff(ts)
    bad = np.flatnonzero((step < 0) | ((step == 0) & (np.diff(p) != 0.0)))
    if bad.size:
        k = int(bad[0])
        return k + 1 - extra, kernel.BACKWARDS if step[k] < 0 else kernel.CONFLICT
    return len(ts) - extra, kernel.DONE


@dataclass
class LegPart:
    """What one part of a log says about one leg."""

    segments: list[Segment] = field(default_factory=list)
    rows: int = 0
    backwards: int | None = None  # table row at which time first runs backwards
    untidy: bool = False  # must be sorted before it can be read

    def read(self, reader: Reader, ts: Times, p: Pressures, tick: int, rows: Times | range) -> None:
        self.rows += len(ts)
        at = 0
        while at < len(ts) and not self.untidy:
            if not self.segments:
                self.segments.append(Segment())
            at, why = reader.extend(self.segments[-1], ts, p, tick, at)
            if why == kernel.BACKWARDS:
                if self.backwards is None:
                    self.backwards = int(rows[at])
                self.segments.append(Segment())
            self.untidy = why == kernel.CONFLICT or len(self.segments) > _SCATTERED
        if self.untidy:
            self.segments.clear()
