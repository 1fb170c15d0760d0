"""Sensors that lie: stuck, offset, or connected to a neighbouring support."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from recore.metrology.support.diagnose_fault import Fault
from recore.metrology.support.diagnose_record import Leg, Record, findings
from recore.metrology.support.diagnose_stats import Array, Run, beyond, location, runs

_NEVER_S = 1e9
# cycles that tell where a leg stood before or after its sensor was exchanged
_KNOWN = 5
# supports on either side of an exchange that tell its place
_AROUND = 2


def stuck(quality: pa.Table, book: dict[str, Any], record: Record) -> list[Fault]:
    """Stretches of the data-quality report in which a sensor repeats one value for longer than the limit.

    Up to twice the limit, a leg at rest may do so too where a record is without noise: then the support must have been
    set or let go meanwhile, as another leg of it tells.
    """
    found = []
    for row in findings(quality, "stuck"):
        lasted = row["to"] - row["from"]
        if lasted < book["least_s"] or (lasted < 2.0 * book["least_s"] and _at_rest(record, row)):
            continue
        found.append(
            Fault(
                row["support"],
                row["leg"],
                "sensor_stuck",
                row["from"],
                row["to"],
                1.0 - math.exp(-lasted / book["least_s"]),
                row["value"],
                0.0,
                book["least_s"],
                "MPa",
                ((row["from"], row["to"], row["value"]),),
            )
        )
    return found


def _at_rest(record: Record, row: dict[str, Any]) -> bool:
    """Whether another leg of the support stood set from the beginning of a stretch to its end."""
    for leg, at in record.legs.items():
        if leg[0] == row["support"] and leg[1] != row["leg"]:
            start, end = record["start"][at], record["end"][at]
            if np.any((start <= row["from"]) & (end >= row["to"])):
                return True
    return False


def offset(quality: pa.Table, book: dict[str, Any], record: Record) -> list[Fault]:
    """Offsets of the data-quality report beyond the limit, where the cycles of the leg bear them out.

    The report knows a zero from what a leg shows while it is released. Hours in which no release was recorded have the same
    look as an offset of the size of the setting pressure. So the leg must have been set some times
    meanwhile, and without the offset it must be set more like its fellows, or the face, than with it.
    """
    found = []
    for row in findings(quality, "offset"):
        sure = beyond(abs(row["value"]), book["least_mpa"], book["u_mpa"])
        if abs(row["value"]) < book["least_mpa"] or not _borne_out(record, row, book["least_sets"]):
            continue
        found.append(
            Fault(
                row["support"],
                row["leg"],
                "sensor_offset",
                row["from"],
                row["to"],
                sure,
                row["value"],
                book["u_mpa"],
                book["least_mpa"],
                "MPa",
                ((row["from"], row["to"], row["value"]),),
            )
        )
    return found


def _borne_out(record: Record, row: dict[str, Any], least: float) -> bool:
    leg = row["support"], row["leg"]
    at = record.legs.get(leg)
    if at is None:
        return False

    def sets(of: slice) -> Array:
        start = record["start"][of]
        inside: Array = record["setting_mpa"][of][(start >= row["from"]) & (start <= row["to"])]
        return inside

    own = sets(at)
    if len(own) < least:
        return False
    beside = np.concatenate([np.empty(0), *(sets(record.legs[other]) for other in record.fellows(leg))])
    if len(beside) < least:
        beside = np.concatenate([sets(other) for name, other in record.legs.items() if name != leg] or [own])
    if not len(beside):
        return True
    without = float(np.median(own)) - float(np.median(beside))
    return bool(abs(without) < abs(without + row["value"]))


class Follows(NamedTuple):
    """A leg whose cycles begin and end with those of a leg of another support, and not with its own fellows'."""

    leg: Leg
    other: Leg  # the leg it follows
    run: Run
    begin: float
    end: float
    own_s: float
    other_s: float
    sure: float


def swapped(record: Record, book: dict[str, Any], false_alarms: float) -> list[Fault]:
    """Pairs of sensors that were exchanged between neighbouring supports.

    The legs of a support are set and released together. After an exchange each of the two legs keeps the times of
    the other support: it follows the fellows of the leg that it was exchanged with. Two legs of two supports, when
    all have two, follow each other in both ways; which leg was exchanged is then told by the order in which
    the supports of the face advance, and left open where that does not tell.
    """
    follows = [f for leg in record.legs for f in _follows(record, leg, book, false_alarms)]
    found: list[Fault] = []
    for (s, n), group in _between(follows).items():
        for pair in _pairs(record, s, n, group):
            found += pair
    return found


def _between(follows: list[Follows]) -> dict[tuple[int, int], list[Follows]]:
    """What lies between each two supports, the lower number first."""
    found: dict[tuple[int, int], list[Follows]] = {}
    for one in follows:
        key = (min(one.leg[0], one.other[0]), max(one.leg[0], one.other[0]))
        found.setdefault(key, []).append(one)
    return found


def _distance(record: Record, leg: Leg, other: Leg, cap: float) -> Array:
    """How far a leg's cycles begin and end from the nearest of another leg, s; capped."""
    total = np.zeros(record.legs[leg].stop - record.legs[leg].start)
    for name in ("start", "end"):
        mine, theirs = record[name][record.legs[leg]], record[name][record.legs[other]]
        padded = np.concatenate([[-_NEVER_S], theirs, [_NEVER_S * 100.0]])
        at = np.searchsorted(padded, mine)
        total += np.minimum(np.minimum(mine - padded[at - 1], padded[at] - mine), cap)
    return total / 2.0


def _follows(record: Record, leg: Leg, book: dict[str, Any], false_alarms: float) -> list[Follows]:
    fellows = record.fellows(leg)
    if not fellows:
        return []
    cap = book["cap_s"]
    own = np.min([_distance(record, leg, other, cap) for other in fellows], axis=0)
    numbers = sorted(record.supports)
    at = numbers.index(leg[0])
    near = [n for n in numbers[max(at - book["reach"], 0) : at + book["reach"] + 1] if n != leg[0]]
    start, end = record["start"][record.legs[leg]], record["end"][record.legs[leg]]
    trials = len(record) * 2 * book["reach"]
    best: list[Follows] = []
    for other in (other for n in near for other in record.supports[n]):
        theirs = _distance(record, leg, other, cap)
        x = own - theirs
        for run in runs(x, book["nearer_s"], book["sd_s"], trials, false_alarms, book["least_cycles"]):
            inside = slice(run.begin, run.end)
            mine, there = location(own[inside])[0], location(theirs[inside])[0]
            if there > book["with_s"] or there > book["ratio"] * mine:
                continue
            middle, u = location(x[inside])
            sure = beyond(middle, book["nearer_s"], max(u, 1e-9))
            best.append(
                Follows(leg, other, run, float(start[run.begin]), float(end[run.end - 1]), mine, there, sure)
            )
    return best


def _pairs(record: Record, s: int, n: int, follows: list[Follows]) -> list[list[Fault]]:
    """Exchanges between two supports, each as its two faults."""
    there = [f for f in follows if f.leg[0] == s]
    back = [f for f in follows if f.leg[0] == n]
    found: list[list[Fault]] = []
    used: list[tuple[float, float]] = []
    for one in sorted(there, key=lambda f: f.begin):
        # the leg that was exchanged with this one is no longer the one that it follows
        mates = [
            f
            for f in back
            if f.leg != one.other and f.other != one.leg and f.begin < one.end and one.begin < f.end
        ]
        if not mates or any(a < one.end and one.begin < b for a, b in used):
            continue
        options = [
            (one_, mate)
            for one_ in there
            if one_.begin < one.end and one.begin < one_.end
            for mate in back
            if mate.leg != one_.other
            and mate.other != one_.leg
            and mate.begin < one_.end
            and one_.begin < mate.end
        ]
        chosen, mate, open_ = _which(record, options)
        begin, end = max(chosen.begin, mate.begin), min(chosen.end, mate.end)
        used.append((begin, end))
        found.append([_fault(record, chosen, mate, open_), _fault(record, mate, chosen, open_)])
    return found


def _which(record: Record, options: list[tuple[Follows, Follows]]) -> tuple[Follows, Follows, bool]:
    """Of the exchanges that explain the times the one that fits the other supports of the face.

    Beside the supports around, a leg keeps its place in the order of the face; an exchanged one keeps another's. Where
    the record shows the legs before or after, those are the legs whose place changed; else those that
    advance with the supports on the wrong side.
    """
    same = [o for o in options if o[0].leg[1] == o[1].leg[1]] or options
    # a leg of many follows all fellows of its mate: that is one exchange, not several
    unique = list({(a.leg, b.leg): (a, b) for a, b in same}.values())
    scores = [_place(record, a, True) + _place(record, b, True) for a, b in unique]
    if not all(math.isfinite(score) for score in scores):
        scores = [_place(record, a, False) + _place(record, b, False) for a, b in unique]
    ranked = sorted(zip(scores, unique, strict=True), key=lambda pair: pair[0], reverse=True)
    open_ = len(ranked) > 1 and not ranked[0][0] - ranked[1][0] >= 1.0
    return ranked[0][1][0], ranked[0][1][1], open_


def _place(record: Record, one: Follows, changes: bool) -> float:
    """How much speaks against the place of a leg among the supports around, s.

    `changes` : how much its usual time from them is another than outside the exchange, NaN where too few cycles lie
        outside; else how much nearer it is to those beyond the other support than to those on its own side
    The two supports between which sensors were exchanged do not count.
    """
    numbers = sorted(record.supports)
    own, other = numbers.index(one.leg[0]), numbers.index(one.other[0])
    outward = 1 if own > other else -1
    start = record["start"][record.legs[one.leg]]
    inside = np.zeros(len(start), bool)
    inside[one.run.begin : one.run.end] = True
    if changes and np.count_nonzero(~inside) < _KNOWN:
        return math.nan
    total = 0.0
    for at, sign in ((own, outward), (other, -outward)):
        for step in range(1, _AROUND + 1):
            if not 0 <= at + sign * step < len(numbers):
                continue
            beside = numbers[at + sign * step]
            starts = np.sort(
                np.concatenate([record["start"][record.legs[leg]] for leg in record.supports[beside]])
            )
            padded = np.concatenate([[-_NEVER_S], starts, [_NEVER_S * 100.0]])
            k = np.searchsorted(padded, start)
            apart = np.minimum(start - padded[k - 1], padded[k] - start)
            here = float(np.median(apart[inside]))
            if changes:
                total += abs(here - float(np.median(apart[~inside])))
            else:
                total += here if at == own else -here
    return total


def _fault(record: Record, one: Follows, mate: Follows, open_: bool) -> Fault:
    at = record.legs[one.leg]
    start, end = record["start"][at], record["end"][at]
    own = np.min([_distance(record, one.leg, o, 3600.0) for o in record.fellows(one.leg)], axis=0)
    behind = range(one.run.begin, one.run.end)
    return Fault(
        one.leg[0],
        one.leg[1],
        "sensor_swapped",
        one.begin,
        one.end,
        min(one.sure, mate.sure) * (0.5 if open_ else 1.0),
        one.own_s,
        0.0,
        one.other_s,
        "s",
        tuple((float(start[k]), float(end[k]), float(own[k])) for k in behind),
        mate.leg[0],
        mate.leg[1],
    )
