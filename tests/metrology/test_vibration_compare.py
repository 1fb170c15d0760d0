"""Before and after: known changes, coverage of the interval, false alarms of the family, conditions that do not meet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.vibration import matched
from recore.metrology.vibration.compare import compare
from recore.metrology.vibration.segment_levels import Line, open_run, segments_of

RATE = 640.0
ASKED: dict[str, Any] = {"rate_hz": RATE, "speed_rpm": [1480.0, 1480.0], "trials": 400}


def record(
    gain: float = 1.0,
    seed: int = 1,
    seconds: float = 30.0,
    rate: float = RATE,
    hz: float = 24.67,
    **more: Any,
) -> Table:
    """A line at the shaft's frequency in noise on x, noise on y."""
    rng = np.random.Generator(np.random.PCG64(seed))
    time = np.arange(int(seconds * rate)) / rate
    x = gain * 2 * np.sin(2 * np.pi * hz * time) + rng.standard_normal(len(time))
    columns = {"x [m/s²]": x, "y [m/s²]": rng.standard_normal(len(time))}
    return Table.of(columns | {name: np.broadcast_to(value, len(time)) for name, value in more.items()})


def codes(notes: Any) -> set[str]:
    return {note.code for note in notes}


def test_a_halved_line_is_found_and_nothing_else() -> None:
    found = compare(record(1.0, 1), record(0.5, 2), orders=[1.0, 2.0], **ASKED)
    rows = {row["line"]: row for row in found.compared.to_pylist()}
    order = rows["x order 1"]
    assert order["ratio"] == pytest.approx(0.5, abs=0.02)
    assert order["ratio_low"] < 0.5 < order["ratio_high"]
    assert order["before"] == pytest.approx(np.sqrt(2), rel=0.02)
    assert order["ratio_db"] == pytest.approx(20 * np.log10(order["ratio"]))
    assert (found.verdict.value, order["verdict"]) == ("improved", "improved")
    assert {row["verdict"] for name, row in rows.items() if name.startswith("y")} == {"no-difference"}
    assert found.lines_worse.value == 0
    assert found.ratio.value < 1
    assert {"load-not-stated", "runs-not-repeated", "remount-not-stated"} <= codes(found.flags)


@pytest.mark.parametrize("factor", [1e3, 1e-4])
def test_another_unit_on_one_side_is_flagged(factor: float) -> None:
    plain = record(seconds=10.0)
    other = Table.of({name: factor * plain.floats(name) for name in plain.columns})
    assert "unit-doubtful" not in codes(compare(plain, plain, **ASKED).flags)
    (note,) = [note for note in compare(plain, other, **ASKED).flags if note.code == "unit-doubtful"]
    assert note.text.startswith(other.name)


def test_the_other_way_round_is_worse_and_both_is_mixed() -> None:
    assert compare(record(0.5, 2), record(1.0, 1), **ASKED).verdict.value == "worse"
    louder = record(0.5, 2)
    both = Table.of({"x [m/s²]": louder.floats("x [m/s²]"), "y [m/s²]": 2 * louder.floats("y [m/s²]")})
    found = compare(record(1.0, 1), both, **ASKED)
    assert found.verdict.value == "worse"
    assert "mixed" in codes(found.flags)


def test_a_record_against_itself() -> None:
    found = compare(record(), record(), **ASKED)
    assert found.verdict.value == "no-difference"
    assert found.overall_ratio.value == pytest.approx(1.0)
    assert found.smallest_shown.value > 0


def autoregressive(rng: np.random.Generator, shape: tuple[int, int, int], r: float) -> np.ndarray:
    """(trials, segments, lines) of a process of first order with unit variance, in its steady state."""
    noise = rng.standard_normal((shape[0], shape[1] + 60, shape[2])) * np.sqrt(1 - r * r)
    return signal.lfilter([1.0], [1.0, -r], noise, axis=1)[:, 60:]


@pytest.mark.parametrize(
    ("before", "after", "r"),
    [(20, 20, 0.0), (60, 60, 0.0), (10, 12, 0.0), (40, 40, 0.3), (80, 80, 0.5)],
    ids=["short", "long", "few", "correlated", "more-correlated"],
)
def test_the_interval_covers_93_to_97_per_cent(before: int, after: int, r: float) -> None:
    rng = np.random.Generator(np.random.PCG64(11))
    trials, lines = 20, 75
    one, other = (
        autoregressive(rng, (trials, before, lines), r),
        autoregressive(rng, (trials, after, lines), r),
    )
    groups = np.repeat([0, 1], [before, after])
    inside, alarms = 0, 0
    for a, b in zip(one, other, strict=True):
        memory = matched.memory(np.concatenate([a, b]), groups, min(before, after) // 6)
        sides = [
            matched.blocks_of(x, np.zeros(len(x), int), np.zeros(len(x), int), memory.length) for x in (a, b)
        ]
        found = matched.difference(sides[0], sides[1], 300, 1, memory.inflation)
        low, high = found.interval()
        inside += int(((low <= 0) & (high >= 0)).sum())
        alarms += int((found.p_values() < 0.05).sum())
    assert 0.93 <= inside / (trials * lines) <= 0.97
    assert 0.025 <= alarms / (trials * lines) <= 0.075


def test_without_correlation_it_is_welch_s_test() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    a, b = rng.standard_normal((25, 6)), 0.4 + 2 * rng.standard_normal((40, 6))
    sides = [matched.blocks_of(x, np.zeros(len(x), int), np.zeros(len(x), int), 1) for x in (a, b)]
    found = matched.difference(sides[0], sides[1], 2000, 1)
    reference = stats.ttest_ind(b, a, equal_var=False)
    np.testing.assert_allclose(found.value, b.mean(axis=0) - a.mean(axis=0))
    np.testing.assert_allclose(found.freedom, reference.df)
    np.testing.assert_allclose(found.p_values(), reference.pvalue)
    low, high = found.interval()
    expected = reference.confidence_interval()
    np.testing.assert_allclose(np.stack([low, high]), np.stack([expected.low, expected.high]), atol=0.12)


def test_holm_by_hand() -> None:
    # 0.01·4, 0.02·3, 0.03·2 lifted to 0.06, 0.5·1
    np.testing.assert_allclose(matched.holm(np.array([0.03, 0.01, 0.5, 0.02])), [0.06, 0.04, 0.5, 0.06])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_lowers_and_keeps_the_order(values: list[float]) -> None:
    p = np.array(values)
    found = matched.holm(p)
    assert (found >= p).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 20.0), st.integers(0, 2**32))
def test_both_directions_are_reciprocal_and_scale_is_the_ratio(factor: float, seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    level = rng.standard_normal((24, 3))
    none = np.zeros(24, int)
    one, other = (matched.blocks_of(x, none, none, 2) for x in (level, level + np.log(factor)))
    forth, back = matched.difference(one, other, 200, 1), matched.difference(other, one, 200, 1)
    np.testing.assert_allclose(np.exp(forth.value), factor)
    np.testing.assert_allclose(forth.value, -back.value, atol=1e-12)
    np.testing.assert_allclose(forth.standard, back.standard)
    low, high = forth.interval()
    assert (low <= forth.value).all()
    assert (forth.value <= high).all()


def test_no_family_of_twelve_lines_cries_wolf() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    false = 0
    for _ in range(150):
        sides = [
            matched.blocks_of(rng.standard_normal((30, 12)), np.zeros(30, int), np.zeros(30, int), 1)
            for _ in range(2)
        ]
        p = matched.difference(sides[0], sides[1], 200, 1).p_values()
        false += bool((matched.holm(p) < 0.05).any())
    assert false / 150 <= 0.08


def test_only_common_speeds_and_loads_are_compared() -> None:
    # levels follow the load; the sides share the load of 50 kW alone
    def run(loads: tuple[float, float], factor: float, seed: int) -> Table:
        parts = [record(factor * load / 50, seed + i, load_kw=load) for i, load in enumerate(loads)]
        names = ("x [m/s²]", "y [m/s²]", "load_kw")
        return Table.of({name: np.concatenate([part.floats(name) for part in parts]) for name in names})

    found = compare(run((50.0, 100.0), 1.0, 1), run((25.0, 50.0), 0.7, 5), orders=[1.0], **ASKED)
    row = next(row for row in found.compared.to_pylist() if row["line"] == "x order 1")
    assert row["ratio"] == pytest.approx(0.7, abs=0.03)
    assert found.conditions.value == 1
    assert found.matched.to_pylist()[0]["load_before"] == pytest.approx(50.0)
    assert (found.segments_before.value, found.segments_after.value) == (30, 30)
    with pytest.raises(Refusal) as refused:
        compare(run((100.0, 110.0), 1.0, 1), run((25.0, 50.0), 0.7, 5), **ASKED)
    assert refused.value.code == "no-overlap"
    assert "100 to 110" in refused.value.text


def test_little_overlap_is_said() -> None:
    speeds = np.repeat([1480.0, 2000.0, 2500.0], 10 * int(RATE))
    found = compare(record(speed_rpm=speeds), record(seed=2), **ASKED | {"speed_rpm": [1943.0, 1480.0]})
    assert "little-overlap" in codes(found.flags)
    assert found.segments_before.value == 10


def test_two_equal_states_are_not_cut_apart_by_a_grid() -> None:
    one, other = np.array([999.9, 1000.1, 1500.0]), np.array([1000.0, 999.8])
    first, second, count = matched.common_bins((one,), (other,), (0.01,))
    assert count == 1
    assert first.tolist() == [0, 0, -1]
    assert second.tolist() == [0, 0]


def test_what_is_left_of_a_difference_in_speed_widens() -> None:
    same = compare(record(), record(seed=2), **ASKED)
    apart = compare(record(), record(seed=2), **ASKED | {"speed_rpm": [1480.0, 1500.0]})
    assert apart.overall_ratio.uncertainty > same.overall_ratio.uncertainty
    sources = set(apart.budget["source"].to_pylist())
    assert {
        "finite number of segments",
        "difference in speed that is left",
        "Monte Carlo, U(95 %)",
    } <= sources


def test_a_sensor_put_on_anew_widens() -> None:
    found = compare(record(1.0), record(0.95, seed=2), remount_pct=20.0, **ASKED)
    assert found.verdict.value == "no-difference"
    # sqrt(2) · 20 %
    assert found.overall_ratio.uncertainty == pytest.approx(0.28, abs=0.06)
    assert "remount-not-stated" not in codes(found.flags)


def test_repeated_runs_bring_the_scatter_between_runs_in() -> None:
    rng = np.random.Generator(np.random.PCG64(8))
    gains = np.exp(0.1 * rng.standard_normal(10))
    runs = [record(gain, seed, seconds=8.0) for seed, gain in enumerate(gains)]
    sides = ["before"] * 4 + ["after"] * 4
    found = compare(runs[0], runs[1], tuple(runs[2:]), more_sides=sides, orders=[1.0], **ASKED)
    assert "runs-not-repeated" not in codes(found.flags)
    row = next(row for row in found.compared.to_pylist() if row["line"] == "x order 1")
    assert row["ratio_low"] < 1 < row["ratio_high"]
    long = [record(gain, seed, seconds=32.0) for seed, gain in enumerate(gains[:2])]
    within = compare(*long, orders=[1.0], **ASKED).compared.to_pylist()
    alone = next(row for row in within if row["line"] == "x order 1")
    assert alone["ratio_high"] / alone["ratio_low"] < row["ratio_high"] / row["ratio_low"]
    with pytest.raises(BadInput, match="more_sides"):
        compare(runs[0], runs[1], (runs[2],), **ASKED)


def test_levels_of_segments_against_scipy() -> None:
    table = record()
    run = open_run(table, None, None, RATE, False)
    lines = [Line("y", 10.0, 100.0), Line("x", 10.0, 200.0), Line("y", 100.0, 200.0)]
    found = segments_of(run, lines, "acceleration", 1.0, 1480.0, None)
    for k, line in enumerate(lines):
        values = table.floats(f"{line.channel} [m/s²]")[: int(RATE)]
        f, density = signal.welch(
            values, RATE, window="hann", nperseg=int(RATE), detrend="constant", scaling="density"
        )
        inside = (f >= line.low) & (f < line.high)
        assert found.levels[0, k] == pytest.approx(np.sqrt(density[inside].sum()))


def test_velocity_on_one_side_and_acceleration_on_the_other() -> None:
    time = np.arange(int(30 * RATE)) / RATE
    rng = np.random.Generator(np.random.PCG64(2))
    noise = [0.001 * rng.standard_normal(len(time)) for _ in range(2)]
    omega = 2 * np.pi * 24.67
    velocity = Table.of({"x_mm_s": 3 * np.sin(omega * time) + noise[0]})
    acceleration = Table.of({"x [m/s²]": 3e-3 * omega * np.cos(omega * time) + noise[1]})
    for quantity, unit in (("velocity", "mm/s"), ("acceleration", "m/s²")):
        found = compare(velocity, acceleration, orders=[1.0], quantity=quantity, **ASKED)
        row = next(row for row in found.compared.to_pylist() if row["line"] == "x order 1")
        assert (row["ratio"], row["unit"]) == (pytest.approx(1.0, abs=0.02), unit)
        assert "other-sensor" in codes(found.flags)


def test_other_rates_and_positions_are_said() -> None:
    fast = Table.of({"x [m/s²]": record(rate=1280.0).floats("x [m/s²]"), "time_s": np.arange(38400) / 1280.0})
    slow = Table.of(
        {name: record(seed=2).floats(name) for name in ("x [m/s²]", "y [m/s²]")}
        | {"time_s": np.arange(19200) / RATE}
    )
    found = compare(fast, slow, **ASKED | {"rate_hz": None})
    assert {"other-rates", "other-positions"} <= codes(found.flags)
    assert max(row["high_hz"] for row in found.compared.to_pylist()) == pytest.approx(250.0)
    with pytest.raises(Refusal, match="no-common-channel"):
        compare(record(), Table.of({"z [m/s²]": np.arange(19200.0)}), **ASKED)


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"bands_hz": [10.0, 300.0]}, Refusal, "rate-too-low"),
        ({"bands_hz": [100.0, 10.0]}, BadInput, "rising order"),
        ({"bands_hz": [2.0, 100.0]}, BadInput, "at least 2.5 s"),
        ({"rate_hz": 20.0}, Refusal, "rate-too-low"),
        ({"orders": [-1.0]}, BadInput, "positive orders"),
        ({"speed_rpm": None}, BadInput, "speed is not stated"),
        ({"segment_s": 40.0}, Refusal, "record-too-short"),
        ({"segment_s": 12.0}, Refusal, "too-few-segments"),
    ],
    ids=["band", "edges", "segment", "rate", "order", "speed", "long", "few"],
)
def test_what_cannot_be_compared(asked: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        compare(record(), record(seed=2), **ASKED | asked)


def test_a_load_told_on_one_side_only() -> None:
    with pytest.raises(BadInput, match="the load is told by load_kw, nothing"):
        compare(record(load_kw=50.0), record(seed=2), **ASKED)
    found = compare(record(), record(seed=2), load_kw=[50.0, 51.0], **ASKED)
    assert "load-not-stated" not in codes(found.flags)


def test_an_order_outside_the_record_is_refused_alone() -> None:
    found = compare(record(), record(seed=2), orders=[1.0, 50.0], **ASKED)
    assert [note.code for note in found.refusals] == ["order-outside"]
    turning = compare(record(speed_rpm=1480.0), record(seed=2, speed_rpm=1480.0), orders=[50.0], rate_hz=RATE)
    assert [note.code for note in turning.refusals] == ["order-outside"]


def test_a_band_with_nothing_in_it() -> None:
    first = np.random.Generator(np.random.PCG64(1)).standard_normal(int(RATE))
    silent = Table.of({"x [m/s²]": np.append(first, np.zeros(19200 - len(first)))})
    with pytest.raises(Refusal, match="holds nothing at x"):
        compare(silent, silent, **ASKED)


def test_constant_levels_have_no_scatter_and_no_correlation() -> None:
    flat = np.ones((10, 2))
    assert matched.memory(flat, np.zeros(10, int), 3).length == 1
    sides = [
        matched.blocks_of(x, np.zeros(10, int), np.zeros(10, int), 1)
        for x in (flat, flat + np.array([0.0, 1.0]))
    ]
    found = matched.difference(sides[0], sides[1], 200, 1)
    np.testing.assert_allclose(found.p_values(), [1.0, 0.0])


def test_a_damaged_bearing_of_the_shared_data_is_worse(shared_data: Callable[[str], Path]) -> None:
    def read(name: str) -> Table:
        data = np.load(shared_data(f"vibration/{name}.npz"))
        count = len(data["accel_g"])
        return Table.of(
            {"accel_g": data["accel_g"].astype(float), "time_s": np.arange(count) / float(data["fs_hz"])}
        )

    healthy, damaged = read("cwru_de_normal_0"), read("cwru_de_inner_007_105_0")
    found = compare(healthy, damaged, speed_rpm=[1796.0, 1797.0], segment_s=0.5)
    assert found.verdict.value == "worse"
    assert found.overall_ratio.value > 3
    assert "other-rates" in codes(found.flags)
    first, last = (Table.of({"x_g": part}) for part in np.array_split(healthy.floats("accel_g"), 2))
    same = compare(
        first, last, speed_rpm=[1796.0, 1796.0], segment_s=0.2, bands_hz=[100.0, 5000.0], rate_hz=48_000.0
    )
    assert 0.8 < same.overall_ratio.value < 1.25


def test_through_the_door(recore: Callable[..., Any], tmp_path: Path) -> None:
    files = []
    for name, gain, seed in (("before", 1.0, 1), ("after", 0.5, 2)):
        table = record(gain, seed, seconds=15.0)
        rows = zip(table.floats("x [m/s²]"), table.floats("y [m/s²]"), strict=True)
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text(
            "\n".join(["x [m/s²],y [m/s²]", *(f"{a:.5f},{b:.5f}" for a, b in rows)]), encoding="utf-8"
        )
    asked = ["-p", f"rate_hz={RATE:g}", "-p", "speed_rpm=1480,1480", "-p", "orders=1"]
    ended = recore("run", "vibration.compare", *files, *asked, "--json")
    assert ended.status == 0, ended.err
    assert ended.json["results"]["verdict"]["value"] == "improved"
    plot = compare.draw(compare(record(), record(seed=2), **ASKED))  # type: ignore[misc]
    assert len(json.dumps(plot)) < 20_000
    assert recore("run", "vibration.compare", files[0]).status == 2
