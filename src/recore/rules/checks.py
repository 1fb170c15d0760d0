"""Is a rule table fit for use: schema, sources, overlaps, expiry, and the test vectors of every row."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from recore.errors import BadInput
from recore.rules.cover_checks import may_meet, meet
from recore.rules.cross_checks import cross_checks
from recore.rules.expiry import expiring, subject
from recore.rules.judge import UNVERIFIED
from recore.rules.predicate import Verdict
from recore.rules.row import Rule
from recore.rules.standards import abolished
from recore.rules.table import RuleSet, entries, files, parse

NOTICE_DAYS = 90
MAX_BESIDE = 200  # rows of one question that a row is held against; all pairs of thousands would take minutes
_CLAUSE = re.compile(
    r"(?i)(\b(art(icle|\.)?|clause|cl\.|annex|section|sec\.|schedule|table|para(graph|\.)?|chapter|rule|no\.?)\s*"
    r"[\dA-Z]|§\s*\d|第\s*[\d一二三四五六七八九十百]+|\b\d+(\.\d+)+\b)"
)


@dataclass(frozen=True)
class Problem:
    """Something to put right in a rule table. Severity: error, warning (soon an error), note (for the reader)."""

    rule_id: str
    file: str
    code: str
    text: str
    severity: Literal["error", "warning", "note"] = "error"

    def json(self) -> dict[str, str]:
        return asdict(self)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.rule_id, self.text) if part) + f" [{self.code}]"


Placed = tuple[str, Rule]


def check(path: Path | str | None = None, *, as_of: date | None = None) -> list[Problem]:
    """Check the rule tables at a path.

    Parameters
    ----------
    path : file or folder; None checks the rows that come with Recore
    as_of : day for which expiry is asked (default: today, UTC)

    Returns
    -------
    list of Problem : nothing is wrong where none of them is an error

    Raises
    ------
    BadInput : the path holds no rule table
    """
    rows, problems = read_tables(path)
    return [*problems, *check_rows(rows, as_of=as_of)]


def read_tables(path: Path | str | None = None) -> tuple[list[Placed], list[Problem]]:
    """Rows of the tables at a path, each with file and line, and what could not be read.

    Raises
    ------
    BadInput : the path holds no rule table
    """
    problems: list[Problem] = []
    rows: list[Placed] = []
    for file in files(path):
        try:
            for where, entry in entries(file):
                try:
                    rows.append((where, parse(entry, where=where)))
                except BadInput as error:
                    rule_id = entry.get("rule_id") if isinstance(entry, dict) else None
                    named = rule_id if isinstance(rule_id, str) else ""
                    text = error.what.removeprefix(f"rule {named!r}: ")
                    problems.append(Problem(named, where, "schema", text))
        except BadInput as error:
            text = error.what + (f"; {error.right}" if error.right else "")
            problems.append(Problem("", error.where, "unreadable", text))
    return rows, problems


def check_rows(rows: list[Placed], *, as_of: date | None = None) -> list[Problem]:
    """Check rows, each given with the place where it stands; see `check`."""
    day = as_of or datetime.now(UTC).date()
    problems = list(_identity(rows))
    for where, rule in rows:
        problems += [Problem(rule.rule_id, where, *found) for found in _about(rule)]
    newest = {rule.rule_id: (where, rule) for where, rule in sorted(rows, key=lambda row: row[1].version)}
    for rule, code, text, severity in cross_checks([rule for _, rule in newest.values()]):
        problems.append(Problem(rule.rule_id, newest[rule.rule_id][0], code, text, severity))
    problems += _abolished(rows, day)
    problems += _expiry(newest.values(), day)
    problems += _overlaps(rows)
    return problems


def _identity(rows: list[Placed]) -> Iterator[Problem]:
    seen: dict[tuple[str, int], tuple[str, str]] = {}
    names = {rule.rule_id for _, rule in rows}
    for where, rule in rows:
        key = (rule.rule_id.lower(), rule.version)
        if key in seen:
            there, spelled = seen[key]
            how = "" if spelled == rule.rule_id else f" as {spelled!r}, and small and capital letters are one"
            text = f"version {rule.version} stands in {there} already{how}"
            yield Problem(rule.rule_id, where, "duplicate", text)
        seen.setdefault(key, (where, rule.rule_id))
        for other in rule.conflicts_with:
            if other not in names:
                yield Problem(
                    rule.rule_id, where, "reference", f"conflicts_with names {other!r}, unknown here"
                )


_Found = tuple[str, str, Literal["error", "warning", "note"]]


def _about(rule: Rule) -> Iterator[_Found]:
    source = rule.source
    if not source.title:
        yield "source", "source.title is not stated", "error"
    if not source.url and not rule.legal_basis:
        yield "source", "neither source.url nor legal_basis is stated", "error"
    if source.url and not re.match(r"https?://[^\s/]+\S*$", source.url):
        yield "source", f"source.url {source.url!r} is not a web address", "error"
    if source.retrieved is None:
        yield "source", "source.retrieved, the day it was read, is not stated", "error"
    if rule.evidence_level <= 2 and not _CLAUSE.search(rule.legal_basis):
        text = (
            f"evidence level {rule.evidence_level} wants the clause in legal_basis (article, annex, table …)"
        )
        yield "clause", text, "error"
    if rule.evidence_level == UNVERIFIED:
        yield "unverified", "evidence level 5: is shown, and never decides alone", "note"
    # what asks nothing can refuse nothing
    for expect in (Verdict.PASS, Verdict.FAIL) if rule.reads else (Verdict.PASS,):
        if not any(vector.expect is expect for vector in rule.test_vectors):
            yield "vectors", f"no test vector expects {expect}", "error"
    yield from _vectors(rule)


def broken_promises(rule: Rule) -> list[str]:
    """Test vectors of a row that the row itself does not keep."""
    return [text for _, text, _ in _vectors(rule)]


def _vectors(rule: Rule) -> Iterator[_Found]:
    for number, vector in enumerate(rule.test_vectors, 1):
        verdict, text = _run(rule, vector.given, vector.date)
        if verdict is not vector.expect:
            yield (
                "vector",
                f"test vector {number} expects {vector.expect}, the row says {verdict}: {text}",
                "error",
            )


def _run(rule: Rule, given: dict[str, Any], day: date) -> tuple[Verdict, str]:
    """A test vector may leave out what the selector asks; what it states must be selected."""
    if rule.valid_on(day) and rule.selector.match(given).verdict is Verdict.UNKNOWN:
        found = rule.answer(given, day)
    else:
        found = rule.outcome(given, day)
    return found.verdict, found.text


def _expiry(rows: Iterable[tuple[str, Rule]], day: date) -> Iterator[Problem]:
    where = {rule.rule_id: place for place, rule in rows}
    for ending in expiring(RuleSet(rule for _, rule in rows), day, NOTICE_DAYS):
        rule = ending.rule
        if ending.expired:
            text = f"valid to {rule.valid_to}, and no row follows it"
            yield Problem(rule.rule_id, where[rule.rule_id], "expired", text)
        else:
            text = f"expires in {ending.days} days, on {rule.valid_to}, and no row follows it"
            yield Problem(rule.rule_id, where[rule.rule_id], "expiring", text, "warning")


def _abolished(rows: list[Placed], day: date) -> Iterator[Problem]:
    """Rows that rest on a standard which the register knows as abolished."""
    places = {id(rule): where for where, rule in rows}
    for rule, text in abolished((rule for _, rule in rows), day):
        yield Problem(rule.rule_id, places[id(rule)], "standard", text, "warning")


def _overlaps(rows: list[Placed]) -> Iterator[Problem]:
    """Rows of one question, for some same things, valid together, that say different things."""
    together: dict[Any, list[Placed]] = defaultdict(list)
    for where, rule in rows:
        if rule.effect == "state" and "question" not in rule.params:
            continue  # facts beside each other; ladders are held against each other in cross_checks
        about = subject(rule)[:-1]
        if len(together[about]) == MAX_BESIDE:
            text = f"{MAX_BESIDE} rows answer this question before it; it is not held against more of them"
            yield Problem(rule.rule_id, where, "overlap", text, "warning")
        for there, other in together[about][:MAX_BESIDE]:
            if rule.rule_id == other.rule_id or not meet(rule, other) or _alike(rule, other):
                continue
            same = rule.selector == other.selector
            if not same and (rule.effect == "cover" or not may_meet(rule.selector, other.selector)):
                continue
            known = other.rule_id in rule.conflicts_with or rule.rule_id in other.conflicts_with
            proof = _disagreement(rule, other)
            if not same and not proof:
                continue
            text = f"overlaps {other.rule_id} ({there}) from {max(rule.valid_from, other.valid_from)} on"
            text += f": {proof}" if proof else "; no test vector tells them apart"
            severity: Literal["error", "warning"] = "error" if proof and not known else "warning"
            yield Problem(rule.rule_id, where, "overlap", text, severity)
        together[about].append((where, rule))


def _alike(one: Rule, other: Rule) -> bool:
    return (one.condition, one.effect, one.params) == (other.condition, other.effect, other.params)


def _disagreement(one: Rule, other: Rule) -> str:
    charges = one.effect == other.effect == "charge"
    for vector in (*one.test_vectors, *other.test_vectors):
        if any(rule.selector.match(vector.given).verdict is Verdict.FAIL for rule in (one, other)):
            continue
        verdicts = {rule.rule_id: rule.answer(vector.given, vector.date).verdict for rule in (one, other)}
        if set(verdicts.values()) == {Verdict.PASS, Verdict.FAIL}:
            return (
                " and ".join(f"{name} says {verdict}" for name, verdict in verdicts.items())
                + " of one vector"
            )
        if charges and set(verdicts.values()) == {Verdict.PASS}:
            return "both charge one vector, and not the same"
    return ""
