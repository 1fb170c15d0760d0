"""Yield valves that open low or high, or that close slowly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.support.diagnose_fault import Fault
from recore.metrology.support.diagnose_record import Leg, Record
from recore.metrology.support.diagnose_stats import Array, beyond, location, most, runs

MINUTE = 60.0
# an opening valve unloads the leg faster than this; a leak does not
_UNLOAD_MPA_PER_MIN = 1.0
# after the beginning of the cycle the set leg relaxes; a fall from the setting pressure is no opening
_RELAXED_S = 180.0
# the setting pressure is no opening either: an opening lies above it by at least this
_LOADED_MPA = 0.5
# two samples of a slow record: legs of a support begin their cycles within this time of each other
_AROUND_S = 60.0
# cycles on either side of a moment that is known to the cycle only
_BESIDE = 2
# openings of one valve lie within a few per cent of each other
_SPREAD = 0.02


@dataclass(frozen=True)
class Openings:
    """Openings of the yield valve of one leg in the order of time."""

    cycle: Array
    opened: Array
    reseated: Array
    opening: Array
    reseat: Array

    def __len__(self) -> int:
        return len(self.opened)

    def only(self, mask: NDArray[np.bool_]) -> Openings:
        return Openings(
            self.cycle[mask], self.opened[mask], self.reseated[mask], self.opening[mask], self.reseat[mask]
        )


def openings(record: Record, leg: Leg) -> Openings:
    """What looks like an opening of the valve among the drops of a leg's pressure.

    A drop counts where the pressure had risen above the setting pressure, or the leg had stood for three
    minutes, and where it fell faster than any leak.
    """
    at = record.event_legs.get(leg, slice(0, 0))
    event = {name: values[at] for name, values in record.events.items()}
    found = Openings(
        event["start"],
        event["opened"],
        event["reseated"],
        event["opening_mpa"],
        event["reseat_mpa"],
    )
    places = np.searchsorted(record["start"][record.legs[leg]], found.cycle)
    setting = record["setting_mpa"][record.legs[leg]][np.minimum(places, _last(record, leg))]
    minutes = np.maximum(found.reseated - found.opened, 1e-3) / MINUTE
    fast = (found.opening - found.reseat) / minutes >= _UNLOAD_MPA_PER_MIN
    loaded = (found.opening >= setting + _LOADED_MPA) | (found.opened - found.cycle >= _RELAXED_S)
    return found.only(fast & loaded)


def _last(record: Record, leg: Leg) -> int:
    at = record.legs[leg]
    return int(at.stop - at.start - 1)


def yield_valves(
    record: Record,
    books: dict[str, dict[str, Any]],
    yield_mpa: float,
    false_alarms: float,
    offsets: Iterable[Fault] = (),
    parted: Record | None = None,
) -> list[Fault]:
    """Faults of all yield valves.

    Parameters
    ----------
    record : cycles that are parted only where a release was seen: a valve that empties its leg from one sample to the
        next looks like one that was not
    offsets : sensors that were off, whose pressures are put right
    parted : the same legs, parted also where a release fell between two samples; None if there was none
    """
    offsets = tuple(offsets)
    found: list[Fault] = []
    every = {leg: openings(record, leg) for leg in record.legs}
    if parted is not None:
        every = {leg: _alone(parted, leg, valve) for leg, valve in every.items()}
    trials = max(sum(len(x) for x in every.values()), len(record))
    for leg, valve in every.items():
        low: list[Fault] = []
        edges = [t for f in offsets if (f.support, f.leg) == leg for t in (f.begin, f.end)]
        if "yield_low" in books:
            low = _low(record, leg, valve, yield_mpa, books["yield_low"], trials, false_alarms)
        found += low
        if "yield_high" in books:
            found += _high(record, leg, valve, yield_mpa, books["yield_high"], trials, false_alarms, edges)
        if "yield_slow" in books:
            found += _slow(leg, valve, yield_mpa, low, books["yield_slow"], trials, false_alarms)
    return found


def _alone(record: Record, leg: Leg, valve: Openings) -> Openings:
    """Openings without those in which the support was let go, unseen between two samples.

    A support lets all its legs go at once: then a cycle of a fellow begins while this leg's pressure falls. A valve that
    closes late empties its own leg alone. What is seen of the two is the same drop from the yield pressure.
    """
    alone = np.ones(len(valve), bool)
    for other in record.fellows(leg) if leg in record.legs else ():
        begins = record["start"][record.legs[other]]
        first = np.searchsorted(begins, valve.opened - _AROUND_S)
        alone &= np.searchsorted(begins, valve.reseated + _AROUND_S, "right") == first
    return valve.only(alone)


def cut_by_valve(record: Record, seen: Record, valves: Iterable[Fault]) -> NDArray[np.bool_]:
    """Cycles of `record` that a bad valve made, not a release: they begin in its time, and where none was seen."""
    found = np.zeros(len(record), bool)
    for fault in valves:
        leg = fault.support, int(fault.leg or 0)
        if fault.fault in ("yield_low", "yield_slow") and leg in record.legs and leg in seen.legs:
            at = record.legs[leg]
            start = record["start"][at]
            found[at] |= (
                (start > fault.begin) & (start <= fault.end) & ~np.isin(start, seen["start"][seen.legs[leg]])
            )
    return found


def _low(
    record: Record,
    leg: Leg,
    valve: Openings,
    yield_mpa: float,
    book: dict[str, Any],
    trials: int,
    alarms: float,
) -> list[Fault]:
    """Openings below the limit, where the leg never stands above them: the valve is its ceiling.

    Noise and slips make drops too, small ones and anywhere. A valve makes large ones, at the highest pressure that
    the leg comes to, in nearly every cycle that comes to it, while the roof loads the fellows further.
    """
    limit = 1.0 - book["share"]
    at = record.legs[leg]
    start, end = record["start"][at], record["end"][at]
    without = record["max_mpa"]
    highest = without[at] / yield_mpa
    places = np.minimum(np.searchsorted(start, valve.cycle), len(start) - 1)
    ceiling = valve.opening / yield_mpa >= highest[places] - book["ceiling"]
    valve = valve.only(ceiling & (valve.opening - valve.reseat >= book["drop_mpa"]))
    share = valve.opening / yield_mpa
    candidates = runs(1.0 - share, book["share"], _SPREAD, trials, alarms, book["least_openings"])
    if not candidates:
        return []
    above = record.against(leg, without)
    above = np.where(np.isnan(above), record.around(leg, without), above) / yield_mpa
    found: list[Fault] = []
    for run in candidates:
        x = location(share[run.begin : run.end])[0]
        near = np.abs(share - x) <= book["ceiling"]
        opens = np.isin(start, valve.cycle[near]) & (highest <= x + book["ceiling"])
        tells = opens | (highest >= x - book["touch"])
        # for and against a valve at x, cycle by cycle; nothing where the pressure does not come to it
        told = np.where(tells, np.where(opens, 1.0, -1.0), np.nan)
        cycles = most(told)
        inside = np.arange(cycles.begin, cycles.end)
        held_back = np.sum(opens[inside] & (above[inside] <= -book["ceiling"]))
        if np.nansum(told[inside]) < book["least_cycles"] or held_back < book["held_back_cycles"]:
            continue
        of = near & (valve.cycle >= start[inside[0]]) & (valve.cycle <= start[inside[-1]])
        x, u = location(share[of])
        u = float(np.hypot(u, book["u_share"]))
        begin, until = float(start[inside[0]]), float(end[inside[-1]])
        if any(f.begin < until and begin < f.end for f in found):
            continue
        behind = np.flatnonzero(of)
        found.append(
            Fault(
                leg[0],
                leg[1],
                "yield_low",
                begin,
                until,
                beyond(limit, x, u),
                x,
                u,
                limit,
                "1",
                tuple((float(valve.opened[k]), float(valve.reseated[k]), float(share[k])) for k in behind),
            )
        )
    return found


def _high(
    record: Record,
    leg: Leg,
    valve: Openings,
    yield_mpa: float,
    book: dict[str, Any],
    trials: int,
    alarms: float,
    edges: list[float],
) -> list[Fault]:
    """Pressures beyond the limit in cycle after cycle, whether the valve then opens or not.

    `edges` : when an offset of the leg's sensor began and ended; the cycles next to them say nothing
    """
    limit = 1.0 + book["share"]
    at = record.legs[leg]
    start, end = record["start"][at], record["end"][at]
    about = valve.only(
        (valve.opening >= (1.0 - book["share"]) * yield_mpa)
        & (valve.opening <= book["highest_share"] * yield_mpa)
    )
    first = _middle_opening(about, start) / yield_mpa
    # where the leg stands: a single sample far above is a spike, and no leg bears what lies beyond its overload test
    highest = np.fmax(record["final_mpa"][at] / yield_mpa, first)
    highest[(highest > book["highest_share"]) | _at_edges(start, edges)] = np.nan
    first[_at_edges(start, edges)] = np.nan
    # a cycle tells about the valve where it opened, or where it should have
    told = np.where(np.isfinite(first), np.fmax(first, np.where(highest > limit, highest, first)), np.nan)
    told = np.where(np.isnan(first) & (highest > limit), highest, told)
    found = []
    # a sound valve never lets the pressure so far above its own: two cycles that stand there are enough
    for run in runs(told - 1.0, book["share"], _SPREAD, trials, alarms, book["least_cycles"], np.inf):
        inside = told[run.begin : run.end]
        x, u = location(inside)
        u = float(np.hypot(u, book["u_share"]))
        behind = run.begin + np.flatnonzero(np.isfinite(inside))
        found.append(
            Fault(
                leg[0],
                leg[1],
                "yield_high",
                float(start[run.begin]),
                float(end[run.end - 1]),
                beyond(x, limit, u),
                x,
                u,
                limit,
                "1",
                tuple((float(start[k]), float(end[k]), float(told[k])) for k in behind),
            )
        )
    return found


def _slow(
    leg: Leg,
    valve: Openings,
    yield_mpa: float,
    low: list[Fault],
    book: dict[str, Any],
    trials: int,
    alarms: float,
) -> list[Fault]:
    """Openings at the right pressure that reseat far below it."""
    with np.errstate(all="ignore"):
        drop = (valve.opening - valve.reseat) / valve.opening
    limit = book["blow_down"]
    right = np.abs(valve.opening / yield_mpa - 1.0) <= book["opens_within"]
    for fault in low:
        right &= ~((valve.opened >= fault.begin) & (valve.opened <= fault.end))
    x = np.where(right, drop, np.nan)
    found = []
    # a sound valve never reseats so far below its opening: few openings are enough
    for run in runs(x, limit, book["spread"], trials, alarms, book["least_openings"], np.inf):
        inside = slice(run.begin, run.end)
        middle, u = location(x[inside])
        u = float(np.hypot(u, book["u_share"]))
        found.append(
            Fault(
                leg[0],
                leg[1],
                "yield_slow",
                float(valve.opened[run.begin]),
                float(valve.reseated[run.end - 1]),
                beyond(middle, limit, u),
                middle,
                u,
                limit,
                "1",
                _behind(valve, x, inside),
            )
        )
    return found


def _at_edges(start: Array, edges: list[float]) -> NDArray[np.bool_]:
    """Cycles within two of a moment: when a sensor went off is not known to the cycle."""
    found = np.zeros(len(start), bool)
    for moment in edges:
        at = int(np.searchsorted(start, moment))
        found[max(at - _BESIDE, 0) : at + _BESIDE] = True
    return found


def _middle_opening(valve: Openings, start: Array) -> Array:
    """Median opening of each cycle, NaN without one."""
    found = np.full(len(start), np.nan)
    if len(valve):
        cycles, first = np.unique(valve.cycle, return_index=True)
        places = np.searchsorted(start, cycles)
        for k, place in enumerate(places):
            if place < len(start) and start[place] == cycles[k]:
                end = first[k + 1] if k + 1 < len(first) else len(valve)
                found[place] = np.median(valve.opening[first[k] : end])
    return found


def _behind(valve: Openings, x: Array, inside: slice) -> tuple[tuple[float, float, float], ...]:
    known = np.flatnonzero(np.isfinite(x[inside])) + inside.start
    return tuple((float(valve.opened[k]), float(valve.reseated[k]), float(x[k])) for k in known)
