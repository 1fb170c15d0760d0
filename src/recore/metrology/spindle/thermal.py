"""Thermal tests of a spindle and its machine: surroundings, heating by the spindle, heating by a linear axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import budget_table, widened_beyond
from recore.metrology.machine.rule_set import named_set
from recore.metrology.spindle import thermal_evaluate as evaluate
from recore.metrology.spindle.thermal_evaluate import Evaluation, Sensor, Setting
from recore.metrology.spindle.thermal_plot import draw_thermal
from recore.metrology.spindle.thermal_record import Phase, ThermalRecord
from recore.quantity import Quantity
from recore.rules import RuleSet

Floats = NDArray[np.float64]
Micrometres = Annotated[Quantity | None, Unit("µm")]
Arcseconds = Annotated[Quantity | None, Unit("arcsec")]
Minutes = Annotated[Quantity | None, Unit("min")]
Rate = Annotated[Quantity | None, Unit("µm/h")]
PerKelvin = Annotated[Quantity | None, Unit("µm/K")]

_RULE_SET = "iso-230-3-2020"
_FEWEST = 20
_CLIPPED = 0.02  # of the readings, at the very same extreme value
_PLAUSIBLE_UM = 2000.0
_SHARE = float(np.sqrt(12))


@dataclass(frozen=True)
class Thermal:
    """Thermal displacements by phase of the test; None where the record has no such channel or phase.

    Parameters
    ----------
    etve_x … etve_tilt_b, etve_rss : range while the spindle rests (environmental temperature variation error), its
        root sum of squares over X, Y, Z; etve_60min_… : the worst range within an hour
    heating_x … : range while the spindle turns; heating_60min_… within its first hour; heating_end_… from start to end
    drift_rate_… : steepest drift while the spindle turns
    stabilisation_… : time from the start until no later hour drifts by more than the share in the rule row
    time_constant_…, second_time_constant_… : of one exponential, or of two, the stronger first
    shift_on_…, shift_off_… : jump when the spindle starts and stops
    expansion_… : displacement over the temperature that it follows best (thermal.csv holds every pair)
    linear_position1, linear_position2, linear_elongation : ranges while a linear axis moves, at two places of its
        travel and of their difference
    """

    etve_x: Micrometres
    etve_y: Micrometres
    etve_z: Micrometres
    etve_rss: Micrometres
    etve_tilt_a: Arcseconds
    etve_tilt_b: Arcseconds
    etve_60min_x: Micrometres
    etve_60min_y: Micrometres
    etve_60min_z: Micrometres
    heating_x: Micrometres
    heating_y: Micrometres
    heating_z: Micrometres
    heating_rss: Micrometres
    heating_tilt_a: Arcseconds
    heating_tilt_b: Arcseconds
    heating_60min_x: Micrometres
    heating_60min_y: Micrometres
    heating_60min_z: Micrometres
    heating_60min_rss: Micrometres
    heating_60min_tilt_a: Arcseconds
    heating_60min_tilt_b: Arcseconds
    heating_end_x: Micrometres
    heating_end_y: Micrometres
    heating_end_z: Micrometres
    drift_rate_x: Rate
    drift_rate_y: Rate
    drift_rate_z: Rate
    stabilisation_x: Minutes
    stabilisation_y: Minutes
    stabilisation_z: Minutes
    time_constant_x: Minutes
    time_constant_y: Minutes
    time_constant_z: Minutes
    second_time_constant_x: Minutes
    second_time_constant_y: Minutes
    second_time_constant_z: Minutes
    shift_on_x: Micrometres
    shift_on_y: Micrometres
    shift_on_z: Micrometres
    shift_off_x: Micrometres
    shift_off_y: Micrometres
    shift_off_z: Micrometres
    expansion_x: PerKelvin
    expansion_y: PerKelvin
    expansion_z: PerKelvin
    linear_position1: Micrometres
    linear_position2: Micrometres
    linear_elongation: Micrometres
    rule_set: Quantity
    thermal: Annotated[Any, Artifact("thermal.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    record: ThermalRecord
    evaluation: Evaluation
    marks: dict[str, float]
    shown: dict[str, tuple[Floats, str]]


@method(
    "spindle.thermal",
    version=1,
    standard="ISO 230-3:2020",
    # a time constant is the lowest point of a flat valley
    reproducible=Tolerance(absolute=1e-6, relative=1e-5),
)
def thermal(
    record: ThermalRecord,
    *,
    spindle_on_min: Annotated[float | None, Unit("min"), Field(ge=0)] = None,
    spindle_off_min: Annotated[float | None, Unit("min"), Field(ge=0)] = None,
    whole: Literal["environment", "heating", "cooling", "linear"] | None = None,
    probe_distance_mm: Annotated[float | None, Unit("mm"), Field(gt=0, le=1e4)] = None,
    rate_window_min: Annotated[float, Unit("min"), Field(gt=0, le=600)] = 10.0,
    shift_window_min: Annotated[float, Unit("min"), Field(gt=0, le=60)] = 3.0,
    gain_u_pct: Annotated[float | None, Unit("%"), Field(ge=0, le=50)] = None,
    linearity_u_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e3)] = None,
    sensor_drift_um: Annotated[float | None, Unit("µm"), Field(ge=0, le=1e3)] = None,
    holder_u_um_per_k: Annotated[float | None, Field(ge=0, le=1e3)] = None,
    trials: Annotated[int, Field(ge=0, le=20_000)] = 500,
    seed: Annotated[int, Field(ge=0)] = 1,
    rules: RuleSet | None = None,
) -> Thermal:
    """Drift of a spindle by its surroundings and by its own heat: ranges, rates, time constants, expansion.

    Parameters
    ----------
    record : time_s or time_min; x_um, y_um, z_um (or x1_um, x2_um, y1_um, y2_um at two places of the test bar);
        temperature_*_c; phase (environment, heating, cooling, linear)
    spindle_on_min, spindle_off_min : when the spindle was started and stopped, where there is no column phase
    whole : the one phase that the whole record is of
    probe_distance_mm : between the two places along the test bar; a tilt wants it
    rate_window_min : length over which a drift rate is taken
    shift_window_min : length on either side of start and stop over which the shift is taken
    gain_u_pct : expanded relative uncertainty (k = 2) of the sensors' gain
    linearity_u_um : expanded uncertainty (k = 2) of a reading by the sensors' linearity
    sensor_drift_um : range by which sensors and holder drift by themselves over the test
    holder_u_um_per_k : expanded uncertainty (k = 2) of the holder's expansion, taken times the range of the first
        temperature column
    trials, seed : of the Monte Carlo run; 0 trials leave it out
    rules : rows of domain 'machine-test'; the shipped ones where none are given

    Returns
    -------
    Thermal : with thermal.csv (every result of every channel, every pair of channel and temperature) and budget.csv

    Notes
    -----
    Ranges are those of the readings as they are. The time constant is refused where a straight line does as well (AICc),
    where the drift drowns in noise, and where the record is shorter than one time constant or U exceeds half of it.

    Refuses fewer than 20 readings, and channels that are clipped or do not move at all.

    References
    ----------
    ISO 230-3:2020, tests ETVE, rotating spindle, moving linear axes (window and share: see the rule row); JCGM 100:2008;
    JCGM 101:2008.
    """
    rows = named_set(_RULE_SET, rules)
    if len(record.minutes) < _FEWEST:
        raise Refusal("too-few-readings", f"{len(record.minutes)} readings; at least {_FEWEST} are wanted")
    phases = record.phases(spindle_on_min, spindle_off_min, whole)
    setting = Setting(
        rows.number("window_min"),
        rows.number("stable_share"),
        rate_window_min,
        shift_window_min,
        trials,
        seed,
    )
    sensor = Sensor(
        (gain_u_pct or 0.0) / 200,
        (linearity_u_um or 0.0) / 2,
        (sensor_drift_um or 0.0) / _SHARE,
        (holder_u_um_per_k or 0.0) / 2,
    )
    # two sensors, one over the other's distance
    tilt = 0.0 if probe_distance_mm is None else float(np.sqrt(2)) * 206.26480624709636 / probe_distance_mm
    found = Evaluation(sensor, setting, {"µm": 1.0, "arcsec": tilt})
    channels = _usable(record, found, probe_distance_mm)
    if not channels:
        raise Refusal("no-channel", "; ".join(note.text for note in found.flags))
    surroundings = _expansions(found, record, channels, phases)
    _evaluate(found, record, channels, phases, surroundings)
    flags = [*rows.notes(), *found.flags, *_remarks(record, phases, rows.number("test_min"))]
    given = {
        "gain_u_pct": gain_u_pct,
        "linearity_u_um": linearity_u_um,
        "sensor_drift_um": sensor_drift_um,
        "holder_u_um_per_k": holder_u_um_per_k,
    }
    if missing := [name for name, value in given.items() if value is None]:
        flags.append(Note("uncertainty-incomplete", f"not stated, and not in U: {', '.join(missing)}"))
    flags += widened_beyond(found.lines, found.drawn)
    declared = [name for name, kind in Thermal.__annotations__.items() if kind.startswith(_KINDS)]
    starts = {phase: float(record.minutes[rows_of][0]) for phase, rows_of in phases.items()}
    results: dict[str, Any] = {
        name: Quantity(*found.values[name], found.u(name)) if name in found.values else None
        for name in declared
    }
    return Thermal(
        **results,
        rule_set=Quantity(_RULE_SET),
        thermal=evaluate.result_table(found),
        budget=budget_table(found.lines, found.drawn),
        flags=tuple(flags),
        refusals=tuple(Note(_code(name), f"{name}: {why}") for name, why in found.refused.items()),
        record=record,
        evaluation=found,
        marks={f"{phase} begins": at for phase, at in starts.items()},
        shown=channels,
    )


_KINDS = ("Micrometres", "Arcseconds", "Minutes", "Rate", "PerKelvin")


def _code(name: str) -> str:
    return f"{name.replace('_', '-')}-not-seen"


def _usable(
    record: ThermalRecord, found: Evaluation, distance: float | None
) -> dict[str, tuple[Floats, str]]:
    usable = {}
    for name, (values, unit) in record.channels(distance).items():
        span = float(np.ptp(values))
        ends = max(int((values == values.max()).sum()), int((values == values.min()).sum()))
        steps = np.unique(values).size
        if not span:
            found.flags.append(Note("no-signal", f"{name}: all readings are alike; nothing is stated of it"))
        elif steps > 20 and ends > max(5, _CLIPPED * len(values)):
            text = f"{name}: {ends} readings stand at the same extreme value: the sensor was out of range"
            found.flags.append(Note("clipped", text))
        else:
            usable[name] = values, unit
        if unit == "µm" and (span > _PLAUSIBLE_UM or 0 < span < 1e-3):
            text = f"{name}: a range of {span:.3g} µm is not what a machine does: is the unit right?"
            found.flags.append(Note("displacement-implausible", text))
    pairs = {"x1", "x2"} <= record.columns.keys() or {"y1", "y2"} <= record.columns.keys()
    if pairs and distance is None:
        found.refused["tilt"] = "no tilt: give probe_distance_mm, the distance of the two places"
    return usable


def _label(channel: str) -> str:
    return f"tilt_{channel}" if channel in ("a", "b") else channel


def _evaluate(
    found: Evaluation,
    record: ThermalRecord,
    channels: dict[str, tuple[Floats, str]],
    phases: dict[Phase, NDArray[np.bool_]],
    surroundings: dict[str, tuple[Floats, Floats]],
) -> None:
    t = record.minutes
    holder = next(iter(record.temperatures.values()), None)
    if found.sensor.holder and holder is None:
        found.flags.append(
            Note("holder-temperature-missing", "holder_u_um_per_k counts nothing without a temperature")
        )
    for phase, rows in phases.items():
        if int(rows.sum()) < _FEWEST:
            found.refused[phase] = f"{int(rows.sum())} readings; at least {_FEWEST} are wanted"
            continue
        warmed = 0.0 if holder is None else float(np.ptp(holder[rows]))
        for channel, (values, unit) in channels.items():
            own, label = values[rows], _label(channel)
            at_end = channel.startswith(("position", "elongation"))
            if phase == "environment" and not at_end:
                found.add_range(f"etve_{label}", own, unit, warmed)
                evaluate.windows_of(found, f"etve_60min_{label}", t[rows], own, unit, warmed)
            elif phase == "heating" and not at_end:
                known = surroundings.get(channel)
                taken = None if known is None else (known[0][rows], known[1][rows])
                evaluate.heating(found, label, t[rows], own, unit, warmed, surroundings=taken)
            elif phase == "linear" and at_end:
                evaluate.heating(found, channel, t[rows], own, unit, warmed, "linear")
    for phase, word in (("environment", "etve"), ("heating", "heating"), ("heating", "heating_60min")):
        if phase in phases:
            evaluate.root_sum_square(found, f"{word}_rss", [f"{word}_{axis}" for axis in "xyz"])
    order: tuple[tuple[Phase, Phase, str], ...] = (
        ("environment", "heating", "shift_on"),
        ("heating", "cooling", "shift_off"),
    )
    for first, second, word in order:
        if first in phases and second in phases:
            before, after = phases[first], phases[second]
            for channel, (values, unit) in channels.items():
                if not channel.startswith(("position", "elongation")):
                    sides = (t[before], values[before]), (t[after], values[after])
                    evaluate.switch(found, f"{word}_{_label(channel)}", *sides, unit)


def _expansions(
    found: Evaluation,
    record: ThermalRecord,
    channels: dict[str, tuple[Floats, str]],
    phases: dict[Phase, NDArray[np.bool_]],
) -> dict[str, tuple[Floats, Floats]]:
    """Every channel over every temperature in every phase; the closest pair of an axis is its result.

    Where the record has a phase at rest, that alone decides: while the spindle turns everything grows with time, and
    so with every temperature.

    Returns
    -------
    By channel, what the surroundings do to it at each reading, and the standard uncertainty of that [µm]
    """
    deciding = "environment" if "environment" in phases else next(iter(phases))
    taken: dict[str, tuple[Floats, Floats]] = {}
    for channel, (values, unit) in channels.items():
        if unit != "µm" or not record.temperatures:
            continue
        best: tuple[str, evaluate.Sensitivity] | None = None
        for phase, rows in phases.items():
            for name, temperature in record.temperatures.items():
                seen = evaluate.sensitivity(record.minutes[rows], values[rows], temperature[rows])
                label = f"expansion_{channel}_over_{name}_{phase}"
                if seen is None:
                    found.refused[label] = "the temperature hardly moves: a slope would be a guess"
                    continue
                _add_slope(found, label, seen)
                found.values[f"correlation_{channel}_with_{name}_{phase}"] = (seen.r, "1")
                if phase == deciding and (best is None or abs(seen.r) > abs(best[1].r)):
                    best = (name, seen)
        if best is None:
            continue
        name, seen = best
        if abs(seen.slope) < 2 * seen.u:
            text = (
                f"no displacement follows a temperature beyond U (best: {name}, {deciding}, r = {seen.r:.2f})"
            )
            found.refused[f"expansion_{channel}"] = text
            continue
        _add_slope(found, f"expansion_{channel}", seen)
        text = f"expansion_{channel} is over {name}, {deciding}, r = {seen.r:.3f}; a correlation, not yet a cause"
        found.flags.append(Note("expansion-by-correlation", text))
        if deciding == "environment" and len(phases) > 1:
            rise = record.temperatures[name] - record.temperatures[name][phases["environment"]].mean()
            taken[channel] = seen.slope * rise, seen.u * rise
            text = f"time_constant_{channel} is of the displacement less what follows {name}"
            found.flags.append(Note("surroundings-taken-off", text))
    return taken


def _add_slope(found: Evaluation, label: str, seen: evaluate.Sensitivity) -> None:
    parts = {
        "scatter about the line": ("A", seen.u),
        "gain of the sensors": ("B", abs(seen.slope) * found.sensor.gain),
    }
    found.add(label, seen.slope, "µm/K", parts)


def _remarks(record: ThermalRecord, phases: dict[Phase, NDArray[np.bool_]], wanted: float) -> list[Note]:
    flags = []
    steps = np.diff(record.minutes)
    if float(steps.max()) > 10 * float(np.median(steps)) and float(steps.max()) > 5:
        text = (
            f"no reading for {steps.max():.3g} min from minute {record.minutes[int(steps.argmax())]:.4g} on"
        )
        flags.append(Note("gap", text))
    if "heating" in phases:
        ran = record.minutes[phases["heating"]]
        if ran[-1] - ran[0] < wanted:
            text = f"the spindle ran for {ran[-1] - ran[0]:.4g} min; the test wants {wanted:g} min or until it has stabilised"
            flags.append(Note("heating-short", text))
    if not record.temperatures:
        flags.append(
            Note("no-temperature", "no column temperature_*_c: drift and its cause cannot be told apart")
        )
    return flags


@thermal.plot
def _draw(result: Thermal) -> dict[str, Any]:
    starts = {
        "heating": result.marks.get("heating begins", 0.0),
        "linear": result.marks.get("linear begins", 0.0),
    }
    fits = {
        name.removeprefix("tilt_"): (
            starts["linear" if name.startswith(("position", "elong")) else "heating"],
            fit,
        )
        for name, fit in result.evaluation.fits.items()
    }
    headline = {
        "ETVE": result.etve_rss,
        "heating": result.heating_rss,
        "heating X": None if result.heating_rss else result.heating_x,
        "heating Z": None if result.heating_rss else result.heating_z,
    }
    return draw_thermal(
        result.record.minutes, result.shown, result.record.temperatures, fits, result.marks, headline
    )
