"""One fault of a support, with what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from recore.metrology.support.diagnose_record import SECOND, Leg, Record
from recore.metrology.support.diagnose_stats import Array, Run, beyond, location


@dataclass(frozen=True)
class Fault:
    """A fault over an interval; times in s since 1970.

    `leg` : None where both (all) legs of the support are concerned
    `value`, `uncertainty`, `limit`, `unit` : what was measured, its standard uncertainty, and the decision limit
    `confidence` : probability that the true value lies beyond the limit
    `at_setting` : of a leak, its rate at the setting pressure if it goes with the pressure
    `evidence` : (from, to, value) of every cycle or event that the fault rests on
    """

    support: int
    leg: int | None
    fault: str
    begin: float
    end: float
    confidence: float
    value: float
    uncertainty: float
    limit: float
    unit: str
    evidence: tuple[tuple[float, float, float], ...]
    other: int | None = None
    other_leg: int | None = None
    at_setting: float = math.nan


def of_run(
    record: Record, leg: Leg, code: str, run: Run, x: Array, limit: float, unit: str, lag: float, model: float
) -> Fault:
    """A fault of one leg over a run of its cycles in which `x` is the measured value.

    `model` : standard uncertainty of what does not average out, in the unit of x
    """
    at = record.legs[leg]
    start, end = record["start"][at], record["end"][at]
    inside = np.arange(run.begin, run.end)
    behind = inside[np.isfinite(x[inside])]
    value, u = location(x[behind], lag)
    u = float(np.hypot(u, model))
    return Fault(
        leg[0],
        leg[1],
        code,
        float(start[run.begin]),
        float(end[run.end - 1]),
        beyond(value, limit, u),
        value,
        u,
        limit,
        unit,
        tuple((float(start[k]), float(end[k]), float(x[k])) for k in behind),
    )


def fault_table(faults: Iterable[Fault]) -> pa.Table:
    """The artifact `faults`: one row per fault, support and leg."""
    rows = list(faults)
    columns: dict[str, Any] = {
        "support": pa.array([f.support for f in rows], pa.int64()),
        "leg": pa.array([f.leg for f in rows], pa.int64()),
        "fault": pa.array([f.fault for f in rows], pa.string()),
        "from": _times([f.begin for f in rows]),
        "to": _times([f.end for f in rows]),
        "confidence": pa.array([round(f.confidence, 4) for f in rows], pa.float64()),
        "value": _known([f.value for f in rows]),
        "u": _known([f.uncertainty for f in rows]),
        "limit": _known([f.limit for f in rows]),
        "unit": pa.array([f.unit for f in rows], pa.string()),
        "cycles": pa.array([len(f.evidence) for f in rows], pa.int64()),
        "value_at_setting": _known([f.at_setting for f in rows]),
        "other_support": pa.array([f.other for f in rows], pa.int64()),
        "other_leg": pa.array([f.other_leg for f in rows], pa.int64()),
    }
    return pa.table(columns)


def evidence_table(faults: Iterable[Fault]) -> pa.Table:
    """The artifact `evidence`: one row per cycle or event behind each fault, numbered as in `faults`."""
    number, support, leg, code, begin, end, value = [], [], [], [], [], [], []
    for k, fault in enumerate(faults, 1):
        for a, b, x in fault.evidence:
            number.append(k)
            support.append(fault.support)
            leg.append(fault.leg)
            code.append(fault.fault)
            begin.append(a)
            end.append(b)
            value.append(x)
    columns: dict[str, Any] = {
        "row": pa.array(number, pa.int64()),
        "support": pa.array(support, pa.int64()),
        "leg": pa.array(leg, pa.int64()),
        "fault": pa.array(code, pa.string()),
        "from": _times(begin),
        "to": _times(end),
        "value": _known(value),
    }
    return pa.table(columns)


def _known(values: list[float]) -> pa.Array:
    return pa.array(
        np.array(values, np.float64), pa.float64(), mask=~np.isfinite(np.array(values, np.float64))
    )


def _times(seconds: list[float]) -> pa.Array:
    whole = np.round(np.array(seconds, np.float64) * SECOND).astype(np.int64)
    return pa.array(whole, pa.int64()).cast(pa.timestamp("us", "UTC"))
