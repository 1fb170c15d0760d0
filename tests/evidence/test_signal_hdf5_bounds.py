"""A reading of HDF5 is bounded whatever libhdf5 does: it ends, it is told, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from recore.errors import BadInput
from recore.evidence import Table, hdf5_process, hdf5_walk, open_file

pytestmark = pytest.mark.measured_children

RAMP = np.arange(1000) / 8

# the real server, with a library that does what the name of the file says
FAKE = """
import os, signal, socket, sys, time
import numpy as np
from recore.evidence import hdf5_child
from recore.evidence.hdf5_process import send

log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND)
real = dict(hdf5_child.TASKS)

def spin():
    while True:
        pass

CASES = {
    "spin": spin,
    "sleep": lambda: time.sleep(60),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "leave": lambda: os._exit(0),
    "grow": lambda: bytearray(2**40),
    "fault": lambda: 1 // 0,
    "call": lambda: socket.socket(),
    "look": lambda: open("/etc/hostname"),
}

def contents(connection, file, task):
    os.write(log, b"%d\\n" % os.getpid())
    case = CASES.get(task["name"].split(".")[0])
    if case:
        case()
    real["contents"](connection, file, task)

def blocks(connection, file, task):
    if task["name"] == "lie.h5":
        send(connection, {"arrays": [["|O", 8]]})
    if task["name"] == "much.h5":
        send(connection, {"arrays": [["<f8", 2**40]]})
    if task["name"] == "half.h5":
        send(connection, {"arrays": [["<f8", 3]]}, np.arange(3.0))
        os.kill(os.getpid(), signal.SIGKILL)
    real["blocks"](connection, file, task)

hdf5_child.TASKS.update(contents=contents, blocks=blocks)
hdf5_child.main()
"""


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server with that library; its log names every reader."""
    folder = tmp_path_factory.mktemp("fake")
    (folder / "fake.py").write_text(FAKE)
    (folder / "log").touch()
    with pytest.MonkeyPatch.context() as patch:
        hdf5_process.stop()
        patch.setattr(
            hdf5_process, "COMMAND", [sys.executable, "-P", str(folder / "fake.py"), str(folder / "log")]
        )
        patch.setattr(hdf5_process, "CPU_S", 0.4)
        yield folder
    hdf5_process.stop()


def signal_file(folder: Path, name: str = "a.h5") -> Path:
    path = folder / name
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=RAMP, chunks=(64,), compression="gzip").attrs["fs"] = 1000.0
    return path


def gone(pid: int) -> bool:
    """A process that has ended, also one that nobody has asked after."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def soon(true: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        time.sleep(0.02)
    return true()


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("spin", "libhdf5 did not come to an end on this file; export it again"),
        ("crash", rf"libhdf5 was ended by signal {int(signal.SIGSEGV)} \(Segmentation fault\) on this file"),
        ("leave", "libhdf5 ended without an answer on this file"),
        ("grow", "needs more than 3072 MiB of memory; store it in smaller chunks"),
        ("call", "Too many open files"),
        ("look", "Too many open files"),
    ],
)
def test_a_library_that_hangs_crashes_or_grows_is_bad_input(fake: Path, case: str, told: str) -> None:
    path = signal_file(fake, f"{case}.h5")
    with pytest.raises(BadInput, match=f"{case}.h5: .*{told}"):
        _ = open_file(path).read(Table).columns
    assert gone(int((fake / "log").read_text().split()[-1]))
    assert open_file(signal_file(fake)).read(Table).floats("x").tolist() == RAMP.tolist()


def test_one_damaged_byte_that_keeps_libhdf5_2_0_busy_is_bounded(fake: Path) -> None:
    """The size of an object in the heap of texts, where 0 is a step of no length; a later library may see it."""
    path = fake / "heap.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=RAMP).attrs["unit"] = "mm"
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL") + 24] = 0
    path.write_bytes(content)
    told = "did not come to an end" if h5py.version.hdf5_version == "2.0.0" else ""
    with pytest.raises(BadInput, match=f"heap.h5: .*{told}"):
        _ = open_file(path).read(Table).columns


def test_a_library_that_sleeps_is_ended_by_the_clock(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = signal_file(fake, "sleep.h5")
    signal_file(fake)
    assert open_file(fake / "a.h5").read(Table).rate_hz == 1000  # the server runs
    monkeypatch.setattr(hdf5_process, "WAIT_S", 0.3)
    monkeypatch.setattr(hdf5_process, "WAIT_FACTOR", 0.0)
    begun = time.monotonic()
    with pytest.raises(BadInput, match="did not come to an end"):
        _ = open_file(path).read(Table).columns
    assert time.monotonic() - begun < 20
    assert gone(int((fake / "log").read_text().split()[-1]))


def test_values_that_are_none_or_end_early_are_bad_input(fake: Path) -> None:
    for name, told in {
        "lie": "gave values that are none",
        "much": "gave values that are none",
        "half": r"was ended by signal 9 \(Killed\)",
    }.items():
        table = open_file(signal_file(fake, f"{name}.h5")).read(Table)
        assert table.columns == ("x",)
        with pytest.raises(BadInput, match=told):
            table.floats("x")


def test_a_fault_of_our_own_is_not_blamed_on_the_file(fake: Path) -> None:
    with pytest.raises(RuntimeError, match=r"failed on fault\.h5: ZeroDivisionError"):
        _ = open_file(signal_file(fake, "fault.h5")).read(Table).columns


def test_a_reader_ends_with_the_reading_and_another_server_follows_one_that_was_killed(fake: Path) -> None:
    table = open_file(signal_file(fake)).read(Table)
    batches = table.batches(["x"], rows=10)
    assert next(batches).num_rows == 10
    server = hdf5_process._server()._process.pid
    readers = Path(f"/proc/{server}/task/{server}/children")
    if readers.exists():
        assert len(readers.read_text().split()) == 1
    batches.close()
    if readers.exists():
        assert readers.read_text().split() == []
    batches = table.batches(["x"], rows=10)
    next(batches)
    os.kill(server, signal.SIGKILL)
    assert soon(lambda: gone(server))
    try:  # the reader may have written all it had before it was ended
        assert sum(batch.num_rows for batch in batches) == len(RAMP) - 10
    except BadInput as error:
        assert "ended without an answer" in str(error)
    np.testing.assert_array_equal(table.floats("x"), RAMP)
    assert hdf5_process._server()._process.pid != server


def test_nothing_outlives_the_process_that_reads(fake: Path, tmp_path: Path) -> None:
    path, log = signal_file(tmp_path, "sleep.h5"), tmp_path / "log"
    signal_file(tmp_path)
    log.touch()
    script = f"""
import os
from pathlib import Path
from recore.evidence import Table, hdf5_process, open_file
hdf5_process.COMMAND = {[*hdf5_process.COMMAND[:-1], str(log)]}
assert open_file(Path({str(tmp_path / "a.h5")!r})).read(Table).columns == ("x",)
if not os.fork():  # a server of its own, for it may not speak into another's
    assert open_file(Path({str(tmp_path / "a.h5")!r})).read(Table).columns == ("x",)
    hdf5_process.stop()
    os._exit(0)
assert os.wait()[1] == 0
print(hdf5_process._server()._process.pid, flush=True)
open_file(Path({str(path)!r})).read(Table).columns
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        assert soon(lambda: len(log.read_text().split()) == 3, 30)
        reader = int(log.read_text().split()[-1])
        assert not gone(reader)
        process.kill()
    assert soon(lambda: gone(server) and gone(reader))


def test_threads_read_side_by_side_and_many_channels_at_once(tmp_path: Path) -> None:
    wide = np.arange(20 * 30_001.0).reshape(20, 30_001)
    with h5py.File(tmp_path / "wide.h5", "w") as file:
        file["p_um"] = wide
    table = open_file(tmp_path / "wide.h5").read(Table)
    got = np.concatenate(
        [np.stack([c.to_numpy() for c in b.columns]) for b in table.batches(table.columns)], 1
    )
    np.testing.assert_array_equal(got, wide)
    paths = [signal_file(tmp_path, f"{i}.h5") for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for values in pool.map(lambda path: open_file(path).read(Table).floats("x"), paths):
            np.testing.assert_array_equal(values, RAMP)


def test_a_chunk_longer_than_a_block_is_unpacked_once(tmp_path: Path) -> None:
    values = np.arange(400_000.0)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, chunks=(200_000,), compression="gzip", compression_opts=1)
        file.create_dataset("p", data=np.stack([values, -values]), chunks=(1, 100_000))
    with h5py.File(path) as file:
        for name, axis, room in (("x", 0, 1_600_000), ("p", 1, 1_600_000)):
            dataset = hdf5_walk._opened(file, f"/{name}", axis, 2**25)
            assert dataset.id.get_access_plist().get_chunk_cache()[1] == room
            del dataset
    table = open_file(path).read(Table)
    got = np.concatenate([batch.column(0).to_numpy() for batch in table.batches(["x"], rows=30_000)])
    np.testing.assert_array_equal(got, values)
    np.testing.assert_array_equal(table.floats("p2"), -values)
