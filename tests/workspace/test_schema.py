"""The schema: migrations on both databases, versions, and addresses that cannot be opened."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from recore.errors import BadInput
from recore.workspace import Workspace
from recore.workspace import database as db
from recore.workspace.migrations import config
from recore.workspace.tables import Base


def _tables(database: db.Database) -> set[str]:
    from sqlalchemy import inspect

    with database.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def _differences(database: db.Database) -> list[object]:
    with database.engine.connect() as connection:
        options = {"version_table": db.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def test_the_version_constant_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [db.HEAD]


def test_migrations_make_what_the_tables_say_and_can_be_undone(database_url: str) -> None:
    database = db.Database(database_url)
    ours = {*Base.metadata.tables, db.VERSION_TABLE}
    assert _tables(database) == ours
    assert _differences(database) == []
    db.migrate(database, "base")
    assert _tables(database) == {db.VERSION_TABLE}
    db.migrate(database)
    assert _tables(database) == ours
    assert _differences(database) == []
    database.close()


def test_the_comparison_notices_a_difference(database_url: str) -> None:
    database = db.Database(database_url)
    with database.connection() as connection:
        connection.execute(text("ALTER TABLE job DROP COLUMN doing"))
    assert len(_differences(database)) == 1
    database.close()


def test_a_migration_that_fails_leaves_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import recore.workspace.migrations as migrations

    real = migrations.run

    def broken(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(migrations, "run", broken)
    with pytest.raises(KeyboardInterrupt):
        db.Database(database_url)
    monkeypatch.undo()
    probe = db.Database.__new__(db.Database)
    probe.url, probe.engine = db.parsed(database_url), db._engine(db.parsed(database_url))
    assert _tables(probe) == set()
    probe.close()
    database = db.Database(database_url)
    assert _differences(database) == []
    database.close()


def test_a_newer_schema_is_refused(database_url: str, tmp_path: Path) -> None:
    database = db.Database(database_url)
    with database.connection() as connection:
        connection.execute(text(f"UPDATE {db.VERSION_TABLE} SET version_num = '9999'"))
    database.close()
    with pytest.raises(BadInput, match=r"schema 9999.*newer Recore.*0003"):
        Workspace.open(database_url, tmp_path / "store")


def test_the_database_of_another_program_is_refused(database_url: str, tmp_path: Path) -> None:
    database = db.Database(database_url)
    with database.connection() as connection:
        connection.execute(text(f"DROP TABLE {db.VERSION_TABLE}"))
    database.close()
    with pytest.raises(BadInput, match="is there, but it is not Recore's"):
        Workspace.open(database_url, tmp_path / "store")


def test_a_database_at_head_is_opened_without_alembic(database_url: str, tmp_path: Path) -> None:
    Workspace.open(database_url, tmp_path / "store").close()
    code = (
        "import sys; from recore.workspace import Workspace;"
        "Workspace.open(sys.argv[1], sys.argv[2]).close(); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, database_url, str(tmp_path / "store")], check=True)


def test_two_processes_open_a_new_database_at_once(database_url: str, tmp_path: Path) -> None:
    code = (
        "import sys; from recore.workspace import Workspace; Workspace.open(sys.argv[1], sys.argv[2]).close()"
    )
    command = [sys.executable, "-c", code, database_url, str(tmp_path / "store")]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "not the address of a database"),
        ("mysql://host/name", "kind 'mysql'"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("postgresql://user:secret@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_an_address_that_cannot_be_used(url: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        db.Database(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "text.sqlite"
    path.write_text("this is not a database, but it is long enough to be taken for one" * 20)
    with pytest.raises(BadInput, match="not a database"):
        db.Database(f"sqlite:///{path}")


def test_the_driver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadInput, match=r"pip install 'recore\[postgres\]'"):
        db.Database("postgres://host/name")


def test_sqlite_is_set_up_to_survive_a_power_cut(tmp_path: Path) -> None:
    database = db.Database(f"sqlite:///{tmp_path / 'new' / 'a.sqlite'}")
    with database.reading() as session:
        settings = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    database.close()
    with closing(sqlite3.connect(tmp_path / "new" / "a.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_default_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recore.home import home

    monkeypatch.setenv("RECORE_HOME", str(tmp_path / "mine"))
    with Workspace.open() as workspace:
        assert workspace.url == f"sqlite+pysqlite:///{tmp_path / 'mine' / 'recore.sqlite'}"
        assert workspace.store.folder == tmp_path / "mine" / "store"
    monkeypatch.delenv("RECORE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert home() == tmp_path / "data" / "recore"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert home() == Path.home() / ".local" / "share" / "recore"
