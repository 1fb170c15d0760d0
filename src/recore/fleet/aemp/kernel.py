"""Numbers, times and words out of bytes, interpreted; `decode` does the same compiled, for many of them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

_DECIMAL = re.compile(rb"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})\Z")
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?\Z")
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
GOOD, EMPTY, ODD = 0, 1, 2  # ODD: not of the usual form; Python looks at it again


def numbers(
    text: NDArray[np.uint8], spans: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Decimal numbers, correctly rounded; GOOD, EMPTY or ODD for each."""
    values, states = np.full(len(spans), np.nan), np.empty(len(spans), np.int8)
    for i, (start, end) in enumerate(spans.tolist()):
        word = text[start:end].tobytes()
        states[i] = GOOD if _DECIMAL.match(word) else ODD if word else EMPTY
        if states[i] == GOOD:
            values[i] = float(word)
    return values, states


def times(text: NDArray[np.uint8], spans: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Times of the form 2026-01-31T12:00:00[.5][Z|+01:00] as µs since 1970; GOOD, EMPTY or ODD for each."""
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
    known: dict[bytes, int] = {b"": 0}
    texts = (text[start:end].tobytes().lower() for start, end in spans.tolist())
    return np.array([known.setdefault(word, len(known)) for word in texts], np.int64)
