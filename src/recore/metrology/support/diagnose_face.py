"""What many supports show together: their cycles as wholes, and a weak supply."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.support.diagnose_fault import Fault
from recore.metrology.support.diagnose_record import Leg, Record, _median
from recore.metrology.support.diagnose_stats import Array, beyond

# the reference's loading law, p = a + b ln(1 + t/120 s): b is a rate that does not hang on the cycle's length
_TAU_S = 120.0
_LEAST_S = 10.0
# legs with these faults do not take what the roof puts on them
_WEAK = ("leg_leak", "check_valve_leak", "yield_low")


@dataclass(frozen=True)
class SupportCycles:
    """Cycles of whole supports in the order of their start.

    `legs` : how many legs each cycle has; `setting`, `lowest_load` : MPa; `yielded` : all legs at their yield pressure
    """

    support: NDArray[np.int64]
    start: Array
    end: Array
    setting: Array
    rate: Array
    yielded: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start)


def support_cycles(
    record: Record, yield_mpa: float | None, at_yield: float, faults: Iterable[Fault] = ()
) -> SupportCycles:
    """Cycles of the legs of a support that share their time, as one.

    `setting` is the median of the legs, so that one bad leg makes no weak supply; `rate` is the slowest leg's
    and `yielded` asks all legs, so that one bad leg makes no roof load. Legs that are known not to hold, by `faults`,
    say nothing of the roof while they do not: the others of their support answer for it.
    """
    weak: dict[Leg, list[tuple[float, float]]] = {}
    for fault in faults:
        if fault.fault in _WEAK and fault.leg is not None:
            weak.setdefault((fault.support, fault.leg), []).append((fault.begin, fault.end))
    parts: list[tuple[Any, ...]] = []
    for support, legs in record.supports.items():
        # the leg whose cycles stand for the support's: one whose sensor is where it seems, with the most cycles
        lead = max(
            legs, key=lambda leg: (leg not in record.parted, record.legs[leg].stop - record.legs[leg].start)
        )
        at = record.legs[lead]
        places = np.array(
            [np.arange(at.start, at.stop), *(record.paired[lead, o] for o in legs if o != lead)]
        )
        known = places >= 0
        setting, rate, yielded = [], [], []
        for leg, row in zip([lead, *(o for o in legs if o != lead)], np.maximum(places, 0), strict=True):
            here = record.legs[leg]
            values = _of_leg(record, leg, yield_mpa, at_yield)
            k = np.clip(row - here.start, 0, here.stop - here.start - 1)
            setting.append(values[0][k])
            rate.append(values[1][k])
            yielded.append(values[2][k])
        beside = np.where(known, np.array(setting), np.nan)
        # of more than two legs one may be unknown, or bad
        spare = 1 if len(legs) > 2 else 0
        absent = np.zeros(at.stop - at.start, np.int64)
        told = known.copy()
        for k, leg in enumerate([lead, *(o for o in legs if o != lead)]):
            for begin, end in record.parted.get(leg, ()):
                absent += (record["start"][at] >= begin - 1.0) & (record["start"][at] <= end) & (leg != lead)
            for begin, end in weak.get(leg, ()):
                out = told[k] & (record["start"][at] >= begin - 1.0) & (record["start"][at] <= end)
                told[k] &= ~out
                absent += out
        needed = np.maximum(len(legs) - spare - absent, 1)
        slowest = np.sort(np.where(told, np.array(rate), np.inf), axis=0)[spare]
        whole = (np.sum(told, axis=0) >= needed) & np.isfinite(slowest)
        both = np.sum(np.array(yielded) & told, axis=0) >= needed
        parts.append(
            (
                np.full(at.stop - at.start, support),
                record["start"][at],
                record["end"][at],
                _median(beside),
                np.where(whole, slowest, np.nan),
                both,
            )
        )
    if not parts:
        empty = np.empty(0)
        return SupportCycles(empty.astype(np.int64), empty, empty, empty, empty, empty.astype(bool))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[0], columns[1]))
    return SupportCycles(*(column[order] for column in columns))


def _of_leg(
    record: Record, leg: tuple[int, int], yield_mpa: float | None, at_yield: float
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Setting pressure, loading per unit of the loading law, and whether the yield pressure was reached."""
    at = record.legs[leg]
    start, end = record["start"][at], record["end"][at]
    setting, highest = record["setting_mpa"][at], record["max_mpa"][at]
    until = np.fmin(end, record.first_opening[at]) - start
    rate = (highest - setting) / np.log1p(np.maximum(until, _LEAST_S) / _TAU_S)
    yielded = highest >= at_yield * yield_mpa if yield_mpa is not None else np.zeros(len(start), bool)
    return setting, rate, yielded


def low_supply(cycles: SupportCycles, setting_mpa: float, book: dict[str, Any]) -> list[Fault]:
    """Times in which most of the supports that were set were set low.

    As many sets in the order of time as there are supports are one pass along the face; a set counts as weak where
    in a pass that holds it, most were. So the supply is judged by time alone and needs no count of shears.
    """
    limit = book["share"] * setting_mpa
    known = np.flatnonzero(np.isfinite(cycles.setting))
    supports = len(np.unique(cycles.support))
    width = max(min(supports, len(known)), 1)
    if supports < book["least_supports"] or len(known) < width:
        return []
    low = cycles.setting[known] < limit
    total = np.concatenate([[0], np.cumsum(low)])
    most = (total[width:] - total[:-width]) / width > book["most"]
    # within a pass that is mostly low the weak time runs from its first low set to its last
    weak = np.zeros(len(known), bool)
    for begin in np.flatnonzero(most):
        weak[begin : begin + width] |= low[begin : begin + width]
    if not weak.any():
        return []
    found = []
    at = np.flatnonzero(weak)
    for group in np.split(at, np.flatnonzero(np.diff(at) > width) + 1):
        group = _densest(low, group, book["most"])
        inside = known[group]
        settings = cycles.setting[inside]
        share = float(np.mean(low[group[0] : group[-1] + 1]))
        u = float(np.sqrt(max(share * (1.0 - share), 1.0 / (len(inside) + 2)) / len(inside)))
        confidence = beyond(share, book["most"], u)
        for support in np.unique(cycles.support[inside]):
            own = inside[cycles.support[inside] == support]
            found.append(
                Fault(
                    int(support),
                    None,
                    "low_supply",
                    float(cycles.start[own].min()),
                    float(cycles.end[own].max()),
                    confidence,
                    float(np.median(cycles.setting[own])),
                    float(np.std(settings) / np.sqrt(len(own))),
                    limit,
                    "MPa",
                    tuple(
                        (float(cycles.start[k]), float(cycles.end[k]), float(cycles.setting[k])) for k in own
                    ),
                )
            )
    return found


def _densest(low: NDArray[np.bool_], group: NDArray[np.int64], most: float) -> NDArray[np.int64]:
    """The stretch of a group in which low sets outweigh the others the most: stray low sets around it are left out."""
    begin, end = int(group[0]), int(group[-1]) + 1
    total = np.concatenate([[0.0], np.cumsum(low[begin:end] - most)])
    lowest = np.minimum.accumulate(total)
    last = int(np.argmax(total[1:] - lowest[:-1])) + 1
    first = int(np.argmin(total[:last]))
    kept: NDArray[np.int64] = group[(group >= begin + first) & (group < begin + last)]
    return kept
