"""Polar plot of a profile, magnified about its reference circle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.circles import Circle
from recore.quantity import Quantity

Floats = NDArray[np.float64]

_NAMES = {
    "lsc": "least-squares circle",
    "mzc": "minimum zone circles",
    "mcc": "minimum circumscribed circle",
    "mic": "maximum inscribed circle",
}
_BINS = 720
_RING = 3.0  # radius the reference circle is drawn with, in roundness deviations
_INK, _LINE, _OUTER, _INNER = "#333333", "#1f5f8b", "#b3402a", "#2a7f62"


def draw_profile(x: Floats, y: Floats, circle: Circle, *, name: str, deviation: Quantity) -> dict[str, Any]:
    """Vega-Lite specification of the magnified polar plot.

    Parameters
    ----------
    x, y : (n,) points [µm]
    circle : reference circle
    name : 'lsc', 'mzc', 'mcc' or 'mic'
    deviation : roundness deviation about it, with its uncertainty [µm]
    """
    angle = np.arctan2(y - circle.y, x - circle.x)
    d = circle.distances(x, y)
    # a perfect profile still needs a scale
    unit = circle.deviation if circle.deviation > 1e-12 * circle.radius else 1.0
    shown = _thinned(angle, d)
    turn = np.linspace(0, 2 * np.pi, 181)

    def at(r: Floats | float, phi: Floats) -> list[dict[str, float]]:
        drawn = _RING * unit + (r - circle.radius)
        xs, ys = drawn * np.cos(phi), drawn * np.sin(phi)
        return [{"x": float(a), "y": float(b), "i": i} for i, (a, b) in enumerate(zip(xs, ys, strict=True))]

    closed = np.append(shown, shown[0]) if _is_closed(angle[shown]) else shown
    profile = [
        point | {"deviation": float(d[k] - circle.radius), "angle": float(np.degrees(angle[k]) % 360)}
        for point, k in zip(at(d[closed], angle[closed]), closed, strict=True)
    ]
    half = (_RING + 1.3) * unit
    scale = {"domain": [-half, half], "nice": False}
    across = {
        axis: {
            "field": axis,
            "type": "quantitative",
            "scale": scale,
            "title": f"{axis}: deviation [µm], drawn on a circle of {_RING * unit:.3g} µm instead of {circle.radius:.6g} µm",
            "axis": {"grid": False, "tickCount": 7},
        }
        for axis in ("x", "y")
    }

    def ring(radius: float, colour: str, dash: list[int]) -> dict[str, Any]:
        return {
            "data": {"values": at(radius, turn)},
            "mark": {"type": "line", "color": colour, "strokeDash": dash, "strokeWidth": 1},
            "encoding": across | {"order": {"field": "i"}},
        }

    layers = [
        ring(circle.radius, _INK, [1, 0]),
        ring(circle.outer, _OUTER, [6, 3]),
        ring(circle.inner, _INNER, [2, 3]),
        {
            "data": {"values": profile},
            "mark": {"type": "line", "color": _LINE, "strokeWidth": 1.2, "point": len(shown) <= 120},
            "encoding": across
            | {
                "order": {"field": "i"},
                "tooltip": [
                    {"field": "angle", "type": "quantitative", "title": "angle [deg]", "format": ".2f"},
                    {
                        "field": "deviation",
                        "type": "quantitative",
                        "title": "deviation [µm]",
                        "format": ".4g",
                    },
                ],
            },
        },
    ]
    for contacts, colour, shape in (
        (circle.outer_contacts, _OUTER, "triangle-down"),
        (circle.inner_contacts, _INNER, "triangle-up"),
    ):
        if len(contacts):
            layers.append(
                {
                    "data": {"values": at(d[contacts], angle[contacts])},
                    "mark": {"type": "point", "filled": True, "size": 90, "color": colour, "shape": shape},
                    "encoding": across,
                }
            )
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "height": 480,
        "title": {
            "text": f"RONt = {deviation}" + (" (k = 2)" if deviation.uncertainty else ""),
            "subtitle": f"about the {_NAMES[name]}; dashed: largest and smallest distance; triangles: contacts",
        },
        "layer": layers,
    }


def _thinned(angle: Floats, d: Floats) -> NDArray[np.intp]:
    """Indices in order of angle: all, or the extremes of 720 sectors."""
    order = np.argsort(angle, kind="stable")
    if len(order) <= 2 * _BINS:
        return order
    parts = np.array_split(order, _BINS)
    ends = [sorted((int(d[p].argmin()), int(d[p].argmax()))) for p in parts]
    return np.array([p[k] for p, pair in zip(parts, ends, strict=True) for k in pair])


def _is_closed(angle: Floats) -> bool:
    gaps = np.diff(angle, append=angle[0] + 2 * np.pi)
    return bool(gaps.max() < np.pi / 3)
