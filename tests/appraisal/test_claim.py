"""Condition words, remanufacturing rates and the circularity data sheet: nothing is granted that is not proven."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from recore import rules
from recore.appraisal.claim.claim import Claim, claim
from recore.appraisal.claim.data_sheet import CircularitySheet, data_sheet
from recore.appraisal.claim.rate import Rates, ReusedPart, rate
from recore.appraisal.claim.record import ProcessRecord
from recore.appraisal.claim.words import decide_words
from recore.appraisal.listed import listed
from recore.cli import app
from recore.errors import BadInput
from recore.evidence import open_file
from recore.model.trade import OneOrMany
from recore.rules import Rule, RuleSet, Verdict

SHIPPED = rules.shipped()
HASH = hashlib.sha256(b"report").hexdigest()
GATES = [
    "receipt", "disassembly", "cleaning", "sorting", "plan", "reprocessing", "part-inspection", "assembly", "test",
    "painting", "release",
]  # fmt: skip
MEASURING = {"sorting", "part-inspection", "test"}
WORD_PROFILES = ["gb-t-28618-shaped", "iso-10987-2-shaped", "bs-8887-shaped", "common-definition-shaped"]


def gate(name: str, **changes: Any) -> dict[str, Any]:
    record = {
        "result": "accept",
        "inputs": "core 17",
        "method": "work instruction 4",
        "person": "B. Fitter",
        "day": "2026-11-20",
        "evidence_sha256": HASH,
    }
    if name in MEASURING:
        record |= {"instrument": "CMM 3", "calibrated_until": "2027-05-01"}
    return record | changes


def record(profile: str = "iso-10987-2-shaped", **changes: Any) -> dict[str, Any]:
    """A record that allows every word of every word profile."""
    document: dict[str, Any] = {
        "profile": profile,
        "day": "2026-11-22",
        "product": {"name": "swing pump", "kind": "component", "serial": "77", "core_is_waste": False},
        "gates": {name: gate(name) for name in GATES},
        "faults": {"found": 3, "corrected": 3},
        "major_parts": {"near_failure_left": 0},
        "performance": {"at_least_original": True, "evidence_sha256": HASH},
        "warranty": {"months": 12, "new_months": 12, "whole_product": True},
        "authorisation": {"kind": "authorised", "by": "Maker", "evidence_sha256": HASH},
        "marking": {"says_remanufactured": True, "remanufacturer": "R Ltd"},
        "upgrade": {"beyond_original": True, "function": "load sensing", "evidence_sha256": HASH},
    }
    return document | changes


def said(document: dict[str, Any], wanted: str = "remanufactured", rows: RuleSet | None = None) -> Claim:
    return claim(ProcessRecord.model_validate(document), wanted=wanted, rules=rows)


def codes(result: Any) -> set[str]:
    return {flag.code for flag in result.flags}


# --- condition words


@pytest.mark.parametrize("profile", WORD_PROFILES)
def test_a_whole_record_grants_every_word(profile: str) -> None:
    result = said(record(profile))
    assert (result.granted, result.wanted_verdict, result.process_verdict) == (
        "remanufactured",
        "pass",
        "pass",
    )
    assert result.may_say == ("as_is", "repaired", "reconditioned", "remanufactured", "upgraded")
    assert not result.missing
    assert "downgraded" not in codes(result)
    levels = {row["evidence_level"] for row in result.reasons.to_pylist()}
    assert levels <= {1, 2, 3, 4}
    assert all(row["source"] and row["rule_id"] for row in result.reasons.to_pylist())


@pytest.mark.parametrize(
    ("changes", "granted", "verdict"),
    [
        ({"warranty": {"months": 6, "new_months": 12, "whole_product": True}}, "reconditioned", "fail"),
        ({"warranty": {"months": 6, "whole_product": True}}, "reconditioned", "unknown"),
        ({"warranty": {"months": 6, "new_months": 12, "whole_product": False}}, "repaired", "fail"),
        ({"warranty": {}}, "repaired", "unknown"),
        ({"performance": {"at_least_original": False, "evidence_sha256": HASH}}, "reconditioned", "fail"),
        ({"performance": {"at_least_original": True}}, "reconditioned", "unknown"),
        (
            {"authorisation": {"kind": "none", "by": "R Ltd", "evidence_sha256": HASH}},
            "reconditioned",
            "fail",
        ),
        ({"authorisation": {}}, "reconditioned", "unknown"),
        ({"marking": {"says_remanufactured": False, "remanufacturer": "R Ltd"}}, "reconditioned", "fail"),
        ({"faults": {"found": 3, "corrected": 2}}, "as_is", "fail"),
        ({"faults": {}}, "as_is", "unknown"),
        ({"product": {"name": "pump", "serial": "77", "core_is_waste": True}}, "reconditioned", "fail"),
        ({"product": {"name": "pump", "core_is_waste": False}}, "none", "unknown"),
        ({"gates": {}}, "as_is", "unknown"),
    ],
)
def test_the_wanted_word_is_taken_down_with_its_reasons(
    changes: dict[str, Any], granted: str, verdict: str
) -> None:
    result = said(record(**changes))
    assert (result.granted, result.wanted, result.wanted_verdict) == (granted, "remanufactured", verdict)
    why = next(flag.text for flag in result.flags if flag.code == "downgraded")
    assert ("not met" if verdict == "fail" else "not proven") in why


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [({"result": "reject"}, "fail"), ({"evidence_sha256": None}, "unknown"), ({"person": None}, "unknown")],
)
def test_every_gate_counts(name: str, changes: dict[str, Any], verdict: str) -> None:
    document = record()
    document["gates"][name] = gate(name, **changes)
    result = said(document)
    assert (result.wanted_verdict, result.process_verdict) == (verdict, verdict)
    assert result.granted != "remanufactured"
    assert ("gate-rejected" in codes(result)) == (verdict == "fail")


@pytest.mark.parametrize("name", sorted(MEASURING))
def test_an_instrument_out_of_calibration_proves_nothing_good(name: str) -> None:
    document = record()
    document["gates"][name] = gate(name, calibrated_until="2026-11-19")
    assert said(document).wanted_verdict == "fail"
    document["gates"][name] = gate(name, instrument=None)
    assert said(document).wanted_verdict == "unknown"


def test_authorisation_is_asked_by_iso_10987_2_alone() -> None:
    for profile in WORD_PROFILES:
        expected = "unknown" if profile == "iso-10987-2-shaped" else "pass"
        assert said(record(profile, authorisation={})).wanted_verdict == expected


def test_refurbished_is_reconditioned_in_bs_8887_only() -> None:
    result = said(record("bs-8887-shaped"), "Refurbished")
    assert (result.wanted, result.granted) == ("reconditioned", "reconditioned")
    with pytest.raises(BadInput, match="no condition word"):
        said(record("gb-t-28618-shaped"), "refurbished")


def test_upgraded_stands_beside_the_chain() -> None:
    assert said(record(), "upgraded").granted == "upgraded"
    assert said(record(upgrade={}), "upgraded").granted == "remanufactured"


def test_without_a_wanted_word_the_highest_is_told() -> None:
    assert said(record(), "").granted == "remanufactured"
    assert said(record(wanted="repaired"), "").granted == "repaired"
    assert said(record(wanted=""), "").wanted == "none"


def test_texts_that_were_not_at_hand_and_evidence_that_is_not_bound(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_bytes(b"report")
    bound = claim(ProcessRecord.model_validate(record()), (open_file(tmp_path / "report.txt"),))
    assert "evidence-not-bound" not in codes(bound)
    assert "evidence-not-bound" in codes(said(record()))
    note = next(flag.text for flag in bound.flags if flag.code == "text-not-obtained")
    assert "ISO 10987-2-2017, active" in note


def test_a_gate_nobody_asked_for() -> None:
    document = record()
    document["gates"]["blessing"] = gate("blessing")
    assert "gate-not-asked" in codes(said(document))


def records(profile: str, *names: str) -> dict[str, Any]:
    done = {name: {"done": True, "evidence_sha256": HASH} for name in names}
    return {**record(profile), "gates": {}, "records": done}


def test_the_skeleton_of_hainan() -> None:
    repair = ["basic", "systems", "family", "general-tests", "family-tests"]
    result = said(records("db46-t-621-shaped", *repair))
    assert (result.granted, result.wanted_verdict, result.process_verdict) == ("repaired", "unknown", "pass")
    assert "DB46/T 621-2024" in next(f.text for f in result.flags if f.code == "text-not-obtained")
    whole = said(records("db46-t-621-shaped", *repair, "reman-requirements", "reman-tests"))
    assert whole.granted == "remanufactured"


def test_the_skeleton_of_changsha_knows_steps_and_no_words() -> None:
    steps = [
        "intake", "device-check", "major-accident", "registered", "technical-condition", "quality-grade", "photos",
        "value", "report", "archive",
    ]  # fmt: skip
    result = said(records("t-cscma-0004-shaped", *steps), "")
    assert (result.granted, result.process_verdict) == ("none", "pass")
    assert said(records("t-cscma-0004-shaped", *steps[:-1]), "").process_verdict == "unknown"
    with pytest.raises(BadInput, match="it has none"):
        said(records("t-cscma-0004-shaped", *steps), "repaired")


@cache
def of_profile(profile: str) -> tuple[Rule, ...]:
    return decide_words(ProcessRecord.model_validate(record(profile)), SHIPPED).rules.rows


@pytest.mark.parametrize(
    ("profile", "how"),
    [
        (WORD_PROFILES[0], "deleted"),
        (WORD_PROFILES[1], "expired"),
        (WORD_PROFILES[2], "deleted"),
        (WORD_PROFILES[3], "expired"),
    ],
)
def test_a_lost_row_grants_no_word_that_hangs_on_it(profile: str, how: str) -> None:
    """Every row, one at a time: each word whose cover row is it, or asks for it, is no longer granted."""
    rows = of_profile(profile)
    covers = [rule for rule in rows if rule.effect == "cover" and rule.domain == "claim"]
    silent = []
    for lost in rows:
        left = [rule for rule in rows if rule is not lost]
        if how == "expired":
            left.append(lost.model_copy(update={"valid_to": date(2020, 1, 1)}))
        words = decide_words(ProcessRecord.model_validate(record(profile)), RuleSet(left)).words
        granted = {word.name for word in words if word.granted}
        hanging = {c.params["name"] for c in covers if c is lost or lost.question in c.params["questions"]}
        if granted & hanging or granted != {c.params["name"] for c in covers} - hanging:
            silent.append(lost.rule_id)
    assert not silent


def test_unverified_rows_grant_nothing() -> None:
    rows = RuleSet(rule.model_copy(update={"evidence_level": 5}) for rule in of_profile("gb-t-28618-shaped"))
    assert said(record("gb-t-28618-shaped"), rows=rows).granted == "none"


@settings(max_examples=25, deadline=None)
@given(
    st.sets(
        st.sampled_from(
            [*GATES, "faults", "major_parts", "performance", "warranty", "authorisation", "marking"]
        )
    )
)
def test_less_evidence_never_grants_a_higher_word(left_out: set[str]) -> None:
    chain = ["none", "as_is", "repaired", "reconditioned", "remanufactured"]
    document = record()
    for name in left_out & set(GATES):
        del document["gates"][name]
    for name in left_out - set(GATES):
        document[name] = {}
    rows = RuleSet(of_profile("iso-10987-2-shaped"))
    result = said(document, rows=rows)
    assert chain.index(result.granted) <= chain.index("remanufactured")
    needed = {*GATES, "faults", "performance", "warranty", "authorisation", "marking"}
    assert (result.granted == "remanufactured") == (not left_out & needed)
    assert (result.wanted_verdict == "unknown") == bool(left_out & needed)


@pytest.mark.parametrize(
    ("changes", "said_"),
    [
        ({"gates": {"test": {"result": "maybe"}}}, "accept"),
        ({"gates": {"test": {"evidence_sha256": "abc"}}}, "pattern"),
        ({"warranty": {"months": -1}}, "greater than or equal"),
        ({"product": {"name": ""}}, "at least 1"),
        ({"faults": {"found": "3"}}, "valid integer"),
        ({"performance": {"at_least_original": "yes"}}, "valid boolean"),
        ({"day": "soon"}, "no day"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_a_record_that_is_none(changes: dict[str, Any], said_: str) -> None:
    with pytest.raises(ValidationError, match=said_):
        ProcessRecord.model_validate(record(**changes))


def test_a_profile_that_there_is_not() -> None:
    with pytest.raises(BadInput, match="no process profile 'mine'") as caught:
        said(record("mine"))
    assert "gb-t-28618-shaped" in caught.value.right
    broken = [
        r.model_copy(update={"params": {**r.params, "rank": "high"}}) for r in of_profile(WORD_PROFILES[0])
    ]
    with pytest.raises(BadInput, match=r"params\.rank"):
        said(record(WORD_PROFILES[0]), rows=RuleSet(broken))


def test_a_word_that_no_row_covers() -> None:
    rows = [
        rule.model_copy(update={"valid_to": date(2020, 1, 1)}) if rule.effect == "cover" else rule
        for rule in of_profile("gb-t-28618-shaped")
    ]
    result = said(record("gb-t-28618-shaped"), rows=RuleSet(rows))
    assert (result.granted, result.wanted_verdict, result.process_verdict) == ("none", "unknown", "unknown")
    assert "no row in force" in next(flag.text for flag in result.flags if flag.code == "downgraded")
    assert {row["question"] for row in result.reasons.to_pylist()} == {"coverage"}


def test_long_lists_say_how_much_they_leave_out() -> None:
    assert listed(["a"] * 64) == ("a",) * 64
    assert listed(["a"] * 70)[62:] == ("a", "and 7 more")


# --- rates


def parts(*rows: dict[str, Any]) -> OneOrMany[ReusedPart]:
    return OneOrMany[ReusedPart].model_validate(list(rows))


PUMP = (
    {"part": "body", "fate": "reused", "count": 1, "mass_kg": 20, "value": 1000},
    {"part": "shaft", "fate": "remanufactured", "count": 1, "mass_kg": 5, "value": "500.50"},
    {"part": "seal", "fate": "replaced-new", "count": 8, "mass_kg": 0.1, "value": 10},
)


def rated(*rows: dict[str, Any], **more: Any) -> Rates:
    return rate(parts(*rows), **more)


def test_three_rates_with_their_denominators() -> None:
    result = rated(*PUMP)
    values = [result.rate_by_number, result.rate_by_mass, result.rate_by_value]
    assert [value.value for value in values if value] == pytest.approx(
        [100 * 2 / 10, 100 * 25 / 25.8, 100 * 1500.5 / 1580.5]
    )
    assert (result.number_kept.value, result.number_all.value) == (2, 10)
    assert result.mass_all is not None
    assert (result.mass_all.value, result.mass_all.unit) == (25.8, "kg")
    assert result.value_all is not None
    assert (result.value_all.value, result.value_all.unit) == (1580.5, "CNY")
    assert codes(result) == {"unverified"}
    assert not result.refusals


def test_a_rate_is_refused_where_a_part_lacks_its_number() -> None:
    result = rated(*PUMP, {"part": "ring", "fate": "recycled", "mass_kg": 1})
    assert result.rate_by_value is result.value_all is None
    assert [note.code for note in result.refusals] == ["no-value"]
    assert "ring" in result.refusals[0].text
    nothing = rated({"part": "x", "fate": "reused", "value": 0, "mass_kg": 1})
    assert [note.code for note in nothing.refusals] == ["no-value"]


def test_what_counts_as_kept_is_a_row() -> None:
    rows = [rule for rule in SHIPPED.rows if rule.domain == "reman-rate"]
    wider = RuleSet(
        rule.model_copy(
            update={"params": {**rule.params, "kept": ["reused", "remanufactured", "replaced-used"]}}
        )
        for rule in rows
    )
    used = {"part": "cover", "fate": "replaced-used", "mass_kg": 1, "value": 1}
    narrow, wide = rated(*PUMP, used), rated(*PUMP, used, rules=wider)
    assert (narrow.number_kept.value, wide.number_kept.value) == (2, 3)
    gone = rated(*PUMP, rules=RuleSet(rows[:1]))
    assert [note.code for note in gone.refusals] == ["no-row", "no-row"]
    early = rated(*PUMP, day=date(2000, 1, 1))
    assert [note.code for note in early.refusals] == ["no-row"] * 3
    assert [note.code for note in rated(*PUMP, rules=RuleSet([])).refusals] == ["no-row"] * 3
    twice = RuleSet([*rows, rows[0].model_copy(update={"rule_id": "own.rate"})])
    with pytest.raises(BadInput, match="two rows say what counts"):
        rated(*PUMP, rules=twice)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["reused", "remanufactured", "replaced-new"]), st.integers(1, 50)),
        min_size=1,
    )
)
def test_a_rate_by_number_lies_between_nothing_and_all(rows: list[tuple[str, int]]) -> None:
    result = rated(*({"part": f"p{n}", "fate": fate, "count": count} for n, (fate, count) in enumerate(rows)))
    kept = sum(count for fate, count in rows if fate != "replaced-new")
    assert result.rate_by_number is not None
    assert result.rate_by_number.value == pytest.approx(100 * kept / sum(count for _, count in rows))
    assert 0 <= result.rate_by_number.value <= 100


# --- circularity


def sheet(**statements: Any) -> CircularitySheet:
    return CircularitySheet.model_validate({"product": "pump", "day": "2026-11-22", "statements": statements})


def test_a_sheet_in_six_blocks(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_bytes(b"report")
    given_ = sheet(
        company={"answer": "R Ltd"},
        recycled_content={"answer": "25 to 50 %", "evidence_sha256": HASH, "reference": "mass balance 4"},
        take_back={"answer": "no", "evidence_sha256": "0" * 64},
    )
    result = data_sheet(given_, (open_file(tmp_path / "report.txt"),))
    assert [block["block"] for block in result.sheet["blocks"]] == [1, 2, 3, 4, 5, 6]
    counts = (result.answered.value, result.with_evidence.value, result.evidence_bound.value)
    assert counts == (3, 2, 1)
    assert codes(result) == {"not-stated", "evidence-not-bound"}
    assert "25 to 50 % (mass balance 4) [evidence in this finding" in result.text
    assert "再生材料质量占比" in result.text


def test_a_sheet_without_a_gap_has_no_flag() -> None:
    answers = {}
    for rule in SHIPPED.rows:
        if rule.domain == "circularity":
            vector = next(v for v in rule.test_vectors if v.expect is Verdict.PASS)
            answers |= vector.given["statements"]
    result = data_sheet(sheet(**answers))
    assert not result.flags
    assert result.answered.value == result.statements.value


@pytest.mark.parametrize(
    ("statements", "said_"),
    [
        ({"wings": {"answer": "yes"}}, "no statement wings"),
        ({"take_back": {"answer": "perhaps"}}, "one of: yes, no"),
        ({"recycled_content": {"answer": "37 %"}}, "25 to 50 %"),
        ({"company": {"answer": ""}}, "a text is wanted"),
    ],
)
def test_a_statement_that_is_none(statements: dict[str, Any], said_: str) -> None:
    with pytest.raises(BadInput, match=said_):
        data_sheet(sheet(**statements))


def test_a_sheet_before_its_time_or_with_broken_rows() -> None:
    early = sheet().model_copy(update={"day": date(2020, 1, 1)})
    with pytest.raises(BadInput, match="no statement of the profile"):
        data_sheet(early)
    rows = [rule for rule in SHIPPED.rows if rule.domain == "circularity"]
    broken = rows[0].model_copy(update={"params": {**rows[0].params, "kind": "essay"}})
    with pytest.raises(BadInput, match=r"params\.kind"):
        data_sheet(sheet(), rules=RuleSet([broken, *rows[1:]]))
    bare = data_sheet(sheet(), rules=RuleSet(rows))
    assert bare.sheet["blocks"][0]["title_en"] == "Block 1"


# --- doors


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["run", *words, "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_all_three_at_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(record(warranty={})))
    found = run(
        "reman.claim", str(tmp_path / "record.json"), "-p", "wanted=remanufactured", "--out", str(tmp_path)
    )
    assert found["results"]["granted"]["value"] == "repaired"
    assert "warranty.months is not stated" in (tmp_path / "reasons.csv").read_text()
    (tmp_path / "parts.json").write_text(json.dumps(list(PUMP)))
    rates = run("reman.rate", str(tmp_path / "parts.json"), "-p", "currency=EUR", "--out", str(tmp_path))
    assert rates["results"]["value_all"]["unit"] == "EUR"
    assert "500.50" in (tmp_path / "parts.csv").read_text()
    (tmp_path / "sheet.json").write_text(sheet(take_back={"answer": "yes"}).model_dump_json())
    drawn = run("circularity.data-sheet", str(tmp_path / "sheet.json"), "--out", str(tmp_path))
    assert drawn["results"]["answered"]["value"] == 1
    assert (tmp_path / "data-sheet.txt").read_text().startswith("Product circularity data sheet")
