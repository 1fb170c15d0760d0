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
    """

    lowest: float
    highest: float
    held: int

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

    def update(self, block: Floats) -> None:
        """Take in the next samples; float64 [channel, sample]."""
        for values, states in zip(block, self._states, strict=True):
            _scan(values, 1.0, states[0])
            _scan(values, -1.0, states[1])

    def channels(self) -> list[Reach]:
        """What was found so far, channel by channel."""
        return [
            Reach(-float(low[0]), float(high[0]), max(_held(low), _held(high))) for high, low in self._states
        ]


def _held(state: NDArray[Any]) -> int:
    _, count, longest, _, _, behind = state.tolist()
    return int(longest) if longest >= _RUN and count > _CROWDED * behind else 0
