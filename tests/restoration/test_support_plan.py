"""Repair plan of hydraulic supports: check values by hand and by brute force, the bound, hostile cases, and the door."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recore.restoration.hydraulic_support.case import PlanCase
from recore.restoration.hydraulic_support.columns import bound_of
from recore.restoration.hydraulic_support.options import options_of
from recore.restoration.hydraulic_support.plan import plan
from recore.restoration.hydraulic_support.planner import planned, repaired
from recore.restoration.hydraulic_support.usage import keeps_limits
from recore.restoration.hydraulic_support.verify import verify_plan
from recore.rules.table import toml_value
from recore.simulate.repair import repair_case

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from support_plan_milp import straight

FAR = 1e12


def case_of(**changes: Any) -> dict[str, Any]:
    """One support, one leg, two periods: small enough for a pencil."""
    case: dict[str, Any] = {
        "plan": {
            "currency": "CNY", "periods": 2, "budget": [1000.0, 1000.0], "hours": [10.0, 10.0],
            "max_supports_out": 1, "max_adjacent_out": 1, "setup_cost": 5.0, "setup_hours": 1.0,
        },
        "action": [{"kind": "leg", "name": "replace", "cost": 20.0, "hours": 2.0, "age_factor": 0.0}],
        "component": [
            {"support": 1, "name": "leg 1", "kind": "leg", "age": 4.0, "shape": 2.0, "scale": 10.0, "severity": 2.0,
             "failure_cost": 100.0}
        ],
    }  # fmt: skip
    for name, value in changes.items():
        table, _, field = name.partition("__")
        if field:
            (case[table] if table == "plan" else case[table][0])[field] = value
        else:
            case[table] = value
    return case


def rows_of_plan(result: Any) -> list[tuple[int, str, str, int | None]]:
    return [(r["support"], r["component"], r["action"], r["period"]) for r in result.plan.to_pylist()]


def ran(case: dict[str, Any], **more: Any) -> Any:
    return plan(PlanCase.model_validate(case), progress=lambda share, doing: None, **more)


def toml(case: dict[str, Any]) -> str:
    lines = ["[plan]", *(f"{name} = {toml_value(value)}" for name, value in case["plan"].items())]
    for table in ("action", "spare", "component"):
        for row in case.get(table, []):
            lines += [f"[[{table}]]", *(f"{name} = {toml_value(value)}" for name, value in row.items())]
    return "\n".join(lines) + "\n"


def brute_force(case: dict[str, Any]) -> float:
    """Least cost over every plan there is, each judged by the verifier."""
    read = PlanCase.model_validate(case)
    periods = range(1, read.plan.periods + 1)
    choices = [
        [("keep", None), *((a.name, t) for a in read.action if a.kind == part.kind for t in periods)]
        for part in read.component
    ]
    best = FAR
    for picked in itertools.product(*choices):
        told = [
            (part.support, part.name, action, period)
            for part, (action, period) in zip(read.component, picked, strict=True)
        ]
        checked = verify_plan(read, told)
        if not checked.faults:
            best = min(best, checked.total_cost)
    return best


def test_the_check_value_by_hand() -> None:
    # kept: 200 × (0.6² − 0.4²) = 40; replaced at once: 200 × 0.2² = 8, action 20, set-up 5
    result = ran(case_of())
    assert result.total_cost.value == pytest.approx(33.0, abs=1e-9)
    assert result.cost_if_kept.value == pytest.approx(40.0, abs=1e-9)
    assert (result.total_cost.unit, result.gap.value) == ("CNY", pytest.approx(0.0, abs=1e-12))
    assert rows_of_plan(result) == [(1, "leg 1", "replace", 1)]
    assert result.limits.to_pylist()[0]["spend"] == 25.0
    assert result.limits.to_pylist()[0]["hours"] == 3.0


def test_what_is_done_in_the_second_period_finds_an_older_part() -> None:
    # until then 200 × (0.5² − 0.4²) = 18, afterwards 200 × 0.1² = 2: 45 with action and set-up, so it is kept at 40
    late = ran(case_of(plan__budget=[0.0, 1000.0]))
    assert late.total_cost.value == pytest.approx(40.0, abs=1e-9)
    cheaper = case_of(plan__budget=[0.0, 1000.0])
    cheaper["action"][0]["cost"] = 10.0
    found = ran(cheaper)
    assert found.total_cost.value == pytest.approx(35.0, abs=1e-9)
    assert rows_of_plan(found) == [(1, "leg 1", "replace", 2)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": []}, "knows no action for a leg"),
        ({"plan__setup_cost": 15.0}, "does not carry the set-up of 15.00"),
        ({"action__cost": 50.0}, "it does not pay"),
        ({"plan__budget": [24.0, 24.0]}, "24.00 of the budget of period 1 are left for 25.00"),
        ({"plan__hours": [2.5, 2.5]}, "2.5 h of period 1 are left for 3.0 h"),
        ({"plan__max_supports_out": 0}, "0 supports are out in period 1"),
        ({"plan__max_adjacent_out": 0}, "more than 0 neighbours would be out in a row"),
        ({"action__spare": "leg", "spare": [{"name": "leg", "arrivals": [0, 0]}]}, "no spare 'leg' is left"),
    ],
    ids=["no-action", "set-up", "dear", "budget", "hours", "out", "adjacent", "spare"],
)
def test_why_not(changes: dict[str, Any], words: str) -> None:
    result = ran(case_of(**changes))
    (row,) = result.plan.to_pylist()
    assert (row["action"], row["period"]) == ("keep", None)
    assert words in row["reason"]
    assert "expected failures cost 40.00 CNY" in row["reason"]


def test_an_open_support_is_worth_sharing() -> None:
    case = case_of(plan__setup_cost=15.0)
    case["component"].append(case["component"][0] | {"name": "leg 2"})
    result = ran(case)
    assert [row[2:] for row in rows_of_plan(result)] == [("replace", 1), ("replace", 1)]
    assert "shared with 1 more" in result.plan.to_pylist()[0]["reason"]


SMALL = [repair_case(seed, shape_of=(2, 2, 2), tightness=t) for seed, t in ((1, 0.9), (2, 2.0), (3, 0.6))]


def dear(case: dict[str, Any], seed: int) -> dict[str, Any]:
    """Failures dear enough that much pays, so that limits bind."""
    rng = np.random.default_rng(seed)
    for part in case["component"]:
        part["failure_cost"] = round(part["failure_cost"] * float(rng.uniform(2, 6)), 2)
    return case


@pytest.mark.parametrize("number", range(3))
def test_small_cases_equal_brute_force(number: int) -> None:
    case = dear(SMALL[number], number)
    case["action"] = [a for a in case["action"] if a["name"] != "clad"]
    case["plan"]["max_adjacent_out"] = 1
    result = ran(case)
    assert result.total_cost.value == pytest.approx(brute_force(case), rel=1e-9)
    assert result.gap.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_as_good_as_one_straight_programme(seed: int) -> None:
    case = dear(repair_case(seed, shape_of=(5, 4, 4), tightness=0.7), seed)
    upper, lower, chosen = straight(case, seconds=300.0)
    result = ran(case)
    assert result.total_cost.value <= upper * (1 + 1e-9)
    assert result.total_cost.value >= lower - 1e-3 - 2e-6 * upper
    assert result.lower_bound.value <= upper * (1 + 1e-9)
    read = PlanCase.model_validate(case)
    theirs = [(p.support, p.name, *chosen.get((p.support, p.name), ("keep", None))) for p in read.component]
    checked = verify_plan(read, theirs)
    assert checked.faults == ()
    assert checked.total_cost == pytest.approx(upper, rel=1e-9)


@pytest.fixture(scope="module")
def medium() -> tuple[PlanCase, Any]:
    read = PlanCase.model_validate(repair_case(4, shape_of=(30, 8, 8), tightness=0.4))
    return read, plan(read, seconds=600.0, rounds=6, progress=lambda share, doing: None)


def test_a_plan_that_binds_keeps_every_limit_and_says_its_gap(medium: tuple[PlanCase, Any]) -> None:
    read, result = medium
    checked = verify_plan(read, rows_of_plan(result))
    assert checked.faults == ()
    assert checked.total_cost == pytest.approx(result.total_cost.value, rel=1e-12)
    upper, lower = result.total_cost.value, result.lower_bound.value
    assert 0 <= result.gap.value == pytest.approx((upper - lower) / upper, abs=1e-12)
    assert result.gap.value < 0.02
    assert upper < result.cost_if_kept.value
    assert "ended-by-clock" not in {note.code for note in result.flags}
    rows = result.spares.to_pylist()
    assert all(row["left"] >= 0 for row in rows)
    assert all(r["reason"] for r in result.plan.to_pylist())


def test_rounds_not_the_clock_make_it_the_same_again(medium: tuple[PlanCase, Any]) -> None:
    read, result = medium
    again = plan(read, seconds=600.0, rounds=6, progress=lambda share, doing: None)
    assert rows_of_plan(again) == rows_of_plan(result)


def test_every_broken_plan_is_told(medium: tuple[PlanCase, Any]) -> None:
    """175 mutations that break a rule each; none may pass."""
    read, result = medium
    good = rows_of_plan(result)
    rng = np.random.default_rng(0)
    acted = [n for n, row in enumerate(good) if row[3] is not None]
    kept = [n for n, row in enumerate(good) if row[3] is None]
    names = {(a.kind, a.name) for a in read.action}
    wrong: list[list[Any]] = []
    for _ in range(25):
        n, m = int(rng.choice(acted)), int(rng.choice(kept))
        support, component, action, _ = good[n]
        replace = [(n, (support, component, action, read.plan.periods + 1)), (n, (support, component, action, 0)),
                   (n, (support, component, "polish", 1)), (m, (*good[m][:3], 2)), (n, (9999, component, action, 1))]  # fmt: skip
        wrong += [[*good[:at], row, *good[at + 1 :]] for at, row in replace]
        wrong += [[*good[:n], *good[n + 1 :]], [*good, good[m]]]
    assert ("polish",) not in names
    assert all(verify_plan(read, told).faults for told in wrong)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("plan", "budget"), lambda use: [u.spend - Decimal("0.01") for u in use], "spent, at most"),
        (("plan", "hours"), lambda use: [u.hours - Decimal("0.01") for u in use], "hours, at most"),
        (
            ("plan", "max_supports_out"),
            lambda use: max(u.supports_out for u in use) - 1,
            "supports out, at most",
        ),
        (("plan", "max_adjacent_out"), lambda use: max(u.longest_run for u in use) - 1, "in a row, at most"),
    ],
    ids=["budget", "hours", "out", "adjacent"],
)
def test_a_limit_one_step_tighter_is_broken(
    medium: tuple[PlanCase, Any], path: tuple[str, str], value: Callable[[Any], Any], words: str
) -> None:
    read, result = medium
    use = verify_plan(read, rows_of_plan(result)).periods
    tighter = value(use)
    limit = tuple(max(v, Decimal(0)) for v in tighter) if isinstance(tighter, list) else tighter
    broken = read.model_copy(update={"plan": read.plan.model_copy(update={path[1]: limit})})
    assert any(words in fault for fault in verify_plan(broken, rows_of_plan(result)).faults)


def test_a_repaired_plan_keeps_the_limits_whatever_it_was() -> None:
    options = options_of(PlanCase.model_validate(repair_case(5, shape_of=(20, 6, 6), tightness=0.3)))
    bound = bound_of(options, until=FAR)
    rng = np.random.default_rng(5)
    k, n, acts, periods = options.shape
    for _ in range(5):
        options_there = np.where(options.possible.reshape(k, n, -1), rng.random((k, n, acts * periods)), -1.0)
        wild = np.where(options_there.max(axis=2) > 0, options_there.argmax(axis=2), -1)
        assert not keeps_limits(options, bound.rows, wild)
        assert keeps_limits(options, bound.rows, repaired(options, bound, wild))


def test_loose_limits_are_solved_to_the_end() -> None:
    options = options_of(PlanCase.model_validate(repair_case(6, shape_of=(40, 6, 8), tightness=50.0)))
    found = planned(options, seconds=600.0, rounds=0, seed=1)
    assert found.gap <= 1e-9


def test_neighbours_are_consecutive_numbers() -> None:
    """Supports 1, 2 and 4: two of the first pair may not be out together, the fourth may with either."""
    case = case_of(plan__max_supports_out=3, plan__periods=1, plan__budget=[1000.0], plan__hours=[100.0])
    case["component"] = [case["component"][0] | {"support": k, "age": 30.0} for k in (1, 2, 4)]
    assert sorted(row[0] for row in rows_of_plan(ran(case)) if row[3]) in ([1, 4], [2, 4])
    case["plan"]["max_adjacent_out"] = 2
    assert [row[0] for row in rows_of_plan(ran(case)) if row[3]] == [1, 2, 4]


def test_tenths_add_up_to_the_limit() -> None:
    """0.1 + 0.2 is 0.3 in a budget, whatever doubles make of it."""
    case = case_of(
        plan__periods=1, plan__budget=[0.3], plan__hours=[3.0], plan__setup_cost=0.1, action__cost=0.2
    )
    assert rows_of_plan(ran(case)) == [(1, "leg 1", "replace", 1)]


def test_spares_carry_over_and_are_not_taken_before_they_come() -> None:
    case = case_of(action__spare="leg", spare=[{"name": "leg", "arrivals": [0, 1]}], action__cost=1.0)
    assert rows_of_plan(ran(case)) == [(1, "leg 1", "replace", 2)]
    case["spare"][0]["arrivals"] = [1, 0]
    case["plan"]["budget"] = [0.0, 1000.0]
    assert rows_of_plan(ran(case)) == [(1, "leg 1", "replace", 2)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan__budget": [1.0]}, "budget has 1 values; one per period, 2, is wanted"),
        ({"plan__hours": [1.0, -2.0]}, "plan: hours.value 2 = -2.0"),
        ({"plan__periods": 0}, "plan: periods = 0"),
        ({"plan__periods": 17}, "plan: periods = 17"),
        ({"plan__periods": 2.5}, "plan: periods = 2.5"),
        ({"plan__currency": "YEN"}, "currency code"),
        ({"plan__max_supports_out": -1}, "max_supports_out = -1"),
        ({"plan__setup_hours": float("nan")}, "setup_hours"),
        ({"action__hours": -1.0}, "action 1 (leg, replace): hours = -1.0"),
        ({"action__age_factor": 1.5}, "action 1 (leg, replace): age_factor = 1.5"),
        ({"action__spare": "seal"}, "spare = 'seal' is no [[spare]]; known: none"),
        ({"action__name": "keep"}, "name = 'keep'"),
        ({"action__colour": "red"}, "action 1 (leg, replace): colour is not known"),
        ({"spare": [{"name": "leg", "arrivals": [1]}]}, "spare 1 (leg): arrivals has 1 values"),
        ({"spare": [{"name": "leg", "arrivals": [1, -1]}]}, "arrivals.value 2 = -1"),
        ({"component__shape": 0.0}, "component 1 (support 1, leg 1): shape = 0.0"),
        ({"component__scale": -3.0}, "component 1 (support 1, leg 1): scale = -3.0"),
        ({"component__age": "old"}, "component 1 (support 1, leg 1): age = 'old'"),
        ({"component__age": True}, "component 1 (support 1, leg 1)"),
        ({"component__support": 1.5}, "support = 1.5"),
        ({"component__severity": -1.0}, "severity = -1.0"),
        ({"component__failure_cost": -1}, "failure_cost = -1"),
        ({"component__shape": 90.0, "component__age": 1e6}, "beyond 10^15"),
        ({"component": []}, "component"),
        ({"component": [case_of()["component"][0]] * 2}, "stands already as component 1"),
        ({"action": case_of()["action"] * 2}, "stands already as action 1"),
        ({"component": ["leg"]}, "component 1"),
    ],
)  # fmt: skip
def test_a_hostile_case_is_told_by_row_and_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PlanCase.model_validate(case_of(**changes))
    assert words in str(caught.value)


def test_a_missing_field_is_named() -> None:
    case = case_of()
    del case["component"][0]["scale"]
    del case["plan"]["max_supports_out"]
    with pytest.raises(ValidationError) as caught:
        PlanCase.model_validate(case)
    assert "component 1 (support 1, leg 1): scale is missing" in str(caught.value)
    assert "plan: max_supports_out is missing" in str(caught.value)


def test_too_large_is_told() -> None:
    part = case_of()["component"][0]
    many = case_of(component=[part | {"name": str(n)} for n in range(201)])
    with pytest.raises(ValidationError, match="at most 200"):
        PlanCase.model_validate(many)
    wide = case_of(component=[part | {"support": n} for n in range(2001)])
    with pytest.raises(ValidationError, match="at most 2000"):
        PlanCase.model_validate(wide)


def test_the_door(recore: Callable[..., Any], tmp_path: Path) -> None:
    case = repair_case(7, "small", tightness=1.0)
    case["component"].append(case["component"][0] | {"name": "lamp", "kind": "lamp"})
    file = tmp_path / "case.toml"
    file.write_text(toml(case), encoding="utf-8")
    ended = recore("run", "support.plan", file, "--json", "--out", tmp_path / "out")
    assert ended.status == 0, ended.err
    found = ended.json
    assert found["results"]["total_cost"]["unit"] == "CNY"
    assert found["results"]["gap"]["value"] <= 1e-4
    assert "kind-without-action" in {flag["code"] for flag in found["flags"]}
    rows = pq.read_table(tmp_path / "out" / "plan.parquet").to_pylist()
    assert list(rows[0]) == ["support", "component", "action", "period", "reason"]
    told = [(r["support"], r["component"], r["action"], r["period"]) for r in rows]
    checked = verify_plan(PlanCase.model_validate(case), told)
    assert checked.faults == ()
    assert checked.total_cost == pytest.approx(found["results"]["total_cost"]["value"], rel=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (toml(case_of(component__shape=-1.0)), "component 1 (support 1, leg 1): shape = -1.0"),
        ("[plan\n", "not TOML"),
        ("", "empty"),
    ],
    ids=["row", "toml", "empty"],
)
def test_the_door_says_what_is_wrong(
    recore: Callable[..., Any], tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "case.toml"
    file.write_text(text, encoding="utf-8")
    ended = recore("run", "support.plan", file)
    assert ended.status == 2
    assert "case.toml" in ended.err
    assert words in ended.err


def test_text_that_is_no_utf8_is_told(recore: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_bytes(b'[plan]\ncurrency = "\xff"\n')
    ended = recore("run", "support.plan", file)
    assert ended.status == 2
    assert "is not UTF-8" in ended.err


def test_the_plot_shows_plan_and_limits(medium: tuple[PlanCase, Any]) -> None:
    _, result = medium
    assert plan.draw is not None
    drawn = plan.draw(result)
    spend, hours, gantt = drawn["vconcat"]
    assert spend["data"]["values"][0] == {
        name: result.limits.to_pylist()[0][name] for name in ("period", "spend", "budget")
    }
    assert len(hours["data"]["values"]) == 8
    assert len(gantt["data"]["values"]) == result.openings.value


def test_what_the_clock_ends_is_flagged_and_still_keeps_the_limits() -> None:
    read = PlanCase.model_validate(repair_case(8, shape_of=(40, 12, 12), tightness=0.2))
    result = plan(read, seconds=1.0, progress=lambda share, doing: None)
    assert verify_plan(read, rows_of_plan(result)).faults == ()
    assert "ended-by-clock" in {note.code for note in result.flags}
    assert result.lower_bound.value <= result.total_cost.value
