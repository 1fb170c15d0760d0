"""What all groups of commands read and print with."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recore.errors import BadInput, visible

if TYPE_CHECKING:
    from recore.method import Progress

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Day = Annotated[
    str | None, typer.Option("--as-of", help="Day on which the rules are read.", metavar="YYYY-MM-DD")
]


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(document, ensure_ascii=not utf8, indent=2, allow_nan=False))


@contextmanager
def progress_bar(title: str) -> Iterator[Progress | None]:
    """A progress bar on stderr where a person is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)

        def told(share: float, doing: str) -> None:
            bar.update(task, completed=share, description=doing[:60])

        yield told


def utc_now() -> datetime:
    """This second; a passport knows no finer time."""
    return datetime.now(UTC).replace(microsecond=0)


def day_of(text: str | None) -> date:
    """The day of `--as-of`; today where none is given."""
    if text is None:
        return utc_now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no day", where="--as-of", right="write it as 2026-11-21") from None


def say(text: str) -> None:
    """Tell the user on stderr, which leaves stdout to the answer."""
    print(visible(text), file=sys.stderr, flush=True)
