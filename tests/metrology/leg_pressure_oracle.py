"""The cycles of one leg, written from the definitions alone and without regard to speed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def without_excursions(t, p, gap_s=300.0, set_mpa=5.0):
    """Samples that are not far from both neighbours (3 MPa, half of the way back within 3 s), nor alone above two
    like ones of a set leg (15 s)."""
    kept = []
    for k in range(len(p)):
        if kept and k + 1 < len(p) and t[k + 1] - t[k] <= 15 and t[k] - t[kept[-1]] <= gap_s:
            before, after = p[kept[-1]], p[k + 1]
            away, back = p[k] - before, p[k] - after
            far = abs(away) > 3 and abs(back) > 3 and away * back > 0
            if far and t[k + 1] - t[k] <= 3 and 2 * abs(back) >= abs(away):
                continue
            if far and away > 0 and min(before, after) >= set_mpa and round(abs(after - before), 9) <= 3:
                continue
        kept.append(k)
    return t[kept], p[kept]


def equal_runs(t, p, at_least_s=300.0):
    """Runs (first time, last time, value, samples) of exactly the same value, of 5 min or more."""
    edges = [0, *(np.flatnonzero(np.diff(p)) + 1), len(p)]
    runs = [(t[a], t[b - 1], p[a], b - a) for a, b in pairwise(edges)]
    return [run for run in runs if run[1] - run[0] >= at_least_s]


def naive_cycles(t, p, set_mpa=5.0, release_mpa=3.0, yield_mpa=40.0, gap_s=300.0):
    """All columns of the complete cycles, and their yield events; t in s, p in MPa on a grid of 0.01 MPa."""
    t, p = without_excursions(t, p, gap_s, set_mpa)
    rows, events = [], []
    k = 0
    ready = p[0] < set_mpa
    released = None  # index of the sample that ended the time before
    while k < len(p):
        if not ready:
            if p[k] < release_mpa:
                ready, released = True, k
            k += 1
            continue
        if p[k] < set_mpa:
            k += 1
            continue
        begin = k
        crossing = next((j for j in range(begin, len(p)) if p[j] < release_mpa), None)
        if crossing is None:
            break
        row, valve = one_cycle(t[begin:crossing], p[begin:crossing], yield_mpa)
        steps = np.diff(t[begin : crossing + 1])
        below = p[0 if released is None else released : begin] >= release_mpa
        row |= {
            "end": t[crossing],
            "gap_s": steps[steps > gap_s].sum(),
            "low_mpa": None if released is None else p[released:begin].min(),
            "low_s": None if released is None else t[begin] - t[released],
            "attempts": 1 + int(np.count_nonzero(below[:-1] & ~below[1:])),
        }
        if rows and released is not None and rows[-1]["held_s"] < 60:
            row["attempts"] += rows[-1]["attempts"]
        rows.append(row)
        events += valve
        k = released = crossing
    return rows, events


def one_cycle(t, p, yield_mpa):
    # the last sample that a fall of 0.5 % per second did not lead to (over at most 10 s), unless the leg was
    # already far below the one before, and not for long
    j = 0
    backs = reopened(p, yield_mpa)
    for m in range(1, len(p)):
        step = min(t[m] - t[m - 1], 10)
        falling = round(100 * (p[m - 1] - p[m])) * 200 >= round(100 * p[m - 1]) * step
        if m in backs or (
            not falling and (round(100 * p[m]) * 5 >= round(100 * p[j]) * 3 or t[m] - t[j] > 180)
        ):
            j = m
    span = t[-1] - t[0]
    valve = openings(t, p, j, yield_mpa)
    unload = [e["reseated"] - e["opened"] for e in valve]
    recovery = [e["recovered"] - e["reseated"] for e in valve if e["recovered"] is not None]
    bins = np.array([(t[b].mean() - t[0], p[b].mean(), k) for k, b in half_minutes(t)])[:-1].reshape(-1, 3)
    before = bins[:-1]  # the last whole one may hold the beginning of the release
    later = before[before[:, 2] >= 10]
    revised = None
    if span >= 180:
        fine = np.unique([*t[(t > t[0] + 150) & (t < t[0] + 180)], t[0] + 150, t[0] + 180])
        at = np.searchsorted(t, t[0] + 150, side="right"), np.searchsorted(t, t[0] + 180)
        if np.diff(t[at[0] - 1 : at[1] + 1]).max() <= 300:
            revised = np.trapezoid(np.interp(fine, t, p), fine) / 30
    return {
        "start": t[0],
        "held_s": span,
        "setting_mpa": max(p[t <= t[0] + 30]),
        "final_mpa": p[j],
        "max_mpa": max(p),
        "twap_mpa": np.trapezoid(p, t) / span if span else p[0],
        "yield_events": len(valve),
        "opening_mpa": mean([e["opening_mpa"] for e in valve]),
        "reseat_mpa": mean([e["reseat_mpa"] for e in valve]),
        "unload_s": mean(unload),
        "recovery_s": mean(recovery),
        "revised_mpa": revised,
        "loading_1_mpa_per_min": slope(bins[(bins[:, 2] >= 1) & (bins[:, 2] < 10)]),
        "loading_2_mpa_per_min": slope(later[:-10]),
        "loading_3_mpa_per_min": slope(later[-10:]),
    }, valve


def mean(values):
    return float(np.mean(values)) if values else None


def slope(points):
    return np.polyfit(points[:, 0] / 60, points[:, 1], 1)[0] if len(points) >= 3 else None


def half_minutes(t):
    number = np.floor((t - t[0]) / 30)
    return [(k, number == k) for k in np.unique(number)]


def valve_states(p, yield_mpa):
    """Per sample: how often the valve has opened, and whether the pressure has come back since."""
    count, peak, trough = 0, None, None
    for k, value in enumerate(p):
        if peak is not None:
            peak = max(peak, value)
            if value < peak - 1 - 1e-9:
                count, peak, trough = count + 1, None, value
        else:
            trough = value if trough is None else min(trough, value)
            if value >= 0.98 * yield_mpa - 1e-9 and (count == 0 or value >= trough + 0.5 - 1e-9):
                peak = value
        yield k, count, peak is not None


def reopened(p, yield_mpa):
    """Indices at which the pressure comes back into the band after an opening."""
    found, before = set(), False
    for k, count, armed in valve_states(p, yield_mpa):
        if armed and not before and count:
            found.add(k)
        before = armed
    return found


def openings(t, p, final, yield_mpa):
    """Openings up to the final sample, each with its peak, its trough and the return into the band."""
    states = list(valve_states(p, yield_mpa))
    drops = [k for k in range(1, len(p)) if states[k][1] > states[k - 1][1] and k <= final]
    backs = sorted(reopened(p, yield_mpa))
    events = []
    for drop in drops:
        since = max((b for b in backs if b < drop), default=next((k for k, _, a in states if a), 0))
        peak = drop - 1 - int(np.argmax(p[since:drop][::-1]))
        back = next((b for b in backs if b > drop), None)
        # the trough: until it has risen by 0.5 MPa, or not fallen by so much within a minute
        trough, fall = drop, drop
        for m in range(drop + 1, final + 1):
            if m == back:
                break
            if p[m] < p[trough]:
                trough = m
            if p[m] <= p[fall] - 0.5 + 1e-9:
                fall = m
            elif p[m] >= p[trough] + 0.5 - 1e-9 or t[m] - t[fall] > 60:
                break
        events.append(
            {
                "start": t[0],
                "opened": t[peak],
                "reseated": t[trough],
                "opening_mpa": p[peak],
                "reseat_mpa": p[trough],
                "recovered": None if back is None else t[back],
            }
        )
    return events
