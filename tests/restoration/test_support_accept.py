"""Acceptance of restored legs and valves: decisions at the limit by hand, tests that do not count, and the door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.restoration.decision import held
from recore.restoration.hydraulic_support.accept import accept
from recore.rules import RuleSet, shipped

SHIPPED = shipped("restoration")
# the shipped limits as if somebody had read them in the standard
VERIFIED = RuleSet(r.model_copy(update={"evidence_level": min(r.evidence_level, 3)}) for r in SHIPPED.rows)


def reading(
    name: str, value: float, unit: str = "MPa", u: float | None = None, **more: Any
) -> dict[str, Any]:
    return {"component": "leg 1", "kind": "leg", "reading": name, "value": value, "unit": unit, "u": u} | more


def hold(
    start: float, end: float, minutes: float = 5.0, u: float | None = 0.0, **more: Any
) -> list[dict[str, Any]]:
    return [reading("start", start, u=u, **more), reading("end", end, u=u, **more),
            reading("duration", minutes, "min", **more)]  # fmt: skip


def log(*points: tuple[float, float], **more: Any) -> list[dict[str, Any]]:
    return [
        {"component": "leg 1", "kind": "leg", "time_s": t, "pressure_mpa": p, "u_mpa": 0.0} | more
        for t, p in points
    ]


def judged(
    results: list[dict[str, Any]], samples: Any = (), **more: Any
) -> tuple[Any, dict[str, dict[str, Any]]]:
    result = accept({"results": results, "log": list(samples)}, **({"rules": VERIFIED} | more))
    return result, {row["test"]: row for row in result.tests.to_pylist()}


VALVE: dict[str, Any] = {"component": "yv 1", "kind": "yield valve"}


def valve(opening: float, closing: float, u: float = 0.0) -> list[dict[str, Any]]:
    return [
        reading("rated", 40.0, **VALVE),
        reading("opening", opening, u=u, **VALVE),
        reading("closing", closing, u=u, **VALVE),
    ]


@pytest.mark.parametrize(
    ("start", "end", "u", "verdict"),
    [
        (40.0, 39.2, 0.0, "pass"),  # exactly 2 %
        (40.0, 39.1, 0.0, "fail"),  # 2.25 %
        (40.0, 39.3, 0.1, "unknown"),  # 1.75 % ± 0.35 %
        (40.0, 39.6, 0.1, "pass"),
        (40.0, 38.0, 0.1, "fail"),
    ],
)
def test_hold_by_hand(start: float, end: float, u: float, verdict: str) -> None:
    _, rows = judged(hold(start, end, u=u))
    row = rows["leg-hold"]
    assert row["verdict"] == row["indication"] == verdict
    assert row["after"] == pytest.approx(100 * (start - end) / start)
    # both gauges' U through the ratio: 100 √((u/p₀)² + (p₁u/p₀²)²)
    assert row["u_after"] == pytest.approx(100 * ((u / start) ** 2 + (end * u / start**2) ** 2) ** 0.5)


def test_a_short_hold_is_no_test_and_a_long_one_cannot_fail() -> None:
    assert "held for 3 min" in judged(hold(40.0, 39.9, 3.0))[1]["leg-hold"]["why"]
    assert judged(hold(40.0, 39.9, 30.0))[1]["leg-hold"]["verdict"] == "pass"
    row = judged(hold(40.0, 38.0, 30.0))[1]["leg-hold"]
    assert (row["verdict"], "not fail" in row["why"]) == ("unknown", True)
    assert (
        judged([reading("pressure_drop", 1.0, "%"), reading("duration", 300, "s")])[1]["leg-hold"]["verdict"]
        == "pass"
    )
    assert "start and end" in judged([reading("duration", 5, "min")])[1]["leg-hold"]["why"]


def test_a_log_is_read_at_the_minute_that_the_row_asks() -> None:
    # 40 MPa, falling 0.2 MPa a minute: 1 MPa (2.5 %) at 5 min, between the samples at 4 and 6 min
    samples = log((0, 40.0), (120, 39.6), (240, 39.2), (360, 38.8), (3600, 20.0))
    row = judged([], samples)[1]["leg-hold"]
    assert (row["after"], row["verdict"]) == (pytest.approx(2.5), "fail")
    assert "held for 4 min" in judged([], samples[:3])[1]["leg-hold"]["why"]
    assert "without pressure" in judged([], log((0, 0.0), (400, 0.0)))[1]["leg-hold"]["why"]


def test_overload_fatigue_and_valve() -> None:
    more = [reading("load_factor", 1.5, "1"), reading("cycles", 20_999, "1")]
    result, rows = judged([*hold(40.0, 39.9), *more, *valve(44.0, 36.0)])
    found = {name: row["verdict"] for name, row in rows.items()}
    assert found == {
        "leg-hold": "pass", "leg-overload": "pass", "leg-fatigue": "fail", "yield-valve-opening": "pass",
        "yield-valve-closing": "pass",
    }  # fmt: skip
    assert (result.verdict, result.failed.value, result.components.value) == ("fail", 1, 2)
    _, rows = judged(valve(44.1, 35.9))
    assert {row["verdict"] for row in rows.values()} == {"fail"}
    # opening low is as wrong as opening high, and U makes both of them open
    assert judged(valve(35.0, 36.0))[1]["yield-valve-opening"]["verdict"] == "fail"
    assert {r["verdict"] for r in judged(valve(44.0, 36.0, 0.1))[1].values()} == {"unknown"}


def test_all_that_is_asked_passes() -> None:
    result, _ = judged(valve(40.0, 38.0))
    assert result.verdict == "pass"
    assert accept.draw is not None
    assert [row["verdict"] for row in accept.draw(result)["data"]["values"]] == ["pass", "pass"]


def test_a_level_5_limit_is_shown_and_never_decides() -> None:
    result, rows = judged(valve(60.0, 10.0), rules=SHIPPED)
    assert (result.verdict, result.failed.value) == ("unknown", 0)
    assert {row["indication"] for row in rows.values()} == {"fail"}
    assert "fails-unverified-limit" in {note.code for note in result.flags}
    assert all("evidence level 5" in row["why"] for row in rows.values())
    # the only limit with a published source does decide
    result, rows = judged([reading("load_factor", 1.4, "1", kind="ram")], rules=SHIPPED)
    assert rows["ram-extension-overload"]["verdict"] == result.verdict == "fail"


def test_before_and_after() -> None:
    was = [row | {"state": "before"} for row in valve(33.0, 38.0, 0.1)]
    result, rows = judged([*was, *valve(40.4, 38.5, 0.1)])
    assert (rows["yield-valve-opening"]["before"], rows["yield-valve-opening"]["change"]) == (
        17.5,
        "improved",
    )
    assert rows["yield-valve-closing"]["change"] == "improved"
    assert result.improved.value == 2
    result, rows = judged([*was, *valve(30.0, 38.0, 0.1)])
    assert rows["yield-valve-opening"]["change"] == "worse"
    assert rows["yield-valve-closing"]["change"] == "same"
    table = Table.of({"support": [17], "leg": [1], "fault": ["yield_low"], "value": [0.175], "unit": ["1"]})
    result = accept({"results": valve(40.0, 38.0)}, table, rules=VERIFIED)
    assert "yield_low 0.175" in next(note.text for note in result.flags if note.code == "fault-before")


def test_without_rows_no_verdict() -> None:
    with pytest.raises(Refusal, match="no-limits"):
        judged(valve(40.0, 38.0), rules=RuleSet(()))
    result, _ = judged([*valve(40.0, 38.0), reading("cycles", 1, "1", component="pin 1", kind="pin")])
    assert (result.verdict, result.open.value) == ("unknown", 1)


@settings(max_examples=25)
@given(st.floats(0, 100), st.floats(0, 10), st.floats(0, 100))
def test_least_is_most_mirrored(value: float, spread: float, limit: float) -> None:
    most = held(value, spread, limit)
    assert held(-value, spread, -limit, least=True) == most
    # a guard band only ever makes a decision open
    assert most == "unknown" or most == held(value, 0.0, limit)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"results": []}, "no reading after restoration"),
        ({"results": [reading("colour", 1.0)]}, "reading 'colour' is not known"),
        ({"results": [reading("opening", 1.0, "mm")]}, "is no pressure"),
        ({"results": [reading("start", 1.0), reading("start", 1.0)]}, "is given twice"),
        ({"results": [reading("start", -1.0)]}, "value"),
        ({"results": [reading("start", 1.0), reading("end", 1.0, kind="ram")]}, "is a leg and a ram"),
        ({"results": [reading("start", 1.0, state="later")]}, "state"),
        ({"log": log((0, 40.0), (0, 39.0))}, "does not come after"),
        ({"result": []}, "is not known"),
        (Table.of({"x": [1.0]}), "columns x are not known"),
    ],
)
def test_bad_input(document: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        accept(document)


def test_the_door(recore: Callable[..., Any], tmp_path: Path) -> None:
    rows = ["component,kind,reading,value,unit,u,state"]
    rows += [
        "<b>,yield valve,rated,400,bar,,",
        "<b>,yield valve,opening,40.1,MPa,0.05,",
        "<b>,yield valve,closing,38,MPa,,",
    ]
    (tmp_path / "results.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "log.csv").write_text(
        "component,kind,time_s,pressure_mpa\n"
        + "".join(f"leg 1,leg,{t},{40 - t / 3000}\n" for t in (0, 150, 300))
    )
    ended = recore(
        "run",
        "support.accept",
        tmp_path / "results.csv",
        tmp_path / "log.csv",
        "--json",
        "--out",
        tmp_path / "out",
    )
    assert ended.status == 0, ended.err
    assert ended.json["results"]["verdict"]["value"] == "unknown"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "0.25" in page
    assert accept.draw is not None
    (tmp_path / "results.csv").write_text("component,kind,reading,value\nleg 1,boot,start,1\n")
    ended = recore("run", "support.accept", tmp_path / "results.csv")
    assert ended.status == 2
    assert "kind" in ended.err
