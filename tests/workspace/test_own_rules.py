"""Rule rows of the workspace's own: only added to, each version dated by the day it came."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from recore.errors import BadInput
from recore.rules import Rule, RuleSet, shipped
from recore.rules.table import parse
from recore.workspace import Workspace
from recore.workspace import database as db
from recore.workspace.rules import RuleBook, same

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def row(version: int = 1, **more: Any) -> Rule:
    entry = {
        "rule_id": "xx.age",
        "version": version,
        "jurisdiction": "XX",
        "domain": "age",
        "title": "A row",
        "predicate": {"field": "age_years", "op": "<=", "value": 7.5},
        "effect": "require",
        "valid_from": "2020-01-01",
        "recorded_at": "2001-01-01",
        "source": {"title": "Gazette"},
        "evidence_level": 5,
        **more,
    }
    return parse(entry, where="row")


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> tuple[str, Path]:
    return database_url, tmp_path / "store"


def opened(place: tuple[str, Path], moment: datetime = NOON) -> Workspace:
    return Workspace.open(*place, clock=lambda: moment)


def test_a_version_is_recorded_on_the_day_it_came(place: tuple[str, Path]) -> None:
    with opened(place) as workspace:
        [kept] = workspace.rules.add([row()])
        assert kept.recorded_at == date(2026, 11, 22)
        assert same(kept, row())
    with opened(place, datetime(2027, 3, 1, tzinfo=UTC)) as workspace:
        workspace.rules.add([row(2, title="Newer")])
        book = workspace.rules.book()
        assert book.newest["xx.age"].title == "Newer"
        assert book.rules.known(date(2026, 12, 31)).only(["xx.age"]).rows[0].title == "A row"
        assert [rule.version for rule in workspace.rules.own().rows] == [1, 2]
        assert book.rules.digest != shipped().digest


@pytest.mark.parametrize(
    ("versions", "right"),
    [
        ([1], "give it version 3"),
        ([2], "give it version 3"),
        ([3, 3], "give it version 4"),
        ([3, 2], "version 3"),
    ],
)
def test_nothing_that_stands_is_written_over(
    place: tuple[str, Path], versions: list[int], right: str
) -> None:
    with opened(place) as workspace:
        workspace.rules.add([row(1), row(2)])
        before = workspace.rules.own().digest
        with pytest.raises(BadInput, match="is not newer than version") as caught:
            workspace.rules.add([row(version, title="Other") for version in versions])
        assert right in str(caught.value)
        assert workspace.rules.own().digest == before


def test_all_rows_are_added_or_none(place: tuple[str, Path]) -> None:
    with opened(place) as workspace:
        with pytest.raises(BadInput, match="holds a character that is no text"):
            workspace.rules.add([row(), row(rule_id="xx.other", title="a\0b")])
        assert workspace.rules.own().rows == ()


def test_a_shipped_version_cannot_be_taken(place: tuple[str, Path]) -> None:
    theirs = shipped().rows[0]
    with opened(place) as workspace:
        with pytest.raises(BadInput, match="is not newer"):
            workspace.rules.add([row(theirs.version, rule_id=theirs.rule_id)])
        workspace.rules.add([row(theirs.version + 1, rule_id=theirs.rule_id)])
        book = workspace.rules.book()
        assert book.is_own(book.newest[theirs.rule_id])
        assert not book.is_own(theirs)
        assert len(book.rules.rows) == len(shipped().rows) + 1


def test_two_who_write_the_same_version_at_once(place: tuple[str, Path]) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def write(name: str) -> None:
        with opened(place) as workspace:
            start.wait()
            try:
                workspace.rules.add([row(title=name)])
                outcomes.append("kept")
            except BadInput:
                outcomes.append("refused")

    opened(place).close()
    threads = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "refused", "refused", "refused"]
    with opened(place) as workspace:
        assert len(workspace.rules.own().rows) == 1


def test_another_process_s_rows_are_seen(place: tuple[str, Path]) -> None:
    with opened(place) as one, opened(place) as other:
        assert "xx.age" not in one.rules.book().newest
        other.rules.add([row()])
        assert "xx.age" in one.rules.book().newest


def test_a_later_recore_that_ships_a_version_already_given_out_hides_nothing_silently() -> None:
    book = RuleBook.of([row(title="ours")], RuleSet([row(title="theirs"), row(rule_id="xx.else")]))
    assert book.newest["xx.age"].title == "ours"
    assert book.hidden == (("xx.age", 1),)
    assert len(book.rules.rows) == 2
    alike = RuleBook.of([row()], RuleSet([row(recorded_at="2005-01-01")]))
    assert alike.hidden == ()


def test_the_migration_goes_up_and_down_and_leaves_the_rest(place: tuple[str, Path]) -> None:
    with opened(place) as workspace:
        workspace.rules.add([row()])
        case = workspace.jobs.submit("run", {"method": "a"})
    database = db.Database(place[0])
    db.migrate(database, "0001")
    with database.engine.connect() as connection:
        names = set(inspect(connection).get_table_names())
    assert "rule_rows" not in names
    assert "job" in names
    db.migrate(database)
    database.close()
    with opened(place) as workspace:
        assert workspace.rules.own().rows == ()
        assert workspace.jobs.get(case.id).id == case.id
        workspace.rules.add([row()])
