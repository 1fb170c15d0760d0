"""The application: routers, error pages, and what it needs to know."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recore import __version__
from recore.errors import BadInput
from recore.web import (
    api,
    cases,
    evidence,
    face_now,
    face_plan,
    face_support,
    faces,
    findings,
    home,
    inspection_api,
    inspections,
    jobs,
    landed,
    load,
    methods,
    passports,
    rule_editor,
    rules,
    trade,
    verify,
)
from recore.web.face_room import FaceRoom
from recore.web.issuer import Issuer
from recore.web.multipart import MAX_BODY, TooLarge
from recore.web.pages import ROOT, error_page
from recore.web.receive import Forbidden
from recore.web.security import LOCAL_HOSTS, Guard, complaint
from recore.workspace import NotFound, Workspace

log = logging.getLogger(__name__)
NOUNS = (
    home,
    evidence,
    methods,
    findings,
    cases,
    passports,
    verify,
    rule_editor,
    rules,
    trade,
    landed,
    load,
    inspections,
    face_now,
    face_plan,
    faces,
    face_support,
    jobs,
    inspection_api,
    api,
)


def create_app(
    workspace: Workspace,
    *,
    allowed_hosts: Iterable[str] = LOCAL_HOSTS,
    key: str = "default",
    max_upload: int = MAX_BODY,
    patience_s: float = 2.0,
    live: Path | None = None,
    signed_rules: Path | None = None,
) -> FastAPI:
    """The pages and the JSON API of a workspace.

    Parameters
    ----------
    workspace : what is shown and changed; its jobs need a `Runner`
    allowed_hosts : host names, without port, under which it may be asked for
    key : name of the key that passports are signed with
    max_upload : bytes that one request may bring
    patience_s : how long a form waits for its result before it shows the job instead
    live : folder whose `live.json` the live view reads
    signed_rules : signed statement about the rules, shown beside the alarms
    """
    app = FastAPI(
        title="Recore",
        version=__version__,
        description="From raw inspection evidence to a passport that anyone can recompute.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.workspace = workspace
    app.state.issuer = Issuer(key)
    app.state.secret = secrets.token_bytes(32)
    app.state.max_upload = max_upload
    app.state.patience_s = patience_s
    app.state.live, app.state.signed_rules = live, signed_rules
    app.state.faces = FaceRoom(workspace)
    for noun in NOUNS:
        app.include_router(noun.router)
    app.mount("/static", GZipMiddleware(StaticFiles(directory=ROOT / "static")))
    app.add_exception_handler(BadInput, _bad_input)
    app.add_exception_handler(RequestValidationError, _wrong_address)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Guard, on_failure=_our_fault, allowed_hosts=tuple(allowed_hosts))
    return app


def status_of(error: BadInput) -> int:
    """HTTP status of an error: 404 not here, 413 too large, 403 not from us, else 422."""
    for kind, status in ((NotFound, 404), (TooLarge, 413), (Forbidden, 403)):
        if isinstance(error, kind):
            return status
    return 422


async def _bad_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadInput)
    return _told(request, status_of(error), error)


async def _wrong_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["loc"][0] == "path":
        return _told(request, 404, NotFound("there is no such page", where=request.url.path))
    return _told(request, 422, BadInput(first["msg"].lower(), where=where))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = {404: "there is no such page", 405: f"{request.method} is not possible here"}
    told = BadInput(what.get(error.status_code, str(error.detail)), where=request.url.path)
    response = _told(request, error.status_code, told)
    response.headers.update(error.headers or {})
    return response


def _our_fault(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    told = BadInput("something went wrong in the server", right="try again; the log of the server tells more")
    return _told(request, 500, told)


def _told(request: Request, status: int, error: BadInput) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse(complaint(error), status)
    return error_page(request, status, str(error))
