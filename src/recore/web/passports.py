"""Passports: their public face for a buyer with a phone, and the bundle to take along."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from recore import jsonio
from recore.finding import Finding
from recore.web.evidence import attachment
from recore.web.findings import captured
from recore.web.pages import PER_PAGE, number_in, page
from recore.web.receive import workspace_of
from recore.workspace import PassportRow, Workspace

router = APIRouter(include_in_schema=False)
LOOK_AT = 200


@lru_cache(maxsize=64)
def read(path: Path) -> dict[str, Any]:
    """What a stored bundle says, as its credential states it; nothing is verified here."""
    from recore.passport.bundle import PASSPORT, Bundle

    with Bundle(path) as bundle:
        credential = jsonio.loads(bundle.read(PASSPORT), where=PASSPORT)
        subject = credential["credentialSubject"]
        findings = []
        for row in subject["findings"]:
            envelope = jsonio.loads(bundle.read(row["file"]), where=row["file"])
            statement = jsonio.loads(base64.b64decode(envelope["payload"]), where=row["file"])
            finding = Finding.from_json(statement["predicate"]["finding"], where=row["file"])
            findings.append({**row, "finding": finding})
    synthetic = {item["file"] for item in subject["case"].get("evidence", ()) if item.get("synthetic")}
    machine = subject["machine"]
    return {
        "id": credential["id"],
        "title": f"{machine['maker']} {machine['model']} · {machine['serial']}",
        "issuer": credential["issuer"],
        "valid_from": credential["validFrom"],
        "machine": machine,
        "as_of": subject["as_of"],
        "grade": subject["grade"],
        "findings": findings,
        "evidence": subject["evidence"],
        "synthetic": sorted(synthetic),
    }


def titled(workspace: Workspace, row: PassportRow) -> dict[str, Any]:
    """A passport as a list shows it."""
    return {
        "sha256": row.sha256,
        "title": read(workspace.passports.open(row.sha256).path)["title"],
        "grade": row.grade,
        "issued_at": row.issued_at,
    }


@router.get("/passports")
def passports(request: Request) -> Response:
    workspace, offset = workspace_of(request), number_in(request, "offset")
    rows = [titled(workspace, row) for row in workspace.passports.list(limit=PER_PAGE, offset=offset)]
    context = {"rows": rows, "total": workspace.passports.count(), "offset": offset, "size": PER_PAGE}
    return page(request, "passports.html", context)


@router.get("/passports/{sha256}")
def passport(request: Request, sha256: str) -> Response:
    workspace = workspace_of(request)
    row, file = workspace.passports.get(sha256), workspace.passports.open(sha256)
    said = read(file.path)
    findings = []
    for item in said["findings"]:
        names = {entry["name"] for entry in item["finding"].evidence}
        key = kept_as(workspace, item["finding"])
        findings.append(
            {**item, "key": key, "here": bool(key), "synthetic": bool(names & {*said["synthetic"]})}
        )
    evidence = captured(workspace, tuple(said["evidence"]))
    for item in evidence:
        item["synthetic"] = item["name"] in said["synthetic"]
    context = {
        "passport": {**said, "findings": findings, "evidence": evidence},
        "links": {item["id"]: item["key"] for item in findings if item["here"]},
        "sha256": sha256,
        "size": file.size,
        "file": "passport.zip",
        "case_id": row.case_id,
    }
    return page(request, "passport.html", context)


def kept_as(workspace: Workspace, finding: Finding) -> str:
    """Key of an equal finding in this workspace; '' where there is none."""

    def made_of(one: Finding) -> tuple[Any, ...]:
        return one.version, one.parameters, [item["sha256"] for item in one.evidence]

    kept = workspace.findings.list(
        method=finding.method, evidence=finding.evidence[0]["sha256"], limit=LOOK_AT
    )
    return next((row.key for row in kept if made_of(row.finding) == made_of(finding)), "")


@router.get("/passports/{sha256}/bundle")
def bundle(request: Request, sha256: str) -> Response:
    return attachment(workspace_of(request).passports.open(sha256), "passport.zip")
