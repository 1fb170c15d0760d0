"""Every test of the workspace runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recore.registry import registry
from recore.workspace import Workspace

PLUGIN = '''
    """Methods that behave badly in the ways that jobs must survive."""
    import os, signal, sys, time
    from dataclasses import dataclass
    from typing import Annotated
    from recore.errors import BadInput
    from recore.method import Artifact, Progress, Refusal, Unit, method

    @dataclass(frozen=True)
    class Length:
        bytes: Annotated[int, Unit("1")]
        copy: Annotated[bytes, Artifact("copy.txt")]

    @method("test.length", version=2)
    def length(data: bytes, *, times: int = 1) -> Length:
        """Number of bytes."""
        print("a method may print")
        return Length(len(data) * times, data)

    @length.plot
    def _draw(result):
        return {"mark": "bar", "data": {"values": [{"x": result.bytes}]}}

    @method("test.slow", version=1)
    def slow(data: bytes, *, seconds: float = 60.0, progress: Progress) -> dict:
        """Takes its time."""
        for step in range(20):
            progress(step / 20, f"step {step}")
            time.sleep(seconds / 20)
        return {"bytes": len(data)}

    @method("test.killed", version=1)
    def killed(data: bytes) -> dict:
        """Kills its own process."""
        os.kill(os.getpid(), signal.SIGKILL)

    @method("test.raises", version=1)
    def raises(data: bytes) -> dict:
        """Has a mistake in it."""
        raise ZeroDivisionError("a mistake")

    @method("test.refuses", version=1)
    def refuses(data: bytes) -> dict:
        """Never answers."""
        raise Refusal("NO", "not today")

    @method("test.greedy", version=1)
    def greedy(data: bytes) -> dict:
        """Takes all the memory there is."""
        return {"bytes": len(bytearray(64 * 2**30))}
'''


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'recore.sqlite'}"
    empty: Callable[[], str] = request.getfixturevalue("postgres")
    return empty()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Workspace]:
    with Workspace.open(database_url, tmp_path / "store", clock=clock) as opened:
        yield opened


@pytest.fixture
def methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """An installed package with the methods of `PLUGIN`."""
    folder = tmp_path / "site"
    about = folder / "test_methods-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "test_methods.py").write_text(textwrap.dedent(PLUGIN))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: test-methods\nVersion: 1.0\n")
    names = ("length", "slow", "killed", "raises", "refuses", "greedy")
    entries = "\n".join(f"test.{name} = test_methods:{name}" for name in names)
    (about / "entry_points.txt").write_text(f"[recore.methods]\n{entries}\n")
    monkeypatch.syspath_prepend(folder)
    registry.cache_clear()
    yield registry().get
    sys.modules.pop("test_methods", None)
    registry.cache_clear()
