"""Files of telematics: XML, JSON, either packed with gzip, or folders of them."""

from __future__ import annotations

import codecs
import gzip
import mmap
import queue
import re
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from recore.errors import BadInput
from recore.fleet.aemp.shred import Shred, shreds

SUFFIXES = (".xml", ".json", ".gz")
AHEAD = 4  # pieces
SCANNED_FROM = 12 << 20  # bytes in all
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


def read(path: Path) -> Iterator[Shred]:
    """The rows of a file.

    Raises
    ------
    BadInput : it cannot be read; its name is told
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        try:
            yield from shreds(_Bounded(stream) if packed else stream, path.name)  # type: ignore[arg-type]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(f"a broken gzip file: {error}", where=path.name, right="the whole file") from None


class NotPlain(Exception):
    """The scanner leaves a document to the slow and sure readers."""


class Ahead:
    """Scans files in a thread of its own, a few pieces ahead of who asks for them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        # compiling the scanner takes seconds, in which expat reads some files
        self._fast = sum(path.stat().st_size for path in paths) >= SCANNED_FROM
        self._queue: queue.Queue[Shred | BaseException | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scan, daemon=True)

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)  # a full queue shall not hold the thread
            except queue.Empty:
                continue
        self._thread.join()

    def documents(self) -> Iterator[tuple[Path, Iterator[Shred]]]:
        """Each file with its rows; the rows must be taken before the next file."""
        for path in self._paths:
            yield path, self._rows()

    def _rows(self) -> Iterator[Shred]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _scan(self) -> None:
        for path in self._paths:
            last: BaseException | None = None
            try:
                for shred in scanned(path) if self._fast else read(path):
                    self._queue.put(shred)
                    if self._stop.is_set():
                        return
            except BaseException as error:
                last = error  # told to who takes the rows, in their place
            self._queue.put(last)
            if self._stop.is_set():
                return


def scanned(path: Path) -> Iterator[Shred]:
    """The rows of a file, by the fast scanner.

    Raises
    ------
    NotPlain : the file is out of the ordinary; what came before is not to be kept
    """
    with path.open("rb") as file:
        head = file.read(4096)
        if head.lstrip()[:1] in (b"{", b"["):
            raise NotPlain  # the standard library's scanner is fast enough
        if head.startswith(b"\x1f\x8b") or not head.lstrip().startswith(b"<"):
            raise NotPlain
        if (said := _ENCODING.search(head[:200])) and said[1].lower() not in (
            b"utf-8",
            b"us-ascii",
            b"ascii",
        ):
            raise NotPlain
        # rows point into it after this generator has ended; it is closed when the last of them is gone
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    yield from _pieces(text, np.frombuffer(text, np.uint8))


def _pieces(text: mmap.mmap, whole: Any) -> Iterator[Shred]:
    from recore.fleet.aemp.scan import DONE, ODD, Scanner

    scanner, status = Scanner(whole), -1
    while status != DONE:
        status, rows = scanner.next(PIECE)
        if status == ODD:
            raise NotPlain
        yield Shred(text, rows, "xml")
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
