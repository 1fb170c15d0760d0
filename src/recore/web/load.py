"""Load plan: cargo and containers typed into a form or uploaded, and the plan as a picture that turns and tables."""

from __future__ import annotations

import csv
import io
from typing import Any, BinaryIO

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore import jsonio
from recore.errors import BadInput
from recore.model.case import Capture
from recore.model.trade import OneOrMany
from recore.rules import RuleSet, shipped
from recore.trade.loading.cargo import Container, Items
from recore.web.checklists import number
from recore.web.jobs import problem_of, wait
from recore.web.multipart import Form, read_form
from recore.web.pages import page, see
from recore.web.receive import require_token, workspace_of
from recore.workspace import JobRow, NotFound, Workspace

router = APIRouter(include_in_schema=False)
METHOD = "trade.load-plan"
ROW = ("id", "length", "width", "height", "mass_kg", "count")
TICKS = ("stackable", "turn")
MEASURES = ("kind", "length", "width", "height", "door_width", "door_height", "payload_kg", "tare_kg",
            "floor_kg_per_m")  # fmt: skip
TABLES = ("placements", "packing_list", "left", "containers", "securing")
KINDS = ("container", "flat-rack", "roro")
SHOWN, MOST_ROWS, MOST_FILE = 60, 200, 8 * 2**20
ROWS = 4


def rules_of(workspace: Workspace) -> RuleSet:
    return workspace.rules.book().rules if workspace.rules.own().rows else shipped()


def known_containers(rules: RuleSet) -> list[str]:
    """Names of containers whose measures a rule row states."""
    rows = [rule for rule in rules.known().rows if rule.domain == "container"]
    return sorted({str(rule.params["question"]).removeprefix("container:") for rule in rows})


@router.get("/trade/load")
def blank(request: Request) -> Response:
    again = request.query_params.get("from", "")
    return _form(request, _filled(workspace_of(request), again) if again else {})


def _form(request: Request, given: dict[str, str], *, error: str = "", more: int = 0) -> Response:
    lines = {int(name.split(".")[1]) for name, text in given.items() if name.startswith("item.") and text}
    context = {
        "given": given,
        "error": error,
        "rows": range(min(max([ROWS, *(line + 2 for line in lines)]) + more, MOST_ROWS)),
        "names": known_containers(rules_of(workspace_of(request))),
        "kinds": KINDS,
    }
    return page(request, "load_form.html", context, status=422 if error else 200)


def _read_json(control: str, name: str, stream: BinaryIO) -> Any:
    data = stream.read(MOST_FILE + 1)
    if len(data) > MOST_FILE:
        raise BadInput("the file is too large", where=name, right=f"at most {MOST_FILE} bytes")
    return jsonio.loads(data, where=name)


@router.post("/trade/load")
async def plan(request: Request) -> Response:
    def before_files(form: Form[Any]) -> None:
        require_token(request, form)

    form: Form[Any] = await run_in_threadpool(read_form, request, _read_json, before_files=before_files)
    given = {name: texts[-1].strip() for name, texts in form.fields.items() if name != "token"}
    if given.pop("do", "") == "more":
        return await run_in_threadpool(lambda: _form(request, given, more=4))
    try:
        items = (form.files.get("items_file") or [_items(given)])[0]
        containers = (form.files.get("container_file") or [_container(given)])[0]
        _check(OneOrMany[Items], items, "items")
        _check(OneOrMany[Container], containers, "container")
        seconds = number(given.get("seconds") or "10")
        job = await run_in_threadpool(_submit, workspace_of(request), items, containers, seconds)
    except BadInput as error:
        problem = str(error)
        return await run_in_threadpool(lambda: _form(request, given, error=problem))
    job = await wait(workspace_of(request), job, request.app.state.patience_s)
    if problem := problem_of(job):
        return await run_in_threadpool(lambda: _form(request, given, error=problem))
    done = (job.result or {}).get("finding")
    return see(f"/trade/load/{done}" if done else f"/jobs/{job.id}")


def _submit(workspace: Workspace, items: Any, containers: Any, seconds: Any) -> JobRow:
    digests = []
    for name, document in (("items.json", items), ("container.json", containers)):
        capture = Capture(file=name, source="given in a form of this workspace")
        digests.append(workspace.evidence.add(io.BytesIO(jsonio.canonical(document)), name, capture).sha256)
    parameters: dict[str, Any] = {"seconds": seconds}
    if workspace.rules.own().rows:
        parameters["rules"] = workspace.rules.book().rules.json()
    return workspace.submit_run(METHOD, digests, parameters)


def _check(kind: Any, document: Any, name: str) -> None:
    try:
        kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(first["msg"], where=f"{name}: {where}" if where else name) from None


def _items(given: dict[str, str]) -> dict[str, Any]:
    """items.json of the rows of the form; a row without any text is no row."""
    found = []
    for line in range(MOST_ROWS):
        text = {name: given.get(f"item.{line}.{name}", "") for name in ROW}
        if not any(text.values()):
            continue
        size = [number(text[name]) for name in ("length", "width", "height")]
        turn = given.get(f"item.{line}.turn") == "true"
        item = {
            "id": text["id"] or f"item {line + 1}",
            "size_mm": size,
            "mass_kg": number(text["mass_kg"]),
            "count": number(text["count"] or "1"),
            "vertical_allowed": [turn, turn, True],
            "stackable": given.get(f"item.{line}.stackable") == "true",
        }
        found.append(item)
    if not found:
        raise BadInput("there is no cargo", where="items", right="fill in a row, or give items.json")
    return {"items": found}


def _container(given: dict[str, str]) -> Any:
    """container.json of the form: a named type, whatever measures are stated, as often as there are."""
    text = {name: given.get(f"container.{name}", "") for name in ("name", "number", *MEASURES)}
    document: dict[str, Any] = {"name": text["name"] or "container"}
    if text["kind"]:
        document["kind"] = text["kind"]
    for name, edges in (
        ("inner_mm", ("length", "width", "height")),
        ("door_mm", ("door_width", "door_height")),
    ):
        if any(text[edge] for edge in edges):
            document[name] = [number(text[edge]) for edge in edges]
    document |= {
        name: number(text[name]) for name in ("payload_kg", "tare_kg", "floor_kg_per_m") if text[name]
    }
    many = number(text["number"] or "1")
    if not isinstance(many, int) or not 1 <= many <= 64:
        raise BadInput(f"{text['number']!r:.20} containers", where="container.number", right="1 to 64")
    return document if many == 1 else [document] * many


def _found(workspace: Workspace, key: str) -> Any:
    row = workspace.findings.get(key)
    if row.method != METHOD:
        raise NotFound(f"finding {key:.12}… is no load plan", right=f"see /findings/{key}")
    return row


def _filled(workspace: Workspace, key: str) -> dict[str, str]:
    """The form of an earlier plan, as far as it has fields for it."""
    finding = _found(workspace, key).finding
    documents = [
        jsonio.loads(workspace.evidence.open(item["sha256"]).path.read_bytes(), where=item["name"])
        for item in finding.evidence[:2]
    ]
    groups, rooms = [one if isinstance(one, list) else [one] for one in documents]
    given: dict[str, str] = {}
    for line, item in enumerate([item for group in groups for item in group["items"]][: MOST_ROWS - 4]):
        length, width, height = item["size_mm"]
        told = {**item, "length": length, "width": width, "height": height}
        told |= {"turn": all(item.get("vertical_allowed", (False,)))}
        for name in (*ROW, *TICKS):
            if told.get(name) not in (None, False):
                given[f"item.{line}.{name}"] = "true" if told[name] is True else f"{told[name]}"
    room = rooms[0] if isinstance(rooms[0], dict) else {"name": rooms[0]}
    room = {**room, **dict(zip(("length", "width", "height"), room.get("inner_mm") or (), strict=False))}
    room |= dict(zip(("door_width", "door_height"), room.get("door_mm") or (), strict=False))
    room["number"] = len(rooms)
    for name in ("name", "number", *MEASURES):
        if room.get(name) is not None:
            given[f"container.{name}"] = str(room[name])
    return given


@router.get("/trade/load/{key}")
def load(request: Request, key: str) -> Response:
    workspace = workspace_of(request)
    row = _found(workspace, key)
    tables = {name: _table(workspace, key, f"{name}.csv") for name in TABLES}
    scene = jsonio.loads(workspace.findings.artifact(key, "scene.json").path.read_bytes(), where="scene.json")
    context = {
        "key": key,
        "finding": row.finding,
        "result": {name: quantity.value for name, quantity in row.finding.results.items()},
        "tables": {name: lines[:SHOWN] for name, lines in tables.items()},
        "more": {name: max(len(lines) - SHOWN, 0) for name, lines in tables.items()},
        "vgm": jsonio.loads(workspace.findings.artifact(key, "vgm.json").path.read_bytes(), where="vgm.json"),
        "items": scene["items"],
        "plot": row.plot_sha256 is not None,
        "known": workspace.rules.book().newest,
    }
    return page(request, "load.html", context)


def _table(workspace: Workspace, key: str, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(workspace.findings.artifact(key, name).path.read_text("utf-8"))))
