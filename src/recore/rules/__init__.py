"""Dated, sourced rule rows as data, and the three-valued engine that reads them."""

from __future__ import annotations

from pathlib import Path

from recore.atomic import write_new
from recore.rules.age import age
from recore.rules.checks import Problem, check
from recore.rules.coverage import Answer, Decision, areas_of, decide
from recore.rules.expiry import Ending, expiring
from recore.rules.judge import Judgement, judge
from recore.rules.predicate import Outcome, Verdict, evaluate
from recore.rules.row import GRADES, GradeLetter, Rule, Selector, Source, Vector, schema
from recore.rules.table import ROWS_FORMAT, SHIPPED, RuleSet, files, load, shipped

__all__ = [
    "GRADES",
    "ROWS_FORMAT",
    "Answer",
    "Decision",
    "Ending",
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
    "expiring",
    "explain",
    "export",
    "export_workbook",
    "judge",
    "load",
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


def export(folder: Path | str, path: Path | str | None = None) -> list[Path]:
    """Write rule tables into one folder and return their paths; trade/ke.toml becomes trade-ke.toml.

    Parameters
    ----------
    path : file or folder of tables; None takes those that come with Recore

    Raises
    ------
    BadInput : a file of that name with another content is there already
    """
    root = SHIPPED if path is None else Path(path)
    base = root if root.is_dir() else root.parent
    named = {Path("-".join(file.relative_to(base).parts)): file.read_bytes() for file in files(path)}
    return write_new(Path(folder), named)


def export_workbook(folder: Path | str, path: Path | str | None = None) -> Path:
    """Write rules as one workbook, DIR/rules.xlsx, and return its path.

    Raises
    ------
    BadInput : a workbook with another content is there already, or a row does not fit into cells
    """
    from recore.rules.workbook import workbook

    return write_new(Path(folder), {Path("rules.xlsx"): workbook(load(path))})[0]
