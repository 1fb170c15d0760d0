"""Method `support.weighting`: periodic breaks of the roof over a longwall face, from its leg pressures."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from recore.evidence import Table, Unread
from recore.execute import Inline
from recore.method import Artifact, Note, Progress, Refusal, Tolerance, Unit, method, silent
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.metrology.support.breaks import (
    Breaks,
    find_breaks,
    in_time,
    intervals,
    mean_and_u,
    shear_means,
)
from recore.metrology.support.shears import Shears, shears
from recore.model.trade import Day
from recore.quantity import Quantity
from recore.rules import RuleSet, shipped
from recore.rules.known import Known

_INLINE = Inline()
DOMAIN = "supports"


@dataclass(frozen=True)
class Weighting:
    """Periodic weighting of a face.

    Parameters
    ----------
    breaks : number found, one per break and zone
    interval : mean from the beginning of a break to that of the next over the same supports [m]
    persistence : mean length of the breaks that lie whole in the record [m]
    shears_seen : how many shears the record holds
    zones : from, to (UTC), support_from, support_to, severity (null: no row speaks), peak_mpa, peak_share (of yield),
        shears, persistence_m, first_shear, last_shear, whole (does not touch the beginning or end of the record),
        height (above the quiet load, in its spreads)
    by_shear : per shear from, to (UTC), direction, supports, twap_mpa, final_mpa, loading_1_mpa_per_min,
        not_working_share, advance_m (before the shear)
    """

    breaks: Annotated[Quantity, Unit("1")]
    interval_m: Annotated[Quantity | None, Unit("m")]
    persistence_m: Annotated[Quantity | None, Unit("m")]
    shears_seen: Annotated[Quantity, Unit("1")]
    zones: Annotated[pa.Table, Artifact("weighting.parquet")]
    by_shear: Annotated[pa.Table, Artifact("shears.csv")]
    rules_sha256: str
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _drawn: Breaks | None = None
    _rules: tuple[Any, ...] = ()


@method("support.weighting", version=1, reproducible=Tolerance(relative=1e-9))
def weighting(
    *logs: Table | Unread,
    web_m: Annotated[float, Unit("m"), Field(gt=0, le=5)] = 0.8,
    yield_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=200)] = 40.0,
    set_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 5.0,
    release_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 3.0,
    gap_limit_s: Annotated[float, Unit("s"), Field(gt=0, le=86400)] = 300.0,
    as_of: Day | None = None,
    rules: RuleSet | None = None,
    executor: Executor = _INLINE,
    progress: Progress = silent,
) -> Weighting:
    """Periodic weighting of a longwall roof: breaks, the zones they load, interval and persistence.

    Parameters
    ----------
    logs : leg pressures, as `support.cycles` reads them
    web_m : advance of the face per shear, m
    yield_mpa : opening pressure of the yield valves, MPa
    set_threshold_mpa, release_threshold_mpa, gap_limit_s : of the cycles, see `support.cycles`
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones
    executor : where the log is read; the finding does not depend on it
    progress : told the share that is done, and what is being done

    Returns
    -------
    Weighting : one row per break and zone, one per shear; mean interval and persistence [m] with U(k=2)

    Notes
    -----
    *Shear*: a wave of setting over the supports (see `recore.metrology.support.shears`); distances are shears × web.

    *Load*: for each leg cycle the free rise (final minus setting pressure plus what the yield valve let off), the rise
    of TWAP over setting, and the first loading rate; each against the quiet cycles of the same leg and of like length,
    in their spread. The setting pressure is no sign of load. Signs count by how far neighbours agree on them.

    *Zone*: supports and shears that are nearer to the height of the zone than to the quiet (see `zones.find_zones`), at
    least three supports (five in a single shear), beyond the quiet shears of its own supports, and higher in free rise
    than the rule row wants.

    *End of the record*: running cycles are not told; of a break that lasts to the end `to` is the last release that was
    recorded, `whole` is false, and a flag says so.

    *Peak*: the highest mean of a zone's final pressures in one shear; severity by rule rows.

    A shear that no support recorded is not counted: over a gap of the whole log longer than a shear intervals are short
    by what it swallowed, and a flag says so.

    Refuses a log with fewer shears or neighbouring supports than the rule row wants; the interval with fewer than two
    breaks over the same supports; the persistence where no break lies whole in the record.

    Raises
    ------
    BadInput : as `support.cycles`

    References
    ----------
    S. Prasad et al., Mining, Metallurgy & Exploration 38 (2021) 945-958 (interval, persistence, severity).
    Expanded uncertainty: JCGM 100:2008, 4.2.3, 4.3.7 and 6.2.
    """
    read = support_cycles(
        *logs,
        set_threshold_mpa=set_threshold_mpa,
        release_threshold_mpa=release_threshold_mpa,
        yield_mpa=yield_mpa,
        gap_limit_s=gap_limit_s,
        executor=executor,
        progress=progress,
    )
    known = Known(shipped(DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    return weigh(read.table, read.flags, known, web_m, yield_mpa, read.quality, set_threshold_mpa)


def weigh(
    cycles: pa.Table,
    told: tuple[Note, ...],
    known: Known,
    web_m: float,
    yield_mpa: float,
    quality: pa.Table | None = None,
    set_threshold_mpa: float = 5.0,
) -> Weighting:
    """The finding from the table of leg cycles, and the data-quality report where there is one."""
    numbered = shears(cycles)
    _demand_enough(cycles, numbered, known)
    found = find_breaks(cycles, numbered, yield_mpa, *(share * yield_mpa for share in _least_rise(known)))
    zones = found.zones
    last = numbered.table.num_rows - 1
    whole = [zone.first > 0 and zone.last < last for zone in zones]
    between = intervals(zones)
    lasting = [zone.last - zone.first + 1 for zone, inside in zip(zones, whole, strict=True) if inside]
    flags, refusals = list(told), []
    if not between:
        refusals.append(
            Note(
                "interval",
                f"{len(zones)} break(s), and no two over the same supports: no interval can be told",
            )
        )
    if not lasting:
        refusals.append(Note("persistence", "no break lies whole within the record"))
    if len(whole) > sum(whole):
        flags.append(
            Note(
                "cut-off",
                f"{len(whole) - sum(whole)} break(s) run at the beginning or end of the record; "
                "the persistence leaves them out",
            )
        )
    if holes := _holes(numbered):
        flags.append(
            Note(
                "shears-missing",
                f"{holes} silence(s) of the whole face longer than two usual shears: what was cut meanwhile is not counted",
            )
        )
    interval, u_interval = mean_and_u(between, web_m) if between else (0.0, None)
    persistence, u_persistence = mean_and_u(lasting, web_m) if lasting else (0.0, None)
    return Weighting(
        breaks=Quantity(len(zones)),
        interval_m=Quantity(interval, "m", u_interval) if between else None,
        persistence_m=Quantity(persistence, "m", u_persistence) if lasting else None,
        shears_seen=Quantity(last + 1),
        zones=_zone_table(cycles, numbered, found, whole, known, web_m, yield_mpa),
        by_shear=_shear_table(cycles, numbered, web_m, quality, set_threshold_mpa),
        rules_sha256=known.digest,
        flags=tuple(flags),
        refusals=tuple(refusals),
        _drawn=found,
        _rules=tuple(known.used.values()),
    )


def _least_rise(known: Known) -> tuple[float, float]:
    """Least free rise of a break and of one of a single shear, of the yield pressure."""
    row = known.about(DOMAIN, "weighting:rise", {"method": "support.weighting"})
    if row is None:
        raise Refusal("rule-row-missing", "no row in force says how far a break rises above the quiet")
    return float(row.params["excess"]), float(row.params["excess_alone"])


def _demand_enough(cycles: pa.Table, numbered: Shears, known: Known) -> None:
    row = known.about(DOMAIN, "weighting:enough", {"method": "support.weighting"})
    if row is None:
        raise Refusal("rule-row-missing", "no row in force says how many shears and supports are enough")
    count = numbered.table.num_rows
    if count < row.params["shears"]:
        raise Refusal(
            "few-shears", f"{count} shear(s) in the record, {row.params['shears']} are wanted ({row.rule_id})"
        )
    numbers = np.unique(cycles["support"].to_numpy())
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    longest = max(len(run) for run in runs)
    if longest < row.params["supports"]:
        raise Refusal(
            "supports-apart",
            f"at most {longest} neighbouring support(s) in the record, {row.params['supports']} are wanted "
            f"({row.rule_id}): where a zone ends could only be guessed",
        )


def _holes(numbered: Shears) -> int:
    begin = numbered.table["from"].to_numpy().astype("datetime64[us]").astype(np.int64)
    steps = np.diff(begin)
    return int(np.count_nonzero(steps > 3 * np.median(steps))) if len(steps) else 0


def _zone_table(
    cycles: pa.Table,
    numbered: Shears,
    found: Breaks,
    whole: list[bool],
    known: Known,
    web_m: float,
    yield_mpa: float,
) -> pa.Table:
    utc = pa.timestamp("us", "UTC")
    begins, ends = in_time(found.zones, numbered, found.first_support)
    support = cycles["support"].to_numpy() - found.first_support
    shear, final = numbered.row_shear - 1, cycles["final_mpa"].to_numpy()
    peaks = []
    for zone in found.zones:
        inside = (
            (support >= zone.left) & (support <= zone.right) & (shear >= zone.first) & (shear <= zone.last)
        )
        at = shear[inside] - zone.first
        counts = np.bincount(at)
        peaks.append(float(np.max(np.bincount(at, final[inside])[counts > 0] / counts[counts > 0])))
    severities = []
    for peak in peaks:
        row = known.about(DOMAIN, "weighting:severity", {"peak_share": peak / yield_mpa})
        severities.append(None if row is None else str(row.params["severity"]))
    zones = found.zones
    length = [zone.last - zone.first + 1 for zone in zones]
    return pa.table(
        {
            "from": pa.array(begins, pa.int64()).cast(utc),
            "to": pa.array(ends, pa.int64()).cast(utc),
            "support_from": pa.array([zone.left + found.first_support for zone in zones], pa.int64()),
            "support_to": pa.array([zone.right + found.first_support for zone in zones], pa.int64()),
            "severity": pa.array(severities, pa.string()),
            "peak_mpa": pa.array(peaks, pa.float64()),
            "peak_share": pa.array([peak / yield_mpa for peak in peaks], pa.float64()),
            "shears": pa.array(length, pa.int64()),
            "persistence_m": pa.array([n * web_m for n in length], pa.float64()),
            "first_shear": pa.array([zone.first + 1 for zone in zones], pa.int64()),
            "last_shear": pa.array([zone.last + 1 for zone in zones], pa.int64()),
            "whole": pa.array(whole, pa.bool_()),
            "height": pa.array([zone.height for zone in zones], pa.float64()),
        }
    )


def _shear_table(
    cycles: pa.Table, numbered: Shears, web_m: float, quality: pa.Table | None, set_threshold_mpa: float
) -> pa.Table:
    table = numbered.table
    for name, values in shear_means(cycles, numbered, quality, set_threshold_mpa).items():
        table = table.append_column(name, pa.array(values, from_pandas=True))
    return table.append_column("advance_m", pa.array(np.arange(table.num_rows) * web_m))


@weighting.plot
def _draw(result: Weighting) -> Any:
    """Map of load by support and shear with the zones of the breaks, over the mean pressure of each shear."""
    from recore.metrology.support.weighting_plot import draw

    return draw(result)
