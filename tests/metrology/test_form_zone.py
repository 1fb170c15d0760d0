"""Kernels of form: zones known by construction, an independent solver, invariance, points that say too little."""

from __future__ import annotations

import numpy as np
import pytest
from form_truth import known_one_sided, known_zone, rigid
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from recore.metrology import circles
from recore.metrology.form.feature import Cylinder, Flat, NotDetermined, Pose, Scaled, Sphere
from recore.metrology.form.least_squares import least_squares_of
from recore.metrology.form.one_sided import NotLocked, circumscribed, inscribed
from recore.metrology.form.space_line import least_squares_line
from recore.metrology.form.zone import minimum_zone, widest_empty_cone

FEATURES = {"line": Flat(2), "plane": Flat(3), "cylinder": Cylinder(), "sphere": Sphere()}
SIZES = (12, 200, 9000)


def zone_of(feature, points):
    scaled = Scaled.of(points)
    zone = minimum_zone(feature, scaled.points, least_squares_of(feature, scaled.points).pose)
    return zone, scaled.unit


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", FEATURES)
def test_known_zone_multipliers_and_certificate(name, n):
    feature = FEATURES[name]
    rng = np.random.default_rng(n)
    for half in (1e-3, 1e-6):
        points, multipliers = known_zone(feature, n, half, rng)
        zone, unit = zone_of(feature, rigid(points, rng))
        assert zone.width * unit == pytest.approx(2 * half, abs=4e-14)
        assert zone.residual < 1e-13
        assert set(zone.contacts.tolist()) == set(range(feature.unknowns + 1))
        assert zone.multipliers[np.argsort(zone.contacts)] == pytest.approx(multipliers, abs=2e-4 + half)
        assert zone.proven == (name != "cylinder") or n == 12


@pytest.mark.parametrize("name", FEATURES)
def test_no_first_order_gain_is_left_for_another_solver(name):
    """HiGHS on the programme linearised at the pose found: no displacement narrows the zone."""
    feature = FEATURES[name]
    rng = np.random.default_rng(5)
    points, _ = known_zone(feature, 300, 1e-4, rng)
    points = points + 3e-5 * rng.normal(size=points.shape)
    scaled = Scaled.of(rigid(points, rng))
    zone = minimum_zone(feature, scaled.points, least_squares_of(feature, scaled.points).pose)
    rows = feature.rows(zone.pose.local(scaled.points))
    e = (zone.distances - zone.size) / zone.width
    one = np.ones((len(e), 1))
    found = linprog(
        [0] * feature.unknowns + [1],
        np.vstack((np.hstack((-rows, -one)), np.hstack((rows, -one)))),
        np.r_[-e, e],
        bounds=[(None, None)] * (feature.unknowns + 1),
        method="highs",
    )
    assert 2 * found.fun == pytest.approx(1.0, abs=1e-7)
    assert zone.width <= least_squares_of(feature, scaled.points).deviation


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(FEATURES)), st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_rigid_motion_and_scale_change_nothing(name, seed, scale):
    feature = FEATURES[name]
    rng = np.random.default_rng(seed)
    points, _ = known_zone(feature, 60, 1e-3, rng)
    points = points + 2e-4 * rng.normal(size=points.shape)
    zone, unit = zone_of(feature, points)
    moved, moved_unit = zone_of(feature, scale * rigid(points, rng))
    assert moved.width * moved_unit == pytest.approx(scale * zone.width * unit, abs=1e-12 * scale)
    assert max(zone.residual, moved.residual) < 1e-11


@pytest.mark.parametrize("n", SIZES)
def test_known_circumscribed_and_inscribed_cylinders(n):
    rng = np.random.default_rng(n)
    for side, solve in ((1, circumscribed), (-1, inscribed)):
        points, multipliers = known_one_sided(n, 1e-4, side, rng)
        scaled = Scaled.of(rigid(points, rng))
        zone = solve(scaled.points, least_squares_of(Cylinder(), scaled.points).pose)
        assert zone.size * scaled.unit == pytest.approx(0.4 + side * 1e-4, abs=2e-13)
        assert zone.residual < 1e-12
        assert sorted(zone.contacts.tolist()) == [0, 1, 2, 3, 4]
        assert zone.multipliers[np.argsort(zone.contacts)] == pytest.approx(multipliers, abs=1e-3)


def test_circumscribed_cylinder_of_an_oval_has_contacts_on_one_diameter():
    """Few contacts: the curvature of the distance decides, which no linear programme sees."""
    angle, z = np.meshgrid(np.linspace(0, 2 * np.pi, 72, endpoint=False), np.linspace(-1, 1, 5))
    radius = 0.5 + 0.01 * np.cos(2 * angle)
    points = np.column_stack(
        (radius.ravel() * np.cos(angle.ravel()), radius.ravel() * np.sin(angle.ravel()), z.ravel())
    )
    zone = circumscribed(points, Pose(np.array([0.003, -0.004, 0.0]), np.eye(3)))
    assert zone.size == pytest.approx(0.51, abs=1e-12)
    assert zone.residual < 1e-9
    with pytest.raises(NotLocked):  # half of it: it slips out and grows
        half = points[points[:, 0] > 0]
        inscribed(half, Pose(np.zeros(3), np.eye(3)))


def test_narrowest_cylinder_about_a_line_is_no_wider_than_any_other():
    rng = np.random.default_rng(3)
    for seed in range(3):
        points = np.column_stack((0.01 * rng.normal(size=(40, 2)), np.linspace(-1, 1, 40)))
        points = Scaled.of(rigid(points, rng)).points
        start = least_squares_line(points)
        zone = circumscribed(points, start)
        assert zone.residual < 1e-11, seed
        # no direction near is better: distances across any tilted axis, centre by the circle of its projections
        for tilt in 1e-3 * rng.normal(size=(20, 2)):
            q = Pose(zone.pose.origin, zone.pose.turned(tilt)).local(points)
            assert circles.minimum_circumscribed(q[:, 0], q[:, 1]).radius >= zone.size


def test_a_million_points_take_the_same_way():
    rng = np.random.default_rng(8)
    points, _ = known_zone(Flat(3), 400_000, 1e-5, rng)
    zone, unit = zone_of(Flat(3), points)
    assert zone.width * unit == pytest.approx(2e-5, abs=1e-15)


@pytest.mark.parametrize(
    ("feature", "points"),
    [
        (Flat(3), np.outer(np.arange(9.0), [1, 2, 3])),
        (Sphere(), np.column_stack((np.cos(np.arange(20)), np.sin(np.arange(20)), np.zeros(20)))),
        (Sphere(), np.column_stack((np.random.default_rng(1).normal(size=(20, 2)), np.zeros(20)))),
        (Cylinder(), np.column_stack((np.cos(np.arange(20)), np.sin(np.arange(20)), np.zeros(20)))),
        (Cylinder(), np.column_stack((np.random.default_rng(1).normal(size=(20, 2)), np.zeros(20)))),
        (Flat(2), np.ones((5, 2))),
    ],
    ids=["line for a plane", "circle for a sphere", "plane for a sphere", "circle for a cylinder",
         "plane for a cylinder", "one point for a line"],
)  # fmt: skip
def test_points_that_leave_the_feature_free(feature, points):
    with pytest.raises(NotDetermined):
        zone_of(feature, points)


def test_contacts_in_one_row_of_a_grid_are_still_proven():
    """Up, down, up in a row: the plane may turn about it, and the zone hardly knows."""
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-0.7, 0.7, 7))
    z = 1e-5 * np.cos(3 * x) * (np.abs(y) < 0.01)
    z[3, 0] = z[3, 8] = 3e-5
    z[3, 4] = -3e-5
    zone, unit = zone_of(Flat(3), np.column_stack((x.ravel(), y.ravel(), z.ravel())))
    assert zone.width * unit == pytest.approx(6e-5, rel=1e-9)
    assert zone.proven
    assert zone.residual < 1e-9
    wide, _ = zone_of(Flat(3), np.random.default_rng(1).normal(size=(50, 3)))
    assert not wide.proven


def test_a_cap_is_not_proven_and_its_empty_cone_is_wide():
    rng = np.random.default_rng(4)
    away = rng.normal(size=(300, 3))
    away = away[away[:, 2] > 0.3 * np.linalg.norm(away, axis=1)]
    away /= np.linalg.norm(away, axis=1)[:, None]
    zone, _ = zone_of(Sphere(), away * (1 + 1e-5 * rng.uniform(-1, 1, len(away)))[:, None])
    assert not zone.proven
    assert zone.residual < 1e-12
    assert widest_empty_cone(away) > np.pi / 2


@pytest.mark.parametrize("name", ["plane", "cylinder", "sphere", "circumscribed", "inscribed"])
def test_responses_are_derivatives(name):
    """A contact moved by a little moves size and width as response and multipliers say."""
    rng = np.random.default_rng(21)
    side = {"circumscribed": 1, "inscribed": -1}.get(name)
    feature = FEATURES.get(name, Cylinder())
    half, little = 1e-4, 1e-8
    points, _ = known_zone(feature, 60, half, rng) if side is None else known_one_sided(60, half, side, rng)

    def solve(points):
        start = least_squares_of(feature, points).pose
        if side is None:
            return minimum_zone(feature, points, start)
        return circumscribed(points, start) if side > 0 else inscribed(points, start)

    zone = solve(points)
    across = (
        np.zeros_like(points) if name == "plane" else points * ([1, 1, 1] if name == "sphere" else [1, 1, 0])
    )
    if name == "plane":
        across[:, 2] = 1
    across = across / np.linalg.norm(across, axis=1)[:, None]
    upright = zone.pose.frame[-1, -1] > 0
    for j, k in enumerate(zone.contacts):
        moved = points.copy()
        moved[k] += little * across[k] * (1 if upright or name != "plane" else -1)
        again = solve(moved)
        if name != "plane":  # a plane's height counts from an origin that moves with the points
            assert (again.size - zone.size) / little == pytest.approx(zone.response[-1, j], abs=1e-4)
        if side is None:
            change = (again.width - zone.width) / little
            assert change == pytest.approx(2 * zone.multipliers[j] * zone.sides[j], abs=1e-4)
