"""Three headings with reasons: traps of the trade in English and Chinese, and what is not said in silence."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.csv as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.method import Refusal
from recore.model.trade import OneOrMany
from recore.trade.hs_headings import TABLE, headings, plain
from recore.trade.hs_suggest import DescribedMachine, Suggestions, hs_suggest

Run = Callable[..., Any]


def suggest(*machines: dict[str, Any] | str) -> Suggestions:
    given = [{"text": item} if isinstance(item, str) else item for item in machines]
    return hs_suggest(OneOrMany[DescribedMachine].model_validate(given if len(given) > 1 else given[0]))


def codes(result: Suggestions) -> list[str]:
    return [note.code for note in result.flags]


# Headings of HS 2022; the pairs are those that are mistaken for each other in the trade.
@pytest.mark.parametrize(
    ("text", "hs"),
    [
        ("concrete pump truck", "8705.90"),
        ("truck-mounted concrete pump 52 m", "8705.90"),
        ("concrete pump", "8413.40"),
        ("trailer concrete pump HBT80", "8413.40"),
        ("混凝土泵车", "8705.90"),
        ("混凝土拖泵", "8413.40"),
        ("concrete mixer truck 10 m3", "8705.40"),
        ("混凝土搅拌运输车", "8705.40"),
        ("混凝土搅拌站", "8474.31"),
        ("truck crane QY25K", "8705.10"),
        ("汽车起重机", "8705.10"),
        ("all-terrain crane", "8705.10"),
        ("crawler crane 50 t", "8426.49"),
        ("履带吊", "8426.49"),
        ("rough terrain crane", "8426.41"),
        ("tower crane", "8426.20"),
        ("backhoe loader", "8429.59"),
        ("挖掘装载机", "8429.59"),
        ("wheel loader ZL50", "8429.51"),
        ("装载机", "8429.51"),
        ("skid-steer loader", "8429.51"),
        ("滑移装载机", "8429.51"),
        ("wheeled excavator", "8429.52"),
        ("轮式挖掘机", "8429.52"),
        ("used Komatsu PC200-8 crawler excavators", "8429.52"),
        ("Komatsu PC200-8", "8429.52"),
        ("excavator bucket", "8431.41"),
        ("rotary drilling rig SR150C", "8430.41"),
        ("旋挖钻机", "8430.41"),
        ("trailer mounted drilling rig", "8430.49"),
        ("truck mounted drilling rig", "8705.20"),
        ("off-highway dump truck", "8704.10"),
        ("矿用自卸车", "8704.10"),
        ("bulldozer D6R", "8429.11"),
        ("推土机", "8429.11"),
        ("wheel dozer", "8429.19"),
        ("motor grader", "8429.20"),
        ("平地机", "8429.20"),
        ("vibratory road roller", "8429.40"),
        ("压路机", "8429.40"),
        ("diesel forklift 3 t", "8427.20"),
        ("电动叉车", "8427.10"),
        ("asphalt paver", "8479.10"),
        ("沥青搅拌站", "8474.32"),
        ("jaw crusher", "8474.20"),
        ("盾构机", "8430.31"),
        ("hydraulic roof support", "8479.89"),
        ("风电齿轮箱", "8483.40"),
        ("轧辊", "8455.30"),
        ("tractor unit", "8701.21"),
        ("crawler tractor", "8701.30"),
    ],
)
def test_phrases_of_the_trade(text: str, hs: str) -> None:
    result = suggest(text)
    assert result.hs is not None
    assert result.hs[0] == hs
    assert len(result.hs) == 3
    assert codes(result) == []


@pytest.mark.parametrize(
    ("facts", "hs"),
    [
        ({"text": "dump truck", "road_vehicle": False}, "8704.10"),
        ({"text": "dump truck", "road_vehicle": True, "mass_kg": 25000}, "8704.23"),
        ({"text": "自卸车", "road_vehicle": True, "mass_kg": 18000}, "8704.22"),
        ({"text": "three phase motor", "power_kw": 75}, "8501.52"),
        ({"text": "three phase motor", "power_kw": 75.1}, "8501.53"),
        ({"text": "tractor", "power_kw": 75}, "8701.93"),
        ({"text": "tractor", "power_kw": 130.5}, "8701.95"),
        ({"family": "excavator", "maker": "Sany", "model": "SY215C", "road_vehicle": False}, "8429.52"),
    ],
)
def test_power_mass_and_road_tell_headings_apart(facts: dict[str, Any], hs: str) -> None:
    result = suggest(facts)
    assert result.hs is not None
    assert result.hs[0] == hs
    assert "ambiguous" not in codes(result)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("dump truck", "road_vehicle and mass_kg would tell"),
        ("自卸车", "road_vehicle and mass_kg would tell"),
        ("electric motor", "power_kw would tell"),
        ("drill rig", "8430.41 or 8430.49"),
    ],
)
def test_what_is_ambiguous_names_the_fact_that_tells(text: str, wanted: str) -> None:
    [note] = suggest(text).flags
    assert note.code == "ambiguous"
    assert wanted in note.text


def test_a_slip_of_the_pen_is_found_and_flagged_as_weak() -> None:
    result = suggest("hydraulic excavater")
    assert result.hs is not None
    assert result.hs[0] == "8429.52"
    assert codes(result) == ["low-score"]
    assert "ambiguous" in codes(suggest("crane"))


@pytest.mark.parametrize("text", ["banana", "香蕉", "12345", "?"])
def test_what_is_like_nothing_is_refused(text: str) -> None:
    with pytest.raises((Refusal, BadInput)):
        suggest(text)


def test_nothing_said_is_bad_input() -> None:
    with pytest.raises(BadInput, match="machine 2: nothing describes the machine"):
        suggest("excavator", {"hs": "8429.52"})


def test_a_stated_code_that_differs_is_told() -> None:
    assert codes(suggest({"text": "excavator", "hs": "8704.10"})) == ["hs-differs"]
    assert codes(suggest({"text": "excavator", "hs": "8429"})) == []
    assert codes(suggest({"text": "excavator", "hs": "8429.52.1050"})) == []


def test_a_list_has_its_lines_and_its_refusals() -> None:
    result = suggest("excavator", "banana", {"text": "dump truck"})
    assert (result.hs, result.scores) == (None, None)
    assert result.suggestions["machine"].to_pylist() == [1, 1, 1, 3, 3, 3]
    assert result.suggestions["rank"].to_pylist() == [1, 2, 3, 1, 2, 3]
    assert [note.text[:9] for note in (*result.refusals, *result.flags)] == ["machine 2", "machine 3"]


def test_the_command_line(recore: Run, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({"family": "wheel loader", "pin": "X", "build_year": 2019}))
    ended = recore("run", "trade.hs-suggest", path, "--json", "--out", tmp_path)
    assert ended.status == 0
    assert ended.json["results"]["hs"]["value"][0] == "8429.51"
    lines = pc.read_csv(tmp_path / "suggestions.csv").to_pylist()
    assert len(lines) == 3
    assert "'wheel loader'" in lines[0]["reasons"]
    path.write_text(json.dumps({"text": "banana"}))
    ended = recore("run", "trade.hs-suggest", path, "--json")
    assert (ended.status, ended.json["refusals"][0]["code"]) == (0, "no-heading")


def test_a_shipment_after_the_edition_is_told() -> None:
    machine = OneOrMany[DescribedMachine].model_validate({"text": "excavator"})
    assert codes(hs_suggest(machine, shipment_date=date(2027, 12, 31))) == []
    assert codes(hs_suggest(machine, shipment_date=date(2028, 1, 1))) == ["edition-ended"]


def test_every_phrase_of_the_table_finds_its_heading() -> None:
    table = headings()
    for word, its in table.phrases:
        result = suggest(word)
        assert result.hs is not None
        assert set(result.hs) & {heading.hs for heading in its}, word


def test_the_table_is_of_one_edition_with_its_source_and_end() -> None:
    document = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    assert document["edition"] == "HS 2022"
    assert document["source"]
    assert str(document["valid_to"]) == "2027-12-31"
    numbers = [heading.hs for heading in headings().rows]
    assert len(numbers) == len(set(numbers)) >= 60
    assert all(word == plain(word) for heading in headings().rows for word in heading.words)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60), st.floats(1, 1e4), st.booleans() | st.none())
def test_whatever_is_said_scores_stay_in_bounds(text: str, power: float, road: bool | None) -> None:
    try:
        result = suggest({"text": text, "power_kw": power, "road_vehicle": road})
    except (Refusal, BadInput):
        return
    assert result.scores is not None
    assert all(0 <= score < 1 for score in result.scores)
    assert list(result.scores) == sorted(result.scores, reverse=True)
