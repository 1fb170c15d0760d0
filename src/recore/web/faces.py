"""Faces: the list, and the map support × time or support × shear with its picture, legend and cells."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recore.errors import BadInput
from recore.fleet import alarms
from recore.fleet.face import Face
from recore.fleet.tiles import MEASURES, TIME, Tile
from recore.web.face_room import (
    METHOD,
    FaceRoom,
    beside,
    face_row,
    limits_of,
    rules_of,
    table_of,
    titled,
    waited,
)
from recore.web.face_view import View, iso, shown
from recore.web.heat import LEFT, PALETTES, TOP, Frame, Mark, heat_svg, legend_svg
from recore.web.language import translations
from recore.web.pages import PER_PAGE, language_of, number_in, page, see
from recore.web.receive import workspace_of
from recore.workspace import FindingRow

router = APIRouter(include_in_schema=False)
PICTURE_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
LEAVES = 65_000  # steps of a cell's number as it is sent


def svg(text: str) -> Response:
    return Response(text, media_type="image/svg+xml", headers={"Content-Security-Policy": PICTURE_POLICY})


def themed(request: Request) -> str:
    return "dark" if request.query_params.get("theme") == "dark" else "light"


def room_of(request: Request) -> FaceRoom:
    """The opened faces of the application."""
    room: FaceRoom = request.app.state.faces
    return room


def opened(request: Request, key: str) -> tuple[FindingRow, Face | float]:
    row = face_row(workspace_of(request), key)
    return row, room_of(request).open(row)


def ready(request: Request, key: str) -> tuple[FindingRow, Face]:
    """A face for a picture or for cells.

    Raises
    ------
    BadInput : it is still being prepared
    """
    row, face = opened(request, key)
    if not isinstance(face, Face):
        raise BadInput("the face is being prepared", where=key[:12], right="try again in a few seconds")
    return row, face


def waiting(request: Request, row: FindingRow, share: float) -> Response:
    context = {"face": titled(workspace_of(request), row), "percent": waited(share)}
    return page(request, "face_wait.html", context, status=202)


@router.get("/faces")
def faces(request: Request) -> Response:
    workspace, offset = workspace_of(request), number_in(request, "offset")
    rows = workspace.findings.list(method=METHOD, limit=PER_PAGE, offset=offset)
    context = {
        "rows": [titled(workspace, row) for row in rows],
        "offset": offset,
        "size": PER_PAGE,
        "live": getattr(request.app.state, "live", None) is not None,
        "plans": workspace.findings.list(method="support.plan", limit=10),
    }
    return page(request, "faces.html", context)


@router.get("/faces/{key}")
def face(request: Request, key: str) -> Response:
    row, found = opened(request, key)
    if not isinstance(found, Face):
        return waiting(request, row, found)
    workspace = workspace_of(request)
    limits = limits_of(row)
    view = View.read(request, found)
    tile = view.tile(found)
    rules = rules_of(workspace)
    standing = [a for a in room_of(request).alarms(found, rules, limits) if a.verdict.value == "fail"]
    span = found.tiles.span(view.axis)
    context = {
        **common(request, row, found),
        "view": view,
        "tile": tile,
        "query": view.query(),
        "steps": view.steps(found),
        "measures": [m.name for m in found.tiles.measures if view.axis == TIME or m.name != "idle"],
        "axes": list(found.tiles.about["axes"]),
        "pressure": MEASURES[view.measure].pressure,
        "palettes": list(PALETTES),
        "low": iso(view.window[0]) if view.axis == TIME else view.window[0],
        "high": iso(view.window[1]) if view.axis == TIME else view.window[1],
        "said": [shown(edge) if view.axis == TIME else str(edge) for edge in (*view.window, *span)],
        "frame": Frame.of(tile.values.shape, view.width),
        "cell_width": _step_text(tile),
        "standing": alarms.grouped(standing),
        "rules_digest": rules.digest,
        "alarm_digest": alarms.rows(rules).digest,
        "faults": table_of(workspace, beside(workspace, row, "support.diagnose"), "faults", most=40),
        "unit": view.unit(limits),
        "missing": [n for n in MEASURES if n not in found.tiles.about["measures"]],
    }
    return page(request, "face.html", context)


def common(request: Request, row: FindingRow, found: Face) -> dict[str, Any]:
    """What every page of a face says at its head."""
    workspace = workspace_of(request)
    return {
        "key": row.key,
        "face": titled(workspace, row),
        "supports": found.supports,
        "leg_cycles": found.count,
        "span": [shown(edge // 1000) for edge in found.span],
        "limits": limits_of(row),
        "known": rules_of(workspace).known().rows,
    }


def _step_text(tile: Tile) -> tuple[float, str]:
    """Width of a cell: a number and its unit."""
    if tile.axis != TIME:
        return tile.step, "shear"
    for unit, ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if tile.step >= ms:
            return tile.step / ms, unit
    return tile.step / 1000, "s"


@router.get("/faces/{key}/map.svg")
def heat_map(request: Request, key: str) -> Response:
    row, found = ready(request, key)
    limits, view = limits_of(row), View.read(request, found)
    tile = view.scaled(view.tile(found), limits)
    say = translations(language_of(request)).gettext
    words = {"support": say("Support"), "axis": say("Time (UTC)" if view.axis == TIME else "Shear")}
    marks: list[Mark] = []
    if request.query_params.get("zones") == "weighting" and view.axis == TIME:
        marks = zones(
            table_of(
                workspace_of(request), beside(workspace_of(request), row, "support.weighting"), "weighting"
            )
        )
    text = heat_svg(
        tile, view.scale(found, limits), theme=themed(request), words=words, marks=marks, width=view.width
    )
    return svg(text)


def zones(rows: list[dict[str, Any]]) -> list[Mark]:
    """Frames of the weightings over a map in time."""
    marks = []
    for number, row in enumerate(rows[:500]):
        edges = [row.get(name) for name in ("from", "to")]
        if all(hasattr(edge, "timestamp") for edge in edges):
            low, high = (int(edge.timestamp() * 1000) for edge in edges)  # type: ignore[union-attr]
            marks.append(
                Mark((int(row["support_from"]), int(row["support_to"])), (low, high), str(number + 1))
            )
    return marks


@router.get("/faces/{key}/legend.svg")
def legend(request: Request, key: str) -> Response:
    row, found = ready(request, key)
    limits, view = limits_of(row), View.read(request, found)
    say = translations(language_of(request)).gettext
    return svg(
        legend_svg(
            view.scale(found, limits), theme=themed(request), unit=view.unit(limits), nothing=say("no cycle")
        )
    )


@router.get("/faces/{key}/tile.json")
def tile(request: Request, key: str) -> Response:
    """The cells of a view: numbers in steps of `step` from `low` as little-endian 16-bit, 0 where no cycle stands."""
    row, found = ready(request, key)
    limits, view = limits_of(row), View.read(request, found)
    cells = view.scaled(view.tile(found), limits)
    values = cells.values
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    width = (high - low) / (LEAVES - 1) or 1.0
    sent = np.where(np.isfinite(values), 1 + np.rint((np.nan_to_num(values) - low) / width), 0).astype("<u2")
    frame = Frame.of(values.shape, view.width)
    return JSONResponse(
        {
            "measure": view.measure,
            "axis": view.axis,
            "unit": view.unit(limits),
            "supports": cells.supports.tolist(),
            "first": cells.first,
            "step": cells.step,
            "rows": values.shape[0],
            "columns": values.shape[1],
            "low": low,
            "width": width,
            "cells": base64.b64encode(sent.tobytes()).decode(),
            "frame": {
                "left": LEFT,
                "top": TOP,
                "cell": frame.cell,
                "width": frame.width,
                "height": frame.height,
            },
            "query": view.query(),
            "span": found.tiles.span(view.axis),
        }
    )


@router.get("/faces/{key}/pick")
def pick(request: Request, key: str) -> Response:
    """The support under a click on the picture, for browsers without JavaScript."""
    _, found = ready(request, key)
    view = View.read(request, found)
    cells = view.tile(found)
    x, y = (number_in(request, name) for name in ("at.x", "at.y"))
    at = Frame.of(cells.values.shape, view.width).cell_at(x, y)
    if at is None:
        return see(f"/faces/{key}?{view.query()}")
    support = int(cells.supports[min(at[0], len(cells.supports) - 1)])
    moment = ""
    if view.axis == TIME:
        moment = f"?at={iso(cells.first + at[1] * cells.step)}"
    return see(f"/faces/{key}/supports/{support}{moment}")


@router.get("/faces/{key}/open")
def open_support(request: Request, key: str) -> Response:
    """The card of a support chosen in the form."""
    face_row(workspace_of(request), key)
    return see(f"/faces/{key}/supports/{number_in(request, 'support')}")
