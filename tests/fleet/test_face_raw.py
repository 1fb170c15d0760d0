"""A piece of a raw record, the state of a live face, and the facts of alarms."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recore.errors import BadInput
from recore.evidence import open_file
from recore.fleet import raw
from recore.fleet.alarms import facts, grouped, history, rows
from recore.fleet.raw import record
from recore.fleet.state import FILE, LegState, read_state, write_state
from recore.rules import RuleSet, Verdict, shipped

BEGIN = int(np.datetime64("2026-03-01", "us").astype(np.int64))
SECOND = 1_000_000


def log(supports: int = 3, samples: int = 1000) -> pa.Table:
    """One sample a second of two legs each; the pressure tells support, leg and second."""
    keys = [(s, leg) for s in range(1, supports + 1) for leg in (1, 2)]
    at = np.tile(np.arange(samples), len(keys))
    support, leg = (np.repeat([key[i] for key in keys], samples) for i in (0, 1))
    return pa.table(
        {
            "ts": pa.array(BEGIN + at * SECOND).cast(pa.timestamp("us", "UTC")),
            "support": support,
            "leg": leg,
            "pressure_mpa": 10.0 * support + leg + at / 10_000,
        }
    )


def window(low: int, high: int) -> tuple[int, int]:
    return BEGIN + low * SECOND, BEGIN + high * SECOND


def test_only_the_row_groups_that_can_hold_it_are_read(tmp_path: Path) -> None:
    pq.write_table(log(), tmp_path / "log.parquet", row_group_size=100)
    found = record([open_file(tmp_path / "log.parquet")], 2, window(250, 349))
    assert found.rows_read == 400  # two groups of each leg
    assert list(found.legs) == [1, 2]
    ts, p = found.legs[2]
    assert len(ts) == 100
    assert p[0] == pytest.approx(22.025)
    assert found.unread == []


def test_wide_logs_and_text_and_several_files_are_one_record(tmp_path: Path) -> None:
    table = log(1, 10)
    p = table["pressure_mpa"].to_numpy().reshape(2, 10)
    wide = pa.table(
        {
            "ts": table["ts"][:10],
            "support": [1] * 10,
            "leg1_mpa": p[0],
            "leg2_mpa": np.where(p[1] > 12.0005, p[1], np.nan),
        }
    )
    pq.write_table(wide, tmp_path / "wide.parquet")
    text = "ts,support,leg,pressure_bar\n2026-03-01T00:00:20Z,1,1,250\n2026-03-01T00:00:20Z,2,1,99\n"
    (tmp_path / "more.csv").write_text(text)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "half.csv").write_text("ts,support\n2026-03-01T00:00:20Z,1\n")
    files = [open_file(tmp_path / name) for name in ("more.csv", "wide.parquet", "other.csv", "half.csv")]
    found = record(files, 1, window(0, 60))
    assert len(found.legs[1][0]) == 11
    assert found.legs[1][1][-1] == pytest.approx(25.0)
    assert len(found.legs[2][0]) == 4  # a cell without a number is none
    assert [text.partition(":")[0] for text in found.unread] == ["other.csv", "half.csv"]


def test_a_look_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(log(), tmp_path / "log.parquet", row_group_size=100, write_statistics=False)
    monkeypatch.setattr(raw, "MAX_ROWS", 500)
    found = record([open_file(tmp_path / "log.parquet")], 2, window(0, 10))
    assert found.rows_read == 500
    assert "more than 500 rows" in found.unread[0]
    monkeypatch.setattr(raw, "MAX_TEXT_BYTES", 10)
    (tmp_path / "log.csv").write_text("ts,support,leg,pressure_mpa\n")
    assert "not searched" in record([open_file(tmp_path / "log.csv")], 2, window(0, 10)).unread[0]


def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pq.write_table(log(1, 20), tmp_path / "log.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "log.parquet").read_bytes()[:-30])
    found = record([open_file(tmp_path / name) for name in ("cut.parquet", "log.parquet")], 1, window(0, 60))
    assert len(found.legs[1][0]) == 20
    assert "cut.parquet" in found.unread[0]


def test_the_live_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    when = datetime(2026, 3, 1, 6, tzinfo=UTC)
    legs = [LegState(2, 1, when, 24.5, "set"), LegState(1, 2, when, math.nan, "gap")]
    write_state(tmp_path, legs)
    found = read_state(tmp_path)
    assert [leg.support for leg in found] == [1, 2]
    assert math.isnan(found[0].pressure_mpa)
    assert found[1] == legs[0]
    (tmp_path / FILE).write_text(
        '{"legs": [{"support": 1, "leg": 1, "ts": "2026-03-01T06:00:00", "pressure_mpa": 3}]}'
    )
    assert read_state(tmp_path)[0].ts == when


@pytest.mark.parametrize(
    "text",
    [None, "{", "5", "[1]", '[{"support": 1.5, "leg": 1}]', '[{"support": true, "leg": 1}]',
     '[{"support": 1, "leg": 1, "ts": "soon", "pressure_mpa": 1}]',
     '[{"support": 1, "leg": 1, "ts": "2026-03-01T06:00:00Z", "pressure_mpa": "high"}]', '{"legs": 5}', "x" * 5_000_000],
    ids=["absent", "cut", "number", "no-object", "half", "truth", "no-time", "word", "no-list", "huge"],
)  # fmt: skip
def test_what_is_no_state_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(BadInput):
        read_state(tmp_path)


LIMITS = {"yield_mpa": 40.0, "rated_setting_mpa": 25.2}


def said(
    legs: list[dict[str, object]], pair: dict[str, object] | None = None, limits: dict[str, float] = LIMITS
) -> dict[str, Verdict]:
    told = facts(legs, pair, leg_count=2, limits=limits)
    return {
        rule.rule_id: rule.outcome(told, datetime(2026, 3, 1, tzinfo=UTC).date()).verdict
        for rule in rows(shipped()).rows
    }


def leg(number: int, **changed: object) -> dict[str, object]:
    sound: dict[str, object] = {"leg": number, "setting_mpa": 25.0, "max_mpa": 29.0, "final_mpa": 28.0, "leak_mpa_per_min": 0.001,
             "low_s": 24.0, "yield_events": 0, "attempts": 1}  # fmt: skip
    return {**sound, **changed}


@pytest.mark.parametrize(
    ("legs", "pair", "standing"),
    [
        ([leg(1), leg(2)], {"imbalance": 0.1, "twap_mpa": 27.0}, set()),
        ([leg(1, setting_mpa=12.0), leg(2)], None, {"alarm.low-set"}),
        ([leg(1, max_mpa=33.0), leg(2)], None, {"alarm.load-normal"}),
        ([leg(1, max_mpa=38.0), leg(2)], None, {"alarm.load-severe"}),
        ([leg(1, final_mpa=8.0), leg(2)], {"imbalance": 0.6}, {"alarm.left-low", "alarm.imbalance"}),
        ([leg(1), leg(2, final_mpa=8.0)], None, {"alarm.right-low"}),
        ([leg(1, yield_events=2), leg(2, yield_events=1)], None, {"alarm.yields"}),
        ([leg(1, leak_mpa_per_min=0.2), leg(2)], None, {"alarm.leak"}),
        ([leg(1, low_s=500.0), leg(2)], None, {"alarm.slow-advance"}),
        ([leg(1, attempts=3), leg(2)], None, {"alarm.set-again"}),
        ([leg(1)], None, {"alarm.leg-silent"}),
    ],
    ids=["sound", "low", "normal", "severe", "left", "right", "yields", "leak", "slow", "again", "silent"],
)  # fmt: skip
def test_each_alarm_stands_where_it_should(
    legs: list[dict[str, object]], pair: dict[str, object] | None, standing: set[str]
) -> None:
    assert {name for name, verdict in said(legs, pair).items() if verdict is Verdict.FAIL} == standing


def test_what_the_data_do_not_tell_is_unknown() -> None:
    found = said([leg(1, leak_mpa_per_min=None), leg(2, leak_mpa_per_min=None)], limits={})
    unknown = {name for name, verdict in found.items() if verdict is Verdict.UNKNOWN}
    assert {"alarm.leak", "alarm.low-set", "alarm.load-severe", "alarm.imbalance"} <= unknown


def test_history_judges_legs_together_and_an_unverified_row_raises_nothing() -> None:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    cycles = [
        {"support": 4, "start": when + timedelta(hours=h, seconds=of), "end": when + timedelta(hours=h, minutes=50),
         **leg(of, **({"setting_mpa": 10.0, "final_mpa": 5.0} if h == 1 and of == 2 else {}))}
        for h in range(3) for of in (1, 2)
    ]  # fmt: skip
    found = history(pa.Table.from_pylist(cycles), None, shipped(), LIMITS, leg_count=2)
    assert {a.rule.rule_id: a.raised for a in found} == {"alarm.low-set": False, "alarm.right-low": True}
    assert all(a.at == when + timedelta(hours=1, minutes=50) for a in found)
    assert [members for _, members in grouped(found)] == [[a] for a in found]
    assert {a.flag for a in found} == {"LOW", "LP-R"}
    assert history(pa.Table.from_pylist(cycles), None, RuleSet([]), LIMITS, leg_count=2) == []
