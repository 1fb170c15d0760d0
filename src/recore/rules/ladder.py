"""Ladders: words that stand for steps, such as emission stages of several countries on one scale.

A ladder is a row of effect `state` and domain `ladder`; its params are {field, fact, steps}: the fact `field`
is a word, `steps` gives the rank of each word, and the rank becomes the fact `fact`, a number that other rows
compare. A word that is on no ladder has no rank, so that what asks for one is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from recore.rules.predicate import Verdict
from recore.rules.row import Rule
from recore.rules.table import RuleSet

DOMAIN = "ladder"


def climbed(rules: RuleSet, facts: Mapping[str, Any], day: date) -> dict[str, Any]:
    """The facts with the rank of every word that stands on a ladder in force; stated facts stay as they are.

    Rows that give one word different ranks leave it without one.
    """
    ranks: dict[str, set[float]] = {}
    for row in rules.select(domain=DOMAIN, as_of=day, effect="state"):
        fact, rank = _rank(row, facts, day)
        if rank is not None:
            ranks.setdefault(fact, set()).add(rank)
    found = {fact: values.pop() for fact, values in ranks.items() if len(values) == 1}
    return {**found, **facts}


def _rank(row: Rule, facts: Mapping[str, Any], day: date) -> tuple[str, float | None]:
    fact, steps = str(row.params.get("fact", "")), row.params.get("steps")
    word = facts.get(str(row.params.get("field", "")))
    if not fact or not isinstance(steps, Mapping) or not isinstance(word, str):
        return fact, None
    if row.outcome(facts, day).verdict is not Verdict.PASS:
        return fact, None
    wanted = plain_word(word)
    ranks = {
        rank for name, rank in steps.items() if plain_word(name) == wanted and type(rank) in (int, float)
    }
    return fact, ranks.pop() if len(ranks) == 1 else None


@lru_cache(maxsize=10_000)
def plain_word(word: str) -> str:
    """A word as ladders compare it: no spaces, no capitals."""
    return "".join(word.split()).casefold()
