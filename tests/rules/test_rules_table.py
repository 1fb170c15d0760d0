"""Rule tables: reading, writing, digest, selection by day, and what contradictory or expired rows say."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recore import jsonio, rules
from recore.errors import BadInput
from recore.rules import Rule, RuleSet, Verdict
from recore.rules.table import MAX_FILE_BYTES

DAY = date(2026, 6, 1)


def row(rule_id: str = "age.vn", **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "rule_id": rule_id,
        "version": 1,
        "jurisdiction": "VN",
        "domain": "age",
        "title": "At most 10 years old",
        "selector": {"hs": ["84.29"]},
        "predicate": {"field": "age_years", "op": "<=", "value": 10},
        "effect": "require",
        "params": {"age_basis": "build_year"},
        "valid_from": "2026-01-01",
        "valid_to": "2026-12-31",
        "recorded_at": "2026-01-15",
        "legal_basis": "Decision 18/2019, article 6",
        "source": {"title": "Decision", "url": "https://example.org/18", "retrieved": "2026-01-10"},
        "evidence_level": 1,
        "test_vectors": [
            {"given": {"age_years": 9}, "date": "2026-06-01", "expect": "pass"},
            {"given": {"age_years": 11}, "date": "2026-06-01", "expect": "fail"},
        ],
    }
    return {name: value for name, value in (document | changes).items() if value is not ...}


def rule(rule_id: str = "age.vn", **changes: Any) -> Rule:
    return Rule.model_validate(row(rule_id, **changes))


def write(folder: Path, text: str, name: str = "table.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


FACTS = {"machine": {"hs": "8429.52"}, "age_years": 9}


def test_toml_and_json_round_trips(tmp_path: Path) -> None:
    odd = rule(
        "b",
        title='quote " and \\ and \x7f and 再制造',
        predicate={"any": [{"not": {"all": []}}]},
        params={"x": [1, 2.5, True, {"y z": "w"}], "e": {}},
    )
    some = RuleSet([odd, rule("a"), rule("a", version=2, valid_to=...)])
    again = rules.load(write(tmp_path, some.toml()))
    assert again == some
    assert again.digest == some.digest
    assert RuleSet.from_json(json.loads(json.dumps(some.json()))) == some
    shipped = rules.load()
    assert rules.load(write(tmp_path, shipped.toml())).digest == shipped.digest


def test_the_digest_is_over_the_canonical_json_of_all_rows_in_order() -> None:
    one, two = rule("a"), rule("b")
    assert RuleSet([two, one]).digest == RuleSet([one, two]).digest == jsonio.digest([one.json(), two.json()])
    assert [r.rule_id for r in RuleSet([two, one]).rows] == ["a", "b"]


def test_every_changed_field_changes_the_digest() -> None:
    base = rule().digest
    changed = [
        {"title": "At most 10 year old"},
        {"predicate": {"field": "age_years", "op": "<", "value": 10}},
        {"predicate": {"field": "age_years", "op": "<=", "value": 10.000000000000002}},
        {"valid_to": "2026-12-30"},
        {"evidence_level": 2},
        {"version": 2},
        {"selector": {"hs": ["8429"]}},
        {"params": {"a": 1}},
        {"conflicts_with": ["z"]},
        {"test_vectors": []},
        {"source": {"title": "Decision", "url": "https://example.org/18", "retrieved": "2026-01-11"}},
    ]
    digests = [rule(**change).digest for change in changed]
    assert len({base, *digests}) == len(changed) + 1
    assert rule(version=1).digest == rule(conflicts_with=[]).digest == base
    assert rule(params={}).digest == rule(params=...).digest != base


def test_both_ends_of_validity_are_inside() -> None:
    some = RuleSet([rule()])
    for day, there in (("2025-12-31", 0), ("2026-01-01", 1), ("2026-12-31", 1), ("2027-01-01", 0)):
        assert len(some.select(domain="age", as_of=date.fromisoformat(day))) == there
    assert len(RuleSet([rule(valid_to=...)]).select(as_of=date(2999, 1, 1))) == 1


def test_selection_by_question_place_and_facts() -> None:
    some = RuleSet(
        [
            rule("a"),
            rule("b", jurisdiction="*", selector={}),
            rule("c", domain="emission"),
            rule("d", effect="document"),
        ]
    )

    def names(**wanted: Any) -> list[str]:
        return [r.rule_id for r in some.select(as_of=DAY, **wanted)]

    assert names() == ["a", "b", "c", "d"]
    assert names(domain="age") == ["a", "b", "d"]
    assert names(jurisdiction="KE") == ["b"]
    assert names(effect="document") == ["d"]
    assert names(facts={"hs": "8501.10"}) == ["b"]
    assert names(facts={"hs": "842951"}) == ["a", "b", "c", "d"]
    assert names(facts={}) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("selector", "facts", "wanted"),
    [
        ({"hs": ["8429"]}, {"machine": {"hs": "8429.52"}}, "pass"),
        ({"hs": ["8429.5"]}, {"hs": "842951"}, "pass"),
        ({"hs": ["8429.52"]}, {"hs": "8429"}, "fail"),
        ({"family": ["Excavator"]}, {"machine": {"family": "excavator "}}, "pass"),
        ({"family": ["excavator"]}, {"machine": {"family": "loader"}}, "fail"),
        ({"condition": ["used"], "family": ["loader"]}, {"machine": {"family": "loader"}}, "unknown"),
        ({"condition": ["used"], "family": ["loader"]}, {"machine": {"family": "crane"}}, "fail"),
        ({"component": ["shaft"], "method": ["roundness.form"]}, {"component": {"kind": "shaft"}, "finding": {"method": "roundness.form"}}, "pass"),
        ({"family": ["loader"]}, {"machine": "loader"}, "unknown"),
        ({}, {}, "pass"),
    ],
)  # fmt: skip
def test_whom_a_row_concerns(selector: dict[str, Any], facts: dict[str, Any], wanted: str) -> None:
    found = rule(selector=selector).selector.match(facts)
    assert found.verdict == wanted
    assert bool(found.missing) == (wanted == "unknown")


def test_what_was_known_on_a_day() -> None:
    first = rule("a", valid_to=...)
    corrected = rule("a", version=2, valid_to="2026-03-31", recorded_at="2026-05-01")
    some = RuleSet([first, corrected, rule("late", recorded_at="2027-01-01")])
    assert [(r.rule_id, r.version) for r in some.known(date(2026, 4, 30)).rows] == [("a", 1)]
    assert [r.version for r in some.select(as_of=DAY, known_on=date(2026, 4, 30))] == [1]
    # from May on it is known that the row ended in March
    assert some.select(as_of=DAY, known_on=date(2026, 5, 1)) == ()
    assert [(r.rule_id, r.version) for r in some.only(["a"]).rows] == [("a", 2)]
    assert [r.version for r in some.versions("a")] == [1, 2]


@pytest.mark.parametrize(
    ("rows", "wanted", "word"),
    [
        ([row()], "pass", "9 is ≤ 10"),
        ([row(predicate={"field": "age_years", "op": "<=", "value": 8})], "fail", "9 is not ≤ 8"),
        ([], "unknown", "no rule row"),
        ([row(valid_to="2026-05-31")], "unknown", "not on 2026-06-01"),
        ([row(valid_from="2026-06-02")], "unknown", "not on 2026-06-01"),
        ([row(selector={"hs": ["8501"]})], "unknown", "no rule row"),
        ([row(selector={"condition": ["used"]})], "unknown", "machine.condition"),
        ([row(evidence_level=5)], "unknown", "unverified"),
        ([row(), row("b", predicate={"field": "age_years", "op": "<=", "value": 8})], "unknown", "contradict"),
        ([row(), row("b", predicate={"field": "age_years", "op": "<=", "value": 8}, evidence_level=5)], "pass", "≤ 10"),
        ([row(), row("b", predicate={"field": "age_years", "op": "<=", "value": 8}, valid_to="2026-02-01")], "pass", "≤ 10"),
        ([row(), row("b", predicate={"field": "power_kw", "op": "<=", "value": 8})], "unknown", "power_kw"),
        ([row(effect="block", predicate={"field": "age_years", "op": ">", "value": 8})], "fail", "9 is > 8"),
        ([row(effect="block", predicate={"field": "age_years", "op": ">", "value": 10})], "pass", "9 is not > 10"),
        ([row(effect="block", predicate={"field": "stolen", "op": "==", "value": True})], "unknown", "stolen"),
        ([row(effect="document")], "unknown", "no rule row"),
    ],
)  # fmt: skip
def test_missing_expired_or_contradictory_is_unknown(
    rows: list[dict[str, Any]], wanted: str, word: str
) -> None:
    found = RuleSet.from_json(rows).judge("age", FACTS, DAY, jurisdiction="VN")
    assert found.verdict == wanted
    assert word in found.text
    assert found.conflict == ("contradict" in found.text)
    if found.conflict:
        assert "age.vn says pass" in found.text
        assert "b says fail" in found.text


def test_the_binding_row_is_the_one_on_the_best_word() -> None:
    found = RuleSet([rule("a", evidence_level=4), rule("b", evidence_level=2)]).judge("age", FACTS, DAY)
    assert found.binding is not None
    assert found.binding.rule_id == "b"
    assert rules.judge([], FACTS, DAY).binding is None


def test_deleting_or_expiring_any_row_never_makes_a_pass() -> None:
    rows = [
        row("a"), row("b", predicate={"field": "age_years", "op": "<=", "value": 8}), row("c", evidence_level=5),
        row("d", effect="block", predicate={"field": "age_years", "op": ">", "value": 20}),
    ]  # fmt: skip
    for kept in ([r for r in rows if r is not gone] for gone in rows):
        if {"b"} <= {r["rule_id"] for r in kept}:
            assert RuleSet.from_json(kept).judge("age", FACTS, DAY).verdict is not Verdict.PASS
    assert RuleSet.from_json([row(valid_to="2026-01-02")]).judge("age", FACTS, DAY).verdict is Verdict.UNKNOWN


GOOD = RuleSet([rule()]).toml()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace('title = "At most 10 years old"\n', ""), ["'age.vn'", "title", "required", "line 1"]),
        (GOOD.replace('rule_id = "age.vn"\n', ""), ["rule_id", "line 1"]),
        (
            GOOD.replace("valid_from = 2026-01-01", 'valid_from = "1 January 2026"'),
            ["valid_from", "2026-12-31"],
        ),
        (GOOD.replace("valid_from = 2026-01-01", 'valid_from = "20260101"'), ["valid_from", "2026-12-31"]),
        (GOOD.replace("valid_from = 2026-01-01", "valid_from = 20260101"), ["valid_from", "2026-12-31"]),
        (GOOD.replace("valid_from = 2026-01-01", "valid_from = 2026-01-01T00:00:00"), ["valid_from"]),
        (GOOD.replace("valid_to = 2026-12-31", "valid_to = 2025-12-31"), ["valid_to", "before"]),
        (GOOD.replace("evidence_level = 1", "evidence_level = 6"), ["evidence_level"]),
        (GOOD.replace("evidence_level = 1", 'evidence_level = "1"'), ["evidence_level", "integer"]),
        (GOOD.replace("version = 1", "version = 1.5"), ["version"]),
        (GOOD.replace('"<="', '"=<"'), ["predicate.op", "=="]),
        (GOOD.replace('"require"', '"allow"'), ["effect", "require"]),
        (GOOD.replace("effect =", "efect ="), ["efect", "Extra"]),
        (GOOD.replace('"age.vn"', '"../../etc"'), ["rule_id", "pattern"]),
        (GOOD.replace('hs = ["84.29"]', 'hs = "84.29"'), ["selector.hs"]),
        (GOOD.replace('hs = ["84.29"]', 'colour = ["red"]'), ["selector.colour"]),
        (GOOD.replace('"pass"', '"maybe"'), ["test_vectors.0.expect"]),
        (GOOD.replace("value = 10", "value = nan"), ["predicate"]),
        (GOOD.replace("age_years = 9 ", "age_years = inf "), ["test_vectors.0.given"]),
        (GOOD + GOOD, ["stands twice", "line"]),
        (GOOD.replace("[[rule]]", "[rule]"), ["[[rule]]"]),
        ("", ["[[rule]]"]),
        ("x = 1\n" + GOOD, ["holds x"]),
        ("rule = [1]\n", ["dictionary", "table.toml"]),
        (GOOD.replace('effect = "require"', "effect = require"), ["not TOML", "line"]),
        ("a = " + "[" * 5000 + "]" * 5000, ["deep"]),
    ],
)
def test_a_bad_table_says_where_and_what(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        rules.load(write(tmp_path, text))
    for word in ["table.toml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"effect": "grade", "params": {"question": "machine", "grade": "A"}}, "subject"),
        ({"effect": "grade", "params": {"question": "machine:age", "grade": "F"}}, "A, B, C, D, E"),
        ({"effect": "cover", "params": {}}, "questions"),
        ({"effect": "cover", "params": {"questions": [1]}}, "questions"),
        ({"params": {"a": None}}, "no place"),
        ({"params": {"a": 2**60}}, "no place"),
        ({"predicate": {"all": [{"field": "a", "op": "==", "value": 1}] * 300}}, "200 parts"),
    ],
)
def test_a_row_that_means_nothing_is_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput, match=word):
        RuleSet.from_json([row(**change)])


def test_depth_is_bounded() -> None:
    deep: Any = {"field": "a", "op": "==", "value": 1}
    for _ in range(40):
        deep = {"not": deep}
    with pytest.raises(BadInput, match="12 levels"):
        RuleSet.from_json([row(predicate=deep)])
    nested: Any = 1
    for _ in range(40):
        nested = [nested]
    with pytest.raises(BadInput, match="12 levels"):
        RuleSet.from_json([row(params={"a": nested})])


def test_paths_that_hold_no_table(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such"):
        rules.load(tmp_path / "none")
    with pytest.raises(BadInput, match="no rule table"):
        rules.load(tmp_path)
    write(tmp_path, "#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(BadInput, match="larger"):
        rules.load(tmp_path)
    (tmp_path / "table.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(BadInput, match="UTF-8"):
        rules.load(tmp_path)
    with pytest.raises(BadInput, match="list"):
        RuleSet.from_json({"rule": []})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user reads everything")
    with pytest.raises(BadInput, match="cannot be read"):
        rules.load(path)


def test_one_row_twice_is_refused_across_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.toml")
    write(tmp_path, GOOD, "b.toml")
    with pytest.raises(BadInput, match=r"b\.toml.*twice.*a\.toml"):
        rules.load(tmp_path)
    with pytest.raises(BadInput, match="twice"):
        RuleSet([rule(), rule()])


def test_explain_and_schema() -> None:
    (shown,) = rules.explain("condition.roundness.a")
    text = shown.text()
    for word in ("condition.roundness.a", "version 1", "ISO 14253-1", "level 3", "from 2021-07-01"):
        assert word in text
    (nameplate,) = rules.explain("condition.motor-nameplate.a")
    assert (
        "finding.results.efficiency_at_rated ≥ 1.15 × component.nominal.efficiency_pct - 15 [%]"
        in nameplate.text()
    )
    odd = rule(
        predicate={
            "not": {"any": [{"all": []}, {"any": []}, {"field": "f", "op": "in", "value": [True, "x"]}]}
        }
    )
    assert "not (nothing is asked or what nothing can meet or f is one of true, 'x')" in odd.text()
    with pytest.raises(BadInput, match=r"condition\.roundness\.a"):
        rules.explain("condition.roundnes.a")
    with pytest.raises(BadInput, match="export"):
        rules.explain("zzz")
    document = rules.schema()
    assert document["properties"]["evidence_level"]["maximum"] == 5
    assert {"rule_id", "predicate", "effect", "test_vectors"} <= set(document["properties"])
    assert document["additionalProperties"] is False


def test_export_writes_the_shipped_tables_and_overwrites_nothing_else(tmp_path: Path) -> None:
    paths = rules.export(tmp_path / "out")
    assert rules.load(tmp_path / "out").digest == rules.load().digest
    assert rules.export(tmp_path / "out") == paths
    paths[0].write_text("mine")
    with pytest.raises(BadInput, match="already"):
        rules.export(tmp_path / "out")
    assert paths[0].read_text() == "mine"
