"""Displacement and temperature over time, with the fitted exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.thermal_fit import Exponentials, block_means
from recore.quantity import Quantity

Floats = NDArray[np.float64]
_MOST = 600


def draw_thermal(
    minutes: Floats,
    channels: dict[str, tuple[Floats, str]],
    temperatures: dict[str, Floats],
    fits: dict[str, tuple[float, Exponentials]],
    marks: dict[str, float],
    headline: dict[str, Quantity | None],
) -> dict[str, Any]:
    """Vega-Lite specification: one panel for displacements, one for tilts and one for temperatures, as there are any.

    Parameters
    ----------
    fits : by channel: start of the fitted stretch [min] and the fit
    marks : moments to be marked, such as the start of the spindle [min]
    """
    panels = []
    for unit, title in (("µm", "displacement [µm]"), ("arcsec", "tilt [arcsec]")):
        own = {name: values - values[0] for name, (values, of) in channels.items() if of == unit}
        if own:
            drawn = {
                name: (start, fit, channels[name][0][0]) for name, (start, fit) in fits.items() if name in own
            }
            panels.append(_panel(minutes, own, title, drawn, marks))
    if temperatures:
        panels.append(_panel(minutes, temperatures, "temperature [°C]", {}, marks))
    words = ", ".join(
        f"{name} = {value}" + (" (k = 2)" if value.uncertainty else "")
        for name, value in headline.items()
        if value
    )
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {
            "text": words or "thermal test",
            "subtitle": "dashed: fitted exponentials; grey: start and stop",
        },
        "vconcat": panels,
    }


def _panel(
    minutes: Floats,
    series: dict[str, Floats],
    title: str,
    fits: dict[str, tuple[float, Exponentials, float]],
    marks: dict[str, float],
) -> dict[str, Any]:
    points = []
    for name, values in series.items():
        for t, v in zip(*block_means(minutes, values, _MOST), strict=True):
            points.append({"minutes": float(t), "value": float(v), "channel": name, "kind": "measured"})
    for name, (start, fit, zero) in fits.items():
        for t, v in zip(fit.minutes, fit.at(fit.minutes), strict=True):
            points.append(
                {"minutes": float(t + start), "value": float(v - zero), "channel": name, "kind": "fit"}
            )
    across = {"field": "minutes", "type": "quantitative", "title": "time [min]"}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": points},
            "mark": {"type": "line", "strokeWidth": 1.3},
            "encoding": {
                "x": across,
                "y": {"field": "value", "type": "quantitative", "title": title, "scale": {"zero": False}},
                "color": {"field": "channel", "type": "nominal"},
                "strokeDash": {
                    "field": "kind",
                    "type": "nominal",
                    "scale": {"domain": ["measured", "fit"], "range": [[1, 0], [5, 3]]},
                },
            },
        }
    ]
    if marks:
        moments = [{"minutes": moment, "what": what} for what, moment in marks.items()]
        layers.append(
            {
                "data": {"values": moments},
                "mark": {"type": "rule", "color": "#999999"},
                "encoding": {"x": across, "tooltip": {"field": "what", "type": "nominal"}},
            }
        )
    return {"width": 600, "height": 200, "layer": layers}
