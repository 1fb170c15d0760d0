"""An evidence file: a regular file with its name, its SHA-256 and how it came to be."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from recore.errors import BadInput
from recore.finding import media_type

if TYPE_CHECKING:
    from recore.model.case import Capture

CHUNK = 2 * 2**20

_NOT_REGULAR: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


@dataclass(frozen=True)
class EvidenceFile:
    """A raw file: named, content-addressed, and able to read itself.

    Parameters
    ----------
    name : name the file goes by in findings; its ending says what it holds
    sha256 : digest of the bytes, 64 lower-case hexadecimal digits
    size : bytes
    media_type : media type by the ending of `name`
    path : where the bytes lie
    capture : who took it, when and with what, where that is known
    stamp : device, inode and modification time [ns] at opening, so that a later change is noticed
    """

    name: str
    sha256: str
    size: int
    media_type: str
    path: Path
    capture: Capture | None = None
    stamp: tuple[int, int, int] | None = field(default=None, repr=False, compare=False)

    def read(self, kind: Any = Any) -> Any:
        """The content as the type that a method's input is annotated with.

        Parameters
        ----------
        kind : `Table`; a pydantic model; a class with `from_table`; a dataclass with array fields; `dict`,
            `list`, `bytes`, `str`, `Path`, `numpy.ndarray`, `pyarrow.Table`; `Any` goes by the media type

        Raises
        ------
        BadInput : the file holds no such thing, or has changed since it was opened
        """
        from recore.evidence.reading import read

        with opened(self.path, self.name) as stream:
            if self.stamp is not None and stamp_of(stream) != (self.stamp, self.size):
                raise BadInput(
                    "the file has changed since its digest was taken",
                    where=self.name,
                    right="leave evidence untouched while it is read",
                )
        return read(self, kind)


def open_file(path: str | Path, *, name: str | None = None, capture: Capture | None = None) -> EvidenceFile:
    """Open a file as evidence; its SHA-256 is streamed, never loaded.

    Parameters
    ----------
    path : a regular file; links, pipes and devices are refused
    name : name it goes by, the file's own where it is not given
    capture : how the file came to be

    Raises
    ------
    BadInput : missing, unreadable, or not a regular file
    """
    path = Path(path)
    name = checked_name(name or path.name)
    with opened(path) as stream:
        stamp, size = stamp_of(stream)
        sha256 = digest(stream)
        if stamp_of(stream) != (stamp, size):
            raise BadInput(
                "the file changes while it is read", where=str(path), right="wait until it is whole"
            )
    return EvidenceFile(
        name=name,
        sha256=sha256,
        size=size,
        media_type=media_type(name),
        path=path,
        capture=capture,
        stamp=stamp,
    )


def checked_name(name: str) -> str:
    """A file name that can stand in a finding."""
    if not name or any(ord(letter) < 32 for letter in name):
        raise BadInput("is not a file name", where=repr(name), right="rename the file")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadInput(
            "the file name is not valid Unicode", where=ascii(name), right="rename the file"
        ) from None
    return name


def digest(stream: BinaryIO) -> str:
    """SHA-256 of what is left in a binary stream, in hexadecimal; memory is bounded by one chunk."""
    sha = hashlib.sha256()
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    while count := stream.readinto(buffer):  # type: ignore[attr-defined]
        sha.update(view[:count])
    return sha.hexdigest()


def opened(path: Path, name: str | None = None) -> BinaryIO:
    """A regular file, opened for reading without following a link and without waiting on a pipe."""
    where = name or str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _not_opened(error, where) from None
    except ValueError:  # a NUL in the name
        raise BadInput("is not a file name", where=repr(where)) from None
    mode = os.fstat(descriptor).st_mode
    for is_such, what in _NOT_REGULAR:
        if is_such(mode):
            os.close(descriptor)
            raise BadInput(what, where=where, right="give a regular file")
    return os.fdopen(descriptor, "rb", buffering=0)


def _not_opened(error: OSError, where: str) -> BadInput:
    if error.errno == errno.ELOOP:
        return BadInput("is a symbolic link", where=where, right="give the file it points to")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return BadInput("there is no such file", where=where, right="check the name and the folder")
    if error.errno in (errno.EACCES, errno.EPERM):
        return BadInput("may not be read", where=where, right="give yourself the right to read it")
    if error.errno == errno.ENXIO:
        return BadInput("is a socket or device", where=where, right="give a regular file")
    return BadInput(f"cannot be opened ({error.strerror or error})", where=where)


def stamp_of(stream: BinaryIO) -> tuple[tuple[int, int, int], int]:
    """Device, inode and modification time [ns] of an open file, and its size."""
    status = os.fstat(stream.fileno())
    return (status.st_dev, status.st_ino, status.st_mtime_ns), status.st_size
