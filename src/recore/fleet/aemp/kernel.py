"""Numbers, times and words out of bytes, without an object for each."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F")
_DECIMAL = re.compile(rb"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})\Z")
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?\Z")
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
GOOD, EMPTY, ODD = 0, 1, 2  # ODD: not of the usual form; Python looks at it again


def _njit(function: F) -> F:
    made: Any = numba.njit(cache=True, nogil=True)(function)
    return made  # type: ignore[no-any-return]


class _Work:
    """What was read without the compiled kernels; compiling them takes seconds, which pays for many values only."""

    done = 0
    enough = 300_000

    @classmethod
    def compiled(cls, values: int) -> bool:
        cls.done += values
        return cls.done > cls.enough


def numbers(
    text: NDArray[np.uint8], spans: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Decimal numbers, correctly rounded; GOOD, EMPTY or ODD for each."""
    if _Work.compiled(len(spans)):
        return fast_numbers(text, spans)
    values, states = np.full(len(spans), np.nan), np.empty(len(spans), np.int8)
    for i, (start, end) in enumerate(spans.tolist()):
        word = text[start:end].tobytes()
        states[i] = GOOD if _DECIMAL.match(word) else ODD if word else EMPTY
        if states[i] == GOOD:
            values[i] = float(word)
    return values, states


def times(text: NDArray[np.uint8], spans: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Times of the form 2026-01-31T12:00:00[.5][Z|+01:00] as µs since 1970; GOOD, EMPTY or ODD for each."""
    if _Work.compiled(len(spans)):
        return fast_times(text, spans)
    values, states = np.zeros(len(spans), np.int64), np.empty(len(spans), np.int8)
    known: dict[bytes, int] = {}
    for i, (start, end) in enumerate(spans.tolist()):
        word = text[start:end].tobytes()
        if word and word not in known and _MOMENT.match(word):
            with suppress(ValueError):
                moment = datetime.fromisoformat(word.decode())
                known[word] = (
                    (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
                ) // _MICROSECOND
        states[i] = GOOD if word in known else ODD if word else EMPTY
        values[i] = known.get(word, 0)
    return values, states


def words(text: NDArray[np.uint8], spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each text that is the same for the same text without case; 0 for none."""
    if _Work.compiled(len(spans)):
        return fast_words(text, spans)
    known: dict[bytes, int] = {b"": 0}
    texts = (text[start:end].tobytes().lower() for start, end in spans.tolist())
    return np.array([known.setdefault(word, len(known)) for word in texts], np.int64)


@_njit
def fast_numbers(
    text: NDArray[np.uint8], spans: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """`numbers`, compiled: up to 2**53 times or through a power of ten that a double holds exactly."""
    powers = 10.0 ** np.arange(23)
    values = np.empty(len(spans))
    states = np.empty(len(spans), np.int8)
    for i in range(len(spans)):
        at, end = spans[i, 0], spans[i, 1]
        values[i] = np.nan
        if at >= end:
            states[i] = EMPTY
            continue
        negative = text[at] == 45
        if negative or text[at] == 43:
            at += 1
        mantissa, scale, digits, point, good = np.int64(0), 0, 0, False, True
        while at < end:
            c = text[at]
            if 48 <= c <= 57:
                if mantissa > 900_000_000_000_000:
                    good = False
                    break
                mantissa = mantissa * 10 + (c - 48)
                digits += 1
                scale += point
            elif c == 46 and not point:
                point = True
            else:
                good = False
                break
            at += 1
        if not good or digits == 0 or scale > 22:
            states[i] = ODD
            continue
        value = mantissa / powers[scale]
        values[i] = -value if negative else value
        states[i] = GOOD
    return values, states


@_njit
def _two(text: NDArray[np.uint8], at: int) -> Any:
    a, b = np.int64(text[at]) - 48, np.int64(text[at + 1]) - 48
    return a * 10 + b if 0 <= a <= 9 and 0 <= b <= 9 else -1


@_njit
def fast_times(
    text: NDArray[np.uint8], spans: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """`times`, compiled; one without a zone is UTC."""
    values = np.zeros(len(spans), np.int64)
    states = np.empty(len(spans), np.int8)
    for i in range(len(spans)):
        at, end = spans[i, 0], spans[i, 1]
        if at >= end:
            states[i] = EMPTY
            continue
        states[i] = ODD
        if end - at < 19 or text[at + 4] != 45 or text[at + 7] != 45:
            continue
        if (text[at + 10] != 84 and text[at + 10] != 32) or text[at + 13] != 58 or text[at + 16] != 58:
            continue
        century, year2 = _two(text, at), _two(text, at + 2)
        month, day = _two(text, at + 5), _two(text, at + 8)
        hour, minute, second = _two(text, at + 11), _two(text, at + 14), _two(text, at + 17)
        if century < 0 or year2 < 0 or hour < 0 or minute < 0 or second < 0:
            continue
        if month < 1 or month > 12 or hour > 23 or minute > 59 or second > 59:
            continue
        year = century * 100 + year2
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        longest = 31
        if month == 2:
            longest = 29 if leap else 28
        elif month == 4 or month == 6 or month == 9 or month == 11:
            longest = 30
        if day < 1 or day > longest:
            continue
        at += 19
        fraction: Any = 0
        weight, good = 100_000, True
        if at < end and text[at] == 46:
            at += 1
            good = at < end and 48 <= text[at] <= 57
            while at < end and 48 <= text[at] <= 57:
                fraction += (np.int64(text[at]) - 48) * weight
                weight //= 10
                at += 1
        shift = 0
        if at < end and text[at] == 90:
            at += 1
        elif at < end and (text[at] == 43 or text[at] == 45):
            colon = 1 if end - at == 6 and text[at + 3] == 58 else 0
            if end - at != 5 + colon:
                continue
            hours, minutes = _two(text, at + 1), _two(text, at + 3 + colon)
            if hours < 0 or minutes < 0 or hours > 14 or minutes > 59:
                continue
            shift = (hours * 60 + minutes) * (1 if text[at] == 43 else -1)
            at = end
        if at != end or not good:
            continue
        # days since 1970 of the proleptic Gregorian calendar, the year begun in March (Hinnant, chrono date algorithms)
        y = year - (1 if month <= 2 else 0)
        era = y // 400
        of_era = y - era * 400
        of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
        days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
        values[i] = ((days * 24 + hour) * 60 + minute - shift) * 60_000_000 + second * 1_000_000 + fraction
        states[i] = GOOD
    return values, states


@_njit
def fast_words(text: NDArray[np.uint8], spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """`words`, compiled (64-bit FNV-1a)."""
    values = np.zeros(len(spans), np.int64)
    for i in range(len(spans)):
        if spans[i, 0] >= spans[i, 1]:
            continue
        state = np.uint64(14695981039346656037)
        for at in range(spans[i, 0], spans[i, 1]):
            c = text[at]
            if 65 <= c <= 90:
                c += np.uint8(32)
            state = (state ^ np.uint64(c)) * np.uint64(1099511628211)
        values[i] = np.int64(state)
    return values
