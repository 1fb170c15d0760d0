"""Blocks: the same boxes in rows, layers and stacks, and pairs of blocks that fit each other almost without waste."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.trade.packing.kernel import Blocks
from recore.trade.packing.problem import Stock
from recore.trade.packing.surfaces import inner, outer

Ints = NDArray[Any]

MOST = 10_000
CELLS = 4_000_000  # of the table of what each block needs


@inner
def find(size: Ints, need: Ints, slots: Ints, lx: int, ly: int, lz: int, wanted: Ints) -> tuple[Any, Any]:
    """(block of this size and these boxes or -1, slot of the hash table)."""
    h = np.uint64(14695981039346656037)
    f = np.uint64(1099511628211)
    h = (h ^ np.uint64(lx)) * f
    h = (h ^ np.uint64(ly)) * f
    h = (h ^ np.uint64(lz)) * f
    for k in range(wanted.shape[0]):
        h = (h ^ np.uint64(wanted[k])) * f
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = h ^ (h >> np.uint64(33))
    mask = slots.shape[0] - 1
    at = np.int64(h & np.uint64(mask))
    while True:
        i = slots[at]
        if i < 0:
            return -1, at
        if size[i, 0] == lx and size[i, 1] == ly and size[i, 2] == lz:
            same = True
            for k in range(wanted.shape[0]):
                if need[i, k] != wanted[k]:
                    same = False
                    break
            if same:
                return i, at
        at = (at + 1) & mask


@outer
def simple(
    turned: Ints, owner: Ints, stacks: Ints, counts: Ints, limits: Ints, pace: int,
    size: Ints, need: Ints, volume: Ints, top: Ints, made: Ints, slots: Ints,
) -> int:  # fmt: skip
    """Rows, layers and stacks of one kind in one orientation; -1 when there is no room for all of them.

    The numbers along an edge grow by `pace` per cent and end at the most that fit, so 100 means all.
    """
    n = 0
    for o in range(turned.shape[0]):
        k = owner[o]
        dx, dy, dz = turned[o, 0], turned[o, 1], turned[o, 2]
        many_x = min(counts[k], limits[0] // dx)
        nx = 1
        while nx <= many_x:
            many_y = min(counts[k] // nx, limits[1] // dy)
            ny = 1
            while ny <= many_y:
                many_z = min(counts[k] // (nx * ny), limits[2] // dz)
                if stacks[k] == 0:
                    many_z = 1
                nz = 1
                while nz <= many_z:
                    if n == size.shape[0]:
                        return -1
                    for j in range(need.shape[1]):
                        need[n, j] = 0
                    need[n, k] = nx * ny * nz
                    size[n, 0] = nx * dx
                    size[n, 1] = ny * dy
                    size[n, 2] = nz * dz
                    twin, at = find(size, need, slots, nx * dx, ny * dy, nz * dz, need[n])
                    if twin < 0:
                        slots[at] = n
                        volume[n] = size[n, 0] * size[n, 1] * size[n, 2]
                        top[n, 0] = 0
                        top[n, 1] = 0
                        top[n, 2] = size[n, 0] * stacks[k]
                        top[n, 3] = size[n, 1] * stacks[k]
                        made[n, 0] = -1
                        made[n, 1] = o
                        made[n, 2] = nx
                        made[n, 3] = ny
                        made[n, 4] = nz
                        n += 1
                    nz = many_z if nz < many_z < nz * pace // 100 else max(nz + 1, nz * pace // 100)
                ny = many_y if ny < many_y < ny * pace // 100 else max(ny + 1, ny * pace // 100)
            nx = many_x if nx < many_x < nx * pace // 100 else max(nx + 1, nx * pace // 100)
    return n


@outer
def join(
    first: int, n: int, counts: Ints, limits: Ints, size: Ints, need: Ints, volume: Ints, top: Ints, made: Ints,
    slots: Ints, full: float,
) -> int:  # fmt: skip
    """Pairs of blocks of which one comes at or after `first`, side by side along x or y or one on the other."""
    kinds = counts.shape[0]
    old = n
    wanted = np.zeros(kinds, need.dtype)
    most = size.shape[0]
    for i in range(old):
        for j in range(i if i >= first else first, old):
            both = volume[i] + volume[j]
            for d in range(3):
                for turn in range(2):
                    p, q = (i, j) if turn == 0 else (j, i)
                    if d < 2 and turn == 1:
                        continue
                    along = size[p, d] + size[q, d]
                    if along > limits[d]:
                        continue
                    e, f = (d + 1) % 3, (d + 2) % 3
                    wide = max(size[p, e], size[q, e])
                    deep = max(size[p, f], size[q, f])
                    if both < full * (along * wide * deep):
                        continue
                    if d == 2 and (size[q, 0] > top[p, 2] - top[p, 0] or size[q, 1] > top[p, 3] - top[p, 1]):
                        continue
                    ok = True
                    for k in range(kinds):
                        wanted[k] = need[p, k] + need[q, k]
                        if wanted[k] > counts[k]:
                            ok = False
                            break
                    if not ok:
                        continue
                    if d == 0:
                        lx, ly, lz = along, wide, deep
                    elif d == 1:
                        lx, ly, lz = deep, along, wide
                    else:
                        lx, ly, lz = wide, deep, along
                    # where q stands, and the largest free rectangle of the new top
                    ox = 0
                    oy = 0
                    oz = 0
                    if d == 0:
                        ox = size[p, 0]
                    elif d == 1:
                        oy = size[p, 1]
                    else:
                        ox, oy, oz = top[p, 0], top[p, 1], size[p, 2]
                    t1, t2, t3, t4 = 0, 0, 0, 0
                    area = 0
                    if d < 2 and size[p, 2] == lz:
                        t1, t2, t3, t4 = top[p, 0], top[p, 1], top[p, 2], top[p, 3]
                        area = (t3 - t1) * (t4 - t2)
                    if size[q, 2] + oz == lz:
                        u1, u2, u3, u4 = top[q, 0] + ox, top[q, 1] + oy, top[q, 2] + ox, top[q, 3] + oy
                        one = area
                        two = (u3 - u1) * (u4 - u2)
                        if one > 0 and two > 0:
                            if d == 0 and t3 == u1:
                                v1, v2, v3, v4 = t1, max(t2, u2), u3, min(t4, u4)
                            elif d == 1 and t4 == u2:
                                v1, v2, v3, v4 = max(t1, u1), t2, min(t3, u3), u4
                            else:
                                v1, v2, v3, v4 = 0, 0, 0, 0
                            if two > area:
                                t1, t2, t3, t4 = u1, u2, u3, u4
                                area = two
                            if v3 > v1 and v4 > v2 and (v3 - v1) * (v4 - v2) > area:
                                t1, t2, t3, t4 = v1, v2, v3, v4
                                area = (v3 - v1) * (v4 - v2)
                        elif two > 0:
                            t1, t2, t3, t4 = u1, u2, u3, u4
                            area = two
                    twin, at = find(size, need, slots, lx, ly, lz, wanted)
                    if twin >= 0:
                        if twin < old:
                            continue
                        if (top[twin, 2] - top[twin, 0]) * (top[twin, 3] - top[twin, 1]) >= area:
                            continue
                        m = twin
                    else:
                        if n == most:
                            continue
                        slots[at] = n
                        m = n
                        n += 1
                    size[m, 0] = lx
                    size[m, 1] = ly
                    size[m, 2] = lz
                    for k in range(kinds):
                        need[m, k] = wanted[k]
                    volume[m] = both
                    top[m, 0] = t1
                    top[m, 1] = t2
                    top[m, 2] = t3
                    top[m, 3] = t4
                    made[m, 0] = p
                    made[m, 1] = q
                    made[m, 2] = ox
                    made[m, 3] = oy
                    made[m, 4] = oz
        if n == most:
            break
    return n


class Made(NamedTuple):
    """How the blocks came about: `made` rows are (first, second, x, y, z) or (-1, orientation, nx, ny, nz)."""

    made: Ints
    turned: Ints
    owner: Ints

    def boxes(self, block: int, x: int, y: int, z: int) -> Iterator[tuple[int, int, int, int, int, int, int]]:
        """The boxes of a block whose corner lies at (x, y, z), as rows of placements."""
        waiting = [(block, x, y, z)]
        while waiting:
            block, x, y, z = waiting.pop()
            first, second, a, b, c = (int(v) for v in self.made[block])
            if first >= 0:
                waiting += [(second, x + a, y + b, z + c), (first, x, y, z)]
                continue
            dx, dy, dz = (int(v) for v in self.turned[second])
            kind = int(self.owner[second])
            for k in range(c):
                for j in range(b):
                    for i in range(a):
                        yield kind, x + i * dx, y + j * dy, z + k * dz, dx, dy, dz


def build(stock: Stock, full: float, rounds: int) -> tuple[Blocks, Made]:
    """All blocks worth trying, largest first; each round joins pairs that fill at least `full` of their hull."""
    kinds = len(stock.counts)
    most = max(min(MOST, CELLS // kinds), 6 * kinds)
    size = np.zeros((most, 3), np.int64)
    need = np.zeros((most, kinds), np.int64)
    volume = np.zeros(most, np.int64)
    top = np.zeros((most, 4), np.int64)
    made = np.zeros((most, 5), np.int64)
    slots = np.full(1 << (2 * most).bit_length(), -1, np.int64)
    n = -1
    # many small boxes make more rows and layers than can be tried: then only some numbers of them
    for pace in (100, 110, 125, 150, 200, 300, 500, 1000, 10**6):
        slots[:] = -1
        n = simple(
            stock.turned, stock.owner, stock.stacks, stock.counts, stock.limits, pace,
            size, need, volume, top, made, slots,
        )  # fmt: skip
        if n >= 0:
            break
    if n < 0:  # one box each
        slots[:] = -1
        ones = np.minimum(stock.counts, 1)
        n = simple(
            stock.turned, stock.owner, stock.stacks, ones, stock.limits, 100,
            size, need, volume, top, made, slots,
        )  # fmt: skip
    first = 0
    for _ in range(rounds):
        last = n
        n = join(first, n, stock.counts, stock.limits, size, need, volume, top, made, slots, full)
        first = last
        if n in (last, most):
            break
    order = np.argsort(-volume[:n], kind="stable")
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    made = made[:n].copy()
    pair = made[:, 0] >= 0
    made[pair, :2] = place[made[pair, :2]]
    size, need, volume, top, made = size[order], need[order], volume[order], top[order], made[order]
    # many boxes in a block leave fewer for the gaps: V / n^(1/4)
    weight = volume / np.sqrt(np.sqrt(need.sum(axis=1)))
    row, kind = np.nonzero(need)
    first_need = np.searchsorted(row, np.arange(n + 1))
    blocks = Blocks(
        size.astype(np.int32),
        np.column_stack([volume, need @ stock.masses, top, first_need[:-1], first_need[1:]]).astype(np.int64),
        np.column_stack([weight, np.maximum.accumulate(weight[::-1])[::-1]]),
        np.column_stack([kind, need[row, kind]]).astype(np.int64),
    )
    return blocks, Made(made, stock.turned, stock.owner)
