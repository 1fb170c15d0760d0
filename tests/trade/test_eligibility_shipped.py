"""What the shipped rows say: golden cases, every outcome with its source, and no silent pass when rows are lost."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from eligibility_rows import DAY, ask, codes, machine

from recore.rules import RuleSet, check, shipped
from recore.trade.asked import destinations
from recore.trade.eligibility_known import known_table, markdown

PAGE = Path(__file__).parents[2] / "docs" / "eligibility.md"
TRADE = Path(check.__code__.co_filename).parent / "data" / "trade"

VIETNAM = {
    "use": "production",
    "evidence": {
        "direct-use-in-production": True,
        "qcvn-tcvn-g7-korea-standard": True,
        "assessment-certificate": True,
    },
}
KENYA = {"road_vehicle": False, "evidence": {"certificate-of-conformity": True}}
EUROPE = {"emission_stage": "EU Stage V"}
AMERICA = {"evidence": {"epa-emission-label": True, "epa-form-3520-21": True}}
AUSTRALIA = {"evidence": {"clean-of-biosecurity-risk": True, "import-permit": True}}


def shipped_verdict(country: str, day: str = "2026-12-01", **facts: Any) -> str | None:
    return ask(None, machine(**facts), country=country, shipment_date=date.fromisoformat(day)).verdict


def test_the_shipped_rows_are_sound() -> None:
    assert [str(p) for p in check(TRADE, as_of=date(2026, 11, 22)) if p.severity == "error"] == []


def test_at_least_24_destinations_and_the_ones_of_the_brief() -> None:
    places = destinations(shipped().known(), "all")
    assert len(places) >= 24
    wanted = "VN ID BR SA KE NG RU KZ PH PE EU TZ CD CI AE UZ LY TH MY DE ZA"
    assert set(wanted.split()) <= set(places)


@pytest.mark.parametrize(
    ("year", "day", "verdict"),
    [
        (2016, "2026-12-31", "pass"),
        (2015, "2026-01-01", "fail"),
        (2016, "2027-01-01", "fail"),
        (2017, "2027-01-01", "pass"),
    ],
)
def test_vietnam_counts_ten_calendar_years(year: int, day: str, verdict: str) -> None:
    assert shipped_verdict("VN", day, build_year=year, **VIETNAM) == verdict


def test_vietnam_wants_use_in_production_and_papers() -> None:
    assert shipped_verdict("VN", **{**VIETNAM, "use": "resale"}) == "fail"
    bare = ask(None, machine())
    assert bare.verdict == "unknown"
    assert set(bare.missing or ()) == {"use", *(f"evidence.{name}" for name in VIETNAM["evidence"])}
    assert bare.documents_to_obtain == 1
    assert shipped_verdict("VN", hs="8704.23", **VIETNAM) == "unknown"


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"build_year": 2001}, "pass"),
        ({"build_year": 2019, "road_vehicle": True, "hs": "8704.23", "left_hand_drive": False}, "pass"),
        ({"build_year": 2018, "road_vehicle": True, "hs": "8704.23", "left_hand_drive": False}, "unknown"),
        ({"build_year": 2017, "road_vehicle": True, "hs": "8704.23", "left_hand_drive": False}, "fail"),
        ({"build_year": 2024, "road_vehicle": True, "hs": "8704.23", "left_hand_drive": True}, "unknown"),
        ({"road_vehicle": None}, "unknown"),
        ({"evidence": {"certificate-of-conformity": False}}, "fail"),
    ],
)
def test_kenya_asks_the_road_for_eight_years(facts: dict[str, Any], verdict: str) -> None:
    assert shipped_verdict("KE", **{**KENYA, **facts}) == verdict


@pytest.mark.parametrize(
    ("year", "verdict", "conflict"), [(2024, "unknown", 0), (2019, "unknown", 1), (2009, "fail", 0)]
)
def test_saudi_trucks_stay_open_where_the_news_contradict(year: int, verdict: str, conflict: int) -> None:
    result = ask(None, machine(hs="8704.23", build_year=year), country="SA")
    assert (result.verdict, result.conflicts) == (verdict, conflict)
    said = {r["rule_id"]: r["outcome"] for r in result.reasons.to_pylist() if r["question"] == "age"}
    assert set(said) == {"sa.age.trucks-5", "sa.age.trucks-10", "sa.age.heavy-15"}
    if conflict:
        assert (said["sa.age.trucks-5"], said["sa.age.trucks-10"]) == ("fail", "pass")
        assert "contradiction" in codes(result)


def test_europe_asks_for_the_new_regulation_from_20_january_2027() -> None:
    old = {**EUROPE, "evidence": {"eu-declaration-2006-42": True}}
    new = {**EUROPE, "evidence": {"eu-declaration-2023-1230": True}}
    for country in ("EU", "DE", "PL"):
        assert shipped_verdict(country, "2027-01-19", **old) == "pass"
        assert shipped_verdict(country, "2027-01-20", **old) == "unknown"
        assert shipped_verdict(country, "2027-01-20", **new) == "pass"
        assert shipped_verdict(country, "2027-01-19", **new) == "unknown"
    assert ask(None, machine(**old), country="DE", shipment_date=date(2027, 1, 19)).expires_on == "2027-01-19"


def test_europe_takes_back_what_it_sold() -> None:
    back = {"evidence": {"previously-on-eu-market": True}, "emission_stage": "EU Stage IIIA"}
    assert shipped_verdict("DE", "2027-06-01", **back) == "pass"
    fresh = {"evidence": {"previously-on-eu-market": False, "eu-declaration-2023-1230": True}}
    assert shipped_verdict("DE", "2027-06-01", emission_stage="China IV", **fresh) == "fail"


@pytest.mark.parametrize(
    ("country", "facts"), [("US", AMERICA), ("AU", AUSTRALIA), ("KE", KENYA), ("VN", VIETNAM)]
)
def test_a_whole_file_passes_where_every_question_is_answered(country: str, facts: dict[str, Any]) -> None:
    assert shipped_verdict(country, **facts) == "pass"


def test_where_nothing_is_known_everything_is_unknown() -> None:
    everything = machine(
        road_vehicle=False,
        condition="used",
        use="production",
        emission_stage="EU Stage V",
        mass_kg=22000,
        power_kw=110,
    )
    nothing = [
        line["country"]
        for line in known_table(shipped(), DAY)
        if set(line.values()) == {line["country"], "open"}
    ]
    assert {"AE", "CD", "UZ"} <= set(nothing)
    result = ask(None, everything, country=",".join(nothing))
    assert result.unknown == len(nothing)


def test_thailand_bars_used_passenger_vehicles_and_uganda_lets_earth_movers_in() -> None:
    assert shipped_verdict("TH", hs="8703.23", condition="used") == "fail"
    result = ask(None, machine(build_year=1995), country="UG")
    assert [r["outcome"] for r in result.reasons.to_pylist() if r["rule_id"] == "ug.age.15"] == ["pass"]
    for written in ("8705.10", "87.05.10", "870510", "87 05 10"):
        crane = machine(build_year=1995, hs=written, road_vehicle=True)
        said = ask(None, crane, country="UG").reasons.to_pylist()
        assert [r["outcome"] for r in said if r["rule_id"] == "ug.age.15"] == ["pass"], written


def test_the_chinese_side_is_open_about_licences() -> None:
    result = ask(None, machine(**KENYA), country="KE", origin="CN")
    assert result.verdict == "unknown"
    [paper] = [d for d in result.documents.to_pylist() if d["document"] == "customs-declaration"]
    assert paper["deadline"] == date(2026, 11, 30)


def _samples() -> list[dict[str, Any]]:
    evidence = {k: v for facts in (VIETNAM, KENYA, AMERICA, AUSTRALIA) for k, v in facts["evidence"].items()}
    whole = machine(
        use="production", road_vehicle=False, condition="used", emission_stage="EU Stage V", evidence=evidence
    )
    whole["evidence"] |= {"eu-declaration-2006-42": True}
    truck = {**whole, "hs": "8704.23", "road_vehicle": True, "build_year": 2019, "left_hand_drive": False}
    return [whole, machine(build_year=2009), truck, {**truck, "hs": "8705.10", "build_year": 2012}]


def test_every_outcome_cites_row_and_source() -> None:
    result = ask(None, *_samples(), country="all")
    for reason in result.reasons.to_pylist():
        assert reason["rule_id"]
        assert reason["source"]
        assert reason["text"]
    assert set(result.verdicts["country"].to_pylist()) == set(result.reasons["country"].to_pylist())


def test_a_lost_or_expired_row_never_makes_a_silent_pass() -> None:
    known = shipped().known()
    rows = [rule for rule in known.rows if rule.rule_id.split(".")[0].upper() in destinations(known, "all")]
    samples = _samples()
    before = {
        (x["machine"], x["country"]): x["verdict"]
        for x in ask(RuleSet(rows), *samples, country="all").verdicts.to_pylist()
    }
    assert {"pass", "fail", "unknown"} == set(before.values())
    relied = {r["rule_id"] for r in ask(RuleSet(rows), *samples, country="all").reasons.to_pylist()}
    tried = 0
    for lost in rows:
        if lost.rule_id not in relied and lost.effect != "cover":
            continue
        expired = lost.model_copy(
            update={"valid_to": DAY - timedelta(days=1), "valid_from": date(2001, 1, 1)}
        )
        country = lost.jurisdiction if lost.jurisdiction != "EAEU" else "RU"
        for left in ([r for r in rows if r is not lost], [expired if r is lost else r for r in rows]):
            for x in ask(RuleSet(left), *samples, country=country).verdicts.to_pylist():
                tried += 1
                was = before[x["machine"], country]
                assert not (x["verdict"] == "pass" and was != "pass"), (lost.rule_id, x)
                if (
                    was == "pass"
                    and lost.effect != "warn"
                    and _rests(lost, samples[x["machine"] - 1], country, rows)
                ):
                    assert x["verdict"] == "unknown", (lost.rule_id, x)
    assert tried > 500


def _rests(lost: Any, facts: dict[str, Any], country: str, rows: list[Any]) -> bool:
    if lost.effect == "cover":
        return True
    reasons = ask(RuleSet(rows), facts, country=country).reasons.to_pylist()
    return lost.rule_id in [r["rule_id"] for r in reasons if r["valid_to"] is None or r["valid_to"] >= DAY]


def test_the_page_shows_what_the_rules_know() -> None:
    assert markdown(shipped(), date(2026, 12, 1)) in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_thousand_machines_in_thirty_countries() -> None:
    places = ",".join(destinations(shipped().known(), "all")[:30])
    many = [
        {**facts, "build_year": 2005 + n % 20, "mass_kg": 1000.0 + n}
        for n in range(250)
        for facts in _samples()
    ]
    started = time.process_time()
    result = ask(None, *many, country=places)
    assert result.verdicts.num_rows == 30_000
    assert time.process_time() - started < 45, "3 s on a quiet machine"
