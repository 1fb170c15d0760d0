"""Pictures of one support and of a moment: bars, trend of the cycles, the raw record of a cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.fleet.tiles import TIME
from recore.web.drawing import Drawing, ticks
from recore.web.plots import THEMES

LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 46
MOST_POINTS = 1_600


@dataclass(frozen=True)
class Level:
    """A horizontal line with its name."""

    value: float
    text: str


@dataclass(frozen=True)
class Point:
    """A marked moment [µs] of a leg (place in the legend), with a letter and a word."""

    at: int
    value: float
    letter: str
    text: str
    leg: int = 0


def _step(span: float, most: int) -> float:
    if span <= 0:
        return 1.0
    return next(s * 10.0**p for p in range(-6, 12) for s in (1, 2, 5) if span / (s * 10.0**p) <= most)


def _frame(
    drawing: Drawing,
    low: float,
    high: float,
    unit: str,
    words: Mapping[str, str],
    axis: Sequence[tuple[float, str]],
) -> None:
    soft, rule, ink = (THEMES[drawing.theme][name] for name in ("soft", "rule", "ink"))
    inner, bottom = drawing.width - RIGHT, drawing.height - BOTTOM
    step = _step(high - low, 6)
    value = np.ceil(low / step) * step
    while value <= high + 1e-9:
        y = bottom - (value - low) / (high - low) * (bottom - TOP)
        drawing.line(LEFT, y, inner, y, rule)
        drawing.text(LEFT - 6, y + 4, f"{value:.4g}", anchor="end")
        value += step
    drawing.line(LEFT, bottom, inner, bottom, soft)
    for x, label in axis:
        drawing.line(x, bottom, x, bottom + 5, soft)
        anchor = "start" if x < LEFT + 20 else "end" if x > inner - 24 else "middle"
        drawing.text(x, bottom + 18, label, anchor=anchor)
    drawing.text((LEFT + inner) / 2, drawing.height - 8, words["axis"], colour=ink, anchor="middle", size=13)
    drawing.text(13, (TOP + bottom) / 2, unit, colour=ink, anchor="middle", size=13, turn=True)


def _levels(drawing: Drawing, levels: Sequence[Level], low: float, high: float) -> None:
    bottom, soft = drawing.height - BOTTOM, THEMES[drawing.theme]["soft"]
    for level in levels:
        if low <= level.value <= high:
            y = bottom - (level.value - low) / (high - low) * (bottom - TOP)
            drawing.line(LEFT, y, drawing.width - RIGHT, y, soft, 1, "6 4")
            drawing.text(drawing.width - RIGHT - 2, y - 4, level.text, anchor="end", size=11, halo=True)


def bars_svg(
    supports: NDArray[np.int64],
    legs: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    marked: NDArray[np.bool_],
    levels: Sequence[Level],
    unit: str,
    theme: str,
    words: Mapping[str, str],
    width: int = 960,
) -> str:
    """A bar for each leg, side by side within its support; `marked` ones carry an alarm and are hatched with a cap."""
    drawing = Drawing(width, 320, theme)
    numbers, place = np.unique(supports, return_inverse=True)
    many = max(int(np.bincount(place).max()), 1) if len(place) else 1
    top = (
        max(
            [
                float(np.nanmax(values)) if np.isfinite(values).any() else 1.0,
                *(level.value for level in levels),
            ]
        )
        * 1.06
    )
    wide = width - LEFT - RIGHT
    each = wide / max(len(numbers), 1)
    every = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if each * n >= 26), 1000)
    axis = [
        (LEFT + (i + 0.5) * each, str(int(number)))
        for i, number in enumerate(numbers)
        if i == 0 or (i + 1) % every == 0
    ]
    _frame(drawing, 0.0, top, unit, words, axis)
    bottom = drawing.height - BOTTOM
    colours = THEMES[theme]["range"]
    order: dict[int, int] = {}
    for at, leg, value, alarm in zip(place, legs, values, marked, strict=True):
        nth = order[int(at)] = order.get(int(at), -1) + 1
        x = LEFT + at * each + each * (0.1 + 0.8 * nth / many)
        thick = max(each * 0.8 / many - (0.6 if each > 8 else 0), 0.6)
        if not np.isfinite(value):
            drawing.line(x, bottom - 3, x + thick, bottom - 3, THEMES[theme]["soft"], 1)
            continue
        high = max(float(value), 0.0) / top * (bottom - TOP)
        drawing.rect(x, bottom - high, thick, high, colours[(int(leg) - 1) % len(colours)])
        if alarm:
            drawing.rect(x, bottom - high - 4, thick, 4, THEMES[theme]["ink"])
    _levels(drawing, levels, 0.0, top)
    return drawing.svg()


def trend_svg(
    start: NDArray[np.int64],
    legs: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
    *,
    levels: Sequence[Level],
    shades: Sequence[tuple[int, int, str]] = (),
    theme: str,
    words: Mapping[str, str],
    width: int = 960,
) -> str:
    """Pressures of the cycles of one support in time; one line per leg and column, dashed after the first column.

    `shades` are intervals [µs] with a word, as a fault has them.
    """
    drawing = Drawing(width, 300, theme)
    known = np.concatenate([*columns.values(), np.array([level.value for level in levels])])
    known = known[np.isfinite(known)]
    low, high = (0.0, 1.0) if not len(known) else (max(float(known.min()) - 2, 0.0), float(known.max()) + 2)
    begin, end = int(start.min()), max(int(start.max()), int(start.min()) + 1)
    wide, bottom = width - LEFT - RIGHT, drawing.height - BOTTOM
    axis = [
        (LEFT + (v * 1000 - begin) / (end - begin) * wide, label)
        for v, label in ticks(TIME, begin // 1000, end // 1000, wide // 120)
        if begin <= v * 1000 <= end
    ]
    for at, until, text in shades:
        x, x2 = (LEFT + (min(max(t, begin), end) - begin) / (end - begin) * wide for t in (at, until))
        if x2 > x:
            drawing.rect(x, TOP, x2 - x, bottom - TOP, THEMES[theme]["rule"])
            drawing.text(x + 3, TOP + 12, text, size=11)
    _frame(drawing, low, high, "MPa", words, axis)
    for k, values in enumerate(columns.values()):
        for leg in np.unique(legs).tolist():
            mine = (legs == leg) & np.isfinite(values)
            x = LEFT + (start[mine] - begin) / (end - begin) * wide
            y = bottom - (values[mine] - low) / (high - low) * (bottom - TOP)
            _path(drawing, x, y, THEMES[theme]["range"][(int(leg) - 1) % 6], dash=("", "5 3", "2 3")[k % 3])
    _levels(drawing, levels, low, high)
    return drawing.svg()


def record_svg(
    record: Mapping[int, tuple[NDArray[np.int64], NDArray[np.float64]]],
    *,
    window: tuple[int, int],
    levels: Sequence[Level],
    points: Sequence[Point],
    theme: str,
    words: Mapping[str, str],
    width: int = 960,
) -> str:
    """Raw pressures of the legs over a window, with lettered marks; every peak and trough of the record is kept."""
    drawing = Drawing(width, 380, theme)
    parts = [p for _, p in record.values()] or [np.array([0.0, 1.0])]
    known = np.concatenate([*parts, np.array([level.value for level in levels])])
    known = known[np.isfinite(known)]
    low, high = min(float(known.min()), 0.0), float(known.max()) * 1.1 + 0.5
    begin, end = window
    wide, bottom = width - LEFT - RIGHT, drawing.height - BOTTOM
    axis = [
        (LEFT + (v * 1000 - begin) / (end - begin) * wide, label)
        for v, label in ticks(TIME, begin // 1000, end // 1000, wide // 120)
        if begin <= v * 1000 <= end
    ]
    _frame(drawing, low, high, "MPa", words, axis)
    for leg, (ts, p) in record.items():
        ts, p = extremes(ts, p, MOST_POINTS)
        x = LEFT + (ts - begin) / (end - begin) * wide
        y = bottom - (p - low) / (high - low) * (bottom - TOP)
        _path(drawing, x, y, THEMES[theme]["range"][(leg - 1) % 6], width=1.4)
    _levels(drawing, levels, low, high)
    ink = THEMES[theme]["ink"]
    taken: list[float] = []
    for point in sorted(points, key=lambda one: one.at):
        below = point.text == "reseated"
        if begin <= point.at <= end and np.isfinite(point.value):
            px = LEFT + (point.at - begin) / (end - begin) * wide
            py = bottom - (point.value - low) / (high - low) * (bottom - TOP)
            colour = THEMES[theme]["range"][(point.leg - 1) % 6] if point.leg else ink
            drawing.parts.append(
                f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="none" stroke="{ink}" stroke-width="1.6"/>'
            )
            # letters that would lie on each other are stacked
            lift = 0 if below else sum(1 for other in taken if abs(other - px) < 12)
            taken += [] if below else [px]
            drawing.text(
                px,
                py + 17 if below else max(py - 8 - 12 * lift, 11),
                point.letter,
                colour=colour,
                anchor="middle",
                halo=True,
            )
    return drawing.svg()


def extremes(ts: NDArray[np.int64], p: NDArray[Any], most: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """At most about `most` samples: the lowest and the highest of equal stretches, in their order."""
    if len(ts) <= most:
        return ts, p
    edges = np.linspace(0, len(ts), most // 2 + 1).astype(np.int64)[:-1]
    lengths = np.diff(np.append(edges, len(ts)))
    lows, highs = np.minimum.reduceat(p, edges), np.maximum.reduceat(p, edges)
    group = np.repeat(np.arange(len(edges)), lengths)
    kept = np.zeros(len(ts), bool)
    for wanted in (lows, highs):
        at = np.flatnonzero(p == wanted[group])
        kept[at[np.unique(group[at], return_index=True)[1]]] = True
    kept[[0, -1]] = True
    return ts[kept], p[kept]


def _path(
    drawing: Drawing, x: NDArray[Any], y: NDArray[Any], colour: str, *, width: float = 1.5, dash: str = ""
) -> None:
    if not len(x):
        return
    points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    drawing.parts.append(
        f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{dashed}/>'
    )
