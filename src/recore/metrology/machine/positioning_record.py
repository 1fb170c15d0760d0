"""Readings of a positioning test in the order target, direction, run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]

UP, DOWN = 1, -1
_WORDS = {
    "up": UP, "+1": UP, "1": UP, "+": UP, "+1.0": UP, "1.0": UP, "forward": UP, "positive": UP, "↑": UP,
    "down": DOWN, "-1": DOWN, "-": DOWN, "-1.0": DOWN, "backward": DOWN, "reverse": DOWN, "negative": DOWN,
    "↓": DOWN, "−1": DOWN,
}  # fmt: skip


@dataclass(frozen=True)
class Approaches:
    """A complete positioning test.

    Parameters
    ----------
    target : (m,) target positions, rising [mm or deg]
    deviation : (d, m, n) actual minus target position by direction (first up where there are two), target and
        run, in the order in which the runs were made [µm or arcsec]
    directions : what the first axis holds: (1, -1), (1,) or (-1,)
    rotary : an axis of rotation: deg and arcsec instead of mm and µm
    """

    target: Floats
    deviation: Floats
    directions: tuple[int, ...]
    rotary: bool

    @property
    def unit(self) -> str:
        return "arcsec" if self.rotary else "µm"

    @property
    def runs(self) -> int:
        return int(self.deviation.shape[2])

    @property
    def travel(self) -> float:
        """From the first to the last target [mm or deg]."""
        return float(self.target[-1] - self.target[0])

    @classmethod
    def from_table(cls, table: Table) -> Approaches:
        """Columns target_mm with deviation_um or position_mm (target_deg with deviation_arcsec or position_deg for
        a rotary axis), direction (+1/-1, up/down), run (whole numbers, rising with time).

        Raises
        ------
        BadInput : a column is missing, units of length and angle are mixed, a direction is no direction, or
            a reading is missing or stands twice
        """
        rotary, target, deviation = _deviations(table)
        direction = _directions(table)
        if not table.has("run", "integer"):
            raise BadInput("no column 'run'", where=table.name, right="number the runs: 1, 2, 3 …")
        run = table.integers("run")
        targets, place = np.unique(target, return_inverse=True)
        runs, order = np.unique(run, return_inverse=True)
        sides = tuple(side for side in (UP, DOWN) if (direction == side).any())
        side = np.array([sides.index(int(d)) for d in direction], dtype=np.intp)
        shape = (len(sides), len(targets), len(runs))
        count = np.zeros(shape, dtype=np.intp)
        np.add.at(count, (side, place, order), 1)
        if (count != 1).any():
            d, m, n = (int(k) for k in np.argwhere(count != 1)[0])
            word = "up" if sides[d] == UP else "down"
            raise BadInput(
                f"{count[d, m, n]} readings at target {targets[m]:g}, direction {word}, run {runs[n]}",
                where=table.name,
                right="one reading at every target in every run of each direction that was measured",
            )
        readings = np.empty(shape)
        readings[side, place, order] = deviation
        return cls(targets, readings, sides, rotary)


def _deviations(table: Table) -> tuple[bool, Floats, Floats]:
    rotary = table.has("target_deg")
    if not rotary and not table.has("target_mm"):
        raise BadInput(
            f"the columns are {', '.join(table.columns[:40])}",
            where=table.name,
            right="target_mm with deviation_um, or target_deg with deviation_arcsec, and direction and run",
        )
    if rotary and table.has("target_mm"):
        raise BadInput("target_mm and target_deg are both there", where=table.name, right="one axis a file")
    length, angle = table.has("deviation_um"), table.has("deviation_arcsec")
    if (length and rotary) or (angle and not rotary):
        raise BadInput(
            f"targets in {'deg' if rotary else 'mm'} with deviations of {'length' if rotary else 'angle'}",
            where=table.name,
            right="deviation_arcsec for a rotary axis" if rotary else "deviation_um for a linear axis",
        )
    target = table.floats("target_deg" if rotary else "target_mm")
    if length or angle:
        return rotary, target, table.floats("deviation_arcsec" if rotary else "deviation_um")
    position = "position_deg" if rotary else "position_mm"
    if not table.has(position):
        wanted = "deviation_arcsec" if rotary else "deviation_um"
        raise BadInput(
            "no deviations", where=table.name, right=f"a column {wanted} or {position} (actual position)"
        )
    return rotary, target, (table.floats(position) - target) * (3600.0 if rotary else 1000.0)


def _directions(table: Table) -> NDArray[np.int64]:
    if not table.has("direction", "text"):
        raise BadInput(
            "no column 'direction'",
            where=table.name,
            right="+1 or up for an approach in the positive direction, -1 or down for the other",
        )
    found = []
    for row, word in enumerate(table.texts("direction")):
        known = _WORDS.get(word.strip().casefold())
        if known is None:
            raise BadInput(
                f"direction {word!r:.40}",
                where=f"{table.name}, {table.source.place(row)}",
                right="+1 or up, -1 or down",
            )
        found.append(known)
    return np.array(found, dtype=np.int64)
