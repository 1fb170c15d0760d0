"""Rule rows in the browser: look for them, read them, write versions of one's own, bring them in and take them out."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_tools import send, token, words
from rule_rows import GONE, GOOD_TABLE, SOON, TODAY, rows

from recore.rules import RuleSet, shipped
from recore.rules.workbook import workbook
from recore.workspace import Workspace

MOST_BYTES = 60_000
XSS = "<script>alert('x')</script>"
FIELDS: dict[str, Any] = {
    "base": "0",
    "rule_id": "bz.age.trucks",
    "title": "Trucks are at most 6 years old",
    "jurisdiction": "BZ",
    "domain": "age",
    "effect": "require",
    "selector.family": "truck, dump truck",
    "predicate": '{ field = "age_years", op = "<=", value = 6 }',
    "params": 'age_basis = "build_year"',
    "valid_from": "2024-01-01",
    "legal_basis": "Decree 9/2024, article 4",
    "source.title": "Gazette",
    "source.url": "https://example.org/9",
    "source.retrieved": "2026-11-01",
    "evidence_level": "1",
    "vector.given": ["build_year = 2022", "build_year = 2010", ""],
    "vector.date": ["2026-06-01", "2026-06-01", ""],
    "vector.expect": ["pass", "fail", "pass"],
}


@pytest.fixture(scope="module", autouse=True)
def own(workspace: Workspace) -> RuleSet:
    return RuleSet(workspace.rules.add(rows().rows))


def save(client: httpx.Client, to: str = "/rules/new", do: str = "save", **changed: Any) -> httpx.Response:
    return send(client, "/rules/new", to, {**FIELDS, "do": do, **changed})


def shown(answer: httpx.Response) -> list[str]:
    """Ids of the rows in the table of a page."""
    table = answer.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(r'<th scope="row">.*?<code>([^<]+)</code>', table)


def test_every_row_can_be_found(client: httpx.Client) -> None:
    total, seen = len(shipped().known().rows) + len(rows().rows), []
    for offset in range(0, total, 50):
        answer = client.get(f"/rules?offset={offset}")
        assert len(answer.content) <= MOST_BYTES
        seen += shown(answer)
    assert len(set(seen)) == len(seen) >= total
    assert {"is.age", "pg.age.list", "condition.capture.calibration"} <= set(seen)


@pytest.mark.parametrize(
    ("query", "has", "has_not"),
    [
        ("q=Papua decree", "pg.age.decree", "pg.age.list"),
        ("q=巴布亚新几内亚", "pg.age.list", "is.age"),
        ("jurisdiction=IS", "is.charge.vat", "mg.age"),
        ("domain=charge&origin=own", "is.charge.idf", "is.age"),
        ("effect=block&origin=own", "py.ban", "py.cover"),
        ("level=2&jurisdiction=PY", "py.ban", "is.ban"),
        (f"jurisdiction=PY&valid_on={TODAY}", "py.cover", "py.ban"),
        (f"jurisdiction=PY&valid_on={GONE}", "py.ban", "is.age"),
        ("jurisdiction=*&known_on=2026-11-21", "condition.capture.calibration", "is.age"),
        ("origin=shipped&domain=condition", "condition.capture.calibration", "is.age"),
    ],
)
def test_filters(client: httpx.Client, query: str, has: str, has_not: str) -> None:
    found = shown(client.get(f"/rules?{query}"))
    assert has in found
    assert has_not not in found


def test_what_was_not_known_on_a_day_is_left_out(client: httpx.Client) -> None:
    assert shown(client.get("/rules?jurisdiction=IS&known_on=2020-01-01")) == []
    assert "No row matches" in words(client.get("/rules?q=nothing-like-this"))


@pytest.mark.parametrize("query", ["valid_on=tomorrow", "known_on=2026-13-01", "offset=x", "offset=-1"])
def test_an_address_that_makes_no_sense_is_told(client: httpx.Client, query: str) -> None:
    assert client.get(f"/rules?{query}").status_code == 422


def test_what_runs_out_is_told_first(client: httpx.Client) -> None:
    assert "Runs out" in words(client.get("/rules"))
    said = "".join(words(client.get(f"/rules/alarms?offset={offset}")) for offset in (0, 50, 100))
    assert f"mg.age ends on {SOON} ; unknown from then on: Age · Madagascar" in said
    assert f"py.ban ended on {GONE} ; unknown from then on: Prohibition" in said
    assert f"ends on {SOON}" in words(client.get("/rules/mg.age"))


def test_contradicting_rows_stand_side_by_side(client: httpx.Client) -> None:
    said = words(client.get("/rules/conflicts"))
    assert "age_years ≤ 7" in said and "age_years ≤ 15" in said
    page = client.get("/rules/pg.age.list").text
    assert page.count("<article>") == 2


def test_a_row_in_words_with_vectors_versions_and_questions(client: httpx.Client) -> None:
    answer = client.get("/rules/is.age")
    said = words(answer)
    for word in (
        "age_years ≤ 8",
        "age_basis build_year",
        "Test act 7/2020, article 3",
        "Official summary",
        "2 of 2 kept",
    ):
        assert word in said, word
    assert 'href="https://example.org/gazette" rel="noreferrer external"' in answer.text
    assert "/rules/is.cover" in answer.text
    assert len(answer.content) <= MOST_BYTES


def test_a_row_can_be_taken_along(client: httpx.Client) -> None:
    toml, as_json = (client.get(f"/rules/is.age/{kind}") for kind in ("toml", "json"))
    assert toml.headers["content-disposition"] == 'attachment; filename="is.age.toml"'
    [row] = tomllib.loads(toml.text)["rule"]
    assert row["rule_id"] == json.loads(as_json.text)["rule_id"] == "is.age"
    assert client.get("/rules/is.age/json?version=9").status_code == 404
    assert client.get("/rules/nobody").status_code == 404


def test_a_country_on_one_page(client: httpx.Client) -> None:
    said = words(client.get("/rules/country/IS"))
    for word in ("Iceland", "Age ✓ answered is.age 2", "2.5 %", "cif + idf", "Test row is.doc.coc"):
        assert word in said, word
    assert said.index("is.charge.idf") < said.index("is.charge.vat")
    said = words(client.get("/rules/country/PY?lang=zh"))
    assert "巴拉圭" in said
    assert "? 没有规则" in said
    assert "? 规则已失效 py.ban" in said
    assert client.get("/rules/country/XX").status_code == 404
    assert "in force: every verdict is unknown" in words(
        client.get("/rules/country/IS?day=2019-01-01&lang=en")
    )


def test_shipped_pages_are_light_in_both_languages(client: httpx.Client) -> None:
    places = sorted({rule.jurisdiction for rule in shipped().rows} - {"*"})
    for code in [*places[:3], *places[-3:]]:
        for language in ("zh", "en"):
            answer = client.get(f"/rules/country/{code}?lang={language}")
            assert answer.status_code == 200
            assert len(answer.content) <= MOST_BYTES


def test_check_tells_what_every_vector_comes_to_and_saves_nothing(
    client: httpx.Client, workspace: Workspace
) -> None:
    answer = save(client, do="check")
    assert answer.status_code == 200
    assert "Nothing is wrong." in words(answer)
    assert "age_years = 4 is ≤ 6" in words(answer)
    answer = save(client, do="check", **{"vector.expect": ["fail", "fail", "pass"]})
    assert answer.status_code == 422
    assert "not as expected" in words(answer)
    assert "no test vector expects pass" in words(answer)
    assert "bz.age.trucks" not in workspace.rules.book().newest


def test_saving_adds_versions_and_changes_none(client: httpx.Client, workspace: Workspace) -> None:
    answer = save(client)
    assert answer.url.path == "/rules/bz.age.trucks", words(answer)
    assert "bz.age.trucks@1 own in force" in words(answer)
    page = client.get("/rules/bz.age.trucks/edit").text
    assert "truck, dump truck" in page
    stale = save(client, "/rules/bz.age.trucks/edit", base="0", title="Another")
    assert "was saved meanwhile" in words(stale)
    same = save(client, "/rules/bz.age.trucks/edit", base="1")
    assert "nothing differs from version 1" in words(same)
    stricter = '{ field = "age_years", op = "<=", value = 5 }'
    answer = save(client, "/rules/bz.age.trucks/edit", base="1", predicate=stricter)
    assert answer.url.path == "/rules/bz.age.trucks", words(answer)
    first, second = workspace.rules.book().rules.versions("bz.age.trucks")
    assert (first.version, second.version) == (1, 2)
    assert first.predicate.model_dump()["value"] == 6
    assert second.recorded_at == TODAY
    said = words(client.get("/rules/bz.age.trucks?version=1"))
    assert "This is an older version" in said
    assert "age_years ≤ 6" in said
    duplicate = save(client)
    assert duplicate.status_code == 422
    assert "already; write a new version of it" in words(duplicate)


def test_a_shipped_row_gets_an_own_version_and_stays(client: httpx.Client, workspace: Workspace) -> None:
    rule_id = next(rule.rule_id for rule in shipped().rows if rule.effect == "warn" and rule.test_vectors)
    page = client.get(f"/rules/{rule_id}/edit").text
    fields: dict[str, Any] = {}
    for name, value in re.findall(
        r'<input type="(?:text|hidden|date|url)"[^>]*? name="([^"]+)" value="([^"]*)"', page
    ):
        fields.setdefault(name, []).append(value)
    for name, value in re.findall(r'<textarea[^>]*? name="([^"]+)"[^>]*>\n([^<]*)</textarea>', page):
        fields.setdefault(name, []).append(value)
    for name, body in re.findall(r'<select[^>]*? name="([^"]+)">(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body) or re.search(r'value="([^"]*)"', body)
        assert chosen
        fields.setdefault(name, []).append(chosen[1])
    from html import unescape

    told = {name: [unescape(value) for value in values] for name, values in fields.items()}
    told |= {"title": ["A title of our own"], "do": ["save"]}
    answer = client.post(f"/rules/{rule_id}/edit", data=told)
    assert answer.url.path == f"/rules/{rule_id}", words(answer)
    before = shipped().versions(rule_id)[-1]
    after = workspace.rules.book().newest[rule_id]
    assert after.title == "A title of our own"
    assert after.version == before.version + 1
    untouched = {"title", "version", "recorded_at"}
    assert after.model_dump(exclude=untouched) == before.model_dump(exclude=untouched)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"predicate": "x" * 1_000_000}, "1000000 characters; at most 20000 are taken"),
        ({"predicate": '{ field = "a", op = "==", value = ' + "[" * 9_000 + "]" * 9_000 + " }"}, "nested too deeply"),
        ({"predicate": "{ field = "}, "not TOML"),
        ({"predicate": f'{{ field = "a", op = "==", value = {"9" * 5000} }}'}, "not TOML"),
        ({"predicate": '{ field = "a", op = "==", value = 1 }\nrule_id = "evil"'}, "something behind the closing brace"),
        ({"predicate": 'field = "a"\nop = "=="'}, "is not understood at"),
        ({"predicate": "age_years <= 7 or"}, "a field is wanted"),
        ({"predicate": "(" * 100}, "levels of parentheses"),
        ({"params": "rate = nan"}, "params"),
        ({"params": "{ a = 1 } b"}, "not TOML"),
        ({"rule_id": "import"}, "address of a page"),
        ({"rule_id": "../../etc/passwd"}, "rule_id"),
        ({"effect": "destroy"}, "effect"),
        ({"valid_from": "2026-02-30"}, "a day is wanted"),
        ({"valid_to": "2020-01-01"}, "lies before valid_from"),
        ({"evidence_level": "9"}, "evidence_level"),
        ({"source.url": "javascript:alert(1)"}, "is not a web address"),
        ({"source.title": ""}, "source.title is not stated"),
        ({"legal_basis": "somewhere"}, "wants the clause"),
        ({"conflicts_with": "no.such.row"}, "unknown here"),
        ({"vector.date": ["", "2026-06-01", ""]}, "test vector 1"),
        ({"vector.given": ["build_year == 3", "build_year = 2010", ""]}, "test vector 1"),
        ({"title": "a\0b"}, "holds a character that is no text"),
    ],
)  # fmt: skip
def test_a_hostile_or_wrong_row_is_told_and_not_saved(
    client: httpx.Client, workspace: Workspace, changed: dict[str, Any], said: str
) -> None:
    before = len(workspace.rules.own().rows)
    answer = save(client, **{"rule_id": "bz.hostile", **changed})
    assert answer.status_code == 422
    assert said in words(answer)
    assert len(answer.content) < 4 * MOST_BYTES
    assert len(workspace.rules.own().rows) == before


def test_a_body_past_the_limit_is_refused(client: httpx.Client) -> None:
    assert save(client, predicate="x" * 1_100_000).status_code == 422


def test_text_of_a_row_is_never_markup(client: httpx.Client) -> None:
    changed = {"rule_id": "bz.xss", "title": XSS, "legal_basis": f"Article 1 {XSS}", "source.title": f'"{XSS}',
               "vector.given": [f'build_year = 2022\nuse = "{XSS}"', "build_year = 2010", ""],
               "selector.family": XSS}  # fmt: skip
    assert XSS not in save(client, do="check", **changed).text
    answer = save(client, **{**changed, "selector.family": "", "jurisdiction": XSS})
    assert answer.status_code == 200, words(answer)
    for path in ("/rules/bz.xss", "/rules?q=bz.xss", "/rules", "/rules/bz.xss/edit", "/rules/conflicts"):
        page = client.get(path)
        assert page.status_code == 200
        assert XSS not in page.text, path
    assert XSS in client.get("/rules/bz.xss/json").text
    assert client.get("/rules?q=" + XSS).text.count(XSS) == 0


def test_a_form_without_our_token_is_refused(client: httpx.Client, workspace: Workspace) -> None:
    before = len(workspace.rules.own().rows)
    for path, files in (
        ("/rules/new", None),
        ("/rules/is.age/edit", None),
        ("/rules/import", {"file": ("a.toml", GOOD_TABLE)}),
    ):
        for given in ({}, {"token": "0" * 64}):
            assert client.post(path, data={**FIELDS, **given, "do": "save"}, files=files).status_code == 403
    assert len(workspace.rules.own().rows) == before


def bring(
    client: httpx.Client, table: str | bytes, name: str = "rows.toml", do: str = "save"
) -> httpx.Response:
    data = table.encode() if isinstance(table, str) else table
    return send(client, "/rules/import", "/rules/import", {"do": do}, {"file": (name, data)})


def test_a_table_is_brought_in_as_a_whole_and_taken_out_again(
    client: httpx.Client, workspace: Workspace
) -> None:
    assert "The file can be brought in" in words(bring(client, GOOD_TABLE, do="check"))
    assert "bz.age.general" not in workspace.rules.book().newest
    assert "1 versions were added" in words(bring(client, GOOD_TABLE))
    row = workspace.rules.book().newest["bz.age.general"]
    assert row.recorded_at == TODAY  # what a file claims to have been known earlier was not known here
    assert "1 were here already" in words(bring(client, GOOD_TABLE))
    out = client.get("/rules/own.toml")
    assert RuleSet.from_json([r.json() for r in workspace.rules.own().rows]).toml() == out.text
    said = words(bring(client, out.content))
    assert "0 versions were added" in said


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (GOOD_TABLE.replace("value = 9", "value = 8"), "version 1 is taken here; give it version 2"),
        (GOOD_TABLE.replace("bz.age.general", "bz.new").replace("build_year = 2020", "build_year = 2000"), "expects pass, the row says fail"),
        (GOOD_TABLE.replace("bz.age.general", "bz.new").replace("effect = ", "efect = "), "efect"),
        (GOOD_TABLE.replace("bz.age.general", "new"), "the id is the address of a page"),
        (GOOD_TABLE.replace("bz.age.general", "bz.new") * 2, "stands in"),
        ("not toml at all [", "not TOML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("", "beside or instead of rules"),
        ("a = " + "[" * 50_000, "nested too deeply"),
        ("a = " + "9" * 10_000, "not TOML"),
    ],
)  # fmt: skip
def test_a_table_with_a_fault_is_not_taken_and_every_fault_is_named(
    client: httpx.Client, workspace: Workspace, table: str | bytes, said: str
) -> None:
    bring(client, GOOD_TABLE)
    before = len(workspace.rules.own().rows)
    answer = bring(client, table)
    assert answer.status_code == 422
    assert said in words(answer)
    assert "/tmp" not in words(answer)
    assert len(workspace.rules.own().rows) == before


def test_rows_go_out_as_a_workbook_and_come_in_again(client: httpx.Client, workspace: Workspace) -> None:
    out = client.get("/rules/own.xlsx")
    assert out.headers["content-disposition"] == 'attachment; filename="rules-own.xlsx"'
    said = words(bring(client, out.content, name="rules-own.xlsx"))
    assert "0 versions were added" in said
    bring(client, GOOD_TABLE)
    there = workspace.rules.book().newest["bz.age.general"]
    newer = {**there.json(), "version": there.version + 1, "title": "Changed in a spreadsheet"}
    changed = workbook(RuleSet.from_json([newer]))
    assert "1 versions were added" in words(bring(client, changed, name="Book 1.XLSX"))
    assert workspace.rules.book().newest["bz.age.general"].title == "Changed in a spreadsheet"
    cells = workbook(
        RuleSet.from_json([{**newer, "rule_id": "bz.strange", "evidence_level": 5, "title": "=1+1"}])
    )
    assert bring(client, cells, name="a.xlsx").status_code == 200
    assert workspace.rules.book().newest["bz.strange"].title == "=1+1"


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 not a zip", b"rule_id,version\nx,1\n", GOOD_TABLE.encode()]
)
def test_what_is_no_workbook_is_told(client: httpx.Client, data: bytes) -> None:
    answer = bring(client, data, name="rows.xlsx")
    assert answer.status_code == 422
    assert "rows.xlsx" in words(answer)
    assert "/tmp" not in words(answer)


def test_faults_of_all_rows_are_named_at_once(client: httpx.Client) -> None:
    bad = "".join(
        GOOD_TABLE.replace("bz.age.general", f"bz.bad{n}").replace("evidence_level = 1", "evidence_level = 7")
        for n in range(3)
    )
    said = words(bring(client, bad))
    assert all(f"bz.bad{n}" in said for n in range(3))
    assert "line 2" in said


def test_an_upload_without_a_file_or_too_large_is_told(client: httpx.Client) -> None:
    answer = client.post(
        "/rules/import",
        data={"token": token(client.get("/rules/import")), "do": "save"},
        files={"x": ("", b"")},
    )
    assert "no file was given" in words(answer)
    assert bring(client, b"#" * (4 * 2**20 + 1)).status_code == 413
    assert bring(client, GOOD_TABLE, name="../../../evil\n.toml").status_code == 200


def test_more_lines_for_vectors(client: httpx.Client) -> None:
    before = save(client, do="check").text.count('name="vector.given"')
    after = save(client, do="more")
    assert after.text.count('name="vector.given"') == before + 4
    assert after.status_code == 200


def test_own_rows_survive_a_restart(workspace: Workspace, tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path / 'r.sqlite'}"
    with Workspace.open(place, tmp_path / "store") as first:
        first.rules.add(rows().rows)
        kept = first.rules.own().digest
    with Workspace.open(place, tmp_path / "store") as second:
        assert second.rules.own().digest == kept
        assert second.rules.book().is_own(second.rules.book().newest["is.age"])
