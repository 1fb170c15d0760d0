"""The record of a remanufacturing process: its gates, its warranty, and what else a condition word hangs on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from recore.model.case import Slug, Word
from recore.model.trade import Day, Document

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=2000)]
Count = Annotated[int, Field(ge=0, le=10**6, strict=True)]
Months = Annotated[float, Field(ge=0, le=1200)]
Truth = Annotated[bool, Field(strict=True)]


class Gate(Document):
    """One gate of the process: what went in, how and with what it was checked, by whom, when, and the outcome."""

    result: Literal["accept", "reject"] | None = None
    inputs: Text | None = None
    method: Text | None = None
    instrument: Text | None = None
    calibrated_until: Day | None = None
    person: Word | None = None
    day: Day | None = None
    sample: Text | None = None
    evidence_sha256: Sha256 | None = None
    note: Text | None = None


class Product(Document):
    """What the record is about."""

    name: Word
    kind: Literal["component", "machine"] | None = None
    maker: Word | None = None
    model: Word | None = None
    serial: Word | None = None
    core_id: Word | None = None
    core_is_waste: Truth | None = None


class Warranty(Document):
    """Months of warranty given, those of the new product, and whether the whole product is covered."""

    months: Months | None = None
    new_months: Months | None = None
    whole_product: Truth | None = None


class Performance(Document):
    """Whether the product reaches the original, with the proof."""

    at_least_original: Truth | None = None
    evidence_sha256: Sha256 | None = None


class Authorisation(Document):
    """Who let the remanufacturer work, in the sense of ISO 10987-2."""

    kind: Literal["oem", "associate", "authorised", "none"] | None = None
    by: Word | None = None
    evidence_sha256: Sha256 | None = None


class Marking(Document):
    """What the product itself says."""

    says_remanufactured: Truth | None = None
    remanufacturer: Word | None = None


class Upgrade(Document):
    """A function beyond the original."""

    beyond_original: Truth | None = None
    function: Text | None = None
    evidence_sha256: Sha256 | None = None


class Faults(Document):
    """How many faults were found, and put right."""

    found: Count | None = None
    corrected: Count | None = None


class MajorParts(Document):
    """How many major parts near failure were left as they are."""

    near_failure_left: Count | None = None


class Entry(Document):
    """A record that a profile asks for by the heading of a clause."""

    done: Truth | None = None
    evidence_sha256: Sha256 | None = None
    note: Text | None = None


def _no_blank(value: Any) -> Any:
    return value or None


class ProcessRecord(Document):
    """Everything that a condition word may hang on; what is not stated is unknown, and grants nothing."""

    format: Literal["recore-process-record"] = "recore-process-record"
    profile: Word = "gb-t-28618-shaped"
    wanted: Annotated[Word | None, BeforeValidator(_no_blank)] = None
    day: Day
    product: Product
    gates: Annotated[dict[Slug, Gate], Field(max_length=100, default_factory=dict)]
    faults: Faults = Faults()
    major_parts: MajorParts = MajorParts()
    performance: Performance = Performance()
    warranty: Warranty = Warranty()
    authorisation: Authorisation = Authorisation()
    marking: Marking = Marking()
    upgrade: Upgrade = Upgrade()
    records: Annotated[dict[Slug, Entry], Field(max_length=500, default_factory=dict)]

    def facts(self) -> dict[str, Any]:
        """What rule predicates read; what is not stated is absent."""
        return self.model_dump(mode="json", exclude_none=True)
