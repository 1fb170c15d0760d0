"""Few heavy pieces: branch and bound over what is taken, how it stands and where.

Pieces are tried in several orders. A piece goes to a corner of what stands already (or on a top that carries), or
stays behind; a branch that cannot take more volume than the best legal plan is left. Every better load is balanced
and must pass the whole check before it counts. The effort is counted in positions tried, never in seconds, so the
same documents give the same plan everywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from recore.trade.loading.balance import balanced
from recore.trade.loading.cargo import Item
from recore.trade.loading.check import check
from recore.trade.loading.space import Load, Pose, Room, empty, poses, sideways

EFFORT = 60_000
BALANCES = 400


class _Enough(Exception):
    pass


def load_machines(
    items: Sequence[Item], counts: Sequence[int], room: Room, *, effort: int = EFFORT
) -> tuple[Load, bool]:
    """The legal load of most volume that was found, and whether a larger one failed on its centre of gravity."""
    pieces = [k for k, count in enumerate(counts) for _ in range(count)]
    search = _Search(items, room)
    keys = (
        lambda k: (-_volume(items[k]), k),
        lambda k: (-items[k].whole_mm[0] * items[k].whole_mm[1], k),
        lambda k: (-items[k].mass_kg, k),
        lambda k: (-max(items[k].whole_mm), k),
        lambda k: (not items[k].stackable, -_volume(items[k]), k),
    )
    orders = []
    for key in keys:
        order = sorted(pieces, key=key)
        if order not in orders:
            orders.append(order)
    for order in orders:
        search.run(order, effort // len(orders))
        if search.best_volume == sum(_volume(items[k]) for k in pieces):
            break
    return search.best, search.unbalanced > search.best_volume


def _volume(item: Item) -> int:
    a, b, c = item.whole_mm
    return a * b * c


class _Search:
    def __init__(self, items: Sequence[Item], room: Room) -> None:
        self.items, self.room = items, room
        self.poses = [self._allowed(item) for item in items]
        self.mass = np.array([item.mass_kg for item in items])
        self.best, self.best_volume, self.unbalanced = empty(), 0, 0
        self.balances = 0

    def _allowed(self, item: Item) -> list[Pose]:
        room, found = self.room, []
        for pose in poses(item):
            door = room.door is None or (pose.dy <= room.door[0] and pose.dz <= room.door[1])
            wide = pose.dy <= room.width or room.open_sides
            high = pose.dz <= room.height or room.open_top
            fits = door and wide and high and pose.dx <= room.length and not sideways(pose, item, room)
            if fits and self._pressure(item, pose)[2] <= self._limit:
                found.append(pose)
        # over the sides last, and lengthways first: a machine is driven in
        return sorted(found, key=lambda pose: (max(0, pose.dy - room.width), -pose.dx))

    @property
    def _limit(self) -> float:
        limit = self.room.floor_kg_per_m
        return float("inf") if limit is None else limit

    @staticmethod
    def _pressure(item: Item, pose: Pose) -> tuple[float, float, float]:
        """(begin and end of the contact from the piece's corner, mass per metre on it)."""
        length = float(pose.dx)
        if item.contact_length_mm is not None and pose.name.startswith("1"):
            length = item.contact_length_mm
        begin = (pose.dx - length) / 2
        return begin, begin + length, item.mass_kg / length * 1000

    def run(self, order: list[int], effort: int) -> None:
        self.order, self.left = order, effort
        volumes = [_volume(self.items[k]) for k in order]
        self.rest = [sum(volumes[i:]) for i in range(len(order) + 1)]
        self.placed: list[tuple[int, int, int, int, int, int, int, Pose]] = []
        with contextlib.suppress(_Enough):
            self._branch(0, 0, 0.0, None)

    def _branch(self, at: int, volume: int, mass: float, last: tuple[int, int, int, int] | None) -> None:
        """`last`: where the equal piece before this one went, or (-1, …) if it stayed behind."""
        if volume > self.best_volume:
            self._take(volume)
        if at == len(self.order) or volume + self.rest[at] <= self.best_volume:
            return
        k = self.order[at]
        again = at + 1 < len(self.order) and self.order[at + 1] == k
        if last is None or last[0] >= 0:
            item = self.items[k]
            if mass + item.mass_kg <= self.room.cargo_kg:
                for z, x, y, number in self._places(k):
                    place = (z, x, y, number)
                    if last is not None and place <= last:
                        continue
                    pose = self.poses[k][number]
                    self.placed.append((x, y, z, x + pose.dx, y + pose.dy, z + pose.dz, k, pose))
                    self._branch(
                        at + 1, volume + _volume(item), mass + item.mass_kg, place if again else None
                    )
                    self.placed.pop()
                    if volume + self.rest[at] <= self.best_volume:
                        return
        self._branch(at + 1, volume, mass, (-1, 0, 0, 0) if again else None)

    def _places(self, k: int) -> list[tuple[int, int, int, int]]:
        """Corners where a piece may stand, lowest and nearest to the front first."""
        room, placed, item = self.room, self.placed, self.items[k]
        tops = {p[5] for p in placed if self.items[p[6]].stackable}
        xs, ys = {0} | {p[3] for p in placed}, {0} | {p[4] for p in placed}
        over_x, over_y = xs | {p[0] for p in placed}, ys | {p[1] for p in placed}
        found = []
        for number, pose in enumerate(self.poses[k]):
            centred = (room.width - pose.dy) // 2
            for z in sorted({0} | tops):
                if z + pose.dz > room.height and not room.open_top:
                    continue
                wide = pose.dy > room.width
                if wide and z:
                    continue
                for x in over_x if z else xs:
                    if x + pose.dx > room.length:
                        continue
                    for y in [centred] if wide else over_y if z else ys:
                        if not wide and not 0 <= y <= room.width - pose.dy:
                            continue
                        self.left -= 1
                        if self._free(x, y, z, pose, item):
                            found.append((z, x, y, number))
        if self.left < 0:
            raise _Enough
        return sorted(found)

    def _free(self, x: int, y: int, z: int, pose: Pose, item: Item) -> bool:
        x2, y2, z2 = x + pose.dx, y + pose.dy, z + pose.dz
        carried = 0
        for px, py, pz, px2, py2, pz2, pk, _ in self.placed:
            if px < x2 and px2 > x and py < y2 and py2 > y:
                if pz < z2 and pz2 > z:
                    return False
                if pz2 == z:
                    if not self.items[pk].stackable:
                        return False
                    carried += (min(x2, px2) - max(x, px)) * (min(y2, py2) - max(y, py))
                elif pz == z2 and not item.stackable:
                    return False
        if z and carried != pose.dx * pose.dy:
            return False
        return self.room.floor_kg_per_m is None or self._bears(x, pose, item)

    def _bears(self, x: int, pose: Pose, item: Item) -> bool:
        begin, end, pressure = self._pressure(item, pose)
        spans = [(x + begin, x + end, pressure)]
        for px, _, _, _, _, _, pk, ppose in self.placed:
            pbegin, pend, ppressure = self._pressure(self.items[pk], ppose)
            if px + pbegin < x + end and px + pend > x + begin:
                spans.append((px + pbegin, px + pend, ppressure))
        starts = [max(span[0], x + begin) for span in spans]
        return all(sum(q for a, b, q in spans if a <= s < b) <= self._limit for s in starts)

    def _take(self, volume: int) -> None:
        if volume <= self.unbalanced and self.balances >= BALANCES:
            return
        self.balances += 1
        box = np.array([(x, y, z, p.dx, p.dy, p.dz) for x, y, z, *_, p in self.placed], np.int64)
        kind = np.array([entry[6] for entry in self.placed], np.int64)
        names = tuple(entry[7].name for entry in self.placed)
        cog = np.array([(e[7].cx, e[7].cy, e[7].cz) for e in self.placed])
        load = balanced(Load(box, kind, names, cog), self.mass, self.room)
        verdicts = check(load, self.items, self.room)
        if verdicts.legal:
            self.best, self.best_volume = load, volume
        elif verdicts.wrong == ("centre-of-gravity",):
            self.unbalanced = max(self.unbalanced, volume)
