"""What one accepted sample does to the state of a leg.

Plain functions that numba compiles into `kernel.advance`. They work on a `STATE` record `s` and its
`CYCLE` record `c` by attribute, so that in the interpreter two plain objects can stand for them.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from recore.metrology.leg_pressure.state import (
    BIN_US,
    BINS,
    FIRST_BINS,
    LAST_BINS,
    LOW,
    LOWEST,
    MINUTE,
    NEVER,
    OCTAVES,
    PARTIAL,
    PER_MPA,
    QUIET_BIN,
    RELEASE_FALL_US,
    RELEASE_HOLD_US,
    RELEASE_LAG_US,
    RESEAT_US,
    REVISED_US,
    RUN_US,
    SET,
    SETTING_US,
    SLOPE_BINS,
    START,
    SUMS,
    TAU_S,
    WORD,
    YIELD_DROP,
    YIELD_REARM,
)

HALF = WORD // 2
_HALF_MASK = 2**HALF - 1
_WORD_MASK = 2**WORD - 1
CYCLES, EVENTS, RUNS = 0, 1, 2  # places in the counts of what was written


def carry(pair, amount):
    """Add to an exact sum of two words."""
    lower = pair[1] + amount
    pair[0] += lower >> WORD
    pair[1] = lower & _WORD_MASK


def add_product(pair, factor, step):
    """Add a pressure times a time, which may be years, to an exact sum of two words."""
    upper = factor * (step >> HALF)
    pair[0] += upper >> HALF
    carry(pair, factor * (step & _HALF_MASK) + ((upper & _HALF_MASK) << HALF))


def octave(step):
    """Bits of a time step."""
    bits = 0
    while step > 0 and bits < OCTAVES - 1:
        step >>= 1
        bits += 1
    return bits


def slope(n, t, tt, y, ty):
    """Slope of a least-squares line from its sums; NaN from too few points."""
    if n < SLOPE_BINS:
        return math.nan
    return (ty - t * y / n) / (tt - t * t / n)


def end_run(s, t, runs, count):
    """The run of equal samples ends with the sample before this one, or goes on unknown."""
    if s.leading == 1:
        s.leading = 0
        s.lead_to = s.t_prev
        s.lead_n = s.run_n
        s.lead_p = s.p_prev
    elif s.t_prev - s.run_from >= RUN_US and s.phase != START:
        run = runs[count[RUNS]]
        run["start"] = s.run_from
        run["end"] = s.t_prev
        run["value"] = s.p_prev
        run["samples"] = s.run_n
        count[RUNS] += 1
    s.run_from = t
    s.run_n = 0


def open_cycle(s, c, t, x, band_p):
    """The leg is set by this sample."""
    if s.phase == START:
        s.phase = PARTIAL
        s.partial += 1
    else:
        s.phase = SET
    c.start = t
    c.samples = 1
    c.gaps = 0
    c.gap_us = 0
    c.yields = 0
    c.setting = x
    c.final = x
    c.max = x
    c.wander = 0
    c.steps = 0
    c.revised = math.nan
    for j in range(2):
        c.area[j] = 0
        c.tilt[j] = 0
    for j in range(SUMS):
        c.sums[j] = 0.0
    c.t_low = s.t_low
    c.low = s.low
    c.rises = s.rises
    c.inherits = s.inherits
    s.inherits = 0
    s.yields = 0
    s.seeking = 0
    s.armed = 1 if x >= band_p else 0
    s.extreme = x if x >= band_p else LOWEST
    s.t_extreme = t
    s.t_ref = t
    s.p_ref = x
    s.t_final = t
    s.quiet = 1
    s.bin_k = 0
    s.bin_end = t + BIN_US
    s.bin_n = 1
    s.bin_t = 0
    s.bin_p = x
    s.bin_wander = 0
    s.done = -1
    s.area_then = math.nan
    s.ring_n = 0
    for j in range(5):
        s.first[j] = 0.0
        s.middle[j] = 0.0


def close_cycle(s, c, t, x, limits, rows, events, count):
    """The leg is released by this sample."""
    step = t - s.t_prev
    if step > limits[3]:
        c.gaps += 1
        c.gap_us += step
    if s.phase == PARTIAL:
        s.outside += c.yields
    else:
        if c.yields > 0 and c.yields == s.yields:
            write_event(s, c, events, count)
        c.end = t
        c.last = s.t_prev
        c.loading[0] = slope(s.first[0], s.first[1], s.first[2], s.first[3], s.first[4])
        c.loading[1] = slope(s.middle[0], s.middle[1], s.middle[2], s.middle[3], s.middle[4])
        # the last whole bin may hold the beginning of the release
        n = min(s.ring_n, LAST_BINS + 1) - 1
        sum_t, sum_tt, sum_y, sum_ty = 0.0, 0.0, 0.0, 0.0
        for j in range(s.ring_n - 1 - n, s.ring_n - 1):
            bin_t = s.ring_t[j % (LAST_BINS + 1)]
            bin_y = s.ring_p[j % (LAST_BINS + 1)]
            sum_t += bin_t
            sum_tt += bin_t * bin_t
            sum_y += bin_y
            sum_ty += bin_t * bin_y
        c.loading[2] = slope(float(n), sum_t, sum_tt, sum_y, sum_ty)
        write_cycle(c, rows[count[CYCLES]])
        count[CYCLES] += 1
    s.phase = LOW
    s.t_low = t
    s.low = x
    s.rises = 0
    s.risen = 0
    s.inherits = 0


def write_cycle(c, row):
    row["start"] = c.start
    row["end"] = c.end
    row["last"] = c.last
    row["samples"] = c.samples
    row["gaps"] = c.gaps
    row["gap_us"] = c.gap_us
    row["yields"] = c.yields
    row["setting"] = c.setting
    row["final"] = c.final
    row["max"] = c.max
    row["wander"] = c.wander
    row["steps"] = c.steps
    row["revised"] = c.revised
    row["t_low"] = c.t_low
    row["low"] = c.low
    row["rises"] = c.rises
    row["inherits"] = c.inherits
    for j in range(2):
        row["area"][j] = c.area[j]
        row["tilt"][j] = c.tilt[j]
    for j in range(3):
        row["loading"][j] = c.loading[j]
    for j in range(SUMS):
        row["sums"][j] = c.sums[j]


def write_event(s, c, events, count):
    event = events[count[EVENTS]]
    event["start"] = c.start
    event["opened"] = s.opened
    event["reseated"] = s.reseated
    event["recovered"] = s.recovered
    event["opening"] = s.opening
    event["reseat"] = s.reseat
    count[EVENTS] += 1


def watch_valve(s, c, t, x, band_p, events, count):
    """Opening, reseating and recovery of the yield valve."""
    if s.armed == 1:
        if x >= s.extreme:
            s.extreme = x
            s.t_extreme = t
        elif x < s.extreme - YIELD_DROP:
            if s.yields > 0 and s.phase == SET:
                write_event(s, c, events, count)
            s.yields += 1
            s.armed = 0
            s.opening = s.extreme
            s.opened = s.t_extreme
            s.trough = x
            s.t_trough = t
            s.recovered = NEVER
            s.seeking = 1
            s.fall = x
            s.t_fall = t
            s.extreme = x
        return
    if s.seeking == 1:
        if x < s.trough:
            s.trough = x
            s.t_trough = t
        if x <= s.fall - YIELD_REARM:
            s.fall = x
            s.t_fall = t
        elif x >= s.trough + YIELD_REARM or t - s.t_fall > RESEAT_US:
            s.seeking = 0
    if x < s.extreme:
        s.extreme = x
    elif x >= band_p and x >= s.extreme + YIELD_REARM:
        s.armed = 1
        s.extreme = x
        s.t_extreme = t
        if s.yields > 0:
            s.recovered = t
            s.seeking = 0
            # what came back was no release
            keep_final(s, c, t, x)


def keep_final(s, c, t, x):
    """This sample does not belong to a release."""
    c.final = x
    c.yields = s.yields
    s.t_final = t
    s.reseat = s.trough
    s.reseated = s.t_trough


def watch_release(s, c, t, x):
    """Whether the pressure falls as in a release, judged over at least half a second."""
    lag = t - s.t_ref
    if lag >= RELEASE_LAG_US[0]:
        lag = min(lag, RELEASE_LAG_US[1])
        steady = (s.p_ref - x) * RELEASE_FALL_US < s.p_ref * lag
        if steady and (5 * x >= 3 * c.final or t - s.t_final > RELEASE_HOLD_US):
            keep_final(s, c, t, x)
        s.t_ref = t
        s.p_ref = x


def between(s, c, t, x, moment):
    """Twice the integral of the pressure from the start to a moment since the last sample."""
    area = c.area[0] * float(2**WORD) + c.area[1]
    span = float(moment - s.t_prev)
    return area + span * (2.0 * s.p_prev + (x - s.p_prev) * (span / float(t - s.t_prev)))


def begin_bin(s, c, t, x, law, gap_us):
    """This sample is the first of a new bin: what the last one adds."""
    change = abs(x - s.p_prev)
    if 0 < change < s.grain:
        s.grain = change
    if s.bin_k < REVISED_US[1] // BIN_US and t - s.t_prev <= gap_us:
        if s.bin_k < REVISED_US[0] // BIN_US and t - c.start >= REVISED_US[0]:
            s.area_then = between(s, c, t, x, c.start + REVISED_US[0])
        if t - c.start >= REVISED_US[1]:
            then = between(s, c, t, x, c.start + REVISED_US[1])
            c.revised = (then - s.area_then) / (2.0 * (REVISED_US[1] - REVISED_US[0]))
    mean_t = s.bin_t / (s.bin_n * float(MINUTE))
    mean_p = s.bin_p / float(s.bin_n)
    if s.quiet == 1 and s.bin_k >= QUIET_BIN:
        # one bin late, so that the release never counts
        if s.done >= 0:
            add_quiet(s, c.sums, law)
        s.done = s.bin_k
        s.done_t = mean_t
        s.done_p = mean_p
        c.wander += s.bin_wander
        c.steps += s.bin_n
    if s.bin_k >= FIRST_BINS:
        k = s.ring_n % (LAST_BINS + 1)
        if s.ring_n > LAST_BINS:
            add_point(s.middle, s.ring_t[k], s.ring_p[k])
        s.ring_t[k] = mean_t
        s.ring_p[k] = (mean_p - c.setting) / PER_MPA
        s.ring_n += 1
    elif s.bin_k > 0:
        add_point(s.first, mean_t, (mean_p - c.setting) / PER_MPA)
    s.bin_k = (t - c.start) // BIN_US
    s.bin_end = c.start + (s.bin_k + 1) * BIN_US
    if s.bin_k >= BINS:
        s.quiet = 0
    s.bin_n = 0
    s.bin_t = 0
    s.bin_p = 0
    s.bin_wander = 0


def add_point(sums, t, y):
    sums[0] += 1.0
    sums[1] += t
    sums[2] += t * t
    sums[3] += y
    sums[4] += t * y


def add_quiet(s, sums, law):
    """The bin before the last, of the quiet part, in the sums of the leak fit."""
    if sums[0] == 0.0:
        s.p_zero = s.done_p
    t = s.done_t
    y = (s.done_p - s.p_zero) / PER_MPA
    sums[0] += 1.0
    sums[1] += t
    sums[2] += t * t
    sums[3] += y
    sums[4] += y * y
    sums[5] += t * y
    for j in range(len(TAU_S)):
        loading = law[j, s.done]
        sums[6 + 4 * j] += loading
        sums[7 + 4 * j] += loading * loading
        sums[8 + 4 * j] += t * loading
        sums[9 + 4 * j] += loading * y


def take(s, c, t, x, limits, law, rows, events, runs, count):
    """One sample, in order of time and known to be no excursion."""
    set_p, release_p, band_p, gap_us = limits
    step = t - s.t_prev
    if s.phase == START or x != s.p_prev:
        end_run(s, t, runs, count)
    s.run_n += 1
    if s.phase != START:
        s.spacing[octave(step)] += 1
    if s.phase >= SET and x < release_p:
        if step > gap_us:
            s.gaps += 1
        close_cycle(s, c, t, x, limits, rows, events, count)
    elif s.phase >= SET:
        if step > gap_us:
            s.gaps += 1
            c.gaps += 1
            c.gap_us += step
        if t - c.start <= SETTING_US:
            c.setting = max(c.setting, x)
        watch_valve(s, c, t, x, band_p, events, count)
        if x >= band_p:
            s.quiet = 0  # for the rest of the cycle: the yield valve may open
        if t >= s.bin_end:
            begin_bin(s, c, t, x, law, gap_us)
        add_product(c.area, s.p_prev + x, step)
        if step <= gap_us:
            add_product(c.tilt, x - s.p_prev, step)
        s.bin_n += 1
        s.bin_t += t - c.start
        s.bin_p += x
        s.bin_wander += abs(x - s.p_prev)
        c.samples += 1
        c.max = max(c.max, x)
        watch_release(s, c, t, x)
    else:
        if step > gap_us and s.phase != START:
            s.gaps += 1
        if x >= set_p:
            open_cycle(s, c, t, x, band_p)
        else:
            if s.phase == START:
                s.phase = LOW
                s.low = x
            s.low = min(s.low, x)
            if x >= release_p:
                s.risen = 1
            elif s.risen == 1:
                s.risen = 0
                s.rises += 1
    s.t_prev = t
    s.p_prev = x


# what the compiler must know besides `take`
PARTS = (
    carry, add_product, octave, slope, end_run, open_cycle, close_cycle, write_cycle, write_event, watch_valve,
    keep_final, watch_release, between, begin_bin, add_point, add_quiet, take,
)  # fmt: skip
