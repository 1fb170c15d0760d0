"""Order spectrum of the asynchronous motion against lines that are known."""

from __future__ import annotations

import numpy as np
import pytest
from spindle_record import Floats, Test

from recore.metrology.bearing import Bearing
from recore.metrology.spindle.error_motion import error_motion
from recore.metrology.spindle.order_spectrum import OrderSpectrum, Spectrum, bearing_lines, named, peaks

# 6205: 9 balls of 7.94 mm on 39.04 mm
BEARING = Bearing("6205", 9, 7.94, 39.04).orders()
N = 64


def spectrum_of(signal: Floats, parts: int = 1, highest: float = 25.0) -> Spectrum:
    running = OrderSpectrum(len(signal), N, highest)
    for part in np.array_split(signal.reshape(len(signal), -1, N), parts, axis=1):
        running.update(part.reshape(len(signal), -1))
    found = running.finish(signal.reshape(len(signal), -1, N).mean(axis=1))
    assert found is not None
    return found


def angle(turns: int) -> Floats:
    return 2 * np.pi * np.arange(turns * N) / N


@pytest.mark.parametrize("turns", [16, 40, 128, 500])
@pytest.mark.parametrize("order", [0.3813, 3.587, 5.41, 11.77])
def test_a_line_keeps_amplitude_and_order(turns: int, order: float) -> None:
    t = angle(turns)
    found = spectrum_of(np.stack([0.02 * np.cos(order * t + 1), 5.0 * np.cos(t) + 0.1 * np.cos(4 * t)]))
    lines = peaks(found, [0, 1])
    if order < 4 / found.segment:
        return  # too near to the drift for so short a record
    assert lines[0].order == pytest.approx(order, abs=0.1 / found.segment)
    assert lines[0].amplitudes[0] == pytest.approx(0.02, rel=0.03)


def test_the_synchronous_part_is_taken_out_exactly() -> None:
    t = angle(256)
    found = spectrum_of(np.stack([5 * np.cos(t) + np.cos(7 * t) + 100.0]), parts=5)
    assert found.amplitude.max() < 1e-6  # of an amplitude of 5 and a level of 100
    assert not peaks(found, [0])


def test_against_the_whole_record_at_once() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    signal = rng.standard_normal((1, 128 * N)).cumsum(axis=1) * 0.01 + 3 * np.cos(angle(128))
    found = spectrum_of(signal, parts=9)
    rows = signal.reshape(-1, N)
    left = (rows - rows.mean(axis=0)).ravel()
    n = found.segment * N
    window = np.hanning(n + 1)[:-1]
    parts = [left[s : s + n] * window for s in range(0, len(left) - n + 1, n // 2)]
    assert len(parts) == found.segments
    power = np.mean([np.abs(np.fft.rfft(part)) ** 2 for part in parts], axis=0)
    amplitude = 2 * np.sqrt(power) / window.sum()
    np.testing.assert_allclose(found.amplitude[0], amplitude[: len(found.order)], rtol=1e-6, atol=1e-12)


def test_noise_alone_has_no_peaks() -> None:
    rng = np.random.Generator(np.random.PCG64(8))
    found = spectrum_of(0.005 * rng.standard_normal((2, 500 * N)))
    assert peaks(found, [0, 1]) == []


def test_too_short_for_a_spectrum() -> None:
    running = OrderSpectrum(1, N, 10)
    running.update(np.ones((1, 7 * N)))
    assert running.finish(np.ones((1, N))) is None


def test_names_of_a_bearing() -> None:
    orders = BEARING
    assert named(orders.outer, 0.02, BEARING) == "BPFO"
    assert named(orders.inner * 1.015, 0.02, BEARING) == "BPFI"
    assert named(2 * orders.ball, 0.02, BEARING) == "2·BSF"
    assert named(orders.inner - 1, 0.02, BEARING) == "BPFI − 1"
    assert named(orders.cage * 1.01, 0.02, BEARING) == "FTF"
    assert named(7.77, 0.02, BEARING) == ""
    assert named(2.02, 0.02, None) == "2 UPR, changing from revolution to revolution"
    assert {name for _, name in bearing_lines(BEARING)} >= {"BPFO", "3·BPFI", "2·FTF", "2·BSF + FTF"}


def test_the_finding_names_the_bearing_s_lines() -> None:
    orders = BEARING
    test = Test(
        n=128,
        turns=200,
        x={2: 0.03, orders.outer * 0.99: 0.02, orders.cage: 0.01},
        y={orders.outer * 0.99: 0.02j},
        noise=0.002,
    )
    found = error_motion(
        test.table(),
        **test.ask(bearing="n=9,d=7.94,D=39.04,contact=0", spectrum_to_order=20),
    )
    assert found.line_name is not None and found.line_order is not None and found.line_amplitude is not None
    assert found.line_name.value == "BPFO"
    assert found.line_order.value == pytest.approx(orders.outer * 0.99, abs=0.005)
    assert found.line_amplitude.value == pytest.approx(0.02 * np.sqrt(2), rel=0.03)
    assert found.peaks is not None and found.bearing_lines is not None and found.orders is not None
    assert found.peaks["name"].to_pylist()[:2] == ["BPFO", "FTF"]
    table = {row["name"]: row for row in found.bearing_lines.to_pylist()}
    assert table["BPFO"]["times_noise"] > 50 > table["BPFI"]["times_noise"]
    assert found.orders.column_names == ["order", "x_um", "y_um"]
    listed = error_motion(test.table(), **test.ask(bearing="6205-2RS"))
    assert listed.line_name is not None and listed.line_name.value == "BPFO"
    unnamed = error_motion(test.table(), **test.ask())
    assert unnamed.line_name is not None and unnamed.line_name.value == "unknown"


def test_a_line_beside_a_whole_order_is_flagged() -> None:
    test = Test(n=128, turns=200, x={2: 0.03, 3.01: 0.02}, noise=0.001)
    found = error_motion(test.table(), **test.ask())
    assert "line-near-whole-order" in {note.code for note in found.flags}
