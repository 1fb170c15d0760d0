"""Plots of form: a straightness profile, and a map of a surface, a cylinder unrolled or a sphere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.form.feature import Floats, Indices
from recore.quantity import Quantity

Drawn = dict[str, NDArray[Any]]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_INK, _LINE, _UPPER, _LOWER = "#333333", "#1f5f8b", "#b3402a", "#2a7f62"
_BINS = 720
_CELLS = 60


def draw_line(drawn: Drawn, zone: Quantity) -> dict[str, Any]:
    """Vega-Lite specification of a profile turned level with its minimum zone.

    Parameters
    ----------
    drawn : position_mm, deviation_um, contacts, contact_mm, contact_um; across_um for a line in space
    zone : straightness deviation with its uncertainty
    """
    position = drawn["position_mm"]
    in_space = "across_um" in drawn
    names = ("across 1", "across 2") if in_space else ("profile",)
    values = []
    for name, key in zip(names, ("deviation_um", "across_um"), strict=False):
        shown = _thinned(drawn[key])
        values += [
            {"position": float(position[k]), "deviation": float(drawn[key][k]), "line": name} for k in shown
        ]
    half = float(zone.value) / 2
    contacts = [
        {"position": float(p), "deviation": float(d), "side": "upper" if in_space or d > 0 else "lower"}
        for p, d in zip(drawn["contact_mm"], drawn["contact_um"], strict=True)
    ]
    x = {
        "field": "position",
        "type": "quantitative",
        "title": "position [mm]",
        "scale": {"zero": False, "nice": False},
    }
    y = {"field": "deviation", "type": "quantitative", "title": "deviation from the minimum zone line [µm]"}
    limits = [{"deviation": half}, {"deviation": -half}]
    return {
        "$schema": _SCHEMA,
        "width": 640,
        "height": 320,
        "title": _title("STRt", zone, "dashed: limits of the minimum zone; triangles: contacts"),
        "layer": [
            {
                "data": {"values": limits},
                "mark": {"type": "rule", "color": _UPPER, "strokeDash": [6, 3]},
                "encoding": {"y": y},
            },
            {
                "data": {"values": values},
                "mark": {"type": "line", "color": _LINE, "strokeWidth": 1.2, "point": len(values) <= 120},
                "encoding": {
                    "x": x,
                    "y": y,
                    "strokeDash": {"field": "line", "type": "nominal", "legend": None},
                    "tooltip": [
                        {
                            "field": "position",
                            "type": "quantitative",
                            "title": "position [mm]",
                            "format": ".4g",
                        },
                        {
                            "field": "deviation",
                            "type": "quantitative",
                            "title": "deviation [µm]",
                            "format": ".4g",
                        },
                    ],
                },
            },
            _contact_layer(contacts, x, y),
        ],
    }


def draw_surface(drawn: Drawn, zone: Quantity, *, name: str, titles: tuple[str, str]) -> dict[str, Any]:
    """Vega-Lite specification of a map of the deviations from the minimum zone feature.

    Parameters
    ----------
    drawn : across, along, deviation_um, contacts, sides
    zone : form deviation with its uncertainty
    name : symbol of the deviation
    titles : of both coordinates
    """
    across, along, deviation = drawn["across"], drawn["along"], drawn["deviation_um"]
    contacts = drawn["contacts"].astype(np.intp)
    shown = _of_cells(across, along, deviation)
    values = [
        {"across": float(across[k]), "along": float(along[k]), "deviation": float(deviation[k])}
        for k in shown
    ]
    marked = [
        {"across": float(across[k]), "along": float(along[k]), "side": "upper" if side > 0 else "lower"}
        for k, side in zip(contacts, drawn["sides"], strict=True)
    ]
    x = {"field": "across", "type": "quantitative", "title": titles[0], "scale": {"zero": False}}
    y = {"field": "along", "type": "quantitative", "title": titles[1], "scale": {"zero": False}}
    half = float(zone.value) / 2 or 1.0
    colour = {
        "field": "deviation",
        "type": "quantitative",
        "title": "deviation [µm]",
        "scale": {"domain": [-half, 0, half], "range": [_LOWER, "#f4f1e8", _UPPER]},
    }
    return {
        "$schema": _SCHEMA,
        "width": 560,
        "height": 400,
        "title": _title(name, zone, "deviation from the middle of the minimum zone; triangles: contacts"),
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "square", "filled": True, "size": 36, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "tooltip": [
                        {"field": "across", "type": "quantitative", "title": titles[0], "format": ".5g"},
                        {"field": "along", "type": "quantitative", "title": titles[1], "format": ".5g"},
                        {
                            "field": "deviation",
                            "type": "quantitative",
                            "title": "deviation [µm]",
                            "format": ".4g",
                        },
                    ],
                },
            },
            _contact_layer(marked, x, y),
        ],
    }


def _contact_layer(values: list[dict[str, Any]], x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 90, "color": _INK, "opacity": 1},
        "encoding": {
            "x": x,
            "y": y,
            "shape": {
                "field": "side",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": ["upper", "lower"], "range": ["triangle-down", "triangle-up"]},
            },
        },
    }


def _title(name: str, zone: Quantity, subtitle: str) -> dict[str, str]:
    return {"text": f"{name} = {zone}" + (" (k = 2)" if zone.uncertainty else ""), "subtitle": subtitle}


def _thinned(values: Floats) -> Indices:
    """Indices in order: all, or the extremes of 720 pieces."""
    if len(values) <= 2 * _BINS:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), _BINS)
    return np.array([k for p in parts for k in sorted((p[values[p].argmin()], p[values[p].argmax()]))])


def _of_cells(across: Floats, along: Floats, deviation: Floats) -> Indices:
    """All points, or of each of 60 × 60 cells the one that deviates most."""
    if len(deviation) <= _CELLS**2:
        return np.arange(len(deviation))
    cell = np.zeros(len(deviation), dtype=np.intp)
    for values in (across, along):
        low, span = float(values.min()), float(np.ptp(values)) or 1.0
        cell = cell * _CELLS + np.minimum(((values - low) / span * _CELLS).astype(np.intp), _CELLS - 1)
    order = np.lexsort((-np.abs(deviation), cell))
    return order[np.flatnonzero(np.diff(cell[order], prepend=-1))]
