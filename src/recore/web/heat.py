"""Heat maps of a face as one SVG around an indexed PNG, in the reader's theme, without a script and without a fetch."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.fleet.tiles import Tile
from recore.web.drawing import PAPER, Drawing, ticks
from recore.web.plots import THEMES

# control points of cividis (Nunez, Anderton, Renslow, PLoS ONE 13 (2018) e0199239), which reads alike with any colour vision
CIVIDIS = (
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
)
GREY = ("#f4f4f4", "#111111")
SIGNED = ("#2166ac", "#92c5de", "#f2f0eb", "#f4a582", "#b2182b")
BANDS = ("#c9d6dc", "#8fb3c2", "#4d8aa6", "#e0a526", "#b2182b")
PALETTES = {"cividis": CIVIDIS, "grey": GREY, "signed": SIGNED, "bands": BANDS}
# shares of the yield pressure that part the bands: normal and severe weighting peak at 75 % and 90 % (Prasad et al. 2021)
BAND_EDGES = (0.25, 0.5, 0.75, 0.9)
NOTHING = {"light": "#e4dfd0", "dark": "#20343f"}
STEPS = 255
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 12, 52


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` in colours; `edges` part them into bands instead."""

    low: float
    high: float
    palette: str = "cividis"
    edges: tuple[float, ...] = ()

    def places(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Index of the colour of each value: 0 where there is none, 1 to 255 from low to high."""
        if self.edges:
            found = np.searchsorted(np.array(self.edges), values, side="right") + 1.0
        else:
            width = (self.high - self.low) or 1.0
            found = 1 + np.clip((values - self.low) / width, 0, 1) * (STEPS - 1)
        return np.where(np.isfinite(values), np.rint(np.nan_to_num(found)), 0).astype(np.uint8)

    def colours(self, theme: str) -> list[tuple[int, int, int]]:
        """256 colours: that of nothing, then the scale."""
        points = [_rgb(colour) for colour in PALETTES[self.palette]]
        if self.edges:
            ramp = [points[min(i, len(points) - 1)] for i in range(STEPS)]
        else:
            if self.palette == "grey" and theme == "dark":
                points = points[::-1]
            at = np.linspace(0, len(points) - 1, STEPS)
            mixed = np.stack(
                [np.interp(at, np.arange(len(points)), [p[c] for p in points]) for c in range(3)], axis=1
            )
            ramp = [tuple(round(v) for v in row.tolist()) for row in mixed]
        return [_rgb(NOTHING[theme]), *ramp]


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{c:02x}" for c in colour)


def png(cells: NDArray[np.uint8], colours: Sequence[tuple[int, int, int]]) -> bytes:
    """Indexed PNG (ISO/IEC 15948), one pixel per cell, the first row on top."""
    height, width = cells.shape
    raw = np.zeros((height, width + 1), np.uint8)  # filter byte 0 before each line
    raw[:, 1:] = cells

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes(c for colour in colours for c in colour)),
            chunk(b"IDAT", zlib.compress(raw.tobytes(), 6)),
            chunk(b"IEND", b""),
        )
    )


@dataclass(frozen=True)
class Mark:
    """A frame over cells: supports and axis values, both inclusive of the first and exclusive of the last."""

    supports: tuple[int, int]
    window: tuple[int, int]
    text: str = ""


@dataclass(frozen=True)
class Frame:
    """Where the cells of a heat map lie in its picture [px]."""

    width: int
    height: int
    cell: tuple[float, float]

    @classmethod
    def of(cls, shape: tuple[int, ...], width: int = 960) -> Frame:
        rows, columns = shape
        inner = width - LEFT - RIGHT
        high = min(max(rows * 3, 160), 640)
        return cls(width, high + TOP + BOTTOM, (inner / columns, high / rows))

    def cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Row and column of the cell under a point, None beside the map."""
        column, row = math.floor((x - LEFT) / self.cell[0]), math.floor((y - TOP) / self.cell[1])
        inside = 0 <= x - LEFT < self.width - LEFT - RIGHT and 0 <= y - TOP < self.height - TOP - BOTTOM
        return (row, column) if inside else None


def heat_svg(
    tile: Tile,
    scale: Scale,
    *,
    theme: str,
    words: dict[str, str],
    marks: Sequence[Mark] = (),
    width: int = 960,
) -> str:
    """Heat map with both axes: supports downward, time or shears to the right."""
    rows, columns = tile.values.shape
    frame = Frame.of(tile.values.shape, width)
    wide, high = width - LEFT - RIGHT, frame.height - TOP - BOTTOM
    drawing = Drawing(width, frame.height, theme)
    picture = base64.b64encode(png(scale.places(tile.values), scale.colours(theme))).decode()
    drawing.parts.append(
        f'<image x="{LEFT}" y="{TOP}" width="{wide}" height="{high}" preserveAspectRatio="none" '
        f'image-rendering="pixelated" href="data:image/png;base64,{picture}"/>'
    )
    ink, soft = THEMES[theme]["ink"], THEMES[theme]["soft"]
    drawing.rect(LEFT, TOP, wide, high, "none", soft)
    numbers = tile.supports
    for row in _row_ticks(rows, high):
        y = TOP + (row + 0.5) * frame.cell[1]
        drawing.line(LEFT - 4, y, LEFT, y, soft)
        drawing.text(LEFT - 7, y + 4, str(int(numbers[row])), anchor="end")
    begin, end = tile.first, tile.first + tile.step * columns
    for value, label in ticks(tile.axis, begin, end, wide // 110):
        x = LEFT + (value - begin) / (end - begin) * wide
        drawing.line(x, TOP + high, x, TOP + high + 5, soft)
        drawing.text(
            x,
            TOP + high + 19,
            label,
            anchor="middle" if LEFT + 30 < x < width - 40 else "start" if x < LEFT + 31 else "end",
        )
    drawing.text(LEFT + wide / 2, frame.height - 10, words["axis"], colour=ink, anchor="middle", size=13)
    drawing.text(14, TOP + high / 2, words["support"], colour=ink, anchor="middle", size=13, turn=True)
    for mark in marks:
        _frame(drawing, tile, frame, mark, begin, end, wide, ink)
    return drawing.svg()


def _frame(
    drawing: Drawing, tile: Tile, frame: Frame, mark: Mark, begin: int, end: int, wide: int, ink: str
) -> None:
    inside = np.flatnonzero((tile.supports >= mark.supports[0]) & (tile.supports <= mark.supports[1]))
    low, high = max(mark.window[0], begin), min(mark.window[1], end)
    if not len(inside) or high <= low:
        return
    x, x2 = (LEFT + (edge - begin) / (end - begin) * wide for edge in (low, high))
    y, y2 = TOP + inside[0] * frame.cell[1], TOP + (inside[-1] + 1) * frame.cell[1]
    drawing.rect(x, y, max(x2 - x, 2), max(y2 - y, 2), "none", PAPER[drawing.theme], 4)
    drawing.rect(x, y, max(x2 - x, 2), max(y2 - y, 2), "none", ink, 2)
    if mark.text:
        drawing.text((x + x2) / 2, max(y - 3, 11), mark.text, colour=ink, anchor="middle", size=11)


def _row_ticks(rows: int, high: float) -> list[int]:
    step = next(
        s for s in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000) if high / rows * s >= 16
    )
    return sorted({0, *range(step - 1, rows, step)} if step > 1 else set(range(rows)))


def legend_svg(scale: Scale, *, theme: str, unit: str, nothing: str, width: int = 460) -> str:
    """Colours of a scale with their values and unit, and the colour of a cell without one."""
    drawing = Drawing(width, 44, theme)
    colours = scale.colours(theme)
    wide = width - 150
    soft = THEMES[theme]["soft"]
    if scale.edges:
        each = wide / (len(scale.edges) + 1)
        for at in range(len(scale.edges) + 1):
            drawing.rect(4 + at * each, 4, each, 16, _hex(colours[at + 1]))
        for at, edge in enumerate(scale.edges):
            drawing.text(4 + (at + 1) * each, 36, f"{edge:.3g}", anchor="middle")
    else:
        for at in range(64):
            drawing.rect(4 + at * wide / 64, 4, wide / 64 + 0.5, 16, _hex(colours[1 + at * 4]))
        for share in (0, 0.5, 1):
            value = scale.low + share * (scale.high - scale.low)
            drawing.text(
                4 + share * wide, 36, f"{value:.3g}", anchor=("start", "middle", "end")[int(share * 2)]
            )
    drawing.rect(4, 4, wide, 16, "none", soft)
    drawing.text(wide + 10, 17, unit)
    drawing.rect(wide + 70, 4, 16, 16, _hex(colours[0]), soft)
    drawing.text(wide + 92, 17, nothing)
    return drawing.svg()
