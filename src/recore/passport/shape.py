"""Shape of what is in a bundle: the credential (W3C VC Data Model 2.0) and its parts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from recore.errors import BadInput

W3C_CONTEXT = "https://www.w3.org/ns/credentials/v2"
OWN_CONTEXT = "urn:recore:context:v1"
CONTEXT_FILE = "contexts/recore-v1.jsonld"
TYPES = ("VerifiableCredential", "RecoreMachinePassport")
TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Size = Annotated[int, Field(ge=0)]
Version = Annotated[int, Field(ge=1)]
Model = TypeVar("Model", bound=BaseModel)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class _Typed(_Open):
    type: str | list[str]


class Credential(_Open):
    """Any verifiable credential as VC Data Model 2.0, section 4, asks for it; ours is `Passport`."""

    context: list[str | dict[str, Any]] = Field(alias="@context", min_length=1)
    type: str | list[str]
    issuer: str | dict[str, Any]
    credentialSubject: dict[str, Any] | list[dict[str, Any]]
    id: str | None = None
    validFrom: str | None = None
    validUntil: str | None = None
    credentialStatus: _Typed | list[_Typed] | None = None
    credentialSchema: _Typed | list[_Typed] | None = None

    @field_validator("context")
    @classmethod
    def _begins_with_w3c(cls, value: list[Any]) -> list[Any]:
        if value[0] != W3C_CONTEXT:
            raise ValueError(f"the first @context is not {W3C_CONTEXT}")
        return value

    @field_validator("type")
    @classmethod
    def _is_credential(cls, value: Any) -> Any:
        if "VerifiableCredential" not in ([value] if isinstance(value, str) else value):
            raise ValueError("VerifiableCredential is not among its types")
        return value

    @field_validator("issuer")
    @classmethod
    def _named(cls, value: Any) -> Any:
        name = value.get("id") if isinstance(value, dict) else value
        if not isinstance(name, str) or ":" not in name:
            raise ValueError("the issuer is no URL")
        return value

    @field_validator("credentialSubject")
    @classmethod
    def _claims(cls, value: Any) -> Any:
        if not value or (isinstance(value, list) and not all(value)):
            raise ValueError("a subject without a claim")
        return value

    @field_validator("validFrom", "validUntil")
    @classmethod
    def _time(cls, value: str | None) -> str | None:
        if value is not None:
            if not _TIME.fullmatch(value):
                raise ValueError("no dateTimeStamp (2026-05-01T12:00:00Z)")
            datetime.fromisoformat(value)
        return value


class Resource(_Closed):
    id: Literal["urn:recore:context:v1"]
    digestSRI: Annotated[str, Field(pattern=r"^sha256-[A-Za-z0-9+/]{43}=$")]
    mediaType: Literal["application/ld+json"]


class FindingRow(_Closed):
    """One step's finding, and where its signed statement stands."""

    id: Slug
    component: Slug
    method: Text
    version: Version
    digest: Sha256
    file: Text
    sha256: Sha256


class EvidenceRow(_Closed):
    """One raw file; the case says how it was captured."""

    name: Text
    sha256: Sha256
    bytes: Size
    media_type: Text


class ArtifactRow(EvidenceRow):
    """One file that a finding made."""

    step: Slug
    file: Text


class RuleRow(_Closed):
    rule_id: RuleId
    version: Version
    sha256: Sha256


class WholeRuleSet(_Closed):
    """The rule set that was in force, used rows and others; `statement` is the SHA-256 of the signed file."""

    digest: Sha256
    rows: Annotated[int, Field(ge=1)]
    statement: Sha256 | None = None


class Rules(_Closed):
    """The rows that were used, and, since passports carry it, the set they are from."""

    digest: Sha256
    rows: list[RuleRow]
    set: WholeRuleSet | None = None


class Subject(_Closed):
    id: Annotated[str, Field(pattern=r"^urn:recore:machine:[0-9a-f]{64}$")]
    type: Literal["RecoreMachine"]
    aliases: list[dict[str, Any]]
    machine: dict[str, Any]
    case: dict[str, Any]
    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    findings: list[FindingRow]
    grade: dict[str, Any]
    rules: Rules
    evidence: list[EvidenceRow]
    artifacts: list[ArtifactRow]


class Proof(_Closed):
    type: Literal["DataIntegrityProof"]
    cryptosuite: Literal["eddsa-jcs-2022"]
    created: Annotated[str, Field(pattern=TIME)]
    verificationMethod: Annotated[str, Field(max_length=400)]
    proofPurpose: Literal["assertionMethod"]
    context: tuple[Literal["https://www.w3.org/ns/credentials/v2"], Literal["urn:recore:context:v1"]] = Field(
        alias="@context", strict=False
    )
    proofValue: Annotated[str, Field(pattern=r"^z[1-9A-HJ-NP-Za-km-z]{64,90}$")]


class Passport(_Closed):
    """The credential of a bundle (passport.json)."""

    context: tuple[Literal["https://www.w3.org/ns/credentials/v2"], Literal["urn:recore:context:v1"]] = Field(
        alias="@context", strict=False
    )
    id: Annotated[str, Field(pattern=r"^urn:recore:passport:[0-9a-f]{64}$")]
    type: tuple[Literal["VerifiableCredential"], Literal["RecoreMachinePassport"]] = Field(strict=False)
    name: Text
    issuer: Annotated[str, Field(pattern=r"^did:(key|web):[A-Za-z0-9.:%_-]{1,300}$")]
    validFrom: Annotated[str, Field(pattern=TIME)]
    validUntil: Annotated[str, Field(pattern=TIME)] | None = None
    relatedResource: tuple[Resource] = Field(strict=False)
    credentialSubject: Subject
    proof: Proof


class Digests(_Closed):
    sha256: Sha256


class About(_Closed):
    name: Slug
    digest: Digests


class Predicate(_Closed):
    step: Slug
    component: Slug
    finding: dict[str, Any]


class Statement(_Closed):
    """in-toto Statement v1 about one finding."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[About] = Field(strict=False)
    predicateType: Literal["urn:recore:predicate:finding:v1"]
    predicate: Predicate


class Signature(_Closed):
    keyid: Text
    sig: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class Envelope(_Closed):
    """DSSE envelope (secure-systems-lab/dsse 1.0) with one signature."""

    payloadType: Literal["application/vnd.in-toto+json"]
    payload: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
    signatures: tuple[Signature] = Field(strict=False)


def shaped(model: type[Model], document: Any, *, where: str) -> Model:
    """The document as its model.

    Raises
    ------
    BadInput : naming the first fields that are missing, unknown or of another shape
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        said = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        more = f" and {len(said) - 3} more" if len(said) > 3 else ""
        raise BadInput("; ".join(said[:3]) + more, where=where, right="not the shape of a passport") from None
