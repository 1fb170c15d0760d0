"""Leg pressures of hydraulic roof supports, with the truth about them.

A leg is released, lowered, advanced and set again; the pump sets it to a pressure, the roof loads it
by a logarithmic law, a worn leg leaks, the yield valve opens and reseats, and the transducer adds offset,
noise and its resolution. Synthetic: no claim about a real face may rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

EPOCH = np.datetime64("2026-01-01T00:00:00", "us")


@dataclass(frozen=True)
class Face:
    """How a face is run, how its roof loads, and how its log is kept.

    Parameters
    ----------
    setting_mpa, setting_spread_mpa : pump pressure that reaches a leg, mean and standard deviation
    loading_mpa : loading per unit of ln(1 + t/tau), lowest and highest
    tau_s : time constant of the loading law, lowest and highest
    cycle_s : length of a cycle, lowest and highest
    release_s, low_s, set_s : time of lowering, of standing released, and of setting, lowest and highest
    back_pressure_mpa : pressure while released, lowest and highest
    yield_mpa, blow_down_mpa : opening pressure and drop to reseat of the yield valve
    noise_mpa, resolution_mpa : standard deviation and step of the transducer; 0 for none
    interval_s, jitter_s : sampling interval and its standard deviation
    leaking : legs that leak, (support, leg) → MPa/min
    offset : zero offset of transducers, (support, leg) → MPa
    stuck : (support, leg) → (from, to) in s after the beginning: the last value is repeated
    gaps : (from, to) in s after the beginning: nothing is logged
    report_change_mpa : log a sample only when it changed by this much, or after `heartbeat_s`; 0 logs all
    heartbeat_s : longest silence of such a log
    """

    setting_mpa: float = 27.0
    setting_spread_mpa: float = 1.0
    loading_mpa: tuple[float, float] = (1.0, 4.5)
    tau_s: tuple[float, float] = (90.0, 180.0)
    cycle_s: tuple[float, float] = (2400.0, 4000.0)
    release_s: tuple[float, float] = (1.0, 6.0)
    low_s: tuple[float, float] = (8.0, 15.0)
    set_s: tuple[float, float] = (2.0, 5.0)
    back_pressure_mpa: tuple[float, float] = (0.2, 2.5)
    yield_mpa: float = 42.0
    blow_down_mpa: float = 1.6
    noise_mpa: float = 0.05
    resolution_mpa: float = 0.1
    interval_s: float = 1.0
    jitter_s: float = 0.0
    leaking: tuple[tuple[tuple[int, int], float], ...] = ()
    offset: tuple[tuple[tuple[int, int], float], ...] = ()
    stuck: tuple[tuple[tuple[int, int], tuple[float, float]], ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()
    report_change_mpa: float = 0.0
    heartbeat_s: float = 60.0


@dataclass(frozen=True)
class SupportLog:
    """A simulated log and what is true about it.

    `log` : ts, support, leg, pressure_mpa (float32), by support, leg and time
    `cycles` : support, leg, start_s (setting begins), release_s (lowering begins), end_s (released),
    setting_mpa, final_mpa (both without noise and offset), loading_mpa, tau_s, yields
    `legs` : support, leg, leak_mpa_per_min, offset_mpa
    """

    log: pa.Table
    cycles: pa.Table
    legs: pa.Table


def supports(
    seed: int, supports: int = 4, days: float = 1.0, *, legs: int = 2, face: Face | None = None
) -> SupportLog:
    """Simulate the pressure log of a face.

    Parameters
    ----------
    seed : the same seed gives the same log
    supports : number of supports, numbered from 1
    days : length of the log
    legs : legs per support, numbered from 1 (leg 1 is the left one)
    face : how the face is run and logged

    Returns
    -------
    SupportLog : the log with the truth about its cycles and legs
    """
    face = face or Face()
    seconds = days * 86400.0
    ts: list[NDArray[Any]] = []
    pressures: list[NDArray[Any]] = []
    keys: list[tuple[int, int]] = []
    truth: list[dict[str, Any]] = []
    leaking, offsets = dict(face.leaking), dict(face.offset)
    for support in range(1, supports + 1):
        # the legs of a support are released and set together
        strokes = _strokes(np.random.default_rng([seed, support, 0]), face, seconds)
        for leg in range(1, legs + 1):
            rng = np.random.default_rng([seed, support, leg])
            t = _clock(rng, face, seconds)
            p, cycles = _leg(rng, face, t, strokes, leaking.get((support, leg), 0.0))
            p += offsets.get((support, leg), 0.0)
            t, p = _logged(rng, face, t, p, dict(face.stuck).get((support, leg)))
            ts.append(t)
            pressures.append(p)
            keys.append((support, leg))
            truth += [{"support": support, "leg": leg, **cycle} for cycle in cycles]
    counts = [len(t) for t in ts]
    log = pa.table(
        {
            "ts": pa.array(
                EPOCH + np.round(np.concatenate(ts) * 1e3).astype("timedelta64[ms]"),
                pa.timestamp("ms", "UTC"),
            ),
            "support": np.repeat(np.array([k[0] for k in keys], np.int16), counts),
            "leg": np.repeat(np.array([k[1] for k in keys], np.int8), counts),
            "pressure_mpa": np.concatenate(pressures).astype(np.float32),
        }
    )
    legs_table = pa.table(
        {
            "support": [k[0] for k in keys],
            "leg": [k[1] for k in keys],
            "leak_mpa_per_min": [leaking.get(k, 0.0) for k in keys],
            "offset_mpa": [offsets.get(k, 0.0) for k in keys],
        }
    )
    return SupportLog(log, pa.Table.from_pylist(truth), legs_table)


def demo_log() -> pa.Table:
    """The bundled log: four two-leg supports over six hours at 1 Hz, one leg leaking, one gap."""
    face = Face(leaking=(((3, 1), 0.15),), gaps=((12_000.0, 12_600.0),), loading_mpa=(2.0, 5.0))
    return supports(20260101, supports=4, days=0.25, face=face).log


def _clock(rng: np.random.Generator, face: Face, seconds: float) -> NDArray[np.float64]:
    """Sampling times, s."""
    t = np.arange(0.0, seconds, face.interval_s)
    if face.jitter_s:
        t = t + np.clip(rng.normal(0.0, face.jitter_s, len(t)), -0.4, 0.4) * min(1.0, face.interval_s)
        t = np.maximum(t, 0.0)
    return t


@dataclass(frozen=True)
class _Stroke:
    """Times of one cycle of a support, s: standing released, setting, set, lowering, released."""

    begin: float
    start: float
    set_at: float
    release: float
    end: float


def _strokes(rng: np.random.Generator, face: Face, seconds: float) -> list[_Stroke]:
    begin = -rng.uniform(0.0, face.cycle_s[0])  # the record begins anywhere in a cycle
    strokes = []
    while begin < seconds:
        low, rise, fall = (rng.uniform(*span) for span in (face.low_s, face.set_s, face.release_s))
        end = begin + max(rng.uniform(*face.cycle_s), low + rise + fall + 1.0)
        strokes.append(_Stroke(begin, begin + low, begin + low + rise, end - fall, end))
        begin = end
    return strokes


def _leg(
    rng: np.random.Generator,
    face: Face,
    t: NDArray[np.float64],
    strokes: list[_Stroke],
    leak_per_min: float,
) -> tuple[NDArray[np.float64], list[dict[str, Any]]]:
    """True pressure at the sampling times, and the cycles."""
    p = np.empty(len(t))
    cycles = []
    back = rng.uniform(*face.back_pressure_mpa)
    for stroke in strokes:
        setting = rng.normal(face.setting_mpa, face.setting_spread_mpa)
        loading, tau = rng.uniform(*face.loading_mpa), rng.uniform(*face.tau_s)
        next_back = rng.uniform(*face.back_pressure_mpa)
        here = (t >= stroke.begin) & (t < stroke.end)
        local = np.append(t[here], stroke.release)
        held, yields = _held(local, stroke, setting, loading, tau, leak_per_min, face)
        local, value, final = local[:-1], held[:-1], held[-1]
        value[local < stroke.start] = back
        rising = (local >= stroke.start) & (local < stroke.set_at)
        share = (local[rising] - stroke.start) / (stroke.set_at - stroke.start)
        value[rising] = back + (setting - back) * share
        falling = local >= stroke.release
        share = (local[falling] - stroke.release) / (stroke.end - stroke.release)
        value[falling] = final + (next_back - final) * share
        p[here] = value
        cycles.append(
            {
                "start_s": stroke.start,
                "release_s": stroke.release,
                "end_s": stroke.end,
                "setting_mpa": setting,
                "final_mpa": final,
                "loading_mpa": loading,
                "tau_s": tau,
                "yields": yields,
            }
        )
        back = next_back
    return p, cycles


def _held(
    t: NDArray[np.float64],
    stroke: _Stroke,
    setting: float,
    loading: float,
    tau: float,
    leak_per_min: float,
    face: Face,
) -> tuple[NDArray[np.float64], int]:
    """Pressure of a set leg: loading law, leak, and the saw-tooth of the yield valve.

    Every opening blows the pressure down at once; the roof then loads on at the rate of its law.
    """

    def free(moment: Any) -> Any:
        age = np.maximum(moment - stroke.set_at, 0.0)
        return setting + loading * np.log1p(age / tau) - leak_per_min / 60.0 * age

    # the openings are found on a grid of their own, so that they do not hang on the sampling
    grid = np.arange(stroke.set_at, stroke.release, 1.0)
    excess = np.maximum.accumulate(free(grid))
    drops = np.where(excess > face.yield_mpa, 1 + (excess - face.yield_mpa) // face.blow_down_mpa, 0)
    opened = np.searchsorted(grid, t, side="right") - 1
    counted = np.where(opened >= 0, drops[np.maximum(opened, 0)], 0)
    return free(t) - face.blow_down_mpa * counted, int(drops[-1])


def _logged(
    rng: np.random.Generator,
    face: Face,
    t: NDArray[np.float64],
    p: NDArray[np.float64],
    stuck: tuple[float, float] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the transducer and the logger make of the true pressure."""
    p = p + rng.normal(0.0, face.noise_mpa, len(p))
    if face.resolution_mpa:
        p = np.round(np.round(p / face.resolution_mpa) * face.resolution_mpa, 9)
    if stuck is not None:
        held = (t >= stuck[0]) & (t < stuck[1])
        if held.any():
            p[held] = p[np.argmax(held)]
    keep = np.ones(len(t), bool)
    for begin, end in face.gaps:
        keep &= (t < begin) | (t >= end)
    t, p = t[keep], p[keep]
    if face.report_change_mpa and len(t):
        sent = [0]
        for k in range(1, len(t)):
            if abs(p[k] - p[sent[-1]]) >= face.report_change_mpa or t[k] - t[sent[-1]] >= face.heartbeat_s:
                sent.append(k)
        t, p = t[sent], p[sent]
    return t, p
