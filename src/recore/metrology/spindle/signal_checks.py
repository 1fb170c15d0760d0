"""Is a record what it claims to be: clipped, dead, in an implausible unit? Found in the pass that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RUN = 4
_CROWDED = 4.0
_LOOKED_AT = 4096
_OFF_GRID = 0.02


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _scan(values: Floats, sign: float, state: Floats) -> None:
    """Largest value, how often, longest run there, and how often the next smaller one, of sign · values.

    state = [largest, count, longest run, run now, second, its count]
    """
    top, count, longest, run, second, behind = state
    for v in values:
        s = sign * v
        if s < top:
            run = 0.0
            if s > second:
                second, behind = s, 1.0
            elif s == second:
                behind += 1.0
        elif s == top:
            count += 1.0
            run += 1.0
            longest = max(longest, run)
        else:
            second, behind = top, count
            top, count, longest, run = s, 1.0, 1.0, 1.0
    state[:] = np.array([top, count, longest, run, second, behind])


@dataclass(frozen=True)
class Reach:
    """Extremes of a channel.

    Parameters
    ----------
    lowest, highest : smallest and largest sample
    held : longest run of equal samples at an extreme where the channel is clipped, else 0
    step : resolution of the readings, 0 where they are finer than can be told
    """

    lowest: float
    highest: float
    held: int
    step: float = 0.0

    @property
    def range(self) -> float:
        """Largest minus smallest."""
        return self.highest - self.lowest


class Extremes:
    """Extremes of every channel of a record that comes in blocks.

    A clipped channel holds its extreme: four samples or more in a row, and more of them than four times those at
    the level next to it. The crest of a sine that is recorded in coarse steps also holds its extreme, but has
    nearly half as many samples one step below.
    """

    def __init__(self, channels: int) -> None:
        self._states = np.zeros((channels, 2, 6))
        self._states[:, :, [0, 4]] = -np.inf
        self._steps: list[float] | None = None

    def update(self, block: Floats) -> None:
        """Take in the next samples; float64 [channel, sample]."""
        if self._steps is None:
            self._steps = [step_of(values) for values in block]
        for values, states in zip(block, self._states, strict=True):
            _scan(values, 1.0, states[0])
            _scan(values, -1.0, states[1])

    def channels(self) -> list[Reach]:
        """What was found so far, channel by channel."""
        steps = self._steps or [0.0] * len(self._states)
        return [
            Reach(-float(low[0]), float(high[0]), max(_held(low), _held(high)), step)
            for (high, low), step in zip(self._states, steps, strict=True)
        ]


def step_of(values: Floats) -> float:
    """Resolution of readings: the least difference between two of them.

    Returns
    -------
    0 where more than half of the first 4,096 readings are distinct, because then the resolution is finer than what
    they move through, and where the differences are no multiples of the least one: revolutions that repeat exactly
    """
    distinct = np.unique(values[:_LOOKED_AT])
    if len(distinct) < 2 or len(distinct) > len(values[:_LOOKED_AT]) / 2:
        return 0.0
    gaps = np.diff(distinct)
    # the same reading printed twice may differ in its last bit
    gaps = gaps[gaps > 1e-9 * float(np.ptp(distinct))]
    step = float(gaps.min())
    multiples = gaps / step
    return step if float(np.abs(multiples - np.rint(multiples)).max()) < _OFF_GRID else 0.0


def is_coarse(step: float, scatter: float) -> bool:
    """Whether readings move in steps too large for averaging over revolutions to see between them.

    Noise of half a step and more makes the mean of many readings follow the signal; with less, the mean keeps
    the stairs, and a scatter that the stairs hide makes U too small.
    """
    return step > 2 * scatter


def _held(state: NDArray[Any]) -> int:
    _, count, longest, _, _, behind = state.tolist()
    return int(longest) if longest >= _RUN and count > _CROWDED * behind else 0
