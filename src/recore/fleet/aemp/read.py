"""Files of telematics: XML, JSON, either packed with gzip, or folders of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from recore.errors import BadInput
from recore.fleet.aemp.shred import Shred, shreds

SUFFIXES = (".xml", ".json", ".gz")
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
            inside = [p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)]
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
