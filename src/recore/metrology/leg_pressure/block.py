"""Many samples at once where nothing happens: the same sums as sample by sample, and so the same bits.

Most samples of a leg come at a fixed rate and tell of no event. `take_block` finds such a stretch, within
one bin, by branch-free sums that a compiler turns into vector instructions, and adds it to the state as
`step.take` would have done one by one. Where it is not sure it does nothing.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from recore.metrology.leg_pressure.state import (
    BIN_US,
    JUMP,
    LOW,
    NEVER,
    PER_MPA,
    RELEASE_FALL_US,
    RELEASE_LAG_US,
    RUN_US,
    SET,
    SETTING_US,
    YIELD_DROP,
    YIELD_REARM,
)
from recore.metrology.leg_pressure.step import begin_bin, carry, keep_final, octave

# fewer samples than this are not worth it, and more are taken in turns
LEAST, MOST = 4, 4096
# beyond this a pressure is a mistake, and sums might not fit
_PLAUSIBLE = 160 * PER_MPA


def summary(ts, p, i, j):
    """Lowest, highest, largest step, sum of absolute steps and sum of the pressures from i to j - 1, and
    whether the time step is the same throughout.

    This is how the interpreter does it, on lists; see `summary_loop`.
    """
    part, times = p[i:j], ts[i:j]
    steps = [abs(a - b) for a, b in zip(part[1:], part, strict=False)]
    even = times == list(range(times[0], times[0] + (times[1] - times[0]) * (j - i), times[1] - times[0]))
    return min(part), max(part), max(steps), sum(steps), sum(part), even


def summary_loop(ts, p, i, j):
    """`summary` for the compiler."""
    part = p[i:j]
    times = ts[i:j]
    low = part[0]
    high = part[0]
    total = int(part[0])
    largest = 0
    wander = 0
    for k in range(1, len(part)):
        x = part[k]
        step = abs(int(x) - int(part[k - 1]))
        low = min(low, x)
        high = max(high, x)
        largest = max(largest, step)
        wander += step
        total += x
    uneven = 0
    even = times[1] - times[0]
    for k in range(1, len(times)):
        uneven |= (times[k] - times[k - 1]) ^ even
    return int(low), int(high), largest, wander, total, uneven == 0


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


def final_of_block(s, c, ts, p, tick, i, j, step):
    """The last sample of a block that does not belong to a fall, as `step.watch_release` finds it."""
    if step >= RELEASE_LAG_US[0] and s.t_ref == s.t_prev and ts[i] * tick - s.t_prev >= RELEASE_LAG_US[0]:
        for k in range(j - 1, i - 1, -1):
            before = int(p[k - 1]) if k > i else s.p_prev
            lag = step if k > i else ts[i] * tick - s.t_prev
            if (before - p[k]) * RELEASE_FALL_US < before * min(lag, RELEASE_LAG_US[1]):
                keep_final(s, c, ts[k] * tick, int(p[k]))
                break
        s.t_ref = ts[j - 1] * tick
        s.p_ref = int(p[j - 1])
    else:
        last = -1
        for k in range(i, j):
            lag = ts[k] * tick - s.t_ref
            if lag >= RELEASE_LAG_US[0]:
                if (s.p_ref - p[k]) * RELEASE_FALL_US < s.p_ref * min(lag, RELEASE_LAG_US[1]):
                    last = k
                s.t_ref = ts[k] * tick
                s.p_ref = int(p[k])
        if last >= 0:
            keep_final(s, c, ts[last] * tick, int(p[last]))


def take_block(s, c, ts, p, tick, i, limits, law):
    """Take samples from i on as long as nothing happens; index of the first one not taken."""
    _, release_p, band_p, gap_us = limits
    n = len(ts)
    if i + LEAST > n or s.t_held != NEVER or s.phase < LOW or s.seeking == 1:
        return i
    t = ts[i] * tick
    x = int(p[i])
    jump = abs(x - s.p_prev)
    since = t - s.t_prev
    step = (ts[i + 1] - ts[i]) * tick
    if since <= 0 or since > gap_us or jump > JUMP or step <= 0 or step > gap_us:
        return i
    until = t + BIN_US
    if s.phase >= SET:
        until = s.bin_end
        if t >= until:
            until = c.start + ((t - c.start) // BIN_US + 1) * BIN_US
    j = min(i + (until - t + step - 1) // step, n, i + MOST)
    if j - i < LEAST:
        return i
    low, high, largest, wander, total, even = summary(ts, p, i, j)
    if not even or largest > JUMP or high > _PLAUSIBLE or low < -_PLAUSIBLE:
        return i
    end = ts[j - 1] * tick
    if end - s.run_from >= RUN_US and s.leading == 0 and (low < high or x != s.p_prev):
        return i
    last = int(p[j - 1])
    if s.phase == LOW:
        if high >= release_p or s.risen == 1:
            return i
        s.low = min(s.low, low)
    else:
        if low < release_p or 5 * low < 3 * max(c.final, high):
            return i
        if s.armed == 1:
            if max(s.extreme, high) - low > YIELD_DROP:
                return i
        elif high >= band_p and high >= min(s.extreme, low) + YIELD_REARM:
            return i
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
        number = j - i
        carry(c.area, (s.p_prev + x) * since + (2 * total - x - last) * step)
        carry(c.tilt, (x - s.p_prev) * since + (last - x) * step)
        s.bin_n += number
        s.bin_t += number * (t - c.start) + step * (number * (number - 1) // 2)
        s.bin_p += total
        s.bin_wander += wander + jump
        c.samples += number
        c.max = max(c.max, high)
        final_of_block(s, c, ts, p, tick, i, j, step)
    s.spacing[octave(since)] += 1
    s.spacing[octave(step)] += j - i - 1
    equal_values(s, ts, p, tick, i, j)
    s.t_prev = end
    s.p_prev = last
    return j


# what the compiler must know besides `take_block` and `summary`
PARTS = (summary_loop, take_block)
INLINED = (equal_values, final_of_block)
