"""The workspace: one database, one store, and the repositories on top of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import text

from recore import jsonio
from recore.errors import BadInput
from recore.evidence import Store, open_file
from recore.home import home
from recore.registry import registry
from recore.workspace.cases import Cases
from recore.workspace.database import Database
from recore.workspace.errors import NotFound
from recore.workspace.evidence import Evidence
from recore.workspace.files import Files
from recore.workspace.findings import Findings
from recore.workspace.inspections import Inspections
from recore.workspace.jobs import Jobs
from recore.workspace.passports import Passports
from recore.workspace.repository import Clock, utc_now
from recore.workspace.rules import OwnRules
from recore.workspace.tables import JobRow

SAFE_FOR = timedelta(days=1)


class Workspace:
    """Evidence, cases, findings, passports, jobs and own rule rows of one user or one server."""

    def __init__(self, database: Database, store: Store, clock: Clock = utc_now) -> None:
        self._database, self.store, self._clock = database, store, clock
        self._files = Files(store, database)
        self.evidence = Evidence(database, self._files, clock)
        self.cases = Cases(database, self._files, self.evidence, clock)
        self.findings = Findings(database, self._files, clock)
        self.passports = Passports(database, self._files, clock)
        self.jobs = Jobs(database, self._files, clock)
        self.inspections = Inspections(database, self._files, clock)
        self.rules = OwnRules(database, self._files, clock)

    @classmethod
    def open(
        cls, database_url: str | None = None, store: str | Path | None = None, *, clock: Clock = utc_now
    ) -> Workspace:
        """Open a workspace; what is missing is made, and an older schema is brought up to date.

        Parameters
        ----------
        database_url : 'sqlite:///FILE' or 'postgresql://…'; the user's own SQLite file where not given
        store : folder of the evidence files; the user's own where not given
        clock : gives the current moment, aware

        Raises
        ------
        BadInput : the database cannot be opened, is not Recore's, or is of a newer Recore
        """
        database = Database(database_url or f"sqlite:///{home() / 'recore.sqlite'}")
        return cls(database, Store(Path(store) if store is not None else home() / "store"), clock)

    def close(self) -> None:
        self.jobs.wake()
        self._database.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the database, without its password."""
        return self._database.label

    def submit_run(self, method: str, evidence: Sequence[str], parameters: Mapping[str, Any]) -> JobRow:
        """Run a method on evidence in the background; a finding that is known already is not made again.

        Parameters
        ----------
        method : 'id' or 'id@version'
        evidence : SHA-256 of each file, in the order of the method's inputs
        parameters : checked here, so that a mistake is told at once

        Raises
        ------
        BadInput : no such method, or parameters out of range
        NotFound : no such evidence
        """
        found = registry().get(method)
        checked = found.validated(parameters)
        files = [self.evidence.open(sha256) for sha256 in evidence]
        key = found.cache_key(files, checked)
        payload = {
            "method": f"{found.id}@{found.version}",
            "evidence": [{"sha256": file.sha256, "name": file.name} for file in files],
            "parameters": checked,
        }
        known = {"finding": key} if self.findings.find(key) else None
        return self.jobs.submit("run", payload, key, known)

    def submit_appraisal(self, case_id: int, *, as_of: date | None = None, key: str | None = None) -> JobRow:
        """Appraise a case, as it is now, in the background.

        Parameters
        ----------
        as_of : day on which the rules are read; the case's own, or today, where not given
        key : name of the signing key with which a passport is issued as well
        """
        case, files = self.cases.snapshot(case_id)
        day = as_of or case.grade.as_of or self._clock().date()
        if not case.step:
            raise BadInput("the case has no step", where=f"case {case_id}", right="add a step first")
        payload = {
            "case_id": case_id,
            "case": case.model_dump(mode="json"),
            "files": files,
            "as_of": day.isoformat(),
            "key": key,
        }
        return self.jobs.submit("appraisal", payload, jsonio.digest(payload), case_id=case_id)

    def submit_verification(
        self, sha256: str, *, name: str = "passport.zip", level: str = "L4", issuer: str | None = None
    ) -> JobRow:
        """Verify a bundle of the store in the background.

        Parameters
        ----------
        sha256 : the bundle, as `store.put` took it in; it needs no row, and is swept in time
        name : what the sender calls it
        level : 'L0' to 'L4'
        issuer : DID that is expected to have signed it

        Raises
        ------
        NotFound : no such file in the store
        """
        if sha256 not in self.store:
            raise NotFound(f"no bundle {sha256!r:.80} in this workspace")
        payload = {"sha256": sha256, "name": name, "level": level, "issuer": issuer}
        return self.jobs.submit("verify", payload, jsonio.digest({"verify": payload}))

    def sweep(self, older_than: timedelta = SAFE_FOR) -> list[str]:
        """Remove files that nothing refers to: left-overs of a process that was killed.

        Parameters
        ----------
        older_than : files touched more recently are kept, as their row may be on its way
        """
        return self._files.sweep([noun.references for noun in self._nouns()], older_than=older_than)

    def check(self) -> list[str]:
        """What is wrong with the workspace: a damaged database, or a file that is missing or changed."""
        problems = []
        with self._database.reading() as session:
            if self._database.is_sqlite:
                for pragma in ("integrity_check", "foreign_key_check"):
                    rows = session.execute(text(f"PRAGMA {pragma}")).all()
                    problems += [f"database: {tuple(row)}" for row in rows if tuple(row) != ("ok",)]
            wanted = {sha256 for noun in self._nouns() for sha256 in noun.references(session)}
        for sha256 in sorted(wanted):
            try:
                is_now = open_file(self.store.get(sha256).path).sha256
            except BadInput as error:
                problems.append(str(error))
                continue
            if is_now != sha256:
                problems.append(f"file {sha256} has been changed: its digest is now {is_now}")
        return problems

    def _nouns(self) -> tuple[Evidence | Findings | Passports | Jobs, ...]:
        return self.evidence, self.findings, self.passports, self.jobs
