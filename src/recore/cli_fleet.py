"""Commands of `recore fleet`: telematics of machines."""

# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recore.errors import BadInput, visible

if TYPE_CHECKING:
    from recore.method import Progress

app = typer.Typer(help="Machines in the field: telematics, hour meters.", no_args_is_help=True)
PATIENCE_S, AGAIN_S = 2.0, 1.0

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="Derived tables: duckdb:///FILE, a path, or postgresql://… (default: the user's own DuckDB file).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]


@app.command()
def ingest(
    sources: Annotated[
        list[str], typer.Argument(metavar="URL|FILE...", help="Servers, files or folders of documents.")
    ],
    format_: Annotated[
        str, typer.Option("--format", help="Of the documents: aemp (ISO/TS 15143-3).")
    ] = "aemp",
    database: DatabaseUrl = None,
    json_: AsJson = False,
) -> None:
    """Take telematics in; readings that are there count once. A file that cannot be read ends it, unwritten."""
    if format_ != "aemp":
        raise BadInput(f"{format_!r}", where="--format", right="aemp is wanted")
    from recore.fleet import telematics
    from recore.fleet.derived import Derived

    store = Derived(database)
    with told() as progress:
        found = telematics.normalise(sources, now=datetime.now(UTC), progress=progress)
        document = telematics.ingest(store, found)
    if json_:
        _print_json(document)
        return
    print(
        f"{document['machines']} machines, {document['readings']} readings, {document['new_readings']} of them new"
    )
    for record in document["rejected"]:
        who = " ".join(record.get("machine", {}).values())
        words = [
            record["file"],
            who,
            record.get("time", ""),
            record.get("element", ""),
            record.get("value", ""),
        ]
        print(
            visible(f"rejected: {' '.join(word for word in words if word)}: {record['reason']}"),
            file=sys.stderr,
        )


@app.command()
def rollback(database: DatabaseUrl = None, json_: AsJson = False) -> None:
    """Find hour meters that were turned back, set to zero or exchanged."""
    from recore.fleet import telematics
    from recore.fleet.derived import Derived

    with told() as progress:
        document = telematics.rollback(Derived(database), progress=progress)
    if json_:
        _print_json(document)
        return
    for event in document["events"]:
        who = " ".join(event["machine"].values())
        print(
            visible(
                f"{event['kind']}: {who}: {event['hours_before']:g} h at {event['from']}, "
                f"{event['hours_after']:g} h at {event['to']}"
            )
        )
    print(f"{len(document['events'])} in {document['readings']} readings of {document['machines']} machines")


@contextmanager
def told() -> Iterator[Progress | None]:
    """Tell on stderr what is being done, once it takes more than two seconds."""
    last = time.monotonic() + PATIENCE_S - AGAIN_S

    def progress(share: float, doing: str) -> None:
        nonlocal last
        if time.monotonic() - last > AGAIN_S:
            last = time.monotonic()
            print(visible(f"recore: {share:4.0%} {doing}"), file=sys.stderr)

    yield progress


def _print_json(document: Any) -> None:
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    print(json.dumps(document, ensure_ascii=not utf8, indent=2, allow_nan=False))


def simulate_telematics(
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")],
    machines: Annotated[int, typer.Option("--machines", help="Machines of the fleet.")] = 50,
    days: Annotated[int, typer.Option("--days", help="Days of telematics, from 2025-01-01 on.")] = 365,
    cadence: Annotated[
        str | None,
        typer.Option("--cadence", help="Hours between telegrams, or the least and the most: 0.2,72."),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="xml, json, or both in turn.")] = "both",
    bad: Annotated[int, typer.Option("--bad", min=0, help="Records of each bad kind.")] = 3,
    packed: Annotated[bool, typer.Option("--gzip", help="Pack the documents.")] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Any other parameter of the fleet."),
    ] = None,
    json_: AsJson = False,
) -> None:
    """Simulate a fleet's telematics (ISO/TS 15143-3): snapshots of each day, events.csv and truth.json."""
    from recore.simulate import aemp
    from recore.simulate.telematics import Fleet, telegrams
    from recore.simulate.writing import filled

    kinds: dict[str, tuple[aemp.DocumentFormat, ...]] = {
        "xml": ("xml",),
        "json": ("json",),
        "both": ("xml", "json"),
    }
    if format_ not in kinds:
        raise BadInput(f"{format_!r}", where="--format", right="xml, json or both is wanted")
    words = {"machines": str(machines), "days": str(days)} | ({"cadence_h": cadence} if cadence else {})
    for word in parameter or []:
        name, equals, value = word.partition("=")
        if not equals or name in words:
            raise BadInput(f"{word!r}", where="-p", right="NAME=VALUE, each name once")
        words[name] = value
    with told() as progress:
        made = telegrams(seed, filled(Fleet, words))
        written = aemp.write(made, out, bad=bad, kinds=kinds[format_], packed=packed, progress=progress)
    if json_:
        _print_json({"synthetic": True, "seed": seed, "files": [str(path) for path in written]})
    else:
        print(f"{len(written)} files in {visible(out)}")
