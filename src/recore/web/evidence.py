"""Evidence: put in raw files with their capture record, look at them, take them out again."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from recore.evidence import EvidenceFile
from recore.web.pages import PER_PAGE, number_in, page, see
from recore.web.receive import FACTS, page_form, workspace_of

router = APIRouter(include_in_schema=False)


def attachment(file: EvidenceFile, name: str | None = None) -> Response:
    """A stored file as a download that no browser opens by itself."""
    shown = name or file.name
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in shown) or "file"
    return FileResponse(
        file.path,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "ETag": f'"{file.sha256}"',
        },
    )


@router.get("/evidence")
def evidence_list(request: Request) -> Response:
    return _list(request)


def _list(request: Request, status: int = 200, **more: Any) -> Response:
    workspace, offset = workspace_of(request), number_in(request, "offset")
    context = {
        "rows": workspace.evidence.list(limit=PER_PAGE, offset=offset),
        "total": workspace.evidence.count(),
        "offset": offset,
        "size": PER_PAGE,
        "error": "",
        "given": {},
        "errors": {},
        **more,
    }
    return page(request, "evidence_list.html", context, status=status)


@router.post("/evidence")
async def put_in(request: Request) -> Response:
    received = await page_form(request)
    rows, capturing = received.files("file"), received.capturing
    if capturing.errors:
        return await run_in_threadpool(
            _list, request, 422, given=capturing.given, errors=capturing.errors, error=_said(capturing.errors)
        )
    if not rows:
        error = "no file was given; choose at least one"
        return await run_in_threadpool(_list, request, 422, given=capturing.given, error=error)
    return see(f"/evidence/{rows[0].sha256}" if len(rows) == 1 else "/evidence")


@router.get("/evidence/{sha256}")
def evidence(request: Request, sha256: str) -> Response:
    return _detail(request, sha256)


def _detail(request: Request, sha256: str, status: int = 200, **more: Any) -> Response:
    workspace = workspace_of(request)
    row = workspace.evidence.get(sha256)
    said = row.capture
    given = {name: "" if getattr(said, name) is None else str(getattr(said, name)) for name in FACTS}
    if said.when is not None:
        given["when"] = said.when.strftime("%Y-%m-%dT%H:%M")
    if said.synthetic:
        given["synthetic"] = "true"
    context = {
        "row": row,
        "findings": workspace.findings.list(evidence=sha256, limit=PER_PAGE),
        "given": given,
        "errors": {},
        "error": "",
        **more,
    }
    return page(request, "evidence.html", context, status=status)


@router.post("/evidence/{sha256}/capture")
async def capture(request: Request, sha256: str) -> Response:
    workspace, received = workspace_of(request), await page_form(request)
    said = received.capturing
    if said.errors:
        return await run_in_threadpool(
            _detail, request, sha256, 422, given=said.given, errors=said.errors, error=_said(said.errors)
        )
    row = await run_in_threadpool(workspace.evidence.get, sha256)
    stated = row.capture if said.capture is None else said.capture
    blank = dict.fromkeys(FACTS) | {"synthetic": False} if said.capture is None else {}
    await run_in_threadpool(
        workspace.evidence.set_capture, sha256, stated.model_copy(update={"file": row.name, **blank})
    )
    return see(f"/evidence/{sha256}")


@router.get("/evidence/{sha256}/file")
def download(request: Request, sha256: str) -> Response:
    return attachment(workspace_of(request).evidence.open(sha256))


def _said(errors: dict[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in errors.items())
