"""Evidence that stays where it is: Parquet files behind an fsspec URL (S3, GCS, HDFS, HTTP …).

The digest is taken over one streamed reading; after that only the row groups and columns that a task
needs are fetched, by whoever runs it. Any other format is refused: it would be read whole each time.
"""

from __future__ import annotations

import re
import typing
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from recore.errors import BadInput
from recore.evidence.file import EvidenceFile, checked_name, digest
from recore.finding import media_type

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PARQUET = ".parquet"


def is_url(word: str) -> bool:
    """Whether a word names something by URL; a Windows drive or a plain path does not."""
    return bool(_URL.match(word))


@dataclass(frozen=True)
class Remote:
    """A file behind a URL; `mark` is what its file system says of this version of it."""

    url: str
    size: int
    mark: str

    def open(self) -> Any:
        """A seekable binary stream.

        Raises
        ------
        BadInput : gone, or another version than the one whose digest was taken
        """
        system, path = _system(self.url)
        try:
            if (system.size(path), _mark(system, path)) != (self.size, self.mark):
                raise BadInput(
                    "the file has changed since its digest was taken",
                    where=self.url,
                    right="leave evidence untouched while it is read",
                )
            return system.open(path, "rb")
        except BadInput:
            raise
        except Exception as error:
            raise _unreadable(self.url, error) from None


@dataclass(frozen=True)
class RemoteFile(EvidenceFile):
    """A Parquet file behind a URL; it can be read as a table only."""

    remote: Remote = field(kw_only=True)

    def read(self, kind: Any = Any) -> Any:
        from recore.evidence.reading import read
        from recore.evidence.table import Table

        members = typing.get_args(kind) or (kind,)
        if not any(m in (Any, Table) or callable(getattr(m, "from_table", None)) for m in members):
            raise BadInput(
                "only tables are read from a URL", where=self.name, right="copy the file here and name it"
            )
        return read(self, kind)


def open_url(url: str, *, name: str | None = None) -> RemoteFile:
    """Open a remote Parquet file as evidence; its SHA-256 is streamed.

    Raises
    ------
    BadInput : no such file, no library for this kind of URL, or not Parquet by its name
    """
    if not url.lower().endswith(_PARQUET):
        raise BadInput(
            "only Parquet is read from a URL",
            where=url,
            right="copy the file here, or convert it to .parquet",
        )
    system, path = _system(url)
    try:
        size, mark = int(system.size(path)), _mark(system, path)
        with system.open(path, "rb", block_size=2**22) as stream:
            sha256 = digest(stream)
    except Exception as error:
        raise _unreadable(url, error) from None
    name = checked_name(name or PurePosixPath(path).name)
    return RemoteFile(
        name=name,
        sha256=sha256,
        size=size,
        media_type=media_type(name),
        path=None,  # type: ignore[arg-type]
        remote=Remote(url, size, mark),
    )


def below(url: str) -> list[tuple[str, str]]:
    """Parquet files in a remote folder, sorted: URL and name relative to the folder.

    Raises
    ------
    BadInput : nothing there, or it cannot be listed
    """
    system, path = _system(url)
    try:
        found = sorted(name for name in system.find(path) if _is_log(name))
    except Exception as error:
        raise _unreadable(url, error) from None
    if not found:
        raise BadInput("holds no .parquet file", where=url, right="give a file or a folder of Parquet files")
    root = path.rstrip("/") + "/"
    return [(system.unstrip_protocol(name), name.removeprefix(root)) for name in found]


def _is_log(path: str) -> bool:
    return path.lower().endswith(_PARQUET) and not path.rpartition("/")[2].startswith(".")


def _system(url: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError:
        raise BadInput("reading from a URL needs fsspec", where=url, right="install recore[scale]") from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except Exception as error:
        raise _unreadable(url, error) from None
    return system, path


def _mark(system: Any, path: str) -> str:
    try:
        return str(system.checksum(path))
    except NotImplementedError:
        return str(system.ukey(path))


def _unreadable(url: str, error: Exception) -> BadInput:
    if isinstance(error, FileNotFoundError):
        return BadInput("there is no such file", where=url, right="check the name and the folder")
    reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
    return BadInput(f"cannot be read ({reason})", where=url)
