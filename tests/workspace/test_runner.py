"""The runner: jobs computed in child processes, which may die without harm."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recore.errors import BadInput
from recore.evidence import open_file
from recore.model.case import Capture, Component, Machine, Step
from recore.passport import new_key
from recore.workspace import EvidenceRow, JobRow, NotFound, Runner, Workspace

pytestmark = pytest.mark.measured_children


@pytest.fixture
def real(database_url: str, tmp_path: Path, methods: object) -> Iterator[Workspace]:
    """A workspace with the real clock and the test methods installed."""
    with Workspace.open(database_url, tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def local(tmp_path: Path, methods: object) -> Iterator[Workspace]:
    """The same on SQLite alone, for what happens before the database is reached."""
    with Workspace.open(f"sqlite:///{tmp_path / 'recore.sqlite'}", tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> EvidenceRow:
    workspace: Workspace = request.getfixturevalue("real" if "real" in request.fixturenames else "local")
    return workspace.evidence.add(io.BytesIO(b"12345"), "five.txt")


def _ended(workspace: Workspace, job: JobRow) -> JobRow:
    return list(workspace.jobs.watch(job.id))[-1]


def test_a_run_ends_in_a_finding_that_is_remembered(
    real: Workspace, evidence: EvidenceRow, methods: Callable[[str], Any], tmp_path: Path
) -> None:
    with Runner(real):
        job = _ended(real, real.submit_run("test.length", [evidence.sha256], {"times": 3}))
    assert job.state == "done", job.error
    assert job.result is not None
    row = real.findings.get(job.result["finding"])
    (tmp_path / "five.txt").write_bytes(b"12345")
    alone = methods("test.length").run([open_file(tmp_path / "five.txt")], {"times": 3})
    assert row.finding == alone.finding
    assert row.key == methods("test.length").cache_key([open_file(tmp_path / "five.txt")], {"times": 3})
    assert real.findings.plot(row.key) == alone.plot()
    assert real.findings.artifact(row.key, "copy.txt").read(bytes) == b"12345"
    known = real.submit_run("test.length@2", [evidence.sha256], {"times": 3})
    assert (known.state, known.result) == ("done", {"finding": row.key})
    assert real.findings.list(evidence=evidence.sha256)[0].key == row.key


def test_a_refusal_is_a_finding(local: Workspace, evidence: EvidenceRow) -> None:
    with Runner(local):
        job = _ended(local, local.submit_run("test.refuses", [evidence.sha256], {}))
    assert job.state == "done" and job.result is not None
    assert local.findings.get(job.result["finding"]).finding.refusals[0].code == "NO"


def test_mistakes_are_told_before_anything_runs(local: Workspace, evidence: EvidenceRow) -> None:
    with pytest.raises(BadInput, match="no method"):
        local.submit_run("test.unknown", [evidence.sha256], {})
    with pytest.raises(BadInput, match="times"):
        local.submit_run("test.length", [evidence.sha256], {"times": "many"})
    with pytest.raises(NotFound):
        local.submit_run("test.length", ["0" * 64], {})
    assert local.jobs.count() == 0


def test_no_job_harms_the_next(local: Workspace, evidence: EvidenceRow, methods: object) -> None:
    sha256 = [evidence.sha256]
    with Runner(local, memory_bytes=2**31):
        jobs = {
            name: local.submit_run(f"test.{name}", sha256, {})
            for name in ("raises", "killed", "greedy", "length")
        }
        jobs["wrong"] = local.submit_run("test.length", sha256 * 2, {})
        jobs["odd"] = local.jobs.submit("odd", {})
        ended = {name: _ended(local, job) for name, job in jobs.items()}
    reasons = {name: (job.error or {}).get("what", job.state) for name, job in ended.items()}
    assert reasons["length"] == "done"
    assert reasons["raises"] == "the work failed: method test.raises@1 broke: ZeroDivisionError: a mistake"
    assert reasons["killed"] == "the process that did the work was killed by signal 9"
    assert reasons["greedy"] == "more than 2048 MiB of memory is needed"
    assert "1 file(s) too many" in reasons["wrong"]
    assert "KeyError: 'odd'" in reasons["odd"]


def test_progress_is_seen_and_a_cancelled_job_stops(local: Workspace, evidence: EvidenceRow) -> None:
    with Runner(local, heartbeat_s=0.05):
        job = local.submit_run("test.slow", [evidence.sha256], {"seconds": 60.0})
        for row in local.jobs.watch(job.id):
            if row.doing.startswith("step "):
                break
        assert row.state == "running"
        began = time.monotonic()
        local.jobs.cancel(job.id)
        after = local.submit_run("test.length", [evidence.sha256], {})
        assert _ended(local, after).state == "done"
    assert time.monotonic() - began < 50
    assert local.jobs.get(job.id).state == "cancelled"
    assert local.findings.count() == 1


def test_a_job_that_takes_too_long_is_stopped(local: Workspace, evidence: EvidenceRow) -> None:
    with Runner(local, time_limit_s=1.0):
        job = _ended(local, local.submit_run("test.slow", [evidence.sha256], {}))
    assert job.state == "failed" and job.error is not None
    assert "stopped after 1 s" in job.error["what"]


def test_what_runs_when_the_runner_stops_goes_back_in_line(local: Workspace, evidence: EvidenceRow) -> None:
    job = local.submit_run("test.slow", [evidence.sha256], {"seconds": 60.0})
    with Runner(local):
        for row in local.jobs.watch(job.id):
            if row.state == "running":
                break
    assert (local.jobs.get(job.id).state, local.jobs.get(job.id).lease) == ("waiting", None)


def test_results_do_not_depend_on_the_number_of_workers(real: Workspace, evidence: EvidenceRow) -> None:
    with Runner(real, workers=2):
        jobs = [real.submit_run("test.length", [evidence.sha256], {"times": n}) for n in range(1, 7)]
        ended = [_ended(real, job) for job in jobs]
    assert [job.attempts for job in ended] == [1] * 6
    values = [
        real.findings.get(job.result["finding"]).finding.results["bytes"].value for job in ended if job.result
    ]
    assert values == [5 * n for n in range(1, 7)]


def test_the_runner_outlives_a_database_that_is_away(
    local: Workspace, evidence: EvidenceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError("away"), OSError("still away")])
    claim = local.jobs.claim

    def unsteady(worker: str) -> JobRow | None:
        for failure in failures:
            raise failure
        return claim(worker)

    monkeypatch.setattr(local.jobs, "claim", unsteady)
    with Runner(local):
        assert _ended(local, local.submit_run("test.length", [evidence.sha256], {})).state == "done"


def test_a_finding_whose_files_are_gone_is_not_recorded(
    real: Workspace, evidence: EvidenceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BadInput("no evidence with that SHA-256")

    monkeypatch.setattr(real._files, "require", gone)
    with Runner(real):
        job = _ended(real, real.submit_run("test.length", [evidence.sha256], {}))
    assert job.state == "failed" and real.findings.count() == 0


def test_a_case_without_steps_is_not_appraised(local: Workspace) -> None:
    case_id = local.cases.create(Machine(maker="a", model="b", serial="c", family="d"), "open-condition").id
    with pytest.raises(BadInput, match="add a step first"):
        local.submit_appraisal(case_id)


def test_a_case_is_appraised_issued_and_verified(
    real: Workspace, evidence: EvidenceRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORE_CONFIG", str(tmp_path / "config"))
    key = new_key("mine")
    real.evidence.set_capture(evidence.sha256, Capture(file="five.txt", who="Ann", synthetic=True))
    case_id = real.cases.create(
        Machine(maker="a", model="b", serial="c", family="d"), "open-condition", date(2026, 1, 1)
    ).id
    real.cases.attach(case_id, evidence.sha256)
    real.cases.add_component(case_id, Component(id="whole", kind="machine"))
    real.cases.add_step(
        case_id, Step(id="one", component="whole", method="test.length", evidence=("five.txt",))
    )
    two = Step(
        id="two", component="whole", method="test.length@2", evidence=("one:copy",), parameters={"times": 2}
    )
    real.cases.add_step(case_id, two)
    with Runner(real):
        plain = _ended(real, real.submit_appraisal(case_id))
        assert plain.state == "done" and plain.result is not None, plain.error
        assert plain.result["passport"] is None and real.passports.count() == 0
        issued = _ended(real, real.submit_appraisal(case_id, key="mine"))
        assert issued.state == "done" and issued.result is not None, issued.error
        passport = real.passports.get(issued.result["passport"])
        assert (passport.issuer, passport.case_id) == (key.did, case_id)
        assert passport.grade == issued.result["grade"]["letter"]
        checked = _ended(real, real.submit_verification(passport.sha256, issuer=key.did))
        wrong = _ended(
            real, real.submit_verification(passport.sha256, level="L1", issuer="did:key:z6MkOther")
        )
        keyless = _ended(real, real.submit_appraisal(case_id, key="none"))
    assert checked.result is not None and checked.result["ok"], checked.result
    assert wrong.result is not None and not wrong.result["ok"]
    assert keyless.error is not None and "no such key" in keyless.error["what"]
    assert issued.result["as_of"] == "2026-01-01"
    assert issued.result["findings"].keys() == {"one", "two"}
    second = real.findings.get(issued.result["findings"]["two"]).finding
    assert (second.results["bytes"].value, second.evidence[0]["name"]) == (10, "one:copy.txt")
    assert key.did in real.jobs.file(issued.id, "report.html").read(bytes).decode()
    assert [p.sha256 for p in real.passports.list(case_id=case_id)] == [passport.sha256]
    assert [j.id for j in real.jobs.list(kind="appraisal", case_id=case_id, state="done")] == [
        issued.id,
        plain.id,
    ]
    assert real.jobs.count(kind="appraisal", case_id=case_id) == 3
    assert real.check() == []
    with pytest.raises(NotFound):
        real.submit_verification("0" * 64)
    real.cases.remove(case_id)
    assert real.jobs.get(issued.id).case_id is None


SERVER = """
import sys, time
from recore.workspace import Runner, Workspace
with Workspace.open(sys.argv[1], sys.argv[2]) as workspace, Runner(workspace):
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_killed_server_leaves_its_job_to_the_next(
    real: Workspace, evidence: EvidenceRow, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", SERVER, database_url, str(tmp_path / "store")]
    server = subprocess.Popen(command, env=environment)
    job = real.submit_run("test.slow", [evidence.sha256], {"seconds": 2.0})
    for row in real.jobs.watch(job.id, every_s=0.02):
        if row.doing.startswith("step "):
            break
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    working = [
        int(pid) for task in children.parent.parent.glob("*/children") for pid in task.read_text().split()
    ]
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert real.jobs.get(job.id).state == "running"
    assert len(working) == 1
    deadline = time.monotonic() + 40
    while _alive(working[0]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(working[0]), "the child outlived its server"

    monkeypatch.setattr(real.jobs, "_clock", lambda: datetime.now(UTC) + timedelta(minutes=1))
    with Runner(real):
        again = _ended(real, job)
    assert (again.state, again.attempts) == ("done", 2)
    assert real.check() == []


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
