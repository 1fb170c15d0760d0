"""Decisions about many machines in many jurisdictions, as columns; reasons in words are made when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.rules.coverage import Decision, cited, decide
from recore.rules.fact_columns import Codes, Column, grouped
from recore.rules.predicate import Verdict
from recore.rules.row import Rule
from recore.rules.row_classes import Engine, RowClasses

VERDICTS = (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)
CODE = {verdict: code for code, verdict in enumerate(VERDICTS)}
ABSENT = 3
_ROWS = 2**20  # more than there are rows of one jurisdiction
_AFTER = 2**21  # place after every answer that rows give; warnings stand after what nothing answers


@dataclass(frozen=True)
class Question:
    """One question of one jurisdiction, for some machines.

    Parameters
    ----------
    rows : rows that answer it, in order
    codes : class of each machine
    verdict : by class; `ABSENT` where no row concerns it
    missing : by class
    place : by class, position of the first row that concerns it, which orders the answers
    """

    name: str
    rows: tuple[RowClasses, ...]
    codes: Codes
    verdict: NDArray[np.int8]
    missing: list[tuple[str, ...]]
    place: NDArray[np.int64]


class Unanswered(NamedTuple):
    """A question that nothing answers: what is said of it, the cover rows that ask, and for which machines."""

    name: str
    text: str
    covers: list[Rule]
    there: NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """Machines that one jurisdiction covers by the same rows."""

    jurisdiction: str
    machines: Codes
    covers: tuple[Rule, ...]
    questions: list[Question]
    unanswered: list[Unanswered]
    warnings: list[RowClasses]

    def verdicts(self) -> NDArray[np.int8]:
        failed = np.zeros(len(self.machines), np.bool_)
        unknown = np.full(len(self.machines), not self.covers, np.bool_)
        for question in self.questions:
            verdict = question.verdict[question.codes]
            failed |= verdict == CODE[Verdict.FAIL]
            unknown |= verdict == CODE[Verdict.UNKNOWN]
        for item in self.unanswered:
            unknown |= item.there
        found = np.where(
            failed, CODE[Verdict.FAIL], np.where(unknown, CODE[Verdict.UNKNOWN], CODE[Verdict.PASS])
        )
        return found.astype(np.int8)

    def missing(self) -> Column:
        """Missing facts and rows of every machine, in the order that `decide` gives them."""
        parts = [(question.codes, len(question.verdict)) for question in self.questions]
        parts += [(item.there.astype(np.int64), 2) for item in self.unanswered]
        group = grouped(parts, len(self.machines))
        lists = []
        for at in group.first.tolist():
            classes = [(question, int(question.codes[at])) for question in self.questions]
            heard = [
                (question.place[code], question.missing[code])
                for question, code in classes
                if question.missing[code]
            ]
            names = [path for _, paths in sorted(heard) for path in paths]
            names += [f"rule row: {item.name}" for item in self.unanswered if item.there[at]]
            if not self.covers:
                names.append(f"rule row: coverage of {self.jurisdiction}")
            lists.append(tuple(dict.fromkeys(names)))
        return Column(group.codes, lists, group.first)


@dataclass(frozen=True)
class Decisions:
    """Verdicts of many machines in many jurisdictions on a day.

    Parameters
    ----------
    verdicts : index into `VERDICTS`, one line for each machine, one column for each jurisdiction
    """

    day: date
    jurisdictions: tuple[str, ...]
    verdicts: NDArray[np.int8]
    _engine: Engine = field(repr=False)
    _shares: tuple[Share, ...] = field(repr=False)
    _domains: tuple[str, ...] = field(repr=False)

    @property
    def machines(self) -> int:
        return len(self.verdicts)

    def verdict(self, machine: int, jurisdiction: str) -> Verdict:
        return VERDICTS[self.verdicts[machine, self.jurisdictions.index(jurisdiction)]]

    def decision(self, machine: int, jurisdiction: str) -> Decision:
        """One pair in full, as `decide` answers it."""
        engine = self._engine
        facts = engine.machines.stated(machine)
        return decide(engine.rules, facts, self.day, jurisdiction, domains=self._domains)

    @cached_property
    def table(self) -> pa.Table:
        """One line for each pair, machine by machine: machine, country, verdict, missing (a list of names)."""
        count, places = self.verdicts.shape
        machine = np.repeat(np.arange(count, dtype=np.int32), places)
        country = np.tile(np.arange(places, dtype=np.int32), count)
        lists: dict[tuple[str, ...], int] = {}
        code = np.zeros(self.verdicts.shape, np.int64)
        for share in self._shares:
            column = share.missing()
            index = [lists.setdefault(names, len(lists)) for names in column.values]
            at = self.jurisdictions.index(share.jurisdiction)
            code[share.machines, at] = np.array(index, np.int64)[column.codes]
        words: dict[str, int] = {}
        inner = [[words.setdefault(name, len(words)) for name in names] for names in lists]
        missing = pa.array(inner, pa.list_(pa.int32())).take(pa.array(code.reshape(-1)))
        return pa.table(
            {
                "machine": machine,
                "country": _words(country, self.jurisdictions),
                "verdict": _words(self.verdicts.reshape(-1), [str(verdict) for verdict in VERDICTS]),
                "missing": _lists_of_words(missing, list(words)),
            }
        )

    def reasons(
        self, machines: Sequence[int] | None = None, jurisdictions: Sequence[str] | None = None
    ) -> pa.Table:
        """Every reason of every pair, in the order of `Decision.reasons`, machine by machine.

        Columns: machine, country, question, rule_id, version, outcome, text, source (title or URL).

        Parameters
        ----------
        machines, jurisdictions : leaves out the others; texts are made for those asked for only
        """
        wanted = np.ones(self.machines, np.bool_)
        if machines is not None:
            wanted[:] = False
            wanted[np.asarray(machines, np.int64)] = True
        lines = _Lines(self._engine)
        for share in self._shares:
            if jurisdictions is None or share.jurisdiction in jurisdictions:
                lines.add(share, wanted, self.jurisdictions.index(share.jurisdiction))
        return lines.table(self.jurisdictions)


class _Lines:
    """Reasons as they gather: for each row of each share one block."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rules: dict[tuple[str, int], tuple[int, Rule]] = {}
        self.texts: dict[str, int] = {}
        self.questions: dict[str, int] = {}
        self.blocks: list[tuple[NDArray[Any], ...]] = []
        self.said: dict[tuple[str, int], Column] = {}

    def add(self, share: Share, wanted: NDArray[np.bool_], country: int) -> None:
        here = wanted[share.machines]
        for question in share.questions:
            for number, row in enumerate(question.rows):
                self._row(share, row, question.name, here, country, question.place[question.codes], number)
        after = np.full(len(share.machines), _AFTER, np.int64)
        for number, (name, said, covers, there) in enumerate(share.unanswered):
            machines = share.machines[there & here]
            text, verdict = (
                np.full(len(machines), code) for code in (self._text(said), CODE[Verdict.UNKNOWN])
            )
            order = after[there & here] * _ROWS + number
            for cover in covers:
                self._block(machines, country, name, cover, verdict, text, order)
        for number, row in enumerate(share.warnings):
            self._row(share, row, row.rule.question, here, country, after + 1, number)

    def _row(
        self,
        share: Share,
        row: RowClasses,
        question: str,
        here: NDArray[np.bool_],
        country: int,
        place: Codes,
        number: int,
    ) -> None:
        heard = here & row.concerned[row.codes[share.machines]]
        machines = share.machines[heard]
        if not len(machines):
            return
        said = self.engine.reasons(row, machines)
        text = np.array([self._text(text) for text in said.values], np.int64)[said.codes]
        verdict = np.array([CODE[verdict] for verdict in row.verdicts], np.int64)[row.codes[machines]]
        # answers stand in the order of their first row, rows of an answer in their own
        self._block(machines, country, question, row.rule, verdict, text, place[heard] * _ROWS + number)

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def _block(
        self,
        machines: Codes,
        country: int,
        question: str,
        rule: Rule,
        verdict: Codes,
        text: Codes,
        order: Codes,
    ) -> None:
        at, _ = self.rules.setdefault((rule.rule_id, rule.version), (len(self.rules), rule))
        name = self.questions.setdefault(question, len(self.questions))
        count = len(machines)
        self.blocks.append(
            (
                machines.astype(np.int32),
                np.full(count, country, np.int32),
                order,
                np.full(count, name, np.int32),
                np.full(count, at, np.int32),
                verdict.astype(np.int8),
                text.astype(np.int32),
            )
        )

    def table(self, jurisdictions: tuple[str, ...]) -> pa.Table:
        columns = [np.concatenate(parts) for parts in zip(*self.blocks, strict=True)]
        if not columns:
            columns = [np.zeros(0, kind) for kind in "iiqiibi"]
        sequence = np.lexsort((columns[2], columns[1], columns[0]))
        machine, country, _, question, row, verdict, text = (column[sequence] for column in columns)
        rules = [rule for _, rule in self.rules.values()]
        version = np.array([rule.version for rule in rules], np.int32)[row] if rules else row
        return pa.table(
            {
                "machine": machine,
                "country": _words(country, jurisdictions),
                "question": _words(question, list(self.questions)),
                "rule_id": _words(row, [rule.rule_id for rule in rules]),
                "version": version,
                "outcome": _words(verdict, [str(verdict) for verdict in VERDICTS]),
                "text": _words(text, list(self.texts)),
                "source": _words(row, [cited(rule) for rule in rules]),
            }
        )


def _words(codes: NDArray[Any], words: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words, pa.string()))


def _lists_of_words(lists: pa.ListArray, words: list[str]) -> pa.ListArray:
    inner = pa.DictionaryArray.from_arrays(lists.values, pa.array(words, pa.string()))
    return pa.ListArray.from_arrays(lists.offsets, inner)
