"""The content-addressed store of evidence: a local folder, safe against a kill at any moment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from recore.atomic import sync_folder
from recore.errors import BadInput
from recore.evidence.file import CHUNK, EvidenceFile, checked_name, digest, opened, stamp_of
from recore.finding import media_type

if TYPE_CHECKING:
    from recore.model.case import Capture

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".new"


@dataclass(frozen=True)
class Store:
    """Files by their SHA-256: `<folder>/ab/cdef…`, and beside each its name in `<folder>/ab/cdef….name`.

    A file appears under its digest only when all its bytes are on the disk; whatever a killed
    writer left behind lies in `<folder>/.new` and is removed when the store is next opened.
    Several processes may write at once.
    """

    folder: Path

    def __init__(self, folder: str | Path) -> None:
        object.__setattr__(self, "folder", Path(folder))
        with self._acting("the store cannot be opened"):
            self._temporary.mkdir(parents=True, exist_ok=True)
            self._clean()

    def put(
        self, source: str | Path | BinaryIO, name: str | None = None, *, capture: Capture | None = None
    ) -> EvidenceFile:
        """Take a file in; taking it in again changes nothing but its name.

        Parameters
        ----------
        source : path of a regular file, or a binary stream read to its end
        name : name it goes by; a stream needs one
        capture : how the file came to be

        Raises
        ------
        BadInput : the source cannot be read, or the disk is full or may not be written
        """
        if isinstance(source, str | Path):
            path = Path(source)
            with opened(path) as stream:
                return self._put(stream, checked_name(name or path.name), capture)
        if name is None:
            raise TypeError("a stream has no name of its own; give one")
        return self._put(source, checked_name(name), capture)

    def get(self, sha256: str, *, name: str | None = None, verify: bool = False) -> EvidenceFile:
        """The file with a digest, under the name it was last put with or the one given.

        Parameters
        ----------
        verify : read the bytes once and hold them against the digest

        Raises
        ------
        BadInput : not a SHA-256, not in the store, or (with `verify`) damaged
        """
        path = self._path(sha256)
        try:
            stream = opened(path, f"evidence {sha256[:12]}…")
        except BadInput as error:
            if path.exists():
                raise
            raise BadInput(
                f"no evidence with SHA-256 {sha256}", where=str(self.folder), right="put the file in first"
            ) from error
        with stream:
            stamp, size = stamp_of(stream)
            if verify and (found := digest(stream)) != sha256:
                raise BadInput(
                    f"the stored bytes have SHA-256 {found}",
                    where=str(path),
                    right="put the original in again",
                )
        if name is None:
            record = path.with_name(path.name + ".name")
            name = record.read_text(encoding="utf-8") if record.exists() else sha256
        return EvidenceFile(name, sha256, size, media_type(name), path, None, stamp)

    def __contains__(self, sha256: str) -> bool:
        return bool(_SHA256.fullmatch(sha256)) and self._path(sha256).is_file()

    def __iter__(self) -> Iterator[str]:
        """Digests of everything in the store."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if _SHA256.fullmatch(sha256 := path.parent.name + path.name):
                yield sha256

    @property
    def _temporary(self) -> Path:
        return self.folder / _TEMPORARY

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise BadInput(
                f"{sha256[:80]!r} is not a SHA-256", right="64 lower-case hexadecimal digits are wanted"
            )
        return self.folder / sha256[:2] / sha256[2:]

    def _put(self, stream: BinaryIO, name: str, capture: Capture | None) -> EvidenceFile:
        with self._acting(f"{name!r} cannot be stored"), self._new_file() as (draft, temporary):
            sha = hashlib.sha256()
            while chunk := stream.read(CHUNK):
                sha.update(chunk)
                draft.write(chunk)
            sha256 = sha.hexdigest()
            target = self._path(sha256)
            if not target.parent.exists():
                target.parent.mkdir(exist_ok=True)
                sync_folder(self.folder)
            # the name goes first: bytes without a name would be there, a name without bytes is not
            with self._new_file() as (note, note_path):
                note.write(name.encode())
                _finish(note, note_path, target.with_name(target.name + ".name"))
            # whole bytes stay where they are: somebody may be reading them
            if not _holds(target, sha256):
                os.fchmod(draft.fileno(), 0o444)
                _finish(draft, temporary, target)
            sync_folder(target.parent)
        return replace(self.get(sha256, name=name), capture=capture)

    @contextmanager
    def _new_file(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A locked temporary file; it is gone afterwards unless it was renamed."""
        while True:
            path = self._temporary / secrets.token_hex(16)
            with path.open("xb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                if not path.exists():  # another process cleaned up between open and lock
                    continue
                try:
                    yield stream, path
                finally:
                    path.unlink(missing_ok=True)
                return

    def _clean(self) -> None:
        """Remove what killed writers left; a living writer holds a lock on its file."""
        for path in self._temporary.iterdir():
            with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    @contextmanager
    def _acting(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadInput(
                f"{what} ({error.strerror or error})",
                where=str(self.folder),
                right="see to free space and the right to write there",
            ) from error


def _holds(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb", buffering=0) as stream:
            return digest(stream) == sha256
    except FileNotFoundError:
        return False


def _finish(stream: BinaryIO, path: Path, target: Path) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    path.replace(target)
