"""Plots of a separation: form and motion around the turn with their bands, and the noise gain of each harmonic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]

_POINTS = 360
_RING = 2.0
_COLOURS = {
    "artefact": "#1f5f8b",
    "spindle x": "#b3402a",
    "spindle y": "#2a7f62",
    "spindle": "#b3402a",
    "axial": "#2a7f62",
}
_NAMES = ("artefact", "spindle x", "spindle y")
_INK = "#333333"


def draw_separation(
    values: Complexes, expanded: Floats, observable: Bools, artefact_gain: Floats, spindle_gain: Floats
) -> dict[str, Any]:
    """Vega-Lite specification.

    Parameters
    ----------
    values, expanded : (3, K + 1) amplitudes and U of x, y and artefact [nm]
    observable : (K + 1,)
    artefact_gain, spindle_gain : (K + 1,), infinite where lost
    """
    order = (2, 0, 1)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "hconcat": [
            polar([values[q] for q in order], [expanded[q] for q in order], _NAMES),
            bars({"artefact": artefact_gain, "spindle, worst direction": spindle_gain}, observable),
        ],
    }


def draw_motions(motions: Mapping[str, tuple[Complexes, Floats]]) -> dict[str, Any]:
    """Vega-Lite specification of named amplitudes and U [nm], without gains."""
    names = list(motions)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        **polar([motions[n][0] for n in names], [motions[n][1] for n in names], names),
    }


def polar(motions: Sequence[Complexes], expanded: Sequence[Floats], names: Sequence[str]) -> dict[str, Any]:
    """Each motion f(t) drawn outwards on a circle of its own scale, with the band f ± U(k = 2)."""
    turn = np.linspace(0, 2 * np.pi, _POINTS + 1)
    waves = [(a[None, :] * np.exp(1j * np.outer(turn, np.arange(len(a))))).real.sum(axis=1) for a in motions]
    # U of a sum of independent harmonics at one angle: that of the real parts together
    bands = [float(np.sqrt((u**2).sum())) for u in expanded]
    largest = max(max(float(np.abs(w).max()) + b for w, b in zip(waves, bands, strict=True)), 1e-9)
    place = f"deviation [nm], drawn on a circle of {_RING * largest:.3g} nm"
    colours = [_COLOURS.get(name, _INK) for name in names]

    def line(values: Floats, name: str, colour: str, *, dashed: bool) -> dict[str, Any]:
        drawn = _RING * largest + values
        points = [
            {
                "across": _short(r * np.cos(t)),
                "up": _short(r * np.sin(t)),
                "i": i,
                "value": _short(v),
            }
            for i, (r, t, v) in enumerate(zip(drawn, turn, values, strict=True))
            if not (dashed and i % 3)
        ]
        mark: dict[str, Any] = {"type": "line", "color": colour, "strokeWidth": 0.6 if dashed else 1.4}
        if dashed:
            mark["strokeDash"] = [3, 2]
        scale = {"domain": [-3.05 * largest, 3.05 * largest], "nice": False}
        return {
            "data": {"values": points},
            "mark": mark,
            "encoding": {
                "x": {"field": "across", "type": "quantitative", "scale": scale, "title": f"x: {place}",
                      "axis": {"grid": False, "tickCount": 5}},
                "y": {"field": "up", "type": "quantitative", "scale": scale, "title": f"y: {place}",
                      "axis": {"grid": False, "tickCount": 5}},
                "order": {"field": "i"},
                "tooltip": [{"field": "i", "title": "angle [deg]"}, {"field": "value", "title": f"{name} [nm]"}],
            },
        }  # fmt: skip

    layers = [line(np.zeros(_POINTS + 1), "zero", "#bbbbbb", dashed=True)]
    for wave, band, name, colour in zip(waves, bands, names, colours, strict=True):
        layers += [line(wave + side * band, f"{name}, ± U", colour, dashed=True) for side in (-1, 1)]
        layers.append(line(wave, name, colour, dashed=False))
    told = ", ".join(f"{name} ± {band:.2g}" for name, band in zip(names, bands, strict=True))
    key = {
        "data": {"values": [{"motion": name} for name in names]},
        "mark": {"type": "point", "opacity": 0},
        "encoding": {
            "color": {
                "field": "motion",
                "type": "nominal",
                "scale": {"domain": list(names), "range": colours},
                "legend": {"title": None, "orient": "bottom", "symbolOpacity": 1, "symbolType": "stroke"},
            }
        },
    }
    return {
        "width": 420,
        "height": 420,
        "title": {
            "text": "Form and synchronous motion from 2 UPR on",
            "subtitle": f"U(k = 2), dashed, at any one angle [nm]: {told}",
        },
        "layer": [*layers, key],
    }


def _short(number: float) -> float:
    """Four digits are more than a plot shows; the whole ones would make it heavy."""
    return float(f"{number:.4g}")


def bars(gains: dict[str, Floats], observable: Bools) -> dict[str, Any]:
    """Noise gain over the harmonic; a cross on the axis where no number is given."""
    given = [
        {"upr": int(k), "gain": float(g[k]), "of": name}
        for name, g in gains.items()
        for k in np.flatnonzero(observable)
    ]
    missing = [{"upr": int(k), "gain": 0.0} for k in np.flatnonzero(~observable) if k > 1]
    names = list(gains)
    upr = {"field": "upr", "type": "quantitative", "title": "harmonic [UPR]"}
    gain = {"field": "gain", "type": "quantitative", "title": "noise gain"}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": given},
            "mark": {"type": "point", "filled": True, "size": 26},
            "encoding": {
                "x": upr,
                "y": gain,
                "color": {
                    "field": "of",
                    "type": "nominal",
                    "scale": {"domain": names, "range": [_COLOURS["artefact"], _COLOURS["spindle x"]]},
                    "legend": {"title": None, "orient": "bottom"},
                },
                "tooltip": [{"field": "of"}, {"field": "upr"}, {"field": "gain", "format": ".3g"}],
            },
        }
    ]
    if missing:
        layers.append(
            {
                "data": {"values": missing},
                "mark": {"type": "point", "shape": "cross", "color": _INK, "filled": True},
                "encoding": {"x": upr, "y": gain},
            }
        )
    lost = f"; crosses: {len(missing)} harmonic(s) not given" if missing else ""
    return {
        "width": 360,
        "height": 420,
        "title": {
            "text": "Noise gain of the layout",
            "subtitle": f"harmonics 0 and 1 are never observable{lost}",
        },
        "layer": layers,
        "resolve": {"scale": {"color": "independent"}},
    }


def draw_vectors(given: Complexes, found: Complexes, names: Sequence[str]) -> dict[str, Any]:
    """Change of the eccentricity as each probe sees it, with the angles given and with those found [µm].

    With right angles and equal gains all points of a kind lie on one another.
    """
    points = [
        {"x": float(v.real), "y": float(-v.imag), "probe": name, "angles": word}
        for word, vectors in (("as given", given), ("as found", found))
        for name, v in zip(names, vectors, strict=True)
    ]
    axis = {"type": "quantitative", "scale": {"zero": False}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 420,
        "height": 420,
        "title": {
            "text": "Change of the eccentricity, seen by each probe",
            "subtitle": "apart along the circle: angle; apart along the radius: gain",
        },
        "data": {"values": points},
        "mark": {"type": "point", "size": 90},
        "encoding": {
            "x": {"field": "x", "title": "x [µm]", **axis},
            "y": {"field": "y", "title": "y [µm]", **axis},
            "shape": {"field": "angles", "legend": {"title": None, "orient": "bottom"}},
            "color": {
                "field": "probe",
                "scale": {"scheme": "dark2"},
                "legend": {"title": None, "orient": "bottom"},
            },
            "tooltip": [{"field": "probe"}, {"field": "angles"}, {"field": "x"}, {"field": "y"}],
        },
    }
