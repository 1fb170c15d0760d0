"""How findings, appraisals and verifications look on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.errors import visible

if TYPE_CHECKING:
    from recore.method import Outcome
    from recore.passport import Verification


def print_finding(outcome: Outcome, out: Path | None) -> None:
    """What a method found, as a table."""
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


def print_appraisal(document: dict[str, Any]) -> None:
    """A case: its grade, what decided it, and where the papers lie."""
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


def print_verification(result: Verification) -> None:
    """Every check of a passport, and what it comes to."""
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
