"""Regression filters: transmission, ends, scratches, and what the errors of readings become."""

from __future__ import annotations

import numpy as np
import pytest

from recore.metrology import profile_filter
from recore.metrology.profile_filter import NotFilterable
from recore.metrology.regression_filter import evened_line, gaussian, robust, robust_transmission

N = 1200
X = np.arange(N)


def test_constants_of_the_standard():
    """One half of the amplitude at the cut-off, for the Gaussian and for the parabola."""
    gamma = 0.7309134280946760  # solves (1 + πγ²) exp(-πγ²) = 1/2
    assert (1 + np.pi * gamma**2) * np.exp(-np.pi * gamma**2) == pytest.approx(0.5, abs=1e-15)
    cost = robust_transmission(0.0, 15.0)
    assert robust_transmission(15.0, 15.0) / cost == pytest.approx(0.5)
    # the biweight's efficiency at three standard deviations, by a vectorised draw
    assert cost == pytest.approx(1.2941**0.5)


@pytest.mark.parametrize("wavelength", [40.0, 80.0, 160.0])
def test_sine_inside_an_open_profile_is_passed_as_on_a_closed_one(wavelength):
    wave = np.sin(2 * np.pi * X / wavelength)
    share = profile_filter.transmission(80.0 / wavelength, 1.0)
    middle = slice(300, 900)
    assert gaussian(wave, 80.0).values[middle] == pytest.approx(share * wave[middle], abs=1e-13)


def test_ends_let_lines_pass_and_the_robust_filter_parabolas():
    line, parabola = 3 + 0.02 * X, 1e-4 * (X - 300.0) ** 2
    assert gaussian(line, 90.0).values == pytest.approx(line, abs=1e-11)
    assert robust(parabola, 90.0, closed=False).values == pytest.approx(parabola, abs=1e-10)


@pytest.mark.parametrize("closed", [True, False])
def test_robust_filter_survives_scratches_where_the_plain_one_does_not(closed):
    rng = np.random.default_rng(1)
    form = 3 * np.cos(2 * np.pi * 3 * X / N)
    clean = form + 0.05 * rng.normal(size=N)
    scratched = clean.copy()
    for first in range(50, N, N // 6):  # six scratches of ten readings: 5 % of all
        scratched[first : first + 10] -= rng.uniform(5, 30)
    step = N / 15
    found = robust(scratched, step, closed=closed)
    assert np.abs(found.values - form).max() < 0.15
    assert (found.weights[50:60] == 0).all()
    plain = profile_filter.gaussian_filter(scratched, 15) if closed else gaussian(scratched, step).values
    assert np.abs(plain - form).max() > 1.0


@pytest.mark.parametrize("n", [301, 300])
@pytest.mark.parametrize("closed", [True, False])
def test_adjoint_carries_sums_back(n, closed):
    rng = np.random.default_rng(n)
    z = rng.normal(size=n)
    z[40:45] += 30
    found = robust(z, 40.0, closed=closed)
    a, b = rng.normal(size=n), rng.normal(size=(3, n))
    assert found.again(z) == pytest.approx(found.values, abs=1e-12)
    assert found.again(b) @ a == pytest.approx(b @ found.adjoint(a), abs=1e-11)


def test_noise_through_the_robust_filter_is_what_its_transmission_says():
    rng = np.random.default_rng(2)
    n, cutoff = 1024, 15
    noisy = rng.normal(size=(60, n))
    rms = np.sqrt(np.mean([robust(z, n / cutoff, closed=True).values ** 2 for z in noisy]))
    share = robust_transmission(np.arange(n // 2 + 1.0), cutoff) ** 2
    assert rms == pytest.approx(np.sqrt((2 * share.sum() - share[0]) / n), rel=0.12)


def test_uneven_places_are_interpolated_and_coinciding_ones_averaged():
    rng = np.random.default_rng(3)
    place = X + rng.uniform(-0.3, 0.3, N)
    place[7] = place[8]
    even = evened_line(place[::-1], np.sin(place / 90)[::-1], 80.0)
    assert even.merged == 1
    assert 0.1 < even.interpolated < 3
    assert even.deviation == pytest.approx(np.sin(even.position / 90), abs=1e-6)


@pytest.mark.parametrize(
    ("place", "cutoff", "word"),
    [
        (np.arange(50.0), 60.0, "shorter"),
        (np.arange(100.0), 3.0, "without readings"),
        (np.delete(np.arange(200.0), range(80, 120)), 60.0, "without readings"),
    ],
    ids=["short", "coarse", "gap"],
)
def test_profiles_that_cannot_be_filtered(place, cutoff, word):
    with pytest.raises(NotFilterable, match=word):
        evened_line(place, np.zeros(len(place)), cutoff)


def test_outliers_that_fill_a_cut_off_leave_nothing_to_fit():
    z = np.random.default_rng(1).normal(size=N) * 0.01
    z[400:800] += np.where(X[400:800] % 2, 50.0, -50.0)
    with pytest.raises(NotFilterable, match="outliers"):
        robust(z, 40.0, closed=False)
