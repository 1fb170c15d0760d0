"""Whether a load plan is legal: every check by itself, from the placements alone.

No search is trusted: what the engines return is judged here, and only a plan that passes all of it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.trade.loading.cargo import Item
from recore.trade.loading.space import Floats, Ints, Load, Room, centre, poses

ROUNDING = 1e-9
_CHUNK = 2_000_000
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


def overlaps(box: Ints) -> bool:
    """Whether any two pieces share volume."""
    order = np.argsort(box[:, 0], kind="stable")
    low, high = box[order, :3], box[order, :3] + box[order, 3:]
    step = max(1, _CHUNK // max(1, len(box)))
    for begin in range(0, len(box), step):
        rows = np.arange(begin, min(begin + step, len(box)))
        last = np.searchsorted(low[:, 0], high[rows, 0], side="left")
        for i, end in zip(rows, last, strict=True):
            a, b = low[i + 1 : end], high[i + 1 : end]
            if ((a < high[i]) & (b > low[i])).all(axis=1).any():
                return True
    return False


def support(box: Ints, stackable: NDArray[np.bool_], room: Room) -> tuple[NDArray[np.bool_], bool]:
    """(which pieces rest on their whole base, whether anything stands on what is not stackable)."""
    good = box[:, 2] == 0
    soft = False
    top = box[:, 2] + box[:, 5]
    left = np.maximum(box[:, 1], 0) if room.open_sides else box[:, 1]
    right = box[:, 1] + box[:, 4]
    if room.open_sides:
        right = np.minimum(right, room.width)
    for z in np.unique(box[box[:, 2] > 0, 2]):
        above, below = np.flatnonzero(box[:, 2] == z), np.flatnonzero(top == z)
        for i in above:
            wide = np.minimum(box[i, 0] + box[i, 3], box[below, 0] + box[below, 3]) - np.maximum(
                box[i, 0], box[below, 0]
            )
            deep = np.minimum(right[i], box[below, 1] + box[below, 4]) - np.maximum(left[i], box[below, 1])
            shared = np.maximum(wide, 0) * np.maximum(deep, 0)
            soft = soft or bool((shared[~stackable[below]] > 0).any())
            good[i] = shared.sum() == box[i, 3] * (right[i] - left[i])
    return good, soft


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
