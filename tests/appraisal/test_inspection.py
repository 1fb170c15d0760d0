"""Guided inspection: what the lists hold, that no fault passes in silence, and both methods through their doors."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recore import rules
from recore.appraisal.case import appraise, case_from
from recore.appraisal.inspection.checklist import checklist
from recore.appraisal.inspection.evaluate import Evaluation, evaluate
from recore.appraisal.inspection.judgement import judge_inspection
from recore.appraisal.inspection.profile import DEFAULT_PROFILE, Item, Profile, families, profile_of
from recore.appraisal.inspection.record import Inspection
from recore.cli import app
from recore.errors import BadInput
from recore.evidence import open_file
from recore.model.trade import TradeMachine
from recore.rules import Rule, RuleSet, Verdict

SHIPPED = rules.shipped()
FAMILIES = [entry["family"] for entry in families(SHIPPED, DEFAULT_PROFILE)]
DAY = "2026-11-22"
CHINESE = re.compile("[\u4e00-\u9fff]")


@cache
def profile(family: str) -> Profile:
    return profile_of(SHIPPED, DEFAULT_PROFILE, family)


def vectors(item: Item, verdict: Verdict) -> Iterator[dict[str, Any]]:
    return (vector.given for vector in item.rule.test_vectors if vector.expect is verdict)


def filled(kind: str, /, *faults: str, **changes: Any) -> dict[str, Any]:
    """An inspection that meets every item but the named ones; answers come from the rows' own test vectors."""
    answers: dict[str, Any] = {}
    nominal: dict[str, Any] = {}
    for item in profile(kind).items:
        given = next(vectors(item, Verdict.FAIL if item.name in faults else Verdict.PASS))
        answers[item.name] = given["answers"][item.name]
        nominal |= given.get("nominal", {})
    if "hour_meter" in answers and "hour_meter" not in faults:
        answers["hour_meter"] = 5100
    document = {
        "family": kind,
        "machine": {"maker": "M", "model": "X", "serial": "4711"},
        "inspector": {"name": "A. Inspector", "qualification": "certified"},
        "when": "2026-11-22T09:30:00Z",
        "place": "Yard 3",
        "answers": answers,
        "nominal": nominal,
    }
    changed = {**document, **changes}
    changed["answers"] = {**answers, **changes.get("answers", {})}
    return changed


def judged(document: dict[str, Any], rows: RuleSet | None = None, **more: Any) -> Evaluation:
    return evaluate(Inspection.model_validate(document), rules=rows, **more)


def codes(result: Evaluation) -> set[str]:
    return {flag.code for flag in result.flags}


# --- the lists


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_list_of_substance(family: str) -> None:
    drawn = checklist(family=family)
    document = drawn.checklist
    items = [item for section in document["sections"] for item in section["items"]]
    assert len(items) >= 25
    assert drawn.items.value == len(items)
    assert len({item["item"] for item in items}) == len(items)
    own = [item for item in profile(family).items if item.rule.selector.family]
    assert len([item for item in own if len(item.rule.selector.family or ()) <= 6]) >= 8, (
        "specific to few families"
    )
    for item in items:
        for word in ("ask", "how"):
            assert item[f"{word}_en"]
            assert CHINESE.search(item[f"{word}_zh"])
        assert item["photo"]["needed"] in ("always", "if_fail", "never")
        assert item["photo"]["of_en"]
        assert CHINESE.search(item["photo"]["of_zh"])
        assert item["source"]
        assert item["legal_basis"]
        assert (item["kind"] == "measured") <= (item["unit"] is not None)
        assert "None" not in item["limit_text"]
        assert item["evidence_level"] < 5
    assert sum(item["stop"] for item in items) == drawn.stop_items.value >= 10
    assert drawn.photos.value >= 8


def test_at_least_twelve_families_and_what_the_brief_of_the_trade_names() -> None:
    assert len(FAMILIES) >= 12
    wanted = {
        "excavator", "wheel loader", "dozer", "grader", "roller", "truck crane", "crawler crane", "concrete pump",
        "concrete mixer", "drill rig", "dump truck", "forklift",
    }  # fmt: skip
    assert wanted <= set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cover_row_names_every_item_and_every_stop_item(family: str) -> None:
    found = profile(family)
    covered = dict(found.covered())
    assert covered.keys() == {item.name for item in found.items}
    assert {name for name, stop in covered.items() if stop} == {i.name for i in found.items if i.params.stop}


def test_limits_that_a_source_prints() -> None:
    forks = {item.name: item.limit_text("en") for item in profile("forklift").items}
    assert forks["chain_elongation"] == "≤ 3 [%]"
    assert forks["fork_heel_loss"] == "≤ 10 [%]"
    crane = {item.name: item.limit_text("en") for item in profile("truck crane").items}
    assert crane["rope_broken_wires"] == "≤ 5 [pcs]"
    assert crane["rope_diameter_loss"] == "≤ 5 [%]"
    assert crane["hook_throat"] == "≤ 15 [%]"
    assert crane["swing_bearing_play"] == "≤ nominal.swing_bearing_play_max [mm]"
    assert crane["structure_cracks"] == "no"
    words = {item.name: item for item in profile("truck crane").items}
    assert words["structural_condition"].limit_text("zh") == "良好"
    assert words["seat_belt"].limit_text("zh") == "是"


def test_a_family_goes_by_its_other_names() -> None:
    assert profile_of(SHIPPED, DEFAULT_PROFILE, "Bulldozer").family == "dozer"
    assert checklist(TradeMachine(family="mobile crane", maker="M")).family == "truck crane"


def test_the_list_is_the_same_every_time_and_carries_its_version() -> None:
    first, again = checklist(family="roller"), checklist(family="roller", language="zh")
    assert first.checklist == again.checklist
    assert first.rules_sha256 == first.checklist["version"] == profile("roller").rules.digest
    assert "压路机" in json.dumps(first.checklist, ensure_ascii=False)
    assert CHINESE.search(again.table["ask"][0].as_py())
    assert first.table.num_rows == first.items.value


def test_a_list_for_a_day_before_its_rows() -> None:
    early = checklist(family="roller", day=date(2010, 1, 1))
    assert early.items.value == 0
    assert {"items-without-row", "family-without-row"} <= {flag.code for flag in early.flags}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "family is not stated"),
        ({"family": "airship"}, "no check-list for the family 'airship'"),
        ({"family": "wheel loadr"}, "near it: wheel loader"),
        ({"family": "roller", "profile": "mine"}, "no inspection profile 'mine'"),
        (
            {"family": "roller", "machine": TradeMachine(family="dozer")},
            "'dozer', the parameter says 'roller'",
        ),
    ],
)
def test_a_list_that_there_is_not(given: dict[str, Any], said: str) -> None:
    machine = given.pop("machine", None)
    with pytest.raises(BadInput, match=said):
        checklist(machine, **given)


# --- the verdict


@pytest.mark.parametrize("family", FAMILIES)
def test_a_machine_without_a_fault(family: str) -> None:
    result = judged(filled(family))
    assert (result.verdict, result.stop_verdict) == ("pass", "pass")
    assert result.asked.value == result.met.value == len(profile(family).items)
    assert result.structural_condition == "sound"
    assert not result.stop_failed
    assert not result.stop_open
    assert result.sections.column("asked").to_pylist() == result.sections.column("met").to_pylist()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_stop_item_passes_in_silence(family: str) -> None:
    names = [item.name for item in profile(family).items if item.params.stop]
    one = random.Random(f"stop {family}").choice(names)
    result = judged(filled(family, one))
    assert (result.verdict, result.stop_verdict, result.stop_failed) == ("fail", "fail", (one,))
    assert any(flag.code == "stop-item-failed" and one in flag.text for flag in result.flags)
    all_of_them = judged(filled(family, *names))
    assert set(all_of_them.stop_failed) == set(names)
    silent = filled(family)
    silent["answers"] = {name: answer for name, answer in silent["answers"].items() if name != one}
    unanswered = judged(silent)
    assert (unanswered.verdict, unanswered.stop_verdict, unanswered.stop_open) == (
        "unknown",
        "unknown",
        (one,),
    )


@pytest.mark.parametrize("seed", range(12))
def test_generated_inspections_come_to_what_their_faults_say(seed: int) -> None:
    """Seeded faults, gaps and skipped tests; the expected numbers are counted from the seed, not from the rows."""
    dice = random.Random(seed)
    family = dice.choice(FAMILIES)
    names = [
        item.name for item in profile(family).items if item.name not in ("hour_meter", "telematics_hours")
    ]
    hurt = set(dice.sample(names, dice.randint(0, 4)))
    rest = [name for name in names if name not in hurt]
    skipped = set(dice.sample(rest, dice.randint(0, 3)))
    gone = set(dice.sample([name for name in rest if name not in skipped], dice.randint(0, 3)))
    document = filled(family, *hurt)
    document["answers"] |= {name: {"not_tested": "rain"} for name in skipped}
    for name in gone:
        del document["answers"][name]
    result = judged(document)
    stops = {item.name for item in profile(family).items if item.params.stop}
    assert result.failed.value == len(hurt)
    assert result.unknown.value == len(skipped) + len(gone)
    assert result.not_tested.value == len(skipped)
    assert result.verdict == ("fail" if hurt else "unknown" if skipped | gone else "pass")
    assert result.stop_verdict == (
        "fail" if hurt & stops else "unknown" if (skipped | gone) & stops else "pass"
    )
    assert set(result.stop_failed) == hurt & stops
    assert {entry["item"] for entry in result.form["not_tested"]} == skipped
    assert set(result.form["not_answered"]) == gone


def expired(rule: Rule) -> Rule:
    return rule.model_copy(update={"valid_to": date(2020, 1, 1)})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("how", ["deleted", "expired"])
def test_rows_that_are_lost_leave_their_items_unknown(family: str, half: int, how: str) -> None:
    """Half of all item rows at a time: every lost item is unknown, none passes, and every kept one stays as it is."""
    whole = profile(family)
    lost = {item.rule.rule_id for number, item in enumerate(whole.items) if number % 2 == half}
    rows = [
        expired(rule) if rule.rule_id in lost else rule
        for rule in whole.rules.rows
        if how == "expired" or rule.rule_id not in lost
    ]
    found = judge_inspection(
        Profile(whole.name, whole.family, RuleSet(rows)), Inspection.model_validate(filled(family))
    )
    names = {item.name for item in whole.items if item.rule.rule_id in lost}
    outcome = {item.name: item.verdict for item in found.items}
    assert {outcome[name] for name in names} == {Verdict.UNKNOWN}
    assert {outcome[name] for name in outcome.keys() - names} == {Verdict.PASS}
    assert found.verdict() is found.verdict(stop_only=True) is Verdict.UNKNOWN


@pytest.mark.parametrize("how", ["deleted", "expired"])
def test_one_lost_row_is_enough(how: str) -> None:
    whole = profile("forklift")
    document = Inspection.model_validate(filled("forklift"))
    stops = {item.rule.rule_id for item in whole.items if item.params.stop}
    silent = []
    some = random.Random(f"lost {how}").sample([item.rule for item in whole.items], 20)
    for lost in [*whole.covers, *some]:
        rows = [rule for rule in whole.rules.rows if rule.rule_id != lost.rule_id]
        rows += [expired(lost)] if how == "expired" else []
        found = judge_inspection(Profile(whole.name, whole.family, RuleSet(rows)), document)
        fine = found.verdict() is Verdict.UNKNOWN
        if lost.effect == "cover" or lost.rule_id in stops:
            fine = fine and found.verdict(stop_only=True) is Verdict.UNKNOWN
        if not fine:
            silent.append(lost.rule_id)
    assert not silent


def test_a_lost_row_cannot_be_called_not_applicable() -> None:
    whole = profile("excavator")
    document = filled("excavator", answers={"quick_coupler": {"not_applicable": "pinned bucket"}})
    assert judged(document).verdict == "pass"
    assert judged(document).not_applicable.value == 1
    for rows in (
        [rule for rule in whole.rules.rows if rule.rule_id != "inspection.quick_coupler"],
        [expired(rule) if rule.rule_id == "inspection.quick_coupler" else rule for rule in whole.rules.rows],
    ):
        result = judged(document, RuleSet(rows))
        assert (result.verdict, result.stop_verdict) == ("unknown", "unknown")


def test_a_machine_that_is_not_identified_gets_no_verdict() -> None:
    result = judged(filled("roller", machine={"maker": "M"}))
    assert (result.verdict, result.stop_verdict) == ("unknown", "unknown")
    assert "not-covered" in codes(result)
    assert "machine.pin or machine.serial" in result.missing


def test_the_makers_limit_that_nobody_stated() -> None:
    document = filled("excavator")
    del document["nominal"]["swing_bearing_play_max"]
    result = judged(document)
    assert result.verdict == "unknown"
    assert result.missing == ("nominal.swing_bearing_play_max",)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (2.0, "pass"),
        ({"value": 2.8, "uncertainty": 0.1, "note": "under load"}, "pass"),
        ({"value": 2.95, "uncertainty": 0.1}, "unknown"),
        ({"value": 3.0, "unit": "%"}, "pass"),
        ({"value": 0.031, "unit": "1"}, "fail"),
        ({"value": 3.2, "uncertainty": 0.1}, "fail"),
    ],
)
def test_a_reading_against_a_limit_with_its_uncertainty(answer: Any, outcome: str) -> None:
    result = judged(filled("forklift", answers={"chain_elongation": answer}))
    rows = {row["item"]: row for row in result.reasons.to_pylist()}
    assert rows["chain_elongation"]["outcome"] == outcome
    assert result.stop_verdict == outcome
    assert rows["chain_elongation"]["source"].startswith("FB Chain")


def test_a_hour_meter_that_was_turned_back() -> None:
    result = judged(filled("excavator", answers={"hour_meter": 5000, "telematics_hours": 9800}))
    assert result.verdict == "fail"
    reason = next(row for row in result.reasons.to_pylist() if row["item"] == "telematics_hours")
    assert "9800 h is not ≤ 5250 h" in reason["text"]


def test_the_word_for_the_structure_must_fit_its_items() -> None:
    cracked = judged(filled("excavator", "structure_cracks"))
    assert cracked.structural_condition is None
    assert "structure-contradiction" in codes(cracked)
    open_one = judged(filled("excavator", answers={"corrosion": {"not_tested": ""}}))
    assert open_one.structural_condition is None
    assert "structure-not-proven" in codes(open_one)
    told = judged(filled("excavator", "structure_cracks", answers={"structural_condition": "repairable"}))
    assert told.structural_condition == "repairable"
    silent = filled("excavator")
    del silent["answers"]["structural_condition"]
    assert judged(silent).structural_condition is None


def test_what_was_not_tested_is_listed_with_its_reason() -> None:
    result = judged(
        filled("roller", answers={"horn": {"not_tested": "no battery"}, "seat_belt": "not_tested"})
    )
    assert result.form["not_tested"] == [
        {"item": "seat_belt", "stop": True, "reason": "no reason stated"},
        {"item": "horn", "stop": False, "reason": "no battery"},
    ]
    assert (
        result.score == "68 met, 0 failed, 2 open of 70 asked (68 answered, 2 not tested, 0 not applicable)"
    )
    assert "%" not in result.score


def test_the_form_has_the_four_parts() -> None:
    form = judged(filled("grader")).form
    assert form["machine"]["serial"] == "4711"
    assert form["checklist"]["verdict"] == "pass"
    assert form["inspector"]["name"] == "A. Inspector"
    assert len(form["details"]) == len(profile("grader").items)
    bare = judged(filled("grader", inspector=None, place=None))
    assert "not-stated" in codes(bare)


def test_answers_nobody_asked_for_and_another_version() -> None:
    result = judged(filled("roller", answers={"wings": True}, version="0" * 64))
    assert {"answer-not-asked", "other-version"} <= codes(result)
    assert "other-version" not in codes(judged(filled("roller", version=profile("roller").rules.digest)))


def test_an_unverified_row_decides_nothing() -> None:
    whole = profile("roller")
    rows = RuleSet(
        rule.model_copy(update={"evidence_level": 5}) if rule.rule_id == "inspection.horn" else rule
        for rule in whole.rules.rows
    )
    result = judged(filled("roller"), rows)
    assert result.verdict == "unknown"
    assert "unverified-rows" in codes(result)
    assert "only unverified rows" in next(
        r["text"] for r in result.reasons.to_pylist() if r["item"] == "horn"
    )


def test_rows_of_ones_own_that_contradict() -> None:
    whole = profile("roller")
    horn = next(rule for rule in whole.rules.rows if rule.rule_id == "inspection.horn")
    other = horn.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    other |= {"rule_id": "own.horn", "predicate": {"field": "answers.horn", "op": "==", "value": False}}
    result = judged(filled("roller"), RuleSet([*whole.rules.rows, Rule.model_validate(other)]))
    assert result.verdict == "unknown"
    assert {row["rule_id"] for row in result.reasons.to_pylist() if row["item"] == "horn"} == {
        "inspection.horn",
        "own.horn",
    }


def test_a_section_without_a_row_goes_by_its_id() -> None:
    whole = profile("roller")
    rows = RuleSet(rule for rule in whole.rules.rows if rule.rule_id != "inspection.section.cab")
    drawn = checklist(family="roller", rules=rows).checklist
    assert [section["title_en"] for section in drawn["sections"]][-1] == "cab"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"kind": "maybe"}, "params.kind"),
        ({"kind": "choice", "choices": []}, "at least two choices"),
        ({"kind": "measured", "unit": None}, "wants a unit"),
    ],
)
def test_a_row_whose_params_are_wrong(params: dict[str, Any], said: str) -> None:
    whole = profile("roller")
    horn = next(rule for rule in whole.rules.rows if rule.rule_id == "inspection.horn")
    broken = horn.model_copy(
        update={"params": {k: v for k, v in {**horn.params, **params}.items() if v is not None}}
    )
    rows = RuleSet([broken if rule is horn else rule for rule in whole.rules.rows])
    with pytest.raises(BadInput, match=said) as caught:
        judged(filled("roller"), rows)
    assert "inspection.horn" in caught.value.where


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"horn": "yes"}, "neither true nor false"),
        ({"horn": {"value": True, "unit": "mm"}}, "no unit"),
        ({"horn": {"answer": True}}, "is no answer"),
        ({"horn": {"value": True, "note": 3}}, "is no answer"),
        ({"horn": {"not_applicable": "none"}}, "belongs to every machine"),
        ({"horn": {"not_tested": 3}}, "beside something else"),
        ({"horn": {"not_tested": "x", "value": True}}, "beside something else"),
        ({"structural_condition": "superb"}, "one of: sound, repairable, parts"),
        ({"hour_meter": "many"}, "is no number"),
        ({"hour_meter": True}, "is no number"),
        ({"hour_meter": {"value": 3, "unit": "mm"}}, "give it in h"),
        ({"hour_meter": {"value": 3, "uncertainty": -1}}, "negative"),
    ],
)
def test_an_answer_of_another_kind(answers: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        judged(filled("excavator", answers=answers))
    assert caught.value.where == f"answers.{next(iter(answers))}"


def test_a_count_is_whole() -> None:
    with pytest.raises(BadInput, match="is no count"):
        judged(filled("truck crane", answers={"rope_broken_wires": 2.5}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nominal": {"track_sag_max": "much"}}, "is no number"),
        ({"nominal": {"track_sag_max": {"value": 1, "note": "x"}}}, "is no limit"),
        ({"nominal": {"track_sag_max": {"value": 1, "unit": "cubit"}}}, "cubit"),
        ({"family": "dozer", "machine": {"family": "roller"}}, "machine.family 'roller'"),
        ({"family": None}, "family is not stated"),
    ],
)
def test_a_document_that_cannot_be_used(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        judged(filled("excavator", **changes))


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "2026-11-22T99:00", 5])
def test_a_time_that_is_none(when: Any) -> None:
    with pytest.raises(ValueError, match="is no time"):
        Inspection.model_validate(filled("roller", when=when))
    assert Inspection.model_validate(filled("roller", when=date(2026, 11, 22))).day == date(2026, 11, 22)


def test_limits_with_a_unit_of_their_own() -> None:
    document = filled("excavator")
    document["nominal"]["swing_bearing_play_max"] = {"value": 1, "unit": "cm"}
    document["nominal"]["unused"] = None
    assert judged(document).verdict == "pass"


# --- photos and doors


def test_a_photo_is_bound_by_the_digest_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "plate.jpg").write_bytes(b"plate")
    (tmp_path / "other.jpg").write_bytes(b"other")
    digest = hashlib.sha256(b"plate").hexdigest()
    photos = [
        {"item": "plate_legible", "file": "plate.jpg", "sha256": digest},
        {"item": "frame_number_matches", "file": "frame.jpg", "sha256": "0" * 64},
        {"item": "wings", "file": "wings.jpg", "sha256": digest},
    ]
    document = filled("roller", "horn", photos=photos)
    result = judged(document, photos=(open_file(tmp_path / "plate.jpg"), open_file(tmp_path / "other.jpg")))
    assert {"photo-missing", "photo-not-bound", "photo-of-unknown-item", "photo-not-named"} <= codes(result)
    assert result.photos_not_bound.value == 1
    missing = set(result.form["photos_missing"])
    assert "horn" in missing, "a photo that is wanted where the item fails"
    assert "plate_legible" not in missing
    rows = {row["item"]: row for row in result.reasons.to_pylist()}
    assert rows["plate_legible"]["photo_sha256"] == digest
    assert rows["plate_legible"]["photo_bound"]
    assert not rows["frame_number_matches"]["photo_bound"]


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["run", *words])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_from_the_list_to_the_verdict_at_the_command_line(tmp_path: Path) -> None:
    listed = run("inspection.checklist", "-p", "family=wheel loader", "--json", "--out", str(tmp_path))
    assert listed["results"]["items"]["value"] == len(profile("wheel loader").items)
    document = json.loads((tmp_path / "checklist.json").read_text())
    with (tmp_path / "checklist.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == listed["results"]["items"]["value"]
    answers: dict[str, Any] = {}
    nominal: dict[str, Any] = {}
    for item in (item for section in document["sections"] for item in section["items"]):
        if item["good"] is not None:
            answers[item["item"]] = item["good"]
        else:
            answers[item["item"]] = 10
            nominal |= {limit["name"]: 10 for limit in item["nominal"]}
    form = filled("wheel loader") | {"version": document["version"], "answers": answers, "nominal": nominal}
    answers["service_brake"] = False
    (tmp_path / "inspection.json").write_text(json.dumps(form))
    (tmp_path / "photo.jpg").write_bytes(b"x")
    found = run(
        "inspection.evaluate", str(tmp_path / "inspection.json"), str(tmp_path / "photo.jpg"), "--json"
    )
    assert found["results"]["verdict"]["value"] == "fail"
    assert found["results"]["stop_failed"]["value"] == ["service_brake"]
    assert "other-version" not in {flag["code"] for flag in found["flags"]}
    assert {entry["file"] for entry in found["artifacts"]} == {
        "inspection-report.json",
        "reasons.csv",
        "sections.csv",
    }


def test_a_list_for_a_machine_file(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text(json.dumps({"family": "bulldozer", "maker": "M", "pin": "P" * 17}))
    found = run("inspection.checklist", str(tmp_path / "machine.json"), "--json", "--out", str(tmp_path))
    assert found["results"]["family"]["value"] == "dozer"
    assert json.loads((tmp_path / "checklist.json").read_text())["machine"]["pin"] == "P" * 17


def test_bad_input_is_told_at_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "inspection.json").write_text(json.dumps(filled("roller", answers={"horn": 7})))
    done = CliRunner().invoke(app, ["run", "inspection.evaluate", str(tmp_path / "inspection.json")])
    assert isinstance(done.exception, BadInput)
    assert "answers.horn" in str(done.exception)


@pytest.mark.parametrize(
    ("faults", "answers", "letter"),
    [
        ((), {}, "B"),
        (("service_brake",), {}, "D"),
        ((), {"service_brake": {"not_tested": "no fuel"}}, "unknown"),
    ],
)
def test_an_inspection_binds_the_grade_of_a_case(
    tmp_path: Path, faults: tuple[str, ...], answers: dict[str, Any], letter: str
) -> None:
    (tmp_path / "inspection.json").write_text(json.dumps(filled("wheel loader", *faults, answers=answers)))
    document = {
        "machine": {"maker": "M", "model": "X", "serial": "4711", "family": "wheel loader", "built": "2022", "hours": 100},
        "component": [{"id": "whole", "kind": "machine"}],
        "grade": {"profile": "open-condition"},
        "step": [
            {"id": "look", "component": "whole", "method": "inspection.evaluate", "evidence": ["inspection.json"]}
        ],
    }  # fmt: skip
    case = case_from(document, where="case")
    done = appraise(case, lambda name: open_file(tmp_path / name), SHIPPED, date(2026, 11, 22))
    assert done.grade.letter == letter
    item = next(item for item in done.grade.items if item.item == "look:stop")
    assert item.letter == {"B": "A"}.get(letter, letter)


def test_the_plot(tmp_path: Path) -> None:
    (tmp_path / "inspection.json").write_text(json.dumps(filled("roller", "horn")))
    drawn = evaluate.run([open_file(tmp_path / "inspection.json")]).plot()
    assert drawn is not None
    assert "stop items: pass" in json.dumps(drawn)
