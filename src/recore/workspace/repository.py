"""What every repository needs: the database, the files and the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from recore.errors import BadInput
from recore.workspace.database import Database
from recore.workspace.errors import NotFound
from recore.workspace.files import Files
from recore.workspace.tables import Base

Row = TypeVar("Row", bound=Base)
Clock = Callable[[], datetime]
FileSource = str | Path | BinaryIO
MAX_PAGE = 1000
DIGEST = re.compile(r"[0-9a-f]{64}")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Repository:
    """Keeper of the tables of one noun; nothing else reads or writes them."""

    def __init__(self, database: Database, files: Files, clock: Clock = utc_now) -> None:
        self._database, self._files, self._clock = database, files, clock

    def _get(self, session: Session, kind: type[Row], key: Any, *, lock: bool = False) -> Row:
        # no row has a number that a database cannot hold
        there = not isinstance(key, int) or 0 < key < 2**63
        row = session.get(kind, key, with_for_update=lock or None) if there else None
        if row is None:
            noun = kind.__name__.removesuffix("Row").lower()
            raise NotFound(f"no {noun} {key!r:.80} in this workspace")
        return row

    def _page(self, statement: Select[Row], limit: int, offset: int) -> list[Row]:
        if not 1 <= limit <= MAX_PAGE or not 0 <= offset < 2**63:
            raise BadInput(f"limit {limit}, offset {offset}", right=f"limit 1 to {MAX_PAGE}, offset from 0")
        with self._database.reading() as session:
            return list(session.scalars(statement.limit(limit).offset(offset)))

    def _count(self, statement: Select[Any]) -> int:
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def digest(text: str) -> str:
    """A SHA-256 in lower-case hexadecimal, checked."""
    if not DIGEST.fullmatch(text):
        raise NotFound(f"{text!r:.80} is no SHA-256", right="64 hexadecimal digits are wanted")
    return text


def storable(value: Any, *, where: str) -> Any:
    """The value, when no text in it holds a character that a database cannot keep."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise BadInput(f"{value!r:.80} holds a character that is no text", where=where, right="remove it")
    elif isinstance(value, dict):
        for key, item in value.items():
            storable(key, where=where)
            storable(item, where=where)
    elif isinstance(value, list | tuple):
        for item in value:
            storable(item, where=where)
    return value
