"""Noise gain of a multi-probe layout, harmonic by harmonic, in closed form.

Probe p at angle phi_p sees m_p(t) = R(t - phi_p) + x(t) cos phi_p + y(t) sin phi_p. For harmonic k the unknowns
X_k, Y_k, R_k have the rows [cos phi_p, sin phi_p, e^(-i k phi_p)]; with H the matrix of these rows, the covariance of
the least-squares solution is (H^H H)^-1 times the variance of one probe's harmonic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recore.metrology.spindle.layout_gain import squared_gains

Floats = NDArray[np.float64]


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

    Notes
    -----
    The closed form and its source stand in `layout_gain`, which does the same for many layouts at once.
    """
    turns = np.exp(-1j * np.asarray(angles_rad, dtype=float))[:, None]
    spindle, artefact = squared_gains(turns, 2, max(max_upr, 2))
    never = np.full(2, np.inf)
    upr = max_upr + 1
    return (
        np.concatenate((never, np.sqrt(artefact[:, 0])))[:upr],
        np.concatenate((never, np.sqrt(spindle[:, 0])))[:upr],
    )
