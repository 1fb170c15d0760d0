"""Methods: what can be found out, and a form for each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore.errors import BadInput
from recore.method import Method
from recore.registry import registry
from recore.web import forms
from recore.web.jobs import problem_of, result_address, wait
from recore.web.pages import page, see
from recore.web.receive import Received, page_form, workspace_of

router = APIRouter(include_in_schema=False)
CHOICES = 200


def newest() -> list[Method[..., Any]]:
    """Every method in its newest version; a package that fails to load hides no other."""
    found = {tool.id: tool for tool in registry().all()}
    return [found[id] for id in sorted(found)]


@router.get("/methods")
def methods(request: Request) -> Response:
    families: dict[str, list[Method[..., Any]]] = {}
    for tool in newest():
        families.setdefault(tool.id.partition(".")[0], []).append(tool)
    evidence = request.query_params.get("evidence", "")
    context = {"families": families, "problems": registry().problems, "evidence": evidence}
    return page(request, "methods.html", context)


@router.get("/methods/{name}")
def method(request: Request, name: str) -> Response:
    given = {
        key.removeprefix(forms.PREFIX): text
        for key, text in request.query_params.items()
        if key.startswith(forms.PREFIX)
    }
    return _form(request, name, given=given, kept=request.query_params.getlist("evidence"))


def _form(
    request: Request,
    name: str,
    *,
    given: dict[str, str],
    kept: list[str],
    chosen: dict[str, list[str]] | None = None,
    errors: dict[str, str] | None = None,
    error: str = "",
    received: Received | None = None,
) -> Response:
    workspace, tool = workspace_of(request), registry().get(name)
    context = {
        "tool": tool,
        "name": name,
        "told": forms.documentation(tool),
        "versions": sorted(registry().versions(tool.id)),
        "fields": forms.fields(tool, given, errors),
        "evidence": workspace.evidence.list(limit=CHOICES),
        "chosen": _dealt(tool, kept) if chosen is None else chosen,
        "capture": received.capturing.given if received else {},
        "capture_errors": received.capturing.errors if received else {},
        "findings": workspace.findings.list(method=tool.id, limit=10),
        "error": error,
    }
    return page(request, "method.html", context, status=422 if error else 200)


def _dealt(tool: Method[..., Any], digests: list[str]) -> dict[str, list[str]]:
    """Digests dealt out to the inputs in the order in which a run would read them."""
    left, dealt = list(digests), {}
    for item in tool.inputs:
        dealt[item.name], left = (left, []) if item.many else (left[:1], left[1:])
    return dealt


@router.post("/methods/{name}")
async def run(request: Request, name: str) -> Response:
    tool = await run_in_threadpool(registry().get, name)
    received = await page_form(request)
    chosen = {
        item.name: [
            *received.form.all(f"kept.{item.name}"),
            *(f.sha256 for f in received.files(f"file.{item.name}")),
        ]
        for item in tool.inputs
    }
    parameters, typed, errors = forms.parameters(tool, received.form.fields)
    problem = "; ".join(f"{at}: {text}" for at, text in {**received.capturing.errors, **errors}.items())
    if not problem:
        problem = _too_many_or_few(tool, chosen)
    if not problem:
        evidence = [sha256 for item in tool.inputs for sha256 in chosen[item.name]]
        try:
            job = await run_in_threadpool(
                workspace_of(request).submit_run, f"{tool.id}@{tool.version}", evidence, parameters
            )
        except BadInput as error:
            problem = str(error)
        else:
            job = await wait(workspace_of(request), job, request.app.state.patience_s)
            problem = problem_of(job)
            if not problem:
                return see(result_address(job) or f"/jobs/{job.id}")
    return await run_in_threadpool(
        _form,
        request,
        name,
        given=typed,
        kept=[],
        chosen=chosen,
        errors=errors,
        error=problem,
        received=received,
    )


def _too_many_or_few(tool: Method[..., Any], chosen: dict[str, list[str]]) -> str:
    for item in tool.inputs:
        if not chosen[item.name] and not item.optional:
            return f"no file for {item.name!r}; choose one, or take one that is already here"
        if len(chosen[item.name]) > 1 and not item.many:
            return f"{len(chosen[item.name])} files for {item.name!r}; one is wanted"
    return ""
