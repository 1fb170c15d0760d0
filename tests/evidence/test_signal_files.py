"""Each signal format gives the values, rate, unit and names that were written, and reads no more than is wanted."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat, wavfile
from signal_files import tdms_segment, uff58, wav

from recore.errors import BadInput
from recore.evidence import Table, open_file

RAMP = np.arange(1000, dtype=np.float64) / 8 - 40


def table(folder: Path, name: str, content: bytes) -> Table:
    path = folder / name
    path.write_bytes(content)
    return open_file(path).read(Table)


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def mat(variables: dict[str, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    savemat(stream, variables, **options)
    return stream.getvalue()


def hdf5(build: Callable[[Any], None]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)
    return stream.getvalue()


# --- WAV ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "stored", "wanted"),
    [
        ("u1", [0, 128, 255], [-1, 0, 127 / 128]),
        ("i2", [-32768, 1, 32767], [-1, 1 / 32768, 32767 / 32768]),
        ("i3", [-(2**23), 1, -1, 2**23 - 1], [-1, 2**-23, -(2**-23), 1 - 2**-23]),
        ("i4", [-(2**31), 1, 2**31 - 1], [-1, 2**-31, 1 - 2**-31]),
        ("f4", [-0.5, 0.25, 2], [-0.5, 0.25, 2]),
        ("f8", [-0.5, 0.1, 1e-300], [-0.5, 0.1, 1e-300]),
    ],
)
@pytest.mark.parametrize("extensible", [False, True])
def test_wav_is_read_as_fractions_of_full_scale(
    tmp_path: Path, code: str, stored: list[float], wanted: list[float], extensible: bool
) -> None:
    pair = np.stack([stored, stored[::-1]], 1)
    for long in (False, True):
        read = table(
            tmp_path, "a.wav", wav(pair, 51200, code, extensible=extensible, long=long, junk=b"calibration")
        )
        assert read.columns == ("ch1 [1]", "ch2 [1]")
        assert read.rate_hz == 51200
        np.testing.assert_array_equal(read.floats("ch1 [1]"), wanted)
        np.testing.assert_array_equal(read.floats("ch2 [%]"), 100 * np.array(wanted[::-1]))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_wav_of_another_writer(tmp_path: Path, dtype: str) -> None:
    values = np.arange(-6, 6, dtype=np.float64).reshape(-1, 2)
    values = values + 128 if dtype == "uint8" else values
    wavfile.write(tmp_path / "a.wav", 8000, values.astype(dtype))
    scale = 128 if dtype == "uint8" else 1 if dtype[0] == "f" else 2.0 ** (np.dtype(dtype).itemsize * 8 - 1)
    read = open_file(tmp_path / "a.wav").read(Table)
    np.testing.assert_allclose(
        read.floats("ch2 [1]"), (values[:, 1] - 128 * (dtype == "uint8")) / scale, rtol=1e-15
    )


# --- NPY, NPZ -----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(2, 60),
    width=st.integers(1, 9),
    code=st.sampled_from(["f2", "<f4", ">f8", "i1", ">i2", "<u4", "i8"]),
    fortran=st.booleans(),
    flip=st.booleans(),
    block=st.integers(1, 70),
)
def test_an_array_of_two_axes_becomes_channels_whatever_its_order(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    width: int,
    code: str,
    fortran: bool,
    flip: bool,
    block: int,
) -> None:
    width = min(width, rows - 1)
    values = np.arange(rows * width).reshape(rows, width).astype(code)
    stored = np.array(values.T if flip else values, order="F" if fortran else "C")
    read = table(tmp_path_factory.getbasetemp(), "a.npz", npz(p_um=stored, fs_khz=12.5, note="words"))
    names = [f"p{i}_um" for i in range(1, width + 1)] if width > 1 else ["p_um"]
    assert read.columns == tuple(names)
    assert (read.rate_hz, dict(read.facts)) == (12500, {"fs_khz": 12.5})
    blocks = list(read.batches(names[::-1], rows=block))
    assert max(b.num_rows for b in blocks) <= block
    got = np.concatenate([np.stack([c.to_numpy() for c in b.columns], 1) for b in blocks])
    np.testing.assert_array_equal(got, values.astype(float)[:, ::-1])


def test_npy_has_channels_without_names_and_asks_for_the_rate(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.stack([RAMP, -RAMP]))
    read = table(tmp_path, "a.npy", stream.getvalue())
    assert (read.columns, read.rate_hz) == (("ch1", "ch2"), None)
    np.testing.assert_array_equal(read.floats("ch2"), -RAMP)
    np.save(tmp_path / "b.npy", RAMP)
    assert open_file(tmp_path / "b.npy").read(Table).columns == ("ch1",)


def test_shared_bearing_records_state_their_rate(shared_data: Callable[[str], Path]) -> None:
    read = open_file(shared_data("vibration/cwru_de_inner_007_105_0.npz")).read(Table)
    assert (read.columns, read.rate_hz) == (("accel_g",), 12000)
    assert dict(read.facts) == {"fs_hz": 12000, "rpm": 1797}
    assert len(read.floats("accel [m/s²]")) == 121265


# --- MATLAB -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_vectors_structures_and_numbers(tmp_path: Path, packed: bool) -> None:
    variables = {
        "X105_DE_time": RAMP[:, None],
        "X105_FE_time": -RAMP[None, :],
        "X105RPM": np.array([[1797]]),
        "bearing": {"sr": 97656.0, "gs": RAMP.astype(np.float32)[:, None], "load": 270.0, "rate": 25.0},
        "p_um": np.stack([RAMP, 2 * RAMP, 3 * RAMP]),
        "text": "words",
        "cells": np.array([RAMP, "x"], object),
        "counts": np.arange(1000, dtype=np.int16)[:, None],
        "on": np.ones((1000, 1), bool),
    }
    read = table(tmp_path, "a.mat", mat(variables, do_compression=packed))
    assert read.columns == (
        "X105_DE_time", "X105_FE_time", "bearing.gs", "p1_um", "p2_um", "p3_um", "counts",
    )  # fmt: skip
    # bearing.rate is the speed of the shaft in the records of the MFPT, not a sampling rate
    assert dict(read.facts) == {"X105RPM": 1797, "bearing.sr": 97656, "bearing.load": 270, "bearing.rate": 25}
    assert read.rate_hz == 97656
    np.testing.assert_array_equal(read.floats("X105_DE_time"), RAMP)
    np.testing.assert_array_equal(read.floats("X105_FE_time"), -RAMP)
    np.testing.assert_array_equal(read.floats("bearing.gs"), RAMP)
    np.testing.assert_array_equal(read.floats("p3_nm"), 3000 * RAMP)
    np.testing.assert_array_equal(read.integers("counts"), np.arange(1000))


def test_matlab_of_a_big_endian_machine(tmp_path: Path) -> None:
    import struct

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    body = (
        element(6, struct.pack(">II", 6, 0))
        + element(5, struct.pack(">ii", 3, 1))
        + element(1, b"x")
        + element(3, np.array([1, -2, 3], ">i2").tobytes())
    )
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    read = table(tmp_path, "a.mat", head + element(14, body))
    assert read.floats("x").tolist() == [1, -2, 3]


def test_complex_and_square_arrays_are_named_but_refused(tmp_path: Path) -> None:
    variables = {"z": RAMP[:, None] * 1j, "s": np.eye(3), "x": RAMP[:, None]}
    read = table(tmp_path, "a.mat", mat(variables))
    assert read.columns == ("z", "s", "x")
    with pytest.raises(BadInput, match="channel 'z': holds complex numbers"):
        read.floats("z")
    with pytest.raises(BadInput, match="channel 's': has 3 × 3 values: which are channels"):
        read.floats("s")


# --- HDF5 ---------------------------------------------------------------------------------------------------


def test_hdf5_datasets_groups_and_attributes(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        run = file.create_group("run")
        run.attrs["sampling_frequency"] = 25600
        x = run.create_dataset("x", data=RAMP, compression="gzip", shuffle=True)
        x.attrs["unit"] = "mm/s"
        run.create_dataset("p_um", data=np.stack([RAMP, -RAMP]).astype(">f4"))
        slow = file.create_dataset("slow/temperature", data=RAMP[:10])
        slow.attrs["dt"] = 0.5
        slow.attrs["units"] = np.bytes_("degC")
        file["speed"] = 1500.0
        file["text"] = "words"
        file["again"] = run
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        file["soft"] = h5py.SoftLink("/run/x")

    read = table(tmp_path, "a.h5", hdf5(build))
    assert set(read.columns) == {"x [mm/s]", "p1_um", "p2_um", "temperature [°C]"}
    assert (read.rate_hz, sorted(read.rates_hz), dict(read.facts)) == (None, [2, 25600], {"speed": 1500})
    assert (read.rate_of("p1_um"), read.rate_of("temperature_k")) == (25600, 2)
    np.testing.assert_allclose(read.floats("x [m/s]"), RAMP / 1000, rtol=1e-15)
    np.testing.assert_array_equal(read.floats("p2_um"), -RAMP)
    got = list(read.batches(["p1_um", "x [mm/s]"], rows=300))
    assert [b.num_rows for b in got] == [300, 300, 300, 100]
    with pytest.raises(BadInput, match="the channels differ in length"):
        list(read.batches(["p1_um", "temperature_c"]))


def test_hdf5_refuses_what_lies_elsewhere_or_needs_a_foreign_filter(tmp_path: Path) -> None:
    def build(file: Any) -> None:
        file["good"] = RAMP
        outside = file.create_dataset("outside", (10,), "f8", external=[("secret.bin", 0, 80)])
        del outside
        layout = h5py.VirtualLayout(shape=(10,), dtype="f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", shape=(10,))
        file.create_virtual_dataset("virtual", layout)
        kinds = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kinds.set_chunk((10,))
        kinds.set_filter(32000 - 1, h5py.h5z.FLAG_OPTIONAL, (1,))
        h5py.h5d.create(file.id, b"foreign", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((10,)), kinds)
        file.create_dataset("bomb", (2**40,), "f8", chunks=(2**20,), compression="gzip")
        file["z"] = RAMP * 1j

    read = table(tmp_path, "a.hdf5", hdf5(build))
    np.testing.assert_array_equal(read.floats("good"), RAMP)
    for name, why in {
        "outside": "in another file",
        "virtual": "is a virtual dataset",
        "foreign": "packed by filter 31999",
        "bomb": "would unpack to 8796093022208 bytes",
        "z": "holds numbers of type complex128",
    }.items():
        with pytest.raises(BadInput, match=why):
            read.floats(name)


def test_matlab_7_3_is_read_as_the_hdf5_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        x = file.create_dataset("X097_DE_time", data=RAMP[None, :])
        x.attrs["MATLAB_class"] = np.bytes_("double")
        word = file.create_dataset("note", data=np.array([[72], [105]], np.uint16))
        word.attrs["MATLAB_class"] = np.bytes_("char")
        file["fs"] = [[48000.0]]
        file.create_group("#refs#")["a"] = RAMP
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(512))
    read = open_file(path).read(Table)
    assert (read.columns, read.rate_hz) == (("X097_DE_time",), 48000)
    np.testing.assert_array_equal(read.floats("X097_DE_time"), RAMP)


# --- TDMS ---------------------------------------------------------------------------------------------------

WAVEFORM = {"wf_increment": 1 / 25600, "wf_samples": 4, "unit_string": "µm"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("interleaved", [False, True])
def test_tdms_segments_follow_one_another(tmp_path: Path, order: str, interleaved: bool) -> None:
    a, b = RAMP[:12].copy(), np.arange(12, dtype=np.int16)
    first = tdms_segment(
        {
            (): (None, {"author": "nobody"}),
            ("run",): (None, {}),
            ("run", "x"): (a, WAVEFORM),
            ("run", "it's"): (b, {"wf_increment": 1 / 25600}),
        },
        order=order,
        interleaved=interleaved,
        chunks=1 if interleaved else 3,
    )
    # the same again without metadata, then one channel alone with another length
    again = tdms_segment(
        {("run", "x"): (a + 1, {}), ("run", "it's"): (b + 1, {})},
        order=order, interleaved=interleaved, meta=False, new=False, chunks=1 if interleaved else 3,
    )  # fmt: skip
    last = tdms_segment(
        {("run", "x"): (a[:5].astype(np.float32), {}), ("run", "it's"): (b[:5], {})}, order=order
    )
    read = table(tmp_path, "a.tdms", first + again + last)
    assert (read.columns, read.rate_hz) == (("x [µm]", "it's"), 25600)
    wanted = np.concatenate([a, a + 1, a[:5]])
    for rows in (1, 4, 7, 1000):
        blocks = list(read.batches(["x_um"], rows=rows))
        np.testing.assert_array_equal(np.concatenate([x.column(0).to_numpy() for x in blocks]), wanted)
    np.testing.assert_array_equal(read.integers("it's"), np.concatenate([b, b + 1, b[:5]]))


def test_tdms_objects_without_data_leave_the_list_and_come_back(tmp_path: Path) -> None:
    x, y = RAMP[:4].copy(), RAMP[4:8].copy()
    parts = [
        tdms_segment({("g", "x"): (x, {}), ("g", "y"): (y, {}), ("h", "x"): (y, {})}),
        tdms_segment({("g", "y"): (None, {})}, new=False)[: -0 or None],
    ]
    told_x = tdms_segment({("g", "x"): ("as before", {}), ("h", "x"): ("as before", {})}, new=True)
    raw = np.concatenate([x + 1, y + 1]).tobytes()
    from signal_files import tdms_lead

    told = told_x[28:]
    parts.append(tdms_lead(told, raw) + told + raw)
    read = table(tmp_path, "a.tdms", b"".join(parts))
    assert read.columns == ("g/x", "y", "h/x")
    np.testing.assert_array_equal(read.floats("g/x"), np.concatenate([x, x + 1]))
    np.testing.assert_array_equal(read.floats("h/x"), np.concatenate([y, y + 1]))
    np.testing.assert_array_equal(read.floats("y"), y)


def test_tdms_raw_counts_are_scaled_as_the_file_says(tmp_path: Path) -> None:
    counts = np.arange(-4, 4, dtype=np.int16)
    linear = {
        "NI_Number_Of_Scales": 2,
        "NI_Scaling_Status": "unscaled",
        "NI_Scale[0]_Scale_Type": "Polynomial",
        "NI_Scale[0]_Polynomial_Coefficients_Size": 3,
        "NI_Scale[0]_Polynomial_Coefficients[0]": 1.0,
        "NI_Scale[0]_Polynomial_Coefficients[1]": 0.5,
        "NI_Scale[0]_Polynomial_Coefficients[2]": 0.25,
        "NI_Scale[0]_Polynomial_Input_Source": 0xFFFFFFFF,
        "NI_Scale[1]_Scale_Type": "Linear",
        "NI_Scale[1]_Linear_Slope": 10.0,
        "NI_Scale[1]_Linear_Y_Intercept": -3.0,
        "NI_Scale[1]_Linear_Input_Source": 0,
    }
    table_scale = {"NI_Scale[0]_Scale_Type": "Table", "NI_Number_Of_Scales": 1}
    content = tdms_segment(
        {
            ("g",): (None, linear),
            ("g", "scaled"): (counts, {}),
            ("h", "table"): (counts, table_scale),
            ("h", "raw"): (counts, {"NI_Scaling_Status": "unscaled"}),
            ("h", "done"): (
                counts,
                {"NI_Scaling_Status": "scaled"} | linear | {"NI_Scaling_Status": "scaled"},
            ),
            ("h", "spectrum"): (counts, {"wf_increment": 2.0, "wf_xunit_string": "Hz"}),
        }
    )
    read = table(tmp_path, "a.tdms", content)
    np.testing.assert_array_equal(read.floats("scaled"), 10 * (1 + 0.5 * counts + 0.25 * counts**2.0) - 3)
    np.testing.assert_array_equal(read.floats("done"), counts)
    assert read.rate_hz is None
    for name, why in {"table": "a scale of type 'Table'", "raw": "raw counts without a scale"}.items():
        with pytest.raises(BadInput, match=why):
            read.floats(name)


def daqmx(digital: bool = False) -> bytes:
    """Two channels of one device, whose samples have a byte between them, and one of another; two chunks."""
    import struct

    from signal_files import tdms_path

    def text(word: str) -> bytes:
        return struct.pack("<I", len(word)) + word.encode()

    def scale(number: int, slope: float) -> dict[str, Any]:
        name = f"NI_Scale[{number}]_"
        return {
            "NI_Number_Of_Scales": number + 1, name + "Scale_Type": "Linear", name + "Linear_Slope": slope,
            name + "Linear_Y_Intercept": 1.0, name + "Linear_Input_Source": number - 1,
        }  # fmt: skip

    told = struct.pack("<I", 3 + digital)
    channels = [("a", 3, 0, 0, 4, 0.5), ("b", 5, 0, 3, 4, 2.0), ("c", 2, 1, 0, 2, 0.25)]
    for name, kind, buffer, at, count, slope in channels:
        told += text(tdms_path("g", name)) + struct.pack("<IIIQI", 0x1269, 0xFFFFFFFF, 1, count, 1)
        told += struct.pack("<IIIII", kind, buffer, at, 0, 0) + struct.pack("<III", 2, 7, 2)
        properties = scale(1, slope)
        told += struct.pack("<I", len(properties))
        for key, value in properties.items():
            told += text(key)
            if isinstance(value, str):
                told += struct.pack("<I", 0x20) + text(value)
            else:
                told += (
                    struct.pack("<Id", 10, value)
                    if isinstance(value, float)
                    else struct.pack("<II", 7, value)
                )
    if digital:
        told += text(tdms_path("g", "d")) + struct.pack("<IIIQI", 0x126A, 0xFFFFFFFF, 1, 2, 1)
        told += struct.pack("<IIIBI", 2, 1, 0, 0, 0) + struct.pack("<III", 2, 7, 2) + struct.pack("<I", 0)
    raw = b""
    for start in (0, 4):
        raw += b"".join(struct.pack("<hbi", i, 99, -i) for i in range(start, start + 4))
        raw += b"".join(struct.pack("<H", 1000 + i) for i in range(start // 2, start // 2 + 2))
    toc = 2 | 4 | 8 | 0x80
    return b"TDSm" + struct.pack("<IIQQ", toc, 4713, len(told) + len(raw), len(told)) + told + raw


def test_tdms_of_daqmx_is_scaled_as_the_file_says(tmp_path: Path) -> None:
    content = daqmx()
    read = table(tmp_path, "a.tdms", content)
    np.testing.assert_array_equal(read.floats("a"), 1 + 0.5 * np.arange(8))
    np.testing.assert_array_equal(read.floats("b"), 1 - 2.0 * np.arange(8))
    np.testing.assert_array_equal(read.floats("c"), 1 + 0.25 * np.arange(1000, 1004))
    for damaged, what in [
        (content.replace(b"NI_Scale[1]_Scale_Type", b"NI_Scale[1]_Other_Type"), "raw counts"),
        (daqmx(digital=True), "digital lines or several raw counts"),
    ]:
        with pytest.raises(BadInput, match=what):
            table(tmp_path, "a.tdms", damaged).floats("a")
    widths = content.index(b"\x02\0\0\0\x07\0\0\0\x02\0\0\0")
    for at, value, what in [
        (widths, 999, "999 devices"),
        (widths + 4, 1, "beyond the samples of their device"),
    ]:
        wrong = bytearray(content)
        wrong[at : at + 4] = value.to_bytes(4, "little")
        with pytest.raises(BadInput, match=what):
            _ = table(tmp_path, "a.tdms", bytes(wrong)).columns
    for wrong_toc, what in [
        (2 | 4 | 8, "in a segment of others"),
        (2 | 4 | 8 | 0x80, "bytes where chunks have"),
    ]:
        cut = (
            content[:4]
            + bytes([wrong_toc])
            + content[5:12]
            + (len(content) - 29).to_bytes(8, "little")
            + content[20:-1]
        )
        with pytest.raises(BadInput, match=what):
            _ = table(tmp_path, "a.tdms", cut).columns


# --- UFF ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("form", ["text", "<", ">"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_uff_58_in_text_and_binary(tmp_path: Path, double: bool, form: str, end: str) -> None:
    options: dict[str, Any] = {"double": double, "binary": "" if form == "text" else form, "end": end}
    other = f"{-1:6d}{end}{151:6d}{end}a header of the program{end}{-1:6d}{end}".encode()
    values = np.arange(-11, 11) / 8
    content = (
        other
        + uff58(values, 1 / 51200, node=12, direction=3, unit="m/s^2", **options)
        + uff58(-values, 1 / 51200, node=12, direction=-1, unit="g", **options)
        + uff58(2 * values, 1 / 51200, name="Probe 1", unit="mils", **options)
    )
    read = table(tmp_path, "a.uff", content)
    assert read.columns == ("12:+Z [m/s²]", "12:-X_g", "Probe 1 [mils]")
    assert read.rate_hz == 51200  # printed as 1.95312E-05
    blocks = list(read.batches(["12:+Z [m/s²]", "12:-X [m/s²]", "Probe 1 [mils]"], rows=9))
    assert [b.num_rows for b in blocks] == [9, 9, 4]
    got = np.concatenate([np.stack([c.to_numpy() for c in b.columns]) for b in blocks], 1)
    np.testing.assert_allclose(
        got, [values, -9.80665 * values, 2 * values], rtol=1e-6 if not double else 1e-11
    )


def test_uff_with_abscissas_and_with_other_functions(tmp_path: Path) -> None:
    times = np.arange(30) * 0.25
    values = np.arange(30.0)
    content = (
        uff58(values, times=times, name="x")
        + uff58(values, function=4, abscissa=18, name="frf")
        + uff58(values * 1j, function=12, abscissa=18, name="spectrum")
        + uff58(values * 1j, function=12, abscissa=18, name="spectrum of bytes", binary="<")
    )
    for options in ({}, {"binary": ">"}):
        read = table(tmp_path, "a.unv", content + uff58(values, times=times + 1, name="y", **options))
        assert read.columns == (
            "x time [s]", "x", "frf", "spectrum", "spectrum of bytes", "y time [s]", "y",
        )  # fmt: skip
        np.testing.assert_array_equal(read.floats("y time [s]"), times + 1)
        np.testing.assert_array_equal(read.floats("y"), values)
        with pytest.raises(BadInput, match=r"'frf': is no signal over time \(it is the frequency response\)"):
            read.floats("frf")
        with pytest.raises(BadInput, match="it is the complex spectrum"):
            read.floats("spectrum of bytes")
    doubled = table(tmp_path, "b.unv", b"    -1\n" + uff58(values, binary="<") + b"    -1\n" + uff58(values))
    assert doubled.columns == ("1:+Z#1", "1:+Z#2")
    alone = table(tmp_path, "b.unv", uff58(values, times=times, name="x"))
    assert alone.columns == ("time [s]", "x")
    assert table(tmp_path, "c.uff", uff58(values, 0.5, time_unit="ms")).rate_hz == 2000
    assert table(tmp_path, "c.uff", uff58(values, 0.5, time_unit="inch")).rate_hz is None


# --- all ----------------------------------------------------------------------------------------------------


def all_formats() -> dict[str, bytes]:
    stream = io.BytesIO()
    np.save(stream, RAMP)
    return {
        "a.wav": wav(RAMP / 128, 1000, "f8"),
        "a.npz": npz(x=RAMP, fs=1000.0),
        "a.npy": stream.getvalue(),
        "a.mat": mat({"x": RAMP, "fs": 1000.0}, do_compression=True),
        "a.tdms": tdms_segment({("g", "x"): (RAMP, {"wf_increment": 1e-3})}),
        "a.uff": uff58(RAMP, 1e-3),
        "b.uff": uff58(RAMP, 1e-3, binary="<"),
        "a.h5": hdf5(lambda file: file.create_dataset("x", data=RAMP).attrs.create("fs", 1000.0)),
    }


def test_a_table_of_signals_travels_to_a_worker_and_comes_in_parts(tmp_path: Path) -> None:
    for name, content in all_formats().items():
        read = table(tmp_path, name, content)
        for again in (read, pickle.loads(pickle.dumps(read))):
            (part,) = again.parts()
            column = again.columns[0]
            assert (part.rows, part.constants([column])) == (1000, {})
            (batch,) = part.batches([column])
            factor = 128 if name == "a.wav" else 1
            np.testing.assert_allclose(batch.column(0).to_numpy() * factor, RAMP, rtol=1e-11)
        assert read.arrow().num_rows == 1000
        assert open_file(tmp_path / name).read().__class__ is (np.ndarray if name == "a.npy" else Table)


@pytest.mark.parametrize("name", [name for name in all_formats() if name != "a.npy"])
def test_nan_is_refused_with_its_sample(tmp_path: Path, name: str) -> None:
    bad = RAMP.copy()
    bad[7] = np.nan
    content = {
        "a.wav": lambda: wav(bad, 1000, "f8"),
        "a.npz": lambda: npz(x=bad),
        "a.mat": lambda: mat({"x": bad}),
        "a.tdms": lambda: tdms_segment({("g", "x"): (bad, {})}),
        "a.uff": lambda: uff58(bad),
        "b.uff": lambda: uff58(bad, binary=">"),
        "a.h5": lambda: hdf5(lambda file: file.create_dataset("x", data=bad)),
    }[name]()
    read = table(tmp_path, name, content)
    with pytest.raises(BadInput, match="sample 8: NaN is not a measured value"):
        read.floats(read.columns[0])


def test_an_ending_that_lies_is_named(tmp_path: Path) -> None:
    content = all_formats()
    for name, other, what in [
        ("x.wav", "a.npz", "is a zip or XLSX file, though"),
        ("x.tdms", "a.wav", "is a WAV or other RIFF file, though"),
        ("x.npz", "a.tdms", "is TDMS, though"),
        ("x.csv", "a.h5", "is HDF5, though"),
        ("x.csv", "a.mat", "is a MATLAB file, though"),
        ("x.uff", "a.h5", "is HDF5, though"),
        ("x.mat", "a.uff", "is no MATLAB file of level 5"),
        ("x.uff", "a.mat", "is a MATLAB file, though"),
        ("x.h5", "a.uff", "is not whole HDF5"),
    ]:
        with pytest.raises(BadInput, match=what):
            table(tmp_path, name, content[other]).columns  # noqa: B018
    with pytest.raises(BadInput, match=r"a file ending in \.csv, .*\.wav, \.tdms.* is wanted"):
        table(tmp_path, "x.bin", b"1")


@pytest.mark.parametrize("name", ["a.tdms", "a.h5", "a.mat", "a.npz", "a.uff"])
def test_a_method_takes_a_signal_file_at_the_command_line(
    tmp_path: Path, recore: Callable[..., Any], name: str
) -> None:
    angle = np.arange(0, 360, 0.5)
    radius = 5000 + 2 * np.cos(np.radians(3 * angle))
    columns = {"angle_deg": angle, "radius_um": radius}
    if name == "a.tdms":
        objects = {
            ("profile", "angle"): (angle, {"unit_string": "deg"}),
            ("profile", "radius"): (radius / 1000, {"unit_string": "mm"}),
        }
        (tmp_path / name).write_bytes(tdms_segment(objects))
    elif name == "a.uff":
        parts = [uff58(values, name=word) for word, values in columns.items()]
        (tmp_path / name).write_bytes(b"".join(parts))
    elif name == "a.h5":
        (tmp_path / name).write_bytes(
            hdf5(lambda file: [file.create_dataset(k, data=v) for k, v in columns.items()])
        )
    else:
        (tmp_path / name).write_bytes(mat(columns) if name == "a.mat" else npz(**columns))
    ended = recore("run", "roundness.form", tmp_path / name, "--json")
    assert ended.status == 0, ended.err
    assert ended.json["results"]["lsc_deviation"]["value"] == pytest.approx(4, rel=1e-6)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:100])
    ended = recore("run", "roundness.form", tmp_path / name, "--json")
    assert ended.status == 2
    assert "Traceback" not in ended.err
