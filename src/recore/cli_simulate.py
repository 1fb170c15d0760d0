"""Commands of `recore simulate`: seeded physics with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recore.cli_shared import Json, print_json, progress_bar
from recore.errors import BadInput, visible

if TYPE_CHECKING:
    from recore.method import Progress
    from recore.simulate.writing import Simulated

simulate_app = typer.Typer(
    help="Seeded physics with known truth, to learn and to test on.", no_args_is_help=True
)

Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same files.")]
Into = Annotated[Path, typer.Option("--out", help="Folder to write into.", metavar="DIR")]
More = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Any other parameter of the simulator."),
]
RecordFormat = Annotated[str, typer.Option("--format", help="Of the records: csv or parquet.")]


@simulate_app.command("spindle")
def simulate_spindle(
    seed: Seed,
    out: Into,
    set_: Annotated[
        str, typer.Option("--set", help="single, reversal, multistep or two-eccentricities.")
    ] = "single",
    steps: Annotated[int, typer.Option(help="Orientations of a multi-step set.")] = 12,
    probes: Annotated[int | None, typer.Option(help="Radial probes, 1 to 8, at good angles.")] = None,
    angles: Annotated[str | None, typer.Option(help="Their angles in deg, as in 0,99.84,202.5.")] = None,
    revolutions: Annotated[str | None, typer.Option(help="Revolutions.")] = None,
    samples: Annotated[str | None, typer.Option(help="Samples per revolution.")] = None,
    eccentricity: Annotated[str | None, typer.Option(help="Eccentricity of the artefact [µm].")] = None,
    noise: Annotated[str | None, typer.Option(help="Noise of a probe, standard deviation [nm].")] = None,
    parameter: More = None,
    file_format: RecordFormat = "csv",
    json_: Json = False,
) -> None:
    """Simulate a rig for spindle tests: record, truth.json and truth_harmonics.csv."""
    from recore.simulate.spindle import LAYOUTS, Rig
    from recore.simulate.spindle_sets import simulate_set
    from recore.simulate.writing import filled

    if probes is not None:
        if angles is not None and len(angles.split(",")) != probes:
            raise BadInput(
                f"{probes} probes and --angles {angles}", where="--probes", right="give one of them"
            )
        if probes not in LAYOUTS:
            raise BadInput(f"{probes} probes", where="--probes", right="1 to 8 are wanted")
        angles = angles or ",".join(f"{angle:g}" for angle in LAYOUTS[probes])
    given = {
        "angles_deg": angles,
        "revolutions": revolutions,
        "samples": samples,
        "eccentricity_um": eccentricity,
        "noise_nm": noise,
    }
    rig = filled(Rig, _words(parameter, given))
    kind = _one_of(set_, ("single", "reversal", "multistep", "two-eccentricities"), "--set")
    with progress_bar("simulate spindle") as progress:
        made = simulate_set(seed, rig, kind, steps=steps, progress=progress)
        _write_simulated(made, out, file_format, progress, seed, json_)


@simulate_app.command("vibration")
def simulate_vibration(
    seed: Seed,
    out: Into,
    fault: Annotated[str | None, typer.Option(help="none, inner, outer or ball.")] = None,
    bearing: Annotated[
        str | None,
        typer.Option(help="6205, 6203, or elements, element mm, pitch mm, contact deg: 9,7.94,39.04,0."),
    ] = None,
    speed: Annotated[str | None, typer.Option(help="Shaft speed [rpm].")] = None,
    seconds: Annotated[str | None, typer.Option(help="Length of the record [s].")] = None,
    rate: Annotated[str | None, typer.Option(help="Sampling rate [Hz].")] = None,
    parameter: More = None,
    file_format: RecordFormat = "csv",
    json_: Json = False,
) -> None:
    """Simulate the vibration of a machine with a sound or a damaged bearing: record and truth.json."""
    from recore.simulate.vibration import Machine, vibration
    from recore.simulate.writing import filled

    given = {"fault": fault, "bearing": bearing, "speed_rpm": speed, "seconds": seconds, "rate_hz": rate}
    machine = filled(Machine, _words(parameter, given))
    with progress_bar("simulate vibration") as progress:
        _write_simulated(vibration(seed, machine), out, file_format, progress, seed, json_)


@simulate_app.command("supports")
def simulate_supports(
    seed: Seed,
    out: Into,
    days: Annotated[str | None, typer.Option(help="Length of the log [d].")] = None,
    supports: Annotated[str | None, typer.Option(help="Supports of the face.")] = None,
    faults: Annotated[
        str | None, typer.Option(help="all, none, or codes as in leg_leak,sensor_stuck.")
    ] = None,
    parameter: More = None,
    file_format: RecordFormat = "parquet",
    json_: Json = False,
) -> None:
    """Simulate a longwall face: log of the leg pressures, cycles, faults, weighting, legs and truth.json."""
    from recore.simulate.supports import Longwall, LongwallFace
    from recore.simulate.writing import filled

    face = filled(Longwall, _words(parameter, {"days": days, "supports": supports, "faults": faults}))
    kind = _one_of(file_format, ("csv", "parquet"), "--format")
    with progress_bar("simulate supports") as progress:
        _print_files(LongwallFace(seed, face).write(out, file_format=kind, progress=progress), seed, json_)


def _words(parameter: list[str] | None, given: dict[str, str | None]) -> dict[str, str]:
    """NAME=VALUE words and options of a simulator, each given once."""
    words = {name: value for name, value in given.items() if value is not None}
    for word in parameter or []:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BadInput(f"{word!r}", where="-p", right="NAME=VALUE is wanted")
        if name in words:
            raise BadInput(f"{name!r} is given twice", where="-p", right="give it once")
        words[name] = value
    return words


def _one_of(word: str, known: tuple[str, ...], where: str) -> Any:
    if word not in known:
        raise BadInput(f"{word!r}", where=where, right=f"{', '.join(known[:-1])} or {known[-1]} is wanted")
    return word


def _write_simulated(
    made: Simulated, out: Path, file_format: str, progress: Progress | None, seed: int, json_: bool
) -> None:
    files = made.write(
        out, file_format=_one_of(file_format, ("csv", "parquet"), "--format"), progress=progress
    )
    _print_files(files, seed, json_)


def _print_files(files: list[Path], seed: int, json_: bool) -> None:
    if json_:
        print_json({"synthetic": True, "seed": seed, "files": [str(path) for path in files]})
    else:
        for path in files:
            typer.echo(visible(path))
