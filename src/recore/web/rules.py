"""Rule rows: look for them, read one in words with all its versions, see what a country asks."""

from __future__ import annotations

import json
from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from recore.errors import BadInput
from recore.rules import Rule, RuleSet
from recore.rules.predicate import in_words
from recore.web import rule_book
from recore.web.pages import PER_PAGE, day_in, number_in, page
from recore.web.receive import workspace_of
from recore.workspace import NotFound
from recore.workspace.rules import RuleBook

router = APIRouter(include_in_schema=False)
FIELDS = ("q", "jurisdiction", "domain", "effect", "level", "origin")
SHOWN_ALARMS = 8
SHOWN_VECTORS = 60
SIDE_BY_SIDE = 12
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def rule_of(book: RuleBook, rule_id: str, version: int | None = None) -> Rule:
    """A row by its id, in its newest or a given version.

    Raises
    ------
    NotFound : there is none; names the ones near it
    """
    try:
        versions = book.rules.versions(rule_id)
    except BadInput as error:
        raise NotFound(error.what, right=error.right) from None
    if not version:
        return versions[-1]
    for rule in versions:
        if rule.version == version:
            return rule
    raise NotFound(
        f"there is no version {version} of {rule_id!r}", right=f"the newest is {versions[-1].version}"
    )


def download(text: str | bytes, name: str, media_type: str) -> Response:
    """Rows as a file to keep."""
    return Response(
        text, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.get("/rules")
def rules(request: Request) -> Response:
    book, day = workspace_of(request).rules.book(), rule_book.today()
    given = {name: request.query_params.get(name, "").strip()[:200] for name in FIELDS}
    days = {name: day_in(request, name) for name in ("valid_on", "known_on")}
    search = rule_book.Search(**given, valid_on=days["valid_on"], known_on=days["known_on"])
    found, offset = search.found(book), number_in(request, "offset")
    alarms = rule_book.alarms(book, day)
    context = {
        "given": {**given, **{name: value or "" for name, value in days.items()}},
        "counts": rule_book.counts(book.rules),
        "rows": [
            {
                "rule": rule,
                "own": book.is_own(rule),
                "state": rule_book.state_on(rule, search.valid_on or day),
            }
            for rule in found[offset : offset + PER_PAGE]
        ],
        "found": len(found),
        "total": len(book.newest),
        "own": len({rule_id for rule_id, _ in book.own}),
        "offset": offset,
        "size": PER_PAGE,
        "searching": any((*given.values(), *days.values())),
        "alarms": alarms[:SHOWN_ALARMS],
        "more_alarms": max(len(alarms) - SHOWN_ALARMS, 0),
        "hidden": book.hidden,
        "conflicts": len(rule_book.contradictions(book)),
    }
    return page(request, "rules.html", context)


@router.get("/rules/alarms")
def alarms(request: Request) -> Response:
    book = workspace_of(request).rules.book()
    found, offset = rule_book.alarms(book, rule_book.today()), number_in(request, "offset")
    context = {
        "rows": found[offset : offset + PER_PAGE],
        "total": len(found),
        "offset": offset,
        "size": PER_PAGE,
    }
    return page(request, "rule_alarms.html", context)


@router.get("/rules/conflicts")
def conflicts(request: Request) -> Response:
    book, offset = workspace_of(request).rules.book(), number_in(request, "offset")
    pairs = rule_book.contradictions(book)
    context = {
        "pairs": [tuple(map(_in_words, pair)) for pair in pairs[offset : offset + SIDE_BY_SIDE]],
        "total": len(pairs),
        "offset": offset,
        "size": SIDE_BY_SIDE,
    }
    return page(request, "rule_conflicts.html", context)


def _in_words(rule: Rule) -> dict[str, object]:
    concerns = rule.selector.model_dump(exclude_none=True)
    return {
        "rule": rule,
        "condition": in_words(rule.predicate),
        "concerns": [(name, ", ".join(words)) for name, words in concerns.items()],
        "params": [
            (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in rule.params.items()
        ],
        "state": rule_book.state_on(rule, rule_book.today()),
    }


@router.get("/rules/country/{code}")
def country(request: Request, code: str) -> Response:
    book = workspace_of(request).rules.book()
    day = day_in(request, "day") or rule_book.today()
    known = book.rules.known(day_in(request, "known_on"))
    places = rule_book.areas(known, code, day)
    here = [rule for rule in known.rows if rule.jurisdiction in places and rule.jurisdiction != "*"]
    if not here:
        raise NotFound(f"no rule row speaks of {code!r:.40}", right="/rules lists the jurisdictions")
    context = {
        "code": code,
        "day": day,
        "areas": [place for place in places if place not in (code, "*")],
        "asked": rule_book.questions(known, code, day),
        "charges": sorted((r for r in here if r.effect == "charge"), key=rule_book.order_of),
        "documents": [rule for rule in here if rule.effect == "document"],
        "warnings": [rule for rule in here if rule.effect == "warn" and rule.valid_on(day)],
        "total": len(here),
        "own": book.own,
    }
    return page(request, "rule_country.html", context)


@router.get("/rules/own.toml")
def own_toml(request: Request) -> Response:
    return download(workspace_of(request).rules.own().toml(), "rules-own.toml", "application/toml")


@router.get("/rules/own.xlsx")
def own_xlsx(request: Request) -> Response:
    from recore.rules.workbook import workbook

    data = workbook(workspace_of(request).rules.own())
    return download(data, "rules-own.xlsx", XLSX)


@router.get("/rules/{rule_id}/toml")
def toml(request: Request, rule_id: str) -> Response:
    rule = _asked(request, rule_id)
    return download(RuleSet([rule]).toml(), f"{rule.rule_id}.toml", "application/toml")


@router.get("/rules/{rule_id}/json")
def as_json(request: Request, rule_id: str) -> Response:
    rule = _asked(request, rule_id)
    text = json.dumps(rule.json(), ensure_ascii=False, indent=2) + "\n"
    return download(text, f"{rule.rule_id}.json", "application/json")


def _asked(request: Request, rule_id: str) -> Rule:
    return rule_of(workspace_of(request).rules.book(), rule_id, number_in(request, "version"))


@router.get("/rules/{rule_id}")
def rule(request: Request, rule_id: str) -> Response:
    book, day = workspace_of(request).rules.book(), rule_book.today()
    shown = rule_of(book, rule_id, number_in(request, "version"))
    versions = book.rules.versions(rule_id)
    tried = rule_book.tried(shown)
    context = {
        "told": _in_words(shown),
        "rule": shown,
        "newest": versions[-1].version,
        "is_own": book.is_own(shown),
        "versions": [
            {"rule": each, "own": book.is_own(each), "until": _superseded(versions, place)}
            for place, each in reversed(list(enumerate(versions)))
        ],
        "tried": tried[:SHOWN_VECTORS],
        "more": max(len(tried) - SHOWN_VECTORS, 0),
        "kept": sum(one.kept for one in tried),
        "count": len(tried),
        "covers": rule_book.asked_by(book, shown),
        "against": [
            _in_words(other)
            for pair in rule_book.contradictions(book)
            for other in pair
            if shown.rule_id in (pair[0].rule_id, pair[1].rule_id) and other.rule_id != shown.rule_id
        ],
        "alarm": next((a for a in rule_book.alarms(book, day) if a.rule.rule_id == rule_id), None),
        "hidden": (shown.rule_id, shown.version) in book.hidden,
    }
    return page(request, "rule.html", context)


def _superseded(versions: list[Rule], place: int) -> date | None:
    """Day on which a later version was recorded; None where this is the newest."""
    return versions[place + 1].recorded_at if place + 1 < len(versions) else None
