"""Cover sheet of the file for the refund of value added tax on export."""

from __future__ import annotations

from recore.trade.documents.parts import closing, firms, written
from recore.trade.documents.sheet import (
    NOT_STATED,
    SOFT,
    Block,
    Column,
    Labels,
    grid,
    paragraph,
    section,
    space,
    table,
    totals,
)
from recore.trade.documents.shipment import Shipment
from recore.trade.documents.totals import Computed


def refund(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    file = shipment.refund
    assert file is not None  # `wants` has asked for it
    facts = [
        ("Exporter", "出口企业", shipment.seller.name),
        ("Taxpayer number", "纳税人识别号", labels.stated(file.taxpayer_id, "refund.taxpayer_id")),
        ("Route", "退税方式", labels.stated(file.case, "refund.case")),
        ("Tax period", "所属期", labels.stated(file.tax_period, "refund.tax_period")),
        (
            "Customs declaration",
            "报关单号",
            labels.stated(file.customs_declaration, "refund.customs_declaration"),
        ),
        ("Export date", "出口日期", labels.stated(file.export_date, "refund.export_date")),
        ("Invoice", "发票号", shipment.number),
        ("Contract", "合同号", labels.stated(shipment.contract, "contract")),
    ]
    sums = [
        ("Invoice amount excluding VAT, CNY", "不含税金额", labels.stated(file.invoice_ex_vat, "refund.invoice_ex_vat", written)),
        ("VAT refund, CNY", "应退税额", labels.stated(file.rebate, "refund.rebate", written)),
        ("VAT not refunded, CNY", "不予退税额", labels.stated(file.trapped_vat, "refund.trapped_vat", written)),
    ]  # fmt: skip
    columns = (
        Column("No.", "序号", 5),
        Column("Paper", "单证", 36),
        Column("In the file", "是否齐备", 13),
        Column("Number", "编号", 27, small=True),
        Column("Date", "日期", 13),
        Column("Pages", "页数", 8, right=True),
    )
    rows = []
    for n, paper in enumerate(file.papers):
        name = f"{paper.name}\n{paper.name_zh}" if paper.name_zh else paper.name
        there = labels.stated(
            paper.present, f"refund.papers.{n}.present", lambda yes: "present" if yes else "ABSENT"
        )
        rows.append(
            [str(n + 1), name, there, paper.number or "–", str(paper.date or "–"), str(paper.pages or "–")]
        )
    if not rows:
        labels.missing.append("refund.papers")
    counts = [
        ("Papers present", "齐备", str(sum(paper.present is True for paper in file.papers))),
        ("Papers absent", "缺少", str(sum(paper.present is False for paper in file.papers))),
        ("Papers not looked for", "未核对", str(sum(paper.present is None for paper in file.papers))),
    ]
    more = [("Finding, SHA-256", "计算记录", file.finding_sha256)] if file.finding_sha256 else []
    return [
        *firms(shipment, labels),
        *grid(labels, facts),
        *grid(labels, more, columns=1),
        space(4),
        *(table(labels, columns, rows) if rows else paragraph(f"Papers: {NOT_STATED}", colour=SOFT)),
        totals(labels, counts, last_is_sum=False),
        section(labels, "Amounts", "金额"),
        totals(labels, sums, last_is_sum=False),
        *closing(shipment, labels, (("Prepared by", "制单"), ("Checked by", "审核"))),
    ]
