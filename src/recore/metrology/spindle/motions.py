"""Which motions of an axis the channels of a record show, each as a weighted sum of the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.method import Refusal
from recore.metrology.spindle.probe_layout import solved

Floats = NDArray[np.float64]

_ARCSEC_PER_MRAD = float(np.degrees(1e-3) * 3600)


@dataclass(frozen=True)
class Setup:
    """Probes of a test.

    Parameters
    ----------
    angles_deg, plane2_angles_deg : of the radial probes in the first and in the second plane [deg]
    axial : number of axial probes, the first on the axis, the second at `face_radius_mm`
    samples : angles in each revolution
    sense : +1 where the rotor turns counter-clockwise, −1 clockwise
    direction_deg : fixed sensitive direction [deg]
    rotating_deg : rotor angle that points in the rotating sensitive direction [deg]
    plane_distance_mm : from the first plane to the second along the axis
    face_radius_mm, face_angle_deg : where the face is looked at
    """

    angles_deg: tuple[float, ...]
    plane2_angles_deg: tuple[float, ...]
    axial: int
    samples: int
    sense: int
    direction_deg: float
    rotating_deg: float = 0.0
    plane_distance_mm: float | None = None
    face_radius_mm: float | None = None
    face_angle_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.plane2_angles_deg and self.plane_distance_mm is None:
            raise BadInput(
                "there is a second radial plane at an unknown distance",
                where="plane_distance_mm",
                right="give the distance of the planes along the axis [mm]",
            )
        if self.plane2_angles_deg and min(len(self.angles_deg), len(self.plane2_angles_deg)) < 2:
            raise BadInput(
                "a plane has one probe",
                where="plane2_angles_deg",
                right="two or more in each plane are wanted for tilt",
            )
        if self.axial > 1 and self.face_radius_mm is None:
            raise BadInput(
                "the second axial probe looks at an unknown radius",
                where="face_radius_mm",
                right="give its distance from the axis [mm]",
            )
        if len(self.angles_deg) == 1:
            off = np.radians(self.direction_deg - self.angles_deg[0])
            if abs(np.sin(off)) > 1e-6:
                raise Refusal(
                    "one-probe",
                    f"one probe at {self.angles_deg[0]:g}° sees nothing of the motion at {self.direction_deg:g}°",
                )

    @property
    def rotor_rad(self) -> Floats:
        """Angle of the rotor at each sample of a revolution [rad]."""
        found: Floats = self.sense * 2 * np.pi * np.arange(self.samples) / self.samples
        return found

    @property
    def channels(self) -> int:
        """Channels in their order: first plane, second plane, axial."""
        return len(self.angles_deg) + len(self.plane2_angles_deg) + self.axial

    @property
    def radial_rad(self) -> Floats:
        """Direction of each radial channel [rad], both planes."""
        found: Floats = np.radians(np.array([*self.angles_deg, *self.plane2_angles_deg]))
        return found

    def weights(self) -> dict[str, Floats]:
        """Weights of each motion, float64 [channel, angle]; tilt in arcsec, the others in µm.

        'x', 'y', 'fixed' and 'rotating' in the first plane ('fixed' alone with one probe); 'x2', 'y2' in the second;
        'tilt_fixed', 'tilt_rotating'; 'axial', 'face'.
        """
        planes = []
        start = 0
        for angles in (self.angles_deg, self.plane2_angles_deg):
            if len(angles) > 1:
                part = np.zeros((2, self.channels))
                part[:, start : start + len(angles)] = solved(
                    angles, where="probe_angles_deg" if not start else "plane2_angles_deg"
                )
                planes.append(part)
            start += len(angles)
        found: dict[str, Floats] = {}
        if planes:
            found |= {
                "x": planes[0][0],
                "y": planes[0][1],
                "fixed": self._fixed(planes[0]),
                "rotating": self._rotating(planes[0]),
            }
        else:
            only = np.zeros(self.channels)
            only[0] = np.cos(np.radians(self.direction_deg - self.angles_deg[0]))
            found["fixed"] = only
        if len(planes) == 2:
            assert self.plane_distance_mm is not None
            tilt = (planes[1] - planes[0]) / self.plane_distance_mm * _ARCSEC_PER_MRAD
            found |= {
                "x2": planes[1][0],
                "y2": planes[1][1],
                "tilt_fixed": self._fixed(tilt),
                "tilt_rotating": self._rotating(tilt),
            }
        if self.axial:
            found["axial"] = np.eye(self.channels)[start]
        if self.axial > 1:
            assert self.face_radius_mm is not None
            found["face"] = np.eye(self.channels)[start + 1]
            if len(planes) < 2:
                found["tilt_fixed"] = (
                    (found["axial"] - found["face"]) / self.face_radius_mm * _ARCSEC_PER_MRAD
                )
        elif self.axial and self.face_radius_mm is not None and len(planes) == 2:
            lean = (planes[1] - planes[0]) / float(self.plane_distance_mm or 1.0)
            psi = np.radians(self.face_angle_deg)
            found["face"] = found["axial"] - self.face_radius_mm * (
                np.cos(psi) * lean[0] + np.sin(psi) * lean[1]
            )
        return {name: self._over_angle(row) for name, row in found.items()}

    def _fixed(self, plane: Floats) -> Floats:
        psi = np.radians(self.direction_deg)
        row: Floats = np.cos(psi) * plane[0] + np.sin(psi) * plane[1]
        return row

    def _rotating(self, plane: Floats) -> Floats:
        t = self.rotor_rad + np.radians(self.rotating_deg)
        return np.outer(plane[0], np.cos(t)) + np.outer(plane[1], np.sin(t))

    def _over_angle(self, row: Floats) -> Floats:
        return row if row.ndim == 2 else np.repeat(row[:, None], self.samples, axis=1)


def unit_of_motion(name: str) -> Literal["µm", "arcsec"]:
    """Unit of a motion."""
    return "arcsec" if name.startswith("tilt") else "µm"


def keeps_fundamental(name: str) -> bool:
    """Whether the once-per-revolution part is a motion of the axis (axial, face) and no eccentricity of the artefact."""
    return name in ("axial", "face")
