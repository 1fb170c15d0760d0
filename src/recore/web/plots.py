"""A method's Vega-Lite plot as static SVG, on paper (light) or on blueprint (dark)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from recore import jsonio

THEMES: dict[str, dict[str, Any]] = {
    "light": {"ink": "#1b2a33", "soft": "#5b666c", "rule": "#d9d3c4", "range": ["#0b4f6c", "#a8421a", "#2f6b3c", "#7a5b00", "#6a3d78", "#4c5a61"]},
    "dark": {"ink": "#e3e8e6", "soft": "#9fb0b8", "rule": "#2c404c", "range": ["#86c5df", "#f0a27c", "#93cf9f", "#dfc06a", "#cfa6dd", "#b4c0c6"]},
}  # fmt: skip
FONT = "Helvetica Neue, Helvetica, Arial, Noto Sans CJK SC, sans-serif"


def svg(specification: dict[str, Any], theme: str) -> str:
    """SVG of a Vega-Lite specification in one of the two themes; nothing is fetched."""
    return _svg(jsonio.canonical(specification), theme)


@lru_cache(maxsize=64)
def _svg(canonical: bytes, theme: str) -> str:
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(
        json.loads(canonical), config=_config(THEMES[theme]), allowed_base_urls=[]
    )
    return text


def _config(colours: dict[str, Any]) -> dict[str, Any]:
    text = {"labelColor": colours["soft"], "titleColor": colours["ink"], "labelFont": FONT, "titleFont": FONT}
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": colours["rule"]},
        "axis": {
            **text,
            "gridColor": colours["rule"],
            "domainColor": colours["soft"],
            "tickColor": colours["soft"],
            "titleFontWeight": 500,
        },
        "legend": text,
        "header": text,
        "title": {"color": colours["ink"], "font": FONT, "fontWeight": 500},
        "range": {"category": colours["range"]},
        "mark": {"color": colours["range"][0]},
        "rule": {"color": colours["soft"]},
        "text": {"color": colours["ink"]},
    }
