"""Method `support.risk`: where a longwall roof may fall, and how sound each support is, with reasons."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.evidence import Table, Unread
from recore.execute import Inline
from recore.method import Artifact, Note, Progress, Refusal, Tolerance, Unit, method, silent
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.metrology.support.indicators import REASONS, Signs, share_over, signs
from recore.metrology.support.shears import Shears, shears
from recore.model.trade import Day
from recore.quantity import Quantity
from recore.rules import RuleSet, shipped
from recore.rules.known import Known

_INLINE = Inline()
_DOMAIN = "supports"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Risk:
    """Risk of a face, and condition of its supports.

    Parameters
    ----------
    highest_index : highest cavity-risk index of any support over the last shears [1]
    high_supports : supports whose index is high now
    least_health : lowest health index of any support
    supports : per support: from, to (UTC), shears, cavity_index (over the last shears), cavity_peak (in the record),
        level (high, raised, low), health (0 to 100; null: too few cycles), reasons, setting_adequacy, and the share of
        shears with each sign
    zones : raised stretches of neighbouring supports over the last shears: support_from, support_to, index, level
    evidence : the raw intervals behind each reason: support, sign, from, to (UTC), shears
    """

    highest_index: Annotated[Quantity | None, Unit("1")]
    high_supports: Annotated[Quantity, Unit("pcs")]
    least_health: Annotated[Quantity | None, Unit("1")]
    supports: Annotated[pa.Table, Artifact("risk.parquet")]
    zones: Annotated[pa.Table, Artifact("risk_zones.csv")]
    evidence: Annotated[pa.Table, Artifact("evidence.csv")]
    rules_sha256: str
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _index: Any = None
    _rules: tuple[Any, ...] = ()


@method("support.risk", version=1, reproducible=Tolerance(relative=1e-9))
def risk(
    *logs: Table | Unread,
    yield_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=200)] = 40.0,
    rated_setting_mpa: Annotated[float | None, Unit("MPa"), Field(gt=0, le=200)] = None,
    set_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 5.0,
    release_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 3.0,
    gap_limit_s: Annotated[float, Unit("s"), Field(gt=0, le=86400)] = 300.0,
    as_of: Day | None = None,
    rules: RuleSet | None = None,
    executor: Executor = _INLINE,
    progress: Progress = silent,
) -> Risk:
    """Cavity-risk index of each support and health index of its hydraulics, with reasons.

    Parameters
    ----------
    logs : leg pressures, as `support.cycles` reads them
    yield_mpa : opening pressure of the yield valves, MPa
    rated_setting_mpa : setting pressure that the supports should come to, MPa; without it setting is not judged
    set_threshold_mpa, release_threshold_mpa, gap_limit_s : of the cycles, see `support.cycles`
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones
    executor : where the log is read; the finding does not depend on it
    progress : told the share that is done, and what is being done

    Returns
    -------
    Risk : one row per support, one per raised stretch of supports, and the intervals that show why

    Notes
    -----
    A *sign* is there or not in a support's cycle of a shear; what it is, from when it counts in full and what it
    weighs are rule rows. *Cavity-risk index* (0 to 1) of a support: over the last shears (three by the row), the
    weighted mean of min(1, share of shears with the sign / share at which it counts in full). *Health* (0 to 100): 100
    less the points of each sign in proportion over the whole record. Setting pressure is one sign of several, weighs
    nothing in the health index and by itself raises no level above "raised" (USBM RI 9394).

    The published thresholds of load cycle features (doi 10.1080/25726668.2018.1458478) also use convergence, which leg
    pressures do not show, and their numbers are not public: the index ranks supports, it is no probability.

    Refuses a log with fewer shears than the rule row wants; the health of a support with fewer cycles than that.

    Raises
    ------
    BadInput : as `support.cycles`
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
    known = Known(shipped(_DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    return assess(read.table, read.flags, known, yield_mpa, rated_setting_mpa)


def assess(
    cycles: pa.Table, told: tuple[Note, ...], known: Known, yield_mpa: float, rated_mpa: float | None
) -> Risk:
    """The finding from the table of leg cycles."""
    limits = {}
    for name in (*REASONS, "levels"):
        row = known.about(_DOMAIN, f"risk:{name}", {"method": "support.risk"})
        if row is not None:
            limits[name] = row.params
    if "levels" not in limits:
        raise Refusal("rule-row-missing", "no row in force says what is a high index")
    levels = limits.pop("levels")
    numbered = shears(cycles)
    count = numbered.table.num_rows
    if count < levels["shears"]:
        raise Refusal("few-shears", f"{count} shear(s) in the record, {levels['shears']} are wanted")
    found = signs(cycles, numbered, limits, yield_mpa, rated_mpa)
    index, causes = _index(found, limits, int(levels["window_shears"]))
    cycles_of = np.bincount(
        np.searchsorted(found.supports, numbered.support_cycles["support"].to_numpy()),
        minlength=len(found.supports),
    )
    shares = {name: _mean(values) for name, values in found.there.items()}
    health = _health(shares, limits)
    few = cycles_of < levels["shears"]
    health[few] = np.nan
    now = index[-1]
    words = [
        _level(now[x], [name for name in causes if causes[name][-1, x] > 0], levels) for x in range(len(now))
    ]
    reasons = [
        ", ".join(REASONS[name] for name in found.there if shares[name][x] > 0.5 * limits[name]["full_share"])
        for x in range(len(now))
    ]
    flags, refusals = list(told), []
    if rated_mpa is None:
        flags.append(Note("setting-not-judged", "without rated_setting_mpa no setting is called low"))
    missing = [name for name in REASONS if name not in limits]
    if missing:
        flags.append(Note("rule-row-missing", f"no row in force for: {', '.join(missing)}"))
    flags.append(
        Note(
            "working-values",
            "limits are working values (level 4 and 5); the index ranks, it is no probability",
        )
    )
    if few.any():
        refusals.append(
            Note(
                "health",
                f"{int(few.sum())} support(s) have fewer than {levels['shears']} cycles: no health index",
            )
        )
    table = _support_table(cycles, numbered, found, index, words, health, reasons, shares)
    told_now = now[np.isfinite(now)]
    sound = health[np.isfinite(health)]
    return Risk(
        highest_index=Quantity(float(told_now.max()), "1") if len(told_now) else None,
        high_supports=Quantity(words.count("high"), "pcs"),
        least_health=Quantity(float(sound.min()), "1") if len(sound) else None,
        supports=table,
        zones=_zones(found.supports, now, words),
        evidence=_evidence(numbered, found),
        rules_sha256=known.digest,
        flags=tuple(flags),
        refusals=tuple(refusals),
        _index=(index, found.supports),
        _rules=tuple(known.used.values()),
    )


def _index(found: Signs, limits: dict[str, Any], window: int) -> tuple[Floats, dict[str, Floats]]:
    """Cavity-risk index of each support in each shear, and what each sign gives to it."""
    total: Floats | None = None
    weights: Floats | None = None
    causes = {}
    for name, there in found.there.items():
        weight = float(limits[name]["weight"])
        if not weight:
            continue
        share = share_over(there, window)
        part = np.minimum(share / float(limits[name]["full_share"]), 1.0)
        known = np.isfinite(part)
        causes[name] = np.where(known, weight * part, 0.0)
        total = causes[name] if total is None else total + causes[name]
        weights = weight * known if weights is None else weights + weight * known
    if total is None or weights is None:
        raise Refusal("rule-row-missing", "no row in force gives a sign any weight")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weights > 0, total / weights, np.nan), causes


def _mean(there: Floats) -> Floats:
    told = np.isfinite(there)
    count = told.sum(axis=0)
    return np.where(count > 0, np.where(told, there, 0.0).sum(axis=0) / np.maximum(count, 1), 0.0)


def _health(shares: dict[str, Floats], limits: dict[str, Any]) -> Floats:
    lost = sum(
        float(limits[name]["health"]) * np.minimum(share / float(limits[name]["full_share"]), 1.0)
        for name, share in shares.items()
    )
    return np.asarray(np.maximum(100.0 - lost, 0.0), float)


def _level(index: float, causes: list[str], levels: dict[str, Any]) -> str | None:
    if not np.isfinite(index):
        return None
    if index > levels["high"]:
        return "raised" if causes == ["low-setting"] else "high"  # USBM RI 9394: never by setting alone
    return "raised" if index > levels["raised"] else "low"


def _support_table(
    cycles: pa.Table,
    numbered: Shears,
    found: Signs,
    index: Floats,
    words: list[str | None],
    health: Floats,
    reasons: list[str],
    shares: dict[str, Floats],
) -> pa.Table:
    place = np.searchsorted(found.supports, cycles["support"].to_numpy())
    utc = pa.timestamp("us", "UTC")
    begin, end = (
        cycles[name].to_numpy().astype("datetime64[us]").astype(np.int64) for name in ("start", "end")
    )
    first = np.full(len(found.supports), np.iinfo(np.int64).max)
    last = np.full(len(found.supports), np.iinfo(np.int64).min)
    np.minimum.at(first, place, begin)
    np.maximum.at(last, place, end)
    table = numbered.support_cycles
    seen = np.bincount(
        np.searchsorted(found.supports, table["support"].to_numpy()), minlength=len(found.supports)
    )
    peak = np.where(np.isfinite(index), index, -1.0).max(axis=0)
    columns: dict[str, Any] = {
        "support": found.supports,
        "from": pa.array(first).cast(utc),
        "to": pa.array(last).cast(utc),
        "cycles": seen,
        "cavity_index": pa.array(index[-1], from_pandas=True),
        "cavity_peak": pa.array(np.where(peak < 0, np.nan, peak), from_pandas=True),
        "level": pa.array(words, pa.string()),
        "health": pa.array(health, from_pandas=True),
        "reasons": pa.array(reasons, pa.string()),
    }
    if "low-setting" in shares:
        columns["setting_adequacy"] = 1.0 - shares["low-setting"]
    for name, share in shares.items():
        columns[name.replace("-", "_") + "_share"] = share
    return pa.table(columns)


def _zones(supports: NDArray[np.int64], now: Floats, words: list[str | None]) -> pa.Table:
    """Stretches of at least three neighbours whose index is raised or high."""
    raised = np.array([word in ("raised", "high") for word in words])
    rows = []
    begin = None
    for x in range(len(supports) + 1):
        inside = x < len(supports) and raised[x] and (begin is None or supports[x] == supports[x - 1] + 1)
        if begin is not None and not inside:
            if x - begin >= 3:
                level = "high" if "high" in words[begin:x] else "raised"
                rows.append((int(supports[begin]), int(supports[x - 1]), float(now[begin:x].mean()), level))
            begin = None
        if begin is None and x < len(supports) and raised[x]:
            begin = x
    kinds = (pa.int64(), pa.int64(), pa.float64(), pa.string())
    names = ("support_from", "support_to", "index", "level")
    return pa.table(
        {n: pa.array([r[i] for r in rows], k) for i, (n, k) in enumerate(zip(names, kinds, strict=True))}
    )


def _evidence(numbered: Shears, found: Signs) -> pa.Table:
    """Runs of shears with a sign, as intervals of the raw record."""
    begin, end = (
        numbered.table[name].to_numpy().astype("datetime64[us]").astype(np.int64) for name in ("from", "to")
    )
    support, word, start, stop, lasting = [], [], [], [], []
    for name, there in found.there.items():
        on = np.pad(there == 1.0, ((1, 1), (0, 0)))
        steps = np.diff(on.astype(np.int8), axis=0)
        x, first = np.nonzero(steps.T == 1)
        _, after = np.nonzero(steps.T == -1)
        support.append(found.supports[x])
        word += [name] * len(x)
        start.append(begin[first])
        stop.append(np.where(after < len(begin), begin[np.minimum(after, len(begin) - 1)], end[-1]))
        lasting.append(after - first)
    utc = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "support": np.concatenate(support),
            "sign": pa.array(word, pa.string()),
            "from": pa.array(np.concatenate(start)).cast(utc),
            "to": pa.array(np.concatenate(stop)).cast(utc),
            "shears": np.concatenate(lasting),
        }
    )


@risk.plot
def _draw(result: Risk) -> Any:
    """Cavity-risk index by support and shear, over the health of each support."""
    from recore.metrology.support.risk_plot import draw

    return draw(result)
