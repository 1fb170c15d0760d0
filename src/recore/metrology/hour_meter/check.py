"""Method `machine.hour-meter`: what was done to the hour meters of machines, from their readings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Tolerance, Unit, method
from recore.metrology.hour_meter.tampering import Found, tampering
from recore.quantity import Quantity

WITNESSES = {"fuel_l": "fuel_l", "idle_h": "idle_h", "distance_km": "distance_km"}


@dataclass(frozen=True)
class HourMeter:
    """What readings say about hour meters.

    `hours_shown` and `hours_at_least` are of a single machine: what its meter shows last, and what it must have run
    at the very least, with the hours that were taken off put back. They are None for several machines.
    """

    rollbacks: Annotated[Quantity, Unit("1")]
    resets: Annotated[Quantity, Unit("1")]
    swaps: Annotated[Quantity, Unit("1")]
    wrong_readings: Annotated[Quantity, Unit("1")]
    hours_shown: Annotated[Quantity | None, Unit("h")]
    hours_at_least: Annotated[Quantity | None, Unit("h")]
    events: Annotated[pa.Table, Artifact("events.csv")]
    flags: tuple[Note, ...]


@method("machine.hour-meter", version=1, reproducible=Tolerance(absolute=1e-6))
def hour_meter(
    *readings: Table,
    tolerance_h: Annotated[float, Unit("h"), Field(ge=0.01, le=100)] = 1.0,
) -> HourMeter:
    """Rollbacks, resets and exchanges of hour meters in the readings of one machine or many.

    Parameters
    ----------
    readings : columns ts (UTC), hours_h (or another unit of time), machine (optional text), and where there are any
        the counters fuel_l, idle_h, distance_km; in any order together one record
    tolerance_h : a meter that falls by no more than this was rounded [h]

    Returns
    -------
    HourMeter : numbers of events, hours shown and hours at least [h] with U(k=2) from the meter's rounding, and the
        table of events: machine, kind, from, to, hours_before, hours_after, confidence

    Notes
    -----
    A meter never runs backwards and never faster than the clock. Readings that one meter cannot have made are
    *wrong* where the line goes on past at most two of them, where they repeat old telegrams, or where they are zero
    for a while; otherwise the meter was tampered with: *reset* where it begins (near) zero, *rollback* where it falls
    to another value, *swap* where it rises by more than the time that passed, where the line of before comes back,
    or where two machines' meters go on in each other.

    Refuses to see: a meter that was turned back while nobody read it, by less than the machine then ran, shows no
    fall; a single odd reading at either end of the record may be wrong or the first of a change, and is flagged.

    Confidence counts readings on either side and the other counters. It rests on a convention of our own (evidence
    level 4).

    Raises
    ------
    BadInput : no readings, a column that is missing

    References
    ----------
    Meaning of the counter: ISO/TS 15143-3:2020, cumulative operating hours. Expanded uncertainty of a rounded
    reading: JCGM 100:2008, F.2.2.1.
    """
    names, machine, ts, hours, witnesses = _sorted(readings)
    found = tampering(machine, ts / 3.6e9, hours, tolerance_h=tolerance_h, witnesses=witnesses)
    kinds = [event.kind for event in found.events]
    shown = at_least = None
    if len(names) == 1:
        shown, at_least = _hours(hours, found)
    return HourMeter(
        Quantity(kinds.count("rollback"), "1"),
        Quantity(kinds.count("reset"), "1"),
        Quantity(kinds.count("swap"), "1"),
        Quantity(len(found.wrong), "1"),
        shown,
        at_least,
        _table(names, ts, found),
        _flags(found),
    )


def _sorted(readings: tuple[Table, ...]) -> tuple[list[str], Any, Any, Any, dict[str, Any]]:
    if not readings:
        raise BadInput("no readings", where="machine.hour-meter", right="at least one table is wanted")
    texts: list[str] = []
    parts: dict[str, list[Any]] = {name: [] for name in ("ts", "hours_h", *WITNESSES)}
    for table in readings:
        ts = table.times("ts").astype("datetime64[us]").astype(np.int64)
        texts += table.texts("machine") if table.has("machine", "text") else [""] * len(ts)
        parts["ts"].append(ts)
        parts["hours_h"].append(table.floats("hours_h"))
        for name in WITNESSES:
            parts[name].append(table.floats(name) if table.has(name) else np.full(len(ts), np.nan))
    whole = {name: np.concatenate(columns) for name, columns in parts.items()}
    names, machine = np.unique(np.array(texts, dtype=object).astype(str), return_inverse=True)
    order = np.lexsort((whole["ts"], machine))
    good = np.isfinite(whole["hours_h"][order]) & (whole["hours_h"][order] >= 0)
    order = order[good]
    once = np.ones(len(order), bool)  # of two readings at one moment the first counts
    once[1:] = (np.diff(machine[order]) != 0) | (np.diff(whole["ts"][order]) != 0)
    order = order[once]
    if not len(order):
        raise BadInput("no reading with hours", where="machine.hour-meter", right="numbers in hours_h")
    columns = {name: values[order] for name, values in whole.items()}
    return (
        names.tolist(),
        machine[order].astype(np.int64),
        columns.pop("ts"),
        columns.pop("hours_h"),
        columns,
    )


def _hours(hours: Any, found: Found) -> tuple[Quantity, Quantity]:
    wrong = np.isin(np.arange(len(hours)), [*found.wrong, *found.untold])
    kept = hours[~wrong]
    step = np.diff(np.unique(np.round(hours, 6)))
    u = 2 * float(step.min(initial=1.0)) / np.sqrt(12)
    lost = sum(max(event.hours_before - event.hours_after, 0.0) for event in found.events)
    gained = sum(max(event.hours_after - event.hours_before, 0.0) for event in found.events)
    ran = float(kept[-1]) - float(kept[0]) + lost - gained  # what all meters counted while it was watched
    at_least = max(float(kept[0]) + ran, float(kept[0])) if len(kept) else 0.0
    return Quantity(float(kept[-1]), "h", u), Quantity(at_least, "h", u * (1 + len(found.events)) ** 0.5)


def _table(names: list[str], ts: Any, found: Found) -> pa.Table:
    def times(places: list[int]) -> pa.Array:
        return pa.array(ts[places] if places else [], pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))

    return pa.table(
        {
            "machine": pa.array([names[e.machine] for e in found.events], pa.string()),
            "kind": pa.array([e.kind for e in found.events], pa.string()),
            "from": times([e.before for e in found.events]),
            "to": times([e.after for e in found.events]),
            "hours_before": pa.array([e.hours_before for e in found.events], pa.float64()),
            "hours_after": pa.array([e.hours_after for e in found.events], pa.float64()),
            "confidence": pa.array([e.confidence for e in found.events], pa.float64()),
        }
    )


def _flags(found: Found) -> tuple[Note, ...]:
    told = []
    if found.wrong:
        told.append(
            Note("wrong", f"{len(found.wrong)} readings are wrong or repeat old ones; they are no tampering")
        )
    if found.untold:
        text = "odd readings at an end of a record: wrong, or the first of a change; later readings will tell"
        told.append(Note("untold", f"{len(found.untold)} {text}"))
    if found.other_unit:
        told.append(
            Note("unit", f"{found.other_unit} readings are in minutes or seconds and were turned to hours")
        )
    return tuple(told)
