"""Chart of the reasons of an eligibility answer, by question."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

_COLOURS = {"pass": "#2a7f62", "fail": "#b3402a", "unknown": "#8a8a8a"}
_MOST_LINES = 30


def draw_reasons(reasons: pa.Table) -> dict[str, Any]:
    """Vega-Lite specification: what the rows of each question said, as stacked bars.

    Parameters
    ----------
    reasons : table of reasons; of a list of countries the questions are counted over all of them
    """
    asked, said = reasons["question"].to_pylist(), reasons["outcome"].to_pylist()
    counts = Counter(zip(asked, said, strict=True))
    questions = [question for question, _ in Counter(asked).most_common(_MOST_LINES)]
    values = [
        {"question": question, "outcome": outcome, "rows": number}
        for (question, outcome), number in sorted(counts.items())
        if question in questions
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 420,
        "height": {"step": 22},
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "y": {"field": "question", "type": "nominal", "title": None, "sort": "-x"},
            "x": {"field": "rows", "type": "quantitative", "title": "rows heard", "axis": {"tickMinStep": 1}},
            "color": {
                "field": "outcome",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
            },
            "tooltip": [{"field": name} for name in ("question", "outcome", "rows")],
        },
    }
