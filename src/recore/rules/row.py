"""A rule row: what is asked of whom, from when to when, on whose word, and how it is proven to work."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from recore import jsonio
from recore.rules.age import BASES, BUILD_YEAR, age
from recore.rules.predicate import (
    MAX_DEPTH,
    MAX_PARTS,
    All,
    AnyOf,
    Comparison,
    Not,
    Outcome,
    Predicate,
    Strict,
    Verdict,
    evaluate,
    fields,
    in_words,
)

GradeLetter = Literal["A", "B", "C", "D", "E"]
GRADES: tuple[GradeLetter, ...] = ("A", "B", "C", "D", "E")
LEVELS = {
    1: "official text",
    2: "official summary",
    3: "professional or scientific publication",
    4: "trade practice or a convention of our own",
    5: "unverified claim",
}

Effect = Literal["require", "block", "document", "charge", "warn", "cover", "grade", "state"]


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        if day is not None and day.isoformat() == value:
            return day
    raise ValueError("a day is wanted, written 2026-12-31")


def _plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    if depth < 0:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str | bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(
        f"{value!r:.40} has no place in a rule row; a finite number, word, day or list is wanted"
    )


def _bounded(value: Any) -> Any:
    """Refuse a condition too deep or too long before anything walks through it by recursion."""
    level, parts = [value], 0
    for _ in range(MAX_DEPTH + 1):
        parts += len(level)
        if parts > MAX_PARTS:
            raise ValueError(f"the condition has more than {MAX_PARTS} parts")
        level = [
            inner
            for item in level
            if isinstance(item, Mapping)
            for word in ("all", "any", "not")
            if word in item
            for inner in (item[word] if isinstance(item[word], list | tuple) else [item[word]])
        ]
        if not level:
            return value
    raise ValueError(f"the condition is nested deeper than {MAX_DEPTH} levels")


Day = Annotated[date, BeforeValidator(_day)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=1000)]
Facts = Annotated[dict[str, Any], BeforeValidator(_plain)]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Selector(Strict):
    """Whom a row concerns: every list that is given must name the thing; what is absent concerns all.

    `hs` compares prefixes without dots; the others compare whole words, small and capital letters alike.
    """

    hs: Words | None = None
    condition: Words | None = None
    family: Words | None = None
    component: Words | None = None
    method: Words | None = None
    profile: Words | None = None

    @cached_property
    def asked(self) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
        """What is asked: name, the places where facts may tell it, and the words wanted."""
        stated = ((name, places, getattr(self, name)) for name, places in _PLACES.items())
        return tuple((name, places, wanted) for name, places, wanted in stated if wanted is not None)

    def match(self, facts: Mapping[str, Any]) -> Outcome:
        """Whether the row concerns these facts; unknown where the fact to tell is absent."""
        if not self.asked:
            return _CONCERNED
        missing = []
        for name, places, wanted in self.asked:
            found = next((text for place in places if (text := word_at(place, facts)) is not None), None)
            if found is None:
                missing.append(places[0])
            elif not selected(name, found, wanted):
                return Outcome(Verdict.FAIL, (), f"{name} {found!r} is none of {', '.join(wanted)}")
        if missing:
            return Outcome(
                Verdict.UNKNOWN,
                tuple(missing),
                f"whether the row concerns this is open: {', '.join(missing)} is not stated",
            )
        return _CONCERNED


_CONCERNED = Outcome(Verdict.PASS, (), "the row concerns this")
_PLACES: dict[str, tuple[str, ...]] = {
    "hs": ("machine.hs", "hs"),
    "condition": ("machine.condition", "condition"),
    "family": ("machine.family", "family"),
    "component": ("component.kind",),
    "method": ("finding.method",),
    "profile": ("profile",),
}


def word_at(place: str, facts: Mapping[str, Any]) -> str | None:
    """The word that facts hold at a dotted path, if it is one."""
    node: Any = facts
    for part in place.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) and node else None


def selected(name: str, found: str, wanted: tuple[str, ...]) -> bool:
    """Whether a word found is one of those a selector wants."""
    words = _normal(name == "hs", wanted)
    if name == "hs":
        return found.replace(".", "").startswith(tuple(words))
    return found.strip().casefold() in words


@lru_cache(maxsize=10_000)
def _normal(hs: bool, wanted: tuple[str, ...]) -> Collection[str]:
    if hs:
        return tuple(prefix.replace(".", "") for prefix in wanted)
    return frozenset(word.strip().casefold() for word in wanted)


class Source(Strict):
    """Where the content of a row was read, and when."""

    title: Annotated[str, Field(max_length=500)] = ""
    url: Annotated[str, Field(max_length=1000)] = ""
    retrieved: Day | None = None

    def __str__(self) -> str:
        return f"{self.title} ({self.url})" if self.title and self.url else self.title or self.url


class Vector(Strict):
    """Facts, a day, and what the row must make of them."""

    given: Facts
    date: Day
    expect: Verdict


_NOTHING = All(all=())


class Rule(Strict):
    """One dated, sourced row of a rule table.

    `valid_from` and `valid_to` are both inclusive. `evidence_level` speaks of the limit: 1 official text,
    2 official summary, 3 professional or scientific publication, 4 trade practice or a convention of our own,
    5 unverified claim.

    What `predicate` means depends on `effect`: `require`, `grade`, `cover`, `document` and `charge` ask for it
    (true is pass), `block` and `warn` name what must not be (true is fail); `state` puts a dated fact into
    `params` for who reads it, and its predicate tells where it applies.

    A predicate that reads `age_years` counts the age as `params.age_basis` says (see `rules.age`), unless the
    facts state it. A `document` row without a predicate asks for `evidence.<params.document>`.

    `params` by effect: `grade` {question: "<subject>:<aspect>", grade: "A" … "E"}; `cover` {questions, includes?,
    together?, optional?, recommended?, findings?, letters?}; `warn` {question, fact?}; others belong to their own rooms.
    """

    rule_id: RuleId
    version: Annotated[int, Field(ge=1, le=10**6, strict=True)] = 1
    jurisdiction: Word
    domain: Word
    title: Word
    selector: Selector = Selector()
    predicate: Annotated[Predicate, BeforeValidator(_bounded)] = _NOTHING
    effect: Effect
    params: Facts = Field(default_factory=dict)
    valid_from: Day
    valid_to: Day | None = None
    recorded_at: Day
    legal_basis: Annotated[str, Field(max_length=2000)] = ""
    source: Source
    evidence_level: Annotated[int, Field(ge=1, le=5, strict=True)]
    conflicts_with: Annotated[tuple[RuleId, ...], Field(max_length=100)] = ()
    test_vectors: Annotated[tuple[Vector, ...], Field(max_length=1000)] = ()

    @field_validator("valid_to")
    @classmethod
    def _in_order(cls, value: date | None, info: Any) -> date | None:
        start = info.data.get("valid_from")
        if value is not None and start is not None and value < start:
            raise ValueError(f"lies before valid_from {start}")
        return value

    @model_validator(mode="after")
    def _params_of_effect(self) -> Rule:
        question, names = self.params.get("question"), self.params.get("questions")
        if self.effect == "grade":
            if not isinstance(question, str) or not all(question.partition(":")[::2]):
                raise ValueError("params.question of a grade row is '<subject>:<aspect>'")
            if self.params.get("grade") not in GRADES:
                raise ValueError(f"params.grade is one of {', '.join(GRADES)}")
        if self.effect == "document" and self.predicate == _NOTHING:
            document = self.params.get("document")
            if not isinstance(document, str) or not re.fullmatch("[A-Za-z0-9_-]{1,100}", document):
                raise ValueError(
                    "a document row without a condition wants params.document, a name of evidence"
                )
        if self.params.get("age_basis", BUILD_YEAR) not in BASES:
            raise ValueError(f"params.age_basis is one of {', '.join(BASES)}")
        if self.effect == "cover" and not (
            isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        ):
            raise ValueError("params.questions of a cover row is a list of questions")
        for name in ("includes", "together") if self.effect == "cover" else ():
            listed = self.params.get(name, [])
            if not (isinstance(listed, list) and all(isinstance(item, str) for item in listed)):
                raise ValueError(f"params.{name} of a cover row is a list of texts")
        return self

    @cached_property
    def reads(self) -> frozenset[str]:
        """Dotted paths of the facts that the condition reads."""
        return frozenset(fields(self.condition))

    @cached_property
    def question(self) -> str:
        """What the row answers within its domain."""
        return str(self.params.get("question") or self.params.get("name") or self.domain)

    def names_profile(self, profile: str) -> bool:
        """Whether the row belongs to a grading profile by name."""
        return self.selector.profile is not None and selected("profile", profile, self.selector.profile)

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    @property
    def validity(self) -> str:
        return f"{self.valid_from} to {self.valid_to}" if self.valid_to else f"from {self.valid_from}"

    def outcome(self, facts: Mapping[str, Any], as_of: date) -> Outcome:
        """What the row says about the facts on a day.

        A row that is not valid on that day, that does not concern the facts, or of which that cannot be told,
        answers *unknown*.
        """
        if not self.valid_on(as_of):
            return Outcome(
                Verdict.UNKNOWN, (), f"row {self.rule_id} is valid {self.validity}, not on {as_of}"
            )
        concerns = self.selector.match(facts)
        if concerns.verdict is not Verdict.PASS:
            text = f"row {self.rule_id}: {concerns.text}"
            return Outcome(Verdict.UNKNOWN, concerns.missing, text)
        return self.answer(facts, as_of)

    def answer(self, facts: Mapping[str, Any], as_of: date) -> Outcome:
        """What the predicate and the effect say, without asking for validity and selector."""
        if "age_years" in self.reads and "age_years" not in facts:
            found = self._answer_by_age(facts, as_of)
        else:
            found = evaluate(self.condition, facts)
        if self.effect in ("block", "warn") and found.verdict is not Verdict.UNKNOWN:
            turned = Verdict.FAIL if found.verdict is Verdict.PASS else Verdict.PASS
            return found._replace(verdict=turned)
        return found

    @cached_property
    def condition(self) -> Comparison | All | AnyOf | Not:
        """The predicate; for a document row without one: `evidence.<params.document>` is true."""
        if self.effect == "document" and self.predicate == _NOTHING:
            return Comparison(field=f"evidence.{self.params['document']}", op="==", value=True)
        return self.predicate

    def _answer_by_age(self, facts: Mapping[str, Any], as_of: date) -> Outcome:
        counted = age(facts, as_of, self.params.get("age_basis", BUILD_YEAR))
        if counted.years is not None:
            return evaluate(self.predicate, {**facts, "age_years": counted.years})
        found = evaluate(self.predicate, facts)
        if "age_years" not in found.missing or "age_basis" not in self.params:
            return found
        others = (path for path in found.missing if path != "age_years")
        return Outcome(found.verdict, (*counted.missing, *others), counted.text)

    def json(self) -> dict[str, Any]:  # type: ignore[override]
        """The row as JSON; what has its default is left out, so that a field added later changes no digest."""
        document: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"rule_id": self.rule_id, "version": self.version, **document}

    @cached_property
    def canonical(self) -> bytes:
        """Canonical bytes of the JSON (RFC 8785)."""
        return jsonio.canonical(self.json())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical bytes."""
        return hashlib.sha256(self.canonical).hexdigest()

    def text(self) -> str:
        """The row for people."""
        document = self.json()
        lines = [f"{self.rule_id}, version {self.version}: {self.title}"]
        about = {
            "concerns": ", ".join(
                f"{name} {' | '.join(words)}" for name, words in document.get("selector", {}).items()
            )
            or "all",
            "condition": in_words(self.predicate),
            "effect": f"{self.effect} {json.dumps(self.params, ensure_ascii=False)}"
            if self.params
            else self.effect,
            "question": f"{self.domain} in {self.jurisdiction}",
            "valid": f"{self.validity}, recorded {self.recorded_at}",
            "basis": self.legal_basis or "none stated",
            "source": f"{self.source}, read {self.source.retrieved or 'on a day not stated'}",
            "evidence": f"level {self.evidence_level}, {LEVELS[self.evidence_level]}",
            "conflicts": ", ".join(self.conflicts_with),
            "proven by": f"{len(self.test_vectors)} test vectors",
        }
        return "\n".join([*lines, *(f"  {name:<10}{text}" for name, text in about.items() if text)])


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a rule row."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Rule.model_json_schema(by_alias=True, mode="validation"),
    }
