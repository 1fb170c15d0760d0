"""Incoterms 2020: who pays which block, where the risk passes, and what is advised."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from trade_rows import DAY, charge, quote, rules

from recore.model.trade import OneOrMany
from recore.rules import RuleSet, shipped
from recore.trade.incoterms import Split, split
from recore.trade.landed_cost import landed_cost
from recore.trade.quote import BLOCKS, INCOTERMS, Quote

TO_ORIGIN = {"packing", "origin_inland", "export_clearance"}
TO_BOARD = TO_ORIGIN | {"origin_terminal", "loading"}


def of(rule: str, **facts: Any) -> Split:
    found, _, _ = split(
        shipped(), {"incoterm": rule, **facts}, date.fromisoformat(DAY), {"main_carriage": Decimal(8000)}
    )
    assert found is not None
    return found


def paid(rule: str) -> set[str]:
    return {block.block for block in of(rule).blocks if block.payer == "seller"}


def test_the_groups_of_the_eleven_rules() -> None:
    assert paid("EXW") == {"packing"}
    assert paid("FCA") == TO_ORIGIN
    assert paid("FAS") == TO_ORIGIN | {"origin_terminal"}
    assert paid("FOB") == TO_BOARD
    assert paid("CFR") == paid("CPT") == TO_BOARD | {"main_carriage"}
    assert paid("CIF") == paid("CIP") == paid("CFR") | {"insurance"}
    assert paid("DAP") == set(BLOCKS) - {"import_clearance", "unloading_at_place"}
    assert paid("DPU") == set(BLOCKS) - {"import_clearance"}
    assert paid("DDP") == set(BLOCKS) - {"unloading_at_place"}


@pytest.mark.parametrize("rule", INCOTERMS)
def test_every_rule_has_twelve_blocks_and_one_point_of_risk(rule: str) -> None:
    found = of(rule)
    assert [block.block for block in found.blocks] == list(BLOCKS)
    assert sum(block.risk_passes for block in found.blocks) == 1
    assert next(b.amount for b in found.blocks if b.block == "main_carriage") == 8000


@pytest.mark.parametrize(("rule", "cover"), [("CIF", "(C)"), ("CIP", "(A)"), ("FOB", "")])
def test_the_cover_of_the_insurance(rule: str, cover: str) -> None:
    note = next(block.note for block in of(rule).blocks if block.block == "insurance")
    assert note.endswith(cover)
    assert bool(note) is bool(cover)


def test_under_c_rules_the_risk_passes_long_before_the_cost() -> None:
    for rule in ("CFR", "CIF"):
        found = of(rule)
        risk = next(block.block for block in found.blocks if block.risk_passes)
        assert risk == "loading"
        assert "main_carriage" in paid(rule)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"incoterm": "FOB", "mode": "container"}, "FCA"),
        ({"incoterm": "CIF", "mode": "flat-rack"}, "CIP"),
        ({"incoterm": "EXW"}, "clears the export"),
        ({"incoterm": "DDP"}, "importer of record"),
        ({"incoterm": "FOB", "mode": "roro"}, ""),
        ({"incoterm": "FCA", "mode": "container"}, ""),
    ],
)
def test_advice(facts: dict[str, Any], words: str) -> None:
    _, flags, _ = split(shipped(), facts, date.fromisoformat(DAY), {})
    assert [note.code for note in flags] == (["incoterm-advice"] if words else [])
    assert words in " ".join(note.text for note in flags)


def test_a_rule_without_a_row_is_open() -> None:
    found, flags, _ = split(RuleSet([]), {"incoterm": "FOB"}, date.fromisoformat(DAY), {})
    assert found is None
    assert [note.code for note in flags] == ["incoterm-open"]
    assert split(shipped(), {"incoterm": "FOB"}, date(2019, 12, 31), {})[0] is None


def test_amounts_of_a_quote_fall_where_they_belong() -> None:
    rows = [
        *shipped().only(r.rule_id for r in shipped().rows if r.domain == "incoterms").json(),
        charge("a", "duty", 1, "cif", 0.1),
    ]
    given = OneOrMany[Quote].model_validate(quote(incoterm="CIF", costs={"packing": 250.5}))
    table = landed_cost(given, rules=rules(*rows)).incoterm_table.to_pylist()
    amounts = {row["block"]: row["amount"] for row in table if row["amount"] is not None}
    assert amounts == {
        "packing": Decimal("250.50"), "main_carriage": Decimal("8000.00"), "insurance": Decimal("357.58"),
        "import_clearance": Decimal("10835.76"),
    }  # fmt: skip
