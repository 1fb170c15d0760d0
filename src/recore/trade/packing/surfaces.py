"""Free surfaces: for each height, the maximal rectangles of floor or tops on which something may still stand.

With full support nothing overhangs, so a packing is a height map and every free space reaches the ceiling. A
block that is put down takes its footprint out of the rectangles at its own height and adds its top to those
at the height it reaches; two rectangles that touch give the rectangle over both (the consensus of prime
implicants), so equal tops side by side carry one box together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[Any]

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS: Any = {"cache": True, "nogil": True, "error_model": "numpy"}
_CLOSED: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def outer(function: F) -> F:
    """Compile a function that Python calls."""
    return cast(F, njit(**_OPTIONS)(function))


def inner(function: F) -> F:
    """Compile a function that only machine code calls; a door for Python would take most of the time."""
    return cast(F, njit(**_OPTIONS, **_CLOSED)(function))


@inner
def insert(s: Ints, n: int, x1: int, y1: int, x2: int, y2: int, z: int, dead: int) -> int:
    """Add a rectangle unless another holds it, and drop those that it holds."""
    for i in range(n):
        if s[i, 4] == z and s[i, 0] <= x1 and s[i, 1] <= y1 and s[i, 2] >= x2 and s[i, 3] >= y2:
            return n
    k = 0
    for i in range(n):
        if s[i, 4] == z and s[i, 0] >= x1 and s[i, 1] >= y1 and s[i, 2] <= x2 and s[i, 3] <= y2:
            continue
        if k < i:
            for c in range(6):
                s[k, c] = s[i, c]
        k += 1
    if k == s.shape[0]:
        return k
    s[k, 0] = x1
    s[k, 1] = y1
    s[k, 2] = x2
    s[k, 3] = y2
    s[k, 4] = z
    s[k, 5] = dead
    return k + 1


@inner
def occupy(s: Ints, n: int, x1: int, y1: int, x2: int, y2: int, z: int, cuts: Ints) -> int:
    """Take a footprint out of the surfaces at its height."""
    k = 0
    m = 0
    for i in range(n):
        if s[i, 4] == z and s[i, 0] < x2 and s[i, 2] > x1 and s[i, 1] < y2 and s[i, 3] > y1:
            if m + 4 <= cuts.shape[0]:
                for side in range(4):
                    for c in range(6):
                        cuts[m, c] = s[i, c]
                    if side == 0:
                        cuts[m, 2] = x1
                    elif side == 1:
                        cuts[m, 0] = x2
                    elif side == 2:
                        cuts[m, 3] = y1
                    else:
                        cuts[m, 1] = y2
                    if cuts[m, 0] < cuts[m, 2] and cuts[m, 1] < cuts[m, 3]:
                        m += 1
            continue
        if k < i:
            for c in range(6):
                s[k, c] = s[i, c]
        k += 1
    for j in range(m):
        k = insert(s, k, cuts[j, 0], cuts[j, 1], cuts[j, 2], cuts[j, 3], cuts[j, 4], cuts[j, 5])
    return k


@inner
def cover(s: Ints, n: int, x1: int, y1: int, x2: int, y2: int, z: int) -> int:
    """Add a free top and every maximal rectangle that it forms with its neighbours of equal height."""
    zero: Any = np.int64(0)  # of the type that the other callers have, so that it is compiled once
    n = insert(s, n, x1, y1, x2, y2, z, zero)
    again = True
    while again:
        again = False
        for i in range(n):
            if s[i, 4] != z:
                continue
            for j in range(i + 1, n):
                if s[j, 4] != z:
                    continue
                for way in range(2):
                    # way 0 joins along x, way 1 along y
                    a, b = way, 1 - way
                    if s[i, a] > s[j, a + 2] or s[j, a] > s[i, a + 2]:
                        continue
                    low = max(s[i, b], s[j, b])
                    high = min(s[i, b + 2], s[j, b + 2])
                    if low >= high:
                        continue
                    first = min(s[i, a], s[j, a])
                    last = max(s[i, a + 2], s[j, a + 2])
                    if way == 0:
                        p1, q1, p2, q2 = first, low, last, high
                    else:
                        p1, q1, p2, q2 = low, first, high, last
                    held = False
                    for t in range(n):
                        if (
                            s[t, 4] == z
                            and s[t, 0] <= p1
                            and s[t, 1] <= q1
                            and s[t, 2] >= p2
                            and s[t, 3] >= q2
                        ):
                            held = True
                            break
                    if not held:
                        if n == s.shape[0]:
                            return n
                        n = insert(s, n, p1, q1, p2, q2, z, zero)
                        again = True
                        break
                if again:
                    break
            if again:
                break
    return n
