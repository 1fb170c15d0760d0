"""A method's Vega-Lite plot as static SVG, on paper (light) or on blueprint (dark)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from recore import jsonio

THEMES: dict[str, dict[str, Any]] = {
    "light": {"ink": "#1b2a33", "soft": "#5b666c", "rule": "#d9d3c4", "range": ["#0b4f6c", "#a8421a", "#2f6b3c", "#7a5b00", "#6a3d78", "#4c5a61"]},
    "dark": {"ink": "#e3e8e6", "soft": "#9fb0b8", "rule": "#2c404c", "range": ["#86c5df", "#f0a27c", "#93cf9f", "#dfc06a", "#cfa6dd", "#b4c0c6"]},
}  # fmt: skip
DARK_PAPER = "#10202a"
READABLE = 4.5  # WCAG 2.2, 1.4.3
_PAINT = re.compile(r'(fill|stroke)="(black|#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})"')
_OWN = {
    colour for value in THEMES["dark"].values() for colour in ([value] if isinstance(value, str) else value)
}
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
    return text if theme == "light" else _PAINT.sub(_on_dark, text)


def _on_dark(paint: re.Match[str]) -> str:
    """A colour that a method chose for white paper, mixed with white until it can be seen on the blueprint."""
    attribute, colour = paint.groups()
    if colour in _OWN:
        return paint[0]
    channels = _channels(colour)
    for share in range(21):
        mixed = [round(255 * (channel + (1 - channel) * share / 20)) / 255 for channel in channels]
        if (_luminance(mixed) + 0.05) / (_luminance(_channels(DARK_PAPER)) + 0.05) >= READABLE:
            break
    return f'{attribute}="#{"".join(f"{round(channel * 255):02x}" for channel in mixed)}"'


def _channels(colour: str) -> list[float]:
    digits = "000000" if colour == "black" else colour[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def _luminance(channels: list[float]) -> float:
    """Relative luminance (WCAG 2.2, definitions)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


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
        "title": {
            "color": colours["ink"],
            "subtitleColor": colours["soft"],
            "font": FONT,
            "subtitleFont": FONT,
            "fontWeight": 500,
        },
        "range": {"category": colours["range"]},
        "mark": {"color": colours["range"][0]},
        "rule": {"color": colours["soft"]},
        "text": {"color": colours["ink"]},
    }
