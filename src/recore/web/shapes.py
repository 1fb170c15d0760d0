"""Shapes of the JSON API, for its description (OpenAPI)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from recore.model import case as nouns


class Problem(BaseModel):
    """What was wrong, where, what would be right; `text` is all of it as the command line prints it."""

    what: str
    where: str
    right: str
    text: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "Not here"},
    422: {"model": Problem, "description": "Input that cannot be used"},
}


class MethodInput(BaseModel):
    name: str
    kind: str
    many: bool
    optional: bool


class Method(BaseModel):
    """A method: its inputs, the JSON Schema of its parameters, and what it finds."""

    id: str
    version: int
    summary: str
    standard: str
    inputs: list[MethodInput]
    parameters: dict[str, JsonValue]
    results: dict[str, dict[str, str]]
    reproducible: dict[str, dict[str, float]]


class MethodName(BaseModel):
    id: str
    version: int


class EvidenceNamed(BaseModel):
    name: str
    sha256: str
    bytes: int
    media_type: str


class Quantity(BaseModel):
    """A value with its unit and, for a measured number, its expanded uncertainty (k = 2)."""

    value: JsonValue
    unit: str
    uncertainty: float | None = None


class ArtifactNamed(BaseModel):
    name: str
    file: str
    sha256: str
    media_type: str


class Note(BaseModel):
    code: str
    text: str


class Finding(BaseModel):
    """What a method found, with everything needed to find it again."""

    method: MethodName
    evidence: list[EvidenceNamed]
    parameters: dict[str, JsonValue]
    results: dict[str, Quantity]
    artifacts: list[ArtifactNamed]
    flags: list[Note]
    refusals: list[Note]
    standard: str
    environment: dict[str, str]


class KeptFinding(BaseModel):
    key: str
    finding: Finding


class CaptureFacts(BaseModel):
    """How a file came to be; null where nobody stated it."""

    who: str | None
    when: str | None
    instrument: str | None
    calibration: str | None
    place: str | None
    source: str | None
    licence: str | None
    synthetic: bool


class Evidence(EvidenceNamed):
    added_at: str
    capture: CaptureFacts
    missing: list[str]


class Appraisal(BaseModel):
    """What a case came to: the grade, the key of each step's finding, and the passport if one was issued."""

    grade: dict[str, JsonValue]
    as_of: str
    findings: dict[str, str]
    passport: str | None


class CaseListed(BaseModel):
    id: int
    machine: nouns.Machine


class Case(BaseModel):
    id: int
    case: nouns.Case
    files: dict[str, str]
    appraisal: Appraisal | None


class NewCase(BaseModel):
    """A case, and the SHA-256 of each file that it names."""

    model_config = ConfigDict(extra="forbid")

    case: nouns.Case
    files: dict[str, str] = {}


class Passport(BaseModel):
    sha256: str
    issuer: str
    machine: str
    grade: str
    case_id: int | None
    issued_at: str


class Check(BaseModel):
    level: str
    name: str
    ok: bool | None
    reason: str


class Verification(BaseModel):
    """Every check of a bundle; `ok` of a check is null where it could not be made."""

    model_config = ConfigDict(extra="allow")

    level: str
    ok: bool
    checks: list[Check]


class Job(BaseModel):
    """Work in the background; `see` is the page of its result."""

    id: int
    kind: Literal["run", "appraisal", "verify"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    share: float
    doing: str
    result: dict[str, JsonValue] | None
    error: Problem | None
    see: str | None


def form(**fields: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI of a request body that is a form with files."""
    schema = {"type": "object", "properties": fields}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def body(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a request body that is JSON."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": model.model_json_schema()}},
        }
    }
