"""What the files of signals have in common: named channels, their rates, and values read block by block."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from recore.errors import BadInput, visible
from recore.evidence.column import Column, folded, units_of
from recore.evidence.memory_table import MAX_COLUMNS, check_names
from recore.quantity import CURRENCIES, convert, kind_of, unit_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# a packed file may not grow beyond this when it is read: a megabyte can declare a terabyte of zeros
MAX_INFLATED = 2**31
_BLOCK = 2**22
_SAME_RATE = 1e-9
_LONGEST_NAME = 200

# names of a scalar or an attribute that states the sampling of all arrays beside it
_RATES = frozenset(
    [
        "fs",
        "rate_hz",
        "sr",
        "f_s",
        "samplerate",
        "sample_rate",
        "sampling_rate",
        "samplingrate",
        "sampling_frequency",
        "sample_frequency",
    ]
)
_STEPS = frozenset(
    ["dt", "delta_t", "sampling_interval", "sample_interval", "sampling_period", "wf_increment"]
)
# labels that instruments write, beside those that `unit_of` knows
_LABELS = {
    "volt": "V", "volts": "V", "micron": "µm", "microns": "µm", "seconds": "s", "second": "s", "hertz": "Hz",
    "gn": "g_n", "g's": "g_n", "m/sec^2": "m/s²", "m/sec2": "m/s²", "m/s^2": "m/s²", "m/s**2": "m/s²",
    "degrees c": "°C", "deg c": "°C",
}  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """One channel of a file.

    Parameters
    ----------
    name : name of its column
    rows : samples
    rate_hz : samples per second, None where the file does not say
    refused : why its values are not read, with what would be right; None where they are
    """

    name: str
    rows: int
    rate_hz: float | None = None
    refused: tuple[str, str] | None = None


@dataclass(frozen=True)
class Contents:
    """What the head of a file told: channels, single numbers beside them, and where the values lie."""

    channels: tuple[Channel, ...]
    facts: Mapping[str, float] = field(default_factory=dict)
    rates: tuple[float, ...] = ()
    places: Sequence[Any] = ()


@dataclass(frozen=True)
class ChannelSource:
    """A file of channels; nothing but its head is read before a column is asked for."""

    path: Path
    name: str

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "name": self.name}

    def _contents(self) -> Contents:
        raise NotImplementedError

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        """Equally long blocks of at most `rows` values of channels that are equally long."""
        raise NotImplementedError

    @cached_property
    def contents(self) -> Contents:
        """What the head of the file told."""
        found = self._contents()
        if not found.channels:
            raise BadInput(
                "holds no channel of numbers", where=self.name, right="at least one signal is wanted"
            )
        check_names([channel.name for channel in found.channels], self.name)
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.contents.channels)

    @property
    def facts(self) -> Mapping[str, float]:
        return self.contents.facts

    @property
    def rates(self) -> tuple[float, ...]:
        """Every sampling rate that the file states [Hz], each once."""
        stated = [c.rate_hz for c in self.contents.channels if c.rate_hz is not None]
        different: list[float] = []
        for rate in [*self.contents.rates, *stated]:
            if all(abs(rate - other) > _SAME_RATE * other for other in different):
                different.append(rate)
        return tuple(different)

    @property
    def rate_hz(self) -> float | None:
        """The rate of every channel; None where they differ, or where one of another length states none."""
        rates, channels = self.rates, self.contents.channels
        if len(rates) != 1:
            return None
        if self.contents.rates:
            return rates[0]
        told = {channel.rows for channel in channels if channel.rate_hz is not None}
        return rates[0] if all(channel.rows in told for channel in channels) else None

    def rate_of(self, position: int) -> float | None:
        """The rate of one channel [Hz], None where the file does not say."""
        own = self.contents.channels[position].rate_hz
        return own if own is not None else self.rate_hz

    def part_rows(self) -> list[int] | None:
        lengths = {channel.rows for channel in self.contents.channels}
        return [lengths.pop()] if len(lengths) == 1 else None

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        import pyarrow as pa

        positions = [column.position for column in wanted]
        once = list(dict.fromkeys(positions))
        self._check_together(once)
        for block in self._blocks(once, rows):
            arrays = [pa.array(_plain(values)) for values in block]
            yield [arrays[once.index(position)] for position in positions]

    def constant(self, position: int, part: int) -> pa.Array | None:
        return None

    def raw(self, positions: Sequence[int]) -> pa.Table:
        import pyarrow as pa

        names = [self.columns[position] for position in positions]
        columns = [Column(name, name, "float", at) for name, at in zip(names, positions, strict=True)]
        blocks = list(self.scan(columns, None, 2**17))
        if not blocks:
            return pa.table([pa.array([], pa.float64()) for _ in names], names=names)
        return pa.table(
            [pa.chunked_array([block[i] for block in blocks]) for i in range(len(names))], names=names
        )

    def place(self, row: int) -> str:
        return f"sample {row + 1}"

    def _check_together(self, positions: Sequence[int]) -> None:
        channels = [self.contents.channels[position] for position in positions]
        for channel in channels:
            if channel.refused is not None:
                what, right = channel.refused
                raise BadInput(what, where=f"{self.name}, channel {channel.name!r}", right=right)
        if len({channel.rows for channel in channels}) > 1:
            listed = ", ".join(f"{channel.name}: {channel.rows}" for channel in channels[:20])
            raise BadInput(
                f"the channels differ in length ({listed})",
                where=self.name,
                right="channels that were sampled together are wanted; name them with channels",
            )
        rates = {channel.rate_hz for channel in channels if channel.rate_hz is not None}
        if rates and max(rates) - min(rates) > _SAME_RATE * max(rates):
            listed = ", ".join(
                f"{channel.name}: {channel.rate_hz:.9g} Hz" for channel in channels[:20] if channel.rate_hz
            )
            raise BadInput(
                f"the channels differ in sampling rate ({listed})",
                where=self.name,
                right="channels that were sampled together are wanted; name them with channels",
            )


@dataclass(frozen=True, slots=True)
class Run:
    """Values that lie in equally long frames of a file.

    Parameters
    ----------
    offset : first byte of the first frame
    count : frames
    frame : bytes of a frame
    at : byte of the value in its frame
    dtype : type of the value, with its byte order
    repeats, apart : how often that run stands in the file, and how many bytes apart
    """

    offset: int
    count: int
    frame: int
    at: int
    dtype: np.dtype[Any]
    repeats: int = 1
    apart: int = 0


class Window:
    """Frames of a stream, of which the ones read last are kept: the channels of one frame are read once."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream, self.name = stream, name
        self._key = (0, 0)
        self._kept = b""

    def read(self, offset: int, count: int) -> bytes:
        if self._key != (offset, count):
            self.stream.seek(offset)
            data = self.stream.read(count)
            if len(data) != count:
                raise cut_short(self.name)
            self._key, self._kept = (offset, count), data
        return self._kept


def run_blocks(window: Window, runs: Sequence[Run], rows: int) -> Iterator[NDArray[Any]]:
    """The values of runs one after another, in blocks of `rows` but for the last; own memory each."""
    import numpy as np

    kind = np.result_type(*{run.dtype.newbyteorder("=") for run in runs}) if runs else np.dtype(float)
    pieces: list[NDArray[Any]] = []
    held = 0
    for piece in _pieces(window, runs, rows):
        while piece.size:
            head = piece[: rows - held]
            pieces.append(head.astype(kind))
            held += head.size
            piece = piece[head.size :]
            if held == rows:
                yield np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
                pieces, held = [], 0
    if held:
        yield np.concatenate(pieces)


def _pieces(window: Window, runs: Sequence[Run], rows: int) -> Iterator[NDArray[Any]]:
    import numpy as np

    for run in runs:
        most = max(1, min(rows, _BLOCK // run.frame))
        for repeat in range(run.repeats):
            start = run.offset + repeat * run.apart
            for first in range(0, run.count, most):
                count = min(most, run.count - first)
                data = window.read(start + first * run.frame, count * run.frame)
                yield np.ndarray(count, run.dtype, data, run.at, (run.frame,))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers as Arrow takes them: in the byte order of the machine, and none in half precision."""
    import numpy as np

    if values.dtype == np.float16:
        return values.astype(np.float32)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def cut_short(name: str) -> BadInput:
    """A file that ends before what its head announces."""
    return BadInput("the file is cut short", where=name, right="copy or export it again")


def is_rate(name: str, value: float) -> float | None:
    """The sampling rate [Hz] that a number of this name states, None where it states none.

    Names are compared without regard to case: fs, sr, rate_hz, sample_rate, sampling_rate, sampling_frequency … [Hz, or
    as in fs_khz], and dt, sampling_interval, sampling_period, wf_increment … [s, or as in dt_ms]. A mere 'rate'
    is left alone: it is as often the speed of a shaft.
    """
    import math

    if not (math.isfinite(value) and value > 0):
        return None
    stem, units = units_of(name)
    word = folded(name) if folded(name) in _RATES | _STEPS else folded(stem)
    unit = units[0] if units and word != folded(name) else None
    if word in _RATES and (unit is None or kind_of(unit) == "frequency"):
        rate = float(convert(value, unit, "Hz")) if unit else value
    elif word in _STEPS and (unit is None or kind_of(unit) == "time"):
        rate = 1 / float(convert(value, unit, "s")) if unit else 1 / value
    else:
        return None
    return rate if math.isfinite(rate) and rate > 0 else None


def with_unit(name: str, label: str) -> str:
    """A channel's name with the unit that its file states, 'Probe 1 [µm]'.

    A unit that is not known stands in the brackets too: such a channel is never taken for one in another unit.
    """
    label = clean(label)
    if not label or label.lower() in ("none", "unknown", "n/a", "-"):
        return name
    if label in ("g", "G"):  # the gram or the acceleration of free fall: the column that is asked for decides
        return f"{name}_g"
    try:
        unit = unit_of(_LABELS.get(label.lower(), label))
    except BadInput:
        return f"{name} [{clean(re.sub(r'[][()]', ' ', label))}]"
    if unit in CURRENCIES:
        return f"{name} [{label.lower()}]"
    units = units_of(name)[1]
    # 'p1_um' in µm says it already
    return name if unit in units else f"{name} [{unit}]"


def clean(text: str) -> str:
    """A name or label from a file, on one line and without what cannot be seen."""
    return " ".join(visible(text).split())[:_LONGEST_NAME]


def short_names(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """The last word of each path where no other has the same, else all its words as in 'group/channel'."""
    last = Counter(folded(path[-1]) for path in paths)
    return [path[-1] if last[folded(path[-1])] == 1 else "/".join(path) for path in paths]


def numbered(name: str, count: int) -> list[str]:
    """Names for the channels of one array: 'signal_um' gives signal1_um, signal2_um …"""
    stem, _ = units_of(name)
    ending = name[len(stem) :] if name.startswith(stem) else ""
    if not ending:
        stem = name
    gap = "_" if stem[-1:].isdigit() else ""
    return [f"{stem}{gap}{i}{ending}" for i in range(1, count + 1)]


def layout(name: str, shape: Sequence[int]) -> tuple[list[str], int, bool] | tuple[str, str]:
    """How an array becomes channels: their names, their length, whether time runs along the first axis;
    or why it does not, and what would be right.

    Time runs along the longer axis of two.
    """
    long = [size for size in shape if size != 1]
    if 0 in shape:
        return ([name], 0, True)
    if len(long) <= 1:
        first = not long or shape[0] == long[0] or len(shape) == 1
        return [name], long[0] if long else 1, first
    if len(shape) > 2:
        return f"has {len(shape)} dimensions", "one or two are read; reshape it to [channel, sample]"
    if shape[0] == shape[1]:
        return (
            f"has {shape[0]} × {shape[1]} values: which are channels and which are samples cannot be told",
            "store each channel by its own name",
        )
    if min(shape) > MAX_COLUMNS:
        return f"has {min(shape)} channels", f"at most {MAX_COLUMNS} are read"
    return numbered(name, min(shape)), max(shape), shape[0] > shape[1]
