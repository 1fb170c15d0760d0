"""Files spread over threads or the workers of an executor, joined in their own order: results do not depend on the choice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from recore.execute import Inline, executor
from recore.fleet.aemp import read
from recore.fleet.aemp.normalise import Normaliser
from recore.fleet.aemp.tables import Taken, joined

FAST_FROM = 32 << 20  # bytes in all from which compiled scanners pay, even where they must be compiled first
SPREAD_FROM = 48 << 20  # bytes in all from which two threads pay
SLOW_FROM = 8 << 20  # bytes for the slow readers from which two processes pay for their start
THREADS = 2
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
    on : where work runs; by itself two threads where the compiled scanners pay, and two processes for what these
        leave to the slow readers

    Raises
    ------
    BadInput : one of them cannot be read
    """
    sizes = [path.stat().st_size * (PACKED if read.is_packed(path) else 1) for path in paths]
    fast = sum(sizes) >= FAST_FROM
    tasks = _tasks(paths, sizes)
    done = 0

    def tell(task: Sequence[Path]) -> None:
        nonlocal done
        if progress:
            progress(done / max(len(paths), 1), f"reading {task[0].name}")
        done += len(task)

    if on is None and fast and sum(sizes) >= SPREAD_FROM and len(tasks) > 1 and _cores() > 1:
        return joined(_threaded(tasks, now, tell))
    return joined(list(_spread(tasks, now, fast, on or "inline", tell)))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _threaded(
    tasks: Sequence[Sequence[Path]], now: datetime, tell: Callable[[Sequence[Path]], None]
) -> list[Taken]:
    """By the compiled scanners, which run side by side in one process; what is not plain by processes afterwards."""
    from recore.fleet.aemp import book_kernel  # noqa: F401 - compiled once, here

    free: SimpleQueue[Normaliser] = SimpleQueue()
    for _ in range(THREADS):
        free.put(Normaliser(now, fast=True))

    def run(task: Sequence[Path]) -> list[Taken | Path]:
        normaliser = free.get()
        made: list[Taken | Path] = []
        for path in task:
            if not normaliser.scanned(path):
                made += [normaliser.turn(), path]
        made.append(normaliser.turn())
        free.put(normaliser)
        return made

    pieces: list[Taken | Path] = []
    with ThreadPoolExecutor(THREADS) as pool:
        pending = [pool.submit(run, task) for task in tasks]
        try:
            for task, future in zip(tasks, pending, strict=True):
                tell(task)
                pieces += future.result()
        except BaseException:
            for future in pending:
                future.cancel()
            raise
    odd = [piece for piece in pieces if isinstance(piece, Path)]
    if not odd:
        return [piece for piece in pieces if isinstance(piece, Taken)]
    many = sum(path.stat().st_size for path in odd) >= SLOW_FROM and len(odd) > 1
    slow = _spread([[path] for path in odd], now, False, "processes:2" if many else "inline", lambda _: None)
    return [next(slow) if isinstance(piece, Path) else piece for piece in pieces]


def _spread(
    tasks: Sequence[Sequence[Path]],
    now: datetime,
    fast: bool,
    on: str,
    tell: Callable[[Sequence[Path]], None],
) -> Iterator[Taken]:
    """What each task says, in their order."""
    with executor(on) as pool:
        inline = isinstance(pool, Inline)
        if fast and not inline:
            from recore.fleet.aemp import book_kernel, scan, scan_json  # noqa: F401 - compiled once, here
        pending: list[Future[Taken]] = (
            [] if inline else [pool.submit(taken, task, now, fast) for task in tasks]
        )
        normaliser = Normaliser(now, fast=fast)
        try:
            for number, task in enumerate(tasks):
                tell(task)
                yield _taken(task, normaliser) if inline else pending[number].result()
        except BaseException:
            for future in pending:
                future.cancel()
            raise


def taken(paths: Sequence[Path], now: datetime, fast: bool) -> Taken:
    """One task."""
    return _taken(paths, Normaliser(now, fast=fast))


def _taken(paths: Sequence[Path], normaliser: Normaliser) -> Taken:
    for path in paths:
        normaliser.file(path)
    return normaliser.turn()


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
