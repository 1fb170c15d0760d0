"""Jobs: work that runs in the background, survives a killed process and is done once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, Update, select, update
from sqlalchemy.orm import Session

from recore.evidence import EvidenceFile
from recore.workspace.database import Database
from recore.workspace.errors import NotFound
from recore.workspace.files import Files
from recore.workspace.repository import Clock, Repository, storable, utc_now
from recore.workspace.tables import JobFileRow, JobRow

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 3
NO_FILES: Mapping[str, str] = MappingProxyType({})
Listener = Callable[[JobRow], None]


class Jobs(Repository):
    """Jobs of the workspace.

    A worker that claims a job holds a lease on it, and every progress report renews the lease.
    What a worker writes after it has lost the lease changes nothing.
    """

    def __init__(self, database: Database, files: Files, clock: Clock = utc_now) -> None:
        super().__init__(database, files, clock)
        self._changed = threading.Condition()
        self._changes = 0
        self._listeners: list[Listener] = []

    def submit(
        self,
        kind: str,
        payload: dict[str, Any],
        key: str | None = None,
        result: dict[str, Any] | None = None,
        case_id: int | None = None,
    ) -> JobRow:
        """Put a job in line.

        Parameters
        ----------
        kind : 'run', 'appraisal' or 'verify'
        payload : what to do, as JSON
        key : while a job with the same key waits or runs, that one is returned and no new one is made
        result : when it is known already, the job is done at once
        case_id : the case it is about
        """
        storable(payload, where=f"job {kind!r}")
        now = self._clock()
        with self._database.writing() as session:
            if key is not None and result is None:
                same = select(JobRow).where(JobRow.key == key, JobRow.state.in_(("waiting", "running")))
                if (row := session.scalars(same.order_by(JobRow.id).limit(1)).first()) is not None:
                    return row
            row = JobRow(
                kind=kind,
                payload=payload,
                key=key,
                case_id=case_id,
                state="waiting" if result is None else "done",
                share=0.0 if result is None else 1.0,
                doing="",
                result=result,
                attempts=0,
                created_at=now,
                finished_at=None if result is None else now,
            )
            session.add(row)
        self._tell(row)
        return row

    def get(self, id: int) -> JobRow:
        with self._database.reading() as session:
            return self._get(session, JobRow, id)

    def list(
        self,
        state: str | None = None,
        kind: str | None = None,
        case_id: int | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[JobRow]:
        """Newest first; in one state, of one kind, about one case."""
        return self._page(_such(state, kind, case_id).order_by(JobRow.id.desc()), limit, offset)

    def count(self, state: str | None = None, kind: str | None = None, case_id: int | None = None) -> int:
        return self._count(_such(state, kind, case_id))

    def claim(self, worker: str) -> JobRow | None:
        """Take the oldest waiting job; None where nothing waits. No two workers ever get the same one."""
        waiting = select(JobRow).where(JobRow.state == "waiting").order_by(JobRow.id).limit(1)
        with self._database.reading() as session:
            if session.scalars(waiting).first() is None:
                return None
        with self._database.writing() as session:
            row = session.scalars(waiting.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            now = self._clock()
            row.state, row.attempts, row.started_at = "running", row.attempts + 1, now
            row.lease, row.lease_until = f"{worker} {uuid.uuid4().hex}", now + LEASE
        self._tell(row)
        return row

    def progress(self, job: JobRow, share: float, doing: str) -> bool:
        """Report progress and renew the lease; False when the job is no longer this worker's."""
        share = min(max(share, 0.0), 1.0) if share == share else 0.0
        said = "".join(letter for letter in doing[:200] if letter.isprintable())
        values = {"share": share, "doing": said, "lease_until": self._clock() + LEASE}
        return self._held(job, update(JobRow).values(values))

    def finish(self, job: JobRow, result: dict[str, Any], files: Mapping[str, str] | None = None) -> bool:
        """End a job with its result, and the files (SHA-256 by name) that belong to nothing else."""
        ended = {"state": "done", "share": 1.0, "doing": "", "result": result}
        return self._end(job, ended, files or {})

    def fail(self, job: JobRow, error: dict[str, str]) -> bool:
        """End a job with what was wrong, where, and what would be right."""
        return self._end(job, {"state": "failed", "error": error}, {})

    def release(self, job: JobRow) -> bool:
        """Put a claimed job back in line, as a worker that is being stopped does."""
        return self._held(job, update(JobRow).values(state="waiting", share=0.0, doing="", lease=None))

    def cancel(self, id: int) -> JobRow:
        """End a job that has not ended; a worker that runs it is told at its next report."""
        with self._database.writing() as session:
            row = self._get(session, JobRow, id, lock=True)
            if not row.ended:
                row.state, row.lease, row.finished_at = "cancelled", None, self._clock()
        self._tell(row)
        return row

    def recover(self) -> int:
        """Put jobs whose worker has died back in line; returns how many leases had run out.

        A job that has lost `MAX_ATTEMPTS` workers fails: it is probably what kills them.
        """
        now = self._clock()
        lost = select(JobRow).where(JobRow.state == "running", JobRow.lease_until < now)
        with self._database.reading() as session:
            if session.scalars(lost.limit(1)).first() is None:
                return 0
        with self._database.writing() as session:
            rows = session.scalars(lost.with_for_update(skip_locked=True)).all()
            for row in rows:
                row.lease, row.share, row.doing, row.state = None, 0.0, "", "waiting"
                if row.attempts >= MAX_ATTEMPTS:
                    row.state, row.finished_at = "failed", now
                    row.error = {
                        "what": f"the worker died {row.attempts} times",
                        "where": f"job {row.id}",
                        "right": "give less data at once, or allow more memory",
                    }
        for row in rows:
            self._tell(row)
        return len(rows)

    def watch(self, id: int, every_s: float = 1.0) -> Iterator[JobRow]:
        """Yield the job now and after each change, until it has ended.

        Changes made in this process are seen at once, those of other processes after `every_s`.
        """
        last: tuple[Any, ...] | None = None
        while True:
            with self._changed:
                seen = self._changes
            row = self.get(id)
            state = (row.state, row.share, row.doing, row.attempts)
            if state != last:
                last = state
                yield row
            if row.ended:
                return
            self._wait(seen, every_s)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each job that this process changes; the returned function ends that.

        It is called in the thread that made the change, so it must be quick and must not raise.
        """
        with self._changed:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._changed:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def wait_for_change(self, timeout_s: float) -> None:
        """Sleep until a job changes in this process, or for `timeout_s`."""
        with self._changed:
            seen = self._changes
        self._wait(seen, timeout_s)

    def wake(self) -> None:
        """Wake all that wait for a change."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _wait(self, seen: int, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._changes != seen, timeout_s)

    def _tell(self, row: JobRow) -> None:
        self.wake()
        with self._changed:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(row)

    def _end(self, job: JobRow, values: dict[str, Any], files: Mapping[str, str]) -> bool:
        ended = {"lease": None, "finished_at": self._clock(), **values}
        return self._held(job, update(JobRow).values(ended), files)

    def _held(self, job: JobRow, change: Update, files: Mapping[str, str] = NO_FILES) -> bool:
        """Change the job if this worker still holds it."""
        mine = change.where(JobRow.id == job.id, JobRow.state == "running", JobRow.lease == job.lease)
        with self._database.writing() as session:
            row = session.scalars(mine.returning(JobRow)).first()
            if row is not None and files:
                self._files.require(session, *files.values())
                session.add_all(JobFileRow(job_id=job.id, name=n, sha256=s) for n, s in files.items())
        if row is not None:
            self._tell(row)
        return row is not None

    def file(self, id: int, name: str) -> EvidenceFile:
        """A file that came out of a job, such as the report of an appraisal."""
        with self._database.reading() as session:
            row = session.get(JobFileRow, (id, name))
        if row is None:
            raise NotFound(f"no file {name!r:.80} of job {id}")
        return self._files.get(row.sha256, row.name)

    def references(self, session: Session) -> Iterable[str]:
        return session.scalars(select(JobFileRow.sha256))


def _such(state: str | None, kind: str | None, case_id: int | None) -> Select[JobRow]:
    statement = select(JobRow)
    for column, wanted in ((JobRow.state, state), (JobRow.kind, kind), (JobRow.case_id, case_id)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return statement
