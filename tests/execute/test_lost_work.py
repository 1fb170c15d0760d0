"""Workers that die, work that is cut short: nothing is lost and nothing counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import tasks

from recore.errors import BadInput
from recore.execute import Inline, executor
from recore.execute.kept import Kept, keeping
from recore.simulate.supports import supports


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the module of the tasks."""
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    monkeypatch.setenv("PYTHONPATH", paths)


def test_a_killed_process_is_replaced_and_its_work_done_once(importable: None, tmp_path: Path) -> None:
    with executor("processes:2") as pool:
        futures = [pool.submit(tasks.fatal_once, n, str(tmp_path / "flag")) for n in range(8)]
        assert [future.result(120) for future in futures] == [n * n for n in range(8)]
        assert pool.lost == 1  # type: ignore[attr-defined]
        with pytest.raises(BadInput, match="killed 3 times"):
            pool.submit(tasks.fatal).result(120)
        with pytest.raises(ValueError, match="no such thing"):
            pool.submit(tasks.wrong).result(120)
        assert pool.submit(tasks.square, 3).result(120) == 9


class Counting(Inline):
    """Inline, and stops for good after so many tasks."""

    def __init__(self, most: int = 10**9) -> None:
        self.ran, self.most = 0, most

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.ran == self.most:
            raise KeyboardInterrupt
        self.ran += 1
        return super().submit(fn, *args, **kwargs)


def test_what_was_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORE_HOME", str(tmp_path))
    cut = Counting(5)
    with pytest.raises(KeyboardInterrupt), keeping(cut, "work") as kept:
        list(kept.map(tasks.square, range(9)))
    again = Counting()
    with keeping(again, "other work") as kept:
        assert list(kept.map(tasks.square, range(9))) == [n * n for n in range(9)]
    assert (again.ran, kept.found) == (9, 0)
    again = Counting()
    with keeping(again, "work") as kept:
        assert list(kept.map(tasks.square, range(9))) == [n * n for n in range(9)]
    assert (again.ran, kept.found) == (4, 5)
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["secret"]


def test_a_damaged_or_foreign_result_is_computed_anew(tmp_path: Path) -> None:
    folder, secret = tmp_path / "work", tmp_path / "secret"
    Kept(Inline(), folder, secret).submit(tasks.square, 5)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for data in (b"", whole[:-2], whole[:-1] + bytes([whole[-1] ^ 1]), whole + b"x"):
        path.write_bytes(data)
        kept = Kept(Inline(), folder, secret)
        assert kept.submit(tasks.square, 5).result() == 25
        assert kept.found == 0
        assert path.read_bytes() == whole
    other = Kept(Inline(), folder, tmp_path / "another secret")
    assert other.submit(tasks.square, 5).result() == 25
    assert other.found == 0, "a file that another user sealed is not unpickled"
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    kept = Kept(Inline(), tmp_path / "work", tmp_path / "secret")
    for _ in range(2):
        with pytest.raises(ValueError, match="no such thing"):
            kept.submit(tasks.wrong).result()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be kept"):
        Kept(Inline(), tmp_path / "file" / "work", tmp_path / "secret")


def test_unfinished_work_is_forgotten_after_a_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORE_HOME", str(tmp_path))
    old = tmp_path / "unfinished" / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    with keeping(Inline(), "work"):
        assert not old.exists()


KILLED = """
import os
import sys
from recore.metrology.leg_pressure import log
survey, left = log.survey, [3]
def once(*given):
    left[0] -= 1
    if left[0] < 0:
        os.write(1, b"ready\\n")
        __import__("time").sleep(600)
    return survey(*given)
once.__module__, once.__qualname__ = survey.__module__, survey.__qualname__
log.survey = once
from recore.cli import main
sys.argv = ["recore", *sys.argv[1:]]
main()
"""


def test_a_run_that_was_killed_goes_on_where_it_stopped(recore: Any, tmp_path: Path) -> None:
    """`kill -9` in the middle of a log of eight files; the second run reads the rest alone."""
    whole = supports(3, supports=2, days=0.8)
    folder = tmp_path / "logs"
    folder.mkdir()
    step = whole.log.num_rows // 8 + 1
    for number in range(8):
        pq.write_table(whole.log.slice(number * step, step), folder / f"{number}.parquet")
    plain = recore("run", "support.cycles", folder, "--json", "--out", tmp_path / "plain", "--no-resume")
    words = ["run", "support.cycles", str(folder), "--json", "--resume", "--out", str(tmp_path / "out")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    finally:
        child.kill()
        child.stdout.close()
    assert not (tmp_path / "out").exists()
    ended = recore(*words)
    assert "3 part(s) were done before" in ended.err
    assert ended.json["results"] == plain.json["results"]
    assert ended.json["artifacts"] == plain.json["artifacts"]
