"""Records and events of one piece of a document, and whose its equipments are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.book import EVENTS, Book


class Records(NamedTuple):
    """Records of one piece: the equipment each came with, its machine, its time, its values."""

    equipment: NDArray[np.int64]
    machine: NDArray[np.int32]
    ts: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, kept: Book, numbers: NDArray[np.int32]) -> Records:
        """Those that the compiled scanners took; numbers are the machines of its keys."""
        told = kept.told
        records, values = kept.records[:told], kept.values[:, :told]
        there = np.logical_not(np.isnan(values).all(axis=1)).tolist()
        columns = {name: values[i].copy() for i, name in enumerate(v.COLUMNS) if there[i]}
        return cls(records[:, 0].copy(), numbers[records[:, 1]], records[:, 2].copy(), columns)


class Owners:
    """Whose the equipments of one piece are."""

    def __init__(self) -> None:
        self._equipment: list[NDArray[np.int64]] = []
        self._number: list[NDArray[np.int32]] = []
        self._headers: dict[int, int] = {}
        self._whole = -1

    def put(self, equipment: int, number: int) -> None:
        self._headers[equipment] = number
        if number >= 0:
            self.add(np.array([equipment]), np.array([number], np.int32))

    def add(self, equipment: NDArray[np.int64], number: NDArray[np.int32]) -> None:
        self._equipment.append(equipment)
        self._number.append(number)

    def whole(self, number: int) -> None:
        """Whose is what stands outside of all equipments."""
        self._whole = number

    def of(self, equipment: NDArray[np.int64]) -> NDArray[np.int32]:
        """Number of the machine of each equipment, -1 for none."""
        if not len(equipment):
            return np.empty(0, np.int32)
        known = np.array([*sorted(self._headers.items()), (np.iinfo(np.int64).max, -1)], np.int64)
        place = np.searchsorted(known[:, 0], equipment)
        numbers = np.where(known[place, 0] == equipment, known[place, 1], -1).astype(np.int32)
        numbers[equipment == 0] = self._whole
        return numbers

    def seen(self) -> NDArray[np.int32]:
        """Numbers of machines as they came."""
        equipment = np.concatenate([np.empty(0, np.int64), *self._equipment])
        number = np.concatenate([np.empty(0, np.int32), *self._number])
        whole = [self._whole] if self._whole >= 0 else []
        order = np.argsort(equipment, kind="stable")
        return np.concatenate([number[order], np.array(whole, np.int32)])


def events_of(kept: Book, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    """Events of a piece: equipment, element, machine, time, saying."""
    events = kept.events[: int(kept.counts[EVENTS])]
    return np.column_stack([events[:, :2], numbers[events[:, 2]], events[:, 4], numbers[events[:, 3]]])
