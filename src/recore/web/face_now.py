"""A face at a moment: bars of all legs, alarms, the report of weightings, and the live state."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from recore.errors import BadInput
from recore.fleet import alarms
from recore.fleet.face import BARS, Face
from recore.fleet.state import FILE, LegState, read_state
from recore.rules import RuleSet
from recore.web.face_plots import bars_svg
from recore.web.face_room import beside, face_row, limits_of, rules_of, table_of
from recore.web.face_support import _at, _micros, levels_of
from recore.web.face_view import View, iso
from recore.web.faces import common, opened, ready, room_of, svg, themed, waiting
from recore.web.language import translations
from recore.web.pages import language_of, page
from recore.web.receive import workspace_of
from recore.workspace import NotFound

router = APIRouter(include_in_schema=False)
SHOWN_LEGS = 240
FRESH_S = 60.0
LOOK_EVERY_S, STREAM_S = 1.0, 600.0


@router.get("/faces/live")
def live(request: Request) -> Response:
    folder = _live_folder(request)
    try:
        state, problem = read_state(folder), ""
    except BadInput as error:
        state, problem = [], str(error)
    now = datetime.now(UTC)
    newest = max((leg.ts for leg in state), default=None)
    context = {
        "problem": problem,
        "state": state[:SHOWN_LEGS],
        "more": max(len(state) - SHOWN_LEGS, 0),
        "newest": newest,
        "age_s": None if newest is None else (now - newest).total_seconds(),
        "fresh_s": FRESH_S,
        "now": now,
        "old": sum((now - leg.ts).total_seconds() > FRESH_S for leg in state),
        "states": _counted(state),
        "nan": math.isnan,
        "stamp": _stamp(folder),
    }
    return page(request, "face_live.html", context)


def _live_folder(request: Request) -> Path:
    folder: Path | None = getattr(request.app.state, "live", None)
    if folder is None:
        raise NotFound(
            "no live face is served",
            right="start the server with `recore serve --live DIR`, DIR as `recore fleet live` writes",
        )
    return folder


def _counted(state: list[LegState]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for leg in state:
        counts[leg.state or "?"] = counts.get(leg.state or "?", 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1])[:8])


def _stamp(folder: Path) -> str:
    """What changes whenever the state is replaced."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns}-{found.st_ino}"


@router.get("/faces/live/bars.svg")
def live_bars(request: Request) -> Response:
    state = read_state(_live_folder(request))
    now = datetime.now(UTC)
    say = translations(language_of(request)).gettext
    text = bars_svg(
        np.array([leg.support for leg in state], np.int64),
        np.array([leg.leg for leg in state], np.int64),
        np.array([leg.pressure_mpa for leg in state], float),
        marked=np.array([(now - leg.ts).total_seconds() > FRESH_S for leg in state], bool),
        levels=[],
        unit="MPa",
        theme=themed(request),
        words={"axis": say("Support")},
    )
    return svg(text)


@router.get("/faces/live/events")
async def live_events(request: Request) -> Response:
    folder = _live_folder(request)
    return StreamingResponse(
        _events(folder), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _events(folder: Path) -> AsyncIterator[str]:
    until, seen = time.monotonic() + STREAM_S, None
    while time.monotonic() < until:
        stamp = await run_in_threadpool(_stamp, folder)
        if stamp != seen:
            seen = stamp
            try:
                state = await run_in_threadpool(read_state, folder)
                newest = max((leg.ts for leg in state), default=None)
                told: dict[str, Any] = {
                    "stamp": stamp,
                    "legs": len(state),
                    "newest": newest.isoformat() if newest else None,
                    "states": _counted(state),
                }
            except BadInput as error:
                told = {"stamp": stamp, "problem": str(error)}
            yield f"event: state\ndata: {json.dumps(told)}\n\n"
        await asyncio.sleep(LOOK_EVERY_S)


@router.get("/faces/{key}/bars")
def bars(request: Request, key: str) -> Response:
    row, found = opened(request, key)
    if not isinstance(found, Face):
        return waiting(request, row, found)
    at = _at(request, found)
    newest = found.newest(at)
    limits = limits_of(row)
    flagged = [a for a in _standing(request, found, limits) if a.verdict.value == "fail"]
    released = _released(newest, at)
    context = {
        **common(request, row, found),
        "at": iso(at // 1000),
        "value": _value(request),
        "values": BARS,
        "flags": alarms.grouped(flagged),
        "released": sorted({int(s) for s in newest["support"][released]})[:300],
        "newest_moment": at >= found.span[1] - 1_000_000,
        "legs": sorted({int(leg) for leg in newest["leg"]}),
    }
    return page(request, "face_bars.html", context)


def _value(request: Request) -> str:
    word = request.query_params.get("value") or "twap_mpa"
    if word not in BARS:
        raise BadInput(f"{word!r:.40}", where="?value=", right=f"one of {', '.join(BARS)}")
    return word


def _released(newest: dict[str, Any], at: int) -> Any:
    """Legs that stood between two complete cycles at the moment."""
    between: Any = (newest["end"] >= 0) & (newest["end"] <= at) & (newest["next"] > at)
    return between


def _standing(request: Request, found: Face, limits: dict[str, float]) -> list[alarms.Alarm]:
    return room_of(request).alarms(found, rules_of(workspace_of(request)), limits)


@router.get("/faces/{key}/bars.svg")
def bars_picture(request: Request, key: str) -> Response:
    row, found = ready(request, key)
    at = _at(request, found)
    newest, limits = found.newest(at), limits_of(row)
    say = translations(language_of(request)).gettext
    marked = np.zeros(len(newest["support"]), bool)
    if at >= found.span[1] - 1_000_000:
        raised = {a.support for a in _standing(request, found, limits) if a.raised}
        marked = np.isin(newest["support"], list(raised))
    text = bars_svg(
        newest["support"],
        newest["leg"],
        np.asarray(newest[_value(request)], float),
        marked=marked,
        levels=levels_of(limits, say),
        unit="MPa",
        theme=themed(request),
        words={"axis": say("Support")},
    )
    return svg(text)


@router.get("/faces/{key}/alarms")
def alarm_page(request: Request, key: str) -> Response:
    row, found = opened(request, key)
    if not isinstance(found, Face):
        return waiting(request, row, found)
    workspace = workspace_of(request)
    rules = rules_of(workspace)
    judged = _standing(request, found, limits_of(row))
    standing = [a for a in judged if a.verdict.value == "fail"]
    unknown = alarms.grouped([a for a in judged if a.verdict.value == "unknown"])
    wanted = alarms.rows(rules)
    context = {
        **common(request, row, found),
        "standing": alarms.grouped(standing),
        "unknown": unknown,
        "rows": wanted.rows,
        "counts": {
            rule.rule_id: sum(a.rule.rule_id == rule.rule_id for a in standing) for rule in wanted.rows
        },
        "rules_digest": rules.digest,
        "alarm_digest": wanted.digest,
        "signed": signed_statement(request, rules),
        "own": len(workspace.rules.own().rows),
    }
    return page(request, "face_alarms.html", context)


def signed_statement(request: Request, rules: RuleSet) -> dict[str, Any] | None:
    """What a signed statement that the server was given says about the alarm rows in use; None where it has none.

    It may speak of the alarm rows alone or of a larger set; each alarm row in use must be signed, and every row it
    names must be here unchanged.
    """
    path: Path | None = getattr(request.app.state, "signed_rules", None)
    if path is None:
        return None
    from recore.passport import verify_rules
    from recore.passport.rule_statement import read_statement

    try:
        data = path.read_bytes()[: 8 * 2**20]
        statement, _ = read_statement(data, where=path.name)
        signed = {row.rule_id for row in statement.rows}
        spoken_of = RuleSet(r for r in rules.rows if r.domain == alarms.DOMAIN or r.rule_id in signed)
        checks = verify_rules(data, spoken_of, now=datetime.now(UTC), where=path.name)
    except (OSError, BadInput) as error:
        return {"ok": False, "issuer": "", "digest": "", "checks": [], "problem": str(error)}
    return {
        "ok": all(check.ok for check in checks),
        "issuer": statement.issuer,
        "digest": statement.digest,
        "checks": checks,
        "problem": "",
    }


@router.get("/faces/{key}/weighting")
def weighting(request: Request, key: str) -> Response:
    workspace = workspace_of(request)
    face_row(workspace, key)
    row, found = opened(request, key)
    if not isinstance(found, Face):
        return waiting(request, row, found)
    report = beside(workspace, row, "support.weighting")
    zones = table_of(workspace, report, "weighting", most=500)
    view = View.read(request, found)
    context = {
        **common(request, row, found),
        "report": report,
        "results": report.finding.results if report else {},
        "parameters": report.finding.parameters if report else {},
        "zones": zones,
        "view": view,
        "query": view.query(axis="time") if view.axis == "time" else "",
        "flags": report.finding.flags if report else (),
        "refusals": report.finding.refusals if report else (),
        "micros": _micros,
        "evidence": [item["sha256"] for item in row.finding.evidence],
    }
    return page(request, "face_weighting.html", context)
