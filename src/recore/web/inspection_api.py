"""Inspections for programs, and for the page that fills them in without a connection: state, sync, submission.

A device sends its changes with PUT as often as it likes: what has arrived already changes nothing. Photos go by
their SHA-256; the state names those that are not here yet, so that only they are sent. Like every call of the API
these need no token: the guard refuses whatever comes from another site.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recore import jsonio
from recore.appraisal.inspection.profile import DEFAULT_PROFILE
from recore.errors import BadInput
from recore.web import checklists, shapes
from recore.web.checklists import photos
from recore.web.inspections import (
    MOST_PHOTO,
    keep_photo,
    listed,
    missing_photos,
    rules_of,
    sheet_of,
    submitted,
)
from recore.web.multipart import TooLarge
from recore.web.pages import number_in
from recore.web.receive import workspace_of
from recore.workspace import InspectionRow, NotFound, Workspace
from recore.workspace.inspections import changes_of, conflicts, values

router = APIRouter(prefix="/api/inspections", responses=shapes.PROBLEMS)
MOST_JSON = 8 * 2**20


def _state(workspace: Workspace, row: InspectionRow) -> dict[str, Any]:
    fields = row.document["fields"]
    shown = values(fields)
    return {
        "id": row.id,
        "family": row.family,
        "profile": row.profile,
        "machine": row.machine,
        "revision": row.revision,
        "state": row.state,
        "created_at": row.created_at.isoformat(),
        "changed_at": row.changed_at.isoformat(),
        "finding": row.finding,
        "fields": fields,
        "conflicts": sorted(conflicts(fields)),
        "missing_photos": missing_photos(workspace, shown),
    }


async def _body(request: Request, most: int) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise TooLarge("the body is too large", where="body", right=f"at most {most} bytes")
    return bytes(data)


@router.get("", summary="Inspections, last changed first")
def every(request: Request) -> Response:
    workspace = workspace_of(request)
    rows = workspace.inspections.list(200, number_in(request, "offset"))
    return JSONResponse(
        [{**listed(workspace, row), "changed_at": row.changed_at.isoformat()} for row in rows]
    )


@router.get("/{id}", summary="One inspection: every entry, and the photos that are not here yet")
def one(request: Request, id: str) -> Response:
    workspace = workspace_of(request)
    return JSONResponse(_state(workspace, workspace.inspections.get(id)))


@router.put(
    "/{id}", summary="Send the changes of a device; made where it is new; sending twice changes nothing"
)
async def put(request: Request, id: str) -> Response:
    """Body: {"family", "profile", "changes": {entry: {"value", "at", "device", "seen"}}}; the answer is the state."""
    document = jsonio.loads(await _body(request, MOST_JSON), where="body")
    if not isinstance(document, dict) or not isinstance(document.get("family"), str):
        raise BadInput("no family", where="body", right='{"family", "profile", "changes"} is wanted')
    return JSONResponse(await run_in_threadpool(_put, request, id, document))


def _put(request: Request, id: str, document: dict[str, Any]) -> dict[str, Any]:
    workspace = workspace_of(request)
    changes = changes_of(document.get("changes", {}))
    found = checklists.sheet(
        rules_of(workspace), document["family"], str(document.get("profile") or DEFAULT_PROFILE)
    )
    row = workspace.inspections.merge(id, found.family, found.profile, changes)
    return _state(workspace, row)


@router.put("/{id}/photos/{sha256}", summary="Send a photo that the state calls missing")
async def put_photo(request: Request, id: str, sha256: str) -> Response:
    workspace = workspace_of(request)
    row = await run_in_threadpool(workspace.inspections.get, id)
    named = {digest: (item, file) for item, digest, file in photos(values(row.document["fields"]))}
    if not re.fullmatch("[0-9a-f]{64}", sha256) or sha256 not in named:
        raise NotFound(f"no photo {sha256!r:.80} is expected", right="send the entry that names it first")
    data = await _body(request, MOST_PHOTO)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadInput("the bytes have another SHA-256", where=f"photo {sha256[:12]}…", right="send it again")
    item, file = named[sha256]
    await run_in_threadpool(keep_photo, workspace, row, item, data, file)
    return JSONResponse({"sha256": sha256}, 201)


@router.get("/{id}/inspection.json", summary="What was answered, as inspection.json")
def record(request: Request, id: str) -> Response:
    workspace = workspace_of(request)
    row = workspace.inspections.get(id)
    return JSONResponse(
        checklists.inspection_document(sheet_of(workspace, row), values(row.document["fields"]))
    )


@router.post("/{id}/submit", summary="Keep inspection.json as evidence and judge it")
async def submit(request: Request, id: str) -> Response:
    workspace = workspace_of(request)
    row = await run_in_threadpool(workspace.inspections.get, id)
    key, job = await submitted(request, row)
    if not key:
        return JSONResponse({"job": job.id, "see": f"/jobs/{job.id}"}, 202)
    return JSONResponse({"finding": key, "see": f"/inspect/findings/{key}"})
