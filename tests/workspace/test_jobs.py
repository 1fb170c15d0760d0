"""Jobs: in line, claimed once, watched, recovered after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from recore.errors import BadInput
from recore.workspace import JobRow, NotFound, Workspace
from recore.workspace.jobs import LEASE, MAX_ATTEMPTS


def _claimed(workspace: Workspace) -> JobRow:
    job = workspace.jobs.claim("worker")
    assert job is not None
    return job


def test_a_job_from_line_to_result(workspace: Workspace, clock: Any) -> None:
    first = workspace.jobs.submit("run", {"n": 1})
    workspace.jobs.submit("run", {"n": 2})
    assert (first.state, first.share, first.created_at) == ("waiting", 0.0, clock())
    clock.forward(seconds=5)
    job = _claimed(workspace)
    assert (job.id, job.state, job.attempts, job.started_at) == (first.id, "running", 1, clock())
    assert workspace.jobs.progress(job, 0.25, "hal\0ving\n")
    assert (workspace.jobs.get(job.id).share, workspace.jobs.get(job.id).doing) == (0.25, "halving")
    assert workspace.jobs.finish(job, {"answer": 42})
    done = workspace.jobs.get(job.id)
    assert (done.state, done.share, done.result, done.error) == ("done", 1.0, {"answer": 42}, None)
    assert done.ended and done.finished_at == clock()
    assert [j.payload["n"] for j in workspace.jobs.list()] == [2, 1]
    assert [j.id for j in workspace.jobs.list(state="done")] == [job.id]
    assert (workspace.jobs.count(), workspace.jobs.count("waiting")) == (2, 1)


@pytest.mark.parametrize(("share", "kept"), [(-1.0, 0.0), (2.0, 1.0), (float("nan"), 0.0)])
def test_progress_stays_between_nothing_and_all(workspace: Workspace, share: float, kept: float) -> None:
    workspace.jobs.submit("run", {})
    job = _claimed(workspace)
    assert workspace.jobs.progress(job, share, "x" * 1000)
    assert (workspace.jobs.get(job.id).share, len(workspace.jobs.get(job.id).doing)) == (kept, 200)


def test_a_job_fails_with_a_reason(workspace: Workspace) -> None:
    workspace.jobs.submit("run", {})
    job = _claimed(workspace)
    error = BadInput("too long", where="a.csv", right="shorter").json()
    assert workspace.jobs.fail(job, error)
    assert (workspace.jobs.get(job.id).state, workspace.jobs.get(job.id).error) == ("failed", error)
    assert not workspace.jobs.finish(job, {})


def test_the_same_work_is_not_put_in_line_twice(workspace: Workspace) -> None:
    first = workspace.jobs.submit("run", {}, "a" * 64)
    assert workspace.jobs.submit("run", {}, "a" * 64).id == first.id
    job = _claimed(workspace)
    assert workspace.jobs.submit("run", {}, "a" * 64).id == first.id
    workspace.jobs.finish(job, {})
    assert workspace.jobs.submit("run", {}, "a" * 64).id != first.id
    known = workspace.jobs.submit("run", {}, "a" * 64, {"finding": "a"})
    assert (known.state, known.share, known.result) == ("done", 1.0, {"finding": "a"})


def test_what_is_not_there(workspace: Workspace) -> None:
    assert workspace.jobs.claim("worker") is None
    for ask in (workspace.jobs.get, workspace.jobs.cancel, lambda id: next(workspace.jobs.watch(id))):
        with pytest.raises(NotFound, match="no job 5"):
            ask(5)
    with pytest.raises(NotFound):
        workspace.jobs.file(5, "report.html")
    with pytest.raises(BadInput, match="no text"):
        workspace.jobs.submit("run", {"x": ["a\0"]})


def test_a_cancelled_job_stays_cancelled(workspace: Workspace) -> None:
    job = workspace.jobs.submit("run", {})
    assert workspace.jobs.cancel(job.id).state == "cancelled"
    assert workspace.jobs.claim("worker") is None
    job = workspace.jobs.submit("run", {})
    claimed = _claimed(workspace)
    workspace.jobs.cancel(job.id)
    assert not workspace.jobs.progress(claimed, 0.5, "")
    assert not workspace.jobs.release(claimed)
    assert not workspace.jobs.finish(claimed, {})
    assert workspace.jobs.cancel(job.id).state == "cancelled"
    assert workspace.jobs.get(job.id).result is None


def test_a_worker_that_lost_its_lease_changes_nothing(workspace: Workspace, clock: Any) -> None:
    workspace.jobs.submit("run", {})
    lost = _claimed(workspace)
    assert workspace.jobs.recover() == 0
    clock.forward(seconds=LEASE.total_seconds() - 1)
    workspace.jobs.progress(lost, 0.5, "renewed")
    clock.forward(seconds=LEASE.total_seconds() - 1)
    assert workspace.jobs.recover() == 0
    clock.forward(seconds=2)
    assert workspace.jobs.recover() == 1
    assert workspace.jobs.get(lost.id).state == "waiting"
    again = _claimed(workspace)
    assert (again.id, again.attempts) == (lost.id, 2)
    assert not workspace.jobs.progress(lost, 0.9, "too late")
    assert not workspace.jobs.finish(lost, {"wrong": True})
    assert workspace.jobs.finish(again, {"right": True})
    assert workspace.jobs.get(lost.id).result == {"right": True}


def test_a_job_that_kills_its_workers_is_given_up(workspace: Workspace, clock: Any) -> None:
    workspace.jobs.submit("run", {})
    for _ in range(MAX_ATTEMPTS):
        job = _claimed(workspace)
        clock.forward(seconds=LEASE.total_seconds() + 1)
        assert workspace.jobs.recover() == 1
    ended = workspace.jobs.get(job.id)
    assert ended.state == "failed" and ended.error is not None
    assert "died 3 times" in ended.error["what"]


def test_a_released_job_is_next_in_line(workspace: Workspace) -> None:
    workspace.jobs.submit("run", {})
    job = _claimed(workspace)
    assert workspace.jobs.release(job)
    assert _claimed(workspace).id == job.id


def test_watching_shows_each_change_until_the_end(workspace: Workspace) -> None:
    job = workspace.jobs.submit("run", {})
    seen: list[tuple[str, float]] = []
    told: list[str] = []
    unsubscribe = workspace.jobs.subscribe(lambda row: told.append(row.state))

    def follow() -> None:
        seen.extend((row.state, row.share) for row in workspace.jobs.watch(job.id, every_s=30))

    thread = threading.Thread(target=follow)
    thread.start()
    claimed = _claimed(workspace)
    for share in (0.25, 0.5):
        workspace.jobs.progress(claimed, share, "")
    unsubscribe()
    unsubscribe()
    workspace.jobs.finish(claimed, {})
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert seen[-1] == ("done", 1.0) and seen == sorted(seen, key=lambda item: item[1])
    assert told == ["running"] * 3
    assert [row.state for row in workspace.jobs.watch(job.id)] == ["done"]


def test_watching_sees_what_another_process_does(
    workspace: Workspace, database_url: str, tmp_path: Any
) -> None:
    job = workspace.jobs.submit("run", {})
    with Workspace.open(database_url, tmp_path / "store") as other:
        watching = workspace.jobs.watch(job.id, every_s=0.01)
        assert next(watching).state == "waiting"
        other.jobs.cancel(job.id)
        assert next(watching).state == "cancelled"


def test_the_database_itself_refuses_a_state_that_is_none(workspace: Workspace) -> None:
    with pytest.raises(IntegrityError), workspace._database.writing() as session:
        session.add(JobRow(kind="x", payload={}, state="odd", share=0.0, doing="", attempts=0))


CLAIM_ALL = """
import json, sys
from recore.workspace import Workspace
workspace, mine = Workspace.open(sys.argv[1], sys.argv[2]), []
sys.stdin.readline()
while (job := workspace.jobs.claim("w")) is not None:
    mine.append(job.id)
    assert workspace.jobs.finish(job, {})
print(json.dumps(mine))
"""


def test_two_processes_never_get_the_same_job(workspace: Workspace, database_url: str, tmp_path: Any) -> None:
    ids = {workspace.jobs.submit("run", {"n": n}).id for n in range(30)}
    command = [sys.executable, "-c", CLAIM_ALL, database_url, str(tmp_path / "store")]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    claimed = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert sorted(claimed[0] + claimed[1]) == sorted(ids)
    assert all(job.attempts == 1 for job in workspace.jobs.list(limit=100))
