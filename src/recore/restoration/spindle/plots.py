"""Pictures: what each route will leave, and what restoration did."""

from __future__ import annotations

from typing import Any

_INK, _AFTER, _LIMIT, _BEFORE = "#333333", "#1f5f8b", "#b3402a", "#8a8a8a"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def draw_routes(rows: list[dict[str, Any]], limits: dict[str, float], name: str) -> dict[str, Any]:
    """Predicted error motion of each route with its 95 % interval, and the limit."""
    order = list(dict.fromkeys(row["title"] for row in rows))
    y = {"field": "title", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 320}}
    panels = []
    for which in ("synchronous", "asynchronous"):
        values = [row for row in rows if row["result"] == which]
        layers: list[dict[str, Any]] = [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "title": f"{which} error motion [µm], 95 % interval",
                    },
                    "x2": {"field": "high"},
                    "color": {
                        "field": "feasible",
                        "type": "nominal",
                        "scale": {"domain": ["feasible", "not feasible"], "range": [_AFTER, _BEFORE]},
                        "title": None,
                    },
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "y": y,
                    "x": {"field": "value", "type": "quantitative"},
                    "color": {"field": "feasible", "type": "nominal"},
                },
            },
        ]
        if which in limits:
            layers.append(
                {
                    "data": {"values": [{"limit": limits[which]}]},
                    "mark": {"type": "rule", "color": _LIMIT, "strokeDash": [6, 3]},
                    "encoding": {"x": {"field": "limit", "type": "quantitative"}},
                }
            )
        panels.append({"width": 460, "data": {"values": values}, "layer": layers})
    return {
        "$schema": _SCHEMA,
        "title": {
            "text": f"Routes for {name}",
            "subtitle": "prediction from working shares of tolerances, not a measurement; dashed: limit",
        },
        "vconcat": panels,
    }


def draw_acceptance(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Each test as a share of its limit, before and after, with U."""
    values = []
    for row in rows:
        for when in ("before", "after"):
            value, spread = row[when], row[f"u_{when}"] or 0.0
            if isinstance(value, int | float) and isinstance(row["limit"], int | float) and row["limit"] > 0:
                values.append(
                    {
                        "test": row["test"],
                        "when": when,
                        "share": value / row["limit"],
                        "low": (value - spread) / row["limit"],
                        "high": (value + spread) / row["limit"],
                        "text": f"{value:.4g} ± {spread:.2g} {row['unit']}",
                    }
                )
    y = {"field": "test", "type": "nominal", "title": None, "axis": {"labelLimit": 320}}
    colour = {
        "field": "when",
        "type": "nominal",
        "scale": {"domain": ["before", "after"], "range": [_BEFORE, _AFTER]},
        "title": None,
    }
    offset = {"field": "when", "sort": ["before", "after"]}
    return {
        "$schema": _SCHEMA,
        "width": 460,
        "height": {"step": 26},
        "data": {"values": values},
        "title": {
            "text": f"Acceptance of {name}",
            "subtitle": "measured value over its limit, with U (k = 2)",
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "yOffset": offset,
                    "x": {"field": "low", "type": "quantitative", "title": "value / limit [1]"},
                    "x2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {
                    "y": y,
                    "yOffset": offset,
                    "x": {"field": "share", "type": "quantitative"},
                    "color": colour,
                    "tooltip": [{"field": "text", "title": "measured"}],
                },
            },
            {
                "data": {"values": [{"one": 1}]},
                "mark": {"type": "rule", "color": _LIMIT, "strokeDash": [6, 3]},
                "encoding": {"x": {"field": "one", "type": "quantitative"}},
            },
        ],
    }
