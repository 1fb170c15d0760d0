"""Landed cost: a quote typed into a form, and what it comes to line by line, each with its row, day and source."""

from __future__ import annotations

import csv
import io
from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore import jsonio
from recore.errors import BadInput
from recore.registry import registry
from recore.web import forms, machine_form, quote_form, rule_book
from recore.web.jobs import problem_of, result_address, wait
from recore.web.pages import day_in, page, see
from recore.web.quote_form import QuoteForm
from recore.web.receive import page_form, workspace_of
from recore.web.trade import OWN, SHIPPED, rules_of, submitted
from recore.workspace import FindingRow, NotFound, Workspace

router = APIRouter(include_in_schema=False)
METHOD = "trade.landed-cost"
HEADLINES = ("landed_total", "indicative_total", "landed_low", "landed_high", "best_landed_total")
REVERSE = ("max_fob", "indicative_max_fob", "max_fob_low", "max_fob_high")
HOME = ("rebate", "trapped_vat", "vat_offset")
ROUTE = ("sea_distance_nm", "transit_days", "co2_kg")
SHOWN_LINES, SHOWN_SENSITIVITY = 80, 24


@router.get("/trade/landed")
def blank(request: Request) -> Response:
    again = request.query_params.get("from", "")
    if again:
        found = _found(workspace_of(request), again)
        return _form(
            request, quote_form.filled(_quotes(workspace_of(request), found), found.finding.parameters)
        )
    machine = machine_form.read(request.query_params.multi_items())
    country = request.query_params.get("country", "")[:2]
    day = day_in(request, "shipment_date") or rule_book.today()
    return _form(request, quote_form.blank(machine, day, country))


def _form(request: Request, form: QuoteForm, *, error: str = "", more: int = 0, rules: str = OWN) -> Response:
    rows = rules_of(request, rules)
    day = rule_book.today()
    charged = {rule.jurisdiction for rule in rows.rows if rule.effect == "charge"}
    context = {
        "form": form,
        "given": form.given,
        "errors": form.errors,
        "error": error or "; ".join(f"{name}: {text}" for name, text in form.errors.items()),
        "places": form.place_lines(more),
        "rates": form.rate_lines(more),
        "choices": machine_form.choices(rows, day),
        "countries": sorted({*rule_book.covered(rows, day), *(code for code in charged if len(code) == 2)}),
        "charged": charged,
        "incoterms": quote_form.INCOTERMS,
        "modes": quote_form.MODES,
        "closures": quote_form.CLOSURES,
        "purchases": quote_form.PURCHASES,
        "rules": rules,
        "own": len(workspace_of(request).rules.own().rows),
    }
    return page(request, "landed_form.html", context, status=422 if context["error"] else 200)


@router.post("/trade/landed")
async def count(request: Request) -> Response:
    received = await page_form(request)
    made = await run_in_threadpool(quote_form.read, received.form)
    rules = SHIPPED if received.form.text("rules") == SHIPPED else OWN
    if received.form.text("do") == "more":
        made.errors.clear()
        return await run_in_threadpool(_form, request, made, more=3, rules=rules)
    parameters, problem = _parameters(made), ""
    tables = [row.sha256 for row in received.files("freight_table")]
    if not made.errors and len(tables) < 2:
        document: Any = made.quotes[0] if len(made.quotes) == 1 else made.quotes
        try:
            job = await run_in_threadpool(
                submitted, request, METHOD, document, parameters, rules, "quote.json", tables
            )
        except BadInput as error:
            problem = str(error)
        else:
            job = await wait(workspace_of(request), job, request.app.state.patience_s)
            problem = problem_of(job)
            if not problem:
                address = result_address(job)
                return see(address.replace("/findings/", "/trade/landed/") or f"/jobs/{job.id}")
    return await run_in_threadpool(_form, request, made, error=problem, rules=rules)


def _parameters(made: QuoteForm) -> dict[str, Any]:
    """Parameters of the method that stand in the form; what is wrong with one is noted at its field."""
    typed = {f"{forms.PREFIX}{name}": [made.given[name]] for name in quote_form.ASKED}
    parameters, _, errors = forms.parameters(registry().get(METHOD), typed)
    made.errors |= errors
    return {name: value for name, value in parameters.items() if value is not None}


def _found(workspace: Workspace, key: str) -> FindingRow:
    row = workspace.findings.get(key)
    if row.method != METHOD:
        raise NotFound(f"finding {key:.12}… is no landed cost", right=f"see /findings/{key}")
    return row


def _quotes(workspace: Workspace, row: FindingRow) -> list[dict[str, Any]]:
    """The quotes that a finding was made from, as they were kept."""
    data = workspace.evidence.open(row.finding.evidence[0]["sha256"]).path.read_bytes()
    document = jsonio.loads(data, where="quote.json")
    return document if isinstance(document, list) else [document]


@router.get("/trade/landed/{key}")
def landed(request: Request, key: str) -> Response:
    workspace = workspace_of(request)
    row = _found(workspace, key)
    finding = row.finding
    tables = {name: _table(workspace, row, f"{name}.csv") for name in
              ("lines", "incoterms", "sensitivity", "comparison", "alternatives")}  # fmt: skip
    quotes = _quotes(workspace, row)
    known = workspace.rules.book().newest
    context = {
        "key": key,
        "finding": finding,
        "quote": quotes[0],
        "quotes": quotes,
        "several": len(quotes) > 1,
        "headlines": _stated(finding.results, HEADLINES),
        "reverse": _stated(finding.results, REVERSE),
        "home": _stated(finding.results, HOME),
        "route": _stated(finding.results, ROUTE),
        "tables": tables,
        "lines": tables["lines"][:SHOWN_LINES],
        "more": max(len(tables["lines"]) - SHOWN_LINES, 0),
        "sensitivity": tables["sensitivity"][:SHOWN_SENSITIVITY],
        "widest": max((_size(line) for line in tables["sensitivity"]), default=Decimal(1)) or Decimal(1),
        "size": _size,
        "known": known,
        "plot": row.plot_sha256 is not None,
        "created_at": row.created_at,
        "own_rules": bool(finding.parameters.get("rules")),
    }
    return page(request, "landed.html", context)


def _stated(results: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: results[name] for name in names if name in results}


def _size(line: dict[str, str]) -> Decimal:
    """How far 5 % less and more of an input move the total."""
    return max(abs(_decimal(line["low_change"])), abs(_decimal(line["high_change"])))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _table(workspace: Workspace, row: FindingRow, file: str) -> list[dict[str, str]]:
    """Rows of a table of the finding; none where the finding has no such table."""
    if file not in {item["file"] for item in row.finding.artifacts}:
        return []
    text = workspace.findings.artifact(row.key, file).path.read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))
