"""Steps that reversal and multi-step share: one probe, several set-ups of the artefact, the same spindle motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.evidence import Table
from recore.method import Note
from recore.metrology.spindle.separation import checks, consistency, sources
from recore.metrology.spindle.separation.averages import Averages, averages
from recore.metrology.spindle.separation.linear import Solver
from recore.metrology.spindle.separation.revolutions import Revolutions, read
from recore.metrology.spindle.separation.uncertainty import Noise, Scalar

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class SetUps:
    """Averaged records of all set-ups, one reading below the other.

    Parameters
    ----------
    records : as averaged
    averages : (P, K + 1) and their lines [µm], drift removed
    names : of the readings
    flags : what the records show
    """

    records: list[Revolutions]
    averages: Averages
    names: list[str]
    flags: list[Note]


def set_ups(
    tables: Sequence[Table],
    words: Sequence[str],
    probes: Sequence[str],
    *,
    samples_per_revolution: int | None,
    max_upr: int,
    channels: list[str] | None,
) -> SetUps:
    """Read and average each record; `words` name the set-ups, `probes` the columns of each."""
    records = []
    for table in tables:
        record = read(table, probes, channels, samples_per_revolution, max_upr)
        checks.repeats(record, table.name)
        records.append(record)
    stack = stacked([averages(record) for record in records])
    short = [probe.removesuffix("_um") for probe in probes]
    names = [f"{p} {word}" if len(probes) > 1 else word for word in words for p in short]
    counts = [len(probes)] * len(tables)
    flags = checks.record_flags(records, tables, counts, max_upr)
    flags += checks.drift_flags(records, stack, names) + checks.strongest_flag(stack)
    return SetUps(records, stack, names, flags)


def stacked(found: Sequence[Averages]) -> Averages:
    """Records one below the other; their lines are independent of each other."""
    least = min(a.lines.shape[1] for a in found)
    return Averages(
        mean=np.concatenate([a.mean for a in found]),
        lines=np.concatenate([a.lines[:, :least] for a in found]),
        drift=np.concatenate([a.drift for a in found]),
        u_drift=np.concatenate([a.u_drift for a in found]),
        scatter=np.concatenate([a.scatter for a in found]),
        saw=found[0].saw,
    )


def less_curvature(mean: Complexes, radius_mm: float | None) -> Complexes:
    """Readings (P, K + 1) without the false 2-UPR form of the eccentricity that each shows [µm]."""
    if radius_mm is None:
        return mean
    corrected = mean.copy()
    corrected[:, 2] -= sources.curvature(1.0, radius_mm, 0.0).amplitude * mean[:, 1] ** 2
    return corrected


def curvature_sources(
    solving: Solver, mean: Complexes, radius_mm: float | None, u_radius_mm: float
) -> tuple[list[Scalar], list[Note]]:
    """The radius as a source, or the flag that it is missing."""
    if radius_mm is None:
        return [], checks.curvature_flag(float(np.abs(mean[:, 1]).max()))
    response = np.zeros_like(mean)
    response[:, 2] = -(mean[:, 1] ** 2) / (4e3 * radius_mm) * u_radius_mm / radius_mm
    return [Scalar("radius of the artefact", u_radius_mm, "mm", solving.solve(response))], []


def common_noise(
    solving: Solver, found: Averages, repeatability_nm: float, u_encoder_rad: float
) -> tuple[list[Noise], list[Note]]:
    """Noise of the readings, stated repeatability and encoder error, and what the set-ups differ by beyond noise."""
    variance = sources.line_variance(solving.solve(found.lines.swapaxes(0, 1)))
    gain = np.where(solving.observable, solving.gain.T, 0.0)
    reading = float((np.abs(found.lines[..., 2:]) ** 2).mean())
    noises = [Noise("noise and asynchronous motion", variance, float(np.sqrt(reading / 2)), "µm")]
    if repeatability_nm:
        each = 2 * (repeatability_nm / 1e3) ** 2
        noises.append(Noise("repeatability of the motion", each * gain**2, repeatability_nm, "nm", "B"))
    if u_encoder_rad:
        # a late reading of a run-out e sin t is wrong by e cos t times the error of the encoder
        each = (float(np.abs(found.mean[:, 1]).max()) * u_encoder_rad) ** 2
        noises.append(Noise("encoder error, repeating", each * gain**2, u_encoder_rad, "rad", "B"))
    agreement = consistency.agreement(solving, found.mean, found.lines)
    flags = consistency.check_agreement(agreement, "set-ups")
    if flags:
        beyond = float(np.sqrt(agreement.excess))
        noises.append(Noise("disagreement of the set-ups", agreement.excess * gain**2, beyond, "µm"))
    return noises, flags


def gain_scalars(solving: Solver, mean: Complexes, u_gain_pct: float, names: Sequence[str]) -> list[Scalar]:
    """A gain that changed from one set-up to the other."""
    return sources.gain_sources(solving.estimator, mean, u_gain_pct / 100, names)


def linearity_scalars(solving: Solver, mean: Complexes, linearity_nm: float) -> list[Scalar]:
    """One probe's deviation from a straight line over the run-out; it is the same in every set-up."""
    if not linearity_nm:
        return []
    standard = linearity_nm / 1e3 / np.sqrt(3)
    found = []
    for upr, share, word in ((2, 0.5, "parabola"), (3, 0.25, "cubic")):
        error = np.zeros_like(mean)
        if upr < mean.shape[1]:
            error[:, upr] = standard * share * np.exp(1j * upr * np.angle(mean[:, 1]))
        found.append(Scalar(f"linearity of the probe, {word}", standard, "µm", solving.solve(error)))
    return found


def orientation_sources(
    solving: Solver, form: Complexes, rows_of_form: Complexes, u_deg: float, names: Sequence[str]
) -> list[Scalar]:
    """The artefact stands off its orientation in one set-up.

    Parameters
    ----------
    form : (K + 1,) harmonics of the artefact [µm]
    rows_of_form : (K + 1, P) what one unit of the form gives to each reading
    """
    if not u_deg:
        return []
    k = np.arange(len(form))
    found = []
    for p, name in enumerate(names):

        def off(draws: Floats, p: int = p) -> Complexes:
            turned = np.expm1(1j * np.outer(np.radians(u_deg) * draws, k)) * rows_of_form[:, p] * form
            error: Complexes = turned[:, None] * solving.estimator[:, :, p].T
            return error

        small = 1e-3
        found.append(
            Scalar(
                f"orientation of the artefact, {name}", u_deg, "deg", off(np.array([small]))[0] / small, off
            )
        )
    return found
