"""What a word on the command line means: a file, the files of a folder, or a URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recore.errors import BadInput
from recore.evidence.file import EvidenceFile, open_file
from recore.evidence.formats import TABLES
from recore.evidence.remote import below, is_url, open_url

MOST = 100_000
_ENDINGS = frozenset(TABLES.replace(" or ", ", ").split(", "))


def open_words(words: list[str]) -> Iterator[tuple[EvidenceFile, int, int]]:
    """Open files, folders and URLs as evidence, with how many of how many are open.

    Of a folder every file of tables below it is taken, in the order of the names, and named by its path in the
    folder; hidden files, links and other formats are not. A URL that does not end in .parquet is a folder.

    Raises
    ------
    BadInput : a file cannot be opened, or a folder holds none
    """
    found: list[tuple[str | Path, str | None]] = []
    for word in words:
        found += _listed(word)
        if len(found) > MOST:
            raise BadInput(f"more than {MOST} files", where=word, right="join small files to larger ones")
    for number, (place, name) in enumerate(found, 1):
        opened = open_url(place, name=name) if isinstance(place, str) else open_file(place, name=name)
        yield opened, number, len(found)


def _listed(word: str) -> list[tuple[str | Path, str | None]]:
    if is_url(word):
        return [(word, None)] if word.lower().endswith(".parquet") else list(below(word))
    path = Path(word)
    if not path.is_dir():
        return [(path.resolve(), path.name)]
    root = path.resolve()
    files = sorted(
        (file.relative_to(root).as_posix(), file)
        for file in root.rglob("*")
        if file.suffix.lower() in _ENDINGS and file.is_file() and not file.is_symlink()
    )
    files = [(name, file) for name, file in files if not any(p.startswith(".") for p in name.split("/"))]
    if not files:
        raise BadInput("the folder holds no table", where=word, right=f"files ending in {TABLES} are wanted")
    return [(file, name) for name, file in files]
