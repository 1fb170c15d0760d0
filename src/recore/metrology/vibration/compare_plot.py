"""What `vibration.compare` hands on beside its results: tables and the plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.vibration.segment_levels import Line

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_COLOURS = {"improved": "#2a7f62", "worse": "#b3402a", "no-difference": "#777777"}


@dataclass(frozen=True)
class Compared:
    """One line before and after.

    Parameters
    ----------
    line : what was compared
    before, after : geometric mean of the levels of the matched segments
    ratio, low, high : after / before within load and speed, and its 95 % interval
    p, p_holm : probability of such a difference without any, for this line alone and for the family
    verdict : improved, worse, no-difference
    """

    line: Line
    before: float
    after: float
    ratio: float
    low: float
    high: float
    p: float
    p_holm: float
    verdict: str

    @property
    def half(self) -> float:
        """The longer arm of the interval, as U(k = 2)."""
        return max(self.high - self.ratio, self.ratio - self.low)


def lines_table(results: Sequence[Compared], unit: str) -> pa.Table:
    """One row for each line; levels in `unit`."""
    import pyarrow as pa

    return pa.table(
        {
            "channel": [r.line.channel for r in results],
            "line": [r.line.name for r in results],
            "low_hz": pa.array([r.line.low or None for r in results], pa.float64()),
            "high_hz": pa.array([r.line.high or None for r in results], pa.float64()),
            "order": pa.array([r.line.order or None for r in results], pa.float64()),
            "unit": [unit for _ in results],
            "before": [r.before for r in results],
            "after": [r.after for r in results],
            "difference": [r.after - r.before for r in results],
            "ratio": [r.ratio for r in results],
            "ratio_low": [r.low for r in results],
            "ratio_high": [r.high for r in results],
            "ratio_db": [float(20 * np.log10(r.ratio)) for r in results],
            "p": [r.p for r in results],
            "p_holm": [r.p_holm for r in results],
            "verdict": [r.verdict for r in results],
        }
    )


def conditions_table(speeds: Sequence[Floats], loads: Sequence[Floats], bins: Sequence[Ints]) -> pa.Table:
    """One row for each common bin: how many segments, at which mean speed and load, on either side."""
    import pyarrow as pa

    rows = []
    for bin_ in np.unique(bins[0][bins[0] >= 0]):
        chosen = [b == bin_ for b in bins]
        rows.append(
            [int(bin_) + 1]
            + [int(c.sum()) for c in chosen]
            + [float(s[c].mean()) for s, c in zip(speeds, chosen, strict=True)]
            + [float(x[c].mean()) for x, c in zip(loads, chosen, strict=True)]
        )
    names = ["condition", "segments_before", "segments_after", "speed_rpm_before", "speed_rpm_after"]
    names += ["load_before", "load_after"]
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def draw_compared(results: Sequence[Compared], verdict: str) -> dict[str, Any]:
    """Vega-Lite specification: ratio after / before of each line with its interval, on a logarithmic scale."""
    values = [
        {
            "line": r.line.name,
            "ratio": r.ratio,
            "low": r.low,
            "high": r.high,
            "verdict": r.verdict,
            "before": r.before,
            "after": r.after,
        }
        for r in results
    ]
    across = {"scale": {"type": "log"}, "title": "level after / before, 95 % interval"}
    colour = {
        "field": "verdict",
        "type": "nominal",
        "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
        "title": None,
    }
    y = {"field": "line", "type": "nominal", "sort": None, "title": None}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "height": {"step": 22},
        "title": {
            "text": f"Before and after: {verdict}",
            "subtitle": "matched in load and speed; colours after Holm",
        },
        "layer": [
            {
                "data": {"values": [{"one": 1.0}]},
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#333333"},
                "encoding": {"x": {"field": "one", "type": "quantitative", **across}},
            },
            {
                "data": {"values": values},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "x": {"field": "low", "type": "quantitative", **across},
                    "x2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "data": {"values": values},
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "y": y,
                    "x": {"field": "ratio", "type": "quantitative", **across},
                    "color": colour,
                    "tooltip": [
                        {"field": name, "type": "quantitative", "format": ".4g"}
                        for name in ("ratio", "before", "after")
                    ],
                },
            },
        ],
    }
