"""TDMS files of LabVIEW and its relatives, segment by segment.

After National Instruments, TDMS File Format Internal Structure. The index file beside a TDMS file is not needed.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from recore.errors import BadInput
from recore.evidence.channels import (
    Channel,
    ChannelSource,
    Contents,
    Run,
    Window,
    clean,
    cut_short,
    run_blocks,
    short_names,
    with_unit,
)
from recore.evidence.memory_table import MAX_COLUMNS
from recore.evidence.tdms_scale import Scale, scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAD_IN = 28
_META, _NEW, _RAW, _INTERLEAVED, _BIG_ENDIAN, _DAQMX = 0x02, 0x04, 0x08, 0x20, 0x40, 0x80
_NOT_CLOSED = 2**64 - 1
_NO_DATA, _AS_BEFORE = 0xFFFFFFFF, 0
# format changing scaler and digital line scaler: the head of the index, and the bytes of a scaler
_DAQMX_INDEX = {0x1269: 20, 0x126A: 17, 0x1369: 17}
_DAQMX_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
_STRING, _BOOLEAN, _TIME, _DAQMX_RAW = 0x20, 0x21, 0x44, 0xFFFFFFFF
# type → code of struct and NumPy; the same with a unit
_NUMBERS = {1: "i1", 2: "i2", 3: "i4", 4: "i8", 5: "u1", 6: "u2", 7: "u4", 8: "u8", 9: "f4", 10: "f8", 0x19: "f4", 0x1A: "f8"}  # fmt: skip
_OTHER_SIZES = {0: 1, _BOOLEAN: 1, 11: 16, 0x1B: 16, _TIME: 16, 0x08000C: 8, 0x10000D: 16}
_MAX_META = 2**27
_MAX_SEGMENTS = 10**6
_MAX_DEVICES = 256
_MAX_RUNS = 2**21
_PATH = re.compile(r"/'((?:[^']|'')*)'(?:/'((?:[^']|'')*)')?")


@dataclass(slots=True)
class _Object:
    """What is known of a channel, a group or the file itself so far."""

    properties: dict[str, Any] = field(default_factory=dict)
    type: int | None = None
    count: int = 0
    size: int = 0
    runs: list[Run] = field(default_factory=list)
    rows: int = 0
    scaler: _Scaler | None = None
    widths: tuple[int, ...] = ()
    unknown: bool = False  # some of its values could not be placed


class _Scaler(NamedTuple):
    """Where a DAQmx channel stands among the bytes of a device, and the number of the scale that takes it."""

    dtype: str
    buffer: int
    at: int
    scale: int


@dataclass(frozen=True)
class TdmsSource(ChannelSource):
    """Channels of all groups, 'group/channel' where two have one name; the rate is 1/wf_increment, the unit
    unit_string. Raw counts are scaled as the file says; a scale that is not known refuses the channel."""

    def _contents(self) -> Contents:
        with self.path.open("rb") as stream:
            return _Reader(stream, self.name).contents()

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        places: list[tuple[list[Run], Scale | None]] = [self.contents.places[i] for i in positions]
        with self.path.open("rb") as stream:
            window = Window(stream, self.name)
            for block in zip(*(run_blocks(window, runs, rows) for runs, _ in places), strict=True):
                yield [
                    values if scale is None else scale(values)
                    for values, (_, scale) in zip(block, places, strict=True)
                ]


class _Reader:
    """One pass over the lead-ins and the metadata of a file."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream, self.name = stream, name
        self.objects: dict[str, _Object] = {}
        self.active: dict[str, None] = {}  # in order of their values
        self.runs = 0

    def contents(self) -> Contents:
        size = self.stream.seek(0, 2)
        position = 0
        for number in range(_MAX_SEGMENTS + 1):
            if position == size:
                break
            if number == _MAX_SEGMENTS:
                raise BadInput(
                    f"has more than {_MAX_SEGMENTS} segments", where=self.name, right="defragment the file"
                )
            position = self._segment(position, size)
        paths, found = [], []
        for path, thing in self.objects.items():
            group, channel = self._path(path)
            if channel is not None and thing.type is not None:
                paths.append((clean(group), clean(channel)))
                found.append((thing, self.objects.get(_quoted(group), _Object())))
        root = self.objects.get("/", _Object())
        channels, places = [], []
        for word, (thing, group_) in zip(short_names(paths), found, strict=True):
            own = thing.properties
            levels = [own, group_.properties, root.properties]
            scale, refused = scale_of(levels, thing.scaler.scale if thing.scaler else None)
            if thing.type == _DAQMX_RAW:
                if thing.unknown:
                    refused = (
                        "holds digital lines or several raw counts of DAQmx at once",
                        "export it from LabVIEW or DIAdem as scaled values",
                    )
            elif thing.type not in _NUMBERS:
                if thing.type in (_STRING, _TIME, _BOOLEAN, 0):
                    continue
                refused = f"holds values of type {thing.type}", "real numbers of at most 64 bits are read"
            unit = own.get("unit_string")
            channels.append(
                Channel(
                    with_unit(word, unit) if isinstance(unit, str) else word,
                    thing.rows,
                    _rate(own),
                    refused,
                )
            )
            places.append((thing.runs, scale))
        return Contents(tuple(channels), places=places)

    def _segment(self, position: int, size: int) -> int:
        self.stream.seek(position)
        lead = self._read(_LEAD_IN)
        if lead[:4] != b"TDSm":
            raise BadInput(
                f"no segment begins at byte {position}", where=self.name, right="copy or export it again"
            )
        (toc,) = struct.unpack("<I", lead[4:8])
        order = ">" if toc & _BIG_ENDIAN else "<"
        following: int
        raw: int
        _, following, raw = struct.unpack(order + "IQQ", lead[8:])
        if following == _NOT_CLOSED:
            raise BadInput(
                "was not closed by the program that wrote it",
                where=self.name,
                right="open and save it in that program",
            )
        start = position + _LEAD_IN
        if raw > following:
            raise self._damaged("a segment whose values begin behind its end")
        if start + following > size:
            raise cut_short(self.name)
        if toc & _META:
            if raw > _MAX_META:
                raise BadInput(
                    f"has metadata of {raw} bytes", where=self.name, right=f"at most {_MAX_META} are read"
                )
            if toc & _NEW:
                self.active = {}
            _Metadata(self, self._read(raw), order).take()
        if toc & _RAW:
            self._place(start + raw, following - raw, toc, order)
        elif following > raw:
            raise self._damaged("values in a segment that says it has none")
        return start + following

    def _place(self, start: int, length: int, toc: int, order: str) -> None:
        """Note where the values of the active channels lie in a segment."""
        import numpy as np

        self.runs += len(self.active)
        if self.runs > _MAX_RUNS:
            raise BadInput("lies in too many pieces", where=self.name, right="defragment the file")
        active = [self.objects[path] for path in self.active]
        active = [thing for thing in active if thing.type is not None and thing.count]
        if toc & _DAQMX:
            self._place_daqmx(active, start, length, order)
            return
        if any(thing.type == _DAQMX_RAW for thing in active):
            raise self._damaged("DAQmx channels in a segment of others")
        chunk = sum(thing.size for thing in active)
        if not chunk:
            if length:
                raise self._damaged("values of no channel")
            return
        if length % chunk:
            raise self._damaged(f"a segment of {length} bytes where chunks have {chunk}")
        chunks = length // chunk
        if toc & _INTERLEAVED and len({thing.count for thing in active}) > 1:
            raise self._damaged("interleaved channels of different length")
        at = 0
        for thing in active:
            thing.rows += thing.count * chunks
            width = thing.size // thing.count
            if chunks and thing.type in _NUMBERS:
                dtype = np.dtype(order + _NUMBERS[thing.type])
                if toc & _INTERLEAVED:
                    frame = chunk // thing.count
                    thing.runs.append(Run(start, thing.count * chunks, frame, at, dtype))
                elif thing.count == 1:
                    thing.runs.append(Run(start, chunks, chunk, at, dtype))
                else:
                    thing.runs.append(Run(start + at, thing.count, width, 0, dtype, chunks, chunk))
            at += width if toc & _INTERLEAVED or thing.count == 1 else thing.size

    def _place_daqmx(self, active: Sequence[_Object], start: int, length: int, order: str) -> None:
        """Channels of DAQmx: the samples of each device lie together, one device after another."""
        import numpy as np

        if any(thing.type != _DAQMX_RAW for thing in active) or len({t.widths for t in active}) > 1:
            raise self._damaged("channels of DAQmx that do not fit together")
        if not active:
            if length:
                raise self._damaged("values of no channel")
            return
        widths = active[0].widths
        counts = [
            max((t.count for t in active if t.scaler is not None and t.scaler.buffer == i), default=0)
            for i in range(len(widths))
        ]
        chunk = sum(count * width for count, width in zip(counts, widths, strict=True))
        if any(thing.scaler is None for thing in active):
            for thing in active:  # where the others stand is not known either
                thing.unknown = True
            return
        if not chunk or length % chunk:
            raise self._damaged(f"a segment of {length} bytes where chunks have {chunk}")
        for thing in active:
            if thing.scaler is None:
                continue
            dtype = np.dtype(order + thing.scaler.dtype)
            width = widths[thing.scaler.buffer]
            before = sum(counts[i] * widths[i] for i in range(thing.scaler.buffer))
            thing.rows += thing.count * (length // chunk)
            if length:
                thing.runs.append(
                    Run(start + before, thing.count, width, thing.scaler.at, dtype, length // chunk, chunk)
                )

    def _path(self, path: str) -> tuple[str, str | None]:
        match = _PATH.fullmatch(path)
        if match is None:
            if path == "/":
                return "", None
            raise self._damaged(f"an object called {path[:60]!r}")
        words = [None if word is None else word.replace("''", "'") for word in match.groups()]
        return words[0] or "", words[1]

    def _read(self, count: int) -> bytes:
        data = self.stream.read(count)
        if len(data) != count:
            raise cut_short(self.name)
        return data

    def _damaged(self, what: str) -> BadInput:
        return BadInput(
            f"the file is damaged: {clean(what)}", where=self.name, right="copy or export it again"
        )


class _Metadata:
    """The metadata of one segment, read from memory."""

    def __init__(self, reader: _Reader, data: bytes, order: str) -> None:
        self.reader, self.data, self.order = reader, data, order
        self.at = 0

    def take(self) -> None:
        for _ in range(self._u32()):
            path = self._string()
            known = self.reader.objects.get(path)
            if known is None:
                if len(self.reader.objects) >= 2 * MAX_COLUMNS:
                    raise BadInput(
                        "has too many channels",
                        where=self.reader.name,
                        right=f"at most {MAX_COLUMNS} are read",
                    )
                known = self.reader.objects[path] = _Object()
            self._index(path, known)
            for _ in range(self._u32()):
                key = self._string()
                known.properties[key] = self._value(self._u32())
                if len(known.properties) > 10_000:
                    raise self.reader._damaged("an object of more than 10000 properties")

    def _index(self, path: str, known: _Object) -> None:
        """Where the values of an object stand in each chunk from now on."""
        index = self._u32()
        active = self.reader.active
        if index == _NO_DATA:
            active.pop(path, None)
            return
        if index in _DAQMX_INDEX:
            self._daqmx(known, _DAQMX_INDEX[index])
        elif index != _AS_BEFORE:
            kind, dimensions, count = self._unpack("IIQ")
            if dimensions != 1:
                raise self.reader._damaged(f"values of {dimensions} dimensions")
            if kind == _STRING:
                (size,) = self._unpack("Q")
            elif kind in _NUMBERS:
                size = count * int(_NUMBERS[kind][1])
            elif kind in _OTHER_SIZES:
                size = count * _OTHER_SIZES[kind]
            else:
                raise self.reader._damaged(f"values of type {kind}")
            if known.rows and (kind in _NUMBERS) != (known.type in _NUMBERS):
                raise self.reader._damaged("a channel that changes from numbers to something else")
            known.type, known.count, known.size = kind, count, size
        elif known.type is None:
            raise self.reader._damaged("values laid out as before, where nothing was before")
        active[path] = None

    def _daqmx(self, known: _Object, scaler_bytes: int) -> None:
        _, _, count, scalers = self._unpack("IIQI")
        found = None
        if scalers == 1 and scaler_bytes == 20:
            kind, buffer, at, _, scale = self._unpack("IIIII")
            if kind < len(_DAQMX_TYPES):
                found = _Scaler(_DAQMX_TYPES[kind], buffer, at, scale)
        else:
            self._skip(scaler_bytes * scalers)
        (number,) = self._unpack("I")
        if number > _MAX_DEVICES:
            raise self.reader._damaged(f"DAQmx values of {number} devices")
        widths = self._unpack(f"{number}I")
        if found is not None and (
            found.buffer >= number or found.at + int(found.dtype[1]) > widths[found.buffer]
        ):
            raise self.reader._damaged("DAQmx values beyond the samples of their device")
        if known.rows and known.type != _DAQMX_RAW:
            raise self.reader._damaged("a channel that changes to DAQmx")
        before = known.scaler
        # one channel has one scale throughout
        known.unknown |= found is None or (before is not None and before.scale != found.scale)
        known.type, known.count, known.size = _DAQMX_RAW, count, 0
        known.scaler, known.widths = found, widths

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind in _NUMBERS:
            code = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f4": "f", "f8": "d"}  # fmt: skip
            return self._unpack(code[_NUMBERS[kind]])[0]
        if kind not in _OTHER_SIZES:
            raise self.reader._damaged(f"a property of type {kind}")
        self._skip(_OTHER_SIZES[kind])
        return None

    def _string(self) -> str:
        count = self._u32()
        start = self.at
        self._skip(count)
        return self.data[start : self.at].decode("utf-8", "replace")

    def _u32(self) -> int:
        value: int = self._unpack("I")[0]
        return value

    def _unpack(self, form: str) -> tuple[Any, ...]:
        start = self.at
        self._skip(struct.calcsize(self.order + form))
        return struct.unpack(self.order + form, self.data[start : self.at])

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise self.reader._damaged("metadata that end early")


def _quoted(group: str) -> str:
    return "/'" + group.replace("'", "''") + "'"


def _rate(properties: Mapping[str, Any]) -> float | None:
    """1/wf_increment [Hz], where the waveform runs over time and not over frequency."""
    step = properties.get("wf_increment")
    over = properties.get("wf_xunit_string")
    if isinstance(over, str) and over.strip() not in ("", "s", "sec", "Seconds", "seconds"):
        return None
    if not isinstance(step, float) or not math.isfinite(step) or step <= 0:
        return None
    return 1 / step if math.isfinite(1 / step) else None
