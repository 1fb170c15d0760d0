"""Order tracking: time-synchronous average of a shaft, gear condition indicators, order spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.signal import sampling_rate
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import budget
from recore.metrology.budget import Contribution
from recore.metrology.vibration.channels import implausible
from recore.metrology.vibration.gear_condition import LEVELS, SIDEBANDS, Gear, indicators
from recore.metrology.vibration.order_plot import (
    draw_orders,
    history_table,
    mesh_table,
    orders_table,
    tsa_table,
)
from recore.metrology.vibration.revolutions import Revolutions, highest_order, read_revolutions
from recore.quantity import Quantity

Floats = NDArray[np.float64]

FEWEST = 8
ENOUGH = 20
BLOCKS = 50  # of revolutions that are drawn together
_COHERENT = 0.5


@dataclass(frozen=True)
class Averaged:
    """One record after averaging.

    Parameters
    ----------
    record : its revolutions
    average : (samples,) time-synchronous average
    values : indicators of it
    name : of the file
    """

    record: Revolutions
    average: Floats
    values: dict[str, float]
    name: str


@dataclass(frozen=True)
class Orders:
    """Order analysis of the last record; the records before it are its history.

    Parameters
    ----------
    speed : mean speed of the analysed shaft [rpm]
    speed_variation : range of the speeds of single revolutions over the mean [%]
    revolutions : how many were averaged
    tsa_rms, residual_rms, difference_rms : r.m.s. of the average without its mean, of that without shaft and mesh
        orders, and without their first sidebands too [unit of the channel]
    asynchronous_rms : r.m.s. of what does not repeat from revolution to revolution
    mesh_amplitude : amplitude of the first mesh order of the first gear
    crest_factor, kurtosis : of the average
    fm0 : peak to valley of the average / sum of the amplitudes of the mesh harmonics
    fm4, m6a : normalised fourth and sixth moment of the difference signal (3 and 15 for normally distributed values)
    na4, nb4 : fourth moment of residual signal and of the mesh envelope over the squared mean variance of all
        records so far; None without history
    sideband_level_factor : first sidebands of the mesh order / r.m.s. of the average
    sideband_energy_ratio : six sidebands on either side / amplitude of the mesh order
    coherence : share of the mesh order's power that stands still from revolution to revolution
    """

    speed: Annotated[Quantity, Unit("rpm")]
    speed_variation: Annotated[Quantity, Unit("%")]
    revolutions: Quantity
    tsa_rms: Quantity
    residual_rms: Quantity | None
    difference_rms: Quantity | None
    asynchronous_rms: Quantity
    mesh_amplitude: Quantity | None
    crest_factor: Quantity
    kurtosis: Quantity
    fm0: Quantity | None
    fm4: Quantity | None
    m6a: Quantity | None
    na4: Quantity | None
    nb4: Quantity | None
    sideband_level_factor: Quantity | None
    sideband_energy_ratio: Quantity | None
    coherence: Quantity | None
    tsa: Annotated[Any, Artifact("tsa.csv")]
    orders: Annotated[Any, Artifact("orders.csv")]
    mesh: Annotated[Any, Artifact("mesh.csv")]
    history: Annotated[Any, Artifact("history.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _last: Averaged
    _gear: Gear | None


@method(
    "vibration.order",
    version=1,
    standard="Stewart 1977; NASA TM-105950 (1993), NASA TM-106467 (1994); Lebold et al. 2000",
    reproducible=Tolerance(relative=1e-5, absolute=1e-9),
)
def order(
    *records: Table,
    teeth: list[int] | None = None,
    ratio: Annotated[list[float] | None, Field(min_length=1, max_length=2)] = None,
    channel: str | None = None,
    unit: str | None = None,
    tacho: str | None = None,
    pulses_per_revolution: Annotated[int, Field(ge=1, le=100_000)] = 1,
    rate_hz: Annotated[float | None, Unit("Hz"), Field(gt=0)] = None,
    samples_per_revolution: Annotated[int | None, Field(ge=32, le=65536)] = None,
    calibration_pct: Annotated[float | None, Unit("%"), Field(ge=0, le=100)] = None,
    trials: Annotated[int, Field(ge=0, le=20_000)] = 400,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Orders:
    """Time-synchronous average of a shaft with FM0, FM4, M6A, NA4, NB4, sidebands and order spectrum.

    Parameters
    ----------
    records : one or more records in order of time, of the same position, load and speed; each with one channel of
        vibration and a tacho signal ('tacho', 'keyphasor', 'encoder' …) or a column angle_deg
    teeth : of the gears on the analysed shaft, the one to judge first
    ratio : revolutions of the analysed shaft for one of the tacho shaft, as a number or as two (61,23 is 61/23):
        teeth of the gears between them, because a rounded ratio smears a long average
    channel : column of the vibration, by name or number
    unit : its unit, where the name carries none
    tacho : column of the tacho, by name or number
    pulses_per_revolution : of the shaft that the tacho looks at
    rate_hz : sampling rate, where the file does not say it
    samples_per_revolution : angles of a revolution; None takes about as many as the record has
    calibration_pct : expanded uncertainty (k = 2) of the chain; it concerns levels, and cancels in ratios
    trials, seed : bootstrap over blocks of revolutions (0: none), and its seed

    Returns
    -------
    Orders : indicators with U(k = 2); tsa.csv, orders.csv (of the whole signal and of the average), mesh.csv,
        history.csv with every record

    Notes
    -----
    Pulses are found between the samples, a cubic spline through them gives the angle, the signal is resampled at
    equal angles, and the revolutions are averaged. Shaft orders 1 and 2 and all mesh harmonics of all stated gears
    are taken out for the residual signal, the first sidebands of each mesh harmonic too for the difference signal.
    NB4: envelope within half a mesh order around the strongest mesh harmonic.

    U: jackknife over up to fifty blocks of revolutions in a row, and a bootstrap over the same; jitter of the tacho
    (an upper bound from its third differences) and calibration for levels.

    A planet carrier is not separated: gears whose mesh moves past the sensor are not judged by this method. No
    indicator here has a limit that holds for every gear: compare with the same gear before (`vibration.compare`).

    Refuses a record without tacho, with missing or double pulses, with fewer than eight revolutions, or whose rate does
    not hold the mesh order; fewer than twenty revolutions are flagged.

    References
    ----------
    P. D. McFadden, A revised model for the extraction of periodic waveforms by time domain averaging, Mechanical
    Systems and Signal Processing 1 (1987) 83-95; and those of `gear_condition`.
    """
    teeth = teeth or []
    if any(z < 4 for z in teeth):
        raise BadInput(f"teeth {teeth}", where="teeth", right="numbers of teeth from 4 on")
    ratio = ratio or [1.0]
    if min(ratio) <= 0:
        raise BadInput(f"ratio {ratio}", where="ratio", right="positive numbers")
    turned = ratio[0] / (ratio[1] if len(ratio) == 2 else 1.0)
    wanted = float(max(teeth, default=8) + min(SIDEBANDS, max(teeth, default=8) // 2))
    flags: list[Note] = []
    refusals: list[Note] = []
    read: list[Revolutions] = []
    for table in records:
        samples = read[0].values.shape[1] if read else samples_per_revolution
        rate = sampling_rate(table, rate_hz)
        one = read_revolutions(
            table, rate, channel, unit, tacho, pulses_per_revolution, turned, samples, wanted
        )
        if len(one.values) < FEWEST:
            raise Refusal(
                "few-revolutions",
                f"{table.name}: {len(one.values)} revolutions; {FEWEST} are the fewest that show their own scatter",
            )
        if len(one.values) < ENOUGH:
            flags.append(
                Note("few-revolutions", f"{table.name}: {len(one.values)} revolutions, fewer than {ENOUGH}")
            )
        read.append(one)
    gear = None
    if teeth:
        gear = Gear(tuple(teeth), read[0].values.shape[1], min(highest_order(one) for one in read))
    else:
        refusals.append(
            Note("teeth-not-stated", "without the number of teeth there is no mesh order: FM0, FM4, M6A, NA4, NB4 and "
                 "sidebands are not stated")
        )  # fmt: skip
    averaged, past = _averaged(records, read, gear)
    last = averaged[-1]
    if gear is not None and len(records) == 1:
        refusals.append(
            Note(
                "no-history", "NA4 and NB4 compare a record with those before it: give earlier records first"
            )
        )
    flags += _conditions(averaged)
    lines, simulated = _uncertainty(last, gear, past, calibration_pct, trials, seed)
    flags += _together(budget.disagreement(lines, simulated))
    if calibration_pct is None:
        flags.append(
            Note("calibration-not-stated", "U of levels is without calibration; ratios do not depend on it")
        )
    coherence = None
    if gear is not None:
        coherence = _coherence(last.record, gear)
        if coherence < _COHERENT:
            flags.append(
                Note(
                    "mesh-not-coherent",
                    f"only {100 * coherence:.0f} % of the power at order {gear.teeth[0]} stand still from revolution to "
                    "revolution: the number of teeth, the ratio or the tacho does not belong to this shaft, or there is "
                    "hardly any mesh vibration",
                )
            )

    def quantity(name: str) -> Quantity | None:
        if name not in last.values:
            return None
        level = name in LEVELS
        return Quantity(
            last.values[name],
            last.record.channel.unit if level else "1",
            budget.stated(lines, simulated, name),
        )

    def certain(name: str) -> Quantity:
        found = quantity(name)
        assert found is not None
        return found

    speeds = last.record.speeds_rpm
    count = len(last.record.values)
    scatter = last.record.values - last.average
    asynchronous = float(np.sqrt((scatter**2).sum() / ((count - 1) * scatter.shape[1])))
    return Orders(
        speed=Quantity(float(speeds.mean()), "rpm", 2 * float(speeds.std(ddof=1)) / np.sqrt(count)),
        speed_variation=Quantity(100 * float(np.ptp(speeds) / speeds.mean()), "%"),
        revolutions=Quantity(count),
        tsa_rms=certain("tsa_rms"),
        residual_rms=quantity("residual_rms"),
        difference_rms=quantity("difference_rms"),
        asynchronous_rms=Quantity(
            asynchronous, last.record.channel.unit, budget.stated(lines, simulated, "asynchronous_rms")
        ),
        mesh_amplitude=quantity("mesh_amplitude"),
        crest_factor=certain("crest_factor"),
        kurtosis=certain("kurtosis"),
        fm0=quantity("fm0"),
        fm4=quantity("fm4"),
        m6a=quantity("m6a"),
        na4=quantity("na4"),
        nb4=quantity("nb4"),
        sideband_level_factor=quantity("sideband_level_factor"),
        sideband_energy_ratio=quantity("sideband_energy_ratio"),
        coherence=None if coherence is None else Quantity(coherence),
        tsa=tsa_table(last.average, gear),
        orders=orders_table(last.record, last.average),
        mesh=mesh_table(last.average, gear),
        history=history_table(averaged),
        budget=budget.budget_table(lines, simulated),
        flags=tuple(flags),
        refusals=tuple(refusals),
        _last=last,
        _gear=gear,
    )


def _averaged(
    tables: tuple[Table, ...], read: list[Revolutions], gear: Gear | None
) -> tuple[list[Averaged], Floats | None]:
    """Every record with its indicators, and the variances of the records before the last."""
    found: list[Averaged] = []
    variances: list[list[float]] = []
    past: Floats | None = None
    for table, one in zip(tables, read, strict=True):
        average: Floats = one.values.mean(axis=0)
        past = np.array(variances) if variances else None
        values = {name: float(value) for name, value in indicators(average, gear, past).items()}
        if gear is not None:
            variances.append([values["residual_variance"], values["envelope_variance"]])
        found.append(Averaged(one, average, values, table.name))
    return found, past


def _together(notes: list[Note]) -> list[Note]:
    """One note of a code: a dozen indicators say the same of a short record."""
    return [Note(notes[0].code, "; ".join(note.text for note in notes))] if notes else []


def _conditions(averaged: list[Averaged]) -> list[Note]:
    notes = []
    last = averaged[-1].record
    speeds = [float(one.record.speeds_rpm.mean()) for one in averaged]
    if max(speeds) > 1.05 * min(speeds):
        notes.append(
            Note(
                "other-speed",
                f"the records were taken at {min(speeds):.4g} to {max(speeds):.4g} rpm: NA4 and NB4 then "
                "compare speeds too",
            )
        )
    if len({(one.record.channel.kind, one.record.channel.name) for one in averaged}) > 1:
        notes.append(Note("other-sensor", "the records are of different channels or quantities"))
    for one in averaged:
        rms = float(np.sqrt(np.mean(one.record.values**2)))
        notes += implausible(rms, one.record.channel.kind, one.name)
    loss = float((2 * np.pi * last.jitter * last.values.shape[1] / 5) ** 2 / 2)
    if loss > 0.05:
        notes.append(
            Note(
                "tacho-jitter",
                f"the pulses scatter by {360 * last.jitter:.2g}°: an average loses up to {100 * min(loss, 1):.0f} % at "
                f"order {last.values.shape[1] // 5}",
            )
        )
    return notes


def _coherence(record: Revolutions, gear: Gear) -> float:
    """Share of the power at the strongest mesh harmonic that is the same in every revolution, without noise bias."""
    spectra = np.fft.rfft(record.values, axis=1)
    strongest = int(gear.harmonics[gear.amplitude(spectra.mean(axis=0), gear.harmonics).argmax()])
    lines = spectra[:, strongest]
    total = float(np.mean(np.abs(lines) ** 2))
    count = len(lines)
    share = (abs(lines.mean()) ** 2 - total / count) / (total * (1 - 1 / count)) if total > 0 else 0.0
    return float(np.clip(share, 0, 1))


def _uncertainty(
    last: Averaged,
    gear: Gear | None,
    past: Floats | None,
    calibration_pct: float | None,
    trials: int,
    seed: int,
) -> tuple[list[Contribution], dict[str, float]]:
    revolutions = last.record.values
    blocks = np.array_split(np.arange(len(revolutions)), min(BLOCKS, len(revolutions)))
    sums = np.stack([revolutions[block].sum(axis=0) for block in blocks])
    powers = np.array([((revolutions[block] - last.average) ** 2).sum() for block in blocks])
    counts = np.array([len(block) for block in blocks], dtype=float)
    size = len(blocks)

    def results(weights: Floats) -> dict[str, Floats]:
        chosen = weights @ counts
        found = indicators((weights @ sums) / chosen[:, None], gear, past)
        found["asynchronous_rms"] = np.sqrt(weights @ powers / (chosen * revolutions.shape[1]))
        return found

    left_out = results(1.0 - np.eye(size))
    names = [name for name in left_out if not name.endswith("_variance")]
    unit = last.record.channel.unit
    lines: list[Contribution] = []
    for name in names:
        level = name in (*LEVELS, "asynchronous_rms")
        jackknife = float(np.sqrt((size - 1) / size * ((left_out[name] - left_out[name].mean()) ** 2).sum()))
        of = unit if level else "1"
        lines.append(Contribution(name, "finite number of revolutions", "A", jackknife, of, jackknife, of))
        if not level:
            continue
        value = last.values.get(name, float(left_out[name].mean()))
        if calibration_pct is not None:
            share = calibration_pct / 200
            lines.append(
                Contribution(name, "calibration of the chain", "B", 100 * share, "%", value * share, unit)
            )
        if name == "mesh_amplitude" and gear is not None:
            loss = (2 * np.pi * gear.teeth[0] * last.record.jitter) ** 2 / 2
            degrees = 360 * last.record.jitter
            lines.append(
                Contribution(
                    name, "jitter of the tacho", "B", degrees, "deg", value * loss / np.sqrt(3), unit
                )
            )
    simulated = {}
    if trials >= 100:
        rng = np.random.Generator(np.random.PCG64(seed))
        drawn = results(rng.multinomial(size, np.full(size, 1 / size), trials).astype(float))
        other = dict.fromkeys(names, 0.0)
        for line in lines:
            if line.source != "finite number of revolutions":
                other[line.result] += line.contribution**2
        for name in names:
            normal = np.sqrt(other[name]) * rng.standard_normal(trials)
            simulated[name] = budget.expanded_of_samples(drawn[name] + normal)
    return lines, simulated


@order.plot
def _draw(result: Orders) -> dict[str, Any]:
    return draw_orders(result._last.record, result._last.average, result._gear)
