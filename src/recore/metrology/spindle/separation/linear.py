"""Least squares for each harmonic: readings that are linear combinations of a few unknown motions.

M_p,k = sum over q of H_k[p, q] theta_q,k
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.spindle.gain import gains

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Solver:
    """Estimators of all harmonics of a design; build once, use for any number of records.

    Parameters
    ----------
    rows : (K + 1, P, Q) what one unit of each unknown gives to each reading
    estimator : (K + 1, Q, P) Moore-Penrose inverse (H^H H)^-1 H^H; zero where the harmonic is not observable
    gain : (K + 1, Q) standard deviation of each unknown over that of one reading, infinite where it is lost
    observable : (K + 1,)
    """

    rows: Complexes
    estimator: Complexes
    gain: Floats
    observable: Bools

    def solve(self, readings: Complexes) -> Complexes:
        """Unknowns (..., Q, K + 1) of readings (..., P, K + 1); zero where not observable."""
        found: Complexes = np.einsum("kqp,...pk->...qk", self.estimator, readings)
        return found

    def residual(self, readings: Complexes) -> Complexes:
        """Readings less what the unknowns explain, (..., P, K + 1); zero where not observable."""
        left = readings - np.einsum("kpq,...qk->...pk", self.rows, self.solve(readings))
        return np.where(self.observable, left, 0)


def solver(rows: Complexes, observable: Bools) -> Solver:
    """Estimators from rows (K + 1, P, Q) for those harmonics that are observable.

    The transpose is the conjugate one: the plain transpose of complex rows still gives an unbiased estimate, but not
    the one of least variance.
    """
    count, readings, unknowns = rows.shape
    estimator = np.zeros((count, unknowns, readings), dtype=complex)
    gain = np.full((count, unknowns), np.inf)
    seen = rows[observable]
    adjoint = seen.conj().swapaxes(1, 2)
    covariance = np.linalg.inv(adjoint @ seen)
    estimator[observable] = covariance @ adjoint
    gain[observable] = np.sqrt(np.einsum("kqq->kq", covariance).real)
    return Solver(rows, estimator, gain, observable)


def layout_rows(angles_rad: Floats, max_upr: int) -> Complexes:
    """Rows [cos phi, sin phi, e^(-ik phi)] of probes at the angles, for the unknowns X, Y, R; (K + 1, P, 3)."""
    rows = np.empty((max_upr + 1, len(angles_rad), 3), dtype=complex)
    rows[..., 0], rows[..., 1] = np.cos(angles_rad), np.sin(angles_rad)
    rows[..., 2] = np.exp(-1j * np.arange(max_upr + 1)[:, None] * angles_rad)
    return rows


@dataclass(frozen=True)
class Layout:
    """Probes around an artefact, with the gains of their layout.

    Parameters
    ----------
    angles_rad : (P,) angles of the probes [rad]; those of several records stand one after the other
    solver : for the unknowns X, Y, R
    artefact_gain, spindle_gain : (K + 1,) closed-form gains, infinite where a harmonic is lost
    lost : (K + 1,) harmonics from 2 on that no evaluation can give
    too_noisy : (K + 1,) those whose gain exceeds the limit
    """

    angles_rad: Floats
    solver: Solver
    artefact_gain: Floats
    spindle_gain: Floats
    lost: Bools
    too_noisy: Bools


def layout(angles_rad: Floats, max_upr: int, gain_limit: float) -> Layout:
    """Probes at the angles; harmonics with a gain above the limit are not observable."""
    artefact, spindle = gains(angles_rad, max_upr)
    worst = np.maximum(artefact, spindle)
    beyond = np.isinf(worst)
    beyond[:2] = False
    rows = layout_rows(angles_rad, max_upr)
    return Layout(
        angles_rad=angles_rad,
        solver=solver(rows, worst <= gain_limit),
        artefact_gain=artefact,
        spindle_gain=spindle,
        lost=beyond,
        too_noisy=(worst > gain_limit) & np.isfinite(worst),
    )


def separate_signals(signals: Floats, samples: int, solving: Solver) -> Complexes:
    """The separation alone, of a record in memory: average, transform the mean, solve.

    Parameters
    ----------
    signals : (P, N * samples) whole revolutions
    samples : in each revolution
    solving : estimators up to the largest wanted harmonic

    Returns
    -------
    (Q, K + 1) unknowns, in the unit of the signals; zero where not observable
    """
    turns = signals.reshape(len(signals), -1, samples)
    total = np.add.reduce(turns, axis=1)
    harmonics = np.fft.rfft(total, axis=1)[:, : len(solving.observable)]
    return solving.solve(harmonics) * (2 / (samples * turns.shape[1]))
