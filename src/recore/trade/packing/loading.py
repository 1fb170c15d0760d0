"""The single container loading problem: as much volume as possible, every base fully on the floor or on tops."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from recore.method import Progress
from recore.trade.packing.problem import (
    BoxKind,
    Packing,
    Stock,
    check,
    milligrams_down,
    milligrams_up,
    orientations,
)  # fmt: skip

UNLIMITED_MG = 2**62

LEAST_SHARE = 1 / 3  # of the time, for the search, however long the machine code took to make


def pack(
    container: Sequence[int], kinds: Sequence[BoxKind], *, seconds: float, payload_kg: float | None = None,
    seed: int = 0, progress: Progress | None = None, work: int | None = None, max_stage: int | None = None,
) -> Packing:  # fmt: skip
    """Pack boxes into a container of inner edges (length, width, height) in millimetres.

    The whole base of every box rests on the floor or on tops of equal height. Blocks of boxes are put one by
    one on the free surface nearest to a corner of the container; a beam search judges a partial packing by
    what greedy completion makes of it. It runs in stages of doubling width.

    Parameters
    ----------
    seconds : time for all; compiling or loading the machine code, once per process, counts, but a third is left.
        At least one packing is completed however short it is
    payload_kg : the boxes together weigh no more
    seed : 0 is the plain search; others shake the taste of the search and may find other packings
    progress : told the share of time or work spent
    work : search until this many greedy completions, whatever the clock says. `Packing.work` of a timed run
        gives the same packing again, on any machine
    max_stage : end after this many stages

    Raises
    ------
    BadInput : a container, box, count or mass that cannot be

    References
    ----------
    Fanslau T., Bortfeldt A.: A tree search algorithm for solving the container loading problem. INFORMS J.
    Comput. 22 (2010) 222-235 (blocks). Araya I., Riff M.-C.: A beam search approach to the container loading
    problem. Comput. Oper. Res. 43 (2014) 100-107 (beam over greedy completions, doubling width). Araya I.,
    Guerrero K., Nunez E.: VCS: a new heuristic function for selecting boxes in the single container loading
    problem. Comput. Oper. Res. 82 (2017) 27-35 (volume, contact surface, usable rest). Zhu W., Lim A.: A new
    iterative-doubling greedy-lookahead algorithm for the single container loading problem. Eur. J. Oper. Res.
    222 (2012) 408-417 (surface nearest to a corner).
    """
    check(container, kinds, payload_kg, seconds, seed, work, max_stage)
    turned, owner = [], []
    for k, kind in enumerate(kinds):
        for orientation in orientations(kind):
            if kind.count and all(a <= b for a, b in zip(orientation, container, strict=True)):
                turned.append(orientation)
                owner.append(k)
    if not turned:
        return Packing(np.zeros((0, 7), np.int64), 0.0, (0,) * len(kinds), 0, 0.0)
    # numba takes half a second to import: only who packs waits for it
    from recore.trade.packing.search import Search, warm

    began = time.perf_counter()
    warm()
    started = time.perf_counter()
    until = max(began + seconds, started + seconds * LEAST_SHARE)
    rows = np.array(turned, np.int64)
    limits = np.array([int(edge) for edge in container], np.int64)
    scale = int(np.gcd.reduce(np.append(rows, limits)))
    stock = Stock(
        limits // scale,
        rows // scale,
        np.array(owner, np.int64),
        np.array([kind.count for kind in kinds], np.int64),
        np.array([bool(kind.stackable) for kind in kinds], np.int64),
        np.array([milligrams_up(kind.mass_kg) for kind in kinds], np.int64),
        UNLIMITED_MG if payload_kg is None else min(milligrams_down(payload_kg), UNLIMITED_MG),
    )
    search = Search(stock, seed=seed, until=until, work=work, progress=progress)
    search.run(max_stage)
    placed = search.placements()
    placed[:, 1:] *= scale
    placed = placed[np.lexsort((placed[:, 2], placed[:, 1], placed[:, 3]))]
    return Packing(
        placed,
        float(search.best.scalars[0] / stock.limits.prod()),
        tuple(int(n) for n in np.bincount(placed[:, 0], minlength=len(kinds))),
        search.work,
        time.perf_counter() - started,
    )
