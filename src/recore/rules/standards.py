"""The register of standards: which edition is in force, what it is identical to, and whether its text was at hand.

A register row has domain `standard`, effect `state` and params {number, edition, title, status (active, abolished,
draft), adoption?, successor?, text_obtained, licence}; `status` is what the row's validity speaks of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache

from recore.rules.row import Rule
from recore.rules.table import RuleSet, shipped

DOMAIN = "standard"
STATUSES = ("active", "abolished", "draft")


def register(rules: RuleSet | None = None) -> tuple[Rule, ...]:
    """Rows of the register (default: the shipped one)."""
    rows = shipped() if rules is None else rules.known()
    return tuple(rule for rule in rows.rows if rule.domain == DOMAIN and rule.effect == "state")


def cited(text: str, standards: Iterable[Rule], day: date) -> Iterator[Rule]:
    """Register rows in force on a day whose standard a text cites.

    A citation with a year counts for that edition only, one without counts for every edition.
    """
    plain = _plain(text)
    for row in standards:
        if row.valid_on(day) and _pattern(
            str(row.params.get("number", "")), str(row.params.get("edition", ""))
        ).search(plain):
            yield row


def abolished(rows: Iterable[Rule], day: date, standards: RuleSet | None = None) -> list[tuple[Rule, str]]:
    """Rule rows that rest on an abolished standard, each with a sentence that says so."""
    dead = [row for row in register(standards) if row.params.get("status") == "abolished"]
    return [
        (rule, f"row {rule.rule_id} cites {told(row)}")
        for rule in rows
        if rule.domain != DOMAIN
        for row in cited(f"{rule.legal_basis} {rule.source.title}", dead, day)
    ]


def told(row: Rule) -> str:
    """A standard with its status, and what follows it."""
    params = row.params
    name = f"{params['number']}-{params['edition']}" if params.get("edition") else str(params["number"])
    successor = f"; successor: {params['successor']}" if params.get("successor") else ""
    return f"{name}, {params.get('status', 'status not stated')}{successor}"


def _plain(text: str) -> str:
    return re.sub("[\u2010-\u2015\u2212]", "-", text).casefold()


@cache
def _pattern(number: str, edition: str) -> re.Pattern[str]:
    """A number however it is spaced, with its edition or with none; '30462' is neither '304620' nor '30462.2'."""
    if not number:
        return re.compile("(?!)")
    head = r"\s*".join(re.escape(word) for word in _plain(number).split())
    no_longer = r"(?![\d.]*\d)"
    if edition:
        tail = rf"(?:\s*[-:]\s*{re.escape(_plain(edition))}(?!\d)|{no_longer}(?!\s*[-:]\s*\d))"
    else:  # a year may follow, a part may not
        tail = rf"{no_longer}(?!\s*[-:]\s*\d{{1,3}}(?!\d))"
    return re.compile(rf"(?<![a-z\d]){head}{tail}")
