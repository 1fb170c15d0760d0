"""A roof that comes down on a few supports, told from the weighting of the whole face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.support.diagnose_face import SupportCycles
from recore.metrology.support.diagnose_fault import Fault
from recore.metrology.support.diagnose_stats import beyond

Ints = NDArray[np.int64]

# one load lasts for as long on neighbours: their loaded stretches share at least this part of the shorter one
_SHARED = 0.5


@dataclass(frozen=True)
class _Face:
    """How many supports there are, and how many cycles each usually has."""

    supports: int
    shears: float


@dataclass(frozen=True)
class _Group:
    """Loaded cycles of neighbouring supports at one time.

    `at` : places of the cycles; `supports` : those that are loaded for long enough; `begin`, `end` : s; `rate` : median;
    `yielded` : share of the cycles in which all legs come to the yield pressure; `first`, `last` : how many cycles
    its supports usually had before it, and by its end
    """

    at: Ints
    supports: frozenset[int]
    first: float
    last: float
    rate: float
    yielded: float

    @property
    def width(self) -> int:
        return len(self.supports)


def roof_loads(cycles: SupportCycles, book: dict[str, Any]) -> tuple[list[Fault], int]:
    """Neighbouring supports all of whose legs load fast and yield at the same time, for several cycles.

    Fast is a cycle whose slower leg loads beyond what the face usually does (median and scatter of all cycles).
    Loaded cycles that follow each other on one support are a stretch; stretches of neighbours that share most of
    their time belong together.

    Returns
    -------
    the faults, and how many groups were left out for periodic weighting
    """
    known = np.isfinite(cycles.rate)
    if not known.any():
        return [], 0
    usual = float(np.median(cycles.rate[known]))
    spread = 1.4826 * float(np.median(np.abs(cycles.rate[known] - usual)))
    limit = usual + book["sigmas"] * max(spread, book["least_spread"] * abs(usual))
    # how far a group reaches is told by the rate alone: a weak set or a low valve hides that a support yields
    loaded = np.flatnonzero(known & (cycles.rate >= limit))
    ordinal, per_support = _ordinals(cycles)
    face = _Face(len(per_support), float(np.median(per_support)))
    groups = []
    for at in _clusters(cycles, loaded, book["reach"]):
        supports, counts = np.unique(cycles.support[at], return_counts=True)
        if len(supports) >= book["least_supports"] and np.median(counts) >= book["least_shears"]:
            core = frozenset(supports[counts >= min(book["least_shears"], counts.max())].tolist())
            if len(core) < book["least_supports"]:
                continue
            groups.append(
                _Group(
                    at,
                    core,
                    float(np.median([ordinal[at[cycles.support[at] == n]].min() for n in core])),
                    float(np.median([ordinal[at[cycles.support[at] == n]].max() + 1 for n in core])),
                    float(np.median(cycles.rate[at])),
                    float(np.mean(cycles.yielded[at])),
                )
            )
    groups.sort(key=lambda g: g.first)
    local = [g for k, g in enumerate(groups) if _local(groups, k, face, book)]
    yielding = [g for g in local if g.yielded >= book["yield_share"]]
    found = [fault for group in yielding for fault in _faults(cycles, group, limit, spread, book)]
    return found, len(groups) - len(local)


def _faults(
    cycles: SupportCycles, group: _Group, limit: float, spread: float, book: dict[str, Any]
) -> list[Fault]:
    found = []
    for support in sorted(set(cycles.support[group.at].tolist())):
        own = group.at[cycles.support[group.at] == support]
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
    return found


def _local(groups: list[_Group], k: int, face: _Face, book: dict[str, Any]) -> bool:
    """Whether a group is an exception of this face, and not one of the breaks of its main roof.

    A break of the main roof takes in a good part of the face and comes again, over the same supports or, where the
    zones wander, over about as many; it bears down most in the middle of its zone. What is wide is a break. What is
    narrow beside all others is none. What is as wide as they must be another kind of load: elsewhere, and faster or
    with all valves open where breaks leave some closed; in place, both. What stays alone although the record
    is long enough for a break to come again was none.
    """
    mine = groups[k]
    if mine.width > max(book["wide_share"] * face.supports, book["least_supports"]):
        return False
    others = [g for j, g in enumerate(groups) if j != k]
    free = max(mine.first, face.shears - mine.last)
    if not others:
        return bool(free >= book["again_shears"])
    if mine.width <= book["narrow"] * min(g.width for g in others):
        return True
    there = [g for g in others if _alike(mine, g, book["alike"])]
    beside = there or others
    faster = mine.rate >= book["faster"] * max(g.rate for g in beside)
    fuller = mine.yielded >= max(g.yielded for g in beside) + book["fuller"]
    if len(beside) >= book["known"] and (faster and fuller if there else faster or fuller):
        return True
    again = [
        later.first - g.first
        for j, g in enumerate(groups)
        if (later := next((o for o in groups[j + 1 :] if _alike(g, o, book["alike"])), None)) is not None
    ]
    alone = sum(not any(_alike(g, o, book["alike"]) for o in groups if o is not g) for g in groups)
    covered = any(len(mine.supports & g.supports) >= book["alike"] * mine.width for g in others)
    if covered:
        return False
    if len(groups) * 2 * book["again_shears"] <= face.shears:
        return True  # breaks anywhere on the face would come more often
    if alone > 1 or not again:
        return False
    return bool(free >= max(book["again_shears"], book["again"] * max(again)))


def _ordinals(cycles: SupportCycles) -> tuple[Ints, Ints]:
    """How many cycles of its support come before each; and how many each support has."""
    order = np.lexsort((cycles.start, cycles.support))
    _, counts = np.unique(cycles.support, return_counts=True)
    ordinal = np.empty(len(order), np.int64)
    ordinal[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ordinal, counts


def _alike(one: _Group, other: _Group, share: float) -> bool:
    """Whether two groups are over the same supports."""
    return bool(len(one.supports & other.supports) >= share * len(one.supports | other.supports))


def _clusters(cycles: SupportCycles, loaded: Ints, reach: int) -> list[Ints]:
    """Loaded cycles joined to stretches of one support, and these over neighbours that share most of their time."""
    order = np.lexsort((cycles.start, cycles.support))
    ordinal = np.empty(len(order), np.int64)
    ordinal[order] = np.arange(len(order))
    chain = loaded[np.argsort(ordinal[loaded])]
    new = (np.diff(ordinal[chain]) > 1) | (np.diff(cycles.support[chain]) != 0)
    stretches = np.split(chain, np.flatnonzero(new) + 1) if len(chain) else []
    stretches.sort(key=lambda at: float(cycles.start[at[0]]))
    begin = np.array([cycles.start[at[0]] for at in stretches])
    end = np.array([cycles.end[at[-1]] for at in stretches])
    support = np.array([cycles.support[at[0]] for at in stretches])
    label = np.arange(len(stretches))

    def root(k: int) -> int:
        while label[k] != k:
            label[k] = label[label[k]]
            k = int(label[k])
        return k

    for k in range(len(stretches)):
        for j in range(k + 1, int(np.searchsorted(begin, end[k]))):
            if 0 < abs(int(support[j]) - int(support[k])) <= reach:
                shared = min(end[k], end[j]) - begin[j]
                if shared >= _SHARED * min(end[k] - begin[k], end[j] - begin[j]):
                    label[root(j)] = root(k)
    roots = np.array([root(k) for k in range(len(stretches))])
    return [np.concatenate([stretches[k] for k in np.flatnonzero(roots == r)]) for r in np.unique(roots)]
