"""Vibration severity: r.m.s. velocity and displacement of a machine's non-rotating parts, and their zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.signal import sampling_rate
from recore.method import Artifact, Note, Tolerance, Unit, method
from recore.metrology import budget
from recore.metrology.vibration import zones as zoning
from recore.metrology.vibration.band_level import band_level
from recore.metrology.vibration.channels import implausible, mean_of, vibration_channels
from recore.metrology.vibration.level_uncertainty import Level, chain_of, contributions_of, simulated_of
from recore.metrology.vibration.severity_change import baseline_levels, change_verdict, largest_change
from recore.metrology.vibration.severity_plot import draw_levels, levels_table, spectrum_table, zones_table
from recore.metrology.vibration.zones import Concerned, Zones
from recore.quantity import Quantity
from recore.rules import Rule, RuleSet, shipped

Machine = Literal["industrial", "pump", "gear-unit", "wind-turbine", "machine-tool-spindle", "other"]
Mounting = Literal["stud", "adhesive", "magnet", "hand"]

_EDGE = 0.5  # of the level in the lowest tenth of an octave: drift rather than vibration


@dataclass(frozen=True)
class Severity:
    """Vibration severity of a machine; the largest value over all positions and directions decides.

    Parameters
    ----------
    velocity_rms, displacement_rms : largest r.m.s. velocity [mm/s] and displacement [µm] within the band
    position : channel with the largest velocity
    band_low, band_high : limits of the band [Hz]
    zone : 'A' … 'D'; 'B or C' where U or the boundary itself leaves both open; 'unknown' without a row that may decide
    zone_standard : standard and group of the rows that decided
    zone_unverified : zone by rows of evidence level 5, which decide nothing alone
    change : largest change of a position against the baseline record [mm/s]; None without one
    change_verdict : 'significant', 'not significant', 'undecided' (within U) or 'unknown' (no verified criterion)
    """

    velocity_rms: Annotated[Quantity, Unit("mm/s")]
    displacement_rms: Annotated[Quantity, Unit("µm")]
    position: Quantity
    band_low: Annotated[Quantity, Unit("Hz")]
    band_high: Annotated[Quantity, Unit("Hz")]
    zone: Quantity
    zone_standard: Quantity
    zone_unverified: Quantity
    change: Annotated[Quantity | None, Unit("mm/s")]
    change_verdict: Quantity
    levels: Annotated[Any, Artifact("levels.csv")]
    zones: Annotated[Any, Artifact("zones.csv")]
    spectrum: Annotated[Any, Artifact("spectrum.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _rules: RuleSet
    _levels: tuple[Level, ...]
    _zones: tuple[Zones, ...]


@method(
    "vibration.severity",
    version=1,
    standard="ISO 20816-1:2016, ISO 20816-3:2022, ISO 10816-3:2009, ISO 2954:2012",
    reproducible=Tolerance(relative=1e-6, absolute=1e-9),
)
def severity(
    record: Table,
    baseline: Table | None = None,
    *,
    channels: list[str] | None = None,
    unit: str | None = None,
    rate_hz: Annotated[float | None, Unit("Hz"), Field(gt=0)] = None,
    speed_rpm: Annotated[float | None, Unit("rpm"), Field(gt=0)] = None,
    machine: Machine = "other",
    foundation: Literal["rigid", "flexible"] | None = None,
    power_kw: Annotated[float | None, Unit("kW"), Field(gt=0)] = None,
    shaft_height_mm: Annotated[float | None, Unit("mm"), Field(gt=0)] = None,
    pump_category: Literal["I", "II"] | None = None,
    band_hz: Annotated[list[float] | None, Field(min_length=2, max_length=2)] = None,
    calibration_pct: Annotated[float | None, Unit("%"), Field(ge=0, le=100)] = None,
    mounting: Mounting | None = None,
    measured_on: date | None = None,
    rules: RuleSet | None = None,
    trials: Annotated[int, Field(ge=0, le=200_000)] = 4000,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Severity:
    """Vibration severity of a machine: broad-band r.m.s. velocity and displacement, zone A to D, change.

    Parameters
    ----------
    record : one column for each position and direction, acceleration ('x [m/s²]', 'x_g') or velocity ('x_mm_s'),
        perhaps a column speed_rpm
    baseline : earlier record of the same positions, for the criterion of change
    channels : columns to take, by name or number; None takes all that carry a unit of vibration
    unit : unit of columns whose names carry none
    rate_hz : sampling rate, where the file does not say it
    speed_rpm : speed of the shaft; below 600 rpm the band begins at 2 Hz
    machine : kind of machine that the zones are asked for
    foundation : 'rigid' where the lowest natural frequency of machine and support in the direction of measurement
        lies a quarter above the main excitation, else 'flexible'
    power_kw, shaft_height_mm : rated power; shaft height of an electrical machine, which then decides its group
    pump_category : 'I' where high reliability or safety is asked, else 'II' (ISO 10816-7)
    band_hz : other limits of the band; zones belong to the band of the standard and are then not stated
    calibration_pct : expanded uncertainty (k = 2) of sensor, amplifier and converter together
    mounting : how the sensor is fixed
    measured_on : day that the rows must have been valid on; None takes the newest
    rules : rule rows instead of the shipped ones
    trials, seed : Monte Carlo draws for the uncertainty (0: none), and their seed

    Returns
    -------
    Severity : levels with U(k = 2); zones.csv has every row that concerns the machine, with its evidence level

    Notes
    -----
    Welch's spectrum in segments of twenty cycles of the lowest frequency, divided by 2 pi f within the band only
    (see `band_level`). U: calibration, mounting, the difference between the ideal band limits and slopes of 18 dB
    per octave as instruments have, and the finite record from the scatter of its segments. A zone is stated where
    value ± U lies within it (ISO 14253-1), else both are named.

    Refuses a clipped or dead channel, a rate below 2.56 times the upper limit, fewer than eight segments.

    References
    ----------
    ISO 20816-1:2016 (zones, criteria I and II); ISO 10816-3:2009; ISO 2954:2012 (band); JCGM 100:2008; JCGM 101:2008.
    """
    rows = shipped("vibration") if rules is None else rules
    speed = mean_of(record, "speed_rpm", speed_rpm)
    facts = _facts(machine, foundation, power_kw, shaft_height_mm, pump_category, speed)
    which = zoning.concerned(rows, facts, measured_on)
    band, band_rules = _band(rows, which, facts, measured_on, speed, band_hz)
    flags: list[Note] = []
    refusals: list[Note] = []
    picked = vibration_channels(record, channels, unit)
    rate = sampling_rate(record, rate_hz)
    measured = [band_level(c.read(record), rate, band, c.kind, c.name) for c in picked]
    for channel, level in zip(picked, measured, strict=True):
        flags += implausible(level.velocity, "velocity", f"channel {channel.name!r}")
    earlier = baseline_levels(baseline, picked, channels, unit, rate_hz, band, speed, flags)
    chain, notes, used = chain_of(rows, calibration_pct, mounting, measured_on)
    flags += notes
    contributions = [
        line for c, level in zip(picked, measured, strict=True) for line in contributions_of(c, level, chain)
    ]
    simulated = simulated_of(picked, measured, chain, trials, seed)
    change = largest_change(measured, earlier, chain, trials, seed)
    if change is not None:
        contributions += change.lines
        simulated |= change.simulated
    flags += budget.disagreement(contributions, simulated)
    levels = []
    for channel, level, before in zip(picked, measured, earlier, strict=True):
        velocity_u = budget.stated(contributions, simulated, f"{channel.name} velocity")
        displacement_u = budget.stated(contributions, simulated, f"{channel.name} displacement")
        levels.append(
            Level(
                channel,
                level.velocity,
                velocity_u,
                level.displacement,
                displacement_u,
                level,
                None if before is None else before.velocity,
            )
        )
        if level.edge > _EDGE:
            flags.append(
                Note(
                    "ski-slope",
                    f"channel {channel.name!r}: {100 * level.edge:.0f} % of the level stand at the lower limit of the "
                    "band: drift or settling of the sensor, unless the machine turns that slowly",
                )
            )
    worst = max(levels, key=lambda level: level.velocity)
    farthest = max(levels, key=lambda level: level.displacement)
    lines, spans = _lines(levels, which.zones, band_hz is not None)
    zone, standard, unverified, more = _decided(spans, which, band_hz is not None, machine)
    refusals += more
    verdict, criterion = change_verdict(change, which, rows, facts, measured_on, band_hz is not None)
    if baseline is not None and criterion is not None and criterion.evidence_level > zoning.VERIFIED:
        refusals.append(
            Note(
                "change-unverified",
                f"the criterion of change ({criterion.params['standard']}) has evidence level "
                f"{criterion.evidence_level} and decides nothing alone",
            )
        )
    consulted = [*which.rules, *used, *band_rules, *([criterion] if criterion else [])]
    return Severity(
        velocity_rms=Quantity(worst.velocity, "mm/s", worst.velocity_u),
        displacement_rms=Quantity(farthest.displacement, "µm", farthest.displacement_u),
        position=Quantity(worst.channel.name),
        band_low=Quantity(band[0], "Hz"),
        band_high=Quantity(band[1], "Hz"),
        zone=Quantity(zone),
        zone_standard=Quantity(standard),
        zone_unverified=Quantity(unverified),
        change=None if change is None else change.value,
        change_verdict=Quantity(verdict),
        levels=levels_table(levels),
        zones=zones_table(lines),
        spectrum=spectrum_table(levels),
        budget=budget.budget_table(contributions, simulated),
        flags=tuple(flags),
        refusals=tuple(refusals),
        _rules=RuleSet({rule.rule_id: rule for rule in consulted}.values()),
        _levels=tuple(levels),
        _zones=which.zones,
    )


def _facts(
    machine: str,
    foundation: str | None,
    power_kw: float | None,
    shaft_height_mm: float | None,
    pump_category: str | None,
    speed: float | None,
) -> dict[str, Any]:
    given: dict[str, Any] = {
        "machine": machine,
        "foundation": foundation,
        # the shaft height of an electrical machine decides its group, whatever its power
        "power_kw": power_kw if shaft_height_mm is None else None,
        "shaft_height_mm": shaft_height_mm,
        "pump_category": pump_category,
        "speed_rpm": speed,
    }
    return {name: value for name, value in given.items() if value is not None}


def _band(
    rows: RuleSet,
    which: Concerned,
    facts: dict[str, Any],
    day: date | None,
    speed: float | None,
    given: list[float] | None,
) -> tuple[tuple[float, float], list[Rule]]:
    if given is not None:
        low, high = given
        if not 0 < low < high:
            raise BadInput(
                f"a band from {low:g} to {high:g} Hz", where="band_hz", right="0 < low < high is wanted"
            )
        return (low, high), []
    rule = which.zones[0].rule if which.zones else None
    if rule is None or "band_hz" not in rule.params:
        found = zoning.stated(rows, {**facts, "machine": "other"}, day, "band_hz")
        if found is None:
            raise BadInput("no rule row states a band", where="rules", right="give band_hz=low,high")
        rule = found[0]
    if speed is None:
        raise BadInput(
            "the speed of the shaft is not stated: the band begins at "
            f"{rule.params['slow_band_hz'][0]:g} Hz up to {rule.params['slow_rpm']:g} rpm, at "
            f"{rule.params['band_hz'][0]:g} Hz above",
            where="speed_rpm",
            right="give speed_rpm, a column speed_rpm, or band_hz=low,high",
        )
    low, high = rule.params["slow_band_hz" if speed <= rule.params["slow_rpm"] else "band_hz"]
    return (float(low), float(high)), [rule]


def _lines(
    levels: list[Level], rows: tuple[Zones, ...], other_band: bool
) -> tuple[list[tuple[Any, ...]], dict[str, list[tuple[int, int]]]]:
    """Lines of zones.csv, and the spans of each row over the channels."""
    lines: list[tuple[Any, ...]] = []
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in () if other_band else rows:
        for level in levels:
            value, spread = (
                (level.velocity, level.velocity_u)
                if row.kind == "velocity"
                else (level.displacement, level.displacement_u)
            )
            span = row.span(value, spread)
            spans.setdefault(row.rule.rule_id, []).append(span)
            lines.append((level.channel.name, row, value, spread, zoning.in_words(span)))
    return lines, spans


def _decided(
    spans: dict[str, list[tuple[int, int]]], which: Concerned, other_band: bool, machine: str
) -> tuple[str, str, str, list[Note]]:
    """Zone, standard, zone by unverified rows, and what is refused."""
    refusals = [Note("no-zones", f"{reason} (row {rule.rule_id})") for rule, reason in which.reasons]
    if other_band:
        refusals.append(Note("other-band", "zones belong to the band of the standard, not to the one given"))
        return "unknown", "none", "none", refusals
    verified = [row for row in which.zones if row.decides]
    # a row for the class of machine decides before the range over all machines
    deciding = [row for row in verified if row.specific] or verified
    shown = [row for row in which.zones if not row.decides]
    unverified = (
        zoning.in_words(zoning.worst_of([s for row in shown for s in spans[row.rule.rule_id]]))
        if shown
        else "none"
    )
    if which.missing and not any(row.specific for row in which.zones):
        refusals.append(
            Note(
                "class-not-stated",
                f"which zones apply to a machine of kind {machine!r} cannot be told: {', '.join(which.missing)} "
                "not stated",
            )
        )
    if not deciding:
        if shown:
            refusals.append(
                Note(
                    "zone-unverified",
                    "the boundaries for this machine are unverified (evidence level 5): they are shown in zones.csv and "
                    "decide nothing",
                )
            )
        return "unknown", "none", unverified, refusals
    span = zoning.worst_of([s for row in deciding for s in spans[row.rule.rule_id]])
    names = dict.fromkeys(
        f"{row.rule.params['standard']}, group {row.rule.params['group']}" for row in deciding
    )
    if span[0] != span[1]:
        general = not deciding[0].specific
        why = "the standard's ranges leave" if general else "the uncertainty leaves"
        refusals.append(
            Note("zone-open", f"zone {zoning.in_words(span)}: {why} it open, no single zone is stated")
        )
    return zoning.in_words(span), "; ".join(names), unverified, refusals


@severity.plot
def _draw(result: Severity) -> dict[str, Any]:
    return draw_levels(result._levels, result._zones, str(result.zone.value))
