"""Opening a database: address, connection settings, transactions, schema version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, create_engine, event, inspect, select, table, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.orm import Session

from recore.errors import BadInput
from recore.workspace.tables import Base

HEAD = (
    "0003"  # newest revision in migrations/versions; kept here because importing Alembic takes half a second
)
VERSION_TABLE = "recore_schema"
BUSY_S = 30
CONNECT_S = 10
_MIGRATION_LOCK, _FILES_LOCK = 0x5EC0_0001, 0x5EC0_0002  # PostgreSQL advisory locks, any two fixed numbers
_WRITING = "recore_writing"


class Database:
    """An engine with two kinds of transaction: reading, and writing from the first statement on."""

    def __init__(self, url: str) -> None:
        self.url = parsed(url)
        self.label = self.url.render_as_string(hide_password=True)
        try:
            self.engine = _engine(self.url)
        except ModuleNotFoundError as error:
            raise BadInput(
                f"the driver {error.name} is not installed",
                where=self.label,
                right="pip install 'recore[postgres]'",
            ) from None
        # one reading transaction sees one moment; SQLite works so by itself
        snapshot = (
            {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        self._reader = self.engine.execution_options(**snapshot)
        self._writer = self.engine.execution_options(**{_WRITING: True})
        try:
            with self._reported():
                migrate(self)
        except BaseException:
            self.close()
            raise

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed as a whole or not at all."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A writing transaction without the object layer, for migrations."""
        with self._writer.begin() as connection:
            yield connection

    def share_files(self, session: Session) -> None:
        """Keep `sweep` of any process out until this writing transaction ends."""
        self._lock(session, "pg_advisory_xact_lock_shared", _FILES_LOCK)

    def own_files(self, session: Session) -> None:
        """Keep every transaction that refers to new files out until this one ends."""
        self._lock(session, "pg_advisory_xact_lock", _FILES_LOCK)

    def _lock(self, session: Session, function: str, number: int) -> None:
        if not self.is_sqlite:  # SQLite has one writer at a time
            session.execute(text(f"SELECT {function}(:number)"), {"number": number})

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            if isinstance(error, OperationalError) or isinstance(error.orig, sqlite3.DatabaseError):
                reason = str(error.orig).strip().partition("\n")[0]
                raise BadInput(
                    f"the database cannot be opened ({reason})",
                    where=self.label,
                    right="give the address of a database that is running and writable",
                ) from None
            raise

    def close(self) -> None:
        self.engine.dispose()


def parsed(url: str) -> URL:
    """The address of a database, with the driver that Recore uses.

    Raises
    ------
    BadInput : not an address, another kind of database, or SQLite without a file
    """
    right = "'sqlite:///path/of/file' or 'postgresql://user@host/name' is wanted"
    try:
        address = make_url(url)
    except ArgumentError:
        raise BadInput(f"{url!r:.100} is not the address of a database", right=right) from None
    kind = address.drivername.partition("+")[0]
    if kind == "sqlite":
        if address.database in (None, "", ":memory:"):
            raise BadInput("a database in memory is gone with the process", where=url, right=right)
        return address.set(drivername="sqlite+pysqlite")
    if kind in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    raise BadInput(f"a database of kind {kind!r}", right=right)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": BUSY_S}, json_serializer=_json)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S}, json_serializer=_json
    )


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself: `_begin_sqlite` does
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}").close()


def _begin_sqlite(connection: Connection) -> None:
    # a transaction that reads first and writes later can fail half-way for want of the lock: take it at once
    writing = connection.get_execution_options().get(_WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def schema_version(connection: Connection) -> str | None:
    """Revision the database is at; None where it holds nothing of ours yet."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        return connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if foreign := sorted(tables & Base.metadata.tables.keys()):
        raise BadInput(
            f"table {foreign[0]!r} is there, but it is not Recore's",
            where=connection.engine.url.render_as_string(hide_password=True),
            right="give an empty database",
        )
    return None


def migrate(database: Database, to: str = "head") -> None:
    """Bring the schema to a revision, in one transaction, whoever else is trying at the same time.

    Raises
    ------
    BadInput : the schema is newer than this program, or the database belongs to another program
    """
    if to == "head":
        with database.engine.connect() as connection:
            if schema_version(connection) == HEAD:
                return
    with database.connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
        version = schema_version(connection)
        if to == "head" and version == HEAD:
            return
        from recore.workspace.migrations import run

        run(connection, version, to, where=database.label)
