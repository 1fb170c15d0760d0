"""Many bins at once of a set leg to which nothing happens: the same sums again, and so the same bits.

A set leg rests for most of its time. `take_calm` looks at a whole chunk of samples first, in branch-free loops
that a compiler turns into vector instructions, and asks whether any of them could be an event. If none can, all
that is left to do is to close one bin after the other as `step.begin_bin` does. Where it is not sure it does
nothing, and `block.take_block` looks closer.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from recore.metrology.leg_pressure.block import PLAUSIBLE, equal_values, final_of_block
from recore.metrology.leg_pressure.state import (
    BIN_US,
    JUMP,
    MINUTE,
    QUIET_BIN,
    RUN_US,
    SET,
    YIELD_DROP,
    YIELD_REARM,
)
from recore.metrology.leg_pressure.step import begin_bin, carry, octave

# samples that are looked at together: at least, and at most; and that are taken together at most
_LOOK, _MOST = (8, 128), 2048
# of a bin no more than fit into 32 bits together
_MOST_OF_BIN = 120
# samples further apart than this are taken otherwise, so that exact sums fit into one word
_LONGEST_STEP = 2 * MINUTE


def bounds(p, i, j, before):
    """Lowest and highest of the pressures from i to j - 1, and the largest step to one, the first from `before`.

    This is how the interpreter does it, on lists; see `bounds_loop`.
    """
    part = p[i:j]
    return min(part), max(part), max(abs(a - b) for a, b in zip(part, [before, *part[:-1]], strict=True))


def bounds_loop(p, i, j, before):
    """`bounds` for the compiler. Loops over slices begin with 0, so that no index can be negative."""
    first = p[i : j - 1]
    after = p[i + 1 : j]
    low = p[i]
    high = p[i]
    largest = np.int32(min(abs(int(p[i]) - before), PLAUSIBLE))
    for k in range(len(after)):
        x = after[k]
        low = min(low, x)
        high = max(high, x)
        largest = max(largest, np.int32(abs(np.int32(x - first[k]))))
    return int(low), int(high), int(largest)


def sums(p, i, j, before):
    """Sum of the pressures from i to j - 1, and of the absolute steps to them, the first one from `before`.

    This is how the interpreter does it, on lists; see `sums_loop`.
    """
    part = p[i:j]
    return sum(part), sum(abs(a - b) for a, b in zip(part, [before, *part[:-1]], strict=True))


def sums_loop(p, i, j, before):
    """`sums` for the compiler: 32 bits suffice for the few samples of a bin."""
    part = p[i:j]
    total = np.int32(0)
    wander = np.int32(0)
    last = np.int32(before)
    for k in range(len(part)):
        x = part[k]
        total = np.int32(total + x)
        wander = np.int32(wander + np.int32(abs(np.int32(x - last))))
        last = x
    return int(total), int(wander)


def nothing_until(s, c, p, i, end, look, limits):
    """End of the samples from i on, look after look, among which none is an event; their lowest and highest.

    A run of equal samples that is long enough to be told fills at least one look.
    """
    release_p, band_p = limits[1], limits[2]
    armed = s.armed == 1
    floor = max(release_p, (3 * c.final + 4) // 5)
    ceiling = PLAUSIBLE
    if s.quiet == 1:
        ceiling = band_p - 1
    low = s.p_prev
    high = s.p_prev
    j = i
    while j < end:
        to = min(j + look, end)
        lower, higher, largest = bounds(p, j, to, s.p_prev if j == i else int(p[j - 1]))
        if lower == higher and to - j == look:
            break
        lower = min(low, lower)
        higher = max(high, higher)
        if lower < floor or higher > ceiling or largest > JUMP or 5 * lower < 3 * higher:
            break
        if armed:
            if max(s.extreme, higher) - lower > YIELD_DROP:
                break
        elif higher >= band_p and higher >= min(s.extreme, lower) + YIELD_REARM:
            break
        low, high, j = lower, higher, to
    return j, low, high


def take_calm(s, c, ts, p, tick, i, steady, limits, law):
    """Take samples from i on as long as nothing happens; index of the first one not taken.

    steady : end of the samples that are known to come at a fixed rate, from i on
    """
    gap_us = limits[3]
    if s.phase < SET or s.seeking == 1 or s.bin_k < QUIET_BIN or i + _LOOK[0] > steady:
        return i
    step = (ts[i + 1] - ts[i]) * tick
    if step <= 0 or ts[i] * tick - s.t_prev != step or step > min(gap_us, _LONGEST_STEP):
        return i
    if BIN_US // step >= _MOST_OF_BIN:
        return i
    look = min(_LOOK[1], RUN_US // step // 2)
    if look < _LOOK[0] or (s.leading == 0 and s.t_prev - s.run_from >= RUN_US - look * step):
        return i
    j, low, high = nothing_until(s, c, p, i, min(steady, i + _MOST), look, limits)
    if j - i < _LOOK[0]:
        return i
    before = s.p_prev
    total = 0
    k = i
    while k < j:
        moment = ts[k] * tick
        if moment >= s.bin_end:
            begin_bin(s, c, moment, int(p[k]), law, gap_us)
        m = min(j, k + (s.bin_end - moment + step - 1) // step)
        number = m - k
        pressure, wander = sums(p, k, m, s.p_prev)
        s.bin_n += number
        s.bin_t += number * (moment - c.start) + step * (number * (number - 1) // 2)
        s.bin_p += pressure
        s.bin_wander += wander
        total += pressure
        s.p_prev = int(p[m - 1])
        k = m
    last = s.p_prev
    s.p_prev = before
    carry(c.area, (2 * total + before - last) * step)
    carry(c.tilt, (last - before) * step)
    c.samples += j - i
    c.max = max(c.max, high)
    if s.armed == 1:
        if high >= s.extreme:
            s.extreme = high
            k = j - 1
            while k >= i and p[k] != high:
                k -= 1
            if k >= i:
                s.t_extreme = ts[k] * tick
    else:
        s.extreme = min(s.extreme, low)
    final_of_block(s, c, ts, p, tick, i, j, step)
    s.spacing[octave(step)] += j - i
    equal_values(s, ts, p, tick, i, j)
    s.t_prev = ts[j - 1] * tick
    s.p_prev = last
    return j


# what the compiler must know besides `take_calm`
PARTS = (nothing_until, take_calm)
