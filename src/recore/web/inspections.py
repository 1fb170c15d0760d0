"""Guided inspection in the browser: list, form, submission and report; everything here works without JavaScript."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore import jsonio
from recore.appraisal.inspection.profile import DEFAULT_PROFILE
from recore.errors import BadInput
from recore.model.case import Capture
from recore.rules import RuleSet, shipped
from recore.web import checklists, rule_book
from recore.web.checklists import PLATE, PLATE_SECTION, Sheet, photos
from recore.web.jobs import problem_of, wait
from recore.web.language import LANGUAGES
from recore.web.multipart import Form, read_form
from recore.web.pages import PER_PAGE, ROOT, asset, environment, language_of, number_in, page, see
from recore.web.receive import Forbidden, require_token, workspace_of
from recore.workspace import EvidenceRow, InspectionRow, JobRow, NotFound, Workspace
from recore.workspace.inspections import Change, conflicts, values

router = APIRouter(include_in_schema=False)
METHOD = "inspection.evaluate"
OFFLINE = "/inspect/offline"
FIRST_FACTS = ("inspector.name", "place", "when")
MOST_PHOTO = 32 * 2**20
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


def rules_of(workspace: Workspace) -> RuleSet:
    """The rows that check-lists are made of: Recore's, and the workspace's own where it has some."""
    return workspace.rules.book().rules if workspace.rules.own().rows else shipped()


def sheet_of(workspace: Workspace, row: InspectionRow) -> Sheet:
    return checklists.sheet(rules_of(workspace), row.family, row.profile)


def device_of(request: Request) -> str:
    """The visitor of a page as a device of its own."""
    return f"page-{request.state.visitor[:16]}"


def picture_kind(head: bytes) -> str:
    """Media type of a photo by its first bytes.

    Raises
    ------
    BadInput : no JPEG, PNG, WebP or HEIC
    """
    for start, kind in PICTURES.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"heif"):
        return "image/heic"
    raise BadInput("the file is no photo", where="photo", right="send a JPEG, PNG, WebP or HEIC picture")


def listed(workspace: Workspace, row: InspectionRow) -> dict[str, Any]:
    """An inspection as the list shows it."""
    finding = workspace.findings.find(row.finding) if row.finding else None
    return {
        "id": row.id,
        "family": row.family,
        "machine": " ".join(
            row.machine[name] for name in ("maker", "model", "serial") if row.machine.get(name)
        ),
        "state": row.state,
        "changed_at": row.changed_at,
        "finding": row.finding,
        "verdict": finding.finding.results["verdict"].value if finding else None,
        "conflicts": len(conflicts(row.document["fields"])),
    }


@router.get("/inspect")
def inspections(request: Request) -> Response:
    return _list(request)


def _list(request: Request, *, error: str = "", given: Any = None, status: int = 200) -> Response:
    workspace, offset = workspace_of(request), number_in(request, "offset")
    context = {
        "rows": [listed(workspace, row) for row in workspace.inspections.list(PER_PAGE, offset)],
        "total": workspace.inspections.count(),
        "offset": offset,
        "size": PER_PAGE,
        "kinds": checklists.kinds(rules_of(workspace)),
        "today": rule_book.today().isoformat(),
        "given": given or {},
        "error": error,
        "profile": DEFAULT_PROFILE,
        "shell": False,
    }
    return page(request, "inspect.html", context, status=status)


@router.get(OFFLINE)
def offline(request: Request) -> Response:
    """What a phone without a connection shows instead of the pages of this room; it holds nobody's data."""
    context = {
        "kinds": checklists.kinds(rules_of(workspace_of(request))),
        "today": "",
        "given": {},
        "error": "",
        "profile": DEFAULT_PROFILE,
        "shell": True,
        "rows": [],
        "total": 0,
        "offset": 0,
        "size": PER_PAGE,
    }
    return page(request, "inspect.html", context)


@router.get("/sw.js")
def service_worker(request: Request) -> Response:
    """The service worker; its text changes with every file that it keeps, and so does the name of its cache."""
    files = [asset(name) for name in ("recore.css", "recore.js", "inspect.css", "inspect.js", "mark.svg")]
    source = (ROOT / "static" / "sw.js").read_text("utf-8")
    kept = json.dumps([*files, OFFLINE])
    page_now = environment("en").get_template("inspect.html").filename or ""
    version = hashlib.sha256((source + kept + Path(page_now).read_text("utf-8")).encode()).hexdigest()[:16]
    text = source.replace('"VERSION"', json.dumps(version)).replace("[/*FILES*/]", kept)
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/inspect/sheet/{family}")
def whole(request: Request, family: str) -> Response:
    """The blank form of a family, every section of it, for a page that fills it in by itself."""
    found = checklists.sheet(rules_of(workspace_of(request)), family)
    asked = request.query_params.get("for")
    language = asked if asked in LANGUAGES else language_of(request)
    data = _drawn(found, language)
    headers = {
        "Content-Language": language,
        "Vary": "Accept-Encoding",
        "ETag": f'"{found.document["version"][:16]}"',
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        data, headers["Content-Encoding"] = _packed(data), "gzip"
    return Response(data, media_type="text/html; charset=utf-8", headers=headers)


@lru_cache(maxsize=64)
def _drawn(found: Sheet, language: str) -> bytes:
    context = {"sheet": found, "language": language, "plate": PLATE}
    return environment(language).get_template("inspect_sheet.html").render(context).encode()


@lru_cache(maxsize=64)
def _packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@router.get("/inspect/paper/{family}")
def paper(request: Request, family: str) -> Response:
    found = checklists.sheet(rules_of(workspace_of(request)), family)
    names = next(
        one for one in checklists.kinds(rules_of(workspace_of(request))) if one["family"] == found.family
    )
    return page(request, "inspect_paper.html", {"sheet": found, "names": names})


@router.post("/inspect/new")
async def begin(request: Request) -> Response:
    form: Form[Any] = await run_in_threadpool(read_form, request, _no_file)
    try:
        require_token(request, form)
        row = await run_in_threadpool(_begun, request, form)
    except BadInput as error:
        given = {name: texts[-1] for name, texts in form.fields.items()}
        status, problem = 403 if isinstance(error, Forbidden) else 422, str(error)
        return await run_in_threadpool(lambda: _list(request, error=problem, given=given, status=status))
    return see(
        f"/inspect/{row.id}?section={checklists.sheet(rules_of(workspace_of(request)), row.family).places[1]}"
    )


def _begun(request: Request, form: Form[Any]) -> InspectionRow:
    workspace = workspace_of(request)
    found = checklists.sheet(rules_of(workspace), form.text("family"))
    names = [*(f"machine.{name}" for name in PLATE), *FIRST_FACTS]
    blank: dict[str, Any] = {"heads": [], "known": {}}
    changes = {
        name: checklists.change(blank, form.text(name)[:200], device_of(request), {})
        for name in names
        if form.text(name)
    }
    return workspace.inspections.merge(str(uuid.uuid4()), found.family, found.profile, changes)


def _no_file(control: str, name: str, stream: Any) -> None:
    return None


@router.get("/inspect/findings/{key}")
def report(request: Request, key: str) -> Response:
    workspace = workspace_of(request)
    row = workspace.findings.get(key)
    if row.method != METHOD:
        raise NotFound(f"finding {key:.12}… is no inspection", right=f"see /findings/{key}")
    finding = row.finding
    tables = {
        name: list(
            csv.DictReader(io.StringIO(workspace.findings.artifact(key, name).path.read_text("utf-8")))
        )
        for name in ("reasons.csv", "sections.csv")
    }
    record = jsonio.loads(
        workspace.evidence.open(finding.evidence[0]["sha256"]).path.read_bytes(), where="inspection.json"
    )
    context = {
        "key": key,
        "finding": finding,
        "record": record,
        "result": {name: quantity.value for name, quantity in finding.results.items()},
        "reasons": tables["reasons.csv"],
        "sections": tables["sections.csv"],
        "asks": _asks(workspace, record),
        "known": workspace.rules.book().newest,
        "plot": row.plot_sha256 is not None,
    }
    return page(request, "inspect_report.html", context)


def _asks(workspace: Workspace, record: Any) -> dict[str, Any]:
    try:
        family = record.get("family") or record.get("machine", {}).get("family", "")
        return checklists.sheet(rules_of(workspace), family, record.get("profile", DEFAULT_PROFILE)).items
    except BadInput:
        return {}


@router.get("/inspect/{id}")
def form(request: Request, id: str) -> Response:
    return _form(request, workspace_of(request).inspections.get(id), request.query_params.get("section", ""))


def _form(
    request: Request,
    row: InspectionRow,
    section: str,
    *,
    error: str = "",
    status: int = 200,
    kept: dict[str, Any] | None = None,
) -> Response:
    workspace = workspace_of(request)
    found = sheet_of(workspace, row)
    section = section if section in found.places else PLATE_SECTION
    fields = row.document["fields"]
    shown = values(fields)
    place = found.places.index(section)
    pictures: dict[str, list[tuple[str, str]]] = {}
    for item, sha256, file in photos(shown):
        pictures.setdefault(item, []).append((sha256, file))
    was = checklists.given(found, section, shown)
    context = {
        "row": row,
        "sheet": found,
        "names": next(one for one in checklists.kinds(rules_of(workspace)) if one["family"] == found.family),
        "section": section,
        "part": found.section(section),
        "next": found.places[place + 1] if place + 1 < len(found.places) else "",
        "given": {**was, **(kept or {})},
        "was": json.dumps(was, ensure_ascii=False, separators=(",", ":")),
        "pictures": pictures,
        "state": checklists.state_of(found, shown),
        "conflicts": conflicts(fields),
        "plate": PLATE,
        "error": error,
    }
    return page(request, "inspect_form.html", context, status=status)


@router.post("/inspect/{id}")
async def save(request: Request, id: str) -> Response:
    workspace = workspace_of(request)
    row = await run_in_threadpool(workspace.inspections.get, id)
    found = await run_in_threadpool(sheet_of, workspace, row)
    refused = ""

    def before_files(form: Form[EvidenceRow]) -> None:
        nonlocal refused
        try:
            require_token(request, form)
        except Forbidden as error:
            refused = str(error)

    def keep(control: str, name: str, stream: Any) -> EvidenceRow | None:
        if refused or not control.startswith("photo."):
            return None
        return keep_photo(workspace, row, control.removeprefix("photo."), stream.read(MOST_PHOTO + 1), name)

    try:
        form: Form[EvidenceRow] = await run_in_threadpool(
            read_form, request, keep, before_files=before_files, max_body=request.app.state.max_upload
        )
    except BadInput as error:
        problem = str(error)
        return await run_in_threadpool(lambda: _form(request, row, "", error=problem, status=422))
    section = form.text("section")
    now = checklists.typed(found, section, form.text)
    if refused:
        # a page that is older than this run of the server: what was typed stays in the form, under a new token
        return await run_in_threadpool(
            lambda: _form(request, row, section, error=refused, status=403, kept=now)
        )
    try:
        changes = await run_in_threadpool(_changes, request, row, form, now)
    except BadInput as error:
        problem = str(error)
        return await run_in_threadpool(
            lambda: _form(request, row, section, error=problem, status=422, kept=now)
        )
    await run_in_threadpool(workspace.inspections.merge, row.id, row.family, row.profile, changes)
    go = form.text("go")
    return see(f"/inspect/{row.id}?section={go if go in found.places else section}")


def _changes(
    request: Request, row: InspectionRow, form: Form[EvidenceRow], now: dict[str, Any]
) -> dict[str, Change]:
    revision, was = form.text("revision"), jsonio.loads(form.text("was") or "{}", where="was")
    if not revision.isdecimal() or len(revision) > 9 or not isinstance(was, dict):
        raise BadInput("the form is not whole", where="form", right="open the page again")
    fields = row.document["fields"]
    for control, files in form.files.items():
        for file in files:
            now[f"photo.{control.removeprefix('photo.')}.{file.sha256}"] = file.name
    for name in form.all("remove"):
        if name in fields and name.startswith("photo."):
            was, now = {**was, name: "there"}, {**now, name: ""}
    return checklists.changed(fields, was, now, device_of(request), int(revision))


def keep_photo(
    workspace: Workspace, row: InspectionRow, item: str, data: bytes, name: str = ""
) -> EvidenceRow:
    """Put a photo into the store as evidence.

    Raises
    ------
    BadInput : it is too large, or no photo
    """
    if len(data) > MOST_PHOTO:
        raise BadInput("the photo is too large", where=f"photo {item}", right=f"at most {MOST_PHOTO} bytes")
    ending = picture_kind(data[:16]).partition("/")[2]
    name = name or f"{item}.{ending}"
    capture = Capture(file=name, source=f"inspection {row.id}")
    return workspace.evidence.add(io.BytesIO(data), name, capture)


@router.post("/inspect/{id}/decide")
async def decide(request: Request, id: str) -> Response:
    """Settle a conflict: the chosen value replaces all that were shown."""
    workspace = workspace_of(request)
    form: Form[Any] = await run_in_threadpool(read_form, request, _no_file)
    require_token(request, form)
    row = await run_in_threadpool(workspace.inspections.get, id)
    key, chosen = form.text("key"), form.text("chosen")
    entry = row.document["fields"].get(key, {"heads": [], "known": {}})
    shown = dict(part.split("@", 1) for part in form.all("head") if "@" in part)
    for head in entry["heads"]:
        if f"{head['device']}@{head['at']}" == chosen:
            made = checklists.change(entry, head["value"], device_of(request), shown)
            await run_in_threadpool(workspace.inspections.merge, row.id, row.family, row.profile, {key: made})
    return see(f"/inspect/{row.id}?section={form.text('section')}")


@router.post("/inspect/{id}/submit")
async def submit(request: Request, id: str) -> Response:
    form: Form[Any] = await run_in_threadpool(read_form, request, _no_file)
    row = await run_in_threadpool(workspace_of(request).inspections.get, id)
    try:
        require_token(request, form)
        key, job = await submitted(request, row)
    except BadInput as error:
        status, problem = 403 if isinstance(error, Forbidden) else 422, str(error)
        return await run_in_threadpool(
            lambda: _form(request, row, form.text("section"), error=problem, status=status)
        )
    return see(f"/inspect/findings/{key}" if job.state == "done" else f"/jobs/{job.id}")


async def submitted(request: Request, row: InspectionRow) -> tuple[str, JobRow]:
    """Keep inspection.json as evidence, judge it, and note the finding; its key and the job.

    Raises
    ------
    BadInput : two devices disagree, a photo is still on its way, or the record cannot be judged
    """
    workspace = workspace_of(request)
    job = await run_in_threadpool(_judging, workspace, row)
    job = await wait(workspace, job, max(request.app.state.patience_s, 30.0))
    if problem := problem_of(job):
        raise BadInput(problem, where=f"inspection {row.id}")
    key = str((job.result or {}).get("finding", ""))
    if key:
        await run_in_threadpool(workspace.inspections.submitted, row.id, row.revision, key)
    return key, job


def _judging(workspace: Workspace, row: InspectionRow) -> JobRow:
    fields = row.document["fields"]
    if open_ones := conflicts(fields):
        raise BadInput(
            f"two devices disagree on {', '.join(sorted(open_ones)[:5])}", right="decide which value stands"
        )
    shown = values(fields)
    missing = missing_photos(workspace, shown)
    if missing:
        raise BadInput(
            f"{len(missing)} photos are not here yet", right="let the phone that took them send them first"
        )
    document = inspection_json(workspace, row)
    capture = Capture(file="inspection.json", source=f"inspection {row.id}, filled in in this workspace")
    evidence = workspace.evidence.add(io.BytesIO(document), "inspection.json", capture)
    digests = list(dict.fromkeys(sha256 for _, sha256, _ in photos(shown)))
    own = workspace.rules.own().rows
    parameters = {"rules": workspace.rules.book().rules.json()} if own else {}
    return workspace.submit_run(METHOD, [evidence.sha256, *digests], parameters)


def missing_photos(workspace: Workspace, shown: dict[str, Any]) -> list[str]:
    """Digests of photos that are named and not here yet."""
    named = dict.fromkeys(sha256 for _, sha256, _ in photos(shown))
    return [sha256 for sha256 in named if not _here(workspace, sha256)]


def _here(workspace: Workspace, sha256: str) -> bool:
    try:
        workspace.evidence.get(sha256)
    except NotFound:
        return False
    return True


def inspection_json(workspace: Workspace, row: InspectionRow) -> bytes:
    return jsonio.canonical(
        checklists.inspection_document(sheet_of(workspace, row), values(row.document["fields"]))
    )


@router.get("/inspect/{id}/inspection.json")
def download(request: Request, id: str) -> Response:
    workspace = workspace_of(request)
    data = inspection_json(workspace, workspace.inspections.get(id))
    headers = {"Content-Disposition": 'attachment; filename="inspection.json"'}
    return Response(data, media_type="application/json", headers=headers)


@router.get("/inspect/{id}/photos/{sha256}")
def photo(request: Request, id: str, sha256: str) -> Response:
    """A photo of the inspection, to be shown in its pages."""
    workspace = workspace_of(request)
    shown = values(workspace.inspections.get(id).document["fields"])
    if sha256 not in {digest for _, digest, _ in photos(shown)}:
        raise NotFound(f"no photo {sha256!r:.80} in this inspection")
    path = workspace.evidence.open(sha256).path
    with path.open("rb") as file:
        kind = picture_kind(file.read(16))
    return Response(path.read_bytes(), media_type=kind)
