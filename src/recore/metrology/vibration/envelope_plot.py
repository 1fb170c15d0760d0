"""Squared envelope spectrum with the lines of the bearing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recore.metrology.vibration.envelope import Diagnosis

_COLOURS = {"outer": "#1f5f8b", "inner": "#b3402a", "ball": "#2a7f62"}


def draw_lines(result: Diagnosis) -> dict[str, Any]:
    """Vega-Lite specification: the spectrum in grey, expected lines dashed, found ones as points, U as a bar."""
    if result.drawn is None or result.lines is None:
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "data": {"values": []},
            "mark": "point",
        }
    drawn, band = result.drawn, result.drawn["band"]
    spectrum = [{"hz": hz, "db": db} for hz, db in zip(drawn["hz"], drawn["db"], strict=True)]
    carriers = [row for row in result.lines.to_pylist() if row["expected_hz"] <= drawn["hz"][-1]]
    for row in carriers:
        half = row["found_u_hz"] or 0.0
        row |= {"low_hz": row["found_hz"] - half, "high_hz": row["found_hz"] + half}
    across = {"field": "hz", "type": "quantitative", "title": "frequency of the envelope [Hz]"}
    up = {"field": "db", "type": "quantitative", "title": "level over background [dB]"}
    colour = {
        "field": "part",
        "type": "nominal",
        "title": "part",
        "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
    }
    tip = [
        {"field": "line", "type": "nominal"},
        {"field": "expected_hz", "type": "quantitative", "format": ".3f", "title": "expected [Hz]"},
        {"field": "found_hz", "type": "quantitative", "format": ".3f", "title": "found [Hz]"},
        {"field": "found_u_hz", "type": "quantitative", "format": ".2g", "title": "U (k = 2) [Hz]"},
        {"field": "level_db", "type": "quantitative", "format": ".1f", "title": "over background [dB]"},
    ]
    frequency = f"; fundamental {result.frequency} (k = 2)" if result.frequency is not None else ""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 720,
        "height": 320,
        "title": {
            "text": f"fault: {result.fault}{frequency}",
            "subtitle": f"squared envelope spectrum of {band.low_hz:.0f} to {band.high_hz:.0f} Hz, {band.whitening}; "
            "dashed: expected, points: found",
        },
        "layer": [
            {
                "data": {"values": spectrum},
                "mark": {"type": "line", "color": "#8a8a8a", "strokeWidth": 0.8},
                "encoding": {"x": across, "y": up},
            },
            {
                "data": {"values": carriers},
                "mark": {"type": "rule", "strokeDash": [4, 3], "opacity": 0.6},
                "encoding": {"x": across | {"field": "expected_hz"}, "color": colour},
            },
            {
                "data": {"values": carriers},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": across | {"field": "low_hz"},
                    "x2": {"field": "high_hz"},
                    "y": up | {"field": "level_db"},
                    "color": colour,
                },
            },
            {
                "data": {"values": carriers},
                "mark": {"type": "point", "filled": True, "size": 45},
                "encoding": {
                    "x": across | {"field": "found_hz"},
                    "y": up | {"field": "level_db"},
                    "color": colour,
                    "tooltip": tip,
                },
            },
        ],
    }
