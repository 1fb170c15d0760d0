"""Record of a thermal test: displacements, tilts and temperatures over time, and which phase each reading is of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.quantity import units_of_suffix

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]
Phase = Literal["environment", "heating", "cooling", "linear"]

_WORDS: dict[str, Phase] = {
    "environment": "environment", "etve": "environment", "off": "environment", "idle": "environment",
    "heating": "heating", "spindle": "heating", "on": "heating", "warm-up": "heating", "warm_up": "heating",
    "cooling": "cooling", "linear": "linear", "axis": "linear",
}  # fmt: skip
_ARCSEC = 206.26480624709636  # of one micrometre over one millimetre
COLUMNS = ("x", "y", "z", "x1", "x2", "y1", "y2", "position1", "position2")


@dataclass(frozen=True)
class ThermalRecord:
    """Readings of a thermal test.

    Parameters
    ----------
    name : of the file
    minutes : (n,) time, rising [min]
    columns : displacements by name, (n,) each [µm]
    temperatures : by column name, (n,) each [°C]
    words : (n,) phase of each reading as the file says it, None where it does not
    """

    name: str
    minutes: Floats
    columns: dict[str, Floats]
    temperatures: dict[str, Floats]
    words: tuple[str, ...] | None = None

    @classmethod
    def from_table(cls, table: Table) -> ThermalRecord:
        """Columns time_s (time_min, time_h); x_um, y_um, z_um, or x1_um, x2_um, y1_um, y2_um at two places along the
        test bar, or position1_um, position2_um at two places of a linear axis; temperature_*_c; phase.

        Raises
        ------
        BadInput : no time or no displacement, or times that do not rise
        """
        if not table.has("time_s"):
            raise BadInput(
                "no column of time", where=table.name, right="time_s, time_min or time_h is wanted"
            )
        minutes = table.floats("time_s") / 60
        steps = np.diff(minutes)
        if len(steps) and not (steps > 0).all():
            row = int(np.argmax(steps <= 0))
            raise BadInput(
                f"the time does not rise: {60 * minutes[row + 1]:g} s after {60 * minutes[row]:g} s",
                where=f"{table.name}, {table.source.place(row + 1)}",
                right="rising times are wanted",
            )
        columns = {name: table.floats(f"{name}_um") for name in COLUMNS if table.has(f"{name}_um")}
        if not columns:
            raise BadInput(
                f"no displacement among the columns {', '.join(table.columns[:40])}",
                where=table.name,
                right="x_um, y_um, z_um, or x1_um, x2_um, y1_um, y2_um, or position1_um and position2_um",
            )
        temperatures = {}
        for stored in table.columns:
            if re.match(r"temperature", stored, re.IGNORECASE):
                stem, _ = units_of_suffix(stored)
                temperatures[stem] = table.floats(f"{stem}_c")
        words = tuple(table.texts("phase")) if table.has("phase", "text") else None
        return cls(table.name, minutes, columns, temperatures, words)

    def phases(
        self, on_min: float | None, off_min: float | None, whole: Phase | None
    ) -> dict[Phase, NDArray[np.bool_]]:
        """Which readings belong to which phase.

        Parameters
        ----------
        on_min, off_min : when the spindle was started and stopped, where the file has no column phase
        whole : the one phase that the whole record is of

        Raises
        ------
        BadInput : nothing says it, two things say it, or a word or time that cannot be
        """
        said = [self.words is not None, on_min is not None or off_min is not None, whole is not None]
        if sum(said) != 1:
            raise BadInput(
                "nothing says when the spindle ran" if not any(said) else "the phases are said twice",
                where=self.name,
                right="a column phase (environment, heating, cooling, linear), or spindle_on_min and spindle_off_min, "
                "or whole=environment|heating|cooling|linear",
            )
        if self.words is not None:
            found = np.array([_phase(word, row, self.name) for row, word in enumerate(self.words)])
            kinds = list(dict.fromkeys(found.tolist()))
            for kind in kinds:
                at = np.flatnonzero(found == kind)
                if at[-1] - at[0] + 1 != len(at):
                    raise BadInput(
                        f"phase {kind!r} begins twice",
                        where=f"{self.name}, column 'phase'",
                        right="one stretch of each phase a file; cut the record",
                    )
            return {kind: found == kind for kind in kinds}
        if whole is not None:
            return {whole: np.ones(len(self.minutes), dtype=bool)}
        t = self.minutes
        start = t[0] if on_min is None else on_min
        stop = t[-1] + 1 if off_min is None else off_min
        if not start < stop:
            raise BadInput(
                f"the spindle stops at {stop:g} min and starts at {start:g} min",
                where="parameters",
                right="spindle_on_min before spindle_off_min",
            )
        named: dict[Phase, NDArray[np.bool_]] = {
            "environment": t < start,
            "heating": (t >= start) & (t < stop),
            "cooling": t >= stop,
        }
        return {kind: rows for kind, rows in named.items() if rows.any()}

    def channels(self, distance_mm: float | None) -> dict[str, tuple[Floats, str]]:
        """Every displacement and tilt that the record holds, with its unit.

        Tilt: rotation about X is a = −(y2 − y1)/L, about Y b = (x2 − x1)/L, with place 2 by L farther along +Z
        than place 1; x and y are those of place 1 where they have no column of their own.
        """
        found: dict[str, tuple[Floats, str]] = {}
        for axis in "xyz":
            values = self.columns.get(axis, self.columns.get(f"{axis}1"))
            if values is not None:
                found[axis] = (values, "µm")
        for tilt, axis, sign in (("a", "y", -1.0), ("b", "x", 1.0)):
            one, two = self.columns.get(f"{axis}1"), self.columns.get(f"{axis}2")
            if one is not None and two is not None and distance_mm is not None:
                found[tilt] = (sign * (two - one) / distance_mm * _ARCSEC, "arcsec")
        ends = self.columns.get("position1"), self.columns.get("position2")
        for number, values in enumerate(ends, start=1):
            if values is not None:
                found[f"position{number}"] = (values, "µm")
        if ends[0] is not None and ends[1] is not None:
            found["elongation"] = (ends[1] - ends[0], "µm")
        return found


def _phase(word: str, row: int, file: str) -> Phase:
    known = _WORDS.get(word.strip().casefold())
    if known is None:
        raise BadInput(
            f"phase {word!r:.40}",
            where=f"{file}, column 'phase', reading {row + 1}",
            right="environment, heating, cooling or linear",
        )
    return known
