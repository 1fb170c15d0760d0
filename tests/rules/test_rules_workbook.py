"""Rules in a workbook: out and in again without losing a bit, and every wrong cell is named."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_rules_notation import numbers, trees
from test_rules_table import row, rule

from recore import rules
from recore.errors import BadInput
from recore.evidence.xlsx import sheets
from recore.rules import Rule, RuleSet, workbook_reading
from recore.rules.sheet_columns import RULES, VECTORS
from recore.rules.workbook import workbook
from recore.rules.workbook_reading import from_sheets, write_tables

pytest.importorskip("xlsxwriter")

texts = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12),
    st.sampled_from(["=1+1", "+a", "-a", "@a", "'a", " a ", "a\nb", "a\r\nb", "\ta", "_x0041_", '"a"', "[a]", "a,b", "1", "TRUE", "http://a.b", "\ufffe", "再制造"]),
)  # fmt: skip
leaves = st.one_of(st.booleans(), numbers, texts)
facts = st.dictionaries(texts, st.recursive(leaves, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)), max_leaves=4), max_size=3)  # fmt: skip
days = st.dates(date(1000, 1, 1), date(9999, 12, 31)).map(str)


@st.composite
def entries(draw: st.DrawFn, number: int) -> dict[str, Any]:
    selector = draw(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("hs", "condition", "family", "component", "method", "profile"),
                st.lists(texts, min_size=1, max_size=2),
            ),
        )
    )
    first, last = sorted([draw(days), draw(days)])
    optional = {
        "valid_to": st.just(last), "legal_basis": texts, "version": st.integers(1, 10**6), "params": facts,
        "conflicts_with": st.just(["a", "b.c"]), "predicate": trees,
        "test_vectors": st.lists(st.fixed_dictionaries({"given": facts, "date": days, "expect": st.sampled_from(["pass", "fail", "unknown"])}), max_size=3),
    }  # fmt: skip
    source = draw(st.fixed_dictionaries({}, optional={"title": texts, "url": texts, "retrieved": days}))
    return {
        "rule_id": f"r.{number}", "jurisdiction": draw(st.one_of(st.sampled_from(["VN", "*", "vn", "History"]), texts)), "domain": draw(texts),
        "title": draw(texts), "effect": draw(st.sampled_from(["require", "block", "warn", "state", "charge"])), "selector": selector,
        "valid_from": first, "recorded_at": draw(days), "source": source, "evidence_level": draw(st.integers(1, 5)),
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }  # fmt: skip


def read_back(data: bytes, folder: Path) -> RuleSet:
    path = folder / "rules.xlsx"
    path.write_bytes(data)
    return from_sheets(sheets(path, path.name), where="rules.xlsx")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 4).flatmap(lambda count: st.tuples(*(entries(number) for number in range(count)))))
def test_out_and_in_again_is_the_same_rules(
    tmp_path_factory: pytest.TempPathFactory, found: tuple[dict[str, Any], ...]
) -> None:
    some = RuleSet(
        Rule.model_validate({"params": {}} | entry)
        for entry in found
        if entry.get("params", {}).get("age_basis") is None
    )
    again = read_back(workbook(some), tmp_path_factory.mktemp("xlsx"))
    assert again == some
    assert again.digest == some.digest


def test_the_shipped_rows_go_out_and_in_again(tmp_path: Path) -> None:
    shipped = rules.shipped()
    again = read_back(workbook(shipped), tmp_path)
    assert again.digest == shipped.digest
    paths = write_tables(again, tmp_path / "toml")
    assert rules.load(tmp_path / "toml").digest == shipped.digest
    assert write_tables(again, tmp_path / "toml") == paths
    paths[0].write_text("# mine")
    with pytest.raises(BadInput, match="another content"):
        write_tables(again, tmp_path / "toml")


def test_the_workbook_is_safe_readable_and_always_the_same() -> None:
    nasty = rule(
        title='=HYPERLINK("http://evil")',
        legal_basis="+cmd|' /C calc'!A0, article 1",
        jurisdiction="a/b:*?[x]",
    )
    data = workbook(RuleSet([nasty, rule("b", jurisdiction="A/B:*?[x]"), rule("c", jurisdiction="*")]))
    assert data == workbook(
        RuleSet([nasty, rule("b", jurisdiction="A/B:*?[x]"), rule("c", jurisdiction="*")])
    )
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        content = {name: package.read(name).decode() for name in package.namelist() if name.endswith(".xml")}
    names = [name for name in content if name.startswith("xl/worksheets/")]
    assert not any("<f>" in content[name] or "<hyperlink" in content[name] for name in names)
    assert 'ySplit="2"' in content["xl/worksheets/sheet2.xml"]
    assert 'quotePrefix="1"' in content["xl/styles.xml"]
    for wanted in ("Help 说明", "Test vectors 测试例", "A B all  x", "a b all  x 2"):
        assert f'name="{wanted}"' in content["xl/workbook.xml"], content["xl/workbook.xml"]
    for column in (*RULES, *VECTORS):
        assert column.chinese in content["xl/sharedStrings.xml"]


def test_every_column_holds_what_its_example_shows() -> None:
    for column in (*RULES, *VECTORS):
        if column.example:
            assert column.read(column.example) not in (None, "", {})
    fields = {column.path.partition(".")[0] for column in RULES} | {"test_vectors"}
    assert fields == set(Rule.model_fields)


# ---- cells that people and their programs change ---------------------------------------------------

HEAD = [column.name for column in RULES]
GOOD = {
    "rule_id": "age.vn", "jurisdiction": "VN", "domain": "age", "title": "At most 10 years", "effect": "require",
    "condition": "age_years <= 10", "params": 'age_basis = "build_year"', "hs": "84.29", "valid_from": "2026-01-01",
    "recorded_at": "2026-01-15", "legal_basis": "article 6", "source_title": "Decision", "evidence_level": "1",
}  # fmt: skip
VECTOR = {"rule_id": "age.vn", "given": "age_years = 9", "date": "2026-06-01", "expect": "pass"}


def book(
    *lines: dict[str, Any], vectors: tuple[dict[str, Any], ...] = (VECTOR,), **more: Any
) -> dict[str, list[list[Any]]]:
    names = list(dict.fromkeys(name for line in lines for name in line))
    vector_names = list(dict.fromkeys(name for line in vectors for name in line))
    return {
        "Notes": [["my own notes"]], "Empty": [[""]],
        "VN": [names, *([line.get(name, "") for name in names] for line in lines)],
        "T": [vector_names, *([line.get(name, "") for name in vector_names] for line in vectors)],
        **more,
    }  # fmt: skip


def imported(*lines: dict[str, Any], **more: Any) -> Rule:
    return from_sheets(book(*lines, **more), where="b.xlsx").rows[0]


def test_what_spreadsheet_programs_make_of_cells_is_understood() -> None:
    wanted = imported(GOOD)
    assert (wanted.version, wanted.selector.hs, len(wanted.test_vectors)) == (1, ("84.29",), 1)
    assert (
        imported(
            GOOD
            | {"valid_from": date(2026, 1, 1), "recorded_at": datetime(2026, 1, 15), "evidence_level": 1.0}
        )
        == wanted
    )
    assert imported(GOOD | {"version": 1.0}, vectors=(VECTOR | {"version": 1},)) == wanted
    assert imported(GOOD | {"hs": 8429.0}).selector.hs == ("8429",)
    assert imported(GOOD | {"hs": 8429}).selector.hs == ("8429",)
    assert imported(GOOD | {"hs": "8429; 8426.41\n8430"}).selector.hs == ("8429", "8426.41", "8430")
    assert imported(GOOD | {"title": 12.0}).title == "12"
    assert imported(GOOD | {"title": date(2026, 1, 1)}).title == "2026-01-01"
    assert imported(GOOD | {"title": '"quoted \\u0020"'}).title == "quoted  "
    chinese = {column.name: column.chinese for column in (*RULES, *VECTORS)}
    assert imported({chinese[name]: value for name, value in GOOD.items()}) == wanted
    assert imported({name.upper().replace("_", " "): value for name, value in GOOD.items()}) == wanted
    # the second heading line may stay or go
    assert imported({name: chinese[name] for name in GOOD}, GOOD) == wanted
    assert from_sheets({"x": book(GOOD)["VN"]}, where="b").rows[0].test_vectors == ()


@pytest.mark.parametrize(
    ("change", "cell", "word"),
    [
        ({"rule_id": "../x"}, "VN!A2", "pattern"), ({"effect": "allow"}, "VN!E2", "'require'"), ({"title": ""}, "VN!D2", "required"),
        ({"condition": "age_years =< 10"}, "VN!F2", "not understood at '=< 10'"), ({"condition": 'age_years in "a"'}, "VN!F2", "wants a list"),
        ({"params": "age_basis = build_year"}, "VN!G2", "name = value"), ({"params": 'age_basis = "model"'}, "VN!A2", "age_basis is one of"),
        ({"hs": 8429.5}, "VN!H2", "format the cell as text"), ({"hs": 106}, "VN!H2", "lost a zero"), ({"hs": "[8429"}, "VN!H2", "no list of texts"),
        ({"hs": "[3]"}, "VN!H2", "no list of texts"), ({"hs": True}, "VN!H2", "no text"), ({"valid_from": "1 January"}, "VN!I2", "no day"),
        ({"valid_from": datetime(2026, 1, 1, 5)}, "VN!I2", "has a time"), ({"valid_from": "2026-02-30"}, "VN!I2", "2026-12-31"),
        ({"evidence_level": 6}, "VN!M2", "less than or equal to 5"), ({"evidence_level": "best"}, "VN!M2", "whole number"), ({"evidence_level": 1.5}, "VN!M2", "whole number"),
        ({"title": '"open'}, "VN!D2", "no quoted text"), ({"colour": "red"}, "VN!N1", "'colour' is no column"), ({"given": "x = 1"}, "VN!N1", "no column"),
        ({"valid_to": "2025-12-31"}, "VN!N2", "lies before valid_from"), ({"source_url": "x" * 1001}, "VN!N2", "at most 1000"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named(change: dict[str, Any], cell: str, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_sheets(
            book(GOOD | change) | {"T": book()["T"]} if "given" in change else book(GOOD | change),
            where="b.xlsx",
        )
    assert "b.xlsx" in str(caught.value)
    assert f"{cell}: " in caught.value.what, caught.value.what
    assert word in caught.value.what


@pytest.mark.parametrize(
    ("vector", "cell", "word"),
    [
        ({"rule_id": "age.ke"}, "T!A2", "no rule 'age.ke', version 1"), ({"version": 2}, "T!A2", "version 2"), ({"expect": "maybe"}, "T!D2", "'pass'"),
        ({"date": ""}, "T!C2", "required"), ({"date": "tomorrow"}, "T!C2", "no day"), ({"given": "9"}, "T!B2", "name = value"),
        ({"given": "x = nan"}, "T!B2", "no place"), ({"given": "x = 1\nx = 2"}, "T!B2", "name = value"),
    ],
)  # fmt: skip
def test_a_wrong_test_vector_is_named(vector: dict[str, Any], cell: str, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_sheets(book(GOOD, vectors=(VECTOR | vector,)), where="b.xlsx")
    assert f"{cell}: " in caught.value.what, caught.value.what
    assert word in caught.value.what


def test_faults_of_several_lines_are_told_at_once_and_only_once() -> None:
    lines = [GOOD | {"rule_id": f"r{number}", "effect": "allow"} for number in range(20)]
    with pytest.raises(BadInput) as caught:
        from_sheets(book(*lines, vectors=()), where="b.xlsx")
    assert caught.value.what.count("VN!E") == 8
    assert "and 12 more" in caught.value.what
    with pytest.raises(BadInput, match=r"VN!A3: .* stands in VN!A2 already"):
        from_sheets(book(GOOD, GOOD), where="b.xlsx")
    # the vectors of a line that is wrong itself are not called orphans
    with pytest.raises(BadInput) as caught:
        from_sheets(book(GOOD | {"evidence_level": "best"}), where="b.xlsx")
    assert caught.value.what.count(": ") == 1


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadInput, match="column domain is missing"):
        from_sheets(book({name: value for name, value in GOOD.items() if name != "domain"}), where="b.xlsx")
    with pytest.raises(BadInput, match="stands twice"):
        from_sheets({"VN": [["rule_id", "title", "title"], ["a", "b", "c"]]}, where="b.xlsx")


def test_a_workbook_without_rules_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for empty in ({}, {"a": []}, {"a": [["x", "y"], [1, 2]]}, {"a": [["version"], [1]]}):
        with pytest.raises(BadInput, match="holds no sheet of rules"):
            from_sheets(empty, where="b.xlsx")
    monkeypatch.setattr(workbook_reading, "MAX_ROWS", 1)
    with pytest.raises(BadInput, match="too many rows"):
        from_sheets(book(GOOD, GOOD | {"rule_id": "b"}), where="b.xlsx")


def test_what_no_cell_can_hold_is_refused() -> None:
    with pytest.raises(BadInput, match=r"rule 'age.vn': params has .* a cell holds 32767"):
        workbook(RuleSet([rule(params={"x": "y" * 40_000})]))


@given(st.lists(st.lists(st.one_of(texts, st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes()), max_size=14), max_size=4))  # fmt: skip
def test_no_cell_is_an_internal_fault(lines: list[list[Any]]) -> None:
    found = {"VN": [list(GOOD), *lines], "T": [list(VECTOR), *(line[:4] for line in lines)]}
    try:
        from_sheets(found, where="b.xlsx")
    except BadInput as error:
        assert error.what


def test_rows_of_the_table_test_survive(tmp_path: Path) -> None:
    some = RuleSet([Rule.model_validate(row()), Rule.model_validate(row(version=2, valid_to=...))])
    assert read_back(workbook(some), tmp_path).digest == some.digest
