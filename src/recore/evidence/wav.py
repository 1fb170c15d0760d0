"""Sound files: WAV of whole and floating numbers, with the 64-bit sizes of RF64 and BW64.

After IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (1991), with the
extensible format tag of Windows, and EBU Tech 3306 (RF64) and ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from recore.errors import BadInput
from recore.evidence.channels import Channel, ChannelSource, Contents, Run, Window, cut_short, run_blocks
from recore.evidence.memory_table import MAX_COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN = 0xFFFFFFFF
_MAX_CHUNKS = 10_000
# the tail of the sub-format of an extensible header, behind its two bytes of format tag
_MEDIA_GUID = bytes.fromhex("000000001000800000aa00389b71")
_TYPES = {(_PCM, 1): "u1", (_PCM, 2): "<i2", (_PCM, 3): "V3", (_PCM, 4): "<i4", (_FLOAT, 4): "<f4", (_FLOAT, 8): "<f8"}  # fmt: skip


@dataclass(frozen=True)
class WavSource(ChannelSource):
    """Channels ch1 [1], ch2 [1] … as fractions of full scale: whole numbers are divided by 2^(bits-1), numbers
    in floating point stand as they are. What full scale means is for a person to say."""

    def _contents(self) -> Contents:
        import numpy as np

        with self.path.open("rb") as stream:
            tag, channels, rate, frame, data, count = _chunks(stream, self.name)
        size = frame // channels
        dtype = np.dtype(_TYPES[tag, size])
        runs = [Run(data, count, frame, i * size, dtype) for i in range(channels)]
        return Contents(
            tuple(Channel(f"ch{i} [1]", count, float(rate)) for i in range(1, channels + 1)), places=runs
        )

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        runs = [self.contents.places[position] for position in positions]
        with self.path.open("rb") as stream:
            window = Window(stream, self.name)
            for block in zip(*(run_blocks(window, [run], rows) for run in runs), strict=True):
                yield [_full_scale(values) for values in block]


def _full_scale(values: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    if values.dtype.kind == "f":
        return values
    if values.dtype.kind == "u":  # eight bits are stored with an offset
        return (values.astype(np.float32) - 128) / 128
    if values.dtype.kind == "V":
        wide = np.zeros((len(values), 4), np.uint8)
        wide[:, 1:] = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 3)
        values = wide.view("<i4")[:, 0]
    bits = values.dtype.itemsize * 8
    # a float holds 24 bits, a double all 32
    wider: NDArray[Any] = values.astype(np.float32 if bits == 16 else np.float64)
    fractions: NDArray[Any] = np.ldexp(wider, 1 - bits)
    return fractions


def _chunks(stream: BinaryIO, name: str) -> tuple[int, int, int, int, int, int]:
    """Format tag, channels, rate [Hz], bytes per frame, offset of the samples, and their count."""
    size = stream.seek(0, 2)
    stream.seek(0)
    kind, _, form = _unpacked(stream, "<4sI4s", name)
    if kind == b"RIFX":
        raise BadInput("is a big-endian RIFX file", where=name, right="save it as WAV")
    if kind not in (b"RIFF", b"RF64", b"BW64") or form != b"WAVE":
        raise BadInput("is something else, though its name ends in .wav", where=name, right="save it as WAV")
    described: tuple[int, int, int, int] | None = None
    long_size: int | None = None
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > size:
            break
        stream.seek(position)
        chunk, length = _unpacked(stream, "<4sI", name)
        body = position + 8
        if chunk == b"ds64" and kind != b"RIFF":
            _, long_size, _ = _unpacked(stream, "<QQQ", name)
        elif chunk == b"fmt ":
            described = _format(stream, length, name)
        elif chunk == b"data":
            if described is None:
                raise BadInput("the samples stand before their format", where=name, right="export it again")
            if kind != b"RIFF" and length == _UNKNOWN:
                if long_size is None:
                    raise BadInput("states no length of its data", where=name, right="export it again")
                length = long_size
            if body + length > size:
                raise cut_short(name)
            if length % described[3]:
                raise BadInput(
                    f"{length} bytes are no whole number of samples of {described[3]} bytes",
                    where=name,
                    right="copy or export it again",
                )
            return *described, body, length // described[3]
        position = body + length + length % 2
    raise BadInput("has no data chunk", where=name, right="copy or export it again")


def _format(stream: BinaryIO, length: int, name: str) -> tuple[int, int, int, int]:
    if length < 16:
        raise BadInput("its format is cut short", where=name, right="copy or export it again")
    tag, channels, rate, _, frame, bits = _unpacked(stream, "<HHIIHH", name)
    valid = bits
    if tag == _EXTENSIBLE:
        if length < 40:
            raise BadInput("its format is cut short", where=name, right="copy or export it again")
        _, valid, _, tag, guid = _unpacked(stream, "<HHIH14s", name)
        if guid != _MEDIA_GUID:
            tag = 0
    if tag not in (_PCM, _FLOAT):
        raise BadInput(
            f"its samples are compressed or coded (format {tag})", where=name, right="save it as PCM or float"
        )
    if not (channels and rate):
        raise BadInput(f"has {channels} channels at {rate} Hz", where=name, right="export it again")
    if channels > MAX_COLUMNS:
        raise BadInput(f"has {channels} channels", where=name, right=f"at most {MAX_COLUMNS} are read")
    # samples of 12 or 20 bits stand left-justified in whole bytes
    if (
        frame % channels
        or (tag, frame // channels) not in _TYPES
        or not 0 < valid <= bits <= frame // channels * 8
    ):
        raise BadInput(
            f"has samples of {bits} bits in frames of {frame} bytes for {channels} channels",
            where=name,
            right="8, 16, 24 or 32 bits, or floating point of 32 or 64, are read",
        )
    return tag, channels, rate, frame


def _unpacked(stream: BinaryIO, form: str, name: str) -> tuple[Any, ...]:
    data = stream.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise cut_short(name)
    return struct.unpack(form, data)
