"""The JSON API: the same nouns as the pages, for programs.

Errors are `{"what", "where", "right", "text"}`; `text` is what the command line prints.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recore import jsonio
from recore.errors import BadInput
from recore.model.case import Capture
from recore.registry import registry
from recore.web import shapes
from recore.web.cases import appraisals
from recore.web.evidence import attachment
from recore.web.jobs import problem_of, result_address, wait
from recore.web.multipart import Form, read_form
from recore.web.pages import page
from recore.web.receive import workspace_of
from recore.web.verify import keep_in, submit
from recore.workspace import EvidenceRow, JobRow, NotFound

router = APIRouter(prefix="/api", responses=shapes.PROBLEMS)
WAIT_S = 300.0
MOST = 200
MAX_JSON = 8 * 2**20


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise BadInput(f"{text!r:.40}", where=f"?{name}=", right=f"a number from 0 to {most:g} is wanted")
    return value


def _page_of(request: Request) -> dict[str, int]:
    return {
        "limit": int(_number(request, "limit", 50, MOST)),
        "offset": int(_number(request, "offset", 0, 10**9)),
    }


def _job(row: JobRow, status: int = 200) -> Response:
    document = {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "share": row.share,
        "doing": row.doing,
        "result": row.result,
        "error": {**row.error, "text": problem_of(row)} if row.error else None,
        "see": result_address(row) or None,
    }
    return JSONResponse(
        document, status, headers={"Location": f"/api/jobs/{row.id}"} if status == 202 else None
    )


def _ended(row: JobRow) -> None:
    """Raise what a job ended with, unless it is done."""
    if row.error:
        raise BadInput(**row.error)
    if row.state == "cancelled":
        raise BadInput(f"job {row.id} was cancelled", right="send it again")


def _json_field(form: Form[Any], name: str) -> dict[str, Any]:
    text = form.text(name)
    document = jsonio.loads(text, where=name) if text else {}
    if not isinstance(document, dict):
        raise BadInput("not an object", where=name, right='{"name": value} is wanted')
    return document


def _known(form: Form[Any], *names: str) -> None:
    if strange := sorted(form.fields.keys() - {*names}):
        raise BadInput(
            f"{strange[0]!r} is no field of this form",
            where="form",
            right=f"known: {', '.join(names)}, and files",
        )


def _capture(form: Form[Any], workspace: Any) -> Capture | None:
    document = _json_field(form, "capture")
    if not document:
        return None
    try:
        return workspace.evidence.checked(Capture.model_validate({"file": "the file", **document}))  # type: ignore[no-any-return]
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(first["msg"], where=f"capture.{'.'.join(map(str, first['loc']))}") from None


async def _files(request: Request) -> Form[EvidenceRow]:
    """A form whose files become evidence; the field `capture` (JSON), sent first, says how they came to be."""
    workspace, capture = workspace_of(request), None

    def before_files(form: Form[EvidenceRow]) -> None:
        nonlocal capture
        _known(form, "capture", "parameters", "evidence")
        capture = _capture(form, workspace)

    def keep(control: str, name: str, stream: BinaryIO) -> EvidenceRow:
        return workspace.evidence.add(stream, name, capture)

    return await run_in_threadpool(
        read_form, request, keep, before_files=before_files, max_body=request.app.state.max_upload
    )


@router.get("/docs", include_in_schema=False)
def documentation(request: Request) -> Response:
    schema = request.app.openapi()
    calls = [
        {
            "method": method.upper(),
            "path": path,
            "summary": call.get("summary", ""),
            "text": call.get("description", ""),
        }
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
    ]
    return page(request, "api.html", {"calls": calls})


@router.get("/methods", response_model=list[shapes.Method], summary="Every method in every version")
def methods() -> Response:
    return JSONResponse([tool.describe() for tool in registry().all()])


@router.get("/methods/{id}", response_model=shapes.Method, summary="One method, as id or id@version")
def method(id: str) -> Response:
    return JSONResponse(registry().get(id).describe())


@router.post(
    "/methods/{id}/run",
    response_model=shapes.Finding,
    responses={202: {"model": shapes.Job, "description": "Not ready within `wait` seconds"}},
    openapi_extra=shapes.form(
        file={"type": "array", "items": {"type": "string", "format": "binary"}},
        evidence={
            "type": "array",
            "items": {"type": "string"},
            "description": "SHA-256 of files that are here; read before `file`",
        },
        parameters={"type": "object"},
        capture={"type": "object"},
    ),
    summary="Run a method on files",
)
async def run(request: Request, id: str) -> Response:
    """The finding; it is kept under the key in the header `Recore-Finding`. `?wait=` seconds, 300 unless told."""
    seconds = _number(request, "wait", WAIT_S, 3600)
    tool = await run_in_threadpool(registry().get, id)
    form = await _files(request)
    parameters = await run_in_threadpool(tool.validated, _json_field(form, "parameters"))
    digests = [*form.all("evidence"), *(row.sha256 for row in form.files.get("file", []))]
    workspace = workspace_of(request)
    job = await run_in_threadpool(workspace.submit_run, f"{tool.id}@{tool.version}", digests, parameters)
    job = await wait(workspace, job, seconds)
    _ended(job)
    if job.result is None:
        return _job(job, 202)
    row = await run_in_threadpool(workspace.findings.get, job.result["finding"])
    return JSONResponse(row.finding.json(), headers={"Recore-Finding": row.key})


def _evidence(row: EvidenceRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "sha256": row.sha256,
        "bytes": row.size,
        "media_type": row.media_type,
        "added_at": row.added_at.isoformat(),
        "capture": row.capture.model_dump(mode="json", exclude={"file"}),
        "missing": list(row.capture.missing),
    }


@router.get("/evidence", response_model=list[shapes.Evidence], summary="Evidence, newest first")
def evidence_list(request: Request) -> Response:
    return JSONResponse([_evidence(row) for row in workspace_of(request).evidence.list(**_page_of(request))])


@router.post(
    "/evidence",
    response_model=list[shapes.Evidence],
    status_code=201,
    openapi_extra=shapes.form(
        capture={"type": "object"}, file={"type": "array", "items": {"type": "string", "format": "binary"}}
    ),
    summary="Add files",
)
async def put_in(request: Request) -> Response:
    form = await _files(request)
    rows = [row for files in form.files.values() for row in files]
    if not rows:
        raise BadInput("no file was given", where="file", right="send at least one")
    return JSONResponse([_evidence(row) for row in rows], 201)


@router.get("/evidence/{sha256}", response_model=shapes.Evidence, summary="One piece of evidence")
def evidence(request: Request, sha256: str) -> Response:
    return JSONResponse(_evidence(workspace_of(request).evidence.get(sha256)))


@router.get("/evidence/{sha256}/file", summary="The file itself", response_class=Response)
def evidence_file(request: Request, sha256: str) -> Response:
    return attachment(workspace_of(request).evidence.open(sha256))


@router.get("/findings", response_model=list[shapes.KeptFinding], summary="Findings, newest first")
def findings(request: Request, method: str | None = None, evidence: str | None = None) -> Response:
    rows = workspace_of(request).findings.list(method=method, evidence=evidence, **_page_of(request))
    return JSONResponse([{"key": row.key, "finding": row.finding.json()} for row in rows])


@router.get("/findings/{key}", response_model=shapes.Finding, summary="One finding")
def finding(request: Request, key: str) -> Response:
    return JSONResponse(workspace_of(request).findings.get(key).finding.json())


@router.get("/findings/{key}/plot", summary="The plot of a finding, as a Vega-Lite specification")
def plot(request: Request, key: str) -> dict[str, Any]:
    specification = workspace_of(request).findings.plot(key)
    if specification is None:
        raise NotFound(f"finding {key:.80} has no plot")
    return specification


@router.get("/findings/{key}/files/{file}", summary="A file that a finding made", response_class=Response)
def artifact(request: Request, key: str, file: str) -> Response:
    return attachment(workspace_of(request).findings.artifact(key, file), file)


@router.get("/cases", response_model=list[shapes.CaseListed], summary="Cases, last changed first")
def cases(request: Request) -> Response:
    rows = workspace_of(request).cases.list(**_page_of(request))
    return JSONResponse([{"id": row.id, "machine": row.machine.model_dump(mode="json")} for row in rows])


def _case(request: Request, id: int) -> dict[str, Any]:
    workspace = workspace_of(request)
    last, _ = appraisals(workspace, id)
    return {
        "id": id,
        "case": workspace.cases.document(id).model_dump(mode="json"),
        "files": workspace.cases.files(id),
        "appraisal": last.result if last else None,
    }


@router.get("/cases/{id}", response_model=shapes.Case, summary="One case with its last appraisal")
def case(request: Request, id: int) -> Response:
    return JSONResponse(_case(request, id))


async def _body(request: Request) -> Any:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_JSON:
            raise BadInput("the document is too large", where="body", right=f"at most {MAX_JSON} bytes")
    return jsonio.loads(data, where="body")


@router.post(
    "/cases",
    response_model=shapes.Case,
    status_code=201,
    openapi_extra=shapes.body(shapes.NewCase),
    summary="Make a case from what case.toml would say",
)
async def create_case(request: Request) -> Response:
    """`files` gives the SHA-256 of each file that the case names; they are evidence of this workspace."""
    try:
        new = shapes.NewCase.model_validate(await _body(request))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(first["msg"], where=".".join(map(str, first["loc"])) or "body") from None
    row = await run_in_threadpool(workspace_of(request).cases.save, new.case, new.files)
    return JSONResponse(await run_in_threadpool(_case, request, row.id), 201)


@router.post(
    "/cases/{id}/appraise",
    response_model=shapes.Appraisal,
    responses={202: {"model": shapes.Job, "description": "Not ready within `wait` seconds"}},
    summary="Run every step, grade the case and, with ?issue=true, issue the passport",
)
async def appraise(request: Request, id: int, issue: bool = False) -> Response:
    workspace, issuer = workspace_of(request), request.app.state.issuer
    seconds = _number(request, "wait", WAIT_S, 3600)
    key = await run_in_threadpool(issuer.ready) if issue else None
    job = await run_in_threadpool(lambda: workspace.submit_appraisal(id, key=key))
    job = await wait(workspace, job, seconds)
    _ended(job)
    return _job(job, 202) if job.result is None else JSONResponse(job.result)


@router.get("/passports", response_model=list[shapes.Passport], summary="Passports, newest first")
def passports(request: Request, machine: str | None = None) -> Response:
    rows = workspace_of(request).passports.list(machine=machine, **_page_of(request))
    return JSONResponse([_passport(row) for row in rows])


def _passport(row: Any) -> dict[str, Any]:
    return {
        "sha256": row.sha256,
        "issuer": row.issuer,
        "machine": row.machine,
        "grade": row.grade,
        "case_id": row.case_id,
        "issued_at": row.issued_at.isoformat(),
    }


@router.get("/passports/{sha256}", response_model=shapes.Passport, summary="One passport")
def passport(request: Request, sha256: str) -> Response:
    return JSONResponse(_passport(workspace_of(request).passports.get(sha256)))


@router.get("/passports/{sha256}/bundle", summary="The bundle of a passport", response_class=Response)
def bundle(request: Request, sha256: str) -> Response:
    return attachment(workspace_of(request).passports.open(sha256), "passport.zip")


@router.post(
    "/verify",
    response_model=shapes.Verification,
    responses={202: {"model": shapes.Job, "description": "Not ready within `wait` seconds"}},
    openapi_extra=shapes.form(
        file={"type": "string", "format": "binary"},
        level={"type": "string", "enum": ["L0", "L1", "L3", "L4"]},
        issuer={"type": "string"},
    ),
    summary="Verify a bundle",
)
async def verify(request: Request) -> Response:
    """Every check by level with its reason; `ok` is true only if every check up to the level holds."""
    workspace, seconds = workspace_of(request), _number(request, "wait", WAIT_S, 3600)
    form: Form[Any] = await run_in_threadpool(
        read_form, request, keep_in(workspace), max_body=request.app.state.max_upload
    )
    bundles = [item for files in form.files.values() for item in files]
    if len(bundles) != 1:
        raise BadInput(f"{len(bundles)} files", where="file", right="send one bundle")
    name, file = bundles[0]
    job = await run_in_threadpool(
        submit, workspace, file, name, form.text("level") or "L4", form.text("issuer")
    )
    job = await wait(workspace, job, seconds)
    _ended(job)
    return _job(job, 202) if job.result is None else JSONResponse(job.result)


@router.get("/jobs/{id}", response_model=shapes.Job, summary="One job")
def job(request: Request, id: int) -> Response:
    return _job(workspace_of(request).jobs.get(id))
