"""The first page."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from recore.web.pages import page
from recore.web.passports import titled
from recore.web.receive import workspace_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    workspace = workspace_of(request)
    return page(
        request,
        "home.html",
        {
            "cases": workspace.cases.list(limit=5),
            "passports": [titled(workspace, row) for row in workspace.passports.list(limit=5)],
        },
    )
