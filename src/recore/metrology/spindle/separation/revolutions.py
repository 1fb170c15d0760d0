"""Averaging a record over its revolutions in one pass, with what the noise estimate needs kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.method import Refusal
from recore.metrology.spindle.signal_checks import step_of

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

MOST_GROUPS = 1024
_FEWEST_GROUPS = 64
_AMPLITUDES = 2**23  # 128 MiB
_HELD = 8


@dataclass(frozen=True)
class Revolutions:
    """A record as harmonics of groups of successive revolutions.

    Parameters
    ----------
    groups : (P, B, K + 1) complex amplitudes A_k of the mean of each group [µm]; f(t) = f_0 + Re sum A_k e^(ikt)
    per_group : revolutions in a group; one unless the record has more than `MOST_GROUPS` revolutions (fewer groups
        where many probes and harmonics would fill the memory)
    samples : samples per revolution
    left_over : samples at the end that fill no group
    lowest, highest : (P,) extremes of the readings [µm]
    clipped : numbers, from 0, of the probes whose extreme reading is held
    step, scatter : resolution of the readings and their scatter over the first revolutions, of the probe where the
        first is largest against the second [µm]
    """

    groups: Complexes
    per_group: int
    samples: int
    left_over: int
    lowest: Floats
    highest: Floats
    clipped: tuple[int, ...]
    step: float
    scatter: float

    @property
    def count(self) -> int:
        """Revolutions that are evaluated."""
        return int(self.groups.shape[1]) * self.per_group


class Averager:
    """Takes blocks of samples and keeps sums of revolutions; memory does not grow with the record."""

    def __init__(self, probes: int, samples: int, max_upr: int) -> None:
        self._samples, self._upr = samples, max_upr
        self._most = MOST_GROUPS
        while self._most > _FEWEST_GROUPS and probes * self._most * (max_upr + 1) > _AMPLITUDES:
            self._most //= 2
        self._sums = np.zeros((probes, self._most, max_upr + 1), dtype=complex)
        self._taken, self._per_group = 0, 1
        self._rest = np.empty((probes, 0))
        self._lowest, self._highest = np.full(probes, np.inf), np.full(probes, -np.inf)
        self._clipped: set[int] = set()
        self._resolution: tuple[float, float] | None = None

    def add(self, block: Floats) -> None:
        """The next samples of all probes; (P, n) [µm]."""
        self._lowest = np.minimum(self._lowest, block.min(axis=1))
        self._highest = np.maximum(self._highest, block.max(axis=1))
        self._clipped |= {p for p, signal in enumerate(block) if is_clipped(signal)}
        if self._rest.shape[1]:
            block = np.concatenate((self._rest, block), axis=1)
        turns = block.shape[1] // self._samples
        whole = block[:, : turns * self._samples].reshape(len(block), turns, self._samples)
        self._rest = block[:, turns * self._samples :].copy()
        if self._resolution is None and turns >= 2:
            self._resolution = max(map(_resolution, whole), key=lambda found: found[0] - 2 * found[1])
        done = 0
        while done < turns:
            room = self._most * self._per_group - self._taken
            take = min(room, turns - done)
            group = (self._taken + np.arange(take)) // self._per_group
            starts = np.flatnonzero(np.diff(group, prepend=-1))
            part = whole[:, done : done + take]
            summed = part if self._per_group == 1 else np.add.reduceat(part, starts, axis=1)
            self._sums[:, group[starts]] += np.fft.rfft(summed, axis=2)[..., : self._upr + 1]
            self._taken, done = self._taken + take, done + take
            if self._taken == self._most * self._per_group:
                self._sums[:, : self._most // 2] = self._sums[:, 0::2] + self._sums[:, 1::2]
                self._sums[:, self._most // 2 :] = 0
                self._per_group *= 2

    def result(self) -> Revolutions:
        """What was taken so far; a group that is not full is left out."""
        whole = self._taken // self._per_group
        scale = np.full(self._upr + 1, 2.0 / (self._samples * self._per_group))
        scale[0] /= 2
        return Revolutions(
            groups=self._sums[:, :whole] * scale,
            per_group=self._per_group,
            samples=self._samples,
            left_over=self._rest.shape[1] + (self._taken - whole * self._per_group) * self._samples,
            lowest=self._lowest,
            highest=self._highest,
            clipped=tuple(sorted(self._clipped)),
            step=(self._resolution or (0.0, 0.0))[0],
            scatter=(self._resolution or (0.0, 0.0))[1],
        )


def _resolution(turns: Floats) -> tuple[float, float]:
    """Step of one probe's readings and their scatter over revolutions, from (turns, samples)."""
    step = step_of(turns.ravel())
    return step, 0.0 if step == 0 else float(np.sqrt(turns.var(axis=0, ddof=1).mean()))


def revolutions_of(blocks: Iterable[Floats], probes: int, samples: int, max_upr: int) -> Revolutions:
    """Average blocks (P, n) of a record [µm] in one pass."""
    averager = Averager(probes, samples, max_upr)
    for block in blocks:
        averager.add(block)
    return averager.result()


def read(
    table: Table,
    names: Sequence[str],
    channels: Sequence[str] | None,
    samples_per_revolution: int | None,
    max_upr: int,
) -> Revolutions:
    """Average the wanted columns of a record over its revolutions.

    Raises
    ------
    BadInput : no samples_per_revolution, or a column is missing
    Refusal : the band reaches half the samples; fewer than two revolutions; a clipped signal
    """
    from recore.evidence.signal import channel_columns, signal_blocks

    if samples_per_revolution is None:
        raise BadInput(
            "nothing says where a revolution begins and ends",
            where=table.name,
            right="give samples_per_revolution; a record sampled in time is resampled over the angle of an encoder "
            "or tacho first",
        )
    if 2 * max_upr >= samples_per_revolution:
        raise Refusal(
            "above-half-the-samples",
            f"{max_upr} undulations per revolution want more than {2 * max_upr} samples in a revolution, and there "
            f"are {samples_per_revolution}: give a smaller max_upr",
        )
    columns = channel_columns(table, channels, names, "µm")
    found = revolutions_of(signal_blocks(table, columns), len(columns), samples_per_revolution, max_upr)
    if found.groups.shape[1] < 2:
        raise Refusal(
            "one-revolution",
            f"{table.name} holds {found.groups.shape[1]} whole revolution(s) of {samples_per_revolution} samples: "
            "without a second one nothing tells noise from motion; at least 20 are wanted",
        )
    if found.clipped:
        raise Refusal(
            "clipped",
            f"the extreme reading of {', '.join(names[p] for p in found.clipped)} in {table.name} is held over "
            "several samples, so the signal left the range of the probe or of its converter: re-centre the artefact "
            "or choose a wider range",
        )
    return found


def is_clipped(signal: Floats) -> bool:
    """Whether one end of a signal is cut off flat.

    A cut-off end is held for several samples and holds more samples than the next eight steps of the converter
    together; the rounded top of a coarsely converted sine holds at most half as many.
    """
    for wave in (signal, -signal):
        top = wave.max()
        at_top = wave == top
        held = int(at_top.sum())
        if held < _HELD or held == len(wave):
            continue
        below = wave[~at_top]
        step = top - below.max()
        if held <= int((below >= top - 8.5 * step).sum()):
            continue
        # several successive samples, not the two equal ones beside the top of a sine
        if (at_top[3:] & at_top[2:-1] & at_top[1:-2] & at_top[:-3]).any():
            return True
    return False


def sawtooth(samples: int, max_upr: int) -> Complexes:
    """Harmonics A_k of a drift of one unit per revolution, as each revolution shows it; (K + 1,), A_0 = 0."""
    k = np.arange(1, max_upr + 1)
    return np.concatenate(([0], 2 / samples / (np.exp(-2j * np.pi * k / samples) - 1)))
