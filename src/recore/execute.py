"""Where work runs: the `concurrent.futures.Executor` port. Results do not depend on the choice."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

from recore.errors import BadInput


class Inline(Executor):
    """Runs each task at once in the calling thread: the default for small work."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        return future


def executor(where: str = "inline") -> Executor:
    """The executor that `--on` names: 'inline', 'processes' or 'processes:N'."""
    if where == "inline":
        return Inline()
    match = re.fullmatch(r"processes(?::([0-9]{1,4}))?", where)
    if match and match[1] != "0":
        import multiprocessing

        workers = int(match[1]) if match[1] else len(os.sched_getaffinity(0))
        # spawn: a forked child of a process with running threads may hang
        return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    raise BadInput(f"executor {where!r}", where="--on", right="'inline' or 'processes:N' is wanted")
