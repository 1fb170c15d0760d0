"""A pool of processes that outlives the loss of one of them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import RLock
from typing import Any

from recore.errors import BadInput

# a task that was running whenever a process died this often is taken for the reason
TRIES = 3


class Processes(Executor):
    """Runs tasks in processes of their own.

    When a process is killed, the pool of the standard library gives up all that was running and waiting.
    Here a fresh pool takes that work over. A task is counted once, because a result is only ever taken
    from the run that ended; a task that was under way each time a process died is refused.

    Parameters
    ----------
    workers : number of processes; one for each core this process may use, where it is not given
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self.lost = 0  # pools that broke
        self._lock = RLock()
        self._pool = self._fresh()

    def _fresh(self) -> ProcessPoolExecutor:
        # spawn: a forked child of a process with running threads may hang
        return ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._start(future, 1, fn, args, kwargs)
        return future

    def _start(
        self, future: Future[Any], attempt: int, fn: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        with self._lock:
            pool = self._pool
            try:
                running = pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool:
                pool = self._replaced(pool)
                running = pool.submit(fn, *args, **kwargs)

        def ended(done: Future[Any]) -> None:
            if done.cancelled():
                future.cancel()
                return
            error = done.exception()
            if isinstance(error, BrokenProcessPool):
                if attempt >= TRIES:
                    error = BadInput(
                        f"a process was killed {TRIES} times while this work was under way",
                        where="--on processes",
                        right="more memory or fewer processes may be needed",
                    )
                else:
                    self._replaced(pool)
                    self._start(future, attempt + 1, fn, args, kwargs)
                    return
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result())

        running.add_done_callback(ended)
        future.add_done_callback(lambda given_up: running.cancel() if given_up.cancelled() else None)

    def _replaced(self, broken: ProcessPoolExecutor) -> ProcessPoolExecutor:
        """A pool that works, in the place of a broken one; of several that saw it break one makes it."""
        with self._lock:
            if self._pool is broken:
                self.lost += 1
                self._pool = self._fresh()
                broken.shutdown(wait=False)
            return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
