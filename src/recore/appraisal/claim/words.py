"""Condition words of a profile: which may be said of a thing, and what stands against each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError

from recore.appraisal.claim.record import ProcessRecord
from recore.errors import BadInput
from recore.model.trade import Document
from recore.rules import Decision, Rule, RuleSet, Verdict, decide

CLAIM, PROCESS = "claim", "process"
NONE = "none"


class _WordParams(Document):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    rank: Annotated[int, Field(ge=-1, le=100)]
    synonyms: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConditionWord:
    """A word, its rank in the chain from as is to remanufactured (-1: beside it), and how it was decided."""

    name: str
    rank: int
    synonyms: tuple[str, ...]
    decision: Decision

    @property
    def granted(self) -> bool:
        return self.decision.verdict is Verdict.PASS


@dataclass(frozen=True)
class Words:
    """Every word of a profile decided for one record, and its process gates."""

    words: tuple[ConditionWord, ...]
    process: Decision | None
    rules: RuleSet

    def named(self, wanted: str) -> ConditionWord:
        """The word, by its name or a synonym.

        Raises
        ------
        BadInput : the profile does not know it
        """
        plain = wanted.strip().casefold().replace(" ", "_").replace("-", "_")
        for word in self.words:
            if plain in (word.name, *word.synonyms):
                return word
        there = [name for word in self.words for name in (word.name, *word.synonyms)]
        raise BadInput(
            f"{wanted!r} is no condition word of the profile",
            where="wanted",
            right=f"its words: {', '.join(there)}" if there else "it has none",
        )

    def best(self, at_most: int | None = None) -> str:
        """The highest word of the chain that is granted, up to a rank; 'none' where not even the lowest is."""
        chain = [word for word in self.words if word.granted and word.rank >= 0]
        allowed = [word for word in chain if at_most is None or word.rank <= at_most]
        return max(allowed, key=lambda word: word.rank).name if allowed else NONE


def decide_words(record: ProcessRecord, rules: RuleSet) -> Words:
    """Decide every condition word of the record's profile on its day.

    A word is granted only where every question that its cover row names is answered by a verified row in force
    and the answer is yes; a missing fact, a missing or expired row and a contradiction grant nothing.

    Raises
    ------
    BadInput : no row names the profile
    """
    known = rules.known()
    rows = [
        rule for rule in known.rows if rule.domain in (CLAIM, PROCESS) and rule.names_profile(record.profile)
    ]
    if not rows:
        names = {
            name
            for rule in known.rows
            if rule.domain in (CLAIM, PROCESS)
            for name in rule.selector.profile or ()
        }
        raise BadInput(
            f"there is no process profile {record.profile!r}",
            where="profile",
            right=f"there are: {', '.join(sorted(names)) or 'none'}",
        )
    facts = record.facts()
    asking = [rule for rule in rows if rule.effect != "cover"]
    words = [
        ConditionWord(
            params.name,
            params.rank,
            params.synonyms,
            decide(RuleSet([*asking, cover]), facts, record.day, "*", domains=()),
        )
        for cover, params in _covers(rows)
    ]
    gates = [rule for rule in rows if rule.effect == "cover" and rule.domain == PROCESS]
    process = decide(RuleSet([*asking, *gates]), facts, record.day, "*", domains=()) if gates else None
    return Words(
        tuple(sorted(words, key=lambda word: (word.rank < 0, word.rank, word.name))), process, RuleSet(rows)
    )


def _covers(rows: list[Rule]) -> Iterator[tuple[Rule, _WordParams]]:
    for rule in rows:
        if rule.effect != "cover" or rule.domain != CLAIM:
            continue
        try:
            yield rule, _WordParams.model_validate(rule.params)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in ("params", *fault["loc"]))
            raise BadInput(f"{where}: {fault['msg']}", where=f"rule {rule.rule_id!r}") from None
