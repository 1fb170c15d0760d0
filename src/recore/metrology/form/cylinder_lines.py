"""Lines of a cylinder: generatrices, sections and the median line (ISO 12180-1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recore.metrology import circles
from recore.metrology.form.evaluation import PointErrors
from recore.metrology.form.feature import EPS, Flat, Floats, Indices, NotDetermined, Scaled
from recore.metrology.form.least_squares import Fit, least_squares_of
from recore.metrology.form.measured import CylinderPoints, groups
from recore.metrology.form.one_sided import circumscribed
from recore.metrology.form.space_line import least_squares_line
from recore.metrology.form.zone import Zone, minimum_zone

_FEWEST = 3
_SECTION = 4
_SAME_DIRECTION = 1e-3


@dataclass(frozen=True)
class LinesOfCylinder:
    """Values [µm, angle in rad] with standard uncertainties in the same unit; None where the points hold no such lines."""

    generatrix_straightness: float | None = None
    median_line_straightness: float | None = None
    taper: float | None = None
    taper_angle: float | None = None
    spreads: dict[str, float] | None = None

    def contributions(self) -> Iterator[tuple[str, float, str]]:
        """Result, standard uncertainty and unit of each value that is there."""
        for name, spread in (self.spreads or {}).items():
            yield name, spread, "rad" if name == "taper_angle" else "µm"


def lines_of(fit: Fit, scaled: Scaled, surface: CylinderPoints, errors: PointErrors) -> LinesOfCylinder:
    """What sections and generatrices say, about the least-squares axis."""
    local = fit.pose.local(scaled.points)
    angle = np.arctan2(local[:, 1], local[:, 0])
    turned = surface.angle_rad if surface.angle_rad is not None else angle
    height = surface.height_um if surface.height_um is not None else local[:, 2]
    values: dict[str, float] = {}
    spreads: dict[str, float] = {}
    sigma, unit = errors.standard or 0.0, scaled.unit
    sections = groups(height)
    if sections is not None and int(sections.max()) + 1 >= _FEWEST:
        found = _median_line(local, sections)
        if found is not None:
            width, per_point = found
            values["median_line_straightness"] = width * unit
            spreads["median_line_straightness"] = per_point * sigma
    lines = groups(np.mod(turned, 2 * np.pi), period=2 * np.pi)
    if lines is not None:
        members = [np.flatnonzero(lines == k) for k in range(int(lines.max()) + 1)]
        straight = _straightest(local, fit, members)
        if straight is not None:
            values["generatrix_straightness"] = straight[0] * unit
            spreads["generatrix_straightness"] = straight[1] * sigma
        tapered = _taper(local, angle, fit, members)
        if tapered is not None:
            taper, spread, length = tapered
            values |= {"taper": taper * unit, "taper_angle": 2 * taper / length}
            spreads |= {"taper": spread * sigma, "taper_angle": 2 * spread * sigma / (length * unit)}
    return LinesOfCylinder(**values, spreads=spreads)


def _straightest(local: Floats, fit: Fit, members: list[Indices]) -> tuple[float, float] | None:
    """Largest minimum zone of a generatrix, and its standard uncertainty for unit noise."""
    worst: tuple[float, float] | None = None
    radius = np.hypot(local[:, 0], local[:, 1]) - fit.size
    for some in members:
        line = np.column_stack((local[some, 2], radius[some]))
        if np.ptp(line[:, 0]) < 1e-6:
            continue
        try:
            zone = minimum_zone(Flat(2), line, least_squares_of(Flat(2), line).pose)
        except NotDetermined:
            continue
        if worst is None or zone.width > worst[0]:
            worst = (zone.width, 2 * float(np.linalg.norm(zone.multipliers)))
    return worst


def _taper(
    local: Floats, angle: Floats, fit: Fit, members: list[Indices]
) -> tuple[float, float, float] | None:
    """Largest local taper of two opposite generatrices, its standard uncertainty for unit noise, and the length."""
    radius = np.hypot(local[:, 0], local[:, 1]) - fit.size
    length = float(np.ptp(local[:, 2]))
    slopes, variances, turns = [], [], []
    for some in members:
        z = local[some, 2] - local[some, 2].mean()
        if float(np.ptp(z)) < 0.5 * length:
            continue
        slopes.append(float(z @ radius[some]) / float(z @ z))
        variances.append(1 / float(z @ z))
        turns.append(float(np.angle(np.exp(1j * angle[some]).sum())))
    if len(slopes) < 2:
        return None
    direction = np.exp(1j * np.array(turns))
    worst: tuple[float, float, float] | None = None
    for i, d in enumerate(direction):
        opposite = int(np.abs(direction + d).argmin())
        if opposite <= i or abs(direction[opposite] + d) > _SAME_DIRECTION * np.pi:
            continue
        taper = abs(slopes[i] + slopes[opposite]) * length / 2
        if worst is None or taper > worst[0]:
            worst = (taper, length / 2 * float(np.sqrt(variances[i] + variances[opposite])), length)
    return worst


def _median_line(local: Floats, sections: Indices) -> tuple[float, float] | None:
    """Diameter of the narrowest cylinder about the centres of the sections, and its spread for unit noise."""
    centres, counts = [], []
    for k in range(int(sections.max()) + 1):
        some = local[sections == k]
        if len(some) < _SECTION or circles.largest_gap(some[:, 0], some[:, 1], 0.0, 0.0) >= np.pi:
            return None
        circle = circles.least_squares(some[:, 0], some[:, 1])
        centres.append([circle.x, circle.y, float(some[:, 2].mean())])
        counts.append(len(some))
    line = np.array(centres)
    zone: Zone = circumscribed(line, least_squares_line(line))
    if zone.size <= 4 * EPS:
        return 0.0, 2 * float(np.sqrt(2 / min(counts)))
    weights = zone.multipliers * np.sqrt(2 / np.array(counts)[zone.contacts])
    return 2 * zone.size, 2 * float(np.linalg.norm(weights))
