"""What findings about a face say of one support: its faults, and what keeps one from being placed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.reading import validated
from recore.finding import Finding
from recore.method import Note

DIAGNOSE, CYCLES, RISK = "support.diagnose", "support.cycles", "support.risk"
FAULTS = (
    "leg_leak", "check_valve_leak", "yield_low", "yield_high", "yield_slow", "sensor_stuck", "sensor_offset",
    "sensor_swapped", "low_supply", "roof_load",
)  # fmt: skip


def _known(value: Any) -> Any:
    """Empty cells and not-a-number are nothing known."""
    return None if value == "" or value != value else value


_Number = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_known)]


class FaultRow(BaseModel):
    """A row of the table `faults` of support.diagnose."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    support: int
    leg: Annotated[int | None, BeforeValidator(_known)] = None
    fault: str
    confidence: _Number = None
    value: _Number = None
    u: _Number = None
    limit: _Number = None
    unit: str = "1"


@dataclass(frozen=True)
class Found:
    """Faults of a face, as far as they are placed.

    `rows` : None where no diagnosis was given at all
    """

    rows: tuple[FaultRow, ...] | None
    health: Mapping[int, float]
    notes: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


def found_of(documents: Iterable[Any]) -> Found:
    """Gather what findings, and tables that belong to them, say.

    Parameters
    ----------
    documents : findings of support.diagnose, support.cycles and support.risk as `recore run … --json` prints them; the
        table of faults (columns support, leg, fault …) and the table of risk (support, health), which the findings name

    Raises
    ------
    BadInput : a document that is none of these, a fault that is not known, or a table that is not the finding's
    """
    rows: list[FaultRow] | None = None
    health: dict[int, float] = {}
    diagnosis: Finding | None = None
    notes: list[Note] = []
    refusals: list[Note] = []
    for number, document in enumerate(documents, 1):
        where = f"document {number}"
        if isinstance(document, Table):
            columns = {name.casefold() for name in document.columns}
            if {"support", "fault"} <= columns:
                rows = [*(rows or ()), *_faults(document)]
            elif {"support", "health"} <= columns:
                health |= _health(document)
            else:
                raise BadInput(
                    f"columns {', '.join(sorted(columns))[:200]} are not known",
                    where=document.name,
                    right="the table faults of support.diagnose (support, leg, fault …) or risk of support.risk is wanted",
                )
            continue
        finding = Finding.from_json(document, where=where)
        if finding.method not in (DIAGNOSE, CYCLES, RISK):
            raise BadInput(
                f"nothing is read from {finding.method}",
                where=where,
                right=f"a finding of {DIAGNOSE}, {CYCLES} or {RISK} is wanted",
            )
        refusals += [Note("finding-refused", f"{finding.method}: {n.text}") for n in finding.refusals]
        if finding.method == DIAGNOSE:
            if diagnosis is not None:
                raise BadInput(
                    "two findings of support.diagnose", where=where, right="give one for the whole log"
                )
            diagnosis = finding
        else:
            notes.append(
                Note(
                    "no-diagnosis", f"{finding.method} tells no fault code: no work is derived from it alone"
                )
            )
    if diagnosis is not None:
        rows = _placed(diagnosis, rows, refusals)
    if rows is None and not refusals:
        refusals.append(
            Note(
                "not-diagnosed", "no finding of support.diagnose: only the facts of the check list are judged"
            )
        )
    return Found(None if rows is None else tuple(rows), health, tuple(notes), tuple(refusals))


def _placed(diagnosis: Finding, rows: list[FaultRow] | None, refusals: list[Note]) -> list[FaultRow] | None:
    """The rows of a diagnosis; its counts must be those of the table."""
    counts = {code: _count(diagnosis, code) for code in FAULTS}
    if rows is None:
        if not any(counts.values()):
            return []
        told = ", ".join(f"{count} {code}" for code, count in counts.items() if count)
        refusals.append(
            Note(
                "faults-not-placed",
                f"the finding counts {told}, and only its table faults.parquet says at which support and leg: give it too",
            )
        )
        return None
    counted = Counter(row.fault for row in rows)
    for code, count in counts.items():
        if count is not None and counted[code] != count:
            raise BadInput(
                f"the table has {counted[code]} {code}, the finding {count}",
                where="findings",
                right="give the table of faults that belongs to the finding",
            )
    return rows


def _count(finding: Finding, code: str) -> int | None:
    quantity = finding.results.get(code)
    value = None if quantity is None else quantity.value
    return int(value) if isinstance(value, int | float) else None


def _faults(table: Table) -> list[FaultRow]:
    raw = [{k.casefold(): v for k, v in row.items()} for row in table.arrow().to_pylist()]
    rows: list[FaultRow] = validated(raw, list[FaultRow], table.name)
    for number, row in enumerate(rows, 1):
        if row.fault not in FAULTS:
            raise BadInput(
                f"fault {row.fault!r:.40} is not known",
                where=f"{table.name}, row {number}",
                right=f"one of {', '.join(FAULTS)}",
            )
    return rows


class _Health(BaseModel):
    support: int
    health: _Number = None


def _health(table: Table) -> dict[int, float]:
    raw = [{k.casefold(): v for k, v in row.items()} for row in table.arrow().to_pylist()]
    rows: list[_Health] = validated(raw, list[_Health], table.name)
    return {row.support: row.health for row in rows if row.health is not None}
