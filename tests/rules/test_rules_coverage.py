"""A jurisdiction's verdict: what must be answered, on the day asked and as it was known on a day."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest
from test_rules_table import row

from recore import rules
from recore.errors import BadInput
from recore.rules import Decision, Rule, RuleSet, Verdict, areas_of, decide, expiring
from recore.rules.many import decide_many

DAY = date(2026, 6, 1)
FACTS = {"hs": "8429.52", "build_year": 2020, "evidence": {"coc": True}}


def cover(*questions: str, rule_id: str = "cover", **changes: Any) -> dict[str, Any]:
    params = {"questions": list(questions)} | changes.pop("params", {})
    document = {
        "domain": "coverage",
        "effect": "cover",
        "selector": {},
        "predicate": ...,
        "valid_to": ...,
        "test_vectors": [],
    }
    return row(rule_id, **(document | {"params": params} | changes))


def paper(name: str, **changes: Any) -> dict[str, Any]:
    document = {
        "domain": "document",
        "effect": "document",
        "predicate": ...,
        "selector": {},
        "valid_to": ...,
        "test_vectors": [],
    }
    return row(
        f"doc.{name}", **(document | {"params": {"document": name, "question": f"document:{name}"}} | changes)
    )


def verdict(
    *rows: dict[str, Any],
    day: date = DAY,
    known_on: date | None = None,
    facts: dict[str, Any] = FACTS,
    place: str = "VN",
) -> Decision:
    found = decide(RuleSet.from_json(list(rows)), facts, day, place, known_on=known_on)
    many = decide_many(RuleSet.from_json(list(rows)), [facts], day, [place], known_on=known_on)
    assert many.verdict(0, place) is found.verdict
    assert many.table["missing"].to_pylist() == [list(found.missing)]
    assert many.reasons()["text"].to_pylist() == [outcome.text for _, _, outcome in found.reasons()]
    return found


AGE = row()


def test_what_is_covered_and_answered_passes() -> None:
    found = verdict(AGE, cover("age"))
    assert found.verdict is Verdict.PASS
    assert [(question, rule.rule_id) for question, rule, _ in found.reasons()] == [("age", "age.vn")]
    assert verdict(AGE, paper("coc"), cover("age", "document:coc")).verdict is Verdict.PASS


def test_without_cover_or_without_answer_it_is_unknown() -> None:
    found = verdict(AGE)
    assert (found.verdict, found.missing) == (Verdict.UNKNOWN, ("rule row: coverage of VN",))
    found = verdict(AGE, cover("age", "emission"))
    assert (found.verdict, found.missing) == (Verdict.UNKNOWN, ("rule row: emission",))
    assert [(q, r.rule_id, o.verdict) for q, r, o in found.reasons()][-1] == (
        "emission",
        "cover",
        Verdict.UNKNOWN,
    )
    assert verdict(AGE, cover("age"), facts={"hs": "8429"}).missing == ("build_year",)
    assert verdict(AGE, cover("age", valid_to="2026-05-31")).verdict is Verdict.UNKNOWN


def test_an_objection_is_heard_although_nobody_asks() -> None:
    stolen = row(
        "stolen",
        domain="prohibition",
        effect="block",
        predicate={"field": "stolen", "op": "==", "value": True},
        selector={},
        params={},
    )
    assert verdict(AGE, stolen, cover("age"), facts=FACTS | {"stolen": True}).verdict is Verdict.FAIL
    # and is open while the fact is not stated
    assert verdict(AGE, stolen, cover("age")).missing == ("stolen",)
    loan = row(
        "loan",
        domain="finance",
        effect="block",
        predicate={"field": "stolen", "op": "==", "value": True},
        selector={},
        params={},
    )
    assert verdict(AGE, loan, cover("age"), facts=FACTS | {"stolen": True}).verdict is Verdict.PASS
    assert verdict(AGE, loan, cover("age", "finance"), facts=FACTS | {"stolen": True}).verdict is Verdict.FAIL


def test_customs_unions_count() -> None:
    union = row("eu.age", jurisdiction="EU")
    member = cover("age", params={"includes": ["EU", "EU"]})
    assert verdict(union, member).verdict is Verdict.PASS
    assert verdict(union, cover("age")).verdict is Verdict.UNKNOWN
    some = RuleSet.from_json([union, member])
    assert areas_of(some, FACTS, DAY, "VN") == {"VN", "EU", "*"}
    assert areas_of(some, FACTS, date(2020, 1, 1), "VN") == {"VN", "*"}


def test_cover_rows_that_belong_together() -> None:
    base, more = (
        cover("age", params={"together": ["more"]}),
        cover("document:coc", rule_id="more", params={"together": ["cover"]}),
    )
    assert verdict(AGE, paper("coc"), base, more).verdict is Verdict.PASS
    for lost in (base, more):
        kept = [item for item in (base, more) if item is not lost]
        found = verdict(AGE, paper("coc"), *kept)
        assert found.verdict is Verdict.UNKNOWN
        assert found.missing == (f"rule row: coverage:{lost['rule_id']}",)
        assert "not all questions are asked" in [outcome.text for _, _, outcome in found.reasons()][-1]
        expired = verdict(AGE, paper("coc"), *kept, lost | {"valid_to": "2026-05-31"})
        assert expired.verdict is Verdict.UNKNOWN
    # a row that does not concern the machine is there all the same
    assert verdict(AGE, paper("coc"), base, more | {"selector": {"hs": ["87"]}}).verdict is Verdict.PASS
    for wrong in ("cover", [3], {"a": "b"}):
        for name in ("together", "includes"):
            with pytest.raises(BadInput, match=f"params.{name} of a cover row"):
                RuleSet.from_json([cover("age", params={name: wrong})])


# ---- two times: the day asked for, and the day on which it was known ------------------------------


def test_what_was_written_down_later_does_not_speak_earlier() -> None:
    later = row("late", predicate={"field": "age_years", "op": "<=", "value": 3}, recorded_at="2026-05-20")
    every = [AGE, cover("age", recorded_at="2026-01-15"), later]
    assert verdict(*every).verdict is Verdict.UNKNOWN  # both speak, and disagree
    assert verdict(*every, known_on=date(2026, 5, 19)).verdict is Verdict.PASS
    assert verdict(*every, known_on=date(2026, 5, 20)).verdict is Verdict.UNKNOWN
    nothing = verdict(*every, known_on=date(2026, 1, 14))
    assert (nothing.verdict, nothing.missing) == (Verdict.UNKNOWN, ("rule row: coverage of VN",))


def test_a_version_takes_the_place_of_the_one_before_from_the_day_it_is_recorded() -> None:
    corrected = row(
        version=2, recorded_at="2026-05-20", predicate={"field": "age_years", "op": "<=", "value": 3}
    )
    ended = row(version=3, recorded_at="2026-05-25", valid_to="2026-05-31")
    every = [AGE, corrected, ended, cover("age", recorded_at="2026-01-15")]
    wanted = {
        date(2026, 5, 19): "pass",
        date(2026, 5, 20): "fail",
        date(2026, 5, 24): "fail",
        date(2026, 5, 25): "unknown",
    }
    assert {day: str(verdict(*every, known_on=day).verdict) for day in wanted} == wanted
    assert verdict(*every).verdict is Verdict.UNKNOWN
    # for a shipment in May the row still holds, as known now
    assert verdict(*every, day=date(2026, 5, 31)).verdict is Verdict.PASS
    some = RuleSet.from_json(every)
    assert [r.version for r in some.known(date(2026, 5, 24)).rows] == [2, 1]
    assert some.known(date(2026, 5, 24)) is some.known(date(2026, 5, 20))
    assert [r.rule_id for r in some.select(as_of=DAY, known_on=date(2026, 5, 19))] == ["age.vn", "cover"]
    assert some.judge("age", FACTS, DAY, known_on=date(2026, 5, 20)).verdict is Verdict.FAIL


def test_cover_rows_and_ladders_are_known_from_a_day_too() -> None:
    asked = cover("age", recorded_at="2026-01-15")
    more = cover("age", "emission", version=2, recorded_at="2026-05-20")
    assert verdict(AGE, asked, more, known_on=date(2026, 5, 19)).verdict is Verdict.PASS
    assert verdict(AGE, asked, more).missing == ("rule row: emission",)
    ladder = row("ladder", domain="ladder", effect="state", predicate=..., selector={}, recorded_at="2026-05-20", jurisdiction="*",
                 params={"field": "emission_stage", "fact": "emission_rank", "steps": {"II": 2}})  # fmt: skip
    rank = row(
        "rank", domain="emission", predicate={"field": "emission_rank", "op": ">=", "value": 2}, params={}
    )
    facts = FACTS | {"emission_stage": "II"}
    both = [rank, ladder, cover("emission", recorded_at="2026-01-15")]
    assert verdict(*both, facts=facts).verdict is Verdict.PASS
    assert verdict(*both, facts=facts, known_on=date(2026, 5, 19)).missing == ("emission_rank",)


# ---- expiry ----------------------------------------------------------------------------------------


def ends(*rows: dict[str, Any], day: date = DAY, within: int = 90) -> list[tuple[str, int, tuple[str, ...]]]:
    return [
        (item.rule.rule_id, item.days, item.jurisdictions)
        for item in expiring(RuleSet.from_json(list(rows)), day, within)
    ]


def test_rows_that_end_without_a_follower() -> None:
    assert ends(row(valid_to="2026-05-31")) == [("age.vn", -1, ("VN",))]
    assert ends(row(valid_to="2026-06-01")) == [("age.vn", 0, ("VN",))]
    assert ends(row(valid_to="2026-08-30"), row("never", valid_to=..., domain="emission")) == [
        ("age.vn", 90, ("VN",))
    ]
    assert ends(row(valid_to="2026-08-31")) == []
    assert ends(row(valid_to="2026-08-31"), within=91) == [("age.vn", 91, ("VN",))]
    assert ends(row(valid_to="9999-12-31"), day=date(9999, 12, 31)) == []
    follower = row("next", valid_from="2026-06-01")
    assert ends(row(valid_to="2026-05-31"), follower | {"valid_to": None}) == []
    assert ends(row(valid_to="2026-06-30"), row("next", valid_from="2026-07-02", valid_to=...)) == [
        ("age.vn", 29, ("VN",))
    ]
    assert ends(row(valid_to="2026-05-31"), row(version=2, valid_to=...)) == []
    # who includes the place loses the answer too
    assert ends(row(jurisdiction="EU", valid_to="2026-05-31"), cover("age", params={"includes": ["EU"]})) == [
        ("age.vn", -1, ("EU", "VN"))
    ]


def test_an_ending_in_words_and_as_json() -> None:
    (gone,) = expiring(RuleSet([Rule.model_validate(row(valid_to="2026-05-31"))]), DAY)
    assert gone.expired
    assert str(gone) == "age.vn: ended 1 days ago, on 2026-05-31; unknown then: age in VN"
    assert gone.json()["question"] == "age"
    assert gone.json()["jurisdictions"] == ["VN"]


def test_one_pair_takes_two_milliseconds_at_most() -> None:
    """With the shipped rows and five hundred of one more country."""
    more = [paper(f"p{number}", jurisdiction="XX" if number < 40 else f"Y{number}") for number in range(500)]
    some = RuleSet(
        [
            *rules.shipped().rows,
            *RuleSet.from_json(
                [*more, cover(*[f"document:p{n}" for n in range(40)], jurisdiction="XX")]
            ).rows,
        ]
    )
    decide(some, FACTS, DAY, "XX")
    best = min(_timed(lambda: decide(some, FACTS, DAY, "XX", known_on=date(2026, 5, 1))) for _ in range(20))
    # a machine under load with a tracer in it is ten times slower; a rule set read anew each time is a thousand
    assert best < 0.05, "2 ms where nothing traces the lines"


def _timed(call: Any) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
