"""Results of tasks kept on disk, so that work that was cut short goes on where it stopped."""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import pickle
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from recore import __version__
from recore.errors import BadInput
from recore.home import home

_TAG = 32
# unfinished work that nobody came back to
FORGOTTEN_S = 30 * 86400.0


class Kept(Executor):
    """Runs tasks on another executor and keeps each result in a file until the whole work is done.

    A task that was done before is not done again: its result is read back, so nothing is counted twice.
    A file is written beside its place and renamed, so a kill leaves a whole result or none; what a
    power cut left half-written fails its seal and is computed anew. The seal is an HMAC with a secret of
    this user (a file only they can read), because a stored result is unpickled.

    Parameters
    ----------
    inner : where the tasks run
    folder : made if it is not there; of one piece of work alone: the caller names it by everything
        that the results depend on (method, version, parameters, digests of the evidence)
    secret : file of the user's secret, made if it is not there
    """

    def __init__(self, inner: Executor, folder: Path, secret: Path) -> None:
        self.inner, self.folder = inner, folder
        self.found = 0  # results of an earlier run
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._secret = _secret(secret)
        except OSError as error:
            raise BadInput(
                f"intermediate results cannot be kept ({error.strerror})",
                where=str(folder),
                right="give another folder in RECORE_HOME, or --no-resume",
            ) from None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        path = self.folder / _named((fn.__module__, fn.__qualname__, args, kwargs))
        future: Future[Any] = Future()
        found, result = self._read(path)
        if found:
            self.found += 1
            future.set_result(result)
            return future
        running = self.inner.submit(fn, *args, **kwargs)

        def ended(done: Future[Any]) -> None:
            if done.cancelled():
                future.cancel()
                return
            error = done.exception()
            if error is None:
                try:
                    self._write(path, done.result())
                except OSError as full:
                    error = BadInput(
                        f"an intermediate result cannot be kept ({full.strerror})",
                        where=str(self.folder),
                        right="make room there, or run with --no-resume",
                    )
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result())

        running.add_done_callback(ended)
        future.add_done_callback(lambda given_up: running.cancel() if given_up.cancelled() else None)
        return future

    def _seal(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, "sha256")

    def _read(self, path: Path) -> tuple[bool, Any]:
        try:
            data = path.read_bytes()
        except OSError:
            return False, None
        if not hmac.compare_digest(data[:_TAG], self._seal(path.name.encode() + data[_TAG:])):
            return False, None
        return True, pickle.loads(data[_TAG:])  # noqa: S301 - sealed by this user

    def _write(self, path: Path, result: Any) -> None:
        data = pickle.dumps(result, protocol=5)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(self._seal(path.name.encode() + data) + data)
        beside.replace(path)

    def done(self) -> None:
        """Forget the results: the work they were part of is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.inner.shutdown(wait=wait, cancel_futures=cancel_futures)


def _named(task: object) -> str:
    """A name for a task that is the same whenever its arguments are equal."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, protocol=5)
    # without memory of what was written before: equal texts give equal bytes, be they one object or two
    pickler.fast = True
    pickler.dump(task)
    return hashlib.sha256(written.getvalue()).hexdigest()


@contextmanager
def keeping(inner: Executor, key: str) -> Iterator[Kept]:
    """Keep the results of one piece of work until it is done; on an error they stay for the next try.

    Parameters
    ----------
    inner : where the tasks run
    key : names the work by everything its results depend on; equal keys mean equal results
    """
    name = hashlib.sha256(f"{__version__} {key}".encode()).hexdigest()[:32]
    folder = home() / "unfinished"
    for old in folder.glob("*/"):
        if old.name != name and time.time() - old.stat().st_mtime > FORGOTTEN_S:
            shutil.rmtree(old, ignore_errors=True)
    kept = Kept(inner, folder / name, folder / "secret")
    yield kept
    kept.done()


def _secret(path: Path) -> bytes:
    """The user's secret; the first process that needs it makes it, whole or not at all."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(beside, path)
        beside.unlink()
        return path.read_bytes()
