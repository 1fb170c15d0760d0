"""The store: content-addressed, atomic, safe against kill -9."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from recore.errors import BadInput
from recore.evidence import Store, open_file
from recore.evidence import store as store_module
from recore.model.case import Capture

HELLO = hashlib.sha256(b"hello").hexdigest()


def stored_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_consistent(folder: Path) -> int:
    """Every file in the store is whole and has a name; nothing half-written is left. How many there are."""
    store = Store(folder)
    found = list(store)
    for sha256 in found:
        file = store.get(sha256, verify=True)
        assert file.name != sha256
        assert file.size == len(file.read(bytes))
    names = {path.name for path in stored_files(folder)}
    assert not list((folder / ".new").iterdir())
    assert {sha256[2:] for sha256 in found} == {name for name in names if not name.endswith(".name")}
    return len(found)


def test_what_is_put_in_comes_out_under_its_digest(tmp_path: Path) -> None:
    capture = Capture(file="a.txt", who="Li")
    source = tmp_path / "a.txt"
    source.write_bytes(b"hello")
    store = Store(tmp_path / "deep" / "store")
    put = store.put(source, capture=capture)
    assert (put.name, put.sha256, put.size, put.media_type) == ("a.txt", HELLO, 5, "text/plain")
    assert put.capture == capture
    assert put.path == tmp_path / "deep" / "store" / HELLO[:2] / HELLO[2:]
    assert put.path.stat().st_mode & 0o777 == 0o444
    assert put.read(str) == "hello"
    got = Store(tmp_path / "deep" / "store").get(HELLO, verify=True)
    assert (got.name, got.sha256, got.size, got.read(bytes)) == ("a.txt", HELLO, 5, b"hello")
    assert store.get(HELLO, name="b.csv").media_type == "text/csv"
    assert HELLO in store
    assert "x" not in store
    assert list(store) == [HELLO]


def test_the_same_bytes_are_kept_once_under_their_last_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("a.csv", "Prüfprotokoll 1.csv"):
        assert store.put(io.BytesIO(b"hello"), name).path.read_bytes() == b"hello"
    assert store.get(HELLO).name == "Prüfprotokoll 1.csv"
    reader = store.get(HELLO)
    store.put(io.BytesIO(b"hello"), "a.csv")
    assert reader.read(bytes) == b"hello"
    assert assert_consistent(tmp_path) == 1


def test_putting_the_original_in_again_heals_damage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.put(io.BytesIO(b"hello"), "a").path
    path.chmod(0o644)
    path.write_bytes(b"hellO")
    store.get(HELLO)
    with pytest.raises(BadInput, match="the stored bytes have SHA-256"):
        store.get(HELLO, verify=True)
    store.put(io.BytesIO(b"hello"), "a")
    assert store.get(HELLO, verify=True).read(bytes) == b"hello"


@pytest.mark.parametrize(
    ("sha256", "text"),
    [
        ("../../etc/passwd", "is not a SHA-256; 64 lower-case hexadecimal digits"),
        (HELLO.upper(), "is not a SHA-256"),
        ("0" * 64, "no evidence with SHA-256 000"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, sha256: str, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        Store(tmp_path).get(sha256)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "00" / ("0" * 62)).mkdir(parents=True)
    with pytest.raises(BadInput, match="is a folder"):
        store.get("0" * 64)


def test_sources_that_cannot_be_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(BadInput, match="there is no such file"):
        store.put(tmp_path / "missing")
    (tmp_path / "link").symlink_to(__file__)
    with pytest.raises(BadInput, match="symbolic link"):
        store.put(tmp_path / "link")
    with pytest.raises(BadInput, match="is not a file name"):
        store.put(io.BytesIO(b""), "a\nb")
    with pytest.raises(TypeError, match="name"):
        store.put(io.BytesIO(b""))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match=r"'a' cannot be stored \(No space left on device\)"):
        store.put(io.BytesIO(b"hello"), "a")
    monkeypatch.undo()
    assert assert_consistent(tmp_path / "store") == 0


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        left = 3

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            if not self.left:
                raise ConnectionResetError("the upload was cut off")
            return b"x" * 1000

    with pytest.raises(BadInput, match="the upload was cut off"):
        Store(tmp_path).put(Broken(), "a")  # type: ignore[arg-type]
    assert assert_consistent(tmp_path) == 0


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="the store cannot be opened"):
        Store(tmp_path / "file")


def test_opening_removes_what_a_dead_writer_left_and_spares_a_living_one(tmp_path: Path) -> None:
    Store(tmp_path)
    dead, living = tmp_path / ".new" / "dead", tmp_path / ".new" / "living"
    dead.write_bytes(b"half")
    living.write_bytes(b"half")
    with living.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        Store(tmp_path)
        assert not dead.exists()
        assert living.exists()
    Store(tmp_path)
    assert not living.exists()


def test_a_writer_whose_new_file_was_cleaned_away_starts_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    lock = fcntl.flock
    calls = []

    def cleaned(stream: Any, how: int) -> None:
        if not calls:
            next((tmp_path / ".new").iterdir()).unlink()
        calls.append(how)
        lock(stream, how)

    monkeypatch.setattr(store_module.fcntl, "flock", cleaned)
    store.put(io.BytesIO(b"hello"), "a")
    assert len(calls) == 3  # the lost file, its successor, and the name
    assert store.get(HELLO, verify=True).name == "a"


STEP_BY_STEP = """
import io, os, pathlib, signal, sys
from recore.evidence import Store
left = int(sys.argv[2])
def deadly(call):
    def counted(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **keywords)
    return counted
store = Store(sys.argv[1])
os.fsync, os.fchmod = deadly(os.fsync), deadly(os.fchmod)
pathlib.Path.replace = deadly(pathlib.Path.replace)
pathlib.Path.mkdir = deadly(pathlib.Path.mkdir)
pathlib.Path.unlink = deadly(pathlib.Path.unlink)
store.put(io.BytesIO(b"hello"), "a.txt")
"""


def test_a_kill_before_any_step_of_a_write_leaves_the_store_consistent(tmp_path: Path) -> None:
    outcomes = []
    for step in range(30):
        folder = tmp_path / str(step)
        run = subprocess.run([sys.executable, "-c", STEP_BY_STEP, folder, str(step)], check=False)
        outcomes.append((run.returncode, assert_consistent(folder)))
        if run.returncode == 0:
            break
    assert outcomes[0] == (-signal.SIGKILL, 0)
    assert outcomes[-1] == (0, 1)
    assert len(outcomes) >= 8
    there = [count for _, count in outcomes]
    assert there == sorted(there)  # once it is there it stays


WRITE_ON = """
import io, itertools, random, sys
from recore.evidence import Store
store = Store(sys.argv[1])
print("ready", flush=True)
for number in itertools.count():
    content = random.Random(f"{sys.argv[2]} {number}").randbytes(random.randrange(0, 300_000))
    store.put(io.BytesIO(content), f"{number}.bin")
"""


def test_writers_killed_at_random_moments_leave_the_store_consistent(tmp_path: Path) -> None:
    rng = random.Random(7)
    for round in range(6):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITE_ON, tmp_path, f"{round} {n}"], stdout=subprocess.PIPE
            )
            for n in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.02, 0.12))
        for writer in writers:
            writer.kill()
            writer.communicate()
        assert_consistent(tmp_path)
    assert assert_consistent(tmp_path) > 10


def test_two_writers_of_the_same_bytes_agree(tmp_path: Path) -> None:
    source = tmp_path / "same.bin"
    source.write_bytes(bytes(5_000_000))
    script = "import sys; from recore.evidence import Store; Store(sys.argv[1]).put(sys.argv[2])"
    folder = tmp_path / "store"
    writers = [subprocess.Popen([sys.executable, "-c", script, folder, source]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert assert_consistent(folder) == 1
    assert list(Store(folder)) == [open_file(source).sha256]
