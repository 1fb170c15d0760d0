"""Bring the centre of gravity to the middle without touching what stands on what.

A load falls into sections: groups of pieces that a vertical cut across the length does not meet. Sections may
be put in any order, moved along free length and across free width, and mirrored; support, overlap and line load
inside a section stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recore.trade.loading.check import off_centre
from recore.trade.loading.space import Floats, Ints, Load, Room


@dataclass(frozen=True)
class _Section:
    """Pieces by index, where they begin and how long they are, their mass and its first moment from there."""

    index: Ints
    begin: int
    length: int
    mass: float
    moment: float

    @property
    def density(self) -> float:
        return self.mass / self.length


def sections(load: Load, mass: Floats) -> list[_Section]:
    """Sections in order along the length."""
    found: list[_Section] = []
    order = np.argsort(load.box[:, 0], kind="stable")
    begin = load.box[order, 0]
    reach = np.maximum.accumulate(begin + load.box[order, 3])
    cuts = np.flatnonzero(begin[1:] >= reach[:-1]) + 1
    for index in np.split(order, cuts):
        low = int(load.box[index, 0].min())
        high = int((load.box[index, 0] + load.box[index, 3]).max())
        weights = mass[load.item[index]]
        moment = float(weights @ (load.box[index, 0] - low + load.cog[index, 0]))
        found.append(_Section(index, low, high - low, float(weights.sum()), moment))
    return found


def balanced(load: Load, mass: Floats, room: Room) -> Load:
    """The load with its centre of gravity as near to the middle as sections allow."""
    if not len(load):
        return load
    return _across(_along(load, mass, room), mass, room)


def within_limits(load: Load, mass: Floats, room: Room) -> Load:
    """The load as it is where its centre of gravity is allowed, else balanced."""
    return load if off_centre(load, mass, room) <= 1 else balanced(load, mass, room)


def _along(load: Load, mass: Floats, room: Room) -> Load:
    """Order the sections and move them together along the free length.

    Pushed to one end, the order by falling density has its centre of gravity nearest to that end (exchange of
    neighbours), the opposite order furthest; on the way from one to the other by exchanges every step is tried.
    """
    parts = sections(load, mass)
    total = sum(part.mass for part in parts)
    if total <= 0:
        return load
    spare = room.length - sum(part.length for part in parts)
    best = (_miss(parts, total, spare, room), parts)
    order = sorted(parts, key=lambda part: -part.density)
    for last in range(len(order) - 1, -1, -1):
        for i in range(last):
            tried = _miss(order, total, spare, room)
            # the order as it was found stays where another is no better by a millimetre
            if tried[0] < best[0][0] - 1:
                best = (tried, list(order))
            order[i], order[i + 1] = order[i + 1], order[i]
    tried = _miss(order, total, spare, room)
    if tried[0] < best[0][0] - 1:
        best = (tried, list(order))
    (_, at), parts = best
    shift = np.zeros(len(load), np.int64)
    for part in parts:
        shift[part.index] = at - part.begin
        at += part.length
    return load.moved(x=shift)


def _miss(order: list[_Section], total: float, spare: int, room: Room) -> tuple[float, int]:
    """(distance of the centre of gravity from the middle, where the first section begins)."""
    at, moment = 0, 0.0
    for part in order:
        moment += part.moment + part.mass * at
        at += part.length
    wanted = room.length / 2 - moment / total
    shift = int(min(max(round(wanted), 0), spare))
    return abs(wanted - shift), shift


def _across(load: Load, mass: Floats, room: Room) -> Load:
    """Move each section across the free width, and mirror it where that helps the whole."""
    parts = sorted(sections(load, mass), key=lambda part: -part.mass)
    box = load.box.copy()
    middle, moment = room.width / 2, 0.0
    for part in parts:
        y, dy = box[part.index, 1], box[part.index, 4]
        weights, own = mass[load.item[part.index]], load.cog[part.index, 1]
        low, high = int(y.min()), int((y + dy).max())
        best: tuple[float, Ints] | None = None
        for placed in (y, low + high - y - dy):
            # over-wide pieces stand centred and do not move
            free = (-low, room.width - high) if low >= 0 and high <= room.width else (0, 0)
            here = float(weights @ (placed + own - middle))
            wanted = -(moment + here) / part.mass if part.mass > 0 else 0.0
            shift = int(min(max(round(wanted), free[0]), free[1]))
            left = abs(moment + here + part.mass * shift)
            if best is None or left < best[0] - 1e-6:
                best = (left, placed + shift)
        assert best is not None
        box[part.index, 1] = best[1]
        moment += float(weights @ (best[1] + own - middle))
    return Load(box, load.item, load.pose, load.cog)
