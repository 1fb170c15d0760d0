"""Documents into rows: one row for each element with values, its texts as places in one buffer.

XML is read as a stream by expat with no entity, no DTD and a bounded depth; JSON by the standard library. Nothing is
judged here: numbers, times and identity are the normaliser's.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal
from xml.parsers import expat
from xml.sax.saxutils import unescape

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.fleet.aemp import vocabulary as v

if TYPE_CHECKING:
    from recore.fleet.aemp.book import Book

DEPTH: Final = 32
CHUNK: Final = 1 << 20
CUT_ROWS: Final = 200_000  # rows after which a shred ends, at the end of an equipment
TEXT: Final = 4096  # longest text of one child
JSON_BYTES: Final = 512 << 20
_TIME, _OTHER = -1, -2


@dataclass(frozen=True)
class Shred:
    """Rows of a document.

    Parameters
    ----------
    text : bytes that the rows point into, or a file in memory
    rows : int64, (rows, vocabulary.ROW)
    raw : text is as the file has it, with references or escapes in it
    book : records that were taken already and have no rows here
    """

    text: bytes | mmap
    rows: NDArray[np.int64]
    raw: Literal["", "xml", "json"] = ""
    book: Book | None = None

    def at(self, row: int, slot: int) -> str:
        """Text of a slot of a row; slot -1 is the time."""
        start, end = self.rows[row, v.SLOT_COLUMN + 2 * slot : v.SLOT_COLUMN + 2 * slot + 2]
        return self.decoded(self.text[start:end])

    def decoded(self, text: bytes) -> str:
        """A text of this document without its references or escapes."""
        if self.raw == "xml" and b"&" in text:
            return unescape(text.decode("utf-8", "replace"), {"&quot;": '"', "&apos;": "'"}).strip()
        if self.raw == "json" and b"\\" in text:
            return str(json.loads(f'"{text.decode("utf-8", "replace")}"')).strip()
        return text.decode("utf-8", "replace").strip()


class _Writer:
    """Collects rows; cut into shreds at the end of an equipment."""

    def __init__(self) -> None:
        self.text, self.rows = bytearray(), array("q")
        self.equipment, self.next_equipment = 0, 1
        self.row: list[int] | None = None

    def open(self, code: int) -> None:
        self.row = [self.equipment, code] + [0] * (v.ROW - 2)

    def put(self, place: int, text: str, unit: int = 0) -> None:
        assert self.row is not None
        column = v.TIME_COLUMN if place == _TIME else v.SLOT_COLUMN + 2 * place
        data = text.strip().encode()
        self.row[column] = len(self.text)
        self.text += data
        self.row[column + 1] = len(self.text)
        if unit:
            self.row[v.UNIT_COLUMN] = unit

    def close(self) -> None:
        assert self.row is not None
        self.rows.extend(self.row)
        self.row = None

    def take(self) -> Shred:
        rows = np.frombuffer(self.rows.tobytes(), np.int64).reshape(-1, v.ROW)
        shred = Shred(bytes(self.text), rows)
        self.text, self.rows = bytearray(), array("q")
        return shred


class _Kinds(dict[str, tuple[str, int, int]]):
    """What a name is: ('datum', code), ('leaf', slot, implied unit), ('equipment') or ('other')."""

    def __missing__(self, tag: str) -> tuple[str, int, int]:
        name = v.local(tag)
        if name == v.EQUIPMENT:
            kind = ("equipment", 0, 0)
        elif name in v.TIME_NAMES:
            kind = ("leaf", _TIME, 0)
        elif name in v.CODE:
            kind = ("datum", v.CODE[name], 0)
        elif name in v.SLOT:
            kind = ("leaf", v.SLOT[name], v.implied(name))
        else:
            kind = ("other", 0, 0)
        if len(self) < 4096:  # a document of endless new names shall not fill the memory
            self[tag] = kind
        return kind


def shreds(stream: BinaryIO, where: str) -> Iterator[Shred]:
    """Rows of an XML or JSON document.

    Raises
    ------
    BadInput : neither XML nor JSON, not well-formed, cut off, not UTF-8, an entity or DTD, too deep
    """
    head = stream.read(CHUNK)
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if first == b"<":
        return _xml(stream, head, where)
    if first in (b"{", b"["):
        return iter([_json(stream, head, where)])
    raise BadInput(
        "neither XML nor JSON" if head.strip() else "an empty file",
        where=where,
        right="a document as ISO/TS 15143-3 describes",
    )


def _xml(stream: BinaryIO, head: bytes, where: str) -> Iterator[Shred]:
    out, kinds = _Writer(), _Kinds()
    depth, place, unit, words = 0, _OTHER, 0, [""]
    length, ready = 0, list[Shred]()
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: Any) -> int:
        raise BadInput(
            "a DTD or an entity", where=where, right="plain elements; ISO/TS 15143-3 needs neither"
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, place, unit, words, length
        depth += 1
        if depth > DEPTH:
            raise BadInput(
                f"elements more than {DEPTH} deep", where=where, right="a fleet, its equipment, values"
            )
        kind, number, implied = kinds[tag]
        if kind == "leaf" and out.row is not None:
            place, unit, words, length = number, implied, [], 0
            return
        if depth == 1:
            out.open(v.DOCUMENT)
            _attributes(out, attributes)
            out.close()
        if kind == "equipment":
            out.equipment = out.next_equipment
            out.next_equipment += 1
        elif kind == "datum" and out.row is None:
            out.open(number)
            _attributes(out, attributes)

    def end(tag: str) -> None:
        nonlocal depth, place
        depth -= 1
        kind, number, _ = kinds[tag]
        if place != _OTHER:
            out.put(place, "".join(words), unit)
            place = _OTHER
        elif kind == "datum" and out.row is not None and out.row[1] == number:
            out.close()
        elif kind == "equipment":
            out.equipment = 0
            if len(out.rows) > CUT_ROWS * v.ROW:
                ready.append(out.take())

    def characters(text: str) -> None:
        nonlocal length
        if place != _OTHER:
            length += len(text)
            if length > TEXT:
                raise BadInput(f"a text of more than {TEXT} characters", where=where, right="a value")
            words.append(text)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = refuse
    block = head
    try:
        while block:
            parser.Parse(block, False)
            yield from ready
            ready.clear()
            block = stream.read(CHUNK)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise BadInput(
            f"not well-formed XML: {expat.errors.messages[error.code]} at line {error.lineno}",
            where=where,
            right="the whole document as the server sent it",
        ) from None
    except (UnicodeError, LookupError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"cannot be decoded: {error}", where=where, right="UTF-8") from None
    yield from ready
    yield out.take()


def _attributes(out: _Writer, attributes: dict[str, str]) -> None:
    for name, text in attributes.items():
        word = v.local(name)
        if word in v.TIME_NAMES:
            out.put(_TIME, text[:TEXT])
        elif word in ("units", "unit"):
            out.put(3, text[:TEXT])


def _json(stream: BinaryIO, head: bytes, where: str) -> Shred:
    data = head + stream.read(JSON_BYTES - len(head) + 1)
    if len(data) > JSON_BYTES:
        raise BadInput(
            f"more than {JSON_BYTES >> 20} MiB of JSON in one document", where=where, right="pages"
        )
    out = _Writer()
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    try:
        text = data.decode("utf-8-sig")
        place = _space(text, 0)
        while place < len(text):  # several documents one after the other are read like one
            document, place = decoder.raw_decode(text, place)
            _walk(out, document, 0, where)
            place = _space(text, place)
    except UnicodeDecodeError:
        raise BadInput("not UTF-8", where=where, right="UTF-8") from None
    except RecursionError:
        raise BadInput("nested too deep", where=where, right="a fleet, its equipment, values") from None
    except json.JSONDecodeError as error:
        raise BadInput(
            f"not JSON: {error.msg} at line {error.lineno}", where=where, right="the whole document as sent"
        ) from None
    return out.take()


_SPACE = re.compile(r"\s*")


def _space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


def _walk(out: _Writer, item: Any, depth: int, where: str) -> None:
    if depth > DEPTH:
        raise BadInput("nested too deep", where=where, right="a fleet, its equipment, values")
    if isinstance(item, list):
        for one in item:
            _walk(out, one, depth + 1, where)
        return
    if not isinstance(item, dict):
        return
    if depth <= 2 and (time := next((t for k, t in item.items() if v.local(k) == "snapshottime"), None)):
        out.open(v.DOCUMENT)
        out.put(_TIME, str(time)[:TEXT])
        out.close()
    for key, value in item.items():
        kind, code, _ = _KEYS[key]
        if kind == "equipment":
            for one in value if isinstance(value, list) else [value]:
                out.equipment = out.next_equipment
                out.next_equipment += 1
                _walk(out, one, depth + 1, where)
            out.equipment = 0
        elif kind == "datum":
            for one in value if isinstance(value, list) else [value]:
                _datum(out, code, one)
        elif isinstance(value, dict | list):
            _walk(out, value, depth + 1, where)


def _datum(out: _Writer, code: int, item: Any) -> None:
    if not isinstance(item, dict):
        return
    row = [out.equipment, code] + [0] * (v.ROW - 2)
    text = out.text
    for key, value in item.items():
        kind, place, unit = _KEYS[key]
        if kind != "leaf" or value is None:
            continue
        if value.__class__ is not str:
            if not isinstance(value, bool):
                continue  # an object or a list is no value
            value = "true" if value else "false"
        column = v.SLOT_COLUMN + 2 * place
        row[column] = len(text)
        text += value[:TEXT].strip().encode("utf-8", "replace")
        row[column + 1] = len(text)
        if unit:
            row[v.UNIT_COLUMN] = unit
    out.rows.extend(row)


_KEYS = _Kinds()
