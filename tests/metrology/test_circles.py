"""Reference circles against literature values, known truth and independent solvers."""

from __future__ import annotations

import csv
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from recore.metrology import circles
from recore.metrology.circles.branch_and_bound import search


def _literature(shared_data, number):
    return np.loadtxt(shared_data(f"spindle/roundness_set{number}.csv"), delimiter=",", skiprows=1).T.copy()


def known_truth(seed, n=360, arc=2 * np.pi):
    """A profile whose minimum zone is known: four alternating contacts, all else strictly inside."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(5, 100)
    half = radius * 10 ** rng.uniform(-6, -4)
    angle = np.sort(rng.uniform(0, arc, n))
    e = rng.uniform(-0.9, 0.9, n) * half
    quarters = np.array_split(np.arange(n), 4)
    contacts = [int(rng.choice(q[len(q) // 4 : -len(q) // 4])) for q in quarters]
    e[contacts] = half * np.array([1, -1, 1, -1])
    cx, cy = rng.normal(0, 2, 2)
    x, y = cx + (radius + e) * np.cos(angle), cy + (radius + e) * np.sin(angle)
    return x, y, (cx, cy), 2 * half, radius


def wavy(seed, n=200, size=1e-4):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    form = sum(rng.normal() / k * np.cos(k * angle + rng.uniform(0, 7)) for k in range(2, 12))
    d = 10 * (1 + size * (form + 0.1 * rng.normal(size=n)))
    return d * np.cos(angle) + rng.normal(), d * np.sin(angle) + rng.normal()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_literature_sets_to_all_printed_digits(shared_data, number):
    x, y = _literature(shared_data, number)
    with shared_data("spindle/roundness_reference.csv").open() as file:
        expected = {k: float(v) for k, v in list(csv.DictReader(file))[number - 1].items()}
    lsc, mzc = circles.least_squares(x, y), circles.minimum_zone(x, y)
    mcc, mic = circles.minimum_circumscribed(x, y), circles.maximum_inscribed(x, y)
    printed = {"abs": 0.5001e-9, "rel": 0}
    assert lsc.x == pytest.approx(expected["lsc_x"], **printed)
    assert lsc.y == pytest.approx(expected["lsc_y"], **printed)
    assert lsc.deviation == pytest.approx(expected["lsc_dev"], **printed)
    assert mzc.x == pytest.approx(expected["mzc_x"], **printed)
    assert mzc.y == pytest.approx(expected["mzc_y"], **printed)
    assert mzc.deviation == pytest.approx(expected["mzc_dev"], abs=0.5001e-12, rel=0)
    assert mcc.deviation == pytest.approx(expected["mcc_dev"], **printed)
    assert mic.deviation == pytest.approx(expected["mic_dev_global"], **printed)
    assert mzc.proven and mic.proven
    assert max(mzc.residual, mcc.residual, mic.residual) < 1e-14


def test_twenty_generated_profiles_with_known_zone(shared_data):
    from pyarrow import parquet

    points = parquet.read_table(shared_data("spindle/mzc_known_truth_points.parquet"))
    number, x, y = (points[name].to_numpy() for name in ("set", "x_mm", "y_mm"))
    with shared_data("spindle/mzc_known_truth.csv").open() as file:
        for row in csv.DictReader(file):
            mine = number == int(row["set"])
            zone = circles.minimum_zone(x[mine], y[mine])
            radius = float(row["R_mid_mm"])
            assert abs(zone.deviation - float(row["zone_mm"])) <= 1e-14 * radius
            assert np.hypot(zone.x - float(row["cx_mm"]), zone.y - float(row["cy_mm"])) <= 1e-13 * radius
            assert zone.proven and zone.residual <= 1e-14


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [24, 360, 9001])
def test_known_zone_to_1e_12_of_the_radius(seed, n):
    x, y, centre, width, radius = known_truth(seed, n)
    zone = circles.minimum_zone(x, y)
    assert abs(zone.deviation - width) <= 1e-14 * radius
    assert np.hypot(zone.x - centre[0], zone.y - centre[1]) <= 1e-12 * radius
    assert zone.proven and zone.residual <= 1e-14
    assert len(zone.outer_contacts) == len(zone.inner_contacts) == 2


@pytest.mark.parametrize("arc_deg", [20, 57, 120, 200, 300])
def test_partial_arcs_keep_the_certificate(arc_deg):
    x, y, _, width, radius = known_truth(5, 400, np.radians(arc_deg))
    zone = circles.minimum_zone(x, y)
    assert abs(zone.deviation - width) <= 1e-12 * radius
    assert zone.residual <= 1e-11


def test_zone_agrees_with_highs_linear_programme():
    for seed in range(15):
        x, y = wavy(seed)
        zone = circles.minimum_zone(x, y)
        cx, cy = x.mean(), y.mean()
        for _ in range(6):
            d = np.hypot(x - cx, y - cy)
            n = np.column_stack(((x - cx) / d, (y - cy) / d, np.ones_like(d)))
            h = np.ones((len(d), 1))
            lp = linprog([0, 0, 0, 1], np.vstack((np.hstack((-n, -h)), np.hstack((n, -h)))), np.r_[-d, d],
                         bounds=[(None, None)] * 4, method="highs")  # fmt: skip
            cx, cy = cx + lp.x[0], cy + lp.x[1]
        d = np.hypot(x - cx, y - cy)
        # HiGHS keeps its constraints to 1e-7; the exchange must be no wider and no narrower than that
        assert zone.deviation <= np.ptp(d) + 1e-13
        assert zone.deviation == pytest.approx(np.ptp(d), abs=1e-6)


def test_no_nelder_mead_start_finds_a_narrower_zone():
    for seed in range(4):
        x, y = wavy(seed, n=40, size=0.05)
        zone = circles.minimum_zone(x, y)
        rng = np.random.default_rng(seed)
        best = min(
            minimize(
                lambda c, x=x, y=y: np.ptp(np.hypot(x - c[0], y - c[1])),
                rng.normal([zone.x, zone.y], 2),
                method="Nelder-Mead",
                options={"xatol": 1e-12, "fatol": 1e-14, "maxiter": 4000},
            ).fun
            for _ in range(15)
        )
        assert zone.deviation <= best + 1e-12
        if zone.proven:
            assert zone.deviation == pytest.approx(best, abs=1e-9)


def _circle_of(x, y, chosen):
    a = np.array([[x[j] - x[chosen[0]], y[j] - y[chosen[0]]] for j in chosen[1:]])
    shift = np.linalg.lstsq(a, (a**2).sum(axis=1) / 2, rcond=None)[0]
    return x[chosen[0]] + shift[0], y[chosen[0]] + shift[1], np.hypot(*shift)


def _inside_triangle(px, py, x, y):
    turns = [(x[k] - x[k - 1]) * (py - y[k - 1]) - (y[k] - y[k - 1]) * (px - x[k - 1]) for k in range(3)]
    return min(turns) > 0 or max(turns) < 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 24), st.sampled_from([1e-5, 0.02, 0.3, 1.0]))
def test_circumscribed_and_inscribed_agree_with_all_triples(seed, n, scatter):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    d = 1 + scatter * rng.uniform(-0.5, 0.5, n)
    x, y = d * np.cos(angle), d * np.sin(angle)
    smallest, largest = np.inf, -np.inf
    for size in (2, 3):
        for chosen in combinations(range(n), size):
            cx, cy, radius = _circle_of(x, y, chosen)
            r = np.hypot(x - cx, y - cy)
            if r.max() <= radius * (1 + 1e-12):
                smallest = min(smallest, radius)
            locked = size == 3 and _inside_triangle(cx, cy, x[list(chosen)], y[list(chosen)])
            if locked and r.min() >= radius * (1 - 1e-12):
                largest = max(largest, radius)
    assert circles.minimum_circumscribed(x, y).radius == pytest.approx(smallest, rel=1e-12)
    try:
        inscribed = circles.maximum_inscribed(x, y)
    except circles.NotLocked:
        assert largest == -np.inf
    else:
        assert inscribed.proven
        assert inscribed.radius == pytest.approx(largest, rel=1e-9)


def test_inscribed_circle_of_an_oval_is_proven_global_and_one_of_two_equals():
    angle = np.arange(360) * np.pi / 180
    d = 1000 + 5 * np.cos(2 * angle)
    found = circles.maximum_inscribed(d * np.cos(angle), d * np.sin(angle))
    assert found.proven
    assert found.x > 0  # the mirror image is as large; the one at larger x is taken


def test_several_local_maxima_the_global_one_is_taken():
    # two overlapping discs, the right one larger; the least-squares centre starts in the left one
    angle = np.arange(1, 120) * 2 * np.pi / 120
    left = np.array([-1.0 + np.cos(angle), np.sin(angle)])
    d = 1.1 + 0.002 * np.cos(3 * angle)
    right = np.array([1.2 + d * np.cos(angle), d * np.sin(angle)])
    left, right = left[:, left[0] < 0], right[:, right[0] > 0.1]
    x, y = np.hstack((left, right))
    found = circles.maximum_inscribed(x, y, (-1.0, 0.0))
    assert found.proven
    assert found.x == pytest.approx(1.2, abs=0.01)
    assert found.radius == pytest.approx(1.098, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0, 6.28),
    st.floats(-3, 6),
    st.floats(-1e3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_turning_moving_and_scaling_the_part_does_not_change_its_form(seed, turn, power, right, up):
    x, y = wavy(seed)
    scale = 10.0**power
    c, s = np.cos(turn), np.sin(turn)
    tx, ty = scale * (c * x - s * y + 10 * right), scale * (s * x + c * y + 10 * up)
    for solve in (
        circles.least_squares,
        circles.minimum_zone,
        circles.minimum_circumscribed,
        circles.maximum_inscribed,
    ):
        before, after = solve(x, y), solve(tx, ty)
        # the moved coordinates themselves are rounded at 1e3 radii from the origin
        assert after.deviation == pytest.approx(scale * before.deviation, abs=5e-11 * scale)


def test_multipliers_are_the_certificate():
    x, y = wavy(7, n=2000)
    zone = circles.minimum_zone(x, y)
    assert zone.outer_weights.sum() == pytest.approx(1, abs=1e-14)
    assert zone.inner_weights.sum() == pytest.approx(1, abs=1e-14)
    assert min(zone.outer_weights.min(), zone.inner_weights.min()) >= 0

    def pull(contacts, weights):
        d = np.hypot(x[contacts] - zone.x, y[contacts] - zone.y)
        return weights @ np.column_stack((x[contacts] - zone.x, y[contacts] - zone.y)) / d[0]

    difference = pull(zone.outer_contacts, zone.outer_weights) * zone.outer
    assert difference == pytest.approx(pull(zone.inner_contacts, zone.inner_weights) * zone.outer, abs=1e-3)
    d = np.hypot(x - zone.x, y - zone.y)
    assert d[zone.outer_contacts] == pytest.approx(d.max(), rel=1e-14)
    assert d[zone.inner_contacts] == pytest.approx(d.min(), rel=1e-14)


def test_a_wrong_centre_shows_in_the_residual():
    from recore.metrology.circles.minimum_zone import residual

    normals = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, -1.0]])
    half = np.array([0.5, 0.5])
    good = residual(2.0, 1.0, np.array([2.0, 2.0]), np.array([1.0, 1.0]), *normals, half, half)
    assert good == 0.0
    slack = residual(2.0, 1.0, np.array([2.0, 1.9]), np.array([1.0, 1.0]), *normals, half, half)
    assert slack == pytest.approx(0.1 / 1.5)
    lean = np.array([0.6, 0.4])
    assert residual(
        2.0, 1.0, np.array([2.0, 2.0]), np.array([1.0, 1.0]), *normals, lean, half
    ) == pytest.approx(0.2)
    short = np.array([0.4, 0.4])
    assert residual(
        2.0, 1.0, np.array([2.0, 2.0]), np.array([1.0, 1.0]), *normals, short, half
    ) == pytest.approx(0.2)
    negative = np.array([1.3, -0.3])
    assert residual(2.0, 1.0, np.array([2.0, 2.0]), np.array([1.0, 1.0]), *normals, negative, half) >= 0.3


def test_many_points_in_random_order_give_what_all_points_give():
    x, y = wavy(3, n=20000)
    shuffled = np.random.default_rng(0).permutation(len(x))
    for solve in (circles.minimum_zone, circles.minimum_circumscribed, circles.maximum_inscribed):
        few, other = solve(x, y), solve(x[shuffled], y[shuffled])
        assert few.deviation == pytest.approx(other.deviation, abs=1e-13)
        d = np.hypot(x - few.x, y - few.y)
        assert few.outer == pytest.approx(d.max(), rel=1e-15)
        assert few.inner == pytest.approx(d.min(), rel=1e-15)


def test_duplicates_change_nothing():
    x, y = wavy(11, n=60)
    once, twice = circles.minimum_zone(x, y), circles.minimum_zone(np.tile(x, 2), np.tile(y, 2))
    assert twice.deviation == pytest.approx(once.deviation, abs=1e-14)


def test_few_directions_read_many_times():
    rng = np.random.default_rng(3)
    angle = np.tile(np.arange(8) * np.pi / 4, 5)
    d = 10 + rng.uniform(0, 0.01, 40)
    zone = circles.minimum_zone(d * np.cos(angle), d * np.sin(angle))
    best = min(
        minimize(
            lambda c: np.ptp(np.hypot(d * np.cos(angle) - c[0], d * np.sin(angle) - c[1])),
            rng.normal(0, 0.01, 2),
            method="Nelder-Mead",
            options={"xatol": 1e-13, "fatol": 1e-14, "maxiter": 4000},
        ).fun
        for _ in range(10)
    )
    assert zone.residual < 1e-12
    assert zone.deviation <= best + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_a_thick_ring_is_searched_for_its_global_zone(seed):
    rng = np.random.default_rng(seed)
    angle = np.arange(60) * np.pi / 30 + rng.uniform(-0.03, 0.03, 60)
    d = rng.uniform(1, 1.7, 60)
    x, y = d * np.cos(angle), d * np.sin(angle)
    zone = circles.minimum_zone(x, y)
    grid = np.linspace(-1, 1, 81)
    r = np.hypot(x - grid[:, None, None], y - grid[None, :, None])
    assert zone.deviation <= np.ptp(r, axis=2).min() + 1e-12
    assert zone.proven and zone.residual < 1e-12


def test_a_perfect_circle_has_no_deviation():
    angle = np.arange(1024) * 2 * np.pi / 1024
    x, y = 7 * np.cos(angle) + 3, 7 * np.sin(angle)
    for solve in (
        circles.least_squares,
        circles.minimum_zone,
        circles.minimum_circumscribed,
        circles.maximum_inscribed,
    ):
        found = solve(x, y)
        assert found.deviation < 1e-13
        assert (found.x, found.y) == pytest.approx((3, 0), abs=1e-13)


@pytest.mark.parametrize("solve", [circles.least_squares, circles.minimum_zone])
def test_points_on_a_line_are_no_circle(solve):
    t = np.arange(10.0)
    with pytest.raises(circles.NoCircle):
        solve(1e3 + t, 2 * t)
    with pytest.raises(circles.NoCircle):
        solve(np.ones(5), np.ones(5))


def test_a_line_with_scatter_is_no_circle():
    t = np.linspace(0, 1, 50)
    with pytest.raises(circles.NoCircle):
        circles.least_squares(t, 1e-9 * t * t)


def test_many_points_that_begin_on_a_line_still_find_their_circle():
    # every fourth point, which the start looks at, lies on one line
    angle = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    x, y = np.cos(angle), np.sin(angle)
    x[::4], y[::4] = np.linspace(-0.9, 0.9, 5000), 0.0
    assert circles.least_squares(x, y).radius < 1


def test_half_a_turn_locks_no_inscribed_circle():
    angle = np.linspace(0, np.pi - 0.1, 90)
    with pytest.raises(circles.NotLocked):
        circles.maximum_inscribed(np.cos(angle), np.sin(angle))


def test_zone_of_a_thick_ring_is_flagged_local_or_proven_global():
    rng = np.random.default_rng(2)
    angle = np.linspace(0, np.pi, 30)
    d = 1 + 0.3 * rng.uniform(size=30)
    open_profile = circles.minimum_zone(d * np.cos(angle), d * np.sin(angle))
    assert not open_profile.proven


def test_branch_and_bound_finds_nothing_where_nothing_is():
    best, settled = search(
        None, lambda px, py: -np.hypot(px, py), lambda px, py: None, slope=1.0, centre=(0.0, 0.0), half=1.0,
        points=1, tie=0.0, hopeless=lambda px, py, reach: np.ones(len(px), dtype=bool),
    )  # fmt: skip
    assert best is None and settled
