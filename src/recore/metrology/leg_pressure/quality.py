"""What a reader must know about a log: flags over all of it, and a report leg by leg."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from recore.method import Note
from recore.metrology.leg_pressure.found import Log
from recore.metrology.leg_pressure.log import SORTABLE_ROWS
from recore.metrology.leg_pressure.rows import Leg
from recore.metrology.leg_pressure.trace import SPAN_US, Fault, Times

# a leg that is silent for longer than this while another leg of its support reports is missing
MISSING_US = 3600 * 10**6
# silences of one leg that are listed one by one
_LISTED_GAPS = 100
_LISTED_FILES = 20

SCHEMA = pa.schema(
    [
        ("support", pa.int64()),
        ("leg", pa.int64()),
        ("kind", pa.string()),
        ("from", pa.timestamp("us", "UTC")),
        ("to", pa.timestamp("us", "UTC")),
        ("count", pa.int64()),
        ("value_mpa", pa.float64()),
        ("text", pa.string()),
    ]
)


class Report:
    """Rows of the data-quality report."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        leg: Leg,
        kind: str,
        text: str,
        *,
        fault: Fault | None = None,
        first: int | None = None,
        last: int | None = None,
        count: int | None = None,
        value: float | None = None,
    ) -> None:
        if fault is not None:
            first, last, count = fault.first, fault.last, fault.count
        self.rows.append(
            {
                "support": leg[0],
                "leg": leg[1],
                "kind": kind,
                "from": first,
                "to": last,
                "count": count,
                "value_mpa": value,
                "text": text,
            }
        )

    def count(self, kind: str) -> int:
        """Rows of a kind."""
        return sum(row["kind"] == kind for row in self.rows)

    def table(self) -> pa.Table:
        """By support, leg, kind and time."""
        rows = sorted(
            self.rows,
            key=lambda row: (row["support"], row["leg"], row["kind"], row["from"] or 0, row["text"]),
        )
        return pa.Table.from_pylist(rows, SCHEMA)


def report(log: Log, gap_limit_s: float) -> Report:
    """The data-quality report of a log."""
    found = Report()
    gap_us = round(gap_limit_s * 1e6)
    for leg in sorted(log.faults.legs):
        _faults(found, log, leg)
        record = log.legs.get(leg)
        if record is None:
            continue
        repeats = record.counted("repeats") + record.conflicts
        if repeats:
            found.add(leg, "duplicate", "repeated or contradicting samples", count=repeats)
        if leg in log.disordered:
            found.add(leg, "order", "time runs backwards within a file; the samples were sorted")
        _gaps(found, log, leg, gap_us, record.counted("gaps"))
        told = log.looks[leg].unseen.tolist() if leg in log.looks else []
        if told:
            found.add(
                leg,
                "release-unseen",
                "released and set again between two samples",
                first=told[0],
                last=told[-1],
                count=len(told),
            )
        for zero in log.looks[leg].zeros if leg in log.looks else ():
            if zero.offset:
                found.add(
                    leg,
                    "offset",
                    f"zero offset of {zero.offset:+.2f} MPa, taken out",
                    first=zero.first,
                    last=zero.last,
                    value=zero.offset,
                )
    for leg, stretches in log.stuck.items():
        for one in stretches:
            found.add(
                leg,
                "stuck",
                f"the sensor is stuck at {one.value:.2f} MPa while the leg moves",
                first=one.first,
                last=one.last,
                count=one.samples,
                value=one.value,
            )
    _missing(found, log)
    return found


def _faults(found: Report, log: Log, leg: Leg) -> None:
    faults = log.faults.legs[leg].faults
    look = log.looks.get(leg)
    for kind, text in (("nan", "no finite pressure, left out"), ("negative", "negative pressure")):
        if kind in faults:
            found.add(leg, kind, text, fault=faults[kind])
    told = look.faults if look is not None else {}
    if "repaired" in told:
        found.add(leg, "clock", "wrong time, put back between its neighbours", fault=told["repaired"])
    if "wrong" in told or ("clock" in faults and look is None):
        found.add(leg, "clock", "impossible time, left out", fault=told.get("wrong", faults.get("clock")))
    if "bar" in told:
        found.add(leg, "unit", "written in bar under a name in MPa, divided by 10", fault=told["bar"])
    if "useless" in told:
        found.add(leg, "unit", "in no known unit, left out", fault=told["useless"])
    if "unit" in faults and look is None:
        found.add(leg, "unit", "above 100 MPa", fault=faults["unit"])


def _gaps(found: Report, log: Log, leg: Leg, gap_us: int, count: int) -> None:
    spans = log.spans(leg)
    between = np.stack((spans[:-1, 1], spans[1:, 0]), axis=1)
    between = between[between[:, 1] - between[:, 0] > max(gap_us, SPAN_US)]
    if len(between) <= _LISTED_GAPS:
        for first, last in between.tolist():
            found.add(leg, "gap", "no sample", first=first, last=last, count=1)
        count -= len(between)
        between = between[:0]
    if count > 0:
        first, last = (int(between[0, 0]), int(between[-1, 1])) if len(between) else (None, None)
        found.add(leg, "gap", "gaps too many or too short to list", first=first, last=last, count=count)


def _missing(found: Report, log: Log) -> None:
    """Legs that are silent while another leg of the same support reports, and legs that are not there."""
    supports: dict[int, list[Leg]] = {}
    for leg in log.legs:
        supports.setdefault(leg[0], []).append(leg)
    numbers = [number for legs in supports.values() for _, number in legs]
    usual = {n for n in set(numbers) if numbers.count(n) > len(supports) / 2} if len(supports) > 2 else set()
    for support, legs in supports.items():
        for number in sorted(usual - {leg[1] for leg in legs}):
            found.add((support, number), "missing-leg", "no sample of this leg in the whole log")
        spans = {leg: log.spans(leg) for leg in legs}
        for leg in legs:
            others = [spans[other] for other in legs if other != leg and len(spans[other])]
            if not others or not len(spans[leg]):
                continue
            for first, last in _silent(spans[leg], np.concatenate(others)):
                found.add(
                    leg,
                    "missing-leg",
                    "no sample while another leg of the support reports",
                    first=first,
                    last=last,
                )


def _silent(own: Times, others: Times) -> list[tuple[int, int]]:
    """Long silences of a leg, and those of its beginning and end, in which others report for long."""
    begin, end = int(others[:, 0].min()), int(others[:, 1].max())
    firsts = np.append(min(begin, int(own[0, 0])), own[:, 1])
    lasts = np.append(own[:, 0], max(end, int(own[-1, 1])))
    found = []
    for k in np.flatnonzero(lasts - firsts > MISSING_US):
        first, last = int(firsts[k]), int(lasts[k])
        reported = np.minimum(others[:, 1], last) - np.maximum(others[:, 0], first)
        if reported.max() > MISSING_US:
            found.append((first, last))
    return found


def files_table(log: Log) -> pa.Table:
    """What became of each file, in the order they were given."""
    return pa.table(
        {
            "name": pa.array([file.name for file in log.files], pa.string()),
            "rows": pa.array([file.rows for file in log.files], pa.int64()),
            "read": pa.array([not file.reason for file in log.files], pa.bool_()),
            "reason": pa.array([file.reason for file in log.files], pa.string()),
        }
    )


def flags(log: Log, found: Report, gap_limit_s: float, partial: int) -> list[Note]:
    """Flags over the whole log."""

    def total(name: str) -> int:
        return sum(record.counted(name) for record in log.legs.values())

    def looked(what: str) -> int:
        return sum(look.count(what) for look in log.looks.values())

    cycles = [record.cycles for record in log.legs.values()]
    complete = sum(map(len, cycles))
    outside = sum(record.outside for record in log.legs.values())
    bridged = sum(int(np.count_nonzero(rows["gaps"])) for rows in cycles)
    conflicts = sum(record.conflicts for record in log.legs.values())
    faults = log.faults
    notes: list[Note] = []

    def flag(code: str, count: int, text: str) -> None:
        if count:
            notes.append(Note(code, text))

    flag(
        "no-cycles",
        not complete,
        "no leg has a complete cycle, from a rise through the set threshold to a release",
    )
    flag(
        "incomplete",
        partial,
        f"{partial} cycle(s) under way at the beginning or end of the record are left out",
    )
    flag(
        "yield-outside",
        outside,
        f"{outside} further yield event(s) in incomplete cycles are not counted",
    )
    flag(
        "gap",
        total("gaps"),
        f"{total('gaps')} gap(s) longer than {gap_limit_s:g} s; {bridged} complete cycle(s) run over one",
    )
    flag(
        "duplicate",
        total("repeats") + conflicts,
        f"{total('repeats')} repeated sample(s) count once (duplicate telegrams); {conflicts} other(s) "
        "contradict one of the same time and are left out",
    )
    flag(
        "order",
        len(log.disordered),
        f"time runs backwards within a file (wrong order) on {len(log.disordered)} leg(s); their samples were sorted",
    )
    silent = sum(int(np.count_nonzero(np.isnan(rows["leak"]))) for rows in cycles)
    flag(
        "leak-not-told",
        silent,
        f"{silent} of {complete} complete cycle(s) have no leak: their quiet part is too short or too noisy",
    )
    between = sum(len(look.unseen) for look in log.looks.values())
    flag(
        "release-unseen",
        between,
        f"{between} release(s) fell between two samples, and are told by the pressures before and after",
    )
    long = [leg for leg in log.legs if log.faults.legs[leg].usable > SORTABLE_ROWS]
    flag(
        "not-looked-at-again",
        len(long),
        f"{len(long)} leg(s) have more than {SORTABLE_ROWS} samples; offsets, clock, unit, telegrams and releases "
        "between samples were not looked for",
    )
    repaired = looked("repaired")
    wrong = looked("wrong") + sum(
        trace.faults["clock"].count
        for leg, trace in faults.legs.items()
        if leg not in log.looks and "clock" in trace.faults
    )
    flag(
        "clock",
        repaired + wrong,
        f"{repaired + wrong} sample(s) with a wrong clock (1970, or in the past or future of the log): {repaired} "
        f"put back between their neighbours, {wrong} left out",
    )
    nan = faults.total("nan")
    flag("nan", nan, f"{nan} sample(s) without a finite pressure (nan, infinite or empty) are left out")
    negative = faults.total("negative")
    flag(
        "negative",
        negative,
        f"{negative} negative pressure(s); single samples far from both neighbours count in nothing (dropouts)",
    )
    bar, useless = looked("bar"), looked("useless")
    flag(
        "unit",
        faults.total("unit"),
        f"wrong unit: {faults.total('unit')} sample(s) above 100 MPa; {bar} sample(s) are in bar and were divided "
        f"by 10, {useless} are in no known unit and left out",
    )
    flag(
        "stuck",
        found.count("stuck"),
        f"stuck sensor: {found.count('stuck')} stretch(es) of one value on {_named(set(log.stuck))}; {log.masked} "
        "cycle(s) that touch one are left out",
    )
    off = {(row["support"], row["leg"]) for row in found.rows if row["kind"] == "offset"}
    flag("offset", len(off), f"zero offset of {len(off)} sensor(s), taken out: {_named(off)}")
    missing = {(row["support"], row["leg"]) for row in found.rows if row["kind"] == "missing-leg"}
    flag(
        "missing-leg",
        len(missing),
        f"missing leg: no sample for more than an hour or at all of {_named(missing)}",
    )
    unread = [file for file in log.files if file.reason]
    for file in unread[:_LISTED_FILES]:
        how = f"after {file.rows} rows" if file.rows else "at all"
        flag("file-not-read", 1, f"file not read {how}: {file.name} ({file.reason})")
    more = len(unread) - _LISTED_FILES
    flag("file-not-read", max(more, 0), f"file not read: {more} more, see files.csv")
    return notes


def _named(legs: set[Leg]) -> str:
    listed = ", ".join(f"support {support} leg {leg}" for support, leg in sorted(legs)[:8])
    return listed + (f" and {len(legs) - 8} more" if len(legs) > 8 else "")
