"""Gain against harmonic beside published layouts, and the layout as it stands around the spindle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.layout_gain import gains
from recore.metrology.spindle.published_layouts import PublishedLayout
from recore.quantity import Quantity

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

_COLOURS = ("#1f5f8b", "#2f6b3c", "#b3402a", "#c98a2b", "#8a6fb0")
_TOP = 20.0  # gain at which lines are cut off
_ROTOR, _NEAR, _FAR = 1.0, 1.08, 1.65


def draw_plan(
    angles_deg: Floats,
    table: pa.Table,
    published: tuple[PublishedLayout, ...],
    *,
    spindle: Quantity,
    artefact: Quantity,
) -> dict[str, Any]:
    """Vega-Lite specification.

    Parameters
    ----------
    angles_deg : planned angles [deg]
    table : upr, spindle_gain, artefact_gain of the plan
    published : layouts to draw beside it (their spindle gain)
    spindle, artefact : worst gains, for the title
    """
    upr = table["upr"].to_numpy()
    lines = [
        ("planned: spindle", table["spindle_gain"].to_numpy()),
        ("planned: artefact", table["artefact_gain"].to_numpy()),
    ]
    lines += [
        (f"{layout.name}: spindle", gains(np.array(layout.angles_deg), int(upr[0]), int(upr[-1]))[0])
        for layout in published
    ]
    points: list[dict[str, Any]] = [
        {"upr": int(k), "gain": min(float(g), _TOP), "layout": name}
        for name, values in lines
        for k, g in zip(upr, values, strict=True)
    ]
    names = [name for name, _ in lines]
    lowest = 0.9 * min(point["gain"] for point in points)
    highest = 1.1 * max(point["gain"] for point in points)
    left = {
        "width": 420,
        "height": 320,
        "title": "Noise of the separated harmonic / noise of one probe",
        "data": {"values": points},
        "mark": {"type": "line", "strokeWidth": 1.4},
        "encoding": {
            "x": {"field": "upr", "type": "quantitative", "title": "undulations per revolution"},
            "y": {
                "field": "gain",
                "type": "quantitative",
                "title": f"gain (cut off at {_TOP:g})",
                "scale": {
                    "type": "log",
                    "domain": [lowest, _TOP if highest >= _TOP else highest],
                    "nice": False,
                },
            },
            "color": {
                "field": "layout",
                "type": "nominal",
                "scale": {"domain": names, "range": list(_COLOURS[: len(names)])},
                "legend": {"orient": "bottom", "columns": 2, "title": None, "labelLimit": 220},
            },
            "tooltip": [
                {"field": "layout", "type": "nominal"},
                {"field": "upr", "type": "quantitative", "title": "UPR"},
                {"field": "gain", "type": "quantitative", "format": ".3g"},
            ],
        },
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {
            "text": "Probes at " + " / ".join(f"{angle:g}°" for angle in angles_deg),
            "subtitle": f"worst gain from {upr[0]} to {upr[-1]} UPR: spindle {spindle}, artefact {artefact}",
        },
        "config": {"view": {"stroke": None}},
        "hconcat": [left, _layout(angles_deg)],
    }


def _layout(angles_deg: Floats) -> dict[str, Any]:
    """The rotor from the end of the spindle, probes pointing at its axis."""
    turn = np.linspace(0, 2 * np.pi, 121)
    rotor = [
        {"x": _ROTOR * float(np.cos(a)), "y": _ROTOR * float(np.sin(a)), "i": i} for i, a in enumerate(turn)
    ]
    phi = np.radians(angles_deg)
    bars, labels = [], []
    for number, (a, deg) in enumerate(zip(phi, angles_deg, strict=True), 1):
        c, s = float(np.cos(a)), float(np.sin(a))
        bars.append({"x": _NEAR * c, "y": _NEAR * s, "x2": _FAR * c, "y2": _FAR * s})
        labels.append({"x": (_FAR + 0.3) * c, "y": (_FAR + 0.22) * s, "text": f"p{number} {deg:g}°"})
    scale = {"domain": [-2.3, 2.3], "nice": False}
    across = {
        axis: {"field": axis, "type": "quantitative", "scale": scale, "axis": None} for axis in ("x", "y")
    }
    ends = {axis: {"field": axis} for axis in ("x2", "y2")}
    return {
        "width": 320,
        "height": 320,
        "title": "Layout, seen from the end; x to the right, angles counter-clockwise",
        "layer": [
            {
                "data": {"values": rotor},
                "mark": {"type": "line", "color": "#333333", "strokeWidth": 1.5},
                "encoding": across | {"order": {"field": "i"}},
            },
            {
                "data": {"values": bars},
                "mark": {"type": "rule", "color": _COLOURS[0], "strokeWidth": 7, "strokeCap": "butt"},
                "encoding": across | ends,
            },
            {
                "data": {"values": labels},
                "mark": {"type": "text", "color": "#333333", "fontSize": 12},
                "encoding": across | {"text": {"field": "text"}},
            },
        ],
    }
