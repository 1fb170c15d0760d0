"""How long a machine will still run, from the condition of others that ran to failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Progress, Refusal, Tolerance, Unit, method
from recore.metrology.life.condition import Examples, Process, examples, features
from recore.quantity import Quantity

_WIDTHS = (0.1, 0.3)
_NOISES = (0.03, 0.1)
_FOLDS = 5
_CHOOSING = 800
_FITTING = 3000
_MEMBERS = 3
_LOOKS = 12_000
_NEIGHBOURS = 400
_LEAST_UNITS = 10
_TELLING = 0.1
_MOST_ROWS = 5_000_000

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class RemainingLife:
    """What `life.remaining` found; `table` has one row per unit in service."""

    units: Annotated[Quantity, Unit("1")]
    cv_rmse: Annotated[Quantity, Unit("1")]
    cv_coverage: Annotated[Quantity, Unit("1")]
    rmse: Annotated[Quantity | None, Unit("1")]
    rmse_capped: Annotated[Quantity | None, Unit("1")]
    coverage: Annotated[Quantity | None, Unit("1")]
    table: Annotated[pa.Table, Artifact("remaining.csv")]
    flags: tuple[Note, ...]


@method(
    "life.remaining",
    version=1,
    reproducible={"*": Tolerance(relative=1e-3, absolute=0.05), "units": Tolerance()},
)
def life_remaining(
    history: Table,
    current: Table,
    truth: Table | None = None,
    *,
    cap: Annotated[float, Field(gt=1, le=100_000)] = 125.0,
    channels: list[str] | None = None,
    confidence: Annotated[float, Field(ge=0.5, le=0.99)] = 0.9,
    seed: Annotated[int, Field(ge=0)] = 1,
    progress: Progress = lambda share, doing: None,
) -> RemainingLife:
    """Remaining life of machines in service, from the condition of others that ran to failure.

    Parameters
    ----------
    history : unit, cycle (running number of the reading: shift, flight, day) and channels (numbers); every
        unit's last reading is its failure
    current : the same columns of units in service, up to now
    truth : unit, remaining: where the lives of the units in service are known, to judge the method
    cap : more readings than this are not told apart: a healthy machine shows no wear
    channels : columns to use; all but unit and cycle where not given. Those that never change are left out
    confidence : of the interval
    seed : draws the subset of examples and the folds

    Returns
    -------
    RemainingLife : per unit remaining, lower and upper [readings] in remaining.csv; `beyond`: the answer is
        "at least", for the upper end lies at or beyond the cap; root mean square error and coverage in
        cross-validation over whole units, and against the truth where it is given (true lives as they are:
        `rmse`; true lives cut at the cap, as many publications count: `rmse_capped`)

    Notes
    -----
    Levels and slopes of every channel over the last 10, 30 and 80 readings go into a Gaussian process with
    squared-exponential kernel (the mean of three, each on 3,000 examples drawn); width and noise are chosen by five-fold cross-validation over units of the
    history, never on the units in service. The interval is conformal: quantiles of the errors that
    cross-validation made on unseen units at looks with similar answers, so it holds for units that are
    looked at at any time of their lives, under the same use.

    Refuses fewer than 10 units of history, and channels that never change.

    Raises
    ------
    BadInput : columns missing or not the same in both tables; cycles that run backwards or stand twice

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams: Gaussian Processes for Machine Learning, MIT Press 2006, eq. 2.25.
    Capped target: F. O. Heimes, PHM 2008. Conformal intervals: J. Lei et al., JASA 113 (2018) 1094-1111.
    """
    names = channels or [name for name in history.columns if name.strip().lower() not in ("unit", "cycle")]
    if not names:
        raise BadInput("no channel", where=history.name, right="columns beside unit and cycle are wanted")
    past, now = _units(history, names), _units(current, names)
    if len(past) < _LEAST_UNITS:
        raise Refusal(
            "too-few-units", f"{len(past)} units ran to failure; at least {_LEAST_UNITS} are wanted"
        )
    every = np.vstack(list(past.values()))
    spread = every.std(axis=0)
    live = spread > 1e-9 * np.abs(every).max(axis=0)
    if not live.any():
        raise Refusal("channels-never-change", "no channel changes in the history: nothing tells of wear")
    live &= _telling(past, cap)
    if not live.any():
        raise Refusal("channels-tell-nothing", "no channel follows the remaining life of the history")
    middle = every.mean(axis=0)[live]
    scaled = [(unit[:, live] - middle) / spread[live] for unit in past.values()]
    rng = np.random.default_rng(seed)
    given = examples(scaled, max(1, sum(map(len, scaled)) // _LOOKS))
    fold = rng.permutation(len(scaled)) % _FOLDS
    width, noise, seen = _chosen(given, fold, cap, seed, progress)
    progress(0.8, "units in service")
    # several subsets of the examples: their mean does not hang on one draw
    members = [
        Process.fitted(given, cap, width, noise, _FITTING, np.random.default_rng([seed, member]))
        for member in range(_MEMBERS)
    ]
    looked = np.vstack(
        [features((unit[:, live] - middle) / spread[live], np.array([len(unit)])) for unit in now.values()]
    )
    answer = np.mean([process.remaining(looked) for process in members], axis=0)
    low, high = _interval(seen, given.remaining, answer, confidence)
    inside = _interval(seen, given.remaining, seen, confidence)
    table = pa.table(
        {
            "unit": np.array(list(now), np.int64),
            "cycle": np.array([len(unit) for unit in now.values()], np.int64),
            "remaining": answer,
            "lower": low,
            "upper": high,
            "beyond": high >= cap,
        }
    )
    flags = []
    if not live.all():
        dead = ", ".join(name for name, alive in zip(names, live, strict=True) if not alive)
        flags.append(Note("channel-never-changes", f"left out, for they never change: {dead}"))
    outside = _outside(given, looked)
    if outside:
        flags.append(
            Note(
                "unlike-history",
                f"{outside} unit(s) are unlike anything in the history (a feature beyond its range by half of it); "
                "their answers are extrapolations",
            )
        )
    judged = _judged(truth, now, answer, low, high, cap) if truth is not None else (None, None, None)
    return RemainingLife(
        units=Quantity(len(now)),
        cv_rmse=Quantity(float(np.sqrt(np.mean((seen - np.minimum(given.remaining, cap)) ** 2)))),
        cv_coverage=Quantity(float(np.mean((given.remaining >= inside[0]) & (given.remaining <= inside[1])))),
        rmse=judged[0],
        rmse_capped=judged[1],
        coverage=judged[2],
        table=table,
        flags=tuple(flags),
    )


def _telling(past: dict[int, Vector], cap: float) -> NDArray[np.bool_]:
    """Channels that follow the remaining life: rank correlation of at least 0.1 over all readings."""
    every = np.vstack(list(past.values()))
    life = np.concatenate([np.minimum(np.arange(len(unit))[::-1], cap) for unit in past.values()])
    from scipy.stats import rankdata

    ranks, wanted = rankdata(every, axis=0), rankdata(life)
    ranks -= ranks.mean(axis=0)
    wanted -= wanted.mean()
    size = np.sqrt((ranks**2).sum(axis=0) * (wanted**2).sum())
    r = (ranks * wanted[:, None]).sum(axis=0) / np.where(size > 0.0, size, 1.0)
    telling: NDArray[np.bool_] = np.abs(r) >= _TELLING
    return telling


def _chosen(
    given: Examples, fold: NDArray[np.intp], cap: float, seed: int, progress: Progress
) -> tuple[float, float, Vector]:
    """Width and noise with the least error on units not fitted to, and what they answer there."""
    best: tuple[float, float, float, Vector] | None = None
    target = np.minimum(given.remaining, cap)
    tried = [(width, noise) for width in _WIDTHS for noise in _NOISES]
    for number, (width, noise) in enumerate(tried):
        progress(0.8 * number / len(tried), "choosing on units held out")
        answer = np.empty(len(target))
        for k in range(_FOLDS):
            out = fold[given.unit] == k
            process = Process.fitted(
                given.of(~out), cap, width, noise, _CHOOSING, np.random.default_rng(seed)
            )
            answer[out] = process.remaining(given.x[out])
        error = float(np.mean((answer - target) ** 2))
        if best is None or error < best[0]:
            best = error, width, noise, answer
    assert best is not None
    return best[1], best[2], best[3]


def _interval(seen: Vector, true: Vector, answer: Vector, confidence: float) -> tuple[Vector, Vector]:
    """Quantiles of the true lives at the looks whose answers lie nearest to each answer, about that answer."""
    order = np.argsort(seen, kind="stable")
    sorted_seen, errors = seen[order], (true - seen)[order]
    count = min(_NEIGHBOURS, len(errors))
    # finite-sample correction of conformal prediction: one look more than there are
    share = min((1.0 - confidence) / 2.0 * (1.0 - 1.0 / (count + 1)), 0.5)
    middle = np.searchsorted(sorted_seen, answer)
    begin = np.clip(middle - count // 2, 0, len(errors) - count)
    # windows move slowly: one quantile for each distinct beginning
    starts, which = np.unique(begin, return_inverse=True)
    low = np.array([np.quantile(errors[i : i + count], share) for i in starts])
    high = np.array([np.quantile(errors[i : i + count], 1.0 - share) for i in starts])
    return np.maximum(answer + low[which], 0.0), np.maximum(answer + high[which], 0.0)


def _outside(given: Examples, looked: Vector) -> int:
    lowest, highest = given.x.min(axis=0), given.x.max(axis=0)
    room = 0.5 * (highest - lowest)
    return int(np.count_nonzero(((looked < lowest - room) | (looked > highest + room)).any(axis=1)))


def _units(table: Table, names: list[str]) -> dict[int, Vector]:
    """Readings of each unit in the order of its cycles."""
    unit, cycle = table.integers("unit"), table.integers("cycle")
    if len(unit) > _MOST_ROWS:
        raise BadInput(f"{len(unit)} rows", where=table.name, right=f"at most {_MOST_ROWS} rows are wanted")
    order = np.lexsort((cycle, unit))
    unit, cycle = unit[order], cycle[order]
    twice = np.flatnonzero((np.diff(unit) == 0) & (np.diff(cycle) == 0))
    if len(twice):
        raise BadInput(
            f"cycle {cycle[twice[0]]} of unit {unit[twice[0]]} stands twice",
            where=table.name,
            right="one row each",
        )
    values = np.column_stack([table.floats(name) for name in names])[order]
    begins = np.flatnonzero(np.diff(unit, prepend=unit[0] - 1))
    return dict(zip(unit[begins].tolist(), np.split(values, begins[1:]), strict=True))


def _judged(
    truth: Table, now: dict[int, Vector], answer: Vector, low: Vector, high: Vector, cap: float
) -> tuple[Quantity, Quantity, Quantity]:
    known = dict(zip(truth.integers("unit").tolist(), truth.floats("remaining").tolist(), strict=True))
    missing = [unit for unit in now if unit not in known]
    if missing:
        raise BadInput(
            f"unit {missing[0]} is not there", where=truth.name, right="one row for each unit in service"
        )
    true = np.array([known[unit] for unit in now])
    return (
        Quantity(float(np.sqrt(np.mean((answer - true) ** 2)))),
        Quantity(float(np.sqrt(np.mean((answer - np.minimum(true, cap)) ** 2)))),
        Quantity(float(np.mean((true >= low) & (true <= high)))),
    )


@life_remaining.plot
def _draw(result: RemainingLife) -> Any:
    """Remaining life of each unit with its interval, shortest first."""
    import altair as alt

    rows = sorted(result.table.to_pylist(), key=lambda row: row["remaining"])[:200]
    data: Any = alt.Data
    base = alt.Chart(data(values=[{**row, "rank": n} for n, row in enumerate(rows, 1)])).encode(
        alt.X("rank:Q", title="unit, by remaining life")
    )
    y = alt.Y("remaining:Q", title="remaining life [readings]")
    bars = base.mark_rule(opacity=0.5).encode(
        alt.Y("lower:Q", title="remaining life [readings]"), alt.Y2("upper:Q")
    )
    points = base.mark_point(filled=True, size=30).encode(
        y, tooltip=["unit:Q", "remaining:Q", "lower:Q", "upper:Q"]
    )
    return (bars + points).properties(width=640, height=320, title="Remaining life with its interval")
