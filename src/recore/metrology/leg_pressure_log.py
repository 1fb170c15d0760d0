"""From the rows of a log to the load cycles of each leg, however the log is cut.

A stretch of one leg's samples is summarised as a `Segment`: its head, kept raw, up to the first
sample that says by itself that the leg is released; the cycles after that; and the state at its
end. Two segments in sequence join by running the first one's state over the second one's head,
which is what a single pass would have done: joining is associative, and any cut gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.metrology import leg_pressure_kernel as kernel
from recore.metrology.leg_pressure_kernel import Limits
from recore.metrology.leg_pressure_leak import leak_rates

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.evidence import Table
    from recore.evidence.table import Part, Source

Leg = tuple[int, int]  # support, leg
Times = NDArray[np.int64]
Pressures = NDArray[np.floating[Any]]

COLUMNS = ("ts", "support", "leg", "pressure_mpa")
KINDS: dict[str, Any] = {"ts": "time", "support": "integer", "leg": "integer"}
EARLIEST_US = int(np.datetime64("1971-01-01", "us").astype(np.int64))
LATEST_US = int(np.datetime64("2101-01-01", "us").astype(np.int64))
IMPLAUSIBLE_MPA = 100.0

# below this many rows the interpreter is done before the compiled kernel is loaded
SMALL_LOG = 500_000
# rows of legs that are out of order and must be sorted in memory (16 bytes each, three times)
SORTABLE_ROWS = 2**25
# rows of a task on the executor, at least and at most
TASK_ROWS = 2**18, 2**22
# samples without a release that are kept raw before a stretch is taken for the beginning of the record
LONG_HEAD = 2**20
_TICK_US = {"s": 1_000_000, "ms": 1000, "us": 1}
_SCATTERED = 64
_IN_FLIGHT = 16
_SEARCH = 8192
_ROWS = 1024
_FINISHED_AT_ONCE = 2**16


@dataclass
class Segment:
    """A stretch of one leg in time order; `state` is None as long as nothing in it is certain."""

    first: int = kernel.NEVER
    begins: bool = False  # taken for the beginning of the leg's record
    head: list[tuple[Times, Pressures]] = field(default_factory=list)
    state: NDArray[Any] | None = None
    cycles: list[NDArray[Any]] = field(default_factory=list)

    @property
    def last(self) -> int:
        """Time of the last sample, µs."""
        if self.state is not None:
            return max(int(self.state["t_prev"][0]), int(self.state["t_held"][0]))
        return int(self.head[-1][0][-1]) if self.head else kernel.NEVER

    @property
    def samples(self) -> int:
        """Samples of the head."""
        return sum(len(ts) for ts, _ in self.head)


class Reader:
    """Runs the kernel: interpreted over a small log, compiled over a large one, with the same bits."""

    def __init__(self, limits: Limits, *, small: bool) -> None:
        self.limits = limits
        self.left = SMALL_LOG if small else 0
        self.rows = np.empty(_ROWS, kernel.CYCLE)
        self.law = kernel.loading_law()

    def run(self, ts: Times, p: Pressures, tick: int, at: int, segment: Segment) -> tuple[int, int]:
        """Carry a segment over its samples from `at` on; where it stopped, and why."""
        self.left -= len(ts) - at
        compiled = kernel.compiled(p.dtype == np.float32) if self.left < 0 else None
        advance: Callable[..., tuple[int, int, int]] = compiled or kernel.advance
        samples: tuple[Any, Any] = (ts, p) if compiled else (ts[at:].tolist(), p[at:].tolist())
        i, offset = (at, 0) if compiled else (0, at)
        while True:
            i, filled, why = advance(*samples, tick, i, segment.state, self.rows, self.limits, self.law)
            if filled:
                segment.cycles.append(self.rows[:filled].copy())
            if why != kernel.FULL:
                return i + offset, why

    def extend(self, segment: Segment, ts: Times, p: Pressures, tick: int, at: int) -> tuple[int, int]:
        """Add samples to a segment, from `at` on, as far as they are in order."""
        if at == len(ts):
            return at, kernel.DONE
        if segment.first == kernel.NEVER:
            segment.first = int(ts[at]) * tick
        if segment.state is None:
            released = _released(ts, p, at, self.limits.release_mpa)
            end = len(ts) if released is None else released + 1
            head = ts[at:end] * tick, p[at:end].astype(np.float64)
            stop, why = _in_order(segment, *head)
            if stop:
                segment.head.append((head[0][:stop], head[1][:stop]))
            if why != kernel.DONE:
                return at + stop, why
            if released is None:
                return end, why
            segment.state = kernel.new_state(kernel.LOW, int(ts[released]) * tick, float(p[released]))
            at = end
        return self.run(ts, p, tick, at, segment)

    def join(self, segment: Segment, after: Segment) -> bool:
        """Append a later segment; False where the two hold different pressures of one time."""
        if segment.state is None:
            segment.head += after.head
            segment.state, segment.cycles = after.state, after.cycles
            return True
        for ts, p in after.head:
            if self.run(ts, p, 1, 0, segment)[1] != kernel.DONE:
                return False
        if after.state is not None:
            state = after.state.copy()
            for name in kernel.COUNTED:
                state[name] += segment.state[name]
            state["grain"] = np.minimum(state["grain"], segment.state["grain"])
            segment.state = state
        segment.cycles += after.cycles
        return True


def _released(ts: Times, p: Pressures, at: int, release_mpa: float) -> int | None:
    """First sample after which the leg is certainly released, whatever came before.

    A single negative sample may be a fault; two in a row are a release seen with a zero drift.
    """
    for begin in range(at, len(p), _SEARCH):
        for k in begin + np.flatnonzero(p[begin : begin + _SEARCH] < release_mpa):
            if p[k] >= 0.0 or (k > at and p[k - 1] < 0.0 and ts[k] > ts[k - 1]):
                return int(k)
    return None


def _in_order(segment: Segment, ts: Times, p: Pressures) -> tuple[int, int]:
    """How many samples continue the segment's head, and why the next one does not."""
    if segment.head:
        ts = np.concatenate((segment.head[-1][0][-1:], ts))
        p = np.concatenate((segment.head[-1][1][-1:], p))
    extra = int(bool(segment.head))
    step = np.diff(ts)
    bad = np.flatnonzero((step < 0) | ((step == 0) & (np.diff(p) != 0.0)))
    if bad.size:
        k = int(bad[0])
        return k + 1 - extra, kernel.BACKWARDS if step[k] < 0 else kernel.CONFLICT
    return len(ts) - extra, kernel.DONE


@dataclass
class LegPart:
    """What one part of a log says about one leg."""

    segments: list[Segment] = field(default_factory=list)
    rows: int = 0
    backwards: int | None = None  # table row at which time first runs backwards
    untidy: bool = False  # must be sorted before it can be read

    def read(self, reader: Reader, ts: Times, p: Pressures, tick: int, rows: Times | range) -> None:
        self.rows += len(ts)
        at = 0
        while at < len(ts) and not self.untidy:
            if not self.segments:
                self.segments.append(Segment())
            at, why = reader.extend(self.segments[-1], ts, p, tick, at)
            if why == kernel.BACKWARDS:
                if self.backwards is None:
                    self.backwards = int(rows[at])
                self.segments.append(Segment())
            self.untidy = why == kernel.CONFLICT or len(self.segments) > _SCATTERED
        if self.untidy:
            self.segments.clear()


@dataclass
class Faults:
    """Rows that are flagged; all but `negative` and `implausible` are left out."""

    rows: int = 0
    nan: int = 0
    infinite: int = 0
    clock: int = 0
    negative: int = 0
    implausible: int = 0

    def add(self, other: Faults) -> None:
        self.rows += other.rows
        self.nan += other.nan
        self.infinite += other.infinite
        self.clock += other.clock
        self.negative += other.negative
        self.implausible += other.implausible


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
        for leg, ts, p, tick, rows in _stretches(part, found.faults):
            found.legs.setdefault(leg, LegPart()).read(reader, ts, p, tick, rows)
    return found


def rows_of(parts: Sequence[Part], wanted: frozenset[Leg]) -> dict[Leg, list[tuple[Times, Pressures]]]:
    """All usable rows of some legs in some parts, in the order of the file."""
    found: dict[Leg, list[tuple[Times, Pressures]]] = {}
    for part in parts:
        for leg, ts, p, tick, _ in _stretches(part, Faults()):
            if leg in wanted:
                found.setdefault(leg, []).append((ts * tick, p.astype(np.float64)))
    return found


def _stretches(part: Part, faults: Faults) -> Iterator[tuple[Leg, Times, Pressures, int, Times | range]]:
    """Usable rows leg by leg, batch after batch: times in ticks, pressures in MPa, µs per tick, and the
    row numbers in the table."""
    constants = part.constants(("support", "leg"), KINDS)
    names = [name for name in COLUMNS if name not in constants]
    kinds = {name: KINDS[name] for name in names if name in KINDS}
    row = part.first_row
    for batch in part.batches(names, kinds, check=False, stored=True):
        columns = {name: _numbers(batch.column(name)) for name in names}
        ts, p = columns["ts"], columns["pressure_mpa"]
        rows: Times | range = range(row, row + len(ts))
        row += len(ts)
        tick = _TICK_US[batch.column(names.index("ts")).type.unit]
        good = _usable(ts, p, tick, faults)
        if good is not None:
            columns = {name: values[good] for name, values in columns.items()}
            ts, p, rows = columns["ts"], columns["pressure_mpa"], np.asarray(rows)[good]
        if not len(ts):
            continue
        if len(constants) == 2:
            yield (constants["support"], constants["leg"]), ts, p, tick, rows
            continue
        keys = {name: columns.get(name, constants.get(name)) for name in ("support", "leg")}
        support, leg = (np.broadcast_to(np.asarray(key, np.int64), ts.shape) for key in keys.values())
        changes = _changes(support, leg)
        if len(changes) > len(ts) // 16:
            order = np.lexsort((leg, support))  # stable: each leg keeps the order of the file
            ts, p, support, leg, rows = (
                ts[order],
                p[order],
                support[order],
                leg[order],
                np.asarray(rows)[order],
            )
            changes = _changes(support, leg)
        for begin, end in pairwise([0, *changes.tolist(), len(ts)]):
            yield (int(support[begin]), int(leg[begin])), ts[begin:end], p[begin:end], tick, rows[begin:end]


def _numbers(column: pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values.view(np.int64) if values.dtype.kind == "M" else values


def _changes(support: Times, leg: Times) -> Times:
    return 1 + np.flatnonzero((support[1:] != support[:-1]) | (leg[1:] != leg[:-1]))


def _usable(ts: Times, p: Pressures, tick: int, faults: Faults) -> NDArray[np.bool_] | None:
    """Mask of the rows that can be used, None where all can."""
    faults.rows += len(ts)
    earliest, latest = EARLIEST_US // tick, LATEST_US // tick
    low, high = p.min(), p.max()
    finite = bool(np.isfinite(low) and np.isfinite(high))
    if finite and low >= 0.0 and high <= IMPLAUSIBLE_MPA and ts.min() >= earliest and ts.max() < latest:
        return None
    number = np.isfinite(p)
    dated = (ts >= earliest) & (ts < latest)
    good = number & dated
    faults.nan += int(np.count_nonzero(np.isnan(p)))
    faults.infinite += int(np.count_nonzero(np.isinf(p)))
    faults.clock += int(np.count_nonzero(~dated))
    faults.negative += int(np.count_nonzero(p[good] < 0.0))
    faults.implausible += int(np.count_nonzero(p[good] > IMPLAUSIBLE_MPA))
    return good


RECORD = np.dtype(
    [(name, "i8") for name in ("start", "end", "samples", "gaps", "yields", "steps")]
    + [(name, "f8") for name in ("setting", "final", "max", "twap", "leak", "wander")]
)


@dataclass
class LegRecord:
    """All that was found about one leg; `cycles` holds `RECORD`s once the leg is finished."""

    cycles: NDArray[Any]
    state: NDArray[Any]
    conflicts: int = 0

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
        return _record(whole)


def _record(whole: Segment, conflicts: int = 0) -> LegRecord:
    assert whole.state is not None
    rows = np.concatenate(whole.cycles) if whole.cycles else np.empty(0, kernel.CYCLE)
    return LegRecord(rows, whole.state, conflicts)


def _finished(records: Sequence[LegRecord]) -> None:
    """Turn the kernel's rows of several legs into `RECORD`s."""
    rows = np.concatenate([record.cycles for record in records])
    cycles = np.empty(len(rows), RECORD)
    for name in set(cycles.dtype.names or ()) & set(rows.dtype.names or ()):
        cycles[name] = rows[name]
    duration = (rows["last"] - rows["start"]).astype(np.float64)
    held = duration > 0
    cycles["twap"] = np.where(held, rows["area"] / np.where(held, 2 * duration, 1), rows["max"])
    cycles["leak"] = leak_rates(rows["sums"], rows["wander"], rows["steps"])
    ends = np.cumsum([len(record.cycles) for record in records])
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
        return int(_numbers(batch.column(0))[0])

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
        reader.run(ts, p, 1, 0, whole)
        records[leg] = _record(whole, conflicts)
        records[leg].state["repeats"] += repeats
    return records


def one_each(ts: Times, p: Pressures) -> tuple[Times, Pressures, int, int]:
    """Samples in the order of time with one pressure at a time, whatever order they came in.

    Of different pressures at one time the one nearest to the sample before is kept (the lowest of
    the first), for a spurious telegram jumps.

    Returns
    -------
    times, pressures, number of plain repetitions and number of other telegrams dropped
    """
    order = np.lexsort((p, ts))
    ts, p = ts[order], p[order]
    new = np.ones(len(ts), bool)
    new[1:] = (np.diff(ts) != 0) | (np.diff(p) != 0.0)
    repeats = int(len(ts) - np.count_nonzero(new))
    ts, p = ts[new], p[new]
    begins = np.flatnonzero(np.diff(ts, prepend=ts[0] - 1))
    ends = np.append(begins[1:], len(ts))
    kept = p[begins].copy()
    for k in np.flatnonzero(ends - begins > 1):
        choices = p[begins[k] : ends[k]]
        kept[k] = choices[np.argmin(np.abs(choices - kept[k - 1]))] if k else choices[0]
    return ts[begins], kept, repeats, len(ts) - len(begins)
