"""Blocks on A4 sheets: a grid of fields, tables that flow over pages, totals, statements, signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from recore.trade.documents.measure import has_wide, wrapped

PAGE_WIDTH, PAGE_HEIGHT = 595.28, 841.89
LEFT, RIGHT = 48.0, 547.28
WIDTH = RIGHT - LEFT
TOP, BOTTOM = 100.0, 786.0

INK, SOFT, FAINT = "#1a1a1a", "#6b6b6b", "#b8b8b8"
HAIR, RULE, HEAVY = 0.35, 0.6, 1.1
LABEL, BODY, SMALL = 6.4, 8.6, 7.4
LEADING = 1.28
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Words:
    """One line of text; `y` is its base line."""

    x: float
    y: float
    text: str
    size: float = BODY
    bold: bool = False
    colour: str = INK
    anchor: str = "start"
    face: str = "sans"

    @property
    def font(self) -> str:
        """One font for the whole line: where two are mixed, the renderer takes a third one for the rest."""
        return "wide" if has_wide(self.text) else self.face


@dataclass(frozen=True)
class Rule:
    """A straight line across."""

    x: float
    y: float
    to: float
    weight: float = HAIR
    colour: str = INK


Mark = Words | Rule


@dataclass(frozen=True)
class Block:
    """Marks below a corner that pagination moves; a block is never torn.

    `header` is drawn again where a page begins with this block; `keep` holds it together with the next one.
    """

    height: float
    marks: tuple[Mark, ...] = ()
    header: Block | None = None
    keep: bool = False

    def at(self, y: float) -> list[Mark]:
        return [replace(mark, y=mark.y + y) for mark in self.marks]


@dataclass(frozen=True)
class Column:
    """A column of a table: labels, share of the width, side on which its text stands."""

    label: str
    chinese: str
    share: float
    right: bool = False
    small: bool = False


@dataclass
class Labels:
    """Bilingual labels: English, and Chinese where a font for it is there."""

    chinese: bool = True
    missing: list[str] = field(default_factory=list)

    def both(self, english: str, chinese: str) -> str:
        return f"{english}  {chinese}" if self.chinese and chinese else english

    @property
    def face(self) -> str:
        """Font of every label, so that those without Chinese look like those with it."""
        return "wide" if self.chinese else "sans"

    def stated(self, value: Any, name: str, written: Any = str) -> str:
        """The value as text; what is absent is said to be, and remembered."""
        if value is None:
            self.missing.append(name)
            return NOT_STATED
        return str(written(value))


def paginate(blocks: Sequence[Block]) -> list[list[Mark]]:
    """Blocks on pages, in order; what is kept together is moved together, unless it fills a page by itself."""
    pages: list[list[Mark]] = [[]]
    y = TOP
    start = 0
    while start < len(blocks):
        end = start + 1
        while blocks[end - 1].keep and end < len(blocks):
            end += 1
        group = blocks[start:end]
        needed = sum(block.height for block in group)
        if y > TOP and y + needed > BOTTOM:
            pages.append([])
            y = TOP
            if group[0].header:
                pages[-1] += group[0].header.at(y)
                y += group[0].header.height
        for block in group:
            if y > TOP and y + block.height > BOTTOM:
                pages.append([])
                y = TOP
            pages[-1] += block.at(y)
            y += block.height
        start = end
    return pages


def space(height: float) -> Block:
    return Block(height)


def section(labels: Labels, english: str, chinese: str) -> Block:
    text = labels.both(english, chinese)
    title = Words(LEFT, 18.0, text, 9.2, bold=True, face=labels.face)
    return Block(23.0, (title, Rule(LEFT, 23.0, RIGHT, RULE)), keep=True)


def paragraph(text: str, size: float = BODY, colour: str = INK) -> list[Block]:
    """Running text; every line may begin a page."""
    step = size * LEADING
    lines = wrapped(text, size, WIDTH)
    found = [Block(step, (Words(LEFT, step - 0.1 * size, line, size, colour=colour),)) for line in lines]
    return [
        replace(found[0], height=step + 2, marks=tuple(replace(m, y=m.y + 2) for m in found[0].marks)),
        *found[1:],
    ]


def grid(labels: Labels, entries: Sequence[tuple[str, str, str]], columns: int = 4) -> list[Block]:
    """Label above value, several in a row: (English, Chinese, value)."""
    room = WIDTH / columns
    return [
        _cells(labels, entries[i : i + columns], room, bold=False) for i in range(0, len(entries), columns)
    ]


def parties(labels: Labels, entries: Sequence[tuple[str, str, Sequence[str]]]) -> list[Block]:
    """Firms side by side, two in a row: (English, Chinese, lines); the first line is the name."""
    room = WIDTH / 2
    blocks = []
    for i in range(0, len(entries), 2):
        marks: list[Mark] = [Rule(LEFT, 0.0, RIGHT, HAIR, FAINT)] if i else []
        deepest = 0.0
        for n, (english, chinese, lines) in enumerate(entries[i : i + 2]):
            x, y = LEFT + n * room, 11.0
            marks.append(Words(x, y, labels.both(english, chinese), LABEL, colour=SOFT, face=labels.face))
            y += 3.5
            for k, text in enumerate(lines):
                size = 9.4 if k == 0 else BODY
                for line in wrapped(text, size, room - 14, bold=k == 0):
                    y += size * LEADING
                    marks.append(_said(x, y, line, size, bold=k == 0))
            deepest = max(deepest, y)
        blocks.append(Block(deepest + 9, tuple(marks)))
    return blocks


def table(labels: Labels, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[Block]:
    """A table whose head stands again on every page it flows to."""
    scale = WIDTH / sum(column.share for column in columns)
    edges = [LEFT]
    for column in columns:
        edges.append(edges[-1] + column.share * scale)
    head = _table_head(labels, columns, edges)
    blocks = [replace(head, keep=True)]
    for row in rows:
        marks: list[Mark] = []
        depth = 0.0
        for k, (column, text) in enumerate(zip(columns, row, strict=True)):
            size = SMALL if column.small else BODY
            room = edges[k + 1] - edges[k] - 8
            y = 3.4 + (BODY - size) * LEADING  # first lines stand on one base line
            for line in wrapped(text, size, room):
                y += size * LEADING
                x = edges[k + 1] - (2 if k == len(columns) - 1 else 6) if column.right else edges[k]
                marks.append(_said(x, y, line, size, anchor="end" if column.right else "start"))
            depth = max(depth, y)
        depth += 4.8
        marks.append(Rule(LEFT, depth, RIGHT, HAIR, FAINT))
        blocks += _torn(Block(depth, tuple(marks), header=head))
    return [*blocks[:-1], replace(blocks[-1], keep=True)]  # no sum stands alone on a page


def totals(labels: Labels, entries: Sequence[tuple[str, str, str]], *, last_is_sum: bool = True) -> Block:
    """Sums at the right edge; the last one is what is owed. Never torn."""
    left = LEFT + 0.5 * WIDTH
    marks: list[Mark] = []
    y = 2.0
    for n, (english, chinese, value) in enumerate(entries):
        strong = last_is_sum and n == len(entries) - 1
        size = 10.2 if strong else BODY
        if strong:
            y += 5.0
            marks.append(Rule(left, y, RIGHT, RULE))
        y += size * LEADING + (3.4 if strong else 2.2)
        marks.append(
            Words(left, y, labels.both(english, chinese), LABEL + 0.8, colour=INK if strong else SOFT)
        )
        marks.append(_said(RIGHT - 2, y, value, size, bold=strong, anchor="end"))
    if last_is_sum:
        y += 5.0
        marks += [Rule(left, y, RIGHT, RULE), Rule(left, y + 1.8, RIGHT, RULE)]
    return Block(y + 10, tuple(marks))


def signature(labels: Labels, who: Sequence[tuple[str, str]]) -> Block:
    """Lines to sign on, side by side."""
    room = WIDTH / len(who)
    marks: list[Mark] = []
    for n, (english, chinese) in enumerate(who):
        x = LEFT + n * room
        marks.append(Rule(x, 46.0, x + room - 16, HAIR))
        marks.append(Words(x, 55.0, labels.both(english, chinese), LABEL, colour=SOFT, face=labels.face))
    return Block(62.0, tuple(marks))


def _cells(labels: Labels, entries: Sequence[tuple[str, str, str]], room: float, bold: bool) -> Block:
    marks: list[Mark] = [Rule(LEFT, 0.0, RIGHT, HAIR, FAINT)]
    deepest = 0.0
    for n, (english, chinese, value) in enumerate(entries):
        x, y = LEFT + n * room, 2.6
        for line in wrapped(labels.both(english, chinese), LABEL, room - 8):
            y += LABEL * LEADING
            marks.append(Words(x, y, line, LABEL, colour=SOFT, face=labels.face))
        y += 1.6
        for line in wrapped(value, BODY, room - 10):
            y += BODY * LEADING
            marks.append(_said(x, y, line, BODY, bold=bold))
        deepest = max(deepest, y)
    return Block(deepest + 5, tuple(marks))


def _table_head(labels: Labels, columns: Sequence[Column], edges: Sequence[float]) -> Block:
    marks: list[Mark] = [Rule(LEFT, 6.0, RIGHT, HEAVY)]
    deepest = 0.0
    for k, column in enumerate(columns):
        right = edges[k + 1] - (2 if k == len(columns) - 1 else 6)
        room, y = edges[k + 1] - edges[k] - 6, 9.0
        words = wrapped(column.label, LABEL, room)
        for line in [*words, *([column.chinese] if labels.chinese else [])]:
            y += LABEL * LEADING
            x = right if column.right else edges[k]
            anchor = "end" if column.right else "start"
            marks.append(Words(x, y, line, LABEL, colour=SOFT, anchor=anchor, face=labels.face))
        deepest = max(deepest, y)
    marks.append(Rule(LEFT, deepest + 4, RIGHT, RULE))
    return Block(deepest + 4, tuple(marks))


def _torn(block: Block) -> list[Block]:
    """A row taller than a page, in pieces between its lines; any other row as it is."""
    room = BOTTOM - TOP - (block.header.height if block.header else 0)
    if block.height <= room:
        return [block]
    pieces: list[Block] = []
    top = 0.0
    while top < block.height:
        bottom = top + room - 14
        inside = [m for m in block.marks if top < m.y <= bottom]
        marks = tuple(replace(mark, y=mark.y - top) for mark in inside)
        pieces.append(Block(min(room, block.height - top), marks, header=block.header))
        top = bottom
    return pieces


def _said(x: float, y: float, text: str, size: float, *, bold: bool = False, anchor: str = "start") -> Words:
    absent = text == NOT_STATED
    return Words(x, y, text, size, bold and not absent, SOFT if absent else INK, anchor)
