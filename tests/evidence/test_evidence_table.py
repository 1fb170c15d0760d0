"""Tables: names, units, kinds, parts and streaming."""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import Table, delimited, open_file
from recore.evidence.column import units_of
from recore.evidence.scaling import _line, scaled
from recore.quantity import _KINDS, convert, kind_of

UNIT_PAIRS = [(a, b) for units in _KINDS.values() for a in units for b in units if a != b]
CSV = "ts, Support ,leg,pressure_bar\n2026-01-31T08:15:00Z,7,2,300\n2026-01-31 08:15:05.25,7,2,301.5\n"


def csv_table(folder: Path, text: str | bytes, name: str = "log.csv") -> Table:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    table: Table = open_file(path).read(Table)
    return table


@settings(deadline=None)
@given(
    st.sampled_from(UNIT_PAIRS),
    st.lists(st.floats(-1e200, 1e200, allow_subnormal=False), min_size=1, max_size=20),
)
def test_arrays_are_scaled_within_one_ulp_of_the_exact_conversion(
    units: tuple[str, str], values: list[float]
) -> None:
    source, target = units
    exact = np.array([convert(value, source, target) for value in values])
    found = scaled(np.array(values), source, target)
    # below the normal range, and where temperatures cancel, a double and its shortest decimal part ways
    clear = (np.abs(exact) > 1e-290) & ((np.abs(exact) > 1e3) | (kind_of(source) != "temperature"))
    assert (np.abs(found - exact)[clear] <= np.spacing(np.abs(exact))[clear]).all()


SCALES = [(a, b) for a in ("K", "°C", "°F") for b in ("K", "°C", "°F") if a != b]


@settings(deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9), min_size=1), st.integers(0, 9), st.sampled_from(SCALES))
def test_measured_temperatures_are_converted_as_the_decimals_they_are(
    digits: list[int], places: int, scale: tuple[str, str]
) -> None:
    values = [float(Fraction(number, 10**places)) for number in digits if abs(number) < 4000 * 10**places]
    assert scaled(np.array(values), *scale).tolist() == [convert(value, *scale) for value in values]


@settings(deadline=None)
@given(
    st.floats(1e-12, 1e-9), st.sampled_from([("K", "°C", 273.15), ("°C", "K", -273.15), ("°F", "°C", 32.0)])
)
def test_temperatures_keep_their_digits_where_a_scale_crosses_zero(
    offset: float, scale: tuple[str, str, float]
) -> None:
    source, target, zero = scale
    value = zero + offset
    slope, shift = _line(source, target)
    exact = float(Fraction(value) * slope + shift)
    found = scaled(np.array([value]), source, target)[0]
    assert abs(found - exact) <= np.spacing(abs(exact)) or found == convert(value, source, target)


@pytest.mark.parametrize(("source", "target"), [("mm", "µm"), ("bar", "MPa"), ("µm", "mm"), ("h", "s")])
def test_whole_factors_are_exact(source: str, target: str) -> None:
    values = np.random.default_rng(1).integers(-(10**6), 10**6, 1000) / 64
    assert scaled(values, source, target).tolist() == [convert(v, source, target) for v in values.tolist()]


def test_columns_are_read_in_the_unit_and_kind_asked_for(tmp_path: Path) -> None:
    table = csv_table(tmp_path, CSV)
    assert table.name == "log.csv"
    assert table.columns == ("ts", "Support", "leg", "pressure_bar")
    np.testing.assert_array_equal(table.floats("pressure_mpa"), [30.0, 30.15])
    np.testing.assert_array_equal(table.integers("support"), [7, 7])
    assert table.texts("leg") == ["2", "2"]
    times = table.times("ts")
    assert times.dtype == "datetime64[us]"
    assert times.tolist() == [
        datetime.datetime(2026, 1, 31, 8, 15),
        datetime.datetime(2026, 1, 31, 8, 15, 5, 250000),
    ]


def test_batches_keep_the_asked_order_and_names(tmp_path: Path) -> None:
    table = csv_table(tmp_path, CSV)
    kinds: Any = {"ts": "time", "support": "integer", "pressure_mpa": "float32"}
    (batch,) = table.batches(["pressure_mpa", "ts", "support"], kinds)
    assert batch.schema.names == ["pressure_mpa", "ts", "support"]
    assert batch.schema.types == [pa.float32(), pa.timestamp("us", "UTC"), pa.int64()]
    assert [b.num_rows for b in table.batches(["leg"], rows=1)] == [1, 1]


def test_a_kind_for_a_column_that_is_not_wanted_is_a_mistake_of_the_caller() -> None:
    table = Table.of({"a": [1.0]})
    with pytest.raises(KeyError, match="b"):
        list(table.batches(["a"], {"b": "text"}))
    with pytest.raises(ValueError, match="kind 'double'"):
        list(table.batches(["a"], {"a": "double"}))  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("stored", "asked", "factor"),
    [
        ("radius [mm]", "radius_um", 1e3),
        ("Radius (µm)", "radius_um", 1.0),
        ("radius_μm", "radius_um", 1.0),  # Greek mu
        ("leg pressure [bar]", "leg_pressure_mpa", 0.1),
        ("torque_nm", "torque_knm", 1e-3),
        ("torque_nm", "torque_nm", 1.0),
        ("torque [N·m]", "torque_nm", 1.0),
        ("wave_length_nm", "wave_length_um", 1e-3),
        ("power_mW", "power_w", 1e-3),
        ("power_MW", "power_kw", 1e3),
        ("power_mW", "power_mw", 1e-9),
        ("current_ma", "current_a", 1e-3),
    ],
)
def test_a_unit_is_found_in_the_name(stored: str, asked: str, factor: float) -> None:
    table = Table.of({stored: [2.0]})
    assert table.has(asked)
    assert table.floats(asked)[0] == pytest.approx(2.0 * factor, rel=1e-15)


@pytest.mark.parametrize(
    ("columns", "asked", "text"),
    [
        (["pressure_mm"], "pressure_mpa", "column 'pressure_mm': is a length; a pressure in MPa is wanted"),
        (["torque_mm"], "torque_nm", "column 'torque_mm': is a length; a torque in N·m is wanted"),
        (["current_h"], "current_a", "column 'current_h': is a time; a current in A is wanted"),
        (["pressure"], "pressure_mpa", "column 'pressure': states no unit; name it 'pressure_mpa'"),
        (["a", "b"], "c_mm", "no column 'c_mm'; columns there are: a, b"),
        (["p_bar", "p_psi"], "p_mpa", "'p_bar' and 'p_psi' could each be 'p_mpa'"),
        (["Force_kn", "force_kN"], "force_kn", "'Force_kn' and 'force_kN' could each be 'force_kn'"),
        (["p_mw"], "p_w", "column 'p_mw': may be in MW or mW; name it 'p [MW]' or 'p [mW]'"),
        (["ts_s", "ts_ms"], "ts", "no column 'ts'"),
        (["power_mw"], "power_mm", "column 'power_mw': is a power; a length in mm is wanted"),
    ],
)
def test_a_column_that_is_not_meant_is_refused(columns: list[str], asked: str, text: str) -> None:
    table = Table.of({name: [1.0] for name in columns}, name="log")
    assert not table.has(asked)
    with pytest.raises(BadInput) as caught:
        table.floats(asked)
    assert text in str(caught.value)


def test_the_stem_settles_an_ambiguous_ending() -> None:
    assert units_of("torque_nm")[1] == ("N·m",)
    assert units_of("wave_length_nm")[1] == ("nm",)
    assert units_of("x_nm")[1] == ("nm", "N·m")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("ts_s", [1, 2], [1e6, 2e6]),
        ("ts [ms]", [1, 2], [1e3, 2e3]),
        ("ts_us", [1, 2], [1, 2]),
        ("ts_ns", [1000, 2000], [1, 2]),
        ("ts_s", [0.5, 1.25], [5e5, 1.25e6]),
        ("ts", np.array([1, 2], "datetime64[s]"), [1e6, 2e6]),
        ("ts", np.array([1500, 2500], "datetime64[ns]"), [1, 2]),
        ("ts", pa.array([3600], pa.timestamp("s", "Asia/Shanghai")), [3600e6]),
        ("ts", pa.array([1], pa.date32()), [86400e6]),
        ("ts", ["1970-01-01T08:00:00+08:00", "1970-01-01 00:00:01"], [0, 1e6]),
        ("ts", ["1970-01-01T00:00:00.1234567Z", " 1970-01-02"], [123456, 86400e6]),
        ("ts_s", ["1", "2"], [1e6, 2e6]),
        ("ts_s", ["0.5"], [5e5]),
        ("ts_s", ["1970-01-01T00:00:01Z"], [1e6]),
    ],
)
def test_times_in_any_resolution_become_microseconds_of_utc(
    name: str, values: Any, expected: list[float]
) -> None:
    assert Table.of({name: values}).times("ts").astype("int64").tolist() == expected


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("ts", [1, 2], "numbers whose unit and origin nobody stated; write ISO 8601"),
        ("ts", ["2026-01-01", "31.01.2026"], "row 2: '31.01.2026' is not a time; write ISO 8601"),
        ("ts", ["2026-01-01", ""], "row 2: the cell is empty"),
        ("ts", [True], "is a yes-or-no column"),
        ("ts_s", [2**62], "beyond the range of a calendar"),
        ("ts_s", [1e300], "beyond the range of a calendar"),
        ("ts", pa.array([2**60], pa.timestamp("s")), "row 1"),
        ("ts_s", pa.array(["1", "x"]), "row 1: '1' is not a time"),
        ("t", ["2026-01-01"], "no column 'ts'; columns there are: t"),
        ("ts", [[1]], "is a column of type list"),
        ("ts", pa.array([None], pa.timestamp("s")), "row 1: the cell is empty"),
    ],
)
def test_what_is_no_time_is_refused(name: str, values: Any, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Table.of({name: values}).times("ts")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ([1.0, None], "float", "column 'x', row 2: the cell is empty"),
        ([1.0, float("nan")], "float", "row 2: NaN is not a measured value"),
        ([1.0, 2.0, float("-inf")], "float", "row 3: infinity"),
        ([1e300], "float32", "row 1: infinity"),
        ([1.0, -1e31, 1e31], "float", "row 2: -1e+31 is larger than anything that is measured"),
        ([1.0, 1e30], "float32", "row 2: 1e+30 is larger than"),
        ([1.5e308, 1.5e308], "float", "row 1: 1.5e+308 is larger than"),
        ([0.0, 1e-31, -2e-31], "float", "row 3: -2e-31, the largest of its numbers, is smaller than"),
        ([1.5], "integer", "1.5 is not a whole number"),
        ([1e300], "integer", "beyond an exact whole number"),
        ([None], "integer", "the cell is empty"),
        (pa.array([2**63], pa.uint64()), "integer", f"{2**63} does not fit into int64"),
        (["1,5"], "float", "'1,5' is text"),
        ([None, None], "float", "row 1: the cell is empty"),
        ([True], "float", "yes-or-no"),
        ([datetime.date(2026, 1, 1)], "float", "is a time"),
        ([[1.0]], "float", "column of type list"),
        ([None], "text", "the cell is empty"),
        ([[1.0]], "text", "does not fit into string"),
        ([], "float", "the table has no rows"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: Any, kind: Any, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Table.of({"x": values}).array("x", kind) if kind != "text" else Table.of({"x": values}).texts("x")
    assert text in str(caught.value)


def test_two_time_columns_are_ambiguous() -> None:
    with pytest.raises(BadInput, match="'ts_s' and 'ts_ms' could each be 'ts'"):
        Table.of({"ts_s": [1], "ts_ms": [1]}).times("ts")


def test_values_that_overflow_in_the_wanted_unit_are_refused() -> None:
    with pytest.raises(BadInput, match="row 2: infinity"):
        Table.of({"x_km": [1.0, 1e308]}).floats("x_m")


def test_whole_numbers_come_from_any_number_that_is_whole() -> None:
    table = Table.of(
        {
            "a": [1.0, 2.0],
            "b": pa.array([1, 2], pa.decimal128(5, 1)),
            "c_s": [1, 2],
            "d": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    assert table.integers("a").tolist() == table.integers("b").tolist() == [1, 2]
    assert table.integers("c_ms").tolist() == [1000, 2000]
    assert table.texts("d") == ["x", "y"]
    assert table.texts("a") == ["1", "2"]


def test_without_the_check_gaps_pass_through() -> None:
    table = Table.of({"p_bar": [10.0, None, float("nan")], "q": [1.0, None, float("inf")]})
    (batch,) = table.batches(["p_mpa", "q"], check=False)
    assert batch.column(0).null_count == batch.column(1).null_count == 1
    np.testing.assert_array_equal(batch.column(0).to_numpy(zero_copy_only=False), [1.0, np.nan, np.nan])


@pytest.mark.parametrize("kind", ["float", "float32"])
def test_numbers_whose_powers_fit_into_a_double_are_taken(kind: Any) -> None:
    for values in ([9e29, -9e29, 0.0], [2e-30, 0.0], [0.0, 0.0], [1e-300, 1.0]):
        found = Table.of({"x": values}).array("x", kind)
        np.testing.assert_allclose(found, values, rtol=1e-6, atol=1e-40)


def test_what_fits_is_not_copied() -> None:
    stored = pa.array([1.0, 2.0])
    (batch,) = Table.of(pa.table({"x_mm": stored})).batches(["x_mm"])
    assert batch.column(0).buffers()[1].address == stored.buffers()[1].address
    (batch,) = Table.of({"x": np.array([1, 2], np.float32)}).batches(["x"], {"x": "float32"})
    assert batch.schema.types == [pa.float32()]


def test_floats_belong_to_the_caller() -> None:
    table = Table.of({"radius [mm]": [1.5, 2.5]})
    radius = table.floats("radius_um")
    radius -= radius.mean()
    np.testing.assert_array_equal(radius, [-500.0, 500.0])
    np.testing.assert_array_equal(table.floats("radius_mm"), [1.5, 2.5])


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"a": [1], "b": [1, 2]}, r"differ in length \(a: 1, b: 2\)"),
        ({"a": np.zeros((2, 2))}, "column 'a': has 2 dimensions"),
        ({"a": [1, "x"]}, "column 'a': cannot be a column"),
        (pa.table([[1], [2]], names=["a", "a "]), "column 'a' stands twice"),
    ],
)
def test_a_table_in_memory_has_equally_long_columns(columns: Any, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        Table.of(columns)


def test_parts_of_parquet_are_row_groups_and_can_be_pickled(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    columns = pa.table({"pressure_bar": [300.0, 301.5, float("nan")], "a.b": [1, 2, 3]})
    with pq.ParquetWriter(path, columns.schema) as writer:
        for piece in (columns[:2], columns[:0], columns[2:]):
            writer.write_table(piece)
    table = open_file(path).read(Table)
    parts = pickle.loads(pickle.dumps(table.parts()))
    assert [(part.index, part.first_row, part.rows) for part in parts] == [(0, 0, 2), (2, 2, 1)]
    (batch,) = parts[0].batches(["pressure_mpa", "a.b", "pressure_bar"])
    assert batch.to_pydict() == {
        "pressure_mpa": [30.0, 30.15],
        "a.b": [1.0, 2.0],
        "pressure_bar": [300.0, 301.5],
    }
    with pytest.raises(BadInput, match="row 3: NaN"):  # counted over the whole table
        list(parts[1].batches(["pressure_bar"]))
    assert table.integers("a.b").tolist() == [1, 2, 3]
    assert table.arrow(["a.b"]).to_pydict() == {"a.b": [1, 2, 3]}
    assert table.arrow().column_names == ["pressure_bar", "a.b"]


def test_other_formats_are_one_part(tmp_path: Path) -> None:
    (part,) = pickle.loads(pickle.dumps(csv_table(tmp_path, CSV).parts()))
    assert part.rows is None
    assert [batch.num_rows for batch in part.batches(["pressure_mpa"])] == [2]
    (part,) = Table.of({"x": [1.0, 2.0]}).parts()
    assert part.rows == 2
    with pytest.raises(BadInput, match="no rows"):
        Table.of({"x": []}).parts()


def test_raw_columns_keep_their_types(tmp_path: Path) -> None:
    table = csv_table(tmp_path, CSV)
    assert table.arrow(["support", "leg"]).schema.types == [pa.int64(), pa.int64()]
    assert table.arrow().num_columns == 4
    assert Table.of({"x": [1, 2]}).arrow(["X"]).to_pydict() == {"X": [1, 2]}
    with pytest.raises(BadInput, match="no column 'pressure_mpa'"):
        table.arrow(["pressure_mpa"])
    with pytest.raises(BadInput, match="line 3: the row has 1 field"):
        csv_table(tmp_path, "a,b\n1,2\n1\n").arrow()


@pytest.mark.parametrize(
    "text",
    [
        "\n\nx_mm,note\n1,a\n2,b\n",
        "\ufeffx_mm,note\n1,a\n2,b",
        "x_mm,note\r\n1,a\r\n\r\n2,b\r\n",
        'x_mm,"no\nte"\n1,"a, ""quoted""\nline"\n 2 ,b\n',
        "X_MM , note\n+1.0,\n2e0,x\n",
    ],
)
def test_csv_dialects_that_are_right(tmp_path: Path, text: str) -> None:
    np.testing.assert_array_equal(csv_table(tmp_path, text).floats("x_mm"), [1.0, 2.0])


@pytest.mark.parametrize("block", (2**22, 64))
@pytest.mark.parametrize("mark", ("", "\ufeff"))
@pytest.mark.parametrize("end", ("\n", "\r\n"))
@pytest.mark.parametrize("cut", ("7", "7,oh", "7,1,2"))
def test_rows_before_one_that_cannot_be_read_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, mark: str, end: str, cut: str
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", block)
    lines = ["a,b_um", *(f"{k},{k / 8}" for k in range(30)), "", cut]
    (tmp_path / "cut.csv").write_bytes((mark + end.join(lines)).encode())
    table = open_file(tmp_path / "cut.csv").read(Table)
    read: list[int] = []
    with pytest.raises(BadInput, match="line 33"):
        for batch in table.batches(["a", "b_um"], {"a": "integer"}):
            read += batch.column(0).to_pylist()
    assert read == list(range(30))


def test_rows_are_counted_as_in_a_text_editor(tmp_path: Path) -> None:
    text = 'x,note\n\n1,"two\nlines"\n\nnan,\n'
    with pytest.raises(BadInput, match="line 6: NaN"):
        csv_table(tmp_path, text).floats("x")
    with pytest.raises(BadInput, match="line 6: 'q' is not"):
        csv_table(tmp_path, text.replace("nan", "q")).floats("x")
    with pytest.raises(BadInput, match="row 2 of values"):
        csv_table(tmp_path, f"x,note\n1,{'a' * 200_000}\nnan,\n").floats("x")


STREAM = """
import resource, sys
from recore.evidence import Table, open_file, parquet_table
parquet_table._LARGE_GROUP = int(sys.argv[3])
def peak(path):
    rows = sum(batch.num_rows for batch in open_file(path).read(Table).batches(["pressure_mpa"]))
    return rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(*peak(sys.argv[1]), *peak(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("ending", "group_rows", "large_group"),
    [("csv", 0, 0), ("parquet", 200_000, 2**27), ("parquet", 4_000_000, 2**20)],
    ids=["csv", "row groups", "one row group"],
)
def test_a_large_file_streams(tmp_path: Path, ending: str, group_rows: int, large_group: int) -> None:
    """Four times the file, the same memory: 48 MB (CSV) and 32 MB (Parquet) are not loaded."""
    sizes = (1_000_000, 4_000_000)
    small, large = (tmp_path / f"{rows}.{ending}" for rows in sizes)
    for path, rows in zip((small, large), sizes, strict=True):
        if ending == "csv":
            block = "".join(f"30.{i:03d},abcde\n" for i in range(1000))
            path.write_text("pressure_mpa,note\n" + block * (rows // 1000))
        else:
            values = np.random.default_rng(0).random(rows)
            pq.write_table(pa.table({"pressure_mpa": values}), path, row_group_size=group_rows)
    run = subprocess.run(
        [sys.executable, "-c", STREAM, small, large, str(large_group)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows_small, peak_small, rows_large, peak_large = map(int, run.stdout.split())
    assert (rows_small, rows_large) == sizes
    assert peak_large - peak_small < 16, f"{peak_small} MiB, then {peak_large} MiB"


def test_a_column_by_its_name_alone() -> None:
    assert Table.of({"radius_mm": [1.0, 2.0]})["radius_um"].tolist() == [1000.0, 2000.0]
