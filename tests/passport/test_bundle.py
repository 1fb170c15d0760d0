"""The container: deterministic bytes, every one of them checked."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.passport import bundle
from recore.passport.bundle import Bundle, NotCanonical, Part, write


def part(name: str, data: bytes) -> Part:
    return Part(name, len(data), data)


def named(data: bytes) -> Part:
    return part(f"evidence/{hashlib.sha256(data).hexdigest()}", data)


def whole(path: Path) -> bool:
    """Whether a verifier reading every part of the container finds nothing wrong."""
    try:
        with Bundle(path) as box:
            return all(box.digest(name)[1] for name in box.entries)
    except NotCanonical:
        return False


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.zip"
    write(
        path, [named(b"raw"), part("rules/a.b@1.json", b"{}"), part("passport.json", b'{"a":1}'), named(b"")]
    )
    return path


def test_any_zip_tool_reads_it(small):
    with zipfile.ZipFile(small) as box:
        assert box.testzip() is None
        names = box.namelist()
        assert names[0] == "passport.json" and names[1:] == sorted(names[1:])
        assert all(
            i.compress_type == zipfile.ZIP_STORED and not i.extra and not i.comment for i in box.infolist()
        )
        assert {i.date_time for i in box.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert all(i.external_attr >> 16 == 0o100644 for i in box.infolist())
        assert box.read("passport.json") == b'{"a":1}'


def test_the_same_parts_give_the_same_bytes_in_any_order(tmp_path):
    parts = [part("passport.json", b"{}"), *(named(bytes([n])) for n in range(9))]
    first = tmp_path / "1.zip"
    write(first, parts)
    random.Random(3).shuffle(parts)
    write(tmp_path / "2.zip", parts)
    assert first.read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert list(tmp_path.iterdir()) != [] and len(list(tmp_path.iterdir())) == 2


@given(st.lists(st.binary(max_size=300), unique=True, max_size=6))
@settings(max_examples=40, deadline=None)
def test_round_trip(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("b") / "x.zip"
    write(path, [part("passport.json", b"{}"), *map(named, contents)])
    with Bundle(path) as box:
        assert {box.slice(f"evidence/{hashlib.sha256(c).hexdigest()}") for c in contents} == set(contents)
        for name in box.entries:
            sha256, fine = box.digest(name)
            assert fine and (name == "passport.json" or name == f"evidence/{sha256}")


def test_every_single_bit_is_checked(small):
    good = small.read_bytes()
    assert whole(small)
    for bit in range(len(good) * 8):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        small.write_bytes(data)
        assert not whole(small), f"bit {bit % 8} of byte {bit // 8}"


def test_bytes_before_after_between_or_missing_are_found(small):
    good = small.read_bytes()
    for at in range(0, len(good) + 1, 3):
        for data in (
            good[:at] + b"\0" + good[at:],
            good[:at] + good[at + 1 :] if at < len(good) else good[:-1],
        ):
            small.write_bytes(data)
            assert not whole(small), at
    small.write_bytes(b"")
    assert not whole(small)


def test_zip64_is_used_where_it_is_needed_and_only_there():
    name = b"passport.json"
    wide = bundle._local(name, 2**32, 7)
    assert len(wide) == 30 + 13 + 20 and wide.endswith((2**32).to_bytes(8, "little") * 2)
    narrow = bundle._local(name, 2**32 - 2, 7)
    assert len(narrow) == 30 + 13 and narrow[18:22] == (2**32 - 2).to_bytes(4, "little")
    far = bundle._central(name, 5, 7, 2**33)
    assert len(far) == 46 + 13 + 12 and far.endswith((2**33).to_bytes(8, "little"))
    assert len(bundle._end(1, 60, 2**32)) == len(bundle._end(65535, 60, 9)) == 56 + 20 + 22
    assert len(bundle._end(65534, 60, 9)) == 22


@pytest.mark.slow
def test_a_file_past_4_gib_streams_in_and_out(tmp_path, monkeypatch):
    zeros, real = bytes(bundle.CHUNK), bundle._write_at
    monkeypatch.setattr(  # holes instead of zeros: the disk need not hold 4 GiB
        bundle, "_write_at", lambda handle, data, at: None if data == zeros else real(handle, data, at)
    )
    raw = tmp_path / "raw"
    size = 2**32 + 5
    with raw.open("wb") as file:
        file.truncate(size)
    digest = "709fc0b74f7c916cedccb212d681c035f36ffbb31ebfe806eb40c31592744eb5"  # of 2^32 + 5 zeros
    path = tmp_path / "big.zip"
    write(path, [part("passport.json", b"{}"), Part(f"evidence/{digest}", size, raw, digest), named(b"x")])
    with zipfile.ZipFile(path) as box:
        assert box.getinfo(f"evidence/{digest}").file_size == size
        assert box.read(named(b"x").name) == b"x"
    with Bundle(path) as box:
        assert box.entries[f"evidence/{digest}"].size == size and box.slice(named(b"x").name) == b"x"
    data = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(data - 70)  # inside the ZIP64 end record
        old = file.read(1)[0]
        file.seek(data - 70)
        file.write(bytes([old ^ 1]))
    assert not whole(path)


def foreign(path: Path, names: list[str], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as box:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.compress_type = options.get("compression", zipfile.ZIP_STORED)
            box.writestr(info, b"{}")
    return path


@pytest.mark.parametrize(
    "names",
    [
        ["passport.json"],
        ["passport.json", "../evil"],
        ["passport.json", "/etc/passwd"],
        ["passport.json", "evidence/../../x"],
        ["passport.json", "evidence\\x"],
        ["passport.json", "readme.txt"],
        ["passport.json", "evidence/"],
        ["PASSPORT.JSON"],
        ["passport.json", "rules/ü@1.json"],
    ],
)
def test_a_zip_of_another_tool_or_with_other_names_is_refused(tmp_path, names):
    with pytest.raises(NotCanonical):
        Bundle(foreign(tmp_path / "f.zip", names))


def test_a_zip_bomb_is_refused_unread(tmp_path):
    path = foreign(tmp_path / "f.zip", ["passport.json"], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(NotCanonical):
        Bundle(path)
    lying = bundle._end(10**6, 2**31, 10**6)
    path.write_bytes(b"\0" * 10**6 + lying)
    started = time.process_time()
    with pytest.raises(NotCanonical):
        Bundle(path)
    assert time.process_time() - started < 3


def test_forged_but_canonical_directories_are_refused(tmp_path):
    """Names that stand twice, out of order or overlap, with headers that fit them."""

    def forged(items: list[tuple[str, bytes]]) -> Path:
        out, directory, offset = b"", b"", 0
        import zlib

        for name, data in items:
            raw = name.encode()
            directory += bundle._central(raw, len(data), zlib.crc32(data), offset)
            out += bundle._local(raw, len(data), zlib.crc32(data)) + data
            offset = len(out)
        path = tmp_path / "forged.zip"
        path.write_bytes(out + directory + bundle._end(len(items), len(directory), offset))
        return path

    good = [("passport.json", b"{}"), ("rules/a@1.json", b"1"), ("rules/b@1.json", b"2")]
    with Bundle(forged(good)):
        pass
    for items, says in (
        ([good[0], good[1], good[1]], "twice or out of order"),
        ([good[0], good[2], good[1]], "twice or out of order"),
        ([good[1], good[0]], "twice or out of order"),
        ([good[1]], "holds no passport.json"),
        ([], "holds no passport.json"),
        ([good[0], ("evidence/../x", b"")], "has no place"),
        ([good[0], ("rules/a@1.json/../../x", b"")], "has no place"),
    ):
        with pytest.raises(NotCanonical, match=says):
            Bundle(forged(items))


def test_bad_parts_are_not_written(tmp_path):
    out = tmp_path / "x.zip"
    for parts, says in (
        ([part("../x", b"")], "no place"),
        ([named(b"a"), named(b"a")], "twice"),
    ):
        with pytest.raises(BadInput, match=says):
            write(out, parts)
    raw = tmp_path / "raw"
    raw.write_bytes(b"changed")
    for size, digest in ((7, "0" * 64), (8, hashlib.sha256(b"changed").hexdigest())):
        with pytest.raises(BadInput, match="changed since it was read"):
            write(out, [part("passport.json", b"{}"), Part("evidence/" + "0" * 64, size, raw, digest)])
    assert list(tmp_path.iterdir()) == [raw]


def test_json_parts_are_bounded(small, monkeypatch):
    with Bundle(small) as box:
        with pytest.raises(BadInput, match="missing"):
            box.read("rules/none@1.json")
        monkeypatch.setattr(bundle, "MAX_JSON", 3)
        with pytest.raises(BadInput, match="at most 3"):
            box.read("passport.json")


def test_what_cannot_be_opened_is_bad_input_and_never_hangs(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadInput) as caught:
            Bundle(path)
        assert not isinstance(caught.value, NotCanonical)


def test_extracted_bytes_are_those_of_the_part(small, tmp_path):
    name = f"evidence/{hashlib.sha256(b'raw').hexdigest()}"
    with Bundle(small) as box:
        box.extract(name, tmp_path / "out")
        with pytest.raises(FileExistsError):
            box.extract(name, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"raw"


def test_long_files_are_digested_beside_the_checksum(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "CHUNK", 64)
    data = random.Random(1).randbytes(64 * 5 + 7)
    raw = tmp_path / "raw"
    raw.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    path = tmp_path / "x.zip"
    write(path, [part("passport.json", b"{}"), Part(f"evidence/{digest}", len(data), raw, digest)])
    with bundle.ThreadPoolExecutor(1) as helper, Bundle(path) as box:
        assert box.digest(f"evidence/{digest}", helper) == (digest, True)
        assert box.digest(f"evidence/{digest}") == (digest, True)
        box.extract(f"evidence/{digest}", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


KILLED = """
import sys
from pathlib import Path
from recore.passport.bundle import Part, write
print("ready", flush=True)
while True:
    write(Path(sys.argv[1]), [Part("passport.json", 2, b"{}"), Part("evidence/" + sys.argv[3], 2**22, Path(sys.argv[2]), sys.argv[3])])
"""


def test_killed_at_any_moment_there_is_a_whole_bundle_or_none(tmp_path):
    raw = tmp_path / "raw"
    raw.write_bytes(random.Random(2).randbytes(2**22))
    digest = hashlib.sha256(raw.read_bytes()).hexdigest()
    out = tmp_path / "out"
    out.mkdir()
    parts = [part("passport.json", b"{}"), Part(f"evidence/{digest}", 2**22, raw, digest)]
    started = time.perf_counter()
    write(out / "passport.zip", parts)
    once = time.perf_counter() - started
    chance = random.Random(5)
    found = 0
    for _ in range(12):
        target = out / "passport.zip"
        target.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(target), str(raw), digest],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 6 * once))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        if target.exists():
            found += 1
            assert whole(target)
    assert found
