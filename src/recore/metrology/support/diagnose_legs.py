"""Legs that do not hold: a leak through the whole cycle, or a check valve that closes late."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from recore.metrology.support.diagnose_fault import Fault, of_run
from recore.metrology.support.diagnose_record import Leg, Record
from recore.metrology.support.diagnose_stats import Array, Run, location, runs, scatter

# middle of the half minute after which the revised setting pressure is taken, min
_REVISED_MIN = 2.75
# a resolution of 0.1 MPa over a quarter of an hour
_LEAK_FLOOR = 0.1 / 12**0.5 / 15.0
_LOSS_FLOOR = 0.01
_OWN = 0.5
# a cycle without an opening tells its slope in this part of the time that one with an opening needs
_EVEN = 0.5
# a leak slows as the leg empties; its size is that of a leg above this share of its setting pressure
_FULL = 0.55


def check_valves(record: Record, book: dict[str, Any], false_alarms: float) -> list[Fault]:
    """Legs that lose much of the setting pressure in the first minutes, more than their fellows, and then hold.

    Measured is the share of the setting pressure that is gone when the revised setting pressure is taken, less
    what the leak of the later cycle took by then, less the same of the fellows: the roof loads both.
    """
    setting, revised = record["setting_mpa"], record["revised_mpa"]
    leak = np.nan_to_num(record["leak_mpa_per_min"])
    with np.errstate(all="ignore"):
        loss = (setting - revised) / setting
        held = loss - np.maximum(leak, 0.0) * _REVISED_MIN / setting
    limit = book["loss_share"]
    found = []
    shares = {leg: _beside(record, leg, held) for leg in record.legs}
    for leg, x, sd, lag, trials in _series(shares, _LOSS_FLOOR):
        for run in runs(x, limit, sd, trials, false_alarms, book["least_cycles"]):
            if not _own(record, leg, held, run, x):
                continue
            found.append(of_run(record, leg, "check_valve_leak", run, x, limit, "1", lag, book["u_share"]))
    return found


def leaks(
    record: Record, book: dict[str, Any], false_alarms: float, early: list[Fault], low: list[Fault]
) -> list[Fault]:
    """Legs that lose pressure through the cycle while their fellows do not.

    `early` : check-valve faults; what still goes on of their loss is no leak of the leg
    `low` : valves that open low; what they let out is no leak either
    """
    known, rates = _rates(record, book["least_quiet_min"])
    for leg, x in rates.items():
        # the legs of a support do not share its load evenly: under a fast roof that alone sets them apart by more
        # than a small leak does, and such a cycle tells nothing of one
        roof = book["uneven"] * np.fmax(x - known[record.legs[leg]], 0.0)
        rates[leg] = np.where((roof > book["limit_mpa_per_min"]) & (np.abs(x) <= roof), np.nan, x)
    for fault in early:
        leg = fault.support, int(fault.leg or 0)
        at = record.legs[leg]
        inside = (record["start"][at] >= fault.begin) & (record["start"][at] < fault.end)
        lost = fault.value * record["setting_mpa"][at] / _REVISED_MIN
        rates[leg] = np.where(inside & (rates[leg] < book["early_share"] * lost), np.nan, rates[leg])
    for fault in low:
        leg = fault.support, int(fault.leg or 0)
        start, end = record["start"][record.legs[leg]], record["end"][record.legs[leg]]
        opened = np.sort([begin for begin, _, _ in fault.evidence])
        rates[leg][np.searchsorted(opened, start) < np.searchsorted(opened, end)] = np.nan
    limit = book["limit_mpa_per_min"]
    found = []
    for leg, x, sd, lag, trials in _series(rates, _LEAK_FLOOR):
        for run in runs(x, limit, sd, trials, false_alarms, book["least_cycles"]):
            if not _own(record, leg, known, run, x):
                continue
            measured = _measured(record, leg, run, x, known, book["least_cycles"])
            fault = of_run(
                record, leg, "leg_leak", run, measured, limit, "MPa/min", lag, book["u_mpa_per_min"]
            )
            if not fault.value >= limit:
                continue  # what its best cycles say is none
            found.append(replace(fault, at_setting=fault.value * _fall(record, leg, run, measured)))
    return found


def _measured(record: Record, leg: Leg, run: Run, x: Array, rates: Array, least: int) -> Array:
    """Of the values of a run those that tell the size best: beside a fellow, and in a leg that is still full.

    Where a fellow opens its valve it says nothing of what the roof puts on both, and the face does not say it as well.
    Full legs are looked at only where most are: the few of a leg that usually runs empty are those under most roof.
    """
    inside = np.zeros(len(x), bool)
    inside[run.begin : run.end] = True
    beside = inside & np.isfinite(x) & np.isfinite(record.against(leg, rates))
    if beside.sum() < least:
        beside = inside & np.isfinite(x)
    at = record.legs[leg]
    full = beside & (record["final_mpa"][at] >= _FULL * record["setting_mpa"][at])
    return np.where(full if full.sum() >= max(least, beside.sum() / 2) else beside, x, np.nan)


def _fall(record: Record, leg: Leg, run: Run, x: Array) -> float:
    """Setting pressure over the mean pressure of the quiet part, in the usual cycle of a run."""
    inside = record.legs[leg].start + run.begin + np.flatnonzero(np.isfinite(x[run.begin : run.end]))
    mean = (record["revised_mpa"][inside] + record["final_mpa"][inside]) / 2.0
    share = record["setting_mpa"][inside] / mean
    return float(np.median(share[np.isfinite(share)])) if np.isfinite(share).any() else math.nan


def _rates(record: Record, least_quiet_min: float) -> tuple[Array, dict[Leg, Array]]:
    """Rates of loss of all cycles, and of each leg beside its fellows.

    Two measures, each with its own weakness: the slope in which the law of the roof is already taken out (where that law
    does not fit it jumps from cycle to cycle), and the plain loss from the revised setting pressure to the final
    one (which holds all that the roof loads, but not beside the fellows, where the roof loads both alike). They
    are weighted by how little they scatter on this face.
    """
    quiet = _quiet_min(record)
    whole = (record["end"] - record["start"]) / 60.0 - _REVISED_MIN
    # a roof that brings the valve to open has no even slope before it
    cut = quiet < whole - 1e-6
    least = np.where(cut, least_quiet_min, _EVEN * least_quiet_min)
    # nor does its law fit well enough to tell a loss in a leg that rises to its valve
    fitted = np.where((quiet >= least) & ~cut, record["leak_mpa_per_min"], np.nan)
    with np.errstate(all="ignore"):
        lost = (record["revised_mpa"] - record["final_mpa"]) / whole
    # where the yield valve opened, the loss is the valve's
    lost[(whole < least) | cut] = np.nan
    both = [{leg: _beside(record, leg, x) for leg in record.legs} for x in (fitted, lost)]
    weights = [1.0 / float(np.median(scatter(list(rates.values()), _LEAK_FLOOR)[0])) ** 2 for rates in both]

    def joined(a: Array, b: Array) -> Array:
        mean = (weights[0] * a + weights[1] * b) / sum(weights)
        x: Array = np.where(np.isfinite(mean), mean, np.where(np.isfinite(a), a, b))
        return x

    return joined(fitted, lost), {leg: joined(both[0][leg], both[1][leg]) for leg in record.legs}


def _quiet_min(record: Record) -> Array:
    """Time from the revised setting pressure to the first opening of the yield valve, or to the end, min.

    A slope over a few minutes says little: its uncertainty goes with the power -3/2 of the time.
    """
    return np.fmin(record["end"], record.first_opening) / 60.0 - record["start"] / 60.0 - _REVISED_MIN


def _own(record: Record, leg: Leg, values: Array, run: Run, x: Array) -> bool:
    """Whether at least half of what lies between a leg and its fellow is the leg's own doing.

    Judged by the neighbouring supports: a fellow that rises, for a fault of its own, makes a sound leg look as
    if it fell.
    """
    around = record.around(leg, values)[run.begin : run.end]
    known = around[np.isfinite(around)]
    return not len(known) or float(np.median(known)) >= _OWN * location(x[run.begin : run.end])[0]


def _beside(record: Record, leg: Leg, values: Array) -> Array:
    """Values less those of the fellows, or, where they are not known, less the median of the face."""
    own = values[record.legs[leg]]
    known = values[np.isfinite(values)]
    face = float(np.median(known)) if len(known) else 0.0
    against = record.against(leg, values)
    return np.where(np.isfinite(against), against, np.where(record.unlike(leg), np.nan, own - face))


def _series(of_leg: dict[Leg, Array], floor: float) -> list[tuple[Leg, Array, float, float, int]]:
    """Each leg's series with its standard deviation (widened for correlation), and how many values there are."""
    sds, lag = scatter(list(of_leg.values()), floor)
    wide = ((1.0 + lag) / (1.0 - lag)) ** 0.5
    trials = sum(len(x) for x in of_leg.values())
    return [(leg, x, float(sd) * wide, lag, trials) for (leg, x), sd in zip(of_leg.items(), sds, strict=True)]
