"""The store as the tables see it: the file first, then the row that refers to it.

A crash between the two leaves a file that nothing refers to, which is harmless and is swept later.
A row without its file never exists: the row is written only while the file is known to be there,
and no sweep runs meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.orm import Session

from recore.evidence import EvidenceFile, Store
from recore.workspace.database import Database


class Files:
    """Files by SHA-256, on behalf of the repositories."""

    def __init__(self, store: Store, database: Database) -> None:
        self.store, self._database = store, database

    def keep(self, source: str | Path | BinaryIO, name: str) -> EvidenceFile:
        """Put a file into the store; it is safe from `sweep` for the time that rows usually need to follow."""
        file = self.store.put(source, name)
        # it may be an old file that nothing refers to; its time of change must not move under its readers
        os.utime(file.path, ns=(time.time_ns(), file.path.stat().st_mtime_ns))
        return file

    def get(self, sha256: str, name: str) -> EvidenceFile:
        return self.store.get(sha256, name=name)

    def require(self, session: Session, *digests: str) -> None:
        """Make sure that files are there and stay until the transaction ends.

        Raises
        ------
        BadInput : a file is not in the store
        """
        self._database.share_files(session)
        for sha256 in digests:
            self.store.get(sha256)

    def sweep(
        self,
        references: Iterable[Callable[[Session], Iterable[str]]],
        older_than: timedelta,
    ) -> list[str]:
        """Remove the files that no row refers to; what was written lately may still get its row."""
        removed = []
        with self._database.writing() as session:
            self._database.own_files(session)
            wanted = {sha256 for refer in references for sha256 in refer(session)}
            for sha256 in set(self.store) - wanted:
                path = self.store.get(sha256).path
                status = path.stat()
                age_s = time.time() - max(status.st_atime, status.st_mtime)
                if age_s > older_than.total_seconds():
                    path.unlink()
                    path.with_name(path.name + ".name").unlink(missing_ok=True)
                    removed.append(sha256)
        return sorted(removed)
