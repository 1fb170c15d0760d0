"""Repair plan of a face: what is done to which component when, why not, and the same plan under another budget."""

from __future__ import annotations

import io
import re
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore.errors import BadInput
from recore.model.case import Capture
from recore.web.face_room import table_of
from recore.web.jobs import problem_of, wait
from recore.web.pages import number_in, page, see
from recore.web.receive import page_form, workspace_of
from recore.workspace import FindingRow, JobRow, NotFound, Workspace

router = APIRouter(include_in_schema=False)
METHOD = "support.plan"
MOST_ROWS, SHOWN, MOST_CASE = 20_000, 80, 4 * 2**20
LEAST, MOST = 10, 300  # percent of the stated budget
CENT = Decimal("0.01")
_BUDGET = re.compile(r"(?m)^([ \t]*budget[ \t]*=[ \t]*)\[[^\]]*\]")


def _found(workspace: Workspace, key: str) -> FindingRow:
    row = workspace.findings.get(key)
    if row.method != METHOD:
        raise NotFound(f"finding {key:.12}… is no repair plan", right=f"see /findings/{key:.64}")
    return row


def _case(workspace: Workspace, row: FindingRow) -> str:
    item = row.finding.evidence[0]
    with workspace.evidence.open(item["sha256"]).path.open("rb") as stream:
        data = stream.read(MOST_CASE + 1)
    if len(data) > MOST_CASE:
        raise BadInput("the case is too large", where=item["name"], right=f"at most {MOST_CASE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadInput("is no text", where=item["name"], right="a case in TOML") from None


def read_plan(text: str) -> dict[str, Any]:
    """The [plan] of a case, numbers as they are written.

    Raises
    ------
    BadInput : not TOML, or no budget per period
    """
    try:
        plan = tomllib.loads(text, parse_float=Decimal).get("plan")
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not TOML ({error})", where="case", right="a case as support.plan takes it") from None
    budget = plan.get("budget") if isinstance(plan, dict) else None
    if not isinstance(budget, list) or not all(
        isinstance(b, int | Decimal) and not isinstance(b, bool) for b in budget
    ):
        raise BadInput("no budget per period", where="case, [plan]", right="budget = [per period]")
    assert isinstance(plan, dict)
    return plan


def with_budget(text: str, percent: int) -> str:
    """The case with every budget multiplied; all else stays as it was typed.

    Raises
    ------
    BadInput : the budget does not stand in one list of the case
    """
    budget = read_plan(text)["budget"]
    wanted = [(Decimal(b) * percent / 100).quantize(CENT, ROUND_HALF_UP) for b in budget]
    changed = _BUDGET.sub(lambda found: f"{found[1]}[{', '.join(map(str, wanted))}]", text, count=1)
    if read_plan(changed)["budget"] != wanted:
        raise BadInput(
            "the budget is not written as one list", where="case, [plan]", right="budget = [100.0, 80.0]"
        )
    return changed


@router.get("/faces/plans/{key}")
def plan(request: Request, key: str) -> Response:
    return _page(request, key)


def _page(request: Request, key: str, *, error: str = "", percent: int = 100) -> Response:
    workspace = workspace_of(request)
    row = _found(workspace, key)
    rows = table_of(workspace, row, "plan", most=MOST_ROWS)
    asked = request.query_params.get("support", "").strip()
    if asked:
        rows = [r for r in rows if str(r.get("support")) == asked]
    done = [r for r in rows if r.get("action") != "keep"]
    kept = [r for r in rows if r.get("action") == "keep"]
    done.sort(key=lambda r: (r.get("period") or 0, str(r.get("support"))))
    offset = number_in(request, "offset")
    try:
        stated, problem = read_plan(_case(workspace, row)), ""
    except BadInput as bad:
        stated, problem = {}, str(bad)
    periods: dict[int, dict[str, int]] = {}
    for r in done:
        actions = periods.setdefault(int(r.get("period") or 0), {})
        actions[str(r["action"])] = actions.get(str(r["action"]), 0) + 1
    context = {
        "key": key,
        "finding": row.finding,
        "created_at": row.created_at,
        "budget": stated.get("budget", []),
        "currency": str(stated.get("currency", "")),
        "done": done[offset : offset + SHOWN],
        "done_count": len(done),
        "kept": kept[offset : offset + SHOWN],
        "kept_count": len(kept),
        "offset": offset,
        "size": SHOWN,
        "asked": asked,
        "periods": dict(sorted(periods.items())),
        "percent": percent,
        "least": LEAST,
        "most": MOST,
        "error": error or problem,
        "others": [r for r in workspace.findings.list(method=METHOD, limit=12) if r.key != key],
    }
    return page(request, "face_plan.html", context, status=422 if error else 200)


@router.post("/faces/plans/{key}")
async def again(request: Request, key: str) -> Response:
    form = (await page_form(request)).form
    text = form.text("percent")
    if not text.isdecimal() or not LEAST <= int(text) <= MOST:
        problem = str(BadInput(f"{text!r:.20} % of the budget", where="percent", right=f"{LEAST} to {MOST}"))
        return await run_in_threadpool(lambda: _page(request, key, error=problem))
    percent = int(text)
    try:
        job = await run_in_threadpool(_submit, workspace_of(request), key, percent)
    except NotFound:
        raise
    except BadInput as error:
        problem = str(error)
        return await run_in_threadpool(lambda: _page(request, key, error=problem, percent=percent))
    job = await wait(workspace_of(request), job, request.app.state.patience_s)
    if problem := problem_of(job):
        return await run_in_threadpool(lambda: _page(request, key, error=problem, percent=percent))
    done = (job.result or {}).get("finding")
    return see(f"/faces/plans/{done}" if done else f"/jobs/{job.id}")


def _submit(workspace: Workspace, key: str, percent: int) -> JobRow:
    row = _found(workspace, key)
    text = with_budget(_case(workspace, row), percent)
    name = row.finding.evidence[0]["name"]
    stem = re.sub(r"-\d+-percent(?=\.toml$)", "", name).removesuffix(".toml")
    capture = Capture(file=f"{stem}-{percent}-percent.toml", source=f"{name}, every budget × {percent} %")
    kept = workspace.evidence.add(io.BytesIO(text.encode()), capture.file, capture)
    others = [item["sha256"] for item in row.finding.evidence[1:]]
    given = {k: v for k, v in row.finding.parameters.items() if v is not None}
    return workspace.submit_run(METHOD, [kept.sha256, *others], given)
