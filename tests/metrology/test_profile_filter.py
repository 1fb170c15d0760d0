"""Gaussian filter of a closed profile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.metrology.profile_filter import (
    ALPHA,
    NotFilterable,
    evened,
    gaussian_filter,
    transmission,
)
from recore.metrology.reading_noise import noise_of_record


def test_constant_and_transmission_of_the_standard():
    assert pytest.approx(0.469719, abs=5e-7) == ALPHA
    for cutoff in (15, 50, 150, 500, 1500):
        assert transmission(cutoff, cutoff) == pytest.approx(0.5, abs=1e-15)
    assert transmission(0, 50) == 1


@given(st.integers(0, 60), st.sampled_from([15.0, 50.0]), st.floats(0, 6.28))
def test_each_undulation_keeps_its_share_and_its_phase(k, cutoff, phase):
    angle = np.arange(720) * 2 * np.pi / 720
    wave = np.cos(k * angle + phase)
    assert gaussian_filter(wave, cutoff) == pytest.approx(float(transmission(k, cutoff)) * wave, abs=1e-13)


def test_the_filter_is_the_convolution_with_the_gaussian():
    rng = np.random.default_rng(1)
    n, cutoff = 700, 20
    values = rng.normal(size=n)
    length = 2 * np.pi / cutoff
    distance = (np.arange(n) + n // 2) % n - n // 2
    weight = (
        np.exp(-np.pi * (distance * 2 * np.pi / n / (ALPHA * length)) ** 2) / (ALPHA * length) * 2 * np.pi / n
    )
    direct = np.array([weight[(np.arange(n) - i) % n] @ values for i in range(n)])
    assert gaussian_filter(values, cutoff) == pytest.approx(direct, abs=1e-12)


def test_fewer_than_seven_readings_per_undulation_are_refused():
    gaussian_filter(np.zeros(350), 50)
    with pytest.raises(NotFilterable, match="at least 350"):
        gaussian_filter(np.zeros(349), 50)


def test_uneven_angles_are_read_off_a_spline():
    rng = np.random.default_rng(4)
    n = 1024
    angle = (np.arange(n) + rng.uniform(-0.3, 0.3, n)) * 2 * np.pi / n + 5
    order = rng.permutation(n)

    def form(t):
        return np.cos(2 * t) + 0.2 * np.sin(30 * t)

    even = evened(angle[order], form(angle[order]), 50)
    assert even.interpolated > 0.1
    assert np.diff(even.angle_rad) == pytest.approx(2 * np.pi / n)
    assert even.deviation == pytest.approx(form(even.angle_rad), abs=2e-4)


def test_even_angles_are_left_alone():
    angle = np.arange(360) * np.pi / 180
    values = np.random.default_rng(0).normal(size=360)
    even = evened(angle - 7, values, 50)
    assert even.interpolated == 0.0
    assert sorted(even.deviation) == sorted(values)


def test_a_closing_reading_and_a_second_revolution_are_averaged():
    angle = np.radians(np.arange(361))
    values = np.cos(2 * angle)
    values[-1] += 1
    once = evened(angle, values, 50)
    assert once.merged == 1 and len(once.deviation) == 360
    assert once.deviation.max() == pytest.approx(1.5)
    almost = evened(np.r_[0, angle[1:-1], -1e-12], values, 50)
    assert almost.merged == 1
    twice = evened(np.r_[angle[:-1], angle[:-1] + 2 * np.pi], np.r_[np.ones(360), 3 * np.ones(360)], 50)
    assert twice.merged == 360 and np.all(twice.deviation == 2)


def test_an_open_profile_is_refused():
    with pytest.raises(NotFilterable, match="gap of 90"):
        evened(np.linspace(0, 1.5 * np.pi, 2000), np.zeros(2000), 50)


def test_noise_of_a_record_is_found_under_its_form():
    rng = np.random.default_rng(8)
    angle = np.arange(2048) * 2 * np.pi / 2048
    form = 1e4 + 30 * np.cos(angle) + 3 * np.cos(2 * angle) + 0.5 * np.cos(700 * angle)
    found = noise_of_record(angle, form + rng.normal(0, 0.02, 2048))
    assert found == pytest.approx(0.02, rel=0.1)
    closed = np.r_[angle, 2 * np.pi], np.r_[form, form[0]] + rng.normal(0, 0.02, 2049)
    assert noise_of_record(*closed) == pytest.approx(0.02, rel=0.1)
    nearly = np.r_[angle, -1e-14], closed[1]
    assert noise_of_record(*nearly) == pytest.approx(0.02, rel=0.1)


def test_noise_that_a_record_does_not_show_is_not_guessed():
    rng = np.random.default_rng(8)
    angle = np.arange(1024) * 2 * np.pi / 1024
    noisy = 1e4 + rng.normal(0, 0.02, 1024)
    assert noise_of_record(angle[:100], noisy[:100]) is None  # too few
    assert noise_of_record(angle / 2, noisy) is None  # open
    assert noise_of_record(angle + 1e-2 * rng.uniform(size=1024), noisy) is None  # uneven
    assert noise_of_record(angle, 1e4 + gaussian_filter(noisy - 1e4, 100)) is None  # smoothed
    assert noise_of_record(angle, 1e4 + np.cos(2 * angle)) is None  # no noise at all
