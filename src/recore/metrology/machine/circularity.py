"""Circularity of a machine's contouring path, with a diagnosis of the two axes from the same record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import circles
from recore.metrology.budget import Contribution, budget_table, stated, widened_beyond
from recore.metrology.machine import circularity_zone as zones
from recore.metrology.machine.ballbar import Found, diagnosis, diagnosis_table, is_seen, not_told, ranked
from recore.metrology.machine.ballbar_model import Fit, fit
from recore.metrology.machine.circularity_plot import draw_circle
from recore.metrology.machine.circularity_record import Trace, traces_of
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Micrometres = Annotated[Quantity | None, Unit("µm")]

_PARTIAL = np.radians(60)
_FEWEST = 36  # readings of one trace: ten degrees apart on a full circle
_PER_TERM = 4  # readings for each unknown of the diagnosis
_NOT_A_CIRCLE = 0.02  # of the radius
_PER_UNDULATION = 2.5
_EXPLAINED = 0.5
_SHARE = float(np.sqrt(12))
_SMALL = 0.02  # µm: what is measured in nanometres was perhaps named micrometres
_OTHER_RADIUS = 1e-3  # of the nominal one: no scale errs that much, but the wrong radius was perhaps stated


@dataclass(frozen=True)
class Circularity:
    """Deviations of a circular path, and what in the machine makes them.

    Parameters
    ----------
    circular_deviation_ccw, circular_deviation_cw : G of each direction, minimum zone [µm]
    bidirectional_circular_deviation : G(b), the minimum zone that holds both directions [µm]
    radial_max_…, radial_min_… : F, largest and smallest deviation from the nominal circle [µm]
    mean_bidirectional_radial_deviation : D, mean radius of both directions less the nominal one [µm]
    certificate_residual, zone_optimality : certificate of the minimum zones
    radius_deviation, centre_x, centre_y : of the set-up (the scales' common error and the bar's length in it) [µm]
    squareness : angle between +X and +Y above 90° [µm/m]
    scale_mismatch : how much longer X travels than Y [µm/m]
    backlash_x, backlash_y : lost motion positive [µm]
    lateral_play_x, lateral_play_y : sideways step when the axis reverses [µm]
    reversal_spike_x, reversal_spike_y : mean of both ends of the axis, outward positive [µm]
    servo_mismatch : how much later X follows than Y [ms]
    straightness_x, straightness_y : bow of an axis over the diameter [µm]
    cyclic_error_x, cyclic_error_y : amplitude at the stated pitch [µm]
    strongest : the term with the largest effect among those seen beyond their U
    explained : share of the variance about a circle that the diagnosis explains
    """

    circular_deviation_ccw: Micrometres
    circular_deviation_cw: Micrometres
    bidirectional_circular_deviation: Micrometres
    radial_max_ccw: Micrometres
    radial_min_ccw: Micrometres
    radial_max_cw: Micrometres
    radial_min_cw: Micrometres
    mean_bidirectional_radial_deviation: Micrometres
    certificate_residual: Annotated[Quantity, Unit("1")]
    zone_optimality: Quantity
    radius: Annotated[Quantity, Unit("mm")]
    feed: Annotated[Quantity | None, Unit("mm/min")]
    radius_deviation: Micrometres
    centre_x: Micrometres
    centre_y: Micrometres
    squareness: Annotated[Quantity | None, Unit("µm/m")]
    scale_mismatch: Annotated[Quantity | None, Unit("µm/m")]
    backlash_x: Micrometres
    backlash_y: Micrometres
    lateral_play_x: Micrometres
    lateral_play_y: Micrometres
    reversal_spike_x: Micrometres
    reversal_spike_y: Micrometres
    servo_mismatch: Annotated[Quantity | None, Unit("ms")]
    straightness_x: Micrometres
    straightness_y: Micrometres
    cyclic_error_x: Micrometres
    cyclic_error_y: Micrometres
    strongest: Quantity | None
    explained: Annotated[Quantity | None, Unit("1")]
    diagnosis: Annotated[Any, Artifact("diagnosis.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    traces: tuple[Trace, ...]
    fitted: Fit | None


@method(
    "machine.circularity",
    version=1,
    standard="ISO 230-4:2022",
    reproducible={
        "certificate_residual": Tolerance(absolute=1e-9),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def circularity(
    *paths: Table,
    radius_mm: Annotated[float, Unit("mm"), Field(gt=0, le=1e5)],
    feed_mm_per_min: Annotated[float | None, Unit("mm/min"), Field(gt=0, le=1e6)] = None,
    directions: list[str] | None = None,
    cutoff_upr: Annotated[float | None, Field(ge=2, le=1500)] = None,
    centring: Literal["least-squares", "instrument"] = "least-squares",
    spike_width_deg: Annotated[float | None, Unit("deg"), Field(gt=0, le=30)] = None,
    pitch_x_mm: Annotated[float | None, Unit("mm"), Field(gt=0, le=1000)] = None,
    pitch_y_mm: Annotated[float | None, Unit("mm"), Field(gt=0, le=1000)] = None,
    reading_u_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e4)] = None,
    linearity_u_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e4)] = None,
    bar_u_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e4)] = None,
    temperature_u_k: Annotated[float | None, Field(ge=0, le=50)] = None,
    expansion_um_per_m_k: Annotated[float, Field(ge=0, le=50)] = 11.5,
    eve_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e4)] = None,
    gain_u_pct: Annotated[float, Unit("%"), Field(ge=0, le=20)] = 0.0,
    feed_u_pct: Annotated[float, Unit("%"), Field(ge=0, le=50)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=2_000)] = 80,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Circularity:
    """Circular deviation G, G(b), F and D of a contouring path, and the ballbar diagnosis of its two axes.

    Parameters
    ----------
    paths : angle_deg (from +X towards +Y, in the order of time) and deviation_um (measured less nominal radius) with
        direction (ccw or cw); or deviation_ccw_um and deviation_cw_um; or one file for each direction
    radius_mm : radius of the nominal path
    feed_mm_per_min : contouring feed; a servo mismatch in time wants it
    directions : ccw or cw for each file whose columns do not say it
    cutoff_upr : cut-off of a Gaussian filter for G, G(b) and F [undulations per revolution]; the diagnosis takes the
        readings as they are
    centring : of F: about the least-squares centre of both directions, or about the centre of the instrument
    spike_width_deg : angle within which a reversal spike falls to 1/e; found from the record where not given
    pitch_x_mm, pitch_y_mm : period of a cyclic error to look for, such as the pitch of the screw
    reading_u_um : expanded uncertainty (k = 2) of one reading by noise; from the record where not given
    linearity_u_um : the same, of the transducer's linearity
    bar_u_um : the same, of the calibrated length of the bar
    temperature_u_k : the same, of the temperature difference between machine and bar [K]
    expansion_um_per_m_k : coefficient of expansion for it [µm/(m K)]
    eve_um : range of the reading of a resting machine over the time of the test
    gain_u_pct, feed_u_pct : expanded relative uncertainty (k = 2) of transducer gain and of feed
    trials, seed : of the Monte Carlo run; 0 trials leave it out

    Returns
    -------
    Circularity : with diagnosis.csv (terms ranked by their effect, share of the summed effects, U) and budget.csv

    Notes
    -----
    The diagnosis is one least-squares fit of all terms to all readings (`ballbar_model.design` holds the signs). Its U
    comes from the residuals, widened by their correlation along the path; that play and spikes may have another shape
    than the model's is not in it. A term is refused where its variance
    among the others is a hundred times that of the term alone (a convention of ours): squareness and servo mismatch
    from one direction only, many terms on part of a circle.

    Refuses fewer than 36 readings of a direction; a path off its circle by more than 2 % of the radius.

    References
    ----------
    ISO 230-4:2022, clause 3 (G, G(b), F, D; definitions from memory); ISO 230-1:2012 (squareness, straightness);
    ISO 16610-21 (filter); JCGM 100:2008; JCGM 101:2008.
    """
    if not paths:
        raise BadInput("no file", where="machine.circularity", right="one file, or one for each direction")
    traces = traces_of(paths, directions, radius_mm)
    for trace in traces:
        if len(trace.angle) < _FEWEST:
            raise Refusal(
                "too-few-readings",
                f"{len(trace.angle)} readings {trace.direction}; at least {_FEWEST} are wanted",
            )
    radius_um = 1000 * radius_mm
    noise = zones.reading_noise(traces, radius_um) if reading_u_um is None else reading_u_um / 2
    shown = traces if cutoff_upr is None else [zones.filtered(trace, cutoff_upr) for trace in traces]
    both = zones.path_of(shown, radius_um)
    if both.centred.deviation > _NOT_A_CIRCLE * radius_um:
        raise Refusal(
            "not-circular",
            f"the readings lie within {both.centred.deviation:.4g} µm of a circle of {radius_mm:g} mm: this is no "
            "circular path, or the angles do not belong to the deviations",
        )
    left = 1.0 if cutoff_upr is None else zones.passed(min(len(t.angle) for t in shown), cutoff_upr)
    thermal = (temperature_u_k or 0.0) / 2 * expansion_um_per_m_k * radius_mm / 1000
    errors = zones.DeviceErrors(
        noise * left,
        (linearity_u_um or 0.0) / 2,
        (eve_um or 0.0) / _SHARE,
        float(np.hypot((bar_u_um or 0.0) / 2, thermal)),
    )
    flags, refusals = _remarks(traces, both, reading_u_um is None, noise, cutoff_upr)
    lines, drawn, values, single = zones.deviations(shown, both, errors, radius_um, centring, trials, seed)
    if len(traces) < 2:
        text = "no G(b), no D: one direction only was measured"
        refusals.append(Note("one-direction", text))
    fitted, found, more, simulated, notes = _diagnosed(
        traces,
        radius_mm,
        feed_mm_per_min,
        (pitch_x_mm, pitch_y_mm),
        spike_width_deg,
        gain_u_pct,
        feed_u_pct,
        trials,
        seed,
    )
    refusals += notes
    lines += more
    drawn |= simulated
    if fitted is not None and fitted.explained < _EXPLAINED:
        flags.append(
            Note(
                "not-explained",
                f"the diagnosis explains {fitted.explained:.0%} of the variance: look at the plot",
            )
        )
    flags += _doubts(found, radius_um)
    lengths = [
        ("bar_u_um", bar_u_um),
        ("linearity_u_um", linearity_u_um),
        ("eve_um", eve_um),
        ("temperature_u_k", temperature_u_k),
    ]
    missing = [name for name, value in lengths if value is None]
    if missing:
        flags.append(Note("uncertainty-incomplete", f"not stated, and not in U: {', '.join(missing)}"))
    worst, proven, certified = zones.certificate([*single, both])
    terms = {one.term.name: Quantity(one.value, one.term.unit, one.u) for one in found if one.why_not is None}
    names = [name for name, kind in Circularity.__annotations__.items() if name not in terms]
    deviations = {name: Quantity(value, "µm", stated(lines, drawn, name)) for name, value in values.items()}
    order = [one for one, _ in ranked(found) if is_seen(one)]
    fixed: dict[str, Any] = {
        "certificate_residual": Quantity(worst),
        "zone_optimality": Quantity("global" if proven else "local"),
        "radius": Quantity(radius_mm, "mm"),
        "feed": None if feed_mm_per_min is None else Quantity(feed_mm_per_min, "mm/min"),
        "strongest": Quantity(order[0].term.name if order else "none") if found else None,
        "explained": None if fitted is None else Quantity(fitted.explained),
        "diagnosis": None if fitted is None else diagnosis_table(found, fitted),
        "budget": budget_table(lines, drawn),
        "flags": (*flags, *certified, *widened_beyond(lines, drawn)),
        "refusals": tuple(refusals),
        "traces": tuple(traces),
        "fitted": fitted,
    }
    everything: dict[str, Any] = {**dict.fromkeys(names), **terms, **deviations, **fixed}
    return Circularity(**everything)


def _remarks(
    traces: list[Trace], both: zones.Path, from_record: bool, noise: float, cutoff: float | None
) -> tuple[list[Note], list[Note]]:
    flags = []
    for trace in traces:
        gap = circles.largest_gap(np.cos(trace.angle), np.sin(trace.angle), 0.0, 0.0)
        if gap > _PARTIAL:
            text = f"the readings {trace.direction} leave {np.degrees(gap):.1f}° of the circle out"
            flags.append(Note("partial-arc", text))
        drift = trace.closure
        if drift is not None and abs(drift) > max(6 * noise, 0.25 * both.zone.deviation):
            code = "drift-exceeds-deviation" if abs(drift) > both.zone.deviation / 2 else "drift"
            text = f"{trace.direction}: the reading drifts by {drift:.3g} µm from the start of the circle to its end"
            flags.append(Note(code, text))
        span = float(np.ptp(trace.deviation))
        if not span:
            flags.append(Note("no-signal", f"all readings {trace.direction} are alike"))
        elif span < _SMALL:
            text = f"a range of {span:.2g} µm {trace.direction} is less than a machine tool reaches: is the unit right?"
            flags.append(Note("deviation-implausible", text))
        if trace.direction == "ccw" and float(np.median(np.diff(trace.angle))) < 0:
            text = "the angles of the counter-clockwise pass fall from reading to reading: are the directions swapped?"
            flags.append(Note("direction-contradicts-angles", text))
    if from_record:
        text = f"noise of one reading is taken from the record, {noise:.3g} µm standard deviation"
        flags.append(Note("noise-from-record", text))
    if cutoff is not None:
        flags.append(
            Note("filtered", f"G, G(b) and F belong to the path up to {cutoff:g} undulations per revolution")
        )
    return flags, []


def _doubts(found: list[Found], radius_um: float) -> list[Note]:
    """What the diagnosis itself says against the record."""
    known = {one.term.name: one for one in found if one.why_not is None}
    flags = []
    radius = known.get("radius_deviation")
    if radius is not None and abs(radius.value) > _OTHER_RADIUS * radius_um:
        text = f"the mean radius is off by {radius.value:.4g} µm: is radius_mm that of the nominal path, and the bar set?"
        flags.append(Note("radius-implausible", text))
    plays = [known[name] for name in ("backlash_x", "backlash_y") if name in known]
    if len(plays) == 2 and all(is_seen(one) and one.value < 0 for one in plays):
        text = "both axes run ahead after a reversal: the controller corrects too much, or the directions are swapped"
        flags.append(Note("backlash-negative", text))
    return flags


def _diagnosed(
    traces: list[Trace],
    radius_mm: float,
    feed: float | None,
    pitches: tuple[float | None, float | None],
    spike_width_deg: float | None,
    gain_u_pct: float,
    feed_u_pct: float,
    trials: int,
    seed: int,
) -> tuple[Fit | None, list[Found], list[Contribution], dict[str, float], list[Note]]:
    notes = []
    count = sum(len(trace.angle) for trace in traces)
    step = max(float(np.median(np.abs(np.diff(trace.angle)))) for trace in traces)
    if step == 0:
        text = "no diagnosis: the angles do not move on from reading to reading"
        return None, [], [], {}, [Note("no-diagnosis", text)]
    wanted: list[float | None] = []
    for axis, pitch in zip("xy", pitches, strict=True):
        waves = 0.0 if pitch is None else 2 * np.pi * radius_mm / pitch
        if waves * _PER_UNDULATION > 2 * np.pi / step:
            text = f"no cyclic error {axis}: {waves:.0f} waves a turn at most, with {2 * np.pi / step:.0f} readings a turn"
            notes.append(Note(f"cyclic-{axis}-undersampled", text))
            pitch = None
        wanted.append(pitch)
    if count < 20 * _PER_TERM:
        text = f"no diagnosis: {count} readings for up to 20 unknowns; at least {20 * _PER_TERM} are wanted"
        return None, [], [], {}, [*notes, Note("no-diagnosis", text)]
    # one millimetre per minute is 1/60 of a micrometre per millisecond
    speed = 1.0 if feed is None else feed / 60
    width = None if spike_width_deg is None else float(np.radians(spike_width_deg))
    fitted = fit(traces, radius_mm, speed, (wanted[0], wanted[1]), width)
    found, lines, simulated = diagnosis(
        fitted, gain_u_pct / 200, None if feed is None else feed_u_pct / 200, 40 * trials, seed
    )
    return fitted, found, lines, simulated, [*notes, *not_told(found)]


@circularity.plot
def _draw(result: Circularity) -> dict[str, Any]:
    return draw_circle(
        result.traces,
        result.fitted,
        float(result.radius.value),
        {
            "G(b)": result.bidirectional_circular_deviation,
            "G ccw": result.circular_deviation_ccw,
            "G cw": result.circular_deviation_cw,
        },
    )
