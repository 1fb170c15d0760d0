"""What was measured: points of a line, a surface, a cylinder or a sphere, read from columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recore.errors import BadInput
from recore.metrology.form.feature import Floats, Indices
from recore.metrology.reading_noise import noise_of_line, noise_of_record

if TYPE_CHECKING:
    from recore.evidence import Table

_SAME = 1e-9


@dataclass(frozen=True)
class Points:
    """Points of a surface.

    Parameters
    ----------
    xyz_um : (n, 3) coordinates [µm], in any order
    """

    xyz_um: Floats

    @classmethod
    def from_table(cls, table: Table) -> Points:
        """Columns x_mm, y_mm, z_mm."""
        return cls(_space(table))


@dataclass(frozen=True)
class LinePoints:
    """A straightness profile in a plane, or points along a line in space.

    Parameters
    ----------
    position_um, deviation_um : (n,) along the line and across it [µm]; None for a line in space
    xyz_um : (n, 3) points of a line in space, for instance centres of sections; else None
    """

    position_um: Floats | None = None
    deviation_um: Floats | None = None
    xyz_um: Floats | None = None

    @classmethod
    def from_table(cls, table: Table) -> LinePoints:
        """Columns position_mm and deviation_um, or x_mm, y_mm and z_mm.

        Raises
        ------
        BadInput : neither or both are there
        """
        profile = [name for name in ("position_mm", "deviation_um") if table.has(name)]
        space = [name for name in ("x_mm", "y_mm", "z_mm") if table.has(name)]
        if len(profile) == 2 and len(space) == 3:
            raise BadInput(
                "the line is given twice, as a profile and in space",
                where=table.name,
                right="give position_mm and deviation_um, or x_mm, y_mm and z_mm",
            )
        if len(space) == 3:
            return cls(xyz_um=_space(table))
        if profile:
            return cls(table.floats("position_um"), table.floats("deviation_um"))
        raise BadInput(
            f"the columns are {', '.join(table.columns)}",
            where=table.name,
            right="position_mm and deviation_um, or x_mm, y_mm and z_mm, are wanted",
        )

    def noise(self) -> float | None:
        """Standard deviation of the readings' noise [µm], where the profile shows it."""
        if self.position_um is None or self.deviation_um is None:
            return None
        return noise_of_line(self.position_um, self.deviation_um)


@dataclass(frozen=True)
class CylinderPoints:
    """Points of a cylinder.

    Parameters
    ----------
    xyz_um : (n, 3) coordinates [µm], in any order
    angle_rad, height_um, radius_um : (n,) as they were read about the axis of rotation, else None
    """

    xyz_um: Floats
    angle_rad: Floats | None = None
    height_um: Floats | None = None
    radius_um: Floats | None = None

    @classmethod
    def from_table(cls, table: Table) -> CylinderPoints:
        """Columns angle_deg, z_mm and radius_um (the full radius), or x_mm, y_mm and z_mm.

        Raises
        ------
        BadInput : neither or both are there, or a radius is not positive
        """
        polar = [name for name in ("angle_deg", "radius_um") if table.has(name)]
        plane = [name for name in ("x_mm", "y_mm") if table.has(name)]
        if polar and len(plane) == 2:
            raise BadInput(
                "the cylinder is given twice, in polar and in space coordinates",
                where=table.name,
                right="give angle_deg, z_mm and radius_um, or x_mm, y_mm and z_mm",
            )
        if polar:
            angle, z, radius = (table.floats(name) for name in ("angle_deg", "z_um", "radius_um"))
            return cls.polar(angle, z, radius, where=table.name)
        if plane:
            return cls(_space(table))
        raise BadInput(
            f"the columns are {', '.join(table.columns)}",
            where=table.name,
            right="angle_deg, z_mm and radius_um (full radius), or x_mm, y_mm and z_mm, are wanted",
        )

    @classmethod
    def polar(
        cls, angle_deg: Floats, z_um: Floats, radius_um: Floats, *, where: str = "cylinder"
    ) -> CylinderPoints:
        """From angles [deg], heights [µm] and full radii [µm]; any eccentricity and tilt is kept exactly."""
        if (radius_um <= 0).any():
            row = int(np.argmax(radius_um <= 0))
            raise BadInput(
                f"radius {radius_um[row]:g} µm",
                where=f"{where}, column 'radius_um', row {row + 1}",
                right="the full radius is wanted, not the deviation from a cylinder",
            )
        angle = np.radians(np.mod(angle_deg, 360.0))
        xyz = np.column_stack((radius_um * np.cos(angle), radius_um * np.sin(angle), z_um))
        return cls(xyz, angle, z_um, radius_um)

    def noise(self) -> float | None:
        """Median over the sections of the readings' noise [µm], where most of them show it."""
        if self.angle_rad is None or self.height_um is None or self.radius_um is None:
            return None
        sections = groups(self.height_um)
        if sections is None:
            return None
        found = [
            noise_of_record(self.angle_rad[sections == k], self.radius_um[sections == k])
            for k in range(int(sections.max()) + 1)
        ]
        seen = [noise for noise in found if noise is not None]
        return float(np.median(seen)) if 2 * len(seen) > len(found) else None


def groups(values: Floats, period: float | None = None) -> Indices | None:
    """Number of the group of nearly equal values that each belongs to, in rising order.

    Parameters
    ----------
    values : (n,) heights of sections, or angles of generatrices
    period : of angles, so that the ends of the range meet

    Returns
    -------
    (n,) whole numbers; None where the values form no groups of at least three that are far narrower than the steps
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    extent = period if period is not None else float(np.ptp(values))
    new = np.diff(ordered) > 1e-3 * extent
    if new.any():
        # within a group far less than between groups
        inside = np.diff(ordered)[~new]
        if len(inside) and inside.max() > 0.2 * np.diff(ordered)[new].min():
            return None
    number = np.concatenate(([0], np.cumsum(new)))
    if period is not None and number[-1] > 0 and ordered[0] + period - ordered[-1] <= 1e-3 * extent:
        number[number == number[-1]] = 0
    counts = np.bincount(number)
    if len(counts) < 2 or counts.min() < 3:
        return None
    found = np.empty(len(values), dtype=np.intp)
    found[order] = number
    return found


def _space(table: Table) -> Floats:
    return np.column_stack([table.floats(name) for name in ("x_um", "y_um", "z_um")])
