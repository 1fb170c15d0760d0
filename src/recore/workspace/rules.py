"""Rule rows of the workspace's own, beside those that come with Recore.

Rows are only ever added: a change is a new version, recorded on the day it is made, so that what was known on
an earlier day can still be told. Shipped rows are read, never written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recore.errors import BadInput
from recore.rules import Rule, RuleSet, shipped
from recore.rules.table import parse
from recore.workspace.database import Database
from recore.workspace.files import Files
from recore.workspace.repository import Clock, Repository, storable, utc_now
from recore.workspace.tables import RuleRow

Key = tuple[str, int]


@dataclass(frozen=True)
class RuleBook:
    """Every version of every row, shipped and own, and which of them are own.

    `hidden` names shipped versions that an own row of the same number stands in front of: a later Recore has
    brought a version that the workspace had given out itself, and a person must say what stands.
    """

    rules: RuleSet
    own: frozenset[Key]
    hidden: tuple[Key, ...] = ()

    def is_own(self, rule: Rule) -> bool:
        return (rule.rule_id, rule.version) in self.own

    @cached_property
    def newest(self) -> dict[str, Rule]:
        """The newest version of each row, by its id."""
        return {rule.rule_id: rule for rule in self.rules.rows}

    @classmethod
    def of(cls, own: Iterable[Rule], others: RuleSet) -> RuleBook:
        mine = {(rule.rule_id, rule.version): rule for rule in own}
        theirs = [rule for rule in others.rows if (rule.rule_id, rule.version) not in mine]
        hidden = tuple(
            (rule.rule_id, rule.version)
            for rule in others.rows
            if (rule.rule_id, rule.version) in mine and not same(rule, mine[rule.rule_id, rule.version])
        )
        return cls(RuleSet([*mine.values(), *theirs]), frozenset(mine), hidden)


def same(one: Rule, other: Rule) -> bool:
    """Whether two versions say the same, whenever they were recorded."""
    left, right = ({**rule.json(), "version": 0, "recorded_at": ""} for rule in (one, other))
    return left == right


class OwnRules(Repository):
    """Rule rows that were written or brought in here; only this adds to their table, and nothing takes away."""

    def __init__(self, database: Database, files: Files, clock: Clock = utc_now) -> None:
        super().__init__(database, files, clock)
        self._lock = threading.Lock()
        self._read: tuple[int, RuleBook] | None = None

    def own(self) -> RuleSet:
        """Every version of the own rows."""
        with self._database.reading() as session:
            return RuleSet(self._rows(session))

    def book(self) -> RuleBook:
        """Shipped and own rows together, every version."""
        with self._database.reading() as session:
            # rows are only added, so that their number tells whether something is new
            count = session.scalar(select(func.count()).select_from(RuleRow)) or 0
            with self._lock:
                if self._read is None or self._read[0] != count:
                    self._read = (count, RuleBook.of(self._rows(session), shipped()))
                return self._read[1]

    def add(self, rows: Sequence[Rule]) -> list[Rule]:
        """Add versions, all of them or none; each is recorded today.

        Raises
        ------
        BadInput : a version that is there already, or is older than one that is
        """
        now = self._clock()
        dated = [
            parse({**rule.json(), "recorded_at": now.date()}, where=f"rule {rule.rule_id}") for rule in rows
        ]
        with self._database.writing() as session:
            newest = {
                rule.rule_id: rule.version for rule in RuleBook.of(self._rows(session), shipped()).rules.rows
            }
            for rule in sorted(dated, key=lambda row: row.version):
                there = newest.get(rule.rule_id, 0)
                if rule.version <= there:
                    raise _taken(rule, there)
                newest[rule.rule_id] = rule.version
                document = storable(rule.json(), where=f"rule {rule.rule_id}")
                session.add(
                    RuleRow(rule_id=rule.rule_id, version=rule.version, document=document, recorded_at=now)
                )
            try:
                session.flush()
            except IntegrityError:
                raise BadInput(
                    "somebody else saved a version of the same row at this moment",
                    right="load it and try again",
                ) from None
        return dated

    def _rows(self, session: Session) -> list[Rule]:
        rows = session.scalars(select(RuleRow).order_by(RuleRow.rule_id, RuleRow.version))
        return [parse(row.document, where=f"own rule {row.rule_id}, version {row.version}") for row in rows]


def _taken(rule: Rule, there: int) -> BadInput:
    return BadInput(
        f"version {rule.version} of {rule.rule_id!r} is not newer than version {there}, which is there already",
        where=f"rule {rule.rule_id}",
        right=f"give it version {there + 1}",
    )
