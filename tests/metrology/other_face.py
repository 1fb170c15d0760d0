"""A second face, made by other physics than `recore.simulate`, so that no detector is tuned to one of them.

The roof loads by a power law or comes to rest exponentially; a break adds load that grows with time and comes
at random (Poisson, with a dead time); legs stick and slip; they are set in steps; the yield valve is a
hysteresis with a slow flow; a leak is laminar (it slows with the pressure); transducers drift as random walks;
supports advance in batches and out of order, are now and then left out of a shear or set twice in it. Sampled
at any interval, or event-driven with a dead band. Truth in the tables that `recore simulate supports` writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

BEGIN = np.datetime64("2025-03-11T00:00:00", "us")
LEG_FAULTS = (
    "leg_leak",
    "check_valve_leak",
    "yield_low",
    "yield_high",
    "yield_slow",
    "sensor_stuck",
    "sensor_offset",
    "sensor_swapped",
)
FAULTS = (*LEG_FAULTS, "low_supply", "roof_load")


@dataclass(frozen=True)
class Other:
    """Parameters; spans are lowest and highest of an even draw."""

    supports: int = 16
    legs: int = 2
    days: float = 2.0
    faults: tuple[str, ...] = ()
    each: int = 1  # legs per kind of fault
    setting: float = 25.0
    yielding: float = 40.0
    law: str = "power"  # or "exponential"
    shear_min: tuple[float, float] = (30.0, 90.0)
    breaks_per_shear: float = 0.06  # after a dead time of `dead_shears`
    dead_shears: int = 9
    break_shears: tuple[int, int] = (3, 6)  # both inclusive
    weighting: bool = True
    low_s: tuple[float, float] = (10.0, 30.0)  # released; a record sampled more slowly misses some
    skipped: float = 0.003  # support not advanced in a shear
    twice: float = 0.003  # set again in the same shear
    interval_s: float = 1.0
    jitter_s: float = 0.0
    dead_band: float = 0.0  # MPa; event-driven if > 0
    heartbeat_s: float = 120.0
    noise: float = 0.03
    resolution: float = 0.05
    drift: float = 0.1  # MPa per root day
    slips: float = 3.0  # per hour
    gaps: float = 0.5  # of all supports, per day
    idle_h: float = 6.0  # one standstill in two days


@dataclass
class OtherFace:
    """Log and truth."""

    log: pa.Table
    cycles: pa.Table
    faults: pa.Table
    weighting: pa.Table
    legs: pa.Table
    gaps: list[tuple[float, float]] = field(default_factory=list)

    def wide(self) -> pa.Table:
        """The log in the wide layout; for legs that are sampled together."""
        support = self.log["support"].to_numpy()
        leg, p = self.log["leg"].to_numpy(), self.log["pressure_mpa"].to_numpy()
        first = leg == 1
        columns = {"ts": self.log["ts"].filter(pa.array(first)), "support": support[first]}
        return pa.table(columns | {f"leg{n}_mpa": p[leg == n] for n in np.unique(leg)})


@dataclass
class _Fault:
    support: int
    leg: int | None
    fault: str
    begin: float
    end: float
    size: float


def other_face(seed: int, other: Other | None = None, **changes) -> OtherFace:
    """Simulate a face; `changes` are fields of `Other`."""
    o = replace(other or Other(), **changes)
    if o.faults == ("all",):
        o = replace(o, faults=FAULTS)
    rng = np.random.default_rng([seed, 77])
    seconds = o.days * 86400.0
    moves = _moves(rng, o, seconds)
    shears = 1 + max(int(m[:, 1].max()) for m in moves)
    breaks, extra = _breaks(rng, o, shears)
    supply = np.ones((shears, o.supports))
    faults = _faults(rng, o, seconds, moves, breaks, extra, supply, shears)
    gaps = [(t, t + rng.exponential(900.0)) for t in rng.uniform(0, seconds, rng.poisson(o.gaps * o.days))]

    true: dict[tuple[int, int], np.ndarray] = {}
    rows, legs = [], []
    for s in range(o.supports):
        for n in range(1, o.legs + 1):
            mine = [f for f in faults if f.support == s + 1 and f.leg in (None, n)]
            true[s + 1, n], cycles, leak = _leg(rng, o, seconds, s, n, moves[s], extra, supply, mine)
            hidden = [(f.begin, f.end) for f in mine if f.fault in ("sensor_stuck", "sensor_swapped")] + [
                (a - 60, b + 60) for a, b in gaps
            ]
            for c in cycles:
                shown = c[6] and not any(c[0] < b and c[1] > a for a, b in hidden)
                rows.append((s + 1, n, *c[:6], shown))
            legs.append((s + 1, n, leak))
    log = _logged(rng, o, seconds, true, faults, gaps)
    return OtherFace(
        log,
        pa.table(
            {
                "support": [r[0] for r in rows],
                "leg": [r[1] for r in rows],
                "start": _utc([r[2] for r in rows]),
                "end": _utc([r[3] for r in rows]),
                "setting_mpa": [r[4] for r in rows],
                "final_mpa": [r[5] for r in rows],
                "yields": [r[6] for r in rows],
                "shear": [r[7] for r in rows],
                "shown": [r[8] for r in rows],
            }
        ),
        pa.table(
            {
                "support": pa.array([f.support for f in faults], pa.int64()),
                "leg": pa.array([f.leg for f in faults], pa.int64()),
                "fault": pa.array([f.fault for f in faults], pa.string()),
                "from": _utc([f.begin for f in faults]),
                "to": _utc([min(f.end, seconds) for f in faults]),
                "size": pa.array([f.size for f in faults], pa.float64()),
            }
        ),
        _weighting(breaks, moves, seconds),
        pa.table(
            {
                "support": [x[0] for x in legs],
                "leg": [x[1] for x in legs],
                "leak_mpa_per_min": [x[2] for x in legs],
                "offset_mpa": [
                    next(
                        (
                            f.size
                            for f in faults
                            if f.fault == "sensor_offset" and (f.support, f.leg) == x[:2]
                        ),
                        0.0,
                    )
                    for x in legs
                ],
            }
        ),
        gaps,
    )


def _utc(seconds):
    us = np.round(np.asarray(seconds, float) * 1e6).astype(np.int64)
    return pa.array(BEGIN + us.astype("timedelta64[us]"), pa.timestamp("us", "UTC"))


def _moves(rng, o, seconds):
    """Per support: [time of lowering, shear] of each advance, the first before the record."""
    begin, begins = -rng.uniform(0.1, 0.9) * o.shear_min[0] * 60, []
    idle = rng.uniform(0.2, 0.6) * min(seconds, 2 * 86400.0)
    while begin < seconds:
        begins.append(begin)
        begin += rng.uniform(*o.shear_min) * 60
        if o.idle_h and (begin - idle) % (2 * 86400.0) < o.shear_min[1] * 60 and begin > idle:
            begin += o.idle_h * 3600
    moves = [[] for _ in range(o.supports)]
    forward = rng.uniform() < 0.5
    for shear, t0 in enumerate(begins):
        length = (begins[shear + 1] if shear + 1 < len(begins) else t0 + o.shear_min[0] * 60) - t0
        length = min(length, o.shear_min[1] * 60)
        place = np.arange(o.supports) if forward else np.arange(o.supports)[::-1]
        t = t0 + 0.6 * length * (place + 1) / (o.supports + 1)
        # batches: every other support first, and the odd one late
        t = t + rng.uniform(0, 25, o.supports) + np.where(np.arange(o.supports) % 2, 20.0, 0.0)
        t += np.where(rng.uniform(size=o.supports) < 0.03, rng.uniform(60, 240, o.supports), 0.0)
        for s in range(o.supports):
            if shear and rng.uniform() < o.skipped:
                continue
            moves[s].append((t[s], shear))
            if rng.uniform() < o.twice:
                moves[s].append((t[s] + rng.uniform(120, 300), shear))
        forward = not forward if rng.uniform() < 0.8 else forward
    return [np.array(m) for m in moves]


def _breaks(rng, o, shears):
    """(first shear, last, support from, to) and the extra load rate [shear, support], MPa/min."""
    extra = np.zeros((shears, o.supports))
    breaks = []
    shear = int(rng.integers(3, o.dead_shears + 3))
    at = np.arange(1, o.supports + 1)
    centre, width = rng.uniform(0.35, 0.65) * o.supports, rng.uniform(0.5, 0.8) * o.supports
    while o.weighting and shear < shears:
        last = min(shear + int(rng.integers(o.break_shears[0], o.break_shears[1] + 1)) - 1, shears - 1)
        c, w = centre + rng.uniform(-0.1, 0.1) * o.supports, width * rng.uniform(0.8, 1.2)
        profile = np.clip(np.cos((at - c) / w * np.pi) / 0.8, 0.0, 1.0) * (np.abs(at - c) < w / 2)
        zone = at[profile > 0.5]
        if len(zone):
            breaks.append((shear, last, int(zone[0]), int(zone[-1])))
            extra[shear : last + 1] += rng.uniform(0.7, 1.1) * np.where(profile > 0.5, profile, profile / 3)
        shear = last + 1 + o.dead_shears + int(rng.exponential(1 / o.breaks_per_shear) / 4)
    return breaks, extra


def _weighting(breaks, moves, seconds):
    rows = []
    for first, last, low, high in breaks:
        starts, ends = [], []
        for s in range(low - 1, high):
            m = moves[s]
            inside = np.flatnonzero((m[:, 1] >= first) & (m[:, 1] <= last))
            if len(inside):
                starts.append(m[inside[0], 0] + 15)
                ends.append(m[inside[-1] + 1, 0] if inside[-1] + 1 < len(m) else seconds)
        if starts and min(starts) < seconds:
            rows.append((max(min(starts), 0.0), min(max(ends), seconds), low, high, first, last))
    names = ("support_from", "support_to", "first_shear", "last_shear")
    return pa.table(
        {"from": _utc([r[0] for r in rows]), "to": _utc([r[1] for r in rows])}
        | {name: pa.array([r[2 + k] for r in rows], pa.int64()) for k, name in enumerate(names)}
    )


def _faults(rng, o, seconds, moves, breaks, extra, supply, shears):
    faults = []
    free = [int(s) for s in 1 + rng.permutation(o.supports)]
    sizes = {
        "leg_leak": (0.07, 0.35),
        "check_valve_leak": (0.17, 0.4),
        "yield_low": (0.75, 0.88),
        "yield_high": (1.12, 1.22),
        "yield_slow": (0.5, 0.72),
        "sensor_offset": (1.2, 5.0),
    }

    def span(code, support):
        begin = rng.uniform(0.05, 0.35) * seconds
        end = begin + rng.uniform(0.4, 0.6) * seconds
        if code == "sensor_stuck":
            return begin, begin + rng.uniform(0.06, 0.2) * min(seconds, 6 * 86400.0)
        if code.startswith("sensor"):
            return begin, end
        m = moves[support - 1]
        if code.startswith("yield") and breaks:
            seen = [b for b in breaks if b[2] <= support <= b[3]]
            hit = min(seen, key=lambda b: abs(m[np.searchsorted(m[:, 1], b[0]), 0] - begin), default=None)
            if hit:
                begin = min(begin, m[np.searchsorted(m[:, 1], hit[0]), 0])
                k = min(np.searchsorted(m[:, 1], hit[1] + 1), len(m) - 1)
                end = max(end, m[k, 0])
        times = m[:, 0]
        return times[max(np.searchsorted(times, begin) - 1, 0)], times[
            min(np.searchsorted(times, end), len(times) - 1)
        ]

    for code in [c for c in LEG_FAULTS if c in o.faults]:
        for _ in range(o.each):
            fits = list(free)
            if code.startswith("yield") and breaks:
                fits = [s for s in free if any(b[2] < s < b[3] for b in breaks)]
            if code == "sensor_swapped":
                fits = [s for s in free if s + 1 in free]
            if not fits:
                continue
            support, leg = fits[0], int(rng.integers(1, o.legs + 1))
            free.remove(support)
            begin, end = span(code, support)
            if code == "sensor_swapped":
                free.remove(support + 1)
                faults.append(_Fault(support, leg, code, begin, seconds, support + 1))
                faults.append(_Fault(support + 1, leg, code, begin, seconds, support))
                continue
            size = rng.uniform(*sizes[code]) if code in sizes else np.nan
            if code == "sensor_offset":
                size *= rng.choice([-1, 1])
            faults.append(_Fault(support, leg, code, begin, end, float(size)))

    def calm(lasting):
        for _ in range(200):
            first = int(rng.integers(1, max(shears - lasting - 1, 2)))
            if all(b[1] < first - 2 or b[0] > first + lasting + 1 for b in breaks):
                break
        return first, min(first + lasting - 1, shears - 1)

    def dated(code, first, last, supports, size):
        for s in supports:
            m = moves[s - 1]
            begin = m[min(np.searchsorted(m[:, 1], first), len(m) - 1), 0]
            k = np.searchsorted(m[:, 1], last + 1)
            end = m[k, 0] if k < len(m) else seconds
            faults.append(_Fault(int(s), None, code, begin, end, size))

    taken = range(0)
    if "low_supply" in o.faults:
        first, last = calm(int(rng.integers(2, 6)))
        taken = range(first - 1, last + 2)
        low = rng.permutation(1 + np.arange(o.supports))[: round(o.supports * rng.uniform(0.7, 0.95))]
        size = rng.uniform(0.5, 0.74)
        supply[first : last + 1, low - 1] = size * rng.uniform(0.95, 1.04, (last + 1 - first, len(low)))
        dated("low_supply", first, last, np.sort(low), float(size))
    if "roof_load" in o.faults:
        for _ in range(50):
            first, last = calm(int(rng.integers(3, 6)))
            if first not in taken and last not in taken:
                break
        count = int(rng.integers(3, max(o.supports // 3, 4)))
        low = int(rng.integers(1, o.supports - count + 2))
        group = np.arange(low, low + count)
        extra[first : last + 1, group - 1] += rng.uniform(0.8, 1.3)
        dated("roof_load", first, last, group, 1.0)
    return sorted(faults, key=lambda f: (f.support, f.leg or 0, f.begin))


def _leg(rng, o, seconds, s, n, moves, extra, supply, faults):
    """True pressure on a grid of 1 s, the complete cycles, and the leak at the setting pressure.

    The last entry of a cycle tells whether the leg stands released before and after it for long enough to be seen.
    """
    grid = np.arange(int(seconds) + 1, dtype=float)
    p = np.full(len(grid), 1.0)
    uneven = rng.uniform(0.9, 1.0)  # the legs of a support do not share evenly
    cycles = []
    leaking = max((f.size for f in faults if f.fault == "leg_leak"), default=0.0)
    final = o.setting
    for k in range(len(moves)):
        lower, shear = moves[k, 0], int(moves[k, 1])
        release = moves[k + 1, 0] if k + 1 < len(moves) else seconds + 3600
        now = {f.fault: f.size for f in faults if f.begin - 1 <= lower < f.end - 1}
        bottom = rng.uniform(0.1, 1.5)
        down = rng.uniform(2, 5)
        begin = lower + down + rng.uniform(*o.low_s)
        pump = (o.setting * rng.uniform(0.96, 1.04)) * supply[shear, s]
        # set in steps: the canopy touches, the leg is filled, the pump tops it up
        first = rng.uniform(0.5, 0.7) * pump
        corners = [lower, lower + down, begin, begin + 2, begin + 2 + rng.uniform(1, 4)]
        heights = [final, bottom, bottom, first, first * 1.01]
        set_at = corners[-1] + rng.uniform(1.5, 5)
        set_at = min(set_at, release - 5)
        age = np.arange(0.0, max(release - set_at, 6.0), 1.0)
        free = _roof(rng, o, age, extra[shear, s]) * uneven + pump
        if "leg_leak" in now:  # laminar: the rate goes with the pressure
            free = _leaking(free, now["leg_leak"] / 60 / o.setting)
        if "check_valve_leak" in now:
            back = free[min(180, len(free) - 1)] - pump
            free = free - (now["check_valve_leak"] * pump + back) * (1 - np.exp(-((age / 70) ** 1.5))) / (
                1 - np.exp(-((180 / 70) ** 1.5))
            )
        opening = now.get("yield_low", now.get("yield_high", 1.0)) * o.yielding
        reseat = now.get("yield_slow", rng.uniform(0.93, 0.96)) * opening
        flow = rng.uniform(0.05, 0.15) if "yield_slow" in now else rng.uniform(0.4, 1.5)
        held, yields = _relieved(free, opening, reseat, flow)
        here = slice(*np.searchsorted(grid, [lower, set_at]))
        p[here] = np.interp(grid[here], [*corners, set_at], [*heights, held[0]])
        here = slice(*np.searchsorted(grid, [set_at, release]))
        p[here] = np.interp(grid[here] - set_at, age, held)
        start = np.interp(5.0, [bottom, first], [begin, begin + 2])
        final = held[-1]
        if start >= 0 and k + 1 < len(moves):
            setting = held[: max(int(start + 30 - set_at), 1)].max()
            cycles.append((start, release, setting, final, yields, shear))
    # the fall of a cycle is drawn with the next move: read its end off the grid
    done = []
    for start, release, setting, last, yields, shear in cycles:
        i, k = int(np.ceil(release)), int(start)
        below = np.flatnonzero(p[i : i + 60] < 3.0)
        if len(below) and i + below[0] < seconds:
            end = i + int(below[0])
            seen = (p[max(k - int(o.interval_s), 0) : k] < 3.0).all() and (
                p[end : end + int(o.interval_s)] < 3.0
            ).all()
            done.append((start, float(end), float(setting), float(last), yields, shear, bool(seen)))
    return p, done, leaking


def _leaking(free, rate):
    """Pressure of a leg that loses `rate` of its pressure per second while the roof adds the steps of `free`."""
    decay = np.exp(-rate * np.arange(len(free)))
    steps = np.diff(free, prepend=0.0)
    out = np.empty(len(free))
    level = 0.0
    for a in range(0, len(free), 600):  # in blocks, for the weights of a long cycle overflow
        block = steps[a : a + 600]
        d = decay[: len(block)]
        level_in = level * np.exp(-rate) if a else 0.0
        out[a : a + 600] = d * (level_in + np.cumsum(block / d))
        level = out[min(a + 600, len(free)) - 1]
    return out


def _roof(rng, o, age, extra):
    """What the roof adds: a law, breaks that load on with time, slips."""
    if o.law == "power":
        load = rng.uniform(0.6, 1.6) * (age / 600) ** rng.uniform(0.25, 0.45)
    else:
        load = rng.uniform(1.5, 5.0) * -np.expm1(-age / rng.uniform(1000, 2500))
    if extra > 0:
        load = load + extra * age / 60 * np.exp(-age / 7200) * rng.uniform(0.85, 1.15)
    count = rng.poisson(o.slips * age[-1] / 3600) if len(age) else 0
    slip = np.zeros(len(age))
    slip[rng.integers(0, len(age), count)] = rng.exponential(0.12, count) * rng.choice([-1, 1], count)
    slip[:2] = 0.0
    return np.maximum(load + np.cumsum(slip), -1.0)


def _relieved(free, opening, reseat, flow):
    """A valve with hysteresis: opens above `opening`, lets out `flow` MPa/s, closes below `reseat`."""
    p = free.copy()
    yields, at, out = 0, 0, 0.0
    while True:
        over = np.flatnonzero(free[at:] - out > opening)
        if not len(over):
            p[at:] = free[at:] - out
            return p, yields
        k = at + int(over[0])
        p[at:k] = free[at:k] - out
        falling = free[k:] - out - flow * np.arange(len(free) - k)
        closed = np.flatnonzero(falling < reseat)
        if not len(closed):
            p[k:] = falling
            return p, yields
        m = int(closed[0])
        p[k : k + m + 1] = falling[: m + 1]
        yields += 1
        out += flow * m
        at = k + m + 1


def _logged(rng, o, seconds, true, faults, gaps):
    parts = {"ts": [], "support": [], "leg": [], "pressure_mpa": []}
    grid = np.arange(int(seconds) + 1, dtype=float)
    for s in range(1, o.supports + 1):
        t = np.arange(0.0, seconds, o.interval_s) + rng.uniform(0, min(o.interval_s, 1.0) / 2)
        if o.jitter_s:
            t = t + np.clip(rng.normal(0, o.jitter_s, len(t)), -0.45 * o.interval_s, 0.45 * o.interval_s)
        t = t[(t >= 0) & (t < seconds)]
        for a, b in gaps:
            t = t[(t < a) | (t >= b)]
        for n in range(1, o.legs + 1):
            p = np.interp(t, grid, true[s, n])
            for f in faults:
                if f.support != s or f.leg != n:
                    continue
                here = (t >= f.begin) & (t < f.end)
                if f.fault == "sensor_swapped":
                    p[here] = np.interp(t[here], grid, true[int(f.size), n])
                if f.fault == "sensor_offset":  # it comes within some minutes
                    p[here] += f.size * np.clip((t[here] - f.begin) / 120, 0, 1)
            walk = np.cumsum(rng.normal(0, 1, int(seconds // 600) + 2)) * np.sqrt(600 / 86400) * o.drift
            p += np.interp(t, 600.0 * np.arange(len(walk)), walk)
            p += rng.normal(0, o.noise, len(t)) if o.noise else 0.0
            if o.resolution:
                p = np.round(p / o.resolution) * o.resolution
            for f in faults:
                if f.fault == "sensor_stuck" and (f.support, f.leg) == (s, n):
                    here = (t >= f.begin) & (t < f.end)
                    if here.any():
                        p[here] = f.size = float(np.round(p[np.argmax(here)], 6))
            keep = _sent(t, p, o) if o.dead_band else slice(None)
            parts["ts"].append(np.round(t[keep] * 1e3).astype("timedelta64[ms]").astype("timedelta64[us]"))
            parts["pressure_mpa"].append(p[keep].astype(np.float64))
            count = len(parts["ts"][-1])
            parts["support"].append(np.full(count, s))
            parts["leg"].append(np.full(count, n))
    ts = pa.array(BEGIN + np.concatenate(parts.pop("ts")), pa.timestamp("us", "UTC"))
    return pa.table({"ts": ts} | {k: np.concatenate(v) for k, v in parts.items()})


def _sent(t, p, o):
    """Indices that a logger with a dead band sends."""
    chosen, k = [0], 0
    ahead = int(o.heartbeat_s / o.interval_s) + 2
    while k + 1 < len(t):
        part = slice(k + 1, k + 1 + ahead)
        hit = (np.abs(p[part] - p[k]) >= o.dead_band) | (t[part] - t[k] >= o.heartbeat_s)
        k = k + 1 + (int(np.argmax(hit)) if hit.any() else len(p[part]) - 1)
        chosen.append(k)
    return chosen
