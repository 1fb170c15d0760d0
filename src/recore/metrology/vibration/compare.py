"""Before and after a repair: levels by band and order at matched load and speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology import budget
from recore.metrology.budget import Contribution
from recore.metrology.vibration import matched
from recore.metrology.vibration.channels import implausible
from recore.metrology.vibration.compare_lines import common_positions, condition_notes, lines_of, whole_band
from recore.metrology.vibration.compare_plot import Compared, conditions_table, draw_compared, lines_table
from recore.metrology.vibration.segment_levels import Kind, Line, Segments, open_run, segments_of
from recore.quantity import Quantity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Side = Literal["before", "after"]

LEVEL = 0.05
# how a level may follow what is left of a mismatch: force of unbalance with the square of the speed, mesh with the load
_EXPONENT = {"speed": 2.0, "load": 1.0}
_LITTLE = 0.5


@dataclass(frozen=True)
class Comparison:
    """What changed from before to after.

    Parameters
    ----------
    verdict : 'worse' where any line is, else 'improved' where any is, else 'no-difference'; with all lines held
        against each other (Holm), so that the chance of any false word is below 5 %
    line : line with the clearest difference
    ratio : its level after / before
    overall_ratio : of the whole band at the position that is loudest after
    lines, lines_improved, lines_worse : how many were compared, and how they came out
    smallest_shown : change of the least certain line that would have been shown [%]
    segments_before, segments_after : matched ones
    conditions : bins of load and speed that both sides have
    """

    verdict: Quantity
    line: Quantity
    ratio: Annotated[Quantity, Unit("1")]
    overall_ratio: Annotated[Quantity, Unit("1")]
    lines: Quantity
    lines_improved: Quantity
    lines_worse: Quantity
    smallest_shown: Annotated[Quantity, Unit("%")]
    segments_before: Quantity
    segments_after: Quantity
    conditions: Quantity
    compared: Annotated[Any, Artifact("compared.csv")]
    matched: Annotated[Any, Artifact("conditions.csv")]
    budget: Annotated[Any, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _compared: tuple[Compared, ...]


@method(
    "vibration.compare",
    version=1,
    standard="ISO 20816-1:2016 (criterion II, change); Holm 1979; Künsch 1989",
    reproducible=Tolerance(relative=1e-5, absolute=1e-9),
)
def compare(
    before: Table,
    after: Table,
    more: tuple[Table, ...] = (),
    *,
    more_sides: list[Side] | None = None,
    channels: list[str] | None = None,
    unit: str | None = None,
    rate_hz: Annotated[float | None, Unit("Hz"), Field(gt=0)] = None,
    quantity: Kind | None = None,
    bands_hz: Annotated[list[float] | None, Field(min_length=2, max_length=40)] = None,
    orders: Annotated[list[float] | None, Field(max_length=40)] = None,
    speed_rpm: Annotated[list[float] | None, Field(min_length=2, max_length=2)] = None,
    load_kw: Annotated[list[float] | None, Field(min_length=2, max_length=2)] = None,
    segment_s: Annotated[float, Unit("s"), Field(gt=0, le=3600)] = 1.0,
    speed_bin_pct: Annotated[float, Unit("%"), Field(gt=0, le=50)] = 2.0,
    load_bin_pct: Annotated[float, Unit("%"), Field(gt=0, le=50)] = 5.0,
    remount_pct: Annotated[float | None, Unit("%"), Field(ge=0, le=100)] = None,
    trials: Annotated[int, Field(ge=200, le=100_000)] = 2000,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> Comparison:
    """Vibration before and after a repair at matched load and speed, with bootstrap intervals and one verdict.

    Parameters
    ----------
    before, after : records of the same positions: columns of acceleration or velocity, and where they vary
        speed_rpm and load_kw (or torque_nm, load_pct)
    more : further runs; with four or more on each side the interval covers what differs between runs
    more_sides : 'before' or 'after' for each further file
    channels : columns to compare; None takes all that both sides have
    unit : of columns whose names carry none
    rate_hz : sampling rate, where a file does not say it
    quantity : of the levels; None takes acceleration where all channels are
    bands_hz : edges of the bands in rising order; None takes 10, 100, 1000 and 10,000 as far as the rate reaches
    orders : of the shaft, as 1, 2 and the mesh
    speed_rpm, load_kw : before and after, where no column tells
    segment_s : length of a segment; ten cycles of the lowest frequency or more
    speed_bin_pct, load_bin_pct : how far two segments may differ and still be held against each other
    remount_pct : expanded uncertainty (k = 2) of a level by taking the sensor off and putting it on again
    trials, seed : bootstrap draws and their seed

    Returns
    -------
    Comparison : compared.csv has every line with ratio, 95 % interval, p-value and verdict

    Notes
    -----
    Each record is cut into segments; those of both sides are put into bins of load and speed, and only bins that both
    have are used. The mean logarithm of the level after minus before, within bins, is the difference; blocks of
    neighbouring segments are drawn again (moving with the correlation of the record) for its interval, which is
    widened for few blocks, for the rest of the correlation, for a sensor put on anew, and for what is left of the
    difference in speed (squared) and load. Covers 93 to 97 % from ten segments on.

    Refuses sides without a common condition or position, and fewer than four blocks.

    References
    ----------
    H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17 (1989)
    1217-1241. T. C. Hesterberg, What teachers should know about the bootstrap, The American Statistician 69 (2015)
    371-386. S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    sides: list[Side] = ["before", "after", *(more_sides or [])]
    if len(sides) != 2 + len(more):
        raise BadInput(
            f"{len(more)} further files and {len(more_sides or [])} sides",
            where="more_sides",
            right="before or after for each further file",
        )
    flags: list[Note] = []
    refusals: list[Note] = []
    runs = [open_run(t, channels, unit, rate_hz, load_kw is not None) for t in (before, after, *more)]
    names, kind = common_positions(runs, quantity, flags)
    lines = lines_of(runs, names, bands_hz, orders, segment_s, speed_rpm, refusals)
    cut = [
        segments_of(run, lines, kind, segment_s, _of(speed_rpm, side), _of(load_kw, side))
        for run, side in zip(runs, sides, strict=True)
    ]
    flags += condition_notes(runs)
    for run, segments in zip(runs, cut, strict=True):
        flags += implausible(float(segments.levels.max(axis=1).mean()), kind, run.table.name)
    both = [
        _joined([c for c, s in zip(cut, sides, strict=True) if s == side]) for side in ("before", "after")
    ]
    widths = (speed_bin_pct / 100, load_bin_pct / 100)
    bins = _bins(both, widths)
    groups = np.concatenate(
        [2 * side.runs + 2000 * b + i for i, (side, b) in enumerate(zip(both, bins, strict=True))]
    )
    logs = [np.log(side.levels) for side in both]
    used = np.concatenate(bins) >= 0
    fewest = min(int((b >= 0).sum()) for b in bins)
    memory = matched.memory(np.concatenate(logs)[used], groups[used], max(1, fewest // matched.WANTED))
    whole_runs = all(len(np.unique(side.runs)) >= matched.FEWEST for side in both)
    if not whole_runs:
        flags.append(
            Note(
                "runs-not-repeated",
                "fewer than four runs on each side: what differs from run to run (start, temperature, sensor put on "
                "anew) is not in the interval; give further runs with more_sides",
            )
        )
    length = None if whole_runs else memory.length
    blocks, count = _blocks(logs, bins, [side.runs for side in both], length)
    found = matched.difference(*blocks, trials, seed, 1.0 if whole_runs else memory.inflation)
    matching = _mismatch(both, bins)
    if remount_pct is None:
        flags.append(
            Note(
                "remount-not-stated", "the sensor is taken not to have been moved; give remount_pct if it was"
            )
        )
    systematic = _systematic(matching, remount_pct)
    total = float(np.sqrt(sum(share**2 for _, share in systematic)))
    low, high = found.interval()
    low = found.value - np.hypot(found.value - low, 1.96 * total)
    high = found.value + np.hypot(high - found.value, 1.96 * total)
    p = found.p_values(total)
    family = matched.holm(p)
    results = []
    for k, line in enumerate(lines):
        clear = bool(family[k] < LEVEL)
        verdict = ("improved" if found.value[k] < 0 else "worse") if clear else "no-difference"
        geometric = [float(np.exp(logs[i][bins[i] >= 0][:, k].mean())) for i in (0, 1)]
        results.append(
            Compared(
                line=line,
                before=geometric[0],
                after=geometric[1],
                ratio=float(np.exp(found.value[k])),
                low=float(np.exp(low[k])),
                high=float(np.exp(high[k])),
                p=float(p[k]),
                p_holm=float(family[k]),
                verdict=verdict,
            )
        )
    budget_lines, simulated = _budget(lines, found, systematic, seed)
    verdicts = [result.verdict for result in results]
    if {"improved", "worse"} <= set(verdicts):
        flags.append(Note("mixed", "some lines improved and others got worse: see compared.csv"))
    clearest = results[int(family.argmin()) if family.min() < 1 else int(p.argmin())]
    loudest = max((r for r in results if r.line == whole_band(r.line.channel, lines)), key=lambda r: r.after)
    matched_counts = [int((b >= 0).sum()) for b in bins]
    for name, b, used_of in zip(("before", "after"), bins, matched_counts, strict=True):
        if used_of < _LITTLE * len(b):
            flags.append(
                Note(
                    "little-overlap",
                    f"{used_of} of {len(b)} segments {name} have a counterpart in load and speed",
                )
            )
    return Comparison(
        verdict=Quantity(next((v for v in ("worse", "improved") if v in verdicts), "no-difference")),
        line=Quantity(clearest.line.name),
        ratio=Quantity(clearest.ratio, "1", clearest.half),
        overall_ratio=Quantity(loudest.ratio, "1", loudest.half),
        lines=Quantity(len(lines)),
        lines_improved=Quantity(verdicts.count("improved")),
        lines_worse=Quantity(verdicts.count("worse")),
        smallest_shown=Quantity(100 * max(r.high / r.ratio - 1 for r in results), "%"),
        segments_before=Quantity(matched_counts[0]),
        segments_after=Quantity(matched_counts[1]),
        conditions=Quantity(count),
        compared=lines_table(results, "m/s²" if kind == "acceleration" else "mm/s"),
        matched=conditions_table([side.speed for side in both], [side.load for side in both], bins),
        budget=budget.budget_table(budget_lines, simulated),
        flags=tuple(flags),
        refusals=tuple(refusals),
        _compared=tuple(results),
    )


@dataclass(frozen=True)
class _Joined:
    levels: Floats
    speed: Floats
    load: Floats
    runs: Ints


def _joined(cut: list[Segments]) -> _Joined:
    return _Joined(
        np.concatenate([c.levels for c in cut]),
        np.concatenate([c.speed for c in cut]),
        np.concatenate([c.load for c in cut]),
        np.concatenate([np.full(len(c.levels), i, dtype=np.int64) for i, c in enumerate(cut)]),
    )


def _of(pair: list[float] | None, side: Side) -> float | None:
    return None if pair is None else pair[0 if side == "before" else 1]


def _bins(both: list[_Joined], widths: tuple[float, float]) -> tuple[Ints, Ints]:
    one, other, count = matched.common_bins(
        (both[0].speed, both[0].load), (both[1].speed, both[1].load), widths
    )
    if not count:

        def span(values: Floats) -> str:
            return f"{values.min():.4g} to {values.max():.4g}"

        raise Refusal(
            "no-overlap",
            f"no condition is common: before at {span(both[0].speed)} rpm and load {span(both[0].load)}, after at "
            f"{span(both[1].speed)} rpm and load {span(both[1].load)}",
        )
    return one, other


def _blocks(
    logs: list[Floats], bins: tuple[Ints, Ints], runs: list[Ints], length: int | None
) -> tuple[tuple[matched.Blocks, matched.Blocks], int]:
    """Blocks of both sides in bins where either has two at least: one block shows no scatter."""
    sides = [matched.blocks_of(log, b, run, length) for log, b, run in zip(logs, bins, runs, strict=True)]
    number = max(int(side.bins.max()) for side in sides) + 1
    enough = np.all([np.bincount(side.bins, minlength=number) >= 2 for side in sides], axis=0)
    place = np.where(enough, np.cumsum(enough) - 1, -1)
    kept = []
    for side in sides:
        chosen = enough[side.bins]
        kept.append(matched.Blocks(side.sums[chosen], side.counts[chosen], place[side.bins[chosen]]))
    fewest = min(len(side.counts) for side in kept)
    if fewest < matched.FEWEST:
        raise Refusal(
            "too-few-segments",
            f"{fewest} independent stretches at a common condition on one side; {matched.FEWEST} are wanted: record longer, "
            "or take shorter segments or wider bins",
        )
    for b in bins:
        inside = b >= 0
        b[inside] = place[b[inside]]
    return (kept[0], kept[1]), int(enough.sum())


def _mismatch(both: list[_Joined], bins: tuple[Ints, Ints]) -> dict[str, float]:
    """Relative difference of speed and load that is left within the bins."""
    left = {}
    for name in ("speed", "load"):
        values = [getattr(side, name) for side in both]
        weights, apart = [], []
        for bin_ in np.unique(bins[0][bins[0] >= 0]):
            one, other = values[0][bins[0] == bin_], values[1][bins[1] == bin_]
            largest = max(abs(one.mean()), abs(other.mean()))
            apart.append((other.mean() - one.mean()) / largest if largest > 0 else 0.0)
            weights.append(len(one) * len(other) / (len(one) + len(other)))
        left[name] = abs(float(np.average(apart, weights=weights)))
    return left


def _systematic(mismatch: dict[str, float], remount_pct: float | None) -> list[tuple[str, float]]:
    """Sources beside the finite record, as standard uncertainties of the logarithm of the ratio."""
    found = [
        (f"difference in {name} that is left", _EXPONENT[name] * share / float(np.sqrt(3)))
        for name, share in mismatch.items()
    ]
    if remount_pct is not None:
        found.append(("sensor put on anew, before and after", float(np.sqrt(2)) * remount_pct / 200))
    return found


def _budget(
    lines: list[Line], found: matched.Difference, systematic: list[tuple[str, float]], seed: int
) -> tuple[list[Contribution], dict[str, float]]:
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    total = float(np.sqrt(sum(share**2 for _, share in systematic)))
    contributions, simulated = [], {}
    for k, line in enumerate(lines):
        ratio, standard = float(np.exp(found.value[k])), float(found.standard[k])
        contributions.append(
            Contribution(
                line.name, "finite number of segments", "A", 100 * standard, "%", ratio * standard, "1"
            )
        )
        contributions += [
            Contribution(line.name, source, "B", 100 * share, "%", ratio * share, "1")
            for source, share in systematic
        ]
        drawn = np.exp(found.draws[:, k] + total * rng.standard_normal(len(found.draws)))
        simulated[line.name] = budget.expanded_of_samples(drawn)
    return contributions, simulated


@compare.plot
def _draw(result: Comparison) -> dict[str, Any]:
    return draw_compared(result._compared, str(result.verdict.value))
