"""From the polar plots of a spindle test to its values, their uncertainty, and what must be said about them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.evidence import Table
from recore.evidence.signal import signal_blocks
from recore.method import Note
from recore.metrology import budget
from recore.metrology.bearing import DefectOrders
from recore.metrology.spindle import error_motion_tables as tables
from recore.metrology.spindle.error_motion_notes import drift_and_motion, drift_of, line_flags, motion_flags
from recore.metrology.spindle.error_motion_record import Pass
from recore.metrology.spindle.error_motion_sources import Stated, curvature_plot, curvature_um, sources
from recore.metrology.spindle.error_motion_uncertainty import (
    Result,
    Value,
    contributions,
    simulated,
    value_of,
)
from recore.metrology.spindle.motion_values import (
    Centre,
    about_centre,
    once,
    synchronous,
    worst_direction,
)
from recore.metrology.spindle.motions import Setup, keeps_fundamental, unit_of_motion
from recore.metrology.spindle.order_spectrum import Peak, peaks
from recore.metrology.spindle.polar_statistics import Polar
from recore.quantity import Quantity

Floats = NDArray[np.float64]

FEWEST = 20  # revolutions that a synchronous value wants
_CENTRES: tuple[Centre, ...] = ("mzc", "mic", "mcc")
# motions by the front of their results' names, and how a fixed or rotating one is told at their end
_RADIAL = {"fixed": "", "rotating": "", "tilt_fixed": "tilt_", "tilt_rotating": "tilt_"}


def evaluated(
    found: Pass,
    setup: Setup,
    stated: Stated,
    still: dict[str, float],
    bearing: DefectOrders | None,
    trials: int,
    seed: int,
    flags: list[Note],
) -> dict[str, Any]:
    """All fields of the result.

    Parameters
    ----------
    found, setup : what the record holds
    stated : about the equipment
    still : range of each motion with the spindle stopped [µm]
    bearing : orders of the bearing whose lines are marked
    trials, seed : of the Monte Carlo check
    flags : what was noticed so far
    """
    flags, refusals = list(flags), []
    first = found.once(setup)
    eccentricity = first.forward if first is not None else once(found.polars["fixed"].mean)[1]
    fields: dict[str, Any] = {}
    polars = found.polars
    if stated.artefact_radius_mm:
        polars = {
            name: polar.plus(
                -curvature_plot(setup, found.weights[name], eccentricity, stated.artefact_radius_mm)
            )
            for name, polar in polars.items()
        }
        bow = curvature_um(abs(eccentricity), stated.artefact_radius_mm)
        # of e and of the radius, a twentieth each way
        fields["curvature"] = Quantity(bow, "µm", 0.2 * bow)
    results = _wanted(polars)
    refused, notes = _refused(polars, found, setup, stated)
    refusals += notes
    results = [r for r in results if r.name not in refused and r.value not in refused]
    every = sources(setup, found.weights, polars, found.drift, eccentricity, stated)
    lines = [c for r in results for c in contributions(r, polars[r.motion], every)]
    drawn = simulated(results, polars, every, trials, seed)
    flags += _budget_flags(lines, drawn)
    for result in results:
        fields[result.name] = Quantity(
            value_of(result, polars[result.motion]), result.unit, budget.stated(lines, drawn, result.name)
        )
    fields |= _other_centres(polars, fields)
    fields |= _bands(found, refused)
    if "synchronous_fixed_x" in fields:
        worst, direction = worst_direction(polars["x"].mean, polars["y"].mean)
        fields["synchronous_worst"] = Quantity(
            worst, "µm", max(fields[f"synchronous_fixed_{axis}"].uncertainty for axis in "xy")
        )
        fields["worst_direction"] = Quantity(direction, "deg")
    fields |= _eccentricity(found, setup, eccentricity, stated)
    if "x" not in polars:
        refusals.append(
            Note(
                "one-probe",
                "rotating sensitive direction, y and eccentricity want a second probe at another angle",
            )
        )
    for name, size in still.items():
        fields[f"structural_{name}"] = Quantity(
            size,
            "µm",
            2
            * float(
                np.hypot(
                    (stated.gain_percent or 0.0) / 100 * size, np.sqrt(2) * (stated.probe_noise_um or 0.0)
                )
            ),
        )
    flags += motion_flags(fields, polars, found, stated, still)
    rows = [i for i, name in enumerate(found.spectral) if name != "axial"]
    lines_found = [] if found.spectrum is None else peaks(found.spectrum, rows, bearing)
    fields |= _spectrum(found, rows, lines_found, bearing)
    flags += line_flags(found, lines_found)
    return fields | {
        "revolutions": Quantity(found.revolving.revolutions),
        "samples_per_revolution": Quantity(setup.samples),
        "flags": tuple(flags),
        "refusals": tuple(refusals),
        "budget": budget.budget_table(lines, drawn),
        "polar": tables.polar_table(setup, polars),
        "_polars": polars,
    }


def _wanted(polars: dict[str, Polar]) -> list[Result]:
    """Results that the motions of a record give."""
    wanted = []
    for motion in polars:
        unit = unit_of_motion(motion)
        if motion in _RADIAL:
            front, end = _RADIAL[motion], motion.removeprefix("tilt_")
        elif motion in ("x", "y"):
            front, end = "", f"fixed_{motion}"
        elif keeps_fundamental(motion):
            wanted += [
                Result(f"{motion}_total", motion, "total", unit, centred=False),
                Result(f"{motion}_synchronous", motion, "raw", unit),
                Result(f"{motion}_fundamental", motion, "fundamental", unit),
                Result(f"{motion}_residual", motion, "synchronous", unit),
                Result(f"{motion}_asynchronous", motion, "asynchronous", unit),
            ]
            continue
        else:
            continue  # the second plane is there for the tilt
        values: tuple[Value, ...] = ("synchronous", "asynchronous", "total")
        wanted += [Result(f"{front}{value}_{end}", motion, value, unit) for value in values]
        if motion in ("fixed", "rotating"):
            wanted += [
                Result(f"synchronous_{motion}_pc", motion, "raw", unit),
                Result(f"total_{motion}_pc", motion, "total", unit, centred=False),
            ]
    return wanted


def _budget_flags(lines: list[budget.Contribution], drawn: dict[str, float]) -> list[Note]:
    """One flag for all results whose first-order uncertainty is too small; where it is too large it is stated."""
    short = [name for name, spread in drawn.items() if spread > budget.combined(lines, name)]
    notes = budget.disagreement(lines, {name: drawn[name] for name in short})
    return (
        [
            Note(
                notes[0].code,
                "; ".join(note.text.partition("; the")[0] for note in notes) + "; the larger is stated",
            )
        ]
        if notes
        else []
    )


def _refused(
    polars: dict[str, Polar], found: Pass, setup: Setup, stated: Stated
) -> tuple[set[str], list[Note]]:
    """Values, or results by name, that would be a guess, with the reasons."""
    refused: set[str] = set()
    notes = []
    revolutions = found.revolving.revolutions
    if revolutions < FEWEST:
        refused |= {"synchronous", "raw", "fundamental"}
        notes.append(
            Note(
                "too-few-revolutions",
                f"no synchronous value from {revolutions} revolutions: at least {FEWEST} are wanted, so that "
                "asynchronous motion averages out",
            )
        )
    form = stated.artefact_form_um
    radial = "x" if "x" in polars else "fixed"
    largest = max(synchronous(polars[name].mean) for name in (radial, "fixed"))
    if form and form >= largest and "synchronous" not in refused:
        refused |= {
            r.name
            for r in _wanted(polars)
            if r.value == "synchronous" and r.motion in ("x", "y", "fixed", "rotating")
        }
        notes.append(
            Note(
                "artefact-dominates",
                f"no radial synchronous value: the artefact's form, {form:.3g} µm, is not smaller than what was "
                f"measured, {largest:.3g} µm; separate it with spindle.separate",
            )
        )
    run, motion = drift_and_motion(polars[radial], drift_of(found, radial))
    if run > motion:
        refused |= {"asynchronous", "total"}
        notes.append(
            Note(
                "drift-exceeds-motion",
                f"no asynchronous and no total value: over the record the axis drifts by {run:.3g} µm, the motion "
                f"itself is {motion:.3g} µm; give drift=remove, or record in thermal equilibrium",
            )
        )
    return refused, notes


def _other_centres(polars: dict[str, Polar], fields: dict[str, Any]) -> dict[str, Quantity]:
    """Radial values about the other three centres of ISO 12181-1."""
    more = {}
    for motion in ("fixed", "rotating"):
        for value in ("synchronous", "total"):
            stated = fields.get(f"{value}_{motion}")
            if stated is None:
                continue
            polar = polars[motion]
            outer, inner = (
                (polar.mean, polar.mean) if value == "synchronous" else (polar.highest, polar.lowest)
            )
            for centre in _CENTRES:
                width = about_centre(outer, inner, centre)
                if width is not None:
                    more[f"{value}_{motion}_{centre}"] = Quantity(width, "µm", stated.uncertainty)
    return more


def _bands(found: Pass, refused: set[str]) -> dict[str, Quantity]:
    """Scatter of the revolutions about their mean: standard deviation, and the bands of 95 and 99 %."""
    more: dict[str, Quantity] = {}
    if "asynchronous" in refused:
        return more
    for motion in ("fixed", "rotating"):
        if motion not in found.polars:
            continue
        polar = found.polars[motion]
        sigma = float(np.sqrt(np.mean(polar.sigma**2)))
        m = polar.revolutions
        more[f"asynchronous_{motion}_sigma"] = Quantity(sigma, "µm", 2 * sigma / float(np.sqrt(2 * (m - 1))))
        off = found.deviations(motion)
        bands: tuple[tuple[int, float], ...] = ((95, 0.058), (99, 0.0145))
        for percent, density in bands:
            tail = (100 - percent) / 2
            low, high = np.percentile(off, (tail, 100 - tail))
            # standard error of a quantile of a normal scatter, revolutions taken as the independent readings
            one = np.sqrt(tail / 100 * (1 - tail / 100) / off.shape[0]) / density * sigma
            more[f"asynchronous_{motion}_band_{percent}"] = Quantity(
                float(high - low), "µm", float(2 * np.sqrt(2) * one)
            )
    return more


def _eccentricity(found: Pass, setup: Setup, eccentricity: complex, stated: Stated) -> dict[str, Any]:
    drift = float(np.abs(np.concatenate((found.drift, found.removed))).max())
    m = found.revolving.revolutions
    noise = float(np.sqrt(np.mean(found.polars["fixed"].sigma ** 2)))
    fields: dict[str, Any] = {
        # slope of a straight line through m means with the scatter of single readings as an upper bound
        "drift_per_revolution": Quantity(drift, "µm", 2 * noise * float(np.sqrt(12 / (m * (m * m - 1.0)))))
    }
    if "x" not in found.polars:
        return fields
    size = abs(eccentricity)
    random = noise * float(np.sqrt(2 / m))
    gain = (stated.gain_percent or 0.0) / 100 * size / float(np.sqrt(len(setup.angles_deg)))
    spread = 2 * float(np.hypot(random, gain))
    fields["eccentricity"] = Quantity(size, "µm", spread)
    if size > spread:
        angle = 2 * (stated.angle_deg or 0.0) / float(np.sqrt(len(setup.angles_deg)))
        fields["eccentricity_phase"] = Quantity(
            float(np.degrees(np.angle(eccentricity))),
            "deg",
            float(np.hypot(np.degrees(np.arcsin(spread / size)), angle)),
        )
    return fields


def _spectrum(
    found: Pass, rows: list[int], lines: list[Peak], bearing: DefectOrders | None
) -> dict[str, Any]:
    if found.spectrum is None:
        return {}
    fields: dict[str, Any] = {
        "orders": tables.order_table(found),
        "peaks": tables.peak_table(lines, found.spectral),
    }
    if bearing is not None:
        fields["bearing_lines"] = tables.bearing_table(found, rows, bearing)
    if lines:
        highest = lines[0]
        size = float(np.linalg.norm([highest.amplitudes[r] for r in rows]))
        fields |= {
            "line_order": Quantity(highest.order, "1", 1.0 / found.spectrum.segment),
            # the noise around the line, averaged over the segments
            "line_amplitude": Quantity(size, "µm", 2 * size / highest.prominence),
            "line_name": Quantity(highest.name or "unknown"),
        }
    return fields


def structural(stopped: Table, columns: list[str], setup: Setup) -> dict[str, float]:
    """Range of the motion while the spindle stands still [µm], by direction: 'fixed', 'x', 'y'."""
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    weights = {name: w[:, 0] for name, w in setup.weights().items() if name in ("fixed", "x", "y")}
    for block in signal_blocks(stopped, columns):
        for name, w in weights.items():
            moved = w @ block
            low[name] = min(low.get(name, np.inf), float(moved.min()))
            high[name] = max(high.get(name, -np.inf), float(moved.max()))
    return {name: high[name] - low[name] for name in weights}
