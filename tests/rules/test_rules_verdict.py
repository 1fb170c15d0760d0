"""Ages, ladders and the verdict of a jurisdiction: the contract, boundaries, and no silent pass."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.rules import RuleSet, Verdict, decide
from recore.rules.age import age, anniversary, years_between
from recore.rules.row import Rule

DAY = date(2026, 12, 1)
days = st.dates(date(1950, 1, 1), date(2100, 12, 31))


def row(rule_id: str, domain: str, effect: str, predicate: Any = None, **more: Any) -> Rule:
    document = {
        "rule_id": rule_id,
        "jurisdiction": "XX",
        "domain": domain,
        "title": rule_id,
        "effect": effect,
        "valid_from": date(2020, 1, 1),
        "recorded_at": date(2020, 1, 1),
        "source": {"title": "a test", "retrieved": date(2026, 1, 1)},
        "evidence_level": 3,
        **more,
    }
    if predicate is not None:
        document["predicate"] = predicate
    return Rule.model_validate(document)


def cover(*questions: str, **more: Any) -> Rule:
    return row("xx.cover", "coverage", "cover", params={"questions": list(questions), **more})


def limit(years: int, basis: str = "build_year", rule_id: str = "xx.age", **more: Any) -> Rule:
    predicate = {"field": "age_years", "op": "<=", "value": years}
    return row(rule_id, "age", "require", predicate, params={"age_basis": basis}, **more)


def verdict(rules: list[Rule], facts: dict[str, Any], day: date = DAY) -> str:
    return str(decide(RuleSet(rules), facts, day, "XX").verdict)


@pytest.mark.parametrize(
    ("basis", "facts", "expected"),
    [
        ("build_year", {"build_year": 2016}, "pass"),
        ("build_year", {"build_year": 2015}, "fail"),
        ("build_year", {"build_date": "2016-12-31"}, "pass"),
        ("build_year", {"machine": {"build_year": 2015}}, "fail"),
        ("build_year", {}, "unknown"),
        ("build_date", {"build_date": "2016-12-01"}, "pass"),
        ("build_date", {"build_date": "2016-11-30"}, "fail"),
        ("build_date", {"build_year": 2020}, "unknown"),
        ("first_of_january", {"build_year": 2017}, "pass"),
        ("first_of_january", {"build_year": 2016}, "fail"),
        ("build_year", {"build_year": 2016, "build_date": "2015-01-01"}, "unknown"),
        ("build_year", {"build_year": 2031}, "unknown"),
    ],
)
def test_an_age_counts_by_its_basis(basis: str, facts: dict[str, Any], expected: str) -> None:
    assert verdict([cover("age"), limit(10, basis)], facts) == expected


def test_the_first_of_january_itself_is_still_allowed() -> None:
    rules = [cover("age"), limit(10, "first_of_january")]
    assert verdict(rules, {"build_year": 2016}, date(2026, 1, 1)) == "pass"
    assert verdict(rules, {"build_year": 2016}, date(2026, 1, 2)) == "fail"


def test_what_is_wanting_for_an_age_is_named() -> None:
    found = decide(RuleSet([cover("age"), limit(10, "build_date")]), {"build_year": 2020}, DAY, "XX")
    assert found.missing == ("build_date",)
    assert age({"build_year": True}, DAY).missing == ("build_year",)
    assert "after" in age({"build_date": "2027-01-01"}, DAY).text


@given(days, days)
def test_years_between_are_whole_on_anniversaries_only(one: date, other: date) -> None:
    first, day = sorted((one, other))
    years = years_between(first, day)
    assert (years == int(years)) == (anniversary(first, int(years)) == day)
    assert anniversary(first, int(years)) <= day < anniversary(first, int(years) + 1)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], "unknown"),
        ([limit(10)], "unknown"),
        ([cover("age"), limit(10)], "pass"),
        ([cover("age", "emission"), limit(10)], "unknown"),
        ([cover("age"), limit(10, valid_to=date(2026, 11, 30))], "unknown"),
        ([cover("age"), limit(10, valid_to=DAY)], "pass"),
        ([cover("age"), limit(10, valid_from=date(2026, 12, 2))], "unknown"),
        ([cover("age"), limit(10), limit(5, rule_id="xx.age2")], "unknown"),
        ([cover("age"), limit(10), limit(9, rule_id="xx.age2")], "pass"),
        ([cover("age"), limit(10, evidence_level=5)], "unknown"),
        ([cover("age"), limit(10), limit(5, rule_id="xx.age2", evidence_level=5)], "unknown"),
        ([cover("age"), limit(5), limit(10, rule_id="xx.age2", evidence_level=5)], "fail"),
        ([cover("age"), limit(10, conflicts_with=["xx.lost"])], "unknown"),
        ([cover("age"), limit(10, selector={"hs": ["8704"]})], "unknown"),
        ([cover("age"), limit(10), row("xx.ban", "prohibition", "block", {"all": []})], "fail"),
        ([cover("age"), limit(10), row("xx.note", "age", "warn", {"all": []})], "pass"),
        ([cover("charge"), row("xx.duty", "charge", "charge")], "unknown"),
        ([cover("age", "charge"), limit(10), row("xx.duty", "charge", "charge")], "pass"),
        ([cover("document"), row("xx.coc", "document", "document", params={"document": "coc"})], "unknown"),
    ],
)
def test_a_verdict(rules: list[Rule], expected: str) -> None:
    facts = {"build_year": 2018, "hs": "8429.52"}
    found = decide(RuleSet(rules), facts, DAY, "XX")
    assert str(found.verdict) == expected
    if expected == "unknown":
        assert found.missing or found.conflicts or any(a.judgement.text for a in found.answers)
    for _, rule, outcome in found.reasons():
        assert rule in rules
        assert outcome.text


def test_each_document_is_a_question_of_its_own() -> None:
    rules = [
        cover("document:coc", "document:bl"),
        *(
            row(
                f"xx.{name}",
                "document",
                "document",
                params={"document": name, "question": f"document:{name}"},
            )
            for name in ("coc", "bl")
        ),
    ]
    assert verdict(rules, {"evidence": {"coc": True, "bl": True}}) == "pass"
    assert verdict(rules, {"evidence": {"coc": True, "bl": False}}) == "fail"
    found = decide(RuleSet(rules), {"evidence": {"coc": True}}, DAY, "XX")
    assert (found.verdict, found.missing) == (Verdict.UNKNOWN, ("evidence.bl",))
    assert verdict(rules[:-1], {"evidence": {"coc": True, "bl": True}}) == "unknown"


def test_a_union_counts_for_its_members() -> None:
    member = cover("age", includes=["EU"])
    rules = [member, limit(5, jurisdiction="EU")]
    assert verdict(rules, {"build_year": 2018}) == "fail"
    assert verdict([cover("age"), rules[1]], {"build_year": 2018}) == "unknown"


def test_a_ladder_ranks_words() -> None:
    ladder = row(
        "ladder.emission", "ladder", "state", jurisdiction="*",
        params={"field": "emission_stage", "fact": "emission_rank", "steps": {"EU IIIA": 3, "China III": 3}},
    )  # fmt: skip
    demand = row("xx.emission", "emission", "require", {"field": "emission_rank", "op": ">=", "value": 3})
    rules = [cover("emission"), demand]
    assert verdict([*rules, ladder], {"emission_stage": "eu iiia"}) == "pass"
    assert verdict([*rules, ladder], {"emission_stage": "Tier 3"}) == "unknown"
    assert verdict(rules, {"emission_stage": "EU IIIA"}) == "unknown"
    other = ladder.model_copy(
        update={"rule_id": "ladder.other", "params": {**ladder.params, "steps": {"EU IIIA": 4}}}
    )
    assert verdict([*rules, ladder, other], {"emission_stage": "EU IIIA"}) == "unknown"


def test_what_was_recorded_later_does_not_speak_earlier() -> None:
    rules = RuleSet([cover("age"), limit(5, recorded_at=date(2026, 6, 1))])
    assert decide(rules, {"build_year": 2018}, DAY, "XX").verdict is Verdict.FAIL
    assert (
        decide(rules, {"build_year": 2018}, DAY, "XX", known_on=date(2026, 5, 31)).verdict is Verdict.UNKNOWN
    )
