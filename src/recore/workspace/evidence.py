"""Evidence: raw files and what is known about how they came to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from recore.errors import BadInput
from recore.evidence import EvidenceFile
from recore.model.case import Capture
from recore.workspace.repository import FileSource, Repository, digest, storable
from recore.workspace.tables import EvidenceRow

_FACTS = ("who", "instrument", "calibration", "place", "source", "licence", "synthetic")


def file_name(name: str) -> str:
    """The last part of a file name as browsers and archives send it, fit to be shown and used as a label.

    Raises
    ------
    BadInput : nothing is left, it is longer than 200 characters, or it holds control characters
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    if not last or last == ".." or len(last) > 200 or not last.isprintable():
        raise BadInput(f"file name {name!r:.80}", right="1 to 200 printable characters are wanted")
    return storable(last, where="file name")  # type: ignore[no-any-return]


class Evidence(Repository):
    """Raw files of the workspace, by SHA-256."""

    def add(self, source: FileSource, name: str, capture: Capture | None = None) -> EvidenceRow:
        """Keep a file. A file that is already there keeps its name; a capture replaces the one before.

        Raises
        ------
        BadInput : the file is empty, its name is no name, or the capture lies in the future
        """
        name = file_name(name)
        capture = self.checked(capture or Capture(file=name))
        file = self._files.keep(source, name)
        if file.size == 0:
            raise BadInput("the file is empty", where=name, right="give the file as the instrument wrote it")
        with self._database.writing() as session:
            self._files.require(session, file.sha256)
            row = session.get(EvidenceRow, file.sha256)
            if row is None:
                row = EvidenceRow(
                    sha256=file.sha256,
                    name=name,
                    size=file.size,
                    media_type=file.media_type,
                    added_at=self._clock(),
                )
                _write(row, capture)
                session.add(row)
            elif capture.model_fields_set - {"file"}:
                _write(row, capture)
        return row

    def get(self, sha256: str) -> EvidenceRow:
        with self._database.reading() as session:
            return self._get(session, EvidenceRow, digest(sha256))

    def list(self, limit: int = 50, offset: int = 0) -> Sequence[EvidenceRow]:
        """Newest first."""
        order = select(EvidenceRow).order_by(EvidenceRow.added_at.desc(), EvidenceRow.sha256)
        return self._page(order, limit, offset)

    def count(self) -> int:
        return self._count(select(EvidenceRow))

    def set_capture(self, sha256: str, capture: Capture) -> EvidenceRow:
        """State how a file came to be; the file's name stays.

        Raises
        ------
        BadInput : the capture lies in the future
        """
        with self._database.writing() as session:
            return self.record_capture(session, sha256, capture)

    def record_capture(self, session: Session, sha256: str, capture: Capture) -> EvidenceRow:
        """`set_capture` as part of a larger transaction."""
        row = self._get(session, EvidenceRow, digest(sha256), lock=True)
        _write(row, self.checked(capture))
        return row

    def captures(self, session: Session, digests: Iterable[str]) -> dict[str, Capture]:
        """Captures by SHA-256, of those of the files that are here."""
        rows = session.scalars(select(EvidenceRow).where(EvidenceRow.sha256.in_(list(digests))))
        return {row.sha256: row.capture for row in rows}

    def open(self, sha256: str) -> EvidenceFile:
        """The file itself, ready to be read by a method."""
        row = self.get(sha256)
        return self._files.get(row.sha256, row.name)

    def checked(self, capture: Capture) -> Capture:
        """The capture with its moment in UTC (a moment without zone is UTC)."""
        storable(capture.model_dump(), where="capture")
        if capture.when is None:
            return capture
        when = capture.when.replace(tzinfo=capture.when.tzinfo or UTC).astimezone(UTC)
        if when > self._clock():
            raise BadInput(
                f"captured {when.isoformat()}, which lies in the future",
                where=capture.file,
                right="give the moment of the measurement, and check the clocks of instrument and computer",
            )
        return capture.model_copy(update={"when": when})

    def references(self, session: Session) -> Iterable[str]:
        return session.scalars(select(EvidenceRow.sha256))


def _write(row: EvidenceRow, capture: Capture) -> None:
    row.captured_at = capture.when
    for fact in _FACTS:
        setattr(row, fact, getattr(capture, fact))
