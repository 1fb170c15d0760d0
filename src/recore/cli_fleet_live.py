"""`recore fleet live`: leg pressures over MQTT or OPC UA become load cycles as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recore.cli_shared import Json, print_json
from recore.errors import visible


def add(app: typer.Typer) -> None:
    """Put the command into the group `recore fleet`."""
    app.command("live")(fleet_live)


def fleet_live(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="mqtt://HOST[:PORT][/TOPIC] or opc.tcp://HOST[:PORT][/PATH].")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="Folder of the stream; one that is there is gone on with.", metavar="DIR"),
    ],
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="How long [s]; until Ctrl-C where not given.")
    ] = None,
    set_threshold_mpa: Annotated[float, typer.Option(min=0, help="As of support.cycles [MPa].")] = 5.0,
    release_threshold_mpa: Annotated[float, typer.Option(min=0, help="As of support.cycles [MPa].")] = 3.0,
    yield_mpa: Annotated[float, typer.Option(min=0, help="As of support.cycles [MPa].")] = 40.0,
    gap_limit_s: Annotated[float, typer.Option(min=0, help="As of support.cycles [s].")] = 300.0,
    patience_s: Annotated[
        float, typer.Option(min=0, max=3600, help="How late a sample of a leg may come [s].")
    ] = 5.0,
    json_: Json = False,
) -> None:
    """Listen to the legs of a face: log, cycles and live.json in a folder."""
    from recore.fleet.live import listen
    from recore.fleet.live_store import Settings

    settings = Settings(set_threshold_mpa, release_threshold_mpa, yield_mpa, gap_limit_s, patience_s)
    told = listen(url, out, seconds=seconds, settings=settings)
    if json_:
        print_json(told)
        return
    for name, value in told.items():
        typer.echo(visible(f"{name:14}{value}"))
