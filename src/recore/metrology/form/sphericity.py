"""Sphericity of a surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from recore.method import Artifact, Note, Tolerance, Unit, method
from recore.metrology.form.evaluation import Evaluation, PointErrors
from recore.metrology.form.feature import Sphere
from recore.metrology.form.form_plot import Drawn, draw_surface
from recore.metrology.form.measured import Points
from recore.metrology.form.zone import widest_empty_cone
from recore.quantity import Quantity

_PARTIAL = np.radians(60)


@dataclass(frozen=True)
class Sphericity:
    """Sphericity deviations about two reference spheres.

    Parameters
    ----------
    ls_deviation, mz_deviation : peak-to-valley deviation [µm] about the least-squares sphere and of the minimum zone
        between two concentric spheres
    peak, valley, rms : largest, smallest (as a positive depth) and root-mean-square deviation from the least-squares
        sphere [µm]
    centre_x, centre_y, centre_z, radius : of the chosen reference sphere [mm]
    empty_cone : half the opening of the widest cone from the centre without a point [deg]
    certificate_residual : largest violation of the minimum zone's optimality condition / size
    zone_optimality : 'global' where no centre anywhere gives a narrower zone (proven), else 'local'
    contacts, budget : the certificate's contacts and multipliers; what makes up each uncertainty
    """

    ls_deviation: Annotated[Quantity, Unit("µm")]
    mz_deviation: Annotated[Quantity, Unit("µm")]
    peak: Annotated[Quantity, Unit("µm")]
    valley: Annotated[Quantity, Unit("µm")]
    rms: Annotated[Quantity, Unit("µm")]
    centre_x: Annotated[Quantity, Unit("mm")]
    centre_y: Annotated[Quantity, Unit("mm")]
    centre_z: Annotated[Quantity, Unit("mm")]
    radius: Annotated[Quantity, Unit("mm")]
    empty_cone: Annotated[Quantity, Unit("deg")]
    certificate_residual: Annotated[Quantity, Unit("1")]
    zone_optimality: Quantity
    reference: Quantity
    contacts: Annotated[pa.Table, Artifact("contacts.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    drawn: Drawn


@method(
    "form.sphericity",
    version=1,
    standard="ISO 1101 (zone between concentric spheres)",
    reproducible={
        "certificate_residual": Tolerance(absolute=1e-9),
        "empty_cone": Tolerance(absolute=1e-4),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def sphericity(
    surface: Points,
    *,
    reference: Literal["ls", "mz"] = "ls",
    point_uncertainty_um: Annotated[float | None, Unit("µm"), Field(ge=0)] = None,
    instrument_form_um: Annotated[float, Unit("µm"), Field(ge=0)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=10_000)] = 200,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Sphericity:
    """Sphericity deviation of a surface about the least-squares and the minimum zone sphere, with certificate.

    Parameters
    ----------
    surface : columns x_mm, y_mm, z_mm; points in any order
    reference : sphere that centre and radius belong to: ls or mz
    point_uncertainty_um : expanded uncertainty (k = 2) of one point along the radius [µm], independent from point to
        point
    instrument_form_um : expanded uncertainty (k = 2) that the instrument's own form gives to a deviation [µm]
    trials, seed : Monte Carlo trials for the uncertainty (0: none), and the seed of their errors

    Returns
    -------
    Sphericity : every deviation with U(k = 2)

    Notes
    -----
    Minimum zone by exchange: five contacts whose multipliers balance are the certificate. It is proven global where
    the points surround the centre and the form is small; on a cap it is local, and a flag says so.

    Refuses fewer than five distinct points, and points in a plane or on a circle.

    References
    ----------
    ISO 1101 (form of a surface); the proof is that of the circle in recore.metrology.circles.minimum_zone.
    """
    errors, notes = PointErrors.stated_or_seen(point_uncertainty_um, None, instrument_form_um)
    found = Evaluation.of(Sphere(), surface.xyz_um, errors, notes, "sphere")
    found.add_deviations(("peak", "valley", "rms"), trials, seed)
    zone = None if reference == "ls" else found.zone
    pose, size = (found.fit.pose, found.fit.size) if zone is None else (zone.pose, zone.size)
    names = ("centre_x", "centre_y", "centre_z", "radius")
    across = np.eye(4)
    across[:3, :3] = pose.frame.T
    found.add_displacements(zone, {name: (row, "mm") for name, row in zip(names, across, strict=True)})
    fit, unit = found.fit, found.unit
    cone = widest_empty_cone(found.scaled.points - pose.origin)
    if cone > _PARTIAL:
        found.flags.append(
            Note("partial-sphere", f"the points leave a cone of {np.degrees(cone):.1f}° half opening out")
        )
    away = found.scaled.points - found.zone.pose.origin

    def deviation(name: str, value: float) -> Quantity:
        return Quantity(value * unit, "µm", found.u(name))

    place = [*found.world(pose), size * unit / 1000]
    return Sphericity(
        ls_deviation=deviation("ls_deviation", fit.deviation),
        mz_deviation=deviation("mz_deviation", found.zone.width),
        peak=deviation("peak", float(fit.residuals.max())),
        valley=deviation("valley", -float(fit.residuals.min())),
        rms=deviation("rms", fit.rms),
        **{n: Quantity(float(v), "mm", found.u(n)) for n, v in zip(names, place, strict=True)},
        empty_cone=Quantity(float(np.degrees(cone)), "deg"),
        certificate_residual=Quantity(found.zone.residual),
        zone_optimality=Quantity("global" if found.zone.proven else "local"),
        reference=Quantity(reference),
        contacts=found.contacts(),
        budget=found.budget(),
        flags=(*found.flags, *found.disagreements()),
        refusals=(),
        drawn={
            "across": np.degrees(np.arctan2(away[:, 1], away[:, 0])) % 360,
            "along": np.degrees(np.arcsin(np.clip(away[:, 2] / found.zone.distances, -1, 1))),
            "deviation_um": (found.zone.distances - found.zone.size) * unit,
            "contacts": found.zone.contacts,
            "sides": found.zone.sides,
        },
    )


@sphericity.plot
def _draw(result: Sphericity) -> dict[str, Any]:
    titles = ("azimuth [deg]", "latitude [deg]")
    return draw_surface(result.drawn, result.mz_deviation, name="sphericity", titles=titles)
