"""Passports that were issued; each bundle is a file of the store."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recore.errors import BadInput
from recore.evidence import EvidenceFile
from recore.workspace.errors import NotFound
from recore.workspace.repository import Repository, digest, storable
from recore.workspace.tables import PassportRow

BUNDLE = "passport.zip"


class Passports(Repository):
    """Issued passports, by SHA-256 of the bundle."""

    def save(
        self,
        bundle: str | Path | bytes,
        *,
        issuer: str,
        machine: str,
        grade: str,
        case_id: int | None = None,
        sha256: str | None = None,
    ) -> PassportRow:
        """Keep a bundle.

        Parameters
        ----------
        bundle : path or bytes of the zip
        issuer : identifier (DID) of who signed it
        machine : URN of the machine
        grade : letter, or 'unknown'
        case_id : the case it was issued from
        sha256 : digest the bundle must have

        Raises
        ------
        BadInput : the bundle has another digest
        NotFound : no such case
        """
        storable([issuer, machine, grade], where="passport")
        file = self._files.keep(io.BytesIO(bundle) if isinstance(bundle, bytes) else bundle, BUNDLE)
        if sha256 is not None and file.sha256 != sha256:
            raise BadInput(
                f"the bundle has SHA-256 {file.sha256}", where=BUNDLE, right=f"{sha256} was announced"
            )
        with self._database.writing() as session:
            self._files.require(session, file.sha256)
            row = session.get(PassportRow, file.sha256)
            if row is None:
                row = PassportRow(
                    sha256=file.sha256,
                    issuer=issuer,
                    machine=machine,
                    grade=grade,
                    case_id=case_id,
                    issued_at=self._clock(),
                )
                session.add(row)
                try:
                    session.flush()
                except IntegrityError:
                    raise NotFound(f"no case {case_id} in this workspace") from None
        return row

    def get(self, sha256: str) -> PassportRow:
        with self._database.reading() as session:
            return self._get(session, PassportRow, digest(sha256))

    def list(
        self, machine: str | None = None, case_id: int | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[PassportRow]:
        """Newest first; of one machine, or issued from one case."""
        statement = select(PassportRow).order_by(PassportRow.issued_at.desc(), PassportRow.sha256)
        if machine is not None:
            statement = statement.where(PassportRow.machine == machine)
        if case_id is not None:
            statement = statement.where(PassportRow.case_id == case_id)
        return self._page(statement, limit, offset)

    def count(self) -> int:
        return self._count(select(PassportRow))

    def open(self, sha256: str) -> EvidenceFile:
        """The bundle itself."""
        return self._files.get(self.get(sha256).sha256, BUNDLE)

    def references(self, session: Session) -> Iterable[str]:
        return session.scalars(select(PassportRow.sha256))
