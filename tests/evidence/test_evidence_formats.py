"""The same table in every format gives equal arrays; a bad one gives one clear error."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import EvidenceFile, Table, open_file

Row = tuple[float, int, str, datetime]
NAMES = ("pressure_mpa", "support", "note", "ts")

# openpyxl writes 16 digits, a spreadsheet keeps times to the millisecond, whole numbers to 2^53, no outer space
ROWS = st.lists(
    st.tuples(
        st.floats(-1e29, 1e29).map(lambda value: float(f"{value if abs(value) > 1e-29 else 0.0:.15g}")),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.text("aßZ中 ,\"'\n;\t-9.", max_size=8).map(str.strip),
        st.integers(0, 10**13).map(lambda ms: datetime(1901, 1, 1) + timedelta(milliseconds=ms % 6 * 10**12)),
    ),
    min_size=1,
    max_size=12,
)


def write_delimited(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(NAMES)
        writer.writerows([repr(a), b, c, d.isoformat() + "Z"] for a, b, c, d in rows)


def write_parquet(path: Path, rows: list[Row]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    pq.write_table(pa.table(columns, names=NAMES), path, row_group_size=5)


def write_json(path: Path, rows: list[Row]) -> None:
    objects = [dict(zip(NAMES, (a, b, c, d.isoformat()), strict=True)) for a, b, c, d in rows]
    path.write_text(json.dumps(objects))


def write_json_columns(path: Path, rows: list[Row]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[3] = [time.isoformat() + "+00:00" for time in columns[3]]
    path.write_text(json.dumps(dict(zip(NAMES, columns, strict=True))))


def write_xlsx(path: Path, rows: list[Row]) -> None:
    book = openpyxl.Workbook()
    book.active.append(NAMES)
    for row in rows:
        book.active.append(row)
    book.save(path)


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "a.csv": write_delimited,
    "a.tsv": write_delimited,
    "a.parquet": write_parquet,
    "rows.json": write_json,
    "columns.json": write_json_columns,
    "a.xlsx": write_xlsx,
}


@pytest.mark.parametrize("name", WRITERS)
@settings(deadline=None, max_examples=40)
@given(rows=ROWS)
def test_the_same_table_in_any_format_gives_equal_arrays(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[Row]
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    WRITERS[name](path, rows)
    table = open_file(path).read(Table)
    floats, integers, texts, times = zip(*rows, strict=True)
    assert table.columns == NAMES
    np.testing.assert_array_equal(table.floats("pressure_mpa"), floats)
    np.testing.assert_array_equal(table.integers("support"), integers)
    assert table.texts("note") == list(texts)
    np.testing.assert_array_equal(table.times("ts"), np.array(times, "datetime64[us]"))


def given_file(folder: Path, name: str, content: str | bytes) -> EvidenceFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_file(path)


LONG = "x,note\n" + "1,abc\n" * 180_000  # beyond the head that is looked at first

BAD: list[tuple[str, str | bytes, str]] = [
    ("empty.csv", "", "the file is empty"),
    ("blank.csv", "\n \n", "the file is empty; a header line and rows"),
    ("header.csv", "x,y\n", "the table has no rows"),
    ("numbers.csv", "1.5,2\n3,4\n", "line 1: the first line holds numbers; the first line names the columns"),
    ("twice.csv", "x,y, x\n1,2,3\n", "column 'x' stands twice"),
    (
        "ragged.csv",
        "x,y\n1,2\n\n3\n",
        "ragged.csv, line 4: the row has 1 field; as many as the header names: 2",
    ),
    ("long.csv", "x,y\n1,2\n1,2,3\n", "line 3: the row has 3 fields"),
    (
        "comma.csv",
        "x,y\n1,5,2,5\n",
        "line 2: the row has 4 fields; as many as the header names: 2; a decimal is",
    ),
    ("quoted.csv", 'x,y\n"1,5",2\n', "column 'x', line 2: '1,5' has a decimal comma; write 1.5"),
    (
        "semicolon.csv",
        "x;y\n1,5;2\n",
        "line 1: columns are separated by semicolons; separate them by commas and",
    ),
    ("tabs.csv", "x\ty\n1\t2\n", "line 1: columns are separated by tabs; separate them by commas"),
    ("comma.tsv", "x\ty\n1,5\t2\n", "column 'x', line 2: '1,5' has a decimal comma; write 1.5"),
    ("semicolon.tsv", "x;y\n1,5;2\n", "separated by semicolons; separate them by tabs"),
    ("text.csv", "x,y\n1,2\nabc,2\n", "column 'x', line 3: 'abc' is not a number; a number is wanted"),
    ("hole.csv", "x,y\n1,2\n,2\n", "column 'x', line 3: the cell is empty"),
    ("space.csv", "x,y\n1,2\n  ,2\n", "column 'x', line 3: the cell is empty"),
    ("nan.csv", "x,y\n1,2\nNaN,2\n", "column 'x', line 3: NaN is not a measured value"),
    ("inf.csv", "x,y\n-inf,2\n", "column 'x', line 2: infinity is not a measured value"),
    ("large.csv", "x,y\n1e400,2\n", "column 'x', line 2: infinity is not a measured value"),
    ("digits.csv", "x,y\n１２,2\n", "'１２' is not a number"),
    ("late.csv", LONG + "oops,1\n", "column 'x', line 180002: 'oops' is not a number"),
    ("late2.csv", LONG + "1\n", "line 180002: the row has 1 field"),
    ("late3.csv", LONG + "1,a\0b\nx,1\n", "line 180003: 'x' is not a number"),
    ("late4.csv", (LONG + "中,1\n").encode("gbk"), "column 'x', line 180002: is not UTF-8"),
    ("open.csv", 'x,y\n1,"2\n3,4\n', "'y'"),
    ("open2.csv", 'x,y\n1,"2\n' + "3,4\n" * 50_000, "look for a quotation mark that is not closed"),
    ("mac.csv", "x,y\r1,2\r", "lines end with a bare carriage return"),
    (
        "gbk.csv",
        "压力,x\n1,2\n".encode("gbk"),
        "gbk.csv, line 1: byte 2 is not UTF-8; save the table as UTF-8",
    ),
    ("latin1.csv", "x,y\n1,2\n3,größe\n".encode("latin-1"), "latin1.csv, line 3: byte 12 is not UTF-8"),
    ("bom.csv", b"\xef\xbb\xbfx,y\n1,\xff\n", "line 2: byte 9 is not UTF-8"),
    ("utf16.csv", "x,y\n1,2\n".encode("utf-16"), "line 1: the text is UTF-16"),
    ("utf16le.csv", "x,y\n1,2\n".encode("utf-16-le"), "byte 1 is NUL"),
    ("utf8cut.csv", b"x,y\n1,2\xe4", "line 2: byte 7 is not UTF-8"),
    ("page.csv", "<!DOCTYPE html><html>", "holds HTML or XML; export the table as CSV"),
    ("json.csv", '[{"x": 1}]', "holds JSON; give the file the ending .json"),
    ("zip.csv", b"PK\x03\x04....", "is a zip or XLSX file, though its name ends in .csv"),
    ("gz.csv", b"\x1f\x8b....", "is gzip, though its name ends in .csv"),
    (
        "pq.csv",
        b"PAR1....",
        "is Parquet, though its name ends in .csv; give the file the ending of its format",
    ),
    ("huge.csv", '"' + "x" * 200_000 + '",y\n1,2\n', "the header cannot be split into names"),
    ("text.parquet", "x,y\n1,2\n", "is something else, though its name ends in .parquet; export it again"),
    ("cut.parquet", b"PAR1" + bytes(1000), "is not whole Parquet"),
    ("pare.parquet", b"PARE" + bytes(1000), "is encrypted Parquet"),
    ("empty.parquet", "", "the file is empty"),
    ("a.json", '[{"x": 1, "x": 2}]', "key 'x' stands twice"),
    ("b.json", '[{"x": NaN}]', "NaN is not a JSON number"),
    ("c.json", '[{"x": 1', "c.json, line 1 column"),
    ("d.json", '{"x": [1, 2], "y": [1]}', "the lists differ in length (x: 2, y: 1)"),
    (
        "e.json",
        '{"x": 1}',
        "e.json, field 'x': is no list; a list of objects or an object of equally long lists",
    ),
    ("f.json", "[1, 2]", "f.json, row 1: is no object"),
    ("g.json", "3", "is no table"),
    ("h.json", '[{"x": 1}, {"y": 1}]', "column 'x', row 2: the value is missing"),
    ("i.json", '{"x": [1, "2"]}', "column 'x', row 2: '2' is text; write it as a number"),
    ("j.json", '{"x": [1, "2,5"]}', "column 'x', row 2: '2,5' has a decimal comma"),
    ("k.json", '{"x": [true]}', "column 'x', row 1: true is not a number"),
    ("l.json", '{"x": [[1]]}', "column 'x', row 1: [1] is not a number"),
    ("m.json", "[]", "no column 'x'; columns there are: none"),
    ("n.json", '{"x": []}', "the table has no rows"),
    ("o.json", '{"x": [1], "x ": [2]}', "column 'x' stands twice"),
    ("p.json", b'{"x": ["\xff"]}', "byte 8 is not UTF-8"),
    ("q.json", b"PK\x03\x04", "is a zip or XLSX file, though its name ends in .json"),
    (
        "picture.png",
        b"\x89PNG",
        "is no table (image/png); a file ending in .csv, .tsv, .parquet, .json, .xlsx, .wav",
    ),
]


@pytest.mark.parametrize(("name", "content", "text"), BAD, ids=[name for name, _, _ in BAD])
def test_a_bad_table_gives_one_clear_error(
    tmp_path: Path, name: str, content: str | bytes, text: str
) -> None:
    file = given_file(tmp_path, name, content)
    with pytest.raises(BadInput) as caught:
        table = file.read(Table)
        for column in ("x", "y"):
            table.floats(column)
    assert text in str(caught.value)
    assert name in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("3.0", "'3.0' is not a whole number"),
        ("9223372036854775808", "9223372036854775808 does not fit into 64 bits"),
        ("x", "'x' is not a whole number; a whole number is wanted"),
        ("", "the cell is empty"),
        ('"1,5"', "has a decimal comma"),
    ],
)
def test_whole_numbers_in_text_are_written_as_such(tmp_path: Path, cell: str, text: str) -> None:
    table = given_file(tmp_path, "a.csv", f"n,m\n7,1\n{cell},1\n").read(Table)
    with pytest.raises(BadInput) as caught:
        table.integers("n")
    assert "a.csv, column 'n', line 3: " in str(caught.value)
    assert text in str(caught.value)


def test_whole_numbers_are_converted_where_they_stay_whole(tmp_path: Path) -> None:
    table = given_file(tmp_path, "a.csv", "t_ms\n1000\n1500\n").read(Table)
    assert table.integers("t_us" if table.has("t_us") else "t_ms").tolist() == [1000, 1500]
    with pytest.raises(BadInput, match=r"line 3: 1.5 is not a whole number; a whole number in s is wanted"):
        table.integers("t_s")


@pytest.mark.parametrize(
    ("document", "kind", "text"),
    [
        ('{"x": [null]}', "text", "row 1: the value is missing"),
        ('{"x": [{}]}', "text", "row 1: {} is not a word"),
        ('{"x": ["2026-01-01", null]}', "time", "row 2: the value is missing"),
        ('{"x": ["2026-01-01", true]}', "time", "row 2: true is not a time"),
        ('{"x": [1]}', "time", "numbers whose unit and origin nobody stated"),
        ('{"x": [1.5]}', "integer", "1.5 is not a whole number"),
    ],
)
def test_json_cells_of_the_wrong_kind(tmp_path: Path, document: str, kind: Any, text: str) -> None:
    table = given_file(tmp_path, "a.json", document).read(Table)
    with pytest.raises(BadInput) as caught:
        table.texts("x") if kind == "text" else table.array("x", kind)
    assert text in str(caught.value)


def test_json_cells_as_they_are(tmp_path: Path) -> None:
    table = given_file(tmp_path, "a.json", '{"x": [1, 2.5], "y": [1, "a"], "z": [true, 3.0]}').read(Table)
    assert table.arrow(["x"]).to_pydict() == {"x": [1.0, 2.5]}
    with pytest.raises(BadInput, match="column 'y': mixes numbers, text or dates"):
        table.arrow()
    assert table.texts("z") == ["true", "3"]


def parquet_bytes(folder: Path) -> bytes:
    path = folder / "whole.parquet"
    rng = np.random.default_rng(3)
    columns = pa.table({"x": rng.random(500), "s": [f"w{i}" for i in range(500)]})
    pq.write_table(columns, path, row_group_size=100)
    return path.read_bytes()


def test_damaged_parquet_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole = parquet_bytes(tmp_path)
    rng = np.random.default_rng(4)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(4, len(whole))]
        for position in rng.integers(4, len(damaged), rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        file = given_file(tmp_path, "a.parquet", bytes(damaged))
        try:
            table = file.read(Table)
            list(table.batches(["x", "s"], {"s": "text"}))
            list(table.parts())
        except BadInput:
            refused += 1
    assert refused > 100
