"""Lists short enough for a result."""

from __future__ import annotations

from collections.abc import Iterable

from recore.method import SHORT_LIST


def listed(words: Iterable[str]) -> tuple[str, ...]:
    """At most as many words as a result holds; where there are more, the last one says how many."""
    every = tuple(words)
    if len(every) <= SHORT_LIST:
        return every
    shown = every[: SHORT_LIST - 1]
    return (*shown, f"and {len(every) - len(shown)} more")
