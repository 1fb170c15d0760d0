"""Picture of a load plan: each container drawn in space, and from above with its centre of gravity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from recore.trade.loading.cargo import Item
from recore.trade.loading.plan import Loaded, Shipment
from recore.trade.loading.space import Floats, Ints
from recore.trade.loading.tables import PALETTE, colour, label

DRAWN = 4
BOXES = 1500
LABELS = 24
WIDTH = 680
# screen direction of the three edges: along the length to the right and nearer, across to the right and away
_ALONG, _ACROSS = math.radians(14), math.radians(38)
_SCREEN = np.array(
    [
        [math.cos(_ALONG), -math.sin(_ALONG)],
        [0.8 * math.cos(_ACROSS), 0.8 * math.sin(_ACROSS)],
        [0.0, 1.0],
    ]
)
_INK, _LINE, _MARK, _PAPER = "#333333", "#8b97a3", "#b3402a", "#ffffff"
# shade of the three faces that are seen: top, near side, door end
_FACES = (
    (((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)), 1.12),
    (((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)), 1.0),
    (((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)), 0.8),
)


def draw(shipment: Shipment, items: Sequence[Item]) -> dict[str, Any]:
    """Vega-Lite specification; at most four containers, the rest is in the tables."""
    drawn = shipment.loaded[:DRAWN]
    used = sorted({int(k) for one in drawn for k in one.load.item})
    charts: list[dict[str, Any]] = []
    for one in drawn:
        charts += [_in_space(one, items, used), _from_above(one, items)]
    more = len(shipment.loaded) - DRAWN
    title = "Load plan" + (f", the first {DRAWN} of {len(shipment.loaded)} containers" if more > 0 else "")
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": title, "anchor": "start"},
        "vconcat": charts,
        "resolve": {"scale": {"color": "shared"}},
        "config": {"view": {"stroke": None}},
    }


def _in_space(one: Loaded, items: Sequence[Item], used: Sequence[int]) -> dict[str, Any]:
    faces: list[dict[str, Any]] = []
    order = _back_to_front(one.load.box)
    shown = order if len(order) <= BOXES else order[-BOXES:]
    for n in shown.tolist():
        k = int(one.load.item[n])
        faces += _faces(one.load.box[n], colour(k), items[k].id, len(faces) // 4)
    texts = _labels(one, shown, items) if len(shown) <= LABELS else []
    outline = _outline(one)
    points = np.array([[p["u"], p["v"]] for p in (*faces, *outline)])
    low, high = points.min(axis=0), points.max(axis=0)
    pad = 0.02 * (high[0] - low[0])
    span = high - low + 2 * pad
    axes = {
        axis: {
            "field": axis,
            "type": "quantitative",
            "axis": None,
            "scale": {"domain": [float(low[i] - pad), float(high[i] + pad)], "nice": False, "zero": False},
        }
        for i, axis in enumerate(("u", "v"))
    }
    across = {"x": axes["u"], "y": axes["v"]}
    behind = [p for p in outline if p["behind"]]
    before = [p for p in outline if not p["behind"]]
    lines = {"type": "line", "color": _LINE, "strokeWidth": 1, "strokeDash": [4, 3]}
    path = across | {"order": {"field": "i"}, "detail": {"field": "edge"}}
    layers: list[dict[str, Any]] = [
        {"data": {"values": behind}, "mark": lines, "encoding": path},
        {
            "data": {"values": faces},
            "mark": {"type": "line", "interpolate": "linear-closed", "strokeWidth": 0.7, "stroke": _PAPER},
            "encoding": across
            | {
                "detail": {"field": "face"},
                "order": {"field": "i"},
                "fill": {"field": "colour", "type": "nominal", "scale": None},
                "tooltip": [{"field": "item"}],
            },
        },
        {"data": {"values": before}, "mark": lines, "encoding": path},
        {
            "data": {"values": texts},
            "mark": {"type": "text", "fontSize": 11, "fontWeight": "bold", "fill": _PAPER, "angle": 14},
            "encoding": across | {"text": {"field": "text"}},
        },
        _legend(used, items),
    ]
    if one.cog is not None:
        u, v = _at(one.cog)
        layers.append(
            {
                "data": {"values": [{"u": u, "v": v, "what": "centre of gravity"}]},
                "mark": {"type": "point", "shape": "cross", "size": 160, "fill": _MARK, "stroke": _PAPER},
                "encoding": across | {"tooltip": [{"field": "what"}]},
            }
        )
    return {
        "title": {"text": _headline(one), "anchor": "start", "fontWeight": "normal"},
        "width": WIDTH,
        "height": round(WIDTH * float(span[1] / span[0])),
        "layer": layers,
    }


def _labels(one: Loaded, order: Ints, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The name of each piece on its near side or its top, where that is not covered."""
    box = one.load.box[order]
    spans = [_shadow(box[:, :3], box[:, :3] + box[:, 3:], axis) for axis in range(3)]
    texts = []
    for at, n in enumerate(order.tolist()):
        x, y, z, dx, dy, dz = one.load.box[n].tolist()
        for point in ((x + dx / 2, y, z + dz / 2), (x + dx / 2, y + dy / 2, z + dz)):
            u, v = _at(point)
            covered = np.ones(len(box) - at - 1, bool)
            for axis, span in enumerate(spans):
                across = float(np.dot((u, v), (-_SCREEN[axis, 1], _SCREEN[axis, 0])))
                covered &= (span[at + 1 :, 0] < across) & (across < span[at + 1 :, 1])
            if dx > 0.05 * one.room.length and not covered.any():
                texts.append({"u": u, "v": v, "text": _short(items[int(one.load.item[n])].id)})
                break
    return texts


def _headline(one: Loaded) -> str:
    parts = [
        label(one),
        f"{len(one.load)} pieces",
        f"fill {100 * one.fill:.1f} %",
        f"VGM {one.vgm_kg:,.0f} kg",
        "legal" if one.verdicts.legal else "NOT legal",
    ]
    if one.over_width_mm:
        parts.append(f"over-width {one.over_width_mm} mm")
    if one.over_height_mm:
        parts.append(f"over-height {one.over_height_mm} mm")
    return " · ".join(parts)


def _legend(used: Sequence[int], items: Sequence[Item]) -> dict[str, Any]:
    """Items and colours, carried by marks that are not seen; with more items than colours none."""
    shown = used if len(used) <= len(PALETTE) else []
    names = [items[k].id for k in shown]
    return {
        "data": {"values": [{"item": name} for name in names]},
        "mark": {"type": "point", "opacity": 0, "filled": True, "shape": "square"},
        "encoding": {
            "color": {
                "field": "item",
                "type": "nominal",
                "title": None,
                "scale": {"domain": names, "range": [colour(k) for k in shown]},
                "legend": {"orient": "bottom", "symbolOpacity": 1, "columns": 6, "labelLimit": 140},
            }
        },
    }


def _at(point: Sequence[float] | Floats) -> tuple[float, float]:
    u, v = np.asarray(point, float) @ _SCREEN
    return float(u), float(v)


def _faces(box: Ints, base: str, item: str, first: int) -> list[dict[str, Any]]:
    rows = []
    low, size = box[:3], box[3:]
    for number, (corners, shade) in enumerate(_FACES):
        tone = _shaded(base, shade)
        for i, corner in enumerate(corners):
            u, v = _at(low + np.array(corner) * size)
            rows.append(
                {"u": u, "v": v, "i": i, "face": f"{first + number:06d}", "colour": tone, "item": item}
            )
    return rows


def _shaded(base: str, shade: float) -> str:
    channels = (int(base[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{min(255, round(channel * shade)):02x}" for channel in channels)


def _outline(one: Loaded) -> list[dict[str, Any]]:
    """Edges of the room: those behind the cargo and those before it."""
    size = np.array([one.room.length, one.room.width, one.room.height])
    corners = [np.array([i & 1, i >> 1 & 1, i >> 2 & 1]) for i in range(8)]
    rows = []
    for a in range(8):
        for axis in range(3):
            if corners[a][axis]:
                continue
            end = corners[a].copy()
            end[axis] = 1
            if one.room.open_sides and (corners[a][2] or end[2]) and axis == 0:
                # a flat rack has no edges above its floor but the end walls
                continue
            behind = not (
                (corners[a][1] == 0 and end[1] == 0) or (corners[a][0] == 1 and end[0] == 1)
            ) or bool(corners[a][2] == 0 and end[2] == 0 and axis == 1 and corners[a][0] == 0)
            for i, corner in enumerate((corners[a], end)):
                u, v = _at(corner * size)
                rows.append({"u": u, "v": v, "i": i, "edge": f"{a}{axis}", "behind": behind})
    return rows


def _back_to_front(box: Ints) -> Ints:
    """Order of drawing: a box that covers another on the screen is drawn after it."""
    n = len(box)
    low, high = box[:, :3], box[:, :3] + box[:, 3:]
    depth = (low[:, 0] + high[:, 0]) - (low[:, 1] + high[:, 1]) + (low[:, 2] + high[:, 2])
    order = np.argsort(depth, kind="stable")
    if n > 400:
        return order
    spans = [_shadow(low, high, axis) for axis in range(3)]
    after: list[list[int]] = [[] for _ in range(n)]
    waits = np.zeros(n, int)
    for i in range(n):
        for j in range(i + 1, n):
            if all(s[i, 0] < s[j, 1] - 1e-6 and s[j, 0] < s[i, 1] - 1e-6 for s in spans):
                behind = _behind(low, high, i, j)
                if behind is not None:
                    first, second = (i, j) if behind else (j, i)
                    after[first].append(second)
                    waits[second] += 1
    done: list[int] = []
    ready = [int(i) for i in order if not waits[i]]
    while ready:
        i = ready.pop(0)
        done.append(i)
        for j in after[i]:
            waits[j] -= 1
            if not waits[j]:
                ready.append(j)
    return np.array(done if len(done) == n else order, np.int64)


def _shadow(low: Ints, high: Ints, axis: int) -> Floats:
    """Extent of each box across the screen direction of one axis."""
    along = _SCREEN[axis]
    normal = np.array([-along[1], along[0]])
    weight = _SCREEN @ normal
    a, b = low * weight, high * weight
    return np.stack([np.minimum(a, b).sum(axis=1), np.maximum(a, b).sum(axis=1)], axis=1)


def _behind(low: Ints, high: Ints, i: int, j: int) -> bool | None:
    if high[i, 0] <= low[j, 0] or low[i, 1] >= high[j, 1] or high[i, 2] <= low[j, 2]:
        return True
    if high[j, 0] <= low[i, 0] or low[j, 1] >= high[i, 1] or high[j, 2] <= low[i, 2]:
        return False
    return None


def _from_above(one: Loaded, items: Sequence[Item]) -> dict[str, Any]:
    room = one.room
    order = np.argsort(one.load.box[:, 2], kind="stable")
    rows = [
        {
            "x": x, "x2": x + dx, "y": y, "y2": y + dy, "colour": colour(k), "item": items[k].id,
            "mass_kg": items[k].mass_kg, "z": z,
        }
        for (x, y, z, dx, dy, _), k in zip(
            one.load.box[order].tolist(), one.load.item[order].tolist(), strict=True
        )
    ][-BOXES:]  # fmt: skip
    y_low = min([0, *(row["y"] for row in rows)])
    y_high = max([room.width, *(row["y2"] for row in rows)])
    x_axis = {
        "field": "x",
        "type": "quantitative",
        "title": "length from the front wall [mm]",
        "scale": {"domain": [0, room.length], "nice": False},
        "axis": {"grid": False, "tickCount": 7},
    }
    y_axis = {
        "field": "y",
        "type": "quantitative",
        "title": "across [mm]",
        "scale": {"domain": [y_low, y_high], "nice": False},
        "axis": {"grid": False, "tickCount": 4},
    }
    ends = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    rect = {"x": x_axis, "y": y_axis, **ends}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": [{"x": 0, "x2": room.length, "y": 0, "y2": room.width}]},
            "mark": {"type": "rect", "fill": "#f3f4f6", "stroke": _INK},
            "encoding": rect,
        },
        {
            "data": {"values": rows},
            "mark": {"type": "rect", "stroke": _PAPER, "strokeWidth": 0.7, "fillOpacity": 1},
            "encoding": rect
            | {
                "fill": {"field": "colour", "type": "nominal", "scale": None},
                "tooltip": [{"field": name} for name in ("item", "mass_kg", "x", "y", "z")],
            },
        },
    ]
    if one.cog is not None:
        x, y, _ = one.cog
        if room.cog_max_offset is not None:
            a, b = room.cog_max_offset
            window = {
                "x": room.length * (0.5 - a),
                "x2": room.length * (0.5 + a),
                "y": room.width * (0.5 - b),
                "y2": room.width * (0.5 + b),
            }
            layers.append(
                {
                    "data": {"values": [window]},
                    "mark": {"type": "rect", "fill": None, "stroke": _MARK, "strokeDash": [4, 3]},
                    "encoding": rect,
                }
            )
        point = {"x": x_axis | {"field": "x"}, "y": y_axis | {"field": "y"}}
        layers.append(
            {
                "data": {"values": [{"x": x, "y": y, "what": f"centre of gravity at {x:.0f}, {y:.0f} mm"}]},
                "mark": {"type": "point", "shape": "cross", "size": 160, "fill": _MARK, "stroke": _PAPER},
                "encoding": point | {"tooltip": [{"field": "what"}]},
            }
        )
    return {
        "width": WIDTH,
        "height": max(60, round(WIDTH * (y_high - y_low) / room.length)),
        "layer": layers,
    }


def _short(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"
