"""What stands on each paper: blocks from the data of the shipment alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from recore.trade.documents.measure import wrapped
from recore.trade.documents.sheet import (
    BODY,
    BOTTOM,
    HEAVY,
    LABEL,
    LEADING,
    LEFT,
    NOT_STATED,
    PAGE_HEIGHT,
    RIGHT,
    SMALL,
    SOFT,
    Block,
    Column,
    Labels,
    Mark,
    Rule,
    Words,
    grid,
    paginate,
    paragraph,
    parties,
    section,
    signature,
    space,
    table,
    totals,
)
from recore.trade.documents.shipment import Goods, Inspection, Machine, Party, Shipment, Size
from recore.trade.documents.totals import Computed, amount, volume_m3, weighed


class Form(NamedTuple):
    """A kind of paper: its names, and whether the data are there for it."""

    file: str
    title: str
    chinese: str
    blocks: Callable[[Shipment, Computed, Labels], list[Block]]
    wants: Callable[[Shipment], str]


def cash(value: Decimal) -> str:
    return f"{value:,.2f}"


def plain(value: Decimal) -> str:
    """A number as it was stated, without zeros that say nothing."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_price(value: Decimal) -> str:
    text = plain(value)
    return cash(value) if len(text.partition(".")[2]) < 2 else text


def measures(size_mm: Size) -> str:
    return " × ".join(plain(edge) for edge in size_mm)


def _machine(machine: Machine, labels: Labels, where: str) -> str:
    name = " ".join(word for word in (machine.maker, machine.model) if word)
    head = ", ".join(word for word in (machine.family, name) if word) or labels.stated(None, f"{where}.model")
    pin = f"PIN {labels.stated(machine.pin, f'{where}.pin')}"
    year = f"built {labels.stated(machine.build_year, f'{where}.build_year')}"
    hours = labels.stated(machine.hours, f"{where}.hours", lambda v: f"{plain(v)} h")
    more = [f"hours {hours}" if hours == NOT_STATED else hours]
    more += [f"engine no. {machine.engine_number}"] if machine.engine_number else []
    more += [machine.condition] if machine.condition else []
    return f"{head}\n{pin}\n{', '.join([year, *more])}"


def _party(party: Party, labels: Labels, where: str) -> list[str]:
    lines = [party.name, *labels.stated(party.address, f"{where}.address").split("\n")]
    lines.append(labels.stated(party.country, f"{where}.country"))
    lines += [f"Tax ID {party.tax_id}"] if party.tax_id else []
    return [*lines, *([party.contact] if party.contact else [])]


def _parties(shipment: Shipment, labels: Labels) -> list[Block]:
    entries = [
        ("Seller", "卖方", _party(shipment.seller, labels, "seller")),
        ("Buyer", "买方", _party(shipment.buyer, labels, "buyer")),
    ]
    if shipment.consignee:
        entries.append(("Consignee", "收货人", _party(shipment.consignee, labels, "consignee")))
    if shipment.notify:
        entries.append(("Notify party", "通知方", _party(shipment.notify, labels, "notify")))
    return parties(labels, entries)


def _voyage(shipment: Shipment, labels: Labels) -> list[tuple[str, str, str]]:
    vessel = " / ".join(word for word in (shipment.vessel, shipment.voyage) if word) or None
    return [
        ("Port of loading", "装运港", labels.stated(shipment.origin_port, "origin_port")),
        ("Port of discharge", "目的港", labels.stated(shipment.destination_port, "destination_port")),
        ("Vessel and voyage", "船名航次", labels.stated(vessel, "vessel")),
        ("Bill of lading", "提单号", labels.stated(shipment.bill_of_lading, "bill_of_lading")),
    ]


def _closing(shipment: Shipment, labels: Labels, who: Sequence[tuple[str, str]]) -> list[Block]:
    found: list[Block] = []
    if shipment.remarks:
        found += [section(labels, "Remarks", "备注"), *paragraph(shipment.remarks, SMALL)]
    return [*found, space(10), signature(labels, who)]


SELLER_SIGNS = (("Place and date", "地点日期"), ("Signature and stamp of the seller", "卖方签字盖章"))


def invoice(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    terms = " ".join(word for word in (shipment.incoterm, shipment.incoterm_place) if word) or None
    if shipment.incoterm and not shipment.incoterm_place:
        labels.missing.append("incoterm_place")
    rows: list[list[str]] = []
    for n, machine in enumerate(shipment.machines):
        where = f"machines.{n}"
        price = labels.stated(machine.price, f"{where}.price", cash)
        rows.append(
            [
                str(len(rows) + 1),
                _machine(machine, labels, where),
                labels.stated(machine.hs, f"{where}.hs"),
                labels.stated(machine.origin, f"{where}.origin"),
                "1 unit",
                price,
                price,
            ]
        )
    rows += [_goods(line, n, len(shipment.machines) + n + 1, labels) for n, line in enumerate(shipment.goods)]
    sums = [("Goods", "货值", labels.stated(found.goods, "goods total", cash))]
    for english, chinese, value in (
        ("Freight", "运费", shipment.freight),
        ("Insurance", "保险费", shipment.insurance),
        ("Discount", "折扣", None if shipment.discount is None else -shipment.discount),
    ):
        sums += [(english, chinese, cash(value))] if value is not None else []
    total = labels.stated(found.invoice, "invoice total", cash)
    sums.append((f"Total {shipment.currency}", "总计", total))
    columns = (
        Column("No.", "序号", 4),
        Column("Description of goods", "货物名称", 33),
        Column("HS code", "海关编码", 12, small=True),
        Column("Origin", "原产国", 8),
        Column("Quantity", "数量", 12, right=True),
        Column(f"Unit price {shipment.currency}", "单价", 17, right=True),
        Column(f"Amount {shipment.currency}", "金额", 18, right=True),
    )
    facts = [
        ("Contract", "合同号", labels.stated(shipment.contract, "contract")),
        ("Terms of delivery (Incoterms)", "贸易术语", labels.stated(terms, "incoterm")),
        ("Terms of payment", "付款方式", labels.stated(shipment.payment_terms, "payment_terms")),
        ("Currency", "币种", shipment.currency),
        *_voyage(shipment, labels),
    ]
    marks = [("Shipping marks", "唛头", shipment.marks)] if shipment.marks else []
    return [
        *_parties(shipment, labels),
        *grid(labels, facts),
        *grid(labels, marks, columns=1),
        space(6),
        *table(labels, columns, rows),
        space(4),
        totals(labels, sums),
        *_closing(shipment, labels, SELLER_SIGNS),
    ]


def _goods(line: Goods, n: int, number: int, labels: Labels) -> list[str]:
    where = f"goods.{n}"
    return [
        str(number),
        line.description,
        labels.stated(line.hs, f"{where}.hs"),
        labels.stated(line.origin, f"{where}.origin"),
        f"{plain(line.quantity)} {line.unit}",
        labels.stated(line.unit_price, f"{where}.unit_price", unit_price),
        labels.stated(amount(line), f"{where}.amount", cash),
    ]


def packing_list(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    columns = (
        Column("Mark", "件号", 11),
        Column("Contents", "内容", 27),
        Column("Kind", "包装", 12, small=True),
        Column("Container", "箱号", 14, small=True),
        Column("Length × width × height mm", "尺寸", 19, right=True, small=True),
        Column("Volume m³", "体积", 11, right=True),
        Column("Net kg", "净重", 12, right=True),
        Column("Gross kg", "毛重", 13, right=True),
    )
    rows = []
    for n, package in enumerate(shipment.packages):
        where = f"packages.{n}"
        pieces = f"\n{package.pieces} pieces" if package.pieces else ""
        rows.append(
            [
                package.mark,
                package.contents + pieces,
                labels.stated(package.kind, f"{where}.kind"),
                package.container or "–",
                labels.stated(package.size_mm, f"{where}.size_mm", measures),
                labels.stated(package.size_mm, f"{where}.size_mm", lambda size: f"{volume_m3(size):,.3f}"),
                labels.stated(package.net_kg, f"{where}.net_kg", plain),
                labels.stated(package.gross_kg, f"{where}.gross_kg", plain),
            ]
        )
    if not rows:
        labels.missing.append("packages")
        for n, machine in enumerate(shipment.machines):
            where = f"machines.{n}"
            size = labels.stated(machine.size_mm, f"{where}.size_mm", measures)
            mass = labels.stated(machine.mass_kg, f"{where}.mass_kg", plain)
            text = _machine(machine, labels, where)
            rows.append([str(n + 1), text, NOT_STATED, "–", size, NOT_STATED, mass, NOT_STATED])
        first = len(rows) + 1
        rows += [
            [str(n), f"{line.description}\n{plain(line.quantity)} {line.unit}", *[NOT_STATED] * 6]
            for n, line in enumerate(shipment.goods, first)
        ]
    stated = shipment.totals
    sums = [
        ("Packages", "总件数", _total(labels, "packages", found.packages, stated.packages, str)),
        ("Volume m³", "总体积", _total(labels, "volume_m3", found.volume_m3, stated.volume_m3, _litres)),
        ("Net mass kg", "总净重", _total(labels, "net_kg", found.net_kg, stated.net_kg, plain)),
        ("Gross mass kg", "总毛重", _total(labels, "gross_kg", found.gross_kg, stated.gross_kg, plain)),
    ]
    facts = [
        ("Invoice", "发票号", shipment.number),
        ("Contract", "合同号", labels.stated(shipment.contract, "contract")),
        ("Containers", "集装箱", ", ".join(c.number for c in shipment.containers) or "–"),
        ("Shipping marks", "唛头", shipment.marks or "–"),
        *_voyage(shipment, labels),
    ]
    return [
        *_parties(shipment, labels),
        *grid(labels, facts),
        space(6),
        *table(labels, columns, rows),
        space(4),
        totals(labels, sums),
        *_closing(shipment, labels, SELLER_SIGNS),
    ]


def _litres(value: Decimal) -> str:
    return f"{value:,.3f}"


def _total(
    labels: Labels,
    name: str,
    found: Decimal | int | None,
    stated: Decimal | int | None,
    written: Callable[..., str],
) -> str:
    """The computed total; one that cannot be checked is shown as what somebody stated."""
    if found is None and stated is not None:
        return f"{written(stated)} (as stated, not checked)"
    return labels.stated(found, f"totals.{name}", written)


VGM_METHODS = {
    1: "Method 1: the packed and sealed container was weighed (SOLAS VI/2, paragraph 4.1)",
    2: "Method 2: all packages, dunnage and securing material were weighed and the tare added (SOLAS VI/2, paragraph 4.2)",
}


def vgm(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    blocks = [
        *_parties(shipment, labels),
        *grid(labels, [("Invoice", "发票号", shipment.number), *_voyage(shipment, labels)], columns=5),
    ]
    for n, container in enumerate(shipment.containers):
        where = f"containers.{n}"
        result, proof = weighed(container, shipment.packages), container.vgm
        method = VGM_METHODS[proof.method] if proof else labels.stated(None, f"{where}.vgm.method")
        mass = labels.stated(result.vgm_kg, f"{where}.vgm.mass_kg", lambda value: f"{plain(value)} kg")
        parts = [
            ("Container", "箱号", container.number),
            ("Size and type", "箱型", labels.stated(container.kind, f"{where}.kind")),
            ("Seal", "封号", labels.stated(container.seal, f"{where}.seal")),
            ("Maximum gross mass", "最大总重", _kg(labels, container.max_gross_kg, f"{where}.max_gross_kg")),
            ("Cargo", "货物", _kg(labels, result.cargo_kg, f"{where}.cargo_kg")),
            ("Dunnage and securing", "垫料绑扎", _kg(labels, container.dunnage_kg, f"{where}.dunnage_kg")),
            ("Tare", "皮重", _kg(labels, container.tare_kg, f"{where}.tare_kg")),
            ("Verified gross mass", "验证总重 VGM", mass),
        ]
        how = [
            ("Verified on", "日期", labels.stated(proof and proof.verified_on, f"{where}.vgm.verified_on")),
            ("Place", "地点", labels.stated(proof and proof.place, f"{where}.vgm.place")),
            (
                "Weighing equipment",
                "称重设备",
                labels.stated(proof and proof.equipment, f"{where}.vgm.equipment"),
            ),
            ("Certificate", "证书号", labels.stated(proof and proof.certificate, f"{where}.vgm.certificate")),
        ]
        responsible = labels.stated(proof and proof.responsible, f"{where}.vgm.responsible")
        source = [("Authorised by the shipper", "托运人授权", responsible)]
        if proof and proof.finding_sha256:
            source.append(("Finding, SHA-256", "测量记录", proof.finding_sha256))
        blocks += [
            section(labels, f"Container {container.number}", "集装箱"),
            *[replace(block, keep=True) for block in [*grid(labels, parts), *grid(labels, how)]],
            replace(grid(labels, [("Method", "方法", method)], columns=1)[0], keep=True),
            *grid(labels, source, columns=1),
            space(4),
        ]
    who = (("Place and date", "地点日期"), ("Signature, duly authorised by the shipper", "托运人授权签字"))
    return [*blocks, *_closing(shipment, labels, who)]


def _kg(labels: Labels, value: Decimal | None, name: str) -> str:
    return labels.stated(value, name, lambda mass: f"{plain(mass)} kg")


def certificate(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    machines = {machine.pin: machine for machine in shipment.machines}
    blocks: list[Block] = []
    for n, inspection in enumerate(shipment.inspections):
        blocks += _inspected(inspection, machines[inspection.pin], f"inspections.{n}", labels)
    who = (("Place and date", "地点日期"), ("Signature of the inspector", "检验员签字"))
    return [*_parties(shipment, labels), *blocks, *_closing(shipment, labels, who)]


def _inspected(inspection: Inspection, machine: Machine, where: str, labels: Labels) -> list[Block]:
    name = " ".join(word for word in (machine.maker, machine.model) if word) or NOT_STATED
    facts = [
        ("Machine", "机型", name),
        ("PIN", "产品识别码", inspection.pin),
        ("Build year", "出厂年份", labels.stated(machine.build_year, "machine.build_year")),
        ("Hours", "工作小时", labels.stated(machine.hours, "machine.hours", lambda v: f"{plain(v)} h")),
        ("Inspected on", "检验日期", labels.stated(inspection.date, f"{where}.date")),
        ("Place", "地点", labels.stated(inspection.place, f"{where}.place")),
        ("Inspector", "检验员", labels.stated(inspection.inspector, f"{where}.inspector")),
        ("Organisation", "检验机构", labels.stated(inspection.organisation, f"{where}.organisation")),
        ("Profile", "检验规范", labels.stated(inspection.profile, f"{where}.profile")),
        ("Grade", "等级", labels.stated(inspection.grade, f"{where}.grade")),
    ]
    columns = (
        Column("No.", "序号", 4),
        Column("Item", "项目", 26),
        Column("Result", "结果", 18),
        Column("Limit", "限值", 16),
        Column("Verdict", "判定", 9),
        Column("Finding, SHA-256", "测量记录", 27, small=True),
    )
    rows = [
        [
            str(k),
            check.item,
            labels.stated(check.result, f"{where}.checks.{k - 1}.result"),
            check.limit or "–",
            labels.stated(check.verdict, f"{where}.checks.{k - 1}.verdict"),
            check.finding_sha256 or "–",
        ]
        for k, check in enumerate(inspection.checks, 1)
    ]
    if not rows:
        labels.missing.append(f"{where}.checks")
    blocks = [section(labels, f"Inspection of {inspection.pin}", "检验"), *grid(labels, facts), space(4)]
    blocks += table(labels, columns, rows) if rows else paragraph(f"Checks: {NOT_STATED}", colour=SOFT)
    if inspection.limitations:
        blocks += [section(labels, "Limitations", "局限"), *paragraph(inspection.limitations, SMALL)]
    if inspection.passport_sha256:
        blocks += grid(labels, [("Passport, SHA-256", "护照", inspection.passport_sha256)], columns=1)
    return [*blocks, space(8)]


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
        ("Invoice amount excluding VAT, CNY", "不含税金额", labels.stated(file.invoice_ex_vat, "refund.invoice_ex_vat", cash)),
        ("VAT refund, CNY", "应退税额", labels.stated(file.rebate, "refund.rebate", cash)),
        ("VAT not refunded, CNY", "不予退税额", labels.stated(file.trapped_vat, "refund.trapped_vat", cash)),
    ]  # fmt: skip
    columns = (
        Column("No.", "序号", 5),
        Column("Paper", "单证", 41),
        Column("In the file", "是否齐备", 13),
        Column("Number", "编号", 21),
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
        *_parties(shipment, labels),
        *grid(labels, facts),
        *grid(labels, more, columns=1),
        space(4),
        *(table(labels, columns, rows) if rows else paragraph(f"Papers: {NOT_STATED}", colour=SOFT)),
        totals(labels, counts, last_is_sum=False),
        section(labels, "Amounts", "金额"),
        totals(labels, sums, last_is_sum=False),
        *_closing(shipment, labels, (("Prepared by", "制单"), ("Checked by", "审核"))),
    ]


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
    marks: list[Mark] = [Words(LEFT, 62.0, form.title, 17.0, bold=True)]
    if labels.chinese:
        marks.append(Words(LEFT, 79.0, form.chinese, 10.6, colour=SOFT))
    facts = (
        ("No.", "编号", shipment.number),
        ("Date", "日期", shipment.date.isoformat()),
        ("Page", "页", f"{page} of {of}"),
    )
    y, room = 45.0, 128.0
    for english, chinese, value in facts:
        label = labels.both(english, chinese)
        for k, line in enumerate(wrapped(value, BODY, room, bold=True)):
            y += BODY * LEADING
            if k == 0:
                marks.append(Words(RIGHT - room - 58, y, label, LABEL, colour=SOFT))
            marks.append(Words(RIGHT - room, y, line, BODY, bold=True))
    marks.append(Rule(LEFT, 96.0, RIGHT, HEAVY))
    return marks


def _foot(labels: Labels, digest: str) -> list[Mark]:
    y = PAGE_HEIGHT - 36
    text = labels.both("Made from the shipment data with the SHA-256 digest", "数据摘要")
    return [
        Rule(LEFT, BOTTOM + 8, RIGHT),
        Words(LEFT, y, text, 6.0, colour=SOFT),
        Words(LEFT, y + 8.5, digest, 6.0, colour=SOFT, mono=True),
        Words(RIGHT, y + 8.5, "Recore", 6.0, colour=SOFT, anchor="end"),
    ]
