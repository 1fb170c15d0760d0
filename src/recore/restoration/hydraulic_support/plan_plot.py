"""Spend and hours of each period against their limits, and when each support is opened."""

from __future__ import annotations

from typing import Any

_PLAN, _LIMIT = "#1f5f8b", "#b3402a"


def draw_plan(limits: list[dict[str, Any]], openings: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    """Vega-Lite specification."""
    x = {"field": "period", "type": "ordinal", "title": "period", "axis": {"labelAngle": 0}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {
            "text": "Repair plan",
            "subtitle": "bars: the plan; marks: its limits; below: supports opened",
        },
        "vconcat": [
            _against(limits, x, "spend", "budget", f"spend [{currency}]"),
            _against(limits, x, "hours", "hours_limit", "workshop [h]"),
            {
                "width": 460,
                "height": 260,
                "data": {"values": openings},
                "mark": {"type": "rect", "stroke": "white", "strokeWidth": 0.3},
                "encoding": {
                    "x": {**x, "scale": {"domain": [row["period"] for row in limits]}},
                    "y": {
                        "field": "support",
                        "type": "ordinal",
                        "title": "support",
                        "axis": {"labelOverlap": True},
                    },
                    "color": {
                        "field": "actions",
                        "type": "quantitative",
                        "title": "components",
                        "scale": {"scheme": "blues", "domainMin": 0},
                    },
                    "tooltip": [{"field": name} for name in ("support", "period", "what")],
                },
            },
        ],
    }


def _against(
    rows: list[dict[str, Any]], x: dict[str, Any], taken: str, limit: str, title: str
) -> dict[str, Any]:
    y = {"type": "quantitative", "title": title}
    return {
        "width": 460,
        "height": 110,
        "data": {"values": [{name: row[name] for name in ("period", taken, limit)} for row in rows]},
        "layer": [
            {"mark": {"type": "bar", "color": _PLAN}, "encoding": {"x": x, "y": {"field": taken, **y}}},
            {
                "mark": {"type": "tick", "color": _LIMIT, "thickness": 2, "size": 26},
                "encoding": {"x": x, "y": {"field": limit, **y}},
            },
        ],
    }
