"""One pass over the pressure of one leg: load cycles, yield events and the sums of the leak fit.

`advance` is a plain Python function that numba compiles. Without the compiler the same source runs
in the interpreter, so both give the same bits: every sum is sequential and nothing is fused or
reordered. All there is to know about a leg so far is one `STATE` record, so a log may be cut anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000  # time is in whole microseconds throughout
MINUTE = 60 * SECOND
NEVER = -(2**62)

SETTING_US = 30 * SECOND
YIELD_BAND = 0.98
YIELD_DROP_MPA = 1.0
# a reopening valve has seen at least half that drop come back (swing > 0.5 MPa: Sensors 23 (2023) 8853)
YIELD_REARM_MPA = 0.5
# a leg that is let go falls by tens of per cent per second, a leaking one by less than this share
RELEASE_SHARE_PER_S = 0.005
RELEASE_LAG_US = SECOND // 2
# a release may pause on its way: well below the last steady pressure, a hold shorter than this is part of it
RELEASE_DEPTH = 0.6
RELEASE_HOLD_US = 3 * MINUTE
# no leg is released, advanced and set again within this time
DROPOUT_US = 3 * SECOND
# 39.2 stored in single precision still counts as 39.2
STORAGE_MPA = 1e-5

# the quiet part of a cycle is averaged over bins; it begins when the set leg has relaxed
QUIET_AFTER_US = 3 * MINUTE
BIN_US = 30 * SECOND
BINS = 2880
TAU_S = (60.0, 120.0, 240.0)

START, LOW, SET, PARTIAL = 0, 1, 2, 3
DONE, FULL, BACKWARDS, CONFLICT = 0, 1, 2, 3

# count of bins and sums of t (min), t², y, y², t·y; then per time constant of l, l², t·l, l·y
SUMS = 6 + 4 * len(TAU_S)

CYCLE = np.dtype(
    [
        ("start", "i8"),
        ("end", "i8"),
        ("last", "i8"),  # last sample of the set phase
        ("samples", "i8"),
        ("gaps", "i8"),
        ("yields", "i8"),
        ("setting", "f8"),
        ("final", "f8"),
        ("max", "f8"),
        ("area", "f8"),  # twice the integral of the pressure, MPa·µs
        ("wander", "f8"),  # sum of the absolute steps between the quiet samples
        ("steps", "i8"),  # and their number
        ("sums", "f8", (SUMS,)),
    ]
)
STATE = np.dtype(
    [
        # the leg
        ("phase", "i8"),
        ("t_prev", "i8"),
        ("p_prev", "f8"),
        ("t_held", "i8"),  # a negative sample in the set phase, not yet known to be a fault or a release
        ("p_held", "f8"),
        # the cycle under way
        ("row", CYCLE),
        ("settling", "i8"),
        ("yields", "i8"),
        ("armed", "i8"),
        ("extreme", "f8"),  # peak while armed, else trough
        ("t_ref", "i8"),
        ("p_ref", "f8"),
        ("t_final", "i8"),
        ("quiet", "i8"),
        ("bin_k", "i8"),
        ("bin_end", "i8"),
        ("bin_n", "i8"),
        ("bin_t", "i8"),
        ("bin_p", "f8"),
        ("bin_wander", "f8"),
        ("done", "i8"),
        ("done_t", "f8"),
        ("done_p", "f8"),
        ("p_zero", "f8"),
        # counted so far
        ("gaps", "i8"),
        ("repeats", "i8"),
        ("dropouts", "i8"),
        ("partial", "i8"),
        ("outside", "i8"),
        ("grain", "f8"),  # smallest step between two samples of the set phase
    ]
)
COUNTED = ("gaps", "repeats", "dropouts", "partial", "outside")


class Limits(NamedTuple):
    """Thresholds as the kernel compares them (MPa, µs)."""

    set_mpa: float
    release_mpa: float
    band_mpa: float
    gap_us: int

    @classmethod
    def of(cls, set_mpa: float, release_mpa: float, yield_mpa: float, gap_s: float) -> Limits:
        return cls(
            set_mpa - STORAGE_MPA,
            release_mpa - STORAGE_MPA,
            YIELD_BAND * yield_mpa - STORAGE_MPA,
            round(gap_s * SECOND),
        )


def new_state(phase: int = START, t_us: int = NEVER, p_mpa: float = 0.0) -> NDArray[Any]:
    """State of a leg of which nothing is known (START), or that is released at `t_us` (LOW)."""
    state = np.zeros(1, STATE)
    state["phase"], state["t_prev"], state["p_prev"] = phase, t_us, p_mpa
    state["t_held"], state["grain"] = NEVER, math.inf
    return state


@cache
def loading_law() -> NDArray[np.float64]:
    """ln(1 + t/τ) at the middle of each bin, one row per τ.

    A table made once by the interpreter: logarithms of different compilers differ in the last bit.
    """
    return np.array([[math.log1p((k + 0.5) * (BIN_US / SECOND) / tau) for k in range(BINS)] for tau in TAU_S])


def advance(ts, p, tick, first, state, rows, limits, law):  # type: ignore[no-untyped-def]
    """Carry the state of a leg over its next samples.

    Parameters
    ----------
    ts : times in ticks, int64, n
    p : pressures, MPa, float32 or float64, n; finite
    tick : µs per tick
    first : index of the first sample to read
    state : array of one `STATE` record, updated in place
    rows : array of `CYCLE` records, filled from the front with the cycles completed here
    limits : `Limits`
    law : `loading_law()`

    Returns
    -------
    index of the first sample not read, number of cycles written, and why it stopped:
    DONE, FULL (`rows`), BACKWARDS (time) or CONFLICT (two pressures at one time)
    """
    set_mpa, release_mpa, band_mpa, gap_us = limits
    s = state[0]
    c = s["row"]
    sums = c["sums"]

    phase = int(s["phase"])
    t_prev = int(s["t_prev"])
    p_prev = float(s["p_prev"])
    t_held = int(s["t_held"])
    p_held = float(s["p_held"])
    start = int(c["start"])
    samples = int(c["samples"])
    cycle_gaps = int(c["gaps"])
    final_yields = int(c["yields"])
    setting = float(c["setting"])
    final = float(c["final"])
    highest = float(c["max"])
    area = float(c["area"])
    wander = float(c["wander"])
    steps = int(c["steps"])
    quiet = int(s["quiet"])
    settling = int(s["settling"])
    yields = int(s["yields"])
    armed = int(s["armed"])
    extreme = float(s["extreme"])
    t_ref = int(s["t_ref"])
    p_ref = float(s["p_ref"])
    t_final = int(s["t_final"])
    bin_k = int(s["bin_k"])
    bin_end = int(s["bin_end"])
    bin_n = int(s["bin_n"])
    bin_t = int(s["bin_t"])
    bin_p = float(s["bin_p"])
    bin_wander = float(s["bin_wander"])
    done = int(s["done"])
    done_t = float(s["done_t"])
    done_p = float(s["done_p"])
    p_zero = float(s["p_zero"])
    gaps = int(s["gaps"])
    repeats = int(s["repeats"])
    dropouts = int(s["dropouts"])
    partial = int(s["partial"])
    outside = int(s["outside"])
    grain = float(s["grain"])

    why = DONE
    filled = 0
    n = len(ts)
    i = first
    while i < n:
        t = ts[i] * tick
        x = p[i] * 1.0  # in double precision from here on
        end = NEVER
        if t_held != NEVER:
            if t < t_held:
                why = BACKWARDS
                break
            if t == t_held:
                if x == p_held:
                    repeats += 1
                    i += 1
                    continue
                why = CONFLICT
                break
            if x >= release_mpa and t - t_held <= DROPOUT_US:
                dropouts += 1
                t_held = NEVER
            else:
                end = t_held
        step = t - t_prev
        if step <= 0:
            if step < 0:
                why = BACKWARDS
                break
            if x == p_prev:
                repeats += 1
                i += 1
                continue
            why = CONFLICT
            break

        if phase >= SET and end == NEVER and x < release_mpa:
            if x < 0.0:
                t_held = t
                p_held = x
                i += 1
                continue
            end = t
        if end != NEVER:
            if phase == PARTIAL:
                outside += final_yields
            else:
                if filled == len(rows):
                    why = FULL
                    break
                row = rows[filled]
                row["start"] = start
                row["end"] = end
                row["last"] = t_prev
                row["samples"] = samples
                row["gaps"] = cycle_gaps + (1 if end - t_prev > gap_us else 0)
                row["yields"] = final_yields
                row["setting"] = setting
                row["final"] = final
                row["max"] = highest
                row["area"] = area
                row["wander"] = wander
                row["steps"] = steps
                out = row["sums"]
                for j in range(SUMS):
                    out[j] = sums[j]
                filled += 1
            phase = LOW
            if end - t_prev > gap_us:
                gaps += 1
            t_prev = end
            p_prev = p_held if t_held != NEVER else x
            t_held = NEVER
            if end == t:
                i += 1
                continue
            step = t - t_prev

        if step > gap_us and phase != START:
            gaps += 1
            cycle_gaps += 1
        if phase <= LOW:
            if x >= set_mpa:
                if phase == START:
                    phase = PARTIAL
                    partial += 1
                else:
                    phase = SET
                start = t
                samples = 1
                cycle_gaps = 0
                yields = 0
                final_yields = 0
                setting = x
                final = x
                highest = x
                area = 0.0
                wander = 0.0
                steps = 0
                quiet = 1
                settling = 1
                armed = 1 if x >= band_mpa else 0
                extreme = x if x >= band_mpa else -math.inf
                t_ref = t
                p_ref = x
                t_final = t
                bin_k = -1
                bin_end = t + QUIET_AFTER_US
                bin_n = 0
                bin_t = 0
                bin_p = 0.0
                bin_wander = 0.0
                done = -1
                for j in range(SUMS):
                    sums[j] = 0.0
            else:
                phase = LOW
            t_prev = t
            p_prev = x
            i += 1
            continue

        # events of this sample; each is idempotent, so a log cut here gives the same
        if settling == 1:
            if t - start <= SETTING_US:
                if x > setting:
                    setting = x
            else:
                settling = 0
        if settling == 1 or t >= bin_end:
            change = abs(x - p_prev)
            if 0.0 < change < grain:
                grain = change
        if armed == 1:
            if x > extreme:
                extreme = x
            elif x < extreme - (YIELD_DROP_MPA + STORAGE_MPA):
                yields += 1
                armed = 0
                extreme = x
        elif x < extreme:
            extreme = x
        elif x >= band_mpa and x >= extreme + YIELD_REARM_MPA:
            armed = 1
            extreme = x
        if x >= band_mpa:
            quiet = 0  # for the rest of the cycle: the yield valve may open
        if t >= bin_end:
            if quiet == 1 and bin_k >= 0:
                # one bin late, so that the release never counts
                if done >= 0:
                    if sums[0] == 0.0:
                        p_zero = done_p
                    y = done_p - p_zero
                    sums[0] += 1.0
                    sums[1] += done_t
                    sums[2] += done_t * done_t
                    sums[3] += y
                    sums[4] += y * y
                    sums[5] += done_t * y
                    for j in range(len(TAU_S)):
                        loading = law[j, done]
                        sums[6 + 4 * j] += loading
                        sums[7 + 4 * j] += loading * loading
                        sums[8 + 4 * j] += done_t * loading
                        sums[9 + 4 * j] += loading * y
                done = bin_k
                done_t = bin_t / (bin_n * 6e7)
                done_p = bin_p / bin_n
                wander += bin_wander
                steps += bin_n
            bin_k = (t - start) // BIN_US
            bin_end = start + (bin_k + 1) * BIN_US
            if bin_k >= BINS:
                quiet = 0
            bin_n = 0
            bin_t = 0
            bin_p = 0.0
            bin_wander = 0.0

        # this sample and all that follow it without an event
        if armed == 1:
            low = max(extreme - YIELD_DROP_MPA, release_mpa)
            high = extreme
        else:
            low = max(extreme, release_mpa)
            high = max(band_mpa, extreme + YIELD_REARM_MPA) if quiet == 0 else band_mpa
        until = start if settling == 1 else bin_end
        before = i
        while True:
            elapsed = float(step)
            area += (p_prev + x) * elapsed
            bin_wander += abs(x - p_prev)
            bin_p += x
            bin_t += t - start
            if x > highest:
                highest = x
            lag = t - t_ref
            if lag >= RELEASE_LAG_US:
                steady = (p_ref - x) * (SECOND / RELEASE_SHARE_PER_S) < p_ref * float(lag)
                if steady and (x >= RELEASE_DEPTH * final or t - t_final > RELEASE_HOLD_US):
                    final = x
                    final_yields = yields
                    t_final = t
                t_ref = t
                p_ref = x
            t_prev = t
            p_prev = x
            i += 1
            if i == n:
                break
            t = ts[i] * tick
            x = p[i] * 1.0
            step = t - t_prev
            if step <= 0 or step > gap_us or t >= until or x < low or x >= high:
                break
        samples += i - before
        bin_n += i - before

    s["phase"] = phase
    s["t_prev"] = t_prev
    s["p_prev"] = p_prev
    s["t_held"] = t_held
    s["p_held"] = p_held
    c["start"] = start
    c["samples"] = samples
    c["gaps"] = cycle_gaps
    c["yields"] = final_yields
    c["setting"] = setting
    c["final"] = final
    c["max"] = highest
    c["area"] = area
    c["wander"] = wander
    c["steps"] = steps
    s["quiet"] = quiet
    s["settling"] = settling
    s["yields"] = yields
    s["armed"] = armed
    s["extreme"] = extreme
    s["t_ref"] = t_ref
    s["p_ref"] = p_ref
    s["t_final"] = t_final
    s["bin_k"] = bin_k
    s["bin_end"] = bin_end
    s["bin_n"] = bin_n
    s["bin_t"] = bin_t
    s["bin_p"] = bin_p
    s["bin_wander"] = bin_wander
    s["done"] = done
    s["done_t"] = done_t
    s["done_p"] = done_p
    s["p_zero"] = p_zero
    s["gaps"] = gaps
    s["repeats"] = repeats
    s["dropouts"] = dropouts
    s["partial"] = partial
    s["outside"] = outside
    s["grain"] = grain
    return i, filled, why


@cache
def compiled(single: bool = False) -> Callable[..., tuple[int, int, int]] | None:
    """`advance` as machine code, for pressures in single or double precision; None without a compiler."""
    try:
        import numba
    except ImportError:
        return None
    # one signature that any array fits, also a read-only one, so that nothing is compiled twice
    ticks, numbers = np.zeros(1, np.int64), np.zeros(1, np.float32 if single else np.float64)
    numbers.flags.writeable = ticks.flags.writeable = False
    given = (ticks, numbers, 1, 0, new_state(), np.zeros(1, CYCLE), Limits(0.0, 0.0, 0.0, 0), loading_law())
    typeof: Callable[[Any], Any] = numba.typeof
    signature = tuple(typeof(value) for value in given)
    kernel: Callable[..., tuple[int, int, int]] = numba.njit(signature, cache=True, nogil=True)(advance)
    return kernel
