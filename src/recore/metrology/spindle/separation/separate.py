"""Multi-probe separation of artefact form and spindle motion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import Contribution, budget_table, stated
from recore.metrology.spindle.separation import checks, consistency, sources, tables
from recore.metrology.spindle.separation.averages import HANN_FROM, averages
from recore.metrology.spindle.separation.linear import Layout, layout
from recore.metrology.spindle.separation.plot import draw_separation
from recore.metrology.spindle.separation.revolutions import Revolutions, read
from recore.metrology.spindle.separation.turned import stacked
from recore.metrology.spindle.separation.uncertainty import Noise, Scalar, Uncertain, evaluated
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_RESULTS = ("spindle_x_rms", "spindle_y_rms", "artefact_rms")
_NM = 1e3


@dataclass(frozen=True)
class Separation:
    """Artefact form and synchronous spindle motion, each with U(k = 2).

    Parameters
    ----------
    artefact_rms, spindle_x_rms, spindle_y_rms : root-mean-square of R(t), x(t), y(t) over the observable harmonics
        from 2 on [nm]
    gain_max : largest noise gain among the observable harmonics, of the artefact or of the spindle in its worst
        direction
    artefact_gain_max, spindle_gain_max : both of them apart
    eccentricity : amplitude of the forward once-per-revolution harmonic [µm]
    backward_fundamental : once-per-revolution motion against the rotation [nm]
    observable_harmonics : how many of the wanted ones are given
    revolutions : that were averaged
    harmonics : upr; artefact_re_nm, artefact_im_nm, artefact_u_nm and the same of x and y; observable. A(t) = Re sum
        A_k e^(ikt); u is U(k = 2) of the real part and of the imaginary part
    gains : upr, artefact_gain, spindle_gain; empty where a harmonic is lost
    budget : sources of uncertainty of each result
    """

    artefact_rms: Annotated[Quantity, Unit("nm")]
    spindle_x_rms: Annotated[Quantity, Unit("nm")]
    spindle_y_rms: Annotated[Quantity, Unit("nm")]
    gain_max: Quantity
    artefact_gain_max: Quantity
    spindle_gain_max: Quantity
    eccentricity: Annotated[Quantity, Unit("µm")]
    backward_fundamental: Annotated[Quantity, Unit("nm")]
    observable_harmonics: Annotated[int, Unit("pcs")]
    revolutions: Annotated[int, Unit("1")]
    harmonics: Annotated[pa.Table, Artifact("harmonics.csv")]
    gains: Annotated[pa.Table, Artifact("gains.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _values: Any = None
    _expanded: Any = None
    _layout: Any = None


@method(
    "spindle.separate",
    version=1,
    standard="ISO 230-7:2015, ASME B89.3.4-2010 (terms); JCGM 100:2008, JCGM 101:2008 (uncertainty)",
    reproducible={
        "observable_harmonics": Tolerance(),
        "revolutions": Tolerance(),
        "*": Tolerance(absolute=1e-6, relative=1e-6),
    },
)
def separate(
    *records: Table,
    probe_angles_deg: list[float],
    samples_per_revolution: Annotated[int | None, Field(ge=4, le=1_000_000)] = None,
    max_upr: Annotated[int, Field(ge=2, le=5000)] = 50,
    gain_limit: Annotated[float, Field(gt=0, le=1000)] = 10.0,
    channels: list[str] | None = None,
    probes_per_record: list[int] | None = None,
    probe_gains: list[float] | None = None,
    artefact_radius_mm: Annotated[float | None, Unit("mm"), Field(ge=0.001, le=1e6)] = None,
    u_artefact_radius_mm: Annotated[float, Unit("mm"), Field(ge=0, le=1e6)] = 0.0,
    u_angle_deg: Annotated[float, Unit("deg"), Field(ge=0, le=10)] = 0.0,
    u_gain_pct: Annotated[float, Unit("%"), Field(ge=0, le=50)] = 0.0,
    linearity_nm: Annotated[float, Unit("nm"), Field(ge=0, le=1e6)] = 0.0,
    u_encoder_rad: Annotated[float, Unit("rad"), Field(ge=0, le=0.1)] = 0.0,
    drift: Literal["linear", "none"] = "linear",
    weighting: Literal["auto", "equal", "hann"] = "auto",
    trials: Annotated[int, Field(ge=0, le=100_000)] = 1000,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Separation:
    """Artefact form and spindle motion from three or more probes around one artefact, harmonic by harmonic.

    Parameters
    ----------
    records : columns p1_um … pN_um, samples in the order of time, the first one at the same rotor angle in every
        record. Several records are layouts of probes about one artefact that was not moved on its spindle (hybrid)
    probe_angles_deg : angle of each probe [deg], counter-clockwise; of several records one after the other
    samples_per_revolution : samples in each revolution, equally spaced in angle
    max_upr : largest harmonic that is wanted [undulations per revolution], below half the samples
    gain_limit : a harmonic whose noise gain exceeds this, for the artefact or for the spindle in its worst radial
        direction, is not given
    channels : column name or number of each probe, where the columns are not p1_um …
    probes_per_record : how many of the angles belong to each record; equally many where it is not given
    probe_gains : gain of each probe, by which its readings are divided (spindle.calibrate-probes finds them)
    artefact_radius_mm : radius of the artefact [mm]; with it the false 2-UPR form of an eccentric artefact is removed
    u_artefact_radius_mm : standard uncertainty of that radius [mm]
    u_angle_deg : standard uncertainty of each probe's angle [deg]
    u_gain_pct : standard uncertainty of each probe's gain [%]
    linearity_nm : largest deviation of a probe from a straight line over the run-out [nm]
    u_encoder_rad : standard uncertainty of the encoder's repeating error, in each of its harmonics [rad]
    drift : whether a drift of each probe, linear within each revolution, is removed
    weighting : of the revolutions for the spindle motion. 'hann' holds off lines at broken orders, 'equal' has the
        least white noise, 'auto' takes the one with less noise in this record. The artefact always has equal weights
    trials : of the Monte Carlo; 0 leaves it out
    seed : of the Monte Carlo

    Returns
    -------
    Separation : rms values [nm], gains, eccentricity [µm], and the harmonics

    Notes
    -----
    Model: m_p(t) = R(t - phi_p) + x(t) cos phi_p + y(t) sin phi_p, for each harmonic k one row
    [cos phi_p, sin phi_p, e^(-ik phi_p)] for X_k, Y_k, R_k, solved by least squares with the conjugate transpose.
    Harmonics 0 and 1 are never given: each probe has an unknown offset, and e^(-i phi) is cos phi - i sin phi, so that
    eccentricity and a circular motion of the spindle cannot be told apart. Of harmonic 1 only the motion against the
    rotation remains, and errors of angle and gain look like it.
    Noise: from the spectral lines beside each order, so it is that of the mean as it is, with asynchronous motion.
    The stated U holds noise, asynchronous motion and drift, and of the rest what is given a standard uncertainty.

    Refuses fewer than three probes; a band up to half the samples; fewer than two revolutions; a clipped signal; a
    layout that gives no harmonic; revolutions that do not repeat; probes that contradict each other; a drift within
    one revolution that exceeds the motion.

    References
    ----------
    Whitehouse, Some theoretical aspects of error separation techniques in surface metrology, J. Phys. E 9 (1976) 531.
    Mitsui, Development of a new measuring method for spindle rotation accuracy by three points method, 1982.
    Marsh, Arneson, Martin, A comparison of reversal and multiprobe error separation, Precision Engineering 34 (2010).
    JCGM 100:2008; JCGM 101:2008.
    """
    counts = _probes_of(records, probe_angles_deg, probes_per_record)
    angles = np.radians(np.asarray(probe_angles_deg, dtype=float))
    if len(angles) < 3:
        raise Refusal(
            "too-few-probes",
            f"{len(angles)} probe(s) see two motions and a form, three unknowns in each harmonic: three probes at "
            "three angles are wanted, or a reversal (spindle.reversal)",
        )
    lay = layout(angles, max_upr, gain_limit)
    if not lay.solver.observable.any():
        raise Refusal(
            "no-harmonic-observable",
            f"at {', '.join(f'{a:g}' for a in probe_angles_deg)}° no harmonic from 2 to {max_upr} has a noise gain "
            f"within {gain_limit:g}: three different angles that are no even division of the circle are wanted",
        )
    scale = _gains(probe_gains, len(angles))
    read_ones, first = [], 0
    for record, count in zip(records, counts, strict=True):
        names = [f"p{p + 1}_um" for p in range(count)]
        found = read(record, names, channels, samples_per_revolution, max_upr)
        checks.repeats(found, record.name)
        read_ones.append(_scaled(found, scale[first : first + count]))
        first += count
    names = _names(counts)
    flags = checks.record_flags(read_ones, records, counts, max_upr)
    plain = stacked([averages(r, correct_drift=drift == "linear") for r in read_ones])
    flags += checks.drift_flags(read_ones, plain, names) + checks.strongest_flag(plain)
    fundamental = consistency.fundamental(angles, plain.mean[:, 1], plain.lines[..., 1])
    flags += consistency.check_fundamental(fundamental, angles, plain.mean, names)
    agreement = consistency.agreement(lay.solver, plain.mean, plain.lines)
    flags += consistency.check_agreement(agreement)
    flags += checks.layout_flags(lay)

    values = lay.solver.solve(plain.mean)
    variance = sources.line_variance(lay.solver.solve(plain.lines.swapaxes(0, 1)))
    if weighting != "equal" and min(r.groups.shape[1] for r in read_ones) >= HANN_FROM:
        tapered = stacked([averages(r, "hann", correct_drift=drift == "linear") for r in read_ones])
        theirs = sources.line_variance(lay.solver.solve(tapered.lines.swapaxes(0, 1)))
        if weighting == "hann" or theirs[:2].sum() < variance[:2].sum():
            values[:2] = lay.solver.solve(tapered.mean)[:2]
            variance[:2] = theirs[:2]
    elif weighting == "hann":
        raise Refusal("too-few-for-hann", f"a Hann window wants {HANN_FROM} revolutions or more")

    noises: list[Noise] = [*sources.noise_of(lay, variance)]
    if agreement.excess and agreement.probability < 1e-4:
        gain = np.where(lay.solver.observable, lay.solver.gain.T, 0.0)
        noises.append(
            Noise(
                "disagreement of the probes",
                agreement.excess * gain**2,
                float(np.sqrt(agreement.excess)),
                "µm",
            )
        )
    scalars: list[Scalar] = []
    if artefact_radius_mm is not None:
        bend = sources.curvature(fundamental.forward, artefact_radius_mm, u_artefact_radius_mm)
        if lay.solver.observable[2]:
            values[2, 2] -= bend.amplitude
            response = np.zeros_like(values)
            response[2, 2] = bend.response
            scalars.append(Scalar("radius of the artefact", u_artefact_radius_mm, "mm", response))
    else:
        flags += checks.curvature_flag(fundamental.eccentricity)
    flags += checks.sources_flag(u_angle_deg, u_gain_pct)
    estimators = lay.solver.estimator
    scalars += sources.angle_sources(lay, estimators, values, u_angle_deg, names)
    scalars += sources.gain_sources(estimators, plain.mean, u_gain_pct / 100, names)
    scalars += sources.drift_sources(estimators, plain, names)
    scalars += sources.linearity_sources(estimators, angles, fundamental.forward, linearity_nm / _NM, names)
    late = sources.encoder_noise((3, max_upr + 1), fundamental.eccentricity, u_encoder_rad)
    if late is not None:
        noises.append(late)

    seen = np.broadcast_to(lay.solver.observable, values.shape)
    whole = evaluated(Uncertain(values, seen, noises, scalars), _RESULTS, trials, seed)
    flags += whole.flags
    once = _fundamental_lines(fundamental, angles, u_angle_deg, u_gain_pct)
    return Separation(
        **whole.rms,
        gain_max=Quantity(_largest(np.maximum(lay.artefact_gain, lay.spindle_gain), lay)),
        artefact_gain_max=Quantity(_largest(lay.artefact_gain, lay)),
        spindle_gain_max=Quantity(_largest(lay.spindle_gain, lay)),
        eccentricity=Quantity(fundamental.eccentricity, "µm", stated(once, {}, "eccentricity")),
        backward_fundamental=Quantity(
            _NM * abs(fundamental.backward), "nm", stated(once, {}, "backward_fundamental")
        ),
        observable_harmonics=int(lay.solver.observable.sum()),
        revolutions=sum(r.count for r in read_ones),
        harmonics=tables.harmonics(
            {name: (whole.values[q], whole.expanded[q]) for name, q in (("artefact", 2), ("x", 0), ("y", 1))},
            lay.solver.observable,
        ),
        gains=tables.gains(lay.artefact_gain, lay.spindle_gain),
        budget=budget_table([*whole.lines, *once], whole.simulated),
        flags=tuple(flags),
        refusals=(),
        _values=whole.values,
        _expanded=whole.expanded,
        _layout=lay,
    )


def _probes_of(records: tuple[Table, ...], angles: list[float], given: list[int] | None) -> list[int]:
    if not records:
        raise BadInput("no record", where="spindle.separate", right="at least one is wanted")
    if given is None:
        each, over = divmod(len(angles), len(records))
        if over or not each:
            raise BadInput(
                f"{len(angles)} angles for {len(records)} records",
                where="probe_angles_deg",
                right="give the angles of every record one after the other, and probes_per_record where they differ",
            )
        given = [each] * len(records)
    if len(given) != len(records) or sum(given) != len(angles) or min(given) < 1:
        raise BadInput(
            f"probes_per_record = {','.join(map(str, given))} for {len(records)} record(s) and {len(angles)} angles",
            where="probes_per_record",
            right="one count for each record; together as many as there are angles",
        )
    if len(angles) > 64:
        raise BadInput(f"{len(angles)} probes", where="probe_angles_deg", right="at most 64 are wanted")
    return given


def _gains(given: list[float] | None, probes: int) -> Floats:
    if given is None:
        return np.ones(probes)
    if len(given) != probes or not all(0.1 <= g <= 10 for g in given):
        raise BadInput(
            f"probe_gains = {', '.join(f'{g:g}' for g in given)}",
            where="probe_gains",
            right=f"{probes} numbers near 1 (0.1 to 10), one for each angle",
        )
    return np.asarray(given, dtype=float)


def _scaled(record: Revolutions, gains: Floats) -> Revolutions:
    return replace(record, groups=record.groups / gains[:, None, None])


def _names(counts: list[int]) -> list[str]:
    if len(counts) == 1:
        return [f"p{p + 1}" for p in range(counts[0])]
    return [f"p{p + 1} of record {r + 1}" for r, count in enumerate(counts) for p in range(count)]


def _largest(gain: Floats, lay: Layout) -> float:
    return float(gain[lay.solver.observable].max())


def _fundamental_lines(
    found: consistency.Fundamental, angles: Floats, u_angle_deg: float, u_gain_pct: float
) -> list[Contribution]:
    """Budget of eccentricity [µm] and backward motion [nm], noise and stated sources."""
    lines = []
    for row, (name, unit, scale) in enumerate(
        (("eccentricity", "µm", 1.0), ("backward_fundamental", "nm", _NM))
    ):
        gain = float(np.linalg.norm(found.estimator[row]))
        noise = float(np.sqrt(found.noise / 2))
        lines.append(Contribution(name, "noise", "A", noise, "µm", scale * gain * noise, unit))
        run_out = found.eccentricity / np.sqrt(2)
        for source, standard, stated_unit, relative in (
            ("angles of the probes", u_angle_deg, "deg", np.radians(u_angle_deg)),
            ("gains of the probes", u_gain_pct, "%", u_gain_pct / 100),
        ):
            if standard:
                gives = scale * gain * relative * run_out
                lines.append(Contribution(name, source, "B", standard, stated_unit, gives, unit))
    return lines


@separate.plot
def _draw(result: Separation) -> dict[str, Any]:
    return draw_separation(
        result._values, result._expanded, result._layout.solver.observable, result._layout.artefact_gain,
        result._layout.spindle_gain,
    )  # fmt: skip
