"""Files that are either whole or not there: temporary file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from recore.errors import BadInput


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Open a file to be written; it takes the place of `path` only when the block ends without error."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
        sync_folder(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file atomically."""
    with replacing(path, mode=mode) as file:
        file.write(data)


def write_new(folder: Path, content: Mapping[Path, bytes]) -> list[Path]:
    """Write files into a folder, never over another content; nothing is written where one is in the way.

    Raises
    ------
    BadInput : a file of that name with another content is there already
    """
    for name, data in content.items():
        path = folder / name
        if path.exists() and (not path.is_file() or path.read_bytes() != data):
            raise BadInput(
                "is there already, with another content", where=str(path), right="give another folder"
            )
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / name, data)
    return [folder / name for name in content]


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
