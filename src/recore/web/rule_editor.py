"""Write a rule row, try its test vectors, save it as a new version; bring rows in and take them out."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore.errors import BadInput
from recore.evidence.xlsx import sheets
from recore.rules import Problem, Rule
from recore.rules.checks import read_tables
from recore.rules.table import MAX_FILE_BYTES
from recore.rules.workbook_reading import from_sheets
from recore.web import rule_book, rule_form
from recore.web.multipart import Form, TooLarge, read_form
from recore.web.pages import page, see
from recore.web.receive import page_form, require_token, workspace_of
from recore.web.rules import rule_of
from recore.workspace.rules import RuleBook, same

router = APIRouter(include_in_schema=False)
EFFECTS = ("require", "block", "document", "charge", "warn", "cover", "grade", "state")
VERDICTS = ("pass", "fail", "unknown")
SHOWN_PROBLEMS = 100
WORKBOOKS = (".xlsx", ".xlsm")


def _editor(
    request: Request,
    form: rule_form.RowForm,
    *,
    rule_id: str | None,
    base: int,
    problems: list[Problem] | None = None,
    more: int = 0,
    said: str = "",
) -> Response:
    """The form, with what was found wrong and what every test vector comes to."""
    book = workspace_of(request).rules.book()
    context = {
        "rule_id": rule_id,
        "base": base,
        "given": form.given,
        "lines": form.lines(more),
        "errors": form.errors,
        "error": said or "; ".join(f"{name}: {text}" for name, text in form.errors.items()),
        "problems": problems,
        "tried": rule_book.tried(form.rule) if form.rule and problems is not None else [],
        "effects": EFFECTS,
        "verdict_words": VERDICTS,
        "known": {
            "jurisdiction": sorted({rule.jurisdiction for rule in book.newest.values()}),
            "domain": sorted({rule.domain for rule in book.newest.values()}),
        },
    }
    bad = bool(form.errors or said) or any(item.severity == "error" for item in problems or ())
    return page(request, "rule_form.html", context, status=422 if bad else 200)


@router.get("/rules/new")
def new(request: Request) -> Response:
    return _editor(request, rule_form.blank(rule_book.today()), rule_id=None, base=0)


@router.post("/rules/new")
async def create(request: Request) -> Response:
    return await _received(request, None)


@router.get("/rules/{rule_id}/edit")
def edit(request: Request, rule_id: str) -> Response:
    rule = rule_of(workspace_of(request).rules.book(), rule_id)
    return _editor(request, rule_form.filled(rule), rule_id=rule_id, base=rule.version)


@router.post("/rules/{rule_id}/edit")
async def update(request: Request, rule_id: str) -> Response:
    return await _received(request, rule_id)


async def _received(request: Request, rule_id: str | None) -> Response:
    form = (await page_form(request)).form
    return await run_in_threadpool(_answer, request, rule_id, form)


def _answer(request: Request, rule_id: str | None, form: Form[Any]) -> Response:
    workspace = workspace_of(request)
    book = workspace.rules.book()
    newest = rule_of(book, rule_id) if rule_id is not None else None
    if rule_id is not None:
        form.fields["rule_id"] = [rule_id]
    base = int(form.text("base")) if re.fullmatch(r"\d{1,7}", form.text("base")) else 0
    version = newest.version + 1 if newest else 1
    made = rule_form.read(form, version=version, day=rule_book.today())

    def again(said: str = "", problems: list[Problem] | None = None, more: int = 0) -> Response:
        return _editor(request, made, rule_id=rule_id, base=base, problems=problems, more=more, said=said)

    if form.text("do") == "more":
        made.errors.clear()
        return again(more=4)
    if made.rule is None:
        return again()
    if newest is None and made.rule.rule_id in book.newest:
        return again(
            f"there is a row {made.rule.rule_id!r} already; write a new version of it, or take another id"
        )
    if newest is not None and base != newest.version:
        return again(f"version {newest.version} was saved meanwhile; look at it, then write on from there")
    problems = _problems(book, [made.rule])
    if form.text("do") != "save" or any(item.severity == "error" for item in problems):
        return again(problems=problems)
    if newest is not None and same(newest, made.rule):
        return again(f"nothing differs from version {newest.version}")
    try:
        workspace.rules.add([made.rule])
    except BadInput as error:
        return again(str(error))
    return see(f"/rules/{made.rule.rule_id}")


def _problems(book: RuleBook, rules: list[Rule]) -> list[Problem]:
    return rule_book.checked([("", rule) for rule in rules], book)


@router.get("/rules/import")
def bring_in(request: Request) -> Response:
    return _import_page(request)


def _import_page(request: Request, **found: Any) -> Response:
    own = workspace_of(request).rules.own()
    context = {
        "own": len({rule.rule_id for rule in own.rows}),
        "versions": len(own.rows),
        "error": "",
        "problems": None,
        "added": None,
        "known": 0,
        "name": "",
        **found,
    }
    problems: list[Problem] = context["problems"] or []
    bad = bool(context["error"]) or any(item.severity == "error" for item in problems)
    context |= {"problems": problems[:SHOWN_PROBLEMS], "more": max(len(problems) - SHOWN_PROBLEMS, 0)}
    return page(request, "rule_import.html", context, status=422 if bad else 200)


@router.post("/rules/import")
async def upload(request: Request) -> Response:
    def before_files(form: Form[Any]) -> None:
        require_token(request, form)

    def keep(control: str, name: str, stream: BinaryIO) -> tuple[str, bytes]:
        data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise TooLarge(
                "the table is too large", where=name, right=f"at most {MAX_FILE_BYTES} bytes are taken"
            )
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:].lstrip(".") or "rows"
        return plain if plain.lower().endswith((".toml", *WORKBOOKS)) else f"{plain}.toml", data

    def read() -> Form[tuple[str, bytes]]:
        return read_form(request, keep, before_files=before_files, max_body=request.app.state.max_upload)

    form = await run_in_threadpool(read)
    files = form.files.get("file", [])
    if len(files) != 1:
        return await run_in_threadpool(_import_page, request, error="no file was given; choose one")
    return await run_in_threadpool(_brought, request, *files[0], form.text("do") == "save")


def _brought(request: Request, name: str, data: bytes, save: bool) -> Response:
    workspace = workspace_of(request)
    try:
        rows, problems = tables(name, data, workspace.rules.book())
    except BadInput as error:
        return _import_page(request, error=str(error), name=name)
    new, more = _new(rows, workspace.rules.book(), name)
    asked = {rule.rule_id for rule in new} | {item.rule_id for item in more}
    here = {rule.rule_id for rule in rows} - asked  # what is here already is not judged again
    problems = [*(item for item in problems if item.rule_id not in here), *more]
    known = len(rows) - len(new) - len(more)
    if any(item.severity == "error" for item in problems) or not save:
        return _import_page(request, problems=problems, name=name, known=known)
    try:
        added = workspace.rules.add(new)
    except BadInput as error:
        return _import_page(request, error=str(error), name=name)
    return _import_page(request, problems=problems, added=added, known=known, name=name)


def tables(name: str, data: bytes, book: RuleBook) -> tuple[list[Rule], list[Problem]]:
    """Rows of an uploaded table or workbook, and everything that is wrong with it.

    Raises
    ------
    BadInput : the file is no table of rules at all, or cells of the workbook hold what no row can
    """
    with tempfile.TemporaryDirectory(prefix="recore-rules-") as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        try:
            if file.suffix.lower() in WORKBOOKS:
                rows = [(name, rule) for rule in from_sheets(sheets(file, name), where=name).rows]
                faults: list[Problem] = []
            else:
                rows, faults = read_tables(file)
        except BadInput as error:
            raise BadInput(
                error.what, where=error.where.replace(f"{folder}/", ""), right=error.right
            ) from None
        placed = [(where.replace(f"{folder}/", ""), rule) for where, rule in rows]
        faults = [replace(fault, file=fault.file.replace(f"{folder}/", "")) for fault in faults]
    return [rule for _, rule in rows], [*faults, *rule_book.checked(placed, book)]


def _new(rows: list[Rule], book: RuleBook, name: str) -> tuple[list[Rule], list[Problem]]:
    """Rows that are not here yet, and those that claim a version which is taken."""
    new, problems = [], []
    there = {(rule.rule_id, rule.version): rule for rule in book.rules.rows}
    for rule in rows:
        known = there.get((rule.rule_id, rule.version))
        newest = book.newest.get(rule.rule_id)
        if known is not None and same(known, rule):
            continue
        if rule.rule_id in rule_form.RESERVED:
            text = "the id is the address of a page; take another"
            problems.append(Problem(rule.rule_id, name, "reserved", text))
        elif newest is not None and rule.version <= newest.version:
            text = f"version {rule.version} is taken here; give it version {newest.version + 1}"
            problems.append(Problem(rule.rule_id, name, "taken", text))
        else:
            new.append(rule)
    return new, problems
