"""Results of the test bench: what was read of each component, and what it was before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.reading import validated
from recore.model.case import Word
from recore.model.trade import Document
from recore.quantity import Quantity, kind_of
from recore.restoration.hydraulic_support.core import Kind

# what may be read → the unit it is judged in
READINGS = {
    "start": "MPa", "end": "MPa", "duration": "min", "rated": "MPa", "opening": "MPa", "closing": "MPa",
    "pressure_drop": "%", "load_factor": "1", "cycles": "1",
}  # fmt: skip


def _blank(value: Any) -> Any:
    return None if value == "" or value != value else value


_Spread = Annotated[
    Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None, BeforeValidator(_blank)
]


class Reading(Document):
    """One reading: component, its kind, what was read, value, unit, expanded uncertainty U (k = 2), and 'before' or
    'after' restoration."""

    component: Word
    kind: Kind
    reading: Word
    value: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    unit: Annotated[str, BeforeValidator(lambda value: _blank(value) or "1")] = "1"
    u: _Spread = None
    state: Annotated[
        str, BeforeValidator(lambda v: _blank(v) or "after"), Field(pattern="^(before|after)$")
    ] = "after"


class Sample(Document):
    """One sample of the pressure log of a hold test."""

    component: Word
    kind: Kind
    time_s: Annotated[float, Field(ge=0, le=1e8)]
    pressure_mpa: Annotated[float, Field(ge=0, le=1e4)]
    u_mpa: _Spread = None


class Sheet(Document):
    """A sheet of results as JSON or TOML."""

    results: Annotated[tuple[Reading, ...], Field(max_length=20_000)] = ()
    log: Annotated[tuple[Sample, ...], Field(max_length=200_000)] = ()
    note: Word | None = None


@dataclass
class Bench:
    """What is known of one component in one state."""

    kind: str
    readings: dict[str, Quantity] = field(default_factory=dict)
    log: list[Sample] = field(default_factory=list)


Benches = dict[tuple[str, str], Bench]


def sheet_of(document: Table | dict[str, Any]) -> Sheet:
    """A table of readings, a table that is a pressure log, or a sheet with both.

    Raises
    ------
    BadInput : neither of them, or a cell that is none of its kind
    """
    if not isinstance(document, Table):
        sheet: Sheet = validated(document, Sheet, "results of support.accept")
        return sheet
    raw = [{k.casefold(): v for k, v in row.items()} for row in document.arrow().to_pylist()]
    columns = {name.casefold() for name in document.columns}
    if {"time_s", "pressure_mpa"} <= columns:
        return Sheet(log=_rows(raw, Sample, document.name))
    if {"reading", "value"} <= columns:
        return Sheet(results=_rows(raw, Reading, document.name))
    raise BadInput(
        f"columns {', '.join(sorted(columns))[:200]} are not known",
        where=document.name,
        right="component, kind, reading, value, unit, u (readings) or component, kind, time_s, pressure_mpa (log)",
    )


def _rows(raw: list[dict[str, Any]], kind: Any, name: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = validated(raw, tuple[kind, ...], name)
    return found


def benches_of(sheets: list[Sheet]) -> Benches:
    """Readings by component and state.

    Raises
    ------
    BadInput : a reading that is not known, in a unit of another kind, given twice, or of a component of two kinds
    """
    found: Benches = {}
    for sheet in sheets:
        for number, row in enumerate(sheet.results, 1):
            where = f"results, row {number} ({row.component}, {row.reading})"
            if row.reading not in READINGS:
                raise BadInput(
                    f"reading {row.reading!r} is not known",
                    where=where,
                    right=f"one of {', '.join(READINGS)}",
                )
            quantity = Quantity(row.value, row.unit, row.u)
            wanted = READINGS[row.reading]
            if kind_of(quantity.unit) != kind_of(wanted):
                raise BadInput(
                    f"{quantity} is no {kind_of(wanted)}", where=where, right=f"a unit like {wanted}"
                )
            bench = _bench(found, row.component, row.kind, row.state, where)
            if row.reading in bench.readings:
                raise BadInput("is given twice", where=where, right="one row for each reading and state")
            bench.readings[row.reading] = quantity.to(wanted)
        for number, sample in enumerate(sheet.log, 1):
            where = f"log, row {number} ({sample.component})"
            bench = _bench(found, sample.component, sample.kind, "after", where)
            if bench.log and sample.time_s <= bench.log[-1].time_s:
                raise BadInput(
                    f"time {sample.time_s:g} s does not come after {bench.log[-1].time_s:g} s",
                    where=where,
                    right="samples in order of time, each once",
                )
            bench.log.append(sample)
    return found


def _bench(found: Benches, name: str, kind: str, state: str, where: str) -> Bench:
    for other in ("before", "after"):
        known = found.get((name, other))
        if known is not None and known.kind != kind:
            raise BadInput(f"is a {known.kind} and a {kind}", where=where, right=f"one of {get_args(Kind)}")
    return found.setdefault((name, state), Bench(kind))
