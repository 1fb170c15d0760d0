"""Rolling bearings: the orders at which each part of a bearing makes itself felt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DefectOrders:
    """Defect frequencies as multiples of the shaft speed.

    Parameters
    ----------
    outer, inner : ball pass order of the outer and of the inner ring (BPFO, BPFI)
    ball : ball spin order (BSF); a defect on a ball strikes both rings, at 2 · BSF
    cage : fundamental train order (FTF)
    """

    outer: float
    inner: float
    ball: float
    cage: float


@dataclass(frozen=True)
class Bearing:
    """Geometry of a rolling bearing whose outer ring stands still.

    Parameters
    ----------
    designation : as on the ring, '6205'
    elements : number of balls or rollers in one row
    element_mm : their diameter [mm]
    pitch_mm : diameter of the circle of their centres [mm]
    contact_deg : contact angle [deg]
    """

    designation: str
    elements: int
    element_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    def orders(self) -> DefectOrders:
        """Defect orders for pure rolling; slip moves them by about one per cent.

        References
        ----------
        R. B. Randall and J. Antoni, Rolling element bearing diagnostics: a tutorial, Mechanical Systems and
        Signal Processing 25 (2011) 485-520, sec. 2.
        """
        ratio = self.element_mm / self.pitch_mm * float(np.cos(np.radians(self.contact_deg)))
        return DefectOrders(
            outer=self.elements / 2 * (1 - ratio),
            inner=self.elements / 2 * (1 + ratio),
            ball=self.pitch_mm / (2 * self.element_mm) * (1 - ratio**2),
            cage=(1 - ratio) / 2,
        )
