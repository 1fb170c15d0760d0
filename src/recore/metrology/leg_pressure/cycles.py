"""Load cycles of hydraulic supports from the pressure of their legs."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table, Unread
from recore.execute import Inline
from recore.method import Artifact, Note, Progress, Tolerance, Unit, method, silent
from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.found import Log, ZeroLimits
from recore.metrology.leg_pressure.log import read_log
from recore.metrology.leg_pressure.quality import files_table, flags, report
from recore.metrology.leg_pressure.records import RECORD
from recore.metrology.leg_pressure.tables import cycle_table, support_table, yield_table
from recore.quantity import Quantity

_INLINE = Inline()
_PLOTTED = 500


@dataclass(frozen=True)
class Thresholds:
    """Pressures that divide a record into cycles, MPa."""

    set_mpa: float
    release_mpa: float
    yield_mpa: float


@dataclass(frozen=True)
class LegCycles:
    """Complete load cycles of all legs of a log.

    `cycles` and `yield_events` count; `twap_mean` is the mean of the cycles' time-weighted average
    pressures; `incomplete_cycles` were left out. `setting_adequacy` is the share of support cycles set to 0.8
    of the rated setting pressure or more (none where that is not given), `imbalance_mean` the mean imbalance
    of their legs. `table` has one row per complete cycle of a leg, `yields` one per yield event of these, and
    `support_cycles` one per cycle of a support. `quality` has one row per finding about a leg's record (support, leg, kind,
    from, to, count, value_mpa, text), `files` one per file: name, rows read, whether all of it could be read, and
    why not.
    """

    cycles: Annotated[Quantity, Unit("1")]
    yield_events: Annotated[Quantity, Unit("1")]
    twap_mean: Annotated[Quantity | None, Unit("MPa")]
    incomplete_cycles: Annotated[Quantity, Unit("1")]
    setting_adequacy: Annotated[Quantity | None, Unit("1")]
    imbalance_mean: Annotated[Quantity | None, Unit("1")]
    table: Annotated[pa.Table, Artifact("cycles.parquet")]
    yields: Annotated[pa.Table, Artifact("yields.parquet")]
    support_cycles: Annotated[pa.Table, Artifact("support_cycles.parquet")]
    thresholds: Thresholds
    flags: tuple[Note, ...]
    quality: Annotated[pa.Table, Artifact("quality.parquet")]
    files: Annotated[pa.Table, Artifact("files.csv")]


@method("support.cycles", version=2, reproducible={"twap_mean": Tolerance(relative=1e-9)})
def support_cycles(
    *logs: Table | Unread,
    set_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 5.0,
    release_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 3.0,
    yield_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=200)] = 40.0,
    gap_limit_s: Annotated[float, Unit("s"), Field(gt=0, le=86400)] = 300.0,
    sensor_uncertainty_mpa: Annotated[float | None, Unit("MPa"), Field(ge=0, le=100)] = None,
    zero_offset_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 0.8,
    back_pressure_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=20)] = 3.0,
    rated_setting_mpa: Annotated[float | None, Unit("MPa"), Field(gt=0, le=200)] = None,
    unseen_releases: bool = True,
    executor: Executor = _INLINE,
    progress: Progress = silent,
) -> LegCycles:
    """Load cycles, yield events and leaks of hydraulic support legs.

    Parameters
    ----------
    logs : one or more tables, in any order together one log, told apart by their columns. Long: ts (UTC),
        support, leg, pressure_mpa (or another unit of pressure). Wide: ts, support, leg1_mpa, leg2_mpa, …; an
        empty cell is no sample of that leg. A file that cannot be read is flagged, the others count
    set_threshold_mpa : pressure at which a leg counts as set, MPa
    release_threshold_mpa : pressure below which it counts as released, MPa
    yield_mpa : opening pressure of the yield valve, MPa
    gap_limit_s : longest time between two samples that is not flagged, s
    sensor_uncertainty_mpa : expanded uncertainty (k = 2) of the transducers, MPa; without it only
        their resolution and noise are known, from the record itself
    rated_setting_mpa : rated setting pressure of the supports, MPa; without it none is called adequate or not
    zero_offset_mpa : smallest zero offset of a transducer that is taken out, MPa
    back_pressure_mpa : highest pressure of a released leg; where less than three legs are there to compare,
        only what lies beyond it is an offset, MPa
    unseen_releases : whether releases that fall between two samples of a slow record are told by what they leave
    executor : where the parts of the log are read; the finding does not depend on it
    progress : told the share that is done, and what is being done

    Returns
    -------
    LegCycles : numbers of complete cycles and of their yield events, mean TWAP [MPa] with U(k=2), and
        the table of cycles with pressures in MPa and leak in MPa/min

    Notes
    -----
    *Cycle*: `start` is the first sample at or above the set threshold after a release (or after the
    beginning of the record, if that lies below it), `end` the first sample after it below the release
    threshold. A cycle that runs at the beginning or end of a leg's record is not complete and left out.
    A cycle runs on over a gap; its TWAP then rests on a straight line over the gap, and a flag says so.

    `setting_mpa` is the maximum of the first 30 s, `max_mpa` that of the whole cycle. `twap_mpa` is the
    trapezoid integral of the pressure from the start to the last sample before the end, over that time.

    `final_mpa`: the release is the fall, by at least 0.5 % of the pressure per second, that ends in the
    crossing of the release threshold; the value before its first step is the final pressure. Steps are
    judged over at least 0.5 s, so that noise in a fast record does not break the fall, and over no more than
    10 s, for what a rare sample shows happened just before it; a pause below 60 % of the final pressure is
    part of the release if it is shorter than 3 min, unless the pressure comes back into the yield band.

    *Yield event*: the pressure comes to 0.98 of `yield_mpa` or above and then drops by more than 1 MPa from
    its highest value since. The next one needs a rise of 0.5 MPa back into that band. A drop that is
    part of the release is none. `yield_events` counts those of complete cycles; others are flagged.

    `leak_mpa_per_min`: least squares over half-minute means, from 3 min after the start until the pressure
    first comes into the yield band or until 30 s to 60 s before the end: a straight line, or with the
    logarithmic loading law of the roof taken out where that explains the record down to its noise (see
    `leak_rates`). Empty, and flagged, where the quiet part is too short to tell.

    `opening_mpa`, `reseat_mpa`, `unload_s`, `recovery_s`: means over the cycle's yield events of the peak before
    the drop, the trough after it, the time from peak to trough and from trough to the return into the band
    (of those that return). The trough is sought until the pressure has risen by 0.5 MPa, or has not fallen by
    so much for 60 s: what goes on after that is a leak. Empty without an event.

    `revised_mpa`: mean pressure from 2.5 to 3 min after the start, straight between samples: the setting
    pressure after the first relaxation. Empty in a shorter cycle and over a gap.

    `loading_1_mpa_per_min` (initial), `loading_2_…` (stable), `loading_3_…` (last): slopes of least-squares lines
    through half-minute means, counted from the start, from 0.5 to 5 min, from there to the last phase, and
    over the last ten means that begin no earlier than 5 min and surely precede the release. Empty with
    fewer than three means.

    `low_mpa`, `low_s`: lowest pressure, and time, between the release before and the start; empty where the
    record does not show that release. `attempts`: how often the leg was set before it held, at least 1: rises
    through the release threshold that fell back, and cycles before this one that held for less than 60 s.
    `gap_s`: time of the cycle that lies in gaps longer than the limit.

    *Support cycle*: the leg cycles of a support that overlap by more than a tenth of their length. Its setting
    pressure is the lowest of its legs, its TWAP their mean by duration, its `imbalance` the difference between
    the highest and the lowest mean pressure of a leg, over the highest; `low_s` the shortest of its legs.

    *Logged on change*: where less than nine tenths of the time steps of a leg lie within two neighbouring octaves,
    a value holds until the next telegram, and the TWAP is that of the steps.

    *Excursion*: a sample more than 3 MPa above or below both neighbours, from which the next one, within 3 s,
    returns at least half of the way, counts in nothing: no leg is released, advanced and set in that time. Nor
    does one that stands 3 MPa above two like neighbours of a set leg, if the next one comes within 15 s. Other
    samples of a record slower than that always count. Pressures are taken in whole multiples of 10 Pa, so that
    single and double precision, and any way to cut a log, give the same cycles. Samples without a finite number
    are left out, repeated ones count once. Records of legs whose samples overlap or run backwards are sorted.

    *Event-driven*: a leg whose steps in time are uneven (2 % of them four times as long or as short as the one
    before) and of very different lengths (quantiles 0.05 and 0.95 apart eightfold) is logged on change. Its
    values hold until the next telegram. A silence of more than three heartbeats is a gap; without a heartbeat
    a value holds for ever. Legs are judged on all their samples, so it does not matter how the log is cut.

    *Clock*: a time before 1971 or after 2100, or further from the bulk of the log than a week and than that
    lasts while less than 10 % of the rows lie there, is wrong. A stretch of wrong times between right ones in
    the order of the file is put back where its spacing, or the number of its rows, fits the hole; others are
    left out. *Unit*: no leg holds 100 MPa; readings above it are in bar where a tenth of them is a pressure of
    a set leg, and are left out otherwise.

    *Offset*: the median over some releases of the lowest pressure, less that of all legs, is the zero offset of
    a transducer. It is taken out where it exceeds `zero_offset_mpa` and four times the scatter between the
    legs that stand between 0 and `back_pressure_mpa`, before the thresholds apply, and may change in time; a leg
    that at other times stands lower than that had leaked, and is not off. *Stuck*: one value for 5 min while another leg of
    the support is released and set again, or, of readings that otherwise wander, for more than half an hour
    in a set leg. No cycle that touches such a stretch is complete.

    *Unseen release*: in a record with a sample every 7 s or less often, a leg may be released and set again
    between two samples. Each step is weighed by the ratio of two likelihoods: that the leg was set anew in it
    (pressure and slope as after the releases that were seen), and that it went on as before (straight lines through four
    samples before and after, the noise of the leg, slips and breaks of the roof as often as the leg shows them,
    drops of a yield valve). Legs of a support that are released together are weighed together. The releases
    between two that were seen are the most probable succession, with the lengths of the support's cycles and,
    where the face shows a wave, the neighbours' releases. The cycle ends in the middle of the step, and the next
    starts with the sample after it; `low_mpa` of that is empty.

    Refuses nothing: a log without a complete cycle has cycles = 0, no mean and a flag.

    Raises
    ------
    BadInput : thresholds out of order; no usable row; a leg with more than 33 million samples out of order

    References
    ----------
    Setting, final and time-weighted average pressure: S. Prasad et al., Mining, Metallurgy & Exploration 38
    (2021) 945-958. Revised setting pressure and phases of loading: Advances in Civil Engineering 2018, 3031714.
    Yield events: Sensors 23 (2023) 8853. Expanded uncertainty: JCGM 100:2008, 4.3.7 and 6.2.
    """
    if not release_threshold_mpa < set_threshold_mpa < kernel.YIELD_BAND * yield_mpa:
        raise BadInput(
            f"release, set and yield at {release_threshold_mpa:g}, {set_threshold_mpa:g} and {yield_mpa:g} MPa",
            where="parameters of support.cycles",
            right="release threshold < set threshold < 0.98 yield_mpa is wanted",
        )
    if not logs:
        raise BadInput("no log", where="support.cycles", right="at least one table is wanted")
    limits = kernel.Limits.of(set_threshold_mpa, release_threshold_mpa, yield_mpa, gap_limit_s)
    zeros = ZeroLimits(zero_offset_mpa, back_pressure_mpa)
    log = read_log(logs, limits, executor, zeros, unseen_releases, progress)
    table = cycle_table(log)
    supports = support_table(table, rated_setting_mpa)
    records = log.legs.values()
    partial = sum(record.counted("partial") + record.running for record in records)
    found = report(log, gap_limit_s)
    notes = flags(log, found, gap_limit_s, partial)
    mean = None
    if table.num_rows:
        mean = Quantity(
            math.fsum(table["twap_mpa"].to_numpy()) / table.num_rows,
            "MPa",
            _uncertainty(log, sensor_uncertainty_mpa),
        )
        if sensor_uncertainty_mpa is None:
            notes.append(
                Note(
                    "uncertainty-from-record",
                    "the uncertainty holds the resolution and noise of the record only, not the "
                    "calibration of the transducers; state sensor_uncertainty_mpa",
                )
            )
    return LegCycles(
        cycles=Quantity(table.num_rows),
        yield_events=Quantity(int(table["yield_events"].to_numpy().sum())),
        twap_mean=mean,
        incomplete_cycles=Quantity(partial),
        setting_adequacy=_share(supports["adequate"]),
        imbalance_mean=_share(supports["imbalance"]),
        table=table,
        yields=yield_table(log),
        support_cycles=supports,
        thresholds=Thresholds(set_threshold_mpa, release_threshold_mpa, yield_mpa),
        flags=tuple(notes),
        quality=found.table(),
        files=files_table(log),
    )


def _share(column: pa.ChunkedArray) -> Quantity | None:
    """Mean of what is known in a column."""
    known = column.drop_null().cast(pa.float64()).to_numpy()
    return Quantity(math.fsum(known) / len(known)) if len(known) else None


def _uncertainty(log: Log, sensor_mpa: float | None) -> float | None:
    """Expanded uncertainty (k = 2) of the mean TWAP, MPa; None where neither record nor user tell.

    The sensor's and the resolution's share are the same in all samples and do not average out.
    """
    cycles = kernel.joined([record.cycles for record in log.legs.values()], RECORD)
    grains = [record.counted("grain") / kernel.PER_MPA for record in log.legs.values()]
    grain = max((g for g in grains if g < kernel.NO_GRAIN / kernel.PER_MPA), default=None)
    if grain is None and sensor_mpa is None:
        return None
    steps = int(cycles["steps"].sum())
    # mean absolute difference of two samples with normal noise: 2 s / sqrt(pi)
    noise = math.sqrt(math.pi) / 2 * math.fsum(cycles["wander"]) / steps if steps else 0.0
    random = noise**2 / int(cycles["samples"].sum())
    return math.sqrt((sensor_mpa or 0.0) ** 2 + 4 * ((grain or 0.0) ** 2 / 12 + random))


@support_cycles.plot
def _draw(result: LegCycles) -> Any:
    """Pressures per support over all cycles, and the cycles of one support in time."""
    from recore.metrology.leg_pressure.cycles_plot import draw

    return draw(result.table, result.twap_mean, result.thresholds.yield_mpa, _PLOTTED)
