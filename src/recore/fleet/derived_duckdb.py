"""Derived tables in a DuckDB file: opened for one transaction, then free for the next process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from recore.errors import BadInput

if TYPE_CHECKING:
    import duckdb

_AGAIN_S = 0.02
_WRITER = threading.Lock()  # threads of one process share an open file, and DuckDB's own lock with it


class Duck:
    """A DuckDB file.

    The file itself is the lock: while one process writes, no other can open it. Others wait up to `busy_s`.
    """

    def __init__(self, path: Path, busy_s: float) -> None:
        self.path, self.label, self._busy_s = path, str(path), busy_s

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[DuckSession]:
        import duckdb

        if writing:
            with _WRITER, self._opened(writing) as connection:
                connection.begin()
                yield DuckSession(connection)  # an exception closes the connection, and that takes all back
                try:
                    connection.commit()
                except duckdb.Error as error:
                    raise BadInput(f"nothing was written: {error}", where=self.label) from None
        else:
            with self._opened(writing) as connection:
                yield DuckSession(connection)

    @contextmanager
    def _opened(self, writing: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._open(writing)
        try:
            yield connection
        finally:
            connection.close()

    def _open(self, writing: bool) -> duckdb.DuckDBPyConnection:
        import duckdb

        patience = time.monotonic() + self._busy_s
        if not self.path.exists():
            if not writing:
                return duckdb.connect()  # nothing written yet: an empty database
            self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=not writing)
            except duckdb.Error as error:
                # held by another process (IOException, "lock"), or by a reader or writer of this one
                busy = isinstance(error, duckdb.ConnectionException) or "lock" in str(error).lower()
                if not busy:
                    raise BadInput(
                        f"cannot be opened as a DuckDB file: {str(error).splitlines()[0]}",
                        where=self.label,
                        right="give the path of a DuckDB file, or one that is not there yet",
                    ) from None
                if time.monotonic() > patience:
                    raise BadInput(
                        f"another process has held the file for {self._busy_s:g} s",
                        where=self.label,
                        right="wait until it is done, or use a PostgreSQL database for several writers",
                    ) from None
            time.sleep(_AGAIN_S)


class DuckSession:
    """A transaction in a DuckDB file."""

    marker, dialect = "?", 1

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def lock(self, name: str) -> None:
        """The open file is the lock."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        found = self._connection.execute(sql, list(values)).fetchone()
        return int(found[0]) if found and isinstance(found[0], int) else 0

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, list(values)).fetchall()

    def stage(self, columns: str, table: pa.Table) -> None:
        self._connection.register("stage", table)

    def arrow(self, sql: str, values: Sequence[Any], schema: pa.Schema) -> pa.Table:
        return self._connection.sql(sql, params=list(values)).to_arrow_table().cast(schema)
