"""Cases: a machine with its components, files and steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recore.appraisal.case import case_from
from recore.errors import BadInput
from recore.evidence import EvidenceFile
from recore.model.case import Capture, Case, Component, GradeWanted, Machine, Step
from recore.workspace.database import Database
from recore.workspace.errors import NotFound
from recore.workspace.evidence import Evidence
from recore.workspace.files import Files
from recore.workspace.repository import Clock, Repository, digest, storable, utc_now
from recore.workspace.tables import CaseFileRow, CaseRow, ComponentRow, StepRow

_Part = TypeVar("_Part", ComponentRow, CaseFileRow, StepRow)
_Item = TypeVar("_Item", Component, Step)


@dataclass
class _Draft:
    """A case while it is being changed; `files` are SHA-256 digests by name within the case."""

    row: CaseRow
    components: list[Component]
    steps: list[Step]
    files: dict[str, str]

    def case(self, captures: Mapping[str, Capture], now: datetime) -> Case:
        document = {
            "machine": self.row.machine.model_dump(),
            "component": [component.model_dump() for component in self.components],
            "grade": {"profile": self.row.profile, "as_of": self.row.as_of},
            "step": [step.model_dump() for step in self.steps],
            "evidence": [
                captures[sha256].model_copy(update={"file": file}).model_dump()
                for file, sha256 in self.files.items()
            ],
        }
        return case_from(document, where=f"case {self.row.id}" if self.row.id else "case", now=now)


class Cases(Repository):
    """Cases of the workspace. Every change is checked as a whole before it is written."""

    def __init__(self, database: Database, files: Files, evidence: Evidence, clock: Clock = utc_now) -> None:
        super().__init__(database, files, clock)
        self._evidence = evidence

    def create(self, machine: Machine, profile: str, as_of: date | None = None) -> CaseRow:
        """Begin a case: the machine, the grading profile and the day whose rules hold (None: today's)."""
        return self.save(Case(machine=machine, component=(), grade=_grade(profile, as_of)), {})

    def update(self, case_id: int, machine: Machine, profile: str, as_of: date | None = None) -> CaseRow:
        grade = _grade(profile, as_of)
        with self._changing(case_id) as draft:
            draft.row.machine, draft.row.profile, draft.row.as_of = machine, grade.profile, grade.as_of
        return draft.row

    def get(self, case_id: int) -> CaseRow:
        with self._database.reading() as session:
            return self._get(session, CaseRow, case_id)

    def list(self, limit: int = 50, offset: int = 0) -> Sequence[CaseRow]:
        """Last changed first."""
        return self._page(
            select(CaseRow).order_by(CaseRow.changed_at.desc(), CaseRow.id.desc()), limit, offset
        )

    def count(self) -> int:
        return self._count(select(CaseRow))

    def remove(self, case_id: int) -> None:
        """Forget a case. Evidence, findings and passports stay."""
        with self._database.writing() as session:
            session.delete(self._get(session, CaseRow, case_id))

    def attach(self, case_id: int, sha256: str, file: str | None = None) -> str:
        """Make evidence available to the steps of a case; returns its name within the case.

        Raises
        ------
        BadInput : another file has that name in this case
        """
        evidence = self._evidence.get(sha256)
        name = _in_case(evidence.name.replace(":", "_") if file is None else file)
        with self._changing(case_id) as draft:
            if draft.files.setdefault(name, evidence.sha256) != evidence.sha256:
                raise BadInput(
                    f"another file of this case is called {name!r}",
                    where=f"case {case_id}",
                    right="give it another name",
                )
        return name

    def detach(self, case_id: int, file: str) -> None:
        with self._changing(case_id) as draft:
            if draft.files.pop(file, None) is None:
                raise NotFound(f"no file {file!r:.80} in case {case_id}")

    def files(self, case_id: int) -> dict[str, str]:
        """SHA-256 of each file of the case by its name within the case."""
        return self.snapshot(case_id)[1]

    def open_evidence(self, case_id: int) -> Callable[[str], EvidenceFile]:
        """Function that opens a file of the case by its name."""
        return opener(self._files.get, self.files(case_id))

    def add_component(self, case_id: int, component: Component) -> None:
        with self._changing(case_id) as draft:
            draft.components.append(component)

    def remove_component(self, case_id: int, component_id: str) -> None:
        """Take out a component that no step is about."""
        with self._changing(case_id) as draft:
            draft.components = _without(draft.components, component_id, f"component of case {case_id}")

    def add_step(self, case_id: int, step: Step) -> None:
        with self._changing(case_id) as draft:
            draft.steps.append(step)

    def remove_step(self, case_id: int, step_id: str) -> None:
        """Take out a step whose artifacts no later step reads."""
        with self._changing(case_id) as draft:
            draft.steps = _without(draft.steps, step_id, f"step of case {case_id}")

    def document(self, case_id: int) -> Case:
        """The whole case with the capture of each of its files."""
        return self.snapshot(case_id)[0]

    def snapshot(self, case_id: int) -> tuple[Case, dict[str, str]]:
        """The whole case and the SHA-256 of each of its files, as they are at one moment."""
        with self._database.reading() as session:
            draft = self._draft(session, self._get(session, CaseRow, case_id))
            captures = self._evidence.captures(session, draft.files.values())
            return draft.case(captures, self._clock()), draft.files

    def save(self, case: Case, files: Mapping[str, str], case_id: int | None = None) -> CaseRow:
        """Write a whole case, a new one or in place of `case_id`, and the captures that it states.

        Parameters
        ----------
        case : what `case.toml` says
        files : SHA-256 of each of its files, which are evidence of this workspace, by name

        Raises
        ------
        BadInput : a file that the case names is not among `files`, or a capture lies in the future
        NotFound : a file is not evidence of this workspace, or there is no such case
        """
        with self._database.writing() as session:
            if case_id is None:
                row = CaseRow(created_at=self._clock())
            else:
                row = self._get(session, CaseRow, case_id, lock=True)
            row.machine, row.profile, row.as_of = case.machine, case.grade.profile, case.grade.as_of
            for capture in case.evidence:
                if capture.file not in files:
                    raise BadInput(f"file {capture.file!r:.80} was not given", where="evidence of the case")
                if capture.model_fields_set - {"file"}:
                    self._evidence.record_capture(session, files[capture.file], capture)
            named = {_in_case(file): digest(sha256) for file, sha256 in files.items()}
            self._write(session, _Draft(row, list(case.component), list(case.step), named))
        return row

    @contextmanager
    def _changing(self, case_id: int) -> Iterator[_Draft]:
        with self._database.writing() as session:
            draft = self._draft(session, self._get(session, CaseRow, case_id, lock=True))
            yield draft
            self._write(session, draft)

    def _draft(self, session: Session, row: CaseRow) -> _Draft:
        return _Draft(
            row,
            [
                Component(id=c.slug, kind=c.kind, name=c.name, nominal=c.nominal)
                for c in _parts(session, ComponentRow, row.id)
            ],
            [
                Step(
                    id=s.slug,
                    component=s.component,
                    method=s.method,
                    evidence=tuple(s.evidence),
                    parameters=s.parameters,
                )
                for s in _parts(session, StepRow, row.id)
            ],
            {f.file: f.sha256 for f in _parts(session, CaseFileRow, row.id)},
        )

    def _write(self, session: Session, draft: _Draft) -> None:
        captures = self._evidence.captures(session, draft.files.values())
        if missing := next((s for s in draft.files.values() if s not in captures), None):
            raise NotFound(f"no evidence {missing} in this workspace")
        where = f"case {draft.row.id}" if draft.row.id else "case"
        case = draft.case(captures, self._clock())
        for step in case.step:
            for name in step.evidence:
                if ":" not in name and name not in draft.files:
                    raise BadInput(
                        f"step {step.id!r} reads {name!r:.80}, which is no file of the case",
                        where=where,
                        right=f"files: {', '.join(draft.files) or 'none yet'}",
                    )
        storable(case.model_dump(), where=where)
        draft.row.changed_at = self._clock()
        session.add(draft.row)
        session.flush()
        case_id = draft.row.id
        for kind in (ComponentRow, CaseFileRow, StepRow):
            session.execute(delete(kind).where(kind.case_id == case_id))
        session.add_all(
            ComponentRow(case_id=case_id, position=at, slug=c.id, kind=c.kind, name=c.name, nominal=c.nominal)
            for at, c in enumerate(case.component)
        )
        session.add_all(
            CaseFileRow(case_id=case_id, position=at, file=file, sha256=sha256)
            for at, (file, sha256) in enumerate(draft.files.items())
        )
        session.add_all(
            StepRow(
                case_id=case_id,
                position=at,
                slug=s.id,
                component=s.component,
                method=s.method,
                evidence=list(s.evidence),
                parameters=s.parameters,
            )
            for at, s in enumerate(case.step)
        )


def _parts(session: Session, kind: type[_Part], case_id: int) -> Sequence[_Part]:
    return session.scalars(select(kind).where(kind.case_id == case_id).order_by(kind.position)).all()


def opener(
    get: Callable[[str, str], EvidenceFile], files: Mapping[str, str]
) -> Callable[[str], EvidenceFile]:
    """Function that opens the files of a case by name."""

    def open_evidence(file: str) -> EvidenceFile:
        if file not in files:
            raise BadInput(f"no file {file!r:.80} in the case", right=f"files: {', '.join(files) or 'none'}")
        return get(files[file], file)

    return open_evidence


def _grade(profile: str, as_of: date | None) -> GradeWanted:
    try:
        return GradeWanted(profile=profile, as_of=as_of)
    except ValidationError as error:
        raise BadInput(f"profile {profile!r:.80}: {error.errors()[0]['msg']}", where="grade") from None


def _in_case(name: str) -> str:
    parts = name.split("/")
    if (
        not (1 <= len(name) <= 200 and name.isprintable())
        or {"", ".", ".."} & {*parts}
        or {":", "\\"} & {*name}
    ):
        raise BadInput(
            f"file name {name!r:.80}",
            right="1 to 200 printable characters are wanted, no colon, and a folder only below the case's own",
        )
    return name


def _without(items: list[_Item], id: str, what: str) -> list[_Item]:
    left = [item for item in items if item.id != id]
    if len(left) == len(items):
        raise NotFound(f"no {what} is called {id!r:.80}")
    return left
