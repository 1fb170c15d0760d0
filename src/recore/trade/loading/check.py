"""Whether a load plan is legal: every check by itself, from the placements alone.

No search is trusted: what the engines return is judged here, and only a plan that passes all of it is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.trade.loading.cargo import Item
from recore.trade.loading.space import Floats, Ints, Load, Room, centre, poses

ROUNDING = 1e-9
_CHUNK = 2_000_000
_CELLS = 10_000_000
CHECKS = (
    "inside",
    "no-overlap",
    "orientation",
    "full-support",
    "nothing-on-non-stackable",
    "door",
    "payload",
    "floor",
    "axle",
    "centre-of-gravity",
)


class Verdicts(NamedTuple):
    """What each check says, and in words what is wrong."""

    ok: dict[str, bool]
    wrong: tuple[str, ...]

    @property
    def legal(self) -> bool:
        return all(self.ok.values())


def check(load: Load, items: Sequence[Item], room: Room) -> Verdicts:
    """Judge a load.

    inside : within the inner length; between the side walls and under the roof where there are such; an
        over-wide piece on a flat rack stands centred over the floor
    door : the piece fits the opening, width × height, in the orientation in which it stands
    full-support : the whole base rests on the floor, or on tops at exactly its height; of an over-wide piece the
        part over the floor
    floor : at every section across the length the sum of mass / contact length of all pieces above it is within
        the line load
    centre-of-gravity : of the cargo, as a share of inner length and width from the middle
    """
    mass = np.array([item.mass_kg for item in items])
    box, kind = load.box, load.item
    stack = np.array([item.stackable for item in items], bool)
    standing = [[pose[:3] for pose in poses(item)] for item in items]
    supported, on_soft = support(box, stack[kind] if len(box) else np.zeros(0, bool), room)
    peak = float(line_load(load, items).max(initial=0.0))
    total = float(mass[kind].sum()) if len(box) else 0.0
    ok = {
        "inside": bool(inside(box, room).all()),
        "no-overlap": not overlaps(box),
        "orientation": all(
            (int(b[3]), int(b[4]), int(b[5])) in standing[int(k)] for b, k in zip(box, kind, strict=True)
        ),
        "full-support": bool(supported.all()),
        "nothing-on-non-stackable": not on_soft,
        "door": room.door is None
        or not len(box)
        or bool((box[:, 4] <= room.door[0]).all() and (box[:, 5] <= room.door[1]).all()),
        "payload": total <= room.cargo_kg * (1 + ROUNDING),
        "floor": room.floor_kg_per_m is None or peak <= room.floor_kg_per_m * (1 + ROUNDING),
        "axle": room.axle_max_kg is None
        or all(axle.load_kg <= room.axle_max_kg for k in set(kind.tolist()) for axle in items[k].axles),
        "centre-of-gravity": off_centre(load, mass, room) <= 1 + ROUNDING,
    }
    return Verdicts(ok, tuple(name for name in CHECKS if not ok[name]))


def inside(box: Ints, room: Room) -> NDArray[np.bool_]:
    """Which pieces stay within the room."""
    x, y, z, dx, dy, dz = box.T
    good: NDArray[np.bool_] = (x >= 0) & (x + dx <= room.length) & (z >= 0)
    if not room.open_top:
        good &= z + dz <= room.height
    within = (y >= 0) & (y + dy <= room.width)
    if room.open_sides:
        # centred to the millimetre
        within |= (dy > room.width) & (np.abs(2 * y + dy - room.width) <= 1)
    good &= within
    return good


def meetings(low: Ints, high: Ints, other_low: Ints, other_high: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Index pairs of rectangles or boxes (rows of low and high corners) that share more than an edge, in chunks."""
    if not len(low) or not len(other_low):
        return
    order = np.argsort(other_low[:, 0], kind="stable")
    begins = other_low[order, 0]
    longest = int((other_high[:, 0] - other_low[:, 0]).max())
    first = np.searchsorted(begins, low[:, 0] - longest, side="right")
    last = np.searchsorted(begins, high[:, 0], side="left")
    many = np.maximum(last - first, 0)
    total = np.cumsum(many)
    row = 0
    while row < len(low):
        end = max(row + 1, int(np.searchsorted(total, (total[row - 1] if row else 0) + _CHUNK)))
        counts = many[row:end]
        one = np.repeat(np.arange(row, end), counts)
        step = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        two = order[np.repeat(first[row:end], counts) + step]
        meet = np.ones(len(one), bool)
        for axis in range(low.shape[1]):
            meet &= (low[one, axis] < other_high[two, axis]) & (other_low[two, axis] < high[one, axis])
        yield one[meet], two[meet]
        row = end


def overlaps(box: Ints) -> bool:
    """Whether any two pieces share volume."""
    low, high = box[:, :3], box[:, :3] + box[:, 3:]
    edges = [np.unique(np.concatenate([low[:, axis], high[:, axis]])) for axis in range(3)]
    shape = tuple(len(edge) + 1 for edge in edges)
    if np.prod(shape) <= _CELLS:
        # every piece adds one to the cells between all edges that it fills: corners of the sum in each direction
        rise = np.zeros(shape, np.int32)
        at = [[np.searchsorted(edges[axis], end[:, axis]) for end in (low, high)] for axis in range(3)]
        for i, j, k in itertools.product((0, 1), repeat=3):
            np.add.at(rise, (at[0][i], at[1][j], at[2][k]), 1 - 2 * ((i + j + k) % 2))
        return bool((rise.cumsum(0).cumsum(1).cumsum(2) > 1).any())
    return any(bool((one != two).any()) for one, two in meetings(low, high, low, high))


def carriers(box: Ints) -> tuple[Ints, Ints]:
    """Pairs (below, above) of pieces of which the second stands, at least in part, on the first."""
    below_all, above_all = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    top = box[:, 2] + box[:, 5]
    low, high = box[:, :2], box[:, :2] + box[:, 3:5]
    for z in np.unique(box[box[:, 2] > 0, 2]):
        above, below = np.flatnonzero(box[:, 2] == z), np.flatnonzero(top == z)
        for one, two in meetings(low[above], high[above], low[below], high[below]):
            above_all.append(above[one])
            below_all.append(below[two])
    return np.concatenate(below_all), np.concatenate(above_all)


def support(box: Ints, stackable: NDArray[np.bool_], room: Room) -> tuple[NDArray[np.bool_], bool]:
    """(which pieces rest on their whole base, whether anything stands on what is not stackable)."""
    low, high = box[:, :2].copy(), box[:, :2] + box[:, 3:5]
    if room.open_sides:
        # of an over-wide piece the part over the floor counts
        low[:, 1], high[:, 1] = np.maximum(low[:, 1], 0), np.minimum(high[:, 1], room.width)
    below, above = carriers(box)
    shared = np.minimum(high[below], high[above]) - np.maximum(low[below], low[above])
    area = np.prod(np.maximum(shared, 0), axis=1)
    carried = np.bincount(above, weights=area, minlength=len(box)).astype(np.int64)
    good: NDArray[np.bool_] = (box[:, 2] == 0) | (carried == np.prod(high - low, axis=1))
    return good, bool((~stackable[below] & (area > 0)).any())


def spans(load: Load, items: Sequence[Item]) -> tuple[Floats, Floats, Floats]:
    """Where each piece bears on the floor along the length (begin, end [mm]) and with how much [kg/m]."""
    begin, length = load.box[:, 0].astype(np.float64), load.box[:, 3].astype(np.float64)
    mass = np.array([item.mass_kg for item in items])[load.item]
    for k, item in enumerate(items):
        if item.contact_length_mm is not None:
            lengthways = np.array([name.startswith("1") for name in load.pose], bool)
            rows = np.flatnonzero((load.item == k) & lengthways)
            begin[rows] += (length[rows] - item.contact_length_mm) / 2
            length[rows] = item.contact_length_mm
    return begin, begin + length, mass / length * 1000


def line_load(load: Load, items: Sequence[Item]) -> Floats:
    """Mass over length [kg/m] in every interval between two ends of pieces along the length."""
    if not len(load):
        return np.zeros(0)
    begin, end, pressure = spans(load, items)
    edges, place = np.unique(np.concatenate([begin, end]), return_inverse=True)
    rise = np.bincount(place[: len(begin)], weights=pressure, minlength=len(edges))
    fall = np.bincount(place[len(begin) :], weights=pressure, minlength=len(edges))
    return np.cumsum(rise - fall)[:-1]


def off_centre(load: Load, mass: Floats, room: Room) -> float:
    """How far the centre of gravity lies off the middle, as a share of what is allowed (1 = just allowed)."""
    middle = centre(load, mass)
    if middle is None or room.cog_max_offset is None:
        return 0.0
    worst = 0.0
    sides = zip(middle[:2], (room.length, room.width), room.cog_max_offset, strict=True)
    for at, edge, allowed in sides:
        off = abs(at - edge / 2) / edge
        if off > ROUNDING:
            worst = max(worst, off / allowed if allowed > 0 else np.inf)
    return float(worst)
