"""A machine that contours a circle, in the time domain: axes with play, lag and friction, and a bar that measures.

Another formulation than the diagnosis: nothing here is a term of the radius; positions follow from commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FINE = 8


@dataclass(frozen=True)
class Axis:
    """Faults of one axis [mm, s]."""

    play: float = 0.0
    scale: float = 0.0
    lag: float = 0.0
    stiction: float = 0.0
    stick_relax: float = 0.02
    sideways: float = 0.0
    bow: float = 0.0
    cyclic: float = 0.0
    pitch: float = 10.0


@dataclass(frozen=True)
class Machine:
    """Two axes, the angle between them, and where the bar's centre ball stands [mm, rad]."""

    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    shear: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    radius: float = 100.0
    feed: float = 2000.0

    def contour(
        self, sense: int, count: int, arc: tuple[float, float] = (0.0, 2 * np.pi)
    ) -> tuple[Floats, Floats]:
        """Commanded angles [deg] and radius deviations [µm] of one pass; the axes run in by a whole turn before."""
        omega = self.feed / 60 / self.radius
        # FINE positions between two readings, half a step aside, so that no reading falls on a reversal
        many = FINE * count
        step = 2 * np.pi / many
        turn = sense * ((np.arange(-many, many) + FINE / 2) * step)
        time = sense * turn / omega

        def command_x(t: Floats) -> Floats:
            return self.radius * np.cos(omega * t)

        def command_y(t: Floats) -> Floats:
            return sense * self.radius * np.sin(omega * t)

        x, side_x = self._axis(self.x, command_x(time - self.x.lag), time)
        y, side_y = self._axis(self.y, command_y(time - self.y.lag), time)
        moved_x = x + self.y.bow * (y / self.radius) ** 2 - self.y.sideways / 2 * side_y
        moved_y = y + self.x.bow * (x / self.radius) ** 2 - self.x.sideways / 2 * side_x
        moved_x = moved_x - self.shear * moved_y
        radius = np.hypot(moved_x + self.centre[0], moved_y + self.centre[1])
        kept = (
            (np.arange(len(turn)) >= many)
            & (np.arange(len(turn)) % FINE == 0)
            & (np.mod(turn, 2 * np.pi) >= arc[0])
            & (np.mod(turn, 2 * np.pi) < arc[1])
        )
        return np.degrees(np.mod(turn, 2 * np.pi))[kept], 1000 * (radius - self.radius)[kept]

    @staticmethod
    def _axis(axis: Axis, command: Floats, time: Floats) -> tuple[Floats, Floats]:
        """Actual position and direction of travel: a nut with play, then friction that holds the slide after each
        reversal until the drive has wound up, and lets it creep back."""
        position = command.copy()
        if axis.play:
            # a nut: between two reversals it follows, after each it waits until the play is taken up
            at = command[0]
            for i, wanted in enumerate(command.tolist()):
                at = min(max(at, wanted - axis.play / 2), wanted + axis.play / 2)
                position[i] = at
        moved = np.sign(np.diff(position, prepend=2 * position[0] - position[1]))
        known = np.maximum.accumulate(np.where(moved != 0, np.arange(len(moved)), 0))
        side = moved[known]
        if axis.stiction:
            turned = np.flatnonzero(np.diff(side) != 0) + 1
            for start in turned:
                since = time[start:] - time[start]
                held = np.minimum(np.abs(command[start:] - command[start]), axis.stiction)
                free = since - since[int(np.argmax(held >= axis.stiction))]
                position[start:] -= side[start] * np.where(
                    free < 0, held, axis.stiction * np.exp(-np.maximum(free, 0) / axis.stick_relax)
                )
        position = position * (1 + axis.scale) + axis.cyclic * np.sin(2 * np.pi * position / axis.pitch)
        return position, side
