"""Tasks on a Dask cluster: its scheduler retries what a lost worker was doing, and counts it once."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from threading import Lock, Thread
from typing import Any

from recore import __version__
from recore.errors import BadInput

CONNECT_S = 10.0
# a worker that dies this often over one task takes the task for the reason
LOST_WORKERS = 3


def environment() -> tuple[str, ...]:
    """What must be the same wherever a task runs, for the same bits."""
    import numpy
    import pyarrow

    return __version__, ".".join(platform.python_version_tuple()[:2]), numpy.__version__, pyarrow.__version__


class Cluster(Executor):
    """Runs tasks on the workers of a Dask scheduler.

    Workers need the same Recore, the same minor version of Python, NumPy and Arrow, and the same paths to
    the evidence: this is asked of each of them before any work is sent.

    Parameters
    ----------
    address : HOST:PORT of the scheduler

    Raises
    ------
    BadInput : no scheduler answers, it has no worker, or a worker runs other versions
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise BadInput(
                "Dask is not installed here", where="--on", right="install recore[scale]"
            ) from None
        # a lost scheduler or worker is told in one line of our own, not in its tracebacks
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.address = address
        self._lock = Lock()
        self._waiting: set[Future[Any]] = set()
        self._gone = False
        try:
            connect: Any = distributed.Client
            self._client: Any = connect(
                f"tcp://{address}",
                timeout=CONNECT_S,
                set_as_default=False,
                name="recore",
                heartbeat_interval=2000,
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise BadInput(
                f"no Dask scheduler answers ({' '.join(str(error).split())[:120] or type(error).__name__})",
                where=f"dask://{address}",
                right="start one: python -m dask scheduler",
            ) from None
        try:
            self._same_everywhere()
        except BaseException:
            self._client.close()
            raise

    def _same_everywhere(self) -> None:
        here = environment()
        if not self._client.scheduler_info(n_workers=-1)["workers"]:
            raise BadInput(
                "the scheduler has no worker",
                where=f"dask://{self.address}",
                right=f"start one: python -m dask worker {self.address}",
            )
        try:
            found = self._client.run(environment, on_error="return")
        except Exception as error:
            found = {"": error}
        for worker, there in found.items():
            if there != here:
                said = f"{type(there).__name__}: {there}" if isinstance(there, Exception) else there
                raise BadInput(
                    f"worker {worker} has other versions: {said}, here {here}",
                    where=f"dask://{self.address}",
                    right="the same Recore, Python, NumPy and Arrow on every machine give the same bits",
                )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self._gone:
                raise self._lost()
            self._waiting.add(future)
        # pure=False: a key of its own for each task, so that no result of an earlier run is taken for it
        running: Any = self._client.submit(fn, *args, pure=False, allow_other_workers=False, **kwargs)

        def ended(done: Any) -> None:
            # called in a thread of the client's own; fetching the result there would wait for itself
            Thread(target=self._settle, args=(done, future), daemon=True).start()

        running.add_done_callback(ended)

        def given_up(cancelled: Future[Any]) -> None:
            if cancelled.cancelled():
                running.cancel()

        future.add_done_callback(given_up)
        return future

    def _settle(self, done: Any, future: Future[Any]) -> None:
        from distributed.scheduler import KilledWorker

        result: Any = None
        error: BaseException | None = None
        try:
            result = done.result(timeout=60)
        except KilledWorker:
            error = BadInput(
                f"workers were lost {LOST_WORKERS + 1} times over this work",
                where=f"dask://{self.address}",
                right="look at the workers' memory limit",
            )
        except (CancelledError, OSError, TimeoutError):
            error = self._lost()
            self._gone = True
        except BaseException as raised:
            error = raised
        with self._lock:
            self._waiting.discard(future)
        if future.cancelled() or future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
        del done

    def _lost(self) -> BadInput:
        return BadInput(
            "the scheduler is gone; what was done is kept",
            where=f"dask://{self.address}",
            right="start it again and run the same command: it goes on where it stopped",
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for future in waiting:
            if cancel_futures or self._gone:
                future.cancel()
            elif wait:
                future.exception()
        self._client.close(timeout=5)
