"""Closed-form noise gains of probe layouts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.metrology.spindle.gain import gains
from recore.metrology.spindle.separation.linear import layout_rows


@pytest.mark.parametrize(
    ("angles", "upr", "artefact", "spindle"),
    [
        ((0, 99.84, 202.5), 50, 4.91, 6.39),
        ((0, 38, 67), 50, 5.58, 6.93),
        ((0, 38, 67, 180), 50, 5.35, 6.47),
        ((0, 248.846, 307.644), 50, 2.32, 2.84),
        ((0, 66.095, 125.512), 100, 3.12, 3.63),
        ((0, 124.745, 228.986, 274.975), 50, 1.20, 1.49),
        ((0, 34.627, 96.954, 135.036), 100, 1.47, 1.74),
        ((0, 95.747, 169.371, 232.748, 283.478), 100, 0.93, 1.14),
    ],
)
def test_gains_of_published_layouts(
    angles: tuple[float, ...], upr: int, artefact: float, spindle: float
) -> None:
    a, s = gains(np.radians(angles), upr)
    assert a[2:].max() == pytest.approx(artefact, abs=0.02)
    assert s[2:].max() == pytest.approx(spindle, abs=0.02)


@given(st.lists(st.floats(0, 360), min_size=3, max_size=8, unique_by=lambda a: round(a)))
@settings(max_examples=30, deadline=None)
def test_closed_form_is_the_inverse_of_the_normal_matrix(angles: list[float]) -> None:
    phi = np.radians(angles)
    a, s = gains(phi, 40)
    rows = layout_rows(phi, 40)
    for k in np.flatnonzero(np.maximum(a, s) < 100):
        h = rows[k]
        covariance = np.linalg.inv(h.conj().T @ h)
        assert a[k] == pytest.approx(np.sqrt(covariance[2, 2].real), rel=1e-6)
        psi = np.linspace(0, np.pi, 721)
        d = np.stack((np.cos(psi), np.sin(psi)))
        worst = np.sqrt(np.einsum("id,ij,jd->d", d, covariance[:2, :2], d).real.max())
        assert s[k] == pytest.approx(worst, rel=1e-4)


def test_harmonics_zero_and_one_are_never_observable() -> None:
    for angles in ((0, 99.84, 202.5), (0, 34.6, 97, 135, 200)):
        a, s = gains(np.radians(angles), 10)
        assert np.isinf(a[:2]).all() and np.isinf(s[:2]).all()
        assert np.isfinite(a[2:]).all()


def test_thirds_of_a_turn_lose_all_but_every_third_harmonic() -> None:
    a, s = gains(np.radians([0, 120, 240]), 30)
    k = np.arange(31)
    given_ones = (k % 3 == 0) & (k > 1)
    assert (np.isfinite(a) == given_ones).all() and (np.isfinite(s) == given_ones).all()
    assert a[3] == pytest.approx(1 / np.sqrt(3)) and s[3] == pytest.approx(np.sqrt(2 / 3))


def test_right_angles_lose_every_odd_harmonic() -> None:
    a, _ = gains(np.radians([0, 90, 180]), 20)
    assert (np.isfinite(a[2:]) == (np.arange(2, 21) % 2 == 0)).all()


@pytest.mark.parametrize("angles", [(0,), (0, 90), (10, 10, 200), (0, 180, 0)])
def test_less_than_three_angles_lose_everything(angles: tuple[float, ...]) -> None:
    a, s = gains(np.radians(angles), 20)
    assert np.isinf(a).all() and np.isinf(s).all()
