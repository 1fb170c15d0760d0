"""What a hostile or unlucky user does at the command line."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recore.passport import verify
from recore.rules import RuleSet, shipped

Run = Callable[..., Any]
MACHINE = '[machine]\nmaker="M"\nmodel="X"\nserial="1"\nfamily="excavator"\nbuilt="2021"\n[grade]\nprofile="open-condition"\n'
PART = '[[component]]\nid="motor"\nkind="motor"\n'
STEP = '[[step]]\nid="test"\ncomponent="motor"\nmethod="motor.test-sheet"\nevidence=["motor.json"]\n'
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("built", ["2021-13", "2021-02-30", "2021-00", "0000-01", "2021-05-00"])
def test_a_day_that_is_none(recore: Run, tmp_path: Path, built: str) -> None:
    (tmp_path / "case.toml").write_text(MACHINE.replace("2021", built) + PART)
    ended = recore("appraise", tmp_path)
    assert ended.status == 2
    assert "machine.built" in ended.err
    assert "write 2021, 2021-05 or 2021-05-31" in ended.err


@pytest.mark.parametrize("name", ["\\u001b[31mred", "a\\u202eb", "a\\u0000b", "a\\u2028b"])
def test_a_plate_cannot_repaint_a_terminal(recore: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "case.toml").write_text(MACHINE.replace('maker="M"', f'maker="{name}"') + PART)
    ended = recore("appraise", tmp_path)
    assert ended.status == 2
    assert "characters that cannot be seen" in ended.err
    assert "\x1b" not in ended.err


def test_deep_toml_a_pipe_and_an_idle_capture_record(recore: Run, tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text("a=" + "[" * 100_000)
    assert recore("appraise", tmp_path).status == 2
    (tmp_path / "case.toml").unlink()
    os.mkfifo(tmp_path / "case.toml")
    ended = recore("appraise", tmp_path)
    assert ended.status == 2
    assert "is a pipe" in ended.err
    (tmp_path / "case.toml").unlink()
    (tmp_path / "case.toml").write_text(MACHINE + PART + STEP + '[[evidence]]\nfile="motr.json"\nwho="A"\n')
    ended = recore("appraise", tmp_path)
    assert ended.status == 2
    assert "'motr.json' is described, but no step reads it" in ended.err


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("encoding", ["ascii", "gbk"])
def test_a_terminal_that_knows_no_micro_sign(
    recore: Run, monkeypatch: pytest.MonkeyPatch, encoding: str, words: list[str]
) -> None:
    """Standard streams as the interpreter opens them: any sign that the encoding lacks is an error."""
    told = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
    for name, stream in told.items():
        monkeypatch.setattr(sys, name, stream)
    assert recore("run", "roundness.form", EXAMPLES / "journal.csv", *words).status == 0
    told["stdout"].flush()
    assert b"mzc_deviation" in told["stdout"].buffer.getvalue()  # type: ignore[attr-defined]


def test_many_columns_end_soon(recore: Run, tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(200_000)) + "\n")
    begin = time.monotonic()
    ended = recore("run", "roundness.form", path)
    assert ended.status == 2
    assert "at most 4096" in ended.err
    assert len(ended.err) < 500
    assert time.monotonic() - begin < 40


@pytest.mark.slow
def test_killed_at_any_moment_there_is_no_passport_beside_the_report_of_another(tmp_path: Path) -> None:
    case, out = tmp_path / "case", tmp_path / "out"
    case.mkdir()
    out.mkdir()
    (case / "case.toml").write_text(MACHINE + PART + STEP)
    (case / "motor.json").write_bytes((EXAMPLES / "motor.json").read_bytes())
    environment = {**os.environ, "RECORE_CONFIG": str(tmp_path / "config")}
    command = [sys.executable, "-m", "recore", "appraise", str(case), "--out", str(out)]
    for wait in (None, 0.4, 0.7, 0.9, 1.1, 1.3, None):
        (out / "report.html").write_text("the report of another machine")
        before = (out / "passport.zip").read_bytes() if (out / "passport.zip").exists() else b""
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if wait is None:
            assert process.wait(60) == 0
        else:
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            process.wait()
        after = (out / "passport.zip").read_bytes() if (out / "passport.zip").exists() else b""
        if after != before:
            assert verify(out / "passport.zip", "L3").ok
            report = out / "report.html"
            assert not report.exists() or report.read_text() != "the report of another machine"
    assert "open-condition" in (out / "report.html").read_text()


def test_a_doctored_rule_row_under_a_published_name_is_told(
    recore: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doctored(vectors: bool) -> RuleSet:
        rows = []
        for row in shipped().json():
            if row["rule_id"] == "condition.motor-class.b":
                row["predicate"]["value"] = ["IE1", *row["predicate"]["value"]]
                if vectors:
                    row["test_vectors"] = [
                        v for v in row["test_vectors"] if "IE1" not in str(v) or v["expect"] == "pass"
                    ]
            rows.append(row)
        return RuleSet.from_json(rows)

    (tmp_path / "case.toml").write_text(MACHINE + PART + STEP)
    (tmp_path / "motor.json").write_bytes((EXAMPLES / "motor.json").read_bytes())
    for vectors, says in (
        (False, "breaks its own test vector"),
        (True, "is not the row that goes by this name"),
    ):
        table = doctored(vectors)
        with monkeypatch.context() as patch:
            patch.setattr("recore.rules.load", lambda path=None, table=table: table)
            made = recore("appraise", tmp_path, "--out", tmp_path / "evil", "--json")
            assert made.status == 0, made.err
            assert {"test:class": "B"}.items() <= {i["item"]: i["letter"] for i in made.json["items"]}.items()
        checked = recore("verify", tmp_path / "evil" / "passport.zip", "--json")
        assert checked.status == 1
        (failed,) = [check for check in checked.json["checks"] if check["ok"] is False]
        assert (failed["level"], failed["name"]) == ("L4", "rules")
        assert says in failed["reason"]


def test_an_issuer_with_a_domain(recore: Run, tmp_path: Path) -> None:
    assert recore("key", "new").status == 0
    did = tmp_path / "did.json"
    did.write_text(recore("key", "show", "--web", "example.org").out)
    (tmp_path / "case.toml").write_text(MACHINE + PART + STEP)
    (tmp_path / "motor.json").write_bytes((EXAMPLES / "motor.json").read_bytes())
    made = recore("appraise", tmp_path, "--out", tmp_path / "out", "--web", "example.org", "--json")
    assert made.json["issuer"] == "did:web:example.org"
    bundle = tmp_path / "out" / "passport.zip"
    assert recore("verify", bundle, "--level", "L3").status == 1  # nobody handed in the document
    assert recore("verify", bundle, "--level", "L3", "--issuer-document", did).status == 0
    held = recore(
        "verify", bundle, "--issuer-document", did, "--issuer", "did:web:example.org", "--level", "L3"
    )
    assert held.status == 0
    other = recore(
        "verify", bundle, "--issuer-document", did, "--issuer", "did:web:example.com", "--level", "L3"
    )
    assert other.status == 1
