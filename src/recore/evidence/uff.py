"""Universal files: the time responses among their datasets of type 58, in text and in binary (58b).

After SDRC, Universal Dataset Number 58: Function at Nodal DOF, and the binary form of the University of
Cincinnati. Datasets of other types are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
    with_unit,
)
from recore.evidence.memory_table import MAX_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MARK = b"-1"
_LINE = 2**12
_HEAD_LINES = 11
_TIME_RESPONSE, _UNKNOWN = 1, 0
_TIME_AXIS = 17
_FUNCTIONS = (
    "unknown function", "time response", "auto spectrum", "cross spectrum", "frequency response",
    "transmissibility", "coherence", "auto correlation", "cross correlation", "power spectral density",
    "energy spectral density", "probability density", "spectrum",
)  # fmt: skip
_DIRECTIONS = {1: "+X", 2: "+Y", 3: "+Z", 4: "+RX", 5: "+RY", 6: "+RZ", 0: ""}
# ordinate data type → bytes of a number, whether complex
_ORDINATES = {2: (4, False), 4: (8, False), 5: (4, True), 6: (8, True)}
_LINES = 4096
_PER_SECOND = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e3, "msec": 1e3, "us": 1e6, "µs": 1e6}


class _Head(NamedTuple):
    """What the eleven lines of a dataset say."""

    ids: tuple[str, ...]
    function: int
    where: str
    double: bool
    complex: bool
    samples: int
    even: bool
    step: float
    abscissa: int
    time_unit: str
    unit: str


class _Place(NamedTuple):
    """Where the values of a channel begin, in lines of text or in binary frames."""

    offset: int
    samples: int
    widths: tuple[int, ...]
    per_line: int
    column: int
    run: Run | None


@dataclass(frozen=True)
class UffSource(ChannelSource):
    """Time responses, named by their first identification line where it is given and no other has the same, else
    by node and direction ('12:+Z'). A dataset with abscissas of its own adds a column time_s."""

    def _contents(self) -> Contents:
        with self.path.open("rb") as stream:
            return _Reader(stream, self.name).contents()

    def _blocks(self, positions: Sequence[int], rows: int) -> Iterator[list[NDArray[Any]]]:
        places: list[_Place] = [self.contents.places[position] for position in positions]
        with ExitStack() as stack:
            readers = []
            for place in places:
                stream = stack.enter_context(self.path.open("rb"))
                if place.run is not None:
                    readers.append(run_blocks(Window(stream, self.name), [place.run], rows))
                else:
                    readers.append(_text_blocks(stream, place, rows, self.name))
            for block in zip(*readers, strict=True):
                yield list(block)


def _text_blocks(stream: BinaryIO, place: _Place, rows: int, name: str) -> Iterator[NDArray[np.float64]]:
    """Every len(widths)-th number of the lines, in blocks of `rows`."""
    import numpy as np

    stream.seek(place.offset)
    cycle, left = len(place.widths), place.samples
    held = np.empty(0)
    while left or len(held):
        while left and len(held) < rows:
            numbers = _numbers(stream, place, min(left * cycle, place.per_line * _LINES), name)
            taken = numbers[place.column :: cycle]
            left -= len(numbers) // cycle
            held = np.concatenate([held, taken])
        yield held[:rows].copy()
        held = held[rows:]


def _numbers(stream: BinaryIO, place: _Place, count: int, name: str) -> NDArray[np.float64]:
    """The next `count` numbers, which begin and end with a line."""
    import numpy as np

    edges = [0]
    for i in range(place.per_line):
        edges.append(edges[-1] + place.widths[i % len(place.widths)])
    words: list[bytes] = []
    while len(words) < count:
        start = stream.tell()
        line = stream.readline(_LINE).rstrip()
        filled = min(place.per_line, count - len(words))
        found = [line[edges[i] : edges[i + 1]].strip() for i in range(filled)]
        if not all(found) or len(line) > edges[filled]:
            raise BadInput(
                f"a line of {filled} numbers of {'+'.join(map(str, place.widths))} characters is wanted",
                where=f"{name}, byte {start}",
                right="copy or export it again",
            )
        words += found
    try:
        return np.array([float(word.replace(b"D", b"E").replace(b"d", b"e")) for word in words])
    except ValueError as error:
        raise BadInput(
            f"{clean(str(error).rpartition(': ')[2])[:60]} is not a number",
            where=name,
            right="export it again",
        ) from None


class _Reader:
    """One pass over the datasets of a file; values are only passed over."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream, self.name = stream, name
        self.heads: list[_Head] = []
        self.places: list[list[_Place]] = []

    def contents(self) -> Contents:
        first = True
        while line := self._line(may_end=True):
            if not line.strip():
                continue
            if line.strip() != _MARK:
                what = "is no universal file" if first else f"holds {clean(repr(line[:20]))} between datasets"
                raise BadInput(what, where=self.name, right="a line '    -1' begins each dataset")
            first = False
            self._dataset()
        return self._named()

    def _dataset(self) -> None:
        # a common writer doubles the mark that begins a binary dataset
        while (number := self._line()).strip() == _MARK:
            pass
        kind = number[:6].strip()
        if kind != b"58":
            while self._line().strip() != _MARK:
                pass
            return
        binary = number[6:7].lower() == b"b"
        head = _head([self._line() for _ in range(_HEAD_LINES)], self.name)
        if len(self.heads) >= MAX_COLUMNS:
            raise BadInput("has too many channels", where=self.name, right=f"at most {MAX_COLUMNS} are read")
        self.heads.append(head)
        self.places.append(self._binary(number, head) if binary else self._text(head))

    def _text(self, head: _Head) -> list[_Place]:
        offset = self.stream.tell()
        # numbers of a line, as the format of each kind of data fixes them
        widths: tuple[int, ...]
        if head.complex:
            widths = (20, 20) if head.double else (13, 13)
            per_line = 4 if head.double else 6
        elif head.double:
            widths, per_line = ((20,), 4) if head.even else ((13, 20), 4)
        else:
            widths, per_line = ((13,), 6) if head.even else ((13, 13), 6)
        if head.complex:
            while self._line().strip() != _MARK:
                pass
            return []
        total = head.samples * len(widths)
        lines = -(-total // per_line)
        # a number takes a byte at least: what is declared is held against what is there before it is read
        if total > self.stream.seek(0, 2) - offset:
            raise cut_short(self.name)
        self.stream.seek(offset)
        for _ in range(lines):
            if self._line().strip() == _MARK:
                raise BadInput(
                    f"a dataset of {head.samples} values ends early", where=self.name, right="export it again"
                )
        if self._line().strip() != _MARK:
            raise BadInput(
                f"a dataset of {head.samples} values goes on behind them",
                where=self.name,
                right="export it again",
            )
        return [_Place(offset, head.samples, widths, per_line, i, None) for i in range(len(widths))]

    def _binary(self, number: bytes, head: _Head) -> list[_Place]:
        import numpy as np

        try:
            order, form = int(number[7:13]), int(number[13:19])
        except ValueError:
            raise self._damaged("the line '58b' does not say how numbers are stored") from None
        if form != 2 or order not in (1, 2):
            raise BadInput(
                "its binary numbers are not IEEE 754", where=self.name, right="export it as text (58)"
            )
        size = 8 if head.double else 4
        # abscissas take the type of the ordinates in this form
        frame = size * (2 if head.complex else 1) + (0 if head.even else size)
        offset = self.stream.tell()
        end = offset + frame * head.samples
        # the count of bytes in the line '58b' is wrong in files of a common writer: the mark behind is held to
        if end > self.stream.seek(0, 2):
            raise cut_short(self.name)
        self.stream.seek(end)
        line = self._line()
        if not line.strip():
            line = self._line()
        if line.strip() != _MARK:
            raise self._damaged(f"no mark behind {head.samples} binary values")
        if head.complex:
            return []
        dtype = np.dtype(f"{'<' if order == 1 else '>'}f{size}")
        return [
            _Place(offset, head.samples, (size,), 1, i, Run(offset, head.samples, frame, i * size, dtype))
            for i in range(frame // size)
        ]

    def _named(self) -> Contents:
        ids = Counter(head.ids[0] for head in self.heads)
        wheres = Counter(head.where for head in self.heads)
        uneven = sum(not head.even for head in self.heads)
        channels: list[Channel] = []
        places: list[_Place | None] = []
        for number, (head, found) in enumerate(zip(self.heads, self.places, strict=True), 1):
            own = head.ids[0]
            if own and own.upper() != "NONE" and ids[own] == 1:
                name = own
            else:
                name = head.where if wheres[head.where] == 1 else f"{head.where}#{number}"
            refused = _why_not(head)
            if refused is not None or head.even:
                rate = _rate(head) if refused is None else None
                channels.append(Channel(with_unit(name, head.unit), head.samples, rate, refused))
                places.append(found[0] if found else None)
                continue
            label = head.time_unit if head.time_unit.upper() != "NONE" else "s"
            channels.append(
                Channel(with_unit("time" if uneven == 1 else f"{name} time", label or "s"), head.samples)
            )
            channels.append(Channel(with_unit(name, head.unit), head.samples))
            places += found
        return Contents(tuple(channels), places=places)

    def _line(self, *, may_end: bool = False) -> bytes:
        line = self.stream.readline(_LINE)
        if not line and not may_end:
            raise cut_short(self.name)
        if len(line) == _LINE:
            raise self._damaged("a line is too long")
        return line

    def _damaged(self, what: str) -> BadInput:
        return BadInput(f"the file is damaged: {what}", where=self.name, right="copy or export it again")


def _head(lines: list[bytes], name: str) -> _Head:
    text = [line.rstrip(b"\r\n").decode("latin-1").ljust(120) for line in lines]
    freedom, form = text[5], text[6]
    try:
        function = int(freedom[0:5])
        node, direction = int(freedom[41:51]), int(freedom[51:55])
        kind, count, spacing = int(form[0:10]), int(form[10:20]), int(form[20:30])
        step = float(form[43:56].replace("D", "E"))
        abscissa = int(text[7][0:10])
    except ValueError:
        raise BadInput(
            "the head of a dataset 58 does not hold its numbers in their columns",
            where=name,
            right="copy or export it again",
        ) from None
    if kind not in _ORDINATES or count < 1 or spacing not in (0, 1):
        raise BadInput(
            f"a dataset of {count} values of type {kind}, spacing {spacing}",
            where=name,
            right="types 2, 4, 5 and 6 are read, evenly spaced or not",
        )
    size, complex_ = _ORDINATES[kind]
    entity = clean(freedom[31:41])
    word = f"{node}:{'-' if direction < 0 else ''}{_DIRECTIONS.get(abs(direction), '?')}"
    word = word.replace("-+", "-")
    where = word if entity in ("", "NONE") else f"{entity}:{word}"
    return _Head(
        tuple(clean(line[:80]) for line in text[:5]), function, where.rstrip(":"), size == 8, complex_, count,
        spacing == 1, step, abscissa, clean(text[7][47:67]), clean(text[8][47:67]),
    )  # fmt: skip


def _why_not(head: _Head) -> tuple[str, str] | None:
    """Why a dataset is no signal over time, and what would be right."""
    over_time = head.abscissa == _TIME_AXIS
    if head.function == _TIME_RESPONSE and head.abscissa in (_TIME_AXIS, _UNKNOWN) and not head.complex:
        return None
    if head.function == _UNKNOWN and over_time and not head.complex:
        return None
    word = _FUNCTIONS[head.function] if 0 <= head.function < len(_FUNCTIONS) else f"function {head.function}"
    return (
        f"is no signal over time (it is the {'complex ' * head.complex}{word})",
        "a time response (function type 1) is wanted",
    )


def _rate(head: _Head) -> float | None:
    """Samples per second. A step is printed with six digits: a whole rate that prints alike is meant."""
    label = head.time_unit if head.time_unit.upper() not in ("", "NONE") else "s"
    per_second = _PER_SECOND.get(label.lower())
    if per_second is None or not (head.step > 0 and per_second / head.step < 1e15):
        return None
    whole = round(per_second / head.step)
    if whole and f"{per_second / whole:.5e}" == f"{head.step:.5e}":
        return float(whole)
    return per_second / head.step
