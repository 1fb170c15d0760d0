"""Which columns of a table hold the leg pressures, and how they are laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from recore.errors import BadInput
from recore.evidence.column import Kind, find, folded, units_of
from recore.quantity import kind_of

if TYPE_CHECKING:
    from recore.evidence.table import Source

# other names under which loggers write the same columns; the first is ours
TIMES = ("ts", "time", "timestamp", "datetime")
SUPPORTS = ("support", "shield", "support_id", "shield_id")
LEGS = ("leg", "leg_id")
PRESSURES = ("pressure_mpa", "leg_pressure_mpa", "p_mpa")

_LEG = re.compile(r"(?:leg|p|pressure)_?(\d{1,3})(_?pressure)?")


@dataclass(frozen=True)
class Layout:
    """Columns by the names they are asked for.

    Parameters
    ----------
    ts, support : time and number of the support
    leg : number of the leg in the long layout, None in the wide one
    pressures : column of each leg in the wide layout; the one column under 0 in the long one
    """

    ts: str
    support: str
    leg: str | None
    pressures: tuple[tuple[int, str], ...]

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kinds of the columns that are no pressures."""
        kinds: dict[str, Kind] = {self.ts: "time", self.support: "integer"}
        if self.leg is not None:
            kinds[self.leg] = "integer"
        return kinds


def layout(source: Source) -> Layout:
    """The layout of a table.

    Raises
    ------
    BadInput : a column is missing, or two could be meant
    """
    return _layout(source.columns, source.name)


@lru_cache(maxsize=4096)
def _layout(columns: tuple[str, ...], file: str) -> Layout:
    legs: dict[int, str] = {}
    for name in columns:
        stem, units = units_of(name)
        told = _LEG.fullmatch(folded(stem))
        if told and int(told[1]) and (not units or any(kind_of(unit) == kind_of("MPa") for unit in units)):
            legs.setdefault(int(told[1]), f"{stem.strip()}_mpa")
    long = _named(columns, LEGS, "integer", file)
    if not legs or (long is not None and _named(columns, PRESSURES, "float", file)):
        return Layout(
            _wanted(columns, TIMES, "time", file),
            _wanted(columns, SUPPORTS, "integer", file),
            _wanted(columns, LEGS, "integer", file),
            ((0, _wanted(columns, PRESSURES, "float", file)),),
        )
    for name in legs.values():
        find(columns, name, "float", file)  # says what is wrong with it
    return Layout(
        _wanted(columns, TIMES, "time", file),
        _wanted(columns, SUPPORTS, "integer", file),
        None,
        tuple(sorted(legs.items())),
    )


def _named(columns: tuple[str, ...], names: tuple[str, ...], kind: Kind, file: str) -> str | None:
    for name in names:
        try:
            find(columns, name, kind, file)
        except BadInput:
            continue
        return name
    return None


def _wanted(columns: tuple[str, ...], names: tuple[str, ...], kind: Kind, file: str) -> str:
    name = _named(columns, names, kind, file)
    if name is None:
        find(columns, names[0], kind, file)  # raises what a person must know
        raise AssertionError(names)
    return name
