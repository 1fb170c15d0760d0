"""What is known of a leg: constants of the method, the state of the machine and the records it writes.

Pressures are whole multiples of 10 Pa (`PER_MPA` to the megapascal), far below what a transducer resolves,
and times whole microseconds. Sums of whole numbers do not depend on their order, so a record may be cut
anywhere, and taken sample by sample or in blocks, and gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000  # time is in whole microseconds throughout
MINUTE = 60 * SECOND
NEVER = -(2**62)

PER_MPA = 100_000
LOWEST = -(2**40)  # below any pressure
# a pressure beyond this (5368 MPa) is stored as this; it has long been flagged by then
HIGHEST = 2**29
# so many pressures at once are made whole, so that they stay in the cache of the processor meanwhile
_CACHED = 2**13

SETTING_US = 30 * SECOND
YIELD_BAND = 0.98
YIELD_DROP = PER_MPA
# a reopening valve has seen at least half that drop come back (swing > 0.5 MPa: Sensors 23 (2023) 8853)
YIELD_REARM = PER_MPA // 2
# a valve that lets the pressure fall by less than that in a minute has reseated; the rest is a leak
RESEAT_US = MINUTE
# a leg that is let go falls by tens of per cent per second, a leaking one by less than 0.5 % of its pressure
RELEASE_FALL_US = 200 * SECOND
# judged over at least this time, and no longer one: what happened since an old sample happened just now
RELEASE_LAG_US = SECOND // 2, 10 * SECOND
# a release may pause on its way: well below (3/5) the last steady pressure, a hold shorter than this is part of it
RELEASE_HOLD_US = 3 * MINUTE
# a sample further than this from the one before and from the one after is an excursion of the sensor or the
# line; a roof does not give back 3 MPa in a sample, and no leg is released, advanced and set within that time
JUMP = 3 * PER_MPA
DROPOUT_US = 3 * SECOND
# in a slower record one far above two like neighbours of a set leg: a valve that opens does not load the leg anew
SPIKE_US = 15 * SECOND
# a sensor that says exactly the same for this long is worth a look
RUN_US = 5 * MINUTE

# a cycle is averaged over bins; its quiet part begins when the set leg has relaxed
BIN_US = 30 * SECOND
QUIET_BIN = 6
BINS = 2880
TAU_S = (60.0, 120.0, 240.0)
# the revised setting pressure is the mean over this stretch after the start
REVISED_US = 150 * SECOND, 180 * SECOND
# loading: the first phase ends with this bin, the last one has so many, and a slope wants so many
FIRST_BINS, LAST_BINS, SLOPE_BINS = 10, 10, 3

START, LOW, SET, PARTIAL = 0, 1, 2, 3
DONE, FULL, BACKWARDS, CONFLICT = 0, 1, 2, 3

# count of bins and sums of t (min), t², y, y², t·y; then per time constant of l, l², t·l, l·y
SUMS = 6 + 4 * len(TAU_S)
# an exact sum in two words: the upper one counts 2**40
WORD = 40
OCTAVES = 64

CYCLE = np.dtype(
    [
        ("start", "i8"),
        ("end", "i8"),
        ("last", "i8"),  # last sample of the set phase
        ("samples", "i8"),
        ("gaps", "i8"),
        ("gap_us", "i8"),  # time in gaps
        ("yields", "i8"),
        ("setting", "i8"),
        ("final", "i8"),
        ("max", "i8"),
        ("area", "i8", (2,)),  # twice the integral of the pressure, straight between samples; two words
        ("tilt", "i8", (2,)),  # what to take off it where each value holds until the next; two words
        ("wander", "i8"),  # sum of the absolute steps between the quiet samples
        ("steps", "i8"),  # and their number
        ("revised", "f8"),
        ("loading", "f8", (3,)),  # per minute
        ("sums", "f8", (SUMS,)),
        # the time released before it
        ("t_low", "i8"),  # since when; NEVER: not seen
        ("low", "i8"),
        ("rises", "i8"),  # rises through the release threshold that came to nothing
        ("inherits", "i8"),  # 1: the released time began before this stretch of the record
    ]
)
STATE = np.dtype(
    [
        # the leg
        ("phase", "i8"),
        ("t_prev", "i8"),
        ("p_prev", "i8"),
        ("t_held", "i8"),  # a sample far from the one before, not yet known to be an excursion
        ("p_held", "i8"),
        # the time released
        ("t_low", "i8"),
        ("low", "i8"),
        ("rises", "i8"),
        ("risen", "i8"),
        ("inherits", "i8"),
        # the cycle under way
        ("row", CYCLE),
        ("t_ref", "i8"),
        ("p_ref", "i8"),
        ("t_final", "i8"),
        # its yield valve
        ("yields", "i8"),
        ("armed", "i8"),
        ("extreme", "i8"),  # peak while armed, else trough
        ("t_extreme", "i8"),
        ("seeking", "i8"),  # 1 until the valve has reseated
        ("opening", "i8"),  # the last opening: peak and trough
        ("opened", "i8"),
        ("trough", "i8"),
        ("t_trough", "i8"),
        ("reseat", "i8"),  # the trough without the release
        ("reseated", "i8"),
        ("recovered", "i8"),
        ("fall", "i8"),
        ("t_fall", "i8"),
        # its bins
        ("quiet", "i8"),
        ("bin_k", "i8"),
        ("bin_end", "i8"),
        ("bin_n", "i8"),
        ("bin_t", "i8"),
        ("bin_p", "i8"),
        ("bin_wander", "i8"),
        ("done", "i8"),
        ("done_t", "f8"),
        ("done_p", "f8"),
        ("p_zero", "f8"),
        ("area_then", "f8"),
        ("first", "f8", (5,)),  # count and sums of t, t², y, t·y
        ("middle", "f8", (5,)),
        ("ring_t", "f8", (LAST_BINS + 1,)),
        ("ring_p", "f8", (LAST_BINS + 1,)),
        ("ring_n", "i8"),
        # the run of equal samples under way, and the one this stretch of the record began with
        ("run_from", "i8"),
        ("run_n", "i8"),
        ("leading", "i8"),  # 1: they are the same
        ("lead_to", "i8"),
        ("lead_n", "i8"),
        ("lead_p", "i8"),
        # counted so far
        ("gaps", "i8"),
        ("repeats", "i8"),
        ("dropouts", "i8"),
        ("partial", "i8"),
        ("outside", "i8"),
        ("spacing", "i8", (OCTAVES,)),  # steps by the bits of their length in µs
        ("grain", "i8"),  # smallest step between two samples of the set phase
    ]
)
COUNTED = ("gaps", "repeats", "dropouts", "partial", "outside", "spacing")
NO_GRAIN = 2**40

# a yield event of a complete cycle
EVENT = np.dtype([(name, "i8") for name in ("start", "opened", "reseated", "recovered", "opening", "reseat")])
# a run of samples of exactly the same value
RUN = np.dtype([(name, "i8") for name in ("start", "end", "value", "samples")])


class Limits(NamedTuple):
    """Thresholds as the kernel compares them (multiples of 10 Pa, µs)."""

    set_p: int
    release_p: int
    band_p: int
    gap_us: int

    @classmethod
    def of(cls, set_mpa: float, release_mpa: float, yield_mpa: float, gap_s: float) -> Limits:
        return cls(
            round(set_mpa * PER_MPA),
            round(release_mpa * PER_MPA),
            round(YIELD_BAND * yield_mpa * PER_MPA),
            round(gap_s * SECOND),
        )


def new_state(phase: int = START, t_us: int = NEVER, p: int = 0) -> NDArray[Any]:
    """State of a leg of which nothing is known (START), or that is released at `t_us` (LOW)."""
    state = np.zeros(1, STATE)
    state["phase"], state["t_prev"], state["p_prev"] = phase, t_us, p
    state["t_held"] = state["t_low"] = NEVER
    state["grain"] = NO_GRAIN
    if phase == LOW:
        state["low"], state["inherits"] = p, 1
        state["run_from"], state["run_n"], state["leading"] = t_us, 1, 1
    return state


@cache
def loading_law() -> NDArray[np.float64]:
    """ln(1 + t/τ) at the middle of each bin, one row per τ.

    A table made once by the interpreter: logarithms of different compilers differ in the last bit.
    """
    return np.array([[math.log1p((k + 0.5) * (BIN_US / SECOND) / tau) for k in range(BINS)] for tau in TAU_S])


def quantised(p: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
    """Pressures [MPa] as whole multiples of 10 Pa."""
    quanta = np.empty(len(p), np.int32)
    for begin in range(0, len(p), _CACHED):
        scaled: NDArray[np.float64] = np.multiply(p[begin : begin + _CACHED], PER_MPA, dtype=np.float64)
        np.rint(scaled, out=scaled)
        if scaled.max() > HIGHEST or scaled.min() < -HIGHEST:
            np.clip(scaled, -HIGHEST, HIGHEST, out=scaled)
        quanta[begin : begin + _CACHED] = scaled
    return quanta


def whole(pair: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums of two words [..., 2] as floating-point numbers, rounded once."""
    return np.asarray(pair[..., 0] * float(2**WORD) + pair[..., 1], np.float64)


def joined(pieces: Sequence[NDArray[Any]], kind: np.dtype[Any]) -> NDArray[Any]:
    """One array of records of several; unlike `concatenate` it need not reconcile their types field by field."""
    if len(pieces) == 1:
        return pieces[0]
    whole = np.empty(sum(map(len, pieces)), kind)
    at = 0
    for piece in pieces:
        whole[at : at + len(piece)] = piece
        at += len(piece)
    return whole
