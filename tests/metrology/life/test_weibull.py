"""Weibull life: published sets, lifelines, coverage of the intervals, what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.life.weibull import life_weibull
from recore.metrology.life.weibull_fit import calibration, concordance, fit_weibull


def sample(seed: int, n: int = 400, shape: float = 1.8, k: int = 2) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k)) * np.array([1.0, 30.0])[:k]
    scale = np.exp(7.0 + x @ np.array([-0.4, 0.01])[:k])
    life = scale * rng.weibull(shape, n)
    entry = np.where(rng.random(n) < 0.3, rng.uniform(0, 400, n), 0.0)
    watched = life > entry
    life, x, entry = life[watched], x[watched], entry[watched]
    end = entry + rng.uniform(200, 3000, len(life))
    return np.minimum(life, end), life <= end, x, entry


def test_the_parameters_are_those_of_lifelines() -> None:
    """With its optimiser driven to the end; its default stops at 1e-4."""
    lifelines = pytest.importorskip("lifelines")
    import pandas as pd

    time, failed, x, entry = sample(1)
    frame = pd.DataFrame({"t": time, "e": failed, "a": x[:, 0], "b": x[:, 1], "w": entry})
    theirs = lifelines.WeibullAFTFitter(penalizer=0.0)
    theirs._scipy_fit_method = "BFGS"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(frame, "t", "e", entry_col="w", fit_options={"gtol": 1e-9, "maxiter": 5000})
        plain = lifelines.WeibullFitter().fit(time, failed, entry=entry)
    ours = fit_weibull(time, failed, x, entry)
    told = theirs.params_
    assert ours.beta == pytest.approx(
        [told["lambda_", "Intercept"], told["lambda_", "a"], told["lambda_", "b"]], rel=1e-6
    )
    assert np.log(ours.shape) == pytest.approx(told["rho_", "Intercept"], rel=1e-6)
    assert ours.log_likelihood >= theirs.log_likelihood_ - 1e-9
    errors = theirs.standard_errors_
    assert np.sqrt(np.diag(ours.covariance)[[1, 2, 0, 3]]) == pytest.approx(
        [
            errors["lambda_", "a"],
            errors["lambda_", "b"],
            errors["lambda_", "Intercept"],
            errors["rho_", "Intercept"],
        ],
        rel=1e-4,
    )
    assert concordance(time, failed, ours.scales(x)) == pytest.approx(
        lifelines.utils.concordance_index(time, ours.scales(x), failed), abs=1e-12
    )
    bare = fit_weibull(time, failed, np.empty((len(time), 0)), entry)
    assert (bare.scale, bare.shape) == pytest.approx((plain.lambda_, plain.rho_), rel=1e-6)
    assert bare.log_likelihood >= plain.log_likelihood_ - 1e-9


def test_a_shape_of_one_is_total_time_over_failures() -> None:
    """Exponential lives by hand: λ = Σt/r is the maximum along ρ = 1, so the gradient there is that of ρ alone."""
    time, failed, _, entry = sample(2, shape=1.0, k=1)
    fit = fit_weibull(time, failed, np.empty((len(time), 0)), entry)
    by_hand = (time - entry).sum() / failed.sum()
    assert fit.scale == pytest.approx(by_hand, rel=0.1)
    assert fit.shape == pytest.approx(1.0, abs=0.15)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 1e4), st.integers(0, 10**6))
def test_another_unit_of_time_changes_the_scale_alone(factor: float, seed: int) -> None:
    time, failed, x, entry = sample(seed, n=120)
    one, other = fit_weibull(time, failed, x, entry), fit_weibull(time * factor, failed, x, entry * factor)
    assert other.shape == pytest.approx(one.shape, rel=1e-7)
    assert other.scale == pytest.approx(one.scale * factor, rel=1e-7)
    assert other.beta[1:] == pytest.approx(one.beta[1:], rel=1e-6, abs=1e-9)


def test_the_intervals_cover() -> None:
    """400 sets with censoring and late entry: 95 % intervals of ρ and of an effect."""
    inside = np.zeros(2)
    for seed in range(400):
        time, failed, x, entry = sample(seed, n=250)
        fit = fit_weibull(time, failed, x, entry)
        error = np.sqrt(np.diag(fit.covariance))
        inside += (
            abs(np.log(fit.shape / 1.8)) <= 1.96 * error[-1],
            abs(fit.beta[1] + 0.4) <= 1.96 * error[1],
        )
    assert np.all((inside / 400 > 0.92) & (inside / 400 < 0.98)), inside / 400


def test_calibration_is_uniform_for_a_true_model_and_small_for_a_wrong_one() -> None:
    values = []
    for seed in range(60):
        time, failed, x, entry = sample(seed, n=300)
        fit = fit_weibull(time, failed, x, entry)
        values.append(calibration(fit, time, failed, fit.scales(x), entry))
    assert np.mean(np.array(values) < 0.05) <= 0.1
    rng = np.random.default_rng(4)
    two_humps = np.concatenate([rng.normal(100, 3, 300), rng.normal(900, 3, 300)])
    none = np.empty((600, 0))
    wrong = fit_weibull(two_humps, np.ones(600, bool), none, np.zeros(600))
    assert calibration(wrong, two_humps, np.ones(600, bool), wrong.scales(none), np.zeros(600)) < 1e-6


@pytest.mark.parametrize(
    ("time", "failed", "x", "code"),
    [
        ([1.0, 2.0, 3.0], [0, 0, 0], None, "too-few-failures"),
        ([5.0] * 6, [1] * 6, None, "no-maximum"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [1] * 5, [2.0] * 5, "constant-covariate"),
    ],
)
def test_what_cannot_be_told_is_refused(time: Any, failed: Any, x: Any, code: str) -> None:
    covariates = np.empty((len(time), 0)) if x is None else np.array(x)[:, None]
    with pytest.raises(Refusal) as refused:
        fit_weibull(np.array(time), np.array(failed, bool), covariates, np.zeros(len(time)))
    assert refused.value.code == code


def test_covariates_that_say_the_same_are_refused() -> None:
    time, failed, x, entry = sample(5)
    with pytest.raises(Refusal, match="say the same"):
        fit_weibull(time, failed, np.column_stack([x, x[:, 0] * 2 + 1]), entry)


def test_groups_are_fitted_apart_and_one_refusal_spoils_no_other(recore: Any, tmp_path: Any) -> None:
    time, failed, x, _ = sample(6)
    rows = ["age_min,failed,kind,load"]
    rows += [
        f"{t * 60!r},{int(f)},leg,{v!r}"
        for t, f, v in zip(time.tolist(), failed, x[:, 0].tolist(), strict=True)
    ]
    rows += ["600,0,hose,1", "1200,0,hose,2"]
    path = tmp_path / "lives.csv"
    path.write_text("\n".join(rows))
    ended = recore(
        "run",
        "life.weibull",
        path,
        "-p",
        "group=kind",
        "-p",
        'covariates=["load"]',
        "--json",
        "--out",
        tmp_path / "o",
    )
    assert ended.status == 0
    assert [note["code"] for note in ended.json["refusals"]] == ["too-few-failures"]
    assert "hose" in ended.json["refusals"][0]["text"]
    direct = fit_weibull(time, failed, x[:, :1], np.zeros(len(time)))
    assert f'"leg","shape",{direct.shape:.6f}' in (tmp_path / "o" / "life.csv").read_text()
    severe = (tmp_path / "o" / "components.csv").read_text().splitlines()
    assert len(severe) == len(rows)
    assert severe[-1].endswith(",,")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"age_h": [1.0, -2.0], "failed": [1, 1]}, "age_h"),
        ({"age_h": [1.0, 2.0], "failed": [1, 2]}, "failed"),
        ({"age_h": [1.0, 2.0], "failed": [1, 1], "entry_h": [0.0, 2.0]}, "entry_h"),
        ({"age_h": [1.0, 2.0]}, "failed"),
    ],
)
def test_bad_rows_are_named(columns: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        life_weibull(Table.of(columns), entry="entry_h" in columns)


def test_one_group_states_its_parameters_and_draws() -> None:
    time, failed, _, entry = sample(7)
    found = life_weibull(
        Table.of({"age_h": time, "failed": failed.astype(int), "entry_h": entry}), entry=True
    )
    assert found.shape is not None
    assert found.scale is not None
    assert found.b10 is not None
    assert found.b10.value == pytest.approx(found.scale.value * (-np.log(0.9)) ** (1 / found.shape.value))
    assert life_weibull.draw is not None
    assert life_weibull.draw(found).to_dict()["layer"]
