"""Who pays which block of a shipment, and where the risk passes, under a rule of Incoterms 2020.

The split is data: rows of domain `incoterms`, effect `state`, with params {rule, seller, risk, risk_after,
insurance}; rows of effect `warn` in that domain advise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from recore.finding import Note
from recore.rules import Rule, RuleSet, Verdict
from recore.trade.quote import BLOCKS

DOMAIN = "incoterms"


@dataclass(frozen=True)
class Block:
    """One block of cost: who pays, whether the risk passes with it, and the amount where it is known."""

    block: str
    payer: str
    risk_passes: bool
    amount: Decimal | None
    note: str


@dataclass(frozen=True)
class Split:
    """The twelve blocks under one rule, with the row that says so."""

    blocks: tuple[Block, ...]
    row: Rule


def split(
    rules: RuleSet, facts: Mapping[str, Any], day: date, known: Mapping[str, Decimal]
) -> tuple[Split | None, tuple[Note, ...], tuple[Rule, ...]]:
    """The split of the rule that `facts["incoterm"]` names, with advice and the rows consulted.

    `known` holds amounts by block.
    """
    rows = [rule for rule in rules.rows if rule.domain == DOMAIN and rule.valid_on(day)]
    stated = [r for r in rows if r.effect == "state" and r.outcome(facts, day).verdict is Verdict.PASS]
    flags = [
        Note("incoterm-advice", rule.title)
        for rule in rows
        if rule.effect == "warn" and rule.outcome(facts, day).verdict is Verdict.FAIL
    ]
    if len(stated) != 1:
        why = "no row" if not stated else "contradictory rows"
        flags.append(Note("incoterm-open", f"{why} of domain incoterms for {facts['incoterm']} on {day}"))
        return None, tuple(flags), tuple(rows)
    row = stated[0]
    seller = row.params.get("seller", ())
    cover = row.params.get("insurance", "")
    blocks = tuple(
        Block(
            name,
            "seller" if name in seller else "buyer",
            name == row.params.get("risk_after"),
            known.get(name),
            f"at least {cover}" if name == "insurance" and cover else "",
        )
        for name in BLOCKS
    )
    return Split(blocks, row), tuple(flags), tuple(rows)
