"""Checks of rule tables: each fault is found and named, and the shipped rows have none."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_rules_table import row, rule

from recore import rules
from recore.errors import BadInput
from recore.rules import Rule, RuleSet, Verdict

DAY = date(2026, 6, 1)
SHIPPED = rules.load().rows


def found(folder: Path, *rows: dict[str, Any], as_of: date = DAY) -> list[tuple[str, str, str]]:
    text = "\n".join(RuleSet([Rule.model_validate(entry)]).toml() for entry in rows)
    (folder / "t.toml").write_text(text, encoding="utf-8")
    return [(p.rule_id, p.code, p.severity) for p in rules.check(folder, as_of=as_of)]


@pytest.mark.parametrize("domain", sorted({each.domain for each in SHIPPED}))
def test_every_vector_of_every_shipped_row(domain: str) -> None:
    for shipped in (each for each in SHIPPED if each.domain == domain):
        name = shipped.rule_id
        assert {Verdict.PASS, Verdict.FAIL} <= {vector.expect for vector in shipped.test_vectors}, name
        for vector in shipped.test_vectors:
            assert shipped.valid_on(vector.date), name
            assert shipped.answer(vector.given, vector.date).verdict is vector.expect, (name, vector.given)


def test_the_shipped_rows_are_sound() -> None:
    problems = rules.check(as_of=date(2026, 11, 22))
    assert {p.code for p in problems if p.severity != "note"} <= {"overlap", "expiring"}
    assert "error" not in {p.severity for p in problems}
    unverified = {p.rule_id for p in problems if p.code == "unverified"}
    assert unverified == {r.rule_id for r in SHIPPED if r.evidence_level == 5}
    assert len(SHIPPED) >= 35


def test_a_sound_row_has_no_problem(tmp_path: Path) -> None:
    assert found(tmp_path, row()) == []


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"source": {"url": "https://example.org", "retrieved": "2026-01-01"}}, "source", "error"),
        ({"source": {"title": "t", "retrieved": "2026-01-01"}, "legal_basis": "", "evidence_level": 3}, "source", "error"),
        ({"source": {"title": "t", "url": "https://example.org"}}, "source", "error"),
        ({"source": {"title": "t", "url": "file:///etc", "retrieved": "2026-01-01"}}, "source", "error"),
        ({"legal_basis": "a decision of the ministry"}, "clause", "error"),
        ({"legal_basis": ""}, "clause", "error"),
        ({"evidence_level": 5}, "unverified", "note"),
        ({"valid_to": "2026-05-31"}, "expired", "error"),
        ({"valid_to": "2026-08-30"}, "expiring", "warning"),
        ({"conflicts_with": ["nobody"]}, "reference", "error"),
    ],
)  # fmt: skip
def test_each_fault_is_named(tmp_path: Path, change: dict[str, Any], code: str, severity: str) -> None:
    vectors = [dict(vector, date="2026-02-01") for vector in row()["test_vectors"]]
    assert found(tmp_path, row(**{"test_vectors": vectors} | change)) == [("age.vn", code, severity)]


def test_what_needs_no_clause_or_ends_later_is_sound(tmp_path: Path) -> None:
    for change in (
        {"legal_basis": "", "evidence_level": 3},
        {"valid_to": "2026-08-31"},
        {"legal_basis": "第四条第六项"},
        {"legal_basis": "ISO 1, 7.8.2"},
        {"legal_basis": "§ 4"},
    ):
        assert found(tmp_path, row(**change)) == [], change


def test_vectors_must_be_there_and_hold(tmp_path: Path) -> None:
    good, bad = row()["test_vectors"]
    assert found(tmp_path, row(test_vectors=[good])) == [("age.vn", "vectors", "error")]
    assert [code for _, code, _ in found(tmp_path, row(test_vectors=[]))] == ["vectors", "vectors"]
    assert found(tmp_path, row(test_vectors=[good, bad, bad | {"expect": "pass"}])) == [
        ("age.vn", "vector", "error")
    ]
    # an expired day or a thing the row does not concern is unknown, whatever the facts
    outside = good | {"date": "2027-01-01"}
    assert found(tmp_path, row(test_vectors=[good, bad, outside])) == [("age.vn", "vector", "error")]
    assert found(tmp_path, row(test_vectors=[good, bad, outside | {"expect": "unknown"}])) == []
    other = {"given": {"age_years": 3, "hs": "8501"}, "date": "2026-06-01", "expect": "pass"}
    assert found(tmp_path, row(test_vectors=[good, bad, other])) == [("age.vn", "vector", "error")]
    assert found(tmp_path, row(test_vectors=[good, bad, other | {"expect": "unknown"}])) == []


def test_a_row_that_ended_is_history_where_another_follows(tmp_path: Path) -> None:
    vectors = [dict(vector, date="2026-02-01") for vector in row()["test_vectors"]]
    old = row("old", valid_to="2026-03-31", test_vectors=vectors)
    assert found(tmp_path, old, row("new", valid_from="2026-04-01")) == []
    assert found(
        tmp_path,
        old,
        row("new", valid_from="2026-07-01", test_vectors=[dict(v, date="2026-08-01") for v in vectors]),
    ) == [("old", "expired", "error")]
    soon = row("old", valid_to="2026-06-30")
    assert (
        found(
            tmp_path,
            soon,
            row("new", valid_from="2026-07-01", test_vectors=[dict(v, date="2026-08-01") for v in vectors]),
        )
        == []
    )
    # a newer version of the same row takes the place of the older one
    assert found(tmp_path, old, row("old", version=2, valid_to=...)) == []


def test_overlaps_that_disagree_are_errors(tmp_path: Path) -> None:
    strict = row("b", predicate={"field": "age_years", "op": "<=", "value": 8})
    strict["test_vectors"] = [
        {"given": {"age_years": 8}, "date": "2026-06-01", "expect": "pass"},
        {"given": {"age_years": 9}, "date": "2026-06-01", "expect": "fail"},
    ]
    assert found(tmp_path, row(), strict) == [("b", "overlap", "error")]
    assert found(tmp_path, row(conflicts_with=["b"]), strict) == [("b", "overlap", "warning")]
    assert found(tmp_path, row(), strict | {"selector": {"hs": ["8430"]}}) == []
    assert found(tmp_path, row(), strict | {"domain": "capacity"}) == []
    apart = strict | {"valid_from": "2027-01-01", "valid_to": "2027-12-31"}
    apart["test_vectors"] = [dict(v, date="2027-06-01") for v in strict["test_vectors"]]
    assert found(tmp_path, row(), apart) == []
    assert found(tmp_path, row(), row("same")) == []
    silent = row("b", predicate={"field": "power_kw", "op": "<=", "value": 8})
    silent["test_vectors"] = [
        {"given": {"power_kw": 8}, "date": "2026-06-01", "expect": "pass"},
        {"given": {"power_kw": 9}, "date": "2026-06-01", "expect": "fail"},
    ]
    assert found(tmp_path, row(), silent) == [("b", "overlap", "warning")]


def test_duplicates_also_by_letter_case(tmp_path: Path) -> None:
    assert found(tmp_path, row(), row()) == [("age.vn", "duplicate", "error")]
    assert found(tmp_path, row(), row("AGE.vn")) == [("AGE.vn", "duplicate", "error")]


def test_unreadable_files_and_rows_stand_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("not toml")
    (tmp_path / "b.toml").write_text(RuleSet([rule()]).toml().replace('"require"', '"allow"'))
    (tmp_path / "c.toml").write_text("[[rule]]\nrule_id = 3\n")
    (tmp_path / "d.toml").write_text("rule = [3]\n")
    problems = rules.check(tmp_path, as_of=DAY)
    assert [(p.code, p.rule_id) for p in problems] == [
        ("unreadable", ""), ("schema", "age.vn"), ("schema", ""), ("schema", ""),
    ]  # fmt: skip
    assert "b.toml, line 1: age.vn: effect" in str(problems[1])
    assert problems[1].json()["severity"] == "error"
    with pytest.raises(BadInput):
        rules.check(tmp_path / "none")


def test_today_is_the_day_where_none_is_given(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        RuleSet([rule(valid_from="2001-01-01", valid_to="2001-12-31", test_vectors=[])]).toml()
    )
    assert "expired" in [p.code for p in rules.check(tmp_path)]


# ---- rows against each other -----------------------------------------------------------------------


def levy(name: str, order: int, base: str = "cif", **changes: Any) -> dict[str, Any]:
    params = {"name": name, "order": order, "kind": "ad_valorem", "base": base, "rate": 0.1}
    vector = {"given": {}, "date": "2026-06-01", "expect": "pass"}
    document = {
        "domain": "charge",
        "effect": "charge",
        "selector": {},
        "predicate": ...,
        "test_vectors": [vector],
    }
    return row(**({"rule_id": f"vn.{name}"} | document | {"params": params} | changes))


def ladder(rule_id: str, steps: Any, **changes: Any) -> dict[str, Any]:
    params = {"field": "emission_stage", "fact": "emission_rank", "steps": steps}
    return levy(
        rule_id, 1, rule_id=rule_id, **({"domain": "ladder", "effect": "state", "params": params} | changes)
    )


def cover(*questions: str, **changes: Any) -> dict[str, Any]:
    vectors = [
        {"given": {"ready": ready}, "date": "2026-06-01", "expect": expect}
        for ready, expect in ((True, "pass"), (False, "fail"))
    ]
    document = {
        "rule_id": "vn.cover",
        "domain": "coverage",
        "effect": "cover",
        "selector": {},
        "predicate": {"field": "ready", "op": "==", "value": True},
        "test_vectors": vectors,
        "params": {"questions": list(questions)},
    }
    return row(**(document | changes))


def paper(name: str, **changes: Any) -> dict[str, Any]:
    vectors = [
        {"given": {"evidence": {name: there}}, "date": "2026-06-01", "expect": expect}
        for there, expect in ((True, "pass"), (False, "fail"))
    ]
    params = {"document": name, "question": f"document:{name}"}
    document = {
        "rule_id": f"vn.{name}",
        "domain": "document",
        "effect": "document",
        "selector": {},
        "predicate": ...,
    }
    return row(**(document | {"params": params, "test_vectors": vectors} | changes))


def counted(*names: str) -> dict[str, Any]:
    params = {"charges": list(names), "question": "list"}
    return levy("list", 1, domain="charge_coverage", effect="state", params=params)


def test_cover_rows_that_cannot_meet_or_know_each_other_are_sound(tmp_path: Path) -> None:
    apart = [
        cover("age", selector={"hs": ["8429"]}),
        cover("age", rule_id="other", selector={"hs": ["8701"], "family": ["truck"]}),
    ]
    assert found(tmp_path, row(), *apart) == []
    both = [
        cover("age", params={"questions": ["age"], "together": ["other"]}),
        cover(
            "age",
            rule_id="other",
            selector={"hs": ["84"]},
            params={"questions": ["age"], "together": ["vn.cover"]},
        ),
    ]
    assert found(tmp_path, row(), *both) == []
    later = [
        cover("age", valid_to="2026-06-30"),
        cover(
            "age",
            rule_id="other",
            valid_from="2026-07-01",
            test_vectors=[dict(v, date="2026-08-01") for v in cover("age")["test_vectors"]],
        ),
    ]
    assert found(tmp_path, row(), *later) == []


def test_one_document_asked_by_its_domain_is_enough(tmp_path: Path) -> None:
    assert found(tmp_path, paper("coc"), cover("document")) == []
    assert found(tmp_path, paper("coc"), paper("soc"), cover("document:coc", "document:soc")) == []


def test_disjoint_rows_and_vectors_of_others_are_no_overlap(tmp_path: Path) -> None:
    strict = {"predicate": {"field": "age_years", "op": "<=", "value": 9}}
    vectors = [
        {"given": {"age_years": years, "hs": "8501"}, "date": "2026-06-01", "expect": expect}
        for years, expect in ((9, "pass"), (10, "fail"))
    ]
    assert (
        found(
            tmp_path,
            row(
                test_vectors=[
                    {"given": {"age_years": y, "hs": "8429"}, "date": "2026-06-01", "expect": e}
                    for y, e in ((9, "pass"), (11, "fail"))
                ]
            ),
            row("z", selector={}, **strict, test_vectors=vectors),
        )
        == []
    )
    assert found(tmp_path, row(), row("z", selector={"hs": ["8501"]}, **strict, test_vectors=vectors)) == []


def test_ladders_side_by_side_are_sound(tmp_path: Path) -> None:
    assert found(tmp_path, ladder("a", {"II": 2, "III": 3}), ladder("b", {"ii": 2.0, "IV": 4})) == []
    later = ladder("b", {"II": 3}, valid_from="2027-01-01", valid_to="2028-01-01")
    later["test_vectors"] = [{"given": {}, "date": "2027-06-01", "expect": "pass"}]
    assert found(tmp_path, ladder("a", {"II": 2}), later) == []


def test_charges_in_order_are_sound(tmp_path: Path) -> None:
    assert (
        found(
            tmp_path, levy("Duty", 1), levy("IDF", 2, "FOB"), levy("vat", 3, "CIF + duty + 2*idf - freight")
        )
        == []
    )


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([levy("vat", 3, "cif + duty")], ("vn.vat", "base", "error")),
        ([levy("vat", 3, "cif + duty"), levy("duty", 4)], ("vn.vat", "base", "error")),
        ([levy("vat", 3, "cif + vat")], ("vn.vat", "base", "error")),
        ([levy("vat", 3, "cif + duty"), levy("duty", 1, jurisdiction="KE")], ("vn.vat", "base", "error")),
        ([levy("vat", 3, "cif ++ duty")], ("vn.vat", "charge", "error")),
        ([levy("vat", 3, params={"name": "vat"})], ("vn.vat", "charge", "error")),
        ([levy("vat", 3, params={"name": "vat", "order": 1, "kind": "ad_valorem", "base": "cif", "rate": 16})], ("vn.vat", "charge", "warning")),
        ([levy("vat", 3, params={"name": "vat", "order": 1, "kind": "ad_valorem", "base": "cif", "rate": 0.1, "min": 5})], ("vn.vat", "charge", "warning")),
        ([levy("vat", 3), levy("vat", 3, "fob", rule_id="z")], ("z", "overlap", "error")),
        ([levy("vat", 3), levy("vat", 3, "fob", rule_id="z", conflicts_with=["vn.vat"])], ("z", "overlap", "warning")),
        ([row(params={})], ("age.vn", "age-basis", "warning")),
        ([ladder("a", {"II": 2}), ladder("b", {"i i": 3})], ("b", "ladder", "error")),
        ([ladder("a", {"II": "2"})], ("a", "ladder", "error")),
        ([ladder("a", [2])], ("a", "ladder", "error")),
        ([paper("coc"), paper("soc", rule_id="z"), cover("document:coc", "document")], ("z", "unasked", "warning")),
        ([row(), paper("coc"), cover("age")], ("vn.coc", "unasked", "warning")),
        ([row(), cover("age"), cover("age", rule_id="other", selector={"family": ["loader"]}, params={"questions": ["age"], "together": ["vn.cover"]})], ("vn.cover", "together", "warning")),
        ([row(), row("z", selector={"hs": ["8429.5"]}, predicate={"field": "age_years", "op": "<=", "value": 9},
              test_vectors=[{"given": {"age_years": years}, "date": "2026-06-01", "expect": expect} for years, expect in ((9, "pass"), (10, "fail"))])],
         ("z", "overlap", "error")),
        ([levy("vat", 3, "cif + duty"), counted("duty")], ("vn.vat", "base", "note")),
        ([row(), cover("age", "emmision")], ("vn.cover", "unanswered", "warning")),
        ([row(), cover("age", "emission", "document")], ("vn.cover", "unanswered", "note")),
        ([row(), cover("age", jurisdiction="KE")], ("vn.cover", "unanswered", "note")),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_together(
    tmp_path: Path, rows: list[dict[str, Any]], wanted: tuple[str, str, str]
) -> None:
    assert found(tmp_path, *rows) == [wanted]


def test_what_a_customs_union_states_counts(tmp_path: Path) -> None:
    union = levy("duty", 1, jurisdiction="EU")
    member = cover("age", includes=["EU"], params={"questions": ["age", "charge"], "includes": ["EU"]})
    member = {name: value for name, value in member.items() if name != "includes"}
    assert found(tmp_path, union, row(), member, levy("vat", 2, "cif + duty")) == []
    assert found(tmp_path, levy("duty", 1, jurisdiction="*"), levy("vat", 2, "cif + duty")) == []
    old = levy(
        "duty",
        3,
        valid_from="2025-01-01",
        valid_to="2025-12-31",
        rule_id="old",
        test_vectors=[{"given": {}, "date": "2025-06-01", "expect": "pass"}],
    )
    # a row of another time may stand later in the order
    assert [code for _, code, _ in found(tmp_path, old, levy("duty", 1), levy("vat", 2, "cif + duty"))] == []


def test_what_asks_nothing_needs_no_vector_that_fails(tmp_path: Path) -> None:
    assert found(tmp_path, levy("duty", 1)) == []
    assert found(tmp_path, levy("duty", 1, test_vectors=[])) == [("vn.duty", "vectors", "error")]
