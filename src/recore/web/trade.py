"""Export eligibility: one machine, every country that rows cover, and the reasons of each answer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recore import jsonio
from recore.errors import BadInput
from recore.model.case import Capture
from recore.model.trade import OneOrMany, TradeMachine
from recore.rules import RuleSet, Verdict, shipped
from recore.trade.eligibility import Eligibility, eligibility
from recore.web import machine_form, rule_book, world_map
from recore.web.jobs import started
from recore.web.machine_form import EVIDENCE, FACT
from recore.web.pages import page
from recore.web.receive import page_form, workspace_of
from recore.workspace import JobRow, NotFound

router = APIRouter(include_in_schema=False)
METHOD = "trade.eligibility"
ROW = "rule row: "
SHIPPED, OWN = "shipped", "own"
ORDER = ("pass", "unknown", "fail")
MOST_LINK_BYTES = 7_000
SHOWN_REASONS = 60


def rules_of(request: Request, chosen: str) -> RuleSet:
    """The rows that an answer is made with: those of Recore, or those and the workspace's own."""
    return workspace_of(request).rules.book().rules if chosen == OWN else shipped()


class Asked:
    """What a page of eligibility was asked: machine, day, rules."""

    def __init__(self, request: Request, params: Iterable[tuple[str, str]]) -> None:
        params = list(params)
        self.form = machine_form.read(params)
        told = dict(params)
        self.rules = OWN if told.get("rules", OWN) == OWN else SHIPPED
        self.day = _day(told, "shipment_date") or rule_book.today()
        self.known_on = _day(told, "known_on")
        self.asked = bool(self.form.given)
        self.rule_set = rules_of(request, self.rules)

    @property
    def settings(self) -> dict[str, str]:
        known = {"known_on": self.known_on.isoformat()} if self.known_on else {}
        rules = {"rules": SHIPPED} if self.rules == SHIPPED else {}
        return {"shipment_date": self.day.isoformat(), **known, **rules}

    def address(self) -> str:
        return self.form.address(**self.settings)

    def answer(self, country: str) -> Eligibility:
        """The answer of the method.

        Raises
        ------
        BadInput : the machine cannot be so, or no row covers any country
        """
        assert self.form.machine is not None
        return eligibility(
            OneOrMany[TradeMachine]((self.form.machine,)),
            country=country,
            shipment_date=self.day,
            known_on=self.known_on,
            rules=self.rule_set,
        )


def _brief(item: dict[str, Any]) -> dict[str, Any]:
    """A line of the table of verdicts with what is missing taken apart: rows, and facts of the machine."""
    missing = [path for path in (item["missing"] or "").split("; ") if path]
    return {
        **item,
        "no_row": [path.removeprefix(ROW) for path in missing if path.startswith(ROW)],
        "facts": [path.removeprefix(EVIDENCE) for path in missing if not path.startswith(ROW)],
    }


def _day(told: dict[str, str], name: str) -> date | None:
    text = told.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{text!r:.40} is no day", where=name, right="write it as 2026-12-31") from None


@router.get("/trade")
def trade(request: Request) -> Response:
    asked = Asked(request, request.query_params.multi_items())
    verdicts, error = [], ""
    if asked.asked and asked.form.machine is not None:
        try:
            verdicts = asked.answer("all").verdicts.to_pylist()
        except BadInput as problem:
            error = str(problem)
    error = error or "; ".join(f"{name}: {text}" for name, text in asked.form.errors.items())
    address = asked.address()
    drawn = world_map.outlines()
    context = {
        "form": asked.form,
        "asked": asked.asked,
        "settings": asked.settings,
        "rules": asked.rules,
        "own": len(workspace_of(request).rules.own().rows),
        "choices": machine_form.choices(asked.rule_set, asked.day),
        "verdicts": sorted(
            map(_brief, verdicts), key=lambda item: (ORDER.index(item["verdict"]), item["country"])
        ),
        "counts": {word: sum(item["verdict"] == word for item in verdicts) for word in Verdict},
        "drawn": {
            word: [
                item["country"] for item in verdicts if item["verdict"] == word and item["country"] in drawn
            ]
            for word in ORDER
        },
        "outlines": drawn,
        "box": world_map.view_box(),
        "address": address,
        "hidden": [*asked.form.given.items(), *asked.settings.items()],
        # so many links with so long an address would make the page heavy: then one form stands around the
        # table, and the map leads to its rows
        "direct": len(address) * len(verdicts) <= MOST_LINK_BYTES,
        "error": error,
    }
    return page(request, "trade.html", context, status=422 if error else 200)


@router.get("/trade/eligibility")
def reasons(request: Request) -> Response:
    asked = Asked(request, request.query_params.multi_items())
    country = request.query_params.get("country", "").strip()
    if asked.form.machine is None:
        said = "; ".join(f"{name}: {text}" for name, text in asked.form.errors.items())
        raise BadInput(said, where="machine", right="go back and correct it")
    if not (len(country) == 2 and country.isascii() and country.isupper()):
        raise NotFound(f"{country!r:.40} is no country code", right="two capital letters, such as KE")
    found = asked.answer(country)
    lines = found.reasons.to_pylist()
    missing = list(found.missing or ())
    context = {
        "form": asked.form,
        "settings": asked.settings,
        "hidden": [*asked.form.given.items(), *asked.settings.items(), ("country", country)],
        "country": country,
        "day": asked.day,
        "verdict": found.verdict,
        "expires_on": found.expires_on,
        "lines": lines[:SHOWN_REASONS],
        "more": max(len(lines) - SHOWN_REASONS, 0),
        "documents": found.documents.to_pylist(),
        "lacking": _lacking(missing),
        "titles": {item["document"]: item["title"] for item in found.documents.to_pylist()},
        "rows_missing": [path.removeprefix(ROW) for path in missing if path.startswith(ROW)],
        "flags": [note for note in found.flags if note.code not in ("unverified", "contradiction")],
        "address": asked.address(),
        "charges": any(
            rule.effect == "charge" and rule.jurisdiction == country for rule in asked.rule_set.rows
        ),
    }
    return page(request, "trade_reasons.html", context)


def _lacking(missing: Iterable[str]) -> list[dict[str, str]]:
    """Facts that would tell more, each with the control that takes it."""
    found = []
    for path in missing:
        if path.startswith(ROW):
            continue
        if path.startswith(EVIDENCE):
            found.append({"name": path, "label": path.removeprefix(EVIDENCE), "kind": "truth"})
        elif path in machine_form.FIELDS:
            kinds = {"road_vehicle": "truth", "build_date": "date"}
            found.append({"name": path, "label": path, "kind": kinds.get(path, "text")})
        elif "." not in path:
            found.append({"name": FACT + path, "label": path, "kind": "text"})
    return found


@router.post("/trade/eligibility")
async def keep(request: Request) -> Response:
    """Make the answer a finding: the machine becomes evidence, the method runs as any other."""
    form = (await page_form(request)).form
    params = [(name, values[-1]) for name, values in form.fields.items()]
    asked = await run_in_threadpool(Asked, request, params)
    if asked.form.machine is None:
        raise BadInput("the machine is not described", where="machine", right="go back and correct it")
    parameters: dict[str, Any] = {"country": form.text("country"), "shipment_date": asked.day.isoformat()}
    if asked.known_on is not None:
        parameters["known_on"] = asked.known_on.isoformat()
    job = await run_in_threadpool(submitted, request, METHOD, asked.form.document, parameters, asked.rules)
    return await started(request, job)


def submitted(
    request: Request,
    method: str,
    document: Any,
    parameters: dict[str, Any],
    rules: str,
    name: str = "machine.json",
    more: Sequence[str] = (),
) -> JobRow:
    """Keep a document as evidence and run a method on it, and on what is here already (`more`); the job.

    With own rows the rows themselves become a parameter, so that the finding can be made again anywhere.
    """
    workspace = workspace_of(request)
    capture = Capture(file=name, source="typed into a form of this workspace")
    evidence = workspace.evidence.add(io.BytesIO(jsonio.canonical(document)), name, capture)
    if rules == OWN and workspace.rules.own().rows:
        parameters = {**parameters, "rules": workspace.rules.book().rules.json()}
    return workspace.submit_run(method, [evidence.sha256, *more], parameters)
