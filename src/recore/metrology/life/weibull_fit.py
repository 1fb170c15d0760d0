"""Weibull life with censoring, late entry and covariates: maximum likelihood by Newton's method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.method import Refusal

Vector = NDArray[np.float64]

_STEPS = 100
_HALVINGS = 60
# relative to the number of failures
_FLAT = 1e-11
_MOST_PAIRS = 4_000_000


@dataclass(frozen=True)
class WeibullFit:
    """Survival S(t) = exp(-(t/λ)^ρ) with λ = exp(β·x), x[0] = 1 (accelerated failure time).

    `beta` : [1 + covariates]; `shape` : ρ; `covariance` : of (β, ln ρ), inverse of the observed information;
    `log_likelihood` : at the maximum
    """

    beta: Vector
    shape: float
    covariance: Vector
    log_likelihood: float

    @property
    def scale(self) -> float:
        """λ where all covariates are 0."""
        return math.exp(self.beta[0])

    def scales(self, covariates: Vector) -> Vector:
        """λ of each row of covariates [n, k]."""
        found: Vector = np.exp(self.beta[0] + covariates @ self.beta[1:])
        return found


def fit_weibull(time: Vector, failed: NDArray[np.bool_], covariates: Vector, entry: Vector) -> WeibullFit:
    """Maximum likelihood.

    Parameters
    ----------
    time : age at failure or at the last look, > 0 [n]
    failed : whether it failed then [n]; else it is censored: it lives on
    covariates : [n, k], k may be 0
    entry : age at which it came under observation, 0 ≤ entry < time [n] (left truncation)

    Raises
    ------
    Refusal : no failure, fewer failures than parameters, covariates that say the same, or a likelihood
        without a maximum (all failures at one age)

    References
    ----------
    J. D. Kalbfleisch, R. L. Prentice: The Statistical Analysis of Failure Time Data, 2nd ed., Wiley 2002,
    sections 2.2 and 3.2 (likelihood with censoring and left truncation), 7.2 (accelerated failure time).
    """
    n, k = covariates.shape
    deaths = int(np.count_nonzero(failed))
    if deaths < max(2, k + 2):
        raise Refusal(
            "too-few-failures",
            f"{deaths} failure(s) of {n}; at least {max(2, k + 2)} are wanted for {k + 2} parameters",
        )
    # well scaled columns, so that one rule of convergence fits all; turned back at the end
    middle, spread = covariates.mean(axis=0), covariates.std(axis=0)
    if np.any(spread == 0.0):
        raise Refusal("constant-covariate", "a covariate has one value only: it explains nothing")
    x = np.column_stack([np.ones(n), (covariates - middle) / spread])
    if np.linalg.matrix_rank(x) < k + 1:
        raise Refusal(
            "same-covariates", "covariates say the same as others: their effects cannot be told apart"
        )
    log_t = np.log(time)
    with np.errstate(divide="ignore"):
        log_0 = np.log(entry)
    late = entry > 0.0
    event = failed.astype(np.float64)

    def look(theta: Vector) -> tuple[float, Vector, Vector]:
        beta, rho = theta[:-1], math.exp(min(theta[-1], 50.0))
        fixed = x @ beta
        z = rho * (log_t - fixed)
        with np.errstate(over="ignore", invalid="ignore"):
            hazard = np.exp(z)
            value = float(event @ (theta[-1] + z - log_t) - hazard.sum())
            gradient, curvature = _pieces(x, z, rho, event - hazard, hazard)
            gradient[-1] += event.sum()
            if late.any():
                z0 = rho * (log_0[late] - fixed[late])
                before = np.exp(z0)
                value += float(before.sum())
                more, less = _pieces(x[late], z0, rho, before, -before)
                gradient, curvature = gradient + more, curvature + less
        return value, gradient, curvature

    theta = np.zeros(k + 2)
    theta[0] = math.log(float(np.sum(time - entry)) / deaths)
    value, gradient, curvature = look(theta)
    for _ in range(_STEPS):
        if float(np.abs(gradient).max()) <= _FLAT * deaths:
            break
        step = _uphill(curvature, gradient)
        for halving in range(_HALVINGS):
            tried = theta + step * 0.5**halving
            there = look(tried)
            if math.isfinite(there[0]) and there[0] >= value - 1e-12 * abs(value):
                break
        else:
            break
        moved = float(np.abs(tried - theta).max())
        theta, (value, gradient, curvature) = tried, there
        if moved < 1e-15:
            break
    if theta[-1] > 12.0 or float(np.abs(gradient).max()) > 1e-6 * deaths:
        raise Refusal(
            "no-maximum", "the likelihood has no maximum: the failures all lie at (nearly) one age, or a covariate "
            "tells failures from survivors without error"
        )  # fmt: skip
    covariance = np.linalg.inv(-curvature)
    # back to the covariates as they were given
    turn = np.eye(k + 2)
    turn[0, 1 : k + 1] = -middle / spread
    turn[range(1, k + 1), range(1, k + 1)] = 1.0 / spread
    return WeibullFit((turn @ theta)[:-1], math.exp(theta[-1]), turn @ covariance @ turn.T, value)


def _pieces(x: Vector, z: Vector, rho: float, first: Vector, second: Vector) -> tuple[Vector, Vector]:
    """Gradient and curvature of Σ f(z) with f' = first and f'' = -second, by (β, ln ρ)."""
    slope = np.column_stack([-rho * x, z])
    gradient = slope.T @ first
    curvature = -(slope * second[:, None]).T @ slope
    mixed = -rho * (x.T @ first)
    curvature[:-1, -1] += mixed
    curvature[-1, :-1] += mixed
    curvature[-1, -1] += first @ z
    return gradient, curvature


def _uphill(curvature: Vector, gradient: Vector) -> Vector:
    """Newton's step, bent until it goes up."""
    identity = np.eye(len(gradient)) * float(np.abs(np.diag(curvature)).max())
    for bend in (0.0, 1e-6, 1e-4, 1e-2, 1.0, 1e2):
        try:
            np.linalg.cholesky(-curvature + bend * identity)
        except np.linalg.LinAlgError:
            continue
        return np.asarray(np.linalg.solve(-curvature + bend * identity, gradient), np.float64)
    return gradient / float(np.abs(gradient).max())


def concordance(time: Vector, failed: NDArray[np.bool_], expected: Vector) -> float | None:
    """Harrell's C: of the pairs whose order is known, the share told in the right order (a tie counts half).

    Two failures at one age have no order and are no pair.

    None where no pair can be compared, or where there are too many pairs (failures × rows > 4 million).
    """
    deaths = np.flatnonzero(failed)
    if not len(deaths) or len(deaths) * len(time) > _MOST_PAIRS:
        return None
    t, e = time[deaths, None], expected[deaths, None]
    # known: the other lived longer, or was censored at the same age
    known = (time[None, :] > t) | ((time[None, :] == t) & ~failed[None, :])
    right = np.where(expected[None, :] > e, 1.0, np.where(expected[None, :] == e, 0.5, 0.0))
    pairs = int(np.count_nonzero(known))
    return float(right[known].sum() / pairs) if pairs else None


def calibration(
    fit: WeibullFit, time: Vector, failed: NDArray[np.bool_], scales: Vector, entry: Vector
) -> float:
    """p-value of D-calibration: ten equal bins of the survival at failure must fill equally.

    A censored life is shared out over the bins below its survival.

    References
    ----------
    H. Haider, B. Hoehn, S. Davis, R. Greiner: Effective ways to build and evaluate individual survival
    distributions, Journal of Machine Learning Research 21 (2020) 1-63, section 3.5.
    """
    from scipy.stats import chi2

    s = np.exp(-((time / scales) ** fit.shape - (entry / scales) ** fit.shape))
    edges = np.linspace(0.0, 1.0, 11)
    filled: Any = np.histogram(s[failed], edges)[0].astype(np.float64)
    alive = s[~failed]
    if len(alive):
        low, high = edges[:-1][None, :], edges[1:][None, :]
        share = (np.clip(alive[:, None], low, high) - low) / np.maximum(alive[:, None], 1e-300)
        filled = filled + share.sum(axis=0)
    expected = len(time) / 10
    return float(chi2.sf(float(np.sum((filled - expected) ** 2 / expected)), 9))
