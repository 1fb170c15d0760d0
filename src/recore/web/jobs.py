"""Jobs: what is being worked on, followed live by server-sent events or by looking again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from recore.errors import BadInput
from recore.web.pages import PER_PAGE, number_in, page, see
from recore.web.receive import page_form, workspace_of
from recore.workspace import JobRow, Workspace

router = APIRouter(include_in_schema=False)
LOOK_EVERY_S = 0.2
STREAM_S = 600.0


def title_of(job: JobRow) -> str:
    """What a job does, in the words of its payload."""
    payload = job.payload
    if job.kind == "run":
        return str(payload["method"])
    if job.kind == "appraisal":
        machine = payload["case"]["machine"]
        return f"{machine['maker']} {machine['model']} · {machine['serial']}"
    return str(payload.get("name", job.kind))


def result_address(job: JobRow) -> str:
    """Where the result of a job that is done can be seen; '' while there is none."""
    if job.state != "done":
        return ""
    result: dict[str, Any] = job.result or {}
    if job.kind == "run":
        return f"/findings/{result['finding']}"
    if job.kind == "verify":
        return f"/verify/{job.id}"
    if result.get("passport"):
        return f"/passports/{result['passport']}"
    return f"/cases/{job.payload['case_id']}"


def problem_of(job: JobRow) -> str:
    """Why a job failed, as the command line would say it."""
    return str(BadInput(**job.error)) if job.error else ""


async def wait(workspace: Workspace, job: JobRow, seconds: float) -> JobRow:
    """The job when it has ended, or as it is after `seconds`."""
    until = time.monotonic() + seconds
    while not job.ended and time.monotonic() < until:
        await asyncio.sleep(min(LOOK_EVERY_S, max(until - time.monotonic(), 0.01)))
        job = await run_in_threadpool(workspace.jobs.get, job.id)
    return job


async def started(request: Request, job: JobRow) -> Response:
    """Answer to a form that began a job: the result where it comes at once, else the job's page."""
    job = await wait(workspace_of(request), job, request.app.state.patience_s)
    return see(result_address(job) or f"/jobs/{job.id}")


@router.get("/jobs")
def jobs(request: Request) -> Response:
    workspace, offset = workspace_of(request), number_in(request, "offset")
    rows = [
        {"id": row.id, "title": title_of(row), "state": row.state, "created_at": row.created_at}
        for row in workspace.jobs.list(limit=PER_PAGE, offset=offset)
    ]
    context = {"rows": rows, "total": workspace.jobs.count(), "offset": offset, "size": PER_PAGE}
    return page(request, "jobs.html", context)


@router.get("/jobs/{id}")
def job(request: Request, id: int) -> Response:
    row = workspace_of(request).jobs.get(id)
    address = result_address(row)
    if address and request.query_params.get("show") != "job" and row.kind != "appraisal":
        return see(address)
    context = {
        "job": row,
        "title": title_of(row),
        "running": not row.ended,
        "result": address,
        "problem": problem_of(row),
    }
    return page(request, "job.html", context)


@router.post("/jobs/{id}/cancel")
async def cancel(request: Request, id: int) -> Response:
    await page_form(request)
    await run_in_threadpool(workspace_of(request).jobs.cancel, id)
    return see(f"/jobs/{id}")


@router.get("/jobs/{id}/events")
async def events(request: Request, id: int) -> Response:
    workspace = workspace_of(request)
    first = await run_in_threadpool(workspace.jobs.get, id)
    return StreamingResponse(
        _events(workspace, first), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _events(workspace: Workspace, job: JobRow) -> AsyncIterator[str]:
    until, seen = time.monotonic() + STREAM_S, None
    while time.monotonic() < until:
        state = {"state": job.state, "share": job.share, "doing": job.doing}
        if state != seen:
            seen = state
            yield _event("progress", state)
        if job.ended:
            yield _event("end", {**state, "address": result_address(job) or f"/jobs/{job.id}"})
            return
        await asyncio.sleep(LOOK_EVERY_S)
        job = await run_in_threadpool(workspace.jobs.get, job.id)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
