"""Which channels, at which rate, in which unit: read from the file where it says, asked for where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from signal_files import tdms_segment, wav

from recore.errors import BadInput
from recore.evidence import Table, open_file
from recore.evidence.channels import is_rate, numbered, short_names, with_unit
from recore.evidence.signal import calibrated, channel_columns, sampling_rate, signal_blocks, signals

RAMP = np.arange(100) / 8


def tdms(folder: Path, **channels: tuple[int, float | None, str]) -> Table:
    """Channels by name: length, step [s], unit."""
    objects = {
        ("g", name): (
            RAMP[:rows],
            {"unit_string": unit} | ({} if step is None else {"wf_increment": step}),
        )
        for name, (rows, step, unit) in channels.items()
    }
    (folder / "a.tdms").write_bytes(tdms_segment(objects))
    return open_file(folder / "a.tdms").read(Table)


@pytest.mark.parametrize(
    ("name", "value", "rate"),
    [
        ("fs", 12000, 12000),
        ("Fs", 12000, 12000),
        ("fs_khz", 12.8, 12800),
        ("sample rate [Hz]", 1000, 1000),
        ("Sampling-Frequency", 1000, 1000),
        ("dt", 0.5, 2),
        ("dt_ms", 0.5, 2000),
        ("delta_t", 0.25, 4),
        ("f_s", 100, 100),
        ("rate_hz", 12000, 12000),
        ("rate", 25, None),
        ("rpm", 1797, None),
        ("fs", 0, None),
        ("fs", float("nan"), None),
        ("dt", 1e-320, None),
        ("fs_mm", 12, None),
        ("dt_hz", 12, None),
    ],
)
def test_a_number_that_states_the_rate_is_known_by_its_name(
    name: str, value: float, rate: float | None
) -> None:
    assert is_rate(name, value) == (rate if rate is None else pytest.approx(rate, rel=1e-15))


@pytest.mark.parametrize(
    ("name", "label", "column"),
    [
        ("Probe 1", "um", "Probe 1 [µm]"),
        ("p1_um", "µm", "p1_um"),
        ("p1_um", "mm", "p1_um [mm]"),
        ("x", "m/s^2", "x [m/s²]"),
        ("x", "m/sec^2", "x [m/s²]"),
        ("x", "Volts", "x [V]"),
        ("x", "g", "x_g"),
        ("x", "", "x"),
        ("x", " NONE ", "x"),
        ("x", "mils", "x [mils]"),
        ("x", "EUR", "x [eur]"),
        ("x", "a[b](c)", "x [a b c]"),
        ("x", "m\u202em", "x [m\N{REPLACEMENT CHARACTER}m]"),
    ],
)
def test_a_unit_of_the_file_stands_in_the_name(name: str, label: str, column: str) -> None:
    assert with_unit(name, label) == column


def test_names_of_channels() -> None:
    assert numbered("p_um", 2) == ["p1_um", "p2_um"]
    assert numbered("p [µm]", 2) == ["p1 [µm]", "p2 [µm]"]
    assert numbered("ch", 2) == ["ch1", "ch2"]
    assert numbered("ch2", 2) == ["ch2_1", "ch2_2"]
    assert short_names([("g", "x"), ("h", "X"), ("h", "y")]) == ["g/x", "h/X", "y"]


def test_the_rate_of_the_file_holds_and_a_contradiction_is_refused(tmp_path: Path) -> None:
    record = tdms(tmp_path, x=(100, 1e-3, "V"), y=(100, None, "V"))
    assert (record.rate_hz, sampling_rate(record), sampling_rate(record, 1000.0)) == (1000, 1000, 1000)
    with pytest.raises(BadInput, match="the file says 1000 Hz, and rate_hz = 2000"):
        sampling_rate(record, 2000.0)


def test_channels_of_different_rates_are_never_given_one(tmp_path: Path) -> None:
    record = tdms(tmp_path, fast=(100, 1e-3, "V"), slow=(10, 1e-2, "V"), log=(10, None, "V"))
    assert record.rate_hz is None
    with pytest.raises(BadInput, match="the file states the rates 1000 Hz and 100 Hz; give rate_hz"):
        sampling_rate(record)
    with pytest.raises(BadInput, match="1000 Hz and 100 Hz, and rate_hz = 500; give one of these"):
        sampling_rate(record, 500.0)
    assert sampling_rate(record, 100.0) == 100
    assert sampling_rate(record, None, ["fast [V]"]) == 1000
    assert sampling_rate(record, None, ["slow_mv"]) == 100
    with pytest.raises(BadInput, match="the file says 100 Hz, and rate_hz = 1000"):
        sampling_rate(record, 1000.0, ["slow [V]"])
    with pytest.raises(BadInput, match="does not say how fast"):
        sampling_rate(record, None, ["log [V]"])
    with pytest.raises(BadInput, match=r"differ in length \(fast \[V\]: 100, slow \[V\]: 10\)"):
        signals(record, ["fast [V]", "slow [V]"])
    same_length = tdms(tmp_path, a=(10, 1e-3, "V"), b=(10, 1e-2, "V"))
    with pytest.raises(BadInput, match=r"differ in sampling rate \(a \[V\]: 1000 Hz, b \[V\]: 100 Hz\)"):
        signals(same_length, ["a [V]", "b [V]"])


def test_a_channel_of_another_length_that_states_no_rate_leaves_it_open(tmp_path: Path) -> None:
    record = tdms(tmp_path, x=(100, 1e-3, "V"), log=(10, None, "V"))
    assert (record.rate_hz, record.rates_hz) == (None, (1000,))
    assert sampling_rate(record, None, ["x [V]"]) == 1000
    with pytest.raises(BadInput, match="does not say how fast"):
        sampling_rate(record)


def test_a_rate_beside_times_and_without_any(tmp_path: Path) -> None:
    times = Table.of({"time_ms": RAMP, "x": RAMP})
    assert (sampling_rate(times), times.rates_hz, dict(times.facts)) == (8000, (), {})
    assert times.rate_of("x") is None
    with pytest.raises(
        BadInput, match="does not say how fast it was sampled; give rate_hz, or a column time_s"
    ):
        sampling_rate(Table.of({"x": RAMP}))
    assert sampling_rate(Table.of({"x": RAMP}), 50.0) == 50
    for t, what in [
        (-RAMP, "the times do not rise"),
        (np.delete(RAMP, 3), "row 4: the step is 0.9"),
        ([0.0], "does not say how fast"),
    ]:
        with pytest.raises(BadInput, match=what):
            sampling_rate(Table.of({"time_s": t}))


def test_a_channel_map_takes_names_bare_names_and_numbers(tmp_path: Path) -> None:
    record = tdms(
        tmp_path, X=(100, None, "um"), Y=(100, None, "mm"), Z=(100, None, "mils"), Q=(100, None, "")
    )
    assert channel_columns(record, ["2", "x"], ["p1_um", "p2_um"], "um") == ["Y [µm]", "X [µm]"]
    got = signals(record, channel_columns(record, ["X [µm]", "Y", "Q"], ["a", "b", "c"], "um"))
    np.testing.assert_array_equal(got, [RAMP, 1000 * RAMP, RAMP])
    assert [b.shape for b in signal_blocks(record, ["X [µm]"], 60)] == [(1, 60), (1, 40)]
    assert channel_columns(record, ["Z"], ["a"], None) == ["Z [mils]"]
    assert channel_columns(record, None, ["X_um", "Y_um"], "um") == ["X_um", "Y_um"]
    for channels, what in [
        (["Z"], r"column 'Z \[mils\]': is in a unit that is not known, where µm is wanted"),
        (["X", "1"], "is mapped twice"),
        (["W"], "no column 'W'"),
        (["5"], "no column '5'"),
        (["X", "Y"], "2 channels are mapped; 1 are wanted"),
        (None, "no column 'a'; name the columns a, or give channels"),
    ]:
        with pytest.raises(BadInput, match=what):
            channel_columns(record, channels, ["a"] if channels != ["X", "1"] else ["a", "b"], "um")


def test_full_scale_is_no_length_until_a_person_says_what_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(np.array([[16384, 0], [-32768, 1]]), 8000))
    record = open_file(tmp_path / "a.wav").read(Table)
    with pytest.raises(BadInput, match="number"):
        signals(record, channel_columns(record, ["ch1"], ["p1_um"], "um"))
    known = calibrated(record, ["ch1 [1]"], 50.0, "um")
    assert (known.columns, known.rate_hz, known.rates_hz) == (("ch1 [µm]", "ch2 [1]"), 8000, (8000,))
    assert (known.rate_of("ch2 [1]"), known.parts()[0].rows) == (8000, 2)
    assert known.floats("ch1_nm").tolist() == [25000, -50000]
    assert known.arrow().to_pydict() == {"ch1 [µm]": [25.0, -50.0], "ch2 [1]": [0.0, 2**-15]}
    for factor, unit, columns, what in [
        (0.0, "um", ["ch1 [1]"], "the factor is 0.0"),
        (float("nan"), "um", ["ch1 [1]"], "the factor is nan"),
        (1.0, "furlong", ["ch1 [1]"], "unit 'furlong' is not known"),
        (1.0, "um", ["ch3"], "no column 'ch3'"),
    ]:
        with pytest.raises(BadInput, match=what):
            calibrated(record, columns, factor, unit)


def test_calibration_of_a_table_of_text_and_whole_numbers() -> None:
    record = Table.of({"x [V]": [1, 2, 3], "note": ["a", "b", "c"]})
    known = calibrated(record, ["x [V]"], 10.0, "g_n")
    assert known.texts("note") == ["a", "b", "c"]
    np.testing.assert_allclose(known.floats("x [m/s²]"), [98.0665, 196.133, 294.1995])
    assert known.parts()[0].constants(["x [g_n]"]) == {}
    wrong = calibrated(record, ["note"], 10.0, "g_n")
    with pytest.raises(BadInput, match="column 'note': 'a' is text"):
        wrong.floats("note [g_n]")
    with pytest.raises(BadInput, match="row 2: the cell is empty"):
        calibrated(Table.of({"x": [1.0, None]}), ["x"], 2.0, "V").floats("x [V]")
