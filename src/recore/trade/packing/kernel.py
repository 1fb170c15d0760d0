"""Machine code of the search: choice of a surface and a block, and greedy completion.

All lengths are whole numbers; scores use only + - * / and square roots, which every IEEE machine rounds alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.trade.packing.surfaces import cover, inner, occupy, outer

Ints = NDArray[Any]

SURFACES = 512  # maximal rectangles in one state; what comes beyond that is given up
TOLERANCE = 0.04  # a gap below this share of the edge still counts as contact


class Blocks(NamedTuple):
    """Columns of all blocks, largest volume first."""

    size: Ints  # n × 3: lx, ly, lz
    # n × 8: volume, mass, the free rectangle on the top (x1 y1 x2 y2 from the corner; empty when x1 = x2),
    # first row of `need` and the one after the last
    rest: Ints
    weight: Ints  # n × 2: share of the score that depends on the block alone, and the largest from here on
    need: Ints  # (kind, count)


class Room(NamedTuple):
    """What is to be filled: container, edges of the kinds and the grain of the reach tables."""

    length: int
    width: int
    height: int
    lowest: int  # no box is flatter
    narrowest: int  # nor has a shorter edge along x or y
    cell: int
    edges: Ints  # 3 × (kinds·3): edge in cells usable along x, y, z; 0 = not usable
    contact: int  # powers of the two shares in the score of a block
    usable: int
    pull: tuple[int, int, int]  # weights of the distances along x, y, z to the corner of the container


class State(NamedTuple):
    """One partial packing."""

    surfaces: Ints  # x1, y1, x2, y2, z, 1 = no block that is left fits
    left: Ints  # boxes per kind
    scalars: Ints  # volume, mass still allowed, number of surfaces, length of the path
    path: Ints  # block, x, y, z


@inner
def reach(room: Room, left: Ints, table: Ints) -> None:
    """Longest sum of edges of boxes that are left, for every length in cells and each direction."""
    kinds = left.shape[0]
    for d in range(3):
        row = table[d]
        n = row.shape[0]
        row[0] = 0
        for t in range(1, n):
            row[t] = 0
        # row[t] = 1: t is a sum of edges; the number of copies is held back by what is left
        used = np.zeros(n, np.int32)
        row[0] = 1
        for e in range(3 * kinds):
            edge = room.edges[d, e]
            many = left[e // 3]
            if edge == 0 or many == 0 or edge >= n:
                continue
            for t in range(n):
                used[t] = 0
            for t in range(edge, n):
                if row[t] == 0 and row[t - edge] == 1 and used[t - edge] < many:
                    row[t] = 1
                    used[t] = used[t - edge] + 1
        best = 0
        for t in range(n):
            if row[t] == 1:
                best = t
            row[t] = best


@inner
def nearest(s: Ints, n: int, room: Room) -> int:
    """The live surface whose corner lies nearest to a corner of the container, the larger one of equals."""
    best = -1
    near = 0
    large = 0
    for i in range(n):
        if s[i, 5] == 1:
            continue
        far = (
            room.pull[0] * min(s[i, 0], room.length - s[i, 2])
            + room.pull[1] * min(s[i, 1], room.width - s[i, 3])
            + room.pull[2] * s[i, 4]
        )
        size = (s[i, 2] - s[i, 0]) * (s[i, 3] - s[i, 1]) * (room.height - s[i, 4])
        if best < 0 or far < near or (far == near and size > large):
            best = i
            near = far
            large = size
    return best


@inner
def rank(
    b: Blocks, room: Room, s: Ints, left: Ints, spare: int, table: Ints, active: Ints, n_active: int,
    chosen: Ints, scores: Ints,
) -> tuple[int, int]:  # fmt: skip
    """The best blocks for one surface, best first, and the active blocks that are still to be had."""
    k = chosen.shape[0]
    found = 0
    sx = s[2] - s[0]
    sy = s[3] - s[1]
    sz = room.height - s[4]
    space = sx * sy * sz
    inverse = 1.0 / space
    if sx < room.narrowest or sy < room.narrowest:
        return 0, n_active
    # the largest blocks come first: skip those of more volume than the space has
    i = 0
    j = n_active
    while i < j:
        middle = (i + j) // 2
        if b.rest[active[middle], 0] > space:
            i = middle + 1
        else:
            j = middle
    kept = i
    floor = -1.0
    while i < n_active:
        c = active[i]
        if b.weight[c, 1] <= floor:
            break
        i += 1
        lx = b.size[c, 0]
        ly = b.size[c, 1]
        lz = b.size[c, 2]
        fits = lx <= sx and ly <= sy and lz <= sz
        if not fits or b.weight[c, 0] <= floor:
            active[kept] = c
            kept += 1
            continue
        ok = b.rest[c, 1] <= spare
        for e in range(b.rest[c, 6], b.rest[c, 7]):
            if b.need[e, 1] > left[b.need[e, 0]]:
                ok = False
                break
        if not ok:
            continue
        active[kept] = c
        kept += 1
        gx = sx - lx
        gy = sy - ly
        gz = sz - lz
        ax = ly * lz
        ay = lx * lz
        az = lx * ly
        touch = ax + ay + az
        if gx <= TOLERANCE * lx:
            touch += ax
        if gy <= TOLERANCE * ly:
            touch += ay
        if gz <= TOLERANCE * lz:
            touch += az
        contact = touch / (2.0 * (ax + ay + az))
        # the part of the space that boxes left over can still reach beside, behind and above
        ux = lx + table[0, gx // room.cell] * room.cell
        uy = ly + table[1, gy // room.cell] * room.cell
        uz = lz + table[2, gz // room.cell] * room.cell
        usable = (ux * uy * uz) * inverse
        score = b.weight[c, 0]
        for _ in range(room.contact):
            score *= contact
        for _ in range(room.usable):
            score *= usable
        if score > floor or found < k:
            if found < k:
                found += 1
            j = found - 1
            while j > 0 and scores[j - 1] < score:
                scores[j] = scores[j - 1]
                chosen[j] = chosen[j - 1]
                j -= 1
            scores[j] = score
            chosen[j] = c
            if found == k:
                floor = scores[k - 1]
    if kept < i:
        while i < n_active:
            active[kept] = active[i]
            kept += 1
            i += 1
        n_active = kept
    return found, n_active


@outer
def put(b: Blocks, room: Room, state: State, where: int, block: int, cuts: Ints) -> bool:
    """Put a block on a surface; true when a kind has run out."""
    s = state.surfaces
    n = state.scalars[2]
    x1, y1, z = s[where, 0], s[where, 1], s[where, 4]
    if room.length - s[where, 2] < x1:
        x1 = s[where, 2] - b.size[block, 0]
    if room.width - s[where, 3] < y1:
        y1 = s[where, 3] - b.size[block, 1]
    n = occupy(s, n, x1, y1, x1 + b.size[block, 0], y1 + b.size[block, 1], z, cuts)
    high = z + b.size[block, 2]
    t = b.rest[block]
    if t[2] < t[4] and high + room.lowest <= room.height:
        n = cover(s, n, x1 + t[2], y1 + t[3], x1 + t[4], y1 + t[5], high)
    out = False
    for e in range(b.rest[block, 6], b.rest[block, 7]):
        state.left[b.need[e, 0]] -= b.need[e, 1]
        if state.left[b.need[e, 0]] == 0:
            out = True
    p = state.scalars[3]
    state.path[p, 0] = block
    state.path[p, 1] = x1
    state.path[p, 2] = y1
    state.path[p, 3] = z
    state.scalars[0] += b.rest[block, 0]
    state.scalars[1] -= b.rest[block, 1]
    state.scalars[2] = n
    state.scalars[3] = p + 1
    return out


@outer
def copy(source: State, target: State) -> None:
    """Copy what is in use of a state."""
    for i in range(source.scalars[2]):
        for c in range(6):
            target.surfaces[i, c] = source.surfaces[i, c]
    for i in range(source.left.shape[0]):
        target.left[i] = source.left[i]
    for i in range(source.scalars.shape[0]):
        target.scalars[i] = source.scalars[i]
    for i in range(source.scalars[3]):
        for c in range(4):
            target.path[i, c] = source.path[i, c]


@outer
def available(b: Blocks, left: Ints, spare: int, active: Ints, n_active: int, out: Ints) -> int:
    """The blocks that what is left still allows."""
    n = 0
    for i in range(n_active):
        c = active[i]
        ok = b.rest[c, 1] <= spare
        for e in range(b.rest[c, 6], b.rest[c, 7]):
            if b.need[e, 1] > left[b.need[e, 0]]:
                ok = False
                break
        if ok:
            out[n] = c
            n += 1
    return n


@outer
def expand(
    b: Blocks, room: Room, state: State, table: Ints, active: Ints, n_active: int, chosen: Ints, scores: Ints
) -> tuple[int, int, int]:
    """The next surface of a state and the blocks to try on it: (surface or -1, their number, active blocks)."""
    reach(room, state.left, table)
    while True:
        where = nearest(state.surfaces, state.scalars[2], room)
        if where < 0:
            return -1, 0, n_active
        found, n_active = rank(
            b,
            room,
            state.surfaces[where],
            state.left,
            state.scalars[1],
            table,
            active,
            n_active,
            chosen,
            scores,
        )
        if found > 0:
            return where, found, n_active
        state.surfaces[where, 5] = 1


@outer
def evaluate(
    b: Blocks, room: Room, parent: State, tables: Ints, active: Ints, n_active: int, where: int,
    chosen: Ints, first: int, last: int, volumes: Ints, child: State, best: State, scratch: Ints, cuts: Ints,
) -> None:  # fmt: skip
    """What greedy completion makes of a state after each of some blocks; the best packing so far is kept."""
    next_block = np.zeros(1, np.int64)
    score = np.zeros(1, np.float64)
    table = tables[1]
    for i in range(first, last):
        copy(parent, child)
        for d in range(3):
            for t in range(table.shape[1]):
                table[d, t] = tables[0, d, t]
        n = n_active
        for j in range(n):
            scratch[j] = active[j]
        surface = where
        next_block[0] = chosen[i]
        while surface >= 0:
            if put(b, room, child, surface, next_block[0], cuts):
                reach(room, child.left, table)
            surface = nearest(child.surfaces, child.scalars[2], room)
            while surface >= 0:
                found, n = rank(
                    b,
                    room,
                    child.surfaces[surface],
                    child.left,
                    child.scalars[1],
                    table,
                    scratch,
                    n,
                    next_block,
                    score,
                )
                if found > 0:
                    break
                child.surfaces[surface, 5] = 1
                surface = nearest(child.surfaces, child.scalars[2], room)
        volumes[i] = child.scalars[0]
        if volumes[i] > best.scalars[0]:
            copy(child, best)
