"""Commercial invoice and packing list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from recore.trade.documents.parts import (
    SELLER_SIGNS,
    closing,
    firms,
    machine_text,
    measures,
    plain,
    unit_price,
    voyage,
    written,
)
from recore.trade.documents.sheet import NOT_STATED, Block, Column, Labels, grid, space, table, totals
from recore.trade.documents.shipment import Goods, Shipment
from recore.trade.documents.totals import Computed, amount, volume_m3


def invoice(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    terms = " ".join(word for word in (shipment.incoterm, shipment.incoterm_place) if word) or None
    if shipment.incoterm and not shipment.incoterm_place:
        labels.missing.append("incoterm_place")
    rows: list[list[str]] = []
    for n, machine in enumerate(shipment.machines):
        where = f"machines.{n}"
        price = labels.stated(machine.price, f"{where}.price", written)
        rows.append(
            [
                str(len(rows) + 1),
                machine_text(machine, labels, where),
                labels.stated(machine.hs, f"{where}.hs"),
                labels.stated(machine.origin, f"{where}.origin"),
                "1 unit",
                price,
                price,
            ]
        )
    rows += [_goods(line, n, len(shipment.machines) + n + 1, labels) for n, line in enumerate(shipment.goods)]
    sums = [("Goods", "货值", labels.stated(found.goods, "goods total", written))]
    for english, chinese, value in (
        ("Freight", "运费", shipment.freight),
        ("Insurance", "保险费", shipment.insurance),
    ):
        sums += [(english, chinese, written(value))] if value is not None else []
    if shipment.discount is not None:
        sums.append(("Discount", "折扣", f"−{written(shipment.discount)}"))
    total = labels.stated(found.invoice, "invoice total", written)
    sums.append((f"Total {shipment.currency}", "总计", total))
    columns = (
        Column("No.", "序号", 4),
        Column("Description of goods", "货物名称", 37),
        Column("HS code", "海关编码", 12, small=True),
        Column("Origin", "原产国", 7),
        Column("Quantity", "数量", 11, right=True),
        Column(f"Unit price {shipment.currency}", "单价", 15, right=True),
        Column(f"Amount {shipment.currency}", "金额", 16, right=True),
    )
    facts = [
        ("Contract", "合同号", labels.stated(shipment.contract, "contract")),
        ("Incoterms rule", "贸易术语", labels.stated(terms, "incoterm")),
        ("Terms of payment", "付款方式", labels.stated(shipment.payment_terms, "payment_terms")),
        ("Currency", "币种", shipment.currency),
        *voyage(shipment, labels),
    ]
    marks = [("Shipping marks", "唛头", shipment.marks)] if shipment.marks else []
    return [
        *firms(shipment, labels),
        *grid(labels, facts),
        *grid(labels, marks, columns=1),
        space(6),
        *table(labels, columns, rows),
        replace(totals(labels, sums), keep=True),
        *closing(shipment, labels, SELLER_SIGNS),
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
        labels.stated(amount(line), f"{where}.amount", written),
    ]


def packing_list(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    columns = (
        Column("Mark", "件号", 8),
        Column("Contents", "内容", 27),
        Column("Kind", "包装", 12, small=True),
        Column("Container", "箱号", 16, small=True),
        Column("L × W × H mm", "尺寸", 21, right=True, small=True),
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
            text = machine_text(machine, labels, where)
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
        *voyage(shipment, labels),
    ]
    return [
        *firms(shipment, labels),
        *grid(labels, facts),
        space(6),
        *table(labels, columns, rows),
        replace(totals(labels, sums, last_is_sum=False), keep=True),
        *closing(shipment, labels, SELLER_SIGNS),
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
