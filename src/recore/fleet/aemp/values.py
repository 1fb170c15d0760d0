"""Values and times of shredded rows: numbers in the column's unit, moments in UTC, and why some are not there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import kernel
from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.shred import Shred

if TYPE_CHECKING:
    from recore.fleet.aemp.decode_rows import Decoded

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z", re.I
)
REASONS = {1: "not a number", 2: "a value that no machine can have", 3: "an unknown unit"}


def cells(
    shred: Shred, rows: NDArray[np.int64], value: v.Value, decoded: Decoded | None
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """`values`, those that the compiled kernel has read from there."""
    if decoded is None:
        return values(shred, rows, value)
    got, reasons = decoded.values[rows, value.slot], decoded.reasons[rows, value.slot]
    odd = np.flatnonzero(decoded.states[rows, value.slot] == kernel.ODD)
    if len(odd):
        got[odd], reasons[odd] = values(shred, rows[odd], value)
    return got, reasons


def moments(
    shred: Shred, rows: NDArray[np.int64], decoded: Decoded | None
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """`times`, those that the compiled kernel has read from there."""
    if decoded is None:
        return times(shred, rows)
    ts, states = decoded.ts[rows], decoded.timed[rows]
    odd = np.flatnonzero(states == kernel.ODD)
    if len(odd):
        ts[odd], states[odd] = times(shred, rows[odd])
    return ts, states


def values(
    shred: Shred, rows: NDArray[np.int64], value: v.Value
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Values of a slot in the column's unit, and why some are not there."""
    text = np.frombuffer(shred.text, np.uint8)
    column = v.SLOT_COLUMN + 2 * value.slot
    spans = np.ascontiguousarray(shred.rows[rows, column : column + 2])
    if value.kind == "flag":
        return _flags(shred, rows, value, spans)
    got, states = kernel.numbers(text, spans)
    reasons = np.zeros(len(rows), np.int8)
    hours = np.zeros(len(rows), bool)
    for i in np.flatnonzero(states == kernel.ODD):
        if text_of := shred.at(int(rows[i]), value.slot):
            got[i], hours[i] = _odd_number(text_of, value.kind)
        else:  # nothing but space
            states[i] = kernel.EMPTY
    reasons[(states == kernel.ODD) & np.isnan(got)] = 1
    if value.kind:
        factor = _factors(shred, rows, value)
        factor[hours] = 1.0  # an ISO 8601 duration carries its own unit
        told = ~np.isnan(got)
        reasons[told & np.isnan(factor)] = 3
        got *= factor
    with np.errstate(invalid="ignore"):
        reasons[(got < value.lowest) | (got > value.highest)] = 2
    got[reasons > 0] = np.nan
    return got, reasons


def _flags(
    shred: Shred, rows: NDArray[np.int64], value: v.Value, spans: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    hashes = kernel.words(np.frombuffer(shred.text, np.uint8), spans)
    got, reasons = np.full(len(rows), np.nan), np.zeros(len(rows), np.int8)
    for number, place in zip(*np.unique(hashes, return_index=True), strict=True):
        if number and (word := shred.at(int(rows[place]), value.slot).lower()):
            meaning = v.FLAGS.get(word, np.nan)
            got[hashes == number] = meaning
            reasons[hashes == number] = np.isnan(meaning)
    return got, reasons


def _factors(shred: Shred, rows: NDArray[np.int64], value: v.Value) -> NDArray[np.float64]:
    slot = 4 if value.slot == 1 and value.kind == "volume" else 3
    column = v.SLOT_COLUMN + 2 * slot
    spans = np.ascontiguousarray(shred.rows[rows, column : column + 2])
    hashes = kernel.words(np.frombuffer(shred.text, np.uint8), spans)
    factors = np.ones(len(rows))
    for number, place in zip(*np.unique(hashes, return_index=True), strict=True):
        if number:
            factors[hashes == number] = v.factor(shred.at(int(rows[place]), slot), value.kind)
    implied = shred.rows[rows, v.UNIT_COLUMN]
    for number in np.unique(implied[(hashes == 0) & (implied > 0)]) if value.slot == 0 else ():
        factors[(hashes == 0) & (implied == number)] = v.factor(v.IMPLIED_WORD[int(number)], value.kind)
    return factors


def _odd_number(text: str, kind: str) -> tuple[float, bool]:
    """A number of unusual form, and whether it carries its own unit."""
    if kind == "time" and (found := _DURATION.match(text)) and any(found.groups()):
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return days * 24 + hours + minutes / 60 + seconds / 3600, True
    try:
        return (float(text) if text.isascii() and "_" not in text else float("nan")), False
    except ValueError:
        return float("nan"), False


def times(shred: Shred, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    spans = np.ascontiguousarray(shred.rows[rows, v.TIME_COLUMN : v.TIME_COLUMN + 2])
    ts, states = kernel.times(np.frombuffer(shred.text, np.uint8), spans)
    for i in np.flatnonzero(states == kernel.ODD):
        if (moment := _odd_time(shred.at(int(rows[i]), -1))) is not None:
            ts[i], states[i] = moment, kernel.GOOD
    return ts, states


def _odd_time(text: str) -> int | None:
    if re.fullmatch(r"-?\d{1,14}", text):  # seconds or milliseconds since 1970, as some servers send
        number = int(text)
        return number * (1_000 if abs(number) >= 100_000_000_000 else 1_000_000)
    try:
        moment = datetime.fromisoformat(text)
        return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
