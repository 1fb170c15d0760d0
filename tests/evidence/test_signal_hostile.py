"""Signal files that are cut, damaged or that lie about their size: one clear error, bounded time and memory."""

from __future__ import annotations

import io
import itertools
import random
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from signal_files import tdms_lead, tdms_segment, uff58, wav

from recore.errors import BadInput
from recore.evidence import Table, open_file

RAMP = np.arange(20) / 8


def mat(variables: dict[str, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    savemat(stream, variables, **options)
    return stream.getvalue()


def element(kind: int, data: bytes, length: int | None = None) -> bytes:
    return struct.pack("<II", kind, len(data) if length is None else length) + data + b"\0" * (-len(data) % 8)


MAT_HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def matrix(
    values: bytes, *, kind: int = 6, dims: tuple[int, ...] = (4, 1), mi: int = 9, length: int | None = None
) -> bytes:
    return element(
        14,
        element(6, struct.pack("<II", kind, 0))
        + element(5, struct.pack(f"<{len(dims)}i", *dims))
        + element(1, b"x")
        + element(mi, values, length),
    )


def npy(head: str, data: bytes = b"", version: int = 1, length: int | None = None) -> bytes:
    told = head.encode()
    size = len(told) if length is None else length
    return (
        b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + told + data
    )


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as package:
        for name, data in members.items():
            package.writestr(name, data)
    return stream.getvalue()


def read_all(path: Path) -> str:
    """Everything a method could ask of a file; the first error, or ''."""
    try:
        table = open_file(path).read(Table)
        _ = table.rate_hz, dict(table.facts), table.parts()
        for name in table.columns:
            table.floats(name)
    except BadInput as error:
        return str(error)
    return ""


def whole_files() -> dict[str, bytes]:
    head = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (20,), }\n", RAMP.tobytes())
    x, y = ("g", "x"), ("g", "y")
    segment = tdms_segment({x: (RAMP, {"wf_increment": 0.5}), y: (RAMP.astype("i2"), {"unit_string": "V"})})
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["x"] = RAMP
    return {
        "a.wav": wav(RAMP, 8000, "f4", extensible=True),
        "b.wav": wav(RAMP, 8000, "i3", long=True),
        "a.npy": head,
        "a.npz": zipped(
            {"x.npy": head, "fs.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", b"\0" * 8)}
        ),
        "a.mat": mat({"x": RAMP, "s": {"fs": 2.0}}),
        "b.mat": mat({"x": RAMP, "s": {"fs": 2.0}}, do_compression=True),
        "a.tdms": segment,
        "a.uff": uff58(RAMP, 1e-3),
        "b.uff": uff58(RAMP, 1e-3, binary="<"),
        "a.h5": stream.getvalue(),
    }


WHOLE = whole_files()


@pytest.mark.parametrize("name", [name for name in WHOLE if not name.endswith(".h5")])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    path, content = tmp_path / name, WHOLE[name]
    path.write_bytes(content)
    assert read_all(path) == ""
    # a text file may lose its last line end, and a sound file what pads it
    spare = 2 if name == "a.uff" or name == "b.uff" else 0
    cuts = sorted(
        {
            *range(0, min(200, len(content)), 2),
            *range(len(content) - 30, len(content) - spare),
            *range(0, len(content) - spare, 131),
        }
    )
    bounds = {"a.mat": 128, "b.mat": 128}
    for cut in cuts:
        path.write_bytes(content[:cut])
        told = read_all(path)
        # a MATLAB file that ends behind a variable is whole, and cannot tell that more was to come
        if name in bounds and cut > bounds[name] and not told:
            continue
        assert told, cut


def test_a_cut_hdf5_file_is_refused(tmp_path: Path) -> None:
    path, content = tmp_path / "a.h5", WHOLE["a.h5"]
    for cut in range(0, len(content), 151):
        path.write_bytes(content[:cut])
        assert read_all(path), cut


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_damaged_file_gives_an_answer_or_bad_input(tmp_path: Path, name: str) -> None:
    random_ = random.Random(name)
    path = tmp_path / name
    for _ in range(40):
        content = bytearray(WHOLE[name])
        for _ in range(random_.choice([1, 1, 2, 4])):
            at = random_.randrange(len(content))
            if random_.random() < 0.5:
                content[at] = random_.randrange(256)
            else:
                content[at : at + 4] = random_.choice([0, 1, 255, 2**31 - 1, 2**32 - 1]).to_bytes(4, "little")
        path.write_bytes(content)
        read_all(path)


def lies() -> Iterator[tuple[str, bytes, str]]:
    frame = wav(np.zeros((4, 2)), 8000)
    at = frame.index(b"fmt ") + 8

    def told(form: str, offset: int, *values: int) -> bytes:
        data = bytearray(frame)
        struct.pack_into(form, data, at + offset, *values)
        return bytes(data)

    yield "a.wav", b"RIFF\0\0\0\0AVI ", "is something else"
    yield "a.wav", b"RIFX\0\0\0\0WAVE", "big-endian RIFX"
    yield "a.wav", b"RIFF\0\0\0\0WAVE", "has no data chunk"
    yield "a.wav", frame[:12] + frame[frame.index(b"data") :], "stand before their format"
    yield "a.wav", frame[:-16], "cut short"
    yield "a.wav", frame.replace(b"fmt \x10", b"fmt \x08"), "its format is cut short"
    yield "a.wav", told("<H", 0, 2), "compressed or coded (format 2)"
    yield "a.wav", told("<H", 2, 0), "has 0 channels"
    yield "a.wav", told("<I", 4, 0), "at 0 Hz"
    yield "a.wav", told("<H", 2, 5000), "has 5000 channels"
    yield "a.wav", told("<H", 12, 10), "frames of 10 bytes"
    yield "a.wav", told("<H", 14, 20), "20 bits in frames of 4 bytes"
    yield "a.wav", frame.replace(b"data\x10", b"data\x0f"), "15 bytes are no whole number of samples of 4"
    yield "a.wav", frame.replace(b"data\x10\0\0\0", b"data\xff\xff\xff\xff"), "cut short"
    yield "a.wav", b"RF64" + frame[4:].replace(b"data\x10\0\0\0", b"data\xff\xff\xff\xff"), "states no length"
    yield "a.wav", wav(RAMP, 8, extensible=True).replace(bytes.fromhex("aa00389b71"), b"other"), "format 0"
    yield "a.wav", frame[:12] + (b"LIST\0\0\0\0" * 10_001) + frame[12:], "has no data chunk"

    yield (
        "a.npy",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**9,)}"),
        "its head cannot be read",
    )
    yield (
        "a.npy",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"),
        "is not what its head says",
    )
    yield "a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-4,)}"), "its head cannot be read"
    yield "a.npy", npy("{'descr': '<f8', 'fortran_order': 0, 'shape': (4,)}"), "its head cannot be read"
    yield (
        "a.npy",
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (4,)}"),
        "holds no channel of numbers",
    )
    yield (
        "a.npy",
        npy("{'descr': '<c16', 'fortran_order': False, 'shape': (2,)}", b"\0" * 32),
        "type complex128",
    )
    yield "a.npy", npy("(" * 5000), "its head cannot be read"
    yield "a.npy", npy("{}", version=1, length=0), "its head cannot be read"
    yield "a.npy", npy("{}", version=2, length=2**31), "has a head of 2147483648 bytes"
    yield "a.npy", npy("{}", version=9), "in version 9"
    yield "a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}"), "the table has no rows"
    yield "a.npz", zipped({"x.npy": b"words that are no array"}), "is no array of NumPy"
    yield "a.npz", zipped({"readme.txt": b"words"}), "holds no channel"
    yield "a.npz", zipped({f"{i}.npy": b"" for i in range(5000)}, zipfile.ZIP_STORED), "packs 5000 files"
    yield (
        "a.npz",
        zipped({"x.npy": WHOLE["a.npy"]}, zipfile.ZIP_BZIP2),
        "compressed in a way that is not read",
    )
    yield "a.npz", zipped({"x.npy": WHOLE["a.npy"][:-8]}), "is not what its head says"
    damaged = bytearray(zipped({"x.npy": WHOLE["a.npy"]}, zipfile.ZIP_STORED))
    damaged[200] ^= 1
    yield "a.npz", bytes(damaged), "is not a whole file of arrays (Bad CRC-32"
    large = bytearray(zipped({"x.npy": WHOLE["a.npy"]}))
    place = large.index(b"PK\x01\x02")
    struct.pack_into("<I", large, place + 24, 2**32 - 2)
    yield "a.npz", bytes(large), "would unpack to more than"

    yield "a.mat", b"MATLAB 4".ljust(200), "is no MATLAB file of level 5 ('MATLAB 4')"
    yield "a.mat", MAT_HEAD, "holds no channel"
    yield "a.mat", MAT_HEAD + matrix(b"\0" * 32, length=2**32 - 16), "4294967280 bytes for 4 values"
    yield "a.mat", MAT_HEAD + matrix(b"\0" * 32, dims=(2**31 - 1, 2**31 - 1)), "32 bytes for"
    yield "a.mat", MAT_HEAD + matrix(b"\0" * 32, dims=(-1, 1)), "a negative size"
    yield "a.mat", MAT_HEAD + matrix(b"\0" * 32, mi=16), "values of type 16"
    yield (
        "a.mat",
        MAT_HEAD + element(14, element(6, b"\0" * 8) + element(5, b"\0" * 4000)),
        "a name or size of 4000",
    )
    yield "a.mat", MAT_HEAD + element(14, struct.pack("<I", 0x00050001)), "small element of more than four"
    yield "a.mat", MAT_HEAD + element(14, element(6, b"")), "an array without flags"
    deep = b""
    for _ in range(20):
        deep = element(14, element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<ii", 1, 1)) + element(1, b"s")
                       + element(5, struct.pack("<i", 4)) + element(1, b"f\0\0\0") + deep)  # fmt: skip
    yield "a.mat", MAT_HEAD + deep, "structures more than 8 deep"
    yield "a.mat", MAT_HEAD + element(14, b"") * 10_001, "more than 10000 arrays"
    yield "a.mat", MAT_HEAD + element(15, b"no zlib stream"), "a compressed variable is damaged"
    yield (
        "a.mat",
        MAT_HEAD + element(15, zlib.compress(matrix(RAMP.tobytes(), dims=(20, 1))[:-40])),
        "cut short",
    )

    x = ("g", "x")
    good = tdms_segment({x: (RAMP, {})})
    yield "a.tdms", good + b"words", "cut short"
    yield "a.tdms", good + b"words that are longer than a lead-in", "no segment begins at byte"
    yield "a.tdms", good[:12] + b"\xff" * 8 + good[20:], "was not closed"
    yield "a.tdms", good[:20] + struct.pack("<Q", 2**40) + good[28:], "begin behind its end"
    yield "a.tdms", good[:12] + struct.pack("<Q", 2**40) + good[20:], "cut short"
    yield "a.tdms", good[:12] + struct.pack("<QQ", 2**60, 2**59) + good[28:], "cut short"
    yield "a.tdms", tdms_lead(b"\xff\xff\xff\xff", b"") + b"\xff\xff\xff\xff", "metadata that end early"
    yield "a.tdms", tdms_segment({x: ("as before", {})}), "where nothing was before"
    yield "a.tdms", tdms_segment({x: (RAMP, {})}, meta=False), "values of no channel"
    yield (
        "a.tdms",
        good + tdms_lead(b"", b"123", meta=False, new=False) + b"123",
        "a segment of 3 bytes where chunks have 160",
    )
    yield "a.tdms", good[:4] + bytes([good[4] & ~8]) + good[5:], "in a segment that says it has none"
    index = struct.pack("<IIIQ", 20, 10, 1, 20)
    yield (
        "a.tdms",
        good.replace(index, struct.pack("<IIIQ", 20, 10, 1, 2**62)),
        "a segment of 160 bytes where",
    )
    yield "a.tdms", good.replace(index, struct.pack("<IIIQ", 20, 10, 2, 20)), "values of 2 dimensions"
    yield "a.tdms", good.replace(index, struct.pack("<IIIQ", 20, 99, 1, 20)), "values of type 99"
    yield (
        "a.tdms",
        good.replace(index, struct.pack("<IIIQ", 20, 0x10000D, 1, 10)),
        "holds values of type 1048589",
    )
    yield "a.tdms", good.replace(b"/'g'/'x'", b"/'g'/x'y"), "an object called"
    yield "a.tdms", good + tdms_lead(b"", b"", meta=False, new=False) * 10, ""
    yield "a.tdms", tdms_segment({x: (RAMP, {}), ("g", "y"): (RAMP[:4].copy(), {})}, interleaved=False).replace(
        b"TDSm\x0e", b"TDSm\x2e"), "interleaved channels of different length"  # fmt: skip
    yield "a.tdms", tdms_segment({("g", str(i)): (None, {}) for i in range(9000)}), "has too many channels"

    text = uff58(RAMP)
    binary = uff58(RAMP, binary="<")
    yield "a.uff", b"words\n" + text, "is no universal file"
    yield "a.uff", text + b"words\n", "between datasets"
    yield "a.uff", b"    -1\n" + b"   151\n" + b"x" * 5000, "a line is too long"
    yield "a.uff", text.replace(b"        20         1 ", b"2000000000         1 "), "cut short"
    yield "a.uff", text.replace(b"        20         1 ", b"        24         1 "), "ends early"
    yield "a.uff", text.replace(b"        20         1 ", b"        10         1 "), "goes on behind them"
    yield "a.uff", text.replace(b"        20         1 ", b"        19         1 "), "a line of 3 numbers"
    yield (
        "a.uff",
        text.replace(b"        20         1 ", b"        xx         1 "),
        "does not hold its numbers",
    )
    yield "a.uff", text.replace(b"         4        20", b"         3        20"), "values of type 3"
    yield "a.uff", text.replace(b"1.25000000000e-01", b"1.2500x000000e-01"), "is not a number"
    yield "b.uff", binary.replace(b"        20         1 ", b"2000000000         1 "), "cut short"
    yield "b.uff", binary.replace(b"        20         1 ", b"        19         1 "), "no mark behind 19"
    yield "b.uff", binary.replace(b"58b     1     2", b"58b     1     1"), "not IEEE 754"
    yield (
        "b.uff",
        binary.replace(b"58b     1     2", b"58b     x     2"),
        "does not say how numbers are stored",
    )


LIES = list(lies())


@pytest.mark.parametrize("number", range(len(LIES)))
def test_what_a_file_says_is_held_against_what_it_holds(tmp_path: Path, number: int) -> None:
    name, content, what = LIES[number]
    (tmp_path / name).write_bytes(content)
    told = read_all(tmp_path / name)
    assert what in told
    assert bool(told) == bool(what)


def test_small_files_that_would_unpack_to_much_take_little_memory(tmp_path: Path) -> None:
    many = 2**22
    zeros = itertools.repeat(bytes(2**20), many * 8 // 2**20)
    head = npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({many},)}}")
    path = tmp_path / "a.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package,
        package.open("x.npy", "w") as member,
    ):
        member.write(head)
        for chunk in zeros:
            member.write(chunk)
    packer = zlib.compressobj(1)
    inner = matrix(b"", dims=(many, 1), length=many * 8)
    inner = struct.pack("<II", 14, len(inner) - 8 + many * 8) + inner[8:]
    packed = packer.compress(inner) + b"".join(
        packer.compress(bytes(2**20)) for _ in range(many * 8 // 2**20)
    )
    packed += packer.flush()
    (tmp_path / "a.mat").write_bytes(MAT_HEAD + struct.pack("<II", 15, len(packed)) + packed)
    for name in ("a.npz", "a.mat"):
        tracemalloc.start()
        rows = 0
        for batch in open_file(tmp_path / name).read(Table).batches(["x"], rows=2**16):
            rows += batch.num_rows
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (tmp_path / name).stat().st_size < many * 8 / 100
        assert rows == many
        assert peak < 12 * 2**20


def test_a_thousand_single_samples_are_read_as_frames(tmp_path: Path) -> None:
    """LabVIEW that writes sample by sample lays values of all channels side by side without saying so."""
    x, y = np.arange(1000.0), np.arange(1000, dtype=np.int16)
    content = tdms_segment({("g", "x"): (x, {}), ("g", "y"): (y, {})}, chunks=1000)
    (tmp_path / "a.tdms").write_bytes(content)
    table = open_file(tmp_path / "a.tdms").read(Table)
    np.testing.assert_array_equal(table.floats("x"), x)
    np.testing.assert_array_equal(table.integers("y"), y)


def test_a_sequence_without_end_of_lead_ins_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recore.evidence import tdms

    monkeypatch.setattr(tdms, "_MAX_SEGMENTS", 5)
    (tmp_path / "a.tdms").write_bytes(tdms_segment({("g", "x"): (RAMP, {})}) * 6)
    assert "has more than 5 segments" in read_all(tmp_path / "a.tdms")
    monkeypatch.setattr(tdms, "_MAX_SEGMENTS", 50)
    monkeypatch.setattr(tdms, "_MAX_RUNS", 4)
    assert "lies in too many pieces" in read_all(tmp_path / "a.tdms")
    monkeypatch.setattr(tdms, "_MAX_META", 20)
    assert "has metadata of" in read_all(tmp_path / "a.tdms")


def test_groups_in_a_circle_and_too_many_of_them_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recore.evidence import hdf5_walk

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a/b/x"] = RAMP
        file["a/b/again"] = file["a"]
        file["empty"] = h5py.Empty("f8")
    assert open_file(path).read(Table).columns == ("x",)
    with h5py.File(path) as file:
        monkeypatch.setattr(hdf5_walk, "_DEEPEST", 1)
        with pytest.raises(BadInput, match="more than 1 deep"):
            hdf5_walk.contents(file, "a.h5")
        monkeypatch.setattr(hdf5_walk, "_MAX_OBJECTS", 1)
        with pytest.raises(BadInput, match="more than 1 objects"):
            hdf5_walk.contents(file, "a.h5")
