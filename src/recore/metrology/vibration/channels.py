"""Which columns of a record are vibration, in which unit, and whether they can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence.column import find, units_of
from recore.method import Note, Refusal
from recore.quantity import convert, kind_of, unit_of

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]
Kind = Literal["acceleration", "velocity"]
UNIT = {"acceleration": "m/s²", "velocity": "mm/s"}
GRAVITY = 9.80665
# r.m.s. values beyond these are flagged: more than 50 g, less than the noise of an industrial sensor; a machine that
# shakes by 100 mm/s does not last, one by 0.01 mm/s stands still (conventions of ours)
_USUAL = {"acceleration": (1e-3, 500.0), "velocity": (0.01, 100.0)}
_HELP = "name the columns with their unit, as in 'x [m/s²]', 'x_g' or 'x_mm_s'; or give channels and unit"
_NOT_VIBRATION = ("mass", "weight", "feed", "wind", "cutting", "belt", "flow")


@dataclass(frozen=True)
class Channel:
    """One measuring position and direction.

    Parameters
    ----------
    name : as in the file, without its unit
    kind : what was measured
    column : name to ask the table for
    factor : from the values of that column to m/s² or mm/s
    """

    name: str
    kind: Kind
    column: str
    factor: float = 1.0

    @property
    def unit(self) -> str:
        """Unit that `read` gives."""
        return UNIT[self.kind]

    def read(self, table: Table) -> Floats:
        """The signal in m/s² or mm/s.

        Raises
        ------
        Refusal : `signal-clipped`, `signal-dead`: a level of it would be wrong
        """
        signal = table.floats(self.column) * self.factor
        if np.ptp(signal) == 0:
            raise Refusal("signal-dead", f"channel {self.name!r} of {table.name} does not move at all")
        if (share := clipped(signal)) > 0:
            raise Refusal(
                "signal-clipped",
                f"channel {self.name!r} of {table.name} is clipped: {share:.2g} of its samples stand at the end of the "
                "range, so its level is too small; record it again with a larger range",
            )
        return signal


def vibration_channels(table: Table, channels: Sequence[str] | None, unit: str | None) -> list[Channel]:
    """The vibration channels of a record.

    Parameters
    ----------
    table : the record
    channels : names or numbers from 1; None takes every column whose name ends with a unit of acceleration or of
        velocity
    unit : unit of channels whose names carry none: 'g', 'm/s²', 'mm/s' …

    Raises
    ------
    BadInput : no such column, none found, or the unit is not known
    """
    if channels is None:
        found = [channel for name in table.columns if (channel := _by_its_name(name))]
        if not found:
            raise BadInput("no column states a unit of vibration", where=table.name, right=_HELP)
        return found
    picked = [_picked(table, word.strip(), unit) for word in channels]
    names = [channel.name for channel in picked]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"channel {twice[0]!r} is named twice", where="channels", right="name each once")
    return picked


def _picked(table: Table, word: str, unit: str | None) -> Channel:
    if word not in table.columns and word.isdigit() and 1 <= int(word) <= len(table.columns):
        word = table.columns[int(word) - 1]
    stored = _stored(table, word)
    if channel := _by_its_name(stored):
        return channel
    if units_of(stored)[1] and not _bare_gram(stored):
        raise BadInput(
            f"column {stored!r} is no acceleration and no velocity",
            where=f"{table.name}, channels",
            right=_HELP,
        )
    if unit is None:
        raise BadInput(
            f"column {stored!r} states no unit: g and m/s² differ by a factor of ten",
            where=f"{table.name}, channels",
            right="give unit, as in unit=g, or name the column with it",
        )
    return _in_unit(stored, stored, unit)


def _stored(table: Table, word: str) -> str:
    bare = [name for name in table.columns if units_of(name)[0] == word]
    if word not in table.columns and len(bare) == 1:
        return bare[0]
    return find(table.columns, word, "float", table.name).stored


def _in_unit(name: str, column: str, unit: str) -> Channel:
    # what vibration people call g is no gram
    canonical = "g_n" if unit.strip() in ("g", "gn") else unit_of(unit)
    kind = kind_of(canonical)
    if kind == "acceleration":
        return Channel(name, "acceleration", column, convert(1.0, canonical, "m/s²"))
    if kind == "speed":
        return Channel(name, "velocity", column, convert(1.0, canonical, "mm/s"))
    raise BadInput(f"unit {unit!r} is one of {kind}", where="unit", right="g, m/s², mm/s or m/s is wanted")


def _bare_gram(name: str) -> bool:
    return units_of(name)[1] == ("g",)


def _by_its_name(name: str) -> Channel | None:
    stem, units = units_of(name)
    if any(word in stem.lower() for word in _NOT_VIBRATION):
        return None
    if "m/s²" in units:
        return Channel(stem, "acceleration", name)
    if "g_n" in units or units == ("g",):
        return Channel(stem, "acceleration", name, GRAVITY)
    if units in (("mm/s",), ("m/s",)):
        return Channel(stem, "velocity", name, convert(1.0, units[0], "mm/s"))
    return None


def clipped(signal: Floats) -> float:
    """Share of the samples that stand at an end of the range, where they pile up there; else 0.

    An end counts where three neighbours in a row stand at it and more than twice as many samples as at the next
    value inside: a quantised signal that is not clipped thins out towards its ends.
    """
    share = 0.0
    for end in (signal.max(), signal.min()):
        at = signal == end
        count = int(at.sum())
        if count < 3 or not (at[:-2] & at[1:-1] & at[2:]).any():
            continue
        inside = signal[~at]
        following = inside[np.abs(inside - end).argmin()]
        if count > 2 * int((signal == following).sum()):
            share += count / len(signal)
    return share


def implausible(rms: float, kind: Kind, what: str) -> list[Note]:
    """A flag where a level [m/s² or mm/s] is beyond what machines and sensors do: a unit may be wrong."""
    low, high = _USUAL[kind]
    if low <= rms <= high:
        return []
    return [
        Note(
            "unit-doubtful",
            f"{what}: {rms:.3g} {UNIT[kind]} r.m.s. is unusual for a machine ({low:g} to {high:g}): is the unit right?",
        )
    ]


def mean_of(table: Table, name: str, given: float | None) -> float | None:
    """A condition of the run, as 'speed_rpm': the mean of its column, else what a person states, else None.

    Raises
    ------
    BadInput : column and statement differ by more than 5 %
    """
    if not table.has(name):
        return given
    found = float(table.floats(name).mean())
    if given is not None and abs(found - given) > 0.05 * abs(found):
        raise BadInput(
            f"the column says {found:.6g} on average, and {name} = {given:.6g}",
            where=f"{table.name}, column {name!r}",
            right=f"leave {name} out, or correct the file",
        )
    return found
