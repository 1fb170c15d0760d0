"""Many samples at once where nothing happens: the same sums as sample by sample, and so the same bits.

Most samples of a leg come at a fixed rate and tell of no event. `take_block` finds such a stretch, within
one bin, by branch-free sums that a compiler turns into vector instructions, and adds it to the state as
`step.take` would have done one by one. Where it is not sure it does nothing.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from recore.metrology.leg_pressure.state import (
    BIN_US,
    JUMP,
    LOW,
    NEVER,
    PER_MPA,
    RELEASE_FALL_US,
    RELEASE_LAG_US,
    RESEAT_US,
    RUN_US,
    SET,
    SETTING_US,
    YIELD_DROP,
    YIELD_REARM,
)
from recore.metrology.leg_pressure.step import begin_bin, carry, keep_final, octave

# fewer samples than this are not worth it, and more are taken in turns
LEAST, MOST = 4, 512
# fewer samples at a fixed rate than this are taken together with those that follow
_EVEN = 16
# looked ahead for a fixed rate: first, and at most
_AHEAD = 32, 4096
# steps of more different lengths (in octaves) than this are taken one by one
_OCTAVES = 4
# beyond this a pressure is a mistake, and sums might not fit
PLAUSIBLE = 160 * PER_MPA


def summary(p, i, j):
    """Lowest, highest, largest step, sum of absolute steps and sum of the pressures from i to j - 1.

    This is how the interpreter does it, on lists; see `summary_loop`.
    """
    part = p[i:j]
    steps = [abs(a - b) for a, b in zip(part[1:], part, strict=False)]
    return min(part), max(part), max(steps), sum(steps), sum(part)


def summary_loop(p, i, j):
    """`summary` for the compiler: 32 bits suffice for all that is not refused anyway.

    Loops over slices begin with 0, so that no index can be negative: else there are no vectors.
    """
    before = p[i : j - 1]
    after = p[i + 1 : j]
    low = p[i]
    high = p[i]
    total = int(p[i])
    largest = np.int32(0)
    wander = np.int32(0)
    for k in range(len(after)):
        x = after[k]
        step = np.int32(abs(np.int32(x - before[k])))
        low = min(low, x)
        high = max(high, x)
        largest = max(largest, step)
        wander = np.int32(wander + step)
        total += x
    return int(low), int(high), int(largest), int(wander), total


def fixed_rate(ts, i, n):
    """End of the samples from i on that come at a fixed rate.

    This is how the interpreter does it, on lists; see `steady_loop`.
    """
    step = ts[i + 1] - ts[i]
    if step <= 0:
        return i + 2
    ahead = _AHEAD[0]
    end = i + 2
    while end < n:
        to = min(end + ahead, n)
        if ts[end:to] != list(range(ts[end - 1] + step, ts[end - 1] + step * (to - end) + 1, step)):
            while ts[end] - ts[end - 1] == step:
                end += 1
            return end
        end = to
        ahead = min(4 * ahead, _AHEAD[1])
    return n


def steady_loop(ts, i, n):
    """`fixed_rate` for the compiler."""
    step = ts[i + 1] - ts[i]
    ahead = _AHEAD[0]
    end = i + 2
    while end < n:
        to = min(end + ahead, n)
        before = ts[end - 1 : to - 1]
        after = ts[end:to]
        uneven = 0
        for k in range(len(after)):
            uneven |= (after[k] - before[k]) ^ step
        if uneven != 0:
            while ts[end] - ts[end - 1] == step:
                end += 1
            return end
        end = to
        ahead = min(4 * ahead, _AHEAD[1])
    return n


def weights(ts, p, i, j):
    """Shortest and longest step of time [ticks] from i to j - 1, sum of the times from the first, and of
    the pressures and of their steps times the steps of time.

    This is how the interpreter does it, on lists; see `weights_loop`.
    """
    times, part = ts[i:j], p[i:j]
    steps = [a - b for a, b in zip(times[1:], times, strict=False)]
    area = sum((a + b) * step for a, b, step in zip(part[1:], part, steps, strict=False))
    tilt = sum((a - b) * step for a, b, step in zip(part[1:], part, steps, strict=False))
    return min(steps), max(steps), sum(times) - times[0] * len(times), area, tilt


def weights_loop(ts, p, i, j):
    """`weights` for the compiler: what does not fit into 32 bits is refused anyway."""
    times, times_before = ts[i + 1 : j], ts[i : j - 1]
    after, before = p[i + 1 : j], p[i : j - 1]
    first = ts[i]
    least = times[0] - first
    most = least
    since = 0
    area = 0
    tilt = 0
    for k in range(len(times)):
        step = times[k] - times_before[k]
        short = np.int32(step)
        least = min(least, step)
        most = max(most, step)
        since += times[k] - first
        area += int(np.int32(after[k] + before[k])) * int(short)
        tilt += int(np.int32(after[k] - before[k])) * int(short)
    return least, most, since, area, tilt


def longer(ts, tick, i, j, least):
    """How many steps of time from i to j - 1 are so long."""
    before, after = ts[i : j - 1], ts[i + 1 : j]
    found = 0
    for k in range(len(after)):
        found += 1 if (after[k] - before[k]) * tick >= least else 0
    return found


def equal_values(s, ts, p, tick, i, j):
    """Runs of equal samples in a block; none long enough to be told ends in it."""
    k = i
    while k < j and p[k] == s.p_prev:
        k += 1
    s.run_n += k - i
    if k < j:
        if s.leading == 1:
            s.leading = 0
            s.lead_to = ts[k - 1] * tick if k > i else s.t_prev
            s.lead_n = s.run_n
            s.lead_p = s.p_prev
        b = j - 1
        while b > k and p[b - 1] == p[j - 1]:
            b -= 1
        s.run_from = ts[b] * tick
        s.run_n = j - b


def final_of_block(s, c, ts, p, tick, i, j, least):
    """The last sample of a block that does not belong to a fall, as `step.watch_release` finds it.

    `least`: shortest step within the block, µs.
    """
    last = -1
    if least >= RELEASE_LAG_US[0] and s.t_ref == s.t_prev and ts[i] * tick - s.t_prev >= RELEASE_LAG_US[0]:
        for k in range(j - 1, i - 1, -1):
            before = int(p[k - 1]) if k > i else s.p_prev
            lag = ts[k] * tick - (ts[k - 1] * tick if k > i else s.t_prev)
            if (before - p[k]) * RELEASE_FALL_US < before * min(lag, RELEASE_LAG_US[1]):
                last = k
                break
        t_ref = ts[j - 1] * tick
        p_ref = int(p[j - 1])
    else:
        t_ref = s.t_ref
        p_ref = s.p_ref
        for k in range(i, j):
            lag = ts[k] * tick - t_ref
            if lag >= RELEASE_LAG_US[0]:
                if (p_ref - p[k]) * RELEASE_FALL_US < p_ref * min(lag, RELEASE_LAG_US[1]):
                    last = k
                t_ref = ts[k] * tick
                p_ref = int(p[k])
    s.t_ref = t_ref
    s.p_ref = p_ref
    if last >= 0:
        keep_final(s, c, ts[last] * tick, int(p[last]))


def take_block(s, c, ts, p, tick, i, steady, limits, law):
    """Take samples from i on as long as nothing happens; index of the first one not taken, and the end of
    those that are known to come at a fixed rate (`steady`)."""
    _, release_p, band_p, gap_us = limits
    n = len(ts)
    if i + LEAST > n or s.t_held != NEVER or s.phase < LOW:
        return i, steady
    t = ts[i] * tick
    x = int(p[i])
    jump = abs(x - s.p_prev)
    since = t - s.t_prev
    step = (ts[i + 1] - ts[i]) * tick
    if since <= 0 or since > gap_us or jump > JUMP or step <= 0 or step > gap_us:
        return i, steady
    until = t + BIN_US
    if s.phase >= SET:
        until = s.bin_end
        if t >= until:
            until = c.start + ((t - c.start) // BIN_US + 1) * BIN_US
    if i + 1 >= steady:
        steady = fixed_rate(ts, i, n)
    wanted = min(i + (until - t + step - 1) // step, n, i + MOST)
    j = min(wanted, steady)
    even = j == wanted or j - i >= _EVEN
    if not even:
        j = wanted
        while j > i and ts[j - 1] * tick >= until:
            j -= 1
        while j < n and j < i + MOST and ts[j] * tick < until:
            j += 1
    number = j - i
    if number < LEAST:
        return i, steady
    low, high, largest, wander, total = summary(p, i, j)
    if largest > JUMP or high > PLAUSIBLE or low < -PLAUSIBLE:
        return i, steady
    last = int(p[j - 1])
    if even:
        least, most = step, step
        times = step * (number * (number - 1) // 2)
        area = (2 * total - x - last) * step
        tilt = (last - x) * step
    else:
        least, most, times, area, tilt = weights(ts, p, i, j)
        least *= tick
        most *= tick
        times *= tick
        area *= tick
        tilt *= tick
        if least <= 0 or most > gap_us or most >= 2**31 or octave(most) - octave(least) > _OCTAVES:
            return i, steady
    end = ts[j - 1] * tick
    if end - s.run_from >= RUN_US and s.leading == 0 and (low < high or x != s.p_prev):
        return i, steady
    if s.phase == LOW:
        if high >= release_p or s.risen == 1:
            return i, steady
        s.low = min(s.low, low)
    else:
        if low < release_p or 5 * low < 3 * max(c.final, high):
            return i, steady
        if s.armed == 1:
            if max(s.extreme, high) - low > YIELD_DROP:
                return i, steady
        elif high >= band_p and high >= min(s.extreme, low) + YIELD_REARM:
            return i, steady
        if s.seeking == 1 and (
            low < s.trough
            or low <= s.fall - YIELD_REARM
            or high >= s.trough + YIELD_REARM
            or end - s.t_fall > RESEAT_US
        ):
            return i, steady
        if t - c.start <= SETTING_US:
            # a block lies within the first 30 s, or begins with their end
            c.setting = max(c.setting, high if end - c.start <= SETTING_US else x)
        if s.armed == 1:
            if high >= s.extreme:
                s.extreme = high
                k = j - 1
                while p[k] != high:
                    k -= 1
                s.t_extreme = ts[k] * tick
        else:
            s.extreme = min(s.extreme, low)
        if x >= band_p:
            s.quiet = 0
        if t >= s.bin_end:
            begin_bin(s, c, t, x, law, gap_us)
        if high >= band_p:
            s.quiet = 0
        carry(c.area, (s.p_prev + x) * since + area)
        carry(c.tilt, (x - s.p_prev) * since + tilt)
        s.bin_n += number
        s.bin_t += number * (t - c.start) + times
        s.bin_p += total
        s.bin_wander += wander + jump
        c.samples += number
        c.max = max(c.max, high)
        final_of_block(s, c, ts, p, tick, i, j, least)
    bits = octave(least)
    s.spacing[bits if since == least else octave(since)] += 1
    rest = number - 1
    while most >> (bits + 1) > 0:
        above = longer(ts, tick, i, j, 2 << bits)
        s.spacing[bits] += rest - above
        rest = above
        bits += 1
    s.spacing[bits] += rest
    equal_values(s, ts, p, tick, i, j)
    s.t_prev = end
    s.p_prev = last
    return j, steady


# what the compiler must know besides `take_block`
PARTS = (longer, take_block)
INLINED = (equal_values, final_of_block)
