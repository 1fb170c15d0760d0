"""Records and settings from which a number would be a guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spindle_record import Floats, Test

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.spindle.error_motion import ErrorMotion, error_motion
from recore.metrology.spindle.signal_checks import Extremes

GOOD = Test(x={2: 0.05, 5: 0.02}, y={3: 0.04j}, noise=0.003)
THREE = replace(GOOD, angles=(0.0, 38.0, 67.0))


def run(test: Test, columns: dict[str, Floats] | None = None, **more: Any) -> ErrorMotion:
    return error_motion(Table.of(columns or test.channels()), **test.ask(**more))


def codes(result: ErrorMotion) -> set[str]:
    return {note.code for note in (*result.flags, *result.refusals)}


def refused(test: Test, columns: dict[str, Floats] | None = None, **more: Any) -> str:
    with pytest.raises(Refusal) as caught:
        run(test, columns, **more)
    return caught.value.code


def test_a_good_record_is_not_complained_of() -> None:
    found = run(
        GOOD, artefact_form_um=0.001, artefact_radius_mm=12.5, gain_percent=0.1, angle_uncertainty_deg=0.1,
        linearity_percent=0.05, encoder_uncertainty_deg=0.002,
    )  # fmt: skip
    assert codes(found) == set()


@pytest.mark.parametrize("angles", [(0, 180), (20, 20), (0, 5, 180)], ids=["opposite", "same", "nearly"])
def test_parallel_probes(angles: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="parallel"):
        run(replace(GOOD, angles=angles))


def test_one_probe_across_its_direction() -> None:
    assert refused(replace(GOOD, angles=(0.0,)), direction_deg=90) == "one-probe"


@pytest.mark.parametrize("share", [0.998, 0.9, 0.4])
def test_a_clipped_signal(share: float) -> None:
    columns = replace(GOOD, noise=0.0).channels()
    columns["p1_um"] = np.minimum(columns["p1_um"], share * columns["p1_um"].max())
    assert refused(GOOD, columns) == "signal-clipped"
    columns = GOOD.channels()
    columns["p2_um"] = np.maximum(columns["p2_um"], (1 - share) * 3 + share * columns["p2_um"].min())
    assert refused(GOOD, columns) == "signal-clipped"


@pytest.mark.parametrize("resolution", [0.0001, 0.001, 0.01, 0.1])
@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_coarse_steps_are_no_clipping(resolution: float, noise: float) -> None:
    test = replace(GOOD, noise=noise)
    columns = {k: np.round(v / resolution) * resolution for k, v in test.channels().items()}
    assert run(test, columns).synchronous_fixed is not None


@settings(max_examples=40, deadline=None)
@given(st.floats(0.5, 50), st.integers(0, 9), st.floats(0.3, 0.97))
def test_clipping_is_seen_at_any_size(size: float, seed: int, share: float) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    t = 2 * np.pi * np.arange(4096) / 256
    signal = size * np.cos(t + seed) + 0.001 * size * rng.standard_normal(len(t))
    for sign in (1, -1):
        watched = Extremes(2)
        for part in np.array_split(
            np.stack([sign * signal, sign * np.minimum(signal, share * size)]), 7, axis=1
        ):
            watched.update(part)
        whole, cut = watched.channels()
        assert not whole.held and cut.held >= 4
        assert whole.range == np.ptp(signal)


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_a_dead_channel(value: float) -> None:
    columns = GOOD.channels()
    columns["p2_um"] = np.full_like(columns["p2_um"], value)
    with pytest.raises(BadInput, match="throughout"):
        run(GOOD, columns)


def test_swapped_channels() -> None:
    columns = GOOD.channels()
    columns["p1_um"], columns["p2_um"] = columns["p2_um"], columns["p1_um"]
    assert refused(GOOD, columns) == "swapped-channels"
    # to the probes, a rotor that turns the other way is the same thing
    assert refused(replace(GOOD, sense=-1)) == "swapped-channels"
    assert run(replace(GOOD, sense=-1), rotation="cw").synchronous_fixed is not None


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_three_probes_in_any_wrong_order(order: tuple[int, ...]) -> None:
    columns = THREE.channels()
    wrong = {f"p{i + 1}_um": columns[f"p{j + 1}_um"] for i, j in enumerate(order)}
    with pytest.raises(Refusal, match="swapped-channels") as caught:
        run(THREE, wrong)
    told = caught.value.text.split("in the order ")[1].split(";")[0]
    again = {f"p{i + 1}_um": wrong[f"{name}_um"] for i, name in enumerate(told.split(", "))}
    right = run(THREE)
    assert run(THREE, again).synchronous_rotating == right.synchronous_rotating


def test_an_order_that_cannot_be_checked_is_said() -> None:
    assert "channels-unchecked" in codes(run(replace(GOOD, e=0.02)))
    assert "channels-unchecked" not in codes(run(GOOD))


def test_a_probe_without_an_angle_is_said_to_be_unused() -> None:
    assert "probe-unused" in codes(run(GOOD, THREE.channels() | GOOD.channels()))
    assert "probe-unused" not in codes(
        run(GOOD, THREE.channels() | GOOD.channels(), channels=["p1_um", "p2_um"])
    )


def test_a_quiet_record_is_doubted() -> None:
    small = replace(GOOD, e=0.1, noise=5e-6)
    assert "units-doubtful" in codes(run(small))


def test_wrong_gain_or_angle_shows_in_the_eccentricity() -> None:
    columns = GOOD.channels()
    columns["p1_um"] = columns["p1_um"] * 1.2
    assert "eccentricity-not-round" in codes(run(GOOD, columns))


def test_wrong_units() -> None:
    # 5 µm in nanometres, read as micrometres; and micrometres called nanometres
    assert refused(GOOD, {k: 1000 * v for k, v in GOOD.channels().items()}) == "implausible-range"
    small = run(GOOD, {k.replace("_um", "_nm"): v for k, v in GOOD.channels().items()})
    assert "units-doubtful" in codes(small)
    wide = replace(GOOD, e=300.0)
    assert refused(wide) == "implausible-range"
    assert run(wide, largest_plausible_um=1000.0).eccentricity is not None
    converted = run(GOOD, {k.replace("_um", "_nm"): 1000 * v for k, v in GOOD.channels().items()})
    assert converted.synchronous_fixed is not None
    assert converted.synchronous_fixed.value == pytest.approx(run(GOOD).synchronous_fixed.value)  # type: ignore[union-attr]


def test_fewer_than_twenty_revolutions_have_no_synchronous_motion() -> None:
    few = run(replace(GOOD, turns=19))
    assert "too-few-revolutions" in {n.code for n in few.refusals}
    names = [n for n in vars(few) if n.startswith("synchronous")]
    assert names and all(getattr(few, name) is None for name in names)
    assert few.asynchronous_fixed is not None and few.total_rotating is not None
    assert run(replace(GOOD, turns=20)).synchronous_fixed is not None
    assert refused(replace(GOOD, turns=1)) == "too-few-revolutions"


def test_part_of_a_revolution_is_left_out_and_told() -> None:
    columns = {k: v[:-100] for k, v in GOOD.channels().items()}
    found = run(GOOD, columns)
    assert "incomplete-revolution" in codes(found)
    assert found.revolutions is not None and found.revolutions.value == 39
    whole = run(replace(GOOD, turns=40), {k: v[: 39 * 256] for k, v in GOOD.channels().items()})
    assert found.total_fixed == whole.total_fixed


@pytest.mark.parametrize("samples", [255, 257, 250, 300, 512 // 3, 128])
def test_a_revolution_does_not_have_these_samples(samples: int) -> None:
    assert refused(GOOD, samples_per_revolution=samples, max_upr=20) in (
        "samples-per-revolution",
        "speed-not-kept",
    )


def test_two_turns_taken_for_one() -> None:
    assert "revolution-doubtful" in codes(run(GOOD, samples_per_revolution=512))


def test_too_few_samples_for_the_undulations() -> None:
    assert refused(replace(GOOD, n=64)) == "too-few-samples"
    assert run(replace(GOOD, n=64), max_upr=25).synchronous_fixed is not None


def test_the_artefact_is_in_it() -> None:
    assert "artefact-unknown" in codes(run(GOOD))
    assert "artefact-form" in codes(run(GOOD, artefact_form_um=0.02))
    worse = run(GOOD, artefact_form_um=0.2)
    assert "artefact-dominates" in {n.code for n in worse.refusals}
    assert worse.synchronous_fixed is None and worse.synchronous_fixed_mzc is None
    assert worse.asynchronous_fixed is not None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"plane2_channels": ["p1_um", "p2_um"]}, "unknown distance"),
        ({"plane2_angles_deg": [0], "plane_distance_mm": 50}, "no column 'q1_um'"),
        ({"axial_channels": ["p1_um", "p2_um"]}, "unknown radius"),
        ({"bearing": "9999-XYZ"}, "not in the table"),
        ({"channels": ["p1_um"]}, "1 channels are mapped"),
    ],
)
def test_settings_that_do_not_fit(more: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run(GOOD, **more)


def test_a_single_probe_in_a_second_plane() -> None:
    with pytest.raises(BadInput, match="two or more"):
        run(
            GOOD,
            GOOD.channels() | {"q1_um": GOOD.channels()["p1_um"]},
            plane2_angles_deg=[0],
            plane_distance_mm=50,
        )


def test_a_missing_column_and_a_map(recore: Callable[..., Any]) -> None:
    columns = GOOD.channels()
    with pytest.raises(BadInput, match="no column 'p3_um'"):
        error_motion(Table.of(columns), probe_angles_deg=[0, 90, 120], samples_per_revolution=256)
    named = {"top": columns["p2_um"], "side": columns["p1_um"]}
    mapped = run(GOOD, named, channels=["side", "1"])
    assert mapped.synchronous_rotating == run(GOOD).synchronous_rotating
