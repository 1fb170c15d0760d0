"""A case: one machine, its components, the evidence, and the steps that turn it into findings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from recore.errors import UNSEEN


def _seen(text: str) -> str:
    if UNSEEN.search(text) or "\n" in text or "\t" in text:
        raise ValueError(f"{text!r:.60} holds characters that cannot be seen")
    return text


Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_seen)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Machine(_Strict):
    """A machine or other core as its plate and papers describe it."""

    maker: Word
    model: Word
    serial: Word
    family: Word
    pin: Word | None = None
    aliases: tuple[Word, ...] = ()
    built: Annotated[str, Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")] | None = None
    hours: Annotated[float, Field(ge=0, le=1_000_000)] | None = None

    @field_validator("built", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return (
            f"{value:04d}"
            if isinstance(value, int)
            else value.isoformat()
            if isinstance(value, date)
            else value
        )

    @field_validator("built")
    @classmethod
    def _a_day(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                date.fromisoformat((value + "-01-01")[:10])
            except ValueError:
                raise ValueError(
                    f"{value} is no year, month or day; write 2021, 2021-05 or 2021-05-31"
                ) from None
        return value

    @property
    def built_on(self) -> date | None:
        """First day of the build year, month or the day itself: the oldest reading of what is known."""
        if self.built is None:
            return None
        year, month, day = (int(part) for part in (self.built + "-01-01").split("-")[:3])
        return date(year, month, day)


class Component(_Strict):
    """A part of the machine that findings are about; `nominal` holds drawing and plate values by name."""

    id: Slug
    kind: Word
    name: Word | None = None
    nominal: dict[str, float | str | bool] = {}


class Capture(_Strict):
    """How a file came to be. Each may be missing; the grade then says what is missing."""

    file: Word
    who: Word | None = None
    when: datetime | None = None
    instrument: Word | None = None
    calibration: Word | None = None
    place: Word | None = None
    source: Word | None = None
    licence: Word | None = None
    synthetic: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the capture facts that nobody stated."""
        return tuple(
            n for n in ("who", "when", "instrument", "calibration", "place") if getattr(self, n) is None
        )


class Step(_Strict):
    """One method run: its evidence is a file of the case or '<step id>:<artifact>' of an earlier step."""

    id: Slug
    component: Slug
    method: Word
    evidence: Annotated[tuple[Word, ...], Field(min_length=1, max_length=10_000)]
    parameters: dict[str, Any] = {}


class GradeWanted(_Strict):
    """The grading profile, and the day its rules are read (today where it is not given)."""

    profile: Slug
    as_of: date | None = None


class Case(_Strict):
    """Everything `case.toml` says."""

    machine: Machine
    component: tuple[Component, ...]
    grade: GradeWanted
    step: tuple[Step, ...] = ()
    evidence: tuple[Capture, ...] = ()

    @model_validator(mode="after")
    def _joined_up(self) -> Case:
        for word, ids in (("component", [c.id for c in self.component]), ("step", [s.id for s in self.step])):
            twice = {i for i in ids if ids.count(i) > 1}
            if twice:
                raise ValueError(f"{word} id {', '.join(sorted(twice))} stands twice")
        known = {component.id for component in self.component}
        before: set[str] = set()
        for step in self.step:
            if step.component not in known:
                raise ValueError(
                    f"step {step.id!r} names component {step.component!r}, which is not in the case"
                )
            for name in step.evidence:
                head, colon, _ = name.partition(":")
                if colon and head not in before:
                    raise ValueError(
                        f"step {step.id!r} reads {name!r}, but no earlier step is called {head!r}"
                    )
            before.add(step.id)
        return self
