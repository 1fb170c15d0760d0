"""Files of telematics: XML, JSON, either packed with gzip, or folders of them."""

from __future__ import annotations

import codecs
import gzip
import mmap
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.fleet.aemp.shred import JSON_BYTES, Shred, shreds

if TYPE_CHECKING:
    from recore.fleet.aemp.book import Book
    from recore.fleet.aemp.scan import Scanner
    from recore.fleet.aemp.scan_json import JsonScanner
    from recore.fleet.aemp.shapes import Shapes

SUFFIXES = (".xml", ".json", ".gz")
DONE, ODD = 1, 2  # of the scanners
MAPPED = 64 << 20  # bytes from which a file is mapped, not read
HELD = 256 << 20  # bytes of a packed file that are unpacked at once
PIECE = 100_000  # rows of the scanner at a time
_ENCODING = re.compile(rb"^<\?xml[^>]*encoding=[\"']([A-Za-z0-9._-]+)")
UNPACKED = 8 << 30  # bytes of a packed file at most


def files(paths: Sequence[Path]) -> list[Path]:
    """The files that paths mean: a folder stands for what is in it, in the order of the names.

    Raises
    ------
    BadInput : nothing is there, or a folder holds no document
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            inside = [
                p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)
            ]
            inside = [p for p in inside if p.name != "truth.json"]
            if not inside:
                raise BadInput("no document", where=str(path), right="a folder with .xml, .json or .gz files")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise BadInput("no such file", where=str(path), right="the name of a file or folder, or a URL")
    return found


def is_packed(path: Path) -> bool:
    """Whether a file is one of gzip."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def read(path: Path) -> Iterator[Shred]:
    """The rows of a file.

    Raises
    ------
    BadInput : it cannot be read; its name is told
    """
    packed = is_packed(path)
    with path.open("rb") as file:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        try:
            yield from shreds(_Bounded(stream) if packed else stream, path.name)  # type: ignore[arg-type]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(f"a broken gzip file: {error}", where=path.name, right="the whole file") from None


class NotPlain(Exception):
    """The scanner leaves a document to the slow and sure readers."""


class Again(Exception):
    """A document must be scanned once more, and carefully: nobody's equipment was taken for somebody's."""


class Scanners:
    """What the fast scanners keep from document to document: markup and texts that come back.

    Parameters
    ----------
    earliest, latest : times within which readings are believed [µs since 1970]
    """

    def __init__(self, earliest: int, latest: int) -> None:
        self._span = earliest, latest
        self._books: dict[str, Book] = {}
        self._shapes: dict[str, Shapes] = {}

    def scanner(
        self, text: NDArray[np.uint8], kind: Literal["xml", "json"], careful: bool
    ) -> tuple[Scanner | JsonScanner, Book]:
        from recore.fleet.aemp.book import Book
        from recore.fleet.aemp.shapes import Shapes

        if kind not in self._books:
            self._books[kind] = Book(kind, *self._span, PIECE + 4096)
            self._shapes[kind] = Shapes(kind)
        book = self._books[kind]
        book.begin(careful)
        if kind == "xml":
            from recore.fleet.aemp.scan import Scanner

            return Scanner(text, book, self._shapes[kind]), book
        from recore.fleet.aemp.scan_json import JsonScanner

        return JsonScanner(text, book, self._shapes[kind]), book


def scanned(path: Path, scanners: Scanners, careful: bool = False) -> Iterator[Shred]:
    """The rows of a file, by the fast scanners.

    Parameters
    ----------
    careful : leave an equipment whose machine is met for the first time as rows

    Raises
    ------
    NotPlain : the file is out of the ordinary; what came before is not to be kept
    """
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            text: bytes | mmap.mmap = _unpacked(file)
        elif path.stat().st_size > MAPPED:
            # rows point into it after this generator has ended; it is closed when the last of them is gone
            text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            file.seek(0)
            text = file.read()
    yield from plain(text, scanners, careful)


def plain(text: bytes | mmap.mmap, scanners: Scanners, careful: bool = False) -> Iterator[Shred]:
    """The rows of a document, by the fast scanners; NotPlain as `scanned`."""
    start = 3 if text[:3] == codecs.BOM_UTF8 else 0
    first = text[start : start + 4096].lstrip()[:1]
    if first == b"<":
        if text[start : start + 1] != b"<" and b"<?xml" in text[start : start + 4096]:
            raise NotPlain  # a declaration that is not the first
        said = _ENCODING.search(text[start : start + 200])
        if said and said[1].lower() not in (b"utf-8", b"us-ascii", b"ascii"):
            raise NotPlain
        yield from _pieces(text, start, scanners, "xml", careful)
    elif first in (b"{", b"[") and len(text) <= JSON_BYTES:
        yield from _pieces(text, start, scanners, "json", careful)
    else:
        raise NotPlain


def _unpacked(file: BinaryIO) -> bytes:
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            text = stream.read(HELD + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise NotPlain from None  # the other reader names the fault
    if len(text) > HELD:
        raise NotPlain  # too much to hold
    return text


def _pieces(
    text: bytes | mmap.mmap,
    start: int,
    scanners: Scanners,
    raw: Literal["xml", "json"],
    careful: bool,
) -> Iterator[Shred]:
    whole = np.frombuffer(text, np.uint8)
    scanner, book = scanners.scanner(whole, raw, careful)
    scanner.skip(start)
    status = -1
    while status != DONE:
        book.turn()
        status, rows = scanner.next(PIECE)
        if status == ODD:
            raise NotPlain
        yield Shred(text, rows, raw, book)
    if not scanner.only_ascii:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for start in range(0, len(text), 1 << 22):
                decoder.decode(text[start : start + (1 << 22)])
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            raise NotPlain from None


class _Bounded:
    """A stream that ends in an error before it fills the machine."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, UNPACKED

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise BadInput(f"more than {UNPACKED >> 30} GiB unpacked", where="gzip", right="smaller files")
        return data
