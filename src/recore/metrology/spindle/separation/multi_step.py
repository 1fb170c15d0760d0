"""Separation by steps: one probe, the artefact turned on the spindle between the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import budget_table
from recore.metrology.spindle.separation import tables, turned
from recore.metrology.spindle.separation.linear import Solver, solver
from recore.metrology.spindle.separation.plot import draw_motions
from recore.metrology.spindle.separation.sources import drift_sources
from recore.metrology.spindle.separation.uncertainty import Evaluated, Scalar, Uncertain, evaluated
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Bools = NDArray[np.bool_]

_RESULTS = ("spindle_rms", "artefact_rms")
_FEWEST_TO_MODEL = 5


@dataclass(frozen=True)
class MultiStep:
    """Artefact form and spindle motion of a multi-step separation, each with U(k = 2).

    Parameters
    ----------
    artefact_rms, spindle_rms : rms over the observable harmonics from 2 on [nm]
    gain_max : largest noise gain among them
    observable_harmonics : how many of the wanted ones are given
    completed_harmonics : how many more of the spindle the model of the artefact bounds
    revolutions : that were averaged, all records together
    harmonics : upr; artefact_re_nm, artefact_im_nm, artefact_u_nm and the same of spindle; observable; completed
    budget : sources of uncertainty of each result
    """

    artefact_rms: Annotated[Quantity, Unit("nm")]
    spindle_rms: Annotated[Quantity, Unit("nm")]
    gain_max: Quantity
    observable_harmonics: Annotated[int, Unit("pcs")]
    completed_harmonics: Annotated[int, Unit("pcs")]
    revolutions: Annotated[int, Unit("1")]
    harmonics: Annotated[pa.Table, Artifact("harmonics.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _motions: Any = None


@method(
    "spindle.multi-step",
    version=1,
    standard="ASME B89.3.4-2010 (multi-step); JCGM 100:2008, JCGM 101:2008 (uncertainty)",
    reproducible={
        "observable_harmonics": Tolerance(),
        "completed_harmonics": Tolerance(),
        "revolutions": Tolerance(),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def multi_step(
    *records: Table,
    orientations_deg: list[float] | None = None,
    samples_per_revolution: Annotated[int | None, Field(ge=4, le=1_000_000)] = None,
    max_upr: Annotated[int, Field(ge=2, le=5000)] = 50,
    gain_limit: Annotated[float, Field(gt=0, le=1000)] = 10.0,
    completion: bool = False,
    channels: list[str] | None = None,
    artefact_radius_mm: Annotated[float | None, Unit("mm"), Field(ge=0.001, le=1e6)] = None,
    u_artefact_radius_mm: Annotated[float, Unit("mm"), Field(ge=0, le=1e6)] = 0.0,
    u_angle_deg: Annotated[float, Unit("deg"), Field(ge=0, le=10)] = 0.0,
    u_gain_pct: Annotated[float, Unit("%"), Field(ge=0, le=50)] = 0.0,
    linearity_nm: Annotated[float, Unit("nm"), Field(ge=0, le=1e6)] = 0.0,
    u_encoder_rad: Annotated[float, Unit("rad"), Field(ge=0, le=0.1)] = 0.0,
    repeatability_nm: Annotated[float, Unit("nm"), Field(ge=0, le=1e6)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=100_000)] = 1000,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> MultiStep:
    """Artefact form and spindle motion from records with the artefact turned step by step under one probe.

    Parameters
    ----------
    records : one for each orientation, column p1_um, the first sample at the same spindle angle
    orientations_deg : angle of the artefact on the spindle in each record [deg], turned the way the
        spindle turns; equal divisions of the circle where it is not given. Any set will do: a part of the divisions, or two coprime divisions
    samples_per_revolution : samples in each revolution, equally spaced in angle
    max_upr : largest harmonic that is wanted [undulations per revolution], below half the samples
    gain_limit : a harmonic whose noise gain exceeds this is not given
    completion : give the spindle's part of harmonics that the steps cannot separate, with the artefact's part taken
        as unknown in phase and of the size that a power law through its other harmonics gives
    channels : column name or number of the probe, where the column is not p1_um
    artefact_radius_mm : radius of the artefact [mm], to remove the false 2-UPR form of its eccentricity
    u_artefact_radius_mm : standard uncertainty of that radius [mm]
    u_angle_deg : standard uncertainty of each orientation [deg]
    u_gain_pct : standard uncertainty of the gain of each record [%]
    linearity_nm : largest deviation of the probe from a straight line over the run-out [nm]
    u_encoder_rad : standard uncertainty of the encoder's repeating error, in each of its harmonics [rad]
    repeatability_nm : standard uncertainty of one reading's harmonic because the motion does not repeat from record to
        record [nm]
    trials : of the Monte Carlo; 0 leaves it out
    seed : of the Monte Carlo

    Returns
    -------
    MultiStep : rms values [nm] and harmonics

    Notes
    -----
    m_n(t) = R(t + theta_n) + S(t), because what is turned forward passes the probe earlier: for each harmonic the rows
    [1, e^(ik theta_n)] for S_k and R_k. N equal steps lose the harmonics k = N, 2N, 3N …, where every orientation
    looks alike; the gain of the others is 1/sqrt(N) for R and S.
    Harmonic 1 holds the eccentricity, which each mounting changes, and is never given. The rms values hold observable
    harmonics only, completed ones never.

    Refuses fewer than two orientations, steps that lose every wanted harmonic, and what spindle.separate refuses of a
    record.

    References
    ----------
    Evans, Hocken, Estler, Self-calibration: reversal, redundancy, error separation, and absolute testing, CIRP Annals
    45 (1996) 617. Estler, Evans, Shao, Uncertainty estimation for multiposition form error metrology, Precision
    Engineering 21 (1997) 72.
    """
    theta = _orientations(orientations_deg, len(records))
    solving, lost = _solver(theta, max_upr, gain_limit)
    if not solving.observable.any():
        raise Refusal(
            "no-harmonic-observable",
            f"{len(set(theta.tolist()))} different orientation(s) separate no harmonic from 2 to {max_upr}: turn the "
            "artefact by other angles",
        )
    words = [f"at {angle:g}°" for angle in np.degrees(theta)]
    found = turned.set_ups(
        records, words, ["p1_um"],
        samples_per_revolution=samples_per_revolution, max_upr=max_upr, channels=channels,
    )  # fmt: skip
    flags = list(found.flags)
    if lost.any():
        flags.append(
            Note(
                "unobservable-harmonics",
                f"the steps do not separate the harmonics {tables.ranges(np.flatnonzero(lost))}: the artefact looks the "
                "same in every orientation; add orientations of a coprime division",
            )
        )
    noises, notes = turned.common_noise(solving, found.averages, repeatability_nm, u_encoder_rad)
    flags += notes
    raw = found.averages.mean
    scalars: list[Scalar]
    scalars, notes = turned.curvature_sources(solving, raw, artefact_radius_mm, u_artefact_radius_mm)
    flags += notes
    mean = turned.less_curvature(raw, artefact_radius_mm)
    values = solving.solve(mean)
    scalars += turned.orientation_sources(solving, values[1], solving.rows[:, :, 1], u_angle_deg, found.names)
    scalars += turned.linearity_scalars(solving, found.averages.mean, linearity_nm)
    scalars += turned.gain_scalars(solving, mean, u_gain_pct, found.names)
    scalars += drift_sources(solving.estimator, found.averages, found.names)
    seen = np.broadcast_to(solving.observable, values.shape)
    whole = evaluated(Uncertain(values, seen, noises, scalars), _RESULTS, trials, seed)
    flags += whole.flags
    motions = {
        "artefact": (whole.values[1], whole.expanded[1]),
        "spindle": (whole.values[0], whole.expanded[0]),
    }
    table = tables.harmonics(motions, solving.observable)
    completed = np.zeros(max_upr + 1, dtype=bool)
    if completion and lost.any():
        filled = _completed(solving, lost, 1e3 * mean, 1e3 * found.averages.lines, whole)
        if filled is None:
            flags.append(
                Note(
                    "not-completed",
                    "too few harmonics of the artefact stand out of the noise to model the others",
                )
            )
        else:
            completed = lost
            amplitude, expanded = filled
            given = solving.observable | lost
            table = tables.replaced(table, "spindle", amplitude, expanded, given)
    return MultiStep(
        artefact_rms=whole.rms["artefact_rms"],
        spindle_rms=whole.rms["spindle_rms"],
        gain_max=Quantity(float(solving.gain[solving.observable].max())),
        observable_harmonics=int(solving.observable.sum()),
        completed_harmonics=int(completed.sum()),
        revolutions=sum(r.count for r in found.records),
        harmonics=table.append_column("completed", pa.array(completed)),
        budget=budget_table(whole.lines, whole.simulated),
        flags=tuple(flags),
        refusals=(),
        _motions=motions,
    )


def _orientations(given: list[float] | None, count: int) -> Floats:
    if given is None:
        even: Floats = np.arange(count) * 2 * np.pi / count
        return even
    if len(given) != count:
        raise BadInput(
            f"{len(given)} orientations for {count} records",
            where="orientations_deg",
            right="one for each record",
        )
    theta: Floats = np.radians(np.asarray(given, dtype=float))
    return theta


def _solver(theta: Floats, max_upr: int, gain_limit: float) -> tuple[Solver, Bools]:
    """Estimators for S and R, and which harmonics from 2 on they lose."""
    count = len(theta)
    wave = np.exp(1j * np.arange(max_upr + 1)[:, None] * theta)
    # N - |sum e^(ik theta)|²/N is what is left of the form's rows beside those of the motion
    left = count - np.abs(wave.sum(axis=1)) ** 2 / count
    observable = left > max(1 / gain_limit**2, 1e-12 * count)
    observable[:2] = False
    rows = np.stack((np.ones_like(wave), wave), axis=2)
    lost = ~observable
    lost[:2] = False
    return solver(rows, observable), lost


def _completed(
    solving: Solver, lost: Bools, readings: Complexes, lines: Complexes, whole: Evaluated
) -> tuple[Complexes, Floats] | None:
    """Spindle at the lost harmonics: the mean reading, less a form of unknown phase; amplitudes and U [nm].

    The size of the form there is that of a power law |R_k| = a k^-b through the harmonics that stand out of the noise,
    widened by their scatter about it.
    """
    form = whole.values[1]
    k = np.arange(len(form))
    good = solving.observable & (np.abs(form) > 2 * whole.expanded[1])
    if good.sum() < _FEWEST_TO_MODEL:
        return None
    power = np.log(np.abs(form[good]) ** 2)
    slope, level = np.polyfit(np.log(k[good]), power, 1)
    # the mean of the squares lies above the square of the geometric mean
    about = np.exp(power - np.polyval((slope, level), np.log(k[good]))).mean()
    size = np.exp(np.polyval((slope, level), np.log(k[lost]))) * about
    noise = (np.abs(lines[..., lost]) ** 2).mean(axis=(0, 1)) / len(readings)
    return readings.mean(axis=0)[lost], np.sqrt(2 * (size + noise))


@multi_step.plot
def _draw(result: MultiStep) -> dict[str, Any]:
    return draw_motions(result._motions)
