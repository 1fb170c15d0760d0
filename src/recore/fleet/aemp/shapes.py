"""Elements that were seen before, recognised at a glance: their markup is compared, only their values are read.

A server writes the same markup around other values again and again. A shape is the markup of one element with the
places of its values. The scanner looks an element up by its first bytes; where a shape fits to the last byte the row
is what the full scan would have made of it, and anything else is scanned in full. What was scanned in full is learnt
between two pieces, so shapes are made in Python and cost no compiling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.decode import hashed
from recore.fleet.aemp.memory import addresses, byte, get, inner, let, load, numbers

HEAD: Final = 16  # bytes by which an element is looked up
BUCKETS: Final = 1024
MOST: Final = 512  # shapes
LONGEST: Final = 1024  # bytes of an element that is learnt
VALUE: Final = 255  # bytes of a value that is read at a glance
DEEP: Final = 6  # levels within an element
SAMPLES: Final = 256  # elements that are learnt from after one piece
# columns of a shape and of its segments: markup (from, to in the literals), place of the value after it, its end
NEXT, CODE, UNIT, FIRST, LAST, KEY = 0, 1, 2, 3, 4, 5
_SKIPPED: Final = -2  # a place: the value is nobody's
_MIX: Final = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio (Knuth, multiplicative hashing)
_WORD: Final = 2**64 - 1
_SCALAR, _END = 0, -1  # ends of a value: of a JSON number or word; none, the element is over
# places among the addresses
TABLE, SHAPES, SEGMENTS, LITERALS, TAKEN, COUNTS, ROOM = 0, 1, 2, 3, 4, 5, 6
_SHAPE, _SEGMENT, _SAMPLE = 6, 4, 2 + v.ROW  # columns


@inner(numbers(3))
def scalar(text: int, at: Any, end: Any) -> Any:
    """Where a number, true, false or null of JSON ends; -1 where it is none."""
    c = byte(text, at)
    word = np.int64(4 if c == 116 or c == 110 else 5 if c == 102 else 0)
    if word:
        if at + word > end:
            return np.int64(-1)
        a, b, d = byte(text, at + 1), byte(text, at + 2), byte(text, at + 3)
        if c == 116:
            return at + 4 if a == 114 and b == 117 and d == 101 else np.int64(-1)
        if c == 110:
            return at + 4 if a == 117 and b == 108 and d == 108 else np.int64(-1)
        return at + 5 if a == 97 and b == 108 and d == 115 and byte(text, at + 4) == 101 else np.int64(-1)
    if c == 45:
        at += 1
    begin = at
    while at < end and 48 <= byte(text, at) <= 57:
        at += 1
    if at == begin or (byte(text, begin) == 48 and at > begin + 1):
        return np.int64(-1)
    if at < end and byte(text, at) == 46:
        at += 1
        begin = at
        while at < end and 48 <= byte(text, at) <= 57:
            at += 1
        if at == begin:
            return np.int64(-1)
    if at < end and (byte(text, at) == 101 or byte(text, at) == 69):
        at += 1
        if at < end and (byte(text, at) == 43 or byte(text, at) == 45):
            at += 1
        begin = at
        while at < end and 48 <= byte(text, at) <= 57:
            at += 1
        if at == begin:
            return np.int64(-1)
    return at


@inner(numbers(6))
def _markup(text: int, at: Any, end: Any, literals: int, a: Any, b: Any) -> Any:
    """Where the markup ends in the text; -1 where there is another."""
    while a + 8 <= b:
        if at + 8 > end or load(text, at) != load(literals, a):
            return np.int64(-1)
        at += 8
        a += 8
    if at + (b - a) > end:
        return np.int64(-1)
    while a < b:
        if byte(text, at) != byte(literals, a):
            return np.int64(-1)
        at += 1
        a += 1
    return at


@inner(numbers(5))
def _again(text: int, at: Any, end: Any, stop: Any, seen: int) -> Any:
    """Length of the time that was seen last where the same stands here, else 0."""
    before, length = get(seen, 0), get(seen, 1)
    if length < 16 or length > 32 or at + length >= end or byte(text, at + length) != stop:
        return np.int64(0)
    same = load(text, at) == load(text, before) and load(text, at + 8) == load(text, before + 8)
    if length > 24:
        same = same and load(text, at + 16) == load(text, before + 16)
    return length if same and load(text, at + length - 8) == load(text, before + length - 8) else np.int64(0)


@inner(numbers(8))
def _fits(text: int, at: Any, end: Any, shape: Any, escape: Any, row: int, seen: int, shapes: int) -> Any:
    """Where the element ends that has this shape, its values in the row; -1 where it has not."""
    literals = get(shapes, LITERALS)
    i, last = get(shape, FIRST), get(shape, LAST)
    segment = get(shapes, SEGMENTS) + 8 * _SEGMENT * i
    at = _markup(text, at, end, literals, get(segment, 0), get(segment, 1))
    if at < 0:
        return np.int64(-1)
    for j in range(v.ROW):
        let(row, j, 0)
    while True:
        place, stop = get(segment, 2), get(segment, 3)
        if stop == _END:
            break
        start = at
        length = _again(text, at, end, stop, seen) if place == -1 else np.int64(0)
        if length:
            at += length
            start = get(seen, 0)
        elif stop == _SCALAR:
            if at >= end or byte(text, at) == 110:  # null is no value
                return np.int64(-1)
            at = scalar(text, at, end)
            if at < 0:
                return np.int64(-1)
        else:
            while at < end and byte(text, at) != stop:
                c = byte(text, at)
                if c < 32 or c >= 128 or c == escape or (c == 60 and escape == 38):
                    return np.int64(-1)
                at += 1
            if at >= end or at - start > VALUE:
                return np.int64(-1)
            if at > start and (byte(text, start) == 32 or byte(text, at - 1) == 32):
                return np.int64(-1)
        if place > _SKIPPED:
            column = v.TIME_COLUMN + 2 * (place + 1)
            let(row, column, start)
            let(row, column + 1, start + length if length else at)
            if place == -1 and not length:
                let(seen, 0, start)
                let(seen, 1, at - start)
        i += 1
        segment += 8 * _SEGMENT
        if i >= last:
            return np.int64(-1)
        at = _markup(text, at, end, literals, get(segment, 0), get(segment, 1))
        if at < 0:
            return np.int64(-1)
    let(row, v.CODE_COLUMN, get(shape, CODE))
    let(row, v.UNIT_COLUMN, get(shape, UNIT))
    return at


@inner("int64(uint64, uint64)")
def _bucket(first: Any, second: Any) -> Any:
    return np.int64(((first ^ (second * np.uint64(_MIX))) * np.uint64(_MIX)) >> np.uint64(54))


@inner(numbers(7, "UniTuple(int64, 2)"))
def glance(text: int, at: Any, end: Any, escape: Any, row: int, seen: int, shapes: int) -> tuple[Any, Any]:
    """Where an element of a known shape ends, and the hash of its name; -1 where it must be scanned."""
    if at + HEAD > end:
        return np.int64(-1), np.int64(0)
    number = get(get(shapes, TABLE), _bucket(load(text, at), load(text, at + 8)))
    while number >= 0:
        shape = get(shapes, SHAPES) + 8 * _SHAPE * number
        stop = _fits(text, at, end, shape, escape, row, seen, shapes)
        if stop >= 0:
            return stop, get(shape, KEY)
        number = get(shape, NEXT)
    return np.int64(-1), np.int64(0)


@inner(numbers(4, "void"))
def remember(start: Any, stop: Any, row: int, shapes: int) -> None:
    """Keep an element that was scanned in full as a sample."""
    count = get(get(shapes, COUNTS), 0)
    if count < get(shapes, ROOM) and stop - start <= LONGEST:
        sample = get(shapes, TAKEN) + 8 * _SAMPLE * count
        let(sample, 0, start)
        let(sample, 1, stop)
        for i in range(v.ROW):
            let(sample, 2 + i, get(row, i))
        let(get(shapes, COUNTS), 0, count + 1)


class Shapes:
    """Shapes of one kind of document.

    Parameters
    ----------
    learns : whether what is scanned in full becomes a shape
    """

    def __init__(self, kind: Literal["xml", "json"], *, learns: bool = True) -> None:
        self._tokens = _xml_tokens if kind == "xml" else _json_tokens
        self._known: set[tuple[Any, ...]] = set()
        self._written = self._next = self._wait = self._idle = 0
        self._table = np.full(BUCKETS, -1, np.int64)
        self._shapes = np.zeros((MOST if learns else 1, 6), np.int64)
        self._segments = np.zeros((16 * len(self._shapes), 4), np.int64)
        self._literals = np.zeros((1 << 18) if learns else 1, np.uint8)
        self._samples = np.zeros((SAMPLES if learns else 0, 2 + v.ROW), np.int64)
        self._counts = np.zeros(1, np.int64)

    @property
    def addresses(self) -> NDArray[np.int64]:
        arrays = (self._table, self._shapes, self._segments, self._literals, self._samples, self._counts)
        return np.append(addresses(arrays), len(self._samples))

    def learn(self, text: NDArray[np.uint8]) -> None:
        """Make shapes of what the scanner had to scan in full since the last time; less often where that is idle."""
        count, self._counts[0] = int(self._counts[0]), 0
        if not count or self._wait > 0:
            self._wait -= 1
            return
        before = len(self._known)
        for start, stop, *row in self._samples[:count].tolist():
            self._take(text[start:stop].tobytes(), start, row)
        if len(self._known) >= MOST:
            self._samples = self._samples[:0]
        self._idle = 0 if len(self._known) > before else min(self._idle + 1, 10)
        self._wait = (1 << self._idle) - 1

    def _take(self, data: bytes, start: int, row: list[int]) -> None:
        made = _made(data, start, row, self._tokens(data))
        if made is None or len(self._known) >= MOST:
            return
        segments, key = made
        shape = (row[v.CODE_COLUMN], row[v.UNIT_COLUMN], *segments)
        room = self._next + len(segments) <= len(self._segments)
        if shape in self._known or not room or self._written + len(data) > len(self._literals):
            return
        here = self._next
        for markup, place, end in segments:
            stop = self._written + len(markup)
            self._literals[self._written : stop] = np.frombuffer(markup, np.uint8)
            self._segments[self._next] = self._written, stop, place, end
            self._written, self._next = stop, self._next + 1
        first, second = np.frombuffer(data[:HEAD], np.uint64).tolist()
        bucket = ((first ^ (second * _MIX & _WORD)) * _MIX & _WORD) >> 54
        number, state = len(self._known), hashed(key)
        signed = state - (1 << 64) if state >> 63 else state
        self._shapes[number] = self._table[bucket], *shape[:2], here, self._next, signed
        self._table[bucket] = number
        self._known.add(shape)


Token = tuple[int, int, int]  # of a value: from, to, its end


def _made(
    data: bytes, start: int, row: list[int], tokens: list[Token] | None
) -> tuple[list[tuple[bytes, int, int]], str] | None:
    """Segments of an element, and its name as JSON has it; None where it is not plain enough."""
    if tokens is None or len(data) < HEAD or len(tokens) > 14 or not data.isascii():
        return None
    places = {
        place: (
            row[v.TIME_COLUMN + 2 * (place + 1)] - start,
            row[v.TIME_COLUMN + 2 * (place + 1) + 1] - start,
        )
        for place in range(-1, v.SLOTS)
        if row[v.TIME_COLUMN + 2 * (place + 1) + 1]
    }
    segments: list[tuple[bytes, int, int]] = []
    before = 0
    for a, b, end in tokens:
        mine = [place for place, (p, q) in places.items() if a <= p and q <= b and (p < q or p == a)]
        if len(mine) > 1:
            return None
        if mine:
            del places[mine[0]]
        segments.append((data[before:a], mine[0] if mine else _SKIPPED, end))
        before = b
    if places:
        return None  # a value that is none of the tokens
    segments.append((data[before:], _SKIPPED, _END))
    return segments, data[1:].partition(b'"')[0].decode()


_TAG = re.compile(rb"<(/?)[^\s<>/\"'=&!?]+")
_ATTRIBUTE = re.compile(rb"\s+[^\s<>/\"'=&]+\s*=\s*(?:\"([^\"<&]*)\"|'([^'<&]*)')")
_CLOSE = re.compile(rb"\s*(/?)>")


def _xml_tokens(data: bytes) -> list[Token] | None:
    """Values between tags and in attributes; None where there is anything else."""
    tokens: list[Token] = []
    at, depth = 0, 0
    while at < len(data):
        tag = _TAG.match(data, at)
        if tag is None:
            return None
        at, within = tag.end(), False
        while attribute := _ATTRIBUTE.match(data, at):
            quote = 1 if attribute[1] is not None else 2
            tokens.append((attribute.start(quote), attribute.end(quote), 34 if quote == 1 else 39))
            at = attribute.end()
        close = _CLOSE.match(data, at)
        if close is None:
            return None
        at = close.end()
        opens = not tag[1] and not close[1]
        depth += 1 if opens else -1 if tag[1] else 0
        stop = data.find(b"<", at)
        if depth > DEEP:
            return None
        if stop < 0:
            return tokens if at == len(data) and depth == 0 else None
        within = data[at:stop].strip(b" \t\r\n") != b"" or (opens and data.startswith(b"</", stop))
        if within:
            tokens.append((at, stop, 60))
        at = stop
    return None


_JSON_PART = re.compile(
    rb"[ \t\r\n]*(?:([{},:])|\"([^\"\\\x00-\x1f]*)\"|(null)|(true|false|-?[0-9][0-9.eE+-]*))"
)


def _json_tokens(data: bytes) -> list[Token] | None:
    """Strings, numbers and words of one flat object after its name; None where there is anything else."""
    tokens: list[Token] = []
    for number, part in enumerate(_json_parts(data)):
        if part is None:
            return None
        sign, text, null, word = (part.span(group) for group in range(1, 5))
        if number < 3:  # "name" : {
            if data[part.start() : part.end()].strip(b" \t\r\n")[:1] != b'":{'[number : number + 1]:
                return None
        elif sign[0] >= 0 and data[sign[0] : sign[1]] == b"{":
            return None
        elif sign[0] < 0 and null[0] < 0 and data[: part.start()].rstrip(b" \t\r\n").endswith(b":"):
            tokens.append((*text, 34) if text[0] >= 0 else (*word, _SCALAR))
    return tokens


def _json_parts(data: bytes) -> Iterator[re.Match[bytes] | None]:
    at = 0
    while at < len(data):
        part = _JSON_PART.match(data, at)
        yield part
        if part is None:
            return
        at = part.end()
