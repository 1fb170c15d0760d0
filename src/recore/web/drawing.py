"""Shapes and words of a static SVG picture in the reader's theme."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from markupsafe import escape

from recore.fleet.tiles import TIME
from recore.web.plots import FONT, THEMES

PAPER = {"light": "#faf8f1", "dark": "#10202a"}
_DAY_MS = 86_400_000


@dataclass
class Drawing:
    width: int
    height: int
    theme: str
    parts: list[str] = field(default_factory=list)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: str = ""
    ) -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"{dashed} fill="none"/>'
        )

    def rect(
        self, x: float, y: float, w: float, h: float, fill: str, stroke: str = "none", width: float = 1
    ) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{max(h, 0):.1f}" fill="{fill}" stroke="{stroke}"'
            f' stroke-width="{width}"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        colour: str = "",
        anchor: str = "start",
        size: int = 12,
        turn: bool = False,
        halo: bool = False,
    ) -> None:
        ink = colour or THEMES[self.theme]["soft"]
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        around = f' stroke="{PAPER[self.theme]}" stroke-width="3" paint-order="stroke"' if halo else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{ink}" font-size="{size}" text-anchor="{anchor}"{turned}{around}>{escape(words)}</text>'
        )

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{escape(FONT)}">{"".join(self.parts)}</svg>'
        )


def ticks(axis: str, begin: int, end: int, most: int) -> list[tuple[int, str]]:
    """Values of an axis where a label stands, and the label."""
    if axis != TIME:
        span = max(end - begin, 1)
        step = next(s * 10**p for p in range(0, 8) for s in (1, 2, 5) if span / (s * 10**p) <= max(most, 2))
        return [(v, str(v)) for v in range(-(-begin // step) * step, end + 1, step)]
    hours = (1 / 60, 1 / 12, 0.25, 1, 2, 6, 12, 24, 48, 168, 336, 672, 1344, 2688, 5376, 10752)
    step = int(
        next((h for h in hours if (end - begin) / (h * 3_600_000) <= max(most, 2)), hours[-1]) * 3_600_000
    )
    pattern = (
        "%H:%M"
        if step < _DAY_MS // 4
        else "%d %b %H:%M"
        if step < _DAY_MS
        else "%d %b %Y"
        if end - begin > 200 * _DAY_MS
        else "%d %b"
    )
    found = []
    for value in range(-(-begin // step) * step, end + 1, step):
        when = datetime.fromtimestamp(value / 1000, UTC)
        midnight = pattern == "%H:%M" and when.hour == when.minute == 0
        found.append((value, when.strftime("%d %b" if midnight else pattern)))
    return found
