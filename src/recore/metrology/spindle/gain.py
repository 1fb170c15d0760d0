"""Noise gain of a multi-probe layout, harmonic by harmonic, in closed form.

Probe p at angle phi_p sees m_p(t) = R(t - phi_p) + x(t) cos phi_p + y(t) sin phi_p. For harmonic k the unknowns
X_k, Y_k, R_k have the rows [cos phi_p, sin phi_p, e^(-i k phi_p)]; with H the matrix of these rows, the covariance of
the least-squares solution is (H^H H)^-1 times the variance of one probe's harmonic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_LOST = 1e-12


def gains(angles_rad: ArrayLike, max_upr: int) -> tuple[Floats, Floats]:
    """What noise of one probe becomes in the artefact form and in the spindle motion.

    Parameters
    ----------
    angles_rad : (P,) angles of the probes [rad], P >= 1
    max_upr : largest harmonic K [undulations per revolution]

    Returns
    -------
    artefact : (K + 1,) standard deviation of R_k over that of one probe's harmonic
    spindle : (K + 1,) the same for cos(psi) X_k + sin(psi) Y_k in the worst real direction psi

    Both are infinite where the harmonic is lost. Harmonics 0 and 1 always are: the offset of each probe is a
    constant of its own, and the eccentricity of the artefact cannot be told from a circular motion of the spindle.

    References
    ----------
    Closed form by the Schur complements of H^H H = [[A, a], [a^H, P]], A = sum [c s]^T [c s], a = sum [c s]^T e^(-ik phi):
    gain_R^2 = 1 / (P - a^H A^-1 a); the spindle's block is (A - a a^H / P)^-1, whose real part holds for real directions.
    """
    phi = np.asarray(angles_rad, dtype=float)
    probes = len(phi)
    c, s = np.cos(phi), np.sin(phi)
    wave = np.exp(-1j * np.arange(max_upr + 1)[:, None] * phi)
    along, across = wave @ c, wave @ s
    s11 = c @ c - np.abs(along) ** 2 / probes
    s22 = s @ s - np.abs(across) ** 2 / probes
    s12 = c @ s - along * np.conj(across) / probes
    det = s11 * s22 - np.abs(s12) ** 2
    # P det S = det A (P - a^H A^-1 a): one determinant tells both
    det_a = (c @ c) * (s @ s) - (c @ s) ** 2
    lost = det < _LOST * probes**2
    lost[:2] = True
    safe = np.where(lost, 1.0, det)
    artefact = np.sqrt(np.abs(det_a) / (probes * safe))
    worst = (s11 + s22 + np.sqrt((s11 - s22) ** 2 + 4 * s12.real**2)) / (2 * safe)
    artefact[lost] = np.inf
    return artefact, np.where(lost, np.inf, np.sqrt(np.abs(worst)))
