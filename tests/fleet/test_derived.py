"""Derived tables on DuckDB and PostgreSQL: counted once, whole or not at all, read back as written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recore.errors import BadInput
from recore.fleet.derived import TIME, Derived, Every

SCHEMA = pa.schema(
    [
        ("support", pa.int16()),
        ("start", TIME),
        ("setting_mpa", pa.float64()),
        ("note", pa.string()),
        ("held", pa.bool_()),
        ("yields", pa.int64()),
        ("low_mpa", pa.float32()),
    ]
)
KEY = ("support", "start")
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def rows(number: int, *, first: int = 0) -> pa.Table:
    at = np.arange(first, first + number)
    return pa.table(
        {
            "support": pa.array(at % 5, pa.int16()),
            "start": pa.array([DAY + timedelta(minutes=int(i) * 40, microseconds=int(i)) for i in at], TIME),
            "setting_mpa": pa.array([None if i % 7 == 0 else i / 3 for i in at], pa.float64()),
            "note": pa.array(["" if i % 3 == 0 else None if i % 3 == 1 else 'a,"b"\nµ' for i in at]),
            "held": pa.array([bool(i % 2) if i % 11 else None for i in at]),
            "yields": pa.array(at * 2**40, pa.int64()),
            "low_mpa": pa.array(at / 10, pa.float32()),
        }
    )


def ordered(table: pa.Table) -> list[Any]:
    return table.sort_by([("support", "ascending"), ("start", "ascending")]).to_pylist()


@pytest.fixture
def cycles(derived_url: str) -> Derived:
    derived = Derived(derived_url)
    derived.create("cycles", SCHEMA, KEY)
    return derived


def test_what_is_written_is_read_back_bit_for_bit(cycles: Derived, derived_url: str) -> None:
    given = rows(100)
    assert cycles.add("cycles", given) == 100
    again = Derived(derived_url)
    found = again.query("cycles")
    assert found.schema == SCHEMA
    assert found.to_pylist() == ordered(given)
    assert list(again.tables()) == ["cycles"]
    assert again.count("cycles") == 100


def test_rows_that_are_there_count_once(cycles: Derived) -> None:
    assert cycles.add("cycles", rows(60)) == 60
    assert cycles.add("cycles", rows(60)) == 0
    assert cycles.add("cycles", rows(60, first=30)) == 30
    twice = pa.concat_tables([rows(10, first=200), rows(10, first=200)])
    assert cycles.add("cycles", twice) == 10
    assert cycles.add("cycles", rows(0)) == 0
    assert cycles.count("cycles") == 100


def test_of_one_key_the_first_is_kept(cycles: Derived) -> None:
    first = pa.table({"support": [1, 1], "start": pa.array([DAY, DAY], TIME), "note": ["first", "second"]})
    assert cycles.add("cycles", first) == 1
    assert cycles.add("cycles", first.slice(1)) == 0
    assert cycles.query("cycles", ["note"])["note"].to_pylist() == ["first"]


def test_null_fields_are_filled_and_others_stay(cycles: Derived) -> None:
    key = {"support": [1], "start": pa.array([DAY], TIME)}
    cycles.add("cycles", pa.table({**key, "setting_mpa": [20.0]}))
    assert cycles.add("cycles", pa.table({**key, "setting_mpa": [30.0], "note": ["late"]}), fill=True) == 0
    found = cycles.query("cycles", ["setting_mpa", "note", "held"]).to_pylist()
    assert found == [{"setting_mpa": 20.0, "note": "late", "held": None}]


def test_ranges_lists_and_values_choose_rows(cycles: Derived) -> None:
    given = rows(100)
    cycles.add("cycles", given)
    low, high = DAY + timedelta(hours=10), DAY + timedelta(hours=30)
    found = cycles.query(
        "cycles",
        ["start", "support"],
        where={"start": (low, high), "support": [1, np.int16(3)], "held": True, "yields": (None, 80 * 2**40)},
        order=["start"],
    )
    wanted = [
        {"start": row["start"], "support": row["support"]}
        for row in given.to_pylist()
        if low <= row["start"] < high and row["support"] in (1, 3) and row["held"]
    ]
    assert wanted
    assert found.to_pylist() == wanted
    assert cycles.query("cycles", where={"support": 2}, limit=3).num_rows == 3
    assert cycles.query("cycles", where={"note": []}).num_rows == 0
    assert cycles.query("cycles", where={"note": (None, None)}).num_rows == 100
    assert cycles.query("cycles", where={"note": 'a,"b"\nµ'}).num_rows == 33


def test_groups_in_steps_of_time(cycles: Derived) -> None:
    given = rows(100)
    cycles.add("cycles", given)
    found = cycles.query(
        "cycles",
        group=["support", Every("start", 86_400)],
        aggregate={
            "mean_mpa": ("mean", "setting_mpa"),
            "rows": ("count", "*"),
            "told": ("count", "setting_mpa"),
            "yields": ("sum", "yields"),
            "low": ("min", "low_mpa"),
            "last": ("max", "start"),
        },
    )
    assert found.column_names == ["support", "start", "mean_mpa", "rows", "told", "yields", "low", "last"]
    groups: dict[Any, list[Any]] = {}
    for row in given.to_pylist():
        groups.setdefault((row["support"], row["start"].date()), []).append(row)
    assert found.num_rows == len(groups)
    for row in found.to_pylist():
        group = groups[row["support"], row["start"].date()]
        told = [r["setting_mpa"] for r in group if r["setting_mpa"] is not None]
        assert row["mean_mpa"] == (pytest.approx(sum(told) / len(told)) if told else None)
        assert (row["rows"], row["told"]) == (len(group), len(told))
        assert row["yields"] == sum(r["yields"] for r in group)
        assert row["low"] == min(r["low_mpa"] for r in group)
        assert row["last"] == max(r["start"] for r in group)
    steps = cycles.query("cycles", group=[Every("low_mpa", 2.5)], aggregate={"rows": ("count", "*")})
    assert steps["low_mpa"].to_pylist() == [0.0, 2.5, 5.0, 7.5]
    assert sum(steps["rows"].to_pylist()) == 100


def test_an_empty_table_has_its_columns(cycles: Derived) -> None:
    assert cycles.query("cycles").schema == SCHEMA
    assert cycles.count("cycles") == 0
    assert cycles.query("cycles", aggregate={"top": ("max", "setting_mpa")}).to_pylist() == [{"top": None}]


def test_a_table_stays_as_it_was_made(cycles: Derived, derived_url: str) -> None:
    Derived(derived_url).create("cycles", SCHEMA, KEY)
    with pytest.raises(BadInput, match="other columns"):
        Derived(derived_url).create("cycles", SCHEMA, ["support"])


WRONG: dict[str, Callable[[Derived], object]] = {
    "table": lambda d: d.query("cyles"),
    "column": lambda d: d.query("cycles", ["pressure; DROP TABLE"]),
    "where": lambda d: d.query("cycles", where={'"; --': 1}),
    "function": lambda d: d.query("cycles", aggregate={"a": ("median", "yields")}),  # type: ignore[dict-item]
    "title": lambda d: d.query("cycles", aggregate={'a"': ("count", "*")}),
    "order": lambda d: d.query("cycles", ["note"], order=["support"]),
    "both": lambda d: d.query("cycles", ["note"], group=["support"]),
    "mean": lambda d: d.query("cycles", aggregate={"a": ("mean", "note")}),
    "time": lambda d: d.query("cycles", where={"start": datetime(2026, 1, 1)}),
    "text": lambda d: d.query("cycles", where={"note": 3}),
    "number": lambda d: d.query("cycles", where={"support": True}),
    "flag": lambda d: d.query("cycles", where={"held": 1}),
    "pair": lambda d: d.query("cycles", where={"support": (1, 2, 3)}),
    "step": lambda d: d.query("cycles", group=[Every("start", 0)]),
    "step of text": lambda d: d.query("cycles", group=[Every("note", 1)]),
    "add column": lambda d: d.add("cycles", rows(1).append_column("x", [[1]])),
    "add type": lambda d: d.add("cycles", rows(1).set_column(4, "held", [["maybe"]])),
    "null key": lambda d: d.add("cycles", rows(1).drop_columns(["support"])),
    "name": lambda d: d.create("Cycles", SCHEMA, KEY),
    "no key": lambda d: d.create("other", SCHEMA, []),
    "key": lambda d: d.create("other", SCHEMA, ["leg"]),
    "type": lambda d: d.create("other", pa.schema([("a", pa.date32())]), ["a"]),
    "twice": lambda d: d.create("other", pa.schema([("a", pa.int64())] * 2), ["a"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_names_and_values_are_checked(tmp_path: Path, wrong: str) -> None:
    derived = Derived(tmp_path / "fleet.duckdb")
    derived.create("cycles", SCHEMA, KEY)
    derived.add("cycles", rows(3))
    with pytest.raises(BadInput):
        WRONG[wrong](derived)
    assert derived.count("cycles") == 3


@pytest.mark.parametrize("url", ["sqlite:///x.db", "duckdb://", "duckdb:///", "http://a/b"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match="duckdb:///FILE"):
        Derived(url)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "fleet.duckdb").write_bytes(b"no database at all" * 1000)
    with pytest.raises(BadInput, match="DuckDB file"):
        Derived(tmp_path / "fleet.duckdb").tables()


def test_a_server_that_is_not_there_keeps_its_password() -> None:
    derived = Derived("postgresql://me:secret@127.0.0.1:9/x?connect_timeout=2")
    with pytest.raises(BadInput) as told:
        derived.tables()
    assert "secret" not in str(told.value)
    assert "me:***@" in str(told.value)


def test_the_users_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECORE_HOME", str(tmp_path / "mine"))
    derived = Derived()
    assert derived.tables() == {}  # reading makes nothing
    assert not (tmp_path / "mine").exists()
    derived.create("cycles", SCHEMA, KEY)
    assert (tmp_path / "mine" / "fleet.duckdb").is_file()


WRITER = """
    import sys, pyarrow as pa, numpy as np
    from recore.fleet import derived
    store = derived.Derived(sys.argv[1])
    n = 20_000
    table = pa.table({"support": np.zeros(n, "i2"), "start": pa.array(np.arange(n), derived.TIME)})
    store.create("big", table.schema, ["support", "start"])
    if sys.argv[2] == "hold":
        with store._backend.transaction(writing=True) as session:
            session.lock("big")
            session.stage(derived.typed(table.schema, session.dialect), table.cast(derived.zoneless(table.schema)))
            session.run('INSERT INTO "derived_big" SELECT * FROM stage')
            print("written", flush=True)
            sys.stdin.readline()
    else:
        print(store.add("big", table), flush=True)
"""


def writer(url: str, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), url, how]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=os.environ)


def test_a_killed_writer_leaves_nothing_and_the_next_one_waits(derived_url: str) -> None:
    holding = writer(derived_url, "hold")
    waiting = None
    try:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "written\n"
        if derived_url.startswith("duckdb"):
            with pytest.raises(BadInput, match="another process"):
                Derived(derived_url, busy_s=0.1).tables()
        waiting = writer(derived_url, "add")
        holding.send_signal(signal.SIGKILL)
        holding.wait()
        said, _ = waiting.communicate(timeout=120)
        assert said == "20000\n"  # nothing of the killed one was left
        assert Derived(derived_url).count("big") == 20_000
    finally:
        for process in (holding, waiting):
            if process is not None:
                process.kill()
                process.communicate()


def test_a_merge_tells_of_numbers_that_differ_and_fills_what_is_null(cycles: Derived) -> None:
    def row(minute: int, **values: Any) -> pa.Table:
        start = pa.array([DAY + timedelta(minutes=minute)], TIME)
        return pa.table({"support": pa.array([1], pa.int16()), "start": start, **values})

    cycles.add("cycles", pa.concat_tables([row(0, setting_mpa=[20.0]), row(1, setting_mpa=[30.0])]))
    came = [
        row(0, setting_mpa=[20.0 + 1e-9], low_mpa=pa.array([4.0], pa.float32())),
        row(1, setting_mpa=[31.0], low_mpa=pa.array([None], pa.float32())),
        row(2, setting_mpa=[40.0], low_mpa=pa.array([None], pa.float32())),
    ]
    merged = cycles.merge("cycles", pa.concat_tables(came), same=1e-9, told=5)
    assert (merged.new, merged.differ) == (1, 1)
    key = (1, (DAY + timedelta(minutes=1)).replace(tzinfo=None))
    assert merged.first == [(key, "setting_mpa", 30.0, 31.0)]
    found = cycles.query("cycles", ["setting_mpa", "low_mpa"], order=["setting_mpa"]).to_pylist()
    assert [(r["setting_mpa"], r["low_mpa"]) for r in found] == [(20.0, 4.0), (30.0, None), (40.0, None)]
    again = cycles.merge("cycles", came[1].drop_columns(["low_mpa"]), unique=True)
    assert again == (0, 0, [])
    assert cycles.merge("cycles", came[1], same=1e-9) == (0, 1, [])


def test_what_is_written_together_is_there_as_a_whole(derived_url: str) -> None:
    derived = Derived(derived_url)
    with pytest.raises(KeyError), derived.together():
        derived.create("cycles", SCHEMA, KEY)
        assert derived.add("cycles", rows(5)) == 5
        assert derived.count("cycles") == 5
        raise KeyError
    assert Derived(derived_url).tables() == {}
    with derived.together(), derived.together():
        derived.create("cycles", SCHEMA, KEY)
        derived.add("cycles", rows(5))
        derived.add("cycles", rows(5, first=3))
    assert Derived(derived_url).count("cycles") == 8
