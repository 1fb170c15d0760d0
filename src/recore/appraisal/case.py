"""A case from its evidence to its findings and its grade: pure but for reading the evidence it is handed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from recore import tomlio
from recore.appraisal.grade import Grade, grade
from recore.errors import BadInput
from recore.evidence import EvidenceFile, open_file
from recore.evidence.file import opened
from recore.finding import Finding
from recore.method import Method, Outcome, Progress
from recore.model.case import Case, Step
from recore.registry import registry
from recore.rules import Rule, RuleSet, rows_parameter

MAX_CASE_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Appraisal:
    """What a case came to, with everything a passport needs to let a stranger compute it again."""

    case: Case  # with the version of every method pinned
    as_of: date
    findings: dict[str, Finding]  # by step id, in order
    outcomes: dict[str, Outcome]
    evidence: dict[str, EvidenceFile]  # raw files by SHA-256
    artifacts: dict[str, bytes]  # by SHA-256
    grade: Grade
    rules: RuleSet  # the rows that were considered
    rule_set: RuleSet  # all rows there were, in force or not


def appraise(
    case: Case,
    open_evidence: Callable[[str], EvidenceFile],
    rules: RuleSet,
    as_of: date,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Appraisal:
    """Run every step of a case in order and grade what was found.

    Parameters
    ----------
    open_evidence : turns a file name of the case into evidence
    as_of : day on which the rules are read

    Raises
    ------
    BadInput : a method, file or parameter cannot be used; nothing is left half done
    """
    findings: dict[str, Finding] = {}
    outcomes: dict[str, Outcome] = {}
    raw: dict[str, EvidenceFile] = {}
    pinned: list[Step] = []
    consulted: list[Rule] = []
    with tempfile.TemporaryDirectory(prefix="recore-") as scratch:
        for number, step in enumerate(case.step):
            method = registry().get(step.method)
            if progress:
                progress(number / len(case.step), f"{step.id}: {method.summary or method.id}")
            try:
                files = []
                for name in step.evidence:
                    if ":" in name:
                        files.append(_artifact(name, outcomes, Path(scratch)))
                    else:
                        if name not in raw:
                            raw[name] = open_evidence(name)
                        files.append(raw[name])
                outcome, read = _run(method, files, step, rules, executor, _within(progress, number, case))
            except BadInput as error:
                where = f"step {step.id!r}" + (f", {error.where}" if error.where else "")
                raise BadInput(error.what, where=where, right=error.right) from None
            findings[step.id], outcomes[step.id] = outcome.finding, outcome
            consulted += read
            pinned.append(step.model_copy(update={"method": f"{method.id}@{method.version}"}))
    if progress:
        progress(1.0, "grading")
    whole = case.model_copy(update={"step": tuple(pinned)})
    verdict = grade(whole, findings, rules, as_of)
    return Appraisal(
        case=whole,
        as_of=as_of,
        findings=findings,
        outcomes=outcomes,
        evidence={file.sha256: file for file in raw.values()},
        artifacts={
            entry["sha256"]: outcome.artifacts[entry["file"]]
            for outcome in outcomes.values()
            for entry in outcome.finding.artifacts
        },
        grade=verdict,
        rules=_together([*rules.only(verdict.used_rules).rows, *consulted]),
        rule_set=rules,
    )


def _run(
    method: Method[..., Any],
    files: list[EvidenceFile],
    step: Step,
    rules: RuleSet,
    executor: Executor | None,
    progress: Progress | None,
) -> tuple[Outcome, tuple[Rule, ...]]:
    """Run one step; a method that reads rules and names none gets those of the case.

    The rows it consulted go with the case, so that whoever runs it again holds the same ones; they do not
    stand in the finding a second time.
    """
    name = rows_parameter(method.parameters_schema)
    if name is None or step.parameters.get(name) is not None:
        return method.run(files, step.parameters, executor=executor, progress=progress), ()
    outcome = method.run(files, {**step.parameters, name: rules}, executor=executor, progress=progress)
    finding = replace(outcome.finding, parameters={**outcome.finding.parameters, name: None})
    read = getattr(outcome.result, "_rules", rules)
    return replace(outcome, finding=finding), read.rows


def _together(rows: list[Rule]) -> RuleSet:
    return RuleSet({(rule.rule_id, rule.version): rule for rule in rows}.values())


def _within(progress: Progress | None, number: int, case: Case) -> Progress | None:
    if progress is None:
        return None
    return lambda share, doing: progress(
        (number + share) / len(case.step), f"{case.step[number].id}: {doing}"
    )


def _artifact(name: str, outcomes: dict[str, Outcome], scratch: Path) -> EvidenceFile:
    """An artifact of an earlier step as evidence: '<step id>:<artifact name or file name>'."""
    step, _, wanted = name.partition(":")
    for entry in outcomes[step].finding.artifacts:
        if wanted in (entry["name"], entry["file"]):
            path = scratch / f"{entry['sha256']}-{entry['file']}"
            path.write_bytes(outcomes[step].artifacts[entry["file"]])
            return open_file(path, name=f"{step}:{entry['file']}")
    there = ", ".join(entry["name"] for entry in outcomes[step].finding.artifacts) or "none"
    raise BadInput(f"step {step!r} has no artifact {wanted!r}", where=name, right=f"there is: {there}")


def load_case(folder: Path, *, now: datetime) -> tuple[Case, Callable[[str], EvidenceFile]]:
    """Read `case.toml` of a folder.

    Returns the case and a function that opens its evidence; evidence lies in the folder or below it.

    Raises
    ------
    BadInput : the file is missing, is not TOML, does not have the shape of a case, or lies in the future
    """
    path = folder / "case.toml"
    with opened(path) as file:
        data = file.read(MAX_CASE_BYTES + 1)
    if len(data) > MAX_CASE_BYTES:
        raise BadInput("is too large", where=str(path), right=f"at most {MAX_CASE_BYTES} bytes are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"byte {error.start} is not UTF-8", where=str(path), right="save it as UTF-8"
        ) from None
    document = tomlio.loads(text, where=str(path))
    case = case_from(document, where=str(path), now=now)
    captures = {capture.file: capture for capture in case.evidence}
    read = {name for step in case.step for name in step.evidence}
    if case.step and (idle := sorted(captures.keys() - read)):
        raise BadInput(
            f"evidence {idle[0]!r} is described, but no step reads it",
            where=str(path),
            right="name it in a step, or correct its name",
        )

    def open_evidence(name: str) -> EvidenceFile:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or "\\" in name:
            raise BadInput(
                f"evidence {name!r} lies outside the case", right="name a file in the case's folder"
            )
        real = (folder / place).resolve()
        if not real.is_relative_to(folder.resolve()):
            raise BadInput(
                f"evidence {name!r} leads outside the case", right="copy it into the case's folder"
            )
        return open_file(folder / place, name=name, capture=captures.get(name))

    return case, open_evidence


def case_from(document: Any, *, where: str, now: datetime | None = None) -> Case:
    """A case from a parsed document, with every fault named by its field; `now` refuses times after it."""
    from pydantic import ValidationError

    try:
        case = Case.model_validate(document)
    except ValidationError as error:
        raise BadInput(
            "; ".join(
                f"{_dotted(item['loc'])}{item['msg'].removeprefix('Value error, ')}"
                for item in error.errors()[:8]
            ),
            where=where,
        ) from None
    if now is not None:
        _not_in_future(case, now, where)
    return case


def _dotted(path: tuple[int | str, ...]) -> str:
    return re.sub(r"\.(\d+)", lambda m: f"[{int(m[1]) + 1}]", ".".join(map(str, path))) + ": " if path else ""


def _not_in_future(case: Case, now: datetime, where: str) -> None:
    today = now.astimezone(UTC).date()
    if case.machine.built_on is not None and case.machine.built_on > today:
        raise BadInput(
            f"machine.built {case.machine.built} lies in the future", where=where, right=f"today is {today}"
        )
    if case.grade.as_of is not None and case.grade.as_of > today:
        raise BadInput(
            f"grade.as_of {case.grade.as_of} lies in the future", where=where, right=f"today is {today}"
        )
    for capture in case.evidence:
        when = capture.when
        if when is not None and (when if when.tzinfo else when.replace(tzinfo=UTC)) > now:
            raise BadInput(
                f"capture of {capture.file!r} lies in the future ({when})",
                where=where,
                right=f"it is {now:%F %T} UTC",
            )
