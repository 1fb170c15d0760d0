"""Which part of a rolling bearing is at fault, from one vibration record and without training."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10, sqrt
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.signal import sampling_rate
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.bearing import Bearing, StatedOrders, bearing_of, bearing_table
from recore.metrology.budget import COVERAGE, Contribution, budget_table, expanded_of_samples, stated
from recore.metrology.vibration.bearing_lines import (
    PARTS,
    Comb,
    Match,
    Part,
    Search,
    carrier_orders,
    combs,
    simulated_orders,
)
from recore.metrology.vibration.bearing_verdict import jackknife, judge
from recore.metrology.vibration.envelope_lines import drawn_spectrum, line_table, modulation_of
from recore.metrology.vibration.envelope_plot import draw_lines
from recore.metrology.vibration.envelope_record import Rotation, channel, rotation, samples
from recore.metrology.vibration.envelope_spectrum import (
    EDGE,
    Floats,
    OrderSpectra,
    band_envelopes,
    order_spectra,
)
from recore.quantity import Quantity

_FEWEST_TURNS = 50.0
_PIECES = 10
_LOBES = 3.0  # bins between a line and a shaft harmonic that the Hann window parts
_REACH = 8.0  # highest order read, in multiples of the highest defect order: the null needs room


@dataclass(frozen=True)
class Diagnosis:
    """What a record says of a bearing.

    Parameters
    ----------
    fault : 'none', 'inner', 'outer', 'ball' or 'undecided'
    score_inner, score_outer, score_ball : -log10 of the probability that a record without that fault shows as
        good a match; above about 6 it ranks rather than counts, since it is extrapolated
    threshold : score above which a fault is taken as shown
    confidence : probability that the answer would stand if the record were taken again
    frequency : fundamental of the matched lines [Hz]: ball pass frequency of the ring at fault, or twice the ball
        spin frequency; only where a fault is shown
    slip : how far it lies from the kinematic one [%]
    band_low, band_high : band whose envelope shows it best [Hz]
    whitening : how the spectrum was whitened there
    modulation : 'none', 'shaft', 'cage' or 'shaft and cage': which sidebands accompany the lines
    kurtosis : fourth moment over the square of the second; 3 for noise
    rms, crest_factor : root mean square without the mean, and highest value over it
    turns, shaft_speed : turns of the shaft in the record, and its mean speed [rpm]
    budget, lines : uncertainty budget; every expected line with what was found there
    """

    fault: Quantity
    score_inner: Quantity | None
    score_outer: Quantity | None
    score_ball: Quantity | None
    threshold: Annotated[Quantity, Unit("1")]
    confidence: Quantity | None
    frequency: Annotated[Quantity | None, Unit("Hz")]
    slip: Annotated[Quantity | None, Unit("%")]
    band_low: Annotated[Quantity | None, Unit("Hz")]
    band_high: Annotated[Quantity | None, Unit("Hz")]
    whitening: Quantity | None
    modulation: Quantity | None
    kurtosis: Annotated[Quantity, Unit("1")]
    rms: Quantity
    crest_factor: Annotated[Quantity, Unit("1")]
    turns: Annotated[Quantity, Unit("1")]
    shaft_speed: Annotated[Quantity, Unit("rpm")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    lines: Annotated[pa.Table | None, Artifact("lines.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    drawn: dict[str, Any] | None


@method(
    "vibration.envelope",
    version=1,
    standard="no standard fixes it; after Randall and Antoni 2011",
    reproducible={
        "fault": Tolerance(),
        "whitening": Tolerance(),
        "modulation": Tolerance(),
        "*": Tolerance(absolute=1e-3, relative=1e-3),
    },
)
def envelope(
    record: Table,
    *,
    bearing: str,
    speed_rpm: Annotated[float | None, Unit("rpm"), Field(gt=0)] = None,
    rate_hz: Annotated[float | None, Unit("Hz"), Field(gt=0)] = None,
    channels: list[str] | None = None,
    tacho: str | None = None,
    pulses_per_turn: Annotated[int, Field(ge=1, le=100_000)] = 1,
    slip_percent: Annotated[float, Field(gt=0, le=5)] = 2.0,
    speed_uncertainty_percent: Annotated[float, Field(ge=0, le=5)] = 0.5,
    false_alarm: Annotated[float, Field(gt=0, le=0.2)] = 0.02,
    trials: Annotated[int, Field(ge=0, le=100_000)] = 200,
    seed: int = 1,
) -> Diagnosis:
    """Which part of a rolling bearing is at fault, from the envelope spectra of one vibration record.

    Parameters
    ----------
    record : one channel of vibration, constant steps of time; with several channels, `channels` names the one. A
        channel 'speed_rpm' or the one named by `tacho` makes the analysis follow a varying speed
    bearing : designation ('6205-2RS'), geometry ('n=9,d=7.94,D=39.04,contact=0': elements, their diameter, pitch
        diameter in one unit, contact angle in degrees) or defect orders ('bpfo=3.585,bpfi=5.415,bsf=2.357,ftf=0.398')
    speed_rpm : speed of the inner ring; the outer ring stands still
    rate_hz : samples per second, where the file does not say it
    channels : name or number of the channel, where there are several. Of a record with the channel names of the Case
        Western Reserve data (X105_DE_time …) the drive end is taken, with a flag
    tacho : channel that rises `pulses_per_turn` times in each turn
    slip_percent : how far a line may lie from its kinematic place: slip and contact angle move it by 1 to 2 %
        [1, sec. 2]
    speed_uncertainty_percent : expanded uncertainty (k = 2) of the stated speed; it enters the slip only
    false_alarm : share of sound records that may be called faulty
    trials, seed : of the Monte Carlo evaluation of the frequency; 0 leaves it out

    Returns
    -------
    Diagnosis : the fault, a score for each part, the matched frequency with U(k = 2), lines.csv and budget.csv

    Raises
    ------
    BadInput : unknown bearing, no speed, no rate, several channels, a constant or unreadable signal, a rate below
        twice the band that the lines need

    Notes
    -----
    Squared envelope spectra of a tree of bands, after cepstrum prewhitening and after levelling, are searched for
    four harmonics (outer ring), or three with sidebands of the shaft (inner ring) or of the cage (ball, at twice
    the ball spin frequency). Each comb is held against the same comb at orders where the bearing has no line; a
    Gumbel law through those best scores gives the probability of a chance match, and three searches share
    `false_alarm` (Bonferroni). Nothing is learnt from data sets and no constant depends on the file.

    'undecided' stands where the runner-up lies within U(k = 2) of the difference, where the record is too short to
    part the lines from the shaft's harmonics, and where a defect order coincides with one and nothing else is shown.
    A sound bearing under load also passes its elements over the load zone: with very long or very quiet records
    this faint line may be found, and the score says how sure, not how bad. U of the frequency belongs to this record:
    random slip lets the mean wander between records.

    References
    ----------
    [1] R. B. Randall and J. Antoni, Rolling element bearing diagnostics: a tutorial, Mechanical Systems and Signal
    Processing 25 (2011) 485-520. [2] W. A. Smith and R. B. Randall, Rolling element bearing diagnostics using the
    Case Western Reserve University data: a benchmark study, MSSP 64-65 (2015) 100-131.
    """
    rolling = bearing_of(bearing)
    orders = rolling.orders()
    rate = sampling_rate(record, rate_hz)
    column, unit, notes = channel(record, channels, tacho)
    signal, doubts = samples(record, column, unit)
    flags = notes + doubts + _origin(rolling)
    turning = rotation(
        record,
        len(signal),
        rate,
        speed_rpm=speed_rpm,
        speed_uncertainty=speed_uncertainty_percent / 100,
        tacho=tacho,
        pulses_per_turn=pulses_per_turn,
    )
    wanted = combs(orders)
    _check_rate(rate, turning.shaft_hz, wanted, record.name)
    threshold = -log10(false_alarm / len(PARTS))
    refusals, wanted = _resolved(wanted, turning.turns)
    budget: list[Contribution] = []
    common: dict[str, Any] = {
        "threshold": Quantity(threshold),
        **_moments(signal, unit or "1", budget),
        "turns": Quantity(turning.turns, "1", turning.turns * turning.uncertainty),
        "shaft_speed": Quantity(60 * turning.shaft_hz, "rpm", 60 * turning.shaft_hz * turning.uncertainty),
    }
    if not wanted:
        return _unresolved(common, budget, flags, refusals)
    top = min(_REACH * max(c.order for c in wanted.values()) + 1, EDGE * rate / 2 / turning.shaft_hz)
    envelopes, bands = band_envelopes(signal, rate, shaft_hz=turning.shaft_hz, top_hz=top * turning.shaft_hz)
    envelopes = turning.spaced(envelopes, len(signal) / rate)
    spectra = order_spectra(envelopes, bands, turning.turns, top)
    search = Search(wanted, orders, spectra.bins_per_order, spectra.level.shape[1], slip_percent / 100)
    if not search.enough:
        raise Refusal(
            "band-too-narrow",
            f"{len(search.starts) - len(wanted)} windows without a bearing line fit below {search.top:.3g} orders; "
            "a higher sampling rate or a smaller slip_percent gives the twenty that a false-alarm rate needs",
        )
    verdict = judge(search, spectra, threshold, complete=len(wanted) == len(PARTS))
    scores: dict[str, Any] = {f"score_{part}": None for part in PARTS}
    for part, match in verdict.matches.items():
        name, spread = f"score_{part}", verdict.spread[part]
        budget.append(Contribution(name, "record, one block left out", "A", spread, "1", spread, "1"))
        scores[name] = Quantity(match.score, "1", COVERAGE * spread)
    shown = verdict.shown
    frequency = slip = band = None
    simulated: dict[str, float] = {}
    if shown is not None:
        frequency, slip = _placed(
            wanted[shown.part], shown, spectra, turning, budget, simulated, trials, seed
        )
        band = spectra.bands[shown.band]
    leader = shown or max(verdict.matches.values(), key=lambda match: match.score)
    return Diagnosis(
        fault=Quantity(verdict.answer, ""),
        **scores,
        confidence=Quantity(verdict.confidence),
        frequency=frequency,
        slip=slip,
        band_low=None if band is None else Quantity(band.low_hz, "Hz"),
        band_high=None if band is None else Quantity(band.high_hz, "Hz"),
        whitening=None
        if band is None
        else Quantity(band.whitening + (", averaged" if band.averaged else ""), ""),
        modulation=None if shown is None else Quantity(modulation_of(spectra, shown, orders), ""),
        **common,
        budget=budget_table(budget, simulated),
        lines=line_table(search, spectra, verdict.matches, turning.shaft_hz, frequency, shown),
        flags=(*flags, *verdict.notes),
        refusals=tuple(refusals),
        drawn=drawn_spectrum(search, spectra, leader, turning.shaft_hz),
    )


@envelope.plot
def _draw(result: Diagnosis) -> dict[str, Any]:
    return draw_lines(result)


def _origin(rolling: Bearing | StatedOrders) -> list[Note]:
    """Where the geometry of a designated bearing stands."""
    row = bearing_table().get(rolling.designation) if isinstance(rolling, Bearing) else None
    if row is None:
        return []
    return [
        Note(
            "bearing-from-table",
            f"{rolling}, as published of {row.of} ({row.source}, evidence level {row.level}); the inside of another "
            "make may differ",
        )
    ]


def _check_rate(rate: float, shaft_hz: float, wanted: dict[Part, Comb], where: str) -> None:
    highest = max(comb.highest for comb in wanted.values()) * shaft_hz
    if EDGE * rate / 2 < highest:
        raise BadInput(
            f"a rate of {rate:.6g} Hz holds envelopes up to {EDGE * rate / 2:.4g} Hz, and the lines reach {highest:.4g} Hz",
            where=where,
            right=f"{2 * highest / EDGE:.4g} Hz or more is wanted, and rather ten times that for the resonances",
        )


def _resolved(wanted: dict[Part, Comb], turns: float) -> tuple[list[Note], dict[Part, Comb]]:
    """Which parts can be told from the harmonics of the shaft in so many turns."""
    refusals, left = [], {}
    for part, comb in wanted.items():
        apart = abs(comb.order - round(comb.order))
        needed = max(_FEWEST_TURNS, _LOBES / max(apart, 1e-9))
        if turns >= needed:
            left[part] = comb
        elif turns < _FEWEST_TURNS:
            return [
                Note(
                    "too-few-turns",
                    f"{turns:.3g} turns of the shaft; {_FEWEST_TURNS:g} or more part the lines",
                )
            ], {}
        else:
            refusals.append(
                Note(
                    "coincides-with-shaft",
                    f"{part}: order {comb.order:.4g} lies {apart:.2g} from a harmonic of the shaft, which "
                    f"{needed:.3g} turns part and {turns:.3g} do not; it is not looked for",
                )
            )
    return refusals, left


def _moments(signal: Floats, unit: str, budget: list[Contribution]) -> dict[str, Quantity]:
    """Root mean square, crest factor and kurtosis, with the scatter between blocks of the record."""

    centred = signal - signal.mean()
    pieces = np.array_split(centred, _PIECES)
    # sums of powers up to the fourth, and the highest value, of each piece: any subset follows from them
    sums = np.array([[len(x), x.sum(), (x2 := x * x).sum(), (x2 * x).sum(), (x2 * x2).sum()] for x in pieces])
    highest = np.array([np.abs(x).max() for x in pieces])

    def of(chosen: NDArray[np.intp]) -> Floats:
        n, first, second, third, fourth = sums[chosen].sum(axis=0)
        mean, m2, m3, m4 = first / n, second / n, third / n, fourth / n
        power = m2 - mean**2
        about = m4 - 4 * mean * m3 + 6 * mean**2 * m2 - 3 * mean**4
        return np.array([sqrt(power), float(highest[chosen].max()) / sqrt(power), about / power**2])

    everything = np.arange(_PIECES)
    values = of(everything)
    left = np.array([of(np.delete(everything, i)) for i in range(_PIECES)])
    found = {}
    for i, (name, own) in enumerate((("rms", unit), ("crest_factor", "1"), ("kurtosis", "1"))):
        spread = jackknife(left[:, i])
        budget.append(Contribution(name, "record, one block left out", "A", spread, own, spread, own))
        found[name] = Quantity(float(values[i]), own, COVERAGE * spread)
    return found


def _placed(
    comb: Comb,
    match: Match,
    spectra: OrderSpectra,
    turning: Rotation,
    budget: list[Contribution],
    simulated: dict[str, float],
    trials: int,
    seed: int,
) -> tuple[Quantity, Quantity]:
    """Frequency and slip of the matched lines; adds their lines to the budget and their Monte Carlo spread."""
    multiples = [k for k, beside, _ in comb.lines if not beside]
    level, per_order = spectra.level[match.band].astype(float), spectra.bins_per_order
    order = float(carrier_orders(level, match.order, per_order, multiples))
    left = [
        float(carrier_orders(deleted[match.band].astype(float), match.order, per_order, multiples))
        for deleted in spectra.deleted
    ]
    spread = jackknife(left)
    to_percent = 100 / comb.order
    budget.append(
        Contribution(
            "frequency", "record, one block left out", "A", spread, "1", spread * turning.shaft_hz, "Hz"
        )
    )
    speed = turning.uncertainty / COVERAGE
    slip = to_percent * order - 100
    budget += [
        Contribution("slip", "record, one block left out", "A", spread, "1", spread * to_percent, "%"),
        Contribution("slip", "shaft speed", "B", 100 * speed, "%", speed * to_percent * order, "%"),
    ]
    if turning.angle is not None:  # lines are sharp in angle; in hertz they follow the speed
        budget.append(
            Contribution("frequency", "mean speed", "B", speed, "1", speed * order * turning.shaft_hz, "Hz")
        )
    if trials:
        drawn = simulated_orders(level, match.order, per_order, multiples, spectra.averaged, trials, seed)
        rng = np.random.default_rng([seed, 1])
        speeds = 1 + speed * rng.standard_normal(trials)
        hertz = drawn * turning.shaft_hz * (speeds if turning.angle is not None else 1.0)
        simulated["frequency"] = expanded_of_samples(hertz)
        simulated["slip"] = expanded_of_samples(to_percent * drawn / speeds)
    return (
        Quantity(order * turning.shaft_hz, "Hz", stated(budget, simulated, "frequency")),
        Quantity(slip, "%", stated(budget, simulated, "slip")),
    )


def _unresolved(
    common: dict[str, Any], budget: list[Contribution], flags: list[Note], refusals: list[Note]
) -> Diagnosis:
    return Diagnosis(
        fault=Quantity("undecided", ""),
        score_inner=None,
        score_outer=None,
        score_ball=None,
        confidence=None,
        frequency=None,
        slip=None,
        band_low=None,
        band_high=None,
        whitening=None,
        modulation=None,
        **common,
        budget=budget_table(budget),
        lines=None,
        flags=tuple(flags),
        refusals=tuple(refusals),
        drawn=None,
    )
