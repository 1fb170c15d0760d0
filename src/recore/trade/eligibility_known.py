"""What the rules know: countries, questions, and on whose word each is answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from recore.rules import Rule, RuleSet
from recore.trade.asked import DESTINATION, Area, destinations

OPEN = "open"
NOT_ASKED = "–"


def known_table(rules: RuleSet, day: date) -> list[dict[str, str]]:
    """One line for each covered country: the evidence levels of the rows that answer each question.

    'open' is asked, and no row in force answers it; '2, open' answers one of several such questions at level
    2; a dash is not asked.
    """
    known = rules.known()
    lines = []
    for place in destinations(known, "all"):
        area = Area.of(known, place, DESTINATION)
        rows = [row for row in area.rules.rows if row.valid_on(day)]
        lines.append({"country": place} | {domain: _cell(rows, domain) for domain in DESTINATION})
    return lines


def _cell(rows: list[Rule], domain: str) -> str:
    here = [row for row in rows if row.domain == domain and row.effect not in ("cover", "warn")]
    words = [str(level) for level in sorted({row.evidence_level for row in here})]
    if any(not _answered(question, here) for question in _asked(rows, domain)):
        words.append(OPEN)
    return ", ".join(words) or NOT_ASKED


def _asked(rows: list[Rule], domain: str) -> Iterator[str]:
    for row in rows:
        if row.effect == "cover":
            yield from (q for q in row.params["questions"] if q.partition(":")[0] == domain)


def _answered(question: str, rows: list[Rule]) -> bool:
    return any(question in (row.domain, row.question) for row in rows)


def markdown(rules: RuleSet, day: date) -> str:
    """The table for a page of documentation."""
    heads = ["country", *DESTINATION]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(line[head] for head in heads)} |" for line in known_table(rules, day)]
    return "\n".join(lines)
