"""Runs jobs: a thread per worker, each with a child process that does the computing.

A job that hangs, eats memory or crashes takes its child process with it and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from recore import jsonio
from recore.errors import BadInput
from recore.finding import Finding
from recore.workspace.tables import JobRow
from recore.workspace.workspace import Workspace

MEMORY_BYTES = 4 * 2**30
TIME_LIMIT_S = 3600.0
HEARTBEAT_S = 2.0
IDLE_S = 1.0
GRACE_S = 2.0

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The runner is being stopped, or the job is no longer ours."""


class Runner:
    """Workers for the jobs of a workspace.

    Parameters
    ----------
    workspace : where jobs are taken from and findings are written to
    workers : jobs that run at the same time, each in a process of its own
    memory_bytes : most that one job may allocate
    time_limit_s : longest that one job may take
    """

    def __init__(
        self,
        workspace: Workspace,
        workers: int = 1,
        *,
        memory_bytes: int = MEMORY_BYTES,
        time_limit_s: float = TIME_LIMIT_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._workspace, self._memory_bytes = workspace, memory_bytes
        self._time_limit_s, self._heartbeat_s = time_limit_s, heartbeat_s
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._work, args=(f"{os.getpid()}.{number}",), name=f"recore job worker {number}"
            )
            for number in range(workers)
        ]

    def start(self) -> Runner:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Stop at once: what is running goes back in line."""
        self._stopping.set()
        self._workspace.jobs.wake()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Runner:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _work(self, worker: str) -> None:
        jobs = self._workspace.jobs
        child = Child(self._workspace, self._memory_bytes)
        try:
            while not self._stopping.is_set():
                try:
                    jobs.recover()
                    job = jobs.claim(worker)
                    if job is None:
                        jobs.wait_for_change(IDLE_S)
                    else:
                        self._run(job, child)
                except Exception:  # such as a database that is away for a while: the lease keeps the job
                    log.exception("worker %s", worker)
                    child.kill()
                    self._stopping.wait(IDLE_S)
        finally:
            child.kill()

    def _run(self, job: JobRow, child: Child) -> None:
        jobs = self._workspace.jobs
        try:
            answer = self._answer(job, child)
            if "error" in answer:
                jobs.fail(job, answer["error"])
            else:
                result, files = self._record(job, answer["result"])
                jobs.finish(job, result, files)
        except Stopped:
            child.kill()
            jobs.release(job)
        except BadInput as error:
            jobs.fail(job, error.json())

    def _answer(self, job: JobRow, child: Child) -> dict[str, Any]:
        """Hand the job to the child and follow it, renewing the lease."""
        begun = reported = time.monotonic()
        share, doing = 0.0, "starting"
        child.begin({"kind": job.kind, "payload": job.payload})
        while True:
            message = child.next(min(self._heartbeat_s, 0.5))
            now = time.monotonic()
            if message is not None and "share" not in message:
                return message
            if message is not None:
                share, doing = message["share"], message["doing"]
            if self._stopping.is_set():
                raise Stopped
            if now - begun > self._time_limit_s:
                child.kill()
                raise BadInput(
                    f"stopped after {self._time_limit_s:g} s, while {doing or 'working'!r}",
                    where=f"job {job.id}",
                    right="give less data at once, or allow more time",
                )
            if message is not None or now - reported >= self._heartbeat_s:
                reported = now
                if not self._workspace.jobs.progress(job, share, doing):
                    raise Stopped

    def _record(self, job: JobRow, result: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Write what the child found; its files are in the store already."""
        if job.kind == "verify":
            return result, {}
        if job.kind == "run":
            return {"finding": self._finding(result)}, {}
        passport = result["passport"]
        if passport is not None:
            bundle = self._workspace.store.get(passport["sha256"]).path
            self._workspace.passports.save(bundle, case_id=job.payload["case_id"], **passport)
        return {
            "grade": result["grade"],
            "as_of": result["as_of"],
            "findings": {step: self._finding(found) for step, found in result["findings"].items()},
            "passport": passport["sha256"] if passport else None,
        }, result["files"]

    def _finding(self, found: Mapping[str, Any]) -> str:
        finding = Finding.from_json(found["finding"])
        return self._workspace.findings.record(found["key"], finding, found["plot"]).key


class Child:
    """The process that computes; it is started when it is first needed and again after it died."""

    def __init__(self, workspace: Workspace, memory_bytes: int) -> None:
        self._command = [
            *(sys.executable, "-P", "-m", "recore.workspace.child"),
            *(str(workspace.store.folder.absolute()), str(memory_bytes)),
        ]
        self._process: subprocess.Popen[str] | None = None
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def begin(self, task: dict[str, Any]) -> None:
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(task, allow_nan=False) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `next` tells how the process ended

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message; None where there is none within the time."""
        try:
            message = self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None
        return message if message is not None else {"error": self._obituary()}

    def kill(self) -> None:
        """End the process and what it has started; it is asked first, and not for long."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._follower.join()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):  # a task that the process did not live to read
                stream.close()

    def _start(self) -> None:
        self.kill()
        self._messages = queue.Queue()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._follower = threading.Thread(target=_follow, args=(self._process, self._messages), daemon=True)
        self._follower.start()

    def _obituary(self) -> dict[str, str]:
        assert self._process is not None
        code = self._process.wait()
        self.kill()
        how = f"killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return {
            "what": f"the process that did the work was {how}",
            "where": "",
            "right": "give less data at once, or allow more memory",
        }


def _follow(process: subprocess.Popen[str], messages: queue.Queue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            messages.put(jsonio.loads(line, where="answer of the job"))
    except BadInput as error:
        messages.put({"error": error.json()})
    messages.put(None)
