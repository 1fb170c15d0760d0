"""XLSX: tables, check sheets, and workbooks that mean harm."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from pydantic import BaseModel

from recore.errors import BadInput
from recore.evidence import EvidenceFile, Table, open_file, xlsx

Rows = Iterable[Iterable[Any]]


def workbook(folder: Path, sheets: Mapping[str, Rows], name: str = "a.xlsx") -> EvidenceFile:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(folder / name)
    return open_file(folder / name)


class Motor(BaseModel):
    class Rated(BaseModel):
        power_kw: float
        poles: int

    class Point(BaseModel):
        voltage_v: float
        current_a: float | None = None

    rated: Rated
    connection: str
    tested: datetime.date
    no_load: list[Point]


SHEETS: dict[str, Rows] = {
    "Motor": [
        ["Key", "Value"],
        ["rated.power_kw", 18.5],
        [],
        ["rated.poles", 4],
        ["connection", "delta"],
        ["remark", None],
        ["tested", datetime.date(2026, 1, 31)],
    ],
    "no_load": [["voltage_v", "current_a"], [400, 12.5], [], [380, None]],
    "Sheet3": [],
}


def test_a_check_sheet_is_a_document(tmp_path: Path) -> None:
    file = workbook(tmp_path, SHEETS)
    motor = file.read(Motor)
    assert motor.rated.poles == 4
    assert motor.tested == datetime.date(2026, 1, 31)
    assert [point.current_a for point in motor.no_load] == [12.5, None]
    plain = {
        "rated": {"power_kw": 18.5, "poles": 4},
        "connection": "delta",
        "tested": "2026-01-31",
        "no_load": [{"voltage_v": 400, "current_a": 12.5}, {"voltage_v": 380}],
    }
    assert file.read(dict) == file.read(Any) == plain
    assert isinstance(file.read(dict)["rated"]["poles"], int)


def test_cells_of_a_check_sheet_become_what_json_would_hold(tmp_path: Path) -> None:
    rows = [
        ["key", "value"],
        ["ok", True],
        ["at", datetime.time(8, 15)],
        ["took", datetime.timedelta(hours=30)],
    ]
    assert workbook(tmp_path, {"s": rows}).read(dict) == {"ok": True, "at": "08:15:00", "took": 108000.0}


@pytest.mark.parametrize(
    ("sheets", "text"),
    [
        ({"s": [["name", "value"]]}, "a.xlsx, sheet 's': the first row is not 'key', 'value'"),
        ({"s": []}, "the first row is not 'key', 'value'"),
        (
            {"s": [["key", "value"], ["a", 1], ["a", 2]]},
            "sheet 's', row 3: key 'a' stands twice; give it once",
        ),
        ({"s": [["key", "value"], ["a", 1], ["a.b", 2]]}, "row 3: 'a.b' goes into 'a', which is a value"),
        ({"s": [["key", "value"], ["a.b", 1], ["a", 2]]}, "row 3: key 'a' stands twice"),
        ({"s": [["key", "value"], ["a..b", 1]]}, "row 2: key 'a..b' has an empty part"),
        ({"s": [["key", "value"], [None, 1]]}, "row 2: the value 1.0 has no key"),
        ({"s": [["key", "value"], ["a", 1, "kW"]]}, "row 2: there is a third column"),
        (
            {"s": [["key", "value"], ["load", 1]], "load": [["a"], [1]]},
            "sheet 'load': key 'load' stands twice",
        ),
        (
            {"s": [["key", "value"]], "load": [["a", "a"], [1, 2]]},
            "sheet 'load', row 1: column 'a' stands twice",
        ),
        (
            {"s": [["key", "value"]], "load": [["a", None], [1, 2]]},
            "row 2: the value 2 stands in a column without",
        ),
    ],
)
def test_a_check_sheet_that_is_none(tmp_path: Path, sheets: dict[str, Rows], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        workbook(tmp_path, sheets).read(dict)
    assert text in str(caught.value)


def test_the_first_visible_sheet_is_the_table(tmp_path: Path) -> None:
    workbook(
        tmp_path, {"notes": [["x"], [0]], "data": [[], ["radius_mm", "note"], [1.5, 7], [], [2.5, None]]}
    )
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    book["notes"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    table = open_file(tmp_path / "a.xlsx").read(Any)
    np.testing.assert_array_equal(table.floats("radius_um"), [1500.0, 2500.0])
    assert table.texts("note") == ["7", ""]
    assert [part.rows for part in table.parts()] == [2]
    assert table.arrow().to_pydict() == {"radius_mm": [1.5, 2.5], "note": [7.0, None]}


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "sheet 's': the sheet is empty"),
        ([[1, 2], [3, 4]], "row 1: the first row holds numbers; it names the columns"),
        ([["x", "x"], [1, 2]], "column 'x' stands twice"),
        ([["x"], [1], [], ["abc"]], "a.xlsx, column 'x', row 4: 'abc' is not a number"),
        ([["x"], [1], ["2,5"]], "row 3: '2,5' has a decimal comma; write 2.5"),
        ([["x"], ["2.5"]], "row 2: '2.5' is text; write it as a number"),
        ([["x", "y"], [1, 1], [None, 1]], "row 3: the cell is empty"),
        ([["x"], [datetime.date(2026, 1, 1)]], "row 2: 2026-01-01 is not a number"),
        ([["x"]], "the table has no rows"),
        ([["y"], [1]], "no column 'x'"),
    ],
)
def test_a_bad_sheet_gives_one_clear_error(tmp_path: Path, rows: Rows, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        workbook(tmp_path, {"s": rows}).read(Table).floats("x")
    assert text in str(caught.value)


def test_times_of_a_sheet(tmp_path: Path) -> None:
    rows = [
        ["ts"],
        [datetime.datetime(2026, 1, 31, 8, 15, 0, 500000)],
        [datetime.date(2026, 2, 1)],
        ["2026-02-02"],
    ]
    times = workbook(tmp_path, {"s": rows}).read(Table).times("ts")
    assert times.tolist() == [
        datetime.datetime(2026, 1, 31, 8, 15, 0, 500000),
        datetime.datetime(2026, 2, 1),
        datetime.datetime(2026, 2, 2),
    ]
    with pytest.raises(BadInput, match="08:15:00 is not a time"):
        workbook(tmp_path, {"s": [["ts"], [datetime.time(8, 15)]]}).read(Table).times("ts")


def packed(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return buffer.getvalue()


def lying(content: bytes, declared: int) -> bytes:
    """The package with every declared size of its first member set to another."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        true = package.infolist()[0].file_size
    return content.replace(true.to_bytes(4, "little"), declared.to_bytes(4, "little"))


BOOK = {"xl/workbook.xml": b"<workbook/>"}
FAR = b'<sheetData><row r="1"><c r="A1"/></row><row r="1048576"><c r="XFD1048576"/></row></sheetData>'
SHARED = b"<sst><si><t>" + b"x" * 30_000 + b"</t></si></sst>"
POINTING = b"<sheetData>" + b'<row><c t="s"><v>0</v></c></row>' * 100_000 + b"</sheetData>"
FULL = packed({"xl/big.xml": b"x" * 7_000_001, **BOOK})
METHOD = packed({"xl/big.xml": b"x" * 100, **BOOK}, zipfile.ZIP_LZMA)

HARMFUL = [
    ("text", b"x,y\n1,2\n", "is something else, though its name ends in .xlsx"),
    ("empty", b"", "the file is empty"),
    ("cut", FULL[:-30], "is not a whole XLSX workbook"),
    ("other zip", packed({"a.txt": b"x"}), "is a zip file but no XLSX workbook"),
    ("macro", packed({**BOOK, "xl/vbaProject.bin": b"x"}), "carries macros; save it as .xlsx without macros"),
    ("password", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "has a password or is an old .xls workbook"),
    ("bomb", packed({**BOOK, "xl/a.xml": bytes(2**28)}), "bytes, which is more than is unpacked; give a long table"),
    ("lying bomb", lying(FULL, 1000), "'xl/big.xml' unpacks to more than the 1000 bytes it declares"),
    ("many", packed({**BOOK, **{f"x/{i}": b"" for i in range(10_000)}}), "packs 10001 files"),
    ("far", packed({**BOOK, "xl/s.xml": FAR}), "a sheet reaches to row 1048576 and column 16384"),
    ("far, implicit", packed({**BOOK, "xl/s.xml": b"<row r='9000000'/><row><c/><c/>"}), "reaches to row 9000001"),
    ("prefixed", packed({**BOOK, "xl/s.xml": b"<x:c y='>' r = 'XFD1048576'>"}), "reaches to row 1048576"),
    ("entity", packed({**BOOK, "xl/s.xml": b'<c r="&#88;FD9">'}), "is not a whole XLSX workbook (cell reference"),
    ("copies", packed({**BOOK, "xl/t.xml": SHARED, "xl/s.xml": POINTING}), "98304 cells may hold texts of 30022 bytes"),
    ("method", METHOD, "is compressed by method 14"),
    ("encrypted", packed(BOOK).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"), "is encrypted"),
    ("no workbook", packed(BOOK), "is not a whole XLSX workbook"),
    ("damaged", FULL[:60] + b"\xff" * 10 + FULL[70:], "is not a whole XLSX workbook"),
    ("no header", b"PK\x03\x04" + b"x" * 26 + FULL[30:], "is not a whole XLSX workbook"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "text"), [h[1:] for h in HARMFUL], ids=[h[0] for h in HARMFUL])
def test_a_workbook_that_means_harm_is_refused_before_it_is_unpacked(
    tmp_path: Path, content: bytes, text: str
) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        open_file(tmp_path / "a.xlsx").read(Table)
    assert text in str(caught.value)


def test_a_tag_across_two_chunks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_CHUNK", 7)
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with pytest.raises(BadInput, match="reaches to row 1048576 and column 16384"):
            xlsx.check(io.BytesIO(packed({**BOOK, "xl/s.xml": FAR}, compression)), "a.xlsx")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.xlsx").open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.truncate(2**28 + 1)
    with pytest.raises(BadInput, match="has 268435457 bytes, which is more than is unpacked"):
        open_file(tmp_path / "a.xlsx").read(Table)


def test_damaged_workbooks_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole = workbook(tmp_path, SHEETS).path.read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for position in rng.integers(4, len(whole), rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        (tmp_path / "b.xlsx").write_bytes(damaged)
        try:
            open_file(tmp_path / "b.xlsx").read(dict)
        except BadInput:
            refused += 1
    assert refused > 100
