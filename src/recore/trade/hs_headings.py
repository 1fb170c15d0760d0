"""The table of headings that a suggestion chooses from, and how near a text is to each."""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

    @cached_property
    def grams(self) -> tuple[Counter[str], ...]:
        return tuple(_grams(word) for word in self.words)

    def nearness(self, text: str) -> float:
        """Cosine of the character n-grams of a text and of the nearest phrase, 0 to 1."""
        asked = _grams(text)
        return max(_cosine(asked, gram) for gram in self.grams)


@dataclass(frozen=True)
class Headings:
    """Every heading of one edition of the nomenclature."""

    edition: str
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
            edge = "" if _WIDE.search(word) else r"\b"
            left, times = re.subn(edge + re.escape(word), "\0", left)
            if times:
                for heading in headings:
                    yield word, heading


@cache
def headings() -> Headings:
    """The shipped table, read once."""
    document = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return Headings(document["edition"], document["source"], tuple(map(_heading, document["heading"])))


def _heading(entry: Mapping[str, Any]) -> Heading:
    return Heading(**{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()})


def plain(text: str) -> str:
    """Small letters, one form of every character, single spaces, no dashes or slashes."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[-_/,.;:()]+", " ", folded).split())


def _grams(text: str) -> Counter[str]:
    size = 2 if _WIDE.search(text) else _GRAM  # two Chinese characters say as much as a syllable or two
    padded = f" {plain(text)} "
    return Counter(padded[at : at + size] for at in range(len(padded) - size + 1))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(number * other[gram] for gram, number in one.items())
    lengths = math.sqrt(sum(n * n for n in one.values())) * math.sqrt(sum(n * n for n in other.values()))
    return shared / lengths if lengths else 0.0
