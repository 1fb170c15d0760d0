"""Findings: what methods found, under the cache key of the work."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from recore import jsonio
from recore.evidence import EvidenceFile
from recore.finding import Finding
from recore.workspace.errors import NotFound
from recore.workspace.repository import Repository, digest
from recore.workspace.tables import ArtifactRow, FindingEvidenceRow, FindingRow

PLOT = "plot.json"


class Findings(Repository):
    """Findings of the workspace. The first finding under a key stays: equal keys mean equal findings."""

    def save(
        self, key: str, finding: Finding, artifacts: Mapping[str, bytes], plot: dict[str, Any] | None = None
    ) -> FindingRow:
        """Keep a finding, its artifact files and its plot (a Vega-Lite specification)."""
        for file, data in artifacts.items():
            self._files.keep(io.BytesIO(data), file)
        drawn = None if plot is None else self._files.keep(io.BytesIO(jsonio.canonical(plot)), PLOT).sha256
        return self.record(key, finding, drawn)

    def record(self, key: str, finding: Finding, plot_sha256: str | None) -> FindingRow:
        """Keep a finding whose files are in the store already.

        Raises
        ------
        BadInput : a file of the finding is not in the store
        """
        with self._database.writing() as session:
            files = {item["file"]: item["sha256"] for item in finding.artifacts}
            self._files.require(session, *files.values(), *([plot_sha256] if plot_sha256 else []))
            row = {
                "key": digest(key),
                "method": finding.method,
                "version": finding.version,
                "document": finding.json(),
                "plot_sha256": plot_sha256,
                "created_at": self._clock(),
            }
            insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
            new = session.execute(
                insert(FindingRow).values(row).on_conflict_do_nothing().returning(FindingRow.key)
            ).scalar()
            if new is not None:
                session.add_all(ArtifactRow(key=key, file=f, sha256=s) for f, s in files.items())
                used = {item["sha256"] for item in finding.evidence}
                session.add_all(FindingEvidenceRow(key=key, sha256=sha256) for sha256 in sorted(used))
            return self._get(session, FindingRow, key)

    def find(self, key: str) -> FindingRow | None:
        """The finding under a cache key, if the work has been done before."""
        with self._database.reading() as session:
            return session.get(FindingRow, key)

    def get(self, key: str) -> FindingRow:
        with self._database.reading() as session:
            return self._get(session, FindingRow, digest(key))

    def list(
        self, method: str | None = None, evidence: str | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[FindingRow]:
        """Newest first; of one method, or made from one file (by SHA-256)."""
        statement = select(FindingRow).order_by(FindingRow.created_at.desc(), FindingRow.key)
        if method is not None:
            statement = statement.where(FindingRow.method == method)
        if evidence is not None:
            made = select(FindingEvidenceRow.key).where(FindingEvidenceRow.sha256 == digest(evidence))
            statement = statement.where(FindingRow.key.in_(made))
        return self._page(statement, limit, offset)

    def count(self) -> int:
        return self._count(select(FindingRow))

    def plot(self, key: str) -> dict[str, Any] | None:
        """Vega-Lite specification of the plot; None where the method draws none."""
        sha256 = self.get(key).plot_sha256
        if sha256 is None:
            return None
        document: dict[str, Any] = jsonio.loads(self._files.get(sha256, PLOT).path.read_bytes(), where=PLOT)
        return document

    def artifact(self, key: str, file: str) -> EvidenceFile:
        """A file that came with the finding."""
        with self._database.reading() as session:
            row = session.get(ArtifactRow, (digest(key), file))
        if row is None:
            raise NotFound(f"no artifact {file!r:.80} of finding {key}")
        return self._files.get(row.sha256, row.file)

    def references(self, session: Session) -> Iterable[str]:
        yield from session.scalars(select(ArtifactRow.sha256))
        yield from filter(None, session.scalars(select(FindingRow.plot_sha256)))
