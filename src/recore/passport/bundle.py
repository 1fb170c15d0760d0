"""The bundle: one zip whose every byte follows from its content.

Any zip tool opens it. The writer stores files uncompressed in one order with one fixed header form
(PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3), the one that Python's zipfile writes too; the reader
builds every header again from the names, sizes and checksums and refuses a file that differs anywhere.
So nothing can hide between the parts.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from recore.atomic import replacing
from recore.errors import BadInput

PASSPORT = "passport.json"
RULE_SET = "rule-set.json"
MAX_ENTRIES = 50_000
MAX_JSON = 64 * 2**20  # bytes of one JSON part
MAX_JSON_TOTAL = 512 * 2**20
CHUNK = 4 * 2**20
_LIMIT16, _LIMIT32 = 0xFFFF, 0xFFFFFFFF
_NAMES = re.compile(
    r"passport\.json|rule-set\.json|attestations/[a-z0-9][a-z0-9._-]{0,63}\.dsse|evidence/[0-9a-f]{64}"
    r"|rules/[A-Za-z0-9][A-Za-z0-9._-]{0,99}@[1-9][0-9]{0,9}\.json|contexts/[a-z0-9][a-z0-9.-]{0,63}\.jsonld"
)
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_DAY = 0x21  # 1980-01-01, the zero of the format
_PLAIN, _ZIP64 = 20, 45  # version of the format that a reader must know
_UNIX = 3 << 8  # made on Unix, so that the file mode counts
_MODE = 0o100644 << 16
_LONGEST_ENTRY = _CENTRAL.size + 200 + 28


class NotCanonical(BadInput):
    """The container is not the one its content determines."""


def order(name: str) -> tuple[bool, bytes]:
    """Place of a name in a bundle: the credential first, the rest by its bytes."""
    return name != PASSPORT, name.encode()


def _wide(*values: int) -> bytes:
    body = struct.pack(f"<{len(values)}Q", *values)
    return struct.pack("<2H", 1, len(body)) + body if values else b""


def _local(name: bytes, size: int, crc: int) -> bytes:
    wide = size >= _LIMIT32
    extra = _wide(size, size) if wide else b""
    short = _LIMIT32 if wide else size
    need = _ZIP64 if wide else _PLAIN
    head = _LOCAL.pack(b"PK\3\4", need, 0, 0, 0, _DAY, crc, short, short, len(name), len(extra))
    return head + name + extra


def _central(name: bytes, size: int, crc: int, offset: int) -> bytes:
    wide, far = size >= _LIMIT32, offset >= _LIMIT32
    extra = _wide(*((size, size) if wide else ()), *((offset,) if far else ()))
    short = _LIMIT32 if wide else size
    need = _ZIP64 if wide or far else _PLAIN
    head = _CENTRAL.pack(
        b"PK\1\2", _UNIX | need, need, 0, 0, 0, _DAY, crc, short, short,
        len(name), len(extra), 0, 0, 0, _MODE, _LIMIT32 if far else offset,
    )  # fmt: skip
    return head + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    wide = count >= _LIMIT16 or size >= _LIMIT32 or offset >= _LIMIT32
    tail = b""
    if wide:
        tail = _END64.pack(b"PK\6\6", 44, _ZIP64, _ZIP64, 0, 0, count, count, size, offset)
        tail += _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    n = min(count, _LIMIT16)
    return tail + _END.pack(b"PK\5\6", 0, 0, n, n, min(size, _LIMIT32), min(offset, _LIMIT32), 0)


@dataclass(frozen=True)
class Part:
    """One file to be put into a bundle.

    Parameters
    ----------
    sha256 : digest the content must have; '' where it is bytes made here
    """

    name: str
    size: int
    source: bytes | Path
    sha256: str = ""


def write(out: Path, parts: Sequence[Part]) -> None:
    """Write a bundle: streaming, and under its name only when whole and on the disk.

    Raises
    ------
    BadInput : a name that has no place in a bundle or stands twice, or a file that changed
    """
    ordered = sorted(parts, key=lambda part: order(part.name))
    names = [part.name for part in ordered]
    for name in names:
        if not _NAMES.fullmatch(name):
            raise BadInput(f"{name!r} has no place in a bundle", where=str(out))
    if len(set(names)) != len(names) or len(names) > MAX_ENTRIES:
        raise BadInput(f"a name stands twice, or more than {MAX_ENTRIES} files", where=str(out))
    with replacing(out) as file, ThreadPoolExecutor(1) as helper:
        _write_parts(file.fileno(), ordered, helper)


def _write_parts(handle: int, parts: Iterable[Part], helper: ThreadPoolExecutor) -> None:
    offset, directory, count = 0, [], 0
    for part in parts:
        name = part.name.encode()
        start = offset + len(_local(name, part.size, 0))
        crc = _copy(part, handle, start, helper)
        _write_at(handle, _local(name, part.size, crc), offset)
        directory.append(_central(name, part.size, crc, offset))
        offset, count = start + part.size, count + 1
    central = b"".join(directory)
    _write_at(handle, central + _end(count, len(central), offset), offset)


def _copy(part: Part, handle: int, start: int, helper: ThreadPoolExecutor) -> int:
    if isinstance(part.source, bytes):
        _write_at(handle, part.source, start)
        return zlib.crc32(part.source)
    with part.source.open("rb", buffering=0) as source:
        digest, crc, size = digests(
            source.fileno(), 0, None, helper, lambda data, at: _write_at(handle, data, start + at)
        )
    if size != part.size or digest != part.sha256:
        raise BadInput(
            "the file changed since it was read", where=str(part.source), right="run the appraisal again"
        )
    return crc


def _write_at(handle: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while len(view):
        done = os.pwrite(handle, view, offset)
        view, offset = view[done:], offset + done


def digests(
    handle: int,
    offset: int,
    size: int | None,
    helper: ThreadPoolExecutor | None = None,
    sink: Callable[[memoryview, int], None] | None = None,
) -> tuple[str, int, int]:
    """SHA-256, CRC-32 and length of a stretch of a file, read once.

    While one chunk is hashed here, the helper reads, checks (and passes on) the next: SHA-256 alone
    sets the pace.

    Parameters
    ----------
    size : bytes to read; None reads to the end
    sink : called with each chunk and its place
    """
    sha, crc, done = hashlib.sha256(), 0, 0
    buffers = [bytearray(CHUNK if size is None else min(CHUNK, size)) for _ in range(2)]

    def fetch(turn: int, at: int, crc: int) -> tuple[memoryview, int]:
        want = CHUNK if size is None else min(CHUNK, size - at)
        view = memoryview(buffers[turn % 2])[:want]
        got = 0
        while got < want and (more := os.preadv(handle, [view[got:]], offset + at + got)):
            got += more
        view = view[:got]
        if sink is not None:
            sink(view, at)
        return view, zlib.crc32(view, crc)

    view, crc = fetch(0, 0, crc)
    turn = 1
    while len(view):
        at = done + len(view)
        if helper is not None and len(view) == CHUNK:
            coming = helper.submit(fetch, turn, at, crc)
            sha.update(view)
            done = at
            view, crc = coming.result()
        else:
            sha.update(view)
            done = at
            view, crc = fetch(turn, at, crc)
        turn += 1
    return sha.hexdigest(), crc, done


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a file stands in the bundle."""

    name: str
    offset: int
    size: int
    crc: int


class Bundle:
    """An open bundle. Opening it proves that the container has its one canonical form.

    Raises
    ------
    BadInput : cannot be read, or is not canonical: what is wrong and where
    """

    def __init__(self, path: Path, *, handle: int | None = None) -> None:
        self.path = path
        if handle is None:
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError as error:
                raise BadInput(f"cannot be read ({error.strerror})", where=str(path)) from None
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                os.close(handle)
                raise BadInput("not a file", where=str(path), right="a passport bundle (zip) is wanted")
        self.handle = handle
        try:
            self.entries = {entry.name: entry for entry in self._scan()}
        except BaseException:
            os.close(self.handle)
            raise

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.handle)

    def _bad(self, what: str) -> NotCanonical:
        return NotCanonical(
            what, where=self.path.name, right="not a bundle as it was issued: get it again from its issuer"
        )

    @classmethod
    def salvaged(cls, path: Path) -> Bundle | None:
        """A zip that another tool wrote, opened only to say what else holds and what does not.

        Its parts must be stored uncompressed under names that a bundle has; None where they are not.
        """
        box = object.__new__(cls)
        box.path = path
        try:
            box.handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        entries = box._listed_by_zipfile()
        if entries is None:
            os.close(box.handle)
            return None
        box.entries = entries
        return box

    def _listed_by_zipfile(self) -> dict[str, Entry] | None:
        import zipfile

        total = os.fstat(self.handle).st_size
        entries: dict[str, Entry] = {}
        try:
            with os.fdopen(os.dup(self.handle), "rb") as file, zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                if len(members) > MAX_ENTRIES:
                    return None
                for member in members:
                    head = self._at(member.header_offset, _LOCAL.size)
                    if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
                        return None
                    begin = member.header_offset + _LOCAL.size + sum(_LOCAL.unpack(head)[-2:])
                    name, size = member.filename, member.file_size
                    stored = member.compress_type == zipfile.ZIP_STORED and member.compress_size == size
                    if not (stored and _NAMES.fullmatch(name)) or name in entries or begin + size > total:
                        return None
                    entries[name] = Entry(name, begin, size, member.CRC)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
            return None
        return entries if PASSPORT in entries else None

    def _at(self, offset: int, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := os.pread(self.handle, size - len(data), offset + len(data))):
            data += more
        return data

    def _scan(self) -> list[Entry]:
        total = os.fstat(self.handle).st_size
        count, size, offset = self._directory_place(total)
        tail = _end(count, size, offset)
        if offset + size + len(tail) != total or self._at(offset + size, len(tail)) != tail:
            raise self._bad("the end record is not the canonical one (bytes added, lost or changed)")
        if count > MAX_ENTRIES or size > count * _LONGEST_ENTRY:
            raise self._bad(f"it lists {count} files in {size} bytes; at most {MAX_ENTRIES} are read")
        directory = self._at(offset, size)
        entries: list[Entry] = []
        at, start = 0, 0
        for _ in range(count):
            entry, central = self._listed(directory, at, start)
            if directory[at : at + len(central)] != central:
                raise self._bad(f"the entry of {entry.name!r} is not canonical")
            if entries and order(entries[-1].name) >= order(entry.name):
                raise self._bad(f"{entry.name!r} stands twice or out of order")
            name = entry.name.encode()
            local = _local(name, entry.size, entry.crc)
            if entry.offset + entry.size > offset or self._at(start, len(local)) != local:
                raise self._bad(f"the header of {entry.name!r} is not canonical")
            entries.append(entry)
            at, start = at + len(central), entry.offset + entry.size
        if at != size or start != offset:
            raise self._bad("there are bytes that belong to no file")
        if not entries or entries[0].name != PASSPORT:
            raise self._bad(f"it holds no {PASSPORT}")
        return entries

    def _directory_place(self, total: int) -> tuple[int, int, int]:
        end = self._at(total - _END.size, _END.size) if total >= _END.size else b""
        if end[:4] != b"PK\5\6":
            raise self._bad("it does not end like a zip")
        _, _, _, _, count, size, offset, _ = _END.unpack(end)
        if count == _LIMIT16 or size == _LIMIT32 or offset == _LIMIT32:
            start = total - _END.size - _LOCATOR.size - _END64.size
            record = self._at(start, _END64.size) if start >= 0 else b""
            if record[:4] != b"PK\6\6":
                raise self._bad("its ZIP64 end record is missing")
            *_, count, size, offset = _END64.unpack(record)
        return int(count), int(size), int(offset)

    def _listed(self, directory: bytes, at: int, start: int) -> tuple[Entry, bytes]:
        """The entry at a place of the directory, and the bytes it should have there."""
        if len(directory) - at < _CENTRAL.size:
            raise self._bad("its directory is cut short")
        fields = _CENTRAL.unpack_from(directory, at)
        crc, size, length, extra = fields[7], fields[9], fields[10], fields[11]
        begin = at + _CENTRAL.size
        name = directory[begin : begin + length]
        try:
            text = name.decode("ascii")
        except UnicodeDecodeError:
            text = ""
        if not _NAMES.fullmatch(text):
            raise self._bad(f"{name[:80]!r} has no place in a bundle")
        if size == _LIMIT32 and extra >= 12:
            wide = directory[begin + length + 4 : begin + length + 12]
            size = int.from_bytes(wide, "little")
        data = start + len(_local(name, size, crc))
        return Entry(text, data, size, crc), _central(name, size, crc, start)

    def read(self, name: str) -> bytes:
        """Content of a JSON part, its checksum checked.

        Raises
        ------
        BadInput : not in the bundle, too large for a JSON part, or changed
        """
        entry = self.entries.get(name)
        if entry is None:
            raise BadInput(f"{name} is missing", where=self.path.name, right="get the bundle again")
        if entry.size > MAX_JSON:
            raise BadInput(
                f"{name} has {entry.size} bytes", where=self.path.name, right=f"at most {MAX_JSON}"
            )
        data = self._at(entry.offset, entry.size)
        if zlib.crc32(data) != entry.crc or len(data) != entry.size:
            raise self._bad(f"{name} was changed (checksum)")
        return data

    def digest(self, name: str, helper: ThreadPoolExecutor | None = None) -> tuple[str, bool]:
        """SHA-256 of a part of any size, and whether its checksum holds."""
        entry = self.entries[name]
        sha256, crc, size = digests(self.handle, entry.offset, entry.size, helper)
        return sha256, crc == entry.crc and size == entry.size

    def slice(self, name: str) -> bytes:
        """Content of a part of any size."""
        entry = self.entries[name]
        return self._at(entry.offset, entry.size)

    def extract(self, name: str, target: Path) -> None:
        """Copy a part to a path of our own choosing."""
        entry = self.entries[name]
        with target.open("xb") as file:
            for at in range(0, entry.size, CHUNK):
                file.write(self._at(entry.offset + at, min(CHUNK, entry.size - at)))
