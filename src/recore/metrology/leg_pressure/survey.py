"""What the parts of a log say: the tasks that run on the executor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from recore.errors import BadInput
from recore.metrology.leg_pressure.kernel import Limits
from recore.metrology.leg_pressure.rows import Faults, Leg, Pressures, Times, stretches
from recore.metrology.leg_pressure.segment import LegPart, Reader

if TYPE_CHECKING:
    from recore.evidence.table import Part


@dataclass
class Survey:
    """What one part of a log says."""

    legs: dict[Leg, LegPart] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    unread: list[str] = field(default_factory=list)  # why some of it could not be read


def survey(parts: Sequence[Part], limits: Limits, small: bool) -> Survey:
    """Read some consecutive parts of a table: the task that runs on the executor."""
    found = Survey()
    reader = Reader(limits, small=small)
    for part in parts:
        try:
            for stretch in stretches(part, found.faults, small=small):
                found.legs.setdefault(stretch.leg, LegPart()).read(reader, stretch)
        except BadInput as error:  # what was read before it counts
            found.unread.append(str(error))
    return found


def rows_of(
    parts: Sequence[Part], wanted: frozenset[Leg], undated: bool = False
) -> dict[Leg, list[tuple[Times, Pressures]]]:
    """All usable rows of some legs in some parts, in the order of the file: times in µs, pressures in MPa.

    With `undated` also those whose time is impossible. What cannot be read is left out, as in `survey`.
    """
    found: dict[Leg, list[tuple[Times, Pressures]]] = {}
    for part in parts:
        with suppress(BadInput):
            for stretch in stretches(part, Faults(), undated=undated):
                if stretch.leg in wanted:
                    rows = stretch.ts * stretch.tick, stretch.p.astype(np.float64)
                    found.setdefault(stretch.leg, []).append(rows)
    return found
