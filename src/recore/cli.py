"""The command line. Exit status: 0 done, 1 the answer is no, 2 bad input.

Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recore import __version__, cli_fleet
from recore.cli_shared import Json, print_json, progress_bar
from recore.cli_simulate import simulate_app
from recore.errors import BadInput, visible

if TYPE_CHECKING:
    from recore.appraisal.case import Appraisal
    from recore.method import Outcome, Progress
    from recore.passport import SigningKey, Verification

app = typer.Typer(
    name="recore",
    help="From raw inspection evidence to a passport that anyone can recompute.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
rules_app = typer.Typer(help="Rule tables: check, explain, export.", no_args_is_help=True)
key_app = typer.Typer(help="Signing keys of this user.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")
app.add_typer(key_app, name="key")
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
Passphrase = Annotated[
    bool, typer.Option("--passphrase", help="Ask for the key's passphrase (or take RECORE_PASSPHRASE).")
]
IssuerDocuments = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="DID document of a did:web issuer.")
]
RulesFolder = Annotated[
    Path | None, typer.Option("--rules", metavar="DIR", help="Rule tables (default: the shipped rows).")
]
Day = Annotated[
    str | None, typer.Option("--as-of", help="Day on which the rules are read.", metavar="YYYY-MM-DD")
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
        _say(f"recore: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        _say("recore: stopped")
        sys.exit(130)
    except BrokenPipeError:
        # the reader of a pipe has gone; point stdout away so that the interpreter's last flush is silent
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        where, what = error.filename or "system", error.strerror or error
        _say(f"recore: {where}: {what}; check the name, the rights and the space on the disk")
        sys.exit(2)
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if os.environ.get("RECORE_DEBUG"):
            raise
        _say(f"recore: {_fault(error)} (RECORE_DEBUG=1 shows where)")
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
        _say(f"recore: left out {entry}: {reason}")


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
                        _say(f"recore: {kept.found} part(s) were done before and are taken over")
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
        _print_finding(outcome, out)


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
    print_json(document) if json_ else _print_appraisal(document)


@app.command()
def demo(out: Out = None, json_: Json = False, on: On = "inline") -> None:
    """Run the whole chain on the bundled machine."""
    from importlib.resources import as_file, files

    with as_file(files("recore") / "data" / "demo") as folder, progress_bar("demo") as progress:
        document = _appraise(folder, out or Path("recore-demo"), on, None, "default", False, progress)
    print_json(document) if json_ else _print_appraisal(document)


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

    expected, documents = _did(issuer), _documents(issuer_document)
    with progress_bar("verify") as progress:
        result = check(
            bundle, level, now=_now(), issuer_documents=documents, expected_issuer=expected, progress=progress
        )
    print_json(result.json()) if json_ else _print_verification(result)
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


@rules_app.command("check")
def rules_check(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Default: the shipped rows.")] = None,
    as_of: Day = None,
    json_: Json = False,
) -> None:
    """Check schema, sources, overlaps, expiry and test vectors of rule rows; exit 1 if anything is wrong."""
    from recore import rules

    problems = rules.check(folder, as_of=_day(as_of))
    wrong = [problem for problem in problems if problem.severity == "error"]
    if json_:
        print_json({"ok": not wrong, "problems": [problem.json() for problem in problems]})
    else:
        for problem in problems:
            print(visible(f"{problem.severity}: {problem}"))
        print("the rules are sound" if not wrong else f"{len(wrong)} error(s)")
    raise typer.Exit(1 if wrong else 0)


@rules_app.command("explain")
def rules_explain(
    rule_id: Annotated[str, typer.Argument(metavar="RULE_ID")],
    folder: RulesFolder = None,
    json_: Json = False,
) -> None:
    """Show a rule row: what it says, since when, on whose word."""
    from recore import rules

    found = rules.explain(rule_id, folder)
    if json_:
        print_json([row.json() for row in found])
    else:
        for row in found:
            print(visible(row.text()))


@rules_app.command("expiring")
def rules_expiring(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Default: the shipped rows.")] = None,
    within: Annotated[
        int, typer.Option(min=0, max=36_500, metavar="DAYS", help="How far to look ahead.")
    ] = 90,
    as_of: Day = None,
    json_: Json = False,
) -> None:
    """List rows that end, or have ended, without a follower, and what they leave unknown; exit 1 if one has."""
    from recore import rules

    ending = rules.expiring(rules.load(folder), _day(as_of), within)
    if json_:
        print_json([item.json() for item in ending])
    else:
        for item in ending:
            print(visible(item))
        if not ending:
            print(f"no row ends within {within} days without a follower")
    raise typer.Exit(1 if any(item.expired for item in ending) else 0)


@rules_app.command("export")
def rules_export(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Write one workbook, rules.xlsx, instead.")] = False,
    source: RulesFolder = None,
) -> None:
    """Write rule rows as TOML, or as a workbook for people who write no code."""
    from recore import rules

    for path in [rules.export_workbook(folder, source)] if xlsx else rules.export(folder, source):
        print(path)


@rules_app.command("import")
def rules_import(
    workbook: Annotated[
        Path, typer.Argument(metavar="FILE.xlsx", help="Workbook as `export --xlsx` writes.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the rule tables into.")],
) -> None:
    """Read a workbook of rules and write it as TOML; what is wrong is named by sheet and cell."""
    from recore.evidence.xlsx import sheets
    from recore.rules.workbook_reading import from_sheets, write_tables

    found = from_sheets(sheets(workbook, workbook.name), where=workbook.name)
    for path in write_tables(found, folder):
        print(path)
    _say(f"recore: {len(found.rows)} rows; recore rules check {folder} tells whether they are sound")


@rules_app.command("sign")
def rules_sign(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Default: the shipped rows.")] = None,
    key: Annotated[str, typer.Option(help="Name of the signing key.")] = "default",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: rules.signed.json in DIR or here.")
    ] = None,
    passphrase: Passphrase = False,
    web: Annotated[str | None, typer.Option(metavar="DOMAIN", help="Sign as did:web:DOMAIN.")] = None,
    json_: Json = False,
) -> None:
    """Sign a rule set: a statement over its digest and that of every row."""
    from recore import jsonio, rules
    from recore.atomic import write_bytes
    from recore.passport import sign_rules
    from recore.passport.rule_statement import FILE

    found = rules.load(folder)
    signing_key = _signing_key(key, passphrase)
    statement = sign_rules(found, signing_key.at_web(web) if web else signing_key, now=_now())
    beside = folder if folder is not None and folder.is_dir() else Path()
    path = out or beside / FILE
    write_bytes(path, jsonio.canonical(statement))
    about = {
        "file": str(path),
        "issuer": statement["issuer"],
        "digest": found.digest,
        "rows": len(found.rows),
    }
    print_json(about) if json_ else print(path)


@rules_app.command("verify")
def rules_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Statement as `sign` writes.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Rule tables to hold against it.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option(metavar="DID", help="The issuer you expect; any other key fails.")
    ] = None,
    issuer_document: IssuerDocuments = None,
    json_: Json = False,
) -> None:
    """Check a signed statement about rules, and the rules in DIR against it; exit 0 only if all holds."""
    from recore import rules
    from recore.passport import verify_rules

    checks = verify_rules(
        file.read_bytes(),
        None if folder is None else rules.load(folder),
        now=_now(),
        expected_issuer=_did(issuer),
        issuer_documents=_documents(issuer_document),
        where=file.name,
    )
    ok = all(check.ok for check in checks)
    if json_:
        print_json({"ok": ok, "checks": [check.json() for check in checks]})
    else:
        for check in checks:
            print(visible(f"{'holds' if check.ok else 'FAILS'}  {check.name}: {check.reason}"))
        if folder is None:
            print("the rows themselves were not compared: give their folder")
    raise typer.Exit(0 if ok else 1)


@rules_app.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of a rule row."""
    from recore import rules

    print_json(rules.schema())


@key_app.command("new")
def key_new(
    name: Annotated[str, typer.Argument(help="Name of the key.")] = "default",
    passphrase: Passphrase = False,
    json_: Json = False,
) -> None:
    """Make a signing key (Ed25519) in the configuration folder, readable by you alone."""
    from recore.passport import new_key

    key = new_key(name, passphrase=_secret(passphrase, confirm=True))
    print_json({"name": name, "did": key.did}) if json_ else print(key.did)


@key_app.command("show")
def key_show(
    name: Annotated[str, typer.Argument(help="Name of the key.")] = "default",
    web: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Print the DID document for did:web:DOMAIN instead.")
    ] = None,
    passphrase: Passphrase = False,
) -> None:
    """Print the public identity of a key."""
    from recore.passport import load_key, web_document

    key = load_key(name, passphrase=_secret(passphrase))
    print_json(web_document(key, web)) if web else print(key.did)


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

    now = _now()
    case, open_evidence = load_case(folder, now=now)
    signing_key = _signing_key(key, passphrase)
    if web is not None:
        signing_key = signing_key.at_web(web)
    day = _day(as_of) if as_of else case.grade.as_of or now.date()
    statement = jsonio.loads(signed_rules.read_bytes(), where=str(signed_rules)) if signed_rules else None
    with redirect_stdout(sys.stderr), executor(on) as pool:
        appraisal = work(case, open_evidence, rules.load(), day, executor=pool, progress=progress)
    if progress:
        progress(1.0, "report and passport")
    out.mkdir(parents=True, exist_ok=True)
    # both are made whole beside their places first, so that a kill leaves no passport beside another's report
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-", ignore_cleanup_errors=True) as new:
        bundle = issue(appraisal, signing_key, Path(new) / "passport.zip", now=now, rule_statement=statement)
        report = render(appraisal, issuer=signing_key.did, bundle_sha256=bundle.sha256)
        write_bytes(Path(new) / "report.html", report.encode())
        (out / "report.html").unlink(missing_ok=True)
        (Path(new) / "passport.zip").replace(out / "passport.zip")
        (Path(new) / "report.html").replace(out / "report.html")
        sync_folder(out)
    return _appraisal_json(appraisal, out, signing_key.did, bundle.sha256)


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


def _signing_key(name: str, passphrase: bool) -> SigningKey:
    """The named key; the default key is made at its first use, and that is said."""
    from recore.passport import key_exists, load_key, new_key

    if name == "default" and not key_exists(name):
        key = new_key(name, passphrase=_secret(passphrase, confirm=True))
        _say(f"recore: made your signing key {key.did}")
        return key
    return load_key(name, passphrase=_secret(passphrase))


def _did(issuer: str | None) -> str | None:
    if issuer is not None and not issuer.startswith("did:"):
        raise BadInput(f"{issuer!r}", where="--issuer", right="a DID as in did:key:z6Mk… is wanted")
    return issuer


def _documents(paths: list[Path] | None) -> tuple[Any, ...]:
    from recore import jsonio

    return tuple(jsonio.loads(path.read_bytes(), where=str(path)) for path in paths or [])


def _secret(wanted: bool, *, confirm: bool = False) -> bytes | None:
    if "RECORE_PASSPHRASE" in os.environ:
        return os.environ["RECORE_PASSPHRASE"].encode()
    if not wanted:
        return None
    text: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return text.encode()


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


def _day(text: str | None) -> Any:
    from datetime import date

    if text is None:
        return _now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no day", where="--as-of", right="write it as 2026-11-21") from None


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _say(text: str) -> None:
    print(visible(text), file=sys.stderr, flush=True)


def _print_finding(outcome: Outcome, out: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    finding = outcome.finding
    console = Console(emoji=False)
    console.print(visible(f"{finding.method}@{finding.version}  {finding.standard}"), markup=False)
    if finding.results:
        table = Table("result", "value", "unit", "U (k=2)", box=None, pad_edge=False)
        for name, quantity in finding.results.items():
            value, spread = quantity.texts()
            table.add_row(*map(visible, (name, value, quantity.unit, spread)))
        console.print(table)
    for word, notes in (("flag", finding.flags), ("refused", finding.refusals)):
        for note in notes:
            console.print(visible(f"{word}: {note.code}: {note.text}"), markup=False, highlight=False)
    for file in outcome.artifacts:
        where = out / file if out else f"{file} (give --out DIR to write it)"
        console.print(visible(f"artifact: {where}"), markup=False, highlight=False)


def _print_appraisal(document: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    machine = document["machine"]
    console.print(visible(f"{machine['maker']} {machine['model']}, serial {machine['serial']}"), markup=False)
    console.print(f"Grade [bold]{document['grade']}[/] as of {document['as_of']}")
    if document["binding"]:
        console.print(visible(f"  decided by {document['binding']['text']}"), markup=False)
    for item in document["items"]:
        console.print(visible(f"  {item['text']}"), markup=False)
    for text in document["missing"]:
        console.print(visible(f"  missing: {text}"), markup=False)
    console.print(visible(f"Report    {document['report']}"), markup=False)
    console.print(visible(f"Passport  {document['passport']}"), markup=False)
    console.print(visible(f"Check it  recore verify {document['passport']}"), markup=False)


def _print_verification(result: Verification) -> None:
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    document = result.json()
    for check in document["checks"]:
        word = {True: "[green]holds[/]", False: "[red]FAILS[/]", None: "[yellow]unknown[/]"}[check["ok"]]
        console.print(f"{check['level']}  {word}  ", end="")
        console.print(
            visible(f"{check['name']}" + (f": {check['reason']}" if check["reason"] else "")), markup=False
        )
    for level, reason in document.get("not_checked", {}).items():
        console.print(visible(f"{level}  not checked: {reason}"), markup=False)
    console.print(visible(f"Issuer {document.get('issuer')}"), markup=False)
    console.print(
        "[bold green]The passport holds.[/]" if result.ok else "[bold red]The passport does not hold.[/]"
    )
