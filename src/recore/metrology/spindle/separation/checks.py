"""What a record and its layout must be said of: flags, and refusals where a number would mislead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recore.method import Note, Refusal
from recore.metrology.spindle.separation import tables
from recore.metrology.spindle.separation.averages import Averages
from recore.metrology.spindle.separation.linear import Layout
from recore.metrology.spindle.separation.revolutions import Revolutions
from recore.metrology.spindle.signal_checks import is_coarse

if TYPE_CHECKING:
    from recore.evidence import Table

FEWEST_REVOLUTIONS = 20
_SAMPLES_PER_WAVE = 2.5
_NARROW_UM, _WIDE_UM = 0.05, 500.0
_USUAL_RADIUS_MM = 12.5
_REPEATS = 0.9
_WANDERS = 8
_STRONG_UM = 0.2


def repeats(record: Revolutions, where: str) -> None:
    """Refuse a record whose revolutions do not begin at the same rotor angle (no tacho, wrong samples per revolution).

    The eccentricity then turns from revolution to revolution and vanishes from the mean.
    """
    once = record.groups[..., 1]
    power = (np.abs(once) ** 2).mean(axis=1)
    kept = np.abs(once.mean(axis=1)) ** 2
    largest = int(power.argmax())
    if kept[largest] < _REPEATS**2 * power[largest] and power[largest] > _other(record, largest):
        raise Refusal(
            "revolutions-do-not-repeat",
            f"only {100 * np.sqrt(kept[largest] / power[largest]):.0f} % of the once-per-revolution signal in {where} "
            f"stays in place from revolution to revolution: are there really {record.samples} samples in each? A "
            "record without tacho or encoder cannot be averaged",
        )


def _other(record: Revolutions, probe: int) -> float:
    """Power of the harmonics from 2 on, against which a wandering fundamental must stand out."""
    return float((np.abs(record.groups[probe, :, 2:]) ** 2).sum(axis=-1).mean())


def record_flags(
    records: Sequence[Revolutions], tables_read: Sequence[Table], counts: Sequence[int], max_upr: int
) -> list[Note]:
    """What the readings themselves show."""
    flags = []
    for record, table, count in zip(records, tables_read, counts, strict=True):
        if record.count < FEWEST_REVOLUTIONS:
            flags.append(
                Note(
                    "few-revolutions",
                    f"{record.count} revolutions in {table.name}; at least {FEWEST_REVOLUTIONS} are wanted for the "
                    "synchronous motion, and the noise is known badly: U is widened by Student's t",
                )
            )
        if record.left_over:
            flags.append(
                Note(
                    "samples-left-out",
                    f"{record.left_over} samples at the end of {table.name} fill no revolution and were left out",
                )
            )
        if is_coarse(record.step, record.scatter):
            flags.append(
                Note(
                    "coarse-resolution",
                    f"the readings of {table.name} move in steps of {1000 * record.step:.3g} nm and scatter by "
                    f"{1000 * record.scatter:.3g} nm only: averaging does not see between the steps, and U is too small; "
                    "use a finer range",
                )
            )
        if record.samples < _SAMPLES_PER_WAVE * max_upr:
            flags.append(
                Note(
                    "few-samples",
                    f"{record.samples} samples in a revolution for {max_upr} UPR; {_SAMPLES_PER_WAVE:g} for each "
                    "undulation are wanted, as what lies above half the samples folds back into the band",
                )
            )
        span = record.highest - record.lowest
        widest, narrowest = float(span.max()), float(span.min())
        if narrowest == 0:
            probe = int(span.argmin()) + 1
            raise Refusal(
                "dead-probe", f"p{probe} in {table.name} holds one value throughout: a dead channel"
            )
        if widest < _NARROW_UM or widest > _WIDE_UM:
            other = "µm read as nm" if widest < _NARROW_UM else "nm read as µm"
            flags.append(
                Note(
                    "unit-doubtful",
                    f"the readings of {table.name} span {widest:.3g} µm, which is unusual for a probe at a rotating "
                    f"artefact: {other}?",
                )
            )
        if table.has(f"p{count + 1}_um"):
            flags.append(
                Note(
                    "probe-not-used",
                    f"{table.name} has a column p{count + 1} without an angle; it was not used",
                )
            )
    return flags


def strongest_flag(averaged: Averages) -> list[Note]:
    """A harmonic that stands far above the fundamental: the revolution may be miscounted."""
    size = np.abs(averaged.mean).max(axis=0)
    strongest = int(size[2:].argmax()) + 2
    if size[strongest] < max(_STRONG_UM, 2 * size[1]):
        return []
    return [
        Note(
            "revolution-doubtful",
            f"harmonic {strongest} is the strongest with {size[strongest]:.3g} µm, where eccentricity makes the "
            f"first one strongest: do the given samples hold one revolution, or {strongest}?",
        )
    ]


def drift_flags(records: Sequence[Revolutions], averaged: Averages, names: Sequence[str]) -> list[Note]:
    """Drift against motion; refused where the drift within one revolution is the larger."""
    flags: list[Note] = []
    at = 0
    for record in records:
        for p in range(len(record.groups)):
            level = record.groups[p, :, 0].real
            span = float(np.ptp(level))
            motion = _peak_to_valley(averaged.mean[at, 2:])
            run_out = max(motion, 2 * abs(averaged.mean[at, 1]))
            each = abs(float(averaged.drift[at]))
            if each > run_out or (each > motion and each > 5 * averaged.u_drift[at] and span > run_out):
                raise Refusal(
                    "drift-exceeds-motion",
                    f"{names[at]} drifts by {1e3 * each:.3g} nm in every revolution, more than the {1e3 * motion:.3g} "
                    "nm of the motion that is looked for: let the machine warm up, or turn faster",
                )
            if span > max(motion, _WANDERS * averaged.scatter[at]):
                flags.append(
                    Note(
                        "drift-exceeds-motion",
                        f"{names[at]} drifts by {1e3 * span:.3g} nm over the record, more than the {1e3 * motion:.3g} "
                        "nm of the motion that is looked for; what is linear within a revolution is removed",
                    )
                )
            at += 1
    return flags


def _peak_to_valley(amplitudes: np.ndarray) -> float:
    """Of f(t) = Re sum A_k e^(ikt), k from 2 on."""
    points = max(256, 8 * (len(amplitudes) + 2))
    spectrum = np.zeros(points // 2 + 1, dtype=complex)
    spectrum[2 : len(amplitudes) + 2] = amplitudes * points / 2
    return float(np.ptp(np.fft.irfft(spectrum, points)))


def layout_flags(lay: Layout) -> list[Note]:
    """Harmonics that are not given, by number."""
    flags = []
    if lay.lost.any():
        flags.append(
            Note(
                "unobservable-harmonics",
                "the layout loses the harmonics "
                f"{tables.ranges(np.flatnonzero(lay.lost))}: form and motion look alike to these probes, no number is "
                "given; other angles, a further probe or a second layout show them",
            )
        )
    if lay.too_noisy.any():
        flags.append(
            Note(
                "badly-conditioned-harmonics",
                f"the noise gain of the harmonics {tables.ranges(np.flatnonzero(lay.too_noisy))} exceeds gain_limit: "
                "no number is given",
            )
        )
    return flags


def curvature_flag(eccentricity_um: float) -> list[Note]:
    """The 2-UPR form of an eccentric ball, where no radius was given to remove it."""
    false = 1e3 * eccentricity_um**2 / (4e3 * _USUAL_RADIUS_MM)
    if false < 0.02:
        return []
    return [
        Note(
            "curvature-not-corrected",
            f"harmonic 2 of the artefact holds a false form of e²/(4 radius): {false:.2g} nm were the radius "
            f"{_USUAL_RADIUS_MM:g} mm; give artefact_radius_mm",
        )
    ]


def sources_flag(u_angle_deg: float, u_gain_pct: float) -> list[Note]:
    """Say which sources U leaves out."""
    missing = [
        word
        for word, given in (("angles (u_angle_deg)", u_angle_deg), ("gains (u_gain_pct)", u_gain_pct))
        if not given
    ]
    if not missing:
        return []
    return [
        Note(
            "u-without-geometry",
            f"U holds noise, asynchronous motion and drift; errors of {' and '.join(missing)} of the probes are not "
            "in it, as no standard uncertainty is given for them",
        )
    ]
