"""The bounded process that reads an HDF5 file, as it is seen from outside.

The first reading of a Python process starts a server, `python -m recore.evidence.hdf5_child`, which imports h5py
once and forks for each reading: 0.4 s for the first file, milliseconds for the others, and whatever a damaged file
does to the memory of its reader ends with that reader. The server has no hold on files and ends with the process
that started it. A reader that overruns its time or dies is bad input.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMAND = [sys.executable, "-P", "-m", "recore.evidence.hdf5_child"]
# what is sent to the server: what to do ('r' read, 'e' end), and the number of the reading
ORDER = struct.Struct("<cQ")
READ, END = b"r", b"e"

CPU_S = 10.0
CPU_S_PER_BYTE = 2.0 / 100e6
# an answer is late when that many times the CPU time, and then some, has passed without one
WAIT_FACTOR, WAIT_S = 2.0, 30.0
MEMORY_BYTES = 3 * 2**30
_GRACE_S = 10.0
_LENGTH = struct.Struct("<I")
_MAX_HEAD = 2**27
_MAX_VALUES = 2**26
_ANOTHER_FORMAT = "export it again, or as another format (Parquet, CSV)"


@contextmanager
def reading(
    path: Path, name: str, task: Mapping[str, Any], wanted_bytes: int = 0
) -> Iterator[Iterator[tuple[dict[str, Any], list[NDArray[Any]]]]]:
    """The answers to a task: each with the arrays that follow it. They are read as they are asked for, and the
    reader is ended when the block is left.

    Parameters
    ----------
    path, name : the file, and its name in errors
    task : what is wanted; see `hdf5_child.TASKS`
    wanted_bytes : how much will be read, beside the file's own size a measure of the time it may take

    Raises
    ------
    BadInput : what the reader found wrong; or it did not come to an end, or did not live to tell
    """
    cpu_s = CPU_S + CPU_S_PER_BYTE * (path.stat().st_size + wanted_bytes)
    asked = {
        **task, "path": str(path.absolute()), "name": name, "cpu_s": cpu_s, "memory_bytes": MEMORY_BYTES,
    }  # fmt: skip
    server = _server()
    ours, number = server.begin()
    ended = False
    try:
        ours.settimeout(WAIT_S + WAIT_FACTOR * cpu_s)
        with suppress(BrokenPipeError, ConnectionResetError):  # how it died is told below
            send(ours, asked)
        yield _answers(ours, name)
    except TimeoutError:
        raise _endless(name) from None
    except (EOFError, ConnectionResetError):
        ended = True
        raise _obituary(server.end(number), name) from None
    finally:
        ours.close()
        if not ended:
            server.end(number)


def _answers(connection: socket.socket, name: str) -> Iterator[tuple[dict[str, Any], list[NDArray[Any]]]]:
    while True:
        told = receive(connection)
        if "end" not in told:
            yield told, [_array(connection, code, count, name) for code, count in told.get("arrays", ())]
            continue
        # until it is gone: it may have something to write down at its end
        with suppress(ConnectionResetError):
            connection.recv(1)
        if told["end"] == "bad input":
            raise BadInput(**told["why"])
        if told["end"] == "fault":
            raise RuntimeError(f"the reader of HDF5 failed on {name}: {told['why']}")
        return


def _array(connection: socket.socket, code: str, count: int, name: str) -> NDArray[Any]:
    import numpy as np

    dtype = np.dtype(code)
    if dtype.kind not in "iuf" or not 0 <= count * dtype.itemsize <= _MAX_VALUES:
        # nothing that our own reader says: its memory is no longer what it was
        raise BadInput("libhdf5 gave values that are none on this file", where=name, right=_ANOTHER_FORMAT)
    values = np.empty(count, dtype)
    _fill(connection, values.view("u1").data)
    return values


def _endless(name: str) -> BadInput:
    return BadInput("libhdf5 did not come to an end on this file", where=name, right=_ANOTHER_FORMAT)


def _obituary(status: int | None, name: str) -> BadInput:
    if status == -signal.SIGXCPU:
        return _endless(name)
    if status is not None and status < 0:
        how = f"was ended by signal {-status} ({signal.strsignal(-status)})"
    else:
        how = "ended without an answer"
    return BadInput(f"libhdf5 {how} on this file", where=name, right=_ANOTHER_FORMAT)


def send(connection: socket.socket, message: Mapping[str, Any], *arrays: NDArray[Any]) -> None:
    """One message, and the bytes of the arrays that it announces."""
    head = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(head)) + head)
    for values in arrays:
        connection.sendall(values.view("u1").data)


def receive(connection: socket.socket) -> dict[str, Any]:
    """The next message.

    Raises
    ------
    EOFError : the other side is gone
    """
    length = bytearray(_LENGTH.size)
    _fill(connection, memoryview(length))
    (size,) = _LENGTH.unpack(length)
    if size > _MAX_HEAD:
        raise EOFError
    head = bytearray(size)
    _fill(connection, memoryview(head))
    message: dict[str, Any] = json.loads(head)
    return message


def _fill(connection: socket.socket, room: memoryview) -> None:
    while room:
        count = connection.recv_into(room)
        if not count:
            raise EOFError
        room = room[count:]


class _Server:
    """The process that forks readers. An order is a few bytes and a socket, and is never split: threads share it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*COMMAND, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    "OPENBLAS_NUM_THREADS": "1",  # a process with threads is not forked
                },
            )
        self._numbers = itertools.count()

    def alive(self) -> bool:
        return self._process.poll() is None

    def begin(self) -> tuple[socket.socket, int]:
        """A connection to a new reader, and its number."""
        number = next(self._numbers)
        return self._order(READ, number), number

    def end(self, number: int) -> int | None:
        """Kill a reader unless it has ended; how it ended, as `subprocess` counts, None where nobody knows."""
        try:
            with self._order(END, number) as answer:
                answer.settimeout(_GRACE_S)
                status = receive(answer)["status"]
        except (OSError, EOFError):
            return None
        return int(status)

    def _order(self, what: bytes, number: int) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # to a server that is gone: it ends as a reader that is gone
            socket.send_fds(self._control, [ORDER.pack(what, number)], [theirs.fileno()])
        return ours

    def stop(self) -> None:
        self._control.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_lock = threading.Lock()
_running: _Server | None = None


def _server() -> _Server:
    global _running
    with _lock:
        if _running is None or not _running.alive():
            if _running is not None:
                _running.stop()
            _running = _Server()
        return _running


@atexit.register
def stop() -> None:
    """End the server, and with it every reader; the next reading starts another."""
    global _running
    with _lock:
        server, _running = _running, None
        if server is not None:
            server.stop()


def _forget() -> None:
    """A forked process has no part in the server of the one it was forked from."""
    global _running, _lock
    _running, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
