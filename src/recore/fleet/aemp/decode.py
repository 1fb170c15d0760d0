"""Numbers, times and units out of bytes, compiled: no object for a value.

What is not of the usual form is left as ODD; `values` looks at it again in Python and has the say.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.kernel import EMPTY, GOOD, ODD
from recore.fleet.aemp.memory import addresses, byte, get, inner, numbers, real

I64, U64, F64 = "int64", "uint64", "float64"
VALUES: Final = 3  # slots that become columns
IMPOSSIBLE: Final = 3  # a state beside GOOD, EMPTY and ODD
_FLAG: Final = 7
IMPLIED_UNITS: Final = len(v.IMPLIED)
_KINDS = ("", "time", "volume", "distance", "length", "mass", "speed", "flag")
# places in TABLES
WHAT, LIMITS, WORDS, FACTORS, IMPLIED, HOW_MANY = 0, 1, 2, 3, 4, 5
_OFFSET, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)


def hashed(text: str) -> int:
    """64-bit FNV-1a."""
    state = 14695981039346656037
    for c in text.encode():
        state = ((state ^ c) * 1099511628211) & (2**64 - 1)
    return state


def _tables() -> tuple[Any, ...]:
    codes = max(element.code for element in v.ELEMENTS) + 1
    what, limits = np.full((codes, VALUES), -1, np.int64), np.zeros((codes, VALUES, 2))
    for element in v.ELEMENTS:
        for value in element.values:
            what[element.code, value.slot] = _KINDS.index(value.kind)
            limits[element.code, value.slot] = value.lowest, value.highest
    words: dict[int, float] = {}
    implied = np.full((len(_KINDS), len(v.IMPLIED)), np.nan)
    for number, kind in enumerate(_KINDS):
        if kind == "flag":
            words |= {_salted(hashed(text), number): meaning for text, meaning in v.FLAGS.items()}
        elif kind:
            for text in v.UNITS[kind]:
                for word in (text, f"{text}s", text.replace(" per ", "s per ")):
                    words[_salted(hashed(word), number)] = v.factor(word, kind)
            for word, of in v.IMPLIED.items():
                implied[number, of] = v.factor(word, kind) if word else 1.0
    keys = np.array(sorted(words), np.uint64)
    return what, limits, keys, np.array([words[int(key)] for key in keys]), implied


def _salted(state: int, kind: int) -> int:
    return ((state ^ kind) * 1099511628211) & (2**64 - 1)


_ARRAYS: Final = _tables()
TABLES: Final = np.append(addresses(_ARRAYS), len(_ARRAYS[WORDS]))


@inner(numbers(2))
def _two(text: int, at: Any) -> Any:
    a, b = byte(text, at) - 48, byte(text, at + 1) - 48
    return a * 10 + b if 0 <= a <= 9 and 0 <= b <= 9 else np.int64(-1)


@inner(numbers(3, "Tuple((float64, int64))"))
def _number(text: int, at: Any, end: Any) -> tuple[Any, Any]:
    """A decimal number, correctly rounded: below 2**53, divided by a power of ten that a double holds exactly."""
    negative = byte(text, at) == 45
    if negative or byte(text, at) == 43:
        at += 1
    mantissa, scale, digits, point, power = np.int64(0), np.int64(0), np.int64(0), False, 1.0
    while at < end:
        c = byte(text, at)
        if 48 <= c <= 57:
            if mantissa > 900_000_000_000_000:
                return np.nan, np.int64(ODD)
            mantissa = mantissa * 10 + (c - 48)
            digits += 1
            if point:
                scale += 1
                power *= 10.0
        elif c == 46 and not point:
            point = True
        else:
            return np.nan, np.int64(ODD)
        at += 1
    if digits == 0 or scale > 22:
        return np.nan, np.int64(ODD)
    value = mantissa / power
    return (-value if negative else value), np.int64(GOOD)


@inner(numbers(3, "Tuple((float64, int64))"))
def _duration(text: int, at: Any, end: Any) -> tuple[Any, Any]:
    """Hours of an ISO 8601 duration of whole days, hours, minutes and seconds, as in PT1234H30M."""
    total: Any = 0.0
    place, timed, digits, number = np.int64(-1), False, np.int64(0), np.int64(0)
    at += 1
    while at < end:
        c = byte(text, at)
        at += 1
        if 48 <= c <= 57 and digits < 15:
            number = number * 10 + (c - 48)
            digits += 1
            continue
        if c == 84 and not timed and not digits:
            timed = True
            continue
        here = np.int64(0 if c == 68 else 1 if c == 72 else 2 if c == 77 else 3 if c == 83 else -1)
        if here <= place or not digits or timed != (here > 0):
            return np.nan, np.int64(ODD)
        total += (
            number * 24.0 if here == 0 else number / (1.0 if here == 1 else 60.0 if here == 2 else 3600.0)
        )
        place, digits, number = here, np.int64(0), np.int64(0)
    if digits or place < 0:
        return np.nan, np.int64(ODD)
    return total, np.int64(GOOD)


@inner(numbers(3, "UniTuple(int64, 2)"))
def moment(text: int, at: Any, end: Any) -> tuple[Any, Any]:
    """A time as 2026-01-31T12:00:00[.5][Z|+01:00] in µs since 1970; one without a zone is UTC."""
    odd = (np.int64(0), np.int64(ODD))
    if end - at < 19 or byte(text, at + 4) != 45 or byte(text, at + 7) != 45:
        return odd
    if (
        (byte(text, at + 10) != 84 and byte(text, at + 10) != 32)
        or byte(text, at + 13) != 58
        or byte(text, at + 16) != 58
    ):
        return odd
    century, year2 = _two(text, at), _two(text, at + 2)
    month, day = _two(text, at + 5), _two(text, at + 8)
    hour, minute, second = _two(text, at + 11), _two(text, at + 14), _two(text, at + 17)
    if century < 0 or year2 < 0 or hour < 0 or minute < 0 or second < 0:
        return odd
    if month < 1 or month > 12 or hour > 23 or minute > 59 or second > 59:
        return odd
    year = century * 100 + year2
    if day < 1 or day > 28:  # rare enough that a look at the calendar costs nothing
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        longest = 31
        if month == 2:
            longest = 29 if leap else 28
        elif month == 4 or month == 6 or month == 9 or month == 11:
            longest = 30
        if day < 1 or day > longest:
            return odd
    at += 19
    fraction, weight = np.int64(0), np.int64(100_000)
    if at < end and byte(text, at) == 46:
        at += 1
        if at >= end or not 48 <= byte(text, at) <= 57:
            return odd
        while at < end and 48 <= byte(text, at) <= 57:
            fraction += (byte(text, at) - 48) * weight
            weight //= 10
            at += 1
    shift = np.int64(0)
    if at < end and byte(text, at) == 90:
        at += 1
    elif at < end and (byte(text, at) == 43 or byte(text, at) == 45):
        colon = np.int64(1 if end - at == 6 and byte(text, at + 3) == 58 else 0)
        if end - at != 5 + colon:
            return odd
        hours, minutes = _two(text, at + 1), _two(text, at + 3 + colon)
        if hours < 0 or minutes < 0 or hours > 14 or minutes > 59:
            return odd
        shift = (hours * 60 + minutes) * (1 if byte(text, at) == 43 else -1)
        at = end
    if at != end:
        return odd
    # days since 1970 of the proleptic Gregorian calendar, the year begun in March (Hinnant, chrono date algorithms)
    y = year - (1 if month <= 2 else 0)
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return (
        ((days * 24 + hour) * 60 + minute - shift) * 60_000_000 + second * 1_000_000 + fraction,
        np.int64(GOOD),
    )


@inner(numbers(5))
def word(text: int, at: Any, end: Any, kind: Any, tables: int) -> Any:
    """Place of a unit or flag among the known ones, without case; -1 where it is none of them."""
    state = _OFFSET
    for i in range(at, end):
        c = byte(text, i)
        state = (state ^ np.uint64(c + 32 if 65 <= c <= 90 else c)) * _PRIME
    state = (state ^ np.uint64(kind)) * _PRIME
    words, count = get(tables, WORDS), get(tables, HOW_MANY)
    low, high = np.int64(0), count
    while low < high:
        middle = (low + high) // 2
        if np.uint64(get(words, middle)) < state:
            low = middle + 1
        else:
            high = middle
    return low if low < count and np.uint64(get(words, low)) == state else np.int64(-1)


@inner(numbers(5, "Tuple((float64, int64))"))
def cell(text: int, rows: int, slot: Any, kind: Any, tables: int) -> tuple[Any, Any]:
    """A value of a row in the column's unit and its state; IMPOSSIBLE is one beyond the limits."""
    column = v.SLOT_COLUMN + 2 * slot
    at, end = get(rows, column), get(rows, column + 1)
    if kind < 0 or at >= end:
        return np.nan, np.int64(EMPTY)
    if kind == _FLAG:
        place = word(text, at, end, kind, tables)
        if place < 0:
            return np.nan, np.int64(ODD)
        return real(get(tables, FACTORS), place), np.int64(GOOD)
    own = kind == 1 and byte(text, at) == 80
    if own:
        value, state = _duration(text, at, end)
    else:
        value, state = _number(text, at, end)
    if state != GOOD:
        return np.nan, state
    if kind > 0 and not own:
        unit = v.SLOT_COLUMN + 2 * (4 if slot == 1 and kind == 2 else 3)
        at, end = get(rows, unit), get(rows, unit + 1)
        factor = 1.0
        if at < end:
            place = word(text, at, end, kind, tables)
            factor = real(get(tables, FACTORS), place) if place >= 0 else np.nan
        elif slot == 0 and get(rows, v.UNIT_COLUMN) > 0:
            factor = real(get(tables, IMPLIED), kind * IMPLIED_UNITS + get(rows, v.UNIT_COLUMN))
        if np.isnan(factor):
            return np.nan, np.int64(ODD)
        value *= factor
    code = get(rows, v.CODE_COLUMN)
    limits = get(tables, LIMITS) + 16 * (code * VALUES + slot)
    beyond = value < real(limits, np.int64(0)) or value > real(limits, np.int64(1))
    return value, np.int64(IMPOSSIBLE if beyond else GOOD)
