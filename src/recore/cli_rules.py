"""Commands of `recore rules`: check, explain, exchange and sign rule tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recore.cli_shared import Day, Json, day_of, print_json, say, utc_now
from recore.cli_signing import IssuerDocuments, Passphrase, expected_issuer, issuer_documents, signing_key
from recore.errors import visible

app = typer.Typer(help="Rule tables: check, explain, export.", no_args_is_help=True)

RulesFolder = Annotated[
    Path | None, typer.Option("--rules", metavar="DIR", help="Rule tables (default: the shipped rows).")
]


@app.command("check")
def rules_check(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Default: the shipped rows.")] = None,
    as_of: Day = None,
    json_: Json = False,
) -> None:
    """Check schema, sources, overlaps, expiry and test vectors of rule rows; exit 1 if anything is wrong."""
    from recore import rules

    problems = rules.check(folder, as_of=day_of(as_of))
    wrong = [problem for problem in problems if problem.severity == "error"]
    if json_:
        print_json({"ok": not wrong, "problems": [problem.json() for problem in problems]})
    else:
        for problem in problems:
            print(visible(f"{problem.severity}: {problem}"))
        print("the rules are sound" if not wrong else f"{len(wrong)} error(s)")
    raise typer.Exit(1 if wrong else 0)


@app.command("explain")
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


@app.command("expiring")
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

    ending = rules.expiring(rules.load(folder), day_of(as_of), within)
    if json_:
        print_json([item.json() for item in ending])
    else:
        for item in ending:
            print(visible(item))
        if not ending:
            print(f"no row ends within {within} days without a follower")
    raise typer.Exit(1 if any(item.expired for item in ending) else 0)


@app.command("export")
def rules_export(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Write one workbook, rules.xlsx, instead.")] = False,
    source: RulesFolder = None,
) -> None:
    """Write rule rows as TOML, or as a workbook for people who write no code."""
    from recore import rules

    for path in [rules.export_workbook(folder, source)] if xlsx else rules.export(folder, source):
        print(path)


@app.command("import")
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
    say(f"recore: {len(found.rows)} rows; recore rules check {folder} tells whether they are sound")


@app.command("sign")
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
    signer = signing_key(key, passphrase)
    statement = sign_rules(found, signer.at_web(web) if web else signer, now=utc_now())
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


@app.command("verify")
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
        now=utc_now(),
        expected_issuer=expected_issuer(issuer),
        issuer_documents=issuer_documents(issuer_document),
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


@app.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of a rule row."""
    from recore import rules

    print_json(rules.schema())
