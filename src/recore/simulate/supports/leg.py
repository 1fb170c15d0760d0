"""The true pressure of one leg: lowered, advanced, set, loaded, relieved by its yield valve, leaking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.simulate.supports.faults import Fault
from recore.simulate.supports.longwall import Longwall
from recore.simulate.supports.operation import Numbers, Operation

# a leg that leaks empty does so ever more slowly, and the canopy rests on the other leg
KNEE_MPA, FLOOR_MPA = 14.0, 6.5
CHECK_VALVE_S = 50.0
JUDGED_S = 180.0
SETTING_S = 30.0
_UNLOAD_SLOW_S = (60.0, 200.0)
_GRID = 4096


@dataclass
class Strokes:
    """What the legs of a support do together, s after the beginning; one entry per cycle."""

    lower: Numbers  # one more than there are cycles
    low: Numbers  # lowered
    start: Numbers  # setting begins
    set_at: Numbers
    reset_mpa: Numbers  # of a set attempt that does not hold; 0 for none
    reset_at: Numbers


@dataclass
class Leg:
    """Cycles of one leg: its parameters, and what is true of each of them."""

    strokes: Strokes
    back: Numbers
    setting: Numbers
    loading: Numbers
    tau: Numbers
    neighbour: Numbers
    neighbour_s: float
    leak_per_s: Numbers
    lost: Numbers  # through the check valve, MPa
    opening: Numbers
    drop: Numbers
    unload: Numbers
    knots: dict[int, tuple[Numbers, Numbers]]  # of the yield valve: age, pressure relieved so far
    final: Numbers
    yields: NDArray[np.int64]

    def held(self, k: int, age: Numbers) -> Numbers:
        """Pressure of the set leg in cycle `k` at these ages (s, ascending)."""
        p = self._free(k, age)
        if k in self.knots:
            p -= np.interp(age, *self.knots[k])
        if self.leak_per_s[k]:
            low = p < KNEE_MPA
            p[low] = FLOOR_MPA + (KNEE_MPA - FLOOR_MPA) * np.exp((p[low] - KNEE_MPA) / (KNEE_MPA - FLOOR_MPA))
        return p

    def _free(self, k: int, age: Numbers) -> Numbers:
        """Without the yield valve."""
        p: Numbers = np.log1p(age * (1.0 / self.tau[k]))
        p *= self.loading[k]
        p += self.setting[k]
        length = self.strokes.lower[k + 1] - self.strokes.set_at[k]
        # the neighbours' influence is felt for some time constants only
        near = int(np.searchsorted(age, length - 12 * self.neighbour_s))
        p[near:] += self.neighbour[k] * np.exp((age[near:] - length) / self.neighbour_s)
        if self.leak_per_s[k]:
            p -= self.leak_per_s[k] * age
        if self.lost[k]:
            whole = -np.expm1(-JUDGED_S / CHECK_VALVE_S)
            p += self.lost[k] / whole * np.expm1(-age / CHECK_VALVE_S)
        return p

    def pressure(self, t: Numbers) -> Numbers:
        """True pressure at these times (s, ascending)."""
        s = self.strokes
        p = np.empty(len(t))
        edges = np.searchsorted(t, s.lower)
        first = max(int(np.searchsorted(edges, 0, side="right")) - 1, 0)
        p[: edges[first]] = self.back[first]
        for k in range(first, len(s.low)):
            begin, end = int(edges[k]), int(edges[k + 1])
            if begin == end:
                if begin >= len(t):
                    break
                continue
            middle = begin + int(np.searchsorted(t[begin:end], s.set_at[k]))
            p[begin:middle] = np.interp(t[begin:middle], *self._unloaded(k))
            p[middle:end] = self.held(k, t[middle:end] - s.set_at[k])
        p[edges[-1] :] = self.final[-1]
        return p

    def _unloaded(self, k: int) -> tuple[list[float], list[float]]:
        """Corners of the pressure from lowering to set."""
        s = self.strokes
        before = self.final[k - 1] if k else self.setting[0]
        t, p = [s.lower[k], s.low[k]], [before, self.back[k]]
        if s.reset_mpa[k]:
            at = s.reset_at[k]
            t += [at, at + 1.5, at + 4.5, at + 6.0]
            p += [self.back[k], s.reset_mpa[k], s.reset_mpa[k], self.back[k]]
        return [*t, s.start[k], s.set_at[k]], [*p, self.back[k], self.setting[k]]

    def crossings(self, set_mpa: float, release_mpa: float) -> tuple[Numbers, Numbers]:
        """When each cycle rises through one pressure, and falls through the other; NaN where it never does."""
        s = self.strokes
        with np.errstate(divide="ignore", invalid="ignore"):
            up = (set_mpa - self.back) / (self.setting - self.back)
            start = np.where((up >= 0) & (up <= 1), s.start + up * (s.set_at - s.start), np.nan)
            back = np.append(self.back[1:], 0.0)
            down = (self.final - release_mpa) / (self.final - back)
            fall = np.append(s.low[1:], s.lower[-1] + 2.0) - s.lower[1:]
            end = np.where((down >= 0) & (down <= 1), s.lower[1:] + down * fall, np.nan)
        return start, end

    def setting_pressure(self, start: Numbers) -> Numbers:
        """Highest pressure in the first 30 s after a cycle's start."""
        s = self.strokes
        result = np.empty(len(start))
        for k in range(len(start)):
            span = min(start[k] + SETTING_S, s.lower[k + 1]) - s.set_at[k] if start[k] == start[k] else 0.0
            result[k] = self.held(k, np.linspace(0.0, max(span, 0.0), 7)).max()
        return result


def strokes(rng: np.random.Generator, face: Longwall, operation: Operation, support: int) -> Strokes:
    """Times of a support's cycles."""
    lower = operation.lower_s[:, support - 1]
    n = len(lower) - 1
    low = lower[:-1] + rng.uniform(*face.release_s, n)
    start = low + rng.uniform(*face.low_s, n)
    again = rng.uniform(size=n) < face.reset_share
    reset_mpa = np.where(again, rng.uniform(*face.reset_mpa, n), 0.0)
    reset_at = start.copy()
    start = np.where(again, start + 6.0 + rng.uniform(4.0, 10.0, n), start)
    set_at = start + rng.uniform(*face.set_s, n)
    # a support that is lowered again before it is set is set in no time
    set_at = np.minimum(set_at, lower[1:] - 1e-3)
    return Strokes(lower, low, np.minimum(start, set_at), set_at, reset_mpa, reset_at)


def leg(
    rng: np.random.Generator,
    face: Longwall,
    operation: Operation,
    support: int,
    number: int,
    together: Strokes,
    faults: Sequence[Fault],
) -> Leg:
    """Draw the cycles of a leg."""
    n = len(together.low)
    side = rng.normal(0.0, 0.015)  # of this leg's setting
    setting = rng.normal(face.setting_mpa * (1 + side), face.setting_spread_mpa, n)
    setting *= operation.supply[:, support - 1]
    loading = operation.loading_mpa[:, support - 1] * rng.uniform(0.92, 1.08) * rng.uniform(0.95, 1.05, n)
    tau = rng.uniform(*face.tau_s, n)
    opening = np.full(n, face.yield_mpa * (1 + np.clip(rng.normal(0.0, face.yield_spread), -0.05, 0.05)))
    drop = rng.uniform(*face.blow_down_mpa, n)
    unload = rng.uniform(*face.unload_s, n)
    leak, lost = np.zeros(n), np.zeros(n)
    for fault in faults:
        here = (together.lower[:-1] >= fault.begin) & (together.lower[:-1] < fault.end)
        if fault.fault == "leg_leak":
            leak[here] = fault.size / 60.0
        elif fault.fault == "check_valve_leak":
            # what is lost on balance, with what the roof adds meanwhile
            lost[here] = (fault.size * setting + loading * np.log1p(JUDGED_S / tau))[here]
        elif fault.fault in ("yield_low", "yield_high"):
            opening[here] = fault.size * face.yield_mpa
        elif fault.fault == "yield_slow":
            drop[here] = ((1 - fault.size) * opening)[here]
            unload[here] = rng.uniform(*_UNLOAD_SLOW_S, int(here.sum()))
    made = Leg(
        strokes=together,
        back=rng.uniform(*face.back_pressure_mpa, n),
        setting=setting,
        loading=loading,
        tau=tau,
        neighbour=rng.uniform(*face.neighbour_mpa, n),
        neighbour_s=face.neighbour_s,
        leak_per_s=leak,
        lost=lost,
        opening=opening,
        drop=drop,
        unload=unload,
        knots={},
        final=np.empty(n),
        yields=np.zeros(n, np.int64),
    )
    length = together.lower[1:] - together.set_at
    highest = setting + loading * np.log1p(length / tau) + made.neighbour
    for k in np.flatnonzero(highest > opening).tolist():
        made.knots[k], made.yields[k] = _relief(made, k, float(length[k]))
    for k in range(n):
        made.final[k] = made.held(k, length[k : k + 1])[0]
    return made


def _relief(made: Leg, k: int, length: float) -> tuple[tuple[Numbers, Numbers], int]:
    """Pressure that the yield valve lets out, as corners over the age, and the number of whole openings."""
    age = np.unique(
        np.concatenate([np.linspace(0.0, min(length, 4096.0), _GRID), np.linspace(0.0, length, _GRID)])
    )
    risen = np.maximum.accumulate(made._free(k, age))
    drop, unload = float(made.drop[k]), float(made.unload[k])
    count = max(int((risen[-1] - made.opening[k]) // drop) + 1, 0) if risen[-1] >= made.opening[k] else 0
    levels = made.opening[k] + drop * np.arange(count)
    opened = age[np.minimum(np.searchsorted(risen, levels), len(age) - 1)]
    for j in range(1, count):  # a valve that is still open does not open again
        opened[j] = max(opened[j], opened[j - 1] + unload + 1e-6)
    corners: list[Any] = [-1.0]
    let_out: list[Any] = [0.0]
    for j, moment in enumerate(opened):
        corners += [moment, moment + unload]
        let_out += [drop * j, drop * (j + 1)]
    whole = int(np.count_nonzero(opened + unload <= length))
    return (np.array(corners), np.array(let_out)), whole
