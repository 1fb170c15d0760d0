"""Files spread over the workers of an executor, joined in their own order: results do not depend on the choice."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from recore.execute import Inline, executor
from recore.fleet.aemp import read
from recore.fleet.aemp.normalise import Normaliser
from recore.fleet.aemp.tables import Taken, joined

FAST_FROM = 32 << 20  # bytes in all from which compiled scanners pay, even where they must be compiled first
SPREAD_FROM = 96 << 20  # bytes in all from which two processes pay for their start
TASK = 16 << 20  # bytes of a task
PACKED = 10  # bytes in one of a packed file, about


def take(
    paths: Sequence[Path],
    now: datetime,
    *,
    on: str | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Taken:
    """What files say.

    Parameters
    ----------
    on : where work runs; by itself two processes where it pays

    Raises
    ------
    BadInput : one of them cannot be read
    """
    sizes = [path.stat().st_size * (PACKED if read.is_packed(path) else 1) for path in paths]
    fast = sum(sizes) >= FAST_FROM
    tasks = _tasks(paths, sizes)
    if on is None:
        pays = sum(sizes) >= SPREAD_FROM and len(tasks) > 1 and len(os.sched_getaffinity(0)) > 1
        on = "processes:2" if pays else "inline"
    pieces: list[Taken] = []
    with executor(on) as pool:
        inline = isinstance(pool, Inline)
        if fast and not inline:
            from recore.fleet.aemp import scan, scan_json  # noqa: F401 - compiled once, here
        pending: list[Future[Taken]] = (
            [] if inline else [pool.submit(taken, task, now, fast) for task in tasks]
        )
        done = 0
        try:
            for number, task in enumerate(tasks):
                if progress:
                    progress(done / max(len(paths), 1), f"reading {task[0].name}")
                pieces.append(taken(task, now, fast) if inline else pending[number].result())
                done += len(task)
        except BaseException:
            for future in pending:
                future.cancel()
            raise
    return joined(pieces)


def taken(paths: Sequence[Path], now: datetime, fast: bool) -> Taken:
    """One task."""
    normaliser = Normaliser(now, fast=fast)
    for path in paths:
        normaliser.file(path)
    return normaliser.taken


def _tasks(paths: Sequence[Path], sizes: Sequence[int]) -> list[list[Path]]:
    tasks: list[list[Path]] = []
    room = 0
    for path, size in zip(paths, sizes, strict=True):
        if room <= 0 or not tasks:
            tasks.append([])
            room = TASK
        tasks[-1].append(path)
        room -= size
    return tasks
