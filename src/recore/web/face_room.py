"""Faces of the workspace: a finding of `support.cycles` opened for screens, and the findings that go with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recore.errors import BadInput
from recore.fleet.alarms import Alarm, judged
from recore.fleet.alarms import rows as alarm_rows
from recore.fleet.face import Face, prepare
from recore.fleet.tiles import FORMAT
from recore.model.case import Capture
from recore.rules import RuleSet, shipped
from recore.workspace import FindingRow, NotFound, Workspace

METHOD = "support.cycles"
FOLDER = "faces"
CYCLES, PAIRS = "cycles.parquet", "support_cycles.parquet"
PATIENCE_S = 3.0
LOOK_BACK = 200
KEPT = 64


@dataclass
class _Making:
    """A face that is being prepared in a thread of its own."""

    share: float = 0.0
    error: BadInput | None = None
    face: Face | None = None
    done: threading.Event = field(default_factory=threading.Event)


class FaceRoom:
    """Opens faces; each is prepared once, however many readers ask."""

    def __init__(self, workspace: Workspace, patience_s: float = PATIENCE_S) -> None:
        self._workspace, self._patience_s = workspace, patience_s
        self._lock = threading.Lock()
        self._makings: dict[str, _Making] = {}
        self._judged: dict[Any, list[Alarm]] = {}

    def alarms(self, face: Face, rules: RuleSet, limits: Mapping[str, float]) -> list[Alarm]:
        """What the alarm rows say about the newest cycles; judged once for each face and state of the rows."""
        wanted = alarm_rows(rules)
        key = (face.tiles.folder.name, wanted.digest, *sorted(limits.items()))
        with self._lock:
            found = self._judged.get(key)
        if found is None:
            found = judged(face, wanted, limits)
            with self._lock:
                while len(self._judged) >= KEPT:
                    self._judged.pop(next(iter(self._judged)))
                self._judged[key] = found
        return found

    def open(self, row: FindingRow) -> Face | float:
        """The face of a finding, or the share of its preparation that is done.

        Raises
        ------
        BadInput : its tables cannot be shown
        """
        files = {item["file"]: item["sha256"] for item in row.finding.artifacts}
        if CYCLES not in files:
            raise BadInput(
                "the finding has no table of cycles", where=row.key[:12], right="run support.cycles again"
            )
        name = "-".join([files[CYCLES], files.get(PAIRS, "none")[:16], str(FORMAT)])
        with self._lock:
            making = self._makings.get(name)
            if making is None:
                while len(self._makings) >= KEPT:
                    old = next((key for key, one in self._makings.items() if one.done.is_set()), None)
                    if old is None:
                        raise BadInput("too many faces are being prepared", right="open it again in a minute")
                    del self._makings[old]
                making = self._makings[name] = _Making()
                threading.Thread(target=self._make, args=(name, row, files, making), daemon=True).start()
        making.done.wait(self._patience_s)
        if making.error is not None:
            with self._lock:
                self._makings.pop(name, None)
            raise making.error
        return making.share if making.face is None else making.face

    def _make(self, name: str, row: FindingRow, files: Mapping[str, str], making: _Making) -> None:
        def progress(share: float) -> None:
            making.share = share

        try:
            findings = self._workspace.findings
            cycles = findings.artifact(row.key, CYCLES).path
            pairs = findings.artifact(row.key, PAIRS).path if PAIRS in files else None
            folder = self._workspace.store.folder / FOLDER / name
            making.face = prepare(folder, cycles, pairs, progress=progress)
        except BadInput as error:
            making.error = error
        except Exception as error:
            making.error = BadInput(
                f"the face cannot be prepared ({type(error).__name__})", where=row.key[:12]
            )
        finally:
            making.done.set()


def face_row(workspace: Workspace, key: str) -> FindingRow:
    """The finding of a face.

    Raises
    ------
    NotFound : no such finding, or one of another method
    """
    row = workspace.findings.get(key)
    if row.method != METHOD:
        raise NotFound(f"finding {key:.12}… is no face", right=f"see /findings/{key:.64}")
    return row


def beside(workspace: Workspace, row: FindingRow, method: str) -> FindingRow | None:
    """The newest finding of another method that was made from the same files."""
    wanted = {item["sha256"] for item in row.finding.evidence}
    if not wanted:
        return None
    for found in workspace.findings.list(method=method, evidence=min(wanted), limit=LOOK_BACK):
        if {item["sha256"] for item in found.finding.evidence} == wanted:
            return found
    return None


def table_of(
    workspace: Workspace, row: FindingRow | None, stem: str, *, most: int = 5_000
) -> list[dict[str, Any]]:
    """Rows of a table artifact, Parquet or CSV, at most `most`; none where the finding has no such table."""
    if row is None:
        return []
    files = {item["file"] for item in row.finding.artifacts}
    file = next((f"{stem}.{kind}" for kind in ("parquet", "csv") if f"{stem}.{kind}" in files), None)
    if file is None:
        return []
    path = workspace.findings.artifact(row.key, file).path
    if file.endswith("parquet"):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as table:
            rows: list[dict[str, Any]] = []
            for batch in table.iter_batches(min(most, 10_000)):
                rows += batch.to_pylist()
                if len(rows) >= most:
                    break
        return rows[:most]
    from pyarrow import csv

    found: list[dict[str, Any]] = csv.read_csv(path).slice(0, most).to_pylist()
    return found


def limits_of(row: FindingRow) -> dict[str, float]:
    """Pressures that the finding was given, MPa, by name; those not stated are absent."""
    names = (
        "yield_mpa",
        "rated_setting_mpa",
        "set_threshold_mpa",
        "release_threshold_mpa",
        "sensor_uncertainty_mpa",
    )
    given = row.finding.parameters
    return {n: float(given[n]) for n in names if isinstance(given.get(n), int | float) and given[n]}


def rules_of(workspace: Workspace) -> RuleSet:
    """The rows that alarms are judged by: those of Recore, and the workspace's own."""
    return workspace.rules.book().rules if workspace.rules.own().rows else shipped()


def titled(workspace: Workspace, row: FindingRow) -> dict[str, Any]:
    """What a list says about a face."""
    finding = row.finding
    names = [item["name"] for item in finding.evidence]
    return {
        "key": row.key,
        "name": ", ".join(names[:3]) + (f" + {len(names) - 3}" if len(names) > 3 else ""),
        "cycles": finding.results["cycles"].value if "cycles" in finding.results else "–",
        "created_at": row.created_at,
        "flags": [note.code for note in finding.flags],
        "synthetic": any(_synthetic(workspace, item["sha256"]) for item in finding.evidence[:20]),
    }


def _synthetic(workspace: Workspace, sha256: str) -> bool:
    try:
        capture: Capture = workspace.evidence.get(sha256).capture
    except NotFound:
        return False
    return capture.synthetic


def waited(share: float) -> int:
    """Percent of a preparation for a reader."""
    return min(int(share * 100), 99)


def now_us() -> int:
    return int(time.time() * 1_000_000)
