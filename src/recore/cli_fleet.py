"""Commands of `recore fleet`: telematics of machines, live pressures of supports."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from recore.cli_fleet_live import add as add_live
from recore.cli_shared import Json, print_json, progress_bar
from recore.errors import BadInput, visible

app = typer.Typer(help="Machines in the field: telematics, hour meters.", no_args_is_help=True)
add_live(app)

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="Derived tables: duckdb:///FILE, a path, or postgresql://… (default: the user's own DuckDB file).",
    ),
]


@app.command()
def ingest(
    sources: Annotated[
        list[str], typer.Argument(metavar="URL|FILE...", help="Servers, files or folders of documents.")
    ],
    format_: Annotated[
        str, typer.Option("--format", help="Of the documents: aemp (ISO/TS 15143-3).")
    ] = "aemp",
    database: DatabaseUrl = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            help="Where files are read: inline, processes:N or dask://HOST:PORT (default: two processes where it pays).",
            metavar="EXECUTOR",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Take telematics in; readings that are there count once. A file that cannot be read ends it, unwritten."""
    if format_ != "aemp":
        raise BadInput(f"{format_!r}", where="--format", right="aemp is wanted")
    from recore.fleet import telematics
    from recore.fleet.derived import Derived

    store = Derived(database)
    with progress_bar("fleet") as progress:
        found = telematics.normalise(sources, now=datetime.now(UTC), on=on, progress=progress)
        document = telematics.ingest(store, found)
    if json_:
        print_json(document)
        return
    print(
        f"{document['machines']} machines, {document['readings']} readings, {document['new_readings']} of them new"
    )
    _tell("rejected", document["rejected"])
    _tell("conflict", document["conflict_records"])
    if document["conflicts"] > len(document["conflict_records"]):
        print(f"{document['conflicts']} conflicts in all", file=sys.stderr)


def _tell(what: str, records: list[dict[str, Any]]) -> None:
    for record in records:
        who = " ".join(record.get("machine", {}).values())
        words = [record["file"], who, *(str(record.get(key, "")) for key in ("time", "element", "value"))]
        text = f"{what}: {' '.join(word for word in words if word)}: {record['reason']}"
        print(visible(text), file=sys.stderr)


@app.command()
def rollback(database: DatabaseUrl = None, json_: Json = False) -> None:
    """Find hour meters that were turned back, set to zero or exchanged."""
    from recore.fleet import telematics
    from recore.fleet.derived import Derived

    with progress_bar("fleet") as progress:
        document = telematics.rollback(Derived(database), progress=progress)
    if json_:
        print_json(document)
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
