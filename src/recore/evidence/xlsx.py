"""XLSX workbooks: bounded before they are unpacked, then read as rows of cells."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from recore.errors import BadInput
from recore.evidence.cells import CellSource
from recore.evidence.memory_table import check_names

MAX_INFLATED = 2**28
MAX_ENTRIES = 10_000
MAX_AREA = 2**23
MAX_TEXT = 2**31
_CHUNK = 2**20
_LONGEST_TAG = 2**16
_SMALLER = "give a long table as CSV or Parquet"

_TAG = re.compile(rb"""<(?:[\w.-]+:)?(row|c|si)((?:[\s/](?:[^>"']|"[^"]*"|'[^']*')*)?)>""")
_ANY_REFERENCE = re.compile(rb"\sr\s*=")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Z]{0,3})([0-9]{0,7})["']""")
_SHARED = re.compile(rb"""\st\s*=\s*["']s["']""")


def sheets(path: Path, name: str) -> dict[str, list[list[Any]]]:
    """Rows of every visible worksheet by its name, from A1 on; '' is an empty cell.

    Raises
    ------
    BadInput : not whole XLSX, with a password, with macros, or too large when unpacked
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    with path.open("rb") as stream:
        check(stream, name)
        stream.seek(0)
        try:
            book = CalamineWorkbook.from_filelike(stream)
            return {
                sheet.name: book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
                for sheet in book.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
            }
        except (CalamineError, OSError, ValueError) as error:
            raise _broken(name, error) from None


def xlsx_source(path: Path, name: str) -> CellSource:
    """Source over the first visible sheet; its first row names the columns.

    Raises
    ------
    BadInput : as `sheets`, and a sheet that is empty or whose first row holds numbers
    """
    found = sheets(path, name)
    if not found:
        raise BadInput(
            "the workbook has no visible sheet", where=name, right="a sheet with a header row is wanted"
        )
    sheet, rows = next(iter(found.items()))
    where = f"{name}, sheet {sheet!r}"
    filled = [(number, row) for number, row in enumerate(rows, 1) if any(cell != "" for cell in row)]
    if not filled:
        raise BadInput("the sheet is empty", where=where, right="a header row and rows of values are wanted")
    header = filled[0][1]
    if all(isinstance(cell, int | float) for cell in header):
        raise BadInput(
            "the first row holds numbers", where=f"{where}, row {filled[0][0]}", right="it names the columns"
        )
    columns = check_names([str(cell) for cell in header], where)
    body = filled[1:]
    cells = tuple([row[i] for _, row in body] for i in range(len(columns)))
    return CellSource(name, columns, cells, [number for number, _ in body])


def check(stream: BinaryIO, name: str) -> None:
    """Refuse a workbook that is encrypted, carries macros, or would not stay within bounds.

    Sizes are held against their bound as declared and again as they come out of the inflater,
    because a declared size can lie. The reader lays a sheet out as a full rectangle and copies
    a shared text into each of its cells, so both products are bounded too.
    """
    magic = stream.read(4)
    if stream.seek(0, 2) > MAX_INFLATED:
        raise _too_large(f"has {stream.tell()} bytes", name)
    if magic == b"\xd0\xcf\x11\xe0":
        raise BadInput(
            "has a password or is an old .xls workbook",
            where=name,
            right="save it as .xlsx without a password",
        )
    try:
        with zipfile.ZipFile(stream) as package:
            members = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _broken(name, error) from None
    names = {member.filename for member in members}
    if "xl/workbook.xml" not in names:
        raise BadInput("is a zip file but no XLSX workbook", where=name, right="save the workbook as .xlsx")
    if any(member.lower().endswith("vbaproject.bin") for member in names):
        raise BadInput("carries macros", where=name, right="save it as .xlsx without macros")
    if len(members) > MAX_ENTRIES:
        raise BadInput(f"packs {len(members)} files", where=name, right=f"at most {MAX_ENTRIES} are unpacked")
    if any(member.flag_bits & 1 for member in members):
        raise BadInput("is encrypted", where=name, right="save it without a password")
    declared = sum(member.file_size for member in members)
    if declared > MAX_INFLATED:
        raise _too_large(f"would unpack to {declared} bytes", name)
    bounds = _Bounds(name)
    for member in members:
        bounds.begin()
        inflated = 0
        for chunk in _inflated(stream, member, name):
            inflated += len(chunk)
            if inflated > member.file_size:
                raise BadInput(
                    f"{member.filename!r} unpacks to more than the {member.file_size} bytes it declares",
                    where=name,
                    right="save the workbook again",
                )
            bounds.take(chunk)


def _inflated(stream: BinaryIO, member: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """Bytes of one member, chunk by chunk, whatever size it declares."""
    if member.header_offset < 0:
        raise _broken(name, f"{member.filename!r} lies outside the file")
    stream.seek(member.header_offset)
    header = stream.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise _broken(name, f"{member.filename!r} has no header")
    stream.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(
            f"{member.filename!r} is compressed by method {member.compress_type}",
            where=name,
            right="save the workbook again with a spreadsheet program",
        )
    left = member.compress_size
    inflater = zlib.decompressobj(-15) if member.compress_type == zipfile.ZIP_DEFLATED else None
    while left > 0:
        packed = stream.read(min(_CHUNK, left))
        if not packed:
            raise _broken(name, f"{member.filename!r} ends early")
        left -= len(packed)
        if inflater is None:
            yield packed
            continue
        try:
            while packed and not inflater.eof:
                yield inflater.decompress(packed, _CHUNK)
                packed = inflater.unconsumed_tail
        except zlib.error as error:
            raise _broken(name, f"{member.filename!r}: {error}") from None
        if inflater.eof:
            break
    if inflater is not None:
        yield inflater.flush()


class _Bounds:
    """How large the sheets and texts become once they are laid out, watched while they are inflated."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shared = 0
        self.longest = 0

    def begin(self) -> None:
        self.row = self.column = self.rows = self.columns = 0
        self.offset = 0
        self.text_start: int | None = None
        self.rest = b""

    def take(self, chunk: bytes) -> None:
        data = self.rest + chunk
        end = 0
        for tag in _TAG.finditer(data):
            end = tag.end()
            if tag[1] == b"si":
                self._end_text(self.offset + tag.start())
                self.text_start = self.offset + tag.start()
            else:
                self._place(tag[1], tag[2])
        self._end_text(self.offset + len(data))
        # a tag may go on in the next chunk
        keep = max(end, data.rfind(b"<"), len(data) - _LONGEST_TAG)
        self.offset += keep
        self.rest = data[keep:]
        if self.rows * self.columns > MAX_AREA:
            raise _too_large(f"a sheet reaches to row {self.rows} and column {self.columns}", self.name)
        if self.shared * self.longest > MAX_TEXT:
            raise _too_large(f"{self.shared} cells may hold texts of {self.longest} bytes", self.name)

    def _end_text(self, end: int) -> None:
        if self.text_start is not None:
            self.longest = max(self.longest, end - self.text_start)

    def _place(self, tag: bytes, attributes: bytes) -> None:
        reference = _REFERENCE.search(attributes)
        if reference is None and _ANY_REFERENCE.search(attributes):
            raise _broken(self.name, f"cell reference {attributes[:40]!r}")
        letters, digits = (reference[1], reference[2]) if reference else (b"", b"")
        if tag == b"row":
            self.row, self.column = int(digits) if digits else self.row + 1, 0
        else:
            self.row = int(digits) if digits else max(self.row, 1)
            self.column = _column_number(letters) if letters else self.column + 1
            self.shared += bool(_SHARED.search(attributes))
            self.columns = max(self.columns, self.column)
            self.rows = max(self.rows, self.row)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _too_large(what: str, name: str) -> BadInput:
    return BadInput(f"{what}, which is more than is unpacked", where=name, right=_SMALLER)


def _broken(name: str, error: object) -> BadInput:
    reason = " ".join(str(error).split())[:160]
    return BadInput(
        f"is not a whole XLSX workbook ({reason})", where=name, right="save the workbook again as .xlsx"
    )
