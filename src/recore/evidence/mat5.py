"""MATLAB files of level 5 (versions 5 to 7), read element by element.

After The MathWorks, MAT-File Format (level 5). A file of version 7.3 is HDF5 and goes to that reader. Objects,
function handles and cells are passed over; nothing in a file is ever run.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

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
    from numpy.typing import NDArray

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_STRUCT = 2
_NUMERIC = range(6, 16)  # double … uint64
_COMPLEX, _LOGICAL = 0x08, 0x02
_DEEPEST = 8
_CHUNK = 2**18
_MAX_VARIABLES = 10_000


class _Place(NamedTuple):
    """Where values lie: in the file itself, or in the stream that a compressed element inflates to."""

    packed: tuple[int, int] | None
    run: Run


@dataclass(frozen=True)
class Mat5Source(ChannelSource):
    """Numeric arrays by name; a field of a structure is named 'bearing.gs'. Single numbers are facts."""

    def _contents(self) -> Contents:
        with self.path.open("rb") as stream:
            return _Reader(stream, self.name).contents()

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        places = [self.contents.places[position] for position in positions]
        with ExitStack() as stack:
            readers = []
            for place in places:
                stream: Any = stack.enter_context(self.path.open("rb"))
                if place.packed is not None:
                    stream = _Inflated(stream, place.packed[0], place.packed[1], self.name)
                readers.append(run_blocks(Window(stream, self.name), [place.run], rows))
            for block in zip(*readers, strict=True):
                yield list(block)


class _Inflated:
    """A compressed element as a stream that goes forward only, whatever it inflates to."""

    def __init__(self, stream: BinaryIO, offset: int, length: int, name: str) -> None:
        stream.seek(offset)
        self._stream, self._left, self._name = stream, length, name
        self._inflater = zlib.decompressobj()
        self._ready = bytearray()
        self._at = 0

    def seek(self, position: int) -> int:
        while self._at < position:
            if not self.read(min(position - self._at, _CHUNK)):
                raise cut_short(self._name)
        if self._at != position:
            raise BadInput("cannot be read backwards", where=self._name)
        return position

    def tell(self) -> int:
        return self._at

    def read(self, count: int) -> bytes:
        while len(self._ready) < count and self._more():
            pass
        data = bytes(self._ready[:count])
        del self._ready[:count]
        self._at += len(data)
        if self._at > MAX_INFLATED:
            raise BadInput(
                f"a variable unpacks to more than {MAX_INFLATED} bytes",
                where=self._name,
                right="save it without compression, or as Parquet",
            )
        return data

    def _more(self) -> bool:
        packed = self._inflater.unconsumed_tail
        if not packed:
            if self._left <= 0 or self._inflater.eof:
                return False
            packed = self._stream.read(min(self._left, _CHUNK))
            if not packed:
                raise cut_short(self._name)
            self._left -= len(packed)
        try:
            self._ready += self._inflater.decompress(packed, _CHUNK)
        except zlib.error as error:
            raise BadInput(
                f"a compressed variable is damaged ({error})", where=self._name, right="copy or save it again"
            ) from None
        return True


class _Element(NamedTuple):
    """Type, length, first byte, first byte behind it, and the data where they stand in the tag itself."""

    kind: int
    length: int
    body: int
    end: int
    small: bytes | None


class _Reader:
    """The variables of a file: one pass over their heads; values that may be wanted later are only placed."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream: Any = stream
        self.name = name
        self.packed: tuple[int, int] | None = None
        self.channels: list[Channel] = []
        self.places: list[_Place] = []
        self.facts: dict[str, float] = {}
        self.rates: list[float] = []
        self.order = "<"
        self.visited = 0

    def contents(self) -> Contents:
        head = self._read(128)
        if head[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
            text = clean(head[:40].split(b"\0")[0].decode("ascii", "replace"))
            raise BadInput(
                f"is no MATLAB file of level 5 ({text!r})",
                where=self.name,
                right="save it with save -v7 or -v7.3",
            )
        self.order = "<" if head[126:128] == b"IM" else ">"
        size = self.stream.seek(0, 2)
        position = 128
        while position < size:
            self.stream.seek(position)
            found = self._element()
            if found.body + found.length > size:
                raise cut_short(self.name)
            if found.kind == _COMPRESSED:
                self._unpack(found)
                position = found.body + found.length  # a compressed element is not padded
            else:
                if found.kind == _MATRIX:
                    self._matrix(found, "", 0)
                position = found.end
        return Contents(tuple(self.channels), self.facts, tuple(self.rates), self.places)

    def _unpack(self, outer: _Element) -> None:
        file = self.stream
        self.packed = outer.body, outer.length
        self.stream = _Inflated(file, outer.body, outer.length, self.name)
        try:
            found = self._element()
            if found.kind == _MATRIX:
                self._matrix(found, "", 0)
        finally:
            self.stream, self.packed = file, None

    def _matrix(self, outer: _Element, prefix: str, depth: int) -> None:
        """The array whose tag was just read; the stream is left anywhere within it."""
        self.visited += 1
        if self.visited > _MAX_VARIABLES or depth > _DEEPEST:
            raise BadInput(
                f"holds more than {_MAX_VARIABLES} arrays, or structures more than {_DEEPEST} deep",
                where=self.name,
                right="save the signals alone",
            )
        if not outer.length:
            return
        flags = self._small(8)
        if len(flags) < 8:
            raise self._damaged("an array without flags")
        (word,) = struct.unpack(self.order + "I", flags[:4])
        sizes = self._small(4 * 32)
        shape = struct.unpack(f"{self.order}{len(sizes) // 4}i", sizes[: len(sizes) // 4 * 4])
        if not shape or min(shape) < 0:
            raise self._damaged("a negative size")
        own = clean(self._small(256).decode("latin-1"))
        name = prefix or own
        kind, bits = word & 0xFF, word >> 8 & 0xFF
        if kind == _STRUCT and math.prod(shape) == 1:
            self._fields(outer, name, depth)
        elif kind in _NUMERIC and not bits & _LOGICAL:
            self._numbers(name, shape, bool(bits & _COMPLEX), outer.end)

    def _fields(self, outer: _Element, name: str, depth: int) -> None:
        length = self._small(4)
        width = struct.unpack(self.order + "i", length)[0] if len(length) == 4 else 0
        names = self._small(64 * MAX_COLUMNS)
        if not 0 < width <= 64 or len(names) % width:
            raise self._damaged("field names of no length")
        for start in range(0, len(names), width):
            field = clean(names[start : start + width].split(b"\0")[0].decode("latin-1"))
            found = self._element()
            if found.kind != _MATRIX or found.end > outer.end:
                raise self._damaged(f"field {field!r}")
            self._matrix(found, f"{name}.{field}", depth + 1)
            self.stream.seek(found.end)

    def _numbers(self, name: str, shape: tuple[int, ...], complex_: bool, end: int) -> None:
        import numpy as np

        found = self._element()
        count = math.prod(shape)
        if found.kind not in _TYPES:
            raise self._damaged(f"values of type {found.kind}")
        dtype = np.dtype(self.order + _TYPES[found.kind])
        if found.length != count * dtype.itemsize or found.end > end + 8:
            raise self._damaged(f"{found.length} bytes for {count} values of {name!r}")
        if count == 1 and not complex_:
            data = found.small if found.small is not None else self._read(found.length)
            value = float(np.frombuffer(data, dtype)[0])
            self.facts[name] = value
            if (rate := is_rate(name.rpartition(".")[2], value)) is not None:
                self.rates.append(rate)
            return
        laid = layout(name, shape)
        if complex_:
            laid = "holds complex numbers", "store the real part and the imaginary part on their own"
        if len(laid) == 2:
            names, rows, first_axis, refused = [name], count, True, laid
        else:
            (names, rows, first_axis), refused = laid, None
        if len(self.channels) + len(names) > MAX_COLUMNS:
            raise BadInput("has too many channels", where=self.name, right=f"at most {MAX_COLUMNS} are read")
        size = dtype.itemsize
        for i, each in enumerate(names):
            # columns lie one after another
            run = (
                Run(found.body + i * rows * size, rows, size, 0, dtype)
                if first_axis
                else Run(found.body, rows, len(names) * size, i * size, dtype)
            )
            self.channels.append(Channel(each, rows, None, refused))
            self.places.append(_Place(self.packed, run))

    def _element(self) -> _Element:
        """The tag at the place of the stream."""
        position = self.stream.tell()
        tag = self._read(8)
        kind, length = struct.unpack(self.order + "II", tag)
        if kind >> 16:  # up to four bytes stand in the tag itself
            if kind >> 16 > 4:
                raise self._damaged("a small element of more than four bytes")
            return _Element(kind & 0xFFFF, kind >> 16, position + 4, position + 8, tag[4 : 4 + (kind >> 16)])
        padded = length + -length % 8
        return _Element(kind, length, position + 8, position + 8 + padded, None)

    def _small(self, most: int) -> bytes:
        """The bytes of an element that must not be long; the stream is left behind it."""
        found = self._element()
        if found.small is not None:
            return found.small
        if found.length > most:
            raise self._damaged(f"a name or size of {found.length} bytes")
        return self._read(found.end - found.body)[: found.length]

    def _read(self, count: int) -> bytes:
        data: bytes = self.stream.read(count)
        if len(data) != count:
            raise cut_short(self.name)
        return data

    def _damaged(self, what: str) -> BadInput:
        return BadInput(f"the file is damaged ({what})", where=self.name, right="copy or save it again")
