"""What the compiled scanners keep from document to document, and the records of one piece.

The scanners hand over the rows of an equipment when it ends. Where all its values, its times and its header are of
the usual form, its records go into columns at once and the rows are forgotten; else the rows stay, and the normaliser
looks at them one by one and has the say. Who a machine is, and what an event says, are texts that come back in every
document: they are kept once, under a number.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v

LONGEST: Final = 200  # bytes of a text that is kept
MOST: Final = 1 << 22  # texts; what comes later is left to Python
# places in the counts
TOLD, EVENTS, KEYS, USED, EARLIEST, LATEST, FIRST = 0, 1, 2, 3, 4, 5, 6
# columns of a key: what it is, hash, place in the arena, five lengths, the equipment it came with, what is known of it
CODE, HASH, AT, LENGTHS, SINCE, VERDICT = 0, 1, 2, 3, 8, 9
NEW, UNSURE, NOBODY = -3, -2, -1  # verdicts; from 0 on the number of the machine, or of what an event says
COLUMNS: Final = len(v.COLUMNS)


class Book:
    """What the compiled scanners keep between documents of one kind, and the records of one piece.

    Parameters
    ----------
    raw : kind of the documents; the same bytes may mean another text in XML than in JSON
    earliest, latest : times within which readings are believed [µs since 1970]
    room : records of a piece at most; 0 takes nothing
    """

    def __init__(self, raw: Literal["xml", "json"], earliest: int, latest: int, room: int) -> None:
        self.raw = raw
        self.known = 0  # keys that the normaliser has looked at
        self.counts = np.zeros(7, np.int64)
        self.counts[EARLIEST], self.counts[LATEST], self.counts[FIRST] = earliest, latest, NEW
        self._slots = np.full(1 << 15, -1, np.int64)
        self.keys = np.zeros((1 << 14, 10), np.int64)
        self.arena = np.zeros(1 << 20, np.uint8)
        self.records = np.empty((room, 3), np.int64)
        self.values = np.empty((COLUMNS, room))
        self.events = np.empty((room, 5), np.int64)

    def begin(self, careful: bool) -> None:
        """Begin a document; careful leaves an equipment whose machine is met for the first time to Python."""
        self.counts[FIRST] = UNSURE if careful else NEW

    @property
    def told(self) -> int:
        """Records of this piece."""
        return int(self.counts[TOLD])

    def new(self) -> range:
        """Keys that came since the last time."""
        before, self.known = self.known, int(self.counts[KEYS])
        return range(before, self.known)

    def nobody(self) -> bool:
        """Whether a record of this piece is of nobody."""
        return bool((self.keys[self.records[: self.told, 1], VERDICT] < 0).any())

    def take(self, text: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Take the records of whole equipments; the rows of what is left."""
        from recore.fleet.aemp.book_kernel import COLUMN, take
        from recore.fleet.aemp.decode import TABLES
        from recore.fleet.aemp.memory import address, addresses

        arrays = (
            self.counts,
            self._slots,
            self.keys,
            self.arena,
            self.records,
            self.values,
            self.events,
            COLUMN,
        )
        sizes = [len(a) for a in (self.keys, self.arena, self.records, self.events, self._slots)]
        book = np.append(addresses(arrays), sizes)
        return rows[: take(address(text), address(rows), len(rows), address(TABLES), address(book))]

    def texts(self, key: int) -> list[bytes]:
        """The texts of a key as the document had them."""
        at = int(self.keys[key, AT])
        ends = at + np.cumsum(self.keys[key, LENGTHS : LENGTHS + v.SLOTS])
        return [
            self.arena[a:b].tobytes() for a, b in zip([at, *ends[:-1].tolist()], ends.tolist(), strict=True)
        ]

    def turn(self) -> None:
        """Make ready for the next piece: forget its records, make room for more texts where it gets scarce."""
        self.counts[TOLD] = self.counts[EVENTS] = 0
        count = int(self.counts[KEYS])
        if len(self.arena) // 2 < self.counts[USED] < MOST * 64:
            self.arena = np.concatenate([self.arena, np.zeros_like(self.arena)])
        if len(self.keys) // 2 < count < MOST:
            self.keys = np.concatenate([self.keys, np.zeros_like(self.keys)])
            self._slots = np.full(2 * len(self._slots), -1, np.int64)
            mask = len(self._slots) - 1
            for key, place in enumerate((self.keys[:count, HASH] & mask).tolist()):
                while self._slots[place] >= 0:
                    place = (place + 1) & mask
                self._slots[place] = key
