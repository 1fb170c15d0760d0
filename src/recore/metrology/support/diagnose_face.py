"""What many supports show together: a weak supply, or a roof that comes down on some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.support.diagnose_fault import Fault
from recore.metrology.support.diagnose_record import Record, _median
from recore.metrology.support.diagnose_stats import Array, beyond

# the reference's loading law, p = a + b ln(1 + t/120 s): b is a rate that does not hang on the cycle's length
_TAU_S = 120.0
_LEAST_S = 10.0


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


def support_cycles(record: Record, yield_mpa: float | None, at_yield: float) -> SupportCycles:
    """Cycles of the legs of a support that share their time, as one.

    `setting` is the median of the legs, so that one bad leg makes no weak supply; `rate` is the slowest leg's
    and `yielded` asks all legs, so that one bad leg makes no roof load.
    """
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
        for leg in legs:
            for begin, end in record.parted.get(leg, ()):
                absent += (record["start"][at] >= begin - 1.0) & (record["start"][at] <= end) & (leg != lead)
        needed = np.maximum(len(legs) - spare - absent, 1)
        slowest = np.sort(np.where(known, np.array(rate), np.inf), axis=0)[spare]
        whole = np.sum(known, axis=0) >= needed
        both = np.sum(np.array(yielded) & known, axis=0) >= needed
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


def roof_loads(cycles: SupportCycles, book: dict[str, Any]) -> tuple[list[Fault], int]:
    """Neighbouring supports all of whose legs load fast and yield at the same time, for several cycles.

    Fast is a cycle whose slower leg loads beyond what the face usually does (median and scatter of all cycles).
    Loaded cycles that share time on neighbouring supports, or follow each other on one, belong together.

    Returns
    -------
    the faults, and how many groups were left out for periodic weighting: they come again over the same supports, or
    take in too much of the face to be local
    """
    known = np.isfinite(cycles.rate)
    if not known.any():
        return [], 0
    usual = float(np.median(cycles.rate[known]))
    spread = 1.4826 * float(np.median(np.abs(cycles.rate[known] - usual)))
    limit = usual + book["sigmas"] * max(spread, book["least_spread"] * abs(usual))
    # how far a group reaches is told by the rate alone: a weak set or a low valve hides that a support yields
    loaded = np.flatnonzero(known & (cycles.rate >= limit))
    groups = []
    for group in _clusters(cycles, loaded, book["reach"]):
        supports, counts = np.unique(cycles.support[group], return_counts=True)
        if len(supports) >= book["least_supports"] and np.median(counts) >= book["least_shears"]:
            groups.append(group)
    everywhere = len(np.unique(cycles.support))
    groups = [g for g in groups if np.mean(cycles.yielded[g]) >= book["yield_share"]]
    local = [g for k, g in enumerate(groups) if not _weighting(cycles, groups, k, everywhere, book)]
    found = []
    for group in local:
        for support in np.unique(cycles.support[group]):
            own = group[cycles.support[group] == support]
            if len(own) < book["least_shears"]:
                continue  # at the fringe
            value = float(np.median(cycles.rate[own]))
            u = spread / float(np.sqrt(len(own)))
            found.append(
                Fault(
                    int(support),
                    None,
                    "roof_load",
                    float(cycles.start[own].min()),
                    float(cycles.end[own].max()),
                    beyond(value, limit, u),
                    value,
                    u,
                    limit,
                    "MPa",
                    tuple((float(cycles.start[k]), float(cycles.end[k]), float(cycles.rate[k])) for k in own),
                )
            )
    return found, len(groups) - len(local)


def _weighting(
    cycles: SupportCycles, groups: list[NDArray[np.int64]], k: int, everywhere: int, book: dict[str, Any]
) -> bool:
    """Whether a group is a break of the main roof: wide, or one of several over the same supports."""
    mine = set(cycles.support[groups[k]].tolist())
    if len(mine) >= book["wide_supports"] and len(mine) > book["wide_share"] * everywhere:
        return True
    others = [set(cycles.support[g].tolist()) for j, g in enumerate(groups) if j != k]
    alike = [other for other in others if len(mine & other) >= book["alike"] * len(mine | other)]
    if len(alike) < book["recurs"]:
        return False
    return bool(len(mine) >= book["as_wide"] * float(np.median([len(other) for other in alike])))


def _clusters(cycles: SupportCycles, loaded: NDArray[np.int64], reach: int) -> list[NDArray[np.int64]]:
    """Loaded cycles joined over neighbours that share time, and over successive cycles of one support."""
    label = np.arange(len(loaded))
    order = np.lexsort((cycles.start, cycles.support))
    ordinal = np.empty(len(order), np.int64)
    ordinal[order] = np.arange(len(order))

    def root(k: int) -> int:
        while label[k] != k:
            label[k] = label[label[k]]
            k = int(label[k])
        return k

    start, end, support = cycles.start[loaded], cycles.end[loaded], cycles.support[loaded]
    successor = {int(ordinal[at]): k for k, at in enumerate(loaded)}
    for k in range(len(loaded)):
        after = successor.get(int(ordinal[loaded[k]]) + 1)
        if after is not None and support[after] == support[k]:
            label[root(after)] = root(k)
        for j in range(k + 1, int(np.searchsorted(start, end[k]))):
            if 0 < abs(int(support[j]) - int(support[k])) <= reach:
                label[root(j)] = root(k)
    roots = np.array([root(k) for k in range(len(loaded))])
    return [loaded[roots == r] for r in np.unique(roots)]
