"""What one row makes of many machines, with the scalar engine asked once for each class of them.

The verdict of a condition and the facts it misses follow from the verdict and the missing fact of each of its
comparisons; the number of distinct *values* does not matter. So each comparison sorts the machines into a few
classes, the row groups them by the classes of its comparisons and of its selector, and `Rule.outcome` is asked
about one machine of each group. A plain number held against constants is sorted by its place among them, so
that a million different masses cost a few evaluations.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from recore.rules.age import BUILD_YEAR, age
from recore.rules.fact_columns import Codes, Column, FactColumns, factorised, grouped
from recore.rules.ladder import DOMAIN, climbed
from recore.rules.predicate import All, AnyOf, Comparison, Not, Verdict, evaluate, is_exact
from recore.rules.row import Rule, selected, word_at
from recore.rules.table import RuleSet

_AGE = "age_years"
_AGE_FACTS = ("build_year", "build_date", "machine.build_year", "machine.build_date", _AGE)
_FEW = 64

Part = tuple[Codes, int]


@dataclass(frozen=True)
class RowClasses:
    """Machines by what a row makes of them.

    Parameters
    ----------
    codes : class of each machine
    concerned : by class, whether the row concerns it (or that is open)
    verdicts : by class, what the row says
    first : by class, one machine of it
    """

    rule: Rule
    codes: Codes
    concerned: NDArray[np.bool_]
    verdicts: tuple[Verdict, ...]
    first: Codes

    @property
    def part(self) -> Part:
        return self.codes, len(self.first)


class Engine:
    """Rows held against many machines on one day."""

    def __init__(self, rules: RuleSet, machines: FactColumns, day: date) -> None:
        self.rules, self.machines, self.day = rules, machines, day
        self._rows: dict[tuple[str, int], RowClasses] = {}
        self._leaves: dict[Hashable, Part] = {}
        self._words: dict[tuple[str, ...], Column] = {}
        self._selected: dict[Hashable, Part] = {}
        self._ages: dict[str, tuple[Column, Part]] = {}
        self._climb()

    def _climb(self) -> None:
        """Derive the ranks on ladders, which rows then read like stated facts."""
        ladders = self.rules.select(domain=DOMAIN, as_of=self.day, effect="state")
        names = sorted({str(row.params["fact"]) for row in ladders if row.params.get("fact")})
        if not names:
            return
        words = sorted({str(row.params.get("field", "")) for row in ladders})
        parts = [part for row in ladders for part in self._parts(row)]
        parts += [_part(self._stated(name)) for name in (*words, *names)]
        group = grouped(parts, self.machines.size)
        found = [climbed(self.rules, self.machines.stated(at), self.day) for at in group.first.tolist()]
        for name in names:
            ranks = factorised([facts.get(name) for facts in found])
            codes = ranks.codes[group.codes]
            whole = grouped([(codes, len(ranks.values))], self.machines.size)
            values = [ranks.values[codes[at]] for at in whole.first.tolist()]
            self.machines.derive(name, Column(whole.codes, values, whole.first))
        # what was sorted before knew nothing of the ranks
        self._leaves.clear()
        self._words.clear()
        self._selected.clear()
        self._ages.clear()

    def _stated(self, name: str) -> Column:
        if "." not in name:
            return self.machines.at(name)
        every = range(self.machines.size)
        return factorised([self.machines.stated(at).get(name) for at in every])

    def of(self, rule: Rule) -> RowClasses:
        """Classes of machines under one row; equal where concern, verdict and missing facts are."""
        key = rule.rule_id, rule.version
        if key not in self._rows:
            parts = self._parts(rule) if rule.valid_on(self.day) else self._selector_parts(rule)
            group = grouped(parts, self.machines.size)
            said: dict[tuple[bool, Verdict, tuple[str, ...]], int] = {}
            first: list[int] = []
            codes = []
            for at in group.first.tolist():
                facts = self.machines.facts(at)
                concerned = rule.selector.match(facts).verdict is not Verdict.FAIL
                outcome = rule.outcome(facts, self.day)
                kind = (
                    (concerned, outcome.verdict, outcome.missing)
                    if concerned
                    else (False, Verdict.UNKNOWN, ())
                )
                if kind not in said:
                    said[kind] = len(said)
                    first.append(at)
                codes.append(said[kind])
            self._rows[key] = RowClasses(
                rule,
                np.array(codes, np.int64)[group.codes] if codes else group.codes,
                np.array([concerned for concerned, _, _ in said], np.bool_),
                tuple(verdict for _, verdict, _ in said),
                np.array(first, np.int64),
            )
        return self._rows[key]

    def _values_read(self, rule: Rule) -> list[Part]:
        """What the reason of a row may quote: everything its condition reads, value by value."""
        parts = self._selector_parts(rule)
        if rule.valid_on(self.day):
            parts += [_part(self.machines.at(path)) for path in sorted(rule.reads) if path != _AGE]
            if _AGE in rule.reads:
                parts += [_part(self.machines.at(path)) for path in _AGE_FACTS]
        return parts

    def reasons(self, row: RowClasses, machines: Codes) -> Column:
        """What a row says in words of some machines."""
        parts = [(codes[machines], count) for codes, count in [row.part, *self._values_read(row.rule)]]
        group = grouped(parts, len(machines))
        some = (self.machines.facts(at) for at in machines[group.first].tolist())
        texts = [row.rule.outcome(facts, self.day).text for facts in some]
        return Column(group.codes, texts, group.first)

    def _parts(self, rule: Rule) -> list[Part]:
        basis = rule.params.get("age_basis", BUILD_YEAR) if _AGE in rule.reads else None
        parts = self._selector_parts(rule)
        parts += [self._leaf(leaf, basis) for leaf in _leaves(rule.condition)]
        if basis is not None:
            parts.append(self._age(basis)[1])
        return parts

    def _selector_parts(self, rule: Rule) -> list[Part]:
        return [self._selector(name, places, wanted) for name, places, wanted in rule.selector.asked]

    def _selector(self, name: str, places: tuple[str, ...], wanted: tuple[str, ...]) -> Part:
        key = name, wanted
        if key not in self._selected:
            if places not in self._words:
                self._words[places] = self._word_column(places)
            words = self._words[places]
            kinds = [2 if word is None else int(selected(name, word, wanted)) for word in words.values]
            self._selected[key] = np.array(kinds, np.int64)[words.codes], 3
        return self._selected[key]

    def _word_column(self, places: tuple[str, ...]) -> Column:
        group = grouped([_part(self.machines.at(place)) for place in places], self.machines.size)
        words: list[str | None] = []
        for at in group.first.tolist():
            facts = self.machines.facts(at)
            words.append(
                next((text for place in places if (text := word_at(place, facts)) is not None), None)
            )
        return Column(group.codes, words, group.first)

    def _age(self, basis: str) -> tuple[Column, Part]:
        """Age of every machine by one basis (None: not known, or stated as a fact), and why it is not known."""
        if basis not in self._ages:
            parts = [*(_part(self.machines.at(path)) for path in _AGE_FACTS), self.machines.states(_AGE)]
            group = grouped(parts, self.machines.size)
            counted = []
            for at in group.first.tolist():
                facts = self.machines.facts(at)
                counted.append(None if _AGE in facts else age(facts, self.day, basis))
            years = [None if found is None else found.years for found in counted]
            why = factorised(
                [found.missing if found is not None and found.years is None else None for found in counted]
            )
            self._ages[basis] = (
                Column(group.codes, years, group.first),
                (why.codes[group.codes], len(why.values)),
            )
        return self._ages[basis]

    def _leaf(self, leaf: Comparison, basis: str | None) -> Part:
        """Classes of machines under one comparison."""
        aged = basis if _AGE in (leaf.field, leaf.value_of) else None
        key = repr(leaf), aged
        if key not in self._leaves:
            paths = [leaf.field] if leaf.value_of is None else [leaf.field, leaf.value_of]
            columns = [self.machines.at(path) for path in paths]
            if aged is not None:
                columns.append(self._age(aged)[0])
            column = columns[0] if len(columns) == 1 else _crossed(columns, self.machines.size)
            if leaf.value_of is None:
                column = _binned(leaf, columns[-1], column)
            self._leaves[key] = self._sorted(leaf, column, aged)
        return self._leaves[key]

    def _sorted(self, leaf: Comparison, column: Column, aged: str | None) -> Part:
        said: dict[tuple[Verdict, tuple[str, ...]], int] = {}
        kinds = []
        ages = self._age(aged)[0] if aged is not None else None
        for at in column.first.tolist():
            facts = self.machines.facts(at)
            years = None if ages is None else ages.values[ages.codes[at]]
            if years is not None:
                facts[_AGE] = years
            verdict, missing, _ = evaluate(leaf, facts)
            kinds.append(said.setdefault((verdict, missing), len(said)))
        return np.array(kinds, np.int64)[column.codes], len(said)


def _part(column: Column) -> Part:
    return column.codes, len(column.first)


def _crossed(columns: list[Column], size: int) -> Column:
    group = grouped(map(_part, columns), size)
    return Column(group.codes, [None] * group.count, group.first)


def _binned(leaf: Comparison, numbers: Column, whole: Column) -> Column:
    """Distinct values, where plain numbers between two constants of the comparison count as one.

    A number on a constant is a class of its own, so that every order relation to every constant is the same
    within a class. Numbers that no double holds exactly, quantities and words stay as they are.
    """
    if len(whole.first) <= _FEW:
        return whole
    constants = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    if not all(is_exact(value) for value in constants if type(value) in (int, float)):
        return whole
    edges = np.array(
        sorted({float(value) for value in constants if isinstance(value, int | float) and is_exact(value)})
    )
    values = [numbers.values[code] for code in numbers.codes[whole.first].tolist()]
    plain = np.fromiter(map(is_exact, values), np.bool_, len(values))
    exact = np.array([float(value) if there else 0.0 for value, there in zip(values, plain, strict=True)])
    low = np.searchsorted(edges, exact, side="left")
    high = np.searchsorted(edges, exact, side="right")
    kinds = np.where(plain, low + high, 2 * len(edges) + 1 + np.arange(len(values)))
    group = grouped([(kinds, 2 * len(edges) + 1 + len(values))], len(values))
    return Column(group.codes[whole.codes], [None] * group.count, whole.first[group.first])


def _leaves(condition: Comparison | All | AnyOf | Not) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            yield condition
        case All(all=parts) | AnyOf(any=parts):
            for part in parts:
                yield from _leaves(part)
        case Not(not_=part):
            yield from _leaves(part)
