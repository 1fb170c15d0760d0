"""From time to angle: tacho or encoder pulses, the phase between them, and signals sampled at equal angles.

What repeats with the shaft stands still in angle whatever the speed does; that is what averages, orders and error
motions are made from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recore.method import Refusal

Floats = NDArray[np.float64]

HYSTERESIS = 0.15  # of the swing, each side of the threshold
IRREGULAR = 1.5  # ratio of two neighbouring pulse intervals that no shaft with inertia makes
_SPLINE = 5
_MOST = 2**26  # samples of the resampled signal


def pulse_times(
    tacho: Floats,
    rate: float,
    *,
    threshold: float | None = None,
    rising: bool = True,
) -> Floats:
    """Times at which a tacho signal crosses its threshold.

    Parameters
    ----------
    tacho : (n,) tacho or encoder signal, any unit
    rate : sampling rate [Hz]
    threshold : level of the crossing; None takes the middle between the smallest and the largest value
    rising : rising edges, else falling ones

    Returns
    -------
    (m,) times from the first sample [s], rising; interpolated linearly between two samples, so that a slope that
    is seen by several samples is found to a small part of a sample, an ideal step to half a sample

    Notes
    -----
    A crossing counts where the signal comes from below threshold − 15 % of its swing and goes above threshold + 15 %
    (Schmitt trigger), so that noise on the edge makes no second pulse.

    Raises
    ------
    Refusal : `tacho-flat`, no swing or the threshold lies outside it; `tacho-missing`, fewer than two pulses
    """
    signal = np.asarray(tacho, dtype=float) * (1.0 if rising else -1.0)
    low, high = (float(signal.min()), float(signal.max())) if len(signal) else (0.0, 0.0)
    level = (low + high) / 2 if threshold is None else threshold * (1.0 if rising else -1.0)
    if not low < level < high:
        raise Refusal(
            "tacho-flat",
            f"the tacho signal runs from {min(abs(low), abs(high)):.4g} to {max(abs(low), abs(high)):.4g} and crosses "
            "no threshold: no pulse, so no angle",
        )
    band = HYSTERESIS * min(high - level, level - low) * 2
    state = np.where(signal > level + band, 1, np.where(signal < level - band, -1, 0)).astype(np.int8)
    decided = np.flatnonzero(state)
    fired = decided[1:][(state[decided[1:]] == 1) & (state[decided[:-1]] == -1)]
    crossings = np.flatnonzero((signal[:-1] < level) & (signal[1:] >= level))
    if len(fired) < 2:
        raise Refusal(
            "tacho-missing",
            f"{len(fired)} tacho pulse{'s' if len(fired) != 1 else ''} in the record: two are wanted for a revolution",
        )
    before = crossings[np.searchsorted(crossings, fired) - 1]
    step = signal[before + 1] - signal[before]
    times: Floats = (before + (level - signal[before]) / step) / rate
    return times


def irregular_pulse(pulses: Floats) -> int | None:
    """Index of the first pulse whose two intervals differ by half or more: one is missing or stands twice."""
    steps = np.diff(pulses)
    if (steps <= 0).any():
        return int(np.argmax(steps <= 0)) + 1
    ratio = steps[1:] / steps[:-1]
    wrong = np.maximum(ratio, 1 / ratio) >= IRREGULAR
    return int(np.argmax(wrong)) + 1 if wrong.any() else None


def phase(times: Floats, pulses: Floats, *, pulses_per_revolution: float = 1.0, cubic: bool = True) -> Floats:
    """Revolutions of the shaft at given times.

    Parameters
    ----------
    times : (n,) times [s], rising
    pulses : (m,) times of the pulses [s], rising
    pulses_per_revolution : pulses of the wanted shaft in one revolution; with a gear between it and the tacho,
        pulses of the tacho shaft × revolutions of the tacho shaft for one of the wanted shaft
    cubic : spline of third degree through the pulses (speed and acceleration continuous); else straight between two

    Returns
    -------
    (n,) revolutions since the first pulse; NaN before the first and after the last pulse, where nothing is known

    Raises
    ------
    Refusal : `tacho-irregular`, a pulse is missing or stands twice; `tacho-missing`, fewer than two (straight) or
        four (cubic) pulses

    References
    ----------
    K. R. Fyfe and E. D. S. Munck, Analysis of computed order tracking, Mechanical Systems and Signal Processing 11
    (1997) 187-205: the interpolation of the pulses decides the noise of the angle.
    """
    wanted = 4 if cubic else 2
    if len(pulses) < wanted:
        raise Refusal("tacho-missing", f"{len(pulses)} tacho pulses: at least {wanted} are wanted")
    if (wrong := irregular_pulse(pulses)) is not None:
        raise Refusal(
            "tacho-irregular",
            f"the pulse intervals before and after {pulses[wrong]:.6g} s differ by half or more: "
            "a pulse is missing or stands twice, and every angle after it would be wrong",
        )
    turns = np.arange(len(pulses)) / pulses_per_revolution
    inside = (times >= pulses[0]) & (times <= pulses[-1])
    found = np.full(len(times), np.nan)
    if cubic:
        from scipy.interpolate import CubicSpline

        found[inside] = CubicSpline(pulses, turns)(times[inside])
    else:
        found[inside] = np.interp(times[inside], pulses, turns)
    return found


def resampled(signal: Floats, phase: Floats, samples_per_revolution: int) -> Floats:
    """A signal at equal angles of the shaft, whole revolutions only.

    Parameters
    ----------
    signal : (n,) or (channels, n) samples equally spaced in time
    phase : (n,) revolutions at each sample, rising; NaN where it is not known (at the ends)
    samples_per_revolution : how many angles in each revolution

    Returns
    -------
    (revolutions, samples) or (channels, revolutions, samples); the first revolution begins at the first whole number
    of revolutions

    Notes
    -----
    Values between two samples come from a spline of fifth degree through all samples (amplitude within 0.1 % up to
    0.3 of the sampling rate). Where the record has more samples per revolution than are wanted, it is resampled
    finer and decimated behind a linear-phase filter, so that nothing folds back: orders up to
    0.4 · samples_per_revolution keep their amplitude.

    Raises
    ------
    Refusal : `record-too-short`, less than one whole revolution
    """
    from scipy.ndimage import map_coordinates
    from scipy.signal import resample_poly

    known = np.flatnonzero(np.isfinite(phase))
    if len(known) < 2:
        raise Refusal("record-too-short", "the phase is known at fewer than two samples")
    turns = phase[known]
    # the last sample of a revolution of which the next begins just behind the record is there
    first = int(np.ceil(turns[0] - 1e-9))
    count = int(np.floor(turns[-1] - first + 1e-9))
    if count < 1:
        raise Refusal(
            "record-too-short", f"the record holds {turns[-1] - turns[0]:.3g} revolutions: one is wanted"
        )
    # the fastest part has the fewest samples per revolution; the slowest the most, and must not fold
    densest = 1 / float(np.diff(turns).min())
    finer = max(1, int(np.ceil(densest / samples_per_revolution - 1e-9)))
    total = count * samples_per_revolution * finer
    if total > _MOST:
        raise Refusal(
            "record-too-long",
            f"{count} revolutions at {samples_per_revolution * finer} samples are too many at once: cut the record, "
            "or ask for fewer samples per revolution",
        )
    angles = first + np.arange(total) / (samples_per_revolution * finer)
    positions = np.interp(angles, turns, known.astype(float))
    rows = np.atleast_2d(signal)
    fine = np.stack([map_coordinates(row, positions[None], order=_SPLINE, mode="mirror") for row in rows])
    even = fine if finer == 1 else resample_poly(fine, 1, finer, axis=1, padtype="line")
    shaped: Floats = even.reshape(len(rows), count, samples_per_revolution)
    return shaped[0] if np.ndim(signal) == 1 else shaped
