"""Polar plots of error motion: the band of all revolutions, the synchronous mean in it, and the asynchronous band."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.motion_values import about
from recore.metrology.spindle.motions import keeps_fundamental
from recore.metrology.spindle.polar_statistics import Polar
from recore.quantity import Quantity

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

_SECTORS = 360
_LINES = 900
_RING = 2.0  # radius the base circle is drawn with, in ranges of the motion
_INK, _LINE, _BAND, _LOOSE = "#333333", "#1f5f8b", "#c9c9c9", "#b3402a"


def draw_error_motion(
    polars: Mapping[str, Polar],
    values: Mapping[str, Quantity | None],
    orders: pa.Table | None = None,
    peaks: pa.Table | None = None,
    bearing_lines: pa.Table | None = None,
) -> dict[str, Any]:
    """Vega-Lite specification: a row for each of the fixed, rotating and axial directions that there are, and the
    order spectrum of the asynchronous motion.

    Parameters
    ----------
    polars : motions by name
    values : results by name, with their uncertainty
    orders, peaks, bearing_lines : tables of the finding
    """
    rows: list[dict[str, Any]] = []
    for motion, words in (
        ("fixed", "fixed sensitive direction"),
        ("rotating", "rotating sensitive direction"),
        ("axial", "axial"),
    ):
        if motion not in polars:
            continue
        front, end = ("", f"_{motion}") if motion != "axial" else ("axial_", "")
        shown = {kind: values.get(f"{front}{kind}{end}") for kind in ("synchronous", "asynchronous", "total")}
        polar = polars[motion]
        clear = (
            polar.plus(np.full(len(polar.mean), -polar.mean.mean()))
            if keeps_fundamental(motion)
            else about(polar, polar.mean)
        )
        rows.append(
            {
                "hconcat": [
                    _panel(
                        f"{words}: total and synchronous",
                        f"total {_said(shown['total'])}; synchronous {_said(shown['synchronous'])}",
                        clear.lowest,
                        clear.highest,
                        clear.mean,
                        _BAND,
                    ),
                    _panel(
                        f"{words}: asynchronous",
                        f"{_said(shown['asynchronous'])}, {polar.revolutions} revolutions",
                        clear.lowest - clear.mean,
                        clear.highest - clear.mean,
                        None,
                        _LOOSE,
                    ),
                ]
            }
        )
    if orders is not None:
        rows.append(_spectrum(orders, peaks, bearing_lines))
    return {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "vconcat": rows}


def _spectrum(orders: pa.Table, peaks: pa.Table | None, bearing_lines: pa.Table | None) -> dict[str, Any]:
    """Amplitude over the order, radial motions together; the bearing's lines dashed, the highest peaks named."""
    radial = [name for name in orders.column_names if name not in ("order", "axial_um")]
    order = orders["order"].to_numpy()
    size = np.sqrt(sum(orders[name].to_numpy() ** 2 for name in radial))
    starts = np.unique(np.linspace(0, len(order), min(len(order), _LINES), endpoint=False).astype(int))
    # the first lines hold drift
    points = [
        {"order": float(f"{order[a + k]:.5g}"), "amplitude": float(f"{part[k]:.4g}")}
        for a, part in ((a, size[a:b]) for a, b in pairwise([*starts, len(order)]))
        if (k := int(part.argmax())) + a > 2
    ]
    across = {
        "x": {
            "field": "order",
            "type": "quantitative",
            "title": "order [multiples of the speed of rotation]",
        },
        "y": {"field": "amplitude", "type": "quantitative", "title": "asynchronous amplitude [µm]"},
    }
    layers: list[dict[str, Any]] = []
    if bearing_lines is not None:
        marked = [
            {"order": row["order"], "name": row["name"]}
            for row in bearing_lines.to_pylist()
            if row["order"] <= order[-1]
        ]
        layers.append(
            {
                "data": {"values": marked},
                "mark": {"type": "rule", "color": _LOOSE, "strokeDash": [3, 3], "strokeWidth": 0.8},
                "encoding": {
                    "x": across["x"],
                    "tooltip": [{"field": "name", "type": "nominal", "title": "line of the bearing"}],
                },
            }
        )
    layers.append(
        {
            "data": {"values": points},
            "mark": {"type": "line", "color": _LINE, "strokeWidth": 1},
            "encoding": across,
        }
    )
    if peaks is not None and peaks.num_rows:
        named = [
            {
                "order": row["order"],
                "amplitude": float(np.sqrt(sum(row[name] ** 2 for name in radial))),
                "label": row["name"] or f"{row['order']:.4g}",
            }
            for row in peaks.slice(0, 6).to_pylist()
        ]
        layers.append(
            {
                "data": {"values": named},
                "mark": {"type": "text", "align": "left", "dx": 4, "dy": -4, "fontSize": 10},
                "encoding": across | {"text": {"field": "label", "type": "nominal"}},
            }
        )
    return {
        "width": 720,
        "height": 220,
        "title": {
            "text": "order spectrum of the asynchronous motion",
            "subtitle": "amplitude of x and y together; dashed: lines of the bearing",
        },
        "layer": layers,
    }


def _said(value: Quantity | None) -> str:
    if value is None:
        return "refused"
    return f"{value}" + (" (k = 2)" if value.uncertainty is not None else "")


def _panel(
    title: str, subtitle: str, low: Floats, high: Floats, mean: Floats | None, colour: str
) -> dict[str, Any]:
    size = float(high.max() - low.min()) or 1.0
    n = len(low)
    starts = np.unique(np.linspace(0, n, min(n, _SECTORS), endpoint=False).astype(int))
    inner = np.minimum.reduceat(low, starts)
    outer = np.maximum.reduceat(high, starts)
    t = 2 * np.pi * starts / n
    base = _RING * size
    half = base + 0.8 * size
    scale = {"domain": [-half, half], "nice": False}
    across = {
        axis: {
            "field": axis,
            "type": "quantitative",
            "scale": scale,
            "title": f"{axis}: motion [µm], drawn on a circle of {base:.3g} µm",
            "axis": {"grid": False, "tickCount": 5},
        }
        for axis in ("x", "y")
    }

    def at(plot: Floats | float, angle: Floats) -> list[dict[str, float]]:
        r = base + plot
        return [
            {"x": float(f"{a:.6g}"), "y": float(f"{b:.6g}"), "i": i}
            for i, (a, b) in enumerate(zip(r * np.cos(angle), r * np.sin(angle), strict=True))
        ]

    band = [
        a
        | {"x2": b["x"], "y2": b["y"], "angle": float(f"{np.degrees(w):.4g}"), "width": float(f"{o - i:.4g}")}
        for a, b, w, o, i in zip(at(inner, t), at(outer, t), t, outer, inner, strict=True)
    ]
    turn = np.linspace(0, 2 * np.pi, 121)
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": band},
            "mark": {"type": "rule", "color": colour, "strokeWidth": max(2.5, 900 / len(t)), "opacity": 0.8},
            "encoding": across
            | {
                "x2": {"field": "x2"},
                "y2": {"field": "y2"},
                "tooltip": [
                    {"field": "angle", "type": "quantitative", "title": "angle [deg]"},
                    {"field": "width", "type": "quantitative", "title": "width of the band [µm]"},
                ],
            },
        },
        {
            "data": {"values": at(np.zeros(len(turn)), turn)},
            "mark": {"type": "line", "color": _INK, "strokeWidth": 0.8, "strokeDash": [4, 3]},
            "encoding": across | {"order": {"field": "i"}},
        },
    ]
    if mean is not None:
        closed = np.append(starts, starts[0])
        layers.append(
            {
                "data": {"values": at(mean[closed], 2 * np.pi * closed / n)},
                "mark": {"type": "line", "color": _LINE, "strokeWidth": 1.6},
                "encoding": across | {"order": {"field": "i"}},
            }
        )
    return {
        "width": 320,
        "height": 320,
        "title": {"text": title, "subtitle": subtitle},
        "layer": layers,
    }
