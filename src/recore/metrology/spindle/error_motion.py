"""Error motion of a spindle: synchronous, asynchronous, total; radial, axial, tilt and face."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field

from recore.evidence import Table
from recore.evidence.signal import channel_columns
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.bearing import bearing_of
from recore.metrology.spindle.error_motion_evaluation import (
    evaluated,
    structural,
)
from recore.metrology.spindle.error_motion_notes import record_flags
from recore.metrology.spindle.error_motion_plot import draw_error_motion
from recore.metrology.spindle.error_motion_record import check_channels, check_rotation, gone_through
from recore.metrology.spindle.error_motion_sources import Stated
from recore.metrology.spindle.motions import Setup
from recore.metrology.spindle.polar_statistics import Polar
from recore.metrology.spindle.revolutions import Revolutions
from recore.metrology.spindle.signal_checks import Extremes
from recore.quantity import Quantity

Micrometres = Annotated[Quantity | None, Unit("µm")]
Arcseconds = Annotated[Quantity | None, Unit("arcsec")]

_PER_UNDULATION = 2.5


@dataclass(frozen=True)
class ErrorMotion:
    """Error motion values, each with U(k = 2); what the record does not show is left out.

    Parameters
    ----------
    synchronous_fixed, asynchronous_fixed, total_fixed : in the fixed sensitive direction `direction_deg`
    synchronous_rotating, asynchronous_rotating, total_rotating : in the direction that turns with the rotor
    synchronous_fixed_x … total_fixed_y : in the fixed directions x (0°) and y (90°)
    asynchronous_…_sigma, …_band_95, …_band_99 : standard deviation of the revolutions about their mean, and the
        width of the band that holds 95 and 99 % of all readings; unlike the largest width they do not grow with
        the number of revolutions
    …_mzc, …_mic, …_mcc, …_pc : the value about the minimum zone, maximum inscribed and minimum circumscribed
        circle's centre and the centre of the chart; without a suffix, the least-squares centre
    synchronous_worst, worst_direction : largest synchronous value of any fixed direction, and that direction
    axial_…, face_… : the once-per-revolution part is a motion of the axis and stays in; `fundamental` is twice its
        amplitude, `residual` the synchronous motion without it
    tilt_… : from two radial planes, or from two axial probes
    structural_fixed, structural_x, structural_y : range of the motion with the spindle stopped
    eccentricity, eccentricity_phase : of the artefact: x = e·cos(t + g), y = e·sin(t + g)
    curvature : e²/(4ρ), the 2-UPR form the eccentric artefact feigned, which was taken out
    drift_per_revolution : largest linear drift of a channel
    revolutions, samples_per_revolution : that were used
    line_order, line_amplitude, line_name : highest line of the asynchronous motion
    """

    synchronous_fixed: Micrometres = None
    asynchronous_fixed: Micrometres = None
    total_fixed: Micrometres = None
    synchronous_rotating: Micrometres = None
    asynchronous_rotating: Micrometres = None
    total_rotating: Micrometres = None
    synchronous_fixed_x: Micrometres = None
    synchronous_fixed_y: Micrometres = None
    asynchronous_fixed_x: Micrometres = None
    asynchronous_fixed_y: Micrometres = None
    total_fixed_x: Micrometres = None
    total_fixed_y: Micrometres = None
    asynchronous_fixed_sigma: Micrometres = None
    asynchronous_fixed_band_95: Micrometres = None
    asynchronous_fixed_band_99: Micrometres = None
    asynchronous_rotating_sigma: Micrometres = None
    asynchronous_rotating_band_95: Micrometres = None
    asynchronous_rotating_band_99: Micrometres = None
    synchronous_fixed_mzc: Micrometres = None
    synchronous_fixed_mic: Micrometres = None
    synchronous_fixed_mcc: Micrometres = None
    synchronous_fixed_pc: Micrometres = None
    synchronous_rotating_mzc: Micrometres = None
    synchronous_rotating_mic: Micrometres = None
    synchronous_rotating_mcc: Micrometres = None
    synchronous_rotating_pc: Micrometres = None
    total_fixed_mzc: Micrometres = None
    total_fixed_mic: Micrometres = None
    total_fixed_mcc: Micrometres = None
    total_fixed_pc: Micrometres = None
    total_rotating_mzc: Micrometres = None
    total_rotating_mic: Micrometres = None
    total_rotating_mcc: Micrometres = None
    total_rotating_pc: Micrometres = None
    synchronous_worst: Micrometres = None
    worst_direction: Annotated[Quantity | None, Unit("deg")] = None
    axial_total: Micrometres = None
    axial_synchronous: Micrometres = None
    axial_fundamental: Micrometres = None
    axial_residual: Micrometres = None
    axial_asynchronous: Micrometres = None
    face_total: Micrometres = None
    face_synchronous: Micrometres = None
    face_fundamental: Micrometres = None
    face_residual: Micrometres = None
    face_asynchronous: Micrometres = None
    tilt_synchronous_fixed: Arcseconds = None
    tilt_asynchronous_fixed: Arcseconds = None
    tilt_total_fixed: Arcseconds = None
    tilt_synchronous_rotating: Arcseconds = None
    tilt_asynchronous_rotating: Arcseconds = None
    tilt_total_rotating: Arcseconds = None
    structural_fixed: Micrometres = None
    structural_x: Micrometres = None
    structural_y: Micrometres = None
    eccentricity: Micrometres = None
    eccentricity_phase: Annotated[Quantity | None, Unit("deg")] = None
    curvature: Micrometres = None
    drift_per_revolution: Micrometres = None
    revolutions: Quantity | None = None
    samples_per_revolution: Quantity | None = None
    line_order: Quantity | None = None
    line_amplitude: Micrometres = None
    line_name: Quantity | None = None
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()
    budget: Annotated[pa.Table | None, Artifact("budget.csv")] = None
    polar: Annotated[pa.Table | None, Artifact("polar.csv")] = None
    orders: Annotated[pa.Table | None, Artifact("orders.parquet")] = None
    peaks: Annotated[pa.Table | None, Artifact("peaks.csv")] = None
    bearing_lines: Annotated[pa.Table | None, Artifact("bearing_lines.csv")] = None
    _polars: dict[str, Polar] | None = None


@method(
    "spindle.error-motion",
    version=1,
    standard="ISO 230-7:2015, ASME B89.3.4-2010",
    # sums over a record run in another order on another machine; extremes are single readings
    reproducible={"*": Tolerance(absolute=1e-7, relative=1e-6), "worst_direction": Tolerance(absolute=0.5)},
)
def error_motion(
    record: Table,
    stopped: Table | None = None,
    *,
    probe_angles_deg: Annotated[list[float], Unit("deg"), Field(min_length=1, max_length=16)],
    samples_per_revolution: Annotated[int | None, Field(ge=8, le=65_536)] = None,
    channels: list[str] | None = None,
    direction_deg: Annotated[float | None, Unit("deg"), Field(ge=-360, le=360)] = None,
    rotating_deg: Annotated[float, Unit("deg"), Field(ge=-360, le=360)] = 0.0,
    rotation: Literal["ccw", "cw"] = "ccw",
    pulses_per_revolution: Annotated[float, Field(gt=0, le=100_000)] = 1.0,
    max_upr: Annotated[int, Field(ge=2, le=20_000)] = 50,
    drift: Literal["keep", "remove"] = "keep",
    plane2_angles_deg: Annotated[list[float] | None, Unit("deg"), Field(max_length=16)] = None,
    plane2_channels: list[str] | None = None,
    plane_distance_mm: Annotated[float | None, Unit("mm"), Field(ge=0.001, le=1e6)] = None,
    axial_channels: Annotated[list[str] | None, Field(max_length=2)] = None,
    face_radius_mm: Annotated[float | None, Unit("mm"), Field(ge=0.001, le=1e6)] = None,
    face_angle_deg: Annotated[float, Unit("deg"), Field(ge=-360, le=360)] = 0.0,
    probe_noise_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e6)] = None,
    gain_percent: Annotated[float | None, Unit("%"), Field(ge=0, le=100)] = None,
    angle_uncertainty_deg: Annotated[float | None, Unit("deg"), Field(ge=0, le=45)] = None,
    linearity_percent: Annotated[float | None, Unit("%"), Field(ge=0, le=100)] = None,
    encoder_uncertainty_deg: Annotated[float | None, Unit("deg"), Field(ge=0, le=45)] = None,
    artefact_form_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e6)] = None,
    artefact_radius_mm: Annotated[float | None, Unit("mm"), Field(ge=0.001, le=1e6)] = None,
    largest_plausible_um: Annotated[float, Unit("µm"), Field(ge=0.001, le=1e6)] = 200.0,
    spectrum_to_order: Annotated[float, Field(ge=0, le=2000)] = 50.0,
    bearing: Annotated[str | None, Field(max_length=200)] = None,
    trials: Annotated[int, Field(ge=0, le=20_000)] = 200,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> ErrorMotion:
    """Error motion of a spindle: synchronous, asynchronous and total, in fixed and rotating sensitive direction.

    Parameters
    ----------
    record : columns p1_um … pN_um, one for each probe, samples in time order; optional q1_um … (second radial
        plane), axial1_um (probe on the axis), axial2_um (probe at `face_radius_mm`); angle_deg (encoder) or tacho
        where the rotor did not clock the samples
    stopped : the same probes with the spindle stopped, for the structural motion
    probe_angles_deg : direction of each probe from the x axis, counter-clockwise
    samples_per_revolution : samples each turn; with an encoder or tacho, the angles to resample to
    channels : names or numbers of the probes' columns where they are not p1_um …
    direction_deg : fixed sensitive direction; default x (0°), with one probe the probe's own
    rotating_deg : angle on the rotor of the rotating sensitive direction at t = 0, the first sample
    rotation : sense in which the rotor turns, seen as the probe angles are counted
    pulses_per_revolution : pulses of the tacho in one revolution
    max_upr : highest undulation per revolution that must be resolved: 2.5 samples for each are wanted
    drift : 'remove' takes a straight line over the revolutions out of every channel
    plane2_angles_deg : directions of the probes in the second plane; default those of the first
    plane2_channels : names or numbers of their columns where they are not q1_um …
    plane_distance_mm : from the first plane to the second along the axis
    axial_channels : names or numbers of the axial probes' columns where they are not axial1_um, axial2_um
    face_radius_mm : distance from the axis at which the face is looked at, by axial2_um or from the tilt
    face_angle_deg : direction from the axis in which the face is looked at, where it follows from the tilt
    probe_noise_um : standard deviation of the noise of one reading
    gain_percent : standard uncertainty (k = 1) of the gain of each probe
    angle_uncertainty_deg : standard uncertainty (k = 1) of the direction of each probe
    linearity_percent : bound of a probe's deviation from a straight line, of half the range that it went through
    encoder_uncertainty_deg : standard uncertainty (k = 1) of the rotor's angle at a sample: encoder, tacho, jitter
    artefact_form_um : bound of the artefact's out-of-roundness, which is not separated here
    artefact_radius_mm : radius of the artefact where the probes look; its curvature is then taken out
    largest_plausible_um : a channel that moves through more is refused
    spectrum_to_order : last order of the asynchronous spectrum; 0 leaves it out
    bearing : whose lines are marked: a designation ('6205-2RS'), a geometry ('n=9,d=7.94,D=39.04,contact=0', lengths
        in mm) or its orders ('bpfo=3.585,bpfi=5.415,bsf=2.357')
    trials : draws of the Monte Carlo check of the uncertainty; 0 leave it out
    seed : of its generator

    Returns
    -------
    ErrorMotion : values with U(k = 2), the polar plots, the order spectrum and the budget

    Notes
    -----
    Synchronous motion is the mean of the revolutions at each angle; its value is the range about the least-squares
    centre, which takes the eccentricity out of radial and tilt motion. Asynchronous motion is the largest width of
    the band of all revolutions at one angle, total motion the range of all readings about the same centre. The
    rotating sensitive direction is x·cos t + y·sin t; the eccentricity is a constant there. The record is gone
    through once, block after block, so that it may be longer than the memory (the column of a tacho is held).

    U covers what the record shows of noise, asynchronous motion and drift, and what is stated; a flag names what is
    not stated. U of a value about another centre than the least-squares one is that of the least-squares value.

    Refuses synchronous values below 20 revolutions; rotating values with one probe; asynchronous and total values
    where the drift exceeds the motion; all where a signal is clipped, channels are exchanged, a revolution does not
    have the samples it is said to have, or the readings have an implausible size.

    References
    ----------
    ISO 230-7:2015, Geometric accuracy of axes of rotation; ASME B89.3.4-2010, Axes of rotation. J. B. Bryan,
    R. R. Clouser and E. Holland, Spindle accuracy, American Machinist, 4 December 1967 (the terms' origin).
    """
    flags: list[Note] = []
    groups = _groups(
        record, len(probe_angles_deg), channels is not None, plane2_angles_deg, plane2_channels, plane_distance_mm, axial_channels,
        face_radius_mm, flags,
    )  # fmt: skip
    columns = [
        name
        for expected, mapped in zip(groups, (channels, plane2_channels, axial_channels), strict=True)
        if expected
        for name in channel_columns(record, mapped, expected, "µm")
    ]
    extremes = Extremes(len(columns))
    turns = Revolutions(
        record,
        columns,
        samples_per_revolution,
        rotation=rotation,
        pulses_per_revolution=pulses_per_revolution,
        watch=extremes.update,
    )
    if turns.samples < _PER_UNDULATION * max_upr:
        raise Refusal(
            "too-few-samples",
            f"{turns.samples} samples per revolution resolve {int(turns.samples / _PER_UNDULATION)} undulations, "
            f"and max_upr = {max_upr}: record more, or ask for fewer undulations",
        )
    if direction_deg is None:
        direction_deg = 0.0 if len(probe_angles_deg) > 1 else probe_angles_deg[0]
    setup = Setup(
        tuple(probe_angles_deg),
        tuple(plane2_angles_deg or probe_angles_deg) if groups[1] else (),
        len(groups[2]),
        turns.samples,
        turns.sense,
        direction_deg,
        rotating_deg,
        plane_distance_mm,
        face_radius_mm,
        face_angle_deg,
    )
    orders = None if bearing is None else bearing_of(bearing).orders()
    found = gone_through(
        lambda: turns, setup, highest_order=spectrum_to_order, remove_drift=drift == "remove"
    )
    check_channels(columns, extremes.channels(), largest_plausible_um)
    check_rotation(found, setup, turns.clock)
    flags += record_flags(found, setup, extremes.channels(), turns)
    stated = Stated(
        probe_noise_um,
        gain_percent,
        angle_uncertainty_deg,
        linearity_percent,
        encoder_uncertainty_deg,
        artefact_form_um,
        artefact_radius_mm,
    )
    still = {} if stopped is None else structural(stopped, columns, setup)
    return ErrorMotion(**evaluated(found, setup, stated, still, orders, trials, seed, flags))


def _groups(
    record: Table,
    probes: int,
    mapped: bool,
    plane2_angles_deg: list[float] | None,
    plane2_channels: list[str] | None,
    plane_distance_mm: float | None,
    axial_channels: list[str] | None,
    face_radius_mm: float | None,
    flags: list[Note],
) -> tuple[list[str], list[str], list[str]]:
    """Expected columns of the first plane, of the second, and of the axial probes; those not used are flagged."""
    first = [f"p{i + 1}_um" for i in range(probes)]
    if not mapped and record.has(f"p{probes + 1}_um"):
        flags.append(
            Note("probe-unused", f"p{probes + 1}_um is not used: probe_angles_deg names {probes} probes")
        )
    second = [f"q{i + 1}_um" for i in range(len(plane2_angles_deg or first))]
    asked = plane2_angles_deg is not None or plane2_channels is not None
    if not asked and not record.has(second[0]):
        second = []
    elif not asked and plane_distance_mm is None:
        flags.append(
            Note(
                "plane2-unused", "the second radial plane is not used: give plane_distance_mm for tilt motion"
            )
        )
        second = []
    axial = ["axial1_um", "axial2_um"]
    if axial_channels is not None:
        axial = axial[: len(axial_channels)]
    else:
        axial = axial[: 0 if not record.has(axial[0]) else 1 + record.has(axial[1])]
        if len(axial) == 2 and face_radius_mm is None:
            flags.append(Note("face-unused", "axial2_um is not used: give face_radius_mm for face motion"))
            axial = axial[:1]
    return first, second, axial


@error_motion.plot
def _draw(result: ErrorMotion) -> dict[str, Any]:
    values = {f.name: getattr(result, f.name) for f in fields(result)}
    return draw_error_motion(
        result._polars or {},
        {k: v for k, v in values.items() if isinstance(v, Quantity)},
        result.orders,
        result.peaks,
        result.bearing_lines,
    )
