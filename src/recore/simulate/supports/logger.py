"""What transducers, network and logger make of the true pressure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.simulate.supports.longwall import Longwall
from recore.simulate.supports.operation import DAY_S, Numbers, covering

Stamps = NDArray[np.int64]  # ms after the beginning
_CENTURY_MS = int(36525 * DAY_S * 1000)
_WEEK_S = 7 * DAY_S


@dataclass(frozen=True)
class Spoilt:
    """A stretch of the record that is not as it should be: kind, support and leg (None: all), s after the beginning."""

    kind: str
    support: int | None
    leg: int | None
    begin: float
    end: float

    def concerns(self, support: int, leg: int) -> bool:
        return self.support in (None, support) and self.leg in (None, leg)


def spoil(rng: np.random.Generator, face: Longwall) -> list[Spoilt]:
    """Gaps, wrong clocks, wrong units and missing legs of a record."""
    seconds = face.days * DAY_S

    def stretch(shortest: float, longest: float) -> tuple[float, float]:
        begin = float(rng.uniform(0.0, seconds))
        length = shortest * (longest / shortest) ** float(rng.uniform())
        return begin, min(begin + length, seconds)

    def legs(count: int) -> list[tuple[int, int]]:
        chosen = rng.permutation(face.supports * face.legs)[:count]
        return [(1 + int(c) // face.legs, 1 + int(c) % face.legs) for c in chosen]

    shortest, longest = (60.0 * v for v in face.gap_min)
    weeks = seconds / _WEEK_S
    silent: list[int | None] = [None] * int(rng.poisson(face.power_gaps_per_week * weeks))
    count = int(rng.poisson(face.support_gaps_per_week * face.supports * weeks))
    silent += rng.integers(1, face.supports + 1, count).tolist()
    found = [Spoilt("gap", support, None, *stretch(shortest, longest)) for support in silent]
    for k in range(face.clock_stretches):
        support = int(rng.integers(1, face.supports + 1))
        found.append(Spoilt(("clock 1970", "clock future")[k % 2], support, None, *stretch(600.0, 3600.0)))
    for support, number in legs(face.bar_legs):
        begin = float(rng.uniform(0.2, 0.6)) * seconds
        found.append(Spoilt("unit", support, number, begin, begin + float(rng.uniform(0.1, 0.3)) * seconds))
    for support, number in legs(face.missing_legs):
        found.append(Spoilt("missing leg", support, number, seconds / 2, seconds))
    return found


def instants(rng: np.random.Generator, face: Longwall, day: int) -> Numbers:
    """Sampling times of a support on one day, s, in whole ms and ascending."""
    end = min((day + 1) * DAY_S, face.days * DAY_S)
    first = int(np.ceil(day * DAY_S / face.interval_s - 1e-9))
    t = np.arange(first, int(np.ceil(end / face.interval_s - 1e-9))) * face.interval_s
    if face.jitter_s:
        most = 0.45 * face.interval_s
        t = t + np.clip(rng.normal(0.0, face.jitter_s, len(t)), -most, most)
        t = np.clip(t, day * DAY_S, end - 1e-3)
    return np.round(t * 1e3) / 1e3


def measured(
    rng: np.random.Generator, face: Longwall, p: Numbers, drift: Numbers | float
) -> NDArray[np.float32]:
    """True pressures as the transducer gives them."""
    p = p + drift
    if face.noise_mpa:
        p += face.noise_mpa * rng.standard_normal(len(p), np.float32)
    if face.resolution_mpa:
        p *= 1.0 / face.resolution_mpa
        np.rint(p, out=p)
        p *= face.resolution_mpa
    return p.astype(np.float32)


def single_faults(rng: np.random.Generator, face: Longwall, p: NDArray[np.float32]) -> None:
    """Single samples that jump, drop to nothing or are no number."""
    for share, low, high in (
        (face.spike_share, 60.0, 100.0),
        (face.dropout_share, 0.0, 0.0),
        (face.nan_share, np.nan, np.nan),
    ):
        count = int(rng.binomial(len(p), share)) if share else 0
        if count:
            p[rng.integers(0, len(p), count)] = rng.uniform(low, high, count) if low < high else low


def sent(face: Longwall, t: Numbers, p: NDArray[np.float32], last: list[float]) -> NDArray[np.int64]:
    """Which samples an event-driven logger sends; `last` is the telegram before, time and pressure."""
    band, heartbeat = face.report_change_mpa - 1e-4, face.heartbeat_s - 1e-6
    at, value = last or (-np.inf, np.inf)
    ahead = max(int(face.heartbeat_s / face.interval_s) + 2, 4)
    chosen = []
    k = 0
    while k < len(t):
        part = p[k : k + ahead]
        hit = (np.abs(part - value) >= band) | (t[k : k + ahead] - at >= heartbeat)
        j = int(hit.argmax())
        if not hit[j]:
            k += len(part)
            continue
        k += j
        chosen.append(k)
        at, value = float(t[k]), float(p[k])
        k += 1
    last[:] = [at, value]
    return np.array(chosen, np.int64)


def stamped(
    rng: np.random.Generator, face: Longwall, t: Numbers, epoch_ms: int, spoilt: list[Spoilt]
) -> tuple[NDArray[np.int64], Stamps]:
    """Rows in the order in which they are logged, and their time stamps, ms since 1970.

    Rows in gaps are left out, some are logged twice or one place late, and some have a wrong clock.
    """
    ts = np.round(t * 1e3).astype(np.int64) + epoch_ms
    kept = np.ones(len(t), bool)
    for fault in spoilt:
        here = covering(t, fault.begin, fault.end)
        if fault.kind in ("gap", "missing leg"):
            kept &= ~here
        elif fault.kind == "clock 1970":
            ts[here] -= epoch_ms + round(fault.begin * 1000)
        elif fault.kind == "clock future":
            ts[here] += _CENTURY_MS
    rows: NDArray[Any] = np.flatnonzero(kept)
    if face.duplicate_share:
        twice = rng.binomial(len(rows), face.duplicate_share) if len(rows) else 0
        if twice:
            rows = np.sort(np.concatenate([rows, rng.choice(rows, twice)]))
    if face.late_share and len(rows) > 1:
        late = rng.integers(0, len(rows) - 1, rng.binomial(len(rows), face.late_share))
        for k in late.tolist():
            rows[k], rows[k + 1] = rows[k + 1], rows[k]
    return rows, ts[rows]
