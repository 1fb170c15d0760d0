"""Pieces and rooms as the search and the check see them: whole millimetres, named limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.trade.loading.cargo import Container, Item, Kind

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Pose(NamedTuple):
    """One way in which a piece may stand: edges along x, y, z, centre of gravity from the corner, and its name.

    The name gives the original edges (1, 2, 3) that lie along x, y, z; a dash says turned by half a turn.
    """

    dx: int
    dy: int
    dz: int
    cx: float
    cy: float
    cz: float
    name: str


@dataclass(frozen=True)
class Room:
    """A container with all that limits it; None where no limit is stated.

    A room without side walls (flat rack) lets cargo stand out at the sides and above, one without a roof above.
    """

    name: str
    kind: Kind
    length: int
    width: int
    height: int
    door: tuple[float, float] | None
    payload_kg: float
    tare_kg: float
    floor_kg_per_m: float | None = None
    cog_max_offset: tuple[float, float] | None = None
    axle_max_kg: float | None = None
    max_gross_kg: float | None = None
    dunnage_kg: float = 0.0
    open_sides: bool = False
    open_top: bool = False
    teu: float = 0.0

    @property
    def volume(self) -> int:
        return self.length * self.width * self.height

    @property
    def cargo_kg(self) -> float:
        """What the cargo may weigh beside the dunnage."""
        return self.payload_kg - self.dunnage_kg


def room_of(container: Container) -> Room:
    """A complete container document as a room; inner edges are rounded down to whole millimetres."""
    assert container.inner_mm and container.kind
    assert container.payload_kg is not None and container.tare_kg is not None
    length, width, height = (max(1, math.floor(edge)) for edge in container.inner_mm)
    flat = container.kind == "flat-rack"
    top = bool(container.open_top) or flat
    return Room(
        container.name,
        container.kind,
        length,
        width,
        height,
        None if top else container.door_mm,
        container.payload_kg,
        container.tare_kg,
        container.floor_kg_per_m,
        container.cog_max_offset,
        container.axle_max_kg,
        container.max_gross_kg,
        container.dunnage_kg,
        open_sides=flat,
        open_top=top,
        teu=container.teu or 0.0,
    )


@lru_cache(maxsize=4096)
def poses(item: Item) -> tuple[Pose, ...]:
    """The ways in which a piece may stand; those that differ in nothing are given once."""
    edges = item.whole_mm
    cog = item.cog_mm or tuple(edge / 2 for edge in edges)
    found: list[Pose] = []
    for up in (2, 1, 0):
        if not item.vertical_allowed[up]:
            continue
        one, two = (edge for edge in range(3) if edge != up)
        for a, b, turned in ((one, two, False), (two, one, False), (one, two, True), (two, one, True)):
            ca, cb = cog[a], cog[b]
            # a quarter turn carries the far end of one edge to the near end of the other
            if (a, b) == (two, one):
                ca, cb = edges[a] - ca, cb
            if turned:
                ca, cb = edges[a] - ca, edges[b] - cb
            name = f"{a + 1}{b + 1}{up + 1}" + ("-" if turned else "")
            pose = Pose(edges[a], edges[b], edges[up], ca, cb, cog[up], name)
            if not any(pose[:6] == other[:6] for other in found):
                found.append(pose)
    return tuple(found)


@dataclass(frozen=True)
class Load:
    """Pieces in place: rows of whole millimetres, and what each is.

    box : (n, 6) x, y, z, dx, dy, dz
    item : (n,) index of the item of each piece
    pose : (n,) name of how each stands
    cog : (n, 3) centre of gravity from the corner of the piece
    """

    box: Ints
    item: Ints
    pose: tuple[str, ...]
    cog: Floats

    def __len__(self) -> int:
        return len(self.box)

    def only(self, keep: Ints | NDArray[np.bool_]) -> Load:
        index = np.flatnonzero(keep) if keep.dtype == bool else keep
        return Load(
            self.box[index], self.item[index], tuple(self.pose[int(i)] for i in index), self.cog[index]
        )

    def moved(self, x: Ints | int = 0, y: Ints | int = 0) -> Load:
        box = self.box.copy()
        box[:, 0] += x
        box[:, 1] += y
        return Load(box, self.item, self.pose, self.cog)


def empty() -> Load:
    return Load(np.zeros((0, 6), np.int64), np.zeros(0, np.int64), (), np.zeros((0, 3)))


def joined(one: Load, other: Load) -> Load:
    """Both loads as one."""
    return Load(
        np.concatenate([one.box, other.box]),
        np.concatenate([one.item, other.item]),
        one.pose + other.pose,
        np.concatenate([one.cog, other.cog]),
    )


def sideways(pose: Pose, item: Item, room: Room) -> bool:
    """Whether a piece that is wider than the floor stands across although it would stand out less lengthways."""
    if pose.dy <= room.width or not room.open_sides:
        return False
    return any(other.dz == pose.dz and other.dy < pose.dy for other in poses(item))


def centre(load: Load, mass: Floats) -> tuple[float, float, float] | None:
    """Centre of gravity of the cargo [mm from the inner corner]; None without mass."""
    weights = mass[load.item]
    total = float(weights.sum())
    if not len(load) or total <= 0:
        return None
    x, y, z = (weights @ (load.box[:, :3] + load.cog)) / total
    return float(x), float(y), float(z)
