"""Many boxes: block search for the fill, then whatever the other limits ask is repaired.

The block search knows edges, full support, stackability and payload. Door, line load and centre of gravity are
kept here: orientations that do not pass the door are not offered, the load is balanced by its sections, and what
still breaks a limit is taken off the top until none is broken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.method import Progress
from recore.trade.loading.balance import balanced, within_limits
from recore.trade.loading.cargo import Item
from recore.trade.loading.check import ROUNDING, carriers, line_load, off_centre, spans
from recore.trade.loading.space import Floats, Ints, Load, Room, empty, joined, poses

MOST_BOXES = 20_000


class Boxed(NamedTuple):
    """A load, the search effort that replays it, and why boxes were taken off again."""

    load: Load
    work: int
    by_clock: bool
    taken_off: dict[int, str]
    capped: bool


def load_boxes(
    items: Sequence[Item],
    counts: Sequence[int],
    room: Room,
    *,
    first: Load,
    seconds: float,
    seed: int,
    work: int | None,
    progress: Progress | None = None,
) -> Boxed:
    """Fill a room with boxes behind what stands there first; the result keeps every limit."""
    from recore.trade.packing import BoxKind, pack

    taken = np.bincount(first.item, minlength=len(items))
    counts = [count - int(gone) for count, gone in zip(counts, taken, strict=True)]
    rest, start = _behind(first, items, room)
    if rest is None:
        return Boxed(first, 0, False, {}, False)
    width = _passable_width(items, counts, rest)
    offered, capped = _offered(items, counts, rest, width)
    kinds = [
        BoxKind(
            items[k].whole_mm, many, _upright(items[k], rest, width), items[k].mass_kg, items[k].stackable
        )
        for k, many in offered
    ]
    if not kinds:
        return Boxed(first, 0, False, {}, capped)
    payload = max(0.0, rest.cargo_kg)
    if rest.floor_kg_per_m is not None:
        payload = min(payload, rest.floor_kg_per_m * rest.length / 1000)
    packing = pack(
        (rest.length, width, rest.height),
        kinds,
        seconds=seconds,
        payload_kg=payload,
        seed=seed,
        work=work,
        progress=progress,
    )
    load = _as_load(packing.placements, np.array([k for k, _ in offered], np.int64), items)
    done = sum(packing.packed) == sum(kind.count for kind in kinds)
    front = first.moved(x=-int(first.box[:, 0].min(initial=room.length))) if len(first) else first
    load, taken_off = repaired(joined(front, load.moved(x=start)), items, room)
    return Boxed(load, packing.work, work is None and not done, taken_off, capped)


def fits_as_box(item: Item, room: Room) -> bool:
    """Whether a piece stands wholly inside the room."""
    return bool(_fitting(item, room, room.width))


def _behind(first: Load, items: Sequence[Item], room: Room) -> tuple[Room | None, int]:
    """The room that is left beyond what stands first, and where it begins."""
    if not len(first):
        return room, 0
    low, high = int(first.box[:, 0].min()), int((first.box[:, 0] + first.box[:, 3]).max())
    mass = sum(items[int(k)].mass_kg for k in first.item)
    left = room.length - (high - low)
    if left <= 0:
        return None, 0
    return replace(room, length=left, payload_kg=room.payload_kg - mass, cog_max_offset=None), high - low


def _passable_width(items: Sequence[Item], counts: Sequence[int], room: Room) -> int:
    """Inner width, or the door's where a box could stand wider than the door."""
    if room.door is None or room.door[0] >= room.width:
        return room.width
    wide = any(
        room.door[0] < pose.dy <= room.width
        for item, count in zip(items, counts, strict=True)
        if count
        for pose in poses(item)
    )
    return max(1, math.floor(room.door[0])) if wide else room.width


def _fitting(item: Item, room: Room, width: int) -> set[int]:
    """Edges that may stand upright so that the box fits the room and passes the door."""
    high = room.height if room.door is None else min(room.height, room.door[1])
    return {
        int(pose.name[2]) - 1
        for pose in poses(item)
        if pose.dx <= room.length and pose.dy <= width and pose.dz <= high
    }


def _upright(item: Item, room: Room, width: int) -> tuple[bool, bool, bool]:
    fitting = _fitting(item, room, width)
    return 0 in fitting, 1 in fitting, 2 in fitting


def _offered(
    items: Sequence[Item], counts: Sequence[int], room: Room, width: int
) -> tuple[list[tuple[int, int]], bool]:
    """Item and number of boxes worth offering: never more than the volume or the payload can take."""
    space = room.length * width * room.height
    offered: list[tuple[int, int]] = []
    for k, (item, count) in enumerate(zip(items, counts, strict=True)):
        if not count or not _fitting(item, room, width) or item.mass_kg > room.cargo_kg:
            continue
        if room.floor_kg_per_m is not None and item.mass_kg * 1000 > room.floor_kg_per_m * max(item.whole_mm):
            continue
        most = space // math.prod(item.whole_mm)
        if item.mass_kg > 0:
            most = min(most, math.floor(room.cargo_kg / item.mass_kg * (1 + ROUNDING)))
        offered.append((k, min(count, most)))
    total = sum(many for _, many in offered)
    if total <= MOST_BOXES:
        return offered, False
    # the largest boxes first: they decide the fill
    kept, spare = {}, MOST_BOXES
    for k, many in sorted(offered, key=lambda pair: -math.prod(items[pair[0]].whole_mm)):
        kept[k] = min(many, spare)
        spare -= kept[k]
    return [(k, kept[k]) for k, _ in offered], True


def _as_load(rows: Ints, which: Ints, items: Sequence[Item]) -> Load:
    if not len(rows):
        return empty()
    kind = which[rows[:, 0]]
    standing = {k: {pose[:3]: pose for pose in reversed(poses(items[k]))} for k in set(kind.tolist())}
    stood = [
        standing[k][(dx, dy, dz)] for k, (dx, dy, dz) in zip(kind.tolist(), rows[:, 4:].tolist(), strict=True)
    ]
    cog = np.array([(pose.cx, pose.cy, pose.cz) for pose in stood])
    return Load(rows[:, 1:].copy(), kind, tuple(pose.name for pose in stood), cog)


def repaired(load: Load, items: Sequence[Item], room: Room) -> tuple[Load, dict[int, str]]:
    """The load within line load and centre of gravity; and for each item of which a piece was taken off, why."""
    mass = np.array([item.mass_kg for item in items])
    why: dict[int, str] = {}
    if room.floor_kg_per_m is not None:
        load = _lightened(load, items, room.floor_kg_per_m, why)
    load = within_limits(load, mass, room)
    while off_centre(load, mass, room) > 1 + ROUNDING:
        load = balanced(_trimmed(load, mass, room, why), mass, room)
    return load, why


def _lightened(load: Load, items: Sequence[Item], limit: float, why: dict[int, str]) -> Load:
    """Take pieces off the top over the worst section until no section is above the line load."""
    if line_load(load, items).max(initial=0.0) <= limit:
        return load
    below, above = carriers(load.box)
    stays = np.ones(len(load), bool)
    begin, end, pressure = spans(load, items)
    cuts = np.unique(begin)
    # the sum changes only where a piece begins or ends, and is largest just after a beginning
    over = (begin[None, :] <= cuts[:, None]) & (cuts[:, None] < end[None, :]) if len(load) < 3000 else None
    for at, cut in enumerate(cuts):
        covers = over[at] if over is not None else (begin <= cut) & (cut < end)
        excess = float(pressure[covers & stays].sum()) - limit * (1 + ROUNDING)
        while excess > 0:
            carried = np.bincount(below[stays[above]], minlength=len(load)) > 0
            piled = _piled(covers & stays, below, above) & stays & ~carried
            free = np.flatnonzero(piled & covers & (pressure > 0))
            if not len(free):
                # what stands on the pieces over this section goes first
                free = np.flatnonzero(piled)
            pick = free[int(np.argmin(np.abs(pressure[free] - excess)))]
            stays[pick] = False
            why[int(load.item[pick])] = "floor"
            excess -= float(pressure[pick]) if covers[pick] else 0.0
    return load.only(stays)


def _piled(marked: NDArray[np.bool_], below: Ints, above: Ints) -> NDArray[np.bool_]:
    """The marked pieces and all that stands on them, directly or not."""
    reached = marked.copy()
    while True:
        more = above[reached[below]]
        if reached[more].all():
            return reached
        reached[more] = True


def _trimmed(load: Load, mass: Floats, room: Room, why: dict[int, str]) -> Load:
    """Take pieces off the top on the heavy side, a hundredth of the load at most."""
    below, _ = carriers(load.box)
    free = np.ones(len(load), bool)
    free[below] = False
    weights = mass[load.item]
    total = weights.sum()
    gain = np.zeros(len(load))
    for axis, edge in ((0, room.length), (1, room.width)):
        assert room.cog_max_offset is not None
        arm = load.box[:, axis] + load.cog[:, axis] - edge / 2
        off = float(weights @ arm / total) / edge
        if abs(off) > room.cog_max_offset[axis]:
            gain = np.maximum(gain, np.sign(off) * arm * weights / edge)
    gain[~free] = -np.inf
    many = max(1, len(load) // 100)
    pick = np.argsort(-gain, kind="stable")[:many]
    pick = pick[np.isfinite(gain[pick])]
    helps = pick[gain[pick] > 0]
    pick = helps if len(helps) else pick[:1]
    for k in load.item[pick]:
        why[int(k)] = "centre-of-gravity"
    stays = np.ones(len(load), bool)
    stays[pick] = False
    return load.only(stays)
