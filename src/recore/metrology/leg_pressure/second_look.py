"""All rows of one leg at once: for legs whose record has to be put right before it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from recore.metrology.leg_pressure import kernel, telegrams
from recore.metrology.leg_pressure.clock import Window, put_back
from recore.metrology.leg_pressure.rows import Pressures, Times, one_each
from recore.metrology.leg_pressure.segment import Reader, Segment
from recore.metrology.leg_pressure.trace import Fault, event_driven, spans_of
from recore.metrology.leg_pressure.units import in_mpa
from recore.metrology.leg_pressure.zero import Reference, Zero, offsets, zeroed

Piece = tuple[int, Times, Pressures]  # table, times in µs, pressures, as they stand in the file


@dataclass
class Look:
    """What was found, and done, when the rows of one leg were looked at together.

    `faults` by what was done: repaired and wrong (clock), bar and useless (unit); `spans` of the record
    after that (first, last, rows); `zeros` that were taken out; `unseen`: times of releases that no sample shows.
    """

    events: bool = False
    repeats: int = 0
    conflicts: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)
    spans: Times = field(default_factory=lambda: np.empty((0, 3), np.int64))
    zeros: list[Zero] = field(default_factory=list)
    unseen: Times = field(default_factory=lambda: np.empty(0, np.int64))

    def note(self, what: str, moments: Times) -> None:
        if len(moments):
            self.faults[what] = Fault(len(moments), int(moments.min()), int(moments.max()))

    def count(self, what: str) -> int:
        return self.faults[what].count if what in self.faults else 0


def put_right(pieces: Sequence[Piece], window: Window, gap_us: int) -> tuple[Times, Pressures, Look]:
    """Samples of a leg in the order of time, in MPa, each once.

    Parameters
    ----------
    pieces : all its rows in the order of the files, also those with impossible times
    window : first and last credible time of the log, µs
    gap_us : longest silence that is no gap
    """
    look = Look()
    ts, p = _in_order_of_files(pieces, window)
    ts, repaired, wrong = put_back(ts, window, gap_us)
    look.note("repaired", ts[repaired])
    look.note("wrong", ts[wrong])
    ts, p, look.repeats, look.conflicts = one_each(ts[~wrong], p[~wrong])
    p, bar, useless = in_mpa(ts, p)
    look.note("bar", ts[bar])
    look.note("useless", ts[useless])
    ts, p = ts[~useless], p[~useless]
    look.events = event_driven(ts)
    return ts, p, look


def read(reader: Reader, ts: Times, p: Pressures, look: Look) -> Segment:
    """One pass over the samples of a leg."""
    whole = Segment(state=kernel.new_state())
    spans = []
    for moments, values in _samples(ts, p, look, reader.limits.gap_us):
        reader.run(moments, kernel.quantised(values), 1, 0, whole)
        cuts = np.flatnonzero(np.diff(moments) > reader.limits.gap_us)
        begins, ends = np.append(0, cuts + 1), np.append(cuts, len(moments) - 1)
        spans.append(np.stack((moments[begins], moments[ends], ends + 1 - begins), axis=1))
    if spans:
        look.spans = spans_of(np.concatenate(spans), reader.limits.gap_us)
    assert whole.state is not None
    whole.state["repeats"] += look.repeats
    return whole


def zero(ts: Times, p: Pressures, look: Look, normal: Reference) -> Pressures:
    """Pressures without the offsets of the transducer."""
    look.zeros = offsets(ts, p, normal) if len(ts) else []
    return zeroed(ts, p, look.zeros)


def _samples(ts: Times, p: Pressures, look: Look, gap_us: int) -> Iterator[tuple[Times, Pressures]]:
    if look.events:
        yield from telegrams.held(ts, p, gap_us)
    elif len(ts):
        yield ts, p


def _in_order_of_files(pieces: Sequence[Piece], window: Window) -> tuple[Times, Pressures]:
    """Rows of all tables one after the other, the tables in the order of their first credible time."""
    tables: dict[int, list[tuple[Times, Pressures]]] = {}
    for table, ts, p in pieces:
        tables.setdefault(table, []).append((ts, p))
    joined = [
        tuple(np.concatenate(column) for column in zip(*parts, strict=True)) for parts in tables.values()
    ]

    def first(ts: Times) -> int:
        good = ts[(ts >= window[0]) & (ts <= window[1])]
        return int(good[0]) if len(good) else int(np.iinfo(np.int64).max)

    joined.sort(key=lambda rows: first(rows[0]))
    return np.concatenate([rows[0] for rows in joined]), np.concatenate([rows[1] for rows in joined])
