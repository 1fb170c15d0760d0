"""Roundness of a measured profile about the four reference circles of ISO 12181."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import circles, profile_filter, regression_filter
from recore.metrology.circles import Circle
from recore.metrology.reading_noise import noise_of_record
from recore.metrology.reading_uncertainty import CircleSpread, ReadingErrors, spread_about, spread_of_rms
from recore.metrology.roundness_budget import roundness_budget
from recore.metrology.roundness_plot import draw_profile
from recore.quantity import Quantity

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]
Reference = Literal["lsc", "mzc", "mcc", "mic"]

_PARTIAL = np.radians(60)
_WIDENED = 0.1
_CERTIFIED = 1e-9


@dataclass(frozen=True)
class Profile:
    """Points of a measured circumferential line in one plane.

    Parameters
    ----------
    x_um, y_um : (n,) coordinates [µm], in any order
    angle_rad : (n,) angles of the readings where they were taken in polar form, else None
    """

    x_um: Floats
    y_um: Floats
    angle_rad: Floats | None = None

    @classmethod
    def from_table(cls, table: Table) -> Profile:
        """Columns angle_deg and radius_um (the full radius, from the axis of rotation), or x_mm and y_mm.

        Raises
        ------
        BadInput : neither pair or both are there, or a radius is not positive
        """
        polar = [name for name in ("angle_deg", "radius_um") if table.has(name)]
        plane = [name for name in ("x_mm", "y_mm") if table.has(name)]
        if len(polar) == 2 and len(plane) == 2:
            raise BadInput(
                "the profile is given twice, in polar and in plane coordinates",
                where=table.name,
                right="give angle_deg and radius_um, or x_mm and y_mm",
            )
        if polar and len(plane) < 2:
            return cls.polar(table.floats("angle_deg"), table.floats("radius_um"), where=table.name)
        if plane:
            return cls(table.floats("x_um"), table.floats("y_um"))
        raise BadInput(
            f"the columns are {', '.join(table.columns)}",
            where=table.name,
            right="angle_deg and radius_um (full radius), or x_mm and y_mm, are wanted",
        )

    @classmethod
    def polar(cls, angle_deg: Floats, radius_um: Floats, *, where: str = "profile") -> Profile:
        """From angles [deg] and full radii [µm]; any eccentricity is kept exactly."""
        if (radius_um <= 0).any():
            row = int(np.argmax(radius_um <= 0))
            raise BadInput(
                f"radius {radius_um[row]:g} µm",
                where=f"{where}, column 'radius_um', row {row + 1}",
                right="the full radius is wanted, not the deviation from a circle",
            )
        # the remainder in degrees is exact; in radians it would not be
        angle = np.radians(np.mod(angle_deg, 360.0))
        return cls(radius_um * np.cos(angle), radius_um * np.sin(angle), angle)

    def around(self, circle: Circle) -> tuple[Floats, Floats]:
        """Angles [rad] and distances [µm] of the points from the centre of a circle."""
        x, y = self.x_um - circle.x, self.y_um - circle.y
        return np.arctan2(y, x), np.hypot(x, y)


@dataclass(frozen=True)
class Roundness:
    """Roundness deviations about four reference circles; centre and the rest about the chosen one.

    Parameters
    ----------
    lsc_deviation, mzc_deviation, mcc_deviation, mic_deviation : peak-to-valley roundness deviation RONt [µm]
        about the least-squares, minimum zone, minimum circumscribed and maximum inscribed circle
    centre_x, centre_y, radius : of the chosen reference circle [µm]; centre from the origin of the data
    ronp, ronv, ronq : peak-to-reference, reference-to-valley and root-mean-square deviation [µm]
    certificate_residual : largest violation of the minimum zone's optimality condition / radius
    zone_optimality : 'global' where no centre anywhere gives a narrower zone (proven), else 'local'
    arc : angle that the readings span, seen from the least-squares centre [deg]
    reference : the chosen circle
    budget : what the readings' noise gives to each deviation, by derivative and by Monte Carlo
    profile, circle : the profile after the filter, and the chosen circle
    """

    lsc_deviation: Annotated[Quantity, Unit("µm")]
    mzc_deviation: Annotated[Quantity, Unit("µm")]
    mcc_deviation: Annotated[Quantity | None, Unit("µm")]
    mic_deviation: Annotated[Quantity | None, Unit("µm")]
    centre_x: Annotated[Quantity, Unit("µm")]
    centre_y: Annotated[Quantity, Unit("µm")]
    radius: Annotated[Quantity, Unit("µm")]
    ronp: Annotated[Quantity, Unit("µm")]
    ronv: Annotated[Quantity, Unit("µm")]
    ronq: Annotated[Quantity, Unit("µm")]
    certificate_residual: Annotated[Quantity, Unit("1")]
    zone_optimality: Quantity
    arc: Annotated[Quantity, Unit("deg")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    reference: Quantity
    profile: Profile
    circle: Circle


@method(
    "roundness.form",
    version=1,
    standard="ISO 12181-1:2011, ISO 12181-2:2011, ISO 16610-21",
    reproducible={
        "certificate_residual": Tolerance(absolute=1e-9),
        "arc": Tolerance(absolute=1e-6),
        # a reading of 1 m is good to 1e-10 µm in double precision; the shortest arcs lose three digits of it
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def form(
    profile: Profile,
    *,
    cutoff_upr: Annotated[float | None, Field(gt=0, le=100_000)] = None,
    filter: Literal["gaussian", "robust"] = "gaussian",
    reference: Reference = "lsc",
    point_uncertainty_um: Annotated[float | None, Unit("µm"), Field(ge=0)] = None,
    trials: Annotated[int, Field(ge=0, le=10_000)] = 40,
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1,
) -> Roundness:
    """Roundness deviation of a profile about least-squares, minimum zone, circumscribed and inscribed circles.

    Parameters
    ----------
    profile : points of one cross-section, in any order
    cutoff_upr : cut-off of the Gaussian filter [undulations per revolution], which lets one half of the amplitude
        through (15, 50, 150, 500 and 1500 are the usual ones); without it nothing is filtered
    filter : gaussian (ISO 16610-21), or robust (ISO 16610-31, Gaussian regression of order 2: scratches and spikes do
        not pull it)
    reference : circle that centre, radius and RONp, RONv, RONq belong to; the default of ISO 12181 is the
        least-squares circle
    point_uncertainty_um : expanded uncertainty (k = 2) of a single radius reading [µm], independent from reading
        to reading
    trials, seed : of the Monte Carlo in the budget; no more than 200,000 readings are drawn in all, so that a record of
        more than 10,000 has none

    Returns
    -------
    Roundness : every deviation with U(k = 2)

    Notes
    -----
    What is filtered: the distance from the least-squares centre of all readings over the angle seen from there.
    Where these angles are not equally spaced, a periodic cubic spline gives as many equally spaced ones.
    All four circles then belong to the filtered profile.

    Uncertainty: the errors of the readings are carried to each result by its derivative (for the minimum zone
    these are the multipliers of the certificate), with the correlation that the filter makes. Where no
    point_uncertainty_um is given, the noise is taken from the upper half of the record's spectrum if that is
    flat. Not covered: what moves all readings together (spindle error, probe calibration, tip radius, clamping,
    temperature), and that noise widens a zone on average, which a flag names where it matters.

    Refuses fewer than four distinct points; points on a line; a filter with fewer than 7 readings for each undulation of
    the cut-off or on an open profile; circumscribed and inscribed circle on half a turn or less.

    References
    ----------
    ISO 12181-1:2011 (terms and parameters), ISO 12181-2:2011 (filters, cut-offs), ISO 16610-21 (Gaussian filter),
    ISO 16610-31 (robust Gaussian regression filter).
    """
    least_squares = _least_squares(profile)
    flags: list[Note] = []
    refusals: list[Note] = []
    spread, origin = _reading_spread(profile, least_squares, point_uncertainty_um)
    flags += origin
    transmission = None
    if cutoff_upr is not None:
        profile, notes = _filtered(profile, least_squares, cutoff_upr, filter)
        flags += notes
        least_squares = _least_squares(profile)
        lets_through = (
            regression_filter.robust_transmission if filter == "robust" else profile_filter.transmission
        )
        transmission = lets_through(np.arange(len(profile.x_um) // 2 + 1.0), cutoff_upr)
    x, y = profile.x_um, profile.y_um
    start = (least_squares.x, least_squares.y)
    gap = circles.largest_gap(x, y, *start)
    if gap > _PARTIAL:
        flags.append(
            Note("partial-arc", f"the readings leave {np.degrees(gap):.1f}° of the circumference out")
        )
    found: dict[str, Circle] = {"lsc": least_squares, "mzc": _minimum_zone(profile, start)}
    if gap < np.pi:
        found["mcc"] = circles.minimum_circumscribed(x, y, start)
        try:
            found["mic"] = circles.maximum_inscribed(x, y, start)
        except circles.NotLocked as error:
            refusals.append(Note("not-locked", f"no maximum inscribed circle: {error}"))
    else:
        refusals.append(
            Note(
                "half-turn", "no circumscribed and no inscribed circle: the readings span half a turn or less"
            )
        )
    if reference not in found:
        raise Refusal(*refusals[-1])
    errors = None if spread is None else ReadingErrors(spread, len(x), transmission)
    spreads = {
        name: None if errors is None else spread_about(c, x, y, circles.sensitivities(c, name, x, y), errors)
        for name, c in found.items()
    }
    zone = found["mzc"]
    flags += _optimality(found)
    if errors is not None:
        flags += _widened(zone, errors)
        if any(s is not None and s.centre_x is None for s in spreads.values()):
            flags.append(
                Note(
                    "contacts-tie",
                    "more than a dozen points touch a circle alike: U is that of the difference of two readings",
                )
            )
        flags += _thin_contacts(found, spreads)
    budget = roundness_budget(
        found, spreads, errors, (x, y), seen=point_uncertainty_um is None, trials=trials, seed=seed
    )
    circle, about = found[reference], spreads[reference]
    rms_spread = None
    if errors is not None:
        responses = circles.sensitivities(circle, reference, x, y)
        rms_spread = spread_of_rms(circle, x, y, responses, errors)
    rms = float(np.sqrt(np.mean((circle.distances(x, y) - circle.radius) ** 2)))

    def quantity(value: float, name: str) -> Quantity:
        return Quantity(value, "µm", None if about is None else getattr(about, name))

    def deviation(name: str) -> Quantity:
        stated = spreads[name]
        return Quantity(found[name].deviation, "µm", None if stated is None else stated.deviation)

    return Roundness(
        lsc_deviation=deviation("lsc"),
        mzc_deviation=deviation("mzc"),
        mcc_deviation=deviation("mcc") if "mcc" in found else None,
        mic_deviation=deviation("mic") if "mic" in found else None,
        centre_x=quantity(circle.x, "centre_x"),
        centre_y=quantity(circle.y, "centre_y"),
        radius=quantity(circle.radius, "radius"),
        ronp=quantity(circle.outer - circle.radius, "peak"),
        ronv=quantity(circle.radius - circle.inner, "valley"),
        ronq=Quantity(rms, "µm", rms_spread),
        certificate_residual=Quantity(zone.residual),
        zone_optimality=Quantity("global" if zone.proven else "local"),
        arc=Quantity(float(np.degrees(2 * np.pi - gap)), "deg"),
        budget=budget,
        flags=tuple(flags),
        refusals=tuple(refusals),
        reference=Quantity(reference),
        profile=profile,
        circle=circle,
    )


def _least_squares(profile: Profile) -> Circle:
    points = profile.x_um + 1j * profile.y_um
    if len(set(points[:1000].tolist())) < 4 and len(set(points.tolist())) < 4:
        raise Refusal("too-few-points", "fewer than four distinct points determine no minimum zone")
    try:
        return circles.least_squares(profile.x_um, profile.y_um)
    except circles.NoCircle as error:
        raise Refusal("no-circle", f"no least-squares circle: {error}") from None


def _minimum_zone(profile: Profile, start: tuple[float, float]) -> Circle:
    try:
        return circles.minimum_zone(profile.x_um, profile.y_um, start)
    except circles.NoCircle as error:
        raise Refusal("no-zone", f"no minimum zone: {error}") from None


def _reading_spread(
    profile: Profile, circle: Circle, stated: float | None
) -> tuple[float | None, list[Note]]:
    """Expanded uncertainty of one reading [µm], and where it comes from."""
    if stated is not None:
        return stated, []
    angle, distance = profile.around(circle)
    if profile.angle_rad is not None:
        angle, distance = profile.angle_rad, np.hypot(profile.x_um, profile.y_um)
    noise = noise_of_record(angle, distance)
    if noise is None:
        return None, [
            Note(
                "uncertainty-unknown",
                "no uncertainty is stated: the record does not show the noise of its readings; "
                "give point_uncertainty_um",
            )
        ]
    return 2 * noise, [
        Note(
            "uncertainty-from-record",
            f"U comes from the record's own noise, {noise:.3g} µm standard deviation of one reading; "
            "spindle, probe calibration and temperature are not in it",
        )
    ]


def _filtered(profile: Profile, circle: Circle, cutoff_upr: float, kind: str) -> tuple[Profile, list[Note]]:
    angle, distance = profile.around(circle)
    try:
        even = profile_filter.evened(angle, distance - circle.radius, cutoff_upr)
        if kind == "robust":
            robust = regression_filter.robust(even.deviation, len(even.deviation) / cutoff_upr, closed=True)
            waves, rejected = robust.values, int((robust.weights == 0).sum())
        else:
            waves, rejected = profile_filter.gaussian_filter(even.deviation, cutoff_upr), 0
    except profile_filter.NotFilterable as error:
        raise Refusal("filter-not-possible", f"the profile cannot be filtered: {error}") from None
    radius = circle.radius + waves
    notes = []
    if even.merged:
        notes.append(
            Note("readings-averaged", f"{even.merged} readings at the angle of another were averaged with it")
        )
    if even.interpolated > 0.05:
        notes.append(
            Note(
                "readings-interpolated",
                f"readings up to {even.interpolated:.2g} steps off the equally spaced angles were "
                "interpolated for the filter",
            )
        )
    if rejected:
        notes.append(
            Note("readings-rejected", f"the robust filter gave {rejected} of {len(waves)} readings no weight")
        )
    return Profile(
        circle.x + radius * np.cos(even.angle_rad), circle.y + radius * np.sin(even.angle_rad), even.angle_rad
    ), notes


def _optimality(found: dict[str, Circle]) -> list[Note]:
    notes = []
    if found["mzc"].residual > _CERTIFIED:
        notes.append(
            Note(
                "zone-not-certified",
                f"the optimality condition is violated by {found['mzc'].residual:.2g} of the radius: "
                "a narrower zone may lie near",
            )
        )
    if not found["mzc"].proven:
        notes.append(
            Note(
                "zone-locally-optimal",
                "the certificate holds for shifts of the centre that are small against the radius; "
                "that no other centre gives a narrower zone is not proven (form not small, or an open profile)",
            )
        )
    if "mic" in found and not found["mic"].proven:
        notes.append(
            Note("inscribed-locally-optimal", "that no other inscribed circle is larger is not proven")
        )
    return notes


def _thin_contacts(found: dict[str, Circle], spreads: dict[str, CircleSpread | None]) -> list[Note]:
    thin = [n for n, s in spreads.items() if s and s.centre_x and s.deviation > found[n].deviation]
    if not thin:
        return []
    return [
        Note(
            "contacts-close",
            f"U exceeds the deviation itself ({', '.join(thin)}): contacts close together or readings too noisy "
            "fix the centre badly, and the linear propagation is then an upper estimate",
        )
    ]


def _widened(zone: Circle, errors: ReadingErrors) -> list[Note]:
    # the mean of the largest of n normal deviates is below sqrt(2 ln n) standard deviations
    most = errors.of_one * float(np.sqrt(2 * np.log(errors.count)))
    if most <= _WIDENED * zone.deviation:
        return []
    return [
        Note(
            "widened-by-noise",
            f"noise of the readings widens the zone by up to {most:.3g} µm on average; this is not in U",
        )
    ]


@form.plot
def _draw(result: Roundness) -> dict[str, Any]:
    return draw_profile(
        result.profile.x_um,
        result.profile.y_um,
        result.circle,
        name=str(result.reference.value),
        deviation=Quantity(
            result.circle.deviation, "µm", getattr(result, f"{result.reference.value}_deviation").uncertainty
        ),
    )
