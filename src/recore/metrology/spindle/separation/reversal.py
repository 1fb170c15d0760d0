"""Separation by reversal: the artefact and the probe are turned by half a turn between two records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import COVERAGE, Contribution, budget_table
from recore.metrology.spindle.separation import tables, turned
from recore.metrology.spindle.separation.linear import Solver, solver
from recore.metrology.spindle.separation.plot import draw_motions
from recore.metrology.spindle.separation.sources import drift_sources
from recore.metrology.spindle.separation.uncertainty import Noise, Scalar, Uncertain, evaluated
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_NM = 1e3


@dataclass(frozen=True)
class Reversal:
    """Artefact form and spindle motion of a reversal, each with U(k = 2).

    Parameters
    ----------
    artefact_rms : rms of the artefact's form from 2 UPR on [nm]; of form plus axial motion in a face reversal without
        axial probe
    spindle_rms : rms of the radial motion along the probe, or of tilt times radius of the face [nm]
    axial_rms : rms of the axial motion from 2 UPR on [nm]
    axial_fundamental : amplitude of the axial motion once per revolution [nm]
    revolutions : that were averaged, both records together
    harmonics : upr; artefact_re_nm, artefact_im_nm, artefact_u_nm, and the same of spindle and axial; observable
    budget : sources of uncertainty of each result
    """

    artefact_rms: Annotated[Quantity, Unit("nm")]
    spindle_rms: Annotated[Quantity, Unit("nm")]
    axial_rms: Annotated[Quantity | None, Unit("nm")]
    axial_fundamental: Annotated[Quantity | None, Unit("nm")]
    revolutions: Annotated[int, Unit("1")]
    harmonics: Annotated[pa.Table, Artifact("harmonics.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _motions: Any = None


@method(
    "spindle.reversal",
    version=1,
    standard="ASME B89.3.4-2010 (reversal); JCGM 100:2008, JCGM 101:2008 (uncertainty)",
    reproducible={"revolutions": Tolerance(), "*": Tolerance(absolute=1e-6, relative=1e-6)},
)
def reversal(
    normal: Table,
    reversed: Table,
    *,
    direction: Literal["radial", "face"] = "radial",
    samples_per_revolution: Annotated[int | None, Field(ge=4, le=1_000_000)] = None,
    max_upr: Annotated[int, Field(ge=2, le=5000)] = 50,
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
) -> Reversal:
    """Artefact form and spindle motion from two records, artefact and probe turned by half a turn between them.

    Parameters
    ----------
    normal : columns p1_um (the radial or face probe) and, for a face reversal, p2_um (a probe on the axis)
    reversed : the same after the artefact was turned by 180° on the spindle and the radial or face probe was moved by
        180°; the first sample at the same spindle angle
    direction : 'radial' (Donaldson) or 'face' (Estler: face motion at a radius, with or without an axial probe)
    samples_per_revolution : samples in each revolution, equally spaced in angle
    max_upr : largest harmonic that is wanted [undulations per revolution], below half the samples
    channels : column name or number of each probe, where the columns are not p1_um, p2_um
    artefact_radius_mm : radius of a radial artefact [mm], to remove the false 2-UPR form of its eccentricity
    u_artefact_radius_mm : standard uncertainty of that radius [mm]
    u_angle_deg : standard uncertainty of the half turn of the artefact, and of that of the probe [deg]
    u_gain_pct : standard uncertainty of the gain of each record [%]
    linearity_nm : largest deviation of the probe from a straight line over the run-out [nm]
    u_encoder_rad : standard uncertainty of the encoder's repeating error, in each of its harmonics [rad]
    repeatability_nm : standard uncertainty of one reading's harmonic because the motion does not repeat from record to
        record [nm]
    trials : of the Monte Carlo; 0 leaves it out
    seed : of the Monte Carlo

    Returns
    -------
    Reversal : rms values [nm] and harmonics

    Notes
    -----
    Radial: T1 = R + S and T2 = R - S, so R = (T1 + T2)/2 and S = (T1 - T2)/2; every harmonic from 2 on has gain
    1/sqrt(2). Face: T1 = P + A + W and T2 = P + A - W, with the flatness P of the face, the axial motion A and the
    face motion by tilt W = tilt times radius; a probe on the axis gives A. Harmonic 1 is the mounting of the artefact,
    which the second mounting changes: only the axial fundamental, which the probe on the axis sees, is given.
    Nothing in the records shows whether the artefact was really turned; the flag 'turn-not-verified' says so.

    Refuses what spindle.separate refuses of a record, and two equal records.

    References
    ----------
    Donaldson, A simple method for separating spindle error from test ball roundness error, CIRP Annals 21 (1972) 125.
    Evans, Hocken, Estler, Self-calibration: reversal, redundancy, error separation, and absolute testing, CIRP Annals
    45 (1996) 617.
    """
    axial = direction == "face" and _has_axial(normal, reversed, channels)
    if direction == "radial" and channels is not None and len(channels) != 1:
        raise BadInput(
            f"{len(channels)} channels are mapped", where="channels", right="one radial probe is wanted"
        )
    probes = ["p1_um", "p2_um"] if axial else ["p1_um"]
    found = turned.set_ups(
        (normal, reversed), ("normal", "reversed"), probes,
        samples_per_revolution=samples_per_revolution, max_upr=max_upr, channels=channels,
    )  # fmt: skip
    per = len(probes)
    if np.array_equal(found.averages.mean[:per], found.averages.mean[per:]):
        raise Refusal("same-record", "both records are the same: nothing was reversed")
    solving = _solver(max_upr, axial=axial)
    mean = found.averages.mean
    flags = [
        *found.flags,
        Note(
            "turn-not-verified",
            "the records cannot show whether artefact and probe were turned by half a turn; the person who turned them "
            "vouches for it",
        ),
    ]
    noises, notes = turned.common_noise(solving, found.averages, repeatability_nm, u_encoder_rad)
    flags += notes
    scalars: list[Scalar] = []
    if direction == "radial":
        scalars, notes = turned.curvature_sources(solving, mean, artefact_radius_mm, u_artefact_radius_mm)
        flags += notes
        mean = turned.less_curvature(mean, artefact_radius_mm)
    values = solving.solve(mean)
    face = [0, per]
    form = solving.rows[:, face, -1]
    spread = np.zeros(values.shape)
    # a probe off its place sees some of the motion across, which is taken to be as large
    spread[:] = (np.radians(u_angle_deg) * np.abs(values[0])) ** 2 * np.where(
        solving.observable, (np.abs(solving.estimator[:, :, face]) ** 2).sum(axis=2).T, 0
    )
    if u_angle_deg:
        noises.append(Noise("place of the probe", spread, u_angle_deg, "deg", "B"))
        turned_only = Solver(
            solving.rows[:, face], solving.estimator[:, :, face], solving.gain, solving.observable
        )
        scalars += turned.orientation_sources(
            turned_only, values[-1], form, u_angle_deg, [found.names[i] for i in face]
        )[1:]
    scalars += turned.linearity_scalars(solving, found.averages.mean, linearity_nm)
    scalars += turned.gain_scalars(solving, mean, u_gain_pct, found.names)
    scalars += drift_sources(solving.estimator, found.averages, found.names)
    words = ("spindle_rms", "axial_rms", "artefact_rms") if axial else ("spindle_rms", "artefact_rms")
    seen = np.broadcast_to(solving.observable, values.shape)
    whole = evaluated(Uncertain(values, seen, noises, scalars), words, trials, seed)
    motions = {
        word.removesuffix("_rms"): (whole.values[q], whole.expanded[q]) for q, word in enumerate(words)
    }
    motions = {name: motions[name] for name in ("artefact", "spindle", "axial") if name in motions}
    once = _axial_fundamental(found.averages.mean, found.averages.lines, u_gain_pct) if axial else None
    return Reversal(
        artefact_rms=whole.rms["artefact_rms"],
        spindle_rms=whole.rms["spindle_rms"],
        axial_rms=whole.rms.get("axial_rms"),
        axial_fundamental=None if once is None else once[0],
        revolutions=sum(r.count for r in found.records),
        harmonics=tables.harmonics(motions, solving.observable),
        budget=budget_table([*whole.lines, *(once[1] if once else [])], whole.simulated),
        flags=(*flags, *_no_axial(direction, axial=axial), *whole.flags),
        refusals=(),
        _motions=motions,
    )


def _has_axial(normal: Table, reversed: Table, channels: list[str] | None) -> bool:
    if channels is not None:
        if len(channels) not in (1, 2):
            raise BadInput(
                f"{len(channels)} channels are mapped",
                where="channels",
                right="the face probe, or the face and the axial probe, are wanted",
            )
        return len(channels) == 2
    return normal.has("p2_um") and reversed.has("p2_um")


def _no_axial(direction: str, *, axial: bool) -> list[Note]:
    if direction == "radial" or axial:
        return []
    return [
        Note(
            "axial-not-separated",
            "without a probe on the axis the flatness of the face and the axial motion of the spindle stay together: "
            "'artefact' is their sum",
        )
    ]


def _solver(max_upr: int, *, axial: bool) -> Solver:
    """Unknowns: spindle motion, axial motion (with an axial probe), form."""
    if axial:
        rows = [[1, 1, 1], [0, 1, 0], [-1, 1, 1], [0, 1, 0]]
    else:
        rows = [[1, 1], [-1, 1]]
    return solver(np.tile(np.array(rows, dtype=complex), (max_upr + 1, 1, 1)), np.arange(max_upr + 1) > 1)


def _axial_fundamental(
    mean: Complexes, lines: Complexes, u_gain_pct: float
) -> tuple[Quantity, list[Contribution]]:
    """Amplitude of the mean of both axial readings [nm], and its budget."""
    name = "axial_fundamental"
    value = float(np.abs(mean[[1, 3], 1].mean()))
    noise = float(np.sqrt((np.abs(lines[[1, 3], :, 1]) ** 2).mean() / 2))
    apart = float(np.abs(mean[1, 1] - mean[3, 1]) / 2)
    budget = [
        Contribution(name, "noise and asynchronous motion", "A", noise, "µm", _NM * noise / np.sqrt(2), "nm"),
        Contribution(name, "difference of both records", "A", apart, "µm", _NM * apart / np.sqrt(3), "nm"),
    ]
    if u_gain_pct:
        gives = _NM * value * u_gain_pct / 100 / np.sqrt(2)
        budget.append(Contribution(name, "gain", "B", u_gain_pct, "%", gives, "nm"))
    total = COVERAGE * float(np.sqrt(sum(line.contribution**2 for line in budget)))
    return Quantity(_NM * value, "nm", total), budget


@reversal.plot
def _draw(result: Reversal) -> dict[str, Any]:
    return draw_motions(result._motions)
