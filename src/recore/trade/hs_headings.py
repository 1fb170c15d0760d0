"""The table of headings that a suggestion chooses from, and how near a text is to each."""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "data" / "hs-headings.toml"
_GRAM = 3
_WIDE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Heading:
    """One subheading in our own words, with what speaks for it."""

    hs: str
    title: str
    words: tuple[str, ...]
    hints: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    road: bool | None = None
    power_kw: tuple[float, float] | None = None
    mass_kg: tuple[float, float] | None = None

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(rf"(?<![A-Za-z0-9])(?:{text})(?![A-Za-z0-9])") for text in self.models)


@dataclass(frozen=True)
class Headings:
    """Every heading of one edition of the nomenclature."""

    edition: str
    valid_to: date
    source: str
    rows: tuple[Heading, ...]

    @cached_property
    def phrases(self) -> tuple[tuple[str, tuple[Heading, ...]], ...]:
        """Every phrase with the headings it stands for, the longest first."""
        found: dict[str, list[Heading]] = {}
        for heading in self.rows:
            for word in heading.words:
                found.setdefault(plain(word), []).append(heading)
        return tuple((word, tuple(found[word])) for word in sorted(found, key=lambda w: (-len(w), w)))

    def named_in(self, text: str) -> Iterator[tuple[str, Heading]]:
        """Phrases of a text and their headings; a longer phrase takes the place of the shorter within it."""
        left = text
        for word, headings in self.phrases:
            if word not in left:
                continue
            edge = "" if _WIDE.search(word) else r"\b"
            left, times = re.subn(edge + re.escape(word), "\0", left)
            if times:
                for heading in headings:
                    yield word, heading

    @cached_property
    def _index(self) -> tuple[dict[str, list[tuple[int, int]]], list[float]]:
        """Phrases by their n-grams, and the length of each phrase as a vector."""
        found: dict[str, list[tuple[int, int]]] = {}
        lengths = []
        for place, (word, _) in enumerate(self.phrases):
            grams = _grams(word)
            lengths.append(_length(grams))
            for gram, number in grams.items():
                found.setdefault(gram, []).append((place, number))
        return found, lengths

    def likeness(self, text: str) -> dict[str, float]:
        """By heading, the cosine of the character n-grams of a text and of its nearest phrase, 0 to 1."""
        index, lengths = self._index
        asked, shared = _grams(text), Counter[int]()
        for gram, number in asked.items():
            for place, times in index.get(gram, ()):
                shared[place] += number * times
        found: dict[str, float] = {}
        for place, product in shared.items():
            cosine = product / (_length(asked) * lengths[place])
            for heading in self.phrases[place][1]:
                found[heading.hs] = max(found.get(heading.hs, 0.0), cosine)
        return found


@cache
def headings() -> Headings:
    """The shipped table, read once."""
    document = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return Headings(
        document["edition"],
        document["valid_to"],
        document["source"],
        tuple(map(_heading, document["heading"])),
    )


def _heading(entry: Mapping[str, Any]) -> Heading:
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()}
    return Heading(**fields)


def plain(text: str) -> str:
    """Small letters, one form of every character, single spaces, no dashes or slashes."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[-_/,.;:()]+", " ", folded).split())


def _grams(text: str) -> Counter[str]:
    size = 2 if _WIDE.search(text) else _GRAM  # two Chinese characters say as much as a syllable or two
    padded = f" {plain(text)} "
    return Counter(padded[at : at + size] for at in range(len(padded) - size + 1))


def _length(grams: Counter[str]) -> float:
    return math.sqrt(sum(number * number for number in grams.values()))
