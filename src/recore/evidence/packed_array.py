"""Arrays as NumPy stores them (.npy), alone or packed together (.npz), read as channels.

After NEP 1, A Simple File Format for NumPy Arrays. Python objects are never unpickled.
"""

from __future__ import annotations

import contextlib
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from recore.errors import BadInput
from recore.evidence.channels import (
    MAX_INFLATED,
    Channel,
    ChannelSource,
    Contents,
    Run,
    Window,
    clean,
    cut_short,
    is_rate,
    layout,
    run_blocks,
)
from recore.evidence.memory_table import MAX_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_HEADER = 2**16
_NUMBERS = "iuf"
_UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError)


class _Place(NamedTuple):
    member: str | None
    run: Run


class _Array(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


@dataclass(frozen=True)
class NpySource(ChannelSource):
    """One array: its channels are ch1, ch2 …, because it has no name."""

    def _contents(self) -> Contents:
        with self._stream(None) as stream:
            array = _header(stream, self.name)
            channels, places = _channels("ch" if _two_axes(array) else "ch1", array, None)
            if array.offset + array.dtype.itemsize * math.prod(array.shape) != stream.seek(0, 2):
                raise BadInput(
                    "its length is not what its head says", where=self.name, right="copy or save it again"
                )
        return Contents(tuple(channels), places=places)

    @contextmanager
    def _stream(self, member: str | None) -> Iterator[BinaryIO]:
        with self.path.open("rb") as stream:
            yield stream

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        places = [self.contents.places[position] for position in positions]
        with ExitStack() as stack:
            # channels in one frame are read together; others have a stream of their own, for a packed one
            # cannot go back
            windows: dict[tuple[str | None, int], Window] = {}
            for place in places:
                key = place.member, place.run.offset
                if key not in windows:
                    windows[key] = Window(stack.enter_context(self._stream(place.member)), self.name)
            readers = [run_blocks(windows[p.member, p.run.offset], [p.run], rows) for p in places]
            with self._readable():
                for block in zip(*readers, strict=True):
                    yield list(block)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except BadInput:
            raise
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())[:200]
            raise BadInput(
                f"is not a whole file of arrays ({reason})", where=self.name, right="copy or save it again"
            ) from None


@dataclass(frozen=True)
class NpzSource(NpySource):
    """Arrays by name. Single numbers are facts, and one called fs, sample_rate … states the sampling rate."""

    def _contents(self) -> Contents:
        with self._readable(), zipfile.ZipFile(self.path) as package:
            members = package.infolist()
            if len(members) > MAX_COLUMNS:
                raise BadInput(
                    f"packs {len(members)} files", where=self.name, right=f"at most {MAX_COLUMNS} are read"
                )
            if sum(member.file_size for member in members) > MAX_INFLATED and any(
                member.compress_type != zipfile.ZIP_STORED for member in members
            ):
                raise BadInput(
                    f"would unpack to more than {MAX_INFLATED} bytes",
                    where=self.name,
                    right="save it without compression, or as Parquet",
                )
            return self._members(package, members)

    def _members(self, package: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Contents:
        channels: list[Channel] = []
        places: list[_Place] = []
        facts: dict[str, float] = {}
        rates: list[float] = []
        for member in members:
            if not member.filename.endswith(".npy"):
                continue
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
                raise BadInput(
                    f"{clean(member.filename)!r} is encrypted or compressed in a way that is not read",
                    where=self.name,
                    right="write it with numpy.savez or numpy.savez_compressed",
                )
            name = clean(member.filename.removesuffix(".npy"))
            with package.open(member) as stream:
                array = _header(cast(BinaryIO, stream), f"{self.name}, array {name!r}")
                count = math.prod(array.shape)
                if array.offset + array.dtype.itemsize * count != member.file_size:
                    raise BadInput(
                        "its length is not what its head says",
                        where=f"{self.name}, array {name!r}",
                        right="copy or save it again",
                    )
                if array.dtype.kind in _NUMBERS and count == 1:
                    import numpy as np

                    value = float(np.frombuffer(stream.read(array.dtype.itemsize), array.dtype)[0])
                    facts[name] = value
                    if (rate := is_rate(name, value)) is not None:
                        rates.append(rate)
                    continue
            found = _channels(name, array, member.filename)
            channels += found[0]
            places += found[1]
        return Contents(tuple(channels), facts, tuple(rates), places)

    @contextmanager
    def _stream(self, member: str | None) -> Iterator[BinaryIO]:
        with zipfile.ZipFile(self.path) as package, package.open(str(member)) as stream:
            yield cast(BinaryIO, stream)


def _two_axes(array: _Array) -> bool:
    return sum(size > 1 for size in array.shape) == 2


def _header(stream: BinaryIO, where: str) -> _Array:
    import numpy as np
    from numpy.lib import format as npy

    head = stream.read(12)
    if len(head) < 12:
        raise cut_short(where)
    if head[:6] != npy.MAGIC_PREFIX:
        raise BadInput("is no array of NumPy", where=where, right="write it with numpy.save or numpy.savez")
    version, prefix = head[6], 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:prefix], "little")
    if version not in (1, 2, 3) or length > _MAX_HEADER:
        raise BadInput(
            f"has a head of {length} bytes in version {version}", where=where, right="save it again"
        )
    text = head[8:] + stream.read(prefix + length - 12)
    if len(text) < prefix - 8 + length:
        raise cut_short(where)
    read = npy.read_array_header_1_0 if version == 1 else npy.read_array_header_2_0
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            shape, fortran, dtype = read(io.BytesIO(text), max_header_size=_MAX_HEADER)
    except (
        ValueError,
        TypeError,
        SyntaxError,
        RecursionError,
        MemoryError,
        OverflowError,
        UnicodeError,
    ) as error:
        reason = " ".join(str(error).split())[:100]
        raise BadInput(f"its head cannot be read ({reason})", where=where, right="save it again") from None
    if any(size < 0 for size in shape) or (isinstance(dtype, np.dtype) and dtype.itemsize == 0):
        raise BadInput("its head cannot be read", where=where, right="save it again")
    return _Array(shape, fortran, dtype, prefix + length)


def _channels(name: str, array: _Array, member: str | None) -> tuple[list[Channel], list[_Place]]:
    kind = array.dtype
    if kind.hasobject or kind.kind in "USVOMmb":
        return [], []  # text, times and objects are no signal
    nowhere = _Place(member, Run(0, 0, 1, 0, kind))
    if kind.kind not in _NUMBERS or kind.itemsize > 8:
        why = (f"holds numbers of type {kind}", "real numbers of at most 64 bits are read")
        return [Channel(name, math.prod(array.shape), None, why)], [nowhere]
    laid = layout(name, array.shape)
    if len(laid) == 2:
        return [Channel(name, math.prod(array.shape), None, laid)], [nowhere]
    names, count, first_axis = laid
    size, width = kind.itemsize, len(names)
    # neighbours in the file are the channels of one sample, or the samples of one channel
    together = width > 1 and first_axis != array.fortran
    runs = [
        Run(array.offset, count, width * size, i * size, kind)
        if together
        else Run(array.offset + i * count * size, count, size, 0, kind)
        for i in range(width)
    ]
    return [Channel(each, count) for each in names], [_Place(member, run) for run in runs]
