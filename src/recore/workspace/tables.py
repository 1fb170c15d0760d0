"""The tables of a workspace: one schema for SQLite and PostgreSQL.

Each table is touched by its own repository only. A change here needs a migration (see `migrations/`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from recore.finding import Finding
from recore.model.case import Capture, Machine


class UtcTime(TypeDecorator[datetime]):
    """A moment: always aware, always UTC, on both databases (SQLite itself keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


SHA256 = String(64)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime, float: Double, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


class EvidenceRow(Base):
    """A raw file of the store and what is known about how it came to be."""

    __tablename__ = "evidence"

    sha256: Mapped[str] = mapped_column(SHA256, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str | None] = mapped_column(Text)
    captured_at: Mapped[datetime | None]
    instrument: Mapped[str | None] = mapped_column(Text)
    calibration: Mapped[str | None] = mapped_column(Text)
    place: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    licence: Mapped[str | None] = mapped_column(Text)
    synthetic: Mapped[bool]

    @property
    def capture(self) -> Capture:
        return Capture(
            file=self.name,
            who=self.who,
            when=self.captured_at,
            instrument=self.instrument,
            calibration=self.calibration,
            place=self.place,
            source=self.source,
            licence=self.licence,
            synthetic=self.synthetic,
        )


class CaseRow(Base):
    """A machine under appraisal; its components, files and steps stand in tables of their own."""

    __tablename__ = "appraisal_case"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    maker: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(Text, index=True)
    family: Mapped[str] = mapped_column(Text)
    pin: Mapped[str | None] = mapped_column(Text, index=True)
    aliases: Mapped[list[str]]
    built: Mapped[str | None] = mapped_column(Text)
    hours: Mapped[float | None]
    profile: Mapped[str] = mapped_column(Text)
    as_of: Mapped[date | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)

    @property
    def machine(self) -> Machine:
        return Machine(
            maker=self.maker,
            model=self.model,
            serial=self.serial,
            family=self.family,
            pin=self.pin,
            aliases=tuple(self.aliases),
            built=self.built,
            hours=self.hours,
        )

    @machine.setter
    def machine(self, machine: Machine) -> None:
        for name, value in machine.model_dump().items():
            setattr(self, name, list(value) if name == "aliases" else value)


def _case_id() -> Mapped[int]:
    return mapped_column(ForeignKey("appraisal_case.id", ondelete="CASCADE"), primary_key=True)


class ComponentRow(Base):
    __tablename__ = "case_component"

    case_id: Mapped[int] = _case_id()
    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    nominal: Mapped[dict[str, Any]]


class CaseFileRow(Base):
    """A piece of evidence under the name that the steps of one case use for it."""

    __tablename__ = "case_file"

    case_id: Mapped[int] = _case_id()
    file: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int]
    sha256: Mapped[str] = mapped_column(SHA256, ForeignKey("evidence.sha256"), index=True)


class StepRow(Base):
    __tablename__ = "case_step"

    case_id: Mapped[int] = _case_id()
    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int]
    component: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[str]]
    parameters: Mapped[dict[str, Any]]


class FindingRow(Base):
    """A finding under its cache key: equal keys mean equal findings."""

    __tablename__ = "finding"

    key: Mapped[str] = mapped_column(SHA256, primary_key=True)
    method: Mapped[str] = mapped_column(Text, index=True)
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    plot_sha256: Mapped[str | None] = mapped_column(SHA256)
    created_at: Mapped[datetime] = mapped_column(index=True)

    @property
    def finding(self) -> Finding:
        return Finding.from_json(self.document, where=f"finding {self.key}")


def _finding_key() -> Mapped[str]:
    return mapped_column(SHA256, ForeignKey("finding.key", ondelete="CASCADE"), primary_key=True)


class FindingEvidenceRow(Base):
    """What a finding was made from; an artifact of another finding is evidence too."""

    __tablename__ = "finding_evidence"

    key: Mapped[str] = _finding_key()
    sha256: Mapped[str] = mapped_column(SHA256, primary_key=True, index=True)


class ArtifactRow(Base):
    """A file that came with a finding."""

    __tablename__ = "finding_artifact"

    key: Mapped[str] = _finding_key()
    file: Mapped[str] = mapped_column(Text, primary_key=True)
    sha256: Mapped[str] = mapped_column(SHA256)


class PassportRow(Base):
    """An issued passport; the bundle itself is a file of the store."""

    __tablename__ = "passport"

    sha256: Mapped[str] = mapped_column(SHA256, primary_key=True)
    issuer: Mapped[str] = mapped_column(Text)
    machine: Mapped[str] = mapped_column(Text, index=True)
    grade: Mapped[str] = mapped_column(Text)
    case_id: Mapped[int | None] = mapped_column(
        ForeignKey("appraisal_case.id", ondelete="SET NULL"), index=True
    )
    issued_at: Mapped[datetime] = mapped_column(index=True)


class RuleRow(Base):
    """One version of a rule row of the workspace's own. A version that stands here is never changed or removed."""

    __tablename__ = "rule_rows"

    rule_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[dict[str, Any]]
    recorded_at: Mapped[datetime] = mapped_column(index=True)


class InspectionRow(Base):
    """An inspection of a machine as its devices have filled it in so far; `document` holds what they wrote."""

    __tablename__ = "inspection"
    __table_args__ = (CheckConstraint("state IN ('draft', 'submitted')", name="state"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    family: Mapped[str] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(Text)
    machine: Mapped[dict[str, Any]]
    document: Mapped[dict[str, Any]]
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    finding: Mapped[str | None] = mapped_column(SHA256, ForeignKey("finding.key", ondelete="SET NULL"))


STATES = ("waiting", "running", "done", "failed", "cancelled")
ENDED = ("done", "failed", "cancelled")


class JobRow(Base):
    """Work in the background. `lease` names the one attempt that may still write to the row."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"),
        CheckConstraint("share >= 0 AND share <= 1", name="share"),
        Index(None, "state", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(SHA256, index=True)
    case_id: Mapped[int | None] = mapped_column(
        ForeignKey("appraisal_case.id", ondelete="SET NULL"), index=True
    )
    state: Mapped[str] = mapped_column(String(16))
    share: Mapped[float]
    doing: Mapped[str] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    attempts: Mapped[int]
    lease: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class JobFileRow(Base):
    """A file that came out of a job and belongs to no finding or passport."""

    __tablename__ = "job_file"

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    sha256: Mapped[str] = mapped_column(SHA256)
