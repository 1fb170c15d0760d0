"""Whole revolutions out of records that were sampled by count, in time with a tacho, or with an encoder."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from spindle_record import Floats, Test, plot

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.spindle import polar_statistics, signal_checks
from recore.metrology.spindle.error_motion import error_motion
from recore.metrology.spindle.error_motion_record import gone_through
from recore.metrology.spindle.motions import Setup
from recore.metrology.spindle.order_spectrum import OrderSpectrum
from recore.metrology.spindle.polar_statistics import Kept, PolarStatistics, Revolving
from recore.metrology.spindle.revolutions import Revolutions

X = {2: 0.05, 3: 0.04j, 5: 0.02 + 0.01j, 11: 0.008}
Y = {2: 0.03j, 4: 0.05, 7: -0.01j}
P2 = ["p1_um", "p2_um"]


def run_up(turns: float, samples: int) -> Floats:
    """Angle [rad] of a rotor that gains 15 % of speed over the record and swings a little, equally spaced in time."""
    s = np.linspace(0, 1, samples)
    shape = s + 0.075 * s**2 + 0.002 * np.sin(9 * s)
    return 2 * np.pi * (0.3 + turns * shape / shape[-1])


def test_a_record_longer_than_a_block_is_the_same_as_one_in_memory() -> None:
    test = Test(n=1000, turns=150, x=X | {3.4: 0.02}, y=Y, noise=0.01)
    columns = test.channels()
    signal = np.stack(list(columns.values()))
    assert signal.shape[1] > 2**17  # the table hands out at most this many rows at once
    whole = signal.reshape(2, test.turns, test.n)
    streamed = list(Revolutions(Table.of(columns), P2, test.n))
    assert len(streamed) > 1
    np.testing.assert_array_equal(np.concatenate(streamed, axis=1), whole)
    found = error_motion(Table.of(columns), **test.ask())
    t = test.t()
    x, y = signal - signal.mean(axis=1, keepdims=True)
    for motion, values in (("fixed", x), ("rotating", x * np.cos(t) + y * np.sin(t))):
        rows = values.reshape(test.turns, test.n)
        quantity = getattr(found, f"asynchronous_{motion}")
        assert quantity.value == pytest.approx(np.ptp(rows, axis=0).max(), rel=1e-9)


@pytest.mark.parametrize("cuts", [[1] * 60, [7, 50, 3], [59, 1]], ids=["ones", "three", "two"])
def test_any_cut_into_blocks_gives_the_same(cuts: list[int]) -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    whole = rng.standard_normal((2, 60, 48)).cumsum(axis=2)
    weights = rng.standard_normal((3, 2, 48))
    blocks = np.split(whole, np.cumsum(cuts)[:-1], axis=1)
    results: list[list[Any]] = []
    for parts in ([whole], blocks):
        statistics, revolving, kept = PolarStatistics(weights), Revolving(2, 48), Kept(16)
        spectrum = OrderSpectrum(2, 48, 19)
        for part in parts:
            statistics.update(part)
            revolving.update(part)
            kept.update(part)
            spectrum.update(part.reshape(2, -1))
        polars = statistics.polars()
        lines = spectrum.finish(whole.mean(axis=1))
        assert lines is not None
        results.append(
            [a for p in polars for a in (p.mean, p.highest, p.lowest, p.sigma)]
            + [kept.revolutions(), lines.amplitude]
        )
        np.testing.assert_allclose(
            revolving.amplitudes, np.fft.fft(whole.mean(axis=1))[:, 1] / 24, atol=1e-12
        )
        slope = np.polyfit(np.arange(60), whole.mean(axis=2).T, 1)[0]
        np.testing.assert_allclose(revolving.drift, slope, atol=1e-12)
        motion = np.einsum("qpa,pra->qra", weights, whole)
        np.testing.assert_allclose([p.mean for p in polars], motion.mean(axis=1), atol=1e-12)
        np.testing.assert_allclose([p.sigma for p in polars], motion.std(axis=1, ddof=1), atol=1e-9)
        np.testing.assert_allclose([p.highest for p in polars], motion.max(axis=1), atol=1e-12)
        np.testing.assert_allclose([p.lowest for p in polars], motion.min(axis=1), atol=1e-12)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_compiled_and_interpreted_kernels_give_the_same() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    block, weights = rng.standard_normal((2, 3, 8)), rng.standard_normal((2, 2, 8))
    sums = [[np.zeros((2, 8)) for _ in range(5)] for _ in range(2)]
    polar_statistics._accumulate(block, weights, *sums[0])
    polar_statistics._accumulate.py_func(block, weights, *sums[1])
    for one, other in zip(*sums, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-15)
    values = np.minimum(rng.standard_normal(200), 0.5)
    states = np.zeros((2, 6))
    states[:, [0, 4]] = -np.inf
    signal_checks._scan(values, 1.0, states[0])
    signal_checks._scan.py_func(values, 1.0, states[1])
    np.testing.assert_array_equal(states[0], states[1])
    assert states[0, 0] == 0.5 and states[0, 1] == np.sum(values == 0.5)


def test_memory_does_not_grow_with_the_record() -> None:
    setup = Setup((0.0, 90.0), (), 0, 64, 1, 0.0)
    block = Test(n=64, turns=100, x=X, y=Y, noise=0.01).channels()
    rows = np.stack(list(block.values())).reshape(2, 100, 64)
    tracemalloc.start()
    found = gone_through(lambda: (rows for _ in range(200)), setup, highest_order=20, remove_drift=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.revolving.revolutions == 20_000
    assert peak < 0.3 * 200 * rows.nbytes


def test_what_is_kept_is_spread_evenly() -> None:
    kept = Kept(16)
    index = np.arange(100.0)
    kept.update(np.repeat(index[None, :, None], 2, axis=2))
    np.testing.assert_array_equal(kept.revolutions()[0, :, 0], np.arange(0, 100, 8))


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "counting-on"])
@pytest.mark.parametrize("sense", [1, -1], ids=["ccw", "cw"])
def test_an_encoder_makes_up_for_a_changing_speed(wrapped: bool, sense: int) -> None:
    test = Test(x=X, y=Y, e=0.5)
    t = sense * run_up(60, 60 * 400)
    assert (
        Revolutions(Table.of({"p1_um": t, "angle_deg": np.degrees(sense * t)}), ["p1_um"]).clock == "encoder"
    )
    angle = np.degrees(t) % 360 if wrapped else np.degrees(t)
    table = Table.of(test.channels(t) | {"angle_deg": angle})
    rotation = "ccw" if sense == 1 else "cw"
    found = error_motion(
        table, probe_angles_deg=[0, 90], samples_per_revolution=256, rotation=rotation, trials=0
    )
    at = sense * 2 * np.pi * np.arange(256) / 256
    assert found.synchronous_fixed is not None and found.asynchronous_fixed is not None
    assert found.synchronous_fixed.value == pytest.approx(np.ptp(plot(X, at)), rel=2e-3)
    assert found.asynchronous_fixed.value < 2e-3  # of an eccentricity of 0.5 µm
    assert found.revolutions is not None and found.revolutions.value == 59


def test_an_encoder_that_is_read_faster_than_its_lines_pass() -> None:
    test = Test(x=X, y=Y, e=0.1)
    t = run_up(40, 40 * 1200)
    steps = np.floor(np.degrees(t) / 1.2) * 1.2  # 300 lines
    found = error_motion(
        Table.of(test.channels(t) | {"angle_deg": steps}),
        probe_angles_deg=[0, 90],
        samples_per_revolution=256,
        trials=0,
    )
    assert found.synchronous_fixed is not None
    at = 2 * np.pi * np.arange(256) / 256
    assert found.synchronous_fixed.value == pytest.approx(np.ptp(plot(X, at)), rel=0.02)


def test_a_tacho_makes_up_for_a_changing_speed() -> None:
    test = Test(x=X, y=Y, e=0.5)
    t = run_up(60, 60 * 400)
    pulse = np.clip(40 * (np.cos(t) - 0.98), -1, 1)
    found = error_motion(Table.of(test.channels(t) | {"tacho": pulse}), probe_angles_deg=[0, 90], trials=0)
    # as many angles as there are samples, as a power of two
    assert found.samples_per_revolution is not None and found.samples_per_revolution.value == 256
    at = 2 * np.pi * np.arange(256) / 256
    assert found.synchronous_fixed is not None and found.asynchronous_fixed is not None
    assert found.synchronous_fixed.value == pytest.approx(np.ptp(plot(X, at)), rel=5e-3)
    assert found.asynchronous_fixed.value < 0.01


def test_in_time_alone_a_changing_speed_is_refused_by_its_eccentricity() -> None:
    test = Test(x=X, y=Y)
    with pytest.raises(Refusal, match="speed-not-kept"):
        error_motion(
            Table.of(test.channels(run_up(60, 60 * 256))),
            probe_angles_deg=[0, 90],
            samples_per_revolution=256,
        )


def test_a_speed_that_wanders_a_little_is_flagged() -> None:
    test = Test(x=X, y=Y, turns=60)
    t = test.t()
    found = error_motion(Table.of(test.channels(t + 0.02 * np.sin(t / 7.3))), **test.ask())
    assert "speed-not-kept" in {note.code for note in found.flags}


def test_resampled_blocks_join_without_a_seam() -> None:
    t = run_up(100, 100 * 300)
    test = Test(x=X, y=Y)
    columns = test.channels(t)
    parts = list(Revolutions(Table.of(columns | {"angle_deg": np.degrees(t)}), P2, 128))
    assert [part.shape[1] for part in parts] == [32, 32, 32, 3]
    even = np.concatenate(parts, axis=1)
    # the first whole revolution begins at the first multiple of 360°
    at = 2 * np.pi * np.arange(128) / 128
    truth = plot(X, at) + 5 * np.cos(at + 0.7)
    np.testing.assert_allclose(even[0], np.broadcast_to(truth, even[0].shape), atol=0.02)
    assert np.abs(np.diff(even[0], axis=0)).max() < 0.02


@pytest.mark.parametrize(
    ("columns", "more", "words"),
    [
        ({}, {}, "does not say how the rotor turned"),
        ({"angle_deg": -np.arange(5120.0)}, {}, "runs backwards"),
        ({"angle_deg": np.full(5120, 3.0)}, {}, "never rises"),
        ({"angle_deg": np.arange(5120.0)}, {"samples_per_revolution": 1024}, "more angles than samples"),
    ],
    ids=["nothing", "backwards", "still", "invented"],
)
def test_records_that_do_not_say_how_they_turned(
    columns: dict[str, Floats], more: dict[str, Any], words: str
) -> None:
    test = Test(n=256, turns=20)
    with pytest.raises(BadInput, match=words):
        error_motion(Table.of(test.channels() | columns), probe_angles_deg=[0, 90], **more)


@pytest.mark.parametrize("first", [0, 250, 3])
def test_an_encoder_that_clocked_the_samples_leaves_nothing_to_resample(first: int) -> None:
    test = Test(n=256, turns=21, x=X, y=Y)
    columns = {k: v[first:] for k, v in test.channels().items()}
    angle = np.round(np.degrees(test.t()[first:]) % 360, 4)
    found = Revolutions(Table.of(columns | {"angle_deg": angle}), P2)
    assert (found.clock, found.samples) == ("samples", 256)
    even = np.concatenate(list(found), axis=1)
    skip = (256 - first) % 256
    whole = (len(angle) - skip) // 256
    np.testing.assert_array_equal(even[0].ravel(), columns["p1_um"][skip : skip + 256 * whole])
    assert found.left_over == len(angle) - 256 * whole


def test_one_step_back_is_located() -> None:
    angle = np.arange(5120.0)
    angle[4000] -= 1.5
    with pytest.raises(BadInput, match="row 4001"):
        error_motion(
            Table.of(Test(n=256, turns=20).channels() | {"angle_deg": angle}), probe_angles_deg=[0, 90]
        )
