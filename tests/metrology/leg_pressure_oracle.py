"""The cycles of one leg, written from the definitions alone and without regard to speed."""

from __future__ import annotations

import numpy as np


def naive_cycles(t, p, set_mpa=5.0, release_mpa=3.0, yield_mpa=40.0):
    """Rows (start, end, setting, final, max, twap, yields) of a clean record; t in s, p in MPa."""
    rows = []
    k = 0
    armed_for_set = p[0] < set_mpa
    while k < len(p):
        if not armed_for_set:
            if p[k] < release_mpa:
                armed_for_set = True
            k += 1
            continue
        if p[k] < set_mpa:
            k += 1
            continue
        begin = k
        crossing = next((j for j in range(begin, len(p)) if p[j] < release_mpa), None)
        if crossing is None:
            break
        here_t, here_p = t[begin:crossing], p[begin:crossing]
        # the last sample that a fall of 0.5 % per second did not lead to, unless the leg was already
        # far below the one before, and not for long
        j = 0
        for m in range(1, len(here_p)):
            step = here_t[m] - here_t[m - 1]
            falling = here_p[m - 1] - here_p[m] >= 0.005 * here_p[m - 1] * step
            if not falling and (here_p[m] >= 0.6 * here_p[j] or here_t[m] - here_t[j] > 180):
                j = m
        span = here_t[-1] - here_t[0]
        twap = np.trapezoid(here_p, here_t) / span if span else here_p[0]
        rows.append(
            (
                here_t[0],
                t[crossing],
                max(here_p[here_t <= here_t[0] + 30]),
                here_p[j],
                max(here_p),
                twap,
                naive_yields(here_p[: j + 1], yield_mpa),
            )
        )
        k = crossing
    return rows


def naive_yields(p, yield_mpa):
    """Openings of the yield valve: into the band, then more than 1 MPa down, then back up into the band."""
    events, peak, trough = 0, None, None
    for value in p:
        if peak is not None:
            peak = max(peak, value)
            if value < peak - 1 - 1e-5:
                events, peak, trough = events + 1, None, value
            continue
        trough = value if trough is None else min(trough, value)
        fresh = events == 0 or value >= trough + 0.5
        if value >= 0.98 * yield_mpa - 1e-5 and fresh:
            peak = value
    return events
