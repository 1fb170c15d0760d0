"""Rows whose clock was wrong: where they belong, as far as the rows beside them tell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.leg_pressure.trace import EARLIEST_US, LATEST_US, Times, spans_of

# what lies apart from the bulk of a log by more than this, and by more than the bulk lasts …
APART_US = 7 * 86400 * 10**6
# … and holds less than this share of the rows, has a wrong date
STRAY_SHARE = 0.1
# a clock that is wrong by less than this cannot be told from rows that came late
JUMP_US = 3600 * 10**6
_MANY_JUMPS = 4096

Window = tuple[int, int]


def bulk(spans: Iterable[NDArray[np.int64]]) -> Window:
    """First and last credible time of a log, from the spans (first, last, rows) of all its legs, µs.

    A method has no clock; a time is in the future, or before the log began, where it lies far from nearly
    all other rows: by more than a week and more than all of them last.
    """
    pieces = [piece for piece in spans if len(piece)]
    if not pieces:
        return EARLIEST_US, LATEST_US
    islands = spans_of(np.concatenate(pieces), APART_US)
    main = int(np.argmax(islands[:, 2]))
    rows = int(islands[:, 2].sum())
    first, last = main, main

    def stray(beside: NDArray[np.int64], void: int) -> bool:
        lasts = int(islands[last, 1] - islands[first, 0])
        return bool(void > lasts and beside[:, 2].sum() < STRAY_SHARE * rows)

    while last + 1 < len(islands):
        if stray(islands[last + 1 :], int(islands[last + 1, 0] - islands[last, 1])):
            break
        last += 1
    while first > 0:
        if stray(islands[:first], int(islands[first, 0] - islands[first - 1, 1])):
            break
        first -= 1
    return int(islands[first, 0]), int(islands[last, 1])


def put_back(ts: Times, window: Window, gap_us: int) -> tuple[Times, NDArray[np.bool_], NDArray[np.bool_]]:
    """Times of one leg with wrong ones put right where that is certain.

    A stretch of wrong times that lies between good ones in the order of the file, where no other row lies in
    the hole between these, and where its own spacing fits that hole, is put back. A logger that starts
    again counts on from 1970 until its clock is set, so what is left of the hole lies before the stretch.

    Parameters
    ----------
    ts : times in the order of the file, µs [n]
    window : first and last credible time
    gap_us : longest part of a hole that may stay empty

    Returns
    -------
    times [n], which of them were put back, and which are wrong still
    """
    wrong = (ts < window[0]) | (ts > window[1])
    good = np.sort(ts[~wrong])
    repaired = np.zeros(len(ts), bool)
    spacing = np.diff(good)
    spacing = spacing[spacing > 0]
    if not len(spacing):
        return ts, repaired, wrong
    usual = int(np.median(spacing))
    ts = ts.copy()

    def try_at(begin: int, end: int, slack: int) -> bool:
        if begin == 0 or end == len(ts) or wrong[begin - 1] or wrong[end]:
            return False
        a, b = int(ts[begin - 1]), int(ts[end])
        within = np.searchsorted(good, b) - np.searchsorted(good, a, "right")
        moved = _fitted(ts[begin:end], a, b, usual, slack) if within == 0 else None
        if moved is None:
            return False
        ts[begin:end], repaired[begin:end] = moved, True
        return True

    for begin, end in _runs(wrong):
        if try_at(begin, end, gap_us):
            wrong[begin:end] = False
    step = np.diff(ts)
    jumps = np.flatnonzero((np.abs(step) > JUMP_US) & ~wrong[1:] & ~wrong[:-1])
    if len(jumps) <= _MANY_JUMPS:
        for before, after in pairwise(jumps.tolist()):
            if step[before] * float(step[after]) < 0.0 and not repaired[before + 1]:
                try_at(before + 1, after + 1, usual // 2)
    return ts, repaired, wrong


def _fitted(c: Times, a: int, b: int, usual: int, slack: int) -> Times | None:
    """Times of a stretch moved into the hole from a to b; None where it does not fit."""
    hole, n = b - a, len(c)
    if hole <= n:
        return None
    if n > 1 and (np.diff(c) > 0).all():
        span = int(c[-1] - c[0])
        left = hole - span - 2 * usual
        if -usual <= left <= max(slack, usual // 2):
            begin = a + (hole - span) // 2 if left <= usual else b - usual - span
            moved: Times = c - c[0] + begin
            return moved
    if abs(hole - (n + 1) * usual) <= usual // 2:
        even: Times = a + hole * np.arange(1, n + 1) // (n + 1)
        return even
    return None


def _runs(mask: NDArray[Any]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
