"""Checks of rows against each other: charges and their bases, questions that nothing answers, bases of ages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from recore.errors import BadInput
from recore.rules.charge import BASES, DOMAIN, Charge, plain
from recore.rules.cover_checks import Found, around, cover_checks, meet, reaches
from recore.rules.ladder import DOMAIN as LADDER
from recore.rules.ladder import plain_word
from recore.rules.row import Rule

_HIGH_RATE = Decimal(3)


def cross_checks(rows: Sequence[Rule]) -> Iterator[Found]:
    """Rule, code, text and severity of everything found.

    Parameters
    ----------
    rows : newest version of each row
    """
    reach = reaches(rows)
    yield from _ages(rows)
    yield from cover_checks(rows, reach)
    yield from _charges(rows, around(reach))
    yield from _ladders(rows)


def _ages(rows: Sequence[Rule]) -> Iterator[Found]:
    for rule in rows:
        if rule.domain == "age" and "age_years" in rule.reads and "age_basis" not in rule.params:
            text = "reads age_years without params.age_basis; the choice of it decides who is too old"
            yield rule, "age-basis", text, "warning"


def _charges(rows: Sequence[Rule], near: Mapping[str, set[str]]) -> Iterator[Found]:
    read: list[tuple[Rule, Charge]] = []
    for rule in rows:
        if rule.domain == DOMAIN and rule.effect == "charge":
            try:
                charge = Charge.of(rule)
            except BadInput as error:
                yield rule, "charge", f"params: {error.what}; {error.right}", "error"
                continue
            read.append((rule, charge))
            if charge.rate is not None and charge.rate > _HIGH_RATE:
                text = f"rate {charge.rate} means {charge.rate * 100} %; a rate of 16 % is written 0.16"
                yield rule, "charge", text, "warning"
            if charge.currency is None and (charge.minimum, charge.maximum) != (None, None):
                text = "min and max stand without a currency: they are taken in that of the quote"
                yield rule, "charge", text, "warning"
    named: dict[str, list[tuple[Rule, Charge]]] = defaultdict(list)
    for rule, charge in read:
        named[charge.key].append((rule, charge))
    counted: dict[str, set[str]] = defaultdict(set)
    for rule in rows:
        names = rule.params.get("charges")
        if rule.effect in ("cover", "state") and isinstance(names, list):
            counted[rule.jurisdiction].update(plain(str(name)) for name in names)
    for rule, charge in read:
        gaps = {name for place in near[rule.jurisdiction] for name in counted[place]}
        for name in dict.fromkeys(plain(name) for _, name in charge.base):
            yield from _base(rule, charge, name, named[name], near[rule.jurisdiction], name in gaps)


def _base(
    rule: Rule, charge: Charge, name: str, named: list[tuple[Rule, Charge]], near: set[str], counted: bool
) -> Iterator[Found]:
    if name in BASES:
        return
    here = [(other, stated) for other, stated in named if other.jurisdiction in near]
    if not here and counted:
        # a list of charges counts it among the charges, so that every total waits for it openly
        text = f"the base of {charge.name} names {name!r}, known to be charged and stated by no row: no total"
        yield rule, "base", text, "note"
    elif not here:
        yield rule, "base", f"the base of {charge.name} names {name!r}, which no row states", "error"
    for other, stated in here:
        if stated.order >= charge.order and meet(rule, other):
            how = "itself" if stated.key == charge.key else f"{stated.name}, of order {stated.order}"
            text = f"the base of {charge.name}, of order {charge.order}, names {how} ({other.rule_id}): not earlier"
            yield rule, "base", text, "error"


def _ladders(rows: Sequence[Rule]) -> Iterator[Found]:
    placed: dict[tuple[str, str, str], tuple[Rule, object]] = {}
    for rule in rows:
        if rule.domain != LADDER or rule.effect != "state":
            continue
        field, fact, steps = (rule.params.get(name) for name in ("field", "fact", "steps"))
        ranks = steps.values() if isinstance(steps, Mapping) else [None]
        if not (
            isinstance(field, str)
            and isinstance(fact, str)
            and {type(rank) for rank in ranks} <= {int, float}
        ):
            text = "params of a ladder are field, fact, and steps = { word = number }"
            yield rule, "ladder", text, "error"
            continue
        for word, rank in rule.params["steps"].items():
            other, there = placed.setdefault((field, fact, plain_word(word)), (rule, rank))
            if there != rank and meet(rule, other):
                text = f"{word!r} is {rank} here and {there} in {other.rule_id}: it has no rank"
                yield rule, "ladder", text, "error"
