"""Accuracy and repeatability of positioning of a numerically controlled axis, by a named rule set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import budget_table, stated, widened_beyond
from recore.metrology.machine import positioning_kernel as kernels
from recore.metrology.machine.positioning_checks import drift_between, remarks
from recore.metrology.machine.positioning_kernel import RuleSetName
from recore.metrology.machine.positioning_plot import draw_positioning
from recore.metrology.machine.positioning_record import Approaches
from recore.metrology.machine.positioning_tables import compensation, preview
from recore.metrology.machine.positioning_uncertainty import Source, contributions, simulated
from recore.metrology.machine.rule_set import NamedSet, named_set
from recore.quantity import Quantity
from recore.rules import RuleSet

Floats = NDArray[np.float64]
Measured = Quantity | None
_SHARE = float(np.sqrt(12))


@dataclass(frozen=True)
class Positioning:
    """Results of one rule set; those of the other two are None, because equal letters mean different things.

    Parameters
    ----------
    rule_set : the set that every result of this finding belongs to
    iso_… : ISO 230-2: accuracy A, repeatability R, systematic error E of the axis and of each direction, mean
        bidirectional error M, reversal error B and its mean, largest standard uncertainty s [µm or arcsec]
    vdi_… : VDI/DGQ 3441: positional uncertainty P, deviation Pa, scatter Ps (largest, mean), reversal span U
        (largest, mean) [µm or arcsec]
    jis_… : JIS B 6338: positioning accuracy, repeatability (stated with ±), lost motion [µm or arcsec]
    linear_slope : slope of the mean deviation [µm/m; arcsec/deg for a rotary axis]
    drift_between_runs : drift from the first to the last run, all targets alike [µm or arcsec]
    targets, runs, directions : how many there are
    travel : from the first to the last target [mm or deg]
    """

    rule_set: Quantity
    iso_accuracy: Measured
    iso_accuracy_up: Measured
    iso_accuracy_down: Measured
    iso_repeatability: Measured
    iso_repeatability_up: Measured
    iso_repeatability_down: Measured
    iso_systematic_error: Measured
    iso_systematic_error_up: Measured
    iso_systematic_error_down: Measured
    iso_mean_error: Measured
    iso_reversal_error: Measured
    iso_mean_reversal_error: Measured
    iso_standard_uncertainty: Measured
    vdi_positional_uncertainty: Measured
    vdi_positional_deviation: Measured
    vdi_positional_scatter: Measured
    vdi_mean_positional_scatter: Measured
    vdi_reversal_span: Measured
    vdi_mean_reversal_span: Measured
    jis_positioning_accuracy: Measured
    jis_repeatability: Measured
    jis_lost_motion: Measured
    linear_slope: Measured
    drift_between_runs: Measured
    targets: Annotated[Quantity, Unit("pcs")]
    runs: Annotated[Quantity, Unit("pcs")]
    directions: Annotated[Quantity, Unit("pcs")]
    travel: Quantity
    budget: Annotated[Any, Artifact("budget.csv")]
    compensation: Annotated[Any, Artifact("compensation.csv")]
    preview: Annotated[Any, Artifact("preview.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    record: Approaches


@method(
    "machine.positioning",
    version=1,
    standard="ISO 230-2:2014, VDI/DGQ 3441:1977 or JIS B 6338 (see rule_set); ISO/TR 230-9:2005",
    reproducible=Tolerance(absolute=1e-9, relative=1e-9),
)
def positioning(
    approaches: Approaches,
    *,
    rule_set: RuleSetName = "iso-230-2-2014",
    travel: Annotated[float | None, Field(gt=0, le=1e6)] = None,
    device_u_um_per_m: Annotated[float | None, Field(ge=0, le=1e4)] = None,
    device_u: Annotated[float | None, Field(ge=0, le=1e6)] = None,
    misalignment_mm: Annotated[float | None, Unit("mm"), Field(ge=0, le=1e4)] = None,
    machine_temperature_u_k: Annotated[float | None, Field(ge=0, le=50)] = None,
    machine_expansion_um_per_m_k: Annotated[float | None, Field(ge=0, le=50)] = None,
    device_temperature_u_k: Annotated[float | None, Field(ge=0, le=50)] = None,
    device_expansion_um_per_m_k: Annotated[float | None, Field(ge=0, le=50)] = None,
    expansion_u_um_per_m_k: Annotated[float | None, Field(ge=0, le=50)] = None,
    temperature_offset_k: Annotated[float | None, Field(ge=-50, le=50)] = None,
    eve: Annotated[float | None, Field(ge=0, le=1e6)] = None,
    resolution: Annotated[float | None, Field(ge=0, le=1e6)] = None,
    machine_scatter: bool = False,
    trials: Annotated[int, Field(ge=0, le=100_000)] = 2000,
    seed: Annotated[int, Field(ge=0)] = 1,
    rules: RuleSet | None = None,
) -> Positioning:
    """Positioning of a linear or rotary axis by one named rule set, with a table for the controller's compensation.

    Parameters
    ----------
    approaches : columns target_mm and deviation_um (target_deg and deviation_arcsec), direction, run
    rule_set : iso-230-2-2014, vdi-dgq-3441 or jis-b-6338; the finding holds the results of this one alone
    travel : measuring travel [mm or deg] where it is longer than from the first to the last target
    device_u_um_per_m : expanded uncertainty (k = 2) of the calibrated device in proportion to length [µm/m]
    device_u : expanded uncertainty (k = 2) of the device at any position [µm or arcsec]
    misalignment_mm : bound of the sideways offset of the beam or scale over the travel (cosine error) [mm]
    machine_temperature_u_k : expanded uncertainty (k = 2) of the temperature of the machine's scale [K]
    machine_expansion_um_per_m_k : its coefficient of expansion [µm/(m K)]
    device_temperature_u_k, device_expansion_um_per_m_k : the same for the measuring device (a laser has none)
    expansion_u_um_per_m_k : expanded uncertainty (k = 2) of the coefficient of expansion [µm/(m K)]
    temperature_offset_k : mean temperature of the machine above 20 °C during the test [K]
    eve : range of the reading of a resting machine over the time of the test, the environmental variation error
        E_VE [µm or arcsec]
    resolution : smallest step of the reading [µm or arcsec]
    machine_scatter : count the machine's own scatter over so few runs in U, too. Then U says how closely a repeated
        test agrees; without it, as in ISO/TR 230-9, how well this test was measured
    trials, seed : of the Monte Carlo run; 0 trials leave it out
    rules : rows of domain 'machine-test'; the shipped ones where none are given

    Returns
    -------
    Positioning : every result with U (k = 2), budget.csv, compensation.csv (per target: means, standard
        uncertainties, reversal, correction for the controller), preview.csv (results after a linear correction,
        after the table, after the table with reversal)

    Notes
    -----
    Uncertainty: each contribution is a field of errors over the readings (in proportion to length; alike at one
    target; new at each reading), sent through the formulas of the rule set by derivatives and by drawing; the larger U
    is stated. Where E_VE is not given, the range of the run means stands for it.

    Refuses: too few targets or runs for the rule set; an axis beyond 2000 mm or 360° with one run has no
    repeatability and no accuracy; one direction only has nothing bidirectional.

    References
    ----------
    ISO 230-2:2014, 3 and 6; ISO/TR 230-9:2005, Annex C; JCGM 100:2008; JCGM 101:2008. VDI/DGQ 3441:1977, 4.
    """
    rows = named_set(rule_set, rules)
    span = _span(approaches, travel)
    kernel, refusals = _kernel(approaches, rule_set, rows, span)
    x = approaches.deviation
    distance = (approaches.target - approaches.target[0]) / (1.0 if approaches.rotary else 1000.0)
    measured = _with_trends(kernel, distance)
    values = {name: float(value) for name, value in measured(x).items()}
    given = {
        "device_u_um_per_m": device_u_um_per_m,
        "misalignment_mm": misalignment_mm,
        "machine_temperature_u_k": machine_temperature_u_k,
        "device_temperature_u_k": device_temperature_u_k,
        "expansion_u_um_per_m_k": expansion_u_um_per_m_k,
        "temperature_offset_k": temperature_offset_k,
    }
    sources, flags = _sources(
        approaches,
        given,
        machine_expansion_um_per_m_k,
        device_expansion_um_per_m_k,
        device_u,
        eve,
        resolution,
        machine_scatter,
    )
    unit = approaches.unit
    lines = contributions(measured, x, distance, sources, unit)
    drawn = simulated(measured, x, distance, sources, trials, seed)
    flags = [*rows.notes(), *remarks(approaches, rows, span), *flags, *widened_beyond(lines, drawn)]
    note = drift_between(x, values.get("drift_between_runs"))
    flags += [note] if note else []

    def quantity(name: str) -> Quantity | None:
        if name not in values:
            return None
        # arcsec per degree has no unit of its own in the table of units
        own = ("‰" if approaches.rotary else "µm/m") if name == "linear_slope" else unit
        factor = 1000 / 3600 if name == "linear_slope" and approaches.rotary else 1.0
        return Quantity(values[name] * factor, own, factor * stated(lines, drawn, name) if lines else None)

    found: dict[str, Any] = {
        name: quantity(name) for name, kind in Positioning.__annotations__.items() if kind == "Measured"
    }
    return Positioning(
        rule_set=Quantity(rule_set),
        **found,
        targets=Quantity(len(approaches.target), "pcs"),
        runs=Quantity(approaches.runs, "pcs"),
        directions=Quantity(len(approaches.directions), "pcs"),
        travel=Quantity(approaches.travel, "deg" if approaches.rotary else "mm"),
        budget=budget_table(lines, drawn),
        compensation=compensation(approaches),
        preview=preview(approaches, kernel),
        flags=tuple(flags),
        refusals=tuple(refusals),
        record=approaches,
    )


def _span(approaches: Approaches, travel: float | None) -> float:
    if travel is not None and travel < approaches.travel * (1 - 1e-9):
        raise BadInput(
            f"travel {travel:g}",
            where="travel",
            right=f"the targets alone span {approaches.travel:g}; leave it out or give more",
        )
    return approaches.travel if travel is None else travel


def _kernel(
    approaches: Approaches, rule_set: RuleSetName, rows: NamedSet, span: float
) -> tuple[Callable[[Floats], dict[str, Floats]], list[Note]]:
    """The formulas of the rule set for this record, and what they cannot say of it."""
    runs, targets, sides = approaches.runs, len(approaches.target), approaches.directions
    if targets < rows.number("min_targets"):
        raise Refusal(
            "too-few-targets", f"{targets} targets; {rows.name} wants at least {rows.number('min_targets'):g}"
        )
    refusals: list[Note] = []
    if rule_set == "jis-b-6338":
        wanted = rows.number("repeat_runs")
        if runs < wanted:
            text = f"no repeatability and no lost motion: {runs} runs, {wanted:g} are wanted"
            refusals.append(Note("too-few-runs", text))
        if len(sides) == 1:
            refusals.append(Note("one-direction", "no lost motion: one direction only was measured"))
        at = kernels.three_positions(approaches.target)
        return lambda x: kernels.jis_b_6338(x, sides, at, runs >= wanted), refusals
    if rule_set == "vdi-dgq-3441":
        if len(sides) == 1:
            raise Refusal("one-direction", "VDI/DGQ 3441 wants both directions of approach; there is one")
        if runs < rows.number("min_runs"):
            raise Refusal(
                "too-few-runs", f"{runs} runs; {rows.number('min_runs'):g} in each direction are wanted"
            )
        k = rows.number("sigmas")
        return lambda x: kernels.vdi_dgq_3441(x, k), refusals
    long = rows.number("long_axis_deg" if approaches.rotary else "long_axis_mm")
    if runs == 1 and span > long:
        text = f"no repeatability and no accuracy: one run on an axis beyond {long:g} {'°' if approaches.rotary else 'mm'}"
        refusals.append(Note("single-approach", text))
    elif runs < rows.number("min_runs"):
        raise Refusal(
            "too-few-runs", f"{runs} runs; {rows.number('min_runs'):g} in each direction are wanted"
        )
    if len(sides) == 1:
        text = "no reversal, nothing bidirectional: one direction only was measured"
        refusals.append(Note("one-direction", text))
    k = rows.number("sigmas")
    return lambda x: kernels.iso_230_2(x, sides, k), refusals


def _with_trends(
    kernel: Callable[[Floats], dict[str, Floats]], distance: Floats
) -> Callable[[Floats], dict[str, Floats]]:
    along = distance - distance.mean()
    along = along / (along @ along)

    def all_of(x: Floats) -> dict[str, Floats]:
        found = dict(kernel(x))
        found["linear_slope"] = x.mean(axis=(-3, -1)) @ along
        n = x.shape[-1]
        if n > 2:
            turn = np.arange(n) - (n - 1) / 2
            found["drift_between_runs"] = x.mean(axis=(-3, -2)) @ (turn / (turn @ turn)) * (n - 1)
        if n > 1 and any(name.startswith("iso_") for name in found):
            found["iso_standard_uncertainty"] = x.std(axis=-1, ddof=1).max(axis=(-2, -1))
        return found

    return all_of


def _sources(
    approaches: Approaches,
    given: dict[str, float | None],
    machine_expansion: float | None,
    device_expansion: float | None,
    device_u: float | None,
    eve: float | None,
    resolution: float | None,
    machine_scatter: bool,
) -> tuple[list[Source], list[Note]]:
    unit, x = approaches.unit, approaches.deviation
    of_length = {name: value for name, value in given.items() if value is not None}
    if approaches.rotary and of_length:
        raise BadInput(
            f"{', '.join(of_length)} with a rotary axis",
            where="parameters",
            right="what grows with length belongs to a linear axis; give device_u, eve and resolution in arcsec",
        )
    sources: list[Source] = []
    if (u := of_length.get("device_u_um_per_m")) is not None:
        sources.append(Source("device, in proportion to length", "B", u / 2, "µm/m", "scale"))
    if device_u is not None:
        sources.append(Source("device, at any position", "B", device_u / 2, unit, "target"))
    if (offset := of_length.get("misalignment_mm")) is not None:
        # cosine error: over the travel L a sideways offset a shortens by a²/2L, which lies between 0 and its bound
        shortened = (offset / approaches.travel) ** 2 / 2 * 1e6
        sources.append(Source("alignment, cosine error", "B", shortened / _SHARE, "µm/m", "scale", flat=True))
    sources += _thermal(of_length, machine_expansion, device_expansion)
    missing = [] if approaches.rotary else [name for name in given if name not in of_length]
    missing += [name for name, value in (("device_u", device_u), ("resolution", resolution)) if value is None]
    flags = []
    if eve is not None:
        sources.append(Source("environmental variation E_VE", "B", eve / _SHARE, unit, "reading", flat=True))
    elif approaches.runs > 1:
        seen = float(np.ptp(x.mean(axis=(0, 1))))
        sources.append(Source("range of the run means", "A", seen / _SHARE, unit, "reading", flat=True))
        text = f"E_VE is not stated: the range of the run means, {seen:.3g} {unit}, stands for it"
        flags.append(Note("eve-from-record", text))
    if resolution is not None:
        sources.append(Source("resolution", "B", resolution / _SHARE, unit, "reading", flat=True))
    if machine_scatter and approaches.runs > 1:
        pooled = float(np.sqrt(x.var(axis=-1, ddof=1).mean()))
        sources.append(Source("machine's own scatter", "A", pooled, unit, "reading"))
    if missing:
        flags.append(Note("uncertainty-incomplete", f"not stated, and not in U: {', '.join(missing)}"))
    return sources, flags


def _thermal(
    given: dict[str, float], machine_expansion: float | None, device_expansion: float | None
) -> list[Source]:
    sources = []
    for word, expansion in (("machine", machine_expansion), ("device", device_expansion)):
        u = given.get(f"{word}_temperature_u_k")
        if u is None:
            continue
        if expansion is None:
            raise BadInput(
                f"{word}_temperature_u_k without {word}_expansion_um_per_m_k",
                where="parameters",
                right="both make the contribution α · u(θ); give the coefficient of expansion too",
            )
        name = f"temperature of the {word}"
        sources.append(Source(name, "B", u / 2, "K", "scale", per_unit=expansion))
    u, offset = given.get("expansion_u_um_per_m_k"), given.get("temperature_offset_k")
    if u is not None and offset is not None:
        sources.append(Source("coefficient of expansion", "B", u / 2, "µm/(m·K)", "scale", per_unit=offset))
    return sources


@positioning.plot
def _draw(result: Positioning) -> dict[str, Any]:
    best = (
        result.iso_accuracy
        or result.vdi_positional_uncertainty
        or result.jis_positioning_accuracy
        or result.iso_accuracy_up
        or result.iso_accuracy_down
        or result.iso_systematic_error
    )
    return draw_positioning(result.record, str(result.rule_set.value), best)
