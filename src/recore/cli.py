"""The command line. Exit status: 0 done, 1 the answer is no, 2 bad input.

Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recore import __version__, cli_fleet, cli_key, cli_rules
from recore.cli_print import print_appraisal, print_finding, print_verification
from recore.cli_shared import Day, Json, day_of, print_json, progress_bar, say, utc_now
from recore.cli_signing import IssuerDocuments, Passphrase, expected_issuer, issuer_documents, signing_key
from recore.cli_simulate import simulate_app
from recore.errors import BadInput, visible

if TYPE_CHECKING:
    from recore.appraisal.case import Appraisal
    from recore.method import Outcome, Progress

app = typer.Typer(
    name="recore",
    help="From raw inspection evidence to a passport that anyone can recompute.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_rules.app, name="rules")
app.add_typer(cli_key.app, name="key")
app.add_typer(simulate_app, name="simulate")
app.add_typer(cli_fleet.app, name="fleet")

# a run over more evidence than this keeps what it has done, to go on after a kill
RESUMED_BYTES = 2**26

Out = Annotated[Path | None, typer.Option("--out", help="Folder to write into.", metavar="DIR")]
On = Annotated[
    str,
    typer.Option(
        "--on", help="Where work runs: inline, processes:N or dask://HOST:PORT.", metavar="EXECUTOR"
    ),
]


def main() -> None:
    """Entry point: bad input ends with one line on stderr and exit status 2, never with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that knows no µ shall show its code rather than nothing
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BadInput as error:
        say(f"recore: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("recore: stopped")
        sys.exit(130)
    except BrokenPipeError:
        # the reader of a pipe has gone; point stdout away so that the interpreter's last flush is silent
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        where, what = error.filename or "system", error.strerror or error
        say(f"recore: {where}: {what}; check the name, the rights and the space on the disk")
        sys.exit(2)
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if os.environ.get("RECORE_DEBUG"):
            raise
        say(f"recore: {_fault(error)} (RECORE_DEBUG=1 shows where)")
        sys.exit(70)


def _fault(error: BaseException) -> str:
    from recore.method import MethodFault, said

    return str(error) if isinstance(error, MethodFault) else f"internal fault: {said(error)}"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"recore {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def methods(json_: Json = False) -> None:
    """List every method: id, version, standard, inputs, parameters."""
    from recore.registry import registry

    with redirect_stdout(sys.stderr):  # what a stranger's package prints is not our answer
        known = registry()
        every = [method.describe() for method in known.all()]
    if json_:
        print_json(every)
    else:
        for method in every:
            print(visible(f"{method['id']}@{method['version']}\n    {method['summary']}"))
            if method["standard"]:
                print(visible(f"    standard: {method['standard']}"))
            print(
                f"    inputs: {', '.join(i['name'] + ('…' if i['many'] else '') for i in method['inputs'])}"
            )
            for name, schema in method["parameters"].get("properties", {}).items():
                unit = f" [{schema['unit']}]" if "unit" in schema else ""
                default = f" = {schema['default']}" if schema.get("default") is not None else ""
                print(f"    -p {name}{unit}{default}")
    for entry, reason in known.problems.items():
        say(f"recore: left out {entry}: {reason}")


@app.command()
def run(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="Method id, or id@version.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Evidence: files, folders of tables, URLs of Parquet."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="May be given often.")
    ] = None,
    json_: Json = False,
    out: Out = None,
    on: On = "inline",
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--no-resume",
            help="Go on where the same run was cut short (default: where the evidence is large).",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", metavar="URL", help="Keep the tables too: duckdb:///FILE or postgresql://…"
        ),
    ] = None,
) -> None:
    """Run one method on evidence files and print the finding."""
    from recore.evidence.listing import open_words
    from recore.execute import executor
    from recore.execute.kept import keeping
    from recore.registry import registry

    with redirect_stdout(sys.stderr):
        chosen = registry().get(method)
        given = _parameters(parameter or [], chosen.parameters_schema)
        with progress_bar("reading evidence") as progress:
            evidence = []
            for opened, number, total in open_words(files or []):
                evidence.append(opened)
                if progress is not None:
                    progress(number / total, opened.name)
        large = sum(item.size for item in evidence) >= RESUMED_BYTES
        with executor(on) as pool, progress_bar(f"{chosen.id}") as progress:
            if resume if resume is not None else large:
                with keeping(pool, chosen.cache_key(evidence, given)) as kept:
                    outcome = chosen.run(evidence, given, executor=kept, progress=progress)
                    if kept.found:
                        say(f"recore: {kept.found} part(s) were done before and are taken over")
            else:
                outcome = chosen.run(evidence, given, executor=pool, progress=progress)
        if database is not None:
            from recore.fleet.derived import Derived
            from recore.fleet.results import keep

            keep(Derived(database), outcome, chosen.cache_key(evidence, given))
    if out is not None:
        _write_artifacts(outcome, out)
    if json_:
        print_json(outcome.finding.json())
    else:
        print_finding(outcome, out)


@app.command()
def appraise(
    case_dir: Annotated[Path, typer.Argument(metavar="CASE_DIR", help="Folder with case.toml and evidence.")],
    out: Out = None,
    json_: Json = False,
    on: On = "inline",
    as_of: Day = None,
    key: Annotated[str, typer.Option(help="Name of the signing key.")] = "default",
    passphrase: Passphrase = False,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="DOMAIN", help="Sign as did:web:DOMAIN; `recore key show --web` prints its document."
        ),
    ] = None,
    signed_rules: Annotated[
        Path | None,
        typer.Option(
            "--signed-rules", metavar="FILE", help="Signed statement about the rules, to carry along."
        ),
    ] = None,
) -> None:
    """Run a case, grade it, and write the report and the signed passport bundle."""
    with progress_bar("appraise") as progress:
        document = _appraise(
            case_dir, out or case_dir / "out", on, as_of, key, passphrase, progress, web, signed_rules
        )
    print_json(document) if json_ else print_appraisal(document)


@app.command()
def demo(out: Out = None, json_: Json = False, on: On = "inline") -> None:
    """Run the whole chain on the bundled machine."""
    from importlib.resources import as_file, files

    with as_file(files("recore") / "data" / "demo") as folder, progress_bar("demo") as progress:
        document = _appraise(folder, out or Path("recore-demo"), on, None, "default", False, progress)
    print_json(document) if json_ else print_appraisal(document)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Passport bundle (zip).")],
    level: Annotated[str, typer.Option(help="How far to check: L0, L1, L3 or L4.")] = "L4",
    issuer: Annotated[
        str | None, typer.Option(metavar="DID", help="The issuer you expect; any other key fails.")
    ] = None,
    issuer_document: IssuerDocuments = None,
    json_: Json = False,
) -> None:
    """Check a passport bundle, offline; exit 0 only if every check up to the level holds."""
    from recore.passport import verify as check

    expected, documents = expected_issuer(issuer), issuer_documents(issuer_document)
    with progress_bar("verify") as progress:
        result = check(
            bundle,
            level,
            now=utc_now(),
            issuer_documents=documents,
            expected_issuer=expected,
            progress=progress,
        )
    print_json(result.json()) if json_ else print_verification(result)
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    database: Annotated[str | None, typer.Option(metavar="URL", help="Database (default: SQLite).")] = None,
    store: Annotated[str | None, typer.Option(metavar="FOLDER", help="Folder of the evidence.")] = None,
    live: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of a live face.")] = None,
    signed_rules: Annotated[
        Path | None, typer.Option("--signed-rules", metavar="FILE", help="Statement of `rules sign`, shown.")
    ] = None,
) -> None:
    """Serve the pages and the JSON API."""
    from recore.web import serve as start

    start(host=host, port=port, database=database, store=store, live=live, signed_rules=signed_rules)


def _appraise(
    folder: Path,
    out: Path,
    on: str,
    as_of: str | None,
    key: str,
    passphrase: bool,
    progress: Progress | None,
    web: str | None = None,
    signed_rules: Path | None = None,
) -> dict[str, Any]:
    from recore import jsonio, rules
    from recore.appraisal.case import appraise as work
    from recore.appraisal.case import load_case
    from recore.appraisal.report import render
    from recore.atomic import sync_folder, write_bytes
    from recore.execute import executor
    from recore.passport import issue

    now = utc_now()
    case, open_evidence = load_case(folder, now=now)
    signer = signing_key(key, passphrase)
    if web is not None:
        signer = signer.at_web(web)
    day = day_of(as_of) if as_of else case.grade.as_of or now.date()
    statement = jsonio.loads(signed_rules.read_bytes(), where=str(signed_rules)) if signed_rules else None
    with redirect_stdout(sys.stderr), executor(on) as pool:
        appraisal = work(case, open_evidence, rules.load(), day, executor=pool, progress=progress)
    if progress:
        progress(1.0, "report and passport")
    out.mkdir(parents=True, exist_ok=True)
    # both are made whole beside their places first, so that a kill leaves no passport beside another's report
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-", ignore_cleanup_errors=True) as new:
        bundle = issue(appraisal, signer, Path(new) / "passport.zip", now=now, rule_statement=statement)
        report = render(appraisal, issuer=signer.did, bundle_sha256=bundle.sha256)
        write_bytes(Path(new) / "report.html", report.encode())
        (out / "report.html").unlink(missing_ok=True)
        (Path(new) / "passport.zip").replace(out / "passport.zip")
        (Path(new) / "report.html").replace(out / "report.html")
        sync_folder(out)
    return _appraisal_json(appraisal, out, signer.did, bundle.sha256)


def _appraisal_json(appraisal: Appraisal, out: Path, issuer: str, sha256: str) -> dict[str, Any]:
    verdict = appraisal.grade.json()
    machine = appraisal.case.machine
    return {
        "machine": {"maker": machine.maker, "model": machine.model, "serial": machine.serial},
        "as_of": appraisal.as_of.isoformat(),
        "grade": verdict["letter"],
        "binding": verdict["binding"],
        "items": verdict["items"],
        "missing": verdict["missing"],
        "findings": {step: finding.json() for step, finding in appraisal.findings.items()},
        "report": str(out / "report.html"),
        "passport": str(out / "passport.zip"),
        "passport_sha256": sha256,
        "issuer": issuer,
    }


def _parameters(given: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    """Turn NAME=VALUE words into parameters; lists are split at commas, objects are JSON."""
    from recore import jsonio
    from recore.rules import rows_parameter

    rows = rows_parameter(schema)
    parameters: dict[str, Any] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BadInput(f"{word!r}", where="-p", right="NAME=VALUE is wanted")
        if name in parameters:
            raise BadInput(f"{name!r} is given twice", where="-p", right="give it once")
        entry = schema.get("properties", {}).get(name, {})
        kinds = _json_types(entry)
        if name == rows and not value.startswith("["):
            from recore import rules

            parameters[name] = rules.load(value).json()
        elif "array" in kinds and not value.startswith("["):
            parameters[name] = [item.strip() for item in value.split(",")] if value else []
        elif kinds & {"array", "object"} and value[:1] in "[{":
            parameters[name] = jsonio.loads(value, where=f"-p {name}")
        else:
            parameters[name] = value
    return parameters


def _json_types(schema: dict[str, Any]) -> set[str]:
    inner = [schema, *schema.get("anyOf", [])]
    return {item["type"] for item in inner if isinstance(item.get("type"), str)}


def _write_artifacts(outcome: Outcome, out: Path) -> None:
    from recore.atomic import write_bytes

    out.mkdir(parents=True, exist_ok=True)
    for file, data in outcome.artifacts.items():
        write_bytes(out / file, data)
