"""One support: its card, the trend of its cycles, and the raw record of one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from recore.fleet import alarms
from recore.fleet.face import Face
from recore.fleet.raw import Record, record
from recore.fleet.tiles import MEASURES
from recore.web.face_plots import Level, Point, record_svg, trend_svg
from recore.web.face_room import beside, limits_of, rules_of, table_of
from recore.web.face_view import iso
from recore.web.faces import common, opened, ready, svg, themed, waiting
from recore.web.language import translations
from recore.web.pages import language_of, page
from recore.web.receive import workspace_of
from recore.workspace import FindingRow, NotFound, Workspace

router = APIRouter(include_in_schema=False)
DAY_US = 86_400_000_000
SHOWN_CYCLES, SHOWN_NOTES, ALARM_CYCLES = 30, 40, 40
AROUND_US = 180_000_000
MOST_RECORD_US = 3 * DAY_US
TRENDS = ("setting_mpa", "twap_mpa", "final_mpa")
MOMENTS = {
    "start": "A",
    "setting": "S",
    "revised": "R",
    "opened": "Y",
    "reseated": "r",
    "final": "F",
    "end": "E",
}


def _at(request: Request, found: Face) -> int:
    """The moment that a card looks back from [µs]: of the address, or the end of the record."""
    from recore.web.face_view import _moment

    low, high = found.span
    return min(max(_moment(request.query_params, "at", high // 1000) * 1000, low), high)


@router.get("/faces/{key}/supports/{support}")
def card(request: Request, key: str, support: int) -> Response:
    row, found = opened(request, key)
    if not isinstance(found, Face):
        return waiting(request, row, found)
    workspace = workspace_of(request)
    legs = _legs(found, support)
    at = _at(request, found)
    begin = max(at - 7 * DAY_US, found.span[0])
    end = max(at, begin + DAY_US)
    cycles = found.cycles(support, window=(begin, end + 1))
    newest = sorted(cycles.to_pylist(), key=lambda one: (one["start"], one["leg"]), reverse=True)
    limits = limits_of(row)
    recent = cycles.take(np.argsort(cycles["start"].to_numpy(), kind="stable")[-ALARM_CYCLES:])
    raised = alarms.history(
        recent, found.support_cycles(support), rules_of(workspace), limits, leg_count=len(legs)
    )
    risk = beside(workspace, row, "support.risk")
    diagnosis = beside(workspace, row, "support.diagnose")
    numbers = found.supports
    place = numbers.index(support)
    context = {
        **common(request, row, found),
        "support": support,
        "legs": legs,
        "neighbours": (
            numbers[place - 1] if place else None,
            numbers[place + 1] if place + 1 < len(numbers) else None,
        ),
        "at": iso(at // 1000),
        "begin": iso(begin // 1000),
        "told": _told(found, support, limits),
        "cycles": newest[:SHOWN_CYCLES],
        "cycle_count": cycles.num_rows,
        "more_cycles": max(len(newest) - SHOWN_CYCLES, 0),
        "alarms": raised[:SHOWN_NOTES],
        "diagnosis": diagnosis.key if diagnosis else "",
        "faults": [f for f in table_of(workspace, diagnosis, "faults") if f.get("support") == support],
        "quality": [q for q in table_of(workspace, row, "quality") if q.get("support") == support][
            :SHOWN_NOTES
        ],
        "risk": risk.key if risk else "",
        "risks": [r for r in table_of(workspace, risk, "risk") if r.get("support") == support][:4],
        "micros": _micros,
    }
    return page(request, "face_support.html", context)


def _legs(found: Face, support: int) -> list[int]:
    if support not in found.supports:
        raise NotFound(f"no support {support}", right=f"one of {found.supports[0]} to {found.supports[-1]}")
    return found.legs(support)


def _told(found: Face, support: int, limits: dict[str, float]) -> list[dict[str, Any]]:
    """Mean of each measure over the whole record, beside the median of the face."""
    place = found.supports.index(support)
    told = []
    for measure in found.tiles.measures:
        means = found.tiles.means(measure.name)
        own, known = means[place], [value for value in means if value is not None]
        row = {
            "name": measure.name,
            "unit": "" if measure.unit == "1" else measure.unit,
            "own": own,
            "face": float(np.median(known)) if known else None,
        }
        if measure.name == "twap_mpa" and own is not None and "yield_mpa" in limits:
            row["share"] = own / limits["yield_mpa"]
        told.append(row)
    return told


def _micros(when: Any) -> int:
    return int(np.datetime64(when.replace(tzinfo=None), "us").astype(np.int64))


@router.get("/faces/{key}/supports/{support}/trend.svg")
def trend(request: Request, key: str, support: int) -> Response:
    row, found = ready(request, key)
    _legs(found, support)
    at = _at(request, found)
    begin = max(at - 7 * DAY_US, found.span[0])
    cycles = found.cycles(support, window=(begin, max(at, begin + DAY_US) + 1))
    say = translations(language_of(request)).gettext
    limits, workspace = limits_of(row), workspace_of(request)
    names = [name for name in TRENDS if name in cycles.column_names]
    if not cycles.num_rows:
        raise NotFound("no cycle within", where=f"support {support}")
    faults = table_of(workspace, beside(workspace, row, "support.diagnose"), "faults")
    shades = [
        (_micros(f["from"]), _micros(f["to"]), str(f["fault"]))
        for f in faults
        if f.get("support") == support and all(isinstance(f.get(n), datetime) for n in ("from", "to"))
    ]
    text = trend_svg(
        cycles["start"].cast("int64").to_numpy(),
        cycles["leg"].to_numpy(),
        {name: np.asarray(cycles[name].to_numpy(), float) for name in names},
        levels=levels_of(limits, say),
        shades=shades[:20],
        theme=themed(request),
        words={"axis": say("Time (UTC)")},
    )
    return svg(text)


def levels_of(limits: dict[str, float], say: Any) -> list[Level]:
    """Lines of the stated pressures."""
    words = {"yield_mpa": say("yield pressure"), "rated_setting_mpa": say("rated setting pressure")}
    return [Level(limits[name], word) for name, word in words.items() if name in limits]


def _cycle(request: Request, found: Face, support: int) -> dict[str, Any]:
    """The leg cycle that the address names by leg and start [µs]."""
    asked = request.query_params
    leg, start = asked.get("leg", ""), asked.get("start", "")
    if not (leg.isdecimal() and start.lstrip("-").isdecimal() and len(leg) < 6 and len(start) < 20):
        raise NotFound("no such cycle", where="?leg=&start=", right="follow a link of the support's card")
    moment = int(start)
    rows = found.cycles(support, int(leg), window=(moment, moment + 1)).to_pylist()
    if not rows:
        raise NotFound(
            "no such cycle",
            where=f"support {support}, leg {leg}",
            right="follow a link of the support's card",
        )
    return dict(rows[0])


def _window(cycle: dict[str, Any]) -> tuple[int, int]:
    low, high = _micros(cycle["start"]) - AROUND_US, _micros(cycle["end"]) + AROUND_US
    return low, min(high, low + MOST_RECORD_US)


def _record(workspace: Workspace, row: FindingRow, support: int, window: tuple[int, int]) -> Record:
    files = []
    missing = []
    for item in row.finding.evidence:
        try:
            files.append(workspace.evidence.open(item["sha256"]))
        except NotFound:
            missing.append(f"{item['name']}: is not in this workspace")
    found = record(files, support, window)
    found.unread += missing
    return found


@router.get("/faces/{key}/supports/{support}/cycle")
def inspector(request: Request, key: str, support: int) -> Response:
    row, found = opened(request, key)
    if not isinstance(found, Face):
        return waiting(request, row, found)
    workspace = workspace_of(request)
    _legs(found, support)
    cycle = _cycle(request, found, support)
    start = _micros(cycle["start"])
    around = found.cycles(support, cycle["leg"], window=(start - 2 * DAY_US, start + 2 * DAY_US))
    starts = around["start"].cast("int64").to_pylist()
    place = starts.index(start)
    raw = _record(workspace, row, support, _window(cycle))
    context = {
        **common(request, row, found),
        "support": support,
        "cycle": cycle,
        "start": start,
        "before": starts[place - 1] if place else None,
        "after": starts[place + 1] if place + 1 < len(starts) else None,
        "other_legs": [leg for leg in raw.legs if leg != cycle["leg"]],
        "samples": {leg: len(ts) for leg, (ts, _) in raw.legs.items()},
        "unread": raw.unread[:20],
        "rows_read": raw.rows_read,
        "points": points_of(workspace, row, support, cycle),
        "moments": MOMENTS,
        "evidence": row.finding.evidence[:50],
        "minutes": (cycle["end"] - cycle["start"]).total_seconds() / 60,
        "units": {name: "" if m.unit == "1" else m.unit for name, m in MEASURES.items()},
    }
    return page(request, "face_cycle.html", context)


@router.get("/faces/{key}/supports/{support}/record.svg")
def raw_record(request: Request, key: str, support: int) -> Response:
    row, found = ready(request, key)
    _legs(found, support)
    cycle = _cycle(request, found, support)
    workspace = workspace_of(request)
    window = _window(cycle)
    say = translations(language_of(request)).gettext
    limits = limits_of(row)
    levels = levels_of(limits, say)
    for name, word in (
        ("set_threshold_mpa", say("set threshold")),
        ("release_threshold_mpa", say("release threshold")),
    ):
        if name in limits:
            levels.append(Level(limits[name], word))
    text = record_svg(
        _record(workspace, row, support, window).legs,
        window=window,
        levels=levels,
        points=points_of(workspace, row, support, cycle),
        theme=themed(request),
        words={"axis": say("Time (UTC)")},
    )
    return svg(text)


def points_of(workspace: Workspace, row: FindingRow, support: int, cycle: dict[str, Any]) -> list[Point]:
    """Marks of a cycle: where it begins and ends, its setting, revised setting, yields and final pressure.

    The setting pressure is drawn in the middle of the 30 s of which it is the highest, the revised one in the middle
    of the half minute of which it is the mean.
    """
    start, end, leg = _micros(cycle["start"]), _micros(cycle["end"]), int(cycle["leg"])
    points = [Point(start + 15_000_000, cycle["setting_mpa"], MOMENTS["setting"], "setting", leg)]
    if cycle.get("revised_mpa") is not None:
        points.append(Point(start + 165_000_000, cycle["revised_mpa"], MOMENTS["revised"], "revised", leg))
    points.append(Point(end, cycle["final_mpa"], MOMENTS["final"], "final", leg))
    for event in _yields(workspace, row, support, leg, cycle["start"]):
        for moment, value in (("opened", "opening_mpa"), ("reseated", "reseat_mpa")):
            if isinstance(event.get(moment), datetime) and event.get(value) is not None:
                points.append(
                    Point(_micros(event[moment]), float(event[value]), MOMENTS[moment], moment, leg)
                )
    return points


def _yields(
    workspace: Workspace, row: FindingRow, support: int, leg: int, start: datetime
) -> list[dict[str, Any]]:
    """Yield events of one cycle, where the finding has a table of them."""
    if "yields.parquet" not in {item["file"] for item in row.finding.artifacts}:
        return []
    import pyarrow.parquet as pq

    wanted = [("support", "=", support), ("leg", "=", leg), ("start", "=", start.astimezone(UTC))]
    found: list[dict[str, Any]] = pq.read_table(
        workspace.findings.artifact(row.key, "yields.parquet").path, filters=wanted
    ).to_pylist()
    return found[:100]
