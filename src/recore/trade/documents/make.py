"""The papers of a shipment: what the data say, nothing else, as PDF."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from recore import jsonio
from recore.evidence.reading import validated
from recore.method import Artifact, Note, method
from recore.quantity import Quantity
from recore.trade.documents.papers import FORMS, sheets
from recore.trade.documents.render import has_chinese, render
from recore.trade.documents.sheet import Labels
from recore.trade.documents.shipment import Shipment
from recore.trade.documents.totals import check_digit, computed, unverified, weighed

PIN_LENGTH = 17
_NAMED = 12


@dataclass(frozen=True)
class ShipmentPapers:
    """PDF files, and a manifest that names each with its digest."""

    shipment_sha256: str
    documents: int
    pages: int
    not_stated: int
    invoice_total: Quantity | None
    net_kg: Quantity | None
    gross_kg: Quantity | None
    commercial_invoice: Annotated[bytes | None, Artifact("commercial-invoice.pdf")]
    packing_list: Annotated[bytes | None, Artifact("packing-list.pdf")]
    vgm_declaration: Annotated[bytes | None, Artifact("vgm-declaration.pdf")]
    inspection_certificate: Annotated[bytes | None, Artifact("inspection-certificate.pdf")]
    refund_file: Annotated[bytes | None, Artifact("refund-file.pdf")]
    manifest: Annotated[dict[str, Any], Artifact("documents.json")]
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


@method(
    "trade.documents",
    version=1,
    standard="SOLAS 1974 regulation VI/2 (VGM); ISO 6346:2022 (container numbers)",
)
def shipment_papers(shipment: bytes) -> ShipmentPapers:
    """Commercial invoice, packing list, VGM declaration, inspection certificate and refund file cover as PDF.

    Parameters
    ----------
    shipment : shipment.json as a file; see docs/documents.md for its fields. Lengths in mm, masses in kg, money in
        the currency of the shipment (refund amounts in CNY), at most 1000 lines of each kind

    Returns
    -------
    ShipmentPapers : A4 files with selectable text, English with Chinese labels where a font for them is there.
        Each carries the SHA-256 of the file it was made from. The same data give the same bytes on one machine;
        another one may have other fonts.

    Notes
    -----
    Every number is one of the data, or a sum or product of them: amount = quantity x unit price, rounded half up;
    invoice = goods + freight + insurance - discount; VGM by method 2 = cargo + dunnage + tare. What is absent is
    printed as 'not stated' and flagged. A paper for which there are no data at all is not made.

    Raises
    ------
    BadInput : names the field; a stated total that its lines do not come to is named with both numbers
    Refusal : `no-font`, this machine has no font for a character of the data

    References
    ----------
    SOLAS 1974, regulation VI/2, paragraphs 4 to 6; IMO MSC.1/Circ.1475; ISO 6346:2022, annex A.
    """
    data: Shipment = validated(jsonio.loads(shipment, where="shipment"), Shipment, "shipment")
    digest = hashlib.sha256(shipment).hexdigest()
    found = computed(data)
    flags = [*unverified(data, found), *_warnings(data)]
    refusals: list[Note] = []
    files: dict[str, bytes] = {}
    listed: list[dict[str, Any]] = []
    absent: dict[str, None] = {}
    if not has_chinese():
        flags.append(
            Note("no-chinese-font", "no font of this machine has Chinese characters: English labels alone")
        )
    for form in FORMS:
        wanting = form.wants(data)
        if wanting:
            refusals.append(Note("not-made", f"{form.file}: {wanting} is not stated"))
            continue
        labels = Labels(chinese=has_chinese())
        pages = sheets(form, data, found, labels, digest)
        paper = render(pages, title=f"{form.title} {data.number}", subject=f"SHA-256 {digest}", day=data.date)
        files[form.file] = paper.data
        missing = list(dict.fromkeys(labels.missing))
        absent |= dict.fromkeys(missing)
        if missing:
            flags.append(Note("not-stated", f"{form.file}: {_listed(missing)}"))
        listed.append(
            {
                "file": form.file,
                "title": form.title,
                "pages": paper.pages,
                "sha256": hashlib.sha256(paper.data).hexdigest(),
                "not_stated": missing,
            }
        )
    return ShipmentPapers(
        shipment_sha256=digest,
        documents=len(files),
        pages=sum(entry["pages"] for entry in listed),
        not_stated=len(absent),
        invoice_total=None if found.invoice is None else Quantity(float(found.invoice), data.currency),
        net_kg=None if found.net_kg is None else Quantity(float(found.net_kg), "kg"),
        gross_kg=None if found.gross_kg is None else Quantity(float(found.gross_kg), "kg"),
        commercial_invoice=files.get("commercial-invoice.pdf"),
        packing_list=files.get("packing-list.pdf"),
        vgm_declaration=files.get("vgm-declaration.pdf"),
        inspection_certificate=files.get("inspection-certificate.pdf"),
        refund_file=files.get("refund-file.pdf"),
        manifest={"shipment_sha256": digest, "number": data.number, "documents": listed},
        flags=tuple(flags),
        refusals=tuple(refusals),
    )


def _warnings(data: Shipment) -> list[Note]:
    notes = []
    for machine in data.machines:
        if machine.pin is not None and len(machine.pin) != PIN_LENGTH:
            text = (
                f"PIN {machine.pin!r} has {len(machine.pin)} characters, a PIN of ISO 10261 has {PIN_LENGTH}"
            )
            notes.append(Note("pin-length", text))
    for container in data.containers:
        if check_digit(container.number) is not True:
            text = f"container {container.number!r} is not a number of ISO 6346 with its check digit"
            notes.append(Note("container-number", text))
        mass = weighed(container, data.packages).vgm_kg
        if mass is not None and container.max_gross_kg is not None and mass > container.max_gross_kg:
            text = f"container {container.number}: {mass} kg is above its maximum gross mass {container.max_gross_kg} kg"
            notes.append(Note("overweight", text))
    failed = [i.pin for i in data.inspections if any(check.verdict == "fail" for check in i.checks)]
    if failed:
        notes.append(Note("inspection-failed", f"a check failed: {_listed(failed)}"))
    return notes


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
