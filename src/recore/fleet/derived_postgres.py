"""Derived tables in PostgreSQL: COPY in, COPY out, one transaction each."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from recore.errors import BadInput

if TYPE_CHECKING:
    import psycopg

_CHUNK = 1 << 20
_LOCK = 0x5EC0_0100  # advisory locks of derived tables, beside those of the workspace


class Postgres:
    """A PostgreSQL database; several processes may write at once."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ModuleNotFoundError as error:
            raise BadInput(
                f"the driver {error.name} is not installed",
                where="--database",
                right="pip install 'recore[postgres]'",
            ) from None
        self._psycopg, self._url = psycopg, url
        hidden = re.sub(r"(//[^:/@]*):[^/@]*@", r"\1:***@", url)
        self.label = re.sub(r"(?i)password=[^&]*", "password=***", hidden)

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[PostgresSession]:
        psycopg = self._psycopg
        try:
            with psycopg.connect(self._url, connect_timeout=10) as connection:
                connection.execute("SET LOCAL datestyle = 'ISO'")
                connection.execute("SET LOCAL extra_float_digits = 1")  # floats come back with all their bits
                if not writing:
                    connection.execute("SET TRANSACTION READ ONLY")
                yield PostgresSession(connection)
        except psycopg.OperationalError as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadInput(
                f"the database does not answer: {said}", where=self.label, right="check address and rights"
            ) from None
        except psycopg.DataError as error:
            raise BadInput(f"nothing was written: {error}", where=self.label) from None


class PostgresSession:
    """A transaction in a PostgreSQL database."""

    marker, dialect = "%s", 2

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def lock(self, name: str) -> None:
        self._connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, _signed(name)])

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        return max(self._connection.execute(sql, list(values) or None).rowcount, 0)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, list(values) or None).fetchall()

    def stage(self, columns: str, table: pa.Table) -> None:
        from pyarrow import csv

        self.run("DROP TABLE IF EXISTS pg_temp.stage")  # of an earlier step of this transaction
        self.run(f"CREATE TEMPORARY TABLE stage ({columns}) ON COMMIT DROP")
        options = csv.WriteOptions(include_header=False, quoting_style="needed")
        with self._connection.cursor().copy("COPY stage FROM STDIN (FORMAT csv)") as copy:
            # psycopg takes any size, but a chunk at a time keeps memory small
            for batch in table.to_batches(max_chunksize=65_536):
                text = io.BytesIO()
                csv.write_csv(batch, text, options)
                copy.write(text.getbuffer())
        self.run("ANALYZE stage")

    def arrow(self, sql: str, values: Sequence[Any], schema: pa.Schema) -> pa.Table:
        from psycopg import ClientCursor
        from pyarrow import csv

        text = ClientCursor(self._connection).mogrify(sql, list(values))
        found = io.BytesIO()
        with self._connection.cursor().copy(f"COPY ({text}) TO STDOUT (FORMAT csv)") as copy:
            for block in copy:
                found.write(block)
        if not found.tell():
            return schema.empty_table()
        return csv.read_csv(
            pa.py_buffer(found.getbuffer()),
            csv.ReadOptions(column_names=schema.names),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )


def _signed(name: str) -> int:
    return zlib.crc32(name.encode()) - (1 << 31)
