"""Polar plot of a circular path, magnified, with the curve of the diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.machine.ballbar_model import Fit
from recore.metrology.machine.circularity_record import Trace
from recore.quantity import Quantity

Floats = NDArray[np.float64]
_COLOURS = {"ccw": "#1f5f8b", "cw": "#b3402a"}
_MOST = 1500
_RING = 3.0  # radius of the nominal circle in the drawing, in ranges of the deviation


def draw_circle(
    traces: Sequence[Trace], fitted: Fit | None, radius_mm: float, stated: dict[str, Quantity | None]
) -> dict[str, Any]:
    """Vega-Lite specification; the centre of the set-up is taken off the drawing where the diagnosis knows it."""
    shift, curve = _curves(traces, fitted)
    own = [trace.deviation - off for trace, off in zip(traces, shift, strict=True)]
    unit = max(float(np.ptp(np.concatenate(own))), 1e-9)
    points = []
    for at, trace in enumerate(traces):
        thin = max(1, len(trace.angle) // _MOST)
        for kind, values in (("measured", own[at]), ("diagnosis", curve[at])):
            if values is None:
                continue
            for i, (t, dev) in enumerate(zip(trace.angle[::thin], values[::thin], strict=True)):
                drawn = _RING * unit + float(dev)
                points.append(
                    {
                        "x": drawn * float(np.cos(t)),
                        "y": drawn * float(np.sin(t)),
                        "i": i,
                        "angle": float(np.degrees(t) % 360),
                        "deviation": float(dev),
                        "direction": trace.direction,
                        "kind": kind,
                    }
                )
    half = (_RING + 1.3) * unit
    across = {
        axis: {
            "field": axis,
            "type": "quantitative",
            "scale": {"domain": [-half, half], "nice": False},
            "title": f"{axis}: deviation [µm], drawn on a circle of {_RING * unit:.3g} µm instead of {radius_mm:g} mm",
            "axis": {"grid": False, "tickCount": 7},
        }
        for axis in ("x", "y")
    }
    turn = np.linspace(0, 2 * np.pi, 181)
    ring = [
        {"x": float(_RING * unit * np.cos(t)), "y": float(_RING * unit * np.sin(t)), "i": i}
        for i, t in enumerate(turn)
    ]
    words = ", ".join(
        f"{name} = {value}" + (" (k = 2)" if value.uncertainty else "")
        for name, value in stated.items()
        if value is not None
    )
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "height": 480,
        "title": {
            "text": words,
            "subtitle": "centre of the set-up taken off; dashed: diagnosis; grey: nominal circle",
        },
        "layer": [
            {
                "data": {"values": ring},
                "mark": {"type": "line", "color": "#999999", "strokeWidth": 1},
                "encoding": across | {"order": {"field": "i"}},
            },
            {
                "data": {"values": points},
                "mark": {"type": "line", "strokeWidth": 1.2},
                "encoding": across
                | {
                    "order": {"field": "i"},
                    "color": {
                        "field": "direction",
                        "type": "nominal",
                        "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
                    },
                    "strokeDash": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {"domain": ["measured", "diagnosis"], "range": [[1, 0], [4, 3]]},
                    },
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
        ],
    }


def _curves(traces: Sequence[Trace], fitted: Fit | None) -> tuple[list[Floats | float], list[Floats | None]]:
    if fitted is None:
        return [0.0 for _ in traces], [None for _ in traces]
    ends = np.cumsum([len(trace.angle) for trace in traces])[:-1]
    set_up = fitted.curve(["centre_x", "centre_y"])
    rest = fitted.curve([name for name in fitted.names if name not in ("centre_x", "centre_y")])
    return list(np.split(set_up, ends)), list(np.split(rest, ends))
