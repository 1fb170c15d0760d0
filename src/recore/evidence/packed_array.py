"""Arrays as NumPy stores them (.npy), alone or packed together (.npz), read as channels.

After NEP 1, A Simple File Format for NumPy Arrays. Python objects are never unpickled.
"""

from __future__ import annotations

import ast
import math
import re
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

_MAX_HEADER = 10_000
_REAL = "iuf"
_NUMBER = re.compile(r"[<>|=][iufc][0-9]{1,2}")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError)


class _Place(NamedTuple):
    member: str | None
    run: Run


class _Array(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any] | None
    offset: int


@dataclass(frozen=True)
class NpySource(ChannelSource):
    """One array: its channels are ch1, ch2 …, because it has no name."""

    def _contents(self) -> Contents:
        with self._stream(None) as stream:
            array = _header(stream, self.name)
            channels, places = _channels("ch" if _two_axes(array) else "ch1", array, None)
            size = array.dtype.itemsize * math.prod(array.shape) if array.dtype is not None else 0
            if channels and array.offset + size != stream.seek(0, 2):
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
                if array.dtype is None:
                    continue
                if array.offset + array.dtype.itemsize * count != member.file_size:
                    raise BadInput(
                        "its length is not what its head says",
                        where=f"{self.name}, array {name!r}",
                        right="copy or save it again",
                    )
                if array.dtype.kind in _REAL and count == 1 and array.dtype.itemsize <= 8:
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

    head = stream.read(12)
    if len(head) < 12:
        raise cut_short(where)
    if head[:6] != b"\x93NUMPY":
        raise BadInput("is no array of NumPy", where=where, right="write it with numpy.save or numpy.savez")
    version, prefix = head[6], 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:prefix], "little")
    if version not in (1, 2, 3) or length > _MAX_HEADER:
        raise BadInput(
            f"has a head of {length} bytes in version {version}", where=where, right="save it again"
        )
    text = head[8:] + stream.read(max(prefix + length - 12, 0))
    if len(text) < prefix - 8 + length:
        raise cut_short(where)
    try:
        # NumPy's own reader does the same, behind a rewriting of what Python 2 wrote that can fail in more ways
        told = ast.literal_eval(text[prefix - 8 :].decode("latin-1").strip())
        shape, fortran, kind = told["shape"], told["fortran_order"], told["descr"]
        dtype = np.dtype(kind) if isinstance(kind, str) and _NUMBER.fullmatch(kind) else None
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError):
        raise _bad_header(where) from None
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise _bad_header(where)
    if not isinstance(fortran, bool):
        raise _bad_header(where)
    return _Array(shape, fortran, dtype, prefix + length)


def _bad_header(where: str) -> BadInput:
    return BadInput("its head cannot be read", where=where, right="save it again")


def _channels(name: str, array: _Array, member: str | None) -> tuple[list[Channel], list[_Place]]:
    kind = array.dtype
    if kind is None:
        return [], []  # text, times and objects are no signal
    nowhere = _Place(member, Run(0, 0, 1, 0, kind))
    if kind.kind not in _REAL or kind.itemsize > 8:
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
