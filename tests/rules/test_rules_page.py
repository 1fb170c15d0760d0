"""docs/rules.md is true: its country is added and asked as the page says, and its conditions are understood."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recore import rules
from recore.registry import registry
from recore.rules import decide, notation
from recore.rules.charge import terms

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my-rules").mkdir()
    (tmp_path / "my-rules" / "xa.toml").write_text(block("toml"), encoding="utf-8")
    (tmp_path / "machine.json").write_text(block("json"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_country_in_ten_minutes(workplace: Path, recore: Callable[..., Any]) -> None:
    pytest.importorskip("xlsxwriter")
    known = {method.id for method in registry().all()}
    commands = [shlex.split(line)[1:] for line in block("sh").splitlines()]
    assert len(commands) == 8
    for words in commands:
        if words[0] != "run" or words[1] in known:
            ended = recore(*words)
            assert ended.status == 0, f"{words}: {ended.out}{ended.err}"
        if words[:2] == ["run", "trade.eligibility"] and words[1] in known:
            assert recore(*words, "--json").json["results"]["verdict"]["value"] == "pass"
    assert recore("rules", "check", "my-rules", "--json").json["problems"] == []


def test_what_the_country_says(workplace: Path) -> None:
    own = rules.load(workplace / "my-rules")
    machine = json.loads(block("json"))

    def verdict(**changes: Any) -> str:
        facts = {name: value for name, value in (machine | changes).items() if value is not ...}
        return str(decide(own, facts, date(2026, 12, 1), "XA").verdict)

    assert verdict() == "pass"
    assert verdict(build_year=2018) == verdict(use="resale") == verdict(evidence={"coc": False}) == "fail"
    assert (
        verdict(build_year=...) == verdict(evidence={}) == verdict(hs="0101") == verdict(use=...) == "unknown"
    )


def test_the_page_names_what_there_is() -> None:
    lines = re.findall(r"^    (.* (?:<=|<|or|and) .*)$", PAGE, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        assert notation.read(line)
    (base,) = re.findall(r'`"(cif [^"]*)"`', PAGE)
    assert terms(base) is not None
    fields = set(rules.Rule.model_fields)
    told = set(re.findall(r"`(\w+)`", PAGE.partition("### Predicates")[0]))
    assert fields <= told
    ranks = rules.shipped().select(domain="ladder", as_of=date(2026, 12, 1), effect="state")
    assert ranks
    for effect in ("require", "block", "document", "charge", "warn", "cover", "grade", "state"):
        assert f"| `{effect}` |" in PAGE
