"""HDF5 files, and MATLAB files of version 7.3, which are HDF5: datasets of numbers as channels.

libhdf5 is never called in this process. A few damaged bytes can keep it busy without end or make it crash, so
each reading has a process of its own that is bounded in CPU time, memory and time of the day, and can open
nothing but the one file (`hdf5_process`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recore.evidence.channels import Channel, ChannelSource, Contents
from recore.evidence.hdf5_process import reading
from recore.evidence.hdf5_walk import Place

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Hdf5Source(ChannelSource):
    """Datasets of one or two axes. The rate is an attribute of the dataset, of a group above it, or a single
    number beside it, called sample_rate, fs, dt, wf_increment …; the unit is an attribute 'unit' or 'units'."""

    def _contents(self) -> Contents:
        with reading(self.path, self.name, {"task": "contents"}) as answers:
            ((told, _),) = answers
        return Contents(
            tuple(
                Channel(name, rows, rate, None if refused is None else (refused[0], refused[1]))
                for name, rows, rate, refused in told["channels"]
            ),
            told["facts"],
            tuple(told["rates"]),
            [Place(path, tuple(shape), axis, nth) for path, shape, axis, nth in told["places"]],
        )

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        places = [self.contents.places[position] for position in positions]
        count = self.contents.channels[positions[0]].rows
        shapes = {place.path: place.axes for place in places}
        task = {"task": "blocks", "places": places, "count": count, "rows": rows}
        wanted = 8 * sum(math.prod(shape) for shape in shapes.values())
        with reading(self.path, self.name, task, wanted) as answers:
            for _, arrays in answers:
                yield arrays
