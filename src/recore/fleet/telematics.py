"""Telematics of a fleet in derived tables: taken in once, asked for tampered hour meters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recore.errors import BadInput
from recore.fleet.aemp.tables import (
    CONFLICTS_TOLD,
    ELEMENT,
    EVENTS,
    MACHINES,
    READINGS,
    SAME,
    THERE,
    Normalised,
    joined,
)
from recore.fleet.derived import TIME, Derived, Difference

READING_KEY, MACHINE_KEY, EVENT_KEY = ("machine", "ts"), ("machine",), ("machine", "ts", "kind", "code")
WITNESSES = ("fuel_l", "idle_h", "distance_km")
Progress = Callable[[float, str], None]


def normalise(
    sources: Sequence[str], *, now: datetime, on: str | None = None, progress: Progress | None = None
) -> Normalised:
    """Read documents of ISO/TS 15143-3 from files, folders and servers.

    Parameters
    ----------
    sources : names of files or folders, or addresses with http or https
    now : times later than this are of the future
    on : where files are read; by itself two processes where it pays

    Raises
    ------
    BadInput : one of them cannot be read; nothing is kept then
    """
    from recore.fleet.aemp import read, spread
    from recore.fleet.aemp.normalise import Normaliser

    addresses = [source for source in sources if is_address(source)]
    paths = read.files([Path(source) for source in sources if not is_address(source)])
    pieces = [spread.take(paths, now, on=on, progress=progress)]
    normaliser = Normaliser(now)
    for address in addresses:
        from recore.fleet.aemp.client import Client

        with Client.from_environment(address) as client:
            for page in client.documents(address, progress=progress):
                normaliser.document(page.shreds(), page.name, page.machine)
    if progress:
        progress(1.0, "sorting readings")
    return joined([*pieces, normaliser.taken]).finish()


def is_address(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def ingest(store: Derived, found: Normalised) -> dict[str, Any]:
    """Take readings in, all or none; those that are there count once.

    Returns
    -------
    machines and readings that are there in all, how many readings are new, what was rejected, and how many
    values differ from the one that came first for their machine and moment, here or in the database
    """
    with store.together():
        store.create("telematics_machines", MACHINES, MACHINE_KEY)
        store.create("telematics_readings", READINGS, READING_KEY)
        store.create("telematics_events", EVENTS, EVENT_KEY)
        store.merge("telematics_machines", found.machines, unique=True)
        store.merge("telematics_events", found.events, unique=True)
        merged = store.merge(
            "telematics_readings", found.readings, same=SAME, told=CONFLICTS_TOLD, unique=True
        )
        machines = store.query("telematics_readings", group=["machine"], aggregate={"n": ("count", "*")})
    told = [*found.conflict_records, *_contradictions(found, merged.first)]
    return {
        "machines": machines.num_rows,
        "readings": int(pc.sum(machines["n"]).as_py() or 0),
        "new_readings": merged.new,
        "rejected": found.rejected,
        "conflicts": found.conflicts + merged.differ,
        "conflict_records": told[:CONFLICTS_TOLD],
    }


def _contradictions(found: Normalised, differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Values that differ from what the database had already, as records."""
    if not differences:
        return []
    known = {row.pop("machine"): row for row in found.machines.to_pylist()}
    who = found.readings["machine"]
    records = []
    for key, column, kept, other in differences:
        machine, moment = key[0], key[1].replace(tzinfo=UTC)
        at = pc.and_(pc.equal(who, machine), pc.equal(found.readings["ts"], pa.scalar(moment, TIME)))
        row = int(pc.index(at, pa.scalar(True)).as_py())
        records.append(
            {
                "file": found.files.names[found.files.of[row]],
                "machine": {name: text for name, text in known[machine].items() if text},
                "time": _iso(int(found.readings["ts"].cast(pa.int64())[row].as_py())),
                "element": ELEMENT[column],
                "column": column,
                "value": other,
                "kept": kept,
                "reason": THERE,
            }
        )
    return records


def rollback(store: Derived, *, progress: Progress | None = None) -> dict[str, Any]:
    """Tampered hour meters in the readings that are there.

    Returns
    -------
    events : machine, kind, times and hours of the reading before and after it, confidence, and for an exchange the
        machine whose meter it was

    Raises
    ------
    BadInput : nothing was taken in yet
    """
    from recore.metrology.hour_meter.tampering import tampering

    if "telematics_readings" not in store.tables():
        raise BadInput("no telematics", where=store.label, right="run recore fleet ingest first")
    if progress:
        progress(0.0, "reading hour meters")
    rows = store.query("telematics_readings", ["machine", "ts", "hours_h", *WITNESSES], order=[])
    rows = rows.filter(pc.is_valid(rows["hours_h"]))
    keys = rows["machine"].combine_chunks().dictionary_encode()
    machine = np.asarray(keys.indices).astype(np.int64)
    ts = np.asarray(rows["ts"].cast(pa.int64()))
    order = np.lexsort((ts, machine))
    columns = {name: rows[name].to_numpy()[order] for name in ("hours_h", *WITNESSES)}
    machine, ts = machine[order], ts[order]
    found = tampering(
        machine,
        ts / 3.6e9,
        columns["hours_h"],
        witnesses={name: columns[name] for name in WITNESSES},
        progress=progress,
    )
    known = {
        row.pop("machine"): {name: text for name, text in row.items() if text}
        for row in store.query("telematics_machines").to_pylist()
    }
    names = keys.dictionary.to_pylist()
    events = []
    for event in found.events:
        told = {
            "machine": known[names[event.machine]],
            "kind": event.kind,
            "from": _iso(ts[event.before]),
            "to": _iso(ts[event.after]),
            "hours_before": round(event.hours_before, 6),
            "hours_after": round(event.hours_after, 6),
            "confidence": event.confidence,
        }
        if event.partner >= 0:
            told["other_machine"] = known[names[machine[event.partner]]]
        events.append(told)
    return {
        "events": events,
        "machines": len(names),
        "readings": len(machine),
        "wrong_readings": len(found.wrong),
        "untold_readings": len(found.untold),
        "readings_in_other_units": found.other_unit,
    }


def _iso(ts: int) -> str:
    moment = np.datetime64(int(ts), "us")
    whole = moment.astype("datetime64[s]")
    return f"{whole if whole == moment else moment}Z"
