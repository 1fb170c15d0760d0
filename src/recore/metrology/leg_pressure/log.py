"""From the parts of a log to the load cycles of each leg, however the log is cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence.table import Unread
from recore.metrology.leg_pressure import kernel, unseen
from recore.metrology.leg_pressure.clock import Window, bulk
from recore.metrology.leg_pressure.kernel import Limits
from recore.metrology.leg_pressure.layout import layout
from recore.metrology.leg_pressure.records import YIELD, cycles_of, event_driven, runs_of, yields_of
from recore.metrology.leg_pressure.rows import Faults, Leg, Pressures, Times, numbers, stretches
from recore.metrology.leg_pressure.second_look import Look, Piece, put_right, read, zero
from recore.metrology.leg_pressure.segment import LegPart, Reader, Segment
from recore.metrology.leg_pressure.stuck import Stuck, stuck
from recore.metrology.leg_pressure.succession import decide
from recore.metrology.leg_pressure.zero import Reference, pieces, reference

if TYPE_CHECKING:
    from recore.evidence.table import Part, Source, Table

    _Task = tuple[int, list[Part]]  # number of the table, and consecutive parts of it

# below this many rows the interpreter is done before the compiled kernel is loaded, also over a slow record
SMALL_LOG = 50_000
# rows of legs that are out of order and must be sorted in memory (16 bytes each, three times)
SORTABLE_ROWS = 2**25
# readings that change by less from sample to sample, on average, are still
STILL_MPA = 0.02
# a leg with less than this share of its twin's cycles may not come below the thresholds
FEW_SHARE = 0.8
# rows of a task on the executor, at least and at most
TASK_ROWS = 2**18, 2**22
# samples without a release that are kept raw before a stretch is taken for the beginning of the record
LONG_HEAD = 2**20
_IN_FLIGHT = 16
_LISTED = 8
_FINISHED_AT_ONCE = 2**16


@dataclass
class Survey:
    """What one part of a log says."""

    legs: dict[Leg, LegPart] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    unread: list[str] = field(default_factory=list)  # why some of it could not be read


def survey(parts: Sequence[Part], limits: Limits, small: bool) -> Survey:
    """Read some consecutive parts of a table: the task that runs on the executor."""
    found = Survey()
    reader = Reader(limits, small=small)
    for part in parts:
        try:
            for leg, ts, p, tick, rows in stretches(part, found.faults):
                found.legs.setdefault(leg, LegPart()).read(reader, ts, p, tick, rows)
        except BadInput as error:  # what was read before it counts
            found.unread.append(str(error))
    return found


def rows_of(
    parts: Sequence[Part], wanted: frozenset[Leg], undated: bool = False
) -> dict[Leg, list[tuple[Times, Pressures]]]:
    """All usable rows of some legs in some parts, in the order of the file: times in µs, pressures in MPa.

    With `undated` also those whose time is impossible. What cannot be read is left out, as in `survey`.
    """
    found: dict[Leg, list[tuple[Times, Pressures]]] = {}
    for part in parts:
        with suppress(BadInput):
            for leg, ts, p, tick, _ in stretches(part, Faults(), undated=undated):
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
    def level(self) -> float:
        """Median pressure while released, MPa; NaN where it is not known."""
        return float(np.median(self.lows)) if len(self.lows) else math.nan

    @property
    def lows(self) -> NDArray[np.float64]:
        """Lowest pressures of the releases, MPa."""
        low: NDArray[np.float64] = self.cycles["low"]
        return low[np.isfinite(low)]

    @property
    def noisy(self) -> bool:
        """Whether the readings of a set leg wander from sample to sample."""
        steps = int(self.cycles["steps"].sum())
        return bool(steps and self.cycles["wander"].sum() > STILL_MPA * steps)

    @property
    def running(self) -> int:
        """1 where the record ends in the middle of a cycle."""
        return int(self.state["phase"][0] >= kernel.SET)

    @property
    def outside(self) -> int:
        """Yield events of incomplete cycles."""
        return self.counted("outside") + (int(self.state["yields"][0]) if self.running else 0)


@dataclass
class FileRead:
    """What became of one file: rows that were read, and why not all of them."""

    name: str
    rows: int = 0
    reason: str = ""

    def say(self, reasons: Sequence[str]) -> None:
        self.reason = "; ".join(filter(None, (self.reason, *reasons)))


class ZeroLimits(NamedTuple):
    """Smallest offset that is taken out, and highest back pressure of a released leg, MPa."""

    offset_mpa: float
    back_mpa: float


@dataclass
class Log:
    """All legs of a log, in the order of support and leg."""

    legs: dict[Leg, LegRecord]
    faults: Faults
    disordered: list[Leg]
    files: list[FileRead]
    window: Window  # first and last credible time, µs
    looks: dict[Leg, Look] = field(default_factory=dict)  # legs that were put right
    stuck: dict[Leg, list[Stuck]] = field(default_factory=dict)
    masked: int = 0  # cycles left out because they touch a stuck stretch

    def spans(self, leg: Leg) -> Times:
        """First and last time [µs] and rows of each stretch of a leg's record without a silence."""
        return self.looks[leg].spans if leg in self.looks else self.faults.legs[leg].spans

    def suspect(self, leg: Leg, disorder: Any) -> bool:
        """Whether the rows of a leg must be looked at together before they are read."""
        trace = self.faults.legs[leg]
        spans = trace.spans
        stray = len(spans) and (spans[0, 0] < self.window[0] or spans[-1, 1] > self.window[1])
        return bool(disorder or stray or trace.faults.keys() & {"clock", "unit"} or trace.perhaps_uneven)

    def usual_step(self, leg: Leg) -> int:
        """Mean time between the samples of a leg outside of its silences, µs."""
        spans = self.spans(leg)
        return int((spans[:, 1] - spans[:, 0]).sum() // max(int((spans[:, 2] - 1).sum()), 1))

    @property
    def live_on_change(self) -> set[Leg]:
        """Legs that report only what changes, and may be still for long."""
        return {leg for leg, look in self.looks.items() if look.events}

    def off_zero(self, normal: Reference) -> list[Leg]:
        """Legs whose released level is not that of the others, or that have too few releases."""
        counts = {leg: len(record.cycles) for leg, record in self.legs.items()}
        usual = float(np.median(list(counts.values())))
        found = []
        for leg, record in self.legs.items():
            twins = [count for other, count in counts.items() if other[0] == leg[0] and other != leg]
            few = counts[leg] < FEW_SHARE * max(twins, default=usual) or not counts[leg]
            changes = len(pieces(record.lows, normal.least)) > 1
            if few or changes or abs(record.level - normal.level) > normal.least:
                found.append(leg)
        return sorted(found)


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
        kernel.joined(pieces, kind)
        for kind, pieces in (
            (kernel.CYCLE, whole.cycles),
            (kernel.EVENT, whole.events),
            (kernel.RUN, whole.runs),
        )
    )
    return LegRecord(rows, yields_of(events, whole.state), runs_of(runs, whole.state), whole.state, conflicts)


def _finished(records: Sequence[LegRecord]) -> None:
    """Turn the kernel's rows of several legs into `RECORD`s."""
    rows = kernel.joined([record.cycles for record in records], kernel.CYCLE)
    lengths = [len(record.cycles) for record in records]
    cycles = cycles_of(
        rows,
        kernel.joined([record.yields for record in records], YIELD),
        np.cumsum([0, *lengths[:-1]]),
        np.repeat([record.event_driven for record in records], lengths),
    )
    ends = np.cumsum(lengths)
    for record, piece in zip(records, np.split(cycles, ends[:-1]), strict=True):
        record.cycles = piece


def read_log(
    tables: Sequence[Table | Unread],
    limits: Limits,
    executor: Executor,
    zeros: ZeroLimits,
    unseen_releases: bool = True,
) -> Log:
    """Read several tables as one log, with memory bounded by the parts in flight and the cycles found.

    Raises
    ------
    BadInput : nothing usable, or a leg so far out of order that it would have to be sorted in memory
    """
    files = [
        FileRead(table.name, reason=table.reason if isinstance(table, Unread) else "") for table in tables
    ]
    readable = _readable(tables, files)
    tasks = _tasks(_by_time(readable))
    small = sum(part.rows or 0 for _, parts in tasks for part in parts) < SMALL_LOG
    reader = Reader(limits, small=small)
    faults = Faults()
    accounts: dict[Leg, _Account] = {}
    surveys = _each(executor, survey, [(parts, limits, small) for _, parts in tasks])
    for (table, parts), found in zip(tasks, surveys, strict=True):
        faults.add(found.faults)
        files[table].rows += found.faults.rows
        files[table].say(found.unread)
        for leg, leg_part in found.legs.items():
            accounts.setdefault(leg, _Account()).add(reader, leg_part, parts[0], table)
    if not accounts:
        raise _nothing(files, faults)
    log = Log({}, faults, [], files, bulk(trace.spans for trace in faults.legs.values()))
    _first_records(log, accounts, reader, tasks, executor)
    normal = _second_records(log, accounts, reader, tasks, executor, zeros)
    if unseen_releases:
        _slow_records(log, accounts, reader, tasks, executor, normal)
    _stuck_records(log, limits)
    log.disordered = sorted(leg for leg, account in accounts.items() if account.disorder)
    log.legs = dict(sorted(log.legs.items()))
    return log


def _nothing(files: Sequence[FileRead], faults: Faults) -> BadInput:
    unread = [file for file in files if file.reason]
    if unread and not faults.rows:
        return BadInput(
            "; ".join(file.reason for file in unread[:_LISTED])
            + (f"; and {len(unread) - _LISTED} more" if len(unread) > _LISTED else "")
        )
    return BadInput(
        f"none of the {faults.rows} rows can be used ({faults.total('nan')} without a pressure, "
        f"{faults.total('clock')} with an impossible time)",
        where=", ".join(file.name for file in files),
        right="rows of ts, support, leg and pressure_mpa are wanted",
    )


def _readable(tables: Sequence[Table | Unread], files: Sequence[FileRead]) -> dict[int, list[Part]]:
    """Parts of each table that can be opened; of the others `files` says why not."""
    found = {}
    for number, table in enumerate(tables):
        if isinstance(table, Unread):
            continue
        try:
            layout(table.source)
            found[number] = table.parts()
        except BadInput as error:
            files[number].say([str(error)])
    return found


def _by_time(tables: dict[int, list[Part]]) -> dict[int, list[Part]]:
    """Tables in the order of their first row, so that most stretches join as they come."""
    if len(tables) < 2:
        return tables

    def first(number: int) -> int:
        part = tables[number][0]
        ts = layout(part.source).ts
        try:
            return int(numbers(next(part.batches([ts], {ts: "time"}, rows=1)).column(0))[0])
        except (BadInput, StopIteration):  # the survey will say what is wrong
            return kernel.NEVER

    return dict(sorted(tables.items(), key=lambda item: first(item[0])))


def _first_records(
    log: Log, accounts: dict[Leg, _Account], reader: Reader, tasks: Sequence[_Task], executor: Executor
) -> None:
    """Records of all legs; those that must be put right or sorted are read once more."""
    again: list[Leg] = []
    fresh: list[LegRecord] = []
    for leg, account in sorted(accounts.items()):
        again_here = account.untidy or (account.rows <= SORTABLE_ROWS and log.suspect(leg, account.disorder))
        record = None if again_here else account.record(reader)
        account.segments.clear()
        if record is None:
            again.append(leg)
        else:
            log.legs[leg] = record
            fresh.append(record)
            if sum(len(r.cycles) for r in fresh) > _FINISHED_AT_ONCE:
                _finished(fresh)
                fresh = []
    for group in _sortable(again, accounts):
        for leg, rows in _gathered(group, tasks, executor):
            ts, p, look = put_right(rows, log.window, reader.limits.gap_us)
            fresh.append(_looked(log, leg, reader, read(reader, ts, p, look), look))
    if fresh:
        _finished(fresh)


def _second_records(
    log: Log,
    accounts: dict[Leg, _Account],
    reader: Reader,
    tasks: Sequence[_Task],
    executor: Executor,
    zeros: ZeroLimits,
) -> Reference:
    """Records of legs whose zero is off, without the offset."""
    levels = {leg: record.level for leg, record in log.legs.items()}
    normal = reference(list(levels.values()), zeros.offset_mpa, zeros.back_mpa)
    fresh: list[LegRecord] = []
    suspects = [leg for leg in log.off_zero(normal) if accounts[leg].rows <= SORTABLE_ROWS]
    for group in _sortable(suspects, accounts):
        for leg, rows in _gathered(group, tasks, executor):
            ts, p, look = put_right(rows, log.window, reader.limits.gap_us)
            p = zero(ts, p, look, normal)
            if any(found.offset for found in look.zeros):
                fresh.append(_looked(log, leg, reader, read(reader, ts, p, look), look))
    if fresh:
        _finished(fresh)
    return normal


def _slow_records(
    log: Log,
    accounts: dict[Leg, _Account],
    reader: Reader,
    tasks: Sequence[_Task],
    executor: Executor,
    normal: Reference,
) -> None:
    """Records of legs with releases that fell between two samples."""
    slow = [
        leg
        for leg in sorted(log.legs)
        if leg not in log.live_on_change
        and accounts[leg].rows <= SORTABLE_ROWS
        and log.usual_step(leg) > unseen.LEAST_STEP_US
    ]
    if not slow:
        return
    face = np.array([np.median(r.cycles["setting"]) for r in map(log.legs.get, slow) if r and len(r.cycles)])
    told: dict[Leg, unseen.Told] = {}
    groups = list(_sortable(slow, accounts, supports=True))
    held: dict[Leg, tuple[Times, Pressures, Look]] = {}

    def looked(group: frozenset[Leg]) -> Iterator[tuple[Leg, tuple[Times, Pressures, Look]]]:
        for leg, rows in _gathered(group, tasks, executor):
            ts, p, look = put_right(rows, log.window, reader.limits.gap_us)
            if leg in log.looks and log.looks[leg].zeros:
                p = zero(ts, p, look, normal)
            yield leg, (ts, p, look)

    for group in groups:
        support: dict[int, dict[int, tuple[Times, Pressures, int]]] = {}
        for leg, (ts, p, look) in looked(group):
            support.setdefault(leg[0], {})[leg[1]] = ts, p, log.usual_step(leg)
            if len(groups) == 1:
                held[leg] = ts, p, look
        for number, legs in support.items():
            for which, found in unseen.evidence(legs, face, reader.limits).items():
                told[number, which] = found
    releases = decide(told)
    fresh: list[LegRecord] = []
    for group in groups:
        wanted = frozenset(leg for leg in group if len(releases.get(leg, ())))
        for leg, (ts, p, look) in held.items() if held else looked(wanted):
            if leg in wanted:
                after = releases[leg]
                look.unseen = ts[after + 1]
                ts, p = unseen.inserted(ts, p, after)
                fresh.append(_looked(log, leg, reader, read(reader, ts, p, look), look))
    if fresh:
        _finished(fresh)


def _stuck_records(log: Log, limits: Limits) -> None:
    """Leave out the cycles that a stuck transducer showed, or hid."""
    usual = {leg: log.usual_step(leg) for leg in log.legs}
    log.stuck = stuck(
        # two equal samples with a gap between are no run
        {
            leg: runs[2 * runs["samples"] * usual[leg] > runs["end"] - runs["start"]]
            for leg, runs in ((leg, record.runs) for leg, record in log.legs.items())
        },
        {leg: record.cycles for leg, record in log.legs.items()},
        {leg for leg, record in log.legs.items() if leg not in log.live_on_change and record.noisy},
        limits.release_p,
    )
    for leg, stretches_ in log.stuck.items():
        record = log.legs[leg]
        after = 2 * usual[leg]  # the sample that follows a stuck one may be anywhere in a cycle
        kept = np.ones(len(record.cycles), bool)
        for found in stretches_:
            kept &= (record.cycles["end"] < found.first) | (record.cycles["start"] > found.last + after)
        log.masked += int(np.count_nonzero(~kept))
        record.cycles = record.cycles[kept]
        record.yields = record.yields[np.isin(record.yields["start"], record.cycles["start"])]


def _looked(log: Log, leg: Leg, reader: Reader, whole: Segment, look: Look) -> LegRecord:
    log.legs[leg] = _record(reader, whole, look.conflicts)
    log.looks[leg] = look
    return log.legs[leg]


def _tasks(tables: dict[int, list[Part]]) -> list[_Task]:
    """Consecutive parts of each table, enough of them that a task is worth its overhead."""
    total = sum(part.rows or 0 for parts in tables.values() for part in parts)
    wanted = min(max(total // 16, TASK_ROWS[0]), TASK_ROWS[1])
    tasks: list[_Task] = []
    for number, parts in tables.items():
        group: list[Part] = []
        rows = 0
        for part in parts:
            if group and rows >= wanted:
                tasks.append((number, group))
                group, rows = [], 0
            group.append(part)
            rows += part.rows or 0
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


def _sortable(
    legs: Sequence[Leg], accounts: dict[Leg, _Account], *, supports: bool = False
) -> Iterator[frozenset[Leg]]:
    """Groups of legs whose rows fit into memory together; `supports`: the legs of one are not parted."""
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
        if group and held + rows > SORTABLE_ROWS and not (supports and leg[0] == group[-1][0]):
            yield frozenset(group)
            group, held = [], 0
        group.append(leg)
        held += rows
    if group:
        yield frozenset(group)


def _gathered(
    legs: frozenset[Leg], tasks: Sequence[_Task], executor: Executor
) -> Iterator[tuple[Leg, list[Piece]]]:
    """All rows of some legs, also those with impossible times, as they stand in the files."""
    gathered: dict[Leg, list[Piece]] = {leg: [] for leg in legs}
    found = _each(executor, rows_of, [(parts, legs, True) for _, parts in tasks])
    for (table, _), rows in zip(tasks, found, strict=True):
        for leg, found_rows in rows.items():
            gathered[leg] += [(table, ts, p) for ts, p in found_rows]
    for leg in sorted(legs):
        yield leg, gathered.pop(leg)
