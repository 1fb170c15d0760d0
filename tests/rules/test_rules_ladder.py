"""Ladders: the stage on an engine plate becomes a number; a word that says two things says nothing."""

from __future__ import annotations

from datetime import date

import pytest
from test_rules_table import rule

from recore import rules
from recore.rules import RuleSet
from recore.rules.ladder import climbed

DAY = date(2026, 12, 1)
SHIPPED = rules.shipped()


def rank(word: object, ladder: RuleSet = SHIPPED, day: date = DAY) -> object:
    return climbed(ladder, {"emission_stage": word}, day).get("emission_rank")


@pytest.mark.parametrize(
    ("words", "step"),
    [
        # DieselNet: China I and II follow EU I and II, III follows IIIA, IV follows IIIB with a particle number
        (["China I", "EU Stage I", "Tier 1", "国一"], 1),
        (["China II", "EU Stage II", "Tier 2", "国二"], 2),
        (["China III", "EU Stage IIIA", "Tier 3", "国三", "china iii", "ChinaIII", " CN  III"], 3),
        (["China IV", "EU Stage IIIB", "Tier 4 interim", "国四", "TIER 4I"], 4),
        (["EU Stage IV", "Tier 4 final", "tier4f"], 5),
        (["EU Stage V", "Stage V"], 6),
        (["Stage III", "Stage IV", "Tier 4", "none", "", "Euro 5", None, 3, True, ["Tier 3"]], None),
    ],
)
def test_steps(words: list[object], step: int | None) -> None:
    assert [rank(word) for word in words] == [step] * len(words)


def test_every_word_of_every_shipped_ladder_has_one_rank() -> None:
    for row in SHIPPED.select(domain="ladder", as_of=DAY, effect="state"):
        for word, step in row.params["steps"].items():
            assert climbed(SHIPPED, {row.params["field"]: word}, DAY)[row.params["fact"]] == step, word


def test_a_stated_rank_stays_and_ladders_that_disagree_give_none() -> None:
    assert climbed(SHIPPED, {"emission_stage": "Tier 3", "emission_rank": 1}, DAY)["emission_rank"] == 1

    def ladder(name: str, steps: object, **changes: object) -> rules.Rule:
        params = {"field": "emission_stage", "fact": "emission_rank", "steps": steps}
        fields = {
            "domain": "ladder",
            "effect": "state",
            "selector": {},
            "predicate": {"all": []},
            "valid_to": ...,
        }
        return rule(name, **(fields | {"params": params} | changes))

    two = RuleSet([ladder("a", {"X": 1, "Y": 2}), ladder("b", {"x": 3, "y": 2})])
    assert (rank("X", two), rank("Y", two)) == (None, 2)
    for steps in ({"X": "1"}, {"X": True}, {"X": 1, "x": 2}, ["X"], 3):
        assert rank("X", RuleSet([ladder("a", steps)])) is None, steps
    assert rank("X", RuleSet([ladder("a", {"X": 1}, params={"steps": {"X": 1}})])) is None
    bounded = RuleSet([ladder("a", {"X": 1}, predicate={"field": "power_kw", "op": "<=", "value": 560})])
    assert rank("X", bounded) is None
    assert climbed(bounded, {"emission_stage": "X", "power_kw": 100}, DAY)["emission_rank"] == 1
    assert rank("X", RuleSet([ladder("a", {"X": 1}, valid_to="2026-11-30")])) is None
