"""Pages as SVG, SVG as PDF, pages joined to one file with the same bytes for the same content.

A renderer leaves out text for which it finds no font, without a word. Every page is therefore read back, and a
paper on which a character is missing is not handed out.
"""

from __future__ import annotations

import io
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
        lost = _lost(marks, reader.pages[0].extract_text())
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
    return not _lost([mark], PdfReader(io.BytesIO(_page([mark]))).pages[0].extract_text())


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


def _lost(marks: Sequence[Mark], found: str) -> str:
    """Characters that are on the page fewer times than they should be."""
    wanted = Counter("".join(_seen(mark.text) for mark in marks if isinstance(mark, Words)))
    missing = wanted - Counter(_seen(found))
    return ", ".join(f"{c!r} (U+{ord(c):04X})" for c in sorted(missing)[:8])


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
