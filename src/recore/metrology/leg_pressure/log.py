"""From the parts of a log to the load cycles of each leg, however the log is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from recore.errors import BadInput
from recore.evidence.table import Unread
from recore.metrology.leg_pressure import kernel, unseen
from recore.metrology.leg_pressure.account import Account
from recore.metrology.leg_pressure.clock import bulk
from recore.metrology.leg_pressure.found import (
    FileRead,
    LegRecord,
    Log,
    ZeroLimits,
    finish,
    level_of,
    record_of,
)
from recore.metrology.leg_pressure.kernel import Limits
from recore.metrology.leg_pressure.layout import layout
from recore.metrology.leg_pressure.rows import Faults, Leg, Pressures, Times, numbers
from recore.metrology.leg_pressure.second_look import Look, Piece, put_right, read, zero
from recore.metrology.leg_pressure.segment import Reader, Segment
from recore.metrology.leg_pressure.stuck import stuck
from recore.metrology.leg_pressure.succession import decide
from recore.metrology.leg_pressure.survey import rows_of, survey
from recore.metrology.leg_pressure.zero import Reference, reference

if TYPE_CHECKING:
    from recore.evidence.table import Part, Table
    from recore.method import Progress

    _Task = tuple[int, list[Part]]  # number of the table, and consecutive parts of it

# below this many rows the interpreter is done before the compiled kernel is loaded, also over a slow record
SMALL_LOG = 50_000
# rows of legs that are out of order and must be sorted in memory (16 bytes each, three times)
SORTABLE_ROWS = 2**25
# rows of a task on the executor, at least and at most
TASK_ROWS = 2**18, 2**22
_IN_FLIGHT = 16
# share of the work that reading is, as progress is told
_READING = 0.8
_LISTED = 8
_FINISHED_AT_ONCE = 2**16


def read_log(
    tables: Sequence[Table | Unread],
    limits: Limits,
    executor: Executor,
    zeros: ZeroLimits,
    unseen_releases: bool,
    progress: Progress,
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
    accounts: dict[Leg, Account] = {}
    surveys = _each(executor, survey, [(parts, limits, small) for _, parts in tasks])
    for number, ((table, parts), found) in enumerate(zip(tasks, surveys, strict=True)):
        progress(_READING * number / len(tasks), "reading the log")
        faults.add(found.faults)
        files[table].rows += found.faults.rows
        files[table].say(found.unread)
        for leg, leg_part in found.legs.items():
            accounts.setdefault(leg, Account()).add(reader, leg_part, parts[0], table)
    if not accounts:
        raise _nothing(files, faults)
    log = Log({}, faults, [], files, bulk(trace.spans for trace in faults.legs.values()))
    progress(_READING, "putting records right")
    _first_records(log, accounts, reader, tasks, executor)
    normal = _second_records(log, accounts, reader, tasks, executor, zeros)
    if unseen_releases:
        progress((1.0 + _READING) / 2, "looking for unseen releases")
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
    log: Log, accounts: dict[Leg, Account], reader: Reader, tasks: Sequence[_Task], executor: Executor
) -> None:
    """Records of all legs; those that must be put right or sorted are read once more."""
    again: list[Leg] = []
    fresh: list[LegRecord] = []
    unfinished = 0
    for leg, account in sorted(accounts.items()):
        again_here = account.untidy or (account.rows <= SORTABLE_ROWS and log.suspect(leg, account.disorder))
        record = None if again_here else account.record(reader)
        account.segments.clear()
        if record is None:
            again.append(leg)
        else:
            log.legs[leg] = record
            fresh.append(record)
            unfinished += len(record.cycles)
            if unfinished > _FINISHED_AT_ONCE:
                finish(fresh)
                fresh, unfinished = [], 0
    for group in _sortable(again, accounts):
        for leg, rows in _gathered(group, tasks, executor):
            ts, p, look = put_right(rows, log.window, reader.limits.gap_us)
            fresh.append(_looked(log, leg, reader, read(reader, ts, p, look), look))
    if fresh:
        finish(fresh)


def _second_records(
    log: Log,
    accounts: dict[Leg, Account],
    reader: Reader,
    tasks: Sequence[_Task],
    executor: Executor,
    zeros: ZeroLimits,
) -> Reference:
    """Records of legs whose zero is off, without the offset."""
    lows = {leg: record.lows for leg, record in log.legs.items()}
    normal = reference([level_of(low) for low in lows.values()], zeros.offset_mpa, zeros.back_mpa)
    fresh: list[LegRecord] = []
    suspects = [leg for leg in log.off_zero(normal, lows) if accounts[leg].rows <= SORTABLE_ROWS]
    for group in _sortable(suspects, accounts):
        for leg, rows in _gathered(group, tasks, executor):
            ts, p, look = put_right(rows, log.window, reader.limits.gap_us)
            p = zero(ts, p, look, normal)
            if any(found.offset for found in look.zeros):
                fresh.append(_looked(log, leg, reader, read(reader, ts, p, look), look))
    if fresh:
        finish(fresh)
    return normal


def _slow_records(
    log: Log,
    accounts: dict[Leg, Account],
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
        finish(fresh)


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
    log.legs[leg] = record_of(reader, whole, look.conflicts)
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
    legs: Sequence[Leg], accounts: dict[Leg, Account], *, supports: bool = False
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
