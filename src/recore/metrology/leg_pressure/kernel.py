"""One pass over the pressure of one leg: load cycles, yield events, equal runs and the sums of all metrics.

`advance` is a plain Python function that numba compiles, with the functions it calls (`step`). Without the
compiler the same source runs in the interpreter, and both give the same bits: pressures and times are
whole numbers, and what is not is summed bin by bin, one after the other. All there is to know about a
leg so far is one `STATE` record, so a log may be cut anywhere.
"""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from recore.metrology.leg_pressure import block as blocks
from recore.metrology.leg_pressure import calm as calms
from recore.metrology.leg_pressure import step as steps
from recore.metrology.leg_pressure.block import fixed_rate, take_block
from recore.metrology.leg_pressure.calm import take_calm
from recore.metrology.leg_pressure.state import (
    BACKWARDS,
    CONFLICT,
    COUNTED,
    CYCLE,
    DONE,
    DROPOUT_US,
    EVENT,
    FULL,
    JUMP,
    LOW,
    NEVER,
    NO_GRAIN,
    PER_MPA,
    RUN,
    RUN_US,
    SECOND,
    SET,
    SPIKE_US,
    START,
    STATE,
    YIELD_BAND,
    Limits,
    joined,
    loading_law,
    new_state,
    quantised,
)
from recore.metrology.leg_pressure.step import take

__all__ = [
    "BACKWARDS",
    "CONFLICT",
    "COUNTED",
    "CYCLE",
    "DONE",
    "DROPOUT_US",
    "EVENT",
    "FULL",
    "JUMP",
    "LOW",
    "NEVER",
    "NO_GRAIN",
    "PER_MPA",
    "RUN",
    "RUN_US",
    "SECOND",
    "SET",
    "STATE",
    "YIELD_BAND",
    "Limits",
    "advance",
    "compiled",
    "interpreted",
    "joined",
    "loading_law",
    "new_state",
    "quantised",
]  # fmt: skip

# samples taken one by one after an event, before the next block is tried
PATIENCE = 8
# samples taken in blocks after an event came up, before it is thought to be over
RESTLESS = 64


def returned(before, held, after):  # type: ignore[no-untyped-def]
    """Whether a sample is an excursion: far from both neighbours, and at least half of the way back."""
    if held < before:
        return after - held > JUMP and 2 * (after - held) >= before - held
    return held - after > JUMP and 2 * (held - after) >= held - before


def spiked(before, held, after, set_p):  # type: ignore[no-untyped-def]
    """Whether a sample stands alone, far above its neighbours, which are alike and those of a set leg."""
    return min(before, after) >= set_p and held - max(before, after) > JUMP and abs(after - before) <= JUMP


def advance(ts, p, tick, first, flush, state, rows, events, runs, count, limits, law):  # type: ignore[no-untyped-def]
    """Carry the state of a leg over its next samples.

    Parameters
    ----------
    ts : times in ticks, int64, n
    p : pressures, multiples of 10 Pa, int32, n
    tick : µs per tick
    first : index of the first sample to read
    flush : 1 where the last sample is known to be no excursion, or the record ends with it
    state : array of one `STATE` record, updated in place
    rows, events, runs : arrays of `CYCLE`, `EVENT` and `RUN` records, filled from the front
    count : how many of each were written, int64, 3
    limits : `Limits`
    law : `loading_law()`

    Returns
    -------
    index of the first sample not read, and why it stopped: DONE, FULL (one of the arrays), BACKWARDS (time)
    or CONFLICT (two pressures at one time)
    """
    s = state[0]
    c = s.row
    gap_us = limits[3]
    n = len(ts)
    i = first
    again = first  # where to look for the next block
    calm = first  # and for many of them
    steady = first  # end of the samples known to come at a fixed rate
    while True:
        if count[0] >= len(rows) or count[1] + 2 > len(events) or count[2] + 2 > len(runs):
            return i, FULL
        held = s.t_held != NEVER
        if i == n:
            if not held or flush == 0:
                return i, DONE
            take(s, c, s.t_held, s.p_held, limits, law, rows, events, runs, count)
            s.t_held = NEVER
            continue
        if i >= again:
            if i >= calm and s.phase >= SET and s.t_held == NEVER and i + 1 < n:
                if i + 1 >= steady:
                    steady = fixed_rate(ts, i, n)
                after = take_calm(s, c, ts, p, tick, i, steady, limits, law)
                if after > i:
                    i = after
                    continue
                calm = i + RESTLESS
            after, steady = take_block(s, c, ts, p, tick, i, steady, limits, law)
            if after > i:
                i = after
                continue
            again = i + PATIENCE
        t = ts[i] * tick
        x = int(p[i])
        step = t - (s.t_held if held else s.t_prev)
        if step <= 0:
            if step < 0:
                return i, BACKWARDS
            if x != (s.p_held if held else s.p_prev):
                return i, CONFLICT
            s.repeats += 1
            i += 1
            continue
        if held:
            if (step <= DROPOUT_US and returned(s.p_prev, s.p_held, x)) or (
                step <= SPIKE_US and spiked(s.p_prev, s.p_held, x, limits[0])
            ):
                s.dropouts += 1
            else:
                take(s, c, s.t_held, s.p_held, limits, law, rows, events, runs, count)
            s.t_held = NEVER
            continue
        if s.phase != START and abs(x - s.p_prev) > JUMP and step <= gap_us:
            s.t_held = t
            s.p_held = x
        else:
            take(s, c, t, x, limits, law, rows, events, runs, count)
        i += 1


def interpreted(  # type: ignore[no-untyped-def]
    ts, p, tick, first, flush, state, rows, events, runs, count, limits, law
) -> tuple[int, int]:
    """`advance` in the interpreter, on plain objects."""
    fields = _loaded(state[0])
    written: list[int] = [0, 0, 0]
    i, why = advance(
        ts[first:].tolist(),
        p[first:].tolist(),
        tick,
        0,
        flush,
        [fields],
        rows,
        events,
        runs,
        written,
        tuple(limits),
        law,
    )
    _stored(fields, state[0])
    count[:] = written
    return first + i, why


def _loaded(record: Any) -> SimpleNamespace:
    values = {}
    for name in record.dtype.names:
        value = record[name]
        values[name] = _loaded(value) if name == "row" else value.tolist()
    return SimpleNamespace(**values)


def _stored(fields: SimpleNamespace, record: Any) -> None:
    for name, value in vars(fields).items():
        if name == "row":
            _stored(value, record[name])
        else:
            record[name] = value


@cache
def compiled() -> Callable[..., tuple[int, int]] | None:
    """`advance` as machine code; None without a compiler."""
    try:
        import numba
        from numba.extending import overload, register_jitable
    except ImportError:
        return None
    for part in (*steps.PARTS, *blocks.PARTS, *calms.PARTS, returned, spiked):
        register_jitable(part)
    # in the middle of the hot path, where handing arrays on costs as much as the sums
    for part in blocks.INLINED:
        register_jitable(inline="always")(part)
    overload(blocks.summary)(lambda p, i, j: blocks.summary_loop)
    overload(blocks.weights)(lambda ts, p, i, j: blocks.weights_loop)
    overload(blocks.fixed_rate)(lambda ts, i, n: blocks.steady_loop)
    overload(calms.bounds)(lambda p, i, j, before: calms.bounds_loop)
    overload(calms.sums)(lambda p, i, j, before: calms.sums_loop)
    # one signature that any array fits, also a read-only one, so that nothing is compiled twice
    ts, p = np.zeros(1, np.int64), np.zeros(1, np.int32)
    ts.flags.writeable = p.flags.writeable = False
    rows, events, runs = (np.zeros(1, kind) for kind in (CYCLE, EVENT, RUN))
    count, limits = np.zeros(3, np.int64), tuple(Limits(0, 0, 0, 0))
    given = (ts, p, 1, 0, 0, new_state(), rows, events, runs, count, limits, loading_law())
    typeof: Callable[[Any], Any] = numba.typeof
    signature = tuple(typeof(value) for value in given)
    # nothing is allocated in the kernel: counting references to its arrays would triple the time of a sample
    njit: Any = numba.njit
    kernel: Callable[..., tuple[int, int]] = njit(
        signature, cache=True, nogil=True, error_model="numpy", boundscheck=False, _nrt=False
    )(advance)
    return kernel
