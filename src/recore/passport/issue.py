"""Issue a passport: sign what an appraisal found and put it, with all its evidence, into one bundle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore import jsonio
from recore.errors import BadInput
from recore.model.identity import aliases, machine_urn
from recore.passport import attestation, bundle, credential
from recore.passport.keys import SigningKey
from recore.passport.rule_statement import read_statement
from recore.passport.shape import CONTEXT_FILE

if TYPE_CHECKING:
    from pydantic import BaseModel

    from recore.appraisal.case import Appraisal
    from recore.finding import Finding


@dataclass(frozen=True)
class IssuedBundle:
    """A bundle on the disk: where, its SHA-256, and the credential in it."""

    path: Path
    sha256: str
    credential: dict[str, Any]


def issue(
    appraisal: Appraisal,
    key: SigningKey,
    out: Path,
    *,
    now: datetime,
    valid_until: datetime | None = None,
    rule_statement: dict[str, Any] | None = None,
) -> IssuedBundle:
    """Sign an appraisal and write its passport bundle.

    Equal appraisal, key and `now` give equal bytes. The file is there whole or not at all.

    Parameters
    ----------
    out : file to write; one that exists is replaced
    now : time of issue, with its zone
    valid_until : end of validity, where the issuer wants one
    rule_statement : signed statement about the whole rule set (`rule_statement.sign_rules`), to be carried along

    Raises
    ------
    BadInput : the statement is about another rule set, something of the appraisal lies in the future, or a raw file changed since it was read
    """
    _not_ahead(appraisal, now, valid_until)
    statements = {
        step.id: attestation.attest(
            step.id,
            step.component,
            appraisal.findings[step.id].json(),
            appraisal.findings[step.id].digest,
            key,
        )
        for step in appraisal.case.step
    }
    rows = rule_files(appraisal)
    signed_rules = _signed_rules(appraisal, rule_statement)
    claims = subject(appraisal, statements, rows, signed_rules)
    machine = appraisal.case.machine
    document, data = credential.sign(
        claims, f"{machine.maker} {machine.model} {machine.serial}", key, now=now, valid_until=valid_until
    )
    parts = [
        bundle.Part(bundle.PASSPORT, len(data), data),
        _part(CONTEXT_FILE, credential.own_context()),
        *(_part(attestation.file_name(step), statement) for step, statement in statements.items()),
        *(_part(name, text) for name, (_, text) in rows.items()),
        *([_part(bundle.RULE_SET, signed_rules)] if signed_rules else []),
    ]
    raw = {
        f"evidence/{sha256}": bundle.Part(f"evidence/{sha256}", file.size, file.path, sha256)
        for sha256, file in appraisal.evidence.items()
    }
    made = {
        f"evidence/{sha256}": _part(f"evidence/{sha256}", text)
        for sha256, text in appraisal.artifacts.items()
    }
    bundle.write(out, [*parts, *(made | raw).values()])
    with out.open("rb") as file:
        return IssuedBundle(out, hashlib.file_digest(file, "sha256").hexdigest(), document)


def _part(name: str, data: bytes) -> bundle.Part:
    return bundle.Part(name, len(data), data)


def rule_file_name(rule_id: str, version: int) -> str:
    """Where a rule row stands in the bundle."""
    return f"rules/{rule_id}@{version}.json"


def rule_files(appraisal: Appraisal) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Rule rows of an appraisal by file name: the row and its canonical bytes."""
    found = {}
    for rule in appraisal.rules.rows:
        row = rule.json()
        found[rule_file_name(row["rule_id"], row["version"])] = (row, jsonio.canonical(row))
    return found


def _signed_rules(appraisal: Appraisal, statement: dict[str, Any] | None) -> bytes:
    """Canonical bytes of a statement about the rules of an appraisal; empty where there is none."""
    if statement is None:
        return b""
    data = jsonio.canonical(statement)
    if read_statement(data, where="rule_statement")[0].digest != appraisal.rule_set.digest:
        raise BadInput(
            "speaks of another rule set than the one in force",
            where="rule_statement",
            right="sign the rules again with `recore rules sign`",
        )
    return data


def subject(
    appraisal: Appraisal,
    statements: dict[str, bytes],
    rows: dict[str, tuple[dict[str, Any], bytes]],
    signed_rules: bytes = b"",
) -> dict[str, Any]:
    """What the credential claims: machine, case, findings, grade, and the digest of all they rest on."""
    case = appraisal.case
    whole: dict[str, Any] = {"digest": appraisal.rule_set.digest, "rows": len(appraisal.rule_set.rows)}
    if signed_rules:
        whole["statement"] = hashlib.sha256(signed_rules).hexdigest()
    return {
        "id": machine_urn(case.machine.maker, case.machine.model, case.machine.serial),
        "type": "RecoreMachine",
        "aliases": aliases(case.machine),
        "machine": plain(case.machine),
        "case": plain(case),
        "as_of": appraisal.as_of.isoformat(),
        "findings": [
            {
                "id": step.id,
                "component": step.component,
                "method": appraisal.findings[step.id].method,
                "version": appraisal.findings[step.id].version,
                "digest": appraisal.findings[step.id].digest,
                "file": attestation.file_name(step.id),
                "sha256": hashlib.sha256(statements[step.id]).hexdigest(),
            }
            for step in case.step
        ],
        "grade": appraisal.grade.json(),
        "rules": {
            "digest": appraisal.rules.digest,
            "rows": [
                {
                    "rule_id": row["rule_id"],
                    "version": row["version"],
                    "sha256": hashlib.sha256(text).hexdigest(),
                }
                for _, (row, text) in sorted(rows.items())
            ],
            "set": whole,
        },
        "evidence": evidence_rows(appraisal),
        "artifacts": [
            {
                "step": step,
                "name": entry["name"],
                "file": entry["file"],
                "sha256": entry["sha256"],
                "bytes": len(appraisal.artifacts[entry["sha256"]]),
                "media_type": entry["media_type"],
            }
            for step, finding in appraisal.findings.items()
            for entry in finding.artifacts
        ],
    }


def plain(model: BaseModel) -> dict[str, Any]:
    """A case or a part of it as JSON; defaults are left out, so that a field added later changes no passport."""
    return model.model_dump(mode="json", exclude_defaults=True)


def evidence_rows(appraisal: Appraisal) -> list[dict[str, Any]]:
    """Raw files by the name the case calls them, sorted."""
    rows = {}
    for step in appraisal.case.step:
        for name, entry in raw_evidence(step.evidence, appraisal.findings[step.id]):
            rows[name] = {
                "name": name,
                "sha256": entry["sha256"],
                "bytes": entry["bytes"],
                "media_type": entry["media_type"],
            }
    return [rows[name] for name in sorted(rows)]


def raw_evidence(names: tuple[str, ...], finding: Finding) -> list[tuple[str, dict[str, Any]]]:
    """Evidence of a finding that is a raw file, with its name in the case.

    Raises
    ------
    BadInput : the finding was made from another number of files than the step names
    """
    if len(names) != len(finding.evidence):
        raise BadInput(
            f"made from {len(finding.evidence)} files where the step names {len(names)}",
            where=f"finding of {finding.method}",
        )
    pairs = zip(names, finding.evidence, strict=True)
    return [(name, entry) for name, entry in pairs if ":" not in name]


def _not_ahead(appraisal: Appraisal, now: datetime, valid_until: datetime | None) -> None:
    stated = credential.stamp(now)
    if valid_until is not None and credential.stamp(valid_until) <= stated:
        raise BadInput("ends before it begins", where="valid_until", right=f"after {stated}")
    if appraisal.as_of > now.astimezone(UTC).date():
        raise BadInput(
            f"the rules were read as of {appraisal.as_of}, after today",
            where="as_of",
            right=f"it is {stated}: set the clock or the day",
        )
    for capture in appraisal.case.evidence:
        when = capture.when
        if when is not None and (when if when.tzinfo else when.replace(tzinfo=UTC)) > now:
            raise BadInput(
                f"was captured at {when}, after now",
                where=capture.file,
                right=f"it is {stated}: set the clock or correct the record",
            )
