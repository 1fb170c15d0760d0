"""From telegrams to samples. A bad telegram is counted with its reason, and never stops the stream."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore import jsonio
from recore.errors import BadInput

MAX_BYTES = 2**20
MAX_SAMPLES = 100_000
MPA_PER_BAR = 0.1
# a sample as it is kept until it is counted for good
SAMPLE = np.dtype([("ts", "i8"), ("support", "i4"), ("leg", "i4"), ("p", "f8")])
Samples = NDArray[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLACE = re.compile(r"(?:^|/)(\d{1,5})/(\d)$")
_MOST_REASONS = 50


class Rejected(Exception):
    """A telegram cannot be used; the text says why."""


class Place(NamedTuple):
    """Support and leg that a topic names."""

    support: int
    leg: int


def place_of(topic: str) -> Place | None:
    """Support and leg at the end of a topic, as in 'face7/supports/12/2'; None where there are none."""
    found = _PLACE.search(topic)
    return Place(int(found[1]), int(found[2])) if found else None


def samples_of(payload: bytes, place: Place | None = None) -> Samples:
    """Samples of a JSON telegram.

    Parameters
    ----------
    payload : {"support", "leg", "ts", "pressure_mpa"}, the same with lists as ts and pressure_mpa, or a list of
        such objects; "pressure_bar" may stand for "pressure_mpa"; ts in ISO 8601 with its zone, or whole
        milliseconds since 1970
    place : support and leg where the telegram names none

    Raises
    ------
    Rejected : the telegram cannot be used
    """
    if len(payload) > MAX_BYTES:
        raise Rejected("too long")
    try:
        document = jsonio.loads(payload, where="telegram")
    except BadInput:
        raise Rejected("not JSON") from None
    items = document if isinstance(document, list) else [document]
    rows: list[tuple[int, int, int, float]] = []
    for item in items:
        _read(item, place, rows)
        if len(rows) > MAX_SAMPLES:
            raise Rejected("too many samples")
    return np.array(rows, SAMPLE)


def _read(item: Any, place: Place | None, rows: list[tuple[int, int, int, float]]) -> None:
    if not isinstance(item, dict):
        raise Rejected("not an object")
    if place is not None:
        item = place._asdict() | item
    support, leg = item.get("support"), item.get("leg")
    if not (_whole(support) and 1 <= support <= 99_999):
        raise Rejected("no support")
    if not (_whole(leg) and 1 <= leg <= 9):
        raise Rejected("no leg")
    name = "pressure_bar" if "pressure_bar" in item and "pressure_mpa" not in item else "pressure_mpa"
    ts, p = item.get("ts"), item.get(name)
    factor = MPA_PER_BAR if name == "pressure_bar" else 1.0
    if isinstance(ts, list) != isinstance(p, list) or (isinstance(ts, list) and len(ts) != len(p)):
        raise Rejected("as many times as pressures are wanted")
    pairs = zip(ts, p, strict=True) if isinstance(ts, list) else [(ts, p)]
    rows.extend((_time(t), support, leg, _pressure(value) * factor) for t, value in pairs)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _time(value: Any) -> int:
    """µs since 1970."""
    if _whole(value) and abs(value) < 2**52:
        return int(value) * 1000
    if not isinstance(value, str):
        raise Rejected("no time")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Rejected("no time") from None
    if moment.tzinfo is None:
        raise Rejected("a time without its zone")
    try:
        return (moment - _EPOCH) // _MICROSECOND
    except OverflowError:
        raise Rejected("no time") from None


def _pressure(value: Any) -> float:
    """MPa; NaN for null: the leg was asked and said nothing."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Rejected("no pressure")
    try:
        return float(value)
    except OverflowError:
        raise Rejected("no pressure") from None


class Rejections:
    """How many telegrams were rejected, by reason."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()

    def add(self, reason: str, count: int = 1) -> None:
        known = reason in self.reasons or len(self.reasons) < _MOST_REASONS
        self.reasons[reason if known else "other"] += count

    @property
    def total(self) -> int:
        return self.reasons.total()
