"""May a machine be shipped there: every effect, every basis of age, what is not known, and lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from eligibility_rows import DAY, age, ask, codes, cover, folder, machine, paper, row
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.rules import Rule

Run = Callable[..., Any]


def test_the_command_line_answers_with_verdict_and_missing(recore: Run, tmp_path: Path) -> None:
    rules = folder(tmp_path / "rules", cover("age", "document:coc"), age(10), paper("coc"))
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(machine(pin="SHORT")))
    words = ["-p", "country=VN", "-p", "shipment_date=2026-12-01", "-p", f"rules={rules}"]
    ended = recore("run", "trade.eligibility", path, *words, "--json", "--out", tmp_path / "out")
    assert ended.status == 0
    results = {name: item["value"] for name, item in ended.json["results"].items()}
    assert results["verdict"] == "unknown"
    assert results["missing"] == ["evidence.coc"]
    assert results["documents_to_obtain"] == 1
    assert len(results["rules_sha256"]) == 64
    assert [row["rule_id"] for row in ended.json["parameters"]["rules"]] == ["a", "c", "d"]
    reasons = pq.read_table(tmp_path / "out" / "reasons.parquet").to_pylist()
    assert [(r["rule_id"], r["outcome"]) for r in reasons] == [("a", "pass"), ("d", "unknown")]
    assert reasons[0]["text"] == "age_years = 6 is ≤ 10"
    assert reasons[0]["source"] == "Source of a (https://example.org/law)"


@pytest.mark.parametrize(
    ("document", "words", "says"),
    [
        ([], [], "empty list"),
        (machine(evidence={"coc": "yes"}), [], "evidence.coc"),
        (machine(hs="tractor"), [], "hs"),
        (machine(build_year="2020"), [], "build_year"),
        (machine(build_year=2019, build_date="2020-01-01"), [], "is not of the build_year"),
        (machine(mass_kg=-1), [], "mass_kg"),
        ([machine(), 7], [], ""),
        (machine(), ["-p", "country=Kenya"], "country codes of two capital letters"),
        (machine(), ["-p", "shipment_date=2026-02-30"], "is no day"),
        (machine(), ["-p", "origin=China"], "is not a country code"),
    ],
)
def test_bad_input_says_what_would_be_right(
    recore: Run, tmp_path: Path, document: Any, words: list[str], says: str
) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(document))
    given = {"country": "VN", "shipment_date": "2026-12-01"}
    for name, value in given.items():
        if not any(word.startswith(f"{name}=") for word in words):
            words = [*words, "-p", f"{name}={value}"]
    ended = recore("run", "trade.eligibility", path, *words)
    assert ended.status == 2
    assert says in ended.err


def test_a_country_without_rows_is_unknown_and_told(recore: Run, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(machine(note="\x1b[31m" * 50, deep=[[[{"a": 1}]]])))
    words = ["-p", "country=XX", "-p", "shipment_date=2026-12-01", "--json"]
    ended = recore("run", "trade.eligibility", path, *words)
    assert ended.status == 0
    assert ended.json["results"]["verdict"]["value"] == "unknown"
    assert ended.json["results"]["missing"]["value"] == ["rule row: coverage of XX"]
    assert "not-covered" in [note["code"] for note in ended.json["flags"]]


def test_fail_and_unknown_end_well_and_a_machine_of_tomorrow_does_not(recore: Run, tmp_path: Path) -> None:
    rules = folder(tmp_path / "rules", cover("age"), age(10))
    path = tmp_path / "machine.json"
    words = ["-p", "country=VN", "-p", "shipment_date=2026-12-01", "-p", f"rules={rules}", "--json"]
    path.write_text(json.dumps(machine(build_year=2010)))
    ended = recore("run", "trade.eligibility", path, *words)
    assert (ended.status, ended.json["results"]["verdict"]["value"]) == (0, "fail")
    path.write_text(json.dumps([machine(), machine(build_year=2031, pin="X")]))
    ended = recore("run", "trade.eligibility", path, *words)
    assert ended.status == 2
    assert "machine 2 (X): build_year 2031 lies after the shipment on 2026-12-01" in ended.err


def test_a_build_date_after_the_shipment_is_refused() -> None:
    with pytest.raises(BadInput, match="build_date 2026-12-02 lies after the shipment"):
        ask([cover("age"), age(10)], machine(build_year=None, build_date="2026-12-02"))
    assert ask([cover("age"), age(10)], machine(build_year=2026, build_date="2026-12-01")).verdict == "pass"


def test_a_missing_fact_is_called_as_the_document_calls_it() -> None:
    fields = [
        {"field": path, "op": "==", "value": 1} for path in ("machine.power_kw", "machine.boom_m", "axles")
    ]
    result = ask([cover("age"), row("p", "age", "require", predicate={"all": fields})], machine())
    assert result.missing == ("power_kw", "machine.boom_m", "axles")


@pytest.mark.parametrize(
    ("basis", "facts", "day", "verdict"),
    [
        ("build_year", {"build_year": 2016}, "2026-12-31", "pass"),
        ("build_year", {"build_year": 2016}, "2027-01-01", "fail"),
        ("build_year", {"build_year": None, "build_date": "2016-12-31"}, "2026-01-01", "pass"),
        ("build_date", {"build_date": "2016-12-01", "build_year": 2016}, "2026-12-01", "pass"),
        ("build_date", {"build_date": "2016-12-01", "build_year": 2016}, "2026-12-02", "fail"),
        ("build_date", {"build_date": "2016-02-29", "build_year": 2016}, "2026-02-28", "pass"),
        ("build_date", {"build_date": "2016-02-29", "build_year": 2016}, "2026-03-01", "fail"),
        ("build_date", {"build_year": 2016}, "2026-12-01", "unknown"),
        ("first_of_january", {"build_year": 2016}, "2026-01-01", "pass"),
        ("first_of_january", {"build_year": 2016}, "2026-01-02", "fail"),
        ("first_of_january", {"build_year": None}, "2026-01-02", "unknown"),
    ],
)
def test_the_basis_of_age_flips_the_answer(basis: str, facts: dict[str, Any], day: str, verdict: str) -> None:
    rows = [cover("age"), age(10, params={"age_basis": basis})]
    result = ask(rows, machine(**facts), shipment_date=date.fromisoformat(day))
    assert result.verdict == verdict
    if verdict == "unknown":
        assert result.missing == (("build_date",) if basis == "build_date" else ("build_year",))


def _effect(effect: str) -> Rule:
    predicate = {"field": "evidence.modified", "op": "==", "value": True}
    return row("x", "conformity", effect, predicate=predicate)


@pytest.mark.parametrize(
    ("effect", "stated", "verdict"),
    [
        ("require", {"modified": True}, "pass"),
        ("require", {"modified": False}, "fail"),
        ("require", {}, "unknown"),
        ("block", {"modified": True}, "fail"),
        ("block", {"modified": False}, "pass"),
        ("block", {}, "unknown"),
    ],
)
def test_every_deciding_effect(effect: str, stated: dict[str, bool], verdict: str) -> None:
    result = ask([cover("conformity"), _effect(effect)], machine(evidence=stated))
    assert result.verdict == verdict
    assert result.missing == (("evidence.modified",) if verdict == "unknown" else ())


def test_a_warning_is_told_and_decides_nothing() -> None:
    result = ask([cover("age"), age(10), _effect("warn")], machine(evidence={"modified": True}))
    assert result.verdict == "pass"
    assert "warning" in codes(result)
    calm = ask([cover("age"), age(10), _effect("warn")], machine(evidence={"modified": False}))
    assert codes(calm) == []


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ([age(10)], ("rule row: coverage of VN",)),
        ([cover("age", valid_to="2026-11-30"), age(10)], ("rule row: coverage of VN",)),
        ([cover("age", "emission"), age(10)], ("rule row: emission",)),
        ([cover("age"), age(10, valid_to="2026-11-30")], ("rule row: age",)),
        ([cover("age"), age(10, valid_from="2026-12-02")], ("rule row: age",)),
        ([cover("age"), age(10, evidence_level=5)], ()),
        ([cover("age"), age(10), age(5, "b")], ()),
        ([cover("age"), age(10, conflicts_with=["gone"])], ()),
        ([], ("rule row: coverage of VN",)),
    ],
)
def test_what_is_not_known_is_unknown(rows: list[Rule], missing: tuple[str, ...]) -> None:
    result = ask(rows, machine())
    assert result.verdict == "unknown"
    assert set(missing) <= set(result.missing or ())


def test_the_last_day_of_a_row_still_counts_and_is_told() -> None:
    result = ask([cover("age"), age(10, valid_to=DAY.isoformat())], machine())
    assert (result.verdict, result.expires_on) == ("pass", "2026-12-01")
    assert "row-ends" in codes(result)
    later = ask([cover("age", valid_to="2028-01-01"), age(10, valid_to="2029-01-01")], machine())
    assert (later.expires_on, codes(later)) == ("2028-01-01", [])
    assert ask([cover("age"), age(10)], machine()).expires_on is None


def test_a_failure_rests_on_the_rows_that_fail_alone() -> None:
    rows = [
        cover("age", "conformity", valid_to="2027-01-01"),
        age(3, valid_to="2028-05-05"),
        _effect("require"),
    ]
    result = ask(rows, machine(evidence={"modified": True}))
    assert (result.verdict, result.expires_on) == ("fail", "2028-05-05")


def test_rows_that_contradict_are_both_named() -> None:
    result = ask([cover("age"), age(10), age(5, "b")], machine())
    assert (result.verdict, result.conflicts) == ("unknown", 1)
    [note] = [note for note in result.flags if note.code == "contradiction"]
    assert "a says pass" in note.text
    assert "b says fail" in note.text
    assert set(result.reasons["conflict"].to_pylist()) == {True}


def test_an_unverified_row_is_shown_and_told() -> None:
    result = ask([cover("age"), age(10, evidence_level=5)], machine())
    assert "unverified" in codes(result)
    [reason] = result.reasons.to_pylist()
    assert (reason["outcome"], reason["answer"]) == ("pass", "unknown")
    assert "only unverified rows" in reason["text"]


def test_as_known_on() -> None:
    rows = [cover("age"), age(10), age(3, version=2, recorded_at="2026-06-01")]
    assert ask(rows, machine()).verdict == "fail"
    assert ask(rows, machine(), known_on=date(2026, 5, 31)).verdict == "pass"
    assert ask(rows, machine(), known_on=date(2019, 1, 1)).verdict == "unknown"


def test_a_machine_without_hs_code_asks_for_it() -> None:
    rows = [cover("age"), age(10, selector={"hs": ["8429"]})]
    result = ask(rows, machine(hs=None))
    assert (result.verdict, result.missing) == ("unknown", ("hs",))
    assert ask(rows, machine(hs="84 29.52")).verdict == "pass"
    assert ask(rows, machine(hs="8704.10")).missing == ("rule row: age",)
    other = [cover("age"), age(10, selector={"condition": ["used"], "family": ["excavator"]})]
    assert ask(other, machine(family=None)).missing == ("condition", "family")


def test_a_rank_that_is_missing_asks_for_the_stage() -> None:
    params = {"field": "emission_stage", "fact": "emission_rank", "steps": {"China III": 3, "Stage V": 6}}
    ladder = row("l", "ladder", "state", jurisdiction="*", params=params)
    limit = row("e", "emission", "require", predicate={"field": "emission_rank", "op": ">=", "value": 4})
    rows = [cover("emission"), ladder, limit]
    assert ask(rows, machine(emission_stage="stage v")).verdict == "pass"
    assert ask(rows, machine(emission_stage="China III")).verdict == "fail"
    assert ask(rows, machine()).missing == ("emission_stage",)
    assert ask(rows, machine(emission_stage="Euro 9")).missing == ("emission_stage",)
    cheat = ask(rows, machine(emission_rank=9, age_years=1))
    assert cheat.missing == ("emission_stage",)
    assert codes(cheat) == ["computed-field", "computed-field"]


@pytest.mark.parametrize("pin", ["CAT0320DHXYZ1234", "CAT0320DH-YZ12345", "CAT0320DHIOQ12345"])
def test_a_strange_pin_is_told_and_changes_nothing(pin: str) -> None:
    rows = [cover("age"), age(10)]
    odd, plain = ask(rows, machine(pin=pin)), ask(rows, machine())
    assert "pin" in codes(odd)
    assert (odd.verdict, odd.missing) == (plain.verdict, plain.missing) == ("pass", ())


def test_fields_and_evidence_that_nothing_reads_are_told() -> None:
    result = ask([cover("age"), age(10)], machine(buildyear=1990, evidence={"cco": True}))
    assert codes(result) == ["unread-field", "unread-evidence"]
    assert "'buildyear'" in result.flags[0].text


def test_documents_with_their_last_day() -> None:
    rows = [
        cover("document"),
        paper("form", "d1", stage="before shipment", issuer="bank"),
        paper("survey", "d2", stage="before shipment", days_before_shipment=10, names_pin=True),
        paper("saber", "d3", stage="before arrival"),
        paper("cleaning", "d4", stage="before loading", valid_days=30),
        paper("odd", "d5", days_before_shipment=-1),
    ]
    result = ask(rows, machine(evidence={"form": True, "survey": False}))
    lines = {line["document"]: line for line in result.documents.to_pylist()}
    assert {name: line["state"] for name, line in lines.items()} == {
        "form": "at hand",
        "survey": "absent",
        "saber": "unknown",
        "cleaning": "unknown",
        "odd": "unknown",
    }
    assert lines["form"]["deadline"] == DAY
    assert lines["survey"]["deadline"] == date(2026, 11, 21)
    assert lines["survey"]["names_pin"] is True
    assert lines["saber"]["deadline"] is None
    assert (lines["cleaning"]["deadline"], lines["cleaning"]["not_issued_before"]) == (DAY, date(2026, 11, 1))
    assert lines["odd"]["deadline"] is None
    assert result.documents_to_obtain == 4
    assert result.verdict == "fail"


def test_rows_of_other_verdicts_do_not_meddle() -> None:
    charges = row("cc", "coverage", "cover", params={"questions": ["charge"], "charges": ["duty"]})
    export = row("ce", "coverage", "cover", params={"questions": ["export:licence"]})
    assert ask([cover("age"), age(10), charges, export], machine()).verdict == "pass"
    mixed = ask([cover("age", "charge"), age(10)], machine())
    assert mixed.missing == ("rule row: charge",)


def test_the_side_of_export_is_asked_where_an_origin_is_given() -> None:
    china = {"jurisdiction": "CN"}
    rows = [
        cover("age"),
        age(10),
        row("cn.c", "coverage", "cover", params={"questions": ["export:licence"]}, **china),
        row(
            "cn.l",
            "export",
            "require",
            predicate={"field": "evidence.licence", "op": "==", "value": True},
            params={"question": "export:licence"},
            **china,
        ),
    ]
    assert ask(rows, machine()).verdict == "pass"
    assert ask(rows, machine(), origin="CN").missing == ("evidence.licence",)
    refused = ask(rows, machine(evidence={"licence": False}), origin="CN")
    assert refused.verdict == "fail"
    assert refused.reasons["jurisdiction"].to_pylist() == ["VN", "CN"]
    nowhere = ask(rows, machine(), origin="JP")
    assert nowhere.missing == ("rule row: coverage of JP",)
    assert "not-covered" in codes(nowhere)


def test_a_customs_union_speaks_for_its_members() -> None:
    rows = [
        cover("age", params={"includes": ["EU"]}),
        row("eu.c", "coverage", "cover", jurisdiction="EU", params={"questions": ["conformity"]}),
        age(10),
    ]
    assert ask(rows, machine()).missing == ("rule row: conformity",)


def test_an_expired_cover_row_is_the_row_that_is_cited() -> None:
    result = ask([cover("age", valid_to="2026-01-01"), age(10)], machine())
    cited = {(r["question"], r["rule_id"], r["outcome"]) for r in result.reasons.to_pylist()}
    assert ("coverage", "c", "unknown") in cited


def test_a_list_gives_one_table() -> None:
    kenya = row("k", "coverage", "cover", jurisdiction="KE", params={"questions": ["age"]})
    rows = [cover("age"), age(10), kenya]
    old, new = machine(build_year=2000, pin="OLD"), machine()
    result = ask(rows, old, new, country="VN,KE")
    assert (result.verdict, result.missing, result.expires_on) == (None, None, None)
    assert (result.passed, result.failed, result.unknown) == (1, 1, 2)
    lines = result.verdicts.to_pylist()
    assert [(x["machine"], x["pin"], x["country"], x["verdict"]) for x in lines] == [
        (1, "OLD", "VN", "fail"),
        (1, "OLD", "KE", "unknown"),
        (2, None, "VN", "pass"),
        (2, None, "KE", "unknown"),
    ]
    assert result.reasons["machine"].to_pylist() == [1, 1, 2, 2]
    assert ask(rows, old, new, country="all").verdicts.num_rows == 4
    assert ask(rows, old, country="all").failed == 1


def test_notes_about_long_lists_stay_readable() -> None:
    many = [machine(pin=f"P{n}") for n in range(50)]
    result = ask([cover("age"), age(10)], *many)
    assert result.passed == 50
    told = [note.text for note in result.flags if note.code == "pin"]
    assert len(told) == 21
    assert told[0].startswith("machine 1: ")
    assert told[-1] == "and 30 more of this kind"


def test_more_than_a_short_list_is_missing() -> None:
    names = [f"paper-{n:02}" for n in range(70)]
    rows = [cover("document"), *(paper(name, name) for name in names)]
    result = ask(rows, machine())
    assert len(result.missing or ()) == 64
    assert "missing-cut" in codes(result)
    assert len(result.verdicts["missing"][0].as_py().split("; ")) == 70


@pytest.mark.parametrize("country", ["", "vn", "VNM", "VN,,KE", "VN;KE", "all,VN", "ALL", 7, [7]])
def test_a_country_that_is_none(country: Any) -> None:
    from recore.trade.eligibility import eligibility

    with pytest.raises(BadInput, match="country codes"):
        eligibility.validated({"country": country, "shipment_date": "2026-12-01"})


def test_country_codes_are_written_in_one_way() -> None:
    from recore.trade.eligibility import eligibility

    def said(country: Any) -> Any:
        return eligibility.validated({"country": country, "shipment_date": "2026-12-01"})["country"]

    assert said("VN") == "VN"
    assert said(" VN, KE,VN") == said(["VN", "KE"]) == "VN,KE"
    assert said("all") == "all"


def test_all_of_nothing() -> None:
    with pytest.raises(BadInput, match="no row covers any country"):
        ask([age(10)], machine(), country="all")


def test_the_digest_is_of_the_rows_consulted() -> None:
    rows = [cover("age"), age(10)]
    alone = ask(rows, machine()).rules_sha256
    other = [*rows, age(3, "ke", jurisdiction="KE"), row("f", "finance", "require")]
    assert ask(other, machine()).rules_sha256 == alone
    assert ask([cover("age"), age(9)], machine()).rules_sha256 != alone


def test_the_plot_counts_reasons_by_question() -> None:
    from recore.trade.eligibility import eligibility

    assert eligibility.draw is not None
    chart = eligibility.draw(ask([cover("age"), age(10), age(5, "b")], machine()))
    assert chart["data"]["values"] == [
        {"question": "age", "outcome": "fail", "rows": 1},
        {"question": "age", "outcome": "pass", "rows": 1},
    ]


_FACTS = st.fixed_dictionaries(
    {},
    optional={
        "build_year": st.integers(2010, 2026),
        "hs": st.sampled_from(["8429.52", "8704.10", "842911"]),
        "evidence": st.fixed_dictionaries({}, optional={"coc": st.booleans(), "modified": st.booleans()}),
        "mass_kg": st.sampled_from([1000, 1000.5, 20000]),
        "road_vehicle": st.booleans(),
        "pin": st.sampled_from(["A", "B"]),
    },
)


@settings(deadline=None, max_examples=60)
@given(st.lists(_FACTS, min_size=2, max_size=8))
def test_a_list_answers_as_its_machines_do_alone(machines: list[dict[str, Any]]) -> None:
    heavy = {
        "all": [
            {"field": "mass_kg", "op": ">", "value": 1000},
            {"field": "road_vehicle", "op": "==", "value": False},
        ]
    }
    rows = [
        cover("age", "document:coc"),
        age(10, selector={"hs": ["8429"]}),
        paper("coc"),
        _effect("block"),
        row("m", "prohibition", "require", predicate=heavy),
    ]
    together = ask(rows, *machines)
    for number, facts in enumerate(machines, 1):
        alone = ask(rows, facts)
        [line] = [x for x in together.verdicts.to_pylist() if x["machine"] == number]
        assert (line["verdict"], line["missing"]) == (alone.verdict, "; ".join(alone.missing or ()))
        mine = [r for r in together.reasons.to_pylist() if r.pop("machine") == number]
        assert mine == [{k: v for k, v in r.items() if k != "machine"} for r in alone.reasons.to_pylist()]
