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

from recore.errors import BadInput
from recore.fleet.aemp.shred import JSON_BYTES, Shred, shreds

if TYPE_CHECKING:
    from recore.fleet.aemp.scan import Scanner
    from recore.fleet.aemp.scan_json import JsonScanner

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


def scanned(path: Path) -> Iterator[Shred]:
    """The rows of a file, by the fast scanners.

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
    first = text[:4096].lstrip()[:1]
    if first == b"<":
        said = _ENCODING.search(text[:200])
        if said and said[1].lower() not in (b"utf-8", b"us-ascii", b"ascii"):
            raise NotPlain
        from recore.fleet.aemp.scan import Scanner

        yield from _pieces(text, Scanner(np.frombuffer(text, np.uint8)), "xml")
    elif first in (b"{", b"[") and len(text) <= JSON_BYTES:
        from recore.fleet.aemp.scan_json import JsonScanner

        yield from _pieces(text, JsonScanner(np.frombuffer(text, np.uint8)), "json")
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
    text: bytes | mmap.mmap, scanner: Scanner | JsonScanner, raw: Literal["xml", "json"]
) -> Iterator[Shred]:
    status = -1
    while status != DONE:
        status, rows = scanner.next(PIECE)
        if status == ODD:
            raise NotPlain
        yield Shred(text, rows, raw)
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
