"""Where probes may stand: minimum spacing, probes that are there already, forbidden sectors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

Floats = NDArray[np.float64]

_SLACK = 1e-9  # deg; what rounding may take from a spacing that is met exactly


@dataclass(frozen=True)
class Space:
    """The layouts that can be built.

    Parameters
    ----------
    probes : how many probes there will be, those that exist counted
    spacing : least angle between two of them [deg]
    forbidden : (from, width) of sectors that hold no probe inside [deg]
    existing : angles of probes that stay where they are [deg]
    pinned : the first probe may be put at 0, because nothing else marks a direction
    """

    probes: int
    spacing: float
    forbidden: tuple[tuple[float, float], ...] = ()
    existing: tuple[float, ...] = ()
    pinned: bool = False

    @classmethod
    def of(
        cls, probes: int, spacing: float, forbidden: Sequence[str] = (), existing: Sequence[float] = ()
    ) -> Space:
        """From what a person writes.

        Raises
        ------
        BadInput : a sector cannot be read, an existing probe breaks the rules, or the probes do not fit
        """
        if not 0 <= spacing < 360:
            raise BadInput(
                f"{spacing:g} deg", where="min_spacing_deg", right="an angle from 0 to below 360 is wanted"
            )
        sectors = tuple(_sector(word) for word in forbidden)
        fixed = tuple(float(angle) % 360 for angle in existing)
        pinned = not sectors and not fixed
        space = cls(probes, float(spacing), sectors, (0.0,) if pinned else fixed, pinned)
        space._check_existing()
        room = space._most_free()
        if room < space.free:
            raise BadInput(
                f"{probes} probes at least {spacing:g} deg apart do not fit"
                + (
                    f" between the forbidden sectors and the {len(fixed)} existing probes"
                    if not pinned
                    else ""
                )
                + f": there is room for {room + len(space.existing)}",
                where="min_spacing_deg" if pinned else "min_spacing_deg, forbidden_deg, existing_deg",
                right="give less spacing, narrower sectors or fewer probes",
            )
        return space

    @property
    def free(self) -> int:
        """Probes that are still to be placed."""
        return self.probes - len(self.existing)

    def holds(self, angles: Floats) -> NDArray[np.bool_]:
        """Which layouts can be built; from angles [layout, probe] in deg."""
        ordered = np.sort(angles % 360, axis=1)
        gap = np.diff(ordered, axis=1, append=ordered[:, :1] + 360).min(axis=1)
        good: NDArray[np.bool_] = gap >= self.spacing - _SLACK
        for start, width in self.forbidden:
            inside = (angles - start) % 360
            good &= ~((inside > _SLACK) & (inside < width - _SLACK)).any(axis=1)
        return good

    def draw(self, rng: np.random.Generator, wanted: int) -> Floats:
        """Random layouts, existing probes first; [layout, probe] in deg, `wanted` of them or, in tight spaces, fewer."""
        found: list[Floats] = []
        have = 0
        for _ in range(12):
            angles = self._proposed(rng, wanted)
            angles = angles[self.holds(angles)]
            found.append(angles[: wanted - have])
            have += len(found[-1])
            if have >= wanted:
                return np.concatenate(found)
        # a tight space: start where the probes are packed and let them wander
        packed = self._packed()
        count = max(wanted // 20, 200)
        walkers = np.concatenate([*found, packed[rng.integers(0, len(packed), count)]])
        return self._wandered(rng, walkers)

    def _proposed(self, rng: np.random.Generator, count: int) -> Floats:
        """Layouts that keep the spacing around one anchor, uniformly; the rest of the rules is not looked at."""
        others = self.probes - 1 if len(self.existing) <= 1 else self.free
        share = rng.standard_exponential((count, others + 1))
        spare = max(360 - (others + 1) * self.spacing, 0.0)
        steps = self.spacing + spare * share / share.sum(axis=1, keepdims=True)
        anchor = rng.uniform(0, 360, count) if not self.existing else np.full(count, self.existing[0])
        around = anchor[:, None] + np.cumsum(steps, axis=1)[:, :-1]
        fixed = np.broadcast_to(np.array(self.existing), (count, len(self.existing)))
        return np.concatenate((fixed if self.existing else anchor[:, None], around), axis=1) % 360

    def _wandered(self, rng: np.random.Generator, angles: Floats, sweeps: int = 40) -> Floats:
        angles = angles.copy()
        for sweep in range(sweeps):
            for probe in range(len(self.existing), self.probes):
                tried = angles.copy()
                if sweep % 2:
                    tried[:, probe] = rng.uniform(0, 360, len(angles))
                else:
                    tried[:, probe] += rng.normal(0, 3, len(angles))
                good = self.holds(tried)
                angles[good] = tried[good] % 360
        return angles

    def _check_existing(self) -> None:
        if len(self.existing) >= self.probes:
            raise BadInput(
                f"{len(self.existing)} probes exist and {self.probes} are wanted in all",
                where="existing_deg",
                right="leave at least one to be placed",
            )
        if self.existing and not self.holds(np.array([self.existing]))[0]:
            raise BadInput(
                "the existing probes stand in a forbidden sector or too close to each other",
                where="existing_deg",
                right="correct the angles, or allow what is there",
            )

    def _arcs(self) -> list[tuple[float, float]]:
        """Where the centre of a further probe may stand: (from, to) in deg, to > 360 where an arc runs over 0."""
        shut = [*self.forbidden, *((angle - self.spacing, 2 * self.spacing) for angle in self.existing)]
        shut = [(start % 360, width) for start, width in shut if width > 0]
        if not shut:
            return [(0.0, 360.0)]
        # three turns, so that a sector over 0 shuts what it shuts
        merged: list[tuple[float, float]] = []
        for start, width in sorted((start + turn, width) for start, width in shut for turn in (-360, 0, 360)):
            end = start + width
            if merged and start < merged[-1][1] - _SLACK:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return [
            (end, max(start, end)) for (_, end), (start, _) in itertools.pairwise(merged) if 0 <= end < 360
        ]

    def _packings(self) -> list[list[float]]:
        """Free probes placed as early as they can, once from the beginning of each arc.

        A fullest packing can be turned back probe by probe until each stands at the beginning of an arc or at the
        spacing from the one before, so the longest of these lists is the most that fit.
        """
        arcs = self._arcs()
        around = sorted([*arcs, *((a + 360, b + 360) for a, b in arcs)])
        packings = []
        for start, _ in arcs:
            placed = [start]
            while True:
                after = placed[-1] + self.spacing
                spot = next((max(after, a) for a, b in around if b >= after - _SLACK), None)
                last = start + 360 - self.spacing + _SLACK
                if spot is None or spot > last or len(placed) >= self.probes:
                    break
                placed.append(spot)
            packings.append(placed)
        return packings

    def _most_free(self) -> int:
        return max((len(placed) for placed in self._packings()), default=0)

    def _packed(self) -> Floats:
        rows = [
            [*self.existing, *placed[: self.free]] for placed in self._packings() if len(placed) >= self.free
        ]
        return np.array(rows) % 360


def _sector(word: str) -> tuple[float, float]:
    ends = word.replace("\N{DEGREE SIGN}", "").split("-")
    try:
        start, end = (float(part) for part in ends)
    except ValueError:
        raise BadInput(
            f"{word!r}", where="forbidden_deg", right="a sector is written from-to, as in 100-140 or 350-20"
        ) from None
    if not (0 <= start <= 360 and 0 <= end <= 360) or start == end:
        raise BadInput(f"{word!r}", where="forbidden_deg", right="both ends lie from 0 to 360 deg and differ")
    return start % 360, (end - start) % 360 or 360.0
