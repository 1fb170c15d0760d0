"""Deviation over target: readings, means and k = 2 bands of both directions."""

from __future__ import annotations

from typing import Any

from recore.metrology.machine.positioning_kernel import moments
from recore.metrology.machine.positioning_record import UP, Approaches
from recore.quantity import Quantity

_COLOURS = {"up": "#1f5f8b", "down": "#b3402a"}
_MOST = 3000


def draw_positioning(record: Approaches, rule_set: str, headline: Quantity | None) -> dict[str, Any]:
    """Vega-Lite specification."""
    mean, s = moments(record.deviation)
    lines, points = [], []
    thin = max(1, record.deviation.size // _MOST)
    for at, direction in enumerate(record.directions):
        word = "up" if direction == UP else "down"
        for i, target in enumerate(record.target):
            entry = {"target": float(target), "deviation": float(mean[at, i]), "direction": word}
            if s is not None:
                entry["low"] = float(mean[at, i] - 2 * s[at, i])
                entry["high"] = float(mean[at, i] + 2 * s[at, i])
            lines.append(entry)
            points += [
                {"target": float(target), "deviation": float(value), "direction": word}
                for value in record.deviation[at, i, ::thin]
            ]
    across = {
        "field": "target",
        "type": "quantitative",
        "title": f"target position [{'deg' if record.rotary else 'mm'}]",
        "scale": {"zero": False},
    }
    colour = {
        "field": "direction",
        "type": "nominal",
        "title": "approach",
        "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
    }
    title = f"deviation [{record.unit}]"
    up = {"field": "deviation", "type": "quantitative", "title": title}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": points},
            "mark": {"type": "point", "size": 12, "opacity": 0.5},
            "encoding": {"x": across, "y": up, "color": colour},
        },
        {
            "data": {"values": lines},
            "mark": {"type": "line", "point": True},
            "encoding": {"x": across, "y": up, "color": colour},
        },
    ]
    if s is not None:
        band = {"x": across, "y": up | {"field": "low"}, "y2": {"field": "high"}, "color": colour}
        layers.insert(
            0, {"data": {"values": lines}, "mark": {"type": "area", "opacity": 0.15}, "encoding": band}
        )
    stated = "" if headline is None else f": {headline}" + (" (k = 2)" if headline.uncertainty else "")
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 560,
        "height": 320,
        "title": {
            "text": f"{rule_set}{stated}",
            "subtitle": "points: readings; lines: means; bands: mean ± 2 s",
        },
        "layer": layers,
    }
