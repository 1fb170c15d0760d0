"""Planning of probe angles: the closed form against linear algebra and noise, the search against published gains."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.method import Refusal
from recore.metrology.spindle import layout_search
from recore.metrology.spindle.layout_gain import gains, mean_square_gains, worst_aimed, worst_gains
from recore.metrology.spindle.layout_search import best_layout, extreme_offsets, worst_within
from recore.metrology.spindle.layout_space import Space
from recore.metrology.spindle.plan_probes import plan_probes

# worst gains, spindle and artefact, as computed for this project by an independent programme
KNOWN = [
    ((0, 99.84, 202.5), 50, 6.39, 4.91),
    ((0, 38, 67), 50, 6.93, 5.58),
    ((0, 38, 67, 180), 50, 6.47, 5.35),
    ((0, 248.846, 307.644), 50, 2.84, 2.32),
    ((0, 66.095, 125.512), 100, 3.63, 3.12),
    ((0, 34.627, 96.954, 135.036), 100, 1.74, 1.47),
    ((0, 95.747, 169.371, 232.748, 283.478), 100, 1.14, 0.93),
]


@pytest.fixture
def quick(monkeypatch):
    """A search that ends early, where the test is not about the best layout."""
    monkeypatch.setattr(layout_search, "_DRAWN", 4000)
    monkeypatch.setattr(layout_search, "_ROUNDS", ((120, 20), (20, 40)))
    monkeypatch.setattr(layout_search, "_ROBUST_ROUNDS", ((200, 20), (60, 20), (20, 20), (8, 40)))


def cells(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def rows(angles_deg, k):
    phi = np.radians(angles_deg)
    return np.column_stack((np.cos(phi), np.sin(phi), np.exp(-1j * k * phi)))


@pytest.mark.parametrize(("angles", "upr", "spindle", "artefact"), KNOWN)
def test_gains_of_known_layouts(angles, upr, spindle, artefact):
    found = worst_gains(np.array([angles], float), 2, upr)[0]
    assert found == pytest.approx((spindle, artefact), rel=0.005)


@given(
    st.lists(st.floats(0, 359), min_size=3, max_size=8),
    st.integers(2, 300),
)
@settings(deadline=None)
def test_closed_form_is_the_pseudo_inverse(angles, k):
    spindle, artefact = gains(np.array(angles), k, k)
    h = rows(angles, k)
    if np.linalg.cond(h) > 1e3:
        assert not spindle[0] < 300
        return
    inverse = np.linalg.pinv(h)
    covariance = inverse @ inverse.conj().T
    turn = np.radians(np.arange(0, 180, 0.5))
    u = np.stack((np.cos(turn), np.sin(turn)))
    around = np.einsum("in,ij,jn->n", u, covariance[:2, :2], u).real
    assert spindle[0] == pytest.approx(np.sqrt(around.max()), rel=1e-4)
    assert spindle[0] >= np.sqrt(around.max()) * (1 - 1e-9)
    assert artefact[0] == pytest.approx(np.sqrt(covariance[2, 2].real), rel=1e-8)


def test_gain_is_what_noise_becomes():
    angles, k = (0, 38, 67, 180), 34
    rng = np.random.default_rng(4)
    noise = (rng.standard_normal((4, 50_000)) + 1j * rng.standard_normal((4, 50_000))) / np.sqrt(2)
    x, y, form = np.linalg.pinv(rows(angles, k)) @ noise
    spindle, artefact = gains(np.array(angles, float), k, k)
    turn = np.radians(np.arange(0, 180, 3.0))
    # in a real direction; a complex combination of x and y can be noisier still, but no probe sees it
    spread = [np.std(np.cos(a) * x + np.sin(a) * y) for a in turn]
    assert max(spread) == pytest.approx(spindle[0], rel=0.02)
    assert np.std(form) == pytest.approx(artefact[0], rel=0.02)


def test_lost_harmonics_are_infinite():
    spindle, artefact = gains(np.array([0.0, 120, 240]), 2, 30)
    lost = np.arange(2, 31) % 3 != 0
    assert np.isinf(spindle[lost]).all() and np.isinf(artefact[lost]).all()
    assert np.isfinite(spindle[~lost]).all()
    # on a grid of 10 deg every 36 harmonics repeat
    assert set(np.flatnonzero(np.isinf(gains(np.array([0.0, 50, 120]), 2, 50)[0])) + 2) == {35, 37}


def test_the_search_gives_up_only_what_is_worse():
    angles = np.random.default_rng(1).uniform(0, 360, (700, 4))
    whole = worst_aimed(angles, 2, 60, "both")
    assert np.array_equal(np.sqrt(whole), worst_gains(angles, 2, 60).max(axis=1))
    below = np.full(700, np.median(whole))
    part = worst_aimed(angles, 2, 60, "both", below)
    assert np.array_equal(np.isfinite(part), whole < below)
    assert part[whole < below] == pytest.approx(whole[whole < below], rel=1e-10)


@pytest.mark.parametrize(
    ("probes", "upr", "goal"), [(4, 50, 1.50), (3, 50, 2.85), (3, 100, 3.65), (5, 100, 1.15)]
)
def test_goals_are_reached(probes, upr, goal):
    plan = plan_probes(probes=probes, max_upr=upr, trials=200)
    angles = np.array(plan.angles_deg.value)
    assert plan.spindle_gain.value <= goal
    assert plan.artefact_gain.value < plan.spindle_gain.value
    # by linear algebra, not by the kernel that was searched with
    inverses = [np.linalg.inv(rows(angles, k).conj().T @ rows(angles, k)) for k in range(2, upr + 1)]
    worst = max(np.linalg.eigvalsh(c[:2, :2].real)[-1] for c in inverses) ** 0.5
    assert plan.spindle_gain.value == pytest.approx(worst, rel=1e-9)
    assert np.diff(np.append(angles, angles[0] + 360)).min() >= 25
    assert len(angles) == probes and plan.least_spacing.value >= 25
    assert plan.spindle_gain_p95.value <= plan.spindle_gain_worst.value * 1.01


def test_same_seed_same_layout(quick):
    space = Space.of(3, 20)
    first = best_layout(space, 2, 30, "both", 5)
    assert np.array_equal(first, best_layout(space, 2, 30, "both", 5))


def test_aim_decides_what_is_small(quick):
    form = plan_probes(probes=3, max_upr=15, minimise="artefact", trials=0, tolerance_deg=0)
    motion = plan_probes(probes=3, max_upr=15, minimise="spindle", trials=0, tolerance_deg=0)
    assert form.artefact_gain.value < motion.artefact_gain.value
    assert motion.spindle_gain.value < form.spindle_gain.value
    # known for 3 probes to 15 UPR: 1.52 for the form
    assert form.artefact_gain.value <= 1.53
    assert form.spindle_gain.uncertainty < 1e-12


def test_rules_of_the_rig_are_kept(quick):
    plan = plan_probes(
        probes=4,
        max_upr=30,
        forbidden_deg=["100-140", "330-20"],
        existing_deg=[200.25, 45],
        trials=0,
        tolerance_deg=0,
    )
    angles = np.array(plan.angles_deg.value)
    assert {45.0, 200.25} <= set(angles)
    assert not ((angles > 100) & (angles < 140)).any()
    assert not ((angles > 330) | (angles < 20)).any()
    assert np.diff(np.append(angles, angles[0] + 360)).min() >= 25


def test_tight_space_still_has_a_layout(quick):
    plan = plan_probes(probes=8, max_upr=20, forbidden_deg=["0-180"], trials=0, tolerance_deg=0)
    assert np.diff(plan.angles_deg.value) == pytest.approx(25, abs=0.75)
    single = Space.of(3, 120).draw(np.random.default_rng(1), 10)
    assert np.sort(single, axis=1) == pytest.approx(np.tile([0, 120, 240], (10, 1)))


def test_angles_are_rounded_only_as_far_as_the_spacing_allows(quick):
    full = best_layout(Space.of(7, 360 / 7), 2, 5, "both", 1)
    assert full == pytest.approx(np.arange(7) * 360 / 7, abs=1e-8)
    assert Space.of(7, 360 / 7).holds(full[None])[0]
    roomy = best_layout(Space.of(3, 20), 2, 5, "both", 1)
    assert np.array_equal(roomy, np.round(roomy, 3))


@settings(deadline=None, max_examples=25)
@example(3, 0.0, [(1, 120), (191, 170)])
@given(
    st.integers(3, 8),
    st.floats(0, 130),
    st.lists(st.tuples(st.integers(0, 359), st.integers(1, 170)), max_size=3),
)
def test_what_is_drawn_can_be_built(probes, spacing, sectors):
    words = [f"{a}-{(a + w) % 360}" for a, w in sectors]
    try:
        space = Space.of(probes, spacing, words)
    except BadInput:
        # so there must be no room: no random layout keeps the rules either
        angles = np.random.default_rng(2).uniform(0, 360, (1000, probes))
        inside = ((angles[..., None] - [a for a, _ in sectors]) % 360 < [w for _, w in sectors]).any(
            axis=(1, 2)
        )
        ordered = np.sort(angles, axis=1)
        apart = np.diff(ordered, axis=1, append=ordered[:, :1] + 360).min(axis=1) >= spacing
        assert not (apart & ~inside).any()
        return
    drawn = space.draw(np.random.default_rng(3), 20)
    assert drawn.shape[1] == probes and len(drawn) >= 20
    assert space.holds(drawn).all()


def test_robust_layout_stands_the_tolerance_better(quick):
    arguments = {"probes": 4, "max_upr": 50, "tolerance_deg": 0.4, "trials": 500}
    usual, robust = plan_probes(**arguments), plan_probes(**arguments, robust=True)
    assert robust.spindle_gain_p95.value < usual.spindle_gain_p95.value
    assert robust.spindle_gain.value >= usual.spindle_gain.value * 0.99
    assert robust.spindle_gain_worst.value < usual.spindle_gain_worst.value


def test_worst_within_is_no_better_than_any_mounting():
    angles = np.array([0, 34.627, 96.954, 135.036])
    worst = worst_within(angles, 0.2, 2, 60, seed=1)
    mounted = worst_gains(angles + np.random.default_rng(8).uniform(-0.2, 0.2, (5000, 4)), 2, 60).max(axis=0)
    assert (np.array(worst) >= mounted * 0.999).all()


@pytest.mark.parametrize("probes", [3, 4, 6, 8])
def test_extreme_cases_show_every_pair_at_all_ends(probes):
    ends = extreme_offsets(probes, 0.5)
    assert len(ends) <= 16 and (abs(ends) == 0.5).all()
    for a in range(probes):
        for b in range(a):
            assert len(np.unique(ends[:, [a, b]], axis=0)) == 4


def test_predicted_noise_is_what_a_record_shows():
    angles = np.array([0.0, 99.84, 202.5])
    samples, band = 128, range(2, 31)
    rng = np.random.default_rng(3)
    noise = np.fft.rfft(rng.normal(0, 5 / np.sqrt(20), (2000, 3, samples))) * 2 / samples
    errors = np.stack([np.linalg.pinv(rows(angles, k)) @ noise[..., k].T for k in band])
    seen = np.sqrt((abs(errors[:, 2]) ** 2 / 2).sum(axis=0).mean())
    across = [
        np.sqrt((abs(np.cos(a) * errors[:, 0] + np.sin(a) * errors[:, 1]) ** 2 / 2).sum(axis=0).mean())
        for a in np.radians(np.arange(0, 180, 2))
    ]
    scale = 5 * np.sqrt(2 / (samples * 20))
    motion, form = np.sqrt(mean_square_gains(angles, 2, 30)) * scale
    assert seen == pytest.approx(form, rel=0.02)
    assert max(across) == pytest.approx(motion, rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"probes": 2}, "two probes cannot tell"),
        ({"probes": 9}, "at most 8"),
        ({"min_upr": 1}, "at least 2"),
        ({"max_upr": 1}, "min_upr"),
        ({"max_upr": 1001, "samples_per_revolution": 4096}, "1000"),
        ({"max_upr": 64, "samples_per_revolution": 128}, "half the samples"),
        ({"min_spacing_deg": 91.0}, "room for 3"),
        ({"min_spacing_deg": -1.0}, "0 to below 360"),
        ({"tolerance_deg": 6.0}, "0 to 5"),
        ({"forbidden_deg": ["0-300"]}, "do not fit"),
        ({"forbidden_deg": ["east"]}, "from-to"),
        ({"forbidden_deg": ["-20-20"]}, "from-to"),
        ({"forbidden_deg": ["20-20"]}, "differ"),
        ({"forbidden_deg": ["20-400"]}, "360"),
        ({"existing_deg": [0, 10]}, "too close"),
        ({"existing_deg": [50], "forbidden_deg": ["40-60"]}, "forbidden sector"),
        ({"existing_deg": [0, 90, 180, 270]}, "at least one"),
    ],
)
def test_bad_input(wrong, word):
    with pytest.raises(BadInput, match=word):
        plan_probes(**({"probes": 4, "max_upr": 30} | wrong))


def test_a_space_that_loses_harmonics_is_refused(quick):
    with pytest.raises(Refusal, match="2, 4, 5, 7"):
        plan_probes(probes=3, max_upr=10, min_spacing_deg=120)


def test_narrow_layouts_and_wide_tolerances_are_flagged(quick):
    narrow = plan_probes(probes=3, max_upr=10, min_spacing_deg=5, forbidden_deg=["15-350"], trials=50)
    assert [note.code for note in narrow.flags] == ["badly-conditioned"]
    assert "UPR" in narrow.flags[0].text
    wide = plan_probes(probes=3, max_upr=80, tolerance_deg=2, trials=50)
    assert [note.code for note in wide.flags] == ["lost-within-tolerance"]


def test_through_the_command_line(recore, tmp_path):
    words = (
        "run",
        "spindle.plan-probes",
        "-p",
        "probes=4",
        "-p",
        "max_upr=100",
        "-p",
        "min_spacing_deg=25",
        "--json",
    )
    ended = recore(*words, "--out", tmp_path)
    assert ended.status == 0, ended.err
    results = ended.json["results"]
    assert results["spindle_gain"]["value"] <= 1.75
    assert len(results["angles_deg"]["value"]) == 4 and results["angles_deg"]["unit"] == "deg"
    table = cells(tmp_path / "gains.csv")
    assert [int(row["upr"]) for row in table] == list(range(2, 101))
    assert max(float(row["artefact_gain"]) for row in table) == results["artefact_gain"]["value"]
    layouts = {row["name"]: row for row in cells(tmp_path / "layouts.csv")}
    assert float(layouts["Aalto, 4 probes"]["spindle_gain"]) == pytest.approx(6.47, abs=0.01)
    assert layouts["equally spaced, 4 probes"]["spindle_gain"] == ""
    budget = cells(tmp_path / "budget.csv")
    assert {row["result"] for row in budget} == {"spindle_gain", "artefact_gain", "spindle_u", "artefact_u"}
    few = recore("run", "spindle.plan-probes", "-p", "probes=2", "-p", "max_upr=50")
    assert few.status == 2 and "two probes cannot tell" in few.err


def test_plot_draws_gains_and_layout(quick):
    import vl_convert as vlc

    plan = plan_probes(probes=3, max_upr=10, trials=0, tolerance_deg=0)
    chart = plan_probes.draw(plan)
    assert vlc.vegalite_to_svg(chart).count("<path") > 8
    assert len(chart["hconcat"][1]["layer"][1]["data"]["values"]) == 3
