"""Cylindricity of a surface, with the form of its generatrices, sections and median line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import circles
from recore.metrology.form.cylinder_lines import lines_of
from recore.metrology.form.evaluation import Evaluation, PointErrors
from recore.metrology.form.feature import Cylinder, Pose
from recore.metrology.form.form_plot import Drawn, draw_surface
from recore.metrology.form.measured import CylinderPoints
from recore.metrology.form.one_sided import NotLocked, circumscribed, inscribed
from recore.metrology.form.zone import Zone
from recore.quantity import Quantity

_PARTIAL = np.radians(60)


@dataclass(frozen=True)
class Cylindricity:
    """Cylindricity deviations about four reference cylinders; axis and radius of the chosen one.

    Parameters
    ----------
    ls_deviation, mz_deviation, mc_deviation, mi_deviation : peak-to-valley cylindricity deviation CYLt [µm] about the
        least-squares, minimum zone, minimum circumscribed and maximum inscribed cylinder
    cylp, cylv, cylq : peak-to-reference, reference-to-valley and root-mean-square deviation from the least-squares
        cylinder [µm]
    axis_x, axis_y, axis_z : direction of the axis, the largest component positive
    point_x, point_y, point_z : of the axis in the middle of the length [mm]
    radius, length : radius of the chosen cylinder, and what the points span along it [mm]
    arc : angle that the points span, seen from the axis [deg]
    generatrix_straightness : largest straightness deviation of a generatrix [µm]
    median_line_straightness : diameter of the narrowest cylinder about the centres of the sections [µm]
    taper : half the change of the local diameter over the length, the largest of all planes through the axis [µm]
    taper_angle : angle between the two opposite generatrices in that plane [rad]
    certificate_residual : largest violation of the minimum zone's optimality condition / size
    zone_optimality : 'local': proven against small displacements of the axis only
    contacts, budget : the certificates' contacts and multipliers; what makes up each uncertainty
    """

    ls_deviation: Annotated[Quantity, Unit("µm")]
    mz_deviation: Annotated[Quantity, Unit("µm")]
    mc_deviation: Annotated[Quantity | None, Unit("µm")]
    mi_deviation: Annotated[Quantity | None, Unit("µm")]
    cylp: Annotated[Quantity, Unit("µm")]
    cylv: Annotated[Quantity, Unit("µm")]
    cylq: Annotated[Quantity, Unit("µm")]
    axis_x: Annotated[Quantity, Unit("1")]
    axis_y: Annotated[Quantity, Unit("1")]
    axis_z: Annotated[Quantity, Unit("1")]
    point_x: Annotated[Quantity, Unit("mm")]
    point_y: Annotated[Quantity, Unit("mm")]
    point_z: Annotated[Quantity, Unit("mm")]
    radius: Annotated[Quantity, Unit("mm")]
    length: Annotated[Quantity, Unit("mm")]
    arc: Annotated[Quantity, Unit("deg")]
    generatrix_straightness: Annotated[Quantity | None, Unit("µm")]
    median_line_straightness: Annotated[Quantity | None, Unit("µm")]
    taper: Annotated[Quantity | None, Unit("µm")]
    taper_angle: Annotated[Quantity | None, Unit("rad")]
    certificate_residual: Annotated[Quantity, Unit("1")]
    zone_optimality: Quantity
    reference: Quantity
    contacts: Annotated[pa.Table, Artifact("contacts.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    drawn: Drawn


@method(
    "form.cylindricity",
    version=1,
    standard="ISO 12180-1:2011",
    reproducible={
        "certificate_residual": Tolerance(absolute=1e-9),
        "arc": Tolerance(absolute=1e-6),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def cylindricity(
    surface: CylinderPoints,
    *,
    reference: Literal["ls", "mz", "mc", "mi"] = "ls",
    point_uncertainty_um: Annotated[float | None, Unit("µm"), Field(ge=0)] = None,
    instrument_form_um: Annotated[float, Unit("µm"), Field(ge=0)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=10_000)] = 200,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Cylindricity:
    """Cylindricity deviation about four reference cylinders, taper, generatrix and median line straightness.

    Parameters
    ----------
    surface : columns angle_deg, z_mm, radius_um (full radius, about the axis of rotation), or x_mm, y_mm, z_mm in any
        pose; points in any order
    reference : cylinder that axis and radius belong to: ls, mz, mc or mi
    point_uncertainty_um : expanded uncertainty (k = 2) of one radius reading [µm], independent from point to point
    instrument_form_um : expanded uncertainty (k = 2) that the instrument's spindle and guide give to a deviation [µm]
    trials, seed : Monte Carlo trials for the uncertainty (0: none), and the seed of their errors

    Returns
    -------
    Cylindricity : every deviation with U(k = 2)

    Notes
    -----
    Minimum zone and inscribed cylinder by exchange, circumscribed cylinder by an interior point method; the
    multipliers of the contacts are the certificates, and U of the zone comes from them. All are local: that no axis
    far off gives a better one is not proven. Nothing is filtered.

    Sections and generatrices are looked at where the points lie on them: at least three heights (angles) that hold
    at least three points each, and clearly apart. Without point_uncertainty_um the noise is taken from the upper half of
    the spectra of the sections, where these are read at equal angles.

    Refuses fewer than six distinct points; points that leave the axis free (one section, two generatrices, a plane);
    circumscribed and inscribed cylinder on half a turn or less; an inscribed cylinder that is not locked.

    References
    ----------
    ISO 12180-1:2011 (terms and parameters); the median line joins the centres of the sections' least-squares circles.
    """
    errors, notes = PointErrors.stated_or_seen(point_uncertainty_um, surface.noise(), instrument_form_um)
    upright = None
    if surface.angle_rad is not None:
        upright = Pose(np.array([0.0, 0.0, float(np.mean(surface.xyz_um[:, 2]))]), np.eye(3))
    found = Evaluation.of(Cylinder(), surface.xyz_um, errors, notes, "cylinder", upright)
    found.add_deviations(("cylp", "cylv", "cylq"), trials, seed)
    local = found.fit.pose.local(found.scaled.points)
    gap = circles.largest_gap(local[:, 0], local[:, 1], 0.0, 0.0)
    if gap > _PARTIAL:
        found.flags.append(
            Note("partial-arc", f"the points leave {np.degrees(gap):.1f}° of the circumference out")
        )
    others, refusals = _one_sided(found, gap)
    if reference in ("mc", "mi") and reference not in others:
        raise Refusal(*refusals[-1])
    chosen: dict[str, Zone | None] = {"ls": None, "mz": found.zone, **others}
    zone = chosen[reference]
    pose, size = (found.fit.pose, found.fit.size) if zone is None else (zone.pose, zone.size)
    names = ("axis_x", "axis_y", "axis_z")
    found.add_tilts(zone, pose, np.eye(2, 5, 2), dict(zip(names, range(3), strict=True)))
    shift = np.zeros((3, 5))
    shift[:, :2] = pose.frame[:2].T
    places = ("point_x", "point_y", "point_z")
    found.add_displacements(
        zone,
        {name: (row, "mm") for name, row in zip(places, shift, strict=True)}
        | {"radius": (np.eye(5)[4], "mm")},
    )
    lines = lines_of(found.fit, found.scaled, surface, errors)
    for name, value, unit in lines.contributions():
        found.add(name, value, unit=unit)
    fit, unit_um = found.fit, found.unit
    shown = found.zone.pose.local(found.scaled.points)

    def deviation(name: str, value: float) -> Quantity:
        return Quantity(value * unit_um, "µm", found.u(name))

    def one_sided(name: str) -> Quantity | None:
        return deviation(f"{name}_deviation", others[name].width) if name in others else None

    def line(name: str, unit: str = "µm") -> Quantity | None:
        value = getattr(lines, name)
        return None if value is None else Quantity(value, unit, found.u(name))

    return Cylindricity(
        ls_deviation=deviation("ls_deviation", fit.deviation),
        mz_deviation=deviation("mz_deviation", found.zone.width),
        mc_deviation=one_sided("mc"),
        mi_deviation=one_sided("mi"),
        cylp=deviation("cylp", float(fit.residuals.max())),
        cylv=deviation("cylv", -float(fit.residuals.min())),
        cylq=deviation("cylq", fit.rms),
        **{n: Quantity(float(v), "1", found.u(n)) for n, v in zip(names, pose.frame[2], strict=True)},
        **{n: Quantity(float(v), "mm", found.u(n)) for n, v in zip(places, found.world(pose), strict=True)},
        radius=Quantity(size * unit_um / 1000, "mm", found.u("radius")),
        length=Quantity(float(np.ptp(local[:, 2])) * unit_um / 1000, "mm"),
        arc=Quantity(float(np.degrees(2 * np.pi - gap)), "deg"),
        generatrix_straightness=line("generatrix_straightness"),
        median_line_straightness=line("median_line_straightness"),
        taper=line("taper"),
        taper_angle=line("taper_angle", "rad"),
        certificate_residual=Quantity(found.zone.residual),
        zone_optimality=Quantity("local"),
        reference=Quantity(reference),
        contacts=found.contacts(others),
        budget=found.budget(),
        flags=(*found.flags, *found.disagreements()),
        refusals=tuple(refusals),
        drawn={
            "across": np.degrees(np.arctan2(shown[:, 1], shown[:, 0])) % 360,
            "along": shown[:, 2] * unit_um / 1000,
            "deviation_um": (found.zone.distances - found.zone.size) * unit_um,
            "contacts": found.zone.contacts,
            "sides": found.zone.sides,
        },
    )


def _one_sided(found: Evaluation, gap: float) -> tuple[dict[str, Zone], list[Note]]:
    if gap >= np.pi:
        text = "no circumscribed and no inscribed cylinder: the points span half a turn or less"
        return {}, [Note("half-turn", text)]
    points, start = found.scaled.points, found.fit.pose
    others = {"mc": circumscribed(points, start)}
    refusals = []
    try:
        others["mi"] = inscribed(points, start)
    except NotLocked as error:
        refusals.append(Note("not-locked", f"no maximum inscribed cylinder: {error}"))
    for name, zone in others.items():
        found.add_one_sided(f"{name}_deviation", zone)
    return others, refusals


@cylindricity.plot
def _draw(result: Cylindricity) -> dict[str, Any]:
    titles = ("angle [deg]", "along the axis [mm]")
    return draw_surface(result.drawn, result.mz_deviation, name="CYLt", titles=titles)
