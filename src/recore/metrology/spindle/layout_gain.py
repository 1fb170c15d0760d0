"""How much noise of a probe a layout of probes lets into the separated motion and form, harmonic by harmonic.

Probe p at phi_p sees M_k,p = X_k cos phi_p + Y_k sin phi_p + R_k exp(-i k phi_p) in the k-th harmonic. With the rows
h_p = [cos phi_p, sin phi_p, exp(-i k phi_p)] of H the least-squares estimate has covariance sigma² (H^H H)^-1, where
sigma² is the variance of one probe's harmonic. From its blocks, with A = Σ [c; s][c; s]^T, B = Σ exp(-i k phi) [c; s]:

- artefact: g² = 1 / (P - B^H A^-1 B);
- spindle: C = (A - B B^H / P)^-1. A motion cos ψ X + sin ψ Y in a real direction ψ has variance u^T C u with u real,
  to which the imaginary, antisymmetric part of C gives nothing: the worst direction is the larger eigenvalue of Re C.

Only the sums Z_m = Σ exp(-i m phi_p) enter: B = [(Z_k-1 + Z_k+1)/2, (Z_k-1 - Z_k+1)/2i], and A follows from Z_2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Aim = Literal["spindle", "artefact", "both"]

# layouts worked on at once, few enough that their powers stay in the cache
_AT_ONCE = 512
# a harmonic whose determinant lies below this is dead: its gain is beyond every limit anyone could set
_DEAD = 1e-13


def squared_gains(turns: Complexes, lowest: int, highest: int) -> tuple[Floats, Floats]:
    """Squared noise gains of spindle (worst real direction) and artefact.

    Parameters
    ----------
    turns : exp(-i phi); complex [probe, layout]
    lowest, highest : harmonics [UPR], at least 2

    Returns
    -------
    Two arrays [harmonic, layout]; infinite where a harmonic cannot be observed
    """
    count = len(turns)
    z = _sums_of_powers(turns, lowest - 1, highest - lowest + 3)
    z2 = (turns * turns).sum(axis=0)
    re, im = np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)
    power = re * re + im * im
    below, above = power[:-2], power[2:]
    # c = Z_k-1 conj(Z_k+1); with it S = A - B B^H / P has half its trace h, and |S11 - S22 + 2i Re S12|² = 4 d
    real = re[:-2] * re[2:] + im[:-2] * im[2:]
    imaginary = im[:-2] * re[2:] - re[:-2] * im[2:]
    half_trace = count / 2 - (below + above) / (4 * count)
    spread = ((z2.real - real / count) ** 2 + (z2.imag + imaginary / count) ** 2) / 4
    skew = (below - above) / (4 * count)
    det = half_trace * half_trace - spread - skew * skew
    dead = det < _DEAD * count * count
    if some := bool(dead.any()):
        det[dead] = 1.0
    spindle = (half_trace + np.sqrt(spread)) / det
    artefact = (count * count - z2.real**2 - z2.imag**2) / (4 * count) / det
    if some:
        spindle[dead] = artefact[dead] = np.inf
    return spindle, artefact


def gains(angles_deg: Floats, lowest: int, highest: int) -> tuple[Floats, Floats]:
    """Noise gains of one layout over a band: spindle in its worst real direction, artefact; each [harmonic]."""
    turns = np.exp(-1j * np.radians(np.asarray(angles_deg, dtype=float)))[:, None]
    spindle, artefact = squared_gains(turns, lowest, highest)
    return np.sqrt(spindle[:, 0]), np.sqrt(artefact[:, 0])


def worst_gains(angles_deg: Floats, lowest: int, highest: int) -> Floats:
    """Worst gains over the band, spindle and artefact, of many layouts; [layout, 2] from angles [layout, probe]."""
    found = np.empty((len(angles_deg), 2))
    for first in range(0, len(angles_deg), _AT_ONCE):
        turns = np.exp(-1j * np.radians(angles_deg[first : first + _AT_ONCE].T))
        for column, squared in enumerate(squared_gains(turns, lowest, highest)):
            found[first : first + _AT_ONCE, column] = np.sqrt(squared.max(axis=0))
    return found


def worst_aimed(
    angles_deg: Floats, lowest: int, highest: int, aim: Aim, below: Floats | None = None
) -> Floats:
    """Worst squared gain over the band of many layouts, for the search.

    Parameters
    ----------
    angles_deg : [layout, probe]
    lowest, highest : band [UPR]
    aim : which gain counts; 'both' takes the larger
    below : a layout that comes to this squared gain is given up and returned as infinite; [layout]
    """
    found = np.full(len(angles_deg), np.inf)
    width = highest - lowest + 1
    # a third of the band is enough to drop most of what will be dropped
    step = width if below is None else max(16, -(-width // 3))
    for first in range(0, len(angles_deg), _AT_ONCE):
        left = np.arange(first, min(first + _AT_ONCE, len(angles_deg)))
        turns = np.exp(-1j * np.radians(angles_deg[left].T))
        worst = np.zeros(len(left))
        for start in range(lowest, highest + 1, step):
            spindle, artefact = squared_gains(turns, start, min(start + step - 1, highest))
            if aim != "artefact":
                np.maximum(worst, spindle.max(axis=0), out=worst)
            if aim != "spindle":
                np.maximum(worst, artefact.max(axis=0), out=worst)
            if below is not None:
                good = worst < below[left]
                left, turns, worst = left[good], turns[:, good], worst[good]
                if not len(left):
                    break
        found[left] = worst
    return found


def mean_square_gains(angles_deg: Floats, lowest: int, highest: int) -> tuple[float, float]:
    """Sums over the band of squared gains: spindle in the real direction where the sum is largest, and artefact."""
    phi = np.radians(np.asarray(angles_deg, dtype=float))
    k = np.arange(lowest, highest + 1)
    c, s = np.cos(phi), np.sin(phi)
    form = np.exp(-1j * k[:, None] * phi)
    rows = np.stack((np.broadcast_to(c, form.shape), np.broadcast_to(s, form.shape), form), axis=-1)
    covariance = np.linalg.inv(np.conj(rows.transpose(0, 2, 1)) @ rows).sum(axis=0).real
    return float(np.linalg.eigvalsh(covariance[:2, :2])[-1]), float(covariance[2, 2])


def _sums_of_powers(turns: Complexes, first: int, many: int) -> Complexes:
    """Z_m for m = first … first + many - 1; [m, layout]. Powers come by doubling, which keeps 1e-14."""
    powers = np.empty((len(turns), many, turns.shape[1]), dtype=complex)
    powers[:, 0] = turns**first
    have, step = 1, turns
    while have < many:
        more = min(have, many - have)
        np.multiply(powers[:, :more], step[:, None, :], out=powers[:, have : have + more])
        have += more
        if have < many:
            step = step * step
    total: Complexes = powers.sum(axis=0)
    return total
