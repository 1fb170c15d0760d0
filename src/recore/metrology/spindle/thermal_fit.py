"""Time constants of a warming machine: one or two exponentials, or none, by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST = 400  # block means that a fit is made with
_CLEARLY = 4.0  # difference of AICc
_LEVEL = 0.01  # of the F-test
_SEEN = 3.0  # standard uncertainties
_LOOSEST = 0.5  # U(τ) / τ
_APART = 2.0  # ratio of two time constants
_SHORT, _LONG = 0.005, 20.0  # of the record


@dataclass(frozen=True)
class Exponentials:
    """x(t) = c + Σ a_i (1 − exp(−t/τ_i)), t from the start of the record.

    Parameters
    ----------
    tau : (k,) time constants [min], the one of the largest amplitude first
    tau_u : (k,) their standard uncertainties [min]
    amplitude : (k,) a_i
    offset : c
    sigma : standard uncertainty of a block mean, widened for correlated residuals
    minutes, values : (n,) the block means
    aicc : of a straight line, one and two exponentials, in this order
    """

    tau: tuple[float, ...]
    tau_u: tuple[float, ...]
    amplitude: tuple[float, ...]
    offset: float
    sigma: float
    minutes: Floats
    values: Floats
    aicc: tuple[float, ...]

    def at(self, minutes: Floats) -> Floats:
        """The fitted curve."""
        drawn = np.full_like(minutes, self.offset)
        for tau, amplitude in zip(self.tau, self.amplitude, strict=True):
            drawn += amplitude * -np.expm1(-minutes / tau)
        return drawn


class NotSeen(Exception):
    """The record shows no time constant; the text says why."""


def block_means(minutes: Floats, values: Floats, most: int = _MOST) -> tuple[Floats, Floats]:
    """Means of consecutive readings, at most so many."""
    if len(minutes) <= most:
        return minutes, values
    edges = np.linspace(0, len(minutes), most + 1).astype(np.intp)
    count = np.diff(edges)
    return np.add.reduceat(minutes, edges[:-1]) / count, np.add.reduceat(values, edges[:-1]) / count


def exponentials(minutes: Floats, values: Floats) -> Exponentials:
    """The simplest of straight line, one and two exponentials that the record asks for.

    A second exponential wants a better AICc by 4, an F-test at 1 % on the number of independent residuals, time
    constants apart by a factor of 2, and amplitudes of three standard uncertainties.

    Raises
    ------
    NotSeen : too few readings; a straight line does as well; the amplitude drowns in noise; or the record is too short
        (time constant beyond its length, or U above half of it)

    References
    ----------
    Variable projection: Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413. AICc: Hurvich and Tsai, Biometrika 76
    (1989) 297.
    """
    t, x = block_means(minutes - minutes[0], values)
    n, span = len(t), float(t[-1] - t[0])
    if n < 12:
        raise NotSeen(f"{n} readings are too few for a time constant; at least 12 are wanted")
    one = _refined(t, x, _best_single(t, x, span), span)
    two = _refined(t, x, _best_pair(t, x, span), span)
    line = x - np.polynomial.polynomial.Polynomial.fit(t, x, 1)(t)
    rss = (float(line @ line), one[1], two[1])
    floor = n * (1e-12 * max(float(np.ptp(x)), 1e-12)) ** 2
    aicc = tuple(_aicc(max(r, floor), n, k) for r, k in zip(rss, (3, 4, 6), strict=True))
    if aicc[0] - aicc[1] < _CLEARLY:
        raise NotSeen("a straight line describes the record as well as an exponential: it shows no bend")
    single = _stated(t, x, one[0], aicc)
    if abs(single.amplitude[0]) < _SEEN * single.sigma:
        raise NotSeen("the drift does not stand out of the noise")
    if aicc[1] - aicc[2] > _CLEARLY and rss[1] > floor:
        pair = _stated(t, x, two[0], aicc)
        if _both_there(pair, rss, n, span):
            return pair
    if single.tau[0] > span:
        raise NotSeen(
            f"the record of {span:.3g} min is too short: the time constant would be {single.tau[0]:.3g} min"
        )
    if 2 * single.tau_u[0] > _LOOSEST * single.tau[0]:
        raise NotSeen(f"U of the time constant would be {2 * single.tau_u[0] / single.tau[0]:.0%} of it")
    return single


def simulated_tau(fit: Exponentials, trials: int, seed: int) -> Floats | None:
    """Time constants of one exponential under fresh noise, every trial fitted again; None where there are two.

    The sum of squares is projected on a grid of time constants for all trials at once, and its lowest point
    interpolated by a parabola.
    """
    if len(fit.tau) != 1 or trials < 1:
        return None
    t = fit.minutes
    reach = max(8 * fit.tau_u[0] / fit.tau[0], 1e-6)
    grid = fit.tau[0] * np.exp(np.linspace(-min(reach, 2.0), min(reach, 2.0), 41))
    bases = np.stack([_basis(t, tau) for tau in grid])
    curve = fit.at(t)
    noise = np.random.default_rng(seed).standard_normal((len(t), trials)) * fit.sigma
    drawn = curve[:, None] + noise
    captured = ((bases.transpose(0, 2, 1) @ drawn) ** 2).sum(axis=1)
    best = np.clip(captured.argmax(axis=0), 1, len(grid) - 2)
    column = np.arange(trials)
    low, mid, high = (captured[best + k, column] for k in (-1, 0, 1))
    bend = low - 2 * mid + high
    shift = np.where(bend < 0, 0.5 * (low - high) / np.where(bend < 0, bend, -1.0), 0.0)
    step = float(np.log(grid[1] / grid[0]))
    found: Floats = grid[best] * np.exp(np.clip(shift, -1, 1) * step)
    return found


def _basis(t: Floats, *taus: float) -> Floats:
    columns = [np.ones_like(t), *(-np.expm1(-t / tau) for tau in taus)]
    return np.linalg.qr(np.column_stack(columns))[0]


def _shapes(t: Floats, grid: Floats) -> Floats:
    """1 − exp(−t/τ) less its mean, for each time constant of a grid."""
    shapes = -np.expm1(-t[None, :] / grid[:, None])
    shapes -= shapes.mean(axis=1, keepdims=True)
    return shapes


def _best_single(t: Floats, x: Floats, span: float) -> tuple[float]:
    grid = np.geomspace(max(_SHORT * span, float(np.diff(t).min())), _LONG * span, 80)
    shapes = _shapes(t, grid)
    captured = (shapes @ (x - x.mean())) ** 2 / (shapes**2).sum(axis=1)
    return (float(grid[int(np.argmax(captured))]),)


def _best_pair(t: Floats, x: Floats, span: float) -> tuple[float, float]:
    grid = np.geomspace(max(_SHORT * span, float(np.diff(t).min())), 3 * span, 28)
    centred = x - x.mean()
    shapes = _shapes(t, grid)
    gram, right = shapes @ shapes.T, shapes @ centred
    own = np.diag(gram)
    i, j = np.triu_indices(len(grid), 2)
    det = own[i] * own[j] - gram[i, j] ** 2
    safe = det > 1e-9 * own[i] * own[j]
    captured = (
        own[j] * right[i] ** 2 + own[i] * right[j] ** 2 - 2 * gram[i, j] * right[i] * right[j]
    ) / np.where(safe, det, np.inf)
    best = int(captured.argmax())
    return float(grid[i[best]]), float(grid[j[best]])


def _refined(t: Floats, x: Floats, start: tuple[float, ...], span: float) -> tuple[tuple[float, ...], float]:
    """Time constants of the least sum of squares near a start, and that sum."""
    from scipy.optimize import least_squares

    def left(at: Floats) -> Floats:
        q = _basis(t, *np.exp(at))
        rest: Floats = x - q @ (q.T @ x)
        return rest

    low, high = np.log(1e-3 * span), np.log(100 * span)
    found = least_squares(
        left, np.clip(np.log(start), low + 1e-6, high - 1e-6), bounds=(low, high), xtol=1e-10, ftol=1e-13
    )
    return tuple(float(tau) for tau in np.exp(found.x)), float(found.fun @ found.fun)


def _aicc(rss: float, n: int, k: int) -> float:
    return n * float(np.log(rss / n)) + 2 * k + 2 * k * (k + 1) / max(1, n - k - 1)


def _stated(t: Floats, x: Floats, taus: tuple[float, ...], aicc: tuple[float, ...]) -> Exponentials:
    shapes = [np.ones_like(t), *(-np.expm1(-t / tau) for tau in taus)]
    linear = np.column_stack(shapes)
    weights = np.linalg.lstsq(linear, x, rcond=None)[0]
    left = x - linear @ weights
    bends = [-a * t / tau**2 * np.exp(-t / tau) for a, tau in zip(weights[1:], taus, strict=True)]
    jacobian = np.column_stack([linear, *bends])
    alike = float(left[1:] @ left[:-1] / (left @ left)) if float(left @ left) > 0 else 0.0
    alike = min(max(alike, 0.0), 0.99)
    widened = (1 + alike) / (1 - alike)
    variance = float(left @ left) / max(1, len(t) - jacobian.shape[1]) * widened
    size = np.linalg.norm(jacobian, axis=0)
    size[size == 0] = 1.0
    covariance = np.linalg.pinv((jacobian / size).T @ (jacobian / size), hermitian=True) / np.outer(
        size, size
    )
    u = np.sqrt(np.maximum(np.diag(covariance) * variance, 0.0))
    order = np.argsort(-np.abs(weights[1:]), kind="stable")
    k = len(taus)
    return Exponentials(
        tuple(float(taus[i]) for i in order),
        tuple(float(u[1 + k + i]) for i in order),
        tuple(float(weights[1 + i]) for i in order),
        float(weights[0]),
        float(np.sqrt(variance)),
        t,
        x,
        aicc,
    )


def _both_there(pair: Exponentials, rss: tuple[float, ...], n: int, span: float) -> bool:
    from scipy.special import betainc

    fast, slow = sorted(pair.tau)
    plain = float(np.sqrt(rss[2] / max(1, n - 5)))
    independent = n * min(1.0, (plain / pair.sigma) ** 2) if pair.sigma > 0 else float(n)
    free = max(1.0, independent - 5)
    ratio = (rss[1] - rss[2]) / 2 / max(rss[2] / free, 1e-300)
    return (
        slow > _APART * fast
        and slow <= span
        and all(2 * u <= _LOOSEST * tau for u, tau in zip(pair.tau_u, pair.tau, strict=True))
        and min(abs(a) for a in pair.amplitude) > _SEEN * pair.sigma
        and float(betainc(free / 2, 1.0, free / (free + 2 * ratio))) < _LEVEL
    )
