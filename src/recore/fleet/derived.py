"""Derived tables: the small results of big logs, in one DuckDB file or in a PostgreSQL database.

Rows are told apart by their key, so work done twice counts once. An `add` is one transaction: a killed process
leaves all of it or nothing. Readers see a whole moment and never wait for each other.
"""

# ruff: noqa: S608 - every name that goes into a text is checked against NAME

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from recore.errors import BadInput
from recore.fleet.derived_select import (
    NAME,
    TIME,
    TYPES,
    Dialect,
    Every,
    Function,
    Shape,
    listed,
    of_table,
    quoted,
    select,
    typed,
    zoneless,
)
from recore.home import home

__all__ = ["TIME", "Derived", "Every", "Shape"]

BUSY_S = 60.0  # how long a writer waits for another process
_CATALOGUE = "recore_derived"


class Session(Dialect, Protocol):
    """One transaction in a database."""

    def lock(self, name: str) -> None:
        """Wait until no other transaction writes the table."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; the number of rows it touched."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def stage(self, columns: str, table: pa.Table) -> None:
        """Make the rows readable as the table `stage` until the transaction ends; times have no zone here."""

    def arrow(self, sql: str, values: Sequence[Any], schema: pa.Schema) -> pa.Table:
        """Rows of a query as a table of that schema."""


class Difference(NamedTuple):
    """A number that is there and another that came for the same row and column."""

    key: tuple[Any, ...]
    column: str
    kept: float
    other: float


class Merged(NamedTuple):
    """What came of a merge: new rows, numbers that differ from those that are there, the first of them."""

    new: int
    differ: int
    first: list[Difference]


class Backend(Protocol):
    """A database that holds derived tables."""

    label: str

    def transaction(self, *, writing: bool) -> AbstractContextManager[Session]: ...


class _Open(threading.local):
    session: Session | None = None


class Derived:
    """Derived tables in one place.

    Parameters
    ----------
    url : 'duckdb:///FILE' (four slashes before an absolute path) or a plain path, or 'postgresql://…';
        `fleet.duckdb` in the user's data folder where not given
    busy_s : how long to wait for another process that writes a DuckDB file

    Raises
    ------
    BadInput : no such kind of database, or it cannot be opened; another process holds it for longer than `busy_s`
    """

    def __init__(self, url: str | Path | None = None, *, busy_s: float = BUSY_S) -> None:
        self._backend = _backend(url, busy_s)
        self._shapes: dict[str, Shape] = {}
        self._open = _Open()

    @property
    def label(self) -> str:
        """The address without its password."""
        return self._backend.label

    def tables(self) -> dict[str, Shape]:
        """Every table that is there."""
        with self._reading() as session:
            self._shapes.update(_catalogue(session))
        return dict(sorted(self._shapes.items()))

    def create(self, name: str, schema: pa.Schema, key: Sequence[str]) -> None:
        """Make a table; one that is there with the same columns and key stays as it is.

        Parameters
        ----------
        name : lower-case letters, digits, underscores
        schema : names and types of the columns; times are timestamp[us, tz=UTC]
        key : columns that tell rows apart; never null

        Raises
        ------
        BadInput : a name, type or key that cannot be; the table is there with other columns
        """
        shape = Shape(_checked(name, schema), _key(schema, key, name))
        if self._shapes.get(name) == shape:
            return
        with self._writing() as session:
            session.lock(_CATALOGUE)
            session.run(f"CREATE TABLE IF NOT EXISTS {_CATALOGUE} (name VARCHAR PRIMARY KEY, shape VARCHAR)")
            there = _catalogue(session).get(name)
            if there is None:
                columns = typed(shape.schema, session.dialect)
                session.run(f"CREATE TABLE {of_table(name)} ({columns})")
                if session.dialect == 2:  # DuckDB joins faster without an index, and one file has one writer
                    session.run(
                        f"CREATE UNIQUE INDEX {quoted(f'derived_{name}_key')} "
                        f"ON {of_table(name)} ({listed(shape.key)})"
                    )
                mark = session.marker
                session.run(f"INSERT INTO {_CATALOGUE} VALUES ({mark}, {mark})", [name, shape.json()])
            elif there.json() != shape.json():
                raise BadInput(
                    f"table {name} is there with other columns",
                    where=self.label,
                    right=f"it has {', '.join(there.schema.names)} and the key {', '.join(there.key)}",
                )
        self._shapes[name] = shape

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread writes within is one transaction: all of it is there afterwards, or nothing."""
        if self._open.session is not None:
            yield
            return
        with self._backend.transaction(writing=True) as session:
            self._open.session = session
            try:
                yield
            except BaseException:
                self._shapes = {}  # tables that were made within are not there
                raise
            finally:
                self._open.session = None

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        if self._open.session is not None:
            yield self._open.session
        else:
            with self._backend.transaction(writing=True) as session:
                yield session

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        if self._open.session is not None:
            yield self._open.session
        else:
            with self._backend.transaction(writing=False) as session:
                yield session

    def add(self, name: str, table: pa.Table, *, fill: bool = False) -> int:
        """Add rows, all or none; of rows with one key the first is kept, and the table's own before all.

        Parameters
        ----------
        name : of a table that was created
        table : its columns in any order; columns that are missing are null
        fill : null fields of rows that are there take the value of the new row

        Returns
        -------
        Number of rows whose key was not there before.

        Raises
        ------
        BadInput : a column the table does not have or of another type, a key that is null
        """
        shape = self._shape(name)
        rows = _first_of_key(_conformed(table, shape, name), shape.key)
        return self._put(name, shape, rows, fill=fill, same=None, told=0).new

    def merge(
        self, name: str, table: pa.Table, *, same: float | None = None, told: int = 0, unique: bool = False
    ) -> Merged:
        """`add` with fill, which also tells of numbers that are there and differ; those that are there stay.

        Parameters
        ----------
        same : relative difference up to which two numbers are the same; none compares nothing
        told : so many rows that differ are told, the first by their key
        unique : no key is twice in the table, the caller knows
        """
        shape = self._shape(name)
        rows = _conformed(table, shape, name)
        rows = rows if unique else _first_of_key(rows, shape.key)
        return self._put(name, shape, rows, fill=True, same=same, told=told)

    def _put(
        self, name: str, shape: Shape, rows: pa.Table, *, fill: bool, same: float | None, told: int
    ) -> Merged:
        if not rows.num_rows:
            return Merged(0, 0, [])
        target, keys, rest = of_table(name), shape.key, [n for n in shape.schema.names if n not in shape.key]
        match = " AND ".join(f"t.{quoted(k)} = s.{quoted(k)}" for k in keys)
        with self._writing() as session:
            session.lock(name)
            session.stage(typed(shape.schema, session.dialect), rows.cast(zoneless(shape.schema)))
            if not session.rows(f"SELECT 1 FROM {target} LIMIT 1"):
                return Merged(session.run(f"INSERT INTO {target} SELECT * FROM stage"), 0, [])
            new = session.run(
                f"INSERT INTO {target} SELECT s.* FROM stage AS s "
                f"WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {match})"
            )
            if new == rows.num_rows or not rest:
                return Merged(new, 0, [])
            both = f"{target} AS t JOIN stage AS s ON {match}"
            found = (0, list[Difference]())
            if same is not None:
                found = _differences(session, shape, rest, both, same, told)
            here = [c for c in rest if rows[c].null_count < rows.num_rows]
            if fill and here:
                settings = ", ".join(f"{quoted(c)} = coalesce(t.{quoted(c)}, s.{quoted(c)})" for c in here)
                gains = " OR ".join(f"(t.{quoted(c)} IS NULL AND s.{quoted(c)} IS NOT NULL)" for c in here)
                session.run(
                    f"UPDATE {target} AS t SET {settings} FROM stage AS s WHERE {match} AND ({gains})"
                )
            return Merged(new, *found)

    def query(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        group: Sequence[str | Every] = (),
        aggregate: Mapping[str, tuple[Function, str]] | None = None,
        order: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """Rows of a table, or numbers about groups of them.

        Parameters
        ----------
        columns : wanted columns, all where not given; not with `group` or `aggregate`
        where : by column a value; a list, one of which it must be; or a pair (from, below) with None for an
            open end
        group : columns, or `Every(column, step)`; a step takes its column's name in the answer
        aggregate : by name in the answer (function, column); functions are count, sum, mean, min, max, and
            ('count', '*') counts rows; null values count nowhere
        order : columns of the answer; default the group, or the key
        limit : at most so many rows

        Raises
        ------
        BadInput : a table, column or function that is not known, a value of the wrong type
        """
        shape = self._shape(name)
        with self._reading() as session:
            sql, values, schema = select(
                name, shape, columns, where or {}, group, aggregate or {}, order, limit, session
            )
            return session.arrow(sql, values, zoneless(schema)).cast(schema)

    def count(self, name: str) -> int:
        """Number of rows of a table."""
        rows: int = self.query(name, aggregate={"rows": ("count", "*")})["rows"][0].as_py()
        return rows

    def _shape(self, name: str) -> Shape:
        if name not in self._shapes and name not in self.tables():
            known = ", ".join(sorted(self._shapes)) or "none"
            raise BadInput(f"no table {name!r}", where=self.label, right=f"there are: {known}")
        return self._shapes[name]


def _backend(url: str | Path | None, busy_s: float) -> Backend:
    text = str(home() / "fleet.duckdb" if url is None else url)
    scheme, colon, rest = text.partition("://")
    if colon and scheme.partition("+")[0] in ("postgresql", "postgres"):
        from recore.fleet.derived_postgres import Postgres

        return Postgres(f"postgresql://{rest}")
    if (colon and scheme != "duckdb") or (not rest.strip("/") and colon) or not text:
        raise BadInput(
            f"{scheme!r} is no database for derived tables",
            where="--database",
            right="'duckdb:///FILE', the path of a file, or 'postgresql://…'",
        )
    from recore.fleet.derived_duckdb import Duck

    return Duck(Path(rest.removeprefix("/") if colon else text), busy_s)


def _differences(
    session: Session, shape: Shape, rest: Sequence[str], both: str, same: float, told: int
) -> tuple[int, list[Difference]]:
    numbers = [c for c in rest if pa.types.is_floating(shape.schema.field(c).type)]
    tests = [
        f"abs(t.{quoted(c)} - s.{quoted(c)}) > {same!r} * greatest(abs(t.{quoted(c)}), abs(s.{quoted(c)}))"
        for c in numbers
    ]
    if not tests:
        return 0, []
    sums = " + ".join(f"CASE WHEN {test} THEN 1 ELSE 0 END" for test in tests)
    count = int(session.rows(f"SELECT coalesce(sum({sums}), 0) FROM {both}")[0][0])
    if not count or not told:
        return count, []
    keys = ", ".join(f"t.{quoted(k)}" for k in shape.key)
    pairs = ", ".join(f"t.{quoted(c)}, s.{quoted(c)}" for c in numbers)
    any_of = " OR ".join(tests)
    first = []
    for row in session.rows(
        f"SELECT {keys}, {pairs} FROM {both} WHERE {any_of} ORDER BY {keys} LIMIT {told}"
    ):
        key, values = row[: len(shape.key)], row[len(shape.key) :]
        for column, kept, other in zip(numbers, values[::2], values[1::2], strict=True):
            if None not in (kept, other) and abs(kept - other) > same * max(abs(kept), abs(other)):
                first.append(Difference(key, column, kept, other))
    return count, first[:told]


def _catalogue(session: Session) -> dict[str, Shape]:
    there = session.rows(
        "SELECT table_name FROM information_schema.tables "
        f"WHERE table_name = '{_CATALOGUE}' AND table_schema = current_schema()"
    )
    rows = session.rows(f"SELECT name, shape FROM {_CATALOGUE}") if there else []
    return {name: Shape.from_json(text) for name, text in rows}


def _checked(name: str, schema: pa.Schema) -> pa.Schema:
    for word in (name, *schema.names):
        if not NAME.match(word):
            raise BadInput(
                f"{word!r} is no name", where=name, right="lower-case letters, digits, underscores"
            )
    if len(set(schema.names)) < len(schema.names):
        raise BadInput("a column twice", where=name, right="each name once")
    for field in schema:
        if str(field.type) not in TYPES:
            raise BadInput(
                f"type {field.type}", where=f"{name}.{field.name}", right=f"one of {', '.join(TYPES)}"
            )
    return pa.schema([(field.name, field.type) for field in schema])


def _key(schema: pa.Schema, key: Sequence[str], name: str) -> tuple[str, ...]:
    if not key or len(set(key)) < len(key) or not set(key) <= set(schema.names):
        raise BadInput(
            f"key {', '.join(key) or 'of nothing'}", where=name, right="columns of the table, each once"
        )
    return tuple(key)


def _conformed(table: pa.Table, shape: Shape, name: str) -> pa.Table:
    if unknown := set(table.column_names) - set(shape.schema.names):
        raise BadInput(
            f"column {sorted(unknown)[0]!r}", where=name, right=f"it has {', '.join(shape.schema.names)}"
        )
    columns = []
    for field in shape.schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            columns.append(table[field.name].cast(field.type))
        except pa.ArrowException as error:
            raise BadInput(f"{error}", where=f"{name}.{field.name}", right=f"{field.type}") from None
    for word in shape.key:
        if columns[shape.schema.names.index(word)].null_count:
            raise BadInput("a null in the key", where=f"{name}.{word}", right="a value in every row")
    return pa.Table.from_arrays(columns, schema=shape.schema)


def _first_of_key(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    numbered = table.select(key).append_column("_row", pa.array(np.arange(table.num_rows)))
    first = numbered.group_by(list(key), use_threads=False).aggregate([("_row", "min")])["_row_min"]
    return table if len(first) == table.num_rows else table.take(first.sort())
