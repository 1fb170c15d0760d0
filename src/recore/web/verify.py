"""Verify: every check of a bundle that somebody sent, named, with its reason."""

from __future__ import annotations

from typing import Any, BinaryIO

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore.errors import BadInput
from recore.evidence import EvidenceFile
from recore.web.jobs import started
from recore.web.multipart import Form, read_form
from recore.web.pages import page
from recore.web.receive import page_form, require_token, workspace_of
from recore.workspace import JobRow, NotFound, Workspace

router = APIRouter(include_in_schema=False)
LEVELS = ("L0", "L1", "L3", "L4")
ALL_LEVELS = ("L0", "L1", "L2", "L3", "L4")
NAME = "passport.zip"


def submit(workspace: Workspace, bundle: EvidenceFile, name: str, level: str, issuer: str = "") -> JobRow:
    """Put the verification of a stored bundle in line.

    Raises
    ------
    BadInput : no such level, or a name that is no DID
    """
    if level not in LEVELS:
        raise BadInput(f"level {level!r:.20}", where="level", right=f"one of {', '.join(LEVELS)} is wanted")
    if issuer and not issuer.startswith("did:"):
        raise BadInput(f"issuer {issuer!r:.80}", where="issuer", right="a DID as in did:key:z6Mk… is wanted")
    return workspace.submit_verification(bundle.sha256, name=name, level=level, issuer=issuer or None)


def keep_in(workspace: Workspace) -> Any:
    """Function that keeps an uploaded bundle in the store; no row refers to it, so it is swept in time."""

    def keep(control: str, name: str, stream: BinaryIO) -> tuple[str, EvidenceFile]:
        shown = name.replace("\\", "/").rpartition("/")[2]
        return (shown if shown.isprintable() else "")[:200] or NAME, workspace.store.put(stream, NAME)

    return keep


@router.get("/verify")
def verify(request: Request) -> Response:
    return _form(request)


def _form(request: Request, error: str = "") -> Response:
    context = {"error": error, "levels": LEVELS}
    return page(request, "verify.html", context, status=422 if error else 200)


@router.post("/verify")
async def upload(request: Request) -> Response:
    workspace = workspace_of(request)

    def before_files(form: Form[Any]) -> None:
        require_token(request, form)

    form: Form[tuple[str, EvidenceFile]] = await run_in_threadpool(
        read_form,
        request,
        keep_in(workspace),
        before_files=before_files,
        max_body=request.app.state.max_upload,
    )
    bundles = form.files.get("file", [])
    if len(bundles) != 1:
        return await run_in_threadpool(_form, request, "no bundle was given; choose one zip file")
    name, bundle = bundles[0]
    try:
        job = await run_in_threadpool(
            submit, workspace, bundle, name, form.text("level") or "L4", form.text("issuer")
        )
    except BadInput as error:
        return await run_in_threadpool(_form, request, str(error))
    return await started(request, job)


@router.post("/passports/{sha256}/verify")
async def again(request: Request, sha256: str) -> Response:
    workspace = workspace_of(request)
    await page_form(request)
    bundle = await run_in_threadpool(workspace.passports.open, sha256)
    job = await run_in_threadpool(submit, workspace, bundle, NAME, "L4")
    return await started(request, job)


@router.get("/verify/{id}")
def verification(request: Request, id: int) -> Response:
    workspace = workspace_of(request)
    job = workspace.jobs.get(id)
    if job.kind != "verify":
        raise NotFound(f"job {id} is no verification")
    if job.error:
        raise BadInput(**job.error)
    if job.result is None:
        raise NotFound(f"verification {id} has not ended", right=f"see /jobs/{id}")
    sha256 = job.payload["sha256"]
    context = {
        "found": job.result,
        "name": job.payload["name"],
        "sha256": sha256,
        "levels": by_level(job.result),
        "broken": any(check["ok"] is False for check in job.result["checks"]),
        "kept": _kept(workspace, sha256),
    }
    return page(request, "verification.html", context)


def _kept(workspace: Workspace, sha256: str) -> bool:
    try:
        workspace.passports.get(sha256)
    except NotFound:
        return False
    return True


def by_level(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks of a verification grouped by level: false if any is false, true if all are true."""
    levels = []
    for code in ALL_LEVELS:
        checks = [check for check in found["checks"] if check["level"] == code]
        verdicts = [check["ok"] for check in checks]
        levels.append(
            {
                "code": code,
                "checks": checks,
                "made": bool(checks),
                "ok": False if False in verdicts else None if None in verdicts else True,
                "reason": found.get("not_checked", {}).get(code, ""),
            }
        )
    return levels
