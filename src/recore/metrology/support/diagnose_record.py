"""The cycles of all legs of a face as arrays, with each cycle's fellows in the other legs of its support."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.metrology.support.diagnose_stats import Array

Leg = tuple[int, int]
Places = NDArray[np.int64]

_NUMBERS = (
    "setting_mpa",
    "final_mpa",
    "max_mpa",
    "yield_events",
    "leak_mpa_per_min",
    "revised_mpa",
)
_EVENTS = ("opening_mpa", "reseat_mpa")
# two cycles belong together where they share at least this part of the time that either takes
_SHARED = 0.5
SECOND = 1e6


def numbers(table: pa.Table, name: str) -> Array:
    """A column as floats, NaN where it is empty."""
    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        values: Array = column.to_numpy().astype(np.float64) / SECOND
        return values
    known: Array = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return known


@dataclass
class Record:
    """Cycles by support, leg and start.

    `columns` : one array per column of the table, times in s since 1970
    `legs` : leg → its places, as a slice
    `events`, `event_legs` : drops that may be openings of the yield valve, in the same way
    `parted` : leg → when its sensor was not where it seemed
    `first_opening` : of the yield valve at its own pressure, for each cycle; NaN without one
    """

    columns: dict[str, Array]
    legs: dict[Leg, slice]
    events: dict[str, Array]
    event_legs: dict[Leg, slice]
    first_opening: Array
    parted: dict[Leg, list[tuple[float, float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, cycles: pa.Table, yields: pa.Table, low_yields: pa.Table | None = None) -> Record:
        """A record from the tables of `support.cycles`, whose pressures are free of the sensors' zero offsets.

        `low_yields` : events of a second look from far below the yield pressure; None takes `yields` for them
        """
        columns = {name: numbers(cycles, name) for name in ("start", "end", *_NUMBERS)}
        low = yields if low_yields is None else low_yields
        events = {name: numbers(low, name) for name in ("start", "opened", "reseated", *_EVENTS)}
        legs = _slices(cycles)
        first = _first(
            columns["start"], legs, numbers(yields, "start"), numbers(yields, "opened"), _slices(yields)
        )
        return cls(columns, legs, events, _slices(low), first)

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["start"])

    @cached_property
    def supports(self) -> dict[int, list[Leg]]:
        found: dict[int, list[Leg]] = {}
        for leg in self.legs:
            found.setdefault(leg[0], []).append(leg)
        return found

    def fellows(self, leg: Leg) -> list[Leg]:
        """The other legs of its support."""
        return [other for other in self.supports[leg[0]] if other != leg]

    @cached_property
    def paired(self) -> dict[tuple[Leg, Leg], Places]:
        """For each cycle of a leg the place of the cycle of a fellow that shares its time; -1 without one."""
        return {(leg, other): self.partner(leg, other) for leg in self.legs for other in self.fellows(leg)}

    def partner(self, leg: Leg, other: Leg) -> Places:
        mine, theirs = self.legs[leg], self.legs[other]
        start, end = self["start"][mine], self["end"][mine]
        begins, ends = self["start"][theirs], self["end"][theirs]
        found = np.full(len(start), -1)
        best = np.zeros(len(start))
        after = np.searchsorted(begins, start)
        for at in (after - 1, after):
            there = (at >= 0) & (at < len(begins))
            k = np.clip(at, 0, len(begins) - 1)
            both = np.minimum(end, ends[k]) - np.maximum(start, begins[k])
            either = np.maximum(end, ends[k]) - np.minimum(start, begins[k])
            share = np.where(there, both / np.maximum(either, 1e-9), 0.0)
            better = (share >= _SHARED) & (share > best)
            found[better], best[better] = k[better] + theirs.start, share[better]
        return found

    def against(self, leg: Leg, values: Array) -> Array:
        """Values of a leg's cycles less the median of its fellows' at the same time; NaN without a fellow."""
        fellows = self.fellows(leg)
        if not fellows:
            return np.full(self.legs[leg].stop - self.legs[leg].start, np.nan)
        beside = []
        for other in fellows:
            at = self.paired[leg, other]
            beside.append(np.where(at >= 0, values[np.maximum(at, 0)], np.nan))
        return values[self.legs[leg]] - _median(np.array(beside))

    def unlike(self, leg: Leg) -> NDArray[np.bool_]:
        """Cycles of a leg in which a fellow stands set too, but in a cycle of another time: one of the two is none."""
        mine = self.legs[leg]
        start, end = self["start"][mine], self["end"][mine]
        found = np.zeros(len(start), bool)
        fellows = self.fellows(leg)
        for other in fellows:
            theirs = self.legs[other]
            begins, ends = self["start"][theirs], self["end"][theirs]
            k = np.maximum(np.searchsorted(begins, (start + end) / 2.0) - 1, 0)
            found |= (np.minimum(end, ends[k]) - np.maximum(start, begins[k])) >= _SHARED * (end - start)
        for other in fellows:
            found &= self.paired[leg, other] < 0
        for name in (leg, *fellows):
            for begin, until in self.parted.get(name, ()):
                found &= ~((start >= begin - 1.0) & (start <= until))
        return found

    def part(self, leg: Leg, begin: float, end: float) -> None:
        """Take a leg's cycles within some time for nobody's fellows: its sensor is not where it seems."""
        self.parted.setdefault(leg, []).append((begin, end))
        for other in self.fellows(leg):
            for mine, theirs in ((leg, other), (other, leg)):
                start = self["start"][self.legs[mine]]
                self.paired[mine, theirs][(start >= begin - 1.0) & (start <= end)] = -1

    def forget(self, cycles: NDArray[np.bool_]) -> None:
        """Take some cycles for no loads of their leg: what was lost in them is not told."""
        for name in ("revised_mpa", "leak_mpa_per_min"):
            self.columns[name] = np.where(cycles, np.nan, self.columns[name])

    def around(self, leg: Leg, values: Array, reach: int = 2) -> Array:
        """Values of a leg's cycles less the median of the legs of the neighbouring supports at that time."""
        numbers = sorted(self.supports)
        at = numbers.index(leg[0])
        near = [n for n in numbers[max(at - reach, 0) : at + reach + 1] if n != leg[0]]
        beside = []
        for other in (other for n in near for other in self.supports[n]):
            places = self.partner(leg, other)
            beside.append(np.where(places >= 0, values[np.maximum(places, 0)], np.nan))
        own = values[self.legs[leg]]
        return own - _median(np.array(beside)) if beside else np.full(len(own), np.nan)


def _first(
    start: Array, legs: dict[Leg, slice], cycle: Array, opened: Array, event_legs: dict[Leg, slice]
) -> Array:
    """Time of the first opening in each cycle, NaN without one."""
    found = np.full(len(start), np.nan)
    for leg, at in event_legs.items():
        if leg in legs:
            begin, first = np.unique(cycle[at], return_index=True)
            here = legs[leg]
            places = np.minimum(np.searchsorted(start[here], begin), here.stop - here.start - 1)
            same = start[here][places] == begin
            found[here.start + places[same]] = opened[at][first][same]
    return found


def findings(quality: pa.Table, kind: str) -> list[dict[str, Any]]:
    """Rows of the data-quality report of one kind, times in s."""
    if not quality.num_rows:
        return []
    kinds = quality["kind"].to_pylist()
    at = [k for k, word in enumerate(kinds) if word == kind]
    begin, end = numbers(quality, "from"), numbers(quality, "to")
    value = numbers(quality, "value_mpa")
    support, leg = quality["support"].to_pylist(), quality["leg"].to_pylist()
    return [
        {
            "support": support[k],
            "leg": leg[k],
            "from": float(begin[k]),
            "to": float(end[k]),
            "value": float(value[k]),
        }
        for k in at
        if support[k] is not None and leg[k] is not None
    ]


def _median(rows: Array) -> Array:
    """Median of each column over the known values, NaN where there is none."""
    if len(rows) == 1:
        only: Array = rows[0]
        return only
    ordered = np.sort(rows, axis=0)  # NaN last
    known = np.sum(np.isfinite(rows), axis=0)
    low, high = np.maximum(known - 1, 0) // 2, known // 2
    columns = np.arange(rows.shape[1])
    high = np.minimum(high, len(rows) - 1)
    middle: Array = (ordered[low, columns] + ordered[high, columns]) / 2.0
    middle[known == 0] = np.nan
    return middle


def _slices(table: pa.Table) -> dict[Leg, slice]:
    support, leg = table["support"].to_numpy(), table["leg"].to_numpy()
    if not len(support):
        return {}
    begins = np.flatnonzero(np.diff(support, prepend=support[0] - 1) | np.diff(leg, prepend=leg[0] - 1))
    ends = np.append(begins[1:], len(support))
    return {(int(support[a]), int(leg[a])): slice(int(a), int(b)) for a, b in zip(begins, ends, strict=True)}
