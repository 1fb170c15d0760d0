"""Cases: a machine, its components, evidence and steps; run, grade and issue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from recore import jsonio
from recore.errors import BadInput
from recore.model.case import Case, Component, GradeWanted, Machine, Step
from recore.registry import registry
from recore.web import forms
from recore.web.jobs import started
from recore.web.methods import CHOICES, newest
from recore.web.pages import PER_PAGE, number_in, page, see
from recore.web.receive import Received, only, page_form, workspace_of
from recore.workspace import JobRow, Workspace

router = APIRouter(include_in_schema=False)
PLATE = ("maker", "model", "serial", "family", "pin", "built", "hours")
REPORT = "report.html"
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-same-origin"
LOOK_BACK = 1000
M = TypeVar("M", bound=BaseModel)


def modelled(kind: type[M], given: Mapping[str, Any]) -> tuple[M | None, dict[str, str]]:
    """A model from what was given, or what is wrong with each field."""
    try:
        return kind.model_validate(given), {}
    except ValidationError as error:
        return None, forms.model_problems(error)


@router.get("/cases")
def cases(request: Request) -> Response:
    workspace, offset = workspace_of(request), number_in(request, "offset")
    rows, total = workspace.cases.list(limit=PER_PAGE, offset=offset), workspace.cases.count()
    return page(request, "cases.html", {"rows": rows, "total": total, "offset": offset, "size": PER_PAGE})


def _machine_form(
    request: Request, case_id: int | None, given: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> Response:
    from recore import rules

    blank = dict.fromkeys((*PLATE, "aliases", "profile", "as_of"), "")
    said = "; ".join(f"{name}: {text}" for name, text in (errors or {}).items())
    context = {
        "case_id": case_id,
        "given": {**blank, **given},
        "errors": errors or {},
        "error": said,
        "profiles": rules.load().profiles(),
    }
    return page(request, "case_form.html", context, status=422 if errors else 200)


@router.get("/cases/new")
def new(request: Request) -> Response:
    return _machine_form(request, None, {"profile": "open-condition"})


@router.post("/cases/new")
async def create(request: Request) -> Response:
    return await _save_machine(request, None)


@router.get("/cases/{id}/edit")
def edit(request: Request, id: int) -> Response:
    row = workspace_of(request).cases.get(id)
    given: dict[str, Any] = {
        name: value for name, value in row.machine.model_dump().items() if value is not None
    }
    given["aliases"] = "\n".join(row.machine.aliases)
    if row.machine.hours is not None:
        given["hours"] = f"{row.machine.hours:g}"
    return _machine_form(request, id, {**given, "profile": row.profile, "as_of": row.as_of or ""})


@router.post("/cases/{id}/edit")
async def update(request: Request, id: int) -> Response:
    return await _save_machine(request, id)


async def _save_machine(request: Request, id: int | None) -> Response:
    repository, form = workspace_of(request).cases, (await page_form(request)).form
    typed = {name: form.text(name) for name in (*PLATE, "aliases", "profile", "as_of")}
    aliases = [line.strip() for line in typed["aliases"].splitlines() if line.strip()]
    plate = only({name: typed[name] for name in PLATE})
    machine, errors = modelled(Machine, {**plate, "aliases": aliases})
    wanted, more = modelled(GradeWanted, only({name: typed[name] for name in ("profile", "as_of")}))
    if machine is None or wanted is None:
        return await run_in_threadpool(_machine_form, request, id, typed, {**errors, **more})
    if id is None:
        row = await run_in_threadpool(repository.create, machine, wanted.profile, wanted.as_of)
        return see(f"/cases/{row.id}")
    await run_in_threadpool(repository.update, id, machine, wanted.profile, wanted.as_of)
    return see(f"/cases/{id}")


def appraisals(workspace: Workspace, id: int) -> tuple[JobRow | None, JobRow | None]:
    """The last appraisal of a case that is done, and one that is waiting or running."""
    ours = [
        row
        for row in workspace.jobs.list(limit=LOOK_BACK)
        if row.kind == "appraisal" and row.payload["case_id"] == id
    ]
    return (
        next((row for row in ours if row.state == "done"), None),
        next((row for row in ours if not row.ended), None),
    )


@router.get("/cases/{id}")
def case(request: Request, id: int) -> Response:
    return _case(request, id)


def _case(
    request: Request,
    id: int,
    *,
    error: str = "",
    component: Mapping[str, str] | None = None,
    component_errors: Mapping[str, str] | None = None,
) -> HTMLResponse:
    workspace = workspace_of(request)
    row, document, files = workspace.cases.get(id), workspace.cases.document(id), workspace.cases.files(id)
    last, running = appraisals(workspace, id)
    captures = {capture.file: capture for capture in document.evidence}
    issuer, key_problem = request.app.state.issuer.did()
    context = {
        "id": id,
        "case": document,
        "changed_at": row.changed_at,
        "files": files,
        "captures": {sha256: captures[file] for file, sha256 in files.items()},
        "verdict": last.result if last else None,
        "stale": last is not None and row.changed_at > last.created_at,
        "running": running.id if running else None,
        "synthetic": any(capture.synthetic for capture in document.evidence),
        "unstated": [
            {"file": file, "sha256": sha256, "capture": captures[file]}
            for file, sha256 in files.items()
            if captures[file].missing
        ],
        "passports": [p for p in workspace.passports.list(limit=CHOICES) if p.case_id == id],
        "methods": newest(),
        "evidence": workspace.evidence.list(limit=CHOICES),
        "kinds": sorted({item.kind for item in document.component}),
        "issuer": issuer,
        "can_issue": request.app.state.issuer.can_issue(),
        "key_problem": key_problem,
        "component": component or {},
        "component_errors": component_errors or {},
        "error": error,
    }
    return page(request, "case.html", context, status=422 if error else 200)


async def _changed(request: Request, id: int, anchor: str, change: Callable[[], Any]) -> Response:
    """Make a change and show the case again, with what was wrong if it was refused."""
    try:
        await run_in_threadpool(change)
    except BadInput as error:
        await run_in_threadpool(workspace_of(request).cases.get, id)
        return await run_in_threadpool(_case, request, id, error=str(error))
    except ValidationError as error:
        said = "; ".join(forms.model_problems(error).values())
        return await run_in_threadpool(_case, request, id, error=said)
    return see(f"/cases/{id}#{anchor}")


@router.post("/cases/{id}/components")
async def add_component(request: Request, id: int) -> Response:
    form = (await page_form(request)).form
    typed = {name: form.text(name) for name in ("component_id", "kind", "component_name", "nominal")}
    nominal, problem = _nominal(typed["nominal"])
    given = {"id": typed["component_id"], **only({"kind": typed["kind"], "name": typed["component_name"]})}
    component, errors = modelled(Component, {**given, "nominal": nominal})
    if problem:
        errors["nominal"] = problem
    if component is None or errors:
        said = "; ".join(f"{name}: {text}" for name, text in errors.items())
        return await run_in_threadpool(
            _case, request, id, error=said, component=typed, component_errors=errors
        )
    repository = workspace_of(request).cases
    return await _changed(request, id, "components", lambda: repository.add_component(id, component))


def _nominal(text: str) -> tuple[dict[str, Any], str]:
    """Drawing and plate values from lines of 'name = value'."""
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not name or not value:
            return {}, f"{line!r:.80}: a line like 'roundness_tolerance_um = 5' is wanted"
        try:
            known = jsonio.loads(value, where=name)
        except BadInput:
            known = value
        found[name] = known if isinstance(known, bool | str | float | int) else value
    return found, ""


@router.post("/cases/{id}/components/{component}/remove")
async def remove_component(request: Request, id: int, component: str) -> Response:
    await page_form(request)
    repository = workspace_of(request).cases
    return await _changed(request, id, "components", lambda: repository.remove_component(id, component))


@router.post("/cases/{id}/files")
async def add_files(request: Request, id: int) -> Response:
    workspace, received = workspace_of(request), await page_form(request)
    if received.capturing.errors:
        said = "; ".join(f"{name}: {text}" for name, text in received.capturing.errors.items())
        return await run_in_threadpool(_case, request, id, error=said)
    digests = [*received.form.all("kept"), *(row.sha256 for row in received.files("file"))]

    def attach() -> None:
        if not digests:
            raise BadInput("no file was given", right="choose at least one")
        for sha256 in digests:
            workspace.cases.attach(id, sha256)

    return await _changed(request, id, "files", attach)


@router.post("/cases/{id}/files/remove")
async def remove_file(request: Request, id: int) -> Response:
    file = (await page_form(request)).form.text("file")
    repository = workspace_of(request).cases
    return await _changed(request, id, "files", lambda: repository.detach(id, file))


def _sources(document: Case, files: Mapping[str, str], workspace: Workspace) -> list[str]:
    """What a new step may read: files of the case, and artifacts of steps that have been run."""
    made = []
    for step in document.step:
        for row in workspace.findings.list(method=step.method.partition("@")[0], limit=1):
            made += [f"{step.id}:{item['name']}" for item in row.finding.artifacts]
    return [*files, *made]


def _step_form(
    request: Request,
    id: int,
    name: str,
    given: Mapping[str, str],
    chosen: Mapping[str, list[str]],
    typed: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    workspace, tool = workspace_of(request), registry().get(name)
    document = workspace.cases.document(id)
    context = {
        "id": id,
        "case": document,
        "tool": tool,
        "told": forms.documentation(tool),
        "fields": forms.fields(tool, typed, errors),
        "sources": _sources(document, workspace.cases.files(id), workspace),
        "given": given,
        "chosen": chosen,
        "errors": errors,
        "error": "; ".join(f"{at}: {text}" if at else text for at, text in errors.items()),
    }
    return page(request, "step_form.html", context, status=422 if errors else 200)


@router.get("/cases/{id}/steps/new")
def new_step(request: Request, id: int) -> Response:
    name = request.query_params.get("method", "")
    used = {step.id for step in workspace_of(request).cases.document(id).step}
    stem = registry().get(name).id.rpartition(".")[2]
    free = next(
        word for n in range(1, len(used) + 3) if (word := stem if n == 1 else f"{stem}-{n}") not in used
    )
    return _step_form(request, id, name, {"step_id": free, "component": ""}, {}, {}, {})


@router.post("/cases/{id}/steps/new")
async def add_step(request: Request, id: int) -> Response:
    name = request.query_params.get("method", "")
    tool = await run_in_threadpool(registry().get, name)
    received: Received = await page_form(request)
    form = received.form
    given = {"step_id": form.text("step_id"), "component": form.text("component")}
    chosen = {item.name: form.all(f"in.{item.name}") for item in tool.inputs}
    parameters, typed, errors = forms.parameters(tool, form.fields)
    step, more = modelled(
        Step,
        {
            "id": given["step_id"],
            "component": given["component"],
            "method": tool.id,
            "evidence": [file for item in tool.inputs for file in chosen[item.name]],
            "parameters": parameters,
        },
    )
    errors |= more
    if step is not None and not errors:
        try:
            await run_in_threadpool(workspace_of(request).cases.add_step, id, step)
        except BadInput as error:
            errors = {"": str(error)}
        except ValidationError as error:
            errors = forms.model_problems(error)
    if errors:
        return await run_in_threadpool(_step_form, request, id, name, given, chosen, typed, errors)
    return see(f"/cases/{id}#steps")


@router.post("/cases/{id}/steps/{step}/remove")
async def remove_step(request: Request, id: int, step: str) -> Response:
    await page_form(request)
    repository = workspace_of(request).cases
    return await _changed(request, id, "steps", lambda: repository.remove_step(id, step))


@router.post("/cases/{id}/appraise")
async def appraise(request: Request, id: int) -> Response:
    await page_form(request)
    return await _work(request, id, lambda: None)


@router.post("/cases/{id}/issue")
async def issue(request: Request, id: int) -> Response:
    await page_form(request)
    return await _work(request, id, request.app.state.issuer.ready)


async def _work(request: Request, id: int, key: Callable[[], str | None]) -> Response:
    workspace = workspace_of(request)
    try:
        job = await run_in_threadpool(lambda: workspace.submit_appraisal(id, key=key()))
    except BadInput as error:
        await run_in_threadpool(workspace.cases.get, id)
        return await run_in_threadpool(_case, request, id, error=str(error))
    return await started(request, job)


@router.get("/cases/{id}/report")
def report(request: Request, id: int) -> Response:
    workspace = workspace_of(request)
    last, _ = appraisals(workspace, id)
    if last is None:
        raise BadInput("the case has not been graded", where=f"case {id}", right="run and grade it first")
    html = workspace.jobs.file(last.id, REPORT).path.read_bytes()
    return HTMLResponse(html, headers={"Content-Security-Policy": REPORT_POLICY})
