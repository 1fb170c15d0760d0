"""Findings: values with unit and uncertainty, their plot, and the way down to the evidence."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from recore.errors import BadInput
from recore.finding import Finding
from recore.method import Method
from recore.registry import registry
from recore.web import plots
from recore.web.evidence import attachment
from recore.web.forms import PREFIX, shown
from recore.web.pages import page
from recore.web.receive import workspace_of
from recore.workspace import NotFound, Workspace

router = APIRouter(include_in_schema=False)
# methods whose findings have a page of their own
PAGES = {
    "trade.landed-cost": "/trade/landed/",
    "trade.load-plan": "/trade/load/",
    "inspection.evaluate": "/inspect/findings/",
    "support.cycles": "/faces/",
    "support.plan": "/faces/plans/",
}
PLOT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def installed(finding: Finding) -> Method[..., Any] | None:
    """The method that made a finding, where it is installed."""
    try:
        return registry().get(f"{finding.method}@{finding.version}")
    except BadInput:
        return None


def captured(workspace: Workspace, items: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Evidence of a finding, each with whether it is here and whether it is synthetic."""
    found = []
    for item in items:
        try:
            row = workspace.evidence.get(item["sha256"])
        except NotFound:
            found.append({**item, "here": False, "synthetic": False})
        else:
            found.append({**item, "here": True, "synthetic": row.capture.synthetic})
    return found


@router.get("/findings/{key}")
def finding(request: Request, key: str) -> Response:
    workspace = workspace_of(request)
    row = workspace.findings.get(key)
    found = row.finding
    tool = installed(found)
    evidence = captured(workspace, found.evidence)
    again = [("evidence", item["sha256"]) for item in evidence if item["here"]]
    again += [(PREFIX + name, shown(value)) for name, value in found.parameters.items()]
    return page(
        request,
        "finding.html",
        {
            "key": key,
            "finding": found,
            "own_page": PAGES[found.method] + key if found.method in PAGES else "",
            "summary": tool.summary if tool else "",
            "synthetic": any(item["synthetic"] for item in evidence),
            "plot": row.plot_sha256 is not None,
            "evidence": evidence,
            "parameters": [
                (name, shown(value) or "–", tool.parameter_unit(name) if tool and value is not None else "")
                for name, value in found.parameters.items()
            ],
            "created_at": row.created_at,
            "again": urlencode(again),
        },
    )


@router.get("/findings/{key}/plot.svg")
def plot(request: Request, key: str) -> Response:
    specification = workspace_of(request).findings.plot(key)
    if specification is None:
        raise NotFound(f"finding {key:.80} has no plot")
    theme = "dark" if request.query_params.get("theme") == "dark" else "light"
    return Response(
        plots.svg(specification, theme),
        media_type="image/svg+xml",
        headers={"Content-Security-Policy": PLOT_POLICY},
    )


@router.get("/findings/{key}/files/{file}")
def artifact(request: Request, key: str, file: str) -> Response:
    return attachment(workspace_of(request).findings.artifact(key, file), file)
