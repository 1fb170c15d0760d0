"""Angles and gains of the probes, from two eccentricities of the artefact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import Contribution, budget_table, disagreement, expanded_of_samples, stated
from recore.metrology.spindle.separation import checks, turned
from recore.metrology.spindle.separation.averages import (
    HANN_FROM,
    Taper,
    averages,
    degrees_of_freedom,
    student,
)
from recore.metrology.spindle.separation.plot import draw_vectors
from recore.metrology.spindle.separation.revolutions import Revolutions, read
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_LEAST_CHANGE_UM = 0.5
_NOISE = "noise and asynchronous motion"
_FAR_DEG, _WRONG_DEG = 2.0, 30.0


@dataclass(frozen=True)
class Calibration:
    """Angles and gains of the probes, relative to the first one.

    Parameters
    ----------
    angles : angle of each probe [deg], that of the first one as given; U is the largest
    gains : gain of each probe over that of the first one; U is the largest
    eccentricity_change : by which the artefact was re-centred [µm]
    single_record_angle_error : largest error that the phases of one record alone would have made [deg]
    backward_fundamental : once-per-revolution motion against the rotation that explains it [nm]
    probes : probe, nominal_deg, angle_deg, angle_u_deg, gain, gain_u; U is U(k = 2)
    budget : sources of uncertainty of each angle and gain
    """

    angles: Annotated[Quantity, Unit("deg")]
    gains: Quantity
    eccentricity_change: Annotated[Quantity, Unit("µm")]
    single_record_angle_error: Annotated[Quantity, Unit("deg")]
    backward_fundamental: Annotated[Quantity, Unit("nm")]
    probes: Annotated[pa.Table, Artifact("probes.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _vectors: Any = None


@method(
    "spindle.calibrate-probes",
    version=1,
    standard="JCGM 100:2008, JCGM 101:2008 (uncertainty)",
    reproducible=Tolerance(absolute=1e-8, relative=1e-6),
)
def calibrate_probes(
    first: Table,
    second: Table,
    *,
    probe_angles_deg: list[float],
    samples_per_revolution: Annotated[int | None, Field(ge=4, le=1_000_000)] = None,
    max_upr: Annotated[int, Field(ge=4, le=5000)] = 20,
    channels: list[str] | None = None,
    linearity_nm: Annotated[float, Unit("nm"), Field(ge=0, le=1e6)] = 0.0,
    u_encoder_rad: Annotated[float, Unit("rad"), Field(ge=0, le=0.1)] = 0.0,
    u_first_angle_deg: Annotated[float, Unit("deg"), Field(ge=0, le=10)] = 0.0,
    trials: Annotated[int, Field(ge=0, le=100_000)] = 2000,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Calibration:
    """Angles and gains of probes from two records between which only the eccentricity of the artefact was changed.

    Parameters
    ----------
    first, second : columns p1_um … pN_um at two eccentricities, same speed, probes untouched, the first sample at the
        same rotor angle
    probe_angles_deg : nominal angle of each probe [deg]; that of the first is kept, the others are found
    samples_per_revolution : samples in each revolution, equally spaced in angle
    max_upr : harmonics from 3 to this one must be the same in both records; how well they are bounds how well the
        once-per-revolution motion repeats
    channels : column name or number of each probe, where the columns are not p1_um …
    linearity_nm : largest deviation of a probe from a straight line over the run-out [nm]
    u_encoder_rad : standard uncertainty of the encoder's repeating error, in each of its harmonics [rad]
    u_first_angle_deg : standard uncertainty of the angle of the first probe, which turns all others with it [deg]
    trials : of the Monte Carlo; 0 leaves it out
    seed : of the Monte Carlo

    Returns
    -------
    Calibration : angles [deg] and gain ratios, to be given to spindle.separate as probe_angles_deg and probe_gains

    Notes
    -----
    Probe p sees the eccentricity as g_p F e^(-i phi_p), but also the motion of the spindle once per revolution, of
    which the part B against the rotation comes as g_p B e^(+i phi_p): in one record it cannot be told from an error
    of angle or gain (20 nm against 5 µm are 0.23°). The spindle does the same in both records, so their difference is
    g_p (F2 - F1) e^(-i phi_p) alone.

    Refuses a change of eccentricity below 0.5 µm or below twenty times its noise, an angle more than 30° off the
    nominal one (channels swapped, a sign wrong, the spindle turning the other way), and what spindle.separate refuses
    of a record.

    References
    ----------
    JCGM 100:2008, 5.1; JCGM 101:2008.
    """
    count = len(probe_angles_deg)
    if count < 2:
        raise BadInput(
            f"{count} angle(s)", where="probe_angles_deg", right="at least two probes can be compared"
        )
    nominal = np.radians(np.asarray(probe_angles_deg, dtype=float))
    columns = [f"p{p + 1}_um" for p in range(count)]
    names = [f"p{p + 1}" for p in range(count)]
    records: list[Revolutions] = []
    for table in (first, second):
        record = read(table, columns, channels, samples_per_revolution, max_upr)
        checks.repeats(record, table.name)
        records.append(record)
    flags = checks.record_flags(records, (first, second), [count] * 2, max_upr)
    plain = turned.stacked([averages(record) for record in records])
    flags += checks.drift_flags(records, plain, [f"{n} of {w}" for w in ("first", "second") for n in names])
    once, lines = _quietest(records)
    found = compared(once, lines)
    _enough(found, names)
    angles = nominal + _wrapped(nominal[0] - nominal - np.angle(found.ratio))
    flags += _far(np.degrees(angles - nominal), names)
    rest = _repeatability(plain.mean, plain.lines, count)
    budget = _budget(found, rest, names, linearity_nm / 1e3, u_encoder_rad, u_first_angle_deg)
    simulated = _simulated(found, budget, names, trials, seed)
    flags += disagreement(budget, simulated)
    u_angle = [2 * u_first_angle_deg] + [stated(budget, simulated, f"angle of {n}") for n in names[1:]]
    u_gain = [0.0] + [stated(budget, simulated, f"gain of {n}") for n in names[1:]]
    alone, backward = _in_one_record(once, found.change, angles)
    gains = np.abs(found.ratio)
    one = float(found.noise.max())
    return Calibration(
        angles=Quantity(tuple(np.degrees(angles).tolist()), "deg", max(u_angle)),
        gains=Quantity(tuple(gains.tolist()), "1", max(u_gain)),
        eccentricity_change=Quantity(found.size, "µm", 2 * one / np.sqrt(2 * count)),
        single_record_angle_error=Quantity(float(np.degrees(alone)), "deg", max(u_angle)),
        backward_fundamental=Quantity(
            1e3 * backward, "nm", 1e3 * float(np.hypot(2 * one, found.size * np.radians(max(u_angle))))
        ),
        probes=pa.table(
            {
                "probe": names,
                "nominal_deg": np.degrees(nominal),
                "angle_deg": np.degrees(angles),
                "angle_u_deg": u_angle,
                "gain": gains,
                "gain_u": u_gain,
            }
        ),
        budget=budget_table(budget, simulated),
        flags=tuple(flags),
        refusals=(),
        _vectors=(found.change * np.exp(1j * nominal), found.change * np.exp(1j * angles), names),
    )


@dataclass(frozen=True)
class Compared:
    """The change of the fundamental from one record to the other, as each probe sees it.

    Parameters
    ----------
    change : (P,) D_p [µm]
    lines : (2, P, J) lines beside the fundamental of both records, widened for few degrees of freedom [µm]
    """

    change: Complexes
    lines: Complexes

    @property
    def ratio(self) -> Complexes:
        """(P,) D_p / D_1: modulus the ratio of the gains, phase minus the difference of the angles."""
        ratio: Complexes = self.change / self.change[0]
        return ratio

    @property
    def size(self) -> float:
        """Change of the eccentricity [µm]."""
        return float(np.abs(self.change).mean())

    @property
    def noise(self) -> Floats:
        """(P,) root of the mean square error of each probe's change [µm]."""
        noise: Floats = np.sqrt((np.abs(self.lines) ** 2).mean(axis=2).sum(axis=0))
        return noise

    @property
    def relative(self) -> Floats:
        """(P,) standard uncertainty, from noise, of the real and of the imaginary part of ratio over itself."""
        error = self.lines / self.change[:, None]
        error = error - error[:, :1]
        spread: Floats = np.sqrt((np.abs(error) ** 2).mean(axis=2).sum(axis=0) / 2)
        return spread


def compared(once: Complexes, lines: Complexes) -> Compared:
    """From the fundamentals (2, P) of both records and the lines (2, P, J) beside them [µm]."""
    # both records give their lines to one variance
    widened = lines * student(degrees_of_freedom(2 * lines.shape[2]))
    return Compared(once[1] - once[0], widened)


def _quietest(records: Sequence[Revolutions]) -> tuple[Complexes, Complexes]:
    """Fundamentals (2, P) and neighbouring lines (2, P, J), with the weights of the revolutions that show less noise."""
    weights: list[Taper] = ["none"]
    if min(r.groups.shape[1] for r in records) >= HANN_FROM:
        weights.append("hann")
    best: tuple[float, Complexes, Complexes] | None = None
    for taper in weights:
        found = [averages(record, taper) for record in records]
        least = min(a.lines.shape[1] for a in found)
        lines = np.stack([a.lines[:, :least, 1] for a in found])
        power = float((np.abs(lines) ** 2).mean())
        if best is None or power < best[0]:
            best = power, np.stack([a.mean[:, 1] for a in found]), lines
    assert best is not None
    return best[1], best[2]


def _enough(found: Compared, names: Sequence[str]) -> None:
    least = max(_LEAST_CHANGE_UM, 20 * float(found.noise.max()))
    small = np.abs(found.change) < least
    if small.all():
        raise Refusal(
            "eccentricity-not-changed",
            f"the eccentricity changed by {found.size:.3g} µm from one record to the other; at least {least:.3g} µm are "
            "wanted: re-centre the artefact to another place",
        )
    if small.any():
        silent = ", ".join(name for name, s in zip(names, small, strict=True) if s)
        raise Refusal(
            "dead-probe",
            f"{silent} did not see the change of eccentricity that the others saw: dead, or in another unit?",
        )


def _wrapped(angle: Floats) -> Floats:
    """To -pi … pi."""
    turned: Floats = (angle + np.pi) % (2 * np.pi) - np.pi
    return turned


def _far(off_deg: Floats, names: Sequence[str]) -> list[Note]:
    worst = int(np.abs(off_deg).argmax())
    told = f"{names[worst]} stands {off_deg[worst]:+.3g}° off the angle given"
    if abs(off_deg[worst]) > _WRONG_DEG:
        raise Refusal(
            "probes-disagree",
            f"{told}: channels swapped, a sign wrong, or the spindle turning the other way",
        )
    if abs(off_deg[worst]) > _FAR_DEG:
        return [Note("angle-far-from-nominal", told)]
    return []


def _repeatability(mean: Complexes, lines: Complexes, probes: int) -> float:
    """Standard deviation of the real part of a harmonic's change from record to record beyond noise [µm].

    Harmonic 2 is left out: the curvature of the artefact changes it with the eccentricity.
    """
    change = mean[probes:, 3:] - mean[:probes, 3:]
    expected = (np.abs(lines[..., 3:]) ** 2).mean(axis=1)
    beyond = float((np.abs(change) ** 2 - expected[probes:] - expected[:probes]).mean())
    return float(np.sqrt(max(0.0, beyond) / 2))


def _budget(
    found: Compared,
    rest_um: float,
    names: Sequence[str],
    linearity_um: float,
    u_encoder_rad: float,
    u_first_angle_deg: float,
) -> list[Contribution]:
    lines: list[Contribution] = []
    # the cubic b (v/e)³ of a bound b adds 3 b/4 to an amplitude e, to every probe its own
    bend = 0.75 * linearity_um / np.sqrt(3)
    for p, name in list(enumerate(names))[1:]:

        def share(
            source: str,
            kind: Literal["A", "B"],
            standard: float,
            unit: str,
            gives: float,
            p: int = p,
            name: str = name,
        ) -> None:
            angle = float(np.degrees(gives))
            gain = float(np.abs(found.ratio[p])) * gives
            lines.append(Contribution(f"angle of {name}", source, kind, standard, unit, angle, "deg"))
            lines.append(Contribution(f"gain of {name}", source, kind, standard, unit, gain, "1"))

        one = float(found.noise[p] / np.sqrt(2))
        share(_NOISE, "A", one, "µm", float(found.relative[p]))
        share("repeatability of the motion", "A", rest_um, "µm", rest_um * np.sqrt(2) / found.size)
        if linearity_um:
            share("linearity", "B", bend, "µm", bend * np.sqrt(2) / found.size)
        if u_encoder_rad:
            share("encoder error, repeating", "B", u_encoder_rad, "rad", u_encoder_rad)
        if u_first_angle_deg:
            lines.append(
                Contribution(
                    f"angle of {name}", "angle of p1", "B", u_first_angle_deg, "deg", u_first_angle_deg, "deg"
                )
            )
    return lines


def _simulated(
    found: Compared, budget: Sequence[Contribution], names: Sequence[str], trials: int, seed: int
) -> dict[str, float]:
    """Expanded uncertainty of angles and gains by Monte Carlo."""
    if not trials:
        return {}
    rng = np.random.default_rng(seed)
    records, _, count = found.lines.shape
    # drawn sums of the lines have just their covariance between the probes
    draws = rng.standard_normal((trials, records, count, 2)).view(complex)[..., 0] / np.sqrt(2 * count)
    changed = found.change + np.einsum("trj,rpj->tp", draws, found.lines)
    ratio = changed / changed[:, :1] / found.ratio
    spreads = {}
    for p, name in list(enumerate(names))[1:]:
        for word, samples in (
            (f"angle of {name}", np.degrees(np.angle(ratio[:, p]))),
            (f"gain of {name}", np.abs(ratio[:, p] * found.ratio[p])),
        ):
            others = np.sqrt(
                sum(c.contribution**2 for c in budget if c.result == word and c.source != _NOISE)
            )
            spreads[word] = expanded_of_samples(samples + others * rng.standard_normal(trials))
    return spreads


def _in_one_record(once: Complexes, change: Complexes, angles: Floats) -> tuple[float, float]:
    """Largest angle error [rad] of the phases of the more eccentric record alone, and the backward motion [µm].

    once_p / D_p = (F + B e^(2 i phi_p)) / (F2 - F1): two unknowns for all probes.
    """
    record = int(np.abs(once).mean(axis=1).argmax())
    rows = np.stack((np.ones(len(angles)), np.exp(2j * angles)), axis=1)
    _, backward = np.linalg.lstsq(rows, once[record] / change, rcond=None)[0]
    phases = _wrapped(-np.angle(once[record] / once[record, 0]) - (angles - angles[0]))
    return float(np.abs(phases).max()), float(np.abs(backward) * np.abs(change[0]))


@calibrate_probes.plot
def _draw(result: Calibration) -> dict[str, Any]:
    return draw_vectors(*result._vectors)
