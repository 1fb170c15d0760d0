"""A record as whole revolutions at equal angles, block after block, however it was sampled.

Three ways: the sampling was clocked by the rotor (`samples_per_revolution`), or the record carries the angle of an
encoder, or pulses of a tacho. Only the first needs no resampling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.signal import signal_blocks
from recore.metrology.angle_domain import phase, pulse_times, resampled

Floats = NDArray[np.float64]
Clock = Literal["samples", "encoder", "tacho"]

ANGLE, TACHO = "angle_deg", ("tacho", "tacho_v")
_CHUNK = 32  # revolutions resampled at once
_FINEST = 4096
_ON_GRID = 2e-3  # of a sample


class Revolutions:
    """The whole revolutions of a record; it can be gone through more than once.

    Parameters
    ----------
    table : the record, samples in time order
    columns : channels, as `channel_columns` gives them
    samples_per_revolution : samples each turn, where the rotor clocked them; else how many angles are wanted
        (None takes the largest power of two that the record has samples for)
    rotation : sense of the rotor seen as the probe angles are counted; an encoder counts down where it is 'cw'
    pulses_per_revolution : of the tacho
    watch : is shown every block of samples as they were recorded; float64 [channel, sample]

    Attributes
    ----------
    clock : what gives the angle
    samples : angles in each revolution
    left_over : samples (share of a revolution, where they are resampled) at the ends that belong to no whole one

    Raises
    ------
    BadInput : the record does not say how it turned
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        samples_per_revolution: int | None = None,
        *,
        rotation: Literal["ccw", "cw"] = "ccw",
        pulses_per_revolution: float = 1.0,
        watch: Callable[[Floats], None] | None = None,
    ) -> None:
        self.table, self.columns, self.watch = table, list(columns), watch
        self.sense = 1 if rotation == "ccw" else -1
        self.left_over = 0.0
        self._phase: Callable[[NDArray[np.int64]], Floats] | None = None
        tacho = next((name for name in TACHO if table.has(name)), None)
        self._skip = 0  # samples before the first whole revolution, where the rotor clocked the samples
        density = 0.0
        if table.has(ANGLE):
            self.clock: Clock = "encoder"
            density, on_grid, self._skip = self._encoder()
            if on_grid and samples_per_revolution in (None, on_grid):
                self.clock, samples_per_revolution = "samples", on_grid
        elif tacho is not None:
            self.clock = "tacho"
            pulses = pulse_times(table.floats(tacho), 1.0)
            density = float(np.mean(np.diff(pulses))) * pulses_per_revolution
            self._phase = lambda rows: phase(
                rows.astype(float), pulses, pulses_per_revolution=pulses_per_revolution
            )
        elif samples_per_revolution is None:
            raise BadInput(
                "the record does not say how the rotor turned",
                where=table.name,
                right=f"give samples_per_revolution where the rotor clocked the samples, or a column {ANGLE} "
                f"(encoder) or {TACHO[0]} (one pulse per revolution)",
            )
        else:
            self.clock = "samples"
        if samples_per_revolution is None:
            samples_per_revolution = min(_FINEST, 2 ** int(np.log2(max(density, 1.0))))
        elif self.clock != "samples" and samples_per_revolution > 1.05 * density:
            raise BadInput(
                f"samples_per_revolution = {samples_per_revolution}, the record has {density:.4g}",
                where="samples_per_revolution",
                right="more angles than samples would be invented: ask for no more than were recorded",
            )
        self.samples = samples_per_revolution

    def __iter__(self) -> Iterator[Floats]:
        """Whole revolutions; float64 [channel, revolution, angle]."""
        return self._counted() if self.clock == "samples" else self._resampled()

    def _counted(self) -> Iterator[Floats]:
        rest = np.empty((len(self.columns), 0))
        skip = self._skip
        for block in self._raw(self.columns):
            if skip:
                skip, block = skip - min(skip, block.shape[1]), block[:, skip:]
            both = np.concatenate((rest, block), axis=1) if rest.shape[1] else block
            whole = both.shape[1] // self.samples
            if whole:
                cut = np.ascontiguousarray(both[:, : whole * self.samples])
                yield cut.reshape(len(cut), whole, self.samples)
            rest = both[:, whole * self.samples :]
        self.left_over = float(rest.shape[1] + self._skip)

    def _raw(self, columns: Sequence[str]) -> Iterator[Floats]:
        for block in signal_blocks(self.table, columns):
            if self.watch is not None:
                self.watch(block[: len(self.columns)])
            yield block

    def _phased(self) -> Iterator[tuple[Floats, Floats]]:
        """Blocks of samples with the revolutions of the rotor at each."""
        if self._phase is not None:
            row = 0
            for block in self._raw(self.columns):
                turns = self._phase(np.arange(row, row + block.shape[1]))
                known = np.isfinite(turns)
                yield block[:, known], turns[known]
                row += block.shape[1]
            return
        unwrapped = _Unwrapped(self.table.name, self.sense)
        for block in self._raw([*self.columns, ANGLE]):
            yield block[:-1], unwrapped.turns(block[-1])

    def _resampled(self) -> Iterator[Floats]:
        signal, turns = np.empty((len(self.columns), 0)), np.empty(0)
        ahead: int | None = None  # the next revolution to hand out
        start = 0.0
        for block, more in self._phased():
            if not len(more):
                continue
            if ahead is None:
                ahead, start = int(np.ceil(more[0] - 1e-9)), float(more[0])
            signal, turns = np.concatenate((signal, block), axis=1), np.concatenate((turns, more))
            # one revolution more at each end, so that cutting changes nothing
            while turns[-1] > ahead + _CHUNK + 1.5:
                last = int(np.searchsorted(turns, ahead + _CHUNK + 1.25))
                yield self._even(signal[:, :last], turns[:last], ahead, _CHUNK)
                ahead += _CHUNK
                first = int(np.searchsorted(turns, ahead - 1.25))
                signal, turns = signal[:, first:], turns[first:]
        if ahead is None:
            return
        left = int(np.floor(turns[-1] - ahead + 1e-9))
        if left > 0:
            yield self._even(signal, turns, ahead, left)
        self.left_over = float(ahead - start + turns[-1] - ahead - left) if left > 0 else 0.0

    def _even(self, signal: Floats, turns: Floats, first: int, count: int) -> Floats:
        strict, at = _rising(turns)
        if len(at) < len(turns):
            known = int(at[-1]) + 1
            strict, signal = np.interp(np.arange(known), at, strict), signal[:, :known]
        even = resampled(signal, strict, self.samples)
        skip = first - int(np.ceil(strict[0] - 1e-9))
        return np.ascontiguousarray(even[:, skip : skip + count])

    def _encoder(self) -> tuple[float, int, int]:
        """Samples per revolution; the same as a whole number where every sample stands at its place of a grid with
        zero in it (else 0), and the samples before the first zero: an encoder that clocked the samples leaves nothing
        to resample."""
        unwrapped = _Unwrapped(self.table.name, self.sense)
        first: float | None = None
        last, rows, grid, skip = 0.0, 0, 0, 0
        for (angle,) in signal_blocks(self.table, [ANGLE]):
            turns = unwrapped.turns(angle)
            if first is None:
                first = float(turns[0])
                step = float(turns[1] - turns[0]) if len(turns) > 1 else 0.0
                grid = round(1 / step) if 0 < step <= 0.25 else 0
                skip = round((np.ceil(first - _ON_GRID / max(grid, 1)) - first) * grid)
            if grid:
                places = turns * grid - np.round(first * grid) - np.arange(rows, rows + len(turns))
                grid = grid if np.abs(places).max() < _ON_GRID else 0
            last = float(turns[-1])
            rows += len(turns)
        if first is None or last - first <= 0:
            raise BadInput(
                "the angle never rises",
                where=f"{self.table.name}, column {ANGLE!r}",
                right="the angle of the rotor at every sample is wanted",
            )
        return (rows - 1) / (last - first), grid, skip if grid else 0


def _rising(turns: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Samples at which the angle is new: an encoder read faster than its lines pass stands still between."""
    at = np.flatnonzero(np.concatenate(([True], np.diff(turns) > 0)))
    return turns[at], at


class _Unwrapped:
    """Angles of an encoder, wrapped at 360° or not, as revolutions that only rise."""

    def __init__(self, name: str, sense: int) -> None:
        self._name, self._sense = name, sense
        self._last: float | None = None
        self._row = 0

    def turns(self, angle_deg: Floats) -> Floats:
        found = self._sense * angle_deg / 360.0
        before = found[0] if self._last is None else self._last
        steps = np.diff(found, prepend=before)
        steps -= np.round(steps)
        if (steps < 0).any():
            row = int(np.argmax(steps < 0))
            raise BadInput(
                f"the angle runs backwards, by {-360 * steps[row]:.3g}°",
                where=f"{self._name}, column {ANGLE!r}, row {self._row + row + 1}",
                right="one sense of rotation, more than two samples per revolution; rotation=cw where the angle "
                "falls throughout",
            )
        turns: Floats = before + np.cumsum(steps)
        self._last = float(turns[-1])
        self._row += len(turns)
        return turns
