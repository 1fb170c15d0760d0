"""Checks of what cover rows ask: questions that nothing answers, rows that nothing asks, cover rows on their own.

A verdict is as good as its list of questions. A row whose question no cover row asks by name is heard while it is
there, and missed by nobody when it is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal

from recore.rules.coverage import DECIDING, DOMAINS
from recore.rules.row import Rule, Selector

Found = tuple[Rule, str, str, Literal["error", "warning", "note"]]
_KNOWN = {*DOMAINS, "finance", "charge", "vat_refund"}


def reaches(rows: Sequence[Rule]) -> dict[str, set[str]]:
    """By jurisdiction, those whose rows count for it: itself, and what its rows include (`params.includes`)."""
    included: dict[str, set[str]] = defaultdict(set)
    for rule in rows:
        names = rule.params.get("includes")
        if rule.effect in ("cover", "state") and isinstance(names, list):
            included[rule.jurisdiction].update(map(str, names))
    found: dict[str, set[str]] = {}
    for place in {rule.jurisdiction for rule in rows}:
        reach, new = {place}, [place]
        while new:
            more = included.get(new.pop(), set()) - reach
            reach |= more
            new += more
        found[place] = reach
    return found


def around(reach: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """By jurisdiction, those whose rows may stand beside its own: '*', what it includes, what includes it."""
    found = {place: {*others, "*"} for place, others in reach.items()}
    for place, others in reach.items():
        for other in others & found.keys():
            found[other].add(place)
    return found


def cover_checks(rows: Sequence[Rule], reach: Mapping[str, set[str]]) -> Iterator[Found]:
    """Rule, code, text and severity of everything found; `rows` are the newest version of each row."""
    covers = [rule for rule in rows if rule.effect == "cover" and rule.domain == "coverage"]
    yield from _unanswered(rows, covers, around(reach))
    yield from _unasked(rows, covers, reach)
    yield from _alone(covers)


def _unanswered(
    rows: Sequence[Rule], covers: Sequence[Rule], near: Mapping[str, set[str]]
) -> Iterator[Found]:
    answered: dict[str, set[str]] = defaultdict(set)
    for rule in rows:
        if rule.effect not in ("cover", "warn", "grade"):
            answered[rule.domain].add(rule.jurisdiction)
            answered[rule.question].add(rule.jurisdiction)
    for rule in covers:
        open_ = [name for name in rule.params["questions"] if not answered[name] & near[rule.jurisdiction]]
        strange = [name for name in open_ if name not in _KNOWN and not answered[name]]
        if strange:
            text = f"asks {', '.join(map(repr, strange))}, which no row anywhere answers"
            yield rule, "unanswered", text, "warning"
        if gaps := [name for name in open_ if name not in strange]:
            text = f"asks {', '.join(gaps)}, which no row here answers: the verdict is never pass"
            yield rule, "unanswered", text, "note"


def _unasked(rows: Sequence[Rule], covers: Sequence[Rule], reach: Mapping[str, set[str]]) -> Iterator[Found]:
    asked: dict[str, set[str]] = defaultdict(set)
    for cover in covers:
        for place in reach[cover.jurisdiction] | {"*"}:
            asked[place].update(cover.params["questions"])
    alone: dict[tuple[str, str], set[str]] = defaultdict(set)
    deciding = [rule for rule in rows if rule.effect in DECIDING and rule.domain in DOMAINS]
    for rule in deciding:
        alone[rule.jurisdiction, rule.domain].add(rule.question)
    for rule in deciding:
        names = asked.get(rule.jurisdiction)
        if names is None or rule.question in names:
            continue
        if rule.domain not in names or len(alone[rule.jurisdiction, rule.domain]) > 1:
            text = f"no cover row asks {rule.question!r} by name: nobody is told when this row is lost"
            yield rule, "unasked", text, "warning"


def _alone(covers: Sequence[Rule]) -> Iterator[Found]:
    """Cover rows that hold together: each must miss the other."""
    for one, other in combinations(covers, 2):
        if one.jurisdiction != other.jurisdiction or not meet(one, other):
            continue
        if not may_meet(one.selector, other.selector):
            continue
        for rule, missed in ((one, other), (other, one)):
            if missed.rule_id not in rule.params.get("together", ()):
                text = f"params.together does not name {missed.rule_id}, which asks more of the same machines"
                yield rule, "together", text, "warning"


def may_meet(one: Selector, other: Selector) -> bool:
    """Whether a thing can be concerned by both selectors."""
    wanted = {name: words for name, _, words in one.asked}
    for name, _, words in other.asked:
        if name in wanted and not any(_alike(name, a, b) for a in wanted[name] for b in words):
            return False
    return True


def _alike(name: str, one: str, other: str) -> bool:
    if name == "hs":
        one, other = one.replace(".", ""), other.replace(".", "")
        return one.startswith(other) or other.startswith(one)
    return one.strip().casefold() == other.strip().casefold()


def meet(one: Rule, other: Rule) -> bool:
    """Whether two rows are in force on some common day."""
    return (one.valid_to is None or other.valid_from <= one.valid_to) and (
        other.valid_to is None or one.valid_from <= other.valid_to
    )
