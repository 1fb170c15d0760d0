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
from recore.metrology.leg_pressure.rows import Stretch, Times

Whole = NDArray[np.int32]  # pressures, multiples of 10 Pa

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
    head: list[tuple[Times, Whole]] = field(default_factory=list)
    state: NDArray[Any] | None = None
    cycles: list[NDArray[Any]] = field(default_factory=list)
    events: list[NDArray[Any]] = field(default_factory=list)
    runs: list[NDArray[Any]] = field(default_factory=list)

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
        self.written = tuple(np.zeros(_ROWS, kind) for kind in (kernel.CYCLE, kernel.EVENT, kernel.RUN))
        self.count = np.zeros(3, np.int64)
        self.law = kernel.loading_law()

    def run(
        self, ts: Times, p: Whole, tick: int, at: int, segment: Segment, flush: bool = False
    ) -> tuple[int, int]:
        """Carry a segment over its samples from `at` on; where it stopped, and why.

        `flush`: the last sample is known to be no excursion, or the record ends with it.
        """
        self.left -= len(ts) - at
        compiled = kernel.compiled() if self.left < 0 else None
        advance: Callable[..., tuple[int, int]] = compiled or kernel.interpreted
        i = at
        while True:
            self.count[:] = 0
            i, why = advance(
                ts, p, tick, i, int(flush), segment.state, *self.written, self.count, tuple(self.limits), self.law
            )  # fmt: skip
            kept = (segment.cycles, segment.events, segment.runs)
            for into, written, number in zip(kept, self.written, self.count, strict=True):
                if number:
                    into.append(written[:number].copy())
            if why != kernel.FULL:
                return i, why

    def extend(self, segment: Segment, ts: Times, p: Whole, tick: int, at: int) -> tuple[int, int]:
        """Add samples to a segment, from `at` on, as far as they are in order."""
        if at == len(ts):
            return at, kernel.DONE
        if segment.first == kernel.NEVER:
            segment.first = int(ts[at]) * tick
        if segment.state is None:
            released = _released(ts, p, tick, at, self.limits.release_p)
            end = len(ts) if released is None else released + 1
            head = ts[at:end] * tick, p[at:end].copy()
            stop, why = _in_order(segment, *head)
            if stop:
                segment.head.append((head[0][:stop], head[1][:stop]))
            if why != kernel.DONE:
                return at + stop, why
            if released is None:
                return end, why
            segment.state = kernel.new_state(kernel.LOW, int(ts[released]) * tick, int(p[released]))
            at = end
        return self.run(ts, p, tick, at, segment)

    def finish(self, segment: Segment) -> None:
        """The record ends: its last sample is taken as it stands."""
        self.run(np.empty(0, np.int64), np.empty(0, np.int32), 1, 0, segment, flush=True)

    def join(self, segment: Segment, after: Segment) -> bool:
        """Append a later segment; False where the two hold different pressures of one time."""
        if segment.state is None:
            segment.head += after.head
            segment.state, segment.cycles = after.state, after.cycles
            segment.events, segment.runs = after.events, after.runs
            return True
        for k, (ts, p) in enumerate(after.head, 1):
            flush = after.state is not None and k == len(after.head)
            if self.run(ts, p, 1, 0, segment, flush)[1] != kernel.DONE:
                return False
        if after.state is not None:
            segment.state = _succeeded(segment, after)
        segment.cycles += after.cycles
        segment.events += after.events
        segment.runs += after.runs
        return True


def _succeeded(before: Segment, after: Segment) -> NDArray[Any]:
    """The state at the end of the later segment, and what its beginning did not know, put right.

    The earlier state stands at the sample that the later one began with: released.
    """
    assert before.state is not None
    assert after.state is not None
    known, state = before.state[0], after.state.copy()
    one = state[0]
    for name in kernel.COUNTED:
        one[name] += known[name]
    one["grain"] = min(one["grain"], known["grain"])
    # the time released before the first cycle
    if after.cycles and after.cycles[0]["inherits"][0]:
        after.cycles = [after.cycles[0].copy(), *after.cycles[1:]]
        low = after.cycles[0][0]
    else:
        low = one if one["inherits"] else one["row"]
    if low["inherits"]:
        low["t_low"], low["inherits"] = known["t_low"], known["inherits"]
        low["low"] = min(low["low"], known["low"])
        low["rises"] += known["rises"]
    # the run of equal samples over the join
    if one["leading"]:
        one["run_from"], one["leading"] = known["run_from"], known["leading"]
        one["run_n"] += known["run_n"] - 1
        one["lead_to"], one["lead_n"], one["lead_p"] = known["lead_to"], known["lead_n"], known["lead_p"]
    elif known["leading"]:
        one["lead_n"] += known["run_n"] - 1
    else:
        if one["lead_to"] - known["run_from"] >= kernel.RUN_US:
            run = np.zeros(1, kernel.RUN)
            run[0] = known["run_from"], one["lead_to"], one["lead_p"], one["lead_n"] + known["run_n"] - 1
            before.runs.append(run)
        one["lead_to"], one["lead_n"], one["lead_p"] = known["lead_to"], known["lead_n"], known["lead_p"]
    return state


def _released(ts: Times, p: Whole, tick: int, at: int, release_p: int) -> int | None:
    """First sample after which the leg is certainly released, whatever came before.

    It lies below the threshold, and the next one shows that it is no excursion.
    """
    for begin in range(at, len(p) - 1, _SEARCH):
        end = min(begin + _SEARCH, len(p) - 1)
        low = begin + np.flatnonzero(p[begin:end] < release_p)
        if low.size:
            step = ts[low + 1] - ts[low]
            near = np.abs(p[low + 1].astype(np.int64) - p[low]) <= kernel.JUMP
            sure = low[(step > 0) & (near | (step * tick > kernel.DROPOUT_US))]
            if sure.size:
                return int(sure[0])
    return None


def _in_order(segment: Segment, ts: Times, p: Whole) -> tuple[int, int]:
    """How many samples continue the segment's head, and why the next one does not."""
    if segment.head:
        ts = np.concatenate((segment.head[-1][0][-1:], ts))
        p = np.concatenate((segment.head[-1][1][-1:], p))
    extra = int(bool(segment.head))
    step = np.diff(ts)
    bad = np.flatnonzero((step < 0) | ((step == 0) & (np.diff(p) != 0)))
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

    def read(self, reader: Reader, found: Stretch) -> None:
        ts = found.ts
        self.rows += len(ts)
        at = 0
        while at < len(ts) and not self.untidy:
            if not self.segments:
                self.segments.append(Segment())
            at, why = reader.extend(self.segments[-1], ts, found.whole, found.tick, at)
            if why == kernel.BACKWARDS:
                if self.backwards is None:
                    self.backwards = int(found.rows[at])
                self.segments.append(Segment())
            self.untidy = why == kernel.CONFLICT or len(self.segments) > _SCATTERED
        if self.untidy:
            self.segments.clear()
