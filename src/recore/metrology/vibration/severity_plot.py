"""What `vibration.severity` hands on beside its results: tables and the plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.metrology.vibration.level_uncertainty import Level
    from recore.metrology.vibration.zones import Zones

Floats = NDArray[np.float64]

_POINTS = 400  # of a spectrum that is drawn
_DECADES = 1e4  # that it is drawn over
_SHADES = ("#d9ead3", "#fff2cc", "#fce0c4", "#f4c7c3")
_LETTERS = "ABCD"


def levels_table(levels: Sequence[Level]) -> pa.Table:
    """One row for each channel: r.m.s. values with U(k = 2), share of the level at the band's lower limit."""
    import pyarrow as pa

    return pa.table(
        {
            "channel": [level.channel.name for level in levels],
            "measured": [level.channel.kind for level in levels],
            "velocity_rms_mm_s": [level.velocity for level in levels],
            "velocity_u_mm_s": [level.velocity_u for level in levels],
            "displacement_rms_um": [level.displacement for level in levels],
            "displacement_u_um": [level.displacement_u for level in levels],
            "edge_share": [level.band.edge for level in levels],
            "segments": [len(level.band.velocity2) for level in levels],
            "baseline_velocity_rms_mm_s": pa.array([level.before for level in levels], pa.float64()),
        }
    )


def zones_table(lines: Sequence[tuple[Any, ...]]) -> pa.Table:
    """One row for each channel and rule row: boundaries, evidence level, zone."""
    import pyarrow as pa

    def bound(row: Zones, number: int, end: int) -> float | None:
        pair = row.boundaries[number]
        return None if pair is None else pair[end]

    columns: dict[str, Any] = {
        "channel": [channel for channel, *_ in lines],
        "rule": [row.rule.rule_id for _, row, *_ in lines],
        "standard": [str(row.rule.params["standard"]) for _, row, *_ in lines],
        "group": [str(row.rule.params.get("group", "")) for _, row, *_ in lines],
        "evidence_level": [row.rule.evidence_level for _, row, *_ in lines],
        "decides": [row.decides for _, row, *_ in lines],
        "quantity": [row.kind for _, row, *_ in lines],
        "unit": [str(row.rule.params["unit"]) for _, row, *_ in lines],
        "value": [value for _, _, value, _, _ in lines],
        "u": [spread for _, _, _, spread, _ in lines],
    }
    for number, name in enumerate(("ab", "bc", "cd")):
        for end, word in enumerate(("from", "to")):
            columns[f"{name}_{word}"] = pa.array(
                [bound(row, number, end) for _, row, *_ in lines], pa.float64()
            )
    columns["zone"] = [zone for *_, zone in lines]
    return pa.table(columns)


def spectrum_table(levels: Sequence[Level]) -> pa.Table:
    """Velocity spectrum of each channel within the band, as r.m.s. of each line [mm/s]."""
    import pyarrow as pa

    return pa.table(
        {
            "channel": [level.channel.name for level in levels for _ in level.band.frequency],
            "frequency_hz": np.concatenate([level.band.frequency for level in levels]),
            "velocity_rms_mm_s": np.concatenate([_lines_of(level) for level in levels]),
        }
    )


def draw_levels(levels: Sequence[Level], zones: Sequence[Zones], zone: str) -> dict[str, Any]:
    """Vega-Lite specification: velocity of each channel ± U over the zones, and the spectra.

    Parameters
    ----------
    levels : one for each channel
    zones : rows that concern the machine, those that decide first; the first one of velocities is drawn
    zone : the verdict
    """
    shown = next((row for row in zones if row.kind == "velocity" and row.decides and row.specific), None)
    bars = [
        {
            "channel": level.channel.name,
            "velocity": level.velocity,
            "low": max(0.0, level.velocity - level.velocity_u),
            "high": level.velocity + level.velocity_u,
        }
        for level in levels
    ]
    top = 1.15 * max(level.velocity + level.velocity_u for level in levels)
    layers: list[dict[str, Any]] = []
    subtitle = "no zones of this class of machine"
    if shown is not None:
        ends = [pair[1] for pair in shown.boundaries if pair is not None]
        top = max(top, 1.15 * ends[-1])
        edges = [0.0, *ends, top]
        letters = _LETTERS[4 - len(edges) + 1 :]
        layers.append(
            {
                "data": {
                    "values": [
                        {"from": a, "to": b, "zone": letter}
                        for a, b, letter in zip(edges[:-1], edges[1:], letters, strict=True)
                    ]
                },
                "mark": {"type": "rect"},
                "encoding": {
                    "x": {"field": "from", "type": "quantitative"},
                    "x2": {"field": "to"},
                    "color": {
                        "field": "zone",
                        "type": "nominal",
                        "scale": {"domain": list(_LETTERS), "range": list(_SHADES)},
                        "title": "zone",
                    },
                },
            }
        )
        subtitle = f"zones: {shown.rule.params['standard']}, group {shown.rule.params['group']}, evidence level {shown.rule.evidence_level}"
    across = {"scale": {"domain": [0, top], "nice": False}, "title": "r.m.s. velocity [mm/s], bar: U (k = 2)"}
    y = {"field": "channel", "type": "nominal", "title": None, "sort": None}
    layers += [
        {
            "data": {"values": bars},
            "mark": {"type": "rule", "color": "#333333", "strokeWidth": 2},
            "encoding": {
                "y": y,
                "x": {"field": "low", "type": "quantitative", **across},
                "x2": {"field": "high"},
            },
        },
        {
            "data": {"values": bars},
            "mark": {"type": "point", "filled": True, "size": 80, "color": "#1f5f8b"},
            "encoding": {
                "y": y,
                "x": {"field": "velocity", "type": "quantitative", **across},
                "tooltip": [
                    {"field": "channel", "type": "nominal"},
                    {"field": "velocity", "type": "quantitative", "title": "mm/s", "format": ".4g"},
                ],
            },
        },
    ]
    spectra: list[dict[str, Any]] = [
        {"channel": level.channel.name, "f": float(f), "v": float(v)}
        for level in levels
        for f, v in zip(*_thinned(level.band.frequency, _lines_of(level)), strict=True)
    ]
    highest = max(point["v"] for point in spectra)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": f"Vibration severity: zone {zone}", "subtitle": subtitle},
        "vconcat": [
            {"width": 560, "height": {"step": 28}, "layer": layers},
            {
                "width": 560,
                "height": 200,
                "data": {"values": spectra},
                "mark": {"type": "line", "strokeWidth": 1},
                "encoding": {
                    "x": {"field": "f", "type": "quantitative", "title": "frequency [Hz]"},
                    "y": {
                        "field": "v",
                        "type": "quantitative",
                        "title": "velocity of a line, r.m.s. [mm/s]",
                        "scale": {"type": "log", "domain": [highest / _DECADES, 2 * highest], "clamp": True},
                    },
                    "color": {"field": "channel", "type": "nominal", "title": "channel"},
                },
            },
        ],
        "resolve": {"scale": {"color": "independent"}},
    }


def _lines_of(level: Level) -> Floats:
    step = float(level.band.frequency[1] - level.band.frequency[0])
    lines: Floats = np.sqrt(level.band.density * step)
    return lines


def _thinned(frequency: Floats, lines: Floats) -> tuple[Floats, Floats]:
    """The largest line of each of some hundred stretches: no peak is lost."""
    if len(lines) <= _POINTS:
        return frequency, lines
    parts = np.array_split(np.arange(len(lines)), _POINTS)
    keep = np.array([part[lines[part].argmax()] for part in parts])
    return frequency[keep], lines[keep]
