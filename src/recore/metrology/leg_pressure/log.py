"""From the parts of a log to the load cycles of each leg, however the log is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.kernel import Limits
from recore.metrology.leg_pressure.records import cycles_of, event_driven, runs_of, yields_of
from recore.metrology.leg_pressure.rows import Faults, Leg, Pressures, Times, numbers, one_each, stretches
from recore.metrology.leg_pressure.segment import SMALL_LOG, LegPart, Reader, Segment

if TYPE_CHECKING:
    from recore.evidence import Table
    from recore.evidence.table import Part, Source

# rows of legs that are out of order and must be sorted in memory (16 bytes each, three times)
SORTABLE_ROWS = 2**25
# rows of a task on the executor, at least and at most
TASK_ROWS = 2**18, 2**22
# samples without a release that are kept raw before a stretch is taken for the beginning of the record
LONG_HEAD = 2**20
_IN_FLIGHT = 16
_FINISHED_AT_ONCE = 2**16


@dataclass
class Survey:
    """What one part of a log says."""

    legs: dict[Leg, LegPart] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)


def survey(parts: Sequence[Part], limits: Limits, small: bool) -> Survey:
    """Read some consecutive parts of a table: the task that runs on the executor."""
    found = Survey()
    reader = Reader(limits, small=small)
    for part in parts:
        for leg, ts, p, tick, rows in stretches(part, found.faults):
            found.legs.setdefault(leg, LegPart()).read(reader, ts, p, tick, rows)
    return found


def rows_of(parts: Sequence[Part], wanted: frozenset[Leg]) -> dict[Leg, list[tuple[Times, Pressures]]]:
    """All usable rows of some legs in some parts, in the order of the file."""
    found: dict[Leg, list[tuple[Times, Pressures]]] = {}
    for part in parts:
        for leg, ts, p, tick, _ in stretches(part, Faults()):
            if leg in wanted:
                found.setdefault(leg, []).append((ts * tick, p.astype(np.float64)))
    return found


@dataclass
class LegRecord:
    """All that was found about one leg; once it is finished `cycles` holds `RECORD`s and `yields` `YIELD`s.

    `runs`: stretches of 5 min or more of exactly the same value (start, end [µs], value [10 Pa], samples).
    """

    cycles: NDArray[Any]
    yields: NDArray[Any]
    runs: NDArray[Any]
    state: NDArray[Any]
    conflicts: int = 0

    @property
    def event_driven(self) -> bool:
        """Whether the leg is logged on change, so that a value holds until the next."""
        return event_driven(self.state["spacing"][0])

    def counted(self, name: str) -> int:
        return int(self.state[name][0])

    @property
    def running(self) -> int:
        """1 where the record ends in the middle of a cycle."""
        return int(self.state["phase"][0] >= kernel.SET)

    @property
    def outside(self) -> int:
        """Yield events of incomplete cycles."""
        return self.counted("outside") + (int(self.state["yields"][0]) if self.running else 0)


@dataclass
class Log:
    """All legs of a log, in the order of support and leg."""

    legs: dict[Leg, LegRecord]
    faults: Faults
    disordered: list[Leg]


@dataclass
class _Account:
    """What the parts read so far say about one leg."""

    segments: list[Segment] = field(default_factory=list)
    rows: int = 0
    untidy: bool = False
    disorder: tuple[Source, int] | None = None  # table and row where time first ran backwards in it
    table: int = -1
    last: int = kernel.NEVER  # latest time so far in that table

    def add(self, reader: Reader, found: LegPart, part: Part, table: int) -> None:
        self.rows += found.rows
        self.untidy = self.untidy or found.untidy
        segments = found.segments
        back_here = bool(segments) and table == self.table and segments[0].first < self.last
        if self.disorder is None and (found.backwards is not None or back_here):
            self.disorder = part.source, part.first_row if found.backwards is None else found.backwards
        if table != self.table:
            self.table, self.last = table, kernel.NEVER
        for segment in segments:
            self.last = max(self.last, segment.last)
            if not self.untidy:
                self._place(reader, segment)
        if self.untidy:
            self.segments.clear()

    def _place(self, reader: Reader, segment: Segment) -> None:
        before = [s for s in self.segments if s.last <= segment.first]
        if before:
            earlier = max(before, key=lambda s: s.last)
            self.untidy = not reader.join(earlier, segment)
        elif any(s.begins for s in self.segments):
            self.untidy = True
        else:
            earlier = segment
            self.segments.append(segment)
        if not self.untidy and earlier.state is None and earlier.samples > LONG_HEAD:
            self._begin(reader, earlier)

    def _begin(self, reader: Reader, segment: Segment) -> None:
        """Take the earliest stretch for the beginning of the record, so that its head need not be kept.

        Should an earlier one turn up after all, the leg is sorted in the second pass.
        """
        if segment.first == min(s.first for s in self.segments):
            whole = Segment(segment.first, begins=True, state=kernel.new_state())
            self.untidy = not reader.join(whole, segment)
            self.segments = [whole if s is segment else s for s in self.segments]

    def record(self, reader: Reader) -> LegRecord | None:
        """The leg as one sequence; None where its stretches overlap."""
        ordered = sorted(self.segments, key=lambda s: (s.first, s.last))
        begun = bool(ordered) and ordered[0].begins
        whole = ordered.pop(0) if begun else Segment(state=kernel.new_state())
        for segment in ordered:
            if segment.first < whole.last or not reader.join(whole, segment):
                return None
        return _record(reader, whole)


def _record(reader: Reader, whole: Segment, conflicts: int = 0) -> LegRecord:
    reader.finish(whole)
    assert whole.state is not None
    rows, events, runs = (
        np.concatenate([np.empty(0, kind), *pieces])
        for kind, pieces in (
            (kernel.CYCLE, whole.cycles),
            (kernel.EVENT, whole.events),
            (kernel.RUN, whole.runs),
        )
    )
    return LegRecord(rows, yields_of(events, whole.state), runs_of(runs, whole.state), whole.state, conflicts)


def _finished(records: Sequence[LegRecord]) -> None:
    """Turn the kernel's rows of several legs into `RECORD`s."""
    rows = np.concatenate([record.cycles for record in records])
    lengths = [len(record.cycles) for record in records]
    cycles = cycles_of(
        rows,
        np.concatenate([record.yields for record in records]),
        np.cumsum([0, *lengths[:-1]]),
        np.repeat([record.event_driven for record in records], lengths),
    )
    ends = np.cumsum(lengths)
    for record, piece in zip(records, np.split(cycles, ends[:-1]), strict=True):
        record.cycles = piece


def read_log(tables: Sequence[Table], limits: Limits, executor: Executor) -> Log:
    """Read several tables as one log, with memory bounded by the parts in flight and the cycles found.

    Raises
    ------
    BadInput : nothing usable, or a leg so far out of order that it would have to be sorted in memory
    """
    tasks = _tasks(_by_time(tables))
    small = sum(part.rows or 0 for _, parts in tasks for part in parts) < SMALL_LOG
    reader = Reader(limits, small=small)
    faults = Faults()
    accounts: dict[Leg, _Account] = {}
    surveys = _each(executor, survey, [(parts, limits, small) for _, parts in tasks])
    for (table, parts), found in zip(tasks, surveys, strict=True):
        faults.add(found.faults)
        for leg, leg_part in found.legs.items():
            accounts.setdefault(leg, _Account()).add(reader, leg_part, parts[0], table)
    if faults.infinite:
        raise BadInput(
            f"{faults.infinite} infinite value(s) in column 'pressure_mpa'",
            where=", ".join(table.name for table in tables),
            right="finite pressures are wanted; leave the cell empty where nothing was read",
        )
    if not accounts:
        raise BadInput(
            f"none of the {faults.rows} rows can be used ({faults.nan} without a pressure, "
            f"{faults.clock} with an impossible time)",
            where=", ".join(table.name for table in tables),
            right="rows of ts, support, leg and pressure_mpa are wanted",
        )
    legs: dict[Leg, LegRecord] = {}
    untidy: list[Leg] = []
    fresh: list[LegRecord] = []
    for leg, account in sorted(accounts.items()):
        record = None if account.untidy else account.record(reader)
        account.segments.clear()
        if record is None:
            untidy.append(leg)
        else:
            legs[leg] = record
            fresh.append(record)
            if sum(len(r.cycles) for r in fresh) > _FINISHED_AT_ONCE:
                _finished(fresh)
                fresh = []
    for group in _sortable(untidy, accounts):
        sorted_legs = _sorted_legs(group, [parts for _, parts in tasks], reader, executor)
        legs.update(sorted_legs)
        fresh += sorted_legs.values()
    if fresh:
        _finished(fresh)
    disordered = sorted(leg for leg, account in accounts.items() if account.disorder)
    return Log(dict(sorted(legs.items())), faults, disordered)


def _by_time(tables: Sequence[Table]) -> list[Table]:
    """Tables in the order of their first row, so that most stretches join as they come."""
    if len(tables) < 2:
        return list(tables)

    def first(table: Table) -> int:
        batch = next(table.batches(["ts"], {"ts": "time"}, rows=1))
        return int(numbers(batch.column(0))[0])

    return sorted(tables, key=first)


def _tasks(tables: Sequence[Table]) -> list[tuple[int, list[Part]]]:
    """Consecutive parts of each table, enough of them that a task is worth its overhead."""
    listed = [table.parts() for table in tables]
    total = sum(part.rows or 0 for parts in listed for part in parts)
    wanted = min(max(total // 16, TASK_ROWS[0]), TASK_ROWS[1])
    tasks: list[tuple[int, list[Part]]] = []
    for number, parts in enumerate(listed):
        group: list[Part] = []
        for part in parts:
            if group and sum(p.rows or 0 for p in group) >= wanted:
                tasks.append((number, group))
                group = []
            group.append(part)
        tasks.append((number, group))
    return tasks


def _each(
    executor: Executor, task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
) -> Iterator[Any]:
    """Results in the order of the arguments, a bounded number of tasks ahead."""
    running = []
    try:
        for given in arguments:
            running.append(executor.submit(task, *given))
            if len(running) > _IN_FLIGHT:
                yield running.pop(0).result()
        while running:
            yield running.pop(0).result()
    finally:
        for future in running:
            future.cancel()


def _sortable(legs: Sequence[Leg], accounts: dict[Leg, _Account]) -> Iterator[frozenset[Leg]]:
    """Groups of legs whose rows fit into memory together."""
    group: list[Leg] = []
    held = 0
    for leg in legs:
        rows = accounts[leg].rows
        if rows > SORTABLE_ROWS:
            disorder = accounts[leg].disorder
            raise BadInput(
                f"the {rows} samples of support {leg[0]}, leg {leg[1]} are not in the order of time",
                where=f"{disorder[0].name}, {disorder[0].place(disorder[1])}" if disorder else "the log",
                right="sort the log by support, leg and ts",
            )
        if group and held + rows > SORTABLE_ROWS:
            yield frozenset(group)
            group, held = [], 0
        group.append(leg)
        held += rows
    if group:
        yield frozenset(group)


def _sorted_legs(
    legs: frozenset[Leg], tasks: Sequence[list[Part]], reader: Reader, executor: Executor
) -> dict[Leg, LegRecord]:
    gathered: dict[Leg, list[tuple[Times, Pressures]]] = {leg: [] for leg in legs}
    for found in _each(executor, rows_of, [(parts, legs) for parts in tasks]):
        for leg, pieces in found.items():
            gathered[leg] += pieces
    records = {}
    for leg in legs:
        pieces = gathered.pop(leg)
        ts, p = (np.concatenate(column) for column in zip(*pieces, strict=True))
        ts, p, repeats, conflicts = one_each(ts, p)
        whole = Segment(state=kernel.new_state())
        reader.run(ts, kernel.quantised(p), 1, 0, whole)
        records[leg] = _record(reader, whole, conflicts)
        records[leg].state["repeats"] += repeats
    return records
