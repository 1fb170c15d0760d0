"""Records of a circular path: radius deviation over angle, by direction of contouring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]
Direction = Literal["ccw", "cw"]

_WORDS: dict[str, Direction] = {
    "ccw": "ccw", "+1": "ccw", "1": "ccw", "+": "ccw", "anticlockwise": "ccw", "counter-clockwise": "ccw", "g3": "ccw",
    "counterclockwise": "ccw", "g03": "ccw",
    "cw": "cw", "-1": "cw", "-": "cw", "clockwise": "cw", "g2": "cw", "g02": "cw",
}  # fmt: skip
_FULL_RADIUS = 0.1  # a deviation of a tenth of the radius is no deviation
_OTHER_RADIUS = 0.01


@dataclass(frozen=True)
class Trace:
    """One pass of the circle in one direction, in the order of time.

    Parameters
    ----------
    direction : 'ccw' from +X to +Y, 'cw' the other way
    angle : (n,) commanded angle from +X towards +Y [rad], as recorded, any turn
    deviation : (n,) measured minus nominal radius [µm]
    """

    direction: Direction
    angle: Floats
    deviation: Floats

    @property
    def sense(self) -> float:
        return 1.0 if self.direction == "ccw" else -1.0

    @property
    def closure(self) -> float | None:
        """Last minus first reading, both at one angle [µm]; None where the record does not close."""
        if len(self.angle) < 3:
            return None
        apart = float(np.mod(self.angle[-1] - self.angle[0] + np.pi, 2 * np.pi) - np.pi)
        step = float(np.median(np.abs(np.diff(self.angle))))
        whole = abs(float(self.angle[-1] - self.angle[0])) > np.pi
        return float(self.deviation[-1] - self.deviation[0]) if whole and abs(apart) < step / 2 else None


def traces_of(paths: Sequence[Table], directions: Sequence[str] | None, radius_mm: float) -> list[Trace]:
    """Traces of one or two files.

    Columns: angle_deg and deviation_um with a column direction (ccw, cw), or with one word for each file in
    `directions`; or angle_deg with deviation_ccw_um and deviation_cw_um. radius_um, the full measured radius,
    may stand in place of the deviation.

    Raises
    ------
    BadInput : the direction is not said, stands twice, columns are missing, or the radius is not the stated one
    """
    if len(paths) > 2:
        raise BadInput(
            f"{len(paths)} files", where="machine.circularity", right="one file, or one for each direction"
        )
    if directions is not None and len(directions) != len(paths):
        raise BadInput(
            f"{len(directions)} directions for {len(paths)} files",
            where="directions",
            right="one word, ccw or cw, for each file",
        )
    found: list[Trace] = []
    for number, table in enumerate(paths):
        word = None if directions is None else _direction(directions[number], "directions")
        found += _of_table(table, word, radius_mm)
    for direction in ("ccw", "cw"):
        if sum(trace.direction == direction for trace in found) > 1:
            raise BadInput(
                f"two files run {direction}",
                where="machine.circularity",
                right="one trace for each direction; several turns of one direction belong into one file",
            )
    return sorted(found, key=lambda trace: trace.direction)


def _direction(word: str, where: str) -> Direction:
    known = _WORDS.get(word.strip().casefold())
    if known is None:
        raise BadInput(f"direction {word!r:.40}", where=where, right="ccw or cw is wanted")
    return known


def _of_table(table: Table, word: Direction | None, radius_mm: float) -> list[Trace]:
    angle = np.radians(table.floats("angle_deg"))
    pair = [name for name in ("deviation_ccw_um", "deviation_cw_um") if table.has(name)]
    if pair:
        if word is not None or table.has("direction", "text"):
            raise BadInput(
                "the direction is said twice",
                where=table.name,
                right="columns deviation_ccw_um and deviation_cw_um say it themselves",
            )
        return [
            Trace("ccw" if "ccw" in name else "cw", angle, _plausible(table, name, radius_mm))
            for name in pair
        ]
    if table.has("deviation_um"):
        deviation = _plausible(table, "deviation_um", radius_mm)
    elif table.has("radius_um"):
        radius = table.floats("radius_um")
        mean = float(radius.mean()) / 1000
        if abs(mean - radius_mm) > _OTHER_RADIUS * radius_mm:
            raise BadInput(
                f"the mean measured radius is {mean:.6g} mm",
                where=f"{table.name}, column 'radius_um'",
                right=f"radius_mm says {radius_mm:g}: state the radius of the nominal path",
            )
        deviation = radius - 1000 * radius_mm
    else:
        raise BadInput(
            f"the columns are {', '.join(table.columns[:40])}",
            where=table.name,
            right="angle_deg with deviation_um and direction, or with deviation_ccw_um and deviation_cw_um",
        )
    if table.has("direction", "text"):
        if word is not None:
            raise BadInput(
                "the direction is said twice",
                where=table.name,
                right="leave directions out: the file says it",
            )
        words = [_direction(text, f"{table.name}, column 'direction'") for text in table.texts("direction")]
        sides = np.array(words)
        return [Trace(side, angle[sides == side], deviation[sides == side]) for side in dict.fromkeys(words)]
    if word is None:
        raise BadInput(
            "the direction of contouring is not said",
            where=table.name,
            right="a column direction (ccw, cw), or -p directions=ccw,cw with one word for each file",
        )
    return [Trace(word, angle, deviation)]


def _plausible(table: Table, name: str, radius_mm: float) -> Floats:
    deviation = table.floats(name)
    if abs(float(np.median(deviation))) > _FULL_RADIUS * 1000 * radius_mm:
        raise BadInput(
            f"the median is {np.median(deviation):.6g} µm",
            where=f"{table.name}, column {name!r}",
            right="the deviation from the nominal radius is wanted; name full radii radius_um, and check the unit",
        )
    return deviation
