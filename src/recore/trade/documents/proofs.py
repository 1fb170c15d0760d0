"""Verified gross mass declaration and inspection certificate."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from recore.trade.documents.parts import closing, firms, plain, voyage
from recore.trade.documents.sheet import (
    NOT_STATED,
    SMALL,
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
from recore.trade.documents.shipment import Inspection, Machine, Shipment
from recore.trade.documents.totals import Computed, weighed

ADDED = 2
VGM_METHODS = {
    1: "Method 1: the packed and sealed container was weighed (SOLAS VI/2, paragraph 4.1)",
    2: "Method 2: all packages, dunnage and securing material were weighed and the tare added (SOLAS VI/2, paragraph 4.2)",
}


def vgm(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    blocks = [
        *firms(shipment, labels),
        *grid(labels, [("Invoice", "发票号", shipment.number), *voyage(shipment, labels)], columns=5),
    ]
    for n, container in enumerate(shipment.containers):
        where = f"containers.{n}"
        result, proof = weighed(container, shipment.packages), container.vgm
        method = VGM_METHODS[proof.method] if proof else labels.stated(None, f"{where}.vgm.method")
        parts = [
            ("Container", "箱号", container.number),
            ("Size and type", "箱型", labels.stated(container.kind, f"{where}.kind")),
            ("Seal", "封号", labels.stated(container.seal, f"{where}.seal")),
            ("Maximum gross mass", "最大总重", _kg(labels, container.max_gross_kg, f"{where}.max_gross_kg")),
        ]
        added = (
            [
                ("Cargo", "货物", _kg(labels, result.cargo_kg, f"{where}.cargo_kg")),
                (
                    "Dunnage and securing",
                    "垫料绑扎",
                    _kg(labels, container.dunnage_kg, f"{where}.dunnage_kg"),
                ),
                ("Tare", "皮重", _kg(labels, container.tare_kg, f"{where}.tare_kg")),
            ]
            if proof and proof.method == ADDED
            else []
        )
        mass = ("Verified gross mass", "验证总重 VGM", _kg(labels, result.vgm_kg, f"{where}.vgm.mass_kg"))
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
            *[replace(block, keep=True) for block in grid(labels, source, columns=1)],
            totals(labels, [*added, mass]),
        ]
    who = (("Place and date", "地点日期"), ("Signature, duly authorised by the shipper", "托运人授权签字"))
    return [*blocks, *closing(shipment, labels, who)]


def _kg(labels: Labels, value: Decimal | None, name: str) -> str:
    return labels.stated(value, name, lambda mass: f"{plain(mass)} kg")


def certificate(shipment: Shipment, found: Computed, labels: Labels) -> list[Block]:
    machines = {machine.pin: machine for machine in shipment.machines}
    blocks: list[Block] = []
    for n, inspection in enumerate(shipment.inspections):
        blocks += _inspected(inspection, machines[inspection.pin], f"inspections.{n}", labels)
    who = (("Place and date", "地点日期"), ("Signature of the inspector", "检验员签字"))
    return [*firms(shipment, labels), *blocks, *closing(shipment, labels, who)]


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
        Column("Item", "项目", 25),
        Column("Result", "结果", 18),
        Column("Limit", "限值", 16),
        Column("Verdict", "判定", 12),
        Column("Finding, SHA-256", "测量记录", 26, small=True),
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
