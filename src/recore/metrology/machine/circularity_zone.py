"""Circular deviations of a path and of both directions together: minimum zones with certificate and uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.method import Note, Refusal
from recore.metrology import circles, profile_filter
from recore.metrology.budget import Contribution, expanded_of_samples
from recore.metrology.circles import Circle
from recore.metrology.machine.circularity_record import Trace
from recore.metrology.reading_noise import noise_of_record
from recore.metrology.reading_uncertainty import ReadingErrors, spread_about

Floats = NDArray[np.float64]
_MARGIN = 8.0  # spreads of a reading beyond which no point becomes a contact


@dataclass(frozen=True)
class Path:
    """One or both directions as points in the plane of the circle.

    Parameters
    ----------
    x, y : (n,) points about the nominal centre [µm]
    zone, centred : minimum zone circles and least-squares circle
    """

    x: Floats
    y: Floats
    zone: Circle
    centred: Circle


def path_of(traces: Sequence[Trace], radius_um: float) -> Path:
    """Points of the traces with their reference circles.

    Raises
    ------
    Refusal : they determine no circle
    """
    angle = np.concatenate([trace.angle for trace in traces])
    radius = radius_um + np.concatenate([trace.deviation for trace in traces])
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    try:
        centred = circles.least_squares(x, y)
        zone = circles.minimum_zone(x, y, (centred.x, centred.y))
    except circles.NoCircle as error:
        raise Refusal("no-circle", f"the readings determine no circle: {error}") from None
    return Path(x, y, zone, centred)


def filtered(trace: Trace, cutoff_upr: float) -> Trace:
    """The trace behind a Gaussian filter of a closed profile.

    Raises
    ------
    Refusal : the trace is open, or has too few readings
    """
    try:
        even = profile_filter.evened(np.mod(trace.angle, 2 * np.pi), trace.deviation, cutoff_upr)
        waves = profile_filter.gaussian_filter(even.deviation, cutoff_upr)
    except profile_filter.NotFilterable as error:
        raise Refusal("filter-not-possible", f"the path cannot be filtered: {error}") from None
    return Trace(trace.direction, even.angle_rad, waves)


def reading_noise(traces: Sequence[Trace], radius_um: float) -> float:
    """Standard deviation of one reading [µm]: from the upper half of the spectrum where that is flat, else from the
    second differences, which slow deviations do not enter."""
    found = []
    for trace in traces:
        noise = noise_of_record(trace.angle, radius_um + trace.deviation)
        if noise is None:
            bends = np.diff(trace.deviation, 2)
            # a median leaves the steps at the reversals out; 0.6745 is that of |normal| deviates
            noise = float(np.median(np.abs(bends))) / 0.6745 / np.sqrt(6) if len(bends) else 0.0
        found.append(noise)
    return float(np.sqrt(np.mean(np.square(found))))


@dataclass(frozen=True)
class DeviceErrors:
    """Standard uncertainties of the measurement [µm].

    Parameters
    ----------
    noise : of one reading, behind the filter where there is one
    linearity : of the transducer at any reading
    drift : of the set-up between any two readings
    length : of the nominal radius: calibrated bar and temperature
    """

    noise: float
    linearity: float
    drift: float
    length: float


def zone_budget(name: str, path: Path, errors: DeviceErrors) -> list[Contribution]:
    """First-order contributions to a circular deviation: noise through the contacts' multipliers; linearity and drift
    as the difference of two independent readings."""
    lines = []
    if errors.noise:
        spread = spread_about(
            path.zone,
            path.x,
            path.y,
            circles.sensitivities(path.zone, "mzc", path.x, path.y),
            ReadingErrors(errors.noise, len(path.x)),
        ).deviation
        lines.append(Contribution(name, "noise of the readings", "A", errors.noise, "µm", spread, "µm"))
    for source, size in (("linearity of the transducer", errors.linearity), ("drift", errors.drift)):
        if size:
            lines.append(Contribution(name, source, "B", size, "µm", float(np.sqrt(2)) * size, "µm"))
    return lines


def zone_trials(path: Path, errors: DeviceErrors, trials: int, seed: int) -> float | None:
    """Expanded uncertainty of a circular deviation by Monte Carlo: noise afresh at each reading, linearity as a
    straight response over the deviations, drift as a straight one over the record."""
    if not trials or not (errors.noise or errors.linearity or errors.drift):
        return None
    generator = np.random.default_rng(seed)
    d = path.zone.distances(path.x, path.y)
    level = 2 * (d - path.zone.inner) / max(path.zone.deviation, 1e-300) - 1
    time = np.linspace(-1, 1, len(d))
    reach = _MARGIN * float(np.hypot(errors.noise, np.hypot(errors.linearity, errors.drift)))
    near = np.flatnonzero((d > path.zone.outer - reach) | (d < path.zone.inner + reach))
    if len(near) < 16:
        near = np.argsort(np.minimum(path.zone.outer - d, d - path.zone.inner))[:16]
    angle = np.arctan2(path.y, path.x)
    ux, uy = np.cos(angle), np.sin(angle)
    start = (path.zone.x, path.zone.y)
    widths = []
    for _ in range(trials):
        error = errors.noise * generator.standard_normal(len(d))
        # the ends of a straight response differ by √2 u, as two independent readings do
        error += errors.linearity * generator.standard_normal() * level / np.sqrt(2)
        error += errors.drift * generator.standard_normal() * time / np.sqrt(2)
        x, y = (path.x + error * ux)[near], (path.y + error * uy)[near]
        try:
            widths.append(circles.minimum_zone(x, y, start).deviation)
        except circles.NoCircle:
            return None
    return expanded_of_samples(np.array(widths))


def certificate(paths: Sequence[Path]) -> tuple[float, bool, list[Note]]:
    """Largest violation of a zone's optimality condition, whether all are proven, and a flag where not."""
    worst = max(path.zone.residual for path in paths)
    proven = all(path.zone.proven for path in paths)
    flags = []
    if worst > 1e-9:
        text = f"the optimality condition is violated by {worst:.2g} of the radius"
        flags.append(Note("zone-not-certified", text))
    if not proven:
        text = "that no other centre gives a narrower zone is not proven (an open path)"
        flags.append(Note("zone-locally-optimal", text))
    return worst, proven, flags


def passed(count: int, cutoff_upr: float) -> float:
    """Share of white noise's standard deviation that the filter lets through."""
    share = profile_filter.transmission(np.arange(count // 2 + 1.0), cutoff_upr) ** 2
    twice = 2 * share.sum() - share[0] - (share[-1] if count % 2 == 0 else 0.0)
    return float(np.sqrt(twice / count))
