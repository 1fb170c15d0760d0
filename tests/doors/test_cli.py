"""The command line as its users call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "object"]
CIRCLE = "angle_deg,radius_um\n" + "".join(f"{a},{10000 + (a // 30) % 2}\n" for a in range(0, 360, 10))


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile.csv"
    path.write_text(CIRCLE)
    return path


def test_json_on_stdout_and_nothing_else(recore: Run, profile: Path) -> None:
    ended = recore("run", "roundness.form", profile, "-p", "reference=mzc", "--json")
    assert ended.status == 0
    assert ended.err == ""
    finding = ended.json
    assert finding["method"] == {"id": "roundness.form", "version": 1}
    assert finding["results"]["mzc_deviation"]["unit"] == "µm"
    assert finding["results"]["mzc_deviation"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert finding["parameters"]["reference"] == "mzc"


def test_a_table_for_people(recore: Run, profile: Path) -> None:
    ended = recore("run", "roundness.form", profile)
    assert ended.status == 0
    assert "mzc_deviation" in ended.out
    assert "µm" in ended.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "roundness.fom"], "did you mean roundness.form"),
        (["run", "roundness.form@7", "{file}"], "no version '7'"),
        (["run", "roundness.form"], "no file for 'profile'"),
        (["run", "roundness.form", "missing.csv"], "missing.csv"),
        (["run", "roundness.form", "{file}", "-p", "cutoff_upr=x"], "cutoff_upr"),
        (["run", "roundness.form", "{file}", "-p", "cutoff_upr=nan"], "cutoff_upr"),
        (["run", "roundness.form", "{file}", "-p", "cutof=50"], "is not a parameter"),
        (["run", "roundness.form", "{file}", "-p", "cutoff_upr"], "NAME=VALUE"),
        (["run", "roundness.form", "{file}", "-p", "reference=lsc", "-p", "reference=mzc"], "given twice"),
        (["run", "roundness.form", "{file}", "--on", "cluster"], "--on"),
        (["appraise", "{folder}/nowhere"], "case.toml"),
        (["verify", "{file}"], ""),
        (["rules", "explain", "no.such.rule"], "no.such.rule"),
        (["key", "show", "nobody"], "nobody"),
        (["run", "roundness.form", "{file}", "--out", "/proc/nowhere"], "check the name, the rights"),
        (["no-such-command"], "No such command"),
    ],
)
def test_bad_input_is_one_clear_error(recore: Run, profile: Path, words: list[str], says: str) -> None:
    ended = recore(*(word.format(file=profile, folder=profile.parent) for word in words))
    assert ended.status == (1 if words[0] == "verify" else 2)
    assert "Traceback" not in ended.err
    assert says in ended.err + ended.out
    if words[0] != "verify":
        assert ended.out == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("angle_deg\n0\n", "radius_um"),
        ("angle_deg,radius_mpa\n0,1\n", "a length in µm is wanted"),
        ("angle_deg,radius_um\n0,1\n1,x\n", "line 3"),
        ("angle_deg,radius_um\n0,nan\n", "line 2"),
        ("angle_deg;radius_um\n0,0;1,5\n", "profile.csv"),
        ('angle_deg,radius_um\n"0,5","1,5"\n', "decimal"),
        ("angle_deg,radius_um,radius_um\n0,1,1\n", "twice"),
    ],
)
def test_a_bad_table_names_column_and_row(recore: Run, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "profile.csv"
    path.write_text(text)
    ended = recore("run", "roundness.form", path, "--json")
    assert ended.status == 2
    assert ended.out == ""
    assert "profile.csv" in ended.err
    assert says in ended.err


def test_methods_lists_what_is_there(recore: Run) -> None:
    ended = recore("methods", "--json")
    by_id = {method["id"]: method for method in ended.json}
    assert {"roundness.form", "motor.test-sheet", "support.cycles"} <= set(by_id)
    assert "yield_mpa" in by_id["support.cycles"]["parameters"]["properties"]
    assert "roundness.form@1" in recore("methods").out


def test_rules_commands(recore: Run, tmp_path: Path) -> None:
    assert recore("rules", "check", "--json").json["ok"] is True
    assert recore("rules", "export", tmp_path / "rules").status == 0
    checked = recore("rules", "check", tmp_path / "rules")
    assert (checked.status, checked.out.splitlines()[-1]) == (0, "the rules are sound")
    assert recore("rules", "schema").json["type"] == "object"
    file = next((tmp_path / "rules").glob("*.toml"))
    file.write_text(file.read_text().replace("evidence_level", "evidence_levl", 1))
    ended = recore("rules", "check", tmp_path / "rules", "--json")
    assert ended.status == 1
    assert ended.json["problems"]


def test_keys(recore: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recore("key", "new", "second", "--json")
    assert made.json["did"].startswith("did:key:z6Mk")
    assert recore("key", "show", "second").out.strip() == made.json["did"]
    assert recore("key", "new", "second").status == 2  # never overwritten
    assert recore("key", "show", "second", "--web", "example.org").json["id"] == "did:web:example.org"
    secret = next(Path(os.environ["RECORE_CONFIG"]).rglob("second*"))
    assert secret.stat().st_mode & 0o777 == 0o600
    secret.chmod(0o644)
    ended = recore("key", "show", "second")
    assert ended.status == 2
    assert "chmod 600" in ended.err
    monkeypatch.setenv("RECORE_PASSPHRASE", "three words long")
    assert recore("key", "new", "locked", "--passphrase").status == 0
    monkeypatch.setenv("RECORE_PASSPHRASE", "swordfish")
    ended = recore("key", "show", "locked")
    assert ended.status == 2
    assert "passphrase" in ended.err
    assert "swordfish" not in ended.err


@pytest.mark.slow
def test_the_whole_chain_from_the_demo_to_a_stranger(recore: Run, demo: Any, tmp_path: Path) -> None:
    document = demo.document
    assert document["grade"] in list("ABCDE")
    assert document["binding"]["rule_id"]
    report = Path(document["report"]).read_text()
    assert "<svg" in report
    assert "synthetic" in report
    away = tmp_path / "elsewhere"
    away.mkdir()
    bundle = away / "passport.zip"
    bundle.write_bytes(Path(document["passport"]).read_bytes())
    checked = subprocess.run(
        [sys.executable, "-m", "recore", "verify", bundle, "--level", "L4", "--json"],
        cwd=away, capture_output=True, text=True, env={**os.environ, "RECORE_CONFIG": str(away / "none")},
    )  # fmt: skip
    result = json.loads(checked.stdout)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert result["ok"] is True
    assert {check["level"] for check in result["checks"]} == {"L0", "L1", "L3", "L4"}
    assert all(check["ok"] for check in result["checks"])
    names = zipfile.ZipFile(bundle).namelist()
    assert names[0] == "passport.json"
    assert {name.split("/")[0] for name in names[1:]} == {"attestations", "contexts", "evidence", "rules"}
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    assert recore("verify", bundle).status == 1


def test_a_case_with_faults_is_named_by_its_field(recore: Run, tmp_path: Path) -> None:
    good = (
        '[machine]\nmaker="M"\nmodel="X"\nserial="1"\nfamily="excavator"\nbuilt=2020\n'
        '[[component]]\nid="journal"\nkind="journal"\n[grade]\nprofile="open-condition"\n'
    )
    step = '[[step]]\nid="form"\ncomponent="journal"\nmethod="roundness.form"\nevidence=["profile.csv"]\n'
    (tmp_path / "profile.csv").write_text(CIRCLE)
    (tmp_path.parent / "outside.csv").write_text(CIRCLE)
    for text, says in [
        (good.replace("built=2020", "built=2031"), "2031"),
        (good.replace('maker="M"\n', ""), "machine.maker"),
        (good + "[[surprise]]\n", "surprise"),
        (good + step + step, "stands twice"),
        (good + step.replace('"journal"', '"shaft"'), "'shaft'"),
        (good + step.replace("profile.csv", "../outside.csv"), "outside the case"),
        (good + step.replace("profile.csv", "other:cycles"), "no earlier step"),
        (good + step.replace("profile.csv", "gone.csv"), "gone.csv"),
        (good + step + '[[evidence]]\nfile="profile.csv"\nwhen=2999-01-01T00:00:00Z\n', "future"),
        (good + "[grade]\n", "case.toml"),
        ("machine = \xff", "case.toml"),
    ]:
        (tmp_path / "case.toml").write_text(text)
        ended = recore("appraise", tmp_path, "--out", tmp_path / "out", "--json")
        assert ended.status == 2, text
        assert says in ended.err, ended.err
        assert not (tmp_path / "out" / "passport.zip").exists()
    (tmp_path / "case.toml").write_text(good + step)
    ended = recore("appraise", tmp_path, "--out", tmp_path / "out", "--json")
    assert ended.status == 0, ended.err
    assert ended.json["findings"]["form"]["method"]["id"] == "roundness.form"
    assert any("capture" in text or "who" in text for text in ended.json["missing"])
    told = recore("appraise", tmp_path, "--out", tmp_path / "out")
    assert f"Grade {ended.json['grade']}" in told.out
    assert all(text in told.out.replace("\n", " ") for text in ended.json["missing"])


def test_an_issuer_that_is_no_did_is_bad_input(recore: Run, profile: Path) -> None:
    ended = recore("verify", profile, "--issuer", "somebody")
    assert ended.status == 2
    assert "a DID as in did:key" in ended.err
