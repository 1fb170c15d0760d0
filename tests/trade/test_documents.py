"""trade.documents: what stands on the papers is what the data say, every number, to the cent, and nothing else."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from recore.errors import BadInput
from recore.method import Refusal
from recore.trade.documents import render as drawing
from recore.trade.documents.make import ALL, ShipmentPapers, shipment_papers
from recore.trade.documents.measure import width, wrapped
from recore.trade.documents.papers import FORMS
from recore.trade.documents.sheet import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Block,
    Column,
    Labels,
    Rule,
    Words,
    paginate,
    table,
)
from recore.trade.documents.totals import check_digit

SHIPMENT: dict[str, Any] = {
    "number": "RC-2026-1187",
    "date": "2026-11-22",
    "currency": "USD",
    "seller": {"name": "Changsha Dingsheng Machinery Co., Ltd.", "address": "No. 77, Dongliu Road\nChangsha", "country": "CN"},
    "buyer": {"name": "Savannah <Earthworks> & Sons", "address": "Mombasa Road, Nairobi", "country": "KE"},
    "contract": "SC-0934",
    "incoterm": "CIF",
    "incoterm_place": "Mombasa",
    "origin_port": "CNSHA",
    "destination_port": "KEMBA",
    "machines": [
        {
            "family": "Excavator", "maker": "SANY", "model": "SY215C", "pin": "SY021CBH8K1234567", "build_year": 2019,
            "hours": 5230, "hs": "8429.52", "origin": "CN", "mass_kg": 21900, "size_mm": [9680, 2980, 3240],
            "price": 48500,
        }
    ],
    "goods": [
        {"description": "Track roller", "quantity": 14, "unit_price": 86.4, "hs": "8431.49", "origin": "CN"},
        {"description": "Seal kit", "quantity": 6, "unit": "set", "unit_price": 37.255, "hs": "8484.90", "origin": "CN"},
    ],
    "freight": 6150,
    "insurance": 412.37,
    "discount": 500,
    "packages": [
        {"mark": "1", "contents": "Excavator", "kind": "unpacked", "net_kg": 21900, "gross_kg": 21900, "size_mm": [9680, 2980, 3240]},
        {"mark": "2", "contents": "Rollers", "pieces": 14, "kind": "case", "net_kg": 462, "gross_kg": 498.5, "size_mm": [1200, 1000, 620], "container": "CSQU3054383"},
        {"mark": "3", "contents": "Seal kits", "kind": "carton", "net_kg": 7.2, "gross_kg": 8, "size_mm": [400, 300, 250], "container": "CSQU3054383"},
    ],
    "containers": [
        {
            "number": "CSQU3054383", "kind": "22G1", "seal": "CN0098123", "tare_kg": 2220, "dunnage_kg": 35,
            "max_gross_kg": 30480, "vgm": {"method": 2, "mass_kg": 2761.5, "verified_on": "2026-11-20", "place": "Shanghai"},
        }
    ],
    "inspections": [
        {
            "pin": "SY021CBH8K1234567", "date": "2026-11-12", "inspector": "Li Ming", "grade": "B",
            "checks": [
                {"item": "Supports", "result": "0.42 MPa lost", "limit": "0.5 MPa", "verdict": "pass", "finding_sha256": "0f" * 32},
                {"item": "Aftertreatment"},
            ],
        }
    ],
    "refund": {
        "case": "special-invoice", "invoice_ex_vat": 420000, "rebate": 54600, "trapped_vat": 0,
        "papers": [
            {"name": "Customs declaration", "present": True, "number": "220120260001234567", "date": "2026-11-21", "pages": 2},
            {"name": "Sales contract", "present": False},
            {"name": "Bill of lading"},
        ],
    },
    "totals": {"goods": 49933.13, "invoice": 55995.50, "packages": 3, "net_kg": 22369.2, "gross_kg": 22406.5, "volume_m3": 94.236},
}  # fmt: skip


def changed(**changes: Any) -> dict[str, Any]:
    """The shipment with some fields changed: seller__name goes into seller, refund__papers__0__present deeper."""
    document = copy.deepcopy(SHIPMENT)
    for path, value in changes.items():
        *places, last = path.split("__")
        node: Any = document
        for place in places:
            node = node[int(place) if place.isdigit() else place]
        node[int(last) if last.isdigit() else last] = value
    return document


def papers(document: dict[str, Any], *only: Any) -> ShipmentPapers:
    return shipment_papers(json.dumps(document).encode(), papers=only or ALL)


def pages(data: bytes | None) -> list[str]:
    assert data is not None
    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


def text(data: bytes | None) -> str:
    return " ".join(" ".join(pages(data)).split())


def codes(made: ShipmentPapers) -> list[str]:
    return [note.code for note in made.flags]


@pytest.fixture(scope="module")
def made() -> ShipmentPapers:
    return papers(SHIPMENT)


# -- values from elsewhere


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("CSQU3054383", True),
        ("CSQU3054384", False),
        ("csqu 305438-3", True),
        ("RC-1", None),
        ("CSQ13054383", None),
    ],
)
def test_check_digit_of_a_container(number: str, right: bool | None) -> None:
    # CSQU 305438 with check digit 3 is the worked example of BIC and of ISO 6346
    assert check_digit(number) is right


def test_volume_and_totals_by_hand(made: ShipmentPapers) -> None:
    # 93.461 ... : 9.680 x 2.980 x 3.240 = 93.462336; 1.2 x 1.0 x 0.62 = 0.744; 0.4 x 0.3 x 0.25 = 0.03
    assert "94.236" in text(made.packing_list)
    assert made.invoice_total is not None and made.gross_kg is not None
    assert made.invoice_total.value == 48500 + 14 * 86.4 + 223.53 + 6150 + 412.37 - 500
    assert made.gross_kg.value == 22406.5


# -- every number of the data is on the paper


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (
            "commercial_invoice",
            "RC-2026-1187|2026-11-22|48,500.00|86.40|1,209.60|37.255|223.53|49,933.13|6,150.00|412.37|500.00|55,995.50|"
            "8429.52|8431.49|8484.90|14 pcs|6 set|SY021CBH8K1234567|5,230 h|2019|CIF Mombasa|CNSHA|KEMBA|SC-0934",
        ),
        (
            "packing_list",
            "21,900|498.5|462|7.2|22,369.2|22,406.5|9680 × 2980 × 3240|93.462|0.744|0.030|CSQU3054383",
        ),
        (
            "vgm_declaration",
            "CSQU3054383|506.5 kg|35 kg|2,220 kg|2,761.5 kg|30,480 kg|CN0098123|2026-11-20|Method 2",
        ),
        (
            "inspection_certificate",
            "SY021CBH8K1234567|Li Ming|0.42 MPa lost|0.5 MPa|pass|2026-11-12|not stated",
        ),
        (
            "refund_file",
            "420,000.00|54,600.00|0.00|220120260001234567|present|ABSENT|not stated|special-invoice",
        ),
    ],
)
def test_what_the_data_say_is_on_the_paper(made: ShipmentPapers, field: str, wanted: str) -> None:
    found = text(getattr(made, field))
    assert [word for word in wanted.split("|") if word not in found] == []
    assert "Savannah <Earthworks> & Sons" in found


def test_no_number_that_is_not_in_the_data(made: ShipmentPapers) -> None:
    allowed = set(re.findall(r"\d[\d.]*", json.dumps(SHIPMENT)))
    allowed |= {
        "1",
        "2",
        "3",
        "1209.60",
        "223.53",
        "49933.13",
        "55995.50",
        "86.40",
        "93.462",
        "0.744",
        "0.030",
        "94.236",
    }
    for name in ("commercial_invoice", "packing_list"):
        found = text(getattr(made, name)).replace(made.shipment_sha256, "").replace(",", "")
        numbers = {n.rstrip(".") for n in re.findall(r"\d[\d.]*", found)}
        strange = {n for n in numbers if n not in allowed and n.removesuffix(".00") not in allowed}
        assert strange == set(), name


def test_every_page_carries_the_digest_of_the_file(made: ShipmentPapers) -> None:
    digest = hashlib.sha256(json.dumps(SHIPMENT).encode()).hexdigest()
    assert made.shipment_sha256 == digest == made.manifest["shipment_sha256"]
    for form, entry in zip(FORMS, made.manifest["documents"], strict=True):
        data = getattr(made, form.file.removesuffix(".pdf").replace("-", "_"))
        assert entry["file"] == form.file
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert all(digest in page for page in pages(data))
        about = PdfReader(io.BytesIO(data)).metadata
        assert about is not None
        assert about.title == f"{form.title} RC-2026-1187"
        assert digest in (about.subject or "")
        assert about.creation_date is not None and about.creation_date.date().isoformat() == "2026-11-22"
    assert made.documents == 5


def test_the_same_data_give_the_same_bytes(made: ShipmentPapers) -> None:
    again = papers(SHIPMENT)
    assert again == made
    other = papers(changed(number="RC-2026-1188"), "commercial-invoice")
    assert other.commercial_invoice != made.commercial_invoice


# -- absent, contradicting, thin


def test_what_is_absent_is_said_not_made_up() -> None:
    bare = papers({"number": "1", "date": "2026-11-22", "currency": "EUR", "seller": {"name": "A"}, "buyer": {"name": "B"}, "machines": [{}]})  # fmt: skip
    assert bare.documents == 2
    assert {note.text.partition(":")[0] for note in bare.refusals} == {
        "vgm-declaration.pdf",
        "inspection-certificate.pdf",
        "refund-file.pdf",
    }
    assert bare.invoice_total is bare.gross_kg is bare.vgm_declaration is None
    assert text(bare.commercial_invoice).count("not stated") >= 12
    assert {"machines.0.price", "machines.0.pin", "incoterm"} <= set(
        bare.manifest["documents"][0]["not_stated"]
    )
    assert bare.not_stated == len({n for d in bare.manifest["documents"] for n in d["not_stated"]})


def test_thin_lines_leave_totals_open() -> None:
    document = changed(packages=[], containers=[], totals={"gross_kg": 22406.5, "net_kg": 22000})
    thin = papers(document, "packing-list")
    assert "total-not-checked" in codes(thin)
    assert "22,406.5 (as stated, not checked)" in text(thin.packing_list)
    assert "Track roller 14 pcs" in text(thin.packing_list)
    lone = papers(changed(packages=[], containers=[], goods=[], totals={}), "packing-list")
    assert lone.net_kg is not None and lone.net_kg.value == 21900
    priced = papers(
        changed(goods=[{"description": "Lot", "quantity": 1, "amount": 12.5}], totals={}),
        "commercial-invoice",
    )
    assert "12.50" in text(priced.commercial_invoice)
    place = papers(
        changed(incoterm_place=None, remarks="As is.", marks="X/1", goods__0__hs=None), "commercial-invoice"
    )
    assert "incoterm_place" in place.manifest["documents"][0]["not_stated"]
    assert "As is." in text(place.commercial_invoice)


def test_vgm_is_never_guessed() -> None:
    open_ = papers(changed(containers__0__dunnage_kg=None), "vgm-declaration")
    assert "Verified gross mass" in text(open_.vgm_declaration)
    assert "2,761.5" not in text(open_.vgm_declaration)
    assert "containers.0.dunnage_kg" in open_.manifest["documents"][0]["not_stated"]
    weighed = papers(
        changed(containers__0__vgm={"method": 1, "mass_kg": 2790, "finding_sha256": "ab" * 32}),
        "vgm-declaration",
    )
    assert "2,790 kg" in text(weighed.vgm_declaration)
    assert "Method 1" in text(weighed.vgm_declaration)
    assert "ab" * 32 in text(weighed.vgm_declaration).replace(" ", "")
    none = papers(changed(containers__0__vgm=None, containers__0__max_gross_kg=1), "vgm-declaration")
    assert "containers.0.vgm.method" in none.manifest["documents"][0]["not_stated"]
    heavy = papers(changed(containers__0__max_gross_kg=2700), "vgm-declaration")
    assert "overweight" in codes(heavy)
    loose = changed(containers__0__cargo_kg=500, containers__0__vgm={"method": 2})
    loose["packages"] = loose["packages"][:1]
    assert "2,755 kg" in text(papers({**loose, "totals": {}}, "vgm-declaration").vgm_declaration)


def test_warnings_are_told_and_do_not_stop() -> None:
    odd = papers(
        changed(
            machines__0__pin="SY021CBH8K123456", inspections__0__pin="SY021CBH8K123456",
            inspections__0__checks__0__verdict="fail", inspections__0__limitations="Left side only.",
            inspections__0__passport_sha256="cd" * 32,
        )
    )  # fmt: skip
    assert {"pin-length", "inspection-failed"} <= set(codes(odd))
    assert "Left side only." in text(odd.inspection_certificate)
    assert "cd" * 32 in text(odd.inspection_certificate)
    wrong = changed()
    wrong["containers"][0]["number"] = wrong["packages"][1]["container"] = wrong["packages"][2][
        "container"
    ] = "CSQU3054384"
    assert "container-number" in codes(papers(wrong, "packing-list"))
    empty = papers(
        changed(inspections__0__checks=[], refund={"finding_sha256": "ef" * 32}),
        "inspection-certificate",
        "refund-file",
    )
    assert "Checks: not stated" in text(empty.inspection_certificate)
    assert "Papers: not stated" in text(empty.refund_file)
    both = papers(
        changed(
            consignee={"name": "C"}, notify={"name": "N", "contact": "+254 1", "tax_id": "T9"},
            machines__0__engine_number="E77", machines__0__condition="used", refund__papers__0__name_zh="Paper",
        )
    )  # fmt: skip
    assert "engine no. E77" in text(both.commercial_invoice)
    assert "Tax ID T9" in text(both.commercial_invoice)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"totals__invoice": 55995.49}, ("55995.49", "55995.50", "totals.invoice")),
        ({"totals__goods": 1}, ("totals.goods", "49933.13")),
        ({"totals__packages": 4}, ("totals.packages", "4", "3")),
        ({"totals__gross_kg": 22406}, ("totals.gross_kg", "22406.5")),
        ({"totals__net_kg": 1}, ("totals.net_kg", "22369.2")),
        ({"totals__volume_m3": 94.235}, ("totals.volume_m3", "94.235", "94.236")),
        ({"goods__1__amount": 223.54}, ("goods.1.amount", "223.54", "223.53")),
        ({"containers__0__vgm__mass_kg": 2761}, ("CSQU3054383", "2761", "2761.5")),
        ({"containers__0__cargo_kg": 506}, ("cargo_kg", "506", "506.5")),
        ({"discount": 99999999, "totals": {}}, ("discount",)),
        ({"number": "  "}, ("number", "blank")),
        ({"number": 7}, ("number", "text is wanted")),
        ({"buyer__name": "A\x07B"}, ("buyer.name", "U+0007")),
        ({"buyer__name": "A\u202eB"}, ("buyer.name", "U+202E")),
        ({"buyer__name": "A\ufffeB"}, ("buyer.name", "U+FFFE")),
        ({"buyer__name": "x" * 401}, ("buyer.name", "400")),
        ({"freight": -1}, ("freight",)),
        ({"freight": 0.001}, ("freight", "whole cents")),
        ({"goods__0__quantity": "1e-9"}, ("goods.0.quantity", "decimal places")),
        ({"goods__0__colour": "red"}, ("goods.0.colour",)),
        ({"packages__0__gross_kg": 1}, ("net_kg 21900 is above gross_kg 1",)),
        ({"packages__1__mark": "1"}, ("packages.mark '1' stands twice",)),
        ({"packages__0__container": "X"}, ("container 'X'", "not stated")),
        ({"inspections__0__pin": "Z"}, ("PIN 'Z'",)),
        ({"machines": [], "goods": []}, ("neither machines nor goods",)),
        ({"incoterm": "CNF"}, ("incoterm",)),
        ({"currency": "RMB"}, ("currency",)),
        ({"goods": [SHIPMENT["goods"][0]] * 10_000}, ("goods", "1000")),
        ({"goods": [SHIPMENT["goods"][0]] * 1000}, ("more than 1000 lines",)),
    ],
)  # fmt: skip
def test_bad_input_names_the_field_and_both_numbers(changes: dict[str, Any], said: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        papers(changed(**changes))
    assert [word for word in said if word not in str(caught.value)] == []


def test_too_many_checks_are_refused() -> None:
    checks = [{"item": "x"}] * 600
    document = changed(inspections=[{"pin": SHIPMENT["machines"][0]["pin"], "checks": checks}] * 2)
    with pytest.raises(BadInput, match="1200 checks"):
        papers(document)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\x89PNG", b'{"number": NaN}'])
def test_what_is_no_shipment_is_bad_input(data: bytes) -> None:
    with pytest.raises(BadInput):
        shipment_papers(data)


# -- typography


def test_sixty_lines_flow_over_pages() -> None:
    goods = [
        {
            "description": f"Hose assembly {n} with fittings of both ends, DN {n}",
            "quantity": n,
            "unit_price": 10 + n / 4,
        }
        for n in range(1, 61)
    ]
    many = papers(
        changed(goods=goods, totals={}, inspections=[], containers=[], packages=[], refund=None),
        "commercial-invoice",
    )
    found = pages(many.commercial_invoice)
    assert len(found) >= 3
    for number, page in enumerate(found, 1):
        assert f"{number} of {len(found)}" in page
    holders = [page for page in found if "Hose assembly" in page]
    assert len(holders) >= 3
    assert all("Description of goods" in page for page in holders)
    whole = text(many.commercial_invoice)
    for n, line in enumerate(goods, 1):
        amount = (Decimal(n) * (Decimal(10) + Decimal(n) / 4)).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        assert f"Hose assembly {n} with" in whole
        assert f"{amount:,.2f}" in whole
        assert line["quantity"] == n
    total = next(page for page in found if "Total USD" in page)
    assert "Signature" in total  # the sum and the signature are not torn apart


def test_long_and_hostile_text_is_whole() -> None:
    name = "<script>alert('&amp;')</script> \"]]>" + "W" * 200
    hostile = papers(
        changed(buyer__name=name, goods__0__description="{{ 7*7 }} &lt;b&gt; " + "long " * 300),
        "commercial-invoice",
    )
    found = "".join(text(hostile.commercial_invoice).split())
    assert "".join(name.split()) in found
    assert "{{7*7}}&lt;b&gt;" in found
    assert found.count("long") == 300


def test_a_row_taller_than_a_page_is_torn_between_its_lines() -> None:
    lines = "\n".join(f"line {n}" for n in range(150))
    tall = papers(changed(goods__0__description=lines, inspections=[], refund=None), "commercial-invoice")
    whole = text(tall.commercial_invoice)
    assert [n for n in range(150) if f"line {n}" not in whole] == []


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=120)


@given(TEXTS, st.floats(5, 20), st.floats(20, 300), st.booleans())
@settings(max_examples=200, deadline=None)
def test_wrapping_loses_nothing_and_fits(words: str, size: float, room: float, bold: bool) -> None:
    lines = wrapped(words, size, room, bold)
    assert "".join("".join(lines).split()) == "".join(words.split())
    for line in lines:
        assert (
            width(line, size, bold) <= room
            or len(line.strip()) <= 2
            or not line.isprintable()
            or _marked(line)
        )


def _marked(line: str) -> bool:
    """A letter wider than the room stands alone with its marks."""
    return sum(not unicodedata.combining(c) for c in line) <= 1


@given(st.lists(st.tuples(st.floats(1, 300), st.booleans()), max_size=60))
@settings(max_examples=100, deadline=None)
def test_pages_hold_every_block_once_and_no_block_too_low(sizes: list[tuple[float, bool]]) -> None:
    head = Block(20.0, (Words(LEFT, 10.0, "head"),))
    blocks = [
        Block(height, (Words(LEFT, height, str(n)), Rule(LEFT, height, RIGHT)), header=head, keep=keep)
        for n, (height, keep) in enumerate(sizes)
    ]
    sheets = paginate(blocks)
    words = [m.text for page in sheets for m in page if isinstance(m, Words) and m.text != "head"]
    assert words == [str(n) for n in range(len(sizes))]
    assert all(TOP <= m.y <= BOTTOM + 1e-6 for page in sheets for m in page)


def test_no_text_leaves_its_column() -> None:
    columns = (Column("A", "甲", 1), Column("B", "乙", 1, right=True), Column("C", "丙", 1, small=True))
    rows = [["W" * 40, "9" * 40, "word " * 30], ["工程机械" * 20, "", "工" * 5]]
    third = (RIGHT - LEFT) / 3
    for block in table(Labels(), columns, rows):
        for mark in block.marks:
            if isinstance(mark, Words):
                start = mark.x if mark.anchor == "start" else mark.x - width(mark.text, mark.size, mark.bold)
                column = int((start - LEFT + 1e-6) // third)
                assert start + width(mark.text, mark.size, mark.bold) <= LEFT + (column + 1) * third + 1e-6


# -- fonts


def test_chinese_names_and_labels() -> None:
    if not drawing.has_chinese():
        pytest.skip("no font of this machine has Chinese characters")
    made = papers(
        changed(
            seller__name="长沙鼎盛工程机械有限公司 Dingsheng", refund__papers__0__name_zh="出口货物报关单"
        )
    )
    assert "长沙鼎盛工程机械有限公司 Dingsheng" in text(made.commercial_invoice)
    assert "商业发票" in text(made.commercial_invoice)
    assert "装箱单" in text(made.packing_list)
    assert "出口货物报关单" in text(made.refund_file)


def test_without_a_chinese_font_labels_are_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recore.trade.documents.make.has_chinese", lambda: False)
    made = papers(SHIPMENT)
    assert "no-chinese-font" in codes(made)
    assert text(made.commercial_invoice).isascii() or "商" not in text(made.commercial_invoice)


def test_only_the_papers_asked_for_are_made() -> None:
    one = papers(SHIPMENT, "vgm-declaration")
    assert (one.documents, one.commercial_invoice, one.refusals) == (1, None, ())
    with pytest.raises(BadInput, match="papers"):
        shipment_papers.validated({"papers": ["passport"]})


def test_a_character_without_a_font_is_never_lost_in_silence() -> None:
    with pytest.raises(Refusal, match=r"no-font: .*U\+10FFFD"):
        papers(changed(buyer__name="A \U0010fffd"), "commercial-invoice")


def test_a_renderer_that_drops_text_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drawing.FONTS, "sans", "'No Such Font'")
    with pytest.raises(Refusal, match="no-font"):
        drawing.render(
            [[Words(50.0, 50.0, "1,234.56")]],
            title="t",
            subject="s",
            day=date(2026, 1, 1),
        )


# -- through the doors


def test_through_the_command_line(recore: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "shipment.json").write_text(json.dumps(SHIPMENT))
    ended = recore("run", "trade.documents", tmp_path / "shipment.json", "--json", "--out", tmp_path / "out")
    assert ended.status == 0
    finding = ended.json
    assert finding["results"]["shipment_sha256"]["value"] == finding["evidence"][0]["sha256"]
    assert finding["results"]["invoice_total"] == {"value": 55995.5, "unit": "USD"}
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made >= {form.file for form in FORMS} | {"documents.json"}
    manifest = json.loads((tmp_path / "out" / "documents.json").read_text())
    for entry in manifest["documents"]:
        assert hashlib.sha256((tmp_path / "out" / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    (tmp_path / "wrong.json").write_text(json.dumps(changed(totals__invoice=1)))
    assert recore("run", "trade.documents", tmp_path / "wrong.json").status == 2
