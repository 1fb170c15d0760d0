"""Which column of a file a name means, and in which unit it is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from recore.errors import BadInput
from recore.quantity import kind_of, units_of_suffix

Kind = Literal["float", "float32", "integer", "time", "text"]

# ticks per second of an epoch count, by the ending of its column name
EPOCH = {"s": 1, "ms": 10**3, "us": 10**6, "µs": 10**6, "ns": 10**9}
ISO = "write ISO 8601 as in 2026-01-31T08:15:00Z"
_LISTED = 40


@dataclass(frozen=True)
class Column:
    """A wanted column and where it is.

    Parameters
    ----------
    asked, stored : its name as asked for and as in the file
    kind : kind of value that is wanted
    position : its place among the columns of the file
    unit, to : unit in the file and unit asked for, where they differ
    epoch : ticks per second of a time column that counts from 1970-01-01
    """

    asked: str
    stored: str
    kind: Kind
    position: int
    unit: str | None = None
    to: str | None = None
    epoch: int | None = None

    @property
    def wanted(self) -> str:
        """What would be right, for a person."""
        if self.kind == "time":
            return ISO
        if self.kind == "text":
            return "text is wanted"
        _, units = units_of(self.asked)
        noun = "a whole number" if self.kind == "integer" else "a number"
        return (
            f"{noun} in {self.to or units[0]} is wanted"
            if len(units) == 1 or self.to
            else f"{noun} is wanted"
        )


def folded(name: str) -> str:
    """A name as it is compared: without regard to case, space and dash equal to the underscore."""
    return re.sub(r"[\s-]+", "_", name.strip()).casefold()


def units_of(name: str) -> tuple[str, tuple[str, ...]]:
    """Bare name and the units its ending may mean.

    Case tells 'power_mW' from 'power_MW', and a stem that names what it measures settles
    'torque_nm' and 'current_a'.
    """
    stem, units = units_of_suffix(name.replace("μ", "µ"))
    units = tuple(unit for unit in units if len(units) > 1 and kind_of(unit) in stem.lower()) or units
    if len({kind_of(unit) for unit in units}) < len(units):
        units = tuple(u for u in units if name.rstrip(" ])").endswith(u)) or units
    return stem, units


@lru_cache(maxsize=1024)
def find(columns: tuple[str, ...], asked: str, kind: Kind, file: str) -> Column:
    """The column that a name means.

    Raises
    ------
    BadInput : no such column, two that could be meant, or one in a unit of another kind
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind!r}; known: {', '.join(get_args(Kind))}")
    exact = [i for i, name in enumerate(columns) if folded(name) == folded(asked)]
    if len(exact) > 1:
        raise _ambiguous(asked, [columns[i] for i in exact], file)
    if kind == "time":
        return _find_time(columns, asked, exact, file)
    stem, targets = units_of(asked)
    if exact:
        name = columns[exact[0]]
        pairs = [(s, t) for s in units_of(name)[1] for t in targets if s != t and kind_of(s) == kind_of(t)]
        # only 'power_mW' under the name 'power_mw' differs here; a 'torque_nm' is what it is called
        if kind != "text" and pairs and len(units_of(name)[1]) == 1:
            return Column(asked, name, kind, exact[0], *pairs[0])
        return Column(asked, name, kind, exact[0])
    if kind == "text" or not targets:
        raise _missing(columns, asked, file)
    kin = [(i, n, units_of(n)) for i, n in enumerate(columns)]
    kin = [(i, name, (bare, units)) for i, name, (bare, units) in kin if folded(bare) == folded(stem)]
    found: list[Column] = []
    for i, name, (_, units) in kin:
        pairs = [(s, t) for s in units for t in targets if kind_of(s) == kind_of(t)]
        if pairs and len({s for s, _ in pairs}) > 1:
            raise BadInput(
                f"may be in {' or '.join(dict.fromkeys(s for s, _ in pairs))}",
                where=f"{file}, column {name!r}",
                right=f"name it '{stem} [{pairs[0][0]}]' or '{stem} [{pairs[-1][0]}]'",
            )
        if pairs:
            unit, to = pairs[0]
            found.append(Column(asked, name, kind, i, *((unit, to) if unit != to else (None, None))))
    if len(found) > 1:
        raise _ambiguous(asked, [column.stored for column in found], file)
    if found:
        return found[0]
    target = targets[0]
    for _, name, (_, units) in kin:
        if units:
            raise BadInput(
                f"is {with_article(kind_of(units[0]))}",
                where=f"{file}, column {name!r}",
                right=f"{with_article(kind_of(target))} in {target} is wanted",
            )
        raise BadInput(
            "states no unit",
            where=f"{file}, column {name!r}",
            right=f"name it {asked!r} if it is in {target}",
        )
    raise _missing(columns, asked, file)


def _find_time(columns: Sequence[str], asked: str, exact: list[int], file: str) -> Column:
    bare = [_epoch_of(name) for name in columns]
    if exact:
        return Column(asked, columns[exact[0]], "time", exact[0], epoch=bare[exact[0]][1])
    stems = {folded(asked), folded(_epoch_of(asked)[0])}
    found = [i for i, (stem, _) in enumerate(bare) if folded(stem) in stems]
    if len(found) > 1:
        raise _ambiguous(asked, [columns[i] for i in found], file)
    if not found:
        raise _missing(columns, asked, file)
    return Column(asked, columns[found[0]], "time", found[0], epoch=bare[found[0]][1])


def _epoch_of(name: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.+?)(?:_|\s*[\[(]\s*)(s|ms|us|µs|μs|ns)\s*[\])]?", name.strip(), re.IGNORECASE)
    if match:
        return match[1], EPOCH[match[2].lower().replace("μ", "µ")]
    return name, None


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _ambiguous(asked: str, names: Sequence[str], file: str) -> BadInput:
    listed = " and ".join(map(repr, names))
    return BadInput(f"{listed} could each be {asked!r}", where=file, right="keep one of them")


def _missing(columns: Sequence[str], asked: str, file: str) -> BadInput:
    listed = ", ".join(columns[:_LISTED]) + (", …" if len(columns) > _LISTED else "")
    return BadInput(f"no column {asked!r}", where=file, right=f"columns there are: {listed or 'none'}")
