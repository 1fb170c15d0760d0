"""What is to be packed and what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

LONGEST_MM = 100_000
MOST_BOXES = 20_000
_MG = 1_000_000


@dataclass(frozen=True)
class BoxKind:
    """`count` equal boxes; edge i may stand upright where `vertical_allowed[i]`.

    Nothing may stand on a box that is not stackable; it may stand on others.
    """

    dims: tuple[int, int, int]
    count: int
    vertical_allowed: tuple[bool, bool, bool] = (True, True, True)
    mass_kg: float = 0.0
    stackable: bool = True


@dataclass(frozen=True, eq=False)
class Packing:
    """Boxes in place: one row of `placements` per box (kind, x, y, z, dx, dy, dz), lower boxes first.

    `fill` is the share of the container's volume, `packed` the number of boxes per kind. `work` counts the
    greedy completions that were evaluated; the same number given to `pack` replays the search anywhere.
    """

    placements: NDArray[np.int64]
    fill: float
    packed: tuple[int, ...]
    work: int
    seconds: float


@dataclass(frozen=True)
class Stock:
    """The problem as arrays of whole numbers, lengths in units of their greatest common divisor."""

    limits: NDArray[np.int64]  # length, width, height of the container
    turned: NDArray[np.int64]  # n × 3: edges along x, y, z of every kind in every orientation that fits
    owner: NDArray[np.int64]  # kind of each orientation
    counts: NDArray[np.int64]
    stacks: NDArray[np.int64]  # 1 = boxes may stand on this kind
    masses: NDArray[np.int64]  # milligrams
    payload: int


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check(
    container: Sequence[int], kinds: Sequence[BoxKind], payload_kg: float | None, seconds: float, seed: int,
    work: int | None, max_stage: int | None,
) -> None:  # fmt: skip
    """Refuse what is no packing problem."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise BadInput(f"the search is given {seconds} s", where="seconds", right="a time of 0 s or more")
    for name, number in (("seed", seed), ("work", work), ("max_stage", max_stage)):
        if number is not None and not (_whole(number) and number >= 0):
            raise BadInput(f"it is {number}", where=name, right="a whole number, 0 or more")
    if len(container) != 3 or not all(_whole(edge) and 0 < edge <= LONGEST_MM for edge in container):
        right = f"three whole numbers of millimetres from 1 to {LONGEST_MM}"
        raise BadInput(f"the container is {tuple(container)}", where="container", right=right)
    if payload_kg is not None and not (math.isfinite(payload_kg) and payload_kg >= 0):
        raise BadInput(f"the payload is {payload_kg} kg", where="payload_kg", right="a mass of 0 kg or more")
    for i, kind in enumerate(kinds):
        if len(kind.dims) != 3 or not all(_whole(edge) and 0 < edge <= LONGEST_MM for edge in kind.dims):
            right = f"three whole numbers of millimetres from 1 to {LONGEST_MM}"
            raise BadInput(f"the box is {tuple(kind.dims)}", where=f"kinds[{i}].dims", right=right)
        if not _whole(kind.count) or kind.count < 0:
            raise BadInput(f"there are {kind.count} boxes", where=f"kinds[{i}].count", right="a whole number")
        if len(tuple(kind.vertical_allowed)) != 3:
            right = "three of true or false, one per edge"
            raise BadInput(
                f"{kind.vertical_allowed} edges may stand upright",
                where=f"kinds[{i}].vertical_allowed",
                right=right,
            )
        if not (math.isfinite(kind.mass_kg) and kind.mass_kg >= 0):
            right = "a mass of 0 kg or more"
            raise BadInput(f"a box weighs {kind.mass_kg} kg", where=f"kinds[{i}].mass_kg", right=right)
    if sum(kind.count for kind in kinds) > MOST_BOXES:
        right = f"at most {MOST_BOXES} boxes in one container"
        raise BadInput(f"there are {sum(kind.count for kind in kinds)} boxes", where="kinds", right=right)


def milligrams_up(mass_kg: float) -> int:
    """A mass as a whole number, never lighter than it is."""
    return math.ceil(Fraction(repr(float(mass_kg))) * _MG)


def milligrams_down(mass_kg: float) -> int:
    """A limit as a whole number, never higher than it is."""
    return math.floor(Fraction(repr(float(mass_kg))) * _MG)


def orientations(kind: BoxKind) -> list[tuple[int, int, int]]:
    """The ways in which a box may stand, as edges along x, y, z; equal ones once."""
    found: list[tuple[int, int, int]] = []
    for up in range(3):
        if kind.vertical_allowed[up]:
            one, two = (kind.dims[i] for i in range(3) if i != up)
            for turned in ((one, two, kind.dims[up]), (two, one, kind.dims[up])):
                if turned not in found:
                    found.append(turned)
    return found
