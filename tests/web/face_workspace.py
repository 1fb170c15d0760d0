"""A workspace with a face in it: raw log, cycles, faults and weightings of a synthetic face."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import face_tables
import pyarrow as pa
import pyarrow.parquet as pq

from recore.finding import Finding, Note
from recore.model.case import Capture
from recore.quantity import Quantity
from recore.workspace import Workspace

SUPPORTS, SHEARS = 24, 60
LIMITS = {
    "yield_mpa": 40.0,
    "rated_setting_mpa": 25.2,
    "set_threshold_mpa": 5.0,
    "release_threshold_mpa": 3.0,
}


def parquet(table: pa.Table, **more: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **more)
    return sink.getvalue()


def save(
    workspace: Workspace, method: str, evidence: list[dict[str, Any]], tables: dict[str, bytes], **more: Any
) -> str:
    """Keep a finding as a run of the method would."""
    key = hashlib.sha256(repr((method, [e["sha256"] for e in evidence], sorted(tables))).encode()).hexdigest()
    artifacts = tuple(
        {"name": file.partition(".")[0], "file": file, "sha256": hashlib.sha256(data).hexdigest(),
         "media_type": "application/vnd.apache.parquet" if file.endswith("parquet") else "text/csv"}
        for file, data in tables.items()
    )  # fmt: skip
    document = {"parameters": {}, "results": {}, **more}
    finding = Finding(method=method, version=1, evidence=tuple(evidence), artifacts=artifacts, **document)
    workspace.findings.save(key, finding, tables)
    return key


def evidence_of(workspace: Workspace, data: bytes, name: str) -> dict[str, Any]:
    row = workspace.evidence.add(
        io.BytesIO(data), name, Capture(file=name, who="a simulator", synthetic=True)
    )
    return {"name": row.name, "sha256": row.sha256, "bytes": row.size, "media_type": row.media_type}


def put_face(workspace: Workspace, supports: int = SUPPORTS, shears: int = SHEARS) -> dict[str, str]:
    """Keys of the findings by name."""
    legs = face_tables.leg_cycles(supports, shears)
    raw = face_tables.raw_log(legs.filter(pa.array(legs["support"].to_numpy() <= 12)), (5, 12))
    log = evidence_of(workspace, parquet(raw, row_group_size=4_000), "log.parquet")
    tables = {
        "cycles.parquet": parquet(legs),
        "support_cycles.parquet": parquet(face_tables.support_cycles(legs)),
        "yields.parquet": parquet(face_tables.yields(legs)),
        "quality.parquet": parquet(
            pa.table(
                {"support": [5], "leg": [2], "kind": ["gap"], "from": legs["start"][:1], "to": legs["end"][:1],
                 "count": [3], "value_mpa": [0.0], "text": ["<b>3 gaps</b> longer than 300 s"]}
            )
        ),
    }  # fmt: skip
    results = {"cycles": Quantity(legs.num_rows), "twap_mean": Quantity(27.8, "MPa", 0.1)}
    parameters = {**LIMITS, "sensor_uncertainty_mpa": 0.5}
    flags = (Note("gap", "3 gap(s) longer than 300 s; 1 complete cycle(s) run over one"),)
    found = {"evidence": log["sha256"]}
    found["face"] = save(
        workspace, "support.cycles", [log], tables, parameters=parameters, results=results, flags=flags
    )
    found["faults"] = save(
        workspace, "support.diagnose", [log], {"faults.parquet": parquet(face_tables.faults())}
    )
    found["weighting"] = save(
        workspace, "support.weighting", [log], {"weighting.parquet": parquet(face_tables.weightings())},
        parameters={"web_m": 0.8, "yield_mpa": 40.0},
        results={"interval_m": Quantity(24.0, "m"), "persistence_m": Quantity(4.0, "m")},
    )  # fmt: skip
    return found
