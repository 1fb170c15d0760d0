"""`recore rules …` as its users call it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_rules_table import row

from recore import rules
from recore.rules import Rule, RuleSet

Run = Callable[..., Any]


def table(folder: Path, *rows: dict[str, Any], name: str = "t.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(
        "\n".join(RuleSet([Rule.model_validate(entry)]).toml() for entry in rows), encoding="utf-8"
    )
    return folder


def test_the_shipped_rows_are_checked_in_two_seconds(recore: Run) -> None:
    start = time.process_time()
    ended = recore("rules", "check", "--json")
    took = time.process_time() - start
    assert ended.status == 0
    assert ended.json["ok"] is True
    assert took < 20, "2 s where nothing traces the lines"


def test_a_folder_of_mixed_rubbish_is_told_line_by_line(recore: Run, tmp_path: Path) -> None:
    table(tmp_path, row(valid_to="2026-05-31"))
    strict = row("strict", predicate={"field": "age_years", "op": "<=", "value": 8}, valid_to=...)
    strict["test_vectors"] = [
        {"given": {"age_years": years}, "date": "2026-06-01", "expect": expect}
        for years, expect in ((8, "pass"), (9, "fail"))
    ]
    table(tmp_path / "deep" / "er", row("loose", valid_to=...), strict)
    (tmp_path / "broken.toml").write_text("[[rule]\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "other.toml").write_text("[tool]\nx = 1\n")
    (tmp_path / "half.toml").write_text('[[rule]]\nrule_id = "half"\n')
    (tmp_path / "notes.txt").write_text("not read")
    (tmp_path / "dir.toml").mkdir()
    table(tmp_path, row(valid_to=...), name="twice.toml")
    ended = recore("rules", "check", tmp_path, "--as-of", "2026-11-21", "--json")
    assert ended.status == 1
    problems = [p for p in ended.json["problems"] if p["severity"] == "error"]
    assert {p["code"] for p in problems} == {"unreadable", "schema", "duplicate", "overlap", "vector"}
    assert {p["rule_id"] for p in problems if p["code"] == "overlap"} == {"age.vn", "strict"}
    assert {p["rule_id"] for p in problems if p["code"] == "schema"} == {"half"}
    assert len([p for p in problems if p["code"] == "unreadable"]) == 4
    assert not ended.json["ok"]
    ended = recore("rules", "check", tmp_path)
    assert ended.status == 1
    assert "overlaps loose" in ended.out
    assert "strict" in ended.out


def test_an_expired_row_is_named(recore: Run, tmp_path: Path) -> None:
    folder = table(tmp_path, row(valid_to="2026-10-31"))
    ended = recore("rules", "check", folder, "--as-of", "2026-11-21", "--json")
    assert ended.status == 1
    assert [(p["rule_id"], p["code"]) for p in ended.json["problems"]] == [("age.vn", "expired")]
    ended = recore("rules", "expiring", folder, "--as-of", "2026-11-21")
    assert ended.status == 1
    assert "ended 21 days ago" in ended.out
    ended = recore("rules", "expiring", folder, "--as-of", "2026-10-01", "--json")
    assert ended.status == 0
    assert [(item["rule_id"], item["days"], item["expired"]) for item in ended.json] == [
        ("age.vn", 30, False)
    ]
    ended = recore("rules", "expiring", folder, "--as-of", "2026-10-01", "--within", "29")
    assert (ended.status, ended.out) == (0, "no row ends within 29 days without a follower\n")
    assert recore("rules", "expiring", folder, "--as-of", "soon").status == 2
    assert recore("rules", "expiring", folder, "--within", "-1").status == 2


def test_explain_of_own_rows(recore: Run, tmp_path: Path) -> None:
    folder = table(tmp_path, row(), row(version=2))
    ended = recore("rules", "explain", "age.vn", "--rules", folder, "--json")
    assert [entry["version"] for entry in ended.json] == [1, 2]
    assert "age_years ≤ 10" in recore("rules", "explain", "age.vn", "--rules", folder).out
    assert recore("rules", "explain", "age.vn").status == 2
    assert "near it: age.vn" in recore("rules", "explain", "age.vm", "--rules", folder).err


def test_export_writes_every_shipped_row(recore: Run, tmp_path: Path) -> None:
    ended = recore("rules", "export", tmp_path / "out")
    assert ended.status == 0
    assert rules.load(tmp_path / "out").digest == rules.shipped().digest
    assert len(ended.out.splitlines()) == len(list((tmp_path / "out").glob("*.toml")))
    assert recore("rules", "export", tmp_path / "out").status == 0
    next((tmp_path / "out").glob("*.toml")).write_text("# mine\n")
    assert recore("rules", "export", tmp_path / "out").status == 2
    own = table(tmp_path / "own", row())
    assert recore("rules", "export", tmp_path / "copy", "--rules", own / "t.toml").status == 0
    assert rules.load(tmp_path / "copy") == rules.load(own)


def test_out_as_a_workbook_and_in_again(recore: Run, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    own = table(tmp_path / "own", row(), row("b", jurisdiction="*"), row("c", jurisdiction="KE"))
    ended = recore("rules", "export", tmp_path, "--xlsx", "--rules", own)
    assert ended.out.strip() == str(tmp_path / "rules.xlsx")
    ended = recore("rules", "import", tmp_path / "rules.xlsx", tmp_path / "in")
    assert ended.status == 0
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["all.toml", "ke.toml", "vn.toml"]
    assert "3 rows" in ended.err
    assert rules.load(tmp_path / "in").digest == rules.load(own).digest
    for wrong in (tmp_path / "none.xlsx", own / "t.toml", own):
        ended = recore("rules", "import", wrong, tmp_path / "in2")
        assert ended.status == 2
        assert "Traceback" not in ended.err
    assert not (tmp_path / "in2").exists()


def test_sign_and_verify(recore: Run, tmp_path: Path) -> None:
    own = table(tmp_path / "own", row(), row("b"))
    ended = recore("rules", "sign", own, "--json")
    assert ended.status == 0
    about = ended.json
    statement = own / "rules.signed.json"
    assert about == {
        "file": str(statement),
        "issuer": about["issuer"],
        "digest": rules.load(own).digest,
        "rows": 2,
    }
    ended = recore("rules", "verify", statement, own, "--issuer", about["issuer"], "--json")
    assert ended.status == 0
    assert [check["name"] for check in ended.json["checks"]] == [
        "statement",
        "expected issuer",
        "signature",
        "rows",
    ]
    assert "not compared" in recore("rules", "verify", statement).out
    assert recore("rules", "verify", statement, own, "--issuer", "did:key:z6Mkother").status == 1
    assert recore("rules", "verify", statement, own, "--issuer", "me").status == 2
    table(own, row(title="changed"), row("b"))
    ended = recore("rules", "verify", statement, own)
    assert ended.status == 1
    assert "FAILS  rows: age.vn@1 changed" in ended.out
    said = json.loads(statement.read_text())
    said["rows"].pop()
    statement.write_text(json.dumps(said))
    ended = recore("rules", "verify", statement, own)
    assert ended.status == 1
    assert "the signature does not fit" in ended.out
    assert recore("rules", "verify", tmp_path / "none.json").status == 2


def test_sign_by_a_domain_and_into_a_file(recore: Run, tmp_path: Path) -> None:
    recore("key", "new", "rules")
    out = tmp_path / "s.json"
    ended = recore("rules", "sign", "--key", "rules", "--web", "rules.example", "--out", out)
    assert ended.out.strip() == str(out)
    document = tmp_path / "did.json"
    document.write_text(recore("key", "show", "rules", "--web", "rules.example").out)
    assert recore("rules", "verify", out, "--issuer-document", document).status == 0
    assert recore("rules", "verify", out).status == 1
    assert recore("rules", "sign", tmp_path / "nowhere").status == 2


def test_the_passport_of_a_case_carries_the_signed_rules(recore: Run, tmp_path: Path) -> None:
    ended = recore("demo", "--out", tmp_path / "plain")
    assert ended.status == 0
    signed = tmp_path / "rules.json"
    recore("rules", "sign", "--out", signed)
    case = Path(rules.__file__).parents[1] / "data" / "demo"
    ended = recore("appraise", case, "--out", tmp_path / "out", "--signed-rules", signed, "--json")
    assert ended.status == 0
    ended = recore("verify", ended.json["passport"], "--level", "L3", "--json")
    assert ended.status == 0
    (said,) = [check["reason"] for check in ended.json["checks"] if check["name"] == "rule set"]
    assert "signed by did:key:" in said
    own = table(tmp_path / "own", row())
    recore("rules", "sign", own)
    assert (
        recore(
            "appraise", case, "--out", tmp_path / "out2", "--signed-rules", own / "rules.signed.json"
        ).status
        == 2
    )
