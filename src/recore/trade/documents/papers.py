"""The kinds of paper, and their pages with head and foot."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from recore.trade.documents.commercial import invoice, packing_list
from recore.trade.documents.measure import wrapped
from recore.trade.documents.proofs import certificate, vgm
from recore.trade.documents.refund_file import refund
from recore.trade.documents.sheet import (
    BODY,
    BOTTOM,
    HEAVY,
    LABEL,
    LEADING,
    LEFT,
    PAGE_HEIGHT,
    RIGHT,
    SOFT,
    Block,
    Labels,
    Mark,
    Rule,
    Words,
    paginate,
)
from recore.trade.documents.shipment import Shipment
from recore.trade.documents.totals import Computed


class Form(NamedTuple):
    """A kind of paper: its names, and whether the data are there for it."""

    file: str
    title: str
    chinese: str
    blocks: Callable[[Shipment, Computed, Labels], list[Block]]
    wants: Callable[[Shipment], str]


FORMS = (
    Form("commercial-invoice.pdf", "Commercial invoice", "商业发票", invoice, lambda shipment: ""),
    Form("packing-list.pdf", "Packing list", "装箱单", packing_list, lambda shipment: ""),
    Form(
        "vgm-declaration.pdf",
        "Verified gross mass declaration",
        "集装箱载货重量 (VGM) 声明",
        vgm,
        lambda shipment: "" if shipment.containers else "containers",
    ),
    Form(
        "inspection-certificate.pdf",
        "Inspection certificate",
        "检验证书",
        certificate,
        lambda shipment: "" if shipment.inspections else "inspections",
    ),
    Form(
        "refund-file.pdf",
        "Export refund file, cover sheet",
        "出口退税申报资料封面",
        refund,
        lambda shipment: "" if shipment.refund else "refund",
    ),
)


def sheets(form: Form, shipment: Shipment, found: Computed, labels: Labels, digest: str) -> list[list[Mark]]:
    """The pages of one paper with head and foot."""
    pages = paginate(form.blocks(shipment, found, labels))
    return [
        [*_head(form, shipment, labels, n, len(pages)), *marks, *_foot(labels, digest)]
        for n, marks in enumerate(pages, 1)
    ]


def _head(form: Form, shipment: Shipment, labels: Labels, page: int, of: int) -> list[Mark]:
    marks: list[Mark] = [Words(LEFT, 57.0, form.title, 17.0, bold=True)]
    if labels.chinese:
        marks.append(Words(LEFT, 74.0, form.chinese, 10.6, colour=SOFT))
    facts = (
        ("No.", "编号", shipment.number),
        ("Date", "日期", shipment.date.isoformat()),
        ("Page", "页", f"{page} of {of}"),
    )
    y, room = 40.0, 150.0
    for english, chinese, value in facts:
        label = labels.both(english, chinese)
        for k, line in enumerate(wrapped(value, BODY, room, bold=True)):
            y += BODY * LEADING
            if k == 0:
                marks.append(Words(RIGHT - room - 50, y, label, LABEL, colour=SOFT, face=labels.face))
            marks.append(Words(RIGHT, y, line, BODY, bold=True, anchor="end"))
    marks.append(Rule(LEFT, 88.0, RIGHT, HEAVY))
    return marks


def _foot(labels: Labels, digest: str) -> list[Mark]:
    y = PAGE_HEIGHT - 36
    text = labels.both("Made from the shipment data with the SHA-256 digest", "数据摘要")
    return [
        Rule(LEFT, BOTTOM + 8, RIGHT),
        Words(LEFT, y, text, 6.0, colour=SOFT, face=labels.face),
        Words(LEFT, y + 8.5, digest, 6.0, colour=SOFT, face="mono"),
        Words(RIGHT, y + 8.5, "Recore", 6.0, colour=SOFT, anchor="end", face=labels.face),
    ]
