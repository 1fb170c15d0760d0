"""Pages as SVG, SVG as PDF, pages joined to one file with the same bytes for the same content.

A renderer leaves out text for which it finds no font, without a word. Every page is therefore read back, and a
paper on which a character is missing is not handed out.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject

from recore.method import Refusal
from recore.trade.documents.sheet import PAGE_HEIGHT, PAGE_WIDTH, Mark, Words

FONTS = {
    "sans": "'Liberation Sans', Arial, Helvetica, 'DejaVu Sans', sans-serif",
    "wide": "'Noto Sans CJK SC', 'Source Han Sans SC', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', "
    "'WenQuanYi Micro Hei', SimSun, sans-serif",
    "mono": "'Liberation Mono', 'DejaVu Sans Mono', 'Courier New', monospace",
}
_PROBE = "商"
_PLACED = re.compile(rb"(/[^\s/]+) [\d.]+ Tf\s+(?:\(((?:[^\\()]|\\.)*)\)|<([0-9A-Fa-f]*)>) Tj", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_SECTION = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
_MAPPED = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4,})>")


class Paper(NamedTuple):
    """A finished document."""

    data: bytes
    pages: int


def render(pages: Sequence[Sequence[Mark]], *, title: str, subject: str, day: date) -> Paper:
    """One PDF of A4 pages with selectable text.

    Parameters
    ----------
    pages : marks of each page
    title, subject, day : what the file says of itself; the day is that of the document, not of the clock

    Raises
    ------
    Refusal : `no-font`, the fonts of this machine lack a character
    """
    writer = PdfWriter()
    for marks in pages:
        reader = PdfReader(io.BytesIO(_page(marks)))
        lost = lost_characters(marks, reader)
        if lost:
            raise Refusal(
                "no-font", f"no font of this machine has {lost}; install one, such as Noto Sans CJK"
            )
        _in_order(reader)
        writer.add_page(reader.pages[0])
    stamp = f"D:{day:%Y%m%d}000000Z"
    writer.add_metadata(
        {
            "/Title": title,
            "/Subject": subject,
            "/Creator": "Recore",
            "/Producer": "Recore",
            "/CreationDate": stamp,
            "/ModDate": stamp,
        }
    )
    sink = io.BytesIO()
    writer.write(sink)
    return Paper(sink.getvalue(), len(pages))


@cache
def has_chinese() -> bool:
    """Whether a font of this machine has Chinese characters; labels are English alone where none has."""
    mark = Words(20.0, 20.0, _PROBE)
    return not lost_characters([mark], PdfReader(io.BytesIO(_page([mark]))))


def svg(marks: Sequence[Mark]) -> str:
    """One page."""
    return (
        _templates().get_template("page.svg").render(marks=marks, fonts=FONTS, size=(PAGE_WIDTH, PAGE_HEIGHT))
    )


def _page(marks: Sequence[Mark]) -> bytes:
    data: bytes = vl_convert.svg_to_pdf(svg(marks))
    return data


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )


def lost_characters(marks: Sequence[Mark], reader: PdfReader) -> str:
    """Characters that a page shows fewer times than it should, or as the empty box of a font without them."""
    wanted = Counter("".join(_seen(mark.text) for mark in marks if isinstance(mark, Words)))
    shown, boxes = _shown(reader)
    missing = {*(wanted - Counter(_seen(shown))), *_seen(boxes)}
    return ", ".join(f"{c!r} (U+{ord(c):04X})" for c in sorted(missing)[:8])


def _shown(reader: PdfReader) -> tuple[str, str]:
    """Text of a page, read from the glyphs it places, and what stands there as glyph 0, the empty box.

    The renderer places each glyph by itself, as `/font size Tf (code) Tj` with codes of two bytes; reading just this
    is a hundred times as fast as a general text extraction.
    """
    page = reader.pages[0]
    resources: Any = page["/Resources"]
    letters = {name: _letters(font.get_object()) for name, font in resources.get("/Font", {}).items()}
    content = page.get_contents()
    shown: list[str] = []
    boxes: list[str] = []
    for name, string, hexadecimal in _PLACED.findall(b"" if content is None else content.get_data()):
        codes = bytes.fromhex(hexadecimal.decode()) if hexadecimal else _ESCAPED.sub(_unescaped, string)
        for high, low in zip(codes[::2], codes[1::2], strict=False):
            letter = letters[name.decode()].get(high << 8 | low, "")
            (shown if high or low else boxes).append(letter)
    return "".join(shown), "".join(boxes)


def _letters(font: Any) -> dict[int, str]:
    """Characters by code (PDF 32000-1, 9.10.3: ToUnicode)."""
    table = font["/ToUnicode"].get_object().get_data()
    return {
        int(code, 16): bytes.fromhex(units.decode()).decode("utf-16-be", "replace")
        for section in _SECTION.findall(table)
        for code, units in _MAPPED.findall(section)
    }


def _unescaped(match: re.Match[bytes]) -> bytes:
    inner = match[1]
    return bytes([int(inner, 8) & 255]) if inner[:1].isdigit() else _LETTERS.get(inner, inner)


def _seen(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not c.isspace())


def _in_order(reader: PdfReader) -> None:
    """Dictionaries by key: the renderer writes them in an order that changes from run to run."""
    for number in range(1, len(reader.xref[0]) + 1 if 0 in reader.xref else 0):
        thing = reader.get_object(number)
        if thing is not None:
            _sort(thing)


def _sort(thing: Any) -> None:
    if isinstance(thing, DictionaryObject):
        entries = sorted(thing.items())
        dict.clear(thing)
        for key, value in entries:
            dict.__setitem__(thing, key, value)
            _sort(value)
    elif isinstance(thing, ArrayObject):
        for value in thing:
            _sort(value)
