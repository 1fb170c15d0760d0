"""Dated, sourced rule rows as data, and the three-valued engine that reads them."""

from __future__ import annotations

from pathlib import Path

from recore.atomic import write_bytes
from recore.errors import BadInput
from recore.rules.age import age
from recore.rules.checks import Problem, check
from recore.rules.coverage import Answer, Decision, areas_of, decide
from recore.rules.judge import Judgement, judge
from recore.rules.predicate import Outcome, Verdict, evaluate
from recore.rules.row import GRADES, GradeLetter, Rule, Selector, Source, Vector, schema
from recore.rules.table import RuleSet, files, load, rows_parameter, shipped

__all__ = [
    "GRADES",
    "Answer",
    "Decision",
    "GradeLetter",
    "Judgement",
    "Outcome",
    "Problem",
    "Rule",
    "RuleSet",
    "Selector",
    "Source",
    "Vector",
    "Verdict",
    "age",
    "areas_of",
    "check",
    "decide",
    "evaluate",
    "explain",
    "export",
    "judge",
    "load",
    "rows_parameter",
    "schema",
    "shipped",
]


def explain(rule_id: str, path: Path | str | None = None) -> list[Rule]:
    """All versions of one row, the newest last; each has `text()` and `json()`.

    Raises
    ------
    BadInput : there is no such row; names the ones near it
    """
    return load(path).versions(rule_id)


def export(folder: Path | str) -> list[Path]:
    """Write the rule tables that come with Recore into a folder, and return their paths.

    Raises
    ------
    BadInput : a file of that name with another content is there already
    """
    target = Path(folder)
    content = {target / file.name: file.read_bytes() for file in files(None)}
    for path, data in content.items():
        if path.exists() and path.read_bytes() != data:
            raise BadInput(
                "is there already, with another content", where=str(path), right="give another folder"
            )
    target.mkdir(parents=True, exist_ok=True)
    for path, data in content.items():
        write_bytes(path, data)
    return list(content)
