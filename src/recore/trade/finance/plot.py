"""Picture of a loan: interest and principal of every payment, and what is still owed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recore.trade.finance.offer import FinanceOffer

_PRINCIPAL, _INTEREST, _BALANCE = "#1f5f8b", "#b3402a", "#333333"


def draw_schedule(offer: FinanceOffer) -> dict[str, Any]:
    """Vega-Lite: stacked payments above, balance below; of several cases the first one's schedule."""
    assert offer.schedule is not None and offer.offers is not None  # every offer is made with its tables
    rows = offer.schedule.to_pylist()
    first = min((row.get("case", 1) for row in rows), default=1)
    rows = [row for row in rows if row.get("case", 1) == first]
    unit = offer.offers["currency"][first - 1].as_py()
    parts = [
        {"month": row["month"], "part": part, "amount": float(row[part]), "order": order}
        for row in rows
        for order, part in enumerate(("principal", "interest"))
    ]
    title = f"Case {first} of {offer.cases}" if offer.cases > 1 else "Payments"
    x: dict[str, Any] = {
        "field": "month",
        "type": "quantitative",
        "title": "month",
        "axis": {"tickMinStep": 1, "format": "d"},
        "scale": {"domain": [0, len(rows) + 1], "nice": False},
    }
    stacked = {
        "data": {"values": parts},
        "width": 640,
        "height": 220,
        "mark": {"type": "area", "interpolate": "step"}
        if len(rows) > 60
        else {"type": "bar", "size": _bar(len(rows))},
        "encoding": {
            "x": x,
            "y": {"field": "amount", "type": "quantitative", "title": f"payment [{unit}]"},
            "color": {
                "field": "part",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["principal", "interest"], "range": [_PRINCIPAL, _INTEREST]},
                "legend": {"orient": "top"},
            },
            "order": {"field": "order"},
            "tooltip": [{"field": name} for name in ("month", "part", "amount")],
        },
    }
    balance = {
        "data": {"values": [{"month": row["month"], "balance": float(row["balance"])} for row in rows]},
        "width": 640,
        "height": 120,
        "mark": {"type": "line", "interpolate": "step-after", "color": _BALANCE},
        "encoding": {
            "x": x,
            "y": {"field": "balance", "type": "quantitative", "title": f"balance [{unit}]"},
            "tooltip": [{"field": "month"}, {"field": "balance"}],
        },
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "vconcat": [stacked, balance],
    }


def _bar(months: int) -> float:
    return max(2.0, min(28.0, 560 / max(months, 1)))
