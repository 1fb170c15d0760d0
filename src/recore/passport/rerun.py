"""Level L4: every finding and the grade computed again from raw evidence, in a bounded process.

The bundle is a stranger's, the methods are the verifier's own: it can choose among installed methods
and their validated parameters, and nothing else. The worker has its own session, so that all it
started ends with it, and may not open network connections from Python.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore import jsonio
from recore.errors import BadInput
from recore.finding import Finding
from recore.method import Method, Progress, compare, said
from recore.model.case import Case, Step
from recore.passport.artifact import differences
from recore.passport.bundle import Bundle
from recore.passport.checklist import Check
from recore.passport.issue import raw_evidence
from recore.passport.verify import Contents, contents_of, findings_of, rule_set
from recore.quantity import Quantity
from recore.registry import registry

if TYPE_CHECKING:
    from recore.appraisal.case import Appraisal
    from recore.evidence import EvidenceFile
    from recore.rules import RuleSet

_GRACE_S = 5.0  # for a worker that has answered, or closed its pipe, to end by itself
_START = "import json,sys; j=json.loads(sys.stdin.readline()); sys.path[:]=j['path']; \
from recore.passport.rerun import work; work(j)"


def in_worker(box: Bundle, *, budget_s: float, memory: int, progress: Progress | None = None) -> list[Check]:
    """Run L4 of an open bundle in a process that is killed when its time is up.

    Parameters
    ----------
    budget_s : wall time [s]
    memory : address space [bytes]
    """
    with tempfile.TemporaryDirectory(prefix="recore-verify-") as folder:
        inlet, outlet = os.pipe()
        # the worker is handed the open file: what was verified is what is run
        worker = subprocess.Popen(  # noqa: S603 - our own interpreter and our own text
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(box.handle, outlet),
            start_new_session=True,
            env={**os.environ, "TMPDIR": folder},
        )
        os.close(outlet)
        try:
            order = {
                "path": sys.path,
                "bundle": box.handle,
                "name": box.path.name,
                "answer": outlet,
                "folder": folder,
                "memory": memory,
                "cpu_s": math.ceil(budget_s) * len(os.sched_getaffinity(0)) + 1,
            }
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(order).encode() + b"\n")
            worker.stdin.close()
            answer = _listen(inlet, time.monotonic() + budget_s, progress)
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(_GRACE_S)
        except BrokenPipeError:
            answer = None
        except TimeoutError:
            reason = f"it took longer than {budget_s:g} s and was stopped: give it more time"
            return [Check("L4", "re-execution", None, reason)]
        finally:
            os.close(inlet)
            _kill(worker)
    if answer is None:
        reason = f"it ended without an answer (status {worker.returncode}): give it more memory than {memory >> 20} MiB"
        return [Check("L4", "re-execution", None, reason)]
    return [Check(**item) for item in answer]


def _kill(worker: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _listen(inlet: int, deadline: float, progress: Progress | None) -> list[dict[str, Any]] | None:
    """Answer of the worker; None if it ended before there was one."""
    buffer = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([inlet], [], [], left)[0]:
            break
        more = os.read(inlet, 65536)
        if not more:
            return None
        *lines, buffer = (buffer + more).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "checks" in message:
                checks: list[dict[str, Any]] = message["checks"]
                return checks
            if progress is not None:
                progress(*message["progress"])
    raise TimeoutError


def work(order: dict[str, Any]) -> None:
    """What the worker does: limits first, then the checks, then one line with the answer."""
    import resource

    for kind, wanted in (
        (resource.RLIMIT_AS, order["memory"]),
        (resource.RLIMIT_CPU, order["cpu_s"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (limit, limit))
    sys.addaudithook(_offline)

    def tell(message: dict[str, Any]) -> None:
        os.write(order["answer"], json.dumps(message).encode() + b"\n")

    with Bundle(Path(order["name"]), handle=order["bundle"]) as box:
        try:
            checks = rerun(
                box,
                Path(order["folder"]),
                lambda share, doing: tell({"progress": [share, doing]}),
            )
        except MemoryError:
            checks = [Check("L4", "re-execution", None, "it needs more memory than it was given")]
    tell({"checks": [check.json() for check in checks]})


def _offline(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        raise PermissionError("verification has no network")


def rerun(box: Bundle, folder: Path, progress: Progress | None = None) -> list[Check]:
    """Compute every finding and the grade again; one check for each step, one for the grade.

    Parameters
    ----------
    folder : empty folder for the raw files
    """
    contents = contents_of(box)
    recorded = findings_of(contents)
    runnable, unknown = _runnable(contents.case, recorded)
    again = _appraised(box, contents, runnable, folder, progress)
    if isinstance(again, Check):
        return [*unknown, again]
    checks = {check.name: check for check in unknown}
    for step in runnable:
        name = f"step {step.id}"
        checks[name] = _compared(box, name, registry().get(step.method), recorded[step.id], again, step)
    in_order = [checks[f"step {step.id}"] for step in contents.case.step]
    return [*in_order, _believable(rule_set(contents)), _graded(contents, recorded, again, in_order)]


def _runnable(case: Case, recorded: dict[str, Finding]) -> tuple[list[Step], list[Check]]:
    """Steps whose method is installed in the recorded version, pinned to it, and the rest."""
    steps: list[Step] = []
    unknown: dict[str, str] = {}
    for step in case.step:
        name = f"{recorded[step.id].method}@{recorded[step.id].version}"
        waits = sorted({item.partition(":")[0] for item in step.evidence if ":" in item} & unknown.keys())
        try:
            registry().get(name)
            if waits:
                unknown[step.id] = f"it reads what step {', '.join(waits)} makes, which could not be run"
            else:
                steps.append(step.model_copy(update={"method": name}))
        except BadInput as error:
            unknown[step.id] = f"{name} is not installed here ({error}); install it to check this step"
    return steps, [Check("L4", f"step {id}", None, reason) for id, reason in unknown.items()]


def _appraised(
    box: Bundle, contents: Contents, steps: list[Step], folder: Path, progress: Progress | None
) -> Appraisal | Check:
    from recore.appraisal.case import appraise
    from recore.evidence import open_file

    claims = contents.passport.credentialSubject
    digest = {row.name: row.sha256 for row in claims.evidence}
    captures = {capture.file: capture for capture in contents.case.evidence}

    def open_evidence(name: str) -> EvidenceFile:
        path = folder / digest[name]
        if not path.exists():
            box.extract(f"evidence/{digest[name]}", path)
        file = open_file(path, name=name, capture=captures.get(name))
        if file.sha256 != digest[name]:
            raise BadInput("changed while it was verified", where=name)
        return file

    try:
        return appraise(
            contents.case.model_copy(update={"step": tuple(steps)}),
            open_evidence,
            rule_set(contents),
            date.fromisoformat(claims.as_of),
            progress=progress,
        )
    except BadInput as error:
        return Check("L4", "re-execution", False, f"it cannot be run again: {error}")
    except MemoryError:
        raise
    except Exception as error:  # a method that fails tells nothing about the finding
        return Check("L4", "re-execution", None, f"a method failed: {said(error)}")


def _compared(
    box: Bundle, name: str, tool: Method[..., Any], recorded: Finding, again: Appraisal, step: Step
) -> Check:
    now = again.findings[step.id]
    found = compare(tool, recorded, now)
    if jsonio.digest(recorded.parameters) != jsonio.digest(now.parameters):
        found.append("the parameters recorded are not those of the case")
    if _raw(step, recorded) != _raw(step, now):
        found.append("the evidence recorded is not that of the case")
    was, files = ({(a["name"], a["file"]): a["sha256"] for a in f.artifacts} for f in (recorded, now))
    if was.keys() != files.keys():
        found.append(f"artifacts: recorded {sorted(was)}, recomputed {sorted(files)}")
    for name_file in sorted(was.keys() & files.keys()):
        file, old, new = name_file[1], was[name_file], files[name_file]
        if old != new:
            found += differences(file, box.slice(f"evidence/{old}"), again.artifacts[new], tool.tolerance)
    if found:
        return Check(
            "L4",
            name,
            False,
            f"{recorded.method}@{recorded.version} gives another finding: {'; '.join(found[:5])}",
        )
    exact = "bit for bit" if recorded.digest == now.digest else "within its tolerance"
    return Check("L4", name, True, f"{recorded.method}@{recorded.version} gives the same finding, {exact}")


def _raw(step: Step, finding: Finding) -> list[tuple[Any, ...]]:
    return [(e["name"], e["sha256"], e["bytes"]) for _, e in raw_evidence(step.evidence, finding)]


def _believable(rows: RuleSet) -> Check:
    """Rule rows that do what they say, and say what the rows of the same name here say.

    An issuer may grade by rows of its own; they are named, and nobody but the issuer vouches for them.
    """
    from recore.rules import load
    from recore.rules.checks import broken_promises

    for row in rows.rows:
        if broken := broken_promises(row):
            return Check("L4", "rules", False, f"{row.rule_id}@{row.version} breaks its own {broken[0]}")
    here = {(row.rule_id, row.version): row.digest for row in load().rows}
    own = []
    for row in rows.rows:
        known = here.get((row.rule_id, row.version))
        if known is None:
            own.append(f"{row.rule_id}@{row.version}")
        elif known != row.digest:
            reason = f"{row.rule_id}@{row.version} is not the row that goes by this name and version here"
            return Check("L4", "rules", False, f"{reason}; ask the issuer why")
    if own:
        listed = ", ".join(own[:5]) + (f" and {len(own) - 5} more" if len(own) > 5 else "")
        return Check("L4", "rules", True, f"{len(own)} row(s) are the issuer's own, read them: {listed}")
    return Check(
        "L4", "rules", True, f"{len(rows.rows)} rows, each as published here, each keeps its test vectors"
    )


def _graded(contents: Contents, recorded: dict[str, Finding], again: Appraisal, steps: list[Check]) -> Check:
    if not all(check.ok for check in steps):
        return Check("L4", "grade", None, "it rests on a finding that was not found again")
    from recore.appraisal.grade import grade

    claimed = contents.passport.credentialSubject.grade
    # JSON writes 1.0 as 1: the recomputed finding knows which numbers are measured ones
    like = {step: _typed_as(finding, again.findings[step]) for step, finding in recorded.items()}
    try:
        verdict = grade(again.case, like, rule_set(contents), again.as_of).json()
    except BadInput as error:
        return Check("L4", "grade", False, f"the rule rows give no grade: {error}")
    fresh = again.grade.json()
    if jsonio.digest(verdict) != jsonio.digest(claimed):
        reason = (
            f"the findings and rule rows give {verdict['letter']}, or other reasons, than the passport says"
        )
        return Check("L4", "grade", False, reason)
    if fresh.get("letter") != claimed.get("letter"):
        return Check(
            "L4",
            "grade",
            False,
            f"computed again it is {fresh.get('letter')!r}, recorded {claimed.get('letter')!r}",
        )
    return Check(
        "L4", "grade", True, f"{claimed.get('letter')}, from the same rule rows for the same reasons"
    )


def _typed_as(recorded: Finding, now: Finding) -> Finding:
    results = {name: _floats(quantity, now.results[name]) for name, quantity in recorded.results.items()}
    return replace(recorded, results=results, parameters=now.parameters)


def _floats(old: Quantity, new: Quantity) -> Quantity:
    def typed(a: Any, b: Any) -> Any:  # compared before: both have one shape
        if isinstance(a, tuple):
            return tuple(typed(x, y) for x, y in zip(a, b, strict=True))
        return float(a) if isinstance(b, float) else a

    return replace(old, value=typed(old.value, new.value))
