"""A shipment over one or more containers: what goes where, what stays behind and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recore.method import Progress
from recore.trade.loading.boxes import fits_as_box, load_boxes
from recore.trade.loading.cargo import Item
from recore.trade.loading.check import Verdicts, check
from recore.trade.loading.machines import load_machines
from recore.trade.loading.space import Load, Pose, Room, centre, empty, needless, poses

FEW = 12
REASONS = {
    "orientation": "no edge may stand upright",
    "door": "no allowed orientation passes the door opening",
    "length": "longer than the inner length in every allowed orientation",
    "width": "wider than the inner width in every allowed orientation",
    "height": "higher than the inner height in every allowed orientation",
    "payload": "the payload is used up or the piece alone is heavier",
    "floor": "the line load of the floor would be exceeded",
    "axle": "an axle load is higher than the floor bears",
    "centre-of-gravity": "the centre of gravity would lie too far off the middle",
    "space": "no room was found beside the others",
}


@dataclass(frozen=True)
class Loaded:
    """One container with its cargo and the verdict of the check."""

    room: Room
    number: int
    load: Load
    verdicts: Verdicts
    cog: tuple[float, float, float] | None
    offset: tuple[float, float]
    cargo_kg: float
    fill: float
    over_width_mm: int
    over_height_mm: int
    work: int
    by_clock: bool

    @property
    def vgm_kg(self) -> float:
        return self.cargo_kg + self.room.dunnage_kg + self.room.tare_kg


@dataclass(frozen=True)
class Shipment:
    """Loaded containers, and for each item how many stay behind and why."""

    loaded: tuple[Loaded, ...]
    left: tuple[tuple[int, int, str], ...]
    capped: bool


def plan(
    items: Sequence[Item],
    rooms: Sequence[Room],
    *,
    seconds: float,
    seed: int = 0,
    work: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Shipment:
    """Fill the rooms one after another."""
    counts = [item.count for item in items]
    why: dict[int, str] = {}
    loaded: list[Loaded] = []
    capped = False
    for number, room in enumerate(rooms):
        able, causes = [], {}
        for k, item in enumerate(items):
            cause = obstacle(item, room) if counts[k] else ""
            if cause:
                causes[k] = cause
            able.append(0 if cause else counts[k])
        if sum(able) <= FEW:
            load, unbalanced = load_machines(items, able, room)
            effort, by_clock, taken = 0, False, {}
            if unbalanced:
                taken = {k: "centre-of-gravity" for k, count in enumerate(able) if count}
        else:
            boxed = load_boxes(
                items,
                able,
                room,
                first=_bulky(items, able, room),
                # the rest of the time is for reading, balancing, checking and writing
                seconds=max(0.01, 0.94 * seconds / len(rooms) - 0.2),
                seed=seed,
                work=None if work is None else work[number],
                progress=progress,
            )
            load, effort, by_clock, taken = boxed.load, boxed.work, boxed.by_clock, boxed.taken_off
            capped |= boxed.capped
        loaded.append(_judged(load, items, room, number, effort, by_clock))
        for k in range(len(items)):
            counts[k] -= int((load.item == k).sum())
            if counts[k]:
                found = causes.get(k) or taken.get(k) or _hindrance(items, k, load, room)
                # a container into which the piece could go tells more than one that it cannot enter
                if k not in causes or k not in why:
                    why[k] = found
    left = tuple((k, count, why[k]) for k, count in enumerate(counts) if count)
    return Shipment(tuple(loaded), left, capped)


def _bulky(items: Sequence[Item], able: Sequence[int], room: Room) -> Load:
    """What stands out of the room, loaded before the boxes; at most a dozen pieces, the largest first."""
    wanted, spare = [0] * len(items), FEW
    for k in sorted(range(len(items)), key=lambda k: -math.prod(items[k].whole_mm)):
        if able[k] and not fits_as_box(items[k], room):
            wanted[k] = min(able[k], spare)
            spare -= wanted[k]
    return load_machines(items, wanted, room)[0] if any(wanted) else empty()


def obstacle(item: Item, room: Room) -> str:
    """Why a piece can never go into an empty room; '' where it can."""
    able = poses(item)
    if not able:
        return "orientation"
    if room.door is not None:
        able = tuple(pose for pose in able if pose.dy <= room.door[0] and pose.dz <= room.door[1])
        if not able:
            return "door"
    misses = [_misses(pose, item, room) for pose in able]
    able = tuple(pose for pose, missed in zip(able, misses, strict=True) if not missed)
    if not able:
        # the orientation that misses least tells most
        least = min(misses, key=len)
        return next(name for name in ("length", "height", "width") if name in least)
    if item.mass_kg > room.cargo_kg:
        return "payload"
    if room.axle_max_kg is not None and any(axle.load_kg > room.axle_max_kg for axle in item.axles):
        return "axle"
    if room.floor_kg_per_m is not None:
        contact = [
            item.contact_length_mm if item.contact_length_mm and pose.name.startswith("1") else pose.dx
            for pose in able
        ]
        if item.mass_kg * 1000 > room.floor_kg_per_m * max(contact):
            return "floor"
    return ""


def _misses(pose: Pose, item: Item, room: Room) -> set[str]:
    missed = needless(pose, item, room)
    if pose.dx > room.length:
        missed.add("length")
    if pose.dy > room.width and not room.open_sides:
        missed.add("width")
    if pose.dz > room.height and not room.open_top:
        missed.add("height")
    return missed


def _hindrance(items: Sequence[Item], k: int, load: Load, room: Room) -> str:
    """What keeps one more piece out of a loaded room."""
    item = items[k]
    carried = sum(items[int(j)].mass_kg for j in load.item)
    if carried + item.mass_kg > room.cargo_kg:
        return "payload"
    if room.floor_kg_per_m is not None:
        spare = room.floor_kg_per_m * room.length / 1000 - carried
        if item.mass_kg > spare:
            return "floor"
    volume = math.prod(item.whole_mm)
    free = room.volume - int(np.prod(load.box[:, 3:], axis=1).sum())
    if free >= volume and room.cog_max_offset is not None and len(load) == 0:
        return "centre-of-gravity"
    return "space"


def _judged(load: Load, items: Sequence[Item], room: Room, number: int, work: int, by_clock: bool) -> Loaded:
    mass = np.array([item.mass_kg for item in items])
    middle = centre(load, mass)
    offset = (0.0, 0.0)
    if middle is not None:
        offset = (middle[0] / room.length - 0.5, middle[1] / room.width - 0.5)
    low, high = load.box[:, :3], load.box[:, :3] + load.box[:, 3:]
    # only what lies within the inner envelope fills it
    inner = np.minimum(high, (room.length, room.width, room.height)) - np.maximum(low, 0)
    within = int(np.prod(np.maximum(inner, 0), axis=1).sum())
    return Loaded(
        room,
        number,
        load,
        check(load, items, room),
        middle,
        offset,
        float(mass[load.item].sum()),
        within / room.volume,
        int(max(0, -low[:, 1].min(initial=0)) + max(0, high[:, 1].max(initial=0) - room.width)),
        int(max(0, high[:, 2].max(initial=0) - room.height)),
        work,
        by_clock,
    )
