"""What the bench read, held against what the rule rows ask."""

from __future__ import annotations

from math import hypot

from recore.quantity import Quantity
from recore.restoration.decision import changed, held
from recore.restoration.hydraulic_support.bench import Bench, Sample


def value_of(result: str, bench: Bench, minutes: float | None) -> tuple[Quantity | None, str]:
    """The value that a test asks for, with U; None with the reason where the bench does not tell it.

    `minutes` : how long a hold test must last
    """
    if result == "pressure_drop_percent":
        return _drop(bench, minutes or 0.0)
    if result == "opening_deviation_percent":
        return _deviation(bench)
    if result == "closing_share_percent":
        share = _share(bench, "closing")
        return share, "" if share is not None else "closing and rated pressure are wanted"
    return bench.readings.get(result), "" if result in bench.readings else f"{result} was not tested"


def _drop(bench: Bench, minutes: float) -> tuple[Quantity | None, str]:
    """Share of the pressure that is lost [%]; a shorter test than asked is no test."""
    read = bench.readings
    if len(bench.log) > 1:
        return _drop_of_log(bench.log, minutes)
    if "duration" not in read:
        return None, "not tested: a pressure log, or start, end and duration are wanted"
    lasted = _number(read["duration"])
    if lasted < minutes:
        return None, f"held for {lasted:g} min, {minutes:g} min are wanted"
    if "pressure_drop" in read:
        drop: Quantity | None = read["pressure_drop"]
    elif "start" in read and "end" in read:
        drop = _lost(read["start"], read["end"])
    else:
        return None, "start and end pressure are wanted"
    if lasted > minutes:
        return drop, f"over {lasted:g} min, longer than {minutes:g} min: it may pass by this, not fail"
    return drop, ""


def _drop_of_log(log: list[Sample], minutes: float) -> tuple[Quantity | None, str]:
    """From the first sample to the one that lies `minutes` later, interpolated."""
    until = log[0].time_s + 60 * minutes
    if log[-1].time_s < until:
        return None, f"held for {(log[-1].time_s - log[0].time_s) / 60:g} min, {minutes:g} min are wanted"
    after = next(k for k, sample in enumerate(log) if sample.time_s >= until)
    a, b = log[after - 1], log[after]
    share = (until - a.time_s) / (b.time_s - a.time_s)
    end = a.pressure_mpa + share * (b.pressure_mpa - a.pressure_mpa)
    if log[0].pressure_mpa <= 0:
        return None, "the log begins without pressure"
    return _lost(Quantity(log[0].pressure_mpa, "MPa", log[0].u_mpa), Quantity(end, "MPa", b.u_mpa)), ""


def _lost(start: Quantity, end: Quantity) -> Quantity | None:
    first, last = _number(start), _number(end)
    if first <= 0:
        return None
    u = None
    if start.uncertainty is not None and end.uncertainty is not None:
        # both readings by one gauge: independent parts only, so this U is on the safe side
        u = 100 * hypot(end.uncertainty / first, last * start.uncertainty / first**2)
    return Quantity(100 * (first - last) / first, "%", u)


def _share(bench: Bench, name: str) -> Quantity | None:
    """A pressure as a share of the rated one [%]."""
    read, rated = bench.readings.get(name), bench.readings.get("rated")
    if read is None or rated is None or _number(rated) <= 0:
        return None
    u = None if read.uncertainty is None else 100 * read.uncertainty / _number(rated)
    return Quantity(100 * _number(read) / _number(rated), "%", u)


def _deviation(bench: Bench) -> tuple[Quantity | None, str]:
    share = _share(bench, "opening")
    if share is None:
        return None, "opening and rated pressure are wanted"
    return Quantity(abs(_number(share) - 100), "%", share.uncertainty), ""


def verdict_of(value: Quantity, limit: float, least: bool, note: str) -> tuple[str, str]:
    """'pass', 'fail' or 'unknown' with the reason; `note` : why a failure would not count."""
    verdict = held(_number(value), value.uncertainty or 0.0, limit, least=least)
    side = "below" if least else "above"
    if verdict == "unknown":
        return verdict, f"{value} straddles the limit {limit:g}: measure with less uncertainty"
    if verdict == "fail":
        return ("unknown", note) if note else (verdict, f"{value} {side} {limit:g}")
    return verdict, ""


def change_of(was: Quantity | None, now: Quantity | None, least: bool) -> str:
    """'improved', 'worse' or 'same'; '' where one of the two was not measured."""
    if was is None or now is None:
        return ""
    return changed(_number(was), was.uncertainty or 0.0, _number(now), now.uncertainty or 0.0, least=least)


def _number(quantity: Quantity) -> float:
    value = quantity.value
    assert isinstance(value, int | float)
    return float(value)
