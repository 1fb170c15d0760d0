"""The process that libhdf5 runs in: `python -m recore.evidence.hdf5_child DESCRIPTOR`.

It waits on a socket for orders, each with a socket to answer on, and forks for each reading. A reader confines itself
before it touches the file: CPU time, address space, no core, and not one descriptor beyond that of the file, so that
neither a link nor a flaw in the library opens another file or a connection.
"""

from __future__ import annotations

import codecs
import ctypes
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from recore.errors import BadInput
from recore.evidence import hdf5_walk
from recore.evidence.channels import clean
from recore.evidence.hdf5_process import ORDER, READ, receive, send

_PR_SET_PDEATHSIG = 1


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    # an interrupt is meant for the process that started this one, which then closes the socket
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _rehearse()
    readers: dict[int, int] = {}
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, ORDER.size, 1)
        if not order:
            break
        what, number = ORDER.unpack(order)
        with socket.socket(fileno=descriptors[0]) as connection:
            if what == READ:
                readers[number] = os.fork() or _reader(control, connection)
            else:
                _tell(connection, {"status": _end(readers.pop(number))})
    for reader in readers.values():
        _end(reader)


def _rehearse() -> None:
    """Have Python load what a reading needs: a reader can open no file but the one it reads."""
    for encoding in ("ascii", "latin-1", "utf-8"):
        codecs.lookup(encoding)
    with h5py.File("rehearsal", "w", driver="core", backing_store=False) as file:
        for name, dtype in (("x_um", "f8"), ("n", "i2"), ("z", "c16"), ("h", "f2"), ("on", "?")):
            data = np.ones((3, 2), dtype)
            file.create_dataset(f"group/{name}", data=data, chunks=True, compression="gzip", fletcher32=True)
        text = file["group/x_um"].attrs
        text["unit"], text["units"], text["MATLAB_class"] = "um", np.bytes_("um"), np.bytes_("double")
        file["fs"], file["word"], file["soft"] = 1.0, "text", h5py.SoftLink("/fs")
        file["record"] = np.zeros(2, [("r", "f8"), ("i", "f8")])
        file.attrs["dt"], file.attrs["sampling_rate"] = h5py.Empty("f8"), 1.0
        found = hdf5_walk.contents(file, "rehearsal")
        for channel, place in zip(found.channels, found.places, strict=True):
            if channel.refused is None:
                list(hdf5_walk.blocks(file, [place], channel.rows, 2))
    with suppress(OSError):
        h5py.File("rehearsal", "r", driver="core", backing_store=False).close()


def _end(reader: int) -> int:
    # it was not waited for, so its number is still its own
    os.kill(reader, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])


def _tell(connection: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):  # nobody waits for it
        send(connection, message)


def _reader(control: socket.socket, connection: socket.socket) -> int:
    """One reading; this process ends with it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    control.close()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())  # the last words of the C library are no message to a person
    os.close(nowhere)
    try:
        with suppress(OSError, EOFError):  # whoever asked is gone
            task = receive(connection)
            _confine(task["cpu_s"], task["memory_bytes"])
            _answer(connection, task)
    finally:
        _limit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        os._exit(0)


def _confine(cpu_s: float, memory_bytes: int) -> None:
    _limit(resource.RLIMIT_CPU, math.ceil(cpu_s))
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    free = os.dup(0)
    os.close(free)
    _limit(resource.RLIMIT_NOFILE, free + 1)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(connection: socket.socket, task: dict[str, Any]) -> None:
    where = task["name"]
    end: dict[str, Any] = {"end": "done"}
    try:
        # locking would write to the folder of the evidence on some systems
        with h5py.File(task["path"], "r", locking=False) as file:
            TASKS[task["task"]](connection, file, task)
    except BadInput as error:
        end = _bad(error)
    except ConnectionError:
        raise
    except MemoryError:
        what = f"needs more than {task['memory_bytes'] // 2**20} MiB of memory"
        end = _bad(BadInput(what, where=where, right="store it in smaller chunks"))
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        what = f"is not whole HDF5 ({clean(str(error))[:160]})"
        end = _bad(BadInput(what, where=where, right="copy or export it again"))
    except Exception as error:
        end = {"end": "fault", "why": f"{type(error).__name__}: {error}"}
    send(connection, end)


def _bad(error: BadInput) -> dict[str, Any]:
    return {"end": "bad input", "why": error.json()}


def _contents(connection: socket.socket, file: Any, task: dict[str, Any]) -> None:
    found = hdf5_walk.contents(file, task["name"])
    channels = [(each.name, each.rows, each.rate_hz, each.refused) for each in found.channels]
    send(
        connection,
        {
            "channels": channels, "facts": found.facts, "rates": found.rates, "places": found.places,
        },
    )  # fmt: skip


def _blocks(connection: socket.socket, file: Any, task: dict[str, Any]) -> None:
    places = [hdf5_walk.Place(path, tuple(shape), axis, nth) for path, shape, axis, nth in task["places"]]
    for block in hdf5_walk.blocks(file, places, task["count"], task["rows"]):
        arrays = [np.ascontiguousarray(values) for values in block]
        send(connection, {"arrays": [(values.dtype.str, values.size) for values in arrays]}, *arrays)


TASKS: dict[str, Callable[[socket.socket, Any, dict[str, Any]], None]] = {
    "contents": _contents,
    "blocks": _blocks,
}

if __name__ == "__main__":
    main()
