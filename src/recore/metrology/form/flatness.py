"""Flatness of a surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from recore.method import Artifact, Note, Tolerance, Unit, method
from recore.metrology.form.evaluation import Evaluation, PointErrors
from recore.metrology.form.feature import Flat
from recore.metrology.form.form_plot import Drawn, draw_surface
from recore.metrology.form.measured import Points
from recore.quantity import Quantity


@dataclass(frozen=True)
class Flatness:
    """Flatness deviations about two reference planes.

    Parameters
    ----------
    ls_deviation, mz_deviation : flatness deviation FLTt [µm] about the least-squares and the minimum zone plane
    fltp, fltv, fltq : peak-to-reference, reference-to-valley and root-mean-square deviation from the least-squares
        plane [µm]
    normal_x, normal_y, normal_z : of the chosen reference plane, the largest component positive
    certificate_residual : largest violation of the minimum zone's optimality condition / size
    zone_optimality : 'global' where no plane anywhere gives a narrower zone (proven), else 'local'
    contacts, budget : the certificate's contacts and multipliers; what makes up each uncertainty
    """

    ls_deviation: Annotated[Quantity, Unit("µm")]
    mz_deviation: Annotated[Quantity, Unit("µm")]
    fltp: Annotated[Quantity, Unit("µm")]
    fltv: Annotated[Quantity, Unit("µm")]
    fltq: Annotated[Quantity, Unit("µm")]
    normal_x: Annotated[Quantity, Unit("1")]
    normal_y: Annotated[Quantity, Unit("1")]
    normal_z: Annotated[Quantity, Unit("1")]
    certificate_residual: Annotated[Quantity, Unit("1")]
    zone_optimality: Quantity
    reference: Quantity
    contacts: Annotated[pa.Table, Artifact("contacts.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    drawn: Drawn


@method(
    "form.flatness",
    version=1,
    standard="ISO 12781-1:2011",
    reproducible={
        "certificate_residual": Tolerance(absolute=1e-9),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def flatness(
    surface: Points,
    *,
    reference: Literal["ls", "mz"] = "ls",
    point_uncertainty_um: Annotated[float | None, Unit("µm"), Field(ge=0)] = None,
    instrument_form_um: Annotated[float, Unit("µm"), Field(ge=0)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=10_000)] = 200,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Flatness:
    """Flatness deviation of a surface about the least-squares and the minimum zone plane, with certificate.

    Parameters
    ----------
    surface : columns x_mm, y_mm, z_mm; points in any order and any pose
    reference : plane that the normal belongs to: ls or mz
    point_uncertainty_um : expanded uncertainty (k = 2) of one point across the surface [µm], independent from point to
        point
    instrument_form_um : expanded uncertainty (k = 2) that the instrument's own guides or table give to a deviation
        [µm]
    trials, seed : Monte Carlo trials for the uncertainty (0: none), and the seed of their errors

    Returns
    -------
    Flatness : every deviation with U(k = 2)

    Notes
    -----
    Minimum zone by exchange: four contacts whose multipliers balance are the certificate. It is proven global when
    the contacts lie farther apart than the zone is wide. Nothing is filtered.

    Refuses fewer than four distinct points, and points on a line.

    References
    ----------
    ISO 12781-1:2011 (terms and parameters).
    """
    errors, notes = PointErrors.stated_or_seen(point_uncertainty_um, None, instrument_form_um)
    found = Evaluation.of(Flat(3), surface.xyz_um, errors, notes, "plane")
    found.add_deviations(("fltp", "fltv", "fltq"), trials, seed)
    zone = None if reference == "ls" else found.zone
    pose = found.fit.pose if zone is None else zone.pose
    names = ("normal_x", "normal_y", "normal_z")
    found.add_tilts(zone, pose, -np.eye(2, 3), dict(zip(names, range(3), strict=True)))
    fit, unit = found.fit, found.unit
    local = found.zone.pose.local(found.scaled.points)

    def deviation(name: str, value: float) -> Quantity:
        return Quantity(value * unit, "µm", found.u(name))

    normal = {n: Quantity(float(v), "1", found.u(n)) for n, v in zip(names, pose.frame[-1], strict=True)}
    return Flatness(
        ls_deviation=deviation("ls_deviation", fit.deviation),
        mz_deviation=deviation("mz_deviation", found.zone.width),
        fltp=deviation("fltp", float(fit.residuals.max())),
        fltv=deviation("fltv", -float(fit.residuals.min())),
        fltq=deviation("fltq", fit.rms),
        **normal,
        certificate_residual=Quantity(found.zone.residual),
        zone_optimality=Quantity("global" if found.zone.proven else "local"),
        reference=Quantity(reference),
        contacts=found.contacts(),
        budget=found.budget(),
        flags=(*found.flags, *found.disagreements()),
        refusals=(),
        drawn={
            "across": local[:, 0] * unit / 1000,
            "along": local[:, 1] * unit / 1000,
            "deviation_um": (found.zone.distances - found.zone.size) * unit,
            "contacts": found.zone.contacts,
            "sides": found.zone.sides,
        },
    )


@flatness.plot
def _draw(result: Flatness) -> dict[str, Any]:
    return draw_surface(
        result.drawn, result.mz_deviation, name="FLTt", titles=("in the plane [mm]", "in the plane [mm]")
    )
