"""Values and times of shredded rows: numbers in the column's unit, moments in UTC, and why some are not there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from recore.fleet.aemp import kernel
from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.shred import Shred

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z", re.I
)
_FLAGS = {
    "true": 1.0,
    "false": 0.0,
    "1": 1.0,
    "0": 0.0,
    "on": 1.0,
    "off": 0.0,
    "running": 1.0,
    "stopped": 0.0,
}
REASONS = {1: "not a number", 2: "a value that no machine can have", 3: "an unknown unit"}


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
        got[i], hours[i] = _odd_number(shred.at(int(rows[i]), value.slot), value.kind)
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
        if number:
            meaning = _FLAGS.get(shred.at(int(rows[place]), value.slot).lower(), np.nan)
            got[hashes == number] = meaning
            reasons[hashes == number] = np.isnan(meaning)
    return got, reasons


def _factors(shred: Shred, rows: NDArray[np.int64], value: v.Value) -> NDArray[np.float64]:
    table = v.UNITS[value.kind]
    slot = 4 if value.slot == 1 and value.kind == "volume" else 3
    column = v.SLOT_COLUMN + 2 * slot
    spans = np.ascontiguousarray(shred.rows[rows, column : column + 2])
    hashes = kernel.words(np.frombuffer(shred.text, np.uint8), spans)
    factors = np.ones(len(rows))
    for number, place in zip(*np.unique(hashes, return_index=True), strict=True):
        if number:
            factors[hashes == number] = _factor(shred.at(int(rows[place]), slot), table)
    implied = shred.rows[rows, v.UNIT_COLUMN]
    for number in np.unique(implied[(hashes == 0) & (implied > 0)]) if value.slot == 0 else ():
        factors[(hashes == 0) & (implied == number)] = _factor(v.IMPLIED_WORD[int(number)], table)
    return factors


def _factor(word: str, table: dict[str, float]) -> float:
    plain = word.strip().lower().replace("_", " ").replace("-", " ")
    for text in (
        plain,
        plain.removesuffix("s"),
        plain.replace("s per ", " per "),
        plain.replace(" ", "").removesuffix("s"),
    ):
        if text in table:
            return table[text]
    return float("nan")


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
    values, states = kernel.times(np.frombuffer(shred.text, np.uint8), spans)
    for i in np.flatnonzero(states == kernel.ODD):
        if (moment := _odd_time(shred.at(int(rows[i]), -1))) is not None:
            values[i], states[i] = moment, kernel.GOOD
    return values, states


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
