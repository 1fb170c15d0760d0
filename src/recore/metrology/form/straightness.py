"""Straightness of a profile in a plane, and of a line in space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from recore.errors import BadInput
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import regression_filter
from recore.metrology.form import space_line
from recore.metrology.form.evaluation import Evaluation, PointErrors
from recore.metrology.form.feature import Flat, Floats
from recore.metrology.form.form_plot import Drawn, draw_line
from recore.metrology.form.measured import LinePoints
from recore.metrology.profile_filter import NotFilterable
from recore.quantity import Quantity


@dataclass(frozen=True)
class Straightness:
    """Straightness deviations about two reference lines.

    Parameters
    ----------
    ls_deviation, mz_deviation : straightness deviation STRt [µm] about the least-squares and the minimum zone line;
        of a line in space the diameter of the cylinder about it
    strp, strv, strq : peak-to-reference, reference-to-valley and root-mean-square deviation from the least-squares
        line [µm], of a profile in a plane only
    slope : of the chosen reference line of a profile [rad]
    direction_x, direction_y, direction_z : of the chosen reference line in space
    length : along the line [mm]
    certificate_residual : largest violation of the minimum zone's optimality condition / size
    zone_optimality : 'global' where no line anywhere gives a narrower zone (proven), else 'local'
    contacts, budget : the certificate's contacts and multipliers; what makes up each uncertainty
    """

    ls_deviation: Annotated[Quantity, Unit("µm")]
    mz_deviation: Annotated[Quantity, Unit("µm")]
    strp: Annotated[Quantity | None, Unit("µm")]
    strv: Annotated[Quantity | None, Unit("µm")]
    strq: Annotated[Quantity | None, Unit("µm")]
    slope: Annotated[Quantity | None, Unit("rad")]
    direction_x: Annotated[Quantity | None, Unit("1")]
    direction_y: Annotated[Quantity | None, Unit("1")]
    direction_z: Annotated[Quantity | None, Unit("1")]
    length: Annotated[Quantity, Unit("mm")]
    certificate_residual: Annotated[Quantity, Unit("1")]
    zone_optimality: Quantity
    reference: Quantity
    contacts: Annotated[pa.Table, Artifact("contacts.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    drawn: Drawn


@method(
    "form.straightness",
    version=1,
    standard="ISO 12780-1:2011, ISO 12780-2:2011, ISO 16610-21, ISO 16610-28, ISO 16610-31",
    reproducible={
        "certificate_residual": Tolerance(absolute=1e-9),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def straightness(
    line: LinePoints,
    *,
    cutoff_mm: Annotated[float | None, Unit("mm"), Field(gt=0)] = None,
    filter: Literal["gaussian", "robust"] = "gaussian",
    reference: Literal["ls", "mz"] = "ls",
    point_uncertainty_um: Annotated[float | None, Unit("µm"), Field(ge=0)] = None,
    instrument_form_um: Annotated[float, Unit("µm"), Field(ge=0)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=10_000)] = 200,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Straightness:
    """Straightness deviation of a profile or of a line in space, least squares and minimum zone with certificate.

    Parameters
    ----------
    line : columns position_mm and deviation_um (a profile in a plane), or x_mm, y_mm, z_mm (a line in space, such as a
        median line), in any order
    cutoff_mm : cut-off wavelength of the filter [mm] (0.25, 0.8, 2.5, 8, 25 are the usual ones); without it nothing is
        filtered
    filter : gaussian (ISO 16610-21, with ends that let a straight line pass), or robust (ISO 16610-31, order 2:
        scratches and spikes do not pull it)
    reference : line that slope or direction belong to: ls or mz
    point_uncertainty_um : expanded uncertainty (k = 2) of one point across the line [µm], independent from point to
        point
    instrument_form_um : expanded uncertainty (k = 2) that the straightness of the guide or straight edge gives to a
        deviation [µm]
    trials, seed : Monte Carlo trials for the uncertainty (0: none), and the seed of their errors

    Returns
    -------
    Straightness : every deviation with U(k = 2)

    Notes
    -----
    Minimum zone by exchange; the certificate is the multipliers of its contacts. In a plane it is proven global when
    the contacts lie farther apart than the zone is wide. Without point_uncertainty_um the noise is taken from the
    differences of a profile read at equal steps. Where the larger of the first-order and the Monte Carlo
    uncertainty is stated, a flag says so.

    Refuses fewer than three distinct points, points in space that are no line, and a filter with fewer than 7 readings for each cut-off
    length or a profile shorter than it.

    References
    ----------
    ISO 12780-1:2011 (terms and parameters), ISO 12780-2:2011 (cut-offs); ISO 12180-1:2011 for a median line.
    """
    if line.position_um is None or line.deviation_um is None:
        if cutoff_mm is not None:
            raise BadInput(
                "a cut-off for a line in space",
                where="cutoff_mm",
                right="only profiles (position_mm, deviation_um) are filtered",
            )
        assert line.xyz_um is not None
        errors, notes = PointErrors.stated_or_seen(point_uncertainty_um, None, instrument_form_um)
        return _in_space(line.xyz_um, errors, notes, reference, trials, seed)
    errors, notes = PointErrors.stated_or_seen(point_uncertainty_um, line.noise(), instrument_form_um)
    position, deviation = line.position_um, line.deviation_um
    if cutoff_mm is not None:
        position, deviation, errors, more = _filtered(position, deviation, 1000 * cutoff_mm, filter, errors)
        notes = notes + more
    found = Evaluation.of(Flat(2), np.column_stack((position, deviation)), errors, notes, "line")
    found.add_deviations(("strp", "strv", "strq"), trials, seed)
    zone = None if reference == "ls" else found.zone
    pose = found.fit.pose if zone is None else zone.pose
    found.add_displacements(zone, {"slope": (np.array([1.0, 0.0]), "rad")})
    normal = pose.frame[-1]
    fit, unit = found.fit, found.unit
    order = np.argsort(position, kind="stable")

    def deviation_of(name: str, value: float) -> Quantity:
        return Quantity(value * unit, "µm", found.u(name))

    return Straightness(
        ls_deviation=deviation_of("ls_deviation", fit.deviation),
        mz_deviation=deviation_of("mz_deviation", found.zone.width),
        strp=deviation_of("strp", float(fit.residuals.max())),
        strv=deviation_of("strv", -float(fit.residuals.min())),
        strq=deviation_of("strq", fit.rms),
        slope=Quantity(float(np.arctan2(-normal[0], normal[1])), "rad", found.u("slope")),
        direction_x=None,
        direction_y=None,
        direction_z=None,
        length=Quantity(float(np.ptp(position)) / 1000, "mm"),
        certificate_residual=Quantity(found.zone.residual),
        zone_optimality=Quantity("global" if found.zone.proven else "local"),
        reference=Quantity(reference),
        contacts=found.contacts(),
        budget=found.budget(),
        flags=(*found.flags, *found.disagreements()),
        refusals=(),
        drawn={
            "position_mm": position[order] / 1000,
            "deviation_um": (found.zone.distances[order] - found.zone.size) * unit,
            "contact_mm": position[found.zone.contacts] / 1000,
            "contact_um": found.zone.sides * found.zone.width * unit / 2,
        },
    )


def _filtered(
    position: Floats, deviation: Floats, cutoff_um: float, kind: str, errors: PointErrors
) -> tuple[Floats, Floats, PointErrors, list[Note]]:
    try:
        even = regression_filter.evened_line(position, deviation, cutoff_um)
        if kind == "robust":
            found = regression_filter.robust(even.deviation, cutoff_um / even.step, closed=False)
        else:
            found = regression_filter.gaussian(even.deviation, cutoff_um / even.step)
    except NotFilterable as error:
        raise Refusal("filter-not-possible", f"the profile cannot be filtered: {error}") from None
    notes = []
    if even.merged:
        notes.append(
            Note("readings-averaged", f"{even.merged} readings at the place of another were averaged with it")
        )
    if even.interpolated > 0.05:
        notes.append(
            Note(
                "readings-interpolated",
                f"readings up to {even.interpolated:.2g} steps off equally spaced places were interpolated for the filter",
            )
        )
    rejected = int((found.weights == 0).sum())
    if rejected:
        notes.append(
            Note(
                "readings-rejected",
                f"the robust filter gave {rejected} of {len(found.weights)} readings no weight",
            )
        )
    return (
        even.position,
        found.values,
        replace(errors, again=found.again, adjoint=found.adjoint),
        notes,
    )


def _in_space(
    xyz_um: Floats, errors: PointErrors, notes: list[Note], reference: str, trials: int, seed: int
) -> Straightness:
    found = space_line.evaluated(xyz_um, errors, reference, trials, seed)
    return Straightness(
        ls_deviation=Quantity(found.ls_deviation, "µm", found.u("ls_deviation")),
        mz_deviation=Quantity(found.mz_deviation, "µm", found.u("mz_deviation")),
        strp=None,
        strv=None,
        strq=None,
        slope=None,
        direction_x=Quantity(float(found.direction[0]), "1", found.u("direction_x")),
        direction_y=Quantity(float(found.direction[1]), "1", found.u("direction_y")),
        direction_z=Quantity(float(found.direction[2]), "1", found.u("direction_z")),
        length=Quantity(found.length / 1000, "mm"),
        certificate_residual=Quantity(found.residual),
        zone_optimality=Quantity("global" if found.proven else "local"),
        reference=Quantity(reference),
        contacts=found.contacts,
        budget=found.budget,
        flags=(*notes, *found.flags),
        refusals=(),
        drawn=found.drawn,
    )


@straightness.plot
def _draw(result: Straightness) -> dict[str, Any]:
    return draw_line(result.drawn, result.mz_deviation)
