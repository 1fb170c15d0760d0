"""Where work runs: the `concurrent.futures.Executor` port. Results do not depend on the choice.

A task is a function of a module with arguments that can be pickled; its result is small.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from recore.errors import BadInput

__all__ = ["Inline", "executor"]


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
    """The executor that `--on` names: 'inline', 'processes', 'processes:N' or 'dask://HOST:PORT'.

    Raises
    ------
    BadInput : another word; no scheduler there, or one whose workers run another version
    """
    if where == "inline":
        return Inline()
    match = re.fullmatch(r"processes(?::([0-9]{1,4}))?", where)
    if match and match[1] != "0":
        from recore.execute.processes import Processes

        return Processes(int(match[1]) if match[1] else None)
    if re.fullmatch(r"dask://[^/\s]+:[0-9]{1,5}", where):
        from recore.execute.cluster import Cluster

        return Cluster(where.removeprefix("dask://"))
    raise BadInput(
        f"executor {where!r}", where="--on", right="'inline', 'processes:N' or 'dask://HOST:PORT' is wanted"
    )
