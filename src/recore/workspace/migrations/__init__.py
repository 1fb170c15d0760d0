"""Schema migrations: one file per revision in `versions/`, run inside the caller's transaction.

A new one: copy the newest, raise the number, write both directions, and set `HEAD` in `database.py`.
The tests compare the outcome with `tables.py` on both databases.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from recore.errors import BadInput


def config() -> Config:
    """Alembic's settings; they need no file, so they also hold in an installed wheel."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "newline")
    return settings


def run(connection: Connection, version: str | None, to: str, *, where: str) -> None:
    """Move the schema from `version` to revision `to` ('head', 'base' or a number)."""
    settings = config()
    known = [script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()]
    if version is not None and version not in known:
        raise BadInput(
            f"the database has schema {version}, which this version of Recore does not know",
            where=where,
            right=f"install the newer Recore that made it (this one knows up to {max(known)})",
        )
    settings.attributes["connection"] = connection
    down = to == "base" or (to != "head" and version is not None and to < version)
    (command.downgrade if down else command.upgrade)(settings, to)
